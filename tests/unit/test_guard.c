// SPDX-License-Identifier: MIT
/*
 * The guard of rmdir, rule by rule: a made-up clock, made-up processes, and where a
 * process has to live or to end, this one and a child of it.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

struct tree_of {
	struct fixture f;
	struct guard guard;
	struct node *other, *comments, *project, *org;
	int64_t now;
};

static void set_up(struct tree_of *t)
{
	begin_with(&t->f, "[" ISSUE "," ISSUE_WITH("6", "WEB-2", "") "]");
	guard_init(&t->guard);
	t->other = entry(&t->f, t->f.issues, "WEB-2");
	t->comments = entry(&t->f, t->f.issue, "comments");
	t->project = t->f.issues->parent;
	t->org = t->project->parent->parent;
	t->now = 1000000;
}

static void tear_down(struct tree_of *t)
{
	guard_done(&t->guard);
	end(&t->f);
}

/* Made-up processes live as long as nobody looks whether they do. */
static struct process someone(int tgid, int ppid)
{
	return (struct process){.tgid = tgid, .ppid = ppid, .began = 42};
}

static int check(struct tree_of *t, const struct node *issue, struct process who)
{
	return guard_check(&t->guard, issue, &who, 1, t->now);
}

static void refused(struct tree_of *t, struct node *dir, bool is_dir, struct process who)
{
	guard_refused(&t->guard, dir, is_dir, &who, t->now);
}

static void test_nothing(void **state)
{
	struct tree_of t;

	(void)state;
	set_up(&t);
	assert_int_equal(check(&t, t.f.issue, someone(100, 1)), 0);
	assert_int_equal(check(&t, t.f.issue, (struct process){0}), 0);
	tear_down(&t);
}

/* A refused unlink in `dir`: whom does it stop from what, at once and five seconds later? */
static void unlink_stops(struct tree_of *t, struct node *dir, bool issue, bool other)
{
	struct process rm = someone(100, 1), shell = someone(200, 1);

	refused(t, dir, false, rm);
	assert_int_equal(check(t, t->f.issue, rm), issue ? -ENOTEMPTY : 0);
	assert_int_equal(check(t, t->f.issue, shell), issue ? -ENOTEMPTY : 0);
	assert_int_equal(check(t, t->other, rm), other ? -ENOTEMPTY : 0);
	assert_int_equal(check(t, t->other, shell), other ? -ENOTEMPTY : 0);
	t->now += GUARD_MS - 1;
	assert_int_equal(check(t, t->f.issue, shell), issue ? -ENOTEMPTY : 0);
	t->now++;
	assert_int_equal(check(t, t->f.issue, shell), 0);
	assert_int_equal(check(t, t->other, shell), 0);
	/* who met it does not for all its life */
	t->now += 86400000;
	assert_int_equal(check(t, t->f.issue, rm), issue ? -ENOTEMPTY : 0);
	assert_int_equal(check(t, t->other, rm), other ? -ENOTEMPTY : 0);
	/* a later process of the same number is another one */
	rm.began++;
	assert_int_equal(check(t, t->f.issue, rm), 0);
	guard_done(&t->guard);
	guard_init(&t->guard);
}

static void test_where(void **state)
{
	struct tree_of t;

	(void)state;
	set_up(&t);
	unlink_stops(&t, t.f.issue, true, false);  /* at it */
	unlink_stops(&t, t.comments, true, false); /* in it */
	unlink_stops(&t, t.f.events, true, false); /* in it */
	unlink_stops(&t, t.f.issues, true, true);  /* above it */
	unlink_stops(&t, t.project, true, true);   /* further above */
	unlink_stops(&t, t.org, true, true);
	unlink_stops(&t, t.f.mount.root, true, true);
	unlink_stops(&t, entry(&t.f, t.org, "issues"), false, false); /* beside */
	tear_down(&t);
}

/* find -exec rmdir {} \; makes a process for each; they have one parent. */
static void test_siblings(void **state)
{
	struct tree_of t;

	(void)state;
	set_up(&t);
	refused(&t, t.f.issue, true, someone(100, 50));
	assert_int_equal(check(&t, t.other, someone(101, 50)), -ENOTEMPTY);
	assert_int_equal(check(&t, t.other, someone(101, 51)), 0);
	assert_int_equal(check(&t, t.f.issue, someone(101, 51)), -ENOTEMPTY);
	t.now += GUARD_MS;
	assert_int_equal(check(&t, t.other, someone(102, 50)), 0);
	/* each refusal begins the time anew, however long it lasts */
	for (int i = 0; i < 10; i++) {
		refused(&t, t.comments, true, someone(110 + i, 50));
		t.now += GUARD_MS - 1;
		assert_int_equal(check(&t, t.other, someone(150 + i, 50)), -ENOTEMPTY);
	}
	/* a refused unlink stops no sibling from another issue */
	t.now += GUARD_MS;
	refused(&t, t.f.issue, false, someone(200, 50));
	assert_int_equal(check(&t, t.other, someone(201, 50)), 0);
	/* of issues/ itself */
	refused(&t, t.project, true, someone(300, 60));
	assert_int_equal(check(&t, t.other, someone(301, 60)), -ENOTEMPTY);
	t.now += GUARD_MS;
	/* an unlink before it, by the same process in the same place, hides no rmdir */
	refused(&t, t.f.issue, false, someone(400, 70));
	refused(&t, t.f.issue, true, someone(400, 70));
	assert_int_equal(check(&t, t.other, someone(401, 70)), -ENOTEMPTY);
	tear_down(&t);
}

/* The same refusal again begins the five seconds anew, for everybody. */
static void test_again(void **state)
{
	struct tree_of t;

	(void)state;
	set_up(&t);
	refused(&t, t.f.issue, false, someone(100, 1));
	t.now += GUARD_MS - 1;
	refused(&t, t.f.issue, false, someone(100, 1));
	assert_int_equal(t.guard.n, 1);
	t.now += GUARD_MS - 1;
	assert_int_equal(check(&t, t.f.issue, someone(200, 1)), -ENOTEMPTY);
	t.now++;
	assert_int_equal(check(&t, t.f.issue, someone(200, 1)), 0);
	tear_down(&t);
}

/* For siblings the time stands still while somebody waits for the server there, and for nobody else. */
static void test_waited(void **state)
{
	struct process sibling = someone(101, 50), shell = someone(200, 1);
	struct tree_of t;

	(void)state;
	set_up(&t);
	refused(&t, t.f.issue, true, someone(100, 50));
	t.now += 10000;
	guard_waited(&t.guard, t.other, t.now - 10000, t.now);
	assert_int_equal(check(&t, t.other, sibling), -ENOTEMPTY);
	assert_int_equal(check(&t, t.f.issue, shell), 0);
	t.now += GUARD_MS;
	assert_int_equal(check(&t, t.other, sibling), 0);
	/* whose time was over before the wait began */
	guard_waited(&t.guard, t.other, t.now, t.now + 1000);
	assert_int_equal(check(&t, t.other, sibling), 0);
	/* what is answered at once, or is elsewhere, is no wait; nor does a refused unlink become more */
	refused(&t, t.f.issue, true, someone(100, 50));
	refused(&t, t.other, false, someone(300, 60));
	t.now += GUARD_MS - 1;
	guard_waited(&t.guard, t.other, t.now - 999, t.now);
	guard_waited(&t.guard, t.project, t.now - 2000, t.now);
	guard_waited(&t.guard, t.org, t.now - 2000, t.now);
	t.now++;
	assert_int_equal(check(&t, t.other, sibling), 0);
	guard_waited(&t.guard, t.other, t.now - 2000, t.now);
	assert_int_equal(check(&t, t.other, shell), 0);
	assert_int_equal(check(&t, t.f.issue, someone(301, 60)), 0);
	tear_down(&t);
}

/* Those that cannot be seen are one, for five seconds, and never for life. */
static void test_unseen(void **state)
{
	struct tree_of t;
	struct process unseen;

	(void)state;
	set_up(&t);
	assert_false(process_of(0, &unseen));
	refused(&t, t.f.issue, true, unseen);
	assert_int_equal(check(&t, t.f.issue, unseen), -ENOTEMPTY);
	assert_int_equal(check(&t, t.other, unseen), -ENOTEMPTY);
	t.now += GUARD_MS;
	assert_int_equal(check(&t, t.f.issue, unseen), 0);
	assert_int_equal(guard_deleting(&t.guard, t.f.issue, &unseen, t.now), 0);
	assert_int_equal(check(&t, t.other, unseen), -EDQUOT);
	t.now += 60000;
	assert_int_equal(check(&t, t.other, unseen), 0);
	tear_down(&t);
}

static void test_one_a_process(void **state)
{
	struct tree_of t;
	struct process rmdir_, max = someone(500, 1);

	(void)state;
	set_up(&t);
	assert_true(process_of(getpid(), &rmdir_)); /* must be alive to be remembered */
	assert_int_equal(guard_deleting(&t.guard, t.f.issue, &rmdir_, t.now), 0);
	assert_int_equal(check(&t, t.other, rmdir_), -EDQUOT);
	assert_int_equal(check(&t, t.f.issue, rmdir_), 0); /* the same one again */
	assert_int_equal(check(&t, t.other, someone(100, 1)), 0);
	t.now += 86400000;
	assert_int_equal(guard_deleting(&t.guard, t.f.issue, &max, t.now), 0); /* which looks who lives */
	assert_int_equal(check(&t, t.other, rmdir_), -EDQUOT);
	/* a refusal is told before the quota */
	refused(&t, t.f.issue, false, rmdir_);
	assert_int_equal(check(&t, t.f.issue, rmdir_), -ENOTEMPTY);
	assert_int_equal(check(&t, t.other, rmdir_), -EDQUOT);
	/* -o max_delete=3 */
	assert_int_equal(guard_check(&t.guard, t.other, &rmdir_, 3, t.now), 0);
	guard_deleting(&t.guard, t.f.issue, &rmdir_, t.now);
	guard_deleting(&t.guard, t.f.issue, &rmdir_, t.now);
	assert_int_equal(guard_check(&t.guard, t.other, &rmdir_, 3, t.now), -EDQUOT);
	tear_down(&t);
}

static void test_ten_a_minute(void **state)
{
	struct tree_of t;
	struct process who;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 10; i++) {
		who = someone(100 + i, 1);
		assert_int_equal(check(&t, t.other, who), 0);
		assert_int_equal(guard_deleting(&t.guard, t.f.issue, &who, t.now), 0);
		t.now += 100;
	}
	assert_int_equal(check(&t, t.other, someone(99, 1)), -EDQUOT);
	/* more by one process is more by all */
	who = someone(99, 1);
	assert_int_equal(guard_check(&t.guard, t.other, &who, 11, t.now), 0);
	t.now += 60000 - 1000 - 1;
	assert_int_equal(check(&t, t.other, someone(99, 1)), -EDQUOT);
	t.now++;
	assert_int_equal(check(&t, t.other, someone(99, 1)), 0);
	tear_down(&t);
}

/* A child of ours that lives until `end_child`. */
static pid_t child(int *hold)
{
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) < 0);
	}
	close(fds[0]);
	*hold = fds[1];
	return pid;
}

static void end_child(pid_t pid, int hold)
{
	close(hold);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_processes(void **state)
{
	struct process self, again, other;
	int hold;
	pid_t pid = child(&hold);

	(void)state;
	assert_true(process_of(getpid(), &self) && process_of(getpid(), &again));
	assert_int_equal(self.tgid, getpid());
	assert_int_equal(self.ppid, getppid());
	assert_true(self.began > 0 && process_same(&self, &again) && process_alive(&self));
	assert_true(process_of(pid, &other));
	assert_int_equal(other.tgid, pid);
	assert_int_equal(other.ppid, getpid());
	assert_false(process_same(&self, &other));
	assert_true(process_alive(&other));
	end_child(pid, hold);
	assert_false(process_alive(&other));
	assert_false(process_of(pid, &again));
	assert_int_equal(again.tgid, 0);
	other = self;
	other.began++;
	assert_false(process_alive(&other) || process_same(&self, &other));
	assert_false(process_alive(&(struct process){0}));
}

/* Records of processes that have ended go when there are many; of one that lives none. */
static void test_room(void **state)
{
	struct tree_of t;
	struct process self, other;
	int hold;
	pid_t pid;

	(void)state;
	set_up(&t);
	pid = child(&hold);
	assert_true(process_of(getpid(), &self) && process_of(pid, &other));
	end_child(pid, hold);
	refused(&t, t.other, false, self);
	t.now += GUARD_MS;
	for (int i = 0; i < 5000; i++) {
		other.began += 1; /* has ended */
		refused(&t, t.comments, false, other);
		t.now += 5;
	}
	assert_true(t.guard.n < 2500);
	assert_int_equal(check(&t, t.other, self), -ENOTEMPTY);
	tear_down(&t);
}

/* A flood within five seconds is bounded too, and the newest stays. */
static void test_flood(void **state)
{
	struct tree_of t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 5000; i++) {
		refused(&t, t.comments, false, someone(1000 + i, 1));
		if (i % 1000 == 0)
			refused(&t, t.other, false, someone(1, 1));
	}
	assert_true(t.guard.n <= 4096);
	assert_int_equal(check(&t, t.f.issue, someone(5999, 1)), -ENOTEMPTY);
	assert_int_equal(check(&t, t.other, someone(1, 1)), -ENOTEMPTY);
	tear_down(&t);
}

/* The record holds its node, so that what is looked up later is the same. */
static void test_forgotten(void **state)
{
	struct tree_of t;
	struct node *again;

	(void)state;
	set_up(&t);
	refused(&t, t.comments, false, someone(100, 1));
	node_unref(t.comments, 1);
	node_unref(t.f.events, 1);
	node_unref(t.f.details, 1);
	node_unref(t.f.issue, 1);
	again = entry(&t.f, t.f.issues, "WEB-1");
	assert_int_equal(check(&t, again, someone(100, 1)), -ENOTEMPTY);
	tear_down(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),	      cmocka_unit_test(test_where),
		cmocka_unit_test(test_siblings),      cmocka_unit_test(test_again),
		cmocka_unit_test(test_waited),	      cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_one_a_process), cmocka_unit_test(test_ten_a_minute),
		cmocka_unit_test(test_processes),     cmocka_unit_test(test_room),
		cmocka_unit_test(test_flood),	      cmocka_unit_test(test_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
