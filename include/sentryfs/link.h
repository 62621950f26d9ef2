// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LINK_H
#define SENTRYFS_LINK_H

#include <stdbool.h>

#include "sentryfs/str.h"

/* The next page, from a Link header: Sentry's list, or the Python set's text
 * that GlitchTip sends ({'<...>; ...'}). Gives the cursor, never a URL to follow.
 * True when there is a next page (rel="next", results="true" and a cursor); *cursor
 * is a slice of `header`. */
bool link_next(struct str header, struct str *cursor);

#endif
