// SPDX-License-Identifier: MIT
/*
 * events/<id>.txt: a whole event as text, of the same answer as its .json; and
 * frames.qf. What the single form of an event has and the one of pages has not is left
 * out, so that both give the same text.
 */
#include "sentryfs/event.h"

#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/render.h"
#include "sentryfs/secret.h"
#include "sentryfs/show.h"
#include "sentryfs/trace.h"

#define EVENT_TEXT_MAX ((size_t)1 << 20)
#define CRUMBS_MAX 100
#define CRUMBS_FEW 8

struct str event_tag(const struct event *e, const char *key)
{
	struct str name, tag;
	struct json_walk w;

	json_walk(&w, members_get(&e->top, "tags"));
	while (!w.object && json_step(&w, &name, &tag))
		if (render_is(render_get(tag, "key"), key))
			return render_get(tag, "value");
	return (struct str){NULL, 0};
}

void event_message(struct buf *b, const struct event *e)
{
	struct str data = members_get(&e->entries, "message"), text = render_get(data, "formatted");
	struct str params = render_get(data, "params");

	if (!text.n)
		text = render_get(data, "message");
	/* where the title says it all it is not said again */
	if (!text.n || (str_eq(text, members_get(&e->top, "title")) && !render_count(params)))
		return;
	render_heading(b, "Message");
	render_block(b, text, 8000);
	buf_addc(b, '\n');
	if (render_count(params)) {
		buf_puts(b, "params      ");
		render_line(b, params, 1000);
		buf_addc(b, '\n');
	}
}

/* ---- breadcrumbs ---- */

static void add_crumb(struct buf *b, struct str crumb, size_t max)
{
	struct str data = render_get(crumb, "data"), message = render_get(crumb, "message"),
		   url = render_get(data, "url");

	render_line(b, render_get(crumb, "timestamp"), 40);
	buf_addc(b, ' ');
	render_line(b, render_get(crumb, "level"), 20);
	buf_addc(b, ' ');
	render_line(b, render_get(crumb, "category"), 60);
	buf_puts(b, message.n ? "  " : "");
	render_line(b, message, max);
	if (url.n) {
		buf_puts(b, "  ");
		render_line(b, render_get(data, "method"), 20);
		buf_addc(b, ' ');
		render_line(b, url, max);
		buf_addc(b, ' ');
		render_line(b, render_get(data, "status_code"), 20);
	} else if (render_count(data)) {
		buf_puts(b, "  ");
		render_facts(b, data, NULL, max);
	}
	buf_addc(b, '\n');
}

void event_breadcrumbs(struct buf *b, const struct event *e, bool summary, const char *rest)
{
	struct str shown[CRUMBS_MAX];
	size_t total, n = render_pick(render_get(members_get(&e->entries, "breadcrumbs"), "values"), 0,
				      summary ? CRUMBS_FEW : CRUMBS_MAX, shown, &total);

	if (!n)
		return;
	render_heading(b, "Breadcrumbs, the newest last");
	render_more(b, total, n, "", rest);
	for (size_t i = 0; i < n; i++)
		add_crumb(b, shown[i], summary ? 160 : 1000);
}

/* ---- the request ---- */

/* Names alone: what cookies hold is nobody's. */
static void add_cookies(struct buf *b, struct str cookies)
{
	struct str name, pair, key;
	struct json_walk w, inner;
	size_t n = 0;

	if (!cookies.n || (*cookies.s == '[' && !render_count(cookies)))
		return;
	buf_puts(b, "Cookie: ");
	json_walk(&w, cookies);
	while (n < 50 && json_step(&w, &name, &pair)) {
		json_walk(&inner, pair);
		key = w.object ? name : !inner.object && json_step(&inner, &name, &key) ? key : STR("\"\"");
		buf_puts(b, n++ ? "; " : "");
		render_line(b, key, 64);
		buf_puts(b, "=[redacted]");
	}
	buf_puts(b, n ? "\n" : "[redacted]\n");
}

void event_request(struct buf *b, const struct event *e, bool summary, const char *rest)
{
	struct str data = members_get(&e->entries, "request"), query = render_get(data, "query"),
		   body = render_get(data, "data");
	struct str url = render_get(data, "url"), method = render_get(data, "method");

	if (!render_count(data))
		return;
	render_heading(b, "Request");
	render_line(b, method, 20);
	buf_puts(b, method.n ? " " : "");
	render_line(b, url, 1000);
	if (query.n && *query.s == '"' && !str_eqz(query, "\"\"")) {
		buf_addc(b, '?');
		render_line(b, query, 500);
	}
	buf_addc(b, '\n');
	if (query.n && *query.s != '"')
		render_members(b, query, summary ? 10 : 100, 300, "  ? ", rest);
	if (!summary) {
		render_members(b, render_get(data, "headers"), 100, 500, "", rest);
		add_cookies(b, render_get(data, "cookies"));
	}
	if (body.n && !str_eqz(body, "\"\"") && !str_eqz(body, "{}")) {
		buf_puts(b, "body        ");
		render_line(b, body, summary ? 300 : 4000);
		buf_addc(b, '\n');
	}
	if (!summary && render_count(render_get(data, "env"))) {
		buf_puts(b, "env         ");
		render_facts(b, render_get(data, "env"), NULL, 200);
		buf_addc(b, '\n');
	}
}

/* ---- who and where ---- */

void event_circumstances(struct buf *b, const struct event *e, const char *rest)
{
	struct str user = members_get(&e->top, "user"), contexts = members_get(&e->top, "contexts"), name, context;
	struct json_walk w;
	size_t n = 0;

	if (!render_count(user) && !render_count(contexts))
		return;
	render_heading(b, "User and contexts");
	if (render_count(user)) {
		buf_puts(b, "user        ");
		render_facts(b, user, "data", 200);
		if (render_count(render_get(user, "data"))) {
			buf_puts(b, " data=");
			render_line(b, render_get(user, "data"), 300);
		}
		buf_addc(b, '\n');
	}
	json_walk(&w, contexts);
	while (w.object && n < 30 && json_step(&w, &name, &context)) {
		cleanup_buf struct buf key = {0};
		size_t begin = b->len;

		n++;
		render_decode(&key, name, b);
		render_line(b, name, 60);
		render_pad(b, begin);
		if (*context.s == '{' && !secret_name(buf_str(&key)))
			render_facts(b, context, "type", 300);
		else
			render_named(b, buf_str(&key), context, 300);
		buf_addc(b, '\n');
	}
	render_more(b, render_count(contexts), n, "", rest);
}

/* ---- the whole ---- */

static void add_head(struct buf *b, const struct event *e, const struct source *s, const char *rest)
{
	const struct node *project = s->node ? node_above(s->node, &item_project) : NULL;
	const struct node *issue = s->node ? node_above(s->node, &item_issue) : NULL;
	struct str release = event_tag(e, "release"), title = members_get(&e->top, "title");

	render_block(b, title.n ? title : members_get(&e->top, "message"), 1000);
	buf_puts(b, "\n\n");
	render_field(b, "event", members_get(&e->top, "eventID"));
	buf_printf(b, "%-12s%s\n", "exact", rest);
	if (issue)
		buf_printf(b, "%-12s%s\n", "issue", issue->item->name);
	if (project)
		buf_printf(b, "%-12s%s\n", "project", project->item->name);
	render_field(b, "date", members_get(&e->top, "dateCreated"));
	render_field(b, "received", members_get(&e->top, "dateReceived"));
	render_field(b, "release", release.n ? release : render_get(members_get(&e->top, "release"), "version"));
	render_field(b, "dist", members_get(&e->top, "dist"));
	render_field(b, "environment", event_tag(e, "environment"));
	render_field(b, "level", event_tag(e, "level"));
	render_field(b, "type", members_get(&e->top, "type"));
	render_field(b, "platform", members_get(&e->top, "platform"));
	render_field(b, "culprit", members_get(&e->top, "culprit"));
	render_field(b, "location", members_get(&e->top, "location"));
	if (render_count(members_get(&e->top, "sdk"))) {
		buf_puts(b, "sdk         ");
		render_facts(b, members_get(&e->top, "sdk"), NULL, 100);
		buf_addc(b, '\n');
	}
}

static void add_tags(struct buf *b, const struct event *e, const char *rest)
{
	struct str tags = members_get(&e->top, "tags"), name, tag;
	struct json_walk w;
	size_t n = 0;

	if (!render_count(tags))
		return;
	render_heading(b, "Tags");
	json_walk(&w, tags);
	while (!w.object && n < 200 && json_step(&w, &name, &tag)) {
		cleanup_buf struct buf key = {0};

		render_decode(&key, render_get(tag, "key"), b);
		render_line(b, render_get(tag, "key"), 200);
		buf_puts(b, " = ");
		render_named(b, buf_str(&key), render_get(tag, "value"), 300);
		buf_addc(b, '\n');
		n++;
	}
	render_more(b, render_count(tags), n, "", rest);
}

/* What the SDK or the server found wrong with the event itself. */
static void add_errors(struct buf *b, const struct event *e, const char *rest)
{
	struct str errors = members_get(&e->top, "errors"), shown[20];
	size_t total, n = render_pick(errors, 20, 0, shown, &total);

	if (n)
		render_heading(b, "Errors while it was processed");
	for (size_t i = 0; i < n; i++) {
		render_line(b, shown[i], 300);
		buf_addc(b, '\n');
	}
	render_more(b, total, n, "", rest);
}

/* Entries that have no text here are named. */
static void add_others(struct buf *b, const struct event *e, const char *rest)
{
	static const char *const told[] = {"exception", "threads", "stacktrace", "message", "breadcrumbs", "request"};
	struct str name, entry, type, packages = members_get(&e->top, "packages");
	struct json_walk w;
	size_t n = 0, known, begin = b->len, headed;

	render_heading(b, "Not shown");
	headed = b->len;
	json_walk(&w, members_get(&e->top, "entries"));
	while (!w.object && n < 50 && json_step(&w, &name, &entry)) {
		type = render_get(entry, "type");
		for (known = 0; known < sizeof(told) / sizeof(*told) && !render_is(type, told[known]);)
			known++;
		if (!type.n || known < sizeof(told) / sizeof(*told))
			continue;
		n++;
		render_line(b, type, 60);
		buf_printf(b, ", in %s\n", rest);
	}
	if (render_count(packages))
		buf_printf(b, "%zu packages, in %s\n", render_count(packages), rest);
	if (b->len == headed)
		b->len = begin;
}

static void limit(struct buf *b, size_t begin, const char *rest)
{
	size_t end = begin + EVENT_TEXT_MAX - 256, whole = b->len;

	if (b->len - begin <= EVENT_TEXT_MAX)
		return;
	while (end > begin && b->data[end - 1] != '\n')
		end--;
	b->len = end;
	buf_printf(b, "(%zu bytes more; all of it is in %s)\n", whole - end, rest);
}

int show_event(struct buf *b, const struct source *s)
{
	const char *name = s->node ? s->node->name : "event.txt";
	size_t begin = b->len;
	struct event event;
	const struct event *e = &event;
	struct str extra;
	char rest[300];

	event_read(&event, s->json);
	extra = members_get(&e->top, "context");

	/* beside <id>.txt is <id>.json */
	snprintf(rest, sizeof(rest), "%.*s.json", (int)(strlen(name) - strlen(".txt")), name);
	add_head(b, e, s, rest);
	event_message(b, e);
	trace_show(b, e, rest);
	trace_sources(b, e, false, rest);
	event_breadcrumbs(b, e, false, rest);
	event_request(b, e, false, rest);
	event_circumstances(b, e, rest);
	add_tags(b, e, rest);
	if (render_count(extra)) {
		render_heading(b, "Extra");
		render_members(b, extra, 100, 1000, "", rest);
	}
	add_errors(b, e, rest);
	add_others(b, e, rest);
	limit(b, begin, rest);
	return 0;
}

int show_frames(struct buf *b, const struct source *s)
{
	struct event event;

	event_read(&event, s->json);
	trace_quickfix(b, &event);
	return 0;
}
