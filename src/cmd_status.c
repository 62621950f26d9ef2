// SPDX-License-Identifier: MIT
/* sentryfs status: .sentryfs/status of the mounts that live. Owns nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentryfs/command.h"
#include "sentryfs/live.h"
#include "sentryfs/str.h"

static int show(const char *mount)
{
	cleanup_free char *name = NULL;
	char data[4096];
	FILE *f;
	size_t n;

	if (asprintf(&name, "%s/.sentryfs/status", mount) < 0) {
		name = NULL;
		return command_fail("status", "out of memory");
	}
	f = fopen(name, "re");
	if (!f && errno == ENOTCONN)
		return command_fail("status", "%s is a stale mount: run fusermount3 -u %s, or mount there again", mount,
				    mount);
	if (!f)
		return command_fail("status", "%s: %s", name, strerror(errno));
	while ((n = fread(data, 1, sizeof(data), f)) > 0)
		fwrite(data, 1, n, stdout);
	fclose(f);
	return 0;
}

int command_status(int argc, char **argv)
{
	cleanup_free char *path = argc > 1 ? realpath(argv[1], NULL) : NULL;
	const struct live *one = NULL;
	struct lives mounts;
	int r = lives_read(&mounts), status = 0;

	if (r)
		return command_fail("status", "/proc/self/mountinfo: %s", strerror(-r));
	if (argc > 1) {
		/* a stale mount has no real path */
		one = lives_of(&mounts, path ? path : argv[1]);
		status = one ? show(one->path)
			     : command_fail("status", "%s is in no mount of sentryfs; sentryfs status lists them",
					    argv[1]);
	} else if (!mounts.n) {
		status = command_fail("status", "nothing is mounted; see sentryfs --help");
	}
	for (size_t i = 0; argc == 1 && i < mounts.n; i++) {
		if (i)
			putchar('\n');
		status |= show(mounts.at[i].path);
	}
	lives_done(&mounts);
	return status;
}
