// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_ITEM_H
#define SENTRYFS_ITEM_H

#include <cjson/cJSON.h>

#include "sentryfs/buf.h"
#include "sentryfs/map.h"

/*
 * One object of the server's (an issue, a project, an event, ...). It lives once,
 * whatever lists name it, so that every view shows the same bytes. Name and id
 * never change; `json` is swapped for newer bytes.
 */
enum item_gone {
	ITEM_HERE,
	ITEM_DELETED, /* by us; its name is no more, whatever the server still lists */
	ITEM_MERGED,  /* into another; the server knows which, a listing does not show it */
};

struct change;

struct item {
	unsigned refs;
	struct item_store *store;
	const struct item_class *class;
	char *key;	   /* scope/id: where the store has it */
	char *name;	   /* what the tree calls it; has passed a name predicate */
	char *id;	   /* what URLs call it */
	char *home;	   /* an issue's project slug, else NULL */
	struct blob *json; /* shared */
	int64_t fetched;   /* ms: when these bytes were asked for */
	uint64_t stamp;	   /* changes with json */
	uint64_t saved;	   /* the stamp of what the store has */
	struct timespec mtime, ctime, changed;
	uint64_t size; /* an issue's count of events */
	uint64_t comments;
	unsigned number; /* of a numbered class: what its name begins with; 0: not named yet */
	unsigned listed; /* how many listings hold it */
	/* what we did to it */
	enum item_gone gone;
	bool kept;	       /* among store->kept */
	int64_t written;       /* ms: when a change of ours was answered, -1: never */
	int64_t doubted;       /* ms: when it was not told whether one was done, 0: never */
	struct change *change; /* borrowed: the one that is under way */
	char *last_error;      /* why the last write failed, owned; NULL after a success */
};

struct item_fields {
	struct str name, id, home;
	struct timespec mtime, ctime;
	uint64_t size, comments;
};

struct item_class {
	const char *name;
	/* Fills the fields from an entry (slices of the tree, of `scratch`, or
	 * literals). -EBADMSG when it lacks what makes it an item. */
	int (*parse)(const cJSON *entry, struct item_fields *f, struct buf *scratch);
	bool local;    /* made here of a name; the server has none */
	bool numbered; /* the name gets NNN- before it, oldest first (listing newest first) */
};

extern const struct item_class item_organization, item_project, item_issue, item_event, item_hash, item_comment,
	item_tag, item_attachment, item_any, item_search, item_assignee;

struct item_store {
	struct map by_key;
	uint64_t stamp; /* the last one given out */
	uint64_t news;	/* the one of when an item last changed */
	/* what we changed, shared: older answers must not bring back what was before */
	struct item **kept;
	size_t kept_n, kept_cap;
};

/* An answer that was asked for earlier than so long after a change of ours may still show
 * what was before it: servers read from replicas. */
#define ITEM_HOLD_MS 10000
/* It is remembered so long at least, though nothing else knows of it: longer than any
 * document is fresh that was fetched before. What is gone is remembered for ever. */
#define ITEM_KEEP_MS 120000
#define ITEM_DROPPED (INT64_MIN / 4) /* fetched then: any newer answer is waited for */

void item_store_done(struct item_store *s);
/* Believes the server again, whatever we changed a moment ago, and whatever it told before. */
void item_store_release(struct item_store *s);

/*
 * The item of `entry`, made or brought up to date when `asked` is later than what
 * it has (`listed`: from a listing, which alone refreshes what it holds). The
 * caller owns one reference. -EBADMSG, -ENOMEM; -ENOENT: it is gone by a change of ours.
 */
int item_put(struct item_store *s, const struct item_class *class, const char *scope, const cJSON *entry,
	     struct str bytes, int64_t asked, const struct timespec *wall, bool listed, struct item **ret);
/* When the entry itself was last seen, whatever the item of it holds; ms, 0: it does not say. */
int64_t item_ms(const struct item_class *class, const cJSON *entry);
/* Puts the members of `delta`, the answer to a change of ours, in the place of the
 * item's own; where it is whole (it has the id) all of it is as of `now`. -EBADMSG,
 * -ENOMEM. */
int item_apply(struct item *i, struct str delta, int64_t now, const struct timespec *wall);
/* From now on it is in no listing. */
int item_set_gone(struct item *i, enum item_gone how, int64_t now);
/* Is the issue one of the project's, whatever that was called when either was asked for? */
bool item_is_in(const struct item *issue, const struct item *project);
/* By scope and id (an issue: its short id); borrowed, NULL when unknown. */
struct item *item_find(const struct item_store *s, const char *scope, struct str id);
/* Is `document`, valid JSON, of another one by its id? The server takes a merged-away issue for the one
 * that it is in now (get_group_with_redirect). */
bool item_is_other(const struct item *i, struct str document);
struct item *item_ref(struct item *i);
void item_unref(struct item *i); /* accepts NULL */

/* Does what we changed of it still hold against an answer that was asked for at `asked` (ms)? */
static inline bool item_is_held(const struct item *i, int64_t asked)
{
	return i->written >= 0 && asked < i->written + ITEM_HOLD_MS;
}

/* May what it has be other than what the server has, by a change of ours of which nobody knows? */
static inline bool item_is_doubted(const struct item *i)
{
	return i->doubted && i->fetched <= i->doubted && i->written <= i->doubted;
}

static inline void item_unrefp(struct item **i)
{
	item_unref(*i);
}

#define cleanup_item __attribute__((cleanup(item_unrefp)))

#endif
