// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_TREE_H
#define SENTRYFS_TREE_H

#include <stdint.h>

#include "sentryfs/item.h"
#include "sentryfs/list.h"
#include "sentryfs/map.h"

struct kind;

/*
 * A node is a file or directory that somebody has looked up: the kernel (the
 * lookup count), a handle, a pending operation or a child.
 */
struct node {
	struct list link; /* of all nodes */
	struct tree *tree;
	const struct kind *kind;
	struct node *parent;	 /* shared; NULL at the top */
	struct item *item;	 /* shared; NULL where the kind has none */
	struct scratch *scratch; /* shared; of a scratch file */
	char *key;		 /* where the tree has it */
	const char *name;	 /* within key */
	uint64_t ino;		 /* st_ino: a hash of the path, the same after a remount */
	uint64_t refs;		 /* the kernel's lookup count and all others */
	/* what the kernel was shown of a file */
	struct blob *content; /* of the handles that read through the page cache, while there are some */
	uint64_t content_stamp;
	uint64_t cached_stamp;		     /* of what may lie in the page cache */
	unsigned opens;			     /* those handles */
	bool truncated;			     /* was opened for writing: its size in the kernel may be any */
	unsigned bodies;		     /* of a directory of events: how many of them were opened */
	uint64_t size_stamp, size;	     /* the size of what had that stamp */
	uint64_t told_size;		     /* what the kernel was told, and may believe until `told_until` (ms) */
	int64_t told_until, told_many_until; /* until the latter it may believe another size, too */
};

struct tree {
	struct map by_key;
	struct list nodes;
	struct list handles; /* open files and directories; their owner frees them first */
};

void tree_init(struct tree *t);
void tree_done(struct tree *t); /* also what the kernel still counts: an unmount forgets nothing */

/* The node `name` below `parent`, made if need be; the caller owns a reference.
 * NULL without memory. */
struct node *node_get(struct tree *t, struct node *parent, const struct kind *kind, const char *name,
		      struct item *item);
struct node *node_ref(struct node *n);
void node_unref(struct node *n, uint64_t count); /* accepts NULL */
/* From now on the name is another node's to have; this one lives for those who hold it. */
void node_unname(struct node *n);
uint64_t node_ino(const struct node *parent, const char *name);
/* The nearest node upwards (itself included) of a kind with an item of `class`. */
const struct node *node_nearest(const struct node *n); /* upwards (itself included), with any item; or NULL */
const struct node *node_above(const struct node *n, const struct item_class *class);

#endif
