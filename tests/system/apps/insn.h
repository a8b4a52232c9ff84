/* SPDX-License-Identifier: MIT */
/* Single instructions for the test applications, in insn.asm. System V convention. */
#ifndef APPS_INSN_H
#define APPS_INSN_H

#include <stdint.h>

#include "x86/cpuid.h"

void insn_cpuid(uint32_t leaf, uint32_t subleaf, struct x86_cpuid *result);
uint64_t insn_rdmsr(uint32_t msr);
void insn_wrmsr(uint32_t msr, uint64_t value);
uint64_t insn_read_cr3(void);
void insn_write_cr3(uint64_t value);
void insn_cli(void);
uint8_t insn_inb(uint16_t port);
void insn_outb(uint16_t port, uint8_t value);

#endif
