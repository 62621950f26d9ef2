// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_OP_H
#define SENTRYFS_OP_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "sentryfs/cache.h"
#include "sentryfs/change.h"
#include "sentryfs/kinds.h"
#include "sentryfs/mount.h"

/*
 * One pending request of the kernel's. Its handler (`run`) replies and returns 0,
 * or returns -errno, or returns -EINPROGRESS after it became a waiter: then it is
 * parked, and runs again from its top when what it waits for has settled. So a
 * handler must not have side effects before its last wait.
 */
struct op;

/* An open file or directory: a snapshot, and what is being written. */
struct handle {
	unsigned refs;
	struct list link;	 /* of all handles */
	struct node *node;	 /* shared */
	struct blob *content;	 /* a file's bytes */
	struct listing *listing; /* a directory's items; NULL: static rows only */
	bool coming;		 /* more of them are to come: then it is the handle's own */
	size_t given, shown;	 /* so many were taken over; so many may be seen */
	bool counts;		 /* among node->opens */
	bool valued;		 /* a value came through it: white space that follows is around that */
	/* of a file that takes text: the pieces so far */
	struct buf text;
	size_t base;	     /* the file offset of its first byte */
	bool dirty;	     /* there is text that was not sent */
	bool append;	     /* O_APPEND: pieces go to the end, whatever their offset */
	int refused;	     /* why a piece was not taken, until the text begins anew */
	int failed;	     /* how the last text ended: a fork has a descriptor of its own, and closes it too */
	struct change *sent; /* shared: what became of that text */
};

struct handle *handle_new(struct node *n); /* NULL without memory */
struct handle *handle_ref(struct handle *h);
struct handle *handle_free(struct handle *h); /* one reference; accepts NULL, returns NULL */

struct op_entry {
	struct node *node; /* carries one count for the kernel; NULL: no such name */
	struct stat attr;
	double entry_timeout, attr_timeout; /* seconds */
};

/* How an op answers. Tests replace it; the program's is in fs.c. Each ends the op. */
struct op_reply {
	void (*error)(struct op *op, int err); /* -errno, or 0 for success */
	void (*entry)(struct op *op, const struct op_entry *e);
	void (*attr)(struct op *op, const struct stat *attr, double timeout);
	void (*text)(struct op *op, const char *text); /* of a symlink */
	void (*opened)(struct op *op, struct handle *h, bool keep_cache, bool direct_io);
	void (*created)(struct op *op, const struct op_entry *e, struct handle *h);
	void (*written)(struct op *op, size_t n);
	void (*listed)(struct op *op); /* entries of op->handle from op->offset on are there, or the end */
};

struct op {
	struct waiter waiter;
	struct asker asker;
	struct list link; /* in mount->parked or mount->ready, or in none */
	struct mount *mount;
	const struct op_reply *reply;
	void *request; /* of whoever replies */
	int (*run)(struct op *op);
	struct node *node; /* shared */
	char name[256];
	/* of those that write */
	struct handle *handle; /* borrowed from whoever replies */
	struct handle *held;   /* shared: of a FLUSH, whose caller may be killed while it waits */
	struct blob *data;     /* shared: what is written */
	size_t offset, size;
	int flags;	 /* of open(2), access(2) or rename(2); of READDIR: with attributes */
	mode_t mode;	 /* of a new file */
	struct node *to; /* shared: the directory that is renamed into */
	char to_name[256];
	struct node *target;	 /* shared: what a rename or rmdir is about, once it is found */
	const struct stat *attr; /* what setattr wants, NULL members aside: see verb_setattr */
	int attr_set;
	struct change *change; /* shared; once it is under way */
	pid_t tid;	       /* of the caller; 0: not to be seen from here */
	uid_t uid;	       /* of the caller */
	int64_t start;	       /* ms */
	int64_t deadline;      /* ms: ETIMEDOUT after it, or `late` */
	/* Tells of its end while it was parked, NULL: nobody wants to know. */
	void (*gave_up)(struct op *op, int error);
	int late;	      /* -errno: the end is known, and what it still waits for may fail */
	int64_t stale_from;   /* ms: from then on an older copy will do */
	unsigned patience_ms; /* how long after a sign of progress */
	bool interrupted;     /* the kernel said so; the signal decides */
	bool stale_ok;
	bool noted, paged; /* ahead.c has seen it; and has fetched its page */
	bool each_page;	   /* is to run again at each page of what it waits for */
	bool locked;	   /* holds a directory's lock in the kernel (op_lock) */
};

/* A new op, or NULL without memory. `node` is shared, `name` may be NULL. */
struct op *op_new(struct mount *m, const struct op_reply *reply, void *request, int (*run)(struct op *),
		  struct node *node, const char *name);
/* Runs it for the first time; it may be gone afterwards. */
void op_start(struct op *op);
void op_interrupt(struct op *op);
void op_free(struct op *op);

/* Runs what has become ready, looks at deadlines and interrupts. Returns ms until
 * it wants to be called again, -1: nothing waits. */
int64_t op_tick(struct mount *m);
/* Ends everything that is parked with -ENOTCONN. */
void op_end_all(struct mount *m);

/* From now on it ends within OP_LOCKED_WAIT_MS of its start. */
void op_lock(struct op *op);
/* It waits for what is nice to have alone, `ms` at most or what is left to who holds a lock;
 * then it ends with `error`. */
void op_wait_little(struct op *op, unsigned ms, int error);
/* Parks the op until the change has ended; it has no deadline but the change's own. */
int op_wait(struct op *op, struct change *c);

/* cache_need for an op: sets `since`, waiter and staleness. */
int op_need(struct op *op, struct cache_want *want, struct resource **ret);

/* Wait at most this long for a refresh when an older copy is there. */
#define OP_REFRESH_WAIT_MS 1000
/* What holds a directory's lock in the kernel, unkillably, ends within this. */
#define OP_LOCKED_WAIT_MS 5000

#endif
