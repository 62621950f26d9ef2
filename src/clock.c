// SPDX-License-Identifier: MIT
/* The system's time. CLOCK_BOOTTIME goes on while the machine is suspended. */
#include "sentryfs/clock.h"

static int64_t now_ms(const struct clock *c)
{
	struct timespec ts;

	(void)c;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void wall(const struct clock *c, struct timespec *ts)
{
	(void)c;
	clock_gettime(CLOCK_REALTIME, ts);
}

const struct clock clock_system = {.now_ms = now_ms, .wall = wall};
