// SPDX-License-Identifier: MIT
/*
 * The origin that requests go to: scheme, host and port, checked and brought to
 * one form.
 *
 * It is what the token is sent to, so it takes nothing that two parsers could
 * understand differently: no user, path, query or fragment, no white space, no
 * escapes. Owns nothing. Must not know where the text came from, nor resolve names.
 */
#include "sentryfs/origin.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool host_ok(struct str host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (host.n && memchr(host.s, '\0', host.n))
		return false;
	if (host.n > 2 && host.s[0] == '[' && host.n - 2 < sizeof(text)) {
		memcpy(text, host.s + 1, host.n - 2);
		text[host.n - 2] = '\0';
		return host.s[host.n - 1] == ']' && inet_pton(AF_INET6, text, &a) == 1;
	}
	if (host.n == 0 || host.n > 253 || host.s[0] == '.' || host.s[0] == '-')
		return false;
	for (size_t i = 0; i < host.n; i++) {
		char c = host.s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		      c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* HOST[:PORT] into its parts; the port is empty when there is none. */
static bool authority_cut(struct str authority, struct str *host)
{
	const char *from = authority.n ? memchr(authority.s, ']', authority.n) : NULL;
	size_t skip = from ? (size_t)(from - authority.s) : 0;
	const char *colon = authority.n ? memchr(authority.s + skip, ':', authority.n - skip) : NULL;
	uint64_t port;

	*host = authority;
	if (!colon)
		return true;
	host->n = (size_t)(colon - authority.s);
	return str_to_u64((struct str){colon + 1, authority.n - host->n - 1}, &port) == 0 && port >= 1 && port <= 65535;
}

char *origin_parse(struct str text, bool bare)
{
	struct str rest = text, host;
	const char *scheme = "https";
	char *url;

	if (text.n > 8 && str_case_eq((struct str){text.s, 8}, STR("https://")))
		rest = (struct str){text.s + 8, text.n - 8};
	else if (text.n > 7 && str_case_eq((struct str){text.s, 7}, STR("http://"))) {
		rest = (struct str){text.s + 7, text.n - 7};
		scheme = "http";
	} else if (!bare)
		return NULL;
	if (rest.n > 0 && rest.s[rest.n - 1] == '/')
		rest.n--;
	if (!authority_cut(rest, &host) || !host_ok(host))
		return NULL;
	url = malloc(rest.n + 9);
	if (!url)
		return NULL;
	snprintf(url, rest.n + 9, "%s://%.*s", scheme, (int)rest.n, rest.s);
	for (char *c = url; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return url;
}

static bool is_saas(const char *url)
{
	static const char https[] = "https://", domain[] = ".sentry.io";
	const char *host = url + strlen(https);
	size_t n = strlen(domain), len;

	if (strncmp(url, https, strlen(https)) != 0)
		return false;
	len = strlen(host);
	return !strcmp(host, domain + 1) || (len > n && !strcmp(host + len - n, domain));
}

bool origin_is_region(const char *origin, const char *told)
{
	bool plain = str_starts(str_of(origin), "http://") && str_starts(str_of(told), "http://");

	return (is_saas(origin) && is_saas(told)) || (plain && origin_is_safe(origin) && origin_is_safe(told));
}

bool origin_is_safe(const char *url)
{
	return !str_starts(str_of(url), "http://") || origin_is_loopback(url);
}

bool origin_is_loopback(const char *url)
{
	const char *authority = strstr(url, "://");
	char text[INET_ADDRSTRLEN];
	struct in_addr a;
	struct str host;

	if (!authority)
		return false;
	authority_cut(str_of(authority + 3), &host);
	if (str_eqz(host, "localhost") || str_eqz(host, "[::1]"))
		return true;
	if (!host.n || host.n >= sizeof(text))
		return false;
	memcpy(text, host.s, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, &a) == 1 && (ntohl(a.s_addr) >> 24) == 127;
}
