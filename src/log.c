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

#include "sentryfs/name.h"

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
static void to_syslog(int priority, struct str said)
{
	char line[LINE_BYTES + 128];
	time_t now = time(NULL);
	struct tm tm;
	size_t n;

	n = (size_t)snprintf(line, sizeof(line), "<%d>", priority & LOG_FACMASK ? priority : priority | LOG_DAEMON);
	localtime_r(&now, &tm);
	n += strftime(line + n, sizeof(line) - n, "%b %e %T ", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, "sentryfs[%d]: %.*s", (int)getpid(), (int)said.n, said.s);
	/* in a stream a NUL ends it */
	if (!send_line(SOCK_DGRAM, line, n))
		send_line(SOCK_STREAM, line, n + 1);
}

/* What is told of may be anybody's: a name, a server's words, a text that was sent. */
__attribute__((format(printf, 2, 0))) static void say(int priority, const char *fmt, va_list ap)
{
	struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};
	cleanup_buf struct buf clean = {0};
	char said[LINE_BYTES];

	buf_init(&clean, LINE_BYTES);
	vsnprintf(said, sizeof(said), fmt, ap);
	text_clean(&clean, str_of(said), false);
	if (background)
		to_syslog(priority, buf_str(&clean));
	else if (poll(&err, 1, 0)) /* nor for a reader of standard error */
		fprintf(stderr, "sentryfs: %.*s\n", (int)clean.len, clean.data);
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
