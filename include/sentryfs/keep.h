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

void keep_later(struct resource *r); /* at a turn of the loop, when nothing hurries */
void keep_now(struct resource *r);   /* what keep_later() was told of, before it goes */
/* It is not true any more. */
void keep_drop(struct cache *c, const char *key);
/* A change of ours was answered, with this item as its outcome. */
void keep_item(struct cache *c, struct item *i);

/* Goes on with what is to be kept. Returns ms until it wants to be called again, -1:
 * nothing to do. */
int64_t keep_tick(struct cache *c);

#endif
