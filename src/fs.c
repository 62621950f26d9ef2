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

#include "sentryfs/log.h"
#include "sentryfs/verbs.h"

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

	/* FLUSH says nothing to a file that is only read */
	fi.noflush = 1;
	if (fuse_reply_open(op->request, &fi))
		handle_free(h);
}

static const struct op_reply replies = {
	.error = reply_error,
	.entry = reply_entry,
	.attr = reply_attr,
	.text = reply_text,
	.opened = reply_opened,
};

/* ---- requests ---- */

static void on_interrupt(fuse_req_t req, void *arg)
{
	(void)req;
	op_interrupt(arg);
}

static void start(fuse_req_t req, int (*run)(struct op *), fuse_ino_t ino, const char *name)
{
	struct mount *m = mount_of(req);
	struct op *op = op_new(m, &replies, req, run, node_of(req, ino), name);

	if (!op) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	op->tid = fuse_req_ctx(req)->pid;
	fuse_req_interrupt_func(req, on_interrupt, op);
	op_start(op);
}

static void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (strlen(name) > 255)
		fuse_reply_err(req, ENAMETOOLONG);
	else
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
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		fuse_reply_err(req, EROFS);
	else
		start(req, verb_open, ino, NULL);
}

static void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct handle *h = (const struct handle *)(uintptr_t)fi->fh;
	size_t from = (size_t)off < h->content->len ? (size_t)off : h->content->len;
	size_t left = h->content->len - from;

	(void)ino;
	fuse_reply_buf(req, h->content->data + from, size < left ? size : left);
}

static void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_free((struct handle *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct handle *h = (const struct handle *)(uintptr_t)fi->fh;
	cleanup_free char *out = malloc(size);
	struct dir_entry e;
	size_t used = 0;

	(void)ino;
	if (!out) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (size_t i = (size_t)off; verb_dir_entry(mount_of(req), h, i, &e); i++) {
		struct stat st = {.st_ino = e.ino, .st_mode = e.mode};
		size_t n = fuse_add_direntry(req, out + used, size - used, e.name, &st, (off_t)i + 1);

		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, out, used);
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
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
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
	.releasedir = fs_release,
	.open = fs_open,
	.read = fs_read,
	.release = fs_release,
	.statfs = fs_statfs,
};

/* ---- the session ---- */

/* What the kernel and fusermount3 are told. fsname has a colon, so that indexers and
 * df take the mount for a remote one. */
static int make_args(const struct options *o, struct fuse_args *args)
{
	cleanup_free char *names = NULL;
	const char *host = strstr(o->url, "://");
	bool bad;

	if (asprintf(&names, "-ofsname=sentry:%s%s%s%s%s,subtype=sentryfs", host ? host + 3 : o->url, o->org ? "/" : "",
		     o->org ? o->org : "", o->project ? "/" : "", o->project ? o->project : "") < 0)
		return -ENOMEM;
	bad = fuse_opt_add_arg(args, "sentryfs") || fuse_opt_add_arg(args, names) ||
	      fuse_opt_add_arg(args, "-oro,nosuid,nodev,noexec");
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
	int r = f ? make_args(m->options, &args) : -ENOMEM;

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
