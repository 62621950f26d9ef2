// SPDX-License-Identifier: MIT
/*
 * The one gate between a server's or a user's text and a name, a URL or a
 * terminal. Pure functions over bytes.
 */
#include "sentryfs/name.h"

#include <stdint.h>

#define SLUG_MAX 100
#define SHORT_ID_MAX 120

static bool all(struct str s, bool (*is)(unsigned char))
{
	for (size_t i = 0; i < s.n; i++)
		if (!is((unsigned char)s.s[i]))
			return false;
	return s.n;
}

static bool is_word(unsigned char c)
{
	return (c | 32u) - 'a' < 26 || c - (unsigned)'0' < 10 || c == '_' || c == '-';
}

static bool is_alnum(unsigned char c)
{
	return is_word(c) && c != '_' && c != '-';
}

static bool is_digit(unsigned char c)
{
	return c - (unsigned)'0' < 10;
}

static bool is_hex(unsigned char c)
{
	return is_digit(c) || (c | 32u) - 'a' < 6;
}

bool name_is_slug(struct str s)
{
	return all(s, is_word) && s.n <= SLUG_MAX && *s.s != '-';
}

bool name_is_short_id(struct str s)
{
	size_t dash = s.n;

	while (dash && s.s[dash - 1] != '-')
		dash--;
	if (dash < 2 || s.n > SHORT_ID_MAX)
		return false;
	return name_is_slug((struct str){s.s, dash - 1}) && all((struct str){s.s + dash, s.n - dash}, is_alnum);
}

bool name_is_number(struct str s)
{
	return all(s, is_digit) && s.n <= 19;
}

bool name_is_event_id(struct str s)
{
	if (s.n == 36) {
		for (size_t i = 0; i < s.n; i++) {
			bool dash = i == 8 || i == 13 || i == 18 || i == 23;

			if (dash ? s.s[i] != '-' : !is_hex((unsigned char)s.s[i]))
				return false;
		}
		return true;
	}
	return (s.n == 32 && all(s, is_hex)) || name_is_number(s);
}

/* The length of the UTF-8 character at the start of `s` and its code point; 0 when
 * the bytes are not valid (overlong, surrogate, cut). */
static size_t decode(struct str s, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)*s.s;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	uint32_t v = n == 1 ? c : n ? c & (0x7fu >> n) : 0;

	if (!n || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		c = (unsigned char)s.s[i];
		if ((c & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (c & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*code = v;
	return n;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* What turns the direction of the text around it, or breaks its line. */
static bool is_disorder(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static void percent(struct buf *b, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		buf_printf(b, "%%%02X", (unsigned char)bytes.s[i]);
}

void name_encode(struct buf *b, struct str text)
{
	size_t begin = b->len;

	if (!text.n)
		buf_addc(b, '%');
	while (text.n && !b->error) {
		uint32_t c = 0;
		size_t n = decode(text, &c);
		bool plain = n && !is_control(c) && !is_disorder(c) && c != '/' && c != '%' &&
			     !(c == '.' && b->len == begin);
		struct str one = {text.s, n ? n : 1};

		if (b->len - begin + (plain ? one.n : one.n * 3) > NAME_BYTES_MAX)
			return;
		if (plain)
			buf_add_str(b, one);
		else
			percent(b, one);
		text.s += one.n;
		text.n -= one.n;
	}
}

bool text_is_utf8(struct str s)
{
	while (s.n) {
		uint32_t c;
		size_t n = decode(s, &c);

		if (!n || !c)
			return false;
		s.s += n;
		s.n -= n;
	}
	return true;
}

bool text_is_clean(struct str s)
{
	while (s.n) {
		uint32_t c;
		size_t n = decode(s, &c);

		if (!n || is_control(c) || is_disorder(c))
			return false;
		s.s += n;
		s.n -= n;
	}
	return true;
}

void url_encode(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (is_word(c) || c == '.' || c == '~')
			buf_addc(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

void text_clean(struct buf *b, struct str text, bool multiline)
{
	while (text.n && !b->error) {
		uint32_t c = 0;
		size_t n = decode(text, &c);

		if (!n)
			buf_puts(b, "\xef\xbf\xbd");
		else if (multiline && (c == '\n' || c == '\t'))
			buf_addc(b, (char)c);
		else if (is_control(c) || is_disorder(c))
			buf_addc(b, ' ');
		else
			buf_add(b, text.s, n);
		text.s += n ? n : 1;
		text.n -= n ? n : 1;
	}
}
