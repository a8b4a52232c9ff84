// SPDX-License-Identifier: MIT
/*
 * WinHvEmulation when something is in the way: malformed input, callbacks that fail, every status bit, faults of the
 * guest, instructions that are none or that do not belong to the exit.
 */
#include "tests/random.h"
#include "tests/unit/root_emulator.h"

static struct client client;

#define BAD_ARGUMENTS(call) CHECK_EQ(call, E_INVALIDARG)

static void emulator_refuses_malformed_input(void)
{
	WHV_EMULATOR_HANDLE h;
	WHV_EMULATOR_STATUS status;
	struct client *c = &client;

	client_begin(c, LONG64);
	h = c->handle;
	mmio_bytes(c, (const uint8_t[]) { 0x89, 0x03 }, 2, 2);
	BAD_ARGUMENTS(WHvEmulatorTryMmioEmulation(NULL, c, &c->vp, &c->memory, &status));
	BAD_ARGUMENTS(WHvEmulatorTryMmioEmulation(c, c, &c->vp, &c->memory, &status));
	BAD_ARGUMENTS(WHvEmulatorTryMmioEmulation(h, c, NULL, &c->memory, &status));
	BAD_ARGUMENTS(WHvEmulatorTryMmioEmulation(h, c, &c->vp, NULL, &status));
	BAD_ARGUMENTS(WHvEmulatorTryMmioEmulation(h, c, &c->vp, &c->memory, NULL));
	c->memory.InstructionByteCount = 17;
	BAD_ARGUMENTS(WHvEmulatorTryMmioEmulation(h, c, &c->vp, &c->memory, &status));

	io_exit(c, true, 1, 1);
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(NULL, c, &c->vp, &c->io, &status));
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(h, c, NULL, &c->io, &status));
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(h, c, &c->vp, NULL, &status));
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(h, c, &c->vp, &c->io, NULL));
	c->io.InstructionByteCount = 17;
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(h, c, &c->vp, &c->io, &status));
	io_exit(c, true, 1, 0); /* no length */
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(h, c, &c->vp, &c->io, &status));
	for (unsigned int size = 0; size < 8; size++) {
		if (size == 1 || size == 2 || size == 4)
			continue;
		io_exit(c, true, size, 1);
		BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(h, c, &c->vp, &c->io, &status));
	}
	CHECK_EQ(c->n_calls, 0);
	client_end(c);
}

/* Records of nothing: an answer, and no callback. */
static void emulator_answers_empty_records(void)
{
	struct client *c = &client;

	client_begin(c, LONG64);
	forget_calls(c);
	CHECK_EQ(try_mmio(c), status_bit(INTERNAL_FAILURE));
	BAD_ARGUMENTS(WHvEmulatorTryIoEmulation(c->handle, c, &c->vp, &c->io, &c->status));
	CHECK_EQ(c->n_calls, 0);
	client_end(c);
}

static void emulator_refuses_exits_of_event_delivery(void)
{
	client_begin(&client, LONG64);
	mmio_bytes(&client, (const uint8_t[]) { 0x89, 0x03 }, 2, 2);
	client.vp.ExecutionState.InterruptionPending = 1;
	CHECK_EQ(try_mmio(&client), status_bit(INTERRUPT_CAUSED));
	io_exit(&client, true, 1, 1);
	client.vp.ExecutionState.InterruptionPending = 1;
	CHECK_EQ(try_io(&client), status_bit(INTERRUPT_CAUSED));
	CHECK_EQ(client.n_calls, 0);
	client_end(&client);
}

/* ---- Callbacks that fail ----------------------------------------------------------------- */

static unsigned int bit_of(char kind)
{
	switch (kind) {
	case GET: return GET_FAILED;
	case SET: return SET_FAILED;
	case MEMORY: return MEMORY_FAILED;
	case PORT: return PORT_FAILED;
	default: return TRANSLATE_FAILED;
	}
}

struct instruction {
	enum mode mode;
	unsigned int given; /* bytes in the record */
	uint64_t rbx, rcx, rsi, rdi, rdx;
	unsigned int io_size; /* 0: a memory exit */
	bool is_write, is_string;
	uint8_t n, bytes[15];
};

static void prepare(const struct instruction *i)
{
	client_begin(&client, i->mode);
	reg(&client, WHvX64RegisterRbx)->Reg64 = i->rbx;
	reg(&client, WHvX64RegisterRcx)->Reg64 = i->rcx;
	reg(&client, WHvX64RegisterRsi)->Reg64 = i->rsi;
	reg(&client, WHvX64RegisterRdi)->Reg64 = i->rdi;
	reg(&client, WHvX64RegisterRdx)->Reg64 = i->rdx;
	mmio_bytes(&client, i->bytes, i->n, i->given);
	if (i->io_size) {
		io_exit(&client, i->is_write, i->io_size, i->n);
		client.io.AccessInfo.StringOp = i->is_string;
		client.io.InstructionByteCount = (UINT8)i->given;
		memcpy(client.io.InstructionBytes, i->bytes, i->given);
	}
}

static UINT32 try_either(const struct instruction *i)
{
	return i->io_size ? try_io(&client) : try_mmio(&client);
}

/* Whichever it is: the right bit, no callback after it, and no register changed. */
static void emulator_stops_at_the_callback_that_fails(void)
{
	static const struct instruction rows[] = {
		/* MOV [RBX], EAX over a page edge, bytes to be fetched */
		{ .rbx = 0x3ffe, .n = 2, .bytes = { 0x89, 0x03 } },
		/* ADD [RBX], EAX */
		{ .rbx = DEVICE, .n = 2, .given = 2, .bytes = { 0x01, 0x03 } },
		/* REP MOVSB over a page edge */
		{ .rcx = 5,
		  .rsi = 0x3ffe,
		  .rdi = DEVICE,
		  .n = 2,
		  .given = 2,
		  .bytes = { 0xf3, 0xa4 } },
		/* IN AL, DX */
		{ .rdx = 0x60, .io_size = 1, .n = 1, .bytes = { 0xec } },
		/* REP INSW */
		{ .rcx = 3,
		  .rdx = 0x60,
		  .rdi = 0x3ffe,
		  .io_size = 2,
		  .is_string = true,
		  .n = 3,
		  .bytes = { 0xf3, 0x66, 0x6d } },
		/* ADD [RBX], EAX at a place that is not there: a fault to be injected */
		{ .rbx = 0x7000, .n = 2, .given = 2, .bytes = { 0x01, 0x03 } },
	};
	unsigned int n_failures = 0;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned int n = 0;; n++) {
			struct client before;
			UINT32 status;

			prepare(&rows[i]);
			client.pages[0].gva = 0x7000;
			client.pages[0].code = WHvTranslateGvaResultPageNotPresent;
			client.n_pages = 1;
			client.fail_at = n;
			before = client;
			status = try_either(&rows[i]);
			CHECK(client.n_calls >= n);
			if (client.n_calls <= n) {
				CHECK_EQ(status, SUCCESS);
				client_end(&client);
				break;
			}
			n_failures++;
			CHECK_EQ(status, status_bit(bit_of(client.log[n].kind)));
			CHECK_EQ(client.n_calls, n + 1);
			CHECK_EQ(client.n_sets, 0);
			for (unsigned int k = 0; k < before.n_file; k++)
				CHECK(!memcmp(&before.file[k], &client.file[k],
					      sizeof(before.file[k])));
			client_end(&client);
		}
	}
	CHECK(n_failures >= 40);
	CHECK_EQ(platform.n_pages_out, 0);
}

static void emulator_says_that_a_page_is_not_aligned(void)
{
	client_begin(&client, LONG64);
	client.misalign = 0x10;
	CHECK_EQ(MMIO(&client, 0x89, 0x03), status_bit(NOT_ALIGNED));
	CHECK(order_is(&client, "gt"));
	client_end(&client);
}

/* S_OK and nothing else, or a result that there is not. */
static void emulator_distrusts_translations(void)
{
	client_begin(&client, LONG64);
	client.skip_answer = true;
	CHECK_EQ(MMIO(&client, 0x89, 0x03), status_bit(INTERNAL_FAILURE));
	client.skip_answer = false;
	client.pages[0].gva = 0x2000;
	client.pages[0].code = WHvTranslateGvaResultIntercept;
	client.n_pages = 1;
	CHECK_EQ(MMIO(&client, 0x89, 0x03), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(client.n_sets, 0);
	client_end(&client);
}

/* ---- Faults of the guest ----------------------------------------------------------------- */

/* MOV to RBX or from it, at a page with the result `code`. */
static bool page_faults(bool is_write, bool is_user, unsigned int code, unsigned int error_code)
{
	bool is_so;

	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRflags)->Reg64 = RFLAGS_ONE;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x7123;
	if (is_user)
		reg(&client, WHvX64RegisterSs)->Segment.DescriptorPrivilegeLevel = 3;
	client.pages[0].gva = 0x7000;
	client.pages[0].code = code;
	client.n_pages = 1;
	if (is_write)
		(void)MMIO(&client, 0x88, 0x03);
	else
		(void)MMIO(&client, 0x8a, 0x03);
	is_so = was_faulted(&client, EXC_PF, true, error_code, 0x7123) &&
		order_is(&client, "gtgs") && client.n_set == 3 &&
		was_set(&client, WHvX64RegisterRflags)->Reg64 == (RFLAGS_ONE | RFLAGS_RF);
	client_end(&client);
	return is_so;
}

static void emulator_injects_page_faults(void)
{
	CHECK(page_faults(false, false, WHvTranslateGvaResultPageNotPresent, 0));
	CHECK(page_faults(true, false, WHvTranslateGvaResultPageNotPresent, 2));
	CHECK(page_faults(false, true, WHvTranslateGvaResultPageNotPresent, 4));
	CHECK(page_faults(true, true, WHvTranslateGvaResultPageNotPresent, 6));
	CHECK(page_faults(false, true, WHvTranslateGvaResultPrivilegeViolation, 5));
	CHECK(page_faults(true, false, WHvTranslateGvaResultPrivilegeViolation, 3));
	CHECK(page_faults(true, true, WHvTranslateGvaResultInvalidPageTableFlags, 15));
}

static void emulator_injects_faults_of_page_tables_out_of_reach(void)
{
	for (unsigned int code = WHvTranslateGvaResultGpaUnmapped;
	     code <= WHvTranslateGvaResultGpaIllegalOverlayAccess; code++) {
		client_begin(&client, LONG64);
		client.pages[0].gva = 0x2000;
		client.pages[0].code = code;
		client.n_pages = 1;
		(void)MMIO(&client, 0x89, 0x03);
		CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
		client_end(&client);
	}
}

/* The second page of a store is not there: the first has not been written. */
static void emulator_faults_before_it_writes(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x6ffe;
	client.pages[0].gva = 0x7000;
	client.pages[0].code = WHvTranslateGvaResultPrivilegeViolation;
	client.pages[0].forbidden = WHvTranslateGvaFlagValidateWrite;
	client.n_pages = 1;
	(void)MMIO(&client, 0x89, 0x03);
	CHECK(was_faulted(&client, EXC_PF, true, 3, 0x7000));
	CHECK(order_is(&client, "gttgs"));
	/* It can be read, and that is remembered; still it cannot be written. */
	(void)MMIO(&client, 0x8b, 0x03);
	CHECK_EQ(client.status.AsUINT32, SUCCESS);
	/* Nor in one instruction that reads it first. */
	reg(&client, WHvRegisterPendingEvent)->Reg128.Low64 = 0;
	reg(&client, WHvX64RegisterRsi)->Reg64 = 0x7010;
	reg(&client, WHvX64RegisterRdi)->Reg64 = 0x7020;
	(void)MMIO(&client, 0xa4); /* MOVSB */
	CHECK(was_faulted(&client, EXC_PF, true, 3, 0x7020));
	client_end(&client);
}

static void emulator_injects_faults_of_the_fetch(void)
{
	const uint8_t store[] = { 0xc7, 0x03, 0x88, 0x77, 0x66, 0x55 };

	for (unsigned int nx = 0; nx < 2; nx++) {
		client_begin(&client, LONG64);
		if (!nx)
			reg(&client, WHvX64RegisterEfer)->Reg64 &= ~EFER_NXE;
		reg(&client, WHvX64RegisterRip)->Reg64 = 0x1ffd;
		client.pages[0].gva = 0x2000;
		client.pages[0].code = WHvTranslateGvaResultPrivilegeViolation;
		client.pages[0].forbidden = WHvTranslateGvaFlagValidateExecute;
		client.n_pages = 1;
		mmio_bytes(&client, store, sizeof(store), 0);
		(void)try_mmio(&client);
		CHECK(was_faulted(&client, EXC_PF, true, nx ? 0x11 : 1, 0x2000));
		client_end(&client);
	}

	/* The limit of CS, in protected and in real mode; and the end of the canonical addresses. */
	client_begin(&client, PROT32);
	reg(&client, WHvX64RegisterCs)->Segment.Limit = CODE + 2;
	mmio_bytes(&client, store, sizeof(store), 0);
	(void)try_mmio(&client);
	CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
	CHECK(order_is(&client, "gtmmgs")); /* two bytes and one, of one page */
	client_end(&client);

	client_begin(&client, REAL);
	reg(&client, WHvX64RegisterRip)->Reg64 = 0xfffe;
	client.is_folded = true;
	mmio_bytes(&client, (const uint8_t[]) { 0x89, 0x87 }, 2, 0);
	(void)try_mmio(&client);
	CHECK(was_faulted(&client, EXC_GP, false, 0, 0));
	client_end(&client);

	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRip)->Reg64 = 0x00007ffffffffffe;
	client.is_folded = true;
	client.ram[RAM_BYTES - 2] = 0x89;
	client.ram[RAM_BYTES - 1] = 0x83;
	mmio_bytes(&client, (const uint8_t[]) { 0x89, 0x83 }, 2, 0);
	(void)try_mmio(&client);
	CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
	client_end(&client);
}

static void emulator_injects_what_addresses_do(void)
{
	/* Not canonical: #GP(0), with RBP as the base #SS(0). */
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRbx)->Reg64 = 1ull << 47;
	(void)MMIO(&client, 0x89, 0x03);
	CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
	CHECK(order_is(&client, "ggs"));
	reg(&client, WHvRegisterPendingEvent)->Reg128.Low64 = 0;
	reg(&client, WHvX64RegisterCr4)->Reg64 |= CR4_LA57;
	client.is_folded = true;
	CHECK_EQ(MMIO(&client, 0x89, 0x03), SUCCESS);
	client_end(&client);

	/* Beyond the limit, in protected and in real mode. */
	client_begin(&client, PROT32);
	reg(&client, WHvX64RegisterSs)->Segment.Limit = 0x1fff;
	(void)MMIO(&client, 0x89, 0x45, 0x00);
	CHECK(was_faulted(&client, EXC_SS, true, 0, 0));
	client_end(&client);
	client_begin(&client, REAL);
	reg(&client, WHvX64RegisterDs)->Segment.Limit = 0x1fff;
	(void)MMIO(&client, 0x89, 0x07);
	CHECK(was_faulted(&client, EXC_GP, false, 0, 0));
	client_end(&client);

	/* Not aligned, in ring 3 with CR0.AM and RFLAGS.AC. */
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterSs)->Segment.DescriptorPrivilegeLevel = 3;
	reg(&client, WHvX64RegisterCr0)->Reg64 |= CR0_AM;
	reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_AC;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3001;
	mmio_bytes(&client, (const uint8_t[]) { 0x89, 0x03 }, 2, 2);
	CHECK_EQ(try_mmio(&client), SUCCESS);
	CHECK_EQ(was_set(&client, WHvRegisterPendingEvent)->ExceptionEvent.Vector, EXC_AC);
	client_end(&client);

	/* In real mode there is no ring 3, whatever SS remembers. */
	client_begin(&client, REAL);
	reg(&client, WHvX64RegisterSs)->Segment.DescriptorPrivilegeLevel = 3;
	reg(&client, WHvX64RegisterCr0)->Reg64 |= CR0_AM;
	reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_AC;
	reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3001;
	CHECK_EQ(MMIO(&client, 0x89, 0x07), SUCCESS);
	CHECK(!was_set(&client, WHvRegisterPendingEvent));
	client_end(&client);

	/* DIV of nothing. */
	client_begin(&client, LONG64);
	memset(client.ram + 0x2000, 0, 16);
	(void)MMIO(&client, 0xf7, 0x33); /* DIV dword [RBX] */
	CHECK(was_faulted(&client, EXC_DE, false, 0, 0));
	client_end(&client);
}

/* The elements before it are done: RCX and the pointers say how many. */
static void emulator_faults_in_the_middle_of_a_repeat(void)
{
	for (unsigned int down = 0; down < 2; down++) {
		uint64_t step = down ? ~0ull : 1;

		client_begin(&client, LONG64);
		reg(&client, WHvX64RegisterRcx)->Reg64 = 100;
		reg(&client, WHvX64RegisterRsi)->Reg64 = 0x3800;
		reg(&client, WHvX64RegisterRdi)->Reg64 = down ? 0x7002 : 0x6ffd;
		if (down)
			reg(&client, WHvX64RegisterRflags)->Reg64 |= RFLAGS_DF;
		client.pages[0].gva = down ? 0x6000 : 0x7000;
		client.pages[0].code = WHvTranslateGvaResultPageNotPresent;
		client.n_pages = 1;
		client.pages[1].gva = client.pages[1].gpa = 0;
		(void)MMIO(&client, 0xf3, 0xa4); /* REP MOVSB */
		CHECK(was_faulted(&client, EXC_PF, true, 2, down ? 0x6fff : 0x7000));
		CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, 97);
		CHECK_EQ(reg(&client, WHvX64RegisterRsi)->Reg64, 0x3800 + 3 * step);
		CHECK_EQ(reg(&client, WHvX64RegisterRdi)->Reg64, down ? 0x6fff : 0x7000);
		CHECK_EQ(client.n_set, 6);
		client_end(&client);
	}

	/* The port has not been read for the element that faults. */
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRcx)->Reg64 = 4;
	reg(&client, WHvX64RegisterRdi)->Reg64 = 0x6ffc;
	reg(&client, WHvX64RegisterRdx)->Reg64 = 0x1f0;
	client.pages[0].gva = 0x7000;
	client.pages[0].code = WHvTranslateGvaResultPrivilegeViolation;
	client.n_pages = 1;
	(void)STRING_IO(&client, false, 2, true, 0xf3, 0x66, 0x6d); /* REP INSW */
	CHECK(was_faulted(&client, EXC_PF, true, 3, 0x7000));
	CHECK_EQ(client.n_port_reads, 2);
	CHECK_EQ(reg(&client, WHvX64RegisterRcx)->Reg64, 2);
	client_end(&client);
}

/* An exception or software interrupt of either register would be lost; what comes from outside waits behind the fault. */
static void emulator_does_not_fault_over_an_event(void)
{
	static const struct {
		unsigned int name;
		uint64_t value;
		bool is_lost;
	} rows[] = {
		{ WHvRegisterPendingEvent, 1, true },
		{ WHvRegisterPendingEvent, 1 | 5 << 1 | 0x3000, false }, /* ExtInt */
		{ WHvRegisterPendingInterruption, 1 | 3 << 1 | EXC_UD << 16, true },
		{ WHvRegisterPendingInterruption, 1 | 4 << 1 | 2 << 5 | 0x80 << 16, true },
		{ WHvRegisterPendingInterruption, 1 | 5 << 1 | 1 << 5 | 1 << 16, true },
		{ WHvRegisterPendingInterruption, 1 | 6 << 1 | 1 << 5 | 3 << 16, true },
		{ WHvRegisterPendingInterruption, 1 | 0x20 << 16, false },
		{ WHvRegisterPendingInterruption, 1 | 2 << 1 | 2 << 16, false },
		{ WHvRegisterPendingInterruption, 3 << 1, false }, /* not pending */
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const bool is_event = rows[i].name == WHvRegisterPendingEvent;

		client_begin(&client, LONG64);
		reg(&client, rows[i].name)->Reg64 = rows[i].value;
		reg(&client, WHvX64RegisterRbx)->Reg64 = 1ull << 47;
		if (rows[i].is_lost) {
			CHECK_EQ(MMIO(&client, 0x89, 0x03), status_bit(CANNOT_FAULT));
			CHECK_EQ(client.n_sets, 0);
		} else {
			(void)MMIO(&client, 0x89, 0x03);
			CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
			CHECK(is_event || reg(&client, rows[i].name)->Reg64 == rows[i].value);
			client_end(&client);
			continue;
		}
		/* No fault, no harm. */
		reg(&client, WHvX64RegisterRbx)->Reg64 = 0x3000;
		CHECK_EQ(MMIO(&client, 0x89, 0x03), SUCCESS);
		CHECK_EQ(reg(&client, rows[i].name)->Reg64, rows[i].value);
		client_end(&client);
	}
}

/* ---- Instructions ------------------------------------------------------------------------ */

static void emulator_tells_what_is_no_instruction(void)
{
	client_begin(&client, LONG64);
	(void)MMIO(&client, 0x06); /* PUSH ES, elsewhere */
	CHECK(was_faulted(&client, EXC_UD, false, 0, 0));
	reg(&client, WHvRegisterPendingEvent)->Reg128.Low64 = 0;
	(void)MMIO(&client, 0xf0, 0x89, 0x03); /* LOCK MOV */
	CHECK(was_faulted(&client, EXC_UD, false, 0, 0));
	reg(&client, WHvRegisterPendingEvent)->Reg128.Low64 = 0;
	(void)MMIO(&client, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		   0x66, 0x66, 0x66, 0x90);
	CHECK(was_faulted(&client, EXC_GP, true, 0, 0));
	client_end(&client);
}

static void emulator_refuses_what_touches_no_memory(void)
{
	client_begin(&client, LONG64);
	CHECK_EQ(MMIO(&client, 0x90), status_bit(INTERNAL_FAILURE));	   /* NOP */
	CHECK_EQ(MMIO(&client, 0x8d, 0x03), status_bit(INTERNAL_FAILURE)); /* LEA EAX, [RBX] */
	/* A port in a memory exit: nobody has checked whether the guest may use it. */
	CHECK_EQ(MMIO(&client, 0xee), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(MMIO(&client, 0x6c), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(client.n_sets, 0);
	client_end(&client);
}

/* The port that the processor checked is the one that is used. */
static void emulator_refuses_strings_of_another_port(void)
{
	client_begin(&client, LONG64);
	reg(&client, WHvX64RegisterRdi)->Reg64 = 0x3000;
	CHECK_EQ(STRING_IO(&client, false, 1, false, 0x6c), SUCCESS); /* INSB */
	CHECK_EQ(STRING_IO(&client, true, 1, false, 0x6c), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(STRING_IO(&client, false, 2, false, 0x6c), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(STRING_IO(&client, true, 1, false, 0xee), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(STRING_IO(&client, false, 1, false, 0xa4), status_bit(INTERNAL_FAILURE));
	string_exit(&client, false, 1, false, (const uint8_t[]) { 0x6c }, 1);
	client.io.PortNumber++;
	CHECK_EQ(try_io(&client), status_bit(INTERNAL_FAILURE));
	CHECK_EQ(client.n_port_reads, 1);
	client_end(&client);
}

/* ---- Anything ---------------------------------------------------------------------------- */

/* Any bytes, any registers, callbacks that fail: one answer, one Set at most, and that the last. */
static void emulator_has_one_answer_to_anything(void)
{
	static struct client c;
	unsigned int n_done = 0, n_ports = 0;
	struct random rng = { 1 };

	client_begin(&c, LONG64);
	c.is_folded = true;
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t dice = random_next(&rng);
		uint8_t bytes[16];
		UINT32 status;

		c.n_file = 0;
		client_mode(&c, (enum mode)(dice % 3));
		if (dice & 0x100)
			reg(&c, WHvX64RegisterCr4)->Reg64 |= CR4_OSXSAVE | CR4_OSFXSR;
		reg(&c, WHvX64RegisterXCr0)->Reg64 = dice >> 32 & 0xe7;
		reg(&c, WHvX64RegisterSs)->Segment.DescriptorPrivilegeLevel = dice & 0x200 ? 3 : 0;
		for (unsigned int k = 0; k < 16; k++)
			reg(&c, WHvX64RegisterRax + k)->Reg64 =
				random_next(&rng) >> (random_next(&rng) & 63);
		reg(&c, WHvX64RegisterRcx)->Reg64 &= 0xff;
		for (unsigned int k = 0; k < 16; k++)
			bytes[k] = (uint8_t)random_next(&rng);
		c.n_pages = 1;
		c.pages[0].gva = random_next(&rng) & 0xf000;
		c.pages[0].gpa = c.pages[0].gva;
		c.pages[0].forbidden = dice >> 40 & 7;
		c.pages[0].code = dice >> 44 & 7;
		c.fail_at = dice & 0x400 ? (dice >> 16 & 31) : NONE;
		if (dice & 0x1800) {
			mmio_bytes(&c, bytes, 16, (unsigned int)random_below(&rng, 17));
			status = try_mmio(&c);
		} else {
			bytes[0] = dice & 0x2000 ? 0xf3 : 0x66;
			bytes[1] = 0x6c | (dice >> 14 & 3);
			string_exit(&c, bytes[1] & 2,
				    !(bytes[1] & 1)		      ? 1
				    : !(dice % 3) == !(dice & 0x2000) ? 2
								      : 4,
				    false, bytes, 2);
			status = try_io(&c);
			n_ports += status == SUCCESS;
		}
		CHECK(status && !(status & (status - 1)) && status < status_bit(CANNOT_FAULT + 1));
		CHECK_EQ(c.n_sets, status == SUCCESS);
		for (unsigned int k = 0; k + 1 < c.n_calls && k < LOG_MAX; k++)
			CHECK(c.log[k].kind != SET);
		if (c.n_calls > c.fail_at)
			CHECK_EQ(c.n_calls, c.fail_at + 1);
		n_done += status == SUCCESS;
	}
	CHECK(n_done > 20000 && n_ports > 2000);
	client_end(&c);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(emulator_refuses_malformed_input),
		TEST(emulator_answers_empty_records),
		TEST(emulator_refuses_exits_of_event_delivery),
		TEST(emulator_stops_at_the_callback_that_fails),
		TEST(emulator_says_that_a_page_is_not_aligned),
		TEST(emulator_distrusts_translations),
		TEST(emulator_injects_page_faults),
		TEST(emulator_injects_faults_of_page_tables_out_of_reach),
		TEST(emulator_faults_before_it_writes),
		TEST(emulator_injects_faults_of_the_fetch),
		TEST(emulator_injects_what_addresses_do),
		TEST(emulator_faults_in_the_middle_of_a_repeat),
		TEST(emulator_does_not_fault_over_an_event),
		TEST(emulator_tells_what_is_no_instruction),
		TEST(emulator_refuses_what_touches_no_memory),
		TEST(emulator_refuses_strings_of_another_port),
		TEST(emulator_has_one_answer_to_anything),
	};

	return RUN(tests);
}
