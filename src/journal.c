// SPDX-License-Identifier: MIT
/*
 * A ring of lines: what .sentryfs/requests and .sentryfs/errors show. Owns the
 * lines. A line without memory is left out: a journal never makes a request fail.
 */
#include "sentryfs/journal.h"

#include <stdarg.h>
#include <stdio.h>

#include "sentryfs/name.h"

#define LINE_MAX_BYTES ((size_t)2048)

void journal_add(struct journal *j, const struct clock *clock, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	cleanup_buf struct buf line = {0};
	char stamp[32];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	int n;

	buf_init(&line, LINE_MAX_BYTES);
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return;
	}
	clock->wall(clock, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(&line, "%s.%03ldZ ", stamp, ts.tv_nsec / 1000000);
	text_clean(&line, (struct str){text, (size_t)n < LINE_MAX_BYTES / 4 ? (size_t)n : LINE_MAX_BYTES / 4}, false);
	buf_addc(&line, '\n');
	if (!line.error) {
		char **slot = &j->lines[j->count++ % JOURNAL_LINES];

		free(*slot);
		*slot = str_dup(buf_str(&line));
	}
}

void journal_show(const struct journal *j, struct buf *b)
{
	uint64_t i = j->count > JOURNAL_LINES ? j->count - JOURNAL_LINES : 0;

	for (; i < j->count; i++)
		if (j->lines[i % JOURNAL_LINES])
			buf_puts(b, j->lines[i % JOURNAL_LINES]);
}

void journal_done(struct journal *j)
{
	for (size_t i = 0; i < JOURNAL_LINES; i++)
		free(j->lines[i]);
}
