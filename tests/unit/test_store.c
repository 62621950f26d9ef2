// SPDX-License-Identifier: MIT
/*
 * The store in a directory of the test's own: what is put is found, by this and the
 * next; what is used least goes first; what cannot be used is left out.
 */
#include "script.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/keep.h"
#include "sentryfs/store.h"

#define NAME "0123"
#define MIB (UINT64_C(1) << 20)
#define EVENT "organizations/o/issues/5/events/0123456789abcdef0123456789abcdef/"

struct fixture {
	char dir[64], path[128];
	struct script script;
	struct api api;
	struct cache cache;
	struct store *store;
};

static void open_all(struct fixture *f)
{
	f->store = store_new(NAME, MIB, NULL, &f->script.clock.clock);
	assert_non_null(f->store);
	cache_init(&f->cache, &f->api, 64 * MIB);
	if (store_is_open(f->store))
		cache_keep(&f->cache, f->store);
}

static void close_all(struct fixture *f)
{
	cache_done(&f->cache);
	store_free(f->store);
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){.dir = "/tmp/test_store.XXXXXX"};
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(setenv("XDG_CACHE_HOME", f->dir, 1), 0);
	snprintf(f->path, sizeof(f->path), "%s/sentryfs/" NAME ".db", f->dir);
	script_init(&f->script);
	assert_int_equal(api_init(&f->api, "https://h", "t0ken", 30, &f->script.clock.clock), 0);
	f->api.transport = &f->script.transport;
	open_all(f);
}

static void remove_all(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (*e->d_name != '.' && unlink(path))
			remove_all(path);
	}
	closedir(d);
	assert_int_equal(rmdir(dir), 0);
}

static void end(struct fixture *f)
{
	close_all(f);
	api_done(&f->api);
	script_done(&f->script);
	remove_all(f->dir);
}

static void again(struct fixture *f)
{
	close_all(f);
	open_all(f);
}

static bool has(struct fixture *f, const char *key, const char *want)
{
	struct blob *b = NULL;
	int64_t asked = 0;
	bool same;

	if (store_get(f->store, STORE_DOCUMENT, key, &b, &asked))
		return false;
	same = !want || !strcmp(b->data, want);
	blob_unref(b);
	return same;
}

static void test_put(void **state)
{
	struct blob *b = NULL;
	struct fixture f;
	int64_t asked;

	(void)state;
	begin(&f);
	assert_true(store_is_open(f.store));
	store_put(f.store, STORE_DOCUMENT, "a", STR("one"), 7);
	store_put(f.store, STORE_ITEM, "a", STR("other"), 8);
	assert_true(has(&f, "a", "one"));
	assert_false(has(&f, "b", NULL));
	store_put(f.store, STORE_DOCUMENT, "a", STR("two"), 9);
	store_put(f.store, STORE_DOCUMENT, "", STR(""), 9);
	assert_in_range(store_tick(f.store), 1, 1000);
	f.script.clock.now += 1000;
	assert_int_equal(store_tick(f.store), -1);
	again(&f);
	assert_true(has(&f, "a", "two"));
	assert_true(has(&f, "", ""));
	assert_int_equal(store_get(f.store, STORE_ITEM, "a", &b, &asked), 0);
	assert_int_equal(asked, 8);
	assert_string_equal(b->data, "other");
	blob_unref(b);
	store_drop(f.store, STORE_DOCUMENT, "a");
	store_drop(f.store, STORE_DOCUMENT, "none");
	again(&f);
	assert_false(has(&f, "a", NULL));
	end(&f);
}

static void test_pause(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	store_put(f.store, STORE_DOCUMENT, "a", STR("one"), 7);
	store_pause(f.store);
	assert_false(store_is_open(f.store));
	store_put(f.store, STORE_DOCUMENT, "b", STR("lost"), 7);
	store_resume(f.store);
	assert_true(has(&f, "a", "one"));
	assert_false(has(&f, "b", NULL));
	end(&f);
}

static void test_room(void **state)
{
	static char body[100000];
	struct fixture f;
	struct blob *made = NULL;
	int64_t asked;
	struct stat st;
	char key[16];

	(void)state;
	memset(body, 'x', sizeof(body));
	begin(&f);
	store_put(f.store, STORE_SEARCHES, "made", STR("by hand"), 1);
	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		store_put(f.store, STORE_DOCUMENT, key, (struct str){body, sizeof(body)}, 1);
		f.script.clock.now += 7200000;
	}
	assert_true(has(&f, "k0", NULL)); /* used: k1 is the oldest */
	store_put(f.store, STORE_DOCUMENT, "new", (struct str){body, sizeof(body)}, 1);
	assert_true(has(&f, "k0", NULL));
	assert_false(has(&f, "k1", NULL));
	assert_true(has(&f, "k9", NULL));
	assert_true(has(&f, "new", NULL));
	/* one that would take most of the room is not kept */
	store_put(f.store, STORE_DOCUMENT, "large", (struct str){body, MIB / 2}, 1);
	assert_false(has(&f, "large", NULL));
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "m%d", i);
		store_put(f.store, STORE_DOCUMENT, key, (struct str){body, sizeof(body)}, 1);
	}
	again(&f);
	/* what somebody made is the oldest, and stays */
	assert_int_equal(store_get(f.store, STORE_SEARCHES, "made", &made, &asked), 0);
	assert_string_equal(made->data, "by hand");
	blob_unref(made);
	assert_int_equal(stat(f.path, &st), 0);
	assert_true(st.st_size < (off_t)(2 * MIB));
	assert_int_equal(st.st_mode & 0777, 0600);
	end(&f);
}

static void test_two(void **state)
{
	cleanup_buf struct buf b = {0};
	struct store *second;
	struct fixture f;

	(void)state;
	begin(&f);
	second = store_new(NAME, MIB, NULL, &f.script.clock.clock);
	assert_false(store_is_open(second));
	store_put(second, STORE_DOCUMENT, "a", STR("x"), 1);
	buf_init(&b, 1024);
	store_show(second, &b);
	assert_true(str_has(buf_str(&b), "memory only: another mount"));
	store_free(second);
	assert_false(has(&f, "a", NULL));
	end(&f);
}

static void test_broken(void **state)
{
	struct fixture f;
	char bad[160];
	int fd;

	(void)state;
	begin(&f);
	store_put(f.store, STORE_DOCUMENT, "a", STR("one"), 7);
	close_all(&f);
	fd = open(f.path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "not a database", 14, 0), 14);
	close(fd);
	open_all(&f);
	assert_true(store_is_open(f.store));
	assert_false(has(&f, "a", NULL));
	snprintf(bad, sizeof(bad), "%s.bad", f.path);
	assert_int_equal(access(bad, F_OK), 0);
	end(&f);
}

/* A text of which one byte is another: nothing of that file is believed any more. */
static void test_changed_byte(void **state)
{
	static char body[100000];
	struct fixture f;
	char bad[160];
	int fd;

	(void)state;
	memset(body, 'x', sizeof(body));
	begin(&f);
	store_put(f.store, STORE_DOCUMENT, "a", (struct str){body, sizeof(body)}, 7);
	store_put(f.store, STORE_DOCUMENT, "b", STR("short"), 7);
	close_all(&f);
	fd = open(f.path, O_RDWR);
	assert_true(fd >= 0);
	for (off_t at = 100; at < 200000; at++) {
		char c = 0;

		if (pread(fd, &c, 1, at) == 1 && c == 'x' && pread(fd, &c, 1, at + 5000) == 1 && c == 'x') {
			assert_int_equal(pwrite(fd, "y", 1, at + 2000), 1);
			break;
		}
	}
	close(fd);
	open_all(&f);
	assert_true(has(&f, "b", "short"));
	assert_false(has(&f, "a", NULL));
	assert_false(store_is_open(f.store));
	assert_false(has(&f, "b", NULL));
	snprintf(bad, sizeof(bad), "%s.bad", f.path);
	assert_int_equal(access(bad, F_OK), 0);
	again(&f);
	assert_true(store_is_open(f.store));
	end(&f);
}

/* There is no room on the disk: what is there stays, and nothing more is kept. */
static void test_full(void **state)
{
	struct rlimit old, small = {.rlim_cur = 1 << 18, .rlim_max = RLIM_INFINITY};
	static char body[100000];
	struct fixture f;
	char key[16];

	(void)state;
	memset(body, 'x', sizeof(body));
	begin(&f);
	store_put(f.store, STORE_DOCUMENT, "a", STR("one"), 7);
	store_commit(f.store);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		store_put(f.store, STORE_DOCUMENT, key, (struct str){body, sizeof(body)}, 1);
		store_commit(f.store);
	}
	assert_false(store_is_open(f.store));
	assert_false(has(&f, "a", NULL));
	assert_int_equal(store_tick(f.store), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	again(&f);
	assert_true(has(&f, "a", "one"));
	end(&f);
}

static void test_names(void **state)
{
	char a[STORE_NAME_MAX], b[STORE_NAME_MAX];
	static char large[5000];

	(void)state;
	assert_true(store_name(a, "https://h", "o", "token"));
	assert_true(store_name(b, "https://h", "o", "token"));
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 32);
	assert_true(store_name(b, "https://h", "o", "token2"));
	assert_string_not_equal(a, b);
	assert_true(store_name(b, "https://h", "o/p", "token"));
	assert_string_not_equal(a, b);
	assert_true(store_name(b, "https://i", "o", "token"));
	assert_string_not_equal(a, b);
	memset(large, 'a', sizeof(large) - 1);
	assert_false(store_name(b, "https://i", "o", large));
}

/* ---- with the cache ---- */

/* 0, or -EINPROGRESS after a request began. */
static int need(struct fixture *f, struct cache_want *want, struct looker *l, struct resource **r)
{
	looker_init(l);
	want->since = f->script.clock.now;
	return cache_need(&f->cache, want, &l->waiter, r);
}

static void test_document(void **state)
{
	struct cache_want want = {.key = "d/", .fresh_ms = 30000}, event = {.key = EVENT, .fresh_ms = INT64_MAX / 4},
			  page = {.key = "events/?full=1", .fresh_ms = INT64_MAX / 4};
	struct resource *r;
	struct fixture f;
	struct looker l;

	(void)state;
	begin(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL, "{\"v\":1}");
	assert_int_equal(need(&f, &event, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 200, NULL, "{\"e\":1}");
	assert_int_equal(need(&f, &page, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 2, 200, NULL, "[]");
	f.script.clock.now += 20000;
	again(&f);
	/* as old as it was */
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_string_equal(r->document->data, "{\"v\":1}");
	assert_int_equal(f.script.n, 3);
	assert_int_equal(r->fetched, f.script.clock.now - 20000);
	/* old: at once, and asked for meanwhile */
	f.script.clock.now += 20000;
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_int_equal(f.script.n, 4);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_int_equal(f.script.n, 4);
	script_answer(&f.script, 3, 200, NULL, "{\"v\":2}");
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_string_equal(r->document->data, "{\"v\":2}");
	/* too old to be shown without a look at the server, but for an event */
	f.script.clock.now += 400000;
	again(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_break(&f.script, 4, -ETIMEDOUT);
	assert_int_equal(l.settled, 1);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_string_equal(r->document->data, "{\"v\":2}");
	assert_int_equal(need(&f, &event, &l, &r), 0);
	assert_int_equal(need(&f, &page, &l, &r), -EINPROGRESS);
	script_answer(&f.script, f.script.n - 1, 200, NULL, "[]");
	/* it is gone at the server, and so it is here */
	f.script.clock.now += 20000;
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, f.script.n - 1, 404, NULL, "{}");
	again(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, f.script.n - 1, 200, NULL, "{}");
	/* and what a change of ours made untrue */
	cache_outdate(&f.cache, "d/");
	again(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, f.script.n - 1, 200, NULL, "{}");
	end(&f);
}

#define ISSUE(id, title)                                                                                               \
	"{\"id\":\"" id "\",\"shortId\":\"A-" id "\",\"project\":{\"slug\":\"a\"},\"title\":\"" title                  \
	"\",\"count\":\"3\",\"lastSeen\":\"2026-01-02T03:04:05Z\"}"

static void test_listing(void **state)
{
	struct cache_want want = {
		.key = "issues/?q", .class = &item_issue, .scope = "o/issue", .max = 10, .fresh_ms = 30000};
	struct resource *r;
	struct timespec wall = {1, 0};
	struct fixture f;
	struct looker l;
	struct item *i;

	(void)state;
	begin(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL, "[" ISSUE("7", "one") "," ISSUE("5", "two") "," ISSUE("6", "three") "]");
	assert_int_equal(need(&f, &want, &l, &r), 0);
	/* a change of ours, and one that is gone */
	i = r->listing->items[1];
	assert_int_equal(item_apply(i, STR("{\"id\":\"5\",\"title\":\"new\"}"), f.script.clock.now, &wall), 0);
	keep_item(&f.cache, i);
	assert_int_equal(item_set_gone(r->listing->items[2], ITEM_DELETED, f.script.clock.now), 0);
	keep_item(&f.cache, r->listing->items[2]);
	f.script.clock.now += 5000;
	again(&f);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_int_equal(r->listing->n, 2);
	assert_string_equal(r->listing->items[0]->name, "A-7");
	assert_string_equal(r->listing->items[1]->name, "A-5");
	i = r->listing->items[1];
	assert_true(str_has(blob_str(i->json), "\"new\""));
	assert_int_equal(i->written, f.script.clock.now - 5000);
	assert_int_equal(i->size, 3);
	assert_int_equal(i->mtime.tv_sec, 1767323045);
	assert_int_equal(i->listed, 1);
	/* a row is missing: it is no listing then */
	again(&f);
	store_drop(f.store, STORE_ITEM, "o/issue/A-7");
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 200, NULL, "[]");
	again(&f);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_int_equal(r->listing->n, 0);
	end(&f);
}

static void test_numbers(void **state)
{
	static const char two[] =
		"[{\"id\":\"2\",\"user\":{\"username\":\"b\"}},{\"id\":\"1\",\"user\":{\"username\":\"a\"}}]";
	static const char one[] = "[{\"id\":\"2\",\"user\":{\"username\":\"b\"}}]";
	struct cache_want want = {.key = "c/", .class = &item_comment, .scope = "c/", .max = 10, .fresh_ms = 30000};
	struct resource *r;
	struct fixture f;
	struct looker l;

	(void)state;
	begin(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL, two);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_string_equal(r->listing->items[0]->name, "002-b");
	f.script.clock.now += 30001;
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 200, NULL, one);
	again(&f);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_int_equal(r->listing->n, 1);
	assert_string_equal(r->listing->items[0]->name, "002-b");
	end(&f);
}

static void test_offline(void **state)
{
	struct cache_want want = {.key = "d/", .fresh_ms = 30000}, other = {.key = "e/", .fresh_ms = 30000};
	struct resource *r;
	struct fixture f;
	struct looker l;

	(void)state;
	begin(&f);
	assert_int_equal(need(&f, &want, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL, "{\"v\":1}");
	f.script.clock.now += 100000000;
	again(&f);
	f.api.offline = true;
	assert_int_equal(need(&f, &want, &l, &r), 0);
	cache_drop(&f.cache);
	assert_int_equal(need(&f, &want, &l, &r), 0);
	assert_int_equal(need(&f, &other, &l, &r), -EINPROGRESS);
	api_tick(&f.api);
	assert_int_equal(l.settled, 1);
	assert_int_equal(cache_need(&f.cache, &other, &l.waiter, &r), -EHOSTUNREACH);
	assert_int_equal(f.script.n, 1);
	end(&f);
}

/* The memory is full: what goes there comes back from the disk, as old as it is. */
static void test_memory(void **state)
{
	struct cache_want a = {.key = "a/", .fresh_ms = 30000}, b = {.key = "b/", .fresh_ms = 30000};
	struct resource *r;
	struct fixture f;
	struct looker l;

	(void)state;
	begin(&f);
	f.cache.bytes_max = 8;
	f.script.clock.now++;
	assert_int_equal(need(&f, &a, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL, "{\"v\":1}");
	assert_int_equal(need(&f, &b, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 1, 200, NULL, "{\"v\":2}");
	assert_null(map_get(&f.cache.resources, STR("a/")));
	assert_int_equal(need(&f, &a, &l, &r), 0);
	assert_string_equal(r->document->data, "{\"v\":1}");
	assert_int_equal(need(&f, &b, &l, &r), 0);
	f.script.clock.now += 30001;
	assert_int_equal(need(&f, &a, &l, &r), -EINPROGRESS);
	script_answer(&f.script, 2, 200, NULL, "{\"v\":3}");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),	 cmocka_unit_test(test_pause),	      cmocka_unit_test(test_room),
		cmocka_unit_test(test_two),	 cmocka_unit_test(test_broken),	      cmocka_unit_test(test_names),
		cmocka_unit_test(test_document), cmocka_unit_test(test_listing),      cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_offline),	 cmocka_unit_test(test_changed_byte), cmocka_unit_test(test_full),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
