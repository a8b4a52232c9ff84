// SPDX-License-Identifier: MIT
/* WHvGetVirtualProcessorRegisters, WHvSetVirtualProcessorRegisters. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "x86/cr.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(increment_all);
DECLARE_GUEST(touch_fpu);

#define REGISTER_VALUE_REFUSED WHIT_E_REGISTER_VALUE

/* Registers that keep any value, or this one. */
static const struct {
	UINT32 name;
	uint64_t low, high;
} kept[] = {
	{ WHvX64RegisterRax, 0x123456789abcdef0, 0 },
	{ WHvX64RegisterR15, ~0ull, 0 },
	{ WHvX64RegisterRip, 0x7000, 0 },
	{ WHvX64RegisterRflags, 0x246, 0 },
	{ WHvX64RegisterCr2, 0xdeadbeef0000, 0 },
	{ WHvX64RegisterCr3, 0x123000, 0 },
	{ WHvX64RegisterCr8, 9, 0 },
	{ WHvX64RegisterDr0, 0x1111, 0 },
	{ WHvX64RegisterDr3, 0x4444, 0 },
	{ WHvX64RegisterXmm0, 0x1122334455667788, 0x99aabbccddeeff00 },
	{ WHvX64RegisterXmm15, 0xfedcba9876543210, 0x0123456789abcdef },
	{ WHvX64RegisterFpMmx0, 0x8000000000000000, 0x3fff },
	{ WHvX64RegisterFpMmx7, 0xc000000000000000, 0xbfff },
	{ WHvX64RegisterKernelGsBase, 0xffff800000001000, 0 },
	{ WHvX64RegisterPat, 0x0007040600070406, 0 },
	{ WHvX64RegisterSysenterCs, 0x10, 0 },
	{ WHvX64RegisterSysenterEip, 0xffff800000002000, 0 },
	{ WHvX64RegisterSysenterEsp, 0xffff800000003000, 0 },
	{ WHvX64RegisterStar, 0x0023001000000000, 0 },
	{ WHvX64RegisterLstar, 0xffff800000004000, 0 },
	{ WHvX64RegisterCstar, 0xffff800000005000, 0 },
	{ WHvX64RegisterSfmask, 0x47700, 0 },
	{ WHvX64RegisterTscAux, 3, 0 },
};

#define N_KEPT (sizeof(kept) / sizeof(kept[0]))

static void register_values_are_kept(void)
{
	WHV_REGISTER_NAME names[N_KEPT];
	WHV_REGISTER_VALUE values[N_KEPT];
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	if (check_has_failed())
		return;
	for (unsigned int i = 0; i < N_KEPT; i++) {
		names[i] = (WHV_REGISTER_NAME)kept[i].name;
		values[i].Reg128.Low64 = kept[i].low;
		values[i].Reg128.High64 = kept[i].high;
	}
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, N_KEPT, values), S_OK);
	for (unsigned int i = 0; i < N_KEPT; i++)
		values[i].Reg128.Low64 = values[i].Reg128.High64 = 0x5a5a;
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, N_KEPT, values), S_OK);
	for (unsigned int i = 0; i < N_KEPT; i++) {
		CHECK_EQ(values[i].Reg128.Low64, kept[i].low);
		CHECK_EQ(values[i].Reg128.High64, kept[i].high);
	}
	child_destroy(&child);
}

static void register_segments_and_tables_are_kept(void)
{
	WHV_REGISTER_NAME names[2] = { WHvX64RegisterGdtr, WHvX64RegisterIdtr };
	WHV_REGISTER_VALUE values[2] = { { .Table = { .Base = 0x1000, .Limit = 0x77 } },
					 { .Table = { .Base = 0x2000, .Limit = 0x88 } } };
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(halt), 0, 0), S_OK);
	for (UINT32 name = WHvX64RegisterEs; name <= WHvX64RegisterTr; name++) {
		WHV_X64_SEGMENT_REGISTER before = child_segment(&child, name), after;

		CHECK_EQ(child_set_segment(&child, name, 0x12340 + name, 0x567,
					   (uint16_t)(name * 8), before.Attributes),
			 S_OK);
		after = child_segment(&child, name);
		CHECK_EQ(after.Base, 0x12340 + name);
		CHECK_EQ(after.Limit, 0x567);
		CHECK_EQ(after.Selector, name * 8);
		CHECK_EQ(after.Attributes, before.Attributes);
	}
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 2, values), S_OK);
	values[0].Table.Base = values[1].Table.Base = 0;
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 2, values), S_OK);
	CHECK_EQ(values[0].Table.Base, 0x1000);
	CHECK_EQ(values[0].Table.Limit, 0x77);
	CHECK_EQ(values[0].Table.Pad[0] | values[0].Table.Pad[1] | values[0].Table.Pad[2], 0);
	CHECK_EQ(values[1].Table.Base, 0x2000);
	CHECK_EQ(values[1].Table.Limit, 0x88);
	child_destroy(&child);
}

static void register_names_that_do_not_exist_are_refused(void)
{
	static const UINT32 bad[] = { 0x2c,   0x101a, 0x200f,	  0x2020,     0x203f,	 0x2fff,
				      0x6000, 0x7fff, 0x57480007, 0x80000009, 0xffffffff };
	WHV_REGISTER_VALUE values[2] = { { .Reg64 = 0 }, { .Reg64 = 0 } };
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		WHV_REGISTER_NAME names[2] = { WHvX64RegisterRax, (WHV_REGISTER_NAME)bad[i] };

		CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 2, values),
			 WHV_E_INVALID_VP_REGISTER_NAME);
		CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 2, values),
			 WHV_E_INVALID_VP_REGISTER_NAME);
	}
	child_destroy(&child);
}

static const struct {
	UINT32 name;
	uint64_t value;
} illegal[] = {
	{ WHvX64RegisterCr0, 1ull << 32 },
	{ WHvX64RegisterCr0, CR0_PG },
	{ WHvX64RegisterCr4, CR4_VMXE },
	{ WHvX64RegisterCr4, 1ull << 63 },
	{ WHvX64RegisterCr3, 1ull << 60 },
	{ WHvX64RegisterCr8, 16 },
	{ WHvX64RegisterEfer, 1ull << 12 },
	{ WHvX64RegisterEfer, EFER_LMA },
	{ WHvX64RegisterDr7, 1ull << 32 },
	{ WHvX64RegisterDr6, 1ull << 32 },
	{ WHvX64RegisterPat, 2 },
	{ WHvX64RegisterLstar, 0x0100000000000000 },
	{ WHvX64RegisterKernelGsBase, 0x8000000000000000 },
	{ WHvX64RegisterXCr0, 6 },
	{ WHvRegisterInterruptState, 4 },
	{ WHvRegisterInternalActivityState, 8 },
	{ WHvX64RegisterDeliverabilityNotifications, 0x40 },
	{ WHvRegisterPendingInterruption, 0x00200003 }, /* NMI as type 1: none */
	{ WHvRegisterPendingInterruption, 0x01000001 }, /* vector 256 */
	{ WhitRegisterDeviceData0, 1 },			/* no device waits */
};

/* Each is refused at once, or comes back as the exit InvalidVpRegisterValue; the words say why. */
static void register_illegal_values_are_refused(void)
{
	struct child child;

	for (unsigned int i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++) {
		HRESULT hr;

		CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
		if (check_has_failed())
			return;
		hr = child_set(&child, illegal[i].name, illegal[i].value);
		if (hr == S_OK)
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonInvalidVpRegisterValue);
		else
			CHECK_EQ(hr, REGISTER_VALUE_REFUSED);
		CHECK_EQ(child.page->error_register, illegal[i].name);
		CHECK(child.page->error_text[0] != 0);
		child_destroy(&child);
	}
}

/* Through the shared page, where nothing is checked at once. */
static void register_illegal_rflags_are_found_at_the_run(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(halt), 0, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, 1ull << 40), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonInvalidVpRegisterValue);
	CHECK_EQ(child.page->error_register, WHvX64RegisterRflags);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

/* Registers that are right one by one, and not together: told at the run, and put right. */
static void register_contradictions_are_found_at_the_run(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(halt), 0, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonInvalidVpRegisterValue);
	CHECK_EQ(child.page->error_register, WHvX64RegisterCr4);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_PAE), S_OK);
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterTr, 0, 0x67, 24, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonInvalidVpRegisterValue);
	CHECK_EQ(child.page->error_register, WHvX64RegisterTr);
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterTr, 0, 0x67, 24, 0x8b), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void register_all_reach_the_guest_and_come_back(void)
{
	WHV_REGISTER_NAME names[16];
	WHV_REGISTER_VALUE values[16];
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(increment_all), 0, 0), S_OK);
	for (unsigned int i = 0; i < 16; i++) {
		names[i] = (WHV_REGISTER_NAME)i;
		values[i].Reg128.Low64 = 0x100000000ull * (i + 1) + 0x10 * i;
		values[i].Reg128.High64 = 0;
	}
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 16, values), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 16, values), S_OK);
	for (unsigned int i = 0; i < 16; i++)
		CHECK_EQ(values[i].Reg64, 0x100000000ull * (i + 1) + 0x10 * i + 1);
	child_destroy(&child);
}

static void register_vector_and_x87_reach_the_guest(void)
{
	WHV_REGISTER_NAME names[3] = { WHvX64RegisterXmm0, WHvX64RegisterXmm15,
				       WHvX64RegisterFpMmx0 };
	WHV_REGISTER_VALUE values[3] = { { .Reg128 = { { 100, 200 } } },
					 { .Reg128 = { { 1, 2 } } },
					 { .Reg128 = { { 0, 0 } } } };
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(touch_fpu), 0, 0), S_OK);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 2, values), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 3, values), S_OK);
	CHECK_EQ(values[0].Reg128.Low64, 101);
	CHECK_EQ(values[0].Reg128.High64, 202);
	/* FLD1 has pushed 1.0: ST(0) is what FpMmx0 names, as in an FXSAVE image. */
	CHECK_EQ(values[2].Fp.Mantissa, 0x8000000000000000ull);
	CHECK_EQ(values[2].Fp.BiasedExponent, 0x3fff);
	child_destroy(&child);
}

static void register_long_lists_are_served(void)
{
	static WHV_REGISTER_NAME names[200];
	static WHV_REGISTER_VALUE values[200];
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr2, 0x4321), S_OK);
	for (unsigned int i = 0; i < 200; i++)
		names[i] = i % 2 ? WHvX64RegisterCr2 : WHvX64RegisterRip;
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 200, values), S_OK);
	CHECK_EQ(values[198].Reg64, CHILD_CODE);
	CHECK_EQ(values[199].Reg64, 0x4321);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 0, values), S_OK);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 0, values), S_OK);
	child_destroy(&child);
}

static void register_null_lists_are_refused(void)
{
	WHV_REGISTER_NAME name = WHvX64RegisterRax;
	WHV_REGISTER_VALUE value;
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, NULL, 1, &value), E_POINTER);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, &name, 1, NULL), E_POINTER);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, NULL, 1, &value), E_POINTER);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, &name, 1, NULL), E_POINTER);
	child_destroy(&child);
}

void register_checks(void)
{
	static const struct test tests[] = {
		TEST(register_values_are_kept),
		TEST(register_segments_and_tables_are_kept),
		TEST(register_names_that_do_not_exist_are_refused),
		TEST(register_illegal_values_are_refused),
		TEST(register_illegal_rflags_are_found_at_the_run),
		TEST(register_contradictions_are_found_at_the_run),
		TEST(register_all_reach_the_guest_and_come_back),
		TEST(register_vector_and_x87_reach_the_guest),
		TEST(register_long_lists_are_served),
		TEST(register_null_lists_are_refused),
	};

	RUN(tests);
}
