// SPDX-License-Identifier: MIT
/*
 * From pages to a listing: in order, in parts side by side, or by its head.
 *
 * Decides what is asked for next, and what the answers mean; the parts are part.c's. Must
 * not know resources or who waits.
 */
#include "sentryfs/lister.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/part.h"
#include "sentryfs/server.h"
#include "sentryfs/window.h"

#define PARALLEL_MIN 1000 /* items; fewer are fetched in order, without a page too much */
#define STREAMS_MAX 24u
#define PAGES_MAX 2200	 /* of one listing, whatever the server says */
#define OVERLAP_MS 60000 /* of a head: lastSeen is written late by some servers */
#define AT_ONCE 4u	 /* pages of a list by rows; so many but one may be asked for behind its end */
#define CLOSING_MS 1000	 /* the same of the look at the head that ends a listing */
#define CLOSING_MAX 8
#define HORIZON_MS (INT64_C(90) * 86400 * 1000) /* what the server looks back without a period */

struct lister {
	struct lister_plan plan;
	lister_done_fn *done;
	void (*progress)(void *);
	void *arg;
	struct parts parts;
	unsigned pages, streams;
	size_t skipped;
	size_t hoped;		/* items that are thought to be wanted, at the most */
	int64_t newest;		/* ms: lastSeen of the newest that came */
	struct listing *known;	/* shared: plan.known, whatever becomes of that */
	bool stream;		/* newest first, with dates of its own */
	bool parallel, serial;	/* may be cut; must not be any more */
	size_t rows;		/* of a page of a list whose cursors are rows; 0: they are not */
	bool whole;		/* its last page has come */
	unsigned closing;	/* all has come; looks at what moved to the top meanwhile, so often */
	unsigned head_pages;	/* of the head that was looked at last */
	bool more;		/* there is more than was fetched */
	uint64_t hits;		/* so many there are; UINT64_MAX: not told */
	struct api_call *batch; /* of rows that did not tell what they are */
	int64_t began;
	int64_t top; /* ms: the newest of the first page of the newest head */
};

static int64_t ms_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static struct lister *lister_of(const struct part *p)
{
	return container_of(p->in, struct lister, parts);
}

void lister_cancel(struct lister *l)
{
	if (!l)
		return;
	parts_done(&l->parts);
	if (l->batch)
		api_cancel(l->batch);
	listing_unref(l->known);
	free(l);
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
	struct lister_end end = {.error = error,
				 .status = answer ? answer->status : 0,
				 .unrouted = answer && answer->unrouted,
				 .words = words};

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
	struct listing *to = listing_new(l->plan.asked);
	struct lister_end end = {.listing = to, .status = last->status};
	size_t max = l->plan.max;
	int r = to ? 0 : -ENOMEM;

	for (const struct part *p = parts_first(&l->parts); p && !r; p = part_next(p)) {
		size_t i = 0;

		for (; i < p->n && to->n < max && !r; i++)
			r = listing_add(to, item_ref(p->items[i]));
		to->cut |= to->n >= max && (i < p->n || !p->ended);
	}
	if (!r && l->plan.known)
		r = add_known(to, l->plan.known, parts_first(&l->parts)->until, max);
	if (!r && l->plan.class->numbered)
		r = listing_number(to);
	if (!r) {
		to->skipped = l->skipped;
		to->cut |= l->more;
		to->total = !to->cut ? to->n : l->hits;
		if (to->total == UINT64_MAX || to->total < to->n)
			to->total = 0;
		to->newest = l->newest;
		if (l->plan.known && l->plan.known->newest > l->newest)
			to->newest = l->plan.known->newest;
	}
	end.error = r;
	finish(l, &end);
}

/* ---- pages ---- */

struct page {
	struct part *part;
	size_t had;	/* items that were there before it */
	int64_t before; /* ms: lastSeen of the last of them */
	size_t n;	/* entries */
	int64_t first;	/* ms: lastSeen of the first that can be used */
	bool useful;	/* there is one */
	bool again;	/* it is the first of the listing */
};

static int on_entry(void *arg, const cJSON *tree, struct str bytes)
{
	struct page *page = arg;
	struct part *p = page->part;
	struct lister *l = lister_of(p);
	struct api *a = l->plan.api;
	struct timespec wall;
	struct item *item;
	int64_t seen;
	int r;

	a->clock->wall(a->clock, &wall);
	if (l->plan.class == &item_issue && window_is_part(l->plan.key))
		r = window_put(l->plan.items, l->plan.scope, l->plan.key, tree, bytes, l->plan.asked, &wall, &item);
	else
		r = item_put(l->plan.items, l->plan.class, l->plan.scope, tree, bytes, l->plan.asked, &wall, true,
			     &item);
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
	if (!page->useful) {
		const struct part *top = parts_first(&l->parts);

		page->first = seen;
		page->again = p->row && top->n && item == top->items[0];
	}
	page->useful = true;
	p->at = seen;
	if (seen > l->newest)
		l->newest = seen;
	if (p->until != PART_OPEN && seen <= p->until) {
		p->past = true;
		item_unref(item);
		return 0;
	}
	return part_add(p, item);
}

/* Drops all parts but the first, which goes on to the end in order; where it has ended at
 * the next one, with its last page once more, since the rest of that was not kept. */
static int go_serial(struct lister *l)
{
	struct part *first = parts_first(&l->parts);

	first->until = PART_OPEN;
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
	const struct server *s = server_for(l->plan.api, l->plan.key);
	const struct governor *g = s ? &s->governors[API_ISSUE_LIST] : NULL;
	int64_t took = now - l->began, most = STREAMS_MAX;

	if (g && g->known)
		most = (int64_t)g->limit * (took + 5) * 2 / 1000;
	return most < 1 ? 1 : most < STREAMS_MAX ? (unsigned)most : STREAMS_MAX;
}

/* After the first page: is the listing so long that it is worth cutting? */
static void consider_parallel(struct lister *l, const struct page *page, const struct api_answer *answer)
{
	bool is_long = answer->hits == UINT64_MAX || answer->hits >= PARALLEL_MIN;
	int64_t now = l->plan.api->clock->now_ms(l->plan.api->clock);

	if (!l->stream || l->plan.known || l->plan.max <= PARALLEL_MIN || !is_long || !answer->cursor.s ||
	    !is_seek(answer->cursor) || !page->useful)
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
	if (!l->plan.known || p->n <= l->plan.known->n / 4 + PART_PAGE)
		return;
	l->plan.known = NULL;
	p->until = PART_OPEN;
}

/* Does what comes behind this part have anything, or may it yet? */
static bool has_rest(const struct part *p)
{
	const struct lister *l = lister_of(p);

	if (l->plan.known || l->closing)
		return true;
	for (const struct part *next = part_next(p); next; next = part_next(next))
		if (next->n || next->past || !next->ended)
			return true;
	return false;
}

/* Does the answer to a made-up cursor tell that the server does not take such ones? It
 * begins with newer items, or has none though the part before it has met one. */
static bool begins_elsewhere(const struct part *p, const struct page *page, const struct api_answer *answer)
{
	if (p->row)
		return page->again;
	if (page->n || answer->cursor.s)
		return page->useful && page->first > p->from + 1000;
	return part_prev(p)->past;
}

/* ---- pages by row (sentry-api 2): 0:100:0, 0:200:0 ---- */

/* A first page of n entries behind which `0:n:0` follows. */
static bool is_row(const struct page *page, struct str cursor, uint64_t *row)
{
	struct str value = str_cut(&cursor, ':'), text = str_cut(&cursor, ':');

	return cursor.s && str_eqz(cursor, "0") && str_eqz(value, "0") && !str_to_u64(text, row) && *row == page->n &&
	       page->n > 1;
}

/* A page is a part of its own. */
static int take_rows(struct lister *l, struct part *p, const struct api_answer *answer)
{
	char next[64];

	p->ended = true;
	if (!answer->cursor.s) {
		l->whole = true;
		return part_cut(p);
	}
	snprintf(next, sizeof(next), "0:%zu:0", p->row + l->rows);
	if (!str_eqz(answer->cursor, next))
		return go_serial(l);
	if (!p->row) {
		/* where to go on if they must be asked for in order */
		p->past = true;
		p->cursor = strdup(next);
	}
	return p->cursor ? 0 : -ENOMEM;
}

/* What is wanted of a list by rows: more pages, or, where rows moved between two of them, all in order. */
static int go_on_by_rows(struct lister *l)
{
	const size_t most = (size_t)PAGES_MAX * PART_PAGE, max = l->plan.max < most ? l->plan.max : most;

	if (parts_complete(&l->parts, l->plan.max) && !parts_touch(&l->parts))
		return go_serial(l);
	if (l->whole)
		return 0;
	return parts_add_rows(&l->parts, l->rows, l->pages < AT_ONCE ? l->pages : AT_ONCE, max);
}

/* ---- a page has come ---- */

/* What a page of a part says of what is to come. 0 or -ENOMEM. */
static int take_page(struct lister *l, struct part *p, const struct page *page, const struct api_answer *answer)
{
	bool last;

	if (p->n > page->had + 1)
		p->density = (double)((page->had ? page->before : page->first) - p->at) / (double)(p->n - page->had);
	/* nothing is older than what ends here */
	if (!answer->cursor.s && !p->past && !l->closing && part_cut(p))
		return -ENOMEM;
	/* but what a part has met is there, whatever the next one says */
	if (p->past && !has_rest(p)) {
		p->past = false;
		p->until = PART_OPEN;
		return part_cut(p);
	}
	/* a page that leads to itself has no end either */
	last = l->pages >= PAGES_MAX || (p->cursor && answer->cursor.s && str_eqz(answer->cursor, p->cursor));
	l->more |= !p->past && answer->cursor.s && last;
	p->ended = p->past || !answer->cursor.s || last;
	if (!p->ended) {
		free(p->cursor);
		p->cursor = str_dup(answer->cursor);
		if (!p->cursor)
			return -ENOMEM;
	}
	if (l->pages == 1)
		l->hits = answer->hits >= answer->hits_max ? UINT64_MAX : answer->hits;
	if (l->pages == 1 || (l->closing && p == parts_first(&l->parts) && !l->head_pages++))
		l->top = l->newest;
	if (l->pages == 1)
		consider_parallel(l, page, answer);
	consider_full(l, p);
	return 0;
}

static void schedule(struct lister *l, const struct api_answer *last);

static void on_page(void *arg, struct api_answer *answer)
{
	struct part *p = arg;
	struct lister *l = lister_of(p);
	bool made_up = !p->begun && (p->from != PART_OPEN || p->row);
	struct page page = {.part = p, .had = p->n, .before = p->at};
	uint64_t row;
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
	if (!r && l->pages == 1 && l->plan.class != &item_issue && is_row(&page, answer->cursor, &row))
		l->rows = row;
	if (made_up && (r == -EINVAL || (!r && begins_elsewhere(p, &page, answer))))
		r = go_serial(l);
	else if (!r)
		r = l->rows && !l->serial ? take_rows(l, p, answer) : take_page(l, p, &page, answer);
	if (r)
		fail(l, r, answer);
	else
		schedule(l, answer);
}

static bool fetch(struct part *p)
{
	const struct lister_plan *plan = &lister_of(p)->plan;
	struct api_request rq = {
		.method = "GET", .path = plan->key, .cursor = p->cursor, .ahead = plan->ahead, .bulk = plan->bulk};

	if (!lister_of(p)->pages)
		rq.delay_ms = plan->delay_ms;
	p->call = api_send(plan->api, &rq, on_page, p);
	return p->call;
}

/* ---- who fetches what ---- */

/* What moved to the top before its old place was reached is in no part: the head is asked
 * for once more, and again where that took several pages, between which more moves. False:
 * there is no need. */
static bool close_up(struct lister *l)
{
	struct part *last = parts_first(&l->parts), *head;
	size_t n = 0;

	for (struct part *p = last; p && n < l->plan.max; p = part_next(p)) {
		last = p;
		n += p->n - p->twice;
	}
	if (!l->stream || l->plan.known || l->pages >= PAGES_MAX || n <= PARALLEL_MIN || !l->top)
		return false;
	if (l->closing && (l->head_pages < 2 || l->closing >= CLOSING_MAX))
		return false;
	l->more |= n >= l->plan.max && (!last->ended || part_next(last));
	if (part_cut(last))
		return false;
	head = part_new(&l->parts, l->parts.all.next);
	if (!head)
		return false;
	head->until = l->top - (l->closing ? 1 : CLOSING_MS);
	l->closing++;
	l->head_pages = 0;
	return true;
}

/* ---- rows that do not tell what the issues are ---- */

#define BATCH_MAX 100

static int on_row(void *arg, const cJSON *tree, struct str bytes)
{
	struct lister *l = arg;
	struct timespec wall;
	struct item *item;
	int r;

	l->plan.api->clock->wall(l->plan.api->clock, &wall);
	r = item_put(l->plan.items, &item_issue, l->plan.scope, tree, bytes, l->plan.asked, &wall, true, &item);
	if (!r)
		item_unref(item);
	return r == -ENOMEM ? r : 0;
}

/* What it does not tell of is asked for when it is read. */
static void on_batch(void *arg, struct api_answer *answer)
{
	struct lister *l = arg;

	l->batch = NULL;
	if (!answer->error)
		json_each(buf_str(answer->body), on_row, l);
	schedule(l, answer);
}

/* Asks for the next of them. False: there are none. */
static bool ask_batch(struct lister *l)
{
	struct api_request rq = {.method = "GET", .ahead = l->plan.ahead};
	cleanup_buf struct buf path = {0};
	struct item *issues[BATCH_MAX];
	size_t n = 0, seen = 0;

	for (const struct part *p = parts_first(&l->parts); p; p = part_next(p)) {
		for (size_t i = 0; i < p->n && n < BATCH_MAX && seen < l->plan.max; i++, seen++) {
			if (p->items[i]->fetched != WINDOW_UNKNOWN)
				continue;
			p->items[i]->fetched = WINDOW_ASKED;
			issues[n++] = p->items[i];
		}
	}
	if (!n)
		return false;
	buf_init(&path, 8192);
	window_batch(&path, l->plan.key, issues, n);
	rq.path = path.data;
	l->batch = path.error ? NULL : api_send(l->plan.api, &rq, on_batch, l);
	return l->batch;
}

static void schedule(struct lister *l, const struct api_answer *last)
{
	double before = 0, need;
	unsigned running;
	struct part *p;

	if (l->rows && !l->serial && go_on_by_rows(l)) {
		fail(l, -ENOMEM, NULL);
		return;
	}
	if (parts_complete(&l->parts, l->plan.max) && !close_up(l)) {
		l->more |= l->rows && !l->serial && !l->whole;
		if (ask_batch(l))
			l->progress(l->arg);
		else
			succeed(l, last);
		return;
	}
	if (l->parallel && !l->serial && !l->closing) {
		running = parts_running(&l->parts);
		while (running < l->streams && (p = parts_longest(&l->parts, l->hoped, l->pages == 1, &need)) &&
		       part_split(p, need))
			running++;
	}
	for (p = parts_first(&l->parts); p; p = part_next(p)) {
		/* what is surely too old is not fetched */
		if (before < (double)l->plan.max && !p->ended && !p->call && !fetch(p)) {
			fail(l, -ENOMEM, NULL);
			return;
		}
		before += (double)(p->n - p->twice);
	}
	l->progress(l->arg);
}

int lister_give(const struct lister *l, struct listing *to, size_t *given)
{
	size_t at = 0;
	int r = 0;

	if (l->plan.class != &item_issue || l->known || l->plan.max <= PARALLEL_MIN || window_is_part(l->plan.key))
		return -ENOENT;
	if (!to)
		return 0;
	to->asked = l->plan.asked;
	for (const struct part *p = parts_first(&l->parts); p && !l->closing; p = part_next(p)) {
		for (; *given < at + p->n && to->n < l->plan.max && !r; ++*given)
			r = listing_add(to, item_ref(p->items[*given - at]));
		at += p->n;
		if (r || !p->ended)
			break;
	}
	return r;
}

void lister_hurry(struct lister *l, const struct api_request *rq)
{
	l->plan.bulk = (l->plan.ahead || l->plan.bulk) && rq->bulk;
	l->plan.ahead = false;
	for (struct part *p = parts_first(&l->parts); p; p = part_next(p))
		if (p->call)
			api_hurry(p->call, rq);
	if (l->batch)
		api_hurry(l->batch, rq);
}

struct lister *lister_new(const struct lister_plan *plan, lister_done_fn *done, void (*progress)(void *), void *arg)
{
	struct lister *l = calloc(1, sizeof(*l));
	struct timespec now;
	struct part *p;

	if (!l)
		return NULL;
	l->plan = *plan;
	l->done = done;
	l->progress = progress;
	l->arg = arg;
	l->hoped = plan->max;
	l->hits = UINT64_MAX;
	l->stream = plan->class == &item_issue && window_is_stream(plan->key);
	l->began = plan->api->clock->now_ms(plan->api->clock);
	plan->api->clock->wall(plan->api->clock, &now);
	parts_init(&l->parts, ms_of(&now) - HORIZON_MS);
	/* of a listing of one page the head is all of it */
	if (!l->stream || (plan->known && plan->known->n <= PART_PAGE))
		l->plan.known = NULL;
	l->known = l->plan.known ? listing_ref(l->plan.known) : NULL;
	p = part_new(&l->parts, &l->parts.all);
	if (p && l->plan.known)
		p->until = l->plan.known->newest - OVERLAP_MS;
	if (!p || !fetch(p)) {
		lister_cancel(l);
		return NULL;
	}
	return l;
}
