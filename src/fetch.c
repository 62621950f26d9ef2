// SPDX-License-Identifier: MIT
/*
 * sentryfs fetch: reads every file below a directory of a mount once, in the order of the
 * listings, as grep -r would; the mount's cache and store keep what comes, and its governor
 * keeps to the server's limits. Sends nothing by itself.
 *
 * An issue that was read whole is remembered (fetched.h), so that the command can be stopped and
 * said again. The signal's flag is the one thing in here that outlives a call.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentryfs/clock.h"
#include "sentryfs/command.h"
#include "sentryfs/fetched.h"
#include "sentryfs/live.h"

#define DRAW_MS 100
#define BAR 30
#define DEPTH_MAX 12
#define TRIES_MAX 20 /* of what the rate limit refuses; the mount waits before it says so */
#define EXIT_INTERRUPTED (128 + SIGINT)

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

struct fetch {
	struct fetched done;
	const char *root;  /* the mount point */
	const char *store; /* where the mount keeps it, NULL: nowhere */
	bool terminal;
	size_t issues, all, known, files, errors;
	unsigned long long bytes;
	int64_t drawn; /* ms */
	char now[256]; /* what is being read */
};

static void draw(struct fetch *f, bool always)
{
	int64_t now = clock_system.now_ms(&clock_system);
	int full = f->all ? (int)(f->issues * BAR / f->all) : 0;

	if (!f->terminal || (!always && now - f->drawn < DRAW_MS))
		return;
	f->drawn = now;
	printf("\r\033[K[%.*s%.*s] %zu/%zu issues, %zu files, %llu KiB  %s", full, "##############################",
	       BAR - full, "..............................", f->issues, f->all, f->files, f->bytes >> 10, f->now);
	fflush(stdout);
}

static void failed(struct fetch *f, const char *path, int error)
{
	if (error == EINTR || error == ENOENT) /* stopped; or deleted in the meantime */
		return;
	f->errors++;
	if (f->terminal)
		fputs("\r\033[K", stdout);
	fflush(stdout);
	command_fail("fetch", "%s: %s", path, strerror(error));
}

static bool again(struct fetch *f, unsigned *tries)
{
	if (stopped || (errno != EAGAIN && errno != EINTR) || ++*tries > TRIES_MAX)
		return false;
	draw(f, true);
	return true;
}

static void read_file(struct fetch *f, int dir, const char *name, const char *path)
{
	char data[65536];
	unsigned tries = 0;
	ssize_t n;
	int fd;

	do
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	while (fd < 0 && again(f, &tries));
	if (fd < 0) {
		failed(f, path, errno);
		return;
	}
	while ((n = read(fd, data, sizeof(data))) > 0)
		f->bytes += (unsigned long long)n;
	if (n < 0)
		failed(f, path, errno);
	else
		f->files++;
	close(fd);
	draw(f, false);
}

static DIR *open_dir(struct fetch *f, int at, const char *name, const char *path)
{
	unsigned tries = 0;
	int fd;

	do
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && again(f, &tries));
	if (fd < 0) {
		failed(f, path, errno);
		return NULL;
	}
	return fdopendir(fd);
}

/* What only shows elsewhere's issues in another order costs a search each. */
static bool is_view(const char *name)
{
	return !strncmp(name, "by-", 3) || !strcmp(name, "recent") || !strcmp(name, "search");
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_in_issues(const char *path)
{
	const char *end = strrchr(path, '/');

	return end && end - path >= 7 && !strncmp(end - 7, "/issues", 7);
}

/* The store's file, as the mount tells it; NULL after a sentence. */
static char *store_of(const char *mount)
{
	char *line = NULL, *found = NULL, *name;
	const char *end;
	size_t cap = 0;
	ssize_t n;
	FILE *in;

	if (asprintf(&name, "%s/.sentryfs/status", mount) < 0)
		return NULL;
	in = fopen(name, "re");
	free(name);
	while (in && !found && (n = getline(&line, &cap, in)) > 0) {
		struct str value = str_trim((struct str){line, (size_t)n});

		if (!str_eqz(str_cut(&value, '\t'), "store"))
			continue;
		/* FILE, N of N bytes: the name may have a comma, too */
		end = value.n && *value.s == '/' ? memrchr(value.s, ',', value.n) : NULL;
		found = str_dup((struct str){value.s, end ? (size_t)(end - value.s) : value.n});
	}
	free(line);
	if (in)
		fclose(in);
	if (found && *found == '/')
		return found;
	command_fail("fetch", "this mount keeps nothing on disk (%s): what is fetched ends with it",
		     found ? found : "it does not say why");
	free(found);
	return NULL;
}

/* Does the mount still keep what comes? On a full disk it does not any more, and what it did not keep must be
 * fetched again. */
static bool is_kept(struct fetch *f)
{
	cleanup_free char *now = f->store ? store_of(f->root) : NULL;

	if (!f->store || (now && !strcmp(now, f->store)))
		return f->store;
	f->store = NULL;
	f->errors++;
	return false;
}

static void walk(struct fetch *f, int at, const char *name, const char *path, int depth);

/* `path` is the one real name of the issue. */
static void fetch_issue(struct fetch *f, int at, const char *name, const char *path, int depth)
{
	const char *own = path + strlen(f->root);
	size_t files = f->files, errors = f->errors;
	unsigned long long bytes = f->bytes;
	struct stat st;

	snprintf(f->now, sizeof(f->now), "%s", base(path));
	draw(f, false);
	if (fstatat(at, name, &st, 0)) {
		failed(f, path, errno);
	} else if (fetched_has(&f->done, own, &st)) {
		f->known++;
	} else {
		walk(f, at, name, path, depth);
		if (stopped)
			return;
		if (f->errors == errors && is_kept(f))
			fetched_add(&f->done, own, &st);
		if (!f->terminal) {
			printf("%s\t%zu files\t%llu bytes\n", base(path), f->files - files, f->bytes - bytes);
			fflush(stdout);
		}
	}
	f->issues++;
	draw(f, false);
}

struct entry {
	char *name;
	unsigned char type;
};

/* The directory's names in its order, as far as they come; the caller frees them. */
static struct entry *list(struct fetch *f, DIR *dir, const char *path, size_t *ret)
{
	struct entry *entries = NULL, *more;
	const struct dirent *e;
	size_t n = 0, cap = 0;

	while ((errno = 0, e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			more = reallocarray(entries, cap, sizeof(*entries));
			if (!more)
				break;
			entries = more;
		}
		entries[n].name = strdup(e->d_name);
		entries[n].type = e->d_type;
		if (!entries[n].name)
			break;
		n++;
	}
	/* the end of a long listing may be an error */
	if (errno)
		failed(f, path, errno);
	*ret = n;
	return entries;
}

/* A symlink to an issue, in a search: the issue, once. */
static void follow(struct fetch *f, const char *path, int depth)
{
	char *real = realpath(path, NULL);

	if (real && path_is_in(real, f->root) && is_in_issues(real)) {
		f->all++;
		fetch_issue(f, AT_FDCWD, real, real, depth);
	}
	free(real);
}

/* Of an organization or a project: elsewhere a view's name may be a project's. */
static bool has_views(const struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(entries[i].name, "project.json") || !strcmp(entries[i].name, "organization.json"))
			return true;
	return false;
}

static void walk(struct fetch *f, int at, const char *name, const char *path, int depth)
{
	DIR *dir = depth > DEPTH_MAX ? NULL : open_dir(f, at, name, path);
	struct entry *entries = NULL;
	bool views;
	size_t n = 0;

	if (!dir)
		return;
	entries = list(f, dir, path, &n);
	views = has_views(entries, n);
	for (size_t i = 0; i < n && !strcmp(base(path), "issues"); i++)
		f->all += entries[i].type == DT_DIR;
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &entries[i];
		char child[PATH_MAX];

		if (stopped || snprintf(child, sizeof(child), "%s/%s", path, e->name) >= (int)sizeof(child)) {
			free(e->name);
			continue;
		}
		if (e->type == DT_REG)
			read_file(f, dirfd(dir), e->name, child);
		else if (e->type == DT_LNK && !depth)
			follow(f, child, depth + 1);
		else if (e->type == DT_DIR && is_in_issues(child))
			fetch_issue(f, dirfd(dir), e->name, child, depth + 1);
		else if (e->type == DT_DIR && !(views && is_view(e->name)))
			walk(f, dirfd(dir), e->name, child, depth + 1);
		free(e->name);
	}
	free(entries);
	closedir(dir);
}

static int run(struct fetch *f, const char *path)
{
	struct sigaction stop = {.sa_handler = on_stop}, before[3];
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < 3; i++)
		sigaction(signals[i], &stop, &before[i]);
	if (is_in_issues(path)) {
		f->all = 1;
		fetch_issue(f, AT_FDCWD, path, path, 0);
	} else {
		walk(f, AT_FDCWD, path, path, 0);
	}
	f->now[0] = '\0';
	draw(f, true);
	printf("%s%zu of %zu issues (%zu of them fetched before), %zu files, %llu bytes\n", f->terminal ? "\n" : "",
	       f->issues, f->all, f->known, f->files, f->bytes);
	if (stopped)
		fputs("sentryfs fetch: stopped; the same command goes on from here\n", stderr);
	for (size_t i = 0; i < 3; i++)
		sigaction(signals[i], &before[i], NULL);
	return stopped ? EXIT_INTERRUPTED : f->errors ? 1 : 0;
}

int command_fetch(int argc, char **argv)
{
	bool anew = !strcmp(argv[1], "--again");
	const struct live *mount;
	struct lives mounts;
	struct fetch f = {.terminal = isatty(STDOUT_FILENO)};
	char *path, *store = NULL;
	int r;

	if (argc - 1 != 1 + anew)
		return command_fail("fetch", "it takes [--again] PATH") + 1;
	path = realpath(argv[argc - 1], NULL);
	if (!path)
		return command_fail("fetch", "%s: %s", argv[argc - 1], strerror(errno));
	r = lives_read(&mounts);
	mount = lives_of(&mounts, path);
	if (r || !mount) {
		r = command_fail("fetch", "%s is in no mount of sentryfs; sentryfs status lists them", path);
	} else {
		f.root = mount->path;
		store = store_of(mount->path);
		if (store)
			fetched_open(&f.done, store);
		f.store = store;
		if (anew)
			fetched_forget(&f.done);
		r = run(&f, path);
		fetched_close(&f.done);
	}
	lives_done(&mounts);
	free(store);
	free(path);
	return r;
}
