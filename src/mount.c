// SPDX-License-Identifier: MIT
/*
 * One mount: its server, its cache, its nodes; and how a row's path becomes a
 * request for one node.
 */
#include "sentryfs/mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentryfs/json.h"
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
	if (r && n) {
		said[strcspn(said, "\n")] = '\0';
		log_warning("the token was not read again: %s", said);
		journal_add(&m->api.errors, m->clock, "the token was not read again: %s", said);
	}
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

/* Where the organization says to live, as far as the token may go there. */
static char *region_of(void *arg, struct str organization)
{
	struct mount *m = arg;
	const struct item *item = item_find(&m->cache.items, "organizations/", organization);
	cleanup_buf struct buf url = {0};
	struct str links, bytes;

	if (!item || json_member(blob_str(item->json), "links", &links) || json_member(links, "regionUrl", &bytes))
		return NULL;
	buf_init(&url, 1024);
	json_plain(&url, bytes);
	return url.error ? NULL : dialect_region(&m->dialect, m->api.origin, buf_str(&url));
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
	m->api.region = region_of;
	m->api.region_arg = m;
	dialect_init(&m->dialect);
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

void mount_learn(struct mount *m, struct str whoami)
{
	dialect_learn(&m->dialect, whoami, m->api.limited);
	if (whoami.n)
		access_learn(&m->access, whoami, dialect_writer_deletes(&m->dialect));
}

void mount_refresh(struct mount *m)
{
	cache_drop(&m->cache);
	access_forget(&m->access);
	m->dialect.absent = 0;
}

static const char *item_text(const struct node *n, const struct item_class *class, bool id)
{
	n = node_above(n, class);
	return !n ? NULL : id ? n->item->id : n->item->name;
}

/* An attachment's event. */
static int event_of(const struct node *n, struct buf *b)
{
	cleanup_buf struct buf id = {0};
	struct str bytes;

	if (!n->item || json_member(blob_str(n->item->json), "event_id", &bytes))
		return -EBADMSG;
	buf_init(&id, 256);
	json_plain(&id, bytes);
	if (!name_is_event_id(buf_str(&id)))
		return -EBADMSG;
	buf_add_str(b, buf_str(&id));
	return b->error;
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
	case 'C':
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
	case 'e':
		return event_of(n, b);
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

#define PROJECT "project={P}&"

/* Does it stand for every project with a server that is not told so? */
static bool is_every_project(const struct mount *m, const struct node *n, const char *template)
{
	return str_starts(str_of(template), PROJECT) && !node_above(n, &item_project) &&
	       !dialect_has(&m->dialect, FEATURE_MINUS_ONE);
}

/* `turn`: the server's own way of writing it, where it has one. */
static int expand_all(const struct mount *m, const struct node *n, const char *template, struct str own, bool turn,
		      struct buf *b)
{
	size_t skip;

	for (const char *p = template; *p;) {
		const char *turned = turn ? dialect_turn(&m->dialect, p, &skip) : NULL;
		int r = 0;

		if (is_every_project(m, n, p)) {
			p += strlen(PROJECT);
		} else if (turned) {
			r = expand_all(m, n, turned, own, false, b);
			p += skip;
		} else if (*p == '{') {
			r = expand(m, n, p[1], own, b);
			p += 3;
		} else {
			/* what is written another way begins a part of the path or a parameter */
			size_t plain = strcspn(p, "{/?&");

			plain += p[plain] && p[plain] != '{';
			buf_add(b, p, plain);
			p += plain;
		}
		if (r)
			return r;
	}
	return b->error;
}

int mount_url(const struct mount *m, const struct node *n, const char *template, struct str own, struct buf *b)
{
	return expand_all(m, n, template, own, true, b);
}
