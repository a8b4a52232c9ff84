/* SPDX-License-Identifier: MIT */
/*
 * #VMEXITs into struct virt_exit: a table from the exit code to a small function. Who runs the VP
 * decides what is done about an exit.
 *
 * Not every processor saves the next RIP or decodes the instruction (svm_caps). What it does not
 * tell of a child hv/ takes from the guest's bytes, and of the root it is the form of the
 * instruction without prefixes, which a compiler or an assembler makes.
 */
#include "arch/svm/svm.h"
#include "arch/svm/insn.h"
#include "arch/x86/insn.h"
#include "arch/x86/switch.h"
#include "whit/log.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

/* Returns false if the exit has been dealt with and the guest is to go on. */
typedef bool decode_fn(struct virt_vp *vp, uint32_t code, struct virt_exit *exit);

/* ---- Lengths ----------------------------------------------------------------------------- */

#define LONGEST_INSN 15u

static const uint8_t root_lengths[VMEXIT_CODES] = {
	[VMEXIT_CPUID] = 2,  [VMEXIT_INVD] = 2,	  [VMEXIT_MSR] = 2,
	[VMEXIT_WBINVD] = 2, [VMEXIT_XSETBV] = 3, [VMEXIT_VMMCALL] = 3,
};

static inline void read_length(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	if (likely(svm_caps.has_next_rip)) {
		const uint64_t length = vmcb_of(vp)->next_rip - vp->regs.rip;

		if (likely(length - 1 < LONGEST_INSN)) {
			exit->insn_length = (uint8_t)length;
			return;
		}
	}
	if (vp->is_root)
		exit->insn_length = root_lengths[code];
	else
		exit->is_partial = true;
}

/* ---- Events ------------------------------------------------------------------------------ */

/* Event types of the VMCB to enum virt_event_type. */
static const uint8_t event_types[8] = {
	[VMCB_EVENT_INTERRUPT] = VIRT_EVENT_INTERRUPT,
	[VMCB_EVENT_NMI] = VIRT_EVENT_NMI,
	[VMCB_EVENT_EXCEPTION] = VIRT_EVENT_EXCEPTION,
	[VMCB_EVENT_SOFT_INTERRUPT] = VIRT_EVENT_SOFT_INTERRUPT,
};

static bool is_soft_exception(uint8_t vector)
{
	return vector == EXC_BP || vector == EXC_OF;
}

static void event_of(uint64_t word, struct virt_event *event)
{
	*event = (struct virt_event) {
		.type = event_types[EVENT_TYPE(word)],
		.vector = (uint8_t)(word & EVENT_VECTOR),
		.has_error_code = word & EVENT_HAS_ERROR,
	};
	if (event->has_error_code)
		event->error_code = (uint32_t)(word >> EVENT_ERROR_SHIFT);
	if (event->type == VIRT_EVENT_EXCEPTION && is_soft_exception(event->vector))
		event->type = VIRT_EVENT_SOFT_EXCEPTION;
}

/*
 * The event during whose delivery the exit came. One that was injected is known better than the
 * processor tells, and its instruction is where it was. An interrupt that nobody has injected is
 * none, for a child's exit: Bochs (2.7, 3.0) says so of an INT n, which will be executed again.
 * True if there is one.
 */
static bool read_interrupted(struct virt_vp *vp, struct virt_exit *exit)
{
	const struct svm_vp *const svm = svm_vp(vp);
	struct virt_event *const event = &exit->interrupted;
	const uint64_t word = svm->vmcb->exit_event;

	if (likely(!(word & EVENT_VALID)))
		return false;
	event_of(word, event);
	if (svm->entered.type != VIRT_EVENT_NONE && svm->entered.vector == event->vector) {
		*event = svm->entered;
		if (event->type >= VIRT_EVENT_SOFT_INTERRUPT)
			vp->regs.rip = svm->entered_rip;
		return true;
	}
	if (event->type == VIRT_EVENT_INTERRUPT && !vp->is_root)
		event->type = VIRT_EVENT_NONE;
	if (event->type >= VIRT_EVENT_SOFT_INTERRUPT)
		exit->is_partial = true;
	return event->type != VIRT_EVENT_NONE;
}

void svm_hold(uint8_t events)
{
	__atomic_fetch_or(&percpu()->pending, events, __ATOMIC_RELAXED);
}

/* ---- Reasons ----------------------------------------------------------------------------- */

/* How often in one virt_run() an exception is given back to the guest unseen. */
#define MAX_REFLECTED 4

/*
 * An exception that hv/ has not asked for: the guest is to get what it would have got. #DB and #AC
 * exit in children because their delivery can raise them again without end (CVE-2015-5307,
 * CVE-2015-8104); so after a few the root has its turn.
 */
static bool reflect(struct virt_vp *vp, struct virt_exit *exit, const struct virt_event *event)
{
	if (event->vector == EXC_PF && event->type == VIRT_EVENT_EXCEPTION)
		virt_set(vp, VIRT_CR2, vmcb_of(vp)->info2);
	if (!exit->is_partial && svm_vp(vp)->n_reflected++ < MAX_REFLECTED) {
		virt_inject(vp, event);
		return false;
	}
	exit->interrupted = *event;
	exit->reason = VIRT_EXIT_INTERRUPT;
	return true;
}

/*
 * The new bits of DR6: what stood there before is DR6_INIT. Bochs (2.7, 3.0) has none of them yet
 * when the exception exits.
 */
static uint64_t take_debug_bits(struct virt_vp *vp)
{
	struct vmcb *const vmcb = vmcb_of(vp);
	uint64_t bits = vmcb->save.dr6 & (DR6_BREAKPOINTS | DR6_BD | DR6_BS);

	if (unlikely(!bits) && (vp->regs.rflags & RFLAGS_TF))
		bits = DR6_BS;
	vmcb->save.dr6 = DR6_INIT;
	vmcb_dirty(vmcb, CLEAN_DR);
	return bits;
}

/* In a step of ours. */
static bool decode_in_step(struct virt_vp *vp, struct virt_exit *exit,
			   const struct virt_event *event)
{
	struct svm_vp *const svm = svm_vp(vp);
	uint64_t bits;

	if (event->vector != EXC_DB) {
		inject_end_step(vp, false);
		exit->reason = VIRT_EXIT_NOTHING;
		(void)reflect(vp, exit, event);
		return svm->rare & RARE_STEP;
	}
	bits = take_debug_bits(vp);
	inject_end_step(vp, bits & DR6_BS);
	if (!(svm->kept_flags & RFLAGS_TF))
		bits &= ~DR6_BS;
	svm->pending_debug |= bits & (DR6_BREAKPOINTS | DR6_BS);
	inject_want(vp, RARE_DEBUG, svm->pending_debug);
	exit->reason = VIRT_EXIT_STEP;
	return svm->rare & RARE_STEP;
}

static bool decode_exception(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	struct svm_vp *const svm = svm_vp(vp);
	struct vmcb *const vmcb = svm->vmcb;
	struct virt_event event = {
		.type = VIRT_EVENT_EXCEPTION,
		.vector = (uint8_t)(code - VMEXIT_EXCEPTION),
	};

	(void)read_interrupted(vp, exit);
	if (event.vector == EXC_MC) {
		/* The machine's, not the guest's: the root's handler is to see it. */
		svm_hold(PENDING_MC);
		exit->reason = VIRT_EXIT_NMI;
		return true;
	}
	event.has_error_code = EXC_HAS_ERROR_CODE >> event.vector & 1;
	if (event.has_error_code)
		event.error_code = (uint32_t)vmcb->info1;
	if (svm->is_stepping)
		return decode_in_step(vp, exit, &event);
	exit->exception.address = event.vector == EXC_PF ? vmcb->info2 : 0;
	if (event.vector == EXC_DB)
		exit->exception.address = take_debug_bits(vp);
	if (!(svm->exceptions & (1u << event.vector))) {
		if (event.vector == EXC_DB)
			inject_note_debug(vp, exit->exception.address);
		return reflect(vp, exit, &event);
	}
	exit->reason = VIRT_EXIT_EXCEPTION;
	exit->exception.vector = event.vector;
	exit->exception.is_software = is_soft_exception(event.vector);
	exit->exception.has_error_code = event.has_error_code;
	exit->exception.error_code = event.error_code;
	if (exit->exception.is_software)
		read_length(vp, code, exit);
	return true;
}

/* INT1: what it makes of DR6 is nothing. */
static bool decode_icebp(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	struct virt_event event = {
		.type = VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION,
		.vector = EXC_DB,
	};

	read_length(vp, code, exit);
	event.length = exit->insn_length;
	if (!(svm_vp(vp)->exceptions & (1u << EXC_DB))) {
		inject_note_debug(vp, 0);
		exit->insn_length = 0;
		return reflect(vp, exit, &event);
	}
	exit->reason = VIRT_EXIT_EXCEPTION;
	exit->exception.vector = EXC_DB;
	exit->exception.is_software = true;
	exit->exception.has_error_code = false;
	exit->exception.error_code = 0;
	exit->exception.address = 0;
	return true;
}

static bool decode_interrupt(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	exit->reason = VIRT_EXIT_INTERRUPT;
	return true;
}

/*
 * It is still pending: the handler takes it, and notes what it was. Whoever kicked is answered by
 * the return of virt_run(); a wish by no more than what is pending afterwards.
 */
static bool decode_nmi(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	const uint8_t *const pending = &percpu()->pending;

	extra_let_nmi_in();
	if (__atomic_load_n(pending, __ATOMIC_RELAXED) & PENDING_KICK) {
		exit->reason = VIRT_EXIT_KICK;
		virt_heard();
		return true;
	}
	exit->reason = VIRT_EXIT_NMI;
	return !vp->is_root && __atomic_load_n(pending, __ATOMIC_RELAXED);
}

/* It is the root's, which gets it by its next entry. */
static bool decode_init(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	svm_hold(PENDING_INIT);
	exit->reason = VIRT_EXIT_NMI;
	return !vp->is_root;
}

static bool decode_iret(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	inject_at_iret(vp);
	return false;
}

static bool decode_task_switch(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	enum { BY_CALL, BY_IRET, BY_JUMP, BY_GATE };
	const struct vmcb *const vmcb = vmcb_of(vp);
	const bool is_event = vmcb->exit_event & EVENT_VALID;

	(void)read_interrupted(vp, exit);
	exit->reason = VIRT_EXIT_TASK_SWITCH;
	exit->task_switch.selector = (uint16_t)vmcb->info1;
	exit->task_switch.source = is_event ? BY_GATE : BY_CALL;
	if (vmcb->info2 & INFO_TASK_IRET)
		exit->task_switch.source = BY_IRET;
	else if (vmcb->info2 & INFO_TASK_JUMP)
		exit->task_switch.source = BY_JUMP;
	return true;
}

/* Reasons without an instruction. */
#define DECODE(name, what)                                                                   \
	static bool decode_##name(struct virt_vp *vp, uint32_t code, struct virt_exit *exit) \
	{                                                                                    \
		exit->reason = what;                                                         \
		return true;                                                                 \
	}

DECODE(window, VIRT_EXIT_INTERRUPT_WINDOW)
DECODE(shutdown, VIRT_EXIT_TRIPLE_FAULT)
DECODE(hidden, VIRT_EXIT_HIDDEN_INSN)

#undef DECODE

/* Reasons that are an instruction, and no more. */
#define DECODE_INSN(name, what)                                                              \
	static bool decode_##name(struct virt_vp *vp, uint32_t code, struct virt_exit *exit) \
	{                                                                                    \
		read_length(vp, code, exit);                                                 \
		exit->reason = what;                                                         \
		return true;                                                                 \
	}

DECODE_INSN(cpuid, VIRT_EXIT_CPUID)
DECODE_INSN(hlt, VIRT_EXIT_HLT)
DECODE_INSN(xsetbv, VIRT_EXIT_XSETBV)
DECODE_INSN(invd, VIRT_EXIT_INVD)
DECODE_INSN(pause, VIRT_EXIT_PAUSE)
DECODE_INSN(rdpmc, VIRT_EXIT_RDPMC)

#undef DECODE_INSN

static bool decode_hypercall(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	read_length(vp, code, exit);
	exit->reason = VIRT_EXIT_HYPERCALL;
	exit->hypercall.is_kernel64 = vmcb_is_64_bit(vmcb_of(vp)) && !vmcb_of(vp)->save.cpl;
	return true;
}

static bool decode_msr(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	const bool is_write = vmcb_of(vp)->info1 & INFO_MSR_WRITE;
	const uint64_t *const gpr = vp->regs.gpr;

	read_length(vp, code, exit);
	exit->reason = is_write ? VIRT_EXIT_WRMSR : VIRT_EXIT_RDMSR;
	if (!vp->is_root)
		return true;
	/* A value that the processor does not take is refused once more in hv/. */
	if (!is_write || !switch_written(vp, (uint32_t)gpr[X86_RCX], gpr_edx_eax(gpr)))
		return true;
	virt_skip(vp, exit->insn_length);
	return false;
}

static bool decode_rdtsc(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	read_length(vp, code, exit);
	exit->reason = VIRT_EXIT_RDTSC;
	exit->rdtsc.is_rdtscp = code == VMEXIT_RDTSCP;
	if (exit->rdtsc.is_rdtscp && !(svm_vp(vp)->has & VIRT_HAS_RDTSCP)) {
		exit->reason = VIRT_EXIT_HIDDEN_INSN;
		exit->insn_length = 0;
		exit->is_partial = false;
	}
	return true;
}

static bool decode_cr(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	const uint64_t info = vmcb_of(vp)->info1;

	read_length(vp, code, exit);
	exit->reason = code >= VMEXIT_CR0_WRITE ? VIRT_EXIT_CR_WRITE : VIRT_EXIT_CR_READ;
	exit->cr.number = code == VMEXIT_CR0_SELECTIVE ? 0 : code & 0xf;
	exit->cr.value = 0;
	exit->cr.gpr = VIRT_GPR_UNKNOWN;
	if (!svm_caps.has_decode_assists || !(info & INFO_MOV_CR)) {
		exit->is_partial = true;
		return true;
	}
	exit->cr.gpr = info & INFO_GPR;
	if (exit->reason == VIRT_EXIT_CR_READ)
		exit->cr.value = exit->cr.number ? virt_get(vp, VIRT_CR4) : virt_get(vp, VIRT_CR0);
	else
		exit->cr.value = vmcb_is_64_bit(vmcb_of(vp)) ? vp->regs.gpr[exit->cr.gpr]
							     : (uint32_t)vp->regs.gpr[exit->cr.gpr];
	return true;
}

static bool decode_dr(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	read_length(vp, code, exit);
	exit->reason = VIRT_EXIT_DR;
	exit->dr.is_read = code < VMEXIT_DR0_WRITE;
	exit->dr.number = code & 0xf;
	exit->dr.gpr = VIRT_GPR_UNKNOWN;
	if (svm_caps.has_decode_assists)
		exit->dr.gpr = vmcb_of(vp)->info1 & INFO_GPR;
	else
		exit->is_partial = true;
	return true;
}

/* Every processor tells the next RIP here. */
static bool decode_io(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	const struct vmcb *const vmcb = vmcb_of(vp);
	const uint64_t info = vmcb->info1;

	exit->insn_length = (uint8_t)(vmcb->info2 - vp->regs.rip);
	exit->reason = VIRT_EXIT_IO;
	exit->io.port = INFO_IO_PORT(info);
	exit->io.size = INFO_IO_SIZE(info);
	exit->io.is_in = info & INFO_IO_IN;
	exit->io.is_string = info & INFO_IO_STRING;
	exit->io.is_rep = info & INFO_IO_REP;
	return true;
}

static bool decode_npf(struct virt_vp *vp, uint32_t code, struct virt_exit *exit)
{
	const struct vmcb *const vmcb = vmcb_of(vp);
	const uint64_t info = vmcb->info1;

	(void)read_interrupted(vp, exit);
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa = GPA(vmcb->info2);
	exit->memory.gva = GVA(0);
	exit->memory.gva_valid = false;
	exit->memory.is_walk = info & INFO_NPF_WALK;
	exit->memory.is_write = info & INFO_NPF_WRITE;
	exit->memory.is_fetch = (info & INFO_NPF_FETCH) && !exit->memory.is_walk;
	exit->memory.is_read = !exit->memory.is_write && !exit->memory.is_fetch;
	return true;
}

/*
 * A refused entry has delivered nothing. One whose state has not changed is none: QEMU (7.2) says
 * so of a MOV to CR3 or CR4 that sets a reserved bit, which is #GP. But there a guest can also make
 * a state that its VMRUN refuses, as by a code segment of 64 and of 32 bits at once, and then it is
 * lost.
 */
static bool decode_invalid(struct virt_vp *vp, struct virt_exit *exit)
{
	static const struct virt_event gp = { .type = VIRT_EVENT_EXCEPTION,
					      .vector = EXC_GP,
					      .has_error_code = true };
	const bool is_unproven = svm_vp(vp)->rare & RARE_UNPROVEN;

	if (!is_unproven && !vp->is_root && inject_is_lost(vp)) {
		exit->reason = VIRT_EXIT_TRIPLE_FAULT;
		return true;
	}
	if (is_unproven || svm_vp(vp)->entered.type != VIRT_EVENT_NONE) {
		virt_inject(vp, &svm_vp(vp)->entered);
		exit->reason = VIRT_EXIT_INVALID_STATE;
		return true;
	}
	vp->regs.rflags |= RFLAGS_RF;
	return reflect(vp, exit, &gp);
}

static decode_fn *const decoders[VMEXIT_CODES] = {
	[VMEXIT_CR0_READ + 0 ... VMEXIT_CR0_READ + 31] = decode_cr,
	[VMEXIT_DR0_READ + 0 ... VMEXIT_DR0_READ + 31] = decode_dr,
	[VMEXIT_EXCEPTION + 0 ... VMEXIT_EXCEPTION + 31] = decode_exception,
	[VMEXIT_INTR] = decode_interrupt,
	[VMEXIT_NMI] = decode_nmi,
	[VMEXIT_INIT] = decode_init,
	[VMEXIT_VINTR] = decode_window,
	[VMEXIT_CR0_SELECTIVE] = decode_cr,
	[VMEXIT_RDTSC] = decode_rdtsc,
	[VMEXIT_RDPMC] = decode_rdpmc,
	[VMEXIT_CPUID] = decode_cpuid,
	[VMEXIT_IRET] = decode_iret,
	[VMEXIT_INVD] = decode_invd,
	[VMEXIT_PAUSE] = decode_pause,
	[VMEXIT_HLT] = decode_hlt,
	[VMEXIT_INVLPGA] = decode_hidden,
	[VMEXIT_IO] = decode_io,
	[VMEXIT_MSR] = decode_msr,
	[VMEXIT_TASK] = decode_task_switch,
	[VMEXIT_SHUTDOWN] = decode_shutdown,
	[VMEXIT_VMRUN] = decode_hidden,
	[VMEXIT_VMMCALL] = decode_hypercall,
	[VMEXIT_VMLOAD] = decode_hidden,
	[VMEXIT_VMSAVE] = decode_hidden,
	[VMEXIT_STGI] = decode_hidden,
	[VMEXIT_CLGI] = decode_hidden,
	[VMEXIT_SKINIT] = decode_hidden,
	[VMEXIT_RDTSCP] = decode_rdtsc,
	[VMEXIT_ICEBP] = decode_icebp,
	[VMEXIT_WBINVD] = decode_invd,
	[VMEXIT_MONITOR] = decode_hidden,
	[VMEXIT_MWAIT] = decode_hidden,
	[VMEXIT_MWAIT_ARMED] = decode_hidden,
	[VMEXIT_XSETBV] = decode_xsetbv,
	[VMEXIT_RDPRU] = decode_hidden,
	[VMEXIT_INVLPGB] = decode_hidden,
	[VMEXIT_INVLPGB_ILLEGAL] = decode_hidden,
	[VMEXIT_INVPCID] = decode_hidden,
	[VMEXIT_MCOMMIT] = decode_hidden,
	[VMEXIT_TLBSYNC] = decode_hidden,
};

/* A code newer than the table: an instruction, for nothing else was asked for. */
static bool decode_unknown(struct virt_exit *exit, uint64_t code)
{
	static bool is_logged;

	if (!__atomic_exchange_n(&is_logged, true, __ATOMIC_RELAXED))
		log_line(LOG_ERROR, "svm: exit code %llx is not known: #UD",
			 (unsigned long long)code);
	exit->reason = VIRT_EXIT_HIDDEN_INSN;
	return true;
}

bool svm_decode_exit(struct virt_vp *vp, uint64_t code, struct virt_exit *exit)
{
	exit->insn_length = 0;
	exit->is_partial = false;
	exit->interrupted.type = VIRT_EVENT_NONE;
	if (unlikely(svm_vp(vp)->is_stepping) && code - VMEXIT_EXCEPTION >= 32)
		inject_end_step(vp, false);
	if (likely(code < VMEXIT_CODES && decoders[code]))
		return decoders[code](vp, (uint32_t)code, exit);
	if (likely(code == VMEXIT_NPF))
		return decode_npf(vp, VMEXIT_NPF, exit);
	if ((uint32_t)code == VMEXIT_INVALID)
		return decode_invalid(vp, exit);
	return decode_unknown(exit, code);
}
