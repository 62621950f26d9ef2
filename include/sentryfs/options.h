// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_OPTIONS_H
#define SENTRYFS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * What the user said, from one table of options. Knows no FUSE and no curl.
 *
 * Precedence, highest first: command line and -o; environment
 * (SENTRY_URL, SENTRY_HOST, SENTRY_ORG, SENTRY_PROJECT); ~/.sentryclirc
 * ([defaults] url, org, project); built-in defaults. The later of two -o wins.
 * org and project from environment or rc file are used only when the command
 * line names no source.
 */
struct options {
	char *org;			  /* from ORG[/PROJECT], NULL: all organizations */
	char *project;			  /* NULL: the whole organization */
	char *mountpoint;		  /* absolute */
	char *url;			  /* origin, without a slash at the end */
	char *page;			  /* the origin of a page that is the source, NULL: none is; never asked */
	char *token_file;		  /* NULL: environment, credential, rc file */
	char *query;			  /* of the default listing */
	char *environment, *stats_period; /* the same; NULL: all, the server's */
	char *cacert;			  /* NULL: the system's */
	char *cert, *key; /* of this client, NULL: none; the key may be in the file of the certificate */
	unsigned max_issues, max_events;
	unsigned crawl;		  /* requests of one process before it is slowed, 0: any */
	unsigned max_delete;	  /* issues that one process may delete */
	unsigned timeout;	  /* seconds without progress */
	unsigned connect_timeout; /* seconds */
	unsigned cache_disk;	  /* 1: what was seen is kept there, 0: in memory alone */
	size_t cache_size;	  /* bytes on disk */
	size_t cache_memory;	  /* bytes in memory */
	unsigned uid, gid, umask; /* of what is shown; umask in octal */
	bool foreground, debug, insecure, read_only, no_delete, allow_other, default_permissions, auto_unmount;
	bool offline;
	bool help, version;
};

#define OPTIONS_EXIT_USAGE 2

/* Reads argv, environment and rc file. 0; or -EINVAL after one sentence on `err`
 * that names the option, its value and what is accepted. */
int options_parse(struct options *o, int argc, char **argv, FILE *err);
/* The same of a command that mounts nothing: [options] [ORG[/PROJECT]]. */
int options_parse_source(struct options *o, int argc, char **argv, FILE *err);
void options_done(struct options *o);
void options_help(FILE *out);

/*
 * The token: -o token_file, then SENTRY_AUTH_TOKEN, SENTRY_TOKEN, then
 * $CREDENTIALS_DIRECTORY/sentry-token, then ~/.sentryclirc [auth] token. The
 * variables are unset and wiped after reading. A file that group or others can
 * read is refused. *ret is owned by the caller, who wipes it with token_free.
 * 0; -ENOENT (nowhere), -EACCES (refused), -EINVAL (empty, or characters that
 * cannot be in a token); a sentence is written to `err`. */
enum token_place { TOKEN_VARIABLE, TOKEN_FILE, TOKEN_CREDENTIAL, TOKEN_RC };
int token_read(const struct options *o, char **ret, enum token_place *place, FILE *err);
/* The same from where it was found, and from nowhere else. -EOPNOTSUPP without a sentence
 * where that can be read once only: a variable, a pipe. */
int token_again(const struct options *o, enum token_place place, char **ret, FILE *err);
/* Where that is, for a person; owned by the caller, NULL without memory. */
char *token_where(const struct options *o, enum token_place place);
void token_free(char *token);

#endif
