// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_DIALECT_H
#define SENTRYFS_DIALECT_H

#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"

/*
 * What servers do differently: sentry.io, Sentry of one's own, GlitchTip. One row for each
 * in dialect.c; nothing else asks which server it is, but what it has and how that is said.
 */
enum feature {
	FEATURE_ANY, /* every server has it */
	FEATURE_ACTIVITY,
	FEATURE_PLATFORM,
	FEATURE_SUBSTATUS,
	FEATURE_CONDITIONS, /* ignored for a time, until a count */
	FEATURE_RELEASES,   /* resolved in a version, in the next one */
	FEATURE_COMMITS,    /* resolved in a commit */
	FEATURE_ASSIGNEE,
	FEATURE_PRIORITY,
	FEATURE_FLAGS, /* hasSeen, isBookmarked, isSubscribed, isPublic */
	FEATURE_MERGE,
	FEATURE_BULK, /* several issues at once, in more than their status */
	FEATURE_HASHES,
	FEATURE_OLDEST,	    /* events/oldest and recommended */
	FEATURE_FULL_PAGES, /* events by the page, from any offset */
	FEATURE_ATTACHMENTS,
	FEATURE_REPORTS,
	FEATURE_SHORT_IDS, /* an issue by its short id */
	FEATURE_TERMS,	   /* searching by who has it and when it was seen */
	FEATURE_MINUS_ONE, /* project=-1 is every project; without it none is named */
	FEATURE_WINDOWS,   /* statsPeriod, start, end, environment */
	FEATURES
};

struct server;

struct dialect {
	const struct server *server;
	unsigned absent; /* features that an answer showed to be missing, as bits */
};

/* Before anything is known: a server that has all. */
void dialect_init(struct dialect *d);
/* From the answer of /api/0/ (empty: none came). `limited`: the server tells its rate limits,
 * which one of one's own does not. */
void dialect_learn(struct dialect *d, struct str whoami, bool limited);
/* An answer told of rate limits: it is not a server of one's own, as was thought before one came. */
void dialect_learn_limits(struct dialect *d);
/* The first issue that is seen tells which members an older server does not have. */
void dialect_learn_issue(struct dialect *d, struct str issue);
/* An answer showed that the server does not have it. */
void dialect_forget(struct dialect *d, enum feature f);

/* NULL has everything. */
bool dialect_has(const struct dialect *d, enum feature f);
/* One sentence for a person: what the server does not do, and what to do instead. */
const char *dialect_lacks(enum feature f);
const char *dialect_name(const struct dialect *d);

/* Paths are written as Sentry has them. What stands for the beginning of `template` with
 * this server, *n bytes of it; NULL: the template itself. */
const char *dialect_turn(const struct dialect *d, const char *template, size_t *n);

bool dialect_status_always(const struct dialect *d);  /* a change must name the status too */
bool dialect_next_release(const struct dialect *d);   /* resolvedInNextRelease is a status */
bool dialect_team_slug(const struct dialect *d);      /* a team is assigned by its slug, not its id */
bool dialect_writer_deletes(const struct dialect *d); /* event:write is enough to delete */

/* json_covers, or with `delta` json_covers_delta, where older words of a status are the
 * same as the new ones. */
bool dialect_covers(struct str value, struct str expect, bool delta);
/* The JSON of a status in the word that is in use today. */
struct str dialect_status(struct str json);

/* Where requests of an organization go that says to live at `told`: an origin that the
 * caller owns. NULL: to `origin`, as all do. */
char *dialect_region(const struct dialect *d, const char *origin, struct str told);

#endif
