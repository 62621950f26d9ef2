// SPDX-License-Identifier: MIT
/* Slices: comparing, cutting, numbers up to their ends, and dates. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/str.h"

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_eq((struct str){NULL, 0}, STR("")));
	assert_true(str_eqz(STR("abc"), "abc"));
	assert_false(str_eqz(STR("abc\0"), "abc"));
	assert_int_equal(str_of(NULL).n, 0);
	assert_true(str_case_eq(STR("Link-42"), STR("lINK-42")));
	assert_false(str_case_eq(STR("link"), STR("links")));
	assert_false(str_case_eq(STR("@"), STR("`"))); /* differ in the same bit as letters */
	assert_false(str_case_eq(STR("\xc3\x89"), STR("\xc3\xa9")));
	assert_true(str_starts(STR("Bearer x"), "Bearer "));
	assert_true(str_starts(STR("x"), ""));
	assert_false(str_starts(STR("Bear"), "Bearer"));
	assert_false(str_starts(STR("bearer"), "Bear"));
}

static void test_cut(void **state)
{
	struct str rest = STR("a,,b,");

	(void)state;
	assert_true(str_eqz(str_cut(&rest, ','), "a"));
	assert_true(str_eqz(str_cut(&rest, ','), ""));
	assert_non_null(rest.s);
	assert_true(str_eqz(str_cut(&rest, ','), "b"));
	assert_non_null(rest.s); /* a separator at the end leaves one empty part */
	assert_int_equal(rest.n, 0);
	assert_int_equal(str_cut(&rest, ',').n, 0);
	assert_null(rest.s);
	assert_int_equal(str_cut(&rest, ',').n, 0);
	assert_true(str_eqz(str_trim(STR(" \t\r\n\v\fa b \n")), "a b"));
	assert_int_equal(str_trim(STR(" \n ")).n, 0);
	assert_true(str_eq(str_trim(STR("\0a\0")), STR("\0a\0")));
}

static void test_dup(void **state)
{
	cleanup_free char *whole = str_dup(STR("a\0b"));
	cleanup_free char *empty = str_dup((struct str){NULL, 0});
	char *taken = steal(&whole);

	(void)state;
	assert_null(whole);
	assert_memory_equal(taken, "a\0b", 4);
	assert_string_equal(empty, "");
	free(taken);
}

static void number(struct str s, int want, uint64_t value)
{
	uint64_t n = 77;

	assert_int_equal(str_to_u64(s, &n), want);
	assert_true(n == (want ? 77 : value));
}

static void test_numbers(void **state)
{
	(void)state;
	number(STR("0"), 0, 0);
	number(STR("0012"), 0, 12);
	number(STR("18446744073709551615"), 0, UINT64_MAX);
	number(STR("18446744073709551616"), -ERANGE, 0);
	number(STR("18446744073709551620"), -ERANGE, 0);
	number(STR("99999999999999999999999"), -ERANGE, 0);
	number(STR(""), -EINVAL, 0);
	number(STR("+1"), -EINVAL, 0);
	number(STR("-1"), -EINVAL, 0);
	number(STR(" 1"), -EINVAL, 0);
	number(STR("1 "), -EINVAL, 0);
	number(STR("1\0"), -EINVAL, 0);
	number(STR("0x1"), -EINVAL, 0);
	number(STR("1:"), -EINVAL, 0);
	number(STR("1/"), -EINVAL, 0);
	number((struct str){"123", 2}, 0, 12);
}

static void good(const char *text, int64_t sec, long nsec)
{
	cleanup_free char *exact = malloc(strlen(text)); /* no NUL behind: a sanitizer sees any step beyond */
	struct timespec ts = {-1, -1};

	memcpy(exact, text, strlen(text));
	if (str_to_time((struct str){exact, strlen(text)}, &ts))
		fail_msg("%s is refused", text);
	if (ts.tv_sec != sec || ts.tv_nsec != nsec)
		fail_msg("%s is %lld.%09ld", text, (long long)ts.tv_sec, ts.tv_nsec);
}

static void test_dates(void **state)
{
	(void)state;
	good("1970-01-01T00:00:00Z", 0, 0);
	good("1969-12-31T23:59:59Z", -1, 0);
	good("2026-01-02T03:04:05Z", 1767323045, 0);
	good("2026-01-02T03:04:05", 1767323045, 0);
	good("2026-01-02T03:04:05+00:00", 1767323045, 0);
	good("2026-01-02T05:34:05+02:30", 1767323045, 0);
	good("2026-01-01T19:04:05-08:00", 1767323045, 0);
	good("2026-01-02T03:04:05.678901Z", 1767323045, 678901000);
	good("2026-01-02T03:04:05.6", 1767323045, 600000000);
	good("2026-01-02T03:04:05.000000001+00:00", 1767323045, 1);
	good("2026-01-02T03:04:05.999999999Z", 1767323045, 999999999);
	good("2024-02-29T00:00:00Z", 1709164800, 0);
	good("2000-02-29T00:00:00Z", 951782400, 0);
	good("2024-03-01T00:00:00Z", 1709251200, 0);
	good("2024-03-01T00:30:00+01:00", 1709249400, 0); /* the zone takes it into the leap day */
	good("2040-01-01T00:00:00Z", 2208988800, 0);	  /* beyond 32 bits */
	good("9999-12-31T23:59:59Z", 253402300799, 0);
}

static void test_bad_dates(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-01-02",
		"2026-01-02T03:04",
		"2026-01-02 03:04:05Z",
		"2026-00-02T03:04:05Z",
		"2026-13-02T03:04:05Z",
		"2026-01-00T03:04:05Z",
		"2026-01-32T03:04:05Z",
		"2026-04-31T03:04:05Z",
		"2026-02-29T03:04:05Z",
		"1900-02-29T03:04:05Z",
		"2024-02-30T03:04:05Z",
		"2026-01-02T24:00:00Z",
		"2026-01-02T03:60:00Z",
		"2026-01-02T03:04:61Z",
		"2026-01-02T03:04:05X",
		"2026-01-02T03:04:05ZZ",
		"2026-01-02T03:04:05z ",
		"2026-01-02T03:04:05+",
		"2026-01-02T03:04:05+00",
		"2026-01-02T03:04:05+24:00",
		"2026-01-02T03:04:05+00:60",
		"2026-01-02T03:04:05+00:001",
		"2026-01-02T03:04:05.5x",
		"2026-01-02T03:04:-5Z",
		"2026-01-02T03:04: 5Z",
		"-026-01-02T03:04:05Z",
		" 2026-01-02T03:04:05Z",
		"null",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct timespec ts = {42, 43};

		if (str_to_time(str_of(bad[i]), &ts) != -EINVAL)
			fail_msg("\"%s\" is taken", bad[i]);
		assert_true(ts.tv_sec == 42 && ts.tv_nsec == 43);
	}
	/* every cut of a date is refused up to its seconds, and none reads on */
	for (size_t n = 0; n < 19; n++) {
		cleanup_free char *exact = malloc(n + 1);
		struct timespec ts;

		memcpy(exact + 1, "2026-01-02T03:04:05Z", n);
		assert_int_equal(str_to_time((struct str){exact + 1, n}, &ts), -EINVAL);
	}
}

static void test_words(void **state)
{
	struct str rest = STR(" \t one two\n three ");

	(void)state;
	assert_true(str_eqz(str_word(&rest), "one"));
	assert_true(str_eqz(str_word(&rest), "two"));
	assert_true(str_eqz(rest, "\n three"));
	assert_true(str_eqz(str_word(&rest), "three"));
	assert_int_equal(str_word(&rest).n, 0);
	assert_int_equal(str_word(&rest).n, 0);
	rest = STR("");
	assert_int_equal(str_word(&rest).n, 0);
	rest = STR("a\0b c");
	assert_true(str_eq(str_word(&rest), STR("a\0b")));
	assert_true(str_has(STR("abc"), "bc") && str_has(STR("abc"), "abc") && str_has(STR("abc"), ""));
	assert_false(str_has(STR("abc"), "abcd") || str_has(STR("abc"), "B") || str_has((struct str){NULL, 0}, "a"));
	assert_true(str_has(STR("a\0b"), "b"));
	assert_false(str_has((struct str){"abc", 2}, "c"));
}

static void test_distance(void **state)
{
	char text[80];

	(void)state;
	assert_int_equal(str_distance(STR(""), STR("")), 0);
	assert_int_equal(str_distance(STR(""), STR("abc")), 3);
	assert_int_equal(str_distance(STR("abc"), STR("")), 3);
	assert_int_equal(str_distance(STR("Status"), STR("status")), 0);
	assert_int_equal(str_distance(STR("state"), STR("status")), 2);
	assert_int_equal(str_distance(STR("asignedTo"), STR("assignedTo")), 1);
	assert_int_equal(str_distance(STR("assigned_to"), STR("assignedTo")), 1);
	assert_int_equal(str_distance(STR("ab"), STR("ba")), 2);
	assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
	memset(text, 'a', sizeof(text));
	assert_int_equal(str_distance((struct str){text, 63}, (struct str){text, 62}), 1);
	assert_int_equal(str_distance((struct str){text, 64}, (struct str){text, 64}), 64);
	assert_int_equal(str_distance((struct str){text, 63}, STR("")), 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare), cmocka_unit_test(test_cut),	 cmocka_unit_test(test_dup),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_dates),	 cmocka_unit_test(test_bad_dates),
		cmocka_unit_test(test_words),	cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
