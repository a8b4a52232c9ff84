// SPDX-License-Identifier: MIT
/* #VMEXITs as struct virt_exit: on processors that tell the next RIP and the operands, and on those that do not. */
#include "tests/unit/svm.h"

static const unsigned int with_next_rip[] = { AMD_ZEN4, AMD_FAMILY_16 };
static const unsigned int without[] = { AMD_FAMILY_10, AMD_QEMU };

/* Instructions that are an exit and no more; and their length in the root, whose exits are always whole. */
static const struct {
	uint16_t code;
	uint8_t reason, root_length;
} instructions[] = {
	{ VMEXIT_CPUID, VIRT_EXIT_CPUID, 2 },	    { VMEXIT_HLT, VIRT_EXIT_HLT, 0 },
	{ VMEXIT_VMMCALL, VIRT_EXIT_HYPERCALL, 3 }, { VMEXIT_XSETBV, VIRT_EXIT_XSETBV, 3 },
	{ VMEXIT_INVD, VIRT_EXIT_INVD, 2 },	    { VMEXIT_WBINVD, VIRT_EXIT_INVD, 0 },
	{ VMEXIT_RDPMC, VIRT_EXIT_RDPMC, 0 },
};

static void an_instruction_has_its_length_where_it_is_told(void)
{
	for (size_t k = 0; k < COUNT(with_next_rip); k++) {
		machine(with_next_rip[k]);
		for (size_t i = 0; i < COUNT(instructions); i++)
			for (unsigned int length = 1; length <= 15; length++) {
				struct virt_exit exit;

				then(instructions[i].code, 0)->length = (uint8_t)length;
				exit = run(child);
				CHECK_EQ(exit.reason, instructions[i].reason);
				CHECK_EQ(exit.insn_length, length);
				CHECK(!exit.is_partial);
				CHECK_EQ(exit.interrupted.type, VIRT_EVENT_NONE);
			}
	}
}

static void without_it_a_childs_exit_is_partial_and_the_roots_is_whole(void)
{
	for (size_t k = 0; k < COUNT(without); k++) {
		machine(without[k]);
		for (size_t i = 0; i < COUNT(instructions); i++) {
			struct virt_exit exit = run_to(child, instructions[i].code, 0);

			CHECK_EQ(exit.reason, instructions[i].reason);
			CHECK_EQ(exit.insn_length, 0);
			CHECK(exit.is_partial);
			if (!instructions[i].root_length)
				continue;
			exit = run_to(root, instructions[i].code, 0);
			CHECK_EQ(exit.reason, instructions[i].reason);
			CHECK_EQ(exit.insn_length, instructions[i].root_length);
			CHECK(!exit.is_partial);
		}
	}
}

/* SVM's own, and those that a child is not offered: #UD. */
static void instructions_of_svm_are_hidden(void)
{
	static const uint16_t codes[] = { VMEXIT_INVLPGA, VMEXIT_VMRUN, VMEXIT_VMLOAD,
					  VMEXIT_VMSAVE,  VMEXIT_STGI,	VMEXIT_CLGI,
					  VMEXIT_SKINIT };
	static const uint16_t of_a_child[] = { VMEXIT_MONITOR, VMEXIT_MWAIT,   VMEXIT_MWAIT_ARMED,
					       VMEXIT_RDPRU,   VMEXIT_INVLPGB, VMEXIT_TLBSYNC,
					       VMEXIT_MCOMMIT };

	machine(AMD_ZEN4);
	for (size_t i = 0; i < COUNT(codes); i++) {
		CHECK_EQ(run_to(child, codes[i], 0).reason, VIRT_EXIT_HIDDEN_INSN);
		CHECK_EQ(run_to(root, codes[i], 0).reason, VIRT_EXIT_HIDDEN_INSN);
	}
	for (size_t i = 0; i < COUNT(of_a_child); i++)
		CHECK_EQ(run_to(child, of_a_child[i], 0).reason, VIRT_EXIT_HIDDEN_INSN);
}

static void a_hypercall_says_whether_it_is_a_kernels(void)
{
	machine(AMD_ZEN4);
	CHECK(run_to(root, VMEXIT_VMMCALL, 0).hypercall.is_kernel64);
	CHECK(!run_to(child, VMEXIT_VMMCALL, 0).hypercall.is_kernel64);
	vmcb_of(root)->save.cpl = 3;
	CHECK(!run_to(root, VMEXIT_VMMCALL, 0).hypercall.is_kernel64);
}

/* ---- Operands ---------------------------------------------------------------------------- */

static void mov_to_and_from_cr8_has_its_register(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		for (unsigned int gpr = 0; gpr < 16; gpr++) {
			const bool tells = amd_features() >> 7 & 1;
			struct virt_exit exit;

			if (gpr != X86_RSP && gpr != X86_RAX)
				child->regs.gpr[gpr] = 0x100000005ull + gpr;
			exit = run_to(child, VMEXIT_CR0_WRITE + 8, INFO_MOV_CR | gpr);
			CHECK_EQ(exit.reason, VIRT_EXIT_CR_WRITE);
			CHECK_EQ(exit.cr.number, 8);
			CHECK_EQ(exit.is_partial, !tells);
			CHECK_EQ(exit.cr.gpr, tells ? gpr : VIRT_GPR_UNKNOWN);
			exit = run_to(child, VMEXIT_CR0_SELECTIVE, INFO_MOV_CR | gpr);
			CHECK_EQ(exit.reason, VIRT_EXIT_CR_WRITE);
			CHECK_EQ(exit.cr.number, 0);
			CHECK_EQ(exit.cr.gpr, tells ? gpr : VIRT_GPR_UNKNOWN);
			if (tells)
				CHECK_EQ(exit.cr.value, (uint32_t)child->regs.gpr[gpr]);
			exit = run_to(child, VMEXIT_CR0_READ + 8, INFO_MOV_CR | gpr);
			CHECK_EQ(exit.reason, VIRT_EXIT_CR_READ);
			CHECK_EQ(exit.cr.gpr, tells ? gpr : VIRT_GPR_UNKNOWN);
			exit = run_to(child, VMEXIT_DR0_READ + 7, gpr);
			CHECK_EQ(exit.reason, VIRT_EXIT_DR);
			CHECK(exit.dr.is_read);
			CHECK_EQ(exit.dr.number, 7);
			CHECK_EQ(exit.dr.gpr, tells ? gpr : VIRT_GPR_UNKNOWN);
			exit = run_to(child, VMEXIT_DR0_WRITE + 3, gpr);
			CHECK(!exit.dr.is_read);
			CHECK_EQ(exit.dr.number, 3);
		}
	}
}

/* Reads of CR0 and CR4 that exit give what the child sees. */
static void reads_of_what_is_hidden_and_writes_of_cr0_have_their_values(void)
{
	struct virt_exit exit;

	machine(AMD_ZEN4);
	virt_set(child, VIRT_CR0, CR0_CD | CR0_ET);
	virt_set(child, VIRT_CR4, CR4_PAE);
	child->regs.gpr[X86_RBX] = CR0_PE;
	exit = run_to(child, VMEXIT_CR0_READ, INFO_MOV_CR | X86_RBX);
	CHECK_EQ(exit.reason, VIRT_EXIT_CR_READ);
	CHECK_EQ(exit.cr.number, 0);
	CHECK_EQ(exit.cr.value, CR0_CD | CR0_ET);
	exit = run_to(child, VMEXIT_CR0_READ + 4, INFO_MOV_CR | X86_RBX);
	CHECK_EQ(exit.cr.number, 4);
	CHECK_EQ(exit.cr.value, CR4_PAE);
	exit = run_to(child, VMEXIT_CR0_SELECTIVE, INFO_MOV_CR | X86_RBX);
	CHECK_EQ(exit.reason, VIRT_EXIT_CR_WRITE);
	CHECK_EQ(exit.cr.number, 0);
	CHECK_EQ(exit.cr.value, CR0_PE);
	exit = run_to(child, VMEXIT_CR0_SELECTIVE, 0); /* LMSW */
	CHECK(exit.is_partial);
	CHECK_EQ(exit.cr.number, 0);
	CHECK_EQ(exit.cr.gpr, VIRT_GPR_UNKNOWN);
}

static void ports_are_told_by_every_processor(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		for (unsigned int i = 0; i < 24; i++) {
			const unsigned int size = 1u << i % 3;
			const bool is_in = i & 1, is_string = i & 4, is_rep = i & 8;
			struct virt_exit exit;

			then(VMEXIT_IO, 0x3f8ull << 16 | size << 4 | (is_in ? INFO_IO_IN : 0) |
						(is_string ? INFO_IO_STRING : 0) |
						(is_rep ? INFO_IO_REP : 0))
				->info2 = child->regs.rip + 3;
			exit = run(child);
			CHECK_EQ(exit.reason, VIRT_EXIT_IO);
			CHECK_EQ(exit.insn_length, 3);
			CHECK(!exit.is_partial);
			CHECK_EQ(exit.io.port, 0x3f8);
			CHECK_EQ(exit.io.size, size);
			CHECK_EQ(exit.io.is_in, is_in);
			CHECK_EQ(exit.io.is_string, is_string);
			CHECK_EQ(exit.io.is_rep, is_rep);
		}
	}
}

/* APM 2 "Nested versus Guest Page Faults, Fault Ordering": which access it was. */
static void a_nested_fault_says_which_access_it_was(void)
{
	static const struct {
		uint64_t info;
		bool is_walk, is_read, is_write, is_fetch;
	} faults[] = {
		{ 1ull << 32 | 4, false, true, false, false },
		{ 1ull << 32 | 6, false, false, true, false },
		{ 1ull << 32 | 0x15, false, false, false, true },
		{ 1ull << 33 | 4, true, true, false, false },
		{ 1ull << 33 | 6, true, false, true, false },
		{ 1ull << 33 | 0x14, true, true, false, false },
	};

	machine(AMD_ZEN4);
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct virt_exit exit;

		then(VMEXIT_NPF, faults[i].info)->info2 = 0x123456789abull;
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_MEMORY);
		CHECK_EQ(exit.insn_length, 0);
		CHECK_EQ(exit.memory.gpa.a, 0x123456789abull);
		CHECK(!exit.memory.gva_valid);
		CHECK_EQ(exit.memory.is_walk, faults[i].is_walk);
		CHECK_EQ(exit.memory.is_read, faults[i].is_read);
		CHECK_EQ(exit.memory.is_write, faults[i].is_write);
		CHECK_EQ(exit.memory.is_fetch, faults[i].is_fetch);
	}
}

static void a_task_switch_says_what_asked_for_it(void)
{
	static const struct {
		uint64_t info2, event;
		uint8_t source;
	} switches[] = {
		{ 0, 0, 0 },
		{ INFO_TASK_IRET, 0, 1 },
		{ INFO_TASK_JUMP, 0, 2 },
		{ 0, EVENT(VMCB_EVENT_EXCEPTION, 8u) | EVENT_HAS_ERROR, 3 },
	};

	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	for (size_t i = 0; i < COUNT(switches); i++) {
		struct virt_exit exit;
		struct shot *const shot = then(VMEXIT_TASK, 0x28);

		shot->info2 = switches[i].info2;
		shot->event = switches[i].event;
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_TASK_SWITCH);
		CHECK_EQ(exit.task_switch.selector, 0x28);
		CHECK_EQ(exit.task_switch.source, switches[i].source);
	}
}

/* ---- MSRs -------------------------------------------------------------------------------- */

static void every_msr_of_a_child_exits_and_of_the_root_those_that_are_guarded(void)
{
	static const uint32_t msrs[] = { 0,	     0x1d9,	 0x1fff,     0xc0000000, 0xc0000080,
					 0xc0001fff, 0xc0010000, 0xc0010114, 0xc0011fff };

	machine(AMD_ZEN4);
	run_to(child, VMEXIT_CPUID, 0);
	for (size_t i = 0; i < COUNT(msrs); i++)
		for (unsigned int is_write = 0; is_write < 2; is_write++)
			CHECK(amd_intercepts(amd.vmcb, VMEXIT_MSR, is_write, msrs[i]));
	for (size_t i = 0; i < COUNT(msrs); i++)
		virt_root_guard_msr(root, msrs[i], i & 1, i & 2);
	run_to(root, VMEXIT_CPUID, 0);
	for (size_t i = 0; i < COUNT(msrs); i++) {
		CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_MSR, 0, msrs[i]), i & 1);
		CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_MSR, 1, msrs[i]), !!(i & 2));
	}
	CHECK(amd_intercepts(amd.vmcb, VMEXIT_MSR, 0, 0x2000)); /* none of the ranges */
	CHECK(amd_intercepts(amd.vmcb, VMEXIT_MSR, 0, 0x40000000));
	CHECK(!amd_intercepts(amd.vmcb, VMEXIT_MSR, 0, 0x277));
	CHECK(!amd_intercepts(amd.vmcb, VMEXIT_MSR, 0, 0xc0010115));
}

static void an_access_to_an_msr_is_read_or_write(void)
{
	machine(AMD_ZEN4);
	CHECK_EQ(run_to(child, VMEXIT_MSR, 0).reason, VIRT_EXIT_RDMSR);
	CHECK_EQ(run_to(child, VMEXIT_MSR, 1).reason, VIRT_EXIT_WRMSR);
}

/* ---- Exceptions -------------------------------------------------------------------------- */

static void an_exception_that_hv_asks_for_is_an_exit(void)
{
	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	for (unsigned int vector = 0; vector < 22; vector++) {
		const bool has_code = vector < 22 && (EXC_HAS_ERROR_CODE >> vector & 1);
		struct virt_exit exit;

		if (vector == EXC_NMI || vector == EXC_MC || vector == 9 || vector == 15)
			continue;
		intercept(child, 1u << vector);
		then(VMEXIT_EXCEPTION + vector, 0x15)->info2 = 0x123456;
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_EXCEPTION);
		CHECK_EQ(exit.exception.vector, vector);
		CHECK_EQ(exit.exception.has_error_code, has_code);
		if (has_code)
			CHECK_EQ(exit.exception.error_code, 0x15);
		CHECK_EQ(exit.exception.is_software, vector == EXC_BP || vector == EXC_OF);
		CHECK_EQ(exit.insn_length, exit.exception.is_software ? 2 : 0);
		if (vector == EXC_PF)
			CHECK_EQ(exit.exception.address, 0x123456);
	}
}

static void others_go_back_to_the_guest_but_not_without_end(void)
{
	struct virt_exit exit;
	unsigned int i;

	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	for (i = 0; i < 5; i++)
		then(VMEXIT_EXCEPTION + EXC_AC, 0);
	exit = run(child);
	CHECK_EQ(exit.reason, VIRT_EXIT_INTERRUPT);
	CHECK_EQ(exit.interrupted.type, VIRT_EVENT_EXCEPTION);
	CHECK_EQ(exit.interrupted.vector, EXC_AC);
	for (i = 1; i < 5; i++)
		CHECK_EQ(entered[i].event,
			 EVENT(VMCB_EVENT_EXCEPTION, (uint64_t)EXC_AC) | EVENT_HAS_ERROR);
}

static void breakpoint(struct virt_regs *regs)
{
	amd.now.save.dr6 |= 4;
}

/* A child's #DB is in its DR6, and never in the processor's. */
static void a_debug_exception_of_a_child_is_in_its_own_dr6(void)
{
	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	virt_set(child, VIRT_DR7, 0x10 | DR7_INIT);
	then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = breakpoint;
	then(VMEXIT_CPUID, 0);
	CHECK_EQ(run(child).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[1].event, EVENT(VMCB_EVENT_EXCEPTION, 1u));
	CHECK_EQ(entered[1].dr6, DR6_INIT);
	CHECK_EQ(virt_get(child, VIRT_DR6), DR6_INIT | 4);
	intercept(child, 1u << EXC_DB);
	then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = breakpoint;
	CHECK_EQ(run(child).exception.address, 4);
}

static void a_machine_check_is_the_roots(void)
{
	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	intercept(child, ~0u);
	CHECK_EQ(run_to(child, VMEXIT_EXCEPTION + EXC_MC, 0).reason, VIRT_EXIT_NMI);
	CHECK_EQ(vtx.percpu->pending, PENDING_MC);
	run_to(root, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_EXCEPTION, (uint64_t)EXC_MC));
}

static void an_icebp_is_a_debug_exception_with_its_length(void)
{
	struct virt_exit exit;

	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	intercept(child, 1u << EXC_DB);
	then(VMEXIT_ICEBP, 0)->length = 1;
	exit = run(child);
	CHECK_EQ(exit.reason, VIRT_EXIT_EXCEPTION);
	CHECK_EQ(exit.exception.vector, EXC_DB);
	CHECK(exit.exception.is_software);
	CHECK_EQ(exit.insn_length, 1);
	intercept(child, 0);
	then(VMEXIT_ICEBP, 0)->length = 1;
	then(VMEXIT_CPUID, 0);
	run(child);
	CHECK_EQ(entered[1].event, EVENT(VMCB_EVENT_EXCEPTION, 1u));
	CHECK_EQ(entered[1].rip, CHILD_RIP + 1);
}

/* ---- What hv/ chooses -------------------------------------------------------------------- */

/* Loops of PAUSE exit where the partition asks for it and the processor can count them; one PAUSE never does by itself. */
static void what_is_asked_for_exits_and_no_more(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		for (unsigned int i = 0; i < 16; i++) {
			const bool spins = i & 1, tsc = i & 2, rdtscp = i & 4, invpcid = i & 8;
			const bool can_count = (amd_features() & 0x1400) == 0x1400;

			virt_configure(child, &(const struct virt_config) {
						      .has = (rdtscp ? VIRT_HAS_RDTSCP : 0) |
							     (invpcid ? VIRT_HAS_INVPCID : 0),
						      .tsc_exits = tsc,
						      .spin_exits = spins,
					      });
			run_to(child, VMEXIT_CPUID, 0);
			CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_PAUSE, 0, 0), spins && can_count);
			CHECK(!can_count || amd.vmcb->pause_count > 100);
			CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_RDTSC, 0, 0), tsc);
			CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_RDTSCP, 0, 0), tsc || !rdtscp);
			CHECK_EQ(amd_intercepts(amd.vmcb, VMEXIT_INVPCID, 0, 0), !invpcid);
			if (spins && can_count)
				CHECK_EQ(run_to(child, VMEXIT_PAUSE, 0).reason, VIRT_EXIT_PAUSE);
			if (tsc || !rdtscp)
				CHECK_EQ(run_to(child, VMEXIT_RDTSCP, 0).reason,
					 rdtscp ? VIRT_EXIT_RDTSC : VIRT_EXIT_HIDDEN_INSN);
		}
	}
}

/* ---- The machine's events ---------------------------------------------------------------- */

static void interrupts_and_inits_are_the_roots(void)
{
	machine(AMD_ZEN4);
	CHECK_EQ(run_to(child, VMEXIT_INTR, 0).reason, VIRT_EXIT_INTERRUPT);
	CHECK_EQ(vtx.percpu->pending, 0);
	CHECK_EQ(run_to(child, VMEXIT_INIT, 0).reason, VIRT_EXIT_NMI);
	CHECK_EQ(vtx.percpu->pending, PENDING_INIT);
}

static void an_nmi_is_taken_and_is_a_kick_or_the_roots(void)
{
	machine(AMD_ZEN4);
	amd.nmi_pending[0] = true;
	CHECK_EQ(run_to(child, VMEXIT_NMI, 0).reason, VIRT_EXIT_NMI);
	CHECK_EQ(vtx.percpu->pending, PENDING_NMI);
	vtx.percpu->pending = 0;
	virt_kick(0);
	CHECK(amd.nmi_pending[0]);
	CHECK_EQ(run_to(child, VMEXIT_NMI, 0).reason, VIRT_EXIT_KICK);
	CHECK_EQ(vtx.percpu->pending, 0);
	/* One that is over by now: the guest goes on. */
	then(VMEXIT_NMI, 0);
	then(VMEXIT_CPUID, 0);
	CHECK_EQ(run(child).reason, VIRT_EXIT_CPUID);
}

static void a_shutdown_is_a_triple_fault(void)
{
	machine(AMD_ZEN4);
	CHECK_EQ(run_to(child, VMEXIT_SHUTDOWN, 0).reason, VIRT_EXIT_TRIPLE_FAULT);
	CHECK_EQ(run_to(root, VMEXIT_SHUTDOWN, 0).reason, VIRT_EXIT_TRIPLE_FAULT);
}

/* What no table has is #UD, whatever number it is; nothing is read beside the tables. */
static void codes_of_the_future_are_undefined_instructions(void)
{
	struct virt_exit exit;

	machine(AMD_ZEN4);
	for (uint64_t code = 0; code < 0x500; code++) {
		if (code == VMEXIT_NPF || code < VMEXIT_CODES)
			continue;
		CHECK(svm_decode_exit(child, code, &exit));
		CHECK_EQ(exit.reason, VIRT_EXIT_HIDDEN_INSN);
	}
	CHECK(svm_decode_exit(child, 1ull << 40, &exit));
	CHECK_EQ(exit.reason, VIRT_EXIT_HIDDEN_INSN);
}

/* Whatever an exit is, event and operands included, it is decoded into an exit that hv/ knows. */
static void nonsense_is_decoded_into_something(void)
{
	struct random rng = { 7 };

	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		run_to(child, VMEXIT_CPUID, 0);
		for (unsigned int i = 0; i < 20000; i++) {
			const uint64_t code = random_next(&rng) % 3
						      ? random_next(&rng) % VMEXIT_CODES
						      : VMEXIT_NPF;
			struct virt_exit exit = { .reason = VIRT_EXIT_NOTHING };

			vmcb_of(child)->info1 = random_next(&rng);
			vmcb_of(child)->info2 = random_next(&rng);
			vmcb_of(child)->exit_event = random_next(&rng);
			vmcb_of(child)->next_rip =
				random_next(&rng) % 4 ? child->regs.rip + 2 : random_next(&rng);
			svm_vp(child)->n_reflected = 0;
			(void)svm_decode_exit(child, code, &exit);
			REQUIRE(exit.reason < VIRT_EXIT_COUNT);
			REQUIRE(exit.insn_length <= 15 || exit.reason == VIRT_EXIT_IO);
			REQUIRE(exit.interrupted.type <= VIRT_EVENT_SOFT_EXCEPTION);
			vtx.percpu->pending = 0;
			svm_vp(child)->event.type = VIRT_EVENT_NONE;
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_instruction_has_its_length_where_it_is_told),
		TEST(without_it_a_childs_exit_is_partial_and_the_roots_is_whole),
		TEST(instructions_of_svm_are_hidden),
		TEST(a_hypercall_says_whether_it_is_a_kernels),
		TEST(mov_to_and_from_cr8_has_its_register),
		TEST(reads_of_what_is_hidden_and_writes_of_cr0_have_their_values),
		TEST(ports_are_told_by_every_processor),
		TEST(a_nested_fault_says_which_access_it_was),
		TEST(a_task_switch_says_what_asked_for_it),
		TEST(every_msr_of_a_child_exits_and_of_the_root_those_that_are_guarded),
		TEST(an_access_to_an_msr_is_read_or_write),
		TEST(an_exception_that_hv_asks_for_is_an_exit),
		TEST(others_go_back_to_the_guest_but_not_without_end),
		TEST(a_debug_exception_of_a_child_is_in_its_own_dr6),
		TEST(a_machine_check_is_the_roots),
		TEST(an_icebp_is_a_debug_exception_with_its_length),
		TEST(what_is_asked_for_exits_and_no_more),
		TEST(interrupts_and_inits_are_the_roots),
		TEST(an_nmi_is_taken_and_is_a_kick_or_the_roots),
		TEST(a_shutdown_is_a_triple_fault),
		TEST(codes_of_the_future_are_undefined_instructions),
		TEST(nonsense_is_decoded_into_something),
	};

	return RUN(tests);
}
