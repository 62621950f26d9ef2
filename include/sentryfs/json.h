// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_JSON_H
#define SENTRYFS_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"

/*
 * JSON twice over: cJSON checks a text and finds fields in it; what is shown
 * are slices of the server's own bytes, so that a number keeps its literal
 * (9007199254740993, 1.0, 1e5) and an object its members' order.
 */

/* Parses the whole of `text` (white space around it is allowed). The caller
 * frees *ret with json_free (cleanup_json), never cJSON_Delete: trees live in an
 * arena that is emptied when the last of them goes. 0, -EBADMSG (not JSON, cut off,
 * nested deeper than cJSON's limit, or followed by anything). */
int json_parse(struct str text, cJSON **ret);

void json_free(cJSON *j); /* accepts NULL */
static inline void json_deletep(cJSON **j)
{
	json_free(*j);
}
#define cleanup_json __attribute__((cleanup(json_deletep)))

/* The string member `key` of `obj`, "" when absent or not a string. Borrowed. */
struct str json_string(const cJSON *obj, const char *key);
/* A member that some servers send as a number and others as a string. */
bool json_u64(const cJSON *obj, const char *key, uint64_t *ret);

/* Calls `each` with every element of the array `text`: its tree (borrowed, gone
 * after the call) and its bytes. Stops at the first non-zero return and returns
 * that. -EBADMSG when `text` is not exactly one array. */
int json_each(struct str text, int (*each)(void *arg, const cJSON *tree, struct str bytes), void *arg);

/* The bytes of the member `key` (decoded name compared) of the object `text`,
 * which must be valid JSON. -ENOENT when there is none; -EBADMSG when `text` is
 * not an object. */
int json_member(struct str text, const char *key, struct str *ret);

/* The inside of a container, whose text must be valid JSON: each step gives the next
 * element (the name is empty) or member (its name is a string token). A text that is no
 * container has no steps. */
struct json_walk {
	struct str rest;
	bool object;
};
void json_walk(struct json_walk *w, struct str container);
bool json_step(struct json_walk *w, struct str *name, struct str *value);

/* Do both values have the same text (json_plain)? Needs no memory. */
bool json_same(struct str a, struct str b);

/* Adds the object `object` with the members of the object `delta` in the place of its
 * own of the same name; what it lacks is left out. Both valid JSON. 0; -EBADMSG when
 * one is not an object. */
int json_merge(struct buf *b, struct str object, struct str delta);

/* Does `value` show what `expect` says? Of an object each member of `expect`, of a list
 * any entry; numbers and strings by their text (ids are sent as both); null also where
 * nothing is; of [] anything but null. Both valid JSON. */
bool json_covers(struct str value, struct str expect);
/* The same of an object that has only what was changed: those members of `expect` that it
 * has, and at least one. */
bool json_covers_delta(struct str delta, struct str expect);

/* Adds `text`, which must be UTF-8, as a JSON string with its quotes. */
void json_quote(struct buf *b, struct str text);

/* Re-indents valid JSON token by token: two spaces, one member a line, order
 * and literals kept, empty containers closed in place, newline at the end. */
void json_indent(struct buf *b, struct str text);

/* The same without any white space between tokens, and no newline. */
void json_compact(struct buf *b, struct str text);

/* The value `bytes` as one line's text: a string decoded (not cleaned), null as
 * nothing, anything else as its compact bytes. No newline is added. */
void json_plain(struct buf *b, struct str bytes);

#endif
