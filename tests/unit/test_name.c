// SPDX-License-Identifier: MIT
/* What may be a name, and what becomes of what may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/name.h"

static void encodes(struct str text, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	name_encode(&b, text);
	buf_addc(&b, '\0');
	assert_string_equal(b.data, want);
	buf_done(&b);
}

static void test_encode(void **state)
{
	(void)state;
	encodes(STR(""), "%");
	encodes(STR("."), "%2E");
	encodes(STR(".."), "%2E.");
	encodes(STR("../etc"), "%2E.%2Fetc");
	encodes(STR("a\0b\n"), "a%00b%0A");
	encodes(STR("50%"), "50%25");
	encodes(STR("\xc3\xa9\xff"), "\xc3\xa9%FF");
	encodes(STR("a\xe2\x80\xae"), "a%E2%80%AE"); /* right-to-left override */
	encodes(STR("\xed\xa0\x80"), "%ED%A0%80");   /* a surrogate */
}

static void test_length(void **state)
{
	char text[400];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	buf_init(&b, 4096);
	name_encode(&b, (struct str){text, sizeof(text)});
	assert_int_equal(b.len, 254);
	buf_done(&b);
}

static void test_predicates(void **state)
{
	(void)state;
	assert_true(name_is_slug(STR("my-project_2")));
	assert_false(name_is_slug(STR("")) || name_is_slug(STR("..")) || name_is_slug(STR("a/b")) ||
		     name_is_slug(STR("-a")) || name_is_slug(STR("a b")));
	assert_true(name_is_short_id(STR("WEB-1A")) && name_is_short_id(STR("my-web-1a")));
	assert_false(name_is_short_id(STR("WEB-")) || name_is_short_id(STR("-1")) || name_is_short_id(STR("WEB")) ||
		     name_is_short_id(STR("WEB-1/..")) || name_is_short_id(STR("")));
	assert_true(name_is_number(STR("4913")));
	assert_false(name_is_number(STR("")) || name_is_number(STR("12345678901234567890")) ||
		     name_is_number(STR("1a")));
	assert_true(name_is_event_id(STR("0123456789abcdef0123456789abcdef")) && name_is_event_id(STR("7")) &&
		    name_is_event_id(STR("01234567-89ab-cdef-0123-456789abcdef")));
	assert_false(name_is_event_id(STR("0123456789abcdef0123456789abcdeg")) || name_is_event_id(STR("latest")) ||
		     name_is_event_id(STR("01234567-89ab-cdef-0123-456789abcde/")));
}

static void test_clean(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	text_clean(&b, STR("a\033[31mb\n\tc\xc2\x9b\xff"), false);
	text_clean(&b, STR("|\r\n\t"), true);
	buf_addc(&b, '\0');
	assert_string_equal(b.data, "a [31mb  c \xef\xbf\xbd| \n\t");
	buf_done(&b);
	url_encode(&b, STR("is:unresolved a/b&c=~.\xc3"));
	buf_addc(&b, '\0');
	assert_string_equal(b.data, "is%3Aunresolved%20a%2Fb%26c%3D~.%C3");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_predicates),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
