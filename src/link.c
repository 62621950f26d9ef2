// SPDX-License-Identifier: MIT
/*
 * The Link header of a paged answer.
 *
 * A link is <URL> and then parameters up to the comma before the next '<'. The
 * URL itself may hold commas, quotes and equals signs, so it is skipped whole.
 * GlitchTip's header is the text of a Python set with one string in it: what
 * stands before the first '<' is of no interest, and neither is the end.
 */
#include "sentryfs/link.h"

/* The value of ;key="value" within one link's parameters. */
static struct str parameter(struct str params, const char *key)
{
	while (params.s) {
		struct str one = str_cut(&params, ';');
		struct str name = str_trim(str_cut(&one, '='));

		if (!one.s || !str_eqz(name, key))
			continue;
		one = str_trim(one);
		if (!one.n || *one.s != '"')
			return one;
		one.s++;
		one.n--;
		return str_cut(&one, '"');
	}
	return (struct str){NULL, 0};
}

bool link_next(struct str header, struct str *cursor)
{
	while (header.s) {
		struct str params, found;

		str_cut(&header, '<');
		if (!header.s)
			return false;
		str_cut(&header, '>');
		params = header;
		if (header.s) {
			const char *next = memchr(header.s, '<', header.n);

			params.n = next ? (size_t)(next - header.s) : header.n;
		}
		if (!str_eqz(parameter(params, "rel"), "next"))
			continue;
		found = parameter(params, "cursor");
		if (!str_eqz(parameter(params, "results"), "true") || !found.n)
			return false;
		*cursor = found;
		return true;
	}
	return false;
}
