// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_TRACE_H
#define SENTRYFS_TRACE_H

#include "sentryfs/buf.h"
#include "sentryfs/render.h"
#include "sentryfs/str.h"

/*
 * An event's exceptions and threads. Sentry lists causes before what they caused, and
 * of a stack the oldest call first; each platform's own form has them its own way, so
 * that tools which know its tracebacks understand these. `rest` names the file that has what is cut.
 */

struct event {
	struct members top;	/* of the whole */
	struct members entries; /* the data of each type; the names are the types */
};

/* Of JSON of any shape, which it borrows. */
void event_read(struct event *e, struct str json);
/* Every exception with its cause, and every thread; nothing where there are none. */
void trace_show(struct buf *b, const struct event *e, const char *rest);
/* Source lines and locals of the frames, those of the program itself (in-app) where there
 * are any, the deepest first: the last exception and then its causes. `summary`: a few
 * of them, each exception named. Nothing where nothing has any. */
void trace_sources(struct buf *b, const struct event *e, bool summary, const char *rest);
/* "file:line: message" a frame, in the same order. */
void trace_quickfix(struct buf *b, const struct event *e);

#endif
