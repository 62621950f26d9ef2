// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CHANGE_H
#define SENTRYFS_CHANGE_H

#include "sentryfs/cache.h"

/*
 * A change of what the server has: one request, or several in order. It goes on to its
 * end and into the cache whether or not somebody still waits for it, so that a value
 * that was sent is never forgotten by who was interrupted.
 *
 * A request whose answer does not tell whether it was done (none came, it was cut, or
 * a proxy answered) is never sent again; a GET looks whether it was.
 */
enum change_effect {
	EFFECT_ROW,	/* the answer's members replace those of the issues */
	EFFECT_DELETED, /* the issue is gone */
	EFFECT_MERGED,	/* the answer says which of the issues are gone */
	EFFECT_COMMENT, /* `comments` more (or fewer) of the issue's comments */
};

struct change_step {
	const char *method;
	char *path, *body; /* owned; body may be NULL */
	char *expect;	   /* owned; JSON that the answer must cover, NULL: success is enough */
	char *look;	   /* owned; what `check` must show in its place: a good answer proves more; or NULL */
	bool delta;	   /* the answer has only what was changed */
	char *check;	   /* owned; what GET tells whether it was done, NULL: nothing does */
	bool many;	   /* a bulk request: `check` lists its issues, of which each is told apart */
	enum change_effect effect;
	int comments;
	bool follows;	      /* is left out when the step before it failed */
	unsigned tokens;      /* its body names the user of that token (api_request), 0: no one's */
	struct item **issues; /* shared */
	size_t n;
	/* how it ended */
	bool sent;
	int64_t when; /* ms, of our clock; and from the look on of the server's, as it shows dates */
	int error;
	int *errors;	   /* of each issue, owned; NULL: all have `error` */
	struct blob *told; /* a good answer, shared, while the issues are looked at */
	long status;	   /* HTTP status, 0: no answer, or not sent */
	bool lacks_scope;
	char *words; /* what the server or libcurl said, owned; may be NULL */
};

/* One line of what was written into a bulk file, and what became of it. */
struct change_line {
	char *name;		  /* owned */
	const struct item *issue; /* borrowed of the step, NULL: nothing was sent */
	size_t step;		  /* the last of its steps; SIZE_MAX: nothing was sent */
	int error;
	char *words; /* owned; may be NULL */
};

struct change {
	unsigned refs;
	struct list link; /* in changes->running, or in none */
	struct changes *in;
	struct change_step *steps;
	size_t n, at;
	struct change_line *lines;
	size_t lines_n;
	char **outdates; /* owned; keys of resources that it makes untrue */
	size_t outdates_n;
	unsigned within_ms;   /* for each request */
	int64_t until;	      /* ms: all of it ends by then, 0: when its requests do */
	struct item *about;   /* shared; whose last-error tells of it */
	char *what;	      /* owned; what was tried, for people */
	char *by;	      /* owned; who did, for the audit; may be NULL */
	const char *accepted; /* what would have been, or NULL */
	/* Called once at the end, before the waiters: writes last-error, and returns the
	 * change's error. */
	int (*report)(struct change *c);
	struct api_call *call;
	bool checking, ended;
	int error; /* what the report returned, or of the first step that failed */
	struct list waiters;
};

struct changes {
	struct cache *cache; /* borrowed */
	struct list running;
};

void changes_init(struct changes *all, struct cache *cache);
void changes_done(struct changes *all); /* gives up what is under way */

/* A new change with one reference, or NULL without memory. */
struct change *change_new(struct changes *all);
struct change *change_ref(struct change *c);
void change_unref(struct change *c); /* accepts NULL */

/* Adds a step. All strings are copied, expect and check may be NULL; `issues` are
 * shared. Returns it (borrowed until the next one is added), NULL without memory. */
struct change_step *change_add(struct change *c, const char *method, const char *path, const char *body,
			       const char *expect, const char *check, struct item *const *issues, size_t n);

/* What the look must show (copied, NULL: what the answer must). 0 or -ENOMEM. */
int change_set_look(struct change_step *step, const char *look);

/* The resource `key` (copied) becomes untrue by it. 0 or -ENOMEM. */
int change_outdate(struct change *c, const char *key);

/*
 * Begins it; without a step it ends at once. Until it has ended each of its issues says so in `change`, so that
 * the changes of one issue come one after another; -EBUSY when one has another yet.
 */
int change_start(struct change *c);
/* The waiter is told when the change has ended. */
void change_wait(struct change *c, struct waiter *w);
/* How the step ended for its issue. */
int change_error_of(const struct change_step *step, const struct item *issue);
/* The first step that failed, or NULL. */
const struct change_step *change_failed(const struct change *c);

#endif
