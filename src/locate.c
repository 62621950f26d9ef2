// SPDX-License-Identifier: MIT
/*
 * sentryfs path and resolve-path: where an issue is in the mounts that live. The mount looks it
 * up, which costs a request where it does not know the issue yet. Owns nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sentryfs/command.h"
#include "sentryfs/live.h"
#include "sentryfs/name.h"
#include "sentryfs/str.h"
#include "sentryfs/target.h"
#include "sentryfs/weburl.h"

struct wanted {
	const char *host; /* NULL: any */
	const char *org;  /* NULL: any */
	const char *issue;
	const char *event; /* NULL: none */
	int error;	   /* where a mount could not say whether it has it */
};

/* Prints DIR/issues/ISSUE as it is without links. */
static bool try_dir(struct wanted *w, const char *dir)
{
	cleanup_free char *name = NULL, *real = NULL;

	if (asprintf(&name, "%s/issues/%s", dir, w->issue) < 0) {
		name = NULL;
		return false;
	}
	real = realpath(name, NULL);
	if (!real) {
		w->error = errno == ENOENT ? w->error : errno;
		return false;
	}
	if (w->event)
		printf("%s/events/%s.json\n", real, w->event);
	else
		puts(real);
	return true;
}

static bool try_organizations(struct wanted *w, const char *mount)
{
	DIR *dir = w->org ? NULL : opendir(mount);
	cleanup_free char *name = NULL;
	const struct dirent *e;
	bool found = false;

	if (w->org)
		return asprintf(&name, "%s/%s", mount, w->org) > 0 && try_dir(w, name);
	while (dir && !found && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || *e->d_name == '.' || !name_is_slug(str_of(e->d_name)))
			continue;
		free(steal(&name));
		found = asprintf(&name, "%s/%s", mount, e->d_name) > 0 && try_dir(w, name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool try_mount(struct wanted *w, const struct live *m)
{
	if ((w->host && strcmp(w->host, m->host)) || (w->org && m->org && strcmp(w->org, m->org)))
		return false;
	return m->org ? try_dir(w, m->path) : try_organizations(w, m->path);
}

static int locate(const char *command, struct wanted *w, const char *only)
{
	cleanup_free char *path = only ? realpath(only, NULL) : NULL;
	const struct live *one = NULL;
	struct lives mounts;
	bool found = false;
	int r = lives_read(&mounts), status = 0;

	if (r)
		return command_fail(command, "/proc/self/mountinfo: %s", strerror(-r));
	if (only)
		one = lives_of(&mounts, path ? path : only);
	for (size_t i = 0; !found && i < mounts.n; i++)
		found = (!only || &mounts.at[i] == one) && try_mount(w, &mounts.at[i]);
	if (!found && only && !one)
		status = command_fail(command, "%s is in no mount of sentryfs", only);
	else if (!found && w->error)
		status = command_fail(command, "issue %s could not be looked up: %s; see sentryfs status", w->issue,
				      strerror(w->error));
	else if (!found && w->host)
		status = command_fail(command, "no mount of %s%s%s has issue %s; see sentryfs status", w->host,
				      w->org ? "/" : "", w->org ? w->org : "", w->issue);
	else if (!found)
		status = command_fail(command, "no mount has issue %s; see sentryfs status", w->issue);
	lives_done(&mounts);
	return status;
}

int command_path(int argc, char **argv)
{
	struct wanted w = {.issue = argv[1]};

	if (!name_is_short_id(str_of(w.issue)) && !name_is_number(str_of(w.issue)))
		return command_fail("path", "'%s' is not an issue: it takes a short id as in WEB-1A2, or a number",
				    w.issue);
	return locate("path", &w, argc > 2 ? argv[2] : NULL);
}

static char *own(struct str s)
{
	return s.s ? target_need(str_dup(s)) : NULL;
}

int command_resolve_path(int argc, char **argv)
{
	struct weburl u;
	int status;

	(void)argc;
	if (weburl_parse(str_of(argv[1]), &u)) {
		status = command_fail("resolve-path", "'%s' is not the address of a web page", argv[1]);
	} else if (!u.issue.s) {
		status = command_fail("resolve-path", "'%s' names no issue", argv[1]);
	} else {
		cleanup_free char *org = own(u.org), *issue = own(u.issue), *event = own(u.event);
		struct wanted w = {.host = strstr(u.origin, "://") + 3, .org = org, .issue = issue, .event = event};

		status = locate("resolve-path", &w, NULL);
	}
	weburl_done(&u);
	return status;
}
