// SPDX-License-Identifier: MIT
/*
 * Addresses of web pages, read for what they name. Owns what it found. Must not know
 * what is mounted, nor ask anybody.
 */
#include "sentryfs/weburl.h"

#include <errno.h>

#include "sentryfs/name.h"
#include "sentryfs/origin.h"

#define PARTS_MAX 12

struct parts {
	struct str at[PARTS_MAX];
	size_t n;
};

bool weburl_is(struct str text)
{
	return (text.n > 8 && str_case_eq((struct str){text.s, 8}, STR("https://"))) ||
	       (text.n > 7 && str_case_eq((struct str){text.s, 7}, STR("http://")));
}

void weburl_done(struct weburl *u)
{
	free(u->origin);
	*u = (struct weburl){0};
}

/* The first of several wins: the page's path is read from its left. */
static void keep(struct str *into, struct str value)
{
	if (!into->s)
		*into = value;
}

/* acme of acme.sentry.io, unless it is a host of Sentry's own. */
static struct str customer(struct str host)
{
	static const char *const own[] = {"www", "us", "de", "app"};
	struct str domain = host, slug = str_cut(&domain, '.');

	if (!domain.s || !str_case_eq(domain, STR("sentry.io")) || !name_is_slug(slug))
		return (struct str){NULL, 0};
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (str_case_eq(slug, str_of(own[i])))
			return (struct str){NULL, 0};
	return slug;
}

static void cut_path(struct str path, struct parts *p)
{
	p->n = 0;
	while (path.s && p->n < PARTS_MAX) {
		struct str part = str_cut(&path, '/');

		if (part.n)
			p->at[p->n++] = part;
	}
}

/* Words that begin a path where another server has the organization's slug. */
static bool is_page(struct str word)
{
	static const char *const pages[] = {"issues",	"projects", "settings", "dashboards", "insights", "explore",
					    "releases", "alerts",   "auth",	"api",	      "profile"};

	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		if (str_eqz(word, pages[i]))
			return true;
	return false;
}

/* How many parts name the organization, and an old address' project. */
static size_t read_org(const struct parts *p, struct weburl *u)
{
	size_t i = 0;

	if (p->n >= 2 && (str_eqz(p->at[0], "organizations") || (str_eqz(p->at[0], "settings") && !u->org.s))) {
		keep(&u->org, p->at[1]);
		return 2;
	}
	if (!u->org.s && p->n && !is_page(p->at[0]) && name_is_slug(p->at[0]))
		keep(&u->org, p->at[i++]);
	if (i && p->n > i + 1 && !is_page(p->at[i]) && str_eqz(p->at[i + 1], "issues") && name_is_slug(p->at[i]))
		keep(&u->project, p->at[i++]);
	return i;
}

static void read_page(const struct parts *p, size_t i, struct weburl *u)
{
	for (; i + 1 < p->n; i++) {
		struct str next = p->at[i + 1];

		if (str_eqz(p->at[i], "issues") && (name_is_number(next) || name_is_short_id(next)))
			keep(&u->issue, next);
		else if (str_eqz(p->at[i], "events") && u->issue.s && name_is_event_id(next))
			keep(&u->event, next);
		else if (str_eqz(p->at[i], "projects") && name_is_slug(next))
			keep(&u->project, next);
	}
}

/* project=7 once; several, or -1 (all), name none. */
static void read_query(struct str query, struct weburl *u)
{
	struct str project = {NULL, 0};
	unsigned n = 0;

	while (query.s) {
		struct str value = str_cut(&query, '&'), name = str_cut(&value, '=');

		if (str_eqz(name, "project") && value.s) {
			project = value;
			n++;
		}
	}
	if (n == 1 && name_is_number(project))
		keep(&u->project, project);
}

int weburl_parse(struct str text, struct weburl *u)
{
	struct str rest, query, host, slug;
	struct parts parts;

	*u = (struct weburl){0};
	if (!weburl_is(text))
		return -EINVAL;
	rest = text;
	str_cut(&rest, ':');
	rest = str_after(rest, 2);
	rest = str_cut(&rest, '#');
	query = rest;
	rest = str_cut(&query, '?');
	host = str_cut(&rest, '/');
	slug = customer(host);
	if (slug.s) {
		keep(&u->org, slug);
		u->origin = str_dup(STR("https://sentry.io"));
	} else {
		u->origin = origin_parse((struct str){text.s, (size_t)(host.s - text.s) + host.n}, false);
	}
	if (!u->origin)
		return -EINVAL;
	cut_path(rest, &parts);
	read_page(&parts, read_org(&parts, u), u);
	read_query(query, u);
	return u->org.s && !name_is_slug(u->org) ? -EINVAL : 0;
}
