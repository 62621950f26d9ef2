// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CACHEDIR_H
#define SENTRYFS_CACHEDIR_H

#include <stddef.h>

#define CACHEDIR_WHY 256

/* Of the user; mount(8) gives its helpers no HOME. Borrowed until the next call of getpwuid(3); NULL:
 * there is none. */
const char *cachedir_home(void);

/* $XDG_CACHE_HOME/sentryfs or ~/.cache/sentryfs, without links, made where it is missing: a
 * directory of the user's own that nobody else can read. The caller frees it; NULL after a
 * sentence in `why`. */
char *cachedir_find(char *why, size_t n);

/* Opens a file in it, made where it is missing, that is the user's own and nobody else's to
 * read. -1 after a sentence in `why`. */
int cachedir_open(const char *path, char *why, size_t n);

#endif
