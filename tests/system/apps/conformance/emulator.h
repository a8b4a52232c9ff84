/* SPDX-License-Identifier: MIT */
/*
 * Faults of emulators, by name: what the architecture says, and a machine that the suite runs on does not do. A test that
 * meets one is skipped there, or the part of it, and says so. docs/emulators.md has the sources that show each of them.
 */
#ifndef CONFORMANCE_EMULATOR_H
#define CONFORMANCE_EMULATOR_H

#include <stdbool.h>

enum emulator_fault {
	FAULT_INT1,
	FAULT_INT3,
	FAULT_SHADOW,
	FAULT_STI,
	FAULT_STI_STEP,
	FAULT_BREAKPOINTS,
	FAULT_TASK,
	FAULT_MSR,
	FAULT_RF,
	FAULT_CRASH,
	FAULT_XSETBV,
	FAULT_XSETBV_EXIT,
	FAULT_RDTSCP,
	FAULT_RMW,
	FAULT_FAULT_RF,
	FAULT_RSVD,
	FAULT_EARLY_A,
	FAULT_DATA_PREFIX,
	FAULT_MMX,
	FAULT_X87_STACK,
	FAULT_C1,
	FAULT_MXCSR,
	FAULT_NULL_SYSTEM,
	FAULT_BLSI,
	FAULT_ADX,
	FAULT_FAR_POINTER,
	FAULT_FAR_SEGMENT,
	FAULT_XM,
	FAULT_IDT_ERROR,
	FAULT_AC,
	FAULT_LIMITS,
	FAULT_DF,
	FAULT_STACK,
	FAULT_CR8,
	FAULT_DR6,
	FAULT_VIRTUAL_INTERRUPT,
	FAULT_INT_N,
	FAULT_IF,
	FAULT_V86,
	FAULT_COUNT
};

/* Has this machine the fault? If so, the running test is skipped, with the fault's name as the reason. */
bool emulator_has(enum emulator_fault fault);

#endif
