// SPDX-License-Identifier: MIT
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; it is
 * linked with libFuzzer (tools/fuzz), or with replay.c, which runs the saved inputs.
 */
#ifndef SENTRYFS_FUZZ_H
#define SENTRYFS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentryfs/json.h"
#include "sentryfs/name.h"
#include "sentryfs/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
#define MUST(what)                                                                                                     \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                             \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static inline struct str fuzz_str(const uint8_t *data, size_t size)
{
	return (struct str){(const char *)data, size};
}

/* Is `part` a slice of `whole`? */
static inline bool fuzz_within(struct str part, struct str whole)
{
	return part.s >= whole.s && part.n <= whole.n && part.s - whole.s <= (ptrdiff_t)(whole.n - part.n);
}

/* Nothing in it that a terminal obeys or that turns the text around it. */
static inline bool fuzz_is_plain(struct str s, bool multiline)
{
	cleanup_buf struct buf cleaned = {0};

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.s[i];

		if ((c < 0x20 && !(multiline && (c == '\n' || c == '\t'))) || c == 0x7f)
			return false;
	}
	if (s.n && !text_is_utf8(s))
		return false;
	buf_init(&cleaned, s.n * 4 + 1);
	text_clean(&cleaned, s, multiline);
	return !cleaned.error && str_eq(buf_str(&cleaned), s);
}

static inline bool fuzz_is_json(struct str s)
{
	cleanup_json cJSON *tree = NULL;

	return !json_parse(s, &tree);
}

#endif
