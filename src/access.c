// SPDX-License-Identifier: MIT
/*
 * What the token may do. What is not known is thought to be allowed: the server
 * decides, and the first refusal is remembered.
 */
#include "sentryfs/access.h"

#include "sentryfs/json.h"

void access_forget(struct access *a)
{
	free(a->user_id);
	*a = (struct access){0};
}

static char *user_of(struct str whoami)
{
	cleanup_buf struct buf id = {0};
	struct str user, bytes;

	buf_init(&id, 64);
	if (json_member(whoami, "user", &user) || json_member(user, "id", &bytes))
		return NULL;
	json_plain(&id, bytes);
	return id.error || !id.len ? NULL : str_dup(buf_str(&id));
}

void access_learn(struct access *a, struct str whoami, bool writer_deletes)
{
	struct str auth, scopes;

	access_forget(a);
	a->user_id = user_of(whoami);
	if (json_member(whoami, "auth", &auth) || json_member(auth, "scopes", &scopes) || *scopes.s != '[')
		return;
	a->known = true;
	a->remove = json_covers(scopes, STR("\"event:admin\""));
	a->write = a->remove || json_covers(scopes, STR("\"event:write\""));
	a->remove |= a->write && writer_deletes;
}

void access_refused(struct access *a, enum need need)
{
	a->no_remove = true;
	a->no_write |= need == NEED_WRITE;
}

bool access_may(const struct access *a, const struct options *o, enum need need)
{
	if (need == NEED_NOTHING)
		return true;
	if (o->read_only)
		return false;
	if (need == NEED_DELETE)
		return !o->no_delete && !a->no_remove && (!a->known || a->remove);
	return !a->no_write && (!a->known || a->write);
}
