// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SERVER_H
#define SENTRYFS_SERVER_H

#include "sentryfs/api.h"
#include "sentryfs/governor.h"
#include "sentryfs/reach.h"

/*
 * A server that the mount talks to: the one that it was told of, which is the first of
 * api->servers, or that of a region. Each has limits of its own, and one that is away is looked
 * for by itself, while the others go on.
 */
struct server {
	struct list link;
	struct api *api; /* borrowed */
	char *origin;	 /* owned */
	struct governor governors[API_CLASSES];
	struct reach reach;
	struct api_call *probe; /* while it is looked for */
};

#define SERVERS_MAX 16 /* of one mount; beyond that the first one, which passes requests on */

/* That of an origin, and that where a request for a path below /api/0/ goes, made where there is
 * none yet; borrowed, NULL without memory. */
struct server *server_of(struct api *a, const char *origin);
struct server *server_for(struct api *a, const char *path);
/* Are requests for it not answered? */
bool server_is_away(struct api *a, const char *path);
void servers_done(struct api *a);

/* Why nothing is asked of it: the errno, and a sentence. */
int server_refuse(struct server *s, bool changes, struct buf *why);

/* Looks for those that are away, when it is time. Returns ms until it wants to be called again,
 * -1: all are there. */
int64_t servers_tick(struct api *a);

enum servers_online { SERVERS_NONE, SERVERS_SOME, SERVERS_ALL };
/* Which of them answer, and in *since (ms, -1: nothing was asked yet) for how long it has been so.
 * One that was last heard of before another was lost counts for nothing: it may be lost too. */
enum servers_online servers_online(const struct api *a, int64_t *since);

#define server_at(l) container_of(l, struct server, link)

#endif
