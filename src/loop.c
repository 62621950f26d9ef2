// SPDX-License-Identifier: MIT
/*
 * The one loop: /dev/fuse and a signalfd are extra descriptors of libcurl's poll,
 * and the nearest deadline is its time-out. At rest it sleeps.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sentryfs/fs.h"
#include "sentryfs/http.h"
#include "sentryfs/keep.h"
#include "sentryfs/log.h"
#include "sentryfs/op.h"
#include "sentryfs/status.h"

/* Requests taken from the kernel before sockets are looked at again. */
#define BATCH 64
#define IDLE_MS 60000
/* The store is written to when the kernel has asked for nothing so long, at the latest after so long. */
#define STORE_AFTER_MS 3
#define STORE_WITHIN_MS 1000

/* The kernel's next request mostly follows within microseconds, and to be woken for it costs more
 * than what it asks for: so long it is waited for awake. */
#define AWAKE_US 50
/* But not where others want the processor: so long a look took, then there were some, and for so long it is theirs. */
#define PREEMPTED_US 200
#define THEIRS_US 1000000

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void set_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

int fs_hold_signals(void)
{
	sigset_t set;

	set_signals(&set);
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) ? -errno : 0;
}

bool fs_is_to_stop(void)
{
	sigset_t set;

	return !sigpending(&set) &&
	       (sigismember(&set, SIGTERM) || sigismember(&set, SIGINT) || sigismember(&set, SIGQUIT));
}

static int open_signals(void)
{
	sigset_t set;

	set_signals(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True when asked to stop. */
static bool take_signals(int fd, struct mount *m)
{
	struct signalfd_siginfo info;
	bool stop = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			mount_reload(m);
		else if (info.ssi_signo == SIGUSR1)
			status_log(m);
		else
			stop = true;
	}
	return stop;
}

static int nearest_ms(int64_t a, int64_t b)
{
	if (a < 0 || (b >= 0 && b < a))
		a = b;
	return a < 0 || a > IDLE_MS ? IDLE_MS : (int)a;
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Until when nobody is waited for awake; for ever where there is one processor. */
static int64_t first_awake(void)
{
	cpu_set_t mine;

	return sched_getaffinity(0, sizeof(mine), &mine) || CPU_COUNT(&mine) < 2 ? INT64_MAX : 0;
}

/* 1 when a request came, 0, or -errno. */
static int receive_awake(struct fs *f, int64_t *not_before)
{
	int64_t begin = now_us(), last = begin, now = begin;
	int r = 0;

	while (!r && now >= *not_before && now - begin < AWAKE_US) {
		r = fs_receive(f);
		now = now_us();
		if (!r && now - last > PREEMPTED_US)
			*not_before = now + THEIRS_US;
		last = now;
	}
	return r;
}

/* Goes on with what the kernel asks for, while nothing else waits. */
static int stay_awake(struct fs *f, const struct http *h, int64_t *not_before)
{
	int r = 1;

	for (int i = 0; i < BATCH && r > 0 && http_is_idle(h) && list_empty(&fs_mount(f)->ready); i++)
		r = receive_awake(f, not_before);
	return r;
}

int fs_loop(struct fs *f, struct http *h)
{
	__attribute__((cleanup(closep))) int signals = open_signals();
	struct mount *m = fs_mount(f);
	struct pollfd fds[2] = {{.fd = fs_fd(f), .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	int64_t stored = 0, not_before = first_awake();
	bool busy = false, quiet = false;
	int r = signals < 0 ? -errno : 0;

	while (!r) {
		int64_t wait = nearest_ms(op_tick(m), api_tick(&m->api));
		int64_t now = m->clock->now_ms(m->clock), keep = keep_hurries(&m->cache) ? 0 : STORE_AFTER_MS;

		if (quiet || now - stored >= STORE_WITHIN_MS) {
			keep = keep_tick(&m->cache);
			stored = now;
		} else if (!busy) {
			store_settle(m->store);
		}
		wait = nearest_ms(wait, keep);
		if (m->woke)
			http_renew(h);
		m->woke = false;

		r = http_poll(h, fds, 2, (int)wait);
		if (r || (fds[1].revents && take_signals(signals, m)))
			break;
		busy = false;
		for (int i = 0; i < BATCH && (r = fs_receive(f)) > 0; i++)
			busy = true;
		if (busy && !r)
			r = stay_awake(f, h, &not_before);
		if (busy)
			quiet = false;
		else if (wait < 0 || wait >= STORE_AFTER_MS)
			quiet |= m->clock->now_ms(m->clock) - now >= wait;
		if (r > 0)
			r = 0;
	}
	op_end_all(m);
	return r == -ENODEV ? 0 : r;
}
