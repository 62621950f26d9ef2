// SPDX-License-Identifier: MIT
/*
 * What is mounted now, as the kernel lists it. Owns the copies of its words. Looks into no
 * mount: one whose program is gone would not answer.
 */
#include "sentryfs/live.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sentryfs/str.h"

static void live_done(struct live *m)
{
	free(m->path);
	free(m->host);
	free(m->org);
	free(m->project);
}

void lives_done(struct lives *l)
{
	for (size_t i = 0; i < l->n; i++)
		live_done(&l->at[i]);
	l->n = 0;
}

/* \040 and its like are blanks and what else would part the words. */
static char *unescaped(struct str word)
{
	char *out = malloc(word.n + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < word.n; i++) {
		if (word.s[i] == '\\' && i + 3 < word.n) {
			out[n++] =
				(char)(((word.s[i + 1] & 7) << 6) | ((word.s[i + 2] & 7) << 3) | (word.s[i + 3] & 7));
			i += 3;
		} else {
			out[n++] = word.s[i];
		}
	}
	if (out)
		out[n] = '\0';
	return out;
}

static bool has_option(struct str options, const char *option)
{
	while (options.s)
		if (str_eqz(str_cut(&options, ','), option))
			return true;
	return false;
}

/* 36 35 0:50 / /home/jane/sentry rw,nosuid ... - fuse.sentryfs sentry:HOST/ORG/PROJECT rw,user_id=1000,... */
static bool read_line(struct str line, struct live *m)
{
	struct str word[5], more = line, type, source;
	char user[32];

	for (size_t i = 0; i < 5; i++)
		word[i] = str_cut(&more, ' ');
	while (more.s && !str_eqz(str_cut(&more, ' '), "-"))
		;
	type = str_cut(&more, ' ');
	source = str_cut(&more, ' ');
	if (!str_eqz(type, "fuse.sentryfs") || !str_starts(source, "sentry:"))
		return false;
	source = (struct str){source.s + strlen("sentry:"), source.n - strlen("sentry:")};
	snprintf(user, sizeof(user), "user_id=%u", (unsigned)getuid());
	*m = (struct live){
		.path = unescaped(word[4]), .host = str_dup(str_cut(&source, '/')), .own = has_option(more, user)};
	if (source.n)
		m->org = str_dup(str_cut(&source, '/'));
	if (source.n)
		m->project = str_dup(source);
	return m->path && m->host;
}

bool path_is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/' || (n && dir[n - 1] == '/'));
}

/* The newest is last in the kernel's list. */
static void turn_round(struct live *at, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct live swap = at[i];

		at[i] = at[n - 1 - i];
		at[n - 1 - i] = swap;
	}
}

static void put_here_first(struct lives *l)
{
	char here[4096];
	size_t first = 0;

	if (!getcwd(here, sizeof(here)))
		return;
	for (size_t i = 0; i < l->n; i++) {
		struct live swap = l->at[i];

		if (!path_is_in(here, swap.path))
			continue;
		memmove(&l->at[first + 1], &l->at[first], (i - first) * sizeof(swap));
		l->at[first++] = swap;
	}
}

/* This user's, or those of others. */
static void read_those(struct lives *l, FILE *f, bool own)
{
	cleanup_free char *line = NULL;
	size_t cap = 0, from = l->n;
	ssize_t n;

	rewind(f);
	while (l->n < LIVE_MAX && (n = getline(&line, &cap, f)) > 0) {
		struct live m = {0};
		bool ours = read_line(str_trim((struct str){line, (size_t)n}), &m);

		if (ours && m.own == own)
			l->at[l->n++] = m;
		else
			live_done(&m);
	}
	turn_round(&l->at[from], l->n - from);
}

int lives_read(struct lives *l)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");

	l->n = 0;
	if (!f)
		return -errno;
	read_those(l, f, true);
	read_those(l, f, false);
	fclose(f);
	put_here_first(l);
	return 0;
}

const struct live *lives_of(const struct lives *l, const char *path)
{
	const struct live *best = NULL;

	for (size_t i = 0; i < l->n; i++)
		if (path_is_in(path, l->at[i].path) && (!best || strlen(l->at[i].path) > strlen(best->path)))
			best = &l->at[i];
	return best;
}
