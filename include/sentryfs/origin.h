// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_ORIGIN_H
#define SENTRYFS_ORIGIN_H

#include "sentryfs/str.h"

/* http(s)://HOST[:PORT][/] in lower case and without the slash, owned by the caller;
 * NULL when `text` is anything else, or without memory. `bare`: https where there is
 * no scheme. */
char *origin_parse(struct str text, bool bare);

/* Whether a token may go there: https, or http to the loopback (127.0.0.0/8,
 * localhost, [::1]). `origin` comes from origin_parse. */
bool origin_is_safe(const char *origin);

/* Whether a token for `origin` may also go to `told`, which a server there named: both are
 * sentry.io or below it, over https without a port; or both are this machine. Both come
 * from origin_parse. */
bool origin_is_region(const char *origin, const char *told);

/* Is it this machine, whatever the scheme? */
bool origin_is_loopback(const char *origin);

#endif
