// SPDX-License-Identifier: MIT
/*
 * The start-up order: options, token, first request, mount, background, loop. All
 * that can fail for a reason that the user can mend does so on the terminal, before
 * the program leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/command.h"
#include "sentryfs/fs.h"
#include "sentryfs/launch.h"
#include "sentryfs/log.h"
#include "sentryfs/target.h"

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

static int serve(struct mount *m)
{
	struct fs *fs = NULL;
	struct http *http;
	int r = fs_hold_signals();

	if (!r)
		r = fs_new(m, &fs);
	if (r) {
		log_error("cannot mount on %s (see above)", m->options->mountpoint);
		mount_done(m);
		return r;
	}
	if (!m->options->foreground && !fs_is_to_stop()) {
		store_pause(m->store);
		r = fs_daemonize();
		store_resume(m->store);
		if (!r)
			log_to_syslog();
	} else if (chdir("/")) {
		r = -errno;
	}
	http = r ? NULL : launch_http(m->options);
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

static int mount_and_serve(int argc, char **argv)
{
	struct options o = {0};
	struct mount m;
	enum token_place place;
	char *token = NULL;
	int r;

	r = options_parse(&o, argc, argv, stderr);
	if (r) {
		options_done(&o);
		return OPTIONS_EXIT_USAGE;
	}
	if (o.help || o.version) {
		if (o.help) {
			options_help(stdout);
			command_help(stdout);
		} else {
			printf("sentryfs %s\n", SENTRYFS_VERSION);
		}
		options_done(&o);
		return 0;
	}
	if (o.debug)
		log_init(LOG_LEVEL_DEBUG);
	r = token_read(&o, &token, &place, stderr);
	if (!r && place != TOKEN_VARIABLE) {
		cleanup_free char *where = token_where(&o, place);

		r = target_outside(&o, where, stderr);
		if (r)
			token_free(token);
	}
	if (!r) {
		r = mount_init(&m, &o, token, &clock_system);
		m.token_place = place;
		token_free(token);
		if (!r)
			r = launch_find_root(&m);
		if (r)
			mount_done(&m);
		else
			r = serve(&m);
	}
	options_done(&o);
	return r ? 1 : 0;
}

/* The exit status where what was to be printed may not have arrived, as on a full disk. */
static int printed(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	log_error("cannot write to standard output: %s", strerrordesc_np(errno));
	return status ? status : 1;
}

int main(int argc, char **argv)
{
	const struct command *command;

	open_standard_fds();
	umask(0077); /* what is made is for its maker, who can use it whatever the mask was */
	log_init(LOG_LEVEL_WARNING);
	prctl(PR_SET_DUMPABLE, 0);
	/* it would send what its owner may read, as a token, to whom its caller says */
	if (getuid() != geteuid() || getgid() != getegid()) {
		log_error("it must not be set-user-ID nor set-group-ID: fusermount3 mounts for users");
		return 1;
	}
	/* a file that may not grow (RLIMIT_FSIZE) is an error of the store, not the end */
	signal(SIGXFSZ, SIG_IGN);
	if (command_is_fake(argc, argv))
		return 0;
	command = command_find(argc, argv);
	return printed(command ? command_run(command, argc - 1, argv + 1) : mount_and_serve(argc, argv));
}
