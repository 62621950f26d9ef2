// SPDX-License-Identifier: MIT
/* Dates as servers write them, numbers, and queries beside an issue. */
#include "fuzz.h"

#include "sentryfs/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = fuzz_str(data, size), rest = text, first = str_cut(&rest, '\0');
	struct timespec ts = {.tv_sec = 17, .tv_nsec = 4};
	uint64_t n = 4;

	if (str_to_time(text, &ts))
		MUST(ts.tv_sec == 17 && ts.tv_nsec == 4);
	else
		MUST(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000 && ts.tv_sec > -62200000000 &&
		     ts.tv_sec < 253500000000);
	if (!str_to_u64(text, &n)) {
		char digits[32];

		snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
		while (text.n > 1 && *text.s == '0') {
			text.s++;
			text.n--;
		}
		MUST(str_eqz(text, digits));
	}
	if (rest.s && fuzz_is_json(rest))
		query_excludes(first, rest, "1");
	return 0;
}
