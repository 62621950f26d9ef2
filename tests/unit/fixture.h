// SPDX-License-Identifier: MIT
/*
 * A mount over a scripted transport: one organization `o`, one project `web`, its
 * issues listed once, and what the kernel does to files, one call each.
 */
#ifndef SENTRYFS_TEST_FIXTURE_H
#define SENTRYFS_TEST_FIXTURE_H

#include <fcntl.h>

#include "script.h"

#include "sentryfs/root.h"

#define LIST                                                                                                           \
	"organizations/o/issues/?project=7&query=is%3Aunresolved&limit=100&groupStatsPeriod=&collapse=filtered"        \
	"&collapse=unhandled"
#define ISSUE_WITH(id, name, members)                                                                                  \
	"{\"id\":\"" id "\",\"shortId\":\"" name "\",\"project\":{\"slug\":\"web\"},\"title\":\"T\",\"count\":\"3\","  \
	"\"numComments\":0,\"firstSeen\":\"2026-01-01T00:00:00Z\",\"lastSeen\":\"2026-01-02T00:00:00Z\"" members "}"
#define ISSUE ISSUE_WITH("5", "WEB-1", "")
#define UNRESOLVED                                                                                                     \
	",\"status\":\"unresolved\",\"substatus\":\"ongoing\",\"statusDetails\":{},\"assignedTo\":null,"               \
	"\"priority\":\"high\",\"hasSeen\":false,\"isBookmarked\":false,\"isSubscribed\":false,\"isPublic\":false"

struct fixture {
	struct script script;
	struct options options;
	struct mount mount;
	struct node *issues, *issue, *events, *details;
};

static inline int answer_root(void *arg)
{
	struct script *s = arg;

	script_asked(s, 0, "organizations/o/?detailed=0");
	script_answer(s, 0, 200, "X-Sentry-Rate-Limit-Limit: 999\r\n", "{\"slug\":\"o\",\"id\":\"1\"}");
	return 0;
}

static inline struct node *entry(struct fixture *f, struct node *dir, const char *name)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_lookup, dir, name);
	assert_int_equal(r.form, REPLY_ENTRY);
	assert_non_null(r.entry.node);
	return r.entry.node; /* the tree frees what is still counted at the end */
}

static inline void listed(struct fixture *f, struct node *dir, const char *body)
{
	struct script_reply r;

	script_run(&f->mount, &r, verb_opendir, dir, NULL);
	assert_int_equal(r.form, REPLY_NONE);
	script_answer(&f->script, f->script.n - 1, 200, NULL, body);
	assert_int_equal(r.form, REPLY_NONE); /* it runs at the next turn */
	op_tick(&f->mount);
	assert_int_equal(r.form, REPLY_OPENED);
	handle_free(r.handle);
}

/* With these issues, WEB-1 among them; three requests so far. */
static inline void begin_with(struct fixture *f, const char *issues)
{
	static char org[] = "o", url[] = "https://h", query[] = "is:unresolved";
	cleanup_buf struct buf why = {0};
	struct script_reply r;
	struct node *projects;

	*f = (struct fixture){.options = {.org = org,
					  .url = url,
					  .query = query,
					  .max_issues = 20000,
					  .max_events = 100,
					  .max_delete = 1,
					  .timeout = 30,
					  .cache_memory = 128 << 20}};
	script_init(&f->script);
	assert_int_equal(mount_init(&f->mount, &f->options, "t0ken", &f->script.clock.clock), 0);
	f->mount.api.transport = &f->script.transport;
	f->mount.access = (struct access){.known = true, .write = true, .remove = true};
	buf_init(&why, 1024);
	assert_int_equal(root_find(&f->mount, answer_root, &f->script, &why), 0);
	projects = entry(f, f->mount.root, "projects");
	script_run(&f->mount, &r, verb_lookup, projects, "web");
	script_asked(&f->script, 1, "organizations/o/projects/?per_page=100");
	script_answer(&f->script, 1, 200, NULL, "[{\"slug\":\"web\",\"id\":\"7\"}]");
	op_tick(&f->mount);
	assert_int_equal(r.form, REPLY_ENTRY);
	f->issues = entry(f, r.entry.node, "issues");
	listed(f, f->issues, issues);
	script_asked(&f->script, 2, LIST);
	f->issue = entry(f, f->issues, "WEB-1");
	f->events = entry(f, f->issue, "events");
	f->details = entry(f, f->issue, "details.json");
	assert_int_equal(f->script.n, 3);
}

static inline void begin(struct fixture *f)
{
	begin_with(f, "[" ISSUE "]");
}

static inline void end(struct fixture *f)
{
	op_end_all(&f->mount);
	mount_done(&f->mount);
	script_done(&f->script);
}

/* ---- what was answered ---- */

static inline void failed(const struct script_reply *r, int error)
{
	assert_int_equal(r->form, REPLY_ERROR);
	assert_int_equal(r->error, error);
}

static inline void succeeded(const struct script_reply *r)
{
	failed(r, 0);
}

static inline void waits(const struct script_reply *r)
{
	assert_int_equal(r->form, REPLY_NONE);
}

/* Answers the newest request and lets who waited go on. */
static inline void answer(struct fixture *f, long status, const char *body)
{
	script_answer(&f->script, f->script.n - 1, status, NULL, body);
	op_tick(&f->mount);
}

/* The newest request is this one. */
static inline void sent(const struct fixture *f, const char *method, const char *path, const char *body)
{
	script_sent(&f->script, f->script.n - 1, method, path, body);
}

static inline void pass(struct fixture *f, int64_t ms)
{
	f->script.clock.now += ms;
	op_tick(&f->mount);
}

/* ---- what the kernel asks ---- */

static inline struct handle *open_as(struct fixture *f, struct node *n, int flags)
{
	struct script_reply r;
	struct op *op =
		script_op(&f->mount, &r, (flags & O_ACCMODE) || n->scratch ? verb_open_write : verb_open, n, NULL);

	op->flags = flags;
	op_start(op);
	assert_int_equal(r.form, REPLY_OPENED);
	return r.handle;
}

static inline struct op *write_at(struct fixture *f, struct script_reply *r, struct node *n, struct handle *h,
				  struct str bytes, size_t offset)
{
	struct op *op = script_op(&f->mount, r, verb_write, n, NULL);

	op->handle = h;
	op->offset = offset;
	op->data = blob_new(bytes.s, bytes.n);
	assert_non_null(op->data);
	op_start(op);
	return op;
}

static inline struct op *write_to(struct fixture *f, struct script_reply *r, struct node *n, const char *text)
{
	return write_at(f, r, n, NULL, str_of(text), 0);
}

static inline void wrote(const struct script_reply *r, size_t n)
{
	assert_int_equal(r->form, REPLY_WRITTEN);
	assert_int_equal(r->written, n);
}

static inline struct op *flush(struct fixture *f, struct script_reply *r, struct handle *h)
{
	struct op *op = script_op(&f->mount, r, verb_flush, h->node, NULL);

	op->handle = h;
	op_start(op);
	return op;
}

/* A whole text by one write; what FLUSH answers is in *r. */
static inline struct handle *save(struct fixture *f, struct script_reply *r, struct node *n, const char *text)
{
	struct handle *h = open_as(f, n, O_WRONLY);

	write_at(f, r, n, h, str_of(text), 0);
	wrote(r, strlen(text));
	flush(f, r, h);
	return h;
}

static inline void create(struct fixture *f, struct script_reply *r, struct node *dir, const char *name, int flags)
{
	struct op *op = script_op(&f->mount, r, verb_create, dir, name);

	op->flags = flags | O_CREAT | (flags & O_EXCL ? O_RDWR : O_WRONLY);
	op->mode = 0600;
	op_start(op);
}

static inline struct op *rename_to(struct fixture *f, struct script_reply *r, struct node *dir, const char *name,
				   const char *to)
{
	struct op *op = script_op(&f->mount, r, verb_rename, dir, name);

	op->to = node_ref(dir);
	snprintf(op->to_name, sizeof(op->to_name), "%s", to);
	op_start(op);
	return op;
}

/* ---- what is there ---- */

/* A file's bytes, from memory; valid until the next call. */
static inline const char *text_of(struct fixture *f, struct node *n)
{
	static char text[65536];
	struct handle *h = open_as(f, n, O_RDONLY);
	struct str s = verb_read(h);

	assert_true(s.n < sizeof(text));
	memcpy(text, s.s, s.n);
	text[s.n] = '\0';
	handle_free(h);
	return text;
}

static inline void reads(struct fixture *f, struct node *dir, const char *name, const char *text)
{
	struct node *n = entry(f, dir, name);

	assert_string_equal(text_of(f, n), text);
	node_unref(n, 1);
}

static inline void last_error_has(struct fixture *f, struct node *dir, const char *part)
{
	struct node *n = entry(f, dir, "last-error");
	const char *text = text_of(f, n);

	if (!strstr(text, part))
		fail_msg("last-error does not say \"%s\":\n%s", part, text);
	node_unref(n, 1);
}

static inline bool is_listed(struct fixture *f, struct node *dir, const char *name)
{
	struct script_reply r;
	struct dir_entry e;
	bool there = false;

	script_run(&f->mount, &r, verb_opendir, dir, NULL);
	assert_int_equal(r.form, REPLY_OPENED);
	for (size_t at = 0; verb_dir_entry(&f->mount, r.handle, &at, &e);)
		there |= !strcmp(e.name, name);
	handle_free(r.handle);
	return there;
}

#endif
