// SPDX-License-Identifier: MIT
/*
 * cJSON checks texts and finds fields, where it is laxer or stricter than what is shown
 * (slice.c) brought into line. Owns the arena that trees live in.
 */
#include "sentryfs/json.h"

#include <errno.h>
#include <stddef.h>

#include "sentryfs/slice.h"

/* ---- where trees live ---- */

/* A tree is looked at once and goes: so its nodes are cut from chunks, and all of
 * them go at once. There is one thread. */
#define CHUNK_FIRST ((size_t)64 << 10)

struct chunk {
	struct chunk *next;
	size_t used, cap;
	_Alignas(max_align_t) char data[];
};

static struct {
	struct chunk *chunks; /* the newest, and largest, first */
	size_t trees;
} arena;

static void *arena_alloc(size_t n)
{
	struct chunk *c = arena.chunks;
	void *p;

	n = (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!c || n > c->cap - c->used) {
		size_t cap = c ? c->cap * 2 : CHUNK_FIRST;

		while (cap < n)
			cap *= 2;
		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		*c = (struct chunk){.next = arena.chunks, .cap = cap};
		arena.chunks = c;
	}
	p = c->data + c->used;
	c->used += n;
	return p;
}

static void arena_keep(void *p)
{
	(void)p;
}

/* Keeps one chunk of the ordinary size for the next tree. */
static void arena_reset(void)
{
	struct chunk *c = arena.chunks;

	while (c && c->next) {
		arena.chunks = c->next;
		free(c);
		c = arena.chunks;
	}
	if (c)
		c->used = 0;
}

static void tree_gone(void)
{
	if (!--arena.trees)
		arena_reset();
}

void json_free(cJSON *j)
{
	if (j)
		tree_gone();
}

/* ---- cJSON ---- */

/* cJSON takes every control character for white space; the tokenizer (slice.c), as RFC 8259 has it,
 * does not. In strings they are as the server sent them. */
static bool has_odd_space(struct str s)
{
	bool any = false;

	for (size_t i = 0; i < s.n; i++)
		any |= (unsigned char)s.s[i] < ' ' && !slice_is_space(s.s[i]);
	while (any && s.n) {
		struct str t = slice_take_token(&s);

		for (size_t i = 0; i < t.n && *t.s != '"'; i++)
			if ((unsigned char)t.s[i] < ' ')
				return true;
	}
	return false;
}

static cJSON *parse_with_hooks(struct str s, const char **end)
{
	cJSON *j;

	/* only while parsing: what cJSON prints or builds elsewhere lives on the heap */
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = arena_alloc, .free_fn = arena_keep});
	j = cJSON_ParseWithLengthOpts(s.s, s.n, end, 0);
	cJSON_InitHooks(NULL);
	return j;
}

/* Puts \ufffd in the place of each half of a surrogate pair; false when there is none. */
static bool mend_surrogates(char *text, size_t n)
{
	static const char mended[4] = {'f', 'f', 'f', 'd'};
	bool any = false;

	for (size_t i = 0; i + 1 < n; i++) {
		struct str s = {text + i, n - i};
		unsigned c, low;

		if (text[i] != '\\')
			continue;
		i++;
		if (text[i] != 'u' || s.n < 6)
			continue;
		c = slice_hex4(str_after(s, 2));
		if (c < 0xd800 || c >= 0xe000)
			continue;
		low = str_starts(str_after(s, 6), "\\u") ? slice_hex4(str_after(s, 8)) : 0;
		if (c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			i += 10;
			continue;
		}
		memcpy(text + i + 1, mended, sizeof(mended));
		any = true;
	}
	return any;
}

/* cJSON refuses half of a surrogate pair, and one such title must not spoil a listing: the
 * tree has U+FFFD, as what is shown decoded; the bytes stay. */
static cJSON *parse_mended(struct str *s, const char **end)
{
	struct str rest = *s, value = slice_take_value(&rest);
	cleanup_free char *copy = memchr(value.s, '\\', value.n) ? str_dup(value) : NULL;
	cJSON *j;

	if (!copy || !mend_surrogates(copy, value.n))
		return NULL;
	j = parse_with_hooks((struct str){copy, value.n}, end);
	*end = j ? value.s + (*end - copy) : NULL;
	return j;
}

/* Parses one value at the start of *s and moves *s behind it. */
static int parse_one(struct str *s, cJSON **ret)
{
	const char *end = NULL;
	cJSON *j;

	slice_skip_space(s);
	/* cJSON 1.7.15 passes over a byte order mark, and so would take one within an array */
	if (!s->n || *s->s == '\xef')
		return -EBADMSG;
	arena.trees++;
	j = parse_with_hooks(*s, &end);
	if (!j)
		j = parse_mended(s, &end);
	if (!j || end < s->s || end > s->s + s->n || has_odd_space((struct str){s->s, (size_t)(end - s->s)})) {
		tree_gone();
		return -EBADMSG;
	}
	s->n -= (size_t)(end - s->s);
	s->s = end;
	*ret = j;
	return 0;
}

int json_parse(struct str text, cJSON **ret)
{
	cleanup_json cJSON *j = NULL;
	int r = parse_one(&text, &j);

	if (r)
		return r;
	slice_skip_space(&text);
	if (text.n)
		return -EBADMSG;
	*ret = steal(&j);
	return 0;
}

struct str json_string(const cJSON *obj, const char *key)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(obj, key);

	return str_of(cJSON_IsString(j) ? j->valuestring : "");
}

bool json_u64(const cJSON *obj, const char *key, uint64_t *ret)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(obj, key);

	if (cJSON_IsString(j))
		return !str_to_u64(str_of(j->valuestring), ret);
	/* below 2^53, which is also what 2^53 + 1 becomes: another's id must not come of it */
	if (!cJSON_IsNumber(j) || !(j->valuedouble >= 0 && j->valuedouble < 9007199254740992.0) ||
	    j->valuedouble != (double)(uint64_t)j->valuedouble)
		return false;
	*ret = (uint64_t)j->valuedouble;
	return true;
}

int json_each(struct str text, int (*each)(void *arg, const cJSON *tree, struct str bytes), void *arg)
{
	char next = '[';

	for (;;) {
		cleanup_json cJSON *tree = NULL;
		struct str bytes;
		int r;

		slice_skip_space(&text);
		if (!text.n || *text.s != next)
			return -EBADMSG;
		text.s++;
		text.n--;
		slice_skip_space(&text);
		if (next == '[' && text.n && *text.s == ']')
			break;
		bytes = text;
		r = parse_one(&text, &tree);
		if (r)
			return r;
		bytes.n = (size_t)(text.s - bytes.s);
		r = each(arg, tree, bytes);
		if (r)
			return r;
		slice_skip_space(&text);
		if (text.n && *text.s == ']')
			break;
		next = ',';
	}
	text.s++;
	text.n--;
	slice_skip_space(&text);
	return text.n ? -EBADMSG : 0;
}
