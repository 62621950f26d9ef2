// SPDX-License-Identifier: MIT
/* Items: one object for each of the server's, and what a change of ours does to it. */
#include "script.h"

#include "sentryfs/json.h"

#define SCOPE "o/issue"
#define ROW(id, status)                                                                                                \
	"{\"id\":\"" id "\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"count\":\"3\",\"numComments\":2,"   \
	"\"status\":\"" status "\"}"

static const struct timespec wall = {.tv_sec = 77};

static int put(struct item_store *s, const char *body, int64_t asked, bool list, struct item **ret)
{
	cleanup_json cJSON *tree = NULL;

	assert_int_equal(json_parse(str_of(body), &tree), 0);
	return item_put(s, &item_issue, SCOPE, tree, str_of(body), asked, &wall, list, ret);
}

static struct item *have(struct item_store *s, const char *body, int64_t asked)
{
	struct item *i = NULL;

	assert_int_equal(put(s, body, asked, false, &i), 0);
	return i;
}

static void is(const struct item *i, const char *body)
{
	assert_string_equal(i->json->data, body);
}

static void test_newer(void **state)
{
	struct item_store s = {0};
	struct item *i = have(&s, ROW("5", "unresolved"), 100), *same;
	uint64_t stamp = i->stamp;

	(void)state;
	same = have(&s, ROW("5", "resolved"), 99);
	assert_ptr_equal(same, i);
	is(i, ROW("5", "unresolved"));
	item_unref(same);
	item_unref(have(&s, ROW("5", "unresolved"), 101));
	assert_int_equal(i->stamp, stamp); /* the same bytes */
	assert_int_equal(i->fetched, 101);
	item_unref(have(&s, ROW("5", "resolved"), 102));
	is(i, ROW("5", "resolved"));
	assert_true(i->stamp > stamp);
	assert_int_equal(i->changed.tv_sec, 77);
	item_unref(i);
	assert_null(item_find(&s, SCOPE, STR("WEB-1")));
	item_store_done(&s);
}

static void test_apply(void **state)
{
	struct item_store s = {0};
	struct item *i = have(&s, ROW("5", "unresolved"), 100);

	(void)state;
	assert_int_equal(item_apply(i, STR("{\"status\":\"resolved\",\"other\":1}"), 5000, &wall), 0);
	is(i, ROW("5", "resolved"));
	assert_int_equal(i->written, 5000);
	assert_int_equal(item_apply(i, STR("{\"numComments\":7}"), 5001, &wall), 0);
	assert_int_equal(i->comments, 7);
	/* what is no row of this issue changes nothing */
	assert_int_equal(item_apply(i, STR("[]"), 6000, &wall), -EBADMSG);
	assert_int_equal(item_apply(i, STR("null"), 6000, &wall), -EBADMSG);
	assert_int_equal(item_apply(i, STR("{\"id\":\"6\"}"), 6000, &wall), -EBADMSG);
	assert_int_equal(item_apply(i, STR("{\"shortId\":\"a/b\"}"), 6000, &wall), -EBADMSG);
	assert_int_equal(i->written, 5001);
	assert_int_equal(i->comments, 7);
	item_unref(i);
	item_store_done(&s);
}

/* A part of an issue tells nothing of how old the rest is. */
static void test_whole(void **state)
{
	struct item_store s = {0};
	struct item *i = have(&s, ROW("5", "unresolved"), 100);

	(void)state;
	assert_int_equal(item_apply(i, STR("{\"numComments\":3}"), 5000, &wall), 0);
	assert_int_equal(i->fetched, 100);
	assert_int_equal(item_apply(i, STR("{\"id\":\"5\",\"status\":\"resolved\"}"), 6000, &wall), 0);
	assert_int_equal(i->fetched, 6000);
	item_unref(i);
	item_store_done(&s);
}

/* What we changed is remembered though nobody has it, for a while. */
static void test_kept(void **state)
{
	struct item_store s = {0};
	struct item *i = have(&s, ROW("5", "unresolved"), 100), *same;
	char body[256];

	(void)state;
	assert_int_equal(item_apply(i, STR("{\"status\":\"resolved\"}"), 5000, &wall), 0);
	item_unref(i);
	same = have(&s, ROW("5", "unresolved"), 4000);
	assert_ptr_equal(same, i);
	is(same, ROW("5", "resolved"));
	item_unref(same);
	/* a thousand changes, a second apart: a few hundred are remembered */
	for (int n = 10; n < 1010; n++) {
		snprintf(body, sizeof(body), "{\"id\":%d,\"shortId\":\"WEB-%d\",\"project\":{\"slug\":\"web\"}}", n, n);
		i = have(&s, body, 100);
		assert_int_equal(item_apply(i, STR("{}"), 5000 + n * 1000, &wall), 0);
		item_unref(i);
		assert_non_null(item_find(&s, SCOPE, str_of(i->name)));
	}
	assert_true(s.by_key.used < 600);
	assert_null(item_find(&s, SCOPE, STR("WEB-1")));
	item_store_release(&s);
	assert_int_equal(s.by_key.used, 0);
	item_store_done(&s);
}

/* What was asked for before a change, or soon after it, does not undo it. */
static void test_hold(void **state)
{
	struct item_store s = {0};
	struct item *i = have(&s, ROW("5", "unresolved"), 100);

	(void)state;
	assert_int_equal(item_apply(i, STR("{\"status\":\"resolved\"}"), 5000, &wall), 0);
	for (int64_t asked = 4000; asked < 5000 + ITEM_HOLD_MS; asked += 499) {
		item_unref(have(&s, ROW("5", "unresolved"), asked));
		is(i, ROW("5", "resolved"));
	}
	item_unref(have(&s, ROW("5", "unresolved"), 5000 + ITEM_HOLD_MS));
	is(i, ROW("5", "unresolved"));
	/* released: the server is believed at once */
	assert_int_equal(item_apply(i, STR("{\"status\":\"resolved\"}"), 50000, &wall), 0);
	item_store_release(&s);
	item_unref(have(&s, ROW("5", "ignored"), 50001));
	is(i, ROW("5", "ignored"));
	item_unref(i);
	item_store_done(&s);
}

static void test_gone(void **state)
{
	struct item_store s = {0};
	struct item *i = have(&s, ROW("5", "unresolved"), 100), *next = NULL;

	(void)state;
	assert_int_equal(item_set_gone(i, ITEM_MERGED, 200), 0);
	assert_int_equal(item_set_gone(i, ITEM_DELETED, 300), 0); /* twice is once */
	assert_int_equal(s.kept_n, 1);
	item_unref(i); /* it is remembered though nobody has it */
	assert_ptr_equal(item_find(&s, SCOPE, STR("WEB-1")), i);
	assert_int_equal(put(&s, ROW("5", "unresolved"), 1000000, true, &next), -ENOENT);
	item_store_release(&s);
	assert_int_equal(put(&s, ROW("5", "unresolved"), 2000000, true, &next), -ENOENT);
	/* another issue of that name is another one */
	next = have(&s, ROW("6", "unresolved"), 3000000);
	assert_ptr_not_equal(next, i);
	assert_int_equal(next->gone, ITEM_HERE);
	assert_ptr_equal(item_find(&s, SCOPE, STR("WEB-1")), next);
	item_unref(next);
	item_store_done(&s);
}

static void test_many_gone(void **state)
{
	struct item_store s = {0};
	char body[256];

	(void)state;
	for (int n = 1; n <= 100; n++) {
		struct item *i;

		snprintf(body, sizeof(body), "{\"id\":%d,\"shortId\":\"WEB-%d\",\"project\":{\"slug\":\"web\"}}", n, n);
		i = have(&s, body, 100);
		assert_int_equal(item_set_gone(i, ITEM_DELETED, 200), 0);
		item_unref(i);
	}
	assert_int_equal(s.by_key.used, 100);
	item_store_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newer),	  cmocka_unit_test(test_apply), cmocka_unit_test(test_hold),
		cmocka_unit_test(test_gone),	  cmocka_unit_test(test_whole), cmocka_unit_test(test_kept),
		cmocka_unit_test(test_many_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
