// SPDX-License-Identifier: MIT
/*
 * Read-ahead over a scripted transport: which habits are seen, what is asked for ahead,
 * and that it gives way.
 */
#include "fixture.h"

#define N 30u /* issues, WEB-1 the first of the listing */
#define DOCUMENT "{\"title\":\"T\"}"

static const char plenty[] = "X-Sentry-Rate-Limit-Limit: 999\r\nX-Sentry-Rate-Limit-Remaining: 999\r\n"
			     "X-Sentry-Rate-Limit-Reset: 1767225650\r\n";
static const char scarce[] = "X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 2\r\n"
			     "X-Sentry-Rate-Limit-Reset: 1767225650\r\n";

static void begin_many(struct fixture *f)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, 65536);
	for (unsigned i = 1; i <= N; i++)
		buf_printf(&b,
			   "%s{\"id\":\"%u\",\"shortId\":\"WEB-%u\",\"project\":{\"slug\":\"web\"},\"title\":\"T\","
			   "\"count\":\"3\",\"numComments\":0,\"lastSeen\":\"2026-01-01T00:00:%02uZ\"}",
			   i == 1 ? "[" : ",", i + 100, i, 59 - i);
	buf_puts(&b, "]");
	buf_addc(&b, '\0');
	begin_with(f, b.data);
}

/* Answers all that is under way, and what then comes. */
static void answer_all(struct fixture *f, const char *headers, const char *body)
{
	for (size_t i = 0; i < f->script.n; i++)
		if (!f->script.transfers[i].ended && !f->script.transfers[i].cancelled)
			script_answer(&f->script, i, 200, headers, body);
	op_tick(&f->mount);
}

static struct node *file_of(struct fixture *f, unsigned issue, const char *name)
{
	char issue_name[32];
	struct node *dir;

	snprintf(issue_name, sizeof(issue_name), "WEB-%u", issue);
	dir = entry(f, f->issues, issue_name);
	return entry(f, dir, name);
}

static void opened(const struct script_reply *r)
{
	assert_int_equal(r->form, REPLY_OPENED);
	handle_free(r->handle);
}

/* Reads the file of the issue; how many requests that sent. */
static size_t reads_of(struct fixture *f, unsigned issue, const char *name)
{
	struct script_reply r;
	size_t n = f->script.n;

	script_run(&f->mount, &r, verb_open, file_of(f, issue, name), NULL);
	n = f->script.n - n;
	answer_all(f, plenty, DOCUMENT);
	opened(&r);
	return n;
}

static size_t steps(struct fixture *f, unsigned issue)
{
	return reads_of(f, issue, "details.json");
}

static int by_name(const void *a, const void *b)
{
	char x[16], y[16];

	snprintf(x, sizeof(x), "WEB-%u", *(const unsigned *)a);
	snprintf(y, sizeof(y), "WEB-%u", *(const unsigned *)b);
	return strcmp(x, y);
}

/* The window opens from the third step in each of the three orders, and no issue is asked
 * for twice. */
static void test_orders(void **state)
{
	static const size_t sent_by_step[] = {1, 1, 5, 5, 9, 1, 1};

	(void)state;
	for (int order = 0; order < 3; order++) {
		unsigned issues[N];
		struct fixture f;

		for (unsigned i = 0; i < N; i++)
			issues[i] = order == 2 ? N - i : i + 1;
		if (order == 1)
			qsort(issues, N, sizeof(*issues), by_name);
		begin_many(&f);
		for (unsigned i = 0; i < N; i++) {
			size_t n = steps(&f, issues[i]);

			if (i < sizeof(sent_by_step) / sizeof(*sent_by_step) && n != sent_by_step[i])
				fail_msg("order %d, step %u: %zu requests", order, i, n);
		}
		assert_int_equal(f.script.n, 3 + N);
		for (size_t i = 3; i < f.script.n; i++)
			for (size_t k = 3; k < i; k++)
				assert_string_not_equal(f.script.transfers[i].url, f.script.transfers[k].url);
		/* from memory */
		for (unsigned i = 0; i < N; i++)
			assert_int_equal(steps(&f, issues[i]), 0);
		end(&f);
	}
}

static void test_out_of_order(void **state)
{
	struct fixture f;

	(void)state;
	begin_many(&f);
	for (unsigned i = 1; i <= 3; i++)
		steps(&f, i);
	assert_int_equal(f.script.n, 3 + 7);
	assert_int_equal(steps(&f, 20), 1);
	assert_int_equal(steps(&f, 22), 1);
	assert_int_equal(steps(&f, 12), 1);
	/* a new habit, from there on */
	assert_int_equal(steps(&f, 13), 1);
	assert_int_equal(steps(&f, 14), 5);
	end(&f);
}

static void test_random(void **state)
{
	static const unsigned issues[] = {17, 3, 29, 8, 22, 11, 1, 25};
	struct fixture f;

	(void)state;
	begin_many(&f);
	for (size_t i = 0; i < sizeof(issues) / sizeof(*issues); i++)
		assert_int_equal(steps(&f, issues[i]), 1);
	end(&f);
}

/* Two readers of the same file do not make a habit, and two files are two habits. */
static void test_kinds(void **state)
{
	struct fixture f;

	(void)state;
	begin_many(&f);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(steps(&f, 4), i == 0);
	assert_int_equal(steps(&f, 5), 1);
	assert_int_equal(reads_of(&f, 5, "activity.jsonl"), 0); /* of the same request */
	assert_int_equal(steps(&f, 6), 5);
	assert_int_equal(reads_of(&f, 6, "activity.jsonl"), 0);
	end(&f);
}

/* The end of the listing is the end of the window; what we deleted is passed over. */
static void test_end(void **state)
{
	struct fixture f;
	struct item *gone;

	(void)state;
	begin_many(&f);
	gone = item_find(&f.mount.cache.items, "o/issue", STR("WEB-29"));
	assert_non_null(gone);
	assert_int_equal(item_set_gone(gone, ITEM_DELETED, f.script.clock.now), 0);
	steps(&f, 26);
	steps(&f, 27);
	assert_int_equal(steps(&f, 28), 2);
	assert_int_equal(steps(&f, 30), 0);
	end(&f);
}

/* Ahead gives way at a low remainder; who comes to wait for it makes it hurry. */
static void test_hurry(void **state)
{
	struct fixture f;
	struct script_reply r;
	size_t n;

	(void)state;
	begin_many(&f);
	steps(&f, 1);
	steps(&f, 2);
	/* the next answer leaves a fifth alone */
	script_run(&f.mount, &r, verb_open, file_of(&f, 20, "details.json"), NULL);
	answer_all(&f, scarce, DOCUMENT);
	opened(&r);
	steps(&f, 10);
	script_run(&f.mount, &r, verb_open, file_of(&f, 11, "details.json"), NULL);
	answer_all(&f, scarce, DOCUMENT);
	opened(&r);
	n = f.script.n;
	script_run(&f.mount, &r, verb_open, file_of(&f, 12, "details.json"), NULL);
	assert_int_equal(f.script.n, n + 1);
	script_asked(&f.script, n, "organizations/o/issues/WEB-12/");
	answer_all(&f, scarce, DOCUMENT);
	opened(&r);
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, n + 1); /* WEB-13 to WEB-16 wait */
	script_run(&f.mount, &r, verb_open, file_of(&f, 13, "details.json"), NULL);
	waits(&r);
	api_tick(&f.mount.api);
	assert_int_equal(f.script.n, n + 2);
	script_asked(&f.script, n + 1, "organizations/o/issues/WEB-13/");
	answer_all(&f, scarce, DOCUMENT);
	opened(&r);
	end(&f);
}

/* What fails ahead is asked for again by who needs it, and says nothing before. */
static void test_failure_ahead(void **state)
{
	struct fixture f;
	struct script_reply r;
	size_t n;

	(void)state;
	begin_many(&f);
	steps(&f, 1);
	steps(&f, 2);
	script_run(&f.mount, &r, verb_open, file_of(&f, 3, "details.json"), NULL);
	n = f.script.n;
	for (size_t i = n - 5; i < n; i++)
		if (strstr(f.script.transfers[i].url, "WEB-3/"))
			script_answer(&f.script, i, 200, plenty, DOCUMENT);
		else
			script_answer(&f.script, i, 500, plenty, "{}");
	op_tick(&f.mount);
	opened(&r);
	f.script.clock.now += 10;
	script_run(&f.mount, &r, verb_open, file_of(&f, 4, "details.json"), NULL);
	waits(&r);
	answer_all(&f, plenty, DOCUMENT);
	opened(&r);
	end(&f);
}

/* ---- events ---- */

#define EVENTS "organizations/o/issues/5/events/"
#define PAGE_AT(n) EVENTS "?full=1&per_page=100&cursor=0%3A" #n "%3A0"

static void put_events(struct buf *b, unsigned from, unsigned n, bool full)
{
	buf_init(b, 1 << 20);
	buf_puts(b, "[");
	for (unsigned i = from; i < from + n; i++)
		buf_printf(b, "%s{\"eventID\":\"%032x\",\"id\":\"%032x\",\"dateCreated\":\"2026-01-01T00:00:00Z\"%s}",
			   i > from ? "," : "", i + 1, i + 1, full ? ",\"entries\":[]" : "");
	buf_puts(b, "]");
	buf_addc(b, '\0');
}

static void begin_events(struct fixture *f, unsigned n)
{
	cleanup_buf struct buf b = {0};

	begin(f);
	put_events(&b, 0, n, false);
	listed(f, f->events, b.data);
}

static struct node *event(struct fixture *f, unsigned i)
{
	char name[64];

	snprintf(name, sizeof(name), "%032x.json", i + 1);
	return entry(f, f->events, name);
}

static void is_event(const struct script *s, size_t at, unsigned i)
{
	char path[256];

	snprintf(path, sizeof(path), EVENTS "%032x/", i + 1);
	script_asked(s, at, path);
}

/* The first body comes alone. */
static void first_body(struct fixture *f, unsigned i)
{
	struct script_reply r;
	size_t n = f->script.n;

	script_run(&f->mount, &r, verb_open, event(f, i), NULL);
	assert_int_equal(f->script.n, n + 1);
	is_event(&f->script, n, i);
	answer_all(f, plenty, DOCUMENT);
	opened(&r);
}

static void from_memory(struct fixture *f, unsigned i)
{
	size_t n = f->script.n;
	char id[64];

	snprintf(id, sizeof(id), "%032x", i + 1);
	assert_non_null(strstr(text_of(f, event(f, i)), id));
	assert_int_equal(f->script.n, n);
}

static void answer_page(struct fixture *f, size_t at, unsigned from, unsigned n)
{
	cleanup_buf struct buf b = {0};

	put_events(&b, from, n, true);
	script_answer(&f->script, at, 200, plenty, b.data);
	op_tick(&f->mount);
}

static void test_page(void **state)
{
	struct fixture f;
	struct script_reply r;
	size_t n;

	(void)state;
	begin_events(&f, 30);
	first_body(&f, 3);
	n = f.script.n;
	script_run(&f.mount, &r, verb_open, event(&f, 17), NULL);
	assert_int_equal(f.script.n, n + 1);
	script_asked(&f.script, n, PAGE_AT(0));
	answer_page(&f, n, 0, 30);
	opened(&r);
	for (unsigned i = 0; i < 30; i++)
		if (i != 3)
			from_memory(&f, i);
	assert_int_equal(f.script.n, n + 1);
	end(&f);
}

/* A server that puts ten on a page: the reader's is learnt, and the pages behind come. */
static void test_smaller_page(void **state)
{
	struct fixture f;
	struct script_reply r;
	size_t n;

	(void)state;
	begin_events(&f, 30);
	first_body(&f, 0);
	n = f.script.n;
	script_run(&f.mount, &r, verb_open, event(&f, 1), NULL);
	script_asked(&f.script, n, PAGE_AT(0));
	answer_page(&f, n, 0, 10);
	opened(&r);
	assert_int_equal(f.mount.ahead.page, 10);
	assert_int_equal(f.script.n, n + 3);
	script_asked(&f.script, n + 1, PAGE_AT(10));
	script_asked(&f.script, n + 2, PAGE_AT(20));
	answer_page(&f, n + 1, 10, 10);
	answer_page(&f, n + 2, 20, 10);
	for (unsigned i = 1; i < 30; i++)
		from_memory(&f, i);
	assert_int_equal(f.script.n, n + 3);
	end(&f);
}

/* The event that is wanted lies behind the page that the server gave. */
static void test_page_without_it(void **state)
{
	struct fixture f;
	struct script_reply r;
	size_t n;

	(void)state;
	begin_events(&f, 30);
	first_body(&f, 0);
	n = f.script.n;
	script_run(&f.mount, &r, verb_open, event(&f, 25), NULL);
	script_asked(&f.script, n, PAGE_AT(0));
	answer_page(&f, n, 0, 10);
	assert_int_equal(r.form, REPLY_NONE);
	for (size_t i = n + 1; i < f.script.n; i++)
		if (strstr(f.script.transfers[i].url, "full=1"))
			answer_page(&f, i, i == n + 1 ? 10 : 20, 10);
	answer_all(&f, plenty, "{\"eventID\":\"0000000000000000000000000000001a\"}");
	opened(&r);
	end(&f);
}

static void test_failing_page(void **state)
{
	static const long statuses[] = {400, 403, 404, 500};

	(void)state;
	for (size_t s = 0; s < sizeof(statuses) / sizeof(*statuses); s++) {
		struct fixture f;
		struct script_reply r;
		size_t n;

		begin_events(&f, 30);
		first_body(&f, 0);
		n = f.script.n;
		script_run(&f.mount, &r, verb_open, event(&f, 1), NULL);
		script_asked(&f.script, n, PAGE_AT(0));
		script_answer(&f.script, n, statuses[s], plenty, "{}");
		op_tick(&f.mount);
		waits(&r);
		assert_int_equal(f.script.n, n + 2);
		is_event(&f.script, n + 1, 1);
		answer_all(&f, plenty, DOCUMENT);
		opened(&r);
		end(&f);
	}
}

/* Answers what is under way, each with three events of the issue that it asks for. */
static void answer_events(struct fixture *f)
{
	for (size_t i = 0; i < f->script.n; i++) {
		const char *at = strstr(f->script.transfers[i].url, "/issues/");
		cleanup_buf struct buf b = {0};

		if (f->script.transfers[i].ended)
			continue;
		assert_non_null(at);
		put_events(&b, (unsigned)strtoul(at + strlen("/issues/"), NULL, 10) * 10, 3, strstr(at, "full=1"));
		script_answer(&f->script, i, 200, plenty, strstr(at, "/events/?") ? b.data : DOCUMENT);
	}
	op_tick(&f->mount);
}

/* Lists the events of the issue and reads them all; how many requests that sent. */
static size_t reads_events(struct fixture *f, unsigned issue)
{
	struct node *events = file_of(f, issue, "events");
	struct script_reply r;
	size_t n = f->script.n;

	script_run(&f->mount, &r, verb_opendir, events, NULL);
	answer_events(f);
	opened(&r);
	for (unsigned i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%032x.json", (issue + 100) * 10 + i + 1);
		script_run(&f->mount, &r, verb_open, entry(f, events, name), NULL);
		answer_events(f);
		opened(&r);
	}
	return f->script.n - n;
}

/* The events of one issue after another: a listing and a page an issue, both ahead. */
static void test_events_of_siblings(void **state)
{
	struct fixture f;

	(void)state;
	begin_many(&f);
	assert_int_equal(reads_events(&f, 1), 3); /* the listing, a body, a page */
	assert_int_equal(reads_events(&f, 2), 3);
	assert_int_equal(reads_events(&f, 3), 2 + 4 + 4);
	assert_int_equal(reads_events(&f, 4), 5 + 5);
	for (unsigned i = 5; i <= N; i++)
		reads_events(&f, i);
	assert_int_equal(f.script.n, 3 + 2 * N + 2);
	end(&f);
}

static size_t links(struct fixture *f, const char *name, unsigned i)
{
	struct script_reply r;
	size_t n = f->script.n;
	char want[64];

	snprintf(want, sizeof(want), "%032x.json", i + 1);
	script_run(&f->mount, &r, verb_readlink, entry(f, f->events, name), NULL);
	if (r.form == REPLY_NONE) {
		char body[128];

		snprintf(body, sizeof(body), "{\"eventID\":\"%032x\"}", i + 1);
		answer_all(f, plenty, body);
	}
	assert_int_equal(r.form, REPLY_TEXT);
	assert_string_equal(r.text, want);
	return f->script.n - n;
}

static void test_links(void **state)
{
	struct fixture f;

	(void)state;
	begin_events(&f, 30);
	assert_int_equal(links(&f, "latest.json", 0), 0);
	assert_int_equal(links(&f, "oldest.json", 29), 0);
	assert_int_equal(links(&f, "recommended.json", 4), 1);
	end(&f);

	begin_events(&f, 1);
	assert_int_equal(links(&f, "recommended.json", 0), 0);
	end(&f);
}

/* A list that is older than it may be tells it while the issue's row has no newer event, which costs one look at
 * the issues' listing for all of them. */
static void test_links_later(void **state)
{
	static const char *const lists[] = {
		"[{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"lastSeen\":\"2026-01-01T00:00:"
		"00Z\"}]",
		"[{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"lastSeen\":\"2026-01-01T00:00:"
		"31Z\"}]",
	};
	struct script_reply r;
	struct fixture f;
	char want[64];

	(void)state;
	for (size_t newer = 0; newer < 2; newer++) {
		size_t n;

		begin_with(&f, lists[0]);
		{
			cleanup_buf struct buf b = {0};

			put_events(&b, 0, 30, false);
			listed(&f, f.events, b.data);
		}
		n = f.script.n;
		f.script.clock.now += 31000;
		assert_int_equal(links(&f, "oldest.json", 29), 0);
		snprintf(want, sizeof(want), "%032x.json", newer ? 77 : 1);
		script_run(&f.mount, &r, verb_readlink, entry(&f, f.events, "latest.json"), NULL);
		assert_int_equal(r.form, REPLY_NONE);
		assert_int_equal(f.script.n, n + 1);
		script_asked(&f.script, n, LIST);
		script_answer(&f.script, n, 200, NULL, lists[newer]);
		op_tick(&f.mount);
		assert_int_equal(f.script.n, n + 1 + newer);
		if (newer) {
			script_asked(&f.script, n + 1, EVENTS "latest/");
			script_answer(&f.script, n + 1, 200, NULL,
				      "{\"eventID\":\"0000000000000000000000000000004d\"}");
			op_tick(&f.mount);
		}
		assert_int_equal(r.form, REPLY_TEXT);
		assert_string_equal(r.text, want);
		end(&f);
	}
}

/* Of a listing that was cut the oldest is not known. */
static void test_links_of_a_part(void **state)
{
	cleanup_buf struct buf b = {0};
	struct script_reply r;
	struct fixture f;

	(void)state;
	begin(&f);
	f.options.max_events = 10;
	put_events(&b, 0, 10, false);
	script_run(&f.mount, &r, verb_opendir, f.events, NULL);
	script_page(&f.script, f.script.n - 1, "0:10:0", b.data);
	op_tick(&f.mount);
	opened(&r);
	assert_int_equal(links(&f, "latest.json", 0), 0);
	assert_int_equal(links(&f, "oldest.json", 99), 1);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),	      cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_random),	      cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_end),	      cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_failure_ahead), cmocka_unit_test(test_page),
		cmocka_unit_test(test_smaller_page),  cmocka_unit_test(test_page_without_it),
		cmocka_unit_test(test_failing_page),  cmocka_unit_test(test_events_of_siblings),
		cmocka_unit_test(test_links),	      cmocka_unit_test(test_links_of_a_part),
		cmocka_unit_test(test_links_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
