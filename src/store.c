// SPDX-License-Identifier: MIT
/*
 * The store on disk. The only file that knows SQLite.
 *
 * Owns the file, its lock and the statements. Reads are look-ups of one row by its key,
 * writes are gathered in a transaction. What goes wrong with the file is said once, and
 * from then on there is no store: nothing here makes an operation fail. Must not know
 * what the texts mean.
 */
#include "sentryfs/store.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "sentryfs/cachedir.h"
#include "sentryfs/live.h"
#include "sentryfs/log.h"

#define APPLICATION_ID 0x53465331 /* SFS1 */
#define SCHEMA 1
#define COMMIT_MS 1000
#define TOUCH_MS INT64_C(3600000)	/* so exactly is it known when something was last used */
#define ROW_BYTES 100u			/* what a row takes beside its key and its text */
#define PENDING_MAX (UINT64_C(1) << 20) /* bytes in one transaction */
#define EVICT_ROWS 256
#define VACUUM_PAGES "256"

enum { GET, PUT, DROP, SIZE, TOUCH, OLDEST, EVICT, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[GET] = "SELECT body, asked, used, id, sum FROM entry WHERE kind = ?1 AND key = ?2",
	[PUT] = ("INSERT INTO entry (kind, key, asked, used, size, sum, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
		 "ON CONFLICT (kind, key) DO UPDATE SET asked = ?3, used = ?4, size = ?5, sum = ?6, body = ?7"),
	[DROP] = "DELETE FROM entry WHERE kind = ?1 AND key = ?2",
	[SIZE] = "SELECT size FROM entry WHERE kind = ?1 AND key = ?2",
	[TOUCH] = "UPDATE entry SET used = ?2 WHERE id = ?1",
	[OLDEST] = "SELECT id, size FROM entry WHERE kind <> 3 ORDER BY used, id LIMIT ?1",
	[EVICT] = "DELETE FROM entry WHERE id = ?1",
};

static const char create[] =
	"BEGIN;"
	"CREATE TABLE entry (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key TEXT NOT NULL, "
	"asked INTEGER NOT NULL, used INTEGER NOT NULL, size INTEGER NOT NULL, sum INTEGER NOT NULL, body BLOB NOT "
	"NULL, UNIQUE (kind, key));"
	"CREATE INDEX entry_used ON entry (used, id, size);"
	"PRAGMA application_id = 0x53465331; PRAGMA user_version = 1;"
	"COMMIT;";

struct store {
	sqlite3 *db; /* NULL: left out */
	sqlite3_stmt *statements[STATEMENTS];
	const struct clock *clock;
	char *path;
	int lock; /* an open file, -1: none */
	uint64_t bytes, bytes_max;
	uint64_t pending; /* bytes that wait for the commit */
	bool own;	  /* it is a file of ours, which no other mount has */
	bool begun;	  /* there is something to commit */
	bool hurry;	  /* and somebody wants it to be */
	bool dropped;	  /* and it takes away what is not true any more */
	int64_t due;	  /* ms: then */
	char why[CACHEDIR_WHY];
};

bool store_name(char name[STORE_NAME_MAX], const char *origin, const char *source, const char *token)
{
	cleanup_buf struct buf b = {0};
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool ok;

	buf_init(&b, 4000);
	buf_reserve(&b, 4000);
	buf_printf(&b, "sentryfs store\n%s\n%s\n%s", origin, source, token);
	ok = !b.error && EVP_Digest(b.data, b.len, digest, &n, EVP_sha256(), NULL);
	if (b.data)
		explicit_bzero(b.data, b.cap);
	/* half of the digest: enough to tell stores apart */
	for (unsigned i = 0; ok && i < n / 2; i++)
		snprintf(name + (size_t)i * 2, 3, "%02x", digest[i]);
	return ok;
}

/* ---- when it cannot be used ---- */

__attribute__((format(printf, 2, 3))) static void leave_out(struct store *s, const char *fmt, ...)
{
	va_list ap;

	if (s->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	log_warning("nothing is kept on disk: %s", s->why);
}

static void close_db(struct store *s)
{
	for (unsigned i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	s->begun = s->hurry = false;
}

/* Removes the files of the database, or, with `to`, gives that name to the first of them. On a full disk, too,
 * there is always room to remove what is not true any more. */
static void remove_files(const struct store *s, const char *to)
{
	static const char *const parts[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		cleanup_free char *part = NULL;

		if (asprintf(&part, "%s%s", s->path, parts[i]) < 0)
			part = NULL;
		else if ((i || !to || rename(part, to)) && unlink(part) && errno != ENOENT)
			log_warning("%s cannot be removed, and is not true any more: %s", part, strerrordesc_np(errno));
	}
}

/* Out of the way, for whoever wants to look at it; the last one only. */
static void set_aside(struct store *s, const char *why)
{
	cleanup_free char *to = NULL;

	close_db(s);
	if (asprintf(&to, "%s.bad", s->path) < 0)
		to = NULL;
	remove_files(s, to);
	log_warning("%s is set aside as %s: %s", s->path, to ? to : "nothing", why);
}

/* What `sentryfs fetch` remembers of it (fetched.c) may not be in it. */
static void forget_fetched(const struct store *s)
{
	cleanup_free char *name = NULL;

	if (asprintf(&name, "%.*s.fetched", (int)(strlen(s->path) - strlen(".db")), s->path) < 0)
		name = NULL;
	else
		unlink(name);
}

static bool is_broken(int rc)
{
	return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_FORMAT || rc == SQLITE_SCHEMA ||
	       rc == SQLITE_ERROR || rc == SQLITE_MISMATCH;
}

/* Something went wrong with a store that was good. */
static void fail(struct store *s, int rc)
{
	const char *what = sqlite3_errstr(rc);

	if (!s->db)
		return;
	if (is_broken(rc & 0xff))
		set_aside(s, what);
	else
		close_db(s);
	forget_fetched(s);
	if (s->dropped)
		remove_files(s, NULL);
	s->dropped = false;
	leave_out(s, "%s: %s", s->path, what);
}

static int exec(struct store *s, const char *text)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL);
}

/* ---- opening ---- */

static bool take_lock(struct store *s)
{
	cleanup_free char *path = NULL;
	char why[CACHEDIR_WHY];

	if (asprintf(&path, "%.*s.lock", (int)(strlen(s->path) - strlen(".db")), s->path) < 0) {
		path = NULL;
		return false;
	}
	s->lock = cachedir_open(path, why, sizeof(why));
	if (s->lock < 0) {
		leave_out(s, "%s", why);
		return false;
	}
	if (!flock(s->lock, LOCK_EX | LOCK_NB))
		return true;
	close(s->lock);
	s->lock = -1;
	leave_out(s, "another mount of the same has the store");
	return false;
}

static int number(struct store *s, const char *text, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int64(st, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return rc;
}

/* Is it ours, and of this schema? SQLITE_MISMATCH, when it is not. */
static int check_schema(struct store *s)
{
	int64_t id = 0, version = 0, objects = 0;
	int rc = number(s, "SELECT count(*) FROM sqlite_master", &objects);

	if (rc == SQLITE_OK)
		rc = number(s, "PRAGMA application_id", &id);
	if (rc == SQLITE_OK)
		rc = number(s, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK)
		return rc;
	if (!objects && !id && !version)
		return exec(s, create);
	/* a table, its index and the one that UNIQUE makes */
	return id == APPLICATION_ID && version == SCHEMA && objects == 3 ? SQLITE_OK : SQLITE_MISMATCH;
}

static int open_db(struct store *s)
{
	int64_t bytes = 0;
	int rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
				 NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = exec(s,
			  "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA locking_mode = EXCLUSIVE; "
			  "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; "
			  "PRAGMA wal_autocheckpoint = 4096; PRAGMA synchronous = NORMAL; "
			  "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 0");
	if (rc == SQLITE_OK)
		rc = check_schema(s);
	for (unsigned i = 0; i < STATEMENTS && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
	if (rc == SQLITE_OK)
		rc = number(s, "SELECT ifnull(sum(size), 0) FROM entry", &bytes);
	s->bytes = bytes > 0 ? (uint64_t)bytes : 0;
	return rc;
}

static void open_store(struct store *s)
{
	char why[CACHEDIR_WHY];
	int fd, rc = SQLITE_OK;

	for (int try = 0; try < 2; try++) {
		fd = cachedir_open(s->path, why, sizeof(why));
		if (fd < 0) {
			leave_out(s, "%s", why);
			return;
		}
		close(fd);
		s->own = true;
		rc = open_db(s);
		if (rc == SQLITE_OK)
			return;
		if (!is_broken(rc & 0xff))
			break;
		set_aside(s,
			  rc == SQLITE_MISMATCH ? "it is another program's, or another version's" : sqlite3_errstr(rc));
	}
	close_db(s);
	leave_out(s, "%s: %s", s->path, sqlite3_errstr(rc));
}

struct store *store_new(const char *name, uint64_t bytes_max, const char *not_below, const struct clock *clock)
{
	struct store *s = calloc(1, sizeof(*s));
	cleanup_free char *dir = NULL;
	char why[CACHEDIR_WHY];

	if (!s)
		return NULL;
	s->clock = clock;
	s->bytes_max = bytes_max;
	s->lock = -1;
	dir = cachedir_find(why, sizeof(why));
	if (!dir)
		leave_out(s, "%s", why);
	if (dir && not_below && path_is_in(dir, not_below))
		leave_out(s, "%s is below the mount point", dir);
	else if (dir && asprintf(&s->path, "%s/%s.db", dir, name) < 0)
		s->path = NULL;
	if (s->path && take_lock(s))
		open_store(s);
	if (!s->db)
		leave_out(s, "no memory");
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	store_commit(s);
	close_db(s);
	if (s->lock >= 0)
		close(s->lock);
	free(s->path);
	free(s);
}

void store_pause(struct store *s)
{
	if (!s || !s->db)
		return;
	store_commit(s);
	close_db(s);
}

void store_resume(struct store *s)
{
	if (s && s->path && !s->db && !s->why[0])
		open_store(s);
}

/* ---- reading and writing ---- */

/* Ends the statement; false when it failed, and the store is left out. */
static bool end(struct store *s, sqlite3_stmt *st, int rc)
{
	int reset = sqlite3_reset(st);

	sqlite3_clear_bindings(st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = reset;
	if (rc != SQLITE_OK)
		fail(s, rc);
	return rc == SQLITE_OK;
}

static sqlite3_stmt *bind_key(struct store *s, int which, enum store_kind kind, const char *key)
{
	sqlite3_stmt *st = s->statements[which];

	sqlite3_bind_int(st, 1, (int)kind);
	sqlite3_bind_text(st, 2, key, -1, SQLITE_STATIC);
	return st;
}

static bool begin(struct store *s)
{
	int rc;

	if (!s->db || s->begun)
		return s->db;
	rc = exec(s, "BEGIN IMMEDIATE");
	if (rc != SQLITE_OK) {
		fail(s, rc);
		return false;
	}
	s->begun = true;
	s->pending = 0;
	s->due = s->clock->now_ms(s->clock) + COMMIT_MS;
	return true;
}

/* SQLite does not see a changed byte in the middle of a text. */
static uint64_t sum_of(const char *key, struct str body)
{
	struct str parts[] = {str_of(key), body};
	uint64_t h = 1, word;

	for (unsigned i = 0; i < 2; i++) {
		const char *p = parts[i].s;

		h ^= parts[i].n << 32;
		for (size_t n = parts[i].n; n; n -= n < sizeof(word) ? n : sizeof(word)) {
			word = 0;
			memcpy(&word, p, n < sizeof(word) ? n : sizeof(word));
			h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
			h ^= h >> 32;
			p += sizeof(word);
		}
	}
	return h;
}

static void touch(struct store *s, int64_t id, int64_t now)
{
	sqlite3_stmt *st = s->statements[TOUCH];

	if (!begin(s))
		return;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, now);
	end(s, st, sqlite3_step(st));
}

int store_get(struct store *s, enum store_kind kind, const char *key, struct blob **ret, int64_t *asked)
{
	int64_t now, used = 0, id = 0;
	uint64_t sum = 0;
	struct blob *found = NULL;
	bool there = false;
	sqlite3_stmt *st;
	int rc;

	if (!s || !s->db)
		return -ENOENT;
	now = clock_wall_ms(s->clock);
	st = bind_key(s, GET, kind, key);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const void *body = sqlite3_column_blob(st, 0);

		there = true;
		found = blob_new(body ? body : "", body ? (size_t)sqlite3_column_bytes(st, 0) : 0);
		*asked = sqlite3_column_int64(st, 1);
		used = sqlite3_column_int64(st, 2);
		id = sqlite3_column_int64(st, 3);
		sum = (uint64_t)sqlite3_column_int64(st, 4);
	}
	if (!end(s, st, rc)) {
		blob_unref(found);
		return -ENOENT;
	}
	if (!there)
		return -ENOENT;
	if (!found)
		return -ENOMEM;
	if (sum != sum_of(key, blob_str(found))) {
		blob_unref(found);
		fail(s, SQLITE_CORRUPT);
		return -ENOENT;
	}
	if (used < now - TOUCH_MS || used > now)
		touch(s, id, now);
	*ret = found;
	return 0;
}

/* What the row takes now; 0 when there is none. */
static uint64_t size_of(struct store *s, enum store_kind kind, const char *key)
{
	sqlite3_stmt *st = bind_key(s, SIZE, kind, key);
	int rc = sqlite3_step(st);
	int64_t size = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;

	return end(s, st, rc) && size > 0 ? (uint64_t)size : 0;
}

static void make_room(struct store *s);

static void subtract(struct store *s, uint64_t size)
{
	s->bytes -= size < s->bytes ? size : s->bytes;
}

void store_put(struct store *s, enum store_kind kind, const char *key, struct str body, int64_t asked)
{
	uint64_t size = strlen(key) * 2 + body.n + ROW_BYTES, had;
	sqlite3_stmt *st;

	if (!s || size > s->bytes_max / 2 || !begin(s))
		return;
	had = size_of(s, kind, key);
	if (!s->db)
		return;
	st = bind_key(s, PUT, kind, key);
	sqlite3_bind_int64(st, 3, asked);
	sqlite3_bind_int64(st, 4, clock_wall_ms(s->clock));
	sqlite3_bind_int64(st, 5, (int64_t)size);
	sqlite3_bind_int64(st, 6, (int64_t)sum_of(key, body));
	sqlite3_bind_blob64(st, 7, body.n ? body.s : "", body.n, SQLITE_STATIC);
	if (!end(s, st, sqlite3_step(st)))
		return;
	subtract(s, had);
	s->bytes += size;
	s->pending += size;
	if (s->bytes > s->bytes_max)
		make_room(s);
	if (s->pending > PENDING_MAX)
		store_commit(s);
}

void store_drop(struct store *s, enum store_kind kind, const char *key)
{
	sqlite3_stmt *st;
	uint64_t had;

	if (!s)
		return;
	/* an item is dropped by a change of ours alone: a store that failed, or could not be opened, and is
	 * nobody else's, would bring back what was before it */
	if (kind == STORE_ITEM && !s->db && s->why[0] && s->own)
		remove_files(s, NULL);
	if (!s->db)
		return;
	had = size_of(s, kind, key);
	if (!had)
		return;
	s->dropped |= kind == STORE_ITEM;
	if (!begin(s))
		return;
	st = bind_key(s, DROP, kind, key);
	if (end(s, st, sqlite3_step(st)))
		subtract(s, had);
}

/* ---- room, and the end of a transaction ---- */

/* Drops the least recently used; false when there is nothing more to drop. */
static bool evict_some(struct store *s, uint64_t to)
{
	sqlite3_stmt *st = s->statements[OLDEST];
	int64_t ids[EVICT_ROWS];
	uint64_t sizes[EVICT_ROWS], after = s->bytes;
	unsigned n = 0;
	int rc;

	sqlite3_bind_int(st, 1, EVICT_ROWS);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && n < EVICT_ROWS && after > to) {
		ids[n] = sqlite3_column_int64(st, 0);
		sizes[n] = (uint64_t)sqlite3_column_int64(st, 1);
		after -= sizes[n] < after ? sizes[n] : after;
		n++;
	}
	if (!end(s, st, rc))
		return false;
	for (unsigned i = 0; i < n; i++) {
		st = s->statements[EVICT];
		sqlite3_bind_int64(st, 1, ids[i]);
		if (!end(s, st, sqlite3_step(st)))
			return false;
		subtract(s, sizes[i]);
	}
	return n > 0;
}

static void make_room(struct store *s)
{
	uint64_t to = s->bytes_max - s->bytes_max / 10;

	if (s->bytes <= s->bytes_max)
		return;
	while (s->db && s->bytes > to && evict_some(s, to))
		;
	if (s->db)
		exec(s, "PRAGMA incremental_vacuum(" VACUUM_PAGES ")");
}

void store_commit(struct store *s)
{
	int rc;

	if (!s || !s->db || !s->begun)
		return;
	s->begun = s->hurry = false;
	rc = exec(s, "COMMIT");
	if (rc != SQLITE_OK)
		fail(s, rc);
	s->dropped = false;
}

void store_hurry(struct store *s, unsigned ms)
{
	int64_t due;

	if (!s || !s->begun)
		return;
	due = s->clock->now_ms(s->clock) + ms;
	s->due = s->due < due ? s->due : due;
	s->hurry |= !ms;
}

bool store_hurries(const struct store *s)
{
	return s && s->hurry;
}

void store_settle(struct store *s)
{
	if (store_hurries(s))
		store_commit(s);
}

int64_t store_tick(struct store *s)
{
	int64_t now;

	if (!s || !s->db || !s->begun)
		return -1;
	now = s->clock->now_ms(s->clock);
	if (now < s->due)
		return s->due - now;
	store_commit(s);
	return -1;
}

bool store_is_open(const struct store *s)
{
	return s && s->db;
}

void store_show(const struct store *s, struct buf *b)
{
	if (!s)
		buf_puts(b, "memory only, by option cache");
	else if (!s->db)
		buf_printf(b, "memory only: %s", s->why);
	else
		buf_printf(b, "%s, %llu of %llu bytes", s->path, (unsigned long long)s->bytes,
			   (unsigned long long)s->bytes_max);
}
