// SPDX-License-Identifier: MIT
/*
 * libcurl's multi handle behind the transport seam.
 *
 * Owns the easy handles of the requests in flight and the connections that
 * libcurl keeps. A redirect is never followed (it would carry the token to
 * another place), a body is bounded, and only http and https are spoken.
 * Must not know Sentry, JSON or FUSE.
 */
#include "sentryfs/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include "sentryfs/clock.h"
#include "sentryfs/list.h"
#include "sentryfs/log.h"

#define HEADERS_MAX ((size_t)64 << 10)
#define CONNECTIONS_MAX 24L /* to one server: another, of a region, may hang and take none of them */

struct http {
	struct transport transport;
	CURLM *multi;
	struct http_options options;
	struct list transfers;
	bool renew; /* connections that are kept may be dead */
};

struct transfer {
	struct list link;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t body_n, body_at; /* and how much of it was given */
	int64_t tried_ms;	/* 0: it waits for its turn */
	int no_socket;		/* the error of the one that was to be made last; or 0 */
	http_done *done;
	void *arg;
	struct http_response response;
	char words[CURL_ERROR_SIZE];
};

static int curl_to_errno(CURLcode code, long os_error)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return os_error == ECONNREFUSED || !os_error ? -ECONNREFUSED : -EHOSTUNREACH;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return -EPROTO;
	case CURLE_FILESIZE_EXCEEDED:
		return -EFBIG;
	case CURLE_WRITE_ERROR: /* something stands behind the end of what was compressed (7.88) */
	case CURLE_PARTIAL_FILE:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WEIRD_SERVER_REPLY:
		return -EBADMSG;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

struct str http_next_header(struct str *rest, const char *name)
{
	while (rest->s) {
		struct str line = str_cut(rest, '\n');
		struct str key = str_cut(&line, ':');

		if (line.s && str_case_eq(key, str_of(name)))
			return str_trim(line);
	}
	return (struct str){NULL, 0};
}

struct str http_header(const struct http_response *r, const char *name)
{
	struct str rest = buf_str(&r->headers);

	return http_next_header(&rest, name);
}

bool http_date(const struct http_response *r, int64_t *ret)
{
	struct str date = http_header(r, "Date");
	char text[64];
	struct tm tm = {0};

	if (!date.n || date.n >= sizeof(text))
		return false;
	memcpy(text, date.s, date.n);
	text[date.n] = '\0';
	if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return false;
	*ret = (int64_t)timegm(&tm);
	return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	buf_add(&t->response.body, data, size * n);
	return t->response.body.error ? CURL_WRITEFUNC_ERROR : size * n;
}

/* The header goes on (RFC 9112, obs-fold): it is one line. */
static void unfold(struct buf *headers)
{
	while (headers->len && strchr("\r\n", headers->data[headers->len - 1]))
		headers->len--;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (str_starts((struct str){data, size * n}, "HTTP/"))
		t->response.headers.len = 0; /* a 100 or a proxy's answer came before */
	else if (n && (*data == ' ' || *data == '\t'))
		unfold(&t->response.headers);
	buf_add(&t->response.headers, data, size * n);
	return t->response.headers.error ? 0 : size * n;
}

/* The body is given once. When a kept connection ends without a byte of an answer, libcurl
 * sends the request again whatever its method (seen on 7.88); with a body that cannot
 * be rewound it gives CURLE_SEND_FAIL_REWIND instead, and a change is not made twice. */
static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t left = t->body_n - t->body_at, most = size * n;

	if (most > left)
		most = left;
	memcpy(to, t->body + t->body_at, most);
	t->body_at += most;
	return most;
}

/* It has left the queue: its name is looked up, or a socket is made for it. */
static void note_try(struct transfer *t)
{
	if (!t->tried_ms)
		t->tried_ms = clock_system.now_ms(&clock_system);
}

static int on_lookup(void *resolver, void *reserved, void *arg)
{
	(void)resolver, (void)reserved;
	note_try(arg);
	return 0;
}

/* Of a socket that cannot be made libcurl tells no more than that there is no connection. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *t = arg;
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

	(void)purpose;
	note_try(t);
	t->no_socket = fd < 0 ? -errno : 0;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static void transfer_free(struct transfer *t)
{
	list_remove(&t->link);
	if (t->easy) {
		curl_multi_remove_handle(t->http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	for (struct curl_slist *h = t->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data)); /* one of them has the token */
	curl_slist_free_all(t->headers);
	free(t->body);
	buf_done(&t->response.headers);
	buf_done(&t->response.body);
	free(t);
}

static bool add_header(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (more)
		t->headers = more;
	return more;
}

static bool configure(struct transfer *t, const struct http_request *rq)
{
	const struct http_options *o = &t->http->options;
	CURL *e = t->easy;

	if (!add_header(t, rq->authorization) || !add_header(t, "Accept: application/json"))
		return false;
	if (rq->body) {
		if (!add_header(t, "Content-Type: application/json") || !add_header(t, "Expect:") ||
		    !(t->body = strdup(rq->body)))
			return false;
		t->body_n = strlen(t->body);
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(e, CURLOPT_READDATA, t);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body_n);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, rq->method);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->words);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, on_lookup);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, t);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* over TLS the handshake tells whether a connection can be shared; without it only the
	 * first answer does, and a hung one would hold up every other request */
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, (long)str_starts(str_of(rq->url), "https:"));
	/* a DELETE has no body that could refuse to be sent again; see on_read */
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)((strcmp(rq->method, "GET") && !rq->body) || t->http->renew));
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)o->connect_timeout_s);
	/* otherwise libcurl goes on for 60 s with an address that refuses */
	if (rq->anew)
		curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* else the end of a transfer waits for its thread in getaddrinfo(), and the whole mount with
	 * it: seen on 7.88, 5 s with a name server that does not answer */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
	curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
	if (o->cacert)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->cacert);
	if (o->cert) {
		curl_easy_setopt(e, CURLOPT_SSLCERT, o->cert);
		curl_easy_setopt(e, CURLOPT_SSLKEY, o->key ? o->key : o->cert);
		/* a key that wants a passphrase fails; OpenSSL would ask for it on the terminal */
		curl_easy_setopt(e, CURLOPT_KEYPASSWD, "");
	}
	if (o->direct)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
	return curl_easy_setopt(e, CURLOPT_URL, rq->url) == CURLE_OK;
}

static bool new_multi(struct http *h)
{
	CURLM *multi = curl_multi_init();

	if (!multi)
		return false;
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	h->multi = multi;
	h->renew = false;
	return true;
}

void http_renew(struct http *h)
{
	h->renew = true;
}

static void *submit(struct transport *transport, const struct http_request *rq, http_done *done, void *arg)
{
	struct http *h = container_of(transport, struct http, transport);
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	/* with the last transfer go the connections */
	if (h->renew && list_empty(&h->transfers))
		new_multi(h);
	t->http = h;
	t->done = done;
	t->arg = arg;
	list_init(&t->link);
	list_add(&h->transfers, &t->link);
	buf_init(&t->response.headers, HEADERS_MAX);
	buf_init(&t->response.body, h->options.body_max);
	t->easy = curl_easy_init();
	if (!t->easy || !configure(t, rq) || curl_multi_add_handle(h->multi, t->easy)) {
		transfer_free(t);
		return NULL;
	}
	return t;
}

static void cancel(struct transport *transport, void *transfer)
{
	(void)transport;
	transfer_free(transfer);
}

/* Was the time up before there was a connection? What waited for its turn for most of its
 * time had none either; that tells nothing of the server. libcurl's own times do not tell the
 * two apart: with 7.88 NAMELOOKUP is counted from the end of the queue, TOTAL from its start. */
static bool had_no_connection(const struct transfer *t)
{
	curl_off_t began = 0;

	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &began);
	return !began && t->tried_ms && 2 * (clock_system.now_ms(&clock_system) - t->tried_ms) > t->response.took_ms;
}

static void complete(struct transfer *t, CURLcode code)
{
	struct http_response *r = &t->response;
	long os_error = 0;
	curl_off_t us = 0;

	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_error);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &r->status);
	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
	r->took_ms = us / 1000;
	r->error = curl_to_errno(code, os_error);
	if (r->error == -ETIMEDOUT && had_no_connection(t))
		r->error = -EHOSTUNREACH;
	else if (r->error == -ETIMEDOUT)
		http_renew(t->http);
	if (code == CURLE_WRITE_ERROR) /* or our own callbacks refused more: too long, or no memory */
		r->error = r->body.error ? r->body.error : r->headers.error ? r->headers.error : r->error;
	r->words = t->words[0] ? t->words : curl_easy_strerror(code);
	if (code == CURLE_COULDNT_CONNECT && (t->no_socket == -EMFILE || t->no_socket == -ENFILE)) {
		r->error = t->no_socket;
		r->words = strerrordesc_np(-r->error);
	}
	t->done(t->arg, r);
	transfer_free(t);
}

struct http *http_new(const struct http_options *o)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->options = *o;
	h->transport = (struct transport){.submit = submit, .cancel = cancel};
	list_init(&h->transfers);
	if (!new_multi(h)) {
		free(h);
		return NULL;
	}
	return h;
}

struct http *http_free(struct http *h)
{
	if (!h)
		return NULL;
	while (!list_empty(&h->transfers))
		transfer_free(list_first(&h->transfers, struct transfer, link));
	curl_multi_cleanup(h->multi);
	free(h);
	curl_global_cleanup();
	return NULL;
}

struct transport *http_transport(struct http *h)
{
	return &h->transport;
}

/* Ends what has come to its end; true when something has. */
static bool take_completed(struct http *h)
{
	bool any = false;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		struct transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		complete(t, msg->data.result);
		any = true;
	}
	return any;
}

bool http_is_idle(const struct http *h)
{
	return list_empty(&h->transfers);
}

int http_poll(struct http *h, struct pollfd *extra, unsigned n, int timeout_ms)
{
	struct curl_waitfd fds[4];
	int running;

	if (http_is_idle(h)) {
		/* libcurl has nothing to do, and four system calls to find that out */
		int r = poll(extra, n, timeout_ms);

		for (unsigned i = 0; r < 0 && i < n; i++)
			extra[i].revents = 0;
		return r < 0 && errno != EINTR ? -errno : 0;
	}
	for (unsigned i = 0; i < n && i < 4; i++)
		fds[i] = (struct curl_waitfd){.fd = extra[i].fd, .events = CURL_WAIT_POLLIN};
	if (curl_multi_perform(h->multi, &running))
		return -EIO;
	/* what ended already must not wait for something else to happen */
	if (take_completed(h))
		timeout_ms = 0;
	if (curl_multi_poll(h->multi, fds, n, timeout_ms, NULL))
		return -EIO;
	for (unsigned i = 0; i < n && i < 4; i++)
		extra[i].revents = fds[i].revents;
	if (curl_multi_perform(h->multi, &running))
		return -EIO;
	take_completed(h);
	return 0;
}
