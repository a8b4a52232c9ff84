/* SPDX-License-Identifier: MIT */
/*
 * A model of processors with VT-x, for host programs: arch/vmx and the portable parts of arch/x86 are compiled against
 * the headers in tests/vtx/include and run on it.
 *
 * The model makes what the manual lets a processor check: which VMCS fields exist (by their capability MSRs), their
 * width and who may write them; the launch state; controls, host state and guest state at an entry. What only a bug of the
 * hypervisor can lead to (a field that does not exist, no current VMCS, a #GP of its own, an XRSTOR that faults)
 * prints why and aborts. The guest is the user's: a function that is called after an entry that passed, works on
 * the guest-state area and the registers that VT-x does not switch, and writes the fields of the exit.
 *
 * Physical address p is the byte at WHIT_DIRECT_BASE + p. One thread: `vtx` is the processor that runs, and the others stand
 * still until vtx_run_on(). An NMI that one sends to another runs the other's handler at once, between two instructions of the
 * sender's; VMCS regions know on which processor they are active, and a second one that takes one up is a scream.
 */
#ifndef TESTS_VTX_VTX_H
#define TESTS_VTX_VTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/virt.h"
#include "arch/vmx/fields.h"
#include "arch/x86/percpu.h"
#include "tests/random.h"
#include "x86/fx.h"

#define VTX_SETS       4u /* processors to choose from, see sets.c */
#define VTX_MAX_MSRS   96u
#define VTX_NO_CURRENT (~0ull)
#define VTX_MAX_CPUS   2u
#define VTX_EXTENDED \
	2816u /* XSAVE components from AVX on, in the standard form, from byte 576 on */

struct vtx_msr {
	uint32_t number;
	uint8_t rule; /* enum vtx_msr_rule */
	uint64_t value;
	uint64_t writable; /* bits that may be set */
};

enum vtx_msr_rule { MSR_PLAIN, MSR_CANONICAL, MSR_READ_ONLY, MSR_WRITE_ONLY, MSR_TYPES };

struct vtx {
	/* Of all processors. */
	unsigned int set, n_cpus;
	/* The processor, as it stands: the hypervisor's, or the guest's while that runs. */
	uint64_t cr0, cr2, cr3, cr4, dr[4], dr6, dr7;
	uint64_t xcr0;
	struct x86_fxsave fx;
	uint8_t extended[VTX_EXTENDED];
	uint64_t in_use; /* components that are not in their initial state */
	uint64_t tsc;
	struct vtx_msr msr[VTX_MAX_MSRS];
	unsigned int n_msrs;
	bool is_vmx_on, nmi_blocked;
	bool is_deaf;	 /* to NMIs: the test holds them back */
	uint32_t number; /* this processor's, and the ID of its local APIC */
	unsigned int n_nmis_sent;
	uint64_t vmxon, current; /* pages */

	struct percpu *percpu;
	uint64_t ram_bytes;
	struct random junk; /* for what a processor leaves undefined */

	/* The last entry that failed: what rule was broken, in words. */
	const char *refusal;
	uint64_t n_entries, n_refused, n_ibpb, n_flushes;

	/* The guest. `regs` are the registers that enter.asm loads. The exit's fields are vtx_exit()'s and vtx_put()'s. */
	void (*guest)(struct virt_regs *regs);
	void (*refused)(void); /* after an entry that failed for its guest state */
	bool is_broken;	       /* the next entry fails with a machine check */
	void (*reset)(void);   /* the machine is reset; it must not return */
	void (*halted)(void);  /* a panic is over; it must not return */
	void (*paused)(void);  /* the hypervisor waits for something; NULL: it would be for ever */
	bool is_halted;	       /* this processor stands, in a handler of NMIs */
	void (*nmi_sent)(uint32_t to); /* in place of its handler at once; NULL: that */
};

extern struct vtx vtx;

/* A new processor of set `set`, and memory that is clear; virtualisation is off, the hypervisor's part not started. */
void vtx_start(unsigned int set, uint64_t ram_bytes, uint64_t junk);

/* As arch/x86/start.c does it: backend_check(), struct percpu at the two pages, backend_on(). */
void vtx_take_over(uint64_t percpu_base);

/* The same of one more processor, which runs from now on. All processors are in x2APIC mode then. */
void vtx_take_over_next(uint64_t percpu_base);

/* Another processor runs from now on. */
void vtx_run_on(uint32_t number);

/* The NMI handler of a processor. */
void vtx_nmi(uint32_t number);

/* Fields of the current VMCS as the processor sees them: no rules. A field that does not exist is a scream. */
uint64_t vtx_get(uint32_t field);
void vtx_put(uint32_t field, uint64_t value);

/* All of them, to be put back. */
#define VTX_VMCS_WORDS 200u
void vtx_save(uint64_t words[VTX_VMCS_WORDS]);
void vtx_restore(const uint64_t words[VTX_VMCS_WORDS]);

/* The rule that the guest-state area of the current VMCS breaks, SDM 3C "Checks on the Guest State Area"; NULL: none. */
const char *vtx_check_guest(void);
/* The same of controls and of the host-state area. */
const char *vtx_check_controls(void);
const char *vtx_check_host(void);

/*
 * Of the guest's exit: the reason, with the qualification, and without an event. Everything that the reason does not
 * define is junk. What else the exit has is put afterwards.
 */
void vtx_exit(uint32_t reason, uint64_t qualification);

uint64_t vtx_random(void); /* out of vtx.junk */

/* The MSR of this number; NULL: none. */
struct vtx_msr *vtx_msr(uint32_t number);
bool vtx_msr_is_legal(const struct vtx_msr *msr, uint64_t value);

/* What nested tables say of an address: false if they refuse (1 read, 2 write, 4 fetch); else the page by *spa. */
bool vtx_translate(uint64_t eptp, uint64_t gpa, unsigned int access, uint64_t *spa);

/* Capability MSR of the set, the TRUE one: bits that must be one below, that may be one above. sets.c */
uint64_t vtx_allowed(uint32_t msr);
struct x86_cpuid vtx_cpuid(uint32_t leaf, uint32_t subleaf);
void vtx_fill_msrs(void);
uint64_t vtx_cr4_possible(void);

/* The backend has negotiated nothing yet. */
void vtx_forget(void);

/* vmcs.c: the fields that the processor of this set has. */
void vtx_fill_fields(void);

/* Between vmcs.c and enter.c. The error number that VMLAUNCH or VMRESUME fails with for the launch state; 0: none. */
unsigned int vtx_launch_error(bool is_resume);
void vtx_launched(void);

__attribute__((noreturn, format(printf, 1, 2))) void vtx_scream(const char *format, ...);

#endif
