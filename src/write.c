// SPDX-License-Identifier: MIT
/*
 * The verbs that write. What a value means stands in the row's control; here is when it
 * is sent: inside write(2), at the first FLUSH after the pieces of a text, or at the
 * rename of a scratch file onto the control.
 *
 * RMDIR and RENAME hold the directory's lock in the kernel, unkillably, so what they ask
 * of the server ends within OP_LOCKED_WAIT_MS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sentryfs/attr.h"
#include "sentryfs/control.h"
#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/report.h"
#include "sentryfs/searches.h"
#include "sentryfs/source.h"
#include "sentryfs/verbs.h"

#define TEXT_MAX ((size_t)1 << 20) /* gathered in one handle */

static int64_t now_ms(const struct op *op)
{
	return op->mount->clock->now_ms(op->mount->clock);
}

/* ---- refusals ---- */

/* Keeps why in the last-error of the issue that `n` is or is in. */
static int refuse(const struct op *op, const struct node *n, int error, const char *what, const char *name,
		  const char *words, const char *next)
{
	const struct node *owner = node_above(n, &item_issue);
	cleanup_free char *text = NULL;
	struct report r = {.error = error, .words = words, .next = next};

	if (asprintf(&text, "%s %s", what, name) < 0)
		text = NULL;
	r.what = text ? text : what;
	report_failure(&op->mount->api, owner ? owner->item : NULL, &r);
	return error;
}

/* The same for an unlink or rmdir, which arms the guard. */
static int refuse_removal(struct op *op, bool is_dir, const char *words)
{
	struct process who;

	process_of(op->tid, &who);
	guard_refused(&op->mount->guard, op->node, is_dir, &who, now_ms(op));
	return refuse(op, op->node, -EPERM, is_dir ? "rmdir" : "unlink", op->name, words, NULL);
}

int verb_refuse(struct op *op)
{
	return refuse(op, op->node, -EPERM, "make", op->name, "nothing of that kind can be made here", NULL);
}

/* The control whose name is nearest to what was typed. */
static const char *nearest_control(const struct node *dir, const char *name)
{
	const struct kind *k, *best = NULL;
	unsigned least = 5;

	for (size_t at = 0; (k = kind_static(NULL, dir, false, &at));) {
		unsigned d = k->control ? str_distance(str_of(k->name), str_of(name)) : 64;

		/* state for status, assignee for assignedTo */
		if (d > 4 && k->control && !strncasecmp(k->name, name, 4))
			d = 4;
		if (d < least) {
			least = d;
			best = k;
		}
	}
	return best ? best->name : NULL;
}

/* ---- open ---- */

static int may_write(struct op *op, struct node *n)
{
	const struct mount *m = op->mount;

	if (m->options->read_only)
		return -EROFS;
	if (!n->kind->control)
		return refuse(op, n, -EACCES, "open for writing", n->name, "this file is only read", NULL);
	if (!access_may(&m->access, m->options, n->kind->needs))
		return control_refuse(op, n, STR(""), -EACCES, "the token lacks the scope event:write");
	return 0;
}

/* What a comment holds before it is written to, for who appends. */
static int present_text(struct op *op, struct node *n, struct blob **ret)
{
	uint64_t stamp;

	if ((op->flags & O_ACCMODE) == O_WRONLY && n->kind->id != KIND_COMMENT) {
		*ret = blob_new("", 0);
		return *ret ? 0 : -ENOMEM;
	}
	return source_content(op, n, false, ret, &stamp);
}

int verb_open_write(struct op *op)
{
	struct node *n = op->node;
	cleanup_blob struct blob *content = NULL;
	struct handle *h;
	int r = n->scratch ? 0 : may_write(op, n);

	if (!r && !n->scratch)
		r = present_text(op, n, &content);
	if (!r && n->scratch && (op->flags & O_TRUNC))
		r = scratch_truncate(n->scratch, 0);
	if (r)
		return r;
	h = handle_new(n);
	if (!h)
		return -ENOMEM;
	h->content = steal(&content);
	h->append = op->flags & O_APPEND;
	buf_init(&h->text, TEXT_MAX);
	op->reply->opened(op, h, false, true);
	return 0;
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
	if (!scratch_may_be(op->node, op->name, op->flags & O_EXCL)) {
		cleanup_free char *next = NULL;

		if (near && asprintf(&next, "did you mean %s? No file of another name can be made here", near) < 0)
			next = NULL;
		return refuse(op, op->node, -EPERM, "create", op->name, "there is no such file, and none is made",
			      next);
	}
	if (!access_may(&m->access, m->options, op->node->kind->needs))
		return refuse(op, op->node, -EACCES, "create", op->name, "the token lacks the scope event:write", NULL);
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

/* ---- write ---- */

/* A piece of a text: it continues what came before, or begins anew at the start. */
static int add_piece(struct handle *h, struct str piece, size_t offset)
{
	if (!h->dirty || (!h->append && offset == h->base)) {
		h->text.len = 0;
		h->base = offset;
		/* who appends to what is there means all of it */
		if ((offset || h->append) && h->node->kind->id == KIND_COMMENT) {
			if (offset != h->content->len && !h->append)
				return -EINVAL;
			buf_add_str(&h->text, blob_str(h->content));
			h->base = 0;
		}
	} else if (!h->append && offset != h->base + h->text.len) {
		return -EINVAL;
	}
	buf_add_str(&h->text, piece);
	h->dirty = true;
	return h->text.error;
}

/* After a piece that was refused nothing of the text is sent, until one begins anew. */
static int gather(struct handle *h, struct str piece, size_t offset)
{
	if (h->refused && (offset || h->append))
		return h->refused;
	h->refused = add_piece(h, piece, offset);
	if (h->refused) {
		buf_done(&h->text);
		h->dirty = false;
	}
	return h->refused;
}

int verb_write(struct op *op)
{
	struct node *n = op->node;
	struct str bytes = blob_str(op->data);
	int r;

	if (n->scratch) {
		r = scratch_write(n->scratch, bytes, op->offset);
		op->mount->clock->wall(op->mount->clock, &n->scratch->mtime);
	} else if (n->kind->control->text) {
		r = gather(op->handle, bytes, op->offset);
		if (r)
			control_refuse(op, n, STR("(text)"), r,
				       r == -EFBIG ? "a text is at most 1 MiB"
						   : "pieces of a text come one after another");
	} else {
		r = control_run(op, n, bytes);
	}
	if (!r)
		op->reply->written(op, bytes.n);
	return r;
}

/* A text of this handle was sent already, maybe by the close of a child that had the
 * descriptor too: whoever closes it is told how that ended. */
static int told_again(struct op *op, const struct handle *h)
{
	if (!h->sent)
		return h->failed;
	op->change = change_ref(h->sent);
	return op->change->ended ? op->change->error : op_wait(op, op->change);
}

/* The handle may go while the op waits, when who closes it is killed: it is looked at before. */
int verb_flush(struct op *op)
{
	bool first = !op->data && !op->change;
	struct handle *h = op->handle;
	int r = 0;

	if (first && h->refused)
		return h->refused;
	if (first && !h->dirty) {
		r = told_again(op, h);
	} else if (first) {
		/* whatever becomes of it, it is sent once */
		h->dirty = false;
		r = buf_to_blob(&h->text, &op->data);
		if (!r && op->node->kind->id == KIND_COMMENT) {
			/* the next piece through this handle continues it */
			blob_unref(h->content);
			h->content = blob_ref(op->data);
		}
	} else if (!op->data) {
		r = op->change->error;
	}
	if (!r && op->data)
		r = control_run(op, op->node, blob_str(op->data));
	if (first && op->data) {
		change_unref(h->sent);
		h->sent = op->change ? change_ref(op->change) : NULL;
		h->failed = r == -EINPROGRESS ? 0 : r;
	}
	if (!r)
		op->reply->error(op, 0);
	return r;
}

/* ---- setattr, access ---- */

static int set_size(struct op *op)
{
	size_t size = (size_t)op->attr->st_size, left;
	struct handle *h = op->handle;
	struct node *n = op->node;

	if (n->scratch)
		return scratch_truncate(n->scratch, size);
	if (!n->kind->control)
		return -EACCES;
	if (h && h->dirty) {
		left = size > h->base ? size - h->base : 0;
		h->text.len = left < h->text.len ? left : h->text.len;
	}
	return 0;
}

int verb_setattr(struct op *op)
{
	const struct options *o = op->mount->options;
	struct node *n = op->node;
	struct stat now;
	int r = 0;

	if (o->read_only)
		return -EROFS;
	attr_fill(op, n, &now);
	if ((op->attr_set & SET_MODE) && n->scratch)
		n->scratch->mode = op->attr->st_mode & 0777;
	else if ((op->attr_set & SET_MODE) && (op->attr->st_mode & 07777) != (now.st_mode & 07777))
		r = -EPERM;
	if (((op->attr_set & SET_UID) && op->attr->st_uid != now.st_uid) ||
	    ((op->attr_set & SET_GID) && op->attr->st_gid != now.st_gid))
		r = -EPERM;
	if ((op->attr_set & SET_TIMES) && !n->kind->control && !n->scratch)
		r = -EPERM;
	if (!r && (op->attr_set & SET_SIZE))
		r = set_size(op);
	if (r)
		return r;
	attr_fill(op, n, &now);
	op->reply->attr(op, &now, 0);
	return 0;
}

int verb_access(struct op *op)
{
	mode_t mode = attr_mode(op->mount, op->node), wanted = 0;

	wanted |= op->flags & R_OK ? 0444 : 0;
	wanted |= op->flags & W_OK ? 0222 : 0;
	wanted |= op->flags & X_OK ? 0111 : 0;
	for (int shift = 0; shift < 9 && op->flags; shift += 3)
		if (((mode & wanted) >> shift & 7) == (wanted >> shift & 7)) {
			op->reply->error(op, 0);
			return 0;
		}
	if (!op->flags) {
		op->reply->error(op, 0);
		return 0;
	}
	return op->mount->options->read_only && (op->flags & W_OK) ? -EROFS : -EACCES;
}

/* ---- names ---- */

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
		r = may_write(op, op->target);
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
		return refuse(op, op->node, op->flags & ~RENAME_NOREPLACE ? -EINVAL : -EPERM, "rename", op->name,
			      "files cannot be renamed", NULL);
	k = kind_lookup(op->to, false, op->to_name);
	other = scratch_find(&m->scratches, op->to, op->to_name);
	if (op->flags && (k || other))
		return -EEXIST;
	op_lock(op);
	if (k || (!other && !scratch_may_be(op->to, op->to_name, false))) {
		r = rename_onto(op, s);
		if (r)
			return r == -EPERM ? refuse(op, op->node, r, "rename to", op->to_name, "there is no such file",
						    NULL)
					   : r;
		scratch_unlink(s);
	} else {
		if (other && other != s)
			scratch_unlink(other);
		r = scratch_rename(s, op->to_name);
		if (r)
			return r;
	}
	op->reply->error(op, 0);
	return 0;
}

/* ---- mkdir ---- */

int verb_mkdir(struct op *op)
{
	struct op_entry e;
	struct item *item;
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
	item_unref(item);
	if (!n)
		return -ENOMEM;
	attr_entry(op, n, &e);
	op->reply->entry(op, &e);
	return 0;
}

/* ---- rmdir ---- */

/* May this process delete this issue? 0, or -errno after a word in its last-error. */
static int may_delete(struct op *op, struct node *issue, const struct process *who)
{
	const struct options *o = op->mount->options;
	int r;

	if (o->no_delete)
		return refuse(op, issue, -EPERM, "delete", op->name, "this mount was made with -o nodelete",
			      "mount without nodelete to delete issues");
	if (!access_may(&op->mount->access, o, NEED_DELETE))
		return refuse(op, issue, -EACCES, "delete", op->name, "the token lacks the scope event:admin", NULL);
	r = guard_check(&op->mount->guard, issue, who, o->max_delete, now_ms(op));
	if (r == -ENOTEMPTY)
		return refuse(
			op, issue, r, "delete", op->name,
			"a file or directory at, in or above it has just been refused to an unlink or rmdir, which is "
			"what a recursive remover does",
			"to delete the issue, use rmdir on it alone, five seconds after that and from another process");
	if (r == -EDQUOT)
		return refuse(op, issue, r, "delete", op->name,
			      "one process deletes one issue, and all together ten in a minute",
			      "run rmdir once for each issue, or mount with -o max_delete=N for N by one process");
	return r;
}

/* Has the server still got it under this name? A merged-away id means the survivor, which
 * must not be deleted for it. */
static int confirm(struct op *op, const struct item *issue)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;
	struct str id;
	int r;

	if (op->start - issue->fetched <= (int64_t)SOURCE_ISSUE_FRESH_S * 1000)
		return 0;
	r = ask_document(op->mount, op->node, "organizations/{o}/issues/{n}/", str_of(issue->id), 0, &a);
	if (r)
		return r;
	/* not op_need, which is content with an older copy where the server is slow or fails */
	a.want.since = op->start;
	r = cache_need(&op->mount->cache, &a.want, &op->waiter, &res);
	if (!r && res->fetched < op->start)
		r = res->error ? res->error : -EIO;
	if (r)
		return r;
	if (json_member(blob_str(res->document), "id", &id))
		return -EBADMSG;
	return json_covers(id, str_of(issue->id)) ? 0 : -ENOENT;
}

static int delete_issue(struct op *op, struct node *issue)
{
	struct process who;
	struct change_step *step;
	cleanup_buf struct buf path = {0};
	char *what;
	int r;

	process_of(op->tid, &who);
	r = may_delete(op, issue, &who);
	if (r)
		return r;
	r = confirm(op, issue->item);
	if (r && r != -EINPROGRESS)
		return refuse(op, issue, r, "delete", op->name, "the server does not confirm that it has it", NULL);
	if (!r && issue->item->change)
		return op_wait(op, issue->item->change);
	if (r)
		return r;
	buf_init(&path, 4096);
	r = mount_url(op->mount, issue, "organizations/{o}/issues/{i}/", STR(""), &path);
	buf_addc(&path, '\0');
	r = r ? r : path.error;
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
	struct item *item;
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
		item_unref(item);
		if (r)
			return r;
		r = delete_issue(op, op->target);
		if (r)
			change_unref(steal(&op->change));
	}
	if (!r)
		r = control_change(op, op->target, STR(""));
	if (!r)
		op->reply->error(op, 0);
	return r;
}
