// SPDX-License-Identifier: MIT
/*
 * Slices: comparing, cutting, numbers and dates. Owns nothing but what str_dup
 * returns.
 */
#include "sentryfs/str.h"

#include <ctype.h>
#include <errno.h>

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (!a.n || !memcmp(a.s, b.s, a.n));
}

bool str_eqz(struct str a, const char *z)
{
	return str_eq(a, str_of(z));
}

bool str_case_eq(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (tolower((unsigned char)a.s[i]) != tolower((unsigned char)b.s[i]))
			return false;
	return true;
}

bool str_starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && !memcmp(s.s, prefix, n);
}

bool str_has(struct str s, const char *part)
{
	return s.s && memmem(s.s, s.n, part, strlen(part));
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n && is_space(*s.s)) {
		s.s++;
		s.n--;
	}
	while (s.n && is_space(s.s[s.n - 1]))
		s.n--;
	return s;
}

struct str str_cut(struct str *rest, char sep)
{
	struct str whole = *rest;
	const char *at = whole.n ? memchr(whole.s, sep, whole.n) : NULL;

	if (!at) {
		*rest = (struct str){NULL, 0};
		return whole;
	}
	*rest = (struct str){at + 1, whole.n - (size_t)(at - whole.s) - 1};
	return (struct str){whole.s, (size_t)(at - whole.s)};
}

struct str str_word(struct str *rest)
{
	struct str word = str_trim(*rest);

	*rest = word;
	for (size_t i = 0; i < word.n; i++)
		if (is_space(word.s[i]))
			word.n = i;
	rest->s += word.n;
	rest->n -= word.n;
	return word;
}

char *str_dup(struct str s)
{
	char *copy = malloc(s.n + 1);

	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.s, s.n);
	copy[s.n] = '\0';
	return copy;
}

int str_to_u64(struct str s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!s.n)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.s[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (n > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*ret = n;
	return 0;
}

/* Takes `width` digits within lo..hi and then `after` (0: nothing) off *s. */
static bool take(struct str *s, size_t width, int lo, int hi, char after, int *ret)
{
	uint64_t n;
	size_t all = width + (after ? 1 : 0);

	if (s->n < all || str_to_u64((struct str){s->s, width}, &n) || (int)n < lo || (int)n > hi)
		return false;
	if (after && s->s[width] != after)
		return false;
	s->s += all;
	s->n -= all;
	*ret = (int)n;
	return true;
}

/* The zone at the end of an instant, in seconds east. */
static bool take_zone(struct str s, int *seconds)
{
	int hours, minutes, sign = 1;

	*seconds = 0;
	if (!s.n || str_eqz(s, "Z"))
		return true;
	if (*s.s == '-')
		sign = -1;
	else if (*s.s != '+')
		return false;
	s.s++;
	s.n--;
	if (!take(&s, 2, 0, 23, ':', &hours) || !take(&s, 2, 0, 59, 0, &minutes) || s.n)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int str_to_time(struct str s, struct timespec *ret)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct tm tm = {0};
	long nsec = 0, unit = 100000000;
	int year, month, zone;

	if (!take(&s, 4, 1, 9999, '-', &year) || !take(&s, 2, 1, 12, '-', &month) ||
	    !take(&s, 2, 1, 31, 'T', &tm.tm_mday) || !take(&s, 2, 0, 23, ':', &tm.tm_hour) ||
	    !take(&s, 2, 0, 59, ':', &tm.tm_min) || !take(&s, 2, 0, 60, 0, &tm.tm_sec))
		return -EINVAL;
	if (tm.tm_mday > days[month - 1] + (month == 2 && is_leap(year)))
		return -EINVAL;
	if (s.n && *s.s == '.') {
		s.s++;
		s.n--;
		if (!s.n || !isdigit((unsigned char)*s.s))
			return -EINVAL;
		for (; s.n && isdigit((unsigned char)*s.s); s.s++, s.n--, unit /= 10)
			nsec += (*s.s - '0') * unit;
	}
	if (!take_zone(s, &zone))
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*ret = (struct timespec){.tv_sec = timegm(&tm) - zone, .tv_nsec = nsec};
	return 0;
}

unsigned str_distance(struct str a, struct str b)
{
	unsigned row[64];

	if (a.n > 63 || b.n > 63)
		return 64;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned change =
				corner + (tolower((unsigned char)a.s[i - 1]) != tolower((unsigned char)b.s[j - 1]));
			unsigned least = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			corner = row[j];
			row[j] = least < change ? least : change;
		}
	}
	return row[b.n];
}
