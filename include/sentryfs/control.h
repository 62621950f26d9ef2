// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_CONTROL_H
#define SENTRYFS_CONTROL_H

#include "sentryfs/op.h"
#include "sentryfs/wish.h"

/*
 * What a write means. A row with a control takes values: one write(2) is one command,
 * or, where it takes text, what was gathered when the file is closed.
 */
struct control {
	const char *accepted; /* for README.md and last-error */
	bool text;
	/* Makes op->change out of the value (trimmed), or leaves it NULL where nothing has to
	 * be sent. 0, -EINPROGRESS, or -errno after control_refuse. */
	int (*command)(struct op *op, struct node *n, struct str value);
	wish_fn *wish; /* of an issue's field */
};

extern const struct control control_status, control_details, control_assignee, control_priority, control_flag,
	control_comment_new, control_comment, control_comment_remove, control_merge, control_bulk, control_bulk_all,
	control_refresh;

/*
 * Carries out the value that was written to the node: 0 when the server's answer shows
 * it (or shows it already), -EINPROGRESS, or -errno, and then last-error says why. To be
 * called again after each wait.
 */
int control_run(struct op *op, struct node *n, struct str value);

/* A new change without steps in op->change, which makes what is kept of the issue's own
 * documents untrue; `what` was tried, for people, and is taken over. 0 or -errno. */
int control_new_change(struct op *op, const struct node *n, char *what);

/* The same for a change that was made already, in op->change. */
int control_change(struct op *op, struct node *n, struct str value);

/* Nothing was sent: keeps the reason in last-error. Returns `error`. */
int control_refuse(struct op *op, const struct node *n, struct str value, int error, const char *words);
/* The same of a verb (`what`) on a name, into the last-error of the issue that `n` is or is
 * in. `next`: what to do now; NULL: what the errno suggests. */
int control_deny(struct op *op, const struct node *n, int error, const char *what, const char *name, const char *words,
		 const char *next);
/* May the file be written to, on this mount and with this token? 0, or -errno after a word
 * in last-error. */
int control_may_write(struct op *op, const struct node *n);

/* ---- for commands ---- */

#define CONTROL_ISSUE "organizations/{o}/issues/{i}/"
#define CONTROL_CHANGE "organizations/{o}/issues/{C}/" /* the same of a PUT */

int command_comment_new(struct op *op, struct node *n, struct str value);
int command_comment(struct op *op, struct node *n, struct str value);
int command_comment_remove(struct op *op, struct node *n, struct str value);
int command_merge(struct op *op, struct node *n, struct str value);
int command_bulk(struct op *op, struct node *n, struct str value);
int command_bulk_all(struct op *op, struct node *n, struct str value);

/* Whose last-error tells of a write to `n`: the issue, or for a bulk file the search or the
 * project. */
struct item *control_subject(const struct node *n);
/* control_new_change for a value that was written. */
int control_change_of(struct op *op, const struct node *n, struct str value);
/* `template` for `n`, terminated; the caller's to free. */
int control_path(struct op *op, const struct node *n, const char *template, struct str own, struct buf *b);
/* What is kept of `template`, or of the issue's own documents, becomes untrue by op->change. */
int control_outdate(struct op *op, const struct node *n, const char *template, struct str own);
int control_outdate_issue(struct op *op, const struct node *n, const struct item *issue);
/* While another change of the issue is under way, its present value is not known. */
int control_wait_for_issue(struct op *op, const struct item *issue);
/* Can the issue's present value be believed? */
bool control_is_fresh(const struct op *op, const struct item *issue);
/* What the value means for the issue's field, whole: `words` say why it does not. 0, -EINPROGRESS or -errno. */
int control_wish(struct op *op, const struct node *n, const struct control *field, const struct item *issue,
		 struct str value, struct wish *w);
/* The buffer as a C string; NULL when it is empty or failed. */
const char *control_text(struct buf *b);

/* The path of a bulk request. There is no other way to make one: without explicit ids the
 * server would apply it to everything, so 0 issues (or more than CONTROL_BULK_MAX) are
 * -EINVAL. */
#define CONTROL_BULK_MAX 100u
int control_bulk_path(struct buf *b, const char *organization, struct item *const *issues, size_t n);

#endif
