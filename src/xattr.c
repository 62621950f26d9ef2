// SPDX-License-Identifier: MIT
/*
 * Extended attributes out of the table of kinds: a row that shows one value of an issue is
 * an attribute too. Owns nothing; must not ask the server.
 */
#include "sentryfs/xattr.h"

#include <errno.h>

#include "sentryfs/kinds.h"

#define SPACE "user."
#define PREFIX SPACE "sentry."

static bool is_value(const struct kind *k)
{
	return k->parent == KIND_ISSUE && k->from == FROM_ITEM && k->name && S_ISREG(k->mode) && !strchr(k->name, '.');
}

int xattr_get(const struct mount *m, const struct node *n, const char *name, struct buf *b)
{
	const struct kind *k;
	struct source s;
	int r;

	if (!str_starts(str_of(name), SPACE))
		return -EOPNOTSUPP;
	if (n->kind->id != KIND_ISSUE || !str_starts(str_of(name), PREFIX))
		return -ENODATA;
	k = kind_named(KIND_ISSUE, name + strlen(PREFIX));
	if (!k || !is_value(k))
		return -ENODATA;
	s = (struct source){.mount = m, .node = n, .kind = k, .item = n->item, .json = blob_str(n->item->json)};
	r = k->show(b, &s);
	if (r || b->error)
		return r ? r : b->error;
	b->len -= b->len && b->data[b->len - 1] == '\n';
	return 0;
}

void xattr_list(const struct node *n, struct buf *b)
{
	if (n->kind->id != KIND_ISSUE)
		return;
	for (size_t i = 0; i < kinds_count; i++) {
		if (!is_value(&kinds[i]))
			continue;
		buf_printf(b, PREFIX "%s", kinds[i].name);
		buf_addc(b, '\0');
	}
}
