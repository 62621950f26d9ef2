// SPDX-License-Identifier: MIT
/* Buffers: their maximum, the error that stays, and blobs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sentryfs/buf.h"

static void test_adding(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(buf_str(&b).n, 0);
	buf_add(&b, NULL, 0);
	buf_puts(&b, "");
	assert_int_equal(b.len, 0);
	buf_add(&b, "a\0b", 3);
	buf_addc(&b, '\xff');
	buf_add_str(&b, STR("cd"));
	buf_add_str(&b, (struct str){NULL, 0});
	buf_puts(&b, "e");
	buf_printf(&b, "%d-%s%%", -7, "x");
	assert_int_equal(b.error, 0);
	assert_true(str_eq(buf_str(&b), STR("a\0b\xff"
					    "cde-7-x%")));
}

static void test_growth(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_init(&b, BUF_MAX_DEFAULT);
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, (char)(i % 251));
	assert_int_equal(b.error, 0);
	assert_int_equal(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal((unsigned char)b.data[i], i % 251);
}

static void test_maximum(void **state)
{
	struct blob *blob = NULL;
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_puts(&b, "12345678");
	assert_int_equal(b.error, 0);
	buf_addc(&b, '9');
	assert_int_equal(b.error, -EFBIG);
	assert_true(str_eqz(buf_str(&b), "12345678"));
	assert_int_equal(buf_to_blob(&b, &blob), -EFBIG);
	assert_null(blob);
	buf_done(&b);
	/* used again, with the same maximum */
	assert_int_equal(b.error, 0);
	buf_puts(&b, "123456");
	buf_printf(&b, "%s", "789");
	assert_int_equal(b.error, -EFBIG);
	buf_addc(&b, '7'); /* would fit, but comes after the error */
	assert_true(str_eqz(buf_str(&b), "123456"));
	buf_done(&b);
	buf_done(&b);
	buf_init(&b, 0);
	buf_add(&b, "", 0);
	assert_int_equal(b.error, 0);
	buf_add(&b, "x", SIZE_MAX);
	assert_int_equal(b.error, -EFBIG);
	buf_done(&b);
}

static void test_blobs(void **state)
{
	cleanup_blob struct blob *one = NULL;
	struct blob *two;
	struct buf b;

	(void)state;
	assert_null(blob_str(NULL).s);
	blob_unref(NULL);
	buf_init(&b, 64);
	buf_add(&b, "x\0y", 3);
	assert_int_equal(buf_to_blob(&b, &one), 0);
	assert_int_equal(b.len, 0);
	assert_null(b.data);
	buf_puts(&b, "other");
	assert_true(str_eq(blob_str(one), STR("x\0y")));
	assert_int_equal(one->data[3], '\0');
	assert_int_equal(one->refs, 1);
	two = blob_ref(one);
	assert_ptr_equal(two, one);
	assert_int_equal(one->refs, 2);
	blob_unref(two);
	assert_int_equal(one->refs, 1);
	buf_done(&b);
	two = NULL;
	assert_int_equal(buf_to_blob(&b, &two), 0);
	assert_non_null(two);
	assert_int_equal(two->len, 0);
	assert_string_equal(two->data, "");
	blob_unrefp(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adding),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_blobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
