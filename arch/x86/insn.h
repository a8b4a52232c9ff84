/* SPDX-License-Identifier: MIT */
/* Wrappers of single instructions that C has no words for. */
#ifndef ARCH_X86_INSN_H
#define ARCH_X86_INSN_H

#include <stdint.h>

#include "x86/cpuid.h"
#include "x86/seg.h"

/* The pointer at the GS base, which does not change while C code runs. */
static inline void *x86_gs_self(void)
{
	void *self;

	__asm__("mov %%gs:0, %0" : "=r"(self));
	return self;
}

static inline uint64_t x86_rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

#define X86_CONTROL_REGISTER(name)                                                  \
	static inline uint64_t x86_read_##name(void)                                \
	{                                                                           \
		uint64_t value;                                                     \
                                                                                    \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
		return value;                                                       \
	}                                                                           \
	static inline void x86_write_##name(uint64_t value)                         \
	{                                                                           \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
	}

X86_CONTROL_REGISTER(cr0)
X86_CONTROL_REGISTER(cr2)
X86_CONTROL_REGISTER(cr3)
X86_CONTROL_REGISTER(cr4)
X86_CONTROL_REGISTER(dr0)
X86_CONTROL_REGISTER(dr1)
X86_CONTROL_REGISTER(dr2)
X86_CONTROL_REGISTER(dr3)
X86_CONTROL_REGISTER(dr6)

#undef X86_CONTROL_REGISTER

#define X86_SEGMENT_REGISTER(name)                                              \
	static inline uint16_t x86_read_##name(void)                            \
	{                                                                       \
		uint16_t value;                                                 \
                                                                                \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value));          \
		return value;                                                   \
	}                                                                       \
	static inline void x86_write_##name(uint16_t value)                     \
	{                                                                       \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}

X86_SEGMENT_REGISTER(ds)
X86_SEGMENT_REGISTER(es)
X86_SEGMENT_REGISTER(ss)
X86_SEGMENT_REGISTER(fs)
X86_SEGMENT_REGISTER(gs)

#undef X86_SEGMENT_REGISTER

static inline uint16_t x86_read_cs(void)
{
	uint16_t value;

	__asm__ volatile("mov %%cs, %0" : "=r"(value));
	return value;
}

/* The operand of LGDT, SGDT, LIDT, SIDT is the last ten bytes of a struct x86_table. */
static inline void x86_sgdt(struct x86_table *table)
{
	__asm__ volatile("sgdt (%0)" : : "r"(&table->limit) : "memory");
}

static inline void x86_lgdt(const struct x86_table *table)
{
	__asm__ volatile("lgdt (%0)" : : "r"(&table->limit) : "memory");
}

static inline void x86_sidt(struct x86_table *table)
{
	__asm__ volatile("sidt (%0)" : : "r"(&table->limit) : "memory");
}

static inline void x86_lidt(const struct x86_table *table)
{
	__asm__ volatile("lidt (%0)" : : "r"(&table->limit) : "memory");
}

static inline uint16_t x86_str(void)
{
	uint16_t value;

	__asm__ volatile("str %0" : "=r"(value));
	return value;
}

static inline void x86_ltr(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline uint16_t x86_sldt(void)
{
	uint16_t value;

	__asm__ volatile("sldt %0" : "=r"(value));
	return value;
}

static inline void x86_lldt(uint16_t selector)
{
	__asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

static inline void x86_outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t x86_inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint64_t x86_rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void x86_wbinvd(void)
{
	__asm__ volatile("wbinvd" : : : "memory");
}

static inline void x86_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void x86_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void x86_int3(void)
{
	__asm__ volatile("int3" : : : "memory");
}

static inline void x86_hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

/* image: 512 bytes, aligned to 16. */
static inline void x86_fxsave(void *image)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
}

static inline void x86_fxrstor(const void *image)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
}

static inline uint64_t x86_xgetbv(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void x86_xsetbv(uint32_t index, uint64_t value)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* image: aligned to 64, all of the components' standard form; components: bits of XCR0. */
static inline void x86_xsave(void *image, uint64_t components)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)components), "d"((uint32_t)(components >> 32))
			 : "memory");
}

static inline void x86_xrstor(const void *image, uint64_t components)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)components), "d"((uint32_t)(components >> 32))
			 : "memory");
}

static inline uint32_t x86_stmxcsr(void)
{
	uint32_t value;

	__asm__ volatile("stmxcsr %0" : "=m"(value));
	return value;
}

static inline void x86_ldmxcsr(uint32_t value)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(value));
}

#endif
