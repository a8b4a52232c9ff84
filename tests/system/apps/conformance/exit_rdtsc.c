// SPDX-License-Identifier: MIT
/* X64Rdtsc and Hypercall exits, all fields. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/vendor.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(any_rdtsc);
DECLARE_GUEST(any_rdtscp);
DECLARE_GUEST(any_vmcall);
DECLARE_GUEST(any_vmmcall);

static struct child child;

static HRESULT exits(WHV_PARTITION_HANDLE partition)
{
	const WHV_EXTENDED_VM_EXITS both = { .X64RdtscExit = 1, .HypercallExit = 1 };

	return WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExtendedVmExits, &both,
				       sizeof(both));
}

static void create(enum child_mode mode, struct guest_code code)
{
	CHECK_EQ(child_create_configured(&child, mode, code, exits), S_OK);
	if (!check_has_failed())
		child_gates(&child, mode);
}

static void expect_rdtsc(bool is_rdtscp)
{
	const WHV_X64_RDTSC_CONTEXT *const r = &child.exit.ReadTsc;
	const uint64_t before = child_get(&child, WHvX64RegisterTsc);
	uint64_t after;

	CHECK_EQ(child_set(&child, WHvX64RegisterTscAux, 0x1234), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Rdtsc);
	after = child_get(&child, WHvX64RegisterTsc);
	CHECK_EQ(r->TscAux, 0x1234);
	CHECK(r->Tsc > before && r->Tsc < after);
	CHECK_EQ(r->VirtualOffset, child_get(&child, WHvX64RegisterTscVirtualOffset));
	CHECK_EQ(r->RdtscInfo.AsUINT64, is_rdtscp);
	CHECK_EQ(child.exit.VpContext.InstructionLength, is_rdtscp ? 3 : 2);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
}

static void rdtsc_exit_says_all_that_the_instruction_would(void)
{
	create(CHILD_LONG, GUEST(any_rdtsc));
	expect_rdtsc(false);
	/* The client answers, and goes on. */
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0x11111111), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, 0x22222222), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x11111111);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdx), 0x22222222);
	child_destroy(&child);
}

static void rdtscp_exit_is_told_apart(void)
{
	create(CHILD_LONG, GUEST(any_rdtscp));
	expect_rdtsc(true);
	child_destroy(&child);
}

/* An offset of the client's is in Tsc, and in VirtualOffset. */
static void rdtsc_exit_goes_by_the_clients_tsc(void)
{
	create(CHILD_LONG, GUEST(any_rdtsc));
	CHECK_EQ(child_set(&child, WHvX64RegisterTsc, 0x7000000000000000), S_OK);
	expect_rdtsc(false);
	CHECK_EQ(child.exit.ReadTsc.Tsc >> 56, 0x70);
	child_destroy(&child);
}

static void rdtsc_reference_time_does_not_go_back(void)
{
	uint64_t last = 0;

	create(CHILD_LONG, GUEST(any_rdtsc));
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Rdtsc);
		CHECK(child.exit.ReadTsc.ReferenceTime >= last);
		last = child.exit.ReadTsc.ReferenceTime;
	}
	child_destroy(&child);
}

/* CR4.TSD comes first, outside ring 0. */
static void rdtsc_that_the_guest_forbids_faults(void)
{
	create(CHILD_LONG, GUEST(any_rdtsc));
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_PAE | CR4_OSFXSR | CR4_TSD), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Rdtsc);
	CHECK_EQ(child_enter_ring3(&child, CHILD_LONG), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_GP);
	child_destroy(&child);
}

static void rdtsc_exit_can_be_turned_on_and_off(void)
{
	const WHV_EXTENDED_VM_EXITS off = { .AsUINT64 = 0 };

	create(CHILD_LONG, GUEST(any_rdtsc));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Rdtsc);
	CHECK_EQ(WHvSetPartitionProperty(child.partition, WHvPartitionPropertyCodeExtendedVmExits,
					 &off, sizeof(off)),
		 S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(exits(child.partition), S_OK);
	child_load(&child, GUEST(any_rdtsc));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Rdtsc);
	child_destroy(&child);
}

/* ---- Hypercall --------------------------------------------------------------------------- */

static struct guest_code hypercall_insn(void)
{
	return vendor_is_amd() ? GUEST(any_vmmcall) : GUEST(any_vmcall);
}

static void set_hypercall_registers(void)
{
	static const UINT32 gpr[] = { WHvX64RegisterRax, WHvX64RegisterRbx, WHvX64RegisterRcx,
				      WHvX64RegisterRdx, WHvX64RegisterR8,  WHvX64RegisterRsi,
				      WHvX64RegisterRdi };

	for (uint64_t i = 0; i < sizeof(gpr) / sizeof(gpr[0]); i++)
		CHECK_EQ(child_set(&child, gpr[i], 0x1000000000000000 * (i + 1) + i), S_OK);
	for (uint64_t i = 0; i < 6; i++) {
		WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)(WHvX64RegisterXmm0 + i) };
		WHV_REGISTER_VALUE values[1] = { { .Reg128 = { { 0x77 + i, 0x8800 + i } } } };

		CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, values),
			 S_OK);
	}
}

static void hypercall_exit_has_every_register(void)
{
	const WHV_HYPERCALL_CONTEXT *const h = &child.exit.Hypercall;

	create(CHILD_LONG, hypercall_insn());
	set_hypercall_registers();
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonHypercall);
	CHECK_EQ(h->Rax, 0x1000000000000000);
	CHECK_EQ(h->Rbx, 0x2000000000000001);
	CHECK_EQ(h->Rcx, 0x3000000000000002);
	CHECK_EQ(h->Rdx, 0x4000000000000003);
	CHECK_EQ(h->R8, 0x5000000000000004);
	CHECK_EQ(h->Rsi, 0x6000000000000005);
	CHECK_EQ(h->Rdi, 0x7000000000000006);
	CHECK_EQ(h->Reserved0, 0);
	for (uint64_t i = 0; i < 6; i++) {
		CHECK_EQ(h->XmmRegisters[i].Low64, 0x77 + i);
		CHECK_EQ(h->XmmRegisters[i].High64, 0x8800 + i);
	}
	CHECK_EQ(h->Reserved1[0] | h->Reserved1[1], 0);
	CHECK_EQ(child.exit.VpContext.InstructionLength, 3);
	/* Answered in RAX, three bytes on. */
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + 3), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

/* TLFS "Hypercall Interface": #UD outside ring 0, and in real mode. */
static void hypercall_elsewhere_is_an_undefined_instruction(void)
{
	create(CHILD_LONG, hypercall_insn());
	CHECK_EQ(child_enter_ring3(&child, CHILD_LONG), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_UD);
	child_destroy(&child);
	create(CHILD_REAL, hypercall_insn());
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_REAL).vector, EXC_UD);
	child_destroy(&child);
}

static void hypercall_without_the_exit_is_an_undefined_instruction(void)
{
	CHECK_EQ(child_create(&child, CHILD_LONG, hypercall_insn(), 0, 0), S_OK);
	child_gates(&child, CHILD_LONG);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_UD);
	child_destroy(&child);
}

void exit_rdtsc_checks(void)
{
	static const struct test tests[] = {
		TEST(rdtsc_exit_says_all_that_the_instruction_would),
		TEST(rdtscp_exit_is_told_apart),
		TEST(rdtsc_exit_goes_by_the_clients_tsc),
		TEST(rdtsc_reference_time_does_not_go_back),
		TEST(rdtsc_that_the_guest_forbids_faults),
		TEST(rdtsc_exit_can_be_turned_on_and_off),
		TEST(hypercall_exit_has_every_register),
		TEST(hypercall_elsewhere_is_an_undefined_instruction),
		TEST(hypercall_without_the_exit_is_an_undefined_instruction),
	};

	RUN(tests);
}
