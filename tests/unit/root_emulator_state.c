// SPDX-License-Identifier: MIT
/*
 * WinHvEmulation and state that few instructions touch: segments, tables, CR0, vectors, x87. Each is read when it is
 * needed, and written in the one Set with the rest.
 */
#include "tests/unit/root_emulator.h"

static struct client client;

static void put(uint64_t gpa, uint64_t value, unsigned int n)
{
	memcpy(client.ram + gpa, &value, n);
}

static void emulator_loads_segments(void)
{
	/* Real mode: base from the selector, and a shadow after SS. */
	client_begin(&client, REAL);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	put(0x3000, 0x1234, 2);
	CHECK_EQ(MMIO(&client, 0x8e, 0x17), SUCCESS); /* MOV SS, [BX] */
	CHECK(order_is(&client, "gtms"));
	CHECK_EQ(reg(&client, WHvX64RegisterSs)->Segment.Selector, 0x1234);
	CHECK_EQ(reg(&client, WHvX64RegisterSs)->Segment.Base, 0x12340);
	CHECK_EQ(reg(&client, WHvRegisterInterruptState)->Reg64, 1);
	/* The shadow holds off a single step, too. */
	reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_TF;
	CHECK_EQ(MMIO(&client, 0x8e, 0x17), SUCCESS);
	CHECK(!was_set(&client, WHvX64RegisterPendingDebugException));
	client_end(&client);

	/* Protected mode: the descriptor comes from the table, by GDTR, and gets its accessed bit. */
	client_begin(&client, PROT32);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	reg(&client, WHvX64RegisterGdtr)->Table.Base = 0x4000;
	reg(&client, WHvX64RegisterGdtr)->Table.Limit = 0x1f;
	put(0x3000, 0x10, 2);
	put(0x4010, 0x00cf92005678ffff, 8);
	CHECK_EQ(MMIO(&client, 0x8e, 0x1b), SUCCESS); /* MOV DS, [EBX] */
	CHECK_EQ(reg(&client, WHvX64RegisterDs)->Segment.Selector, 0x10);
	CHECK_EQ(reg(&client, WHvX64RegisterDs)->Segment.Base, 0x5678);
	CHECK_EQ(reg(&client, WHvX64RegisterDs)->Segment.Limit, 0xffffffff);
	CHECK_EQ(reg(&client, WHvX64RegisterDs)->Segment.Attributes, 0xc093);
	CHECK_EQ(client.ram[0x4015], 0x93);
	CHECK_EQ(client.n_sets, 1);
	/* Beyond the table. */
	set_segment(&client, WHvX64RegisterDs, 0, 0xffffffff, 0xc093);
	put(0x3000, 0x20, 2);
	(void)MMIO(&client, 0x8e, 0x1b);
	CHECK(was_faulted(&client, EXC_GP, true, 0x20, 0));
	client_end(&client);
}

/* The number of translations of a page with all of these flags. */
static unsigned int translations(uint64_t gva, unsigned int flags)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < client.n_calls; i++)
		n += client.log[i].kind == TRANSLATE && client.log[i].address == gva &&
		     (client.log[i].flags & flags) == flags;
	return n;
}

/* Tables are read as the supervisor, with SMAP, whatever the CPL is and whatever lies beside them. */
static void emulator_reads_descriptors_as_the_supervisor(void)
{
	client_begin(&client, PROT32);
	for (unsigned int name = WHvX64RegisterEs; name <= WHvX64RegisterGs; name++)
		reg(&client, name)->Segment.DescriptorPrivilegeLevel = 3;
	reg(&client, WHvX64RegisterCr4)->Reg64 = CR4_SMAP;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x4100;
	reg(&client, WHvX64RegisterGdtr)->Table.Base = 0x4000;
	reg(&client, WHvX64RegisterGdtr)->Table.Limit = 0x1f;
	put(0x4100, 0x13, 2);
	put(0x4010, 0x00cff3000000ffff, 8);
	CHECK_EQ(MMIO(&client, 0x8e, 0x1b), SUCCESS); /* MOV DS, [EBX] */
	CHECK(was_set(&client, WHvX64RegisterDs) != NULL);
	CHECK_EQ(translations(0x4000,
			      WHvTranslateGvaFlagPrivilegeExempt | WHvTranslateGvaFlagEnforceSmap),
		 1);
	CHECK(translations(0x4000, 0) > 1);

	/* A local one; and one that is not there: a fault of the supervisor. */
	reg(&client, WHvX64RegisterLdtr)->Segment =
		(WHV_X64_SEGMENT_REGISTER) { .Base = 0x5000, .Limit = 0xff, .Attributes = 0x82 };
	put(0x4100, 0x17, 2);
	put(0x5010, 0x00cff3001234ffff, 8);
	CHECK_EQ(MMIO(&client, 0x8e, 0x03), SUCCESS); /* MOV ES, [EBX] */
	CHECK_EQ(was_set(&client, WHvX64RegisterEs)->Segment.Base, 0x1234);
	client.pages[0].gva = 0x5000;
	client.pages[0].code = WHvTranslateGvaResultPageNotPresent;
	client.n_pages = 1;
	(void)MMIO(&client, 0x8e, 0x1b);
	CHECK_EQ(client.status.AsUINT32, SUCCESS);
	CHECK_EQ(was_set(&client, WHvRegisterPendingEvent)->ExceptionEvent.Vector, EXC_PF);
	CHECK(!(was_set(&client, WHvRegisterPendingEvent)->ExceptionEvent.ErrorCode & PF_U));
	client_end(&client);
}

static void emulator_reads_and_loads_tables(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	reg(&client, WHvX64RegisterIdtr)->Table.Base = 0xffff800011223344;
	reg(&client, WHvX64RegisterIdtr)->Table.Limit = 0xfff;
	CHECK_EQ(MMIO(&client, 0x0f, 0x01, 0x0b), SUCCESS); /* SIDT [RBX] */
	CHECK_EQ(client.ram[0x3000] | client.ram[0x3001] << 8, 0xfff);
	CHECK(!memcmp(client.ram + 0x3002, &(uint64_t) { 0xffff800011223344 }, 8));
	CHECK_EQ(MMIO(&client, 0x0f, 0x01, 0x13), SUCCESS); /* LGDT [RBX] */
	CHECK_EQ(was_set(&client, WHvX64RegisterGdtr)->Table.Base, 0xffff800011223344);
	CHECK_EQ(was_set(&client, WHvX64RegisterGdtr)->Table.Limit, 0xfff);
	CHECK_EQ(client.n_set, 3);
	client_end(&client);
}

static void emulator_loads_the_machine_status_word(void)
{
	client_begin(&client, REAL);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	put(0x3000, 0x1, 2);
	CHECK_EQ(MMIO(&client, 0x0f, 0x01, 0x37), SUCCESS); /* LMSW [BX] */
	CHECK_EQ(was_set(&client, WHvX64RegisterCr0)->Reg64, CR0_ET | CR0_PE);
	CHECK_EQ(client.n_set, 3);
	client_end(&client);
}

/* 16 bytes are two accesses, ascending. */
static void emulator_moves_vectors(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = DEVICE + 0x10;
	reg(&client, WHvX64RegisterXmm0 + 9)->Reg128.Low64 = 0x1111;
	reg(&client, WHvX64RegisterXmm0 + 9)->Reg128.High64 = 0x2222;
	CHECK_EQ(MMIO(&client, 0x44, 0x0f, 0x11, 0x0b), SUCCESS); /* MOVUPS [RBX], XMM9 */
	CHECK_EQ(client.n_sets, 1);
	CHECK(call_is(&client, client.n_calls - 3, true, 8, DEVICE + 0x10, 0x1111));
	CHECK(call_is(&client, client.n_calls - 2, true, 8, DEVICE + 0x18, 0x2222));
	CHECK_EQ(MMIO(&client, 0x0f, 0x28, 0x03), SUCCESS); /* MOVAPS XMM0, [RBX] */
	CHECK_EQ(was_set(&client, WHvX64RegisterXmm0)->Reg128.Low64, 3);
	CHECK_EQ(was_set(&client, WHvX64RegisterXmm0)->Reg128.High64, 4);
	CHECK_EQ(client.n_set, 3);
	/* MOVLPS keeps the other half. */
	CHECK_EQ(MMIO(&client, 0x0f, 0x12, 0x03), SUCCESS);
	CHECK_EQ(was_set(&client, WHvX64RegisterXmm0)->Reg128.Low64, 5);
	CHECK_EQ(was_set(&client, WHvX64RegisterXmm0)->Reg128.High64, 4);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3008;
	(void)MMIO(&client, 0x0f, 0x28, 0x03);
	CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
	client_end(&client);
}

/* WHP has no register for the upper half: stores of the lower can be done, loads clear the upper. */
static void emulator_does_not_touch_upper_halves(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterCr4)->Reg64 |= CR4_OSXSAVE;
	reg(&client, WHvX64RegisterXCr0)->Reg64 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	CHECK_EQ(MMIO(&client, 0xc5, 0xf8, 0x11, 0x03), SUCCESS); /* VMOVUPS [RBX], XMM0 */
	reg(&client, WHvX64RegisterRbx)->Reg64 = DEVICE;
	CHECK_EQ(MMIO(&client, 0xc5, 0xf8, 0x10, 0x03), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(client.n_sets, 0);
	CHECK_EQ(client.n_device_reads, 0);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	CHECK_EQ(MMIO(&client, 0xc5, 0xfc, 0x11, 0x03), status_bit(INTERNAL_FAILURE)); /* YMM0 */
	/* ZMM0, XMM0 by K1, K1: first no instructions, then not to be had. */
	for (unsigned int has_state = 0; has_state < 2; has_state++) {
		const unsigned int wanted = has_state ? status_bit(INTERNAL_FAILURE) : SUCCESS;

		if (has_state)
			reg(&client, WHvX64RegisterXCr0)->Reg64 |=
				XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;
		CHECK_EQ(MMIO(&client, 0x62, 0xf1, 0x7e, 0x48, 0x7f, 0x03), wanted);
		reg(&client, WHvRegisterPendingEvent)->Reg64 = 0;
		CHECK_EQ(MMIO(&client, 0x62, 0xf1, 0x7e, 0x09, 0x7f, 0x03), wanted);
		reg(&client, WHvRegisterPendingEvent)->Reg64 = 0;
		CHECK_EQ(MMIO(&client, 0xc5, 0xf8, 0x90, 0x0b), wanted);
		reg(&client, WHvRegisterPendingEvent)->Reg64 = 0;
		CHECK_EQ(client.n_sets, has_state ? 0 : 1);
	}
	/* General registers are whole. */
	CHECK_EQ(MMIO(&client, 0xc4, 0xe2, 0xf8, 0xf2, 0x03), SUCCESS); /* ANDN RAX, RAX, [RBX] */
	/* Without the state enabled it is no instruction. */
	reg(&client, WHvX64RegisterXCr0)->Reg64 = XCR0_X87 | XCR0_SSE;
	(void)MMIO(&client, 0xc5, 0xf8, 0x10, 0x03);
	CHECK(was_faulted(&client, EXC_UD, false, 0, 0));
	client_end(&client);
}

static void emulator_moves_floating_point(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	reg(&client, WHvX64RegisterFpControlStatus)->FpControlStatus.FpControl = 0x37f;
	reg(&client, WHvX64RegisterXmmControlStatus)->XmmControlStatus.XmmStatusControl = 0x1f80;
	reg(&client, WHvX64RegisterXmmControlStatus)->XmmControlStatus.XmmStatusControlMask =
		0xffff;
	put(0x3000, 0x1fa0, 4);
	CHECK_EQ(MMIO(&client, 0x0f, 0xae, 0x13), SUCCESS); /* LDMXCSR [RBX] */
	CHECK_EQ(client.n_set, 3);
	CHECK_EQ(
		was_set(&client, WHvX64RegisterXmmControlStatus)->XmmControlStatus.XmmStatusControl,
		0x1fa0);
	CHECK_EQ(was_set(&client, WHvX64RegisterXmmControlStatus)
			 ->XmmControlStatus.XmmStatusControlMask,
		 0xffff);

	/* A rehearsal leaves nothing behind. */
	reg(&client, WHvX64RegisterCr4)->Reg64 |= CR4_OSXSAVE;
	reg(&client, WHvX64RegisterXCr0)->Reg64 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	put(0x3000, 0x1f90, 4);
	CHECK_EQ(MMIO(&client, 0xc5, 0xf8, 0xae, 0x13), SUCCESS); /* VLDMXCSR [RBX] */
	CHECK_EQ(client.n_set, 3);

	put(0x3000, 0x4008000000000000, 8);	      /* 3.0 */
	CHECK_EQ(MMIO(&client, 0xdd, 0x03), SUCCESS); /* FLD qword [RBX] */
	CHECK_EQ(reg(&client, WHvX64RegisterFpMmx0)->Reg128.Low64, 0xc000000000000000);
	CHECK_EQ(reg(&client, WHvX64RegisterFpMmx0)->Reg128.High64, 0x4000);
	CHECK_EQ(reg(&client, WHvX64RegisterFpControlStatus)->FpControlStatus.FpStatus, 7 << 11);
	CHECK_EQ(reg(&client, WHvX64RegisterFpControlStatus)->FpControlStatus.FpTag, 0x80);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3010;
	CHECK_EQ(MMIO(&client, 0xdb, 0x3b), SUCCESS); /* FSTP tword [RBX] */
	CHECK(!memcmp(client.ram + 0x3010, "\0\0\0\0\0\0\0\xc0\x00\x40", 10));
	CHECK_EQ(reg(&client, WHvX64RegisterFpControlStatus)->FpControlStatus.FpTag, 0);
	client_end(&client);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(emulator_loads_segments),
		TEST(emulator_reads_descriptors_as_the_supervisor),
		TEST(emulator_reads_and_loads_tables),
		TEST(emulator_loads_the_machine_status_word),
		TEST(emulator_moves_vectors),
		TEST(emulator_does_not_touch_upper_halves),
		TEST(emulator_moves_floating_point),
	};

	return RUN(tests);
}
