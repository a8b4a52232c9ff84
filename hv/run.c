/* SPDX-License-Identifier: MIT */
/*
 * WHvRunVirtualProcessor: enter a child until something happens that its client must see. docs/exits.md
 * says, reason by reason, what is answered here and what becomes which WHP exit.
 *
 * Nothing here loops for longer than the guest runs: each turn is one entry, a physical interrupt ends the
 * entry, and a cancel is looked at before each. So a guest that exits for ever cannot hold the root.
 */
#include "hv/vp.h"

#include "hv/cpuid.h"
#include "hv/cr.h"
#include "hv/device.h"
#include "hv/entry.h"
#include "hv/event.h"
#include "hv/exit.h"
#include "hv/gpa.h"
#include "hv/msr.h"
#include "whit/log.h"
#include "whp/WinHvExits.h"
#include "x86/cr.h"
#include "x86/exc.h"

/* WHV_EXTENDED_VM_EXITS */
#define EXITS_CPUID (1ull << 0)
#define EXITS_MSR   (1ull << 1)

/* WHV_INTERNAL_ACTIVITY_REGISTER */
#define ACTIVITY_STARTUP (1ull << 0)
#define ACTIVITY_HALT	 (1ull << 1)
#define ACTIVITY_IDLE	 (1ull << 2)

/* What MOV can set in DR6 and DR7. RTM and bus locks are not offered. */
#define DR6_WRITABLE 0x0000e00full
#define DR7_WRITABLE 0xffff23ffull
#define DR6_BD	     (1ull << 13)
#define DR7_GD	     (1ull << 13)

#define LOW_32 0xffffffffull

/* What comes after an exit. */
enum next {
	NEXT_ENTER, /* the guest again */
	NEXT_LEAVE, /* the client: the record is written */
	NEXT_AGAIN  /* the root, for a moment: the client sees nothing */
};

static enum next leave(struct vp *vp, uint32_t reason)
{
	exit_plain(vp, reason);
	return NEXT_LEAVE;
}

static enum next raise(struct vp *vp, uint8_t vector)
{
	const struct emu_exception exception = {
		.vector = vector,
		.has_error_code = vector == EXC_GP, /* the only one raised here that has; it is 0 */
	};

	if (!event_raise(vp, &exception))
		return leave(vp, WHvRunVpExitReasonUnrecoverableException);
	return NEXT_ENTER;
}

/* The instruction is done, or it gets #GP(0). */
static enum next skip_or_gp(struct vp *vp, const struct virt_exit *exit, bool is_done)
{
	if (!is_done)
		return raise(vp, EXC_GP);
	virt_skip(vp->virt, exit);
	return NEXT_ENTER;
}

static bool wants_cpuid_exit(const struct partition *partition, uint32_t leaf)
{
	const struct properties *const properties = &partition->properties;

	if (!(properties->extended_exits & EXITS_CPUID))
		return false;
	for (uint32_t i = 0; i < properties->n_cpuid_exits; i++)
		if (properties->cpuid_exits[i] == leaf)
			return true;
	return !properties->n_cpuid_exits;
}

static enum next run_cpuid(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_regs *const regs = virt_regs(vp->virt);
	const uint32_t leaf = (uint32_t)regs->gpr[0];
	const struct x86_cpuid result = cpuid_child(vp, leaf, (uint32_t)regs->gpr[1]);

	if (wants_cpuid_exit(vp->partition, leaf)) {
		exit_cpuid(vp, exit, &result);
		return NEXT_LEAVE;
	}
	regs->gpr[0] = result.eax;
	regs->gpr[1] = result.ecx;
	regs->gpr[2] = result.edx;
	regs->gpr[3] = result.ebx;
	virt_skip(vp->virt, exit);
	return NEXT_ENTER;
}

static enum next run_msr(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_regs *const regs = virt_regs(vp->virt);
	const uint32_t msr = (uint32_t)regs->gpr[1];
	uint64_t value;
	bool is_done;

	if ((vp->partition->properties.extended_exits & EXITS_MSR) && !msr_exists(msr)) {
		exit_msr(vp, exit);
		return NEXT_LEAVE;
	}
	if (exit->reason == VIRT_EXIT_WRMSR) {
		value = (regs->gpr[0] & LOW_32) | regs->gpr[2] << 32;
		return skip_or_gp(vp, exit, msr_write(vp, msr, value));
	}
	is_done = msr_read(vp, msr, &value);
	if (is_done) {
		regs->gpr[0] = value & LOW_32;
		regs->gpr[2] = value >> 32;
	}
	return skip_or_gp(vp, exit, is_done);
}

static void set_gpr(struct vp *vp, unsigned int gpr, uint64_t value)
{
	struct virt_regs *const regs = virt_regs(vp->virt);

	regs->gpr[gpr] = value;
	regs->changed = true;
}

/* MOV from CR8; the others are not asked for. */
static enum next run_cr_read(struct vp *vp, const struct virt_exit *exit)
{
	if (exit->cr.number != 8)
		virt_panic("exit for a read of CR%u", exit->cr.number);
	set_gpr(vp, exit->cr.gpr, vp->cr8);
	virt_skip(vp->virt, exit);
	return NEXT_ENTER;
}

/* MOV to and from a debug register, SDM 3B "Debug Registers", SDM 2B "MOV—Move to/from Debug Registers". */
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
		/* The delivery of an injected #DB sets neither register. */
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

/* Where the emulator's answer leads; the plain exit is the caller's. */
static enum next run_device(struct vp *vp, const struct virt_exit *exit,
			    enum device_outcome outcome)
{
	if (outcome != DEVICE_EXIT)
		return NEXT_ENTER;
	exit_device(vp, exit);
	return NEXT_LEAVE;
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

static enum next run_memory(struct vp *vp, const struct virt_exit *exit)
{
	if (vp->partition->is_tracked && gpa_resolve(vp->partition, exit))
		return NEXT_ENTER;
	if (partition_emulates(vp->partition, WHIT_EMULATE_MEMORY)) {
		const enum device_outcome outcome = device_memory(vp, exit);

		if (outcome != DEVICE_PLAIN)
			return run_device(vp, exit, outcome);
	}
	exit_memory(vp, exit);
	return NEXT_LEAVE;
}

/* The only exit with the state after the instruction. */
static enum next run_halt(struct vp *vp, const struct virt_exit *exit)
{
	virt_skip(vp->virt, exit);
	return leave(vp, WHvRunVpExitReasonX64Halt);
}

static enum next run_invd(struct vp *vp, const struct virt_exit *exit)
{
	struct virt_paging paging;

	/* The child's memory is coherent as it is: there is nothing to write back. */
	virt_get_paging(vp->virt, &paging);
	return skip_or_gp(vp, exit, !paging.cpl);
}

/* Meant for the root, and not yet passed on: one processor is all that Whit takes over today. */
static enum next run_init_or_sipi(void)
{
	static bool is_logged;

	if (!__atomic_exchange_n(&is_logged, true, __ATOMIC_RELAXED))
		log_line(LOG_NOTICE, "INIT or SIPI while a child ran: ignored");
	return NEXT_AGAIN;
}

static enum next run_refused(struct vp *vp)
{
	uint32_t name;
	const char *const text = entry_refusal(vp, &name);

	vp_page_error(vp, name, text);
	return leave(vp, WHvRunVpExitReasonInvalidVpRegisterValue);
}

static enum next run_exit(struct vp *vp, const struct virt_exit *exit)
{
	switch (exit->reason) {
	case VIRT_EXIT_INTERRUPT:
	case VIRT_EXIT_NMI: return NEXT_AGAIN; /* the root meets it as soon as it runs */
	case VIRT_EXIT_INTERRUPT_WINDOW:
	case VIRT_EXIT_NMI_WINDOW:
		exit_interrupt_window(vp, event_window(vp, exit));
		return NEXT_LEAVE;
	case VIRT_EXIT_CPUID: return run_cpuid(vp, exit);
	case VIRT_EXIT_HLT: return run_halt(vp, exit);
	case VIRT_EXIT_IO: return run_io(vp, exit);
	case VIRT_EXIT_RDMSR:
	case VIRT_EXIT_WRMSR: return run_msr(vp, exit);
	case VIRT_EXIT_CR_WRITE:
		return skip_or_gp(vp, exit, cr_write(vp, exit->cr.number, exit->cr.value));
	case VIRT_EXIT_CR_READ: return run_cr_read(vp, exit);
	case VIRT_EXIT_DR: return run_dr(vp, exit);
	case VIRT_EXIT_INVD: return run_invd(vp, exit);
	case VIRT_EXIT_INVLPG: return skip_or_gp(vp, exit, true);
	case VIRT_EXIT_MEMORY: return run_memory(vp, exit);
	case VIRT_EXIT_HYPERCALL:
	case VIRT_EXIT_XSETBV:
	case VIRT_EXIT_HIDDEN_INSN: return raise(vp, EXC_UD);
	case VIRT_EXIT_EXCEPTION: exit_exception(vp, exit); return NEXT_LEAVE;
	case VIRT_EXIT_TRIPLE_FAULT: return leave(vp, WHvRunVpExitReasonUnrecoverableException);
	case VIRT_EXIT_TASK_SWITCH:
		exit_unsupported(vp, WHvUnsupportedFeatureTaskSwitchTss, 0);
		return NEXT_LEAVE;
	case VIRT_EXIT_INIT:
	case VIRT_EXIT_SIPI: return run_init_or_sipi();
	case VIRT_EXIT_INVALID_STATE:
	case VIRT_EXIT_NOTHING:
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

/* One entry, and what its exit leads to. */
static enum next run_once(struct vp *vp)
{
	struct virt_exit exit;

	if (is_canceled(vp))
		return leave(vp, WHvRunVpExitReasonCanceled);
	if (!event_prepare(vp))
		return leave(vp, WHvRunVpExitReasonInvalidVpRegisterValue);
	virt_run(vp->virt, &exit);
	__atomic_fetch_add(&hv.stats.child_exits[exit.reason], 1, __ATOMIC_RELAXED);
	if (exit.reason == VIRT_EXIT_INVALID_STATE)
		return run_refused(vp);
	if (exit.reason == VIRT_EXIT_NOTHING)
		return NEXT_AGAIN;
	event_delivered(vp);
	if (exit.interrupted.type != VIRT_EVENT_NONE)
		event_interrupted(vp, &exit.interrupted);
	return run_exit(vp, &exit);
}

/*
 * Suspended by the client, through InternalActivityState: there is nothing to run. An event wakes a halted
 * VP as it wakes a processor; one that waits for its start-up wakes when the client says so.
 */
static bool is_suspended(struct vp *vp)
{
	if (vp->pending.type != VIRT_EVENT_NONE)
		vp->activity &= ~(ACTIVITY_HALT | ACTIVITY_IDLE);
	return vp->activity & (ACTIVITY_STARTUP | ACTIVITY_HALT | ACTIVITY_IDLE);
}

/* What can be said without entering the guest. */
static enum next run_before(struct vp *vp)
{
	if (is_canceled(vp))
		return leave(vp, WHvRunVpExitReasonCanceled);
	if (vp->activity && is_suspended(vp))
		return leave(vp, WHvRunVpExitReasonX64Halt);
	if (!device_is_idle(vp))
		return run_device(vp, NULL, device_continue(vp));
	return NEXT_ENTER;
}

uint32_t vp_run(struct vp *vp, struct root *root)
{
	enum next next;

	if (vp->device.is_waiting)
		device_accept(vp);
	next = run_before(vp);
	if (next != NEXT_ENTER) {
		vp_page_publish(vp);
		return RESULT(S_OK);
	}
	virt_switch(root->virt, vp->virt);
	do {
		next = run_once(vp);
	} while (next == NEXT_ENTER);
	vp_page_publish(vp);
	virt_switch(vp->virt, root->virt);
	return next == NEXT_AGAIN ? WHIT_S_AGAIN : RESULT(S_OK);
}
