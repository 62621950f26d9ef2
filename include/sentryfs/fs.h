// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_FS_H
#define SENTRYFS_FS_H

#include "sentryfs/mount.h"

struct fs;

/* From now on what would end the program waits for fs_loop: killed between the mount and that, it
 * would leave a mount that nobody answers. 0 or -errno. */
int fs_hold_signals(void);
/* Has one that asks to stop come? A child would not have it. */
bool fs_is_to_stop(void);
/* Mounts: after this, requests wait in /dev/fuse for fs_loop. 0 or -errno, a
 * sentence on standard error. The mount point is left when fs is freed. */
int fs_new(struct mount *m, struct fs **ret);
struct fs *fs_free(struct fs *f); /* unmounts; accepts NULL, returns NULL */
/* Goes to the background; the parent ends with status 0. 0 or -errno. */
int fs_daemonize(void);

/* One loop over /dev/fuse, sockets, signals and deadlines (loop.c), until the mount
 * is gone or a signal asks to stop. 0 or -errno. */
struct http;
int fs_loop(struct fs *f, struct http *h);

/* for loop.c: the descriptor, and one request taken from it: 1 handled, 0 none
 * waits, -ENODEV unmounted, other -errno. */
int fs_fd(const struct fs *f);
int fs_receive(struct fs *f);
struct mount *fs_mount(const struct fs *f);

#endif
