// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_WEBURL_H
#define SENTRYFS_WEBURL_H

#include "sentryfs/str.h"

/*
 * What the address of a page of Sentry's web interface names, as it stands in a
 * browser's address bar:
 *
 *     https://acme.sentry.io/issues/123/events/0123...ef/?project=7
 *     https://sentry.example.com/organizations/acme/issues/?project=7
 *     https://sentry.io/acme/web/issues/123/             (old)
 *     https://glitchtip.example.com/acme/issues/123      (GlitchTip)
 *
 * A customer domain, SLUG.sentry.io, is organization SLUG at https://sentry.io.
 */
struct weburl {
	char *origin;	    /* as origin_parse gives it; owned */
	struct str org;	    /* a slug. Slices of the address, as all below; s == NULL: the page names none */
	struct str project; /* a slug or an id; none also where it names several or all */
	struct str issue;   /* a number or a short id */
	struct str event;
};

bool weburl_is(struct str text); /* begins with http(s):// */
/* 0; -EINVAL: no address, or one with a user in it or with what cannot be an organization.
 * weburl_done in every case. */
int weburl_parse(struct str text, struct weburl *u);
void weburl_done(struct weburl *u);

#endif
