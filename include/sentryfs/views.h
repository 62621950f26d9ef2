// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_VIEWS_H
#define SENTRYFS_VIEWS_H

#include "sentryfs/op.h"

/* Directories whose entries are what is in memory already; none of them asks the server.
 * The caller owns the listing. 0 or -errno. */

/* Who has an issue of those that the project's issues/ lists. */
int views_assignees(struct op *op, struct listing **ret);
/* Any address or team: op->node is by-assignee/. -ENOENT for what is neither. */
int views_assignee(struct op *op, struct str name, struct item **ret);
/* Every issue of the organization that some listing holds, newest first. */
int views_issues(struct op *op, struct listing **ret);

#endif
