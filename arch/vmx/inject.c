/* SPDX-License-Identifier: MIT */
/*
 * Events into a guest: those that hv/ injects, exceptions that were intercepted for the processor's
 * sake only, and NMIs and machine checks that were held for the root (arch/x86/held.c).
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/rflags.h"

#define INFO(type, vector) (INTR_VALID | (type) << INTR_TYPE_SHIFT | (vector))

/* VMX interruption type of each enum virt_event_type. */
static const uint8_t vmx_types[] = {
	[VIRT_EVENT_INTERRUPT] = INTR_EXTERNAL,
	[VIRT_EVENT_NMI] = INTR_NMI,
	[VIRT_EVENT_EXCEPTION] = INTR_HARD_EXCEPTION,
	[VIRT_EVENT_SOFT_INTERRUPT] = INTR_SOFT_INTERRUPT,
	[VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION] = INTR_PRIVILEGED_SOFT,
	[VIRT_EVENT_SOFT_EXCEPTION] = INTR_SOFT_EXCEPTION,
};

void virt_inject(struct virt_vp *vp, const struct virt_event *event)
{
	uint32_t info = 0;

	vmcs_load(vp);
	if (event->type != VIRT_EVENT_NONE) {
		info = INFO((uint32_t)vmx_types[event->type], event->vector);
		/* In real mode no exception pushes an error code, and an entry with one fails. */
		if (event->has_error_code && (vmread(VMCS_GUEST_CR0) & CR0_PE)) {
			info |= INTR_ERROR_CODE;
			vmwrite(VMCS_ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
		}
		if (event->type >= VIRT_EVENT_SOFT_INTERRUPT)
			vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, event->length);
	}
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, info);
}

/*
 * The shadow of STI is over. An event after STI that the shadow does not hold back (a single step,
 * on some processors an NMI) ends it, as it does on the processor, and some refuse an entry with
 * both.
 */
void vmx_end_sti_shadow(struct virt_vp *vp)
{
	const uint64_t shadow = vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, shadow & ~(uint64_t)INTERRUPTIBILITY_STI);
	vp->has_view = false;
}

/* Asked for in the root only for the time of a held NMI, so keep it apart from virt_window(). */
static void set_nmi_window(struct virt_vp *root, bool is_on)
{
	struct vmx_vp *const vmx = vmx_vp(root);

	vmx->nmi_window = is_on;
	if (is_on || vmx_root_has_nmi_exits())
		vmx->pin |= PIN_NMI_EXITING | PIN_VIRTUAL_NMIS;
	else
		vmx->pin &= ~(PIN_NMI_EXITING | PIN_VIRTUAL_NMIS);
	vmwrite(VMCS_PIN_CONTROLS, vmx->pin);
	vmx_set_proc(root, is_on ? vmx->proc | PROC_NMI_WINDOW : vmx->proc & ~PROC_NMI_WINDOW);
}

/*
 * The root can take an NMI: between instructions, after what was being injected. If another one is
 * pending (the processor keeps one while NMIs are blocked) it follows by its own way.
 */
void vmx_nmi_window_opened(struct virt_vp *root)
{
	set_nmi_window(root, false);
	vmx_end_sti_shadow(root);
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, INFO(INTR_NMI, (uint32_t)EXC_NMI));
}

void vmx_forget_nmi(struct virt_vp *root)
{
	if (vmx_vp(root)->nmi_window)
		set_nmi_window(root, false);
}

/* The root can be given an event by the next entry itself. */
static bool is_entry_free(void)
{
	return !(vmread32(VMCS_ENTRY_INTERRUPTION_INFO) & INTR_VALID);
}

void backend_give_nmi(struct virt_vp *root)
{
	uint64_t blocking = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI;

	if (vmx_vp(root)->nmi_window)
		return; /* one is on its way already, and the architecture keeps no third */
	if (!is_entry_free() || (vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) & blocking))
		set_nmi_window(root, true);
	else
		vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, INFO(INTR_NMI, (uint32_t)EXC_NMI));
}

bool backend_give_mc(struct virt_vp *root)
{
	if (!is_entry_free())
		return false;
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, INFO(INTR_HARD_EXCEPTION, (uint32_t)EXC_MC));
	return true;
}

/*
 * The new bits of DR6 of a #DB that exited. INT1 makes none, whatever step is pending in its shadow
 * of MOV SS (Bochs 2.7 tells of that step).
 */
uint64_t vmx_debug_bits(uint32_t type)
{
	const uint64_t bits = vmread(VMCS_EXIT_QUALIFICATION) & QUAL_DB_BITS;

	return type == INTR_PRIVILEGED_SOFT ? bits & ~(uint64_t)PENDING_DEBUG_BS : bits;
}

/*
 * SDM 3A "Debug Exception (#DB)", 3B "Single-Stepping on Branches": DR6, DR7.GD and BTF, which the
 * exit has left as they were.
 */
void vmx_note_debug(struct virt_vp *vp, uint64_t bits)
{
	vp->dr6 = (vp->dr6 & ~0xfull) | bits;
	vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~DR7_GD);
	vmwrite(VMCS_GUEST_DEBUGCTL, vmread(VMCS_GUEST_DEBUGCTL) & ~DEBUGCTL_BTF);
	vp->has_view = false;
}

/*
 * SDM 3B "Single-Stepping on Branches": RFLAGS.TF traps behind branches alone. Of the current VMCS.
 */
static bool steps_by_branch(void)
{
	return vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF;
}

void virt_step(struct virt_vp *vp, bool is_branch)
{
	vmcs_load(vp);
	if (is_branch || !steps_by_branch())
		vmwrite(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
			vmread(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS) | PENDING_DEBUG_BS);
}

/*
 * SDM 3C "Checks on Guest Non-Register State": in a shadow the pending single-step trap must be
 * what RFLAGS.TF says. A client that sets or clears TF there need not know; and after a #DB the
 * processor has noted none, though INT1 leaves the shadow of MOV SS and TF as they were. An event
 * that is injected drops the step or, a software interrupt behind MOV SS, has it follow, as in SDM
 * 3C "Delivery of Pending Debug Exceptions after VM Entry".
 */
void vmx_match_single_step(struct virt_vp *vp)
{
	const uint64_t pending = vmread(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS);
	const bool is_step = (vp->regs.rflags & RFLAGS_TF) && !steps_by_branch();

	vmwrite(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
		is_step ? pending | PENDING_DEBUG_BS : pending & ~PENDING_DEBUG_BS);
}

/* SDM 3C "Information About NMI Unblocking Due to IRET": the IRET will run again. */
void vmx_block_nmi(void)
{
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) | INTERRUPTIBILITY_NMI);
}

void virt_window(struct virt_vp *vp, bool interrupt, bool nmi)
{
	uint32_t proc = vmx_vp(vp)->proc & ~(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);

	if (interrupt)
		proc |= PROC_INTERRUPT_WINDOW;
	if (nmi)
		proc |= PROC_NMI_WINDOW;
	vmx_set_proc(vp, proc);
}

/* The effect of RF and TF on an instruction that is done. */
static __attribute__((noinline)) void skip_flags(struct virt_vp *vp)
{
	if (vp->regs.rflags & RFLAGS_TF)
		virt_step(vp, false);
	vp->regs.rflags &= ~(uint64_t)RFLAGS_RF;
	vp->regs.changed = true;
}

/* Of the current VMCS. */
static inline void skip(struct virt_vp *vp, unsigned int length)
{
	struct virt_regs *regs = &vp->regs;
	uint64_t next = regs->rip + length;
	uint64_t shadow;

	if (unlikely((next ^ regs->rip) >> 32) &&
	    !((vmread32(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST) &&
	      (vmread32(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_L)))
		next = (uint32_t)next;
	regs->rip = next;
	/* The rest of `changed` can be spared: this is the commonest way out of an exit. */
	vmwrite(VMCS_GUEST_RIP, next);
	shadow = vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	if (unlikely(shadow & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))) {
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			shadow & ~(uint64_t)(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
		vp->has_view = false;
	}
	if (unlikely(regs->rflags & (RFLAGS_RF | RFLAGS_TF)))
		skip_flags(vp);
}

static __attribute__((noinline)) void load_and_skip(struct virt_vp *vp, unsigned int length)
{
	vmcs_select(vp);
	skip(vp, length);
}

/* In two parts, for the usual one to save no registers. */
void virt_skip(struct virt_vp *vp, unsigned int length)
{
	if (likely(vmcs_is_loaded(vp)))
		skip(vp, length);
	else
		load_and_skip(vp, length);
}
