// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_OPTION_H
#define SENTRYFS_OPTION_H

#include "sentryfs/options.h"
#include "sentryfs/str.h"

/* One option: a row of the table in options.c. */
enum option_type {
	OPTION_SET,    /* bool to true */
	OPTION_CLEAR,  /* bool to false */
	OPTION_NUMBER, /* unsigned, min to max */
	OPTION_OCTAL,  /* the same, in octal */
	OPTION_TEXT,   /* string of min to max bytes */
	OPTION_PATH,   /* the same, made absolute: the daemon leaves the working directory */
	OPTION_PERIOD, /* the same: a number and s, m, h, d or w */
	OPTION_FILE,   /* the same, and must be readable now */
	OPTION_URL,
	OPTION_SIZE, /* size_t, min to max MiB; K, M or G after the number */
	OPTION_WORD, /* unsigned: which of the words of `arg`, parted by | */
};

struct option_row {
	const char *name;
	char letter; /* of the short form, or 0 */
	enum option_type type;
	size_t offset;
	unsigned long min, max;
	const char *arg;
	const char *preset; /* the default, as text; NULL: 0, false, none */
	const char *help;
};

static inline bool option_takes_value(const struct option_row *row)
{
	return row->type != OPTION_SET && row->type != OPTION_CLEAR;
}

/* False: the value is none that the row accepts, and nothing has changed. */
bool option_store(const struct option_row *row, struct options *o, struct str value);
/* Says so in a sentence that names what is accepted. Returns -EINVAL. */
int option_refuse(FILE *err, const struct option_row *row, struct str value);

#endif
