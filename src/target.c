// SPDX-License-Identifier: MIT
/*
 * What is mounted, and where: the source, what argv left open (from the
 * environment, ~/.sentryclirc and the built-in values, in that order), and the
 * mount point.
 *
 * A value that a higher place hides is not looked at, so it cannot be wrong.
 * Owns nothing but what it puts into struct options. Must not know the table of
 * options. Out of memory ends the program: nothing is mounted yet.
 */
#include "sentryfs/target.h"

#include <errno.h>
#include <sys/stat.h>

#include "sentryfs/buf.h"
#include "sentryfs/live.h"
#include "sentryfs/name.h"
#include "sentryfs/origin.h"
#include "sentryfs/rc.h"
#include "sentryfs/stale.h"
#include "sentryfs/str.h"
#include "sentryfs/weburl.h"

#define URL_DEFAULT "https://sentry.io"
#define URL_ACCEPTED_PAGE "http(s)://HOST[:PORT]/..., without a user"

void target_say(FILE *err, const char *who, const char *fmt, va_list ap)
{
	cleanup_free char *said = NULL;
	cleanup_buf struct buf clean = {0};
	int n = vasprintf(&said, fmt, ap);

	if (n < 0)
		said = NULL;
	buf_init(&clean, BUF_MAX_DEFAULT);
	text_clean(&clean, str_of(said), false);
	fprintf(err, "%s: %.*s\n", who, (int)clean.len, clean.data);
}

int target_fail(FILE *err, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	target_say(err, "sentryfs", fmt, ap);
	va_end(ap);
	return error;
}

void *target_need(void *p)
{
	if (!p) {
		fputs("sentryfs: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

void target_replace(char **into, char *value)
{
	free(*into);
	*into = value;
}

static int set_slug(char **into, struct str value, const char *where, const char *what, FILE *err)
{
	if (!name_is_slug(value))
		return target_fail(
			err, -EINVAL,
			"%s: '%.*s' is not the slug of %s; it takes 1 to 100 of the characters A-Z a-z 0-9 _ -", where,
			(int)value.n, value.s, what);
	target_replace(into, target_need(str_dup(value)));
	return 0;
}

static int set_org_project(struct options *o, struct str text, const char *where, FILE *err)
{
	struct str project = text;
	struct str org = str_cut(&project, '/');
	int r = set_slug(&o->org, org, where, "an organization", err);

	if (r == 0 && project.s)
		r = set_slug(&o->project, project, where, "a project", err);
	return r;
}

static bool is_same_host(const char *a, const char *b)
{
	return !strcmp(strstr(a, "://"), strstr(b, "://"));
}

/* HOST of sentry:HOST/ORG, which is also what a mounted tree is called in mount(8)'s list. */
static int set_host(struct options *o, struct str host, FILE *err)
{
	cleanup_free char *url = origin_parse(host, true);

	if (!url || memchr(host.s, '/', host.n))
		return target_fail(err, -EINVAL,
				   "source: '%.*s' is not a host; it takes [ORG[/PROJECT]] or sentry:HOST[:PORT]/ORG",
				   (int)host.n, host.s);
	if (!o->url)
		o->url = steal(&url);
	else if (!is_same_host(o->url, url))
		return target_fail(err, -EINVAL, "the source says %s and option url says %s: leave one of them out",
				   url, o->url);
	return 0;
}

/*
 * The address of a web page. A project may be named by its number there: root.c finds it.
 * Whoever can get an address pasted is not to get the token: its server must be the one
 * that the token is for anyway, see target_defaults.
 */
static int set_page(struct options *o, struct str page, FILE *err)
{
	struct weburl u;
	int r = weburl_parse(page, &u);

	if (r)
		r = target_fail(err, r, "source: '%.*s' is not accepted; the address of a page is " URL_ACCEPTED_PAGE,
				(int)page.n, page.s);
	if (!r)
		target_replace(&o->page, steal(&u.origin));
	if (!r && u.org.s)
		r = set_slug(&o->org, u.org, "source", "an organization", err);
	if (!r && u.org.s && u.project.s)
		r = set_slug(&o->project, u.project, "source", "a project", err);
	weburl_done(&u);
	return r;
}

int target_source(struct options *o, const char *source, FILE *err)
{
	struct str rest = str_of(source);

	if (weburl_is(rest))
		return set_page(o, rest, err);
	if (str_starts(rest, "sentry:")) {
		struct str host;
		int r;

		rest = (struct str){rest.s + 7, rest.n - 7};
		host = str_cut(&rest, '/');
		r = set_host(o, host, err);
		if (r < 0)
			return r;
	}
	if (rest.n == 0 || str_eqz(rest, "none"))
		return 0;
	return set_org_project(o, rest, "source", err);
}

/* A variable that is empty is not set. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int set_url(struct options *o, const char *value, bool bare, const char *where, FILE *err)
{
	if (!value || o->url)
		return 0;
	o->url = origin_parse(str_of(value), bare);
	if (!o->url)
		return target_fail(err, -EINVAL, "%s: '%s' is not accepted; it takes %s", where, value, URL_ACCEPTED);
	return 0;
}

/* The rc file's project belongs to the rc file's organization, so an SENTRY_ORG that
 * names another one leaves it out. */
static int default_source(struct options *o, const struct rc *rc, const char *rc_name, FILE *err)
{
	const char *org = variable("SENTRY_ORG");
	const char *project = variable("SENTRY_PROJECT");
	bool same = !org || (rc->org && strcmp(org, rc->org) == 0);
	int r = 0;

	if (project && strchr(project, '/'))
		return set_org_project(o, str_of(project), "SENTRY_PROJECT", err);
	if (org)
		r = set_slug(&o->org, str_of(org), "SENTRY_ORG", "an organization", err);
	else if (rc->org)
		r = set_slug(&o->org, str_of(rc->org), rc_name, "an organization", err);
	if (r == 0 && project)
		r = set_slug(&o->project, str_of(project), "SENTRY_PROJECT", "a project", err);
	else if (r == 0 && rc->project && same)
		r = set_slug(&o->project, str_of(rc->project), rc_name, "a project", err);
	if (r == 0 && o->project && !o->org)
		r = target_fail(
			err, -EINVAL,
			"%s names project '%s' of no organization: give ORG/PROJECT as the source or set SENTRY_ORG",
			project ? "SENTRY_PROJECT" : rc_name, o->project);
	return r;
}

/* A file that is not there, or that this user may not open, says nothing. */
static int load_rc(struct rc *rc, const char *path, FILE *err)
{
	unsigned line;
	int r = path ? rc_load(rc, path, 0022, &line) : 0;

	if (r == 0 || r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		return 0;
	if (r == -EPERM)
		return target_fail(err, -EINVAL, "%s can be changed by others: make it yours and run chmod 600 %s",
				   path, path);
	if (r == -EINVAL && line > 0)
		return target_fail(err, -EINVAL, "%s, line %u: neither [SECTION], KEY = VALUE nor a comment", path,
				   line);
	return target_fail(err, -EINVAL, "cannot read %s: %s", path, strerror(-r));
}

/* All that argv left open. */
int target_defaults(struct options *o, FILE *err)
{
	cleanup_free char *rc_name = NULL;
	struct rc rc = {0};
	int r = set_url(o, variable("SENTRY_URL"), false, "SENTRY_URL", err);

	if (r == 0)
		r = set_url(o, variable("SENTRY_HOST"), true, "SENTRY_HOST", err);
	if (r == 0 && (!o->url || !o->org)) {
		rc_name = rc_path();
		r = load_rc(&rc, rc_name, err);
	}
	if (r == 0)
		r = set_url(o, rc.url, false, rc_name, err);
	if (r == 0 && !o->org)
		r = default_source(o, &rc, rc_name, err);
	if (r == 0 && !o->url)
		o->url = target_need(str_dup(STR(URL_DEFAULT)));
	if (r == 0 && o->page && !is_same_host(o->url, o->page))
		r = target_fail(err, -EINVAL,
				"the source is a page of %s, and the token is for %s: if it is to be sent to the "
				"other, add --url=%s",
				o->page, o->url, o->page);
	if (r == 0 && !o->insecure && !origin_is_safe(o->url))
		r = target_fail(
			err, -EINVAL,
			"url: '%s' would send the token in clear text; it takes https, or http to this machine, "
			"or anything with option insecure",
			o->url);
	rc_done(&rc);
	return r;
}

int target_outside(const struct options *o, const char *file, FILE *err)
{
	cleanup_free char *real = file ? realpath(file, NULL) : NULL;

	if (!real || !o->mountpoint || !path_is_in(real, o->mountpoint))
		return 0;
	return target_fail(err, -EINVAL,
			   "%s is below the mount point, which hides it: keep it elsewhere, or mount elsewhere", file);
}

int target_mountpoint(struct options *o, const char *path, FILE *err)
{
	cleanup_free char *real = realpath(path, NULL), *left = NULL;
	struct stat st = {0};
	int error = real && !stat(real, &st) ? 0 : errno;

	if (error == ENOTCONN && (left = stale_release(real ? real : path))) {
		target_fail(err, 0, "%s was still mounted by a program that has ended, and was unmounted", left);
		target_replace(&real, steal(&left));
		error = stat(real, &st) ? errno : 0;
	}
	if (error == ENOTCONN)
		return target_fail(err, -EINVAL, "%s is a stale mount: run fusermount3 -uz %s first", path, path);
	if (error == ENOENT)
		return target_fail(err, -EINVAL, "mount point '%s' does not exist: run mkdir -p first", path);
	if (error)
		return target_fail(err, -EINVAL, "mount point '%s' cannot be used: %s", path, strerror(error));
	if (!S_ISDIR(st.st_mode))
		return target_fail(err, -EINVAL, "mount point '%s' is not a directory", path);
	target_replace(&o->mountpoint, steal(&real));
	return 0;
}
