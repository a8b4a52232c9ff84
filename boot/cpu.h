/* SPDX-License-Identifier: MIT */
/*
 * The processor, as the loader reads it: registers one by one, and all of a processor's state for
 * the handover record.
 */
#ifndef BOOT_CPU_H
#define BOOT_CPU_H

#include <stddef.h>
#include <stdint.h>

#include "whit/handover.h"
#include "x86/cpuid.h"
#include "x86/seg.h"

static inline struct x86_cpuid cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t cpu_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t cpu_read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void cpu_write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline uint64_t cpu_read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
	return value;
}

static inline uint64_t cpu_read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

/* Clears n_bytes, a multiple of 8. libefi's does it byte by byte: seconds, on an emulator. */
static inline void cpu_zero(void *at, uint64_t n_bytes)
{
	uint64_t n = n_bytes / 8;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(n) : "a"(0) : "memory");
}

/*
 * The hidden part of a segment register that holds `selector`, from the descriptor table at `gdt`
 * with its last valid offset `limit`. A null selector, one beyond the table, one of an LDT (which
 * no firmware has) and a descriptor that is not present give a segment that is absent: P = 0. FS
 * and GS have their base in an MSR, not here.
 */
struct x86_segment cpu_segment(const void *gdt, uint16_t limit, uint16_t selector);

/*
 * Writes the state of the processor that this runs on to `state`; it goes on with `rsp` at `rip`,
 * with all other general registers zero. Interrupts must be off, and stay off.
 */
void cpu_capture(struct whit_cpu_state *state, uint64_t rsp, uint64_t rip);

#endif
