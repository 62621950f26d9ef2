// SPDX-License-Identifier: MIT
/*
 * From the name of a search to what is asked of the server. Pure functions over text;
 * what the terms mean is the server's, but for those that it does not have.
 */
#include "sentryfs/search.h"

#include <errno.h>

#include "sentryfs/name.h"

#define TEXT_MAX ((size_t)8192)

void search_init(struct search *s)
{
	*s = (struct search){0};
	buf_init(&s->query, TEXT_MAX);
	buf_init(&s->params, TEXT_MAX);
}

void search_done(struct search *s)
{
	buf_done(&s->query);
	buf_done(&s->params);
}

static int refuse(struct search *s, const char *why)
{
	s->why = why;
	return -EINVAL;
}

/* ---- parameters ---- */

static void add_term(struct search *s, const char *key, struct str value)
{
	bool quoted = memchr(value.s, ' ', value.n) || memchr(value.s, '"', value.n);

	buf_printf(&s->query, "%s%s%s", s->query.len ? " " : "", key, quoted ? "\"" : "");
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '"' || (quoted && value.s[i] == '\\'))
			buf_addc(&s->query, '\\');
		buf_addc(&s->query, value.s[i]);
	}
	buf_puts(&s->query, quoted ? "\"" : "");
}

void search_param(struct search *s, const char *key, struct str value)
{
	buf_printf(&s->params, "&%s=", key);
	url_encode(&s->params, value);
}

static int take_sent(struct search *s, const char *key, struct str value)
{
	search_param(s, key, value);
	return 0;
}

static int take_status(struct search *s, const char *key, struct str value)
{
	(void)key;
	for (size_t i = 0; i < value.n; i++)
		if (value.s[i] != '_' && ((value.s[i] | 32) < 'a' || (value.s[i] | 32) > 'z'))
			return refuse(s, "status= takes one word, as is: does");
	add_term(s, "is:", value);
	return 0;
}

static int take_assignee(struct search *s, const char *key, struct str value)
{
	(void)key;
	/* a team is #slug in a search, and team:slug where it is assigned */
	if (str_starts(value, "team:")) {
		add_term(s, "assigned:#", (struct str){value.s + 5, value.n - 5});
		return 0;
	}
	add_term(s, "assigned:", value);
	return 0;
}

static int take_limit(struct search *s, const char *key, struct str value)
{
	uint64_t n;

	(void)key;
	if (str_to_u64(value, &n) || !n || n > SEARCH_LIMIT_MAX)
		return refuse(s, "limit= takes a number from 1 to 100000");
	s->limit = (unsigned)n;
	return 0;
}

static const struct param {
	const char *key;
	int (*take)(struct search *s, const char *key, struct str value);
} params[] = {
	{"statsPeriod", take_sent}, {"start", take_sent},	{"end", take_sent},
	{"utc", take_sent},	    {"environment", take_sent}, {"sort", take_sent},
	{"limit", take_limit},	    {"status", take_status},	{"assignee", take_assignee},
};

static const struct param *find_param(struct str key)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++)
		if (str_eqz(key, params[i].key))
			return &params[i];
	return NULL;
}

/* The parameter that the part sets, or NULL; *value is what comes behind the sign. */
static const struct param *param_of(struct str part, struct str *value)
{
	struct str key = str_cut(&part, '=');

	*value = part;
	return part.s ? find_param(key) : NULL;
}

/* ---- names ---- */

bool search_is_name(struct str name)
{
	return name.n && name.n <= NAME_BYTES_MAX && *name.s != '.' && text_is_clean(name);
}

bool search_is_plain(struct str name)
{
	struct str value;

	if (!search_is_name(name))
		return false;
	return memchr(name.s, ':', name.n) || memchr(name.s, '&', name.n) || memchr(name.s, ' ', name.n) ||
	       param_of(name, &value);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(struct search *s, struct str part, struct buf *b)
{
	for (size_t i = 0; i < part.n; i++) {
		int high, low;

		if (part.s[i] != '%') {
			buf_addc(b, part.s[i]);
			continue;
		}
		high = i + 2 < part.n ? hex(part.s[i + 1]) : -1;
		low = high < 0 ? -1 : hex(part.s[i + 2]);
		if (low < 0)
			return refuse(s, "a % is written %25");
		buf_addc(b, (char)(high << 4 | low));
		i += 2;
	}
	if (!text_is_utf8(buf_str(b)))
		return refuse(s, "what a %XX stands for is not text");
	return b->error;
}

static int take_part(struct search *s, struct str part, bool first)
{
	cleanup_buf struct buf text = {0};
	struct str raw;
	const struct param *p = param_of(part, &raw);
	int r;

	buf_init(&text, TEXT_MAX);
	r = decode(s, p ? raw : part, &text);
	if (r)
		return r;
	if (p)
		return text.len ? p->take(s, p->key, buf_str(&text)) : refuse(s, "a parameter has no value");
	if (!first && part.n)
		return refuse(s, memchr(part.s, '=', part.n) ? "there is no such parameter"
							     : "after & comes a parameter, KEY=VALUE");
	buf_add_str(&s->query, buf_str(&text));
	return 0;
}

int search_parse(struct search *s, struct str name)
{
	struct str rest = name;
	bool first = true;
	int r = 0;

	while (rest.s && !r) {
		struct str part = str_cut(&rest, '&');

		/* nothing before the first &, but never between two or at the end */
		if (!part.n && !(first && rest.s))
			return refuse(s, "after & comes a parameter, KEY=VALUE");
		r = take_part(s, part, first);
		first = false;
	}
	return r ? r : s->query.error ? s->query.error : s->params.error;
}
