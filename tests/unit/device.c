/* SPDX-License-Identifier: MIT */
/* hv/emulate/device.c on the fake machine: memory, faults and traps. Each test is a root that answers. */
#include "tests/unit/guest_device.h"
#include "x86/msr.h"

/* ---- Memory ------------------------------------------------------------------------------ */

static void a_store_is_one_round_trip(void)
{
	guest_new();
	CODE(0x89, 0x03); /* mov [ebx], eax */
	guest_regs()->gpr[0] = 0x1122334455667788;
	guest_regs()->gpr[3] = DEVICE + 8;
	CHECK_EQ(at_memory(DEVICE + 8, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 8, 4, 1);
	CHECK_EQ(record_number(4), 0x55667788);
	CHECK_EQ(guest_regs()->rip, 0x1002);
	CHECK(guest_regs()->changed);
	CHECK_EQ(test_root.emulated, 1);
	CHECK(device_is_idle(guest_vp));
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

static void a_load_is_one_round_trip(void)
{
	static const uint64_t wanted[3] = { 0x11223344556677fe, 0x112233445566dcfe, 0x98badcfe };

	for (unsigned int i = 0; i < 3; i++) {
		guest_new();
		if (i == 0)
			CODE(0x8a, 0x03);
		else if (i == 1)
			CODE(0x66, 0x8b, 0x03);
		else
			CODE(0x8b, 0x03);
		guest_regs()->gpr[0] = 0x1122334455667788;
		guest_regs()->gpr[3] = DEVICE;
		CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
		CHECK_RECORD(false, false, DEVICE, 1u << i, 1);
		CHECK_EQ(record_number(8), ~0ull);
		CHECK_EQ(guest_shared->device_answered, 0);
		CHECK_EQ(guest_regs()->rip, 0x1000);
		CHECK(!device_is_idle(guest_vp));
		answer_number(0x98badcfe, 4);
		CHECK_EQ(run_again(), DEVICE_RESUME);
		CHECK_EQ(guest_regs()->gpr[0], wanted[i]);
		CHECK_EQ(guest_regs()->rip, i == 1 ? 0x1003 : 0x1002);
		CHECK(guest_regs()->changed);
		CHECK(device_is_idle(guest_vp));
		CHECK_EQ(test_root.emulated, 1);
	}
}

static void what_is_not_answered_reads_as_ones(void)
{
	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	memset(guest_shared->exit, 0, sizeof(guest_shared->exit));
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0xffffffff);
	/* A part of it. */
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(0x12, 1);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0xffffff12);
}

/* The record's other fields are the root's to write, and mean nothing. */
static void the_shared_page_is_not_trusted(void)
{
	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	memset(guest_shared, 0xa5, sizeof(*guest_shared));
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0xa5a5a5a5);
}

static void a_cancel_between_loses_no_answer(void)
{
	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(0xcafe, 4);
	device_accept(guest_vp);
	memset(guest_shared->exit, 0, sizeof(guest_shared->exit)); /* the Canceled record */
	CHECK(!device_is_idle(guest_vp));
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0xcafe);
}

static void the_answer_may_come_by_register(void)
{
	uint64_t words[2] = { 0x1111222233334444, 0x5555666677778888 };

	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK(!device_set_data(guest_vp, 0, words));
	CHECK(!device_get_data(guest_vp, 0, words));
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	CHECK(!device_set_data(guest_vp, WHIT_REGISTER_DEVICE_DATA_N, words));
	CHECK(device_set_data(guest_vp, 6, words)); /* more than was asked for: no matter */
	CHECK(device_set_data(guest_vp, 0, words));
	words[0] = words[1] = 0;
	CHECK(device_get_data(guest_vp, 0, words));
	CHECK_EQ(words[1], 0x5555666677778888);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 0x33334444);
}

static void a_client_that_moves_rip_gives_it_up(void)
{
	struct virt_regs before;

	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(0xcafe, 4);
	guest_regs()->rip = 0x1002;
	before = *guest_regs();
	CHECK_EQ(run_again(), DEVICE_RESUME);
	check_untouched(&before);
	CHECK_EQ(test_root.emulated, 0);
}

static void a_client_that_changes_the_mode_gives_it_up(void)
{
	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(0xcafe, 4);
	virt_set(guest_vp->virt, VIRT_CR0, CR0_ET);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1000);
	CHECK_EQ(guest_regs()->gpr[0], 0);
	CHECK(device_is_idle(guest_vp));
}

static void read_and_write_are_two_round_trips(void)
{
	guest_new();
	CODE(0x01, 0x03); /* add [ebx], eax */
	guest_regs()->gpr[0] = 0x10;
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE, 4, 1);
	answer_number(0xfffffff0, 4);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE, 4, 1);
	CHECK_EQ(record_number(4), 0);
	CHECK_EQ(guest_regs()->rip, 0x1002);
	CHECK_EQ(guest_regs()->rflags & RFLAGS_STATUS, RFLAGS_ZF | RFLAGS_CF | RFLAGS_PF);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK(device_is_idle(guest_vp));
}

static void two_reads_are_answered_in_order(void)
{
	guest_new();
	CODE(0xa7); /* cmpsd */
	guest_regs()->gpr[6] = DEVICE + 0x10;
	guest_regs()->gpr[7] = DEVICE + 0x1020;
	CHECK_EQ(at_memory(DEVICE + 0x1020, false), DEVICE_EXIT); /* whichever came first */
	CHECK_RECORD(false, false, DEVICE + 0x10, 4, 1);
	answer_number(5, 4);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE + 0x1020, 4, 1);
	CHECK_EQ(guest_regs()->rip, 0x1000);
	answer_number(6, 4);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[6], DEVICE + 0x14);
	CHECK(guest_regs()->rflags & RFLAGS_CF);
	CHECK_EQ(guest_regs()->rip, 0x1001);
}

static void a_store_to_rom_goes_to_the_root(void)
{
	guest_new();
	guest_protect(ROM >> 12, VIRT_READ | VIRT_EXECUTE);
	memset(guest_memory[ROM >> 12], 0x77, 4096);
	CODE(0x00, 0x03); /* add [ebx], al: reads the ROM itself */
	guest_regs()->gpr[0] = 1;
	guest_regs()->gpr[3] = ROM;
	CHECK_EQ(at_memory(ROM, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, ROM, 1, 1);
	CHECK_EQ(record_number(1), 0x78);
	CHECK_EQ(guest_memory[ROM >> 12][0], 0x77);
}

static void an_operand_half_in_ram_is_split(void)
{
	guest_new();
	CODE(0x89, 0x03);
	guest_protect(9, 0);
	guest_regs()->gpr[0] = 0x44332211;
	guest_regs()->gpr[3] = 0x8ffd;
	CHECK_EQ(at_memory(0x9000, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x9000, 1, 1);
	CHECK_EQ(record_number(1), 0x44);
	CHECK(!memcmp(&guest_memory[8][0xffd], "\x11\x22\x33", 3));
	CHECK_EQ(run_again(), DEVICE_RESUME);
	/* And a load of eight pieces' worth: both pages are devices. */
	guest_protect(8, 0);
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_memory(0x8ffd, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x8ffd, 1, 1);
	CHECK(!device_is_idle(guest_vp));
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x8ffe, 2, 1);
	CHECK_EQ(record_number(2), 0x3322);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x9000, 1, 1);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1002);
}

static void posted_writes_come_even_if_rip_moves(void)
{
	guest_new();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE + 0xfff;
	CHECK_EQ(at_memory(DEVICE + 0xfff, true), DEVICE_EXIT);
	guest_regs()->rip = 0x5000;
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 0x1000, 2, 1);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x5000);
}

static void what_is_not_ours_is_left_alone(void)
{
	struct virt_exit exit = memory_exit(DEVICE, true);
	struct virt_regs before;

	guest_new();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	before = *guest_regs();
	exit.interrupted.type = VIRT_EVENT_INTERRUPT;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	exit.interrupted.type = VIRT_EVENT_NONE;
	exit.memory.is_walk = true;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	exit.memory.is_walk = false;
	exit.memory.is_fetch = true;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	exit.memory.is_fetch = false;
	CHECK(guest_is_unseen());
	CODE(0x0f, 0x0b); /* ud2 */
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
	CODE(0x90);
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
	CODE(0x6c); /* insb: its port was not checked */
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
	CODE(0x0f, 0xae, 0x03); /* fxsave [ebx]: nobody does that to a device */
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
	guest_protect(1, 0);
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
	check_untouched(&before);
	CHECK_EQ(test_root.emulated, 0);
}

static void an_instruction_cut_off_by_its_page_is_left_alone(void)
{
	guest_new();
	guest_regs()->rip = 0x1fff;
	guest_memory[1][0xfff] = 0x89;
	guest_protect(2, 0);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
}

/* An exit may report both for a read-modify-write; the ROM is still read as what it is. */
static void rom_is_read_whatever_the_exit_says(void)
{
	struct virt_exit exit = memory_exit(ROM, true);

	guest_new();
	guest_protect(ROM >> 12, VIRT_READ | VIRT_EXECUTE);
	guest_memory[ROM >> 12][0] = 0x20;
	exit.memory.is_read = true;
	CODE(0x00, 0x03); /* add [ebx], al */
	guest_regs()->gpr[0] = 1;
	guest_regs()->gpr[3] = ROM;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_EXIT);
	CHECK_RECORD(false, true, ROM, 1, 1);
	CHECK_EQ(record_number(1), 0x21);
}

/* The emulator goes elsewhere than the processor did: another guess, and then the plain exit. */
static void a_mismatch_with_the_exit_is_not_acted_upon(void)
{
	struct virt_regs before;
	enum device_outcome outcome;
	unsigned int n = 0;

	guest_new();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	before = *guest_regs();
	do
		outcome = at_memory(DEVICE + 0x5000, true);
	while (outcome == DEVICE_RESUME && ++n < 100);
	CHECK_EQ(outcome, DEVICE_PLAIN);
	CHECK(n && n < 10);
	check_untouched(&before);
	CHECK_EQ(at_memory(DEVICE + 0x5000, true), DEVICE_RESUME);
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
}

/* ---- RAM --------------------------------------------------------------------------------- */

static void a_spurious_exit_completes_in_ram(void)
{
	guest_new();
	CODE(0xf0, 0x01, 0x03); /* lock add [ebx], eax */
	guest_regs()->gpr[0] = 3;
	guest_regs()->gpr[3] = 0x8001; /* not aligned */
	guest_memory[8][1] = 4;
	CHECK_EQ(at_memory(0x8001, true), DEVICE_RESUME);
	CHECK_EQ(guest_memory[8][1], 7);
	CHECK_EQ(guest_regs()->rip, 0x1003);
	CHECK_EQ(test_root.emulated, 1);
}

static void locked_sizes(void)
{
	static const uint8_t code[4][4] = { { 0xf0, 0x00, 0x03 },
					    { 0x66, 0xf0, 0x01, 0x03 },
					    { 0xf0, 0x01, 0x03 },
					    { 0xf0, 0x48, 0x01, 0x03 } };

	for (unsigned int i = 0; i < 4; i++) {
		struct x86_segment cs = { .attributes = 0xa09b };
		uint64_t sum = 0;

		guest_new();
		if (i == 3) {
			/* Long mode, with one identity page of 1 GiB. */
			virt_set_segment(guest_vp->virt, SEG_CS, &cs);
			virt_set(guest_vp->virt, VIRT_CR0, CR0_PE | CR0_PG);
			virt_set(guest_vp->virt, VIRT_CR4, CR4_PAE);
			virt_set(guest_vp->virt, VIRT_EFER, EFER_LME | EFER_LMA);
			virt_set(guest_vp->virt, VIRT_CR3, 0x2000);
			*(uint64_t *)(void *)guest_memory[2] = 0x3000 | PTE_P | PTE_W;
			*(uint64_t *)(void *)guest_memory[3] = PTE_P | PTE_W | PTE_PS;
		}
		memcpy(guest_memory[1], code[i], 4);
		memset(guest_memory[8], 0xff, 64);
		guest_regs()->gpr[0] = 1;
		guest_regs()->gpr[3] = 0x8003;
		CHECK_EQ(at_memory(0x8003, true), DEVICE_RESUME);
		memcpy(&sum, &guest_memory[8][3], 1u << i);
		CHECK_EQ(sum, 0);
		CHECK_EQ(guest_memory[8][3 + (1u << i)], 0xff);
		CHECK_EQ(guest_memory[8][2], 0xff);
	}
}

static unsigned int n_changes;

/* Another processor of the root writes to page 8 each time before it is looked up, which is whenever it is used. */
struct gpa_page __real_gpa_find_page(struct gpa_view *view, gpa_t gpa);
struct gpa_page __wrap_gpa_find_page(struct gpa_view *view, gpa_t gpa);
struct gpa_page __wrap_gpa_find_page(struct gpa_view *view, gpa_t gpa)
{
	struct gpa_page page;

	if (gpa.a >> PAGE_SHIFT == 8 && n_changes) {
		n_changes--;
		guest_memory[8][0]++;
	}
	page = __real_gpa_find_page(view, gpa);
	if (n_changes)
		memset(guest_vp->view.cache, 0, sizeof(guest_vp->view.cache));
	return page;
}

static void guest_memory_that_changes_is_read_again(void)
{
	guest_new();
	CODE(0xf0, 0x01, 0x03);
	guest_regs()->gpr[0] = 0x100;
	guest_regs()->gpr[3] = 0x8000;
	n_changes = 6;
	CHECK_EQ(at_memory(0x8000, true), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1003);
	CHECK_EQ(guest_memory[8][0], 6);
	CHECK_EQ(guest_memory[8][1], 1);
}

static void memory_that_never_rests_ends_in_the_plain_exit(void)
{
	enum device_outcome outcome;
	unsigned int n = 0;

	guest_new();
	CODE(0xf0, 0x01, 0x03);
	guest_regs()->gpr[3] = 0x8000;
	n_changes = ~0u;
	do
		outcome = at_memory(0x8000, true);
	while (outcome == DEVICE_RESUME && ++n < 100);
	CHECK_EQ(outcome, DEVICE_PLAIN);
	CHECK(n && n < 10);
	CHECK_EQ(guest_regs()->rip, 0x1000);
	n_changes = 0;
}

/* ---- Faults and traps -------------------------------------------------------------------- */

/* 32-bit paging: page directory in page 4, table in 5, identity for 64 pages. */
static void with_paging(void)
{
	for (unsigned int i = 0; i < GUEST_PAGES; i++)
		((uint32_t *)(void *)guest_memory[5])[i] = i << 12 | PTE_P | PTE_W | PTE_U;
	((uint32_t *)(void *)guest_memory[4])[0] = 0x5000 | PTE_P | PTE_W | PTE_U;
	virt_set(guest_vp->virt, VIRT_CR0, CR0_PE | CR0_PG | CR0_WP);
	virt_set(guest_vp->virt, VIRT_CR3, 0x4000);
}

static uint32_t *guest_pte(unsigned int page)
{
	return (uint32_t *)(void *)guest_memory[5] + page;
}

static void a_fault_is_raised_and_nothing_changes(void)
{
	struct virt_regs before;

	guest_new();
	with_paging();
	CODE(0xf3, 0x6d); /* rep insd */
	guest_regs()->gpr[1] = 4;
	guest_regs()->gpr[7] = 0x8ffc;
	*guest_pte(8) = 0;
	before = *guest_regs();
	CHECK_EQ(at_port(true, true, 4, 2), DEVICE_INJECTED);
	before.rflags |= RFLAGS_RF; /* for the handler's frame */
	check_untouched(&before);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.vector, EXC_PF);
	CHECK_EQ(guest_vp->virt->injected.error_code, PF_W);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0x8ffc);
}

static void rights_are_those_of_the_cpl(void)
{
	struct x86_segment ss = { .limit = ~0u, .attributes = 0xc0f3 };

	guest_new();
	with_paging();
	guest_protect(9, 0);
	*guest_pte(8) &= ~(uint32_t)PTE_U;
	CODE(0xa4); /* movsb, from the device at page 9 to page 8 */
	guest_regs()->gpr[6] = 0x9000;
	guest_regs()->gpr[7] = 0x8000;
	virt_set_segment(guest_vp->virt, SEG_SS, &ss);
	CHECK_EQ(at_memory(0x9000, false), DEVICE_INJECTED);
	CHECK_EQ(guest_vp->pending.error_code, PF_P | PF_W | PF_U);
	guest_vp->pending.type = VIRT_EVENT_NONE;
	ss.attributes = 0xc093;
	virt_set_segment(guest_vp->virt, SEG_SS, &ss);
	CHECK_EQ(at_memory(0x9000, false), DEVICE_EXIT);
	CHECK(*guest_pte(8) & PTE_A && *guest_pte(8) & PTE_D);
	CHECK(!(*guest_pte(1) & PTE_A)); /* the fetch marks nothing */
}

/* The access that made the exit is where the processor had it, for what it wanted, until it is done. */
static void the_translation_of_the_exit_is_used(void)
{
	struct virt_exit exit = memory_exit(DEVICE, false);

	guest_new();
	with_paging();
	*guest_pte(9) = 0; /* taken away meanwhile; the processor has not been told */
	exit.memory.gva = GVA(0x9008);
	exit.memory.gva_valid = true;
	exit.memory.gpa = GPA(DEVICE + 8);
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = 0x9008;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE + 8, 4, 1);
	answer_number(7, 4);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 7);
	/* Not for a write, if the exit was a read's. */
	guest_regs()->rip = 0x1000;
	CODE(0x01, 0x03);
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_INJECTED);
	CHECK_EQ(guest_vp->pending.error_code, PF_W);
	/* And not for the next iteration. */
	guest_vp->pending.type = VIRT_EVENT_NONE;
	exit.memory.is_read = false;
	exit.memory.is_write = true;
	CODE(0xf3, 0xaa);
	guest_regs()->gpr[1] = 200;
	guest_regs()->gpr[7] = 0x9008;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 8, 1, 112);
	CHECK_EQ(run_again(), DEVICE_INJECTED);
	CHECK_EQ(guest_regs()->gpr[1], 88);
	CHECK_EQ(guest_vp->pending_parameter, 0x9078);
}

/* The emulator finds it: an instruction that leads to another page is not the one that exited. */
static void an_access_without_its_address_is_emulated(void)
{
	struct virt_exit exit = memory_exit(DEVICE + 8, true);

	guest_new();
	with_paging();
	*guest_pte(9) = DEVICE | PTE_P | PTE_W;
	exit.memory.gva_valid = false;
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = 0x9008;
	guest_regs()->gpr[0] = 0x1234;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 8, 4, 1);
	CHECK_EQ(record_number(4), 0x1234);
	CHECK_EQ(guest_regs()->rip, 0x1002);
	CHECK_EQ(run_again(), DEVICE_RESUME);

	guest_regs()->rip = 0x1000;
	*guest_pte(9) = (DEVICE + 0x1000) | PTE_P | PTE_W;
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_RESUME);
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	CHECK_EQ(guest_regs()->rip, 0x1000);
}

static void equal_bytes_in_another_mode_are_decoded_anew(void)
{
	struct x86_segment code = { .limit = ~0u, .attributes = 0x809b };

	guest_new();
	CODE(0x89, 0x07); /* mov [edi], eax; in 16-bit code mov [bx], ax */
	guest_regs()->gpr[0] = 0x11223344;
	guest_regs()->gpr[3] = 0x9000;
	guest_regs()->gpr[7] = DEVICE;
	guest_protect(9, 0);
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE, 4, 1);
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT); /* known by now */
	CHECK_RECORD(false, true, DEVICE, 4, 1);
	guest_regs()->rip = 0x1000;
	virt_set_segment(guest_vp->virt, SEG_CS, &code);
	CHECK_EQ(at_memory(0x9000, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x9000, 2, 1);
	/* And other bytes at the same place, of which the first are the same. */
	CODE(0x89, 0x47, 0x02); /* mov [bx + 2], ax */
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_memory(0x9000, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, 0x9002, 2, 1);
	/* Or of which only the last differ. */
	CODE(0x66, 0xc7, 0x06, 0x00, 0x90, 0x11, 0x22, 0x33, 0x44); /* mov dword [9000h], imm */
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_memory(0x9000, true), DEVICE_EXIT);
	CHECK_EQ(record_number(4), 0x44332211);
	guest_memory[1][8] = 0x55;
	guest_regs()->rip = 0x1000;
	CHECK_EQ(at_memory(0x9000, true), DEVICE_EXIT);
	CHECK_EQ(record_number(4), 0x55332211);
}

static void a_page_table_that_is_a_device_is_left_alone(void)
{
	guest_new();
	with_paging();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = 0x400000;
	((uint32_t *)(void *)guest_memory[4])[1] = DEVICE | PTE_P | PTE_W | PTE_U;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_PLAIN);
}

/* The answer is there, and now the instruction cannot be completed: the guest's next try is told as it is. */
static void an_instruction_that_fails_late_is_given_up(void)
{
	guest_new();
	with_paging();
	guest_protect(9, 0);
	CODE(0xa4); /* movsb */
	guest_regs()->gpr[6] = 0x9000;
	guest_regs()->gpr[7] = 0x8000;
	CHECK_EQ(at_memory(0x9000, false), DEVICE_EXIT);
	answer_number(1, 1);
	virt_set(guest_vp->virt, VIRT_CR3, 0xfffff000);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1000);
	CHECK(device_is_idle(guest_vp));
	virt_set(guest_vp->virt, VIRT_CR3, 0x4000);
	CHECK_EQ(at_memory(0x9000, false), DEVICE_PLAIN);
	CHECK_EQ(at_memory(0x9000, false), DEVICE_EXIT);
}

static void an_answer_for_another_address_is_not_used(void)
{
	guest_new();
	CODE(0x8b, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(1, 4);
	guest_regs()->gpr[3] = DEVICE + 4; /* by the client, or a mapping that changed */
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE + 4, 4, 1);
	answer_number(2, 4);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[0], 2);
}

static void single_step_and_shadows(void)
{
	guest_new();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	guest_regs()->rflags |= RFLAGS_TF | RFLAGS_RF;
	virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_STI | VIRT_SHADOW_NMI);
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_PENDING_DEBUG), 1u << 14);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_SHADOW), VIRT_SHADOW_NMI);
	CHECK_EQ(guest_regs()->rflags, RFLAGS_ONE | RFLAGS_TF);

	/* A REP instruction traps after each element. */
	guest_new();
	CODE(0xf3, 0xaa);
	guest_regs()->gpr[1] = 2;
	guest_regs()->gpr[7] = DEVICE;
	guest_regs()->rflags |= RFLAGS_TF;
	for (unsigned int i = 0; i < 2; i++) {
		virt_set(guest_vp->virt, VIRT_PENDING_DEBUG, 0);
		CHECK_EQ(at_memory(DEVICE + i, true), DEVICE_EXIT);
		CHECK_RECORD(false, true, DEVICE + i, 1, 1);
		CHECK_EQ(run_again(), DEVICE_RESUME);
		CHECK_EQ(virt_get(guest_vp->virt, VIRT_PENDING_DEBUG), 1u << 14);
		CHECK_EQ(guest_regs()->rip, i ? 0x1002 : 0x1000);
	}
	/* From branch to branch: a move is none. */
	guest_new();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	guest_regs()->rflags |= RFLAGS_TF;
	virt_set(guest_vp->virt, VIRT_DEBUGCTL, DEBUGCTL_BTF);
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_PENDING_DEBUG), 0);
	/* A jump is: JMP [RBX]. */
	guest_new();
	CODE(0xff, 0x23);
	guest_regs()->gpr[3] = DEVICE;
	guest_regs()->rflags |= RFLAGS_TF;
	virt_set(guest_vp->virt, VIRT_DEBUGCTL, DEBUGCTL_BTF);
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	answer_number(0x1100, 4);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1100);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_PENDING_DEBUG), 1u << 14);
	/* Without TF nothing is pending. */
	guest_new();
	CODE(0x89, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_PENDING_DEBUG), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_store_is_one_round_trip),
		TEST(a_load_is_one_round_trip),
		TEST(what_is_not_answered_reads_as_ones),
		TEST(the_shared_page_is_not_trusted),
		TEST(a_cancel_between_loses_no_answer),
		TEST(the_answer_may_come_by_register),
		TEST(a_client_that_moves_rip_gives_it_up),
		TEST(a_client_that_changes_the_mode_gives_it_up),
		TEST(read_and_write_are_two_round_trips),
		TEST(two_reads_are_answered_in_order),
		TEST(a_store_to_rom_goes_to_the_root),
		TEST(rom_is_read_whatever_the_exit_says),
		TEST(an_operand_half_in_ram_is_split),
		TEST(posted_writes_come_even_if_rip_moves),
		TEST(what_is_not_ours_is_left_alone),
		TEST(an_instruction_cut_off_by_its_page_is_left_alone),
		TEST(a_mismatch_with_the_exit_is_not_acted_upon),
		TEST(a_spurious_exit_completes_in_ram),
		TEST(locked_sizes),
		TEST(guest_memory_that_changes_is_read_again),
		TEST(memory_that_never_rests_ends_in_the_plain_exit),
		TEST(a_fault_is_raised_and_nothing_changes),
		TEST(rights_are_those_of_the_cpl),
		TEST(the_translation_of_the_exit_is_used),
		TEST(an_access_without_its_address_is_emulated),
		TEST(equal_bytes_in_another_mode_are_decoded_anew),
		TEST(a_page_table_that_is_a_device_is_left_alone),
		TEST(an_instruction_that_fails_late_is_given_up),
		TEST(an_answer_for_another_address_is_not_used),
		TEST(single_step_and_shadows),
	};

	return RUN(tests);
}
