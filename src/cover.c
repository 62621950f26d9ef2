// SPDX-License-Identifier: MIT
/*
 * What a change of an object does to it, and whether an answer shows it: objects of JSON
 * put together and compared, member by member. Pure functions over valid JSON.
 */
#include <errno.h>

#include "sentryfs/json.h"

/* The member whose name is this token, as it stands or decoded. */
static bool same_member(struct str object, struct str token, struct str *ret)
{
	struct json_walk w;
	struct str name;

	json_walk(&w, object);
	while (w.object && json_step(&w, &name, ret))
		if (json_same(name, token))
			return true;
	return false;
}

static bool is_object(struct str s)
{
	s = str_trim(s);
	return s.n && *s.s == '{';
}

/* The same, where the one member is often behind the one that was found before: *at. */
static bool next_member(struct json_walk *at, struct str object, struct str token, struct str *ret)
{
	struct json_walk w = *at;
	struct str name;

	if (!json_step(&w, &name, ret) || !json_same(name, token)) {
		json_walk(&w, object);
		do
			if (!json_step(&w, &name, ret))
				return false;
		while (!json_same(name, token));
	}
	*at = w;
	return true;
}

int json_merge(struct buf *b, struct str object, struct str delta)
{
	struct str name, value, other;
	struct json_walk w, at;
	char mark = '{';

	if (!is_object(object) || !is_object(delta))
		return -EBADMSG;
	json_walk(&w, object);
	json_walk(&at, delta);
	while (json_step(&w, &name, &value)) {
		buf_addc(b, mark);
		mark = ',';
		buf_add_str(b, name);
		buf_addc(b, ':');
		buf_add_str(b, next_member(&at, delta, name, &other) ? other : value);
	}
	buf_puts(b, mark == '{' ? "{}" : "}");
	return b->error;
}

bool json_covers(struct str value, struct str expect)
{
	struct str name, wanted, have;
	struct json_walk w;
	bool any = false;

	value = str_trim(value);
	expect = str_trim(expect);
	if (str_eqz(expect, "[]"))
		return value.n && !str_eqz(value, "null");
	if (value.n && *value.s == '[' && expect.n && *expect.s != '[') {
		json_walk(&w, value);
		while (!any && json_step(&w, &name, &have))
			any = json_covers(have, expect);
		return any;
	}
	if (!is_object(expect))
		return json_same(value, expect);
	if (!is_object(value))
		return false;
	json_walk(&w, expect);
	while (json_step(&w, &name, &wanted))
		if (!json_covers(same_member(value, name, &have) ? have : STR("null"), wanted))
			return false;
	return true;
}

bool json_covers_delta(struct str delta, struct str expect)
{
	struct str name, wanted, have;
	struct json_walk w;
	bool any = false;

	if (!is_object(expect))
		return false;
	json_walk(&w, expect);
	while (json_step(&w, &name, &wanted)) {
		if (!same_member(delta, name, &have))
			continue;
		if (!json_covers(have, wanted))
			return false;
		any = true;
	}
	return any;
}
