// SPDX-License-Identifier: MIT
/*
 * Counting what the server lets through, so that it does not have to refuse.
 *
 * An answer says how many requests remain in its window after it; those that are on
 * their way have not been counted by it, so they are taken off. Must not know
 * requests, only that one begins and one ends.
 */
#include "sentryfs/governor.h"

#define FIRST_AT_ONCE 4u   /* before the first answer: Sentry's least limit is five in a second */
#define FIRST_MS 1000	   /* so long that answer is waited for */
#define UNKNOWN_AT_ONCE 8u /* of what nobody waits for, where no window is told of */
#define RESET_MAX_S 3600
#define LATE_MS 20 /* past a reset, which is told in whole seconds */
#define AGAIN_MS 1000
#define SPARE_MS 300 /* before the end of a window */
#define SKEW_S INT64_C(3)
#define AT_ONCE_MS 100 /* what a server that refuses means by at once */
#define BLOCKED_MAX_MS 60000
#define REFUSED_MAX 4u /* then it waits for 800 ms, whatever it is told */
#define WINDOW_MAX_S (BLOCKED_MAX_MS / 1000 + SKEW_S)

static int64_t wall_s(const struct clock *clock)
{
	struct timespec now;

	clock->wall(clock, &now);
	return now.tv_sec;
}

static int64_t offset_ms(const struct clock *clock)
{
	struct timespec now;

	clock->wall(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - clock->now_ms(clock);
}

/* Is the window known, and by the clock as it goes now? Somebody may have set it, and then a
 * reset may seem hours away. */
static bool is_known(const struct governor *g, const struct clock *clock)
{
	int64_t set = g->known ? offset_ms(clock) - g->offset : 0;

	return g->known && set < SKEW_S * INT64_C(1000) && set > -SKEW_S * INT64_C(1000);
}

static int64_t until_reset_ms(const struct clock *clock, int64_t reset)
{
	struct timespec now;
	int64_t left;

	clock->wall(clock, &now);
	left = reset - now.tv_sec;
	if (left <= 0)
		return AT_ONCE_MS;
	return (left < RESET_MAX_S ? left : RESET_MAX_S) * 1000 - now.tv_nsec / 1000000 + LATE_MS;
}

/* What is left for others than those who wait. */
static unsigned reserve(unsigned of, enum rank rank)
{
	unsigned kept = (of + 4) / 5;

	if (rank == RANK_WAITED_FOR)
		return 0;
	/* where there is one, nothing can be kept of it, but from who does not wait */
	return rank == RANK_BULK && kept >= of ? 0 : kept;
}

int64_t governor_wait(const struct governor *g, const struct clock *clock, enum rank rank)
{
	int64_t now = clock->now_ms(clock), left;

	/* a refusal for longer than anybody waits is tried by one at a time */
	if (g->blocked > now && (g->blocked - now < BLOCKED_MAX_MS || g->running))
		return g->blocked - now;
	if (g->blocked > now)
		return 0;
	if (!g->heard && g->running >= FIRST_AT_ONCE && now - g->first < FIRST_MS)
		return g->first + FIRST_MS - now;
	if (g->at_once && g->running + reserve(g->at_once, rank) >= g->at_once)
		return AGAIN_MS;
	if (!is_known(g, clock))
		return g->running < UNKNOWN_AT_ONCE || rank == RANK_WAITED_FOR ? 0 : AGAIN_MS;
	if (wall_s(clock) >= g->reset)
		return 0; /* a new window; its first answer tells of it */
	if (g->counted + reserve(g->limit, rank) < g->remaining)
		return 0;
	left = until_reset_ms(clock, g->reset);
	/* what is kept ends with its window: when nobody came for it, who asks for much has it */
	if (rank == RANK_BULK && g->counted < g->remaining)
		return left > SPARE_MS ? left - SPARE_MS : 0;
	return left;
}

void governor_begin(struct governor *g, const struct clock *clock)
{
	if (is_known(g, clock) && wall_s(clock) >= g->reset) {
		/* until an answer says better: the next window is as the last one, and what is under
		 * way comes to the server in it */
		g->remaining = g->limit;
		g->counted = g->running;
		g->ended = g->told;
		g->reset = wall_s(clock) + 1;
	}
	if (!g->heard && !g->running)
		g->first = clock->now_ms(clock);
	g->running++;
	g->counted++;
}

static bool number(const struct http_response *r, const char *header, uint64_t *n)
{
	return !str_to_u64(http_header(r, header), n);
}

/* A reset is told by the server's clock, which may be minutes from this one. */
static void learn_skew(struct governor *g, const struct clock *clock, const struct http_response *r)
{
	int64_t date, skew;

	if (!http_date(r, &date))
		return;
	skew = date - wall_s(clock);
	/* answers take their time, and seconds are whole ones */
	if (skew <= g->skew + SKEW_S && skew >= g->skew - SKEW_S)
		return;
	g->skew = skew > SKEW_S || skew < -SKEW_S ? skew : 0;
	g->known = false;
	g->told = g->ended = 0;
}

/* The reset that an answer tells of, by this clock. One that is far off, as of a server that
 * tells it in ms, must not end all requests for as long: it makes no window, and is waited for by
 * one request at a time (BLOCKED_MAX_MS). */
static bool reset_of(const struct governor *g, const struct clock *clock, const struct http_response *r, int64_t *reset)
{
	int64_t last = wall_s(clock) + RESET_MAX_S;
	uint64_t n;

	if (!number(r, "X-Sentry-Rate-Limit-Reset", &n) || n >= INT64_MAX / 2000)
		return false;
	*reset = (int64_t)n - g->skew;
	if (*reset > last)
		*reset = last;
	return true;
}

void governor_end(struct governor *g, const struct clock *clock, const struct http_response *r)
{
	uint64_t limit, remaining, n;
	bool told = r && !r->error && number(r, "X-Sentry-Rate-Limit-Remaining", &remaining);
	int64_t reset;

	g->running -= g->running > 0;
	/* what was sent and tells nothing has been counted by the server, as far as can be known */
	if (g->counted && !told)
		g->remaining -= g->remaining > 0;
	g->counted -= g->counted > 0;
	if (!r || r->error)
		return;
	g->heard = true;
	if (!is_known(g, clock)) {
		g->known = false;
		g->told = g->ended = 0;
	}
	learn_skew(g, clock, r);
	if (number(r, "X-Sentry-Rate-Limit-ConcurrentLimit", &n))
		g->at_once = n < 1000 ? (unsigned)n : 0;
	if (told && number(r, "X-Sentry-Rate-Limit-Limit", &limit) && reset_of(g, clock, r, &reset) && limit &&
	    limit < 1000000 && reset - wall_s(clock) <= WINDOW_MAX_S) {
		/* answers come in any order: of one window the least remaining is the newest, and
		 * one that has ended says nothing of the next */
		if (!g->known || reset > g->reset || (reset > g->ended && remaining < g->remaining))
			g->remaining = (unsigned)(remaining < limit ? remaining : limit);
		if (!g->known || reset > g->reset) {
			g->counted = g->running;
			g->reset = reset;
		}
		if (reset > g->told)
			g->told = reset;
		g->limit = (unsigned)limit;
		g->known = true;
		g->offset = offset_ms(clock);
	}
	if (r->status != 429)
		g->refused = 0;
	if (r->status == 429) {
		int64_t wait = AGAIN_MS, least;

		/* who says at once, and refuses again, is not asked as fast as that for ever */
		g->refused += g->refused < REFUSED_MAX && clock->now_ms(clock) >= g->blocked;
		least = (int64_t)AT_ONCE_MS << g->refused >> 1;
		if (number(r, "Retry-After", &n))
			wait = n ? (int64_t)(n < RESET_MAX_S ? n : RESET_MAX_S) * 1000 : AT_ONCE_MS;
		else if (reset_of(g, clock, r, &reset))
			wait = until_reset_ms(clock, reset);
		g->blocked = clock->now_ms(clock) + (wait > least ? wait : least);
	} else if (g->blocked - clock->now_ms(clock) >= BLOCKED_MAX_MS) {
		g->blocked = 0; /* the one that was tried came through */
	} else if (told && !remaining && reset_of(g, clock, r, &reset) && !g->known) {
		g->blocked = clock->now_ms(clock) + until_reset_ms(clock, reset);
	}
}
