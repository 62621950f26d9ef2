// SPDX-License-Identifier: MIT
/*
 * A floor to measure against: the least that a libfuse filesystem does, on the
 * high-level interface with its default options, as a first program on libfuse
 * is written. It serves a copy of a directory from memory:
 *
 *     hello DIRECTORY MOUNTPOINT [fuse options]
 *
 * It is part of tools/bench alone.
 */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	struct stat st;
	char *path, *data;
	char **names;
	size_t count;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *need(void *p)
{
	if (!p)
		fail("hello");
	return p;
}

static void load(const char *from, const char *path)
{
	struct file *f = need(calloc(1, sizeof(*f)));

	f->path = need(strdup(*path ? path : "/"));
	if (stat(from, &f->st))
		fail(from);
	if (!hsearch((ENTRY){.key = f->path, .data = f}, ENTER))
		fail("hsearch");
	if (S_ISDIR(f->st.st_mode)) {
		DIR *d = need(opendir(from));
		const struct dirent *e;

		while ((e = readdir(d))) {
			char *below, *inside;

			if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
				continue;
			if (asprintf(&below, "%s/%s", from, e->d_name) < 0 ||
			    asprintf(&inside, "%s/%s", path, e->d_name) < 0)
				fail("hello");
			f->names = need(realloc(f->names, (f->count + 1) * sizeof(*f->names)));
			f->names[f->count++] = need(strdup(e->d_name));
			load(below, inside);
			free(below);
			free(inside);
		}
		closedir(d);
	} else {
		int fd = open(from, O_RDONLY | O_CLOEXEC);

		f->data = need(malloc((size_t)f->st.st_size + 1));
		if (fd < 0 || read(fd, f->data, (size_t)f->st.st_size) != f->st.st_size)
			fail(from);
		close(fd);
	}
}

static struct file *find(const char *path)
{
	const ENTRY *e = hsearch((ENTRY){.key = (char *)path}, FIND);

	return e ? e->data : NULL;
}

static int hello_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	const struct file *f = find(path);

	(void)fi;
	if (!f)
		return -ENOENT;
	*st = f->st;
	return 0;
}

static int hello_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off, struct fuse_file_info *fi,
			 enum fuse_readdir_flags flags)
{
	const struct file *f = find(path);

	(void)off;
	(void)fi;
	(void)flags;
	if (!f)
		return -ENOENT;
	fill(buf, ".", NULL, 0, 0);
	fill(buf, "..", NULL, 0, 0);
	for (size_t i = 0; i < f->count; i++)
		fill(buf, f->names[i], NULL, 0, 0);
	return 0;
}

static int hello_open(const char *path, struct fuse_file_info *fi)
{
	if (!find(path))
		return -ENOENT;
	return (fi->flags & O_ACCMODE) == O_RDONLY ? 0 : -EACCES;
}

static int hello_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct file *f = find(path);
	size_t left;

	(void)fi;
	if (!f)
		return -ENOENT;
	if (off >= f->st.st_size)
		return 0;
	left = (size_t)(f->st.st_size - off);
	if (size > left)
		size = left;
	memcpy(buf, f->data + off, size);
	return (int)size;
}

static const struct fuse_operations operations = {
	.getattr = hello_getattr,
	.readdir = hello_readdir,
	.open = hello_open,
	.read = hello_read,
};

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: hello DIRECTORY MOUNTPOINT [fuse options]\n", stderr);
		return 2;
	}
	if (!hcreate(400000))
		fail("hcreate");
	load(argv[1], "");
	argv[1] = argv[0];
	return fuse_main(argc - 1, argv + 1, &operations, NULL);
}
