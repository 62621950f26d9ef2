// SPDX-License-Identifier: MIT
/*
 * The table of servers, and what an answer tells of the one that is there.
 *
 * A row says what a server lacks, how some paths are written there, and a few customs. It
 * is found once, by /api/0/ and by whether limits are told; what a row cannot know (an
 * older version, a feature that is switched off) is learnt when an answer shows it. Owns
 * nothing. Must not know files, requests under way or what a value means.
 */
#include "sentryfs/dialect.h"

#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/origin.h"

#define BIT(f) (1u << (f))

struct turn {
	const char *from, *to;
};

struct server {
	const char *name;
	unsigned lacks;
	const struct turn *lists, *paths; /* the first that fits; they end with NULL */
	bool regions, older, status_always, next_release, team_slug, writer_deletes;
};

static const struct turn as_it_is[] = {{NULL, NULL}};

static const struct turn glitchtip_lists[] = {
	{"&groupStatsPeriod=&collapse=filtered&collapse=unhandled", "&sort=-last_seen"},
	{"per_page={E}", "limit={E}"},
	{"group={n}", "id={n}"},
	{NULL, NULL},
};

static const struct turn glitchtip_paths[] = {
	{"organizations/{o}/issues/{s}/", "organizations/{o}/issues/{i}/"},
	{NULL, NULL},
};

/* only PUT ({C}) and hashes are below the organization (sentry-api 5.2) */
static const struct turn glitchtip_old_paths[] = {
	{"organizations/{o}/issues/{i}/hashes/", "organizations/{o}/issues/{i}/hashes/"},
	{"organizations/{o}/issues/{s}/", "issues/{i}/"},
	{"organizations/{o}/issues/{i}/", "issues/{i}/"},
	{"organizations/{o}/issues/{n}/", "issues/{n}/"},
	{NULL, NULL},
};

#define GLITCHTIP_LACKS                                                                                                \
	(BIT(FEATURE_ACTIVITY) | BIT(FEATURE_PLATFORM) | BIT(FEATURE_SUBSTATUS) | BIT(FEATURE_CONDITIONS) |            \
	 BIT(FEATURE_COMMITS) | BIT(FEATURE_PRIORITY) | BIT(FEATURE_FLAGS) | BIT(FEATURE_MERGE) | BIT(FEATURE_BULK) |  \
	 BIT(FEATURE_OLDEST) | BIT(FEATURE_FULL_PAGES) | BIT(FEATURE_ATTACHMENTS) | BIT(FEATURE_SHORT_IDS) |           \
	 BIT(FEATURE_TERMS) | BIT(FEATURE_MINUS_ONE) | BIT(FEATURE_WINDOWS))

static const struct server sentry = {
	.name = "sentry", .lists = as_it_is, .paths = as_it_is, .regions = true, .next_release = true};
static const struct server self_hosted = {
	.name = "self-hosted", .lists = as_it_is, .paths = as_it_is, .older = true, .next_release = true};
static const struct server glitchtip = {.name = "glitchtip",
					.lacks = GLITCHTIP_LACKS,
					.lists = glitchtip_lists,
					.paths = glitchtip_paths,
					.status_always = true,
					.team_slug = true,
					.writer_deletes = true};
static const struct server glitchtip_old = {.name = "glitchtip-old",
					    .lacks = GLITCHTIP_LACKS | BIT(FEATURE_ASSIGNEE) | BIT(FEATURE_RELEASES),
					    .lists = glitchtip_lists,
					    .paths = glitchtip_old_paths,
					    .status_always = true,
					    .team_slug = true,
					    .writer_deletes = true};

static const char *const lacks[FEATURES] = {
	[FEATURE_ANY] = "",
	[FEATURE_ACTIVITY] = "this server tells no activity",
	[FEATURE_PLATFORM] = "this server does not tell an issue's platform; its events do",
	[FEATURE_SUBSTATUS] = "this server has no substatus",
	[FEATURE_CONDITIONS] = "this server ignores an issue without a condition: write `ignored`",
	[FEATURE_RELEASES] = "this server does not resolve in a release: write `resolved`",
	[FEATURE_COMMITS] = "this server does not resolve in a commit: write `resolved`, or `resolved in VERSION`",
	[FEATURE_ASSIGNEE] = "this version of the server assigns issues to nobody",
	[FEATURE_PRIORITY] = "this server has no priorities",
	[FEATURE_FLAGS] = "this server does not keep that",
	[FEATURE_MERGE] = "merging is not known of this server: use its web page",
	[FEATURE_BULK] = "this server changes several issues at once in their status alone: write to each issue",
	[FEATURE_HASHES] = "this server does not list hashes",
	[FEATURE_OLDEST] = "this server finds the latest event alone; the listing of events/ is newest first",
	[FEATURE_FULL_PAGES] = "this server gives events one at a time",
	[FEATURE_ATTACHMENTS] = "this server has no attachments, or has them switched off",
	[FEATURE_REPORTS] = "this server has no user reports",
	[FEATURE_SHORT_IDS] = "this server does not look issues up by short id: use its number",
	[FEATURE_TERMS] = "this server searches by is:, level:, has:, tags and words alone",
	[FEATURE_MINUS_ONE] = "this server asks for every project by naming none",
	[FEATURE_WINDOWS] = "this server takes no statsPeriod, start, end or environment",
};

void dialect_init(struct dialect *d)
{
	*d = (struct dialect){.server = &sentry};
}

static const struct server *of(const struct dialect *d)
{
	return d->server ? d->server : &sentry;
}

/* GlitchTip tells its version; Sentry says "0". */
static uint64_t major(struct str whoami)
{
	struct str bytes, text, first;
	uint64_t n;

	if (json_member(whoami, "version", &bytes) || bytes.n < 2 || *bytes.s != '"')
		return 0;
	text = (struct str){bytes.s + 1, bytes.n - 2};
	first = str_cut(&text, '.');
	return str_to_u64(first, &n) ? 0 : n;
}

void dialect_learn(struct dialect *d, struct str whoami, bool limited)
{
	const struct server *before = of(d);
	uint64_t version = major(whoami);

	if (version)
		d->server = version < 6 ? &glitchtip_old : &glitchtip;
	else
		d->server = limited ? &sentry : &self_hosted;
	if (d->server != before)
		d->absent = 0;
}

void dialect_learn_limits(struct dialect *d)
{
	if (of(d) == &self_hosted)
		dialect_init(d);
}

void dialect_learn_issue(struct dialect *d, struct str issue)
{
	struct str bytes;

	if (!of(d)->older)
		return;
	if (json_member(issue, "substatus", &bytes) == -ENOENT)
		dialect_forget(d, FEATURE_SUBSTATUS);
	if (json_member(issue, "priority", &bytes) == -ENOENT)
		dialect_forget(d, FEATURE_PRIORITY);
}

void dialect_forget(struct dialect *d, enum feature f)
{
	if (f != FEATURE_ANY)
		d->absent |= BIT(f);
}

bool dialect_has(const struct dialect *d, enum feature f)
{
	return f == FEATURE_ANY || !d || !((of(d)->lacks | d->absent) & BIT(f));
}

const char *dialect_lacks(enum feature f)
{
	return lacks[f];
}

const char *dialect_name(const struct dialect *d)
{
	return of(d)->name;
}

static const char *turn(const struct turn *t, struct str template, size_t *n)
{
	for (; t->from; t++)
		if (str_starts(template, t->from)) {
			*n = strlen(t->from);
			return t->to;
		}
	return NULL;
}

const char *dialect_turn(const struct dialect *d, const char *template, size_t *n)
{
	const char *to = turn(of(d)->lists, str_of(template), n);

	return to ? to : turn(of(d)->paths, str_of(template), n);
}

bool dialect_status_always(const struct dialect *d)
{
	return of(d)->status_always;
}

bool dialect_next_release(const struct dialect *d)
{
	return of(d)->next_release;
}

bool dialect_team_slug(const struct dialect *d)
{
	return of(d)->team_slug;
}

bool dialect_writer_deletes(const struct dialect *d)
{
	return of(d)->writer_deletes;
}

/* ---- words ---- */

static bool covers(struct str value, struct str expect, bool delta)
{
	return delta ? json_covers_delta(value, expect) : json_covers(value, expect);
}

bool dialect_covers(struct str value, struct str expect, bool delta)
{
	static const char now[] = "{\"status\":\"ignored\"";
	cleanup_buf struct buf older = {0};

	if (covers(value, expect, delta))
		return true;
	if (!str_starts(expect, now))
		return false;
	buf_init(&older, BUF_MAX_DEFAULT);
	buf_puts(&older, "{\"status\":\"muted\"");
	buf_add(&older, expect.s + strlen(now), expect.n - strlen(now));
	return !older.error && covers(value, buf_str(&older), delta);
}

struct str dialect_status(struct str json)
{
	return str_eqz(json, "\"muted\"") ? STR("\"ignored\"") : json;
}

/* ---- regions ---- */

char *dialect_region(const struct dialect *d, const char *origin, struct str told)
{
	char *region = of(d)->regions && told.n ? origin_parse(told, false) : NULL;

	if (region && strcmp(region, origin) && origin_is_region(origin, region))
		return region;
	free(region);
	return NULL;
}
