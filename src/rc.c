// SPDX-License-Identifier: MIT
/*
 * The parser of ~/.sentryclirc, and the reader of small private files that the
 * token shares with it.
 *
 * Owns the values that it found, among them the token, and wipes them when they
 * go. Lenient where Sentry's clients are: either separator (= and :), quotes,
 * CRLF, a byte order mark, comments on a line of their own or after white space.
 * Must not know what the values mean, nor print anything.
 */
#include "sentryfs/rc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/cachedir.h"

char *rc_path_join(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s/%s", dir, name);
	return path;
}

char *rc_path(void)
{
	const char *home = cachedir_home();

	return home ? rc_path_join(home, ".sentryclirc") : NULL;
}

int rc_read_file(const char *path, mode_t refused, char *data, size_t cap, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	size_t n = 0;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		ret = -EINVAL;
	else if ((st.st_mode & refused) || (st.st_uid != geteuid() && st.st_uid != 0))
		ret = -EPERM;
	while (ret == 0) {
		char over;
		ssize_t got = n < cap ? read(fd, data + n, cap - n) : read(fd, &over, 1);

		if (got == 0)
			break;
		if (got > 0 && n == cap)
			ret = -EFBIG;
		else if (got > 0)
			n += (size_t)got;
		else if (errno != EINTR)
			ret = -errno;
	}
	close(fd);
	if (ret == 0)
		*len = n;
	return ret;
}

static void wipe(char **p)
{
	if (*p)
		explicit_bzero(*p, strlen(*p));
	free(*p);
	*p = NULL;
}

void rc_done(struct rc *rc)
{
	wipe(&rc->url);
	wipe(&rc->org);
	wipe(&rc->project);
	wipe(&rc->token);
}

static bool is_comment(char c)
{
	return c == '#' || c == ';';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the quotes or the comment off a value. -EINVAL: a quote that does not
 * close, or text after it. */
static int value_bare(struct str *v)
{
	size_t i;

	if (v->n > 0 && (v->s[0] == '"' || v->s[0] == '\'')) {
		const char *end = memchr(v->s + 1, v->s[0], v->n - 1);
		struct str rest;

		if (!end)
			return -EINVAL;
		rest = str_trim((struct str){end + 1, v->n - (size_t)(end + 1 - v->s)});
		if (rest.n > 0 && !is_comment(rest.s[0]))
			return -EINVAL;
		*v = (struct str){v->s + 1, (size_t)(end - v->s) - 1};
		return 0;
	}
	for (i = 0; i < v->n; i++)
		if (is_comment(v->s[i]) && (i == 0 || is_space(v->s[i - 1])))
			break;
	*v = str_trim((struct str){v->s, i});
	return 0;
}

/* Where a key's value is kept; NULL for one that nobody asks for. */
static char **slot(struct rc *rc, struct str section, struct str key)
{
	if (str_eqz(section, "auth"))
		return str_eqz(key, "token") ? &rc->token : NULL;
	if (!str_eqz(section, "defaults"))
		return NULL;
	if (str_eqz(key, "url"))
		return &rc->url;
	if (str_eqz(key, "org"))
		return &rc->org;
	return str_eqz(key, "project") ? &rc->project : NULL;
}

static int parse_section(struct str line, struct str *section)
{
	const char *end = memchr(line.s, ']', line.n);
	struct str rest;

	if (!end)
		return -EINVAL;
	rest = str_trim((struct str){end + 1, line.n - (size_t)(end + 1 - line.s)});
	if (rest.n > 0 && !is_comment(rest.s[0]))
		return -EINVAL;
	*section = str_trim((struct str){line.s + 1, (size_t)(end - line.s) - 1});
	return 0;
}

static int parse_line(struct rc *rc, struct str line, struct str *section)
{
	struct str key, value;
	char **into;
	size_t i = 0;

	if (line.n == 0 || is_comment(line.s[0]))
		return 0;
	if (line.s[0] == '[')
		return parse_section(line, section);
	while (i < line.n && line.s[i] != '=' && line.s[i] != ':')
		i++;
	if (i == 0 || i == line.n)
		return -EINVAL;
	key = str_trim((struct str){line.s, i});
	value = str_trim((struct str){line.s + i + 1, line.n - i - 1});
	into = slot(rc, *section, key);
	if (!into)
		return 0;
	if (value_bare(&value) < 0)
		return -EINVAL;
	wipe(into);
	if (value.n > 0) {
		*into = str_dup(value);
		if (!*into)
			return -ENOMEM;
	}
	return 0;
}

int rc_parse(struct rc *rc, struct str text, unsigned *line)
{
	struct str section = {NULL, 0};

	*rc = (struct rc){0};
	*line = 0;
	if (str_starts(text, "\xef\xbb\xbf"))
		text = (struct str){text.s + 3, text.n - 3};
	while (text.n > 0) {
		struct str one = str_cut(&text, '\n');
		int r;

		++*line;
		if (one.n > 0 && memchr(one.s, '\0', one.n))
			return -EINVAL;
		r = parse_line(rc, str_trim(one), &section);
		if (r < 0)
			return r;
	}
	return 0;
}

int rc_load(struct rc *rc, const char *path, mode_t refused, unsigned *line)
{
	char data[RC_MAX];
	size_t len = 0;
	int r;

	*rc = (struct rc){0};
	*line = 0;
	r = rc_read_file(path, refused, data, sizeof(data), &len);
	if (r == 0)
		r = rc_parse(rc, (struct str){data, len}, line);
	explicit_bzero(data, sizeof(data));
	return r;
}
