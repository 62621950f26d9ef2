// SPDX-License-Identifier: MIT
/*
 * The grammar of the control files: from a value to the PUT bodies that ask for it and
 * to what the answer must show (Sentry's GroupValidator, sentry-api 1.2).
 *
 * Sends nothing but the look-ups of a name (`me`, a team). Must not know handles,
 * errors' texts or how a change goes on.
 */
#include "sentryfs/wish.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/kinds.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/source.h"

#define WINDOW_MAX 10080u /* minutes; the server's (status_details.py) */
#define NUMBER_MAX 1000000000u

void wish_done(struct wish *w)
{
	for (size_t i = 0; i < WISH_BODIES; i++)
		buf_done(&w->body[i]);
	buf_done(&w->expect);
}

/* The next body, empty. */
static struct buf *add_body(struct wish *w)
{
	struct buf *b = &w->body[w->n++];

	buf_init(b, BUF_MAX_DEFAULT);
	return b;
}

static struct buf *set_expect(struct wish *w)
{
	buf_init(&w->expect, BUF_MAX_DEFAULT);
	return &w->expect;
}

static int refuse(struct wish *w, const char *words)
{
	w->words = words;
	return -EINVAL;
}

static int done(const struct wish *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->body[i].error)
			return w->body[i].error;
	return w->expect.error;
}

static bool shows(const struct item *issue, struct str expect)
{
	return json_covers(blob_str(issue->json), expect);
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
	if (!unit || str_to_u64((struct str){s.s, s.n - 1}, &n) || n > NUMBER_MAX / unit)
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
	    str_to_u64((struct str){count.s, count.n - 1}, &n) || !n || n > NUMBER_MAX)
		return refuse(w, "after `ignored until` comes a number of events (100x) or users (10u)");
	if (window.s && !(within = minutes(window)))
		return refuse(w, "after the slash comes a time such as 30m, 1h or 1d");
	if (within > WINDOW_MAX)
		return refuse(w, "the window is at most 10080 minutes (7d)");
	buf_printf(details, "{\"%s\":%llu", users ? "ignoreUserCount" : "ignoreCount", (unsigned long long)n);
	if (within)
		buf_printf(details, ",\"%s\":%u", users ? "ignoreUserWindow" : "ignoreWindow", within);
	buf_addc(details, '}');
	return 0;
}

/* The status is not written anew where it is the same already, and then its kind is not
 * either: another kind takes two steps (update.py: exclude(status=new_status)). */
static int ignore(struct wish *w, const struct item *issue, bool fresh, const char *substatus, struct str details)
{
	struct buf *b, *expect = set_expect(w);

	buf_printf(expect, "{\"status\":\"ignored\",\"substatus\":\"%s\"", substatus);
	/* a count is shown as what is left of it, a duration as its end */
	if (details.n)
		buf_printf(expect, ",\"statusDetails\":{\"%s\":[]}",
			   str_has(details, "ignoreUserCount") ? "ignoreUserCount"
			   : str_has(details, "ignoreCount")   ? "ignoreCount"
							       : "ignoreUntil");
	buf_addc(expect, '}');
	if (fresh && !details.n && shows(issue, buf_str(expect)))
		return 0;
	if (shows(issue, STR("{\"status\":\"ignored\"}")))
		buf_puts(add_body(w), "{\"status\":\"unresolved\"}");
	b = add_body(w);
	buf_printf(b, "{\"status\":\"ignored\",\"substatus\":\"%s\"", substatus);
	if (details.n) {
		buf_puts(b, ",\"statusDetails\":");
		buf_add_str(b, details);
	}
	buf_addc(b, '}');
	return done(w);
}

static int ignored(struct wish *w, const struct item *issue, bool fresh, struct str rest)
{
	cleanup_buf struct buf details = {0};
	struct str how = str_word(&rest), what = str_trim(rest);
	unsigned time;
	int r;

	if (!how.n)
		return ignore(w, issue, fresh, "archived_until_escalating", STR(""));
	if (str_eqz(how, "forever") && !what.n)
		return ignore(w, issue, fresh, "archived_forever", STR(""));
	buf_init(&details, 256);
	if (str_eqz(how, "for") && (time = minutes(what))) {
		buf_printf(&details, "{\"ignoreDuration\":%u}", time);
	} else if (str_eqz(how, "until")) {
		r = until(w, what, &details);
		if (r)
			return r;
	} else {
		return refuse(w, "after `ignored` comes forever, for TIME or until COUNT");
	}
	return ignore(w, issue, fresh, "archived_until_condition_met", buf_str(&details));
}

static void in_commit(struct buf *details, struct str repository, struct str commit)
{
	buf_puts(details, "{\"inCommit\":{\"commit\":");
	json_quote(details, commit);
	buf_puts(details, ",\"repository\":");
	json_quote(details, repository);
	buf_puts(details, "}}");
}

static int resolved_in(struct wish *w, const struct item *issue, bool fresh, struct str where)
{
	cleanup_buf struct buf details = {0};
	const char *shown = NULL; /* what the answer says; NULL: what was sent */
	struct buf *b;

	buf_init(&details, 4096);
	if (str_starts(where, "@commit:")) {
		struct str commit = {where.s + strlen("@commit:"), where.n - strlen("@commit:")};
		struct str repository = str_cut(&commit, '@');

		if (!repository.n || !commit.n)
			return refuse(w, "a commit is written @commit:REPOSITORY@SHA");
		in_commit(&details, repository, commit);
		shown = "{\"inCommit\":[]}";
	} else if (str_eqz(where, "@next")) {
		buf_puts(&details, "{\"inNextRelease\":true}");
	} else {
		if (!where.n || (*where.s == '@' && !str_eqz(where, "@latest")))
			return refuse(w,
				      "after `resolved in` comes a version, @next, @latest or @commit:REPOSITORY@SHA");
		buf_puts(&details, "{\"inRelease\":");
		json_quote(&details, str_eqz(where, "@latest") ? STR("latest") : where);
		buf_addc(&details, '}');
		if (*where.s == '@')
			shown = "{\"inRelease\":[]}";
	}
	b = set_expect(w);
	buf_puts(b, "{\"status\":\"resolved\",\"statusDetails\":");
	buf_add_str(b, shown ? str_of(shown) : buf_str(&details));
	buf_addc(b, '}');
	if (fresh && !shown && !details.error && shows(issue, buf_str(b)))
		return done(w);
	b = add_body(w);
	buf_puts(b, "{\"status\":\"resolved\",\"statusDetails\":");
	buf_add_str(b, buf_str(&details));
	buf_addc(b, '}');
	return details.error ? details.error : done(w);
}

int wish_status(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		struct wish *w)
{
	struct str rest = value, word = str_word(&rest);

	(void)op;
	(void)n;
	rest = str_trim(rest);
	if (str_eqz(word, "ignored"))
		return ignored(w, issue, fresh, rest);
	if (str_eqz(word, "resolved") && rest.n) {
		if (!str_eqz(str_word(&rest), "in"))
			return refuse(w, "after `resolved` comes in VERSION");
		return resolved_in(w, issue, fresh, str_trim(rest));
	}
	if (rest.n)
		return refuse(w, "that is not a status");
	if (str_eqz(word, "resolvedInNextRelease")) {
		buf_puts(set_expect(w), "{\"status\":\"resolved\",\"statusDetails\":{\"inNextRelease\":true}}");
		if (fresh && shows(issue, buf_str(&w->expect)))
			return 0;
	} else if (str_eqz(word, "resolved") || str_eqz(word, "unresolved")) {
		buf_printf(set_expect(w), "{\"status\":\"%.*s\"}", (int)word.n, word.s);
		if (fresh && shows(issue, buf_str(&w->expect)))
			return 0;
	} else {
		return refuse(w, "that is not a status");
	}
	buf_printf(add_body(w), "{\"status\":\"%.*s\"}", (int)word.n, word.s);
	return done(w);
}

/* ---- statusDetails ---- */

enum detail_of { OF_RESOLVED, OF_IGNORED, OF_SERVER };

struct detail {
	const char *name;
	enum detail_of of;
	bool (*is)(const cJSON *j);
	const char *shown; /* the member of the answer that has it, NULL: none */
	bool as_sent;	   /* with the value that was sent */
};

static bool is_true(const cJSON *j)
{
	return cJSON_IsTrue(j);
}

static bool is_text(const cJSON *j)
{
	return cJSON_IsString(j) && *j->valuestring;
}

static bool is_object(const cJSON *j)
{
	return cJSON_IsObject(j);
}

static bool is_count(const cJSON *j)
{
	return cJSON_IsNumber(j) && j->valuedouble >= 1 && j->valuedouble <= NUMBER_MAX &&
	       j->valuedouble == (unsigned)j->valuedouble;
}

static bool is_window(const cJSON *j)
{
	return is_count(j) && j->valuedouble <= WINDOW_MAX;
}

static const struct detail details[] = {
	{"inNextRelease", OF_RESOLVED, is_true, "inNextRelease", true},
	{"inUpcomingRelease", OF_RESOLVED, is_true, NULL, false},
	{"inRelease", OF_RESOLVED, is_text, "inRelease", false}, /* `latest` becomes a version */
	{"inCommit", OF_RESOLVED, is_object, "inCommit", false},
	{"ignoreDuration", OF_IGNORED, is_count, "ignoreUntil", false},
	{"ignoreCount", OF_IGNORED, is_count, "ignoreCount", true},
	{"ignoreWindow", OF_IGNORED, is_window, "ignoreWindow", true},
	{"ignoreUserCount", OF_IGNORED, is_count, "ignoreUserCount", true},
	{"ignoreUserWindow", OF_IGNORED, is_window, "ignoreUserWindow", true},
	{"untilEscalating", OF_IGNORED, is_true, NULL, false},
	/* what only the server sets: dropped, so that what was read can be written */
	{"actor", .of = OF_SERVER},
	{"ignoreUntil", .of = OF_SERVER},
	{"autoResolved", .of = OF_SERVER},
	{"pendingEvents", .of = OF_SERVER},
	{"info", .of = OF_SERVER},
};

static const struct detail *find_detail(const char *name)
{
	for (size_t i = 0; i < sizeof(details) / sizeof(*details); i++)
		if (!strcmp(details[i].name, name))
			return &details[i];
	return NULL;
}

/* A commit is read as an object of the server's and written as two names. */
static void add_commit(struct buf *b, const cJSON *j)
{
	const cJSON *repository = cJSON_GetObjectItemCaseSensitive(j, "repository");
	struct str commit = json_string(j, "commit");

	if (!commit.n)
		commit = json_string(j, "id");
	buf_puts(b, "{\"commit\":");
	json_quote(b, commit);
	buf_puts(b, ",\"repository\":");
	json_quote(b, cJSON_IsObject(repository) ? json_string(repository, "name") : json_string(j, "repository"));
	buf_addc(b, '}');
}

/* As it is written; or `shown`: as the answer must have it. */
static void add_detail(struct buf *b, const struct detail *d, bool shown, const cJSON *j)
{
	buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", shown ? d->shown : d->name);
	if (shown && !d->as_sent)
		buf_puts(b, "[]");
	else if (d->is == is_object)
		add_commit(b, j);
	else if (cJSON_IsString(j))
		json_quote(b, str_of(j->valuestring));
	else if (cJSON_IsNumber(j))
		buf_printf(b, "%.0f", j->valuedouble);
	else
		buf_puts(b, "true");
}

/* Those members of `tree` that may be written, `shown`: that the answer shows. *of: whose
 * they are, OF_SERVER before and where there is none. */
static int filter(struct wish *w, const cJSON *tree, bool shown, struct buf *out, enum detail_of *of)
{
	const cJSON *j;

	buf_addc(out, '{');
	cJSON_ArrayForEach (j, tree) {
		const struct detail *d = find_detail(j->string);

		if (!d)
			return refuse(w, "a member of that name is not known");
		if (d->of == OF_SERVER || cJSON_IsNull(j) || (shown && !d->shown))
			continue;
		if (!d->is(j))
			return refuse(w, "a member's value is not accepted: windows are at most 10080 minutes, counts "
					 "and durations whole numbers, inNextRelease true, inRelease a version");
		if (*of != OF_SERVER && *of != d->of)
			return refuse(w, "an issue is either resolved or ignored");
		add_detail(out, d, shown, j);
		*of = d->of;
	}
	buf_addc(out, '}');
	return out->error;
}

int wish_details(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		 struct wish *w)
{
	cleanup_buf struct buf wanted = {0}, present = {0};
	cleanup_json cJSON *tree = NULL, *now = NULL;
	struct str bytes = STR("{}");
	enum detail_of of = OF_SERVER;
	struct buf *b;

	(void)op;
	(void)n;
	if (json_parse(value, &tree) || !cJSON_IsObject(tree))
		return refuse(w, "that is not a JSON object");
	buf_init(&wanted, 4096);
	buf_init(&present, 4096);
	if (filter(w, tree, false, &wanted, &of))
		return w->words ? -EINVAL : wanted.error;
	json_member(blob_str(issue->json), "statusDetails", &bytes);
	if (!json_parse(bytes, &now)) {
		enum detail_of unused = OF_SERVER;

		filter(&(struct wish){0}, now, false, &present, &unused);
	}
	if (fresh && str_eq(buf_str(&wanted), buf_str(&present)))
		return 0;
	if (of == OF_SERVER)
		return refuse(w, "there is nothing in it; to take a condition back, write the status");
	if (!shows(issue, of == OF_RESOLVED ? STR("{\"status\":\"resolved\"}") : STR("{\"status\":\"ignored\"}")))
		return refuse(w, of == OF_RESOLVED
					 ? "the issue is not resolved: write `resolved in VERSION` into status"
					 : "the issue is not ignored: write `ignored for TIME` or `ignored until "
					   "COUNT` into status");
	b = add_body(w);
	buf_printf(b, "{\"status\":\"%s\",", of == OF_RESOLVED ? "resolved" : "ignored");
	if (of == OF_IGNORED)
		buf_printf(b, "\"substatus\":\"archived_until_%s\",",
			   cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "untilEscalating")) ? "escalating"
												   : "condition_met");
	buf_puts(b, "\"statusDetails\":");
	buf_add_str(b, buf_str(&wanted));
	buf_addc(b, '}');
	b = set_expect(w);
	buf_printf(b, "{\"status\":\"%s\",\"statusDetails\":", of == OF_RESOLVED ? "resolved" : "ignored");
	present.len = 0;
	if (filter(w, tree, true, &present, &of))
		return present.error;
	buf_add_str(b, buf_str(&present));
	buf_addc(b, '}');
	return done(w);
}

/* ---- assignedTo ---- */

/* The id of the team called `slug`, into `id`. */
static int find_team(struct op *op, const struct node *n, struct str slug, struct wish *w, struct buf *id)
{
	cleanup_ask struct ask a = {0};
	struct node *org = (struct node *)node_above(n, &item_organization), *teams;
	const struct kind *k = kind_named(KIND_ORG, "teams.tsv");
	struct resource *res;
	int r;

	teams = node_get(&op->mount->tree, org, k, k->name, NULL);
	if (!teams)
		return -ENOMEM;
	r = ask_listing(op->mount, teams, &a);
	node_unref(teams, 1);
	if (!r)
		r = op_need(op, &a.want, &res);
	if (r) {
		w->words = "the teams could not be looked up; write team:ID or user:ID";
		return r;
	}
	for (size_t i = 0; i < res->listing->n; i++) {
		const struct item *team = res->listing->items[i];
		cleanup_buf struct buf name = {0};
		struct str bytes;

		buf_init(&name, 1024);
		json_quote(&name, slug);
		if (!json_member(blob_str(team->json), "slug", &bytes) && json_covers(bytes, buf_str(&name))) {
			buf_puts(id, team->id);
			return id->error;
		}
	}
	if (name_is_number(slug)) {
		buf_add_str(id, slug);
		return id->error;
	}
	return refuse(w, "there is no team of that slug; teams.tsv lists them");
}

static int find_me(struct op *op, struct wish *w, struct buf *id)
{
	struct cache_want want = {.key = "", .fresh_ms = 300000};
	struct access *access = &op->mount->access;
	struct resource *res;
	int r;

	if (!access->user_id) {
		r = op_need(op, &want, &res);
		if (r)
			return r;
		access_learn(access, blob_str(res->document));
	}
	if (!access->user_id)
		return refuse(w, "the token is no user's, so nobody is `me`");
	buf_puts(id, access->user_id);
	return id->error;
}

/* Bodies for an actor of that type and id. */
static int assign_id(struct wish *w, const struct item *issue, bool fresh, const char *type, struct str id)
{
	buf_printf(set_expect(w), "{\"assignedTo\":{\"type\":\"%s\",\"id\":\"%.*s\"}}", type, (int)id.n, id.s);
	if (!fresh || !shows(issue, buf_str(&w->expect)))
		buf_printf(add_body(w), "{\"assignedTo\":\"%s:%.*s\"}", type, (int)id.n, id.s);
	return done(w);
}

static bool has_email(const struct item *issue, struct str email)
{
	cleanup_buf struct buf now = {0};
	struct str who, bytes;

	buf_init(&now, 1024);
	if (json_member(blob_str(issue->json), "assignedTo", &who) || json_member(who, "email", &bytes))
		return false;
	json_plain(&now, bytes);
	return str_case_eq(buf_str(&now), email);
}

int wish_assignee(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		  struct wish *w)
{
	cleanup_buf struct buf id = {0};
	struct buf *b;
	int r;

	buf_init(&id, 256);
	if (!value.n || str_eqz(value, "none")) {
		buf_puts(set_expect(w), "{\"assignedTo\":null}");
		if (!fresh || !shows(issue, buf_str(&w->expect)))
			buf_puts(add_body(w), "{\"assignedTo\":\"\"}");
		return done(w);
	}
	if (str_eqz(value, "me")) {
		r = find_me(op, w, &id);
		return r ? r : assign_id(w, issue, fresh, "user", buf_str(&id));
	}
	if (str_starts(value, "user:")) {
		value = (struct str){value.s + 5, value.n - 5};
		return name_is_number(value) ? assign_id(w, issue, fresh, "user", value)
					     : refuse(w, "after user: comes a number; members.tsv has them");
	}
	if (str_starts(value, "team:") || *value.s == '#') {
		size_t skip = *value.s == '#' ? 1 : 5;

		r = find_team(op, n, (struct str){value.s + skip, value.n - skip}, w, &id);
		return r ? r : assign_id(w, issue, fresh, "team", buf_str(&id));
	}
	if (memchr(value.s, ' ', value.n) || memchr(value.s, '\t', value.n) || memchr(value.s, '\n', value.n))
		return refuse(w, "one name is taken, without spaces");
	buf_puts(set_expect(w), "{\"assignedTo\":{\"type\":\"user\"}}");
	if (fresh && memchr(value.s, '@', value.n) && has_email(issue, value))
		return 0;
	b = add_body(w);
	buf_puts(b, "{\"assignedTo\":");
	json_quote(b, value);
	buf_addc(b, '}');
	return done(w);
}

/* ---- the plain ones ---- */

/* {"FIELD":VALUE}, which is also what the answer shows. */
static int plain(struct wish *w, const struct node *n, const struct item *issue, bool fresh, const char *value)
{
	buf_printf(set_expect(w), "{\"%s\":%s}", n->name, value);
	if (!fresh || !shows(issue, buf_str(&w->expect)))
		buf_add_str(add_body(w), buf_str(&w->expect));
	return done(w);
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
	return refuse(w, "that is not a priority");
}

int wish_flag(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
	      struct wish *w)
{
	(void)op;
	if (str_eqz(value, "1") || str_eqz(value, "true"))
		return plain(w, n, issue, fresh, "true");
	if (str_eqz(value, "0") || str_eqz(value, "false"))
		return plain(w, n, issue, fresh, "false");
	return refuse(w, "that is not true or false");
}
