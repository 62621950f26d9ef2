// SPDX-License-Identifier: MIT
/*
 * Values of JSON as text: cut, cleaned, and without secrets.
 *
 * Owns nothing. Works on slices, so that a number is shown as it was sent and a hostile
 * depth costs no stack. Must not know what an event is.
 */
#include "sentryfs/render.h"

#include <stdarg.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/name.h"
#include "sentryfs/secret.h"

#define LABEL 12    /* columns */
#define DEPTH_MAX 6 /* of containers on one line */
#define SOURCE_MAX 400

struct str render_get(struct str object, const char *key)
{
	struct str value;

	if (!object.n || json_member(object, key, &value) || str_eqz(value, "null"))
		return (struct str){NULL, 0};
	return value;
}

void members_read(struct members *m, struct str object)
{
	struct str name, value;
	struct json_walk w;

	m->object = object;
	m->n = 0;
	json_walk(&w, object);
	while (w.object && json_step(&w, &name, &value)) {
		if (m->n == sizeof(m->names) / sizeof(*m->names))
			return;
		m->names[m->n] = name;
		m->values[m->n++] = value;
	}
}

struct str members_get(const struct members *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (render_is(m->names[i], key))
			return str_eqz(m->values[i], "null") ? (struct str){NULL, 0} : m->values[i];
	return m->n == sizeof(m->names) / sizeof(*m->names) ? render_get(m->object, key) : (struct str){NULL, 0};
}

bool render_is(struct str value, const char *text)
{
	return value.n == strlen(text) + 2 && *value.s == '"' && !memcmp(value.s + 1, text, value.n - 2);
}

bool render_u64(struct str value, uint64_t *ret)
{
	if (value.n > 2 && *value.s == '"')
		value = (struct str){value.s + 1, value.n - 2};
	return !str_to_u64(value, ret);
}

size_t render_count(struct str container)
{
	struct str name, value;
	struct json_walk w;
	size_t n = 0;

	json_walk(&w, container);
	while (json_step(&w, &name, &value))
		n++;
	return n;
}

static void reverse(struct str *v, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct str one = v[i];

		v[i] = v[n - 1 - i];
		v[n - 1 - i] = one;
	}
}

size_t render_pick(struct str array, size_t head, size_t tail, struct str *out, size_t *total)
{
	struct str name, value;
	struct json_walk w;
	size_t n = 0, first;

	json_walk(&w, array);
	while (!w.object && json_step(&w, &name, &value)) {
		if (n < head)
			out[n] = value;
		else if (tail)
			out[head + (n - head) % tail] = value;
		n++;
	}
	*total = n;
	if (n <= head + tail)
		return n;
	if (tail) { /* the last ones stand in a ring */
		first = (n - head) % tail;
		reverse(out + head, first);
		reverse(out + head + first, tail - first);
		reverse(out + head, tail);
	}
	return head + tail;
}

/* ---- values ---- */

static struct str cut(struct str s, size_t max)
{
	if (s.n > max) {
		s.n = max;
		while (s.n && ((unsigned char)s.s[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	return s;
}

/* A decoded text, redacted, cleaned and cut. */
static void add_text(struct buf *b, struct str text, size_t max, bool multiline, bool code)
{
	cleanup_buf struct buf safe = {0};
	struct str shown;

	buf_init(&safe, BUF_MAX_DEFAULT * 2);
	/* a secret that is cut in two must still be seen as one: so more than is shown is looked at */
	secret_redact(&safe, cut(text, max * 2 + 1024), code);
	shown = cut(buf_str(&safe), max);
	text_clean(b, shown, multiline);
	if (shown.n < safe.len || text.n > max * 2 + 1024)
		buf_puts(b, "\xe2\x80\xa6");
	if (safe.error)
		b->error = safe.error;
}

void render_decode(struct buf *text, struct str value, struct buf *b)
{
	buf_init(text, BUF_MAX_DEFAULT);
	json_plain(text, value);
	if (text->error)
		b->error = text->error;
}

static void add_string(struct buf *b, struct str token, size_t max, bool multiline, bool code)
{
	cleanup_buf struct buf plain = {0};

	render_decode(&plain, token, b);
	add_text(b, buf_str(&plain), max, multiline, code);
}

static void add_quoted(struct buf *b, struct str token, size_t max)
{
	cleanup_buf struct buf text = {0};

	buf_init(&text, BUF_MAX_DEFAULT);
	add_string(&text, token, max, false, false);
	if (text.error)
		b->error = text.error;
	json_quote(b, buf_str(&text));
}

/* Is the string the name of a secret? */
static bool names_secret(struct str token, struct buf *b)
{
	cleanup_buf struct buf name = {0};

	if (!token.n || *token.s != '"' || token.n > 1024)
		return false;
	render_decode(&name, token, b);
	return secret_name(buf_str(&name));
}

static void add_compact(struct buf *b, struct str value, size_t end, unsigned depth)
{
	struct str name, inner;
	struct json_walk w;
	bool first = true, secret = false, pair;

	if (*value.s == '"') {
		add_quoted(b, value, end > b->len ? end - b->len : 0);
		return;
	}
	if (*value.s != '{' && *value.s != '[') {
		text_clean(b, cut(value, 64), false);
		return;
	}
	json_walk(&w, value);
	/* {"name": "Cookie", "value": "..."} */
	pair = w.object && (names_secret(render_get(value, "name"), b) || names_secret(render_get(value, "key"), b));
	buf_addc(b, *value.s);
	while (json_step(&w, &name, &inner) && !b->error) {
		if (!first)
			buf_puts(b, ", ");
		first = false;
		if (b->len >= end || depth >= DEPTH_MAX) {
			buf_puts(b, "\xe2\x80\xa6");
			break;
		}
		if (w.object) {
			add_quoted(b, name, 128);
			buf_puts(b, ": ");
		}
		if (w.object ? names_secret(name, b) || (pair && render_is(name, "value")) : secret)
			buf_puts(b, "\"" SECRET_REDACTED "\"");
		else
			add_compact(b, inner, end, depth + 1);
		/* ["Cookie", "..."] */
		secret = !w.object && names_secret(inner, b);
	}
	buf_addc(b, *value.s == '{' ? '}' : ']');
}

void render_line(struct buf *b, struct str value, size_t max)
{
	if (value.n && (*value.s == '{' || *value.s == '['))
		add_compact(b, value, b->len + max, 0);
	else
		add_string(b, value, max, false, false);
}

void render_block(struct buf *b, struct str value, size_t max)
{
	if (value.n && *value.s == '"')
		add_string(b, value, max, true, false);
	else
		render_line(b, value, max);
}

void render_named(struct buf *b, struct str name, struct str value, size_t max)
{
	if (secret_name(name) && value.n && !str_eqz(value, "\"\""))
		buf_puts(b, SECRET_REDACTED);
	else
		render_line(b, value, max);
}

void render_source(struct buf *b, struct str value)
{
	cleanup_buf struct buf line = {0};

	buf_init(&line, BUF_MAX_DEFAULT);
	add_string(&line, value, SOURCE_MAX, true, true);
	if (line.error)
		b->error = line.error;
	for (size_t i = 0; i < line.len; i++)
		buf_addc(b, line.data[i] == '\n' ? ' ' : line.data[i]);
}

/* ---- lines ---- */

void render_field(struct buf *b, const char *name, struct str value)
{
	size_t before = b->len;

	buf_printf(b, "%-*s", LABEL, name);
	if (value.n && !str_eqz(value, "\"\""))
		render_line(b, value, 1000);
	else
		b->len = before;
	if (b->len > before)
		buf_addc(b, '\n');
}

void render_members(struct buf *b, struct str members, size_t most, size_t max, const char *indent, const char *rest)
{
	struct str name, value, pair, second;
	struct json_walk w, inner;
	size_t n = 0, total = render_count(members);

	json_walk(&w, members);
	while (n < most && json_step(&w, &name, &value)) {
		cleanup_buf struct buf key = {0};

		n++;
		if (!w.object) {
			json_walk(&inner, value);
			if (inner.object || !json_step(&inner, &pair, &name) || !json_step(&inner, &pair, &second))
				continue;
			value = second;
		}
		render_decode(&key, name, b);
		buf_puts(b, indent);
		add_text(b, buf_str(&key), 128, false, false);
		buf_puts(b, w.object ? " = " : ": ");
		if (str_eqz(value, "null"))
			buf_puts(b, "null");
		else
			render_named(b, buf_str(&key), value, max);
		buf_addc(b, '\n');
	}
	render_more(b, total, n, indent, rest);
}

void render_facts(struct buf *b, struct str object, const char *but, size_t max)
{
	struct str name, value;
	struct json_walk w;
	size_t n = 0;

	json_walk(&w, object);
	while (w.object && n < 40 && json_step(&w, &name, &value)) {
		cleanup_buf struct buf key = {0};

		if (str_eqz(value, "null") || str_eqz(value, "\"\"") || (but && render_is(name, but)))
			continue;
		render_decode(&key, name, b);
		buf_puts(b, n++ ? " " : "");
		add_text(b, buf_str(&key), 64, false, false);
		buf_addc(b, '=');
		render_named(b, buf_str(&key), value, max);
	}
}

void render_pad(struct buf *b, size_t begin)
{
	do
		buf_addc(b, ' ');
	while (b->len < begin + LABEL && !b->error);
}

void render_more(struct buf *b, size_t total, size_t shown, const char *indent, const char *rest)
{
	if (total > shown)
		buf_printf(b, "%s(%zu more in %s)\n", indent, total - shown, rest);
}

void render_heading(struct buf *b, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_printf(b, "\n## %s\n", text);
}
