// SPDX-License-Identifier: MIT
/*
 * A purse for each process: a request takes a second of credit out of it, and each second
 * puts one back. Owns the purses. Must not know requests, nor what becomes of who is slowed.
 */
#include "sentryfs/crowd.h"

#include <string.h>

#define REQUEST_MS INT64_C(1000)

static struct crowd_member *find(struct crowd *c, const struct process *who, unsigned budget)
{
	struct crowd_member *oldest = c->members;

	for (struct crowd_member *m = c->members; m < c->members + CROWD_MAX; m++) {
		if (process_same(&m->who, who))
			return m;
		if (m->at < oldest->at)
			oldest = m;
	}
	*oldest = (struct crowd_member){.who = *who, .few = CROWD_FEW * REQUEST_MS, .credit = budget * REQUEST_MS};
	return oldest;
}

static void refill(int64_t *credit, int64_t ms, int64_t most)
{
	*credit = ms > most - *credit ? most : *credit + ms;
}

static void take(int64_t *credit)
{
	*credit = *credit > REQUEST_MS ? *credit - REQUEST_MS : 0;
}

static struct crowd_member *look(struct crowd *c, const struct process *who, unsigned budget, int64_t now)
{
	struct crowd_member *m = find(c, who, budget);

	if (m->at) {
		refill(&m->few, now - m->at, CROWD_FEW * REQUEST_MS);
		refill(&m->credit, now - m->at, budget * REQUEST_MS);
	}
	m->at = now;
	return m;
}

/* What the children of one process ask for together is a crowd too, when it is much: xargs,
 * a loop in a shell. */
static bool is_of_a_crowd(struct crowd *c, pid_t parent, bool begins, unsigned budget, int64_t now)
{
	struct crowd_member *m;
	struct process who;
	bool bulk;

	if (parent <= 1 || !process_of(parent, &who))
		return false;
	m = look(c, &who, budget, now);
	bulk = m->few < REQUEST_MS;
	if (begins)
		take(&m->few);
	return bulk;
}

/* `sentryfs fetch` is told to ask for all, and the server's limits hold for it as for everybody. The name is
 * looked at last: the brake is for who does not know what they do. */
static bool is_fetch(pid_t tid)
{
	char name[PROCESS_NAME_MAX];

	process_name(tid, name);
	return !strcmp(name, "sentryfs");
}

struct crowd_place crowd_ask(struct crowd *c, pid_t tid, bool begins, unsigned budget, int64_t now)
{
	struct crowd_place place = {0};
	struct crowd_member *m;
	struct process who;

	if (!process_of(tid, &who))
		return place;
	place.bulk = is_of_a_crowd(c, who.ppid, begins, budget, now);
	m = look(c, &who, budget, now);
	place.bulk |= m->few < REQUEST_MS;
	if (budget && m->credit < REQUEST_MS && !is_fetch(tid)) {
		place.delay_ms = CROWD_BRAKE_MS;
		place.news = begins && !m->told;
		c->slowed += place.news;
		m->told |= begins;
	}
	if (begins) {
		take(&m->few);
		take(&m->credit);
	}
	return place;
}
