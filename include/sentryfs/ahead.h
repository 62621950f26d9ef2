// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_AHEAD_H
#define SENTRYFS_AHEAD_H

#include <stdint.h>

#include "sentryfs/listing.h"

struct kind;
struct node;
struct op;

/*
 * What is asked for before somebody asks. Two habits are known:
 *
 * - One issue after another, the same file or directory of each (details.json of each,
 *   grep -r), in the order of the listing or of the names: the next ones are fetched in
 *   a window that grows with each step. One step out of order closes it.
 * - One event after another of an issue: their bodies come by pages, as many as the
 *   server puts on one, and when issues are read so one after another, the next issues'
 *   pages too.
 *
 * All of it gives way to what somebody waits for (struct governor).
 */
#define AHEAD_RUNS 16
#define AHEAD_WINDOW_MAX 16u
#define AHEAD_ORDERS 3

struct ahead_run {
	const struct kind *kind;  /* what is read of each issue; NULL: a free slot */
	struct listing *listing;  /* shared; of the issues */
	size_t at[AHEAD_ORDERS];  /* where in each order */
	bool order[AHEAD_ORDERS]; /* which of them it may be */
	unsigned length, window;
	const struct item *seen; /* the issue behind which the window was asked for; to compare alone */
	uint64_t used;
};

struct ahead {
	struct ahead_run runs[AHEAD_RUNS];
	uint64_t used;
	unsigned page; /* events that the server puts on a page of full ones */
};

void ahead_init(struct ahead *a);
void ahead_done(struct ahead *a);

/* op->node, of which a document or a listing is about to be asked for, is being opened.
 * Called again when the op is run again. */
void ahead_sibling(struct op *op);
/* op->node is an event's file: gets its body by the page, where others of the issue
 * are read too. 0: go on; -EINPROGRESS: the page is on its way. */
int ahead_event(struct op *op);

#endif
