// SPDX-License-Identifier: MIT
/* The grammar of the control files: bodies, what the answer must show, and refusals. */
#include "fixture.h"

#include "sentryfs/control.h"

#define RESOLVED ",\"status\":\"resolved\",\"statusDetails\":{}"
#define FOREVER ",\"status\":\"ignored\",\"substatus\":\"archived_forever\",\"statusDetails\":{}"
#define ESCALATING ",\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\",\"statusDetails\":{}"

struct wisher {
	struct fixture f;
	struct op *op;
	struct script_reply reply;
	struct wish wish;
	struct item *issue;
};

static void set_up(struct wisher *w, const char *members)
{
	cleanup_buf struct buf list = {0};

	buf_init(&list, 4096);
	buf_printf(&list, "[%s%s}]", "{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"}", members);
	buf_addc(&list, '\0');
	begin_with(&w->f, list.data);
	w->op = script_op(&w->f.mount, &w->reply, verb_write, w->f.issue, NULL);
	w->wish = (struct wish){0};
	w->issue = w->f.issue->item;
}

static void tear_down(struct wisher *w)
{
	wish_done(&w->wish);
	op_free(w->op);
	end(&w->f);
}

static int ask(struct wisher *w, const char *field, bool fresh, struct str value)
{
	struct node *n = entry(&w->f, w->f.issue, field);
	int r;

	wish_done(&w->wish);
	w->wish = (struct wish){.row = blob_str(w->issue->json)};
	r = n->kind->control->wish(w->op, n, w->issue, fresh, value, &w->wish);
	node_unref(n, 1);
	return r;
}

static void body_is(const struct buf *b, const char *want)
{
	cleanup_free char *text = str_dup(buf_str(b));

	assert_string_equal(text, want);
}

/* One body, or with `first` two; NULL: nothing is sent. */
static void wishes(struct wisher *w, const char *field, const char *value, const char *first, const char *body,
		   const char *expect)
{
	int r = ask(w, field, true, str_of(value));

	if (r)
		fail_msg("%s: \"%s\" is refused: %d %s", field, value, r, w->wish.words);
	assert_int_equal(w->wish.n, !body ? 0 : first ? 2 : 1);
	if (first)
		body_is(&w->wish.body[0], first);
	if (body)
		body_is(&w->wish.body[w->wish.n - 1], body);
	if (expect)
		body_is(&w->wish.expect, expect);
}

static void one(const char *members, const char *field, const char *value, const char *body, const char *expect)
{
	struct wisher w;

	set_up(&w, members);
	wishes(&w, field, value, NULL, body, expect);
	tear_down(&w);
}

static void refuses(struct wisher *w, const char *field, const char *value)
{
	int r = ask(w, field, true, str_of(value));

	if (r != -EINVAL)
		fail_msg("%s: \"%s\" is not refused: %d", field, value, r);
	assert_non_null(w->wish.words);
	assert_int_equal(w->f.script.n, 3);
}

static void test_status_words(void **state)
{
	(void)state;
	one(UNRESOLVED, "status", "resolved", "{\"status\":\"resolved\"}", "{\"status\":\"resolved\"}");
	one(UNRESOLVED, "status", "unresolved", NULL, NULL);
	one(RESOLVED, "status", "resolved", NULL, NULL);
	one(RESOLVED, "status", "unresolved", "{\"status\":\"unresolved\"}", "{\"status\":\"unresolved\"}");
	one(FOREVER, "status", "unresolved", "{\"status\":\"unresolved\"}", "{\"status\":\"unresolved\"}");
	one(UNRESOLVED, "status", "resolvedInNextRelease", "{\"status\":\"resolvedInNextRelease\"}",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}");
	one(RESOLVED, "status", "resolvedInNextRelease", "{\"status\":\"resolvedInNextRelease\"}", NULL);
	one(",\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}", "status", "resolvedInNextRelease",
	    NULL, NULL);
}

static void test_status_resolved_in(void **state)
{
	(void)state;
	one(UNRESOLVED, "status", "resolved in 1.4.2",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"1.4.2\"}}",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"1.4.2\"}}");
	one(",\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"1.4.2\",\"actor\":{}}", "status",
	    "resolved in 1.4.2", NULL, NULL);
	one(RESOLVED, "status", "resolved  in\tapp@1.0+\"q\"",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"app@1.0+\\\"q\\\"\"}}", NULL);
	one(UNRESOLVED, "status", "resolved in @next",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}", NULL);
	one(UNRESOLVED, "status", "resolved in @latest",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"latest\"}}",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":[]}}");
	one(UNRESOLVED, "status", "resolved in @commit:getsentry/sentry@a1b2",
	    "{\"status\":\"resolved\",\"statusDetails\":{\"inCommit\":{\"commit\":\"a1b2\",\"repository\":\"getsentry/"
	    "sentry\"}}}",
	    NULL);
}

static void test_status_ignored(void **state)
{
	static const struct {
		const char *value, *substatus, *details, *shown;
	} rows[] = {
		{"ignored for 30m", "archived_until_condition_met", "{\"ignoreDuration\":30}", "ignoreUntil"},
		{"ignored for 12h", "archived_until_condition_met", "{\"ignoreDuration\":720}", "ignoreUntil"},
		{"ignored for 7d", "archived_until_condition_met", "{\"ignoreDuration\":10080}", "ignoreUntil"},
		{"ignored for 5w", "archived_until_condition_met", "{\"ignoreDuration\":50400}", "ignoreUntil"},
		{"ignored until 100x", "archived_until_condition_met", "{\"ignoreCount\":100}", "ignoreCount"},
		{"ignored until 100x/1h", "archived_until_condition_met", "{\"ignoreCount\":100,\"ignoreWindow\":60}",
		 "ignoreCount"},
		{"ignored until 10u", "archived_until_condition_met", "{\"ignoreUserCount\":10}", "ignoreUserCount"},
		{"ignored until 10u/1w", "archived_until_condition_met",
		 "{\"ignoreUserCount\":10,\"ignoreUserWindow\":10080}", "ignoreUserCount"},
		{"ignored until 1x/7d", "archived_until_condition_met", "{\"ignoreCount\":1,\"ignoreWindow\":10080}",
		 "ignoreCount"},
	};
	char body[256], expect[256];
	struct wisher w;

	(void)state;
	one(UNRESOLVED, "status", "ignored", "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}",
	    "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}");
	one(RESOLVED, "status", "ignored forever", "{\"status\":\"ignored\",\"substatus\":\"archived_forever\"}",
	    "{\"status\":\"ignored\",\"substatus\":\"archived_forever\"}");
	one(FOREVER, "status", "ignored forever", NULL, NULL);
	one(ESCALATING, "status", "ignored", NULL, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(body, sizeof(body), "{\"status\":\"ignored\",\"substatus\":\"%s\",\"statusDetails\":%s}",
			 rows[i].substatus, rows[i].details);
		snprintf(expect, sizeof(expect),
			 "{\"status\":\"ignored\",\"substatus\":\"%s\",\"statusDetails\":{\"%s\":[]}}",
			 rows[i].substatus, rows[i].shown);
		one(UNRESOLVED, "status", rows[i].value, body, expect);
	}
	/* another kind of ignored takes two steps */
	set_up(&w, FOREVER);
	wishes(&w, "status", "ignored", "{\"status\":\"unresolved\"}",
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}",
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}");
	wishes(&w, "status", "ignored until 5x", "{\"status\":\"unresolved\"}",
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_condition_met\",\"statusDetails\":"
	       "{\"ignoreCount\":5}}",
	       NULL);
	tear_down(&w);
}

static void test_status_refused(void **state)
{
	static const char *const bad[] = {
		"bogus",
		"Resolved",
		"resolvedd",
		"archived",
		"muted",
		"resolved 1.0",
		"resolved in",
		"resolved in @",
		"resolved in @nextt",
		"resolved in @commit:",
		"resolved in @commit:repo",
		"resolved in @commit:repo@",
		"resolved in @commit:@sha",
		"unresolved now",
		"resolvedInNextRelease 1",
		"ignored for",
		"ignored for 30",
		"ignored for m",
		"ignored for 0m",
		"ignored for -1m",
		"ignored for 1y",
		"ignored for 1 h",
		"ignored for 99999999999999999999d",
		"ignored for 694445d",
		"ignored until",
		"ignored until 100",
		"ignored until x",
		"ignored until 0x",
		"ignored until 100x/",
		"ignored until 100x/1",
		"ignored until 100x/8d",
		"ignored until 100x/10081m",
		"ignored until 10u/2w",
		"ignored until 9999999999x",
		"ignored until 100x/1h/1h",
		"ignored until tomorrow",
		"ignored forever and ever",
		"ignored at once",
		"",
	};
	struct wisher w;

	(void)state;
	set_up(&w, UNRESOLVED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(&w, "status", bad[i]);
	tear_down(&w);
}

/* A row that is too old to be believed asks for the value all the same. */
static void test_not_fresh(void **state)
{
	static const char *const rows[][2] = {{"status", "unresolved"}, {"priority", "high"}, {"hasSeen", "false"},
					      {"assignedTo", "none"},	{"isPublic", "0"},    {"assignedTo", "user:1"}};
	struct wisher w;

	(void)state;
	set_up(&w, UNRESOLVED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(ask(&w, rows[i][0], false, str_of(rows[i][1])), 0);
		assert_int_equal(w.wish.n, 1);
	}
	tear_down(&w);
}

static void test_plain(void **state)
{
	static const char *const flags[] = {"hasSeen", "isBookmarked", "isSubscribed", "isPublic"};
	static const char *const bad_flags[] = {"yes", "no", "TRUE", "2", "10", "on", "null", "", "true false"};
	static const char *const bad_priorities[] = {"urgent", "High", "1", "null", "", "high low", "critical"};
	struct wisher w;
	char body[64];

	(void)state;
	set_up(&w, UNRESOLVED);
	wishes(&w, "priority", "high", NULL, NULL, NULL);
	wishes(&w, "priority", "low", NULL, "{\"priority\":\"low\"}", "{\"priority\":\"low\"}");
	wishes(&w, "priority", "medium", NULL, "{\"priority\":\"medium\"}", "{\"priority\":\"medium\"}");
	for (size_t i = 0; i < 4; i++) {
		snprintf(body, sizeof(body), "{\"%s\":true}", flags[i]);
		wishes(&w, flags[i], "1", NULL, body, body);
		wishes(&w, flags[i], "true", NULL, body, body);
		wishes(&w, flags[i], "0", NULL, NULL, NULL);
		wishes(&w, flags[i], "false", NULL, NULL, NULL);
	}
	for (size_t i = 0; i < sizeof(bad_flags) / sizeof(*bad_flags); i++)
		refuses(&w, "hasSeen", bad_flags[i]);
	for (size_t i = 0; i < sizeof(bad_priorities) / sizeof(*bad_priorities); i++)
		refuses(&w, "priority", bad_priorities[i]);
	tear_down(&w);
}

static void test_details(void **state)
{
	static const char counted[] = ",\"status\":\"ignored\",\"substatus\":\"archived_until_condition_met\","
				      "\"statusDetails\":{\"ignoreCount\":100,\"ignoreUntil\":null,"
				      "\"actor\":{\"id\":\"1\"},\"ignoreWindow\":60}";
	struct wisher w;

	(void)state;
	set_up(&w, RESOLVED);
	wishes(&w, "statusDetails", "{\"inNextRelease\":true}", NULL,
	       "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}",
	       "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}");
	wishes(&w, "statusDetails", " { \"inRelease\" : \"1.\\u0030\" } ", NULL,
	       "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"1.0\"}}",
	       "{\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":[]}}");
	wishes(&w, "statusDetails", "{\"inCommit\":{\"id\":\"a1\",\"repository\":{\"name\":\"r/x\"},\"more\":1}}", NULL,
	       "{\"status\":\"resolved\",\"statusDetails\":{\"inCommit\":{\"commit\":\"a1\",\"repository\":\"r/x\"}}}",
	       NULL);
	wishes(&w, "statusDetails", "{\"inCommit\":{\"commit\":\"a1\",\"repository\":\"r/x\"},\"actor\":{}}", NULL,
	       "{\"status\":\"resolved\",\"statusDetails\":{\"inCommit\":{\"commit\":\"a1\",\"repository\":\"r/x\"}}}",
	       NULL);
	wishes(&w, "statusDetails", "{}", NULL, NULL, NULL); /* as it is */
	refuses(&w, "statusDetails", "{\"ignoreCount\":1}"); /* not ignored */
	tear_down(&w);
	set_up(&w, counted);
	/* what was read can be written, and is as it was */
	wishes(&w, "statusDetails",
	       "{\"ignoreCount\":100,\"ignoreUntil\":null,\"actor\":{\"id\":\"1\"},\"ignoreWindow\":60}", NULL, NULL,
	       NULL);
	wishes(&w, "statusDetails", "{\"ignoreCount\":200}", NULL,
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_condition_met\",\"statusDetails\":"
	       "{\"ignoreCount\":200}}",
	       "{\"status\":\"ignored\",\"statusDetails\":{\"ignoreCount\":200}}");
	wishes(&w, "statusDetails", "{\"ignoreDuration\":30}", NULL,
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_condition_met\",\"statusDetails\":"
	       "{\"ignoreDuration\":30}}",
	       "{\"status\":\"ignored\",\"statusDetails\":{\"ignoreUntil\":[]}}");
	wishes(&w, "statusDetails", "{\"untilEscalating\":true}", NULL,
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\",\"statusDetails\":"
	       "{\"untilEscalating\":true}}",
	       NULL);
	wishes(&w, "statusDetails", "{\"untilEscalating\":null,\"ignoreCount\":7}", NULL,
	       "{\"status\":\"ignored\",\"substatus\":\"archived_until_condition_met\",\"statusDetails\":"
	       "{\"ignoreCount\":7}}",
	       NULL);
	refuses(&w, "statusDetails", "{\"inRelease\":\"1\"}"); /* not resolved */
	refuses(&w, "statusDetails", "{}");
	tear_down(&w);
}

static void test_details_refused(void **state)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"null",
		"\"resolved\"",
		"{} {}",
		"{\"nothing\":1}",
		"{\"IgnoreCount\":1}",
		"{\"ignoreCount\":0}",
		"{\"ignoreCount\":-1}",
		"{\"ignoreCount\":\"5\"}",
		"{\"ignoreCount\":1e12}",
		"{\"ignoreWindow\":10081}",
		"{\"ignoreUserWindow\":10081}",
		"{\"inNextRelease\":false}",
		"{\"inNextRelease\":1}",
		"{\"inRelease\":\"\"}",
		"{\"inRelease\":5}",
		"{\"inCommit\":\"abc\"}",
		"{\"actor\":{\"id\":\"1\"}}",
		"{\"ignoreCount\":null}",
		"{\"ignoreCount\":1,\"bogus\":1}",
		"{\"ignoreCount\":1.5}",
		"{\"ignoreDuration\":0.5}",
		"{\"ignoreCount\":1,\"inNextRelease\":true}",
		"{\"inNextRelease\":true,\"ignoreCount\":1}",
		"{\"inRelease\":\"1\",\"untilEscalating\":true}",
	};
	struct wisher w;

	(void)state;
	set_up(&w, ",\"status\":\"ignored\",\"statusDetails\":{\"ignoreCount\":9}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(&w, "statusDetails", bad[i]);
	tear_down(&w);
}

static void test_assignee(void **state)
{
	static const char *const bad[] = {"user:", "user:x", "user:-1", "user:1 2", "two words", "a\tb", "a\nb"};
	struct wisher w;

	(void)state;
	set_up(&w, UNRESOLVED);
	wishes(&w, "assignedTo", "none", NULL, NULL, "{\"assignedTo\":null}");
	wishes(&w, "assignedTo", "", NULL, NULL, NULL);
	wishes(&w, "assignedTo", "jane@x.org", NULL, "{\"assignedTo\":\"jane@x.org\"}",
	       "{\"assignedTo\":{\"type\":\"user\"}}");
	wishes(&w, "assignedTo", "ja\"ne", NULL, "{\"assignedTo\":\"ja\\\"ne\"}", NULL);
	wishes(&w, "assignedTo", "user:12", NULL, "{\"assignedTo\":\"user:12\"}",
	       "{\"assignedTo\":{\"type\":\"user\",\"id\":\"12\"}}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(&w, "assignedTo", bad[i]);
	tear_down(&w);
	set_up(&w, ",\"assignedTo\":{\"type\":\"user\",\"id\":\"12\",\"email\":\"Jane@x.org\",\"name\":\"Jane\"}");
	wishes(&w, "assignedTo", "jane@X.org", NULL, NULL, NULL);
	wishes(&w, "assignedTo", "user:12", NULL, NULL, NULL);
	wishes(&w, "assignedTo", "user:13", NULL, "{\"assignedTo\":\"user:13\"}", NULL);
	wishes(&w, "assignedTo", "none", NULL, "{\"assignedTo\":\"\"}", "{\"assignedTo\":null}");
	wishes(&w, "assignedTo", "", NULL, "{\"assignedTo\":\"\"}", NULL);
	tear_down(&w);
}

/* `me` costs one request, and none once it is known. */
static void test_me(void **state)
{
	struct wisher w;

	(void)state;
	set_up(&w, UNRESOLVED);
	assert_int_equal(ask(&w, "assignedTo", true, STR("me")), -EINPROGRESS);
	script_asked(&w.f.script, 3, "");
	script_answer(&w.f.script, 3, 200, NULL,
		      "{\"user\":{\"id\":\"31\"},\"auth\":{\"scopes\":[\"event:read\",\"event:write\"]}}");
	wishes(&w, "assignedTo", "me", NULL, "{\"assignedTo\":\"user:31\"}",
	       "{\"assignedTo\":{\"type\":\"user\",\"id\":\"31\"}}");
	w.f.script.clock.now += 86400000;
	wishes(&w, "assignedTo", "me", NULL, "{\"assignedTo\":\"user:31\"}", NULL);
	assert_int_equal(w.f.script.n, 4);
	assert_true(w.f.mount.access.write && !w.f.mount.access.remove);
	tear_down(&w);
	/* the token of an integration is nobody's */
	set_up(&w, UNRESOLVED);
	assert_int_equal(ask(&w, "assignedTo", true, STR("me")), -EINPROGRESS);
	script_answer(&w.f.script, 3, 200, NULL, "{\"user\":null,\"auth\":null}");
	assert_int_equal(ask(&w, "assignedTo", true, STR("me")), -EINVAL);
	tear_down(&w);
	set_up(&w, UNRESOLVED);
	assert_int_equal(ask(&w, "assignedTo", true, STR("me")), -EINPROGRESS);
	script_answer(&w.f.script, 3, 403, NULL, "{}");
	assert_int_equal(ask(&w, "assignedTo", true, STR("me")), -EACCES);
	assert_int_equal(w.f.script.n, 4);
	tear_down(&w);
}

static void test_teams(void **state)
{
	struct wisher w;

	(void)state;
	set_up(&w, ",\"assignedTo\":{\"type\":\"team\",\"id\":\"8\",\"name\":\"ops\"}");
	assert_int_equal(ask(&w, "assignedTo", true, STR("team:web")), -EINPROGRESS);
	script_asked(&w.f.script, 3, "organizations/o/teams/?detailed=0&per_page=100");
	script_answer(&w.f.script, 3, 200, NULL, "[{\"id\":\"7\",\"slug\":\"web\"},{\"id\":8,\"slug\":\"o\\u0070s\"}]");
	wishes(&w, "assignedTo", "team:web", NULL, "{\"assignedTo\":\"team:7\"}",
	       "{\"assignedTo\":{\"type\":\"team\",\"id\":\"7\"}}");
	wishes(&w, "assignedTo", "#web", NULL, "{\"assignedTo\":\"team:7\"}", NULL);
	wishes(&w, "assignedTo", "team:ops", NULL, NULL, NULL); /* it has it */
	wishes(&w, "assignedTo", "team:77", NULL, "{\"assignedTo\":\"team:77\"}", NULL);
	assert_int_equal(ask(&w, "assignedTo", true, STR("team:nobody")), -EINVAL);
	assert_int_equal(ask(&w, "assignedTo", true, STR("#")), -EINVAL);
	assert_int_equal(ask(&w, "assignedTo", true, STR("team:")), -EINVAL);
	assert_int_equal(w.f.script.n, 4);
	tear_down(&w);
	set_up(&w, UNRESOLVED);
	assert_int_equal(ask(&w, "assignedTo", true, STR("#web")), -EINPROGRESS);
	script_answer(&w.f.script, 3, 403, NULL, "{}");
	assert_int_equal(ask(&w, "assignedTo", true, STR("#web")), -EACCES);
	assert_non_null(w.wish.words);
	tear_down(&w);
}

/* Nothing behind the value is read. */
static void test_bounds(void **state)
{
	static const char *const values[][2] = {
		{"status", "ignored until 100x/1h"},
		{"status", "resolved in @commit:repo@sha"},
		{"status", "resolvedInNextRelease"},
		{"assignedTo", "user:123"},
		{"assignedTo", "jane@example.org"},
		{"priority", "medium"},
		{"hasSeen", "false"},
		{"statusDetails", "{\"ignoreCount\":5}"},
	};
	struct wisher w;

	(void)state;
	set_up(&w, UNRESOLVED);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		for (size_t n = 1; n <= strlen(values[i][1]); n++) {
			cleanup_free char *exact = malloc(n);

			memcpy(exact, values[i][1], n);
			ask(&w, values[i][0], true, (struct str){exact, n});
		}
	assert_int_equal(w.f.script.n, 3);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_words),   cmocka_unit_test(test_status_resolved_in),
		cmocka_unit_test(test_status_ignored), cmocka_unit_test(test_status_refused),
		cmocka_unit_test(test_not_fresh),      cmocka_unit_test(test_plain),
		cmocka_unit_test(test_details),	       cmocka_unit_test(test_details_refused),
		cmocka_unit_test(test_assignee),       cmocka_unit_test(test_me),
		cmocka_unit_test(test_teams),	       cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
