// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_API_H
#define SENTRYFS_API_H

#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/clock.h"
#include "sentryfs/http.h"
#include "sentryfs/journal.h"
#include "sentryfs/list.h"

/*
 * Sentry's API: base URL, authorization, retries, rate limits, paging, and one
 * table from HTTP status to errno. Knows no files.
 */

/* The buckets of the server's limiter. Endpoints without a limit of their own share one
 * for each method. */
enum api_class {
	API_ISSUE_LIST,
	API_ISSUE,
	API_EVENT,
	API_TAGS,
	API_PROJECT_EVENTS,
	API_GET,
	API_PUT, /* from here on what changes something */
	API_POST,
	API_DELETE,
	API_CLASSES
};

struct api {
	struct transport *transport; /* borrowed; may be replaced while nothing is in flight */
	const struct clock *clock;
	struct list servers;	  /* owned: struct server, the mount's own first, then those of regions */
	const char *origin;	  /* of the first */
	char *authorization;	  /* owned, wiped */
	unsigned tokens;	  /* how many there were before this one */
	void (*renew)(void *arg); /* may call api_set_token(): the server refuses this one; or NULL */
	void *renew_arg;
	unsigned timeout_s;
	struct list waiting; /* calls that have a time to wait for */
	struct list running; /* and those that were sent */
	struct journal requests, errors, changes;
	/* Where requests of an organization go: an origin that the caller owns, NULL: `origin`. */
	char *(*region)(void *arg, struct str organization);
	void *region_arg;
	bool limited;  /* the server tells its rate limits */
	bool answered; /* since the last tick: there may be room for who waits */
	bool offline;  /* nothing is sent: every call ends with -EHOSTUNREACH */
	uint64_t sent;
};

int api_init(struct api *a, const char *origin, const char *token, unsigned timeout_s, const struct clock *clock);
void api_done(struct api *a);
/* Another token from now on; what is under way ends with its own. False when it is the same,
 * or without memory. */
bool api_set_token(struct api *a, const char *token);
/* What a bucket is called for a person. */
const char *api_class_name(enum api_class class);

struct api_answer {
	int error; /* 0 or -errno, by the table */
	long status;
	struct buf *body;  /* bytes may be taken with buf_to_blob */
	struct str cursor; /* of the next page, s == NULL at the end */
	uint64_t hits;	   /* how many the whole list has, an estimate; UINT64_MAX: not told */
	uint64_t hits_max; /* what the server stops counting at; UINT64_MAX: not told */
	int64_t date;	   /* s: what the server's clock shows; ours, where it does not say */
	const char *words; /* one sentence for a person when error is set */
	bool unrouted;	   /* a 404 of no object but of the path: the server has nothing there */
	bool unsent;	   /* it never reached the server */
	bool uncertain;	   /* no answer that tells whether a change was done */
	bool lacks_scope;  /* a 403 that says so (WWW-Authenticate: insufficient_scope) */
};

typedef void api_done_fn(void *arg, struct api_answer *answer);

struct api_request {
	const char *method;   /* GET, PUT, POST or DELETE */
	const char *path;     /* below origin/api/0/ */
	const char *cursor;   /* NULL: the first page */
	const char *body;     /* JSON, or NULL */
	unsigned within_ms;   /* an answer must have come by then; 0: the api's timeout */
	bool ahead;	      /* nobody waits for it yet: it gives way */
	bool bulk;	      /* who waits for it asks for much: it gives way too, to who does not */
	unsigned delay_ms;    /* it is not sent before */
	unsigned tokens;      /* its body names the user of the token that had this number (api->tokens); 0: no one's */
	struct server *probe; /* it goes there, once, whatever is held back; NULL: where its path belongs */
};

struct api_call;
/*
 * Sends a request. A GET is tried again, at most twice, on connection errors, 502, 503
 * and 504; what changes something never is, since it may have been done. A 429 was not
 * done: it is waited out, whatever the method, while its reset lies within the time. A 401
 * was not done either: it is sent once more when there is another token by then, unless it
 * names the user of the one before, who may be another.
 * `done` is called once, later, unless cancelled. NULL without memory.
 */
struct api_call *api_send(struct api *a, const struct api_request *rq, api_done_fn *done, void *arg);
void api_cancel(struct api_call *c);
/* Somebody waits for it now, who is as `rq` says: `bulk`, and slowed (`delay_ms`) or not. */
void api_hurry(struct api_call *c, const struct api_request *rq);

/* Starts what has waited long enough. Returns ms until it wants to be called
 * again, -1 when nothing waits. */
int64_t api_tick(struct api *a);

/* The machine was suspended for so long: times go on from where they were, and what was
 * only asked is asked again, since nobody may answer any more. */
void api_slept(struct api *a, int64_t ms);

/* The table of DESIGN section 4: 0 for 2xx. */
int api_status_to_errno(long status);
/* The server's own words out of an error body of any shape; one line. */
void api_error_words(struct buf *b, struct str body);

#endif
