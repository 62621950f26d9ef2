// SPDX-License-Identifier: MIT
/*
 * Mounts that were left behind. Owns nothing. Looks into none: the kernel's list says what
 * stands there, and fusermount3 whose it is.
 */
#include "sentryfs/stale.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "sentryfs/live.h"
#include "sentryfs/str.h"

/* `path` itself cannot be looked at, but what it is in can. */
static char *absolute(const char *path)
{
	size_t n = strlen(path), base;
	cleanup_free char *dir = NULL, *above = NULL;
	char *ret;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (base = n; base && path[base - 1] != '/'; base--)
		;
	dir = base ? strndup(path, base) : strdup(".");
	above = dir ? realpath(dir, NULL) : NULL;
	if (!above || asprintf(&ret, "%s/%.*s", strcmp(above, "/") ? above : "", (int)(n - base), path + base) < 0)
		return NULL;
	return ret;
}

static bool is_ours(const char *path)
{
	struct lives lives;
	const struct live *at = lives_read(&lives) ? NULL : lives_of(&lives, path);
	bool found = at && !strcmp(at->path, path);

	lives_done(&lives);
	return found;
}

/* fusermount3 lets users unmount what they mounted, and nothing else. */
static bool unmount(char *path)
{
	char program[] = "fusermount3", how[] = "-uz", end[] = "--";
	char *argv[] = {program, how, end, path, NULL}, *env[] = {NULL};
	pid_t pid;
	int status = -1;

	if (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		return true;
	if (posix_spawnp(&pid, program, NULL, NULL, argv, env))
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return !status;
}

char *stale_release(const char *path)
{
	cleanup_free char *at = absolute(path);

	return at && is_ours(at) && unmount(at) ? steal(&at) : NULL;
}
