// SPDX-License-Identifier: MIT
/*
 * Answers whose counts and dates are not the issue's own. Knows what their keys and their
 * rows say; must not know pages or who waits.
 */
#include "sentryfs/window.h"

#include "sentryfs/json.h"
#include "sentryfs/name.h"

/* Values in a key are encoded, so an & parts parameters. */
static bool has(const char *key, const char *param)
{
	return strstr(key, param);
}

bool window_is_part(const char *key)
{
	return has(key, "&statsPeriod=") || has(key, "&start=") || has(key, "&end=") || has(key, "&environment=");
}

/* GlitchTip's word for it goes along always. */
static bool is_by_date(const char *key)
{
	static const char param[] = "&sort=", word[] = "-last_seen";

	while ((key = strstr(key, param))) {
		key += strlen(param);
		if (strncmp(key, word, strlen(word)) != 0)
			return false;
	}
	return true;
}

bool window_is_stream(const char *key)
{
	return !window_is_part(key) && is_by_date(key);
}

/* Puts the issue's own counts and dates into the place of the window's; false where the
 * server does not tell all of them. */
static bool unwindow(struct buf *b, struct str bytes)
{
	static const char *const members[] = {"count", "userCount", "firstSeen", "lastSeen"};
	cleanup_buf struct buf own = {0};
	struct str lifetime, value;

	if (json_member(bytes, "lifetime", &lifetime) || *lifetime.s != '{')
		return false;
	buf_init(&own, 4096);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		if (json_member(lifetime, members[i], &value) || str_eqz(value, "null"))
			return false;
		buf_printf(&own, "%s\"%s\":", i ? "," : "{", members[i]);
		buf_add_str(&own, value);
	}
	buf_addc(&own, '}');
	return !own.error && !json_merge(b, bytes, buf_str(&own));
}

/* May the row that is there be kept? An environment's lifetime is that environment's on some
 * servers, so of a known issue it replaces nothing. */
static bool is_known(const struct item *i, const char *key, int64_t asked)
{
	if (!i || !i->json || i->gone || i->fetched <= WINDOW_ASKED)
		return false;
	return has(key, "&environment=") || i->fetched >= asked - WINDOW_KNOWN_MS;
}

int window_put(struct item_store *s, const char *scope, const char *key, const cJSON *entry, struct str bytes,
	       int64_t asked, const struct timespec *wall, struct item **ret)
{
	cleanup_buf struct buf own = {0};
	cleanup_json cJSON *tree = NULL;

	if (is_known(item_find(s, scope, json_string(entry, "shortId")), key, asked))
		return item_put(s, &item_issue, scope, entry, bytes, WINDOW_UNKNOWN, wall, true, ret);
	buf_init(&own, BUF_MAX_DEFAULT);
	if (!cJSON_IsObject(entry) || !unwindow(&own, bytes) || json_parse(buf_str(&own), &tree))
		return item_put(s, &item_issue, scope, entry, bytes, WINDOW_UNKNOWN, wall, true, ret);
	return item_put(s, &item_issue, scope, tree, buf_str(&own), asked, wall, true, ret);
}

void window_batch(struct buf *path, const char *key, struct item *const *issues, size_t n)
{
	struct str rest = str_of(key);

	/* the projects come first (kinds.c, ISSUE_LIST) */
	buf_add_str(path, str_cut(&rest, '&'));
	for (size_t i = 0; i < n; i++) {
		buf_puts(path, "&group=");
		url_encode(path, str_of(issues[i]->id));
	}
	buf_puts(path, "&groupStatsPeriod=&collapse=filtered&collapse=unhandled");
	buf_addc(path, '\0');
}
