// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_ATTR_H
#define SENTRYFS_ATTR_H

#include "sentryfs/op.h"

/* How long the kernel may keep what can change, in seconds; of files it keeps nothing. */
#define ATTR_NAMED_TIMEOUT 1.0

void attr_fill(struct op *op, struct node *n, struct stat *st);
/* How long the kernel may believe that: a size that is not known, for no time. */
double attr_timeout(const struct op *op, struct node *n, const struct stat *st);
/* Type and permissions: no w bit where a write would be refused. */
mode_t attr_mode(const struct mount *m, const struct node *n);
/* `n` as the answer to a LOOKUP; its reference goes to the kernel with it. */
void attr_entry(struct op *op, struct node *n, struct op_entry *e);

#endif
