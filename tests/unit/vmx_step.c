// SPDX-License-Identifier: MIT
/*
 * The pending single step: whatever leads to an entry in a shadow, the processor's rule for it is kept (SDM 3C "Checks on
 * Guest Non-Register State", which the model makes); INT1 tells of no step; and no fault goes into a guest that hv/ has
 * not raised.
 */
#include "tests/unit/vmx.h"

#define STI    INTERRUPTIBILITY_STI
#define MOV_SS INTERRUPTIBILITY_MOV_SS
#define BS     PENDING_DEBUG_BS

#define INT1_INFO INFO(INTR_PRIVILEGED_SOFT, 1u)
#define TRAP_INFO INFO(INTR_HARD_EXCEPTION, 1u)

static struct virt_vp *vp;

/* An exit to come, and the state of the guest at it. */
struct step {
	uint32_t reason, info, shadow;
	uint64_t qualification, pending, rflags;
};

static void begin_with(bool is_root, uint64_t debugctl, uint32_t exceptions)
{
	machine(0);
	vp = is_root ? root : child;
	virt_set(vp, VIRT_DEBUGCTL, debugctl);
	if (!is_root)
		intercept(vp, exceptions);
}

static void begin(uint64_t debugctl, uint32_t exceptions)
{
	begin_with(false, debugctl, exceptions);
}

static void push(struct step step)
{
	if (!step.rflags)
		step.rflags = RFLAGS_ONE | RFLAGS_TF;
	if (step.shadow & STI)
		step.rflags |= RFLAGS_IF;
	then(step.reason, step.qualification);
	with(VMCS_EXIT_INTERRUPTION_INFO, step.info);
	with(VMCS_EXIT_INSTRUCTION_LENGTH, 1);
	with(VMCS_GUEST_INTERRUPTIBILITY_STATE, step.shadow);
	with(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, step.pending);
	with(VMCS_GUEST_RFLAGS, step.rflags);
}

/* MOV SS, INT1 with TF: handed on to the guest, which gets INT1 and no step. Bochs 2.7 tells of one. */
static void int1_behind_mov_ss_is_handed_on(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		begin(i & 1 ? DEBUGCTL_BTF : 0, 0);
		push((struct step) {
			.info = INT1_INFO, .shadow = MOV_SS, .qualification = i & 2 ? BS : 0 });
		push((struct step) { .reason = REASON_CPUID });
		CHECK_EQ(run(vp).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(entered[1].info, INT1_INFO);
		CHECK_EQ(virt_get(vp, VIRT_DR6) & BS, 0);
	}
}

static void int1_behind_mov_ss_is_the_clients(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct virt_exit exit;

		begin(i & 1 ? DEBUGCTL_BTF : 0, 1u << EXC_DB);
		push((struct step) {
			.info = INT1_INFO, .shadow = MOV_SS, .qualification = i & 2 ? BS : 0 });
		exit = run(vp);
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

			virt_inject(vp, &events[type]);
			push((struct step) { .info = INT1_INFO, .shadow = MOV_SS });
			CHECK_EQ(run(vp).reason, VIRT_EXIT_EXCEPTION);
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
			CHECK_EQ(run(vp).exception.address, BS);
			CHECK_EQ(vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), 0);
		}
		push((struct step) { .reason = REASON_CPUID });
		CHECK_EQ(run(vp).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(entered[is_client ? 0 : 1].info, is_client ? 0 : TRAP_INFO);
		CHECK_EQ(virt_get(vp, VIRT_DR6) & BS, is_client ? 0 : BS);
	}
	/* An instruction breakpoint has not: nothing has been executed. */
	begin(0, 1u << EXC_DB);
	push((struct step) { .info = TRAP_INFO,
			     .shadow = STI,
			     .qualification = 1,
			     .rflags = RFLAGS_ONE | RFLAGS_IF });
	CHECK_EQ(run(vp).exception.address, 1);
	CHECK_EQ(vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), STI);
}

/* Every exit that leaves a shadow behind, of a child and of the root, with what the processor may have noted. */
static void every_entry_keeps_the_rule(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		begin_with(i & 32, i & 1 ? DEBUGCTL_BTF : 0, 0);
		push((struct step) { .reason = REASON_EPT_VIOLATION,
				     .shadow = i & 2 ? STI : MOV_SS,
				     .pending = i & 4 ? BS : 0,
				     .rflags = RFLAGS_ONE | (i & 8 ? RFLAGS_TF : 0) });
		run(vp);
		vp->regs.changed = i & 16;
		/* Without TF and with a step noted the processor would contradict itself. */
		if ((i & 4) && !(i & 8) && !(i & 16))
			continue;
		push((struct step) { .reason = REASON_CPUID });
		CHECK_EQ(run(vp).reason, VIRT_EXIT_CPUID);
	}
}

/* A window that opens behind STI, as on some processors it does for NMIs, would open again and again. */
static void an_nmi_window_ends_the_shadow_of_sti(void)
{
	begin(0, 0);
	push((struct step) {
		.reason = REASON_NMI_WINDOW, .shadow = STI, .rflags = RFLAGS_ONE | RFLAGS_IF });
	CHECK_EQ(run(vp).reason, VIRT_EXIT_NMI_WINDOW);
	CHECK_EQ(vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), 0);
}

static void no_fault_is_made_here(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct virt_exit exit;

		begin_with(i, 0, 0);
		vp->regs.gpr[X86_RCX] = MSR_LSTAR;
		vp->regs.gpr[X86_RDX] = i == 1 ? 0x80000000 : 0;
		push((struct step) { .reason = i ? REASON_WRMSR : REASON_RDPMC });
		if (i == 2) /* done, and on it goes */
			push((struct step) { .reason = REASON_CPUID });
		exit = run(vp);
		CHECK_EQ(exit.reason, i == 0   ? VIRT_EXIT_RDPMC
				      : i == 1 ? VIRT_EXIT_WRMSR
					       : VIRT_EXIT_CPUID);
		CHECK_EQ(exit.insn_length, 1);
		CHECK_EQ(vtx_get(VMCS_ENTRY_INTERRUPTION_INFO) & INTR_VALID, 0);
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
