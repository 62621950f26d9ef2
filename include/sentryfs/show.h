// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SHOW_H
#define SENTRYFS_SHOW_H

#include "sentryfs/kinds.h"

/* What stands in a file, or where a symlink points: pure functions from a source
 * to bytes, one for each way of showing. 0 or -errno (-EBADMSG: the server's object
 * lacks what is shown). */
int show_json(struct buf *b, const struct source *s);	  /* the server's bytes, re-indented */
int show_field(struct buf *b, const struct source *s);	  /* the member named as the row; one line */
int show_word(struct buf *b, const struct source *s);	  /* the same of a status, in today's word */
int show_lines(struct buf *b, const struct source *s);	  /* a listing's objects, one a line */
int show_bytes(struct buf *b, const struct source *s);	  /* as they are */
int show_assigned(struct buf *b, const struct source *s); /* e-mail, user:ID, team:SLUG or none */
int show_activity(struct buf *b, const struct source *s); /* one line an entry, newest first */
int show_comment(struct buf *b, const struct source *s);
int show_tag(struct buf *b, const struct source *s); /* TSV: value, count, share */

int show_event(struct buf *b, const struct source *s);	 /* event.h */
int show_frames(struct buf *b, const struct source *s);	 /* file:line: message, for editors */
int show_summary(struct buf *b, const struct source *s); /* an issue on one page */

int show_members(struct buf *b, const struct source *s);
int show_teams(struct buf *b, const struct source *s);
int show_environments(struct buf *b, const struct source *s);
int show_releases(struct buf *b, const struct source *s);

int show_event_link(struct buf *b, const struct source *s);
int show_issue_link(struct buf *b, const struct source *s);
int show_result_link(struct buf *b, const struct source *s);

int show_index_tsv(struct buf *b, const struct source *s);   /* index.c */
int show_index_jsonl(struct buf *b, const struct source *s); /* the same */
int show_search_error(struct buf *b, const struct source *s);

/* ---- for those above ---- */

void show_value(struct buf *b, struct str bytes); /* a JSON value as a line's text, cleaned */
/* Whom the issue (its JSON object) is assigned to, as it is written to assignedTo. */
int show_assignee(struct buf *b, struct str issue);

int show_readme(struct buf *b, const struct source *s);
int show_agents(struct buf *b, const struct source *s);
int show_ignore(struct buf *b, const struct source *s);
int show_status(struct buf *b, const struct source *s);
int show_requests(struct buf *b, const struct source *s);
int show_errors(struct buf *b, const struct source *s);
int show_changes(struct buf *b, const struct source *s);
int show_last_error(struct buf *b, const struct source *s);
int show_nothing(struct buf *b, const struct source *s);

#endif
