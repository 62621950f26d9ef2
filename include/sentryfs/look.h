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

#endif
