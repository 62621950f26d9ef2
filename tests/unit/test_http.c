// SPDX-License-Identifier: MIT
/*
 * libcurl's transport against a real server on loopback: what a response holds, what
 * is refused, how a broken line is told, and that a cancelled request is never heard of.
 *
 * The server is a child of this program and answers each path as its row says; it
 * counts what it was asked, so that a redirect that is followed would be seen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sentryfs/clock.h"
#include "sentryfs/http.h"

#define BODY_MAX ((size_t)100000)
#define BOUND_MS 20000 /* no test waits longer */

/* ---- the server ---- */

enum ending { CLOSE, RESET, HANG, ECHO, ENDLESS, HEADERS };

struct row {
	const char *path;
	const char *answer;
	enum ending ending;
};

static const struct row rows[] = {
	{"/echo", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", ECHO},
	{"/headers",
	 "HTTP/1.1 100 Continue\r\nX-Early: yes\r\n\r\n"
	 "HTTP/1.1 201 Created\r\nX-Sentry-Rate-Limit-Remaining:  7 \r\nlink: <http://a/?b:c>; rel=\"next\"\r\n"
	 "X-Empty:\r\nX-Twice: one\r\n\t more\r\nX-Twice: two\r\nX: short\r\nContent-Length: 2\r\n\r\n[]",
	 CLOSE},
	{"/nothing", "HTTP/1.1 204 No Content\r\n\r\n", CLOSE},
	{"/redirect", "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 4\r\n\r\nmove", CLOSE},
	{"/fits", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", ENDLESS},
	{"/large", "HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n", ENDLESS},
	{"/endless", "HTTP/1.1 200 OK\r\n\r\n", ENDLESS},
	{"/headers-without-end", "HTTP/1.1 200 OK\r\n", HEADERS},
	{"/one-long-header", "HTTP/1.1 200 OK\r\nX-Large: ", ENDLESS},
	{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2", CLOSE},
	{"/chunk-cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n[1, 2", CLOSE},
	{"/reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2", RESET},
	{"/silent", "", CLOSE},
	{"/no-http", "220 mail.example ESMTP\r\n\r\n", CLOSE},
	{"/bad-gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", CLOSE},
	/* a text, and a byte behind its end */
	{"/more-than-deflated",
	 "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 41\r\n\r\n"
	 "\x78\xda\x15\xc6\xb1\x11\xc0\x40\x10\x02\xb1\x5a\x0f\x03\x4b\xff\x15\xfc\x58\x91\xd4\xd0\x9e\xb6\x3f"
	 "\x13\xf8\xe2\x91\x6f\xee\x01\xd5\x9c\xe3\x01\x44\x89\x0f\xd2!",
	 CLOSE},
	{"/hang", "", HANG},
	{"/hang-in-body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2", HANG},
};

static void say(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t r = send(fd, data, n, MSG_NOSIGNAL);

		if (r <= 0)
			_exit(0);
		data += r;
		n -= (size_t)r;
	}
}

static void answer(int fd, const char *request, size_t n)
{
	static const struct linger at_once = {.l_onoff = 1};
	static const char filler[1000] = {' '};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *path = strchr(request, ' ') + 1;
		size_t length = strlen(rows[i].path);

		if (strncmp(path, rows[i].path, length) || path[length] != ' ')
			continue;
		say(fd, rows[i].answer, strlen(rows[i].answer));
		if (rows[i].ending == ECHO)
			say(fd, request, n);
		for (unsigned more = 0; rows[i].ending == ENDLESS && more < 300; more++)
			say(fd, filler, sizeof(filler));
		for (unsigned more = 0; rows[i].ending == HEADERS && more < 10000; more++)
			say(fd, "X-More: of the same\r\n", 21);
		if (rows[i].ending == RESET)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		while (rows[i].ending == HANG)
			pause();
	}
	close(fd);
}

static void serve_one(int fd)
{
	char request[4096];
	const char *end;
	size_t n = 0, body = 0;

	do {
		ssize_t r = recv(fd, request + n, sizeof(request) - 1 - n, 0);

		if (r <= 0)
			_exit(0);
		n += (size_t)r;
		request[n] = '\0';
		if (*request < 'A' || *request > 'Z')
			_exit(0); /* TLS */
		end = strstr(request, "\r\n\r\n");
		if (end && strstr(request, "Content-Length: "))
			body = strtoul(strstr(request, "Content-Length: ") + 16, NULL, 10);
	} while (!end || n < (size_t)(end - request) + 4 + body);
	answer(fd, request, n);
	_exit(0);
}

struct server {
	pid_t pid;
	unsigned port;
	unsigned *asked; /* shared with the child */
};

static int listen_on_loopback(unsigned *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void server_run(int fd, unsigned *asked)
{
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN);
	alarm(300); /* whatever becomes of the test */
	for (;;) {
		int one = accept(fd, NULL, NULL);

		if (one < 0)
			continue;
		++*asked;
		if (!fork()) {
			close(fd);
			alarm(300);
			serve_one(one);
		}
		close(one);
	}
}

static int server_start(void **state)
{
	static struct server server;
	struct server *s = &server;
	int fd = listen_on_loopback(&s->port);

	assert_int_equal(listen(fd, 32), 0);
	s->asked = mmap(NULL, sizeof(*s->asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(s->asked != MAP_FAILED);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid)
		server_run(fd, s->asked);
	setpgid(s->pid, s->pid);
	close(fd);
	*state = s;
	return 0;
}

static int server_stop(void **state)
{
	struct server *s = *state;

	kill(-s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->asked, sizeof(*s->asked));
	return 0;
}

/* ---- the client ---- */

struct result {
	unsigned times;
	int error;
	long status;
	char words[256], link[64], remaining[16], empty[8], twice[16], early[8];
	bool has_empty;
	struct buf body;
};

static void copy(char *to, size_t n, struct str from)
{
	snprintf(to, n, "%.*s", (int)from.n, from.n ? from.s : "");
}

static void on_done(void *arg, struct http_response *r)
{
	struct result *a = arg;

	a->times++;
	a->error = r->error;
	a->status = r->status;
	copy(a->words, sizeof(a->words), str_of(r->words));
	copy(a->link, sizeof(a->link), http_header(r, "Link"));
	copy(a->remaining, sizeof(a->remaining), http_header(r, "x-sentry-rate-limit-remaining"));
	copy(a->twice, sizeof(a->twice), http_header(r, "X-Twice"));
	copy(a->early, sizeof(a->early), http_header(r, "X-Early"));
	a->has_empty = http_header(r, "X-Empty").s != NULL;
	copy(a->empty, sizeof(a->empty), http_header(r, "X-Empty"));
	assert_null(http_header(r, "X-").s);
	buf_init(&a->body, BODY_MAX * 2);
	buf_add(&a->body, r->body.data, r->body.len);
	assert_true(r->took_ms >= 0 && r->took_ms < BOUND_MS);
}

static struct http *client(void)
{
	struct http *h = http_new(
		&(struct http_options){.user_agent = "sentryfs/test", .connect_timeout_s = 5, .body_max = BODY_MAX});

	assert_non_null(h);
	return h;
}

static void *submit(struct http *h, unsigned port, const char *scheme, const char *path, unsigned timeout_s,
		    struct result *result)
{
	struct transport *t = http_transport(h);
	char url[256];
	struct http_request rq = {.method = "GET",
				  .url = url,
				  .authorization = "Authorization: Bearer t0ken",
				  .timeout_ms = timeout_s * 1000};
	void *transfer;

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", scheme, port, path);
	*result = (struct result){0};
	transfer = t->submit(t, &rq, on_done, result);
	assert_non_null(transfer);
	assert_int_equal(result->times, 0); /* never from submit */
	return transfer;
}

static void wait_for(struct http *h, const struct result *result)
{
	int64_t end = clock_system.now_ms(&clock_system) + BOUND_MS;

	while (!result->times) {
		assert_true(clock_system.now_ms(&clock_system) < end);
		assert_int_equal(http_poll(h, NULL, 0, 100), 0);
	}
	assert_int_equal(result->times, 1);
}

static void get(const struct server *s, const char *path, struct result *result)
{
	struct http *h = client();

	submit(h, s->port, "http", path, 10, result);
	wait_for(h, result);
	assert_null(http_free(h));
	assert_int_equal(result->times, 1);
}

static void body_is(struct result *r, const char *text)
{
	assert_true(str_eqz(buf_str(&r->body), text));
	buf_done(&r->body);
}

static void has(const struct result *r, const char *part)
{
	cleanup_free char *text = str_dup(buf_str(&r->body));

	if (!strstr(text, part))
		fail_msg("'%s' is not in '%s'", part, text);
}

/* ---- the tests ---- */

static void test_what_is_sent(void **state)
{
	const struct server *s = *state;
	struct http *h = client();
	struct transport *t = http_transport(h);
	struct result r;
	char url[64];
	char body[] = "{\"status\":\"resolved\"}";

	get(s, "/echo", &r);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.status, 200);
	has(&r, "GET /echo HTTP/1.1\r\n");
	has(&r, "\r\nAuthorization: Bearer t0ken\r\n");
	has(&r, "\r\nAccept: application/json\r\n");
	has(&r, "\r\nUser-Agent: sentryfs/test\r\n");
	has(&r, "gzip");
	buf_done(&r.body);

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", s->port);
	r = (struct result){0};
	assert_non_null(t->submit(t,
				  &(struct http_request){.method = "PUT",
							 .url = url,
							 .authorization = "Authorization: Bearer t0ken",
							 .body = body,
							 .timeout_ms = 10000},
				  on_done, &r));
	memset(body, 'x', sizeof(body) - 1); /* the caller's bytes are not needed any more */
	wait_for(h, &r);
	has(&r, "PUT /echo HTTP/1.1\r\n");
	has(&r, "\r\nContent-Type: application/json\r\n");
	has(&r, "\r\n\r\n{\"status\":\"resolved\"}");
	buf_done(&r.body);
	http_free(h);
}

static void test_headers(void **state)
{
	struct result r;

	get(*state, "/headers", &r);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.status, 201);
	assert_string_equal(r.remaining, "7");
	assert_string_equal(r.link, "<http://a/?b:c>; rel=\"next\"");
	assert_true(r.has_empty);
	assert_string_equal(r.empty, "");
	assert_string_equal(r.twice, "one\t more");
	assert_string_equal(r.early, ""); /* of the 100 before the answer */
	body_is(&r, "[]");
	get(*state, "/nothing", &r);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.status, 204);
	body_is(&r, "");
}

static void test_a_redirect_is_not_followed(void **state)
{
	const struct server *s = *state;
	unsigned before = *s->asked;
	struct result r;

	get(s, "/redirect", &r);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.status, 302);
	body_is(&r, "move");
	assert_int_equal(*s->asked, before + 1);
}

static void test_bounds(void **state)
{
	static const char *const large[] = {"/large", "/endless", "/headers-without-end"};
	struct result r;

	get(*state, "/fits", &r);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.body.len, BODY_MAX);
	buf_done(&r.body);
	for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
		get(*state, large[i], &r);
		if (r.error != -EFBIG)
			fail_msg("%s: %d, %s", large[i], r.error, r.words);
		assert_true(r.body.len <= BODY_MAX);
		buf_done(&r.body);
	}
	get(*state, "/one-long-header", &r);
	assert_true(r.error < 0); /* libcurl 7 calls it a lack of memory */
	buf_done(&r.body);
}

static void test_broken_answers(void **state)
{
	static const struct {
		const char *path;
		int error;
	} table[] = {
		{"/cut", -EBADMSG},	 {"/chunk-cut", -EBADMSG},
		{"/bad-gzip", -EBADMSG}, {"/more-than-deflated", -EBADMSG},
		{"/reset", -EIO},	 {"/silent", -EIO},
		{"/no-http", -EIO},
	};
	struct result r;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		get(*state, table[i].path, &r);
		if (r.error != table[i].error)
			fail_msg("%s: %d, %s", table[i].path, r.error, r.words);
		assert_true(*r.words);
		buf_done(&r.body);
	}
}

static void test_no_answer(void **state)
{
	static const char *const hung[] = {"/hang", "/hang-in-body"};
	const struct server *s = *state;
	struct http *h = client();
	struct result r;
	unsigned port;
	int fd = listen_on_loopback(&port); /* bound, but nobody listens */

	submit(h, port, "http", "/", 10, &r);
	wait_for(h, &r);
	assert_int_equal(r.error, -ECONNREFUSED);
	assert_int_equal(r.status, 0);
	buf_done(&r.body);
	close(fd);
	for (size_t i = 0; i < sizeof(hung) / sizeof(*hung); i++) {
		submit(h, s->port, "http", hung[i], 1, &r);
		wait_for(h, &r);
		assert_int_equal(r.error, -ETIMEDOUT);
		buf_done(&r.body);
	}
	/* that server speaks no TLS, and only http and https are spoken */
	submit(h, s->port, "https", "/echo", 10, &r);
	wait_for(h, &r);
	assert_int_equal(r.error, -EPROTO);
	buf_done(&r.body);
	submit(h, s->port, "gopher", "/echo", 10, &r);
	wait_for(h, &r);
	assert_true(r.error < 0);
	buf_done(&r.body);
	http_free(h);
}

/* Who does not even connect was sent nothing. What only waits for its turn was not tried. */
static void test_no_connection(void **state)
{
	const struct server *s = *state;
	struct http *h = client();
	struct result full[25], r;
	int ends[8], fd;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	unsigned port;

	fd = listen_on_loopback(&port);
	a.sin_port = htons((uint16_t)port);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < 8; i++) {
		ends[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(ends[i], (struct sockaddr *)&a, sizeof(a));
	}
	submit(h, port, "http", "/", 1, &r);
	wait_for(h, &r);
	assert_int_equal(r.error, -EHOSTUNREACH);
	buf_done(&r.body);
	for (size_t i = 0; i < 8; i++)
		close(ends[i]);
	close(fd);
	for (size_t i = 0; i < 25; i++)
		submit(h, s->port, "http", "/hang", 1, &full[i]);
	for (size_t i = 0; i < 25; i++) {
		wait_for(h, &full[i]);
		assert_int_equal(full[i].error, -ETIMEDOUT);
		buf_done(&full[i].body);
	}
	http_free(h);
}

/* Side by side; the slow one does not hold up the others. */
static void test_parallel(void **state)
{
	const struct server *s = *state;
	struct http *h = client();
	struct result slow, quick[8];

	submit(h, s->port, "http", "/hang", 10, &slow);
	for (size_t i = 0; i < 8; i++)
		submit(h, s->port, "http", i % 2 ? "/headers" : "/echo", 10, &quick[i]);
	for (size_t i = 0; i < 8; i++) {
		wait_for(h, &quick[i]);
		assert_int_equal(quick[i].error, 0);
		buf_done(&quick[i].body);
	}
	assert_int_equal(slow.times, 0);
	http_free(h); /* with one in flight */
	assert_int_equal(slow.times, 0);
}

static void test_cancel(void **state)
{
	const struct server *s = *state;
	struct http *h = client();
	struct transport *t = http_transport(h);
	struct result gone, at_once, r;
	unsigned before = *s->asked;
	void *transfer = submit(h, s->port, "http", "/hang-in-body", 10, &gone);
	int64_t end = clock_system.now_ms(&clock_system) + BOUND_MS;

	while (*(volatile unsigned *)s->asked == before) {
		assert_true(clock_system.now_ms(&clock_system) < end);
		assert_int_equal(http_poll(h, NULL, 0, 10), 0);
	}
	t->cancel(t, transfer);
	t->cancel(t, submit(h, s->port, "http", "/echo", 10, &at_once));
	submit(h, s->port, "http", "/echo", 10, &r);
	wait_for(h, &r);
	assert_int_equal(r.error, 0);
	buf_done(&r.body);
	assert_int_equal(gone.times, 0);
	assert_int_equal(at_once.times, 0);
	http_free(h);
}

/* A descriptor of the caller's wakes the poll. */
static void test_extra_descriptors(void **state)
{
	struct http *h = client();
	int64_t begin = clock_system.now_ms(&clock_system);
	struct pollfd fds[2];
	int ends[2], quiet[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(quiet), 0);
	fds[0] = (struct pollfd){.fd = quiet[0], .events = POLLIN};
	fds[1] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(http_poll(h, fds, 2, 0), 0);
	assert_int_equal(fds[0].revents | fds[1].revents, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(http_poll(h, fds, 2, BOUND_MS), 0);
	assert_true(fds[1].revents);
	assert_false(fds[0].revents);
	assert_true(clock_system.now_ms(&clock_system) - begin < BOUND_MS / 2);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(quiet[i]);
	}
	http_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_sent),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_a_redirect_is_not_followed),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_broken_answers),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_extra_descriptors),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
