/* SPDX-License-Identifier: MIT */
/* Instructions for which C has no words: root/vmm/uefi/cpu.asm. */
#ifndef ROOT_VMM_UEFI_CPU_H
#define ROOT_VMM_UEFI_CPU_H

#include <stddef.h>
#include <stdint.h>

uint8_t cpu_in8(uint16_t port);
void cpu_out8(uint16_t port, uint8_t value);

/* Sleep until an interrupt has been taken; interrupts are on afterwards. */
void cpu_wait(void);

/* Clear n_bytes, a multiple of 8, at an address that is one, too. */
void cpu_clear(void *at, size_t n_bytes);

#endif
