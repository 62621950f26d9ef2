// SPDX-License-Identifier: MIT
/*
 * Sentry's API over a scripted transport: retries, limits, the table from status
 * to errno, and what is said of an error.
 */
#include "script.h"

#include "sentryfs/server.h"

struct fixture {
	struct script script;
	struct api api;
	unsigned answers;
	int error;
	long status;
	bool unrouted, unsent;
	char words[1024], cursor[256], body[256];
};

static void on_answer(void *arg, struct api_answer *a)
{
	struct fixture *f = arg;

	f->answers++;
	f->error = a->error;
	f->status = a->status;
	f->unrouted = a->unrouted;
	f->unsent = a->unsent;
	snprintf(f->words, sizeof(f->words), "%s", a->words);
	snprintf(f->cursor, sizeof(f->cursor), "%.*s", (int)a->cursor.n, a->cursor.n ? a->cursor.s : "");
	snprintf(f->body, sizeof(f->body), "%.*s", (int)a->body->len, a->body->len ? a->body->data : "");
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){0};
	script_init(&f->script);
	assert_int_equal(api_init(&f->api, "https://h", "t0ken", 30, &f->script.clock.clock), 0);
	f->api.transport = &f->script.transport;
}

static void end(struct fixture *f)
{
	api_done(&f->api);
	script_done(&f->script);
}

/* Who answers; *since as servers_online() tells it. */
static enum servers_online online(const struct fixture *f, int64_t *since)
{
	int64_t ignored;

	return servers_online(&f->api, since ? since : &ignored);
}

static struct api_call *send(struct fixture *f, const char *path, const char *cursor)
{
	return api_send(&f->api, &(struct api_request){.method = "GET", .path = path, .cursor = cursor}, on_answer, f);
}

static struct api_call *get(struct fixture *f, const char *path)
{
	struct api_call *c = send(f, path, NULL);

	assert_non_null(c);
	return c;
}

/* Moves the clock to just before `ms` from now, sees that nothing is sent, and on to it. */
static void wait_exactly(struct fixture *f, int64_t ms)
{
	size_t n = f->script.n;

	f->script.clock.now += ms - 1;
	assert_int_equal(api_tick(&f->api), 1);
	assert_int_equal(f->script.n, n);
	f->script.clock.now++;
	assert_int_equal(api_tick(&f->api), -1);
	assert_int_equal(f->script.n, n + 1);
}

static void test_good_answer(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	get(&f, "organizations/o/issues/?limit=1");
	script_asked(&f.script, 0, "organizations/o/issues/?limit=1");
	assert_int_equal(f.answers, 0);
	script_page(&f.script, 0, "1:2:0", "[1]");
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.error, 0);
	assert_int_equal(f.status, 200);
	assert_string_equal(f.cursor, "1:2:0");
	assert_string_equal(f.body, "[1]");
	end(&f);
}

static void test_a_token_that_is_said_back(void **state)
{
	char line[256];
	struct fixture f;

	(void)state;
	begin(&f);
	get(&f, "a/");
	script_answer(&f.script, 0, 403, NULL, "{\"detail\":\"t0ken t0ke t0kent0ken is not allowed\"}");
	assert_string_equal(f.words, "HTTP 403: ***** t0ke ********** is not allowed");
	get(&f, "a/");
	script_answer(&f.script, 1, 500, NULL, "Bearer t0ken\n");
	assert_string_equal(f.words, "HTTP 500: Bearer *****");
	/* where the words are cut, too */
	memset(line, 'z', 197);
	memcpy(line + 197, "t0ken", sizeof("t0ken"));
	get(&f, "a/");
	script_answer(&f.script, 2, 500, NULL, line);
	assert_string_equal(f.words + strlen(f.words) - 5, "zz***");
	get(&f, "a/");
	script_answer(&f.script, 3, 400, NULL, "{\"t0ken\":\"and \\u0074\\u0030ken\"}");
	assert_string_equal(f.words, "HTTP 400: *****: and *****");
	end(&f);
}

struct renewer {
	struct fixture *f;
	const char *token;
	unsigned asked;
};

static void on_renew(void *arg)
{
	struct renewer *r = arg;

	r->asked++;
	api_set_token(&r->f->api, r->token);
}

/* The transport sees each time that the token is `t0ken`: what it is is not the matter. */
static void test_a_refused_token_is_read_again(void **state)
{
	struct fixture f;
	struct renewer r = {.f = &f, .token = "t0ken"};

	(void)state;
	begin(&f);
	f.api.renew = on_renew;
	f.api.renew_arg = &r;
	get(&f, "a/");
	script_answer(&f.script, 0, 401, NULL, "{\"detail\":\"Invalid token\"}");
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.error, -EACCES);
	assert_non_null(strstr(f.words, "Invalid token; a new token is taken from its file"));
	assert_int_equal(r.asked, 1);

	/* two were sent with the old one: both go once more, and it is read once */
	assert_true(api_set_token(&f.api, "0ld"));
	f.api.transport = &f.script.transport;
	f.script.any_token = true;
	get(&f, "b/");
	get(&f, "c/");
	script_answer(&f.script, 1, 401, NULL, "");
	script_answer(&f.script, 2, 401, NULL, "");
	assert_int_equal(r.asked, 2);
	assert_int_equal(f.answers, 1);
	f.script.any_token = false;
	assert_int_equal(api_tick(&f.api), -1);
	assert_int_equal(f.script.n, 5);
	script_answer(&f.script, 3, 200, NULL, "{}");
	assert_int_equal(f.error, 0);
	/* and no more than once */
	script_answer(&f.script, 4, 401, NULL, "");
	assert_int_equal(f.answers, 3);
	assert_int_equal(f.error, -EACCES);
	assert_int_equal(r.asked, 2);
	assert_int_equal(api_tick(&f.api), -1);

	/* to be told that it is an old one is none of the three tries */
	assert_true(api_set_token(&f.api, "0ld"));
	f.script.any_token = true;
	get(&f, "d/");
	f.script.any_token = false;
	script_answer(&f.script, 5, 401, NULL, "");
	assert_int_equal(api_tick(&f.api), -1);
	for (size_t i = 6; i < 9; i++) {
		assert_int_equal(f.answers, 3);
		assert_int_equal(f.script.n, i + 1);
		script_answer(&f.script, i, 503, NULL, "");
		f.script.clock.now += 10000;
		api_tick(&f.api);
	}
	assert_int_equal(f.answers, 4);
	assert_int_equal(f.error, -EIO);
	assert_int_equal(f.script.n, 9);
	end(&f);
}

static void test_retries(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	get(&f, "organizations/o/");
	script_answer(&f.script, 0, 503, NULL, "");
	wait_exactly(&f, 200);
	script_answer(&f.script, 1, 502, NULL, "");
	wait_exactly(&f, 800);
	assert_int_equal(f.answers, 0);
	script_answer(&f.script, 2, 503, NULL, "");
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.error, -EIO);
	assert_int_equal(api_tick(&f.api), -1);
	assert_int_equal(f.script.n, 3);

	/* the first time at the address that is known, then it is looked up */
	get(&f, "organizations/o/");
	assert_false(f.script.transfers[3].anew);
	script_break(&f.script, 3, -ECONNRESET);
	assert_int_equal(online(&f, NULL), SERVERS_NONE);
	wait_exactly(&f, 200);
	assert_true(f.script.transfers[4].anew);
	script_answer(&f.script, 4, 200, NULL, "{}");
	assert_int_equal(f.answers, 2);
	assert_int_equal(f.error, 0);
	assert_int_equal(online(&f, NULL), SERVERS_ALL);

	get(&f, "organizations/o/");
	for (size_t i = 5; i < 8; i++) {
		script_break(&f.script, i, -ECONNRESET);
		f.script.clock.now += 1000;
		api_tick(&f.api);
	}
	assert_int_equal(f.script.n, 8);
	assert_int_equal(f.answers, 3);
	assert_int_equal(f.error, -ECONNRESET);
	assert_string_equal(f.words, "the line went dead");
	end(&f);
}

static void test_no_retry(void **state)
{
	static const long statuses[] = {301, 400, 401, 403, 404, 409, 410, 422, 500, 501};
	static const int errors[] = {-EFBIG, -ENOMEM, -ETIMEDOUT};
	struct fixture f;
	unsigned n = 0;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		get(&f, "organizations/o/");
		script_answer(&f.script, n++, statuses[i], NULL, "{}");
		assert_int_equal(f.answers, n);
		assert_int_equal(f.status, statuses[i]);
		assert_int_equal(f.error, api_status_to_errno(statuses[i]));
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		get(&f, "organizations/o/");
		script_break(&f.script, n++, errors[i]);
		assert_int_equal(f.answers, n);
		assert_int_equal(f.error, errors[i]);
	}
	/* to connect in vain for seconds is enough */
	get(&f, "organizations/o/");
	script_end(&f.script, n++,
		   &(struct http_response){.error = -EHOSTUNREACH, .words = "no route", .took_ms = 1001});
	assert_int_equal(f.answers, n);
	assert_int_equal(f.error, -EHOSTUNREACH);
	assert_true(f.unsent);
	assert_int_equal(f.script.n, n);
	end(&f);
}

/* What is told of a failure in .sentryfs/errors: not that something is not there. */
static void test_told(void **state)
{
	static const struct {
		long status;
		const char *body;
		bool unrouted;
	} table[] = {{404, "{\"detail\":\"gone\"}", false}, {404, "", true},   {404, " \n", true},
		     {404, "<html>404</html>", true},	    {404, "no", true}, {400, "", false}};
	cleanup_buf struct buf b = {0};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		get(&f, "organizations/o/");
		script_answer(&f.script, i, table[i].status, NULL, table[i].body);
		assert_int_equal(f.unrouted, table[i].unrouted);
		assert_false(f.unsent);
	}
	buf_init(&b, 4096);
	journal_show(&f.api.errors, &b);
	buf_addc(&b, '\0');
	assert_non_null(strstr(b.data, "GET organizations/o/: Invalid argument: HTTP 400"));
	assert_null(strstr(b.data, "404"));
	end(&f);
}

/* Each bucket of the server's has a count of its own. */
static void test_classes(void **state)
{
	static const struct {
		const char *method, *path;
		enum api_class class;
	} table[] = {
		{"GET", "organizations/o/issues/", API_ISSUE_LIST},
		{"GET", "organizations/o/issues/?limit=1", API_ISSUE_LIST},
		{"GET", "organizations/o/issues/5/", API_ISSUE},
		{"GET", "organizations/o/issues/5/?collapse=stats", API_ISSUE},
		{"GET", "organizations/o/issues/5/tags/url/", API_TAGS},
		{"GET", "organizations/o/issues/5/events/", API_GET},
		{"GET", "organizations/o/issues/5/events/?full=1", API_GET},
		{"GET", "organizations/o/issues/5/events/latest/", API_EVENT},
		{"GET", "organizations/o/issues/5/comments/", API_GET},
		{"GET", "projects/o/web/events/?full=1", API_PROJECT_EVENTS},
		{"GET", "organizations/o/", API_GET},
		{"PUT", "organizations/o/issues/5/", API_PUT},
		{"POST", "organizations/o/issues/5/comments/", API_POST},
		{"DELETE", "organizations/o/issues/5/", API_DELETE},
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct governor *g = &server_for(&f.api, "")->governors[table[i].class];

		assert_non_null(api_send(&f.api,
					 &(struct api_request){.method = table[i].method, .path = table[i].path},
					 on_answer, &f));
		if (g->running != 1)
			fail_msg("%s %s is of another class", table[i].method, table[i].path);
		script_answer(&f.script, i, 200, NULL, "{}");
		assert_int_equal(g->running, 0);
	}
	end(&f);
}

static void test_limits(void **state)
{
	struct fixture f;
	char headers[128];

	(void)state;
	begin(&f);
	get(&f, "organizations/o/");
	script_answer(&f.script, 0, 429, "Retry-After: 3\r\n", "{}");
	assert_int_equal(f.answers, 0);
	wait_exactly(&f, 3000);
	snprintf(headers, sizeof(headers), "x-sentry-rate-limit-reset: %lld\r\n",
		 (long long)script_wall_s(&f.script.clock) + 5);
	script_answer(&f.script, 1, 429, headers, "{}");
	f.script.clock.now += 4900;
	api_tick(&f.api);
	assert_int_equal(f.script.n, 2);
	f.script.clock.now += 200;
	api_tick(&f.api);
	assert_int_equal(f.script.n, 3);
	script_answer(&f.script, 2, 200, NULL, "{}");
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.error, 0);

	/* the reset lies beyond the timeout */
	get(&f, "organizations/o/");
	script_answer(&f.script, 3, 429, "Retry-After: 31\r\n", "{\"detail\":\"slow down\"}");
	assert_int_equal(f.answers, 2);
	assert_int_equal(f.error, -EAGAIN);
	assert_string_equal(f.words, "HTTP 429: slow down");
	assert_int_equal(api_tick(&f.api), -1);
	end(&f);
}

/* When nothing remains, the next of its class waits; another class does not. */
static void test_governor(void **state)
{
	struct fixture f;
	char headers[160];

	(void)state;
	begin(&f);
	snprintf(headers, sizeof(headers), "X-Sentry-Rate-Limit-Remaining: 0\r\nX-Sentry-Rate-Limit-Reset: %lld\r\n",
		 (long long)script_wall_s(&f.script.clock) + 2);
	get(&f, "organizations/o/issues/?limit=1");
	script_answer(&f.script, 0, 200, headers, "[]");
	assert_int_equal(f.error, 0);
	get(&f, "organizations/o/issues/?limit=1");
	assert_int_equal(f.script.n, 1);
	get(&f, "organizations/o/issues/5/events/?per_page=1");
	assert_int_equal(f.script.n, 2);
	script_asked(&f.script, 1, "organizations/o/issues/5/events/?per_page=1");
	script_answer(&f.script, 1, 200, NULL, "[]");
	f.script.clock.now += 2100;
	api_tick(&f.api);
	script_asked(&f.script, 2, "organizations/o/issues/?limit=1");
	script_answer(&f.script, 2, 200, NULL, "[]");
	assert_int_equal(f.answers, 3);

	/* what must wait for longer than it may is told so at the end of its time */
	snprintf(headers, sizeof(headers), "X-Sentry-Rate-Limit-Remaining: 0\r\nX-Sentry-Rate-Limit-Reset: %lld\r\n",
		 (long long)script_wall_s(&f.script.clock) + 50);
	get(&f, "organizations/o/issues/?limit=1");
	script_answer(&f.script, 3, 200, headers, "[]");
	get(&f, "organizations/o/issues/?limit=1");
	assert_int_equal(api_tick(&f.api), 30000);
	f.script.clock.now += 30000;
	assert_int_equal(api_tick(&f.api), -1);
	assert_int_equal(f.answers, 5);
	assert_int_equal(f.error, -EAGAIN);
	assert_non_null(strstr(f.words, "no room"));
	assert_int_equal(f.script.n, 4);
	end(&f);
}

/* The time of a change is for all of it, what it waits for as well. */
static void test_time_of_a_change(void **state)
{
	struct api_request put = {.method = "PUT", .path = "organizations/o/issues/1/", .body = "{}"};
	struct fixture f;

	(void)state;
	begin(&f);
	assert_non_null(api_send(&f.api, &put, on_answer, &f));
	assert_int_equal(f.script.transfers[0].timeout_ms, 30000);
	script_answer(&f.script, 0, 429, "Retry-After: 10\r\n", "{}");
	wait_exactly(&f, 10000);
	assert_int_equal(f.script.transfers[1].timeout_ms, 20000);
	script_answer(&f.script, 1, 200, NULL, "{}");
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.error, 0);
	end(&f);
}

static int64_t stepping;

static int64_t step_now(const struct clock *c)
{
	(void)c;
	return stepping++;
}

/* Its time ends between the look at the clock that it passes and the sending: no request is without a time. */
static void test_time_ends_as_it_is_sent(void **state)
{
	struct api_request put = {.method = "PUT", .path = "organizations/o/issues/1/", .body = "{}"};
	struct fixture f;
	struct script_clock steps;

	(void)state;
	begin(&f);
	assert_non_null(api_send(&f.api, &put, on_answer, &f));
	script_answer(&f.script, 0, 429, "Retry-After: 10\r\n", "{}");
	steps = f.script.clock;
	steps.clock.now_ms = step_now;
	stepping = SCRIPT_START_MS + 29999;
	f.api.clock = &steps.clock;
	while (!f.answers)
		api_tick(&f.api);
	f.api.clock = &f.script.clock.clock;
	assert_int_equal(f.script.n, 1);
	assert_int_equal(f.error, -EAGAIN);
	end(&f);
}

/* What cannot be sent is tried again, and counts for nothing. */
static void test_deaf(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.script.deaf = true;
	get(&f, "organizations/o/");
	assert_int_equal(server_for(&f.api, "")->governors[API_GET].running, 0);
	f.script.deaf = false;
	wait_exactly(&f, 200);
	script_answer(&f.script, 0, 200, NULL, "{}");
	assert_int_equal(f.error, 0);
	end(&f);
}

/* After a suspend what was only asked is asked again, and nothing of it counts: neither the time
 * nor the try. */
static void test_slept(void **state)
{
	struct api_request put = {.method = "PUT", .path = "organizations/o/issues/1/", .body = "{}"};
	struct fixture f;

	(void)state;
	begin(&f);
	get(&f, "organizations/o/");
	assert_non_null(api_send(&f.api, &put, on_answer, &f));
	get(&f, "organizations/o/issues/");
	script_answer(&f.script, 2, 429, "Retry-After: 20\r\n", "{}");
	f.script.clock.now += 3600000;
	api_slept(&f.api, 3600000);
	assert_true(f.script.transfers[0].cancelled);
	assert_false(f.script.transfers[1].cancelled);
	assert_int_equal(api_tick(&f.api), -1);
	assert_int_equal(f.script.n, 5);
	script_asked(&f.script, 3, "organizations/o/issues/");
	script_answer(&f.script, 3, 200, NULL, "[]");
	script_answer(&f.script, 1, 200, NULL, "{}");
	assert_int_equal(f.answers, 2);
	for (size_t i = 4; i < 7; i++) {
		assert_int_equal(f.answers, 2);
		script_answer(&f.script, i, 503, NULL, "");
		f.script.clock.now += 1000;
		api_tick(&f.api);
	}
	assert_int_equal(f.answers, 3);
	assert_int_equal(f.script.n, 7);
	end(&f);
}

/* Sends a GET that is `as` says. */
static struct api_call *ask(struct fixture *f, const char *path, struct api_request as)
{
	struct api_call *c;

	as.method = "GET";
	as.path = path;
	c = api_send(&f->api, &as, on_answer, f);
	assert_non_null(c);
	return c;
}

/* Room goes to who waits, then to who asks for much, then to what nobody waits for. */
static void test_ranks(void **state)
{
	struct api_request ahead = {.ahead = true}, bulk = {.bulk = true}, person = {.method = NULL};
	struct fixture f;
	struct api_call *hurried;
	char headers[160];

	(void)state;
	begin(&f);
	snprintf(headers, sizeof(headers),
		 "X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 0\r\n"
		 "X-Sentry-Rate-Limit-Reset: %lld\r\n",
		 (long long)script_wall_s(&f.script.clock) + 2);
	get(&f, "organizations/o/");
	script_answer(&f.script, 0, 200, headers, "{}");
	ask(&f, "organizations/a/", ahead);
	ask(&f, "organizations/b/", bulk);
	ask(&f, "organizations/c/", person);
	assert_int_equal(f.script.n, 1);
	f.script.clock.now += 2100;
	api_tick(&f.api);
	assert_int_equal(f.script.n, 4);
	script_asked(&f.script, 1, "organizations/c/");
	script_asked(&f.script, 2, "organizations/b/");
	script_asked(&f.script, 3, "organizations/a/");
	/* two remain, which are kept for who waits: one who comes for what is held back has one of them */
	snprintf(headers, sizeof(headers),
		 "X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 2\r\n"
		 "X-Sentry-Rate-Limit-Reset: %lld\r\n",
		 (long long)script_wall_s(&f.script.clock) + 20);
	for (size_t i = 1; i < 4; i++)
		script_answer(&f.script, i, 200, headers, "{}");
	hurried = ask(&f, "organizations/d/", bulk);
	api_tick(&f.api);
	assert_int_equal(f.script.n, 4);
	api_hurry(hurried, &bulk);
	api_tick(&f.api);
	assert_int_equal(f.script.n, 4);
	api_hurry(hurried, &person);
	api_tick(&f.api);
	script_asked(&f.script, 4, "organizations/d/");
	script_answer(&f.script, 4, 200, headers, "{}");
	end(&f);
}

/* Who is slowed waits, whatever room an answer makes, until somebody comes who is not. */
static void test_slowed(void **state)
{
	struct api_request slow = {.bulk = true, .delay_ms = 1000}, person = {.method = NULL};
	struct fixture f;
	struct api_call *c;

	(void)state;
	begin(&f);
	c = ask(&f, "organizations/a/", slow);
	get(&f, "organizations/b/");
	script_answer(&f.script, 0, 200, NULL, "{}");
	assert_int_equal(api_tick(&f.api), 1000);
	api_hurry(c, &slow);
	assert_int_equal(api_tick(&f.api), 1000);
	wait_exactly(&f, 1000);
	script_asked(&f.script, 1, "organizations/a/");
	script_answer(&f.script, 1, 200, NULL, "{}");
	c = ask(&f, "organizations/c/", slow);
	assert_int_equal(f.script.n, 2);
	api_hurry(c, &person);
	assert_int_equal(api_tick(&f.api), -1);
	script_asked(&f.script, 2, "organizations/c/");
	script_answer(&f.script, 2, 200, NULL, "{}");
	end(&f);
}

/* Of what nobody waits for so much runs at one server that who does wait has a connection, whatever hangs. */
static void test_room_for_who_waits(void **state)
{
	struct api_request bulk = {.bulk = true}, person = {.method = NULL};
	static const char *const paths[] = {"organizations/o/issues/1/events/?a", "organizations/o/issues/1/tags/a/",
					    "organizations/o/issues/1/"};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < 3; i++) {
		ask(&f, paths[i], person);
		script_answer(&f.script, i, 200, NULL, "{}");
	}
	for (size_t i = 0; i < 24; i++)
		ask(&f, paths[i % 3], bulk);
	assert_int_equal(f.script.n, 3 + 20);
	ask(&f, paths[0], person);
	assert_int_equal(f.script.n, 3 + 21);
	for (size_t i = 3; i < 5; i++)
		script_answer(&f.script, i, 200, NULL, "{}");
	api_tick(&f.api);
	assert_int_equal(f.script.n, 3 + 22);
	for (size_t i = 5; i < f.script.n; i++) {
		script_answer(&f.script, i, 200, NULL, "{}");
		api_tick(&f.api);
	}
	assert_int_equal(f.answers, 3 + 24 + 1);
	end(&f);
}

/* The words of a redirect, with a body or without. */
static void test_words_of_a_redirect(void **state)
{
	static const struct {
		const char *body, *words;
	} table[] = {{"", "HTTP 302: a redirect, which is not followed"},
		     {"<html>", "HTTP 302: a redirect, which is not followed; an HTML page, not an answer of the API"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f;

		begin(&f);
		get(&f, "organizations/o/");
		script_answer(&f.script, 0, 302, "Location: /\r\n", table[i].body);
		assert_string_equal(f.words, table[i].words);
		end(&f);
	}
}

/* An answer may make room before the time that was thought. */
static void test_room_at_once(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	get(&f, "organizations/o/");
	script_answer(&f.script, 0, 200,
		      "X-Sentry-Rate-Limit-Limit: 10\r\nX-Sentry-Rate-Limit-Remaining: 9\r\n"
		      "X-Sentry-Rate-Limit-Reset: 99999999999\r\nX-Sentry-Rate-Limit-ConcurrentLimit: 1\r\n",
		      "{}");
	get(&f, "organizations/a/");
	get(&f, "organizations/b/");
	assert_int_equal(api_tick(&f.api), 1000);
	assert_int_equal(f.script.n, 2);
	script_answer(&f.script, 1, 200, NULL, "{}");
	assert_int_equal(api_tick(&f.api), -1);
	script_asked(&f.script, 2, "organizations/b/");
	script_answer(&f.script, 2, 200, NULL, "{}");
	end(&f);
}

static void test_cancel(void **state)
{
	struct fixture f;
	struct api_call *flying, *waiting;

	(void)state;
	begin(&f);
	flying = get(&f, "organizations/o/");
	waiting = get(&f, "organizations/p/");
	script_answer(&f.script, 1, 503, NULL, "");
	api_cancel(waiting);
	api_cancel(flying);
	assert_true(f.script.transfers[0].cancelled);
	f.script.clock.now += 10000;
	assert_int_equal(api_tick(&f.api), -1);
	assert_int_equal(f.script.n, 2);
	assert_int_equal(f.answers, 0);
	assert_int_equal(server_for(&f.api, "")->governors[API_GET].running, 0);
	get(&f, "organizations/q/");
	script_answer(&f.script, 2, 503, NULL, "");
	end(&f); /* with one that waits */
}

static void test_cursor(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_non_null(send(&f, "organizations/o/issues/?limit=1", "a b&c=1:0/%"));
	script_asked(&f.script, 0, "organizations/o/issues/?limit=1&cursor=a%20b%26c%3D1%3A0%2F%25");
	script_answer(&f.script, 0, 200, NULL, "[]");
	assert_non_null(send(&f, "organizations/", "cD0="));
	script_asked(&f.script, 1, "organizations/?cursor=cD0%3D");
	script_answer(&f.script, 1, 200, NULL, "[]");
	assert_string_equal(f.cursor, "");
	end(&f);
}

static void test_table(void **state)
{
	static const struct {
		long status;
		int error;
	} table[] = {
		{200, 0},	{201, 0},	{204, 0},	{302, -EIO},	    {400, -EINVAL}, {401, -EACCES},
		{403, -EACCES}, {404, -ENOENT}, {409, -EBUSY},	{410, -EOPNOTSUPP}, {413, -EFBIG},  {414, -EFBIG},
		{418, -EIO},	{422, -EINVAL}, {429, -EAGAIN}, {500, -EIO},	    {503, -EIO},    {0, -EIO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(api_status_to_errno(table[i].status), table[i].error);
}

static void words_are(const char *body, const char *want)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, 4096);
	api_error_words(&b, str_of(body));
	buf_addc(&b, '\0');
	assert_int_equal(b.error, 0);
	assert_string_equal(b.data, want);
}

static void test_words(void **state)
{
	char line[5000];

	(void)state;
	words_are("{\"detail\":\"Not found.\"}", "Not found.");
	words_are("{\"detail\":[\"one\",\"two\"]}", "one; two");
	words_are("{\"detail\":{\"code\":\"sso-required\",\"message\":\"Must login\",\"extra\":{\"url\":\"/x\"}}}",
		  "Must login");
	words_are("{\"status\":[\"no such choice\"],\"priority\":[\"bad\",\"worse\"]}",
		  "status: no such choice; priority: bad; priority: worse");
	words_are("{\"error\":\"nope\"}", "error: nope");
	words_are("\"You may not\"", "You may not");
	words_are("[\"listed\"]", "listed");
	words_are("<!DOCTYPE html><html><body>502</body></html>", "an HTML page, not an answer of the API");
	words_are("{\"detail\":[{\"type\":\"missing\",\"loc\":[\"query\",\"limit\"],\"msg\":\"Field required\","
		  "\"ctx\":{\"a\":\"b\"}}]}",
		  "Field required");
	words_are("plain words\nand more", "plain words");
	words_are("{\"detail\":\"esc\\u001b[2J\\nape\"}", "esc [2J ape");
	words_are("{\"a\\u001b[2J\":\"x\",\"\\u009bm\\u202e\":[\"y\"]}", "a [2J: x;  m : y");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	words_are(line, line + sizeof(line) - 1 - 200);
	words_are(" \r\n", "");
	words_are("{}", "");
}

/* The server's own text in a sample's body, and what stands before it; "" where it has none. */
static struct str said(const cJSON *body, char *field, size_t n)
{
	const cJSON *detail = cJSON_GetObjectItem(body, "detail"), *first = body->child;

	*field = '\0';
	if (cJSON_IsString(body))
		return str_of(body->valuestring);
	if (cJSON_IsObject(detail) && *cJSON_GetObjectItem(detail, "message")->valuestring)
		return str_of(cJSON_GetObjectItem(detail, "message")->valuestring);
	if (cJSON_IsObject(detail)) /* no message: the code tells */
		return str_of(cJSON_GetObjectItem(detail, "code")->valuestring);
	if (!detail && !cJSON_IsString(first))
		snprintf(field, n, "%s: ", first->string);
	if (detail)
		first = detail;
	if (cJSON_IsArray(first))
		first = first->child;
	if (cJSON_IsObject(first))
		first = cJSON_GetObjectItem(first, "msg");
	return str_of(first->valuestring);
}

/* Every error that servers were seen to send: its errno, and its text in the words. */
static void test_reference(void **state)
{
	static const struct {
		int status, error;
	} meant[] = {{302, -EIO},   {400, -EINVAL}, {401, -EACCES},	{403, -EACCES}, {404, -ENOENT}, {405, -EIO},
		     {409, -EBUSY}, {422, -EINVAL}, {410, -EOPNOTSUPP}, {429, -EAGAIN}, {500, -EIO}};
	const char *dir = getenv("SENTRYFS_REFERENCE_DIR");
	char path[4096], line[8192];
	struct fixture f;
	size_t n = 0;
	FILE *file;

	(void)state;
	if (!dir) {
		assert_null(getenv("CI"));
		skip();
	}
	snprintf(path, sizeof(path), "%s/error-samples.jsonl", dir);
	file = fopen(path, "re");
	assert_non_null(file);
	begin(&f);
	while (fgets(line, sizeof(line), file)) {
		cJSON *sample = cJSON_Parse(line);
		const cJSON *body = cJSON_GetObjectItem(sample, "body"),
			    *type = cJSON_GetObjectItem(sample, "content_type");
		int status = cJSON_GetObjectItem(sample, "status")->valueint;
		bool plain = type && !strcmp(type->valuestring, "text/plain");
		char *text = cJSON_IsString(body) && (plain || !*body->valuestring) ? strdup(body->valuestring)
										    : cJSON_PrintUnformatted(body);
		char headers[256], field[64], first[1024];
		struct str want = said(body, field, sizeof(field));
		size_t m = 0;

		/* a limit that ends too late to be waited for */
		snprintf(headers, sizeof(headers), "Content-Type: %s\r\n%s",
			 type ? type->valuestring : "application/json", status == 429 ? "Retry-After: 600\r\n" : "");
		get(&f, "organizations/o/");
		script_answer(&f.script, n, status, headers, text);
		assert_int_equal(f.answers, ++n);
		assert_int_equal(f.status, status);
		while (m < sizeof(meant) / sizeof(*meant) && meant[m].status != status)
			m++;
		assert_true(m < sizeof(meant) / sizeof(*meant));
		assert_int_equal(f.error, meant[m].error);
		want = str_cut(&want, '\n');
		snprintf(first, sizeof(first), "%s%.*s", field, (int)want.n, want.n ? want.s : "");
		if (!strstr(f.words, first) || (!want.n && strchr(f.words, ':')))
			fail_msg("'%s' is not in '%s'", first, f.words);
		free(text);
		cJSON_Delete(sample);
	}
	fclose(file);
	assert_true(n >= 30);
	end(&f);
}

/* Nothing is sent to a server that is away, but a look for it now and then. */
static void test_away(void **state)
{
	static const int64_t pauses[] = {500, 1000, 2000, 4000, 4000, 4000};
	struct api_request put = {.method = "PUT", .path = "organizations/o/issues/1/", .body = "{}"};
	struct fixture f;
	size_t n = 3;

	(void)state;
	begin(&f);
	get(&f, "organizations/o/");
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(f.answers, 0);
		script_break(&f.script, i, -ECONNREFUSED);
		f.script.clock.now += i < 2 ? 200 << (2 * i) : 0;
		api_tick(&f.api);
	}
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.error, -ECONNREFUSED);
	assert_int_equal(f.script.n, n);
	/* never from within */
	assert_non_null(api_send(&f.api, &put, on_answer, &f));
	assert_int_equal(f.answers, 1);
	assert_int_equal(api_tick(&f.api), REACH_FIRST_MS);
	assert_int_equal(f.answers, 2);
	assert_non_null(strstr(f.words, "nothing was sent"));
	get(&f, "organizations/o/");
	assert_int_equal(f.answers, 2);
	assert_int_equal(api_tick(&f.api), REACH_FIRST_MS);
	assert_int_equal(f.answers, 3);
	assert_int_equal(f.error, -ECONNREFUSED);
	assert_non_null(strstr(f.words, "the line went dead"));
	assert_non_null(strstr(f.words, "it was not asked"));
	assert_int_equal(f.script.n, n);
	wait_exactly(&f, REACH_FIRST_MS);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		script_asked(&f.script, n, "");
		assert_int_equal(f.script.transfers[n].timeout_ms, REACH_PROBE_MS);
		assert_true(f.script.transfers[n].anew);
		script_break(&f.script, n++, -EHOSTUNREACH);
		/* where nobody asks there is time */
		assert_int_equal(api_tick(&f.api), REACH_PAUSE_MS);
		get(&f, "organizations/o/");
		api_tick(&f.api);
		assert_int_equal(f.answers, 4 + i);
		wait_exactly(&f, pauses[i]);
	}
	/* whatever it answers, it is there */
	script_answer(&f.script, n, 502, NULL, "");
	assert_int_equal(api_tick(&f.api), -1);
	assert_int_equal(online(&f, NULL), SERVERS_ALL);
	get(&f, "organizations/o/");
	script_answer(&f.script, n + 1, 200, NULL, "{}");
	assert_int_equal(f.error, 0);
	end(&f);
}

/* What waits to be tried again does not wait for the whole of its time. */
static void test_away_meanwhile(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	get(&f, "organizations/o/");
	script_answer(&f.script, 0, 429, "Retry-After: 20\r\n", "{}");
	assert_non_null(
		api_send(&f.api, &(struct api_request){.method = "PUT", .path = "x/", .body = "{}"}, on_answer, &f));
	script_break(&f.script, 1, -EHOSTUNREACH);
	assert_int_equal(f.answers, 1);
	api_tick(&f.api);
	assert_int_equal(f.answers, 2);
	assert_int_equal(f.error, -EHOSTUNREACH);
	f.script.clock.now += REACH_FIRST_MS;
	api_tick(&f.api);
	assert_int_equal(f.script.n, 3); /* the probe, which the end gives up */
	end(&f);
}

static char *region_of(void *arg, struct str organization)
{
	(void)arg;
	return str_eqz(organization, "home") ? NULL : strdup(str_eqz(organization, "a") ? "https://a" : "https://b");
}

static void sent_to(const struct fixture *f, size_t i, const char *method, const char *url)
{
	assert_true(i < f->script.n);
	assert_string_equal(f->script.transfers[i].method, method);
	assert_string_equal(f->script.transfers[i].url, url);
}

/* One region is away: it is looked for there, and the others go on. */
static void test_a_region_away(void **state)
{
	struct api_request put = {.method = "PUT", .path = "organizations/b/issues/1/", .body = "{}"};
	struct fixture f;
	int64_t since, lost;

	(void)state;
	begin(&f);
	assert_int_equal(online(&f, &since), SERVERS_ALL);
	assert_int_equal(since, -1);
	f.api.region = region_of;
	get(&f, "organizations/");
	script_answer(&f.script, 0, 200, NULL, "[]");
	lost = ++f.script.clock.now;
	assert_non_null(api_send(&f.api, &put, on_answer, &f));
	sent_to(&f, 1, "PUT", "https://b/api/0/organizations/b/issues/1/");
	script_break(&f.script, 1, -ECONNREFUSED);
	/* who was heard of before that may be away too */
	assert_int_equal(online(&f, &since), SERVERS_NONE);
	assert_int_equal(since, lost);
	assert_true(server_is_away(&f.api, "projects/b/web/"));
	assert_false(server_is_away(&f.api, "projects/a/web/"));

	get(&f, "projects/b/web/");
	api_tick(&f.api);
	assert_int_equal(f.script.n, 2);
	assert_int_equal(f.error, -ECONNREFUSED);
	assert_non_null(strstr(f.words, "https://b: the line went dead"));
	put.path = "organizations/a/issues/1/";
	assert_non_null(api_send(&f.api, &put, on_answer, &f));
	get(&f, "organizations/home/");
	sent_to(&f, 2, "PUT", "https://a/api/0/organizations/a/issues/1/");
	sent_to(&f, 3, "GET", "https://h/api/0/organizations/home/");
	script_answer(&f.script, 2, 200, NULL, "{}");
	assert_int_equal(f.error, 0);
	script_answer(&f.script, 3, 200, NULL, "{}");
	assert_int_equal(online(&f, &since), SERVERS_SOME);
	assert_int_equal(since, lost);

	/* two at once are looked for, each by itself */
	wait_exactly(&f, REACH_FIRST_MS);
	sent_to(&f, 4, "GET", "https://b/api/0/");
	get(&f, "organizations/home/");
	for (size_t i = 5; i < 8; i++) {
		script_break(&f.script, i, -EHOSTUNREACH);
		f.script.clock.now += i == 5 ? 200 : i == 6 ? 800 : 0;
		api_tick(&f.api);
	}
	lost = f.script.clock.now;
	assert_int_equal(f.error, -EHOSTUNREACH);
	script_break(&f.script, 4, -ECONNREFUSED);
	get(&f, "organizations/home/");
	get(&f, "organizations/b/");
	assert_int_equal(api_tick(&f.api), REACH_FIRST_MS);
	f.script.clock.now += REACH_FIRST_MS;
	assert_int_equal(api_tick(&f.api), REACH_FIRST_MS);
	sent_to(&f, 8, "GET", "https://h/api/0/");
	wait_exactly(&f, REACH_FIRST_MS);
	sent_to(&f, 9, "GET", "https://b/api/0/");
	script_answer(&f.script, 9, 502, NULL, "");
	assert_int_equal(online(&f, &since), SERVERS_SOME);
	assert_true(since < lost);
	get(&f, "organizations/b/");
	sent_to(&f, 10, "GET", "https://b/api/0/organizations/b/");
	script_answer(&f.script, 10, 200, NULL, "{}");
	script_answer(&f.script, 8, 200, NULL, "{}");
	assert_int_equal(online(&f, &since), SERVERS_ALL);
	assert_int_equal(since, f.script.clock.now);
	end(&f);
}

/* What one region's limits leave is not the other's matter. */
static void test_a_region_refuses(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.api.region = region_of;
	get(&f, "organizations/b/");
	script_answer(&f.script, 0, 429, "Retry-After: 20\r\n", "{}");
	get(&f, "organizations/b/");
	assert_int_equal(f.script.n, 1);
	get(&f, "organizations/a/");
	sent_to(&f, 1, "GET", "https://a/api/0/organizations/a/");
	script_answer(&f.script, 1, 200, NULL, "{}");
	assert_int_equal(f.error, 0);
	assert_ptr_not_equal(server_for(&f.api, "organizations/a/"), server_for(&f.api, "organizations/b/"));
	end(&f);
}

/* A server that tells of ever more regions: those beyond the maximum are asked for through it. */
static void test_regions_have_a_maximum(void **state)
{
	struct fixture f;
	char origin[32];

	(void)state;
	begin(&f);
	for (int i = 1; i < SERVERS_MAX + 3; i++) {
		snprintf(origin, sizeof(origin), "https://%d", i);
		assert_string_equal(server_of(&f.api, origin)->origin, i < SERVERS_MAX ? origin : "https://h");
	}
	assert_string_equal(server_of(&f.api, "https://1")->origin, "https://1");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_answer),
		cmocka_unit_test(test_a_refused_token_is_read_again),
		cmocka_unit_test(test_a_token_that_is_said_back),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_no_retry),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_governor),
		cmocka_unit_test(test_time_of_a_change),
		cmocka_unit_test(test_time_ends_as_it_is_sent),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_slept),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_slowed),
		cmocka_unit_test(test_room_for_who_waits),
		cmocka_unit_test(test_words_of_a_redirect),
		cmocka_unit_test(test_room_at_once),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_away_meanwhile),
		cmocka_unit_test(test_a_region_away),
		cmocka_unit_test(test_a_region_refuses),
		cmocka_unit_test(test_regions_have_a_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
