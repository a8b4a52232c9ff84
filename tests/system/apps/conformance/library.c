// SPDX-License-Identifier: MIT
/*
 * WinHvEmulation, its callbacks being WHP functions: what a child does to a device page through the library is
 * held against what the processor does to the same bytes in RAM, without emulation.
 */
#include "tests/system/apps/conformance/library.h"

#include "tests/system/apps/conformance/check.h"
#include "x86/exc.h"
#include "x86/paging.h"
#include "x86/rflags.h"

/* ---- The client -------------------------------------------------------------------------- */

static HRESULT CALLBACK on_port(VOID *context, WHV_EMULATOR_IO_ACCESS_INFO *access)
{
	struct library *library = context;
	uint8_t *data = (uint8_t *)&access->Data;

	library->n_accesses++;
	library->port = access->Port;
	for (unsigned int i = 0; i < access->AccessSize; i++) {
		if (!access->Direction)
			data[i] = library->next_input++;
		else if (library->n_port_bytes < sizeof(library->port_bytes))
			library->port_bytes[library->n_port_bytes++] = data[i];
	}
	return S_OK;
}

static HRESULT CALLBACK on_memory(VOID *context, WHV_EMULATOR_MEMORY_ACCESS_INFO *access)
{
	struct library *library = context;
	uint64_t gpa = access->GpaAddress;
	uint8_t *at;

	if (library->device && gpa - library->device_gpa < 4096) {
		library->n_accesses++;
		at = library->device + (gpa - library->device_gpa);
	} else if (gpa + access->AccessSize <= CHILD_RAM) {
		at = library->child->ram + gpa;
	} else {
		return E_FAIL;
	}
	for (unsigned int i = 0; i < access->AccessSize; i++) {
		if (access->Direction)
			at[i] = access->Data[i];
		else
			access->Data[i] = at[i];
	}
	return S_OK;
}

static HRESULT CALLBACK on_get(VOID *context, const WHV_REGISTER_NAME *names, UINT32 n,
			       WHV_REGISTER_VALUE *values)
{
	const struct library *library = context;

	return WHvGetVirtualProcessorRegisters(library->child->partition, 0, names, n, values);
}

static HRESULT CALLBACK on_set(VOID *context, const WHV_REGISTER_NAME *names, UINT32 n,
			       const WHV_REGISTER_VALUE *values)
{
	const struct library *library = context;

	return WHvSetVirtualProcessorRegisters(library->child->partition, 0, names, n, values);
}

static HRESULT CALLBACK on_translate(VOID *context, WHV_GUEST_VIRTUAL_ADDRESS gva,
				     WHV_TRANSLATE_GVA_FLAGS flags,
				     WHV_TRANSLATE_GVA_RESULT_CODE *code,
				     WHV_GUEST_PHYSICAL_ADDRESS *gpa)
{
	const struct library *library = context;
	WHV_TRANSLATE_GVA_RESULT result;
	HRESULT hr = WHvTranslateGva(library->child->partition, 0, gva, flags, &result, gpa);

	*code = result.ResultCode;
	return hr;
}

HRESULT library_create(struct library *library, struct child *child)
{
	static const WHV_EMULATOR_CALLBACKS callbacks = {
		sizeof(callbacks), 0, on_port, on_memory, on_get, on_set, on_translate,
	};

	library->child = child;
	library->device = NULL;
	library->device_gpa = 0;
	library->n_accesses = 0;
	library->port = 0;
	library->n_port_bytes = 0;
	library->next_input = 0x30;
	library->status.AsUINT32 = 0;
	return WHvEmulatorCreateEmulator(&callbacks, &library->emulator);
}

void library_destroy(struct library *library)
{
	CHECK_EQ(WHvEmulatorDestroyEmulator(library->emulator), S_OK);
}

bool library_complete(struct library *library)
{
	const WHV_RUN_VP_EXIT_CONTEXT *exit = &library->child->exit;
	HRESULT hr;

	if (exit->ExitReason == WHvRunVpExitReasonMemoryAccess)
		hr = WHvEmulatorTryMmioEmulation(library->emulator, library, &exit->VpContext,
						 &exit->MemoryAccess, &library->status);
	else if (exit->ExitReason == WHvRunVpExitReasonX64IoPortAccess)
		hr = WHvEmulatorTryIoEmulation(library->emulator, library, &exit->VpContext,
					       &exit->IoPortAccess, &library->status);
	else
		return false;
	return hr == S_OK && library->status.AsUINT32 == 1;
}

uint32_t library_run(struct library *library)
{
	uint32_t reason;

	do
		reason = child_run(library->child);
	while (library_complete(library));
	return reason;
}

/* ---- The same on RAM and on a device ----------------------------------------------------- */

#define RAX  0x1122334455667788ull
#define GPRS 16u

DECLARE_GUEST(emu_mov_m_eax);
DECLARE_GUEST(emu_mov_m_ah);
DECLARE_GUEST(emu_mov_eax_m);
DECLARE_GUEST(emu_mov_al_m);
DECLARE_GUEST(emu_mov_m_imm32);
DECLARE_GUEST(emu_mov_m_rax);
DECLARE_GUEST(emu_mov_rax_m);
DECLARE_GUEST(emu_mov_eax_m64);
DECLARE_GUEST(emu_mov_m_eax_real);
DECLARE_GUEST(emu_movsx_m8);
DECLARE_GUEST(emu_add_m_eax);
DECLARE_GUEST(emu_sub_m_imm);
DECLARE_GUEST(emu_lock_or_m_eax);
DECLARE_GUEST(emu_inc_m);
DECLARE_GUEST(emu_cmp_m_eax);
DECLARE_GUEST(emu_xchg_m_eax);
DECLARE_GUEST(emu_push_m);
DECLARE_GUEST(emu_pop_m);
DECLARE_GUEST(emu_stosd);
DECLARE_GUEST(emu_rep_stosb);
DECLARE_GUEST(emu_lodsb);
DECLARE_GUEST(emu_rep_movsb);
DECLARE_GUEST(emu_movsd);
DECLARE_GUEST(library_movups_load);
DECLARE_GUEST(library_movups_store);
DECLARE_GUEST(library_fld);
DECLARE_GUEST(library_fstp);
DECLARE_GUEST(library_store_after_sti);

struct state {
	uint32_t reason;
	uint64_t gpr[GPRS], rip, rflags;
	WHV_REGISTER_VALUE xmm, st;
	uint8_t page[4096], stack[64];
};

static struct child child;
static struct library library;

static WHV_REGISTER_VALUE get(UINT32 name)
{
	const WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };

	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 1, &value), S_OK);
	return value;
}

static void set_128(UINT32 name, uint64_t low, uint64_t high)
{
	const WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	const WHV_REGISTER_VALUE value = { .Reg128 = { { .Low64 = low, .High64 = high } } };

	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, &value), S_OK);
}

static bool begin(enum child_mode mode, struct guest_code code)
{
	CHECK_EQ(child_create(&child, mode, code, 0, 0), S_OK);
	if (check_has_failed())
		return false;
	CHECK_EQ(library_create(&library, &child), S_OK);
	for (unsigned int i = 0; i < 4096; i++)
		child.ram[CHILD_DATA + i] = (uint8_t)(i * 7 + 1);
	(void)child_set(&child, WHvX64RegisterRax, RAX);
	(void)child_set(&child, WHvX64RegisterRcx, 4);
	(void)child_set(&child, WHvX64RegisterRdx, 0x402);
	return !check_has_failed();
}

static void end(void)
{
	library_destroy(&library);
	child_destroy(&child);
}

/* Pointers to `page`; in real mode DS and ES have it as their base. */
static void set_pointers(enum child_mode mode, uint64_t page)
{
	const uint64_t base = mode == CHILD_REAL ? 0 : page;

	if (mode == CHILD_REAL) {
		(void)child_set_segment(&child, WHvX64RegisterDs, page, 0xffff, 0, 0x93);
		(void)child_set_segment(&child, WHvX64RegisterEs, page, 0xffff, 0, 0x93);
	}
	(void)child_set(&child, WHvX64RegisterRbx, base + 0x18);
	(void)child_set(&child, WHvX64RegisterRsi, base + 0x20);
	(void)child_set(&child, WHvX64RegisterRdi, base + 0x40);
}

static bool run_once(enum child_mode mode, struct guest_code code, bool is_device, bool is_fetched,
		     struct state *state)
{
	static uint8_t device[4096];
	const uint64_t page = is_device ? CHILD_MMIO : CHILD_DATA;

	if (!begin(mode, code))
		return false;
	for (unsigned int i = 0; i < 4096; i++)
		device[i] = child.ram[CHILD_DATA + i];
	library.device = device;
	library.device_gpa = CHILD_MMIO;
	set_pointers(mode, page);
	set_128(WHvX64RegisterXmm0, 0x0102030405060708, 0x1112131415161718);
	set_128(WHvX64RegisterFpMmx0, 0xc90fdaa22168c235, 0x4000);
	set_128(WHvX64RegisterFpControlStatus, 0x0000000100000000 | 0x37f, 0);
	state->reason = child_run(&child);
	if (is_device) {
		CHECK_EQ(state->reason, WHvRunVpExitReasonMemoryAccess);
		if (is_fetched)
			child.exit.MemoryAccess.InstructionByteCount = 0;
		CHECK(library_complete(&library));
		CHECK(library.n_accesses > 0);
		state->reason = library_run(&library);
	}
	for (unsigned int i = 0; i < GPRS; i++)
		state->gpr[i] = child_get(&child, WHvX64RegisterRax + i);
	for (unsigned int i = WHvX64RegisterRbx; is_device && i <= WHvX64RegisterRdi; i++)
		if (i != WHvX64RegisterRsp && i != WHvX64RegisterRbp && mode != CHILD_REAL)
			state->gpr[i] -= CHILD_MMIO - CHILD_DATA;
	state->rip = child_get(&child, WHvX64RegisterRip);
	state->rflags = child_get(&child, WHvX64RegisterRflags);
	state->xmm = get(WHvX64RegisterXmm0);
	state->st = get(WHvX64RegisterFpMmx0);
	for (unsigned int i = 0; i < 4096; i++)
		state->page[i] = is_device ? device[i] : child.ram[CHILD_DATA + i];
	for (unsigned int i = 0; i < sizeof(state->stack); i++)
		state->stack[i] = child.ram[CHILD_STACK - 32 + i];
	end();
	return !check_has_failed();
}

static void compare(enum child_mode mode, struct guest_code code, uint64_t undefined)
{
	static struct state native, emulated;

	if (!run_once(mode, code, false, false, &native))
		return;
	CHECK_EQ(native.reason, WHvRunVpExitReasonX64Halt);
	for (unsigned int fetched = 0; fetched < 2; fetched++) {
		if (!run_once(mode, code, true, fetched, &emulated))
			return;
		CHECK_EQ(emulated.reason, native.reason);
		for (unsigned int i = 0; i < GPRS; i++)
			CHECK_EQ(emulated.gpr[i], native.gpr[i]);
		CHECK_EQ(emulated.rip, native.rip);
		CHECK_EQ(emulated.rflags & ~undefined, native.rflags & ~undefined);
		CHECK_EQ(emulated.xmm.Reg128.Low64, native.xmm.Reg128.Low64);
		CHECK_EQ(emulated.xmm.Reg128.High64, native.xmm.Reg128.High64);
		CHECK_EQ(emulated.st.Reg128.Low64, native.st.Reg128.Low64);
		CHECK_EQ(emulated.st.Reg128.High64, native.st.Reg128.High64);
		for (unsigned int i = 0; i < 4096; i++)
			CHECK_EQ(emulated.page[i], native.page[i]);
		for (unsigned int i = 0; i < sizeof(native.stack); i++)
			CHECK_EQ(emulated.stack[i], native.stack[i]);
	}
}

static void library_moves(void)
{
	compare(CHILD_PROT32, GUEST(emu_mov_m_eax), 0);
	compare(CHILD_PROT32, GUEST(emu_mov_m_ah), 0);
	compare(CHILD_PROT32, GUEST(emu_mov_eax_m), 0);
	compare(CHILD_PROT32, GUEST(emu_mov_al_m), 0);
	compare(CHILD_PROT32, GUEST(emu_mov_m_imm32), 0);
	compare(CHILD_PROT32, GUEST(emu_movsx_m8), 0);
	compare(CHILD_LONG, GUEST(emu_mov_m_rax), 0);
	compare(CHILD_LONG, GUEST(emu_mov_rax_m), 0);
	compare(CHILD_LONG, GUEST(emu_mov_eax_m64), 0);
	compare(CHILD_REAL, GUEST(emu_mov_m_eax_real), 0);
}

static void library_computes(void)
{
	compare(CHILD_PROT32, GUEST(emu_add_m_eax), 0);
	compare(CHILD_PROT32, GUEST(emu_sub_m_imm), 0);
	compare(CHILD_PROT32, GUEST(emu_lock_or_m_eax), RFLAGS_AF);
	compare(CHILD_PROT32, GUEST(emu_inc_m), 0);
	compare(CHILD_PROT32, GUEST(emu_cmp_m_eax), 0);
	compare(CHILD_PROT32, GUEST(emu_xchg_m_eax), 0);
	compare(CHILD_PROT32, GUEST(emu_push_m), 0);
	compare(CHILD_PROT32, GUEST(emu_pop_m), 0);
}

static void library_moves_strings(void)
{
	compare(CHILD_PROT32, GUEST(emu_stosd), 0);
	compare(CHILD_PROT32, GUEST(emu_rep_stosb), 0);
	compare(CHILD_PROT32, GUEST(emu_lodsb), 0);
	compare(CHILD_PROT32, GUEST(emu_rep_movsb), 0);
	compare(CHILD_PROT32, GUEST(emu_movsd), 0);
}

static void library_moves_vectors_and_floating_point(void)
{
	compare(CHILD_LONG, GUEST(library_movups_load), 0);
	compare(CHILD_LONG, GUEST(library_movups_store), 0);
	compare(CHILD_LONG, GUEST(library_fld), 0);
	compare(CHILD_LONG, GUEST(library_fstp), 0);
}

/* STI holds interrupts off for one more instruction: this one. */
static void library_ends_an_interrupt_shadow(void)
{
	if (!begin(CHILD_PROT32, GUEST(library_store_after_sti)))
		return;
	library.device = child.ram + CHILD_DATA;
	library.device_gpa = CHILD_MMIO;
	set_pointers(CHILD_PROT32, CHILD_MMIO);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 1);
	CHECK(library_complete(&library));
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState), 0);
	CHECK_EQ(library_run(&library), WHvRunVpExitReasonX64Halt);
	end();
}

/* ---- Ports ------------------------------------------------------------------------------- */

DECLARE_GUEST(emu_out_al);
DECLARE_GUEST(emu_out_ax);
DECLARE_GUEST(emu_out_eax);
DECLARE_GUEST(emu_in_al);
DECLARE_GUEST(emu_in_ax);
DECLARE_GUEST(emu_in_eax);
DECLARE_GUEST(emu_rep_outsb);
DECLARE_GUEST(emu_rep_outsw);
DECLARE_GUEST(emu_rep_insb);
DECLARE_GUEST(emu_rep_insd);

/* One port instruction and HLT: EAX afterwards, and the bytes written. */
static void run_port(struct guest_code code, uint32_t eax, unsigned int n_bytes, bool is_string)
{
	const uint8_t al[] = { 0x88, 0x77, 0x66, 0x55 };

	if (!begin(CHILD_PROT32, code))
		return;
	set_pointers(CHILD_PROT32, CHILD_DATA);
	CHECK_EQ(library_run(&library), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + (uint64_t)(code.end - code.start));
	CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), eax);
	CHECK_EQ(library.port, 0x402);
	CHECK_EQ(library.n_accesses, is_string ? 4 : 1);
	CHECK_EQ(library.n_port_bytes, n_bytes);
	CHECK_EQ(child_get(&child, WHvX64RegisterRcx), is_string ? 0 : 4);
	for (unsigned int i = 0; i < n_bytes; i++)
		CHECK_EQ(library.port_bytes[i],
			 is_string ? child.ram[CHILD_DATA + 0x20 + i] : al[i & 3]);
	if (is_string && !n_bytes)
		for (unsigned int i = 0; i < (unsigned int)library.next_input - 0x30; i++)
			CHECK_EQ(child.ram[CHILD_DATA + 0x40 + i], 0x30 + i);
	end();
}

static void library_does_ports(void)
{
	run_port(GUEST(emu_out_al), 0x55667788, 1, false);
	run_port(GUEST(emu_out_ax), 0x55667788, 2, false);
	run_port(GUEST(emu_out_eax), 0x55667788, 4, false);
	run_port(GUEST(emu_in_al), 0x55667730, 0, false);
	run_port(GUEST(emu_in_ax), 0x55663130, 0, false);
	run_port(GUEST(emu_in_eax), 0x33323130, 0, false);
}

static void library_does_port_strings(void)
{
	run_port(GUEST(emu_rep_outsb), 0x55667788, 4, true);
	run_port(GUEST(emu_rep_outsw), 0x55667788, 8, true);
	run_port(GUEST(emu_rep_insb), 0x55667788, 0, true);
	run_port(GUEST(emu_rep_insd), 0x55667788, 0, true);
	CHECK_EQ(library.next_input, 0x30 + 16);
}

/* ---- Faults ------------------------------------------------------------------------------ */

/* REP MOVSB from RAM over the end of a device to a page that is not there: what the handler finds. */
static void library_faults_in_the_middle(void)
{
	uint64_t *tables, *frame;

	if (!begin(CHILD_LONG, GUEST(emu_rep_movsb)))
		return;
	tables = (uint64_t *)(void *)(child.ram + CHILD_TABLES);
	tables[1024 + 1] = 0; /* 2 MiB to 4 MiB */
	child_gate(&child, CHILD_LONG, EXC_PF);
	library.device = child.ram + CHILD_DATA + 0x1000;
	library.device_gpa = 0x1ff000;
	(void)child_set(&child, WHvX64RegisterRsi, CHILD_DATA);
	(void)child_set(&child, WHvX64RegisterRdi, 0x200000 - 3);
	(void)child_set(&child, WHvX64RegisterRcx, 8);
	CHECK_EQ(library_run(&library), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child_get(&child, WHvX64RegisterCr2), 0x200000);
	CHECK_EQ(child_get(&child, WHvX64RegisterRcx), 5);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsi), CHILD_DATA + 3);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), 0x200000);
	frame = (uint64_t *)(void *)(child.ram + child_get(&child, WHvX64RegisterRsp));
	CHECK_EQ(frame[0], 2); /* a write by the supervisor, not present */
	CHECK_EQ(frame[1], CHILD_CODE);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(library.device[0xffd + i], child.ram[CHILD_DATA + i]);
	CHECK_EQ(library.n_accesses, 3);
	end();
}

/* A fetch that only the client can answer: nothing but an access to memory is emulated. */
static void library_refuses_what_it_does_not_do(void)
{
	if (!begin(CHILD_PROT32, GUEST(emu_mov_m_eax)))
		return;
	library.device = child.ram + CHILD_DATA;
	library.device_gpa = CHILD_MMIO;
	child.ram[CHILD_DATA] = 0xf4; /* HLT in the device */
	(void)child_set(&child, WHvX64RegisterRip, CHILD_MMIO);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK(!library_complete(&library));
	CHECK_EQ(library.status.AsUINT32, 2); /* InternalEmulationFailure */
	CHECK_EQ(child_get(&child, WHvX64RegisterRip), CHILD_MMIO);
	end();
}

void library_checks(void)
{
	static const struct test tests[] = {
		TEST(library_moves),
		TEST(library_computes),
		TEST(library_moves_strings),
		TEST(library_moves_vectors_and_floating_point),
		TEST(library_ends_an_interrupt_shadow),
		TEST(library_does_ports),
		TEST(library_does_port_strings),
		TEST(library_faults_in_the_middle),
		TEST(library_refuses_what_it_does_not_do),
	};

	RUN(tests);
}
