// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_HTTP_H
#define SENTRYFS_HTTP_H

#include <poll.h>
#include <stdbool.h>

#include "sentryfs/buf.h"

/*
 * HTTP requests that run side by side. Knows no Sentry and no JSON.
 *
 * `struct transport` is the seam: the program uses libcurl's multi handle, tests
 * script one. Everything happens on the caller's thread.
 */
struct http_response {
	int error;	   /* 0, or -errno when no whole answer came */
	const char *words; /* what libcurl says of the error; borrowed */
	long status;
	struct buf headers; /* of the last header block, lines ended by CRLF */
	struct buf body;
	int64_t took_ms;
};

/* The value of a header, trimmed; s == NULL when absent. */
struct str http_header(const struct http_response *r, const char *name);
/* What the server's clock showed when it answered (Date), in s; false: it does not say. */
bool http_date(const struct http_response *r, int64_t *ret);
/* The next one of that name in *rest, which moves behind it: a header may come several times. */
struct str http_next_header(struct str *rest, const char *name);

struct http_request {
	const char *method; /* "GET", ... */
	const char *url;
	const char *authorization; /* a whole header line; secret */
	const char *body;	   /* JSON, or NULL */
	unsigned timeout_ms;	   /* for the whole answer */
	bool anew;		   /* the server's address is looked up, though it was known: it may have moved */
};

/* -EHOSTUNREACH, -ECONNREFUSED, -EPROTO (TLS), -EMFILE and -ENFILE mean that no
 * connection was made: nothing was sent. */

/* Called once for each request that was not cancelled, never from submit. The
 * response is the transport's; bytes may be taken out of it with buf_to_blob. */
typedef void http_done(void *arg, struct http_response *r);

struct transport {
	/* NULL when there is no memory. */
	void *(*submit)(struct transport *t, const struct http_request *rq, http_done *done, void *arg);
	void (*cancel)(struct transport *t, void *transfer);
};

struct http_options {
	const char *user_agent;
	const char *cacert;	/* NULL: the system's */
	const char *cert, *key; /* of this client; NULL: none, or in the file of the certificate */
	unsigned connect_timeout_s;
	size_t body_max;
	bool direct; /* no proxy, whatever the environment says */
};

struct http;
/* NULL when libcurl can't be had. Must be made after the last fork. */
struct http *http_new(const struct http_options *o);
struct http *http_free(struct http *h); /* accepts NULL, returns NULL */
struct transport *http_transport(struct http *h);
bool http_is_idle(const struct http *h); /* nothing is under way */
/* What is connected is believed no more: after a suspend, or when an answer did not come. */
void http_renew(struct http *h);
/* Waits for sockets, the n extra descriptors, or the time, then moves every transfer on. 0 or -errno. */
int http_poll(struct http *h, struct pollfd *extra, unsigned n, int timeout_ms);

#endif
