/* SPDX-License-Identifier: MIT */
/*
 * The root partition's exits. The root has the processor that it had before Whit, less VMX, SMX,
 * SVM and features that write to memory past the nested page tables (Intel PT, PEBS, hardware
 * feedback), plus VMCALL or VMMCALL. Each handler has the effect of the instruction, down to the
 * fault. There is no policy here, and nothing that a child could influence.
 */
#include "hv/root.h"

#include "hv/cpu/cpuid.h"
#include "hv/cpu/cr.h"
#include "hv/vp/event.h"
#include "hv/cpu/msr.h"
#include "hv/root/root_event.h"
#include "hv/root/icr_trap.h"
#include "hv/call/hypercall.h"
#include "hv/root/memory.h"
#include "hv/root/root_msr.h"
#include "whit/log.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

static void root_skip_or_gp(struct root *root, const struct virt_exit *exit, bool is_done)
{
	if (is_done)
		virt_skip(root->virt, exit->insn_length);
	else
		root_raise(root, exit, EXC_GP);
}

static void root_cpuid(struct root *root, const struct virt_exit *exit)
{
	struct virt_regs *const regs = virt_regs(root->virt);
	const struct x86_cpuid result =
		cpuid_root(root, (uint32_t)regs->gpr[X86_RAX], (uint32_t)regs->gpr[X86_RCX]);

	regs->gpr[X86_RAX] = result.eax;
	regs->gpr[X86_RCX] = result.ecx;
	regs->gpr[X86_RDX] = result.edx;
	regs->gpr[X86_RBX] = result.ebx;
	virt_skip(root->virt, exit->insn_length);
}

static void root_hypercall(struct root *root, const struct virt_exit *exit)
{
	if (!exit->hypercall.is_kernel64) {
		root_raise(root, exit, EXC_UD);
		return;
	}
	hypercall(root);
	virt_skip(root->virt, exit->insn_length);
}

static void root_xsetbv(struct root *root, const struct virt_exit *exit)
{
	const struct virt_regs *const regs = virt_regs(root->virt);
	const uint64_t value = gpr_edx_eax(regs->gpr);
	struct virt_paging paging;

	/* CR4.OSXSAVE was set, or there would have been #UD in place of the exit. */
	virt_get_paging(root->virt, &paging);
	if (paging.cpl || (uint32_t)regs->gpr[X86_RCX] || !cr_xcr0_is_legal(value) ||
	    !virt_xsetbv(0, value)) {
		root_raise(root, exit, EXC_GP);
		return;
	}
	root->xcr0 = value;
	virt_skip(root->virt, exit->insn_length);
}

static void root_rdmsr(struct root *root, const struct virt_exit *exit)
{
	struct virt_regs *const regs = virt_regs(root->virt);
	uint64_t value;
	const bool is_done = msr_read_root(root, (uint32_t)regs->gpr[X86_RCX], &value);

	if (is_done)
		gpr_set_edx_eax(regs->gpr, value);
	root_skip_or_gp(root, exit, is_done);
}

static void root_wrmsr(struct root *root, const struct virt_exit *exit)
{
	const struct virt_regs *const regs = virt_regs(root->virt);
	const uint64_t value = gpr_edx_eax(regs->gpr);

	const enum msr_outcome outcome = msr_write_root(root, (uint32_t)regs->gpr[X86_RCX], value);

	if (outcome != MSR_AGAIN)
		root_skip_or_gp(root, exit, outcome == MSR_DONE);
}

/* INVD would drop what the hypervisor has in the caches: WBINVD is what firmware means by it. */
static void root_invd(struct root *root, const struct virt_exit *exit)
{
	virt_wbinvd();
	virt_skip(root->virt, exit->insn_length);
}

/* 32-bit code can do it, and VMX leaves the work to software: nobody has missed it yet. */
static void root_task_switch(struct root *root, const struct virt_exit *exit)
{
	static bool is_logged;

	if (!__atomic_exchange_n(&is_logged, true, __ATOMIC_RELAXED))
		log_line(LOG_ERROR, "root: hardware task switch refused with #GP");
	root_raise(root, exit, EXC_GP);
}

/* True: the exit is another one now, the end of a step, which cannot be such a write again. */
static bool root_memory(struct root *root, struct virt_exit *exit)
{
	if (unlikely(icr_trap_is_hit(exit))) {
		icr_trap_step(root, exit);
		return true;
	}
	root_memory_fault(root, exit);
	return false;
}

/*
 * Nothing has run; an INIT may be the reason. Nobody can kick a root while it waits for its SIPI,
 * and it uses no memory, so it does so outside the gate. True: another exit is there.
 */
static bool root_wait(struct root *root, struct virt_exit *exit)
{
	if (!virt_waits(root->virt))
		return false;
	virt_run(root->virt, exit);
	return true;
}

/* True: there is another exit to answer. */
static bool root_exit(struct root *root, struct virt_exit *exit)
{
	switch (exit->reason) {
	case VIRT_EXIT_CPUID: root_cpuid(root, exit); return false;
	case VIRT_EXIT_HYPERCALL: root_hypercall(root, exit); return false;
	case VIRT_EXIT_XSETBV: root_xsetbv(root, exit); return false;
	case VIRT_EXIT_INVD: root_invd(root, exit); return false;
	case VIRT_EXIT_RDMSR: root_rdmsr(root, exit); return false;
	case VIRT_EXIT_WRMSR: root_wrmsr(root, exit); return false;
	case VIRT_EXIT_CR_WRITE:
		root_skip_or_gp(root, exit, cr_write_root(root, exit->cr.number, exit->cr.value));
		return false;
	case VIRT_EXIT_MEMORY: return root_memory(root, exit);
	case VIRT_EXIT_HIDDEN_INSN: root_raise(root, exit, EXC_UD); return false;
	case VIRT_EXIT_TASK_SWITCH: root_task_switch(root, exit); return false;
	case VIRT_EXIT_TRIPLE_FAULT: root_reset(root, "shutdown (triple fault)");
	case VIRT_EXIT_NOTHING: return root_wait(root, exit);
	case VIRT_EXIT_STEP: /* its work is done */
	case VIRT_EXIT_KICK: return false;
	case VIRT_EXIT_INTERRUPT:
	case VIRT_EXIT_NMI:
	case VIRT_EXIT_INTERRUPT_WINDOW:
	case VIRT_EXIT_NMI_WINDOW:
	case VIRT_EXIT_HLT:
	case VIRT_EXIT_IO:
	case VIRT_EXIT_CR_READ:
	case VIRT_EXIT_DR:
	case VIRT_EXIT_INVLPG:
	case VIRT_EXIT_EXCEPTION:
	case VIRT_EXIT_INVALID_STATE:
	case VIRT_EXIT_DEADLINE:
	case VIRT_EXIT_RDTSC:
	case VIRT_EXIT_PAUSE:
	case VIRT_EXIT_TPR:
	case VIRT_EXIT_APIC_WRITE:
	case VIRT_EXIT_APIC_EOI:
	case VIRT_EXIT_RDPMC:
	case VIRT_EXIT_COUNT: break; /* not asked for, or our own bug */
	}
	virt_panic("exit of the root for reason %u", (unsigned int)exit->reason);
}

const char *root_prepare(struct root *root)
{
	msr_guard_root(root);
	return hv.icr_page ? icr_trap_prepare(root) : NULL;
}

static inline void root_enter(struct root *root)
{
	const uint64_t known = root->turn;
	const uint64_t turn = gate_enter(&hv.root_gate, &root->inside, known);

	if (likely(turn == known))
		return;
	root->turn = turn;
	virt_renew(root->virt);
}

/* Not a part of its caller, in which `root` would stand in memory. */
__attribute__((noinline)) void root_run(struct root *root)
{
	struct virt_exit exit;

	for (;;) {
		root_enter(root);
		virt_run(root->virt, &exit);
		gate_leave(&root->inside);
		do
			root->root_exits[exit.reason]++;
		while (unlikely(root_exit(root, &exit)));
	}
}
