/* SPDX-License-Identifier: MIT */
/*
 * Capability negotiation: the offers of AMD-V, by CPUID and VM_CR, against the needs of Whit. The
 * functions are pure.
 */
#ifndef ARCH_SVM_CAPS_H
#define ARCH_SVM_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "x86/cpuid.h"

/* The values that decide. A leaf, or an MSR, that does not exist is 0. */
struct caps_raw {
	uint32_t last_extended;	     /* CPUID leaf 80000000h EAX */
	struct x86_cpuid basic;	     /* leaf 1 */
	struct x86_cpuid seven;	     /* leaf 7 */
	struct x86_cpuid extended;   /* leaf 80000001h */
	struct x86_cpuid svm;	     /* leaf 8000000Ah */
	uint32_t sizes_ebx;	     /* leaf 80000008h EBX */
	struct x86_cpuid encryption; /* leaf 8000001Fh */
	uint32_t feature_eax;	     /* leaf 80000021h EAX */
	uint64_t vm_cr;		     /* the MSR, if there is SVM */
	uint64_t syscfg;	     /* the MSR, if there is SME */
};

struct caps {
	uint32_t n_asids;
	bool has_next_rip, has_decode_assists, has_branch_records, has_pause_filter;
	bool has_flush_by_asid;
	uint32_t clean; /* CLEAN_…: after an exit */
	bool has_invpcid, has_1g, has_fsgsbase;
	bool has_spec_ctrl, has_ibpb; /* the MSRs */
	bool has_virtual_spec_ctrl;   /* VMRUN switches it */
	uint8_t key_bits; /* of physical addresses, the highest: they choose no memory */
	uint64_t cr4_possible, efer_possible; /* of EFER those that Intel's processors lack */
};

#define CAPS_MISSING_BYTES 96

/*
 * True, and *caps filled in; or false, and `missing` names the first thing that stands against it.
 */
bool caps_negotiate(const struct caps_raw *raw, struct caps *caps,
		    char missing[static CAPS_MISSING_BYTES]);

/* Three lines for people: what is required, which options are there, which are lost. */
void caps_report(const struct caps_raw *raw, char *text, size_t n_bytes);

#endif
