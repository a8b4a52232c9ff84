/* SPDX-License-Identifier: MIT */
/* hv/emulate/device.c on the fake machine: string instructions and ports. */
#include "tests/unit/guest_device.h"

/* ---- Strings ----------------------------------------------------------------------------- */

static void a_rep_store_comes_in_runs(void)
{
	static const unsigned int runs[] = { 112, 112, 76 };
	uint64_t at = DEVICE + 0x10, left = 300;

	guest_new();
	CODE(0xf3, 0xaa); /* rep stosb */
	guest_regs()->gpr[0] = 0x5c;
	guest_regs()->gpr[1] = 300;
	guest_regs()->gpr[7] = DEVICE + 0x10;
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(i ? run_again() : at_memory(at, true), DEVICE_EXIT);
		CHECK_RECORD(false, true, at, 1, runs[i]);
		for (unsigned int j = 0; j < runs[i]; j++)
			CHECK_EQ(record()->data[j], 0x5c);
		at += runs[i];
		left -= runs[i];
		CHECK_EQ(guest_regs()->gpr[1], left);
		CHECK_EQ(guest_regs()->gpr[7], at);
		CHECK_EQ(guest_regs()->rip, i == 2 ? 0x1002 : 0x1000);
		CHECK_EQ(device_is_idle(guest_vp), i == 2);
	}
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(test_root.emulated, 1);
}

static void a_rep_copy_from_a_device(void)
{
	uint8_t data[112];

	guest_new();
	CODE(0xf3, 0xa5); /* rep movsd */
	guest_regs()->gpr[1] = 30;
	guest_regs()->gpr[6] = DEVICE;
	guest_regs()->gpr[7] = 0x8000;
	memset(data, 0x31, sizeof(data));
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE, 4, 28);
	CHECK_EQ(guest_regs()->gpr[1], 30);
	answer(data, 112);
	CHECK_EQ(run_again(), DEVICE_EXIT); /* the next run, without an entry between */
	CHECK_RECORD(false, false, DEVICE + 112, 4, 2);
	CHECK_EQ(guest_regs()->gpr[1], 2);
	memset(data, 0x32, sizeof(data));
	answer(data, 8);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[1], 0);
	CHECK_EQ(guest_regs()->gpr[7], 0x8078);
	CHECK_EQ(guest_memory[8][111], 0x31);
	CHECK_EQ(guest_memory[8][112], 0x32);
	CHECK_EQ(guest_memory[8][119], 0x32);
	CHECK_EQ(guest_memory[8][120], 0);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

static void a_rep_copy_between_devices(void)
{
	uint8_t data[112];

	guest_new();
	CODE(0xf3, 0xa4); /* rep movsb */
	guest_regs()->gpr[1] = 113;
	guest_regs()->gpr[6] = DEVICE;
	guest_regs()->gpr[7] = DEVICE + 0x2000;
	for (unsigned int i = 0; i < 112; i++)
		data[i] = (uint8_t)i;
	CHECK_EQ(at_memory(DEVICE + 0x2000, true), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE, 1, 112);
	answer(data, 112);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 0x2000, 1, 112);
	CHECK(!memcmp(record()->data, data, 112));
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE + 112, 1, 1);
	answer_number(0xee, 1);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 0x2070, 1, 1);
	CHECK_EQ(record_number(1), 0xee);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

static void a_rep_that_leaves_the_device_goes_on_in_the_guest(void)
{
	guest_new();
	CODE(0xf3, 0xaa);
	guest_protect(8, 0);
	guest_regs()->gpr[1] = 4000;
	guest_regs()->gpr[7] = 0x8ff0;
	CHECK_EQ(at_memory(0x8ff0, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x8ff0, 1, 16);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK(device_is_idle(guest_vp));
	CHECK_EQ(guest_regs()->rip, 0x1000);
	CHECK_EQ(guest_regs()->gpr[1] + guest_regs()->gpr[7], 4000 + 0x8ff0);
}

static void a_rep_stops_for_events(void)
{
	guest_new();
	CODE(0xf3, 0xaa);
	guest_regs()->gpr[1] = 1000;
	guest_regs()->gpr[7] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK(event_set_interruption(guest_vp, 1 | 0x20u << 16));
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK(device_is_idle(guest_vp));
	CHECK_EQ(guest_regs()->rip, 0x1000);
	CHECK_EQ(guest_regs()->gpr[1], 888);
}

static void a_16_bit_count_keeps_its_upper_half(void)
{
	struct x86_segment code = { .attributes = 0x9b, .limit = 0xffff };
	struct x86_segment data = { .base = DEVICE, .attributes = 0x93, .limit = 0xffff };

	guest_new();
	virt_set(guest_vp->virt, VIRT_CR0, CR0_ET);
	virt_set_segment(guest_vp->virt, SEG_CS, &code);
	virt_set_segment(guest_vp->virt, SEG_ES, &data);
	CODE(0xf3, 0xaa);
	guest_regs()->gpr[1] = 0xabcd00c8;
	guest_regs()->gpr[7] = 0x12340100;
	CHECK_EQ(at_memory(DEVICE + 0x100, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 0x100, 1, 112);
	CHECK_EQ(guest_regs()->gpr[1], 0xabcd0058);
	CHECK_EQ(guest_regs()->gpr[7], 0x12340170);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 0x170, 1, 88);
	CHECK_EQ(guest_regs()->gpr[1], 0xabcd0000);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

static void a_scan_asks_element_by_element(void)
{
	guest_new();
	CODE(0xf2, 0xae); /* repne scasb */
	guest_regs()->gpr[0] = 3;
	guest_regs()->gpr[1] = 200;
	guest_regs()->gpr[7] = DEVICE;
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_EQ(i ? run_again() : at_memory(DEVICE, false), DEVICE_EXIT);
		CHECK_RECORD(false, false, DEVICE + i, 1, 1);
		answer_number(i, 1);
	}
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[1], 196);
	CHECK_EQ(guest_regs()->rip, 0x1002);
	CHECK(guest_regs()->rflags & RFLAGS_ZF);
}

/* ---- Ports ------------------------------------------------------------------------------- */

static void out_is_not_decoded(void)
{
	guest_new();
	guest_regs()->gpr[0] = 0x11223344;
	guest_regs()->gpr[2] = 0x3f8;
	for (unsigned int size = 1; size <= 4; size *= 2) {
		guest_regs()->rip = 0x1000;
		CHECK_EQ(at_port(false, false, size, 2), DEVICE_EXIT);
		CHECK_RECORD(true, true, 0x3f8, size, 1);
		CHECK_EQ(record_number(size), 0x11223344u & (~0u >> (32 - 8 * size)));
		CHECK_EQ(guest_regs()->rip, 0x1002);
		CHECK(device_is_idle(guest_vp));
	}
	CHECK(guest_is_unseen());
	CHECK_EQ(fake.n_skips, 3);
	CHECK_EQ(test_root.emulated, 3);
}

static void in_is_not_decoded(void)
{
	static const uint64_t wanted[] = { 0xffffffffffffff44, 0xffffffffffff3344, 0x11223344 };

	guest_new();
	guest_regs()->gpr[2] = 0x60;
	for (unsigned int i = 0; i < 3; i++) {
		guest_regs()->rip = 0x1000;
		guest_regs()->gpr[0] = ~0ull;
		CHECK_EQ(at_port(true, false, 1u << i, 2), DEVICE_EXIT);
		CHECK_RECORD(true, false, 0x60, 1u << i, 1);
		CHECK_EQ(guest_regs()->rip, 0x1000);
		answer_number(0x11223344, 4);
		CHECK_EQ(run_again(), DEVICE_RESUME);
		CHECK_EQ(guest_regs()->gpr[0], wanted[i]);
		CHECK_EQ(guest_regs()->rip, 0x1002);
		CHECK(device_is_idle(guest_vp));
	}
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_port(true, false, 4, 1), DEVICE_EXIT);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0xffffffff);
	CHECK_EQ(at_port(true, false, 4, 1), DEVICE_EXIT);
	guest_regs()->rip = 0x7000;
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x7000);
	CHECK(guest_is_unseen());
}

/* What was waiting as IN must not be mixed up with what is emulated afterwards. */
static void an_in_given_up_leaves_nothing_behind(void)
{
	guest_new();
	CHECK_EQ(at_port(true, false, 1, 1), DEVICE_EXIT);
	guest_regs()->rip = 0x1001;
	CHECK_EQ(run_again(), DEVICE_RESUME);
	guest_regs()->rip = 0x1000;
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(0x12345678, 4);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0x12345678);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

static void rep_outs_is_one_round_trip(void)
{
	guest_new();
	CODE(0xf3, 0x6e); /* rep outsb */
	memcpy(guest_memory[8], "Whit", 4);
	guest_regs()->gpr[1] = 4;
	guest_regs()->gpr[2] = 0x3f8;
	guest_regs()->gpr[6] = 0x8000;
	CHECK_EQ(at_port(false, true, 1, 2), DEVICE_EXIT);
	CHECK_RECORD(true, true, 0x3f8, 1, 4);
	CHECK(!memcmp(record()->data, "Whit", 4));
	CHECK_EQ(guest_regs()->gpr[1], 0);
	CHECK_EQ(guest_regs()->gpr[6], 0x8004);
	CHECK_EQ(guest_regs()->rip, 0x1002);
	CHECK_EQ(run_again(), DEVICE_RESUME);
}

static void rep_ins_is_one_round_trip(void)
{
	guest_new();
	CODE(0xf3, 0x66, 0x6d); /* rep insw */
	guest_regs()->gpr[1] = 3;
	guest_regs()->gpr[2] = 0x1f0;
	guest_regs()->gpr[7] = 0x8000;
	CHECK_EQ(at_port(true, true, 2, 3), DEVICE_EXIT);
	CHECK_RECORD(true, false, 0x1f0, 2, 3);
	answer("sector", 6);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK(!memcmp(guest_memory[8], "sector", 7));
	CHECK_EQ(guest_regs()->gpr[7], 0x8006);
	CHECK_EQ(guest_regs()->rip, 0x1003);
}

static void other_code_than_the_processor_ran_is_refused(void)
{
	struct virt_regs before;

	guest_new();
	guest_regs()->gpr[1] = 1;
	before = *guest_regs();
	CODE(0x6e);
	CHECK_EQ(at_port(true, true, 1, 1), DEVICE_PLAIN); /* OUTS for INS */
	CHECK_EQ(at_port(false, true, 2, 1), DEVICE_PLAIN);
	CHECK_EQ(at_port(false, true, 1, 2), DEVICE_PLAIN);
	CODE(0xaa);
	CHECK_EQ(at_port(false, true, 1, 1), DEVICE_PLAIN);
	check_untouched(&before);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_rep_store_comes_in_runs),
		TEST(a_rep_copy_from_a_device),
		TEST(a_rep_copy_between_devices),
		TEST(a_rep_that_leaves_the_device_goes_on_in_the_guest),
		TEST(a_rep_stops_for_events),
		TEST(a_16_bit_count_keeps_its_upper_half),
		TEST(a_scan_asks_element_by_element),
		TEST(out_is_not_decoded),
		TEST(in_is_not_decoded),
		TEST(an_in_given_up_leaves_nothing_behind),
		TEST(rep_outs_is_one_round_trip),
		TEST(rep_ins_is_one_round_trip),
		TEST(other_code_than_the_processor_ran_is_refused),
	};

	return RUN(tests);
}
