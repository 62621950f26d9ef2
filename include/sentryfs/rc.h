// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_RC_H
#define SENTRYFS_RC_H

#include <sys/types.h>

#include "sentryfs/str.h"

/*
 * ~/.sentryclirc, the INI file that Sentry's own command-line clients read:
 *
 *     [defaults]
 *     url = https://sentry.example.com
 *     org = acme
 *     project = web
 *     [auth]
 *     token = ...
 *
 * Other sections and keys are skipped. The last of two equal keys wins.
 */
struct rc {
	char *url, *org, *project, *token; /* owned; NULL: not there, or empty */
};

#define RC_MAX 16384 /* bytes of a file */

/* The path of the file, owned by the caller; NULL when there is no home directory. */
char *rc_path(void);
char *rc_path_join(const char *dir, const char *name); /* DIR/NAME; the same */

/* 0; -EINVAL with the number of the bad line in *line; -ENOMEM. rc_done in every case. */
int rc_parse(struct rc *rc, struct str text, unsigned *line);

/* rc_read_file and rc_parse. */
int rc_load(struct rc *rc, const char *path, mode_t refused, unsigned *line);
void rc_done(struct rc *rc); /* wipes and frees */

/*
 * Reads a small file whole. `refused` are the permission bits that it must not
 * have. 0; -EPERM when it has one of them or belongs to another user than the
 * caller and root; -EFBIG when it is longer than cap; -EINVAL when it is neither
 * a file nor a pipe; else what open(2) or read(2) said. The caller wipes `data`.
 */
int rc_read_file(const char *path, mode_t refused, char *data, size_t cap, size_t *len);

#endif
