/* SPDX-License-Identifier: MIT */
/* vp_run(): what is answered inside, what leaves, cancel, interrupts, events, and the emulator's outcomes. */
#include "tests/unit/run_world.h"
#include "hv/vp/page.h"
#include "hv/run/run.h"
#include "x86/dr.h"

static const struct virt_exit io = { .reason = VIRT_EXIT_IO,
				     .insn_length = 1,
				     .io = { .port = 0x80, .size = 1 } };

/* ---- Cancel ------------------------------------------------------------------------------ */

static void cancel_before_run_does_not_enter(void)
{
	world_init();
	child->cancel = 1;
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK_EQ(fake.n_runs, 0);
	CHECK_EQ(fake.n_switches, 0);
	CHECK_EQ(child->cancel, 0);
}

static void cancel_is_used_up_by_one_exit(void)
{
	world_init();
	child->cancel = 1;
	CHECK_EQ(run_child(), S_OK);
	push_reason(VIRT_EXIT_HLT, 1);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Halt);
}

static void cancel_is_seen_between_exits_that_are_answered_inside(void)
{
	world_init();
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 }, cancel_hook);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
}

static void cancel_that_races_a_natural_exit_is_kept_for_the_next_run(void)
{
	world_init();
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_HLT, .insn_length = 1 }, cancel_hook);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
}

static void canceled_run_takes_and_shows_the_clients_registers(void)
{
	uint64_t rip;

	world_init();
	child->cancel = 1;
	child->page->gpr[3] = 0x77;
	child->page->rip = 0x2222;
	child->page->dirty = 1u << 3 | WHIT_PAGE_RIP;
	vp_page_absorb(child); /* by every hypercall that names a VP */
	CHECK_EQ(run_child(), S_OK);
	memcpy(&rip, child->page->exit + 32, 8);
	CHECK_EQ(rip, 0x2222);
	CHECK_EQ(child->page->dirty, 0);
	CHECK_EQ(child->page->gpr[3], 0x77);
	CHECK_EQ(virt_regs(child->virt)->gpr[3], 0x77);
}

/* IN EAX, 80h on a device, with the client's answer. */
static void start_device_read(void)
{
	part->properties.emulation = WHIT_EMULATE_PORTS;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_IO,
					.insn_length = 2,
					.io = { .port = 0x80, .size = 4, .is_in = true } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonDeviceAccess);
	memset(child->page->exit, 0x5c, sizeof(child->page->exit));
	child->page->device_answered = 1;
}

static void cancel_keeps_the_answer_of_a_device_read(void)
{
	world_init();
	for (unsigned int i = 0; i < 2; i++) {
		virt_regs(child->virt)->rip = CODE_GPA;
		virt_regs(child->virt)->gpr[0] = 0;
		start_device_read();
		if (i)
			child->activity = 2; /* the same for a VP that the client has suspended */
		else
			child->cancel = 1;
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(record_u32(0), i ? WHvRunVpExitReasonX64Halt : WHvRunVpExitReasonCanceled);
		CHECK_EQ(child->page->exit[64], 0);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
		/* It was taken before the record was zeroed. */
		child->activity = 0;
		push_interrupt();
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(virt_regs(child->virt)->gpr[0], 0x5c5c5c5c);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
	}
}

/* ---- Interrupts -------------------------------------------------------------------------- */

static void physical_interrupts_are_unseen_by_the_client(void)
{
	uint8_t before[256];

	world_init();
	push_reason(VIRT_EXIT_HLT, 1);
	run_child();
	memcpy(before, child->page->exit, sizeof(before));
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	push_reason(VIRT_EXIT_NMI, 0);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK(!memcmp(before, child->page->exit, sizeof(before)));
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 1);
	CHECK_EQ(fake.cpu[0].switched_in == test_root.virt, true);
}

static void interrupt_shows_the_registers_as_they_are_now(void)
{
	world_init();
	push_reason(VIRT_EXIT_CPUID, 2);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->page->rip, CODE_GPA + 2);
	CHECK_EQ(child->page->valid & WHIT_PAGE_RIP, WHIT_PAGE_RIP);
}

/* An entry that did not take place has delivered nothing. */
static void event_outlives_an_entry_that_did_not_take_place(void)
{
	world_init();
	child->pending = (struct virt_event) { .type = VIRT_EVENT_NMI, .vector = 2 };
	push_reason(VIRT_EXIT_NOTHING, 0);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->pending.type, VIRT_EVENT_NMI);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE);
}

static void exits_are_counted_by_reason(void)
{
	world_init();
	push_reason(VIRT_EXIT_CPUID, 2);
	push_reason(VIRT_EXIT_CPUID, 2);
	push_interrupt();
	run_child();
	CHECK_EQ(test_root.child_exits[VIRT_EXIT_CPUID], 2);
	CHECK_EQ(test_root.child_exits[VIRT_EXIT_INTERRUPT], 1);
}

/* ---- Answered inside --------------------------------------------------------------------- */

static void cpuid_is_answered_inside(void)
{
	world_init();
	virt_regs(child->virt)->gpr[0] = 0xffffffff00000000ull;
	virt_regs(child->virt)->gpr[1] = ~0ull;
	check_child_skips(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 });
	CHECK_EQ(virt_regs(child->virt)->gpr[0], cpuid_child(child, 0, 0).eax);
	CHECK_EQ(virt_regs(child->virt)->gpr[3], fake_is_amd ? 0x68747541 : 0x756e6547);
	CHECK_EQ(virt_regs(child->virt)->gpr[2], fake_is_amd ? 0x69746e65 : 0x49656e69);
	CHECK_EQ(virt_regs(child->virt)->gpr[1], fake_is_amd ? 0x444d4163 : 0x6c65746e);
}

static void cpuid_list_decides_which_leaves_exit(void)
{
	static struct property_lists lists;
	const struct virt_exit exit = { .reason = VIRT_EXIT_CPUID, .insn_length = 2 };

	world_init();
	part->properties.extended_exits = 1;
	part->lists = &lists;
	lists.n_cpuid_exits = 2;
	lists.cpuid_exits[0] = 0x80000001;
	lists.cpuid_exits[1] = 1;
	check_child_skips(&exit); /* leaf 0 */
	virt_regs(child->virt)->gpr[0] = 1;
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Cpuid);
	part->properties.extended_exits = 0; /* a list without the exit means nothing */
	check_child_skips(&exit);
}

static void msrs_are_answered_inside(void)
{
	struct virt_regs *regs;

	world_init();
	regs = virt_regs(child->virt);
	regs->gpr[1] = MSR_STAR;
	regs->gpr[0] = 0xffffffff11111111ull;
	regs->gpr[2] = 0xffffffff22222222ull;
	check_child_skips(&(struct virt_exit) { .reason = VIRT_EXIT_WRMSR, .insn_length = 2 });
	CHECK_EQ(virt_get(child->virt, VIRT_STAR), 0x2222222211111111ull);
	regs->gpr[0] = regs->gpr[2] = ~0ull;
	check_child_skips(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 });
	CHECK_EQ(regs->gpr[0], 0x11111111);
	CHECK_EQ(regs->gpr[2], 0x22222222);
}

static void unknown_msrs_give_gp(void)
{
	world_init();
	virt_regs(child->virt)->gpr[1] = 0x12345;
	virt_regs(child->virt)->gpr[0] = 5;
	check_child_faults(&(struct virt_exit) { .reason = VIRT_EXIT_WRMSR, .insn_length = 2 },
			   EXC_GP);
	check_child_faults(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 },
			   EXC_GP);
	CHECK_EQ(virt_regs(child->virt)->gpr[0], 5);
	part->properties.extended_exits = EXITS_MSR;
	part->properties.msr_exits = 1; /* UnhandledMsrs */
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 }, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64MsrAccess);
	/* One that the model has stays inside, also with a value that it refuses. */
	virt_regs(child->virt)->gpr[1] = MSR_PAT;
	virt_regs(child->virt)->gpr[0] = 2;
	check_child_faults(&(struct virt_exit) { .reason = VIRT_EXIT_WRMSR, .insn_length = 2 },
			   EXC_GP);
}

static void hidden_instructions_give_ud(void)
{
	static const enum virt_exit_reason reasons[] = { VIRT_EXIT_HYPERCALL, VIRT_EXIT_HIDDEN_INSN,
							 VIRT_EXIT_XSETBV };

	uint64_t n_hypercalls;

	world_init();
	world_protected_mode();
	n_hypercalls = test_root.hypercalls;
	for (unsigned int i = 0; i < 3; i++)
		check_child_faults(&(struct virt_exit) { .reason = reasons[i], .insn_length = 3 },
				   EXC_UD);
	CHECK_EQ(test_root.hypercalls, n_hypercalls);
}

/* A child has no counters; the fault is one like others: RF is set, and the client can have it. */
static void rdpmc_gives_gp(void)
{
	const struct virt_exit exit = { .reason = VIRT_EXIT_RDPMC, .insn_length = 2 };

	world_init();
	world_protected_mode();
	check_child_faults(&exit, EXC_GP);
	CHECK(virt_regs(child->virt)->rflags & RFLAGS_RF);
	part->properties.extended_exits = EXITS_EXCEPTION;
	part->properties.exception_exits = 1u << EXC_GP;
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonException);
	CHECK_EQ(record_u32(72) & 0xff, EXC_GP);
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE);
}

static void invd_is_for_cpl_0(void)
{
	world_init();
	world_long_mode();
	check_child_skips(&(struct virt_exit) { .reason = VIRT_EXIT_INVD, .insn_length = 2 });
	CHECK_EQ(fake.n_wbinvd, 0);
	world_user();
	check_child_faults(&(struct virt_exit) { .reason = VIRT_EXIT_INVD, .insn_length = 2 },
			   EXC_GP);
}

static void cr_accesses_are_answered_inside(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_CR_WRITE, .insn_length = 4 };

	world_init();
	world_long_mode();
	exit.cr.number = 8;
	exit.cr.value = 9;
	check_child_skips(&exit);
	CHECK_EQ(child->cr8, 9);
	exit.cr.value = 0x10;
	check_child_faults(&exit, EXC_GP);
	exit.reason = VIRT_EXIT_CR_READ;
	exit.cr.gpr = 4;
	check_child_skips(&exit);
	CHECK_EQ(virt_regs(child->virt)->gpr[4], 9);
	CHECK(virt_regs(child->virt)->changed || fake.n_runs); /* RSP was written */
	exit.reason = VIRT_EXIT_CR_WRITE;
	exit.cr.number = 4;
	exit.cr.value = CR4_PAE | CR4_VMXE;
	check_child_faults(&exit, EXC_GP);
}

/* ---- Debug registers --------------------------------------------------------------------- */

static struct virt_exit dr_exit(uint8_t number, bool is_read)
{
	return (struct virt_exit) { .reason = VIRT_EXIT_DR,
				    .insn_length = 3,
				    .dr = { .number = number, .gpr = 3, .is_read = is_read } };
}

static void check_dr(uint8_t number, uint64_t written, uint64_t read)
{
	struct virt_exit exit = dr_exit(number, false);

	virt_regs(child->virt)->gpr[3] = written;
	check_child_skips(&exit);
	virt_regs(child->virt)->gpr[3] = 0x5555;
	exit.dr.is_read = true;
	check_child_skips(&exit);
	CHECK_EQ(virt_regs(child->virt)->gpr[3], read);
}

static void debug_registers_keep_what_they_can(void)
{
	struct virt_exit exit;

	world_init();
	world_long_mode();
	for (uint8_t i = 0; i < 4; i++) {
		check_dr(i, 0x123456789abcdef0ull + i, 0x123456789abcdef0ull + i);
		CHECK_EQ(virt_get(child->virt, (enum virt_reg)(VIRT_DR0 + i)),
			 0x123456789abcdef0ull + i);
	}
	check_dr(6, 0, 0xffff0ff0);
	check_dr(6, 0xffffffff, 0xffffefff);
	check_dr(4, 0x1, 0xffff0ff1);
	check_dr(7, 0, 0x400);
	check_dr(5, 0xffffdfff, 0xffff07ff); /* 11, 12, 14, 15 are reserved, and GD was not set */
	for (unsigned int bit = 32; bit < 64; bit++)
		for (uint8_t number = 6; number < 8; number++) {
			exit = dr_exit(number, false);
			virt_regs(child->virt)->gpr[3] = 1ull << bit;
			check_child_faults(&exit, EXC_GP);
		}
}

static void debug_registers_are_32_bits_wide_outside_64_bit_mode(void)
{
	world_init();
	world_protected_mode();
	check_dr(0, 0xffffffff12345678ull, 0x12345678);
	check_dr(7, 0xffffffff00000001ull, 0x401);
	virt_set(child->virt, VIRT_DR1, 0x123456789ull);
	virt_regs(child->virt)->gpr[3] = 0;
	check_child_skips(&(struct virt_exit) { .reason = VIRT_EXIT_DR,
						.insn_length = 3,
						.dr = { .number = 1, .gpr = 3, .is_read = true } });
	CHECK_EQ(virt_regs(child->virt)->gpr[3], 0x23456789);
}

static void debug_register_faults_come_in_order(void)
{
	struct virt_exit exit;

	world_init();
	world_long_mode();
	world_user();
	virt_set(child->virt, VIRT_CR4, CR4_PAE | CR4_DE);
	virt_set(child->virt, VIRT_DR7, 1ull << 13 | 0x400);
	for (uint8_t number = 0; number < 8; number++)
		for (unsigned int is_read = 0; is_read < 2; is_read++) {
			exit = dr_exit(number, is_read);
			check_child_faults(&exit, number == 4 || number == 5 ? EXC_UD : EXC_GP);
		}
	CHECK_EQ(virt_get(child->virt, VIRT_DR7), 1ull << 13 | 0x400);

	/* At CPL 0 general detect is next: DR6.BD is set, DR7.GD cleared, the register untouched. */
	world_long_mode();
	virt_set_segment(child->virt, SEG_SS, &(struct x86_segment) { 0, ~0u, 0x10, ATTR_DATA });
	virt_set(child->virt, VIRT_DR6, DR6_INIT);
	virt_set(child->virt, VIRT_DR7, 1ull << 13 | 0x403);
	virt_set(child->virt, VIRT_DR0, 7);
	exit = dr_exit(0, false);
	check_child_faults(&exit, EXC_DB);
	CHECK_EQ(virt_get(child->virt, VIRT_DR6), DR6_INIT | 1ull << 13);
	CHECK_EQ(virt_get(child->virt, VIRT_DR7), 0x403);
	CHECK_EQ(virt_get(child->virt, VIRT_DR0), 7);
	check_child_skips(&exit);
}

/* ---- Events ------------------------------------------------------------------------------ */

static struct virt_event delivered;

static void note_event(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	delivered = child->pending;
}

static void exception_of_an_instruction_is_delivered_by_the_next_entry(void)
{
	world_init();
	world_protected_mode();
	virt_regs(child->virt)->gpr[1] = 0x12345;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 }, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, note_event);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(delivered.vector, EXC_GP);		/* handed over before the entry, */
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE); /* and gone after it */
}

static void interrupted_event_is_delivered_again(void)
{
	world_init();
	world_protected_mode();
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT,
					.interrupted = { .type = VIRT_EVENT_SOFT_INTERRUPT,
							 .vector = 0x80,
							 .length = 2 } },
		  NULL);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->pending.vector, 0x80);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE);
}

static void event_that_cannot_be_taken_is_held(void)
{
	world_init();
	CHECK(event_set_interruption(child, 0x300001)); /* an interrupt while IF is clear */
	for (unsigned int i = 0; i < 3; i++) {
		fake_push(&io, NULL); /* the guest goes on, and no exit came in a delivery */
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64IoPortAccess);
		CHECK_EQ(child->page->exit[8] >> 6 & 1, 0);
		CHECK_EQ(event_get_interruption(child), 0x300001);
	}
	CHECK(child->virt->wants_interrupt_window);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT_WINDOW }, sti_hook);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, note_event);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(delivered.vector, 0x30);
	CHECK_EQ(event_get_interruption(child), 0);
	/* A cancel is not held up. */
	virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
	CHECK(event_set_interruption(child, 0x20005));
	child->cancel = 1;
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK_EQ(event_get_interruption(child), 0x20005);
}

static void event_that_lacks_its_error_code_is_refused_with_words(void)
{
	world_init();
	world_protected_mode();
	CHECK(event_set_interruption(child, 0xd0007)); /* #GP */
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonInvalidVpRegisterValue);
	CHECK_EQ(child->page->error_register, WHvRegisterPendingInterruption);
	CHECK(child->page->error_text[0]);
	CHECK_EQ(fake.n_runs, 0);
}

static void third_fault_in_a_row_is_unrecoverable(void)
{
	world_init();
	world_protected_mode();
	virt_regs(child->virt)->gpr[1] = 0x12345;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR,
					.insn_length = 2,
					.interrupted = { .type = VIRT_EVENT_EXCEPTION,
							 .vector = EXC_DF,
							 .has_error_code = true } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonUnrecoverableException);
}

static void refused_entry_names_the_register(void)
{
	world_init();
	virt_set_segment(child->virt, SEG_TR, &(struct x86_segment) { 0, 0xffff, 0, 0x89 });
	CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 6ull << 16, 0 }));
	push_reason(VIRT_EXIT_INVALID_STATE, 0);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonInvalidVpRegisterValue);
	CHECK_EQ(child->page->error_register, WHvX64RegisterTr);
	CHECK(strstr(child->page->error_text, "TSS"));
	CHECK_EQ(child->pending.vector, EXC_UD); /* nothing ran: it is still to be delivered */
}

/* ---- Suspension -------------------------------------------------------------------------- */

static void suspended_vp_halts_without_running(void)
{
	world_init();
	for (unsigned int bit = 0; bit < 3; bit++) {
		child->activity = 1ull << bit;
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
	}
	CHECK_EQ(fake.n_runs, 0);
	child->activity = 0;
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
}

static void event_wakes_a_halted_vp(void)
{
	world_init();
	child->activity = 2 | 4;
	CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 6ull << 16, 0 }));
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->activity, 0);
	child->activity = 1; /* but not one that waits for its start-up */
	CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 6ull << 16, 0 }));
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Halt);
}

/* Without an APIC, too: one that the client has suspended, and what its guest cannot take. */
static void a_halted_vp_sleeps_on_what_the_guest_cannot_take(void)
{
	world_init();
	child->activity = ACTIVITY_HALT;
	CHECK(event_set_interruption(child, 0x300001));
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child->activity, ACTIVITY_HALT);
	virt_regs(child->virt)->rflags |= RFLAGS_IF;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, note_event);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(delivered.vector, 0x30);
	CHECK_EQ(child->activity, 0);
}

/* ---- The emulator's outcomes ------------------------------------------------------------- */

static const struct virt_exit out = { .reason = VIRT_EXIT_IO,
				      .insn_length = 2,
				      .io = { .port = 0x80, .size = 1, .is_string = true } };

static const struct virt_exit memory = {
	.reason = VIRT_EXIT_MEMORY,
	.memory = { .gpa = { HOLE_GPA }, .gva = { HOLE_GPA }, .gva_valid = true, .is_read = true }
};

/* Code that the emulator could do, at an exit that it is not asked about. */
static void emulator_is_asked_only_for_its_property(void)
{
	world_init();
	GUEST_CODE(0xf3, 0x6e); /* rep outsb */
	fake_push(&out, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64IoPortAccess);
	part->properties.emulation = WHIT_EMULATE_MEMORY;
	fake_push(&out, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64IoPortAccess);
	part->properties.emulation = WHIT_EMULATE_PORTS;
	world_protected_mode();
	GUEST_CODE(0x8b, 0x06); /* mov eax, [esi] */
	virt_regs(child->virt)->gpr[6] = HOLE_GPA;
	fake_push(&memory, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
	CHECK_EQ(test_root.emulated, 0);
}

static void emulator_outcomes(void)
{
	static const struct {
		enum device_outcome outcome; /* that hv/emulate gives */
		uint8_t code[3];
		bool is_io;
		uint64_t rsi, rcx;
		uint32_t reason; /* 0: the guest goes on */
	} cases[] = {
		/* REP OUTSB of no bytes; LOCK ADD to memory that was mapped meanwhile. */
		{ DEVICE_RESUME, { 0xf3, 0x6e }, true, 0x5000, 0, 0 },
		{ DEVICE_RESUME, { 0xf0, 0x01, 0x06 }, false, 0x5000, 0, 0 },
		/* REP OUTSB, and MOVSB to a device, from where no page is. */
		{ DEVICE_INJECTED, { 0xf3, 0x6e }, true, 1ull << 30, 1, 0 },
		{ DEVICE_INJECTED, { 0xa4 }, false, 1ull << 30, 0, 0 },
		/* And from RAM. */
		{ DEVICE_EXIT, { 0xf3, 0x6e }, true, 0x5000, 1, WhitRunVpExitReasonDeviceAccess },
		{ DEVICE_EXIT, { 0xa4 }, false, 0x5000, 0, WhitRunVpExitReasonDeviceAccess },
		/* UD2: it is not this that the processor ran. */
		{ DEVICE_PLAIN,
		  { 0x0f, 0x0b },
		  true,
		  0x5000,
		  1,
		  WHvRunVpExitReasonX64IoPortAccess },
		{ DEVICE_PLAIN, { 0x0f, 0x0b }, false, 0x5000, 1, WHvRunVpExitReasonMemoryAccess },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const uint64_t gpa = cases[i].code[0] == 0xf0 ? cases[i].rsi : HOLE_GPA;
		const bool goes_on = !cases[i].reason;
		struct virt_exit exit = out;

		/* Such an exit cannot be completed, and the guest tries again: hv_completion. */
		if ((fake_lacks & FAKE_LACKS_LENGTH) && cases[i].is_io && cases[i].code[0] == 0x0f)
			continue;
		exit.io.is_rep = true;
		world_init();
		world_long_mode();
		fake.write_code = NULL;
		part->properties.emulation = WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY;
		memcpy(guest_ptr(CODE_GPA), cases[i].code, sizeof(cases[i].code));
		virt_regs(child->virt)->gpr[1] = cases[i].rcx;
		virt_regs(child->virt)->gpr[2] = 0x80;
		virt_regs(child->virt)->gpr[6] = cases[i].rsi;
		virt_regs(child->virt)->gpr[7] = HOLE_GPA;
		if (!cases[i].is_io)
			exit = (struct virt_exit) { .reason = VIRT_EXIT_MEMORY,
						    .memory = { .gpa = GPA(gpa),
								.gva = GVA(gpa),
								.gva_valid = true,
								.is_write = true } };
		fake_push(&exit, NULL);
		delivered.type = VIRT_EVENT_NONE;
		if (goes_on)
			fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT },
				  note_event);
		CHECK_EQ(run_child(), goes_on ? WHIT_S_AGAIN : (uint32_t)S_OK);
		CHECK_EQ(record_u32(0), cases[i].reason);
		CHECK_EQ(delivered.type, cases[i].outcome == DEVICE_INJECTED ? VIRT_EVENT_EXCEPTION
									     : VIRT_EVENT_NONE);
		CHECK_EQ(test_root.emulated,
			 cases[i].outcome == DEVICE_RESUME || cases[i].outcome == DEVICE_EXIT);
	}
}

/* An instruction whose read was answered goes on, and here asks again, before anything else; then nothing is open. */
static void waiting_instruction_goes_on_before_the_guest(void)
{
	world_init();
	world_protected_mode();
	part->properties.emulation = WHIT_EMULATE_MEMORY;
	GUEST_CODE(0x01, 0x06); /* add [esi], eax */
	virt_regs(child->virt)->gpr[6] = HOLE_GPA;
	fake_push(&memory, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonDeviceAccess);
	fake.n_switches = fake.n_runs = 0;
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(fake.n_switches, 0);
	CHECK_EQ(fake.n_runs, 0);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
	for (unsigned int i = 0; i < 2; i++) {
		push_interrupt();
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
		CHECK_EQ(test_root.emulated, 1);
	}
}

/* An exit for each reason: none is unhandled, and each counts. */
static void every_reason_is_handled(void)
{
	for (unsigned int reason = 0; reason < VIRT_EXIT_COUNT; reason++) {
		if (reason == VIRT_EXIT_STEP)
			continue; /* the root's alone */
		world_init_with(WHvX64LocalApicEmulationModeX2Apic);
		world_long_mode();
		virt_regs(child->virt)->gpr[1] = MSR_EFER;
		virt_regs(child->virt)->gpr[0] = EFER_LME;
		fake_push(&(struct virt_exit) { .reason = (enum virt_exit_reason)reason,
						.insn_length = 1,
						.cr = { .number = 8, .gpr = 1 } },
			  NULL);
		push_interrupt();
		vp_run(child, &test_root, &wake_time);
		CHECK_EQ(child->exits[reason], 1);
		CHECK_EQ(test_root.child_exits[reason], child->exits[reason]);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(cancel_before_run_does_not_enter),
		TEST(cancel_is_used_up_by_one_exit),
		TEST(cancel_is_seen_between_exits_that_are_answered_inside),
		TEST(cancel_that_races_a_natural_exit_is_kept_for_the_next_run),
		TEST(canceled_run_takes_and_shows_the_clients_registers),
		TEST(cancel_keeps_the_answer_of_a_device_read),
		TEST(physical_interrupts_are_unseen_by_the_client),
		TEST(interrupt_shows_the_registers_as_they_are_now),
		TEST(event_outlives_an_entry_that_did_not_take_place),
		TEST(exits_are_counted_by_reason),
		TEST(cpuid_is_answered_inside),
		TEST(cpuid_list_decides_which_leaves_exit),
		TEST(msrs_are_answered_inside),
		TEST(unknown_msrs_give_gp),
		TEST(hidden_instructions_give_ud),
		TEST(rdpmc_gives_gp),
		TEST(invd_is_for_cpl_0),
		TEST(cr_accesses_are_answered_inside),
		TEST(debug_registers_keep_what_they_can),
		TEST(debug_registers_are_32_bits_wide_outside_64_bit_mode),
		TEST(debug_register_faults_come_in_order),
		TEST(exception_of_an_instruction_is_delivered_by_the_next_entry),
		TEST(interrupted_event_is_delivered_again),
		TEST(event_that_cannot_be_taken_is_held),
		TEST(event_that_lacks_its_error_code_is_refused_with_words),
		TEST(third_fault_in_a_row_is_unrecoverable),
		TEST(refused_entry_names_the_register),
		TEST(suspended_vp_halts_without_running),
		TEST(event_wakes_a_halted_vp),
		TEST(a_halted_vp_sleeps_on_what_the_guest_cannot_take),
		TEST(emulator_is_asked_only_for_its_property),
		TEST(emulator_outcomes),
		TEST(waiting_instruction_goes_on_before_the_guest),
		TEST(every_reason_is_handled),
	};

	return RUN(tests);
}
