// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_TARGET_H
#define SENTRYFS_TARGET_H

#include <stdarg.h>
#include <stdio.h>

#include "sentryfs/options.h"

/* The parts of options_parse that are not about the table. Each: 0, or -EINVAL after
 * one sentence on `err`. */

#define URL_ACCEPTED "https://HOST[:PORT] (or http://), without a path, a query or a user"

/* ORG, ORG/PROJECT, sentry:HOST[:PORT][/ORG[/PROJECT]], the address of a web page; none and
 * "" name nothing. */
int target_source(struct options *o, const char *source, FILE *err);

/* The address, organization and project where they are still NULL. */
int target_defaults(struct options *o, FILE *err);

/* A directory that is there and no stale mount, as an absolute path. */
int target_mountpoint(struct options *o, const char *path, FILE *err);

/* That a file which the program reads again later (NULL: none) is not below the mount point: there it would
 * ask itself, and wait for ever. To be called before the mount. */
int target_outside(const struct options *o, const char *file, FILE *err);

/* Writes "WHO: ...", a line, with nothing in it that a terminal would obey: an argument, a variable and the name
 * of a mount may be somebody else's. */
void target_say(FILE *err, const char *who, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
/* The same of "sentryfs"; returns `error`. */
int target_fail(FILE *err, int error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Out of memory ends the program: nothing is mounted yet. Returns `p`. */
void *target_need(void *p);
/* Frees *into and takes over `value`. */
void target_replace(char **into, char *value);

#endif
