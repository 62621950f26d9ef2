// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_GUARD_H
#define SENTRYFS_GUARD_H

#include "sentryfs/list.h"
#include "sentryfs/process.h"
#include "sentryfs/tree.h"

/*
 * What stands between a recursive remover and Sentry. `rm -rf` stops at the first file
 * that it may not unlink, but find -delete, Python's rmtree, Perl and Node go on to
 * rmdir, and rmdir of an issue deletes it.
 *
 * So a refused unlink or rmdir in a directory at, below or above an issue makes rmdir of
 * that issue ENOTEMPTY: for everybody for GUARD_MS, and for the process that met the
 * refusal as long as it lives. A refused rmdir at or below issues/ does so for every
 * issue there when the process has the same parent (find -exec rmdir {} \;); for these
 * the time stands still while one of them, or anybody, waits for the server there.
 *
 * And one process deletes `max` issues (option max_delete), all together GUARD_A_MINUTE
 * or `max`, whichever is more, in a minute: -EDQUOT. What was asked for counts, since
 * what became of it may not be known; to ask for the same issue again is allowed.
 */
#define GUARD_MS 5000
#define GUARD_A_MINUTE 10u

struct guard {
	struct list refusals; /* the newest last */
	struct list deletes;
	size_t n;
};

void guard_init(struct guard *g);
void guard_done(struct guard *g);

/* The unlink or rmdir (`is_dir`) of something in `dir` by `who` was refused. */
void guard_refused(struct guard *g, struct node *dir, bool is_dir, const struct process *who, int64_t now);
/* Somebody has waited since `began` for something at or below `node`. */
void guard_waited(struct guard *g, const struct node *node, int64_t began, int64_t now);
/* May `who` delete the issue whose directory is `issue`? 0, -ENOTEMPTY or -EDQUOT. */
int guard_check(const struct guard *g, const struct node *issue, const struct process *who, unsigned max, int64_t now);
/* It was asked for. 0 or -ENOMEM, and then it must not be. */
int guard_deleting(struct guard *g, const struct node *issue, const struct process *who, int64_t now);

#endif
