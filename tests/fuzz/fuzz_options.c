// SPDX-License-Identifier: MIT
/* A command line, an argument a line; what lies before a NUL is SENTRY_URL. */
#include "fuzz.h"

#include "sentryfs/options.h"
#include "sentryfs/origin.h"

#define ARGS_MAX 64

static void check(const struct options *o)
{
	if (o->help || o->version)
		return;
	MUST(o->url && o->mountpoint && *o->mountpoint == '/');
	MUST(o->insecure || origin_is_safe(o->url));
	MUST(o->max_issues >= 1 && o->max_issues <= 100000 && o->max_events >= 1 && o->max_events <= 1000);
	MUST(o->timeout >= 1 && o->timeout <= 3600 && o->connect_timeout >= 1 && o->connect_timeout <= 300);
	MUST(o->max_delete >= 1 && o->max_delete <= 1000 && o->umask <= 0777);
	MUST(!o->org || name_is_slug(str_of(o->org)) || *o->org == '-');
	MUST(!o->project || o->org);
	MUST(!o->allow_other || o->default_permissions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *err;
	struct str text = fuzz_str(data, size), url;
	char *argv[ARGS_MAX + 2], name[] = "sentryfs";
	struct options o = {0};
	int argc = 1, r;

	if (!err)
		err = fopen("/dev/null", "w");
	MUST(err);
	clearenv();
	setenv("HOME", "/nonexistent", 1);
	if (memchr(data, '\0', size)) {
		char *copy;

		url = str_cut(&text, '\0');
		copy = str_dup(url);
		setenv("SENTRY_URL", copy, 1);
		free(copy);
	}
	argv[0] = name;
	while (text.s && argc <= ARGS_MAX) {
		char *word = str_dup(str_cut(&text, '\n'));

		MUST(word);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	r = options_parse(&o, argc, argv, err);
	MUST(r == 0 || r == -22);
	if (!r)
		check(&o);
	options_done(&o);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	return 0;
}
