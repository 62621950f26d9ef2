// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CLOCK_H
#define SENTRYFS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Time as the program sees it; tests put their own in its place. */
struct clock {
	int64_t (*now_ms)(const struct clock *); /* monotonic, counts suspend */
	void (*wall)(const struct clock *, struct timespec *);
	/* ms of now_ms that the machine was suspended; NULL: it never is */
	int64_t (*slept_ms)(const struct clock *);
};

static inline int64_t clock_slept_ms(const struct clock *c)
{
	return c->slept_ms ? c->slept_ms(c) : 0;
}

static inline int64_t clock_wall_ms(const struct clock *c)
{
	struct timespec ts;

	c->wall(c, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#define CLOCK_TEXT 32
/* What the wall clock showed at now_ms == `ms`: `2026-11-24T09:00:00Z`. */
void clock_moment(const struct clock *c, int64_t ms, char text[CLOCK_TEXT]);

extern const struct clock clock_system;

#endif
