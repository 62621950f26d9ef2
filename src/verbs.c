// SPDX-License-Identifier: MIT
/*
 * One body for each verb. What a kind needs stands in its row; these functions
 * turn a row into requests, and what came into an answer.
 *
 * LOOKUP and READDIR hold the directory's lock in the kernel, so they answer from
 * memory, but for the one request of a name that no listing has. OPENDIR and OPEN
 * do the fetching.
 */
#include "sentryfs/verbs.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/attr.h"
#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/query.h"
#include "sentryfs/source.h"

int verb_getattr(struct op *op)
{
	struct stat st;

	attr_fill(op, op->node, &st);
	op->reply->attr(op, &st, attr_timeout(op, op->node, &st));
	return 0;
}

/* ---- lookup ---- */

#define PROBE_FRESH_S 60u /* of what a listing has not told of */

static int reply_node(struct op *op, struct node *n)
{
	struct op_entry e;

	if (!n)
		return -ENOMEM;
	attr_entry(op, n, &e);
	op->reply->entry(op, &e);
	return 0;
}

/* A child by the listing's or the probe's item; an issue's other names are symlinks. */
static int reply_item(struct op *op, const struct kind *k, struct item *item)
{
	struct mount *m = op->mount;

	if (k->id == KIND_ISSUE && (strcmp(item->name, op->name) || strcmp(item->home, op->node->parent->item->name))) {
		/* another project is outside of a mount of one */
		if (strcmp(item->home, op->node->parent->item->name) && m->root->kind->id == KIND_PROJECT)
			return -ENOENT;
		k = kind_of(KIND_ISSUE_ALIAS);
	}
	return reply_node(op, node_get(&m->tree, op->node, k, op->name, item));
}

/* The part of a dynamic name before its suffix; s == NULL when it cannot be one. */
static struct str own_name(const struct kind *k, const char *name)
{
	struct str s = str_of(name);
	size_t n = k->suffix ? strlen(k->suffix) : 0;

	if (n && (s.n <= n || strcmp(name + s.n - n, k->suffix)))
		return (struct str){NULL, 0};
	s.n -= n;
	if (k->valid && !k->valid(s))
		return (struct str){NULL, 0};
	return s;
}

/* Asks for the one object of that name. */
static int probe(struct op *op, const struct kind *k, struct str own)
{
	const struct item_class *class = op->node->kind->class;
	cleanup_ask struct ask a = {0}, list = {0};
	cleanup_json cJSON *tree = NULL;
	struct timespec wall;
	struct resource *res;
	struct item *item;
	int r = ask_document(op->mount, op->node, k->probe, own, k->fresh_s ? k->fresh_s : PROBE_FRESH_S, &a);

	if (!r)
		r = op_need(op, &a.want, &res);
	if (!r)
		r = json_parse(blob_str(res->document), &tree);
	if (!r)
		r = ask_listing(op->mount, op->node, &list);
	if (r)
		return r;
	op->mount->clock->wall(op->mount->clock, &wall);
	r = item_put(&op->mount->cache.items, class, list.scope.data, tree, blob_str(res->document), res->fetched,
		     &wall, false, &item);
	if (r)
		return r;
	r = reply_item(op, k, item);
	item_unref(item);
	return r;
}

static int lookup_issue(struct op *op, const struct kind *k, struct str own)
{
	struct item *item;
	int r = source_issue(op, op->node, own, &item);

	if (r)
		return r;
	r = reply_item(op, k, item);
	item_unref(item);
	return r;
}

static int lookup_dynamic(struct op *op, const struct kind *k)
{
	const struct node *dir = op->node;
	struct str own = own_name(k, op->name);
	cleanup_ask struct ask a = {0};
	struct resource *res;
	struct item *item;
	int r;

	if (!own.s || own.n > NAME_BYTES_MAX || *own.s == '.')
		return -ENOENT;
	if (!dir->kind->class || dir->kind->class == &item_issue)
		return lookup_issue(op, k, own);
	if (dir->kind->none && dir->kind->none(node_nearest(dir)->item))
		return -ENOENT;
	if (dir->kind->url) {
		char name[NAME_BYTES_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)own.n, own.s);
		r = ask_listing(op->mount, dir, &a);
		if (r)
			return r;
		if (!k->probe)
			ahead_sibling(op);
		/* memory first, of any age */
		a.want.peek = a.want.stale_ok = true;
		if (!op_need(op, &a.want, &res) && (item = map_get(&res->listing->by_name, str_of(name))))
			return reply_item(op, k, item);
		a.want.peek = a.want.stale_ok = false;
		if (!k->probe) {
			/* the listing is the oracle: a miss is believed for as long as any "no such thing" */
			a.want.fresh_ms = CACHE_ABSENT_MS;
			r = source_need(op, dir, &a, &res);
			if (r)
				return r;
			item = map_get(&res->listing->by_name, str_of(name));
			return item ? reply_item(op, k, item) : -ENOENT;
		}
	}
	return probe(op, k, own);
}

int verb_lookup(struct op *op)
{
	struct mount *m = op->mount;
	const struct kind *k = kind_lookup(op->node, op->node == m->root, op->name);
	struct scratch *s;

	op_lock(op);
	if (!kind_is_dir(op->node->kind))
		return -ENOTDIR;
	if (k && !dialect_has(&m->dialect, k->feature))
		return source_lacks(op, op->node, op->name, k->feature);
	if (k)
		return reply_node(op, node_get(&m->tree, op->node, k, op->name, NULL));
	if (op->node->kind->scratch && (s = scratch_find(&m->scratches, op->node, op->name)))
		return reply_node(op, scratch_node(&m->tree, s));
	return op->node->kind->child ? lookup_dynamic(op, kind_of(op->node->kind->child)) : -ENOENT;
}

/* ---- directories ---- */

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

int verb_opendir(struct op *op)
{
	const struct kind *k = op->node->kind;
	cleanup_ask struct ask a = {0};
	struct resource *res = NULL;
	struct handle *h;
	int r;

	if (k->url && !(k->none && k->none(node_nearest(op->node)->item))) {
		if (k->id == KIND_ISSUES)
			learn_access(op, false);
		ahead_sibling(op);
		r = ask_listing(op->mount, op->node, &a);
		if (!r)
			r = source_need(op, op->node, &a, &res);
		if (!r && k->id == KIND_ISSUES)
			r = learn_access(op, true);
		if (r)
			return r;
		if (k->class == &item_issue && res->listing->n)
			dialect_learn_issue(&op->mount->dialect, blob_str(res->listing->items[0]->json));
	}
	h = handle_new(op->node);
	if (!h)
		return -ENOMEM;
	h->listing = res ? listing_ref(res->listing) : NULL;
	h->dialect = op->mount->dialect;
	op->reply->opened(op, h, false, false);
	return 0;
}

/* Has a change of ours taken it out of a listing that was asked for too early to know? */
static bool has_left(const struct mount *m, const struct listing *l, const struct item *i)
{
	return i->gone || (i->class == &item_issue && i->written >= 0 && l->asked < i->written + ITEM_HOLD_MS &&
			   query_excludes(str_of(m->options->query), blob_str(i->json)));
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
	size_t i = (*at)++, listed = h->listing ? h->listing->n : 0;
	const struct scratch *s;
	const struct kind *k;

	if (i < 2)
		return set_entry(e, i ? ".." : ".", NULL, i ? up->ino : dir->ino, S_IFDIR);
	i -= 2;
	for (size_t n = 0; (k = kind_static(&h->dialect, dir, dir == m->root, n)); n++)
		if (!i--) {
			set_entry(e, k->name, NULL, node_ino(dir, k->name), k->mode);
			e->kind = k;
			return true;
		}
	for (; i < listed; i++, (*at)++) {
		struct item *item = h->listing->items[i];

		if (has_left(m, h->listing, item))
			continue;
		k = kind_of(dir->kind->child);
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
	    (e->kind->id == KIND_ISSUE && strcmp(e->item->home, h->node->parent->item->name)))
		return false;
	n = node_get(&m->tree, h->node, e->kind, e->name, e->item);
	if (n)
		attr_entry(op, n, child);
	return n;
}

/* ---- files ---- */

int verb_open(struct op *op)
{
	struct node *n = op->node;
	struct blob *content = NULL;
	struct handle *h;
	uint64_t stamp = 0;
	bool keep, direct;
	int r = 0;

	if (n->kind->id == KIND_EVENT)
		r = ahead_event(op);
	else
		ahead_sibling(op);
	if (!r)
		r = source_content(op, n, false, &content, &stamp);
	if (r)
		return r;
	h = handle_new(n);
	if (!h) {
		blob_unref(content);
		return -ENOMEM;
	}
	/* What another handle reads through the page cache must not be mixed with this. */
	direct = n->opens && n->content_stamp != stamp;
	/* Reads through the page cache end at the size that the kernel believes. */
	direct |= op->start < n->told_until && n->told_size != content->len;
	keep = !direct && n->cached_stamp == stamp;
	h->content = content;
	if (!direct)
		n->cached_stamp = stamp;
	h->counts = true;
	n->opens++;
	blob_unref(n->content);
	n->content = blob_ref(content);
	n->content_stamp = stamp;
	n->size = content->len;
	n->size_stamp = stamp;
	op->reply->opened(op, h, keep, direct);
	return 0;
}

struct str verb_read(const struct handle *h)
{
	return h->node->scratch ? buf_str(&h->node->scratch->data) : blob_str(h->content);
}

/* Which event is the newest, and where all are listed the oldest, a listing that is in
 * memory tells; of one that has a single event, all. */
static int link_in_memory(struct op *op, struct buf *b)
{
	cleanup_ask struct ask a = {0};
	const struct listing *l;
	struct resource *res;
	size_t i = 0;

	if (op->node->kind->parent != KIND_EVENTS || ask_listing(op->mount, op->node->parent, &a))
		return -ENOENT;
	a.want.peek = true;
	if (op_need(op, &a.want, &res) || !res->listing->n)
		return -ENOENT;
	l = res->listing;
	if (!strcmp(op->node->name, "oldest.json") && !l->cut)
		i = l->n - 1;
	else if (strcmp(op->node->name, "latest.json") && (l->n > 1 || l->cut))
		return -ENOENT;
	buf_printf(b, "%s.json", l->items[i]->name);
	return b->error;
}

/* The event that was fetched to learn its id is its file's content as well. */
static void adopt_event(struct op *op, struct str id)
{
	cleanup_ask struct ask from = {0}, to = {0};
	struct resource *res;

	if (ask_document(op->mount, op->node, op->node->kind->url, STR(""), 0, &from) ||
	    ask_document(op->mount, op->node, kind_of(KIND_EVENT)->url, id, 0, &to))
		return;
	from.want.peek = from.want.stale_ok = true;
	if (!op_need(op, &from.want, &res))
		cache_adopt(&op->mount->cache, to.key.data, res->document, res->fetched);
}

int verb_readlink(struct op *op)
{
	cleanup_buf struct buf b = {0};
	struct source s;
	uint64_t stamp;
	int r;

	if (!S_ISLNK(op->node->kind->mode))
		return -EINVAL;
	buf_init(&b, 4096);
	if (op->node->kind->from != FROM_DOCUMENT || link_in_memory(op, &b)) {
		ahead_sibling(op);
		r = source_get(op, op->node, false, &s, &stamp);
		if (r)
			return r;
		r = op->node->kind->show(&b, &s);
		if (r) {
			source_report(op, op->node, r);
			return r;
		}
		if (op->node->kind->from == FROM_DOCUMENT)
			adopt_event(op, (struct str){b.data, b.len - strlen(".json")});
	}
	buf_addc(&b, '\0');
	if (b.error)
		return b.error;
	op->reply->text(op, b.data);
	return 0;
}
