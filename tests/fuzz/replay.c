// SPDX-License-Identifier: MIT
/*
 * Runs the saved inputs of a target without libFuzzer: each file named, and those of each
 * directory named; `random=N` makes N more, always the same ones.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)

static size_t inputs;

static void run_file(const char *path)
{
	uint8_t *data = malloc(INPUT_MAX), *exact;
	FILE *f = fopen(path, "rb");
	size_t n;

	MUST(data && f);
	n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* so that a byte too far is seen by the sanitizers */
	exact = malloc(n ? n : 1);
	MUST(exact);
	memcpy(exact, data, n);
	free(data);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	inputs++;
}

static void run(const char *path)
{
	struct stat st;
	struct dirent *e;
	DIR *d;

	if (stat(path, &st)) {
		fprintf(stderr, "no %s\n", path);
		exit(EXIT_FAILURE);
	}
	if (!S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	d = opendir(path);
	MUST(d);
	while ((e = readdir(d))) {
		char child[4096];

		if (*e->d_name == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
		run_file(child);
	}
	closedir(d);
}

static void run_random(unsigned n)
{
	uint64_t state = 88172645463325252u;

	for (; n; n--) {
		size_t size = 20 + state % 600;
		uint8_t *data = malloc(size);

		MUST(data);
		for (size_t i = 0; i < size; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			/* small numbers mean more to a list of steps */
			data[i] = (uint8_t)(state >> 8 & 1 ? state >> 16 & 15 : state >> 16);
		}
		LLVMFuzzerTestOneInput(data, size);
		free(data);
		inputs++;
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "random=", 7))
			run_random((unsigned)atoi(argv[i] + 7));
		else
			run(argv[i]);
	printf("%zu inputs\n", inputs);
	return inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
