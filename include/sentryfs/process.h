// SPDX-License-Identifier: MIT
#ifndef SENTRYFS_PROCESS_H
#define SENTRYFS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A process (thread group), told from a later one with the same number by when it began. */
struct process {
	pid_t tgid, ppid;
	uint64_t began; /* clock ticks after the boot */
};

/* Who the thread `tid` belongs to. False when it has ended or, in another pid
 * namespace, cannot be seen (tid 0): *p is all zero then, which is a process of its own
 * for process_same. */
bool process_of(pid_t tid, struct process *p);
bool process_same(const struct process *a, const struct process *b);
bool process_alive(const struct process *p);

/* The command's name, as ps shows it, of printable ASCII; "?" for what is not, and when it cannot be seen. */
#define PROCESS_NAME_MAX 64
void process_name(pid_t tid, char name[PROCESS_NAME_MAX]);

/* Does a signal that means stop (INT, TERM, QUIT, HUP, KILL) wait for the thread?
 * SIGALRM, SIGURG of Go's runtime and the like interrupt a system call too, and do not.
 * True as well for a thread that has ended or cannot be seen. */
bool process_wants_to_stop(pid_t tid);

/* Is the thread, which waits for our answer, within mkdir(2)? Where the kernel does not let
 * us see (another user's, Yama), whether its program is called mkdir. */
bool process_makes_dir(pid_t tid);

#endif
