/* SPDX-License-Identifier: MIT */
/*
 * The root partition's VP: the machine as the firmware left it, with as few exits as AMD-V allows.
 * It has the real ports, interrupts, control and debug registers, and all MSRs but those of AMD-V.
 *
 * INIT must not come to a processor in a guest: AMD-V can only turn it into an exit that leaves it
 * pending. The INITs and SIPIs of the root are messages instead, a word of the target's letter and
 * a kick; hv/root/icr_trap.c sees to it that there are no others.
 */
#include "arch/svm/svm.h"
#include "arch/svm/insn.h"
#include "arch/x86/backend.h"
#include "arch/x86/features.h"
#include "arch/x86/held.h"
#include "arch/x86/insn.h"
#include "arch/x86/kick.h"
#include "arch/x86/string.h"
#include "arch/x86/switch.h"
#include "x86/cr.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

static void set_table(struct virt_vp *vp, enum x86_seg seg, const struct x86_table *table)
{
	const struct x86_segment value = { .base = table->base, .limit = table->limit };

	virt_set_segment(vp, seg, &value);
}

/* The MSRs have not been touched since the loader ran; VMSAVE has those that go with FS and GS. */
static void load_state(struct virt_vp *vp, const struct whit_cpu_state *state)
{
	svm_vmsave(svm_vp(vp)->vmcb_page);
	memcpy(vp->regs.gpr, state->gpr, sizeof(vp->regs.gpr));
	vp->regs.rip = state->rip;
	vp->regs.rflags = (state->rflags & RFLAGS_DEFINED) | RFLAGS_ONE;
	for (enum x86_seg seg = SEG_ES; seg < SEG_COUNT; seg++)
		virt_set_segment(vp, seg, &state->seg[seg]);
	set_table(vp, SEG_GDTR, &state->gdtr);
	set_table(vp, SEG_IDTR, &state->idtr);
	virt_set(vp, VIRT_CR0, state->cr0);
	virt_set(vp, VIRT_CR3, state->cr3);
	virt_set(vp, VIRT_CR4, state->cr4);
	virt_set(vp, VIRT_CR2, x86_read_cr2());
	virt_set(vp, VIRT_DR6, x86_read_dr6());
	virt_set(vp, VIRT_DR7, state->dr7);
	virt_set(vp, VIRT_EFER, x86_rdmsr(MSR_EFER));
	virt_set(vp, VIRT_PAT, x86_rdmsr(MSR_PAT));
	if (svm_caps.has_virtual_spec_ctrl) {
		vmcb_of(vp)->save.spec_ctrl = x86_rdmsr(MSR_SPEC_CTRL);
		x86_wrmsr(MSR_SPEC_CTRL, 0); /* the host's would stay with all guests */
	}
}

struct virt_vp *virt_root_create(struct virt_pages *pages, const struct whit_cpu_state *state,
				 const struct virt_space *space)
{
	struct virt_vp *const vp = svm_vp_alloc(pages, true, space);

	if (!vp)
		return NULL;
	load_state(vp, state);
	inject_block_nmi(vp, false);
	switch_watch(vp);
	percpu()->switched = vp;
	return vp;
}

/* Two spaces have different top tables, and so different ASIDs. */
void virt_root_step(struct virt_vp *root, const struct virt_space *space, bool is_one)
{
	inject_want(root, RARE_STEP, is_one);
	root->space = space;
	vmcb_of(root)->n_cr3 = space->token;
	vmcb_dirty(vmcb_of(root), CLEAN_NESTED);
}

/* APM 2 "MSR Intercepts": two bits for each MSR of three ranges. */
void virt_root_guard_msr(struct virt_vp *root, uint32_t msr, bool reads, bool writes)
{
	static const uint32_t ranges[] = { 0, MSR_BITMAP_HIGH, MSR_BITMAP_AMD };
	const unsigned int bits = (reads ? 1u : 0) | (writes ? 2u : 0);

	vmcb_dirty(vmcb_of(root), CLEAN_MAPS);
	for (unsigned int i = 0; i < 3; i++) {
		const uint32_t at = (msr - ranges[i]) * 2 + i * 2 * MSR_BITMAP_RANGE;

		if (msr - ranges[i] < MSR_BITMAP_RANGE)
			__atomic_fetch_or(&svm_root_msr_map()[at / 8], (uint8_t)(bits << at % 8),
					  __ATOMIC_RELAXED);
	}
}

/* ---- INIT and SIPI ----------------------------------------------------------------------- */

/* letter.start: a SIPI's vector, and */
#define START_VECTOR 0xffu
#define START_INIT   (1u << 8)	/* an INIT has come, and is not done */
#define START_WAITS  (1u << 9)	/* the root waits for a SIPI */
#define START_SIPI   (1u << 10) /* the vector is that of one */

const bool backend_waits_deaf = false;

/* The word after a message; the same: it has no effect. */
static uint32_t after_init(uint32_t word)
{
	return (word & START_WAITS) | START_INIT;
}

static uint32_t after_sipi(uint32_t word, uint8_t vector)
{
	if (!(word & (START_INIT | START_WAITS)) || (word & START_SIPI))
		return word;
	return word | START_SIPI | vector;
}

static void post(uint32_t cpu, bool is_init, uint8_t vector)
{
	uint32_t *const start = &percpu_of(cpu)->letter.start;
	uint32_t word = __atomic_load_n(start, __ATOMIC_RELAXED), next;

	do
		next = is_init ? after_init(word) : after_sipi(word, vector);
	while (!__atomic_compare_exchange_n(start, &word, next, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST));
	kick_send(cpu, KICK_WISH);
}

void virt_send_init(uint32_t cpu)
{
	post(cpu, true, 0);
}

void virt_send_sipi(uint32_t cpu, uint8_t vector)
{
	post(cpu, false, vector);
}

void backend_kicked(void)
{
	if (__atomic_load_n(&percpu()->letter.start, __ATOMIC_SEQ_CST) & START_INIT)
		svm_hold(PENDING_INIT);
}

bool virt_waits(const struct virt_vp *root)
{
	return root->waits;
}

/*
 * SDM 3A "Processor State After Reset", the column for INIT: as a reset, but caching, x87/SSE and
 * MSRs stay as they are.
 */
void backend_init(struct virt_vp *root)
{
	uint32_t *const start = &percpu()->letter.start;
	const uint64_t caching = virt_get(root, VIRT_CR0) & (CR0_CD | CR0_NW);

	vp_reset_registers(root, caching | CR0_ET);
	root->regs.gpr[X86_RDX] = x86_features.signature;
	inject_want(root, RARE_NMI, false);
	root->due |= DUE_HELD; /* the wait */
	__atomic_fetch_or(start, START_WAITS, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(start, ~START_INIT, __ATOMIC_SEQ_CST);
}

static void sleep(void)
{
	extra_load_host();
	x86_cli();
	svm_sleep();
	svm_sti();
}

/* A root that waits notices nothing but a SIPI, and another INIT leaves it where it is. */
void root_wait(struct virt_vp *root)
{
	struct percpu *const cpu = percpu();
	uint32_t *const start = &cpu->letter.start;
	uint32_t word;

	for (;;) {
		word = __atomic_load_n(start, __ATOMIC_SEQ_CST);
		if (word & START_INIT)
			__atomic_fetch_and(start, ~START_INIT, __ATOMIC_SEQ_CST);
		else if ((word & START_SIPI) &&
			 __atomic_compare_exchange_n(start, &word, 0, false, __ATOMIC_SEQ_CST,
						     __ATOMIC_SEQ_CST))
			break;
		else
			sleep();
		__atomic_store_n(&cpu->pending, 0, __ATOMIC_SEQ_CST);
	}
	vp_start_at(root, (uint8_t)(word & START_VECTOR));
	held_start(root);
}
