/* SPDX-License-Identifier: MIT */
/* vp_run() with a local APIC: when it is asked, sleeping and waking, traps, turns, suspended time. */
#include "tests/unit/run_world.h"
#include "hv/run/run.h"

static const struct virt_exit hlt = { .reason = VIRT_EXIT_HLT, .insn_length = 1 };

/* How often the APIC and the emulator were asked. */
static unsigned int n_prepares, n_apic_exits, n_memory;

void __real_vp_prepare_apic(struct vp *vp);
void __wrap_vp_prepare_apic(struct vp *vp);
void __wrap_vp_prepare_apic(struct vp *vp)
{
	CHECK(vp == child && vp->apic.page);
	n_prepares++;
	__real_vp_prepare_apic(vp);
}

void __real_apic_exit(struct vp *vp, const struct virt_exit *exit);
void __wrap_apic_exit(struct vp *vp, const struct virt_exit *exit);
void __wrap_apic_exit(struct vp *vp, const struct virt_exit *exit)
{
	CHECK(vp == child && vp->apic.page);
	n_apic_exits++;
	__real_apic_exit(vp, exit);
}

enum device_outcome __real_device_memory(struct vp *vp, const struct virt_exit *exit);
enum device_outcome __wrap_device_memory(struct vp *vp, const struct virt_exit *exit);
enum device_outcome __wrap_device_memory(struct vp *vp, const struct virt_exit *exit)
{
	CHECK(vp == child);
	n_memory++;
	return __real_device_memory(vp, exit);
}

static void init(void)
{
	world_init_with(WHvX64LocalApicEmulationModeX2Apic);
	world_protected_mode();
	virt_regs(child->virt)->rflags |= RFLAGS_IF;
	n_prepares = n_apic_exits = n_memory = 0;
}

/* The client sends it something. */
static void request(enum WHV_INTERRUPT_TYPE type, uint64_t vector)
{
	CHECK_EQ(CALL(WHIT_CALL_REQUEST_INTERRUPT, part_handle, (uint64_t)type,
		      child->index | vector << 32),
		 S_OK);
}

/* An interrupt; the one before has been handled. */
static void interrupt(void)
{
	apic_put(&child->apic, APIC_ISR + 2, 0);
	request(WHvX64InterruptTypeFixed, 0x55);
}

/* While the guest runs. */
static void interrupt_hook(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	interrupt();
}

static struct virt_event injected;

static void note_injected(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	injected = child->pending_is_injected ? child->pending
					      : (struct virt_event) { .type = VIRT_EVENT_NONE };
}

static void push_noting(void)
{
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, note_injected);
}

/* ---- When it is asked -------------------------------------------------------------------- */

static void apic_is_asked_only_when_it_is_due(void)
{
	init();
	push_reason(VIRT_EXIT_CPUID, 2);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(n_prepares, 0);
	child->apic.is_due = true;
	push_reason(VIRT_EXIT_CPUID, 2);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(n_prepares, 1);
	/* A cancel comes first, and loses nothing. */
	child->apic.is_due = true;
	child->cancel = 1;
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK(child->apic.is_due);
	CHECK_EQ(n_prepares, 1);
}

static void its_interrupt_is_delivered_by_the_same_entry(void)
{
	init();
	interrupt();
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.type, VIRT_EVENT_INTERRUPT);
	CHECK_EQ(injected.vector, 0x55);
	CHECK_EQ(event_get_interruption(child), 0);
	/* An entry that did not take place keeps it; one that was interrupted gives it back. */
	interrupt();
	push_reason(VIRT_EXIT_NOTHING, 0);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT,
					.interrupted = { .type = VIRT_EVENT_INTERRUPT,
							 .vector = 0x55 } },
		  note_injected);
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.vector, 0x55);
	CHECK_EQ(event_get_interruption(child), 0x550001);
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.vector, 0x55);
	CHECK_EQ(event_get_interruption(child), 0);
}

static void its_window_stays_inside(void)
{
	init();
	virt_regs(child->virt)->rflags &= ~(uint64_t)RFLAGS_IF;
	interrupt();
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT_WINDOW }, sti_hook);
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(n_prepares, 2); /* before each entry */
	CHECK_EQ(injected.vector, 0x55);
	child->nmi_requested = true;
	virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
	push_reason(VIRT_EXIT_NMI_WINDOW, 0);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK(child->virt->wants_nmi_window);
	CHECK_EQ(record_u32(0), 0); /* no record at all */
}

static void apic_exits_go_to_it(void)
{
	static const enum virt_exit_reason reasons[] = { VIRT_EXIT_DEADLINE, VIRT_EXIT_TPR,
							 VIRT_EXIT_APIC_WRITE, VIRT_EXIT_APIC_EOI };

	for (unsigned int i = 0; i < 4; i++) {
		init();
		push_reason(reasons[i], 0);
		push_interrupt();
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(n_apic_exits, 1);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
	}
}

/* MOV [EDI], EAX; the exit that it makes. */
static struct virt_exit store_to(uint64_t gpa)
{
	GUEST_CODE(0x89, 0x07);
	virt_regs(child->virt)->rip = CODE_GPA;
	virt_regs(child->virt)->gpr[7] = gpa;
	return (struct virt_exit) { .reason = VIRT_EXIT_MEMORY,
				    .memory = { .gpa = GPA(gpa), .is_write = true } };
}

static void its_page_goes_to_the_emulator(void)
{
	struct virt_exit exit;

	init();
	exit = store_to(APIC_PAGE + 16 * APIC_TPR);
	virt_regs(child->virt)->gpr[0] = 0x23;
	fake_push(&exit, NULL);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(n_memory, 1);
	CHECK_EQ(apic_get(&child->apic, APIC_TPR), 0x23);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
	/* Code that is no access. */
	GUEST_CODE(0x0f, 0x0b);
	virt_regs(child->virt)->rip = CODE_GPA;
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(n_memory, 2);
	/* Not another page, and not without an APIC. */
	exit = store_to(APIC_PAGE + PAGE_SIZE);
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	exit = store_to(APIC_PAGE + 16 * APIC_TPR);
	CHECK(apic_write_msr(child, MSR_APIC_BASE, APIC_PAGE | APIC_BASE_BSP));
	CHECK_EQ(child->apic.mode, VIRT_APIC_OFF);
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(n_memory, 2);
}

/* ---- Traps ------------------------------------------------------------------------------- */

/* A level-triggered interrupt, 41h, is in service: its end is told to the client. */
static void serve_level(void)
{
	apic_put(&child->apic, APIC_ISR + 2, 1u << 1);
	apic_put(&child->apic, APIC_TMR + 2, 1u << 1);
}

static void traps_leave_when_the_instruction_is_over(void)
{
	struct virt_exit exit;

	init();
	serve_level();
	exit = store_to(APIC_PAGE + 16 * APIC_EOI);
	fake_push(&exit, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(record_u32(48), 0x41);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
	/* MOVSD to there from a device, with whose answer it is over. */
	part->properties.emulation = WHIT_EMULATE_MEMORY;
	serve_level();
	GUEST_CODE(0xa5);
	virt_regs(child->virt)->rip = CODE_GPA;
	virt_regs(child->virt)->gpr[6] = HOLE_GPA;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_MEMORY,
					.memory = { .gpa = GPA(HOLE_GPA),
						    .gva = GVA(HOLE_GPA),
						    .gva_valid = true,
						    .is_read = true } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 1);
	CHECK_EQ(child->apic.trap.reason, 0);
	/* The processor has ended it. */
	serve_level();
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_APIC_EOI,
					.apic_eoi = { .vector = 0x41 } },
		  NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64ApicEoi);
}

/* ---- Sleep ------------------------------------------------------------------------------- */

static void hlt_sleeps_inside(void)
{
	init();
	child->apic.deadline = 77000000;
	fake_push(&hlt, NULL);
	wake_time = 0;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(wake_time, 77000000);
	CHECK_EQ(child->activity, ACTIVITY_HALT);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 1);
	CHECK_EQ(child->page->rip, CODE_GPA + 1);
	/* It sleeps on, without an entry and without asking the APIC. */
	fake.n_switches = 0;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(fake.n_switches, 0);
	CHECK_EQ(n_prepares, 0);
	/* A cancel ends the Run, not the sleep. */
	child->cancel = 1;
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	/* What is posted is looked at; it need not be enough. */
	child->apic.is_due = true;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(n_prepares, 1);
	/* The timer's time has come: it may have been a masked one. */
	fake.tsc = 77000000;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(n_prepares, 2);
}

/* Without a timer of the processor's the root is told of the VP's, and its end is found before an entry. */
static void a_run_without_a_timer_is_bounded_by_the_root(void)
{
	const struct virt_exit interrupt = { .reason = VIRT_EXIT_INTERRUPT };
	const struct virt_exit nothing = { .reason = VIRT_EXIT_NOTHING };

	for (unsigned int has_deadline = 0; has_deadline < 2; has_deadline++) {
		init();
		virt_machine.has_deadline = has_deadline;
		test_root.tsc_offset = 0 - 7000000ull;
		child->apic.deadline = 77000000;
		virt_set_deadline(child->virt, 77000000);
		fake_push(&interrupt, NULL);
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(wake_time, has_deadline ? ~0ull : 70000000);
		fake_push(&nothing, NULL);
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(n_prepares, 0);
		fake.tsc = 77000000;
		fake_push(&nothing, NULL);
		if (!has_deadline)
			fake_push(&interrupt, NULL);
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(n_prepares, !has_deadline);
	}
}

/* The root sleeps by its own TSC, which it may have moved; for ever is for ever. */
static void sleep_ends_by_the_roots_own_time(void)
{
	uint64_t until;

	init();
	test_root.tsc_offset = 0 - 7000000ull;
	child->apic.deadline = 77000000;
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(wake_time, 70000000);
	child->apic.deadline = APIC_NEVER;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(wake_time, ~0ull);
	/* The same told by an exit. */
	part->properties.turn_exits = WHIT_TURN_HALT;
	child->apic.deadline = 77000000;
	CHECK_EQ(run_child(), S_OK);
	memcpy(&until, child->page->exit + 48 + offsetof(struct whit_turn, deadline),
	       sizeof(until));
	CHECK_EQ(until, 70000000);
}

static void hlt_does_not_sleep_on_what_is_there(void)
{
	init();
	fake_push(&hlt, interrupt_hook);
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->activity, 0);
	CHECK_EQ(injected.vector, 0x55); /* by the very next entry */
	/* The shadow of STI is over behind the HLT. */
	virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_STI);
	fake_push(&hlt, interrupt_hook);
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	/* With IF clear only other things wake. */
	virt_regs(child->virt)->rflags &= ~(uint64_t)RFLAGS_IF;
	fake_push(&hlt, interrupt_hook);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	child->nmi_requested = true;
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.type, VIRT_EVENT_NMI);
}

static void what_the_client_sets_wakes(void)
{
	init();
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 5u << 1 | 0x3000, 0 }));
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.vector, 0x30);
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK(event_set_interruption(child, 0x20005));
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.type, VIRT_EVENT_NMI);
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	child->activity = 0;
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
}

static void single_step_over_hlt_does_not_sleep(void)
{
	init();
	virt_regs(child->virt)->rflags |= RFLAGS_TF;
	fake_push(&hlt, NULL);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(virt_get(child->virt, VIRT_PENDING_DEBUG), 1u << 14);
}

static void only_a_sipi_starts_a_vp_that_waits(void)
{
	init();
	child->activity = ACTIVITY_STARTUP;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(wake_time, APIC_NEVER);
	interrupt();
	child->nmi_requested = true;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(child->activity, ACTIVITY_STARTUP);
	CHECK_EQ(fake.n_runs, 0);
	request(WHvX64InterruptTypeSipi, 0x12);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->activity, 0);
	/* INIT to one that runs, seen between two entries. */
	request(WHvX64InterruptTypeInit, 0);
	child->index = 1; /* VP 0 would start by itself */
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(fake.n_runs, 1);
	CHECK_EQ(child->activity, ACTIVITY_STARTUP);
	CHECK(fake.cpu[0].switched_in == test_root.virt);
}

/* The client's notice comes to a VP that sleeps, set before its STI and HLT or while it sleeps; and it sleeps on. */
static void a_window_ends_a_run_that_sleeps(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		const bool is_nmi = i & 1, is_set_before = i & 2;

		init();
		if (is_set_before)
			child->deliverability = is_nmi ? 1 : 2;
		virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_STI);
		fake_push(&hlt, NULL);
		if (!is_set_before) {
			CHECK_EQ(run_child(), WHIT_S_IDLE);
			child->deliverability = is_nmi ? 1 : 2;
		}
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64InterruptWindow);
		CHECK_EQ(record_u32(48), is_nmi ? WHvX64PendingNmi : WHvX64PendingInterrupt);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 1);
		CHECK_EQ(child->deliverability, 0);
		CHECK_EQ(fake.n_runs, 1);
		CHECK_EQ(child->activity, ACTIVITY_HALT);
		CHECK_EQ(run_child(), WHIT_S_IDLE);
		/* What it was asked for wakes it. */
		CHECK(event_set_interruption(child, is_nmi ? 0x20005 : 0x310001));
		push_noting();
		CHECK_EQ(run_child(), WHIT_S_AGAIN);
		CHECK_EQ(injected.type, is_nmi ? VIRT_EVENT_NMI : VIRT_EVENT_INTERRUPT);
		CHECK_EQ(child->activity, 0);
	}
	/* With interrupts off the HLT is one that they do not end. */
	init();
	virt_regs(child->virt)->rflags &= ~(uint64_t)RFLAGS_IF;
	child->deliverability = 2;
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	child->activity |= ACTIVITY_STARTUP;
	child->deliverability = 3;
	CHECK_EQ(run_child(), WHIT_S_IDLE);
}

static void what_the_guest_cannot_take_does_not_wake(void)
{
	init();
	virt_regs(child->virt)->rflags &= ~(uint64_t)RFLAGS_IF;
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK(event_set_interruption(child, 0x310001));
	CHECK_EQ(run_child(), WHIT_S_IDLE);
	CHECK_EQ(child->activity, ACTIVITY_HALT);
	/* An NMI of the APIC does, and the interrupt comes when its handler has returned. */
	child->nmi_requested = true;
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.type, VIRT_EVENT_NMI);
	CHECK_EQ(event_get_interruption(child), 0x310001);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT_WINDOW }, sti_hook);
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.vector, 0x31);
}

/* ---- Turns ------------------------------------------------------------------------------- */

static void with_turns_nothing_blocks(void)
{
	init();
	part->properties.turn_exits = WHIT_TURN_HALT;
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonTurn);
	CHECK_EQ(record_u32(48), WHIT_TURN_HALT);
	CHECK_EQ(run_child(), S_OK); /* still */
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonTurn);
	CHECK_EQ(child->activity, ACTIVITY_HALT);
	interrupt();
	push_noting();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(injected.vector, 0x55);
	child->activity = ACTIVITY_STARTUP;
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonTurn);
	/* Without an APIC HLT is what it was. */
	child->activity = 0;
	child->apic.page = NULL;
	child->apic.mode = VIRT_APIC_OFF;
	fake_push(&hlt, NULL);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonX64Halt);
}

static void spinning_gives_a_turn_if_asked_for(void)
{
	init();
	push_reason(VIRT_EXIT_PAUSE, 2);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 2);
	part->properties.turn_exits = WHIT_TURN_SPIN;
	push_reason(VIRT_EXIT_PAUSE, 2);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WhitRunVpExitReasonTurn);
	CHECK_EQ(record_u32(48), WHIT_TURN_SPIN);
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 4);
	fake_push(&hlt, NULL); /* HLT is another bit */
	CHECK_EQ(run_child(), WHIT_S_IDLE);
}

/* ---- Time -------------------------------------------------------------------------------- */

static void run_lets_the_time_go_on(void)
{
	init();
	part->time_stopped = fake.tsc - 500000;
	virt_set(child->virt, VIRT_TSC_OFFSET, 0);
	child->cancel = 1; /* no Run of the guest */
	CHECK_EQ(run_child(), S_OK);
	CHECK(part->time_stopped);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(part->time_stopped, 0);
	CHECK(-virt_get(child->virt, VIRT_TSC_OFFSET) >= 500000);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(apic_is_asked_only_when_it_is_due),
		TEST(its_interrupt_is_delivered_by_the_same_entry),
		TEST(its_window_stays_inside),
		TEST(apic_exits_go_to_it),
		TEST(its_page_goes_to_the_emulator),
		TEST(traps_leave_when_the_instruction_is_over),
		TEST(hlt_sleeps_inside),
		TEST(a_run_without_a_timer_is_bounded_by_the_root),
		TEST(sleep_ends_by_the_roots_own_time),
		TEST(hlt_does_not_sleep_on_what_is_there),
		TEST(what_the_client_sets_wakes),
		TEST(single_step_over_hlt_does_not_sleep),
		TEST(only_a_sipi_starts_a_vp_that_waits),
		TEST(a_window_ends_a_run_that_sleeps),
		TEST(what_the_guest_cannot_take_does_not_wake),
		TEST(with_turns_nothing_blocks),
		TEST(spinning_gives_a_turn_if_asked_for),
		TEST(run_lets_the_time_go_on),
	};

	return RUN(tests);
}
