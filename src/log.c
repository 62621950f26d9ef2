// SPDX-License-Identifier: MIT
/*
 * Lines for a person. The level and where lines go are the program's only globals.
 */
#include "sentryfs/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 8192

static enum log_level level = LOG_LEVEL_WARNING;
static bool background;

void log_init(enum log_level l)
{
	level = l;
}

void log_to_syslog(void)
{
	background = true;
}

/* False: a log of that type of socket is not there. */
static bool send_line(int type, const char *line, size_t n)
{
	static const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = false;

	if (fd < 0)
		return true;
	if (!connect(fd, (const struct sockaddr *)&log, sizeof(log)))
		there = send(fd, line, n, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
	close(fd);
	return there;
}

/* syslog(3) waits while nobody reads /dev/log, and everybody who is in the mount with it: here such a line is lost. */
__attribute__((format(printf, 2, 0))) static void to_syslog(int priority, const char *fmt, va_list ap)
{
	char line[LINE_BYTES];
	time_t now = time(NULL);
	struct tm tm;
	size_t n;
	int more;

	n = (size_t)snprintf(line, sizeof(line), "<%d>", priority & LOG_FACMASK ? priority : priority | LOG_DAEMON);
	localtime_r(&now, &tm);
	n += strftime(line + n, sizeof(line) - n, "%b %e %T ", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, "sentryfs[%d]: ", (int)getpid());
	more = vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	n = more < 0 ? n : n + (size_t)more < sizeof(line) ? n + (size_t)more : sizeof(line) - 1;
	/* in a stream a NUL ends it */
	if (!send_line(SOCK_DGRAM, line, n))
		send_line(SOCK_STREAM, line, n + 1);
}

__attribute__((format(printf, 2, 0))) static void say(int priority, const char *fmt, va_list ap)
{
	struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (background) {
		to_syslog(priority, fmt, ap);
		return;
	}
	if (poll(&err, 1, 0) == 0) /* nor for a reader of standard error */
		return;
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
