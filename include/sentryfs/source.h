// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SOURCE_H
#define SENTRYFS_SOURCE_H

#include "sentryfs/op.h"

/* A request for a resource, with the strings that it borrows. */
struct ask {
	struct buf key, scope;
	struct cache_want want;
};

void ask_done(struct ask *a);
#define cleanup_ask __attribute__((cleanup(ask_done)))

/* The document at the template `url` for `n` (`own`: what {n} is). 0 or -errno of template_expand. */
int ask_document(struct mount *m, const struct node *n, const char *url, struct str own, unsigned fresh_s,
		 struct ask *a);
/* The listing that feeds the node's row. */
int ask_listing(struct mount *m, const struct node *n, struct ask *a);
/* The same of the row `k` below `parent`. */
int ask_below(struct mount *m, const struct node *parent, const struct kind *k, struct ask *a);
/* Fills a->scope: issues are one set in an organization, whatever lists them; anything
 * else belongs to its list. */
int ask_scope(struct mount *m, const struct node *dir, const struct item_class *class, struct ask *a);

/* How old the row of a listed issue may be. */
#define SOURCE_ISSUE_FRESH_S 30u

/* Begins to ask for those of the issue's parts (FROM_PARTS) that are not in memory, all at
 * once; `ahead`: nobody waits for them. */
void source_begin_parts(struct op *op, struct node *issue, bool ahead);

/* Finds what a file is made of. With `peek` nothing is asked: -EINPROGRESS then means
 * that it is not in memory. *stamp tells one content from another. */
int source_get(struct op *op, const struct node *n, bool peek, struct source *s, uint64_t *stamp);
void source_done(struct source *s); /* gives back what was got, all of it zero else */
#define cleanup_source __attribute__((cleanup(source_done)))
/* The same, shown: the file's bytes. The caller owns *ret. */
int source_content(struct op *op, const struct node *n, bool peek, struct blob **ret, uint64_t *stamp);
/* op_need for the node's row. -EOPNOTSUPP where the answer shows that the server has nothing of its
 * feature: from then on the row is not there. */
int source_need(struct op *op, const struct node *n, struct ask *a, struct resource **ret);
/* Says that the server lacks the feature of `name`, at or below `n`, in the errors and the issue's
 * last-error: -EOPNOTSUPP. */
int source_lacks(struct op *op, const struct node *n, const char *name, enum feature f);
/* The most that an attachment may have: what a body may. */
#define SOURCE_BYTES_MAX (UINT64_C(16) << 20)

/* Notes that what the server said is not what this file shows. */
void source_report(struct op *op, const struct node *n, int r);

/* Is an event of that time still the issue's newest, by the row that a listing of issues has of it? -ENOENT: no,
 * or no listing tells; -EINPROGRESS: that listing is being refreshed. */
int source_is_latest(struct op *op, const struct node *issue, const struct timespec *event);

/* What came as the latest, oldest or recommended event of an issue is the document of that
 * event's id too; `n` is below the issue. */
void source_adopt_event(struct op *op, const struct node *n, const struct resource *res);

/* What the server has of the issue by its number now (borrowed): never an older copy. It may be what the issue
 * was merged into. */
int source_issue_now(struct op *op, const struct node *at, const struct item *issue, struct str *ret);

/* The issue called `name` (a short id in any case, or a number) in the organization of
 * `at`: from memory, or by one request. The caller owns a reference. */
int source_issue(struct op *op, const struct node *at, struct str name, struct item **ret);

#endif
