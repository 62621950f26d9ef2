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
#include "sentryfs/searches.h"
#include "sentryfs/source.h"
#include "sentryfs/views.h"

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

	if (k->id == KIND_ISSUE && (strcmp(item->name, op->name) || !item_is_in(item, op->node->parent->item))) {
		/* another project is outside of a mount of one */
		if (!item_is_in(item, op->node->parent->item) && m->root->kind->id == KIND_PROJECT)
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
	cleanup_item struct item *item = NULL;
	struct timespec wall;
	struct resource *res;
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
	return r ? r : reply_item(op, k, item);
}

static int lookup_issue(struct op *op, const struct kind *k, struct str own)
{
	cleanup_item struct item *item = NULL;
	int r = source_issue(op, op->node, own, &item);

	return r ? r : reply_item(op, k, item);
}

/* The row of which this may be a name. */
static const struct kind *child_named(const struct kind *dir, const char *name)
{
	const struct kind *k;

	for (size_t i = 0; (k = kind_child(dir, i)); i++)
		if (own_name(k, name).s)
			return k;
	return NULL;
}

static int lookup_search(struct op *op, const struct kind *k)
{
	bool assignee = op->node->kind->class == &item_assignee;
	cleanup_item struct item *item = NULL;
	int r = assignee ? views_assignee(op, str_of(op->name), &item) : searches_find(op, str_of(op->name), &item);

	return r ? r : reply_item(op, k, item);
}

static int lookup_dynamic(struct op *op, const struct kind *k)
{
	const struct node *dir = op->node;
	struct str own = own_name(k, op->name);
	cleanup_ask struct ask a = {0};
	struct resource *res;
	struct item *item;
	int r;

	if (dir->kind->class && dir->kind->class->local)
		return lookup_search(op, k);
	if (!own.s || own.n > NAME_BYTES_MAX || *own.s == '.')
		return -ENOENT;
	if (k->probe && (!dir->kind->class || dir->kind->class == &item_issue))
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
	k = child_named(op->node->kind, op->name);
	return k ? lookup_dynamic(op, k) : -ENOENT;
}

/* ---- files ---- */

int verb_open(struct op *op)
{
	struct node *n = op->node;
	cleanup_blob struct blob *content = NULL;
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
	if (!h)
		return -ENOMEM;
	/* What another handle reads through the page cache must not be mixed with this, nor end at its size. */
	direct = n->truncated || (n->opens && n->content_stamp != stamp);
	/* Reads through the page cache end at the size that the kernel believes. */
	direct |= op->start < (n->told_size == content->len ? n->told_many_until : n->told_until);
	keep = !direct && n->cached_stamp == stamp;
	h->content = blob_ref(content);
	h->counts = !direct;
	if (!direct) {
		n->opens++;
		blob_unref(n->content);
		n->content = blob_ref(content);
		n->content_stamp = n->cached_stamp = stamp;
	}
	n->size = content->len;
	n->size_stamp = stamp;
	op->reply->opened(op, h, keep, direct);
	return 0;
}

struct str verb_read(const struct handle *h)
{
	return h->node->scratch ? buf_str(&h->node->scratch->data) : blob_str(h->content);
}

/* What a listing that is in memory tells. */
static int link_in_memory(struct op *op, struct buf *b)
{
	cleanup_ask struct ask a = {0};
	const struct node *issue = node_above(op->node, &item_issue);
	struct timespec event;
	struct resource *res;
	bool older = false;
	size_t i;
	int r;

	if (op->node->kind->parent != KIND_EVENTS || ask_listing(op->mount, op->node->parent, &a))
		return -ENOENT;
	a.want.peek = true;
	r = op_need(op, &a.want, &res);
	if (r) {
		/* an older one will do while the issue has no newer event: who reads many issues reads
		 * long after they were listed */
		a.want.fresh_ms *= CACHE_KEPT_TIMES;
		r = op_need(op, &a.want, &res);
		older = true;
	}
	if (r || !dir_link(res->listing, op->node->name, &i))
		return -ENOENT;
	event = res->listing->items[i]->mtime;
	buf_printf(b, "%s%s", res->listing->items[i]->name, op->node->kind->suffix);
	if (older && issue && !str_starts(str_of(op->node->name), "oldest."))
		r = source_is_latest(op, issue, &event);
	if (r)
		b->len = 0;
	return r ? r : b->error;
}

/* The event that was fetched to learn its id is its file's content as well. */
static void adopt_event(struct op *op)
{
	cleanup_ask struct ask from = {0};
	struct resource *res;

	if (ask_document(op->mount, op->node, op->node->kind->url, STR(""), 0, &from))
		return;
	from.want.peek = from.want.stale_ok = true;
	if (!op_need(op, &from.want, &res))
		source_adopt_event(op, op->node, res);
}

int verb_readlink(struct op *op)
{
	cleanup_buf struct buf b = {0};
	cleanup_source struct source s = {0};
	uint64_t stamp;
	int r;

	if (!S_ISLNK(op->node->kind->mode))
		return -EINVAL;
	buf_init(&b, 4096);
	r = op->node->kind->from == FROM_DOCUMENT ? link_in_memory(op, &b) : -ENOENT;
	if (r == -EINPROGRESS)
		return r;
	if (r) {
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
			adopt_event(op);
	}
	buf_addc(&b, '\0');
	if (b.error)
		return b.error;
	op->reply->text(op, b.data);
	return 0;
}
