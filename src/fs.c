// SPDX-License-Identifier: MIT
/*
 * libfuse's low-level operations: decode a request into an op, encode an op's
 * answer. Nothing else knows FUSE's types.
 *
 * A nodeid is the node's address; inode 1 is the mount's root, whichever node
 * that is. Entry replies carry one reference, which FORGET gives back.
 */
#define FUSE_USE_VERSION 314
#include "sentryfs/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <unistd.h>

#include "sentryfs/control.h"
#include "sentryfs/log.h"
#include "sentryfs/verbs.h"
#include "sentryfs/xattr.h"

struct fs {
	struct mount *mount;
	struct fuse_session *session;
	struct fuse_buf buf;
};

static struct mount *mount_of(fuse_req_t req)
{
	return ((struct fs *)fuse_req_userdata(req))->mount;
}

static struct node *node_of(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? mount_of(req)->root : (struct node *)(uintptr_t)ino;
}

/* ---- answers ---- */

static void reply_error(struct op *op, int err)
{
	fuse_reply_err(op->request, -err);
}

static void fill_entry(const struct op_entry *from, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = (fuse_ino_t)(uintptr_t)from->node,
		.attr = from->attr,
		.entry_timeout = from->entry_timeout,
		.attr_timeout = from->attr_timeout,
	};
}

static void reply_entry(struct op *op, const struct op_entry *from)
{
	struct fuse_entry_param e;

	fill_entry(from, &e);
	if (fuse_reply_entry(op->request, &e))
		node_unref(from->node, 1);
}

static void reply_attr(struct op *op, const struct stat *attr, double timeout)
{
	fuse_reply_attr(op->request, attr, timeout);
}

static void reply_text(struct op *op, const char *text)
{
	fuse_reply_readlink(op->request, text);
}

static void reply_opened(struct op *op, struct handle *h, bool keep_cache, bool direct_io)
{
	struct fuse_file_info fi = {.fh = (uint64_t)(uintptr_t)h, .keep_cache = keep_cache, .direct_io = direct_io};
	const struct control *control = h->node->scratch ? NULL : h->node->kind->control;

	/* FLUSH says nothing to a file that is only read, or that takes a value with each write */
	fi.noflush = (op->flags & O_ACCMODE) == O_RDONLY || !control || !control->text;
	if (fuse_reply_open(op->request, &fi))
		handle_free(h);
}

static void reply_created(struct op *op, const struct op_entry *from, struct handle *h)
{
	struct fuse_file_info fi = {.fh = (uint64_t)(uintptr_t)h, .direct_io = 1};
	struct fuse_entry_param e;

	fill_entry(from, &e);
	if (fuse_reply_create(op->request, &e, &fi)) {
		node_unref(from->node, 1);
		handle_free(h);
	}
}

static void reply_written(struct op *op, size_t n)
{
	fuse_reply_write(op->request, n);
}

/* The entries from op->offset on that there is room for; with READDIRPLUS each with what a
 * LOOKUP would answer, one request for many. All of it is in memory. */
static void reply_listed(struct op *op)
{
	bool plus = op->flags;
	fuse_req_t req = op->request;
	cleanup_free char *out = malloc(op->size);
	struct dir_entry e = {0};
	size_t used = 0;

	for (size_t at = op->offset; out && verb_dir_entry(op->mount, op->handle, &at, &e);) {
		struct fuse_entry_param p = {.attr = {.st_ino = e.ino, .st_mode = e.mode}};
		struct op_entry child = {0};
		size_t n;

		if (plus && verb_dir_child(op, op->handle, &e, &child))
			fill_entry(&child, &p);
		if (plus)
			n = fuse_add_direntry_plus(req, out + used, op->size - used, e.name, &p, (off_t)at);
		else
			n = fuse_add_direntry(req, out + used, op->size - used, e.name, &p.attr, (off_t)at);
		if (n > op->size - used) {
			node_unref(child.node, 1);
			break;
		}
		used += n;
	}
	if (out)
		fuse_reply_buf(req, out, used);
	else
		fuse_reply_err(req, ENOMEM);
}

static const struct op_reply replies = {
	.error = reply_error,
	.entry = reply_entry,
	.attr = reply_attr,
	.text = reply_text,
	.opened = reply_opened,
	.created = reply_created,
	.written = reply_written,
	.listed = reply_listed,
};

/* ---- requests ---- */

static void on_interrupt(fuse_req_t req, void *arg)
{
	(void)req;
	op_interrupt(arg);
}

/* An op for the request; without memory the request is answered and NULL returned. */
static struct op *new_op(fuse_req_t req, int (*run)(struct op *), fuse_ino_t ino, const char *name)
{
	struct op *op = op_new(mount_of(req), &replies, req, run, node_of(req, ino), name);

	if (!op) {
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	op->tid = fuse_req_ctx(req)->pid;
	op->uid = fuse_req_ctx(req)->uid;
	fuse_req_interrupt_func(req, on_interrupt, op);
	return op;
}

static void start(fuse_req_t req, int (*run)(struct op *), fuse_ino_t ino, const char *name)
{
	struct op *op = new_op(req, run, ino, name);

	if (op)
		op_start(op);
}

/* Of an open file; FLUSH may come without one. */
static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return fi ? (struct handle *)(uintptr_t)fi->fh : NULL;
}

static bool is_too_long(fuse_req_t req, const char *name)
{
	if (strlen(name) <= 255)
		return false;
	fuse_reply_err(req, ENAMETOOLONG);
	return true;
}

static void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!is_too_long(req, name))
		start(req, verb_lookup, parent, name);
}

static void fs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	if (ino != FUSE_ROOT_ID)
		node_unref(node_of(req, ino), count);
	fuse_reply_none(req);
}

static void fs_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < n; i++)
		if (forgets[i].ino != FUSE_ROOT_ID)
			node_unref(node_of(req, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

static void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	start(req, verb_getattr, ino, NULL);
}

static void fs_readlink(fuse_req_t req, fuse_ino_t ino)
{
	start(req, verb_readlink, ino, NULL);
}

static void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	start(req, verb_opendir, ino, NULL);
}

static void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;
	struct op *op = new_op(req, writes || node_of(req, ino)->scratch ? verb_open_write : verb_open, ino, NULL);

	if (!op)
		return;
	op->flags = fi->flags;
	op_start(op);
}

static void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct op *op = is_too_long(req, name) ? NULL : new_op(req, verb_create, parent, name);

	if (!op)
		return;
	op->flags = fi->flags;
	op->mode = mode;
	op_start(op);
}

static void fs_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct op *op = new_op(req, verb_write, ino, NULL);

	if (!op)
		return;
	op->handle = handle_of(fi);
	op->offset = (size_t)off;
	op->data = blob_new(data, size);
	if (op->data) {
		op_start(op);
		return;
	}
	op_free(op);
	fuse_reply_err(req, ENOMEM);
}

static void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = new_op(req, verb_flush, ino, NULL);

	if (!op)
		return;
	op->handle = handle_of(fi);
	op_start(op);
}

/* What was written was sent already, or will be at the FLUSH. */
static void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	static const int both[][2] = {
		{FUSE_SET_ATTR_MODE, SET_MODE},	      {FUSE_SET_ATTR_UID, SET_UID},
		{FUSE_SET_ATTR_GID, SET_GID},	      {FUSE_SET_ATTR_SIZE, SET_SIZE},
		{FUSE_SET_ATTR_ATIME, SET_TIMES},     {FUSE_SET_ATTR_MTIME, SET_TIMES},
		{FUSE_SET_ATTR_ATIME_NOW, SET_TIMES}, {FUSE_SET_ATTR_MTIME_NOW, SET_TIMES},
	};
	struct op *op = new_op(req, verb_setattr, ino, NULL);

	if (!op)
		return;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		op->attr_set |= to_set & both[i][0] ? both[i][1] : 0;
	op->attr = attr;
	op->handle = handle_of(fi);
	op_start(op);
}

static void fs_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct op *op = new_op(req, verb_access, ino, NULL);

	if (!op)
		return;
	op->flags = mask;
	op_start(op);
}

static void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	start(req, verb_unlink, parent, name);
}

static void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	start(req, verb_rmdir, parent, name);
}

static void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *to_name,
		      unsigned flags)
{
	struct op *op = is_too_long(req, to_name) ? NULL : new_op(req, verb_rename, parent, name);

	if (!op)
		return;
	op->to = node_ref(node_of(req, to));
	snprintf(op->to_name, sizeof(op->to_name), "%s", to_name);
	op->flags = (int)flags;
	op_start(op);
}

static void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)mode;
	if (!is_too_long(req, name))
		start(req, verb_mkdir, parent, name);
}

static void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)mode;
	(void)device;
	start(req, verb_refuse, parent, name);
}

static void fs_symlink(fuse_req_t req, const char *text, fuse_ino_t parent, const char *name)
{
	(void)text;
	start(req, verb_refuse, parent, name);
}

static void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	start(req, verb_refuse, parent, name);
}

static void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct str all = verb_read(handle_of(fi));
	size_t from = (size_t)off < all.n ? (size_t)off : all.n;
	size_t left = all.n - from;

	(void)ino;
	fuse_reply_buf(req, all.s + from, size < left ? size : left);
}

static void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_free((struct handle *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void list_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct op *op = new_op(req, verb_readdir, ino, NULL);

	if (!op)
		return;
	op->handle = handle_of(fi);
	op->offset = (size_t)off;
	op->size = size;
	op->flags = plus;
	op_start(op);
}

static void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	list_dir(req, ino, size, off, fi, false);
}

static void fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	list_dir(req, ino, size, off, fi, true);
}

static void reply_xattr(fuse_req_t req, struct buf *b, size_t size, int r)
{
	if (!r)
		r = b->error ? b->error : size && size < b->len ? -ERANGE : 0;
	if (r)
		fuse_reply_err(req, -r);
	else if (size)
		fuse_reply_buf(req, b->data, b->len);
	else
		fuse_reply_xattr(req, b->len);
}

/* Without an op: it never waits, and each write asks for security.capability. */
static void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, BUF_MAX_DEFAULT);
	reply_xattr(req, &b, size, xattr_get(mount_of(req), node_of(req, ino), name, &b));
}

static void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, BUF_MAX_DEFAULT);
	xattr_list(node_of(req, ino), &b);
	reply_xattr(req, &b, size, 0);
}

static void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

static void fs_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* always: the kernel's own choice ("auto") looks up each name behind the first buffer */
	conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
}

static const struct fuse_lowlevel_ops ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.forget = fs_forget,
	.forget_multi = fs_forget_multi,
	.getattr = fs_getattr,
	.readlink = fs_readlink,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.readdirplus = fs_readdirplus,
	.releasedir = fs_release,
	.open = fs_open,
	.create = fs_create,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.fsync = fs_fsync,
	.release = fs_release,
	.setattr = fs_setattr,
	.access = fs_access,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.mkdir = fs_mkdir,
	.mknod = fs_mknod,
	.symlink = fs_symlink,
	.link = fs_link,
	.getxattr = fs_getxattr,
	.listxattr = fs_listxattr,
	.statfs = fs_statfs,
};

/* ---- the session ---- */

/* What the kernel and fusermount3 are told. fsname has a colon, so that indexers and
 * df take the mount for a remote one. */
static int make_args(const struct mount *m, struct fuse_args *args)
{
	const struct options *o = m->options;
	const char *project = o->project ? m->root->item->name : NULL; /* it may be given by its number */
	cleanup_free char *names = NULL;
	const char *host = strstr(o->url, "://");
	bool bad;

	if (asprintf(&names, "-ofsname=sentry:%s%s%s%s%s,subtype=sentryfs", host ? host + 3 : o->url, o->org ? "/" : "",
		     o->org ? o->org : "", project ? "/" : "", project ? project : "") < 0)
		return -ENOMEM;
	bad = fuse_opt_add_arg(args, "sentryfs") || fuse_opt_add_arg(args, names) ||
	      fuse_opt_add_arg(args, o->read_only ? "-oro,nosuid,nodev,noexec" : "-onosuid,nodev,noexec");
	if (o->allow_other)
		bad |= fuse_opt_add_arg(args, "-oallow_other");
	if (o->allow_other || o->default_permissions)
		bad |= fuse_opt_add_arg(args, "-odefault_permissions");
	if (o->auto_unmount)
		bad |= fuse_opt_add_arg(args, "-oauto_unmount");
	if (o->debug)
		bad |= fuse_opt_add_arg(args, "-odebug");
	return bad ? -ENOMEM : 0;
}

int fs_new(struct mount *m, struct fs **ret)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fs *f = calloc(1, sizeof(*f));
	int r = f ? make_args(m, &args) : -ENOMEM;

	if (!r) {
		f->mount = m;
		f->session = fuse_session_new(&args, &ops, sizeof(ops), f);
		if (!f->session || fuse_session_mount(f->session, m->options->mountpoint))
			r = -EIO;
	}
	fuse_opt_free_args(&args);
	if (!r &&
	    fcntl(fuse_session_fd(f->session), F_SETFL, fcntl(fuse_session_fd(f->session), F_GETFL) | O_NONBLOCK) < 0)
		r = -errno;
	if (r) {
		fs_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct fs *fs_free(struct fs *f)
{
	if (!f)
		return NULL;
	if (f->session) {
		fuse_session_unmount(f->session);
		fuse_session_destroy(f->session);
	}
	free(f->buf.mem);
	free(f);
	return NULL;
}

int fs_daemonize(void)
{
	return fuse_daemonize(0) ? -errno : 0;
}

int fs_fd(const struct fs *f)
{
	return fuse_session_fd(f->session);
}

struct mount *fs_mount(const struct fs *f)
{
	return f->mount;
}

int fs_receive(struct fs *f)
{
	int r;

	if (fuse_session_exited(f->session))
		return -ENODEV;
	r = fuse_session_receive_buf(f->session, &f->buf);
	if (r == -EAGAIN || r == -EINTR)
		return 0;
	if (r <= 0)
		return r ? r : -ENODEV;
	fuse_session_process_buf(f->session, &f->buf);
	return 1;
}
