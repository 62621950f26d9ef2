// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_FORM_H
#define SENTRYFS_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "sentryfs/buf.h"
#include "sentryfs/frame.h"
#include "sentryfs/str.h"

#define FORM_TITLE_MAX 300
#define FORM_OLDEST_MAX 25 /* frames that are shown of a long stack: so many of each end */
#define FORM_NEWEST_MAX 75

/* An exception, or a thread, with its frames. */
struct stack {
	struct str type, value, module, thread; /* JSON */
	bool handled;
	bool last;					      /* what the event is about, not a cause of it */
	struct str frames[FORM_OLDEST_MAX + FORM_NEWEST_MAX]; /* JSON, oldest first */
	size_t n, total;
};

/* A platform's own form. */
struct form {
	const char *platforms[5]; /* as Sentry calls them; none: all others */
	bool causes_first;	  /* of exceptions */
	bool oldest_first;	  /* of frames */
	bool causes_within;	  /* between an exception and its frames */
	const char *cause;	  /* before a cause; with causes_first, before what it caused */
	void (*head)(struct buf *b, const struct stack *s);
	void (*frame)(struct buf *b, const struct frame *f, size_t n); /* the n-th that is shown, from 0 */
	void (*tail)(struct buf *b, const struct stack *s);	       /* may be NULL */
};

/* The form of a platform, a JSON string. */
const struct form *form_of(struct str platform);

/* "Type: value"; with `module` the type's own before it; `block`: the value's lines are kept. */
void form_title(struct buf *b, const struct stack *s, bool module, size_t max, bool block);
/* "<unknown>" for an empty text. */
struct str form_unknown(struct str s);

#endif
