// SPDX-License-Identifier: MIT
/*
 * Changes of what the server has: sent once, looked after when no answer came, and
 * put into every copy that the cache holds.
 *
 * Owns the changes that are under way. Must not know files, nodes or what a value
 * means: it gets paths, bodies and what the answer must show.
 */
#include "sentryfs/change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sentryfs/dialect.h"
#include "sentryfs/json.h"
#include "sentryfs/keep.h"
#include "sentryfs/log.h"
#include "sentryfs/look.h"

#define CHECK_MS 5000u	      /* for the GET that looks whether it was done, at most */
#define CHECK_RESERVE_MS 2000 /* of a change that must end soon, for that GET */
#define LEAST_MS 500	      /* with less a request would only be cut */
#define SOON_MS 20	      /* until what a change made is on disk */
#define AUDIT_MAX ((size_t)4096)
#define AUDIT_BODY 300 /* bytes of what was sent that are told */

void changes_init(struct changes *all, struct cache *cache)
{
	*all = (struct changes){.cache = cache};
	list_init(&all->running);
}

static void set_busy(struct change *c, struct change *with)
{
	for (size_t s = 0; s < c->n; s++)
		for (size_t i = 0; i < c->steps[s].n; i++)
			c->steps[s].issues[i]->change = with;
}

/* The line of a request that changed something, or may have: in .sentryfs/changes, and in the
 * log, where it outlives the mount. */
static void audit(const struct change *c, const struct change_step *step, const char *how)
{
	struct api *a = c->in->cache->api;
	cleanup_buf struct buf line = {0};
	const char *body = step->body ? step->body : "";

	buf_init(&line, AUDIT_MAX);
	buf_printf(&line, "%s %s %ld%s by %s", step->method, step->path, step->status, how, c->by ? c->by : "?");
	if (*body)
		buf_printf(&line, ": %.*s%s", AUDIT_BODY, body, strlen(body) > AUDIT_BODY ? "..." : "");
	buf_addc(&line, '\0');
	if (line.error)
		return;
	journal_add(&a->changes, a->clock, "%s", line.data);
	log_notice("changed: %s", line.data);
}

void changes_done(struct changes *all)
{
	while (!list_empty(&all->running)) {
		struct change *c = list_first(&all->running, struct change, link);

		if (c->call) {
			api_cancel(steal(&c->call));
			audit(c, &c->steps[c->at], ", not known whether it was done when the mount ended,");
		}
		list_remove(&c->link);
		set_busy(c, NULL);
		change_unref(c);
	}
}

struct change *change_new(struct changes *all)
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->in = all;
	list_init(&c->link);
	list_init(&c->waiters);
	return c;
}

struct change *change_ref(struct change *c)
{
	c->refs++;
	return c;
}

void change_unref(struct change *c)
{
	if (!c || --c->refs)
		return;
	for (size_t s = 0; s < c->n; s++) {
		struct change_step *step = &c->steps[s];

		for (size_t i = 0; i < step->n; i++)
			item_unref(step->issues[i]);
		free(step->issues);
		free(step->path);
		free(step->body);
		free(step->expect);
		free(step->look);
		free(step->check);
		free(step->words);
		free(step->errors);
		blob_unref(step->told);
	}
	for (size_t l = 0; l < c->lines_n; l++) {
		free(c->lines[l].name);
		free(c->lines[l].words);
	}
	for (size_t k = 0; k < c->outdates_n; k++)
		free(c->outdates[k]);
	free(c->outdates);
	free(c->lines);
	free(c->steps);
	free(c->what);
	free(c->by);
	item_unref(c->about);
	free(c);
}

/* A copy, or NULL for NULL; false without memory. */
static bool copy(char **into, const char *from)
{
	*into = from ? strdup(from) : NULL;
	return *into || !from;
}

struct change_step *change_add(struct change *c, const char *method, const char *path, const char *body,
			       const char *expect, const char *check, struct item *const *issues, size_t n)
{
	struct change_step *steps = reallocarray(c->steps, c->n + 1, sizeof(*steps)), *step;

	if (!steps)
		return NULL;
	c->steps = steps;
	step = &steps[c->n++];
	*step = (struct change_step){.method = method};
	step->issues = calloc(n ? n : 1, sizeof(*step->issues));
	if (!step->issues || !copy(&step->path, path) || !copy(&step->body, body) || !copy(&step->expect, expect) ||
	    !copy(&step->check, check))
		return NULL;
	for (; step->n < n; step->n++)
		step->issues[step->n] = item_ref(issues[step->n]);
	return step;
}

int change_set_look(struct change_step *step, const char *look)
{
	return copy(&step->look, look) ? 0 : -ENOMEM;
}

int change_outdate(struct change *c, const char *key)
{
	char **outdates = reallocarray(c->outdates, c->outdates_n + 1, sizeof(*outdates));

	if (!outdates)
		return -ENOMEM;
	c->outdates = outdates;
	outdates[c->outdates_n] = strdup(key);
	if (!outdates[c->outdates_n])
		return -ENOMEM;
	c->outdates_n++;
	return 0;
}

const struct change_step *change_failed(const struct change *c)
{
	for (size_t s = 0; s < c->n; s++)
		if (c->steps[s].error)
			return &c->steps[s];
	return NULL;
}

int change_error_of(const struct change_step *step, const struct item *issue)
{
	for (size_t i = 0; step->errors && i < step->n; i++)
		if (step->issues[i] == issue)
			return step->errors[i];
	return step->error;
}

void change_wait(struct change *c, struct waiter *w)
{
	list_add(&c->waiters, &w->link);
}

static int64_t now_ms(const struct change *c)
{
	return c->in->cache->api->clock->now_ms(c->in->cache->api->clock);
}

/* ---- what an answer does ---- */

static int apply_row(struct change *c, struct change_step *step, struct str body)
{
	struct timespec wall;
	int r = 0;

	c->in->cache->api->clock->wall(c->in->cache->api->clock, &wall);
	for (size_t i = 0; i < step->n && !r; i++)
		r = item_apply(step->issues[i], body, now_ms(c), &wall);
	return r;
}

/* The issue's number of comments, and where it is not a new one the comment itself. */
static int apply_comments(struct change *c, struct change_step *step, struct str body)
{
	struct item *issue = step->issues[0];
	struct timespec wall;
	char delta[64];
	int r = 0;

	c->in->cache->api->clock->wall(c->in->cache->api->clock, &wall);
	if (step->n > 1 && step->comments < 0)
		r = item_set_gone(step->issues[1], ITEM_DELETED, now_ms(c));
	else if (step->n > 1)
		r = item_apply(step->issues[1], body, now_ms(c), &wall);
	if (r || issue->comments == UINT64_MAX || !step->comments || (!issue->comments && step->comments < 0))
		return r;
	snprintf(delta, sizeof(delta), "{\"numComments\":%" PRIu64 "}",
		 issue->comments + (uint64_t)(int64_t)step->comments);
	return item_apply(issue, str_of(delta), now_ms(c), &wall);
}

static int apply_merge(struct change *c, struct change_step *step, struct str body)
{
	struct str merge, children, parent = STR("null");
	size_t named = 0;
	int r = 0;

	if (json_member(body, "merge", &merge) || json_member(merge, "children", &children))
		return -EBADMSG;
	json_member(merge, "parent", &parent);
	for (size_t i = 0; i < step->n && !r; i++) {
		cleanup_buf struct buf id = {0};

		buf_init(&id, 256);
		json_quote(&id, str_of(step->issues[i]->id));
		named += json_covers(parent, buf_str(&id));
		if (!json_covers(children, buf_str(&id)))
			continue;
		named++;
		r = item_set_gone(step->issues[i], ITEM_MERGED, now_ms(c));
	}
	/* ids that the server does not have are left out */
	return r ? r : named < step->n ? -ENOENT : 0;
}

static int apply_to_items(struct change *c, struct change_step *step, struct str body)
{
	switch (step->effect) {
	case EFFECT_ROW:
		return apply_row(c, step, body);
	case EFFECT_MERGED:
		return apply_merge(c, step, body);
	case EFFECT_COMMENT:
		return apply_comments(c, step, body);
	case EFFECT_DELETED:
		break;
	}
	return item_set_gone(step->issues[0], ITEM_DELETED, now_ms(c));
}

static int apply(struct change *c, struct change_step *step, struct str body)
{
	int r = apply_to_items(c, step, body);

	for (size_t i = 0; i < step->n && (!r || r == -ENOENT); i++)
		keep_item(c->in->cache, step->issues[i]);
	return r;
}

/* Some servers answer a list of one. */
static int first_only(void *arg, const cJSON *tree, struct str bytes)
{
	(void)tree;
	*(struct str *)arg = bytes;
	return 1;
}

static bool covers(const struct change_step *step, const char *expect, struct str body)
{
	return dialect_covers(body, str_of(expect), step->delta);
}

/* What is no issue says nothing of what became of the request. */
static bool is_row(struct str body)
{
	struct str id;

	return !json_member(body, "id", &id);
}

/* A good answer came, to the request itself or to the look whether it was done. */
static int take(struct change *c, struct change_step *step, struct str body)
{
	cleanup_json cJSON *tree = NULL;
	bool needs_body = step->expect || step->effect == EFFECT_ROW || step->effect == EFFECT_MERGED;
	const char *expect = c->checking && step->look ? step->look : step->expect;
	struct str id;
	bool shown;
	int r = needs_body ? json_parse(body, &tree) : 0;

	if (!r && c->checking && step->effect == EFFECT_COMMENT)
		r = look_for_comment(step, body, &body);
	else if (!r && cJSON_IsArray(tree) && json_each(body, first_only, &body) != 1)
		r = -EBADMSG;
	if (r)
		return r;
	/* that a comment was made is enough: the server may trim it; but it must be one */
	if (step->effect == EFFECT_COMMENT && step->expect && json_member(body, "id", &id))
		return -EBADMSG;
	shown = !expect || step->effect == EFFECT_COMMENT || covers(step, expect, body);
	if (!shown && step->effect == EFFECT_ROW && !step->many && !is_row(body))
		return -EBADMSG;
	if (step->many && step->effect == EFFECT_ROW)
		return !(step->told = blob_new(body.s, body.n)) ? -ENOMEM : shown ? 0 : -EOPNOTSUPP;
	if (shown || step->effect == EFFECT_ROW)
		r = apply(c, step, body);
	if (!r && !shown)
		r = expect == step->look && covers(step, step->expect, body) ? -EAGAIN : -EOPNOTSUPP;
	return r;
}

/* ---- the way of a change ---- */

static void next(struct change *c);

static void set_words(struct change_step *step, const char *first, const char *second)
{
	char *words;

	if (asprintf(&words, "%s%s%s", first, *first && *second ? "; " : "", second) < 0)
		return;
	free(step->words);
	step->words = words;
}

static void end(struct change *c)
{
	const struct change_step *failed = change_failed(c);

	c->ended = true;
	set_busy(c, NULL);
	for (size_t k = 0; k < c->outdates_n; k++)
		cache_outdate(c->in->cache, c->outdates[k]);
	/* what was there before must not be there after the program died, and what is there now soon should */
	store_settle(c->in->cache->store);
	store_hurry(c->in->cache->store, SOON_MS);
	c->error = c->report ? c->report(c) : failed ? failed->error : 0;
	list_remove(&c->link);
	while (!list_empty(&c->waiters)) {
		struct waiter *w = list_first(&c->waiters, struct waiter, link);

		list_remove(&w->link);
		w->settled(w);
	}
	change_unref(c);
}

static unsigned time_for(const struct change *c, unsigned at_most, int64_t reserve)
{
	int64_t left = c->until ? c->until - now_ms(c) - reserve : at_most;

	return left < 1 ? 1 : left < at_most ? (unsigned)left : at_most;
}

#define NOT_DONE "asked again, the server shows that it was not done"
#define NOT_KNOWN "it is not known whether this was done: look before you try again"

/* Nobody can say whether it was done: until the server is asked again the value that is known
 * must not be taken for the present one. */
static void doubt(struct change *c, struct change_step *step)
{
	for (size_t i = 0; i < step->n; i++)
		step->issues[i]->doubted = now_ms(c);
	audit(c, step, ", not known whether it was done,");
}

/* Was the look answered with what the issue was merged into by others? That is then who has the value, or has not. */
static bool is_merged(struct change *c, struct change_step *step, struct str body)
{
	cleanup_buf struct buf words = {0};
	struct item *into = NULL;
	struct timespec wall;
	bool done;

	buf_init(&words, 512);
	c->in->cache->api->clock->wall(c->in->cache->api->clock, &wall);
	if (step->effect != EFFECT_ROW || !look_merged(step, body, now_ms(c), &wall, &into, &done, &words))
		return false;
	step->error = -ENOENT;
	set_words(step, words.error ? "" : words.data, "");
	keep_item(c->in->cache, step->issues[0]);
	if (into)
		keep_item(c->in->cache, into);
	if (done)
		audit(c, step, ", seen to be done to what it was merged into,");
	return true;
}

/* The look whether an uncertain request was done has been answered. */
static void on_checked(void *arg, struct api_answer *answer)
{
	struct change *c = arg;
	struct change_step *step = &c->steps[c->at];
	const char *words = step->words ? step->words : "";
	int r = answer->error;

	c->call = NULL;
	step->when = answer->date * 1000 - (now_ms(c) - step->when);
	if (step->effect == EFFECT_DELETED) {
		if (r == -ENOENT)
			r = apply(c, step, STR(""));
		else if (!r)
			r = -EEXIST;
	} else if (!r) {
		r = take(c, step, buf_str(answer->body));
	}
	c->checking = false;
	if (!r) {
		step->error = 0;
		audit(c, step, ", seen to be done");
	} else if (r == -EBADMSG && !answer->error && is_merged(c, step, buf_str(answer->body))) {
		; /* and said */
	} else if (answer->error || (r != -EOPNOTSUPP && r != -EEXIST)) {
		set_words(step, words, NOT_KNOWN);
		doubt(c, step);
	} else {
		set_words(step, words, NOT_DONE);
		/* a slow server may do it yet: what is there now is shown, but an equal value is sent */
		for (size_t i = 0; i < step->n && step->effect == EFFECT_ROW; i++)
			step->issues[i]->doubted = step->issues[i]->fetched;
		/* half an answer to a request that had no effect is a broken connection, not bad JSON */
		if (step->error == -EBADMSG)
			step->error = -EIO;
	}
	c->at++;
	next(c);
}

/* What the server answered to a bulk request is taken for each of its issues. */
static void believe(struct change *c, struct change_step *step)
{
	cleanup_blob struct blob *told = steal(&step->told);
	int r = told ? apply(c, step, blob_str(told)) : 0;

	step->error = step->error ? step->error : r;
}

/* Each issue has been told apart: the step's error is that of the first that failed. */
static void tell_apart(struct change *c, struct change_step *step, int64_t now)
{
	bool answered = step->told;
	int error = step->error;
	char how[96];
	size_t done = 0;

	step->error = 0;
	for (size_t i = 0; i < step->n; i++) {
		if (step->errors[i] != -ENOENT)
			keep_item(c->in->cache, step->issues[i]);
		done += !step->errors[i];
		if (step->errors[i])
			step->issues[i]->doubted = now;
		if (!step->error)
			step->error = step->errors[i];
	}
	if (step->error && step->error != -ENOENT && error)
		set_words(step, step->words ? step->words : "", step->look ? NOT_KNOWN : NOT_DONE);
	else if (step->error)
		set_words(step,
			  step->error == -ENOENT ? "the server has no such issue: it may have been deleted or merged"
						 : "the server took the request, but does not show the value",
			  "");
	snprintf(how, sizeof(how), ", seen to be done to %zu of %zu,", done, step->n);
	if (!answered && done)
		audit(c, step, how);
	blob_unref(steal(&step->told));
}

/* The issues of a bulk request have been listed. */
static void on_listed(void *arg, struct api_answer *answer)
{
	struct change *c = arg;
	struct change_step *step = &c->steps[c->at];
	int r = answer->error, otherwise = step->error ? step->error : -EOPNOTSUPP;
	int64_t now = now_ms(c);
	struct timespec wall;

	c->call = NULL;
	c->checking = false;
	c->in->cache->api->clock->wall(c->in->cache->api->clock, &wall);
	/* half an answer to a request that had no effect is a broken connection, not bad JSON */
	if (otherwise == -EBADMSG)
		otherwise = -EIO;
	/* of more than a page it is not known what is missing */
	if (!r)
		r = answer->cursor.s ? -EAGAIN : look_at_each(step, buf_str(answer->body), otherwise, now, &wall);
	if (!r) {
		tell_apart(c, step, now);
	} else if (step->told) {
		believe(c, step);
	} else {
		set_words(step, step->words ? step->words : "", NOT_KNOWN);
		doubt(c, step);
	}
	c->at++;
	next(c);
}

static bool check(struct change *c, struct change_step *step)
{
	struct api *a = c->in->cache->api;
	unsigned at_most = a->timeout_s * 1000 < CHECK_MS ? a->timeout_s * 1000 : CHECK_MS;
	struct api_request rq = {.method = "GET", .path = step->check, .within_ms = time_for(c, at_most, 0)};

	c->checking = step->check;
	if (step->check)
		c->call = api_send(a, &rq, step->many ? on_listed : on_checked, c);
	return c->call;
}

static void on_answer(void *arg, struct api_answer *answer)
{
	struct change *c = arg;
	struct change_step *step = &c->steps[c->at];

	c->call = NULL;
	step->status = answer->status;
	step->lacks_scope = answer->lacks_scope;
	step->sent = !answer->unsent;
	step->error = answer->error;
	set_words(step, answer->words ? answer->words : "", "");
	if (!step->error)
		audit(c, step, "");
	if (!step->error && !answer->body->len && (step->many || !step->check) &&
	    (step->effect == EFFECT_ROW || step->effect == EFFECT_MERGED)) {
		/* 204: of the ids of a bulk request none was there */
		step->error = -ENOENT;
		set_words(step, "the server found no such issue", "");
	} else if (!step->error) {
		step->error = take(c, step, buf_str(answer->body));
		if (step->error == -EOPNOTSUPP)
			set_words(step, "the server took the request, but its answer does not show the value", "");
		if (step->error == -EBADMSG) {
			set_words(step, "the answer is not what was expected", "");
			if (check(c, step))
				return;
		}
		if (step->effect == EFFECT_MERGED && step->error == -ENOENT)
			set_words(step, "the server left some of them out: they may have been deleted or merged", "");
		/* the look that follows the step behind it will do */
		if (step->told && (step->error || c->at + 1 == c->n || !step[1].follows) && check(c, step))
			return;
		believe(c, step);
	} else if (answer->uncertain) {
		if (check(c, step))
			return;
		set_words(step, step->words ? step->words : "", NOT_KNOWN);
		doubt(c, step);
	}
	c->at++;
	next(c);
}

static bool send_step(struct change *c, struct change_step *step)
{
	int64_t reserve = step->check ? CHECK_RESERVE_MS : 0;
	struct api_request rq = {.method = step->method,
				 .path = step->path,
				 .body = step->body,
				 .tokens = step->tokens,
				 .within_ms = time_for(c, c->within_ms, reserve)};

	if (c->until && c->until - now_ms(c) - reserve < LEAST_MS) {
		step->error = -ETIMEDOUT;
		set_words(step, "too little time was left to send it", "");
		return false;
	}
	step->when = now_ms(c);
	c->call = api_send(c->in->cache->api, &rq, on_answer, c);
	step->sent = c->call;
	step->error = step->sent ? 0 : -ENOMEM;
	return step->sent;
}

static void next(struct change *c)
{
	for (; c->at < c->n; c->at++) {
		struct change_step *step = &c->steps[c->at];

		if (c->at && step->follows && step[-1].error)
			step->error = step[-1].error;
		else if (send_step(c, step))
			return;
	}
	end(c);
}

int change_start(struct change *c)
{
	for (size_t s = 0; s < c->n; s++)
		for (size_t i = 0; i < c->steps[s].n; i++)
			if (c->steps[s].issues[i]->change)
				return -EBUSY;
	/* should the program die before the answer, what was there is not to be believed */
	for (size_t k = 0; k < c->outdates_n; k++)
		keep_drop(c->in->cache, c->outdates[k]);
	for (size_t s = 0; s < c->n; s++)
		for (size_t i = 0; i < c->steps[s].n; i++)
			keep_doubt(c->in->cache, c->steps[s].issues[i]);
	store_hurry(c->in->cache->store, 0);
	set_busy(c, c);
	list_add(&c->in->running, &change_ref(c)->link);
	next(c);
	return 0;
}
