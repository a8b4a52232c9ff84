/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the hypervisor itself. Expected are #GP of the instructions in safe.asm, and a #DB
 * that is none. Interrupts never come, for IF is 0, or GIF; NMIs are kick.c's.
 */
#include "arch/x86/cpu.h"
#include "x86/exc.h"
#include "x86/gpr.h"

#define GATES 32

#define GATE_INTERRUPT 0x8e00ull /* present, DPL 0, 64-bit interrupt gate */
#define IST_NMI	       1ull
#define IST_FAULT      2ull

/* SDM 3A "64-Bit Mode IDT". */
struct gate {
	uint64_t low, high;
};

static struct gate idt[GATES]; /* written by idt_fill() before any processor uses it */

extern const uint64_t exc_entries[GATES]; /* exc.asm */

void idt_fill(void)
{
	for (unsigned int vector = 0; vector < GATES; vector++) {
		uint64_t at = exc_entries[vector];
		uint64_t ist = 0;

		if (vector == EXC_NMI)
			ist = IST_NMI;
		else if (vector == EXC_DF || vector == EXC_MC)
			ist = IST_FAULT;
		idt[vector].low = (at & 0xffff) | (uint64_t)HOST_CS << 16 | ist << 32 |
				  GATE_INTERRUPT << 32 | (at >> 16 & 0xffff) << 48;
		idt[vector].high = at >> 32;
	}
}

void idt_drop(unsigned int vector)
{
	idt[vector] = (struct gate) { 0 };
}

void idt_table(struct x86_table *table)
{
	*table = (struct x86_table) { .limit = sizeof(idt) - 1, .base = (uintptr_t)idt };
}

void exc_handle(struct exc_frame *frame)
{
	if (frame->vector == EXC_GP &&
	    (frame->rip == (uintptr_t)x86_rdmsr_insn || frame->rip == (uintptr_t)x86_wrmsr_insn ||
	     frame->rip == (uintptr_t)x86_xsetbv_insn)) {
		frame->rip = (uintptr_t)x86_msr_fault;
		return;
	}
	/*
	 * It sets no breakpoint and does not step. With AMD-V Bochs (2.7, 3.0) brings the step of a
	 * guest whose instruction exits: Svm_Vmexit() leaves debug_trap as it is.
	 */
	if (frame->vector == EXC_DB)
		return;
	frame->gpr[X86_RSP] = frame->rsp;
	panic_exception(frame);
}
