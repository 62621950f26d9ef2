// SPDX-License-Identifier: MIT
/*
 * What is listed out of memory: by-assignee/ of a project, issues/ of an organization.
 * Owns nothing.
 */
#include "sentryfs/views.h"

#include <errno.h>

#include "sentryfs/name.h"
#include "sentryfs/searches.h"
#include "sentryfs/show.h"
#include "sentryfs/source.h"

/* ---- by-assignee/ ---- */

/* What can be searched for: an address, or a team as assignedTo prints it. */
static bool is_assignee(struct str name)
{
	return search_is_name(name) && (memchr(name.s, '@', name.n) || *name.s == '#' || str_starts(name, "team:"));
}

static int make_assignee(struct op *op, struct str name, struct item **ret)
{
	cleanup_buf struct buf search = {0};

	buf_init(&search, 1024);
	buf_puts(&search, "is:unresolved&assignee=");
	/* what parts parameters is encoded, the rest is so already */
	for (size_t i = 0; i < name.n; i++)
		if (name.s[i] == '&')
			buf_puts(&search, "%26");
		else
			buf_addc(&search, name.s[i]);
	return search.error ? search.error : searches_item(op->mount, op->node, name, buf_str(&search), ret);
}

int views_assignee(struct op *op, struct str name, struct item **ret)
{
	return is_assignee(name) ? make_assignee(op, name, ret) : -ENOENT;
}

/* The project's issues/ as it is in memory, borrowed; NULL: it is not. */
static struct listing *issues_in_memory(struct op *op)
{
	const struct node *project = node_above(op->node, &item_project);
	cleanup_ask struct ask a = {0};
	struct resource *res;

	if (!project || ask_below(op->mount, project, kind_of(KIND_ISSUES), &a))
		return NULL;
	a.want.peek = a.want.stale_ok = true;
	return op_need(op, &a.want, &res) ? NULL : res->listing;
}

static int add_assignee(struct op *op, struct listing *l, struct str issue)
{
	cleanup_buf struct buf who = {0}, name = {0};
	struct item *i;
	int r;

	buf_init(&who, 1024);
	buf_init(&name, 1024);
	if (show_assignee(&who, issue))
		return 0;
	name_encode(&name, buf_str(&who));
	if (who.error == -ENOMEM || name.error == -ENOMEM)
		return -ENOMEM;
	if (who.error || name.error || !is_assignee(buf_str(&name)) || map_get(&l->by_name, buf_str(&name)))
		return 0;
	r = make_assignee(op, buf_str(&name), &i);
	return r ? r : listing_add(l, i);
}

int views_assignees(struct op *op, struct listing **ret)
{
	cleanup_listing struct listing *l = listing_new(op->start);
	const struct listing *from = issues_in_memory(op);
	int r = l ? 0 : -ENOMEM;

	for (size_t i = 0; from && i < from->n && !r; i++)
		r = add_assignee(op, l, blob_str(from->items[i]->json));
	if (!r)
		*ret = steal(&l);
	return r;
}

/* ---- issues/ of an organization ---- */

static int newest_first(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	if (x->mtime.tv_sec != y->mtime.tv_sec)
		return x->mtime.tv_sec < y->mtime.tv_sec ? 1 : -1;
	if (x->mtime.tv_nsec != y->mtime.tv_nsec)
		return x->mtime.tv_nsec < y->mtime.tv_nsec ? 1 : -1;
	return strcmp(x->name, y->name);
}

int views_issues(struct op *op, struct listing **ret)
{
	const struct map *items = &op->mount->cache.items.by_key;
	cleanup_free struct item **found = calloc(items->used + 1, sizeof(struct item *));
	cleanup_listing struct listing *l = listing_new(op->start);
	cleanup_ask struct ask a = {0};
	size_t n = 0, pos = 0;
	struct item *i;
	int r = found && l ? 0 : -ENOMEM;

	if (!r) {
		buf_init(&a.scope, 4096);
		r = ask_scope(op->mount, op->node, &item_issue, &a);
	}
	while (!r && (i = map_next(items, &pos)))
		if (i->class == &item_issue && i->listed && !i->gone && str_starts(str_of(i->key), a.scope.data) &&
		    i->key[strlen(a.scope.data)] == '/')
			found[n++] = i;
	if (n)
		qsort(found, n, sizeof(struct item *), newest_first);
	for (size_t k = 0; k < n && !r; k++)
		r = listing_add(l, item_ref(found[k]));
	if (!r)
		*ret = steal(&l);
	return r;
}
