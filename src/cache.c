// SPDX-License-Identifier: MIT
/*
 * Resources: fetched once for all who wait, kept while there is room.
 *
 * Owns the documents and listings; items are shared with nodes. A transfer that
 * nobody waits for any more still completes into the cache. The least recently
 * used go first when the maximum is passed, never one that is being fetched.
 * Must not know nodes, files or FUSE.
 */
#include "sentryfs/cache.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/log.h"

#define PAGES_MAX 1100 /* of one listing, whatever the server says */

/* ---- listings ---- */

struct listing *listing_ref(struct listing *l)
{
	l->refs++;
	return l;
}

void listing_unref(struct listing *l)
{
	if (!l || --l->refs)
		return;
	for (size_t i = 0; i < l->n; i++) {
		l->items[i]->listed--;
		item_unref(l->items[i]);
	}
	map_done(&l->by_name);
	free(l->items);
	free(l);
}

/* Takes over the reference, also when it fails. A name that is there already (an
 * issue that moved between two pages) is dropped. */
static int listing_add(struct listing *l, struct item *i)
{
	int r = 0;

	if (!i->class->numbered && map_get(&l->by_name, str_of(i->name))) {
		item_unref(i);
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 32;
		struct item **items = reallocarray(l->items, cap, sizeof(*items));

		if (!items) {
			item_unref(i);
			return -ENOMEM;
		}
		l->items = items;
		l->cap = cap;
	}
	if (!i->class->numbered)
		r = map_put(&l->by_name, str_of(i->name), i);
	if (r) {
		item_unref(i);
		return r;
	}
	i->listed++;
	l->items[l->n++] = i;
	return 0;
}

/* Gives the items of a numbered class their names, the oldest 001. One that has a number
 * keeps it, so that what was read as 003 is not 002 after a removal. */
static int listing_number(struct listing *l)
{
	unsigned last = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i]->number > last)
			last = l->items[i]->number;
	for (size_t i = l->n; i-- > 0;) {
		struct item *item = l->items[i];
		char *name;

		if (!item->number) {
			if (asprintf(&name, "%03u-%s", last + 1, item->name) < 0)
				return -ENOMEM;
			free(item->name);
			item->name = name;
			item->number = ++last;
		}
		if (map_put(&l->by_name, str_of(item->name), item))
			return -ENOMEM;
	}
	return 0;
}

/* ---- resources ---- */

static void resource_free(struct resource *r)
{
	if (r->call)
		api_cancel(r->call);
	map_remove(&r->cache->resources, str_of(r->key));
	list_remove(&r->lru);
	r->cache->bytes -= r->bytes;
	blob_unref(r->document);
	listing_unref(r->listing);
	listing_unref(r->building);
	free(r->words);
	free(r->scope);
	free(r->key);
	free(r);
}

static struct resource *resource_new(struct cache *c, const struct cache_want *want)
{
	struct resource *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->cache = c;
	r->class = want->class;
	r->max = want->max;
	r->settled = -1;
	list_init(&r->waiters);
	list_init(&r->lru);
	r->key = strdup(want->key);
	r->scope = want->scope ? strdup(want->scope) : NULL;
	if (r->key && (r->scope || !want->scope) && !map_put(&c->resources, str_of(r->key), r)) {
		list_add(&c->lru, &r->lru);
		return r;
	}
	free(r->scope);
	free(r->key);
	free(r);
	return NULL;
}

/* `keep` was just answered: who waits for it has not looked yet. */
static void make_room(struct cache *c, const struct resource *keep)
{
	struct list *l = c->lru.next;

	while (c->bytes > c->bytes_max && l != &c->lru) {
		struct resource *r = container_of(l, struct resource, lru);

		l = l->next;
		/* the newest stays: somebody is about to look at it */
		if (r != keep && !r->call && list_empty(&r->waiters) && l != &c->lru)
			resource_free(r);
	}
}

static void account(struct resource *r, size_t bytes)
{
	r->cache->bytes += bytes - r->bytes;
	r->bytes = bytes;
}

static int64_t now_ms(const struct cache *c)
{
	return c->api->clock->now_ms(c->api->clock);
}

static int begin(struct resource *r);

/* Tells all who wait; each may ask again and so wait again. */
static void settle(struct resource *r, int error)
{
	struct list waiters;

	if (r->again && !error) {
		r->outdated = true;
		error = begin(r);
		if (!error)
			return;
	}

	r->error = error;
	r->settled = now_ms(r->cache);
	if (error == -ENOENT || error == -EACCES || error == -EOPNOTSUPP) {
		/* it is gone: an older answer would be a lie */
		blob_unref(steal(&r->document));
		listing_unref(steal(&r->listing));
		account(r, 0);
		r->stamp = 0;
		r->outdated = false;
	}
	list_init(&waiters);
	while (!list_empty(&r->waiters)) {
		struct list *l = r->waiters.next;

		list_remove(l);
		list_add(&waiters, l);
	}
	while (!list_empty(&waiters)) {
		struct waiter *w = list_first(&waiters, struct waiter, link);

		list_remove(&w->link);
		w->settled(w);
	}
}

static void keep_words(struct resource *r, const struct api_answer *answer)
{
	free(r->words);
	r->words = answer->words ? strdup(answer->words) : NULL;
	r->status = answer->status;
}

static void report_bad(struct resource *r, const char *why)
{
	journal_add(&r->cache->api->errors, r->cache->api->clock, "GET %s: %s", r->key, why);
}

static void on_document(void *arg, struct api_answer *answer)
{
	struct resource *r = arg;
	cleanup_json cJSON *tree = NULL;
	struct blob *document = NULL;
	int error = answer->error;

	r->call = NULL;
	keep_words(r, answer);
	if (!error) {
		error = json_parse(buf_str(answer->body), &tree);
		if (!error && !cJSON_IsObject(tree) && !cJSON_IsArray(tree))
			error = -EBADMSG;
		if (error)
			report_bad(r, "the answer is not the JSON object that was expected");
	}
	if (!error)
		error = buf_to_blob(answer->body, &document);
	if (!error) {
		bool same = r->document && str_eq(blob_str(r->document), blob_str(document));

		blob_unref(r->document);
		r->document = document;
		r->fetched = r->asked;
		r->outdated = false;
		if (!same)
			r->stamp = ++r->cache->items.stamp;
		account(r, document->len);
	}
	settle(r, error);
	make_room(r->cache, r);
}

static int on_entry(void *arg, const cJSON *tree, struct str bytes)
{
	struct resource *r = arg;
	struct cache *c = r->cache;
	struct timespec wall;
	struct item *item;
	int error;

	if (r->building->n >= r->max) {
		r->building->cut = true;
		return 0;
	}
	c->api->clock->wall(c->api->clock, &wall);
	error = item_put(&c->items, r->class, r->scope, tree, bytes, r->asked, &wall, true, &item);
	if (error == -ENOENT)
		return 0; /* deleted or merged away by us */
	if (error == -EBADMSG) {
		if (!r->building->skipped++)
			report_bad(r, "an entry was left out: its name or id is missing or cannot be a name");
		return 0;
	}
	r->building_bytes += bytes.n;
	return error ? error : listing_add(r->building, item);
}

static void on_page(void *arg, struct api_answer *answer);

static int fetch_page(struct resource *r, const char *cursor)
{
	r->call = api_get(r->cache->api, r->key, cursor, r->class ? on_page : on_document, r);
	return r->call ? 0 : -ENOMEM;
}

static void finish_listing(struct resource *r)
{
	int error = r->class->numbered ? listing_number(r->building) : 0;

	if (!error) {
		listing_unref(r->listing);
		r->listing = steal(&r->building);
		r->fetched = r->asked;
		r->outdated = false;
		r->stamp = ++r->cache->items.stamp;
		account(r, r->building_bytes);
	}
	listing_unref(steal(&r->building));
	settle(r, error);
	make_room(r->cache, r);
}

static void on_page(void *arg, struct api_answer *answer)
{
	struct resource *r = arg;
	int error = answer->error;

	r->call = NULL;
	keep_words(r, answer);
	if (!error) {
		error = json_each(buf_str(answer->body), on_entry, r);
		if (error == -EBADMSG)
			report_bad(r, "the answer is not the JSON list that was expected");
	}
	if (error) {
		listing_unref(steal(&r->building));
		settle(r, error);
		return;
	}
	if (answer->cursor.s && r->building->n >= r->max) {
		r->building->cut = true;
	} else if (answer->cursor.s) {
		cleanup_free char *cursor = str_dup(answer->cursor);

		error = cursor ? fetch_page(r, cursor) : -ENOMEM;
		if (error) {
			listing_unref(steal(&r->building));
			settle(r, error);
			return;
		}
		for (struct list *l = r->waiters.next; l != &r->waiters; l = l->next) {
			struct waiter *w = container_of(l, struct waiter, link);

			w->progress(w);
		}
		return;
	}
	finish_listing(r);
}

static int begin(struct resource *r)
{
	int error;

	r->asked = now_ms(r->cache);
	r->again = false;
	if (r->class) {
		r->building = calloc(1, sizeof(*r->building));
		if (!r->building)
			return -ENOMEM;
		r->building->refs = 1;
		r->building->asked = r->asked;
		r->building_bytes = 0;
	}
	error = fetch_page(r, NULL);
	if (error)
		listing_unref(steal(&r->building));
	return error;
}

static bool has_content(const struct resource *r)
{
	return !r->outdated && (r->class ? r->listing != NULL : r->document != NULL);
}

static bool passes(int error)
{
	return error != -ENOENT && error != -EACCES && error != -EOPNOTSUPP && error != -EINVAL;
}

int cache_need(struct cache *c, const struct cache_want *want, struct waiter *w, struct resource **ret)
{
	struct resource *r = map_get(&c->resources, str_of(want->key));
	int64_t now = now_ms(c);
	int error;

	if (!r) {
		if (want->peek)
			return -EINPROGRESS;
		r = resource_new(c, want);
		if (!r)
			return -ENOMEM;
	}
	list_remove(&r->lru);
	list_add(&c->lru, &r->lru);
	if (has_content(r) && (want->stale_ok || r->fetched >= now - want->fresh_ms || r->fetched >= want->since)) {
		*ret = r;
		return 0;
	}
	if (r->settled >= 0 && r->error) {
		if (r->error == -ENOENT && r->settled >= now - CACHE_ABSENT_MS)
			return r->error;
		if (r->settled >= want->since) {
			if (!has_content(r) || !passes(r->error))
				return r->error;
			*ret = r;
			return 0;
		}
	}
	if (want->peek)
		return -EINPROGRESS;
	if (!r->call) {
		error = begin(r);
		if (error)
			return error;
	}
	if (w)
		list_add(&r->waiters, &w->link);
	return -EINPROGRESS;
}

void cache_outdate(struct cache *c, const char *key)
{
	struct resource *r = map_get(&c->resources, str_of(key));

	if (!r)
		return;
	r->outdated = true;
	r->again = r->call != NULL;
}

void cache_adopt(struct cache *c, const char *key, struct blob *document, int64_t asked)
{
	struct cache_want want = {.key = key};
	struct resource *r = map_get(&c->resources, str_of(key));

	if (r && (r->call || (r->document && !r->outdated)))
		return;
	if (!r && !(r = resource_new(c, &want)))
		return;
	blob_unref(r->document);
	r->document = blob_ref(document);
	r->outdated = false;
	r->fetched = r->settled = asked;
	r->error = 0;
	r->stamp = ++c->items.stamp;
	account(r, document->len);
}

void cache_init(struct cache *c, struct api *api, size_t bytes_max)
{
	*c = (struct cache){.api = api, .bytes_max = bytes_max};
	list_init(&c->lru);
}

void cache_drop(struct cache *c)
{
	struct list *l = c->lru.next;

	item_store_release(&c->items);
	while (l != &c->lru) {
		struct resource *r = container_of(l, struct resource, lru);

		l = l->next;
		if (!r->call)
			resource_free(r);
	}
}

void cache_done(struct cache *c)
{
	while (!list_empty(&c->lru))
		resource_free(list_first(&c->lru, struct resource, lru));
	map_done(&c->resources);
	item_store_done(&c->items);
}
