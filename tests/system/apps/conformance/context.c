// SPDX-License-Identifier: MIT
/*
 * The VP context of an exit, to the last field, for every reason in every mode in which it can occur; and the
 * sizes of the record.
 */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/vendor.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"
#include "x86/seg.h"

DECLARE_GUEST(any_out);
DECLARE_GUEST(any_lodsb);
DECLARE_GUEST(any_hlt);
DECLARE_GUEST(any_cpuid);
DECLARE_GUEST(any_rdmsr);
DECLARE_GUEST(any_wrmsr);
DECLARE_GUEST(any_rdtsc);
DECLARE_GUEST(any_vmcall);
DECLARE_GUEST(any_vmmcall);
DECLARE_GUEST(any_ud2);
DECLARE_GUEST(any_long_cpuid);
DECLARE_GUEST(any_long_rdmsr);
DECLARE_GUEST(any_long_wrmsr);
DECLARE_GUEST(any_long_out);
DECLARE_GUEST(any_long_rdtsc);

#define UNKNOWN_MSR 0x12345u

struct reason {
	const char *name;
	struct guest_code code;
	uint32_t reason;
	uint8_t length;	    /* InstructionLength */
	uint8_t n_after;    /* RIP is so far behind the instruction's start */
	bool is_privileged; /* not in ring 3 */
	bool is_long;	    /* 64-bit mode alone */
};

#define REASON(code, reason, ...)                                                        \
	{                                                                                \
#code, { guest_any_##code, guest_any_##code##_end }, reason, __VA_ARGS__ \
	}

/* clang-format off */
static const struct reason reasons[] = {
	REASON(lodsb, WHvRunVpExitReasonMemoryAccess, 0, 0, false, false),
	REASON(out, WHvRunVpExitReasonX64IoPortAccess, 2, 0, false, false),
	REASON(long_out, WHvRunVpExitReasonX64IoPortAccess, 4, 0, false, false),
	REASON(hlt, WHvRunVpExitReasonX64Halt, 0, 1, true, false),
	REASON(cpuid, WHvRunVpExitReasonX64Cpuid, 2, 0, false, false),
	REASON(long_cpuid, WHvRunVpExitReasonX64Cpuid, 4, 0, false, false),
	REASON(rdmsr, WHvRunVpExitReasonX64MsrAccess, 2, 0, true, false),
	REASON(wrmsr, WHvRunVpExitReasonX64MsrAccess, 2, 0, true, false),
	REASON(long_rdmsr, WHvRunVpExitReasonX64MsrAccess, 4, 0, true, false),
	REASON(long_wrmsr, WHvRunVpExitReasonX64MsrAccess, 3, 0, true, false),
	REASON(rdtsc, WHvRunVpExitReasonX64Rdtsc, 2, 0, false, false),
	REASON(long_rdtsc, WHvRunVpExitReasonX64Rdtsc, 3, 0, false, false),
	REASON(vmcall, WHvRunVpExitReasonHypercall, 3, 0, true, true),
	REASON(vmmcall, WHvRunVpExitReasonHypercall, 3, 0, true, true),
	REASON(ud2, WHvRunVpExitReasonException, 0, 0, false, false),
};
/* clang-format on */

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

static struct child child;

/* The call of the other vendor's processors, which is #UD on this one. */
static bool is_foreign(const struct reason *reason)
{
	return reason->code.start == (vendor_is_amd() ? guest_any_vmcall : guest_any_vmmcall);
}

static HRESULT set_exits(WHV_PARTITION_HANDLE partition, bool with_hypercalls)
{
	const WHV_EXTENDED_VM_EXITS exits = { .X64CpuidExit = 1,
					      .X64MsrExit = 1,
					      .ExceptionExit = 1,
					      .X64RdtscExit = 1,
					      .HypercallExit = with_hypercalls };
	const uint64_t ud = 1 << EXC_UD;
	HRESULT hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExtendedVmExits,
					     &exits, sizeof(exits));

	if (SUCCEEDED(hr))
		hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExceptionExitBitmap,
					     &ud, sizeof(ud));
	return hr;
}

static HRESULT all_exits(WHV_PARTITION_HANDLE partition)
{
	return set_exits(partition, true);
}

static HRESULT exits_but_hypercalls(WHV_PARTITION_HANDLE partition)
{
	return set_exits(partition, false);
}

static HRESULT (*configure)(WHV_PARTITION_HANDLE partition) = all_exits;

static void create(const struct reason *reason, enum child_mode mode, bool is_user)
{
	CHECK_EQ(child_create_configured(&child, mode, reason->code, configure), S_OK);
	if (check_has_failed())
		return;
	if (is_user)
		CHECK_EQ(child_enter_ring3(&child, mode), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, UNKNOWN_MSR), S_OK);
	/* LODSB from where nothing is. */
	CHECK_EQ(child_set(&child, WHvX64RegisterRsi, mode == CHILD_REAL ? 0 : CHILD_MMIO), S_OK);
	if (mode == CHILD_REAL)
		CHECK_EQ(child_set_segment(&child, WHvX64RegisterDs, CHILD_MMIO, 0xffff, 0, 0x93),
			 S_OK);
}

static void expect_context(const struct reason *reason, enum child_mode mode, bool is_user,
			   bool is_decorated, uint64_t rflags)
{
	const WHV_X64_VP_EXIT_CONTEXT *const c = &child.exit.VpContext;
	const WHV_X64_SEGMENT_REGISTER cs = child_segment(&child, WHvX64RegisterCs);

	CHECK_EQ(child.exit.Reserved, 0);
	CHECK_EQ(c->ExecutionState.Cpl, is_user ? 3 : 0);
	CHECK_EQ(c->ExecutionState.Cr0Pe, mode != CHILD_REAL);
	CHECK_EQ(c->ExecutionState.Cr0Am, is_decorated);
	CHECK_EQ(c->ExecutionState.EferLma, mode == CHILD_LONG);
	CHECK_EQ(c->ExecutionState.DebugActive, is_decorated);
	CHECK_EQ(c->ExecutionState.InterruptionPending, 0);
	/* (A fault in the shadow: Bochs has left it by then.) */
	if (reason->reason != WHvRunVpExitReasonException &&
	    !(is_decorated && emulator_has(FAULT_SHADOW)))
		CHECK_EQ(c->ExecutionState.InterruptShadow, is_decorated && !reason->n_after);
	CHECK_EQ(c->ExecutionState.Reserved0 | c->ExecutionState.Reserved1, 0);
	CHECK_EQ(c->InstructionLength, reason->length);
	CHECK_EQ(c->Cr8, is_decorated ? 11 : 0);
	CHECK_EQ(c->Reserved | c->Reserved2, 0);
	CHECK_EQ(c->Cs.Base, cs.Base);
	CHECK_EQ(c->Cs.Limit, cs.Limit);
	CHECK_EQ(c->Cs.Selector, cs.Selector);
	CHECK_EQ(c->Cs.Attributes, cs.Attributes);
	CHECK_EQ(c->Rip, CHILD_CODE + reason->n_after);
	/* A fault leaves with the RF that it would push. */
	CHECK_EQ(c->Rflags & ~(uint64_t)RFLAGS_RF, rflags);
	CHECK_EQ(child_get(&child, WHvX64RegisterRip), c->Rip);
	CHECK_EQ(child_get(&child, WHvX64RegisterRflags), c->Rflags);
}

static void complain(const struct reason *reason, enum child_mode mode, bool is_user)
{
	static unsigned int n;

	if (check_has_failed() && n++ < 8)
		terminal_print("# %s in mode %u, ring %u\n", reason->name, mode, is_user ? 3 : 0);
}

static void run_reason(const struct reason *reason, enum child_mode mode, bool is_user,
		       bool is_decorated)
{
	uint64_t rflags = RFLAGS_ONE | RFLAGS_IOPL;

	if (check_has_failed() || is_foreign(reason) || (reason->is_privileged && is_user) ||
	    (reason->is_long && mode != CHILD_LONG))
		return;
	create(reason, mode, is_user);
	if (is_decorated) {
		rflags |= RFLAGS_CF | RFLAGS_ZF | RFLAGS_OF | RFLAGS_ID | RFLAGS_IF;
		CHECK_EQ(child_set(&child, WHvX64RegisterCr0,
				   child_get(&child, WHvX64RegisterCr0) | CR0_AM),
			 S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterDr1, 0x3f000), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterDr7, 0x404), S_OK); /* L1: executed */
		CHECK_EQ(child_set(&child, WHvX64RegisterCr8, 11), S_OK);
		CHECK_EQ(child_set(&child, WHvRegisterInterruptState, 1), S_OK);
	}
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, rflags), S_OK);
	CHECK_EQ(child_run(&child), reason->reason);
	expect_context(reason, mode, is_user, is_decorated, rflags);
	complain(reason, mode, is_user);
	child_destroy(&child);
}

static void run_all(enum child_mode mode, bool is_user)
{
	for (size_t i = 0; i < N_REASONS; i++) {
		run_reason(&reasons[i], mode, is_user, false);
		run_reason(&reasons[i], mode, is_user, true);
	}
}

static void context_is_complete_in_real_mode(void)
{
	run_all(CHILD_REAL, false);
}

static void context_is_complete_in_protected_mode(void)
{
	run_all(CHILD_PROT32, false);
}

static void context_is_complete_in_long_mode(void)
{
	run_all(CHILD_LONG, false);
}

static void context_is_complete_in_ring_3(void)
{
	run_all(CHILD_PROT32, true);
	run_all(CHILD_LONG, true);
}

static void context_of_compatibility_mode_is_that_of_long_mode(void)
{
	const struct reason *const out = &reasons[1];

	create(out, CHILD_LONG, false);
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterCs, 0, 0xffffffff, 8, 0xc09b), S_OK);
	CHECK_EQ(child_run(&child), out->reason);
	CHECK_EQ(child.exit.VpContext.ExecutionState.EferLma, 1);
	CHECK_EQ(child.exit.VpContext.Cs.Long, 0);
	CHECK_EQ(child.exit.VpContext.Cs.Default, 1);
	child_destroy(&child);
}

/* In 64-bit mode DR7's enables alone make debugging active, local and global ones; conditions do not. */
static void context_debug_active_is_any_enable(void)
{
	const struct reason *const out = &reasons[1];

	for (unsigned int bit = 0; bit < 32 && !check_has_failed(); bit++) {
		if (bit == 13 || bit == 11 || bit == 12 || bit == 14 || bit == 15 || bit == 10)
			continue;
		create(out, CHILD_LONG, false);
		CHECK_EQ(child_set(&child, WHvX64RegisterDr7, 0x400 | 1u << bit), S_OK);
		/* Addresses that are not met. */
		for (unsigned int i = 0; i < 4; i++)
			CHECK_EQ(child_set(&child, WHvX64RegisterDr0 + i, 0x3f000), S_OK);
		CHECK_EQ(child_run(&child), out->reason);
		CHECK_EQ(child.exit.VpContext.ExecutionState.DebugActive, bit < 8);
		child_destroy(&child);
	}
}

/* ---- Records ----------------------------------------------------------------------------- */

static void fill(uint8_t buffer[256])
{
	for (unsigned int i = 0; i < 256; i++)
		buffer[i] = 0x5a;
}

/* In a buffer of n bytes at an odd address: the record, and nothing behind it. */
static void expect_record(uint32_t n)
{
	uint8_t buffer[256];

	fill(buffer);
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer + 3, n), S_OK);
	for (unsigned int i = 0; i < 144; i++)
		CHECK_EQ(buffer[3 + i], child.page->exit[i]);
	for (unsigned int i = 0; i < sizeof(buffer); i++)
		if (i < 3 || i >= 3 + n || i >= 3 + sizeof(WHV_RUN_VP_EXIT_CONTEXT))
			CHECK_EQ(buffer[i], 0x5a);
}

static void record_of_every_reason_keeps_to_its_size(void)
{
	static const uint32_t sizes[] = { 144, 145, 223, 224, 240 };

	for (size_t i = 0; i < N_REASONS && !check_has_failed(); i++) {
		if (reasons[i].is_long)
			continue;
		configure = exits_but_hypercalls;
		create(&reasons[i], CHILD_LONG, false);
		configure = all_exits;
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			expect_record(sizes[s]);
			CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE), S_OK);
		}
		complain(&reasons[i], CHILD_LONG, false);
		child_destroy(&child);
	}
}

/* Hypercall is the one reason that takes the whole: with its exit on, a buffer must be able to hold it. */
static void record_of_a_hypercall_is_never_cut(void)
{
	static const uint32_t short_sizes[] = { 0, 1, 143, 144, 223 };
	uint8_t buffer[256];

	for (size_t i = 0; i < N_REASONS && !check_has_failed(); i++) {
		if (!reasons[i].is_long || is_foreign(&reasons[i]))
			continue;
		create(&reasons[i], CHILD_LONG, false);
		for (size_t s = 0; s < sizeof(short_sizes) / sizeof(short_sizes[0]); s++) {
			fill(buffer);
			CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, short_sizes[s]),
				 WHV_E_INSUFFICIENT_BUFFER);
			for (unsigned int b = 0; b < sizeof(buffer); b++)
				CHECK_EQ(buffer[b], 0x5a);
		}
		expect_record(224);
		CHECK_EQ(child.page->exit[0], WHvRunVpExitReasonHypercall & 0xff);
		child_destroy(&child);
	}
}

/* ---- What the client sets wins ----------------------------------------------------------- */

static void state_set_between_exits_wins_over_the_record(void)
{
	for (size_t i = 0; i < N_REASONS && !check_has_failed(); i++) {
		if (is_foreign(&reasons[i]))
			continue;
		create(&reasons[i], CHILD_LONG, false);
		CHECK_EQ(child_run(&child), reasons[i].reason);
		CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_HANDLER), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0x1234567812345678), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_SF), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
		CHECK_EQ(child.exit.VpContext.Rflags, RFLAGS_ONE | RFLAGS_SF);
		CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x1234567812345678);
		complain(&reasons[i], CHILD_LONG, false);
		child_destroy(&child);
	}
}

/* Nothing is used up: the same exit comes again until something is done about it. */
static void state_before_the_instruction_restarts_it(void)
{
	for (size_t i = 0; i < N_REASONS && !check_has_failed(); i++) {
		if (reasons[i].n_after || is_foreign(&reasons[i]))
			continue;
		create(&reasons[i], CHILD_LONG, false);
		for (unsigned int n = 0; n < 3; n++) {
			CHECK_EQ(child_run(&child), reasons[i].reason);
			CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
		}
		complain(&reasons[i], CHILD_LONG, false);
		child_destroy(&child);
	}
}

/* Without the property none of them leaves the hypervisor. */
static void exits_that_were_not_asked_for_stay_inside(void)
{
	for (size_t i = 0; i < N_REASONS && !check_has_failed(); i++) {
		if (reasons[i].reason < WHvRunVpExitReasonX64MsrAccess)
			continue;
		CHECK_EQ(child_create(&child, CHILD_LONG, reasons[i].code, 0, 0), S_OK);
		child_gates(&child, CHILD_LONG);
		CHECK_EQ(child_set(&child, WHvX64RegisterRcx, UNKNOWN_MSR), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		complain(&reasons[i], CHILD_LONG, false);
		child_destroy(&child);
	}
}

void context_checks(void)
{
	static const struct test tests[] = {
		TEST(context_is_complete_in_real_mode),
		TEST(context_is_complete_in_protected_mode),
		TEST(context_is_complete_in_long_mode),
		TEST(context_is_complete_in_ring_3),
		TEST(context_of_compatibility_mode_is_that_of_long_mode),
		TEST(context_debug_active_is_any_enable),
		TEST(record_of_every_reason_keeps_to_its_size),
		TEST(record_of_a_hypercall_is_never_cut),
		TEST(state_set_between_exits_wins_over_the_record),
		TEST(state_before_the_instruction_restarts_it),
		TEST(exits_that_were_not_asked_for_stay_inside),
	};

	RUN(tests);
}
