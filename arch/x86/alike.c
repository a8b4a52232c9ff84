/* SPDX-License-Identifier: MIT */
/* See alike.h. Features of virtualization are the backend's to compare. */
#include "arch/x86/alike.h"

#include "arch/virt.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "x86/msr.h"

#define LEAVES 6

/* The facts that all processors must have in common. Written by the first, then constant. */
static struct likeness {
	struct mtrr_state mtrr;
	uint64_t lapic_page;
	uint64_t tsc_adjust; /* the same sum, if all have counted since the same reset */
	struct x86_cpuid leaf[LEAVES];
} first;

/*
 * The leaves of features. EBX of leaf 1 is a processor's own; bits that follow CR4, and EBX of leaf
 * 0Dh, which follows XCR0, are firmware's.
 */
static void read_leaves(struct x86_cpuid leaf[LEAVES])
{
	leaf[0] = x86_cpuid(0, 0);
	leaf[1] = x86_cpuid(1, 0);
	leaf[1].ebx = 0;
	leaf[1].ecx &= ~CPUID1_ECX_OSXSAVE;
	if (leaf[0].eax >= 7)
		leaf[2] = x86_cpuid(7, 0);
	leaf[2].ecx &= ~CPUID7_ECX_OSPKE;
	leaf[3] = x86_cpuid(0x80000001, 0);
	if (x86_cpuid(0x80000000, 0).eax >= 0x80000008)
		leaf[4] = x86_cpuid(0x80000008, 0);
	if (leaf[0].eax >= 0xd)
		leaf[5] = x86_cpuid(0xd, 0);
	leaf[5].ebx = 0;
}

static void read_likeness(struct likeness *likeness)
{
	memset(likeness, 0, sizeof(*likeness));
	read_leaves(likeness->leaf);
	machine_read_mtrrs(&likeness->mtrr);
	likeness->lapic_page = x86_rdmsr(MSR_APIC_BASE) & PAGE_MASK;
	if (likeness->leaf[2].ebx & CPUID7_EBX_TSC_ADJUST)
		likeness->tsc_adjust = x86_rdmsr(MSR_TSC_ADJUST);
}

/*
 * As after a reset: every access is uncached. QEMU's INIT (7.2 to 10.0) leaves a processor so.
 * Where MTRRs work behind nested tables they can be given to it: alike_complete().
 */
static bool lacks_mtrrs(const struct mtrr_state *mtrr)
{
	return !backend_has_memory_types && !(mtrr->def_type & MTRR_DEF_TYPE_E) &&
	       mtrr->cap == first.mtrr.cap;
}

void alike_complete(struct mtrr_state *now)
{
	const struct mtrr_state *const mtrr = &first.mtrr;

	if (!lacks_mtrrs(now))
		return;
	for (uint32_t i = 0; i < mtrr->n_variable; i++) {
		x86_wrmsr(MSR_MTRR_PHYSBASE0 + 2 * i, mtrr->base[i]);
		x86_wrmsr(MSR_MTRR_PHYSMASK0 + 2 * i, mtrr->mask[i]);
	}
	for (uint32_t i = 0; i < MTRR_FIXED && mtrr->cap & MTRRCAP_FIX; i++)
		x86_wrmsr(mtrr_fixed[i], mtrr->fixed[i]);
	if (mtrr->cap)
		x86_wrmsr(MSR_MTRR_DEF_TYPE, mtrr->def_type);
	x86_write_cr3(x86_read_cr3());
	*now = *mtrr;
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
	if (memcmp(this.leaf, first.leaf, sizeof(this.leaf)))
		what = "features by CPUID";
	else if (!lacks_mtrrs(&this.mtrr) && memcmp(&this.mtrr, &first.mtrr, sizeof(this.mtrr)))
		what = "MTRRs";
	else if (this.tsc_adjust != first.tsc_adjust)
		what = "IA32_TSC_ADJUST";
	else if (this.lapic_page != first.lapic_page)
		what = "place of the local APIC";
	if (what)
		format_text(message, message_bytes, "it differs from the first processor in its %s",
			    what);
	return !what;
}
