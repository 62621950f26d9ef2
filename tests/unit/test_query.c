// SPDX-License-Identifier: MIT
/* Which queries an issue surely does not meet any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/query.h"

#define OPEN "{\"status\":\"unresolved\",\"substatus\":\"ongoing\",\"assignedTo\":null}"
#define DONE "{\"status\":\"resolved\",\"substatus\":null,\"assignedTo\":{\"type\":\"user\",\"id\":\"1\"}}"
#define AWAY "{\"status\":\"ignored\",\"substatus\":\"archived_forever\"}"

static const struct row {
	const char *query;
	bool open, done, away; /* is it excluded? */
} rows[] = {
	{"", false, false, false},
	{"  ", false, false, false},
	{"is:unresolved", false, true, true},
	{"  is:unresolved  ", false, true, true},
	{"is:resolved", true, false, true},
	{"is:ignored", true, true, false},
	{"is:archived", true, true, false},
	{"is:muted", true, true, false},
	{"!is:unresolved", true, false, false},
	{"!is:resolved", false, true, false},
	{"is:ongoing", false, true, true},
	{"is:new", true, true, true},
	{"!is:ongoing", true, false, false},
	{"is:assigned", true, false, true},
	{"is:unassigned", false, true, false},
	{"assigned:none", false, true, false},
	{"!assigned:none", true, false, true},
	{"assigned:me", true, false, true}, /* nobody has it; who `me` is is the server's */
	{"!assigned:me", false, false, false},
	{"assigned:[me, none]", false, false, false},
	{"is:unresolved assigned:me", true, true, true},
	/* what is not known excludes nothing */
	{"is:for_review", false, false, false},
	{"is:linked", false, false, false},
	{"!is:linked", false, false, false},
	{"is:", false, false, false},
	{"IS:unresolved", false, false, false},
	{"is:[unresolved, resolved]", false, false, false},
	{"level:error", false, false, false},
	{"level:error is:unresolved", false, true, true},
	{"is:unresolved level:error", false, true, true},
	{"message with words is:unresolved", false, true, true},
	{"unresolved", false, false, false},
	/* quotes and lists hold what looks like terms */
	{"\"is:unresolved\"", false, false, false},
	{"message:\"a is:unresolved b\"", false, false, false},
	{"release:[a, is:unresolved]", false, false, false},
	{"message:\"open is:unresolved", false, false, false},
	/* not all terms are required */
	{"is:unresolved or is:resolved", false, false, false},
	{"is:unresolved OR level:error", false, false, false},
	{"(is:unresolved)", false, false, false},
	{"level:error (is:unresolved)", false, false, false},
	{"is:unresolved AND level:error", false, true, true},
	{"!", false, false, false},
	{":", false, false, false},
	{"!:", false, false, false},
};

static void judges(const char *query, const char *issue, bool want)
{
	if (query_excludes(str_of(query), str_of(issue), NULL) != want)
		fail_msg("\"%s\" %s %s", query, want ? "does not exclude" : "excludes", issue);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		judges(rows[i].query, OPEN, rows[i].open);
		judges(rows[i].query, DONE, rows[i].done);
		judges(rows[i].query, AWAY, rows[i].away);
	}
}

/* Nothing is read beyond the text. */
static void test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t n = 0; n <= strlen(rows[i].query); n++) {
			cleanup_free char *exact = malloc(n + 1);

			memcpy(exact + 1, rows[i].query, n);
			query_excludes((struct str){exact + 1, n}, STR(OPEN), NULL);
		}
	judges("is:unresolved", "{}", true);
	judges("is:unresolved", "{\"status\":null}", true);
	judges("is:unresolved", "{\"status\":5}", true);
	judges("is:unresolved", "[]", true);
}

/* Whom an issue belongs to, by the names that its JSON tells. */
static void test_assigned(void **state)
{
	static const char jane[] =
		"{\"assignedTo\":{\"type\":\"user\",\"id\":1,\"email\":\"jane@x\",\"name\":\"Jane\"}}";
	static const char team[] = "{\"assignedTo\":{\"type\":\"team\",\"id\":\"1\",\"name\":\"web\"}}";
	static const char nameless[] = "{\"assignedTo\":{\"type\":\"user\",\"id\":\"1\"}}";
	static const struct {
		const char *query, *me, *issue;
		bool want;
	} cases[] = {
		{"assigned:me", NULL, jane, false},
		{"assigned:me", "1", jane, false},
		{"assigned:me", "2", jane, true},
		{"!assigned:me", "1", jane, true},
		{"!assigned:me", "2", jane, false},
		{"assigned:me", "1", team, true},
		{"assigned:me", "1", OPEN, true},
		{"assigned:jane@x", NULL, jane, false},
		{"assigned:JANE@X", NULL, jane, false},
		{"assigned:bob@x", NULL, jane, true},
		{"assigned:bob@x", NULL, nameless, false},
		{"assigned:bob@x", NULL, team, true},
		{"assigned:bob", NULL, jane, false},
		{"assigned:#web", NULL, team, false},
		{"!assigned:#web", NULL, team, true},
		{"assigned:#backend", NULL, team, false}, /* its slug may differ from its name */
		{"assigned:#web", NULL, jane, true},
		{"assigned:my_teams", "1", team, false},
		{"assigned:[bob@x, none]", NULL, jane, false},
		{"assigned:\"bob@x\"", NULL, jane, false},
		{"assigned:", NULL, jane, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (query_excludes(str_of(cases[i].query), str_of(cases[i].issue), cases[i].me) != cases[i].want)
			fail_msg("%s: %s", cases[i].query, cases[i].issue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_assigned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
