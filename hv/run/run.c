/* SPDX-License-Identifier: MIT */
/*
 * WHvRunVirtualProcessor: enter a child until something happens that its client must see.
 * docs/exits.md lists, reason by reason, the exits that are answered here and the WHP exits that
 * the others become.
 *
 * Nothing here loops for longer than the guest runs: each turn is one entry, a physical interrupt
 * ends the entry, and the cancel flag is tested before each. So a guest that exits for ever cannot
 * hold the root.
 *
 * The VP is this processor's for the time of Run, and no lock is held. From its beginning to its
 * end the VP is inside its partition's gate (hv/mem/gate.h), but for the moments in which something
 * of the partition is changed.
 */
#include "hv/run/run.h"

#include "hv/owner.h"
#include "hv/vp.h"

#include "hv/cpu/cpuid.h"
#include "hv/cpu/cr.h"
#include "hv/emulate/completion.h"
#include "hv/emulate/device.h"
#include "hv/cpu/entry.h"
#include "hv/vp/event.h"
#include "hv/vp/signal.h"
#include "hv/run/record.h"
#include "hv/mem/gpa.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/time.h"
#include "hv/vp/page.h"
#include "whp/WinHvExits.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/gpr.h"

/* ---- In and out of the gate --------------------------------------------------------------- */

static inline void go_in(struct vp *vp)
{
	const uint64_t known = vp->view.turn;
	const uint64_t turn = gate_enter(&vp->partition->gate, &vp->inside, known);

	if (unlikely(turn != known) && gpa_look_anew(&vp->view, turn))
		virt_renew(vp->virt);
}

/* Something about the space has changed, or is about to. Whoever has kicked for that is heard. */
static __attribute__((noinline)) void go_out_and_in(struct vp *vp)
{
	gate_leave(&vp->inside);
	virt_heard();
	go_in(vp);
}

/* Do something with the partition locked, outside. Out of line: it is rare. */
static __attribute__((noinline)) void do_locked(struct vp *vp,
						void (*work)(struct partition_locked held))
{
	struct partition_locked held;

	gate_leave(&vp->inside);
	held = partition_lock(vp->partition);
	work(held);
	partition_unlock(held);
	go_in(vp);
}

static void let_time_go_on(struct partition_locked held)
{
	(void)time_resume(held);
}

/* The mode of the VP's APIC is another one. */
static inline void settle_apic_page(struct vp *vp)
{
	if (likely(!vp->apic.page_is_due))
		return;
	vp->apic.page_is_due = false;
	do_locked(vp, gpa_apic_page);
}

static bool is_timer_due(const struct vp *vp)
{
	return vp->apic.page && apic_wake_time(&vp->apic) <= virt_tsc();
}

static void prepare_apic(struct vp *vp)
{
	vp_prepare_apic(vp);
	settle_apic_page(vp);
}

/* ---- Exits -------------------------------------------------------------------------------- */

/* The next step after an exit. */
enum next {
	NEXT_ENTER, /* the guest again */
	NEXT_LEAVE, /* the client: the record is written */
	NEXT_AGAIN, /* the root, for a moment: the client sees nothing */
	NEXT_TURN,  /* the client: the same as an exit */
	NEXT_IDLE   /* the root, until something wakes the VP */
};

static enum next leave(struct vp *vp, uint32_t reason)
{
	exit_plain(vp, reason);
	return NEXT_LEAVE;
}

/*
 * The state is what a client expects of an instruction that is over; the APIC may have caught
 * something in it.
 */
static enum next instruction_is_over(struct vp *vp)
{
	if (!vp->apic.trap.reason)
		return NEXT_ENTER;
	exit_apic(vp);
	return NEXT_LEAVE;
}

/* After event_raise(), whoever has called it. */
static enum next run_raised(struct vp *vp)
{
	const struct emu_exception *const raised = &vp->raised;

	switch ((enum raised_as)vp->raised_as) {
	case RAISED_PENDING: break;
	case RAISED_EXIT:
		exit_exception(vp, &(const struct virt_exit) {
					   .reason = VIRT_EXIT_EXCEPTION,
					   .exception = { .vector = raised->vector,
							  .has_error_code = raised->has_error_code,
							  .error_code = raised->error_code,
							  .address = raised->address },
				   });
		return NEXT_LEAVE;
	case RAISED_TRIPLE: return leave(vp, WHvRunVpExitReasonUnrecoverableException);
	}
	return NEXT_ENTER;
}

/*
 * address: the exception's parameter. The error code, of the only one raised here that has one, is
 * 0.
 */
static enum next raise_with(struct vp *vp, uint8_t vector, uint64_t address)
{
	(void)event_raise(vp, &(const struct emu_exception) { .vector = vector,
							      .has_error_code = vector == EXC_GP,
							      .address = address });
	return run_raised(vp);
}

static enum next raise(struct vp *vp, uint8_t vector)
{
	return raise_with(vp, vector, 0);
}

/* The instruction is done, or it gets #GP(0). */
static enum next skip_or_gp(struct vp *vp, const struct virt_exit *exit, bool is_done)
{
	if (!is_done)
		return raise(vp, EXC_GP);
	virt_skip(vp->virt, exit->insn_length);
	return NEXT_ENTER;
}

static bool wants_cpuid_exit(const struct partition *partition, uint32_t leaf)
{
	const struct property_lists *const lists = partition->lists;

	if (!(partition->properties.extended_exits & EXITS_CPUID))
		return false;
	if (!lists || !lists->n_cpuid_exits)
		return true;
	for (uint32_t i = 0; i < lists->n_cpuid_exits; i++)
		if (lists->cpuid_exits[i] == leaf)
			return true;
	return false;
}

static enum next run_cpuid(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_regs *const regs = virt_regs(vp->virt);
	const uint32_t leaf = (uint32_t)regs->gpr[X86_RAX];
	const struct x86_cpuid result = cpuid_child(vp, leaf, (uint32_t)regs->gpr[X86_RCX]);

	if (wants_cpuid_exit(vp->partition, leaf)) {
		exit_cpuid(vp, exit, &result);
		return NEXT_LEAVE;
	}
	regs->gpr[X86_RAX] = result.eax;
	regs->gpr[X86_RCX] = result.ecx;
	regs->gpr[X86_RDX] = result.edx;
	regs->gpr[X86_RBX] = result.ebx;
	virt_skip(vp->virt, exit->insn_length);
	return NEXT_ENTER;
}

static enum next run_msr(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_regs *const regs = virt_regs(vp->virt);
	const uint32_t msr = (uint32_t)regs->gpr[X86_RCX];
	enum msr_outcome outcome;
	uint64_t value;

	if (exit->reason == VIRT_EXIT_WRMSR) {
		value = gpr_edx_eax(regs->gpr);
		outcome = msr_guest_write(vp, msr, value);
	} else {
		outcome = msr_guest_read(vp, msr, &value);
		if (outcome == MSR_DONE)
			gpr_set_edx_eax(regs->gpr, value);
	}
	if (outcome == MSR_EXIT) {
		exit_msr(vp, exit);
		return NEXT_LEAVE;
	}
	if (outcome == MSR_FAULT)
		return raise(vp, EXC_GP);
	virt_skip(vp->virt, exit->insn_length);
	return instruction_is_over(vp);
}

static void set_gpr(struct vp *vp, unsigned int gpr, uint64_t value)
{
	struct virt_regs *const regs = virt_regs(vp->virt);

	regs->gpr[gpr] = value;
	regs->changed = true;
}

/* The instruction of an exit is gone: the guest tries again, on its page tables as they stand. */
static __attribute__((noinline, cold)) enum next run_anew(struct vp *vp)
{
	virt_flush(vp->virt);
	return NEXT_AGAIN;
}

/*
 * MOV to and from a debug register, SDM 3B "Debug Registers", SDM 2B "MOV—Move to/from Debug
 * Registers".
 */
static enum next run_dr(struct vp *vp, const struct virt_exit *exit)
{
	unsigned int number = exit->dr.number;
	struct virt_paging paging;
	struct x86_segment cs;
	uint64_t dr7, value;
	bool is_64bit;

	virt_get_paging(vp->virt, &paging);
	virt_get_segment(vp->virt, SEG_CS, &cs);
	is_64bit = (paging.efer & EFER_LMA) && (cs.attributes & SEG_L);

	if (number == 4 || number == 5) {
		if (paging.cr4 & CR4_DE)
			return raise(vp, EXC_UD);
		number += 2;
	}
	if (paging.cpl)
		return raise(vp, EXC_GP);
	dr7 = virt_get(vp->virt, VIRT_DR7);
	if (dr7 & DR7_GD) {
		/*
		 * The delivery of an injected #DB sets neither register; a client that intercepts
		 * it sees what is due.
		 */
		if (event_is_intercepted(vp, EXC_DB))
			return raise_with(vp, EXC_DB, DR6_BD);
		virt_set(vp->virt, VIRT_DR6, virt_get(vp->virt, VIRT_DR6) | DR6_BD);
		virt_set(vp->virt, VIRT_DR7, dr7 & ~DR7_GD);
		return raise(vp, EXC_DB);
	}

	if (exit->dr.is_read) {
		value = number < 4    ? virt_get(vp->virt, (enum virt_reg)(VIRT_DR0 + number))
			: number == 6 ? virt_get(vp->virt, VIRT_DR6)
				      : dr7;
		set_gpr(vp, exit->dr.gpr, is_64bit ? value : value & LOW_32);
		return skip_or_gp(vp, exit, true);
	}
	value = virt_regs(vp->virt)->gpr[exit->dr.gpr];
	if (!is_64bit)
		value &= LOW_32;
	if (number < 4)
		virt_set(vp->virt, (enum virt_reg)(VIRT_DR0 + number), value);
	else if (value & ~LOW_32)
		return raise(vp, EXC_GP);
	else if (number == 6)
		virt_set(vp->virt, VIRT_DR6, (value & DR6_WRITABLE) | DR6_INIT);
	else
		virt_set(vp->virt, VIRT_DR7, (value & DR7_WRITABLE) | DR7_INIT);
	return skip_or_gp(vp, exit, true);
}

static __attribute__((noinline)) enum next run_device_done(struct vp *vp,
							   enum device_outcome outcome)
{
	return outcome == DEVICE_INJECTED ? run_raised(vp) : instruction_is_over(vp);
}

/*
 * Where the emulator's answer leads; the plain exit is the caller's. In each of them, for what
 * nearly always is.
 */
static inline __attribute__((always_inline)) enum next
run_device(struct vp *vp, const struct virt_exit *exit, enum device_outcome outcome)
{
	if (outcome != DEVICE_EXIT)
		return run_device_done(vp, outcome);
	exit_device(vp, exit);
	return NEXT_LEAVE;
}

/* LMSW and SMSW with memory: the operand's exit is the client's, if the emulator leaves it. */
static __attribute__((noinline)) enum next run_msw(struct vp *vp, const struct virt_exit *exit)
{
	const enum device_outcome outcome = device_msw(vp);
	struct virt_exit operand = { .reason = VIRT_EXIT_MEMORY };

	if (outcome != DEVICE_PLAIN)
		return run_device(vp, exit, outcome);
	operand.memory.is_read = exit->reason == VIRT_EXIT_CR_WRITE;
	operand.memory.is_write = !operand.memory.is_read;
	operand.memory.gva_valid = completion_operand(vp, operand.memory.is_write,
						      &operand.memory.gva, &operand.memory.gpa);
	if (!operand.memory.gva_valid)
		return run_anew(vp);
	exit_memory(vp, &operand);
	return NEXT_LEAVE;
}

/*
 * MOV from CR8; from CR0 and CR4 and SMSW, where a processor cannot show a child what it has not.
 */
static enum next run_cr_read(struct vp *vp, const struct virt_exit *exit)
{
	if (exit->cr.gpr == VIRT_GPR_UNKNOWN)
		return run_msw(vp, exit);
	set_gpr(vp, exit->cr.gpr, exit->cr.number == 8 ? vp_cr8(vp) : exit->cr.value);
	virt_skip(vp->virt, exit->insn_length);
	return NEXT_ENTER;
}

/* MOV to a control register, LMSW, CLTS. */
static enum next run_cr_write(struct vp *vp, const struct virt_exit *exit)
{
	if (exit->cr.gpr == VIRT_GPR_UNKNOWN)
		return run_msw(vp, exit);
	return skip_or_gp(vp, exit, cr_write(vp, exit->cr.number, exit->cr.value));
}

static enum next run_io(struct vp *vp, const struct virt_exit *exit)
{
	if (partition_emulates(vp->partition, WHIT_EMULATE_PORTS)) {
		const enum device_outcome outcome = device_io(vp, exit);

		if (outcome != DEVICE_PLAIN)
			return run_device(vp, exit, outcome);
	}
	exit_io(vp, exit);
	return NEXT_LEAVE;
}

/* A write in a partition whose writes are recorded: may the guest try again? */
static __attribute__((noinline)) bool run_write(struct vp *vp, const struct virt_exit *exit)
{
	bool is_resolved;

	if (!exit->memory.is_write ||
	    !(exit->memory.is_walk || gpa_page(&vp->view, exit->memory.gpa).rights & VIRT_TRACKED))
		return false;
	gate_leave(&vp->inside);
	is_resolved = gpa_resolve(vp->partition, exit, vp->view.turn);
	go_in(vp);
	return is_resolved;
}

/* Inline: it has one caller, which has saved all registers. */
static inline __attribute__((always_inline)) enum next run_memory(struct vp *vp,
								  const struct virt_exit *exit)
{
	if (vp->partition->is_tracked && run_write(vp, exit))
		return NEXT_ENTER;
	if (partition_emulates(vp->partition, WHIT_EMULATE_MEMORY) ||
	    apic_covers(&vp->apic, exit->memory.gpa.a)) {
		const enum device_outcome outcome = device_memory(vp, exit);

		if (outcome != DEVICE_PLAIN)
			return run_device(vp, exit, outcome);
	}
	exit_memory(vp, exit);
	return NEXT_LEAVE;
}

/*
 * Halted, or waiting for a SIPI: enter the guest if something wakes it, tell the client, or say
 * that there is nothing to run.
 */
static enum next run_suspended(struct vp *vp, bool has_run)
{
	uint32_t deliverable;
	enum event_wake wake;

	if (__atomic_load_n(&vp->apic.is_due, __ATOMIC_RELAXED))
		prepare_apic(vp);
	wake = event_wakes(vp, &deliverable);
	if (wake == WAKE_CLIENT) {
		exit_interrupt_window(vp, deliverable);
		return NEXT_LEAVE;
	}
	if (wake == WAKE_GUEST)
		vp->activity &= ~(ACTIVITY_HALT | ACTIVITY_IDLE);
	if (!vp->activity) {
		if (vp->apic.page) /* it may have what wakes */
			__atomic_store_n(&vp->apic.is_due, true, __ATOMIC_RELAXED);
		return NEXT_ENTER;
	}
	if (!vp->apic.page)
		return leave(vp, WHvRunVpExitReasonX64Halt);
	if (!(vp->partition->properties.turn_exits & WHIT_TURN_HALT))
		return NEXT_IDLE;
	exit_turn(vp, WHIT_TURN_HALT, has_run);
	return NEXT_TURN;
}

/* The APIC has something for the VP, which may be to start it anew. */
static enum next run_apic(struct vp *vp)
{
	if (vp->apic.has_woken)
		return NEXT_AGAIN;
	prepare_apic(vp);
	return vp->activity ? run_suspended(vp, true) : NEXT_ENTER;
}

/* Without an APIC the client is told, and sees the state after the instruction. */
static enum next run_halt(struct vp *vp, const struct virt_exit *exit)
{
	virt_skip(vp->virt, exit->insn_length);
	if (!vp->apic.page)
		return leave(vp, WHvRunVpExitReasonX64Halt);
	vp->activity |= ACTIVITY_HALT;
	return run_suspended(vp, true);
}

/* A loop of PAUSE has used its time up. */
static enum next run_pause(struct vp *vp, const struct virt_exit *exit)
{
	virt_skip(vp->virt, exit->insn_length);
	if (!(vp->partition->properties.turn_exits & WHIT_TURN_SPIN))
		return NEXT_ENTER;
	exit_turn(vp, WHIT_TURN_SPIN, true);
	return NEXT_LEAVE;
}

static enum next run_rdtsc(struct vp *vp, const struct virt_exit *exit)
{
	exit_rdtsc(vp, exit);
	return NEXT_LEAVE;
}

/*
 * TLFS "Hypercall Interface": from the most privileged mode, and not from real mode; elsewhere
 * there is no such instruction.
 */
static enum next run_hypercall(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_paging paging;

	virt_get_paging(vp->virt, &paging);
	if (!(vp->partition->properties.extended_exits & EXITS_HYPERCALL) || paging.cpl ||
	    !(paging.cr0 & CR0_PE))
		return raise(vp, EXC_UD);
	exit_hypercall(vp, exit);
	return NEXT_LEAVE;
}

/* SDM 2D "XSETBV". */
static enum next run_xsetbv(struct vp *vp, const struct virt_exit *exit)
{
	const struct virt_regs *const regs = virt_regs(vp->virt);
	const uint64_t value = gpr_edx_eax(regs->gpr);
	struct virt_paging paging;

	virt_get_paging(vp->virt, &paging);
	if (!(paging.cr4 & CR4_OSXSAVE))
		return raise(vp, EXC_UD);
	return skip_or_gp(vp, exit,
			  !paging.cpl && !(uint32_t)regs->gpr[X86_RCX] && cr_write_xcr0(vp, value));
}

static enum next run_window(struct vp *vp, const struct virt_exit *exit)
{
	uint32_t deliverable;

	if (!event_window(vp, exit, &deliverable))
		return NEXT_ENTER;
	exit_interrupt_window(vp, deliverable);
	return NEXT_LEAVE;
}

/* The APIC has to act; what the guest did is done. */
static enum next run_apic_exit(struct vp *vp, const struct virt_exit *exit)
{
	apic_exit(vp, exit);
	return instruction_is_over(vp);
}

static enum next run_invd(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_paging paging;

	/* The child's memory is coherent as it is: there is nothing to write back. */
	virt_get_paging(vp->virt, &paging);
	return skip_or_gp(vp, exit, !paging.cpl);
}

/* Exits to be looked at before what was handed over counts as delivered. */
#define UNDELIVERED                                                    \
	(1ull << VIRT_EXIT_INVALID_STATE | 1ull << VIRT_EXIT_NOTHING | \
	 1ull << VIRT_EXIT_TRIPLE_FAULT)

_Static_assert(VIRT_EXIT_COUNT <= 64, "a bit each");

/* Without a timer of the processor's it is here that the VP's own is found to be due. */
static enum next run_nothing(struct vp *vp)
{
	if (virt_machine.has_deadline || !is_timer_due(vp))
		return NEXT_AGAIN;
	__atomic_store_n(&vp->apic.is_due, true, __ATOMIC_RELAXED);
	return NEXT_ENTER;
}

static enum next run_failed(struct vp *vp, const struct virt_exit *exit)
{
	const char *text;
	uint32_t name;

	if (exit->reason == VIRT_EXIT_NOTHING)
		return run_nothing(vp);
	if (exit->reason == VIRT_EXIT_TRIPLE_FAULT) {
		event_tell_shutdown(vp, NULL);
		event_delivered(vp);
		return leave(vp, WHvRunVpExitReasonUnrecoverableException);
	}
	text = entry_refusal(vp, &name);
	vp_page_error(vp, name, text);
	return leave(vp, WHvRunVpExitReasonInvalidVpRegisterValue);
}

static enum next run_exit(struct vp *vp, const struct virt_exit *exit)
{
	switch (exit->reason) {
	case VIRT_EXIT_INTERRUPT:
	case VIRT_EXIT_NMI: return NEXT_AGAIN; /* the root meets it as soon as it runs */
	case VIRT_EXIT_KICK: return NEXT_ENTER;
	case VIRT_EXIT_INTERRUPT_WINDOW:
	case VIRT_EXIT_NMI_WINDOW: return run_window(vp, exit);
	case VIRT_EXIT_CPUID: return run_cpuid(vp, exit);
	case VIRT_EXIT_HLT: return run_halt(vp, exit);
	case VIRT_EXIT_IO: return run_io(vp, exit);
	case VIRT_EXIT_RDMSR:
	case VIRT_EXIT_WRMSR: return run_msr(vp, exit);
	case VIRT_EXIT_CR_WRITE: return run_cr_write(vp, exit);
	case VIRT_EXIT_CR_READ: return run_cr_read(vp, exit);
	case VIRT_EXIT_DR: return run_dr(vp, exit);
	case VIRT_EXIT_INVD: return run_invd(vp, exit);
	case VIRT_EXIT_INVLPG: return skip_or_gp(vp, exit, true);
	case VIRT_EXIT_MEMORY: return run_memory(vp, exit);
	case VIRT_EXIT_HYPERCALL: return run_hypercall(vp, exit);
	case VIRT_EXIT_XSETBV: return run_xsetbv(vp, exit);
	case VIRT_EXIT_HIDDEN_INSN: return raise(vp, EXC_UD);
	case VIRT_EXIT_RDPMC: return raise(vp, EXC_GP);
	case VIRT_EXIT_EXCEPTION: exit_exception(vp, exit); return NEXT_LEAVE;
	case VIRT_EXIT_TASK_SWITCH:
		exit_unsupported(vp, WHvUnsupportedFeatureTaskSwitchTss,
				 exit->task_switch.selector);
		return NEXT_LEAVE;
	case VIRT_EXIT_RDTSC: return run_rdtsc(vp, exit);
	case VIRT_EXIT_PAUSE: return run_pause(vp, exit);
	case VIRT_EXIT_DEADLINE:
	case VIRT_EXIT_TPR:
	case VIRT_EXIT_APIC_WRITE:
	case VIRT_EXIT_APIC_EOI: return run_apic_exit(vp, exit);
	case VIRT_EXIT_TRIPLE_FAULT: /* run_failed() */
	case VIRT_EXIT_INVALID_STATE:
	case VIRT_EXIT_NOTHING:
	case VIRT_EXIT_STEP:
	case VIRT_EXIT_COUNT: break;
	}
	virt_panic("exit of a child for reason %u", (unsigned int)exit->reason);
}

/* A cancel is used up by the one exit that it causes. */
static bool is_canceled(struct vp *vp)
{
	return __atomic_load_n(&vp->cancel, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&vp->cancel, 0u, __ATOMIC_ACQUIRE);
}

/*
 * The rest of an exit that few have: parts that the processor does not tell, an event that they
 * interrupted. False: the instruction is gone.
 */
static __attribute__((noinline)) bool take_rest(struct vp *vp, struct virt_exit *exit)
{
	if (exit->is_partial && !completion_of(vp, exit))
		return false;
	event_interrupted(vp, &exit->interrupted);
	return true;
}

/* Does somebody want something of the VP? */
static inline bool is_wanted(const struct vp *vp)
{
	return __atomic_load_n(&vp->cancel, __ATOMIC_RELAXED) |
	       __atomic_load_n(&vp->apic.is_due, __ATOMIC_RELAXED);
}

/*
 * A kick says that something may have changed of what is looked at from here on: the gate, the
 * cancel flag, the APIC. Most come for the APIC.
 */
static enum next run_wanted(struct vp *vp)
{
	virt_heard();
	if (!gate_holds(&vp->partition->gate, &vp->inside))
		go_out_and_in(vp);
	if (is_canceled(vp))
		return leave(vp, WHvRunVpExitReasonCanceled);
	return __atomic_load_n(&vp->apic.is_due, __ATOMIC_RELAXED) ? run_apic(vp) : NEXT_ENTER;
}

/* One entry, and what its exit leads to. */
static enum next run_once(struct vp *vp, struct root *root)
{
	struct virt_exit exit;
	enum next next;
	uint8_t rest;

	if (unlikely(!gate_holds(&vp->partition->gate, &vp->inside)))
		go_out_and_in(vp);
	if (unlikely(is_wanted(vp)) && (next = run_wanted(vp)) != NEXT_ENTER)
		return next;
	if (!event_prepare(vp))
		return leave(vp, WHvRunVpExitReasonInvalidVpRegisterValue);
	virt_run(vp->virt, &exit);
	vp->exits[exit.reason]++;
	root->child_exits[exit.reason]++;
	if (UNDELIVERED >> exit.reason & 1)
		return run_failed(vp, &exit);
	event_delivered(vp);
	rest = exit.is_partial | exit.interrupted.type;
	if (unlikely(rest) && !take_rest(vp, &exit))
		return run_anew(vp);
	return run_exit(vp, &exit);
}

/* The next step of a VP that sleeps. Its timer goes on. */
static __attribute__((noinline)) enum next run_asleep(struct vp *vp)
{
	if (is_timer_due(vp))
		prepare_apic(vp);
	return vp->activity ? run_suspended(vp, false) : NEXT_ENTER;
}

/*
 * Cases that are decided without entering the guest. The function is out of line because they are
 * rare.
 */
static __attribute__((noinline)) enum next run_before(struct vp *vp)
{
	if (is_canceled(vp))
		return leave(vp, WHvRunVpExitReasonCanceled);
	if (vp->partition->time_stopped)
		do_locked(vp, let_time_go_on);
	return vp->activity ? run_asleep(vp) : NEXT_ENTER;
}

/* Take the client's answer, and go on with the instruction that waits for it. */
static enum next run_answered(struct vp *vp)
{
	enum device_outcome outcome;

	if (device_is_idle(vp))
		return NEXT_ENTER;
	outcome = device_continue(vp);
	if (outcome == DEVICE_RESUME)
		return instruction_is_over(vp);
	return run_device(vp, NULL, outcome);
}

static inline bool is_ready(const struct vp *vp)
{
	return !(__atomic_load_n(&vp->cancel, __ATOMIC_RELAXED) | vp->activity |
		 vp->partition->time_stopped);
}

/*
 * The VP is going to sleep, unless something has come for it: whoever brings something writes it,
 * and then looks whether the VP sleeps (owner_tell()).
 */
static bool may_sleep(struct vp *vp)
{
	(void)__atomic_exchange_n(&vp->is_asleep, true, __ATOMIC_SEQ_CST);
	if (likely(!__atomic_load_n(&vp->apic.is_due, __ATOMIC_SEQ_CST) &&
		   !__atomic_load_n(&vp->cancel, __ATOMIC_SEQ_CST)))
		return true;
	__atomic_store_n(&vp->is_asleep, false, __ATOMIC_RELAXED);
	return false;
}

static uint32_t run_again(struct vp *vp, const struct root *root, uint64_t *bound)
{
	*bound = time_of_root(root, virt_bound(vp->virt));
	return WHIT_S_AGAIN;
}

static inline uint32_t run_result(struct vp *vp, const struct root *root, enum next next,
				  uint64_t *time)
{
	uint64_t wakes;

	vp_page_publish(vp);
	if (next == NEXT_LEAVE)
		return RESULT(S_OK);
	if (next == NEXT_AGAIN)
		return run_again(vp, root, time);
	wakes = time_of_root(root, apic_wake_time(&vp->apic));
	if (next == NEXT_TURN) {
		exit_turn_until(vp, wakes);
		return RESULT(S_OK);
	}
	if (!may_sleep(vp))
		return run_again(vp, root, time);
	*time = wakes;
	return WHIT_S_IDLE;
}

static inline void begin(struct vp *vp)
{
	go_in(vp);
	__atomic_store_n(&vp->is_asleep, false, __ATOMIC_RELAXED);
	if (__atomic_load_n(&vp->page->dirty, __ATOMIC_RELAXED))
		vp_page_absorb(vp);
	if (device_is_waiting(vp))
		device_accept(vp);
}

/* In one piece: a copy of its head in the caller would have the registers saved twice. */
__attribute__((noinline)) uint32_t vp_run(struct vp *vp, struct root *root, uint64_t *time)
{
	enum next next = NEXT_ENTER;
	uint32_t result;

	begin(vp);
	if (!is_ready(vp))
		next = run_before(vp);
	if (next == NEXT_ENTER)
		next = run_answered(vp);
	if (next == NEXT_ENTER) {
		vp->run_ticks -= virt_tsc();
		virt_switch(root->virt, vp->virt);
		do {
			next = run_once(vp, root);
		} while (next == NEXT_ENTER);
		virt_switch(vp->virt, root->virt);
		vp->run_ticks += virt_tsc();
	}
	settle_apic_page(vp);
	vp->apic.has_woken = false;
	result = run_result(vp, root, next, time);
	gate_leave(&vp->inside);
	owner_release(vp);
	return result;
}
