// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CACHE_H
#define SENTRYFS_CACHE_H

#include "sentryfs/api.h"
#include "sentryfs/item.h"
#include "sentryfs/list.h"
#include "sentryfs/lister.h"
#include "sentryfs/map.h"
#include "sentryfs/store.h"

/*
 * What the server has told, keyed by request. A resource is a document (one
 * JSON text) or a listing (all pages of a request, up to a maximum). Both are
 * immutable once they are there: a refresh puts a new one in their place and
 * readers keep theirs.
 *
 * N who need one resource make one request: each is a waiter on it, and when it
 * settles, well or badly, all are told and look again.
 */
struct waiter {
	struct list link; /* owned by the resource while it waits */
	void (*settled)(struct waiter *w);
	void (*progress)(struct waiter *w); /* a page came, more are to come */
};

struct resource {
	char *key; /* path below /api/0/, owned */
	struct cache *cache;
	const struct item_class *class; /* NULL: a document */
	char *scope;			/* of the items, owned; NULL for a document */
	size_t max;
	struct blob *document;
	struct listing *listing;
	uint64_t stamp;	 /* changes with the content; 0: never had any */
	int64_t fetched; /* ms: when the good answer was asked for */
	int64_t settled; /* ms: when the last try ended, -1: never */
	int error;	 /* of the last try */
	long status;	 /* its HTTP status, 0: none came */
	bool unrouted;	 /* the server has nothing at that path */
	bool raw;	 /* a document of any bytes */
	uint64_t least;	 /* bytes that one has */
	char *words;	 /* what the server or libcurl said of it, owned */
	size_t bytes;
	struct api_call *call; /* while it is being fetched */
	struct lister *lister; /* the same, of a listing */
	int64_t asked;
	int64_t swept; /* ms: when the whole listing was last asked for, not its head alone */
	bool outdated; /* what is there was made untrue by a change of ours */
	bool again;    /* and so is what is being fetched */
	struct list waiters;
	struct list lru;
	/* of keep.c */
	struct list unsaved; /* while the store does not have it yet */
	size_t saved;	     /* so many items it has */
	bool kept;	     /* it is of an earlier mount, and no answer has come since */
};

struct cache {
	struct api *api; /* borrowed */
	struct map resources;
	struct item_store items;
	struct list lru; /* oldest use first */
	size_t bytes, bytes_max;
	struct store *store; /* borrowed; NULL: memory only */
	struct list unsaved; /* resources that are to be stored */
	int64_t born;	     /* wall ms: what is older is of an earlier mount */
	int64_t born_ms;     /* the same, monotonic */
	int64_t refreshed;   /* wall ms: what is older is not taken from the store; 0: never */
};

#define CACHE_RESOURCE_BYTES ((size_t)512) /* what a resource takes beside its content */

void cache_init(struct cache *c, struct api *api, size_t bytes_max);
void cache_done(struct cache *c);
void cache_drop(struct cache *c); /* forgets all; what somebody waits for is asked for anew */

/* Who wants it, for whoever keeps the peace among them: fills in `bulk` and `delay_ms` of a
 * request that begins for it, or (!begins) of one that was begun for another. */
struct asker {
	void (*asks)(struct asker *k, struct api_request *rq, bool begins);
};

struct cache_want {
	const char *key;
	const struct item_class *class; /* NULL: a document */
	const char *scope;
	size_t max;	     /* items at the most */
	int64_t fresh_ms;    /* how old an answer may be */
	int64_t since;	     /* ms: an answer or an error of then or later is good enough */
	bool stale_ok;	     /* an older answer will do, and nothing is asked for */
	bool peek;	     /* never ask the server */
	bool ahead;	     /* nobody waits for it yet; `w` is NULL */
	struct asker *asker; /* borrowed; NULL: the mount itself */
	bool raw;	     /* a document that is not JSON; it is not stored */
	uint64_t least;	     /* bytes that one has, as its list told */
};

/*
 * Finds what is wanted. 0 with *ret (borrowed until the next call into the
 * cache); -EINPROGRESS: it is being fetched, and `w` (NULL for a peek) is told; or
 * the errno of a try that ended after `since`. An answer that is too old is given
 * when asking again failed for a reason that passes (network, 429, 5xx).
 */
int cache_need(struct cache *c, const struct cache_want *want, struct waiter *w, struct resource **ret);

/* Adds to `to` what has come so far of a listing that is being fetched; see lister_give(). -ENOENT:
 * it is not, or is of those that are given whole. */
int cache_coming(struct cache *c, const char *key, struct listing *to, size_t *given);

/* The listing that holds the item, the last used one of several, and one that tells what its
 * rows are before one that does not (window.h); borrowed, NULL: none. */
struct resource *cache_holder(struct cache *c, const struct item *i);

/* A change of ours made the answer to `key` untrue: it is not given out again, and one
 * that is under way is asked for anew when it comes. */
void cache_outdate(struct cache *c, const char *key);

/* Forgets the resource, unless it is being fetched. */
void cache_forget(struct cache *c, const char *key);

/* What is kept of an earlier mount is given out at once while it is at the most so many
 * times as old as it may be, and asked for anew meanwhile. */
#define CACHE_KEPT_TIMES 10
/* So long after such a try failed there is no other. */
#define CACHE_KEPT_RETRY_MS 10000
#define CACHE_ACCESS_MS 300000 /* what the token may do, as an earlier mount knew it */

/* From now on `store` keeps what outlives the mount, what is there already too. */
void cache_keep(struct cache *c, struct store *store);

/* Stores a document that came by another way. */
void cache_adopt(struct cache *c, const char *key, struct blob *document, int64_t asked);

/* A listing of issues is brought up to date by its head; so often all of it is asked for. */
#define CACHE_SWEEP_MS 300000

#define CACHE_ABSENT_MS 10000 /* "no such thing", asked of the server */

#endif
