// SPDX-License-Identifier: MIT
/*
 * Link headers in every form that servers send, and in forms that none should:
 * cut off, hostile, huge. The reference samples are read when they are at hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sentryfs/link.h"

struct sample {
	const char *header;
	const char *cursor; /* NULL: no next page */
};

static const struct sample samples[] = {
	{"<https://h/api/0/o/?&cursor=100:-1:1>; rel=\"previous\"; results=\"false\"; cursor=\"100:-1:1\", "
	 "<https://h/api/0/o/?&cursor=100:1:0>; rel=\"next\"; results=\"true\"; cursor=\"100:1:0\"",
	 "100:1:0"},
	{"<https://h/?&cursor=100:1:0>; rel=\"next\"; results=\"false\"; cursor=\"100:1:0\"", NULL},
	{"<https://h/?query=issue.priority%3A[high,medium]&cursor=1:0:1>; rel=\"previous\"; results=\"false\"; "
	 "cursor=\"1:0:1\", <https://h/?query=a,b;rel=\"next\"&cursor=2:0:0>; rel=\"next\"; results=\"true\"; "
	 "cursor=\"2:0:0\"",
	 "2:0:0"},
	{"{'<https://g/?limit=9>; rel=\"previous\"; results=\"false\", <https://g/?cursor=cD0%3D>; rel=\"next\"; "
	 "results=\"true\"; cursor=\"cD0=\"'}",
	 "cD0="},
	{"{'<https://g/?limit=9>; rel=\"previous\"; results=\"false\", <https://g/>; rel=\"next\"; results=\"false\"'}",
	 NULL},
	{"<https://g/>; rel=\"next\"; results=\"true\"", NULL},
	{"<https://g/>; rel=\"next\"; results=\"true\"; cursor=\"\"", NULL},
	{"<https://g/", NULL},
	{"<>;;;=;rel;rel=\"next\";results=\"true\";cursor=\"x", "x"},
	{"<><><>", NULL},
	{"<https://h/?&cursor=0:0:1>; rel=\"previous\"; results=\"false\"; cursor=\"0:0:1\", "
	 "<https://h/?&cursor=0:0:0>; "
	 "rel=\"next\"; results=\"false\"; cursor=\"0:0:0\"",
	 NULL},
	{"<https://g/?limit=9>; rel=\"previous\"; results=\"false\", <https://g/?cursor=abc>; rel=\"next\"; "
	 "results=\"true\"; cursor=\"abc\"",
	 "abc"},
	{"<https://h/; rel=\"next\"; results=\"true\"; cursor=\"1\"", NULL},
	{"<https://h/>; rel=next; results=true; cursor=1:2:0", "1:2:0"},
	{"<https://h/>; rel=\"next; results=\"true; cursor=\"1", "1"},
	{"<https://h/>; rel=\"next\"; results=\"TRUE\"; cursor=\"1\"", NULL},
	{"{'", NULL},
	{"set()", NULL},
	{"", NULL},
	{"rel=\"next\"; results=\"true\"; cursor=\"1\"", NULL},
};

static void check(struct str header, const char *want)
{
	struct str cursor = STR("untouched");

	assert_int_equal(link_next(header, &cursor), want != NULL);
	assert_true(str_eqz(cursor, want ? want : "untouched"));
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		check(str_of(samples[i].header), samples[i].cursor);
	check((struct str){NULL, 0}, NULL);
}

/* Every cut of a header stays within its bytes (ASan looks on). */
static void test_cuts(void **state)
{
	(void)state;
	for (size_t n = 0; n <= strlen(samples[2].header); n++) {
		cleanup_free char *exact = str_dup((struct str){samples[2].header, n});
		struct str cursor;

		link_next((struct str){exact, n}, &cursor);
	}
}

/* Many links, and one of a megabyte, end as soon as their bytes do. */
static void test_huge(void **state)
{
	static const char tail[] = "<u>; rel=\"next\"; results=\"true\"; cursor=\"9\"";
	size_t n = 1 << 20;
	char *huge = malloc(n + sizeof(tail));

	(void)state;
	assert_non_null(huge);
	for (size_t i = 0; i < n; i++)
		huge[i] = "<>;, "[i % 5];
	memcpy(huge + n, tail, sizeof(tail));
	check((struct str){huge, n}, NULL);
	check((struct str){huge, n + sizeof(tail) - 1}, "9");
	memset(huge, '<', n);
	check((struct str){huge, n}, NULL);
	memset(huge, ';', n);
	check((struct str){huge, n}, NULL);
	free(huge);
}

/* The reference samples: a next page is where rel="next" has results="true". */
static void test_reference(void **state)
{
	const char *dir = getenv("SENTRYFS_REFERENCE_DIR");
	char path[4096], line[8192];
	unsigned seen = 0;
	FILE *f;

	(void)state;
	if (!dir) {
		assert_null(getenv("CI"));
		skip();
	}
	snprintf(path, sizeof(path), "%s/link-header-samples.txt", dir);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct str rest = str_trim(str_of(line)), name = str_cut(&rest, '\t'), cursor;
		const char *next;

		if (!rest.s || str_starts(name, "#"))
			continue;
		next = strstr(line, "rel=\"next\"");
		assert_non_null(next);
		assert_int_equal(link_next(rest, &cursor), strstr(next, "results=\"true\"") != NULL);
		if (strstr(next, "results=\"true\"")) {
			const char *want = strstr(next, "cursor=\"") + 8;

			assert_true(cursor.s == want && cursor.n == strcspn(want, "\""));
		}
		seen++;
	}
	fclose(f);
	assert_true(seen >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
