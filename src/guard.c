// SPDX-License-Identifier: MIT
/*
 * The guard of rmdir: who was refused what, and who deleted how much.
 *
 * Owns its records; shares the nodes in them. Records end with their five seconds, or
 * with their process. Must not know the server.
 */
#include "sentryfs/guard.h"

#include <errno.h>

#include "sentryfs/kinds.h"

#define RECORDS_MAX 4096
#define MINUTE_MS 60000
#define WAITED_MS 1000 /* less is not worth a look */

struct refusal {
	struct list link;
	struct node *dir; /* shared */
	bool is_dir;
	struct process who;
	int64_t when;
	int64_t walk; /* the same for siblings, but moved on by what they had to wait */
};

struct deletion {
	struct list link;
	uint64_t issue; /* its ino: to try again is not to delete another one */
	struct process who;
	int64_t when;
};

void guard_init(struct guard *g)
{
	*g = (struct guard){0};
	list_init(&g->refusals);
	list_init(&g->deletes);
}

static void drop_refusal(struct guard *g, struct refusal *r)
{
	list_remove(&r->link);
	node_unref(r->dir, 1);
	free(r);
	g->n--;
}

void guard_done(struct guard *g)
{
	while (!list_empty(&g->refusals))
		drop_refusal(g, list_first(&g->refusals, struct refusal, link));
	while (!list_empty(&g->deletes)) {
		struct deletion *d = list_first(&g->deletes, struct deletion, link);

		list_remove(&d->link);
		free(d);
	}
}

static bool is_above(const struct node *a, const struct node *b)
{
	while (b && b != a)
		b = b->parent;
	return b;
}

static const struct node *issues_of(const struct node *n)
{
	while (n && n->kind->id != KIND_ISSUES)
		n = n->parent;
	return n;
}

/* Does a refusal in `dir` have to do with what is in `where`? */
static bool touches(const struct node *dir, const struct node *where)
{
	return is_above(dir, where) || is_above(where, dir);
}

/* Drops what holds for nobody any more; when there is no room, the oldest too. */
static void prune(struct guard *g, int64_t now)
{
	struct list *l = g->refusals.next;
	struct process last = {0};
	bool alive = true;

	while (l != &g->refusals) {
		struct refusal *r = container_of(l, struct refusal, link);

		l = l->next;
		if (now - r->walk < GUARD_MS)
			continue;
		if (!process_same(&last, &r->who)) {
			last = r->who;
			alive = process_alive(&last);
		}
		if (!alive)
			drop_refusal(g, r);
	}
	if (g->n >= RECORDS_MAX)
		drop_refusal(g, list_first(&g->refusals, struct refusal, link));
}

void guard_refused(struct guard *g, struct node *dir, bool is_dir, const struct process *who, int64_t now)
{
	struct refusal *r = NULL;

	for (struct list *l = g->refusals.prev; l != &g->refusals && !r; l = l->prev) {
		struct refusal *old = container_of(l, struct refusal, link);

		if (old->dir == dir && old->is_dir == is_dir && process_same(&old->who, who))
			r = old;
	}
	if (!r) {
		if (g->n >= RECORDS_MAX / 2)
			prune(g, now);
		r = calloc(1, sizeof(*r));
		if (!r)
			return;
		list_init(&r->link);
		r->dir = node_ref(dir);
		r->is_dir = is_dir;
		r->who = *who;
		g->n++;
	}
	r->when = r->walk = now;
	list_remove(&r->link);
	list_add(&g->refusals, &r->link);
}

void guard_waited(struct guard *g, const struct node *node, int64_t began, int64_t now)
{
	const struct node *issues;

	if (!g->n || now - began < WAITED_MS || !(issues = issues_of(node)))
		return;
	for (struct list *l = g->refusals.prev; l != &g->refusals; l = l->prev) {
		struct refusal *r = container_of(l, struct refusal, link);

		if (began - r->walk < GUARD_MS && touches(r->dir, issues))
			r->walk = now;
	}
}

static bool is_refused(const struct guard *g, const struct node *issue, const struct process *who, int64_t now)
{
	for (struct list *l = g->refusals.prev; l != &g->refusals; l = l->prev) {
		const struct refusal *r = container_of(l, struct refusal, link);
		bool recent = now - r->when < GUARD_MS, walking = now - r->walk < GUARD_MS;

		if (touches(r->dir, issue) && (recent || (process_same(&r->who, who) && who->tgid)))
			return true;
		if (walking && r->is_dir && r->who.ppid == who->ppid && touches(r->dir, issues_of(issue)))
			return true;
	}
	return false;
}

int guard_check(const struct guard *g, const struct node *issue, const struct process *who, unsigned max, int64_t now)
{
	unsigned own = 0, all = 0;

	if (is_refused(g, issue, who, now))
		return -ENOTEMPTY;
	for (struct list *l = g->deletes.prev; l != &g->deletes; l = l->prev) {
		const struct deletion *d = container_of(l, struct deletion, link);

		bool recent = now - d->when < MINUTE_MS;

		/* those that cannot be told apart share what one may do in a minute */
		own += process_same(&d->who, who) && (who->tgid || recent) && d->issue != issue->ino;
		all += recent;
	}
	return own >= max || all >= (max > GUARD_A_MINUTE ? max : GUARD_A_MINUTE) ? -EDQUOT : 0;
}

int guard_deleting(struct guard *g, const struct node *issue, const struct process *who, int64_t now)
{
	struct list *l = g->deletes.next;
	struct deletion *d;

	while (l != &g->deletes) {
		d = container_of(l, struct deletion, link);
		l = l->next;
		if (now - d->when >= MINUTE_MS && !process_alive(&d->who)) {
			list_remove(&d->link);
			free(d);
		}
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	list_init(&d->link);
	d->issue = issue->ino;
	d->who = *who;
	d->when = now;
	list_add(&g->deletes, &d->link);
	return 0;
}
