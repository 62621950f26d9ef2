// SPDX-License-Identifier: MIT
/*
 * From pages to a listing: in order, in parts side by side, or by its head.
 *
 * Owns the calls that are under way and the parts; shares the items. A part is a range
 * of time with the items that came of it, newest first; a listing that is fetched in
 * order is one part without an end. Must not know resources or who waits.
 */
#include "sentryfs/lister.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sentryfs/json.h"

#define PARALLEL_MIN 1000 /* items; fewer are fetched in order, without a page too much */
#define STREAMS_MAX 24u
#define PAGES_MAX 2200 /* of one listing, whatever the server says */
#define PAGE 100
#define OVERLAP_MS 60000 /* of a head: lastSeen is written late by some servers */
#define CLOSING_MS 1000	 /* the same of the look at the head that ends a listing */
#define CLOSING_MAX 8
#define HORIZON_MS (INT64_C(90) * 86400 * 1000) /* what the server looks back without a period */
#define OPEN INT64_MIN				/* the end of the last part */

struct part {
	struct list link;
	struct lister *lister;
	struct api_call *call;
	char *cursor;	/* of the next page, or of the last one when it has ended, owned; NULL: the first */
	int64_t from;	/* ms: where a made-up cursor begins, OPEN: the server's own */
	int64_t at;	/* ms: lastSeen of the last item that came */
	int64_t until;	/* ms: ends with an item that was last seen then or before */
	double density; /* ms for an item */
	struct item **items;
	size_t n, cap, twice; /* of them some are in another part, too */
	bool begun, ended;
	bool past; /* ended with what is the next part's */
};

struct lister {
	struct lister_plan plan;
	lister_done_fn *done;
	void (*progress)(void *);
	void *arg;
	struct list parts; /* the newest first */
	struct map names;  /* of the parts' items */
	unsigned pages, streams;
	size_t skipped;
	size_t hoped;	       /* items that are thought to be wanted, at the most */
	int64_t newest;	       /* ms: lastSeen of the newest that came */
	struct listing *known; /* shared: plan.known, whatever becomes of that */
	bool parallel, serial; /* may be cut; must not be any more */
	unsigned closing;      /* all has come; looks at what moved to the top meanwhile, so often */
	unsigned head_pages;   /* of the head that was looked at last */
	bool more;	       /* there is more than was fetched */
	int64_t began;
	int64_t top; /* ms: the newest of the first page of the newest head */
};

/* ---- parts ---- */

static struct part *part_new(struct lister *l, struct list *before)
{
	struct part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->lister = l;
	p->from = p->until = OPEN;
	list_init(&p->link);
	list_add(before, &p->link);
	return p;
}

static void part_free(struct part *p)
{
	if (p->call)
		api_cancel(p->call);
	for (size_t i = 0; i < p->n; i++)
		item_unref(p->items[i]);
	list_remove(&p->link);
	free(p->items);
	free(p->cursor);
	free(p);
}

static int note_name(struct part *p, struct item *i)
{
	struct map *names = &p->lister->names;

	if (i->class->numbered)
		return 0;
	if (!map_get(names, str_of(i->name)))
		return map_put(names, str_of(i->name), i);
	p->twice++;
	return 0;
}

static int part_add(struct part *p, struct item *i)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : PAGE;
		struct item **items = reallocarray(p->items, cap, sizeof(struct item *));

		if (!items) {
			item_unref(i);
			return -ENOMEM;
		}
		p->items = items;
		p->cap = cap;
	}
	p->items[p->n++] = i;
	return note_name(p, i);
}

static struct part *part_at(struct list *l)
{
	return container_of(l, struct part, link);
}

/* Frees the parts behind this one. */
static int part_cut(struct part *last)
{
	struct lister *l = last->lister;
	int r = 0;

	map_done(&l->names);
	while (l->parts.prev != &last->link)
		part_free(part_at(l->parts.prev));
	for (struct list *at = l->parts.next; at != &l->parts; at = at->next) {
		struct part *p = part_at(at);

		p->twice = 0;
		for (size_t i = 0; i < p->n && !r; i++)
			r = note_name(p, p->items[i]);
	}
	return r;
}

void lister_cancel(struct lister *l)
{
	if (!l)
		return;
	map_done(&l->names);
	while (!list_empty(&l->parts))
		part_free(part_at(l->parts.next));
	listing_unref(l->known);
	free(l);
}

static int64_t ms_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* ---- the end ---- */

static void finish(struct lister *l, struct lister_end *end)
{
	lister_done_fn *done = l->done;
	void *arg = l->arg;

	lister_cancel(l);
	done(arg, end);
	listing_unref(end->listing);
}

static void fail(struct lister *l, int error, const struct api_answer *answer)
{
	cleanup_free char *words = answer && answer->words ? strdup(answer->words) : NULL;
	struct lister_end end = {.error = error, .status = answer ? answer->status : 0, .words = words};

	finish(l, &end);
}

/* What the head does not say anything of stays as it is known; so does what a change of
 * ours told of after the head was asked for. */
static int add_known(struct listing *to, const struct listing *known, int64_t until, size_t max)
{
	int64_t asked = to->asked;
	int r = 0;

	for (size_t i = 0; i < known->n && !r; i++) {
		struct item *item = known->items[i];

		if (item->gone || (ms_of(&item->mtime) > until && item->fetched <= asked))
			continue;
		if (to->n >= max) {
			to->cut = true;
			break;
		}
		r = listing_add(to, item_ref(item));
	}
	to->cut |= known->cut;
	to->asked = known->asked;
	return r;
}

static void succeed(struct lister *l, const struct api_answer *last)
{
	struct lister_end end = {.listing = listing_new(l->plan.asked), .status = last->status};
	size_t max = l->plan.max;
	int r = end.listing ? 0 : -ENOMEM;

	for (struct list *at = l->parts.next; at != &l->parts && !r; at = at->next) {
		struct part *p = part_at(at);

		for (size_t i = 0; i < p->n && !r; i++) {
			if (end.listing->n >= max) {
				end.listing->cut = true;
				break;
			}
			r = listing_add(end.listing, item_ref(p->items[i]));
		}
		end.listing->cut |= end.listing->n >= max && !p->ended;
	}
	if (!r && l->plan.known)
		r = add_known(end.listing, l->plan.known, part_at(l->parts.next)->until, max);
	if (!r && l->plan.class->numbered)
		r = listing_number(end.listing);
	if (!r) {
		end.listing->skipped = l->skipped;
		end.listing->cut |= l->more;
		end.listing->newest = l->newest;
		if (l->plan.known && l->plan.known->newest > l->newest)
			end.listing->newest = l->plan.known->newest;
	}
	end.error = r;
	finish(l, &end);
}

/* ---- pages ---- */

struct page {
	struct part *part;
	size_t n;      /* entries */
	int64_t first; /* ms: lastSeen of the first that can be used */
	bool useful;   /* there is one */
};

static int on_entry(void *arg, const cJSON *tree, struct str bytes)
{
	struct page *page = arg;
	struct part *p = page->part;
	struct lister *l = p->lister;
	struct api *a = l->plan.api;
	struct timespec wall;
	struct item *item;
	int64_t seen;
	int r;

	a->clock->wall(a->clock, &wall);
	r = item_put(l->plan.items, l->plan.class, l->plan.scope, tree, bytes, l->plan.asked, &wall, true, &item);
	page->n++;
	if (r == -ENOENT)
		return 0; /* deleted or merged away by us */
	if (r == -EBADMSG) {
		if (!l->skipped++)
			journal_add(&a->errors, a->clock,
				    "GET %s: an entry was left out: its name or id is missing or cannot be a name",
				    l->plan.key);
		return 0;
	}
	if (r)
		return r;
	/* an item that a change of ours holds keeps its own time, which is not the page's */
	seen = ms_of(&item->mtime);
	if (l->plan.class == &item_issue && item->fetched != l->plan.asked)
		seen = item_ms(l->plan.class, tree);
	if (!page->useful)
		page->first = seen;
	page->useful = true;
	p->at = seen;
	if (seen > l->newest)
		l->newest = seen;
	if (p->until != OPEN && seen <= p->until) {
		p->past = true;
		item_unref(item);
		return 0;
	}
	return part_add(p, item);
}

static void schedule(struct lister *l, const struct api_answer *last);

/* Drops all parts but the first, which goes on to the end in order; where it has ended at
 * the next one, with its last page once more, since the rest of that was not kept. */
static int go_serial(struct lister *l)
{
	struct part *first = part_at(l->parts.next);

	first->until = OPEN;
	first->ended &= !first->past;
	first->past = false;
	l->serial = true;
	return part_cut(first);
}

static bool is_seek(struct str cursor)
{
	struct str value = str_cut(&cursor, ':'), ties = str_cut(&cursor, ':');
	uint64_t ms, n;

	return cursor.s && str_eqz(cursor, "0") && !str_to_u64(ties, &n) && !str_to_u64(value, &ms) &&
	       ms > UINT64_C(100000000000);
}

/* How many requests at once the server's limits make good use of. */
static unsigned count_streams(const struct lister *l, int64_t now)
{
	const struct governor *g = &l->plan.api->governors[API_ISSUE_LIST];
	int64_t took = now - l->began, most = STREAMS_MAX;

	if (g->known)
		most = (int64_t)g->limit * (took + 5) * 2 / 1000;
	return most < 1 ? 1 : most < STREAMS_MAX ? (unsigned)most : STREAMS_MAX;
}

/* After the first page: is the listing so long that it is worth cutting? */
static void consider_parallel(struct lister *l, const struct page *page, const struct api_answer *answer)
{
	bool is_long = answer->hits == UINT64_MAX || answer->hits >= PARALLEL_MIN;
	int64_t now = l->plan.api->clock->now_ms(l->plan.api->clock);

	if (l->plan.class != &item_issue || l->plan.known || l->plan.max <= PARALLEL_MIN || !is_long ||
	    !answer->cursor.s || !is_seek(answer->cursor) || !page->useful)
		return;
	/* a thousand is what some servers stop counting at */
	if (answer->hits > PARALLEL_MIN && answer->hits < l->plan.max)
		l->hoped = answer->hits + answer->hits / 16;
	l->streams = count_streams(l, now);
	l->parallel = l->streams > 1;
}

/* A head that does not come to an end soon is not one. */
static void consider_full(struct lister *l, struct part *p)
{
	if (!l->plan.known || p->n <= l->plan.known->n / 4 + PAGE)
		return;
	l->plan.known = NULL;
	p->until = OPEN;
}

/* Does what comes behind this part have anything, or may it yet? */
static bool has_rest(const struct part *p)
{
	const struct lister *l = p->lister;

	if (l->plan.known || l->closing)
		return true;
	for (const struct list *at = p->link.next; at != &l->parts; at = at->next) {
		const struct part *next = container_of(at, struct part, link);

		if (next->n || next->past || !next->ended)
			return true;
	}
	return false;
}

/* Does the answer to a made-up cursor tell that the server does not take such ones? It
 * begins with newer items, or has none though the part before it has met one. */
static bool begins_elsewhere(const struct part *p, const struct page *page, const struct api_answer *answer)
{
	if (page->n || answer->cursor.s)
		return page->useful && page->first > p->from + 1000;
	return container_of(p->link.prev, struct part, link)->past;
}

static void on_page(void *arg, struct api_answer *answer)
{
	struct part *p = arg;
	struct lister *l = p->lister;
	bool first = !p->begun, made_up = first && p->from != OPEN;
	struct page page = {.part = p};
	size_t had = p->n;
	int64_t before = p->at;
	int r = answer->error;

	p->call = NULL;
	p->begun = true;
	l->pages++;
	if (!r) {
		r = json_each(buf_str(answer->body), on_entry, &page);
		if (r == -EBADMSG)
			journal_add(&l->plan.api->errors, l->plan.api->clock,
				    "GET %s: the answer is not the JSON list that was expected", l->plan.key);
	}
	if (made_up && (r == -EINVAL || (!r && begins_elsewhere(p, &page, answer)))) {
		r = go_serial(l);
		if (r)
			fail(l, r, NULL);
		else
			schedule(l, answer);
		return;
	}
	if (r) {
		fail(l, r, answer);
		return;
	}
	if (p->n > had + 1)
		p->density = (double)(first ? page.first - p->at : before - p->at) / (double)(p->n - had);
	/* nothing is older than what ends here */
	if (!answer->cursor.s && !p->past && !l->closing)
		r = part_cut(p);
	/* but what a part has met is there, whatever the next one says */
	if (p->past && !r && !has_rest(p)) {
		r = part_cut(p);
		p->past = false;
		p->until = OPEN;
		if (!r)
			schedule(l, answer);
		else
			fail(l, r, NULL);
		return;
	}
	if (r) {
		fail(l, r, NULL);
		return;
	}
	l->more |= !p->past && answer->cursor.s && l->pages >= PAGES_MAX;
	p->ended = p->past || !answer->cursor.s || l->pages >= PAGES_MAX;
	if (!p->ended) {
		free(p->cursor);
		p->cursor = str_dup(answer->cursor);
		if (!p->cursor) {
			fail(l, -ENOMEM, NULL);
			return;
		}
	}
	if (l->pages == 1 || (l->closing && p == part_at(l->parts.next) && !l->head_pages++))
		l->top = l->newest;
	if (first && l->pages == 1)
		consider_parallel(l, &page, answer);
	consider_full(l, p);
	schedule(l, answer);
}

static bool fetch(struct part *p)
{
	const struct lister_plan *plan = &p->lister->plan;
	struct api_request rq = {.method = "GET", .path = plan->key, .cursor = p->cursor, .ahead = plan->ahead};

	p->call = api_send(plan->api, &rq, on_page, p);
	return p->call;
}

/* ---- who fetches what ---- */

static int64_t bottom(const struct lister *l, const struct part *p)
{
	struct timespec now;
	int64_t horizon;

	if (p->until != OPEN)
		return p->until;
	l->plan.api->clock->wall(l->plan.api->clock, &now);
	horizon = ms_of(&now) - HORIZON_MS;
	return p->at > horizon ? horizon : p->at;
}

/* Items that are thought to come yet. */
static double left_of(const struct lister *l, const struct part *p)
{
	int64_t span = p->at - bottom(l, p);

	return p->ended ? 0 : p->density > 0 ? (double)span / p->density : span > 0 ? PAGE : 0;
}

/* Gives the older half of what is left of `p` to a new part. `need`: how many items are
 * wanted of it. */
static bool split(struct lister *l, struct part *p, double need)
{
	int64_t end = bottom(l, p), middle;
	struct part *half;

	if (left_of(l, p) > need)
		end = p->at - (int64_t)(need * p->density);
	middle = (p->at - (p->at - end) / 2) / 1000 * 1000;
	if (middle >= p->at - 1000 || middle <= end)
		return false;
	half = part_new(l, p->link.next);
	if (!half)
		return false;
	half->from = half->at = middle;
	half->until = p->until;
	half->density = p->density;
	p->until = middle;
	if (asprintf(&half->cursor, "%" PRId64 ":0:0", middle) < 0) {
		half->cursor = NULL;
		p->until = half->until;
		part_free(half);
		return false;
	}
	return true;
}

/* The part with most left to come that is wanted, and how much of it is. */
static struct part *find_longest(struct lister *l, double *need)
{
	struct part *longest = NULL;
	double before = 0, most = 2 * PAGE;

	for (struct list *at = l->parts.next; at != &l->parts && before < (double)l->hoped; at = at->next) {
		struct part *p = part_at(at);
		double left = left_of(l, p), wanted = (double)l->hoped - before - (double)p->n;

		if (left > wanted)
			left = wanted;
		/* the page that is under way is not another's; what there is of one that has not
		 * answered yet is a guess, which is made once */
		if (p->begun || l->pages == 1) {
			if (left - PAGE > most) {
				most = left - PAGE;
				longest = p;
				*need = left;
			}
		}
		before += (double)p->n + left_of(l, p);
	}
	return longest;
}

/* Has everything that is wanted come? Items of a part are wanted only when all of the
 * parts before it have ended. */
static bool is_complete(const struct lister *l)
{
	size_t n = 0;

	for (struct list *at = l->parts.next; at != &l->parts; at = at->next) {
		const struct part *p = part_at(at);

		n += p->n - p->twice;
		if (n >= l->plan.max)
			return true;
		if (!p->ended)
			return false;
	}
	return true;
}

/* What moved to the top before its old place was reached is in no part: the head is asked
 * for once more, and again where that took several pages, between which more moves. False:
 * there is no need. */
static bool close_up(struct lister *l)
{
	struct part *p = part_at(l->parts.next), *last = p, *head;
	size_t n = 0;

	for (struct list *at = l->parts.next; at != &l->parts && n < l->plan.max; at = at->next) {
		last = part_at(at);
		n += last->n - last->twice;
	}
	if (l->plan.class != &item_issue || l->plan.known || l->pages >= PAGES_MAX || n <= PARALLEL_MIN || !l->top)
		return false;
	if (l->closing && (l->head_pages < 2 || l->closing >= CLOSING_MAX))
		return false;
	l->more |= n >= l->plan.max && (!last->ended || l->parts.prev != &last->link);
	if (part_cut(last))
		return false;
	head = part_new(l, l->parts.next);
	if (!head)
		return false;
	head->until = l->top - (l->closing ? 1 : CLOSING_MS);
	l->closing++;
	l->head_pages = 0;
	return true;
}

static void schedule(struct lister *l, const struct api_answer *last)
{
	unsigned running = 0;
	double before = 0, need;
	struct part *p;

	if (is_complete(l) && !close_up(l)) {
		succeed(l, last);
		return;
	}
	if (l->parallel && !l->serial && !l->closing) {
		for (struct list *at = l->parts.next; at != &l->parts; at = at->next)
			running += !part_at(at)->ended;
		while (running < l->streams && (p = find_longest(l, &need)) && split(l, p, need))
			running++;
	}
	for (struct list *at = l->parts.next; at != &l->parts; at = at->next) {
		p = part_at(at);
		/* what is surely too old is not fetched */
		if (before < (double)l->plan.max && !p->ended && !p->call && !fetch(p)) {
			fail(l, -ENOMEM, NULL);
			return;
		}
		before += (double)(p->n - p->twice);
	}
	l->progress(l->arg);
}

void lister_hurry(struct lister *l)
{
	l->plan.ahead = false;
	for (struct list *at = l->parts.next; at != &l->parts; at = at->next)
		if (part_at(at)->call)
			api_hurry(part_at(at)->call);
}

struct lister *lister_new(const struct lister_plan *plan, lister_done_fn *done, void (*progress)(void *), void *arg)
{
	struct lister *l = calloc(1, sizeof(*l));
	struct part *p;

	if (!l)
		return NULL;
	l->plan = *plan;
	l->done = done;
	l->progress = progress;
	l->arg = arg;
	l->hoped = plan->max;
	l->began = plan->api->clock->now_ms(plan->api->clock);
	list_init(&l->parts);
	/* of a listing of one page the head is all of it */
	if (plan->class != &item_issue || (plan->known && plan->known->n <= PAGE))
		l->plan.known = NULL;
	l->known = l->plan.known ? listing_ref(l->plan.known) : NULL;
	p = part_new(l, &l->parts);
	if (p && l->plan.known)
		p->until = l->plan.known->newest - OVERLAP_MS;
	if (!p || !fetch(p)) {
		lister_cancel(l);
		return NULL;
	}
	return l;
}
