/* SPDX-License-Identifier: MIT */
/* In the place of arch/x86/insn.h: the instructions of the model's processor (tests/vtx/cpu.c). */
#ifndef VTX_X86_INSN_H
#define VTX_X86_INSN_H

#include <stdint.h>

#include "x86/cpuid.h"
#include "x86/seg.h"

void *x86_gs_self(void);
uint64_t x86_rdmsr(uint32_t msr);
void x86_wrmsr(uint32_t msr, uint64_t value);
struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t x86_read_cr0(void);
uint64_t x86_read_cr2(void);
uint64_t x86_read_cr3(void);
uint64_t x86_read_cr4(void);
uint64_t x86_read_dr0(void);
uint64_t x86_read_dr1(void);
uint64_t x86_read_dr2(void);
uint64_t x86_read_dr3(void);
uint64_t x86_read_dr6(void);
void x86_write_cr0(uint64_t value);
void x86_write_cr3(uint64_t value);
void x86_write_cr2(uint64_t value);
void x86_write_cr4(uint64_t value);
void x86_write_dr0(uint64_t value);
void x86_write_dr1(uint64_t value);
void x86_write_dr2(uint64_t value);
void x86_write_dr3(uint64_t value);
void x86_write_dr6(uint64_t value);
void x86_outb(uint16_t port, uint8_t value);
uint8_t x86_inb(uint16_t port);
uint64_t x86_rdtsc(void);
void x86_wbinvd(void);
void x86_pause(void);
void x86_cli(void);
void x86_lidt(const struct x86_table *table);
void x86_int3(void);
void x86_hlt(void);
void x86_fxsave(void *image);
void x86_fxrstor(const void *image);
uint64_t x86_xgetbv(uint32_t index);
void x86_xsetbv(uint32_t index, uint64_t value);
void x86_xsave(void *image, uint64_t components);
void x86_xrstor(const void *image, uint64_t components);
uint32_t x86_stmxcsr(void);
void x86_ldmxcsr(uint32_t value);

#endif
