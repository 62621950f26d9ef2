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
int verb_readdir(struct op *op);  /* from memory, but for a long listing that is still coming: 1 s */
int verb_open(struct op *op);	  /* fetches content */
int verb_readlink(struct op *op); /* may make one request */

/* Which event a link of that name in the listing's directory points to, where the listing
 * tells: the newest, where all are listed the oldest, of a single event each. False: only the
 * server knows; such a link is found by its name and not listed, since a `*` that follows it
 * would cost a request an issue. */
bool dir_link(const struct listing *l, const char *name, size_t *at);

/* The next entry of an open directory from *at on, which moves behind it ("." is at 0):
 * its name, inode number and type. False at the end. */
struct dir_entry {
	char name[512];
	uint64_t ino;
	mode_t mode;
	const struct kind *kind; /* NULL: the name is to be looked up */
	struct item *item;	 /* borrowed; NULL: the row has none */
};
bool verb_dir_entry(const struct mount *m, const struct handle *h, size_t *at, struct dir_entry *e);

/* Has a change of ours taken the item out of a listing of `dir` that was asked for too early
 * to know? */
bool verb_has_left(const struct mount *m, const struct node *dir, const struct listing *l, const struct item *i);

/* What a lookup of that entry would answer, from memory; false where it must be asked.
 * child->node carries one count for the kernel. */
bool verb_dir_child(struct op *op, const struct handle *h, const struct dir_entry *e, struct op_entry *child);

/* The bytes of an open file. */
struct str verb_read(const struct handle *h);

/* ---- writing (write.c, names.c, remove.c) ---- */

int verb_open_write(struct op *op); /* op->flags; sends nothing */
int verb_create(struct op *op);	    /* a scratch file, or nothing */
int verb_write(struct op *op);	    /* a control's value is sent now; text is gathered */
int verb_flush(struct op *op);	    /* sends gathered text */
int verb_unlink(struct op *op);	    /* of a scratch file; all else is refused */
int verb_mkdir(struct op *op);	    /* of a search: keeps it; all else is refused */
int verb_rmdir(struct op *op);	    /* of an issue: deletes it; of a search: forgets it */
int verb_rename(struct op *op);	    /* of a scratch file */
int verb_refuse(struct op *op);	    /* EPERM: link, symlink, mknod */
int verb_access(struct op *op);	    /* op->flags */

/* What chmod, chown, truncate and utime want; only what changes nothing is done. */
enum { SET_MODE = 1, SET_UID = 2, SET_GID = 4, SET_SIZE = 8, SET_TIMES = 16 };
int verb_setattr(struct op *op); /* op->attr, op->attr_set; op->handle where a file is open */

#endif
