// SPDX-License-Identifier: MIT
/*
 * The table of kinds, and how a row is found.
 *
 * What stands here is data: lookup, readdir, getattr, open and readlink each have
 * one body (verbs.c) that reads it. The functions that make a file's bytes are in
 * show.c. A dynamic row stands once for all children of its directory; an item that
 * has several files has a row for each suffix, one after another.
 */
#include "sentryfs/kinds.h"

#include "sentryfs/control.h"
#include "sentryfs/name.h"
#include "sentryfs/searches.h"
#include "sentryfs/show.h"
#include "sentryfs/views.h"

#define DIR_MODE (S_IFDIR | 0555)
#define FILE_MODE (S_IFREG | 0444)
#define LINK_MODE (S_IFLNK | 0777)
/* w bits are shown while what the row needs is there (access.h) */
#define OWN_DIR_MODE (S_IFDIR | 0755)
#define CONTROL_MODE (S_IFREG | 0644)

/* groupStatsPeriod and collapse leave out what costs and is not shown, but keep
 * count, firstSeen and lastSeen (sentry-api, fact 10). */
#define ISSUE_LIST                                                                                                     \
	"organizations/{o}/issues/?project={P}&query={q}&limit={M}&groupStatsPeriod=&collapse=filtered"                \
	"&collapse=unhandled{w}"
#define ISSUE_SUB "organizations/{o}/issues/{i}/"

static bool no_comments(const struct item *issue)
{
	return issue->comments == 0;
}

static bool is_issue_name(struct str s)
{
	return name_is_short_id(s) || name_is_number(s);
}

#define FIELD_OF(field, what)                                                                                          \
	{                                                                                                              \
		KIND_FILE, KIND_ISSUE, field, .mode = FILE_MODE, .feature = (what), .from = FROM_ITEM,                 \
					      .show = show_field                                                       \
	}
#define FIELD(field) FIELD_OF(field, FEATURE_ANY)
#define CONTROL(field, what, ctl)                                                                                      \
	{                                                                                                              \
		KIND_FILE, KIND_ISSUE, field, .mode = CONTROL_MODE, .feature = (what), .from = FROM_ITEM,              \
					      .show = show_field, .needs = NEED_WRITE, .control = &(ctl)               \
	}
/* What takes commands reads as empty, so that grep -r, tar and cp -r end with 0. */
#define COMMAND(dir, file, what, ctl)                                                                                  \
	{                                                                                                              \
		KIND_FILE, dir, file, .mode = CONTROL_MODE, .feature = (what), .show = show_nothing,                   \
				      .needs = NEED_WRITE, .control = &(ctl)                                           \
	}
#define TSV(file, path, shower)                                                                                        \
	{                                                                                                              \
		KIND_FILE, KIND_ORG, file, .mode = FILE_MODE, .from = FROM_LISTING, .url = "organizations/{o}/" path,  \
					   .class = &item_any, .fresh_s = 300, .show = shower                          \
	}
#define SEARCHED                                                                                                       \
	.mode = DIR_MODE, .from = FROM_LISTING, .url = ISSUE_LIST, .fresh_s = 30, .class = &item_issue,                \
	.child = KIND_RESULT
#define VIEW(dir, title, what, search)                                                                                 \
	{                                                                                                              \
		KIND_VIEW, dir, title, SEARCHED, .feature = (what), .query = search                                    \
	}
/* What is in a directory that shows what a search found. */
#define RESULTS(dir)                                                                                                   \
	{KIND_RESULT, dir, .mode = LINK_MODE, .from = FROM_ITEM, .valid = name_is_short_id, .show = show_result_link}, \
	{                                                                                                              \
		KIND_BULK_ALL, dir, ".bulk", .mode = DIR_MODE, .hidden = true                                          \
	}
#define BULK(dir, ctl)                                                                                                 \
	COMMAND(dir, "status", FEATURE_ANY, ctl), COMMAND(dir, "assignedTo", FEATURE_BULK, ctl),                       \
		COMMAND(dir, "priority", FEATURE_PRIORITY, ctl), COMMAND(dir, "hasSeen", FEATURE_FLAGS, ctl),          \
		COMMAND(dir, "isBookmarked", FEATURE_FLAGS, ctl), COMMAND(dir, "isSubscribed", FEATURE_FLAGS, ctl),    \
	{                                                                                                              \
		KIND_FILE, dir, "last-error", .mode = FILE_MODE, .show = show_last_error                               \
	}
#define INDEX(file, shower)                                                                                            \
	{                                                                                                              \
		KIND_FILE, KIND_PROJECT, file, .mode = FILE_MODE, .from = FROM_LISTING, .url = ISSUE_LIST,             \
					       .class = &item_issue, .fresh_s = 30, .show = shower                     \
	}
#define EVENT(own, dir, ext, path, shower)                                                                             \
	{                                                                                                              \
		own, dir, .suffix = ext, .mode = FILE_MODE, .from = FROM_DOCUMENT, .url = path "events/{n}/",          \
			  .fresh_s = FRESH_FOREVER, .valid = name_is_event_id, .probe = path "events/{n}/",            \
			  .show = shower                                                                               \
	}
#define EVENT_LINK(which, ext, what)                                                                                   \
	{                                                                                                              \
		KIND_FILE, KIND_EVENTS, which ext, .suffix = ext, .mode = LINK_MODE, .feature = (what),                \
						   .from = FROM_DOCUMENT, .url = ISSUE_SUB "events/" which "/",        \
						   .fresh_s = 30, .show = show_event_link                              \
	}

const struct kind kinds[] = {
	/* the mount's own */
	{KIND_FILE, KIND_MOUNT, "README.md", .mode = FILE_MODE, .show = show_readme},
	{KIND_FILE, KIND_MOUNT, "AGENTS.md", .mode = FILE_MODE, .show = show_agents},
	{KIND_FILE, KIND_MOUNT, ".ignore", .mode = FILE_MODE, .show = show_ignore},
	{KIND_META, KIND_MOUNT, ".sentryfs", .mode = DIR_MODE},
	{KIND_FILE, KIND_META, "status", .mode = FILE_MODE, .show = show_status},
	{KIND_FILE, KIND_META, "requests", .mode = FILE_MODE, .show = show_requests},
	{KIND_FILE, KIND_META, "errors", .mode = FILE_MODE, .show = show_errors},
	{KIND_FILE, KIND_META, "changes", .mode = FILE_MODE, .show = show_changes},
	{KIND_FILE, KIND_META, "refresh", .mode = CONTROL_MODE, .show = show_nothing, .control = &control_refresh},

	/* organizations */
	{KIND_ROOT, KIND_ROOT, .mode = DIR_MODE, .from = FROM_LISTING, .url = "organizations/", .fresh_s = 300,
	 .class = &item_organization, .child = KIND_ORG},
	{KIND_ORG, KIND_ROOT, .mode = DIR_MODE, .valid = name_is_slug, .probe = "organizations/{n}/?detailed=0"},
	{KIND_FILE, KIND_ORG, "organization.json", .mode = FILE_MODE, .from = FROM_ITEM, .show = show_json},
	TSV("members.tsv", "members/?per_page=100", show_members),
	TSV("teams.tsv", "teams/?detailed=0&per_page=100", show_teams),
	TSV("environments.tsv", "environments/", show_environments),
	TSV("releases.tsv", "releases/?per_page=100", show_releases),
	{KIND_ORG_ISSUES, KIND_ORG, "issues", .mode = DIR_MODE, .list = views_issues, .child = KIND_ORG_ISSUE},
	{KIND_ORG_ISSUE, KIND_ORG_ISSUES, .mode = LINK_MODE, .from = FROM_ITEM, .valid = is_issue_name,
	 .probe = "organizations/{o}/issues/{n}/", .show = show_result_link},

	/* searches */
	{KIND_SEARCHES, KIND_ORG, "search", .mode = OWN_DIR_MODE, .list = searches_list, .class = &item_search,
	 .child = KIND_SEARCH},
	{KIND_FILE, KIND_SEARCHES, "last-error", .mode = FILE_MODE, .show = show_search_error},
	{KIND_SEARCH, KIND_SEARCHES, SEARCHED},
	RESULTS(KIND_SEARCH),
	BULK(KIND_BULK_ALL, control_bulk_all),

	/* projects */
	{KIND_PROJECTS, KIND_ORG, "projects", .mode = DIR_MODE, .from = FROM_LISTING,
	 .url = "organizations/{o}/projects/?per_page=100", .fresh_s = 300, .class = &item_project,
	 .child = KIND_PROJECT},
	/* writable, or the kernel alone would refuse an rmdir of issues/, and the guard not hear of it */
	{KIND_PROJECT, KIND_PROJECTS, .mode = OWN_DIR_MODE, .needs = NEED_DELETE, .valid = name_is_slug},
	{KIND_FILE, KIND_PROJECT, "project.json", .mode = FILE_MODE, .from = FROM_ITEM, .show = show_json},
	{KIND_SEARCHES, KIND_PROJECT, "search", .mode = OWN_DIR_MODE, .list = searches_list, .class = &item_search,
	 .child = KIND_SEARCH},
	INDEX("index.tsv", show_index_tsv),
	INDEX("index.jsonl", show_index_jsonl),
	VIEW(KIND_PROJECT, "recent", FEATURE_TERMS, "is:unresolved lastSeen:-24h"),
	RESULTS(KIND_VIEW),
	{KIND_BY_STATUS, KIND_PROJECT, "by-status", .mode = DIR_MODE},
	VIEW(KIND_BY_STATUS, "unresolved", FEATURE_ANY, "is:unresolved"),
	VIEW(KIND_BY_STATUS, "resolved", FEATURE_ANY, "is:resolved"),
	VIEW(KIND_BY_STATUS, "ignored", FEATURE_ANY, "is:ignored"),
	{KIND_BY_LEVEL, KIND_PROJECT, "by-level", .mode = DIR_MODE},
	VIEW(KIND_BY_LEVEL, "fatal", FEATURE_ANY, "is:unresolved level:fatal"),
	VIEW(KIND_BY_LEVEL, "error", FEATURE_ANY, "is:unresolved level:error"),
	VIEW(KIND_BY_LEVEL, "warning", FEATURE_ANY, "is:unresolved level:warning"),
	VIEW(KIND_BY_LEVEL, "info", FEATURE_ANY, "is:unresolved level:info"),
	VIEW(KIND_BY_LEVEL, "debug", FEATURE_ANY, "is:unresolved level:debug"),
	{KIND_BY_ASSIGNEE, KIND_PROJECT, "by-assignee", .mode = DIR_MODE, .feature = FEATURE_TERMS,
	 .list = views_assignees, .class = &item_assignee, .child = KIND_ASSIGNED},
	VIEW(KIND_BY_ASSIGNEE, "me", FEATURE_TERMS, "is:unresolved assigned:me"),
	VIEW(KIND_BY_ASSIGNEE, "none", FEATURE_TERMS, "is:unresolved assigned:none"),
	{KIND_ASSIGNED, KIND_BY_ASSIGNEE, SEARCHED},
	RESULTS(KIND_ASSIGNED),
	{KIND_PROJECT_EVENTS, KIND_PROJECT, "events", .mode = DIR_MODE, .from = FROM_LISTING,
	 .url = "projects/{o}/{p}/events/?per_page={E}", .fresh_s = 30, .class = &item_event,
	 .child = KIND_PROJECT_EVENT},
	EVENT(KIND_PROJECT_EVENT, KIND_PROJECT_EVENTS, ".json", "projects/{o}/{p}/", show_json),
	EVENT(KIND_PROJECT_EVENT, KIND_PROJECT_EVENTS, ".txt", "projects/{o}/{p}/", show_event),

	/* issues */
	{KIND_ISSUES, KIND_PROJECT, "issues", .mode = OWN_DIR_MODE, .needs = NEED_DELETE, .from = FROM_LISTING,
	 .url = ISSUE_LIST, .fresh_s = 30, .class = &item_issue, .child = KIND_ISSUE},
	{KIND_BULK, KIND_ISSUES, ".bulk", .mode = DIR_MODE, .hidden = true},
	BULK(KIND_BULK, control_bulk),
	{KIND_ISSUE, KIND_ISSUES, .mode = OWN_DIR_MODE, .needs = NEED_WRITE, .scratch = true, .valid = is_issue_name,
	 .probe = "organizations/{o}/issues/{n}/"},
	{KIND_ISSUE_ALIAS, KIND_ISSUE_ALIAS, .mode = LINK_MODE, .from = FROM_ITEM, .show = show_issue_link},
	{KIND_FILE, KIND_ISSUE, "issue.json", .mode = FILE_MODE, .from = FROM_ITEM, .show = show_json},
	{KIND_FILE, KIND_ISSUE, "details.json", .mode = FILE_MODE, .from = FROM_DOCUMENT, .url = ISSUE_URL,
	 .fresh_s = 60, .show = show_json},
	{KIND_FILE, KIND_ISSUE, "activity.jsonl", .mode = FILE_MODE, .feature = FEATURE_ACTIVITY, .from = FROM_DOCUMENT,
	 .url = ISSUE_URL, .fresh_s = 60, .show = show_activity},
	{KIND_FILE, KIND_ISSUE, "summary.txt", .mode = FILE_MODE, .from = FROM_PARTS, .show = show_summary},
	{KIND_FILE, KIND_ISSUE, "frames.qf", .mode = FILE_MODE, .from = FROM_DOCUMENT,
	 .url = ISSUE_SUB "events/latest/", .fresh_s = 30, .show = show_frames},
	FIELD("title"),
	FIELD("culprit"),
	FIELD("level"),
	FIELD_OF("platform", FEATURE_PLATFORM),
	FIELD("type"),
	FIELD("shortId"),
	FIELD("id"),
	FIELD("permalink"),
	FIELD("logger"),
	FIELD("count"),
	FIELD("userCount"),
	FIELD("firstSeen"),
	FIELD("lastSeen"),
	{KIND_FILE, KIND_ISSUE, "status", .mode = CONTROL_MODE, .from = FROM_ITEM, .show = show_word,
	 .needs = NEED_WRITE, .control = &control_status},
	FIELD_OF("substatus", FEATURE_SUBSTATUS),
	CONTROL("statusDetails", FEATURE_ANY, control_details),
	{KIND_FILE, KIND_ISSUE, "assignedTo", .mode = CONTROL_MODE, .feature = FEATURE_ASSIGNEE, .from = FROM_ITEM,
	 .show = show_assigned, .needs = NEED_WRITE, .control = &control_assignee},
	CONTROL("priority", FEATURE_PRIORITY, control_priority),
	CONTROL("hasSeen", FEATURE_FLAGS, control_flag),
	CONTROL("isBookmarked", FEATURE_FLAGS, control_flag),
	CONTROL("isSubscribed", FEATURE_FLAGS, control_flag),
	CONTROL("isPublic", FEATURE_FLAGS, control_flag),
	COMMAND(KIND_ISSUE, "merge", FEATURE_MERGE, control_merge),
	{KIND_FILE, KIND_ISSUE, "last-error", .mode = FILE_MODE, .show = show_last_error},
	{KIND_SCRATCH, KIND_SCRATCH, .mode = CONTROL_MODE, .needs = NEED_WRITE},

	{KIND_COMMENTS, KIND_ISSUE, "comments", .mode = OWN_DIR_MODE, .needs = NEED_WRITE, .scratch = true,
	 .from = FROM_LISTING, .url = ISSUE_SUB "comments/?per_page=100", .fresh_s = 60, .class = &item_comment,
	 .child = KIND_COMMENT, .none = no_comments},
	COMMAND(KIND_COMMENTS, "new", FEATURE_ANY, control_comment_new),
	COMMAND(KIND_COMMENTS, "remove", FEATURE_ANY, control_comment_remove),
	{KIND_COMMENT, KIND_COMMENTS, .suffix = ".md", .mode = CONTROL_MODE, .from = FROM_ITEM, .show = show_comment,
	 .needs = NEED_WRITE, .control = &control_comment},
	{KIND_TAGS, KIND_ISSUE, "tags", .mode = DIR_MODE, .from = FROM_LISTING, .url = ISSUE_SUB "tags/?limit=100",
	 .fresh_s = 60, .class = &item_tag, .child = KIND_TAG},
	{KIND_TAG, KIND_TAGS, .mode = FILE_MODE, .from = FROM_ITEM, .show = show_tag},
	{KIND_EVENTS, KIND_ISSUE, "events", .mode = DIR_MODE, .from = FROM_LISTING,
	 .url = ISSUE_SUB "events/?per_page={E}", .fresh_s = 30, .class = &item_event, .child = KIND_EVENT},
	EVENT(KIND_EVENT, KIND_EVENTS, ".json", ISSUE_SUB, show_json),
	EVENT(KIND_EVENT, KIND_EVENTS, ".txt", ISSUE_SUB, show_event),
	EVENT_LINK("latest", ".json", FEATURE_ANY),
	EVENT_LINK("latest", ".txt", FEATURE_ANY),
	EVENT_LINK("oldest", ".json", FEATURE_OLDEST),
	EVENT_LINK("oldest", ".txt", FEATURE_OLDEST),
	EVENT_LINK("recommended", ".json", FEATURE_OLDEST),
	EVENT_LINK("recommended", ".txt", FEATURE_OLDEST),
	{KIND_HASHES, KIND_ISSUE, "hashes", .mode = DIR_MODE, .feature = FEATURE_HASHES, .from = FROM_LISTING,
	 .url = ISSUE_SUB "hashes/?per_page=100", .fresh_s = 60, .class = &item_hash, .child = KIND_HASH},
	{KIND_HASH, KIND_HASHES, .suffix = ".json", .mode = FILE_MODE, .from = FROM_ITEM, .show = show_json},

	/* few issues have any, and what is listed is asked for by every grep -r */
	{KIND_ATTACHMENTS, KIND_ISSUE, "attachments", .mode = DIR_MODE, .hidden = true, .feature = FEATURE_ATTACHMENTS,
	 .from = FROM_LISTING, .url = ISSUE_SUB "attachments/?per_page=100", .fresh_s = 60, .class = &item_attachment,
	 .child = KIND_ATTACHMENT},
	{KIND_ATTACHMENT, KIND_ATTACHMENTS, .mode = FILE_MODE, .from = FROM_BYTES,
	 .url = "projects/{o}/{p}/events/{e}/attachments/{n}/?download=1", .fresh_s = FRESH_FOREVER,
	 .show = show_bytes},
	{KIND_FILE, KIND_ISSUE, "user-reports.jsonl", .mode = FILE_MODE, .hidden = true, .feature = FEATURE_REPORTS,
	 .from = FROM_LISTING, .url = ISSUE_SUB "user-reports/?per_page=100", .fresh_s = 60, .class = &item_any,
	 .show = show_lines},
};
const size_t kinds_count = sizeof(kinds) / sizeof(*kinds);

const struct kind *kind_of(enum kind_id id)
{
	for (size_t i = 0; i < kinds_count; i++)
		if (kinds[i].id == id)
			return &kinds[i];
	return NULL;
}

const struct kind *kind_child(const struct kind *dir, size_t i)
{
	const struct kind *k = dir->child ? kind_of(dir->child) : NULL;

	/* rows of one item stand together */
	return k && k + i < kinds + kinds_count && k[i].id == dir->child ? &k[i] : NULL;
}

const struct kind *kind_named(enum kind_id parent, const char *name)
{
	for (size_t i = 0; i < kinds_count; i++)
		if (kinds[i].parent == parent && kinds[i].name && !strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static bool is_below(const struct kind *k, const struct node *dir, bool top)
{
	return k->name && (k->parent == dir->kind->id || (top && k->parent == KIND_MOUNT));
}

const struct kind *kind_static(const struct dialect *d, const struct node *dir, bool top, size_t *at)
{
	while (*at < kinds_count) {
		const struct kind *k = &kinds[(*at)++];

		if (is_below(k, dir, top) && !k->hidden && dialect_has(d, k->feature))
			return k;
	}
	return NULL;
}

const struct kind *kind_lookup(const struct node *dir, bool top, const char *name)
{
	const struct kind *k = kind_named(dir->kind->id, name);

	return k || !top ? k : kind_named(KIND_MOUNT, name);
}
