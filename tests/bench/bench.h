/* SPDX-License-Identifier: MIT */
/* What the parts of bench.efi share. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "whp/WinHvPlatform.h"

#define BATCHES	  10u
#define PER_BATCH 100u

extern bool bench_has_failed;

/* A line of the output. */
void bench_report(const char *name, uint64_t ticks);

/* Say what failed; the whole has, then. */
void bench_fail(const char *name, HRESULT hr, uint32_t reason);

/* The least that a batch of n takes, in all. */
uint64_t bench_best(void (*batch)(uint64_t n), uint64_t n);

/* AMD-V, by the instruction that makes a hypercall. */
bool bench_has_svm(void);

/* The least that a batch of n null hypercalls takes, by the instruction that this processor has for them. */
uint64_t bench_best_hypercall(uint64_t n);

/* loops.asm, System V convention: nothing n times; the same with a VMCALL, a VMMCALL, a CPUID. */
void bench_nothing(uint64_t n);
void bench_vmcall(uint64_t n);
void bench_vmmcall(uint64_t n);
void bench_cpuid(uint64_t n);
uint64_t bench_tsc(void);

/* Local APIC, registers, extended state: bench_vp.c. */
void bench_vp(void);

/* For how long each call keeps the root's interrupts waiting: longest.c. */
void bench_longest(void);

#endif
