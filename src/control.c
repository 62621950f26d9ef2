// SPDX-License-Identifier: MIT
/*
 * What is done with a value that was written: a command makes a change of it, the
 * change is started, waited for, and its end told in last-error.
 *
 * Owns nothing. The grammar of the fields is wish.c's, the way of a request change.c's.
 */
#include "sentryfs/control.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/kinds.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/process.h"
#include "sentryfs/report.h"
#include "sentryfs/source.h"
#include "sentryfs/template.h"

#define SUGGEST_MS 5000 /* for the members, to name the nearest */

/* ---- what is told ---- */

/* Whose last-error tells of a write to `n`: the issue, or for a bulk file the search or the
 * project that it is of. */
struct item *control_subject(const struct node *n)
{
	const struct node *owner = node_above(n, &item_issue);

	if (!owner)
		owner = node_nearest(n);
	return owner ? owner->item : NULL;
}

/* `write "value" to status of WEB-1`; the caller frees it. */
static char *describe(const struct node *n, struct str value)
{
	const struct item *about = control_subject(n);
	const char *dir = n->parent && !n->parent->item && n->parent->kind->name ? n->parent->kind->name : "";
	int shown = (int)(value.n < 80 ? value.n : 80);
	char *what;

	if (asprintf(&what, "write \"%.*s%s\" to %s%s%s of %s", shown, value.s, value.n > 80 ? "..." : "", dir,
		     *dir ? "/" : "", n->name, about ? about->name : "the mount") < 0)
		return NULL;
	return what;
}

int control_refuse(struct op *op, const struct node *n, struct str value, int error, const char *words)
{
	cleanup_free char *what = describe(n, value);
	struct report r = {
		.what = what ? what : n->name,
		.error = error,
		.words = words,
		.accepted = error == -EINVAL && n->kind->control ? n->kind->control->accepted : NULL,
	};

	report_failure(&op->mount->api, control_subject(n), &r);
	return error;
}

int control_deny(struct op *op, const struct node *n, int error, const char *what, const char *name, const char *words,
		 const char *next)
{
	const struct node *issue = node_above(n, &item_issue);
	cleanup_free char *text = NULL;
	struct report r = {.error = error, .words = words, .next = next};

	if (asprintf(&text, "%s %s", what, name) < 0)
		text = NULL;
	r.what = text ? text : what;
	report_failure(&op->mount->api, issue ? issue->item : NULL, &r);
	return error;
}

int control_may_write(struct op *op, const struct node *n)
{
	const struct mount *m = op->mount;

	if (m->options->read_only)
		return -EROFS;
	if (!n->kind->control)
		return control_deny(op, n, -EACCES, "open for writing", n->name, "this file is only read", NULL);
	if (!access_may(&m->access, m->options, n->kind->needs))
		return control_refuse(op, n, STR(""), -EACCES, "the token lacks the scope event:write");
	return 0;
}

/* What the errno of a comment's request means here. */
static void mend_comment(struct change_step *step)
{
	if (step->error == -EINVAL && step->words && strstr(step->words, "already posted"))
		step->error = -EEXIST;
	else if (step->error == -ENOENT && strcmp(step->method, "POST"))
		step->error = -EACCES; /* another's is 404 (group_notes_details.py) */
}

static int report_change(struct change *c)
{
	cleanup_buf struct buf words = {0};
	struct report r = {.what = c->what};
	const struct change_step *failed;

	for (size_t s = 0; s < c->n; s++)
		if (c->steps[s].effect == EFFECT_COMMENT)
			mend_comment(&c->steps[s]);
	failed = change_failed(c);
	if (!failed) {
		report_success(c->about);
		return 0;
	}
	r.error = failed->error;
	r.sent = failed->sent;
	r.accepted = failed->error == -EINVAL ? c->accepted : NULL;
	if (failed->effect == EFFECT_DELETED && failed->sent && failed->error != -EACCES)
		r.next = "look whether the issue is still there, then try again";
	buf_init(&words, 4096);
	buf_puts(&words, failed->words ? failed->words : "");
	if (failed != c->steps)
		buf_puts(&words, "; the request before it was done: look at the present value");
	if (failed->effect == EFFECT_COMMENT && failed->error == -EACCES && failed->status == 404)
		buf_puts(&words, "; only the author of a comment may change or remove it");
	buf_addc(&words, '\0');
	r.words = words.error ? "" : words.data;
	report_failure(c->in->cache->api, c->about, &r);
	return failed->error;
}

/* ---- making a change ---- */

int control_path(struct op *op, const struct node *n, const char *template, struct str own, struct buf *b)
{
	int r;

	buf_init(b, 4096);
	r = template_expand(op->mount, n, template, own, b);
	buf_addc(b, '\0');
	return r ? r : b->error;
}

int control_outdate(struct op *op, const struct node *n, const char *template, struct str own)
{
	cleanup_buf struct buf key = {0};
	int r = control_path(op, n, template, own, &key);

	return r ? r : change_outdate(op->change, key.data);
}

int control_outdate_issue(struct op *op, const struct node *n, const struct item *issue)
{
	static const char path[] = "organizations/{o}/issues/{n}/";
	int r = control_outdate(op, n, path, str_of(issue->name));

	return r ? r : control_outdate(op, n, path, str_of(issue->id));
}

/* `uid 1000, pid 4711 (bash)`; the caller frees it. */
static char *who(const struct op *op)
{
	char name[PROCESS_NAME_MAX], *by;

	process_name(op->tid, name);
	return asprintf(&by, "uid %u, pid %d (%s)", (unsigned)op->uid, (int)op->tid, name) < 0 ? NULL : by;
}

int control_new_change(struct op *op, const struct node *n, char *what)
{
	const struct mount *m = op->mount;
	struct item *about = control_subject(n);

	op->change = what ? change_new(&op->mount->changes) : NULL;
	if (!op->change) {
		free(what);
		return -ENOMEM;
	}
	op->change->within_ms = m->options->timeout * 1000;
	op->change->until = op->locked ? op->start + OP_LOCKED_WAIT_MS : 0;
	op->change->what = what;
	op->change->by = who(op);
	op->change->about = about ? item_ref(about) : NULL;
	op->change->report = report_change;
	return about && about->class == &item_issue ? control_outdate_issue(op, n, about) : 0;
}

int control_change_of(struct op *op, const struct node *n, struct str value)
{
	int r = control_new_change(op, n, describe(n, value));

	if (!r)
		op->change->accepted = n->kind->control->accepted;
	return r;
}

const char *control_text(struct buf *b)
{
	if (!b->data)
		return NULL;
	buf_addc(b, '\0');
	return b->error ? NULL : b->data;
}

/* While another change of the issue is under way, its present value is not known. */
int control_wait_for_issue(struct op *op, const struct item *issue)
{
	return issue->change ? op_wait(op, issue->change) : 0;
}

bool control_is_fresh(const struct op *op, const struct item *issue)
{
	if (item_is_doubted(issue))
		return false;
	return op->start - issue->fetched <= (int64_t)SOURCE_ISSUE_FRESH_S * 1000;
}

/* The issue's JSON of this moment. */
static int need_row(struct op *op, const struct node *n, const struct item *issue, struct wish *w)
{
	struct str id;
	int r = source_issue_now(op, n, issue, &w->row);

	if (!r && (json_member(w->row, "id", &id) || !json_covers(id, str_of(issue->id))))
		r = -ENOENT; /* it is what it was merged into */
	if (r)
		w->words = "its present status could not be looked up";
	return r;
}

/* A status that goes along with a value must not undo what others did to it. After a change of our own the row knows
 * it best: servers read from replicas. */
int control_wish(struct op *op, const struct node *n, const struct control *field, const struct item *issue,
		 struct str value, struct wish *w)
{
	bool fresh = control_is_fresh(op, issue);
	int r;

	w->row = blob_str(issue->json);
	r = field->wish == wish_details && !fresh ? need_row(op, n, issue, w) : 0;
	if (!r)
		r = field->wish(op, n, issue, fresh, value, w);
	if (!r && wish_lacks_status(w, &op->mount->dialect) &&
	    (!item_is_held(issue, op->start) || item_is_doubted(issue)))
		r = need_row(op, n, issue, w);
	return r ? r : wish_complete(w, &op->mount->dialect);
}

/* A field of one issue. */
static int command_field(struct op *op, struct node *n, struct str value)
{
	struct item *issue = control_subject(n);
	cleanup_wish struct wish w = {0};
	cleanup_buf struct buf path = {0}, check = {0};
	int r = control_wait_for_issue(op, issue);

	if (!r)
		r = control_wish(op, n, n->kind->control, issue, value, &w);
	if (r)
		return r == -EINPROGRESS ? r : control_refuse(op, n, value, r, w.words);
	if (!w.n)
		return 0;
	r = control_path(op, n, CONTROL_CHANGE, STR(""), &path);
	if (!r)
		r = control_path(op, n, CONTROL_ISSUE, STR(""), &check);
	if (!r)
		r = control_change_of(op, n, value);
	for (unsigned i = 0; i < w.n && !r; i++) {
		bool last = i + 1 == w.n;
		struct change_step *step =
			change_add(op->change, "PUT", path.data, control_text(&w.body[i]),
				   last ? control_text(&w.expect) : NULL, last ? check.data : NULL, &issue, 1);

		if (!step)
			return -ENOMEM;
		step->follows = i > 0;
		step->tokens = w.tokens;
		if (last)
			r = change_set_look(step, control_text(&w.look));
	}
	return r;
}

static int command_refresh(struct op *op, struct node *n, struct str value)
{
	(void)n;
	(void)value;
	mount_refresh(op->mount);
	return 0;
}

/* ---- all of them ---- */

const struct control control_status = {WISH_STATUS, false, command_field, wish_status},
		     control_details = {WISH_DETAILS, true, command_field, wish_details},
		     control_assignee = {WISH_ASSIGNEE, false, command_field, wish_assignee},
		     control_priority = {WISH_PRIORITY, false, command_field, wish_priority},
		     control_flag = {WISH_FLAG, false, command_field, wish_flag},
		     control_comment_new = {"the text of a new comment", true, command_comment_new, NULL},
		     control_comment = {"the new text of your own comment", true, command_comment, NULL},
		     control_comment_remove = {"the number of your own comment", false, command_comment_remove, NULL},
		     control_merge = {"short ids of the same project", true, command_merge, NULL},
		     control_bulk = {"lines SHORT-ID VALUE", true, command_bulk, NULL},
		     control_bulk_all = {"a value, for every issue that the search lists", true, command_bulk_all,
					 NULL},
		     control_refresh = {"anything", false, command_refresh, NULL};

/* Of a name that the server does not know, the members that are written nearly so. */
static int suggest(struct op *op, struct node *n, struct str value)
{
	static const char *const paths[][2] = {{"email", NULL}, {"user", "username"}};
	cleanup_ask struct ask a = {0};
	cleanup_buf struct buf best = {0};
	unsigned least = 64;
	struct resource *res;
	int r = ask_below(op->mount, node_above(n, &item_organization), kind_named(KIND_ORG, "members.tsv"), &a);

	if (!r)
		r = op_need(op, &a.want, &res);
	if (r)
		return r;
	buf_init(&best, 1024);
	for (size_t i = 0; i < res->listing->n * 2; i++) {
		cleanup_buf struct buf name = {0};
		struct str bytes = blob_str(res->listing->items[i / 2]->json);
		unsigned distance;

		buf_init(&name, 1024);
		for (int p = 0; p < 2 && paths[i % 2][p]; p++)
			if (!bytes.n || *bytes.s != '{' || json_member(bytes, paths[i % 2][p], &bytes))
				bytes = STR("null");
		json_plain(&name, bytes);
		distance = name.len ? str_distance(buf_str(&name), value) : 64;
		if (distance < least) {
			least = distance;
			best.len = 0;
			buf_add_str(&best, buf_str(&name));
		}
	}
	if (best.len)
		report_add(control_subject(n), "nearest", buf_str(&best));
	return 0;
}

/* The change has ended: what its end teaches, and its errno. */
static int finish(struct op *op, struct node *n, struct str value)
{
	const struct change *c = op->change;
	const struct change_step *failed = change_failed(c);

	if (failed && failed->status == 403 && (failed->lacks_scope || !op->mount->access.known))
		access_refused(&op->mount->access, strcmp(failed->method, "DELETE") ? NEED_WRITE : NEED_DELETE);
	if (failed && failed->status == 400 && n->kind->control && n->kind->control->wish == wish_assignee &&
	    suggest(op, n, value) == -EINPROGRESS) {
		op_wait_little(op, SUGGEST_MS, c->error);
		return -EINPROGRESS;
	}
	return c->error;
}

int control_change(struct op *op, struct node *n, struct str value)
{
	struct change *c = op->change;
	int r;

	if (!c->ended && list_empty(&c->link) && (r = change_start(c)))
		return r;
	return c->ended ? finish(op, n, value) : op_wait(op, c);
}

/* Nothing was sent yet: what is before it took too long. */
static void tell_unsent(struct op *op, int error)
{
	struct node *n = op->target ? op->target : op->node;
	struct str value = op->data ? blob_str(op->data) : op->held ? buf_str(&op->held->text) : STR("");

	control_refuse(op, n, str_trim(value), error,
		       "an earlier change of the issue, or the look-up of a name in it, had not ended");
}

int control_run(struct op *op, struct node *n, struct str value)
{
	struct str trimmed = str_trim(value);
	int r;

	if (!op->change) {
		if (!text_is_utf8(value))
			return control_refuse(op, n, STR("(not text)"), -EINVAL,
					      "only UTF-8 text without NULs is taken");
		if (!trimmed.n && n->kind->control->wish != wish_assignee && n->kind->control != &control_refresh)
			return control_refuse(op, n, trimmed, -EINVAL,
					      n->kind->control == &control_comment
						      ? "there is no text in it; to remove a comment write its number "
							"into comments/remove"
						      : "an empty value changes nothing");
		r = n->kind->control->command(op, n, trimmed);
		op->gave_up = r == -EINPROGRESS ? tell_unsent : NULL;
		if (r) {
			change_unref(steal(&op->change));
			return r;
		}
		if (!op->change) {
			report_success(control_subject(n));
			return 0;
		}
	}
	return control_change(op, n, trimmed);
}
