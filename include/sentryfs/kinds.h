// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_KINDS_H
#define SENTRYFS_KINDS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "sentryfs/access.h"
#include "sentryfs/buf.h"
#include "sentryfs/cache.h"
#include "sentryfs/dialect.h"
#include "sentryfs/item.h"
#include "sentryfs/tree.h"

/*
 * The table of kinds: a row for every file and directory of the tree. To add a
 * file is to add a row, and a function that shows it where no other one fits.
 */
enum kind_id {
	KIND_MOUNT, /* what is in the mount's root, whatever that is */
	KIND_ROOT,
	KIND_META,
	KIND_ORG,
	KIND_PROJECTS,
	KIND_PROJECT,
	KIND_ISSUES,
	KIND_BULK,
	KIND_ISSUE,
	KIND_ISSUE_ALIAS,
	KIND_ORG_ISSUES,
	KIND_ORG_ISSUE,
	KIND_SEARCHES, /* search/ */
	KIND_SEARCH,
	KIND_BY_STATUS,
	KIND_BY_LEVEL,
	KIND_BY_ASSIGNEE,
	KIND_ASSIGNED,
	KIND_VIEW,   /* a ready-made search */
	KIND_RESULT, /* an issue that a search found */
	KIND_BULK_ALL,
	KIND_EVENTS,
	KIND_EVENT,
	KIND_PROJECT_EVENTS,
	KIND_PROJECT_EVENT,
	KIND_COMMENTS,
	KIND_COMMENT,
	KIND_TAGS,
	KIND_TAG,
	KIND_HASHES,
	KIND_HASH,
	KIND_ATTACHMENTS,
	KIND_ATTACHMENT,
	KIND_SCRATCH, /* a scratch file (scratch.h) */
	KIND_FILE,    /* first of the rows that need no name in code */
};

enum source_from {
	FROM_NOTHING,  /* fixed text, or the program itself */
	FROM_ITEM,     /* the nearest item upwards (own, issue, project, ...) */
	FROM_DOCUMENT, /* the JSON document at `url` */
	FROM_LISTING,  /* the whole listing at `url` */
	FROM_BYTES,    /* what is at `url`, whatever it is; the item tells its size */
	FROM_PARTS,    /* an issue's row, details, latest event and tags */
};

struct mount;
struct control;
struct op;

struct source {
	const struct mount *mount;
	const struct node *node;
	const struct kind *kind;
	const struct item *item; /* FROM_ITEM; else the nearest, or NULL */
	struct str json;	 /* FROM_ITEM, FROM_DOCUMENT, FROM_BYTES */
	struct listing *listing; /* FROM_LISTING */
	struct issue_parts {
		struct blob *details, *event; /* shared */
		struct listing *tags;	      /* shared */
		int event_error, tags_error;  /* why there is none: 0 or -errno */
	} parts;			      /* FROM_PARTS; json is the row, or the details where they are newer */
};

struct kind {
	enum kind_id id;
	enum kind_id parent;
	const char *name;   /* NULL: the children are what `class` lists */
	const char *suffix; /* of a dynamic name, and of the name that a symlink to one gives */
	mode_t mode;
	enum feature feature; /* is there where the server has it */
	enum source_from from;
	/* Path below /api/0/ of what feeds it. {o} organization, {p} project's slug,
	 * {P} project's id, or -1 for all, {i} issue's id, {s} issue's short id, {n} own id, {q} what
	 * is searched for, {w} its other parameters, {M} page size for max_issues, {E} for max_events;
	 * {e} an attachment's event, {C} the issue's id in a change of it. */
	const char *url;
	unsigned fresh_s; /* how old an answer may be; FRESH_FOREVER */
	/* of a directory */
	const struct item_class *class;			  /* of what `url` lists */
	const char *query;				  /* of a ready-made search: its name in search/ */
	int (*list)(struct op *op, struct listing **ret); /* what it lists is in memory */
	enum kind_id child;				  /* kind of each item; its rows are the item's files */
	bool (*none)(const struct item *item);		  /* known to be empty without asking */
	bool hidden;					  /* found by its name alone */
	bool scratch;					  /* scratch files may be made in it */
	/* of a dynamic row: what an unlisted name must look like, and the document that
	 * tells whether there is such a thing (NULL: the listing is the oracle) */
	bool (*valid)(struct str name);
	const char *probe;
	/* of a file or symlink: its bytes from its source. 0 or -errno */
	int (*show)(struct buf *b, const struct source *s);
	/* what its w bits need to be true, and what a write into it means (NULL: EACCES) */
	enum need needs;
	const struct control *control;
};

#define FRESH_FOREVER 0xffffffffu
#define ISSUE_URL "organizations/{o}/issues/{s}/" /* of the issue itself */

extern const struct kind kinds[];
extern const size_t kinds_count;

const struct kind *kind_of(enum kind_id id); /* a row of the named ids, the first */
/* The i-th row of what a directory's class lists, one for each suffix, or NULL. */
const struct kind *kind_child(const struct kind *dir, size_t i);
const struct kind *kind_named(enum kind_id parent, const char *name); /* NULL: none */
/* The next static row below a directory (`top`: it is the mount's root) that is listed and that the
 * server has (NULL: all), from the table's *at on, which moves behind it; or NULL. */
const struct kind *kind_static(const struct dialect *d, const struct node *dir, bool top, size_t *at);
const struct kind *kind_lookup(const struct node *dir, bool top, const char *name);

static inline bool kind_is_dir(const struct kind *k)
{
	return S_ISDIR(k->mode);
}

#endif
