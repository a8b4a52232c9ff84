/* SPDX-License-Identifier: MIT */
/*
 * The VMCALL, as functions. See include/whit/hypercall.h for the calls. Ring 0 of Whit's root partition
 * only: elsewhere the instruction is #UD.
 */
#ifndef ROOT_LIB_HYPERCALL_H
#define ROOT_LIB_HYPERCALL_H

#include <stdint.h>

#include "whit/hypercall.h"

struct hypercall_result {
	uint64_t rdx, r8;
};

/* Calls of up to two parameters without results. Returns EAX. */
uint32_t hypercall2(uint64_t code, uint64_t rcx, uint64_t rdx);

/* Any call: parameters in the order RCX RDX R8 R9 R10; RDX and R8 come back in *result. */
uint32_t hypercall5(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
		    uint64_t r10, struct hypercall_result *result);

#endif
