// SPDX-License-Identifier: MIT
/*
 * The kernel's operations in any order against a server that answers when and how it likes,
 * through the op layer with a scripted transport. Beside it a small model: what the server
 * had. Every operation is answered once and in its time, what a write says was done was
 * done, an issue is deleted by rmdir alone and once, and what is read is whole.
 *
 * The input is a list of steps, a few bytes each.
 */
#include "fuzz.h"

#include "../unit/fixture.h"

#define OPS 96
#define HANDLES 32
#define NODES 48
#define STEPS 160

static const char *const statuses[] = {"unresolved", "resolved", "ignored"};
#define STATUSES 3

enum want { WANT_NOTHING, WANT_STATUS, WANT_GONE };

struct doing {
	struct script_reply reply; /* where its op answers to */
	bool used;
	enum want want;
	unsigned status;
};

struct world {
	struct fixture f;
	const uint8_t *in;
	size_t left;
	struct doing ops[OPS];
	struct handle *handles[HANDLES];
	size_t handles_n;
	struct node *nodes[NODES];
	size_t nodes_n;
	/* the model of the server */
	unsigned status;
	bool had[STATUSES], gone, odd; /* odd: it gave an answer that no Sentry gives */
	size_t rmdirs;
};

static unsigned take(struct world *w)
{
	if (!w->left)
		return 0;
	w->left--;
	return *w->in++;
}

static struct node *any_node(struct world *w)
{
	return w->nodes[take(w) % w->nodes_n];
}

/* ---- the server ---- */

static void issue_json(const struct world *w, char *text, size_t size)
{
	snprintf(text, size,
		 "{\"id\":\"5\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"web\"},\"title\":\"T\",\"count\":\"3\","
		 "\"numComments\":1,\"firstSeen\":\"2026-01-01T00:00:00Z\",\"lastSeen\":\"2026-01-02T00:00:00Z\","
		 "\"status\":\"%s\",\"substatus\":null,\"statusDetails\":{},\"assignedTo\":null,\"hasSeen\":false}",
		 statuses[w->status]);
}

static void carry_out(struct world *w, const struct script_transfer *x)
{
	if (!strcmp(x->method, "DELETE") && !strstr(x->url, "/comments/"))
		w->gone = true;
	if (strcmp(x->method, "PUT") || w->gone)
		return;
	for (unsigned i = 0; i < STATUSES; i++) {
		char part[40];

		snprintf(part, sizeof(part), "\"status\":\"%s\"", statuses[i]);
		if (strstr(x->body, part)) {
			w->status = i;
			w->had[i] = true;
		}
	}
}

static bool is_about_issue(const struct script_transfer *x)
{
	return strstr(x->url, "/issues/5/") || strstr(x->url, "/issues/WEB-1/");
}

static void answer_well(struct world *w, size_t i)
{
	static const char event[] = "{\"eventID\":\"0123456789abcdef0123456789abcdef\",\"id\":\"7\",\"groupID\":\"5\","
				    "\"dateCreated\":\"2026-01-02T00:00:00Z\"}";
	const struct script_transfer *x = &w->f.script.transfers[i];
	const char *path = strstr(x->url, "/api/0/") + strlen("/api/0/");
	char issue[640], list[700];
	long status = 200;

	carry_out(w, x);
	issue_json(w, issue, sizeof(issue));
	snprintf(list, sizeof(list), "[%s]", w->gone ? "" : issue);
	if (!strcmp(x->method, "DELETE")) {
		status = 202;
		*list = '\0';
	} else if (!*path) {
		snprintf(list, sizeof(list), "{\"user\":{\"id\":\"1\"},\"auth\":{\"scopes\":[\"event:admin\"]}}");
	} else if (is_about_issue(x) && w->gone) {
		status = 404;
		snprintf(list, sizeof(list), "{\"detail\":\"gone\"}");
	} else if (strstr(path, "/comments/")) {
		snprintf(list, sizeof(list), "%s",
			 *x->method == 'G'
				 ? "[{\"id\":\"9\",\"user\":{\"username\":\"../x\"},\"data\":{\"text\":\"c\"}}]"
				 : "{\"id\":\"10\",\"user\":null,\"data\":{\"text\":\"d\"}}");
	} else if (strstr(path, "/tags/")) {
		snprintf(list, sizeof(list),
			 "[{\"key\":\"a/b\",\"totalValues\":1,\"topValues\":[{\"value\":\"v\",\"count\":1}]}]");
	} else if (strstr(path, "/hashes/")) {
		snprintf(list, sizeof(list), "[{\"id\":\"h\"}]");
	} else if (strstr(path, "/events/?")) {
		snprintf(list, sizeof(list), "[%s]", event);
	} else if (strstr(path, "/events/")) {
		snprintf(list, sizeof(list), "%s", event);
	} else if (strstr(path, "/projects/?")) {
		snprintf(list, sizeof(list), "[{\"slug\":\"web\",\"id\":\"7\"}]");
	} else if (is_about_issue(x) || !strcmp(x->method, "PUT")) {
		snprintf(list, sizeof(list), "%s", issue);
	} else if (!strstr(path, "/issues/?")) {
		snprintf(list, sizeof(list), "[]");
	}
	script_answer(&w->f.script, i, status, NULL, list);
}

static void answer_badly(struct world *w, size_t i, unsigned how)
{
	static const char *const bodies[] = {"",
					     "not json",
					     "null",
					     "[null,7,[],{}]",
					     "{\"id\":[],\"shortId\":{},\"status\":7}",
					     "[{\"id\":\"5\",\"shortId\":\"../x\",\"project\":{\"slug\":\"..\"}}]",
					     "{\"detail\":\"\\u0000\\u001b[31m\\u202e\"}",
					     "[{\"id\":\"6\",\"shortId\":\"WEB-1\",\"project\":{\"slug\":\"api\"}}]"};
	const struct script_transfer *x = &w->f.script.transfers[i];

	/* it may have been done, but for what surely was not */
	if (how & 0x80 && how % 8 != 2 && how % 8 != 4)
		carry_out(w, x);
	switch (how % 8) {
	case 0:
		script_break(&w->f.script, i, -ECONNRESET);
		break;
	case 1:
		script_break(&w->f.script, i, -ETIMEDOUT);
		break;
	case 2:
		script_answer(&w->f.script, i, 429, "Retry-After: 1\r\n", "{}");
		break;
	case 3:
		script_answer(&w->f.script, i, how & 0x40 ? 500 : 503, NULL, "<html>");
		break;
	case 4:
		script_answer(&w->f.script, i, how & 0x40 ? 403 : 401, NULL, "{\"detail\":\"no\"}");
		break;
	case 5:
		/* whoever is told so of an issue believes it */
		w->gone |= is_about_issue(x);
		script_answer(&w->f.script, i, 404, NULL, "");
		break;
	case 6:
		w->odd = true;
		script_page(&w->f.script, i, "0:1:0", bodies[how / 8 % 8]);
		break;
	default:
		w->odd = true;
		script_answer(&w->f.script, i, 200, NULL, bodies[how / 8 % 8]);
	}
}

/* The number of one that waits for an answer, from `skip` on; the count when there is none. */
static size_t pending(const struct world *w, size_t skip)
{
	const struct script *s = &w->f.script;

	for (size_t n = 0; n < s->n; n++) {
		size_t i = (n + skip) % s->n;

		if (!s->transfers[i].ended && !s->transfers[i].cancelled)
			return i;
	}
	return s->n;
}

/* ---- what came ---- */

static void look_at_text(const struct world *w, const struct handle *h)
{
	struct str text = verb_read(h);

	if (w->odd || h->node->scratch || (h->node->parent != w->f.issue && h->node->parent->kind->id != KIND_ISSUE))
		return;
	if (!strcmp(h->node->name, "status")) {
		bool known = false;

		for (unsigned i = 0; i < STATUSES; i++)
			known |= w->had[i] && text.n == strlen(statuses[i]) + 1 && str_starts(text, statuses[i]);
		MUST(known);
	}
	if (!strcmp(h->node->name, "title"))
		MUST(str_eqz(text, "T\n"));
	if (!strcmp(h->node->name, "issue.json"))
		MUST(fuzz_is_json(text));
}

static void keep_handle(struct world *w, struct handle *h)
{
	if (w->handles_n == HANDLES)
		handle_free(w->handles[--w->handles_n]);
	w->handles[w->handles_n++] = h;
}

static void keep_node(struct world *w, struct node *n)
{
	if (w->nodes_n < NODES)
		w->nodes[w->nodes_n++] = n;
	else
		node_unref(n, 1);
}

static void list_entries(struct world *w, const struct handle *h)
{
	struct dir_entry e;

	for (size_t at = 0; verb_dir_entry(&w->f.mount, h, &at, &e);) {
		struct str name = str_of(e.name);

		MUST(name.n && name.n <= NAME_BYTES_MAX && !memchr(name.s, '/', name.n) && fuzz_is_plain(name, false));
		MUST(at <= 2 || (strcmp(e.name, ".") && strcmp(e.name, "..")));
	}
}

/* Takes what the ops have answered since; that each answers once script_reply_of sees. */
static void collect(struct world *w)
{
	for (size_t i = 0; i < OPS; i++) {
		struct doing *d = &w->ops[i];
		struct script_reply *r = &d->reply;

		if (!d->used || r->form == REPLY_NONE)
			continue;
		d->used = false;
		if (r->entry.node)
			keep_node(w, r->entry.node);
		if (r->form == REPLY_OPENED) {
			if (S_ISDIR(r->handle->node->kind->mode))
				list_entries(w, r->handle);
			else
				look_at_text(w, r->handle);
			keep_handle(w, r->handle);
		}
		MUST(r->form != REPLY_ERROR || (r->error <= 0 && r->error > -200 && r->error != -EINPROGRESS));
		if (!w->odd && d->want == WANT_STATUS && r->form == REPLY_WRITTEN)
			MUST(w->had[d->status]);
		if (!w->odd && d->want == WANT_GONE && r->form == REPLY_ERROR && !r->error)
			MUST(w->gone);
	}
}

/* ---- steps ---- */

static struct doing *slot(struct world *w)
{
	for (size_t i = 0; i < OPS; i++)
		if (!w->ops[i].used)
			return &w->ops[i];
	return NULL;
}

static struct op *new_op(struct world *w, int (*verb)(struct op *), struct node *n, const char *name)
{
	struct doing *d = slot(w);

	if (!d)
		return NULL;
	*d = (struct doing){.used = true};
	return script_op(&w->f.mount, &d->reply, verb, n, name);
}

static void start(struct op *op)
{
	if (op)
		op_start(op);
}

static struct doing *doing_of(struct op *op)
{
	return container_of((struct script_reply *)op->request, struct doing, reply);
}

static const char *any_name(struct world *w)
{
	static const char *const names[] = {"WEB-1",
					    "status",
					    "title",
					    "events",
					    "comments",
					    "tags",
					    "hashes",
					    "issue.json",
					    "WEB-2",
					    "web-1",
					    "5",
					    "details.json",
					    "latest.json",
					    "hasSeen",
					    "new",
					    "status~",
					    "h.json",
					    "a%2Fb",
					    "001-..-x.md",
					    "last-error",
					    "projects",
					    "members.tsv",
					    "activity.jsonl",
					    "issues",
					    "web",
					    "merge",
					    "statusDetails",
					    ".status.swp",
					    "0123456789abcdef0123456789abcdef.json"};

	return names[take(w) % (sizeof(names) / sizeof(*names))];
}

static void step_write(struct world *w)
{
	unsigned choice = take(w);
	struct node *n = entry(&w->f, w->f.issue,
			       choice & 0x40   ? "statusDetails"
			       : choice & 0x20 ? "hasSeen"
					       : "status");
	bool is_status = !(choice & 0x60);
	const char *value = is_status ? statuses[choice % STATUSES] : choice & 0x40 ? "{\"inRelease\":\"1\"}" : "true";
	struct op *op;

	if (choice & 0x40) { /* a text: it is sent by a flush */
		struct script_reply r;
		struct handle *h;

		op = script_op(&w->f.mount, &r, verb_open_write, n, NULL);
		op->flags = O_WRONLY;
		op_start(op); /* never waits */
		if (r.form == REPLY_OPENED) {
			h = r.handle;
			keep_handle(w, h);
			op = new_op(w, verb_write, n, NULL);
			if (op) {
				op->handle = h;
				op->data = blob_new(value, strlen(value));
			}
			start(op);
		}
	} else if ((op = new_op(w, verb_write, n, NULL))) {
		op->data = blob_new(value, strlen(value));
		if (is_status) {
			doing_of(op)->want = WANT_STATUS;
			doing_of(op)->status = choice % STATUSES;
		}
		start(op);
	}
	node_unref(n, 1);
}

static void step_rename(struct world *w)
{
	struct op *op = new_op(w, verb_rename, w->f.issue, any_name(w));

	if (!op)
		return;
	op->to = node_ref(w->f.issue);
	snprintf(op->to_name, sizeof(op->to_name), "%s", any_name(w));
	start(op);
}

static void step_flush(struct world *w)
{
	struct handle *h = w->handles_n ? w->handles[take(w) % w->handles_n] : NULL;
	struct op *op = h && !S_ISDIR(h->node->kind->mode) ? new_op(w, verb_flush, h->node, NULL) : NULL;

	if (op)
		op->handle = h;
	start(op);
}

/* No op borrows it: what is not answered yet may. */
static void step_release(struct world *w)
{
	for (size_t i = 0; i < OPS; i++)
		if (w->ops[i].used)
			return;
	if (w->handles_n)
		handle_free(w->handles[--w->handles_n]);
}

static void step_create(struct world *w)
{
	struct op *op = new_op(w, verb_create, w->f.issue, any_name(w));

	if (!op)
		return;
	op->flags = O_CREAT | O_WRONLY | (take(w) & 1 ? O_EXCL : 0);
	op->mode = 0600;
	start(op);
}

static void step_answer(struct world *w)
{
	unsigned how = take(w);
	size_t i = w->f.script.n ? pending(w, take(w) % w->f.script.n) : 0;

	if (i == w->f.script.n)
		return;
	if (how < 0xc0)
		answer_well(w, i);
	else
		answer_badly(w, i, take(w));
}

static void tick(struct world *w, int64_t ms)
{
	w->f.script.clock.now += ms;
	api_tick(&w->f.mount.api);
	op_tick(&w->f.mount);
	api_tick(&w->f.mount.api);
	collect(w);
}

static void step(struct world *w)
{
	struct op *op;

	switch (take(w) % 16) {
	case 0:
	case 1:
		start(new_op(w, verb_lookup, any_node(w), any_name(w)));
		break;
	case 2:
	case 3: {
		struct node *n = any_node(w);

		if (S_ISDIR(n->kind->mode))
			start(new_op(w, verb_opendir, n, NULL));
		else if (S_ISREG(n->kind->mode))
			start(new_op(w, n->scratch ? verb_open_write : verb_open, n, NULL));
		else if (S_ISLNK(n->kind->mode))
			start(new_op(w, verb_readlink, n, NULL));
		break;
	}
	case 4:
	case 5:
		step_write(w);
		break;
	case 6:
		op = new_op(w, verb_rmdir, w->f.issues, "WEB-1");
		if (op) {
			doing_of(op)->want = WANT_GONE;
			w->rmdirs++;
		}
		start(op);
		break;
	case 7:
		start(new_op(w, verb_unlink, w->f.issue, any_name(w)));
		break;
	case 8:
		step_create(w);
		break;
	case 9:
		step_rename(w);
		break;
	case 10:
		step_flush(w);
		break;
	case 11:
		step_release(w);
		break;
	case 12:
		start(new_op(w, verb_getattr, any_node(w), NULL));
		break;
	case 13:
		if (take(w) % 8 == 0)
			mount_refresh(&w->f.mount);
		break;
	default:
		step_answer(w);
	}
	tick(w, take(w) % 4 ? 0 : (int64_t)take(w) * 50);
}

/* The network goes away, and time passes: all come to their end. */
static void drain(struct world *w)
{
	bool any = true;

	for (unsigned turn = 0; any; turn++) {
		size_t i;

		MUST(turn < 400);
		while ((i = pending(w, 0)) < w->f.script.n)
			script_break(&w->f.script, i, -ETIMEDOUT);
		tick(w, 1000);
		any = false;
		for (i = 0; i < OPS; i++)
			any |= w->ops[i].used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w; /* large: it is made anew each time */
	size_t deletes = 0;

	memset(&w, 0, sizeof(w));
	w.in = data;
	w.left = size;
	w.had[0] = true;
	begin_with(&w.f, "[" ISSUE_WITH("5", "WEB-1", UNRESOLVED) "]");
	/* what a token may do is asked for, too */
	w.f.mount.access.known = false;
	for (struct node *const *n =
		     (struct node *const[]){w.f.mount.root, w.f.issues, w.f.issue, w.f.events, w.f.details, NULL};
	     *n; n++)
		w.nodes[w.nodes_n++] = *n;
	for (unsigned n = 0; w.left && n < STEPS; n++)
		step(&w);
	drain(&w);
	for (size_t i = 0; i < w.f.script.n; i++)
		deletes += !strcmp(w.f.script.transfers[i].method, "DELETE") &&
			   !strstr(w.f.script.transfers[i].url, "/comments/");
	MUST(deletes <= w.rmdirs * 2); /* a 429 or a 401 was not done, and goes again */
	end(&w.f);
	return 0;
}
