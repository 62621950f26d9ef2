// SPDX-License-Identifier: MIT
/*
 * A hash table with open addressing and linear probing. A removed entry leaves a
 * mark, so that a walk may remove; marks go when the table is made anew.
 */
#include "sentryfs/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define FIRST_CAP 16

struct map_slot {
	struct str key;
	void *value; /* NULL: never used, or removed when key.s is not NULL */
};

static const char removed[] = "";

static uint64_t hash(struct str key)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.s[i]) * 1099511628211u;
	return h ^ h >> 32;
}

/* The slot of `key`, or the first one where it could go. The table has a free one. */
static struct map_slot *find(struct map_slot *slots, size_t cap, struct str key)
{
	struct map_slot *free_slot = NULL;

	for (size_t i = hash(key);; i++) {
		struct map_slot *s = &slots[i & (cap - 1)];

		if (s->value && str_eq(s->key, key))
			return s;
		if (s->value)
			continue;
		if (!free_slot)
			free_slot = s;
		if (!s->key.s)
			return free_slot;
	}
}

static int grow(struct map *m)
{
	size_t cap = m->cap ? m->cap : FIRST_CAP;
	struct map_slot *slots;

	while (cap < (m->used + 1) * 2)
		cap *= 2;
	slots = calloc(cap, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*find(slots, cap, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = (struct map){.slots = slots, .used = m->used, .fill = m->used, .cap = cap};
	return 0;
}

void map_done(struct map *m)
{
	free(m->slots);
	*m = (struct map){0};
}

void *map_get(const struct map *m, struct str key)
{
	return m->cap ? find(m->slots, m->cap, key)->value : NULL;
}

int map_put(struct map *m, struct str key, void *value)
{
	struct map_slot *s;

	if ((m->fill + 1) * 4 > m->cap * 3 && grow(m))
		return -ENOMEM;
	s = find(m->slots, m->cap, key);
	if (!s->value) {
		m->used++;
		m->fill += !s->key.s;
	}
	*s = (struct map_slot){.key = {key.s ? key.s : removed, key.n}, .value = value};
	return 0;
}

void *map_remove(struct map *m, struct str key)
{
	struct map_slot *s = m->cap ? find(m->slots, m->cap, key) : NULL;
	void *value = s ? s->value : NULL;

	if (value) {
		*s = (struct map_slot){.key = {removed, 0}, .value = NULL};
		m->used--;
	}
	return value;
}

void *map_next(const struct map *m, size_t *pos)
{
	while (*pos < m->cap) {
		void *value = m->slots[(*pos)++].value;

		if (value)
			return value;
	}
	return NULL;
}
