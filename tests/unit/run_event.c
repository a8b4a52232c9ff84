/* SPDX-License-Identifier: MIT */
/* vp_run() and exceptions, hypercalls, XSETBV, windows: what the client has asked to see, and what the guest gets. */
#include "tests/unit/run_world.h"
#include "hv/run/run.h"
#include "x86/dr.h"

/* After an exit for an exception the client gives it back as it came. */
static void give_back(void)
{
	uint64_t event[2] = { 1 | (uint64_t)child->page->exit[72] << 16, 0 };

	if (record_u32(68) & 1)
		event[0] |= 1u << 8 | (uint64_t)record_u32(76) << 32;
	memcpy(&event[1], child->page->exit + 80, 8);
	CHECK(event_set_event(child, event));
}

static struct virt_event injected;

static void note_injected(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	injected = child->pending;
}

static void run_and_note(void)
{
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, note_injected);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
}

static void init(uint64_t exits, uint64_t vectors)
{
	world_init();
	world_long_mode();
	part->properties.extended_exits = exits;
	part->properties.exception_exits = vectors;
}

static void page_fault_given_back_has_its_address(void)
{
	init(EXITS_EXCEPTION, 1u << EXC_PF);
	virt_set(child->virt, VIRT_CR2, 0x1111);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_EXCEPTION,
					.exception = { .vector = EXC_PF,
						       .has_error_code = true,
						       .error_code = 6,
						       .address = 0x7fff1000 } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonException);
	CHECK_EQ(virt_get(child->virt, VIRT_CR2), 0x1111);
	give_back();
	run_and_note();
	CHECK_EQ(injected.vector, EXC_PF);
	CHECK_EQ(injected.error_code, 6);
	CHECK_EQ(virt_get(child->virt, VIRT_CR2), 0x7fff1000);
}

static void general_detect_given_back_is_what_it_was(void)
{
	init(EXITS_EXCEPTION, 1u << EXC_DB);
	virt_set(child->virt, VIRT_DR6, DR6_INIT);
	virt_set(child->virt, VIRT_DR7, DR7_INIT | DR7_GD);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_DR,
					.insn_length = 3,
					.dr = { .number = 7, .gpr = 1 } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	give_back();
	run_and_note();
	CHECK_EQ(injected.vector, EXC_DB);
	CHECK_EQ(virt_get(child->virt, VIRT_DR6), DR6_INIT | 1u << 13);
	CHECK_EQ(virt_get(child->virt, VIRT_DR7), DR7_INIT);
}

static void exception_in_a_delivery_leaves_the_event_pending(void)
{
	uint16_t state;

	init(EXITS_EXCEPTION, 1u << EXC_PF);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_EXCEPTION,
					.interrupted = { .type = VIRT_EVENT_EXCEPTION,
							 .vector = EXC_GP,
							 .has_error_code = true },
					.exception = { .vector = EXC_PF, .has_error_code = true } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonException);
	CHECK_EQ(record_u32(72) & 0xff, EXC_PF); /* not #DF */
	memcpy(&state, child->page->exit + 8, 2);
	CHECK(state & 1u << 6);
	CHECK_EQ(event_get_interruption(child), 0xd0017);
	/* Swallowed: the first is delivered after all. */
	run_and_note();
	CHECK_EQ(injected.vector, EXC_GP);
}

static void software_exceptions_stand_at_their_instruction(void)
{
	static const struct {
		uint8_t vector, length;
	} cases[] = { { EXC_BP, 1 }, { EXC_OF, 1 }, { EXC_DB, 1 }, { EXC_BP, 2 } };

	for (unsigned int i = 0; i < 4; i++) {
		init(EXITS_EXCEPTION, 1u << cases[i].vector);
		if (cases[i].vector == EXC_OF) { /* 64-bit code has no INTO */
			virt_set(child->virt, VIRT_CR0, CR0_PE | CR0_ET | CR0_NE);
			virt_set(child->virt, VIRT_EFER, 0);
			virt_set_segment(child->virt, SEG_CS,
					 &(struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE32 });
		}
		fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_EXCEPTION,
						.insn_length = cases[i].length,
						.exception = { .vector = cases[i].vector,
							       .is_software = true } },
			  NULL);
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(child->page->exit[10] & 15, cases[i].length);
		CHECK_EQ(record_u32(68), 2);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
		/* Given back as the software interrupt that it was. */
		CHECK(event_set_interruption(child, 1 | (cases[i].vector == EXC_DB ? 5u : 6u) << 1 |
							    (uint64_t)cases[i].length << 5 |
							    (uint64_t)cases[i].vector << 16));
		run_and_note();
		CHECK_EQ(injected.length, cases[i].length);
	}
}

/* MOVSB from a device to a page that is not there; or that goes while the device's answer is waited for. */
static void what_the_emulator_raises_is_seen_too(void)
{
	const uint64_t gone = 0xabcd000, entry = TABLES_GPA + 0x2000 + 8 * (gone >> 21);

	for (unsigned int is_waiting = 0; is_waiting < 2; is_waiting++) {
		init(EXITS_EXCEPTION, 1u << EXC_PF);
		part->properties.emulation = WHIT_EMULATE_MEMORY;
		GUEST_CODE(0xa4);
		virt_regs(child->virt)->gpr[6] = HOLE_GPA;
		virt_regs(child->virt)->gpr[7] = gone;
		fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_MEMORY,
						.memory = { .gpa = { HOLE_GPA },
							    .gva = { HOLE_GPA },
							    .gva_valid = true,
							    .is_read = true } },
			  NULL);
		if (is_waiting) {
			CHECK_EQ(run_child(), S_OK);
			CHECK_EQ(record_u32(0), WhitRunVpExitReasonDeviceAccess);
		}
		guest_write(entry, 0);
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(record_u32(0), WHvRunVpExitReasonException);
		CHECK_EQ(record_u32(72) & 0xff, EXC_PF);
		CHECK_EQ(record_u32(76), PF_W);
		CHECK_EQ(record_u32(80), gone);
		CHECK_EQ(child->pending.type, VIRT_EVENT_NONE);
	}
}

static void a_vector_that_is_not_asked_for_goes_to_the_guest(void)
{
	init(EXITS_EXCEPTION, ~0ull & ~(1ull << EXC_GP));
	virt_regs(child->virt)->gpr[1] = 0x12345;
	check_child_faults(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 },
			   EXC_GP);
	init(0, ~0ull);
	virt_regs(child->virt)->gpr[1] = 0x12345;
	check_child_faults(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 },
			   EXC_GP);
}

static void triple_fault_is_explained(void)
{
	init(0, 0);
	CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 1u << 8 | 13u << 16, 0 }));
	push_reason(VIRT_EXIT_TRIPLE_FAULT, 0);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonUnrecoverableException);
	CHECK(!strcmp(child->page->error_text, "triple fault in the delivery of exception 13"));
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE); /* it has been delivered, to no avail */
	push_reason(VIRT_EXIT_TRIPLE_FAULT, 0);
	CHECK_EQ(run_child(), S_OK);
	CHECK(!strcmp(child->page->error_text, "triple fault"));
	virt_regs(child->virt)->gpr[1] = 0x12345;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR,
					.insn_length = 2,
					.interrupted = { .type = VIRT_EVENT_EXCEPTION,
							 .vector = EXC_DF,
							 .has_error_code = true } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonUnrecoverableException);
	CHECK(!strcmp(child->page->error_text,
		      "triple fault: exception 13 in the delivery of exception 8"));
}

/* ---- Windows ----------------------------------------------------------------------------- */

static void client_hears_of_its_own_windows_alone(void)
{
	init(0, 0);
	CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 5u << 1 | 0x3000, 0 }));
	push_reason(VIRT_EXIT_INTERRUPT_WINDOW, 0); /* IF would be set by now */
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	child->deliverability = 2;
	push_reason(VIRT_EXIT_INTERRUPT_WINDOW, 0);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64InterruptWindow);
	CHECK_EQ(child->deliverability, 0);
	CHECK(child->ext_int);
}

/* ---- Instructions that some partitions have ---------------------------------------------- */

static void hypercalls_are_for_the_kernel_of_who_asked(void)
{
	const struct virt_exit exit = { .reason = VIRT_EXIT_HYPERCALL, .insn_length = 3 };

	init(0, 0);
	check_child_faults(&exit, EXC_UD);
	part->properties.extended_exits = EXITS_HYPERCALL;
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonHypercall);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
	world_protected_mode(); /* 32-bit code at CPL 0 can */
	virt_set(child->virt, VIRT_EFER, 0);
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	world_user();
	check_child_faults(&exit, EXC_UD);
	world_init(); /* real mode */
	part->properties.extended_exits = EXITS_HYPERCALL;
	check_child_faults(&exit, EXC_UD);
}

static void xsetbv_obeys_its_rules(void)
{
	const struct virt_exit exit = { .reason = VIRT_EXIT_XSETBV, .insn_length = 3 };
	struct virt_regs *regs;

	init(0, 0);
	virt_machine.xcr0_child = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	world_model();
	regs = virt_regs(child->virt);
	regs->gpr[0] = 0xffffffff00000000ull | XCR0_X87 | XCR0_SSE;
	regs->gpr[1] = 0xffffffff00000000ull;
	regs->gpr[2] = 0xffffffff00000000ull;
	check_child_faults(&exit, EXC_UD); /* CR4.OSXSAVE is clear */
	virt_set(child->virt, VIRT_CR4, CR4_PAE | CR4_OSXSAVE);
	check_child_skips(&exit);
	CHECK_EQ(virt_get(child->virt, VIRT_XCR0), XCR0_X87 | XCR0_SSE);
	regs->gpr[1] = 1;
	check_child_faults(&exit, EXC_GP);
	regs->gpr[1] = 0;
	regs->gpr[0] = XCR0_SSE;
	check_child_faults(&exit, EXC_GP);
	CHECK_EQ(fake.xcr0, 1); /* the root's is another matter */
	regs->gpr[0] = XCR0_X87;
	world_user();
	check_child_faults(&exit, EXC_GP);
}

static void rdtsc_leaves(void)
{
	init(EXITS_RDTSC, 0);
	push_reason(VIRT_EXIT_RDTSC, 2);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Rdtsc);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(page_fault_given_back_has_its_address),
		TEST(general_detect_given_back_is_what_it_was),
		TEST(exception_in_a_delivery_leaves_the_event_pending),
		TEST(software_exceptions_stand_at_their_instruction),
		TEST(what_the_emulator_raises_is_seen_too),
		TEST(a_vector_that_is_not_asked_for_goes_to_the_guest),
		TEST(triple_fault_is_explained),
		TEST(client_hears_of_its_own_windows_alone),
		TEST(hypercalls_are_for_the_kernel_of_who_asked),
		TEST(xsetbv_obeys_its_rules),
		TEST(rdtsc_leaves),
	};

	return RUN(tests);
}
