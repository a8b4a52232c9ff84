/* SPDX-License-Identifier: MIT */
/*
 * Capability negotiation: the offers of VT-x, by its MSRs, against the needs of Whit. The functions
 * are pure.
 */
#ifndef ARCH_VMX_CAPS_H
#define ARCH_VMX_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values that decide. A capability MSR that does not exist is 0. */
struct caps_raw {
	bool has_vmx;		  /* CPUID.1:ECX.VMX */
	uint64_t feature_control; /* IA32_FEATURE_CONTROL */
	uint64_t basic, misc;	  /* IA32_VMX_BASIC, IA32_VMX_MISC */
	/* IA32_VMX_…_CTLS, the TRUE ones if bit 55 of IA32_VMX_BASIC says that they exist */
	uint64_t pin, proc, proc2, exit, entry;
	uint64_t ept_vpid; /* IA32_VMX_EPT_VPID_CAP */
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

/* The words of one kind of VMCS. */
struct caps_controls {
	uint32_t pin, proc, proc2, exit, entry;
};

struct caps {
	uint32_t revision; /* VMCS revision identifier */
	struct caps_controls root, child;
	struct caps_controls later; /* of a child: off in `child`, and may be switched on */
	uint8_t apic;		    /* VIRT_APIC_… */
	uint8_t timer_shift;	/* the VMX-preemption timer counts TSC ticks shifted right by it */
	bool has_vpid;		/* with single-context INVVPID */
	bool has_invept_single; /* else all contexts at once */
	bool has_execute_only, has_1g, has_ept_ad, has_wait_for_sipi, has_step;
	uint64_t cr0_must_be_one; /* of a guest: without PE and PG */
	uint64_t cr4_must_be_one;
	uint64_t cr4_possible; /* the bits that VMX operation allows, less VMXE and SMXE */
};

#define CAPS_MISSING_BYTES 96

/*
 * True, and *caps filled in; or false, and `missing` names the first thing that stands against it:
 * a feature, or a control by the manual's name.
 */
bool caps_negotiate(const struct caps_raw *raw, struct caps *caps,
		    char missing[static CAPS_MISSING_BYTES]);

/*
 * How many of the upper bits of a physical address choose a key of memory encryption, by
 * IA32_TME_ACTIVATE; keys that are kept for TDX are among them.
 */
unsigned int caps_key_bits(uint64_t tme_activate);

/* Three lines for people: what is required, which options are there, which are lost. */
void caps_report(const struct caps_raw *raw, char *text, size_t n_bytes);

#endif
