// SPDX-License-Identifier: MIT
/*
 * Slices of JSON: a small tokenizer over the server's own bytes, and what is shown of them.
 * It is made for text that json_parse() accepted, and stays within the slice on any other.
 * Allocates nothing but what goes into the caller's buffer.
 */
#include "sentryfs/slice.h"

#include <errno.h>
#include <stddef.h>

#include "sentryfs/json.h"

bool slice_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void slice_skip_space(struct str *s)
{
	while (s->n && slice_is_space(*s->s)) {
		s->s++;
		s->n--;
	}
}

/* The length of the string at the start of `s`, with its quotes. */
static size_t string_length(struct str s)
{
	const char *end = s.s, *q;

	while ((end = memchr(end + 1, '"', s.n - (size_t)(end + 1 - s.s)))) {
		for (q = end; q[-1] == '\\';)
			q--;
		if ((end - q) % 2 == 0)
			return (size_t)(end + 1 - s.s);
	}
	return s.n;
}

/* Takes one token off *s: a string with its quotes, a mark, or a run of anything else. */
struct str slice_take_token(struct str *s)
{
	struct str t;
	size_t n = 1;

	slice_skip_space(s);
	t = *s;
	if (!t.n)
		return t;
	if (*t.s == '"') {
		n = string_length(t);
	} else if (!strchr("{}[],:", *t.s)) {
		while (n < t.n && !slice_is_space(t.s[n]) && (!t.s[n] || !strchr("{}[],:\"", t.s[n])))
			n++;
	}
	t.n = n < t.n ? n : t.n;
	s->s += t.n;
	s->n -= t.n;
	return t;
}

static bool opens(struct str t)
{
	return t.n == 1 && (*t.s == '{' || *t.s == '[');
}

static bool closes(struct str t)
{
	return t.n == 1 && (*t.s == '}' || *t.s == ']');
}

/* Takes a whole value off *s. */
struct str slice_take_value(struct str *s)
{
	size_t depth = 0, i = 0;
	struct str value;

	slice_skip_space(s);
	value = *s;
	if (!value.n || (*value.s != '{' && *value.s != '['))
		return slice_take_token(s);
	do {
		switch (value.s[i]) {
		case '"':
			i += string_length((struct str){value.s + i, value.n - i}) - 1;
			break;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		}
	} while (++i < value.n && depth);
	value.n = i;
	s->s += i;
	s->n -= i;
	return value;
}

unsigned slice_hex4(struct str s)
{
	unsigned v = 0;

	for (size_t i = 0; i < 4; i++) {
		unsigned c = i < s.n ? (unsigned char)s.s[i] : 0;
		unsigned digit = c - '0' < 10 ? c - '0' : (c | 32) - 'a' < 6 ? (c | 32) - 'a' + 10 : 16;

		if (digit > 15)
			return 0xfffd;
		v = v << 4 | digit;
	}
	return v;
}

static void add_utf8(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_addc(b, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(b, (char)(0xf0 | c >> 18));
			buf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_addc(b, (char)(0x80 | (c & 0x3f)));
}

/* Adds what \uXXXX at the start of `s` means; returns how many bytes that took. */
static size_t add_unicode(struct buf *b, struct str s)
{
	unsigned c = slice_hex4(str_after(s, 2)), low;
	struct str next = str_after(s, 6);

	if (c >= 0xd800 && c < 0xdc00 && str_starts(next, "\\u")) {
		low = slice_hex4(str_after(next, 2));
		if (low >= 0xdc00 && low < 0xe000) {
			add_utf8(b, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return 12;
		}
	}
	add_utf8(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return 6;
}

static struct str unquoted(struct str t)
{
	t = str_after(t, 1);
	if (t.n && t.s[t.n - 1] == '"')
		t.n--;
	return t;
}

/* Adds what the escape at the start of `s` means, or its first byte; returns how many bytes
 * that took. */
static size_t add_unit(struct buf *b, struct str s)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *escape;

	if (*s.s != '\\' || s.n < 2) {
		buf_addc(b, *s.s);
		return 1;
	}
	if (s.s[1] == 'u')
		return add_unicode(b, s);
	escape = s.s[1] ? strchr(from, s.s[1]) : NULL;
	buf_addc(b, escape ? to[escape - from] : s.s[1]);
	return 2;
}

/* Adds the text of a string token, quotes and escapes taken away. */
static void add_decoded(struct buf *b, struct str t)
{
	t = unquoted(t);
	while (t.n && !b->error) {
		const char *stop = memchr(t.s, '\\', t.n);
		size_t n = stop ? (size_t)(stop - t.s) : t.n;

		if (n)
			buf_add(b, t.s, n);
		else
			n = add_unit(b, t);
		t = str_after(t, n);
	}
}

/* A value's plain text (json_plain), a byte at a time: two are compared without memory, for a
 * lack of it must not look like another value. */
struct plain {
	struct str rest, piece;
	size_t at;
	bool string;
	char unit[8];
};

static void plain_init(struct plain *p, struct str bytes)
{
	struct str rest = bytes, t = slice_take_token(&rest);

	*p = (struct plain){.rest = bytes, .string = t.n && *t.s == '"'};
	if (p->string)
		p->rest = unquoted(t);
	else if (str_eqz(t, "null"))
		p->rest.n = 0;
}

static int plain_next(struct plain *p)
{
	struct buf b = {.data = p->unit, .cap = sizeof(p->unit), .max = sizeof(p->unit)};

	if (p->at == p->piece.n) {
		p->at = 0;
		if (!p->string)
			p->piece = slice_take_token(&p->rest);
		else if (p->rest.n)
			p->rest = str_after(p->rest, add_unit(&b, p->rest));
		if (p->string)
			p->piece = buf_str(&b);
		if (!p->piece.n)
			return -1;
	}
	return (unsigned char)p->piece.s[p->at++];
}

bool json_same(struct str a, struct str b)
{
	struct plain left, right;
	int c;

	/* names, mostly */
	if (a.n && b.n && *a.s == '"' && *b.s == '"' && !memchr(a.s, '\\', a.n) && !memchr(b.s, '\\', b.n))
		return a.n == b.n && !memcmp(a.s, b.s, a.n);
	plain_init(&left, a);
	plain_init(&right, b);
	do {
		c = plain_next(&left);
		if (plain_next(&right) != c)
			return false;
	} while (c >= 0);
	return true;
}

static bool key_is(struct str token, const char *key)
{
	struct plain p;

	if (!memchr(token.s, '\\', token.n))
		return token.n == strlen(key) + 2 && !memcmp(token.s + 1, key, token.n - 2);
	plain_init(&p, token);
	while (*key)
		if (plain_next(&p) != (unsigned char)*key++)
			return false;
	return plain_next(&p) < 0;
}

/* Takes the next member off the inside of an object; false at its end. */
static bool take_member(struct str *s, struct str *name, struct str *value)
{
	struct str t = slice_take_token(s);

	if (t.n == 1 && *t.s == ',')
		t = slice_take_token(s);
	*name = t;
	if (name->n < 2 || *name->s != '"')
		return false;
	slice_take_token(s);
	*value = slice_take_value(s);
	return value->n;
}

static bool enter(struct str *s, char mark)
{
	struct str t = slice_take_token(s);

	return t.n == 1 && *t.s == mark;
}

int json_member(struct str text, const char *key, struct str *ret)
{
	struct str name, value;

	if (!enter(&text, '{'))
		return -EBADMSG;
	while (take_member(&text, &name, &value)) {
		if (key_is(name, key)) {
			*ret = value;
			return 0;
		}
	}
	return -ENOENT;
}

void json_walk(struct json_walk *w, struct str container)
{
	struct str t = slice_take_token(&container);

	w->object = t.n == 1 && *t.s == '{';
	w->rest = opens(t) ? container : (struct str){NULL, 0};
}

bool json_step(struct json_walk *w, struct str *name, struct str *value)
{
	struct str rest = w->rest, t;

	if (w->object)
		return take_member(&w->rest, name, value);
	t = slice_take_token(&rest);
	if (t.n == 1 && *t.s == ',')
		w->rest = rest;
	*name = (struct str){NULL, 0};
	*value = slice_take_value(&w->rest);
	return value->n && !closes(*value);
}

void json_quote(struct buf *b, struct str text)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\u%04x", c);
		else
			buf_addc(b, (char)c);
	}
	buf_addc(b, '"');
}

static void new_line(struct buf *b, size_t depth)
{
	buf_addc(b, '\n');
	for (size_t i = 0; i < depth && !b->error; i++)
		buf_puts(b, "  ");
}

void json_indent(struct buf *b, struct str text)
{
	size_t depth = 0;
	bool opened = false;

	for (struct str t = slice_take_token(&text); t.n && !b->error; t = slice_take_token(&text)) {
		if (closes(t)) {
			if (depth)
				depth--;
			if (!opened)
				new_line(b, depth);
		} else if (opened) {
			new_line(b, depth);
		}
		buf_add_str(b, t);
		opened = opens(t);
		if (opened)
			depth++;
		else if (*t.s == ',')
			new_line(b, depth);
		else if (*t.s == ':')
			buf_addc(b, ' ');
	}
	buf_addc(b, '\n');
}

void json_compact(struct buf *b, struct str text)
{
	for (struct str t = slice_take_token(&text); t.n && !b->error; t = slice_take_token(&text))
		buf_add_str(b, t);
}

void json_plain(struct buf *b, struct str bytes)
{
	struct str rest = bytes, t = slice_take_token(&rest);

	if (t.n && *t.s == '"')
		add_decoded(b, t);
	else if (!str_eqz(t, "null"))
		json_compact(b, bytes);
}
