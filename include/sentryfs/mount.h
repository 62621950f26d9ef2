// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_MOUNT_H
#define SENTRYFS_MOUNT_H

#include "sentryfs/access.h"
#include "sentryfs/ahead.h"
#include "sentryfs/api.h"
#include "sentryfs/cache.h"
#include "sentryfs/change.h"
#include "sentryfs/clock.h"
#include "sentryfs/crowd.h"
#include "sentryfs/dialect.h"
#include "sentryfs/guard.h"
#include "sentryfs/list.h"
#include "sentryfs/options.h"
#include "sentryfs/scratch.h"
#include "sentryfs/searches.h"
#include "sentryfs/store.h"
#include "sentryfs/tree.h"

/* Everything that one mount is. */
struct mount {
	const struct options *options;
	const struct clock *clock;
	struct api api;
	struct cache cache;
	struct store *store; /* NULL: memory only */
	char store_name[STORE_NAME_MAX];
	enum token_place token_place;
	struct tree tree;
	struct changes changes;
	struct access access;
	struct dialect dialect;
	struct guard guard;
	struct scratches scratches;
	struct searches searches;
	struct ahead ahead;
	struct crowd crowd;
	struct node *root;  /* what inode 1 is */
	struct list parked; /* operations that wait */
	struct list ready;  /* operations that run at the next turn */
	struct timespec born;
	uint64_t operations;
	int64_t slept; /* ms: as the clock told last */
	bool woke;     /* since then connections may be dead: for the loop */
};

#define SENTRYFS_VERSION "0.1.0"

int mount_init(struct mount *m, const struct options *o, const char *token, const struct clock *clock);
/* Opens the store, if the options want one. */
void mount_keep(struct mount *m);
void mount_done(struct mount *m);
/* The answer of /api/0/ (empty: none came): which server it is, what the token may do. */
void mount_learn(struct mount *m, struct str whoami);
/* Forgets what was told by the server, so that the next look asks again. */
void mount_refresh(struct mount *m);
/* The same, and the token is read again from where it was. */
void mount_reload(struct mount *m);

#endif
