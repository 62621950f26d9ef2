// SPDX-License-Identifier: MIT
/* Where files are kept that nobody else may read. Owns nothing. */
#include "sentryfs/cachedir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/str.h"

const char *cachedir_home(void)
{
	const char *home = getenv("HOME");

	if (!home || !*home) {
		const struct passwd *user = getpwuid(geteuid());

		home = user ? user->pw_dir : NULL;
	}
	/* a relative one would be another after chdir("/") */
	return home && *home == '/' ? home : NULL;
}

char *cachedir_find(char *why, size_t n)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = cachedir_home();
	bool xdg = cache && *cache == '/';
	cleanup_free char *parent = NULL, *dir = NULL;
	struct stat st;
	char *real;

	snprintf(why, n, "neither XDG_CACHE_HOME nor HOME says where, and the user has no home");
	if (!xdg && !home)
		return NULL;
	snprintf(why, n, "no memory");
	if (asprintf(&parent, "%s%s", xdg ? cache : home, xdg ? "" : "/.cache") < 0) {
		parent = NULL;
		return NULL;
	}
	if (asprintf(&dir, "%s/sentryfs", parent) < 0) {
		dir = NULL;
		return NULL;
	}
	if (mkdir(dir, 0700) && errno == ENOENT && !mkdir(parent, 0700))
		mkdir(dir, 0700);
	if (lstat(dir, &st)) {
		snprintf(why, n, "%s: %s", dir, strerrordesc_np(errno));
		return NULL;
	}
	snprintf(why, n, "%s is not a directory of your own", dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || ((st.st_mode & 0077) && chmod(dir, 0700)))
		return NULL;
	/* a cache directory may be elsewhere, but SQLite follows no link */
	real = realpath(dir, NULL);
	if (!real)
		snprintf(why, n, "%s: %s", dir, strerrordesc_np(errno));
	return real;
}

int cachedir_open(const char *path, char *why, size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0) {
		snprintf(why, n, "%s: %s", path, strerrordesc_np(errno));
		return -1;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    ((st.st_mode & 0777) == 0600 || !fchmod(fd, 0600)))
		return fd;
	snprintf(why, n, "%s is not a file of your own", path);
	close(fd);
	return -1;
}
