// SPDX-License-Identifier: MIT
/*
 * What is done to several issues at once: merge, and the bulk files. The only place
 * where the path of a bulk request is made, and there is none without ids.
 */
#include <errno.h>
#include <stdio.h>

#include "sentryfs/control.h"
#include "sentryfs/kinds.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/source.h"
#include "sentryfs/template.h"
#include "sentryfs/verbs.h"

#define LINES_MAX 10000u

int control_bulk_path(struct buf *b, const char *organization, struct item *const *issues, size_t n)
{
	if (!n || n > CONTROL_BULK_MAX)
		return -EINVAL;
	buf_puts(b, "organizations/");
	url_encode(b, str_of(organization));
	buf_puts(b, "/issues/");
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? "&id=" : "?id=");
		url_encode(b, str_of(issues[i]->id));
	}
	buf_addc(b, '\0');
	return b->error;
}

/* The path of the look at the issues of a bulk request. */
static int look_path(const struct op *op, const struct node *n, struct item *const *issues, size_t count, struct buf *b)
{
	/* as many as there may be ids: else some servers give a page of fewer */
	int r = template_expand(op->mount, n, "organizations/{o}/issues/?project={P}&limit=100&", STR(""), b);

	for (size_t i = 0; i < count && !r; i++)
		r = template_expand(op->mount, n, "group={n}&", str_of(issues[i]->id), b);
	buf_puts(b, "groupStatsPeriod=&collapse=filtered&collapse=unhandled");
	buf_addc(b, '\0');
	return r ? r : b->error;
}

static int add_bulk(struct op *op, const struct node *n, const char *body, struct item *const *issues, size_t count,
		    struct change_step **ret)
{
	cleanup_buf struct buf path = {0}, check = {0};
	int r;

	buf_init(&path, 8192);
	buf_init(&check, 8192);
	r = control_bulk_path(&path, node_above(n, &item_organization)->item->name, issues, count);
	if (!r)
		r = look_path(op, n, issues, count, &check);
	if (r)
		return r;
	*ret = change_add(op->change, "PUT", path.data, body, NULL, check.data, issues, count);
	return *ret ? 0 : -ENOMEM;
}

struct issues {
	struct item *all[CONTROL_BULK_MAX]; /* shared */
	size_t n;
};

static void issues_done(struct issues *s)
{
	while (s->n)
		item_unref(s->all[--s->n]);
}

static bool add_issue(struct issues *s, struct item *i)
{
	for (size_t k = 0; k < s->n; k++)
		if (s->all[k] == i)
			return true;
	if (s->n == CONTROL_BULK_MAX)
		return false;
	s->all[s->n++] = item_ref(i);
	return true;
}

static int find_issue(struct op *op, const struct node *n, struct str name, struct item **ret)
{
	if (!name_is_short_id(name) && !name_is_number(name))
		return -EINVAL;
	return source_issue(op, n, name, ret);
}

int command_merge(struct op *op, struct node *n, struct str value)
{
	__attribute__((cleanup(issues_done))) struct issues all = {0};
	struct item *self = control_subject(n);
	struct change_step *step;
	struct str rest = value;
	int r = 0;

	add_issue(&all, self);
	for (struct str name = str_word(&rest); name.n && !r; name = str_word(&rest)) {
		struct item *other;

		r = find_issue(op, n, name, &other);
		if (r)
			return r == -EINPROGRESS ? r
						 : control_refuse(op, n, value, r,
								  r == -ENOENT || r == -EINVAL
									  ? "there is no such issue"
									  : "an issue could not be looked up");
		if (strcmp(other->home, self->home))
			r = -EXDEV;
		else if (!add_issue(&all, other))
			r = -EFBIG;
		else
			r = control_wait_for_issue(op, other);
		item_unref(other);
	}
	if (!r)
		r = control_wait_for_issue(op, self);
	if (r)
		return r == -EINPROGRESS ? r
					 : control_refuse(op, n, value, r,
							  r == -EXDEV ? "issues of two projects cannot be merged"
								      : "at most 100 issues are merged at once");
	if (all.n < 2)
		return control_refuse(op, n, value, -EINVAL, "name another issue of the project");
	r = control_change_of(op, n, value);
	for (size_t i = 0; i < all.n && !r; i++)
		r = control_outdate_issue(op, n, all.all[i]);
	if (!r)
		r = add_bulk(op, n, "{\"merge\":1}", all.all, all.n, &step);
	if (!r) {
		step->effect = EFFECT_MERGED;
		step->many = true;
	}
	return r;
}

/* ---- bulk files ---- */

/* Writes what became of each line; the error is that of the first that failed. */
static int report_lines(struct change *c)
{
	struct api *a = c->in->cache->api;
	cleanup_buf struct buf b = {0};
	int first = 0;

	buf_init(&b, BUF_MAX_DEFAULT);
	for (size_t l = 0; l < c->lines_n; l++) {
		const struct change_line *line = &c->lines[l];
		const struct change_step *step = line->step == SIZE_MAX ? NULL : &c->steps[line->step];
		int error = step ? change_error_of(step, line->issue) : line->error;
		const char *words = step && error == step->error ? step->words : line->words;

		text_clean(&b, str_of(line->name), false);
		if (error) {
			buf_printf(&b, "\t%s ", strerrorname_np(-error));
			text_clean(&b, str_of(words ? words : strerrordesc_np(-error)), false);
			buf_addc(&b, '\n');
			first = first ? first : error;
		} else {
			buf_puts(&b, "\tok\n");
		}
	}
	free(c->about->last_error);
	c->about->last_error = b.error ? NULL : str_dup(buf_str(&b));
	if (first)
		journal_add(&a->errors, a->clock, "%s: %s", c->what, strerrordesc_np(-first));
	return first;
}

static int add_line(struct change *c, struct str name, const struct item *issue, size_t step, int error,
		    const char *words)
{
	struct change_line *lines = reallocarray(c->lines, c->lines_n + 1, sizeof(*lines)), *line;

	if (!lines)
		return -ENOMEM;
	c->lines = lines;
	line = &lines[c->lines_n];
	*line = (struct change_line){.name = str_dup(name), .issue = issue, .step = step, .error = error};
	if (!line->name)
		return -ENOMEM;
	c->lines_n++;
	line->words = words ? strdup(words) : NULL;
	return 0;
}

static bool same_body(const struct change_step *step, const struct buf *body)
{
	return step->body && str_eqz(buf_str(body), step->body);
}

/* Are the steps from `s` on, and no more, what the wish asks for? */
static bool is_wish(const struct change *c, size_t s, const struct wish *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (s + i >= c->n || !same_body(&c->steps[s + i], &w->body[i]) || c->steps[s + i].follows != (i > 0))
			return false;
	return w->n && (s + w->n == c->n || !c->steps[s + w->n].follows);
}

/* Steps that are the wish's and have room for one more. */
static size_t find_steps(const struct change *c, const struct wish *w)
{
	for (size_t s = 0; s < c->n; s++)
		if (c->steps[s].n < CONTROL_BULK_MAX && is_wish(c, s, w))
			return s;
	return SIZE_MAX;
}

/* Gathers the issue's wish with those of other lines. The paths are made at the end. */
static int gather(struct change *c, struct wish *w, struct item *issue, size_t *first)
{
	size_t at = find_steps(c, w);

	if (at == SIZE_MAX) {
		at = c->n;
		for (size_t i = 0; i < w->n; i++) {
			cleanup_free char *body = str_dup(buf_str(&w->body[i]));
			bool last = i + 1 == w->n;
			const char *expect = last ? control_text(&w->expect) : NULL;
			struct change_step *step =
				body ? change_add(c, "PUT", "", body, expect, NULL, &issue, 1) : NULL;

			if (!step || (last && change_set_look(step, control_text(&w->look))))
				return -ENOMEM;
			step->follows = i > 0;
			step->tokens = w->tokens;
			step->delta = step->many = true;
		}
	} else {
		for (size_t i = 0; i < w->n; i++) {
			struct change_step *step = &c->steps[at + i];
			struct item **issues = reallocarray(step->issues, step->n + 1, sizeof(struct item *));

			if (!issues)
				return -ENOMEM;
			step->issues = issues;
			issues[step->n++] = item_ref(issue);
		}
	}
	*first = at;
	return 0;
}

/* `seen`: of the issues that have steps, by the item's key, the first one and 1. */
static int add_to_steps(struct change *c, struct map *seen, struct wish *w, struct item *issue, size_t *last)
{
	size_t before = (size_t)(uintptr_t)map_get(seen, str_of(issue->key)), first = before - 1;
	int r = 0;

	if (before && !is_wish(c, first, w)) {
		w->words = "a line before this one has another value for the issue";
		return -EINVAL;
	}
	if (!w->n)
		return 0;
	if (!before)
		r = gather(c, w, issue, &first);
	if (!r && !before)
		r = map_put(seen, str_of(issue->key), (void *)(uintptr_t)(first + 1));
	*last = first + w->n - 1;
	return r;
}

/* The line of one issue, which is called `name` there. */
static int bulk_issue(struct op *op, struct node *n, struct map *seen, struct item *issue, struct str name,
		      struct str value)
{
	const struct control *field = kind_named(KIND_ISSUE, n->name)->control;
	const struct item *subject = control_subject(n);
	cleanup_wish struct wish w = {0};
	size_t step = SIZE_MAX;
	int r = control_wait_for_issue(op, issue);

	if (!r && n->kind->parent == KIND_BULK && !item_is_in(issue, subject))
		r = -EXDEV;
	if (!r)
		r = control_wish(op, n, field, issue, value, &w);
	if (!r)
		r = add_to_steps(op->change, seen, &w, issue, &step);
	return r == -EINPROGRESS || r == -ENOMEM ? r : add_line(op->change, name, issue, step, r, w.words);
}

static int bulk_line(struct op *op, struct node *n, struct map *seen, struct str text)
{
	struct str rest = text, name = str_word(&rest), value = str_trim(rest);
	struct item *issue;
	int r = value.n ? find_issue(op, n, name, &issue) : -EINVAL;

	if (r)
		return r == -EINPROGRESS ? r
					 : add_line(op->change, name, NULL, SIZE_MAX, r,
						    r == -EINVAL ? "a line is written SHORT-ID VALUE" : NULL);
	r = bulk_issue(op, n, seen, issue, name, value);
	item_unref(issue);
	return r;
}

/* The paths of the steps, now that their issues are known. */
static int set_paths(struct op *op, const struct node *n)
{
	const char *organization = node_above(n, &item_organization)->item->name;
	int r = 0;

	for (size_t s = 0; s < op->change->n && !r; s++) {
		struct change_step *step = &op->change->steps[s];
		cleanup_buf struct buf path = {0}, check = {0};

		buf_init(&path, 8192);
		buf_init(&check, 8192);
		r = control_bulk_path(&path, organization, step->issues, step->n);
		if (!r)
			r = look_path(op, n, step->issues, step->n, &check);
		free(step->path);
		free(step->check);
		step->path = r ? NULL : strdup(path.data);
		step->check = r ? NULL : strdup(check.data);
		if (!r && (!step->path || !step->check))
			r = -ENOMEM;
		for (size_t i = 0; i < step->n && !r && !step->follows; i++)
			r = control_outdate_issue(op, n, step->issues[i]);
	}
	return r;
}

int command_bulk(struct op *op, struct node *n, struct str value)
{
	__attribute__((cleanup(map_done))) struct map seen = {0};
	struct str rest = value;
	unsigned lines = 0;
	int r = control_change_of(op, n, value);

	while (rest.n && !r) {
		struct str line = str_trim(str_cut(&rest, '\n'));

		if (++lines > LINES_MAX)
			return control_refuse(op, n, value, -EFBIG, "at most 10000 lines are taken at once");
		if (line.n)
			r = bulk_line(op, n, &seen, line);
	}
	if (!r)
		r = set_paths(op, n);
	if (!r)
		op->change->report = report_lines;
	return r;
}

/* ---- of a search ---- */

/* What the search lists now, shared; never an older copy, which may hold what others have
 * dealt with. */
static int find_result(struct op *op, const struct node *dir, struct listing **ret)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;
	int r = ask_listing(op->mount, dir, &a);

	if (r)
		return r;
	/* not op_need, which is content with an older copy where the server is slow or fails; and so young
	 * that one of an earlier mount is not given out meanwhile */
	a.want.since = op->start;
	a.want.fresh_ms = CACHE_ABSENT_MS;
	r = cache_need(&op->mount->cache, &a.want, &op->waiter, &res);
	if (!r && res->fetched < op->start - a.want.fresh_ms)
		r = res->error ? res->error : -EIO;
	if (!r)
		*ret = listing_ref(res->listing);
	return r;
}

static int result_line(struct op *op, struct node *n, struct map *seen, const struct listing *l, size_t i,
		       struct str value)
{
	struct item *issue = l->items[i];

	if (verb_has_left(op->mount, n->parent->parent, l, issue))
		return 0;
	return bulk_issue(op, n, seen, issue, str_of(issue->name), value);
}

int command_bulk_all(struct op *op, struct node *n, struct str value)
{
	__attribute__((cleanup(map_done))) struct map seen = {0};
	struct listing *l = NULL;
	int r = find_result(op, n->parent->parent, &l);

	if (r)
		return r == -EINPROGRESS ? r : control_refuse(op, n, value, r, "the search did not succeed");
	if (l->cut || l->skipped || l->n > LINES_MAX)
		r = control_refuse(op, n, value, -EFBIG,
				   "more issues match than are listed, so not all would be changed: add terms to the "
				   "search, or a larger limit= (at most 10000 are taken)");
	if (!r)
		r = control_change_of(op, n, value);
	for (size_t i = 0; i < l->n && !r; i++)
		r = result_line(op, n, &seen, l, i, value);
	if (!r)
		r = set_paths(op, n);
	if (!r)
		op->change->report = report_lines;
	listing_unref(l);
	return r;
}
