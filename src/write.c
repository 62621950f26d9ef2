// SPDX-License-Identifier: MIT
/*
 * The verbs that write into a file. What a value means stands in the row's control; here
 * is when it is sent: inside write(2), or at the first FLUSH after the pieces of a text.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sentryfs/attr.h"
#include "sentryfs/control.h"
#include "sentryfs/mount.h"
#include "sentryfs/source.h"
#include "sentryfs/verbs.h"

#define TEXT_MAX ((size_t)1 << 20) /* gathered in one handle */

/* ---- open ---- */

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
	int r = n->scratch ? 0 : control_may_write(op, n);

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
	/* O_TRUNC makes it empty in the kernel, and WRITE longer, until somebody asks anew */
	n->truncated = true;
	buf_init(&h->text, TEXT_MAX);
	op->reply->opened(op, h, false, true);
	return 0;
}

/* ---- write ---- */

/* A piece of a text: it continues what came before, or begins anew at the start. What is shorter than that
 * was (a head that is filled in last) would be all of it. */
static int add_piece(struct handle *h, struct str piece, size_t offset)
{
	if (h->dirty && !h->append && offset == h->base && piece.n < h->text.len)
		return -EINVAL;
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

/* bash writes `echo -e 'jane\n'` in two: the empty line belongs to the name before it, and is no wish
 * to have nobody. Whatever became of that name. */
static bool is_around(struct op *op, struct str bytes)
{
	bool blank = !str_trim(bytes).n;

	if (op->handle && !blank)
		op->handle->valued = true;
	return op->handle && op->handle->valued && blank;
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
		r = is_around(op, bytes) ? 0 : control_run(op, n, bytes);
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

/* While it waits for something else the text stays the handle's, and whoever closes it then waits too. Once it
 * is under way or refused it is sent no more, whatever becomes of it. */
static int send_text(struct op *op, struct handle *h)
{
	cleanup_blob struct blob *text = blob_new(h->text.data, h->text.len);
	int r = text ? control_run(op, op->node, blob_str(text)) : -ENOMEM;

	if (r == -EINPROGRESS && !op->change)
		return r;
	h->dirty = false;
	change_unref(h->sent);
	h->sent = r == -EINPROGRESS ? change_ref(op->change) : NULL;
	h->failed = r == -EINPROGRESS ? 0 : r;
	if (text && op->node->kind->id == KIND_COMMENT) {
		/* the next piece through this handle continues it */
		blob_unref(h->content);
		h->content = blob_ref(text);
	}
	op->data = steal(&text);
	return r;
}

int verb_flush(struct op *op)
{
	struct handle *h = op->held ? op->held : handle_ref(op->handle);
	int r;

	op->held = h;
	if (op->change)
		r = op->data ? control_run(op, op->node, blob_str(op->data)) : op->change->error;
	else if (h->refused)
		r = h->refused;
	else
		r = h->dirty ? send_text(op, h) : told_again(op, h);
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
	for (int shift = 0; shift < 9; shift += 3)
		if (((mode & wanted) >> shift & 7) == (wanted >> shift & 7)) {
			op->reply->error(op, 0);
			return 0;
		}
	return op->mount->options->read_only && (op->flags & W_OK) ? -EROFS : -EACCES;
}
