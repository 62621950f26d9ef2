// SPDX-License-Identifier: MIT
/*
 * As much of Sentry's search syntax as it takes to see that an issue that we have just
 * changed left a listing. Searching is the server's.
 */
#include "sentryfs/query.h"

#include "sentryfs/buf.h"
#include "sentryfs/dialect.h"
#include "sentryfs/json.h"

/* The next term; a quoted value or a list may hold spaces. */
static struct str take_term(struct str *rest)
{
	struct str term;
	char until = 0;
	size_t n = 0;

	*rest = str_trim(*rest);
	while (n < rest->n && (until || rest->s[n] != ' ')) {
		char c = rest->s[n++];

		if (until)
			until = c == until ? 0 : until;
		else if (c == '"' || c == '[')
			until = c == '[' ? ']' : c;
	}
	term = (struct str){rest->s, n};
	rest->s += n;
	rest->n -= n;
	return term;
}

static bool member_is(struct str issue, const char *key, const char *value)
{
	struct str bytes;

	return !json_member(issue, key, &bytes) && bytes.n >= 2 && *bytes.s == '"' &&
	       str_eqz((struct str){bytes.s + 1, bytes.n - 2}, value);
}

static bool is_assigned(struct str issue)
{
	struct str bytes;

	return !json_member(issue, "assignedTo", &bytes) && bytes.n && *bytes.s == '{';
}

enum verdict { UNSURE, MET, NOT_MET };

static enum verdict verdict_of(bool met)
{
	return met ? MET : NOT_MET;
}

static enum verdict judge_is(struct str value, struct str issue)
{
	static const char *const kinds[] = {"new", "ongoing", "regressed", "escalating"};

	if (str_eqz(value, "ignored") || str_eqz(value, "archived") || str_eqz(value, "muted"))
		return verdict_of(dialect_covers(issue, STR("{\"status\":\"ignored\"}"), false));
	for (int i = 0; i < 2; i++) {
		static const char *const words[] = {"unresolved", "resolved"};

		if (str_eqz(value, words[i]))
			return verdict_of(member_is(issue, "status", words[i]));
	}
	if (str_eqz(value, "assigned"))
		return verdict_of(is_assigned(issue));
	if (str_eqz(value, "unassigned"))
		return verdict_of(!is_assigned(issue));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (str_eqz(value, kinds[i]))
			return verdict_of(member_is(issue, "status", "unresolved") &&
					  member_is(issue, "substatus", kinds[i]));
	return UNSURE;
}

/* Is the member that text, whatever it is written as? */
static bool member_says(struct str object, const char *key, struct str text)
{
	cleanup_buf struct buf plain = {0};
	struct str bytes;

	if (json_member(object, key, &bytes))
		return false;
	buf_init(&plain, BUF_MAX_DEFAULT);
	json_plain(&plain, bytes);
	return !plain.error && str_case_eq(buf_str(&plain), text);
}

/* A user has several names, of which an issue tells one or two; but no user is a team, and
 * an e-mail address that is not the issue's is another's. */
static enum verdict judge_assigned(struct str value, struct str issue, const char *me)
{
	struct str who, email;
	bool team, address = value.n && memchr(value.s, '@', value.n);

	if (str_eqz(value, "none"))
		return verdict_of(!is_assigned(issue));
	if (!value.n || *value.s == '[' || *value.s == '"')
		return UNSURE;
	if (!is_assigned(issue) || json_member(issue, "assignedTo", &who))
		return NOT_MET;
	team = member_is(who, "type", "team");
	if (*value.s == '#') {
		value = (struct str){value.s + 1, value.n - 1};
		if (!team)
			return NOT_MET;
		return member_says(who, "slug", value) || member_says(who, "name", value) ? MET : UNSURE;
	}
	if (str_eqz(value, "me"))
		return team ? NOT_MET : me ? verdict_of(member_says(who, "id", str_of(me))) : UNSURE;
	if (!address)
		return UNSURE;
	if (team || member_says(who, "email", value))
		return verdict_of(!team);
	return json_member(who, "email", &email) || !memchr(email.s, '@', email.n) ? UNSURE : NOT_MET;
}

static enum verdict judge(struct str key, struct str value, struct str issue, const char *me)
{
	if (str_eqz(key, "is"))
		return judge_is(value, issue);
	return str_eqz(key, "assigned") ? judge_assigned(value, issue, me) : UNSURE;
}

bool query_excludes(struct str query, struct str issue, const char *me)
{
	struct str rest = query, term;
	bool excluded = false;

	while ((term = take_term(&rest)).n) {
		bool negated = *term.s == '!';
		struct str value = {term.s + negated, term.n - negated}, key;
		enum verdict v;

		if (str_case_eq(term, STR("or")) || *term.s == '(')
			return false;
		key = str_cut(&value, ':');
		v = value.s ? judge(key, value, issue, me) : UNSURE;
		excluded |= v == (negated ? MET : NOT_MET);
	}
	return excluded;
}
