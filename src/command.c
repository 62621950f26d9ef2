// SPDX-License-Identifier: MIT
/*
 * The table of commands, and how one is found. What each does is in a file of its own.
 */
#include "sentryfs/command.h"

#include <string.h>

#include "sentryfs/options.h"
#include "sentryfs/target.h"

static const struct command table[] = {
	{"status", "[MOUNT]", "print the state of a mount, or of all", 0, 1, command_status},
	{"doctor", "[options] [ORG[/PROJECT]]", "check token, server, fuse and store, and say what to mend", -1, -1,
	 command_doctor},
	{"fetch", "[--again] PATH", "read all below PATH in a mount once, so that the store has it", 1, 2,
	 command_fetch},
	{"path", "SHORT-ID|NUMBER [MOUNT]", "print where an issue is in a mount", 1, 2, command_path},
	{"resolve-path", "URL", "print where the issue of a web page is in a mount", 1, 1, command_resolve_path},
};

#define COUNT (sizeof(table) / sizeof(*table))

bool command_is_helper(const char *called)
{
	const char *slash = called ? strrchr(called, '/') : NULL;

	return called && !strncmp(slash ? slash + 1 : called, "mount.", strlen("mount."));
}

bool command_is_fake(int argc, char **argv)
{
	for (int i = 1; command_is_helper(argv[0]) && i < argc; i++) {
		if (!strcmp(argv[i], "-f"))
			return true;
		i += !strcmp(argv[i], "-o");
	}
	return false;
}

const struct command *command_find(int argc, char **argv)
{
	if (argc < 2 || command_is_helper(argv[0]))
		return NULL;
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(argv[1], table[i].name))
			return &table[i];
	return NULL;
}

int command_run(const struct command *c, int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		printf("Usage: sentryfs %s %s\n\nIt is there to %s; see sentryfs(1).\n", c->name, c->usage, c->help);
		return 0;
	}
	if (c->min >= 0 && (argc - 1 < c->min || argc - 1 > c->max)) {
		fprintf(stderr,
			"sentryfs %s: it takes %s (to mount an organization of that name: sentryfs -- %s MOUNTPOINT)\n",
			c->name, c->usage, c->name);
		return OPTIONS_EXIT_USAGE;
	}
	return c->run(argc, argv);
}

void command_help(FILE *out)
{
	fputs("\nCommands; an organization of such a name is written after --:\n", out);
	for (size_t i = 0; i < COUNT; i++)
		fprintf(out, "  sentryfs %s %s\n        %s\n", table[i].name, table[i].usage, table[i].help);
}

int command_fail(const char *name, const char *fmt, ...)
{
	char who[64];
	va_list ap;

	snprintf(who, sizeof(who), "sentryfs %s", name);
	va_start(ap, fmt);
	target_say(stderr, who, fmt, ap);
	va_end(ap);
	return 1;
}
