// SPDX-License-Identifier: MIT
/*
 * The look at the issues of a request: which of them show what it asked for, which are not
 * there, and which are another one by now. Owns nothing; what it finds is the step's. Must not know requests,
 * nor what is told to whom.
 */
#include "sentryfs/look.h"

#include <errno.h>

#include "sentryfs/dialect.h"
#include "sentryfs/json.h"

struct looking {
	struct change_step *step;
	int *errors;
	size_t found;
	int otherwise;
	int64_t now;
	const struct timespec *wall;
};

static size_t index_of(const struct change_step *step, struct str bytes)
{
	struct str id;

	for (size_t i = 0; i < step->n && !json_member(bytes, "id", &id); i++)
		if (json_covers(id, str_of(step->issues[i]->id)))
			return i;
	return SIZE_MAX;
}

/* What is being merged or deleted is still listed by its id, with a status of its own (sentry-api 1.2). */
static bool is_going(const cJSON *tree)
{
	struct str status = json_string(tree, "status");

	return str_starts(status, "pending_") || str_eqz(status, "deletion_in_progress");
}

static int on_row(void *arg, const cJSON *tree, struct str bytes)
{
	struct looking *l = arg;
	struct change_step *step = l->step;
	size_t i = index_of(step, bytes);
	const char *expect;
	bool shown;

	if (i == SIZE_MAX || is_going(tree) || l->errors[i] != -ENOENT)
		return 0;
	l->found++;
	if (step->effect == EFFECT_MERGED) {
		l->errors[i] = l->otherwise;
		return 0;
	}
	expect = step->look && !step->told ? step->look : step->expect;
	shown = !expect || dialect_covers(bytes, str_of(expect), false);
	l->errors[i] = shown ? 0 : l->otherwise;
	return item_apply(step->issues[i], bytes, l->now, l->wall) == -ENOMEM ? -ENOMEM : 0;
}

/* One request merges all of them or none: one that is left has the others. */
static int take_merge(struct looking *l)
{
	int r = 0;

	if (!l->found)
		return -EAGAIN;
	for (size_t i = 0; i < l->step->n && l->found == 1 && !r; i++) {
		if (l->errors[i] == -ENOENT)
			r = item_set_gone(l->step->issues[i], ITEM_MERGED, l->now);
		l->errors[i] = 0;
	}
	return r;
}

int look_at_each(struct change_step *step, struct str list, int otherwise, int64_t now, const struct timespec *wall)
{
	struct looking l = {.step = step, .otherwise = otherwise, .now = now, .wall = wall};
	int r;

	l.errors = calloc(step->n, sizeof(*l.errors));
	if (!l.errors)
		return -ENOMEM;
	for (size_t i = 0; i < step->n; i++)
		l.errors[i] = -ENOENT;
	r = json_each(list, on_row, &l);
	if (!r && step->effect == EFFECT_MERGED)
		r = take_merge(&l);
	if (r) {
		free(l.errors);
		return r;
	}
	free(step->errors);
	step->errors = l.errors;
	return 0;
}

struct comment {
	const struct change_step *step;
	struct str bytes;
	bool behind; /* the newest of the list */
};

/* Of the same text an older one is not ours, nor is another author's; where no time is told, the newest is. */
static int on_comment(void *arg, const cJSON *tree, struct str bytes)
{
	struct comment *c = arg;
	struct timespec made;
	bool old = c->behind;

	c->behind = true;
	if (!str_to_time(json_string(tree, "dateCreated"), &made))
		old = (int64_t)made.tv_sec * 1000 < c->step->when - LOOK_CLOCKS_MS;
	if (old || !dialect_covers(bytes, str_of(c->step->expect), false))
		return 0;
	c->bytes = bytes;
	return 1;
}

int look_for_comment(const struct change_step *step, struct str list, struct str *ret)
{
	struct comment c = {.step = step};
	int r = json_each(list, on_comment, &c);

	if (r == 1)
		*ret = c.bytes;
	return r == 1 ? 0 : r ? r : -EOPNOTSUPP;
}

bool look_merged(struct change_step *step, struct str body, int64_t now, const struct timespec *wall,
		 struct item **into, bool *done, struct buf *words)
{
	struct item *was = step->issues[0];
	cleanup_free char *scope = strndup(was->key, (size_t)(strrchr(was->key, '/') - was->key));
	cleanup_json cJSON *tree = NULL;
	struct str name;

	if (!scope || json_parse(body, &tree) || !item_is_other(was, body))
		return false;
	name = json_string(tree, "shortId");
	if (!name.n)
		return false;
	*done = step->expect && dialect_covers(body, str_of(step->expect), false);
	*into = item_find(was->store, scope, name);
	if (*into && item_apply(*into, body, now, wall))
		(*into)->doubted = now;
	if (item_set_gone(was, ITEM_MERGED, now))
		was->doubted = now;
	buf_printf(words, "it was merged into %.*s, which %s", (int)name.n, name.s,
		   *done ? "has the value now" : "does not show the value");
	buf_addc(words, '\0');
	return true;
}
