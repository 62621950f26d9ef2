// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_RENDER_H
#define SENTRYFS_RENDER_H

#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"

/*
 * Text for people and agents, made of JSON that anybody may have sent. Values are slices
 * of valid JSON, of any shape: what is absent, null or not what was expected is an empty
 * value, and an empty value shows nothing. Everything that is added has passed
 * text_clean, and what looks like a secret is `[redacted]`.
 */

/* The member, or an empty value where it is absent or null. */
struct str render_get(struct str object, const char *key);
/* The members of an object that is looked into often, found in one pass. */
struct members {
	struct str object;
	struct str names[48], values[48]; /* JSON */
	size_t n;
};
void members_read(struct members *m, struct str object);
struct str members_get(const struct members *m, const char *key); /* as render_get */

/* Is it a string of this text? */
bool render_is(struct str value, const char *text);
bool render_u64(struct str value, uint64_t *ret); /* a number, or a string that is one */
/* How many elements or members it has; 0: it is no container. */
size_t render_count(struct str container);
/* The first `head` and the last `tail` elements of an array: `out` has room for both.
 * Returns how many there are; *total is of how many. */
size_t render_pick(struct str array, size_t head, size_t tail, struct str *out, size_t *total);

/* Makes `text`, which is then to be freed, of the value as plain text, neither cut nor
 * cleaned. Without memory it is cut short, and so is the file: b's error says so. */
void render_decode(struct buf *text, struct str value, struct buf *b);

/* The value on one line, at most about `max` bytes: a string's text, a container's
 * JSON with the secrets in it redacted. */
void render_line(struct buf *b, struct str value, size_t max);
/* The same of a text that may have several lines. */
void render_block(struct buf *b, struct str value, size_t max);
/* The value of what has this name (plain text): `[redacted]` where the name says so. */
void render_named(struct buf *b, struct str name, struct str value, size_t max);
/* A line of source code: as it is, but for literals that are given to something secret. */
void render_source(struct buf *b, struct str value);

/* "Name    value\n", nothing for an empty value. */
void render_field(struct buf *b, const char *name, struct str value);
/* Up to `most` members of an object, or of a list of [name, value] pairs, a line each. */
void render_members(struct buf *b, struct str members, size_t most, size_t max, const char *indent, const char *rest);
/* The members of an object that are neither null nor empty, "name=value name=value", and
 * not `but`; on one line without its end. */
void render_facts(struct buf *b, struct str object, const char *but, size_t max);
/* Blanks up to the column of values, for a name that began at `begin`; one at least. */
void render_pad(struct buf *b, size_t begin);
/* "(N more in REST)\n" where there are more than were shown. */
void render_more(struct buf *b, size_t total, size_t shown, const char *indent, const char *rest);
/* An empty line and a heading. */
void render_heading(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
