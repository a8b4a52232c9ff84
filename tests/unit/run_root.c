/* SPDX-License-Identifier: MIT */
/*
 * The root's exits. root_run() never returns: a last exit whose hook jumps out ends each test.
 */
#include <setjmp.h>

#include "tests/unit/run_world.h"
#include "whit/log.h"

static jmp_buf out;

static void jump_out(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	longjmp(out, 1);
}

/* One exit of the root, and on to the next entry. */
static void root_meets(const struct virt_exit *exit)
{
	fake_push(exit, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID }, jump_out);
	memset(&test_root.virt->injected, 0, sizeof(test_root.virt->injected));
	if (!setjmp(out))
		root_run(&test_root);
}

/* The fake forgets what it delivers at the next entry: look just before. */
static struct virt_event seen;
static bool is_skipped;
static uint64_t rip_before;

void __wrap_virt_inject(struct virt_vp *vp, const struct virt_event *event);
void __wrap_virt_inject(struct virt_vp *vp, const struct virt_event *event)
{
	CHECK(vp == test_root.virt);
	CHECK_EQ(seen.type, VIRT_EVENT_NONE); /* one event an exit */
	seen = *event;
}

static void meet(const struct virt_exit *exit)
{
	const unsigned int skips = fake.n_skips;

	seen = (struct virt_event) { .type = VIRT_EVENT_NONE };
	rip_before = virt_regs(test_root.virt)->rip;
	root_meets(exit);
	is_skipped = fake.n_skips != skips;
	CHECK_EQ(virt_regs(test_root.virt)->rip, rip_before + (is_skipped ? exit->insn_length : 0));
	CHECK(is_skipped != (seen.type != VIRT_EVENT_NONE) || exit->reason == VIRT_EXIT_MEMORY);
}

static void faults(const struct virt_exit *exit, uint8_t vector)
{
	meet(exit);
	CHECK(!is_skipped);
	CHECK_EQ(seen.type, VIRT_EVENT_EXCEPTION);
	CHECK_EQ(seen.vector, vector);
	CHECK_EQ(seen.has_error_code, vector == EXC_GP);
	CHECK_EQ(seen.error_code, 0);
}

static void skips(const struct virt_exit *exit)
{
	meet(exit);
	CHECK(is_skipped);
}

static bool is_call_expected;
static unsigned int n_calls;

/* In place of hypercall(): that of the exit, and not those by which a test sets up its machine. */
void __real_hypercall(struct root *caller);
void __wrap_hypercall(struct root *caller);
void __wrap_hypercall(struct root *caller)
{
	if (!is_call_expected) {
		__real_hypercall(caller);
		return;
	}
	n_calls++;
	CHECK(caller == &test_root);
	CHECK_EQ(virt_regs(test_root.virt)->rip, rip_before); /* the skip comes afterwards */
	virt_regs(test_root.virt)->gpr[0] = 0x99;
}

static const struct virt_exit vmcall = { .reason = VIRT_EXIT_HYPERCALL, .insn_length = 3 };

/* What 64-bit code at CPL 0 is, the backend says. */
static void hypercall_is_for_64_bit_code_at_cpl_0(void)
{
	for (unsigned int is_call = 0; is_call < 2; is_call++) {
		struct virt_exit exit = vmcall;

		exit.hypercall.is_kernel64 = is_call;
		world_init();
		n_calls = 0;
		is_call_expected = true;
		if (is_call)
			skips(&exit);
		else
			faults(&exit, EXC_UD);
		is_call_expected = false;
		CHECK_EQ(n_calls, is_call);
		CHECK_EQ(virt_regs(test_root.virt)->gpr[0], is_call ? 0x99 : 0);
	}
}

static void cpuid_hides_vmx(void)
{
	world_init();
	virt_regs(test_root.virt)->gpr[0] = 0xffffffff00000001ull;
	skips(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 });
	CHECK_EQ(virt_regs(test_root.virt)->gpr[0], 0x506e3);
	CHECK(!(virt_regs(test_root.virt)->gpr[1] & (CPUID1_ECX_VMX | CPUID1_ECX_SMX)));
	CHECK(virt_regs(test_root.virt)->gpr[1] & CPUID1_ECX_HYPERVISOR);
	CHECK_EQ(virt_regs(test_root.virt)->gpr[2], 0xbfcbfbff); /* less the debug store */
}

static void xsetbv(uint64_t index, uint64_t value, bool is_legal)
{
	const struct virt_exit exit = { .reason = VIRT_EXIT_XSETBV, .insn_length = 3 };
	const uint64_t before = test_root.xcr0;

	virt_regs(test_root.virt)->gpr[1] = index;
	virt_regs(test_root.virt)->gpr[0] = (value & 0xffffffff) | 0xabcdull << 32;
	virt_regs(test_root.virt)->gpr[2] = value >> 32 | 0xabcdull << 32;
	if (is_legal)
		skips(&exit);
	else
		faults(&exit, EXC_GP);
	CHECK_EQ(test_root.xcr0, is_legal ? value : before);
	CHECK_EQ(fake.xcr0, is_legal ? value : before);
}

static void xsetbv_takes_what_the_processor_takes(void)
{
	world_init();
	virt_machine.xcr0_possible = 0x2ff;
	xsetbv(0, 1, true);
	xsetbv(0, 7, true);
	xsetbv(0, 0, false);
	xsetbv(0, 5, false);
	xsetbv(0, 0x27, false);
	xsetbv(0, 0xe7, true);
	xsetbv(0, 0xf, false);
	xsetbv(0, 0x1f, true);
	xsetbv(0, 0x207, true);
	xsetbv(0, 0x407, false);
	xsetbv(0, 1ull << 63 | 7, false);
	xsetbv(1, 7, false);
	xsetbv(0xffffffff, 7, false);
	xsetbv(0xffffffff00000000ull, 3, true); /* ECX is what counts */
	virt_set_segment(test_root.virt, SEG_SS,
			 &(struct x86_segment) { 0, ~0u, 0x10, ATTR_DATA | SEG_DPL });
	xsetbv(0, 7, false);
}

/* A processor of the future, and one that refuses what the rules allow. */
static void xsetbv_takes_nothing_that_is_unknown(void)
{
	world_init();
	virt_machine.xcr0_possible = ~0ull;
	for (unsigned int bit = 0; bit < 64; bit++) {
		const uint64_t known = 0xe02ff;

		if (!(known >> bit & 1))
			xsetbv(0, 1ull << bit | 7, false);
	}
	xsetbv(0, 0x602e7, true);
	fake.xcr0_refused = 1 << 9;
	xsetbv(0, 0x207, false);
	xsetbv(0, 7, true);
}

static void invd_becomes_wbinvd(void)
{
	world_init();
	skips(&(struct virt_exit) { .reason = VIRT_EXIT_INVD, .insn_length = 2 });
	CHECK_EQ(fake.n_wbinvd, 1);
}

static void msrs_in_two_halves(void)
{
	struct virt_regs *regs;

	world_init();
	fake_set_msr(0x1234, 0x2222222211111111ull);
	regs = virt_regs(test_root.virt);
	regs->gpr[1] = 0xffffffff00001234ull;
	regs->gpr[0] = regs->gpr[2] = ~0ull;
	skips(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 });
	CHECK_EQ(regs->gpr[0], 0x11111111);
	CHECK_EQ(regs->gpr[2], 0x22222222);
	regs->gpr[0] = 0xffffffff33333333ull;
	skips(&(struct virt_exit) { .reason = VIRT_EXIT_WRMSR, .insn_length = 2 });
	CHECK_EQ(fake.msr[0].value, 0x2222222233333333ull);
	regs->gpr[1] = 0x480;
	faults(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 }, EXC_GP);
	faults(&(struct virt_exit) { .reason = VIRT_EXIT_WRMSR, .insn_length = 2 }, EXC_GP);
	CHECK_EQ(regs->gpr[0], 0xffffffff33333333ull);
}

static void cr_writes(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_CR_WRITE, .insn_length = 3 };

	world_init();
	exit.cr.number = 4;
	exit.cr.value = CR4_PAE | CR4_VMXE;
	faults(&exit, EXC_GP);
	exit.cr.value = CR4_PAE | CR4_PGE;
	skips(&exit);
	exit.cr.number = 0;
	exit.cr.value = CR0_PE | CR0_PG | CR0_ET; /* NE off */
	skips(&exit);
	CHECK_EQ(virt_get(test_root.virt, VIRT_CR0), CR0_PE | CR0_PG | CR0_ET);
}

static void vmx_instructions_give_ud(void)
{
	world_init();
	faults(&(struct virt_exit) { .reason = VIRT_EXIT_HIDDEN_INSN, .insn_length = 3 }, EXC_UD);
}

static void task_switch_gives_gp(void)
{
	world_init();
	faults(&(struct virt_exit) { .reason = VIRT_EXIT_TASK_SWITCH }, EXC_GP);
}

/* A task gate in the way of an event: the #GP is raised in its delivery. */
static void a_fault_in_a_delivery_is_combined(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_TASK_SWITCH };

	world_init();
	exit.interrupted = (struct virt_event) { .type = VIRT_EVENT_INTERRUPT, .vector = EXC_DF };
	faults(&exit, EXC_GP);
	exit.interrupted =
		(struct virt_event) { .type = VIRT_EVENT_SOFT_EXCEPTION, .vector = EXC_BP };
	faults(&exit, EXC_GP);
	exit.interrupted = (struct virt_event) { .type = VIRT_EVENT_EXCEPTION, .vector = EXC_UD };
	faults(&exit, EXC_GP);
	exit.interrupted.vector = EXC_PF;
	meet(&exit);
	CHECK_EQ(seen.vector, EXC_DF);
	CHECK(seen.has_error_code && !seen.error_code);
	exit.interrupted.vector = EXC_GP;
	meet(&exit);
	CHECK_EQ(seen.vector, EXC_DF);
}

static unsigned int n_memory_faults;

void __wrap_root_memory_fault(struct root *root, const struct virt_exit *exit);
void __wrap_root_memory_fault(struct root *root, const struct virt_exit *exit)
{
	CHECK(root == &test_root);
	CHECK_EQ(exit->reason, VIRT_EXIT_MEMORY);
	n_memory_faults++;
}

static void memory_faults_go_to_root_memory(void)
{
	world_init();
	meet(&(struct virt_exit) {
		.reason = VIRT_EXIT_MEMORY,
		.interrupted = { .type = VIRT_EVENT_INTERRUPT, .vector = 0x30 } });
	CHECK_EQ(n_memory_faults, 1);
	CHECK_EQ(seen.type,
		 VIRT_EVENT_NONE); /* to deliver the event again is root_memory_fault()'s */
}

static void jump_out_of_reset(void)
{
	longjmp(out, 1);
}

/* No panic, and no next entry: the fake screams of an exit that was not queued. */
static void triple_fault_resets_the_machine(void)
{
	char text[WHIT_LOG_BYTES + 1] = "";
	uint64_t next;

	world_init();
	fake.reset_hook = jump_out_of_reset;
	virt_regs(test_root.virt)->rip = 0xabc100;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_TRIPLE_FAULT }, NULL);
	if (!setjmp(out))
		root_run(&test_root);
	CHECK_EQ(fake.n_resets, 1);
	CHECK_EQ(test_root.root_exits[VIRT_EXIT_TRIPLE_FAULT], 1);
	(void)log_read(0, text, WHIT_LOG_BYTES, &next);
	CHECK(strstr(text, "(triple fault) at RIP abc100"));
}

static void a_fault_in_the_delivery_of_a_double_fault_resets_the_machine(void)
{
	char text[WHIT_LOG_BYTES + 1] = "";
	uint64_t next;

	world_init();
	fake.reset_hook = jump_out_of_reset;
	virt_regs(test_root.virt)->rip = 0xabc100;
	seen.type = VIRT_EVENT_NONE;
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_TASK_SWITCH,
					.interrupted = { .type = VIRT_EVENT_EXCEPTION,
							 .vector = EXC_DF,
							 .has_error_code = true } },
		  NULL);
	if (!setjmp(out))
		root_run(&test_root);
	CHECK_EQ(fake.n_resets, 1);
	CHECK_EQ(seen.type, VIRT_EVENT_NONE);
	(void)log_read(0, text, WHIT_LOG_BYTES, &next);
	CHECK(strstr(text, "(triple fault) at RIP abc100"));
}

static void exits_are_counted_by_reason(void)
{
	world_init();
	skips(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 });
	skips(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 });
	CHECK_EQ(test_root.root_exits[VIRT_EXIT_CPUID], 2);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(hypercall_is_for_64_bit_code_at_cpl_0),
		TEST(cpuid_hides_vmx),
		TEST(xsetbv_takes_what_the_processor_takes),
		TEST(xsetbv_takes_nothing_that_is_unknown),
		TEST(invd_becomes_wbinvd),
		TEST(msrs_in_two_halves),
		TEST(cr_writes),
		TEST(vmx_instructions_give_ud),
		TEST(task_switch_gives_gp),
		TEST(a_fault_in_a_delivery_is_combined),
		TEST(memory_faults_go_to_root_memory),
		TEST(triple_fault_resets_the_machine),
		TEST(a_fault_in_the_delivery_of_a_double_fault_resets_the_machine),
		TEST(exits_are_counted_by_reason),
	};

	return RUN(tests);
}
