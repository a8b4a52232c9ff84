/* SPDX-License-Identifier: MIT */
/* Hypercalls as a root makes them: a table of what each parameter is, and how the stream becomes one. */
#include "tests/fuzz/hv/hv_fuzz.h"

#include "whp/WinHvPlatformDefs.h"
#include "x86/apic.h"

enum { RAX = 0, RCX = 1, RDX = 2, R8 = 8, R9 = 9, R10 = 10 };

uint64_t call_rdx;

#define IS_ERROR(result) ((result) >> 31)

/* ---- One call ---------------------------------------------------------------------------- */

/* Does the call look at a VP whose shared page has registers for it? Then these are taken over, whatever comes of it. */
static bool absorbs(uint64_t handle)
{
	for (unsigned int slot = 0; slot < MAX_PARTITIONS; slot++)
		for (unsigned int i = 0; i < MAX_VPS; i++)
			if (world.handles[slot] == handle && vp_at(slot, i) &&
			    vp_at(slot, i)->page->dirty)
				return true;
	return false;
}

/* A call that fails has changed nothing; values that could be read have been written. */
static void check_failure(uint64_t code, const struct digest *before)
{
	struct digest now;

	check_digest_take(&now);
	if (code == WHIT_CALL_GET_REGISTERS)
		now.memory = before->memory;
	PROMISE(now.memory == before->memory);
	PROMISE(now.hypervisor == before->hypervisor);
	PROMISE(!memcmp(now.partition, before->partition, sizeof(now.partition)));
	PROMISE(!memcmp(now.vp, before->vp, sizeof(now.vp)));
}

uint32_t call(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9, uint64_t r10)
{
	static const struct virt_exit exit = { .reason = VIRT_EXIT_HYPERCALL,
					       .insn_length = 3,
					       .hypercall = { .is_kernel64 = true } };
	struct virt_vp *const root = the_root()->virt;
	uint64_t *const gpr = root->regs.gpr;
	const bool is_compared = !world.has_other_cpu && !absorbs(rcx);
	struct digest digest;
	struct virt_vp before;
	uint8_t fpu[sizeof(fake.cpu[0].fpu)];
	uint32_t result;

	if (is_compared)
		check_digest_take(&digest);
	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = 0xabcd000000000000ull + i;
	gpr[RAX] = code;
	gpr[RCX] = rcx;
	gpr[RDX] = rdx;
	gpr[R8] = r8;
	gpr[R9] = r9;
	gpr[R10] = r10;
	before = *root;
	memcpy(fpu, fake.cpu[0].fpu, sizeof(fpu));
	root_leave(&exit);
	PROMISE(!world.is_reset && world.injected.type == VIRT_EVENT_NONE);
	PROMISE(root->regs.rip == before.regs.rip + exit.insn_length);
	PROMISE(root->regs.rflags == before.regs.rflags);
	check_root(&before, fpu, 1u << RAX | 1u << RDX | 1u << R8, 0);
	PROMISE(code == WHIT_CALL_TRANSLATE_GVA || code == WHIT_CALL_READ_LOG ||
		gpr[RAX] == WHIT_S_MORE || gpr[R8] == r8);
	PROMISE(!(gpr[RAX] >> 32));
	result = (uint32_t)gpr[RAX];
	call_rdx = gpr[RDX];
	root->regs = before.regs;
	if (is_compared && IS_ERROR(result))
		check_failure(code, &digest);
	return result;
}

static uint32_t draw_name(void);

/* ---- Partitions come and go -------------------------------------------------------------- */

/* There is a free slot. */
static void keep_handle(uint64_t handle)
{
	unsigned int slot = 0;

	while (world.handles[slot])
		slot++;
	world.handles[slot] = handle;
}

void delete_slot(unsigned int slot)
{
	const uint64_t handle = world.handles[slot];
	unsigned int n = 0;
	uint32_t result;

	do {
		result = call(WHIT_CALL_DELETE_PARTITION, handle, 0, 0, 0, 0);
		if (result == S_OK)
			world.handles[slot] = 0;
		check_world();
		PROMISE(n++ < 10000);
	} while (result == WHIT_S_AGAIN);
	PROMISE(result == S_OK);
}

void lend_some(uint64_t handle, uint64_t n_pages)
{
	if (n_pages > LEND_PAGES / 4)
		return;
	if (world.lend_cursor + n_pages > LEND_PAGES)
		world.lend_cursor = 0;
	(void)call(WHIT_CALL_LEND, handle, LENDABLE + world.lend_cursor * PAGE_SIZE, n_pages, 0, 0);
	world.lend_cursor += n_pages + draw8() % 2;
}

uint64_t draw_leaf(void)
{
	static const uint32_t leaves[] = { 0,	       1,	   2,	       4,
					   6,	       7,	   7,	       0xa,
					   0xb,	       0xd,	   0xd,	       0x14,
					   0x15,       0x16,	   0x1f,       0x40000000,
					   0x40000010, 0x80000000, 0x80000001, 0x80000004,
					   0x80000006, 0x80000007, 0x80000008 };

	return rarely(8) ? draw_odd() : PICK(leaves);
}

void flip_register(unsigned int slot, unsigned int vp)
{
	static const uint32_t names[] = {
		WHvX64RegisterRip,
		WHvX64RegisterRflags,
		WHvX64RegisterCr0,
		WHvX64RegisterCr3,
		WHvX64RegisterCr4,
		WHvX64RegisterEfer,
		WHvX64RegisterCs,
		WHvX64RegisterSs,
		WHvX64RegisterDs,
		WHvX64RegisterEs,
		WHvX64RegisterFs,
		WHvX64RegisterGs,
		WHvX64RegisterLdtr,
		WHvX64RegisterTr,
		WHvX64RegisterGdtr,
		WHvX64RegisterIdtr,
		WHvX64RegisterDr7,
		WHvX64RegisterXCr0,
		WHvX64RegisterPat,
		WHvX64RegisterSysenterEip,
		WHvX64RegisterApicBase,
		WHvRegisterPendingInterruption,
		WHvRegisterPendingEvent,
		WHvRegisterInterruptState,
		WHvRegisterDeliverabilityNotifications,
		WHvRegisterInternalActivityState,
	};
	const uint64_t where = BUFFERS, value = BUFFERS + PAGE_SIZE;
	const unsigned int bit = draw8() & 127;

	if (!is_roots(BUFFERS, 2 * PAGE_SIZE))
		return;
	*(uint32_t *)at(where) = rarely(3) ? draw_name() : PICK(names);
	if (call(WHIT_CALL_GET_REGISTERS, world.handles[slot], vp, where, 1, value) != S_OK)
		return;
	((uint64_t *)at(value))[bit / 64] ^= 1ull << bit % 64;
	(void)call(WHIT_CALL_SET_REGISTERS, world.handles[slot], vp, where, 1, value);
}

void set_register(unsigned int slot, unsigned int vp, uint32_t name, uint64_t low, uint64_t high)
{
	const uint64_t names = BUFFERS, values = BUFFERS + PAGE_SIZE;

	if (!is_roots(BUFFERS, 2 * PAGE_SIZE))
		return;
	*(uint32_t *)at(names) = name;
	((uint64_t *)at(values))[0] = low;
	((uint64_t *)at(values))[1] = high;
	(void)call(WHIT_CALL_SET_REGISTERS, world.handles[slot], vp, names, 1, values);
}

/* ---- Parameters -------------------------------------------------------------------------- */

static uint64_t draw_handle(void)
{
	unsigned int slot;

	if (rarely(32))
		return draw_odd();
	/* One that is there, if there is any. */
	slot = draw8() % MAX_PARTITIONS;
	for (unsigned int n = 0; n < MAX_PARTITIONS && !world.handles[slot]; n++)
		slot = (slot + 1) % MAX_PARTITIONS;
	return world.handles[slot];
}

/* Somewhere in the machine: RAM of any use, what is hidden, what is lent, nothing. */
static uint64_t draw_page(void)
{
	const uint64_t lent = LENDABLE + below(64) * PAGE_SIZE;

	switch (below(8)) {
	case 0: return BLOCK_BASE + draw16() % 1024 * PAGE_SIZE;
	case 1: return hv.ones.a;
	case 2: return lent;
	case 3: return SHARED + below(MAX_PARTITIONS * MAX_VPS) * PAGE_SIZE;
	case 4: return draw_odd();
	case 5: return source_of(0) + GUEST_ROM + draw8() % 4u * PAGE_SIZE;
	case 6: return source_of(0) + GUEST_TRACKED + draw8() % 8u * PAGE_SIZE;
	default: return SOURCES + draw16() % 8192 * PAGE_SIZE;
	}
}

static uint64_t draw_buffer(void)
{
	if (rarely(16)) {
		const uint64_t page = draw_page();

		return page + draw8() * 8;
	}
	if (rarely(16))
		return BUFFERS + draw16();
	return BUFFERS + below(N_BUFFERS / 2) * PAGE_SIZE;
}

static uint64_t draw_source(void)
{
	const uint64_t base = source_of(below(MAX_PARTITIONS));

	if (rarely(8))
		return draw_page();
	return rarely(2) ? base + below(3) * 2 * MIB : base + draw16() % 2048 * PAGE_SIZE;
}

static uint64_t draw_gpa(void)
{
	static const uint64_t places[] = {
		0,	   GUEST_ROM,  GUEST_TRACKED, GUEST_DEVICE, 4 * MIB,
		APIC_PAGE, 0xfec00000, 1ull << 30,    GUEST_TABLES, 0xfee00000ull & ~(2 * MIB - 1)
	};

	uint64_t gpa;

	if (rarely(8))
		return draw_odd();
	gpa = PICK(places);
	return rarely(2) ? gpa + draw8() * PAGE_SIZE : gpa;
}

static uint64_t draw_bytes(void)
{
	if (rarely(16))
		return draw_odd();
	return rarely(3) ? (1 + below(3)) * 2 * MIB : (1 + below(20)) * PAGE_SIZE;
}

static uint64_t draw_flags(void)
{
	return rarely(16) ? draw_odd() : 1 | draw8() % 16;
}

static uint64_t draw_property(void)
{
	static const uint32_t codes[] = {
		0x0001,
		0x0002,
		0x0003,
		0x0004,
		0x0005,
		0x0006,
		0x0007,
		0x0008,
		0x0009,
		0x000a,
		0x000b,
		0x000c,
		0x000d,
		0x1001,
		0x1002,
		0x1003,
		0x1004,
		0x1005,
		0x1006,
		0x1007,
		0x1008,
		0x1009,
		0x100a,
		0x100b,
		0x100c,
		0x100d,
		0x100e,
		0x100f,
		0x1010,
		0x1011,
		0x1fff,
		WhitPartitionPropertyCodeEmulation,
		WhitPartitionPropertyCodeTurnExits,
	};

	return rarely(32) ? draw_odd() : PICK(codes);
}

static uint64_t draw_state_type(void)
{
	static const uint32_t types[] = { 0x1001, 0x1000, WHIT_STATE_INTERRUPT_CONTROLLER1, 0, 1,
					  2,	  0x1002 };

	return rarely(32) ? draw_odd() : PICK(types);
}

static uint32_t draw_name(void)
{
	static const uint32_t stretch[] = {
		0,	0,	0x1000, 0x2000,	     0x2000,
		0x2080, 0x3000, 0x4000, 0x80000000u, WhitRegisterDeviceData0
	};

	uint32_t name;

	if (rarely(32))
		return draw32();
	name = PICK(stretch);
	return name + draw8() % 0x90u;
}

static void put_word(uint64_t where, uint64_t value)
{
	if (is_roots(where & ~7ull, 8))
		memcpy(at(where & ~7ull), &value, sizeof(value));
}

/* Names of registers; their number is the next parameter. */
static uint64_t draw_names(uint64_t count)
{
	const uint64_t buffer = draw_buffer();

	for (uint64_t i = 0; i < count && i < 16 && is_roots(buffer, 4 * (i + 1)); i++) {
		const uint32_t name = draw_name();

		memcpy((uint8_t *)at(buffer) + 4 * i, &name, sizeof(name));
	}
	return buffer;
}

/* Values: what stands there, changed here and there. */
static uint64_t draw_values(uint64_t count)
{
	uint64_t buffer = draw_buffer();

	buffer += rarely(8) ? 0 : 2 * PAGE_SIZE;
	for (uint64_t i = 0; i < 2 * count && i < 32; i++)
		if (rarely(2))
			put_word(buffer + 8 * i, rarely(2) ? (uint64_t)draw8() : draw_odd());
	return buffer;
}

static uint64_t draw_extents(uint64_t count)
{
	const uint64_t buffer = draw_buffer();

	for (uint64_t i = 0; i < count && i < 8; i++) {
		put_word(buffer + 16 * i, draw_source());
		put_word(buffer + 16 * i + 8, rarely(16) ? draw_odd() : 1u + draw8() % 8u);
	}
	return buffer;
}

static uint64_t draw_access(void)
{
	const uint64_t buffer = draw_buffer(), gpa = draw_gpa();

	put_word(buffer, rarely(2) ? gpa + PAGE_SIZE - 1 - draw8() % 16u : gpa + draw8());
	put_word(buffer + 8, rarely(8) ? draw_odd() : 6);
	put_word(buffer + 16, rarely(8) ? draw_odd() : 1u + draw8() % 16u);
	put_word(buffer + 24, draw64());
	return buffer;
}

static uint64_t draw_translations(uint64_t count)
{
	const uint64_t buffer = draw_buffer();

	for (uint64_t i = 0; i < count && i < 8; i++)
		put_word(buffer + 32 * i, rarely(4) ? draw_odd() : draw_gpa());
	return buffer;
}

/* Properties: the words of a value or of a list's entries, small ones mostly. */
void random_property(uint64_t handle)
{
	const uint64_t code = draw_property(), buffer = draw_buffer();
	const uint64_t n_bytes = code == 0x1003	  ? 4 * below(70)
				 : code == 0x1004 ? 32 * below(4)
				 : code == 0x100d ? 56 * below(4)
				 : code == 0x100f ? 8 * below(8)
						  : 8 * (1 + below(3));

	for (uint64_t i = 0; i < n_bytes && i < 128; i += 8)
		put_word(buffer + i, rarely(4) ? draw_odd() : (uint64_t)draw8());
	(void)call(WHIT_CALL_SET_PROPERTY, handle, code, buffer, rarely(16) ? draw_odd() : n_bytes,
		   0);
}

/* What it is now, with some of it changed. */
static uint32_t set_state(uint64_t handle, uint64_t vp)
{
	const uint64_t type = draw_state_type(), buffer = draw_buffer();
	const uint64_t n_bytes = rarely(16) ? draw_odd() : PAGE_SIZE;

	if (!rarely(8))
		(void)call(WHIT_CALL_GET_VP_STATE, handle, vp, type, buffer, n_bytes);
	for (unsigned int n = draw8() % 8; n; n--) {
		const uint64_t where = rarely(4) ? 512u + draw8() % 128u : draw16() % PAGE_SIZE;

		put_word(buffer + (where & ~7ull), rarely(2) ? (uint64_t)draw8() : draw_odd());
	}
	return call(WHIT_CALL_SET_VP_STATE, handle, vp, type, buffer, n_bytes);
}

static uint32_t set_registers(uint64_t handle, uint64_t vp)
{
	const uint64_t count = rarely(16) ? draw_odd() : rarely(4) ? draw8() % 6u : 1u;
	const uint64_t names = draw_names(count), values = draw_values(count);

	/* Good ones, of which nothing may stay, and one that is not. */
	if (rarely(4) && count < 6 && is_roots(names, 4 * (count + 1))) {
		const uint32_t none = 0xfff;

		memcpy((uint8_t *)at(names) + 4 * count, &none, sizeof(none));
		return call(WHIT_CALL_SET_REGISTERS, handle, vp, names, count + 1, values);
	}
	return call(WHIT_CALL_SET_REGISTERS, handle, vp, names, count, values);
}

/* ---- Any call ---------------------------------------------------------------------------- */

/*
 * Parameters in their order. H handle, V VP, B buffer, n its bytes, P page to lend, p how many, S page, G GPA, g GVA, b bytes of
 * a range, m mapping flags, q property, t state's type, N E T names, extents and translations, their number c before or
 * behind, v values, A access, i interrupt control, k small number, z nearly always 0, x anything.
 */
static const struct {
	uint32_t code;
	const char *parameters;
} calls[] = {
	{ WHIT_CALL_GET_CAPABILITY, "qBn" },
	{ WHIT_CALL_CREATE_PARTITION, "Pp" },
	{ WHIT_CALL_SETUP_PARTITION, "H" },
	{ WHIT_CALL_RESET_PARTITION, "HV" },
	{ WHIT_CALL_DELETE_PARTITION, "H" },
	{ WHIT_CALL_GET_PROPERTY, "HqBn" },
	{ WHIT_CALL_SUSPEND_TIME, "H" },
	{ WHIT_CALL_RESUME_TIME, "H" },
	{ WHIT_CALL_MAP_GPA_RANGE, "HsGbm" },
	{ WHIT_CALL_UNMAP_GPA_RANGE, "HGb" },
	{ WHIT_CALL_TRANSLATE_GVA, "HVgk" },
	{ WHIT_CALL_CREATE_VP, "HVzS" },
	{ WHIT_CALL_DELETE_VP, "HV" },
	{ WHIT_CALL_RUN_VP, "HV" },
	{ WHIT_CALL_CANCEL_RUN_VP, "HVz" },
	{ WHIT_CALL_GET_REGISTERS, "HVNcv" },
	{ WHIT_CALL_REQUEST_INTERRUPT, "Hij" },
	{ WHIT_CALL_QUERY_DIRTY, "HGbBz" },
	{ WHIT_CALL_PARTITION_COUNTERS, "HzBn" },
	{ WHIT_CALL_VP_COUNTERS, "HVkBn" },
	{ WHIT_CALL_ADVISE_GPA_RANGE, "HGbkz" },
	{ WHIT_CALL_READ_GPA_RANGE, "HVA" },
	{ WHIT_CALL_WRITE_GPA_RANGE, "HVA" },
	{ WHIT_CALL_GET_VP_STATE, "HVtBn" },
	{ WHIT_CALL_CPUID_OUTPUT, "HVlkB" },
	{ WHIT_CALL_INTERRUPT_TARGETS, "HkkB" },
	{ WHIT_CALL_VERSION, "" },
	{ WHIT_CALL_LEND, "HPp" },
	{ WHIT_CALL_READ_LOG, "xBn" },
	{ WHIT_CALL_STATS, "Bn" },
	{ WHIT_CALL_TRANSLATE_GVAS, "HVTcf" },
	{ WHIT_CALL_PROTECT_GPA_RANGE, "HGbm" },
	{ WHIT_CALL_MAP_GPA_LIST, "HGEcm" },
	{ WHIT_CALL_SET_TSC, "Hx" },
};

static uint64_t draw_parameter(char kind, uint64_t count)
{
	switch (kind) {
	case 'H': return draw_handle();
	case 'V': return rarely(16) ? draw_odd() : draw8() % (uint64_t)MAX_VPS;
	case 'B': return draw_buffer();
	case 'n': return rarely(4) ? draw_odd() : PAGE_SIZE;
	case 'P':
		return rarely(8) ? draw_page()
				 : LENDABLE + (world.lend_cursor + draw8()) * PAGE_SIZE;
	case 'p': return rarely(16) ? draw_odd() : 1u + draw8() % 64u;
	case 's': return draw_source();
	case 'S':
		return rarely(8) ? draw_page()
				 : SHARED + draw8() % (MAX_PARTITIONS * MAX_VPS) * PAGE_SIZE;
	case 'G': return draw_gpa();
	case 'g': return rarely(4) ? draw_odd() : draw_gpa();
	case 'b': return draw_bytes();
	case 'm': return draw_flags();
	case 'q': return draw_property();
	case 't': return draw_state_type();
	case 'N': return draw_names(count);
	case 'E': return draw_extents(count);
	case 'T': return draw_translations(count);
	case 'c': return count;
	case 'v': return draw_values(count);
	case 'A': return draw_access();
	case 'i': return rarely(8) ? draw_odd() : draw_two(15, 0x11, 8);
	case 'j': return rarely(8) ? draw_odd() : draw_two(3, 0xff, 32);
	case 'k': return rarely(8) ? draw_odd() : draw8() % 8u;
	case 'f': return draw_two(0x1f, 1, 31);
	case 'l': return draw_leaf();
	case 'z': return rarely(8) ? draw_odd() : 0;
	default: return draw_odd();
	}
}

/* The answer of a call that may have made or ended a partition. */
static void follow(uint32_t code, const uint64_t *parameters, uint32_t result)
{
	if (code == WHIT_CALL_CREATE_PARTITION && (result == S_OK || result == WHIT_S_MORE))
		keep_handle(call_rdx);
	for (unsigned int slot = 0; slot < MAX_PARTITIONS; slot++) {
		if (code != WHIT_CALL_DELETE_PARTITION || result == WHIT_S_AGAIN ||
		    !world.handles[slot] || world.handles[slot] != parameters[0])
			continue;
		PROMISE(result == S_OK);
		world.handles[slot] = 0;
	}
}

static bool has_free_slot(void)
{
	for (unsigned int slot = 0; slot < MAX_PARTITIONS; slot++)
		if (!world.handles[slot])
			return true;
	return false;
}

void random_call(void)
{
	const unsigned int choice = below(COUNT(calls) + 8);
	uint64_t parameters[5] = { 0 };
	uint32_t code, result;
	uint64_t count;

	switch (choice) {
	case 0:
	case 1: random_property(draw_handle()); break;
	case 2:
	case 3:
		parameters[0] = draw_handle();
		(void)set_state(parameters[0], draw8() % MAX_VPS);
		break;
	case 4:
	case 5:
	case 6:
		parameters[0] = draw_handle();
		(void)set_registers(parameters[0], draw8() % MAX_VPS);
		break;
	case 7:
		for (unsigned int i = 0; i < 5; i++)
			parameters[i] = draw_odd();
		code = (uint32_t)(rarely(2) ? draw_odd() : 63u + draw8());
		if (code == WHIT_CALL_CREATE_PARTITION || code == WHIT_CALL_DELETE_PARTITION)
			break; /* what it did would be forgotten */
		(void)call(code, parameters[0], parameters[1], parameters[2], parameters[3],
			   parameters[4]);
		break;
	default:
		code = calls[choice - 8].code;
		if ((code == WHIT_CALL_DELETE_PARTITION && !rarely(8)) ||
		    (code == WHIT_CALL_CREATE_PARTITION && !has_free_slot()))
			return;
		count = rarely(16) ? draw_odd() : rarely(2) ? 1u : draw8() % 8u;
		for (unsigned int i = 0; calls[choice - 8].parameters[i]; i++)
			parameters[i] = draw_parameter(calls[choice - 8].parameters[i], count);
		result = call(code, parameters[0], parameters[1], parameters[2], parameters[3],
			      parameters[4]);
		follow(code, parameters, result);
		if (result == WHIT_E_INSUFFICIENT_MEMORY && code != WHIT_CALL_CREATE_PARTITION &&
		    !rarely(4)) {
			lend_some(parameters[0], call_rdx);
			(void)call(code, parameters[0], parameters[1], parameters[2], parameters[3],
				   parameters[4]);
		}
		break;
	}
	check_world();
}
