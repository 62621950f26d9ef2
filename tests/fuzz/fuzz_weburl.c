// SPDX-License-Identifier: MIT
/* Any text as the address of a web page: where a token would go, and what becomes a part of a path. */
#include "fuzz.h"

#include <errno.h>

#include "sentryfs/origin.h"
#include "sentryfs/weburl.h"

/* The address begins with its origin, whatever follows; a customer's domain is Sentry's. */
static bool is_origin_of(const char *origin, struct str text)
{
	struct str begin = {text.s, strlen(origin)}, host = str_after(text, (size_t)(strchr(text.s, ':') - text.s) + 3);

	if (text.n >= begin.n && str_case_eq(begin, str_of(origin)))
		return text.n == begin.n || strchr("/?#", text.s[begin.n]);
	str_cut(&host, '.');
	return !strcmp(origin, "https://sentry.io") && host.n >= 9 &&
	       str_case_eq((struct str){host.s, 9}, STR("sentry.io")) && (host.n == 9 || strchr("/?#", host.s[9]));
}

static bool is_of(struct str part, struct str text, bool (*is)(struct str), bool (*also)(struct str))
{
	return !part.s || (fuzz_within(part, text) && (is(part) || also(part)));
}

static bool same(struct str a, struct str b)
{
	return !a.s == !b.s && str_eq(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size), page = text;
	char *again;
	struct weburl u, v;
	int r = weburl_parse(text, &u);

	MUST(!r || r == -EINVAL);
	MUST(r || weburl_is(text));
	if (!r) {
		again = origin_parse(str_of(u.origin), false);
		MUST(again && !strcmp(again, u.origin));
		free(again);
		MUST(is_origin_of(u.origin, text));
		MUST(is_of(u.org, text, name_is_slug, name_is_slug));
		MUST(is_of(u.project, text, name_is_slug, name_is_number));
		MUST(is_of(u.issue, text, name_is_short_id, name_is_number));
		MUST(is_of(u.event, text, name_is_event_id, name_is_event_id));
		MUST(!u.event.s || u.issue.s);
	}
	/* a fragment says nothing */
	page = str_cut(&page, '#');
	MUST(weburl_parse(page, &v) == r);
	MUST(r || (!strcmp(u.origin, v.origin) && same(u.org, v.org) && same(u.project, v.project) &&
		   same(u.issue, v.issue) && same(u.event, v.event)));
	weburl_done(&v);
	weburl_done(&u);
	return 0;
}
