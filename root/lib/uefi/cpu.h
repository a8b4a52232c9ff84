/* SPDX-License-Identifier: MIT */
/* Instructions that C has not: hypercall.asm. */
#ifndef ROOT_LIB_UEFI_CPU_H
#define ROOT_LIB_UEFI_CPU_H

#include <stdint.h>

/* CPUID of a leaf, subleaf 0: EAX, EBX, ECX, EDX. */
void uefi_cpuid(uint32_t leaf, uint32_t registers[4]);

uint64_t uefi_tsc(void);

/* STI and HLT: until an interrupt, which is taken. Then RFLAGS as `held` says. */
void uefi_sleep(uint64_t held);

#endif
