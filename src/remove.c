// SPDX-License-Identifier: MIT
/*
 * The verbs that remove: a scratch file and a search go, rmdir of an issue deletes it, and
 * all else is refused, which arms the guard.
 *
 * RMDIR holds the directory's lock in the kernel, unkillably, so what it asks of the
 * server ends within OP_LOCKED_WAIT_MS.
 */
#include <errno.h>
#include <stdio.h>

#include "sentryfs/control.h"
#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/searches.h"
#include "sentryfs/source.h"
#include "sentryfs/verbs.h"

static int64_t now_ms(const struct op *op)
{
	return op->mount->clock->now_ms(op->mount->clock);
}

/* Says why, and arms the guard. */
static int refuse_removal(struct op *op, bool is_dir, const char *words)
{
	struct process who;

	process_of(op->tid, &who);
	guard_refused(&op->mount->guard, op->node, is_dir, &who, now_ms(op));
	return control_deny(op, op->node, -EPERM, is_dir ? "rmdir" : "unlink", op->name, words, NULL);
}

int verb_unlink(struct op *op)
{
	struct scratch *s;

	if (op->mount->options->read_only)
		return -EROFS;
	s = scratch_find(&op->mount->scratches, op->node, op->name);
	if (!s)
		return refuse_removal(op, false, "files cannot be removed");
	scratch_unlink(s);
	op->reply->error(op, 0);
	return 0;
}

/* ---- rmdir ---- */

/* May this process delete this issue? 0, or -errno after a word in its last-error. */
static int may_delete(struct op *op, struct node *issue, const struct process *who)
{
	const struct options *o = op->mount->options;
	int r;

	if (o->no_delete)
		return control_deny(op, issue, -EPERM, "delete", op->name, "this mount was made with -o nodelete",
				    "mount without nodelete to delete issues");
	if (!access_may(&op->mount->access, o, NEED_DELETE))
		return control_deny(op, issue, -EACCES, "delete", op->name, "the token lacks the scope event:admin",
				    NULL);
	r = guard_check(&op->mount->guard, issue, who, o->max_delete, now_ms(op));
	if (r == -ENOTEMPTY)
		return control_deny(
			op, issue, r, "delete", op->name,
			"a file or directory at, in or above it has just been refused to an unlink or rmdir, which is "
			"what a recursive remover does",
			"to delete the issue, use rmdir on it alone, five seconds after that and from another process");
	if (r == -EDQUOT)
		return control_deny(
			op, issue, r, "delete", op->name,
			"one process deletes one issue, and all together ten in a minute",
			"run rmdir once for each issue, or mount with -o max_delete=N for N by one process");
	return r;
}

/* Has the server still got it under this name? A merged-away id means the survivor, which
 * must not be deleted for it: so it is asked, however fresh the row is. `why`: what to say of
 * an error. */
static int confirm(struct op *op, const struct item *issue, struct buf *why)
{
	struct str now, id, other = STR("null");
	int r;

	buf_init(why, 1024);
	buf_puts(why, "the server does not confirm that it has it");
	r = source_issue_now(op, op->node, issue, &now);
	if (r)
		return r;
	if (json_member(now, "id", &id))
		return -EBADMSG;
	if (json_covers(id, str_of(issue->id)))
		return 0;
	json_member(now, "shortId", &other);
	why->len = 0;
	buf_puts(why, "it was merged into ");
	json_plain(why, other);
	buf_puts(why, ", which this would have deleted");
	return -ENOENT;
}

static int delete_issue(struct op *op, struct node *issue)
{
	struct process who;
	struct change_step *step;
	cleanup_buf struct buf path = {0}, why = {0};
	const char *words;
	char *what;
	int r;

	process_of(op->tid, &who);
	r = may_delete(op, issue, &who);
	if (r)
		return r;
	if (issue->item->change)
		return op_wait(op, issue->item->change);
	r = confirm(op, issue->item, &why);
	words = control_text(&why);
	if (r && r != -EINPROGRESS)
		return control_deny(op, issue, r, "delete", op->name, words ? words : "", NULL);
	if (r)
		return r;
	r = control_path(op, issue, CONTROL_ISSUE, STR(""), &path);
	if (!r)
		r = asprintf(&what, "delete %s", issue->name) < 0 ? -ENOMEM : control_new_change(op, issue, what);
	if (r)
		return r;
	step = change_add(op->change, "DELETE", path.data, NULL, NULL, path.data, &issue->item, 1);
	if (!step)
		return -ENOMEM;
	step->effect = EFFECT_DELETED;
	return guard_deleting(&op->mount->guard, issue, &who, now_ms(op));
}

int verb_rmdir(struct op *op)
{
	cleanup_item struct item *item = NULL;
	int r = 0;

	if (op->mount->options->read_only)
		return -EROFS;
	if (op->node->kind->id == KIND_SEARCHES && !kind_lookup(op->node, false, op->name)) {
		/* Sentry knows nothing of it, so the guard has nothing to say */
		r = searches_forget(op);
		if (!r)
			op->reply->error(op, 0);
		return r;
	}
	op_lock(op);
	if (op->node->kind->id != KIND_ISSUES || kind_lookup(op->node, false, op->name))
		return refuse_removal(op, true,
				      "only the directory of an issue can be removed, which deletes the issue");
	if (!op->change) {
		r = source_issue(op, op->node, str_of(op->name), &item);
		if (r)
			return r;
		node_unref(steal(&op->target), 1);
		/* a symlink by now, for whoever looks */
		if (strcmp(item->name, op->name) || !item_is_in(item, op->node->parent->item))
			r = -ENOTDIR;
		else if (!(op->target = node_get(&op->mount->tree, op->node, kind_of(KIND_ISSUE), op->name, item)))
			r = -ENOMEM;
		if (r)
			return r;
		r = delete_issue(op, op->target);
	}
	if (!r)
		r = control_change(op, op->target, STR(""));
	if (!r)
		op->reply->error(op, 0);
	return r;
}