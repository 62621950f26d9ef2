// SPDX-License-Identifier: MIT
/*
 * What the server lets through, counted: the wait by what is known, and what each
 * answer makes known.
 */
#include "script.h"

#include "sentryfs/governor.h"

#define W SCRIPT_START_WALL
#define NOW SCRIPT_START_MS

struct fixture {
	struct script_clock clock;
	struct governor governor;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){.clock = {{script_now, script_wall}, SCRIPT_START_MS}};
}

static int64_t wait(const struct fixture *f, bool ahead)
{
	return governor_wait(&f->governor, &f->clock.clock, ahead);
}

static int64_t bulk_wait(const struct fixture *f)
{
	return governor_wait(&f->governor, &f->clock.clock, RANK_BULK);
}

static void start(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		governor_begin(&f->governor, &f->clock.clock);
}

static void answered(struct fixture *f, long status, const char *headers)
{
	struct http_response r = {.status = status, .words = ""};

	buf_init(&r.headers, 65536);
	buf_puts(&r.headers, headers);
	governor_end(&f->governor, &f->clock.clock, &r);
	buf_done(&r.headers);
}

static const char *window(unsigned limit, unsigned remaining, int64_t reset)
{
	static char headers[256];

	snprintf(headers, sizeof(headers),
		 "X-Sentry-Rate-Limit-Limit: %u\r\nX-Sentry-Rate-Limit-Remaining: %u\r\n"
		 "X-Sentry-Rate-Limit-Reset: %lld\r\n",
		 limit, remaining, (long long)reset);
	return headers;
}

/* An answer to one request of which nothing else is known. */
static void told(struct fixture *f, const char *headers)
{
	start(f, 1);
	answered(f, 200, headers);
}

static void test_wait(void **state)
{
	static const struct {
		const char *what;
		struct governor g;
		int64_t wait, ahead; /* ms */
	} table[] = {
		{"nothing is known", {.running = 0}, 0, 0},
		{"before the first answer", {.running = 3, .first = NOW}, 0, 0},
		{"before the first answer, four run", {.running = 4, .first = NOW - 300}, 700, 700},
		{"it does not come", {.running = 7, .first = NOW - 1000}, 0, 0},
		{"nothing is known, seven run", {.heard = true, .running = 7}, 0, 0},
		{"nothing is known, eight run", {.heard = true, .running = 8}, 0, 1000},
		{"room", {.known = true, .limit = 10, .remaining = 10, .reset = W + 1}, 0, 0},
		{"the last one", {.known = true, .limit = 10, .remaining = 1, .reset = W + 1}, 0, 1020},
		{"a fifth is kept", {.known = true, .limit = 10, .remaining = 2, .reset = W + 1}, 0, 1020},
		{"more than a fifth", {.known = true, .limit = 10, .remaining = 3, .reset = W + 1}, 0, 0},
		{"a fifth, rounded up", {.known = true, .limit = 6, .remaining = 2, .reset = W + 1}, 0, 1020},
		{"of one nothing is left", {.known = true, .limit = 1, .remaining = 1, .reset = W + 1}, 0, 1020},
		{"on their way",
		 {.known = true, .limit = 10, .remaining = 5, .running = 5, .counted = 5, .reset = W + 2},
		 2020,
		 2020},
		{"some on their way",
		 {.known = true, .limit = 10, .remaining = 5, .running = 3, .counted = 3, .reset = W + 2},
		 0,
		 2020},
		{"run, but of an older window",
		 {.known = true, .limit = 10, .remaining = 5, .running = 9, .counted = 0, .reset = W + 2},
		 0,
		 0},
		{"the window has ended", {.known = true, .limit = 10, .remaining = 0, .reset = W}, 0, 0},
		{"far away", {.known = true, .limit = 10, .remaining = 0, .reset = W + 99999}, 3600020, 3600020},
		{"at once, room", {.known = true, .limit = 99, .remaining = 99, .reset = W + 1, .at_once = 10}, 0, 0},
		{"at once, all but a fifth",
		 {.known = true, .limit = 99, .remaining = 99, .reset = W + 1, .at_once = 10, .running = 8},
		 0,
		 1000},
		{"at once, full",
		 {.known = true, .limit = 99, .remaining = 99, .reset = W + 1, .at_once = 10, .running = 10},
		 1000,
		 1000},
		{"at once, full, though the window has ended",
		 {.known = true, .limit = 9, .reset = W, .at_once = 2, .running = 2},
		 1000,
		 1000},
		{"refused", {.blocked = NOW + 3000}, 3000, 3000},
		{"was refused", {.blocked = NOW}, 0, 0},
		{"refused for long: one tries", {.blocked = NOW + 60000}, 0, 0},
		{"refused for long: one is trying", {.blocked = NOW + 60000, .running = 1}, 60000, 60000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture f;

		begin(&f);
		f.governor = table[i].g;
		f.governor.offset = W * 1000 - NOW;
		if (wait(&f, false) != table[i].wait || wait(&f, true) != table[i].ahead)
			fail_msg("%s: %lld ms, ahead %lld ms", table[i].what, (long long)wait(&f, false),
				 (long long)wait(&f, true));
		/* who asks for much gives way like what is ahead, but has the only one that there is, and what is
		 * kept as the window ends */
		if (table[i].g.limit == 1 || table[i].g.at_once == 1)
			assert_int_equal(bulk_wait(&f), table[i].wait);
		else if (!table[i].wait && table[i].ahead > 1000)
			assert_int_equal(bulk_wait(&f), table[i].ahead - 300);
		else
			assert_int_equal(bulk_wait(&f), table[i].ahead);
	}
}

/* The kept fifth goes to who asks for much when nobody else came for it, not to what is ahead. */
static void test_kept_until_the_end(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	told(&f, window(5, 1, W + 1));
	assert_int_equal(wait(&f, false), 0);
	assert_int_equal(bulk_wait(&f), 720);
	f.clock.now += 720;
	assert_int_equal(bulk_wait(&f), 0);
	assert_int_equal(wait(&f, true), 300);
	start(&f, 1);
	assert_int_equal(bulk_wait(&f), 300);
	assert_int_equal(wait(&f, false), 300);
}

/* Within a second the time to the reset is less than whole seconds say. */
static void test_part_of_a_second(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	told(&f, window(10, 0, W + 1));
	assert_int_equal(wait(&f, false), 1020);
	f.clock.now += 700;
	assert_int_equal(wait(&f, false), 320);
	f.clock.now += 300;
	assert_int_equal(wait(&f, false), 0);
}

/* Ten of a window are let through and an eleventh is not, whichever answers first. */
static void test_any_order(void **state)
{
	static const unsigned orders[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 4, 0, 3, 1}, {3, 0, 4, 1, 2}};

	(void)state;
	for (size_t o = 0; o < sizeof(orders) / sizeof(*orders); o++) {
		struct fixture f;

		begin(&f);
		told(&f, window(10, 9, W + 1));
		start(&f, 5);
		for (unsigned i = 0; i < 5; i++) {
			answered(&f, 200, window(10, 8 - orders[o][i], W + 1));
			assert_true(f.governor.remaining >= f.governor.counted);
			assert_true(f.governor.remaining - f.governor.counted <= 4);
		}
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(wait(&f, false), 0);
			start(&f, 1);
		}
		assert_int_equal(wait(&f, false), 1020);
	}
}

/* A window that ended: the next is thought to be as the last was, until it is told of. */
static void test_new_window(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	told(&f, window(5, 0, W + 1));
	f.clock.now += 1020;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(wait(&f, false), 0);
		start(&f, 1);
	}
	assert_int_equal(wait(&f, false), 1000);
	/* it is longer, and others use it too */
	answered(&f, 200, window(5, 4, W + 10));
	assert_int_equal(f.governor.remaining, 4);
	assert_int_equal(f.governor.counted, 4);
	assert_int_equal(wait(&f, false), 9000);
	answered(&f, 200, window(5, 3, W + 10));
	answered(&f, 200, window(5, 2, W + 10));
	answered(&f, 200, window(5, 1, W + 10));
	answered(&f, 200, window(5, 0, W + 10));
	assert_int_equal(f.governor.running, 0);
	assert_int_equal(wait(&f, false), 9000);
}

/* What is under way when a window ends is counted in the next one, until its answer tells of the old one. */
static void test_window_ends_under_way(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	told(&f, window(5, 4, W + 1));
	start(&f, 3);
	f.clock.now += 1020;
	assert_int_equal(wait(&f, false), 0);
	start(&f, 2);
	assert_int_equal(wait(&f, false), 1000);
	answered(&f, 200, window(5, 3, W + 1));
	assert_int_equal(wait(&f, false), 0);
	start(&f, 1);
	/* this one came to the server later, and is in what remains */
	answered(&f, 200, window(5, 4, W + 2));
	assert_int_equal(f.governor.remaining, 4);
	assert_int_equal(f.governor.counted, 4);
	assert_int_equal(wait(&f, false), 1000);
}

/* Answers of a window that has ended say nothing of the one that has begun. */
static void test_late_answers(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	told(&f, window(5, 4, W + 1));
	start(&f, 2); /* of the first window */
	f.clock.now += 1000;
	start(&f, 2); /* of the second */
	assert_int_equal(f.governor.running, 4);
	answered(&f, 200, window(5, 4, W + 2));
	answered(&f, 200, window(5, 0, W + 1)); /* late */
	assert_int_equal(f.governor.remaining, 4);
	assert_int_equal(wait(&f, false), 0);
	assert_int_equal(f.governor.limit, 5);
}

static void test_refused(void **state)
{
	static const struct {
		const char *headers;
		int64_t wait;
	} table[] = {
		{"Retry-After: 3\r\n", 3000},
		{"Retry-After: 3\r\nX-Sentry-Rate-Limit-Reset: 1767225609\r\n", 3000},
		{"X-Sentry-Rate-Limit-Reset: 1767225609\r\n", 9020},
		{"X-Sentry-Rate-Limit-Reset: 1767225600\r\n", 100}, /* ends now */
		{"X-Sentry-Rate-Limit-Reset: 5\r\n", 100},
		{"X-Sentry-Rate-Limit-Reset: 18446744073709551615\r\n", 1000},
		{"", 1000},
		{"Retry-After: 0\r\n", 100}, /* not as fast as the server answers */
		{"Retry-After: soon\r\n", 1000},
		{"Retry-After: -1\r\n", 1000},
		{"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", 1000},
		{"Retry-After: 99999999999999999999\r\n", 1000},
		{"Retry-After: 18446744073709551615\r\n", 3600000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture f;

		begin(&f);
		start(&f, 1);
		answered(&f, 429, table[i].headers);
		if (f.governor.blocked - NOW != table[i].wait)
			fail_msg("%s: %lld ms", table[i].headers, (long long)(f.governor.blocked - NOW));
		f.clock.now = f.governor.blocked;
		assert_int_equal(wait(&f, false), 0);
	}
}

/* Who says "at once" and refuses again is asked less and less often, until it answers. */
static void test_refused_again(void **state)
{
	static const int64_t waits[] = {100, 200, 400, 800, 800};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		/* several at once are one refusal */
		start(&f, 3);
		for (unsigned n = 0; n < 3; n++)
			answered(&f, 429, "Retry-After: 0\r\n");
		assert_int_equal(wait(&f, false), waits[i]);
		f.clock.now += waits[i];
	}
	told(&f, "");
	start(&f, 1);
	answered(&f, 429, window(5, 0, 5));
	assert_int_equal(wait(&f, false), 100);
	/* what it tells is kept to */
	answered(&f, 429, "Retry-After: 3\r\n");
	assert_int_equal(wait(&f, false), 3000);
}

/* A reset that nobody waits for, as of a server that tells it in ms, is no window; one request at a time tries. */
static void test_window_without_end(void **state)
{
	static const int64_t resets[] = {W * 1000, W + 3600, W + 64};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(resets) / sizeof(*resets); i++) {
		begin(&f);
		told(&f, window(10, 0, resets[i]));
		assert_int_equal(wait(&f, false), 0);
		start(&f, 1);
		assert_true(wait(&f, false) > 60000);
		answered(&f, 200, window(10, 9, resets[i]));
		assert_int_equal(wait(&f, false), 0);
		/* one such answer takes nothing from the window that is known */
		told(&f, window(10, 9, W + 1));
		told(&f, window(10, 1, resets[i]));
		f.clock.now += 1020;
		start(&f, 9);
		assert_int_equal(wait(&f, false), 0);
	}
	begin(&f);
	told(&f, window(10, 0, W + 60));
	assert_int_equal(wait(&f, false), 60020);
}

/* A refusal for an hour: one at a time tries, and the first good answer ends it. */
static void test_long_refusal(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, 2);
	answered(&f, 429, "Retry-After: 3000\r\n");
	assert_int_equal(wait(&f, false), 3000000); /* the other is under way */
	governor_end(&f.governor, &f.clock.clock, NULL);
	assert_int_equal(wait(&f, false), 0);
	start(&f, 1);
	assert_int_equal(wait(&f, false), 3000000);
	answered(&f, 429, "Retry-After: 3000\r\n");
	assert_int_equal(wait(&f, false), 0);
	start(&f, 1);
	answered(&f, 200, "");
	assert_int_equal(f.governor.blocked, 0);
	start(&f, 3);
	assert_int_equal(wait(&f, false), 0);
	/* a short one is waited out, whoever else succeeds */
	answered(&f, 429, "Retry-After: 2\r\n");
	answered(&f, 200, "");
	assert_int_equal(wait(&f, false), 2000);
}

/* No answer tells nothing: it does not run any more, and the server may have counted it until the window ends. */
static void test_no_answer(void **state)
{
	struct http_response r = {.error = -ECONNRESET, .words = ""};
	struct fixture f;

	(void)state;
	begin(&f);
	told(&f, window(2, 2, W + 5));
	start(&f, 2);
	assert_int_equal(wait(&f, false), 5020);
	governor_end(&f.governor, &f.clock.clock, NULL);
	assert_int_equal(wait(&f, false), 5020);
	governor_end(&f.governor, &f.clock.clock, &r);
	assert_int_equal(f.governor.running, 0);
	assert_int_equal(wait(&f, false), 5020);
	f.clock.now += 5000;
	assert_int_equal(wait(&f, false), 0);
	governor_end(&f.governor, &f.clock.clock, NULL); /* once too often is not below 0 */
	assert_int_equal(f.governor.running, 0);
	assert_int_equal(f.governor.counted, 0);
}

/* The server's clock goes before or behind: a window ends when it does by that one. */
static void test_other_clock(void **state)
{
	static const struct {
		const char *date;
		int64_t ahead; /* s: of the server's reset */
		int64_t wait;
	} table[] = {
		{"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n", 1, 1020},
		{"Date: Thu, 01 Jan 2026 00:01:00 GMT\r\n", 61, 1020},
		{"Date: Wed, 31 Dec 2025 23:00:00 GMT\r\n", -3599, 1020},
		{"Date: Thu, 01 Jan 2026 00:00:02 GMT\r\n", 2, 2020}, /* on its way */
		{"Date: today\r\n", 1, 1020},
		{"Date: \r\n", 1, 1020},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture f;
		char headers[512];

		begin(&f);
		snprintf(headers, sizeof(headers), "%s%s", table[i].date, window(10, 0, W + table[i].ahead));
		told(&f, headers);
		assert_int_equal(wait(&f, false), table[i].wait);
		snprintf(headers, sizeof(headers), "%sX-Sentry-Rate-Limit-Reset: %lld\r\n", table[i].date,
			 (long long)(W + table[i].ahead));
		start(&f, 1);
		answered(&f, 429, headers);
		assert_int_equal(f.governor.blocked - NOW, table[i].wait);
	}
}

/* Somebody sets the clock of this machine: what was known by it says nothing any more. */
static void test_clock_set(void **state)
{
	static const int64_t set[] = {-3600, 3600, -10};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++) {
		begin(&f);
		told(&f, window(10, 0, W + 1));
		assert_int_equal(wait(&f, false), 1020);
		f.clock.set = set[i];
		assert_int_equal(wait(&f, false), 0);
		/* the server's clock stands where it stood */
		start(&f, 1);
		answered(&f, 200,
			 "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nX-Sentry-Rate-Limit-Limit: 10\r\n"
			 "X-Sentry-Rate-Limit-Remaining: 0\r\nX-Sentry-Rate-Limit-Reset: 1767225601\r\n");
		assert_int_equal(wait(&f, false), 1020);
	}
	/* a little is what a clock is disciplined by */
	begin(&f);
	told(&f, window(10, 0, W + 1));
	f.clock.set = -2;
	assert_int_equal(wait(&f, false), 3020);
}

static void test_junk(void **state)
{
	static const char *const junk[] = {
		"",
		"X-Sentry-Rate-Limit-Limit: 10\r\n",
		"X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 0\r\n",
		"X-Sentry-Rate-Limit-Limit: 0\r\nX-Sentry-Rate-Limit-Remaining: 5\r\nX-Sentry-Rate-Limit-Reset: 1\r\n",
		"X-Sentry-Rate-Limit-Limit: ten\r\nX-Sentry-Rate-Limit-Remaining: 5\r\nX-Sentry-Rate-Limit-Reset: "
		"1\r\n",
		"X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: -1\r\nX-Sentry-Rate-Limit-Reset: "
		"1\r\n",
		"X-Sentry-Rate-Limit-Limit: 1000000\r\nX-Sentry-Rate-Limit-Remaining: 5\r\n"
		"X-Sentry-Rate-Limit-Reset: 1\r\n",
		"X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 5\r\n"
		"X-Sentry-Rate-Limit-Reset: 18446744073709551615\r\n",
		"X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 5\r\nX-Sentry-Rate-Limit-Reset: "
		"1e9\r\n",
		"X-Sentry-Rate-Limit-ConcurrentLimit: 4000000000\r\n",
		"X-Sentry-Rate-Limit-ConcurrentLimit: many\r\n",
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		begin(&f);
		told(&f, junk[i]);
		assert_false(f.governor.known);
		assert_int_equal(f.governor.at_once, 0);
		assert_int_equal(wait(&f, true), 0);
	}
	begin(&f);
	told(&f, window(10, 99, W + 1));
	assert_int_equal(f.governor.remaining, 10);
	told(&f, "X-Sentry-Rate-Limit-ConcurrentLimit: 3\r\n");
	assert_int_equal(f.governor.at_once, 3);
	assert_true(f.governor.known);
	/* nothing remains of a window whose size is not told */
	begin(&f);
	told(&f, "X-Sentry-Rate-Limit-Remaining: 0\r\nX-Sentry-Rate-Limit-Reset: 1767225602\r\n");
	assert_int_equal(wait(&f, false), 2020);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_part_of_a_second),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_new_window),
		cmocka_unit_test(test_late_answers),
		cmocka_unit_test(test_window_ends_under_way),
		cmocka_unit_test(test_kept_until_the_end),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_again),
		cmocka_unit_test(test_window_without_end),
		cmocka_unit_test(test_long_refusal),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_other_clock),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_clock_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
