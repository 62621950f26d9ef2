// SPDX-License-Identifier: MIT
/*
 * The circuit breaker between requests and a network that is away. Owns its state alone.
 * Must not know what a request is for, nor how a probe is sent.
 */
#include "sentryfs/reach.h"

#include <errno.h>
#include <stdio.h>

bool reach_failed(const struct http_response *r)
{
	return r->error == -ECONNREFUSED || r->error == -EHOSTUNREACH;
}

void reach_lost(struct reach *k, const struct http_response *r, int64_t now)
{
	k->pause_ms = !k->away ? REACH_FIRST_MS : k->pause_ms * 2;
	if (k->pause_ms > REACH_PAUSE_MS)
		k->pause_ms = REACH_PAUSE_MS;
	k->soonest = now + k->pause_ms;
	k->probe_at = now + REACH_PAUSE_MS;
	k->away = true;
	k->error = r->error;
	snprintf(k->words, sizeof(k->words), "%s", r->words ? r->words : "");
}

void reach_want(struct reach *k)
{
	if (k->probe_at > k->soonest)
		k->probe_at = k->soonest;
}

void reach_found(struct reach *k)
{
	k->away = false;
}

int64_t reach_due(const struct reach *k, int64_t now)
{
	if (!k->away || k->probing)
		return -1;
	return k->probe_at > now ? k->probe_at - now : 0;
}

void reach_words(const struct reach *k, bool changes, struct buf *b)
{
	buf_printf(b, "the server cannot be reached (%s), so %s; it is looked for every few seconds", k->words,
		   changes ? "nothing was sent" : "it was not asked");
}
