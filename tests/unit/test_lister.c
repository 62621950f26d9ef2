// SPDX-License-Identifier: MIT
/*
 * Listings over a small server that pages as Sentry's issue stream does, by time, and
 * whose issues move while they are listed: in order, in parts side by side, by the head.
 */
#include <time.h>

#include "script.h"

#include "sentryfs/cache.h"

#define PATH "organizations/o/issues/?project=7"
#define ISSUES 6000
#define STEP_MS 7003 /* between two issues: none was last seen at a whole second */
#define NEWEST_MS ((SCRIPT_START_WALL - 60) * 1000 + 1)
#define PAGE 100

struct issue {
	unsigned id;
	int64_t last; /* ms */
	bool gone;
	bool urgent; /* its priority was changed by somebody */
};

enum cursors { SEEK, OPAQUE, OFFSET };

struct server {
	struct issue issues[ISSUES];
	size_t n;
	enum cursors cursors;
	bool refuses, ignores, empties; /* cursors that it did not make: 400, the first page, nothing */
	bool nameless;			/* the first entry of each page cannot be used */
	const char *hits;		/* X-Hits, or NULL */
	const char *limits;		/* more headers */
	unsigned made_up;		/* such cursors seen */
	size_t told;			/* of a list by offset: the last row that a cursor was given for */
	size_t later;			/* rows of its second page and those behind it, 0: as many as of the first */
};

struct fixture {
	struct script script;
	struct api api;
	struct cache cache; /* for its items; and all of it where a test wants so */
	struct lister *lister;
	struct lister_plan plan;
	struct listing *listing;
	struct server server;
	int error;
	unsigned ends, progress;
	size_t served; /* requests of which the answer was given */
};

static void on_done(void *arg, struct lister_end *end)
{
	struct fixture *f = arg;

	f->ends++;
	f->error = end->error;
	f->lister = NULL;
	listing_unref(f->listing);
	f->listing = end->listing;
	end->listing = NULL;
}

static void on_progress(void *arg)
{
	((struct fixture *)arg)->progress++;
}

/* The newest issue is WEB-n. */
static struct fixture *begin(size_t n)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	script_init(&f->script);
	assert_int_equal(api_init(&f->api, "https://h", "t0ken", 30, &f->script.clock.clock), 0);
	f->api.transport = &f->script.transport;
	cache_init(&f->cache, &f->api, 64 << 20);
	for (size_t i = 0; i < n; i++)
		f->server.issues[i] = (struct issue){.id = (unsigned)(n - i), .last = NEWEST_MS - (int64_t)i * STEP_MS};
	f->server.n = n;
	return f;
}

static void end(struct fixture *f)
{
	lister_cancel(f->lister);
	listing_unref(f->listing);
	cache_done(&f->cache);
	api_done(&f->api);
	script_done(&f->script);
	free(f);
}

static void list(struct fixture *f, size_t max, struct listing *known)
{
	f->plan = (struct lister_plan){.api = &f->api,
				       .items = &f->cache.items,
				       .key = PATH,
				       .scope = "o/issue",
				       .class = &item_issue,
				       .max = max,
				       .asked = f->script.clock.now,
				       .known = known};
	f->lister = lister_new(&f->plan, on_done, on_progress, f);
	assert_non_null(f->lister);
}

/* ---- the server ---- */

static int newest_first(const void *a, const void *b)
{
	const struct issue *x = a, *y = b;

	if (x->last != y->last)
		return x->last < y->last ? 1 : -1;
	return x->id < y->id ? 1 : -1;
}

static struct issue *issue_of(struct fixture *f, unsigned id)
{
	for (size_t i = 0; i < f->server.n; i++)
		if (f->server.issues[i].id == id)
			return &f->server.issues[i];
	fail_msg("no issue %u", id);
	return NULL;
}

static int64_t wall_ms(const struct fixture *f)
{
	return script_wall_s(&f->script.clock) * 1000 + f->script.clock.now % 1000;
}

static void moves_up(struct fixture *f, unsigned id)
{
	issue_of(f, id)->last = wall_ms(f);
}

static void put_issue(struct buf *b, const struct issue *i, bool nameless)
{
	time_t s = (time_t)(i->last / 1000);
	char when[64];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b,
		   "%s{\"id\":\"%u\",\"shortId\":\"%s%u\",\"project\":{\"slug\":\"web\"},\"lastSeen\":\"%s.%03dZ\","
		   "\"priority\":\"%s\"}",
		   b->len > 1 ? "," : "", i->id, nameless ? "/" : "WEB-", i->id, when, (int)(i->last % 1000),
		   i->urgent ? "high" : "low");
}

/* The cursor that the i-th request has; false: none. */
static bool cursor_of(const struct fixture *f, size_t i, char *text, size_t n)
{
	const char *at = strstr(f->script.transfers[i].url, "cursor=");

	if (!at)
		return false;
	at += strlen("cursor=");
	for (size_t k = 0; *at && k + 1 < n; k++) {
		text[k] = strncmp(at, "%3A", 3) ? *at : ':';
		text[k + 1] = '\0';
		at += strncmp(at, "%3A", 3) ? 1 : 3;
	}
	return true;
}

static size_t seek(const struct server *s, long long value, long long ties)
{
	size_t at = 0;

	while (at < s->n && s->issues[at].last > value)
		at++;
	return at + (size_t)ties;
}

/* Answers the i-th request with what there is now. */
static void serve(struct fixture *f, size_t i)
{
	struct server *s = &f->server;
	cleanup_buf struct buf body = {0}, headers = {0};
	char cursor[128];
	long long value = 0, ties = 0;
	size_t at = 0, n = 0, page = PAGE;
	bool by_row = s->cursors == OFFSET;

	qsort(s->issues, s->n, sizeof(*s->issues), newest_first);
	f->served++;
	if (cursor_of(f, i, cursor, sizeof(cursor))) {
		bool made_up;

		if (s->cursors == OPAQUE)
			assert_int_equal(sscanf(cursor, "cD%lld", &value), 1);
		else
			assert_int_equal(sscanf(cursor, "%lld:%lld:0", &value, &ties), 2);
		made_up = by_row ? (size_t)ties > s->told : s->cursors == SEEK && value % 1000 == 0;
		s->made_up += made_up;
		if (made_up && s->refuses) {
			script_answer(&f->script, i, 400, NULL, "{\"detail\":\"Invalid cursor parameter.\"}");
			return;
		}
		if (by_row && (!made_up || !s->ignores))
			at = (size_t)ties;
		else if (!by_row && (!made_up || !s->ignores))
			at = seek(s, value, ties);
		if (made_up && s->empties)
			at = s->n;
	}
	buf_init(&body, 1 << 20);
	buf_init(&headers, 4096);
	buf_addc(&body, '[');
	if (at && s->later)
		page = s->later;
	for (; at < s->n && n < page; at++, n++)
		if (!s->issues[at].gone)
			put_issue(&body, &s->issues[at], s->nameless && !n);
	buf_addc(&body, ']');
	buf_addc(&body, '\0');
	if (at < s->n) {
		long long last = s->issues[at].last;

		if (s->cursors == OPAQUE)
			snprintf(cursor, sizeof(cursor), "cD%lld", last);
		else if (s->cursors == OFFSET)
			snprintf(cursor, sizeof(cursor), "0:%zu:0", at);
		else
			snprintf(cursor, sizeof(cursor), "%lld:%zu:0", last, at - seek(s, last, 0));
		s->told = at > s->told ? at : s->told;
		buf_printf(&headers, "Link: <https://h/x>; rel=\"next\"; results=\"true\"; cursor=\"%s\"\r\n", cursor);
	}
	if (s->hits)
		buf_printf(&headers, "X-Hits: %s\r\n", s->hits);
	buf_puts(&headers, s->limits ? s->limits : "");
	buf_addc(&headers, '\0');
	script_answer(&f->script, i, 200, headers.data, body.data);
}

static bool is_open(const struct fixture *f, size_t i)
{
	return !f->script.transfers[i].ended && !f->script.transfers[i].cancelled;
}

static unsigned count_open(const struct fixture *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->script.n; i++)
		n += is_open(f, i);
	return n;
}

/* In which order requests that are under way at the same time are answered. */
enum order { FIRST, LAST, MIXED };

static size_t next_open(const struct fixture *f, enum order order)
{
	unsigned n = count_open(f), k;

	assert_true(n);
	k = order == FIRST ? 0 : order == LAST ? n - 1 : (unsigned)(f->served * 7 % n);
	for (size_t i = 0;; i++)
		if (is_open(f, i) && !k--)
			return i;
}

/* To the end; the most that were under way at once. */
static unsigned run(struct fixture *f, enum order order)
{
	unsigned most = 0, ends = f->ends;

	while (f->ends == ends) {
		unsigned open = count_open(f);

		most = open > most ? open : most;
		f->script.clock.now += 50;
		assert_true(f->script.clock.now < SCRIPT_START_MS + 3600000);
		if (open)
			serve(f, next_open(f, order));
		else
			api_tick(&f->api); /* all of them wait for a new window */
	}
	assert_int_equal(count_open(f), 0);
	return most;
}

/* The listing is what the server has, in its order, from the newest on. */
static void lists_all(struct fixture *f, size_t n)
{
	struct server *s = &f->server;
	size_t k = 0;

	assert_int_equal(f->error, 0);
	assert_non_null(f->listing);
	qsort(s->issues, s->n, sizeof(*s->issues), newest_first);
	for (size_t i = 0; i < s->n && k < n; i++) {
		char name[32];

		if (s->issues[i].gone)
			continue;
		snprintf(name, sizeof(name), "WEB-%u", s->issues[i].id);
		assert_true(k < f->listing->n);
		assert_string_equal(f->listing->items[k++]->name, name);
	}
	assert_int_equal(f->listing->n, k);
	assert_int_equal(k, n);
}

static void lists(const struct fixture *f, size_t at, unsigned id)
{
	char name[32];

	snprintf(name, sizeof(name), "WEB-%u", id);
	assert_true(at < f->listing->n);
	assert_string_equal(f->listing->items[at]->name, name);
}

static void holds(const struct fixture *f, unsigned id, bool there)
{
	char name[32];

	snprintf(name, sizeof(name), "WEB-%u", id);
	assert_int_equal(map_get(&f->listing->by_name, str_of(name)) != NULL, there);
}

/* ---- in order ---- */

static void test_in_order(void **state)
{
	static const size_t counts[] = {0, 1, 99, 100, 101, 250, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		size_t n = counts[i], pages = n ? (n + PAGE - 1) / PAGE : 1;
		struct fixture *f = begin(n);

		list(f, 1000, NULL);
		for (size_t k = 0; k < pages; k++) {
			assert_int_equal(f->script.n, k + 1);
			assert_int_equal(f->progress, k);
			assert_int_equal(f->ends, 0);
			serve(f, k);
		}
		assert_int_equal(f->ends, 1);
		assert_int_equal(f->script.n, pages);
		assert_false(f->listing->cut);
		lists_all(f, n);
		end(f);
	}
}

static void test_max(void **state)
{
	static const struct {
		size_t n, max, pages;
		bool cut;
	} table[] = {{500, 250, 3, true}, {500, 300, 3, true},	{500, 500, 5, false},  {500, 501, 5, false},
		     {500, 1, 1, true},	  {100, 100, 1, false}, {1100, 1000, 10, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f = begin(table[i].n);

		list(f, table[i].max, NULL);
		run(f, FIRST);
		assert_int_equal(f->script.n, table[i].pages);
		assert_int_equal(f->listing->cut, table[i].cut);
		lists_all(f, table[i].max < table[i].n ? table[i].max : table[i].n);
		end(f);
	}
}

/* An issue that moved down between two pages comes with both, and is one: also of the
 * maximum. */
static void test_moved_between_pages(void **state)
{
	struct fixture *f = begin(500);

	(void)state;
	list(f, 200, NULL);
	serve(f, 0);
	for (unsigned id = 480; id < 485; id++)
		issue_of(f, id)->last = NEWEST_MS - 150 * STEP_MS - id;
	run(f, FIRST);
	assert_int_equal(f->listing->n, 200);
	assert_true(f->listing->cut);
	assert_int_equal(f->script.n, 3);
	lists(f, 16, 484); /* where it came first */
	for (unsigned id = 301; id <= 500; id++)
		holds(f, id, true);
	end(f);
}

static void test_error(void **state)
{
	struct fixture *f = begin(500);

	(void)state;
	list(f, 1000, NULL);
	serve(f, 0);
	script_answer(&f->script, 1, 403, NULL, "{}");
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->error, -EACCES);
	assert_null(f->listing);
	list(f, 1000, NULL);
	script_answer(&f->script, 2, 200, NULL, "{\"no\":\"list\"}");
	assert_int_equal(f->ends, 2);
	assert_int_equal(f->error, -EBADMSG);
	end(f);
}

/* A server whose pages never end. */
static void test_pages_max(void **state)
{
	struct fixture *f = begin(0);

	(void)state;
	list(f, 100000, NULL);
	while (!f->ends)
		script_page(&f->script, f->script.n - 1, "cDx", "[]");
	assert_int_equal(f->error, 0);
	assert_int_equal(f->script.n, 2200);
	assert_int_equal(f->listing->n, 0);
	assert_true(f->listing->cut);
	end(f);
}

/* ---- in parts ---- */

/* Each part that was made up begins at a whole second. */
static bool is_made_up(const struct fixture *f, size_t i)
{
	char cursor[128] = "";
	long long value, ties;

	if (!cursor_of(f, i, cursor, sizeof(cursor)) || sscanf(cursor, "%lld:%lld:0", &value, &ties) != 2 ||
	    value % 1000)
		return false;
	assert_int_equal(ties, 0);
	assert_true(value < NEWEST_MS);
	return true;
}

static unsigned count_made_up(const struct fixture *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->script.n; i++)
		n += is_made_up(f, i);
	return n;
}

static void test_parts(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++) {
		struct fixture *f = begin(4000);
		unsigned most;

		list(f, 20000, NULL);
		serve(f, 0);
		assert_int_equal(count_open(f), 24);
		assert_true(count_made_up(f) >= 23);
		most = run(f, (enum order)o);
		assert_int_equal(most, 24);
		lists_all(f, 4000);
		assert_false(f->listing->cut);
		assert_true(f->script.n <= 82);
		assert_true(f->server.made_up >= 12);
		end(f);
	}
}

/* As many round trips as a tenth of the pages, where all answers take as long. */
static void test_rounds(void **state)
{
	struct fixture *f = begin(6000);
	unsigned rounds = 0;

	(void)state;
	f->server.hits = "6000";
	list(f, 20000, NULL);
	while (!f->ends) {
		size_t n = f->script.n;

		f->script.clock.now += 50;
		rounds++;
		for (size_t i = 0; i < n; i++)
			if (is_open(f, i))
				serve(f, i);
	}
	lists_all(f, 6000);
	assert_true(rounds <= 8);
	assert_true(f->script.n <= 66);
	end(f);
}

static void test_parts_max(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++) {
		struct fixture *f = begin(5000);

		list(f, 2050, NULL);
		run(f, (enum order)o);
		lists_all(f, 2050);
		assert_true(f->listing->cut);
		assert_true(f->script.n <= 21 + 24 + 12);
		end(f);
	}
}

/* Issues that get a new event while they are listed: each is there once. */
static void test_parts_moving(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++) {
		struct fixture *f = begin(3000);
		unsigned id = 0;

		list(f, 20000, NULL);
		while (!f->ends) {
			f->script.clock.now += 20;
			if (f->served && f->served % 3 == 0 && id + 211 < 3000)
				moves_up(f, id += 211);
			serve(f, next_open(f, (enum order)o));
		}
		assert_int_equal(f->error, 0);
		assert_int_equal(f->listing->n, 3000);
		for (unsigned k = 1; k <= 3000; k++)
			holds(f, k, true);
		end(f);
	}
}

/* So many move that the last look at the head is of several pages, between which more do. */
static void test_many_moving(void **state)
{
	struct fixture *f = begin(3000);
	unsigned draw = 1;

	(void)state;
	list(f, 20000, NULL);
	while (!f->ends) {
		for (unsigned i = 0; i < 30; i++) {
			f->script.clock.now++;
			draw = (draw * 1103515245 + 12345) & 0x7fffffff;
			moves_up(f, draw / 8 % 3000 + 1);
		}
		serve(f, next_open(f, FIRST));
	}
	assert_int_equal(f->error, 0);
	assert_int_equal(f->listing->n, 3000);
	end(f);
}

/* The same where the parts cannot be: what moved up is at the top. */
static void test_serial_moving(void **state)
{
	struct fixture *f = begin(1500);

	(void)state;
	f->server.cursors = OPAQUE;
	list(f, 20000, NULL);
	for (size_t i = 0; i < 5; i++)
		serve(f, i);
	f->script.clock.now += 61000;
	moves_up(f, 7);
	run(f, FIRST);
	assert_int_equal(f->server.made_up, 0);
	assert_int_equal(f->script.n, 16);
	lists_all(f, 1500);
	lists(f, 0, 7);
	end(f);
}

/* All issues of the parts lie in the older half: a part that is late gives of it away. */
static void test_late_part(void **state)
{
	struct fixture *f = begin(3000);
	struct server *s = &f->server;
	size_t slow, before;

	(void)state;
	for (size_t i = 0; i < s->n; i++) /* from the 200th on ten times as dense, after a pause of a day */
		if (i >= 200)
			s->issues[i].last = NEWEST_MS - 86400000 - (int64_t)i * 701;
	list(f, 20000, NULL);
	serve(f, 0);
	before = f->script.n;
	slow = 1;
	while (count_open(f) > 1) {
		f->script.clock.now += 50;
		for (size_t i = 0; i < f->script.n && count_open(f) > 1; i++)
			if (is_open(f, i) && i != slow)
				serve(f, i);
	}
	assert_true(f->script.n > before);
	assert_int_equal(f->ends, 0);
	run(f, FIRST);
	lists_all(f, 3000);
	end(f);
}

/* Not more parts than the limit makes use of: 5 a second, and an answer takes 200 ms. */
static void test_parts_limited(void **state)
{
	static const struct {
		unsigned limit, took;
		unsigned most;
	} table[] = {{5, 200, 2}, {10, 495, 10}, {5, 10, 1}, {5, 95, 1}, {999, 500, 24}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f = begin(1500);
		char limits[256];

		snprintf(limits, sizeof(limits),
			 "X-Sentry-Rate-Limit-Limit: %u\r\nX-Sentry-Rate-Limit-Remaining: %u\r\n"
			 "X-Sentry-Rate-Limit-Reset: %lld\r\n",
			 table[i].limit, table[i].limit, (long long)SCRIPT_START_WALL + 1);
		f->server.limits = limits;
		list(f, 20000, NULL);
		f->script.clock.now += table[i].took;
		serve(f, 0);
		assert_int_equal(count_open(f), table[i].most);
		assert_int_equal(run(f, FIRST), table[i].most);
		lists_all(f, 1500);
		end(f);
	}
}

static void test_not_worth_it(void **state)
{
	static const struct {
		const char *hits;
		enum cursors cursors;
		size_t n, max;
		bool parts;
	} table[] = {{"999", SEEK, 950, 20000, false},	   {"1000", SEEK, 1200, 20000, true},
		     {NULL, SEEK, 1200, 20000, true},	   {"many", SEEK, 1200, 20000, true},
		     {"1200", OPAQUE, 1200, 20000, false}, {"1200", OFFSET, 1200, 20000, false},
		     {"1200", SEEK, 1200, 1000, false},	   {"1200", SEEK, 1200, 1001, true},
		     {"5000", SEEK, 80, 20000, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f = begin(table[i].n);
		unsigned most;

		f->server.hits = table[i].hits;
		f->server.cursors = table[i].cursors;
		list(f, table[i].max, NULL);
		most = run(f, FIRST);
		assert_int_equal(most > 1, table[i].parts);
		assert_int_equal(f->server.made_up > 0, table[i].parts);
		lists_all(f, table[i].n < table[i].max ? table[i].n : table[i].max);
		end(f);
	}
}

/* A server that refuses cursors of others, and ones that answer them with the first page or
 * with nothing: whichever part answers first, the listing is whole. */
static void test_fall_back(void **state)
{
	(void)state;
	for (int o = FIRST; o <= MIXED; o++)
		for (unsigned how = 0; how < 3; how++) {
			struct fixture *f = begin(2500);

			f->server.refuses = how == 0;
			f->server.ignores = how == 1;
			f->server.empties = how == 2;
			list(f, 20000, NULL);
			run(f, (enum order)o);
			assert_true(f->server.made_up >= 1);
			lists_all(f, 2500);
			assert_false(f->listing->cut);
			end(f);
		}
}

/* The first part has come to its end before another turns out to be none. */
static void test_late_fall_back(void **state)
{
	for (size_t max = 700; max <= 20000; max += 19300) {
		struct fixture *f = begin(2500);

		(void)state;
		f->server.refuses = true;
		list(f, max + 1000, NULL);
		serve(f, 0);
		for (size_t i = 1; i < f->script.n; i++)
			if (is_open(f, i) && !is_made_up(f, i))
				serve(f, i);
		assert_int_equal(f->server.made_up, 0);
		assert_true(count_open(f) > 0);
		run(f, FIRST);
		lists_all(f, max + 1000 < 2500 ? max + 1000 : 2500);
		assert_int_equal(f->listing->cut, max == 700);
		end(f);
	}
}

/* Entries that cannot be used say nothing of where a page begins. */
static void test_nameless(void **state)
{
	struct fixture *f = begin(2500);

	(void)state;
	f->server.nameless = true;
	list(f, 20000, NULL);
	serve(f, 0);
	assert_int_equal(count_open(f), 24);
	run(f, FIRST);
	assert_int_equal(f->error, 0);
	assert_true(f->listing->n > 2400);
	end(f);

	f = begin(2500);
	f->server.nameless = f->server.ignores = true;
	list(f, 20000, NULL);
	run(f, LAST);
	assert_int_equal(f->error, 0);
	assert_true(f->listing->n >= 2500 - 27);
	end(f);
}

static void test_part_fails(void **state)
{
	struct fixture *f = begin(3000);

	(void)state;
	list(f, 20000, NULL);
	serve(f, 0);
	serve(f, 3);
	script_answer(&f->script, 5, 403, NULL, "{\"detail\":\"no\"}");
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->error, -EACCES);
	assert_null(f->listing);
	assert_int_equal(count_open(f), 0);
	end(f);
}

static void test_cancel(void **state)
{
	struct fixture *f = begin(3000);

	(void)state;
	list(f, 20000, NULL);
	lister_cancel(f->lister);
	assert_int_equal(count_open(f), 0);
	list(f, 20000, NULL);
	serve(f, 1);
	serve(f, 4);
	serve(f, 2);
	assert_true(count_open(f) > 10);
	lister_cancel(f->lister);
	f->lister = NULL;
	assert_int_equal(count_open(f), 0);
	assert_int_equal(f->ends, 0);
	lister_cancel(NULL);
	end(f);
}

/* ---- by the head ---- */

/* Has the listing, as of now, and then a quarter of an hour passes. */
static struct listing *known(struct fixture *f, size_t max)
{
	list(f, max, NULL);
	run(f, FIRST);
	f->script.clock.now += 900000;
	return listing_ref(f->listing);
}

static void test_head(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	size_t n = f->script.n;

	(void)state;
	moves_up(f, 3);
	f->script.clock.now += 2000;
	moves_up(f, 400);
	f->server.issues[f->server.n++] = (struct issue){.id = 501, .last = wall_ms(f) - 1000};
	f->script.clock.now += 2000;
	list(f, 20000, k);
	serve(f, n);
	assert_int_equal(f->script.n, n + 1);
	lists_all(f, 501);
	lists(f, 0, 400);
	lists(f, 1, 501);
	lists(f, 2, 3);
	lists(f, 3, 500);
	assert_false(f->listing->cut);
	assert_int_equal(f->listing->asked, k->asked);
	listing_unref(k);
	end(f);
}

/* What should be in the head and is not has left; what we deleted or merged is not kept. */
static void test_head_leaves(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	struct item *i;

	(void)state;
	issue_of(f, 500)->gone = true; /* within the overlap */
	issue_of(f, 300)->gone = true; /* behind it: stays until all is asked for */
	i = map_get(&k->by_name, STR("WEB-200"));
	assert_int_equal(item_set_gone(i, ITEM_DELETED, f->script.clock.now), 0);
	i = map_get(&k->by_name, STR("WEB-199"));
	assert_int_equal(item_set_gone(i, ITEM_MERGED, f->script.clock.now), 0);
	list(f, 20000, k);
	run(f, FIRST);
	holds(f, 500, false);
	holds(f, 300, true);
	holds(f, 200, false);
	holds(f, 199, false);
	assert_int_equal(f->listing->n, 497);
	listing_unref(k);
	end(f);
}

/* A head that does not end is all there is. */
static void test_head_without_end(void **state)
{
	struct fixture *f = begin(800);
	struct listing *k = known(f, 20000);
	size_t n = f->script.n;

	(void)state;
	for (unsigned id = 1; id <= 700; id++)
		issue_of(f, id)->last = wall_ms(f) - id;
	issue_of(f, 750)->gone = true;
	list(f, 20000, k);
	run(f, FIRST);
	lists_all(f, 799);
	assert_int_equal(f->script.n, n + 8);
	assert_int_equal(f->listing->asked, f->plan.asked);
	listing_unref(k);
	end(f);
}

static void test_head_max(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 300);

	(void)state;
	assert_true(k->cut);
	moves_up(f, 1);
	list(f, 300, k);
	run(f, FIRST);
	lists_all(f, 300);
	assert_true(f->listing->cut);
	listing_unref(k);
	end(f);

	/* full for the first time */
	f = begin(300);
	k = known(f, 300);
	assert_false(k->cut);
	f->server.issues[f->server.n++] = (struct issue){.id = 301, .last = wall_ms(f)};
	list(f, 300, k);
	run(f, FIRST);
	lists_all(f, 300);
	assert_true(f->listing->cut);
	listing_unref(k);
	end(f);
}

/* Of a listing of one page the head is all. */
static void test_head_of_a_page(void **state)
{
	struct fixture *f = begin(100);
	struct listing *k = known(f, 20000);

	(void)state;
	issue_of(f, 1)->gone = true;
	list(f, 20000, k);
	run(f, FIRST);
	assert_int_equal(f->script.n, 2);
	lists_all(f, 99);
	listing_unref(k);
	end(f);
}

/* What a change of ours told of one issue does not move the time from which on the head
 * is asked for: others came before that, and are seen. */
static void test_head_after_a_change(void **state)
{
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	struct timespec wall;
	char delta[256];
	struct item *i;

	(void)state;
	f->server.issues[f->server.n++] = (struct issue){.id = 501, .last = wall_ms(f) - 600000};
	f->api.clock->wall(f->api.clock, &wall);
	i = map_get(&k->by_name, STR("WEB-100"));
	snprintf(delta, sizeof(delta), "{\"id\":\"100\",\"lastSeen\":\"2026-01-01T00:14:30Z\"}");
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	issue_of(f, 100)->last = (SCRIPT_START_WALL + 870) * 1000;
	f->script.clock.now += 20000;
	list(f, 20000, k);
	run(f, FIRST);
	lists_all(f, 501);
	listing_unref(k);
	end(f);
}

/* An issue that we changed a moment ago keeps its row, and its old time with it: that does
 * not end the head, nor a part. */
static void test_held_issue(void **state)
{
	static const char delta[] = "{\"status\":\"resolved\"}";
	struct timespec wall = {0};
	struct listing *k;
	struct fixture *f = begin(800);
	struct item *i;

	(void)state;
	k = known(f, 20000);
	i = map_get(&k->by_name, STR("WEB-100"));
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	for (unsigned id = 1; id <= 120; id++)
		issue_of(f, id)->last = wall_ms(f) - (id == 100 ? 0 : id);
	f->script.clock.now += 1000;
	list(f, 20000, k);
	run(f, FIRST);
	assert_int_equal(f->listing->n, 800);
	for (unsigned id = 1; id <= 120; id++)
		holds(f, id, true);
	listing_unref(k);
	end(f);

	f = begin(3000);
	k = known(f, 20000);
	i = map_get(&k->by_name, STR("WEB-3"));
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	moves_up(f, 3);
	list(f, 20000, NULL);
	run(f, FIRST);
	lists_all(f, 3000);
	listing_unref(k);
	end(f);
}

/* Told of by a change that was answered after the head was asked for: it has not left. */
static void test_changed_meanwhile(void **state)
{
	static const char delta[] = "{\"id\":\"100\",\"lastSeen\":\"2026-01-01T00:15:00Z\"}";
	struct timespec wall = {0};
	struct fixture *f = begin(500);
	struct listing *k = known(f, 20000);
	struct item *i = map_get(&k->by_name, STR("WEB-100"));

	(void)state;
	list(f, 20000, k);
	f->script.clock.now += 10;
	assert_int_equal(item_apply(i, str_of(delta), f->script.clock.now, &wall), 0);
	run(f, FIRST);
	assert_int_equal(f->listing->n, 500);
	holds(f, 100, true);
	listing_unref(k);
	end(f);
}

/* ---- through the cache ---- */

static void on_waiter(struct waiter *w)
{
	(void)w;
}

/* Asks the cache for the listing, fetched to its end; how many requests that took. */
static size_t ask(struct fixture *f)
{
	struct waiter w = {.settled = on_waiter, .progress = on_waiter};
	struct cache_want want = {.key = PATH,
				  .class = &item_issue,
				  .scope = "o/issue",
				  .max = 20000,
				  .fresh_ms = 30000,
				  .since = f->script.clock.now};
	struct resource *r = NULL;
	size_t n = f->script.n;
	int error;

	list_init(&w.link);
	error = cache_need(&f->cache, &want, &w, &r);
	while (error == -EINPROGRESS) {
		while (count_open(f))
			serve(f, next_open(f, FIRST));
		error = cache_need(&f->cache, &want, &w, &r);
	}
	assert_int_equal(error, 0);
	listing_unref(f->listing);
	f->listing = listing_ref(r->listing);
	return f->script.n - n;
}

static bool is_urgent(const struct fixture *f, const char *name)
{
	const struct item *i = map_get(&f->listing->by_name, str_of(name));

	assert_non_null(i);
	return str_has(blob_str(i->json), "high");
}

/* A change of a field, and a status change, a delete or a merge that take an issue out, are seen when all is
 * asked for. */
static void test_sweep(void **state)
{
	struct fixture *f = begin(600);

	(void)state;
	f->server.hits = "600";
	assert_int_equal(ask(f), 6);
	assert_int_equal(ask(f), 0);
	issue_of(f, 17)->gone = true;
	issue_of(f, 18)->gone = true;
	issue_of(f, 20)->urgent = true;
	for (unsigned i = 1; i < 10; i++) {
		f->script.clock.now += 30001;
		if (i == 5)
			moves_up(f, 300);
		assert_int_equal(ask(f), 1);
		assert_int_equal(f->listing->n, 600);
		assert_false(is_urgent(f, "WEB-20"));
	}
	lists(f, 0, 300);
	f->script.clock.now += 30001;
	assert_int_equal(ask(f), 6);
	lists_all(f, 598);
	assert_true(is_urgent(f, "WEB-20"));
	f->script.clock.now += 30001;
	assert_int_equal(ask(f), 1);
	/* after a change of ours that made it untrue, too */
	cache_outdate(&f->cache, PATH);
	issue_of(f, 19)->gone = true;
	assert_int_equal(ask(f), 6);
	lists_all(f, 597);
	end(f);
}

/* ---- by offset ---- */

static void list_rows(struct fixture *f, size_t n, size_t max, enum order order, unsigned *most)
{
	for (size_t i = 0; i < n; i++)
		f->server.issues[i] = (struct issue){.id = (unsigned)(n - i), .last = NEWEST_MS - (int64_t)i * STEP_MS};
	f->server.n = n;
	f->server.cursors = OFFSET;
	f->server.told = 0;
	f->plan = (struct lister_plan){.api = &f->api,
				       .items = &f->cache.items,
				       .key = "organizations/o/members/",
				       .scope = "members",
				       .class = &item_any,
				       .max = max,
				       .asked = f->script.clock.now};
	f->lister = lister_new(&f->plan, on_done, on_progress, f);
	assert_non_null(f->lister);
	*most = run(f, order);
	assert_int_equal(f->error, 0);
	assert_int_equal(f->listing->n, n < max ? n : max);
	for (size_t i = 0; i < f->listing->n; i++)
		assert_int_equal(strtoul(f->listing->items[i]->name, NULL, 10), n - i);
}

static void test_rows(void **state)
{
	static const struct {
		size_t n, max;
		unsigned least, requests, at_once;
		bool cut;
	} table[] = {
		{0, 1000, 1, 1, 1, false},	  {99, 1000, 1, 1, 1, false},	 {100, 1000, 1, 1, 1, false},
		{101, 1000, 2, 2, 1, false},	  {199, 1000, 2, 2, 1, false},	 {200, 1000, 3, 4, 2, false},
		{1000, 1000, 11, 11, 4, false},	  {1001, 1000, 11, 11, 4, true}, {950, 100000, 10, 13, 4, false},
		{2500, 100000, 26, 29, 4, false}, {5000, 250, 3, 3, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (enum order o = FIRST; o <= MIXED; o++) {
			struct fixture *f = begin(0);
			unsigned most;

			list_rows(f, table[i].n, table[i].max, o, &most);
			assert_int_equal(f->listing->cut, table[i].cut);
			assert_in_range(f->script.n, table[i].least, table[i].requests);
			assert_int_equal(most, table[i].at_once);
			end(f);
		}
}

/* A server that does not take the cursors that were foretold, or gives others. */
static void test_rows_fall_back(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++)
		for (enum order o = FIRST; o <= MIXED; o++) {
			struct fixture *f = begin(0);
			unsigned most;

			f->server.refuses = how == 0;
			f->server.ignores = how == 1;
			f->server.later = how == 2 ? 90 : 0;
			list_rows(f, 950, 100000, o, &most);
			assert_false(f->listing->cut);
			assert_true(f->script.n <= 10 + 1 + 2 * 4);
			end(f);
		}
}

/* Rows that move down a page between two answers come once. */
static void test_rows_moving(void **state)
{
	struct fixture *f = begin(0);
	unsigned most;

	(void)state;
	list_rows(f, 600, 100000, FIRST, &most);
	f->lister = lister_new(&f->plan, on_done, on_progress, f);
	assert_non_null(f->lister);
	for (unsigned ends = f->ends; f->ends == ends;) {
		f->server.issues[f->server.n] = (struct issue){.id = (unsigned)f->server.n + 1,
							       .last = NEWEST_MS + (int64_t)f->server.n * STEP_MS};
		f->server.n++;
		f->script.clock.now += 50;
		serve(f, next_open(f, MIXED));
	}
	assert_int_equal(f->error, 0);
	for (unsigned id = 1; id <= 600; id++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", id);
		assert_non_null(map_get(&f->listing->by_name, str_of(name)));
	}
	end(f);
}

/* ---- given while it comes ---- */

static void test_given_as_it_comes(void **state)
{
	struct fixture *f = begin(3000);
	struct listing *l = listing_new(0);
	size_t given = 0, turns = 0;
	unsigned ends = f->ends;

	(void)state;
	list(f, 5000, NULL);
	assert_int_equal(lister_give(f->lister, l, &given), 0);
	assert_int_equal(l->n, 0);
	while (f->ends == ends) {
		f->script.clock.now += 50;
		serve(f, next_open(f, MIXED));
		if (f->ends == ends)
			assert_int_equal(lister_give(f->lister, l, &given), 0);
		turns += l->n > 0 && l->n < 3000;
		for (size_t i = 0; i < l->n; i++) {
			char name[32];

			snprintf(name, sizeof(name), "WEB-%u", (unsigned)(3000 - i));
			assert_string_equal(l->items[i]->name, name);
		}
	}
	assert_true(turns > 5);
	assert_int_equal(l->asked, f->plan.asked);
	listing_unref(l);
	/* what is short comes whole */
	list(f, 1000, NULL);
	assert_int_equal(lister_give(f->lister, NULL, NULL), -ENOENT);
	run(f, FIRST);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_max),
		cmocka_unit_test(test_moved_between_pages),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_pages_max),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_parts_max),
		cmocka_unit_test(test_parts_moving),
		cmocka_unit_test(test_many_moving),
		cmocka_unit_test(test_serial_moving),
		cmocka_unit_test(test_late_part),
		cmocka_unit_test(test_parts_limited),
		cmocka_unit_test(test_not_worth_it),
		cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_late_fall_back),
		cmocka_unit_test(test_nameless),
		cmocka_unit_test(test_part_fails),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_head_leaves),
		cmocka_unit_test(test_head_without_end),
		cmocka_unit_test(test_head_max),
		cmocka_unit_test(test_head_of_a_page),
		cmocka_unit_test(test_head_after_a_change),
		cmocka_unit_test(test_held_issue),
		cmocka_unit_test(test_changed_meanwhile),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_fall_back),
		cmocka_unit_test(test_rows_moving),
		cmocka_unit_test(test_given_as_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
