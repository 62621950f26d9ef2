// SPDX-License-Identifier: MIT
/* What a user may write into a control file, against issues of several states: a refusal in words, or good JSON. */
#include "fuzz.h"

#include "sentryfs/mount.h"
#include "sentryfs/wish.h"

static const char *const issues[] = {
	"{\"id\":\"5\",\"status\":\"unresolved\",\"statusDetails\":{},\"priority\":\"high\",\"hasSeen\":false}",
	"{\"id\":\"5\",\"status\":\"resolved\",\"statusDetails\":{\"inRelease\":\"1\",\"actor\":{\"id\":1}}}",
	"{\"status\":\"ignored\",\"substatus\":\"archived_forever\",\"statusDetails\":{\"ignoreCount\":3}}",
	"{\"status\":null,\"statusDetails\":[],\"hasSeen\":\"x\"}",
	"{}",
};

static const struct {
	const char *name;
	wish_fn *ask;
} fields[] = {
	{"status", wish_status},
	{"statusDetails", wish_details},
	{"priority", wish_priority},
	{"hasSeen", wish_flag},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str value = str_trim(fuzz_str(data + 2, size < 2 ? 0 : size - 2));
	struct item item = {0};
	struct node node = {0};
	struct wish w = {0};
	struct mount mount = {0};
	struct op op = {.mount = &mount};
	int r;

	/* control.c lets nothing else through */
	if (size < 2 || !value.n || !text_is_utf8(value))
		return 0;
	item.json = blob_new(issues[data[0] % COUNT(issues)], strlen(issues[data[0] % COUNT(issues)]));
	MUST(item.json);
	if (data[1] & 0x40)
		dialect_learn(&mount.dialect,
			      data[1] & 0x20 ? STR("{\"version\":\"6.2\"}") : STR("{\"version\":\"5.2\"}"), false);
	node.name = fields[(data[1] & 0x1f) % COUNT(fields)].name;
	w.row = blob_str(item.json);
	r = fields[(data[1] & 0x1f) % COUNT(fields)].ask(&op, &node, &item, data[1] & 0x80, value, &w);
	if (!r)
		r = wish_complete(&w, &mount.dialect);
	/* EINVAL, EOPNOTSUPP, EFBIG, and of a server that wants a status where there is none EBADMSG */
	MUST(r == 0 || ((r == -22 || r == -95) && w.words) || r == -27 || r == -74);
	if (!r) {
		MUST(w.n <= WISH_BODIES);
		for (unsigned i = 0; i < w.n; i++) {
			cleanup_json cJSON *tree = NULL;

			MUST(!json_parse(buf_str(&w.body[i]), &tree) && cJSON_IsObject(tree));
			MUST(cJSON_GetArraySize(tree) >= 1);
		}
		MUST(!w.n || (w.expect.len && fuzz_is_json(buf_str(&w.expect))));
	}
	wish_done(&w);
	blob_unref(item.json);
	return 0;
}
