// SPDX-License-Identifier: MIT
/*
 * sentryfs doctor: each thing that a mount needs, tried as a mount would, and for each that is
 * not there a sentence on how to mend it. Sends two or three requests, changes nothing, and
 * mounts nothing. The token is in no line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/cachedir.h"
#include "sentryfs/command.h"
#include "sentryfs/launch.h"
#include "sentryfs/root.h"

enum verdict { GOOD, NOTE, BAD };

struct doctor {
	struct options options;
	bool failed;
};

__attribute__((format(printf, 4, 5))) static void say(struct doctor *d, enum verdict v, const char *what,
						      const char *fmt, ...)
{
	static const char *const words[] = {"ok", "note", "FAIL"};
	va_list ap;

	printf("%-5s %-12s ", words[v], what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	d->failed |= v == BAD;
}

/* ---- the token and the server ---- */

static char *find_token(struct doctor *d)
{
	cleanup_free char *where = NULL, *said = NULL;
	enum token_place place;
	const char *words;
	char *token = NULL;
	struct stat st;
	size_t n = 0;
	FILE *err = open_memstream(&said, &n);
	int r;

	if (!err)
		return NULL;
	r = token_read(&d->options, &token, &place, err);
	fclose(err);
	words = str_starts(str_of(said), "sentryfs: ") ? said + strlen("sentryfs: ") : said;
	if (r)
		say(d, BAD, "token", "%.*s", (int)strcspn(words, "\n"), words);
	else if ((where = token_where(&d->options, place)) && !stat(where, &st))
		say(d, GOOD, "token", "in %s, mode %04o", where, (unsigned)st.st_mode & 07777);
	else
		say(d, GOOD, "token", "in %s", where ? where : "a place without a name");
	return token;
}

static bool has_scope(const struct access *a, const char *scope)
{
	struct str all = str_of(a->scopes), one;

	while ((one = str_word(&all)).n)
		if (str_eqz(one, scope))
			return true;
	return false;
}

static bool reads(const struct access *a, const char *what)
{
	static const char *const more[] = {"read", "write", "admin"};
	char scope[32];

	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		snprintf(scope, sizeof(scope), "%s:%s", what, more[i]);
		if (has_scope(a, scope))
			return true;
	}
	return false;
}

static void check_scopes(struct doctor *d, const struct access *a)
{
	const struct options *o = &d->options;

	if (!a->known || !a->scopes) {
		say(d, NOTE, "scopes", "the server does not tell them, so each request will");
		return;
	}
	if (!reads(a, "event"))
		say(d, BAD, "scopes", "no event:read, so no issue can be read: make a token that has it");
	else
		say(d, GOOD, "scopes", "%s", a->scopes);
	if (!reads(a, "org") || !reads(a, "project"))
		say(d, o->project ? NOTE : BAD, "scopes", "no %s:read: %s", reads(a, "org") ? "project" : "org",
		    o->project ? "the .tsv lists are absent"
			       : "name a project (ORG/PROJECT), or make a token that has it");
	if (!reads(a, "member"))
		say(d, NOTE, "scopes", "no member:read: members.tsv is refused, and people are assigned by user:ID");
	say(d, GOOD, "writing", "%s",
	    access_may(a, o, NEED_WRITE) ? "yes"
	    : o->read_only		 ? "no, by option ro"
					 : "no: event:write would allow it");
	say(d, GOOD, "deleting", "%s",
	    access_may(a, o, NEED_DELETE)  ? "yes"
	    : o->read_only || o->no_delete ? "no, by option"
					   : "no: event:admin would allow it");
}

static void say_away(struct doctor *d, int r, const struct buf *why)
{
	const char *mend = "";

	if (r == -EPROTO)
		mend = ": if the certificate is of an authority of your own, give -o cacert=FILE";
	else if (r == -EHOSTUNREACH || r == -ECONNREFUSED || r == -ETIMEDOUT)
		mend = ": check the address (-o url=, SENTRY_URL), the network, and https_proxy";
	say(d, BAD, r == -EPROTO ? "TLS" : r == -EACCES ? "token" : "server", "%.*s%s", (int)why->len, why->data, mend);
}

static void check_server(struct doctor *d, struct mount *m)
{
	const struct options *o = &d->options;
	struct launch l = {.http = launch_http(o), .mount = m};
	cleanup_buf struct buf why = {0}, why_not = {0};
	int r;

	buf_init(&why, 4096);
	buf_init(&why_not, 4096);
	if (!l.http)
		return;
	m->api.transport = http_transport(l.http);
	r = root_whoami(m, launch_wait, &l, &why);
	if (r) {
		say_away(d, r, &why);
	} else {
		say(d, GOOD, "server", "%s answers", o->url);
		if (str_starts(str_of(o->url), "https:"))
			say(d, GOOD, "TLS", "the certificate is good");
		else
			say(d, o->insecure ? NOTE : GOOD, "TLS", "none: %s",
			    o->insecure ? "the token crosses the network in clear text, by option insecure"
					: "the server is this machine");
		if (m->access.user)
			say(d, GOOD, "user", "%s", m->access.user);
		else
			say(d, GOOD, "user", "none: it is an integration's token");
		check_scopes(d, &m->access);
		r = root_find(m, launch_wait, &l, &why_not);
		if (r)
			say(d, BAD, "source", "%.*s", (int)why_not.len, why_not.data);
		else
			say(d, GOOD, "source", "%s%s%s", o->org ? o->org : "all organizations of the token",
			    o->project ? "/" : "", o->project ? m->root->item->name : "");
	}
	m->api.transport = NULL;
	http_free(l.http);
}

/* ---- this machine ---- */

static bool find_program(const char *name, struct stat *st)
{
	struct str path = str_of(getenv("PATH"));

	while (path.s) {
		struct str dir = str_cut(&path, ':');
		cleanup_free char *file = NULL;

		if (asprintf(&file, "%.*s/%s", (int)dir.n, dir.s, name) < 0) {
			file = NULL;
			return false;
		}
		if (!access(file, X_OK) && !stat(file, st))
			return true;
	}
	return false;
}

static bool others_are_allowed(void)
{
	FILE *f = fopen("/etc/fuse.conf", "re");
	cleanup_free char *line = NULL;
	bool found = false;
	size_t cap = 0;
	ssize_t n;

	while (f && (n = getline(&line, &cap, f)) > 0)
		found |= str_eqz(str_trim((struct str){line, (size_t)n}), "user_allow_other");
	if (f)
		fclose(f);
	return found;
}

static void check_fuse(struct doctor *d)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), error = errno;
	struct stat st;

	if (fd >= 0)
		close(fd);
	if (fd >= 0)
		say(d, GOOD, "/dev/fuse", "can be opened");
	else if (error == ENOENT || error == ENXIO || error == ENODEV)
		say(d, BAD, "/dev/fuse", "is not there: run modprobe fuse as root, or give the container the device");
	else
		say(d, BAD, "/dev/fuse", "%s: run chmod 666 /dev/fuse as root, or allow the container the device",
		    strerror(error));
	if (!find_program("fusermount3", &st))
		say(d, geteuid() ? BAD : NOTE, "fusermount3", "is not in PATH: install the package fuse3");
	else if (geteuid() && !(st.st_mode & S_ISUID))
		say(d, BAD, "fusermount3", "is not setuid root: install the package fuse3 anew, or chmod u+s it");
	else
		say(d, GOOD, "fusermount3", "is there");
	if (d->options.allow_other && geteuid() && !others_are_allowed())
		say(d, BAD, "allow_other",
		    "put the line user_allow_other into /etc/fuse.conf, or leave the option out");
	else if (d->options.allow_other)
		say(d, GOOD, "allow_other", "is allowed");
}

static void check_store(struct doctor *d, const char *name)
{
	char why[CACHEDIR_WHY];
	cleanup_free char *dir = NULL, *file = NULL;
	struct stat st;

	if (!d->options.cache_disk) {
		say(d, GOOD, "store", "none, by option cache=memory");
		return;
	}
	dir = cachedir_find(why, sizeof(why));
	if (!dir) {
		say(d, BAD, "store", "%s: mend that, set XDG_CACHE_HOME, or give -o cache=memory", why);
		return;
	}
	if (asprintf(&file, "%s/%s.db", dir, name) < 0) {
		file = NULL;
		return;
	}
	if (access(dir, W_OK | X_OK) || (!access(file, F_OK) && access(file, R_OK | W_OK)))
		say(d, BAD, "store", "%s cannot be written: make it yours (chmod -R u+rwX %s)", dir, dir);
	else
		say(d, GOOD, "store", "%s, %lld of %zu bytes", file, stat(file, &st) ? 0LL : (long long)st.st_size,
		    d->options.cache_size);
}

int command_doctor(int argc, char **argv)
{
	struct doctor d = {0};
	struct mount m = {0};
	char *token;

	if (options_parse_source(&d.options, argc, argv, stderr)) {
		options_done(&d.options);
		return OPTIONS_EXIT_USAGE;
	}
	if (d.options.help || d.options.version) { /* -ohelp */
		command_help(stdout);
		options_done(&d.options);
		return 0;
	}
	token = find_token(&d);
	/* without a token the store is not named, but all else can be looked at */
	if (!mount_init(&m, &d.options, token ? token : "none", &clock_system)) {
		if (token && d.options.offline)
			say(&d, NOTE, "server", "is not asked, by option offline");
		else if (token)
			check_server(&d, &m);
		check_fuse(&d);
		check_store(&d, m.store_name);
		mount_done(&m);
	}
	token_free(token);
	options_done(&d.options);
	return d.failed ? 1 : 0;
}
