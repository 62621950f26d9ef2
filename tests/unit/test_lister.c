// SPDX-License-Identifier: MIT
/* Listings of issues that move while they are listed: in order, in parts side by side, by row. */
#include "stream.h"

/* ---- in order ---- */

static void test_in_order(void **state)
{
	static const size_t counts[] = {0, 1, 99, 100, 101, 250, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		size_t n = counts[i], pages = n ? (n + PAGE - 1) / PAGE : 1;
		struct fixture *f = begin(n);

		list(f, 1000, NULL);
		for (size_t k = 0; k < pages; k++) {
			assert_int_equal(f->script.n, k + 1);
			assert_int_equal(f->progress, k);
			assert_int_equal(f->ends, 0);
			serve(f, k);
		}
		assert_int_equal(f->ends, 1);
		assert_int_equal(f->script.n, pages);
		assert_false(f->listing->cut);
		lists_all(f, n);
		end(f);
	}
}

static void test_max(void **state)
{
	static const struct {
		size_t n, max, pages;
		bool cut;
	} table[] = {{500, 250, 3, true}, {500, 300, 3, true},	{500, 500, 5, false},  {500, 501, 5, false},
		     {500, 1, 1, true},	  {100, 100, 1, false}, {1100, 1000, 10, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f = begin(table[i].n);

		list(f, table[i].max, NULL);
		run(f, FIRST);
		assert_int_equal(f->script.n, table[i].pages);
		assert_int_equal(f->listing->cut, table[i].cut);
		lists_all(f, table[i].max < table[i].n ? table[i].max : table[i].n);
		end(f);
	}
}

/* An issue that moved down between two pages comes with both, and is one: also of the
 * maximum. */
static void test_moved_between_pages(void **state)
{
	struct fixture *f = begin(500);

	(void)state;
	list(f, 200, NULL);
	serve(f, 0);
	for (unsigned id = 480; id < 485; id++)
		issue_of(f, id)->last = NEWEST_MS - 150 * STEP_MS - id;
	run(f, FIRST);
	assert_int_equal(f->listing->n, 200);
	assert_true(f->listing->cut);
	assert_int_equal(f->script.n, 3);
	lists(f, 16, 484); /* where it came first */
	for (unsigned id = 301; id <= 500; id++)
		holds(f, id, true);
	end(f);
}

static void test_error(void **state)
{
	struct fixture *f = begin(500);

	(void)state;
	list(f, 1000, NULL);
	serve(f, 0);
	script_answer(&f->script, 1, 403, NULL, "{}");
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->error, -EACCES);
	assert_null(f->listing);
	list(f, 1000, NULL);
	script_answer(&f->script, 2, 200, NULL, "{\"no\":\"list\"}");
	assert_int_equal(f->ends, 2);
	assert_int_equal(f->error, -EBADMSG);
	end(f);
}

/* A server whose pages never end. */
static void test_pages_max(void **state)
{
	struct fixture *f = begin(0);

	(void)state;
	list(f, 100000, NULL);
	while (!f->ends)
		script_page(&f->script, f->script.n - 1, f->script.n % 2 ? "cDx" : "cDy", "[]");
	assert_int_equal(f->error, 0);
	assert_int_equal(f->script.n, 2200);
	assert_int_equal(f->listing->n, 0);
	assert_true(f->listing->cut);
	end(f);
}

/* One that leads from a page to itself. */
static void test_same_page(void **state)
{
	struct fixture *f = begin(0);

	(void)state;
	list(f, 100000, NULL);
	script_page(&f->script, 0, "cDx", "[]");
	assert_int_equal(f->ends, 0);
	script_page(&f->script, 1, "cDx", "[]");
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->error, 0);
	assert_int_equal(f->script.n, 2);
	assert_true(f->listing->cut);
	end(f);
}

/* ---- in parts ---- */

/* Each part that was made up begins at a whole second. */
static bool is_made_up(const struct fixture *f, size_t i)
{
	char cursor[128] = "";
	long long value, ties;

	if (!cursor_of(f, i, cursor, sizeof(cursor)) || sscanf(cursor, "%lld:%lld:0", &value, &ties) != 2 ||
	    value % 1000)
		return false;
	assert_int_equal(ties, 0);
	assert_true(value < NEWEST_MS);
	return true;
}

static unsigned count_made_up(const struct fixture *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->script.n; i++)
		n += is_made_up(f, i);
	return n;
}

static void test_parts(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++) {
		struct fixture *f = begin(4000);
		unsigned most;

		list(f, 20000, NULL);
		serve(f, 0);
		assert_int_equal(count_open(f), 24);
		assert_true(count_made_up(f) >= 23);
		most = run(f, (enum order)o);
		assert_int_equal(most, 24);
		lists_all(f, 4000);
		assert_false(f->listing->cut);
		assert_true(f->script.n <= 82);
		assert_true(f->server.made_up >= 12);
		end(f);
	}
}

/* As many round trips as a tenth of the pages, where all answers take as long. */
static void test_rounds(void **state)
{
	struct fixture *f = begin(6000);
	unsigned rounds = 0;

	(void)state;
	f->server.hits = "6000";
	list(f, 20000, NULL);
	while (!f->ends) {
		size_t n = f->script.n;

		f->script.clock.now += 50;
		rounds++;
		for (size_t i = 0; i < n; i++)
			if (is_open(f, i))
				serve(f, i);
	}
	lists_all(f, 6000);
	assert_true(rounds <= 8);
	assert_true(f->script.n <= 66);
	end(f);
}

static void test_parts_max(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++) {
		struct fixture *f = begin(5000);

		list(f, 2050, NULL);
		run(f, (enum order)o);
		lists_all(f, 2050);
		assert_true(f->listing->cut);
		assert_true(f->script.n <= 21 + 24 + 12);
		end(f);
	}
}

/* Issues that get a new event while they are listed: each is there once. */
static void test_parts_moving(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++) {
		struct fixture *f = begin(3000);
		unsigned id = 0;

		list(f, 20000, NULL);
		while (!f->ends) {
			f->script.clock.now += 20;
			if (f->served && f->served % 3 == 0 && id + 211 < 3000)
				moves_up(f, id += 211);
			serve(f, next_open(f, (enum order)o));
		}
		assert_int_equal(f->error, 0);
		assert_int_equal(f->listing->n, 3000);
		for (unsigned k = 1; k <= 3000; k++)
			holds(f, k, true);
		end(f);
	}
}

/* So many move that the last look at the head is of several pages, between which more do. */
static void test_many_moving(void **state)
{
	struct fixture *f = begin(3000);
	unsigned draw = 1;

	(void)state;
	list(f, 20000, NULL);
	while (!f->ends) {
		for (unsigned i = 0; i < 30; i++) {
			f->script.clock.now++;
			draw = (draw * 1103515245 + 12345) & 0x7fffffff;
			moves_up(f, draw / 8 % 3000 + 1);
		}
		serve(f, next_open(f, FIRST));
	}
	assert_int_equal(f->error, 0);
	assert_int_equal(f->listing->n, 3000);
	end(f);
}

/* The same where the parts cannot be: what moved up is at the top. */
static void test_serial_moving(void **state)
{
	struct fixture *f = begin(1500);

	(void)state;
	f->server.cursors = OPAQUE;
	list(f, 20000, NULL);
	for (size_t i = 0; i < 5; i++)
		serve(f, i);
	f->script.clock.now += 61000;
	moves_up(f, 7);
	run(f, FIRST);
	assert_int_equal(f->server.made_up, 0);
	assert_int_equal(f->script.n, 16);
	lists_all(f, 1500);
	lists(f, 0, 7);
	end(f);
}

/* All issues of the parts lie in the older half: a part that is late gives of it away. */
static void test_late_part(void **state)
{
	struct fixture *f = begin(3000);
	struct server *s = &f->server;
	size_t slow, before;

	(void)state;
	for (size_t i = 0; i < s->n; i++) /* from the 200th on ten times as dense, after a pause of a day */
		if (i >= 200)
			s->issues[i].last = NEWEST_MS - 86400000 - (int64_t)i * 701;
	list(f, 20000, NULL);
	serve(f, 0);
	before = f->script.n;
	slow = 1;
	while (count_open(f) > 1) {
		f->script.clock.now += 50;
		for (size_t i = 0; i < f->script.n && count_open(f) > 1; i++)
			if (is_open(f, i) && i != slow)
				serve(f, i);
	}
	assert_true(f->script.n > before);
	assert_int_equal(f->ends, 0);
	run(f, FIRST);
	lists_all(f, 3000);
	end(f);
}

/* Not more parts than the limit makes use of: 5 a second, and an answer takes 200 ms. */
static void test_parts_limited(void **state)
{
	static const struct {
		unsigned limit, took;
		unsigned most;
	} table[] = {{5, 200, 2}, {10, 495, 10}, {5, 10, 1}, {5, 95, 1}, {999, 500, 24}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f = begin(1500);
		char limits[256];

		snprintf(limits, sizeof(limits),
			 "X-Sentry-Rate-Limit-Limit: %u\r\nX-Sentry-Rate-Limit-Remaining: %u\r\n"
			 "X-Sentry-Rate-Limit-Reset: %lld\r\n",
			 table[i].limit, table[i].limit, (long long)SCRIPT_START_WALL + 1);
		f->server.limits = limits;
		list(f, 20000, NULL);
		f->script.clock.now += table[i].took;
		serve(f, 0);
		assert_int_equal(count_open(f), table[i].most);
		assert_int_equal(run(f, FIRST), table[i].most);
		lists_all(f, 1500);
		end(f);
	}
}

static void test_not_worth_it(void **state)
{
	static const struct {
		const char *hits;
		enum cursors cursors;
		size_t n, max;
		bool parts;
	} table[] = {{"999", SEEK, 950, 20000, false},	   {"1000", SEEK, 1200, 20000, true},
		     {NULL, SEEK, 1200, 20000, true},	   {"many", SEEK, 1200, 20000, true},
		     {"1200", OPAQUE, 1200, 20000, false}, {"1200", OFFSET, 1200, 20000, false},
		     {"1200", SEEK, 1200, 1000, false},	   {"1200", SEEK, 1200, 1001, true},
		     {"5000", SEEK, 80, 20000, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f = begin(table[i].n);
		unsigned most;

		f->server.hits = table[i].hits;
		f->server.cursors = table[i].cursors;
		list(f, table[i].max, NULL);
		most = run(f, FIRST);
		assert_int_equal(most > 1, table[i].parts);
		assert_int_equal(f->server.made_up > 0, table[i].parts);
		lists_all(f, table[i].n < table[i].max ? table[i].n : table[i].max);
		end(f);
	}
}

/* A server that refuses cursors of others, and ones that answer them with the first page or
 * with nothing: whichever part answers first, the listing is whole. */
static void test_fall_back(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++)
		for (unsigned how = 0; how < 3; how++) {
			struct fixture *f = begin(2500);

			f->server.refuses = how == 0;
			f->server.ignores = how == 1;
			f->server.empties = how == 2;
			list(f, 20000, NULL);
			run(f, (enum order)o);
			assert_true(f->server.made_up >= 1);
			lists_all(f, 2500);
			assert_false(f->listing->cut);
			end(f);
		}
}

/* The first part has come to its end before another turns out to be none. */
static void test_late_fall_back(void **state)
{
	for (size_t max = 700; max <= 20000; max += 19300) {
		struct fixture *f = begin(2500);

		(void)state;
		f->server.refuses = true;
		list(f, max + 1000, NULL);
		serve(f, 0);
		for (size_t i = 1; i < f->script.n; i++)
			if (is_open(f, i) && !is_made_up(f, i))
				serve(f, i);
		assert_int_equal(f->server.made_up, 0);
		assert_true(count_open(f) > 0);
		run(f, FIRST);
		lists_all(f, max + 1000 < 2500 ? max + 1000 : 2500);
		assert_int_equal(f->listing->cut, max == 700);
		end(f);
	}
}

/* Entries that cannot be used say nothing of where a page begins. */
static void test_nameless(void **state)
{
	struct fixture *f = begin(2500);

	(void)state;
	f->server.nameless = true;
	list(f, 20000, NULL);
	serve(f, 0);
	assert_int_equal(count_open(f), 24);
	run(f, FIRST);
	assert_int_equal(f->error, 0);
	assert_true(f->listing->n > 2400);
	end(f);

	f = begin(2500);
	f->server.nameless = f->server.ignores = true;
	list(f, 20000, NULL);
	run(f, LAST);
	assert_int_equal(f->error, 0);
	assert_true(f->listing->n >= 2500 - 27);
	end(f);
}

static void test_part_fails(void **state)
{
	struct fixture *f = begin(3000);

	(void)state;
	list(f, 20000, NULL);
	serve(f, 0);
	serve(f, 3);
	script_answer(&f->script, 5, 403, NULL, "{\"detail\":\"no\"}");
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->error, -EACCES);
	assert_null(f->listing);
	assert_int_equal(count_open(f), 0);
	end(f);
}

static void test_cancel(void **state)
{
	struct fixture *f = begin(3000);

	(void)state;
	list(f, 20000, NULL);
	lister_cancel(f->lister);
	assert_int_equal(count_open(f), 0);
	list(f, 20000, NULL);
	serve(f, 1);
	serve(f, 4);
	serve(f, 2);
	assert_true(count_open(f) > 10);
	lister_cancel(f->lister);
	f->lister = NULL;
	assert_int_equal(count_open(f), 0);
	assert_int_equal(f->ends, 0);
	lister_cancel(NULL);
	end(f);
}

/* ---- by offset ---- */

static void list_rows(struct fixture *f, size_t n, size_t max, enum order order, unsigned *most)
{
	for (size_t i = 0; i < n; i++)
		f->server.issues[i] = (struct issue){.id = (unsigned)(n - i), .last = NEWEST_MS - (int64_t)i * STEP_MS};
	f->server.n = n;
	f->server.cursors = OFFSET;
	f->server.told = 0;
	f->plan = (struct lister_plan){.api = &f->api,
				       .items = &f->cache.items,
				       .key = "organizations/o/members/",
				       .scope = "members",
				       .class = &item_any,
				       .max = max,
				       .asked = f->script.clock.now};
	f->lister = lister_new(&f->plan, on_done, on_progress, f);
	assert_non_null(f->lister);
	*most = run(f, order);
	assert_int_equal(f->error, 0);
	assert_int_equal(f->listing->n, n < max ? n : max);
	for (size_t i = 0; i < f->listing->n; i++)
		assert_int_equal(strtoul(f->listing->items[i]->name, NULL, 10), n - i);
}

static void test_rows(void **state)
{
	static const struct {
		size_t n, max;
		unsigned least, requests, at_once;
		bool cut;
	} table[] = {
		{0, 1000, 1, 1, 1, false},	  {99, 1000, 1, 1, 1, false},	 {100, 1000, 1, 1, 1, false},
		{101, 1000, 2, 2, 1, false},	  {199, 1000, 2, 2, 1, false},	 {200, 1000, 3, 4, 2, false},
		{1000, 1000, 11, 11, 4, false},	  {1001, 1000, 11, 11, 4, true}, {950, 100000, 10, 13, 4, false},
		{2500, 100000, 26, 29, 4, false}, {5000, 250, 3, 3, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (enum order o = FIRST; o <= MIXED; o++) {
			struct fixture *f = begin(0);
			unsigned most;

			list_rows(f, table[i].n, table[i].max, o, &most);
			assert_int_equal(f->listing->cut, table[i].cut);
			assert_in_range(f->script.n, table[i].least, table[i].requests);
			assert_int_equal(most, table[i].at_once);
			end(f);
		}
}

/* A server that does not take the cursors that were foretold, or gives others. */
static void test_rows_fall_back(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++)
		for (enum order o = FIRST; o <= MIXED; o++) {
			struct fixture *f = begin(0);
			unsigned most;

			f->server.refuses = how == 0;
			f->server.ignores = how == 1;
			f->server.later = how == 2 ? 90 : 0;
			list_rows(f, 950, 100000, o, &most);
			assert_false(f->listing->cut);
			assert_true(f->script.n <= 10 + 1 + 2 * 4);
			end(f);
		}
}

/* Rows that move down a page between two answers come once. */
static void test_rows_moving(void **state)
{
	struct fixture *f = begin(0);
	unsigned most;

	(void)state;
	list_rows(f, 600, 100000, FIRST, &most);
	f->lister = lister_new(&f->plan, on_done, on_progress, f);
	assert_non_null(f->lister);
	for (unsigned ends = f->ends; f->ends == ends;) {
		f->server.issues[f->server.n] = (struct issue){.id = (unsigned)f->server.n + 1,
							       .last = NEWEST_MS + (int64_t)f->server.n * STEP_MS};
		f->server.n++;
		f->script.clock.now += 50;
		serve(f, next_open(f, MIXED));
	}
	assert_int_equal(f->error, 0);
	for (unsigned id = 1; id <= 600; id++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", id);
		assert_non_null(map_get(&f->listing->by_name, str_of(name)));
	}
	end(f);
}

/* ---- given while it comes ---- */

static void test_given_as_it_comes(void **state)
{
	struct fixture *f = begin(3000);
	struct listing *l = listing_new(0);
	size_t given = 0, turns = 0;
	unsigned ends = f->ends;

	(void)state;
	list(f, 5000, NULL);
	assert_int_equal(lister_give(f->lister, l, &given), 0);
	assert_int_equal(l->n, 0);
	while (f->ends == ends) {
		f->script.clock.now += 50;
		serve(f, next_open(f, MIXED));
		if (f->ends == ends)
			assert_int_equal(lister_give(f->lister, l, &given), 0);
		turns += l->n > 0 && l->n < 3000;
		for (size_t i = 0; i < l->n; i++) {
			char name[32];

			snprintf(name, sizeof(name), "WEB-%u", (unsigned)(3000 - i));
			assert_string_equal(l->items[i]->name, name);
		}
	}
	assert_true(turns > 5);
	assert_int_equal(l->asked, f->plan.asked);
	listing_unref(l);
	/* what is short comes whole */
	list(f, 1000, NULL);
	assert_int_equal(lister_give(f->lister, NULL, NULL), -ENOENT);
	run(f, FIRST);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_max),
		cmocka_unit_test(test_moved_between_pages),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_pages_max),
		cmocka_unit_test(test_same_page),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_parts_max),
		cmocka_unit_test(test_parts_moving),
		cmocka_unit_test(test_many_moving),
		cmocka_unit_test(test_serial_moving),
		cmocka_unit_test(test_late_part),
		cmocka_unit_test(test_parts_limited),
		cmocka_unit_test(test_not_worth_it),
		cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_late_fall_back),
		cmocka_unit_test(test_nameless),
		cmocka_unit_test(test_part_fails),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_fall_back),
		cmocka_unit_test(test_rows_moving),
		cmocka_unit_test(test_given_as_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
