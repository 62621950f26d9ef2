// SPDX-License-Identifier: MIT
/* What is taken for a secret, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/secret.h"

struct row {
	const char *text, *want; /* NULL: as it is */
};

static void redacts(const struct row *rows, size_t n, bool code)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf b = {0};

		buf_init(&b, BUF_MAX_DEFAULT);
		secret_redact(&b, str_of(rows[i].text), code);
		buf_addc(&b, '\0');
		assert_string_equal(b.data, rows[i].want ? rows[i].want : rows[i].text);
	}
}

#define REDACTS(rows, code) redacts(rows, sizeof(rows) / sizeof(*(rows)), code)

static void test_names(void **state)
{
	static const char *const secret[] = {"Authorization", "cookie",	     "Set-Cookie",	 "X-Api-Key",
					     "api_key",	      "csrf_token",  "PASSWORD",	 "db-passwd",
					     "client.secret", "private_key", "AWS_ACCESS_KEY_ID"};
	static const char *const plain[] = {"", "key", "author", "pass", "Accept", "page", "keys", "apiVersion"};

	(void)state;
	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		assert_true(secret_name(str_of(secret[i])));
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		assert_false(secret_name(str_of(plain[i])));
}

static void test_text(void **state)
{
	static const struct row rows[] = {
		{"", NULL},
		{"nothing of that kind", NULL},
		{"https://a/b?token=abc&page=2#x", "https://a/b?token=[redacted]&page=2#x"},
		{"password=hunter2 next", "password=[redacted] next"},
		{"{'password': 'hun\\'ter2', 'page': 1}", "{'password': '[redacted]', 'page': 1}"},
		{"{\"api_key\": \"x\", \"ok\": 1}", "{\"api_key\": \"[redacted]\", \"ok\": 1}"},
		{"{\\\"secret\\\": \\\"x\\\"}", "{\\\"secret\\\": \\\"[redacted]\\\"}"},
		{"[('Cookie', 'a=b'), ('Accept', '*')]", "[('Cookie', '[redacted]'), ('Accept', '*')]"},
		{"Authorization: Basic dXNlcjpwYXNz\nHost: a", "Authorization: [redacted]\nHost: a"},
		{"Cookie: a=b; c=d\nAccept: x", "Cookie: [redacted]\nAccept: x"},
		{"authorization=Bearer abc def", "authorization=[redacted] def"},
		{"sent Bearer abcdefgh1234 to it", "sent Bearer [redacted] to it"},
		{"Bearer authentication failed", NULL},
		{"postgres://acme:hunter2@db/acme", "postgres://acme:[redacted]@db/acme"},
		{"https://acme@host/ and a@b", NULL},
		{"with sntryu_0123456789abcdef0123 inside", "with [redacted] inside"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "[redacted]"},
		{"postgres://acme:hun@ter2@db/acme a@b", "postgres://acme:[redacted]@db/acme a@b"},
		{"X-Auth-Token: abc\nHost: a", "X-Auth-Token: [redacted]\nHost: a"},
		{"db:\n  db_password: abc\n  passphrase: def\n",
		 "db:\n  db_password: [redacted]\n  passphrase: [redacted]\n"},
		{"<a><password>hunter 2</password><b>c</b></a>", "<a><password>[redacted]</password><b>c</b></a>"},
		{"<w:Password>hunter2</w:Password>", "<w:Password>[redacted]</w:Password>"},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nx",
		 "-----BEGIN RSA PRIVATE KEY-----[redacted]\nx"},
		{"-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----[redacted]"},
		/* prose */
		{"Type 'Promise<Token>' is not assignable to type 'string'", NULL},
		{"-----BEGIN PUBLIC KEY-----\nMIIE", NULL},
		{"Unexpected token < in JSON at position 0", NULL},
		{"SyntaxError: Unexpected token: x", NULL},
		{"the password is wrong", NULL},
		{"tokens == 3", NULL},
		{"std::token::next", NULL},
		{"token=", NULL},
		{"password", NULL},
		{"password:", NULL},
		{"x-api-key: abc def", "x-api-key: [redacted] def"},
		{":token => 'abc', page: 2", ":token => '[redacted]', page: 2"},
		{"'token': 'never ended", "'token': '[redacted]"},
		{"token=\"", NULL},
	};

	(void)state;
	REDACTS(rows, false);
}

static void test_code(void **state)
{
	static const struct row rows[] = {
		{"token = request.GET[\"token\"]", NULL},
		{"password = os.environ['DB_PASSWORD']", NULL},
		{"api_key = \"abc\"  # no", "api_key = \"[redacted]\"  # no"},
		{"headers[\"Authorization\"] = \"Bearer x\"", "headers[\"Authorization\"] = \"[redacted]\""},
		{"connect({ password: 'hunter2', port: 1 })", "connect({ password: '[redacted]', port: 1 })"},
		{"secret := \"abc\"", "secret := \"[redacted]\""},
		{"if token == \"\":", NULL},
		{"def token(self, password: str) -> str:", NULL},
	};

	(void)state;
	REDACTS(rows, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
