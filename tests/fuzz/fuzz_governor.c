// SPDX-License-Identifier: MIT
/*
 * Headers of rate limits, answer after answer: an answer a line of the input, \r\n within
 * it written as a NUL; its first byte is how much time passes, its second what happens. Whatever was
 * said, nobody waits for ever, and who waits is told when.
 */
#include "fuzz.h"

#include "sentryfs/governor.h"

struct stand {
	struct clock clock;
	int64_t now;
};

static int64_t now_ms(const struct clock *c)
{
	return ((const struct stand *)c)->now;
}

static void wall(const struct clock *c, struct timespec *ts)
{
	const struct stand *s = (const struct stand *)c;

	ts->tv_sec = (time_t)(1767225600 + s->now / 1000);
	ts->tv_nsec = (long)(s->now % 1000) * 1000000;
}

static void answer(struct governor *g, const struct clock *clock, struct str line, uint8_t how)
{
	static const long statuses[] = {200, 429, 200, 500, 429, 200, 404, 200};
	struct http_response r = {.status = statuses[how & 7], .error = how & 0x40 ? -5 : 0};

	buf_init(&r.headers, 65536);
	for (size_t i = 0; i < line.n; i++) {
		if (line.s[i])
			buf_addc(&r.headers, line.s[i]);
		else
			buf_puts(&r.headers, "\r\n");
	}
	governor_end(g, clock, how & 0x80 ? NULL : &r);
	buf_done(&r.headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size);
	struct stand s = {{now_ms, wall}, 5000000};
	struct governor g = {0};
	unsigned running = 0, turns = 0;
	int64_t left = 0;

	while (text.s) {
		struct str line = str_cut(&text, '\n');
		uint8_t time = line.n ? (uint8_t)*line.s : 0, how = line.n > 1 ? (uint8_t)line.s[1] : 0;

		s.now += (int64_t)time * time * 10;
		if (how & 0x20 || !running) {
			if (!governor_wait(&g, &s.clock, how & 0x10)) {
				governor_begin(&g, &s.clock);
				running++;
			}
		} else {
			line = line.n > 2 ? (struct str){line.s + 2, line.n - 2} : STR("");
			answer(&g, &s.clock, line, how);
			running--;
		}
		MUST(g.running == running && g.counted <= g.running);
	}
	/* all of them end, and then it takes no more than an hour and a turn until one may begin */
	for (; running; running--)
		governor_end(&g, &s.clock, NULL);
	MUST(!g.running && !g.counted);
	for (int64_t wait; (wait = governor_wait(&g, &s.clock, false)) && turns < 10; turns++) {
		MUST(wait > 0 && wait <= 3601000);
		s.now += wait;
		left += wait;
	}
	MUST(turns < 10 && left <= 2 * 3601000);
	return 0;
}
