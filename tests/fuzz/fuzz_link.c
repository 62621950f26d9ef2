// SPDX-License-Identifier: MIT
/* Headers of an answer, and in them the Link. */
#include "fuzz.h"

#include "sentryfs/http.h"
#include "sentryfs/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size), cursor = {NULL, 0}, value;
	struct http_response r = {.headers = {.data = (char *)data, .len = size}};

	if (link_next(text, &cursor)) {
		MUST(cursor.n && fuzz_within(cursor, text));
		MUST(!memchr(cursor.s, '<', cursor.n));
	}
	value = http_header(&r, "Link");
	MUST(!value.s || fuzz_within(value, text));
	MUST(!value.n || !memchr(value.s, '\n', value.n));
	if (value.s && link_next(value, &cursor))
		MUST(fuzz_within(cursor, value));
	return 0;
}
