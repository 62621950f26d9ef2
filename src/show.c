// SPDX-License-Identifier: MIT
/*
 * What the files made of Sentry's objects hold: slices of the server's bytes,
 * single values, lines and tables.
 *
 * Pure functions: a source comes in, bytes go out. A value on a line is cleaned of
 * control characters, since titles are written by whoever can send an event; the
 * .json files are exact. null is an empty line.
 */
#include "sentryfs/show.h"

#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/name.h"

void show_value(struct buf *b, struct str bytes)
{
	cleanup_buf struct buf plain = {0};

	buf_init(&plain, BUF_MAX_DEFAULT);
	json_plain(&plain, bytes);
	if (plain.error)
		b->error = plain.error;
	text_clean(b, buf_str(&plain), false);
}

int show_json(struct buf *b, const struct source *s)
{
	json_indent(b, s->json);
	return 0;
}

static int show_member(struct buf *b, const struct source *s, bool status)
{
	struct str bytes;
	int r = json_member(s->json, s->kind->name, &bytes);

	if (r && r != -ENOENT)
		return r;
	if (!r)
		show_value(b, status ? dialect_status(bytes) : bytes);
	buf_addc(b, '\n');
	return 0;
}

int show_field(struct buf *b, const struct source *s)
{
	return show_member(b, s, false);
}

int show_word(struct buf *b, const struct source *s)
{
	return show_member(b, s, true);
}

int show_bytes(struct buf *b, const struct source *s)
{
	buf_add_str(b, s->json);
	return 0;
}

int show_lines(struct buf *b, const struct source *s)
{
	for (size_t i = 0; i < s->listing->n; i++) {
		json_compact(b, blob_str(s->listing->items[i]->json));
		buf_addc(b, '\n');
	}
	return 0;
}

int show_assignee(struct buf *b, struct str issue)
{
	struct str who, bytes;

	if (json_member(issue, "assignedTo", &who) || *who.s != '{') {
		buf_puts(b, "none");
		return 0;
	}
	if (!json_member(who, "type", &bytes) && str_eqz(bytes, "\"team\"")) {
		if (!json_member(who, "slug", &bytes) || !json_member(who, "name", &bytes))
			buf_puts(b, "team:");
		else
			bytes = who; /* one without a name is shown whole, rather than not at all */
	} else if (json_member(who, "email", &bytes) || bytes.n <= 2 || *bytes.s != '"') {
		if (!json_member(who, "id", &bytes))
			buf_puts(b, "user:");
		else
			bytes = who;
	}
	show_value(b, bytes);
	return 0;
}

int show_assigned(struct buf *b, const struct source *s)
{
	int r = show_assignee(b, s->json);

	buf_addc(b, '\n');
	return r;
}

static int add_line(void *arg, const cJSON *tree, struct str bytes)
{
	(void)tree;
	json_compact(arg, bytes);
	buf_addc(arg, '\n');
	return 0;
}

int show_activity(struct buf *b, const struct source *s)
{
	struct str list;
	int r = json_member(s->json, "activity", &list);

	return r == -ENOENT ? 0 : r ? r : json_each(list, add_line, b);
}

int show_comment(struct buf *b, const struct source *s)
{
	cleanup_json cJSON *j = NULL;
	struct str text;
	int r = json_parse(s->json, &j);

	if (r)
		return r;
	text = json_string(cJSON_GetObjectItemCaseSensitive(j, "data"), "text");
	if (!text.n)
		text = json_string(j, "text");
	text_clean(b, text, true);
	if (!text.n || text.s[text.n - 1] != '\n')
		buf_addc(b, '\n');
	return 0;
}

int show_tag(struct buf *b, const struct source *s)
{
	cleanup_json cJSON *j = NULL;
	const cJSON *value;
	uint64_t total = 0, count, shown = 0;
	int r = json_parse(s->json, &j);

	if (r)
		return r;
	json_u64(j, "totalValues", &total);
	buf_puts(b, "value\tcount\tshare\n");
	cJSON_ArrayForEach (value, cJSON_GetObjectItemCaseSensitive(j, "topValues")) {
		if (!json_u64(value, "count", &count))
			continue;
		text_clean(b, json_string(value, "value"), false);
		buf_printf(b, "\t%llu\t%.4f\n", (unsigned long long)count, total ? (double)count / (double)total : 0.0);
		shown += count;
	}
	/* what the server did not list is said, not dropped */
	if (total > shown)
		buf_printf(b, "(other values)\t%llu\t%.4f\n", (unsigned long long)(total - shown),
			   (double)(total - shown) / (double)total);
	return 0;
}

/* ---- tables ---- */

struct column {
	const char *title;
	const char *path[2]; /* member, or member of a member */
};

static void add_cell(struct buf *b, struct str object, const struct column *c)
{
	struct str bytes = object;

	for (int i = 0; i < 2 && c->path[i]; i++)
		if (!bytes.n || *bytes.s != '{' || json_member(bytes, c->path[i], &bytes))
			return;
	show_value(b, bytes);
}

static int table(struct buf *b, const struct source *s, const struct column *columns, size_t n)
{
	for (size_t c = 0; c < n; c++)
		buf_printf(b, "%s%s", c ? "\t" : "", columns[c].title);
	buf_addc(b, '\n');
	for (size_t i = 0; i < s->listing->n; i++) {
		for (size_t c = 0; c < n; c++) {
			if (c)
				buf_addc(b, '\t');
			add_cell(b, blob_str(s->listing->items[i]->json), &columns[c]);
		}
		buf_addc(b, '\n');
	}
	return 0;
}

#define TABLE(b, s, columns) table(b, s, columns, sizeof(columns) / sizeof(*(columns)))

int show_members(struct buf *b, const struct source *s)
{
	static const struct column columns[] = {
		{"assignee", {"email"}}, {"user", {"user", "id"}}, {"username", {"user", "username"}},
		{"name", {"name"}},	 {"role", {"orgRole"}},	   {"pending", {"pending"}},
	};

	return TABLE(b, s, columns);
}

int show_teams(struct buf *b, const struct source *s)
{
	static const struct column columns[] = {{"slug", {"slug"}}, {"id", {"id"}}, {"name", {"name"}}};

	return TABLE(b, s, columns);
}

int show_environments(struct buf *b, const struct source *s)
{
	static const struct column columns[] = {{"name", {"name"}}, {"id", {"id"}}};

	return TABLE(b, s, columns);
}

int show_releases(struct buf *b, const struct source *s)
{
	static const struct column columns[] = {
		{"version", {"version"}}, {"created", {"dateCreated"}}, {"released", {"dateReleased"}}};

	return TABLE(b, s, columns);
}

/* ---- where symlinks point ---- */

int show_event_link(struct buf *b, const struct source *s)
{
	struct str id;

	if (json_member(s->json, "eventID", &id))
		return -EBADMSG;
	show_value(b, id);
	if (b->error)
		return b->error;
	if (!name_is_event_id(buf_str(b)))
		return -EBADMSG;
	buf_puts(b, s->kind->suffix);
	return 0;
}

int show_issue_link(struct buf *b, const struct source *s)
{
	const struct node *project = node_above(s->node, &item_project);

	if (!s->item->home || !project)
		return -ENOENT;
	if (!item_is_in(s->item, project->item))
		buf_printf(b, "../../%s/issues/", s->item->home);
	buf_puts(b, s->item->name);
	return 0;
}

/* From wherever issues are listed up to the project, or to the organization, and down to the
 * one real home. */
int show_result_link(struct buf *b, const struct source *s)
{
	const struct node *n = s->node->parent, *project = node_above(n, &item_project);
	const char *home = s->item->home;

	if (!home)
		return -ENOENT;
	for (; n && (!n->item || n->item->class->local); n = n->parent)
		buf_puts(b, "../");
	if (!project)
		buf_printf(b, "projects/%s/", home);
	else if (!item_is_in(s->item, project->item))
		buf_printf(b, "../%s/", home);
	buf_printf(b, "issues/%s", s->item->name);
	return 0;
}
