// SPDX-License-Identifier: MIT
/*
 * Who has an issue: a name, `me`, a team. The only part of the grammar that looks
 * something up, by parking as a reader does.
 */
#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/kinds.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/source.h"
#include "sentryfs/wish.h"

/* The id of the team called `slug`, into `id`. */
static int find_team(struct op *op, const struct node *n, struct str slug, struct wish *w, struct buf *id)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;
	int r = ask_below(op->mount, node_above(n, &item_organization), kind_named(KIND_ORG, "teams.tsv"), &a);

	if (!r)
		r = op_need(op, &a.want, &res);
	if (r) {
		w->words = "the teams could not be looked up; write team:ID or user:ID";
		return r;
	}
	for (size_t i = 0; i < res->listing->n; i++) {
		const struct item *team = res->listing->items[i];
		cleanup_buf struct buf name = {0};
		struct str bytes;

		buf_init(&name, 1024);
		json_quote(&name, slug);
		if (name.error)
			return name.error;
		if (!json_member(blob_str(team->json), "slug", &bytes) && json_covers(bytes, buf_str(&name))) {
			buf_puts(id, team->id);
			return id->error;
		}
	}
	if (name_is_number(slug)) {
		buf_add_str(id, slug);
		return id->error;
	}
	return wish_refuse(w, "there is no team of that slug; teams.tsv lists them");
}

static int find_me(struct op *op, struct wish *w, struct buf *id)
{
	struct cache_want want = {.key = "", .fresh_ms = 300000};
	struct access *access = &op->mount->access;
	struct resource *res;
	int r;

	if (!access->user_id) {
		r = op_need(op, &want, &res);
		if (r)
			return r;
		mount_learn(op->mount, blob_str(res->document));
	}
	if (!access->user_id)
		return wish_refuse(w, "the token is no user's, so nobody is `me`");
	buf_puts(id, access->user_id);
	w->tokens = op->mount->api.tokens;
	return id->error;
}

/* Bodies for an actor of that type and id. */
static int assign_id(struct wish *w, const struct item *issue, bool fresh, const char *type, struct str id)
{
	if (!name_is_number(id))
		return wish_refuse(w, "the server's id of it is no number");
	buf_printf(wish_expect(w), "{\"assignedTo\":{\"type\":\"%s\",\"id\":\"%.*s\"}}", type, (int)id.n, id.s);
	if (!fresh || !wish_shows(issue, buf_str(&w->expect)))
		buf_printf(wish_body(w), "{\"assignedTo\":\"%s:%.*s\"}", type, (int)id.n, id.s);
	return wish_end(w);
}

/* A server that knows teams by their slug. */
static int assign_slug(struct wish *w, const struct item *issue, bool fresh, struct str slug)
{
	if (!name_is_slug(slug))
		return wish_refuse(w, "there is no team of that slug; teams.tsv lists them");
	buf_printf(wish_expect(w), "{\"assignedTo\":{\"type\":\"team\",\"slug\":\"%.*s\"}}", (int)slug.n, slug.s);
	if (!fresh || !wish_shows(issue, buf_str(&w->expect)))
		buf_printf(wish_body(w), "{\"assignedTo\":\"team:%.*s\"}", (int)slug.n, slug.s);
	return wish_end(w);
}

static bool has_email(const struct item *issue, struct str email)
{
	cleanup_buf struct buf now = {0};
	struct str who, bytes;

	buf_init(&now, 1024);
	if (json_member(blob_str(issue->json), "assignedTo", &who) || json_member(who, "email", &bytes))
		return false;
	json_plain(&now, bytes);
	return str_case_eq(buf_str(&now), email);
}

int wish_assignee(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		  struct wish *w)
{
	cleanup_buf struct buf id = {0};
	struct buf *b;
	int r;

	buf_init(&id, 256);
	if (!value.n || str_eqz(value, "none")) {
		buf_puts(wish_expect(w), "{\"assignedTo\":null}");
		if (!fresh || !wish_shows(issue, buf_str(&w->expect)))
			buf_puts(wish_body(w), "{\"assignedTo\":\"\"}");
		return wish_end(w);
	}
	if (str_eqz(value, "me")) {
		r = find_me(op, w, &id);
		return r ? r : assign_id(w, issue, fresh, "user", buf_str(&id));
	}
	if (str_starts(value, "user:")) {
		value = (struct str){value.s + 5, value.n - 5};
		return name_is_number(value) ? assign_id(w, issue, fresh, "user", value)
					     : wish_refuse(w, "after user: comes a number; members.tsv has them");
	}
	if (str_starts(value, "team:") || *value.s == '#') {
		size_t skip = *value.s == '#' ? 1 : 5;

		if (dialect_team_slug(&op->mount->dialect))
			return assign_slug(w, issue, fresh, (struct str){value.s + skip, value.n - skip});
		r = find_team(op, n, (struct str){value.s + skip, value.n - skip}, w, &id);
		return r ? r : assign_id(w, issue, fresh, "team", buf_str(&id));
	}
	if (memchr(value.s, ' ', value.n) || memchr(value.s, '\t', value.n) || memchr(value.s, '\n', value.n))
		return wish_refuse(w, "one name is taken, without spaces");
	buf_puts(wish_expect(w), "{\"assignedTo\":{\"type\":\"user\"}}");
	if (fresh && memchr(value.s, '@', value.n) && has_email(issue, value))
		return 0;
	b = wish_body(w);
	buf_puts(b, "{\"assignedTo\":");
	json_quote(b, value);
	buf_addc(b, '}');
	/* without an answer somebody else may have it still */
	buf_init(&w->look, BUF_MAX_DEFAULT);
	buf_printf(&w->look,
		   "{\"assignedTo\":{\"type\":\"user\",\"%s\":", memchr(value.s, '@', value.n) ? "email" : "username");
	json_quote(&w->look, value);
	buf_puts(&w->look, "}}");
	return wish_end(w);
}
