// SPDX-License-Identifier: MIT
/*
 * One mount: its server, its cache, its nodes, and what is done with all of them: at the
 * start, at the end, and when what was told is to be told anew.
 */
#include "sentryfs/mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentryfs/json.h"
#include "sentryfs/log.h"
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
		cache_outdate(&m->cache, ""); /* it may be another user's */
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
	m->store = store_new(m->store_name, m->options->cache_size, m->options->mountpoint, m->clock);
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

	/* the store of an earlier mount does not tell them */
	if (m->api.limited)
		dialect_learn_limits(&m->dialect);
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
