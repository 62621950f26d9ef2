// SPDX-License-Identifier: MIT
/*
 * What looks like a secret, by its name, its place or its form. Pure functions over
 * plain text; what is taken for one and is none is no harm, since the .json is exact.
 */
#include "sentryfs/secret.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool secret_name(struct str name)
{
	static const char *const parts[] = {"token",	  "password",	"passwd",    "passphrase",
					    "secret",	  "apikey",	"cookie",    "authorization",
					    "credential", "privatekey", "accesskey", "sessionid"};
	char lower[128];
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < sizeof(lower); i++) {
		char c = name.s[i];

		if (c != '-' && c != '_' && c != '.' && c != ' ')
			lower[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (memmem(lower, n, parts[i], strlen(parts[i])))
			return true;
	return false;
}

/* What is a secret wherever it stands: by how issuers mark theirs, and JSON web tokens. */
static bool is_secret_word(struct str word)
{
	static const char *const marks[] = {"sntry", "ghp_",  "gho_",	  "ghs_",     "github_pat_", "glpat-",
					    "xoxb-", "xoxp-", "sk_live_", "rk_live_", "sk-",	     "AKIA"};

	if (word.n > 40 && str_starts(word, "eyJ"))
		return true;
	for (size_t i = 0; word.n >= 20 && i < sizeof(marks) / sizeof(*marks); i++)
		if (str_starts(word, marks[i]))
			return true;
	return false;
}

/* How a name and its value are told apart: name=value, "name": value, name: value, or the
 * first two of a list, <name>value. */
enum given { NOT, ASSIGNED, QUOTED, COLON, PAIR, TAG };

/* After a plain colon a word may be prose ("unexpected token: x"), but for these names and those of several
 * words (X-Auth-Token, db_password); and of a header the value goes to the end of the line. */
static bool is_given(struct str word, enum given how)
{
	static const char *const names[] = {"apikey", "password", "passwd", "passphrase", "secret"};

	for (size_t i = 0; how == COLON && i < sizeof(names) / sizeof(*names); i++)
		if (str_case_eq(word, str_of(names[i])))
			return true;
	return how != COLON || memchr(word.s, '_', word.n) || memchr(word.s, '-', word.n);
}

static bool is_header(struct str word)
{
	return (word.n > 5 && str_case_eq((struct str){word.s + word.n - 6, 6}, STR("cookie"))) ||
	       (word.n > 12 && str_case_eq((struct str){word.s + word.n - 13, 13}, STR("authorization")));
}

static size_t skip(struct str s, size_t i, const char *set)
{
	while (i < s.n && s.s[i] && strchr(set, s.s[i]))
		i++;
	return i;
}

static size_t find(struct str s, size_t i, const char *stops)
{
	while (i < s.n && !(s.s[i] && strchr(stops, s.s[i])))
		i++;
	return i;
}

/* Is the word from `begin` to `at` the name of an element of XML that has a text? */
static bool is_element(struct str s, size_t begin, size_t at)
{
	size_t end;

	if (s.s[at] != '>' || !begin || (s.s[begin - 1] != '<' && s.s[begin - 1] != ':'))
		return false;
	end = find(s, at, "<");
	return end + 1 < s.n && s.s[end + 1] == '/';
}

/* Where the value begins that the word from `begin` to `at` is given. */
static size_t value_after(struct str s, size_t begin, size_t at, enum given *how)
{
	size_t i = skip(s, at, "\\\"']");
	bool quoted = i > at;
	char mark, next;

	i = skip(s, i, " \t");
	mark = i < s.n ? s.s[i] : '\0';
	next = i + 1 < s.n ? s.s[i + 1] : '\0';
	*how = NOT;
	if (mark == ',' && quoted && begin > 1 && (s.s[begin - 2] == '(' || s.s[begin - 2] == '['))
		*how = PAIR;
	else if ((mark == '=' && next == '>') || (mark == ':' && next == '='))
		*how = ASSIGNED;
	else if (mark == '=' && next != '=' && next != '~')
		*how = ASSIGNED;
	else if (mark == ':' && next != ':')
		*how = quoted ? QUOTED : COLON;
	else if (mark == '>' && is_element(s, begin, at))
		*how = TAG;
	i += *how == ASSIGNED && (next == '>' || (mark == ':' && next == '=')) ? 2 : 1;
	return skip(s, i, " \t");
}

/* Where a bare value ends; that of a scheme (Bearer, Basic, Token) is two words. `until`: where a value of any words
 * does, or NULL. */
static size_t bare_end(struct str s, size_t i, const char *until)
{
	static const char stops[] = " \t\r\n&,;)}]\"'";
	size_t end = find(s, i, until ? until : stops);
	struct str word = {s.s + i, end - i};

	if (!until && end < s.n && s.s[end] == ' ' &&
	    (str_case_eq(word, STR("bearer")) || str_case_eq(word, STR("basic")) || str_case_eq(word, STR("token"))))
		end = find(s, end + 1, stops);
	return end;
}

/* Adds `[redacted]` for the value at `i` and returns where it ends; `i` when it stays. */
static size_t redact_value(struct buf *b, struct str s, size_t i, const char *until, bool code)
{
	size_t end, escape = 0;
	char quote;

	escape = i < s.n && s.s[i] == '\\';
	quote = i + escape < s.n ? s.s[i + escape] : '\0';
	if (quote == '"' || quote == '\'') {
		end = i + escape + 1;
		while (end < s.n && s.s[end] != quote && s.s[end] != '\n')
			end += s.s[end] == '\\' && !escape && end + 1 < s.n ? 2 : 1;
		end = end < s.n ? end : s.n;
		if (end <= i + escape + 1)
			return i;
		buf_add(b, s.s + i, escape + 1);
		buf_puts(b, SECRET_REDACTED);
		if (escape)
			buf_addc(b, '\\');
		return end;
	}
	if (code)
		return i;
	end = bare_end(s, i, until);
	if (end > i)
		buf_puts(b, SECRET_REDACTED);
	return end;
}

/* A bearer's token, the password in an address (scheme://user:password@host), or a private key. */
static size_t redact_by_place(struct buf *b, struct str s, size_t begin, size_t end)
{
	size_t i, at, colon;

	if (str_case_eq((struct str){s.s + begin, end - begin}, STR("bearer")) && end < s.n && s.s[end] == ' ') {
		i = find(s, end + 1, " \t\r\n,;)}]\"'");
		if (i - end <= 8 || find((struct str){s.s, i}, end + 1, "0123456789") >= i)
			return end;
		buf_puts(b, " " SECRET_REDACTED);
		return i;
	}
	if (begin > 8 && end - begin == 8 && !memcmp(s.s + begin - 8, "PRIVATE KEY-----", 16)) {
		const char *last = memmem(s.s + end, s.n - end, "KEY-----", 8);

		buf_puts(b, SECRET_REDACTED);
		return last ? (size_t)(last - s.s) + 8 : s.n;
	}
	if (end + 3 < s.n && !memcmp(s.s + end, "://", 3)) {
		/* to the last @ before the path: a password may have one */
		for (at = i = end + 3; i < s.n && !strchr("/ \t\r\n\"'", s.s[i]); i++)
			at = s.s[i] == '@' ? i : at;
		colon = find((struct str){s.s, at}, end + 3, ":");
		if (colon >= at)
			return end;
		buf_add(b, s.s + end, colon + 1 - end);
		buf_puts(b, SECRET_REDACTED);
		return at;
	}
	return end;
}

/* Adds the text without the secrets in it; of `code` only literals are taken out. */
void secret_redact(struct buf *b, struct str s, bool code)
{
	size_t i = 0;

	while (i < s.n && !b->error) {
		size_t begin = i, value;
		enum given how = NOT;
		struct str word;

		while (i < s.n && !is_word(s.s[i]))
			i++;
		buf_add(b, s.s + begin, i - begin);
		begin = i;
		while (i < s.n && (is_word(s.s[i]) || (s.s[i] == '.' && i + 1 < s.n && is_word(s.s[i + 1]))))
			i++;
		word = (struct str){s.s + begin, i - begin};
		if (!word.n)
			continue;
		if (is_secret_word(word)) {
			buf_puts(b, SECRET_REDACTED);
			continue;
		}
		buf_add_str(b, word);
		value = secret_name(word) ? value_after(s, begin, i, &how) : 0;
		if (how != NOT && (code || is_header(word) || is_given(word, how))) {
			buf_add(b, s.s + i, value - i);
			i = redact_value(b, s, value,
					 how == TAG			   ? "<"
					 : how == COLON && is_header(word) ? "\r\n\"'"
									   : NULL,
					 code || how == PAIR);
		} else if (!code) {
			i = redact_by_place(b, s, begin, i);
		}
	}
}
