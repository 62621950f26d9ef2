// SPDX-License-Identifier: MIT
/* rmdir over a scripted transport: what deletes an issue, what does not, and how it ends. */
#include <unistd.h>

#include "fixture.h"

#define FIVE "organizations/o/issues/5/"
#define SIX "organizations/o/issues/6/"
#define OPEN_ISSUE ISSUE_WITH("5", "WEB-1", UNRESOLVED)
#define OPEN_SIX ISSUE_WITH("6", "WEB-2", UNRESOLVED)

static void open_issues(struct fixture *f)
{
	begin_with(f, "[" OPEN_ISSUE "," OPEN_SIX "]");
}

/* By this process, which lives, or by one that cannot be seen (0). */
static struct op *remove_by(struct fixture *f, struct script_reply *r, const char *name, pid_t tid)
{
	struct op *op = script_op(&f->mount, r, verb_rmdir, f->issues, name);

	op->tid = tid;
	op_start(op);
	return op;
}

/* The server is asked first whether the number still means that issue. */
static void confirms(struct fixture *f, const char *path, const char *issue)
{
	script_asked(&f->script, f->script.n - 1, path);
	answer(f, 200, issue);
}

static void is_gone(struct fixture *f, const char *name)
{
	struct script_reply r;
	size_t n = f->script.n;

	script_run(&f->mount, &r, verb_lookup, f->issues, name);
	failed(&r, -ENOENT);
	assert_false(is_listed(f, f->issues, name));
	assert_int_equal(f->script.n, n);
}

static void test_delete(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	remove_by(&f, &r, "WEB-1", getpid());
	confirms(&f, FIVE, OPEN_ISSUE);
	waits(&r);
	sent(&f, "DELETE", FIVE, "");
	assert_int_equal(f.script.transfers[4].timeout_ms, 3000);
	assert_true(is_listed(&f, f.issues, "WEB-1"));
	answer(&f, 202, "");
	succeeded(&r);
	is_gone(&f, "WEB-1");
	is_gone(&f, "web-1");
	/* the server lists it a while yet */
	f.script.clock.now += 31000;
	listed(&f, f.issues, "[" OPEN_ISSUE "," OPEN_SIX "]");
	is_gone(&f, "WEB-1");
	assert_true(is_listed(&f, f.issues, "WEB-2"));
	/* by its number it is asked for, and is gone all the same */
	script_run(&f.mount, &r, verb_lookup, f.issues, "5");
	script_asked(&f.script, 6, FIVE);
	answer(&f, 200, OPEN_ISSUE);
	failed(&r, -ENOENT);
	/* a second one by the same process */
	remove_by(&f, &r, "WEB-2", getpid());
	failed(&r, -EDQUOT);
	last_error_has(&f, entry(&f, f.issues, "WEB-2"), "max_delete=N");
	remove_by(&f, &r, "WEB-2", 0);
	confirms(&f, SIX, OPEN_SIX);
	sent(&f, "DELETE", SIX, "");
	answer(&f, 204, "");
	succeeded(&r);
	assert_int_equal(f.script.n, 9);
	end(&f);
}

static void test_forbidden(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.options.no_delete = true;
	remove_by(&f, &r, "WEB-1", 0);
	failed(&r, -EPERM);
	last_error_has(&f, f.issue, "nodelete");
	f.options.no_delete = false;
	f.mount.access.remove = false;
	remove_by(&f, &r, "WEB-1", 0);
	failed(&r, -EACCES);
	last_error_has(&f, f.issue, "event:admin");
	f.mount.access.remove = true;
	f.options.read_only = true;
	remove_by(&f, &r, "WEB-1", 0);
	failed(&r, -EROFS);
	script_run(&f.mount, &r, verb_unlink, f.issue, "title");
	failed(&r, -EROFS);
	f.options.read_only = false;
	/* none of these armed the guard */
	remove_by(&f, &r, "WEB-1", 0);
	confirms(&f, FIVE, OPEN_ISSUE);
	waits(&r);
	assert_int_equal(f.script.n, 5);
	answer(&f, 403, "{}");
	failed(&r, -EACCES);
	end(&f);
}

/* What a recursive remover meets first. */
static void test_guarded(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	script_run(&f.mount, &r, verb_unlink, f.issue, "title");
	failed(&r, -EPERM);
	remove_by(&f, &r, "WEB-1", 0);
	failed(&r, -ENOTEMPTY);
	last_error_has(&f, f.issue, "recursive remover");
	remove_by(&f, &r, "WEB-2", getpid()); /* the refusal was another's */
	confirms(&f, SIX, OPEN_SIX);
	sent(&f, "DELETE", SIX, "");
	answer(&f, 500, "{}");
	failed(&r, -EIO);
	f.script.clock.now += GUARD_MS;
	/* directories of other kinds, and issues/ itself */
	script_run(&f.mount, &r, verb_rmdir, f.issue, "events");
	failed(&r, -EPERM);
	script_run(&f.mount, &r, verb_rmdir, f.issues, ".bulk");
	failed(&r, -EPERM);
	script_run(&f.mount, &r, verb_rmdir, f.issues->parent, "issues");
	failed(&r, -EPERM);
	remove_by(&f, &r, "WEB-1", 0);
	failed(&r, -ENOTEMPTY);
	f.script.clock.now += GUARD_MS;
	assert_int_equal(f.script.n, 5);
	end(&f);
}

/* A refusal of the server does not arm it. */
static void test_tried_again(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.options.max_delete = 3;
	remove_by(&f, &r, "WEB-1", getpid());
	confirms(&f, FIVE, OPEN_ISSUE);
	answer(&f, 409, "{}");
	failed(&r, -EBUSY);
	remove_by(&f, &r, "WEB-1", getpid());
	confirms(&f, FIVE, OPEN_ISSUE);
	answer(&f, 404, "{}");
	failed(&r, -ENOENT);
	remove_by(&f, &r, "WEB-1", getpid());
	confirms(&f, FIVE, OPEN_ISSUE);
	answer(&f, 202, "");
	succeeded(&r);
	assert_int_equal(f.script.n, 9);
	end(&f);
}

static void test_uncertain(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.options.max_delete = 3;
	remove_by(&f, &r, "WEB-1", 0);
	confirms(&f, FIVE, OPEN_ISSUE);
	f.script.clock.now += 3000;
	script_break(&f.script, 4, -ETIMEDOUT);
	script_asked(&f.script, 5, FIVE);
	assert_int_equal(f.script.transfers[5].timeout_ms, 2000);
	answer(&f, 404, "{}");
	succeeded(&r);
	is_gone(&f, "WEB-1");
	remove_by(&f, &r, "WEB-2", 0);
	confirms(&f, SIX, OPEN_SIX);
	script_break(&f.script, 7, -EIO);
	answer(&f, 200, OPEN_SIX);
	failed(&r, -EIO);
	assert_true(is_listed(&f, f.issues, "WEB-2"));
	end(&f);
}

/* However fresh its row is, it is looked at by its id before it is deleted. */
static void test_confirmed(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.options.max_delete = 9;
	remove_by(&f, &r, "WEB-1", 0);
	confirms(&f, FIVE, OPEN_ISSUE);
	waits(&r);
	sent(&f, "DELETE", FIVE, "");
	answer(&f, 500, "{}");
	failed(&r, -EIO);
	/* merged into another: the id means that one now */
	f.script.clock.now += 1;
	remove_by(&f, &r, "WEB-1", 0);
	confirms(&f, FIVE, OPEN_SIX);
	failed(&r, -ENOENT);
	last_error_has(&f, f.issue, "merged into WEB-2");
	f.script.clock.now += 31000;
	remove_by(&f, &r, "WEB-1", 0);
	script_asked(&f.script, 6, FIVE);
	answer(&f, 404, "{}");
	failed(&r, -ENOENT);
	assert_int_equal(f.script.n, 7);
	end(&f);
}

/* An older copy is no proof of what the id means now. */
static void test_confirmed_by_the_server_alone(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.options.max_delete = 9;
	script_run(&f.mount, &r, verb_lookup, f.issues, "5");
	answer(&f, 200, OPEN_ISSUE);
	assert_int_equal(r.form, REPLY_ENTRY);
	/* slow: after a second other handlers are given what there is */
	f.script.clock.now += 31000;
	remove_by(&f, &r, "WEB-1", 0);
	script_asked(&f.script, 4, FIVE);
	pass(&f, OP_REFRESH_WAIT_MS + 1);
	waits(&r);
	assert_int_equal(f.script.n, 5);
	answer(&f, 404, "{}");
	failed(&r, -ENOENT);
	/* failing in a way that passes */
	f.script.clock.now += 11000;
	script_run(&f.mount, &r, verb_lookup, f.issues, "5");
	answer(&f, 200, OPEN_ISSUE);
	assert_int_equal(r.form, REPLY_ENTRY);
	f.script.clock.now += 31000;
	remove_by(&f, &r, "WEB-1", 0);
	script_asked(&f.script, 6, FIVE);
	answer(&f, 500, "{}");
	failed(&r, -EIO);
	last_error_has(&f, f.issue, "delete WEB-1");
	assert_int_equal(f.script.n, 7);
	end(&f);
}

/* A name that means another issue by now deletes neither. */
static void test_other_names(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.options.max_delete = 9;
	remove_by(&f, &r, "web-1", 0);
	failed(&r, -ENOTDIR);
	remove_by(&f, &r, "WEB-9", 0);
	script_asked(&f.script, 3, "organizations/o/issues/WEB-9/");
	answer(&f, 200, OPEN_ISSUE);
	failed(&r, -ENOTDIR);
	remove_by(&f, &r, "APP-1", 0);
	answer(&f, 200, "{\"id\":\"9\",\"shortId\":\"APP-1\",\"project\":{\"slug\":\"app\"}}");
	failed(&r, -ENOTDIR);
	assert_int_equal(f.script.n, 5);
	end(&f);
}

/* What is left of the five seconds when the names are known is too little to send. */
static void test_no_time_left(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issues(&f);
	f.script.clock.now += 31000;
	remove_by(&f, &r, "WEB-1", 0);
	script_asked(&f.script, 3, FIVE);
	f.script.clock.now += 4000;
	answer(&f, 200, OPEN_ISSUE);
	failed(&r, -ETIMEDOUT);
	last_error_has(&f, f.issue, "not sent");
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* Whoever asked is gone; the deletion is not. */
static void test_interrupted(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct op *op;

	(void)state;
	open_issues(&f);
	op = remove_by(&f, &r, "WEB-1", 0);
	confirms(&f, FIVE, OPEN_ISSUE);
	op_interrupt(op);
	op_tick(&f.mount);
	failed(&r, -EINTR);
	node_unref(f.details, 1);
	node_unref(f.events, 1);
	node_unref(f.issue, 1);
	script_answer(&f.script, 4, 202, NULL, "");
	is_gone(&f, "WEB-1");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_guarded),
		cmocka_unit_test(test_tried_again),
		cmocka_unit_test(test_uncertain),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_confirmed_by_the_server_alone),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_no_time_left),
		cmocka_unit_test(test_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
