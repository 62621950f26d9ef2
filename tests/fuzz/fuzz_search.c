// SPDX-License-Identifier: MIT
/* The names of searches: whatever one is, what is asked for is text in a URL's own characters. */
#include "fuzz.h"

#include <errno.h>

#include "sentryfs/search.h"

/* "&key=value", the values encoded: nothing of a name gets out of its parameter. */
static bool is_encoded(struct str params)
{
	for (size_t i = 0; i < params.n; i++) {
		char c = params.s[i];

		if (!(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z') && !strchr("&=%-_.~", c))
			return false;
	}
	return !params.n || *params.s == '&';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str name = fuzz_str(data, size);
	cleanup_search struct search s;
	int r;

	MUST(!search_is_plain(name) || search_is_name(name));
	if (search_is_name(name))
		MUST(*name.s != '.' && fuzz_is_plain(name, false));
	search_init(&s);
	r = search_parse(&s, name);
	MUST(!r || r == -EINVAL || r == -EFBIG);
	MUST((r == -EINVAL) == (s.why != NULL));
	if (r)
		return 0;
	MUST(!s.query.len || text_is_utf8(buf_str(&s.query)) || !text_is_utf8(name));
	MUST(is_encoded(buf_str(&s.params)) && s.limit <= SEARCH_LIMIT_MAX);
	return 0;
}
