// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LOOK_H
#define SENTRYFS_LOOK_H

#include "sentryfs/change.h"

/*
 * What became of each issue of a bulk request, by a listing of them by their ids. The
 * server skips ids that it does not have, and says of all of them what it did to the last
 * (update_groups), so its answer to the request itself tells of none of them for certain.
 */

/*
 * Fills step->errors from `list`, the server's JSON array of the step's issues, and brings their rows up to
 * date: 0 for one that shows what was asked for, -ENOENT for one that is not there, and `otherwise` for the
 * rest. 0; -EBADMSG, -ENOMEM, and -EAGAIN where it tells nothing of a merge, with step->errors as it was.
 */
int look_at_each(struct change_step *step, struct str list, int otherwise, int64_t now, const struct timespec *wall);

/*
 * Which entry of `list`, the server's JSON array of comments, is the one that the step sent (by its text, its
 * author and its time: the same may have been said before, by others too). 0, and *ret is a slice of the list;
 * -EOPNOTSUPP: none is; -EBADMSG, -ENOMEM.
 */
#define LOOK_CLOCKS_MS 300000 /* so much may the clocks differ of the servers that answered and that stored it */
int look_for_comment(const struct change_step *step, struct str list, struct str *ret);

/*
 * Whether `body`, the answer for the step's one issue by its number, is the issue that it was merged into by
 * others: the server takes a merged-away number for that one, in a PUT too (get_group_with_redirect). Then its
 * row is brought up to date (*into, borrowed; untouched where it is not known), the step's issue is gone,
 * *done says whether the value is shown there, and `words` (terminated) all of it.
 */
bool look_merged(struct change_step *step, struct str body, int64_t now, const struct timespec *wall,
		 struct item **into, bool *done, struct buf *words);

#endif
