/* SPDX-License-Identifier: MIT */
/* General registers by the number that instructions give them, SDM 2 "ModR/M and SIB Bytes". */
#ifndef X86_GPR_H
#define X86_GPR_H

#include <stdint.h>

enum x86_gpr {
	X86_RAX,
	X86_RCX,
	X86_RDX,
	X86_RBX,
	X86_RSP,
	X86_RBP,
	X86_RSI,
	X86_RDI,
	X86_R8,
	X86_R9,
	X86_R10,
	X86_R11,
	X86_R12,
	X86_R13,
	X86_R14,
	X86_R15,
	X86_GPRS
};

/* The half of a register that 32-bit operands have. */
#define LOW_32 0xffffffffull

/*
 * EDX:EAX, as RDMSR, WRMSR, XSETBV and RDTSC hold a value of 64 bits; loading them clears the upper
 * halves.
 */
static inline uint64_t gpr_edx_eax(const uint64_t gpr[X86_GPRS])
{
	return (gpr[X86_RAX] & LOW_32) | gpr[X86_RDX] << 32;
}

static inline void gpr_set_edx_eax(uint64_t gpr[X86_GPRS], uint64_t value)
{
	gpr[X86_RAX] = value & LOW_32;
	gpr[X86_RDX] = value >> 32;
}

#endif
