// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_BUF_H
#define SENTRYFS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sentryfs/str.h"

/*
 * A growing byte buffer with a maximum, and the immutable blob that it becomes.
 *
 * An append that would pass the maximum, or for which there is no memory, sets
 * `error` (-EFBIG or -ENOMEM) and from then on every append does nothing: a
 * caller builds its text in one go and asks once, at the end.
 */
struct buf {
	char *data; /* owned; not terminated */
	size_t len;
	size_t cap;
	size_t max;
	int error;
};

#define BUF_MAX_DEFAULT ((size_t)16 << 20)

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b); /* frees; usable with cleanup */
/* Makes room for `more` bytes, so that what is appended next stays where it is; false sets the error. */
bool buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

#define cleanup_buf __attribute__((cleanup(buf_done)))

/* Bytes that never change, shared by counting references. */
struct blob {
	unsigned refs;
	size_t len;
	char data[]; /* a NUL follows the last byte */
};

/* Returns a new blob with one reference, or NULL when there is no memory. */
struct blob *blob_new(const void *data, size_t len);
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b); /* accepts NULL */
void blob_unrefp(struct blob **b);
static inline struct str blob_str(const struct blob *b)
{
	return b ? (struct str){b->data, b->len} : (struct str){NULL, 0};
}

/* Moves the buffer's bytes into a new blob; the buffer is empty afterwards.
 * Returns 0, or the buffer's error, or -ENOMEM; *ret is untouched then. */
int buf_to_blob(struct buf *b, struct blob **ret);

#define cleanup_blob __attribute__((cleanup(blob_unrefp)))

#endif
