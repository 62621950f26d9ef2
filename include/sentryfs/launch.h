// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LAUNCH_H
#define SENTRYFS_LAUNCH_H

#include "sentryfs/http.h"
#include "sentryfs/mount.h"

/* libcurl as the options want it; the caller frees it. NULL without memory. */
struct http *launch_http(const struct options *o);

/* What the root is, and the store that belongs to it. 0, or -errno after a line of the log. */
int launch_find_root(struct mount *m);

/* For root_find(): lets transfers go on. */
struct launch {
	struct http *http;
	struct mount *mount;
};
int launch_wait(void *launch);

#endif
