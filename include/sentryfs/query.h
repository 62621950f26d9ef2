// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_QUERY_H
#define SENTRYFS_QUERY_H

#include <stdbool.h>

#include "sentryfs/str.h"

/* Does the issue (its JSON object) surely not meet `query`, a text in Sentry's search
 * syntax? Only terms `is:` and `assigned:` are judged; where a term could mean anything, or
 * terms are not all required, false. `me`: the id of the token's user; NULL: not known. */
bool query_excludes(struct str query, struct str issue, const char *me);

#endif
