// SPDX-License-Identifier: MIT
/*
 * Rows of the store that are not as this program writes them: the order of a listing before the first 0xff, an
 * item's row after it, and a document. They are taken whole or not at all.
 */
#include "fuzz.h"

#include <unistd.h>

#include "sentryfs/keep.h"
#include "sentryfs/store.h"

#define KEY "organizations/o/issues/5/comments/"
#define MIB (UINT64_C(1) << 20)

static const struct item_class *const classes[] = {&item_issue, &item_comment, &item_event, &item_tag, &item_any};

static struct store *open_store(void)
{
	static char dir[] = "/tmp/fuzz_keep.XXXXXX";
	struct store *s;

	MUST(mkdtemp(dir) && !setenv("XDG_CACHE_HOME", dir, 1));
	s = store_new("fuzz", MIB, NULL, &clock_system);
	MUST(s && store_is_open(s));
	/* it lives as long as it is open */
	for (const char *const *part =
		     (const char *const[]){"/sentryfs/fuzz.db", "/sentryfs/fuzz.db-wal", "/sentryfs/fuzz.db-shm",
					   "/sentryfs/fuzz.lock", "/sentryfs", "", NULL};
	     *part; part++) {
		char path[128];

		snprintf(path, sizeof(path), "%s%s", dir, *part);
		if (unlink(path))
			rmdir(path);
	}
	return s;
}

static void look(struct cache *cache, const struct item_class *class)
{
	struct cache_want want = {.key = KEY, .class = class, .scope = "s", .max = 100, .fresh_ms = 1000};
	struct kept k;
	struct item *i;

	if (keep_find(cache, &want, &k)) {
		MUST(class ? k.listing && k.listing->n <= 100 : k.document && fuzz_is_json(blob_str(k.document)));
		for (size_t n = 0; class && n < k.listing->n; n++) {
			struct str name = str_of(k.listing->items[n]->name);

			MUST(fuzz_is_json(blob_str(k.listing->items[n]->json)));
			MUST(name.n && name.n <= NAME_BYTES_MAX && !memchr(name.s, '/', name.n) && *name.s != '.');
			MUST(fuzz_is_plain(name, false));
		}
		listing_unref(k.listing);
		blob_unref(k.document);
	}
	if (class && keep_find_item(cache, class, "s", STR("1"), &i)) {
		MUST(str_eqz(str_of(i->key), "s/1"));
		item_unref(i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store *store;
	struct api api = {.clock = &clock_system};
	struct str item = fuzz_str(data, size), listing;
	const struct item_class *class;
	struct cache cache;

	if (!size)
		return 0;
	class = classes[*data % (sizeof(classes) / sizeof(*classes))];
	item.s++;
	item.n--;
	listing = str_cut(&item, '\xff');
	if (!store)
		store = open_store();
	store_put(store, STORE_LISTING, KEY, listing, 1767225600000);
	store_put(store, STORE_DOCUMENT, KEY, item.s ? item : listing, 1767225600000);
	store_put(store, STORE_ITEM, "s/1", item.s ? item : listing, 1767225600000);
	cache_init(&cache, &api, MIB);
	cache_keep(&cache, store);
	look(&cache, class);
	look(&cache, NULL);
	look(&cache, class); /* what is broken was dropped, what is good is known */
	cache_done(&cache);
	store_drop(store, STORE_ITEM, "s/1");
	MUST(store_is_open(store));
	return 0;
}
