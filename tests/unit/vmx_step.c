/* SPDX-License-Identifier: MIT */
/*
 * arch/vmx/{run,exit,inject}.c on a VMCS in memory: whatever leads to an entry in a shadow, the processor's rule for
 * the pending single step is kept (SDM 3C "Checks on Guest Non-Register State"); INT1 tells of no step; and no fault
 * goes into a guest that hv/ has not raised.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the place of arch/vmx/vmcs.h, whose instructions only VT-x has. */
#include "arch/x86/percpu.h"
#define ARCH_VMX_VMCS_H
#include "arch/virt.h"
#include "arch/vmx/fields.h"
#include "x86/compiler.h"

static uint64_t vmcs[0x8000];
static struct percpu the_cpu;

#define percpu() (&the_cpu)

static uint64_t vmread(uint64_t field)
{
	return vmcs[field];
}

static uint32_t vmread32(uint64_t field)
{
	return (uint32_t)vmcs[field];
}

static void vmwrite(uint64_t field, uint64_t value)
{
	vmcs[field] = value;
}

static void vmcs_load(struct virt_vp *vp)
{
	(void)vp;
}

void vmcs_clear(spa_t page);
void vmcs_select(struct virt_vp *vp);

static bool vmx_vmread(uint64_t field, uint64_t *value)
{
	*value = vmcs[field];
	return true;
}

#include "arch/vmx/inject.c"
#include "arch/vmx/exit.c"
#include "arch/vmx/run.c"
#include "arch/x86/held.c"
#include "tests/check.h"

/* ---- What is not called, or does nothing here ---- */

struct caps vmx_caps;

void vmcs_clear(spa_t page)
{
	(void)page;
}

void vmcs_select(struct virt_vp *vp)
{
	(void)vp;
}

void x86_unblock_nmi(void)
{
}

void log_line(enum whit_log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

void virt_panic(const char *format, ...)
{
	FAIL("panic: %s", format);
	exit(1);
}

bool deadline_is_for_root(struct virt_vp *child)
{
	(void)child;
	return true;
}

void deadline_arm(struct virt_vp *child)
{
	(void)child;
}

bool apic_mend_threshold(struct virt_vp *vp)
{
	(void)vp;
	return false;
}

void switch_lay(struct virt_vp *child)
{
	(void)child;
}

void switch_lay_syscall(struct percpu *cpu, struct virt_vp *child)
{
	(void)cpu;
	(void)child;
}

void vpid_flush(struct virt_vp *vp)
{
	(void)vp;
}

void vmx_set_proc(struct virt_vp *vp, uint32_t proc)
{
	vmx_vp(vp)->proc = proc;
}

void vmx_set_proc2(struct virt_vp *vp, uint32_t proc2)
{
	vmx_vp(vp)->proc2 = proc2;
}

uint64_t virt_get(struct virt_vp *vp, enum virt_reg reg)
{
	virt_panic("virt_get %p %u", (void *)vp, reg);
}

static bool syscall_is_legal;

bool switch_written(struct virt_vp *root, uint32_t msr, uint64_t value)
{
	(void)root;
	(void)msr;
	(void)value;
	return syscall_is_legal;
}

/* ---- The processor ---- */

#define STI    INTERRUPTIBILITY_STI
#define MOV_SS INTERRUPTIBILITY_MOV_SS
#define BS     PENDING_DEBUG_BS

static struct vmx_vp vmx;
#define vp (vmx.vp)

/* The exits to come, and what each entry had to deliver. */
static struct step {
	uint32_t reason, info, shadow;
	uint64_t qualification, pending, rflags;
} script[8];
static uint32_t injected[8];
static unsigned int n_steps, next_step;

static bool is_step_legal(const struct virt_regs *regs)
{
	const bool is_step =
		(regs->rflags & RFLAGS_TF) && !(vmcs[VMCS_GUEST_DEBUGCTL] & DEBUGCTL_BTF);
	const bool is_pending = vmcs[VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS] & BS;

	return !(vmcs[VMCS_GUEST_INTERRUPTIBILITY_STATE] & (STI | MOV_SS)) || is_pending == is_step;
}

uint64_t vmx_enter(struct virt_regs *regs, uint64_t is_launched)
{
	const struct step *const step = &script[next_step];

	(void)is_launched;
	CHECK(next_step < n_steps);
	CHECK(is_step_legal(regs));
	injected[next_step++] = (uint32_t)vmcs[VMCS_ENTRY_INTERRUPTION_INFO];
	vmcs[VMCS_ENTRY_INTERRUPTION_INFO] &= ~(uint64_t)INTR_VALID;
	vmcs[VMCS_EXIT_REASON] = step->reason;
	vmcs[VMCS_EXIT_INTERRUPTION_INFO] = step->info;
	vmcs[VMCS_EXIT_QUALIFICATION] = step->qualification;
	vmcs[VMCS_EXIT_INSTRUCTION_LENGTH] = 1;
	vmcs[VMCS_IDT_VECTORING_INFO] = 0;
	vmcs[VMCS_GUEST_INTERRUPTIBILITY_STATE] = step->shadow;
	vmcs[VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS] = step->pending;
	vmcs[VMCS_GUEST_RFLAGS] = step->rflags;
	return ENTER_OK;
}

#define STEP_INFO(type, vector) (INTR_VALID | (type) << INTR_TYPE_SHIFT | (vector))
#define INT1_INFO		STEP_INFO(INTR_PRIVILEGED_SOFT, 1u)
#define TRAP_INFO		STEP_INFO(INTR_HARD_EXCEPTION, 1u)

static void begin(uint64_t debugctl, uint32_t exceptions)
{
	memset(vmcs, 0, sizeof(vmcs));
	memset(&vmx, 0, sizeof(vmx));
	vmx.exceptions = exceptions;
	vp.regs.rflags = RFLAGS_ONE;
	vmcs[VMCS_GUEST_DEBUGCTL] = debugctl;
	vmcs[VMCS_GUEST_CR0] = CR0_PE;
	n_steps = next_step = 0;
}

static void push(struct step step)
{
	if (!step.rflags)
		step.rflags = RFLAGS_ONE | RFLAGS_TF;
	script[n_steps++] = step;
}

static struct virt_exit run(void)
{
	struct virt_exit exit;

	virt_run(&vp, &exit);
	CHECK_EQ(next_step, n_steps);
	return exit;
}

/* MOV SS, INT1 with TF: handed on to the guest, which gets INT1 and no step. Bochs 2.7 tells of one. */
static void int1_behind_mov_ss_is_handed_on(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		begin(i & 1 ? DEBUGCTL_BTF : 0, 0);
		push((struct step) {
			.info = INT1_INFO, .shadow = MOV_SS, .qualification = i & 2 ? BS : 0 });
		push((struct step) { .reason = REASON_CPUID });
		CHECK_EQ(run().reason, VIRT_EXIT_CPUID);
		CHECK_EQ(injected[1], INT1_INFO);
		CHECK_EQ(vp.dr6 & BS, 0);
	}
}

static void int1_behind_mov_ss_is_the_clients(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct virt_exit exit;

		begin(i & 1 ? DEBUGCTL_BTF : 0, 1u << EXC_DB);
		push((struct step) {
			.info = INT1_INFO, .shadow = MOV_SS, .qualification = i & 2 ? BS : 0 });
		exit = run();
		CHECK_EQ(exit.reason, VIRT_EXIT_EXCEPTION);
		CHECK_EQ(exit.exception.address, 0);
		CHECK(exit.exception.is_software);
		/* It looks, and goes on: as it is, or with the event, or with a #DB of its own. */
		for (unsigned int type = 0; type < 3; type++) {
			static const struct virt_event events[] = {
				{ .type = VIRT_EVENT_NONE },
				{ .type = VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION,
				  .vector = EXC_DB,
				  .length = 1 },
				{ .type = VIRT_EVENT_EXCEPTION, .vector = EXC_DB },
			};

			virt_inject(&vp, &events[type]);
			push((struct step) { .info = INT1_INFO, .shadow = MOV_SS });
			CHECK_EQ(run().reason, VIRT_EXIT_EXCEPTION);
		}
	}
}

/* A trap behind STI has ended its shadow: no second step comes out of the first, whoever gets it. */
static void a_trap_behind_sti_comes_once(void)
{
	for (unsigned int is_client = 0; is_client < 2; is_client++) {
		begin(0, is_client ? 1u << EXC_DB : 0);
		push((struct step) { .info = TRAP_INFO, .shadow = STI, .qualification = BS });
		if (is_client) {
			CHECK_EQ(run().exception.address, BS);
			CHECK_EQ(vmcs[VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS], 0);
		}
		push((struct step) { .reason = REASON_CPUID });
		CHECK_EQ(run().reason, VIRT_EXIT_CPUID);
		CHECK_EQ(injected[1], is_client ? 0 : TRAP_INFO);
		CHECK_EQ(vp.dr6 & BS, is_client ? 0 : BS);
	}
	/* An instruction breakpoint has not: nothing has been executed. */
	begin(0, 1u << EXC_DB);
	push((struct step) { .info = TRAP_INFO,
			     .shadow = STI,
			     .qualification = 1,
			     .rflags = RFLAGS_ONE | RFLAGS_IF });
	CHECK_EQ(run().exception.address, 1);
	CHECK_EQ(vmcs[VMCS_GUEST_INTERRUPTIBILITY_STATE], STI);
}

/* Every exit that leaves a shadow behind, of a child and of the root, with what the processor may have noted. */
static void every_entry_keeps_the_rule(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		begin(i & 1 ? DEBUGCTL_BTF : 0, 0);
		vp.is_root = i & 32;
		push((struct step) { .reason = REASON_EPT_VIOLATION,
				     .shadow = i & 2 ? STI : MOV_SS,
				     .pending = i & 4 ? BS : 0,
				     .rflags = RFLAGS_ONE | (i & 8 ? RFLAGS_TF : 0) });
		run();
		vp.regs.changed = i & 16;
		/* Without TF and with a step noted the processor would contradict itself. */
		if ((i & 4) && !(i & 8) && !(i & 16))
			continue;
		push((struct step) { .reason = REASON_CPUID });
		CHECK_EQ(run().reason, VIRT_EXIT_CPUID);
	}
}

/* A window that opens behind STI, as on some processors it does for NMIs, would open again and again. */
static void an_nmi_window_ends_the_shadow_of_sti(void)
{
	begin(0, 0);
	push((struct step) {
		.reason = REASON_NMI_WINDOW, .shadow = STI, .rflags = RFLAGS_ONE | RFLAGS_IF });
	CHECK_EQ(run().reason, VIRT_EXIT_NMI_WINDOW);
	CHECK_EQ(vmcs[VMCS_GUEST_INTERRUPTIBILITY_STATE], 0);
}

static void no_fault_is_made_here(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct virt_exit exit;

		begin(0, 0);
		vp.is_root = i;
		syscall_is_legal = i == 2;
		push((struct step) { .reason = i ? REASON_WRMSR : REASON_RDPMC });
		if (syscall_is_legal) /* done, and on it goes */
			push((struct step) { .reason = REASON_CPUID });
		exit = run();
		CHECK_EQ(exit.reason, i == 0   ? VIRT_EXIT_RDPMC
				      : i == 1 ? VIRT_EXIT_WRMSR
					       : VIRT_EXIT_CPUID);
		CHECK_EQ(exit.insn_length, 1);
		CHECK_EQ(vmcs[VMCS_ENTRY_INTERRUPTION_INFO] & INTR_VALID, 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(int1_behind_mov_ss_is_handed_on),	    TEST(int1_behind_mov_ss_is_the_clients),
		TEST(a_trap_behind_sti_comes_once),	    TEST(every_entry_keeps_the_rule),
		TEST(an_nmi_window_ends_the_shadow_of_sti), TEST(no_fault_is_made_here),
	};

	return RUN(tests);
}
