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

#include "sentryfs/json.h"
#include "sentryfs/name.h"

#define SIZE_UNKNOWN 4096 /* of content that was not fetched yet */
#define STATIC_TIMEOUT 60.0
#define NAMED_TIMEOUT 1.0
#define ISSUE_FRESH_S 30u
#define ISSUE_ALONE_FRESH_S 60u /* of an issue that no listing holds */

/* ---- what to ask ---- */

struct ask {
	struct buf key, scope;
	struct cache_want want;
};

static void ask_done(struct ask *a)
{
	buf_done(&a->key);
	buf_done(&a->scope);
}

#define cleanup_ask __attribute__((cleanup(ask_done)))

static int64_t fresh_ms(unsigned seconds)
{
	return seconds == FRESH_FOREVER ? INT64_MAX / 4 : (int64_t)seconds * 1000;
}

static int ask_document(struct mount *m, const struct node *n, const char *url, struct str own, unsigned fresh_s,
			struct ask *a)
{
	int r;

	buf_init(&a->key, BUF_MAX_DEFAULT);
	buf_init(&a->scope, BUF_MAX_DEFAULT);
	r = mount_url(m, n, url, own, &a->key);
	buf_addc(&a->key, '\0');
	a->want = (struct cache_want){.key = a->key.data, .fresh_ms = fresh_ms(fresh_s)};
	return r ? r : a->key.error;
}

/* Issues are one set in an organization, whatever lists them; anything else
 * belongs to its list. */
static int ask_scope(struct mount *m, const struct node *dir, const struct item_class *class, struct ask *a)
{
	int r = 0;

	if (class == &item_issue)
		r = mount_url(m, dir, "{o}/issue", STR(""), &a->scope);
	else
		buf_puts(&a->scope, a->key.data);
	buf_addc(&a->scope, '\0');
	return r ? r : a->scope.error;
}

static int ask_listing(struct mount *m, const struct node *n, struct ask *a)
{
	const struct kind *k = n->kind;
	int r = ask_document(m, n, k->url, STR(""), k->fresh_s, a);

	if (!r)
		r = ask_scope(m, n, k->class, a);
	a->want.class = k->class;
	a->want.scope = a->scope.data;
	a->want.max = k->class == &item_event ? m->options->max_events : m->options->max_issues;
	if (k->class != &item_event && k->class != &item_issue)
		a->want.max = 100000;
	return r;
}

/* ---- sources ---- */

/* Brings an issue's row up to date: one that a listing holds by that listing alone,
 * another by itself. An older copy will do when the server is slow. */
static int refresh_issue(struct op *op, const struct node *issue)
{
	cleanup_ask struct ask a = {0};
	struct item *item = issue->item;
	struct resource *res;
	int64_t age = op->start - item->fetched;
	int r;

	if (age <= fresh_ms(ISSUE_FRESH_S) || op->stale_ok)
		return 0;
	if (item->listed && issue->parent->kind->id == KIND_ISSUES) {
		r = ask_listing(op->mount, issue->parent, &a);
		if (!r)
			r = op_need(op, &a.want, &res);
		return r == -EINPROGRESS ? r : 0;
	}
	if (age <= fresh_ms(ISSUE_ALONE_FRESH_S))
		return 0;
	r = ask_document(op->mount, issue, "organizations/{o}/issues/{s}/", STR(""), ISSUE_ALONE_FRESH_S, &a);
	if (!r)
		r = op_need(op, &a.want, &res);
	if (!r && res->document) {
		cleanup_json cJSON *tree = NULL;
		struct timespec wall;
		struct item *same = NULL;

		op->mount->clock->wall(op->mount->clock, &wall);
		if (!json_parse(blob_str(res->document), &tree) && !ask_scope(op->mount, issue, &item_issue, &a) &&
		    !item_put(&op->mount->cache.items, &item_issue, a.scope.data, tree, blob_str(res->document),
			      res->fetched, &wall, false, &same))
			item_unref(same);
	}
	return r == -EINPROGRESS || r == -ENOENT ? r : 0;
}

static const struct node *nearest(const struct node *n)
{
	while (n && !n->item)
		n = n->parent;
	return n;
}

/* Finds what a file is made of. With `peek` nothing is asked: -EINPROGRESS then
 * means that it is not in memory. *stamp tells one content from another. */
static int get_source(struct op *op, const struct node *n, bool peek, struct source *s, uint64_t *stamp)
{
	cleanup_ask struct ask a = {0};
	const struct node *owner = nearest(n);
	struct resource *res;
	int r;

	*s = (struct source){.mount = op->mount, .node = n, .kind = n->kind, .item = owner ? owner->item : NULL};
	switch (n->kind->from) {
	case FROM_NOTHING:
		*stamp = ++op->mount->cache.items.stamp;
		return 0;
	case FROM_ITEM:
		if (!owner)
			return -ENOENT;
		if (!peek && owner->item->class == &item_issue && S_ISREG(n->kind->mode)) {
			r = refresh_issue(op, owner);
			if (r)
				return r;
		}
		s->json = blob_str(owner->item->json);
		*stamp = owner->item->stamp;
		return 0;
	case FROM_DOCUMENT:
		r = ask_document(op->mount, n, n->kind->url, STR(""), n->kind->fresh_s, &a);
		break;
	default:
		r = ask_listing(op->mount, n, &a);
		break;
	}
	if (r)
		return r;
	a.want.peek = peek;
	a.want.stale_ok = peek;
	r = op_need(op, &a.want, &res);
	if (r)
		return r;
	s->json = blob_str(res->document);
	s->listing = res->listing;
	*stamp = res->stamp;
	return 0;
}

/* What the server said is not what this file shows. */
static void report(struct op *op, const struct node *n, int r)
{
	const char *of = n->item ? n->item->name : n->parent && n->parent->item ? n->parent->item->name : "";

	journal_add(&op->mount->api.errors, op->mount->clock, "%s %s: %s: the answer lacks what this file shows", of,
		    n->name, strerrordesc_np(-r));
}

static int get_content(struct op *op, const struct node *n, bool peek, struct blob **ret, uint64_t *stamp)
{
	cleanup_buf struct buf b = {0};
	struct source s;
	int r = get_source(op, n, peek, &s, stamp);

	if (r)
		return r;
	buf_init(&b, BUF_MAX_DEFAULT * 4);
	r = n->kind->show(&b, &s);
	if (r)
		report(op, n, r);
	return r ? r : buf_to_blob(&b, ret);
}

/* ---- attributes ---- */

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

static void file_size(struct op *op, struct node *n, struct stat *st)
{
	cleanup_blob struct blob *content = NULL;
	struct source s;
	uint64_t stamp = 0;
	int r;

	if (n->opens) {
		st->st_size = (off_t)n->content->len;
		return;
	}
	if (S_ISLNK(n->kind->mode) && n->kind->from == FROM_DOCUMENT)
		return;
	r = get_source(op, n, true, &s, &stamp);
	if (!r && stamp == n->size_stamp) {
		st->st_size = (off_t)n->size;
		return;
	}
	if (!r)
		r = get_content(op, n, true, &content, &stamp);
	st->st_size = r ? SIZE_UNKNOWN : (off_t)content->len;
	if (!r) {
		n->size = content->len;
		n->size_stamp = stamp;
	}
}

static void fill_attr(struct op *op, struct node *n, struct stat *st)
{
	const struct options *o = op->mount->options;
	const struct node *owner = nearest(n);
	const struct item *item = owner ? owner->item : NULL;

	*st = (struct stat){
		.st_ino = n->ino,
		.st_mode = S_ISLNK(n->kind->mode) ? n->kind->mode : n->kind->mode & ~(mode_t)o->umask,
		.st_nlink = kind_is_dir(n->kind) ? 2 : 1,
		.st_uid = o->uid,
		.st_gid = o->gid,
		.st_blksize = 4096,
		.st_mtim = op->mount->born,
	};
	if (item && (item->mtime.tv_sec || item->mtime.tv_nsec))
		st->st_mtim = item->mtime;
	st->st_ctim = item && item->ctime.tv_sec ? item->ctime : st->st_mtim;
	if (kind_is_dir(n->kind)) {
		if (item && n == owner)
			st->st_size = (off_t)item->size;
	} else {
		if (item && later(&item->changed, &st->st_mtim))
			st->st_mtim = item->changed;
		file_size(op, n, st);
	}
	st->st_atim = st->st_mtim;
	st->st_blocks = (st->st_size + 511) / 512;
}

int verb_getattr(struct op *op)
{
	struct stat st;

	fill_attr(op, op->node, &st);
	op->reply->attr(op, &st, kind_is_dir(op->node->kind) ? NAMED_TIMEOUT : 0);
	return 0;
}

/* ---- lookup ---- */

static int reply_node(struct op *op, struct node *n)
{
	struct op_entry e = {.node = n};

	if (!n)
		return -ENOMEM;
	fill_attr(op, n, &e.attr);
	e.entry_timeout = n->kind->name ? STATIC_TIMEOUT : NAMED_TIMEOUT;
	e.attr_timeout = S_ISREG(n->kind->mode) ? 0 : NAMED_TIMEOUT;
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

/* An issue that is known already, from whatever told of it. */
static struct item *known_issue(struct op *op, struct str own)
{
	cleanup_ask struct ask a = {0};
	char upper[NAME_BYTES_MAX + 1];
	struct item *item;

	buf_init(&a.scope, BUF_MAX_DEFAULT);
	for (size_t i = 0; i <= own.n; i++)
		upper[i] = i == own.n ? '\0' : own.s[i] >= 'a' && own.s[i] <= 'z' ? (char)(own.s[i] - 32) : own.s[i];
	if (ask_scope(op->mount, op->node, &item_issue, &a))
		return NULL;
	item = item_find(&op->mount->cache.items, a.scope.data, str_of(upper));
	if (item && !item->listed && op->start - item->fetched > fresh_ms(ISSUE_ALONE_FRESH_S))
		return NULL;
	return item;
}

/* Asks for the one object of that name. */
static int probe(struct op *op, const struct kind *k, const struct item_class *class, struct str own)
{
	cleanup_ask struct ask a = {0}, list = {0};
	cleanup_json cJSON *tree = NULL;
	struct timespec wall;
	struct resource *res;
	struct item *item;
	int r = ask_document(op->mount, op->node, k->probe, own, k->fresh_s ? k->fresh_s : ISSUE_ALONE_FRESH_S, &a);

	if (!r)
		r = op_need(op, &a.want, &res);
	if (!r)
		r = json_parse(blob_str(res->document), &tree);
	if (!r && op->node->kind->url)
		r = ask_listing(op->mount, op->node, &list);
	else if (!r)
		r = ask_document(op->mount, op->node, "", STR(""), 0, &list)
			    ?: ask_scope(op->mount, op->node, class, &list);
	if (r)
		return r;
	op->mount->clock->wall(op->mount->clock, &wall);
	r = item_put(&op->mount->cache.items, class, list.scope.data, tree, blob_str(res->document), res->fetched,
		     &wall, false, &item);
	if (r)
		return r;
	if (class == &item_issue) {
		/* the answer is the issue's details too */
		cleanup_ask struct ask details = {0};
		struct blob *document = res->document;
		struct node *n = node_get(&op->mount->tree, op->node, kind_of(KIND_ISSUE), item->name, item);

		if (n && !ask_document(op->mount, n, "organizations/{o}/issues/{s}/", STR(""), 0, &details))
			cache_adopt(&op->mount->cache, details.key.data, document, res->fetched);
		node_unref(n, 1);
	}
	r = reply_item(op, k, item);
	item_unref(item);
	return r;
}

static int lookup_dynamic(struct op *op, const struct kind *k)
{
	const struct node *dir = op->node;
	const struct item_class *class = dir->kind->class ? dir->kind->class : &item_issue;
	struct str own = own_name(k, op->name);
	cleanup_ask struct ask a = {0};
	struct resource *res;
	struct item *item;
	int r;

	if (!own.s || own.n > NAME_BYTES_MAX || *own.s == '.')
		return -ENOENT;
	if (class == &item_issue && (item = known_issue(op, own)))
		return reply_item(op, k, item);
	if (dir->kind->none && dir->kind->none(nearest(dir)->item))
		return -ENOENT;
	if (dir->kind->url) {
		char name[NAME_BYTES_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)own.n, own.s);
		r = ask_listing(op->mount, dir, &a);
		if (r)
			return r;
		/* memory first, of any age */
		a.want.peek = a.want.stale_ok = true;
		if (class != &item_issue && !op_need(op, &a.want, &res) &&
		    (item = map_get(&res->listing->by_name, str_of(name))))
			return reply_item(op, k, item);
		a.want.peek = a.want.stale_ok = false;
		if (!k->probe) {
			/* the listing is the oracle: a miss is believed for as long as any "no such thing" */
			a.want.fresh_ms = CACHE_ABSENT_MS;
			r = op_need(op, &a.want, &res);
			if (r)
				return r;
			item = map_get(&res->listing->by_name, str_of(name));
			return item ? reply_item(op, k, item) : -ENOENT;
		}
	}
	return probe(op, k, class, own);
}

int verb_lookup(struct op *op)
{
	struct mount *m = op->mount;
	const struct kind *k = kind_lookup(op->node, op->node == m->root, op->name);

	if (op->deadline > op->start + OP_LOCKED_WAIT_MS)
		op->deadline = op->start + OP_LOCKED_WAIT_MS;
	if (!kind_is_dir(op->node->kind))
		return -ENOTDIR;
	if (k)
		return reply_node(op, node_get(&m->tree, op->node, k, op->name, NULL));
	return op->node->kind->child ? lookup_dynamic(op, kind_of(op->node->kind->child)) : -ENOENT;
}

/* ---- directories ---- */

struct handle *handle_free(struct handle *h)
{
	if (!h)
		return NULL;
	if (h->content && h->node->opens && !--h->node->opens)
		blob_unref(steal(&h->node->content));
	blob_unref(h->content);
	listing_unref(h->listing);
	list_remove(&h->link);
	node_unref(h->node, 1);
	free(h);
	return NULL;
}

static struct handle *handle_new(struct node *n)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (h) {
		h->node = node_ref(n);
		list_add(&n->tree->handles, &h->link);
	}
	return h;
}

int verb_opendir(struct op *op)
{
	const struct kind *k = op->node->kind;
	cleanup_ask struct ask a = {0};
	struct resource *res = NULL;
	struct handle *h;
	int r;

	if (k->url && !(k->none && k->none(nearest(op->node)->item))) {
		r = ask_listing(op->mount, op->node, &a);
		if (!r)
			r = op_need(op, &a.want, &res);
		if (r)
			return r;
	}
	h = handle_new(op->node);
	if (!h)
		return -ENOMEM;
	h->listing = res ? listing_ref(res->listing) : NULL;
	op->reply->opened(op, h, false, false);
	return 0;
}

bool verb_dir_entry(const struct mount *m, const struct handle *h, size_t i, struct dir_entry *e)
{
	const struct node *dir = h->node;
	const struct kind *k;

	if (i < 2) {
		const struct node *n = i && dir->parent && dir != m->root ? dir->parent : dir;

		snprintf(e->name, sizeof(e->name), "%s", i ? ".." : ".");
		e->ino = n->ino;
		e->mode = S_IFDIR;
		return true;
	}
	i -= 2;
	for (size_t s = 0; (k = kind_static(dir, dir == m->root, s)); s++) {
		if (i--)
			continue;
		snprintf(e->name, sizeof(e->name), "%s", k->name);
		e->ino = node_ino(dir, e->name);
		e->mode = k->mode & S_IFMT;
		return true;
	}
	if (!h->listing || i >= h->listing->n)
		return false;
	k = kind_of(dir->kind->child);
	snprintf(e->name, sizeof(e->name), "%s%s", h->listing->items[i]->name, k->suffix ? k->suffix : "");
	e->ino = node_ino(dir, e->name);
	e->mode = k->mode & S_IFMT;
	return true;
}

/* ---- files ---- */

int verb_open(struct op *op)
{
	struct node *n = op->node;
	struct blob *content = NULL;
	struct handle *h;
	uint64_t stamp = 0;
	bool keep, direct;
	int r = get_content(op, n, false, &content, &stamp);

	if (r)
		return r;
	h = handle_new(n);
	if (!h) {
		blob_unref(content);
		return -ENOMEM;
	}
	/* What another handle reads through the page cache must not be mixed with this. */
	direct = n->opens && n->content_stamp != stamp;
	keep = !direct && n->cached_stamp == stamp;
	h->content = content;
	if (!direct)
		n->cached_stamp = stamp;
	n->opens++;
	blob_unref(n->content);
	n->content = blob_ref(content);
	n->content_stamp = stamp;
	n->size = content->len;
	n->size_stamp = stamp;
	op->reply->opened(op, h, keep, direct);
	return 0;
}

/* The newest event of a listing that is in memory needs no request. */
static int latest_in_memory(struct op *op, struct buf *b)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;

	if (strcmp(op->node->name, "latest.json") || ask_listing(op->mount, op->node->parent, &a))
		return -ENOENT;
	a.want.peek = true;
	if (op_need(op, &a.want, &res) || !res->listing->n)
		return -ENOENT;
	buf_printf(b, "%s.json", res->listing->items[0]->name);
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
	if (op->node->kind->from != FROM_DOCUMENT || latest_in_memory(op, &b)) {
		r = get_source(op, op->node, false, &s, &stamp);
		if (r)
			return r;
		r = op->node->kind->show(&b, &s);
		if (r) {
			report(op, op->node, r);
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
