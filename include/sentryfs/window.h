// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_WINDOW_H
#define SENTRYFS_WINDOW_H

#include "sentryfs/item.h"

/*
 * What the key of a listing of issues (its path below /api/0/) tells of its answer. With
 * statsPeriod, start, end or environment the counts and dates of its rows are those of a
 * window or an environment; `lifetime` has the issue's own (sentry-api 4.1).
 */
bool window_is_part(const char *key);
/* Does it come newest lastSeen first, and with the issues' own dates? Then it may be cut by
 * time and refreshed by its head. */
bool window_is_stream(const char *key);

/* A row with no dates of its own counts as asked for then: anything is newer. */
#define WINDOW_UNKNOWN (INT64_MIN / 2)
#define WINDOW_ASKED (WINDOW_UNKNOWN + 1) /* and it was asked for by window_batch() */
/* A known row is left as it is for so long. */
#define WINDOW_KNOWN_MS 30000

/* item_put() of an entry of such an answer: it tells which issue, and in which order. A
 * known row stays; another takes `lifetime`, and where the server does not send that it is
 * WINDOW_UNKNOWN (or as old as it was). */
int window_put(struct item_store *s, const char *scope, const char *key, const cJSON *entry, struct str bytes,
	       int64_t asked, const struct timespec *wall, struct item **ret);

/* The path that asks for these issues as they are, of those that `key` lists from. */
void window_batch(struct buf *path, const char *key, struct item *const *issues, size_t n);

#endif
