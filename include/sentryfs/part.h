// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_PART_H
#define SENTRYFS_PART_H

#include "sentryfs/api.h"
#include "sentryfs/item.h"
#include "sentryfs/list.h"

/*
 * A part of a listing that is being fetched: the items that were last seen in a range of
 * time, newest first, or a page of a list by rows. A listing that is fetched in order is
 * one part without an end.
 */
#define PART_PAGE 100	    /* items of a page */
#define PART_OPEN INT64_MIN /* no time */

struct parts {
	struct list all;  /* the newest first */
	struct map names; /* of their items */
	int64_t horizon;  /* ms: how far back the server looks */
};

struct part {
	struct list link;
	struct parts *in;
	struct api_call *call;
	char *cursor;	/* of the next page, or of the last one when it has ended, owned; NULL: the first */
	int64_t from;	/* ms: where a made-up cursor begins, PART_OPEN: the server's own */
	int64_t at;	/* ms: lastSeen of the last item that came */
	int64_t until;	/* ms: ends with an item that was last seen then or before */
	double density; /* ms for an item */
	struct item **items;
	size_t n, cap, twice; /* of them some are in another part, too */
	size_t row;	      /* of a list by rows: the one that it begins with */
	bool begun, ended;
	bool past; /* ended with what is the next part's */
};

void parts_init(struct parts *in, int64_t horizon);
void parts_done(struct parts *in);

/* The one behind it; NULL: it is the last. */
static inline struct part *part_next(const struct part *p)
{
	return p->link.next == &p->in->all ? NULL : container_of(p->link.next, struct part, link);
}

/* The one before it, which there must be. */
static inline struct part *part_prev(const struct part *p)
{
	return container_of(p->link.prev, struct part, link);
}

/* NULL: there is none. */
static inline struct part *parts_first(const struct parts *in)
{
	return list_empty(&in->all) ? NULL : list_first(&in->all, struct part, link);
}

/* A new part before that one in the list; NULL without memory. */
struct part *part_new(struct parts *in, struct list *before);
void part_free(struct part *p); /* cancels its call */
/* Takes over the reference, also when it fails. 0 or -ENOMEM. */
int part_add(struct part *p, struct item *i);
/* Frees the parts behind this one. 0 or -ENOMEM. */
int part_cut(struct part *last);
/* Gives the older half of what is left of `p` to a new part. `need`: how many items are
 * wanted of it. False: it is not worth it. */
bool part_split(struct part *p, double need);

unsigned parts_running(const struct parts *in); /* so many have not ended */
/* The part with most left to come of the first `wanted_n` items, and how much of that is
 * wanted; NULL: none has enough. What there is of a part that has not answered yet is a
 * guess, which is believed with `guess`. */
struct part *parts_longest(struct parts *in, size_t wanted_n, bool guess, double *need);
/* Of a list by rows: adds the pages that are asked for next, until `most` are under way or there
 * are `max` rows. Each begins with the last row of the one before it. 0 or -ENOMEM. */
int parts_add_rows(struct parts *in, size_t rows, unsigned most, size_t max);
/* Do all of them still share a row? If not, rows moved meanwhile, and one may be missing. */
bool parts_touch(const struct parts *in);

/* Have the first `max` items come? Those of a part count only when all parts before it
 * have ended. */
bool parts_complete(const struct parts *in, size_t max);

#endif
