// SPDX-License-Identifier: MIT
/* See emulator.h. */
#include "tests/system/apps/conformance/emulator.h"

#include "tests/system/apps/conformance/check.h"
#include "tests/system/apps/conformance/options.h"

/* The word of machine.txt, and the versions (702 is 7.2) from which on it is there, and is mended; 0: always, never. */
static const struct {
	const char *machine;
	unsigned int since, mended;
	const char *name;
	const char *also; /* another machine with it, whatever its version */
} faults[FAULT_COUNT] = {
	[FAULT_INT1] = { "tcg", 0, 1000, "QEMU: INT1 is #UD" },
	[FAULT_INT3] = { "tcg", 0, 0, "QEMU: INT3 and INTO do not exit" },
	[FAULT_SHADOW] = { "tcg", 0, 1000, "QEMU: VMRUN does not load the interrupt shadow" },
	[FAULT_STI] = { "tcg", 0, 0, "QEMU: STI casts a shadow where interrupts were on" },
	[FAULT_STI_STEP] = { "tcg", 0, 1000, "QEMU: no single step behind STI" },
	[FAULT_BREAKPOINTS] = { "tcg", 0, 1000, "QEMU: VMRUN does not arm the breakpoints of DR7" },
	[FAULT_TASK] = { "tcg", 0, 0, "QEMU: task switches do not exit" },
	[FAULT_STACK] = { "tcg", 0, 0,
			  "QEMU: an address that is not canonical is #GP on the stack, too" },
	[FAULT_LIMITS] = { "tcg", 0, 0, "QEMU: data segments have no limits" },
	[FAULT_DF] = { "tcg", 0, 0, "QEMU: double faults do not exit" },
	[FAULT_AC] = { "tcg", 0, 0, "QEMU: alignment is not checked" },
	[FAULT_XM] = { "tcg", 0, 0, "QEMU: SSE raises no exceptions" },
	[FAULT_IDT_ERROR] = { "tcg", 0, 0,
			      "QEMU: the error code of a fault in a delivery is another" },
	[FAULT_CR8] = { "tcg", 0, 0, "QEMU: MOV to CR8 drops reserved bits" },
	[FAULT_RF] = { "tcg", 800, 0, "QEMU: an interrupt whose vector is a fault's pushes RF" },
	[FAULT_CRASH] = { "tcg", 1000, 0, "QEMU: it crashes of random guests" },
	[FAULT_XSETBV] = { "tcg", 1000, 0, "QEMU: XSETBV exits where it is #UD" },
	[FAULT_XSETBV_EXIT] = { "tcg", 0, 1000, "QEMU: XSETBV does not exit" },
	[FAULT_RDTSCP] = { "tcg", 0, 0, "QEMU: RDTSCP exits as RDTSC alone" },
	[FAULT_RMW] = { "tcg", 0, 0, "QEMU: what reads and writes exits as a read" },
	[FAULT_FAULT_RF] = { "tcg", 0, 800, "QEMU: a fault does not push RF" },
	[FAULT_RSVD] = { "tcg", 0, 0, "QEMU: a page fault of reserved bits says P = 0" },
	[FAULT_EARLY_A] = { "tcg", 0, 0,
			    "QEMU: a page of 1 GiB is accessed before it is known whether it may "
			    "be" },
	[FAULT_DATA_PREFIX] = { "tcg", 0, 1000,
				"QEMU: 66h makes MOVBE and CRC32 16 bits wide everywhere" },
	[FAULT_MMX] = { "tcg", 0, 0, "QEMU: MMX leaves the exponents of the x87 registers" },
	[FAULT_X87_STACK] = { "tcg", 0, 0, "QEMU: the x87 stack does not overflow" },
	[FAULT_C1] = { "tcg", 0, 0, "QEMU: C1 does not say that x87 has rounded up" },
	[FAULT_MXCSR] = { "tcg", 0, 0, "QEMU: LDMXCSR takes reserved bits" },
	[FAULT_NULL_SYSTEM] = { "tcg", 0, 0,
				"QEMU: a null selector in LLDT and LTR is not what it is" },
	[FAULT_BLSI] = { "tcg", 0, 800, "QEMU: CF of BLSI is the wrong way round" },
	[FAULT_ADX] = { "tcg", 0, 800, "QEMU: ADCX and ADOX of 32 bits in 64-bit code" },
	[FAULT_FAR_POINTER] = { "tcg", 0, 0,
				"QEMU, Bochs: far pointers of 64 bits, which AMD's have not",
				"bochs-svm" },
	[FAULT_FAR_SEGMENT] = { "tcg", 1000, 0,
				"QEMU, Bochs: LFS and LGS of 64 bits, which AMD's have not",
				"bochs-svm" },
	[FAULT_MSR] = { "tcg", 0, 0, "QEMU, Bochs: every MSR can be read and written",
			"bochs-svm" },
	[FAULT_DR6] = { "bochs-svm", 0, 0, "Bochs: a #DB that exits does not name the breakpoint" },
	[FAULT_VIRTUAL_INTERRUPT] = { "bochs-svm", 0, 0,
				      "Bochs: a virtual interrupt waits for a change of IF" },
	[FAULT_INT_N] = { "bochs-svm", 0, 0,
			  "Bochs: an exit in the delivery of INT n is without it" },
	[FAULT_V86] = { "bochs-svm", 0, 301, "Bochs: an exit of virtual-8086 mode ends it" },
	[FAULT_IF] = { "bochs-svm", 0, 0, "Bochs: no interrupt exits while the guest's IF is 0" },
};

static bool is_of(enum emulator_fault fault, unsigned int version)
{
	return version >= faults[fault].since &&
	       (!faults[fault].mended || version < faults[fault].mended);
}

bool emulator_has(enum emulator_fault fault)
{
	const unsigned int version = options_number(faults[fault].machine, 0);

	if (version ? !is_of(fault, version)
		    : !faults[fault].also || !options_number(faults[fault].also, 0))
		return false;
	check_skip(faults[fault].name);
	return true;
}
