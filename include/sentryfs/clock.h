// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CLOCK_H
#define SENTRYFS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Time as the program sees it; tests put their own in its place. */
struct clock {
	int64_t (*now_ms)(const struct clock *); /* monotonic, counts suspend */
	void (*wall)(const struct clock *, struct timespec *);
};

extern const struct clock clock_system;

#endif
