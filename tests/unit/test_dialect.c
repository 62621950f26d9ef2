// SPDX-License-Identifier: MIT
/* The table of servers: which one it is, what it lacks, how paths are written there, and
 * where a token may go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/dialect.h"
#include "sentryfs/origin.h"

#define LIST                                                                                                           \
	"organizations/{o}/issues/?project={P}&query={q}&limit={M}&groupStatsPeriod=&collapse=filtered"                \
	"&collapse=unhandled"

static struct dialect of(const char *whoami, bool limited)
{
	struct dialect d;

	dialect_init(&d);
	dialect_learn(&d, str_of(whoami), limited);
	return d;
}

static void test_which(void **state)
{
	static const struct {
		const char *whoami;
		bool limited;
		const char *name;
	} rows[] = {
		{"{\"version\":\"0\"}", true, "sentry"},
		{"{\"version\":\"0\"}", false, "self-hosted"},
		{"", false, "self-hosted"},
		{"", true, "sentry"},
		{"{}", false, "self-hosted"},
		{"[]", false, "self-hosted"},
		{"{\"version\":6}", false, "self-hosted"},
		{"{\"version\":\"\"}", false, "self-hosted"},
		{"{\"version\":\"x.1\"}", false, "self-hosted"},
		{"{\"version\":\"6.2.6\"}", false, "glitchtip"},
		{"{\"version\":\"6\"}", false, "glitchtip"},
		{"{\"version\":\"10.0\"}", false, "glitchtip"},
		{"{\"version\":\"5.2.0\"}", false, "glitchtip-old"},
		{"{\"version\":\"3.0.1\"}", false, "glitchtip-old"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct dialect d = of(rows[i].whoami, rows[i].limited);

		assert_string_equal(dialect_name(&d), rows[i].name);
	}
}

/* The whole template, turned as template_expand does it. */
static void turns(const struct dialect *d, const char *from, const char *to)
{
	cleanup_buf struct buf b = {0};
	size_t n;

	buf_init(&b, 4096);
	for (const char *p = from; *p;) {
		const char *turned = dialect_turn(d, p, &n);

		buf_puts(&b, turned ? turned : "");
		if (!turned)
			buf_addc(&b, *p);
		p += turned ? n : 1;
	}
	buf_addc(&b, '\0');
	assert_string_equal(b.data, to);
}

static void test_paths(void **state)
{
	struct dialect sentry = of("", true), new = of("{\"version\":\"6.2\"}", false),
		       old = of("{\"version\":\"5.2\"}", false);
	static const char events[] = "organizations/{o}/issues/{i}/events/?per_page={E}";

	(void)state;
	turns(&sentry, LIST, LIST);
	turns(&sentry, events, events);
	turns(&new, LIST, "organizations/{o}/issues/?project={P}&query={q}&limit={M}&sort=-last_seen");
	turns(&old, LIST, "organizations/{o}/issues/?project={P}&query={q}&limit={M}&sort=-last_seen");
	turns(&new, events, "organizations/{o}/issues/{i}/events/?limit={E}");
	turns(&old, events, "issues/{i}/events/?limit={E}");
	turns(&new, "organizations/{o}/issues/{s}/", "organizations/{o}/issues/{i}/");
	turns(&old, "organizations/{o}/issues/{s}/", "issues/{i}/");
	turns(&old, "organizations/{o}/issues/{n}/", "issues/{n}/");
	turns(&old, "organizations/{o}/issues/{i}/hashes/", "organizations/{o}/issues/{i}/hashes/");
	turns(&old, "organizations/{o}/issues/{C}/", "organizations/{o}/issues/{C}/");
}

static void test_features(void **state)
{
	struct dialect sentry = of("", true), own = of("", false), new = of("{\"version\":\"6.2\"}", false),
		       old = of("{\"version\":\"5.2\"}", false);

	(void)state;
	for (int f = 0; f < FEATURES; f++) {
		assert_true(dialect_has(NULL, f));
		assert_true(dialect_has(&sentry, f));
		assert_true(dialect_has(&own, f));
		assert_true(f == FEATURE_ANY || *dialect_lacks(f));
		assert_true(dialect_has(&new, f) || !dialect_has(&old, f));
	}
	assert_true(dialect_has(&new, FEATURE_ASSIGNEE));
	assert_false(dialect_has(&old, FEATURE_ASSIGNEE));
	dialect_forget(&sentry, FEATURE_HASHES);
	dialect_forget(&sentry, FEATURE_ANY);
	assert_false(dialect_has(&sentry, FEATURE_HASHES));
	assert_true(dialect_has(&sentry, FEATURE_ANY));
	/* what was learnt stays while it is the same server */
	dialect_learn(&sentry, STR("{\"version\":\"0\"}"), true);
	assert_false(dialect_has(&sentry, FEATURE_HASHES));
	dialect_learn(&sentry, STR("{\"version\":\"0\"}"), false);
	assert_true(dialect_has(&sentry, FEATURE_HASHES));
	/* an older one of one's own shows what it lacks; sentry.io has all */
	dialect_learn_issue(&own, STR("{\"id\":1,\"priority\":null}"));
	assert_false(dialect_has(&own, FEATURE_SUBSTATUS));
	assert_true(dialect_has(&own, FEATURE_PRIORITY));
	dialect_init(&sentry);
	dialect_learn_issue(&sentry, STR("{\"id\":1}"));
	assert_true(dialect_has(&sentry, FEATURE_PRIORITY));
}

static void test_words(void **state)
{
	(void)state;
	assert_true(dialect_covers(STR("{\"status\":\"ignored\"}"), STR("{\"status\":\"ignored\"}"), false));
	assert_true(
		dialect_covers(STR("{\"status\":\"muted\",\"a\":1}"), STR("{\"status\":\"ignored\",\"a\":1}"), false));
	assert_true(dialect_covers(STR("{\"status\":\"muted\"}"), STR("{\"status\":\"ignored\"}"), true));
	assert_false(
		dialect_covers(STR("{\"status\":\"muted\",\"a\":2}"), STR("{\"status\":\"ignored\",\"a\":1}"), false));
	assert_false(dialect_covers(STR("{\"status\":\"muted\"}"), STR("{\"status\":\"resolved\"}"), false));
	assert_true(str_eqz(dialect_status(STR("\"muted\"")), "\"ignored\""));
	assert_true(str_eqz(dialect_status(STR("\"resolved\"")), "\"resolved\""));
}

static void test_regions(void **state)
{
	static const struct {
		const char *origin, *told, *region; /* NULL: stay */
	} rows[] = {
		{"https://sentry.io", "https://us.sentry.io", "https://us.sentry.io"},
		{"https://sentry.io", "https://DE.sentry.io/", "https://de.sentry.io"},
		{"https://acme.sentry.io", "https://us.sentry.io", "https://us.sentry.io"},
		{"https://us.sentry.io", "https://sentry.io", "https://sentry.io"},
		{"http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:2"},
		{"https://sentry.io", "https://sentry.io", NULL},
		{"https://sentry.io", "", NULL},
		{"https://sentry.io", "http://us.sentry.io", NULL},
		{"https://sentry.io", "https://us.sentry.io:444", NULL},
		{"https://sentry.io", "https://us.sentry.io/evil", NULL},
		{"https://sentry.io", "https://user@us.sentry.io", NULL},
		{"https://sentry.io", "https://notsentry.io", NULL},
		{"https://sentry.io", "https://sentry.io.evil.example", NULL},
		{"https://sentry.io", "https://.sentry.io", NULL},
		{"https://sentry.io", "https://evil.example", NULL},
		{"https://sentry.io", "http://127.0.0.1:2", NULL},
		{"https://evil.example", "https://us.sentry.io", NULL},
		{"https://notsentry.io", "https://us.sentry.io", NULL},
		{"https://sentry.acme.example", "https://eu.sentry.acme.example", NULL},
		{"http://127.0.0.1:1", "http://10.0.0.1", NULL},
		{"http://127.0.0.1:1", "https://us.sentry.io", NULL},
		{"http://10.0.0.1", "http://127.0.0.1:2", NULL},
	};
	struct dialect sentry = of("", true), own = of("", false), other = of("{\"version\":\"6.2\"}", false);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_free char *region = dialect_region(&sentry, rows[i].origin, str_of(rows[i].told));

		if (rows[i].region)
			assert_string_equal(region, rows[i].region);
		else
			assert_null(region);
		assert_null(dialect_region(&own, rows[i].origin, str_of(rows[i].told)));
		assert_null(dialect_region(&other, rows[i].origin, str_of(rows[i].told)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_which), cmocka_unit_test(test_paths),
					   cmocka_unit_test(test_features), cmocka_unit_test(test_words),
					   cmocka_unit_test(test_regions)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
