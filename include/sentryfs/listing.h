// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LISTING_H
#define SENTRYFS_LISTING_H

#include "sentryfs/item.h"
#include "sentryfs/map.h"

/* What a request for a list gave, all pages of it: items in the server's order. It
 * never changes once it is in the cache. */
struct listing {
	unsigned refs;
	struct item **items; /* shared */
	size_t n, cap;
	struct map by_name;   /* of items */
	struct item **sorted; /* owned; made when it is asked for */
	int64_t asked;	      /* ms: when what is there for the longest was asked for */
	int64_t newest;	      /* ms: of issues, lastSeen of the newest as it was listed */
	bool cut;	      /* more exist than were asked for */
	uint64_t total;	      /* so many exist; 0: not known */
	size_t skipped;	      /* entries that could not be used */
};

struct listing *listing_new(int64_t asked); /* one reference; NULL without memory */
struct listing *listing_ref(struct listing *l);
void listing_unref(struct listing *l); /* accepts NULL */

static inline void listing_unrefp(struct listing **l)
{
	listing_unref(*l);
}

#define cleanup_listing __attribute__((cleanup(listing_unrefp)))

/* Adds `i`, whose reference it takes over, also when it fails; a name that is there
 * already (an issue that moved between two pages) is dropped. 0 or -ENOMEM. */
int listing_add(struct listing *l, struct item *i);
/* Gives the items of a numbered class their names, the oldest 001. One that has a number
 * keeps it, so that what was read as 003 is not 002 after a removal. 0 or -ENOMEM. */
int listing_number(struct listing *l);
/* The items by the bytes of their names, as a shell's glob lists them; NULL without memory. */
struct item *const *listing_sorted(struct listing *l);
size_t listing_bytes(const struct listing *l);

#endif
