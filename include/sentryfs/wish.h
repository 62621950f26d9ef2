// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_WISH_H
#define SENTRYFS_WISH_H

#include "sentryfs/op.h"

/* What a value asks of the server: the bodies of the PUTs that bring it about. */
#define WISH_BODIES 2

struct wish {
	struct buf body[WISH_BODIES];
	unsigned n;	   /* of them, in order; 0: it is so already */
	struct buf expect; /* JSON that the last answer must cover */
	struct buf look;   /* what must be seen where no good answer came, if that is more; else empty */
	struct str row;	 /* borrowed, the caller's: the issue's JSON; what of it goes along is as believable as it is */
	unsigned tokens; /* it names the user of that token (api->tokens), 0: of none */
	const char *words; /* of a refusal: why; a literal */
};

void wish_done(struct wish *w);
#define cleanup_wish __attribute__((cleanup(wish_done)))

/*
 * Fills *w from `value` (trimmed) for the field `n` of `issue`. `fresh`: the issue's
 * present value can be believed, so an equal one asks for nothing. 0; -EINPROGRESS while
 * a name is looked up; -EINVAL for what is not of the field's grammar, -EOPNOTSUPP for what the
 * server does not do; -ENOENT, -EACCES
 * for a name that cannot be looked up.
 */
typedef int wish_fn(struct op *op, const struct node *n, const struct item *issue, bool fresh, struct str value,
		    struct wish *w);

wish_fn wish_status, wish_details, wish_assignee, wish_priority, wish_flag;

/* ---- for grammars ---- */

#define WISH_WINDOW_MAX 10080u /* minutes; the server's (status_details.py) */
#define WISH_NUMBER_MAX 1000000000u

struct buf *wish_body(struct wish *w);		    /* the next one, empty */
struct buf *wish_expect(struct wish *w);	    /* empty */
int wish_refuse(struct wish *w, const char *words); /* -EINVAL */
int wish_lacks(struct wish *w, enum feature f);	    /* -EOPNOTSUPP: the server has no such thing */
/* Does a body lack the status that the server wants in each? */
bool wish_lacks_status(const struct wish *w, const struct dialect *d);
/* Adds it, of w->row. 0 or -errno. */
int wish_complete(struct wish *w, const struct dialect *d);
int wish_end(const struct wish *w); /* 0, or what went wrong in a buffer */
bool wish_shows(const struct item *issue, struct str expect);

#define WISH_STATUS                                                                                                    \
	"resolved, unresolved, ignored, resolvedInNextRelease; resolved in VERSION, @next, @latest or "                \
	"@commit:REPOSITORY@SHA; ignored forever; ignored for 30m, 12h, 7d or 2w; ignored until 100x, 100x/1h, 10u "   \
	"or 10u/1d (events, users / window of at most 7d)"
#define WISH_DETAILS                                                                                                   \
	"a JSON object with inNextRelease, inRelease or inCommit of a resolved issue; ignoreDuration, ignoreCount, "   \
	"ignoreWindow, ignoreUserCount or ignoreUserWindow of an ignored one"
#define WISH_ASSIGNEE "an e-mail or user name, me, user:ID, team:SLUG or #SLUG; none or an empty line for nobody"
#define WISH_PRIORITY "low, medium, high"
#define WISH_FLAG "true, false, 1, 0"

#endif
