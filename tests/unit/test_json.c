// SPDX-License-Identifier: MIT
/* JSON: literals kept, slices found, and nothing read beyond the text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

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
	assert_int_equal(n, 12);
}

/* A double cannot tell 2^53 from 2^53 + 1, so neither may become an id. */
static void test_inexact_numbers(void **state)
{
	cleanup_json cJSON *j = NULL;
	uint64_t n = 1;

	(void)state;
	assert_int_equal(json_parse(STR("{\"a\":9007199254740993,\"b\":9007199254740992,\"c\":9007199254740991,"
					"\"d\":1.5,\"e\":\"9007199254740993\",\"f\":\"1x\",\"g\":3.0}"),
				    &j),
			 0);
	assert_false(json_u64(j, "a", &n));
	assert_false(json_u64(j, "b", &n));
	assert_false(json_u64(j, "d", &n));
	assert_false(json_u64(j, "f", &n));
	assert_int_equal(n, 1);
	assert_true(json_u64(j, "c", &n));
	assert_true(n == 9007199254740991u);
	assert_true(json_u64(j, "e", &n));
	assert_true(n == 9007199254740993u);
	assert_true(json_u64(j, "g", &n));
	assert_int_equal(n, 3);
}

static int join(void *arg, const cJSON *tree, struct str bytes)
{
	(void)tree;
	buf_add_str(arg, bytes);
	buf_addc(arg, '|');
	return 0;
}

static void test_each_bytes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(json_each(STR("[ 1e5 ,[[1.0],[ ]], {\"a\" : \"],[\"},\"\\\"]\" ]"), join, &b), 0);
	is(&b, "1e5|[[1.0],[ ]]|{\"a\" : \"],[\"}|\"\\\"]\"|");
	assert_int_equal(json_each(STR("[\xef\xbb\xbf"
				       "1]"),
				   join, &b),
			 -EBADMSG);
	assert_int_equal(json_each(STR(""), join, &b), -EBADMSG);
	assert_int_equal(json_each(STR("[1 2]"), join, &b), -EBADMSG);
	assert_int_equal(json_each(STR("[,1]"), join, &b), -EBADMSG);
	buf_done(&b);
}

static void plain(struct str bytes, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	json_plain(&b, bytes);
	is(&b, want);
}

static void test_plain(void **state)
{
	(void)state;
	plain(STR("\"\\b\\f\\n\\r\\t\\/\\\\\\\"\""), "\b\f\n\r\t/\\\"");
	plain(STR("\"\\u0041\\u07ff\\uFFFD\\uDBFF\\uDFFF\""), "A\xdf\xbf\xef\xbf\xbd\xf4\x8f\xbf\xbf");
	/* halves of pairs: low alone, two high ones, high before a plain character or another escape */
	plain(STR("\"\\ude00x\""), "\xef\xbf\xbdx");
	plain(STR("\"\\ud83d\\ud83d\\ude00\""), "\xef\xbf\xbd\xf0\x9f\x98\x80");
	plain(STR("\"\\ud83dx\\ud83d\\n\""), "\xef\xbf\xbdx\xef\xbf\xbd\n");
	plain(STR("\"\\ud83d\\ue000\""), "\xef\xbf\xbd\xee\x80\x80");
	plain(STR("\"\""), "");
	plain(STR(""), "");
	plain(STR(" null "), "");
	plain(STR("true"), "true");
	plain(STR("-1.50E+3"), "-1.50E+3");
	plain(STR("{ \"a\" : [ ] }"), "{\"a\":[]}");
}

static void test_members(void **state)
{
	static const char text[] = "{\"x\":{\"k\":1},\"\":\"none\",\"a\\\"b\":[{\"k\":\"}\"}],\"k\":2.50,\"k\":3}";
	struct str bytes = STR("old");

	(void)state;
	assert_int_equal(json_member(str_of(text), "k", &bytes), 0);
	assert_true(str_eqz(bytes, "2.50")); /* the first, as cJSON finds it; not the one within */
	assert_int_equal(json_member(str_of(text), "a\"b", &bytes), 0);
	assert_true(str_eqz(bytes, "[{\"k\":\"}\"}]"));
	assert_int_equal(json_member(str_of(text), "", &bytes), 0);
	assert_true(str_eqz(bytes, "\"none\""));
	bytes = STR("old");
	assert_int_equal(json_member(str_of(text), "K", &bytes), -ENOENT);
	assert_int_equal(json_member(STR("{}"), "k", &bytes), -ENOENT);
	assert_int_equal(json_member(STR("{\"k\\u0000z\":1}"), "k", &bytes), -ENOENT);
	assert_int_equal(json_member(STR("\"k\""), "k", &bytes), -EBADMSG);
	assert_int_equal(json_member(STR(""), "k", &bytes), -EBADMSG);
	assert_true(str_eqz(bytes, "old"));
}

static void test_small_buffer(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	json_indent(&b, str_of(sample));
	assert_int_equal(b.error, -EFBIG);
	assert_true(b.len <= 10);
	buf_done(&b);
	json_indent(&b, STR("[[],{}]"));
	assert_int_equal(b.error, -EFBIG);
	buf_done(&b);
}

static void test_depth(void **state)
{
	char text[2002];
	cJSON *j = NULL;

	(void)state;
	memset(text, '[', 1001);
	memset(text + 1001, ']', 1001);
	assert_int_equal(json_parse((struct str){text, 2002}, &j), -EBADMSG);
	assert_null(j);
	assert_int_equal(json_parse((struct str){text + 1, 2000}, &j), 0);
	assert_non_null(j);
	json_free(j);
	j = NULL;
	assert_int_equal(json_parse(STR("\xef\xbb\xbf{}"), &j), -EBADMSG);
	assert_int_equal(json_parse(STR(" \n"), &j), -EBADMSG);
	assert_int_equal(json_parse(STR("[1,2}"), &j), -EBADMSG);
	assert_null(j);
}

static void reads_within(struct str text)
{
	struct str bytes;
	cJSON *j = NULL;
	struct buf b;
	int n = -100000;

	buf_init(&b, 65536);
	if (!json_parse(text, &j))
		json_free(j);
	json_each(text, count, &n);
	json_indent(&b, text);
	json_compact(&b, text);
	json_plain(&b, text);
	if (!json_member(text, "gh", &bytes))
		assert_true(bytes.s >= text.s && bytes.n <= text.n && bytes.s + bytes.n <= text.s + text.n);
	buf_done(&b);
}

/* An unreadable page behind the text: cJSON itself is not built with a sanitizer, and
 * before 1.7.18 read a byte too much after {"a":1, (CVE-2023-53154). */
static void test_nothing_behind(void **state)
{
	static const char *const texts[] = {sample,
					    "[{\"1\":1,\"2\":[true,null,\"\\ud83d\\ude00\"]},-1.5e+10,\"\\\\\"]"};
	static const char marks[] = "{}[],:\"\\u0d8e \n\0-tn\xef";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *end = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t seed = 1;

	(void)state;
	assert_true(end != MAP_FAILED);
	end += page;
	assert_int_equal(mprotect(end, page, PROT_NONE), 0);
	for (size_t i = 0; i < 2; i++)
		for (size_t n = 0; n <= strlen(texts[i]); n++) {
			memcpy(end - n, texts[i], n);
			reads_within((struct str){end - n, n});
		}
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)round % 24;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			end[-(ptrdiff_t)i - 1] = marks[(seed >> 16) % (sizeof(marks) - 1)];
		}
		reads_within((struct str){end - n, n});
	}
	munmap(end - page, 2 * page);
}

static void merges(const char *object, const char *delta, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(json_merge(&b, str_of(object), str_of(delta)), 0);
	is(&b, want);
}

static void test_merge(void **state)
{
	struct buf b;

	(void)state;
	merges("{}", "{}", "{}");
	merges("{}", "{\"a\":1}", "{}");
	merges("{\"a\":1}", "{}", "{\"a\":1}");
	merges("{\"a\":1,\"b\":[1,{\"c\":2}],\"d\":null}", "{\"b\":{\"x\":[]},\"e\":5,\"d\":\"y\"}",
	       "{\"a\":1,\"b\":{\"x\":[]},\"d\":\"y\"}");
	/* literals stay as they are, and so does the order */
	merges(" { \"big\" : 9007199254740993 , \"f\" : 1.0 } ", "{\"f\":1e5}", "{\"big\":9007199254740993,\"f\":1e5}");
	/* names by what they mean */
	merges("{\"st\\u0061tus\":1,\"b\":2}", "{\"status\":3}", "{\"st\\u0061tus\":3,\"b\":2}");
	merges("{\"status\":1}", "{\"st\\u0061tus\":3}", "{\"status\":3}");
	merges("{\"a\\\"b\":1}", "{\"a\\u0022b\":2}", "{\"a\\\"b\":2}");
	/* a name with a NUL is not the name before it */
	merges("{\"a\":1,\"a\\u0000b\":2}", "{\"a\":3}", "{\"a\":3,\"a\\u0000b\":2}");
	/* of two of one name both are replaced, by the first of the delta's */
	merges("{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":4}", "{\"a\":3,\"a\":4}");
	buf_init(&b, 4096);
	assert_int_equal(json_merge(&b, STR("[]"), STR("{}")), -EBADMSG);
	assert_int_equal(json_merge(&b, STR("{}"), STR("[]")), -EBADMSG);
	assert_int_equal(json_merge(&b, STR("{}"), STR("null")), -EBADMSG);
	assert_int_equal(json_merge(&b, STR(""), STR("{}")), -EBADMSG);
	assert_int_equal(b.len, 0);
	buf_init(&b, 8);
	assert_int_equal(json_merge(&b, STR("{\"a\":\"0123456789\"}"), STR("{}")), -EFBIG);
	buf_done(&b);
}

static void covers(const char *value, const char *expect, bool want)
{
	if (json_covers(str_of(value), str_of(expect)) != want)
		fail_msg("%s %s %s", value, want ? "does not cover" : "covers", expect);
}

static void test_covers(void **state)
{
	(void)state;
	covers("1", "1", true);
	covers("1", "2", false);
	covers("\"1\"", "1", true); /* ids are sent as both */
	covers("1", "\"1\"", true);
	covers("1.0", "1", false);
	covers("\"\\u00e9\"", "\"\xc3\xa9\"", true);
	covers("true", "true", true);
	covers("false", "true", false);
	covers("null", "null", true);
	covers("\"null\"", "null", false);
	covers("{\"a\":1,\"b\":2}", "{\"b\":2}", true);
	covers("{\"a\":1,\"b\":2}", "{}", true);
	covers("{\"a\":1}", "{\"a\":1,\"b\":2}", false);
	covers("{\"a\":1}", "{\"a\":1,\"b\":null}", true);
	covers("{\"a\":{\"b\":{\"c\":[]}}}", "{\"a\":{\"b\":{\"c\":[]}}}", true);
	covers("{\"a\":null}", "{\"a\":{\"b\":1}}", false);
	covers("{\"a\":5}", "{\"a\":{\"b\":1}}", false);
	covers("{\"\\u0061\":1}", "{\"a\":1}", true);
	/* any entry of a list */
	covers("[\"event:read\",\"event:write\"]", "\"event:write\"", true);
	covers("[\"event:read\"]", "\"event:write\"", false);
	covers("[]", "\"event:write\"", false);
	covers("[[1],[2,3]]", "3", true);
	covers("[{\"a\":1},{\"a\":2}]", "{\"a\":2}", true);
	covers("[{\"a\":1},{\"b\":2}]", "{\"a\":1,\"b\":2}", false);
	covers("[1, 2]", "[1,2]", true);
	covers("[1,2]", "[2,1]", false);
	/* what is not JSON is not covered, and ends */
	covers("[1,", "2", false);
	covers("{\"a\"", "{\"a\":1}", false);
	covers("", "1", false);
}

static void test_quote(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	json_quote(&b, STR(""));
	is(&b, "\"\"");
	json_quote(&b, STR("a\"b\\c/d\n\t\x01\x7f\xc3\xa9"));
	is(&b, "\"a\\\"b\\\\c/d\\u000a\\u0009\\u0001\\u007f\xc3\xa9\"");
	json_quote(&b, STR("round \"trip\"\r\n"));
	assert_true(json_covers(buf_str(&b), buf_str(&b)));
	buf_addc(&b, '\0');
	{
		struct buf plain;

		buf_init(&plain, 4096);
		json_plain(&plain, str_of(b.data));
		is(&plain, "round \"trip\"\r\n");
	}
	buf_done(&b);
}

static void test_covers_delta(void **state)
{
	static const struct {
		const char *value, *expect;
		bool covers, delta;
	} cases[] = {
		{"{\"a\":1,\"b\":\"x\"}", "{\"a\":\"1\"}", true, true},
		{"{\"a\":1}", "{\"a\":2}", false, false},
		{"{\"a\":1}", "{\"a\":1,\"b\":2}", false, true},
		{"{\"a\":1,\"b\":3}", "{\"a\":1,\"b\":2}", false, false},
		{"{}", "{\"a\":null}", true, false},
		{"{}", "{\"a\":1}", false, false},
		{"{\"a\":{\"b\":\"x\",\"c\":null}}", "{\"a\":{\"b\":[]}}", true, true},
		{"{\"a\":{\"b\":\"x\",\"c\":null}}", "{\"a\":{\"c\":[]}}", false, false},
		{"{\"a\":{}}", "{\"a\":{\"c\":[]}}", false, false},
		{"{\"a\":[]}", "{\"a\":[]}", true, true},
		{"", "{\"a\":1}", false, false},
		{"7", "{\"a\":1}", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(json_covers(str_of(cases[i].value), str_of(cases[i].expect)), cases[i].covers);
		assert_int_equal(json_covers_delta(str_of(cases[i].value), str_of(cases[i].expect)), cases[i].delta);
	}
}

/* cJSON refuses half of a surrogate pair; one such title must not spoil all. */
static void test_half_a_pair(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{\"a\":\"\\ud800\"}", "\xef\xbf\xbd"},
		{"{\"a\":\"x\\udc00y\\ud83d\\ude00\"}", "x\xef\xbf\xbdy\xf0\x9f\x98\x80"},
		{"{\"a\":\"\\ud800\\ud83d\\ude00\"}", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
		{"{\"a\":\"\\\\ud800\\ud800\"}", "\\ud800\xef\xbf\xbd"},
		{" {\"b\":\"\\udfff\",\"a\":\"c\"} ", "c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_json cJSON *j = NULL;

		assert_int_equal(json_parse(str_of(rows[i].text), &j), 0);
		assert_string_equal(json_string(j, "a").s, rows[i].want);
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const bad[] = {"{\"a\":\"\\ud800\"", "{\"a\":\"\\ud800\"} x", "[\"\\ud800\",]"};
		cJSON *j = NULL;

		assert_int_equal(json_parse(str_of(bad[i]), &j), -EBADMSG);
	}
}

/* It takes any control character for white space. */
static void test_odd_space(void **state)
{
	cleanup_json cJSON *j = NULL;

	(void)state;
	assert_int_equal(json_parse(STR("{\"a\":\x01 1}"), &j), -EBADMSG);
	assert_int_equal(json_parse(STR("\0[]"), &j), -EBADMSG);
	assert_int_equal(json_parse(STR("[\f]"), &j), -EBADMSG);
	assert_int_equal(json_parse(STR("[\"\x01\f\", \"\\\"\v\"]"), &j), 0); /* in a string it is the server's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indent),	     cmocka_unit_test(test_member_and_plain),
		cmocka_unit_test(test_each),	     cmocka_unit_test(test_each_bytes),
		cmocka_unit_test(test_members),	     cmocka_unit_test(test_plain),
		cmocka_unit_test(test_small_buffer), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_bad_text),     cmocka_unit_test(test_nothing_behind),
		cmocka_unit_test(test_numbers),	     cmocka_unit_test(test_inexact_numbers),
		cmocka_unit_test(test_merge),	     cmocka_unit_test(test_covers),
		cmocka_unit_test(test_quote),	     cmocka_unit_test(test_half_a_pair),
		cmocka_unit_test(test_odd_space),    cmocka_unit_test(test_covers_delta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
