// SPDX-License-Identifier: MIT
/*
 * What the value of an option may be, and what it becomes in struct options. Must not
 * know which options there are, nor how a value came.
 */
#include "sentryfs/option.h"

#include <errno.h>
#include <unistd.h>

#include "sentryfs/origin.h"
#include "sentryfs/rc.h"
#include "sentryfs/target.h"

static char *path_absolute(struct str value)
{
	cleanup_free char *path = target_need(str_dup(value));
	cleanup_free char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

	/* in a directory that was deleted nothing has a name, which opening it will tell */
	return here ? target_need(rc_path_join(here, path)) : steal(&path);
}

static bool text_ok(const struct option_row *row, struct str value)
{
	if (value.n < row->min || value.n > row->max)
		return false;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.s[i] < ' ' || value.s[i] == 0x7f)
			return false;
	return true;
}

static bool octal_parse(struct str value, uint64_t *ret)
{
	uint64_t n = 0;

	if (value.n == 0 || value.n > 6)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] < '0' || value.s[i] > '7')
			return false;
		n = n * 8 + (uint64_t)(value.s[i] - '0');
	}
	*ret = n;
	return true;
}

static bool store_number(const struct option_row *row, void *field, struct str value)
{
	uint64_t n;

	if (row->type == OPTION_OCTAL ? !octal_parse(value, &n) : str_to_u64(value, &n) < 0)
		return false;
	if (n < row->min || n > row->max)
		return false;
	*(unsigned *)field = (unsigned)n;
	return true;
}

/* 512M, in bytes. */
static bool store_size(const struct option_row *row, size_t *field, struct str value)
{
	static const char units[] = "KMG";
	const char *unit = value.n ? strchr(units, value.s[value.n - 1] & ~0x20) : NULL;
	unsigned shift = 0;
	uint64_t n;

	if (unit && *unit && value.s[value.n - 1] >= 'A') {
		shift = 10 * ((unsigned)(unit - units) + 1);
		value.n--;
	}
	if (str_to_u64(value, &n) || n > (UINT64_C(1) << 40) || n << shift >> shift != n)
		return false;
	n <<= shift;
	if (n >> 20 < row->min || n >> 20 > row->max)
		return false;
	*field = (size_t)n;
	return true;
}

static bool store_word(const struct option_row *row, unsigned *field, struct str value)
{
	struct str words = str_of(row->arg);

	for (unsigned i = 0; words.s; i++) {
		if (str_eq(str_cut(&words, '|'), value)) {
			*field = i;
			return true;
		}
	}
	return false;
}

static bool is_period(struct str value)
{
	uint64_t n;

	return value.n > 1 && strchr("smhdw", value.s[value.n - 1]) &&
	       !str_to_u64((struct str){value.s, value.n - 1}, &n) && n;
}

static bool store_text(const struct option_row *row, void *field, struct str value)
{
	char *text;

	if (!text_ok(row, value) || (row->type == OPTION_PERIOD && !is_period(value)))
		return false;
	if (row->type == OPTION_URL)
		text = origin_parse(value, false);
	else if (row->type == OPTION_TEXT || row->type == OPTION_PERIOD)
		text = target_need(str_dup(value));
	else
		text = path_absolute(value);
	if (text && row->type == OPTION_FILE && access(text, R_OK) < 0) {
		free(text);
		text = NULL;
	}
	if (text)
		target_replace(field, text);
	return text != NULL;
}

bool option_store(const struct option_row *row, struct options *o, struct str value)
{
	void *field = (char *)o + row->offset;

	switch (row->type) {
	case OPTION_SET:
	case OPTION_CLEAR:
		*(bool *)field = row->type == OPTION_SET;
		return true;
	case OPTION_NUMBER:
	case OPTION_OCTAL:
		return store_number(row, field, value);
	case OPTION_SIZE:
		return store_size(row, field, value);
	case OPTION_WORD:
		return store_word(row, field, value);
	default:
		return store_text(row, field, value);
	}
}

int option_refuse(FILE *err, const struct option_row *row, struct str value)
{
	char accepted[128];

	switch (row->type) {
	case OPTION_NUMBER:
		snprintf(accepted, sizeof(accepted), "a number from %lu to %lu", row->min, row->max);
		break;
	case OPTION_OCTAL:
		snprintf(accepted, sizeof(accepted), "an octal number from %lo to %03lo", row->min, row->max);
		break;
	case OPTION_URL:
		snprintf(accepted, sizeof(accepted), URL_ACCEPTED);
		break;
	case OPTION_SIZE:
		snprintf(accepted, sizeof(accepted), "a size from %luM to %luG, as in 512M", row->min, row->max >> 10);
		break;
	case OPTION_WORD:
		snprintf(accepted, sizeof(accepted), "one of %s", row->arg);
		break;
	case OPTION_PERIOD:
		snprintf(accepted, sizeof(accepted), "a number and s, m, h, d or w, as in 24h or 14d");
		break;
	case OPTION_FILE:
		snprintf(accepted, sizeof(accepted), "a file that can be read");
		break;
	default:
		snprintf(accepted, sizeof(accepted), "%lu to %lu bytes without control characters", row->min, row->max);
	}
	return target_fail(err, -EINVAL, "option %s: '%.*s' is not accepted; it takes %s", row->name, (int)value.n,
			   value.s, accepted);
}
