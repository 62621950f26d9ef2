// SPDX-License-Identifier: MIT
/*
 * The cache over a scripted transport: one request for all who wait, whole
 * listings, and what is believed after an error.
 */
#include "script.h"

#include "sentryfs/cache.h"

#define PROJECTS "organizations/o/projects/?per_page=100"

struct fixture {
	struct script script;
	struct api api;
	struct cache cache;
};

static void begin(struct fixture *f)
{
	script_init(&f->script);
	assert_int_equal(api_init(&f->api, "https://h", "t0ken", 30, &f->script.clock.clock), 0);
	f->api.transport = &f->script.transport;
	cache_init(&f->cache, &f->api, 1 << 20);
}

static void end(struct fixture *f)
{
	cache_done(&f->cache);
	api_done(&f->api);
	script_done(&f->script);
}

static struct cache_want document(const struct fixture *f, const char *key)
{
	return (struct cache_want){.key = key, .fresh_ms = 1000, .since = f->script.clock.now};
}

static struct cache_want listing(const struct fixture *f, size_t max)
{
	return (struct cache_want){.key = PROJECTS,
				   .class = &item_project,
				   .scope = PROJECTS,
				   .max = max,
				   .fresh_ms = 1000,
				   .since = f->script.clock.now};
}

static void document_is(const struct resource *r, const char *want)
{
	assert_non_null(r->document);
	assert_string_equal(r->document->data, want);
}

/* Has the document fetched with that body. */
static struct resource *have(struct fixture *f, const char *key, const char *body)
{
	struct cache_want want = document(f, key);
	struct resource *r = NULL;
	struct looker l;

	looker_init(&l);
	assert_int_equal(cache_need(&f->cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f->script, f->script.n - 1, 200, NULL, body);
	assert_int_equal(l.settled, 1);
	assert_int_equal(cache_need(&f->cache, &want, &l.waiter, &r), 0);
	document_is(r, body);
	return r;
}

static void test_single_flight(void **state)
{
	struct fixture f;
	struct looker a, b;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&a);
	looker_init(&b);
	want = document(&f, "organizations/o/");
	assert_int_equal(cache_need(&f.cache, &want, &a.waiter, &r), -EINPROGRESS);
	assert_int_equal(cache_need(&f.cache, &want, &b.waiter, &r), -EINPROGRESS);
	want.peek = true;
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
	want.peek = false;
	assert_int_equal(f.script.n, 1);
	script_asked(&f.script, 0, "organizations/o/");
	script_answer(&f.script, 0, 200, NULL, "{\"slug\":\"o\"}");
	assert_int_equal(a.settled, 1);
	assert_int_equal(b.settled, 1);
	assert_int_equal(cache_need(&f.cache, &want, &a.waiter, &r), 0);
	document_is(r, "{\"slug\":\"o\"}");
	f.script.clock.now += 1000;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &a.waiter, &r), 0);
	assert_int_equal(f.script.n, 1);
	f.script.clock.now++;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &a.waiter, &r), -EINPROGRESS);
	assert_int_equal(f.script.n, 2);
	list_remove(&a.waiter.link); /* nobody waits; the answer is kept */
	script_answer(&f.script, 1, 200, NULL, "{\"slug\":\"new\"}");
	assert_int_equal(cache_need(&f.cache, &want, &a.waiter, &r), 0);
	document_is(r, "{\"slug\":\"new\"}");
	assert_int_equal(a.settled, 1);
	want.key = "unknown/";
	want.peek = true;
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
	assert_int_equal(f.script.n, 2);
	end(&f);
}

static void test_pages(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	want = listing(&f, 100);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_page(&f.script, 0, "0:1:0", "[{\"slug\":\"a\",\"id\":\"1\"}]");
	script_asked(&f.script, 1, PROJECTS "&cursor=0%3A1%3A0");
	assert_int_equal(l.progress, 1);
	script_page(&f.script, 1, "0:2:0", "[]");
	assert_int_equal(l.progress, 2);
	assert_int_equal(l.settled, 0);
	script_answer(&f.script, 2, 200, "Link: <https://h/x>; rel=\"next\"; results=\"false\"; cursor=\"0:3:0\"\r\n",
		      "[{\"slug\":\"b\",\"id\":2}]");
	assert_int_equal(l.settled, 1);
	assert_int_equal(f.script.n, 3);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	assert_int_equal(r->listing->n, 2);
	assert_false(r->listing->cut);
	assert_string_equal(r->listing->items[0]->name, "a");
	assert_string_equal(r->listing->items[1]->id, "2");
	assert_ptr_equal(map_get(&r->listing->by_name, STR("b")), r->listing->items[1]);
	end(&f);
}

static void test_max(void **state)
{
	static const char three[] =
		"[{\"slug\":\"a\",\"id\":\"1\"},{\"slug\":\"b\",\"id\":\"2\"},{\"slug\":\"c\",\"id\":\"3\"}]";
	struct resource *r = NULL;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct fixture f;
		struct looker l;
		struct cache_want want;

		begin(&f);
		looker_init(&l);
		want = listing(&f, i ? 3 : 2);
		assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
		if (i == 1)
			script_page(&f.script, 0, "0:3:0", three); /* full, and there is more */
		else
			script_answer(&f.script, 0, 200, NULL, three);
		assert_int_equal(l.settled, 1);
		assert_int_equal(f.script.n, 1);
		assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
		assert_int_equal(r->listing->n, i ? 3 : 2);
		assert_int_equal(r->listing->cut, i != 2);
		end(&f);
	}
}

static void test_entries(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	want = listing(&f, 100);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL,
		      "[{\"slug\":\"a\",\"id\":\"1\"},{\"slug\":\"..\",\"id\":\"2\"},{\"slug\":\"x/y\",\"id\":\"3\"},"
		      "{\"slug\":\"\",\"id\":\"4\"},{\"id\":\"5\"},{\"slug\":\"z\"},{\"slug\":\"q\",\"id\":\"../6\"},7,"
		      "null,\"s\",[],{\"slug\":\"nul\\u0000l\",\"id\":\"../\"},{\"slug\":\"-rf\",\"id\":\"8\"},"
		      "{\"slug\":\"a\",\"id\":\"1\"},{\"slug\":\"a\",\"id\":\"9\"},{\"slug\":\"b\",\"id\":\"10\"}]");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	assert_int_equal(r->listing->n, 2);
	assert_int_equal(r->listing->skipped, 12);
	assert_string_equal(r->listing->items[0]->id, "1");
	assert_string_equal(r->listing->items[1]->name, "b");
	assert_int_equal(f.api.errors.count, 1); /* said once */
	end(&f);
}

static void test_not_json(void **state)
{
	static const char *const bodies[] = {"", "<html>", "{}", "[{\"slug\":\"a\",\"id\":\"1\"}", "[1,]", "[] x"};
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		f.script.clock.now++;
		want = listing(&f, 100);
		assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
		script_answer(&f.script, i, 200, NULL, bodies[i]);
		assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EBADMSG);
	}
	assert_int_equal(l.settled, sizeof(bodies) / sizeof(*bodies));
	want = document(&f, "d/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, f.script.n - 1, 200, NULL, "7");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EBADMSG);
	end(&f);
}

/* An error that passes leaves the older copy; one that does not, takes it away. */
static void test_stale(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	have(&f, "d/", "{\"v\":1}");
	f.script.clock.now += 60000;
	want = document(&f, "d/");
	want.stale_ok = true;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	want.stale_ok = false;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 500, NULL, "");
	assert_int_equal(l.settled, 1);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	document_is(r, "{\"v\":1}");
	assert_int_equal(f.script.n, 2);

	f.script.clock.now += 1;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_break(&f.script, 2, -ETIMEDOUT);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	document_is(r, "{\"v\":1}");

	f.script.clock.now += 1;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, 3, 404, NULL, "{\"detail\":\"gone\"}");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -ENOENT);
	want.stale_ok = true;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -ENOENT);
	assert_int_equal(f.cache.bytes, 0);
	end(&f);
}

static void test_absent(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	want = document(&f, "d/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 404, NULL, "{}");
	f.script.clock.now += CACHE_ABSENT_MS;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -ENOENT);
	assert_int_equal(f.script.n, 1);
	f.script.clock.now++;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 200, NULL, "{}");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	end(&f);
}

/* Those who asked before it failed are told; who comes later asks again. */
static void test_error_not_kept(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	want = document(&f, "d/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_break(&f.script, 0, -ETIMEDOUT);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -ETIMEDOUT);
	assert_int_equal(f.script.n, 1);
	f.script.clock.now++;
	want.since = f.script.clock.now;
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	assert_int_equal(f.script.n, 2);
	script_answer(&f.script, 1, 200, NULL, "{}");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	assert_int_equal(r->error, 0);
	end(&f);
}

/* A listing that breaks between two pages is no listing. */
static void test_half_listing(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;

	(void)state;
	begin(&f);
	looker_init(&l);
	want = listing(&f, 100);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	script_page(&f.script, 0, "0:1:0", "[{\"slug\":\"a\",\"id\":\"1\"}]");
	script_answer(&f.script, 1, 500, NULL, "");
	assert_int_equal(l.settled, 1);
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EIO);
	assert_null(item_find(&f.cache.items, PROJECTS, STR("1")));
	end(&f);
}

static void test_eviction(void **state)
{
	struct fixture f;
	struct resource *r = NULL;
	struct cache_want want;
	struct looker l;

	(void)state;
	begin(&f);
	looker_init(&l);
	f.cache.bytes_max = 2 * CACHE_RESOURCE_BYTES + 20;
	have(&f, "a/", "{\"v\":11}");
	have(&f, "b/", "{\"v\":22}");
	want = document(&f, "a/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0); /* used: b is the oldest */
	have(&f, "c/", "{\"v\":33}");
	want.peek = true;
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), 0);
	want.key = "b/";
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
	assert_int_equal(f.cache.bytes, 16);
	/* one that is larger than all room is there for who asked for it */
	f.cache.bytes_max = 20;
	have(&f, "d/", "{\"v\":\"............................\"}");
	want.key = "c/";
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
	/* what is being fetched stays */
	want = document(&f, "e/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	have(&f, "f/", "{\"v\":\"............................\"}");
	script_answer(&f.script, f.script.n - 2, 200, NULL, "{}");
	assert_int_equal(l.settled, 1);
	end(&f);
}

/* What there is no such thing as takes room, too. */
static void test_eviction_of_nothing(void **state)
{
	struct fixture f;
	struct resource *r = NULL;
	char key[16];

	(void)state;
	begin(&f);
	f.cache.bytes_max = 10 * CACHE_RESOURCE_BYTES;
	for (unsigned i = 0; i < 100; i++) {
		struct cache_want want = document(&f, key);

		snprintf(key, sizeof(key), "%u/", i);
		assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
		script_answer(&f.script, i, 404, NULL, "{}");
		assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -ENOENT);
	}
	assert_int_equal(f.script.n, 100);
	assert_int_equal(f.cache.resources.used, 10);
	end(&f);
}

/* Nothing that was asked for before it is shown after it. */
static void test_drop(void **state)
{
	struct fixture f;
	struct resource *r = NULL;
	struct cache_want want;
	struct looker l;

	(void)state;
	begin(&f);
	looker_init(&l);
	have(&f, "a/", "{\"v\":1}");
	want = document(&f, "unwanted/");
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
	f.script.clock.now += 1001;
	want = document(&f, "a/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), -EINPROGRESS);
	assert_int_equal(f.script.n, 3);
	cache_drop(&f.cache);
	assert_true(f.script.transfers[1].cancelled);
	assert_true(f.script.transfers[2].cancelled);
	assert_int_equal(f.script.n, 4);
	script_asked(&f.script, 3, "a/");
	assert_int_equal(l.settled, 0);
	want.stale_ok = want.peek = true;
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), -EINPROGRESS);
	script_answer(&f.script, 3, 200, NULL, "{\"v\":2}");
	assert_int_equal(l.settled, 1);
	assert_int_equal(cache_need(&f.cache, &want, NULL, &r), 0);
	document_is(r, "{\"v\":2}");
	end(&f);
}

static void want_issues(const struct fixture *f, struct cache_want *want, const char *key)
{
	*want = (struct cache_want){.key = key,
				    .class = &item_issue,
				    .scope = "o/issue",
				    .max = 10,
				    .fresh_ms = 1000,
				    .since = f->script.clock.now};
}

#define ISSUE(title) "[{\"id\":\"5\",\"shortId\":\"A-1\",\"project\":{\"slug\":\"a\"},\"title\":\"" title "\"}]"

static void test_order(void **state)
{
	struct fixture f;
	struct looker l, k;
	struct resource *r = NULL;
	struct cache_want early, late;
	struct item *i;
	uint64_t stamp;

	(void)state;
	begin(&f);
	looker_init(&l);
	looker_init(&k);
	want_issues(&f, &early, "organizations/o/issues/?project=1");
	assert_int_equal(cache_need(&f.cache, &early, &l.waiter, &r), -EINPROGRESS);
	f.script.clock.now += 10;
	want_issues(&f, &late, "organizations/o/issues/?project=2");
	assert_int_equal(cache_need(&f.cache, &late, &k.waiter, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 200, NULL, ISSUE("new"));
	i = item_find(&f.cache.items, "o/issue", STR("A-1"));
	assert_non_null(i);
	stamp = i->stamp;
	script_answer(&f.script, 0, 200, NULL, ISSUE("old"));
	assert_ptr_equal(item_find(&f.cache.items, "o/issue", STR("A-1")), i);
	assert_int_equal(i->stamp, stamp);
	assert_non_null(strstr(i->json->data, "\"new\""));
	assert_int_equal(i->listed, 2);
	end(&f);
}

static void test_adopt(void **state)
{
	struct fixture f;
	struct looker l;
	struct resource *r = NULL;
	struct cache_want want;
	struct blob *b = blob_new("{\"v\":0}", 7);

	(void)state;
	begin(&f);
	looker_init(&l);
	assert_non_null(b);
	have(&f, "d/", "{\"v\":1}");
	cache_adopt(&f.cache, "d/", b, f.script.clock.now);
	cache_adopt(&f.cache, "e/", b, f.script.clock.now);
	blob_unref(b);
	want = document(&f, "d/");
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	document_is(r, "{\"v\":1}");
	want.key = "e/";
	assert_int_equal(cache_need(&f.cache, &want, &l.waiter, &r), 0);
	document_is(r, "{\"v\":0}");
	assert_int_equal(f.script.n, 1);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_flight), cmocka_unit_test(test_pages),
		cmocka_unit_test(test_max),	      cmocka_unit_test(test_entries),
		cmocka_unit_test(test_not_json),      cmocka_unit_test(test_stale),
		cmocka_unit_test(test_absent),	      cmocka_unit_test(test_error_not_kept),
		cmocka_unit_test(test_half_listing),  cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_order),	      cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_drop),	      cmocka_unit_test(test_eviction_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
