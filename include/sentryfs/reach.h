// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_REACH_H
#define SENTRYFS_REACH_H

#include "sentryfs/buf.h"
#include "sentryfs/http.h"

/*
 * Whether a server can be reached. When a request could not even connect, nothing more
 * is sent but one probe now and then: who reads what was seen does not wait, who writes is
 * told at once, and all goes on when the first probe is answered.
 */
struct reach {
	bool answers;	 /* the last request was answered */
	int64_t since;	 /* ms: so long it is as it is; -1: nothing was asked yet */
	int64_t heard;	 /* ms: of the last answer; -1: none */
	bool away;	 /* nothing is sent but probes */
	int error;	 /* -errno: why */
	char words[200]; /* what libcurl said */
	int64_t due;	 /* ms: of the next probe */
	int64_t soonest; /* ms: the same, when somebody asks meanwhile */
	int64_t pause_ms;
};

#define REACH_FIRST_MS 250  /* from a failure to the first probe, where somebody asks; then twice as long each time, */
#define REACH_PAUSE_MS 4000 /* at most, or where nobody does: with REACH_PROBE_MS all comes back within 10 s */
#define REACH_PROBE_MS 5000 /* that a probe may take */

void reach_init(struct reach *k);
/* No connection was made: nothing of the request can have been done. */
bool reach_failed(const struct http_response *r);
/* A request was answered, or not; `last`: it is not tried again. */
void reach_heard(struct reach *k, const struct http_response *r, bool last, int64_t now);
/* Was the last request not answered? */
bool reach_is_offline(const struct reach *k);
/* ms until a probe is due, 0: now, -1: none is. */
int64_t reach_due(const struct reach *k, int64_t now);
/* One begins now. */
void reach_probed(struct reach *k, int64_t now);
/* Somebody wants something of it, and is told why nothing is sent: the errno, and a sentence. The next
 * probe comes as soon as it may. */
int reach_refuse(struct reach *k, const char *origin, bool changes, struct buf *why);

#endif
