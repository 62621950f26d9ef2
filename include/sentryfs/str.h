// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_STR_H
#define SENTRYFS_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A slice of bytes that somebody else owns. Not terminated. */
struct str {
	const char *s;
	size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

static inline struct str str_of(const char *s)
{
	return (struct str){s, s ? strlen(s) : 0};
}

bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
bool str_case_eq(struct str a, struct str b); /* ASCII case */
bool str_starts(struct str s, const char *prefix);
bool str_has(struct str s, const char *part);
struct str str_trim(struct str s); /* ASCII white space at both ends */

/* What is left of `s` behind its first `n` bytes; "" when it has fewer. */
static inline struct str str_after(struct str s, size_t n)
{
	n = n < s.n ? n : s.n;
	return (struct str){s.s + n, s.n - n};
}

/* Cuts the part before the first `sep` off `*rest` and returns it; without a
 * separator the whole, and *rest becomes empty with s == NULL. */
struct str str_cut(struct str *rest, char sep);

/* Cuts the first word off `*rest`, white space before it too; "" at the end. */
struct str str_word(struct str *rest);

/* A terminated copy that the caller frees; NULL without memory. */
char *str_dup(struct str s);

/* The whole of `s` as a decimal number. 0, -EINVAL, -ERANGE. */
int str_to_u64(struct str s, uint64_t *ret);

/* How many bytes must be put in, taken out or changed to make `b` of `a`, ASCII case
 * aside; texts over 63 bytes are far from everything (64). */
unsigned str_distance(struct str a, struct str b);

/* An ISO-8601 instant as Sentry writes it (2026-01-02T03:04:05[.678901](Z|+00:00))
 * as Unix time. 0 or -EINVAL; *ret untouched then. */
int str_to_time(struct str s, struct timespec *ret);

static inline void freep(void *p)
{
	free(*(void **)p);
}
#define cleanup_free __attribute__((cleanup(freep)))
#define steal(p)                                                                                                       \
	({                                                                                                             \
		__typeof__(*(p)) steal_tmp = *(p);                                                                     \
		*(p) = NULL;                                                                                           \
		steal_tmp;                                                                                             \
	})

#endif
