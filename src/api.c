// SPDX-License-Identifier: MIT
/*
 * Sentry's API as calls that end: each has a deadline, at most two retries, and
 * one errno.
 *
 * Owns the calls, the servers (server.h) and the token. The governor is per server and
 * endpoint class: when a server says that nothing remains, the class waits until the reset
 * that it named. To one that is away only a probe is sent. Must not know files, nodes or caches.
 */
#include "sentryfs/api.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/link.h"
#include "sentryfs/log.h"
#include "sentryfs/name.h"
#include "sentryfs/server.h"

#define RETRIES_MAX 2
#define RETRY_FIRST_MS 200
#define CONNECT_LONG_MS 1000
#define CROWDED_MS 1000	 /* or until an answer */
#define BULK_AT_ONCE 20u /* of the 24 connections to a server: who waits has some left when they hang */
#define WORDS_MAX ((size_t)1024)
#define URL_MAX ((size_t)8192)

struct api_call {
	struct list link; /* in api->waiting, api->running, or in none */
	struct api *api;
	struct server *server;
	const char *method; /* a literal */
	char *path, *url;
	char *body;	/* or NULL */
	void *transfer; /* NULL while it waits */
	bool ahead, bulk;
	bool probe;
	bool once;	 /* its time is for all its tries and what they wait for */
	bool renewed;	 /* a 401 was tried again */
	unsigned tokens; /* as api->tokens when it was sent */
	unsigned names;	 /* the user of that token, 0: of none */
	enum api_class class;
	unsigned tries, within_ms;
	int64_t deadline, due; /* ms */
	int64_t not_before;    /* ms: it is slowed until then, whatever room there is */
	api_done_fn *done;
	void *arg;
};

static void wipe(char *authorization)
{
	if (authorization)
		explicit_bzero(authorization, strlen(authorization));
	free(authorization);
}

bool api_set_token(struct api *a, const char *token)
{
	char *line;

	if (asprintf(&line, "Authorization: Bearer %s", token) < 0)
		return false;
	if (a->authorization && !strcmp(a->authorization, line)) {
		wipe(line);
		return false;
	}
	wipe(a->authorization);
	a->authorization = line;
	a->tokens++;
	return true;
}

int api_init(struct api *a, const char *origin, const char *token, unsigned timeout_s, const struct clock *clock)
{
	struct server *s;

	*a = (struct api){.clock = clock, .timeout_s = timeout_s};
	list_init(&a->servers);
	list_init(&a->waiting);
	list_init(&a->running);
	s = server_of(a, origin);
	a->origin = s ? s->origin : NULL;
	return s && api_set_token(a, token) ? 0 : -ENOMEM;
}

static void call_free(struct api_call *c)
{
	list_remove(&c->link);
	free(c->path);
	free(c->url);
	free(c->body);
	free(c);
}

void api_done(struct api *a)
{
	servers_done(a);
	while (!list_empty(&a->waiting))
		call_free(list_first(&a->waiting, struct api_call, link));
	wipe(a->authorization);
	journal_done(&a->requests);
	journal_done(&a->errors);
	journal_done(&a->changes);
}

int api_status_to_errno(long status)
{
	if (status >= 200 && status < 300)
		return 0;
	switch (status) {
	case 400:
	case 422:
		return -EINVAL;
	case 401:
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	case 409:
		return -EBUSY;
	case 410:
		return -EOPNOTSUPP;
	case 413:
	case 414:
		return -EFBIG;
	case 429:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

/* Which bucket of the server's limiter a request falls into (sentry-api 3.1). */
static enum api_class classify(const char *method, const char *path)
{
	const char *issues = strstr(path, "/issues/"), *rest = issues ? issues + strlen("/issues/") : NULL;
	const char *sub = rest ? strchr(rest, '/') : NULL;

	if (strcmp(method, "GET"))
		return *method == 'D' ? API_DELETE : method[1] == 'O' ? API_POST : API_PUT;
	if (!strncmp(path, "projects/", strlen("projects/")) && strstr(path, "/events/"))
		return API_PROJECT_EVENTS;
	if (!rest)
		return API_GET;
	if (!*rest || *rest == '?')
		return API_ISSUE_LIST;
	if (!sub || !sub[1] || sub[1] == '?')
		return API_ISSUE;
	if (!strncmp(sub, "/tags/", strlen("/tags/")))
		return API_TAGS;
	if (!strncmp(sub, "/events/", strlen("/events/")) && sub[8] && sub[8] != '?')
		return API_EVENT;
	return API_GET;
}

const char *api_class_name(enum api_class class)
{
	static const char *const names[API_CLASSES] = {
		[API_ISSUE_LIST] = "issue_list",
		[API_ISSUE] = "issue",
		[API_EVENT] = "event",
		[API_TAGS] = "tags",
		[API_PROJECT_EVENTS] = "project_events",
		[API_GET] = "get",
		[API_PUT] = "put",
		[API_POST] = "post",
		[API_DELETE] = "delete",
	};

	return names[class];
}

/* ---- what an error body says ---- */

/* A member's name is the server's word, too. */
static void add_name(struct buf *b, const char *name)
{
	text_clean(b, str_of(name), false);
	buf_puts(b, ": ");
}

static void add_words(struct buf *b, const cJSON *j)
{
	const cJSON *child;

	if (cJSON_IsString(j)) {
		if (b->len)
			buf_puts(b, "; ");
		if (j->string && strcmp(j->string, "detail") && strcmp(j->string, "message") &&
		    strcmp(j->string, "info") && strcmp(j->string, "msg"))
			add_name(b, j->string);
		text_clean(b, str_of(j->valuestring), false);
		return;
	}
	cJSON_ArrayForEach (child, j) {
		/* of {"code","message","extra"} the message is for people */
		if (cJSON_IsString(child) && child->string && !strcmp(child->string, "code") &&
		    json_string(j, "message").n)
			continue;
		/* of GlitchTip's {"type","loc","msg"} too */
		if (child->string && !strcmp(child->string, "type") && json_string(j, "msg").n)
			continue;
		if (child->string &&
		    (!strcmp(child->string, "extra") || !strcmp(child->string, "ctx") || !strcmp(child->string, "loc")))
			continue;
		if (cJSON_IsArray(j) && cJSON_IsString(child) && j->string) {
			if (b->len)
				buf_puts(b, "; ");
			if (strcmp(j->string, "detail"))
				add_name(b, j->string);
			text_clean(b, str_of(child->valuestring), false);
			continue;
		}
		add_words(b, child);
	}
}

void api_error_words(struct buf *b, struct str body)
{
	cleanup_json cJSON *j = NULL;
	cleanup_buf struct buf words = {0};
	struct str line, text = str_trim(body);

	if (!text.n)
		return;
	if (json_parse(text, &j) == 0) {
		buf_init(&words, WORDS_MAX);
		add_words(&words, j);
		buf_add_str(b, buf_str(&words));
		return;
	}
	if (*text.s == '<') {
		buf_puts(b, "an HTML page, not an answer of the API");
		return;
	}
	line = str_cut(&text, '\n');
	text_clean(b, (struct str){line.s, line.n < 200 ? line.n : 200}, false);
}

/* ---- calls ---- */

static struct governor *governor_of(const struct api_call *c)
{
	return &c->server->governors[c->class];
}

static enum rank rank_of(const struct api_call *c)
{
	return c->ahead ? RANK_AHEAD : c->bulk ? RANK_BULK : RANK_WAITED_FOR;
}

static bool is_crowded(const struct api_call *c)
{
	unsigned running = 0;

	for (size_t i = 0; i < API_CLASSES; i++)
		running += c->server->governors[i].running;
	return rank_of(c) != RANK_WAITED_FOR && running >= BULK_AT_ONCE;
}

static void wait_until(struct api_call *c, int64_t due)
{
	c->due = due;
	c->transfer = NULL;
	list_add(&c->api->waiting, &c->link);
}

static bool may_retry(const struct api_call *c, const struct http_response *r)
{
	/* to be told that the token is an old one is no try */
	if (c->tries > RETRIES_MAX + (unsigned)c->renewed || strcmp(c->method, "GET") || c->probe)
		return false;
	/* to connect in vain for seconds is enough */
	if (reach_failed(r) && r->took_ms > CONNECT_LONG_MS)
		return false;
	if (r->error)
		return r->error != -EFBIG && r->error != -ENOMEM && r->error != -ETIMEDOUT;
	return r->status == 502 || r->status == 503 || r->status == 504;
}

/* Is there another token than the one that was refused? */
static bool has_new_token(struct api_call *c)
{
	struct api *a = c->api;

	if (c->renewed)
		return false;
	if (c->tokens == a->tokens && a->renew)
		a->renew(a->renew_arg);
	c->renewed = c->tokens != a->tokens;
	return c->renewed;
}

/* When to try again, or -1. */
static int64_t retry_at(struct api_call *c, const struct http_response *r, int64_t now)
{
	int64_t due;

	if (!r->error && r->status == 429)
		due = governor_of(c)->blocked;
	else if (!r->error && r->status == 401 && has_new_token(c))
		due = now;
	else if (may_retry(c, r))
		due = now + ((int64_t)RETRY_FIRST_MS << (c->tries * 2 - 2));
	else
		return -1;
	return due < c->deadline ? due : -1;
}

/* May what was asked for have been done, though no good answer says so? */
static bool is_uncertain(const struct http_response *r)
{
	if (r->error)
		return !reach_failed(r) && r->error != -ENOMEM;
	return r->status == 502 || r->status == 503 || r->status == 504;
}

/* Sentry's 404 of a path that it does not know is empty or plain text, GlitchTip's a page of
 * HTML; that of a missing object is JSON (sentry-api 3.2). */
static bool is_unrouted(const struct http_response *r)
{
	struct str body = str_trim(buf_str(&r->body));

	return !r->error && r->status == 404 && (!body.n || *body.s != '{');
}

/* A server, or something before it, may say the token back in what it complains of. */
static void hide_token(const struct api *a, struct buf *text)
{
	struct str token = str_of(a->authorization + strlen("Authorization: Bearer "));
	size_t from = 0;
	char *at;

	while (token.n && from < text->len && (at = memmem(text->data + from, text->len - from, token.s, token.n))) {
		memset(at, '*', token.n);
		from = (size_t)(at - text->data) + token.n;
	}
}

/* A proxy may add a Link of its own, or give each link a header. */
static struct str next_cursor(const struct http_response *r)
{
	struct str rest = buf_str(&r->headers), link, cursor;

	while ((link = http_next_header(&rest, "Link")).s)
		if (link_next(link, &cursor))
			return cursor;
	return (struct str){NULL, 0};
}

static void finish(struct api_call *c, struct http_response *r)
{
	struct api *a = c->api;
	cleanup_buf struct buf words = {0};
	struct api_answer answer = {.error = r->error, .status = r->status, .body = &r->body, .cursor = next_cursor(r)};

	buf_init(&words, WORDS_MAX);
	if (!answer.error)
		answer.error = api_status_to_errno(r->status);
	if (r->error) {
		text_clean(&words, str_of(r->words), false);
	} else if (answer.error) {
		bool redirect = r->status >= 300 && r->status < 400;

		hide_token(a, &r->body); /* before a cut, which would leave the half of it */
		buf_printf(&words, "HTTP %ld%s", r->status, redirect ? ": a redirect, which is not followed" : "");
		if (r->body.len)
			buf_puts(&words, redirect ? "; " : ": ");
		api_error_words(&words, buf_str(&r->body));
		if (r->status == 401)
			buf_puts(&words, "; a new token is taken from its file at once, one in a variable needs a new "
					 "mount");
	}
	hide_token(a, &words);
	buf_addc(&words, '\0');
	answer.words = words.error ? "" : words.data;
	if (!http_date(r, &answer.date))
		answer.date = clock_wall_ms(a->clock) / 1000;
	answer.uncertain = is_uncertain(r);
	answer.unrouted = is_unrouted(r);
	answer.unsent = reach_failed(r);
	answer.lacks_scope = r->status == 403 && str_has(http_header(r, "WWW-Authenticate"), "insufficient_scope");
	if (answer.error && answer.error != -ENOENT)
		journal_add(&a->errors, a->clock, "%s %s: %s: %s", c->method, c->path, strerrordesc_np(-answer.error),
			    answer.words);
	if (str_to_u64(http_header(r, "X-Hits"), &answer.hits))
		answer.hits = UINT64_MAX;
	if (str_to_u64(http_header(r, "X-Max-Hits"), &answer.hits_max))
		answer.hits_max = UINT64_MAX;
	c->done(c->arg, &answer);
	call_free(c);
}

static void on_response(void *arg, struct http_response *r)
{
	struct api_call *c = arg;
	struct api *a = c->api;
	int64_t now = a->clock->now_ms(a->clock), due;

	journal_add(&a->requests, a->clock, "%s %s %ld %zu bytes %lld ms%s%s", c->method, *c->path ? c->path : "/",
		    r->status, r->body.len, (long long)r->took_ms, r->error ? " " : "", r->error ? r->words : "");
	a->limited |= !r->error && http_header(r, "X-Sentry-Rate-Limit-Limit").n;
	c->transfer = NULL;
	list_remove(&c->link);
	governor_end(governor_of(c), a->clock, r);
	due = retry_at(c, r, now);
	reach_heard(&c->server->reach, r, due < 0, now);
	if (due >= 0)
		wait_until(c, due);
	else
		finish(c, r);
	a->answered = true;
}

/* As if the server had said so. */
static void answer_with(struct api_call *c, long status, const char *json)
{
	struct http_response r = {.status = status, .words = ""};

	buf_init(&r.headers, 1);
	buf_init(&r.body, 128);
	buf_puts(&r.body, json);
	finish(c, &r);
	buf_done(&r.body);
}

/* Is it of a user whose token is none any more? */
static bool is_anothers(const struct api_call *c)
{
	return c->names && c->names != c->api->tokens;
}

/* Is nothing asked of the server? */
static bool is_refused(const struct api_call *c)
{
	return c->api->offline || (c->server->reach.away && !c->probe);
}

static void refuse(struct api_call *c)
{
	struct http_response r = {0};
	cleanup_buf struct buf words = {0};

	buf_init(&words, WORDS_MAX);
	r.error = server_refuse(c->server, c->class >= API_PUT, &words);
	buf_addc(&words, '\0');
	r.words = words.error ? "" : words.data;
	finish(c, &r);
}

static void start(struct api_call *c)
{
	struct api *a = c->api;
	int64_t now = a->clock->now_ms(a->clock), wait;
	struct http_request rq = {
		.method = c->method,
		.url = c->url,
		.authorization = a->authorization,
		.body = c->body,
		.timeout_ms = c->once ? (unsigned)(c->deadline - now) : c->within_ms,
		.anew = c->probe || c->tries,
	};

	/* its time may have ended since it was looked at, and no time would be for ever: the next tick ends it */
	if (is_refused(c) || is_anothers(c) || now >= c->deadline) {
		wait_until(c, now);
		return;
	}
	if (now < c->not_before) {
		wait_until(c, c->not_before);
		return;
	}
	wait = c->probe ? 0 : is_crowded(c) ? CROWDED_MS : governor_wait(governor_of(c), a->clock, rank_of(c));
	if (wait) {
		wait_until(c, now + wait < c->deadline ? now + wait : c->deadline);
		return;
	}
	governor_begin(governor_of(c), a->clock);
	c->tries++;
	c->tokens = a->tokens;
	a->sent++;
	c->transfer = a->transport->submit(a->transport, &rq, on_response, c);
	if (c->transfer) {
		list_add(&a->running, &c->link);
		return;
	}
	governor_end(governor_of(c), a->clock, NULL);
	wait_until(c, now + RETRY_FIRST_MS);
}

static const char *literal(const char *method)
{
	static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strcmp(methods[i], method))
			return methods[i];
	return NULL;
}

static struct api_call *new_call(struct api *a, const struct api_request *rq, api_done_fn *done, void *arg)
{
	struct server *server = rq->probe ? rq->probe : server_for(a, rq->path);
	cleanup_buf struct buf url = {0};
	struct api_call *c = server ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	list_init(&c->link);
	buf_init(&url, URL_MAX);
	buf_printf(&url, "%s/api/0/%s", server->origin, rq->path);
	if (rq->cursor) {
		buf_puts(&url, strchr(rq->path, '?') ? "&cursor=" : "?cursor=");
		url_encode(&url, str_of(rq->cursor));
	}
	c->api = a;
	c->server = server;
	c->probe = rq->probe;
	c->done = done;
	c->arg = arg;
	c->method = literal(rq->method);
	c->class = classify(rq->method, rq->path);
	c->ahead = rq->ahead;
	c->bulk = rq->bulk;
	c->names = rq->tokens;
	c->once = c->class >= API_PUT || rq->within_ms;
	c->within_ms = rq->within_ms ? rq->within_ms : a->timeout_s * 1000;
	c->deadline = a->clock->now_ms(a->clock) + rq->delay_ms + c->within_ms;
	c->not_before = rq->delay_ms ? c->deadline - c->within_ms : 0;
	c->path = strdup(rq->path);
	c->url = url.error ? NULL : str_dup(buf_str(&url));
	c->body = rq->body ? strdup(rq->body) : NULL;
	if (!c->method || !c->path || !c->url || (rq->body && !c->body)) {
		call_free(c);
		return NULL;
	}
	return c;
}

struct api_call *api_send(struct api *a, const struct api_request *rq, api_done_fn *done, void *arg)
{
	struct api_call *c = new_call(a, rq, done, arg);

	if (c)
		start(c);
	return c;
}

void api_slept(struct api *a, int64_t ms)
{
	struct list *l = a->running.next;

	for (struct list *at = a->waiting.next; at != &a->waiting; at = at->next)
		container_of(at, struct api_call, link)->deadline += ms;
	while (l != &a->running) {
		struct api_call *c = container_of(l, struct api_call, link);

		l = l->next;
		c->deadline += ms;
		if (strcmp(c->method, "GET"))
			continue;
		a->transport->cancel(a->transport, c->transfer);
		governor_end(governor_of(c), a->clock, NULL);
		c->tries--;
		list_remove(&c->link);
		wait_until(c, a->clock->now_ms(a->clock));
	}
}

void api_cancel(struct api_call *c)
{
	if (c->transfer) {
		c->api->transport->cancel(c->api->transport, c->transfer);
		governor_end(governor_of(c), c->api->clock, NULL);
	}
	call_free(c);
}

void api_hurry(struct api_call *c, const struct api_request *rq)
{
	bool slow = c->not_before && rq->delay_ms;

	if (!slow)
		c->not_before = 0;
	/* what is kept for others is for it now */
	if (!slow && (c->ahead || !rq->bulk) && !c->tries)
		c->due = 0;
	c->bulk = (c->ahead || c->bulk) && rq->bulk;
	c->ahead = false;
}

/* Starts those of the waiting calls that may. */
static void start_waiting(struct api *a, enum rank rank)
{
	struct list batch, *l = a->waiting.next;
	int64_t now = a->clock->now_ms(a->clock);

	list_init(&batch);
	while (l != &a->waiting) {
		struct api_call *c = container_of(l, struct api_call, link);

		l = l->next;
		/* an answer may have made room before the time */
		if (rank_of(c) == rank &&
		    (c->due <= now || is_refused(c) || (a->answered && !c->tries && now >= c->not_before))) {
			list_remove(&c->link);
			list_add(&batch, &c->link);
		}
	}
	while (!list_empty(&batch)) {
		struct api_call *c = list_first(&batch, struct api_call, link);

		list_remove(&c->link);
		if (is_refused(c))
			refuse(c);
		else if (is_anothers(c))
			answer_with(c, 401, "{\"detail\":\"the token is another one by now: write `me` once more\"}");
		else if (now >= c->deadline)
			answer_with(c, 429,
				    "{\"detail\":\"the rate limit leaves no room for this request in its time\"}");
		else
			start(c);
	}
}

int64_t api_tick(struct api *a)
{
	int64_t now, next;

	start_waiting(a, RANK_WAITED_FOR);
	start_waiting(a, RANK_BULK);
	start_waiting(a, RANK_AHEAD);
	a->answered = false;
	next = a->offline ? -1 : servers_tick(a);
	now = a->clock->now_ms(a->clock);
	for (struct list *l = a->waiting.next; l != &a->waiting; l = l->next) {
		struct api_call *c = container_of(l, struct api_call, link);
		int64_t left = c->due > now ? c->due - now : 0;

		if (next < 0 || left < next)
			next = left;
	}
	return next;
}
