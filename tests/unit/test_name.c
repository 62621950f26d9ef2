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
	encodes(STR("/"), "%2F");
	encodes(STR(".a.b"), "%2Ea.b");
	encodes(STR("%"), "%25"); /* not what an empty text becomes */
	encodes(STR("\0"), "%00");
	encodes(STR("\x7f\xc2\x85"), "%7F%C2%85");
	encodes(STR("\xe2\x80\x8f\xe2\x81\xa6\xd8\x9c"), "%E2%80%8F%E2%81%A6%D8%9C");
	encodes(STR("\xc0\xaf\xc1\xbf"), "%C0%AF%C1%BF"); /* overlong */
	encodes(STR("\xe0\x80\xaf"), "%E0%80%AF");
	encodes(STR("\xe0\x81\xa1\xf0\x80\x81\xa1"), "%E0%81%A1%F0%80%81%A1");
	encodes(STR("\xf4\x90\x80\x80"), "%F4%90%80%80"); /* beyond Unicode */
	encodes(STR("\xe2\x82"), "%E2%82");		  /* cut */
	encodes(STR("\xf0\x9f\x98\x80 ok"), "\xf0\x9f\x98\x80 ok");
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
	assert_memory_equal(b.data, text, 254);
	buf_done(&b);
	/* 300 bytes of three each: 85 characters fill a name */
	for (size_t i = 0; i < 300; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	name_encode(&b, (struct str){text, 300});
	assert_int_equal(b.len, 255);
	buf_done(&b);
	/* an escape is not cut either, and a name after other bytes counts its own only */
	memset(text, 'a', 254);
	text[254] = '/';
	buf_puts(&b, "dir/");
	name_encode(&b, (struct str){text, 300});
	assert_int_equal(b.len, 4 + 254);
	assert_memory_equal(b.data, "dir/aaa", 7);
	buf_done(&b);
	name_encode(&b, (struct str){text, 254});
	buf_addc(&b, '.');
	name_encode(&b, STR(".x"));
	assert_int_equal(b.len, 255 + 4);
	assert_memory_equal(b.data + 254, ".%2Ex", 5);
	buf_done(&b);
}

static void test_limits(void **state)
{
	char text[130];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(name_is_slug((struct str){text, 100}));
	assert_false(name_is_slug((struct str){text, 101}));
	assert_false(name_is_slug(STR("a\0b")));
	assert_false(name_is_slug(STR("a\n")));
	assert_false(name_is_slug(STR("\xc3\xa9")));
	assert_true(name_is_slug(STR("123")));
	text[100] = '-';
	assert_true(name_is_short_id((struct str){text, 103}));
	assert_false(name_is_short_id((struct str){text, 130}));
	assert_false(name_is_short_id(STR("A.B-1")));
	assert_false(name_is_short_id(STR("WEB-1_2")));
	assert_false(name_is_short_id(STR("WEB-1\n")));
	assert_true(name_is_short_id(STR("A_b-C-zz9")));
	assert_true(name_is_number(STR("9999999999999999999")));
	assert_false(name_is_number(STR("-1")));
	assert_false(name_is_number(STR("1\0")));
	assert_true(name_is_event_id(STR("0123456789ABCDEF0123456789ABCDEF")));
	assert_false(name_is_event_id(STR("")));
	assert_false(name_is_event_id(STR("0123456789abcdef0123456789abcde")));
	assert_false(name_is_event_id(STR("0123456-789ab-cdef-0123-456789abcdef")));
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

static void test_utf8(void **state)
{
	(void)state;
	assert_true(text_is_utf8(STR("")) && text_is_utf8(STR("a\n\x01\x7f")) && text_is_utf8(STR("\xc3\xa9")));
	assert_true(text_is_utf8(STR("\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80")));
	assert_false(text_is_utf8(STR("a\0b")));
	assert_false(text_is_utf8(STR("\xc3")));	     /* cut */
	assert_false(text_is_utf8(STR("\xc0\x80")));	     /* an overlong NUL */
	assert_false(text_is_utf8(STR("\xe0\x9f\xbf")));     /* overlong */
	assert_false(text_is_utf8(STR("\xed\xa0\x80")));     /* a surrogate */
	assert_false(text_is_utf8(STR("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
	assert_false(text_is_utf8(STR("\x80")) || text_is_utf8(STR("\xff")) || text_is_utf8(STR("caf\xe9")));
	assert_false(text_is_utf8((struct str){"\xc3\xa9", 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode), cmocka_unit_test(test_length), cmocka_unit_test(test_predicates),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_clean),  cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
