// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LISTER_H
#define SENTRYFS_LISTER_H

#include "sentryfs/api.h"
#include "sentryfs/listing.h"

/*
 * Fetches a listing: page after page by the cursors that the server gives, and ways
 * round that (sentry-api 2):
 *
 * - A list by rows (events, hashes), whose cursors can be foretold: pages side by side, one,
 *   two, then four, so that at most three are asked for behind the end. Each begins with
 *   the last row of the one before it. Where two share no row, an answer's own cursor is
 *   another than was foretold, or a page begins as the first one does, the pages are
 *   fetched in order.
 *
 * And for the issue stream, whose cursor is a time:
 *
 * - A long one is cut by time into parts that are fetched side by side, as many as the
 *   server's limits allow. A part that is late gives half of what is left to another.
 *   Parts meet at whole seconds and may overlap; what comes twice is dropped, nothing is
 *   lost. Where a part does not begin where it was asked to, the server does not take
 *   such cursors and the pages are fetched in order.
 * - One that is known is brought up to date by its head: newest first until a known
 *   time. What should be in the head and is not has left the listing.
 */
struct lister_plan {
	struct api *api; /* borrowed, as are all of these */
	struct item_store *items;
	const char *key;   /* path below /api/0/ */
	const char *scope; /* of the items */
	const struct item_class *class;
	size_t max;	       /* items at the most */
	int64_t asked;	       /* ms: now */
	bool ahead;	       /* nobody waits for it yet */
	bool bulk;	       /* who waits for it asks for much */
	unsigned delay_ms;     /* before the first page */
	struct listing *known; /* bring this up to date by its head; or NULL */
};

struct lister_end {
	int error;		 /* 0 or -errno */
	struct listing *listing; /* may be taken out */
	long status;		 /* of the last answer */
	bool unrouted;		 /* the server has nothing at that path */
	const char *words;	 /* borrowed; why it failed */
};

struct lister;
typedef void lister_done_fn(void *arg, struct lister_end *end);

/* Begins. `done` is called once, later, unless cancelled; `progress` at each page before the
 * last. NULL without memory. */
struct lister *lister_new(const struct lister_plan *plan, lister_done_fn *done, void (*progress)(void *), void *arg);
/* Adds to `to` what came since the last call (*given, 0 at first): the beginning of the listing,
 * in its order, and lets to->asked be when it was asked for. What a server made come in another order meanwhile
 * is left to the end. Without `to` it tells whether it would. -ENOENT: it is brought up to date by its head, or too
 * short for it. */
int lister_give(const struct lister *l, struct listing *to, size_t *given);
void lister_hurry(struct lister *l, const struct api_request *rq); /* as api_hurry */
void lister_cancel(struct lister *l);				   /* accepts NULL */

#endif
