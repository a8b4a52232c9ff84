// SPDX-License-Identifier: MIT
/* The registers of a VP: written, read back, in the processor while it runs; and states that VMRUN refuses. */
#include "tests/unit/svm.h"

static const struct {
	enum virt_reg reg;
	uint64_t value;
} registers[] = {
	{ VIRT_CR2, 0x1122334455667788ull },
	{ VIRT_DR0, 0x1000 },
	{ VIRT_DR1, 0x2000 },
	{ VIRT_DR2, 0x3000 },
	{ VIRT_DR3, 0x4000 },
	{ VIRT_STAR, 0x0013000800000000ull },
	{ VIRT_LSTAR, 0xffff800000001000ull },
	{ VIRT_CSTAR, 0xffff800000002000ull },
	{ VIRT_FMASK, 0x47700 },
	{ VIRT_KERNEL_GS_BASE, 0x7f0000001000ull },
	{ VIRT_TSC_AUX, 5 },
	{ VIRT_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_WP | CR0_NE },
	{ VIRT_CR3, 0x123000 },
	{ VIRT_CR4, CR4_PAE | CR4_PGE | CR4_OSFXSR },
	{ VIRT_DR6, DR6_INIT | 3 },
	{ VIRT_DR7, DR7_INIT | 0x10000 },
	{ VIRT_EFER, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE },
	{ VIRT_PAT, 0x0007010600070106ull },
	{ VIRT_SYSENTER_CS, 0x8 },
	{ VIRT_SYSENTER_ESP, 0xffff800000003000ull },
	{ VIRT_SYSENTER_EIP, 0xffff800000004000ull },
	{ VIRT_TSC_OFFSET, 0xfffffffffff00000ull },
	{ VIRT_PENDING_DEBUG, DR6_BS | 1 },
	{ VIRT_DEBUGCTL, DEBUGCTL_BTF },
};

static void a_register_is_what_was_written_to_it(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		for (size_t i = 0; i < COUNT(registers); i++) {
			virt_set(child, registers[i].reg, registers[i].value);
			CHECK_EQ(virt_get(child, registers[i].reg), registers[i].value);
		}
		for (size_t i = 0; i < COUNT(registers); i++)
			CHECK_EQ(virt_get(child, registers[i].reg), registers[i].value);
		virt_set(child, VIRT_PENDING_DEBUG, 0);
		/* And is still, when the VP has run. */
		run_to(child, VMEXIT_CPUID, 0);
		for (size_t i = 0; i < COUNT(registers); i++)
			if (registers[i].reg != VIRT_PENDING_DEBUG)
				CHECK_EQ(virt_get(child, registers[i].reg), registers[i].value);
	}
}

static void look(struct virt_regs *regs)
{
	CHECK_EQ(vtx_msr(MSR_STAR)->value, registers[5].value);
	CHECK_EQ(vtx_msr(MSR_LSTAR)->value, registers[6].value);
	CHECK_EQ(vtx_msr(MSR_CSTAR)->value, registers[7].value);
	CHECK_EQ(vtx_msr(MSR_FMASK)->value, registers[8].value);
	CHECK_EQ(vtx_msr(MSR_KERNEL_GS_BASE)->value, registers[9].value);
	CHECK_EQ(vtx_msr(MSR_TSC_AUX)->value, 5);
	CHECK_EQ(vtx.cr2, registers[0].value);
	CHECK(vtx_msr(MSR_EFER)->value & EFER_SVME);
}

/* While a child runs its values are in the processor; when it has left, the hypervisor's, and the root's when that runs. */
static void the_processor_has_the_registers_of_whoever_runs(void)
{
	struct virt_exit exit;

	machine(AMD_ZEN4);
	virt_set(root, VIRT_STAR, 77);
	for (size_t i = 0; i < COUNT(registers); i++)
		virt_set(child, registers[i].reg, registers[i].value);
	virt_set(child, VIRT_PENDING_DEBUG, 0);
	then(VMEXIT_CPUID, 0)->act = look;
	run(child);
	CHECK_EQ(vtx_msr(MSR_GS_BASE)->value, (uintptr_t)vtx.percpu);
	CHECK_EQ(virt_get(root, VIRT_STAR), 77);
	CHECK_EQ(virt_get(child, VIRT_STAR), registers[5].value);
	run_to(root, VMEXIT_CPUID, 0);
	CHECK_EQ(vtx_msr(MSR_STAR)->value, 77);
	then(VMEXIT_CPUID, 0)->act = look;
	exit = run(child);
	CHECK_EQ(exit.reason, VIRT_EXIT_CPUID);
}

static void write_gs(struct virt_regs *regs)
{
	vtx_msr(MSR_GS_BASE)->value = 0x5678000;
	vtx_msr(MSR_KERNEL_GS_BASE)->value = 0x9abc000;
	(void)regs;
}

/* From exit to exit they stay there, are read and written all the same, and go along to another processor. */
static void registers_that_stay_in_the_processor_are_the_vps(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		struct x86_segment gs;

		machine(set);
		then(VMEXIT_CPUID, 0)->act = write_gs;
		run(child);
		virt_get_segment(child, SEG_GS, &gs);
		CHECK_EQ(gs.base, 0x5678000);
		CHECK_EQ(virt_get(child, VIRT_KERNEL_GS_BASE), 0x9abc000);
		gs.base = 0x1000;
		virt_set_segment(child, SEG_GS, &gs);
		run_to(child, VMEXIT_CPUID, 0);
		virt_get_segment(child, SEG_GS, &gs);
		CHECK_EQ(gs.base, 0x1000);
		CHECK_EQ(virt_get(child, VIRT_KERNEL_GS_BASE), 0x9abc000);
		run_to(root, VMEXIT_CPUID, 0);
		CHECK_EQ(virt_get(child, VIRT_KERNEL_GS_BASE), 0x9abc000);
		CHECK(!vtx.percpu->loaded || vtx.percpu->loaded == root);
	}
}

static void debugctl_is_the_roots(struct virt_regs *regs)
{
	vtx_msr(MSR_DEBUGCTL)->value = DEBUGCTL_BTF;
}

/* SPEC_CTRL and DEBUGCTL are each VP's own, and the host has neither. */
static void speculation_and_debugctl_are_each_vps_own(void)
{
	machine(AMD_ZEN4);
	vmcb_of(root)->save.spec_ctrl = SPEC_CTRL_STIBP; /* by its WRMSR, which does not exit */
	virt_set(child, VIRT_SPEC_CTRL, SPEC_CTRL_SSBD);
	then(VMEXIT_CPUID, 0)->act = debugctl_is_the_roots;
	run(root);
	CHECK_EQ(amd.effective_spec_ctrl, SPEC_CTRL_STIBP);
	run_to(child, VMEXIT_CPUID, 0);
	CHECK_EQ(amd.effective_spec_ctrl, SPEC_CTRL_SSBD);
	CHECK_EQ(entered[0].debugctl, 0);
	CHECK_EQ(vtx_msr(MSR_SPEC_CTRL)->value, 0);
	CHECK_EQ(vtx_msr(MSR_DEBUGCTL)->value, DEBUGCTL_BTF);
	virt_set(child, VIRT_DEBUGCTL, DEBUGCTL_BTF);
	vtx_msr(MSR_DEBUGCTL)->value = 0;
	run_to(child, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].debugctl, DEBUGCTL_BTF);
	CHECK_EQ(vtx_msr(MSR_DEBUGCTL)->value, 0);
	run_to(root, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].debugctl, 0);
	CHECK_EQ(amd.effective_spec_ctrl, SPEC_CTRL_STIBP);
	CHECK_EQ(virt_get(child, VIRT_SPEC_CTRL), SPEC_CTRL_SSBD);
	virt_vp_reset(child, false);
	CHECK_EQ(virt_get(child, VIRT_SPEC_CTRL), 0);
	run_to(child, VMEXIT_CPUID, 0);
	CHECK_EQ(amd.effective_spec_ctrl, 0);
}

static void a_segment_is_what_was_written_to_it(void)
{
	machine(AMD_ZEN4);
	for (enum x86_seg seg = SEG_ES; seg <= SEG_IDTR; seg++) {
		const struct x86_segment value = {
			.base = 0xffff800000000000ull + 0x1000 * seg,
			.limit = seg >= SEG_COUNT ? 0xffffu : 0x1ffffu,
			.selector = (uint16_t)(seg >= SEG_COUNT ? 0 : 8 * seg),
			.attributes = (uint16_t)(seg >= SEG_COUNT  ? 0
						 : seg == SEG_LDTR ? 0x82
						 : seg == SEG_TR   ? 0x8b
						 : seg == SEG_CS   ? 0xa09b
						 : seg == SEG_SS   ? 0x40f3
								   : 0x4093),
		};
		struct x86_segment got = { 0 };

		virt_set_segment(child, seg, &value);
		virt_get_segment(child, seg, &got);
		CHECK_EQ(got.base, value.base);
		CHECK_EQ(got.limit, value.limit);
		CHECK_EQ(got.selector, value.selector);
		if (seg != SEG_SS) /* whose DPL is the CPL: in real mode 0 */
			CHECK_EQ(got.attributes, value.attributes);
	}
	go_to_protected_mode(child);
	CHECK_EQ(vmcb_of(child)->save.cpl, 3);
	CHECK_EQ(virt_view(child)->paging.cpl, 3);
}

static void the_cpl_follows_the_mode(void)
{
	const struct x86_segment ss = { .limit = 0xffff, .attributes = 0xf3 };

	machine(AMD_ZEN4);
	virt_set_segment(child, SEG_SS, &ss);
	CHECK_EQ(virt_view(child)->paging.cpl, 0);
	go_to_protected_mode(child);
	CHECK_EQ(virt_view(child)->paging.cpl, 3);
	virt_set(child, VIRT_CR0, CR0_ET);
	child->regs.rflags |= RFLAGS_VM;
	child->has_view = false;
	CHECK_EQ(virt_view(child)->paging.cpl, 3);
}

/* ---- Refused states ---------------------------------------------------------------------- */

static const struct {
	const char *rule;
	enum virt_reg reg;
	uint64_t value;
} refused[] = {
	{ "CR0[63:32]", VIRT_CR0, 1ull << 40 | CR0_PE | CR0_ET },
	{ "CR4: reserved bits", VIRT_CR4, 1ull << 30 },
	{ "DR7[63:32]", VIRT_DR7, 1ull << 32 | DR7_INIT },
	{ "EFER: reserved bits", VIRT_EFER, 1ull << 9 },
	{ "long mode without CR4.PAE", VIRT_CR4, 0 },
	{ "long mode without CR0.PE", VIRT_CR0, CR0_PG | CR0_ET },
	{ "CR3: reserved bits", VIRT_CR3, 1ull << 50 },
	{ "G_PAT", VIRT_PAT, 2 },
};

static void go_to_long_mode(struct virt_vp *vp)
{
	virt_set(vp, VIRT_CR0, CR0_PE | CR0_PG | CR0_ET);
	virt_set(vp, VIRT_CR4, CR4_PAE);
	virt_set(vp, VIRT_EFER, EFER_LME | EFER_LMA);
}

/*
 * A state that the processor does not take is an exit, with all of it as it was, whatever the processor has made of the VMCB; and
 * what was to be delivered still is.
 */
static void a_state_that_vmrun_refuses_is_an_exit_and_stays(void)
{
	static const struct virt_event event = { .type = VIRT_EVENT_INTERRUPT, .vector = 0x40 };

	for (unsigned int set = 0; set < AMD_SETS; set++)
		for (size_t i = 0; i < COUNT(refused); i++) {
			machine(set);
			go_to_long_mode(child);
			child->regs.gpr[X86_RSP] = 0x7777;
			virt_set(child, refused[i].reg, refused[i].value);
			virt_inject(child, &event);
			for (unsigned int k = 0; k < 2; k++) {
				CHECK_EQ(run(child).reason, VIRT_EXIT_INVALID_STATE);
				CHECK(vtx.refusal && !strcmp(vtx.refusal, refused[i].rule));
				CHECK_EQ(virt_get(child, refused[i].reg), refused[i].value);
				CHECK_EQ(child->regs.rip, CHILD_RIP);
				CHECK_EQ(child->regs.gpr[X86_RSP], 0x7777);
			}
			go_to_long_mode(child);
			virt_set(child, VIRT_CR3, 0);
			virt_set(child, VIRT_DR7, DR7_INIT);
			virt_set(child, VIRT_PAT, PAT_RESET);
			run_to(child, VMEXIT_CPUID, 0);
			CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_INTERRUPT, 0x40u));
			CHECK(entered[0].virtual_interrupt & VINTR_MASKING);
		}
}

static void load_bad_cs(struct virt_regs *regs)
{
	amd.now.save.cs.attributes = VMCB_ATTRIBUTES(0xe09b);
}

/*
 * A guest that gets into such a state by itself, as in QEMU it can, is shut down, and nothing of the host's is left in its registers;
 * interrupts still reach it, or whoever has the processor, when it is started again.
 */
static void a_state_that_the_guest_has_lost_itself_by_is_a_shutdown(void)
{
	struct virt_exit exit;

	machine(AMD_QEMU);
	amd.loses_state = true;
	go_to_long_mode(child);
	then(VMEXIT_CPUID, 0)->act = load_bad_cs;
	CHECK_EQ(run(child).reason, VIRT_EXIT_CPUID);
	virt_run(child, &exit);
	CHECK_EQ(exit.reason, VIRT_EXIT_TRIPLE_FAULT);
	CHECK(vtx.refusal && !strcmp(vtx.refusal, "CS.L and CS.D"));
	CHECK_EQ(virt_get(child, VIRT_CR3), 0);
	CHECK_EQ(child->regs.rip, 0xfff0);
	CHECK_EQ(child->regs.gpr[X86_RSP], 0);
	CHECK_EQ(run_to(child, VMEXIT_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK(entered[0].virtual_interrupt & VINTR_MASKING);
}

/* MOV to CR3 with a reserved bit is such a refusal there, too, and #GP. */
static void a_refusal_of_a_child_out_of_nothing_is_gp(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_NOTHING };

	machine(AMD_QEMU);
	vtx.cr3 = 0x5000;
	go_to_long_mode(child);
	run_to(child, VMEXIT_CPUID, 0);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(!svm_decode_exit(child, VMEXIT_INVALID, &exit));
	/* Again and again: the root has its turn. */
	CHECK(svm_decode_exit(child, VMEXIT_INVALID, &exit));
	CHECK_EQ(exit.reason, VIRT_EXIT_INTERRUPT);
	CHECK_EQ(exit.interrupted.vector, EXC_GP);
	run_to(child, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_EXCEPTION, (uint64_t)EXC_GP) | EVENT_HAS_ERROR);
}

static void cs_of_two_sizes_is_refused(void)
{
	const struct x86_segment cs = { .limit = 0xffffffff, .selector = 8, .attributes = 0xe09b };

	machine(AMD_ZEN4);
	go_to_long_mode(child);
	virt_set_segment(child, SEG_CS, &cs);
	CHECK_EQ(run(child).reason, VIRT_EXIT_INVALID_STATE);
	CHECK(vtx.refusal && !strcmp(vtx.refusal, "CS.L and CS.D"));
}

/* The root's state is its own, and one that has run is never refused; QEMU says so of a MOV to CR4 that is #GP. */
static void a_refusal_of_the_root_out_of_nothing_is_gp(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_NOTHING };

	machine(AMD_QEMU);
	run_to(root, VMEXIT_CPUID, 0);
	CHECK(!svm_decode_exit(root, VMEXIT_INVALID, &exit));
	run_to(root, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_EXCEPTION, (uint64_t)EXC_GP) | EVENT_HAS_ERROR);
}

/* A child's caching is nobody's but its own view, and a machine check is not its shutdown. The root's are real. */
static void caching_and_mce_of_a_child_are_not_the_processors(void)
{
	const uint64_t caching = CR0_CD | CR0_NW;

	machine(AMD_ZEN4);
	for (unsigned int i = 0; i < 8; i++) {
		const uint64_t cr0 = CR0_ET | (i & 1 ? CR0_CD : 0) | ((i & 3) == 3 ? CR0_NW : 0);
		const uint64_t cr4 = i & 4 ? CR4_MCE : CR4_PAE;

		virt_set(child, VIRT_CR0, cr0);
		virt_set(child, VIRT_CR4, cr4);
		run_to(child, VMEXIT_CPUID, 0);
		CHECK_EQ(amd.now.save.cr0, cr0 & ~caching);
		CHECK_EQ(amd.now.save.cr4, cr4 | CR4_MCE);
		CHECK_EQ(virt_get(child, VIRT_CR0), cr0);
		CHECK_EQ(virt_get(child, VIRT_CR4), cr4);
		CHECK_EQ(virt_view(child)->paging.cr0, cr0);
		CHECK_EQ(virt_view(child)->paging.cr4, cr4);
		CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_CR0_READ, 0, 0), !!(cr0 & caching));
		CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_CR0_READ + 4, 0, 0), !(cr4 & CR4_MCE));
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_SELECTIVE, 0, 0));
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 4, 0, 0));
	}
	virt_set(root, VIRT_CR0, virt_get(root, VIRT_CR0) | CR0_CD);
	run_to(root, VMEXIT_CPUID, 0);
	CHECK(amd.now.save.cr0 & CR0_CD);
	CHECK(!(amd.now.save.cr4 & CR4_MCE));
	CHECK(!amd_intercepts(amd.vmcb, VMEXIT_CR0_SELECTIVE, 0, 0));
	CHECK(!amd_intercepts(amd.vmcb, VMEXIT_CR0_READ, 0, 0));
}

/* SDM 3A "Processor State After Reset", and the same of INIT. */
static void a_reset_is_a_reset(void)
{
	machine(AMD_ZEN4);
	for (size_t i = 0; i < COUNT(registers); i++)
		virt_set(child, registers[i].reg, registers[i].value);
	virt_vp_reset(child, true);
	CHECK_EQ(virt_get(child, VIRT_CR0), CR0_ET);
	CHECK_EQ(virt_get(child, VIRT_STAR), registers[5].value);
	CHECK_EQ(virt_get(child, VIRT_EFER), 0);
	CHECK_EQ(virt_get(child, VIRT_PENDING_DEBUG), 0);
	virt_vp_reset(child, false);
	CHECK_EQ(virt_get(child, VIRT_CR0), CR0_CD | CR0_NW | CR0_ET);
	CHECK_EQ(virt_get(child, VIRT_STAR), 0);
	CHECK_EQ(virt_get(child, VIRT_DEBUGCTL), 0);
	CHECK_EQ(virt_get(child, VIRT_DR7), DR7_INIT);
	CHECK_EQ(child->regs.rip, 0xfff0);
	run_to(child, VMEXIT_CPUID, 0);
}

static void skipping_ends_shadow_and_resume_flag(void)
{
	machine(AMD_ZEN4);
	virt_set(child, VIRT_SHADOW, VIRT_SHADOW_STI);
	child->regs.rflags |= RFLAGS_RF;
	virt_skip(child, 3);
	CHECK_EQ(child->regs.rip, CHILD_RIP + 3);
	CHECK_EQ(virt_get(child, VIRT_SHADOW), 0);
	CHECK(!(child->regs.rflags & RFLAGS_RF));
	child->regs.rip = 0xfffffffe;
	virt_skip(child, 4); /* not 64-bit code */
	CHECK_EQ(child->regs.rip, 2);
	child->regs.rflags |= RFLAGS_TF;
	virt_skip(child, 1);
	CHECK_EQ(virt_get(child, VIRT_PENDING_DEBUG), DR6_BS);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_register_is_what_was_written_to_it),
		TEST(the_processor_has_the_registers_of_whoever_runs),
		TEST(registers_that_stay_in_the_processor_are_the_vps),
		TEST(speculation_and_debugctl_are_each_vps_own),
		TEST(a_segment_is_what_was_written_to_it),
		TEST(the_cpl_follows_the_mode),
		TEST(a_state_that_vmrun_refuses_is_an_exit_and_stays),
		TEST(cs_of_two_sizes_is_refused),
		TEST(a_state_that_the_guest_has_lost_itself_by_is_a_shutdown),
		TEST(a_refusal_of_a_child_out_of_nothing_is_gp),
		TEST(a_refusal_of_the_root_out_of_nothing_is_gp),
		TEST(caching_and_mce_of_a_child_are_not_the_processors),
		TEST(a_reset_is_a_reset),
		TEST(skipping_ends_shadow_and_resume_flag),
	};

	return RUN(tests);
}
