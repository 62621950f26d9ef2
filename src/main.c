// SPDX-License-Identifier: MIT
/*
 * The start-up order: options, token, first request, mount, background, loop. All
 * that can fail for a reason that the user can mend does so on the terminal, before
 * the program leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sentryfs/fs.h"
#include "sentryfs/http.h"
#include "sentryfs/log.h"
#include "sentryfs/origin.h"
#include "sentryfs/root.h"

#define BODY_MAX ((size_t)16 << 20)

/* 0 to 2 must be open before anything else is, or a socket would become one. */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static struct http *new_http(const struct options *o)
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

struct starter {
	struct http *http;
	struct mount *mount;
};

static int wait_for_answer(void *arg)
{
	struct starter *s = arg;
	int64_t ms = api_tick(&s->mount->api);

	return http_poll(s->http, NULL, 0, ms < 0 || ms > 1000 ? 1000 : (int)ms);
}

static bool is_away(int error)
{
	return error == -EHOSTUNREACH || error == -ECONNREFUSED || error == -ETIMEDOUT || error == -EIO;
}

/* The server cannot say what it thinks of the token; what it told an earlier mount is on disk. */
static int find_kept_root(struct starter *s)
{
	struct mount *m = s->mount;
	cleanup_buf struct buf why = {0};
	int r;

	buf_init(&why, 4096);
	cache_drop(&m->cache);
	mount_keep(m);
	m->api.offline = true;
	r = root_find(m, wait_for_answer, s, &why);
	m->api.offline = false;
	return r;
}

/* The first requests, with handles that do not outlive the fork. */
static int find_root(struct mount *m)
{
	struct starter s = {.http = new_http(m->options), .mount = m};
	cleanup_buf struct buf why = {0};
	int r;

	if (!s.http)
		return -ENOMEM;
	buf_init(&why, 4096);
	/* a token that is refused does not open what was kept */
	if (m->options->offline)
		mount_keep(m);
	m->api.transport = http_transport(s.http);
	r = root_find(m, wait_for_answer, &s, &why);
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

static int serve(struct mount *m)
{
	struct fs *fs = NULL;
	struct http *http;
	int r = fs_new(m, &fs);

	if (r) {
		log_error("cannot mount on %s (see above)", m->options->mountpoint);
		return r;
	}
	if (!m->options->foreground) {
		store_pause(m->store);
		r = fs_daemonize();
		store_resume(m->store);
		if (!r)
			log_to_syslog();
	} else if (chdir("/")) {
		r = -errno;
	}
	http = r ? NULL : new_http(m->options);
	if (http) {
		m->api.transport = http_transport(http);
		r = fs_loop(fs, http);
	} else if (!r) {
		r = -ENOMEM;
	}
	if (r)
		log_error("the mount on %s ended: %s", m->options->mountpoint, strerrordesc_np(-r));
	fs_free(fs);
	mount_done(m); /* cancels what is in flight */
	http_free(http);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct mount m;
	enum token_place place;
	char *token = NULL;
	int r;

	open_standard_fds();
	log_init(LOG_LEVEL_WARNING);
	prctl(PR_SET_DUMPABLE, 0);
	r = options_parse(&o, argc, argv, stderr);
	if (r) {
		options_done(&o);
		return OPTIONS_EXIT_USAGE;
	}
	if (o.help || o.version) {
		if (o.help)
			options_help(stdout);
		else
			printf("sentryfs %s\n", SENTRYFS_VERSION);
		options_done(&o);
		return 0;
	}
	if (o.debug)
		log_init(LOG_LEVEL_DEBUG);
	r = token_read(&o, &token, &place, stderr);
	if (!r) {
		r = mount_init(&m, &o, token, &clock_system);
		m.token_place = place;
		token_free(token);
		if (!r)
			r = find_root(&m);
		if (r)
			mount_done(&m);
		else
			r = serve(&m);
	}
	options_done(&o);
	return r ? 1 : 0;
}
