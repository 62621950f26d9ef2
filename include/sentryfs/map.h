// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_MAP_H
#define SENTRYFS_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "sentryfs/str.h"

/* A hash table from byte strings to pointers. It borrows both: a key must live
 * as long as its entry (usually it is a member of the value). Grows by itself;
 * insertion order is not kept. */
struct map {
	struct map_slot *slots;
	size_t used; /* live entries */
	size_t fill; /* live and deleted */
	size_t cap;  /* a power of two, or 0 */
};

void map_done(struct map *m);				 /* frees the table, not the values */
void *map_get(const struct map *m, struct str key);	 /* NULL when absent */
int map_put(struct map *m, struct str key, void *value); /* replaces; 0 or -ENOMEM */
void *map_remove(struct map *m, struct str key);	 /* what was there, or NULL */
/* Walks all entries: start with *pos = 0; NULL at the end. Removing the entry
 * just returned is allowed during the walk, adding is not. */
void *map_next(const struct map *m, size_t *pos);

#endif
