// SPDX-License-Identifier: MIT
/* The system's time. CLOCK_BOOTTIME goes on while the machine is suspended, and the
 * difference to CLOCK_MONOTONIC is how long it was. */
#include "sentryfs/clock.h"

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t now_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_BOOTTIME);
}

static void wall(const struct clock *c, struct timespec *ts)
{
	(void)c;
	clock_gettime(CLOCK_REALTIME, ts);
}

static int64_t slept_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_BOOTTIME) - read_ms(CLOCK_MONOTONIC);
}

void clock_moment(const struct clock *c, int64_t ms, char text[CLOCK_TEXT])
{
	struct timespec at;
	struct tm tm = {0};

	c->wall(c, &at);
	at.tv_sec -= (c->now_ms(c) - ms) / 1000;
	gmtime_r(&at.tv_sec, &tm);
	strftime(text, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

const struct clock clock_system = {.now_ms = now_ms, .wall = wall, .slept_ms = slept_ms};
