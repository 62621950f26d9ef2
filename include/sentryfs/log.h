// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_LOG_H
#define SENTRYFS_LOG_H

/* Lines for a person, on standard error while there is one, else in syslog.
 * A line never holds a token or the body of an answer. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG };

void log_init(enum log_level level);
void log_to_syslog(void); /* after the program went to the background */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What is always told: that something was changed, or what was asked for. To LOG_USER, priority notice. */
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
