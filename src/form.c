// SPDX-License-Identifier: MIT
/*
 * How each platform writes a stack: one table, and the functions of its rows. Pure
 * functions. Must not know an event's other parts, or in which order exceptions come.
 */
#include "sentryfs/form.h"

#include "sentryfs/render.h"

#define VALUE_MAX 4000

/* ---- what the forms share ---- */

void form_title(struct buf *b, const struct stack *s, bool module, size_t max, bool block)
{
	if (module && s->module.n && s->type.n) {
		render_line(b, s->module, FORM_TITLE_MAX);
		buf_addc(b, '.');
	}
	render_line(b, s->type, FORM_TITLE_MAX);
	if (s->value.n && !str_eqz(s->value, "\"\"")) {
		buf_puts(b, s->type.n ? ": " : "");
		(block ? render_block : render_line)(b, s->value, max);
	}
}

static void plain_head(struct buf *b, const struct stack *s)
{
	form_title(b, s, false, VALUE_MAX, true);
	buf_addc(b, '\n');
}

struct str form_unknown(struct str s)
{
	return s.n ? s : STR("<unknown>");
}

static struct str base_of(struct str path)
{
	for (size_t i = path.n; i > 0; i--)
		if (path.s[i - 1] == '/' || path.s[i - 1] == '\\')
			return (struct str){path.s + i, path.n - i};
	return path;
}

static void add_number(struct buf *b, char mark, uint64_t n)
{
	if (n)
		buf_printf(b, "%c%llu", mark, (unsigned long long)n);
}

/* The deepest frame, of which some forms tell first. */
static void read_deepest(struct frame *f, const struct stack *s, struct buf *b)
{
	frame_read(f, s->n ? s->frames[s->n - 1] : STR("{}"), b);
}

/* ---- one form after another ---- */

static void python_head(struct buf *b, const struct stack *s)
{
	if (s->n)
		buf_puts(b, "Traceback (most recent call last):\n");
}

static void python_frame(struct buf *b, const struct frame *f, size_t n)
{
	struct str source = frame_source_line(f);

	(void)n;
	buf_puts(b, "  File \"");
	buf_add_str(b, form_unknown(f->path.n ? f->path : f->module));
	buf_printf(b, "\", line %llu, in ", (unsigned long long)f->line);
	buf_add_str(b, form_unknown(f->function));
	buf_addc(b, '\n');
	if (source.n) {
		cleanup_buf struct buf line = {0};

		buf_init(&line, BUF_MAX_DEFAULT);
		render_source(&line, source);
		if (line.error)
			b->error = line.error;
		if (str_trim(buf_str(&line)).n) {
			buf_puts(b, "    ");
			buf_add_str(b, str_trim(buf_str(&line)));
			buf_addc(b, '\n');
		}
	}
}

static void script_frame(struct buf *b, const struct frame *f, size_t n)
{
	(void)n;
	buf_puts(b, "    at ");
	if (f->function.n) {
		buf_add_str(b, f->function);
		buf_puts(b, " (");
	}
	buf_add_str(b, f->path.n ? f->path : STR("<anonymous>"));
	add_number(b, ':', f->line);
	add_number(b, ':', f->line ? f->column : 0);
	buf_puts(b, f->function.n ? ")\n" : "\n");
}

static void java_head(struct buf *b, const struct stack *s)
{
	form_title(b, s, true, VALUE_MAX, true);
	buf_addc(b, '\n');
}

static void java_frame(struct buf *b, const struct frame *f, size_t n)
{
	(void)n;
	buf_puts(b, "\tat ");
	if (f->module.n) {
		buf_add_str(b, f->module);
		buf_addc(b, '.');
	}
	buf_add_str(b, form_unknown(f->function));
	buf_addc(b, '(');
	if (f->native)
		buf_puts(b, "Native Method");
	else
		buf_add_str(b, f->path.n ? base_of(f->path) : STR("Unknown Source"));
	add_number(b, ':', f->line);
	buf_puts(b, ")\n");
}

static void go_head(struct buf *b, const struct stack *s)
{
	uint64_t thread = 1;

	if (!s->handled && s->last)
		buf_puts(b, "panic: ");
	plain_head(b, s);
	render_u64(s->thread, &thread);
	if (s->n)
		buf_printf(b, "\ngoroutine %llu [running]:\n", (unsigned long long)thread);
}

static void go_frame(struct buf *b, const struct frame *f, size_t n)
{
	(void)n;
	if (f->module.n) {
		buf_add_str(b, f->module);
		buf_addc(b, '.');
	}
	buf_add_str(b, form_unknown(f->function));
	buf_puts(b, "(...)\n\t");
	buf_add_str(b, form_unknown(f->path));
	buf_printf(b, ":%llu\n", (unsigned long long)f->line);
}

static void ruby_place(struct buf *b, const struct frame *f)
{
	buf_add_str(b, form_unknown(f->path));
	buf_printf(b, ":%llu:in `", (unsigned long long)f->line);
	buf_add_str(b, form_unknown(f->function));
	buf_addc(b, '\'');
}

/* file:line:in `method': first line (Class), the other lines */
static void ruby_head(struct buf *b, const struct stack *s)
{
	cleanup_frame struct frame f = {0};
	cleanup_buf struct buf value = {0};
	struct str rest, first;

	buf_init(&value, BUF_MAX_DEFAULT);
	render_block(&value, s->value, VALUE_MAX);
	if (value.error)
		b->error = value.error;
	rest = buf_str(&value);
	first = str_cut(&rest, '\n');
	if (s->n) {
		read_deepest(&f, s, b);
		ruby_place(b, &f);
		buf_puts(b, ": ");
	}
	buf_add_str(b, first);
	buf_puts(b, first.n ? " (" : "(");
	render_line(b, s->type, FORM_TITLE_MAX);
	buf_puts(b, ")\n");
	if (rest.n) {
		buf_add_str(b, rest);
		buf_addc(b, '\n');
	}
}

static void ruby_frame(struct buf *b, const struct frame *f, size_t n)
{
	if (!n)
		return; /* told by the head */
	buf_puts(b, "\tfrom ");
	ruby_place(b, f);
	buf_addc(b, '\n');
}

static void csharp_frame(struct buf *b, const struct frame *f, size_t n)
{
	struct str function = form_unknown(f->function);
	const char *open = memchr(function.s, '(', function.n);
	size_t begin = open ? (size_t)(open - function.s) : 0;

	(void)n;
	/* newer SDKs put the type of what is returned before the name */
	while (begin && function.s[begin - 1] != ' ')
		begin--;
	function = (struct str){function.s + begin, function.n - begin};
	buf_puts(b, "   at ");
	if (f->module.n) {
		buf_add_str(b, f->module);
		buf_addc(b, '.');
	}
	buf_add_str(b, function);
	buf_puts(b, open ? "" : "()");
	if (f->path.n) {
		buf_puts(b, " in ");
		buf_add_str(b, f->path);
		if (f->line)
			buf_printf(b, ":line %llu", (unsigned long long)f->line);
	}
	buf_addc(b, '\n');
}

static void php_head(struct buf *b, const struct stack *s)
{
	cleanup_frame struct frame f = {0};

	if (!s->handled && s->last)
		buf_puts(b, "PHP Fatal error:  Uncaught ");
	form_title(b, s, false, VALUE_MAX, true);
	if (s->n) {
		read_deepest(&f, s, b);
		buf_puts(b, " in ");
		buf_add_str(b, form_unknown(f.path));
		add_number(b, ':', f.line);
		buf_puts(b, "\nStack trace:");
	}
	buf_addc(b, '\n');
}

static void php_frame(struct buf *b, const struct frame *f, size_t n)
{
	buf_printf(b, "#%zu ", n);
	buf_add_str(b, f->path.n ? f->path : STR("[internal function]"));
	if (f->line)
		buf_printf(b, "(%llu)", (unsigned long long)f->line);
	buf_puts(b, ": ");
	buf_add_str(b, f->function.n ? f->function : STR("{main}"));
	buf_puts(b, f->function.n ? "()\n" : "\n");
}

static void native_frame(struct buf *b, const struct frame *f, size_t n)
{
	buf_printf(b, "#%02zu ", n);
	buf_add_str(b, f->address.n ? f->address : STR("0x0"));
	buf_addc(b, ' ');
	buf_add_str(b, form_unknown(base_of(f->package)));
	buf_addc(b, ' ');
	buf_add_str(b, form_unknown(f->function));
	if (f->path.n) {
		buf_puts(b, " (");
		buf_add_str(b, f->path);
		add_number(b, ':', f->line);
		buf_addc(b, ')');
	}
	buf_addc(b, '\n');
}

static void other_frame(struct buf *b, const struct frame *f, size_t n)
{
	(void)n;
	buf_puts(b, "  at ");
	buf_add_str(b, form_unknown(f->function.n ? f->function : f->module));
	buf_puts(b, " (");
	buf_add_str(b, form_unknown(f->path.n ? f->path : f->package));
	add_number(b, ':', f->line);
	buf_puts(b, ")\n");
}

/* Platforms by Sentry's names for them; the last row is for all others. */
static const struct form forms[] = {
	{{"python"},
	 .causes_first = true,
	 .oldest_first = true,
	 .cause = "",
	 .head = python_head,
	 .frame = python_frame,
	 .tail = plain_head},
	{{"javascript", "node"}, .cause = "[cause]: ", .head = plain_head, .frame = script_frame},
	{{"java"}, .cause = "Caused by: ", .head = java_head, .frame = java_frame},
	{{"go"}, .cause = "\ncaused by: ", .head = go_head, .frame = go_frame},
	{{"ruby"}, .cause = "", .head = ruby_head, .frame = ruby_frame},
	{{"csharp", "dotnet"}, .causes_within = true, .cause = " ---> ", .head = plain_head, .frame = csharp_frame},
	{{"php"}, .causes_first = true, .cause = "\nNext ", .head = php_head, .frame = php_frame},
	{{"native", "cocoa", "c", "rust"}, .cause = "caused by: ", .head = plain_head, .frame = native_frame},
	{{NULL}, .cause = "caused by: ", .head = plain_head, .frame = other_frame},
};

const struct form *form_of(struct str platform)
{
	const struct form *f = forms;

	for (; *f->platforms; f++)
		for (size_t i = 0; i < 5 && f->platforms[i]; i++)
			if (render_is(platform, f->platforms[i]))
				return f;
	return f;
}
