// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_TEMPLATE_H
#define SENTRYFS_TEMPLATE_H

#include "sentryfs/buf.h"
#include "sentryfs/tree.h"

struct mount;

/* Expands a row's path for `n`; see struct kind. `own`: what {n} is. 0, -ENAMETOOLONG, or
 * -EINVAL for a placeholder that the node has no value for. The template is written as for
 * Sentry. */
int template_expand(const struct mount *m, const struct node *n, const char *template, struct str own, struct buf *b);

#endif
