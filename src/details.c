// SPDX-License-Identifier: MIT
/*
 * The grammar of statusDetails: a JSON object of what may be written, which is not all
 * that is read (sentry-api 1.2, GroupValidator and its read-back).
 */
#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/wish.h"

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
	return cJSON_IsNumber(j) && j->valuedouble >= 1 && j->valuedouble <= WISH_NUMBER_MAX &&
	       j->valuedouble == (unsigned)j->valuedouble;
}

static bool is_window(const cJSON *j)
{
	return is_count(j) && j->valuedouble <= WISH_WINDOW_MAX;
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
			return wish_refuse(w, "a member of that name is not known");
		if (d->of == OF_SERVER || cJSON_IsNull(j) || (shown && !d->shown))
			continue;
		if (!d->is(j))
			return wish_refuse(
				w, "a member's value is not accepted: windows are at most 10080 minutes, counts "
				   "and durations whole numbers, inNextRelease true, inRelease a version");
		if (*of != OF_SERVER && *of != d->of)
			return wish_refuse(w, "an issue is either resolved or ignored");
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

	(void)n;
	(void)issue;
	if (json_parse(value, &tree) || !cJSON_IsObject(tree))
		return wish_refuse(w, "that is not a JSON object");
	buf_init(&wanted, 4096);
	buf_init(&present, 4096);
	if (filter(w, tree, false, &wanted, &of))
		return w->words ? -EINVAL : wanted.error;
	json_member(w->row, "statusDetails", &bytes);
	if (!json_parse(bytes, &now)) {
		enum detail_of unused = OF_SERVER;

		filter(&(struct wish){0}, now, false, &present, &unused);
	}
	if (fresh && str_eq(buf_str(&wanted), buf_str(&present)))
		return 0;
	if (of == OF_SERVER)
		return wish_refuse(w, "there is nothing in it; to take a condition back, write the status");
	if (of == OF_IGNORED && !dialect_has(&op->mount->dialect, FEATURE_CONDITIONS))
		return wish_lacks(w, FEATURE_CONDITIONS);
	if (of == OF_RESOLVED && !dialect_has(&op->mount->dialect, FEATURE_RELEASES))
		return wish_lacks(w, FEATURE_RELEASES);
	if (!dialect_covers(w->row,
			    of == OF_RESOLVED ? STR("{\"status\":\"resolved\"}") : STR("{\"status\":\"ignored\"}"),
			    false))
		return wish_refuse(w, of == OF_RESOLVED
					      ? "the issue is not resolved: write `resolved in VERSION` into status"
					      : "the issue is not ignored: write `ignored for TIME` or `ignored until "
						"COUNT` into status");
	b = wish_body(w);
	buf_printf(b, "{\"status\":\"%s\",", of == OF_RESOLVED ? "resolved" : "ignored");
	if (of == OF_IGNORED && dialect_has(&op->mount->dialect, FEATURE_SUBSTATUS))
		buf_printf(b, "\"substatus\":\"archived_until_%s\",",
			   cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "untilEscalating")) ? "escalating"
												   : "condition_met");
	buf_puts(b, "\"statusDetails\":");
	buf_add_str(b, buf_str(&wanted));
	buf_addc(b, '}');
	b = wish_expect(w);
	buf_printf(b, "{\"status\":\"%s\",\"statusDetails\":", of == OF_RESOLVED ? "resolved" : "ignored");
	present.len = 0;
	if (filter(w, tree, true, &present, &of))
		return present.error;
	buf_add_str(b, buf_str(&present));
	buf_addc(b, '}');
	return wish_end(w);
}
