// SPDX-License-Identifier: MIT
/*
 * Items: what each kind of the server's objects is called, and the one place
 * where each lives.
 *
 * A class is the only code that knows an object's members by name; it accepts
 * ids as numbers and as strings, since servers differ. The store owns nothing:
 * an item lives while a listing or a node shares it.
 */
#include "sentryfs/item.h"

#include <errno.h>
#include <stdio.h>

#include "sentryfs/json.h"
#include "sentryfs/name.h"

#define SCRATCH ((size_t)2048)
#define ENCODED_MAX ((size_t)NAME_BYTES_MAX - 16) /* room for a number before it and a suffix after it */

/* A member that is a string or a whole number, as text. */
static struct str text_member(const cJSON *entry, const char *key, struct buf *scratch)
{
	struct str s = json_string(entry, key);
	size_t begin = scratch->len;
	uint64_t n;

	if (s.n || !json_u64(entry, key, &n))
		return s;
	buf_printf(scratch, "%llu", (unsigned long long)n);
	return (struct str){scratch->data + begin, scratch->len - begin};
}

static struct str encoded(struct str text, struct buf *scratch)
{
	size_t begin = scratch->len, n;
	const char *s;

	name_encode(scratch, text);
	s = scratch->data + begin;
	n = scratch->len - begin;
	if (n > ENCODED_MAX) { /* cut at a character, and not within %XX */
		n = ENCODED_MAX;
		while (((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
		for (size_t back = 1; back <= 2; back++)
			if (s[n - back] == '%')
				n -= back;
	}
	return (struct str){s, n};
}

static void time_member(const cJSON *entry, const char *key, struct timespec *ret)
{
	str_to_time(json_string(entry, key), ret);
}

static int parse_organization(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	(void)scratch;
	f->name = f->id = json_string(entry, "slug");
	time_member(entry, "dateCreated", &f->mtime);
	return name_is_slug(f->name) ? 0 : -EBADMSG;
}

static int parse_project(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	f->name = json_string(entry, "slug");
	f->id = text_member(entry, "id", scratch);
	time_member(entry, "dateCreated", &f->mtime);
	return name_is_slug(f->name) && name_is_number(f->id) ? 0 : -EBADMSG;
}

static int parse_issue(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	f->name = json_string(entry, "shortId");
	f->id = text_member(entry, "id", scratch);
	f->home = json_string(cJSON_GetObjectItemCaseSensitive(entry, "project"), "slug");
	time_member(entry, "firstSeen", &f->ctime);
	time_member(entry, "lastSeen", &f->mtime);
	json_u64(entry, "count", &f->size);
	if (!json_u64(entry, "numComments", &f->comments))
		f->comments = UINT64_MAX; /* not said: there may be some */
	return name_is_short_id(f->name) && name_is_number(f->id) && name_is_slug(f->home) ? 0 : -EBADMSG;
}

static int parse_event(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	f->name = json_string(entry, "eventID");
	if (!f->name.n)
		f->name = text_member(entry, "id", scratch);
	f->id = f->name;
	time_member(entry, "dateCreated", &f->mtime);
	return name_is_event_id(f->name) ? 0 : -EBADMSG;
}

static int parse_hash(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	f->id = text_member(entry, "id", scratch);
	f->name = encoded(f->id, scratch);
	return f->id.n ? 0 : -EBADMSG;
}

static int parse_comment(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	const cJSON *user = cJSON_GetObjectItemCaseSensitive(entry, "user");
	struct str who = json_string(user, "username");

	if (!who.n)
		who = json_string(user, "name");
	f->name = encoded(who.n ? str_cut(&who, '@') : STR("unknown"), scratch);
	f->id = text_member(entry, "id", scratch);
	time_member(entry, "dateCreated", &f->mtime);
	return f->id.n ? 0 : -EBADMSG;
}

static int parse_tag(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	f->id = json_string(entry, "key");
	f->name = encoded(f->id, scratch);
	return f->id.n ? 0 : -EBADMSG;
}

/* Events may have attachments of one name, so the id goes before it. */
static int parse_attachment(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	cleanup_buf struct buf name = {0};

	f->id = text_member(entry, "id", scratch);
	buf_init(&name, SCRATCH);
	buf_add_str(&name, f->id);
	buf_addc(&name, '-');
	buf_add_str(&name, json_string(entry, "name"));
	f->name = encoded(buf_str(&name), scratch);
	json_u64(entry, "size", &f->size);
	time_member(entry, "dateCreated", &f->mtime);
	return name_is_number(f->id) && name_is_event_id(json_string(entry, "event_id")) && !name.error ? 0 : -EBADMSG;
}

/* A row of a table: whatever tells it apart. */
static int parse_any(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	f->id = text_member(entry, "id", scratch);
	if (!f->id.n)
		f->id = json_string(entry, "version");
	if (!f->id.n)
		f->id = json_string(entry, "name");
	f->name = encoded(f->id, scratch);
	return f->id.n ? 0 : -EBADMSG;
}

const struct item_class item_organization = {.name = "organization", .parse = parse_organization};
const struct item_class item_project = {.name = "project", .parse = parse_project};
const struct item_class item_issue = {.name = "issue", .parse = parse_issue};
const struct item_class item_event = {.name = "event", .parse = parse_event};
const struct item_class item_hash = {.name = "hash", .parse = parse_hash};
const struct item_class item_comment = {.name = "comment", .parse = parse_comment, .numbered = true};
const struct item_class item_tag = {.name = "tag", .parse = parse_tag};
/* Its name, and in `search` what it asks for (search.h). */
static int parse_search(const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	(void)scratch;
	f->name = f->id = json_string(entry, "name");
	return f->name.n && f->name.n <= NAME_BYTES_MAX ? 0 : -EBADMSG;
}

const struct item_class item_attachment = {.name = "attachment", .parse = parse_attachment};
const struct item_class item_any = {.name = "entry", .parse = parse_any};
const struct item_class item_search = {.name = "search", .parse = parse_search, .local = true};
const struct item_class item_assignee = {.name = "assignee", .parse = parse_search, .local = true};

/* An issue is found by its short id, anything else by its id. */
static struct str key_of(const struct item_class *class, const struct item_fields *f)
{
	return class == &item_issue ? f->name : f->id;
}

static char *make_key(const char *scope, struct str id)
{
	char *key;

	return asprintf(&key, "%s/%.*s", scope, (int)id.n, id.s) < 0 ? NULL : key;
}

void item_store_done(struct item_store *s)
{
	for (size_t n = 0; n < s->kept_n; n++)
		item_unref(s->kept[n]);
	free(s->kept);
	map_done(&s->by_key);
}

/* Forgets what is there still and was written before that. */
static void drop_kept(struct item_store *s, int64_t before)
{
	size_t n = 0;

	for (size_t k = 0; k < s->kept_n; k++) {
		struct item *i = s->kept[k];

		if (i->gone || i->written >= before) {
			s->kept[n++] = i;
		} else {
			i->kept = false;
			item_unref(i);
		}
	}
	s->kept_n = n;
}

static int keep(struct item *i, int64_t now)
{
	struct item_store *s = i->store;

	if (i->kept)
		return 0;
	if (s->kept_n == s->kept_cap)
		drop_kept(s, now - ITEM_KEEP_MS);
	if (s->kept_n == s->kept_cap) {
		size_t cap = s->kept_cap ? s->kept_cap * 2 : 16;
		struct item **more = reallocarray(s->kept, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->kept = more;
		s->kept_cap = cap;
	}
	s->kept[s->kept_n++] = item_ref(i);
	i->kept = true;
	return 0;
}

void item_store_release(struct item_store *s)
{
	size_t pos = 0;
	struct item *i;

	while ((i = map_next(&s->by_key, &pos))) {
		i->written = -1;
		i->fetched = ITEM_DROPPED;
	}
	drop_kept(s, 0);
}

struct item *item_find(const struct item_store *s, const char *scope, struct str id)
{
	cleanup_free char *key = make_key(scope, id);

	return key ? map_get(&s->by_key, str_of(key)) : NULL;
}

struct item *item_ref(struct item *i)
{
	i->refs++;
	return i;
}

bool item_is_other(const struct item *i, struct str document)
{
	struct str id;

	return !json_member(document, "id", &id) && !json_covers(id, str_of(i->id));
}

void item_unref(struct item *i)
{
	if (!i || --i->refs)
		return;
	if (i->key && map_get(&i->store->by_key, str_of(i->key)) == i)
		map_remove(&i->store->by_key, str_of(i->key));
	blob_unref(i->json);
	free(i->key);
	free(i->name);
	free(i->id);
	free(i->home);
	free(i->last_error);
	free(i);
}

static struct item *item_new(struct item_store *s, const struct item_class *class, const char *scope,
			     const struct item_fields *f)
{
	struct item *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->refs = 1;
	i->written = -1;
	i->store = s;
	i->class = class;
	i->key = make_key(scope, key_of(class, f));
	i->name = str_dup(f->name);
	i->id = str_dup(f->id);
	i->home = f->home.n ? str_dup(f->home) : NULL;
	if (i->key && i->name && i->id && (i->home || !f->home.n) && !map_put(&s->by_key, str_of(i->key), i))
		return i;
	item_unref(i);
	return NULL;
}

/* Are these bytes to replace what the item has? */
static bool is_news(const struct item *i, int64_t asked, bool listed)
{
	if (!i->json)
		return true;
	if (item_is_doubted(i) && asked > i->doubted)
		return true;
	if (item_is_held(i, asked))
		return false;
	return asked >= i->fetched && (listed || !i->listed);
}

static int set_json(struct item *i, const struct item_fields *f, struct str bytes, int64_t fetched,
		    const struct timespec *wall)
{
	bool same = i->json && str_eq(blob_str(i->json), bytes);
	struct blob *json = same ? blob_ref(i->json) : blob_new(bytes.s, bytes.n);

	if (!json)
		return -ENOMEM;
	if (!same) {
		i->stamp = i->store->news = ++i->store->stamp;
		if (i->json)
			i->changed = *wall;
	}
	blob_unref(i->json);
	i->json = json;
	i->fetched = fetched;
	i->mtime = f->mtime;
	i->ctime = f->ctime;
	i->size = f->size;
	i->comments = f->comments;
	return 0;
}

/* `scratch` is the caller's, since fields may be slices of it. */
static int parse(const struct item_class *class, const cJSON *entry, struct item_fields *f, struct buf *scratch)
{
	int r;

	/* Room made at once, so that slices of it stay where they are. */
	buf_init(scratch, SCRATCH);
	if (!buf_reserve(scratch, SCRATCH))
		return scratch->error;
	*f = (struct item_fields){0};
	r = cJSON_IsObject(entry) ? class->parse(entry, f, scratch) : -EBADMSG;
	return r ? r : scratch->error ? -EBADMSG : 0;
}

/* A short id that passed to another issue, what was renamed (a project), and what went with it are other items: whoever
 * holds the one of before keeps its name. */
static bool is_other(const struct item *i, const struct item_fields *f, int64_t asked)
{
	if (!str_eqz(f->id, i->id))
		return true;
	if (i->gone || asked < i->fetched)
		return false;
	return (!i->class->numbered && !str_eqz(f->name, i->name)) || (i->home && !str_eqz(f->home, i->home));
}

int item_put(struct item_store *s, const struct item_class *class, const char *scope, const cJSON *entry,
	     struct str bytes, int64_t asked, const struct timespec *wall, bool listed, struct item **ret)
{
	cleanup_buf struct buf scratch = {0};
	struct item_fields f = {0};
	struct item *i;
	int r = parse(class, entry, &f, &scratch);

	if (r)
		return r;
	i = item_find(s, scope, key_of(class, &f));
	if (i && is_other(i, &f, asked))
		i = NULL;
	if (i && i->gone)
		return -ENOENT;
	i = i ? item_ref(i) : item_new(s, class, scope, &f);
	if (!i)
		return -ENOMEM;
	if (is_news(i, asked, listed))
		r = set_json(i, &f, bytes, asked, wall);
	if (r)
		item_unref(i);
	else
		*ret = i;
	return r;
}

int64_t item_ms(const struct item_class *class, const cJSON *entry)
{
	cleanup_buf struct buf scratch = {0};
	struct item_fields f = {0};

	parse(class, entry, &f, &scratch);
	return (int64_t)f.mtime.tv_sec * 1000 + f.mtime.tv_nsec / 1000000;
}

bool item_is_in(const struct item *issue, const struct item *project)
{
	struct str of, id;

	if (!strcmp(issue->home, project->name))
		return true;
	/* it was renamed */
	return !json_member(blob_str(issue->json), "project", &of) && !json_member(of, "id", &id) &&
	       json_covers(id, str_of(project->id));
}

int item_apply(struct item *i, struct str delta, int64_t now, const struct timespec *wall)
{
	cleanup_buf struct buf merged = {0}, scratch = {0};
	cleanup_json cJSON *tree = NULL;
	struct item_fields f = {0};
	struct str id;
	int r;

	buf_init(&merged, BUF_MAX_DEFAULT);
	r = json_merge(&merged, blob_str(i->json), delta);
	if (!r)
		r = json_parse(buf_str(&merged), &tree);
	if (!r)
		r = parse(i->class, tree, &f, &scratch);
	if (!r && !str_eqz(f.id, i->id))
		r = -EBADMSG;
	if (!r)
		r = set_json(i, &f, buf_str(&merged), json_member(delta, "id", &id) ? i->fetched : now, wall);
	if (r)
		return r;
	i->written = now;
	keep(i, now); /* without memory it is known for as long as others know of it */
	return 0;
}

int item_set_gone(struct item *i, enum item_gone how, int64_t now)
{
	int r = keep(i, now);

	if (r)
		return r;
	i->written = now;
	i->gone = how;
	i->store->news = ++i->store->stamp;
	return 0;
}
