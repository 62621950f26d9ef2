// SPDX-License-Identifier: MIT
/* An event as text and as an editor's list of errors: whatever its shape, what comes is text without control
 * characters, and not without end. */
#include "fuzz.h"

#include "sentryfs/show.h"

#define TEXT_MAX ((size_t)1 << 20)

static void check(int (*show)(struct buf *, const struct source *), const struct source *s)
{
	cleanup_buf struct buf b = {0};

	buf_init(&b, TEXT_MAX);
	MUST(!show(&b, s));
	MUST(!b.error && fuzz_is_plain(buf_str(&b), true));
	MUST(!b.len || b.data[b.len - 1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = {.json = fuzz_str(data, size)};
	cleanup_json cJSON *tree = NULL;

	/* source.c lets nothing else through */
	if (json_parse(s.json, &tree) || !cJSON_IsObject(tree))
		return 0;
	check(show_event, &s);
	check(show_frames, &s);
	return 0;
}
