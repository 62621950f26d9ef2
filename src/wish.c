// SPDX-License-Identifier: MIT
/*
 * The grammar of the control files: from a value to the PUT bodies that ask for it and
 * to what the answer must show (Sentry's GroupValidator, sentry-api 1.2).
 *
 * Here are the words; statusDetails is details.c's, who has an issue assignee.c's. Sends
 * nothing. Must not know handles, errors' texts or how a change goes on.
 */
#include "sentryfs/wish.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/tree.h"

void wish_done(struct wish *w)
{
	for (size_t i = 0; i < WISH_BODIES; i++)
		buf_done(&w->body[i]);
	buf_done(&w->expect);
	buf_done(&w->look);
}

struct buf *wish_body(struct wish *w)
{
	struct buf *b = &w->body[w->n++];

	buf_init(b, BUF_MAX_DEFAULT);
	return b;
}

struct buf *wish_expect(struct wish *w)
{
	buf_init(&w->expect, BUF_MAX_DEFAULT);
	return &w->expect;
}

int wish_refuse(struct wish *w, const char *words)
{
	w->words = words;
	return -EINVAL;
}

int wish_end(const struct wish *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->body[i].error)
			return w->body[i].error;
	return w->expect.error ? w->expect.error : w->look.error;
}

int wish_lacks(struct wish *w, enum feature f)
{
	w->words = dialect_lacks(f);
	return -EOPNOTSUPP;
}

bool wish_lacks_status(const struct wish *w, const struct dialect *d)
{
	struct str bytes;

	for (unsigned i = 0; i < w->n && dialect_status_always(d); i++)
		if (json_member(buf_str(&w->body[i]), "status", &bytes))
			return true;
	return false;
}

int wish_complete(struct wish *w, const struct dialect *d)
{
	struct str status, bytes;

	if (!wish_lacks_status(w, d))
		return 0;
	if (json_member(w->row, "status", &status))
		return -EBADMSG;
	for (unsigned i = 0; i < w->n; i++) {
		struct buf whole = {0};

		if (!json_member(buf_str(&w->body[i]), "status", &bytes))
			continue;
		buf_init(&whole, BUF_MAX_DEFAULT);
		buf_puts(&whole, "{\"status\":");
		buf_add_str(&whole, status);
		buf_addc(&whole, ',');
		buf_add(&whole, w->body[i].data + 1, w->body[i].len - 1);
		buf_done(&w->body[i]);
		w->body[i] = whole;
	}
	return wish_end(w);
}

bool wish_shows(const struct item *issue, struct str expect)
{
	return dialect_covers(blob_str(issue->json), expect, false);
}

/* ---- status ---- */

/* 30m, 12h, 7d, 2w in minutes; 0 for anything else. */
static unsigned minutes(struct str s)
{
	unsigned unit = 0;
	uint64_t n;

	if (s.n < 2)
		return 0;
	switch (s.s[s.n - 1]) {
	case 'm':
		unit = 1;
		break;
	case 'h':
		unit = 60;
		break;
	case 'd':
		unit = 1440;
		break;
	case 'w':
		unit = 10080;
		break;
	}
	if (!unit || str_to_u64((struct str){s.s, s.n - 1}, &n) || n > WISH_NUMBER_MAX / unit)
		return 0;
	return (unsigned)n * unit;
}

/* What follows `ignored until`: 100x, 10u, with a window. */
static int until(struct wish *w, struct str how, struct buf *details)
{
	struct str window = how, count = str_cut(&window, '/');
	bool users = count.n && count.s[count.n - 1] == 'u';
	unsigned within = 0;
	uint64_t n;

	if (count.n < 2 || (!users && count.s[count.n - 1] != 'x') ||
	    str_to_u64((struct str){count.s, count.n - 1}, &n) || !n || n > WISH_NUMBER_MAX)
		return wish_refuse(w, "after `ignored until` comes a number of events (100x) or users (10u)");
	if (window.s && !(within = minutes(window)))
		return wish_refuse(w, "after the slash comes a time such as 30m, 1h or 1d");
	if (within > WISH_WINDOW_MAX)
		return wish_refuse(w, "the window is at most 10080 minutes (7d)");
	buf_printf(details, "{\"%s\":%llu", users ? "ignoreUserCount" : "ignoreCount", (unsigned long long)n);
	if (within)
		buf_printf(details, ",\"%s\":%u", users ? "ignoreUserWindow" : "ignoreWindow", within);
	buf_addc(details, '}');
	return 0;
}

/* The status is not written anew where it is the same already, and then its kind is not
 * either: another kind takes two steps (update.py: exclude(status=new_status)). */
static int ignore(struct op *op, struct wish *w, const struct item *issue, bool fresh, const char *kind,
		  struct str details)
{
	struct buf *b, *expect = wish_expect(w);
	char substatus[64] = "";

	if (dialect_has(&op->mount->dialect, FEATURE_SUBSTATUS))
		snprintf(substatus, sizeof(substatus), ",\"substatus\":\"%s\"", kind);
	buf_puts(expect, "{\"status\":\"ignored\"");
	buf_puts(expect, substatus);
	/* a count is shown as what is left of it, a duration as its end */
	if (details.n)
		buf_printf(expect, ",\"statusDetails\":{\"%s\":[]}",
			   str_has(details, "ignoreUserCount") ? "ignoreUserCount"
			   : str_has(details, "ignoreCount")   ? "ignoreCount"
							       : "ignoreUntil");
	buf_addc(expect, '}');
	if (fresh && !details.n && wish_shows(issue, buf_str(expect)))
		return 0;
	if ((*substatus || details.n) && wish_shows(issue, STR("{\"status\":\"ignored\"}")))
		buf_puts(wish_body(w), "{\"status\":\"unresolved\"}");
	b = wish_body(w);
	buf_puts(b, "{\"status\":\"ignored\"");
	buf_puts(b, substatus);
	if (details.n) {
		buf_puts(b, ",\"statusDetails\":");
		buf_add_str(b, details);
	}
	buf_addc(b, '}');
	return wish_end(w);
}

static int ignored(struct op *op, struct wish *w, const struct item *issue, bool fresh, struct str rest)
{
	cleanup_buf struct buf details = {0};
	struct str how = str_word(&rest), what = str_trim(rest);
	unsigned time;
	int r;

	if (!how.n)
		return ignore(op, w, issue, fresh, "archived_until_escalating", STR(""));
	if (str_eqz(how, "forever") && !what.n)
		return ignore(op, w, issue, fresh, "archived_forever", STR(""));
	buf_init(&details, 256);
	if (str_eqz(how, "for") && (time = minutes(what))) {
		buf_printf(&details, "{\"ignoreDuration\":%u}", time);
	} else if (str_eqz(how, "until")) {
		r = until(w, what, &details);
		if (r)
			return r;
	} else {
		return wish_refuse(w, "after `ignored` comes forever, for TIME or until COUNT");
	}
	if (!dialect_has(&op->mount->dialect, FEATURE_CONDITIONS))
		return wish_lacks(w, FEATURE_CONDITIONS);
	return ignore(op, w, issue, fresh, "archived_until_condition_met", buf_str(&details));
}

static void in_commit(struct buf *details, struct str repository, struct str commit)
{
	buf_puts(details, "{\"inCommit\":{\"commit\":");
	json_quote(details, commit);
	buf_puts(details, ",\"repository\":");
	json_quote(details, repository);
	buf_puts(details, "}}");
}

static int resolved_in(const struct dialect *d, struct wish *w, const struct item *issue, bool fresh, struct str where)
{
	cleanup_buf struct buf details = {0};
	const char *shown = NULL; /* what the answer says; NULL: what was sent */
	struct buf *b;

	buf_init(&details, 4096);
	if (!dialect_has(d, FEATURE_RELEASES))
		return wish_lacks(w, FEATURE_RELEASES);
	if (str_starts(where, "@commit:")) {
		struct str commit = {where.s + strlen("@commit:"), where.n - strlen("@commit:")};
		struct str repository = str_cut(&commit, '@');

		if (!repository.n || !commit.n)
			return wish_refuse(w, "a commit is written @commit:REPOSITORY@SHA");
		if (!dialect_has(d, FEATURE_COMMITS))
			return wish_lacks(w, FEATURE_COMMITS);
		in_commit(&details, repository, commit);
		shown = "{\"inCommit\":[]}";
	} else if (str_eqz(where, "@next")) {
		buf_puts(&details, "{\"inNextRelease\":true}");
	} else {
		if (!where.n || (*where.s == '@' && !str_eqz(where, "@latest")))
			return wish_refuse(
				w, "after `resolved in` comes a version, @next, @latest or @commit:REPOSITORY@SHA");
		buf_puts(&details, "{\"inRelease\":");
		json_quote(&details, str_eqz(where, "@latest") ? STR("latest") : where);
		buf_addc(&details, '}');
		if (*where.s == '@')
			shown = "{\"inRelease\":[]}";
	}
	b = wish_expect(w);
	buf_puts(b, "{\"status\":\"resolved\",\"statusDetails\":");
	buf_add_str(b, shown ? str_of(shown) : buf_str(&details));
	buf_addc(b, '}');
	if (fresh && !shown && !details.error && wish_shows(issue, buf_str(b)))
		return wish_end(w);
	b = wish_body(w);
	buf_puts(b, "{\"status\":\"resolved\",\"statusDetails\":");
	buf_add_str(b, buf_str(&details));
	buf_addc(b, '}');
	return details.error ? details.error : wish_end(w);
}

int wish_status(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		struct wish *w)
{
	struct str rest = value, word = str_word(&rest);

	(void)n;
	rest = str_trim(rest);
	if (str_eqz(word, "ignored"))
		return ignored(op, w, issue, fresh, rest);
	if (str_eqz(word, "resolved") && rest.n) {
		if (!str_eqz(str_word(&rest), "in"))
			return wish_refuse(w, "after `resolved` comes in VERSION");
		return resolved_in(&op->mount->dialect, w, issue, fresh, str_trim(rest));
	}
	if (rest.n)
		return wish_refuse(w, "that is not a status");
	if (str_eqz(word, "resolvedInNextRelease") && !dialect_next_release(&op->mount->dialect))
		return resolved_in(&op->mount->dialect, w, issue, fresh, STR("@next"));
	if (str_eqz(word, "resolvedInNextRelease")) {
		buf_puts(wish_expect(w), "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}");
		if (fresh && wish_shows(issue, buf_str(&w->expect)))
			return 0;
	} else if (str_eqz(word, "resolved") || str_eqz(word, "unresolved")) {
		buf_printf(wish_expect(w), "{\"status\":\"%.*s\"}", (int)word.n, word.s);
		if (fresh && wish_shows(issue, buf_str(&w->expect)))
			return 0;
	} else {
		return wish_refuse(w, "that is not a status");
	}
	buf_printf(wish_body(w), "{\"status\":\"%.*s\"}", (int)word.n, word.s);
	return wish_end(w);
}

/* ---- the plain ones ---- */

/* {"FIELD":VALUE}, which is also what the answer shows. */
static int plain(struct wish *w, const struct node *n, const struct item *issue, bool fresh, const char *value)
{
	buf_printf(wish_expect(w), "{\"%s\":%s}", n->name, value);
	if (!fresh || !wish_shows(issue, buf_str(&w->expect)))
		buf_add_str(wish_body(w), buf_str(&w->expect));
	return wish_end(w);
}

int wish_priority(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		  struct wish *w)
{
	static const char *const words[] = {"low", "medium", "high"};
	char quoted[16];

	(void)op;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!str_eqz(value, words[i]))
			continue;
		snprintf(quoted, sizeof(quoted), "\"%s\"", words[i]);
		return plain(w, n, issue, fresh, quoted);
	}
	return wish_refuse(w, "that is not a priority");
}

int wish_flag(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
	      struct wish *w)
{
	(void)op;
	if (str_eqz(value, "1") || str_eqz(value, "true"))
		return plain(w, n, issue, fresh, "true");
	if (str_eqz(value, "0") || str_eqz(value, "false"))
		return plain(w, n, issue, fresh, "false");
	return wish_refuse(w, "that is not true or false");
}
