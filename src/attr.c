// SPDX-License-Identifier: MIT
/*
 * What stat(2) says of a node: times and sizes of issues, exact sizes where the content
 * is in hand, modes that tell what may be written. From memory, always.
 */
#include "sentryfs/attr.h"

#include "sentryfs/mount.h"
#include "sentryfs/source.h"

#define SIZE_UNKNOWN 4096 /* of content that was not fetched yet */
#define STATIC_TIMEOUT 60.0
#define TOLD_LATE_MS 1000 /* until the one who asked runs again */

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* The kernel refuses a greater one, and with it the whole node. */
static off_t size_of(uint64_t n)
{
	return n < INT64_MAX ? (off_t)n : INT64_MAX;
}

static void file_size(struct op *op, struct node *n, struct stat *st)
{
	cleanup_blob struct blob *content = NULL;
	cleanup_source struct source s = {0};
	uint64_t stamp = 0;
	int r;

	if (n->scratch) {
		st->st_size = (off_t)n->scratch->data.len;
		return;
	}
	if (n->opens) {
		st->st_size = (off_t)n->content->len;
		return;
	}
	if (S_ISLNK(n->kind->mode) && n->kind->from == FROM_DOCUMENT)
		return;
	if (n->kind->from == FROM_BYTES && !n->size_stamp) {
		st->st_size = size_of(n->item->size);
		return;
	}
	r = source_get(op, n, true, &s, &stamp);
	if (!r && stamp == n->size_stamp) {
		st->st_size = (off_t)n->size;
		return;
	}
	if (!r)
		r = source_content(op, n, true, &content, &stamp);
	st->st_size = r ? SIZE_UNKNOWN : (off_t)content->len;
	if (!r) {
		n->size = content->len;
		n->size_stamp = stamp;
	}
}

mode_t attr_mode(const struct mount *m, const struct node *n)
{
	mode_t mode = n->scratch ? S_IFREG | n->scratch->mode : n->kind->mode;

	if (S_ISLNK(mode))
		return mode;
	if (!access_may(&m->access, m->options, n->kind->needs) || m->options->read_only)
		mode &= ~(mode_t)0222;
	return mode & ~(mode_t)m->options->umask;
}

void attr_fill(struct op *op, struct node *n, struct stat *st)
{
	const struct options *o = op->mount->options;
	const struct node *owner = node_nearest(n);
	const struct item *item = owner ? owner->item : NULL;

	*st = (struct stat){
		.st_ino = n->ino,
		.st_mode = attr_mode(op->mount, n),
		.st_nlink = kind_is_dir(n->kind) ? 2 : 1,
		.st_uid = o->uid,
		.st_gid = o->gid,
		.st_blksize = 4096,
		.st_mtim = op->mount->born,
	};
	if (n->scratch)
		st->st_mtim = n->scratch->mtime;
	else if (item && (item->mtime.tv_sec || item->mtime.tv_nsec))
		st->st_mtim = item->mtime;
	st->st_ctim = item && item->ctime.tv_sec ? item->ctime : st->st_mtim;
	if (kind_is_dir(n->kind)) {
		if (item && n == owner)
			st->st_size = size_of(item->size);
	} else {
		if (item && !n->scratch && later(&item->changed, &st->st_mtim))
			st->st_mtim = item->changed;
		file_size(op, n, st);
	}
	st->st_atim = st->st_mtim;
	st->st_blocks = st->st_size / 512 + (st->st_size % 512 != 0);
}

/* Of answers that were under way together the kernel keeps any one, not the last (attr_version in its
 * fuse_change_attributes), and it counts the time from when the one who asked runs again. */
static void note_told(const struct op *op, struct node *n, uint64_t size, double timeout)
{
	int64_t now = op->mount->clock->now_ms(op->mount->clock);
	int64_t until = now + (int64_t)(timeout * 1000) + TOLD_LATE_MS;

	if (until < n->told_until)
		until = n->told_until;
	if (now < n->told_until && n->told_size != size)
		n->told_many_until = until;
	n->told_size = size;
	n->told_until = until;
}

double attr_timeout(const struct op *op, struct node *n, const struct stat *st)
{
	double timeout = n->kind->fresh_s == FRESH_FOREVER ? STATIC_TIMEOUT : ATTR_NAMED_TIMEOUT;

	if (!S_ISREG(n->kind->mode))
		return kind_is_dir(n->kind) ? ATTR_NAMED_TIMEOUT : 0;
	if (st->st_size != (off_t)n->size)
		timeout = 0;
	if (n->scratch || n->kind->from == FROM_NOTHING || !n->size_stamp || (!timeout && !n->opens))
		return 0;
	note_told(op, n, (uint64_t)st->st_size, timeout);
	return timeout;
}

void attr_entry(struct op *op, struct node *n, struct op_entry *e)
{
	*e = (struct op_entry){.node = n};
	attr_fill(op, n, &e->attr);
	/* an issue's other names end with it, and only rmdir of the one real name tells the kernel */
	if (n->kind->name)
		e->entry_timeout = STATIC_TIMEOUT;
	else
		e->entry_timeout = n->scratch || S_ISLNK(n->kind->mode) ? 0 : ATTR_NAMED_TIMEOUT;
	e->attr_timeout = S_ISREG(n->kind->mode) ? attr_timeout(op, n, &e->attr) : ATTR_NAMED_TIMEOUT;
}
