/* SPDX-License-Identifier: MIT */
/* Instructions that C has not: cpu.asm. */
#ifndef ROOT_CALL_UEFI_CPU_H
#define ROOT_CALL_UEFI_CPU_H

#include <stddef.h>
#include <stdint.h>

#include "x86/seg.h"

/* CPUID of a leaf, subleaf 0: EAX, EBX, ECX, EDX. */
void uefi_cpuid(uint32_t leaf, uint32_t registers[4]);

uint64_t uefi_tsc(void);

/* One that every processor has. */
uint64_t uefi_read_msr(uint32_t number);

void uefi_write_msr(uint32_t number, uint64_t value);

/* Interrupts on for a moment, if they were off: what is pending is taken. */
void uefi_take_interrupts(void);

/* The same where they are off, by another table of handlers. */
void uefi_take_interrupts_by(const struct x86_table *idt);

void uefi_get_idt(struct x86_table *idt);

/* A handler, not to be called: IRETQ. */
void uefi_return(void);

/* n_bytes of any alignment. */
void uefi_copy(void *to, const void *from, size_t n_bytes);

/* STI and HLT: until an interrupt, which is taken. Then RFLAGS as `held` says. */
void uefi_sleep(uint64_t held);

#endif
