// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_FRAME_H
#define SENTRYFS_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"

/*
 * A frame of a stack, as an event has it: what it names, cleaned, and its source lines
 * and locals, as JSON. The texts are slices of `text`.
 */
struct frame {
	struct buf text; /* owned */
	struct str path; /* as the project calls it, else absolute; "" */
	struct str file; /* what an editor in a checkout may find: without a bundler's scheme */
	struct str module, function, package, address;
	uint64_t line, column; /* 0: not known */
	bool native;	       /* it has no line, being in the machine */
	bool in_app;
	struct str source, locals; /* JSON: [[number, text], ...]; an object */
};

/* Makes `f` of the frame's JSON, of any shape; it is zero or was made before. Without memory
 * its texts are empty, and b's error says so. */
void frame_read(struct frame *f, struct str json, struct buf *b);
void frame_done(struct frame *f);
#define cleanup_frame __attribute__((cleanup(frame_done)))

/* Its own line among the source lines, as JSON; empty when it is not there. */
struct str frame_source_line(const struct frame *f);

/* "file:line function", source lines up to `around` on each side, and up to `locals` of
 * its locals. */
void frame_show(struct buf *b, const struct frame *f, size_t around, size_t locals, const char *rest);

#endif
