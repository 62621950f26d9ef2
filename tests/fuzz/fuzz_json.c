// SPDX-License-Identifier: MIT
/* JSON: slices of it, and the same text indented. What cJSON refuses must do no harm either. */
#include "fuzz.h"

#define MAX ((size_t)1 << 20)

struct walk {
	struct str all;
	size_t n;
};

static int each(void *arg, const cJSON *tree, struct str bytes)
{
	struct walk *w = arg;

	MUST(tree && bytes.n && fuzz_within(bytes, w->all) && fuzz_is_json(bytes));
	w->n++;
	return 0;
}

static void compact(struct buf *b, struct str text)
{
	buf_init(b, MAX);
	json_compact(b, text);
}

static void good(struct str text, const cJSON *tree)
{
	static const char *const keys[] = {"", "a", "id", "slug", "\n", "\xc3\xa9"};
	cleanup_buf struct buf indented = {0}, once = {0}, twice = {0}, again = {0}, merged = {0}, plain = {0};
	struct walk w = {.all = text};
	struct str value;

	buf_init(&indented, MAX);
	buf_init(&again, MAX);
	buf_init(&merged, MAX);
	buf_init(&plain, MAX);
	json_indent(&indented, text);
	if (indented.error)
		return;
	MUST(indented.len && indented.data[indented.len - 1] == '\n');
	MUST(fuzz_is_json(buf_str(&indented)));
	/* no byte of a token is lost, made or moved, and it is stable */
	compact(&once, text);
	compact(&twice, buf_str(&indented));
	MUST(str_eq(buf_str(&once), buf_str(&twice)));
	json_indent(&again, buf_str(&indented));
	MUST(str_eq(buf_str(&again), buf_str(&indented)));
	MUST((json_each(text, each, &w) == 0) == cJSON_IsArray(tree));
	MUST(!cJSON_IsArray(tree) || w.n == (size_t)cJSON_GetArraySize(tree));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		int r = json_member(text, keys[i], &value);

		MUST(cJSON_IsObject(tree) == (r == 0 || r == -2 /* ENOENT */));
		if (!r) {
			MUST(fuzz_within(value, text) && fuzz_is_json(value));
			plain.len = 0;
			json_plain(&plain, value);
		}
	}
	if (cJSON_IsObject(tree)) {
		MUST(!json_merge(&merged, text, text));
		MUST(fuzz_is_json(buf_str(&merged)));
	}
	json_covers(text, text);
	json_covers_delta(text, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size), value;
	cleanup_buf struct buf b = {0};
	cleanup_json cJSON *tree = NULL;

	buf_init(&b, MAX);
	if (!json_parse(text, &tree)) {
		good(text, tree);
		return 0;
	}
	json_indent(&b, text);
	json_compact(&b, text);
	json_plain(&b, text);
	json_merge(&b, text, text);
	json_covers(text, text);
	if (!json_member(text, "id", &value))
		MUST(fuzz_within(value, text));
	b.len = 0;
	if (size < 4096 && text_is_utf8(text)) {
		json_quote(&b, text);
		MUST(fuzz_is_json(buf_str(&b)));
	}
	return 0;
}
