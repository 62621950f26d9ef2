// SPDX-License-Identifier: MIT
/*
 * One mount: its server, its cache, its nodes; and how a row's path becomes a
 * request for one node.
 */
#include "sentryfs/mount.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/log.h"
#include "sentryfs/name.h"
#include "sentryfs/op.h"

static void name_store(struct mount *m, const char *token)
{
	const struct options *o = m->options;
	cleanup_free char *source = NULL;

	if (asprintf(&source, "%s%s%s", o->org ? o->org : "", o->project ? "/" : "", o->project ? o->project : "") < 0)
		source = NULL;
	if (!source || !o->url || !store_name(m->store_name, o->url, source, token))
		*m->store_name = '\0';
}

/* What the token was read from may have another one by now. */
static void renew_token(void *arg)
{
	struct mount *m = arg;
	cleanup_free char *said = NULL;
	char *token = NULL;
	size_t n = 0;
	FILE *err = open_memstream(&said, &n);
	int r;

	if (!err)
		return;
	r = token_again(m->options, m->token_place, &token, err);
	fclose(err);
	if (r && n)
		log_warning("the token was not read again: %.*s", (int)strcspn(said, "\n"), said);
	if (!r && api_set_token(&m->api, token)) {
		access_forget(&m->access);
		log_warning("a new token was read from where the first one was");
	}
	token_free(token);
}

void mount_reload(struct mount *m)
{
	renew_token(m);
	mount_refresh(m);
}

void mount_keep(struct mount *m)
{
	if (!m->options->cache_disk || !*m->store_name || m->store)
		return;
	m->store = store_new(m->store_name, m->options->cache_size, m->clock);
	if (store_is_open(m->store))
		cache_keep(&m->cache, m->store);
}

int mount_init(struct mount *m, const struct options *o, const char *token, const struct clock *clock)
{
	int r;

	*m = (struct mount){.options = o, .clock = clock};
	list_init(&m->parked);
	list_init(&m->ready);
	clock->wall(clock, &m->born);
	m->slept = clock_slept_ms(clock);
	tree_init(&m->tree);
	r = api_init(&m->api, o->url, token, o->timeout, clock);
	m->api.offline = o->offline;
	m->api.renew = renew_token;
	m->api.renew_arg = m;
	name_store(m, token);
	cache_init(&m->cache, &m->api, o->cache_memory);
	changes_init(&m->changes, &m->cache);
	guard_init(&m->guard);
	scratches_init(&m->scratches);
	searches_init(&m->searches);
	ahead_init(&m->ahead);
	return r;
}

void mount_done(struct mount *m)
{
	/* what was open when the mount ended is never released */
	while (!list_empty(&m->tree.handles))
		handle_free(list_first(&m->tree.handles, struct handle, link));
	changes_done(&m->changes);
	guard_done(&m->guard);
	scratches_done(&m->scratches);
	searches_done(&m->searches);
	access_forget(&m->access);
	ahead_done(&m->ahead);
	/* nodes and listings share items; the store goes last */
	tree_done(&m->tree);
	cache_done(&m->cache);
	store_free(m->store);
	api_done(&m->api);
}

void mount_refresh(struct mount *m)
{
	cache_drop(&m->cache);
	access_forget(&m->access);
}

static const char *item_text(const struct node *n, const struct item_class *class, bool id)
{
	n = node_above(n, class);
	return !n ? NULL : id ? n->item->id : n->item->name;
}

static int expand_search(const struct mount *m, const struct node *n, char key, struct buf *b)
{
	unsigned max = m->options->max_issues;
	cleanup_search struct search s;
	int r = searches_of(m, n, &s);

	if (r)
		return r;
	if (key == 'q')
		url_encode(b, buf_str(&s.query));
	else if (key == 'w')
		buf_add_str(b, buf_str(&s.params));
	else if (s.limit) /* as it is, since the server cuts it to a page, and another limit is another listing */
		buf_printf(b, "%u", s.limit);
	else
		buf_printf(b, "%u", max < 100 ? max : 100);
	return b->error;
}

static int expand(const struct mount *m, const struct node *n, char key, struct str own, struct buf *b)
{
	const char *text = NULL;
	unsigned max;

	switch (key) {
	case 'o':
		text = item_text(n, &item_organization, false);
		break;
	case 'p':
		text = item_text(n, &item_project, false);
		break;
	case 'P':
		text = item_text(n, &item_project, true);
		break;
	case 'i':
		text = item_text(n, &item_issue, true);
		break;
	case 's':
		text = item_text(n, &item_issue, false);
		break;
	case 'q':
	case 'w':
	case 'M':
		return expand_search(m, n, key, b);
	case 'n':
		if (!own.n && n->item)
			own = str_of(n->item->id);
		if (!own.n)
			return -EINVAL;
		url_encode(b, own);
		return 0;
	case 'E':
		max = m->options->max_events;
		buf_printf(b, "%u", max < 100 ? max : 100);
		return 0;
	}
	if (!text && key == 'P')
		text = "-1";
	if (!text)
		return -EINVAL;
	url_encode(b, str_of(text));
	return 0;
}

int mount_url(const struct mount *m, const struct node *n, const char *template, struct str own, struct buf *b)
{
	for (const char *p = template; *p; p++) {
		int r;

		if (*p != '{') {
			buf_addc(b, *p);
			continue;
		}
		r = expand(m, n, p[1], own, b);
		if (r)
			return r;
		p += 2;
	}
	return b->error;
}
