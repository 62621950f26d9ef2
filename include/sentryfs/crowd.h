// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CROWD_H
#define SENTRYFS_CROWD_H

#include "sentryfs/process.h"

/*
 * Which process has the server asked for how much. Who asks for much (grep -r; the children
 * of one xargs together) gives way to who asks for little (a person's cat); who asks for more than anybody reads
 * (updatedb, an indexer) is slowed.
 */
#define CROWD_MAX 64	    /* processes that are remembered, those that asked last */
#define CROWD_FEW 8	    /* requests at once, and one more each second, make no crowd */
#define CROWD_BRAKE_MS 1000 /* that each request of who is slowed waits */

struct crowd_member {
	struct process who;
	int64_t at;	/* ms: when it asked last */
	int64_t few;	/* ms of credit: what it may still ask for before it is a crowd */
	int64_t credit; /* the same, before it is slowed */
	bool told;	/* that it is slowed */
};

struct crowd {
	struct crowd_member members[CROWD_MAX];
	uint64_t slowed; /* processes, ever */
};

struct crowd_place {
	bool bulk;	   /* it gives way */
	unsigned delay_ms; /* it waits so long */
	bool news;	   /* this is the first time that this process is slowed */
};

/* The process of thread `tid` asks for something; `begins`: a request is made for it, which
 * counts. `budget`: so many a process makes at full speed, and one more each second; 0: any number. */
struct crowd_place crowd_ask(struct crowd *c, pid_t tid, bool begins, unsigned budget, int64_t now);

#endif
