// SPDX-License-Identifier: MIT
/*
 * From the cache to the store and back.
 *
 * A document is kept as it came. Of a listing its items are kept one by one, each once
 * whatever lists it, and the order by their ids; so a refresh writes what changed and
 * no more. Times are the wall clock's there and the monotonic clock's here. Must not
 * know how the store does it.
 */
#include "sentryfs/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/name.h"
#include "sentryfs/server.h"
#include "sentryfs/store.h"

#define ROWS 32u		  /* of a listing that are written in one turn of the loop */
#define BYTES ((size_t)128 << 10) /* of documents */
#define NEVER (INT64_MIN / 2)
#define LONG_AGO (INT64_MAX / 8)

/* ---- time ---- */

static int64_t wall_ms(const struct cache *c)
{
	return clock_wall_ms(c->api->clock);
}

static int64_t now_ms(const struct cache *c)
{
	return c->api->clock->now_ms(c->api->clock);
}

static int64_t to_wall(const struct cache *c, int64_t ms)
{
	return ms <= NEVER / 2 ? 0 : wall_ms(c) - (now_ms(c) - ms);
}

/* What is of the future is of a clock that was set back: it is very old. */
static int64_t from_wall(const struct cache *c, int64_t wall)
{
	int64_t age = wall_ms(c) - wall;

	return wall <= 0 ? NEVER : now_ms(c) - (age < 0 || age > LONG_AGO ? LONG_AGO : age);
}

bool keep_is_good(const struct cache *c, const char *key, int64_t fetched, int64_t fresh_ms)
{
	return c->store && fetched < c->born_ms &&
	       (fetched >= now_ms(c) - fresh_ms * CACHE_KEPT_TIMES || server_is_away(c->api, key));
}

/* ---- what is kept ---- */

/* The part between the last two slashes of a key that ends with one. */
static struct str last_part(const char *key, struct str *before)
{
	struct str s = str_of(key);
	size_t end, begin;

	*before = (struct str){key, 0};
	if (!s.n || s.s[s.n - 1] != '/')
		return STR("");
	end = begin = s.n - 1;
	while (begin && s.s[begin - 1] != '/')
		begin--;
	before->n = begin;
	return (struct str){key + begin, end - begin};
}

static bool ends(struct str s, const char *end)
{
	size_t n = strlen(end);

	return s.n >= n && !memcmp(s.s + s.n - n, end, n);
}

bool keep_is_event(const char *key, struct str *id)
{
	struct str before;

	*id = last_part(key, &before);
	return name_is_event_id(*id) && ends(before, "/events/");
}

static bool is_kept(const char *key, bool document)
{
	struct str before, part = last_part(key, &before);

	/* pages of events are parted into events; where one begins is true for a moment */
	if (strstr(key, "full=1"))
		return false;
	/* a change of ours does not know by which other names an issue was asked for */
	if (document && ends(before, "/issues/"))
		for (size_t i = 0; i < part.n; i++)
			if (part.s[i] >= 'a' && part.s[i] <= 'z')
				return false;
	return true;
}

/* ---- to the store ---- */

static void put_item(struct cache *c, struct item *i)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, BUF_MAX_DEFAULT * 2);
	buf_printf(&b, "%" PRId64 " %" PRId64 " %ld %u %d\n", i->written < 0 ? 0 : to_wall(c, i->written),
		   (int64_t)i->changed.tv_sec, i->changed.tv_nsec, i->number, i->gone != ITEM_HERE);
	if (!i->gone)
		buf_add_str(&b, blob_str(i->json));
	if (!b.error)
		store_put(c->store, STORE_ITEM, i->key, buf_str(&b), to_wall(c, i->fetched));
	i->saved = i->stamp;
}

/* Puts at most `rows` of what is not kept yet; true when all is. */
static bool put_listing(struct resource *r, unsigned rows)
{
	struct cache *c = r->cache;
	const struct listing *l = r->listing;
	size_t skip = strlen(r->scope) + 1;
	cleanup_buf struct buf b = {0};

	for (; r->saved < l->n; r->saved++) {
		struct item *i = l->items[r->saved];

		if (i->saved == i->stamp || i->change)
			continue;
		if (!rows--)
			return false;
		put_item(c, i);
	}
	buf_init(&b, BUF_MAX_DEFAULT * 2);
	buf_printf(&b, "%" PRId64 " %" PRId64 " %zu %d %zu %zu\n", to_wall(c, r->swept), to_wall(c, l->asked), r->max,
		   l->cut, l->skipped, l->n);
	for (size_t n = 0; n < l->n; n++) {
		buf_puts(&b, l->items[n]->key + skip);
		buf_addc(&b, '\0');
	}
	if (!b.error)
		store_put(c->store, STORE_LISTING, r->key, buf_str(&b), to_wall(c, r->fetched));
	return true;
}

static bool put(struct resource *r, unsigned rows)
{
	if (r->outdated)
		return true;
	if (r->listing)
		return put_listing(r, rows);
	if (r->document)
		store_put(r->cache->store, STORE_DOCUMENT, r->key, blob_str(r->document),
			  to_wall(r->cache, r->fetched));
	return true;
}

void keep_later(struct resource *r)
{
	r->saved = 0;
	if (!r->cache->store || r->raw || !is_kept(r->key, !r->class))
		return;
	list_remove(&r->unsaved);
	list_add(&r->cache->unsaved, &r->unsaved);
}

void keep_now(struct resource *r)
{
	if (list_empty(&r->unsaved))
		return;
	list_remove(&r->unsaved);
	put(r, UINT32_MAX);
}

void keep_drop(struct cache *c, const char *key)
{
	store_drop(c->store, STORE_DOCUMENT, key);
	store_drop(c->store, STORE_LISTING, key);
}

void keep_doubt(struct cache *c, struct item *i)
{
	store_drop(c->store, STORE_ITEM, i->key);
	i->saved = 0;
}

void keep_item(struct cache *c, struct item *i)
{
	if (c->store)
		put_item(c, i);
}

bool keep_hurries(const struct cache *c)
{
	return store_hurries(c->store);
}

int64_t keep_tick(struct cache *c)
{
	size_t bytes = 0;

	while (bytes < BYTES && !list_empty(&c->unsaved)) {
		struct resource *r = list_first(&c->unsaved, struct resource, unsaved);

		if (!put(r, ROWS))
			return 0;
		list_remove(&r->unsaved);
		bytes += r->listing ? BYTES : r->bytes + 4096;
	}
	if (!list_empty(&c->unsaved))
		return 0;
	return store_tick(c->store);
}

/* ---- and back ---- */

/* Cuts a whole number off the head line. */
static bool cut_number(struct str *line, int64_t *ret)
{
	struct str word = str_word(line);
	uint64_t n;

	if (str_to_u64(word, &n) || n > INT64_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

static int set_number(struct item *i, int64_t number)
{
	char *name;

	if (!number || i->number || !i->class->numbered)
		return 0;
	if (number > UINT32_MAX || asprintf(&name, "%03u-%s", (unsigned)number, i->name) < 0)
		return -ENOMEM;
	free(i->name);
	i->name = name;
	i->number = (unsigned)number;
	return 0;
}

/* An item of that key. -ENOENT: it is gone by a change of ours; -EBADMSG: it is not there. */
static int find_item(struct cache *c, const struct item_class *class, const char *scope, struct str id, bool listed,
		     struct item **ret)
{
	cleanup_blob struct blob *body = NULL;
	cleanup_free char *key = NULL;
	cleanup_json cJSON *tree = NULL;
	int64_t asked, written, sec, nsec, number, gone;
	struct timespec wall;
	struct str rest, head;
	struct item *i;
	bool known;
	int r;

	if (asprintf(&key, "%s/%.*s", scope, (int)id.n, id.s) < 0) {
		key = NULL;
		return -ENOMEM;
	}
	if (store_get(c->store, STORE_ITEM, key, &body, &asked))
		return -EBADMSG;
	rest = blob_str(body);
	head = str_cut(&rest, '\n');
	if (!cut_number(&head, &written) || !cut_number(&head, &sec) || !cut_number(&head, &nsec) ||
	    !cut_number(&head, &number) || !cut_number(&head, &gone))
		return -EBADMSG;
	if (gone)
		return -ENOENT;
	r = json_parse(rest, &tree);
	if (r)
		return r;
	known = map_get(&c->items.by_key, str_of(key));
	c->api->clock->wall(c->api->clock, &wall);
	r = item_put(&c->items, class, scope, tree, rest, from_wall(c, asked), &wall, listed, &i);
	if (r)
		return r;
	if (!known) {
		i->written = written ? from_wall(c, written) : -1;
		i->changed = (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = nsec < 1000000000 ? (long)nsec : 0};
		i->saved = i->stamp;
		r = strcmp(i->key, key) ? -EBADMSG : set_number(i, number);
	}
	if (r)
		item_unref(i);
	else
		*ret = i;
	return r;
}

/* 0; -ENOENT: it was asked for up to another maximum; -EBADMSG: it is no listing. */
static int read_listing(struct cache *c, const struct cache_want *want, struct str body, struct kept *k)
{
	struct str head = str_cut(&body, '\n');
	int64_t swept, asked, max, cut, skipped, n;
	struct listing *l;
	int r = 0;

	if (!cut_number(&head, &swept) || !cut_number(&head, &asked) || !cut_number(&head, &max) ||
	    !cut_number(&head, &cut) || !cut_number(&head, &skipped) || !cut_number(&head, &n))
		return -EBADMSG;
	if (max != (int64_t)want->max && (cut || n > (int64_t)want->max))
		return -ENOENT;
	l = listing_new(from_wall(c, asked));
	if (!l)
		return -ENOMEM;
	for (; n > 0 && !r; n--) {
		struct str id = str_cut(&body, '\0');
		struct item *i;

		if (!body.s) { /* not terminated */
			r = -EBADMSG;
			break;
		}
		r = find_item(c, want->class, want->scope, id, true, &i);
		if (!r)
			r = listing_add(l, i);
		else if (r == -ENOENT)
			r = 0;
	}
	if (!r && want->class->numbered)
		r = listing_number(l);
	if (!r && body.n)
		r = -EBADMSG;
	if (r) {
		listing_unref(l);
		return r;
	}
	l->cut = cut;
	l->skipped = (size_t)skipped;
	k->listing = l;
	k->swept = from_wall(c, swept);
	return 0;
}

bool keep_find_item(struct cache *c, const struct item_class *class, const char *scope, struct str id,
		    struct item **ret)
{
	return c->store && !find_item(c, class, scope, id, false, ret);
}

bool keep_find(struct cache *c, const struct cache_want *want, struct kept *k)
{
	enum store_kind kind = want->class ? STORE_LISTING : STORE_DOCUMENT;
	cleanup_blob struct blob *body = NULL;
	cleanup_json cJSON *tree = NULL;
	struct str event;
	int64_t asked;
	int r;

	*k = (struct kept){0};
	if (!c->store || store_get(c->store, kind, want->key, &body, &asked))
		return false;
	if (asked < c->refreshed && !c->api->offline && !keep_is_event(want->key, &event))
		return false;
	r = want->class ? read_listing(c, want, blob_str(body), k) : json_parse(blob_str(body), &tree);
	if (!r && !want->class && !cJSON_IsObject(tree) && !cJSON_IsArray(tree))
		r = -EBADMSG;
	if (r) {
		if (r == -EBADMSG)
			store_drop(c->store, kind, want->key);
		return false;
	}
	if (!want->class)
		k->document = blob_ref(body);
	k->fetched = from_wall(c, asked);
	k->before = asked < c->born;
	return true;
}
