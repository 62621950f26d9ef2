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

extern const struct clock clock_system;

#endif
