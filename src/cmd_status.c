// SPDX-License-Identifier: MIT
/* sentryfs status: .sentryfs/status of the mounts that live. Owns nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentryfs/command.h"
#include "sentryfs/live.h"
#include "sentryfs/name.h"
#include "sentryfs/str.h"

/* What stands there is its mount's, which may be another user's. */
static int show(const struct live *m, size_t *shown, bool one_of_all)
{
	cleanup_free char *name = NULL, *line = NULL;
	cleanup_buf struct buf clean = {0};
	size_t cap = 0;
	ssize_t n;
	FILE *f;

	if (asprintf(&name, "%s/.sentryfs/status", m->path) < 0) {
		name = NULL;
		return command_fail("status", "out of memory");
	}
	f = fopen(name, "re");
	if (!f && errno == EACCES && one_of_all && !m->own)
		return 0;
	if ((*shown)++)
		putchar('\n');
	if (!f && errno == ENOTCONN)
		return command_fail("status", "%s is a stale mount: run fusermount3 -u %s, or mount there again",
				    m->path, m->path);
	if (!f)
		return command_fail("status", "%s: %s", name, strerror(errno));
	buf_init(&clean, BUF_MAX_DEFAULT);
	while ((n = getline(&line, &cap, f)) > 0)
		text_clean(&clean, (struct str){line, (size_t)n}, true);
	fclose(f);
	fwrite(clean.data, 1, clean.len, stdout);
	return 0;
}

int command_status(int argc, char **argv)
{
	cleanup_free char *path = argc > 1 ? realpath(argv[1], NULL) : NULL;
	const struct live *one = NULL;
	struct lives mounts;
	int r = lives_read(&mounts), status = 0;
	size_t shown = 0;

	if (r)
		return command_fail("status", "/proc/self/mountinfo: %s", strerror(-r));
	if (argc > 1) {
		/* a stale mount has no real path */
		one = lives_of(&mounts, path ? path : argv[1]);
		status = one ? show(one, &shown, false)
			     : command_fail("status", "%s is in no mount of sentryfs; sentryfs status lists them",
					    argv[1]);
	}
	for (size_t i = 0; argc == 1 && i < mounts.n; i++)
		status |= show(&mounts.at[i], &shown, true);
	if (argc == 1 && !shown)
		status = command_fail("status", "nothing is mounted; see sentryfs --help");
	lives_done(&mounts);
	return status;
}
