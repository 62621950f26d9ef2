// SPDX-License-Identifier: MIT
/* Listings that are brought up to date by their head. */
#include "stream.h"

/* Has the listing, as of now, and then a quarter of an hour passes. */
static struct listing *known(struct fixture *f, size_t max)
{
	list(f, max, NULL);
	run(f, FIRST);
	f->script.clock.now += 900000;
	return listing_ref(f->listing);
}

static void test_head(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	size_t n = f->script.n;

	(void)state;
	moves_up(f, 3);
	f->script.clock.now += 2000;
	moves_up(f, 400);
	f->server.issues[f->server.n++] = (struct issue){.id = 501, .last = wall_ms(f) - 1000};
	f->script.clock.now += 2000;
	list(f, 20000, k);
	serve(f, n);
	assert_int_equal(f->script.n, n + 1);
	lists_all(f, 501);
	lists(f, 0, 400);
	lists(f, 1, 501);
	lists(f, 2, 3);
	lists(f, 3, 500);
	assert_false(f->listing->cut);
	assert_int_equal(f->listing->asked, k->asked);
	listing_unref(k);
	end(f);
}

/* What should be in the head and is not has left; what we deleted or merged is not kept. */
static void test_head_leaves(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	struct item *i;

	(void)state;
	issue_of(f, 500)->gone = true; /* within the overlap */
	issue_of(f, 300)->gone = true; /* behind it: stays until all is asked for */
	i = map_get(&k->by_name, STR("WEB-200"));
	assert_int_equal(item_set_gone(i, ITEM_DELETED, f->script.clock.now), 0);
	i = map_get(&k->by_name, STR("WEB-199"));
	assert_int_equal(item_set_gone(i, ITEM_MERGED, f->script.clock.now), 0);
	list(f, 20000, k);
	run(f, FIRST);
	holds(f, 500, false);
	holds(f, 300, true);
	holds(f, 200, false);
	holds(f, 199, false);
	assert_int_equal(f->listing->n, 497);
	listing_unref(k);
	end(f);
}

/* A head that does not end is all there is. */
static void test_head_without_end(void **state)
{
	struct fixture *f = begin(800);
	struct listing *k = known(f, 20000);
	size_t n = f->script.n;

	(void)state;
	for (unsigned id = 1; id <= 700; id++)
		issue_of(f, id)->last = wall_ms(f) - id;
	issue_of(f, 750)->gone = true;
	list(f, 20000, k);
	run(f, FIRST);
	lists_all(f, 799);
	assert_int_equal(f->script.n, n + 8);
	assert_int_equal(f->listing->asked, f->plan.asked);
	listing_unref(k);
	end(f);
}

static void test_head_max(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 300);

	(void)state;
	assert_true(k->cut);
	moves_up(f, 1);
	list(f, 300, k);
	run(f, FIRST);
	lists_all(f, 300);
	assert_true(f->listing->cut);
	listing_unref(k);
	end(f);

	/* full for the first time */
	f = begin(300);
	k = known(f, 300);
	assert_false(k->cut);
	f->server.issues[f->server.n++] = (struct issue){.id = 301, .last = wall_ms(f)};
	list(f, 300, k);
	run(f, FIRST);
	lists_all(f, 300);
	assert_true(f->listing->cut);
	listing_unref(k);
	end(f);
}

/* Of a listing of one page the head is all. */
static void test_head_of_a_page(void **state)
{
	struct fixture *f = begin(100);
	struct listing *k = known(f, 20000);

	(void)state;
	issue_of(f, 1)->gone = true;
	list(f, 20000, k);
	run(f, FIRST);
	assert_int_equal(f->script.n, 2);
	lists_all(f, 99);
	listing_unref(k);
	end(f);
}

/* What a change of ours told of one issue does not move the time from which on the head
 * is asked for: others came before that, and are seen. */
static void test_head_after_a_change(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	struct timespec wall;
	char delta[256];
	struct item *i;

	(void)state;
	f->server.issues[f->server.n++] = (struct issue){.id = 501, .last = wall_ms(f) - 600000};
	f->api.clock->wall(f->api.clock, &wall);
	i = map_get(&k->by_name, STR("WEB-100"));
	snprintf(delta, sizeof(delta), "{\"id\":\"100\",\"lastSeen\":\"2026-01-01T00:14:30Z\"}");
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	issue_of(f, 100)->last = (SCRIPT_START_WALL + 870) * 1000;
	f->script.clock.now += 20000;
	list(f, 20000, k);
	run(f, FIRST);
	lists_all(f, 501);
	listing_unref(k);
	end(f);
}

/* An issue that we changed a moment ago keeps its row, and its old time with it: that does
 * not end the head, nor a part. */
static void test_held_issue(void **state)
{
	static const char delta[] = "{\"status\":\"resolved\"}";
	struct timespec wall = {0};
	struct listing *k;
	struct fixture *f = begin(800);
	struct item *i;

	(void)state;
	k = known(f, 20000);
	i = map_get(&k->by_name, STR("WEB-100"));
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	for (unsigned id = 1; id <= 120; id++)
		issue_of(f, id)->last = wall_ms(f) - (id == 100 ? 0 : id);
	f->script.clock.now += 1000;
	list(f, 20000, k);
	run(f, FIRST);
	assert_int_equal(f->listing->n, 800);
	for (unsigned id = 1; id <= 120; id++)
		holds(f, id, true);
	listing_unref(k);
	end(f);

	f = begin(3000);
	k = known(f, 20000);
	i = map_get(&k->by_name, STR("WEB-3"));
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	moves_up(f, 3);
	list(f, 20000, NULL);
	run(f, FIRST);
	lists_all(f, 3000);
	listing_unref(k);
	end(f);
}

/* Told of by a change that was answered after the head was asked for: it has not left. */
static void test_changed_meanwhile(void **state)
{
	static const char delta[] = "{\"id\":\"100\",\"lastSeen\":\"2026-01-01T00:15:00Z\"}";
	struct timespec wall = {0};
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	struct item *i = map_get(&k->by_name, STR("WEB-100"));

	(void)state;
	list(f, 20000, k);
	f->script.clock.now += 10;
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	run(f, FIRST);
	assert_int_equal(f->listing->n, 500);
	holds(f, 100, true);
	listing_unref(k);
	end(f);
}

/* ---- through the cache ---- */

static void on_waiter(struct waiter *w)
{
	(void)w;
}

/* Asks the cache for the listing, fetched to its end; how many requests that took. */
static size_t ask(struct fixture *f)
{
	struct waiter w = {.settled = on_waiter, .progress = on_waiter};
	struct cache_want want = {.key = PATH,
				  .class = &item_issue,
				  .scope = "o/issue",
				  .max = 20000,
				  .fresh_ms = 30000,
				  .since = f->script.clock.now};
	struct resource *r = NULL;
	size_t n = f->script.n;
	int error;

	list_init(&w.link);
	error = cache_need(&f->cache, &want, &w, &r);
	while (error == -EINPROGRESS) {
		while (count_open(f))
			serve(f, next_open(f, FIRST));
		error = cache_need(&f->cache, &want, &w, &r);
	}
	assert_int_equal(error, 0);
	listing_unref(f->listing);
	f->listing = listing_ref(r->listing);
	return f->script.n - n;
}

static bool is_urgent(const struct fixture *f, const char *name)
{
	const struct item *i = map_get(&f->listing->by_name, str_of(name));

	assert_non_null(i);
	return str_has(blob_str(i->json), "high");
}

/* A change of a field, and a status change, a delete or a merge that take an issue out, are seen when all is
 * asked for. */
static void test_sweep(void **state)
{
	struct fixture *f = begin(600);

	(void)state;
	f->server.hits = "600";
	assert_int_equal(ask(f), 6);
	assert_int_equal(ask(f), 0);
	issue_of(f, 17)->gone = true;
	issue_of(f, 18)->gone = true;
	issue_of(f, 20)->urgent = true;
	for (unsigned i = 1; i < 10; i++) {
		f->script.clock.now += 30001;
		if (i == 5)
			moves_up(f, 300);
		assert_int_equal(ask(f), 1);
		assert_int_equal(f->listing->n, 600);
		assert_false(is_urgent(f, "WEB-20"));
	}
	lists(f, 0, 300);
	f->script.clock.now += 30001;
	assert_int_equal(ask(f), 6);
	lists_all(f, 598);
	assert_true(is_urgent(f, "WEB-20"));
	f->script.clock.now += 30001;
	assert_int_equal(ask(f), 1);
	/* after a change of ours that made it untrue, too */
	cache_outdate(&f->cache, PATH);
	issue_of(f, 19)->gone = true;
	assert_int_equal(ask(f), 6);
	lists_all(f, 597);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_head_leaves),
		cmocka_unit_test(test_head_without_end),
		cmocka_unit_test(test_head_max),
		cmocka_unit_test(test_head_of_a_page),
		cmocka_unit_test(test_head_after_a_change),
		cmocka_unit_test(test_held_issue),
		cmocka_unit_test(test_changed_meanwhile),
		cmocka_unit_test(test_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
