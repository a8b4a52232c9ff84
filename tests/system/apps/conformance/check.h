/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite's frame is that of all tests, but for REQUIRE: a test has a partition to give back, and goes on.
 */
#ifndef CONFORMANCE_CHECK_H
#define CONFORMANCE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/check.h"

/* Does the text have this part? */
bool check_contains(const char *text, const char *part);

/* The last line. */
void check_summary(void);

/* The groups. */
void capability_checks(void);
void partition_checks(void);
void property_checks(void);
void memory_checks(void);
void memory_change_checks(void);
void vp_checks(void);
void register_checks(void);
void port_checks(void);
void memory_exit_checks(void);
void run_checks(void);
void event_checks(void);
void exit_exception_checks(void);
void entry_checks(void);
void window_checks(void);
void inject_checks(void);
void cpuid_checks(void);
void msr_checks(void);
void exit_rdtsc_checks(void);
void debug_checks(void);
void task_checks(void);
void exit_msr_checks(void);
void exit_cpuid_checks(void);
void context_checks(void);
void emulation_checks(void);
void emulation_vector_checks(void); /* a part of them */
void forms_checks(void);
void library_checks(void);
void translate_checks(void);
void walk_checks(void);
void root_checks(void);
void hidden_checks(void);
void hostile_checks(void);
void apic_checks(void);
void state_checks(void);
void fpu_checks(void);
void time_checks(void);
void processors_checks(void); /* none with one processor */
void hostile_child_checks(void);

#endif
