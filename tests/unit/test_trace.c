// SPDX-License-Identifier: MIT
/*
 * Stacks as text: each row of the table of platforms, long stacks, odd ones; and events
 * of any shape, which must show something or nothing and never end the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/show.h"
#include "sentryfs/trace.h"

#define FRAME(function, file, line)                                                                                    \
	"{\"function\":\"" function "\",\"module\":\"m.M\",\"filename\":\"" file "\",\"lineNo\":" line                 \
	",\"colNo\":5,\"inApp\":true,\"package\":\"/opt/lib.so\",\"instructionAddr\":\"0x10\","                        \
	"\"context\":[[" line ",\"  call()\"]]}"
#define EVENT(platform)                                                                                                \
	"{\"platform\":\"" platform "\",\"entries\":[{\"type\":\"exception\",\"data\":{\"values\":["                   \
	"{\"type\":\"Inner\",\"value\":\"in\",\"stacktrace\":{\"frames\":[" FRAME(                                     \
		"f", "a.x",                                                                                            \
		"1") "]}},"                                                                                            \
		     "{\"type\":\"Outer\",\"value\":\"out\\nmore\",\"mechanism\":{\"handled\":false},\"stacktrace\":"  \
		     "{\"frames\":[" FRAME("f", "a.x", "1") "," FRAME("g", "d/b.x", "22") "]}}]}}]}"
#define HEAD "\n## Exception and its causes (2)\n"

static void read_and(void (*show)(struct buf *, const struct event *, const char *), struct buf *b, struct str json)
{
	struct event e;

	event_read(&e, json);
	show(b, &e, "x.json");
}

static void quickfix(struct buf *b, const struct event *e, const char *rest)
{
	(void)rest;
	trace_quickfix(b, e);
}

static void test_forms(void **state)
{
	static const struct {
		const char *event, *want;
	} rows[] = {
		{EVENT("python"),
		 HEAD "Traceback (most recent call last):\n  File \"a.x\", line 1, in f\n    call()\nInner: in\n\n"
		      "The above exception was the direct cause of the following exception:\n\n"
		      "Traceback (most recent call last):\n  File \"a.x\", line 1, in f\n    call()\n"
		      "  File \"d/b.x\", line 22, in g\n    call()\nOuter: out\nmore\n"},
		{EVENT("javascript"), HEAD "Outer: out\nmore\n    at g (d/b.x:22:5)\n    at f (a.x:1:5)\n"
					   "[cause]: Inner: in\n    at f (a.x:1:5)\n"},
		{EVENT("java"), HEAD "Outer: out\nmore\n\tat m.M.g(b.x:22)\n\tat m.M.f(a.x:1)\n"
				     "Caused by: Inner: in\n\tat m.M.f(a.x:1)\n"},
		{EVENT("go"), HEAD "panic: Outer: out\nmore\n\ngoroutine 1 [running]:\nm.M.g(...)\n\td/b.x:22\n"
				   "m.M.f(...)\n\ta.x:1\n\ncaused by: Inner: in\n\ngoroutine 1 [running]:\nm.M.f(...)\n"
				   "\ta.x:1\n"},
		{EVENT("ruby"), HEAD "d/b.x:22:in `g': out (Outer)\nmore\n\tfrom a.x:1:in `f'\n"
				     "a.x:1:in `f': in (Inner)\n"},
		{EVENT("csharp"), HEAD "Outer: out\nmore\n ---> Inner: in\n   at m.M.f() in a.x:line 1\n"
				       "   --- End of inner exception stack trace ---\n"
				       "   at m.M.g() in d/b.x:line 22\n   at m.M.f() in a.x:line 1\n"},
		{EVENT("php"), HEAD "Inner: in in a.x:1\nStack trace:\n#0 a.x(1): f()\n\nNext "
				    "PHP Fatal error:  Uncaught Outer: out\nmore in d/b.x:22\nStack trace:\n"
				    "#0 d/b.x(22): g()\n#1 a.x(1): f()\n"},
		{EVENT("native"), HEAD "Outer: out\nmore\n#00 0x10 lib.so g (d/b.x:22)\n#01 0x10 lib.so f (a.x:1)\n"
				       "caused by: Inner: in\n#00 0x10 lib.so f (a.x:1)\n"},
		{EVENT("perl"), HEAD "Outer: out\nmore\n  at g (d/b.x:22)\n  at f (a.x:1)\n"
				     "caused by: Inner: in\n  at f (a.x:1)\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_buf struct buf b = {0};

		buf_init(&b, BUF_MAX_DEFAULT);
		read_and(trace_show, &b, str_of(rows[i].event));
		buf_addc(&b, '\0');
		assert_string_equal(b.data, rows[i].want);
	}
}

static void test_quickfix(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_init(&b, BUF_MAX_DEFAULT);
	read_and(quickfix, &b, str_of(EVENT("node")));
	buf_addc(&b, '\0');
	/* the cause's frame was told of already */
	assert_string_equal(b.data, "d/b.x:22: Outer: out more in g\na.x:1: f\n");
}

/* What an editor in a checkout may find. */
static void test_files(void **state)
{
	static const char *const rows[][2] = {
		{"webpack:///./src/a.ts", "src/a.ts:7: E in f\n"},
		{"app:///static/a.js", "static/a.js:7: E in f\n"},
		{"https://host/static/a.js", "static/a.js:7: E in f\n"},
		{"file:///srv/a.js", "/srv/a.js:7: E in f\n"},
		{"./lib/a.rb", "lib/a.rb:7: E in f\n"},
		{"/srv/a.py", "/srv/a.py:7: E in f\n"},
		{"A.java", "m/A.java:7: E in f\n"},
		{"a\\n:1: b.py", "a :1: b.py:7: E in f\n"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_buf struct buf b = {0};
		char event[512];

		snprintf(
			event, sizeof(event),
			"{\"entries\":[{\"type\":\"exception\",\"data\":{\"values\":[{\"type\":\"E\",\"stacktrace\":"
			"{\"frames\":[{\"filename\":\"%s\",\"module\":\"m.A\",\"function\":\"f\",\"lineNo\":7}]}}]}}]}",
			rows[i][0]);
		buf_init(&b, BUF_MAX_DEFAULT);
		read_and(quickfix, &b, str_of(event));
		buf_addc(&b, '\0');
		assert_string_equal(b.data, rows[i][1]);
	}
}

/* Of a stack that ends nowhere both ends are shown, and how much is between. */
static void test_a_long_stack(void **state)
{
	cleanup_buf struct buf event = {0}, b = {0};

	(void)state;
	buf_init(&event, BUF_MAX_DEFAULT);
	buf_init(&b, BUF_MAX_DEFAULT);
	buf_puts(&event,
		 "{\"platform\":\"native\",\"entries\":[{\"type\":\"exception\",\"data\":{\"values\":[{\"type\":"
		 "\"E\",\"stacktrace\":{\"frames\":[");
	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&event, "%s{\"function\":\"f%u\"}", i ? "," : "", i);
	buf_puts(&event, "]}}]}}]}");
	read_and(trace_show, &b, buf_str(&event));
	buf_addc(&b, '\0');
	assert_non_null(strstr(b.data, "#00 0x0 <unknown> f99999\n"));
	assert_non_null(strstr(
		b.data, "#74 0x0 <unknown> f99925\n  [99900 more frames in x.json]\n#99975 0x0 <unknown> f24\n"));
	assert_non_null(strstr(b.data, "#99999 0x0 <unknown> f0\n"));
	assert_true(b.len < 8000);
}

static void test_the_crashed_threads_stack(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_init(&b, BUF_MAX_DEFAULT);
	read_and(trace_show, &b,
		 STR("{\"platform\":\"cocoa\",\"entries\":[{\"type\":\"exception\",\"data\":{\"values\":[{\"type\":"
		     "\"E\","
		     "\"threadId\":0,\"stacktrace\":null}]}},{\"type\":\"threads\",\"data\":{\"values\":[{\"id\":0,"
		     "\"crashed\":true,\"stacktrace\":{\"frames\":[{\"function\":\"main\"}]}}]}}]}"));
	buf_addc(&b, '\0');
	assert_string_equal(b.data, "\n## Exception\nE\n#00 0x0 <unknown> main\n\n## Threads (1)\n"
				    "Thread 0 (crashed):\n#00 0x0 <unknown> main\n");
}

/* ---- any shape ---- */

/* Every text there is of this event. */
static size_t show_all(const char *json)
{
	struct options options = {.mountpoint = (char *)"/it's"};
	struct node root = {.name = ""}, issue = {.name = "WEB-1", .parent = &root};
	struct mount mount = {.options = &options, .root = &root};
	struct item item = {.name = (char *)"WEB-1", .class = &item_issue};
	struct node file = {.name = "0123456789abcdef0123456789abcdef.txt", .parent = &issue};
	struct source s = {.mount = &mount, .node = &file, .item = &item, .json = str_of(json)};
	cleanup_blob struct blob *blob = blob_new(json, strlen(json));
	cleanup_buf struct buf b = {0};

	buf_init(&b, BUF_MAX_DEFAULT);
	issue.item = &item;
	s.parts.event = s.parts.details = blob;
	assert_int_equal(show_event(&b, &s), 0);
	assert_int_equal(show_frames(&b, &s), 0);
	assert_int_equal(show_summary(&b, &s), 0);
	assert_int_equal(b.error, 0);
	for (size_t i = 0; i < b.len; i++)
		assert_true((unsigned char)b.data[i] >= 0x20 || b.data[i] == '\n' || b.data[i] == '\t');
	return b.len;
}

static const char whole[] =
	"{\"eventID\":\"0123456789abcdef0123456789abcdef\",\"platform\":\"%s\",\"title\":\"T\",\"message\":\"m\","
	"\"release\":{\"version\":\"1\"},\"culprit\":\"c\",\"sdk\":{\"name\":\"n\"},\"type\":\"error\",\"dist\":\"1\","
	"\"tags\":[{\"key\":\"level\",\"value\":\"error\"}],\"user\":{\"id\":\"1\",\"data\":{\"a\":1}},"
	"\"contexts\":{\"os\":{\"name\":\"L\",\"type\":\"os\"}},\"context\":{\"k\":[1,{\"password\":\"x\"}]},"
	"\"packages\":{\"p\":\"1\"},\"errors\":[{\"type\":\"x\"}],\"entries\":[{\"type\":\"message\",\"data\":"
	"{\"formatted\":\"f\",\"message\":\"m\",\"params\":[1]}},{\"type\":\"exception\",\"data\":{\"values\":["
	"{\"type\":\"A\",\"value\":\"a\",\"module\":\"m\",\"threadId\":1,\"mechanism\":{\"handled\":false,\"source\":"
	"\"__context__\"},\"stacktrace\":{\"frames\":[{\"filename\":\"a\",\"absPath\":\"/a\",\"lineNo\":3,\"colNo\":1,"
	"\"inApp\":true,\"module\":\"m\",\"function\":\"f\",\"package\":\"p\",\"instructionAddr\":\"0x1\","
	"\"context\":[[2,\"x\"],[3,\"y\"]],\"vars\":{\"v\":\"1\"}}]}},{\"type\":\"B\",\"value\":\"b\",\"stacktrace\":"
	"{\"frames\":[{\"function\":\"g\"}]}}]}},{\"type\":\"threads\",\"data\":{\"values\":[{\"id\":1,\"name\":\"n\","
	"\"crashed\":true,\"stacktrace\":{\"frames\":[{\"function\":\"h\"}]}}]}},{\"type\":\"stacktrace\",\"data\":"
	"{\"frames\":[{\"function\":\"i\"}]}},{\"type\":\"breadcrumbs\",\"data\":{\"values\":[{\"timestamp\":\"t\","
	"\"level\":\"info\",\"category\":\"c\",\"message\":\"m\",\"data\":{\"url\":\"u\",\"method\":\"GET\","
	"\"status_code\":200}},{\"data\":{\"a\":\"b\"}}]}},{\"type\":\"request\",\"data\":{\"method\":\"GET\",\"url\":"
	"\"u\",\"query\":[[\"a\",\"b\"]],\"headers\":[[\"Host\",\"h\"]],\"cookies\":[[\"c\",\"d\"]],\"env\":{\"E\":"
	"\"1\"},"
	"\"data\":{\"x\":1}}},{\"type\":\"spans\",\"data\":[]}],\"status\":\"unresolved\",\"substatus\":\"new\","
	"\"assignedTo\":{\"type\":\"user\",\"id\":\"1\",\"email\":\"e\"},\"count\":\"5\",\"userCount\":2,"
	"\"numComments\":7,"
	"\"permalink\":\"p\",\"firstSeen\":\"t\",\"firstRelease\":{\"version\":\"1\"},\"stats\":{\"24h\":[[1,2],[2,0]],"
	"\"30d\":[[1,18446744073709551615],[2,9]]},\"activity\":[{\"type\":\"note\",\"user\":{\"name\":\"n\"},\"data\":"
	"{\"text\":\"t\"},\"dateCreated\":\"d\"}]}";

/* Where the value that begins at `begin` ends. */
static size_t value_end(const char *s, size_t begin)
{
	size_t depth = 0, i = begin;

	do {
		if (s[i] == '"')
			while (s[++i] != '"')
				i += s[i] == '\\';
		else if (strchr("{[", s[i]))
			depth++;
		else if (strchr("}]", s[i]))
			depth--;
		i++;
	} while (depth || (s[i] && !strchr(",}]", s[i])));
	return i;
}

/* Each value of an event in turn is something else. */
static void test_any_value_may_be_anything(void **state)
{
	static const char *const others[] = {"null",
					     "0",
					     "-1",
					     "1e400",
					     "true",
					     "\"\"",
					     "\"x\\u001b[31m\\u202e\\u0000\\ud800\"",
					     "[]",
					     "{}",
					     "[null]",
					     "[[]]",
					     "[{}]",
					     "[[null,null]]",
					     "{\"\":null}",
					     "{\"type\":[]}",
					     "{\"frames\":7,\"values\":{}}"};
	static const char *const platforms[] = {"python", "node", "java", "go", "ruby", "csharp", "php", "native", "x"};
	size_t shown = 0, place = 0;

	(void)state;
	for (size_t p = 0; p < sizeof(platforms) / sizeof(*platforms); p++) {
		char event[4096], changed[8192];
		size_t n = (size_t)snprintf(event, sizeof(event), whole, platforms[p]);

		assert_true(n < sizeof(event));
		assert_true(show_all(event) > 1500);
		for (size_t i = 0; i < n; i++) {
			/* a value follows a colon, a comma or a bracket */
			if (!strchr(":[,", event[i]) || (event[i] == ',' && event[i + 1] == '"'))
				continue;
			/* each place of a third of the platforms, and so of all forms */
			for (size_t o = place++ % 3; o < sizeof(others) / sizeof(*others); o += 3) {
				snprintf(changed, sizeof(changed), "%.*s%s%s", (int)i + 1, event, others[o],
					 event + value_end(event, i + 1));
				show_all(changed);
				shown++;
			}
		}
	}
	assert_true(shown > 5000);
	for (size_t o = 0; o < sizeof(others) / sizeof(*others); o++)
		show_all(others[o]);
}

/* As deep as cJSON lets a text in, and wider than anything is shown. */
static void test_depth_and_width(void **state)
{
	static const char *const open[] = {"[", "{\"a\":", "[[1,", "{\"frames\":[{\"vars\":"};
	static const char *const close[] = {"]", "}", "]]", "}]}"};

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		cleanup_buf struct buf deep = {0}, event = {0};

		buf_init(&deep, BUF_MAX_DEFAULT);
		buf_init(&event, BUF_MAX_DEFAULT);
		for (size_t i = 0; i < 400; i++)
			buf_puts(&deep, open[k]);
		buf_puts(&deep, "1");
		for (size_t i = 0; i < 400; i++)
			buf_puts(&deep, close[k]);
		buf_puts(&event, "{\"context\":{\"deep\":");
		buf_add_str(&event, buf_str(&deep));
		buf_puts(&event, "},\"user\":");
		buf_add_str(&event, buf_str(&deep));
		buf_puts(&event, ",\"entries\":[{\"type\":\"exception\",\"data\":{\"values\":[{\"stacktrace\":");
		buf_add_str(&event, buf_str(&deep));
		buf_puts(&event, "}]}}],\"tags\":");
		buf_add_str(&event, buf_str(&deep));
		buf_puts(&event, "}");
		buf_addc(&event, '\0');
		show_all(event.data);
	}
	for (size_t k = 0; k < 2; k++) {
		cleanup_buf struct buf event = {0};

		buf_init(&event, BUF_MAX_DEFAULT);
		buf_puts(&event, k ? "{\"context\":[" : "{\"context\":{\"a\":\"");
		for (size_t i = 0; i < 300000; i++)
			buf_puts(&event, k ? "[\"name\",\"\\u0000=token=\"]," : "token=\\u00e4 ");
		buf_puts(&event, k ? "[]],\"title\":\"t\"}" : "\"}}");
		buf_addc(&event, '\0');
		assert_true(show_all(event.data) < 2u << 20);
	}
}

/* One line of source told again and again: the summary has no other limit. */
static void test_a_line_that_is_told_often(void **state)
{
	cleanup_buf struct buf event = {0};

	(void)state;
	buf_init(&event, BUF_MAX_DEFAULT);
	buf_puts(&event,
		 "{\"entries\":[{\"type\":\"stacktrace\",\"data\":{\"frames\":[{\"filename\":\"a\",\"lineNo\":3,"
		 "\"context\":[[3,\"x\"]");
	for (size_t i = 0; i < 100000; i++)
		buf_puts(&event, ",[3,\"x\"]");
	buf_puts(&event, "]}]}}]}");
	buf_addc(&event, '\0');
	assert_true(show_all(event.data) < 2000);
}

/* What a name beside it, in whichever shape, makes a secret. */
static void test_secrets_of_an_event(void **state)
{
	static const char *const events[] = {
		"{\"contexts\":{\"auth_token\":\"s3cr3t\",\"cookie\":{\"v\":\"s3cr3t\"},\"list_of_tokens\":[\"s3cr3t\"]"
		"}}",
		"{\"context\":{\"headers\":[{\"name\":\"Cookie\",\"value\":\"s3cr3t\"},{\"value\":\"s3cr3t\",\"key\":"
		"\"password\"}]}}",
		"{\"errors\":[{\"type\":\"invalid_data\",\"name\":\"extra.token\",\"value\":\"s3cr3t\"}]}",
		"{\"context\":{\"a\":[\"pass\\u0077ord\",\"s3cr3t\"],\"b\":{\"tok\\u0065n\":\"s3cr3t\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		const struct source s = {.json = str_of(events[i])};
		cleanup_buf struct buf b = {0};

		buf_init(&b, BUF_MAX_DEFAULT);
		assert_int_equal(show_event(&b, &s), 0);
		assert_true(str_has(buf_str(&b), "[redacted]"));
		assert_false(str_has(buf_str(&b), "s3cr3t"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_quickfix),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_a_long_stack),
		cmocka_unit_test(test_the_crashed_threads_stack),
		cmocka_unit_test(test_any_value_may_be_anything),
		cmocka_unit_test(test_depth_and_width),
		cmocka_unit_test(test_a_line_that_is_told_often),
		cmocka_unit_test(test_secrets_of_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
