// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SLICE_H
#define SENTRYFS_SLICE_H

#include <stdbool.h>

#include "sentryfs/str.h"

/* The tokenizer below json.h; what is made of it for others is declared there. */

bool slice_is_space(char c);
void slice_skip_space(struct str *s);
/* Takes one token off *s: a string with its quotes, a mark, or a run of anything else; "" at the end. */
struct str slice_take_token(struct str *s);
/* Takes a whole value off *s. */
struct str slice_take_value(struct str *s);
/* Four hexadecimal digits at the start of `s`; 0xfffd for anything else. */
unsigned slice_hex4(struct str s);

#endif
