// SPDX-License-Identifier: MIT
/* A directory's name in search/ as the query and the parameters of a request. */
#include "fuzz.h"

#include "sentryfs/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str name = fuzz_str(data, size);
	cleanup_search struct search s = {0};
	int r;

	/* what the kernel lets through */
	if (!size || size > NAME_BYTES_MAX || memchr(data, '\0', size) || memchr(data, '/', size))
		return 0;
	search_init(&s);
	if (!search_is_name(name))
		return 0;
	search_is_plain(name);
	r = search_parse(&s, name);
	MUST(r == 0 || (r == -22 && s.why));
	if (r)
		return 0;
	MUST(!s.query.error && !s.params.error && s.limit <= SEARCH_LIMIT_MAX);
	MUST(!s.params.len || *s.params.data == '&');
	for (size_t i = 0; i < s.params.len; i++)
		MUST(strchr("&=%-._~", s.params.data[i]) || (s.params.data[i] | 32) - 'a' + 0u < 26 ||
		     s.params.data[i] - '0' + 0u < 10);
	return 0;
}
