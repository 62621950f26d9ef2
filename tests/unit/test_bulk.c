// SPDX-License-Identifier: MIT
/*
 * A bulk request names its issues, or is not made: without ids the server would apply it
 * to everything that its default query finds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sentryfs/control.h"

#define MANY (CONTROL_BULK_MAX + 1)

static char ids[MANY][16];
static struct item items[MANY];
static struct item *issues[MANY];

static int make_issues(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(ids[i], sizeof(ids[i]), "50000%05zu", i);
		items[i].id = ids[i];
		issues[i] = &items[i];
	}
	return 0;
}

static size_t count(struct str in, const char *what)
{
	size_t n = 0;

	for (const char *at = in.s; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void test_no_issue_no_path(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_init(&b, 8192);
	assert_int_equal(control_bulk_path(&b, "acme", issues, 0), -EINVAL);
	assert_int_equal(control_bulk_path(&b, "acme", NULL, 0), -EINVAL);
	assert_int_equal(control_bulk_path(&b, "acme", issues, MANY), -EINVAL);
	assert_int_equal(b.len, 0);
}

static void test_every_issue_is_named(void **state)
{
	(void)state;
	for (size_t n = 1; n <= CONTROL_BULK_MAX; n++) {
		cleanup_buf struct buf b = {0};

		buf_init(&b, 8192);
		assert_int_equal(control_bulk_path(&b, "acme", issues, n), 0);
		assert_memory_equal(b.data, "organizations/acme/issues/?id=5000000000", 40);
		assert_int_equal(count(buf_str(&b), "id=50000"), n);
		for (size_t i = 0; i < n; i++)
			assert_non_null(strstr(b.data, ids[i]));
	}
}

static void test_an_id_cannot_end_the_list(void **state)
{
	struct item odd = {.id = (char *)"1&project=-1"}, *one[] = {&odd};
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_init(&b, 8192);
	assert_int_equal(control_bulk_path(&b, "a/b", one, 1), 0);
	assert_string_equal(b.data, "organizations/a%2Fb/issues/?id=1%26project%3D-1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_issue_no_path),
		cmocka_unit_test(test_every_issue_is_named),
		cmocka_unit_test(test_an_id_cannot_end_the_list),
	};

	return cmocka_run_group_tests(tests, make_issues, NULL);
}
