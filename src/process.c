// SPDX-License-Identifier: MIT
/*
 * What /proc says of those who ask: whose thread it is, and which signals wait for
 * it. The kernel's FUSE requests name a thread, not a process.
 */
#include "sentryfs/process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static FILE *open_proc(pid_t id, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)id, what);
	return fopen(path, "re");
}

/* The 22nd word of stat; the second, the command, is in parentheses and may hold anything. */
static bool read_began(pid_t tgid, uint64_t *began)
{
	char text[1024], *rest;
	FILE *f = open_proc(tgid, "stat");
	size_t n;

	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	rest = strrchr(text, ')');
	return rest &&
	       sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		      began) == 1;
}

bool process_of(pid_t tid, struct process *p)
{
	char line[256];
	int tgid = 0, ppid = 0;
	FILE *f = tid ? open_proc(tid, "status") : NULL;

	*p = (struct process){0};
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (!tgid && sscanf(line, "Tgid: %d", &tgid) == 1)
			continue;
		if (sscanf(line, "PPid: %d", &ppid) == 1)
			break;
	}
	fclose(f);
	if (!tgid || !read_began(tgid, &p->began))
		return false;
	p->tgid = tgid;
	p->ppid = ppid;
	return true;
}

void process_name(pid_t tid, char name[PROCESS_NAME_MAX])
{
	FILE *f = tid ? open_proc(tid, "comm") : NULL;
	size_t n = f ? fread(name, 1, PROCESS_NAME_MAX - 1, f) : 0;

	if (f)
		fclose(f);
	if (n && name[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~') /* escape sequences have forms beyond ASCII, too */
			name[i] = '?';
	snprintf(name + n, PROCESS_NAME_MAX - n, "%s", n ? "" : "?");
}

bool process_same(const struct process *a, const struct process *b)
{
	return a->tgid == b->tgid && a->began == b->began;
}

bool process_alive(const struct process *p)
{
	uint64_t began;

	return p->tgid && read_began(p->tgid, &began) && began == p->began;
}

bool process_wants_to_stop(pid_t tid)
{
	const uint64_t stop = 1u << (SIGINT - 1) | 1u << (SIGTERM - 1) | 1u << (SIGQUIT - 1) | 1u << (SIGHUP - 1) |
			      1u << (SIGKILL - 1);
	char line[256];
	uint64_t mask, pending = 0;
	FILE *f;

	if (!tid)
		return true;
	f = open_proc(tid, "status");
	if (!f)
		return errno == ENOENT || errno == ESRCH;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SigPnd: %" SCNx64, &mask) == 1 || sscanf(line, "ShdPnd: %" SCNx64, &mask) == 1)
			pending |= mask;
	fclose(f);
	return pending & stop;
}

/* ---- which system call ---- */

#define LOOKS 200 /* at a thread that has asked and does not sleep yet */

static bool read_line(pid_t tid, const char *what, char *line, int size)
{
	FILE *f = open_proc(tid, what);
	bool ok = f && fgets(line, size, f);

	if (f)
		fclose(f);
	return ok;
}

bool process_makes_dir(pid_t tid)
{
	char line[256];
	long number;

	if (!tid)
		return false;
	for (int i = 0; i < LOOKS && read_line(tid, "syscall", line, sizeof(line)); i++) {
		if (sscanf(line, "%ld", &number) == 1)
#ifdef SYS_mkdir
			return number == SYS_mkdir || number == SYS_mkdirat;
#else
			return number == SYS_mkdirat;
#endif
		sched_yield(); /* "running" */
	}
	/* it may not be looked at (Yama's ptrace_scope) */
	return read_line(tid, "comm", line, sizeof(line)) && !strcmp(line, "mkdir\n");
}
