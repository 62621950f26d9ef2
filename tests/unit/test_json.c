// SPDX-License-Identifier: MIT
/* JSON: literals kept, slices found, and nothing read beyond the text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/json.h"

static const char sample[] = "{\"a\":9007199254740993,\"b\":[1.0,1e5,-0],\"c\":{},\"d\":[],\"e\":{\"f\":null},"
			     "\"g\\u0068\":\"x\\n\\\"\\u00e9\\ud83d\\ude00\\ud83d\"}";

static void is(struct buf *b, const char *want)
{
	assert_int_equal(b->error, 0);
	buf_addc(b, '\0');
	assert_string_equal(b->data, want);
	buf_done(b);
}

static void test_indent(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	json_indent(&b, str_of(sample));
	is(&b,
	   "{\n  \"a\": 9007199254740993,\n  \"b\": [\n    1.0,\n    1e5,\n    -0\n  ],\n  \"c\": {},\n  \"d\": [],\n"
	   "  \"e\": {\n    \"f\": null\n  },\n  \"g\\u0068\": \"x\\n\\\"\\u00e9\\ud83d\\ude00\\ud83d\"\n}\n");
	json_compact(&b, STR(" { \"a b\" : [ 1 , 2 ] } "));
	is(&b, "{\"a b\":[1,2]}");
}

static void test_member_and_plain(void **state)
{
	struct str bytes;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(json_member(str_of(sample), "a", &bytes), 0);
	json_plain(&b, bytes);
	is(&b, "9007199254740993");
	assert_int_equal(json_member(str_of(sample), "gh", &bytes), 0);
	json_plain(&b, bytes);
	is(&b, "x\n\"\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd");
	assert_int_equal(json_member(str_of(sample), "e", &bytes), 0);
	assert_true(str_eqz(bytes, "{\"f\":null}"));
	assert_int_equal(json_member(str_of(sample), "f", &bytes), -ENOENT);
	assert_int_equal(json_member(STR("[]"), "f", &bytes), -EBADMSG);
	json_plain(&b, STR("null"));
	assert_int_equal(b.len, 0);
}

static int count(void *arg, const cJSON *tree, struct str bytes)
{
	assert_non_null(tree);
	assert_true(bytes.n > 0);
	return ++*(int *)arg == 3 ? 7 : 0;
}

static void test_each(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(json_each(STR(" [ 1 , {\"a\":[]} ] "), count, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(json_each(STR("[]"), count, &n), 0);
	assert_int_equal(json_each(STR("[1,2]"), count, &n), 7);
	assert_int_equal(json_each(STR("{}"), count, &n), -EBADMSG);
	assert_int_equal(json_each(STR("[1"), count, &n), -EBADMSG);
	assert_int_equal(json_each(STR("[1,]"), count, &n), -EBADMSG);
	assert_int_equal(json_each(STR("[1] x"), count, &n), -EBADMSG);
}

static void test_bad_text(void **state)
{
	cleanup_free char *deep = malloc(200001);
	cJSON *j = NULL;

	(void)state;
	memset(deep, '[', 100000);
	memset(deep + 100000, ']', 100000);
	assert_int_equal(json_parse((struct str){deep, 200000}, &j), -EBADMSG);
	assert_int_equal(json_parse(STR("{} {}"), &j), -EBADMSG);
	assert_int_equal(json_parse(STR(""), &j), -EBADMSG);
	assert_null(j);
	/* every cut, with nothing behind it that could be read */
	for (size_t n = 0; n < sizeof(sample) - 1; n++) {
		cleanup_free char *exact = str_dup((struct str){sample, n});
		struct str bytes, text = {exact, n};
		struct buf b;

		buf_init(&b, 4096);
		assert_int_equal(json_parse(text, &j), -EBADMSG);
		json_indent(&b, text);
		json_plain(&b, text);
		json_member(text, "gh", &bytes);
		buf_done(&b);
	}
}

static void test_numbers(void **state)
{
	cleanup_json cJSON *j = NULL;
	uint64_t n = 1;

	(void)state;
	assert_int_equal(json_parse(STR("{\"a\":\"12\",\"b\":12,\"c\":-1,\"d\":1e300,\"e\":null}"), &j), 0);
	assert_true(json_u64(j, "a", &n) && n == 12);
	assert_true(json_u64(j, "b", &n) && n == 12);
	assert_false(json_u64(j, "c", &n) || json_u64(j, "d", &n) || json_u64(j, "e", &n) || json_u64(j, "f", &n));
	assert_int_equal(json_string(j, "b").n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indent),	 cmocka_unit_test(test_member_and_plain), cmocka_unit_test(test_each),
		cmocka_unit_test(test_bad_text), cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
