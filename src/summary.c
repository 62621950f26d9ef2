// SPDX-License-Identifier: MIT
/*
 * summary.txt: an issue on one page, of its row, its details, its latest event and its
 * tags. Nothing in it depends on the clock, so that it changes when they do. Owns nothing.
 */
#include <errno.h>
#include <stdio.h>

#include "sentryfs/event.h"
#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/render.h"
#include "sentryfs/show.h"
#include "sentryfs/trace.h"

#define COMMENTS_MAX 3
#define TAGS_MAX 12
#define VALUES_MAX 3

/* ---- the head ---- */

static void add_both(struct buf *b, const char *name, struct str first, const char *before, struct str second,
		     const char *after)
{
	if (!first.n)
		return;
	buf_printf(b, "%-12s", name);
	render_line(b, first, 300);
	if (second.n) {
		buf_puts(b, before);
		render_line(b, second, 300);
		buf_puts(b, after);
	}
	buf_addc(b, '\n');
}

static uint64_t count_at(struct str pair)
{
	struct str name, value;
	struct json_walk w;
	uint64_t n = 0;

	json_walk(&w, pair);
	if (!w.object && json_step(&w, &name, &value) && json_step(&w, &name, &value))
		render_u64(value, &n);
	return n;
}

/* Events an hour or a day, from [[seconds, count], ...]. */
static void add_sparkline(struct buf *b, const char *name, struct str stats, size_t steps, const char *step)
{
	static const char *const bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
					   "\u2585", "\u2586", "\u2587", "\u2588"};
	struct str shown[64];
	size_t total, n = render_pick(stats, 0, steps, shown, &total);
	uint64_t most = 0, sum = 0;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t count = count_at(shown[i]);

		sum += count;
		most = count > most ? count : most;
	}
	buf_printf(b, "%-12s", name);
	for (size_t i = 0; i < n; i++) {
		uint64_t count = count_at(shown[i]);

		size_t bar = count ? (size_t)(((double)count * 8 - 1) / (double)most) : 0;

		buf_puts(b, count ? bars[bar < 7 ? bar : 7] : "\u00b7");
	}
	buf_printf(b, " %llu events, at most %llu %s\n", (unsigned long long)sum, (unsigned long long)most, step);
}

static void add_head(struct buf *b, const struct source *s)
{
	struct str row = s->json, details = blob_str(s->parts.details), stats = render_get(details, "stats");
	const struct source assigned = {.json = row};

	buf_printf(b, "%s  ", s->item->name);
	render_line(b, render_get(row, "title"), 500);
	buf_addc(b, '\n');
	render_line(b, render_get(row, "permalink"), 300);
	buf_puts(b, "\n\n");
	add_both(b, "status", dialect_status(render_get(row, "status")), " (", render_get(row, "substatus"), ")");
	buf_printf(b, "%-12s", "assignedTo");
	if (show_assigned(b, &assigned))
		buf_puts(b, "?\n");
	render_field(b, "priority", render_get(row, "priority"));
	render_field(b, "culprit", render_get(row, "culprit"));
	add_both(b, "level", render_get(row, "level"), ", ", render_get(row, "platform"), "");
	add_both(b, "firstSeen", render_get(row, "firstSeen"), " in ",
		 render_get(render_get(details, "firstRelease"), "version"), "");
	add_both(b, "lastSeen", render_get(row, "lastSeen"), " in ",
		 render_get(render_get(details, "lastRelease"), "version"), "");
	add_both(b, "count", render_get(row, "count"), " events, ", render_get(row, "userCount"), " users");
	add_sparkline(b, "last 24 h", render_get(stats, "24h"), 24, "an hour");
	add_sparkline(b, "last 30 d", render_get(stats, "30d"), 30, "a day");
}

/* ---- the event ---- */

static void add_event(struct buf *b, const struct source *s)
{
	cleanup_buf struct buf name = {0};
	struct event event;
	const struct event *e = &event;
	char rest[64] = "events/";

	if (s->parts.event_error) {
		buf_printf(b, "\nThe latest event is not shown: %s. See events/.\n",
			   strerrordesc_np(-s->parts.event_error));
		return;
	}
	event_read(&event, blob_str(s->parts.event));
	render_decode(&name, members_get(&e->top, "eventID"), b);
	if (name_is_event_id(buf_str(&name)))
		snprintf(rest, sizeof(rest), "events/%.*s.txt", (int)name.len, name.data);
	render_heading(b, "Latest event: %s", rest);
	render_field(b, "date", members_get(&e->top, "dateCreated"));
	render_field(b, "release", event_tag(e, "release"));
	render_field(b, "environment", event_tag(e, "environment"));
	buf_addc(b, '\n');
	trace_sources(b, e, true, rest);
	event_message(b, e);
	event_breadcrumbs(b, e, true, rest);
	event_request(b, e, true, rest);
	event_circumstances(b, e, rest);
}

/* ---- tags, comments ---- */

static void add_tag(struct buf *b, struct str tag)
{
	struct str values[VALUES_MAX], key = render_get(tag, "key");
	cleanup_buf struct buf name = {0};
	uint64_t all = 0, count;
	size_t total, n = render_pick(render_get(tag, "topValues"), VALUES_MAX, 0, values, &total), begin = b->len;

	render_decode(&name, key, b);
	render_u64(render_get(tag, "totalValues"), &all);
	render_line(b, key, 60);
	render_pad(b, begin);
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? ", " : "");
		render_named(b, buf_str(&name), render_get(values[i], "value"), 80);
		if (render_u64(render_get(values[i], "count"), &count) && all)
			buf_printf(b, " %.0f%%", (double)count * 100 / (double)all);
	}
	if (total > n)
		buf_printf(b, ", %zu more", total - n);
	buf_addc(b, '\n');
}

static void add_tags(struct buf *b, const struct source *s)
{
	const struct listing *tags = s->parts.tags;
	size_t n = 0;

	if (s->parts.tags_error) {
		buf_printf(b, "\nThe tags are not shown: %s. See tags/.\n", strerrordesc_np(-s->parts.tags_error));
		return;
	}
	if (!tags || !tags->n)
		return;
	render_heading(b, "Tags of the issue's events");
	for (; n < tags->n && n < TAGS_MAX; n++)
		add_tag(b, blob_str(tags->items[n]->json));
	render_more(b, tags->n, n, "", "tags/");
}

/* Comments are among what happened, the newest first. */
static void add_comments(struct buf *b, const struct source *s)
{
	struct str details = blob_str(s->parts.details), name, entry, shown[COMMENTS_MAX];
	uint64_t all = 0;
	struct json_walk w;
	size_t n = 0;

	json_walk(&w, render_get(details, "activity"));
	while (!w.object && n < COMMENTS_MAX && json_step(&w, &name, &entry))
		if (render_is(render_get(entry, "type"), "note"))
			shown[n++] = entry;
	render_u64(render_get(details, "numComments"), &all);
	/* some servers tell of them in their list alone */
	if (!n && all)
		buf_printf(b, "\nComments: %llu, in comments/\n", (unsigned long long)all);
	if (!n)
		return;
	render_heading(b, "Comments, the newest first");
	for (size_t i = 0; i < n; i++) {
		struct str user = render_get(shown[i], "user"), who = render_get(user, "name");

		render_line(b, who.n ? who : render_get(user, "username"), 80);
		buf_puts(b, ", ");
		render_line(b, render_get(shown[i], "dateCreated"), 40);
		buf_puts(b, ": ");
		render_block(b, render_get(render_get(shown[i], "data"), "text"), 500);
		buf_addc(b, '\n');
	}
	render_more(b, (size_t)all, n, "", "comments/");
}

/* ---- what to type next ---- */

static void add_path(struct buf *b, const struct mount *m, const struct node *n)
{
	if (n == m->root || !n->parent)
		return;
	add_path(b, m, n->parent);
	buf_addc(b, '/');
	buf_puts(b, n->name);
}

static void add_next(struct buf *b, const struct source *s)
{
	static const struct {
		const char *command, *what;
		enum feature feature;
		enum need needs;
	} rows[] = {
		{"cat events/latest.txt", "the whole event; each is events/<id>.txt", FEATURE_ANY, NEED_NOTHING},
		{"cat comments/*", "", FEATURE_ANY, NEED_NOTHING},
		{"cat activity.jsonl", "who did what", FEATURE_ACTIVITY, NEED_NOTHING},
		{"vim -q frames.qf", "in a checkout: jumps along the stack", FEATURE_ANY, NEED_NOTHING},
		{"echo resolved > status", "or ignored, unresolved", FEATURE_ANY, NEED_WRITE},
		{"echo me > assignedTo", "", FEATURE_ASSIGNEE, NEED_WRITE},
		{"echo TEXT > comments/new", "", FEATURE_ANY, NEED_WRITE},
	};
	const struct mount *m = s->mount;

	render_heading(b, "Next");
	buf_puts(b, "cd '");
	for (const char *p = m->options->mountpoint; p && *p; p++)
		buf_puts(b, *p == '\'' ? "'\\''" : (char[]){*p, '\0'});
	add_path(b, m, s->node->parent);
	buf_puts(b, "'\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (dialect_has(&m->dialect, rows[i].feature) && access_may(&m->access, m->options, rows[i].needs))
			buf_printf(b, *rows[i].what ? "%-27s # %s\n" : "%s\n", rows[i].command, rows[i].what);
}

int show_summary(struct buf *b, const struct source *s)
{
	add_head(b, s);
	add_event(b, s);
	add_tags(b, s);
	add_comments(b, s);
	add_next(b, s);
	return 0;
}
