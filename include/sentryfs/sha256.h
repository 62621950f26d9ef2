// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_SHA256_H
#define SENTRYFS_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

/* FIPS 180-4, of at most 4 KiB; what was copied of `data` is wiped. False when it is longer. */
bool sha256(const void *data, size_t n, uint8_t digest[SHA256_BYTES]);

#endif
