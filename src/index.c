// SPDX-License-Identifier: MIT
/*
 * index.tsv and index.jsonl: the listing of a project's issues, one line an issue, below
 * a line that says how much of it is there. Pure functions; a text that gets too long ends
 * at a line, and its first line counts what is shown.
 */
#include <errno.h>
#include <inttypes.h>

#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/show.h"
#include "sentryfs/verbs.h"

#define LINES_BYTES_MAX ((size_t)32 << 20)

static const char *const fields[] = {"shortId",	  "status",    "level",	   "priority", "assignedTo", "count",
				     "userCount", "firstSeen", "lastSeen", "title",    "culprit"};
#define FIELDS (sizeof(fields) / sizeof(*fields))
#define STATUS 1
#define ASSIGNED 4

static void find_values(struct str issue, struct str *values)
{
	struct json_walk walk;
	struct str name, value;

	json_walk(&walk, issue);
	while (json_step(&walk, &name, &value))
		for (size_t f = 0; f < FIELDS; f++)
			if (name.n >= 2 && str_eqz((struct str){name.s + 1, name.n - 2}, fields[f]))
				values[f] = value;
}

static void add_cells(struct buf *b, struct str issue, const struct str *values)
{
	for (size_t f = 0; f < FIELDS; f++) {
		if (f)
			buf_addc(b, '\t');
		if (f == ASSIGNED)
			show_assignee(b, issue);
		else if (values[f].s)
			show_value(b, f == STATUS ? dialect_status(values[f]) : values[f]);
	}
}

/* The server's own bytes of each; assignedTo as it is written. */
static void add_object(struct buf *b, struct str issue, const struct str *values)
{
	for (size_t f = 0; f < FIELDS; f++) {
		cleanup_buf struct buf who = {0};

		buf_printf(b, "%s\"%s\":", f ? "," : "{", fields[f]);
		if (f == ASSIGNED) {
			buf_init(&who, 4096);
			show_assignee(&who, issue);
			json_quote(b, buf_str(&who));
			b->error = b->error ? b->error : who.error;
		} else if (values[f].s) {
			json_compact(b, values[f]);
		} else {
			buf_puts(b, "null");
		}
	}
	buf_addc(b, '}');
}

/* What differs between the two; `more` where it is not known how many there are. */
struct style {
	void (*add)(struct buf *b, struct str issue, const struct str *values);
	const char *shown, *total, *more, *fetched, *end;
	bool columns;
};

static const struct style tsv = {
	.add = add_cells,
	.shown = "# ",
	.total = " shown of ",
	.more = " shown, more exist",
	.fetched = ", fetched ",
	.end = "\n",
	.columns = true,
};

static const struct style jsonl = {
	.add = add_object,
	.shown = "{\"shown\":",
	.total = ",\"total\":",
	.more = ",\"total\":null",
	.fetched = ",\"fetched\":\"",
	.end = "\"}\n",
};

struct shown {
	size_t n;
	uint64_t total; /* 0: not known, or none */
};

/* Adds the lines, and counts. What has left since it was listed does not count. */
static struct shown add_lines(struct buf *b, const struct source *s, const struct style *style)
{
	const struct listing *l = s->listing;
	struct shown shown = {0};
	bool all = !l->cut;

	for (size_t i = 0; i < l->n; i++) {
		struct str issue = blob_str(l->items[i]->json), values[FIELDS] = {0};
		size_t before = b->len;

		if (verb_has_left(s->mount, s->node, l, l->items[i]))
			continue;
		find_values(issue, values);
		style->add(b, issue, values);
		buf_addc(b, '\n');
		if (b->error == -EFBIG) {
			b->len = before;
			b->error = 0;
			all = false;
			break;
		}
		shown.n++;
	}
	shown.total = all ? shown.n : l->total > shown.n ? l->total : 0;
	return shown;
}

static int show(struct buf *b, const struct source *s, const struct style *style)
{
	cleanup_buf struct buf lines = {0};
	char fetched[CLOCK_TEXT];
	struct shown shown;

	buf_init(&lines, LINES_BYTES_MAX);
	shown = add_lines(&lines, s, style);
	clock_moment(s->mount->clock, s->listing->asked, fetched);
	buf_printf(b, "%s%zu", style->shown, shown.n);
	if (shown.total || !shown.n)
		buf_printf(b, "%s%" PRIu64, style->total, shown.total);
	else
		buf_puts(b, style->more);
	buf_printf(b, "%s%s%s", style->fetched, fetched, style->end);
	for (size_t f = 0; f < FIELDS && style->columns; f++)
		buf_printf(b, "%s%c", fields[f], f + 1 < FIELDS ? '\t' : '\n');
	buf_add_str(b, buf_str(&lines));
	return lines.error ? lines.error : b->error;
}

int show_index_tsv(struct buf *b, const struct source *s)
{
	return show(b, s, &tsv);
}

int show_index_jsonl(struct buf *b, const struct source *s)
{
	return show(b, s, &jsonl);
}
