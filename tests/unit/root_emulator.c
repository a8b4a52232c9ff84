// SPDX-License-Identifier: MIT
/*
 * WinHvEmulation over a model client: what is called in which order for ports, memory, instruction bytes and
 * strings, and what the one Set at the end holds. What goes wrong is in root_emulator_fault.c.
 */
#include "tests/unit/root_emulator.h"

#include <pthread.h>

static struct client client;

/* ---- The handle -------------------------------------------------------------------------- */

static void emulator_create_wants_every_callback(void)
{
	WHV_EMULATOR_CALLBACKS callbacks = client_callbacks;
	WHV_EMULATOR_HANDLE handle = NULL;

	CHECK_EQ(WHvEmulatorCreateEmulator(NULL, &handle), E_INVALIDARG);
	CHECK_EQ(WHvEmulatorCreateEmulator(&callbacks, NULL), E_INVALIDARG);
	callbacks.Size = 40;
	CHECK_EQ(WHvEmulatorCreateEmulator(&callbacks, &handle), E_INVALIDARG);
	for (unsigned int i = 0; i < 5; i++) {
		callbacks = client_callbacks;
		memset((char *)&callbacks + 8 + 8 * i, 0, 8);
		CHECK_EQ(WHvEmulatorCreateEmulator(&callbacks, &handle), E_INVALIDARG);
	}
	platform.is_limited = true;
	CHECK_EQ(WHvEmulatorCreateEmulator(&client_callbacks, &handle), E_OUTOFMEMORY);
	platform.is_limited = false;
	CHECK(!handle);
	/* A stray word in Reserved is nobody's harm. */
	callbacks = client_callbacks;
	callbacks.Reserved = 0x55;
	CHECK_EQ(WHvEmulatorCreateEmulator(&callbacks, &handle), S_OK);
	CHECK_EQ(platform.n_pages_out, 1);
	CHECK_EQ(WHvEmulatorDestroyEmulator(handle), S_OK);
	CHECK_EQ(platform.n_pages_out, 0);
}

static void emulator_keeps_a_copy_of_the_callbacks(void)
{
	WHV_EMULATOR_CALLBACKS callbacks = client_callbacks;

	client_begin(&client, LONG64);
	client_end(&client);
	CHECK_EQ(WHvEmulatorCreateEmulator(&callbacks, &client.handle), S_OK);
	memset(&callbacks, 0, sizeof(callbacks));
	CHECK_EQ(MMIO(&client, 0x89, 0x03), SUCCESS); /* MOV [RBX], EAX */
	client_end(&client);
}

static void emulator_destroy_knows_its_handles(void)
{
	static uint64_t page[512] __attribute__((aligned(4096)));

	CHECK_EQ(WHvEmulatorDestroyEmulator(NULL), E_INVALIDARG);
	CHECK_EQ(WHvEmulatorDestroyEmulator(page), E_INVALIDARG);
	CHECK_EQ(WHvEmulatorDestroyEmulator((char *)page + 8), E_INVALIDARG);
}

/* ---- Ports ------------------------------------------------------------------------------- */

static void emulator_out_is_one_transfer_and_one_set(void)
{
	for (unsigned int size = 1; size <= 4; size *= 2) {
		client_begin(&client, LONG64);
		reg(&client, WHvX64RegisterRax)->Reg64 = 0x1122334455667788;
		reg(&client, WHvX64RegisterRdx)->Reg64 = 0x3f8;
		io_exit(&client, true, size, size == 2 ? 2 : 1);
		CHECK_EQ(try_io(&client), SUCCESS);
		CHECK(order_is(&client, "ps"));
		CHECK(call_is(&client, 0, true, size, 0x3f8,
			      0x55667788u & (0xffffffffu >> (32 - 8 * size))));
		CHECK_EQ(client.n_set, 2);
		CHECK_EQ(was_set(&client, WHvX64RegisterRip)->Reg64, CODE + (size == 2 ? 2 : 1));
		CHECK_EQ(was_set(&client, WHvX64RegisterRflags)->Reg64, RFLAGS_ONE);
		client_end(&client);
	}
}

static void emulator_in_merges_as_the_processor_does(void)
{
	const uint64_t wanted[] = { 0x1122334455667701, 0x112233445566c301, 0, 0xa1b2c301 };

	for (unsigned int size = 1; size <= 4; size *= 2) {
		client_begin(&client, PROT32);
		reg(&client, WHvX64RegisterRax)->Reg64 = 0x1122334455667788;
		reg(&client, WHvX64RegisterRip)->Reg64 = 0xffffffff;
		io_exit(&client, false, size, 1);
		CHECK_EQ(try_io(&client), SUCCESS);
		CHECK(order_is(&client, "ps"));
		CHECK_EQ(reg(&client, WHvX64RegisterRax)->Reg64, wanted[size - 1]);
		CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, 0); /* EIP has 32 bits */
		client_end(&client);
	}
}

static void emulator_ends_shadows_and_steps(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvRegisterInterruptState)->Reg64 = 3; /* NMIs stay masked */
	io_exit(&client, true, 1, 1);
	CHECK_EQ(try_io(&client), SUCCESS);
	CHECK(order_is(&client, "gps"));
	CHECK_EQ(reg(&client, WHvRegisterInterruptState)->Reg64, 2);
	CHECK(!was_set(&client, WHvX64RegisterPendingDebugException));

	reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_TF;
	reg(&client, WHvX64RegisterPendingDebugException)->Reg64 = 2;
	io_exit(&client, true, 1, 1);
	CHECK_EQ(try_io(&client), SUCCESS);
	CHECK_EQ(was_set(&client, WHvX64RegisterPendingDebugException)->Reg64, 0x12);
	CHECK(!was_set(&client, WHvRegisterInterruptState));

	reg(&client, WHvRegisterInterruptState)->Reg64 = 1;
	reg(&client, WHvX64RegisterPendingDebugException)->Reg64 = 0;
	CHECK_EQ(MMIO(&client, 0x89, 0x03), SUCCESS);
	CHECK_EQ(was_set(&client, WHvX64RegisterPendingDebugException)->Reg64, 0x10);
	CHECK_EQ(was_set(&client, WHvRegisterInterruptState)->Reg64, 0);
	client_end(&client);
}

/* ---- Memory ------------------------------------------------------------------------------ */

static void emulator_store_translates_and_writes(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = DEVICE + 8;
	reg(&client, WHvX64RegisterRax)->Reg64 = 0x1122334455667788;
	CHECK_EQ(MMIO(&client, 0x48, 0x89, 0x03), SUCCESS); /* MOV [RBX], RAX */
	CHECK(order_is(&client, "gtms"));
	CHECK_EQ(client.log[1].address, DEVICE);
	CHECK_EQ(client.log[1].flags,
		 WHvTranslateGvaFlagValidateWrite | WHvTranslateGvaFlagSetPageTableBits);
	CHECK(call_is(&client, 2, true, 8, DEVICE + 8, 0x1122334455667788));
	CHECK_EQ(client.n_set, 2);
	CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + 3);
	CHECK_EQ(reg(&client, WHvX64RegisterRflags)->Reg64, RFLAGS_ONE);
	client_end(&client);
}

static void emulator_load_reads_once(void)
{
	client_begin(&client, LONG64);
	client.pages[0].gva = 0x7000;
	client.pages[0].gpa = DEVICE;
	client.n_pages = 1;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x7ffc;
	reg(&client, WHvX64RegisterRax)->Reg64 = 0x1122334455667788;
	CHECK_EQ(MMIO(&client, 0x8b, 0x03), SUCCESS); /* MOV EAX, [RBX] */
	CHECK(order_is(&client, "gtms"));
	CHECK_EQ(client.log[1].flags,
		 WHvTranslateGvaFlagValidateRead | WHvTranslateGvaFlagSetPageTableBits);
	CHECK(call_is(&client, 2, false, 4, DEVICE + 0xffc, 0));
	CHECK_EQ(reg(&client, WHvX64RegisterRax)->Reg64, 1);
	CHECK_EQ(client.n_set, 3);
	client_end(&client);
}

/* A locked one too: there is no callback that would make it one. */
static void emulator_read_modify_write_is_both(void)
{
	for (unsigned int locked = 0; locked < 2; locked++) {
		client_begin(&client, LONG64);
		reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
		memset(client.ram + 0x3000, 0xff, 4);
		if (locked)
			CHECK_EQ(MMIO(&client, 0xf0, 0x83, 0x03, 0x01), SUCCESS);
		else
			CHECK_EQ(MMIO(&client, 0x83, 0x03, 0x01), SUCCESS); /* ADD [RBX], 1 */
		CHECK(order_is(&client, "gtmms"));
		CHECK_EQ(client.log[1].flags & 3, 3);
		CHECK(call_is(&client, 2, false, 4, 0x3000, 0));
		CHECK(call_is(&client, 3, true, 4, 0x3000, 0));
		CHECK_EQ(reg(&client, WHvX64RegisterRflags)->Reg64,
			 RFLAGS_ONE | RFLAGS_CF | RFLAGS_ZF | RFLAGS_PF | RFLAGS_AF);
		client_end(&client);
	}
}

/* Both pages are translated before either is written, and each is written in ascending parts. */
static void emulator_splits_at_the_page(void)
{
	client_begin(&client, LONG64);
	client.pages[0].gva = 0x4000;
	client.pages[0].gpa = DEVICE;
	client.n_pages = 1;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3ffd;
	reg(&client, WHvX64RegisterRax)->Reg64 = 0x44332211;
	CHECK_EQ(MMIO(&client, 0x89, 0x03), SUCCESS);
	CHECK(order_is(&client, "gttmmms"));
	CHECK(call_is(&client, 3, true, 1, 0x3ffd, 0x11));
	CHECK(call_is(&client, 4, true, 2, 0x3ffe, 0x3322));
	CHECK(call_is(&client, 5, true, 1, DEVICE, 0x44));
	client_end(&client);
}

static void emulator_knows_the_modes(void)
{
	/* Real mode: DS base, 16-bit address. */
	client_begin(&client, REAL);
	set_segment(&client, WHvX64RegisterDs, 0x5000, 0xffff, 0x93);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x10;
	CHECK_EQ(MMIO(&client, 0x89, 0x07), SUCCESS); /* MOV [BX], AX */
	CHECK(order_is(&client, "gtms"));
	CHECK(call_is(&client, 2, true, 2, 0x5010, 0x2000));
	client_end(&client);

	/* Code has a base, too: the bytes are fetched from there. */
	client_begin(&client, REAL);
	set_segment(&client, WHvX64RegisterCs, 0x4000, 0xffff, 0x9b);
	mmio_bytes(&client, (const uint8_t[]) { 0x88, 0x07 }, 2, 0);
	CHECK_EQ(try_mmio(&client), SUCCESS);
	CHECK(order_is(&client, "gtmtms"));
	CHECK_EQ(client.log[1].address, 0x5000);
	client_end(&client);

	/* Virtual-8086 mode looks the same, CPL being 3 whatever SS says. */
	client_begin(&client, REAL);
	reg(&client, WHvX64RegisterCr0)->Reg64 |= CR0_PE | CR0_PG;
	reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_VM;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3010;
	client.pages[0].gva = 0x3000;
	client.pages[0].code = WHvTranslateGvaResultPageNotPresent;
	client.n_pages = 1;
	CHECK_EQ(MMIO(&client, 0x89, 0x07), SUCCESS);
	CHECK(was_faulted(&client, EXC_PF, true, 6, 0x3010));
	client_end(&client);

	/* 32-bit: FS override, base and limit. */
	client_begin(&client, PROT32);
	set_segment(&client, WHvX64RegisterFs, 0x6000, 0xff, 0xc093);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0xfc;
	CHECK_EQ(MMIO(&client, 0x64, 0x89, 0x03), SUCCESS);
	CHECK(call_is(&client, 2, true, 4, 0x60fc, 0x2000));
	client_end(&client);

	/* Compatibility mode: EFER.LMA, but CS.L = 0. */
	client_begin(&client, LONG64);
	set_segment(&client, WHvX64RegisterCs, 0, 0xffffffff, 0xc09b);
	CHECK_EQ(MMIO(&client, 0x40, 0x89, 0x03), status_bit(INTERNAL_FAILURE)); /* INC EAX there */
	CHECK_EQ(MMIO(&client, 0x89, 0x03), SUCCESS);
	client_end(&client);
}

/* ---- Instruction bytes ------------------------------------------------------------------- */

static void emulator_fetches_what_the_exit_has_not(void)
{
	/* MOV dword [RBX + 0x11223344], 0x55667788: ten bytes */
	const uint8_t bytes[] = { 0xc7, 0x83, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55 };

	for (unsigned int given = 0; given <= sizeof(bytes); given++) {
		client_begin(&client, LONG64);
		reg(&client, WHvX64RegisterRbx)->Reg64 = DEVICE - 0x11223344;
		mmio_bytes(&client, bytes, sizeof(bytes), given);
		CHECK_EQ(try_mmio(&client), SUCCESS);
		CHECK(order_is(&client, given == sizeof(bytes) ? "gtms"
					: given < 2	       ? "gtmmtms"
							       : "gtmtms"));
		if (given < sizeof(bytes)) {
			CHECK_EQ(client.log[1].flags, WHvTranslateGvaFlagValidateExecute |
							      WHvTranslateGvaFlagSetPageTableBits);
			CHECK_EQ(client.log[2].address, CODE + given);
		}
		CHECK_EQ(client.n_sets, 1);
		CHECK_EQ(client.log[client.n_calls - 2].data, 0x55667788);
		CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + sizeof(bytes));
		client_end(&client);
	}
}

/* Page by page, and the second page only if the instruction reaches it. */
static void emulator_fetches_across_pages(void)
{
	const uint8_t bytes[] = { 0xc7, 0x03, 0x88, 0x77, 0x66, 0x55 };

	for (unsigned int before = 1; before <= sizeof(bytes); before++) {
		client_begin(&client, LONG64);
		reg(&client, WHvX64RegisterRip)->Reg64 = 0x2000 - before;
		reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
		client.pages[0].gva = 0x2000;
		client.pages[0].gpa = 0x5000;
		client.n_pages = 1;
		mmio_bytes(&client, bytes, sizeof(bytes), 0);
		memcpy(client.ram + 0x5000, client.ram + 0x2000, 16);
		memset(client.ram + 0x2000, 0x06, 16); /* no instruction */
		if (before == sizeof(bytes)) {
			client.pages[0].code = WHvTranslateGvaResultPageNotPresent;
			client.pages[0].forbidden = 0;
		}
		CHECK_EQ(try_mmio(&client), SUCCESS);
		CHECK(!was_set(&client, WHvRegisterPendingEvent));
		CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, 0x2000 - before + sizeof(bytes));
		CHECK_EQ(client.ram[0x3003], 0x55);
		client_end(&client);
	}
}

/* The bytes of the record are those at its RIP. */
static void emulator_fetches_where_the_client_has_moved_rip(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
	mmio_bytes(&client, (const uint8_t[]) { 0x89, 0x03 }, 2, 2);
	client.ram[CODE + 2] = 0x88;
	client.ram[CODE + 3] = 0x03; /* MOV [RBX], AL */
	reg(&client, WHvX64RegisterRip)->Reg64 = CODE + 2;
	CHECK_EQ(try_mmio(&client), SUCCESS);
	CHECK(order_is(&client, "gtmtms"));
	CHECK(call_is(&client, 4, true, 1, 0x3000, 0));
	CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + 4);
	client_end(&client);
}

/* ---- Strings ----------------------------------------------------------------------------- */

static void set_string(enum mode mode, uint64_t rcx, uint64_t rsi, uint64_t rdi, bool is_down)
{
	client_begin(&client, mode);
	reg(&client, WHvX64RegisterRcx)->Reg64 = rcx;
	reg(&client, WHvX64RegisterRsi)->Reg64 = rsi;
	reg(&client, WHvX64RegisterRdi)->Reg64 = rdi;
	if (is_down)
		reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_DF;
}

/* Elements one by one, reads and writes in turn, each page translated once. */
static void emulator_rep_movs_alternates(void)
{
	for (unsigned int down = 0; down < 2; down++) {
		int step = down ? -2 : 2;

		set_string(LONG64, 3, 0x3008, DEVICE + 0x20, down);
		CHECK_EQ(MMIO(&client, 0xf3, 0x66, 0xa5), SUCCESS); /* REP MOVSW */
		CHECK(order_is(&client, "gttmmmmmms"));
		for (int i = 0; i < 3; i++) {
			uint64_t from = (uint64_t)(0x3008 + step * i), data = 0;

			memcpy(&data, client.ram + from, 2);
			CHECK(call_is(&client, 3 + 2 * (unsigned int)i, false, 2, from, 0));
			CHECK(call_is(&client, 4 + 2 * (unsigned int)i, true, 2,
				      (uint64_t)((int64_t)DEVICE + 0x20 + step * i), data));
		}
		CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, 0);
		CHECK_EQ(reg(&client, WHvX64RegisterRsi)->Reg64, 0x3008 + 3 * (uint64_t)step);
		CHECK_EQ(reg(&client, WHvX64RegisterRdi)->Reg64,
			 DEVICE + 0x20 + 3 * (uint64_t)step);
		CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + 3);
		CHECK_EQ(client.n_set, 5);
		client_end(&client);
	}
}

static void emulator_rep_of_none_moves_rip(void)
{
	set_string(LONG64, 0, 0x3008, DEVICE, false);
	CHECK_EQ(MMIO(&client, 0xf3, 0xaa), SUCCESS); /* REP STOSB */
	CHECK(order_is(&client, "gs"));
	CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + 2);
	client_end(&client);
}

/* The count is ECX: the upper half goes as the processor makes it go, with the first element. */
static void emulator_rep_counts_in_the_address_size(void)
{
	set_string(LONG64, 0xaaaaaaaa00000003, 0, 0x3000, false);
	CHECK_EQ(MMIO(&client, 0x67, 0xf3, 0xab), SUCCESS); /* REP STOSD [EDI] */
	CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, 0);
	CHECK_EQ(reg(&client, WHvX64RegisterRdi)->Reg64, 0x300c);
	CHECK_EQ(client.n_calls, 6);
	client_end(&client);

	/* Real mode: CX, and the rest of ECX stays. */
	set_string(REAL, 0x55550002, 0, 0x3000, false);
	CHECK_EQ(MMIO(&client, 0xf3, 0xaa), SUCCESS);
	CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, 0x55550000);
	CHECK_EQ(client.n_calls, 5);
	client_end(&client);
}

static void emulator_repe_ends_at_the_first_difference(void)
{
	set_string(LONG64, 10, 0x3000, 0x4000, false);
	memset(client.ram + 0x3000, 5, 10);
	memset(client.ram + 0x4000, 5, 10);
	client.ram[0x4003] = 6;
	CHECK_EQ(MMIO(&client, 0xf3, 0xa6), SUCCESS); /* REPE CMPSB */
	CHECK_EQ(client.n_calls, 1 + 2 + 8 + 1);
	CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, 6);
	CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + 2);
	CHECK(!(reg(&client, WHvX64RegisterRflags)->Reg64 & RFLAGS_ZF));
	client_end(&client);
}

static void emulator_rep_ins_and_outs_alternate(void)
{
	set_string(LONG64, 3, 0, 0x3ffc, false);
	reg(&client, WHvX64RegisterRdx)->Reg64 = 0x1f0;
	CHECK_EQ(STRING_IO(&client, false, 4, true, 0xf3, 0x6d), SUCCESS); /* REP INSD */
	CHECK(order_is(&client, "gtpmtpmpms"));
	CHECK(call_is(&client, 2, false, 4, 0x1f0, 0));
	CHECK(call_is(&client, 3, true, 4, 0x3ffc, 0xa1b2c301));
	CHECK(call_is(&client, 6, true, 4, 0x4000, 0xa1b2c302));
	CHECK(call_is(&client, 8, true, 4, 0x4004, 0xa1b2c303));
	CHECK_EQ(reg(&client, WHvX64RegisterRdi)->Reg64, 0x4008);
	CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE + 2);
	client_end(&client);

	/* Downwards, with an override, which the record does not tell; the bytes are to be fetched. */
	set_string(PROT32, 2, 0x10, 0, true);
	reg(&client, WHvX64RegisterRdx)->Reg64 = 0x402;
	set_segment(&client, WHvX64RegisterEs, 0x3000, 0xfff, 0xc093);
	mmio_bytes(&client, (const uint8_t[]) { 0x26, 0xf3, 0x6e }, 3, 0);
	io_exit(&client, true, 1, 3); /* REP OUTSB ES:[ESI] */
	client.io.AccessInfo.StringOp = 1;
	client.io.AccessInfo.RepPrefix = 1;
	CHECK_EQ(try_io(&client), SUCCESS);
	CHECK(order_is(&client, "gtmtmpmps"));
	CHECK(call_is(&client, 4, false, 1, 0x3010, 0));
	CHECK(call_is(&client, 5, true, 1, 0x402, client.ram[0x3010]));
	CHECK(call_is(&client, 7, true, 1, 0x402, client.ram[0x300f]));
	CHECK_EQ(reg(&client, WHvX64RegisterRsi)->Reg64, 0xe);
	client_end(&client);
}

/* A single step traps after each element, with RIP on the instruction. */
static void emulator_rep_steps(void)
{
	set_string(LONG64, 3, 0, 0x3000, false);
	reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_TF;
	for (unsigned int left = 3; left-- > 0;) {
		CHECK_EQ(MMIO(&client, 0xf3, 0xaa), SUCCESS);
		CHECK(order_is(&client, "gtms"));
		CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, left);
		CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, left ? CODE : CODE + 2);
		CHECK_EQ(was_set(&client, WHvX64RegisterPendingDebugException)->Reg64, 0x10);
	}
	client_end(&client);
}

/* A guest cannot keep its client for ever; the rest is done after the next Run. */
static void emulator_rep_without_end_comes_back(void)
{
	set_string(LONG64, 1ull << 40, 0, 0x3000, false);
	client.is_folded = true;
	CHECK_EQ(MMIO(&client, 0xf3, 0xaa), SUCCESS);
	CHECK_EQ(client.n_sets, 1);
	CHECK(was_set(&client, WHvRegisterPendingEvent) == NULL);
	CHECK_EQ(reg(&client, WHvX64RegisterRip)->Reg64, CODE);
	CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, (1ull << 40) - 65536);
	CHECK_EQ(reg(&client, WHvX64RegisterRflags)->Reg64, RFLAGS_ONE | RFLAGS_RF);
	CHECK_EQ(reg(&client, WHvX64RegisterRdi)->Reg64, 0x3000 + 65536);
	client_end(&client);
}

/* ---- Several at once --------------------------------------------------------------------- */

static void *thread(void *argument)
{
	struct client *c = argument;

	for (unsigned int i = 0; i < 300; i++) {
		reg(c, WHvX64RegisterRip)->Reg64 = CODE;
		reg(c, WHvX64RegisterRcx)->Reg64 = 20;
		reg(c, WHvX64RegisterRdi)->Reg64 = 0x3ff0;
		CHECK_EQ(MMIO(c, 0xf3, 0xaa), SUCCESS);
		CHECK_EQ(c->n_calls, 1 + 2 + 20 + 1);
		CHECK_EQ(reg(c, WHvX64RegisterRdi)->Reg64, 0x4004);
	}
	return NULL;
}

static void emulator_handles_are_independent(void)
{
	static struct client clients[2];
	pthread_t threads[2];

	for (unsigned int i = 0; i < 2; i++) {
		client_begin(&clients[i], i ? PROT32 : LONG64);
		CHECK_EQ(pthread_create(&threads[i], NULL, thread, &clients[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		client_end(&clients[i]);
	}
	CHECK_EQ(platform.n_pages_out, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(emulator_create_wants_every_callback),
		TEST(emulator_keeps_a_copy_of_the_callbacks),
		TEST(emulator_destroy_knows_its_handles),
		TEST(emulator_out_is_one_transfer_and_one_set),
		TEST(emulator_in_merges_as_the_processor_does),
		TEST(emulator_ends_shadows_and_steps),
		TEST(emulator_store_translates_and_writes),
		TEST(emulator_load_reads_once),
		TEST(emulator_read_modify_write_is_both),
		TEST(emulator_splits_at_the_page),
		TEST(emulator_knows_the_modes),
		TEST(emulator_fetches_what_the_exit_has_not),
		TEST(emulator_fetches_across_pages),
		TEST(emulator_fetches_where_the_client_has_moved_rip),
		TEST(emulator_rep_movs_alternates),
		TEST(emulator_rep_of_none_moves_rip),
		TEST(emulator_rep_counts_in_the_address_size),
		TEST(emulator_repe_ends_at_the_first_difference),
		TEST(emulator_rep_ins_and_outs_alternate),
		TEST(emulator_rep_steps),
		TEST(emulator_rep_without_end_comes_back),
		TEST(emulator_handles_are_independent),
	};

	return RUN(tests);
}
