// SPDX-License-Identifier: MIT
/*
 * The parts of a listing, ranges of time with the items that came of each: which there
 * are, which has most left to come, and how one is cut in two.
 *
 * Owns the parts with their calls and cursors; shares the items. Must not know when
 * what is asked for.
 */
#include "sentryfs/part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static struct part *parts_last(const struct parts *in)
{
	return container_of(in->all.prev, struct part, link);
}

void parts_init(struct parts *in, int64_t horizon)
{
	*in = (struct parts){.horizon = horizon};
	list_init(&in->all);
}

void parts_done(struct parts *in)
{
	map_done(&in->names);
	for (struct part *p; (p = parts_first(in));)
		part_free(p);
}

struct part *part_new(struct parts *in, struct list *before)
{
	struct part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->in = in;
	p->from = p->until = PART_OPEN;
	list_init(&p->link);
	list_add(before, &p->link);
	return p;
}

void part_free(struct part *p)
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
	struct map *names = &p->in->names;

	if (i->class->numbered)
		return 0;
	if (!map_get(names, str_of(i->name)))
		return map_put(names, str_of(i->name), i);
	p->twice++;
	return 0;
}

int part_add(struct part *p, struct item *i)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : PART_PAGE;
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

int part_cut(struct part *last)
{
	struct parts *in = last->in;
	int r = 0;

	map_done(&in->names);
	while (part_next(last))
		part_free(parts_last(in));
	for (struct part *p = parts_first(in); p; p = part_next(p)) {
		p->twice = 0;
		for (size_t i = 0; i < p->n && !r; i++)
			r = note_name(p, p->items[i]);
	}
	return r;
}

/* ms: where it is thought to end */
static int64_t bottom(const struct part *p)
{
	if (p->until != PART_OPEN)
		return p->until;
	return p->at > p->in->horizon ? p->in->horizon : p->at;
}

/* Items that are thought to come yet. */
static double left_of(const struct part *p)
{
	int64_t span = p->at - bottom(p);

	return p->ended ? 0 : p->density > 0 ? (double)span / p->density : span > 0 ? PART_PAGE : 0;
}

bool part_split(struct part *p, double need)
{
	int64_t end = bottom(p), middle;
	struct part *half;

	if (left_of(p) > need)
		end = p->at - (int64_t)(need * p->density);
	middle = (p->at - (p->at - end) / 2) / 1000 * 1000;
	if (middle >= p->at - 1000 || middle <= end)
		return false;
	half = part_new(p->in, p->link.next);
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

struct part *parts_longest(struct parts *in, size_t wanted_n, bool guess, double *need)
{
	struct part *longest = NULL;
	double before = 0, most = 2 * PART_PAGE;

	for (struct part *p = parts_first(in); p && before < (double)wanted_n; p = part_next(p)) {
		double left = left_of(p), wanted = (double)wanted_n - before - (double)p->n;

		if (left > wanted)
			left = wanted;
		/* the page that is under way is not another's; what there is of one that has not
		 * answered yet is a guess, which is made once */
		if (p->begun || guess) {
			if (left - PART_PAGE > most) {
				most = left - PART_PAGE;
				longest = p;
				*need = left;
			}
		}
		before += (double)p->n + left_of(p);
	}
	return longest;
}

bool parts_complete(const struct parts *in, size_t max)
{
	size_t n = 0;

	for (const struct part *p = parts_first(in); p; p = part_next(p)) {
		n += p->n - p->twice;
		if (n >= max)
			return true;
		if (!p->ended)
			return false;
	}
	return true;
}

unsigned parts_running(const struct parts *in)
{
	unsigned n = 0;

	for (const struct part *p = parts_first(in); p; p = part_next(p))
		n += !p->ended;
	return n;
}

int parts_add_rows(struct parts *in, size_t rows, unsigned most, size_t max)
{
	for (unsigned running = parts_running(in); running < most; running++) {
		size_t end = parts_last(in)->row + rows;
		struct part *p;

		if (end >= max)
			return 0;
		p = part_new(in, &in->all);
		if (!p || asprintf(&p->cursor, "0:%zu:0", end - 1) < 0)
			return -ENOMEM;
		p->row = end - 1;
	}
	return 0;
}

bool parts_touch(const struct parts *in)
{
	for (const struct part *p = parts_first(in), *next; (next = part_next(p)) && next->ended; p = next) {
		bool share = false;

		for (size_t i = 0; i < p->n && next->n && !share; i++)
			share = p->items[i] == next->items[0];
		for (size_t i = 0; i < next->n && p->n && !share; i++)
			share = next->items[i] == p->items[p->n - 1];
		if (!share)
			return false;
	}
	return true;
}
