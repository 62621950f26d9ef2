// SPDX-License-Identifier: MIT
/*
 * Read-ahead: siblings in directory order, and bodies of events by the page.
 *
 * Owns the runs that it sees; what it fetches is the cache's. Nothing here makes an
 * operation fail: what did not come ahead is asked for when it is needed.
 */
#include "sentryfs/ahead.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/source.h"

#define PAGE_MAX 100u
#define EVENTS_AHEAD 80u /* bodies behind the one that is read */
#define PAGES_AHEAD 20u
#define RUN_MIN 3u /* steps in order that make a habit */
/* Of what costs several requests an issue: who looks at the newest three looks at no more. */
#define RUN_MIN_PARTS 5u
#define PARTS 3u

void ahead_init(struct ahead *a)
{
	*a = (struct ahead){.page = PAGE_MAX};
}

void ahead_done(struct ahead *a)
{
	for (size_t i = 0; i < AHEAD_RUNS; i++)
		listing_unref(a->runs[i].listing);
}

/* ---- runs ---- */

static struct ahead_run *find_run(struct ahead *a, const struct kind *kind)
{
	struct ahead_run *oldest = &a->runs[0];

	for (size_t i = 0; i < AHEAD_RUNS; i++) {
		if (a->runs[i].kind == kind)
			return &a->runs[i];
		if (a->runs[i].used < oldest->used)
			oldest = &a->runs[i];
	}
	listing_unref(oldest->listing);
	*oldest = (struct ahead_run){.kind = kind};
	return oldest;
}

/* The orders in which issues are walked through: as they are listed, as a shell sorts
 * them, and as bash expands a * before a slash, from the last one listed. */
enum { LISTED, SORTED, BACKWARD };

static struct item *item_at(struct listing *l, int order, size_t i)
{
	struct item *const *items = order == SORTED ? listing_sorted(l) : l->items;

	return !items || i >= l->n ? NULL : items[order == BACKWARD ? l->n - 1 - i : i];
}

/* Begins anew at this issue. */
static void restart(struct ahead_run *run, struct listing *l, const struct item *issue)
{
	if (run->listing != l) {
		listing_unref(run->listing);
		run->listing = listing_ref(l);
	}
	run->length = run->window = 1;
	run->seen = NULL;
	for (int o = 0; o < AHEAD_ORDERS; o++) {
		run->order[o] = false;
		for (size_t i = 0; i < l->n && !run->order[o]; i++)
			if (item_at(l, o, i) == issue) {
				run->at[o] = i;
				run->order[o] = true;
			}
	}
}

/* The issue is the one after the last; false when the habit is another. */
static bool step(struct ahead_run *run, const struct item *issue)
{
	bool any = false;

	for (int o = 0; o < AHEAD_ORDERS; o++) {
		run->order[o] = run->order[o] && item_at(run->listing, o, run->at[o] + 1) == issue;
		run->at[o] += run->order[o];
		any |= run->order[o];
	}
	return any;
}

static bool is_at(const struct ahead_run *run, const struct item *issue)
{
	for (int o = 0; o < AHEAD_ORDERS; o++)
		if (run->order[o] && item_at(run->listing, o, run->at[o]) == issue)
			return true;
	return false;
}

/* The listing that is being walked through, borrowed: the project's own where it has the issue, or
 * the search that found it; NULL: none is in memory. */
static struct listing *listing_with(struct op *op, const struct node *issue)
{
	cleanup_ask struct ask ask = {0};
	struct resource *res;

	if (!issue->item->listed || ask_listing(op->mount, issue->parent, &ask))
		return NULL;
	ask.want.peek = ask.want.stale_ok = true;
	if (op_need(op, &ask.want, &res) || map_get(&res->listing->by_name, str_of(issue->item->name)) != issue->item)
		res = cache_holder(&op->mount->cache, issue->item);
	return res ? res->listing : NULL;
}

/* Takes note of the issue; the run, with its window, where it has become a habit. */
static struct ahead_run *advance(struct op *op, const struct node *issue, const struct kind *kind)
{
	struct ahead *a = &op->mount->ahead;
	struct ahead_run *run = find_run(a, kind);
	struct listing *l = issue->parent->kind->id == KIND_ISSUES ? listing_with(op, issue) : NULL;

	run->used = ++a->used;
	if (!l)
		return NULL;
	if (run->listing == l && is_at(run, issue->item))
		return run->length >= RUN_MIN ? run : NULL;
	if (run->listing != l || !step(run, issue->item)) {
		restart(run, l, issue->item);
		return NULL;
	}
	run->length++;
	if (run->window < AHEAD_WINDOW_MAX)
		run->window *= 2;
	return run->length >= RUN_MIN ? run : NULL;
}

/* ---- siblings ---- */

static void fetch(struct op *op, struct ask *a)
{
	struct resource *res;

	a->want.peek = true;
	if (!cache_need(&op->mount->cache, &a->want, NULL, &res))
		return;
	a->want.peek = false;
	/* who is slowed is not helped to ask for more */
	if (crowd_ask(&op->mount->crowd, op->tid, false, op->mount->options->crawl, op->start).delay_ms)
		return;
	a->want.ahead = true;
	a->want.asker = &op->asker;
	cache_need(&op->mount->cache, &a->want, NULL, &res);
}

static void fetch_sibling(struct op *op, const struct kind *k, struct node *issue)
{
	cleanup_ask struct ask a = {0};
	int r;

	if (k->from == FROM_PARTS) {
		source_begin_parts(op, issue, true);
		return;
	}
	if (k->from == FROM_DOCUMENT) {
		r = ask_document(op->mount, issue, k->url, STR(""), k->fresh_s, &a);
	} else if (k->none && k->none(issue->item)) {
		return;
	} else {
		r = ask_below(op->mount, issue, k, &a);
	}
	if (!r)
		fetch(op, &a);
}

static int ask_page(struct op *op, const struct node *issue, size_t offset, struct ask *a);

/* Is the body of the issue's newest event in hand? Then so is its page, if anybody wanted it. */
static bool has_newest(struct op *op, struct node *issue)
{
	cleanup_ask struct ask a = {0}, body = {0};
	struct resource *res;
	int r = ask_below(op->mount, issue, kind_named(KIND_ISSUE, "events"), &a);

	a.want.peek = a.want.stale_ok = true;
	if (r || op_need(op, &a.want, &res) || !res->listing->n ||
	    ask_document(op->mount, issue, kind_of(KIND_EVENT)->url, str_of(res->listing->items[0]->id), FRESH_FOREVER,
			 &body))
		return false;
	body.want.peek = true;
	return !op_need(op, &body.want, &res);
}

/* Asks for what the window holds of the next issues. */
static void fetch_window(struct op *op, struct ahead_run *run, struct node *issues)
{
	int order = run->order[LISTED] ? LISTED : run->order[SORTED] ? SORTED : BACKWARD;
	size_t from = run->at[order] + 1;
	size_t to = run->at[order] + (run->kind->from == FROM_PARTS ? run->window / PARTS : run->window);

	for (size_t i = from; i <= to; i++) {
		struct item *item = item_at(run->listing, order, i);
		struct node *n;

		if (!item || item->gone)
			continue;
		n = node_get(&op->mount->tree, issues, kind_of(KIND_ISSUE), item->name, item);
		if (!n)
			return;
		if (run->kind->id == KIND_EVENT) {
			cleanup_ask struct ask a = {0};

			if (item->size > 1 && !has_newest(op, n) && !ask_page(op, n, 0, &a))
				fetch(op, &a);
		} else {
			fetch_sibling(op, run->kind, n);
		}
		node_unref(n, 1);
	}
}

void ahead_sibling(struct op *op)
{
	const struct node *n = op->node, *issue = node_above(n, &item_issue);
	struct ahead_run *run;

	if (op->noted || !issue || n->kind->from < FROM_DOCUMENT || !n->kind->name)
		return;
	op->noted = true;
	run = advance(op, issue, n->kind);
	if (run && (n->kind->from != FROM_PARTS || run->length >= RUN_MIN_PARTS))
		fetch_window(op, run, issue->parent);
}

/* ---- events ---- */

static int ask_page(struct op *op, const struct node *issue, size_t offset, struct ask *a)
{
	char url[128];

	if (!dialect_has(&op->mount->dialect, FEATURE_FULL_PAGES))
		return -EOPNOTSUPP;
	snprintf(url, sizeof(url), "organizations/{o}/issues/{i}/events/?full=1&per_page=%u&cursor=0%%3A%zu%%3A0",
		 PAGE_MAX, offset);
	return ask_document(op->mount, issue, url, STR(""), FRESH_FOREVER, a);
}

struct adopting {
	struct op *op;
	const struct node *issue;
	int64_t asked;
	size_t n;
};

static int adopt(void *arg, const cJSON *tree, struct str bytes)
{
	struct adopting *to = arg;
	struct mount *m = to->op->mount;
	struct str id = json_string(tree, "eventID");
	cleanup_ask struct ask a = {0};
	struct blob *document;

	to->n++;
	if (!name_is_event_id(id) || ask_document(m, to->issue, kind_of(KIND_EVENT)->url, id, 0, &a))
		return 0;
	document = blob_new(bytes.s, bytes.n);
	if (document)
		cache_adopt(&m->cache, a.key.data, document, to->asked);
	blob_unref(document);
	return 0;
}

/* Makes single events of a page that has come. */
static void take_page(struct op *op, const struct node *issue, struct resource *page, size_t known)
{
	struct adopting to = {.op = op, .issue = issue, .asked = page->fetched};
	cleanup_blob struct blob *document = blob_ref(page->document);
	cleanup_free char *key = strdup(page->key);

	json_each(blob_str(document), adopt, &to);
	/* a server may put fewer full events on a page than it was asked for */
	if (to.n && to.n < op->mount->ahead.page && to.n < known)
		op->mount->ahead.page = (unsigned)to.n;
	if (key)
		cache_forget(&op->mount->cache, key);
}

static bool has_body(struct op *op, const struct node *n)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;

	if (ask_document(op->mount, n, n->kind->url, STR(""), FRESH_FOREVER, &a))
		return false;
	a.want.peek = true;
	return !op_need(op, &a.want, &res);
}

/* A server whose lists have whole events has told the body already. */
static bool take_listed(struct op *op, const struct node *n)
{
	cleanup_ask struct ask a = {0};
	struct str bytes;

	if (!n->item || json_member(blob_str(n->item->json), "entries", &bytes) ||
	    ask_document(op->mount, n, n->kind->url, STR(""), FRESH_FOREVER, &a))
		return false;
	cache_adopt(&op->mount->cache, a.key.data, n->item->json, n->item->fetched);
	return true;
}

/* Where the event is in its listing; SIZE_MAX when that is not in memory. *count: of how many. */
static size_t find_event(struct op *op, const struct node *n, size_t *count)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;

	if (ask_listing(op->mount, n->parent, &a))
		return SIZE_MAX;
	a.want.peek = a.want.stale_ok = true;
	if (op_need(op, &a.want, &res))
		return SIZE_MAX;
	*count = res->listing->n;
	for (size_t i = 0; i < res->listing->n; i++)
		if (res->listing->items[i] == n->item)
			return i;
	return SIZE_MAX;
}

/* The pages behind this one, where the reader goes on: the smaller they are, the more. */
static void fetch_pages(struct op *op, const struct node *issue, size_t from, size_t count)
{
	unsigned page = op->mount->ahead.page, pages = 2 + EVENTS_AHEAD / page;

	for (unsigned i = 0; i < pages && i < PAGES_AHEAD && from < count; i++, from += page) {
		cleanup_ask struct ask a = {0};

		if (!ask_page(op, issue, from, &a))
			fetch(op, &a);
	}
}

int ahead_event(struct op *op)
{
	struct node *n = op->node;
	const struct node *issue = node_above(n, &item_issue);
	struct ahead *ahead = &op->mount->ahead;
	size_t count = 0, index, offset;
	cleanup_ask struct ask a = {0};
	struct ahead_run *run;
	struct resource *res;
	bool habit;
	int r;

	if (!issue || issue->parent->kind->id != KIND_ISSUES)
		return 0;
	run = advance(op, issue, kind_of(KIND_EVENT)); /* whichever of an event's files is read */
	if (run && !op->noted && run->seen != issue->item) {
		run->seen = issue->item;
		fetch_window(op, run, issue->parent);
	}
	/* the second body that is opened in a directory, or the first of a habit */
	habit = run || n->parent->bodies || (ahead->used && find_run(ahead, n->parent->kind)->length >= RUN_MIN);
	if (!op->noted)
		n->parent->bodies++;
	op->noted = true;
	if (op->paged || has_body(op, n) || take_listed(op, n))
		return 0;
	index = find_event(op, n, &count);
	if (index == SIZE_MAX || count < 2)
		return 0;
	offset = index / ahead->page * ahead->page;
	if (ask_page(op, issue, offset, &a))
		return 0;
	a.want.peek = !habit;
	r = op_need(op, &a.want, &res);
	if (!r) {
		op->paged = true;
		take_page(op, issue, res, count - offset);
		if (habit && n->parent->bodies > 1)
			fetch_pages(op, issue, offset + ahead->page, count);
		return 0;
	}
	/* the page may be smaller than was thought, or fail: then the event is asked for alone */
	return r == -EINPROGRESS && habit ? r : 0;
}
