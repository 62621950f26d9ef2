// SPDX-License-Identifier: MIT
/*
 * Comments as files: a new one, another text for one's own, and the end of one.
 */
#include <errno.h>

#include "sentryfs/control.h"
#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/source.h"

#define LIST CONTROL_ISSUE "comments/?per_page=100"

/* A new comment (NULL), a new text for one, or the end of one. */
static int change_comment(struct op *op, struct node *n, const char *method, struct item *comment, struct str text,
			  int more)
{
	struct item *issue = control_subject(n), *both[] = {issue, comment};
	struct str id = str_of(comment ? comment->id : "");
	const char *me = op->mount->access.user_id;
	cleanup_buf struct buf path = {0}, list = {0}, body = {0}, expect = {0};
	struct change_step *step;
	int r = control_wait_for_issue(op, issue);

	if (!r)
		r = control_path(op, n, id.n ? CONTROL_ISSUE "comments/{n}/" : CONTROL_ISSUE "comments/", id, &path);
	if (!r)
		r = control_path(op, n, LIST, STR(""), &list);
	if (!r)
		r = control_change_of(op, n, text);
	if (!r)
		r = control_outdate(op, n, LIST, STR(""));
	if (r)
		return r;
	buf_init(&body, BUF_MAX_DEFAULT);
	buf_init(&expect, BUF_MAX_DEFAULT);
	if (text.n) {
		buf_puts(&expect, "{\"data\":{\"text\":");
		json_quote(&expect, text);
		buf_addc(&expect, '}');
		/* Sentry reads text, GlitchTip data.text */
		buf_puts(&body, "{\"text\":");
		json_quote(&body, text);
		buf_addc(&body, ',');
		buf_add(&body, expect.data + 1, expect.len - 1);
		buf_addc(&body, '}');
		if (me) {
			buf_puts(&expect, ",\"user\":{\"id\":");
			json_quote(&expect, str_of(me));
			buf_addc(&expect, '}');
		}
		buf_addc(&expect, '}');
	}
	/* only of a new one does the newest entry of the list tell whether it was done */
	step = change_add(op->change, method, path.data, control_text(&body), control_text(&expect),
			  id.n ? NULL : list.data, both, comment ? 2 : 1);
	if (!step)
		return -ENOMEM;
	step->effect = EFFECT_COMMENT;
	step->comments = more;
	return 0;
}

int command_comment_new(struct op *op, struct node *n, struct str value)
{
	return change_comment(op, n, "POST", NULL, value, 1);
}

/* Is it known that somebody else wrote it? */
static bool is_anothers(const struct op *op, const struct item *comment)
{
	cleanup_buf struct buf id = {0};
	struct str user, bytes;

	buf_init(&id, 64);
	if (!op->mount->access.user_id || json_member(blob_str(comment->json), "user", &user) ||
	    json_member(user, "id", &bytes))
		return false;
	json_plain(&id, bytes);
	return !str_eqz(buf_str(&id), op->mount->access.user_id);
}

static int change_own(struct op *op, struct node *n, struct item *comment, const char *method, struct str value,
		      int more)
{
	if (is_anothers(op, comment))
		return control_refuse(op, n, value, -EACCES, "only the author of a comment may change or remove it");
	return change_comment(op, n, method, comment, *method == 'D' ? STR("") : value, more);
}

int command_comment(struct op *op, struct node *n, struct str value)
{
	struct str data, bytes;
	cleanup_buf struct buf now = {0};
	int r = control_wait_for_issue(op, control_subject(n));

	if (r)
		return r;
	buf_init(&now, BUF_MAX_DEFAULT);
	if (!json_member(blob_str(n->item->json), "data", &data) && !json_member(data, "text", &bytes))
		json_plain(&now, bytes);
	if (control_is_fresh(op, n->item) && str_eq(str_trim(buf_str(&now)), value))
		return 0;
	return change_own(op, n, n->item, "PUT", value, 0);
}

/* `3`, `003` or the whole name of its file: nothing else may remove a comment. */
static bool is_called(const struct item *comment, uint64_t number, struct str value)
{
	size_t n = strlen(comment->name);

	return comment->number == number &&
	       (!memchr(value.s, '-', value.n) ||
		(value.n == n + 3 && !memcmp(value.s, comment->name, n) && !memcmp(value.s + n, ".md", 3)));
}

int command_comment_remove(struct op *op, struct node *n, struct str value)
{
	cleanup_ask struct ask a = {0};
	struct str number = value;
	struct resource *res;
	uint64_t which;
	int r;

	number = str_cut(&number, '-');
	if (str_to_u64(number, &which) || !which)
		return control_refuse(op, n, value, -EINVAL, "that is not the number of a comment");
	if (control_subject(n)->comments == 0)
		return control_refuse(op, n, value, -ENOENT, "the issue has no comments");
	r = ask_listing(op->mount, n->parent, &a);
	if (!r)
		r = op_need(op, &a.want, &res);
	if (r)
		return r == -EINPROGRESS ? r : control_refuse(op, n, value, r, "the comments could not be listed");
	for (size_t i = 0; i < res->listing->n; i++)
		if (is_called(res->listing->items[i], which, value))
			return change_own(op, n, res->listing->items[i], "DELETE", value, -1);
	return memchr(value.s, '-', value.n)
		       ? control_refuse(op, n, value, -EINVAL, "there is no comment of that name; its number will do")
		       : control_refuse(op, n, value, -ENOENT, "there is no comment of that number");
}
