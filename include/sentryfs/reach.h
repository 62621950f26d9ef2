// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_REACH_H
#define SENTRYFS_REACH_H

#include "sentryfs/buf.h"
#include "sentryfs/http.h"

/*
 * Whether the server can be reached. When a request could not even connect, nothing more
 * is sent but one probe now and then: who reads what was seen does not wait, who writes is
 * told at once, and all goes on when the first probe is answered.
 */
struct reach {
	bool away;
	int error;	  /* -errno: why */
	char words[200];  /* what libcurl said */
	int64_t probe_at; /* ms */
	int64_t soonest;  /* ms: the same, when somebody asks meanwhile */
	int64_t pause_ms; /* before the next probe */
	bool probing;
};

#define REACH_FIRST_MS 250  /* from a failure to the first probe, where somebody asks; then twice as long each time, */
#define REACH_PAUSE_MS 4000 /* at most, or where nobody does: with REACH_PROBE_MS all comes back within 10 s */
#define REACH_PROBE_MS 5000 /* that a probe may take */

/* No connection was made: nothing of the request can have been done. */
bool reach_failed(const struct http_response *r);
void reach_lost(struct reach *k, const struct http_response *r, int64_t now);
/* Somebody wants something of it: the next probe comes as soon as it may. */
void reach_want(struct reach *k);
void reach_found(struct reach *k);
/* ms until a probe is due, 0: now, -1: none is, or one is under way. */
int64_t reach_due(const struct reach *k, int64_t now);
/* One sentence: why nothing is sent. */
void reach_words(const struct reach *k, bool changes, struct buf *b);

#endif
