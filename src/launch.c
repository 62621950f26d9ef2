// SPDX-License-Identifier: MIT
/*
 * The first requests, made before the program leaves the terminal, with libcurl handles
 * that do not outlive the fork.
 */
#include "sentryfs/launch.h"

#include <errno.h>

#include "sentryfs/log.h"
#include "sentryfs/origin.h"
#include "sentryfs/root.h"

#define BODY_MAX ((size_t)16 << 20)

struct http *launch_http(const struct options *o)
{
	struct http_options h = {
		.user_agent = "sentryfs/" SENTRYFS_VERSION,
		.cacert = o->cacert,
		.cert = o->cert,
		.key = o->key,
		/* over http a proxy elsewhere would get the token in clear text */
		.direct = origin_is_loopback(o->url),
		.connect_timeout_s = o->connect_timeout,
		.body_max = BODY_MAX,
	};

	return http_new(&h);
}

int launch_wait(void *arg)
{
	struct launch *s = arg;
	int64_t ms = api_tick(&s->mount->api);

	return http_poll(s->http, NULL, 0, ms < 0 || ms > 1000 ? 1000 : (int)ms);
}

/* Itself, or behind a login page of the network's. */
static bool is_away(int error)
{
	return error == -EHOSTUNREACH || error == -ECONNREFUSED || error == -ETIMEDOUT || error == -EIO ||
	       error == -EBADMSG;
}

/* The server cannot say what it thinks of the token; what it told an earlier mount is on disk. */
static int find_kept_root(struct launch *s)
{
	struct mount *m = s->mount;
	cleanup_buf struct buf why = {0};
	int r;

	buf_init(&why, 4096);
	cache_drop(&m->cache);
	mount_keep(m);
	m->api.offline = true;
	r = root_find(m, launch_wait, s, &why);
	m->api.offline = false;
	return r;
}

int launch_find_root(struct mount *m)
{
	struct launch s = {.http = launch_http(m->options), .mount = m};
	cleanup_buf struct buf why = {0};
	int r;

	if (!s.http)
		return -ENOMEM;
	buf_init(&why, 4096);
	/* a token that is refused does not open what was kept */
	if (m->options->offline)
		mount_keep(m);
	m->api.transport = http_transport(s.http);
	r = root_find(m, launch_wait, &s, &why);
	if (is_away(r) && !m->options->offline && !find_kept_root(&s)) {
		log_warning("%.*s: showing what an earlier mount has seen", (int)why.len, why.data);
		r = 0;
	}
	m->api.transport = NULL;
	http_free(s.http);
	if (!r)
		mount_keep(m);
	if (r)
		log_error("%.*s", (int)why.len, why.data ? why.data : "");
	return r;
}
