// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LIVE_H
#define SENTRYFS_LIVE_H

#include <stdbool.h>
#include <stddef.h>

/* The mounts of sentryfs that live in this mount namespace, out of /proc/self/mountinfo. */
struct live {
	char *path;
	char *host;    /* with the port, if it has one */
	char *org;     /* NULL: all of the token's */
	char *project; /* NULL: all of the organization's */
	bool own;      /* this user made it */
};

#define LIVE_MAX 256

struct lives {
	struct live at[LIVE_MAX];
	size_t n;
};

/* Those that hold the working directory first, then this user's own, then the newest. 0 or -errno; lives_done in
 * every case. */
int lives_read(struct lives *l);
void lives_done(struct lives *l);
/* The mount that `path` (absolute, without links) is in; NULL: none. */
const struct live *lives_of(const struct lives *l, const char *path);
/* Is `path` `dir` or below it? */
bool path_is_in(const char *path, const char *dir);

#endif
