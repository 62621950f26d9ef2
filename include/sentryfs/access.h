// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_ACCESS_H
#define SENTRYFS_ACCESS_H

#include <stdbool.h>

#include "sentryfs/options.h"
#include "sentryfs/str.h"

/* What a row needs for its w bits to be true. */
enum need {
	NEED_NOTHING,
	NEED_WRITE,  /* event:write, or event:admin */
	NEED_DELETE, /* event:admin */
};

/* What the token may do, as far as it is known: from GET /api/0/, and from a 403. */
struct access {
	bool known;		  /* the server told the scopes */
	bool write, remove;	  /* the scopes */
	bool no_write, no_remove; /* a request was refused for a lack of scope */
	char *user_id;		  /* owned; NULL: not known, or the token is no user's */
	char *user;		  /* owned: an e-mail address or a name, for a person; the same */
	char *scopes;		  /* owned: parted by blanks; NULL: not known */
};

/* The answer of /api/0/. Servers that do not tell scopes leave them unknown.
 * `writer_deletes`: event:write is enough to delete. */
void access_learn(struct access *a, struct str whoami, bool writer_deletes);
void access_refused(struct access *a, enum need need);
void access_forget(struct access *a);
bool access_may(const struct access *a, const struct options *o, enum need need);

#endif
