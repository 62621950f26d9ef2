// SPDX-License-Identifier: MIT
/*
 * Several issues at once: merge and the bulk files. Never a request without ids, since
 * the server would apply it to everything.
 */
#include "fixture.h"

#include "sentryfs/control.h"

#define ISSUES "organizations/o/issues/"

static struct item fake(const char *id)
{
	return (struct item){.id = (char *)(uintptr_t)id};
}

static void test_path(void **state)
{
	struct item one = fake("5"), odd = fake("6&query=is:unresolved"), *issues[101];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 101; i++)
		issues[i] = &one;
	buf_init(&b, 8192);
	assert_int_equal(control_bulk_path(&b, "o", issues, 0), -EINVAL);
	assert_int_equal(control_bulk_path(&b, "o", NULL, 0), -EINVAL);
	assert_int_equal(control_bulk_path(&b, "o", issues, 101), -EINVAL);
	assert_int_equal(b.len, 0); /* no path was begun */
	assert_int_equal(control_bulk_path(&b, "o", issues, 1), 0);
	assert_string_equal(b.data, ISSUES "?id=5");
	buf_done(&b);
	issues[1] = &odd;
	assert_int_equal(control_bulk_path(&b, "o/x", issues, 2), 0);
	assert_string_equal(b.data, "organizations/o%2Fx/issues/?id=5&id=6%26query%3Dis%3Aunresolved");
	buf_done(&b);
	assert_int_equal(control_bulk_path(&b, "o", issues, 100), 0);
	buf_done(&b);
	buf_init(&b, 20);
	assert_int_equal(control_bulk_path(&b, "o", issues, 100), -EFBIG);
	buf_done(&b);
}

/* WEB-1 to WEB-n, whose ids are 100001 and on. */
static void many(struct fixture *f, unsigned n)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, 16 << 20);
	for (unsigned i = 1; i <= n; i++)
		buf_printf(&b,
			   "%c{\"id\":\"%u\",\"shortId\":\"WEB-%u\",\"project\":{\"slug\":\"web\"},\"status\":"
			   "\"unresolved\",\"substatus\":\"ongoing\",\"hasSeen\":false,\"assignedTo\":null,"
			   "\"numComments\":0}",
			   i == 1 ? '[' : ',', 100000 + i, i);
	buf_puts(&b, "]");
	buf_addc(&b, '\0');
	begin_with(f, b.data);
}

#define LOOK ISSUES "?project=7&limit=100&"
#define LOOK_END "groupStatsPeriod=&collapse=filtered&collapse=unhandled"

/* The newest request looks at these issues of many()'s; it is answered with each of them, with `members` in
 * the place of theirs, but for `missing`. */
static void looked(struct fixture *f, unsigned from, unsigned to, unsigned missing, const char *members)
{
	cleanup_buf struct buf url = {0}, rows = {0};

	buf_init(&url, 1 << 20);
	buf_init(&rows, 1 << 20);
	buf_puts(&url, LOOK);
	buf_addc(&rows, '[');
	for (unsigned i = from; i <= to; i++) {
		buf_printf(&url, "group=%u&", 100000 + i);
		if (i != missing)
			buf_printf(&rows, "%s{\"id\":\"%u\",\"shortId\":\"WEB-%u\",\"project\":{\"slug\":\"web\"},%s}",
				   rows.len > 1 ? "," : "", 100000 + i, i, members);
	}
	buf_puts(&url, LOOK_END);
	buf_addc(&url, '\0');
	buf_puts(&rows, "]");
	buf_addc(&rows, '\0');
	script_asked(&f->script, f->script.n - 1, url.data);
	answer(f, 200, rows.data);
}

static struct node *bulk(struct fixture *f, const char *name)
{
	return entry(f, entry(f, f->issues, ".bulk"), name);
}

static void last_error_is(struct fixture *f, const char *want)
{
	struct node *n = bulk(f, "last-error");

	assert_string_equal(text_of(f, n), want);
}

static void test_one_request(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 4);
	handle_free(save(&f, &r, bulk(&f, "status"),
			 "WEB-1 resolved\nweb-2\tresolved\n\n 4  unresolved \nWEB-3 resolved\n"));
	/* by its number one is looked up */
	script_asked(&f.script, 3, ISSUES "4/");
	answer(&f, 200,
	       "{\"id\":\"100004\",\"shortId\":\"WEB-4\",\"project\":{\"slug\":\"web\"},\"status\":\"resolved\"}");
	sent(&f, "PUT", ISSUES "?id=100001&id=100002&id=100003", "{\"status\":\"resolved\"}");
	answer(&f, 200, "{\"status\":\"resolved\",\"statusDetails\":{}}");
	waits(&r);
	looked(&f, 1, 3, 0, "\"status\":\"resolved\",\"statusDetails\":{}");
	succeeded(&r);
	last_error_is(&f, "WEB-1\tok\nweb-2\tok\n4\tok\nWEB-3\tok\n"); /* as they were written */
	reads(&f, f.issue, "status", "resolved\n");
	assert_false(is_listed(&f, f.issues, "WEB-3"));
	assert_true(is_listed(&f, f.issues, "WEB-4"));
	assert_int_equal(f.script.n, 6);
	end(&f);
}

/* Lines of one value go together, in the order of the first of each. */
static void test_values(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 5);
	handle_free(save(&f, &r, bulk(&f, "assignedTo"),
			 "WEB-1 jane@x.org\nWEB-2 user:7\nWEB-3 jane@x.org\nWEB-4 none\nWEB-5 two words\n"));
	sent(&f, "PUT", ISSUES "?id=100001&id=100003", "{\"assignedTo\":\"jane@x.org\"}");
	answer(&f, 400, "{\"assignedTo\":[\"Unknown actor input\"]}");
	sent(&f, "PUT", ISSUES "?id=100002", "{\"assignedTo\":\"user:7\"}");
	answer(&f, 200, "{\"assignedTo\":{\"type\":\"user\",\"id\":\"7\"}}");
	looked(&f, 2, 2, 0, "\"assignedTo\":{\"type\":\"user\",\"id\":\"7\"}");
	failed(&r, -EINVAL);
	last_error_is(&f, "WEB-1\tEINVAL HTTP 400: assignedTo: Unknown actor input\nWEB-2\tok\n"
			  "WEB-3\tEINVAL HTTP 400: assignedTo: Unknown actor input\nWEB-4\tok\n"
			  "WEB-5\tEINVAL one name is taken, without spaces\n");
	assert_int_equal(f.script.n, 6);
	end(&f);
}

/* Every line that cannot be one is told, the others are sent. */
static void test_bad_lines(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 2);
	handle_free(save(&f, &r, bulk(&f, "status"),
			 "WEB-1\nWEB-1 bogus\n? resolved\nWEB-9 resolved\nAPP-1 resolved\nWEB-2 resolved\n"));
	script_asked(&f.script, 3, ISSUES "WEB-9/");
	answer(&f, 404, "{}");
	script_asked(&f.script, 4, ISSUES "APP-1/");
	answer(&f, 200,
	       "{\"id\":\"9\",\"shortId\":\"APP-1\",\"project\":{\"slug\":\"app\"},\"status\":\"unresolved\"}");
	sent(&f, "PUT", ISSUES "?id=100002", "{\"status\":\"resolved\"}");
	answer(&f, 200, "{\"status\":\"resolved\"}");
	looked(&f, 2, 2, 0, "\"status\":\"resolved\"");
	failed(&r, -EINVAL);
	last_error_is(&f,
		      "WEB-1\tEINVAL a line is written SHORT-ID VALUE\nWEB-1\tEINVAL that is not a status\n"
		      "?\tEINVAL a line is written SHORT-ID VALUE\n"
		      "WEB-9\tENOENT No such file or directory\nAPP-1\tEXDEV Invalid cross-device link\nWEB-2\tok\n");
	assert_int_equal(f.script.n, 7);
	end(&f);
}

/* Nothing to send is nothing sent. */
static void test_nothing(void **state)
{
	static const char *const texts[] = {"WEB-1 unresolved\nWEB-2 unresolved\n", "WEB-1 bogus\n",
					    "nothing at all\n"};
	static const int errors[] = {0, -EINVAL, -EINVAL};
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 2);
	for (size_t i = 0; i < 3; i++) {
		handle_free(save(&f, &r, bulk(&f, "status"), texts[i]));
		failed(&r, errors[i]);
	}
	handle_free(save(&f, &r, bulk(&f, "status"), "\n \n"));
	failed(&r, -EINVAL);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		n++;
	return n;
}

/* At most 100 a request, and every one of them by its id. */
static void test_hundreds(void **state)
{
	struct fixture f;
	struct script_reply r;
	cleanup_buf struct buf lines = {0};
	size_t ids = 0;

	(void)state;
	many(&f, 250);
	buf_init(&lines, 1 << 20);
	for (unsigned i = 1; i <= 250; i++)
		buf_printf(&lines, "WEB-%u true\n", i);
	buf_addc(&lines, '\0');
	handle_free(save(&f, &r, bulk(&f, "hasSeen"), lines.data));
	for (unsigned i = 0; i < 3; i++) {
		const struct script_transfer *put = &f.script.transfers[f.script.n - 1];

		assert_string_equal(put->body, "{\"hasSeen\":true}");
		assert_int_equal(count(put->url, "id="), i < 2 ? 100 : 50);
		ids += count(put->url, "id=1");
		waits(&r);
		/* the second is refused */
		answer(&f, i == 1 ? 500 : 200, i == 1 ? "{}" : "{\"hasSeen\":true}");
		if (i != 1)
			looked(&f, i * 100 + 1, i < 2 ? i * 100 + 100 : 250, 0, "\"hasSeen\":true");
	}
	assert_int_equal(ids, 250);
	failed(&r, -EIO);
	reads(&f, f.issue, "hasSeen", "true\n");
	reads(&f, entry(&f, f.issues, "WEB-101"), "hasSeen", "false\n");
	reads(&f, entry(&f, f.issues, "WEB-201"), "hasSeen", "true\n");
	assert_int_equal(f.script.n, 8);
	end(&f);
}

#define IGNORED ",\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\""

/* Another kind of ignored: unresolved first, of the same issues. */
static void test_two_steps(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin_with(
		&f,
		"[" ISSUE_WITH("5", "WEB-1", ",\"status\":\"ignored\",\"substatus\":\"archived_forever\"") "," ISSUE_WITH(
			"6", "WEB-2",
			UNRESOLVED) "," ISSUE_WITH("7", "WEB-3",
						   ",\"status\":\"ignored\",\"substatus\":\"archived_forever\"") "]");
	handle_free(save(&f, &r, bulk(&f, "status"), "WEB-1 ignored\nWEB-2 ignored\nWEB-3 ignored\n"));
	sent(&f, "PUT", ISSUES "?id=5&id=7", "{\"status\":\"unresolved\"}");
	answer(&f, 200, "{\"status\":\"unresolved\"}");
	sent(&f, "PUT", ISSUES "?id=5&id=7", "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}");
	answer(&f, 200, "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}");
	/* one look, at the end of both */
	script_asked(&f.script, f.script.n - 1, LOOK "group=5&group=7&" LOOK_END);
	answer(&f, 200, "[" ISSUE_WITH("7", "WEB-3", IGNORED) "," ISSUE_WITH("5", "WEB-1", IGNORED) "]");
	sent(&f, "PUT", ISSUES "?id=6", "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}");
	answer(&f, 204, "");
	failed(&r, -ENOENT);
	last_error_is(&f, "WEB-1\tok\nWEB-2\tENOENT the server found no such issue\nWEB-3\tok\n");
	end(&f);
}

/* In a list of issues a missing value is a mistake, also where an empty one means nobody. */
static void test_no_value(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin_with(&f, "[" ISSUE_WITH("5", "WEB-1", ",\"assignedTo\":{\"type\":\"user\",\"id\":\"7\"}") "]");
	handle_free(save(&f, &r, bulk(&f, "assignedTo"), "WEB-1\n"));
	failed(&r, -EINVAL);
	last_error_is(&f, "WEB-1\tEINVAL a line is written SHORT-ID VALUE\n");
	assert_int_equal(f.script.n, 3);
	handle_free(save(&f, &r, bulk(&f, "assignedTo"), "WEB-1 none\n"));
	sent(&f, "PUT", ISSUES "?id=5", "{\"assignedTo\":\"\"}");
	answer(&f, 200, "{\"assignedTo\":null}");
	answer(&f, 200, "[" ISSUE_WITH("5", "WEB-1", ",\"assignedTo\":null") "]");
	succeeded(&r);
	end(&f);
}

/* The requests are not in the order of the lines, so one issue has one value. */
static void test_twice(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 2);
	handle_free(save(&f, &r, bulk(&f, "status"),
			 "WEB-1 resolved\nWEB-1 unresolved\nWEB-2 resolved\nweb-1 resolved\nWEB-1 ignored\n"));
	sent(&f, "PUT", ISSUES "?id=100001&id=100002", "{\"status\":\"resolved\"}");
	answer(&f, 200, "{\"status\":\"resolved\"}");
	looked(&f, 1, 2, 0, "\"status\":\"resolved\"");
	failed(&r, -EINVAL);
	last_error_is(&f, "WEB-1\tok\nWEB-1\tEINVAL a line before this one has another value for the issue\n"
			  "WEB-2\tok\nweb-1\tok\n"
			  "WEB-1\tEINVAL a line before this one has another value for the issue\n");
	assert_int_equal(f.script.n, 5);
	end(&f);
}

/* What came of each line is told, whoever still waits. */
static void test_interrupted(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct handle *h;
	struct op *op;

	(void)state;
	many(&f, 2);
	h = open_as(&f, bulk(&f, "status"), O_WRONLY);
	write_at(&f, &r, h->node, h, STR("WEB-1 resolved\nWEB-2 ignored\n"), 0);
	op = flush(&f, &r, h);
	op_interrupt(op);
	op_tick(&f.mount);
	failed(&r, -EINTR);
	handle_free(h);
	answer(&f, 500, "{}");
	answer(&f, 200, "{\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"}");
	looked(&f, 2, 2, 0, "\"status\":\"ignored\",\"substatus\":\"archived_until_escalating\"");
	last_error_is(&f, "WEB-1\tEIO HTTP 500: \nWEB-2\tok\n");
	assert_int_equal(f.script.n, 6);
	end(&f);
}

/* A scope that is missing is learnt here too. */
static void test_scope(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 1);
	f.mount.access = (struct access){0};
	handle_free(save(&f, &r, bulk(&f, "status"), "WEB-1 resolved\n"));
	answer(&f, 403, "{\"detail\":\"You do not have permission\"}");
	failed(&r, -EACCES);
	assert_false(access_may(&f.mount.access, &f.options, NEED_WRITE));
	end(&f);
}

/* What was told of the issues before is asked for anew, and an issue that nothing else
 * knows of is not forgotten at once. */
static void test_seen(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 1);
	script_run(&f.mount, &r, verb_open, f.details, NULL);
	answer(&f, 200, "{\"old\":1}");
	handle_free(r.handle);
	handle_free(save(&f, &r, bulk(&f, "status"), "WEB-1 resolved\nWEB-9 resolved\n"));
	script_asked(&f.script, 4, ISSUES "WEB-9/");
	answer(&f, 200, ISSUE_WITH("9", "WEB-9", UNRESOLVED));
	sent(&f, "PUT", ISSUES "?id=100001&id=9", "{\"status\":\"resolved\"}");
	answer(&f, 200, "{\"status\":\"resolved\"}");
	/* a look that fails takes nothing back from what the server said */
	script_asked(&f.script, f.script.n - 1, LOOK "group=100001&group=9&" LOOK_END);
	answer(&f, 400, "{}");
	succeeded(&r);
	assert_int_equal(f.script.n, 7);
	reads(&f, entry(&f, f.issues, "WEB-9"), "status", "resolved\n");
	assert_int_equal(f.script.n, 7);
	script_run(&f.mount, &r, verb_open, f.details, NULL);
	script_asked(&f.script, 7, ISSUES "WEB-1/");
	answer(&f, 200, "{\"new\":1}");
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	script_run(&f.mount, &r, verb_open, entry(&f, entry(&f, f.issues, "WEB-9"), "details.json"), NULL);
	script_asked(&f.script, 8, ISSUES "WEB-9/");
	answer(&f, 200, "{\"new\":9}");
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	end(&f);
}

/* A line of an issue that another change is under way of waits for that. */
static void test_waits(void **state)
{
	struct fixture f;
	struct script_reply one, all;

	(void)state;
	many(&f, 2);
	write_to(&f, &one, entry(&f, f.issue, "status"), "resolved");
	handle_free(save(&f, &all, bulk(&f, "status"), "WEB-2 resolved\nWEB-1 resolved\n"));
	assert_int_equal(f.script.n, 4);
	answer(&f, 200, "{\"status\":\"resolved\"}");
	wrote(&one, 8);
	/* it is so already */
	sent(&f, "PUT", ISSUES "?id=100002", "{\"status\":\"resolved\"}");
	answer(&f, 200, "{\"status\":\"resolved\"}");
	looked(&f, 2, 2, 0, "\"status\":\"resolved\"");
	succeeded(&all);
	assert_int_equal(f.script.n, 6);
	end(&f);
}

/* The server skips ids that it does not have, and says nothing of it. */
static void test_skipped(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 3);
	handle_free(save(&f, &r, bulk(&f, "status"), "WEB-1 resolved\nWEB-2 resolved\nWEB-3 resolved\n"));
	answer(&f, 200, "{\"status\":\"resolved\",\"substatus\":null}");
	looked(&f, 1, 3, 2, "\"status\":\"resolved\",\"substatus\":null");
	failed(&r, -ENOENT);
	last_error_is(&f, "WEB-1\tok\nWEB-2\tENOENT the server has no such issue: it may have been deleted or merged\n"
			  "WEB-3\tok\n");
	reads(&f, entry(&f, f.issues, "WEB-2"), "status", "unresolved\n");
	/* what is being deleted is still listed by its id */
	handle_free(save(&f, &r, bulk(&f, "status"), "WEB-2 resolved\n"));
	answer(&f, 200, "{\"status\":\"resolved\"}");
	looked(&f, 2, 2, 0, "\"status\":\"pending_deletion\"");
	failed(&r, -ENOENT);
	end(&f);
}

/* It says of all what it did to the last, and skips whose project the user is no member of. */
static void test_not_shown(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 2);
	handle_free(save(&f, &r, bulk(&f, "hasSeen"), "WEB-1 1\nWEB-2 1\n"));
	answer(&f, 200, "{\"hasSeen\":true}");
	looked(&f, 1, 2, 0, "\"hasSeen\":false");
	failed(&r, -EOPNOTSUPP);
	last_error_is(&f, "WEB-1\tEOPNOTSUPP the server took the request, but does not show the value\n"
			  "WEB-2\tEOPNOTSUPP the server took the request, but does not show the value\n");
	reads(&f, f.issue, "hasSeen", "false\n");
	/* and the other way round: its answer does not show it, the issues do */
	handle_free(save(&f, &r, bulk(&f, "hasSeen"), "WEB-1 1\nWEB-2 1\n"));
	answer(&f, 200, "{}");
	looked(&f, 1, 2, 0, "\"hasSeen\":true");
	succeeded(&r);
	last_error_is(&f, "WEB-1\tok\nWEB-2\tok\n");
	reads(&f, f.issue, "hasSeen", "true\n");
	end(&f);
}

/* No answer came: each issue tells. */
static void test_uncertain(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	many(&f, 2);
	handle_free(save(&f, &r, bulk(&f, "hasSeen"), "WEB-1 1\nWEB-2 1\n"));
	answer(&f, 504, "<html>");
	looked(&f, 1, 2, 0, "\"hasSeen\":true");
	succeeded(&r);
	last_error_is(&f, "WEB-1\tok\nWEB-2\tok\n");
	handle_free(save(&f, &r, bulk(&f, "hasSeen"), "WEB-1 0\nWEB-2 0\n"));
	answer(&f, 504, "<html>");
	looked(&f, 1, 2, 1, "\"hasSeen\":true");
	failed(&r, -ENOENT);
	assert_int_equal(f.script.n, 7);
	/* the row is doubted: what it shows is not believed */
	handle_free(save(&f, &r, bulk(&f, "hasSeen"), "WEB-1 1\n"));
	sent(&f, "PUT", ISSUES "?id=100001", "{\"hasSeen\":true}");
	answer(&f, 504, "<html>");
	answer(&f, 500, "{}");
	failed(&r, -EIO);
	last_error_is(&f, "WEB-1\tEIO HTTP 504: an HTML page, not an answer of the API; it is not known whether this "
			  "was done: look before you try again\n");
	end(&f);
}

static void test_too_many(void **state)
{
	struct fixture f;
	struct script_reply r;
	cleanup_buf struct buf lines = {0};

	(void)state;
	many(&f, 1);
	buf_init(&lines, 1 << 20);
	for (unsigned i = 0; i < 10001; i++)
		buf_puts(&lines, "WEB-1 resolved\n");
	buf_addc(&lines, '\0');
	handle_free(save(&f, &r, bulk(&f, "status"), lines.data));
	failed(&r, -EFBIG);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

/* ---- merge ---- */

static void test_merge(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *merge;

	(void)state;
	many(&f, 4);
	merge = entry(&f, f.issue, "merge");
	/* what was known of it before is not its name's any more */
	script_run(&f.mount, &r, verb_open, entry(&f, entry(&f, f.issues, "WEB-2"), "details.json"), NULL);
	answer(&f, 200, "{\"id\":\"100002\",\"shortId\":\"WEB-2\",\"project\":{\"slug\":\"web\"}}");
	handle_free(r.handle);
	handle_free(save(&f, &r, merge, " WEB-2\nweb-3  WEB-2 WEB-1\n"));
	sent(&f, "PUT", ISSUES "?id=100001&id=100002&id=100003", "{\"merge\":1}");
	answer(&f, 200, "{\"merge\":{\"parent\":\"100001\",\"children\":[\"100002\",\"100003\"]}}");
	succeeded(&r);
	assert_false(is_listed(&f, f.issues, "WEB-2") || is_listed(&f, f.issues, "WEB-3"));
	assert_true(is_listed(&f, f.issues, "WEB-1") && is_listed(&f, f.issues, "WEB-4"));
	/* the merged-away name is a symlink to what the server has under it */
	script_run(&f.mount, &r, verb_lookup, f.issues, "WEB-2");
	script_asked(&f.script, 5, ISSUES "WEB-2/");
	answer(&f, 200, "{\"id\":\"100001\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"}}");
	assert_int_equal(r.form, REPLY_ENTRY);
	assert_true(S_ISLNK(r.entry.attr.st_mode));
	assert_int_equal(f.script.n, 6);
	/* none of them was there */
	handle_free(save(&f, &r, merge, "WEB-4\n"));
	answer(&f, 204, "");
	failed(&r, -ENOENT);
	assert_true(is_listed(&f, f.issues, "WEB-4"));
	end(&f);
}

/* Without an answer: who is left has the others. */
static void test_merge_uncertain(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *merge;

	(void)state;
	many(&f, 4);
	merge = entry(&f, f.issue, "merge");
	handle_free(save(&f, &r, merge, "WEB-2\n"));
	answer(&f, 502, "<html>");
	looked(&f, 1, 2, 0, "\"status\":\"unresolved\"");
	failed(&r, -EIO);
	last_error_has(&f, f.issue, "the server shows that it was not done");
	assert_true(is_listed(&f, f.issues, "WEB-2"));
	handle_free(save(&f, &r, merge, "WEB-2\n"));
	answer(&f, 502, "<html>");
	looked(&f, 1, 2, 2, "\"status\":\"unresolved\"");
	succeeded(&r);
	assert_false(is_listed(&f, f.issues, "WEB-2"));
	/* an id that is not there is left out, and that is said */
	handle_free(save(&f, &r, merge, "WEB-3 WEB-4\n"));
	answer(&f, 200, "{\"merge\":{\"parent\":\"100001\",\"children\":[\"100003\"]}}");
	failed(&r, -ENOENT);
	last_error_has(&f, f.issue, "left some of them out");
	assert_false(is_listed(&f, f.issues, "WEB-3"));
	assert_true(is_listed(&f, f.issues, "WEB-4"));
	assert_int_equal(f.script.n, 8);
	end(&f);
}

static void test_merge_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {{"WEB-1", -EINVAL}, {"", -EINVAL}, {"../x", -EINVAL}, {"WEB-1 WEB-1", -EINVAL}, {"WEB-", -EINVAL}};
	struct fixture f;
	struct script_reply r;
	struct node *merge;

	(void)state;
	many(&f, 2);
	merge = entry(&f, f.issue, "merge");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		handle_free(save(&f, &r, merge, *rows[i].text ? rows[i].text : "\n"));
		failed(&r, rows[i].error);
	}
	assert_int_equal(f.script.n, 3);
	handle_free(save(&f, &r, merge, "WEB-2 APP-7"));
	answer(&f, 200, "{\"id\":\"9\",\"shortId\":\"APP-7\",\"project\":{\"slug\":\"app\"}}");
	failed(&r, -EXDEV);
	last_error_has(&f, f.issue, "two projects");
	handle_free(save(&f, &r, merge, "WEB-2 WEB-9"));
	answer(&f, 404, "{}");
	failed(&r, -ENOENT);
	assert_int_equal(f.script.n, 5);
	end(&f);
}

static void test_merge_many(void **state)
{
	struct fixture f;
	struct script_reply r;
	cleanup_buf struct buf names = {0};

	(void)state;
	many(&f, 101);
	buf_init(&names, 4096);
	for (unsigned i = 2; i <= 101; i++)
		buf_printf(&names, "WEB-%u ", i);
	buf_addc(&names, '\0');
	handle_free(save(&f, &r, entry(&f, f.issue, "merge"), names.data));
	failed(&r, -EFBIG);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),	   cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_nothing),	   cmocka_unit_test(test_hundreds),
		cmocka_unit_test(test_two_steps),  cmocka_unit_test(test_waits),
		cmocka_unit_test(test_too_many),   cmocka_unit_test(test_no_value),
		cmocka_unit_test(test_twice),	   cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_scope),	   cmocka_unit_test(test_seen),
		cmocka_unit_test(test_merge),	   cmocka_unit_test(test_merge_refused),
		cmocka_unit_test(test_merge_many), cmocka_unit_test(test_merge_uncertain),
		cmocka_unit_test(test_skipped),	   cmocka_unit_test(test_not_shown),
		cmocka_unit_test(test_uncertain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
