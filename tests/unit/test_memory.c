// SPDX-License-Identifier: MIT
/*
 * No memory: every operation runs again and again, and each time the next allocation of it
 * fails, until none is left to fail. It ends with ENOMEM, or does without; then, with memory,
 * the same operation on the same mount succeeds. The linker puts these allocators in the
 * place of libc's (tests/meson.build); leaks are the sanitizers' to find.
 */
#include "fixture.h"

static struct {
	unsigned countdown; /* 0: none fails */
	bool armed, fired;
	unsigned sites;
} memory;

static bool fails_now(void)
{
	if (!memory.armed || !memory.countdown || --memory.countdown)
		return false;
	memory.fired = true;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
int __wrap_asprintf(char **ret, const char *fmt, ...);
int __real_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap);
FILE *__real_open_memstream(char **p, size_t *n);
FILE *__wrap_open_memstream(char **p, size_t *n);

void *__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails_now() ? NULL : __real_strdup(s);
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
	if (!fails_now())
		return __real_vasprintf(ret, fmt, ap);
	*ret = (char *)1; /* as the manual says, it is undefined: whoever frees it is found out */
	return -1;
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vasprintf(ret, fmt, ap);
	va_end(ap);
	return n;
}

FILE *__wrap_open_memstream(char **p, size_t *n)
{
	return fails_now() ? NULL : __real_open_memstream(p, n);
}

/* ---- a server ---- */

#define EVENT_ID "0123456789abcdef0123456789abcdef"

struct stand {
	struct fixture f;
	char status[16], substatus[40];
	bool gone;
};

static const char *body_for(struct stand *s, const struct script_transfer *x, long *status)
{
	static const struct {
		const char *part, *body;
	} bodies[] = {
		{"/events/?", "[{\"eventID\":\"" EVENT_ID "\",\"id\":\"7\"},{\"eventID\":\"1" EVENT_ID "\",\"id\":1}]"},
		{"/events/",
		 "{\"eventID\":\"" EVENT_ID "\",\"groupID\":\"5\",\"x\":[1,2,{\"y\":null}],\"platform\":\"ruby\","
		 "\"tags\":[{\"key\":\"k\",\"value\":\"v\"}],\"context\":{\"a\":[{\"b\":\"c\"}]},\"entries\":[{"
		 "\"type\":"
		 "\"exception\",\"data\":{\"values\":[{\"type\":\"T\",\"value\":\"v\",\"stacktrace\":{\"frames\":[{"
		 "\"filename\":\"a.rb\",\"function\":\"f\",\"lineNo\":1,\"context\":[[1,\"x\"]],\"vars\":{\"token\":"
		 "\"s\"}}]}}]}}]}"},
		{"/tags/", "[{\"key\":\"a/b\",\"totalValues\":1,\"topValues\":[{\"value\":\"v\",\"count\":1}]}]"},
		{"/hashes/", "[{\"id\":\"h\"}]"},
		{"/members/", "[{\"id\":\"1\",\"email\":\"a@b\",\"user\":{\"username\":\"a\"}}]"},
		{"/teams/", "[{\"id\":\"3\",\"slug\":\"web\"}]"},
		{"/projects/?", "[{\"slug\":\"web\",\"id\":\"7\"}]"},
	};
	static char text[1024];

	*status = 200;
	if (!strcmp(x->method, "DELETE")) {
		s->gone = true;
		*status = 202;
		return "";
	}
	if (!strcmp(x->url, "https://h/api/0/"))
		return "{\"user\":{\"id\":\"1\"},\"auth\":{\"scopes\":[\"event:admin\"]}}";
	if (strstr(x->url, "/comments/"))
		return *x->method == 'G' ? "[{\"id\":\"9\",\"user\":{\"id\":\"1\",\"username\":\"jane\"},\"data\":{"
					   "\"text\":\"c\"}}]"
					 : "{\"id\":\"10\",\"user\":{\"id\":\"1\",\"username\":\"jane\"},\"data\":{"
					   "\"text\":\"d\"}}";
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		if (strstr(x->url, bodies[i].part))
			return bodies[i].body;
	if (!strcmp(x->method, "PUT")) {
		const char *kind = strstr(x->body, "archived_");

		snprintf(s->status, sizeof(s->status), "%s", kind ? "ignored" : "resolved");
		snprintf(s->substatus, sizeof(s->substatus), "%.*s", kind ? (int)strcspn(kind, "\"") : 0, kind);
	}
	if (s->gone && !strstr(x->url, "/issues/?")) {
		*status = 404;
		return "{\"detail\":\"gone\"}";
	}
	snprintf(text, sizeof(text), "%s%s", strstr(x->url, "/issues/?") && strcmp(x->method, "PUT") ? "[" : "",
		 "{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"title\":\"T\",\"count\":\"3\","
		 "\"numComments\":1,\"lastSeen\":\"2026-01-02T00:00:00Z\",\"statusDetails\":{\"ignoreCount\":1},"
		 "\"activity\":[{\"id\":1}],\"assignedTo\":{\"type\":\"team\",\"id\":\"3\"},\"hasSeen\":true,");
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "\"status\":\"%s\",\"substatus\":\"%s\"}%s",
		 s->status, s->substatus, *text == '[' ? "]" : "");
	return text;
}

/* The answer itself has memory: what libcurl has not is http.c's matter. */
static void reply_to(struct stand *s, size_t i)
{
	struct script_transfer *x = &s->f.script.transfers[i];
	struct http_response r = {.words = ""};
	bool armed = memory.armed;

	memory.armed = false;
	buf_init(&r.headers, 65536);
	buf_init(&r.body, 16 << 20);
	buf_puts(&r.body, body_for(s, x, &r.status));
	x->ended = true;
	memory.armed = armed;
	x->done(x->arg, &r);
	memory.armed = false;
	buf_done(&r.headers);
	buf_done(&r.body);
	memory.armed = armed;
}

static void *submit(struct transport *t, const struct http_request *rq, http_done *done, void *arg)
{
	bool armed = memory.armed;
	void *x;

	if (fails_now())
		return NULL;
	memory.armed = false;
	x = script_submit(t, rq, done, arg);
	memory.armed = armed;
	return x;
}

/* Lets the server answer and time pass until the op has replied. */
static void run_to_end(struct stand *s, struct script_reply *r)
{
	struct script *script = &s->f.script;

	for (unsigned turn = 0; r->form == REPLY_NONE; turn++) {
		assert_true(turn < 500);
		for (size_t i = 0; i < script->n; i++)
			if (!script->transfers[i].ended && !script->transfers[i].cancelled)
				reply_to(s, i);
		op_tick(&s->f.mount);
		api_tick(&s->f.mount.api);
		if (r->form == REPLY_NONE)
			script->clock.now += 50;
	}
}

/* ---- operations ---- */

/* -errno of an op, and what it opened or found is put away. `fill` may be NULL. */
static int do_op(struct stand *s, int (*verb)(struct op *), struct node *n, const char *name,
		 void (*fill)(struct op *op, void *arg), void *arg, struct handle **opened)
{
	struct script_reply r = {0};
	struct op *op = op_new(&s->f.mount, &script_replies, &r, verb, n, name);

	if (!op)
		return -ENOMEM;
	if (fill) {
		bool armed = memory.armed;

		memory.armed = false;
		fill(op, arg);
		memory.armed = armed;
	}
	op_start(op);
	run_to_end(s, &r);
	if (r.entry.node)
		node_unref(r.entry.node, 1);
	if (r.form == REPLY_OPENED && opened)
		*opened = r.handle;
	else if (r.form == REPLY_OPENED)
		handle_free(r.handle);
	return r.form == REPLY_ERROR ? r.error : 0;
}

static struct node *below(struct stand *s, struct node *dir, const char *name)
{
	bool armed = memory.armed;
	struct node *n;

	memory.armed = false;
	n = entry(&s->f, dir, name);
	memory.armed = armed;
	return n;
}

static int lookup_listed(struct stand *s)
{
	return do_op(s, verb_lookup, s->f.issues, "WEB-1", NULL, NULL, NULL);
}

static int lookup_unlisted(struct stand *s)
{
	/* in another case it is a symlink; nothing of it is known yet */
	cache_drop(&s->f.mount.cache);
	return do_op(s, verb_lookup, s->f.issues, "web-1", NULL, NULL, NULL);
}

static int list_issues(struct stand *s)
{
	s->f.script.clock.now += 400000;
	return do_op(s, verb_opendir, s->f.issues, NULL, NULL, NULL, NULL);
}

static int list_and_look(struct stand *s)
{
	struct handle *h = NULL;
	struct dir_entry e;
	struct op *op;
	int r = do_op(s, verb_opendir, s->f.events, NULL, NULL, NULL, &h);

	if (r)
		return r;
	op = op_new(&s->f.mount, &script_replies, NULL, NULL, s->f.events, NULL);
	for (size_t at = 0; op && verb_dir_entry(&s->f.mount, h, &at, &e);) {
		struct op_entry child = {0};

		if (verb_dir_child(op, h, &e, &child))
			node_unref(child.node, 1);
	}
	r = op ? 0 : -ENOMEM;
	if (op)
		op_free(op);
	handle_free(h);
	return r;
}

static int list(struct stand *s, const char *name)
{
	struct node *n = below(s, s->f.issue, name);
	int r = do_op(s, verb_opendir, n, NULL, NULL, NULL, NULL);

	node_unref(n, 1);
	return r;
}

static int list_comments(struct stand *s)
{
	return list(s, "comments");
}

static int list_tags(struct stand *s)
{
	return list(s, "tags");
}

static int list_hashes(struct stand *s)
{
	return list(s, "hashes");
}

static int read_node(struct stand *s, struct node *n, const char *part)
{
	struct handle *h = NULL;
	int r = do_op(s, verb_open, n, NULL, NULL, NULL, &h);

	if (r)
		return r;
	assert_true(str_has(verb_read(h), part));
	handle_free(h);
	return 0;
}

static int read_file(struct stand *s, struct node *dir, const char *name, const char *part)
{
	struct node *n = below(s, dir, name);
	int r = read_node(s, n, part);

	node_unref(n, 1);
	return r;
}

static int read_item(struct stand *s)
{
	return read_file(s, s->f.issue, "issue.json", "\"WEB-1\"");
}

static int read_title(struct stand *s)
{
	return read_file(s, s->f.issue, "title", "T\n");
}

static int read_details(struct stand *s)
{
	return read_file(s, s->f.issue, "details.json", "activity");
}

static int read_activity(struct stand *s)
{
	return read_file(s, s->f.issue, "activity.jsonl", "{\"id\":1}");
}

static int read_assigned(struct stand *s)
{
	return read_file(s, s->f.issue, "assignedTo", "");
}

static int read_members(struct stand *s)
{
	struct node *org = s->f.issues->parent->parent->parent;

	return read_file(s, org, "members.tsv", "a@b");
}

static int read_status_of_mount(struct stand *s)
{
	return read_file(s, below(s, s->f.mount.root, ".sentryfs"), "status", "online");
}

static int read_readme(struct stand *s)
{
	return read_file(s, s->f.mount.root, "README.md", "issues");
}

static int read_latest(struct stand *s)
{
	struct node *n = below(s, s->f.events, "latest.json");
	int r = do_op(s, verb_readlink, n, NULL, NULL, NULL, NULL);

	node_unref(n, 1);
	return r;
}

static int read_event(struct stand *s)
{
	int r = do_op(s, verb_lookup, s->f.events, EVENT_ID ".json", NULL, NULL, NULL);

	return r ? r : read_file(s, s->f.events, EVENT_ID ".json", "groupID");
}

static int read_event_text(struct stand *s)
{
	int r = do_op(s, verb_lookup, s->f.events, EVENT_ID ".txt", NULL, NULL, NULL);

	return r ? r : read_file(s, s->f.events, EVENT_ID ".txt", "token = [redacted]");
}

static int read_frames(struct stand *s)
{
	return read_file(s, s->f.issue, "frames.qf", "a.rb:1: T: v in f\n");
}

static int read_summary(struct stand *s)
{
	return read_file(s, s->f.issue, "summary.txt", "## Next\n");
}

static void fill_text(struct op *op, void *arg)
{
	op->data = blob_new(arg, strlen(arg));
	assert_non_null(op->data);
}

static int write_value(struct stand *s, const char *name, char *value)
{
	struct node *n = below(s, s->f.issue, name);
	int r = do_op(s, verb_write, n, NULL, fill_text, value, NULL);

	node_unref(n, 1);
	return r;
}

static int write_status(struct stand *s)
{
	char value[] = "resolved";

	return write_value(s, "status", value);
}

static int write_ignored(struct stand *s)
{
	char value[] = "ignored until 1x";

	return write_value(s, "status", value);
}

static int write_team(struct stand *s)
{
	char value[] = "#web";

	return write_value(s, "assignedTo", value);
}

static int write_nonsense(struct stand *s)
{
	char value[] = "nonsense";
	int r = write_value(s, "status", value);

	/* a refusal is what is wanted, and the words of it may have no memory */
	return r == -EINVAL ? 0 : r;
}

struct piece {
	struct handle *h;
	const char *text;
};

static void fill_flags(struct op *op, void *arg)
{
	op->flags = *(int *)arg;
	op->mode = 0600;
}

static void fill_piece(struct op *op, void *arg)
{
	struct piece *p = arg;

	op->handle = p->h;
	if (p->text)
		op->data = blob_new(p->text, strlen(p->text));
}

/* A text in two pieces, sent by the flush. */
static int write_text_to(struct stand *s, struct handle *h, const char *text)
{
	struct piece p = {h, text}, end = {h, NULL};
	int r = do_op(s, verb_write, h->node, NULL, fill_piece, &p, NULL);

	return r ? r : do_op(s, verb_flush, h->node, NULL, fill_piece, &end, NULL);
}

static int write_comment(struct stand *s)
{
	static unsigned number;
	struct node *dir = below(s, s->f.issue, "comments"), *n = below(s, dir, "new");
	int flags = O_WRONLY, r;
	struct handle *h = NULL;
	char text[32];

	snprintf(text, sizeof(text), "comment %u", number++);
	r = do_op(s, verb_open_write, n, NULL, fill_flags, &flags, &h);
	if (!r)
		r = write_text_to(s, h, text);
	handle_free(h);
	node_unref(n, 1);
	node_unref(dir, 1);
	return r;
}

static void fill_rename(struct op *op, void *arg)
{
	op->to = node_ref(op->node);
	snprintf(op->to_name, sizeof(op->to_name), "%s", (const char *)arg);
}

/* As sed -i: a file beside it, and a rename onto it. */
static int save_by_rename(struct stand *s)
{
	int flags = O_CREAT | O_WRONLY | O_EXCL, r;
	char to[] = "status";
	struct handle *h = NULL;

	/* of the try before, which had no memory to go on */
	if (scratch_find(&s->f.mount.scratches, s->f.issue, "status.tmp"))
		assert_int_equal(do_op(s, verb_unlink, s->f.issue, "status.tmp", NULL, NULL, NULL), 0);
	r = do_op(s, verb_create, s->f.issue, "status.tmp", fill_flags, &flags, &h);
	if (!r)
		r = write_text_to(s, h, "ignored\n");
	handle_free(h);
	return r ? r : do_op(s, verb_rename, s->f.issue, "status.tmp", fill_rename, to, NULL);
}

static int write_bulk(struct stand *s)
{
	struct node *dir = below(s, s->f.issues, ".bulk"), *n = below(s, dir, "status");
	int flags = O_WRONLY, r;
	struct handle *h = NULL;

	r = do_op(s, verb_open_write, n, NULL, fill_flags, &flags, &h);
	if (!r)
		r = write_text_to(s, h, "WEB-1 resolved\n");
	handle_free(h);
	node_unref(n, 1);
	node_unref(dir, 1);
	return r;
}

/* ---- searches ---- */

static struct node *search_dir(struct stand *s)
{
	return below(s, s->f.issues->parent, "search");
}

static int list_search(struct stand *s)
{
	struct node *dir = search_dir(s), *n = below(s, dir, "is:resolved&limit=3");
	int r = do_op(s, verb_opendir, n, NULL, NULL, NULL, NULL);

	if (!r)
		r = do_op(s, verb_lookup, n, "WEB-1", NULL, NULL, NULL);
	node_unref(n, 1);
	node_unref(dir, 1);
	return r;
}

static int list_window(struct stand *s)
{
	struct node *dir = search_dir(s), *n = below(s, dir, "&statsPeriod=1h&assignee=a \"b");
	int r;

	s->f.script.clock.now += 400000;
	r = do_op(s, verb_opendir, n, NULL, NULL, NULL, NULL);
	node_unref(n, 1);
	node_unref(dir, 1);
	return r;
}

static int look_for_search(struct stand *s)
{
	struct node *dir = search_dir(s);
	int r = do_op(s, verb_lookup, dir, "level:error", NULL, NULL, NULL);

	node_unref(dir, 1);
	return r;
}

static int refuse_search(struct stand *s)
{
	struct node *dir = search_dir(s), *n = below(s, dir, "a:b&c=d");
	int r = do_op(s, verb_opendir, n, NULL, NULL, NULL, NULL);

	node_unref(n, 1);
	node_unref(dir, 1);
	return r == -EINVAL ? 0 : r;
}

static int make_search(struct stand *s)
{
	struct node *dir = search_dir(s);
	int r = do_op(s, verb_mkdir, dir, "TypeError", NULL, NULL, NULL);

	/* the try without memory may have made it */
	if (!r || r == -EEXIST)
		r = do_op(s, verb_opendir, dir, NULL, NULL, NULL, NULL);
	if (!r)
		r = do_op(s, verb_rmdir, dir, "TypeError", NULL, NULL, NULL);
	node_unref(dir, 1);
	return r;
}

static int list_assignees(struct stand *s)
{
	struct node *dir = below(s, s->f.issues->parent, "by-assignee");
	int r = do_op(s, verb_opendir, dir, NULL, NULL, NULL, NULL);

	if (!r)
		r = do_op(s, verb_lookup, dir, "a@b", NULL, NULL, NULL);
	node_unref(dir, 1);
	return r;
}

static int list_organization(struct stand *s)
{
	struct node *dir = below(s, s->f.issues->parent->parent->parent, "issues");
	int r = do_op(s, verb_opendir, dir, NULL, NULL, NULL, NULL);

	node_unref(dir, 1);
	return r;
}

static int read_index(struct stand *s)
{
	int r = read_file(s, s->f.issues->parent, "index.tsv", "\nWEB-1\t");

	return r ? r : read_file(s, s->f.issues->parent, "index.jsonl", "\"shortId\":\"WEB-1\"");
}

static int write_bulk_all(struct stand *s)
{
	struct node *dir = search_dir(s), *search = below(s, dir, "a:b"), *bulk = below(s, search, ".bulk"),
		    *n = below(s, bulk, "status");
	int flags = O_WRONLY, r;
	struct handle *h = NULL;

	r = do_op(s, verb_open_write, n, NULL, fill_flags, &flags, &h);
	if (!r)
		r = write_text_to(s, h, "resolved\n");
	handle_free(h);
	node_unref(n, 1);
	node_unref(bulk, 1);
	node_unref(search, 1);
	node_unref(dir, 1);
	return r;
}

static int remove_file(struct stand *s)
{
	int r = do_op(s, verb_unlink, s->f.issue, "title", NULL, NULL, NULL);

	return r == -EPERM ? 0 : r;
}

static int delete_issue(struct stand *s)
{
	int r = do_op(s, verb_rmdir, s->f.issues, "WEB-1", NULL, NULL, NULL);

	/* the try without memory may have deleted it */
	return s->gone && r == -ENOENT ? 0 : r;
}

/* ---- each of them ---- */

static void begin_stand(struct stand *s)
{
	memory.armed = false;
	*s = (struct stand){.status = "unresolved"};
	begin_with(&s->f, "[{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"title\":\"T\","
			  "\"count\":\"3\",\"numComments\":1,\"lastSeen\":\"2026-01-02T00:00:00Z\",\"substatus\":null,"
			  "\"status\":\"unresolved\",\"assignedTo\":null,\"statusDetails\":{}}]");
	s->f.script.transport.submit = submit;
}

/* What is still under way ends. */
static void end_stand(struct stand *s)
{
	for (size_t i = 0; i < s->f.script.n; i++)
		if (!s->f.script.transfers[i].ended && !s->f.script.transfers[i].cancelled)
			reply_to(s, i);
	end(&s->f);
}

static void every_site(int (*run)(struct stand *s))
{
	static struct stand s;
	unsigned n = 0, refused = 0;

	do {
		int r;

		begin_stand(&s);
		memory.countdown = ++n;
		memory.fired = false;
		memory.armed = true;
		r = run(&s);
		memory.armed = false;
		if (r && r != -ENOMEM)
			fail_msg("allocation %u: errno %d", n, -r);
		assert_true(!r || memory.fired);
		refused += r != 0;
		s.f.script.clock.now += 10;
		r = run(&s);
		if (r)
			fail_msg("after allocation %u failed, with memory: errno %d: %s", n, -r,
				 s.f.issue->item->last_error ? s.f.issue->item->last_error : "");
		end_stand(&s);
	} while (memory.fired);
	assert_true(n > 1);
	memory.sites += n - 1;
	print_message("%u allocations, %u of them ENOMEM\n", n - 1, refused);
}

#define EACH(op)                                                                                                       \
	static void test_##op(void **state)                                                                            \
	{                                                                                                              \
		(void)state;                                                                                           \
		every_site(op);                                                                                        \
	}

EACH(lookup_listed)
EACH(lookup_unlisted)
EACH(list_issues)
EACH(list_and_look)
EACH(list_comments)
EACH(list_tags)
EACH(list_hashes)
EACH(read_item)
EACH(read_title)
EACH(read_details)
EACH(read_activity)
EACH(read_assigned)
EACH(read_members)
EACH(read_status_of_mount)
EACH(read_readme)
EACH(read_latest)
EACH(read_event)
EACH(read_event_text)
EACH(read_frames)
EACH(read_summary)
EACH(write_status)
EACH(write_ignored)
EACH(write_team)
EACH(write_nonsense)
EACH(write_comment)
EACH(save_by_rename)
EACH(write_bulk)
EACH(list_search)
EACH(list_window)
EACH(look_for_search)
EACH(refuse_search)
EACH(make_search)
EACH(list_assignees)
EACH(list_organization)
EACH(read_index)
EACH(write_bulk_all)
EACH(remove_file)
EACH(delete_issue)

static int print_total(void **state)
{
	(void)state;
	print_message("%u allocations failed, one by one\n", memory.sites);
	return 0;
}

int main(void)
{
#define TEST(op) cmocka_unit_test(test_##op)
	const struct CMUnitTest tests[] = {TEST(lookup_listed),	 TEST(lookup_unlisted),
					   TEST(list_issues),	 TEST(list_and_look),
					   TEST(list_comments),	 TEST(list_tags),
					   TEST(list_hashes),	 TEST(read_item),
					   TEST(read_title),	 TEST(read_details),
					   TEST(read_activity),	 TEST(read_assigned),
					   TEST(read_members),	 TEST(read_status_of_mount),
					   TEST(read_readme),	 TEST(read_latest),
					   TEST(read_event),	 TEST(read_event_text),
					   TEST(read_frames),	 TEST(read_summary),
					   TEST(write_status),	 TEST(write_ignored),
					   TEST(write_team),	 TEST(write_nonsense),
					   TEST(write_comment),	 TEST(save_by_rename),
					   TEST(write_bulk),	 TEST(list_search),
					   TEST(list_window),	 TEST(look_for_search),
					   TEST(refuse_search),	 TEST(make_search),
					   TEST(list_assignees), TEST(list_organization),
					   TEST(read_index),	 TEST(write_bulk_all),
					   TEST(remove_file),	 TEST(delete_issue)};

	return cmocka_run_group_tests(tests, NULL, print_total);
}
