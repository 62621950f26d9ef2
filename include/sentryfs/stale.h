// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_STALE_H
#define SENTRYFS_STALE_H

/*
 * A mount of sentryfs whose program ended without unmounting (SIGKILL, no memory): the kernel
 * answers ENOTCONN to everything in it, for ever, so nobody loses anything when it goes.
 */

/* Takes away the one on `path`, lazily, as shells may stand in it. The path, absolute and owned
 * by the caller; NULL where there is none of sentryfs, or it is another user's. */
char *stale_release(const char *path);

#endif
