// SPDX-License-Identifier: MIT
/*
 * The text of last-error: what was tried, what came of it, the server's words, what is
 * accepted, what to do next. The program's only place for such advice.
 */
#include "sentryfs/report.h"

#include <errno.h>

#include "sentryfs/name.h"

#define TEXT_MAX ((size_t)8192)

static const char *advice(const struct report *r)
{
	switch (-r->error) {
	case EINVAL:
		return "write one of the accepted values";
	case EACCES:
		return r->sent ? "use a token with event:write (event:admin to delete), of a user who may do this"
			       : "see the modes (ls -l); .sentryfs/status says what the token may do";
	case ENOENT:
		return "look whether it is still there; it may have been deleted or merged";
	case EAGAIN:
		return "the rate limit is used up: try again in a minute";
	case EBUSY:
		return "another change is under way: try again";
	case ETIMEDOUT:
	case EIO:
	case EBADMSG:
		return "look at the present value, then try again";
	case ECONNREFUSED:
	case EHOSTUNREACH:
		return "the server cannot be reached: try again when it can";
	case EMFILE:
	case ENFILE:
		return "sentryfs may open no more files: raise the limit (ulimit -n) and mount again";
	case EPROTO:
		return "see that the address and the server's certificate are right; options cacert, cert and key are "
		       "what "
		       "TLS needs here";
	case EOPNOTSUPP:
		return "this server does not do this; what it does not have is not listed";
	case EEXIST:
		return "nothing: it is there already";
	case EFBIG:
		return "write less";
	case EPERM:
		return "README.md at the top of the mount says what can be written where";
	default:
		return "see .sentryfs/errors and README.md at the top of the mount";
	}
}

static void add_row(struct buf *b, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(b, "%-10s", label);
	text_clean(b, str_of(text), false);
	buf_addc(b, '\n');
}

void report_text(struct api *a, char **into, const struct report *r)
{
	cleanup_buf struct buf b = {0};

	journal_add(&a->errors, a->clock, "%s: %s: %s", r->what, strerrordesc_np(-r->error), r->words ? r->words : "");
	if (!into)
		return;
	buf_init(&b, TEXT_MAX);
	add_row(&b, "tried", r->what);
	buf_printf(&b, "%-10s%s (%s)\n", "failed", strerrorname_np(-r->error), strerrordesc_np(-r->error));
	add_row(&b, r->sent ? "server" : "not sent", r->words);
	add_row(&b, "accepted", r->accepted);
	add_row(&b, "next", r->next ? r->next : advice(r));
	if (b.error)
		return;
	free(*into);
	*into = str_dup(buf_str(&b));
}

void report_failure(struct api *a, struct item *about, const struct report *r)
{
	report_text(a, about ? &about->last_error : NULL, r);
}

void report_add(struct item *about, const char *label, struct str text)
{
	cleanup_buf struct buf b = {0};

	if (!about || !about->last_error)
		return;
	buf_init(&b, TEXT_MAX);
	buf_printf(&b, "%s%-10s", about->last_error, label);
	text_clean(&b, text, false);
	buf_addc(&b, '\n');
	if (b.error)
		return;
	free(about->last_error);
	about->last_error = str_dup(buf_str(&b));
}

void report_success(struct item *about)
{
	if (about)
		free(steal(&about->last_error));
}
