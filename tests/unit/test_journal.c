// SPDX-License-Identifier: MIT
/*
 * The ring of lines behind .sentryfs/requests and errors: order, bound, and that a
 * line is one line whatever stands in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sentryfs/journal.h"

static void wall(const struct clock *c, struct timespec *ts)
{
	(void)c;
	*ts = (struct timespec){1767225600, 5999999}; /* 2026-01-01 */
}

static const struct clock standing = {NULL, wall};

/* What is shown, terminated; the caller frees. */
static char *shown(const struct journal *j)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, BUF_MAX_DEFAULT);
	journal_show(j, &b);
	assert_int_equal(b.error, 0);
	return str_dup(buf_str(&b));
}

static void test_empty(void **state)
{
	struct journal j = {0};
	cleanup_free char *text = shown(&j);

	(void)state;
	assert_string_equal(text, "");
	journal_done(&j);
}

static void test_a_line(void **state)
{
	struct journal j = {0};
	cleanup_free char *text = NULL;

	(void)state;
	journal_add(&j, &standing, "GET %s %d", "organizations/o/?a=%20", 200);
	journal_add(&j, &standing, "%s", "one\nline\x1b[31m \x7f\xff \xe2\x80\xae");
	text = shown(&j);
	assert_string_equal(text, "2026-01-01T00:00:00.005Z GET organizations/o/?a=%20 200\n"
				  "2026-01-01T00:00:00.005Z one line [31m  \xef\xbf\xbd  \n");
	assert_int_equal(j.count, 2);
	journal_done(&j);
}

/* The oldest lines go; the count goes on. */
static void test_the_ring(void **state)
{
	struct journal j = {0};
	cleanup_free char *text = NULL;
	const unsigned n = JOURNAL_LINES * 2 + 7;
	struct str rest, line;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		journal_add(&j, &standing, "%u", i);
	assert_int_equal(j.count, n);
	text = shown(&j);
	rest = str_of(text);
	for (unsigned i = n - JOURNAL_LINES; i < n; i++) {
		char want[64];

		snprintf(want, sizeof(want), "2026-01-01T00:00:00.005Z %u", i);
		line = str_cut(&rest, '\n');
		assert_true(str_eqz(line, want));
	}
	assert_int_equal(rest.n, 0);
	journal_done(&j);
}

static void test_a_long_line_is_cut(void **state)
{
	static char long_text[100000];
	struct journal j = {0};
	cleanup_free char *text = NULL;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	journal_add(&j, &standing, "%s", long_text);
	memset(long_text, '\xff', sizeof(long_text) - 1); /* each becomes three bytes */
	journal_add(&j, &standing, "%s", long_text);
	journal_add(&j, &standing, "after");
	text = shown(&j);
	assert_int_equal(j.count, 3);
	assert_true(strlen(text) > 1000 && strlen(text) < 4200);
	assert_non_null(strstr(text, "xxxx\n2026"));
	assert_non_null(strstr(text, " after\n"));
	journal_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_a_line),
		cmocka_unit_test(test_the_ring),
		cmocka_unit_test(test_a_long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
