// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_COMMAND_H
#define SENTRYFS_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/* The words that sentryfs takes in the place of a source and a mount point: a row each. */
struct command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;
	int min, max; /* arguments; of a command that has options of its own, -1 */
	/* argv[0] is the command's name. The exit status: 0, 1, or OPTIONS_EXIT_USAGE. */
	int (*run)(int argc, char **argv);
};

/*
 * The command that the first argument names; NULL: it is a source, a mount point or an option.
 * None is found where the program is called as a helper of mount(8), mount.TYPE. A source of
 * such a name is written after --, or as sentry:HOST/ORG.
 */
const struct command *command_find(int argc, char **argv);
bool command_is_helper(const char *called);
/* mount -f: all but the mount, for which there is nothing to do. */
bool command_is_fake(int argc, char **argv);
int command_run(const struct command *c, int argc, char **argv);
void command_help(FILE *out);

/* Writes "sentryfs NAME: ..." and returns 1. */
int command_fail(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int command_status(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_fetch(int argc, char **argv);
int command_path(int argc, char **argv);
int command_resolve_path(int argc, char **argv);

#endif
