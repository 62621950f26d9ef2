// SPDX-License-Identifier: MIT
/*
 * Options, the rc file and the token: what each place says, which one wins, and
 * that every bad value is refused by a message that names it.
 *
 * A test gets an empty home directory and none of the program's variables.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sentryfs/options.h"
#include "sentryfs/origin.h"
#include "sentryfs/rc.h"

#define TOKEN "sntryu_0123456789abcdef"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char home[] = "/tmp/sentryfs-options-XXXXXX";
static char mnt[64];
static char said[2048]; /* what the last call wrote to `err` */

static const char *const variables[] = {"SENTRY_URL",	     "SENTRY_HOST",  "SENTRY_ORG",	     "SENTRY_PROJECT",
					"SENTRY_AUTH_TOKEN", "SENTRY_TOKEN", "CREDENTIALS_DIRECTORY"};

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++)
		unsetenv(variables[i]);
	write_file(".sentryclirc", "", 0600);
	write_file("token", "", 0600);
	return 0;
}

static int group_setup(void **state)
{
	(void)state;
	if (!mkdtemp(home))
		return -1;
	snprintf(mnt, sizeof(mnt), "%s/mnt", home);
	return mkdir(mnt, 0700) || setenv("HOME", home, 1);
}

static int group_teardown(void **state)
{
	static const char *const files[] = {".sentryclirc", "token", "sentry-token"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", home, files[i]);
		unlink(path);
	}
	return rmdir(mnt) || rmdir(home);
}

/* Parses the arguments up to NULL; @ stands for the mount point. */
static int parse(struct options *o, const char *first, ...)
{
	char *argv[32] = {(char *)"sentryfs"};
	FILE *err = fmemopen(said, sizeof(said), "w");
	const char *arg = first;
	int argc = 1;
	va_list ap;
	int r;

	memset(said, 0, sizeof(said));
	va_start(ap, first);
	for (; arg; arg = va_arg(ap, const char *))
		argv[argc++] = strcmp(arg, "@") == 0 ? mnt : (char *)(uintptr_t)arg;
	va_end(ap);
	assert_non_null(err);
	r = options_parse(o, argc, argv, err);
	fclose(err);
	if (r == 0)
		assert_string_equal(said, "");
	else
		assert_int_equal(r, -EINVAL);
	return r;
}

static void assert_said(const char *part)
{
	if (!strstr(said, part))
		fail_msg("'%s' is not in '%s'", part, said);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void test_defaults(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, "@", NULL), 0);
	assert_null(o.org);
	assert_true(!o.project && !o.token_file && !o.cacert);
	assert_string_equal(o.url, "https://sentry.io");
	assert_string_equal(o.query, "is:unresolved");
	assert_string_equal(o.mountpoint, mnt);
	assert_int_equal(o.max_issues, 1000);
	assert_int_equal(o.max_events, 100);
	assert_int_equal(o.timeout, 30);
	assert_int_equal(o.connect_timeout, 5);
	assert_int_equal(o.uid, getuid());
	assert_int_equal(o.gid, getgid());
	assert_int_equal(o.umask, 022);
	assert_false(o.foreground || o.debug || o.insecure || o.read_only || o.allow_other || o.default_permissions ||
		     o.auto_unmount || o.help || o.version);
	options_done(&o);
}

static void test_fstab_order(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, "acme/web-1", "@", "-n", "-v", "-s", "-o",
			       "rw,nosuid,nodev,noexec,noatime,_netdev,nofail,noauto,user,user=joe,x-systemd.automount,"
			       "x-gvfs-name=a=b,comment=hi,defaults,max_issues=7,query=is:resolved\\, a:\\\\b\\\"c",
			       NULL),
			 0);
	assert_string_equal(o.org, "acme");
	assert_string_equal(o.project, "web-1");
	assert_int_equal(o.max_issues, 7);
	assert_string_equal(o.query, "is:resolved, a:\\b\\\"c");
	assert_false(o.read_only);
	options_done(&o);
	assert_int_equal(parse(&o, "-oro,uid=5", "none", "@", "--gid", "6", "-fo", "umask=077,,allow_other", NULL), 0);
	assert_null(o.org);
	assert_true(o.read_only && o.foreground && o.allow_other && o.default_permissions);
	assert_int_equal(o.uid, 5);
	assert_int_equal(o.gid, 6);
	assert_int_equal(o.umask, 077);
	options_done(&o);
	assert_int_equal(parse(&o, "", "@", NULL), 0);
	assert_null(o.org);
	options_done(&o);
	assert_int_equal(parse(&o, "-d", "--", "@", NULL), 0);
	assert_true(o.foreground && o.debug);
	options_done(&o);
}

static void test_source_host(void **state)
{
	struct options o;

	(void)state;
	setenv("SENTRY_URL", "https://other.example", 1);
	assert_int_equal(parse(&o, "sentry:Sentry.Example:8443/acme/web", "@", NULL), 0);
	assert_string_equal(o.url, "https://sentry.example:8443");
	assert_string_equal(o.org, "acme");
	assert_string_equal(o.project, "web");
	options_done(&o);
	assert_int_equal(parse(&o, "sentry:127.0.0.1:9000/acme", "@", "-o", "url=http://127.0.0.1:9000/", NULL), 0);
	assert_string_equal(o.url, "http://127.0.0.1:9000");
	options_done(&o);
	assert_int_equal(parse(&o, "sentry:sentry.example", "@", NULL), 0);
	assert_null(o.org);
	options_done(&o);
	assert_int_equal(parse(&o, "sentry:a.example/acme", "@", "--url=https://b.example", NULL), -EINVAL);
	assert_said("https://b.example");
	options_done(&o);
}

static void expect_target(const char *url, const char *org, const char *project)
{
	struct options o;

	assert_int_equal(parse(&o, "@", NULL), 0);
	assert_string_equal(o.url, url);
	if (org)
		assert_string_equal(o.org, org);
	else
		assert_null(o.org);
	if (project)
		assert_string_equal(o.project, project);
	else
		assert_null(o.project);
	options_done(&o);
}

static void test_precedence(void **state)
{
	struct options o;

	(void)state;
	write_file(".sentryclirc", "[defaults]\nurl=https://rc.example/\norg=rc-org\nproject=rc-web\n", 0644);
	expect_target("https://rc.example", "rc-org", "rc-web");
	setenv("SENTRY_HOST", "host.example", 1);
	expect_target("https://host.example", "rc-org", "rc-web");
	setenv("SENTRY_URL", "https://env.example", 1);
	expect_target("https://env.example", "rc-org", "rc-web");
	setenv("SENTRY_ORG", "env-org", 1);
	expect_target("https://env.example", "env-org", NULL); /* rc-web is rc-org's */
	setenv("SENTRY_PROJECT", "env-web", 1);
	expect_target("https://env.example", "env-org", "env-web");
	setenv("SENTRY_PROJECT", "o2/p2", 1);
	expect_target("https://env.example", "o2", "p2");
	assert_int_equal(parse(&o, "cmd", "@", "-o", "url=https://one.example", "-o",
			       "url=https://two.example,timeout=2", "--timeout=3", NULL),
			 0);
	assert_string_equal(o.url, "https://two.example");
	assert_string_equal(o.org, "cmd");
	assert_null(o.project);
	assert_int_equal(o.timeout, 3);
	options_done(&o);
	setenv("SENTRY_URL", "", 1);
	setenv("SENTRY_HOST", "", 1);
	expect_target("https://rc.example", "o2", "p2");
}

struct bad {
	const char *arg;
	const char *says[3];
};

static void test_bad_values(void **state)
{
	static const struct bad bad[] = {
		{"--max-issues=0", {"max_issues", "'0'", "1 to 100000"}},
		{"--max_issues=100001", {"max_issues", "'100001'", "1 to 100000"}},
		{"--max-issues=", {"max_issues", "''", "1 to 100000"}},
		{"--max-issues=-1", {"max_issues", "'-1'", "1 to 100000"}},
		{"--max-events=1001", {"max_events", "'1001'", "1 to 1000"}},
		{"--max-events=1x", {"max_events", "'1x'", "1 to 1000"}},
		{"--timeout=0", {"timeout", "'0'", "1 to 3600"}},
		{"--timeout=99999999999999999999999", {"timeout", "9999", "1 to 3600"}},
		{"--connect-timeout=301", {"connect_timeout", "'301'", "1 to 300"}},
		{"--uid=root", {"uid", "'root'", "a number from 0 to 4294967294"}},
		{"--gid=4294967295", {"gid", "'4294967295'", "a number"}},
		{"--umask=8", {"umask", "'8'", "octal"}},
		{"--umask=1000", {"umask", "'1000'", "0 to 777"}},
		{"--query=a\nb", {"query", "a b", "control"}},
		{"--token-file=", {"token_file", "''", "bytes"}},
		{"--cacert=/nonexistent/ca.pem", {"cacert", "'/nonexistent/ca.pem'", "can be read"}},
		{"--url=sentry.io", {"url", "'sentry.io'", "https://HOST"}},
		{"--url=ftp://sentry.io", {"url", "ftp://", "https://HOST"}},
		{"--url=https://sentry.io/api", {"url", "/api", "without a path"}},
		{"--url=https://sentry.io?x=1", {"url", "?x=1", "a query"}},
		{"--url=https://me@sentry.io", {"url", "me@", "a user"}},
		{"--url=https://", {"url", "'https://'", "HOST"}},
		{"--url=https://a b", {"url", "a b", "HOST"}},
		{"--url=https://a:0", {"url", "a:0", "PORT"}},
		{"--url=https://a:65536", {"url", "a:65536", "PORT"}},
		{"--url=https://[::g]", {"url", "[::g]", "HOST"}},
		{"--url=http://sentry.example", {"url", "http://sentry.example", "insecure"}},
		{"--insecure=1", {"insecure", "'1'", "no value"}},
		{"--ro=yes", {"ro", "'yes'", "no value"}},
		{"--rw=yes", {"rw", "'yes'", "no value"}},
		{"--allow-other=yes", {"allow_other", "'yes'", "no value"}},
		{"--default-permissions=1", {"default_permissions", "'1'", "no value"}},
		{"--auto-unmount=1", {"auto_unmount", "'1'", "no value"}},
		{"--foreground=1", {"foreground", "'1'", "no value"}},
		{"--debug=1", {"debug", "'1'", "no value"}},
		{"--help=1", {"help", "'1'", "no value"}},
		{"--version=1", {"version", "'1'", "no value"}},
		{"-omax_issues", {"max_issues", "needs a value", "max_issues=N"}},
		{"--max-isues=4", {"--max-isues", "did you mean max_issues", "see sentryfs --help"}},
		{"-oqurey=x", {"-o qurey", "did you mean query", "sentryfs --help"}},
		{"--frobnicate", {"--frobnicate", "unknown option", "see sentryfs --help"}},
		{"-x", {"-x", "unknown option", "see sentryfs --help"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct options o;

		assert_int_equal(parse(&o, bad[i].arg, "acme", "@", NULL), -EINVAL);
		for (size_t j = 0; j < COUNT(bad[i].says); j++)
			if (!strstr(said, bad[i].says[j]))
				fail_msg("%s: '%s' is not in '%s'", bad[i].arg, bad[i].says[j], said);
		options_done(&o);
	}
}

static void refused(const char *source, const char *dir, const char *part)
{
	struct options o;

	assert_int_equal(parse(&o, source, dir, NULL), -EINVAL);
	assert_said(part);
	options_done(&o);
}

static void test_bad_arguments(void **state)
{
	struct options o;

	(void)state;
	refused(NULL, NULL, "mount point is missing");
	refused("a.b", "@", "'a.b' is not the slug of an organization");
	refused("a/", "@", "'' is not the slug of a project");
	refused("a/b/c", "@", "'b/c' is not the slug of a project");
	refused("../x", "@", "'..' is not the slug");
	refused("a", "/nonexistent/x", "'/nonexistent/x' does not exist");
	refused("a", "/dev/null", "is not a directory");
	refused("sentry:/acme", "@", "'' is not a host");
	refused("@", "--url", "url needs a value");
	refused("@", "-o", "-o needs a value");
	assert_int_equal(parse(&o, "a", "@", "c", NULL), -EINVAL);
	assert_said("unexpected argument 'c'");
	options_done(&o);
	assert_int_equal(parse(&o, "-o", "token=" TOKEN, "@", NULL), -EINVAL);
	assert_said("token_file");
	assert_null(strstr(said, "0123"));
	options_done(&o);
}

static void refused_variable(const char *name, const char *value, const char *part)
{
	setenv(name, value, 1);
	refused("@", NULL, name);
	assert_said(part);
	unsetenv(name);
}

static void test_bad_environment(void **state)
{
	struct options o;

	(void)state;
	refused_variable("SENTRY_URL", "sentry.io", "'sentry.io' is not accepted");
	refused_variable("SENTRY_HOST", "sentry.io/x", "'sentry.io/x' is not accepted");
	refused_variable("SENTRY_ORG", "a b", "'a b' is not the slug");
	refused_variable("SENTRY_PROJECT", "web", "of no organization");
	refused_variable("SENTRY_PROJECT", "a/b/c", "'b/c'");
	/* what is hidden is not looked at */
	setenv("SENTRY_ORG", "a b", 1);
	setenv("SENTRY_URL", "rubbish", 1);
	write_file(".sentryclirc", "rubbish", 0600);
	assert_int_equal(parse(&o, "acme", "@", "--url", "https://[::1]:9", NULL), 0);
	options_done(&o);
	setup(NULL);
	write_file(".sentryclirc", "[defaults]\nrubbish\n", 0600);
	refused("@", NULL, "line 2");
	write_file(".sentryclirc", "[defaults]\norg=a\n", 0622);
	refused("@", NULL, "can be changed by others");
}

static void test_help(void **state)
{
	char text[8192] = {0};
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, "-h", NULL), 0);
	assert_true(o.help);
	options_done(&o);
	assert_int_equal(parse(&o, "--version", "-f", NULL), 0);
	assert_true(o.version && o.foreground);
	options_done(&o);
	assert_non_null(out);
	options_help(out);
	fclose(out);
	assert_non_null(strstr(text, "--max-issues=N"));
	assert_non_null(strstr(text, "(1 to 100000) (default: 1000)"));
	assert_non_null(strstr(text, "-V, --version"));
	for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		assert_true(end - line <= 100);
}

static void test_loopback(void **state)
{
	static const struct {
		const char *url;
		bool safe;
	} urls[] = {
		{"https://evil.example", true},	 {"http://127.0.0.1", true},	   {"http://127.9.8.7:80", true},
		{"http://localhost:9000", true}, {"http://LOCALHOST", true},	   {"http://[::1]:9000", true},
		{"http://127.evil.com", false},	 {"http://128.0.0.1", false},	   {"http://[::2]", false},
		{"http://127.1", false},	 {"http://localhost.evil", false}, {"http://0x7f.0.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		cleanup_free char *origin = origin_parse(str_of(urls[i].url), false);

		assert_non_null(origin);
		assert_int_equal(origin_is_safe(origin), urls[i].safe);
	}
}

static void test_insecure_and_paths(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, "--url=HTTP://Sentry.Example:80/", "@", "-o", "insecure,token_file=a b", NULL), 0);
	assert_string_equal(o.url, "http://sentry.example:80");
	assert_int_equal(o.token_file[0], '/');
	assert_non_null(strstr(o.token_file, "/a b"));
	options_done(&o);
}

static int rc(struct rc *r, const char *text, unsigned *line)
{
	return rc_parse(r, str_of(text), line);
}

static void test_rc(void **state)
{
	static const char *const wrong[] = {"[auth", "[auth] x",	  "novalue",
					    "=x",    "[auth]\ntoken=\"a", "[auth]\ntoken='a' b"};
	struct rc r;
	unsigned line;

	(void)state;
	assert_int_equal(
		rc(&r,
		   "\xef\xbb\xbf# c\r\n; c\r\n\r\nurl=outside\r\n[defaults] ; c\r\n  url = \"https://a.b\" # c\r\n"
		   "org: acme ; c\r\nproject='w#b'\r\nvcs = x\r\n[other]\r\ntoken=no\r\n[ auth ]\r\ntoken=a=b#c\r\n",
		   &line),
		0);
	assert_string_equal(r.url, "https://a.b");
	assert_string_equal(r.org, "acme");
	assert_string_equal(r.project, "w#b");
	assert_string_equal(r.token, "a=b#c");
	rc_done(&r);
	assert_int_equal(rc(&r, "[auth]\ntoken=one\ntoken=two", &line), 0);
	assert_string_equal(r.token, "two");
	rc_done(&r);
	assert_int_equal(rc(&r, "[auth]\ntoken=\n[defaults]\norg=\"\"\nproject=# c", &line), 0);
	assert_true(!r.token && !r.org && !r.project);
	rc_done(&r);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_int_equal(rc(&r, wrong[i], &line), -EINVAL);
		assert_int_equal(line, strchr(wrong[i], '\n') ? 2 : 1);
		rc_done(&r);
	}
	assert_int_equal(rc_parse(&r, (struct str){"a\0=b", 4}, &line), -EINVAL);
	rc_done(&r);
}

static enum token_place place; /* where the last one was */

/* Reads the token with -o token_file=NAME (NULL: without); `again`: from where the last one was. */
static int read_token(const char *name, bool again, char **token)
{
	char path[128];
	struct options o = {0};
	FILE *err = fmemopen(said, sizeof(said), "w");
	int r;

	memset(said, 0, sizeof(said));
	assert_non_null(err);
	snprintf(path, sizeof(path), "%s/%s", home, name ? name : "");
	o.token_file = name ? path : NULL;
	*token = NULL;
	r = again ? token_again(&o, place, token, err) : token_read(&o, token, &place, err);
	fclose(err);
	assert_null(strstr(said, "0123"));
	assert_true((r == 0) == (*token != NULL));
	assert_true(r || !*said);
	return r;
}

static void expect_token(const char *name, const char *want)
{
	char *token;

	assert_int_equal(read_token(name, false, &token), 0);
	assert_string_equal(token, want);
	token_free(token);
}

static void refuse_token(const char *name, int error, const char *part)
{
	char *token;

	assert_int_equal(read_token(name, false, &token), error);
	assert_said(part);
}

static void test_token_precedence(void **state)
{
	(void)state;
	refuse_token(NULL, -ENOENT, "SENTRY_AUTH_TOKEN");
	write_file(".sentryclirc", "[auth]\ntoken=from-rc\n", 0600);
	expect_token(NULL, "from-rc");
	setenv("CREDENTIALS_DIRECTORY", mnt, 1); /* has none */
	expect_token(NULL, "from-rc");
	setenv("CREDENTIALS_DIRECTORY", home, 1);
	write_file("sentry-token", "from-credential\n", 0440);
	expect_token(NULL, "from-credential");
	setenv("SENTRY_TOKEN", "from-plain", 1);
	expect_token(NULL, "from-plain");
	setenv("SENTRY_TOKEN", "from-plain", 1);
	setenv("SENTRY_AUTH_TOKEN", "from-auth", 1);
	expect_token(NULL, "from-auth");
	assert_null(getenv("SENTRY_TOKEN"));
	setenv("SENTRY_AUTH_TOKEN", "from-auth", 1);
	write_file("token", "  from-file \r\n\n", 0400);
	expect_token("token", "from-file");
	assert_null(getenv("SENTRY_AUTH_TOKEN"));
	setenv("SENTRY_AUTH_TOKEN", "", 1);
	expect_token(NULL, "from-credential");
}

/* getenv(3) sees the first of two only, /proc/PID/environ both. */
static void test_a_token_twice(void **state)
{
	char **before = environ;
	char first[] = "SENTRY_AUTH_TOKEN=from-first", second[] = "SENTRY_AUTH_TOKEN=from-second",
	     more[] = "SENTRY_TOKENS=x";
	char *both[] = {first, more, second, NULL};

	(void)state;
	environ = both;
	expect_token(NULL, "from-first");
	environ = before;
	assert_string_equal(first, "SENTRY_AUTH_TOKEN=");
	assert_string_equal(second, "SENTRY_AUTH_TOKEN=");
	assert_string_equal(more, "SENTRY_TOKENS=x");
}

/* The working directory is another one once the program is in the background. */
static void test_a_home_without_a_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *path = NULL;

		setenv("HOME", i ? "./home" : "home", 1);
		path = rc_path();
		assert_true(!path || *path == '/');
	}
	setenv("HOME", home, 1);
}

static void expect_again(const char *name, const char *want)
{
	char *token;

	assert_int_equal(read_token(name, true, &token), 0);
	assert_string_equal(token, want);
	token_free(token);
}

static void test_token_again(void **state)
{
	char path[128];
	char *token;

	(void)state;
	write_file("token", "one", 0600);
	expect_token("token", "one");
	write_file("token", "two", 0600);
	expect_again("token", "two");
	write_file("token", "three", 0640); /* as strict as the first time */
	assert_int_equal(read_token("token", true, &token), -EACCES);
	assert_said("chmod 600");

	/* each from its own place, though a better one has a token by now */
	write_file(".sentryclirc", "[auth]\ntoken=from-rc\n", 0600);
	expect_token(NULL, "from-rc");
	write_file("sentry-token", "from-credential", 0440);
	setenv("CREDENTIALS_DIRECTORY", home, 1);
	setenv("SENTRY_TOKEN", "from-plain", 1);
	expect_again(NULL, "from-rc");
	unsetenv("SENTRY_TOKEN");
	expect_token(NULL, "from-credential");
	write_file("sentry-token", "newer", 0440);
	expect_again(NULL, "newer");
	snprintf(path, sizeof(path), "%s/sentry-token", home);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_token(NULL, true, &token), -ENOENT);
	assert_said("not where it was");

	/* what can be read once */
	setenv("SENTRY_AUTH_TOKEN", "from-auth", 1);
	expect_token(NULL, "from-auth");
	assert_int_equal(read_token(NULL, true, &token), -EOPNOTSUPP);
	assert_string_equal(said, "");
	place = TOKEN_FILE;
	snprintf(path, sizeof(path), "%s/pipe", home);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_token("pipe", true, &token), -EOPNOTSUPP);
	unlink(path);
}

static void test_token_wiped(void **state)
{
	static char auth[] = "SENTRY_AUTH_TOKEN=" TOKEN;
	static char plain[] = "SENTRY_TOKEN=" TOKEN;
	const char *const values[] = {strchr(auth, '=') + 1, strchr(plain, '=') + 1};

	(void)state;
	assert_int_equal(putenv(auth), 0);
	assert_int_equal(putenv(plain), 0);
	expect_token(NULL, TOKEN);
	assert_null(getenv("SENTRY_AUTH_TOKEN"));
	assert_null(getenv("SENTRY_TOKEN"));
	for (size_t i = 0; i < COUNT(values); i++)
		for (size_t j = 0; j < sizeof(TOKEN); j++)
			assert_int_equal(values[i][j], 0);
}

static void test_token_modes(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644};

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		write_file("token", TOKEN, modes[i]);
		refuse_token("token", -EACCES, "chmod 600");
		write_file(".sentryclirc", "[auth]\ntoken=" TOKEN, modes[i]);
		refuse_token(NULL, -EACCES, "chmod 600");
	}
	write_file(".sentryclirc", "[defaults]\norg=a\n", 0644);
	refuse_token(NULL, -ENOENT, "no token");
	write_file("sentry-token", TOKEN, 0444);
	setenv("CREDENTIALS_DIRECTORY", home, 1);
	refuse_token(NULL, -EACCES, "chmod 600");
	refuse_token("missing", -ENOENT, "does not exist");
	refuse_token("mnt", -EINVAL, "is not a file");
}

static void test_token_bad(void **state)
{
	char *token;
	char big[4096];

	(void)state;
	refuse_token("token", -EINVAL, "is empty");
	write_file("token", TOKEN "\n" TOKEN "\n", 0600);
	refuse_token("token", -EINVAL, "cannot be in a token");
	write_file("token", TOKEN "\xc3\xa9", 0600);
	refuse_token("token", -EINVAL, "cannot be in a token");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	write_file("token", big, 0600);
	refuse_token("token", -EINVAL, "too long");
	big[2050] = '\0';
	write_file("token", big, 0600);
	refuse_token("token", -EINVAL, "longer than");
	setenv("SENTRY_AUTH_TOKEN", "sntrys_eyJpYXQiOjB9_0123", 1);
	refuse_token(NULL, -EINVAL, "internal integration");
	setenv("SENTRY_TOKEN", "a b", 1);
	refuse_token(NULL, -EINVAL, "SENTRY_TOKEN");
	write_file(".sentryclirc", "[auth]\nx\n", 0600);
	assert_int_equal(read_token(NULL, false, &token), -EINVAL);
	assert_said("line 2");
	token_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {TEST(test_defaults),
					   TEST(test_fstab_order),
					   TEST(test_source_host),
					   TEST(test_precedence),
					   TEST(test_bad_values),
					   TEST(test_bad_arguments),
					   TEST(test_bad_environment),
					   TEST(test_help),
					   TEST(test_loopback),
					   TEST(test_insecure_and_paths),
					   TEST(test_rc),
					   TEST(test_token_precedence),
					   TEST(test_token_again),
					   TEST(test_a_token_twice),
					   TEST(test_a_home_without_a_place),
					   TEST(test_token_wiped),
					   TEST(test_token_modes),
					   TEST(test_token_bad)};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
