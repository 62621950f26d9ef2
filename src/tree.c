// SPDX-License-Identifier: MIT
/*
 * Nodes: what has been looked up, counted, and found again by parent and name.
 *
 * Owns the nodes; shares the items. Inode numbers are hashes of the path, so
 * that they are the same after a forget and after a remount. Must not know what
 * a kind does.
 */
#include "sentryfs/tree.h"

#include <stdio.h>

#include "sentryfs/scratch.h"

static char *make_key(const struct node *parent, const char *name)
{
	char *key;

	return asprintf(&key, "%p/%s", (const void *)parent, name) < 0 ? NULL : key;
}

/* FNV-1a over the parent's number and the name; 0 and 1 have meanings of their own. */
uint64_t node_ino(const struct node *parent, const char *name)
{
	uint64_t h = parent ? parent->ino : 14695981039346656037u;

	h = (h ^ '/') * 1099511628211u;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 1099511628211u;
	return h < 2 ? h + 2 : h;
}

void node_unname(struct node *n)
{
	if (map_get(&n->tree->by_key, str_of(n->key)) == n)
		map_remove(&n->tree->by_key, str_of(n->key));
}

static void node_free(struct node *n)
{
	node_unname(n);
	list_remove(&n->link);
	item_unref(n->item);
	blob_unref(n->content);
	scratch_unref(n->scratch);
	free(n->key);
	free(n);
}

struct node *node_get(struct tree *t, struct node *parent, const struct kind *kind, const char *name, struct item *item)
{
	cleanup_free char *key = make_key(parent, name);
	struct node *n = key ? map_get(&t->by_key, str_of(key)) : NULL;

	if (n && n->kind == kind && n->item == item)
		return node_ref(n);
	if (!key || !(n = calloc(1, sizeof(*n))))
		return NULL;
	list_init(&n->link);
	list_add(&t->nodes, &n->link);
	n->tree = t;
	n->kind = kind;
	n->refs = 1;
	n->key = steal(&key);
	n->name = strchr(n->key, '/') + 1;
	n->ino = node_ino(parent, name);
	n->item = item ? item_ref(item) : NULL;
	n->parent = parent ? node_ref(parent) : NULL;
	/* A node of that name that meant another object lives on for those who hold it.
	 * It must leave the table now, since the table borrows its key. */
	map_remove(&t->by_key, str_of(n->key));
	if (!map_put(&t->by_key, str_of(n->key), n))
		return n;
	node_unref(n, 1);
	return NULL;
}

struct node *node_ref(struct node *n)
{
	n->refs++;
	return n;
}

void node_unref(struct node *n, uint64_t count)
{
	while (n) {
		struct node *parent = n->parent;

		n->refs -= count < n->refs ? count : n->refs;
		if (n->refs)
			return;
		node_free(n);
		n = parent;
		count = 1;
	}
}

const struct node *node_nearest(const struct node *n)
{
	while (n && !n->item)
		n = n->parent;
	return n;
}

const struct node *node_above(const struct node *n, const struct item_class *class)
{
	while (n && !(n->item && n->item->class == class))
		n = n->parent;
	return n;
}

void tree_init(struct tree *t)
{
	*t = (struct tree){0};
	list_init(&t->nodes);
	list_init(&t->handles);
}

void tree_done(struct tree *t)
{
	while (!list_empty(&t->nodes))
		node_free(list_first(&t->nodes, struct node, link));
	map_done(&t->by_key);
}
