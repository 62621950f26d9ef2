// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SEARCHES_H
#define SENTRYFS_SEARCHES_H

#include "sentryfs/kinds.h"
#include "sentryfs/list.h"
#include "sentryfs/search.h"

/*
 * The directories of searches: which ones are listed because somebody made them, why
 * the last one failed, and what a directory of issues asks for. Nothing here asks the
 * server. A search is an item made here, whose `search` is its request (search.h).
 */
struct op;

struct search_dir {
	struct list link;
	char *key;	      /* which search/ it is, owned */
	struct listing *made; /* the searches that mkdir made, shared */
	char *last_error;     /* why the last one failed, owned; NULL: it did not */
};

struct searches {
	struct list dirs;
};

#define SEARCHES_MAX 1000u /* that are kept in one search/ */

void searches_init(struct searches *s);
void searches_done(struct searches *s);

/* What the directory (or the index beside it) asks for; *s is initialized here. 0, -ENOMEM,
 * or -EINVAL with s->why. */
int searches_of(const struct mount *m, const struct node *n, struct search *s);
/* Issues at the most in its listing. */
unsigned searches_max(const struct mount *m, const struct node *n);

/* The search called `name` in op->node, a reference of the caller's: one that was made, or one
 * that needs no making. -ENOENT. */
int searches_find(struct op *op, struct str name, struct item **ret);
/* Lists those that were made. */
int searches_list(struct op *op, struct listing **ret);
/* Makes (and keeps) or forgets op->name. 0 or -errno; why stands in last-error. */
int searches_make(struct op *op, struct item **ret);
int searches_forget(struct op *op);

/* An OPENDIR of a search ended with `error`, or well: last-error tells. `key`: its request, or
 * NULL when there was none. */
void searches_report(struct op *op, const char *key, int error);
/* Of the search/ directory `n`; NULL: the last one did not fail. */
const char *searches_error(const struct mount *m, const struct node *n);

/* An item that stands for a search (or an assignee) in `dir`. */
int searches_item(struct mount *m, const struct node *dir, struct str name, struct str search, struct item **ret);

#endif
