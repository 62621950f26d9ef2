// SPDX-License-Identifier: MIT
/*
 * cJSON checks texts and finds fields; a small tokenizer gives slices of the
 * original bytes. The tokenizer is made for text that cJSON accepted, and stays
 * within the slice on any other.
 */
#include "sentryfs/json.h"

#include <errno.h>
#include <stddef.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct str *s)
{
	while (s->n && is_space(*s->s)) {
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
static struct str take_token(struct str *s)
{
	struct str t;
	size_t n = 1;

	skip_space(s);
	t = *s;
	if (!t.n)
		return t;
	if (*t.s == '"') {
		n = string_length(t);
	} else if (!strchr("{}[],:", *t.s)) {
		while (n < t.n && !is_space(t.s[n]) && (!t.s[n] || !strchr("{}[],:\"", t.s[n])))
			n++;
	}
	t.n = n < t.n ? n : t.n;
	s->s += t.n;
	s->n -= t.n;
	return t;
}

/* ---- where trees live ---- */

/* A tree is looked at once and goes: so its nodes are cut from chunks, and all of
 * them go at once. There is one thread. */
#define CHUNK_FIRST ((size_t)64 << 10)

struct chunk {
	struct chunk *next;
	size_t used, cap;
	_Alignas(max_align_t) char data[];
};

static struct {
	struct chunk *chunks; /* the newest, and largest, first */
	size_t trees;
} arena;

static void *arena_alloc(size_t n)
{
	struct chunk *c = arena.chunks;
	void *p;

	n = (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!c || n > c->cap - c->used) {
		size_t cap = c ? c->cap * 2 : CHUNK_FIRST;

		while (cap < n)
			cap *= 2;
		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		*c = (struct chunk){.next = arena.chunks, .cap = cap};
		arena.chunks = c;
	}
	p = c->data + c->used;
	c->used += n;
	return p;
}

static void arena_keep(void *p)
{
	(void)p;
}

/* Keeps one chunk of the ordinary size for the next tree. */
static void arena_reset(void)
{
	struct chunk *c = arena.chunks;

	while (c && c->next) {
		arena.chunks = c->next;
		free(c);
		c = arena.chunks;
	}
	if (c)
		c->used = 0;
}

static void tree_gone(void)
{
	if (!--arena.trees)
		arena_reset();
}

void json_free(cJSON *j)
{
	if (j)
		tree_gone();
}

/* ---- cJSON ---- */

/* cJSON takes every control character for white space; the tokenizer above, as RFC 8259 has it,
 * does not. In strings they are as the server sent them. */
static bool has_odd_space(struct str s)
{
	bool any = false;

	for (size_t i = 0; i < s.n; i++)
		any |= (unsigned char)s.s[i] < ' ' && !is_space(s.s[i]);
	while (any && s.n) {
		struct str t = take_token(&s);

		for (size_t i = 0; i < t.n && *t.s != '"'; i++)
			if ((unsigned char)t.s[i] < ' ')
				return true;
	}
	return false;
}

/* Parses one value at the start of *s and moves *s behind it. */
static int parse_one(struct str *s, cJSON **ret)
{
	const char *end = NULL;
	cJSON *j;

	skip_space(s);
	/* cJSON 1.7.15 passes over a byte order mark, and so would take one within an array */
	if (!s->n || *s->s == '\xef')
		return -EBADMSG;
	/* only while parsing: what cJSON prints or builds elsewhere lives on the heap */
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = arena_alloc, .free_fn = arena_keep});
	j = cJSON_ParseWithLengthOpts(s->s, s->n, &end, 0);
	cJSON_InitHooks(NULL);
	arena.trees++;
	if (!j || end < s->s || end > s->s + s->n || has_odd_space((struct str){s->s, (size_t)(end - s->s)})) {
		tree_gone();
		return -EBADMSG;
	}
	s->n -= (size_t)(end - s->s);
	s->s = end;
	*ret = j;
	return 0;
}

int json_parse(struct str text, cJSON **ret)
{
	cleanup_json cJSON *j = NULL;
	int r = parse_one(&text, &j);

	if (r)
		return r;
	skip_space(&text);
	if (text.n)
		return -EBADMSG;
	*ret = steal(&j);
	return 0;
}

struct str json_string(const cJSON *obj, const char *key)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(obj, key);

	return str_of(cJSON_IsString(j) ? j->valuestring : "");
}

bool json_u64(const cJSON *obj, const char *key, uint64_t *ret)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(obj, key);

	if (cJSON_IsString(j))
		return !str_to_u64(str_of(j->valuestring), ret);
	/* below 2^53, which is also what 2^53 + 1 becomes: another's id must not come of it */
	if (!cJSON_IsNumber(j) || !(j->valuedouble >= 0 && j->valuedouble < 9007199254740992.0) ||
	    j->valuedouble != (double)(uint64_t)j->valuedouble)
		return false;
	*ret = (uint64_t)j->valuedouble;
	return true;
}

int json_each(struct str text, int (*each)(void *arg, const cJSON *tree, struct str bytes), void *arg)
{
	char next = '[';

	for (;;) {
		cleanup_json cJSON *tree = NULL;
		struct str bytes;
		int r;

		skip_space(&text);
		if (!text.n || *text.s != next)
			return -EBADMSG;
		text.s++;
		text.n--;
		skip_space(&text);
		if (next == '[' && text.n && *text.s == ']')
			break;
		bytes = text;
		r = parse_one(&text, &tree);
		if (r)
			return r;
		bytes.n = (size_t)(text.s - bytes.s);
		r = each(arg, tree, bytes);
		if (r)
			return r;
		skip_space(&text);
		if (text.n && *text.s == ']')
			break;
		next = ',';
	}
	text.s++;
	text.n--;
	skip_space(&text);
	return text.n ? -EBADMSG : 0;
}

/* ---- slices ---- */

static bool opens(struct str t)
{
	return t.n == 1 && (*t.s == '{' || *t.s == '[');
}

static bool closes(struct str t)
{
	return t.n == 1 && (*t.s == '}' || *t.s == ']');
}

/* Takes a whole value off *s. */
static struct str take_value(struct str *s)
{
	size_t depth = 0, i = 0;
	struct str value;

	skip_space(s);
	value = *s;
	if (!value.n || (*value.s != '{' && *value.s != '['))
		return take_token(s);
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

static unsigned hex4(struct str s)
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

static struct str after(struct str s, size_t n)
{
	n = n < s.n ? n : s.n;
	return (struct str){s.s + n, s.n - n};
}

/* Adds what \uXXXX at the start of `s` means; returns how many bytes that took. */
static size_t add_unicode(struct buf *b, struct str s)
{
	unsigned c = hex4(after(s, 2)), low;
	struct str next = after(s, 6);

	if (c >= 0xd800 && c < 0xdc00 && str_starts(next, "\\u")) {
		low = hex4(after(next, 2));
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
	t = after(t, 1);
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
		t = after(t, n);
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
	struct str rest = bytes, t = take_token(&rest);

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
			p->piece = take_token(&p->rest);
		else if (p->rest.n)
			p->rest = after(p->rest, add_unit(&b, p->rest));
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
	struct str t = take_token(s);

	if (t.n == 1 && *t.s == ',')
		t = take_token(s);
	*name = t;
	if (name->n < 2 || *name->s != '"')
		return false;
	take_token(s);
	*value = take_value(s);
	return value->n;
}

static bool enter(struct str *s, char mark)
{
	struct str t = take_token(s);

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
	struct str t = take_token(&container);

	w->object = t.n == 1 && *t.s == '{';
	w->rest = opens(t) ? container : (struct str){NULL, 0};
}

bool json_step(struct json_walk *w, struct str *name, struct str *value)
{
	struct str rest = w->rest, t = take_token(&rest);

	if (w->object)
		return take_member(&w->rest, name, value);
	if (t.n == 1 && *t.s == ',')
		w->rest = rest;
	*name = (struct str){NULL, 0};
	*value = take_value(&w->rest);
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

	for (struct str t = take_token(&text); t.n && !b->error; t = take_token(&text)) {
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
	for (struct str t = take_token(&text); t.n && !b->error; t = take_token(&text))
		buf_add_str(b, t);
}

void json_plain(struct buf *b, struct str bytes)
{
	struct str rest = bytes, t = take_token(&rest);

	if (t.n && *t.s == '"')
		add_decoded(b, t);
	else if (!str_eqz(t, "null"))
		json_compact(b, bytes);
}
