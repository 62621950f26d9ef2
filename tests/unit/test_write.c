// SPDX-License-Identifier: MIT
/*
 * Writing over a scripted transport and a clock that the test moves: how long an equal
 * value needs no request, one change of an issue after another, and which answer counts
 * when two of them differ.
 */
#include "script.h"

#include "sentryfs/root.h"

#define ISSUE_AS(status)                                                                                               \
	"{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"title\":\"T\",\"count\":\"3\","          \
	"\"numComments\":0,\"firstSeen\":\"2026-01-01T00:00:00Z\",\"lastSeen\":\"2026-01-02T00:00:00Z\","              \
	"\"status\":\"" status "\",\"priority\":\"low\"}"
#define PUT_PATH "organizations/o/issues/5/"

struct fixture {
	struct script script;
	struct options options;
	struct mount mount;
	struct node *issues, *status, *priority;
};

static int answer_root(void *arg)
{
	script_answer(arg, 0, 200, NULL, "{\"slug\":\"o\",\"id\":\"1\"}");
	return 0;
}

static struct node *entry(struct fixture *f, struct node *dir, const char *name)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_lookup, dir, name);
	assert_int_equal(r.form, REPLY_ENTRY);
	return r.entry.node;
}

static void answered(struct fixture *f, struct script_reply *r, const char *body)
{
	assert_int_equal(r->form, REPLY_NONE);
	script_answer(&f->script, f->script.n - 1, 200, NULL, body);
	op_tick(&f->mount);
}

static void listed(struct fixture *f, const char *body)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_opendir, f->issues, NULL);
	answered(f, &r, body);
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
}

static void begin(struct fixture *f)
{
	static char org[] = "o", url[] = "https://h", query[] = "is:unresolved";
	cleanup_buf struct buf why = {0};
	struct script_reply r;
	struct node *issue;

	*f = (struct fixture){
		.options = {
			.org = org, .url = url, .query = query, .max_issues = 100, .max_events = 100, .timeout = 30}};
	script_init(&f->script);
	assert_int_equal(mount_init(&f->mount, &f->options, "t0ken", &f->script.clock.clock), 0);
	f->mount.api.transport = &f->script.transport;
	f->mount.access = (struct access){.known = true, .write = true, .remove = true};
	buf_init(&why, 1024);
	assert_int_equal(root_find(&f->mount, answer_root, &f->script, &why), 0);
	script_run(&f->mount, &r, verb_lookup, entry(f, f->mount.root, "projects"), "web");
	answered(f, &r, "[{\"slug\":\"web\",\"id\":\"7\"}]");
	assert_int_equal(r.form, REPLY_ENTRY);
	f->issues = entry(f, r.entry.node, "issues");
	listed(f, "[" ISSUE_AS("unresolved") "]");
	issue = entry(f, f->issues, "WEB-1");
	f->status = entry(f, issue, "status");
	f->priority = entry(f, issue, "priority");
	assert_int_equal(f->script.n, 3);
}

static void end(struct fixture *f)
{
	op_end_all(&f->mount);
	mount_done(&f->mount);
	script_done(&f->script);
}

static void write_to(struct fixture *f, struct script_reply *r, struct node *n, const char *value)
{
	struct op *op;

	*r = (struct script_reply){0};
	op = op_new(&f->mount, &script_replies, r, verb_write, n, NULL);
	assert_non_null(op);
	op->data = blob_new(value, strlen(value));
	assert_non_null(op->data);
	op_start(op);
}

static void written(const struct script_reply *r, size_t n)
{
	assert_int_equal(r->form, REPLY_WRITTEN);
	assert_int_equal(r->written, n);
}

static void shows(struct fixture *f, const char *text)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_open, f->status, NULL);
	assert_int_equal(r.form, REPLY_OPENED);
	assert_string_equal(r.handle->content->data, text);
	handle_free(r.handle);
}

static void test_how_long_an_equal_value_needs_no_request(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	f.script.clock.now += 29000;
	write_to(&f, &r, f.status, "unresolved\n");
	written(&r, 11);
	assert_int_equal(f.script.n, 3);
	f.script.clock.now += 2000; /* somebody else may have changed it by now */
	write_to(&f, &r, f.status, "unresolved\n");
	script_sent(&f.script, 3, "PUT", PUT_PATH, "{\"status\":\"unresolved\"}");
	answered(&f, &r, ISSUE_AS("unresolved"));
	written(&r, 11);
	f.script.clock.now += 29000; /* the answer was as good as a listing */
	write_to(&f, &r, f.status, "unresolved\n");
	written(&r, 11);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

static void test_changes_of_an_issue_come_one_after_another(void **state)
{
	struct fixture f;
	struct script_reply one, two;

	(void)state;
	begin(&f);
	write_to(&f, &one, f.status, "resolved");
	write_to(&f, &two, f.priority, "high");
	assert_int_equal(f.script.n, 4);
	script_answer(&f.script, 3, 200, NULL, ISSUE_AS("resolved"));
	op_tick(&f.mount);
	op_tick(&f.mount);
	written(&one, 8);
	script_sent(&f.script, 4, "PUT", PUT_PATH, "{\"priority\":\"high\"}");
	answered(&f, &two, "{\"id\":\"5\",\"priority\":\"high\"}");
	written(&two, 4);
	shows(&f, "resolved\n");
	end(&f);
}

static void test_the_value_is_judged_after_the_change_before_it(void **state)
{
	struct fixture f;
	struct script_reply one, two;

	(void)state;
	begin(&f);
	write_to(&f, &one, f.status, "resolved");
	write_to(&f, &two, f.status, "resolved"); /* equal only once the first has come through */
	script_answer(&f.script, 3, 500, NULL, "{\"detail\":\"Internal Error\"}");
	op_tick(&f.mount);
	op_tick(&f.mount);
	assert_int_equal(one.form, REPLY_ERROR);
	assert_int_equal(one.error, -EIO);
	script_sent(&f.script, 4, "PUT", PUT_PATH, "{\"status\":\"resolved\"}");
	answered(&f, &two, ISSUE_AS("resolved"));
	written(&two, 8);
	assert_int_equal(f.script.n, 5);
	end(&f);
}

static void test_which_answer_counts(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	f.script.clock.now += 25000;
	write_to(&f, &r, f.status, "resolved");
	answered(&f, &r, ISSUE_AS("resolved"));
	written(&r, 8);
	f.script.clock.now += 6000;
	listed(&f, "[" ISSUE_AS("unresolved") "]"); /* from a replica that has not heard of it */
	shows(&f, "resolved\n");
	f.script.clock.now += 31000;
	listed(&f, "[" ISSUE_AS("unresolved") "]"); /* somebody has reopened it */
	shows(&f, "unresolved\n");
	end(&f);
}

static void test_an_answer_that_nobody_waits_for_counts(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	write_to(&f, &r, f.status, "resolved");
	op_end_all(&f.mount); /* whoever wrote it is gone */
	assert_int_equal(r.form, REPLY_ERROR);
	script_answer(&f.script, 3, 200, NULL, ISSUE_AS("resolved"));
	op_tick(&f.mount);
	shows(&f, "resolved\n");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_long_an_equal_value_needs_no_request),
		cmocka_unit_test(test_changes_of_an_issue_come_one_after_another),
		cmocka_unit_test(test_the_value_is_judged_after_the_change_before_it),
		cmocka_unit_test(test_which_answer_counts),
		cmocka_unit_test(test_an_answer_that_nobody_waits_for_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
