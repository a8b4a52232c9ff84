// SPDX-License-Identifier: MIT
/*
 * Each VM exit as hv/ sees it: every member of struct virt_exit, the length of the instruction, an event that the exit
 * interrupted, NMIs unblocked by an IRET. What the manual leaves undefined for a reason is junk in the model.
 */
#include "tests/unit/vmx.h"

/* ---- Reasons that are a word ------------------------------------------------------------- */

static const struct {
	uint32_t reason;
	enum virt_exit_reason exit;
	bool has_length;
} plain[] = {
	{ REASON_TRIPLE_FAULT, VIRT_EXIT_TRIPLE_FAULT, false },
	{ REASON_EXTERNAL_INTERRUPT, VIRT_EXIT_INTERRUPT, false },
	{ REASON_INTERRUPT_WINDOW, VIRT_EXIT_INTERRUPT_WINDOW, false },
	{ REASON_NMI_WINDOW, VIRT_EXIT_NMI_WINDOW, false },
	{ REASON_CPUID, VIRT_EXIT_CPUID, true },
	{ REASON_GETSEC, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_HLT, VIRT_EXIT_HLT, true },
	{ REASON_INVD, VIRT_EXIT_INVD, true },
	{ REASON_WBINVD, VIRT_EXIT_INVD, true },
	{ REASON_RDPMC, VIRT_EXIT_RDPMC, true },
	{ REASON_RDTSC, VIRT_EXIT_RDTSC, true },
	{ REASON_RDTSCP, VIRT_EXIT_RDTSC, true },
	{ REASON_VMCALL, VIRT_EXIT_HYPERCALL, true },
	{ REASON_VMCLEAR, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMLAUNCH, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMPTRLD, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMPTRST, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMREAD, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMRESUME, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMWRITE, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMXOFF, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_VMXON, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_CR_ACCESS, VIRT_EXIT_CR_WRITE, true },
	{ REASON_MOV_DR, VIRT_EXIT_DR, true },
	{ REASON_IO, VIRT_EXIT_IO, true },
	{ REASON_RDMSR, VIRT_EXIT_RDMSR, true },
	{ REASON_WRMSR, VIRT_EXIT_WRMSR, true },
	{ REASON_MWAIT, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_MONITOR, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_PAUSE, VIRT_EXIT_PAUSE, true },
	{ REASON_TPR_BELOW_THRESHOLD, VIRT_EXIT_TPR, false },
	{ REASON_APIC_ACCESS, VIRT_EXIT_MEMORY, false },
	{ REASON_VIRTUALIZED_EOI, VIRT_EXIT_APIC_EOI, false },
	{ REASON_EPT_VIOLATION, VIRT_EXIT_MEMORY, false },
	{ REASON_INVEPT, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_INVVPID, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_XSETBV, VIRT_EXIT_XSETBV, true },
	{ REASON_APIC_WRITE, VIRT_EXIT_APIC_WRITE, false },
	{ REASON_ENCLS, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_TASK_SWITCH, VIRT_EXIT_TASK_SWITCH, false },
	{ REASON_SEAMCALL, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_TDCALL, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_RDMSR_IMMEDIATE, VIRT_EXIT_HIDDEN_INSN, true },
	{ REASON_WRMSRNS_IMMEDIATE, VIRT_EXIT_HIDDEN_INSN, true },
};

static void every_reason_has_its_word_and_length(void)
{
	machine(0);
	for (size_t i = 0; i < COUNT(plain); i++) {
		struct virt_exit exit;

		then(plain[i].reason, 0);
		with(VMCS_EXIT_INSTRUCTION_LENGTH, 1 + i % 15);
		exit = run(child);
		CHECK_EQ(exit.reason, plain[i].exit);
		CHECK_EQ(exit.insn_length, plain[i].has_length ? 1 + i % 15 : 0);
		CHECK_EQ(exit.interrupted.type, VIRT_EVENT_NONE);
		CHECK_EQ(child->regs.rip, vtx_get(VMCS_GUEST_RIP));
	}
}

/* A reason that the table does not have is an instruction that the guest does not have. */
static void an_unknown_reason_is_a_hidden_instruction(void)
{
	machine(0);
	for (uint32_t reason = REASON_COUNT; reason < 0x10000; reason += 977) {
		const struct virt_exit exit = run_to(child, reason, 0);

		CHECK_EQ(exit.reason, VIRT_EXIT_HIDDEN_INSN);
		CHECK_EQ(exit.insn_length, 0);
	}
	CHECK_EQ(run_to(child, 5, 0).reason, VIRT_EXIT_HIDDEN_INSN);
	CHECK_EQ(run_to(root, 99, 0).reason, VIRT_EXIT_HIDDEN_INSN);
}

/* ---- Members ----------------------------------------------------------------------------- */

static void an_io_exit_has_port_size_and_direction(void)
{
	static const uint16_t ports[] = { 0, 0x60, 0x80, 0x3f8, 0xffff };

	machine(0);
	for (size_t i = 0; i < COUNT(ports); i++)
		for (unsigned int bits = 0; bits < 32; bits++) {
			static const uint8_t sizes[] = { 1, 2, 4, 1 };
			const uint8_t size = sizes[bits >> 3];
			const struct virt_exit exit =
				run_to(child, REASON_IO,
				       (uint64_t)ports[i] << 16 | (bits & 7) << 3 | (size - 1u));

			CHECK_EQ(exit.reason, VIRT_EXIT_IO);
			CHECK_EQ(exit.io.port, ports[i]);
			CHECK_EQ(exit.io.size, size);
			CHECK_EQ(exit.io.is_in, bits & 1);
			CHECK_EQ(exit.io.is_string, bits >> 1 & 1);
			CHECK_EQ(exit.io.is_rep, bits >> 2 & 1);
		}
}

static void go_to_long_mode(struct virt_vp *vp, bool is_64)
{
	struct x86_segment cs = { .limit = 0xffffffff,
				  .selector = 8,
				  .attributes = is_64 ? 0xa09b : 0xc09b };

	virt_set(vp, VIRT_CR4, CR4_PAE);
	virt_set(vp, VIRT_CR0, CR0_PE | CR0_PG | CR0_ET);
	virt_set(vp, VIRT_EFER, EFER_LME | EFER_LMA);
	virt_set_segment(vp, SEG_CS, &cs);
}

/* A register of a write is cut to the width of the mode. */
static void a_cr_write_brings_the_value(void)
{
	machine(0);
	for (unsigned int is_64 = 0; is_64 < 2; is_64++) {
		static const uint8_t numbers[] = { 0, 3, 4, 8 };

		go_to_long_mode(child, is_64);
		for (unsigned int i = 0; i < 64; i++) {
			const uint8_t number = numbers[i & 3], gpr = (uint8_t)(i >> 2);
			struct virt_exit exit;

			for (unsigned int k = 0; k < 16; k++)
				child->regs.gpr[k] = 0x1111111100000000 + 0x100000001 * k;
			child->regs.changed = true;
			exit = run_to(child, REASON_CR_ACCESS, number | (uint64_t)gpr << 8);
			CHECK_EQ(exit.reason, VIRT_EXIT_CR_WRITE);
			CHECK_EQ(exit.cr.number, number);
			CHECK_EQ(exit.cr.gpr, gpr);
			CHECK_EQ(exit.cr.value,
				 is_64 ? child->regs.gpr[gpr] : (uint32_t)child->regs.gpr[gpr]);
		}
	}
}

static void a_cr8_read_says_where_it_goes(void)
{
	machine(0);
	for (uint8_t gpr = 0; gpr < 16; gpr++) {
		const struct virt_exit exit =
			run_to(child, REASON_CR_ACCESS, 8 | 1 << 4 | (uint64_t)gpr << 8);

		CHECK_EQ(exit.reason, VIRT_EXIT_CR_READ);
		CHECK_EQ(exit.cr.number, 8);
		CHECK_EQ(exit.cr.gpr, gpr);
		CHECK_EQ(exit.cr.value, 0);
	}
}

/* SDM 2A "CLTS", "LMSW": TS goes; the low four bits change, but PE is never cleared. */
static void clts_and_lmsw_are_writes_of_cr0(void)
{
	const uint64_t before = CR0_PE | CR0_ET | CR0_TS | CR0_MP | CR0_CD | CR0_NW;

	machine(0);
	for (uint64_t word = 0; word < 32; word++) {
		struct virt_exit exit;

		virt_set(child, VIRT_CR0, before);
		exit = run_to(child, REASON_CR_ACCESS, 3 << 4 | (0xffe0 | word) << 16);
		CHECK_EQ(exit.reason, VIRT_EXIT_CR_WRITE);
		CHECK_EQ(exit.cr.number, 0);
		CHECK_EQ(exit.cr.value, (before & ~0xeull) | (word & 0xf) | CR0_PE);
		exit = run_to(child, REASON_CR_ACCESS, 2 << 4);
		CHECK_EQ(exit.reason, VIRT_EXIT_CR_WRITE);
		CHECK_EQ(exit.cr.number, 0);
		CHECK_EQ(exit.cr.value, before & ~CR0_TS);
	}
}

static void a_dr_exit_has_registers_and_direction(void)
{
	machine(0);
	for (unsigned int i = 0; i < 256; i++) {
		const struct virt_exit exit =
			run_to(child, REASON_MOV_DR,
			       (i & 7) | (i >> 3 & 1) << 4 | (uint64_t)(i >> 4) << 8);

		CHECK_EQ(exit.reason, VIRT_EXIT_DR);
		CHECK_EQ(exit.dr.number, i & 7);
		CHECK_EQ(exit.dr.is_read, i >> 3 & 1);
		CHECK_EQ(exit.dr.gpr, i >> 4);
	}
}

static void a_memory_exit_has_address_and_access(void)
{
	machine(0);
	for (unsigned int i = 0; i < 64; i++) {
		const bool has_gva = i & 8, is_final = i & 16, is_read = i & 1, is_write = i & 2,
			   is_fetch = i & 4;
		struct virt_exit exit;

		then(REASON_EPT_VIOLATION, (i & 7) | (has_gva ? 1 << 7 : 0) |
						   (is_final ? 1 << 8 : 0) | (i & 32 ? 7 << 3 : 0));
		with(VMCS_GUEST_PHYSICAL_ADDRESS, 0x123456789a);
		with(VMCS_GUEST_LINEAR_ADDRESS, 0xffff8000deadbeef);
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_MEMORY);
		CHECK_EQ(exit.memory.gpa.a, 0x123456789a);
		CHECK_EQ(exit.memory.gva_valid, has_gva);
		CHECK_EQ(exit.memory.gva.a, has_gva ? 0xffff8000deadbeef : 0);
		CHECK_EQ(exit.memory.is_walk, has_gva && !is_final);
		CHECK_EQ(exit.memory.is_read, is_read);
		CHECK_EQ(exit.memory.is_write, is_write);
		CHECK_EQ(exit.memory.is_fetch, is_fetch);
	}
}

/* SDM 3C "Exit Qualification for APIC-Access VM Exits from Linear Accesses and Guest-Physical Accesses" */
static void an_access_to_the_apics_page_is_a_memory_exit(void)
{
	static const struct {
		unsigned int type;
		bool is_walk, is_read, is_write, is_fetch, has_offset;
	} rows[] = {
		{ 0, false, true, false, false, true },	 { 1, false, false, true, false, true },
		{ 2, false, false, false, true, true },	 { 3, false, true, false, false, true },
		{ 10, true, true, false, false, false }, { 15, true, true, false, false, false },
	};

	machine(0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct virt_exit exit =
			run_to(child, REASON_APIC_ACCESS, 0x2f5 | (uint64_t)rows[i].type << 12);

		CHECK_EQ(exit.reason, VIRT_EXIT_MEMORY);
		CHECK_EQ(exit.memory.gpa.a, rows[i].has_offset ? 0xfee002f5 : 0xfee00000);
		CHECK(!exit.memory.gva_valid);
		CHECK_EQ(exit.memory.gva.a, 0);
		CHECK_EQ(exit.memory.is_walk, rows[i].is_walk);
		CHECK_EQ(exit.memory.is_read, rows[i].is_read);
		CHECK_EQ(exit.memory.is_write, rows[i].is_write);
		CHECK_EQ(exit.memory.is_fetch, rows[i].is_fetch);
	}
}

static void exits_of_the_apic_have_register_and_vector(void)
{
	machine(0);
	CHECK_EQ(run_to(child, REASON_APIC_WRITE, 0x303).apic_write.offset, 0x300);
	CHECK_EQ(run_to(child, REASON_APIC_WRITE, 0xfffff0b0).apic_write.offset, 0x0b0);
	CHECK_EQ(run_to(child, REASON_VIRTUALIZED_EOI, 0xf7).apic_eoi.vector, 0xf7);
}

static void a_task_switch_has_selector_and_source(void)
{
	machine(0);
	for (uint64_t source = 0; source < 4; source++) {
		const struct virt_exit exit =
			run_to(child, REASON_TASK_SWITCH, 0xfff8 | source << 30);

		CHECK_EQ(exit.reason, VIRT_EXIT_TASK_SWITCH);
		CHECK_EQ(exit.task_switch.selector, 0xfff8);
		CHECK_EQ(exit.task_switch.source, source);
	}
}

static void the_two_reads_of_the_tsc_differ(void)
{
	machine(0);
	CHECK_EQ(run_to(child, REASON_RDTSC, 0).rdtsc.is_rdtscp, false);
	CHECK_EQ(run_to(child, REASON_RDTSCP, 0).rdtsc.is_rdtscp, true);
}

/* Only 64-bit code at CPL 0 is the kernel's. */
static void a_hypercall_says_who_makes_it(void)
{
	for (unsigned int is_64 = 0; is_64 < 2; is_64++)
		for (uint16_t dpl = 0; dpl < 4; dpl += 3) {
			struct x86_segment ss = { .limit = 0xffffffff,
						  .selector = 0x10 | dpl,
						  .attributes = (uint16_t)(0xc093 | dpl << 5) };
			struct x86_segment cs = {
				.limit = 0xffffffff,
				.selector = 8 | dpl,
				.attributes = (uint16_t)((is_64 ? 0xa09b : 0xc09b) | dpl << 5)
			};

			machine(0);
			go_to_long_mode(child, is_64);
			virt_set_segment(child, SEG_SS, &ss);
			virt_set_segment(child, SEG_CS, &cs);
			CHECK_EQ(run_to(child, REASON_VMCALL, 0).hypercall.is_kernel64,
				 is_64 && !dpl);
		}
}

/* ---- Exceptions -------------------------------------------------------------------------- */

static void an_exception_that_is_asked_for_is_told(void)
{
	machine(0);
	intercept(child, ~0u);
	for (unsigned int vector = 0; vector < 32; vector++) {
		struct virt_exit exit;

		if (vector == EXC_NMI || vector == EXC_MC)
			continue;
		for (unsigned int has_code = 0; has_code < 2; has_code++) {
			then(REASON_EXCEPTION_OR_NMI, 0xffff80001234600f);
			with(VMCS_EXIT_INTERRUPTION_INFO,
			     INFO(INTR_HARD_EXCEPTION, vector) | (has_code ? INTR_ERROR_CODE : 0));
			with(VMCS_EXIT_INTERRUPTION_ERROR_CODE, 0x1234);
			exit = run(child);
			CHECK_EQ(exit.reason, VIRT_EXIT_EXCEPTION);
			CHECK_EQ(exit.exception.vector, vector);
			CHECK_EQ(exit.exception.has_error_code, has_code);
			CHECK_EQ(exit.exception.error_code, has_code ? 0x1234 : 0);
			CHECK(!exit.exception.is_software);
			CHECK_EQ(exit.exception.address, vector == EXC_PF   ? 0xffff80001234600f
							 : vector == EXC_DB ? 0x600f
									    : 0);
			CHECK_EQ(exit.insn_length, 0);
		}
	}
}

static void a_software_exception_has_its_length(void)
{
	static const struct {
		uint32_t type;
		uint8_t vector, length;
	} rows[] = { { INTR_SOFT_EXCEPTION, EXC_BP, 1 },
		     { INTR_SOFT_EXCEPTION, EXC_OF, 1 },
		     { INTR_SOFT_EXCEPTION, EXC_BP, 15 },
		     { INTR_PRIVILEGED_SOFT, EXC_DB, 1 } };

	machine(0);
	intercept(child, ~0u);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct virt_exit exit;

		then(REASON_EXCEPTION_OR_NMI, 0x4000);
		with(VMCS_EXIT_INTERRUPTION_INFO, INFO(rows[i].type, (uint32_t)rows[i].vector));
		with(VMCS_EXIT_INSTRUCTION_LENGTH, rows[i].length);
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_EXCEPTION);
		CHECK(exit.exception.is_software);
		CHECK_EQ(exit.exception.vector, rows[i].vector);
		CHECK_EQ(exit.insn_length, rows[i].length);
		CHECK_EQ(exit.exception.address, 0); /* INT1 makes no bits of DR6 */
	}
}

/* What nobody asked for goes on to the guest, but not without end: then the root has its turn. */
static void an_exception_that_nobody_asked_for_is_the_guests(void)
{
	static const uint8_t vectors[] = { EXC_DB, EXC_AC };

	for (size_t i = 0; i < COUNT(vectors); i++) {
		const uint32_t info = INFO(INTR_HARD_EXCEPTION, (uint32_t)vectors[i]) |
				      (vectors[i] == EXC_AC ? INTR_ERROR_CODE : 0);
		struct virt_exit exit;

		machine(0);
		go_to_long_mode(child, true);
		for (unsigned int k = 0; k < 5; k++) {
			then(REASON_EXCEPTION_OR_NMI, 0x4001);
			with(VMCS_EXIT_INTERRUPTION_INFO, info);
			with(VMCS_EXIT_INTERRUPTION_ERROR_CODE, 0);
		}
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_INTERRUPT);
		CHECK_EQ(exit.interrupted.type, VIRT_EVENT_EXCEPTION);
		CHECK_EQ(exit.interrupted.vector, vectors[i]);
		CHECK_EQ(exit.interrupted.has_error_code, vectors[i] == EXC_AC);
		CHECK_EQ(entered[0].info, 0);
		for (unsigned int k = 1; k < 5; k++)
			CHECK_EQ(entered[k].info, info);
		CHECK_EQ(virt_get(child, VIRT_DR6) & 0x400f, vectors[i] == EXC_DB ? 0x4001 : 0);
		CHECK_EQ(vtx_get(VMCS_ENTRY_INTERRUPTION_INFO) & INTR_VALID, 0);
	}
}

/* The machine's own events: the root gets them, whoever was running. */
static void nmis_and_machine_checks_are_the_roots(void)
{
	machine(0);
	vtx.nmi_blocked = true;
	then(REASON_EXCEPTION_OR_NMI, 0);
	with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_NMI, 2u));
	CHECK_EQ(run(child).reason, VIRT_EXIT_NMI);
	CHECK_EQ(vtx.percpu->pending, PENDING_NMI);
	CHECK(!vtx.nmi_blocked);
	then(REASON_CPUID, 0);
	CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[0].info, INFO(INTR_NMI, 2u));

	then(REASON_EXCEPTION_OR_NMI, 0);
	with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_HARD_EXCEPTION, 18u));
	CHECK_EQ(run(child).reason, VIRT_EXIT_NMI);
	CHECK_EQ(vtx.percpu->pending, PENDING_MC);
	then(REASON_CPUID, 0);
	CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[0].info, INFO(INTR_HARD_EXCEPTION, 18u));
}

/* ---- What an exit interrupted ------------------------------------------------------------ */

static const struct {
	uint32_t info;
	struct virt_event event;
} events[] = {
	{ INFO(INTR_EXTERNAL, 0x31u), { .type = VIRT_EVENT_INTERRUPT, .vector = 0x31 } },
	{ INFO(INTR_NMI, 2u), { .type = VIRT_EVENT_NMI, .vector = 2 } },
	{ INFO(INTR_HARD_EXCEPTION, 6u), { .type = VIRT_EVENT_EXCEPTION, .vector = 6 } },
	{ INFO(INTR_HARD_EXCEPTION, 13u) | INTR_ERROR_CODE,
	  { .type = VIRT_EVENT_EXCEPTION,
	    .vector = 13,
	    .has_error_code = true,
	    .error_code = 0xfff8 } },
	{ INFO(INTR_SOFT_INTERRUPT, 0x80u),
	  { .type = VIRT_EVENT_SOFT_INTERRUPT, .vector = 0x80, .length = 2 } },
	{ INFO(INTR_PRIVILEGED_SOFT, 1u),
	  { .type = VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION, .vector = 1, .length = 1 } },
	{ INFO(INTR_SOFT_EXCEPTION, 3u),
	  { .type = VIRT_EVENT_SOFT_EXCEPTION, .vector = 3, .length = 1 } },
};

static void check_event(const struct virt_event *is, const struct virt_event *wanted)
{
	CHECK_EQ(is->type, wanted->type);
	CHECK_EQ(is->vector, wanted->vector);
	CHECK_EQ(is->has_error_code, wanted->has_error_code);
	CHECK_EQ(is->error_code, wanted->error_code);
	CHECK_EQ(is->length, wanted->length);
}

static void an_interrupted_event_is_told(void)
{
	static const uint32_t reasons[] = { REASON_EPT_VIOLATION, REASON_APIC_ACCESS,
					    REASON_TASK_SWITCH, REASON_EXCEPTION_OR_NMI };

	machine(0);
	intercept(child, ~0u);
	for (size_t r = 0; r < COUNT(reasons); r++)
		for (size_t i = 0; i < COUNT(events); i++) {
			struct virt_exit exit;

			then(reasons[r], 0);
			if (reasons[r] == REASON_EXCEPTION_OR_NMI)
				with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_HARD_EXCEPTION, 14u));
			with(VMCS_IDT_VECTORING_INFO, events[i].info);
			if (events[i].event.has_error_code)
				with(VMCS_IDT_VECTORING_ERROR_CODE, events[i].event.error_code);
			if (events[i].event.length)
				with(VMCS_EXIT_INSTRUCTION_LENGTH, events[i].event.length);
			exit = run(child);
			check_event(&exit.interrupted, &events[i].event);
		}
}

/* SDM 3C "Information About NMI Unblocking Due to IRET": the IRET will be executed again. */
static void an_iret_that_faulted_leaves_nmis_blocked(void)
{
	static const struct {
		uint32_t vector;
		bool is_delivery, blocks;
	} rows[] = {
		{ EXC_GP, false, true },
		{ EXC_PF, false, true },
		{ EXC_DF, false, false },
		{ EXC_PF, true, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		machine(0);
		intercept(child, ~0u);
		then(REASON_EXCEPTION_OR_NMI, 0);
		with(VMCS_EXIT_INTERRUPTION_INFO,
		     INFO(INTR_HARD_EXCEPTION, rows[i].vector) | INTR_NMI_UNBLOCKED);
		if (rows[i].is_delivery)
			with(VMCS_IDT_VECTORING_INFO, INFO(INTR_EXTERNAL, 0x20u));
		run(child);
		CHECK_EQ(virt_get(child, VIRT_SHADOW), rows[i].blocks ? VIRT_SHADOW_NMI : 0);
	}
	for (unsigned int is_delivery = 0; is_delivery < 2; is_delivery++) {
		machine(0);
		then(REASON_EPT_VIOLATION, 1 | 1 << 12);
		if (is_delivery)
			with(VMCS_IDT_VECTORING_INFO, INFO(INTR_EXTERNAL, 0x20u));
		run(child);
		CHECK_EQ(virt_get(child, VIRT_SHADOW), is_delivery ? 0 : VIRT_SHADOW_NMI);
	}
}

/* ---- Instructions that need nobody -------------------------------------------------------- */

/* SDM 2B "UMWAIT", "TPAUSE": they may end at once, with the flags clear. */
static void a_wait_of_the_user_ends_at_once(void)
{
	machine(0);
	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t rip = child->regs.rip;

		child->regs.rflags = RFLAGS_ONE | RFLAGS_STATUS;
		child->regs.changed = true;
		then(i ? REASON_TPAUSE : REASON_UMWAIT, 0);
		with(VMCS_EXIT_INSTRUCTION_LENGTH, 4);
		then(REASON_CPUID, 0);
		CHECK_EQ(run(child).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(child->regs.rip, rip + 4);
		CHECK_EQ(child->regs.rflags, RFLAGS_ONE);
	}
}

/* The root's writes of the MSRs of SYSCALL exit for the value to be known, and hv/ sees none that is legal. */
static void the_roots_syscall_msrs_are_written_through(void)
{
	static const uint32_t msrs[] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_TSC_AUX };

	machine(0);
	for (size_t i = 0; i < COUNT(msrs); i++) {
		const uint64_t rip = root->regs.rip;

		root->regs.gpr[X86_RCX] = msrs[i];
		root->regs.gpr[X86_RAX] = 0x1000 + i;
		root->regs.gpr[X86_RDX] = 0;
		then(REASON_WRMSR, 0);
		with(VMCS_EXIT_INSTRUCTION_LENGTH, 2);
		then(REASON_CPUID, 0);
		CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(root->regs.rip, rip + 2);
		CHECK_EQ(vtx_msr(msrs[i])->value, 0x1000 + i);
	}
	/* Not canonical: refused by the processor, and by hv/ once more. */
	root->regs.gpr[X86_RCX] = MSR_LSTAR;
	root->regs.gpr[X86_RDX] = 0x80000000;
	CHECK_EQ(run_to(root, REASON_WRMSR, 0).reason, VIRT_EXIT_WRMSR);
	CHECK_EQ(vtx_msr(MSR_LSTAR)->value, 0x1001);
	/* Another one, and a child's all, are for hv/. */
	root->regs.gpr[X86_RCX] = MSR_PAT;
	root->regs.gpr[X86_RDX] = 0;
	CHECK_EQ(run_to(root, REASON_WRMSR, 0).reason, VIRT_EXIT_WRMSR);
	child->regs.gpr[X86_RCX] = MSR_LSTAR;
	CHECK_EQ(run_to(child, REASON_WRMSR, 0).reason, VIRT_EXIT_WRMSR);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_reason_has_its_word_and_length),
		TEST(an_unknown_reason_is_a_hidden_instruction),
		TEST(an_io_exit_has_port_size_and_direction),
		TEST(a_cr_write_brings_the_value),
		TEST(a_cr8_read_says_where_it_goes),
		TEST(clts_and_lmsw_are_writes_of_cr0),
		TEST(a_dr_exit_has_registers_and_direction),
		TEST(a_memory_exit_has_address_and_access),
		TEST(an_access_to_the_apics_page_is_a_memory_exit),
		TEST(exits_of_the_apic_have_register_and_vector),
		TEST(a_task_switch_has_selector_and_source),
		TEST(the_two_reads_of_the_tsc_differ),
		TEST(a_hypercall_says_who_makes_it),
		TEST(an_exception_that_is_asked_for_is_told),
		TEST(a_software_exception_has_its_length),
		TEST(an_exception_that_nobody_asked_for_is_the_guests),
		TEST(nmis_and_machine_checks_are_the_roots),
		TEST(an_interrupted_event_is_told),
		TEST(an_iret_that_faulted_leaves_nmis_blocked),
		TEST(a_wait_of_the_user_ends_at_once),
		TEST(the_roots_syscall_msrs_are_written_through),
	};

	return RUN(tests);
}
