// SPDX-License-Identifier: MIT
/* Any bytes as a name in the tree, as a word of a URL and as a line on a terminal. */
#include "fuzz.h"

static unsigned nibble(char c)
{
	return c >= 'A' ? (unsigned)(c - 'A') + 10 : (unsigned)(c - '0');
}

static void decode(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] == '%' && i + 2 < s.n) {
			buf_addc(b, (char)(nibble(s.s[i + 1]) << 4 | nibble(s.s[i + 2])));
			i += 2;
		} else {
			buf_addc(b, s.s[i]);
		}
	}
}

static bool is_name(struct str s)
{
	return s.n && s.n <= NAME_BYTES_MAX && !memchr(s.s, '/', s.n) && *s.s != '.' && fuzz_is_plain(s, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size), name;
	cleanup_buf struct buf b = {0}, back = {0}, line = {0}, url = {0};
	static const char before[] = "before ";

	buf_init(&b, 4096);
	buf_puts(&b, before); /* as a caller may have something in it */
	name_encode(&b, text);
	MUST(!b.error);
	name = (struct str){b.data + strlen(before), b.len - strlen(before)};
	MUST(is_name(name));
	buf_init(&back, size * 3 + 16);
	decode(&back, name);
	if (size && name.n + 12 < NAME_BYTES_MAX) /* not cut: all of it is there */
		MUST(str_eq(buf_str(&back), text));
	if (name_is_slug(text) || name_is_short_id(text) || name_is_number(text) || name_is_event_id(text))
		MUST(is_name(text) && str_eq(name, text));

	buf_init(&line, size * 3 + 16);
	text_clean(&line, text, false);
	MUST(!line.error && fuzz_is_plain(buf_str(&line), false));
	line.len = 0;
	text_clean(&line, text, true);
	MUST(!line.error && fuzz_is_plain(buf_str(&line), true));

	buf_init(&url, size * 3 + 16);
	url_encode(&url, text);
	MUST(!url.error);
	for (size_t i = 0; i < url.len; i++)
		MUST(strchr("%-._~", url.data[i]) || (url.data[i] | 32) - 'a' + 0u < 26 || url.data[i] - '0' + 0u < 10);
	back.len = 0;
	decode(&back, buf_str(&url));
	MUST(str_eq(buf_str(&back), text));
	return 0;
}
