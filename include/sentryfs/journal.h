// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_JOURNAL_H
#define SENTRYFS_JOURNAL_H

#include "sentryfs/buf.h"
#include "sentryfs/clock.h"

#define JOURNAL_LINES 256

/* The last lines of something that happens again and again. */
struct journal {
	char *lines[JOURNAL_LINES]; /* owned; a ring */
	uint64_t count;		    /* of all lines ever */
};

/* Adds a line that begins with the time; the text is cleaned of control characters. */
void journal_add(struct journal *j, const struct clock *clock, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void journal_show(const struct journal *j, struct buf *b);
void journal_done(struct journal *j);

#endif
