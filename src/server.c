// SPDX-License-Identifier: MIT
/*
 * The servers of one mount, by origin: each with its limits (governor.h) and with whether it
 * can be reached (reach.h).
 *
 * Owns them, and the probe of each that is away. Must not know what is asked, but the
 * organization that a path begins with: api->region says where that lives.
 */
#include "sentryfs/server.h"

#include <errno.h>

struct server *server_of(struct api *a, const char *origin)
{
	struct server *s;
	size_t n = 0;

	for (struct list *l = a->servers.next; l != &a->servers; l = l->next, n++)
		if (!strcmp(server_at(l)->origin, origin))
			return server_at(l);
	if (n >= SERVERS_MAX)
		return server_at(a->servers.next);
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->api = a;
	s->origin = strdup(origin);
	if (!s->origin) {
		free(s);
		return NULL;
	}
	reach_init(&s->reach);
	list_add(&a->servers, &s->link);
	return s;
}

/* The organization of a path; empty: it is of none. */
static struct str organization_of(const char *path)
{
	struct str rest = str_of(path), first = str_cut(&rest, '/');

	if (!rest.s || (!str_eqz(first, "organizations") && !str_eqz(first, "projects")))
		return (struct str){NULL, 0};
	return str_cut(&rest, '/');
}

struct server *server_for(struct api *a, const char *path)
{
	struct str organization = organization_of(path);
	cleanup_free char *region = a->region && organization.n ? a->region(a->region_arg, organization) : NULL;

	return server_of(a, region ? region : a->origin);
}

bool server_is_away(struct api *a, const char *path)
{
	struct server *s = a->offline ? NULL : server_for(a, path);

	return a->offline || (s && reach_is_offline(&s->reach));
}

void servers_done(struct api *a)
{
	while (!list_empty(&a->servers)) {
		struct server *s = list_first(&a->servers, struct server, link);

		if (s->probe)
			api_cancel(s->probe);
		list_remove(&s->link);
		free(s->origin);
		free(s);
	}
}

int server_refuse(struct server *s, bool changes, struct buf *why)
{
	if (!s->api->offline)
		return reach_refuse(&s->reach, s->origin, changes, why);
	buf_puts(why, changes ? "this mount is offline by its option, so nothing can be changed"
			      : "this mount is offline by its option, and the store does not have it");
	return -EHOSTUNREACH;
}

static void on_probe(void *arg, struct api_answer *answer)
{
	struct server *s = arg;

	(void)answer;
	s->probe = NULL;
}

static void probe(struct server *s, int64_t now)
{
	struct api_request rq = {.method = "GET", .path = "", .within_ms = REACH_PROBE_MS, .probe = s};

	reach_probed(&s->reach, now);
	s->probe = api_send(s->api, &rq, on_probe, s);
}

int64_t servers_tick(struct api *a)
{
	int64_t now = a->clock->now_ms(a->clock), next = -1, due;

	for (struct list *l = a->servers.next; l != &a->servers; l = l->next) {
		struct server *s = server_at(l);

		if (!s->probe && !reach_due(&s->reach, now))
			probe(s, now);
		due = s->probe ? -1 : reach_due(&s->reach, now);
		if (due >= 0 && (next < 0 || due < next))
			next = due;
	}
	return next;
}

enum servers_online servers_online(const struct api *a, int64_t *since)
{
	int64_t up = -1, heard = -1, first = INT64_MAX, last = -1;

	for (const struct list *l = a->servers.next; l != &a->servers; l = l->next) {
		const struct reach *k = &server_at(l)->reach;

		if (reach_is_offline(k)) {
			first = k->since < first ? k->since : first;
			last = k->since > last ? k->since : last;
		} else if (k->answers) {
			up = k->since > up ? k->since : up;
			heard = k->heard > heard ? k->heard : heard;
		}
	}
	*since = last < 0 ? up : heard >= first ? first : last;
	return last < 0 ? SERVERS_ALL : heard >= first ? SERVERS_SOME : SERVERS_NONE;
}
