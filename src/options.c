// SPDX-License-Identifier: MIT
/*
 * What the user said: the table of options, and the reading of argv and of -o
 * lists by it. What a value may be is option.c's, what argv leaves open target.c's.
 *
 * One row is one option: it drives parsing, --help, defaults and every message.
 * A row's name is written max_issues after -o and --max-issues as a word of its
 * own. Owns nothing but the strings of struct options. Must not know FUSE, curl
 * or the token. Out of memory ends the program: nothing is mounted yet.
 */
#include "sentryfs/options.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "sentryfs/option.h"
#include "sentryfs/target.h"

#define USAGE "sentryfs [options] [ORG[/PROJECT]] MOUNTPOINT"

#define AT(field) offsetof(struct options, field)

static const struct option_row table[] = {
	{"url", 0, OPTION_URL, AT(url), 1, 300, "URL", NULL, "Sentry's address, http(s)://HOST[:PORT]"},
	{"token_file", 0, OPTION_PATH, AT(token_file), 1, 4095, "FILE", NULL, "file with the token, mode 0600"},
	{"query", 0, OPTION_TEXT, AT(query), 0, 1000, "QUERY", "is:unresolved", "which issues a listing shows"},
	{"environment", 0, OPTION_TEXT, AT(environment), 1, 1000, "NAME,...", NULL, "only issues seen there"},
	{"stats_period", 0, OPTION_PERIOD, AT(stats_period), 2, 8, "PERIOD", NULL,
	 "only issues seen so lately, as 24h or 14d"},
	{"max_issues", 0, OPTION_NUMBER, AT(max_issues), 1, 100000, "N", "1000", "most issues in a listing"},
	{"max_events", 0, OPTION_NUMBER, AT(max_events), 1, 1000, "N", "100", "most events in a listing"},
	{"timeout", 0, OPTION_NUMBER, AT(timeout), 1, 3600, "SECONDS", "30", "give up without progress"},
	{"connect_timeout", 0, OPTION_NUMBER, AT(connect_timeout), 1, 300, "SECONDS", "5", "give up connecting"},
	{"cacert", 0, OPTION_FILE, AT(cacert), 1, 4095, "FILE", NULL, "certificates to trust, PEM"},
	{"cert", 0, OPTION_FILE, AT(cert), 1, 4095, "FILE", NULL, "this client's certificate, PEM"},
	{"key", 0, OPTION_FILE, AT(key), 1, 4095, "FILE", NULL, "its private key, PEM, if it is not in cert"},
	{"insecure", 0, OPTION_SET, AT(insecure), 0, 0, NULL, NULL, "allow http to any host"},
	{"cache", 0, OPTION_WORD, AT(cache_disk), 0, 0, "memory|disk", "disk", "where what was seen is kept"},
	{"cache_size", 0, OPTION_SIZE, AT(cache_size), 1, 1048576, "SIZE", "512M", "most that is kept on disk"},
	{"cache_memory", 0, OPTION_SIZE, AT(cache_memory), 1, 1048576, "SIZE", "128M", "most that is kept in memory"},
	{"crawl", 0, OPTION_NUMBER, AT(crawl), 0, 1000000, "N", "2000", "requests one process makes unslowed"},
	{"offline", 0, OPTION_SET, AT(offline), 0, 0, NULL, NULL, "ask the server nothing, show what is on disk"},
	{"uid", 0, OPTION_NUMBER, AT(uid), 0, UINT_MAX - 1ul, "N", NULL, "owner of every file (default: you)"},
	{"gid", 0, OPTION_NUMBER, AT(gid), 0, UINT_MAX - 1ul, "N", NULL, "group of every file (default: yours)"},
	{"umask", 0, OPTION_OCTAL, AT(umask), 0, 0777, "OCTAL", "022", "permission bits to take away"},
	{"ro", 0, OPTION_SET, AT(read_only), 0, 0, NULL, NULL, "mount read-only"},
	{"nodelete", 0, OPTION_SET, AT(no_delete), 0, 0, NULL, NULL, "rmdir of an issue is refused"},
	{"max_delete", 0, OPTION_NUMBER, AT(max_delete), 1, 1000, "N", "1", "issues that one process may delete"},
	{"rw", 0, OPTION_CLEAR, AT(read_only), 0, 0, NULL, NULL, "undo ro"},
	{"allow_other", 0, OPTION_SET, AT(allow_other), 0, 0, NULL, NULL,
	 "let other users in; sets default_permissions"},
	{"default_permissions", 0, OPTION_SET, AT(default_permissions), 0, 0, NULL, NULL,
	 "let the kernel check the modes"},
	{"auto_unmount", 0, OPTION_SET, AT(auto_unmount), 0, 0, NULL, NULL, "unmount when the program dies"},
	{"foreground", 'f', OPTION_SET, AT(foreground), 0, 0, NULL, NULL, "stay in the foreground"},
	{"debug", 'd', OPTION_SET, AT(debug), 0, 0, NULL, NULL, "log every operation; sets foreground"},
	{"help", 'h', OPTION_SET, AT(help), 0, 0, NULL, NULL, "print this and exit"},
	{"version", 'V', OPTION_SET, AT(version), 0, 0, NULL, NULL, "print the version and exit"},
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

/* What mount(8) and fstab(5) say to the kernel, to systemd or to themselves. One
 * that ends in * is the beginning of a word. */
static const char *const discarded[] = {
	"auto",	       "noauto",	"user",	      "user=*",	  "nouser",	"users",      "owner",
	"group",       "nofail",	"_netdev",    "defaults", "dev",	"nodev",      "suid",
	"nosuid",      "exec",		"noexec",     "sync",	  "async",	"dirsync",    "atime",
	"noatime",     "diratime",	"nodiratime", "relatime", "norelatime", "lazytime",   "nolazytime",
	"strictatime", "nostrictatime", "silent",     "loud",	  "iversion",	"noiversion", "mand",
	"nomand",      "comment=*",	"x-*",	      "X-*",	  "helper=*",	"uhelper=*",
};

struct parse {
	struct options *o;
	FILE *err;
	const char *positional[2];
	int positionals;
	bool only_source; /* there is no mount point */
};

/* ---- names ---- */

/* max-issues and max_issues are one name. */
static bool name_matches(struct str given, const char *name)
{
	size_t i;

	for (i = 0; i < given.n && name[i]; i++)
		if (given.s[i] != name[i] && !(given.s[i] == '-' && name[i] == '_'))
			return false;
	return i == given.n && !name[i];
}

static const struct option_row *row_find(struct str name)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (name_matches(name, table[i].name))
			return &table[i];
	return NULL;
}

static const char *nearest(struct str name)
{
	unsigned best = 4; /* more than three edits is another word */
	const char *found = NULL;

	for (size_t i = 0; i < TABLE_COUNT && name.n > 1; i++) {
		unsigned d = str_distance(name, str_of(table[i].name));

		if (d < best && d < name.n) {
			best = d;
			found = table[i].name;
		}
	}
	return found;
}

/* Names the option only: its value may be a token. */
static int unknown(FILE *err, const char *dashes, struct str name)
{
	const char *near = nearest(name);

	if (str_eqz(name, "token") || str_eqz(name, "auth-token") || str_eqz(name, "auth_token"))
		return target_fail(
			err, -EINVAL,
			"%s%.*s is not an option, since every user can see a command line: use token_file or "
			"SENTRY_AUTH_TOKEN; see sentryfs --help",
			dashes, (int)name.n, name.s);
	if (near)
		return target_fail(err, -EINVAL, "unknown option %s%.*s: did you mean %s? (see sentryfs --help)",
				   dashes, (int)name.n, name.s, near);
	return target_fail(err, -EINVAL, "unknown option %s%.*s; see sentryfs --help", dashes, (int)name.n, name.s);
}

/* ---- argv ---- */

/* `value.s` is NULL when there is none. */
static int set(struct parse *p, const struct option_row *row, struct str value)
{
	if (!option_takes_value(row) && value.s)
		return target_fail(p->err, -EINVAL, "option %s: '%.*s' is not accepted; it takes no value", row->name,
				   (int)value.n, value.s);
	if (option_takes_value(row) && !value.s)
		return target_fail(p->err, -EINVAL, "option %s needs a value: %s=%s", row->name, row->name, row->arg);
	return option_store(row, p->o, value) ? 0 : option_refuse(p->err, row, value);
}

static bool is_discarded(struct str word)
{
	for (size_t i = 0; i < sizeof(discarded) / sizeof(discarded[0]); i++) {
		struct str d = str_of(discarded[i]);

		if (d.s[d.n - 1] == '*' ? word.n >= d.n - 1 && memcmp(word.s, d.s, d.n - 1) == 0 : str_eq(word, d))
			return true;
	}
	return false;
}

static int set_word(struct parse *p, struct str word, const char *dashes)
{
	struct str value = word;
	struct str name = str_cut(&value, '=');
	const struct option_row *row = row_find(name);

	return row ? set(p, row, value) : unknown(p->err, dashes, name);
}

/* a,b=c; a comma or a backslash after a backslash is itself. */
static int parse_list(struct parse *p, const char *list)
{
	cleanup_free char *word = target_need(malloc(strlen(list) + 1));
	size_t n = 0;
	int r = 0;

	for (const char *c = list; r == 0; c++) {
		if (*c == '\\' && (c[1] == ',' || c[1] == '\\')) {
			word[n++] = *++c;
			continue;
		}
		if (*c && *c != ',') {
			word[n++] = *c;
			continue;
		}
		if (n > 0 && !is_discarded((struct str){word, n}))
			r = set_word(p, (struct str){word, n}, "-o ");
		n = 0;
		if (!*c)
			break;
	}
	return r;
}

/* Takes the next argument as a value of `row`; NULL when there is none. */
static const char *next_argument(int argc, char **argv, int *i)
{
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static int parse_long(struct parse *p, int argc, char **argv, int *i)
{
	struct str word = str_of(argv[*i] + 2);
	const struct option_row *row = row_find(word);

	if (row && option_takes_value(row))
		return set(p, row, str_of(next_argument(argc, argv, i)));
	return set_word(p, word, "--");
}

static const struct option_row *row_of_letter(char letter)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (table[i].letter == letter)
			return &table[i];
	return NULL;
}

static int parse_short(struct parse *p, int argc, char **argv, int *i)
{
	for (const char *c = argv[*i] + 1; *c; c++) {
		const struct option_row *row = row_of_letter(*c);

		if (*c == 'o') {
			const char *list = c[1] ? c + 1 : next_argument(argc, argv, i);

			return list ? parse_list(p, list)
				    : target_fail(p->err, -EINVAL, "option -o needs a value: -o NAME[=VALUE],...");
		}
		if (row)
			option_store(row, p->o, STR(""));
		else if (!strchr("nvs", *c)) /* mount(8) passes these to its helpers */
			return unknown(p->err, "-", (struct str){c, 1});
	}
	return 0;
}

static int parse_argv(struct parse *p, int argc, char **argv)
{
	bool only_positional = false;
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++) {
		const char *arg = argv[i];

		if (only_positional || arg[0] != '-' || !arg[1]) {
			if (p->positionals == 2)
				return target_fail(p->err, -EINVAL, "unexpected argument '%s'; usage: %s", arg, USAGE);
			p->positional[p->positionals++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			only_positional = true;
		} else if (arg[1] == '-') {
			r = parse_long(p, argc, argv, &i);
		} else {
			r = parse_short(p, argc, argv, &i);
		}
	}
	return r;
}

/* ---- all of it ---- */

static int finish(struct parse *p)
{
	struct options *o = p->o;
	int r = 0;

	o->foreground |= o->debug;
	o->default_permissions |= o->allow_other;
	if (o->key && !o->cert)
		return target_fail(p->err, -EINVAL, "option key needs option cert: a key alone says nothing");
	if (o->help || o->version)
		return 0;
	if (p->only_source) {
		if (p->positionals == 2)
			return target_fail(p->err, -EINVAL, "unexpected argument '%s': only a source is taken here",
					   p->positional[1]);
		if (p->positionals)
			r = target_source(o, p->positional[0], p->err);
		return r ? r : target_defaults(o, p->err);
	}
	if (p->positionals == 0)
		return target_fail(p->err, -EINVAL, "the mount point is missing; usage: %s", USAGE);
	if (p->positionals == 2)
		r = target_source(o, p->positional[0], p->err);
	if (r == 0)
		r = target_defaults(o, p->err);
	if (r == 0)
		r = target_mountpoint(o, p->positional[p->positionals - 1], p->err);
	if (r == 0)
		r = target_outside(o, o->token_file, p->err);
	if (r == 0)
		r = target_outside(o, o->cacert, p->err);
	if (r == 0)
		r = target_outside(o, o->cert, p->err);
	if (r == 0)
		r = target_outside(o, o->key, p->err);
	return r;
}

static int parse(struct parse *p, int argc, char **argv)
{
	struct options *o = p->o;
	int r;

	*o = (struct options){.uid = getuid(), .gid = getgid()};
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (table[i].preset)
			option_store(&table[i], o, str_of(table[i].preset));
	r = parse_argv(p, argc, argv);
	return r < 0 ? r : finish(p);
}

int options_parse(struct options *o, int argc, char **argv, FILE *err)
{
	return parse(&(struct parse){.o = o, .err = err}, argc, argv);
}

int options_parse_source(struct options *o, int argc, char **argv, FILE *err)
{
	return parse(&(struct parse){.o = o, .err = err, .only_source = true}, argc, argv);
}

void options_done(struct options *o)
{
	free(o->org);
	free(o->project);
	free(o->mountpoint);
	free(o->url);
	free(o->page);
	free(o->token_file);
	free(o->query);
	free(o->environment);
	free(o->stats_period);
	free(o->cacert);
	free(o->cert);
	free(o->key);
	*o = (struct options){0};
}

static void help_row(const struct option_row *row, FILE *out)
{
	char left[64];
	int n = row->letter ? snprintf(left, sizeof(left), "-%c, --", row->letter)
			    : snprintf(left, sizeof(left), "    --");

	for (const char *c = row->name; *c; c++)
		left[n++] = *c == '_' ? '-' : *c;
	snprintf(left + n, sizeof(left) - (size_t)n, "%s%s", row->arg ? "=" : "", row->arg ? row->arg : "");
	fprintf(out, "  %-31s %s", left, row->help);
	if (row->type == OPTION_NUMBER && row->preset)
		fprintf(out, " (%lu to %lu)", row->min, row->max);
	if (row->preset)
		fprintf(out, " (default: %s)", row->preset);
	fputc('\n', out);
}

void options_help(FILE *out)
{
	fputs("Usage: " USAGE "\n\n"
	      "Mounts Sentry's organizations, projects, issues and events as a directory tree.\n\n"
	      "Options; each is also written -o NAME[=VALUE],..., with _ for -:\n",
	      out);
	for (size_t i = 0; i < TABLE_COUNT; i++)
		help_row(&table[i], out);
	fputs("\nThe token comes from SENTRY_AUTH_TOKEN, SENTRY_TOKEN, token_file or ~/.sentryclirc.\n"
	      "SENTRY_URL, SENTRY_HOST, SENTRY_ORG and SENTRY_PROJECT are read too; see sentryfs(1).\n",
	      out);
}
