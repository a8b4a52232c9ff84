/* SPDX-License-Identifier: MIT */
#ifndef ROOT_LIB_UEFI_CPUID_H
#define ROOT_LIB_UEFI_CPUID_H

#include <stdint.h>

/* CPUID of a leaf, subleaf 0: EAX, EBX, ECX, EDX. */
void uefi_cpuid(uint32_t leaf, uint32_t registers[4]);

#endif
