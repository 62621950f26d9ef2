// SPDX-License-Identifier: MIT
/*
 * Who asks for how much: a person, a grep, an indexer; and what the api does with it.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fixture.h"

#include "sentryfs/crowd.h"

static pid_t parents[CROWD_MAX];
static size_t parents_n;

/* Asks n times at once; the last place. */
static struct crowd_place ask(struct crowd *c, pid_t tid, unsigned n, unsigned budget, int64_t now)
{
	struct crowd_place p = {0};

	while (n--)
		p = crowd_ask(c, tid, true, budget, now);
	return p;
}

/* A process; with a parent of its own, or as a child of this one. */
static pid_t another(bool child)
{
	int ends[2];
	pid_t pid = 0, told;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pid = child ? 0 : fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			told = getpid();
			if (write(ends[1], &told, sizeof(told)) != sizeof(told))
				_exit(1);
		}
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
	close(ends[0]);
	close(ends[1]);
	parents[parents_n++] = pid;
	return told;
}

static int end_others(void **state)
{
	(void)state;
	while (parents_n) {
		kill(parents[--parents_n], SIGKILL);
		waitpid(parents[parents_n], NULL, 0);
	}
	return 0;
}

static void test_bulk(void **state)
{
	struct crowd c = {0};
	pid_t other = another(false);

	(void)state;
	assert_false(ask(&c, getpid(), CROWD_FEW, 0, 1000).bulk);
	/* to look does not count */
	assert_true(crowd_ask(&c, getpid(), false, 0, 1000).bulk);
	assert_true(ask(&c, getpid(), 1, 0, 1000).bulk);
	assert_false(ask(&c, other, 1, 0, 1000).bulk);
	/* a second puts one back */
	assert_true(crowd_ask(&c, getpid(), false, 0, 1999).bulk);
	assert_false(ask(&c, getpid(), 1, 0, 2000).bulk);
	assert_true(ask(&c, getpid(), 1, 0, 2000).bulk);
	assert_false(ask(&c, getpid(), CROWD_FEW, 0, 100000).bulk);
	assert_true(ask(&c, getpid(), 1, 0, 100000).bulk);
	/* who cannot be seen is nobody */
	assert_false(ask(&c, 0, 100, 1, 1000).bulk);
}

/* Children of one parent, each of which asks for little, are a crowd together. */
static void test_children(void **state)
{
	pid_t one = another(true), two = another(true), other = another(false);
	struct crowd c = {0};

	(void)state;
	assert_false(ask(&c, one, CROWD_FEW / 2, 20, 1000).bulk);
	assert_false(ask(&c, two, CROWD_FEW / 2, 20, 1000).bulk);
	assert_true(ask(&c, one, 1, 20, 1000).bulk);
	assert_true(ask(&c, another(true), 1, 20, 1000).bulk);
	assert_false(ask(&c, other, 1, 20, 1000).bulk);
	/* together they are not slowed, nor is their parent */
	assert_int_equal(ask(&c, one, 1, 20, 1000).delay_ms, 0);
}

static void test_brake(void **state)
{
	struct crowd c = {0};
	struct crowd_place p = ask(&c, getpid(), 100, 100, 1000);

	(void)state;
	assert_int_equal(p.delay_ms, 0);
	p = crowd_ask(&c, getpid(), false, 100, 1000);
	assert_int_equal(p.delay_ms, CROWD_BRAKE_MS);
	assert_false(p.news);
	p = ask(&c, getpid(), 1, 100, 1000);
	assert_int_equal(p.delay_ms, CROWD_BRAKE_MS);
	assert_true(p.news);
	p = ask(&c, getpid(), 1, 100, 1000);
	assert_int_equal(p.delay_ms, CROWD_BRAKE_MS);
	assert_false(p.news);
	assert_int_equal(ask(&c, getpid(), 1, 100, 2000).delay_ms, 0);
	assert_int_equal(ask(&c, getpid(), 1, 100, 2000).delay_ms, CROWD_BRAKE_MS);
	assert_int_equal(ask(&c, getpid(), 100, 100, 1000000).delay_ms, 0);
	assert_int_equal(c.slowed, 1);
	/* 0: any number */
	assert_int_equal(ask(&c, getpid(), 100000, 0, 1000000).delay_ms, 0);
}

/* The one that asked longest ago is forgotten. */
static void test_room(void **state)
{
	struct crowd c = {0};

	(void)state;
	ask(&c, getpid(), 2 * CROWD_FEW, 0, 1000);
	/* each comes with its parent */
	for (int i = 0; i < CROWD_MAX / 2 - 1; i++)
		ask(&c, another(false), 1, 0, 2000 + i);
	assert_int_equal(c.members[0].few + c.members[1].few, 0);
	ask(&c, another(false), 1, 0, 3000);
	assert_false(crowd_ask(&c, getpid(), false, 0, 1000).bulk);
}

static struct op *open_by(struct fixture *f, struct script_reply *r, struct node *n, pid_t tid)
{
	struct op *op = script_op(&f->mount, r, verb_open, n, NULL);

	op->tid = tid;
	op_start(op);
	return op;
}

static const char *const issues =
	"[" ISSUE
	"," ISSUE_WITH("6", "WEB-2", "") "," ISSUE_WITH("7", "WEB-3", "") "," ISSUE_WITH("8", "WEB-4", "") "]";

/* A slowed process waits before each request, is named once, and holds nobody up. */
static void test_slowed(void **state)
{
	struct script_reply r, same;
	struct fixture f;
	pid_t person = another(false);
	char name[PROCESS_NAME_MAX];
	struct node *n;

	(void)state;
	begin_with(&f, issues);
	f.options.crawl = 1;
	open_by(&f, &r, f.details, getpid());
	answer(&f, 200, "{}");
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	n = entry(&f, entry(&f, f.issues, "WEB-3"), "details.json");
	open_by(&f, &r, n, getpid());
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 4);
	assert_int_equal(f.mount.crowd.slowed, 1);
	assert_int_equal(f.mount.api.errors.count, 1);
	process_name(getpid(), name); /* valgrind's own, below it */
	assert_non_null(strstr(f.mount.api.errors.lines[0], name));
	assert_non_null(strstr(f.mount.api.errors.lines[0], "PRUNEFS"));
	f.script.clock.now += CROWD_BRAKE_MS - 1;
	f.mount.api.answered = true; /* whatever room there is */
	assert_int_equal(api_tick(&f.mount.api), 1);
	assert_int_equal(f.script.n, 4);
	f.script.clock.now++;
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 5);
	answer(&f, 200, "{}");
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	/* who is not slowed does not wait for what the other one asked for */
	f.script.clock.now -= CROWD_BRAKE_MS;
	n = entry(&f, entry(&f, f.issues, "WEB-2"), "details.json");
	open_by(&f, &r, n, getpid());
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 5);
	open_by(&f, &same, n, person);
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 6);
	answer(&f, 200, "{}");
	assert_int_equal(r.form, REPLY_OPENED);
	assert_int_equal(same.form, REPLY_OPENED);
	handle_free(r.handle);
	handle_free(same.handle);
	end(&f);
}

/* Of the last place in a window a person has the use. */
static void test_order(void **state)
{
	static const char window[] = "X-Sentry-Rate-Limit-Limit: 5\r\nX-Sentry-Rate-Limit-Remaining: 1\r\n"
				     "X-Sentry-Rate-Limit-Reset: 1767225601\r\n";
	struct script_reply r, p;
	struct fixture f;
	pid_t person = another(false);

	(void)state;
	begin_with(&f, issues);
	open_by(&f, &r, f.details, getpid());
	script_answer(&f.script, 3, 200, window, "{}");
	op_tick(&f.mount);
	handle_free(r.handle);
	ask(&f.mount.crowd, getpid(), CROWD_FEW, 0, f.script.clock.now);
	open_by(&f, &r, entry(&f, entry(&f, f.issues, "WEB-3"), "details.json"), getpid());
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 4);
	open_by(&f, &p, entry(&f, entry(&f, f.issues, "WEB-2"), "details.json"), person);
	assert_int_equal(f.script.n, 5);
	script_asked(&f.script, 4, "organizations/o/issues/WEB-2/");
	script_answer(&f.script, 4, 200, "", "{}");
	op_tick(&f.mount);
	assert_int_equal(p.form, REPLY_OPENED);
	handle_free(p.handle);
	waits(&r);
	f.script.clock.now += 1020;
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 6);
	answer(&f, 200, "{}");
	handle_free(r.handle);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_bulk, end_others),  cmocka_unit_test_teardown(test_brake, end_others),
		cmocka_unit_test_teardown(test_room, end_others),  cmocka_unit_test_teardown(test_slowed, end_others),
		cmocka_unit_test_teardown(test_order, end_others), cmocka_unit_test_teardown(test_children, end_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
