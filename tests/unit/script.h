// SPDX-License-Identifier: MIT
/*
 * What the tests put in the place of the network, of time and of the kernel: a
 * transport that answers when a test says so, a clock that a test moves, and
 * replies that are kept to be looked at. No threads, no sockets.
 */
#ifndef SENTRYFS_TEST_SCRIPT_H
#define SENTRYFS_TEST_SCRIPT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sentryfs/http.h"
#include "sentryfs/list.h"
#include "sentryfs/verbs.h"

/* ---- time ---- */

#define SCRIPT_START_MS INT64_C(5000000)
#define SCRIPT_START_WALL INT64_C(1767225600)

struct script_clock {
	struct clock clock;
	int64_t now;
	int64_t slept;
	int64_t set; /* s: by which somebody set the wall clock ahead */
};

static inline int64_t script_now(const struct clock *c)
{
	return container_of(c, struct script_clock, clock)->now;
}

static inline int64_t script_slept(const struct clock *c)
{
	return container_of(c, struct script_clock, clock)->slept;
}

static inline int64_t script_wall_s(const struct script_clock *c)
{
	return SCRIPT_START_WALL + c->set + (c->now - SCRIPT_START_MS) / 1000;
}

static inline void script_wall(const struct clock *c, struct timespec *ts)
{
	const struct script_clock *s = container_of(c, struct script_clock, clock);

	ts->tv_sec = (time_t)script_wall_s(s);
	ts->tv_nsec = (long)(s->now % 1000) * 1000000;
}

/* ---- who waits ---- */

struct looker {
	struct waiter waiter;
	unsigned settled, progress;
};

static inline void looker_on_settled(struct waiter *w)
{
	container_of(w, struct looker, waiter)->settled++;
}

static inline void looker_on_progress(struct waiter *w)
{
	container_of(w, struct looker, waiter)->progress++;
}

static inline void looker_init(struct looker *l)
{
	*l = (struct looker){.waiter = {.settled = looker_on_settled, .progress = looker_on_progress}};
	list_init(&l->waiter.link);
}

/* ---- the network ---- */

#define SCRIPT_TRANSFERS 2400

struct script_transfer {
	char *method, *url, *body;
	unsigned timeout_ms;
	bool anew;
	http_done *done;
	void *arg;
	bool ended, cancelled;
};

struct script {
	struct transport transport;
	struct script_clock clock;
	struct script_transfer transfers[SCRIPT_TRANSFERS];
	size_t n;  /* requests ever */
	bool deaf; /* nothing can be submitted */
	bool any_token;
};

static inline void *script_submit(struct transport *t, const struct http_request *rq, http_done *done, void *arg)
{
	struct script *s = container_of(t, struct script, transport);
	struct script_transfer *x = &s->transfers[s->n];

	if (s->deaf)
		return NULL;
	assert_true(s->n < SCRIPT_TRANSFERS);
	assert_true(rq->timeout_ms > 0 && rq->timeout_ms <= 3600000); /* 0 would be for ever */
	if (!s->any_token)
		assert_string_equal(rq->authorization, "Authorization: Bearer t0ken");
	*x = (struct script_transfer){.method = strdup(rq->method),
				      .url = strdup(rq->url),
				      .body = strdup(rq->body ? rq->body : ""),
				      .timeout_ms = rq->timeout_ms,
				      .anew = rq->anew,
				      .done = done,
				      .arg = arg};
	assert_true(x->method && x->url && x->body);
	s->n++;
	return x;
}

static inline void script_cancel(struct transport *t, void *transfer)
{
	struct script_transfer *x = transfer;

	(void)t;
	assert_false(x->ended || x->cancelled);
	x->cancelled = true;
}

static inline void script_init(struct script *s)
{
	*s = (struct script){.transport = {script_submit, script_cancel},
			     .clock = {{script_now, script_wall, script_slept}, SCRIPT_START_MS, 0, 0}};
}

static inline void script_done(struct script *s)
{
	for (size_t i = 0; i < s->n; i++) {
		assert_true(s->transfers[i].ended || s->transfers[i].cancelled);
		free(s->transfers[i].method);
		free(s->transfers[i].url);
		free(s->transfers[i].body);
	}
}

static inline void script_end(struct script *s, size_t i, struct http_response *r)
{
	struct script_transfer *x = &s->transfers[i];

	assert_true(i < s->n);
	assert_false(x->ended || x->cancelled);
	x->ended = true;
	x->done(x->arg, r);
	buf_done(&r->headers);
	buf_done(&r->body);
}

/* Ends the i-th request with an answer; `headers` are whole lines, or NULL. */
static inline void script_answer(struct script *s, size_t i, long status, const char *headers, const char *body)
{
	struct http_response r = {.status = status, .words = ""};

	buf_init(&r.headers, 65536);
	buf_init(&r.body, 16 << 20);
	buf_puts(&r.headers, headers ? headers : "");
	buf_puts(&r.body, body);
	script_end(s, i, &r);
}

/* Ends the i-th request with an answer and one more page behind `cursor`. */
static inline void script_page(struct script *s, size_t i, const char *cursor, const char *body)
{
	char headers[512];

	snprintf(headers, sizeof(headers), "Link: <https://h/x>; rel=\"next\"; results=\"true\"; cursor=\"%s\"\r\n",
		 cursor);
	script_answer(s, i, 200, headers, body);
}

/* Ends the i-th request without an answer. */
static inline void script_break(struct script *s, size_t i, int error)
{
	struct http_response r = {.error = error, .words = "the line went dead"};

	script_end(s, i, &r);
}

/* The i-th request was this one. */
static inline void script_sent(const struct script *s, size_t i, const char *method, const char *path, const char *body)
{
	char url[4096];

	assert_true(i < s->n);
	snprintf(url, sizeof(url), "https://h/api/0/%s", path);
	assert_string_equal(s->transfers[i].method, method);
	assert_string_equal(s->transfers[i].url, url);
	assert_string_equal(s->transfers[i].body, body);
}

static inline void script_asked(const struct script *s, size_t i, const char *path)
{
	script_sent(s, i, "GET", path, "");
}

/* ---- the kernel ---- */

enum script_form {
	REPLY_NONE,
	REPLY_ERROR,
	REPLY_ENTRY,
	REPLY_ATTR,
	REPLY_TEXT,
	REPLY_OPENED,
	REPLY_WRITTEN,
	REPLY_LISTED
};

struct script_reply {
	enum script_form form;
	int error;
	struct op_entry entry;
	struct stat attr;
	double timeout;
	char text[512];
	struct handle *handle; /* the test's to free */
	bool keep_cache, direct_io;
	size_t written;
};

static inline struct script_reply *script_reply_of(struct op *op, enum script_form form)
{
	struct script_reply *r = op->request;

	assert_int_equal(r->form, REPLY_NONE); /* no op is answered twice */
	r->form = form;
	return r;
}

static inline void script_on_error(struct op *op, int err)
{
	script_reply_of(op, REPLY_ERROR)->error = err;
}

static inline void script_on_entry(struct op *op, const struct op_entry *e)
{
	script_reply_of(op, REPLY_ENTRY)->entry = *e;
}

static inline void script_on_attr(struct op *op, const struct stat *attr, double timeout)
{
	struct script_reply *r = script_reply_of(op, REPLY_ATTR);

	r->attr = *attr;
	r->timeout = timeout;
}

static inline void script_on_text(struct op *op, const char *text)
{
	struct script_reply *r = script_reply_of(op, REPLY_TEXT);

	snprintf(r->text, sizeof(r->text), "%s", text);
}

static inline void script_on_opened(struct op *op, struct handle *h, bool keep_cache, bool direct_io)
{
	struct script_reply *r = script_reply_of(op, REPLY_OPENED);

	r->handle = h;
	r->keep_cache = keep_cache;
	r->direct_io = direct_io;
}

static inline void script_on_created(struct op *op, const struct op_entry *e, struct handle *h)
{
	struct script_reply *r = script_reply_of(op, REPLY_OPENED);

	r->entry = *e;
	r->handle = h;
}

static inline void script_on_written(struct op *op, size_t n)
{
	script_reply_of(op, REPLY_WRITTEN)->written = n;
}

static inline void script_on_listed(struct op *op)
{
	script_reply_of(op, REPLY_LISTED);
}

static const struct op_reply script_replies = {script_on_error,	  script_on_entry,  script_on_attr,
					       script_on_text,	  script_on_opened, script_on_created,
					       script_on_written, script_on_listed};

/* An op that a test fills further and then starts; what it answers is in *r, at once or
 * later. It is borrowed, and gone when *r has a form. */
static inline struct op *script_op(struct mount *m, struct script_reply *r, int (*verb)(struct op *), struct node *node,
				   const char *name)
{
	struct op *op;

	*r = (struct script_reply){0};
	op = op_new(m, &script_replies, r, verb, node, name);
	assert_non_null(op);
	return op;
}

static inline struct op *script_run(struct mount *m, struct script_reply *r, int (*verb)(struct op *),
				    struct node *node, const char *name)
{
	struct op *op = script_op(m, r, verb, node, name);

	op_start(op);
	return op;
}

#endif
