// SPDX-License-Identifier: MIT
/*
 * Writing over a scripted transport: what write, flush and setattr answer, what they
 * send and when, and what is seen afterwards.
 */
#include "fixture.h"

#define FIVE "organizations/o/issues/5/"
#define NAMED "organizations/o/issues/WEB-1/"
#define OPEN_ISSUE ISSUE_WITH("5", "WEB-1", UNRESOLVED)
#define DONE_ISSUE ISSUE_WITH("5", "WEB-1", ",\"status\":\"resolved\",\"statusDetails\":{}")
#define PUT_RESOLVED "{\"status\":\"resolved\"}"

static void open_issue(struct fixture *f)
{
	begin_with(f, "[" OPEN_ISSUE "," ISSUE_WITH("6", "WEB-2", UNRESOLVED) "]");
}

/* ---- controls: one write is one command ---- */

static void test_write(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	write_to(&f, &r, status, "  resolved \n");
	waits(&r);
	sent(&f, "PUT", FIVE, PUT_RESOLVED);
	answer(&f, 200, DONE_ISSUE);
	wrote(&r, 12);
	assert_int_equal(f.script.n, 4);
	/* seen at once, with no further request */
	reads(&f, f.issue, "status", "resolved\n");
	assert_false(is_listed(&f, f.issues, "WEB-1"));
	assert_true(is_listed(&f, f.issues, "WEB-2"));
	assert_ptr_equal(entry(&f, f.issues, "WEB-1"), f.issue);
	/* an equal value sends nothing, whatever its offset */
	write_at(&f, &r, status, NULL, STR("resolved\n"), 4096);
	wrote(&r, 9);
	assert_int_equal(f.script.n, 4);
	/* what was said of the issue before is asked for anew */
	script_run(&f.mount, &r, verb_open, f.details, NULL);
	script_asked(&f.script, 4, NAMED);
	answer(&f, 200, DONE_ISSUE);
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	end(&f);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"bogus", "", "\n", " \t\n", "\xff", "resolved\nresolved"};
	struct fixture f;
	struct script_reply r;
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_to(&f, &r, status, bad[i]);
		failed(&r, -EINVAL);
	}
	write_at(&f, &r, status, NULL, STR("resolved\0"), 0);
	failed(&r, -EINVAL);
	write_at(&f, &r, status, NULL, STR("\0\0\0\0"), 0);
	failed(&r, -EINVAL);
	write_to(&f, &r, status, "bogus");
	failed(&r, -EINVAL);
	last_error_has(&f, f.issue, "tried     write \"bogus\" to status of WEB-1\n");
	last_error_has(&f, f.issue, "failed    EINVAL");
	last_error_has(&f, f.issue, "resolvedInNextRelease; resolved in VERSION");
	assert_int_equal(f.script.n, 3);
	/* a success empties it, also one that needs no request */
	write_to(&f, &r, status, "unresolved");
	wrote(&r, 10);
	reads(&f, f.issue, "last-error", "");
	/* so does the server's */
	write_to(&f, &r, status, "resolved in 9");
	answer(&f, 400, "{\"statusDetails\":{\"inRelease\":[\"Unable to find a release\"]}}");
	failed(&r, -EINVAL);
	last_error_has(&f, f.issue, "server    HTTP 400: ");
	last_error_has(&f, f.issue, "Unable to find a release");
	write_to(&f, &r, status, "resolved");
	answer(&f, 200, DONE_ISSUE);
	wrote(&r, 8);
	reads(&f, f.issue, "last-error", "");
	end(&f);
}

/* A row that is too old to be believed asks the server. */
static void test_old_row(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	pass(&f, 30000);
	write_to(&f, &r, status, "unresolved");
	wrote(&r, 10);
	assert_int_equal(f.script.n, 3);
	pass(&f, 1);
	write_to(&f, &r, status, "unresolved");
	sent(&f, "PUT", FIVE, "{\"status\":\"unresolved\"}");
	answer(&f, 200, OPEN_ISSUE);
	wrote(&r, 10);
	/* the answer is as good as a listing */
	pass(&f, 30000);
	write_to(&f, &r, status, "unresolved");
	wrote(&r, 10);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* A value is judged after the change before it: equal only if that came through. */
static void test_judged_in_turn(void **state)
{
	struct fixture f;
	struct script_reply one, two;
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	write_to(&f, &one, status, "resolved");
	write_to(&f, &two, status, "resolved");
	answer(&f, 500, "{\"detail\":\"Internal Error\"}");
	failed(&one, -EIO);
	sent(&f, "PUT", FIVE, PUT_RESOLVED);
	answer(&f, 200, DONE_ISSUE);
	wrote(&two, 8);
	assert_int_equal(f.script.n, 5);
	end(&f);
}

/* Two writers of one issue: the second's value is sent after the first's answer. */
static void test_in_order(void **state)
{
	struct fixture f;
	struct script_reply r[3];
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	write_to(&f, &r[0], status, "resolved");
	write_to(&f, &r[1], status, "unresolved"); /* equal to what is there yet */
	write_to(&f, &r[2], entry(&f, f.issue, "hasSeen"), "1");
	assert_int_equal(f.script.n, 4);
	answer(&f, 200, DONE_ISSUE);
	wrote(&r[0], 8);
	waits(&r[1]);
	sent(&f, "PUT", FIVE, "{\"status\":\"unresolved\"}");
	answer(&f, 200, OPEN_ISSUE);
	wrote(&r[1], 10);
	sent(&f, "PUT", FIVE, "{\"hasSeen\":true}");
	answer(&f, 200, ISSUE_WITH("5", "WEB-1", ",\"status\":\"unresolved\",\"hasSeen\":true"));
	wrote(&r[2], 1);
	assert_int_equal(f.script.n, 6);
	end(&f);
}

/* Who waits for another's change has its own time. */
static void test_waits_too_long(void **state)
{
	struct fixture f;
	struct script_reply first, second;
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	write_to(&f, &first, status, "resolved");
	pass(&f, 1000);
	script_run(&f.mount, &second, verb_rmdir, f.issues, "WEB-1");
	pass(&f, OP_LOCKED_WAIT_MS - 1);
	waits(&second);
	pass(&f, 1);
	failed(&second, -ETIMEDOUT);
	waits(&first);
	assert_int_equal(f.script.n, 4);
	answer(&f, 200, DONE_ISSUE);
	wrote(&first, 8);
	end(&f);
}

static void test_interrupted(void **state)
{
	struct fixture f;
	struct script_reply r, again;
	struct node *status;
	struct op *op;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	/* before the answer: it goes on into the cache */
	op = write_to(&f, &r, status, "resolved");
	op_interrupt(op);
	op_tick(&f.mount);
	failed(&r, -EINTR);
	/* who tries again waits for it, and sends nothing more */
	write_to(&f, &again, status, "resolved");
	waits(&again);
	answer(&f, 200, DONE_ISSUE);
	wrote(&again, 8);
	assert_int_equal(f.script.n, 4);
	reads(&f, f.issue, "status", "resolved\n");
	/* after the answer, before the turn that tells of it: it was done */
	op = write_to(&f, &r, status, "unresolved");
	script_answer(&f.script, 4, 200, NULL, OPEN_ISSUE);
	op_interrupt(op);
	op_tick(&f.mount);
	wrote(&r, 10);
	/* one that failed tells why, though nobody waits */
	op = write_to(&f, &r, status, "resolved");
	op_interrupt(op);
	op_tick(&f.mount);
	failed(&r, -EINTR);
	answer(&f, 500, "{}");
	last_error_has(&f, f.issue, "failed    EIO");
	assert_int_equal(f.script.n, 6);
	end(&f);
}

static void test_unmounted(void **state)
{
	struct fixture f;
	struct script_reply r[2];
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	write_to(&f, &r[0], status, "resolved");
	write_to(&f, &r[1], status, "unresolved");
	op_end_all(&f.mount);
	failed(&r[0], -ENOTCONN);
	failed(&r[1], -ENOTCONN);
	/* an answer that comes yet is believed */
	answer(&f, 200, DONE_ISSUE);
	reads(&f, f.issue, "status", "resolved\n");
	write_to(&f, &r[0], status, "unresolved");
	op_end_all(&f.mount);
	failed(&r[0], -ENOTCONN);
	end(&f);
}

/* ---- the older listing ---- */

/* A listing that was asked for before the change comes after it. */
static void test_older_listing(void **state)
{
	struct fixture f;
	struct script_reply list, r;
	struct node *status;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	pass(&f, 31000);
	script_run(&f.mount, &list, verb_opendir, f.issues, NULL);
	sent(&f, "GET", LIST, "");
	write_to(&f, &r, status, "resolved");
	script_answer(&f.script, 4, 200, NULL, DONE_ISSUE);
	script_answer(&f.script, 3, 200, NULL, "[" OPEN_ISSUE "]");
	op_tick(&f.mount);
	wrote(&r, 8);
	assert_int_equal(list.form, REPLY_OPENED);
	handle_free(list.handle);
	reads(&f, f.issue, "status", "resolved\n");
	assert_false(is_listed(&f, f.issues, "WEB-1"));
	/* nor does one that was asked for soon after it, by a server that reads from a replica */
	pass(&f, 5000);
	cache_outdate(&f.mount.cache, LIST);
	listed(&f, f.issues, "[" OPEN_ISSUE "]");
	reads(&f, f.issue, "status", "resolved\n");
	assert_false(is_listed(&f, f.issues, "WEB-1"));
	/* after the hold the server is believed */
	pass(&f, ITEM_HOLD_MS);
	cache_outdate(&f.mount.cache, LIST);
	listed(&f, f.issues, "[" OPEN_ISSUE "]");
	reads(&f, f.issue, "status", "unresolved\n");
	assert_true(is_listed(&f, f.issues, "WEB-1"));
	end(&f);
}

/* A refresh by hand believes the server at once. */
static void test_release(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issue(&f);
	write_to(&f, &r, entry(&f, f.issue, "status"), "resolved");
	answer(&f, 200, DONE_ISSUE);
	wrote(&r, 8);
	write_to(&f, &r, entry(&f, entry(&f, f.mount.root, ".sentryfs"), "refresh"), "\n");
	wrote(&r, 1);
	pass(&f, 1000);
	script_run(&f.mount, &r, verb_opendir, f.issues, NULL);
	script_asked(&f.script, 4, ""); /* what the token may do was forgotten as well */
	script_answer(&f.script, 4, 200, NULL, "{}");
	script_asked(&f.script, 5, LIST);
	answer(&f, 200, "[" OPEN_ISSUE "]");
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	reads(&f, f.issue, "status", "unresolved\n");
	assert_true(is_listed(&f, f.issues, "WEB-1"));
	end(&f);
}

/* ---- texts: gathered, and sent at the FLUSH ---- */

static void test_gather(void **state)
{
	struct fixture f;
	struct script_reply r, copy;
	struct node *new;
	struct handle *h;

	(void)state;
	open_issue(&f);
	new = entry(&f, entry(&f, f.issue, "comments"), "new");
	h = open_as(&f, new, O_WRONLY | O_TRUNC);
	flush(&f, &r, h); /* as bash does before it writes */
	succeeded(&r);
	write_at(&f, &r, new, h, STR("one "), 0);
	wrote(&r, 4);
	write_at(&f, &r, new, h, STR("two\n"), 4);
	wrote(&r, 4);
	assert_int_equal(f.script.n, 3);
	flush(&f, &r, h);
	waits(&r);
	sent(&f, "POST", FIVE "comments/", "{\"text\":\"one two\",\"data\":{\"text\":\"one two\"}}");
	answer(&f, 201, "{\"id\":\"9\",\"data\":{\"text\":\"one two\"}}");
	succeeded(&r);
	flush(&f, &r, h); /* of a copy of the descriptor */
	succeeded(&r);
	assert_int_equal(f.script.n, 4);
	handle_free(h);
	/* what begins anew at the start replaces what came before */
	h = open_as(&f, new, O_WRONLY);
	write_at(&f, &r, new, h, STR("short"), 0);
	write_at(&f, &r, new, h, STR("a long text"), 0);
	flush(&f, &r, h);
	sent(&f, "POST", FIVE "comments/", "{\"text\":\"a long text\",\"data\":{\"text\":\"a long text\"}}");
	answer(&f, 400, "{\"detail\":\"You have already posted that comment\"}");
	failed(&r, -EEXIST);
	flush(&f, &r, h); /* a copy is told the same */
	failed(&r, -EEXIST);
	handle_free(h);
	/* nothing in it */
	h = save(&f, &r, new, " \n");
	failed(&r, -EINVAL);
	flush(&f, &r, h);
	failed(&r, -EINVAL);
	handle_free(h);
	last_error_has(&f, f.issue, "comments/new of WEB-1");
	/* no answer: one look at the newest of the list */
	h = save(&f, &r, new, "three");
	script_break(&f.script, 5, -ETIMEDOUT);
	script_asked(&f.script, 6, FIVE "comments/?per_page=100");
	script_answer(&f.script, 6, 200, NULL, "[{\"id\":\"10\",\"data\":{\"text\":\"three\"}}]");
	op_tick(&f.mount);
	succeeded(&r);
	handle_free(h);
	/* a copy that is closed meanwhile waits for the same end */
	h = save(&f, &r, new, "four");
	flush(&f, &copy, h);
	waits(&copy);
	answer(&f, 400, "{}");
	failed(&r, -EINVAL);
	failed(&copy, -EINVAL);
	handle_free(h);
	assert_int_equal(f.script.n, 8);
	end(&f);
}

/* What was refused in part is not sent in part. */
static void test_no_half_text(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *new;
	struct handle *h;
	cleanup_free char *big = malloc(1 << 20);

	(void)state;
	open_issue(&f);
	memset(big, 'x', 1 << 20);
	new = entry(&f, entry(&f, f.issue, "comments"), "new");
	/* a writer that goes on after EFBIG, as perl's print does */
	h = open_as(&f, new, O_WRONLY);
	write_at(&f, &r, new, h, (struct str){big, 1 << 20}, 0);
	wrote(&r, 1 << 20);
	write_at(&f, &r, new, h, STR("y"), 1 << 20);
	failed(&r, -EFBIG);
	write_at(&f, &r, new, h, STR("tail"), 1 << 20);
	failed(&r, -EFBIG);
	flush(&f, &r, h);
	failed(&r, -EFBIG);
	write_at(&f, &r, new, h, STR("tail"), (1 << 20) + 1);
	failed(&r, -EFBIG);
	/* from the start it may be tried again */
	write_at(&f, &r, new, h, STR("small"), 0);
	wrote(&r, 5);
	flush(&f, &r, h);
	sent(&f, "POST", FIVE "comments/", "{\"text\":\"small\",\"data\":{\"text\":\"small\"}}");
	answer(&f, 201, "{\"id\":\"9\"}");
	succeeded(&r);
	handle_free(h);
	/* a gap: neither what came before it nor what comes after it */
	h = open_as(&f, new, O_WRONLY);
	write_at(&f, &r, new, h, STR("begin"), 0);
	wrote(&r, 5);
	write_at(&f, &r, new, h, STR("end"), 100);
	failed(&r, -EINVAL);
	write_at(&f, &r, new, h, STR("end"), 5);
	failed(&r, -EINVAL);
	flush(&f, &r, h);
	failed(&r, -EINVAL);
	handle_free(h);
	/* one that began behind the start may be begun anew as well */
	h = open_as(&f, new, O_WRONLY);
	write_at(&f, &r, new, h, STR("begin"), 50);
	wrote(&r, 5);
	write_at(&f, &r, new, h, STR("end"), 100);
	failed(&r, -EINVAL);
	write_at(&f, &r, new, h, STR("small"), 0);
	wrote(&r, 5);
	handle_free(h);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* With O_APPEND the kernel takes the offset from the file's size, which a stat in the
 * midst sets back. */
static void test_append(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *new;
	struct handle *h;

	(void)state;
	open_issue(&f);
	new = entry(&f, entry(&f, f.issue, "comments"), "new");
	h = open_as(&f, new, O_WRONLY | O_APPEND);
	write_at(&f, &r, new, h, STR("one "), 0);
	wrote(&r, 4);
	write_at(&f, &r, new, h, STR("two "), 4);
	wrote(&r, 4);
	script_run(&f.mount, &r, verb_getattr, new, NULL);
	assert_int_equal(r.attr.st_size, 0);
	write_at(&f, &r, new, h, STR("three"), 0);
	wrote(&r, 5);
	flush(&f, &r, h);
	sent(&f, "POST", FIVE "comments/", "{\"text\":\"one two three\",\"data\":{\"text\":\"one two three\"}}");
	answer(&f, 201, "{\"id\":\"9\"}");
	succeeded(&r);
	handle_free(h);
	end(&f);
}

/* RELEASE and FORGET while a FLUSH waits. */
static void test_released(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *new;

	(void)state;
	open_issue(&f);
	new = entry(&f, entry(&f, f.issue, "comments"), "new");
	handle_free(save(&f, &r, new, "text"));
	node_unref(new, 1);
	waits(&r);
	pass(&f, 2000);
	answer(&f, 201, "{\"id\":\"9\",\"data\":{\"text\":\"text\"}}");
	succeeded(&r);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

static void test_details_file(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *details;

	(void)state;
	begin_with(&f, "[" ISSUE_WITH("5", "WEB-1", ",\"status\":\"resolved\",\"statusDetails\":{}") "]");
	details = entry(&f, f.issue, "statusDetails");
	handle_free(save(&f, &r, details, "{\"inNextRelease\": true}\n"));
	sent(&f, "PUT", FIVE, "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}");
	answer(&f, 200,
	       ISSUE_WITH("5", "WEB-1", ",\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}"));
	succeeded(&r);
	handle_free(save(&f, &r, details, "{\"inNextRelease\":"));
	failed(&r, -EINVAL);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

static void test_big_text(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *new;
	struct handle *h;
	cleanup_free char *big = malloc((1 << 20) + 1);

	(void)state;
	open_issue(&f);
	memset(big, 'x', (1 << 20) + 1);
	new = entry(&f, entry(&f, f.issue, "comments"), "new");
	h = open_as(&f, new, O_WRONLY);
	for (size_t at = 0; at < 1 << 20; at += 4096) {
		write_at(&f, &r, new, h, (struct str){big, 4096}, at);
		wrote(&r, 4096);
	}
	flush(&f, &r, h);
	waits(&r);
	assert_int_equal(strlen(f.script.transfers[3].body), 2 * (1 << 20) + strlen("{'text':'','data':{'text':''}}"));
	answer(&f, 201, "{\"id\":\"9\"}");
	succeeded(&r);
	write_at(&f, &r, new, h, (struct str){big, (1 << 20) + 1}, 0);
	failed(&r, -EFBIG);
	last_error_has(&f, f.issue, "at most 1 MiB");
	handle_free(h);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* ---- what changes nothing ---- */

static void set(struct fixture *f, struct script_reply *r, struct node *n, struct handle *h, int what, mode_t mode,
		off_t size)
{
	struct op *op = script_op(&f->mount, r, verb_setattr, n, NULL);
	struct stat st = {.st_mode = mode, .st_size = size, .st_uid = 0, .st_gid = 0};

	op->attr = &st;
	op->attr_set = what;
	op->handle = h;
	op_start(op);
}

static void test_setattr(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *status, *title;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	title = entry(&f, f.issue, "title");
	set(&f, &r, status, NULL, SET_SIZE | SET_TIMES, 0, 0);
	assert_int_equal(r.form, REPLY_ATTR);
	assert_int_equal(r.attr.st_size, strlen("unresolved\n"));
	set(&f, &r, status, NULL, SET_MODE, 0644, 0);
	assert_int_equal(r.form, REPLY_ATTR);
	set(&f, &r, status, NULL, SET_UID | SET_GID, 0, 0);
	assert_int_equal(r.form, REPLY_ATTR);
	set(&f, &r, status, NULL, SET_MODE, 0600, 0);
	failed(&r, -EPERM);
	f.options.uid = 7;
	set(&f, &r, status, NULL, SET_UID, 0, 0);
	failed(&r, -EPERM);
	f.options.uid = 0;
	f.options.gid = 7;
	set(&f, &r, status, NULL, SET_GID, 0, 0);
	failed(&r, -EPERM);
	f.options.gid = 0;
	set(&f, &r, title, NULL, SET_SIZE, 0, 0);
	failed(&r, -EACCES);
	set(&f, &r, title, NULL, SET_TIMES, 0, 0);
	failed(&r, -EPERM);
	f.options.read_only = true;
	set(&f, &r, status, NULL, SET_SIZE, 0, 0);
	failed(&r, -EROFS);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

static mode_t mode_of(struct fixture *f, struct node *n)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_getattr, n, NULL);
	assert_int_equal(r.form, REPLY_ATTR);
	return r.attr.st_mode & 07777;
}

static void opens(struct fixture *f, struct node *n, int error)
{
	struct script_reply r;
	struct op *op = script_op(&f->mount, &r, verb_open_write, n, NULL);

	op->flags = O_WRONLY;
	op_start(op);
	if (error) {
		failed(&r, error);
		return;
	}
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
}

static void may(struct fixture *f, struct node *n, int what, int error)
{
	struct script_reply r;
	struct op *op = script_op(&f->mount, &r, verb_access, n, NULL);

	op->flags = what;
	op_start(op);
	failed(&r, error);
}

static void test_modes(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *status, *title;

	(void)state;
	open_issue(&f);
	status = entry(&f, f.issue, "status");
	title = entry(&f, f.issue, "title");
	assert_int_equal(mode_of(&f, status), 0644);
	assert_int_equal(mode_of(&f, title), 0444);
	assert_int_equal(mode_of(&f, f.issue), 0755);
	assert_int_equal(mode_of(&f, f.issues), 0755);
	opens(&f, title, -EACCES);
	opens(&f, status, 0);
	may(&f, status, F_OK, 0);
	may(&f, status, R_OK | W_OK, 0);
	may(&f, title, R_OK, 0);
	may(&f, title, R_OK | W_OK, -EACCES);
	may(&f, title, X_OK, -EACCES);
	may(&f, f.issue, R_OK | W_OK | X_OK, 0);
	/* event:write alone */
	f.mount.access.remove = false;
	assert_int_equal(mode_of(&f, f.issues), 0555);
	assert_int_equal(mode_of(&f, status), 0644);
	f.mount.access.write = false;
	assert_int_equal(mode_of(&f, status), 0444);
	assert_int_equal(mode_of(&f, f.issue), 0555);
	opens(&f, status, -EACCES);
	last_error_has(&f, f.issue, "event:write");
	/* not known: learnt from a refusal */
	f.mount.access = (struct access){0};
	write_to(&f, &r, status, "resolved");
	answer(&f, 403, "{\"detail\":\"You do not have permission\"}");
	failed(&r, -EACCES);
	assert_int_equal(mode_of(&f, status), 0444);
	opens(&f, status, -EACCES);
	assert_int_equal(f.script.n, 4);
	f.options.read_only = true;
	opens(&f, status, -EROFS);
	may(&f, status, W_OK, -EROFS);
	may(&f, status, X_OK, -EACCES);
	end(&f);
}

/* ftruncate of what was gathered, also where it began behind the start. */
static void test_cut(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *details;
	struct handle *h;

	(void)state;
	begin_with(&f, "[" ISSUE_WITH("5", "WEB-1", ",\"status\":\"resolved\",\"statusDetails\":{}") "]");
	details = entry(&f, f.issue, "statusDetails");
	h = open_as(&f, details, O_WRONLY);
	write_at(&f, &r, details, h, STR("{\"inNextRelease\":true}xyz"), 3);
	wrote(&r, 25);
	set(&f, &r, details, h, SET_SIZE, 0, 25);
	assert_int_equal(r.form, REPLY_ATTR);
	flush(&f, &r, h);
	sent(&f, "PUT", FIVE, "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}");
	answer(&f, 200,
	       ISSUE_WITH("5", "WEB-1", ",\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}"));
	succeeded(&r);
	handle_free(h);
	h = open_as(&f, details, O_WRONLY);
	write_at(&f, &r, details, h, STR("{}"), 0);
	set(&f, &r, details, h, SET_SIZE, 0, 0);
	flush(&f, &r, h);
	failed(&r, -EINVAL);
	handle_free(h);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* ---- the server does not know the name ---- */

static void test_nearest(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	open_issue(&f);
	write_to(&f, &r, entry(&f, f.issue, "assignedTo"), "jnae@x.org");
	sent(&f, "PUT", FIVE, "{\"assignedTo\":\"jnae@x.org\"}");
	answer(&f, 400, "{\"assignedTo\":[\"Unknown actor input\"]}");
	waits(&r);
	script_asked(&f.script, 4, "organizations/o/members/?per_page=100");
	answer(&f, 200,
	       "[{\"id\":\"1\",\"email\":\"bob@x.org\",\"user\":{\"username\":\"bob\"}},"
	       "{\"id\":\"2\",\"email\":\"jane@x.org\",\"user\":null}]");
	failed(&r, -EINVAL);
	last_error_has(&f, f.issue, "nearest   jane@x.org\n");
	assert_int_equal(f.script.n, 5);
	/* the members cannot be listed: the server's words alone */
	write_to(&f, &r, entry(&f, f.issue, "assignedTo"), "bib@x.org");
	answer(&f, 400, "{}");
	failed(&r, -EINVAL);
	last_error_has(&f, f.issue, "bob@x.org");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),	      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_old_row),	      cmocka_unit_test(test_judged_in_turn),
		cmocka_unit_test(test_in_order),      cmocka_unit_test(test_waits_too_long),
		cmocka_unit_test(test_interrupted),   cmocka_unit_test(test_unmounted),
		cmocka_unit_test(test_older_listing), cmocka_unit_test(test_release),
		cmocka_unit_test(test_gather),	      cmocka_unit_test(test_released),
		cmocka_unit_test(test_no_half_text),  cmocka_unit_test(test_append),
		cmocka_unit_test(test_cut),	      cmocka_unit_test(test_details_file),
		cmocka_unit_test(test_big_text),      cmocka_unit_test(test_setattr),
		cmocka_unit_test(test_modes),	      cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
