/* SPDX-License-Identifier: MIT */
/* See alike.h. Features of virtualization are the backend's to compare. */
#include "arch/x86/alike.h"

#include "arch/virt.h"
#include "arch/x86/cpu.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "x86/msr.h"

/* The facts that all processors must have in common. Written by the first, then constant. */
static struct likeness {
	struct mtrr_state mtrr;
	uint64_t tsc_adjust; /* the same sum, if all have counted since the same reset */
	struct x86_cpuid leaf[4];
} first;

/*
 * The leaves of features. EBX of leaf 1 is a processor's own, and bits that follow CR4 are
 * firmware's.
 */
static void read_leaves(struct x86_cpuid leaf[4])
{
	leaf[0] = x86_cpuid(0, 0);
	leaf[1] = x86_cpuid(1, 0);
	leaf[1].ebx = 0;
	leaf[1].ecx &= ~CPUID1_ECX_OSXSAVE;
	if (leaf[0].eax >= 7)
		leaf[2] = x86_cpuid(7, 0);
	leaf[2].ecx &= ~CPUID7_ECX_OSPKE;
	leaf[3] = x86_cpuid(0x80000001, 0);
}

static void read_likeness(struct likeness *likeness)
{
	memset(likeness, 0, sizeof(*likeness));
	read_leaves(likeness->leaf);
	machine_read_mtrrs(&likeness->mtrr);
	if (likeness->leaf[2].ebx & CPUID7_EBX_TSC_ADJUST)
		likeness->tsc_adjust = x86_rdmsr(MSR_TSC_ADJUST);
}

static bool is_same_bytes(const void *a, const void *b, size_t n_bytes)
{
	return !memcmp(a, b, n_bytes);
}

bool alike_check(bool is_first, char *message, size_t message_bytes)
{
	static struct likeness this; /* one processor at a time comes here, on the loader's stack */
	const char *what = NULL;

	if (is_first) {
		read_likeness(&first);
		return true;
	}
	read_likeness(&this);
	if (!is_same_bytes(this.leaf, first.leaf, sizeof(this.leaf)))
		what = "features by CPUID";
	else if (!is_same_bytes(&this.mtrr, &first.mtrr, sizeof(this.mtrr)))
		what = "MTRRs";
	else if (this.tsc_adjust != first.tsc_adjust)
		what = "IA32_TSC_ADJUST";
	if (what)
		format_text(message, message_bytes, "it differs from the first processor in its %s",
			    what);
	return !what;
}
