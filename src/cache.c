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
#include "sentryfs/keep.h"
#include "sentryfs/log.h"
#include "sentryfs/server.h"
#include "sentryfs/window.h"

static void resource_free(struct resource *r)
{
	if (r->call)
		api_cancel(r->call);
	lister_cancel(r->lister);
	map_remove(&r->cache->resources, str_of(r->key));
	list_remove(&r->lru);
	list_remove(&r->unsaved);
	r->cache->bytes -= r->bytes;
	blob_unref(r->document);
	listing_unref(r->listing);
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
	r->raw = want->raw;
	r->least = want->least;
	r->settled = -1;
	r->swept = INT64_MIN / 2;
	list_init(&r->waiters);
	list_init(&r->lru);
	list_init(&r->unsaved);
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

static bool is_busy(const struct resource *r)
{
	return r->call || r->lister;
}

/* `keep` was just answered: who waits for it has not looked yet. */
static void make_room(struct cache *c, const struct resource *keep)
{
	struct list *l = c->lru.next;

	/* what there is no such thing as has no content, and takes room all the same */
	while (c->bytes + c->resources.used * CACHE_RESOURCE_BYTES > c->bytes_max && l != &c->lru) {
		struct resource *r = container_of(l, struct resource, lru);

		l = l->next;
		/* the newest stays: somebody is about to look at it */
		if (r != keep && !is_busy(r) && list_empty(&r->waiters) && l != &c->lru) {
			keep_now(r);
			resource_free(r);
		}
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

static int begin(struct resource *r, const struct cache_want *want);

/* Tells all who wait; each may ask again and so wait again. */
static void settle(struct resource *r, int error)
{
	struct list waiters;

	if (r->again && !error) {
		r->outdated = true;
		error = begin(r, &(struct cache_want){0});
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
		keep_drop(r->cache, r->key);
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

static void keep_words(struct resource *r, const char *words, long status)
{
	free(r->words);
	r->words = words ? strdup(words) : NULL;
	r->status = status;
}

static void report_bad(struct resource *r, const char *why)
{
	journal_add(&r->cache->api->errors, r->cache->api->clock, "GET %s: %s", r->key, why);
}

/* A cache on the way can take one address for another, and an event is kept for ever. Of
 * GlitchTip's two ids either may be what was asked for. */
static bool is_other_event(const char *key, const cJSON *event)
{
	struct str asked, id = json_string(event, "eventID");

	return keep_is_event(key, &asked) && id.n && !str_case_eq(id, asked) &&
	       !str_case_eq(json_string(event, "id"), asked);
}

static void on_document(void *arg, struct api_answer *answer)
{
	struct resource *r = arg;
	cleanup_json cJSON *tree = NULL;
	struct blob *document = NULL;
	int error = answer->error;

	r->call = NULL;
	keep_words(r, answer->words, answer->status);
	r->unrouted = answer->unrouted;
	if (!error && !r->raw) {
		error = json_parse(buf_str(answer->body), &tree);
		if (!error && !cJSON_IsObject(tree) && !cJSON_IsArray(tree))
			error = -EBADMSG;
		if (error)
			report_bad(r, "the answer is not the JSON object that was expected");
		else if (is_other_event(r->key, tree)) {
			error = -EBADMSG;
			report_bad(r, "the answer is another event");
		}
	}
	/* cut where no header tells the length, a part, nothing at all, or the page of a portal */
	if (!error && answer->body->len < r->least) {
		error = -EBADMSG;
		report_bad(r, "the answer has fewer bytes than its list told");
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
		r->kept = false;
		keep_later(r);
	}
	settle(r, error);
	make_room(r->cache, r);
}

static void on_listing(void *arg, struct lister_end *end)
{
	struct resource *r = arg;

	r->lister = NULL;
	keep_words(r, end->words, end->status);
	r->unrouted = end->unrouted;
	if (!end->error) {
		listing_unref(r->listing);
		r->listing = steal(&end->listing);
		r->fetched = r->asked;
		r->outdated = false;
		r->stamp = ++r->cache->items.stamp;
		if (r->listing->asked == r->asked)
			r->swept = r->asked;
		account(r, listing_bytes(r->listing));
		r->kept = false;
		keep_later(r);
	}
	settle(r, end->error);
	make_room(r->cache, r);
}

static void on_progress(void *arg)
{
	struct resource *r = arg;

	for (struct list *l = r->waiters.next; l != &r->waiters; l = l->next) {
		struct waiter *w = container_of(l, struct waiter, link);

		w->progress(w);
	}
}

static int begin(struct resource *r, const struct cache_want *want)
{
	struct cache *c = r->cache;
	struct api_request rq = {.method = "GET", .path = r->key, .ahead = want->ahead};

	if (want->asker)
		want->asker->asks(want->asker, &rq, true);
	r->asked = now_ms(c);
	r->again = false;
	if (r->class) {
		struct lister_plan plan = {
			.api = c->api,
			.items = &c->items,
			.key = r->key,
			.scope = r->scope,
			.class = r->class,
			.max = r->max,
			.asked = r->asked,
			.ahead = rq.ahead,
			.bulk = rq.bulk,
			.delay_ms = rq.delay_ms,
			.known = r->asked - r->swept < CACHE_SWEEP_MS && !r->outdated ? r->listing : NULL,
		};

		r->lister = lister_new(&plan, on_listing, on_progress, r);
		return r->lister ? 0 : -ENOMEM;
	}
	r->call = api_send(c->api, &rq, on_document, r);
	return r->call ? 0 : -ENOMEM;
}

/* What was asked for ahead of its need is needed now. */
static void hurry(struct resource *r, const struct cache_want *want)
{
	struct api_request rq = {0};

	if (want->asker)
		want->asker->asks(want->asker, &rq, false);
	if (r->call)
		api_hurry(r->call, &rq);
	if (r->lister)
		lister_hurry(r->lister, &rq);
}

static bool has_content(const struct resource *r)
{
	return !r->outdated && (r->class ? r->listing != NULL : r->document != NULL);
}

static bool passes(int error)
{
	return error != -ENOENT && error != -EACCES && error != -EOPNOTSUPP && error != -EINVAL;
}

/* What an earlier mount, or this one before it needed the room, had of it; or NULL. */
static struct resource *restore(struct cache *c, const struct cache_want *want)
{
	struct resource *r;
	struct kept k;

	if (want->raw || !keep_find(c, want, &k))
		return NULL;
	r = resource_new(c, want);
	if (!r) {
		blob_unref(k.document);
		listing_unref(k.listing);
		return NULL;
	}
	r->document = k.document;
	r->listing = k.listing;
	r->fetched = k.fetched;
	r->swept = k.swept;
	r->kept = k.before;
	r->stamp = ++c->items.stamp;
	account(r, r->listing ? listing_bytes(r->listing) : r->document->len);
	make_room(c, r);
	return r;
}

static bool is_fresh(const struct resource *r, const struct cache_want *want, int64_t now)
{
	/* what the token may do is asked for once a mount */
	int64_t fresh = *r->key || !r->kept ? want->fresh_ms : CACHE_ACCESS_MS;

	return want->stale_ok || r->cache->api->offline || r->fetched >= now - fresh || r->fetched >= want->since;
}

/* Is it given out as it is, though it is old? Then a newer one is asked for meanwhile. */
static bool is_good_meanwhile(struct resource *r, const struct cache_want *want, int64_t now)
{
	int64_t fresh = *r->key ? want->fresh_ms : CACHE_ACCESS_MS;
	bool failed = r->settled >= now - CACHE_KEPT_RETRY_MS && r->error && passes(r->error);

	/* that there is no such name must be younger news */
	if (!r->kept || want->peek || want->fresh_ms <= CACHE_ABSENT_MS)
		return false;
	if (r->fetched < now - fresh * CACHE_KEPT_TIMES && !failed && !server_is_away(r->cache->api, r->key))
		return false;
	if (!is_busy(r) && !failed && begin(r, want))
		return false;
	return true;
}

int cache_need(struct cache *c, const struct cache_want *want, struct waiter *w, struct resource **ret)
{
	struct resource *r = map_get(&c->resources, str_of(want->key));
	int64_t now = now_ms(c);
	int error;

	if (!r) {
		r = restore(c, want);
		if (!r && want->peek)
			return -EINPROGRESS;
		if (!r)
			r = resource_new(c, want);
		if (!r)
			return -ENOMEM;
	}
	list_remove(&r->lru);
	list_add(&c->lru, &r->lru);
	if (has_content(r) && is_fresh(r, want, now)) {
		*ret = r;
		return 0;
	}
	if (has_content(r) && is_good_meanwhile(r, want, now)) {
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
	if (!is_busy(r)) {
		error = begin(r, want);
		if (error)
			return error;
	} else if (!want->ahead) {
		hurry(r, want);
	}
	if (w)
		list_add(&r->waiters, &w->link);
	return -EINPROGRESS;
}

int cache_coming(struct cache *c, const char *key, struct listing *to, size_t *given)
{
	const struct resource *r = map_get(&c->resources, str_of(key));

	return r && r->lister && !has_content(r) ? lister_give(r->lister, to, given) : -ENOENT;
}

struct resource *cache_holder(struct cache *c, const struct item *i)
{
	struct resource *part = NULL;

	for (struct list *l = c->lru.prev; l != &c->lru; l = l->prev) {
		struct resource *r = container_of(l, struct resource, lru);

		if (r->class != i->class || !r->listing || map_get(&r->listing->by_name, str_of(i->name)) != i)
			continue;
		if (!window_is_part(r->key))
			return r;
		part = part ? part : r;
	}
	return part;
}

void cache_outdate(struct cache *c, const char *key)
{
	struct resource *r = map_get(&c->resources, str_of(key));

	keep_drop(c, key);
	if (!r)
		return;
	r->outdated = true;
	r->again = is_busy(r);
}

void cache_forget(struct cache *c, const char *key)
{
	struct resource *r = map_get(&c->resources, str_of(key));

	if (r && !is_busy(r) && list_empty(&r->waiters))
		resource_free(r);
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
	keep_later(r);
}

void cache_keep(struct cache *c, struct store *store)
{
	c->born = clock_wall_ms(c->api->clock);
	c->born_ms = now_ms(c);
	c->refreshed = 0;
	c->store = store;
	for (struct list *l = c->lru.next; l != &c->lru; l = l->next)
		keep_later(container_of(l, struct resource, lru));
}

void cache_init(struct cache *c, struct api *api, size_t bytes_max)
{
	*c = (struct cache){.api = api, .bytes_max = bytes_max};
	list_init(&c->lru);
	list_init(&c->unsaved);
}

/* What is under way may have been answered already, with what was: who waits for it has it asked for anew. */
static void ask_anew(struct resource *r)
{
	int error;

	if (r->call)
		api_cancel(steal(&r->call));
	lister_cancel(steal(&r->lister));
	r->outdated = true;
	error = begin(r, &(struct cache_want){0});
	if (error)
		settle(r, error);
}

void cache_drop(struct cache *c)
{
	struct list *l = c->lru.next;

	item_store_release(&c->items);
	c->refreshed = clock_wall_ms(c->api->clock);
	while (l != &c->lru) {
		struct resource *r = container_of(l, struct resource, lru);

		l = l->next;
		if (list_empty(&r->waiters))
			resource_free(r);
		else
			ask_anew(r);
	}
}

void cache_done(struct cache *c)
{
	while (!list_empty(&c->unsaved))
		keep_now(list_first(&c->unsaved, struct resource, unsaved));
	while (!list_empty(&c->lru))
		resource_free(list_first(&c->lru, struct resource, lru));
	map_done(&c->resources);
	item_store_done(&c->items);
}
