// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_STORE_H
#define SENTRYFS_STORE_H

#include "sentryfs/buf.h"
#include "sentryfs/clock.h"

/*
 * What outlives the mount: texts by kind and key, each with the wall clock's time when
 * it was asked for, within a number of bytes, the least recently used out first. It is
 * SQLite in one file of the user's cache directory. A store that cannot be used is set
 * aside or left out; then nothing is found, and nothing kept.
 */
struct store;

enum store_kind {
	STORE_DOCUMENT,
	STORE_LISTING,
	STORE_ITEM,
	STORE_SEARCHES, /* what somebody made; never dropped for room */
};

#define STORE_NAME_MAX 64

/* The file's name, told by what may share it: of the token nothing is to be had from it.
 * False when one of them is too long. `source` is ORG, ORG/PROJECT or "". */
bool store_name(char name[STORE_NAME_MAX], const char *origin, const char *source, const char *token);

/* Opens $XDG_CACHE_HOME/sentryfs/NAME.db, unless that is below the directory `not_below` (NULL: any will do).
 * NULL without memory alone: whatever else is wrong with it, it is left out, which store_show() and the log tell. */
struct store *store_new(const char *name, uint64_t bytes_max, const char *not_below, const struct clock *clock);
void store_free(struct store *s); /* commits; accepts NULL */

/* A fork must not take an open store with it. */
void store_pause(struct store *s);
void store_resume(struct store *s);

/* Puts the text of that key into *ret. 0, -ENOENT, -ENOMEM. */
int store_get(struct store *s, enum store_kind kind, const char *key, struct blob **ret, int64_t *asked);
/* Keeps a text, in the place of what was there. It is on disk after the next commit. */
void store_put(struct store *s, enum store_kind kind, const char *key, struct str body, int64_t asked);
void store_drop(struct store *s, enum store_kind kind, const char *key);

/* Commits once a second. Returns ms until it wants to be called again, -1: nothing to do. */
int64_t store_tick(struct store *s);
void store_commit(struct store *s);
/* What was put and dropped is wanted on disk within so many ms; 0: at the next tick, or before
 * store_settle() returns. */
void store_hurry(struct store *s, unsigned ms);
bool store_hurries(const struct store *s);
void store_settle(struct store *s);

/* One line: where it is and how full, or why there is none. */
void store_show(const struct store *s, struct buf *b);
bool store_is_open(const struct store *s);

#endif
