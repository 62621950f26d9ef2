// SPDX-License-Identifier: MIT
/*
 * Directories: what OPENDIR lists and READDIR gives of it.
 *
 * OPENDIR holds no lock in the kernel and does the fetching; READDIR holds the
 * directory's, and answers from memory. Of a long listing that takes over a second OPENDIR
 * leaves the rest to READDIR, which gives what comes as it comes. Must not know FUSE.
 */
#include <errno.h>
#include <stdio.h>

#include "sentryfs/attr.h"
#include "sentryfs/mount.h"
#include "sentryfs/query.h"
#include "sentryfs/searches.h"
#include "sentryfs/source.h"
#include "sentryfs/verbs.h"

/* Where an offset of READDIR leads: "." and "..", rows of the table, items. */
#define ROWS_AT 2u
#define ITEMS_AT (ROWS_AT + kinds_count)

#define HELD_BACK 64u /* entries, of a listing that is coming: seconds that a page may take */

/* With the first listing of issues comes what the token may do, so that the modes of what
 * is listed tell the truth. Without an answer everything is thought to be allowed. */
static int learn_access(struct op *op, bool wait)
{
	struct cache_want want = {.key = "", .fresh_ms = INT64_MAX / 4};
	struct access *access = &op->mount->access;
	struct resource *res;
	int r;

	if (access->known)
		return 0;
	if (!wait) {
		want.since = op->start;
		cache_need(&op->mount->cache, &want, NULL, &res);
		return 0;
	}
	r = op_need(op, &want, &res);
	if (!r)
		mount_learn(op->mount, blob_str(res->document));
	return r == -EINPROGRESS ? r : 0;
}

/* The same, without waiting: has it been told, or not been? */
static bool has_access(struct op *op)
{
	struct cache_want want = {.key = "", .fresh_ms = INT64_MAX / 4, .peek = true};
	struct resource *res;
	int r = op->mount->access.known ? -EALREADY : op_need(op, &want, &res);

	if (!r)
		mount_learn(op->mount, blob_str(res->document));
	return r != -EINPROGRESS;
}

/* ---- a long listing that is still coming ---- */

/* Lets more be seen, but for what is kept back so that there is an entry to give when a second
 * has gone by and no page came. */
static void show_more(struct handle *h)
{
	if (h->listing->n > h->shown + HELD_BACK)
		h->shown = h->listing->n - HELD_BACK;
}

/* A handle of what is there of it; -EINPROGRESS: it is too little. */
static int open_coming(struct op *op, const char *key, struct handle **ret)
{
	struct listing *l = listing_new(0);
	size_t given = 0;
	int r = l ? cache_coming(&op->mount->cache, key, l, &given) : -ENOMEM;

	if (r == -ENOENT || (!r && l->n <= HELD_BACK))
		r = -EINPROGRESS;
	if (!r) {
		*ret = handle_new(op->node);
		r = *ret ? 0 : -ENOMEM;
	}
	if (r) {
		listing_unref(l);
		return r;
	}
	(*ret)->listing = l;
	(*ret)->coming = true;
	(*ret)->given = given;
	show_more(*ret);
	return 0;
}

/* Takes over what has come since, and at the end all that was not given yet, in whatever order
 * it came. -errno: the rest does not come. The op waits for the next page. */
static int take_more(struct op *op, struct handle *h)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;
	int r = ask_listing(op->mount, h->node, &a);

	a.want.since = h->listing->asked;
	if (!r)
		r = cache_need(&op->mount->cache, &a.want, &op->waiter, &res);
	if (!r) {
		for (size_t i = 0; i < res->listing->n && !r; i++)
			r = listing_add(h->listing, item_ref(res->listing->items[i]));
		h->coming = r;
		return r;
	}
	if (r == -EINPROGRESS)
		r = cache_coming(&op->mount->cache, a.want.key, h->listing, &h->given);
	show_more(h);
	return r == -ENOENT ? 0 : r;
}

/* The kernel holds the directory's lock, for which a LOOKUP waits unkillably: so after a second
 * one of the entries that were kept back is given, and the lock is free for a moment. */
int verb_readdir(struct op *op)
{
	struct handle *h = op->handle;
	struct dir_entry e = {0};
	size_t at;
	int r = h->coming ? take_more(op, h) : 0;

	if (r)
		return r;
	op_lock(op);
	op->each_page = h->coming;
	at = op->offset;
	while (h->coming && !verb_dir_entry(op->mount, h, &at, &e)) {
		if (!op->stale_ok || h->shown == h->listing->n)
			return -EINPROGRESS;
		h->shown++;
		at = op->offset;
	}
	op->reply->listed(op);
	return 0;
}

/* ---- opening ---- */

static bool is_search(const struct kind *k)
{
	return k->class == &item_issue && k->id != KIND_ISSUES;
}

int verb_opendir(struct op *op)
{
	const struct kind *k = op->node->kind;
	cleanup_listing struct listing *l = NULL;
	cleanup_ask struct ask a = {0};
	struct resource *res;
	struct handle *h = NULL;
	int r;

	if (k->list && (r = k->list(op, &l)))
		return r;
	if (k->url && !(k->none && k->none(node_nearest(op->node)->item))) {
		if (k->id == KIND_ISSUES)
			learn_access(op, false);
		ahead_sibling(op);
		r = ask_listing(op->mount, op->node, &a);
		if (!r)
			r = source_need(op, op->node, &a, &res);
		if (!r)
			l = listing_ref(res->listing); /* the next call into the cache may drop it */
		if (!r && k->id == KIND_ISSUES)
			r = learn_access(op, true);
		/* nobody waits over a second for the end of a long listing */
		op->each_page = op->stale_ok;
		if (r == -EINPROGRESS && op->stale_ok && !l && (k->id != KIND_ISSUES || has_access(op)))
			r = open_coming(op, a.want.key, &h);
		if (r != -EINPROGRESS && is_search(k))
			searches_report(op, a.key.error ? NULL : a.key.data, r); /* without memory it has no end */
		if (r)
			return r;
	}
	if (!h) {
		h = handle_new(op->node);
		if (!h)
			return -ENOMEM;
		h->listing = steal(&l);
	}
	if (k->class == &item_issue && h->listing && h->listing->n)
		dialect_learn_issue(&op->mount->dialect, blob_str(h->listing->items[0]->json));
	op->reply->opened(op, h, false, false);
	return 0;
}

bool dir_link(const struct listing *l, const char *name, size_t *at)
{
	bool newest = str_starts(str_of(name), "latest.");

	if (!l->n || (!newest && (l->cut || (!str_starts(str_of(name), "oldest.") && l->n > 1))))
		return false;
	*at = newest ? 0 : l->n - 1;
	return true;
}

bool verb_has_left(const struct mount *m, const struct node *dir, const struct listing *l, const struct item *i)
{
	cleanup_search struct search s = {0};

	if (i->gone || i->class != &item_issue || !item_is_held(i, l->asked))
		return i->gone;
	return dir->kind->url && !searches_of(m, dir, &s) &&
	       query_excludes(buf_str(&s.query), blob_str(i->json), m->access.user_id);
}

static bool set_entry(struct dir_entry *e, const char *name, const char *suffix, uint64_t ino, mode_t mode)
{
	snprintf(e->name, sizeof(e->name), "%s%s", name, suffix ? suffix : "");
	e->ino = ino;
	e->mode = mode & S_IFMT;
	e->kind = NULL;
	e->item = NULL;
	return true;
}

bool verb_dir_entry(const struct mount *m, const struct handle *h, size_t *at, struct dir_entry *e)
{
	const struct node *dir = h->node, *up = dir->parent && dir != m->root ? dir->parent : dir;
	size_t event, i = *at, files = 1, listed = h->coming ? h->shown : h->listing ? h->listing->n : 0;
	const struct scratch *s;
	const struct kind *k;

	if (i < ROWS_AT) {
		++*at;
		return set_entry(e, i ? ".." : ".", NULL, i ? up->ino : dir->ino, S_IFDIR);
	}
	for (i -= ROWS_AT; (k = kind_static(&m->dialect, dir, dir == m->root, &i));) {
		if (S_ISLNK(k->mode) && h->listing && !dir_link(h->listing, k->name, &event))
			continue;
		*at = i + ROWS_AT;
		set_entry(e, k->name, NULL, node_ino(dir, k->name), k->mode);
		e->kind = k;
		return true;
	}
	/* behind the table come the items, and what was made here */
	if (*at < ITEMS_AT)
		*at = ITEMS_AT;
	while (kind_child(dir->kind, files))
		files++;
	listed *= files;
	for (i = (*at)++ - ITEMS_AT; i < listed; i++, (*at)++) {
		struct item *item = h->listing->items[i / files];

		if (verb_has_left(m, dir, h->listing, item))
			continue;
		k = kind_child(dir->kind, i % files);
		set_entry(e, item->name, k->suffix, 0, k->mode);
		e->ino = node_ino(dir, e->name);
		e->kind = k;
		e->item = item;
		return true;
	}
	s = dir->kind->scratch ? scratch_at(&m->scratches, dir, i - listed) : NULL;
	return s && set_entry(e, s->name, NULL, node_ino(dir, s->name), S_IFREG);
}

bool verb_dir_child(struct op *op, const struct handle *h, const struct dir_entry *e, struct op_entry *child)
{
	struct mount *m = op->mount;
	struct node *n;

	/* A comment is removed by a write of ours, of which the kernel knows nothing; an issue that moved to
	 * another project is a symlink here: see reply_item(). */
	if (!e->kind || e->kind->id == KIND_COMMENT ||
	    (e->kind->id == KIND_ISSUE && !item_is_in(e->item, h->node->parent->item)))
		return false;
	n = node_get(&m->tree, h->node, e->kind, e->name, e->item);
	if (n)
		attr_entry(op, n, child);
	return n;
}
