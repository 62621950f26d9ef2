// SPDX-License-Identifier: MIT
/* Texts made of an event: whatever its shape, what comes of it is plain text within its bounds. */
#include "fuzz.h"

#include "sentryfs/secret.h"
#include "sentryfs/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size);
	cleanup_buf struct buf shown = {0}, lines = {0}, safe = {0};
	struct source s = {.json = text};
	cleanup_json cJSON *tree = NULL;

	buf_init(&safe, BUF_MAX_DEFAULT);
	secret_redact(&safe, text, false);
	secret_redact(&safe, text, true);
	MUST(!safe.error);
	if (json_parse(text, &tree))
		return 0;
	buf_init(&shown, BUF_MAX_DEFAULT);
	buf_init(&lines, BUF_MAX_DEFAULT);
	MUST(!show_event(&shown, &s) && !shown.error && shown.len <= (size_t)1 << 20);
	MUST(!show_frames(&lines, &s) && !lines.error);
	MUST(!shown.len || shown.data[shown.len - 1] == '\n');
	MUST(!lines.len || lines.data[lines.len - 1] == '\n');
	MUST(fuzz_is_plain(buf_str(&shown), true) && fuzz_is_plain(buf_str(&lines), true));
	return 0;
}
