// SPDX-License-Identifier: MIT
/*
 * An event's exceptions and threads, walked by one body whatever the platform. Owns
 * nothing. Must not know how a platform writes a stack (form.c), or where it is shown.
 */
#include "sentryfs/trace.h"

#include "sentryfs/form.h"
#include "sentryfs/json.h"
#include "sentryfs/render.h"

#define CHAIN_MAX 20
#define THREADS_MAX 50

void event_read(struct event *e, struct str json)
{
	struct members *entries = &e->entries;
	struct str name, entry;
	struct json_walk w;

	members_read(&e->top, json);
	entries->object = STR("{}");
	entries->n = 0;
	json_walk(&w, members_get(&e->top, "entries"));
	while (!w.object && entries->n < sizeof(entries->names) / sizeof(*entries->names) &&
	       json_step(&w, &name, &entry)) {
		entries->names[entries->n] = render_get(entry, "type");
		entries->values[entries->n++] = render_get(entry, "data");
	}
}

/* ---- an event's stacks ---- */

static void read_stack(struct stack *s, struct str trace)
{
	s->type = s->value = s->module = s->thread = (struct str){NULL, 0};
	s->handled = true;
	s->last = false;
	s->n = render_pick(render_get(trace, "frames"), FORM_OLDEST_MAX, FORM_NEWEST_MAX, s->frames, &s->total);
}

/* The stack of the thread that crashed: where an exception has none of its own. */
static struct str crashed_trace(const struct event *e)
{
	struct str name, thread;
	struct json_walk w;

	json_walk(&w, render_get(members_get(&e->entries, "threads"), "values"));
	while (!w.object && json_step(&w, &name, &thread))
		if (str_eqz(render_get(thread, "crashed"), "true"))
			return render_get(thread, "stacktrace");
	return (struct str){NULL, 0};
}

struct chain {
	struct str values[CHAIN_MAX]; /* exceptions as JSON, causes first */
	size_t n, total;
	const struct event *event;
};

/* Of an event without an exception its bare stack, if it has one. */
static void read_chain(struct chain *c, const struct event *e)
{
	c->event = e;
	c->n = render_pick(render_get(members_get(&e->entries, "exception"), "values"), 0, CHAIN_MAX, c->values,
			   &c->total);
}

static void read_exception(struct stack *s, const struct chain *c, size_t i)
{
	struct members m;

	members_read(&m, c->values[i]);
	read_stack(s, members_get(&m, "stacktrace"));
	s->last = i + 1 == c->n;
	if (!s->n && s->last) {
		read_stack(s, crashed_trace(c->event));
		s->last = true;
	}
	s->type = members_get(&m, "type");
	s->value = members_get(&m, "value");
	s->module = members_get(&m, "module");
	s->thread = members_get(&m, "threadId");
	s->handled = !str_eqz(render_get(members_get(&m, "mechanism"), "handled"), "false");
}

static void add_frames(struct buf *b, const struct form *form, const struct stack *s, const char *rest)
{
	cleanup_frame struct frame f = {0};
	size_t cut = s->total - s->n;

	for (size_t i = 0; i < s->n; i++) {
		size_t at = form->oldest_first ? i : s->n - 1 - i;

		/* what is cut stands between the ends */
		if (cut && at == (form->oldest_first ? FORM_OLDEST_MAX : FORM_OLDEST_MAX - 1))
			buf_printf(b, "  [%zu more frames in %s]\n", cut, rest);
		frame_read(&f, s->frames[at], b);
		form->frame(b, &f, i < s->n - FORM_OLDEST_MAX || !cut ? i : i + cut);
	}
}

static void add_exception(struct buf *b, const struct form *form, const struct stack *s, const char *rest)
{
	form->head(b, s);
	add_frames(b, form, s, rest);
	if (form->tail)
		form->tail(b, s);
}

/* How Python tells of an exception and the next. */
static void add_python_link(struct buf *b, struct str cause)
{
	bool context = render_is(render_get(render_get(cause, "mechanism"), "source"), "__context__");

	buf_puts(b, context ? "\nDuring handling of the above exception, another exception occurred:\n\n"
			    : "\nThe above exception was the direct cause of the following exception:\n\n");
}

static void add_chain(struct buf *b, const struct form *form, const struct chain *c, const char *rest)
{
	struct stack s;

	for (size_t i = 0; i < c->n; i++) {
		size_t at = form->causes_first ? i : c->n - 1 - i;

		if (i)
			buf_puts(b, form->cause);
		if (i && form->causes_first && form->oldest_first)
			add_python_link(b, c->values[at - 1]);
		read_exception(&s, c, at);
		if (form->causes_within)
			form->head(b, &s);
		else
			add_exception(b, form, &s, rest);
	}
	for (size_t i = 0; i < c->n && form->causes_within; i++) {
		read_exception(&s, c, i);
		add_frames(b, form, &s, rest);
		if (i + 1 < c->n)
			buf_puts(b, "   --- End of inner exception stack trace ---\n");
	}
	if (c->total > c->n)
		render_more(b, c->total, c->n, "", rest);
}

static void add_thread(struct buf *b, const struct form *form, struct str thread, const char *rest)
{
	struct str name = render_get(thread, "name"), id = render_get(thread, "id");
	struct stack s;

	read_stack(&s, render_get(thread, "stacktrace"));
	buf_puts(b, "Thread ");
	render_line(b, id, FORM_TITLE_MAX);
	if (name.n) {
		buf_puts(b, " \"");
		render_line(b, name, FORM_TITLE_MAX);
		buf_addc(b, '"');
	}
	buf_puts(b, str_eqz(render_get(thread, "crashed"), "true") ? " (crashed)" : "");
	buf_puts(b, !s.n		 ? ": its stack is the exception's, or was not sent\n"
		    : form->oldest_first ? " (most recent call last):\n"
					 : ":\n");
	add_frames(b, form, &s, rest);
}

static void add_threads(struct buf *b, const struct form *form, struct str threads, const char *rest)
{
	struct str shown[THREADS_MAX];
	size_t total, n = render_pick(threads, THREADS_MAX, 0, shown, &total);

	if (n)
		render_heading(b, "Threads (%zu)", total);
	for (size_t i = 0; i < n; i++)
		add_thread(b, form, shown[i], rest);
	render_more(b, total, n, "", rest);
}

void trace_show(struct buf *b, const struct event *e, const char *rest)
{
	const struct form *form = form_of(members_get(&e->top, "platform"));
	struct chain c;
	struct stack s;

	read_chain(&c, e);
	if (c.n)
		render_heading(b, c.total > 1 ? "Exception and its causes (%zu)" : "Exception", c.total);
	add_chain(b, form, &c, rest);
	add_threads(b, form, render_get(members_get(&e->entries, "threads"), "values"), rest);
	read_stack(&s, members_get(&e->entries, "stacktrace"));
	if (s.n)
		render_heading(b, "Stack");
	add_frames(b, form, &s, rest);
}

/* ---- source lines, and places for editors ---- */

/* What was chosen of the stacks so far. */
struct choice {
	bool in_app;	     /* some of them are the program's own */
	struct str seen[64]; /* as JSON: a cause shares frames with what it caused */
	size_t seen_n;
	size_t at[FORM_OLDEST_MAX + FORM_NEWEST_MAX]; /* of this stack */
	size_t n;
};

static bool is_seen(struct choice *c, struct str frame)
{
	for (size_t i = 0; i < c->seen_n; i++)
		if (str_eq(c->seen[i], frame))
			return true;
	if (c->seen_n < sizeof(c->seen) / sizeof(*c->seen))
		c->seen[c->seen_n++] = frame;
	return false;
}

/* Frames of the program itself where there are any, else all, the deepest first, and each once. */
static void choose(struct choice *c, const struct stack *s)
{
	bool own = false;

	for (size_t i = 0; i < s->n && !own; i++)
		own = str_eqz(render_get(s->frames[i], "inApp"), "true");
	c->n = 0;
	for (size_t i = s->n; i > 0 && (own || !c->in_app); i--)
		if ((!own || str_eqz(render_get(s->frames[i - 1], "inApp"), "true")) && !is_seen(c, s->frames[i - 1]))
			c->at[c->n++] = i - 1;
	c->in_app |= own;
}

/* The i-th of an event's stacks from the one it is about to its causes; false behind the last. */
static bool nth_stack(struct stack *s, const struct chain *c, size_t i)
{
	if (i < c->n) {
		read_exception(s, c, c->n - 1 - i);
		return true;
	}
	if (c->n || i)
		return false;
	read_stack(s, members_get(&c->event->entries, "stacktrace"));
	if (!s->n)
		read_stack(s, crashed_trace(c->event));
	s->value = members_get(&c->event->top, "title");
	return s->n;
}

static void add_sources(struct buf *b, const struct stack *s, struct choice *c, bool summary, const char *rest)
{
	cleanup_frame struct frame f = {0};
	size_t shown = 0;

	choose(c, s);
	for (size_t i = 0; i < c->n && shown < (summary ? 4 : 20); i++) {
		frame_read(&f, s->frames[c->at[i]], b);
		if (!summary && !render_count(f.source) && !render_count(f.locals))
			continue;
		frame_show(b, &f, summary ? 2 : 10, summary ? 8 : 40, rest);
		shown++;
	}
	if (summary && s->total > shown)
		buf_printf(b, "(%zu more frames in %s)\n", s->total - shown, rest);
}

void trace_sources(struct buf *b, const struct event *e, bool summary, const char *rest)
{
	struct chain c;
	struct stack s;
	bool headed = summary;
	struct choice choice = {0};

	read_chain(&c, e);
	for (size_t i = 0; nth_stack(&s, &c, i); i++) {
		size_t before, begin = b->len;

		if (summary && i == 4) {
			render_more(b, c.total, i, "", rest);
			return;
		}
		if (!headed)
			render_heading(b, "Source and locals");
		if (summary || c.n > 1) {
			buf_puts(b, i ? "caused by: " : "");
			form_title(b, &s, false, FORM_TITLE_MAX, false);
			buf_addc(b, '\n');
		}
		before = b->len;
		add_sources(b, &s, &choice, summary, rest);
		if (!summary && b->len == before)
			b->len = begin;
		else
			headed = true;
	}
}

/* Where a Java class is, its file's name alone is told: its package says the directory. */
static void add_file(struct buf *b, const struct frame *f)
{
	size_t package = f->module.n;

	while (package && f->module.s[package - 1] != '.')
		package--;
	if (str_case_eq((struct str){f->file.s + (f->file.n > 5 ? f->file.n - 5 : 0), f->file.n > 5 ? 5 : 0},
			STR(".java")) &&
	    !memchr(f->file.s, '/', f->file.n))
		for (size_t i = 0; i < package; i++)
			buf_addc(b, f->module.s[i] == '.' ? '/' : f->module.s[i]);
	buf_add_str(b, f->file);
}

void trace_quickfix(struct buf *b, const struct event *e)
{
	cleanup_frame struct frame f = {0};
	struct choice choice = {0};
	struct chain c;
	struct stack s;

	read_chain(&c, e);
	for (size_t i = 0; nth_stack(&s, &c, i); i++) {
		bool told = false;

		choose(&choice, &s);
		for (size_t k = 0; k < choice.n; k++) {
			frame_read(&f, s.frames[choice.at[k]], b);
			if (!f.file.n || !f.line)
				continue;
			add_file(b, &f);
			buf_printf(b, ":%llu: ", (unsigned long long)f.line);
			if (!told) {
				form_title(b, &s, false, FORM_TITLE_MAX, false);
				buf_puts(b, " in ");
			}
			told = true;
			buf_add_str(b, form_unknown(f.function));
			buf_addc(b, '\n');
		}
	}
}
