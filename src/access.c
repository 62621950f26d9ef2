// SPDX-License-Identifier: MIT
/*
 * What the token may do. What is not known is thought to be allowed: the server
 * decides, and the first refusal is remembered.
 */
#include "sentryfs/access.h"

#include "sentryfs/json.h"
#include "sentryfs/name.h"

void access_forget(struct access *a)
{
	free(a->user_id);
	free(a->user);
	free(a->scopes);
	*a = (struct access){0};
}

#define TEXT_MAX ((size_t)1024)

/* A member of the user's, cleaned; NULL: none, or nothing is in it. */
static char *user_text(struct str whoami, const char *member)
{
	cleanup_buf struct buf plain = {0}, clean = {0};
	struct str user, bytes;

	buf_init(&plain, TEXT_MAX);
	buf_init(&clean, TEXT_MAX);
	if (json_member(whoami, "user", &user) || json_member(user, member, &bytes))
		return NULL;
	json_plain(&plain, bytes);
	text_clean(&clean, buf_str(&plain), false);
	return plain.error || clean.error || !clean.len ? NULL : str_dup(buf_str(&clean));
}

static int add_scope(void *arg, const cJSON *scope, struct str bytes)
{
	struct buf *b = arg;

	(void)bytes;
	if (b->len)
		buf_addc(b, ' ');
	if (cJSON_IsString(scope))
		text_clean(b, str_of(scope->valuestring), false);
	return 0;
}

void access_learn(struct access *a, struct str whoami, bool writer_deletes)
{
	cleanup_buf struct buf text = {0};
	struct str auth, scopes;

	access_forget(a);
	buf_init(&text, TEXT_MAX);
	a->user_id = user_text(whoami, "id");
	a->user = user_text(whoami, "email");
	if (!a->user)
		a->user = user_text(whoami, "username");
	if (json_member(whoami, "auth", &auth) || json_member(auth, "scopes", &scopes) || *scopes.s != '[')
		return;
	a->known = true;
	if (!json_each(scopes, add_scope, &text) && !text.error)
		a->scopes = str_dup(buf_str(&text));
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
