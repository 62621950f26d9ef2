// SPDX-License-Identifier: MIT
/*
 * A list of items in the server's order. Owns the order and the names; shares the
 * items. Must not know how it came.
 */
#include "sentryfs/listing.h"

#include <errno.h>
#include <stdio.h>

struct listing *listing_new(int64_t asked)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->refs = 1;
	l->asked = asked;
	return l;
}

struct listing *listing_ref(struct listing *l)
{
	l->refs++;
	return l;
}

void listing_unref(struct listing *l)
{
	if (!l || --l->refs)
		return;
	for (size_t i = 0; i < l->n; i++) {
		l->items[i]->listed--;
		item_unref(l->items[i]);
	}
	map_done(&l->by_name);
	free(l->sorted);
	free(l->items);
	free(l);
}

int listing_add(struct listing *l, struct item *i)
{
	int r = 0;

	if (!i->class->numbered && map_get(&l->by_name, str_of(i->name))) {
		item_unref(i);
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 32;
		struct item **items = reallocarray(l->items, cap, sizeof(*items));

		if (!items) {
			item_unref(i);
			return -ENOMEM;
		}
		l->items = items;
		l->cap = cap;
	}
	if (!i->class->numbered)
		r = map_put(&l->by_name, str_of(i->name), i);
	if (r) {
		item_unref(i);
		return r;
	}
	i->listed++;
	l->items[l->n++] = i;
	return 0;
}

/* Gives it its number, if it has none, and its place among the names; 0 also where its name
 * is there already, since a server may list a thing twice: then *twice. */
static int number_item(struct listing *l, struct item *item, unsigned *last, bool *twice)
{
	char *name;

	if (!item->number) {
		if (asprintf(&name, "%03u-%s", *last + 1, item->name) < 0)
			return -ENOMEM;
		free(item->name);
		item->name = name;
		item->number = ++*last;
	}
	*twice = map_get(&l->by_name, str_of(item->name));
	return *twice ? 0 : map_put(&l->by_name, str_of(item->name), item);
}

int listing_number(struct listing *l)
{
	unsigned last = 0;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i]->number > last)
			last = l->items[i]->number;
	for (size_t i = l->n; i-- > 0 && !r;) {
		bool twice = false;

		r = number_item(l, l->items[i], &last, &twice);
		if (twice) {
			l->items[i]->listed--;
			item_unref(l->items[i]);
			l->items[i] = NULL;
		}
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i])
			l->items[n++] = l->items[i];
	l->n = n;
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct item *const *)a)->name, (*(struct item *const *)b)->name);
}

struct item *const *listing_sorted(struct listing *l)
{
	if (l->sorted || !l->n)
		return l->sorted;
	l->sorted = calloc(l->n, sizeof(struct item *));
	if (!l->sorted)
		return NULL;
	memcpy(l->sorted, l->items, l->n * sizeof(struct item *));
	qsort(l->sorted, l->n, sizeof(struct item *), by_name);
	return l->sorted;
}

size_t listing_bytes(const struct listing *l)
{
	size_t bytes = 0;

	for (size_t i = 0; i < l->n; i++)
		bytes += l->items[i]->json->len;
	return bytes;
}
