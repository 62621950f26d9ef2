// SPDX-License-Identifier: MIT
/*
 * Pending operations: run, park, resume, interrupt, deadline.
 *
 * Owns the ops from op_new until they have replied. There is one thread: a
 * settled resource only moves its waiters to the ready list, and they run at the
 * loop's next turn. An interrupt or a deadline is leaving the waiters' list and
 * replying; what was being fetched goes on into the cache. Must not know FUSE.
 */
#include "sentryfs/op.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/log.h"
#include "sentryfs/process.h"

/* The kernel tells an interrupt once, for any signal; look again this often. */
#define INTERRUPT_LOOK_MS 50
#define SLEPT_MIN_MS 1000 /* less is no suspend */

/* ---- handles ---- */

struct handle *handle_free(struct handle *h)
{
	if (!h || --h->refs)
		return NULL;
	if (h->counts && !--h->node->opens)
		blob_unref(steal(&h->node->content));
	buf_done(&h->text);
	change_unref(h->sent);
	blob_unref(h->content);
	listing_unref(h->listing);
	list_remove(&h->link);
	node_unref(h->node, 1);
	free(h);
	return NULL;
}

struct handle *handle_new(struct node *n)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (h) {
		h->refs = 1;
		h->node = node_ref(n);
		list_add(&n->tree->handles, &h->link);
	}
	return h;
}

struct handle *handle_ref(struct handle *h)
{
	h->refs++;
	return h;
}

/* ---- operations ---- */

static int64_t now_ms(const struct mount *m)
{
	return m->clock->now_ms(m->clock);
}

static void move_to(struct op *op, struct list *where)
{
	list_remove(&op->link);
	list_add(where, &op->link);
}

static void on_settled(struct waiter *w)
{
	struct op *op = container_of(w, struct op, waiter);

	move_to(op, &op->mount->ready);
}

static void on_progress(struct waiter *w)
{
	struct op *op = container_of(w, struct op, waiter);

	int64_t due = now_ms(op->mount) + op->patience_ms;

	/* a deadline that was set short, under a lock of the kernel, stays */
	if (op->deadline >= op->start + op->patience_ms)
		op->deadline = due;
	if (op->each_page)
		move_to(op, &op->mount->ready);
}

/* What it asks of the server counts for its process. */
static void on_asks(struct asker *k, struct api_request *rq, bool begins)
{
	struct op *op = container_of(k, struct op, asker);
	struct mount *m = op->mount;
	struct crowd_place p = crowd_ask(&m->crowd, op->tid, begins, m->options->crawl, now_ms(m));
	char name[PROCESS_NAME_MAX];

	rq->bulk = p.bulk;
	rq->delay_ms = p.delay_ms;
	if (!p.news)
		return;
	process_name(op->tid, name);
	log_warning("%s (pid %d, uid %u) asked for over %u things: each further one waits %d ms; option crawl", name,
		    (int)op->tid, (unsigned)op->uid, m->options->crawl, CROWD_BRAKE_MS);
	journal_add(&m->api.errors, m->clock,
		    "%s (pid %d, uid %u) asked for over %u things: each further one waits %d ms (option crawl); keep "
		    "an indexer away with fuse.sentryfs in PRUNEFS of /etc/updatedb.conf",
		    name, (int)op->tid, (unsigned)op->uid, m->options->crawl, CROWD_BRAKE_MS);
}

struct op *op_new(struct mount *m, const struct op_reply *reply, void *request, int (*run)(struct op *),
		  struct node *node, const char *name)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	list_init(&op->link);
	list_init(&op->waiter.link);
	op->waiter.settled = on_settled;
	op->waiter.progress = on_progress;
	op->asker.asks = on_asks;
	op->mount = m;
	op->reply = reply;
	op->request = request;
	op->run = run;
	op->node = node_ref(node);
	if (name)
		snprintf(op->name, sizeof(op->name), "%s", name);
	op->start = now_ms(m);
	op->patience_ms = m->options->timeout * 1000;
	op->deadline = op->start + op->patience_ms;
	op->stale_from = op->start + OP_REFRESH_WAIT_MS;
	m->operations++;
	return op;
}

void op_free(struct op *op)
{
	list_remove(&op->link);
	list_remove(&op->waiter.link);
	guard_waited(&op->mount->guard, op->node, op->start, now_ms(op->mount));
	node_unref(op->node, 1);
	node_unref(op->to, 1);
	node_unref(op->target, 1);
	blob_unref(op->data);
	handle_free(op->held);
	change_unref(op->change);
	free(op);
}

static void fail(struct op *op, int err)
{
	list_remove(&op->waiter.link);
	op->reply->error(op, err);
	op_free(op);
}

static void run(struct op *op)
{
	int r;

	list_remove(&op->waiter.link);
	r = op->run(op);
	if (r == -EINPROGRESS)
		move_to(op, &op->mount->parked);
	else if (r)
		fail(op, r);
	else
		op_free(op);
}

void op_start(struct op *op)
{
	run(op);
}

void op_interrupt(struct op *op)
{
	op->interrupted = true;
}

void op_lock(struct op *op)
{
	op->locked = true;
	if (op->deadline > op->start + OP_LOCKED_WAIT_MS)
		op->deadline = op->start + OP_LOCKED_WAIT_MS;
}

void op_wait_little(struct op *op, unsigned ms, int error)
{
	if (op->late)
		return;
	op->late = error;
	op->deadline = op->locked ? op->start + OP_LOCKED_WAIT_MS : now_ms(op->mount) + ms;
}

int op_wait(struct op *op, struct change *c)
{
	change_wait(c, &op->waiter);
	if (c == op->change)
		op->deadline = INT64_MAX / 4;
	return -EINPROGRESS;
}

int op_need(struct op *op, struct cache_want *want, struct resource **ret)
{
	want->since = op->start;
	want->asker = &op->asker;
	want->stale_ok |= op->stale_ok;
	return cache_need(&op->mount->cache, want, want->peek ? NULL : &op->waiter, ret);
}

/* While the machine was suspended nobody waited. */
static void look_at_sleep(struct mount *m)
{
	int64_t slept = clock_slept_ms(m->clock), ms = slept - m->slept;

	m->slept = slept;
	if (ms < SLEPT_MIN_MS)
		return;
	m->woke = true;
	for (struct list *l = m->parked.next; l != &m->parked; l = l->next) {
		struct op *op = container_of(l, struct op, link);

		op->deadline += op->deadline < INT64_MAX / 8 ? ms : 0;
		op->stale_from += ms;
	}
	api_slept(&m->api, ms);
}

/* What became of a parked op: an errno to end it with, or 0. */
static int look(struct op *op, int64_t now)
{
	if (op->interrupted && process_wants_to_stop(op->tid))
		return -EINTR;
	if (now >= op->deadline)
		return op->late ? op->late : -ETIMEDOUT;
	return 0;
}

int64_t op_tick(struct mount *m)
{
	int64_t now = now_ms(m), next = -1, due;
	struct list *l, batch;

	look_at_sleep(m);
	for (l = m->parked.next; l != &m->parked;) {
		struct op *op = container_of(l, struct op, link);
		int err = look(op, now);

		l = l->next;
		if (err) {
			if (op->gave_up)
				op->gave_up(op, err);
			fail(op, err);
		} else if (!op->stale_ok && now >= op->stale_from) {
			op->stale_ok = true;
			move_to(op, &m->ready);
		}
	}
	list_init(&batch);
	while (!list_empty(&m->ready))
		move_to(list_first(&m->ready, struct op, link), &batch);
	while (!list_empty(&batch)) {
		struct op *op = list_first(&batch, struct op, link);

		list_remove(&op->link);
		run(op);
	}
	if (!list_empty(&m->ready))
		return 0;
	for (l = m->parked.next; l != &m->parked; l = l->next) {
		struct op *op = container_of(l, struct op, link);

		due = op->deadline;
		if (!op->stale_ok && op->stale_from < due)
			due = op->stale_from;
		due = due > now ? due - now : 0;
		if (op->interrupted && due > INTERRUPT_LOOK_MS)
			due = INTERRUPT_LOOK_MS;
		if (next < 0 || due < next)
			next = due;
	}
	return next;
}

void op_end_all(struct mount *m)
{
	while (!list_empty(&m->ready))
		fail(list_first(&m->ready, struct op, link), -ENOTCONN);
	while (!list_empty(&m->parked))
		fail(list_first(&m->parked, struct op, link), -ENOTCONN);
}
