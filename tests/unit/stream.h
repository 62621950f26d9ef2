// SPDX-License-Identifier: MIT
/*
 * A small server that pages as Sentry's issue stream does, by time, and whose issues move
 * while they are listed; and a listing of it, to be looked at.
 */
#ifndef SENTRYFS_TEST_STREAM_H
#define SENTRYFS_TEST_STREAM_H

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

static inline void on_done(void *arg, struct lister_end *end)
{
	struct fixture *f = arg;

	f->ends++;
	f->error = end->error;
	f->lister = NULL;
	listing_unref(f->listing);
	f->listing = end->listing;
	end->listing = NULL;
}

static inline void on_progress(void *arg)
{
	((struct fixture *)arg)->progress++;
}

/* The newest issue is WEB-n. */
static inline struct fixture *begin(size_t n)
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

static inline void end(struct fixture *f)
{
	lister_cancel(f->lister);
	listing_unref(f->listing);
	cache_done(&f->cache);
	api_done(&f->api);
	script_done(&f->script);
	free(f);
}

static inline void list(struct fixture *f, size_t max, struct listing *known)
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

static inline int newest_first(const void *a, const void *b)
{
	const struct issue *x = a, *y = b;

	if (x->last != y->last)
		return x->last < y->last ? 1 : -1;
	return x->id < y->id ? 1 : -1;
}

static inline struct issue *issue_of(struct fixture *f, unsigned id)
{
	for (size_t i = 0; i < f->server.n; i++)
		if (f->server.issues[i].id == id)
			return &f->server.issues[i];
	fail_msg("no issue %u", id);
	return NULL;
}

static inline int64_t wall_ms(const struct fixture *f)
{
	return script_wall_s(&f->script.clock) * 1000 + f->script.clock.now % 1000;
}

static inline void moves_up(struct fixture *f, unsigned id)
{
	issue_of(f, id)->last = wall_ms(f);
}

static inline void put_issue(struct buf *b, const struct issue *i, bool nameless)
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
static inline bool cursor_of(const struct fixture *f, size_t i, char *text, size_t n)
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

static inline size_t seek(const struct server *s, long long value, long long ties)
{
	size_t at = 0;

	while (at < s->n && s->issues[at].last > value)
		at++;
	return at + (size_t)ties;
}

/* Answers the i-th request with what there is now. */
static inline void serve(struct fixture *f, size_t i)
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

static inline bool is_open(const struct fixture *f, size_t i)
{
	return !f->script.transfers[i].ended && !f->script.transfers[i].cancelled;
}

static inline unsigned count_open(const struct fixture *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->script.n; i++)
		n += is_open(f, i);
	return n;
}

/* In which order requests that are under way at the same time are answered. */
enum order { FIRST, LAST, MIXED };

static inline size_t next_open(const struct fixture *f, enum order order)
{
	unsigned n = count_open(f), k;

	assert_true(n);
	k = order == FIRST ? 0 : order == LAST ? n - 1 : (unsigned)(f->served * 7 % n);
	for (size_t i = 0;; i++)
		if (is_open(f, i) && !k--)
			return i;
}

/* To the end; the most that were under way at once. */
static inline unsigned run(struct fixture *f, enum order order)
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
static inline void lists_all(struct fixture *f, size_t n)
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

static inline void lists(const struct fixture *f, size_t at, unsigned id)
{
	char name[32];

	snprintf(name, sizeof(name), "WEB-%u", id);
	assert_true(at < f->listing->n);
	assert_string_equal(f->listing->items[at]->name, name);
}

static inline void holds(const struct fixture *f, unsigned id, bool there)
{
	char name[32];

	snprintf(name, sizeof(name), "WEB-%u", id);
	assert_int_equal(map_get(&f->listing->by_name, str_of(name)) != NULL, there);
}

#endif
