// SPDX-License-Identifier: MIT
/*
 * The start: what inode 1 is, found with the first authenticated requests, while
 * errors can still be printed where the user reads them.
 */
#include "sentryfs/root.h"

#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/kinds.h"

struct start {
	struct mount *mount;
	struct waiter waiter;
	bool settled;
	int (*wait)(void *arg);
	void *arg;
};

static void on_settled(struct waiter *w)
{
	container_of(w, struct start, waiter)->settled = true;
}

static void on_progress(struct waiter *w)
{
	(void)w;
}

static int fetch(struct start *s, struct cache_want *want, struct resource **ret)
{
	int r;

	want->since = s->mount->clock->now_ms(s->mount->clock);
	while ((r = cache_need(&s->mount->cache, want, &s->waiter, ret)) == -EINPROGRESS) {
		s->settled = false;
		for (r = 0; !s->settled && !r;)
			r = s->wait(s->arg);
		if (r)
			return r;
	}
	return r;
}

static long res_status(const struct mount *m, const char *key)
{
	const struct resource *res = map_get(&m->cache.resources, str_of(key));

	return res ? res->status : 0;
}

/* One sentence for the terminal: what failed, the server's words, what to do. */
static int explain(struct start *s, int r, const char *key, const char *what, struct buf *why)
{
	struct resource *res = map_get(&s->mount->cache.resources, str_of(key));
	const char *words = res && res->words ? res->words : "";
	long status = res_status(s->mount, key);

	/* every token may ask who it is, so that a refusal of that is of the token */
	if (status == 401 || (status == 403 && !*key))
		buf_printf(why,
			   "%s refuses the token (%s): make a new one, with the scopes event:read, org:read and "
			   "project:read",
			   s->mount->api.origin, words);
	else if (r == -EACCES)
		buf_printf(why, "the token may not read %s (%s)", what, words);
	else if (r == -ENOENT)
		buf_printf(why, "%s has no %s", s->mount->api.origin, what);
	else if (r == -EPROTO)
		buf_printf(
			why,
			"cannot trust %s (%s): check the address; give the authority that signed its certificate with "
			"-o cacert=FILE, and this client's with -o cert=FILE where it wants one",
			s->mount->api.origin, words);
	else if (r == -EBADMSG)
		buf_printf(
			why,
			"%s does not answer as Sentry does: what came for %s is not what it sends; a proxy or a login "
			"page may be in between",
			s->mount->api.origin, what);
	else
		buf_printf(why, "cannot reach %s: %s (%s)", s->mount->api.origin, strerrordesc_np(-r), words);
	return r;
}

static struct item *put(struct start *s, const struct item_class *class, const char *scope, struct str bytes)
{
	cleanup_json cJSON *tree = NULL;
	struct item *item;
	struct timespec wall;

	s->mount->clock->wall(s->mount->clock, &wall);
	if (json_parse(bytes, &tree) ||
	    item_put(&s->mount->cache.items, class, scope, tree, bytes, 0, &wall, false, &item))
		return NULL;
	return item;
}

static struct node *child(struct start *s, struct node *parent, enum kind_id id, const char *name, struct item *item)
{
	struct node *n = node_get(&s->mount->tree, parent, kind_of(id), name, item);

	node_unref(parent, 1); /* the child has it now */
	item_unref(item);
	return n;
}

/* Which server it is, asked of one that tells no rate limits, as SaaS does. It is what the first
 * listing of issues asks for otherwise. A refusal of the first request is looked into: servers
 * that answer 403 to a bad token say so here too. Which one it is is not guessed because it is busy: a
 * write in the words of another server may undo what it does not name. */
static int learn_server(struct start *s, int refused, struct buf *why)
{
	struct mount *m = s->mount;
	struct cache_want want = {.key = "", .fresh_ms = INT64_MAX / 4, .peek = m->api.offline};
	struct resource *res;
	int r;

	if (m->api.limited || (refused && refused != -EACCES))
		return refused;
	/* offline, what an earlier mount was told has to do */
	r = m->api.offline ? cache_need(&m->cache, &want, NULL, &res) : fetch(s, &want, &res);
	mount_learn(m, r ? STR("") : blob_str(res->document));
	if (r == -EACCES && !refused)
		return 0;
	if (r == -EACCES || (!refused && r && r != -ENOENT && !m->api.offline && !m->api.limited)) {
		why->len = 0;
		return explain(s, r, "", "API at that address", why);
	}
	return refused;
}

/* All organizations of the token, or one. */
static int check_organization(struct start *s, const char *org, struct item **ret, struct buf *why)
{
	cleanup_buf struct buf key = {0}, what = {0};
	struct cache_want want = {.fresh_ms = 300000};
	struct resource *res;
	int r;

	buf_init(&key, 1024);
	buf_init(&what, 1024);
	buf_puts(&key, "organizations/");
	buf_puts(&what, org ? "organization " : "the list of organizations");
	if (org) {
		buf_printf(&key, "%s/?detailed=0", org);
		buf_printf(&what, "%s", org);
	} else {
		want.class = &item_organization;
		want.scope = "organizations/";
		want.max = 100000;
	}
	buf_addc(&key, '\0');
	buf_addc(&what, '\0');
	want.key = key.data;
	r = fetch(s, &want, &res);
	if (r) {
		explain(s, r, key.data, what.data, why);
		if (res_status(s->mount, key.data) == 403)
			buf_puts(why, ": with event:read alone, name a project: sentryfs ORG/PROJECT MOUNTPOINT");
		return r;
	}
	if (!org)
		return 0;
	*ret = put(s, &item_organization, "organizations/", blob_str(res->document));
	if (*ret)
		return 0;
	buf_printf(why, "%s does not answer as Sentry does: organization %s has no slug", s->mount->api.origin, org);
	return -EBADMSG;
}

/* With event:read alone the list of projects is refused; the first issue of the
 * (deprecated) project list names its project. */
static int project_by_issue(struct start *s, const char *org, const char *project, const char *scope, struct item **ret,
			    struct buf *why)
{
	cleanup_buf struct buf key = {0};
	struct cache_want want = {.class = &item_issue, .scope = "start", .max = 1, .fresh_ms = 300000};
	struct resource *res;
	struct str bytes;
	int r;

	buf_init(&key, 1024);
	buf_printf(&key, "projects/%s/%s/issues/?query=&limit=1", org, project);
	buf_addc(&key, '\0');
	want.key = key.data;
	r = fetch(s, &want, &res);
	if (r)
		return explain(s, r, key.data, "that project's issues", why);
	if (!res->listing->n || json_member(blob_str(res->listing->items[0]->json), "project", &bytes)) {
		buf_printf(why,
			   "the token may not list projects and %s/%s has no issue that would tell its id: use a token "
			   "with project:read",
			   org, project);
		return -EACCES;
	}
	*ret = put(s, &item_project, scope, bytes);
	return *ret ? 0 : -EBADMSG;
}

static int check_project(struct start *s, const char *org, const char *project, struct item **ret, struct buf *why)
{
	cleanup_buf struct buf key = {0};
	struct cache_want want = {.class = &item_project, .max = 100000, .fresh_ms = 300000};
	struct resource *res;
	struct item *item;
	int r;

	buf_init(&key, 1024);
	buf_printf(&key, "organizations/%s/projects/?per_page=100", org);
	buf_addc(&key, '\0');
	want.key = want.scope = key.data;
	r = fetch(s, &want, &res);
	if (r == -EACCES && res_status(s->mount, key.data) == 403)
		return project_by_issue(s, org, project, key.data, ret, why);
	if (r)
		return explain(s, r, key.data, "organization of that name", why);
	item = map_get(&res->listing->by_name, str_of(project));
	/* an address of the web interface has its number; a slug never is one */
	for (size_t i = 0; !item && i < res->listing->n; i++)
		if (!strcmp(res->listing->items[i]->id, project))
			item = res->listing->items[i];
	if (!item) {
		buf_printf(why, "organization %s has no project %s that this token can see", org, project);
		return -ENOENT;
	}
	*ret = item_ref(item);
	return 0;
}

int root_find(struct mount *m, int (*wait)(void *arg), void *arg, struct buf *why)
{
	const struct options *o = m->options;
	struct start s = {
		.mount = m, .waiter = {.settled = on_settled, .progress = on_progress}, .wait = wait, .arg = arg};
	struct item *org = NULL, *project = NULL;
	struct node *n;
	int r;

	list_init(&s.waiter.link);
	if (o->project) {
		cleanup_buf struct buf json = {0};

		buf_init(&json, 1024);
		buf_printf(&json, "{\"slug\":\"%s\"}", o->org);
		r = check_project(&s, o->org, o->project, &project, why);
		if (!r)
			org = put(&s, &item_organization, "organizations/", buf_str(&json));
	} else {
		r = check_organization(&s, o->org, &org, why);
	}
	r = learn_server(&s, r, why);
	if (r) {
		item_unref(org);
		item_unref(project);
		return r;
	}
	n = node_get(&m->tree, NULL, kind_of(KIND_ROOT), "", NULL);
	if (o->org)
		n = child(&s, n, KIND_ORG, o->org, org);
	if (project) {
		n = child(&s, n, KIND_PROJECTS, "projects", NULL);
		n = child(&s, n, KIND_PROJECT, project->name, project);
	}
	m->root = n;
	return n ? 0 : -ENOMEM;
}

int root_whoami(struct mount *m, int (*wait)(void *arg), void *arg, struct buf *why)
{
	struct start s = {
		.mount = m, .waiter = {.settled = on_settled, .progress = on_progress}, .wait = wait, .arg = arg};
	struct cache_want want = {.key = "", .fresh_ms = 300000};
	struct resource *res;
	int r;

	list_init(&s.waiter.link);
	r = fetch(&s, &want, &res);
	if (r)
		return explain(&s, r, "", "API at that address", why);
	mount_learn(m, blob_str(res->document));
	return 0;
}
