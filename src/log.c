// SPDX-License-Identifier: MIT
/*
 * Lines for a person. The level and where lines go are the program's only globals.
 */
#include "sentryfs/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

static enum log_level level = LOG_LEVEL_WARNING;
static bool background;

void log_init(enum log_level l)
{
	level = l;
}

void log_to_syslog(void)
{
	openlog("sentryfs", LOG_PID, LOG_DAEMON);
	background = true;
}

__attribute__((format(printf, 2, 0))) static void say(int priority, const char *fmt, va_list ap)
{
	if (background) {
		vsyslog(priority, fmt, ap);
		return;
	}
	fputs("sentryfs: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

__attribute__((format(printf, 2, 0))) static void line(enum log_level l, const char *fmt, va_list ap)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_DEBUG};

	if (l <= level)
		say(priorities[l], fmt, ap);
}

void log_notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_USER | LOG_NOTICE, fmt, ap);
	va_end(ap);
}

#define LOG_FUNCTION(name, l)                                                                                          \
	void name(const char *fmt, ...)                                                                                \
	{                                                                                                              \
		va_list ap;                                                                                            \
                                                                                                                       \
		va_start(ap, fmt);                                                                                     \
		line(l, fmt, ap);                                                                                      \
		va_end(ap);                                                                                            \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
