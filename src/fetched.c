// SPDX-License-Identifier: MIT
/*
 * The memory of `sentryfs fetch`: a line for each issue that was read whole. Owns the lines.
 */
#include "sentryfs/fetched.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sentryfs/cachedir.h"
#include "sentryfs/log.h"

#define BYTES_MAX (16 << 20) /* then it begins anew */

static char *line_of(const char *path, const struct stat *st)
{
	char *line;

	return asprintf(&line, "%lld.%09ld %lld %s", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
			(long long)st->st_size, path) < 0
		       ? NULL
		       : line;
}

/* Takes the line. */
static void remember(struct fetched *f, char *line)
{
	if (!line || map_get(&f->seen, str_of(line)) || map_put(&f->seen, str_of(line), line))
		free(line);
}

/* False when it is of another store. */
static bool load(struct fetched *f, const char *head)
{
	cleanup_free char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (getline(&line, &cap, f->file) <= 0 || strcmp(line, head) != 0)
		return false;
	while ((n = getline(&line, &cap, f->file)) > 0)
		if (line[n - 1] == '\n')
			remember(f, str_dup((struct str){line, (size_t)n - 1}));
	return true;
}

void fetched_forget(struct fetched *f)
{
	size_t pos = 0;
	char *line;

	while ((line = map_next(&f->seen, &pos)))
		free(line);
	map_done(&f->seen);
	f->seen = (struct map){0};
}

void fetched_open(struct fetched *f, const char *store)
{
	cleanup_free char *name = NULL;
	char why[CACHEDIR_WHY], head[64];
	struct stat st, own;
	int fd;

	*f = (struct fetched){0};
	if (stat(store, &st))
		return;
	snprintf(head, sizeof(head), "sentryfs 1 %llu\n", (unsigned long long)st.st_ino);
	if (asprintf(&name, "%.*s.fetched", (int)(strlen(store) - strlen(".db")), store) < 0) {
		name = NULL;
		return;
	}
	fd = cachedir_open(name, why, sizeof(why));
	if (fd < 0)
		log_warning("not remembering what is fetched: %s", why);
	f->file = fd < 0 ? NULL : fdopen(fd, "r+e");
	if (!f->file)
		return;
	if (fstat(fd, &own) || own.st_size > BYTES_MAX || !load(f, head)) {
		if (ftruncate(fd, 0))
			log_warning("%s cannot be emptied", name);
		rewind(f->file);
		fputs(head, f->file);
	}
	fseek(f->file, 0, SEEK_END);
}

void fetched_close(struct fetched *f)
{
	fetched_forget(f);
	if (f->file)
		fclose(f->file);
	f->file = NULL;
}

bool fetched_has(const struct fetched *f, const char *path, const struct stat *st)
{
	cleanup_free char *line = line_of(path, st);

	return line && map_get(&f->seen, str_of(line));
}

void fetched_add(struct fetched *f, const char *path, const struct stat *st)
{
	char *line = line_of(path, st);

	if (line && f->file) {
		fprintf(f->file, "%s\n", line);
		fflush(f->file);
	}
	remember(f, line);
}
