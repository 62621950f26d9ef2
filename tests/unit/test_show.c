// SPDX-License-Identifier: MIT
/*
 * What files show of the server's objects: single values on one clean line, exact
 * JSON, tables, and where symlinks point.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sentryfs/json.h"
#include "sentryfs/show.h"

/* Shows `json` by a row of that name; "" and *error when it fails. The caller frees. */
static char *shown(int (*show)(struct buf *, const struct source *), const char *name, const char *json, int *error)
{
	cleanup_buf struct buf b = {0};
	struct kind kind = {.name = name, .suffix = ".json"};
	struct source s = {.kind = &kind, .json = str_of(json)};

	buf_init(&b, BUF_MAX_DEFAULT);
	*error = show(&b, &s);
	assert_int_equal(b.error, 0);
	return str_dup(buf_str(&b));
}

static void shows(int (*show)(struct buf *, const struct source *), const char *name, const char *json,
		  const char *want)
{
	int error;
	cleanup_free char *text = shown(show, name, json, &error);

	assert_int_equal(error, 0);
	assert_string_equal(text, want);
}

static void refuses(int (*show)(struct buf *, const struct source *), const char *json)
{
	int error;
	cleanup_free char *text = shown(show, "", json, &error);

	assert_non_null(text);
	assert_int_equal(error, -EBADMSG);
}

static void test_field(void **state)
{
	static const char *const values[][2] = {
		{"\"text\"", "text\n"},
		{"\"\"", "\n"},
		{"null", "\n"},
		{"true", "true\n"},
		{"9007199254740993", "9007199254740993\n"},
		{"1.0e5", "1.0e5\n"},
		{"{ \"b\" : 1,\"a\":[ ] }", "{\"b\":1,\"a\":[]}\n"},
		{"\"two\\nlines\\tand \\u001b[31mred \\u0000 \\u202edne\"", "two lines and  [31mred    dne\n"},
		{"\"\\u00e4 \\ud83d\\ude00\"", "\xc3\xa4 \xf0\x9f\x98\x80\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char json[256];

		snprintf(json, sizeof(json), "{\"other\":{\"title\":\"no\"},\"title\":%s}", values[i][0]);
		shows(show_field, "title", json, values[i][1]);
	}
	shows(show_field, "title", "{}", "\n"); /* GlitchTip lacks some */
	refuses(show_field, "[]");
}

static void test_json(void **state)
{
	(void)state;
	shows(show_json, "", "{\"z\":1.0,\"a\":[],\"m\":{\"n\":-0,\"s\":\"\\u00e4/\\/\"}}",
	      "{\n  \"z\": 1.0,\n  \"a\": [],\n  \"m\": {\n    \"n\": -0,\n    \"s\": \"\\u00e4/\\/\"\n  }\n}\n");
}

/* What can be written back. */
static void test_assigned(void **state)
{
	(void)state;
	shows(show_assigned, "", "{}", "none\n");
	shows(show_assigned, "", "{\"assignedTo\":null}", "none\n");
	shows(show_assigned, "", "{\"assignedTo\":\"jane\"}", "none\n");
	shows(show_assigned, "",
	      "{\"assignedTo\":{\"type\":\"user\",\"id\":\"1\",\"name\":\"Jane\",\"email\":\"jane@acme.example\"}}",
	      "jane@acme.example\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\":\"user\",\"id\":\"1\",\"name\":\"Jane\"}}", "user:1\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\":\"user\",\"id\":1,\"email\":\"\"}}", "user:1\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\":\"user\",\"id\":1,\"email\":null}}", "user:1\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\":\"team\",\"id\":\"2\",\"name\":\"backend\"}}",
	      "team:backend\n");
	shows(show_assigned, "",
	      "{\"assignedTo\":{\"type\":\"team\",\"id\":\"2\",\"name\":\"The Backend\",\"slug\":\"backend\"}}",
	      "team:backend\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\":\"team\",\"name\":\"a\\nb\"}}", "team:a b\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\":\"team\"}}", "{\"type\":\"team\"}\n");
	shows(show_assigned, "", "{\"assignedTo\":{\"type\": \"user\"}}", "{\"type\":\"user\"}\n");
}

static void test_activity(void **state)
{
	(void)state;
	shows(show_activity, "", "{\"activity\":[ {\"type\": \"note\", \"n\": 1.0},\n {\"type\":\"first_seen\"} ]}",
	      "{\"type\":\"note\",\"n\":1.0}\n{\"type\":\"first_seen\"}\n");
	shows(show_activity, "", "{\"activity\":[]}", "");
	shows(show_activity, "", "{}", "");
	refuses(show_activity, "{\"activity\":{}}");
	refuses(show_activity, "{\"activity\":null}");
}

static void test_comment(void **state)
{
	(void)state;
	shows(show_comment, "", "{\"data\":{\"text\":\"**two**\\n\\tlines\"}}", "**two**\n\tlines\n");
	shows(show_comment, "", "{\"data\":{\"text\":\"ends\\n\"}}", "ends\n");
	shows(show_comment, "", "{\"text\":\"of GlitchTip\"}", "of GlitchTip\n");
	shows(show_comment, "", "{\"data\":{\"text\":\"\\u001b]0;x\\u0007\\r\"}}", " ]0;x  \n");
	shows(show_comment, "", "{}", "\n");
}

static void test_tag(void **state)
{
	(void)state;
	shows(show_tag, "",
	      "{\"key\":\"os\",\"totalValues\":8,\"topValues\":[{\"value\":\"Linux\",\"count\":4},"
	      "{\"value\":\"a\\tb\\n\",\"count\":\"2\"},{\"value\":\"no count\"},{\"value\":\"\",\"count\":1}]}",
	      "value\tcount\tshare\nLinux\t4\t0.5000\na b \t2\t0.2500\n\t1\t0.1250\n(other values)\t1\t0.1250\n");
	shows(show_tag, "", "{\"key\":\"os\",\"topValues\":[{\"value\":\"Linux\",\"count\":4}]}",
	      "value\tcount\tshare\nLinux\t4\t0.0000\n");
	shows(show_tag, "", "{\"key\":\"os\",\"topValues\":7,\"totalValues\":-1}", "value\tcount\tshare\n");
}

static void test_event_link(void **state)
{
	(void)state;
	shows(show_event_link, "", "{\"eventID\":\"0123456789abcdef0123456789abcdef\"}",
	      "0123456789abcdef0123456789abcdef.json");
	refuses(show_event_link, "{\"eventID\":\"../../../etc/passwd\"}");
	refuses(show_event_link, "{\"eventID\":\"\"}");
	refuses(show_event_link, "{\"eventID\":null}");
	refuses(show_event_link, "{\"id\":\"0123456789abcdef0123456789abcdef\"}");
}

/* ---- tables ---- */

static void table_is(int (*show)(struct buf *, const struct source *), const char *const *rows, size_t n,
		     const char *want)
{
	struct item_store store = {0};
	struct item *items[8] = {0};
	struct listing listing = {.items = items, .n = n};
	struct kind kind = {0};
	struct source s = {.kind = &kind, .listing = &listing};
	cleanup_buf struct buf b = {0};
	struct timespec wall = {0};

	for (size_t i = 0; i < n; i++) {
		cleanup_json cJSON *tree = NULL;

		assert_int_equal(json_parse(str_of(rows[i]), &tree), 0);
		assert_int_equal(item_put(&store, &item_any, "t", tree, str_of(rows[i]), 1, &wall, true, &items[i]), 0);
	}
	buf_init(&b, BUF_MAX_DEFAULT);
	assert_int_equal(show(&b, &s), 0);
	buf_addc(&b, '\0');
	assert_string_equal(b.data, want);
	for (size_t i = 0; i < n; i++)
		item_unref(items[i]);
	item_store_done(&store);
}

static void test_tables(void **state)
{
	static const char *const members[] = {
		"{\"id\":\"11\",\"email\":\"jane@acme.example\",\"name\":\"Jane\\tDoe\",\"orgRole\":\"owner\","
		"\"pending\":false,\"user\":{\"id\":\"1\",\"username\":\"jane\"}}",
		"{\"id\":\"12\",\"email\":\"new@acme.example\",\"user\":null,\"pending\":true}"};
	static const char *const teams[] = {"{\"id\":\"2\",\"slug\":\"backend\",\"name\":\"B\\ne\"}"};
	static const char *const environments[] = {"{\"id\":\"1\",\"name\":\"production\"}",
						   "{\"id\":\"2\",\"name\":\"\"}"};
	static const char *const releases[] = {
		"{\"version\":\"web@1.0.0\",\"dateCreated\":\"2026-01-01T00:00:00Z\",\"dateReleased\":null}"};

	(void)state;
	table_is(show_members, members, 2,
		 "assignee\tuser\tusername\tname\trole\tpending\n"
		 "jane@acme.example\t1\tjane\tJane Doe\towner\tfalse\nnew@acme.example\t\t\t\t\ttrue\n");
	table_is(show_teams, teams, 1, "slug\tid\tname\nbackend\t2\tB e\n");
	table_is(show_environments, environments, 2, "name\tid\nproduction\t1\n\t2\n");
	table_is(show_releases, releases, 1, "version\tcreated\treleased\nweb@1.0.0\t2026-01-01T00:00:00Z\t\n");
	table_is(show_teams, NULL, 0, "slug\tid\tname\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),	   cmocka_unit_test(test_json),	   cmocka_unit_test(test_assigned),
		cmocka_unit_test(test_activity),   cmocka_unit_test(test_comment), cmocka_unit_test(test_tag),
		cmocka_unit_test(test_event_link), cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
