// SPDX-License-Identifier: MIT
/* The map: many entries, removal while walking, and marks that do not pile up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include "sentryfs/map.h"

#define MANY 10000

struct item {
	char key[16];
	int seen;
};

static struct str key_of(const struct item *it)
{
	return str_of(it->key);
}

static struct item *fill(struct map *m)
{
	struct item *items = calloc(MANY, sizeof(*items));

	assert_non_null(items);
	for (int i = 0; i < MANY; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "key-%d", i);
		assert_int_equal(map_put(m, key_of(&items[i]), &items[i]), 0);
	}
	return items;
}

static void test_empty(void **state)
{
	struct map m = {0};
	size_t pos = 0;

	(void)state;
	assert_null(map_get(&m, STR("a")));
	assert_null(map_remove(&m, STR("a")));
	assert_null(map_next(&m, &pos));
	map_done(&m);
	map_done(&m);
}

static void test_keys(void **state)
{
	struct map m = {0};
	char first[] = "same", second[] = "same";
	int a, b, c;

	(void)state;
	assert_int_equal(map_put(&m, str_of(first), &a), 0);
	assert_int_equal(map_put(&m, str_of(second), &b), 0);
	first[0] = 'l'; /* a replaced entry's key is not needed any more */
	assert_ptr_equal(map_get(&m, STR("same")), &b);
	assert_null(map_get(&m, STR("lame")));
	assert_int_equal(m.used, 1);
	assert_int_equal(map_put(&m, STR("x\0y"), &a), 0);
	assert_null(map_get(&m, STR("x")));
	assert_ptr_equal(map_get(&m, STR("x\0y")), &a);
	assert_int_equal(map_put(&m, (struct str){NULL, 0}, &c), 0);
	assert_ptr_equal(map_get(&m, STR("")), &c);
	assert_ptr_equal(map_remove(&m, STR("")), &c);
	assert_null(map_get(&m, STR("")));
	assert_null(map_remove(&m, STR("")));
	assert_int_equal(m.used, 2);
	assert_int_equal(m.fill, 3);
	assert_int_equal(map_put(&m, STR(""), &c), 0); /* in the place of the mark */
	assert_int_equal(m.fill, 3);
	assert_int_equal(m.used, 3);
	map_done(&m);
	assert_int_equal(m.used, 0);
}

static void test_many(void **state)
{
	struct map m = {0};
	cleanup_free struct item *items = fill(&m);

	(void)state;
	assert_int_equal(m.used, MANY);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&m, key_of(&items[i])), &items[i]);
	assert_null(map_get(&m, STR("key-10000")));
	for (int i = 0; i < MANY; i += 2)
		assert_ptr_equal(map_remove(&m, key_of(&items[i])), &items[i]);
	assert_int_equal(m.used, MANY / 2);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&m, key_of(&items[i])), i % 2 ? &items[i] : NULL);
	for (int i = 0; i < MANY; i += 2)
		assert_int_equal(map_put(&m, key_of(&items[i]), &items[i]), 0);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&m, key_of(&items[i])), &items[i]);
	map_done(&m);
}

static void test_remove_in_walk(void **state)
{
	struct map m = {0};
	cleanup_free struct item *items = fill(&m);
	struct item *it;
	size_t pos = 0, n = 0;

	(void)state;
	while ((it = map_next(&m, &pos))) {
		it->seen++;
		if (++n % 3)
			assert_ptr_equal(map_remove(&m, key_of(it)), it);
	}
	assert_int_equal(n, MANY);
	assert_int_equal(m.used, MANY / 3);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(items[i].seen, 1);
	pos = n = 0;
	while ((it = map_next(&m, &pos))) {
		assert_ptr_equal(map_get(&m, key_of(it)), it);
		assert_ptr_equal(map_remove(&m, key_of(it)), it);
		n++;
	}
	assert_int_equal(n, MANY / 3);
	assert_int_equal(m.used, 0);
	pos = 0;
	assert_null(map_next(&m, &pos));
	map_done(&m);
}

/* Entries that come and go, few at a time, must not make the table grow or fill up. */
static void test_churn(void **state)
{
	static struct item items[8];
	struct map m = {0};

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct item *it = &items[i % 8];

		if (i >= 8)
			assert_ptr_equal(map_remove(&m, key_of(it)), it);
		snprintf(it->key, sizeof(it->key), "%d", i);
		assert_int_equal(map_put(&m, key_of(it), it), 0);
		assert_ptr_equal(map_get(&m, key_of(it)), it);
		assert_true(m.fill < m.cap);
	}
	assert_int_equal(m.used, 8);
	assert_true(m.cap <= 64);
	map_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	       cmocka_unit_test(test_keys),  cmocka_unit_test(test_many),
		cmocka_unit_test(test_remove_in_walk), cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
