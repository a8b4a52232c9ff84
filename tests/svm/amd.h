/* SPDX-License-Identifier: MIT */
/*
 * A model of processors with AMD-V, for host programs: arch/svm runs on it, and the rest of the processor is that of tests/vtx.
 *
 * The model makes what APM 2 "Secure Virtual Machine" says of VMRUN: the consistency checks, the injection of events, the
 * intercepts of an exit that the guest wants to make. And it remembers what a processor may remember: the state that the clean bits
 * call unchanged, and translations by their ASID. An entry whose clean bits or whose ASID would give the guest something out of date
 * is a bug of the hypervisor, and ends the program with its name, like a #GP of its own.
 *
 * The guest is the user's: a function that is called after an entry that passed. It sees and changes the processor as it stands
 * (amd.now, and the MSRs of tests/vtx), and says its exit by amd_exit().
 */
#ifndef TESTS_SVM_AMD_H
#define TESTS_SVM_AMD_H

#include "arch/svm/vmcb.h"
#include "tests/vtx/vtx.h"

enum amd_set { AMD_ZEN4, AMD_FAMILY_10, AMD_QEMU, AMD_FAMILY_16, AMD_SETS };

struct amd {
	struct vmcb now;   /* in the guest: as the processor has it */
	struct vmcb *vmcb; /* that of the last entry, in memory */
	bool gif;
	uint8_t insn_length; /* of the instruction that exits; the guest says it before amd_exit() */
	bool loses_state;    /* a refused entry leaves nonsense in the VMCB, as QEMU's does */
	bool nmi_pending[VTX_MAX_CPUS];
	uint64_t n_flushes_all, n_flushes_asid;
	uint64_t pushed_rip; /* of a software interrupt that was injected */
	uint64_t effective_spec_ctrl;
	void (*slept)(void); /* in svm_sleep(); NULL: a scream */
};

extern struct amd amd;

/* CPUID 8000000Ah EDX of this processor's. */
uint32_t amd_features(void);

/* A new processor of a set (vtx_start()), and the hypervisor on it; all are in x2APIC mode. */
void amd_start(enum amd_set set, uint64_t ram_bytes, uint64_t junk, uint64_t percpu_base);

/*
 * The guest's exit. The next RIP is insn_length behind RIP, where this processor tells it. All that the code does not define is
 * junk. An exit that nobody has asked for is a scream.
 */
void amd_exit(uint64_t code, uint64_t info1, uint64_t info2);

/* With amd_exit(): the event during whose delivery it came. */
void amd_interrupted(uint64_t event);

/* Would the guest, as it stands, take the virtual interrupt that is requested? APM 2 "Virtual Interrupts" */
bool amd_takes_virtual_interrupt(void);

/* The rule of APM 2 "Canonicalization and Consistency Checks" that a VMCB breaks; NULL: none. check.c */
const char *amd_check(const struct vmcb *vmcb);

/* Is this exit asked for by the VMCB? check.c */
bool amd_intercepts(const struct vmcb *vmcb, uint64_t code, uint64_t info1, uint32_t msr);

#endif
