/* SPDX-License-Identifier: MIT */
/*
 * Events into a guest, and what AMD-V lacks for them: the blocking of NMIs, windows for NMIs,
 * single steps of instructions that are done without the processor, and one step of the root.
 *
 * NMIs are blocked from the delivery of one to the next IRET. The IRET exits, is executed, and then
 * they are open again; if it does not come to its end they are still blocked, for it stands at the
 * same RIP (RARE_IRET).
 *
 * A step is RFLAGS.TF for one entry. Every exception exits meanwhile, so that none pushes it, and
 * in the root, whose interrupts do not exit, IF is 0.
 */
#include "arch/svm/svm.h"
#include "arch/x86/backend.h"
#include "arch/x86/insn.h"
#include "arch/x86/kick.h"
#include "arch/x86/string.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

/*
 * Type of each enum virt_event_type, APM 2 "Event Injection". INT1, INT3 and INTO are exceptions.
 */
static const uint8_t vmcb_types[] = {
	[VIRT_EVENT_INTERRUPT] = VMCB_EVENT_INTERRUPT,
	[VIRT_EVENT_NMI] = VMCB_EVENT_NMI,
	[VIRT_EVENT_EXCEPTION] = VMCB_EVENT_EXCEPTION,
	[VIRT_EVENT_SOFT_INTERRUPT] = VMCB_EVENT_SOFT_INTERRUPT,
	[VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION] = VMCB_EVENT_EXCEPTION,
	[VIRT_EVENT_SOFT_EXCEPTION] = VMCB_EVENT_EXCEPTION,
};

static const struct virt_event no_event = { .type = VIRT_EVENT_NONE };

void inject_want(struct virt_vp *vp, uint16_t rare, bool is_on)
{
	struct svm_vp *const svm = svm_vp(vp);

	svm->rare = is_on ? (uint16_t)(svm->rare | rare) : svm->rare & (uint16_t)~rare;
}

static uint64_t rip_behind(const struct virt_vp *vp, unsigned int length)
{
	const struct vmcb *const vmcb = ((const struct svm_vp *)(const void *)vp)->vmcb;
	const uint64_t next = vp->regs.rip + length;

	if (unlikely((next ^ vp->regs.rip) >> 32) && !vmcb_is_64_bit(vmcb))
		return (uint32_t)next;
	return next;
}

void virt_inject(struct virt_vp *vp, const struct virt_event *event)
{
	svm_vp(vp)->event = *event;
	if (event->type != VIRT_EVENT_NONE)
		inject_want(vp, RARE_ENTRY, true);
}

/*
 * A software interrupt pushes what is in the field for the next RIP, or, on processors that have
 * none, RIP: so both point behind the instruction. In real mode no exception pushes an error code.
 */
static void write_event(struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);
	struct vmcb *const vmcb = svm->vmcb;
	const struct virt_event *const event = &svm->event;

	vmcb->event =
		EVENT_VALID | (uint64_t)vmcb_types[event->type] << EVENT_TYPE_SHIFT | event->vector;
	if (event->has_error_code && (vmcb->save.cr0 & CR0_PE))
		vmcb->event |= EVENT_HAS_ERROR | (uint64_t)event->error_code << EVENT_ERROR_SHIFT;
	if (event->type >= VIRT_EVENT_SOFT_INTERRUPT)
		vmcb->save.rip = vmcb->next_rip = rip_behind(vp, event->length);
	else if (event->type == VIRT_EVENT_NMI)
		inject_block_nmi(vp, true);
	svm->entered = *event;
	svm->entered_rip = vp->regs.rip;
	svm->event = no_event;
}

/* ---- NMIs -------------------------------------------------------------------------------- */

bool inject_nmi_is_blocked(const struct virt_vp *vp)
{
	const struct svm_vp *const svm = (const struct svm_vp *)(const void *)vp;

	return svm->blocks_nmi && (!(svm->rare & RARE_IRET) || vp->regs.rip == svm->iret_rip);
}

/* With one processor the root's own NMIs do not exit, but for the time of one that was given. */
static bool root_has_nmi_exits(const struct svm_vp *root)
{
	return percpu_count() > 1 || root->blocks_nmi || root->is_stepping;
}

static void set_nmi_exits(struct virt_vp *vp)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	if (!vp->is_root || root_has_nmi_exits(svm_vp(vp)))
		vmcb->intercepts[0] |= INTERCEPT_NMI;
	else
		vmcb->intercepts[0] &= ~INTERCEPT_NMI;
	vmcb_dirty(vmcb, CLEAN_INTERCEPTS);
}

void inject_block_nmi(struct virt_vp *vp, bool are_blocked)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	svm_vp(vp)->blocks_nmi = are_blocked;
	inject_want(vp, RARE_IRET, false);
	vmcb->intercepts[0] &= ~INTERCEPT_IRET;
	if (are_blocked)
		vmcb->intercepts[0] |= INTERCEPT_IRET;
	set_nmi_exits(vp);
}

void inject_at_iret(struct virt_vp *vp)
{
	svm_vp(vp)->iret_rip = vp->regs.rip;
	inject_want(vp, RARE_IRET, true);
	vmcb_of(vp)->intercepts[0] &= ~INTERCEPT_IRET;
	vmcb_dirty(vmcb_of(vp), CLEAN_INTERCEPTS);
}

/* The root can be given an event by the next entry itself. */
void backend_give_nmi(struct virt_vp *root)
{
	inject_want(root, RARE_NMI, true); /* one at most: the architecture keeps no third */
}

bool backend_give_mc(struct virt_vp *root)
{
	static const struct virt_event mc = { .type = VIRT_EVENT_EXCEPTION, .vector = EXC_MC };

	if (svm_vp(root)->event.type != VIRT_EVENT_NONE)
		return false;
	virt_inject(root, &mc);
	return true;
}

/* The word that the processor writes back: of a child, and as its intercepts have it. */
static void set_request(struct virt_vp *vp)
{
	struct vmcb *const vmcb = vmcb_of(vp);
	uint64_t word = vmcb->virtual_interrupt & VINTR_TPR;

	if (!vp->is_root)
		word |= VINTR_MASKING;
	if (vmcb->intercepts[0] & INTERCEPT_VINTR)
		word |= VINTR_REQUEST | VINTR_NO_TPR | VINTR_PRIORITY;
	vmcb->virtual_interrupt = word;
	vmcb_dirty(vmcb, CLEAN_VINTR);
}

void virt_window(struct virt_vp *vp, bool interrupt, bool nmi)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	vmcb->intercepts[0] &= ~INTERCEPT_VINTR;
	if (interrupt)
		vmcb->intercepts[0] |= INTERCEPT_VINTR;
	vmcb_dirty(vmcb, CLEAN_INTERCEPTS);
	set_request(vp);
	if (svm_vp(vp)->tpr)
		apic_set_exits(vp);
	inject_want(vp, RARE_WINDOW, interrupt);
	inject_want(vp, RARE_NMI_WINDOW, nmi);
}

/* ---- Steps ------------------------------------------------------------------------------- */

#define STEP_EXCEPTIONS (~(1u << EXC_NMI))

static void begin_step(struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);
	struct vmcb *const vmcb = svm->vmcb;

	svm->is_stepping = true;
	inject_want(vp, RARE_STEPPING, true);
	svm->kept_flags = vp->regs.rflags & (RFLAGS_TF | RFLAGS_IF);
	svm->kept_exceptions = vmcb->exceptions;
	svm->kept_dr6 = vmcb->save.dr6;
	vmcb->exceptions = STEP_EXCEPTIONS;
	vmcb->save.dr6 = DR6_INIT;
	vmcb_dirty(vmcb, CLEAN_DR);
	set_nmi_exits(vp); /* and intercepts are dirty */
}

void inject_end_step(struct virt_vp *vp, bool is_done)
{
	struct svm_vp *const svm = svm_vp(vp);
	const uint64_t taken = RFLAGS_TF | (vp->is_root ? RFLAGS_IF : 0);

	svm->is_stepping = false;
	inject_want(vp, RARE_STEPPING, false);
	svm->vmcb->exceptions = svm->kept_exceptions;
	svm->vmcb->save.dr6 = svm->kept_dr6;
	vmcb_dirty(svm->vmcb, CLEAN_DR);
	set_nmi_exits(vp);
	/* IRET has loaded flags of its own. */
	if (!is_done || inject_nmi_is_blocked(vp) || !(svm->rare & RARE_IRET))
		vp->regs.rflags = (vp->regs.rflags & ~taken) | (svm->kept_flags & taken);
}

static void write_step(struct percpu *cpu, struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);
	struct vmcb_save *const save = &svm->vmcb->save;

	save->rflags |= RFLAGS_TF;
	if (vp->is_root)
		save->rflags &= ~(uint64_t)RFLAGS_IF;
	if (svm->rare & RARE_STEP)
		asid_take_for_step(cpu, vp);
}

/*
 * A processor that refuses an entry may have written the host's state to the VMCB, and no virtual
 * interrupts (QEMU does).
 */
void inject_after(struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);

	if (svm->rare & RARE_STEP)
		asid_end_step(vp);
	if (svm->rare & RARE_ENTRY) {
		svm->vmcb->event = 0;
		asid_entered(percpu(), svm->vmcb);
		if (!(svm->vmcb->exit_event & EVENT_VALID) &&
		    (uint32_t)svm->vmcb->exit_code != VMEXIT_INVALID) {
			svm->entered = no_event; /* it has been delivered */
			inject_want(vp, RARE_ENTRY, false);
		}
	}
	if (!(svm->rare & RARE_UNPROVEN))
		return;
	if ((uint32_t)svm->vmcb->exit_code == VMEXIT_INVALID) {
		memcpy(&svm->vmcb->save, &svm->copy, sizeof(svm->copy));
		svm->vmcb->clean = 0;
		percpu()->loaded = NULL;
		set_request(vp);
		return;
	}
	inject_want(vp, RARE_UNPROVEN, false);
	svm->given = 0;
}

bool inject_is_lost(struct virt_vp *vp)
{
	if (vmcb_of(vp)->save.cr3 != x86_read_cr3())
		return false;
	percpu()->loaded = NULL;
	svm_clear_state(vmcb_of(vp));
	virt_vp_reset(vp, false);
	set_request(vp);
	return true;
}

/* ---- Debug exceptions -------------------------------------------------------------------- */

/*
 * A #DB for the guest: APM 2 "#DB-Debug Exception": DR6, DR7.GD and BTF. That of a child is never
 * in the processor.
 */
void inject_note_debug(struct virt_vp *vp, uint64_t bits)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	if (vp->is_root) {
		vmcb->save.dr6 = (vmcb->save.dr6 & ~DR6_BREAKPOINTS) | bits;
	} else {
		vp->dr6 = (vp->dr6 & ~DR6_BREAKPOINTS) | bits;
		virt_set(vp, VIRT_DEBUGCTL, 0);
	}
	vmcb->save.dr7 &= ~DR7_GD;
	vmcb_dirty(vmcb, CLEAN_DR);
	vp->has_view = false;
}

void virt_step(struct virt_vp *vp, bool is_branch)
{
	if (!is_branch && !vp->is_root && (virt_get(vp, VIRT_DEBUGCTL) & DEBUGCTL_BTF))
		return;
	svm_vp(vp)->pending_debug |= DR6_BS;
	inject_want(vp, RARE_DEBUG, true);
}

/* Of a breakpoint that was met, only one that was enabled makes a #DB. */
static bool is_debug_due(const struct svm_vp *svm)
{
	const uint64_t dr7 = svm->vmcb->save.dr7;

	for (unsigned int i = 0; i < 4; i++)
		if ((svm->pending_debug >> i & 1) && (dr7 >> (2 * i) & 3))
			return true;
	return svm->pending_debug & DR6_BS;
}

/*
 * A trap that is pending is delivered by this entry; an event that is injected drops it, and in a
 * shadow it waits, but for a single step, which comes behind the instruction if RFLAGS.TF says so.
 * False: the client intercepts it, and *exit is that.
 */
static bool deliver_debug(struct virt_vp *vp, struct virt_exit *exit)
{
	static const struct virt_event debug = { .type = VIRT_EVENT_EXCEPTION, .vector = EXC_DB };
	struct svm_vp *const svm = svm_vp(vp);
	const uint64_t bits = svm->pending_debug & (DR6_BREAKPOINTS | DR6_BS);
	const bool is_due = is_debug_due(svm);

	if (svm->event.type == VIRT_EVENT_NONE && (svm->vmcb->interrupt_state & STATE_SHADOW)) {
		svm->pending_debug &= ~DR6_BS;
		inject_want(vp, RARE_DEBUG, svm->pending_debug);
		return true;
	}
	svm->pending_debug = 0;
	inject_want(vp, RARE_DEBUG, false);
	if (svm->event.type != VIRT_EVENT_NONE || !is_due)
		return true;
	if (!vp->is_root && (svm->exceptions & 1u << EXC_DB)) {
		*exit = (struct virt_exit) {
			.reason = VIRT_EXIT_EXCEPTION,
			.exception = { .vector = EXC_DB, .address = bits },
		};
		return false;
	}
	inject_note_debug(vp, bits);
	virt_inject(vp, &debug);
	return true;
}

/* ---- Before an entry --------------------------------------------------------------------- */

/*
 * Somebody waits until an NMI can be taken. False: it can, and that is the exit. An event that is
 * delivered first is followed by an exit before the first instruction of its handler: an NMI that
 * is pending for ourselves.
 */
static bool open_window(struct virt_vp *vp, struct virt_exit *exit)
{
	static const struct virt_event nmi = { .type = VIRT_EVENT_NMI, .vector = EXC_NMI };
	struct svm_vp *const svm = svm_vp(vp);

	if (inject_nmi_is_blocked(vp)) {
		if (svm->rare & RARE_IRET)
			begin_step(vp);
	} else if (svm->event.type != VIRT_EVENT_NONE) {
		if (svm->event.type != VIRT_EVENT_NMI)
			kick_send(percpu()->index, KICK_WISH);
	} else if (svm->vmcb->interrupt_state & STATE_SHADOW) {
		begin_step(vp);
	} else if (vp->is_root) {
		inject_want(vp, RARE_NMI, false);
		virt_inject(vp, &nmi);
	} else {
		*exit = (struct virt_exit) { .reason = VIRT_EXIT_NMI_WINDOW };
		return false;
	}
	return true;
}

/*
 * An open window needs no entry. (Bochs, 2.7 and 3.0, does not see a virtual interrupt before the
 * guest has changed IF.)
 */
static bool has_interrupt_window(const struct virt_vp *vp)
{
	const struct svm_vp *const svm = (const struct svm_vp *)(const void *)vp;

	return (svm->rare & RARE_WINDOW) && svm->event.type == VIRT_EVENT_NONE &&
	       (vp->regs.rflags & RFLAGS_IF) && !(svm->vmcb->interrupt_state & STATE_SHADOW);
}

bool inject_before(struct percpu *cpu, struct virt_vp *vp, struct virt_exit *exit)
{
	struct svm_vp *const svm = svm_vp(vp);

	if ((svm->rare & RARE_IRET) && vp->regs.rip != svm->iret_rip)
		inject_block_nmi(vp, false);
	if ((svm->rare & RARE_DEBUG) && !deliver_debug(vp, exit))
		return false;
	if ((svm->rare & (RARE_NMI | RARE_NMI_WINDOW)) && !open_window(vp, exit))
		return false;
	if (has_interrupt_window(vp)) {
		*exit = (struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT_WINDOW };
		return false;
	}
	if ((svm->rare & RARE_STEP) && !svm->is_stepping && svm->event.type == VIRT_EVENT_NONE)
		begin_step(vp);
	svm->entered = no_event;
	if (svm->event.type != VIRT_EVENT_NONE)
		write_event(vp);
	else if (svm->vmcb->tlb_control == TLB_KEEP)
		inject_want(vp, RARE_ENTRY, false);
	if (svm->is_stepping)
		write_step(cpu, vp);
	if (svm->rare & RARE_UNPROVEN) {
		extra_save(vp);
		memcpy(&svm->copy, &svm->vmcb->save, sizeof(svm->copy));
		svm->vmcb->save.tr.attributes &= (uint16_t)~TSS_BUSY;
	}
	return true;
}

/* ---- An instruction is done -------------------------------------------------------------- */

static __attribute__((noinline)) void skip_flags(struct virt_vp *vp)
{
	if (vp->regs.rflags & RFLAGS_TF)
		virt_step(vp, false);
	vp->regs.rflags &= ~(uint64_t)RFLAGS_RF;
}

void virt_skip(struct virt_vp *vp, unsigned int length)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	vp->regs.rip = rip_behind(vp, length);
	if (unlikely(vmcb->interrupt_state & STATE_SHADOW)) {
		vmcb->interrupt_state &= ~STATE_SHADOW;
		vp->has_view = false;
	}
	if (unlikely(vp->regs.rflags & (RFLAGS_RF | RFLAGS_TF)))
		skip_flags(vp);
}
