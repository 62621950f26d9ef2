// SPDX-License-Identifier: MIT
/*
 * Where the token comes from. Tries the four places in their order and gives a
 * copy that the caller owns, and reads it again from where it was; every other copy that passes through here is wiped,
 * the environment's in place, so that /proc/PID/environ holds it no more.
 *
 * A message names the place and never the token, not even a part of it. Must
 * not know how the token is used.
 */
#include "sentryfs/options.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/rc.h"
#include "sentryfs/str.h"
#include "sentryfs/target.h"

#define TOKEN_MAX 2048 /* bytes; an organization token, the longest kind, has some 300 */

#define NOT_OTHERS 0077
/* systemd gives a service's user a credential by an ACL: the file stays root's
 * and its group bits show the ACL's mask, 0440 (seen on systemd 252). */
#define NOT_OTHERS_CREDENTIAL 0037

/* What RFC 6750 allows in a bearer token. */
static bool token_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~+/=", c) != NULL);
}

/* Checks the text that was found at `where` and copies it. */
static int token_take(struct str text, const char *where, char **ret, FILE *err)
{
	text = str_trim(text);
	if (text.n == 0)
		return target_fail(err, -EINVAL, "the token in %s is empty", where);
	if (text.n > TOKEN_MAX)
		return target_fail(err, -EINVAL, "the token in %s is longer than %d bytes", where, TOKEN_MAX);
	for (size_t i = 0; i < text.n; i++)
		if (!token_char(text.s[i]))
			return target_fail(
				err, -EINVAL,
				"the token in %s has a character that cannot be in a token: it takes one token, "
				"of letters, digits and -._~+/=",
				where);
	if (str_starts(text, "sntrys_"))
		return target_fail(
			err, -EINVAL,
			"the token in %s is an organization token (sntrys_...), which cannot read issues: use a "
			"user token (sntryu_...) or the token of an internal integration (sntryi_...) with the "
			"scopes event:read, org:read and project:read",
			where);
	*ret = str_dup(text);
	return *ret ? 0 : target_fail(err, -ENOMEM, "out of memory");
}

static int refuse_file(FILE *err, const char *path, int error)
{
	switch (error) {
	case -EPERM:
		return target_fail(err, -EACCES,
				   "%s holds a token and is not private: make it yours and run chmod 600 %s", path,
				   path);
	case -EFBIG:
		return target_fail(err, -EINVAL, "%s is too long for a file with a token", path);
	case -EINVAL:
	case -EISDIR:
		return target_fail(err, -EINVAL, "%s is not a file", path);
	case -ENOENT:
	case -ENOTDIR:
		return target_fail(err, -ENOENT, "the token file %s does not exist", path);
	default:
		return target_fail(err, -EACCES, "cannot read the token from %s: %s", path, strerror(-error));
	}
}

/* `must`: its absence is an error; else -ENOENT without a word. */
static int token_from_file(const char *path, mode_t refused, bool must, char **ret, FILE *err)
{
	char data[TOKEN_MAX + 64]; /* and white space around it */
	size_t len = 0;
	int r = rc_read_file(path, refused, data, sizeof(data), &len);

	if (r == 0)
		r = token_take((struct str){data, len}, path, ret, err);
	else if (must || (r != -ENOENT && r != -ENOTDIR))
		r = refuse_file(err, path, r);
	explicit_bzero(data, sizeof(data));
	return r;
}

static int token_from_credential(char **ret, FILE *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	cleanup_free char *path = NULL;

	if (!dir || !*dir)
		return -ENOENT;
	path = rc_path_join(dir, "sentry-token");
	if (!path)
		return target_fail(err, -ENOMEM, "out of memory");
	return token_from_file(path, NOT_OTHERS_CREDENTIAL, false, ret, err);
}

static int token_from_rc(char **ret, FILE *err)
{
	cleanup_free char *path = rc_path();
	struct rc rc;
	unsigned line;
	int r;

	if (!path)
		return -ENOENT;
	/* Without the check first: a file that others read and that has no token is no fault. */
	r = rc_load(&rc, path, 0, &line);
	if (r == 0 && !rc.token) {
		r = -ENOENT;
	} else if (r == 0) {
		rc_done(&rc);
		r = rc_load(&rc, path, NOT_OTHERS, &line);
		r = r < 0 ? refuse_file(err, path, r) : token_take(str_of(rc.token), path, ret, err);
	} else if (r == -EINVAL && line > 0) {
		target_fail(err, r, "%s, line %u: neither [SECTION], KEY = VALUE nor a comment", path, line);
	} else if (r != -ENOENT && r != -ENOTDIR) {
		r = refuse_file(err, path, r);
	} else {
		r = -ENOENT;
	}
	rc_done(&rc);
	return r;
}

/* Takes a variable out of the environment, where execve(2) may have put it twice; the caller wipes what it gets. */
static char *token_variable(const char *name)
{
	size_t n = strlen(name);
	char *copy = NULL;

	for (char **e = environ; e && *e; e++) {
		char *value = *e + n + 1;

		if (strncmp(*e, name, n) != 0 || (*e)[n] != '=')
			continue;
		if (*value && !copy)
			copy = str_dup(str_of(value));
		explicit_bzero(value, strlen(value));
	}
	unsetenv(name);
	return copy;
}

static int token_search(const char *file, const char *auth, const char *plain, char **ret, enum token_place *place,
			FILE *err)
{
	int r;

	*place = file ? TOKEN_FILE : TOKEN_VARIABLE;
	if (file)
		return token_from_file(file, NOT_OTHERS, true, ret, err);
	if (auth)
		return token_take(str_of(auth), "SENTRY_AUTH_TOKEN", ret, err);
	if (plain)
		return token_take(str_of(plain), "SENTRY_TOKEN", ret, err);
	*place = TOKEN_CREDENTIAL;
	r = token_from_credential(ret, err);
	if (r == -ENOENT) {
		*place = TOKEN_RC;
		r = token_from_rc(ret, err);
	}
	if (r == -ENOENT)
		target_fail(err, r,
			    "no token: set SENTRY_AUTH_TOKEN, give -o token_file=FILE, or write it under [auth] in "
			    "~/.sentryclirc");
	return r;
}

int token_read(const struct options *o, char **ret, enum token_place *place, FILE *err)
{
	char *auth = token_variable("SENTRY_AUTH_TOKEN");
	char *plain = token_variable("SENTRY_TOKEN");
	int r = token_search(o->token_file, auth, plain, ret, place, err);

	token_free(auth);
	token_free(plain);
	return r;
}

int token_again(const struct options *o, enum token_place place, char **ret, FILE *err)
{
	struct stat st;
	int r;

	switch (place) {
	case TOKEN_FILE:
		/* a pipe was read to its end, and to open it anew may take for ever */
		if (!stat(o->token_file, &st) && !S_ISREG(st.st_mode))
			return -EOPNOTSUPP;
		return token_from_file(o->token_file, NOT_OTHERS, true, ret, err);
	case TOKEN_CREDENTIAL:
		r = token_from_credential(ret, err);
		break;
	case TOKEN_RC:
		r = token_from_rc(ret, err);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return r == -ENOENT ? target_fail(err, r, "the token is not where it was any more") : r;
}

char *token_where(const struct options *o, enum token_place place)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	switch (place) {
	case TOKEN_FILE:
		return str_dup(str_of(o->token_file));
	case TOKEN_CREDENTIAL:
		return rc_path_join(dir ? dir : "", "sentry-token");
	case TOKEN_RC:
		return rc_path();
	default:
		return str_dup(STR("the environment"));
	}
}

void token_free(char *token)
{
	if (!token)
		return;
	explicit_bzero(token, strlen(token));
	free(token);
}
