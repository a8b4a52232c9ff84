/* SPDX-License-Identifier: MIT */
/*
 * Wrappers of the VMX instructions but VMLAUNCH and VMRESUME (enter.asm). True if the instruction
 * has succeeded.
 */
#ifndef ARCH_VMX_INSN_H
#define ARCH_VMX_INSN_H

#include <stdbool.h>
#include <stdint.h>

static inline bool vmx_vmread(uint64_t field, uint64_t *value)
{
	bool is_bad;

	__asm__ volatile("vmread %2, %0" : "=r"(*value), "=@ccbe"(is_bad) : "r"(field));
	return !is_bad;
}

static inline bool vmx_vmwrite(uint64_t field, uint64_t value)
{
	bool is_bad;

	__asm__ volatile("vmwrite %1, %2" : "=@ccbe"(is_bad) : "r"(value), "r"(field) : "memory");
	return !is_bad;
}

/* The operand of these three is the physical address of a page, in memory. */
#define VMX_POINTER_INSN(name)                                                            \
	static inline bool vmx_##name(const uint64_t *page)                               \
	{                                                                                 \
		bool is_bad;                                                              \
                                                                                          \
		__asm__ volatile(#name " %1" : "=@ccbe"(is_bad) : "m"(*page) : "memory"); \
		return !is_bad;                                                           \
	}

VMX_POINTER_INSN(vmclear)
VMX_POINTER_INSN(vmptrld)
VMX_POINTER_INSN(vmxon)

#undef VMX_POINTER_INSN

static inline void vmx_vmxoff(void)
{
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}

/* SDM 3C "INVEPT", "INVVPID": the descriptor's two words. */
#define VMX_INVALIDATE_INSN(name)                                                     \
	static inline bool vmx_##name(uint64_t type, uint64_t first, uint64_t second) \
	{                                                                             \
		const uint64_t descriptor[2] = { first, second };                     \
		bool is_bad;                                                          \
                                                                                      \
		__asm__ volatile(#name " %1, %2"                                      \
				 : "=@ccbe"(is_bad)                                   \
				 : "m"(descriptor), "r"(type)                         \
				 : "memory");                                         \
		return !is_bad;                                                       \
	}

VMX_INVALIDATE_INSN(invept)
VMX_INVALIDATE_INSN(invvpid)

#undef VMX_INVALIDATE_INSN

#endif
