// SPDX-License-Identifier: MIT
/*
 * One frame of a stack. Owns the texts of the one it has read. Must not know how a
 * platform writes its stacks (form.c).
 */
#include "sentryfs/frame.h"

#include "sentryfs/json.h"
#include "sentryfs/render.h"

#define TEXT_MAX 300
#define TEXT_ROOM ((size_t)8 * (TEXT_MAX * 3 + 16)) /* a byte that is no UTF-8 becomes three */
#define LOCAL_MAX 160

static struct str text_of(struct frame *f, const struct members *m, const char *key)
{
	size_t begin = f->text.len;
	struct str value = members_get(m, key);

	if (!value.n || *value.s == '{' || *value.s == '[')
		return STR("");
	render_line(&f->text, value, TEXT_MAX);
	return (struct str){f->text.data + begin, f->text.len - begin};
}

/* webpack:///./src/a.ts, app:///a.js, ./a.js, https://host/static/a.js: as a checkout has it. */
static struct str file_of(struct str path)
{
	const char *scheme = memmem(path.s, path.n, "://", 3);

	if (str_starts(path, "file://"))
		return (struct str){path.s + 7, path.n - 7};
	if (scheme) {
		struct str host;

		path.n -= (size_t)(scheme + 3 - path.s);
		path.s = scheme + 3;
		host = str_cut(&path, '/'); /* none, or a host's name */
		if (!path.s)
			path = host;
	}
	while (str_starts(path, "./"))
		path = (struct str){path.s + 2, path.n - 2};
	return path;
}

void frame_read(struct frame *f, struct str json, struct buf *b)
{
	struct str file, whole, line;
	struct members m;

	members_read(&m, json);
	line = members_get(&m, "lineNo");
	f->text.len = 0;
	if (!f->text.cap) {
		buf_init(&f->text, TEXT_ROOM);
		buf_reserve(&f->text, TEXT_ROOM);
	}
	file = text_of(f, &m, "filename");
	whole = text_of(f, &m, "absPath");
	f->path = file.n ? file : whole;
	f->file = file_of(f->path);
	f->module = text_of(f, &m, "module");
	f->function = text_of(f, &m, "function");
	f->package = text_of(f, &m, "package");
	f->address = text_of(f, &m, "instructionAddr");
	f->line = f->column = 0;
	f->native = line.n && *line.s == '-';
	render_u64(line, &f->line);
	render_u64(members_get(&m, "colNo"), &f->column);
	f->in_app = str_eqz(members_get(&m, "inApp"), "true");
	if (f->text.error)
		b->error = f->text.error;
	f->source = members_get(&m, "context");
	f->locals = members_get(&m, "vars");
}

void frame_done(struct frame *f)
{
	buf_done(&f->text);
}

/* The number and the text of a source line. */
static bool source_line(struct str pair, uint64_t *number, struct str *text)
{
	struct str name, value;
	struct json_walk w;

	json_walk(&w, pair);
	return !w.object && json_step(&w, &name, &value) && render_u64(value, number) && json_step(&w, &name, text) &&
	       *text->s == '"';
}

struct str frame_source_line(const struct frame *f)
{
	struct str name, pair, text;
	struct json_walk w;
	uint64_t number;

	json_walk(&w, f->source);
	while (f->line && !w.object && json_step(&w, &name, &pair))
		if (source_line(pair, &number, &text) && number == f->line)
			return text;
	return (struct str){NULL, 0};
}

void frame_show(struct buf *b, const struct frame *f, size_t around, size_t locals, const char *rest)
{
	struct str name, pair, text;
	size_t left = 2 * around + 1;
	struct json_walk w;
	uint64_t number;

	if (f->file.n)
		buf_add_str(b, f->file);
	else
		buf_add_str(b, f->module.n ? f->module : f->package);
	if (f->line)
		buf_printf(b, ":%llu", (unsigned long long)f->line);
	buf_puts(b, f->function.n ? " in " : "");
	buf_add_str(b, f->function);
	buf_addc(b, '\n');
	json_walk(&w, f->source);
	while (!w.object && left && json_step(&w, &name, &pair)) {
		if (!source_line(pair, &number, &text) || number + around < f->line || number > f->line + around)
			continue;
		left--;
		buf_printf(b, "%c%5llu | ", number == f->line ? '>' : ' ', (unsigned long long)number);
		render_source(b, text);
		while (b->len && (b->data[b->len - 1] == ' ' || b->data[b->len - 1] == '\t'))
			b->len--;
		buf_addc(b, '\n');
	}
	if (f->locals.n && *f->locals.s == '{')
		render_members(b, f->locals, locals, LOCAL_MAX, "        ", rest);
}
