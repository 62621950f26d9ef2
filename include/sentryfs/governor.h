// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_GOVERNOR_H
#define SENTRYFS_GOVERNOR_H

#include "sentryfs/clock.h"
#include "sentryfs/http.h"

/*
 * Sentry's rate limits, one governor for each bucket of the server's limiter
 * (sentry-api 3.1): so many requests in a window, so many at once. What is known comes
 * from the headers of the answers; before the first one a few requests are let through.
 *
 * A fifth of each is kept for what somebody waits for who asks for little: what is made
 * ahead of its need, and what is for who asks for much, gives way.
 */
enum rank { RANK_WAITED_FOR, RANK_AHEAD, RANK_BULK };

struct governor {
	bool heard;	    /* there was an answer */
	int64_t first;	    /* ms: when the first of those began that wait for it */
	bool known;	    /* a window was told of */
	unsigned limit;	    /* requests in a window */
	unsigned remaining; /* of them, by the newest answer */
	unsigned at_once;   /* 0: no such limit */
	unsigned running;   /* requests without an answer */
	unsigned counted;   /* of those, begun in this window and not in `remaining` yet */
	int64_t reset;	    /* wall clock, s: when the window ends */
	int64_t told;	    /* s: the newest such time that an answer told of */
	int64_t ended;	    /* s: of the windows up to this one nothing counts any more */
	int64_t skew;	    /* s: how far the server's clock is ahead of this one */
	int64_t offset;	    /* ms: wall clock less now_ms, when the window was told of */
	int64_t blocked;    /* ms: until then nothing, a 429 said */
	unsigned refused;   /* times in a row, those of one time counted once; REFUSED_MAX at most */
};

/* May one more begin? 0; or in how many ms to ask again (it may be sooner: an answer). */
int64_t governor_wait(const struct governor *g, const struct clock *clock, enum rank rank);
void governor_begin(struct governor *g, const struct clock *clock);
/* Its answer came (NULL: it was given up). */
void governor_end(struct governor *g, const struct clock *clock, const struct http_response *r);

#endif
