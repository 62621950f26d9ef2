// SPDX-License-Identifier: MIT
/*
 * Names over a scripted transport: comments, what may be made, and what a rename
 * onto a control or a comment sends.
 */
#include "fixture.h"

#define FIVE "organizations/o/issues/5/"
#define DONE_ISSUE ISSUE_WITH("5", "WEB-1", ",\"status\":\"resolved\",\"statusDetails\":{}")
#define PUT_RESOLVED "{\"status\":\"resolved\"}"

static void open_issue(struct fixture *f)
{
	begin_with(f, "[" ISSUE_WITH("5", "WEB-1", UNRESOLVED) "]");
}

/* ---- comments ---- */

#define NOTES                                                                                                          \
	"[{\"id\":\"92\",\"user\":{\"id\":\"2\",\"username\":\"bob\"},\"data\":{\"text\":\"second\"}},"                \
	"{\"id\":\"91\",\"user\":{\"id\":\"1\",\"username\":\"jane@x\"},\"data\":{\"text\":\"first\"}}]"

/* The comments' directory, listed. */
static struct node *commented(struct fixture *f)
{
	struct node *comments;

	begin_with(f, "[{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"numComments\":2}]");
	comments = entry(f, f->issue, "comments");
	listed(f, comments, NOTES);
	assert_int_equal(f->script.n, 4);
	return comments;
}

static void test_comment(void **state)
{
	struct fixture f;
	struct script_reply r, w;
	struct node *comments, *first;
	struct handle *h;

	(void)state;
	comments = commented(&f);
	first = entry(&f, comments, "001-jane.md");
	/* the same again, while what is known of it can be believed */
	handle_free(save(&f, &r, first, "first\n"));
	succeeded(&r);
	assert_int_equal(f.script.n, 4);
	pass(&f, 31000);
	handle_free(save(&f, &r, first, "first\n"));
	sent(&f, "PUT", FIVE "comments/91/", "{\"text\":\"first\",\"data\":{\"text\":\"first\"}}");
	/* and not while another text is on its way */
	handle_free(save(&f, &w, first, "first\n"));
	waits(&w);
	answer(&f, 200, "{\"id\":\"91\",\"data\":{\"text\":\"first\"}}");
	succeeded(&r);
	succeeded(&w);
	assert_int_equal(f.script.n, 5);
	/* a shorter one leaves no tail */
	handle_free(save(&f, &r, first, "1st\n"));
	sent(&f, "PUT", FIVE "comments/91/", "{\"text\":\"1st\",\"data\":{\"text\":\"1st\"}}");
	answer(&f, 200, "{\"id\":\"91\",\"user\":{\"id\":\"1\",\"username\":\"jane@x\"},\"data\":{\"text\":\"1st\"}}");
	succeeded(&r);
	assert_string_equal(text_of(&f, first), "1st\n");
	/* at the end it appends */
	h = open_as(&f, first, O_WRONLY);
	write_at(&f, &r, first, h, STR("more"), 3);
	failed(&r, -EINVAL);
	flush(&f, &r, h);
	failed(&r, -EINVAL);
	handle_free(h);
	h = open_as(&f, first, O_WRONLY);
	write_at(&f, &r, first, h, STR("mo"), 4);
	wrote(&r, 2);
	write_at(&f, &r, first, h, STR("re\n"), 6);
	wrote(&r, 3);
	flush(&f, &r, h);
	sent(&f, "PUT", FIVE "comments/91/", "{\"text\":\"1st\\u000amore\",\"data\":{\"text\":\"1st\\u000amore\"}}");
	answer(&f, 404, "{}"); /* another's */
	failed(&r, -EACCES);
	last_error_has(&f, f.issue, "only the author");
	handle_free(h);
	handle_free(save(&f, &r, first, "\n"));
	failed(&r, -EINVAL);
	last_error_has(&f, f.issue, "into comments/remove");
	/* known to be another's: nothing is sent */
	f.mount.access.user_id = strdup("2");
	handle_free(save(&f, &r, first, "mine"));
	failed(&r, -EACCES);
	assert_int_equal(f.script.n, 7);
	end(&f);
}

/* A FLUSH between two pieces sends what is there; the second continues it. */
static void test_flushed_between(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *comments, *first;
	struct handle *h;

	(void)state;
	comments = commented(&f);
	first = entry(&f, comments, "001-jane.md");
	h = open_as(&f, first, O_WRONLY);
	write_at(&f, &r, first, h, STR("one\n"), 0);
	flush(&f, &r, h);
	sent(&f, "PUT", FIVE "comments/91/", "{\"text\":\"one\",\"data\":{\"text\":\"one\"}}");
	answer(&f, 200, "{\"id\":\"91\",\"data\":{\"text\":\"one\"}}");
	succeeded(&r);
	write_at(&f, &r, first, h, STR("two\n"), 4);
	wrote(&r, 4);
	flush(&f, &r, h);
	sent(&f, "PUT", FIVE "comments/91/", "{\"text\":\"one\\u000atwo\",\"data\":{\"text\":\"one\\u000atwo\"}}");
	answer(&f, 200, "{\"id\":\"91\",\"data\":{\"text\":\"one\\u000atwo\"}}");
	succeeded(&r);
	handle_free(h);
	end(&f);
}

static void test_comment_removed(void **state)
{
	static const char *const bad[] = {"x", "0", "-1", "1 2", "001jane", "99999999999999999999"};
	struct fixture f;
	struct script_reply r;
	struct node *comments, *gone;

	(void)state;
	comments = commented(&f);
	gone = entry(&f, comments, "remove");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_to(&f, &r, gone, bad[i]);
		failed(&r, -EINVAL);
	}
	write_to(&f, &r, gone, "3");
	failed(&r, -ENOENT);
	assert_int_equal(f.script.n, 4);
	write_to(&f, &r, gone, "001-jane.md\n");
	sent(&f, "DELETE", FIVE "comments/91/", "");
	answer(&f, 204, "");
	wrote(&r, 12);
	/* the other keeps its number */
	listed(&f, comments, NOTES);
	assert_false(is_listed(&f, comments, "001-jane.md"));
	assert_true(is_listed(&f, comments, "002-bob.md"));
	write_to(&f, &r, gone, "1");
	failed(&r, -ENOENT);
	write_to(&f, &r, gone, "2");
	sent(&f, "DELETE", FIVE "comments/92/", "");
	answer(&f, 404, "{}");
	failed(&r, -EACCES);
	script_run(&f.mount, &r, verb_unlink, comments, "002-bob.md");
	failed(&r, -EPERM);
	assert_int_equal(f.script.n, 7);
	end(&f);
}

/* ---- names ---- */

static void test_create(void **state)
{
	static const char *const typed[][2] = {{"state", "status"},	   {"Status", "status"},
					       {"assignee", "assignedTo"}, {"assigned_to", "assignedTo"},
					       {"priorty", "priority"},	   {"hasseen", "hasSeen"}};
	struct fixture f;
	struct script_reply r;
	char next[64];

	(void)state;
	open_issue(&f);
	for (size_t i = 0; i < sizeof(typed) / sizeof(*typed); i++) {
		create(&f, &r, f.issue, typed[i][0], 0);
		failed(&r, -EPERM);
		snprintf(next, sizeof(next), "did you mean %s?", typed[i][1]);
		last_error_has(&f, f.issue, next);
	}
	create(&f, &r, f.issue, "Makefile", 0);
	failed(&r, -EPERM);
	assert_null(strstr(text_of(&f, entry(&f, f.issue, "last-error")), "did you mean"));
	create(&f, &r, f.issue, "4913", O_EXCL);
	failed(&r, -EPERM);
	create(&f, &r, f.issues, "WEB-3", O_EXCL);
	failed(&r, -EPERM);
	create(&f, &r, f.events, "x", O_EXCL);
	failed(&r, -EPERM);
	script_run(&f.mount, &r, verb_refuse, f.issue, "dir");
	failed(&r, -EPERM);
	f.mount.access.write = f.mount.access.remove = false;
	create(&f, &r, f.issue, "status~", 0);
	failed(&r, -EACCES);
	last_error_has(&f, f.issue, "event:write");
	f.options.read_only = true;
	create(&f, &r, f.issue, "status~", 0);
	failed(&r, -EROFS);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

/* A scratch file with these bytes. */
static void scratch(struct fixture *f, struct node *dir, const char *name, struct str bytes)
{
	struct script_reply r;
	struct handle *h;

	create(f, &r, dir, name, O_EXCL);
	assert_int_equal(r.form, REPLY_OPENED);
	h = r.handle;
	write_at(f, &r, h->node, h, bytes, 0);
	wrote(&r, bytes.n);
	handle_free(h);
}

static void set_size(struct fixture *f, struct node *n, off_t size)
{
	struct script_reply r;
	struct op *op = script_op(&f->mount, &r, verb_setattr, n, NULL);
	struct stat st = {.st_size = size};

	op->attr = &st;
	op->attr_set = SET_SIZE;
	op_start(op);
	assert_int_equal(r.form, REPLY_ATTR);
	assert_int_equal(r.attr.st_size, size);
}

static void test_rename(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issue(&f);
	scratch(&f, f.issue, "sedAbc", STR("resolved\n"));
	rename_to(&f, &r, f.issue, "sedAbc", "status");
	waits(&r);
	sent(&f, "PUT", FIVE, PUT_RESOLVED);
	assert_int_equal(f.script.transfers[3].timeout_ms, 3000); /* a lock of the kernel is held */
	answer(&f, 200, DONE_ISSUE);
	succeeded(&r);
	assert_false(is_listed(&f, f.issue, "sedAbc"));
	reads(&f, f.issue, "status", "resolved\n");
	/* what a server refuses stays where it was */
	scratch(&f, f.issue, "sedAbc", STR("unresolved\n"));
	rename_to(&f, &r, f.issue, "sedAbc", "status");
	answer(&f, 403, "{}");
	failed(&r, -EACCES);
	assert_true(is_listed(&f, f.issue, "sedAbc"));
	rename_to(&f, &r, f.issue, "sedAbc", "status.bak");
	succeeded(&r);
	reads(&f, f.issue, "status.bak", "unresolved\n");
	/* over another scratch file */
	scratch(&f, f.issue, "status~", STR("x"));
	rename_to(&f, &r, f.issue, "status.bak", "status~");
	succeeded(&r);
	reads(&f, f.issue, "status~", "unresolved\n");
	assert_false(is_listed(&f, f.issue, "status.bak"));
	scratch(&f, f.issue, "status.new", STR("y"));
	rename_to(&f, &r, f.issue, "status.new", "status~");
	succeeded(&r);
	reads(&f, f.issue, "status~", "y");
	rename_to(&f, &r, f.issue, "status~", "status~");
	succeeded(&r);
	reads(&f, f.issue, "status~", "y");
	/* what it held is gone when it is opened to be written anew */
	handle_free(open_as(&f, entry(&f, f.issue, "status~"), O_WRONLY | O_TRUNC));
	reads(&f, f.issue, "status~", "");
	assert_int_equal(f.script.n, 5);
	end(&f);
}

/* What is sent is what was there at the rename, whatever is written while it waits. */
static void test_rename_of_a_moving_file(void **state)
{
	struct fixture f;
	struct script_reply r, w;

	(void)state;
	open_issue(&f);
	scratch(&f, f.issue, "tmp", STR("resolved\n"));
	rename_to(&f, &r, f.issue, "tmp", "status");
	write_to(&f, &w, entry(&f, f.issue, "tmp"), "bogus    \n");
	wrote(&w, 10);
	set_size(&f, entry(&f, f.issue, "tmp"), 0);
	pass(&f, 1500);
	answer(&f, 200, DONE_ISSUE);
	succeeded(&r);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* The nearest member is looked for within the time of who holds the directory's lock. */
static void test_slow_members(void **state)
{
	struct fixture f;
	struct script_reply r, w;

	(void)state;
	open_issue(&f);
	scratch(&f, f.issue, "tmp", STR("jnae@x.org\n"));
	rename_to(&f, &r, f.issue, "tmp", "assignedTo");
	sent(&f, "PUT", FIVE, "{\"assignedTo\":\"jnae@x.org\"}");
	pass(&f, 2000);
	answer(&f, 400, "{}");
	script_asked(&f.script, 4, "organizations/o/members/?per_page=100");
	waits(&r);
	pass(&f, 2999);
	waits(&r);
	pass(&f, 1);
	failed(&r, -EINVAL);
	/* and by who holds none a few seconds more */
	write_to(&f, &w, entry(&f, f.issue, "assignedTo"), "jane");
	pass(&f, 20000);
	answer(&f, 400, "{}");
	waits(&w);
	pass(&f, 4999);
	waits(&w);
	pass(&f, 1);
	failed(&w, -EINVAL);
	last_error_has(&f, f.issue, "HTTP 400");
	assert_int_equal(f.script.n, 6);
	script_answer(&f.script, 4, 200, NULL, "[]");
	end(&f);
}

static void test_rename_refused(void **state)
{
	static const struct {
		const char *to;
		struct str bytes;
		int error;
	} rows[] = {
		{"status", {"", 0}, -EINVAL},	     {"status", {" \n\n", 3}, -EINVAL},
		{"status", {"\0\0\0", 3}, -EINVAL},  {"assignedTo", {"", 0}, -EINVAL},
		{"assignedTo", {"\n", 1}, -EINVAL},  {"status", {"bogus", 5}, -EINVAL},
		{"title", {"resolved", 8}, -EACCES}, {"foo", {"resolved", 8}, -EPERM},
		{"state", {"resolved", 8}, -EPERM},
	};
	struct fixture f;
	struct script_reply r;
	struct op *op;

	(void)state;
	open_issue(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		scratch(&f, f.issue, "tmp", rows[i].bytes);
		rename_to(&f, &r, f.issue, "tmp", rows[i].to);
		failed(&r, rows[i].error);
		script_run(&f.mount, &r, verb_unlink, f.issue, "tmp");
		succeeded(&r);
	}
	/* anything else is not renamed */
	rename_to(&f, &r, f.issue, "status", "status~");
	failed(&r, -EPERM);
	op = script_op(&f.mount, &r, verb_rename, f.issues, "WEB-1");
	op->to = node_ref(f.issue);
	snprintf(op->to_name, sizeof(op->to_name), "x");
	op_start(op);
	failed(&r, -EXDEV);
	scratch(&f, f.issue, "tmp", STR("resolved"));
	op = script_op(&f.mount, &r, verb_rename, f.issue, "tmp");
	op->to = node_ref(f.issue);
	op->flags = RENAME_EXCHANGE;
	snprintf(op->to_name, sizeof(op->to_name), "status");
	op_start(op);
	failed(&r, -EINVAL);
	op = script_op(&f.mount, &r, verb_rename, f.issue, "tmp");
	op->to = node_ref(f.issue);
	op->flags = RENAME_NOREPLACE;
	snprintf(op->to_name, sizeof(op->to_name), "status");
	op_start(op);
	failed(&r, -EEXIST);
	rename_to(&f, &r, f.issue, "tmp", "foo");
	failed(&r, -EPERM);
	last_error_has(&f, f.issue, "rename to foo");
	last_error_has(&f, f.issue, "there is no such file");
	op = script_op(&f.mount, &r, verb_rename, f.issue, "tmp");
	op->to = node_ref(entry(&f, f.issue, "comments"));
	snprintf(op->to_name, sizeof(op->to_name), "new");
	op_start(op);
	failed(&r, -EPERM);
	f.options.read_only = true;
	rename_to(&f, &r, f.issue, "tmp", "status~");
	failed(&r, -EROFS);
	f.options.read_only = false;
	assert_true(is_listed(&f, f.issue, "tmp"));
	/* what the server does not have */
	dialect_forget(&f.mount.dialect, FEATURE_MERGE);
	rename_to(&f, &r, f.issue, "tmp", "merge");
	failed(&r, -EOPNOTSUPP);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

static void test_mkdir(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *searches;

	(void)state;
	open_issue(&f);
	searches = entry(&f, f.issues->parent, "search");
	script_run(&f.mount, &r, verb_mkdir, searches, "last-error");
	failed(&r, -EEXIST);
	script_run(&f.mount, &r, verb_mkdir, f.issue, "dir");
	failed(&r, -EPERM);
	f.options.read_only = true;
	script_run(&f.mount, &r, verb_mkdir, searches, "TypeError");
	failed(&r, -EROFS);
	f.options.read_only = false;
	script_run(&f.mount, &r, verb_mkdir, searches, "TypeError");
	assert_int_equal(r.form, REPLY_ENTRY);
	assert_true(is_listed(&f, searches, "TypeError"));
	assert_int_equal(f.script.n, 3);
	end(&f);
}

static void test_rename_onto_comment(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *comments;

	(void)state;
	comments = commented(&f);
	scratch(&f, comments, "001-jane.md.tmp", STR("better"));
	rename_to(&f, &r, comments, "001-jane.md.tmp", "001-jane.md");
	sent(&f, "PUT", FIVE "comments/91/", "{\"text\":\"better\",\"data\":{\"text\":\"better\"}}");
	answer(&f, 200, "{\"id\":\"91\",\"data\":{\"text\":\"better\"}}");
	succeeded(&r);
	scratch(&f, comments, "tmp", STR("new one"));
	rename_to(&f, &r, comments, "tmp", "new");
	sent(&f, "POST", FIVE "comments/", "{\"text\":\"new one\",\"data\":{\"text\":\"new one\"}}");
	answer(&f, 201, "{\"id\":\"93\"}");
	succeeded(&r);
	scratch(&f, comments, "tmp", STR("text"));
	/* the list was outdated by what was sent */
	rename_to(&f, &r, comments, "tmp", "009-x.md");
	sent(&f, "GET", FIVE "comments/?per_page=100", "");
	answer(&f, 200, NOTES);
	failed(&r, -EPERM);
	rename_to(&f, &r, comments, "tmp", "001-jane.MD");
	failed(&r, -EPERM);
	rename_to(&f, &r, comments, "tmp", "001-janexyz");
	failed(&r, -EPERM);
	assert_int_equal(f.script.n, 7);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comment),		cmocka_unit_test(test_flushed_between),
		cmocka_unit_test(test_comment_removed), cmocka_unit_test(test_create),
		cmocka_unit_test(test_rename),		cmocka_unit_test(test_rename_of_a_moving_file),
		cmocka_unit_test(test_slow_members),	cmocka_unit_test(test_rename_refused),
		cmocka_unit_test(test_mkdir),		cmocka_unit_test(test_rename_onto_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
