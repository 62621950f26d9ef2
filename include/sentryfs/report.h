// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_REPORT_H
#define SENTRYFS_REPORT_H

#include "sentryfs/api.h"
#include "sentryfs/item.h"

/* Why a write failed, in words for who reads last-error. */
struct report {
	const char *what;     /* what was tried */
	int error;	      /* -errno */
	bool sent;	      /* a request was made for it */
	const char *words;    /* the server's, or why nothing was sent; NULL: none */
	const char *accepted; /* what would have been; NULL: does not apply */
	const char *next;     /* what to do now; NULL: what the errno suggests */
};

/* Keeps it as the last-error of `about` (NULL: of nothing) and adds a line to the errors. */
void report_failure(struct api *a, struct item *about, const struct report *r);
/* The same into *into (owned by the caller; NULL: nowhere). */
void report_text(struct api *a, char **into, const struct report *r);
/* Adds a row to the last-error that is there. */
void report_add(struct item *about, const char *label, struct str text);
/* The last write succeeded. */
void report_success(struct item *about);

#endif
