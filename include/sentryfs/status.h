// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_STATUS_H
#define SENTRYFS_STATUS_H

#include "sentryfs/mount.h"

/* The state of a mount as one line of the log (SIGUSR1); .sentryfs/status has all of it. */
void status_log(const struct mount *m);

#endif
