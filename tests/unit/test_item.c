// SPDX-License-Identifier: MIT
/*
 * The server's objects as items: what makes one, what it is called, and which bytes
 * it has when lists, single answers and time disagree.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sentryfs/item.h"
#include "sentryfs/json.h"
#include "sentryfs/name.h"

static const struct timespec now = {1767225600, 0};

static int put_at(struct item_store *s, const struct item_class *class, const char *scope, const char *json,
		  int64_t asked, bool listed, struct item **ret)
{
	cleanup_json cJSON *tree = NULL;

	assert_int_equal(json_parse(str_of(json), &tree), 0);
	return item_put(s, class, scope, tree, str_of(json), asked, &now, listed, ret);
}

/* One item on its own; the caller unrefs. */
static struct item *item_of(struct item_store *s, const struct item_class *class, const char *json)
{
	struct item *i = NULL;

	assert_int_equal(put_at(s, class, "scope", json, 1, true, &i), 0);
	assert_non_null(i);
	assert_ptr_equal(i->class, class);
	assert_true(str_eqz(blob_str(i->json), json));
	return i;
}

struct example {
	const struct item_class *class;
	const char *json;
	const char *name, *id; /* NULL: it is no item */
};

static const struct example examples[] = {
	{&item_organization, "{\"slug\":\"acme\",\"id\":1}", "acme", "acme"},
	{&item_organization, "{\"slug\":\"Ac.me\"}", NULL, NULL},
	{&item_organization, "{\"id\":\"1\"}", NULL, NULL},
	{&item_project, "{\"slug\":\"web\",\"id\":\"7\"}", "web", "7"},
	{&item_project, "{\"slug\":\"web\",\"id\":7}", "web", "7"},
	{&item_project, "{\"slug\":\"web\",\"id\":\"seven\"}", NULL, NULL},
	{&item_project, "{\"slug\":\"web\"}", NULL, NULL},
	{&item_project, "{\"slug\":\"../etc\",\"id\":7}", NULL, NULL},
	{&item_project, "{\"slug\":\"..\",\"id\":7}", NULL, NULL},
	{&item_issue, "{\"shortId\":\"WEB-1\",\"id\":\"5\",\"project\":{\"slug\":\"web\"}}", "WEB-1", "5"},
	{&item_issue, "{\"shortId\":\"WEB-1\",\"id\":\"5\"}", NULL, NULL},
	{&item_issue, "{\"shortId\":\"WEB-1\",\"id\":\"5\",\"project\":{\"slug\":\"a/b\"}}", NULL, NULL},
	{&item_issue, "{\"shortId\":\"a/b-1\",\"id\":\"5\",\"project\":{\"slug\":\"web\"}}", NULL, NULL},
	{&item_issue, "{\"shortId\":null,\"id\":\"5\",\"project\":{\"slug\":\"web\"}}", NULL, NULL},
	{&item_issue, "{\"shortId\":\"WEB-1\",\"id\":\"5/../6\",\"project\":{\"slug\":\"web\"}}", NULL, NULL},
	{&item_event, "{\"eventID\":\"0123456789abcdef0123456789abcdef\",\"id\":\"9\"}",
	 "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"},
	{&item_event, "{\"id\":123}", "123", "123"},
	{&item_event, "{\"eventID\":\"..\"}", NULL, NULL},
	{&item_event, "{\"eventID\":\"0123456789abcdef0123456789abcdef/\"}", NULL, NULL},
	{&item_hash, "{\"id\":\"aa/..\"}", "aa%2F..", "aa/.."},
	{&item_hash, "{\"latestEvent\":null}", NULL, NULL},
	{&item_tag, "{\"key\":\"browser.name\"}", "browser.name", "browser.name"},
	{&item_tag, "{\"key\":\".hidden/x\\n\"}", "%2Ehidden%2Fx%0A", ".hidden/x\n"},
	{&item_tag, "{\"key\":\"\"}", NULL, NULL},
	{&item_comment, "{\"id\":\"3\",\"user\":{\"username\":\"jane@acme.example\",\"name\":\"Jane\"}}", "jane", "3"},
	{&item_comment, "{\"id\":3,\"user\":{\"name\":\"Jane D/oe\"}}", "Jane D%2Foe", "3"},
	{&item_comment, "{\"id\":\"3\",\"user\":null}", "unknown", "3"},
	{&item_comment, "{\"id\":\"3\",\"user\":{\"username\":\"@x\"}}", "%", "3"},
	{&item_comment, "{\"user\":{\"name\":\"Jane\"}}", NULL, NULL},
	{&item_any, "{\"id\":\"1\",\"name\":\"production\"}", "1", "1"},
	{&item_any, "{\"version\":\"web@1/2\"}", "web@1%2F2", "web@1/2"},
	{&item_any, "{\"name\":\"production\"}", "production", "production"},
	{&item_any, "{}", NULL, NULL},
	{&item_any, "[]", NULL, NULL},
	{&item_any, "\"x\"", NULL, NULL},
	{&item_any, "null", NULL, NULL},
};

static void test_what_makes_an_item(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(examples) / sizeof(*examples); n++) {
		const struct example *e = &examples[n];
		struct item_store s = {0};
		struct item *i = NULL;

		if (e->name) {
			i = item_of(&s, e->class, e->json);
			assert_string_equal(i->name, e->name);
			assert_string_equal(i->id, e->id);
			item_unref(i);
		} else {
			assert_int_equal(put_at(&s, e->class, "scope", e->json, 1, true, &i), -EBADMSG);
			assert_null(i);
		}
		item_store_done(&s);
	}
}

/* With what the tree puts around it, no name is too long for a directory. */
static void test_long_names(void **state)
{
	static const struct {
		const struct item_class *class;
		const char *before, *after;
	} rows[] = {
		{&item_comment, "{\"id\":\"1\",\"user\":{\"username\":\"", "\"}}"},
		{&item_hash, "{\"id\":\"", "\"}"},
		{&item_tag, "{\"key\":\"", "\"}"},
	};
	static const char *const letters[] = {"x", "/", "\xc3\xa4"};

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++)
		for (size_t l = 0; l < sizeof(letters) / sizeof(*letters); l++) {
			struct item_store s = {0};
			char json[2048];
			size_t n = (size_t)snprintf(json, sizeof(json), "%s", rows[r].before);
			cleanup_buf struct buf again = {0};
			struct item *i;

			for (unsigned k = 0; k < 400; k++)
				n += (size_t)snprintf(json + n, sizeof(json) - n, "%s", letters[l]);
			snprintf(json + n, sizeof(json) - n, "%s", rows[r].after);
			i = item_of(&s, rows[r].class, json);
			assert_true(strlen(i->name) > 100);
			assert_true(strlen(i->name) + strlen("1000-.json") <= NAME_BYTES_MAX);
			/* cut at a character */
			buf_init(&again, 4096);
			text_clean(&again, str_of(i->name), false);
			assert_true(str_eqz(buf_str(&again), i->name));
			item_unref(i);
			item_store_done(&s);
		}
}

#define ISSUE(more) "{\"shortId\":\"WEB-1\",\"id\":\"5\",\"project\":{\"slug\":\"web\"}," more "}"

static void test_fields(void **state)
{
	struct item_store s = {0};
	struct item *i;

	(void)state;
	i = item_of(&s, &item_issue,
		    ISSUE("\"count\":\"137\",\"numComments\":3,\"firstSeen\":\"2026-01-01T00:00:00Z\","
			  "\"lastSeen\":\"2026-01-01T00:00:01.500000Z\""));
	assert_string_equal(i->home, "web");
	assert_int_equal(i->size, 137);
	assert_int_equal(i->comments, 3);
	assert_int_equal(i->ctime.tv_sec, now.tv_sec);
	assert_int_equal(i->mtime.tv_sec, now.tv_sec + 1);
	assert_int_equal(i->mtime.tv_nsec, 500000000);
	item_unref(i);
	/* of another type, absurd or absent: nothing is believed */
	i = item_of(&s, &item_issue,
		    ISSUE("\"count\":\"-1\",\"numComments\":\"some\",\"firstSeen\":7,\"lastSeen\":\"x\""));
	assert_int_equal(i->size, 0);
	assert_true(i->comments == UINT64_MAX);
	assert_int_equal(i->mtime.tv_sec, 0);
	item_unref(i);
	i = item_of(&s, &item_issue, ISSUE("\"count\":1e300,\"numComments\":-3"));
	assert_true(i->comments > 0);
	item_unref(i);
	item_store_done(&s);
}

static void json_is(const struct item *i, const char *want)
{
	assert_true(str_eqz(blob_str(i->json), want));
}

static void test_one_place(void **state)
{
	struct item_store s = {0};
	struct item *a, *b, *other;
	uint64_t stamp;

	(void)state;
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":1"), 10, false, &a), 0);
	stamp = a->stamp;
	assert_int_equal(a->changed.tv_sec, 0);
	/* the same bytes later: fetched anew, and not changed */
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":1"), 20, false, &b), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(a->stamp, stamp);
	assert_int_equal(a->fetched, 20);
	assert_int_equal(a->changed.tv_sec, 0);
	item_unref(b);
	/* other bytes */
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":2"), 30, false, &b), 0);
	assert_ptr_equal(a, b);
	assert_true(a->stamp > stamp);
	assert_int_equal(a->changed.tv_sec, now.tv_sec);
	json_is(a, ISSUE("\"n\":2"));
	item_unref(b);
	/* asked for before: an answer that was late */
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":1"), 29, true, &b), 0);
	json_is(a, ISSUE("\"n\":2"));
	item_unref(b);
	/* found by its scope and its short id alone */
	assert_ptr_equal(item_find(&s, "o", STR("WEB-1")), a);
	assert_null(item_find(&s, "o", STR("WEB-2")));
	assert_null(item_find(&s, "p", STR("WEB-1")));
	assert_int_equal(put_at(&s, &item_issue, "p", ISSUE("\"n\":1"), 30, false, &other), 0);
	assert_ptr_not_equal(a, other);
	item_unref(other);
	item_unref(a);
	assert_null(item_find(&s, "o", STR("WEB-1")));
	item_store_done(&s);
}

/* What a listing holds is refreshed by listings alone. */
static void test_listed(void **state)
{
	struct item_store s = {0};
	struct item *a, *b;

	(void)state;
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":1"), 10, true, &a), 0);
	a->listed = 1;
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":1,\"activity\":[]"), 20, false, &b), 0);
	assert_ptr_equal(a, b);
	json_is(a, ISSUE("\"n\":1"));
	assert_int_equal(a->fetched, 10);
	item_unref(b);
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":3"), 20, true, &b), 0);
	json_is(a, ISSUE("\"n\":3"));
	item_unref(b);
	a->listed = 0;
	item_unref(a);
	item_store_done(&s);
}

/* A short id that passed to another issue: the old one keeps its bytes. */
static void test_a_short_id_reused(void **state)
{
	struct item_store s = {0};
	struct item *old, *fresh;

	(void)state;
	assert_int_equal(put_at(&s, &item_issue, "o", ISSUE("\"n\":1"), 10, true, &old), 0);
	assert_int_equal(put_at(&s, &item_issue, "o",
				"{\"shortId\":\"WEB-1\",\"id\":\"6\",\"project\":{\"slug\":\"web\"}}", 20, true,
				&fresh),
			 0);
	assert_ptr_not_equal(old, fresh);
	assert_ptr_equal(item_find(&s, "o", STR("WEB-1")), fresh);
	json_is(old, ISSUE("\"n\":1"));
	item_unref(old);
	assert_ptr_equal(item_find(&s, "o", STR("WEB-1")), fresh);
	item_unref(fresh);
	item_unref(NULL);
	item_store_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_makes_an_item),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_one_place),
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_a_short_id_reused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
