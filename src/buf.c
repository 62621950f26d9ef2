// SPDX-License-Identifier: MIT
/*
 * A growing buffer with a maximum, and blobs. The first failure stays in `error`,
 * so that a text can be built without a check on each line.
 */
#include "sentryfs/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define FIRST_CAP 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.max = b->max};
}

bool buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	char *data;

	if (b->error)
		return false;
	if (more > b->max - b->len) {
		b->error = -EFBIG;
		return false;
	}
	if (b->len + more <= b->cap)
		return true;
	while (cap < b->len + more)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len || !buf_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.s, s.n);
}

void buf_addc(struct buf *b, char c)
{
	if ((b->error || b->len == b->cap || b->len == b->max) && !buf_reserve(b, 1))
		return;
	b->data[b->len++] = c;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		b->error = b->error ? b->error : -ENOMEM;
		return;
	}
	buf_add(b, text, (size_t)n);
}

struct blob *blob_new(const void *data, size_t len)
{
	struct blob *b = malloc(sizeof(*b) + len + 1);

	if (!b)
		return NULL;
	b->refs = 1;
	b->len = len;
	if (len)
		memcpy(b->data, data, len);
	b->data[len] = '\0';
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	b->refs++;
	return b;
}

void blob_unref(struct blob *b)
{
	if (b && !--b->refs)
		free(b);
}

void blob_unrefp(struct blob **b)
{
	blob_unref(*b);
}

int buf_to_blob(struct buf *b, struct blob **ret)
{
	struct blob *blob;

	if (b->error)
		return b->error;
	blob = blob_new(b->data, b->len);
	if (!blob)
		return -ENOMEM;
	buf_done(b);
	*ret = blob;
	return 0;
}
