// SPDX-License-Identifier: MIT
/*
 * The verbs that make and move names: scratch files, which become a value when they are
 * renamed onto a control, and searches. All else is refused.
 *
 * RENAME holds the directory's lock in the kernel, unkillably, so what it asks of the
 * server ends within OP_LOCKED_WAIT_MS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "sentryfs/attr.h"
#include "sentryfs/control.h"
#include "sentryfs/mount.h"
#include "sentryfs/searches.h"
#include "sentryfs/source.h"
#include "sentryfs/verbs.h"

int verb_refuse(struct op *op)
{
	return control_deny(op, op->node, -EPERM, "make", op->name, "nothing of that kind can be made here", NULL);
}

/* ---- create ---- */

/* The control whose name is nearest to what was typed. */
static const char *nearest_control(const struct node *dir, const char *name)
{
	const struct kind *k, *best = NULL;
	unsigned least = dir->kind->id == KIND_COMMENTS ? 64 : 5;

	for (size_t at = 0; (k = kind_static(NULL, dir, false, &at));) {
		unsigned d = k->control ? str_distance(str_of(k->name), str_of(name)) : 64;

		if (d < least) {
			least = d;
			best = k;
		}
	}
	return best ? best->name : NULL;
}

/* What makes a temporary file wants to read it too, or hides it: mkstemp(3), GLib. With O_EXCL alone
 * cp, mv and a shell's noclobber make a file that is to stay, and must not be told that it does. */
static bool is_temporary(const struct op *op)
{
	return (op->flags & O_EXCL) && ((op->flags & O_ACCMODE) == O_RDWR || *op->name == '.');
}

int verb_create(struct op *op)
{
	struct mount *m = op->mount;
	struct op_entry e;
	struct scratch *s;
	struct handle *h;
	const char *near;
	int r;

	if (m->options->read_only)
		return -EROFS;
	near = op->node->kind->scratch ? nearest_control(op->node, op->name) : NULL;
	if (!scratch_may_be(op->node, op->name, is_temporary(op))) {
		cleanup_free char *next = NULL;

		if (near && asprintf(&next, "did you mean %s? No file of another name can be made here", near) < 0)
			next = NULL;
		return control_deny(op, op->node, -EPERM, "create", op->name, "there is no such file, and none is made",
				    next);
	}
	if (!access_may(&m->access, m->options, op->node->kind->needs))
		return control_deny(op, op->node, -EACCES, "create", op->name, "the token lacks the scope event:write",
				    NULL);
	r = scratch_new(&m->scratches, op->node, op->name, op->mode, &s);
	if (r)
		return r;
	m->clock->wall(m->clock, &s->mtime);
	e.node = scratch_node(&m->tree, s);
	h = e.node ? handle_new(e.node) : NULL;
	if (!h) {
		node_unref(e.node, 1);
		scratch_unlink(s);
		return -ENOMEM;
	}
	attr_entry(op, e.node, &e);
	op->reply->created(op, &e, h);
	return 0;
}

/* ---- rename ---- */

/* The comment of that file name, borrowed; NULL: none. */
static int find_comment(struct op *op, struct node *dir, struct str name, struct item **ret)
{
	const char *suffix = kind_of(KIND_COMMENT)->suffix;
	size_t n = strlen(suffix);
	cleanup_ask struct ask a = {0};
	struct resource *res;
	int r;

	*ret = NULL;
	if (name.n <= n || memcmp(name.s + name.n - n, suffix, n))
		return 0;
	r = ask_listing(op->mount, dir, &a);
	if (!r)
		r = op_need(op, &a.want, &res);
	if (!r)
		*ret = map_get(&res->listing->by_name, (struct str){name.s, name.n - n});
	return r;
}

/* What a rename goes onto, into op->target. Found once: its change makes the listing of the
 * comments untrue. */
static int find_target(struct op *op)
{
	const struct kind *k = kind_lookup(op->to, false, op->to_name);
	struct item *comment = NULL;
	int r = 0;

	if (!k && op->to->kind->id == KIND_COMMENTS)
		r = find_comment(op, op->to, str_of(op->to_name), &comment);
	if (r)
		return r;
	if (comment)
		k = kind_of(KIND_COMMENT);
	if (!k)
		return -EPERM;
	if (!dialect_has(&op->mount->dialect, k->feature))
		return source_lacks(op, op->to, op->to_name, k->feature);
	op->target = node_get(&op->mount->tree, op->to, k, op->to_name, comment);
	return op->target ? 0 : -ENOMEM;
}

/* One write of what is in the scratch file now. */
static int rename_onto(struct op *op, const struct scratch *s)
{
	struct str bytes = buf_str(&s->data);
	int r = 0;

	if (!op->target)
		r = find_target(op);
	if (!r && !op->data) {
		r = control_may_write(op, op->target);
		if (!r && !str_trim(bytes).n)
			r = control_refuse(op, op->target, STR(""), -EINVAL, "an empty save changes nothing");
		if (!r && !(op->data = blob_new(bytes.s, bytes.n)))
			r = -ENOMEM;
	}
	return r ? r : control_run(op, op->target, blob_str(op->data));
}

int verb_rename(struct op *op)
{
	struct mount *m = op->mount;
	struct scratch *s, *other;
	const struct kind *k;
	int r;

	if (m->options->read_only)
		return -EROFS;
	if (op->node->kind->id == KIND_ISSUES && op->to != op->node)
		return -EXDEV;
	s = scratch_find(&m->scratches, op->node, op->name);
	if (!s || op->to != op->node || op->flags & ~RENAME_NOREPLACE)
		return control_deny(op, op->node, op->flags & ~RENAME_NOREPLACE ? -EINVAL : -EPERM, "rename", op->name,
				    "files cannot be renamed", NULL);
	k = kind_lookup(op->to, false, op->to_name);
	other = scratch_find(&m->scratches, op->to, op->to_name);
	if (op->flags && (k || other))
		return -EEXIST;
	op_lock(op);
	if (k || (!other && !scratch_may_be(op->to, op->to_name, false))) {
		r = rename_onto(op, s);
		if (r == -EPERM)
			return control_deny(op, op->node, r, "rename to", op->to_name, "there is no such file", NULL);
		if (!r)
			scratch_unlink(s);
	} else {
		if (other && other != s)
			scratch_unlink(other);
		r = scratch_rename(s, op->to_name);
	}
	if (!r)
		op->reply->error(op, 0);
	return r;
}

/* ---- mkdir ---- */

int verb_mkdir(struct op *op)
{
	cleanup_item struct item *item = NULL;
	struct op_entry e;
	struct node *n;
	int r;

	if (op->mount->options->read_only)
		return -EROFS;
	if (op->node->kind->id != KIND_SEARCHES)
		return verb_refuse(op);
	r = kind_lookup(op->node, false, op->name) ? -EEXIST : searches_make(op, &item);
	if (r)
		return r;
	n = node_get(&op->mount->tree, op->node, kind_of(KIND_SEARCH), op->name, item);
	if (!n)
		return -ENOMEM;
	attr_entry(op, n, &e);
	op->reply->entry(op, &e);
	return 0;
}
