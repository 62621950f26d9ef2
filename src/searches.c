// SPDX-License-Identifier: MIT
/*
 * search/ of an organization or a project: what is listed there, and what each directory
 * of issues asks for.
 *
 * Owns the lists of what was made and the reasons of failures. What was made is in the
 * store at once. Must not know the server.
 */
#include "sentryfs/searches.h"

#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"
#include "sentryfs/op.h"
#include "sentryfs/report.h"
#include "sentryfs/source.h"
#include "sentryfs/template.h"

void searches_init(struct searches *s)
{
	list_init(&s->dirs);
}

static void dir_free(struct search_dir *d)
{
	list_remove(&d->link);
	listing_unref(d->made);
	free(d->last_error);
	free(d->key);
	free(d);
}

void searches_done(struct searches *s)
{
	while (!list_empty(&s->dirs))
		dir_free(list_first(&s->dirs, struct search_dir, link));
}

/* ---- what is asked for ---- */

static int of_item(const struct item *i, struct search *s)
{
	cleanup_buf struct buf text = {0};
	struct str bytes;
	int r = json_member(blob_str(i->json), "search", &bytes);

	if (r)
		return r;
	buf_init(&text, 4096);
	json_plain(&text, bytes);
	return text.error ? text.error : search_parse(s, buf_str(&text));
}

/* The default listing. Several environments are parted by commas. */
static int of_options(const struct options *o, struct search *s)
{
	struct str names = str_of(o->environment);

	buf_puts(&s->query, o->query);
	if (o->stats_period)
		search_param(s, "statsPeriod", str_of(o->stats_period));
	while (names.n) {
		struct str name = str_trim(str_cut(&names, ','));

		if (name.n)
			search_param(s, "environment", name);
	}
	return s->query.error ? s->query.error : s->params.error;
}

static int read_search(const struct mount *m, const struct node *n, struct search *s)
{
	search_init(s);
	for (; n; n = n->parent) {
		if (n->item && n->item->class->local)
			return of_item(n->item, s);
		if (n->kind->query)
			return search_parse(s, str_of(n->kind->query));
	}
	return of_options(m->options, s);
}

int searches_of(const struct mount *m, const struct node *n, struct search *s)
{
	static const char *const params[] = {"&statsPeriod=", "&start=", "&end=", "&environment="};
	int r = read_search(m, n, s);

	for (size_t i = 0; i < sizeof(params) / sizeof(*params) && !r; i++)
		if (!dialect_has(&m->dialect, FEATURE_WINDOWS) && str_has(buf_str(&s->params), params[i])) {
			s->why = dialect_lacks(FEATURE_WINDOWS);
			r = -EOPNOTSUPP;
		}
	return r;
}

unsigned searches_max(const struct mount *m, const struct node *n)
{
	cleanup_search struct search s;

	return searches_of(m, n, &s) || !s.limit ? m->options->max_issues : s.limit;
}

/* ---- items ---- */

int searches_item(struct mount *m, const struct node *dir, struct str name, struct str search, struct item **ret)
{
	cleanup_buf struct buf json = {0}, scope = {0};
	cleanup_json cJSON *tree = NULL;
	struct timespec wall;
	int r;

	buf_init(&json, 4096);
	buf_init(&scope, 4096);
	buf_puts(&json, "{\"name\":");
	json_quote(&json, name);
	buf_puts(&json, ",\"search\":");
	json_quote(&json, search);
	buf_addc(&json, '}');
	r = template_expand(m, dir, "{o}/{P}/", STR(""), &scope);
	buf_puts(&scope, dir->kind->class->name);
	buf_addc(&scope, '\0');
	if (!r)
		r = json.error ? json.error : scope.error;
	if (!r)
		r = json_parse(buf_str(&json), &tree);
	if (r)
		return r;
	m->clock->wall(m->clock, &wall);
	return item_put(&m->cache.items, dir->kind->class, scope.data, tree, buf_str(&json), 0, &wall, false, ret);
}

/* ---- what was made ---- */

static int dir_key(const struct mount *m, const struct node *n, struct buf *key)
{
	int r;

	buf_init(key, 4096);
	r = template_expand(m, n, "{o}/{P}/search", STR(""), key);
	buf_addc(key, '\0');
	return r ? r : key->error;
}

static struct search_dir *find_dir(const struct mount *m, const char *key)
{
	for (struct list *l = m->searches.dirs.next; l != &m->searches.dirs; l = l->next) {
		struct search_dir *d = container_of(l, struct search_dir, link);

		if (!strcmp(d->key, key))
			return d;
	}
	return NULL;
}

static const struct node *dir_above(const struct node *n)
{
	while (n && n->kind->id != KIND_SEARCHES)
		n = n->parent;
	return n;
}

/* What an earlier mount was left with: a name a line. All of it or nothing, since it is saved
 * as a whole. */
static int recall(struct mount *m, const struct node *n, struct search_dir *d)
{
	cleanup_blob struct blob *body = NULL;
	struct str rest, name;
	struct item *i;
	int64_t asked;
	int r = store_get(m->store, STORE_SEARCHES, d->key, &body, &asked);

	if (r)
		return r == -ENOENT ? 0 : r;
	rest = blob_str(body);
	while (!r && (name = str_cut(&rest, '\n')).n && d->made->n < SEARCHES_MAX) {
		if (!search_is_name(name))
			continue;
		r = searches_item(m, n, name, name, &i);
		if (!r)
			r = listing_add(d->made, i);
	}
	return r;
}

/* The state of the search/ directory `n`, made at its first use; NULL without memory. `n` may
 * be anything else of the project or organization where only its last-error is meant. */
static struct search_dir *get_dir(struct mount *m, const struct node *n)
{
	cleanup_buf struct buf key = {0};
	struct search_dir *d;

	if (dir_key(m, n, &key))
		return NULL;
	d = find_dir(m, key.data);
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return NULL;
		list_init(&d->link);
		list_add(&m->searches.dirs, &d->link);
		d->key = strdup(key.data);
		if (!d->key) {
			dir_free(d);
			return NULL;
		}
	}
	if (!d->made && dir_above(n)) {
		d->made = listing_new(0);
		if (!d->made)
			return NULL;
		if (recall(m, dir_above(n), d))
			listing_unref(steal(&d->made));
	}
	return d;
}

static void save(struct mount *m, const struct search_dir *d)
{
	cleanup_buf struct buf b = {0};

	if (!m->store)
		return;
	buf_init(&b, BUF_MAX_DEFAULT);
	for (size_t i = 0; i < d->made->n; i++)
		buf_printf(&b, "%s\n", d->made->items[i]->name);
	if (b.len && !b.error)
		store_put(m->store, STORE_SEARCHES, d->key, buf_str(&b), clock_wall_ms(m->clock));
	else
		store_drop(m->store, STORE_SEARCHES, d->key);
	store_commit(m->store);
}

int searches_list(struct op *op, struct listing **ret)
{
	struct search_dir *d = get_dir(op->mount, op->node);

	if (!d || !d->made)
		return -ENOMEM;
	*ret = listing_ref(d->made);
	return 0;
}

int searches_find(struct op *op, struct str name, struct item **ret)
{
	struct search_dir *d = get_dir(op->mount, op->node);
	struct item *i;

	if (!d || !d->made)
		return -ENOMEM;
	i = map_get(&d->made->by_name, name);
	if (i) {
		*ret = item_ref(i);
		return 0;
	}
	/* the kernel makes no directory whose name is there already */
	if (!search_is_plain(name) || process_makes_dir(op->tid))
		return -ENOENT;
	return searches_item(op->mount, op->node, name, name, ret);
}

/* A listing never changes, since handles share it: another takes its place. */
static int replace(struct search_dir *d, struct item *with, const struct item *without)
{
	struct listing *l = listing_new(0);
	int r = l ? 0 : -ENOMEM;

	for (size_t i = 0; i < d->made->n && !r; i++)
		if (d->made->items[i] != without)
			r = listing_add(l, item_ref(d->made->items[i]));
	if (!r && with)
		r = listing_add(l, item_ref(with));
	listing_unref(r ? l : steal(&d->made));
	if (!r)
		d->made = l;
	return r;
}

static int refuse(struct op *op, struct search_dir *d, const char *what, int error, const char *why)
{
	cleanup_free char *text = NULL;
	struct report r = {.error = error, .words = why, .accepted = error == -EINVAL ? SEARCH_ACCEPTED : NULL};

	if (asprintf(&text, "%s search/%s", what, op->name) < 0)
		text = NULL;
	r.what = text ? text : what;
	report_text(&op->mount->api, d ? &d->last_error : NULL, &r);
	return error;
}

int searches_make(struct op *op, struct item **ret)
{
	struct search_dir *d = get_dir(op->mount, op->node);
	struct str name = str_of(op->name);
	cleanup_item struct item *item = NULL;
	cleanup_search struct search s;
	int r;

	search_init(&s);
	if (!d || !d->made)
		return -ENOMEM;
	if (!search_is_name(name))
		return refuse(op, d, "mkdir", -EINVAL, "a search is text without control characters or a leading dot");
	if (map_get(&d->made->by_name, name))
		return -EEXIST;
	r = search_parse(&s, name);
	if (r)
		return refuse(op, d, "mkdir", r, s.why);
	if (d->made->n >= SEARCHES_MAX)
		return refuse(op, d, "mkdir", -ENOSPC, "at most 1000 searches are kept: rmdir forgets one");
	r = searches_item(op->mount, op->node, name, name, &item);
	if (!r)
		r = replace(d, item, NULL);
	if (r)
		return r;
	save(op->mount, d);
	*ret = steal(&item);
	return 0;
}

int searches_forget(struct op *op)
{
	struct search_dir *d = get_dir(op->mount, op->node);
	struct item *i;
	int r;

	if (!d || !d->made)
		return -ENOMEM;
	i = map_get(&d->made->by_name, str_of(op->name));
	if (!i)
		return refuse(op, d, "rmdir", -ENOENT, "this search was not made, so there is nothing to forget");
	r = replace(d, NULL, i);
	if (!r)
		save(op->mount, d);
	return r;
}

/* ---- last-error ---- */

void searches_report(struct op *op, const char *key, int error)
{
	struct search_dir *d = get_dir(op->mount, op->node);
	const struct resource *res = key ? map_get(&op->mount->cache.resources, str_of(key)) : NULL;
	struct report r = {.error = error, .accepted = error == -EINVAL ? SEARCH_ACCEPTED : NULL};
	cleanup_free char *text = NULL;
	cleanup_search struct search s;

	if (!error) {
		if (d)
			free(steal(&d->last_error));
		search_init(&s);
		return;
	}
	r.words = searches_of(op->mount, op->node, &s) ? s.why : NULL;
	if (!r.words && res && res->words) {
		r.words = res->words;
		r.sent = res->status;
	}
	if (error == -EINVAL)
		r.next = "mend the name of the search";
	else if (error == -ENOENT)
		r.next = "look whether the environment and the project that it names exist";
	if (asprintf(&text, "search %s", op->node->name) < 0)
		text = NULL;
	r.what = text ? text : "search";
	report_text(&op->mount->api, d ? &d->last_error : NULL, &r);
}

const char *searches_error(const struct mount *m, const struct node *n)
{
	cleanup_buf struct buf key = {0};
	const struct search_dir *d = dir_key(m, n, &key) ? NULL : find_dir(m, key.data);

	return d ? d->last_error : NULL;
}
