// SPDX-License-Identifier: MIT
/* Scratch files: which names may be one, their bytes, and how long they live. */
#include "fixture.h"

static void test_names(void **state)
{
	/* as editors name what they put beside `status` */
	static const char *const good[] = {"status~",	     ".status.swp",   ".status.swo",  ".status.swpx",
					   "status.tmp",     "status.temp",   "status.bak",   "status.orig",
					   "status.old",     "status.new",    ".#status",     "#status#",
					   ".status",	     "status.1",      "status.12345", "~status",
					   "statusDetails~", ".isPublic.swp", "merge.tmp"};
	static const char *const bad[] = {
		"status",    "state",	    "Status",	 "assignee", "status.txt", "status.",	   "status.tmp.x",
		"xstatus",   "status2",	    "status.1a", ".git",     "title~",	   "4913",	   "issue.json~",
		"comments~", "last-error~", "",		 "~",	     ".",	   "statusDetail", "001-jane.md~"};
	static const char *const comment[] = {"001-jane.md~", ".001-jane.md.swp", "001-jane.md.tmp", "#001-jane.md#",
					      "new~",	      ".new.swp",	  "remove.tmp"};
	static const char *const not_comment[] = {"001-jane.md", "002-x.md",  "jane",	     "status~",
						  "new",	 "001-jane~", "001-jane.mdx"};
	struct fixture f;
	struct node *comments;

	(void)state;
	begin(&f);
	comments = entry(&f, f.issue, "comments");
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!scratch_may_be(f.issue, good[i], false))
			fail_msg("%s may not be", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (scratch_may_be(f.issue, bad[i], false))
			fail_msg("%s may be", bad[i]);
	for (size_t i = 0; i < sizeof(comment) / sizeof(*comment); i++)
		if (!scratch_may_be(comments, comment[i], false))
			fail_msg("comments/%s may not be", comment[i]);
	for (size_t i = 0; i < sizeof(not_comment) / sizeof(*not_comment); i++)
		if (scratch_may_be(comments, not_comment[i], false))
			fail_msg("comments/%s may be", not_comment[i]);
	/* exclusively anything but vim's 4913 */
	assert_true(scratch_may_be(f.issue, "sedAbCdEf", true) && scratch_may_be(comments, "tmp123", true));
	assert_false(scratch_may_be(f.issue, "4913", true) || scratch_may_be(f.issue, "", true));
	/* and nowhere else */
	assert_false(scratch_may_be(f.issues, "status~", true) || scratch_may_be(f.events, "x", true) ||
		     scratch_may_be(f.mount.root, "x", true) || scratch_may_be(f.details, "x", true));
	end(&f);
}

static void holds(const struct scratch *s, const void *bytes, size_t n)
{
	assert_int_equal(s->data.len, n);
	if (n)
		assert_memory_equal(s->data.data, bytes, n);
}

static void test_bytes(void **state)
{
	struct fixture f;
	struct scratch *s;
	cleanup_free char *big = calloc(1, SCRATCH_BYTES_MAX);

	(void)state;
	begin(&f);
	assert_int_equal(scratch_new(&f.mount.scratches, f.issue, "status~", 0100644, &s), 0);
	assert_int_equal(s->mode, 0644);
	holds(s, "", 0);
	assert_int_equal(scratch_write(s, STR("hello"), 0), 0);
	assert_int_equal(scratch_write(s, STR("J"), 0), 0);
	holds(s, "Jello", 5);
	assert_int_equal(scratch_write(s, STR("ws"), 4), 0); /* over the end */
	holds(s, "Jellws", 6);
	assert_int_equal(scratch_write(s, STR("!"), 8), 0); /* a hole */
	holds(s, "Jellws\0\0!", 9);
	assert_int_equal(scratch_truncate(s, 4), 0);
	holds(s, "Jell", 4);
	assert_int_equal(scratch_truncate(s, 6), 0);
	holds(s, "Jell\0\0", 6);
	assert_int_equal(scratch_truncate(s, 0), 0);
	assert_int_equal(scratch_truncate(s, 2), 0); /* what was cut away does not come back */
	holds(s, "\0", 2);
	/* the most */
	assert_int_equal(scratch_write(s, (struct str){big, SCRATCH_BYTES_MAX}, 1), -EFBIG);
	assert_int_equal(scratch_write(s, STR("x"), SCRATCH_BYTES_MAX), -EFBIG);
	assert_int_equal(scratch_write(s, STR("x"), SIZE_MAX), -EFBIG);
	assert_int_equal(scratch_write(s, STR("xy"), SIZE_MAX - 1), -EFBIG);
	assert_int_equal(scratch_truncate(s, SCRATCH_BYTES_MAX + 1), -EFBIG);
	holds(s, "\0", 2);
	assert_int_equal(scratch_write(s, STR("x"), SCRATCH_BYTES_MAX - 1), 0);
	assert_int_equal(s->data.len, SCRATCH_BYTES_MAX);
	assert_int_equal(scratch_write(s, STR(""), SCRATCH_BYTES_MAX), 0);
	assert_int_equal(scratch_write(s, (struct str){big, SCRATCH_BYTES_MAX}, 0), 0);
	holds(s, big, SCRATCH_BYTES_MAX);
	end(&f);
}

static void test_many(void **state)
{
	struct fixture f;
	struct scratch *s;
	char name[32];

	(void)state;
	begin(&f);
	for (unsigned i = 0; i < SCRATCHES_MAX; i++) {
		snprintf(name, sizeof(name), "status.%u", i);
		assert_int_equal(scratch_new(&f.mount.scratches, f.issue, name, 0600, &s), 0);
	}
	assert_int_equal(scratch_new(&f.mount.scratches, f.issue, "status~", 0600, &s), -ENOSPC);
	assert_ptr_equal(scratch_at(&f.mount.scratches, f.issue, SCRATCHES_MAX - 1), s);
	assert_null(scratch_at(&f.mount.scratches, f.issue, SCRATCHES_MAX));
	assert_null(scratch_at(&f.mount.scratches, f.events, 0));
	s = scratch_find(&f.mount.scratches, f.issue, "status.7");
	assert_non_null(s);
	assert_null(scratch_find(&f.mount.scratches, f.events, "status.7"));
	scratch_unlink(s);
	assert_null(scratch_find(&f.mount.scratches, f.issue, "status.7"));
	assert_int_equal(scratch_new(&f.mount.scratches, f.issue, "status~", 0600, &s), 0);
	assert_int_equal(scratch_rename(s, "status.bak"), 0);
	assert_ptr_equal(scratch_find(&f.mount.scratches, f.issue, "status.bak"), s);
	assert_null(scratch_find(&f.mount.scratches, f.issue, "status~"));
	end(&f); /* the others go with the mount */
}

/* Unlinked while a node and a handle still have it. */
static void test_unlinked(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct handle *h;
	struct scratch *s;

	(void)state;
	begin(&f);
	create(&f, &r, f.issue, "status~", O_EXCL);
	assert_int_equal(r.form, REPLY_OPENED);
	h = r.handle;
	assert_ptr_equal(r.entry.node, h->node);
	write_at(&f, &r, h->node, h, STR("resolved\n"), 0);
	wrote(&r, 9);
	assert_true(is_listed(&f, f.issue, "status~"));
	script_run(&f.mount, &r, verb_unlink, f.issue, "status~");
	succeeded(&r);
	assert_false(is_listed(&f, f.issue, "status~"));
	script_run(&f.mount, &r, verb_lookup, f.issue, "status~");
	failed(&r, -ENOENT);
	assert_true(str_eqz(verb_read(h), "resolved\n"));
	write_at(&f, &r, h->node, h, STR("un"), 0);
	wrote(&r, 2);
	node_unref(h->node, 1); /* FORGET; the handle has its own */
	assert_true(str_eqz(verb_read(h), "unsolved\n"));
	handle_free(h);
	/* FORGET of one that still has its name takes nothing away */
	create(&f, &r, f.issue, "status~", 0);
	h = r.handle;
	write_at(&f, &r, h->node, h, STR("a"), 0);
	node_unref(h->node, 1);
	handle_free(h);
	reads(&f, f.issue, "status~", "a");
	s = scratch_find(&f.mount.scratches, f.issue, "status~");
	assert_int_equal(s->refs, 1);
	assert_int_equal(f.script.n, 3);
	end(&f);
}

static struct handle *made(struct fixture *f, const char *name)
{
	struct script_reply r;

	create(f, &r, f->issue, name, O_EXCL);
	assert_int_equal(r.form, REPLY_OPENED);
	return r.handle; /* the kernel's count of the node stays */
}

static void put(struct fixture *f, struct handle *h, const char *text)
{
	struct script_reply r;

	write_at(f, &r, h->node, h, str_of(text), 0);
	wrote(&r, strlen(text));
}

/* A new file of an old name is another file for who still has the old one open. */
static void test_same_name(void **state)
{
	struct fixture f;
	struct script_reply r;
	struct handle *old, *new;

	(void)state;
	begin(&f);
	old = made(&f, "status~");
	put(&f, old, "old");
	script_run(&f.mount, &r, verb_unlink, f.issue, "status~");
	succeeded(&r);
	new = made(&f, "status~");
	assert_ptr_not_equal(new->node, old->node);
	put(&f, new, "new one");
	put(&f, old, "OLD");
	assert_true(str_eqz(verb_read(old), "OLD"));
	reads(&f, f.issue, "status~", "new one");
	handle_free(old);
	handle_free(new);
	/* the same after a rename */
	old = made(&f, "merge.tmp");
	put(&f, old, "first");
	rename_to(&f, &r, f.issue, "merge.tmp", "merge~");
	succeeded(&r);
	new = made(&f, "merge.tmp");
	put(&f, new, "second");
	put(&f, old, "FIRST");
	reads(&f, f.issue, "merge~", "FIRST");
	reads(&f, f.issue, "merge.tmp", "second");
	handle_free(old);
	handle_free(new);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_bytes),	   cmocka_unit_test(test_many),
		cmocka_unit_test(test_unlinked), cmocka_unit_test(test_same_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
