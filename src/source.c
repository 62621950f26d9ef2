// SPDX-License-Identifier: MIT
/*
 * What a node is made of: a row's templates become requests, and what came becomes the
 * source that the row's function shows. Owns nothing; what it gives is the cache's.
 */
#include "sentryfs/source.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/keep.h"
#include "sentryfs/name.h"
#include "sentryfs/report.h"
#include "sentryfs/searches.h"
#include "sentryfs/template.h"
#include "sentryfs/window.h"

#define ISSUE_ALONE_FRESH_S 60u /* of an issue that no listing holds */

/* ---- what to ask ---- */

void ask_done(struct ask *a)
{
	buf_done(&a->key);
	buf_done(&a->scope);
}

static int64_t fresh_ms(unsigned seconds)
{
	return seconds == FRESH_FOREVER ? INT64_MAX / 4 : (int64_t)seconds * 1000;
}

int ask_document(struct mount *m, const struct node *n, const char *url, struct str own, unsigned fresh_s,
		 struct ask *a)
{
	int r;

	buf_init(&a->key, BUF_MAX_DEFAULT);
	buf_init(&a->scope, BUF_MAX_DEFAULT);
	r = template_expand(m, n, url, own, &a->key);
	buf_addc(&a->key, '\0');
	a->want = (struct cache_want){
		.key = a->key.data, .fresh_ms = fresh_ms(fresh_s), .raw = n->kind->from == FROM_BYTES};
	return r ? r : a->key.error;
}

/* Issues are one set in an organization, whatever lists them; anything else
 * belongs to its list. */
int ask_scope(struct mount *m, const struct node *dir, const struct item_class *class, struct ask *a)
{
	int r = 0;

	if (class == &item_issue)
		r = template_expand(m, dir, "{o}/issue", STR(""), &a->scope);
	else
		buf_puts(&a->scope, a->key.data);
	buf_addc(&a->scope, '\0');
	return r ? r : a->scope.error;
}

int ask_listing(struct mount *m, const struct node *n, struct ask *a)
{
	const struct kind *k = n->kind;
	int r = ask_document(m, n, k->url, STR(""), k->fresh_s, a);

	if (!r)
		r = ask_scope(m, n, k->class, a);
	a->want.class = k->class;
	a->want.scope = a->scope.data;
	a->want.max = 100000;
	if (k->class == &item_event)
		a->want.max = m->options->max_events;
	else if (k->class == &item_issue)
		a->want.max = searches_max(m, n);
	return r;
}

int ask_below(struct mount *m, const struct node *parent, const struct kind *k, struct ask *a)
{
	struct node *n = node_get(&m->tree, (struct node *)parent, k, k->name, NULL);
	int r = n ? ask_listing(m, n, a) : -ENOMEM;

	node_unref(n, 1);
	return r;
}

/* ---- sources ---- */

/* By the listing that was used last of those that hold it. -EAGAIN: there is none that tells
 * what the issue is. */
static int refresh_by_listing(struct op *op, const struct item *item)
{
	struct resource *res = cache_holder(&op->mount->cache, item);
	cleanup_free char *key = NULL;
	struct cache_want want;
	int r;

	if (!res)
		return -EAGAIN;
	key = strdup(res->key);
	if (!key)
		return -ENOMEM;
	want = (struct cache_want){.key = key,
				   .class = &item_issue,
				   .scope = res->scope,
				   .max = res->max,
				   .fresh_ms = fresh_ms(SOURCE_ISSUE_FRESH_S)};
	r = op_need(op, &want, &res);
	if (r == -EINPROGRESS)
		return cache_coming(&op->mount->cache, key, NULL, NULL) ? r : 0;
	return window_is_part(key) && item->fetched < op->start - fresh_ms(SOURCE_ISSUE_FRESH_S) ? -EAGAIN : 0;
}

int source_is_latest(struct op *op, const struct node *issue, const struct timespec *event)
{
	const struct item *item = issue->item;
	int r = -ENOENT;

	if (!item->listed || item->mtime.tv_sec > event->tv_sec)
		return -ENOENT;
	if (op->start - item->fetched <= fresh_ms(SOURCE_ISSUE_FRESH_S))
		return 0;
	if (!op->stale_ok)
		r = refresh_by_listing(op, item);
	if (r)
		return r == -EINPROGRESS ? r : -ENOENT;
	return item->mtime.tv_sec <= event->tv_sec ? 0 : -ENOENT;
}

/* -ENOENT: the name of an issue that was merged away leads to the one that has it now, which must not be
 * shown in its place. */
static int check_own(struct op *op, const struct item *issue, struct str document, bool peek)
{
	if (!item_is_other(issue, document))
		return 0;
	if (!peek)
		journal_add(&op->mount->api.errors, op->mount->clock,
			    "%s: the server answers with another issue, into which it was merged", issue->name);
	return -ENOENT;
}

/* Brings an issue's row up to date: one that a listing holds by that listing alone,
 * another by itself. An older copy will do when the server is slow. */
static int refresh_issue(struct op *op, const struct node *issue)
{
	cleanup_ask struct ask a = {0};
	struct item *item = issue->item;
	struct resource *res;
	int64_t age = op->start - item->fetched;
	bool doubted = item_is_doubted(item) && item->fetched < item->doubted, good;
	int r;

	if ((age <= fresh_ms(SOURCE_ISSUE_FRESH_S) && !doubted) || (op->stale_ok && item->fetched > ITEM_DROPPED))
		return 0;
	if (item->listed && !doubted) {
		r = refresh_by_listing(op, item);
		/* a row that its listing tells nothing new of is asked for alone */
		if (r == -EINPROGRESS || !r)
			return r;
	}
	if (age <= fresh_ms(ISSUE_ALONE_FRESH_S) && !doubted)
		return 0;
	r = ask_document(op->mount, issue, ISSUE_URL, STR(""), doubted ? 0 : ISSUE_ALONE_FRESH_S, &a);
	good = !r && !doubted &&
	       keep_is_good(&op->mount->cache, a.key.data, item->fetched, fresh_ms(ISSUE_ALONE_FRESH_S));
	a.want.since = op->start;
	a.want.asker = &op->asker;
	if (!r)
		r = good ? cache_need(&op->mount->cache, &a.want, NULL, &res) : op_need(op, &a.want, &res);
	if (!r && res->document) {
		cleanup_json cJSON *tree = NULL;
		struct timespec wall;
		struct item *same = NULL;

		op->mount->clock->wall(op->mount->clock, &wall);
		if (!json_parse(blob_str(res->document), &tree) && !ask_scope(op->mount, issue, &item_issue, &a) &&
		    !item_put(&op->mount->cache.items, &item_issue, a.scope.data, tree, blob_str(res->document),
			      res->fetched, &wall, false, &same))
			item_unref(same);
		r = check_own(op, item, blob_str(res->document), false);
	}
	return (r == -EINPROGRESS && !good) || r == -ENOENT ? r : 0;
}

int source_lacks(struct op *op, const struct node *n, const char *name, enum feature f)
{
	const struct node *issue = node_above(n, &item_issue);
	cleanup_free char *what = NULL;
	struct report report = {.error = -EOPNOTSUPP,
				.words = dialect_lacks(f),
				.next = "see README.md: what a server does not have is not listed"};

	if (asprintf(&what, "use %s%s%s", name, issue ? " of " : "", issue ? issue->item->name : "") < 0)
		what = NULL;
	report.what = what ? what : name;
	report_failure(&op->mount->api, issue ? issue->item : NULL, &report);
	return -EOPNOTSUPP;
}

int source_need(struct op *op, const struct node *n, struct ask *a, struct resource **ret)
{
	int r = op_need(op, &a->want, ret);
	const struct resource *res = r == -ENOENT ? map_get(&op->mount->cache.resources, str_of(a->key.data)) : NULL;

	if (!res || !res->unrouted || n->kind->feature == FEATURE_ANY)
		return r;
	dialect_forget(&op->mount->dialect, n->kind->feature);
	return source_lacks(op, n, n->name, n->kind->feature);
}

/* An attachment, as far as it fits in memory. */
static int ask_bytes(struct op *op, const struct node *n, struct ask *a)
{
	struct mount *m = op->mount;
	int r;

	if (n->item->size > SOURCE_BYTES_MAX) {
		journal_add(&m->api.errors, m->clock,
			    "%s: it has %llu bytes, and at most %llu are fetched: download it from the issue's page",
			    n->name, (unsigned long long)n->item->size, (unsigned long long)SOURCE_BYTES_MAX);
		return -EFBIG;
	}
	r = ask_document(m, n, n->kind->url, STR(""), n->kind->fresh_s, a);
	a->want.least = n->item->size;
	return r;
}

/* ---- an issue's parts ---- */

enum part { DETAILS, EVENT, TAGS, PARTS };

static int ask_part(struct op *op, struct node *issue, enum part part, struct ask *a)
{
	const struct kind *k = kind_named(KIND_ISSUE, part == DETAILS ? "details.json"
						      : part == EVENT ? "frames.qf"
								      : "tags");

	return part == TAGS ? ask_below(op->mount, issue, k, a)
			    : ask_document(op->mount, issue, k->url, STR(""), k->fresh_s, a);
}

void source_begin_parts(struct op *op, struct node *issue, bool ahead)
{
	for (enum part part = DETAILS; part < PARTS; part++) {
		cleanup_ask struct ask a = {0};
		struct resource *res;

		if (ask_part(op, issue, part, &a))
			continue;
		a.want.ahead = ahead;
		a.want.since = op->start;
		cache_need(&op->mount->cache, &a.want, NULL, &res);
	}
}

static int get_part(struct op *op, struct node *issue, enum part part, bool peek, struct resource **res)
{
	cleanup_ask struct ask a = {0};
	int r = ask_part(op, issue, part, &a);

	a.want.peek = peek;
	a.want.stale_ok = peek;
	return r ? r : op_need(op, &a.want, res);
}

void source_adopt_event(struct op *op, const struct node *n, const struct resource *res)
{
	cleanup_buf struct buf id = {0};
	cleanup_ask struct ask to = {0};
	struct str bytes;

	buf_init(&id, BUF_MAX_DEFAULT);
	if (json_member(blob_str(res->document), "eventID", &bytes))
		return;
	json_plain(&id, bytes);
	if (name_is_event_id(buf_str(&id)) &&
	    !ask_document(op->mount, n, kind_of(KIND_EVENT)->url, buf_str(&id), 0, &to))
		cache_adopt(&op->mount->cache, to.key.data, res->document, res->fetched);
}

/* Is the row newer than what was fetched then? A change of ours always is. */
static bool is_newer(const struct item *i, int64_t fetched)
{
	return i->fetched >= fetched || item_is_held(i, fetched);
}

static int get_parts(struct op *op, const struct node *n, bool peek, struct source *s, uint64_t *stamp)
{
	struct item_store *items = &op->mount->cache.items;
	struct issue_parts *p = &s->parts;
	struct resource *res;
	int r;

	if (!peek)
		source_begin_parts(op, n->parent, false);
	r = get_part(op, n->parent, DETAILS, peek, &res);
	if (r)
		return r;
	r = check_own(op, s->item, blob_str(res->document), peek);
	if (r)
		return r;
	p->details = blob_ref(res->document);
	*stamp = res->stamp > s->item->stamp ? res->stamp : s->item->stamp;
	s->json = is_newer(s->item, res->fetched) ? blob_str(s->item->json) : blob_str(p->details);
	/* what else there is to say does not depend on these two */
	p->event_error = get_part(op, n->parent, EVENT, peek, &res);
	if (p->event_error == -EINPROGRESS)
		return -EINPROGRESS;
	if (!p->event_error) {
		p->event = blob_ref(res->document);
		*stamp = res->stamp > *stamp ? res->stamp : *stamp;
		if (!peek)
			source_adopt_event(op, n, res); /* the summary names it */
	}
	p->tags_error = get_part(op, n->parent, TAGS, peek, &res);
	if (p->tags_error == -EINPROGRESS)
		return -EINPROGRESS;
	if (!p->tags_error) {
		p->tags = listing_ref(res->listing);
		*stamp = res->stamp > *stamp ? res->stamp : *stamp;
	}
	if (p->event_error || p->tags_error)
		*stamp = ++items->stamp;
	return 0;
}

void source_done(struct source *s)
{
	blob_unref(s->parts.details);
	blob_unref(s->parts.event);
	listing_unref(s->parts.tags);
	s->parts = (struct issue_parts){0};
}

int source_get(struct op *op, const struct node *n, bool peek, struct source *s, uint64_t *stamp)
{
	cleanup_ask struct ask a = {0};
	const struct node *owner = node_nearest(n);
	struct resource *res;
	int r;

	*s = (struct source){.mount = op->mount, .node = n, .kind = n->kind, .item = owner ? owner->item : NULL};
	switch (n->kind->from) {
	case FROM_NOTHING:
		*stamp = ++op->mount->cache.items.stamp;
		return 0;
	case FROM_ITEM:
		if (!owner)
			return -ENOENT;
		if (!peek && owner->item->class == &item_issue && S_ISREG(n->kind->mode)) {
			r = refresh_issue(op, owner);
			if (r)
				return r;
		}
		s->json = blob_str(owner->item->json);
		*stamp = owner->item->stamp;
		return 0;
	case FROM_BYTES:
		r = ask_bytes(op, n, &a);
		break;
	case FROM_PARTS:
		return owner ? get_parts(op, n, peek, s, stamp) : -ENOENT;
	case FROM_DOCUMENT:
		r = ask_document(op->mount, n, n->kind->url, STR(""), n->kind->fresh_s, &a);
		break;
	default:
		r = ask_listing(op->mount, n, &a);
		break;
	}
	if (r)
		return r;
	a.want.peek = peek;
	a.want.stale_ok = peek;
	r = source_need(op, n, &a, &res);
	if (!r && s->item && n->kind->url && !strcmp(n->kind->url, ISSUE_URL))
		r = check_own(op, s->item, blob_str(res->document), peek);
	if (r)
		return r;
	s->json = blob_str(res->document);
	s->listing = res->listing;
	*stamp = res->stamp;
	/* what it shows of issues changes with them */
	if (a.want.class == &item_issue && op->mount->cache.items.news > *stamp)
		*stamp = op->mount->cache.items.news;
	return 0;
}

void source_report(struct op *op, const struct node *n, int r)
{
	const char *of = n->item ? n->item->name : n->parent && n->parent->item ? n->parent->item->name : "";

	journal_add(&op->mount->api.errors, op->mount->clock, "%s %s: %s: the answer lacks what this file shows", of,
		    n->name, strerrordesc_np(-r));
}

int source_content(struct op *op, const struct node *n, bool peek, struct blob **ret, uint64_t *stamp)
{
	cleanup_buf struct buf b = {0};
	cleanup_source struct source s = {0};
	int r = source_get(op, n, peek, &s, stamp);

	if (r)
		return r;
	buf_init(&b, BUF_MAX_DEFAULT * 4);
	r = n->kind->show(&b, &s);
	if (r)
		source_report(op, n, r);
	return r ? r : buf_to_blob(&b, ret);
}

int source_issue_now(struct op *op, const struct node *at, const struct item *issue, struct str *ret)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;
	int r = ask_document(op->mount, at, "organizations/{o}/issues/{n}/", str_of(issue->id), 0, &a);

	if (r)
		return r;
	/* not op_need, which is content with an older copy where the server is slow or fails */
	a.want.since = op->start;
	r = cache_need(&op->mount->cache, &a.want, &op->waiter, &res);
	if (!r && res->fetched < op->start)
		r = res->error ? res->error : -EIO;
	if (!r)
		*ret = blob_str(res->document);
	return r;
}

/* ---- issues by name ---- */

/* `upper` has NAME_BYTES_MAX + 1 bytes. */
static void name_upper(char *upper, struct str name)
{
	for (size_t i = 0; i <= name.n; i++)
		upper[i] = i == name.n				  ? '\0'
			   : name.s[i] >= 'a' && name.s[i] <= 'z' ? (char)(name.s[i] - 32)
								  : name.s[i];
}

/* An issue that is known already, from whatever told of it, an earlier mount too. -ENOENT: we
 * deleted it; -EAGAIN: the server must be asked. */
static int known_issue(struct op *op, const struct node *at, struct str name, struct item **ret)
{
	cleanup_ask struct ask a = {0};
	const struct item_store *cache_items = &op->mount->cache.items;
	cleanup_item struct item *item = NULL;
	char upper[NAME_BYTES_MAX + 1];
	int r;

	name_upper(upper, name);
	if (ask_document(op->mount, at, "organizations/{o}/", STR(""), ISSUE_ALONE_FRESH_S, &a) ||
	    ask_scope(op->mount, at, &item_issue, &a))
		return -EAGAIN;
	item = item_find(cache_items, a.scope.data, str_of(upper));
	if (item)
		item_ref(item);
	else if (!keep_find_item(&op->mount->cache, &item_issue, a.scope.data, str_of(upper), &item))
		return -EAGAIN;
	r = !item->gone ? 0 : item->gone == ITEM_MERGED ? -EAGAIN : -ENOENT;
	if (!r && !item->listed && op->start - item->fetched > fresh_ms(ISSUE_ALONE_FRESH_S) &&
	    !keep_is_good(&op->mount->cache, a.key.data, item->fetched, fresh_ms(ISSUE_ALONE_FRESH_S)))
		r = -EAGAIN;
	if (!r)
		*ret = steal(&item);
	return r;
}

/* The listing of an earlier mount tells of its issues before anything else does. */
static void recall_listing(struct op *op, const struct node *at)
{
	cleanup_ask struct ask a = {0};
	struct resource *res;

	if (at->kind->id != KIND_ISSUES || ask_listing(op->mount, at, &a))
		return;
	a.want.peek = a.want.stale_ok = true;
	op_need(op, &a.want, &res);
}

/* A server that does not look short ids up: all issues of the project whose short id it is, or else
 * of the organization, whatever their status, newest first. */
static int find_among_all(struct op *op, const struct node *at, struct str name, struct item **ret)
{
	const struct node *project = node_above(at, &item_project);
	size_t n = project ? strlen(project->item->name) : 0;
	bool own = n && name.n > n && name.s[n] == '-' &&
		   str_case_eq((struct str){name.s, n}, str_of(project->item->name));
	cleanup_ask struct ask a = {0};
	struct mount *m = op->mount;
	char upper[NAME_BYTES_MAX + 1];
	struct resource *res;
	struct item *item;
	int r = ask_document(m, at,
			     own ? "organizations/{o}/issues/?project={P}&query=&limit=100&sort=-last_seen"
				 : "organizations/{o}/issues/?query=&limit=100&sort=-last_seen",
			     STR(""), SOURCE_ISSUE_FRESH_S, &a);

	if (!r)
		r = ask_scope(m, at, &item_issue, &a);
	a.want.class = &item_issue;
	a.want.scope = a.scope.data;
	a.want.max = m->options->max_issues;
	if (!r)
		r = op_need(op, &a.want, &res);
	if (r)
		return r;
	name_upper(upper, name);
	item = map_get(&res->listing->by_name, str_of(upper));
	if (item) {
		*ret = item_ref(item);
		return 0;
	}
	if (res->listing->cut)
		journal_add(&m->api.errors, m->clock, "%s is not among the newest %zu: %s", upper, res->listing->n,
			    dialect_lacks(FEATURE_SHORT_IDS));
	return -ENOENT;
}

int source_issue(struct op *op, const struct node *at, struct str name, struct item **ret)
{
	cleanup_ask struct ask a = {0}, to = {0};
	cleanup_json cJSON *tree = NULL;
	struct mount *m = op->mount;
	struct resource *res;
	struct timespec wall;
	struct item *item;
	int r;

	if (name.n > NAME_BYTES_MAX)
		return -ENOENT;
	recall_listing(op, at);
	r = known_issue(op, at, name, ret);
	if (r != -EAGAIN)
		return r;
	if (!dialect_has(&m->dialect, FEATURE_SHORT_IDS) && !name_is_number(name))
		return find_among_all(op, at, name, ret);
	r = ask_document(m, at, "organizations/{o}/issues/{n}/", name, ISSUE_ALONE_FRESH_S, &a);
	if (!r)
		r = op_need(op, &a.want, &res);
	if (!r)
		r = json_parse(blob_str(res->document), &tree);
	if (!r)
		r = ask_scope(m, at, &item_issue, &a);
	if (r)
		return r;
	m->clock->wall(m->clock, &wall);
	r = item_put(&m->cache.items, &item_issue, a.scope.data, tree, blob_str(res->document), res->fetched, &wall,
		     false, &item);
	if (r)
		return r;
	dialect_learn_issue(&m->dialect, blob_str(res->document));
	/* the answer is the issue's details too */
	if (!ask_document(m, at, "organizations/{o}/issues/{n}/", str_of(item->name), 0, &to))
		cache_adopt(&m->cache, to.key.data, res->document, res->fetched);
	*ret = item;
	return 0;
}
