/* SPDX-License-Identifier: MIT */
/*
 * The hypercall as a function. See include/whit/hypercall.h for the calls. Ring 0 of Whit's root partition
 * only: elsewhere the instruction is #UD.
 *
 * The instruction is VMCALL or, on processors of AMD and Hygon, VMMCALL. Which of them is found out by the first
 * call and kept.
 */
#ifndef ROOT_CALL_HYPERCALL_H
#define ROOT_CALL_HYPERCALL_H

#include <stdint.h>

#include "whit/hypercall.h"

struct hypercall_result {
	uint64_t rdx, r8;
};

/* EAX and RDX of a call, in the registers in which the System V convention returns such a structure. */
struct hypercall_answer {
	uint32_t status;
	uint64_t rdx;
};

/* The two shapes of a call; each stands in instruction.asm once for each instruction. */
typedef struct hypercall_answer hypercall2_function(uint64_t code, uint64_t rcx, uint64_t rdx);
typedef uint32_t hypercall5_function(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8,
				     uint64_t r9, uint64_t r10, struct hypercall_result *result);

hypercall2_function hypercall2_vmcall, hypercall2_vmmcall;
hypercall5_function hypercall5_vmcall, hypercall5_vmmcall;

/* The ones in use. */
extern struct hypercall_functions {
	hypercall2_function *two;
	hypercall5_function *five;
} hypercall_functions;

/* Calls of up to two parameters. */
static inline struct hypercall_answer hypercall2(uint64_t code, uint64_t rcx, uint64_t rdx)
{
	return __atomic_load_n(&hypercall_functions.two, __ATOMIC_RELAXED)(code, rcx, rdx);
}

/* Any call: parameters in the order RCX RDX R8 R9 R10; RDX and R8 come back in *result. */
static inline uint32_t hypercall5(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8,
				  uint64_t r9, uint64_t r10, struct hypercall_result *result)
{
	return __atomic_load_n(&hypercall_functions.five, __ATOMIC_RELAXED)(code, rcx, rdx, r8, r9,
									    r10, result);
}

#endif
