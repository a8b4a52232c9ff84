// SPDX-License-Identifier: MIT
/*
 * Which instruction makes the call (hypercall.h), and whether there is anybody to take it. Several processors may find out at
 * once: all find the same.
 */
#include "root/call/hypercall.h"

#include "root/call/call.h"
#include "root/call/platform.h"
#include "x86/cpuid.h"

/* CPUID leaf 0, EBX: the beginning of "AuthenticAMD" and "HygonGenuine". */
#define VENDOR_AMD   0x68747541u
#define VENDOR_HYGON 0x6f677948u

static void set(hypercall2_function *two, hypercall5_function *five)
{
	__atomic_store_n(&hypercall_functions.two, two, __ATOMIC_RELAXED);
	__atomic_store_n(&hypercall_functions.five, five, __ATOMIC_RELAXED);
}

static void choose(void)
{
	uint32_t r[4];

	platform_cpuid(0, r);
	if (r[1] == VENDOR_AMD || r[1] == VENDOR_HYGON)
		set(hypercall2_vmmcall, hypercall5_vmmcall);
	else
		set(hypercall2_vmcall, hypercall5_vmcall);
}

static struct hypercall_answer first_two(uint64_t code, uint64_t rcx, uint64_t rdx)
{
	choose();
	return hypercall2(code, rcx, rdx);
}

static uint32_t first_five(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
			   uint64_t r10, struct hypercall_result *result)
{
	choose();
	return hypercall5(code, rcx, rdx, r8, r9, r10, result);
}

struct hypercall_functions hypercall_functions = { first_two, first_five };

bool call_has_whit(void)
{
	static bool is_known; /* that it is there */
	uint32_t r[4];

	if (__atomic_load_n(&is_known, __ATOMIC_RELAXED))
		return true;
	platform_cpuid(1, r);
	if (!(r[2] & CPUID1_ECX_HYPERVISOR))
		return false;
	platform_cpuid(WHIT_CPUID_SIGNATURE, r);
	if (r[0] < WHIT_CPUID_VERSION || r[1] != WHIT_SIGNATURE_WORD ||
	    r[2] != WHIT_SIGNATURE_WORD || r[3] != WHIT_SIGNATURE_WORD)
		return false;
	platform_cpuid(WHIT_CPUID_VERSION, r);
	if (r[0] != WHIT_ABI_VERSION)
		return false;
	__atomic_store_n(&is_known, true, __ATOMIC_RELAXED);
	return true;
}
