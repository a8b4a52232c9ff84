/* SPDX-License-Identifier: MIT */
/*
 * The frame of the conformance suite. A check is a function, its name a promise: RUN(name) prints
 * `ok name`, or `FAIL name: why` with the first expectation that did not hold.
 */
#ifndef CONFORMANCE_CHECK_H
#define CONFORMANCE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/* Note an expectation of the running check; what follows a failed one is still run. */
void expect_true(bool holds, const char *what, unsigned int line);
void expect_equal(uint64_t is, uint64_t wanted, const char *what, unsigned int line);

#define EXPECT(condition) expect_true((condition), #condition, __LINE__)

/* HRESULTs compare as 32 bits. */
#define EXPECT_EQ(is, wanted) expect_equal((uint64_t)(is), (uint64_t)(wanted), #is, __LINE__)
#define EXPECT_HR(is, wanted) expect_equal((uint32_t)(is), (uint32_t)(wanted), #is, __LINE__)
#define EXPECT_FAILED(call)   expect_true((call) < 0, #call " fails", __LINE__)

/* Has the running check failed so far? For those that cannot go on. */
bool check_has_failed(void);

/* Does the text have this part? */
bool check_contains(const char *text, const char *part);

void check_run(const char *name, void (*check)(void));
#define RUN(name) check_run(#name, name)

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
void hostile_child_checks(void);

#endif
