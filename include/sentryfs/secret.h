// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SECRET_H
#define SENTRYFS_SECRET_H

#include <stdbool.h>

#include "sentryfs/buf.h"
#include "sentryfs/str.h"

#define SECRET_REDACTED "[redacted]"

/* Does a header, a member or a variable of this name hold a secret? */
bool secret_name(struct str name);

/* Adds the text without the secrets in it: what a secret name is given (name=value,
 * "name": value, Header: value, <name>value), a bearer's token, a password in an address, a
 * private key, tokens that are known by how they begin. In a line of `code` only literals are taken out. */
void secret_redact(struct buf *b, struct str text, bool code);

#endif
