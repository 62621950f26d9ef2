// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_FETCHED_H
#define SENTRYFS_FETCHED_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "sentryfs/map.h"

/*
 * What `sentryfs fetch` has fetched whole into one store: issues by their path in the mount, each
 * with when it was last seen and how many events it had, so that a second run passes over what is
 * the same. It lies beside the store and belongs to that one file: with another, it begins anew.
 */
struct fetched {
	FILE *file;	 /* NULL: nothing is remembered */
	struct map seen; /* path: char *, owned */
};

/* `store`: the store's file. What cannot be read or written is as if nothing was fetched. */
void fetched_open(struct fetched *f, const char *store);
void fetched_forget(struct fetched *f); /* until it is fetched again */
void fetched_close(struct fetched *f);
bool fetched_has(const struct fetched *f, const char *path, const struct stat *st);
/* Remembers it at once, so that nothing is lost when the program is stopped. */
void fetched_add(struct fetched *f, const char *path, const struct stat *st);

#endif
