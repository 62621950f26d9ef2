// SPDX-License-Identifier: MIT
/*
 * .sentryfs/status: a line for each thing that is known of the mount, its name and its
 * value parted by a tab. All of it is in memory, so that it can always be read. Owns nothing.
 */
#include "sentryfs/status.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sentryfs/log.h"
#include "sentryfs/name.h"
#include "sentryfs/server.h"
#include "sentryfs/show.h"

static void add_cut(struct buf *b, const struct mount *m)
{
	size_t pos = 0;
	struct resource *r;

	while ((r = map_next(&m->cache.resources, &pos)))
		if (r->listing && r->listing->cut)
			buf_printf(b, "cut\t%s: %zu shown, more exist\n", r->key, r->listing->n);
}

/* Whether the mount does something, and if not, why. */
static const char *may(const struct mount *m, enum need need, bool refused)
{
	if (access_may(&m->access, m->options, need))
		return m->access.known ? "yes" : "not known yet, the server decides";
	if (m->options->read_only)
		return "no, by option ro";
	if (need == NEED_DELETE && m->options->no_delete)
		return "no, by option nodelete";
	return refused		     ? "no, the server refused it for a lack of scope"
	       : need == NEED_DELETE ? "no, the token lacks event:admin"
				     : "no, the token lacks event:write";
}

/* A moment of the monotonic clock as the wall clock showed it. */
static void add_moment(struct buf *b, const struct mount *m, int64_t ms)
{
	char text[CLOCK_TEXT];

	clock_moment(m->clock, ms, text);
	buf_puts(b, text);
}

static void add_since(struct buf *b, const struct mount *m, const char *how, int64_t since)
{
	buf_puts(b, how);
	add_moment(b, m, since);
	buf_printf(b, ", %lld s", (long long)(m->clock->now_ms(m->clock) - since) / 1000);
}

static void add_why(struct buf *b, const struct server *s)
{
	if (s->reach.away) {
		buf_puts(b, ": ");
		text_clean(b, str_of(s->reach.words), false);
		buf_printf(b, "; nothing is sent, but a look %s whether it is back", s->probe ? "now" : "within 4 s");
	}
	buf_addc(b, '\n');
}

/* Where there are regions: each server by itself. */
static void add_servers(struct buf *b, const struct mount *m)
{
	for (const struct list *l = m->api.servers.next; l != &m->api.servers; l = l->next) {
		const struct server *s = server_at(l);

		buf_printf(b, "origin\t%s: ", s->origin);
		if (s->reach.since < 0)
			buf_puts(b, "not asked yet");
		else
			add_since(b, m, s->reach.answers ? "yes, since " : "no, since ", s->reach.since);
		add_why(b, s);
	}
}

/* Whether the servers answer, since when, and why not. */
static void add_online(struct buf *b, const struct mount *m)
{
	const struct list *first = m->api.servers.next;
	bool one = first->next == &m->api.servers;
	int64_t since;
	enum servers_online online = servers_online(&m->api, &since);

	if (m->api.offline) {
		buf_puts(b, "online\tno, by option offline\n");
		return;
	}
	if (online == SERVERS_ALL) {
		buf_puts(b, "online\tyes\n");
		if (since >= 0) {
			buf_puts(b, "online_since\t");
			add_moment(b, m, since);
			buf_addc(b, '\n');
		}
	} else {
		add_since(b, m, online == SERVERS_SOME ? "online\tin part, since " : "online\tno, since ", since);
		if (one)
			add_why(b, server_at(first));
		else
			buf_addc(b, '\n');
	}
	if (!one)
		add_servers(b, m);
}

/* Of a server's buckets those that it told something of. */
static void add_limits(struct buf *b, const struct mount *m, const struct server *s)
{
	bool own = s->link.prev == &m->api.servers;
	struct timespec wall;

	m->clock->wall(m->clock, &wall);
	for (enum api_class c = 0; c < API_CLASSES; c++) {
		const struct governor *g = &s->governors[c];
		long long left = (long long)g->reset - (long long)wall.tv_sec;

		if (!g->known && g->blocked <= m->clock->now_ms(m->clock))
			continue;
		buf_printf(b, "limit_%s\t", api_class_name(c));
		if (g->blocked > m->clock->now_ms(m->clock))
			buf_printf(b, "refused by the server for %lld s more; ",
				   (long long)(g->blocked - m->clock->now_ms(m->clock) + 999) / 1000);
		if (left > 0)
			buf_printf(b, "%u of %u left for %lld s", g->remaining, g->limit, left);
		else
			buf_printf(b, "%u in a window", g->limit);
		if (g->at_once)
			buf_printf(b, ", %u at once", g->at_once);
		buf_printf(b, "%s%s\n", own ? "" : ", at ", own ? "" : s->origin);
	}
}

static const char *known(const struct mount *m, const char *text)
{
	return text ? text : m->access.known ? "not told" : "not asked yet (the first ls of an issues/ asks)";
}

int show_status(struct buf *b, const struct source *s)
{
	const struct mount *m = s->mount;
	cleanup_free char *token_from = token_where(m->options, m->token_place);

	buf_printf(b, "version\t%s\nserver\t%s\ndialect\t%s\nmountpoint\t%s\npid\t%d\n", SENTRYFS_VERSION,
		   m->api.origin, dialect_name(&m->dialect), m->options->mountpoint, (int)getpid());
	buf_printf(b, "query\t%s\nmax_issues\t%u\nmax_events\t%u\ntimeout\t%u\n", m->options->query,
		   m->options->max_issues, m->options->max_events, m->options->timeout);
	buf_printf(b, "requests\t%llu\nerrors\t%llu\noperations\t%llu\ncached_bytes\t%zu\ncache_memory\t%zu\n",
		   (unsigned long long)m->api.sent, (unsigned long long)m->api.errors.count,
		   (unsigned long long)m->operations, m->cache.bytes, m->cache.bytes_max);
	add_online(b, m);
	buf_printf(b, "user\t%s\nscopes\t%s\n", known(m, m->access.user), known(m, m->access.scopes));
	buf_printf(b, "token\tfrom %s\n", token_from ? token_from : "");
	for (const struct list *l = m->api.servers.next; l != &m->api.servers; l = l->next)
		add_limits(b, m, server_at(l));
	buf_puts(b, "store\t");
	store_show(m->store, b);
	buf_addc(b, '\n');
	buf_printf(b, "writes\t%s\ndeletes\t%s\n", may(m, NEED_WRITE, m->access.no_write),
		   may(m, NEED_DELETE, m->access.no_remove));
	if (m->crowd.slowed)
		buf_printf(b, "slowed\t%llu processes, see errors\n", (unsigned long long)m->crowd.slowed);
	add_cut(b, m);
	return 0;
}

void status_log(const struct mount *m)
{
	static const char *const online[] = {
		[SERVERS_NONE] = "offline", [SERVERS_SOME] = "online in part", [SERVERS_ALL] = "online"};
	const struct api *a = &m->api;
	struct timespec wall;
	int64_t since;

	m->clock->wall(m->clock, &wall);
	log_notice("%s on %s: up %lld s, %s, %llu requests, %llu errors, %llu operations, %zu bytes cached", a->origin,
		   m->options->mountpoint, (long long)(wall.tv_sec - m->born.tv_sec),
		   a->offline ? "offline by option" : online[servers_online(a, &since)], (unsigned long long)a->sent,
		   (unsigned long long)a->errors.count, (unsigned long long)m->operations, m->cache.bytes);
}
