// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_EVENT_H
#define SENTRYFS_EVENT_H

#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"
#include "sentryfs/trace.h"

/*
 * An event's parts as text, each below a heading of its own, and nothing where the event
 * lacks it. `summary`: what tells most of it, in few bytes;
 * `rest` names the file that has what is cut.
 */

/* The value of the tag of that key, or an empty value. */
struct str event_tag(const struct event *e, const char *key);
void event_message(struct buf *b, const struct event *e);
void event_breadcrumbs(struct buf *b, const struct event *e, bool summary, const char *rest);
void event_request(struct buf *b, const struct event *e, bool summary, const char *rest);
/* Who met it, and on what: user and contexts. */
void event_circumstances(struct buf *b, const struct event *e, const char *rest);

#endif
