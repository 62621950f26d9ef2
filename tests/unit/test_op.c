// SPDX-License-Identifier: MIT
/*
 * Operations and verbs over a scripted transport: parking and resuming, deadlines
 * and interrupts, and which name costs which request.
 */
#include <unistd.h>

#include "fixture.h"

#define EVENT "0123456789abcdef0123456789abcdef"

/* Opens details.json with one request. */
static void detailed(struct fixture *f, struct script_reply *r)
{
	script_run(&f->mount, r, verb_open, f->details, NULL);
	script_asked(&f->script, f->script.n - 1, "organizations/o/issues/WEB-1/");
	script_answer(&f->script, f->script.n - 1, 200, NULL, "{\"a\":1}");
	op_tick(&f->mount);
	assert_int_equal(r->form, REPLY_OPENED);
	assert_string_equal(r->handle->content->data, "{\n  \"a\": 1\n}\n");
}

static void test_one_request_for_all(void **state)
{
	struct fixture f;
	struct script_reply r[5];

	(void)state;
	begin(&f);
	for (size_t i = 0; i < 5; i++)
		script_run(&f.mount, &r[i], verb_open, f.details, NULL);
	assert_int_equal(f.script.n, 4);
	assert_int_equal(op_tick(&f.mount), OP_REFRESH_WAIT_MS);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(r[i].form, REPLY_NONE);
	script_answer(&f.script, 3, 200, NULL, "{\"a\":1}");
	assert_int_equal(op_tick(&f.mount), -1);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(r[i].form, REPLY_OPENED);
		assert_string_equal(r[i].handle->content->data, "{\n  \"a\": 1\n}\n");
		assert_false(r[i].direct_io);
		assert_int_equal(r[i].keep_cache, i > 0);
	}
	for (size_t i = 0; i < 5; i++)
		handle_free(r[i].handle);
	assert_int_equal(f.details->opens, 0);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

static void test_error_for_all(void **state)
{
	struct fixture f;
	struct script_reply r[2];

	(void)state;
	begin(&f);
	for (size_t i = 0; i < 2; i++)
		script_run(&f.mount, &r[i], verb_open, f.details, NULL);
	script_answer(&f.script, 3, 403, NULL, "{}");
	op_tick(&f.mount);
	for (size_t i = 0; i < 2; i++)
		failed(&r[i], -EACCES);
	assert_int_equal(f.script.n, 4);
	end(&f);
}

static void test_interrupt(void **state)
{
	struct fixture f;
	struct script_reply r, other;
	struct op *op;

	(void)state;
	begin(&f);
	op = script_run(&f.mount, &r, verb_open, f.details, NULL);
	script_run(&f.mount, &other, verb_open, f.details, NULL);
	op_interrupt(op);
	assert_int_equal(r.form, REPLY_NONE);
	op_tick(&f.mount);
	failed(&r, -EINTR);
	assert_int_equal(other.form, REPLY_NONE); /* the other one's request goes on */
	script_answer(&f.script, 3, 200, NULL, "{}");
	op_tick(&f.mount);
	assert_int_equal(other.form, REPLY_OPENED);
	handle_free(other.handle);

	/* what has settled is answered, interrupted or not */
	f.script.clock.now += 61000;
	op = script_run(&f.mount, &r, verb_open, f.details, NULL);
	script_answer(&f.script, 4, 200, NULL, "{}");
	op_interrupt(op);
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	end(&f);
}

static void test_interrupt_of_a_caller_that_runs(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct op *op;

	(void)state;
	begin(&f);
	op = script_run(&f.mount, &r, verb_open, f.details, NULL);
	op->tid = getpid(); /* no signal that means stop waits for it */
	op_interrupt(op);
	assert_int_equal(op_tick(&f.mount), 50);
	assert_int_equal(r.form, REPLY_NONE);
	script_answer(&f.script, 3, 200, NULL, "{}");
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	end(&f);
}

static void test_deadline(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	script_run(&f.mount, &r, verb_open, f.details, NULL);
	f.script.clock.now += 29999;
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_NONE);
	assert_int_equal(op_tick(&f.mount), 1);
	f.script.clock.now++;
	op_tick(&f.mount);
	failed(&r, -ETIMEDOUT);
	/* a lookup holds a lock of the kernel */
	script_run(&f.mount, &r, verb_lookup, f.issues, "WEB-2");
	script_asked(&f.script, 4, "organizations/o/issues/WEB-2/");
	f.script.clock.now += OP_LOCKED_WAIT_MS - 1;
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_NONE);
	f.script.clock.now++;
	op_tick(&f.mount);
	failed(&r, -ETIMEDOUT);
	end(&f);
}

/* While the machine is suspended nobody waits: who does goes on afterwards with what time
 * there was left, and is asked for again on a new connection; a change is not. */
static void test_suspend(void **state)
{
	static const int64_t hour = 3600000;
	struct script_reply r, w;
	struct fixture f;

	(void)state;
	begin_with(&f, "[" ISSUE_WITH("5", "WEB-1", UNRESOLVED) "]");
	script_run(&f.mount, &r, verb_open, f.details, NULL);
	write_to(&f, &w, entry(&f, f.issue, "status"), "resolved");
	pass(&f, 20000);
	assert_int_equal(f.script.n, 5);
	assert_false(f.mount.woke);
	f.script.clock.slept += hour;
	pass(&f, hour);
	waits(&r);
	waits(&w);
	assert_true(f.mount.woke);
	assert_true(f.script.transfers[3].cancelled);
	assert_false(f.script.transfers[4].cancelled);
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, 6);
	script_asked(&f.script, 5, "organizations/o/issues/WEB-1/");
	pass(&f, 9999);
	waits(&r);
	pass(&f, 1);
	failed(&r, -ETIMEDOUT);
	waits(&w);
	end(&f);
	assert_int_equal(w.error, -ENOTCONN);
}

/* A sign of progress moves the deadline. */
static void test_progress(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	script_run(&f.mount, &r, verb_opendir, f.events, NULL);
	f.script.clock.now += 20000;
	script_page(&f.script, 3, "0:1:0", "[{\"eventID\":\"" EVENT "\"}]");
	f.script.clock.now += 20000;
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_NONE);
	script_answer(&f.script, 4, 200, NULL, "[]");
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_OPENED);
	assert_int_equal(r.handle->listing->n, 1);
	handle_free(r.handle);
	end(&f);
}

/* An older copy is given when a refresh takes longer than a second. */
static void test_slow_refresh(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	detailed(&f, &r);
	handle_free(r.handle);
	f.script.clock.now += 61000;
	script_run(&f.mount, &r, verb_open, f.details, NULL);
	assert_int_equal(f.script.n, 5);
	f.script.clock.now += OP_REFRESH_WAIT_MS - 1;
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_NONE);
	f.script.clock.now++;
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_OPENED);
	assert_string_equal(r.handle->content->data, "{\n  \"a\": 1\n}\n");
	handle_free(r.handle);
	end(&f);
}

static void test_end_all(void **state)
{
	struct fixture f;
	struct script_reply r[2];

	(void)state;
	begin(&f);
	script_run(&f.mount, &r[0], verb_open, f.details, NULL);
	script_run(&f.mount, &r[1], verb_opendir, f.events, NULL);
	script_answer(&f.script, 3, 200, NULL, "{}"); /* ready, the other parked */
	op_end_all(&f.mount);
	failed(&r[0], -ENOTCONN);
	failed(&r[1], -ENOTCONN);
	end(&f);
}

/* What is open when the mount ends is never released. */
static void test_open_at_the_end(void **state)
{
	struct fixture f;
	struct script_reply file, directory;

	(void)state;
	begin(&f);
	detailed(&f, &file);
	script_run(&f.mount, &directory, verb_opendir, f.issues, NULL);
	assert_int_equal(directory.form, REPLY_OPENED);
	end(&f); /* the sanitizers and valgrind tell */
}

static void test_bad_names(void **state)
{
	static const char *const names[] = {".git",	  "foo", "web 1",  "WEB-", "-1",      "a/b-1",
					    "WEB-1.json", "%2e", "WEB-\n", "5%",   "Desktop", "autorun.inf"};
	struct fixture f;
	struct script_reply r;
	char long_name[300];

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		script_run(&f.mount, &r, verb_lookup, f.issues, names[i]);
		failed(&r, -ENOENT);
	}
	memset(long_name, '1', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	script_run(&f.mount, &r, verb_lookup, f.issues, long_name);
	failed(&r, -ENOENT);
	script_run(&f.mount, &r, verb_lookup, f.events, EVENT);
	failed(&r, -ENOENT);
	script_run(&f.mount, &r, verb_lookup, f.events, ".json");
	failed(&r, -ENOENT);
	script_run(&f.mount, &r, verb_lookup, f.issue, "nothing");
	failed(&r, -ENOENT);
	script_run(&f.mount, &r, verb_lookup, f.details, "x");
	failed(&r, -ENOTDIR);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

static void is_link(struct fixture *f, const struct script_reply *r, const char *text)
{
	struct script_reply link;
	size_t n = f->script.n;

	assert_int_equal(r->form, REPLY_ENTRY);
	assert_true(S_ISLNK(r->entry.attr.st_mode));
	assert_int_equal(r->entry.attr.st_size, strlen(text));
	script_run(&f->mount, &link, verb_readlink, r->entry.node, NULL);
	assert_int_equal(link.form, REPLY_TEXT);
	assert_string_equal(link.text, text);
	assert_int_equal(f->script.n, n);
}

static void test_aliases(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	assert_true(kind_is_dir(f.issue->kind));
	script_run(&f.mount, &r, verb_lookup, f.issues, "web-1");
	is_link(&f, &r, "WEB-1");
	assert_int_equal(f.script.n, 3);
	script_run(&f.mount, &r, verb_lookup, f.issues, "5");
	assert_int_equal(f.script.n, 4);
	script_asked(&f.script, 3, "organizations/o/issues/5/");
	script_answer(&f.script, 3, 200, NULL, ISSUE);
	op_tick(&f.mount);
	is_link(&f, &r, "WEB-1");
	/* an issue of another project */
	script_run(&f.mount, &r, verb_lookup, f.issues, "APP-2");
	script_answer(&f.script, 4, 200, NULL,
		      "{\"id\":\"6\",\"shortId\":\"APP-2\",\"project\":{\"slug\":\"app\"},\"title\":\"U\"}");
	op_tick(&f.mount);
	is_link(&f, &r, "../../app/issues/APP-2");
	/* what does not exist is asked for once */
	script_run(&f.mount, &r, verb_lookup, f.issues, "WEB-9");
	script_answer(&f.script, 5, 404, NULL, "{}");
	op_tick(&f.mount);
	failed(&r, -ENOENT);
	script_run(&f.mount, &r, verb_lookup, f.issues, "WEB-9");
	failed(&r, -ENOENT);
	assert_int_equal(f.script.n, 6);
	end(&f);
}

static void test_latest(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *latest;

	(void)state;
	begin(&f);
	listed(&f, f.events, "[{\"eventID\":\"" EVENT "\"},{\"eventID\":\"00000000000000000000000000000000\"}]");
	latest = entry(&f, f.events, "latest.json");
	script_run(&f.mount, &r, verb_readlink, latest, NULL);
	assert_int_equal(r.form, REPLY_TEXT);
	assert_string_equal(r.text, EVENT ".json");
	assert_int_equal(f.script.n, 4);
	/* the listing is too old: one request, and the event's file needs no other */
	f.script.clock.now += 31000;
	script_run(&f.mount, &r, verb_readlink, latest, NULL);
	script_asked(&f.script, 4, "organizations/o/issues/5/events/latest/");
	script_answer(&f.script, 4, 200, NULL, "{\"eventID\":\"" EVENT "\"}");
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_TEXT);
	assert_string_equal(r.text, EVENT ".json");
	script_run(&f.mount, &r, verb_open, entry(&f, f.events, EVENT ".json"), NULL);
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	script_run(&f.mount, &r, verb_readlink, f.details, NULL);
	failed(&r, -EINVAL);
	assert_int_equal(f.script.n, 5);
	end(&f);
}

static off_t size_of(struct fixture *f, struct node *n)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_getattr, n, NULL);
	assert_int_equal(r.form, REPLY_ATTR);
	assert_true(S_ISREG(r.attr.st_mode));
	return r.attr.st_size;
}

static void test_size(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	assert_int_equal(size_of(&f, f.details), 4096);
	assert_int_equal(f.script.n, 3);
	detailed(&f, &r);
	assert_int_equal(size_of(&f, f.details), 13);
	handle_free(r.handle);
	assert_int_equal(size_of(&f, f.details), 13);
	assert_int_equal(size_of(&f, entry(&f, f.issue, "title")), 2); /* of the listing: exact at once */
	assert_int_equal(f.script.n, 4);
	end(&f);
}

static void test_eviction(void **state)
{
	struct fixture f;
	struct script_reply r, second;

	(void)state;
	begin(&f);
	detailed(&f, &r);
	cache_drop(&f.mount.cache);
	assert_int_equal(f.mount.cache.bytes, 0);
	assert_int_equal(size_of(&f, f.details), 13);
	assert_string_equal(r.handle->content->data, "{\n  \"a\": 1\n}\n");
	/* new content beside an open handle: each has its own */
	script_run(&f.mount, &second, verb_open, f.details, NULL);
	script_answer(&f.script, 4, 200, NULL, "{\"b\":22}");
	op_tick(&f.mount);
	assert_int_equal(second.form, REPLY_OPENED);
	assert_true(second.direct_io);
	assert_false(second.keep_cache);
	assert_string_equal(second.handle->content->data, "{\n  \"b\": 22\n}\n");
	assert_string_equal(r.handle->content->data, "{\n  \"a\": 1\n}\n");
	handle_free(second.handle);
	handle_free(r.handle);
	assert_null(f.details->content);
	end(&f);
}

/* The details, of another size, after so many ms. */
static bool is_direct_after(struct fixture *f, int64_t ms, const char *body)
{
	struct script_reply r;
	size_t n = f->script.n;
	bool direct;

	cache_drop(&f->mount.cache);
	f->script.clock.now += ms;
	script_run(&f->mount, &r, verb_open, f->details, NULL);
	script_answer(&f->script, n, 200, NULL, body);
	op_tick(&f->mount);
	assert_int_equal(r.form, REPLY_OPENED);
	direct = r.direct_io;
	size_of(f, f->details);
	handle_free(r.handle);
	return direct;
}

/* Of two sizes that it was told the kernel may believe either, until both have run out: what was
 * asked for at the same time comes in any order. */
static void test_sizes_told(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_false(is_direct_after(&f, 0, "{\"a\":1}"));
	assert_false(is_direct_after(&f, 1000, "{\"b\":2}")); /* as long */
	assert_true(is_direct_after(&f, 1000, "{\"c\":33}")); /* it believes the size of before */
	assert_true(is_direct_after(&f, 1000, "{\"d\":44}")); /* or still does, though it was told this one */
	assert_false(is_direct_after(&f, 1000, "{\"e\":55}"));
	assert_true(is_direct_after(&f, 0, "{\"f\":6}"));
	assert_false(is_direct_after(&f, 2001, "{\"g\":77}"));
	end(&f);
}

static void test_directory(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct dir_entry e;
	bool seen = false;
	size_t at = 0, n = 0;

	(void)state;
	begin(&f);
	script_run(&f.mount, &r, verb_opendir, f.issues, NULL);
	assert_int_equal(r.form, REPLY_OPENED);
	cache_drop(&f.mount.cache);
	for (; verb_dir_entry(&f.mount, r.handle, &at, &e); n++)
		if (!strcmp(e.name, "WEB-1")) {
			seen = true;
			assert_int_equal(e.ino, f.issue->ino);
			assert_true(S_ISDIR(e.mode));
		}
	assert_true(seen);
	assert_int_equal(n, 3);
	handle_free(r.handle);
	/* known to have none: nothing is asked */
	script_run(&f.mount, &r, verb_opendir, entry(&f, f.issue, "comments"), NULL);
	assert_int_equal(r.form, REPLY_OPENED);
	assert_null(r.handle->listing);
	handle_free(r.handle);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_request_for_all),
		cmocka_unit_test(test_error_for_all),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_interrupt_of_a_caller_that_runs),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_suspend),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_slow_refresh),
		cmocka_unit_test(test_end_all),
		cmocka_unit_test(test_open_at_the_end),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_latest),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_sizes_told),
		cmocka_unit_test(test_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
