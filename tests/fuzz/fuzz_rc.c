// SPDX-License-Identifier: MIT
/* ~/.sentryclirc, and the URL in it. */
#include "fuzz.h"

#include "sentryfs/origin.h"
#include "sentryfs/rc.h"

static void check_origin(struct str text, bool bare)
{
	char *url = origin_parse(text, bare), *again;

	if (!url)
		return;
	MUST(!strncmp(url, "http://", 7) || !strncmp(url, "https://", 8));
	/* nothing that a second parser could take for a user, a path or a query */
	MUST(!strpbrk(strstr(url, "://") + 3, "/@?#\\ %\t\r\n"));
	MUST(url[strlen(url) - 1] != '/');
	again = origin_parse(str_of(url), false);
	MUST(again && !strcmp(again, url));
	MUST(origin_is_safe(url) || !strncmp(url, "http://", 7));
	free(again);
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size);
	unsigned line = 0;
	struct rc rc;
	int r = rc_parse(&rc, text, &line);

	MUST(r == 0 || (r == -22 && line > 0));
	MUST(line <= size + 1);
	if (!r && rc.url)
		check_origin(str_of(rc.url), false);
	rc_done(&rc);
	check_origin(text, false);
	check_origin(text, true);
	return 0;
}
