// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_KEEP_H
#define SENTRYFS_KEEP_H

#include "sentryfs/cache.h"

/*
 * What of the cache is kept in the store, and how it comes back from there. Without a
 * store every function does nothing.
 */
struct kept {
	struct blob *document;
	struct listing *listing;
	int64_t fetched, swept; /* ms, as of a resource */
	bool before;		/* it was kept by an earlier mount */
};

/* What the store has of it, with one reference for the caller; false: nothing. */
bool keep_find(struct cache *c, const struct cache_want *want, struct kept *k);

/* One item, whatever listed it, as it was last; the caller owns a reference. */
bool keep_find_item(struct cache *c, const struct item_class *class, const char *scope, struct str id,
		    struct item **ret);

/* Is it the key of an event, which never changes? *id: its id, borrowed of the key. */
bool keep_is_event(const char *key, struct str *id);

/* Is what an earlier mount was told of `key` at that time given out while a newer answer is
 * asked for? False of what this mount was told. */
bool keep_is_good(const struct cache *c, const char *key, int64_t fetched, int64_t fresh_ms);

void keep_later(struct resource *r); /* at a turn of the loop, when nothing hurries */
void keep_now(struct resource *r);   /* what keep_later() was told of, before it goes */
/* It is not true any more. */
void keep_drop(struct cache *c, const char *key);
/* A change of ours is under way: what is kept of it is not to be believed, should the program die
 * before the answer. */
void keep_doubt(struct cache *c, struct item *i);
/* A change of ours was answered, with this item as its outcome. */
void keep_item(struct cache *c, struct item *i);

/* Goes on with what is to be kept. Returns ms until it wants to be called again, -1:
 * nothing to do. */
int64_t keep_tick(struct cache *c);
bool keep_hurries(const struct cache *c); /* keep_tick() is wanted as soon as nobody is kept waiting */

#endif
