// SPDX-License-Identifier: MIT
/*
 * Changes over a scripted transport: sent once, looked after when no answer came, and
 * put into every copy, whoever still waits.
 */
#include "script.h"

#include "sentryfs/json.h"

#define SCOPE "o/issue"
#define PATH "organizations/o/issues/5/"
#define COMMENTS PATH "comments/?per_page=100"
#define ROW(id, name, status)                                                                                          \
	"{\"id\":\"" id "\",\"shortId\":\"" name "\",\"project\":{\"slug\":\"web\"},\"numComments\":2,\"status\":"     \
	"\"" status "\"}"
#define RESOLVED "{\"status\":\"resolved\"}"

struct fixture {
	struct script script;
	struct api api;
	struct cache cache;
	struct changes changes;
	struct item *issue, *other;
	unsigned reports;
};

static void look(struct looker *l, struct change *c)
{
	looker_init(l);
	change_wait(c, &l->waiter);
}

static struct item *new_item(struct fixture *f, const struct item_class *class, const char *scope, const char *body)
{
	cleanup_json cJSON *tree = NULL;
	struct item *i = NULL;
	struct timespec wall = {0};

	assert_int_equal(json_parse(str_of(body), &tree), 0);
	assert_int_equal(item_put(&f->cache.items, class, scope, tree, str_of(body), f->script.clock.now - 5000, &wall,
				  false, &i),
			 0);
	return i;
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){0};
	script_init(&f->script);
	assert_int_equal(api_init(&f->api, "https://h", "t0ken", 30, &f->script.clock.clock), 0);
	f->api.transport = &f->script.transport;
	cache_init(&f->cache, &f->api, 1 << 20);
	changes_init(&f->changes, &f->cache);
	f->issue = new_item(f, &item_issue, SCOPE, ROW("5", "WEB-1", "unresolved"));
	f->other = new_item(f, &item_issue, SCOPE, ROW("6", "WEB-2", "unresolved"));
}

static void end(struct fixture *f)
{
	changes_done(&f->changes);
	item_unref(f->issue);
	item_unref(f->other);
	cache_done(&f->cache);
	api_done(&f->api);
	script_done(&f->script);
}

static struct change *new_change(struct fixture *f)
{
	struct change *c = change_new(&f->changes);

	assert_non_null(c);
	c->within_ms = 30000;
	return c;
}

static struct change_step *add(struct fixture *f, struct change *c, const char *method, const char *body,
			       const char *expect, const char *check)
{
	struct change_step *s = change_add(c, method, PATH, body, expect, check, &f->issue, 1);

	assert_non_null(s);
	return s;
}

/* A change of one step, begun. */
static struct change *put(struct fixture *f, const char *expect, const char *check)
{
	struct change *c = new_change(f);

	add(f, c, "PUT", RESOLVED, expect, check);
	assert_int_equal(change_start(c), 0);
	return c;
}

static void status_is(const struct item *i, const char *want)
{
	struct str bytes;
	cleanup_buf struct buf b = {0};

	buf_init(&b, 64);
	assert_int_equal(json_member(blob_str(i->json), "status", &bytes), 0);
	json_plain(&b, bytes);
	assert_true(str_eqz(buf_str(&b), want));
}

static void ended(struct change *c, int error)
{
	assert_true(c->ended);
	assert_int_equal(c->error, error);
	assert_true(list_empty(&c->link));
	change_unref(c);
}

static void test_one(void **state)
{
	struct fixture f;
	struct looker l, second;
	struct change *c;

	(void)state;
	begin(&f);
	c = put(&f, RESOLVED, PATH);
	look(&l, c);
	look(&second, c);
	script_sent(&f.script, 0, "PUT", PATH, RESOLVED);
	assert_int_equal(f.script.transfers[0].timeout_ms, 30000);
	assert_ptr_equal(f.issue->change, c);
	status_is(f.issue, "unresolved"); /* until the server says so */
	script_answer(&f.script, 0, 200, NULL, "{\"id\":\"5\",\"status\":\"resolved\",\"more\":1}");
	assert_int_equal(l.settled + second.settled, 2);
	assert_null(f.issue->change);
	status_is(f.issue, "resolved");
	ended(c, 0);
	assert_int_equal(f.script.n, 1);
	end(&f);
}

static void fails(long status, const char *body, int error, const char *words)
{
	struct fixture f;
	struct change *c;

	begin(&f);
	c = put(&f, RESOLVED, status == 200 || status == 204 ? NULL : PATH);
	script_answer(&f.script, 0, status, NULL, body);
	assert_true(c->ended);
	assert_ptr_equal(change_failed(c), c->steps);
	assert_int_equal(c->steps->status, status);
	if (!strstr(c->steps->words, words))
		fail_msg("%ld %s: \"%s\"", status, body, c->steps->words);
	ended(c, error);
	assert_int_equal(f.script.n, 1);
	assert_null(f.issue->change);
	end(&f);
}

static void test_errors(void **state)
{
	(void)state;
	fails(400, "{\"status\":[\"not a choice\"]}", -EINVAL, "status: not a choice");
	fails(401, "{\"detail\":\"bad token\"}", -EACCES, "bad token");
	fails(403, "", -EACCES, "HTTP 403");
	fails(404, "<html>", -ENOENT, "HTML");
	fails(409, "{}", -EBUSY, "HTTP 409");
	fails(410, "{}", -EOPNOTSUPP, "HTTP 410");
	fails(413, "", -EFBIG, "HTTP 413");
	fails(422, "{}", -EINVAL, "HTTP 422");
	fails(500, "{}", -EIO, "HTTP 500");
	fails(302, "", -EIO, "redirect");
	/* answers that are none, and nothing to look at */
	fails(200, "", -ENOENT, "no such issue");
	fails(204, "", -ENOENT, "no such issue");
	fails(200, "{", -EBADMSG, "not what was expected");
	fails(200, "null", -EBADMSG, "not what was expected");
	fails(200, "\"resolved\"", -EBADMSG, "not what was expected");
	fails(200, "[]", -EBADMSG, "not what was expected");
	fails(200, "{\"detail\":\"ok\"}", -EBADMSG, "not what was expected");
	fails(200, "{\"id\":\"6\",\"status\":\"resolved\"}", -EBADMSG, ""); /* another issue's */
}

/* Others merged the issue: the server does to the one that it is in now what is asked for by its number. */
static void test_merged_by_others(void **state)
{
	static const char *const now[] = {ROW("6", "WEB-2", "resolved"), ROW("6", "WEB-2", "unresolved")};
	static const char *const words[] = {"merged into WEB-2, which has the value now",
					    "which does not show the value"};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct change *c;

		begin(&f);
		c = put(&f, RESOLVED, PATH);
		script_answer(&f.script, 0, 200, NULL, now[i]);
		script_asked(&f.script, 1, PATH);
		script_answer(&f.script, 1, 200, NULL, now[i]);
		assert_non_null(strstr(c->steps[0].words, words[i]));
		ended(c, -ENOENT);
		assert_int_equal(f.issue->gone, ITEM_MERGED);
		assert_string_equal(f.other->json->data, now[i]);
		end(&f);
	}
}

/* An answer that is none does not tell what was done. */
static void test_no_answer_at_all(void **state)
{
	static const char *const bodies[] = {"", "<html>", "null", "{\"id\":\"6\",\"status\":\"resolved\"}"};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < 4; i++) {
		struct change *c = put(&f, RESOLVED, PATH);

		script_answer(&f.script, f.script.n - 1, 200, NULL, bodies[i]);
		script_asked(&f.script, f.script.n - 1, PATH);
		script_answer(&f.script, f.script.n - 1, 200, NULL,
			      i % 2 ? ROW("5", "WEB-1", "unresolved") : ROW("5", "WEB-1", "resolved"));
		ended(c, i % 2 ? -EIO : 0);
	}
	assert_int_equal(f.script.n, 8);
	end(&f);
}

/* The server took it and says otherwise: what it says is what is there. */
static void test_not_shown(void **state)
{
	struct fixture f;
	struct change *c;

	(void)state;
	begin(&f);
	c = put(&f, RESOLVED, PATH);
	script_answer(&f.script, 0, 200, NULL, "{\"id\":\"5\",\"status\":\"ignored\"}");
	status_is(f.issue, "ignored");
	assert_non_null(strstr(c->steps->words, "does not show"));
	ended(c, -EOPNOTSUPP);
	end(&f);
}

static void test_steps(void **state)
{
	struct fixture f;
	struct change *c;

	(void)state;
	begin(&f);
	c = new_change(&f);
	add(&f, c, "PUT", "{\"status\":\"unresolved\"}", NULL, NULL);
	add(&f, c, "PUT", "{\"status\":\"ignored\"}", "{\"status\":\"ignored\"}", PATH)->follows = true;
	assert_int_equal(change_start(c), 0);
	assert_int_equal(f.script.n, 1);
	script_answer(&f.script, 0, 200, NULL, "{\"status\":\"unresolved\"}");
	assert_false(c->ended);
	script_sent(&f.script, 1, "PUT", PATH, "{\"status\":\"ignored\"}");
	script_answer(&f.script, 1, 200, NULL, "{\"status\":\"ignored\"}");
	status_is(f.issue, "ignored");
	ended(c, 0);
	/* what follows a failure is left out; what does not is not */
	c = new_change(&f);
	add(&f, c, "PUT", "{\"a\":1}", NULL, NULL);
	add(&f, c, "PUT", "{\"a\":2}", NULL, NULL)->follows = true;
	add(&f, c, "PUT", "{\"a\":3}", NULL, NULL)->follows = true;
	add(&f, c, "PUT", "{\"a\":4}", NULL, NULL);
	assert_int_equal(change_start(c), 0);
	script_answer(&f.script, 2, 400, NULL, "{}");
	assert_int_equal(f.script.n, 4);
	script_sent(&f.script, 3, "PUT", PATH, "{\"a\":4}");
	script_answer(&f.script, 3, 200, NULL, "{}");
	assert_int_equal(c->steps[1].error, -EINVAL);
	assert_int_equal(c->steps[2].error, -EINVAL);
	assert_int_equal(c->steps[3].error, 0);
	ended(c, -EINVAL);
	end(&f);
}

/* ---- uncertain answers ---- */

/* Ends a PUT without an answer that tells, and the look with this one. */
static struct change *uncertain(struct fixture *f, long status, int broken, long look_status, const char *look_body)
{
	struct change *c = put(f, RESOLVED, PATH);
	size_t i = f->script.n - 1;

	if (broken)
		script_break(&f->script, i, broken);
	else
		script_answer(&f->script, i, status, NULL, "<html>");
	assert_false(c->ended);
	assert_int_equal(f->script.n, i + 2);
	script_asked(&f->script, i + 1, PATH);
	assert_true(f->script.transfers[i + 1].timeout_ms <= 5000);
	if (look_status)
		script_answer(&f->script, i + 1, look_status, NULL, look_body);
	else
		script_break(&f->script, i + 1, -ETIMEDOUT);
	assert_int_equal(f->script.n, i + 2);
	return c;
}

static void test_uncertain(void **state)
{
	static const int broken[] = {-ETIMEDOUT, -EIO, -EBADMSG};
	static const long proxies[] = {502, 503, 504};
	struct fixture f;
	struct change *c;

	(void)state;
	begin(&f);
	/* it was done */
	for (size_t i = 0; i < 3; i++) {
		ended(uncertain(&f, 0, broken[i], 200, ROW("5", "WEB-1", "resolved")), 0);
		ended(uncertain(&f, proxies[i], 0, 200, ROW("5", "WEB-1", "resolved")), 0);
	}
	status_is(f.issue, "resolved");
	/* it was not */
	c = uncertain(&f, 0, -ETIMEDOUT, 200, ROW("5", "WEB-1", "unresolved"));
	assert_non_null(strstr(c->steps->words, "went dead; asked again, the server shows that it was not done"));
	status_is(f.issue, "unresolved");
	ended(c, -ETIMEDOUT);
	c = uncertain(&f, 503, 0, 200, ROW("5", "WEB-1", "unresolved"));
	assert_int_equal(c->steps->status, 503);
	ended(c, -EIO);
	/* nobody knows */
	c = uncertain(&f, 0, -ETIMEDOUT, 0, NULL);
	assert_non_null(strstr(c->steps->words, "it is not known"));
	ended(c, -ETIMEDOUT);
	c = uncertain(&f, 503, 0, 200, "<html>"); /* a proxy's */
	assert_non_null(strstr(c->steps->words, "it is not known"));
	ended(c, -EIO);
	c = uncertain(&f, 503, 0, 200, "{\"id\":\"6\",\"status\":\"resolved\"}");
	assert_non_null(strstr(c->steps->words, "it is not known"));
	ended(c, -EIO);
	c = uncertain(&f, 502, 0, 404, "{}");
	assert_non_null(strstr(c->steps->words, "it is not known"));
	ended(c, -EIO);
	end(&f);
}

/* What surely did not reach the server is not looked after. */
static void test_certain(void **state)
{
	static const int broken[] = {-ECONNREFUSED, -EHOSTUNREACH, -EPROTO, -ENOMEM};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct change *c;

		begin(&f);
		c = put(&f, RESOLVED, PATH);
		script_break(&f.script, 0, broken[i]);
		assert_int_equal(f.script.n, 1);
		assert_int_equal(c->steps->sent, i == 3);
		ended(c, broken[i]);
		end(&f);
	}
}

/* There is nothing to look at. */
static void test_no_check(void **state)
{
	struct fixture f;
	struct change *c;

	(void)state;
	begin(&f);
	c = put(&f, NULL, NULL);
	script_break(&f.script, 0, -ETIMEDOUT);
	assert_non_null(strstr(c->steps->words, "it is not known"));
	assert_int_equal(f.script.n, 1);
	ended(c, -ETIMEDOUT);
	end(&f);
}

static struct change *remove_issue(struct fixture *f)
{
	struct change *c = new_change(f);

	add(f, c, "DELETE", NULL, NULL, PATH)->effect = EFFECT_DELETED;
	assert_int_equal(change_start(c), 0);
	return c;
}

static void test_deletion(void **state)
{
	struct fixture f;
	struct change *c;
	struct item *first;

	(void)state;
	begin(&f);
	/* still there */
	c = remove_issue(&f);
	script_sent(&f.script, 0, "DELETE", PATH, "");
	script_break(&f.script, 0, -ETIMEDOUT);
	script_asked(&f.script, 1, PATH);
	script_answer(&f.script, 1, 200, NULL, ROW("5", "WEB-1", "unresolved"));
	assert_non_null(strstr(c->steps->words, "not done"));
	ended(c, -ETIMEDOUT);
	assert_int_equal(f.issue->gone, ITEM_HERE);
	/* the look fails too */
	c = remove_issue(&f);
	script_answer(&f.script, 2, 504, NULL, "");
	script_answer(&f.script, 3, 500, NULL, "");
	assert_non_null(strstr(c->steps->words, "not known"));
	ended(c, -EIO);
	assert_int_equal(f.issue->gone, ITEM_HERE);
	/* gone: 404 is the proof */
	c = remove_issue(&f);
	script_break(&f.script, 4, -EIO);
	script_answer(&f.script, 5, 404, NULL, "{}");
	ended(c, 0);
	assert_int_equal(f.issue->gone, ITEM_DELETED);
	/* an answer without a body will do */
	first = f.issue;
	item_unref(f.issue);
	f.issue = item_ref(f.other);
	c = remove_issue(&f);
	script_answer(&f.script, 6, 204, NULL, "");
	ended(c, 0);
	assert_int_equal(f.issue->gone, ITEM_DELETED);
	assert_ptr_equal(item_find(&f.cache.items, SCOPE, STR("WEB-1")), first);
	end(&f);
}

/* ---- time ---- */

static void test_until(void **state)
{
	struct fixture f;
	struct change *c = NULL;

	(void)state;
	begin(&f);
	c = new_change(&f);
	c->until = f.script.clock.now + 5000;
	add(&f, c, "DELETE", NULL, NULL, PATH)->effect = EFFECT_DELETED;
	assert_int_equal(change_start(c), 0);
	assert_int_equal(f.script.transfers[0].timeout_ms, 3000);
	f.script.clock.now += 3000;
	script_break(&f.script, 0, -ETIMEDOUT);
	assert_int_equal(f.script.transfers[1].timeout_ms, 2000);
	script_break(&f.script, 1, -ETIMEDOUT);
	ended(c, -ETIMEDOUT);
	/* without a look all of the time is the request's */
	c = new_change(&f);
	c->until = f.script.clock.now + 5000;
	add(&f, c, "PUT", "{}", NULL, NULL);
	assert_int_equal(change_start(c), 0);
	assert_int_equal(f.script.transfers[2].timeout_ms, 5000);
	script_answer(&f.script, 2, 200, NULL, "{}");
	ended(c, 0);
	/* and a short time is no longer for that */
	c = new_change(&f);
	c->within_ms = 1000;
	c->until = f.script.clock.now + 5000;
	add(&f, c, "PUT", "{}", NULL, NULL);
	assert_int_equal(change_start(c), 0);
	assert_int_equal(f.script.transfers[3].timeout_ms, 1000);
	script_answer(&f.script, 3, 200, NULL, "{}");
	ended(c, 0);
	end(&f);
}

/* With next to nothing left a request would only be cut: it is not sent. */
static void test_too_late(void **state)
{
	struct fixture f;
	struct change *c;

	(void)state;
	begin(&f);
	c = new_change(&f);
	c->until = f.script.clock.now + 2400;
	add(&f, c, "DELETE", NULL, NULL, PATH)->effect = EFFECT_DELETED;
	assert_int_equal(change_start(c), 0);
	assert_false(c->steps->sent);
	ended(c, -ETIMEDOUT);
	/* the first of two took all of it */
	c = new_change(&f);
	c->until = f.script.clock.now + 5000;
	add(&f, c, "PUT", "{}", NULL, NULL);
	add(&f, c, "PUT", "{\"a\":1}", NULL, PATH)->follows = true;
	assert_int_equal(change_start(c), 0);
	f.script.clock.now += 4800;
	script_answer(&f.script, 0, 200, NULL, "{}");
	assert_true(c->steps[0].sent && !c->steps[1].sent);
	ended(c, -ETIMEDOUT);
	assert_int_equal(f.script.n, 1);
	/* the look does not take longer than the time that is left, tried again or not */
	c = new_change(&f);
	c->until = f.script.clock.now + 5000;
	add(&f, c, "DELETE", NULL, NULL, PATH)->effect = EFFECT_DELETED;
	assert_int_equal(change_start(c), 0);
	f.script.clock.now += 3000;
	script_answer(&f.script, 1, 503, NULL, "");
	f.script.clock.now += 1000;
	script_answer(&f.script, 2, 503, NULL, "");
	f.script.clock.now += 300;
	api_tick(&f.api);
	assert_int_equal(f.script.n, 4);
	assert_int_equal(f.script.transfers[3].timeout_ms, 700);
	script_break(&f.script, 3, -ETIMEDOUT);
	ended(c, -EIO);
	end(&f);
}

/* A step that cannot be sent is not told as done, nor are those after it. */
static void test_unsendable(void **state)
{
	struct fixture f;
	struct change *c;
	cleanup_free char *long_path = malloc(10001);

	(void)state;
	begin(&f);
	memset(long_path, 'x', 10000);
	long_path[10000] = '\0';
	c = new_change(&f);
	assert_non_null(change_add(c, "PUT", long_path, "{}", NULL, NULL, &f.issue, 1));
	add(&f, c, "PUT", "{\"a\":1}", NULL, NULL)->follows = true;
	add(&f, c, "PUT", "{\"a\":2}", NULL, NULL);
	assert_int_equal(change_start(c), 0);
	script_sent(&f.script, 0, "PUT", PATH, "{\"a\":2}");
	script_answer(&f.script, 0, 200, NULL, "{}");
	assert_int_equal(c->steps[0].error, -ENOMEM);
	assert_int_equal(c->steps[1].error, -ENOMEM);
	assert_int_equal(c->steps[2].error, 0);
	ended(c, -ENOMEM);
	assert_null(f.issue->change);
	/* of nothing nothing is sent, and it ends */
	c = new_change(&f);
	assert_int_equal(change_start(c), 0);
	ended(c, 0);
	assert_int_equal(f.script.n, 1);
	end(&f);
}

/* A 429 was not done: it is waited out within the time, and no look follows. */
static void test_rate_limit(void **state)
{
	struct fixture f;
	struct change *c;
	int64_t ms;

	(void)state;
	begin(&f);
	c = put(&f, RESOLVED, PATH);
	script_answer(&f.script, 0, 429, "Retry-After: 7\r\n", "{}");
	assert_false(c->ended);
	ms = api_tick(&f.api);
	assert_true(ms >= 6000 && ms <= 8000);
	assert_int_equal(f.script.n, 1);
	f.script.clock.now += ms;
	api_tick(&f.api);
	assert_int_equal(f.script.n, 2);
	script_sent(&f.script, 1, "PUT", PATH, RESOLVED);
	assert_true(f.script.transfers[1].timeout_ms <= 24000);
	script_answer(&f.script, 1, 200, NULL, RESOLVED);
	ended(c, 0);
	/* not within the time */
	f.script.clock.now += 60000;
	c = put(&f, RESOLVED, PATH);
	script_answer(&f.script, 2, 429, "Retry-After: 120\r\n", "{\"detail\":\"slow down\"}");
	assert_int_equal(f.script.n, 3);
	assert_non_null(strstr(c->steps->words, "slow down"));
	ended(c, -EAGAIN);
	end(&f);
}

/* What waits for the limits and for nothing else ends with its time. */
static void test_no_way_out(void **state)
{
	struct fixture f;
	struct change *c;
	int64_t began, ms;

	(void)state;
	begin(&f);
	f.script.deaf = true;
	c = put(&f, RESOLVED, PATH);
	began = f.script.clock.now;
	while (!c->ended && f.script.clock.now < began + 60000) {
		ms = api_tick(&f.api);
		assert_true(c->ended || ms >= 0);
		f.script.clock.now += ms > 0 ? ms : 1;
	}
	assert_true(f.script.clock.now <= began + 31000);
	ended(c, -EAGAIN);
	assert_int_equal(f.script.n, 0);
	end(&f);
}

/* ---- one after another ---- */

static void test_busy(void **state)
{
	struct fixture f;
	struct change *c, *second;
	struct item *both[2];

	(void)state;
	begin(&f);
	both[0] = f.other;
	both[1] = f.issue;
	c = put(&f, RESOLVED, PATH);
	second = new_change(&f);
	assert_non_null(change_add(second, "PUT", PATH, "{}", NULL, NULL, both, 2));
	assert_int_equal(change_start(second), -EBUSY);
	assert_null(f.other->change);
	assert_int_equal(f.script.n, 1);
	script_answer(&f.script, 0, 200, NULL, RESOLVED);
	ended(c, 0);
	assert_int_equal(change_start(second), 0);
	assert_ptr_equal(f.other->change, second);
	script_answer(&f.script, 1, 200, NULL, "{\"status\":\"ignored\"}");
	status_is(f.issue, "ignored");
	status_is(f.other, "ignored");
	ended(second, 0);
	end(&f);
}

/* Who began it has gone: it goes on into the cache, and keeps its issues alive. */
static void test_alone(void **state)
{
	struct fixture f;
	struct looker l;
	struct change *c;

	(void)state;
	begin(&f);
	c = put(&f, RESOLVED, PATH);
	look(&l, c);
	list_remove(&l.waiter.link);
	change_unref(c);
	item_unref(f.issue);
	f.issue = item_ref(item_find(&f.cache.items, SCOPE, STR("WEB-1")));
	assert_non_null(f.issue->change);
	script_answer(&f.script, 0, 200, NULL, RESOLVED);
	assert_int_equal(l.settled, 0);
	assert_null(f.issue->change);
	status_is(f.issue, "resolved");
	assert_true(list_empty(&f.changes.running));
	end(&f);
}

/* The end of the mount: before an answer, while it looks, while it waits. */
static void test_done(void **state)
{
	struct fixture f;
	struct change *c;

	(void)state;
	begin(&f);
	c = put(&f, RESOLVED, PATH);
	changes_done(&f.changes);
	assert_true(f.script.transfers[0].cancelled);
	assert_null(f.issue->change);
	change_unref(c);
	change_unref(put(&f, RESOLVED, PATH));
	script_break(&f.script, 1, -EIO);
	changes_done(&f.changes);
	assert_true(f.script.transfers[2].cancelled);
	change_unref(put(&f, RESOLVED, PATH));
	script_answer(&f.script, 3, 429, "Retry-After: 7\r\n", "{}");
	end(&f);
	assert_int_equal(f.script.n, 4);
}

/* ---- what else it makes untrue ---- */

static int on_report(struct change *c)
{
	/* before the waiters, and after the issues are free */
	assert_true(c->ended);
	assert_null(c->steps->issues[0]->change);
	container_of(c->in, struct fixture, changes)->reports++;
	return 0;
}

static struct cache_want want(const struct fixture *f, const char *key)
{
	return (struct cache_want){.key = key, .fresh_ms = 60000, .since = f->script.clock.now};
}

static void test_outdates(void **state)
{
	struct fixture f;
	struct cache_want details, known;
	struct resource *r;
	struct change *c;
	struct looker l;

	(void)state;
	begin(&f);
	details = want(&f, PATH);
	known = want(&f, "known/");
	looker_init(&l);
	assert_int_equal(cache_need(&f.cache, &known, NULL, &r), -EINPROGRESS);
	script_answer(&f.script, 0, 200, NULL, "{\"old\":1}");
	/* one document is there, the other under way */
	assert_int_equal(cache_need(&f.cache, &details, &l.waiter, &r), -EINPROGRESS);
	c = new_change(&f);
	add(&f, c, "PUT", RESOLVED, RESOLVED, NULL);
	c->report = on_report;
	assert_int_equal(change_outdate(c, PATH), 0);
	assert_int_equal(change_outdate(c, "known/"), 0);
	assert_int_equal(change_outdate(c, "never/asked/"), 0);
	f.script.clock.now++;
	assert_int_equal(change_start(c), 0);
	script_answer(&f.script, 2, 200, NULL, RESOLVED);
	assert_int_equal(f.reports, 1);
	ended(c, 0);
	assert_int_equal(f.script.n, 3);
	/* asked for before the change: asked for again */
	script_answer(&f.script, 1, 200, NULL, "{\"old\":2}");
	assert_int_equal(l.settled, 0);
	script_asked(&f.script, 3, PATH);
	script_answer(&f.script, 3, 200, NULL, "{\"new\":2}");
	assert_int_equal(l.settled, 1);
	assert_int_equal(cache_need(&f.cache, &details, NULL, &r), 0);
	assert_string_equal(r->document->data, "{\"new\":2}");
	/* the other at its next need, and not before; an older copy is no answer */
	known.stale_ok = known.peek = true;
	assert_int_equal(cache_need(&f.cache, &known, NULL, &r), -EINPROGRESS);
	assert_int_equal(f.script.n, 4);
	known.stale_ok = known.peek = false;
	assert_int_equal(cache_need(&f.cache, &known, NULL, &r), -EINPROGRESS);
	script_answer(&f.script, 4, 500, NULL, "{}");
	assert_int_equal(cache_need(&f.cache, &known, NULL, &r), -EIO);
	end(&f);
}

/* ---- comments and merges ---- */

static struct change *comment(struct fixture *f, const char *method, struct item *note, const char *expect, int more)
{
	struct item *both[] = {f->issue, note};
	struct change *c = new_change(f);
	struct change_step *s = change_add(c, method, PATH "comments/", "{\"text\":\"hi\"}", expect,
					   note ? NULL : COMMENTS, both, note ? 2 : 1);

	assert_non_null(s);
	s->effect = EFFECT_COMMENT;
	s->comments = more;
	assert_int_equal(change_start(c), 0);
	return c;
}

static void test_comments(void **state)
{
	static const char expect[] = "{\"data\":{\"text\":\"hi\"}}";
	struct fixture f;
	struct item *note;
	struct change *c;

	(void)state;
	begin(&f);
	note = new_item(&f, &item_comment, "list", "{\"id\":\"9\",\"data\":{\"text\":\"old\"}}");
	c = comment(&f, "POST", NULL, expect, 1);
	script_answer(&f.script, 0, 201, NULL, "{\"id\":\"10\",\"data\":{\"text\":\"hi, trimmed\"}}");
	ended(c, 0);
	assert_int_equal(f.issue->comments, 3);
	/* no answer: the newest of the list is it, or none is */
	c = comment(&f, "POST", NULL, expect, 1);
	script_break(&f.script, 1, -EIO);
	script_asked(&f.script, 2, COMMENTS);
	script_answer(&f.script, 2, 200, NULL, "[{\"id\":\"11\",\"data\":{\"text\":\"hi\"}},{\"id\":\"9\"}]");
	ended(c, 0);
	assert_int_equal(f.issue->comments, 4);
	c = comment(&f, "POST", NULL, expect, 1);
	script_break(&f.script, 3, -EIO);
	script_answer(&f.script, 4, 200, NULL,
		      "[{\"id\":\"9\",\"data\":{\"text\":\"old\"}},{\"id\":\"11\",\"data\":{\"text\":\"hi\"}}]");
	ended(c, -EIO);
	c = comment(&f, "POST", NULL, expect, 1);
	script_break(&f.script, 5, -EIO);
	script_answer(&f.script, 6, 200, NULL, "[]");
	ended(c, -EIO);
	assert_int_equal(f.issue->comments, 4);
	/* what is no comment does not tell that one was made */
	c = comment(&f, "POST", NULL, expect, 1);
	script_answer(&f.script, 7, 200, NULL, "\"text\"");
	script_asked(&f.script, 8, COMMENTS);
	script_answer(&f.script, 8, 200, NULL, "[]");
	ended(c, -EIO);
	/* another text */
	c = comment(&f, "PUT", note, expect, 0);
	assert_ptr_equal(note->change, c);
	script_answer(&f.script, 9, 200, NULL, "{\"id\":\"9\",\"data\":{\"text\":\"hi\"}}");
	ended(c, 0);
	assert_string_equal(note->json->data, "{\"id\":\"9\",\"data\":{\"text\":\"hi\"}}");
	/* and the end of it; an answer without a body */
	c = comment(&f, "DELETE", note, NULL, -1);
	script_answer(&f.script, 10, 204, NULL, "");
	ended(c, 0);
	assert_int_equal(note->gone, ITEM_DELETED);
	assert_int_equal(f.issue->comments, 3);
	f.issue->comments = 0; /* somebody else was faster */
	c = comment(&f, "DELETE", note, NULL, -1);
	script_answer(&f.script, 11, 204, NULL, "");
	ended(c, 0);
	assert_int_equal(f.issue->comments, 0);
	item_unref(note);
	end(&f);
}

/* Whose comment it is tells the server's clock, however ours was set. */
static void test_a_comment_by_another_clock(void **state)
{
	static const struct {
		int64_t set; /* ours, ahead of the server's */
		const char *made;
		int error;
	} rows[] = {{3600, "2026-01-01T00:00:00Z", 0},
		    {-3600, "2026-01-01T00:00:00Z", 0},
		    {3600, "2025-12-31T23:50:00Z", -EIO},
		    {-3600, "2025-12-31T23:50:00Z", -EIO}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture f;
		struct change *c;
		char list[128];

		begin(&f);
		f.script.clock.set = rows[i].set;
		c = comment(&f, "POST", NULL, "{\"data\":{\"text\":\"hi\"}}", 1);
		f.script.clock.now += 2000;
		script_break(&f.script, 0, -EIO);
		snprintf(list, sizeof(list), "[{\"id\":\"11\",\"data\":{\"text\":\"hi\"},\"dateCreated\":\"%s\"}]",
			 rows[i].made);
		script_answer(&f.script, 1, 200, "Date: Thu, 01 Jan 2026 00:00:03 GMT\r\n", list);
		ended(c, rows[i].error);
		end(&f);
	}
}

static void test_merge(void **state)
{
	struct fixture f;
	struct item *both[2];
	struct change *c;
	struct change_step *s;

	(void)state;
	begin(&f);
	both[0] = f.issue;
	both[1] = f.other;
	c = new_change(&f);
	s = change_add(c, "PUT", "organizations/o/issues/?id=5&id=6", "{\"merge\":1}", NULL, NULL, both, 2);
	assert_non_null(s);
	s->effect = EFFECT_MERGED;
	assert_int_equal(change_start(c), 0);
	script_answer(&f.script, 0, 200, NULL, "{\"merge\":{\"parent\":\"6\",\"children\":[\"5\"]}}");
	ended(c, 0);
	assert_int_equal(f.issue->gone, ITEM_MERGED);
	assert_int_equal(f.other->gone, ITEM_HERE);
	/* answers of another kind merge nothing */
	for (int i = 1; i < 4; i++) {
		static const char *const bad[] = {"{}", "{\"merge\":null}", "[]"};

		c = new_change(&f);
		s = change_add(c, "PUT", "x", "{\"merge\":1}", NULL, NULL, &f.other, 1);
		assert_non_null(s);
		s->effect = EFFECT_MERGED;
		assert_int_equal(change_start(c), 0);
		script_answer(&f.script, (size_t)i, 200, NULL, bad[i - 1]);
		ended(c, -EBADMSG);
		assert_int_equal(f.other->gone, ITEM_HERE);
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_merged_by_others),
		cmocka_unit_test(test_no_answer_at_all),
		cmocka_unit_test(test_not_shown),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_uncertain),
		cmocka_unit_test(test_certain),
		cmocka_unit_test(test_no_check),
		cmocka_unit_test(test_deletion),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_unsendable),
		cmocka_unit_test(test_no_way_out),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_outdates),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_a_comment_by_another_clock),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
