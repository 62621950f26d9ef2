// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SCRATCH_H
#define SENTRYFS_SCRATCH_H

#include <sys/stat.h>

#include "sentryfs/buf.h"
#include "sentryfs/list.h"
#include "sentryfs/tree.h"

/*
 * A scratch file: what an editor, `sed -i` or an atomic save makes beside the file that
 * it is about to replace. It is in memory, private to its directory, never sent, and
 * gone when it is unlinked or renamed away and closed.
 */
#define SCRATCH_BYTES_MAX ((size_t)1 << 20)
#define SCRATCHES_MAX 64u

struct scratch {
	struct list link; /* in scratches->all while it has a name, or in none */
	struct scratches *in;
	unsigned refs;
	struct node *dir; /* shared while it has a name */
	char *name;	  /* owned */
	struct buf data;
	mode_t mode; /* permission bits */
	struct timespec mtime;
};

struct scratches {
	struct list all;
	unsigned n;
};

void scratches_init(struct scratches *all);
void scratches_done(struct scratches *all);

/* May `name` be one in `dir`? `any`: whoever makes it means a temporary file, so
 * that any name but vim's 4913 will do. */
bool scratch_may_be(const struct node *dir, const char *name, bool any);
/* Makes one; borrowed while it has a name. -ENOSPC, -ENOMEM. */
int scratch_new(struct scratches *all, struct node *dir, const char *name, mode_t mode, struct scratch **ret);
struct scratch *scratch_find(const struct scratches *all, const struct node *dir, const char *name);
/* The i-th of `dir`, or NULL. */
struct scratch *scratch_at(const struct scratches *all, const struct node *dir, size_t i);
/* Takes its name away. */
void scratch_unlink(struct scratch *s);
/* 0 or -ENOMEM */
int scratch_rename(struct scratch *s, const char *name);
struct scratch *scratch_ref(struct scratch *s);
void scratch_unref(struct scratch *s); /* accepts NULL */

/* Its node, with a reference. NULL without memory. */
struct node *scratch_node(struct tree *t, struct scratch *s);

/* As write(2) and truncate(2) do; a hole is zeros. 0, -EFBIG, -ENOMEM. */
int scratch_write(struct scratch *s, struct str bytes, size_t offset);
int scratch_truncate(struct scratch *s, size_t size);

#endif
