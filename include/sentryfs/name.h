// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_NAME_H
#define SENTRYFS_NAME_H

#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"

/*
 * What may be a name. Everything that comes from a server and becomes a name
 * in the tree passes here, and so does everything that a user types before a
 * request is made for it.
 */

#define NAME_BYTES_MAX 255

/* Organization and project slugs: [a-z0-9_-], not only digits is not asked for
 * (old servers have such), at most 100 bytes, no leading '-'. */
bool name_is_slug(struct str s);

/* PREFIX-TAIL in any case: a prefix of letters, digits, '_' and '-', then a
 * base 32 tail (Sentry models/group.py). */
bool name_is_short_id(struct str s);

/* 1 to 19 digits. */
bool name_is_number(struct str s);

/* 32 hexadecimal digits, or a UUID with dashes, or 1 to 19 digits. */
bool name_is_event_id(struct str s);

/* Any text as one name: '/', '%', control characters, NUL, bytes that are not
 * UTF-8, bidirectional controls, line separators and a leading dot become %XX; an empty text is
 * "%"; the result is at most 255 bytes and is cut at a character. */
void name_encode(struct buf *b, struct str text);

/* Is all of it valid UTF-8 without a NUL? */
bool text_is_utf8(struct str s);
/* Would text_clean() leave all of it, as one line, as it is? */
bool text_is_clean(struct str s);

/* Adds `text` percent-encoded for use as one segment or value of a URL. */
void url_encode(struct buf *b, struct str text);

/* Adds `text` for a terminal: control characters (C0, C1, DEL), escape
 * sequences' introducers, bidirectional controls and bytes that are not UTF-8
 * become one space (or U+FFFD for invalid bytes); newline and tab too unless
 * `multiline`. */
void text_clean(struct buf *b, struct str text, bool multiline);

#endif
