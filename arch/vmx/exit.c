/* SPDX-License-Identifier: MIT */
/*
 * VM exits into struct virt_exit: a table from the basic exit reason to a small function. Each
 * reads only those fields that the manual defines for its reason (SDM 3C "Recording VM-Exit
 * Information and Updating VM-entry Control Fields"): the others hold what an earlier exit left
 * there. Who runs the VP decides what is done about an exit.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/cpu.h"
#include "arch/x86/held.h"
#include "arch/x86/insn.h"
#include "arch/x86/kick.h"
#include "arch/x86/switch.h"
#include "whit/log.h"
#include "x86/apic.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

/* Returns false if the exit has been dealt with and the guest is to go on. */
typedef bool decode_fn(struct virt_vp *vp, struct virt_exit *exit);

static inline void read_length(struct virt_exit *exit)
{
	exit->insn_length = (uint8_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH);
}

/* VMX interruption types to enum virt_event_type. 1 and 7 do not occur. */
static const uint8_t event_types[8] = {
	VIRT_EVENT_INTERRUPT,	   VIRT_EVENT_NONE,	      VIRT_EVENT_NMI,
	VIRT_EVENT_EXCEPTION,	   VIRT_EVENT_SOFT_INTERRUPT, VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION,
	VIRT_EVENT_SOFT_EXCEPTION, VIRT_EVENT_NONE,
};

/* The event of a valid word of the VMCS, with what is beside it in two other fields. */
static void event_of(uint32_t info, uint64_t error_field, uint64_t length_field,
		     struct virt_event *event)
{
	event->type = event_types[(info & INTR_TYPE) >> INTR_TYPE_SHIFT];
	event->vector = (uint8_t)(info & INTR_VECTOR);
	event->has_error_code = info & INTR_ERROR_CODE;
	event->error_code = event->has_error_code ? vmread32(error_field) : 0;
	event->length =
		event->type >= VIRT_EVENT_SOFT_INTERRUPT ? (uint8_t)vmread(length_field) : 0;
}

void vmx_take_back(struct virt_event *event)
{
	const uint32_t info = vmread32(VMCS_ENTRY_INTERRUPTION_INFO);

	event->type = VIRT_EVENT_NONE;
	if (!(info & INTR_VALID))
		return;
	event_of(info, VMCS_ENTRY_EXCEPTION_ERROR_CODE, VMCS_ENTRY_INSTRUCTION_LENGTH, event);
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
}

/*
 * The event during whose delivery the exit came, SDM 3C "Information for VM Exits During Event
 * Delivery". True if there is one.
 */
static bool read_interrupted(struct virt_event *event)
{
	uint32_t info = vmread32(VMCS_IDT_VECTORING_INFO);

	if (likely(!(info & INTR_VALID)))
		return false;
	event_of(info, VMCS_IDT_VECTORING_ERROR_CODE, VMCS_EXIT_INSTRUCTION_LENGTH, event);
	return true;
}

/* ---- Reasons ---------------------------------------------------------------------------- */

/* How often in one virt_run() an exception is given back to the guest unseen. */
#define MAX_REFLECTED 4

/*
 * #DB and #AC are intercepted in children because their delivery can raise them again without end,
 * which no interrupt breaks (CVE-2015-5307, CVE-2015-8104). The guest is to get what it would have
 * got: the new exception alone, for neither is of a class that makes a double fault. A delivery
 * that raises the same exception again can go on for ever without an instruction between, at which
 * an interrupt would be looked for: so after a few it is handed up as an event whose delivery was
 * interrupted, and the root has its turn.
 */
static bool reflect(struct virt_vp *vp, struct virt_exit *exit, uint32_t info, uint32_t type)
{
	struct virt_event event;

	event_of(info, VMCS_EXIT_INTERRUPTION_ERROR_CODE, VMCS_EXIT_INSTRUCTION_LENGTH, &event);
	if (event.vector == EXC_DB)
		vmx_note_debug(vp, vmx_debug_bits(type));
	if (vmx_vp(vp)->n_reflected++ < MAX_REFLECTED) {
		virt_inject(vp, &event);
		return false;
	}
	exit->interrupted = event;
	exit->reason = VIRT_EXIT_INTERRUPT;
	return true;
}

/* Beside the handler of NMIs, which sets bits, too. */
static void hold(uint8_t events)
{
	__atomic_fetch_or(&percpu()->pending, events, __ATOMIC_RELAXED);
}

/* Whoever kicked is answered by the return of virt_run(); a wish of another backend by no more. */
static bool take_nmi(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint8_t noted = kick_nmi(vp->regs.rip);

	x86_unblock_nmi();
	exit->reason = noted == PENDING_KICK ? VIRT_EXIT_KICK : VIRT_EXIT_NMI;
	if (noted == PENDING_KICK)
		virt_heard();
	return noted && (noted == PENDING_KICK || !vp->is_root);
}

static bool decode_exception(struct virt_vp *vp, struct virt_exit *exit)
{
	uint32_t info = vmread32(VMCS_EXIT_INTERRUPTION_INFO);
	uint8_t vector = (uint8_t)(info & INTR_VECTOR);
	uint32_t type = (info & INTR_TYPE) >> INTR_TYPE_SHIFT;
	bool during_delivery = read_interrupted(&exit->interrupted);

	if (type == INTR_NMI)
		return take_nmi(vp, exit);
	if (vector == EXC_MC) {
		/* The machine's, not the guest's: the root's handler is to see it. */
		hold(PENDING_MC);
		exit->reason = VIRT_EXIT_NMI;
		return true;
	}
	if ((info & INTR_NMI_UNBLOCKED) && !during_delivery && vector != EXC_DF)
		vmx_block_nmi();
	if (vector == EXC_DB && (vmx_debug_bits(type) & PENDING_DEBUG_BS))
		vmx_end_sti_shadow(vp);
	if (!(vmx_vp(vp)->exceptions & (1u << vector)))
		return reflect(vp, exit, info, type);
	exit->reason = VIRT_EXIT_EXCEPTION;
	exit->exception.vector = vector;
	exit->exception.is_software = type != INTR_HARD_EXCEPTION;
	exit->exception.has_error_code = info & INTR_ERROR_CODE;
	exit->exception.error_code =
		exit->exception.has_error_code ? vmread32(VMCS_EXIT_INTERRUPTION_ERROR_CODE) : 0;
	exit->exception.address = 0;
	if (vector == EXC_PF)
		exit->exception.address = vmread(VMCS_EXIT_QUALIFICATION);
	else if (vector == EXC_DB)
		exit->exception.address = vmx_debug_bits(type);
	if (exit->exception.is_software)
		read_length(exit);
	return true;
}

static bool decode_timer(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = deadline_is_for_root(vp) ? VIRT_EXIT_INTERRUPT : VIRT_EXIT_DEADLINE;
	return true;
}

static bool decode_interrupt(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_INTERRUPT;
	return true;
}

static bool decode_triple_fault(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_TRIPLE_FAULT;
	return true;
}

/* It is the root's, which gets it by its next entry. */
static bool decode_init(struct virt_vp *vp, struct virt_exit *exit)
{
	hold(PENDING_INIT);
	exit->reason = VIRT_EXIT_NMI;
	return !vp->is_root;
}

/* Only who waits for it exits, and that is the root. */
static bool decode_sipi(struct virt_vp *vp, struct virt_exit *exit)
{
	if (!vp->is_root)
		return false;
	vmx_root_start(vp, (uint8_t)vmread(VMCS_EXIT_QUALIFICATION));
	held_start(vp);
	exit->reason = VIRT_EXIT_NOTHING;
	return true;
}

static bool decode_interrupt_window(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_INTERRUPT_WINDOW;
	return true;
}

static bool decode_nmi_window(struct virt_vp *vp, struct virt_exit *exit)
{
	if (vmx_vp(vp)->nmi_window) {
		vmx_nmi_window_opened(vp);
		return false;
	}
	vmx_end_sti_shadow(vp);
	exit->reason = VIRT_EXIT_NMI_WINDOW;
	return true;
}

static bool decode_step(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_STEP;
	return true;
}

static bool decode_task_switch(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	read_interrupted(&exit->interrupted);
	exit->reason = VIRT_EXIT_TASK_SWITCH;
	exit->task_switch.selector = QUAL_TASK_SELECTOR(qual);
	exit->task_switch.source = QUAL_TASK_SOURCE(qual);
	return true;
}

static bool is_64_bit(void)
{
	return (vmread32(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST) &&
	       (vmread32(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_L);
}

/* Reasons that are an instruction, and no more. */
#define DECODE_INSN(name, what)                                               \
	static bool decode_##name(struct virt_vp *vp, struct virt_exit *exit) \
	{                                                                     \
		read_length(exit);                                            \
		exit->reason = what;                                          \
		return true;                                                  \
	}

DECODE_INSN(cpuid, VIRT_EXIT_CPUID)
DECODE_INSN(hlt, VIRT_EXIT_HLT)
DECODE_INSN(rdmsr, VIRT_EXIT_RDMSR)
DECODE_INSN(xsetbv, VIRT_EXIT_XSETBV)
DECODE_INSN(invd, VIRT_EXIT_INVD)
DECODE_INSN(pause, VIRT_EXIT_PAUSE)
DECODE_INSN(rdpmc, VIRT_EXIT_RDPMC)
DECODE_INSN(hidden, VIRT_EXIT_HIDDEN_INSN)

#undef DECODE_INSN

static bool decode_hypercall(struct virt_vp *vp, struct virt_exit *exit)
{
	read_length(exit);
	exit->reason = VIRT_EXIT_HYPERCALL;
	exit->hypercall.is_kernel64 =
		is_64_bit() && !(vmread32(VMCS_GUEST_SS_ACCESS_RIGHTS) & SEG_DPL);
	return true;
}

/*
 * A value that the processor does not take in one of the MSRs that it keeps itself is refused once
 * more in hv/.
 */
static bool decode_wrmsr(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t *gpr = vp->regs.gpr;

	read_length(exit);
	exit->reason = VIRT_EXIT_WRMSR;
	if (!vp->is_root || !switch_written(vp, (uint32_t)gpr[X86_RCX], gpr_edx_eax(gpr)))
		return true;
	virt_skip(vp, exit->insn_length);
	return false;
}

static bool decode_rdtsc(struct virt_vp *vp, struct virt_exit *exit)
{
	read_length(exit);
	exit->reason = VIRT_EXIT_RDTSC;
	exit->rdtsc.is_rdtscp = false;
	return true;
}

static bool decode_rdtscp(struct virt_vp *vp, struct virt_exit *exit)
{
	decode_rdtsc(vp, exit);
	exit->rdtsc.is_rdtscp = true;
	return true;
}

/* UMWAIT and TPAUSE exit with RDTSC, but need not wait for anything. Flags as SDM 2B says. */
static bool decode_user_wait(struct virt_vp *vp, struct virt_exit *exit)
{
	read_length(exit);
	vp->regs.rflags &= ~(uint64_t)RFLAGS_STATUS;
	vp->regs.changed = true;
	virt_skip(vp, exit->insn_length);
	return false;
}

static uint64_t guest_cr(struct virt_vp *vp, uint8_t number)
{
	return virt_get(vp, number == 4 ? VIRT_CR4 : VIRT_CR0);
}

static bool decode_cr(struct virt_vp *vp, struct virt_exit *exit)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	read_length(exit);
	exit->reason = VIRT_EXIT_CR_WRITE;
	exit->cr.number = QUAL_CR_NUMBER(qual);
	exit->cr.gpr = QUAL_CR_GPR(qual);
	switch ((enum qual_cr_type)QUAL_CR_TYPE(qual)) {
	case QUAL_CR_READ:
		exit->reason = VIRT_EXIT_CR_READ;
		exit->cr.value = 0;
		break;
	case QUAL_CR_WRITE:
		exit->cr.value = vp->regs.gpr[exit->cr.gpr];
		if (!is_64_bit())
			exit->cr.value = (uint32_t)exit->cr.value;
		break;
	case QUAL_CR_CLTS:
		exit->cr.number = 0;
		exit->cr.value = guest_cr(vp, 0) & ~CR0_TS;
		break;
	case QUAL_CR_IS_LMSW:
		/* It changes the low four bits, and cannot clear PE. */
		exit->cr.number = 0;
		exit->cr.value = guest_cr(vp, 0) & ~(CR0_MP | CR0_EM | CR0_TS);
		exit->cr.value |= QUAL_CR_LMSW(qual) & (CR0_PE | CR0_MP | CR0_EM | CR0_TS);
		break;
	}
	return true;
}

static bool decode_dr(struct virt_vp *vp, struct virt_exit *exit)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	read_length(exit);
	exit->reason = VIRT_EXIT_DR;
	exit->dr.number = QUAL_DR_NUMBER(qual);
	exit->dr.gpr = QUAL_DR_GPR(qual);
	exit->dr.is_read = qual & QUAL_DR_READ;
	return true;
}

static bool decode_io(struct virt_vp *vp, struct virt_exit *exit)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	read_length(exit);
	exit->reason = VIRT_EXIT_IO;
	exit->io.port = QUAL_IO_PORT(qual);
	exit->io.size = QUAL_IO_SIZE(qual);
	exit->io.is_in = qual & QUAL_IO_IN;
	exit->io.is_string = qual & QUAL_IO_STRING;
	exit->io.is_rep = qual & QUAL_IO_REP;
	return true;
}

/*
 * A refused entry leaves the launch state as it was, which virt_run() has not kept: VMCLEAR makes
 * it a known one, and keeps the VMCS' contents.
 */
static void after_refusal(struct virt_vp *vp)
{
	vmcs_clear(vmx_vp(vp)->vmcs);
	vmcs_select(vp);
	vmx_vp(vp)->is_launched = false;
}

static bool decode_invalid_state(struct virt_vp *vp, struct virt_exit *exit)
{
	after_refusal(vp);
	exit->reason = VIRT_EXIT_INVALID_STATE;
	return true;
}

static bool decode_entry_machine_check(struct virt_vp *vp, struct virt_exit *exit)
{
	after_refusal(vp);
	hold(PENDING_MC);
	exit->reason = VIRT_EXIT_NOTHING;
	return !vp->is_root;
}

static bool decode_ept_violation(struct virt_vp *vp, struct virt_exit *exit)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	if (!read_interrupted(&exit->interrupted) && unlikely(qual & QUAL_EPT_NMI_UNBLOCKED))
		vmx_block_nmi();
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa = GPA(vmread(VMCS_GUEST_PHYSICAL_ADDRESS));
	exit->memory.gva_valid = qual & QUAL_EPT_GVA_VALID;
	exit->memory.gva = GVA(0);
	exit->memory.is_walk = false;
	if (exit->memory.gva_valid) {
		exit->memory.gva = GVA(vmread(VMCS_GUEST_LINEAR_ADDRESS));
		exit->memory.is_walk = !(qual & QUAL_EPT_IS_FINAL);
	}
	exit->memory.is_read = qual & QUAL_EPT_READ;
	exit->memory.is_write = qual & QUAL_EPT_WRITE;
	exit->memory.is_fetch = qual & QUAL_EPT_FETCH;
	return true;
}

static bool decode_ept_misconfiguration(struct virt_vp *vp, struct virt_exit *exit)
{
	virt_panic("EPT misconfiguration at %llx",
		   (unsigned long long)vmread(VMCS_GUEST_PHYSICAL_ADDRESS));
}

/* ---- The local APIC ---------------------------------------------------------------------- */

static bool decode_tpr(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_TPR;
	return true;
}

static bool decode_apic_write(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_APIC_WRITE;
	exit->apic_write.offset =
		(uint16_t)(QUAL_APIC_OFFSET(vmread(VMCS_EXIT_QUALIFICATION)) & ~0xfull);
	return true;
}

static bool decode_apic_eoi(struct virt_vp *vp, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_APIC_EOI;
	exit->apic_eoi.vector = (uint8_t)vmread(VMCS_EXIT_QUALIFICATION);
	return true;
}

/*
 * Of an access by a physical address, or by the delivery of an event, the processor does not say
 * what it was.
 */
static bool decode_apic_access(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);
	const unsigned int type = QUAL_APIC_TYPE(qual);

	read_interrupted(&exit->interrupted);
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa =
		GPA(APIC_PAGE + (type <= QUAL_APIC_DELIVERY ? QUAL_APIC_OFFSET(qual) : 0));
	exit->memory.gva = GVA(0);
	exit->memory.gva_valid = false;
	exit->memory.is_walk = type > QUAL_APIC_DELIVERY;
	exit->memory.is_read = type != QUAL_APIC_WRITE && type != QUAL_APIC_FETCH;
	exit->memory.is_write = type == QUAL_APIC_WRITE;
	exit->memory.is_fetch = type == QUAL_APIC_FETCH;
	return true;
}

static decode_fn *const decoders[REASON_COUNT] = {
	[REASON_EXCEPTION_OR_NMI] = decode_exception,
	[REASON_EXTERNAL_INTERRUPT] = decode_interrupt,
	[REASON_PREEMPTION_TIMER] = decode_timer,
	[REASON_TRIPLE_FAULT] = decode_triple_fault,
	[REASON_INIT] = decode_init,
	[REASON_SIPI] = decode_sipi,
	[REASON_INTERRUPT_WINDOW] = decode_interrupt_window,
	[REASON_NMI_WINDOW] = decode_nmi_window,
	[REASON_TASK_SWITCH] = decode_task_switch,
	[REASON_CPUID] = decode_cpuid,
	[REASON_GETSEC] = decode_hidden,
	[REASON_SEAMCALL] = decode_hidden,
	[REASON_TDCALL] = decode_hidden,
	[REASON_RDMSR_IMMEDIATE] = decode_hidden,
	[REASON_WRMSRNS_IMMEDIATE] = decode_hidden,
	[REASON_HLT] = decode_hlt,
	[REASON_INVD] = decode_invd,
	[REASON_RDPMC] = decode_rdpmc,
	[REASON_RDTSC] = decode_rdtsc,
	[REASON_RDTSCP] = decode_rdtscp,
	[REASON_PAUSE] = decode_pause,
	[REASON_UMWAIT] = decode_user_wait,
	[REASON_TPAUSE] = decode_user_wait,
	[REASON_TPR_BELOW_THRESHOLD] = decode_tpr,
	[REASON_APIC_ACCESS] = decode_apic_access,
	[REASON_APIC_WRITE] = decode_apic_write,
	[REASON_VIRTUALIZED_EOI] = decode_apic_eoi,
	[REASON_VMCALL] = decode_hypercall,
	[REASON_VMCLEAR] = decode_hidden,
	[REASON_VMLAUNCH] = decode_hidden,
	[REASON_VMPTRLD] = decode_hidden,
	[REASON_VMPTRST] = decode_hidden,
	[REASON_VMREAD] = decode_hidden,
	[REASON_VMRESUME] = decode_hidden,
	[REASON_VMWRITE] = decode_hidden,
	[REASON_VMXOFF] = decode_hidden,
	[REASON_VMXON] = decode_hidden,
	[REASON_CR_ACCESS] = decode_cr,
	[REASON_MOV_DR] = decode_dr,
	[REASON_IO] = decode_io,
	[REASON_RDMSR] = decode_rdmsr,
	[REASON_WRMSR] = decode_wrmsr,
	[REASON_ENTRY_GUEST_STATE] = decode_invalid_state,
	[REASON_MWAIT] = decode_hidden,
	[REASON_MONITOR_TRAP] = decode_step,
	[REASON_MONITOR] = decode_hidden,
	[REASON_ENTRY_MACHINE_CHECK] = decode_entry_machine_check,
	[REASON_EPT_VIOLATION] = decode_ept_violation,
	[REASON_EPT_MISCONFIGURATION] = decode_ept_misconfiguration,
	[REASON_INVEPT] = decode_hidden,
	[REASON_INVVPID] = decode_hidden,
	[REASON_WBINVD] = decode_invd,
	[REASON_XSETBV] = decode_xsetbv,
	[REASON_ENCLS] = decode_hidden,
};

/*
 * A reason newer than the table: an instruction that exits whatever the controls say, for nothing
 * else was asked for. The guest does not have it.
 */
static bool decode_unknown(struct virt_exit *exit, uint32_t reason)
{
	static bool is_logged;

	if (reason & EXIT_REASON_ENTRY_FAILURE)
		virt_panic("entry failure of reason %x", reason);
	if (!__atomic_exchange_n(&is_logged, true, __ATOMIC_RELAXED))
		log_line(LOG_ERROR, "vmx: exit reason %x is not known: #UD", reason);
	exit->reason = VIRT_EXIT_HIDDEN_INSN;
	return true;
}

bool vmx_decode_exit(struct virt_vp *vp, uint32_t reason, struct virt_exit *exit)
{
	uint32_t basic = reason & EXIT_REASON_BASIC;

	exit->insn_length = 0;
	exit->is_partial = false;
	exit->interrupted.type = VIRT_EVENT_NONE;
	if (unlikely(basic >= REASON_COUNT || !decoders[basic]))
		return decode_unknown(exit, reason);
	return decoders[basic](vp, exit);
}
