// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_VERBS_H
#define SENTRYFS_VERBS_H

#include "sentryfs/op.h"

/*
 * One body for each verb, whatever the kind. Each is a handler for op_new:
 * it replies and returns 0, or -errno, or -EINPROGRESS.
 */
int verb_lookup(struct op *op);	  /* op->name below op->node; at most one request, 5 s */
int verb_getattr(struct op *op);  /* from memory */
int verb_opendir(struct op *op);  /* lists, pages and revalidates */
int verb_open(struct op *op);	  /* fetches content */
int verb_readlink(struct op *op); /* may make one request */

/* The i-th entry of an open directory ("." is 0): its name (valid until the next
 * call), inode number and type. False at the end. */
struct dir_entry {
	char name[512];
	uint64_t ino;
	mode_t mode;
};
bool verb_dir_entry(const struct mount *m, const struct handle *h, size_t i, struct dir_entry *e);

struct handle *handle_free(struct handle *h); /* accepts NULL, returns NULL */

#endif
