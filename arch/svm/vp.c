/* SPDX-License-Identifier: MIT */
/*
 * VPs: their pages, their VMCBs, and what of it hv/ can configure. A child is denied by default:
 * every port, every MSR and every instruction exits that can, but for accesses to CR3 and to TS and
 * MP of CR0, and reads of CR0 and CR4, as far as these are its own (state.c).
 */
#include "arch/svm/svm.h"
#include "arch/x86/string.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/msr.h"

#define IO_MAP_PAGES  3
#define MSR_MAP_PAGES 2

/* All ports, and all MSRs, exit. The two maps of a child are one. */
static _Alignas(PAGE_SIZE) uint8_t all_exit[IO_MAP_PAGES * PAGE_SIZE];
static _Alignas(PAGE_SIZE) uint8_t root_msrs[MSR_MAP_PAGES * PAGE_SIZE];

void svm_fill_maps(void)
{
	memset(all_exit, 0xff, sizeof(all_exit));
}

uint8_t *svm_root_msr_map(void)
{
	return root_msrs;
}

/* Instructions that exit in every VP. INVD alone is missed by QEMU (7.2 to 10.0). */
#define ALWAYS                                                                                   \
	(INTERCEPT_INIT | INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_INVLPGA | INTERCEPT_MSR | \
	 INTERCEPT_SHUTDOWN)
#define ALWAYS2                                                                          \
	(INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE | \
	 INTERCEPT2_STGI | INTERCEPT2_CLGI | INTERCEPT2_SKINIT | INTERCEPT2_XSETBV)
#define CHILD                                                                               \
	(INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_CR0 | INTERCEPT_RDPMC | INTERCEPT_HLT | \
	 INTERCEPT_IO | INTERCEPT_TASK)
#define CHILD2                                                                          \
	(INTERCEPT2_ICEBP | INTERCEPT2_WBINVD | INTERCEPT2_MONITOR | INTERCEPT2_MWAIT | \
	 INTERCEPT2_RDPRU)
#define CHILD3 (INTERCEPT3_INVLPGB | INTERCEPT3_MCOMMIT | INTERCEPT3_TLBSYNC)

#define CR4 (1u << 4)

void svm_clear_state(struct vmcb *vmcb)
{
	memset(&vmcb->save, 0, sizeof(vmcb->save));
	vmcb->save.pat = PAT_RESET;
	vmcb->save.efer = EFER_SVME;
	vmcb->save.dr6 = DR6_INIT;
}

struct virt_vp *svm_vp_alloc(struct virt_pages *pages, bool is_root, const struct virt_space *space)
{
	struct virt_vp *vp;
	struct svm_vp *svm;
	struct vmcb *vmcb;

	if (pages->count < VP_PAGES + 1)
		return NULL;
	vp = vp_alloc(pages, is_root);
	vp->space = space;
	svm = svm_vp(vp);
	virt_pages_take(pages, &svm->vmcb_page);
	svm->vmcb = vmcb = virt_ptr(svm->vmcb_page);
	vmcb->intercepts[0] = is_root ? ALWAYS : ALWAYS | CHILD;
	vmcb->intercepts[1] = is_root ? ALWAYS2 : ALWAYS2 | CHILD2;
	vmcb->intercepts[2] = is_root ? INTERCEPT3_INVLPGB | INTERCEPT3_TLBSYNC : CHILD3;
	vmcb->io_map = start_spa(all_exit).a;
	vmcb->msr_map = start_spa(is_root ? root_msrs : all_exit).a;
	vmcb->nested = NESTED_ENABLE;
	vmcb->n_cr3 = space->token;
	svm_clear_state(vmcb);
	return vp;
}

struct virt_vp *virt_vp_create(struct virt_pages *pages, const struct virt_space *space,
			       const struct virt_config *config)
{
	struct virt_vp *vp = svm_vp_alloc(pages, false, space);
	struct vmcb *vmcb;

	if (!vp)
		return NULL;
	vmcb = vmcb_of(vp);
	vmcb->cr_reads |= CR8_ACCESS;
	vmcb->cr_writes = CR4 | CR8_ACCESS;
	vmcb->dr_reads = vmcb->dr_writes = 0xffff;
	vmcb->virtual_interrupt = VINTR_MASKING;
	vmcb->branch_records = svm_caps.has_branch_records ? BRANCH_RECORDS_ENABLE : 0;
	virt_vp_reset(vp, false);
	virt_configure(vp, config);
	deadline_init(vp);
	return vp;
}

void virt_vp_destroy(struct virt_vp *vp, struct virt_pages *pages)
{
	const spa_t vmcb = svm_vp(vp)->vmcb_page;

	for (uint32_t i = 0; i < percpu_count(); i++) {
		struct virt_vp *there = vp;

		(void)__atomic_compare_exchange_n(&percpu_of(i)->current, &there, NULL, false,
						  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
	vp_free_page(pages, vmcb);
	vp_free(pages, vp);
}

static void set(uint32_t *intercepts, uint32_t bits, bool are_on)
{
	*intercepts = are_on ? *intercepts | bits : *intercepts & ~bits;
}

/* Loops: so many PAUSEs not further apart than this, in cycles. */
#define SPIN_PAUSES 3000u
#define SPIN_GAP    128u

void virt_configure(struct virt_vp *vp, const struct virt_config *config)
{
	const uint32_t always = 1u << EXC_MC | 1u << EXC_DB | 1u << EXC_AC;
	struct svm_vp *const svm = svm_vp(vp);
	struct vmcb *const vmcb = svm->vmcb;

	vmcb_dirty(vmcb, CLEAN_INTERCEPTS);
	svm->exceptions = config->exceptions;
	svm->has = config->has;
	vmcb->exceptions = config->exceptions | always;
	set(&vmcb->intercepts[0], INTERCEPT_RDTSC, config->tsc_exits);
	set(&vmcb->intercepts[1], INTERCEPT2_RDTSCP,
	    config->tsc_exits || !(config->has & VIRT_HAS_RDTSCP));
	set(&vmcb->intercepts[2], INTERCEPT3_INVPCID, !(config->has & VIRT_HAS_INVPCID));
	if (svm_caps.has_pause_filter) {
		vmcb->pause_threshold = SPIN_GAP;
		vmcb->pause_count = SPIN_PAUSES;
		set(&vmcb->intercepts[0], INTERCEPT_PAUSE, config->spin_exits);
	}
}
