// SPDX-License-Identifier: MIT
/* A figure: the best of several batches, and its line of output. */
#include "root/call/hypercall.h"
#include "root/vmm/terminal.h"
#include "tests/bench/bench.h"

bool bench_has_failed;

void bench_report(const char *name, uint64_t ticks)
{
	terminal_print("bench %s %lu ticks\n", name, (unsigned long)ticks);
}

void bench_fail(const char *name, HRESULT hr, uint32_t reason)
{
	terminal_print("FAIL bench %s: %08x, exit %x\n", name, (unsigned int)hr, reason);
	bench_has_failed = true;
}

uint64_t bench_best(void (*batch)(uint64_t n), uint64_t n)
{
	uint64_t least = ~0ull;

	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t start = bench_tsc(), ticks;

		batch(n);
		ticks = bench_tsc() - start;
		if (ticks < least)
			least = ticks;
	}
	return least;
}

bool bench_has_svm(void)
{
	(void)hypercall2(WHIT_CALL_VERSION, 0, 0); /* chooses the instruction */
	return hypercall_functions.two == hypercall2_vmmcall;
}

uint64_t bench_best_hypercall(uint64_t n)
{
	return bench_best(bench_has_svm() ? bench_vmmcall : bench_vmcall, n);
}
