// SPDX-License-Identifier: MIT
/*
 * Searches: names to requests and which names are any; rows of a window; what refreshes
 * the row of an issue that a search holds.
 */
#include "fixture.h"

#include "sentryfs/json.h"
#include "sentryfs/search.h"
#include "sentryfs/window.h"

/* ---- names ---- */

static const struct row {
	const char *name;
	bool plain; /* needs no mkdir */
	const char *query, *params;
	unsigned limit;
	const char *why; /* refused */
} rows[] = {
	{"is:unresolved", true, "is:unresolved", "", 0, NULL},
	{"TypeError", false, "TypeError", "", 0, NULL},
	{"two words", true, "two words", "", 0, NULL},
	{"foo=bar", false, "foo=bar", "", 0, NULL},
	{"a:b&sort=new&limit=3", true, "a:b", "&sort=new", 3, NULL},
	{"&environment=a&environment=b", true, "", "&environment=a&environment=b", 0, NULL},
	{"&environment=a%26b c", true, "", "&environment=a%26b%20c", 0, NULL},
	{"a:%2F%25%26%41", true, "a:/%&A", "", 0, NULL},
	{"a:%0a", true, "a:\n", "", 0, NULL},
	{"status=resolved", true, "is:resolved", "", 0, NULL},
	{"a:b&status=ignored&assignee=none", true, "a:b is:ignored assigned:none", "", 0, NULL},
	{"&assignee=team:web", true, "assigned:#web", "", 0, NULL},
	{"&assignee=a \"b\\", true, "assigned:\"a \\\"b\\\\\"", "", 0, NULL},
	{"limit=100000", true, "", "", 100000, NULL},
	{"a&b:c", true, NULL, NULL, 0, "KEY=VALUE"},
	{"a:b&", true, NULL, NULL, 0, "KEY=VALUE"},
	{"&", true, NULL, NULL, 0, "KEY=VALUE"},
	{"&&", true, NULL, NULL, 0, "KEY=VALUE"},
	{"&&limit=1", true, NULL, NULL, 0, "KEY=VALUE"},
	{"a:b&query=x", true, NULL, NULL, 0, "no such"},
	{"a:b&Limit=1", true, NULL, NULL, 0, "no such"},
	{"a:b&limit=0", true, NULL, NULL, 0, "1 to 100000"},
	{"a:b&limit=100001", true, NULL, NULL, 0, "1 to 100000"},
	{"a:b&limit=-1", true, NULL, NULL, 0, "1 to 100000"},
	{"a:b&sort=", true, NULL, NULL, 0, "no value"},
	{"a:b&status=a:b", true, NULL, NULL, 0, "one word"},
	{"a:%", true, NULL, NULL, 0, "%25"},
	{"a:%4", true, NULL, NULL, 0, "%25"},
	{"a:%4g", true, NULL, NULL, 0, "%25"},
	{"a:%00", true, NULL, NULL, 0, "not text"},
	{"a:%c3", true, NULL, NULL, 0, "not text"},
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		cleanup_search struct search s;
		int r;

		search_init(&s);
		r = search_parse(&s, str_of(row->name));
		assert_true(search_is_name(str_of(row->name)));
		if (search_is_plain(str_of(row->name)) != row->plain || r != (row->why ? -EINVAL : 0))
			fail_msg("%s: %d, %s", row->name, r, s.why ? s.why : "");
		if (row->why) {
			assert_non_null(strstr(s.why, row->why));
			continue;
		}
		if (!str_eqz(buf_str(&s.query), row->query) || !str_eqz(buf_str(&s.params), row->params))
			fail_msg("%s: %.*s, %.*s", row->name, (int)s.query.len, s.query.data, (int)s.params.len,
				 s.params.data);
		assert_int_equal(s.limit, row->limit);
	}
}

static void test_what_is_no_name(void **state)
{
	static const char *const none[] = {"",	       ".",	 "..",	   ".a:b",	 "a:\n",
					   "a:\x1b[m", "a:\x7f", "a:\xff", "a:\xc2\x80", "a:\xe2\x80\xae"};
	char longest[257];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (search_is_name(str_of(none[i])) || search_is_plain(str_of(none[i])))
			fail_msg("%zu", i);
	memset(longest, ':', sizeof(longest));
	assert_true(search_is_plain((struct str){longest, 255}));
	assert_false(search_is_name((struct str){longest, 256}));
}

/* Nothing is read beyond the text, whatever is cut off. */
static void test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t n = 0; n <= strlen(rows[i].name); n++) {
			cleanup_free char *exact = malloc(n + 1);
			cleanup_search struct search s;

			memcpy(exact + 1, rows[i].name, n);
			search_init(&s);
			search_parse(&s, (struct str){exact + 1, n});
			search_is_plain((struct str){exact + 1, n});
		}
}

/* ---- windows ---- */

static void test_keys(void **state)
{
	static const char *const parts[] = {"statsPeriod=1d", "start=1", "end=1", "environment=x"};
	static const char plain[] = "o/?project=1&query=%26statsPeriod%3D1&limit=100&groupStatsPeriod=&collapse=x";

	(void)state;
	assert_false(window_is_part(plain));
	assert_true(window_is_stream(plain));
	for (size_t i = 0; i < 4; i++) {
		char key[128];

		snprintf(key, sizeof(key), "%s&%s", plain, parts[i]);
		assert_true(window_is_part(key));
		assert_false(window_is_stream(key));
	}
	assert_false(window_is_stream("o/?project=1&query=&sort=freq"));
	assert_false(window_is_part("o/?project=1&query=&sort=freq"));
}

#define OWN                                                                                                            \
	"\"lifetime\":{\"count\":\"30\",\"userCount\":9,\"firstSeen\":\"2020-01-01T00:00:00Z\",\"lastSeen\":\"2026-"   \
	"05-01T00:00:00Z\"}"
#define ROW(lifetime)                                                                                                  \
	"{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"count\":\"2\",\"userCount\":1,"          \
	"\"firstSeen\":\"2026-04-01T00:00:00Z\",\"lastSeen\":\"2026-04-02T00:00:00Z\"" lifetime "}"

static struct item *put_row(struct item_store *s, const char *key, const char *row, int64_t asked)
{
	struct timespec wall = {.tv_sec = 1};
	cleanup_json cJSON *tree = NULL;
	struct item *i = NULL;

	assert_int_equal(json_parse(str_of(row), &tree), 0);
	assert_int_equal(window_put(s, "o/issue", key, tree, str_of(row), asked, &wall, &i), 0);
	return i;
}

static void test_rows(void **state)
{
	static const char *const incomplete[] = {ROW(""), ROW(",\"lifetime\":null"),
						 ROW(",\"lifetime\":{\"count\":\"5\"}"), ROW(",\"lifetime\":[]")};
	struct item_store s = {0};
	struct item *i, *again;

	(void)state;
	i = put_row(&s, "&statsPeriod=1d", ROW("," OWN), 1000);
	assert_int_equal(i->size, 30);
	assert_int_equal(i->fetched, 1000);
	assert_non_null(strstr(i->json->data, "\"count\":\"30\",\"userCount\":9,\"firstSeen\":\"2020"));
	/* what is known stays, for a while */
	again = put_row(&s, "&statsPeriod=1d", ROW(",\"title\":\"new\"," OWN), 31000);
	assert_ptr_equal(again, i);
	assert_null(strstr(i->json->data, "new"));
	item_unref(again);
	again = put_row(&s, "&environment=x", ROW(",\"title\":\"new\"," OWN), 99000);
	assert_null(strstr(i->json->data, "new"));
	item_unref(again);
	again = put_row(&s, "&statsPeriod=1d", ROW(",\"title\":\"new\"," OWN), 31001);
	assert_non_null(strstr(i->json->data, "new"));
	item_unref(again);
	for (size_t n = 0; n < 4; n++) {
		again = put_row(&s, "&statsPeriod=1d", incomplete[n], 99000);
		assert_int_equal(i->size, 30);
		assert_int_equal(i->fetched, 31001);
		item_unref(again);
	}
	item_unref(i);
	for (size_t n = 0; n < 4; n++) {
		i = put_row(&s, "&environment=x", incomplete[n], 99000);
		assert_true(i->fetched == WINDOW_UNKNOWN);
		item_unref(i);
	}
	item_store_done(&s);
}

/* ---- what refreshes a row ---- */

#define KEY(query)                                                                                                     \
	"organizations/o/issues/?project=7&query=" query                                                               \
	"&limit=100&groupStatsPeriod=&collapse=filtered&collapse=unhandled"
#define TWO(members) "[" ISSUE_WITH("6", "WEB-2", members) "," ISSUE_WITH("7", "WEB-3", members) "]"

static void asked(const struct fixture *f, const char *path)
{
	script_asked(&f->script, f->script.n - 1, path);
}

static struct node *opened(struct fixture *f, const char *name, const char *key, const char *body)
{
	struct node *web = f->issues->parent, *dir = entry(f, entry(f, web, "search"), name);

	listed(f, dir, body);
	asked(f, key);
	return dir;
}

static void status_is(struct fixture *f, const char *issue, const char *text)
{
	struct script_reply r;
	struct node *n = entry(f, entry(f, f->issues, issue), "status");

	script_run(&f->mount, &r, verb_open, n, NULL);
	assert_int_equal(r.form, REPLY_OPENED);
	assert_true(str_eqz(verb_read(r.handle), text));
	handle_free(r.handle);
}

/* Rows that only a search holds come from it again, all with one request. */
static void test_a_search_refreshes_its_rows(void **state)
{
	struct fixture f;
	struct script_reply r;
	unsigned before;

	(void)state;
	begin(&f);
	f.options.max_issues = 1000; /* nobody waits for a longer one */
	opened(&f, "is:resolved", KEY("is%3Aresolved"), TWO(",\"status\":\"resolved\""));
	before = f.script.n;
	status_is(&f, "WEB-2", "resolved\n");
	assert_int_equal(f.script.n, before);
	pass(&f, 61000);
	script_run(&f.mount, &r, verb_open, entry(&f, entry(&f, f.issues, "WEB-2"), "status"), NULL);
	waits(&r);
	asked(&f, KEY("is%3Aresolved"));
	answer(&f, 200, TWO(",\"status\":\"ignored\""));
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
	status_is(&f, "WEB-2", "ignored\n");
	status_is(&f, "WEB-3", "ignored\n");
	assert_int_equal(f.script.n, before + 1);
	end(&f);
}

/* A window's listing tells nothing of an issue without `lifetime`: that one is asked for. */
static void test_a_window_does_not(void **state)
{
	struct fixture f;
	struct script_reply r;

	(void)state;
	begin(&f);
	entry(&f, f.issues->parent, "search");
	script_run(&f.mount, &r, verb_opendir,
		   entry(&f, entry(&f, f.issues->parent, "search"), "is:resolved&statsPeriod=1d"), NULL);
	asked(&f, KEY("is%3Aresolved") "&statsPeriod=1d");
	answer(&f, 200, TWO(",\"status\":\"resolved\""));
	waits(&r);
	asked(&f, "organizations/o/issues/"
		  "?project=7&group=6&group=7&groupStatsPeriod=&collapse=filtered&collapse=unhandled");
	answer(&f, 200, "[" ISSUE_WITH("6", "WEB-2", ",\"status\":\"resolved\"") "]");
	op_tick(&f.mount);
	assert_int_equal(r.form, REPLY_OPENED);
	assert_int_equal(r.handle->listing->n, 2);
	handle_free(r.handle);
	status_is(&f, "WEB-2", "resolved\n");
	/* what the batch did not tell of is asked for when it is read */
	script_run(&f.mount, &r, verb_open, entry(&f, entry(&f, f.issues, "WEB-3"), "status"), NULL);
	waits(&r);
	asked(&f, "organizations/o/issues/WEB-3/");
	end(&f);
}

/* ---- .bulk of a result ---- */

static void test_bulk_of_a_cut_listing_sends_nothing(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct node *dir, *bulk;
	struct handle *h;
	unsigned before;

	(void)state;
	begin(&f);
	dir = opened(&f, "is:resolved&limit=1",
		     "organizations/o/issues/?project=7&query=is%3Aresolved&limit=1&groupStatsPeriod=&collapse=filtered"
		     "&collapse=unhandled",
		     TWO(",\"status\":\"resolved\""));
	before = f.script.n;
	bulk = entry(&f, dir, ".bulk");
	h = save(&f, &r, entry(&f, bulk, "status"), "ignored\n");
	failed(&r, -EFBIG);
	last_error_has(&f, bulk, "more issues match");
	assert_int_equal(f.script.n, before);
	handle_free(h);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_is_no_name),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_search_refreshes_its_rows),
		cmocka_unit_test(test_a_window_does_not),
		cmocka_unit_test(test_bulk_of_a_cut_listing_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
