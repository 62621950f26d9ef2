// SPDX-License-Identifier: MIT
/*
 * Scratch files: where editors and `sed -i` put what they are about to rename onto a
 * control file. Owns their bytes; nothing of them reaches the server from here.
 */
#include "sentryfs/scratch.h"

#include <errno.h>

#include "sentryfs/kinds.h"

void scratches_init(struct scratches *all)
{
	*all = (struct scratches){0};
	list_init(&all->all);
}

void scratches_done(struct scratches *all)
{
	while (!list_empty(&all->all))
		scratch_unlink(list_first(&all->all, struct scratch, link));
}

/* What editors put behind the name of the file: a ~ or #, `git apply` a ~ and a number,
 * or an ending of theirs. */
static bool is_suffix(const char *s)
{
	static const char digits[] = "0123456789";
	static const char *const endings[] = {"swp", "swo",  "swn", "swx", "swpx", "tmp", "temp",
					      "bak", "orig", "old", "new", "save", "part"};

	if (!strcmp(s, "") || !strcmp(s, "#"))
		return true;
	if (*s == '~')
		return s[1 + strspn(s + 1, digits)] == '\0';
	if (*s++ != '.')
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (!strcmp(s, endings[i]))
			return true;
	return *s && s[strspn(s, digits)] == '\0';
}

/* `name` is `of` between such things, and is not `of` itself. */
static bool is_beside(const char *name, const char *of)
{
	const char *at = name + strspn(name, ".#~");

	return strcmp(name, of) && !strncmp(at, of, strlen(of)) && is_suffix(at + strlen(of));
}

bool scratch_may_be(const struct node *dir, const char *name, bool any)
{
	const struct kind *k;

	if (!dir->kind->scratch)
		return false;
	/* vim makes 4913 to see whether it may rename the file away; it may not */
	if (any)
		return name[strspn(name, "0123456789")] != '\0';
	for (size_t pos = 0; (k = kind_static(NULL, dir, false, &pos));)
		if (k->control && is_beside(name, k->name))
			return true;
	/* what lies beside NNN-author.md */
	if (dir->kind->id == KIND_COMMENTS) {
		const char *end = strstr(name, ".md");

		return end && (strspn(name, ".#~") || end[3]) && is_suffix(end + 3);
	}
	return false;
}

int scratch_new(struct scratches *all, struct node *dir, const char *name, mode_t mode, struct scratch **ret)
{
	struct scratch *s;

	if (all->n >= SCRATCHES_MAX)
		return -ENOSPC;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->name = strdup(name);
	if (!s->name) {
		free(s);
		return -ENOMEM;
	}
	s->refs = 1;
	s->in = all;
	s->mode = mode & 0777;
	s->dir = node_ref(dir);
	buf_init(&s->data, SCRATCH_BYTES_MAX);
	list_init(&s->link);
	list_add(&all->all, &s->link);
	all->n++;
	*ret = s;
	return 0;
}

struct scratch *scratch_at(const struct scratches *all, const struct node *dir, size_t i)
{
	for (struct list *l = all->all.next; l != &all->all; l = l->next) {
		struct scratch *s = container_of(l, struct scratch, link);

		if (s->dir == dir && !i--)
			return s;
	}
	return NULL;
}

struct scratch *scratch_find(const struct scratches *all, const struct node *dir, const char *name)
{
	struct scratch *s;

	for (size_t i = 0; (s = scratch_at(all, dir, i)); i++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

struct scratch *scratch_ref(struct scratch *s)
{
	s->refs++;
	return s;
}

void scratch_unref(struct scratch *s)
{
	if (!s || --s->refs)
		return;
	buf_done(&s->data);
	free(s->name);
	free(s);
}

void scratch_unlink(struct scratch *s)
{
	struct node *dir = steal(&s->dir);

	if (!dir)
		return;
	list_remove(&s->link);
	s->in->n--;
	scratch_unref(s);
	node_unref(dir, 1);
}

int scratch_rename(struct scratch *s, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	free(s->name);
	s->name = copy;
	return 0;
}

/* A lack of memory is of this moment: the next write may have some. */
static int take_error(struct scratch *s)
{
	int r = s->data.error;

	s->data.error = 0;
	return r;
}

int scratch_truncate(struct scratch *s, size_t size)
{
	if (size > SCRATCH_BYTES_MAX)
		return -EFBIG;
	if (size < s->data.len)
		s->data.len = size;
	while (s->data.len < size && !s->data.error)
		buf_addc(&s->data, '\0');
	return take_error(s);
}

int scratch_write(struct scratch *s, struct str bytes, size_t offset)
{
	size_t inside;
	int r = offset > SCRATCH_BYTES_MAX || bytes.n > SCRATCH_BYTES_MAX - offset ? -EFBIG : 0;

	if (!r && offset > s->data.len)
		r = scratch_truncate(s, offset);
	if (r)
		return r;
	inside = s->data.len - offset < bytes.n ? s->data.len - offset : bytes.n;
	if (inside)
		memcpy(s->data.data + offset, bytes.s, inside);
	buf_add(&s->data, bytes.s + inside, bytes.n - inside);
	return take_error(s);
}

struct node *scratch_node(struct tree *t, struct scratch *s)
{
	const struct kind *k = kind_of(KIND_SCRATCH);
	struct node *n = node_get(t, s->dir, k, s->name, NULL);

	/* of an earlier file of that name, which somebody may still have open */
	if (n && n->scratch && n->scratch != s) {
		node_unname(n);
		node_unref(n, 1);
		n = node_get(t, s->dir, k, s->name, NULL);
	}
	if (n && !n->scratch)
		n->scratch = scratch_ref(s);
	return n;
}
