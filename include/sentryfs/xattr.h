// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_XATTR_H
#define SENTRYFS_XATTR_H

#include "sentryfs/mount.h"

/*
 * Extended attributes: an issue's directory has user.sentry.NAME for each of its files
 * with a single value, of the same text without the newline. Answered from memory, with
 * no request, and as old as what is there.
 */

/* 0; -ENODATA; -EOPNOTSUPP of any other namespace: then ls, which asks for an ACL of each
 * file, asks no more on this file system (coreutils 9.1, "errno_unsupported"). */
int xattr_get(const struct mount *m, const struct node *n, const char *name, struct buf *b);
/* The names, each with its NUL. */
void xattr_list(const struct node *n, struct buf *b);

#endif
