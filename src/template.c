// SPDX-License-Identifier: MIT
/*
 * How a row's path becomes that of one node's request: what stands in the place of each
 * {x}, in the server's own way of writing it. Owns nothing, and asks for nothing.
 */
#include "sentryfs/template.h"

#include <errno.h>

#include "sentryfs/json.h"
#include "sentryfs/mount.h"
#include "sentryfs/name.h"

static const char *item_text(const struct node *n, const struct item_class *class, bool id)
{
	n = node_above(n, class);
	return !n ? NULL : id ? n->item->id : n->item->name;
}

/* An attachment's event. */
static int event_of(const struct node *n, struct buf *b)
{
	cleanup_buf struct buf id = {0};
	struct str bytes;

	if (!n->item || json_member(blob_str(n->item->json), "event_id", &bytes))
		return -EBADMSG;
	buf_init(&id, 256);
	json_plain(&id, bytes);
	if (!name_is_event_id(buf_str(&id)))
		return -EBADMSG;
	buf_add_str(b, buf_str(&id));
	return b->error;
}

static int expand_search(const struct mount *m, const struct node *n, char key, struct buf *b)
{
	unsigned max = m->options->max_issues;
	cleanup_search struct search s;
	int r = searches_of(m, n, &s);

	if (r)
		return r;
	if (key == 'q')
		url_encode(b, buf_str(&s.query));
	else if (key == 'w')
		buf_add_str(b, buf_str(&s.params));
	else if (s.limit) /* as it is, since the server cuts it to a page, and another limit is another listing */
		buf_printf(b, "%u", s.limit);
	else
		buf_printf(b, "%u", max < 100 ? max : 100);
	return b->error;
}

static int expand(const struct mount *m, const struct node *n, char key, struct str own, struct buf *b)
{
	const char *text = NULL;
	unsigned max;

	switch (key) {
	case 'o':
		text = item_text(n, &item_organization, false);
		break;
	case 'p':
		text = item_text(n, &item_project, false);
		break;
	case 'P':
		text = item_text(n, &item_project, true);
		break;
	case 'i':
	case 'C':
		text = item_text(n, &item_issue, true);
		break;
	case 's':
		text = item_text(n, &item_issue, false);
		break;
	case 'q':
	case 'w':
	case 'M':
		return expand_search(m, n, key, b);
	case 'n':
		if (!own.n && n->item)
			own = str_of(n->item->id);
		if (!own.n)
			return -EINVAL;
		url_encode(b, own);
		return 0;
	case 'e':
		return event_of(n, b);
	case 'E':
		max = m->options->max_events;
		buf_printf(b, "%u", max < 100 ? max : 100);
		return 0;
	}
	if (!text && key == 'P')
		text = "-1";
	if (!text)
		return -EINVAL;
	url_encode(b, str_of(text));
	return 0;
}

#define PROJECT "project={P}&"

/* Does it stand for every project with a server that is not told so? */
static bool is_every_project(const struct mount *m, const struct node *n, const char *template)
{
	return str_starts(str_of(template), PROJECT) && !node_above(n, &item_project) &&
	       !dialect_has(&m->dialect, FEATURE_MINUS_ONE);
}

/* `turn`: the server's own way of writing it, where it has one. */
static int expand_all(const struct mount *m, const struct node *n, const char *template, struct str own, bool turn,
		      struct buf *b)
{
	size_t skip;

	for (const char *p = template; *p;) {
		const char *turned = turn ? dialect_turn(&m->dialect, p, &skip) : NULL;
		int r = 0;

		if (is_every_project(m, n, p)) {
			p += strlen(PROJECT);
		} else if (turned) {
			r = expand_all(m, n, turned, own, false, b);
			p += skip;
		} else if (*p == '{') {
			r = expand(m, n, p[1], own, b);
			p += 3;
		} else {
			/* what is written another way begins a part of the path or a parameter */
			size_t plain = strcspn(p, "{/?&");

			plain += p[plain] && p[plain] != '{';
			buf_add(b, p, plain);
			p += plain;
		}
		if (r)
			return r;
	}
	return b->error;
}

int template_expand(const struct mount *m, const struct node *n, const char *template, struct str own, struct buf *b)
{
	return expand_all(m, n, template, own, true, b);
}
