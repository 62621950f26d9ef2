// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_ROOT_H
#define SENTRYFS_ROOT_H

#include "sentryfs/mount.h"

/* Starts: fills m->root from ORG[/PROJECT], making the first authenticated
 * requests (at most two). `wait` lets transfers go on and returns 0 or -errno.
 * 0, or -errno after one sentence in `why`. What was learnt stays in the cache. */
int root_find(struct mount *m, int (*wait)(void *arg), void *arg, struct buf *why);

/* What the server says of the token, into m->access; one request. The same. */
int root_whoami(struct mount *m, int (*wait)(void *arg), void *arg, struct buf *why);

#endif
