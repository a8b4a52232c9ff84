/* SPDX-License-Identifier: MIT */
/*
 * Accesses to a run of pages, counted one by one as the processor makes them: while the pages are watched nothing may be
 * done to them, so each access traps; it is let through for one instruction. Before a write a test can change what
 * stands there, as another processor could between the reading and the writing of an entry. One thread, x86-64 Linux.
 */
#ifndef TESTS_UNIT_WATCH_H
#define TESTS_UNIT_WATCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define WATCH_TRAP_FLAG	  0x100
#define WATCH_ERROR_WRITE 2 /* of a page fault's error code */

static struct {
	uint8_t *first;
	size_t n_bytes;
	unsigned int n_reads, n_writes;
	void (*before_write)(void *at); /* the pages are open */
} watch;

static inline void watch_protect(int protection)
{
	if (mprotect(watch.first, watch.n_bytes, protection))
		abort();
}

static void watch_fault(int number, siginfo_t *info, void *context)
{
	greg_t *const regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	if ((uintptr_t)info->si_addr - (uintptr_t)watch.first >= watch.n_bytes)
		abort();
	watch_protect(PROT_READ | PROT_WRITE);
	if (regs[REG_ERR] & WATCH_ERROR_WRITE) {
		watch.n_writes++;
		if (watch.before_write)
			watch.before_write(info->si_addr);
	} else {
		watch.n_reads++;
	}
	regs[REG_EFL] |= WATCH_TRAP_FLAG;
}

static void watch_step(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	watch_protect(PROT_NONE);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~WATCH_TRAP_FLAG;
}

static inline void watch_begin(void *first, size_t n_bytes)
{
	struct sigaction fault = { .sa_sigaction = watch_fault, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = watch_step, .sa_flags = SA_SIGINFO };

	watch.first = first;
	watch.n_bytes = n_bytes;
	if (sigaction(SIGSEGV, &fault, NULL) || sigaction(SIGTRAP, &step, NULL))
		abort();
	watch_protect(PROT_NONE);
}

static inline void watch_end(void)
{
	watch_protect(PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
}

#endif
