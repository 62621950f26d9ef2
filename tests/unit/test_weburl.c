// SPDX-License-Identifier: MIT
/* Addresses of web pages: what each names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "sentryfs/weburl.h"

struct row {
	const char *text, *origin, *org, *project, *issue, *event;
};

#define EVENT "0123456789abcdef0123456789abcdef"

static const struct row rows[] = {
	/* Sentry's own service: a customer domain */
	{"https://acme.sentry.io/issues/123/?project=1", "https://sentry.io", "acme", "1", "123", NULL},
	{"https://acme.sentry.io/issues/?project=1&query=is%3Aunresolved", "https://sentry.io", "acme", "1", NULL,
	 NULL},
	{"https://acme.sentry.io/issues/123/events/" EVENT "/?project=1&referrer=previous-event", "https://sentry.io",
	 "acme", "1", "123", EVENT},
	{"https://acme.sentry.io/issues/?project=1&project=2", "https://sentry.io", "acme", NULL, NULL, NULL},
	{"https://acme.sentry.io/issues/?project=-1", "https://sentry.io", "acme", NULL, NULL, NULL},
	{"https://acme.sentry.io/insights/projects/web/?project=1", "https://sentry.io", "acme", "web", NULL, NULL},
	{"https://acme.sentry.io/settings/projects/web/", "https://sentry.io", "acme", "web", NULL, NULL},
	{"https://acme.sentry.io", "https://sentry.io", "acme", NULL, NULL, NULL},
	/* its other addresses */
	{"https://sentry.io/organizations/acme/issues/123/", "https://sentry.io", "acme", NULL, "123", NULL},
	{"https://sentry.io/organizations/acme/issues/WEB-1A2/", "https://sentry.io", "acme", NULL, "WEB-1A2", NULL},
	{"https://sentry.io/acme/web/issues/123/", "https://sentry.io", "acme", "web", "123", NULL},
	{"https://us.sentry.io/organizations/acme/issues/123/", "https://us.sentry.io", "acme", NULL, "123", NULL},
	{"https://www.sentry.io/", "https://www.sentry.io", NULL, NULL, NULL, NULL},
	/* self-hosted */
	{"https://Sentry.Example.com:9443/organizations/acme/issues/123/activity/?project=2#x?y",
	 "https://sentry.example.com:9443", "acme", "2", "123", NULL},
	{"http://127.0.0.1:9000/organizations/acme/projects/web/", "http://127.0.0.1:9000", "acme", "web", NULL, NULL},
	{"https://sentry.example.com/settings/acme/projects/web/keys/", "https://sentry.example.com", "acme", "web",
	 NULL, NULL},
	{"https://sentry.example.com/", "https://sentry.example.com", NULL, NULL, NULL, NULL},
	/* GlitchTip */
	{"https://glitchtip.example.com/acme/issues/123", "https://glitchtip.example.com", "acme", NULL, "123", NULL},
	{"https://glitchtip.example.com/acme/issues?project=4&query=is:unresolved", "https://glitchtip.example.com",
	 "acme", "4", NULL, NULL},
	/* what names nothing that can be mounted */
	{"https://sentry.example.com/auth/login/", "https://sentry.example.com", NULL, NULL, NULL, NULL},
	{"https://sentry.example.com/organizations/acme/issues/feedback/", "https://sentry.example.com", "acme", NULL,
	 NULL, NULL},
	{"https://sentry.example.com/organizations/acme/issues/../../x/", "https://sentry.example.com", "acme", NULL,
	 NULL, NULL},
	{"https://acme.sentry.io.example.com/issues/1/", "https://acme.sentry.io.example.com", NULL, NULL, "1", NULL},
};

static void same(struct str have, const char *want)
{
	assert_int_equal(have.s == NULL, want == NULL);
	assert_true(str_eqz(have, want));
}

static void test_what_each_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct weburl u;

		assert_int_equal(weburl_parse(str_of(rows[i].text), &u), 0);
		assert_string_equal(u.origin, rows[i].origin);
		same(u.org, rows[i].org);
		same(u.project, rows[i].project);
		same(u.issue, rows[i].issue);
		same(u.event, rows[i].event);
		weburl_done(&u);
	}
}

static void test_what_is_none(void **state)
{
	static const char *const wrong[] = {"",
					    "acme",
					    "https://",
					    "http:///issues/1",
					    "ftp://sentry.io/",
					    "https://jane:secret@sentry.example.com/organizations/acme/",
					    "https://sentry.io@evil.example/",
					    "https://a b/",
					    "https://sentry.example.com/organizations/../issues/1/",
					    "https://sentry.example.com/organizations/-x/",
					    "https://host:99999/"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct weburl u;

		assert_int_equal(weburl_parse(str_of(wrong[i]), &u), -EINVAL);
		weburl_done(&u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_each_names),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
