// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SEARCH_H
#define SENTRYFS_SEARCH_H

#include <stdbool.h>

#include "sentryfs/buf.h"

/*
 * The name of a directory in search/ as a request: Sentry's search syntax, then
 * `&key=value` for what are parameters there. In a name `/` is written %2F, `%` %25 and
 * an `&` that parts nothing %26; any other %XX is taken too.
 *
 * status= and assignee= become the terms is: and assigned:, since the server has no such
 * parameters and would ignore them (sentry-api 1.1).
 */
struct search {
	struct buf query;  /* what `query=` says; may be empty, which is all statuses */
	struct buf params; /* "&key=value", once more for each, encoded for a URL */
	unsigned limit;	   /* issues at the most; 0: not said */
	const char *why;   /* of -EINVAL or -EOPNOTSUPP; a literal */
};

#define SEARCH_LIMIT_MAX 100000u
#define SEARCH_ACCEPTED                                                                                                \
	"Sentry's search syntax, then &KEY=VALUE with statsPeriod, start, end, utc, environment, sort, limit, "        \
	"status or assignee; / is written %2F, % %25, & within a term %26"

void search_init(struct search *s); /* an empty one */
void search_done(struct search *s);
#define cleanup_search __attribute__((cleanup(search_done)))

/* Can it be the name of a search? Text without control characters, no leading dot. */
bool search_is_name(struct str name);
/* Is it one though nobody made it? A word without a colon is not, or shells and editors,
 * which look for HEAD or .envrc everywhere, would find what they look for. */
bool search_is_plain(struct str name);
/* Fills an initialized *s. 0, -ENOMEM, or -EINVAL with s->why. */
int search_parse(struct search *s, struct str name);
/* Adds the parameter, whose value is text, as it is. */
void search_param(struct search *s, const char *key, struct str value);

#endif
