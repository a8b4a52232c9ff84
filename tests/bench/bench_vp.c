// SPDX-License-Identifier: MIT
/*
 * Costs of the local APIC, of registers by name, and of extended state.
 *
 *   apic.request      WHvRequestInterrupt, for a VP that does not run
 *   apic.inject-eoi   in the guest: an interrupt that is pending, from the delivery through a handler of three
 *                     instructions (count, EOI, IRET) to the next
 *   apic.ipi-self     in the guest: the write of the ICR, that, and the loop around it (6)
 *   apic.ipi          in the guest: the write of the ICR for another VP, which does not run
 *   apic.timer        in the guest: from the RDTSC before the deadline is armed to the end of its interrupt, less the wait;
 *                     on VT-x alone
 *   regs.get-N        WHvGetVirtualProcessorRegisters of so many names
 *   xsave.switch      what child.port.roundtrip takes more when the child uses all of XCR0
 *
 * The APICs are in xAPIC mode.
 */
#include "tests/bench/bench.h"

#include "tests/system/apps/conformance/board.h"
#include "tests/system/apps/conformance/child.h"

#define N(array)     (sizeof(array) / sizeof((array)[0]))
#define CODE	     0x6000u /* where the board has its code for SIPIs */
#define HANDLER	     (CODE + 16)
#define IDT	     0x5000u
#define FIRST_VECTOR 0x40u
#define INTERRUPTS   128u
#define WAIT	     20000u

DECLARE_GUEST(bench_apic_take);
DECLARE_GUEST(bench_apic_self);
DECLARE_GUEST(bench_apic_send);
DECLARE_GUEST(bench_apic_deadline);
DECLARE_GUEST(bench_out);
DECLARE_GUEST(bench_out_xsave);
DECLARE_GUEST(bench_halt);

static struct board board;
static struct child child;

static HRESULT begin(struct guest_code code)
{
	const struct board_options options = { .n_vps = 2,
					       .apic_mode = WHvX64LocalApicEmulationModeXApic };
	const struct op enable = OP(WRITE32, .argument = 0xfee000f0, .value = 0x1ff);
	HRESULT hr = board_create(&board, &options);

	for (uint32_t vp = 0; vp < 2 && SUCCEEDED(hr); vp++)
		if (board_script(&board, vp, &enable, 1) != BOARD_DONE)
			hr = E_FAIL;
	if (FAILED(hr))
		return hr;
	for (const uint8_t *p = code.start; p < code.end; p++)
		board.ram[CODE + (p - code.start)] = *p;
	for (uint32_t i = FIRST_VECTOR; i < 256; i++)
		*(uint64_t *)(void *)(board.ram + IDT + 16 * i) =
			HANDLER | 8u << 16 | 0x8e00ull << 32;
	return hr;
}

/* Run the loop once for n; its ticks. */
static HRESULT run(uint64_t n, uint64_t *ticks)
{
	HRESULT hr = board_set(&board, 0, WHvX64RegisterRip, CODE);

	if (SUCCEEDED(hr))
		hr = board_set(&board, 0, WHvX64RegisterRdi, n);
	if (SUCCEEDED(hr))
		hr = board_set(&board, 0, WHvX64RegisterR10, WAIT);
	if (SUCCEEDED(hr) && board_run(&board, 0) != BOARD_DONE)
		hr = E_FAIL;
	*ticks = (uint32_t)board_get(&board, 0, WHvX64RegisterRax);
	return hr;
}

static HRESULT request_all(uint64_t *ticks)
{
	HRESULT hr = S_OK;
	uint64_t start = bench_tsc();

	for (uint32_t i = 0; i < INTERRUPTS && SUCCEEDED(hr); i++) {
		const WHV_INTERRUPT_CONTROL control = { .Vector = FIRST_VECTOR + i };

		hr = WHvRequestInterrupt(board.partition, &control, sizeof(control));
	}
	*ticks = bench_tsc() - start;
	return hr;
}

/* The best of some batches of n, `less` taken off each of the n. */
static void measure(const char *name, struct guest_code code, uint64_t n, uint64_t less,
		    bool are_requested)
{
	uint64_t least = ~0ull, least_request = ~0ull, ticks;
	HRESULT hr = begin(code);

	for (unsigned int i = 0; i < BATCHES && SUCCEEDED(hr); i++) {
		if (are_requested) {
			hr = request_all(&ticks);
			if (ticks < least_request)
				least_request = ticks;
		}
		if (SUCCEEDED(hr))
			hr = run(n, &ticks);
		if (ticks < least)
			least = ticks;
	}
	if (FAILED(hr))
		bench_fail(name, hr, (uint32_t)board.exit.ExitReason);
	if (are_requested)
		bench_report("apic.request", least_request / n);
	bench_report(name, least / n - less);
	board_destroy(&board);
}

/* ---- Registers --------------------------------------------------------------------------- */

static WHV_REGISTER_NAME names[130];

static void get(uint64_t n)
{
	static WHV_REGISTER_VALUE values[N(names)];

	if (FAILED(WHvGetVirtualProcessorRegisters(child.partition, 0, names, (UINT32)n, values)))
		bench_fail("regs.get", E_FAIL, (uint32_t)n);
}

/* CR0 alone; with the other control registers, segments and tables; what a client that saves a VP asks for. */
static void registers(void)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = { { WHvX64RegisterCr0, WHvX64RegisterCr4 },
		       { WHvX64RegisterEs, WHvX64RegisterGdtr },
		       { WHvX64RegisterRax, WHvX64RegisterRflags },
		       { WHvX64RegisterCr8, WHvX64RegisterXCr0 },
		       { WHvX64RegisterXmm0, WHvX64RegisterXmmControlStatus },
		       { WHvX64RegisterTsc, WHvX64RegisterInitialApicId },
		       { WHvX64RegisterMsrMtrrCap, WHvX64RegisterMsrMtrrDefType },
		       { WHvX64RegisterMsrMtrrPhysBase0, WHvX64RegisterMsrMtrrPhysBase7 },
		       { WHvX64RegisterMsrMtrrPhysMask0, WHvX64RegisterMsrMtrrPhysMask7 },
		       { WHvX64RegisterMsrMtrrFix64k00000, WHvX64RegisterMsrMtrrFix4kF8000 },
		       { WHvRegisterPendingInterruption, WHvRegisterPendingEvent } };
	HRESULT hr = child_create(&child, CHILD_LONG, GUEST(bench_halt), 0, 0);
	unsigned int n = 0;

	for (unsigned int i = 0; i < N(ranges); i++)
		for (uint32_t name = ranges[i].first; name <= ranges[i].last && n < N(names);
		     name++)
			names[n++] = (WHV_REGISTER_NAME)name;
	/* To fill up, from the front again. */
	for (unsigned int i = 0; n < N(names); i++)
		names[n++] = names[i];
	if (FAILED(hr) || child_run(&child) != WHvRunVpExitReasonX64Halt)
		bench_fail("regs.get", hr, (uint32_t)child.exit.ExitReason);
	bench_report("regs.get-1", bench_best(get, 1));
	bench_report("regs.get-16", bench_best(get, 16));
	bench_report("regs.get-130", bench_best(get, 130));
	child_destroy(&child);
}

/* ---- Extended state ---------------------------------------------------------------------- */

static void ports(uint64_t n)
{
	while (n--) {
		if (child_run(&child) != WHvRunVpExitReasonX64IoPortAccess) {
			bench_fail("xsave.switch", S_OK, (uint32_t)child.exit.ExitReason);
			return;
		}
		child.page->rip = child.exit.VpContext.Rip + 2;
		child.page->dirty |= WHIT_PAGE_RIP;
	}
}

static uint64_t port_ticks(struct guest_code code)
{
	HRESULT hr = child_create(&child, CHILD_LONG, code, 0, 0);
	uint64_t ticks;

	if (FAILED(hr))
		bench_fail("xsave.switch", hr, 0);
	ticks = bench_best(ports, PER_BATCH) / PER_BATCH;
	child_destroy(&child);
	return ticks;
}

void bench_vp(void)
{
	const uint64_t plain = port_ticks(GUEST(bench_out));

	bench_report("xsave.switch", port_ticks(GUEST(bench_out_xsave)) - plain);
	registers();
	measure("apic.inject-eoi", GUEST(bench_apic_take), INTERRUPTS, 0, true);
	measure("apic.ipi-self", GUEST(bench_apic_self), PER_BATCH, 0, false);
	measure("apic.ipi", GUEST(bench_apic_send), PER_BATCH, 0, false);
	/* AMD-V has no timer: there an interrupt of the root's ends the wait, some time. */
	if (!bench_has_svm())
		measure("apic.timer", GUEST(bench_apic_deadline), PER_BATCH, WAIT, false);
}
