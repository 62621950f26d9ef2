// SPDX-License-Identifier: MIT
/*
 * The circuit breaker between requests and a server that is away. Owns its state alone.
 * Must not know what a request is for, nor how a probe is sent.
 */
#include "sentryfs/reach.h"

#include <errno.h>
#include <stdio.h>

void reach_init(struct reach *k)
{
	*k = (struct reach){.since = -1, .heard = -1};
}

/* We had no descriptor for a connection; that tells nothing of the server. */
static bool is_ours(const struct http_response *r)
{
	return r->error == -EMFILE || r->error == -ENFILE;
}

bool reach_failed(const struct http_response *r)
{
	return r->error == -ECONNREFUSED || r->error == -EHOSTUNREACH || r->error == -EPROTO || is_ours(r);
}

static void lose(struct reach *k, const struct http_response *r, int64_t now)
{
	k->pause_ms = !k->away ? REACH_FIRST_MS : k->pause_ms * 2;
	if (k->pause_ms > REACH_PAUSE_MS)
		k->pause_ms = REACH_PAUSE_MS;
	k->soonest = now + k->pause_ms;
	k->due = now + REACH_PAUSE_MS;
	k->away = true;
	k->error = r->error;
	snprintf(k->words, sizeof(k->words), "%s", r->words ? r->words : "");
}

void reach_heard(struct reach *k, const struct http_response *r, bool last, int64_t now)
{
	bool answers = !r->error;

	if (is_ours(r))
		return;
	if (k->since < 0 || k->answers != answers)
		k->since = now;
	k->answers = answers;
	if (answers) {
		k->heard = now;
		k->away = false;
	} else if (last && reach_failed(r)) {
		lose(k, r, now);
	}
}

bool reach_is_offline(const struct reach *k)
{
	return k->since >= 0 && !k->answers;
}

int64_t reach_due(const struct reach *k, int64_t now)
{
	if (!k->away)
		return -1;
	return k->due > now ? k->due - now : 0;
}

void reach_probed(struct reach *k, int64_t now)
{
	k->due = now + REACH_PAUSE_MS;
}

int reach_refuse(struct reach *k, const char *origin, bool changes, struct buf *why)
{
	if (k->due > k->soonest)
		k->due = k->soonest;
	buf_printf(why, "the server cannot be reached (%s: %s), so %s; it is looked for every few seconds", origin,
		   k->words, changes ? "nothing was sent" : "it was not asked");
	return k->error;
}
