/* SPDX-License-Identifier: MIT */
/* hv/register/register.c and hv/vp/page.c: registers by name and through the shared page. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/machine.h"
#include "tests/unit/read_all.h"

#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

static uint64_t handle, page, names_at, values_at;

/* How often a register was written to, by way of the linker's --wrap. */
static unsigned int n_sets;

void __real_virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value);
void __wrap_virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value);

void __wrap_virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	n_sets++;
	__real_virt_set(vp, reg, value);
}

static void vp_machine(void)
{
	machine(256 * MIB);
	handle = set_up(32, 2);
	page = test_pages(1);
	names_at = test_pages(1);
	values_at = test_pages(1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page), S_OK);
}

static struct whit_vp_page *shared(void)
{
	return at(page);
}

static uint32_t set(uint32_t name, uint64_t low, uint64_t high)
{
	uint64_t *value = at(values_at);

	*(uint32_t *)at(names_at) = name;
	value[0] = low;
	value[1] = high;
	return CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 1, values_at);
}

static uint32_t get(uint32_t name, uint64_t value[2])
{
	uint32_t result;

	*(uint32_t *)at(names_at) = name;
	memset(at(values_at), 0x5a, 16);
	result = CALL(WHIT_CALL_GET_REGISTERS, handle, 0, names_at, 1, values_at);
	memcpy(value, at(values_at), 16);
	return result;
}

static void check_reads(uint32_t name, uint64_t low, uint64_t high)
{
	uint64_t value[2];

	REQUIRE_EQ(get(name, value), S_OK);
	REQUIRE_EQ(value[0], low);
	REQUIRE_EQ(value[1], high);
}

static void check_takes(uint32_t name, uint64_t low, uint64_t high)
{
	REQUIRE_EQ(set(name, low, high), S_OK);
	check_reads(name, low, high);
}

/* Refused with a word of why, and unchanged. */
static void check_refuses(uint32_t name, uint64_t low, uint64_t high)
{
	uint64_t before[2];

	REQUIRE_EQ(get(name, before), S_OK);
	REQUIRE_EQ(set(name, low, high), WHIT_E_REGISTER_VALUE);
	REQUIRE_EQ(shared()->error_register, name);
	REQUIRE(shared()->error_text[0]);
	check_reads(name, before[0], before[1]);
}

#define R(name) ((uint32_t)WHvX64Register##name)

/* docs/hypercalls.md "State after creation" */
static void state_after_creation(void)
{
	vp_machine();
	check_reads(R(Rax), 0, 0);
	check_reads(R(Rdx), 0x506e3, 0); /* the fake machine's CPUID.1:EAX */
	check_reads(R(Rip), 0xfff0, 0);
	check_reads(R(Rflags), 2, 0);
	check_reads(R(Cs), 0xf0000, 0x009bf0000000ffffull);
	check_reads(R(Ds), 0, 0x009300000000ffffull);
	check_reads(R(Cr0), 0x60000010, 0);
	check_reads(R(XCr0), 1, 0);
	check_reads(R(Efer), 0, 0);
	check_reads(R(Pat), 0x0007040600070406ull, 0);
	check_reads(R(ApicBase), 0xfee00900, 0);
	check_reads(R(InitialApicId), 0, 0);
	check_reads(R(Dr6), 0xffff0ff0, 0);
	check_reads(R(Dr7), 0x400, 0);
	check_reads(R(FpControlStatus), 0x37f, 0);
	check_reads((uint32_t)WHvRegisterPendingInterruption, 0, 0);
	check_reads((uint32_t)WHvRegisterPendingEvent, 0, 0);
	check_reads((uint32_t)WHvRegisterInternalActivityState, 0, 0);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 1, 0, page), S_OK);
	REQUIRE_EQ(vp_of(handle, 1)->apic_base, 0xfee00800);
	/* Both VPs of a partition have the same time, which began at its set-up. */
	REQUIRE_EQ(vp_of(handle, 1)->virt->reg[VIRT_TSC_OFFSET],
		   vp_of(handle, 0)->virt->reg[VIRT_TSC_OFFSET]);
	delete_all(handle);
	check_clean();
}

static void registers_round_trip(void)
{
	const uint64_t canonical = 0xffff812345678000ull;

	vp_machine();
	for (uint32_t i = 0; i < 16; i++)
		check_takes(R(Rax) + i, 0x1111111111111111ull * i, 0);
	check_takes(R(Rip), 0x123456789abcull, 0);
	check_takes(R(Rflags), 0x202, 0);
	REQUIRE_EQ(set(R(Rflags), 0, 0), S_OK);
	check_reads(R(Rflags), 2, 0);
	for (uint32_t i = 0; i < SEG_COUNT; i++)
		check_takes(R(Es) + i, 0x1000 * i, 0xc093001000000fffull + i);
	check_takes(R(Idtr), 0x0fff000000000000ull, canonical);
	check_takes(R(Gdtr), 0x007f000000000000ull, 0x8000);
	REQUIRE_EQ(vp_of(handle, 0)->virt->segment[SEG_GDTR].limit, 0x7f);
	check_takes(R(Cr0), CR0_PE | CR0_PG | CR0_ET | CR0_NE, 0);
	check_takes(R(Cr2), ~0ull, 0);
	check_takes(R(Cr3), 0xfffffff000ull, 0);
	check_takes(R(Cr4), CR4_PAE | CR4_OSFXSR, 0);
	check_takes(R(Cr8), 15, 0);
	for (uint32_t i = 0; i < 4; i++)
		check_takes(R(Dr0) + i, canonical + i, 0);
	REQUIRE_EQ(set(R(Dr6), 0, 0), S_OK);
	check_reads(R(Dr6), DR6_INIT, 0);
	REQUIRE_EQ(set(R(Dr6), 0xffffffff, 0), S_OK);
	check_reads(R(Dr6), 0xffffefff, 0);
	REQUIRE_EQ(set(R(Dr7), 0xffffffff, 0), S_OK);
	check_reads(R(Dr7), 0xffff27ff, 0);
	check_takes(R(XCr0), 1, 0);
	check_takes(R(Efer), EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE, 0);
	check_takes(R(KernelGsBase), canonical, 0);
	check_takes(R(ApicBase), 0xfee00900, 0);
	check_takes(R(Pat), 0x0007010600070106ull, 0);
	check_takes(R(SysenterCs), 0xfff8, 0);
	check_takes(R(SysenterEip), canonical, 0);
	check_takes(R(SysenterEsp), canonical + 8, 0);
	check_takes(R(Star), ~0ull, 0);
	check_takes(R(Lstar), canonical, 0);
	check_takes(R(Cstar), canonical, 0);
	check_takes(R(Sfmask), 0xffffffff, 0);
	check_takes(R(InitialApicId), 0, 0);
	check_takes(R(MsrMtrrCap), 0x508, 0); /* write-combining, fixed, eight variable ones */
	check_takes(R(MsrMtrrDefType), 0xc06, 0);
	check_takes(R(TscAux), 0xffffffff, 0);
	check_takes(R(TscVirtualOffset), 0x123456, 0);
	REQUIRE_EQ(set(R(Tsc), 5000000, 0), S_OK);
	fake.tsc -= 1000;
	check_reads(R(Tsc), 5000000, 0);
	for (uint32_t i = 0; i < 16; i++)
		check_takes(R(Xmm0) + i, 0x0123456789abcdefull + i, ~(uint64_t)i);
	for (uint32_t i = 0; i < 8; i++)
		check_takes(R(FpMmx0) + i, ~(uint64_t)i, 0xffff);
	for (uint32_t i = 0; i < 8; i++) {
		check_takes(R(MsrMtrrPhysBase0) + i, 0x8000006 + 0x100000ull * i, 0);
		check_takes(R(MsrMtrrPhysMask0) + i, 0xfffff00800ull, 0);
	}
	for (uint32_t i = 0; i < 11; i++)
		check_takes(R(MsrMtrrFix64k00000) + i, 0x0606060606060606ull, 0);
	check_reads(R(MsrMtrrPhysBase7), 0x8700006, 0); /* each its own */
	check_reads(R(MsrMtrrPhysBase0), 0x8000006, 0);
	check_takes(R(TscAdjust), ~0ull, 0);
	check_takes((uint32_t)WHvRegisterPendingEvent1, 0, 0);
	check_takes((uint32_t)WHvRegisterPendingEvent3, 0, 0);
	check_takes(R(FpControlStatus), 0x07ff00ff3800027full, 0x1122334455667788ull);
	REQUIRE_EQ(set(R(XmmControlStatus), 0x99aabbccddeeff00ull, 0xffffffff0000ffbfull), S_OK);
	check_reads(R(XmmControlStatus), 0x99aabbccddeeff00ull, 0x0000ffff0000ffbfull);
	check_reads(R(Xmm0), 0x0123456789abcdefull, ~0ull); /* neighbours in the image */
	check_reads(R(FpMmx0) + 7, ~7ull, 0xffff);
	check_takes((uint32_t)WHvRegisterInterruptState, 3, 0);
	REQUIRE_EQ(virt_get(vp_of(handle, 0)->virt, VIRT_SHADOW),
		   VIRT_SHADOW_MOV_SS | VIRT_SHADOW_NMI);
	check_takes((uint32_t)WHvRegisterInterruptState, 0, 0);
	virt_set(vp_of(handle, 0)->virt, VIRT_SHADOW, VIRT_SHADOW_STI);
	check_takes((uint32_t)WHvRegisterInterruptState, 1, 0); /* the kind is kept */
	REQUIRE_EQ(virt_get(vp_of(handle, 0)->virt, VIRT_SHADOW), fake_shadow(VIRT_SHADOW_STI));
	check_takes((uint32_t)WHvX64RegisterDeliverabilityNotifications, 0x3f, 0);
	check_takes((uint32_t)WHvRegisterInternalActivityState, 7, 0);
	check_takes((uint32_t)WHvX64RegisterPendingDebugException, 0x1f, 0);
	REQUIRE_EQ(virt_get(vp_of(handle, 0)->virt, VIRT_PENDING_DEBUG), 0x400f);
	/* An interrupt, vector 0x31; #GP with an error code; and nothing. */
	check_takes((uint32_t)WHvRegisterPendingInterruption, 0x310001, 0);
	check_takes((uint32_t)WHvRegisterPendingInterruption, 0, 0);
	check_takes((uint32_t)WHvRegisterPendingEvent, 0x1800000e0101ull, 0xdeadbeef000ull);
	check_takes((uint32_t)WHvRegisterPendingEvent, 0, 0);
	delete_all(handle);
	check_clean();
}

static void values_that_can_never_be_right_are_refused(void)
{
	const uint64_t not_canonical = 0x0000800000000000ull;

	vp_machine();
	check_refuses(R(Rflags), 1ull << 32 | 2, 0);
	check_refuses(R(Rflags), 0x8002, 0);
	check_refuses(R(Cr0), CR0_PG, 0);
	check_refuses(R(Cr0), 1ull << 32, 0);
	check_refuses(R(Cr0), CR0_NW, 0);
	check_refuses(R(Cr3), 1ull << 40, 0);
	check_refuses(R(Cr4), CR4_VMXE, 0);
	check_refuses(R(Cr4), 1ull << 63, 0);
	check_refuses(R(Cr8), 16, 0);
	check_refuses(R(Dr6), 1ull << 32, 0);
	check_refuses(R(Dr7), 1ull << 32, 0);
	check_refuses(R(XCr0), 3, 0);
	check_refuses(R(XCr0), 0, 0);
	check_refuses(R(Efer), 1ull << 12, 0);
	check_refuses(R(KernelGsBase), not_canonical, 0);
	check_refuses(R(SysenterEip), not_canonical, 0);
	check_refuses(R(SysenterEsp), not_canonical, 0);
	check_refuses(R(Lstar), not_canonical, 0);
	check_refuses(R(Cstar), not_canonical, 0);
	check_refuses(R(Sfmask), 1ull << 32, 0);
	check_refuses(R(SysenterCs), 1ull << 32, 0);
	check_refuses(R(ApicBase), 0xfee00c00, 0);
	check_refuses(R(ApicBase), 1ull << 40, 0);
	check_refuses(R(Pat), 2, 0);
	check_refuses(R(InitialApicId), 1, 0);
	check_refuses(R(MsrMtrrCap), 8, 0);
	check_refuses(R(MsrMtrrPhysBase0), 2, 0); /* a type that does not exist */
	check_refuses(R(MsrMtrrPhysMask0), 1, 0);
	check_refuses(R(MsrMtrrPhysMask7), 1ull << 40, 0);
	check_refuses(R(MsrMtrrFix4kF8000), 2, 0);
	check_refuses(R(MsrIa32MiscEnable), 1ull << 35, 0);
	check_refuses((uint32_t)WHvRegisterPendingEvent1, 1, 0);
	check_refuses((uint32_t)WHvRegisterPendingEvent2, 0, 1ull << 63);
	check_refuses(R(MsrMtrrDefType), 2, 0);
	check_refuses(R(TscAux), 1ull << 32, 0);
	check_refuses(R(XmmControlStatus), 0, 0x10000);
	check_refuses((uint32_t)WHvRegisterInterruptState, 4, 0);
	check_refuses((uint32_t)WHvX64RegisterDeliverabilityNotifications, 1ull << 48, 0);
	check_refuses((uint32_t)WHvRegisterInternalActivityState, 8, 0);
	check_refuses((uint32_t)WHvX64RegisterPendingDebugException, 32, 0);
	check_refuses((uint32_t)WHvRegisterPendingInterruption, 0x200007, 0); /* exception 32 */
	check_refuses(WhitRegisterDeviceData0, 1, 2);			      /* no read waits */
	delete_all(handle);
	check_clean();
}

/* SDM 1 "Guidelines for Writing to the MXCSR". The mask is bytes 28 to 31 of the FXSAVE image. */
static void mxcsr_takes_what_the_processor_takes(void)
{
	uint32_t mask;

	vp_machine();
	for (unsigned int i = 0; i < 4; i++) {
		static const uint32_t masks[] = { 0, 0xffbf, 0xffff, 0x2ffff };
		const uint32_t legal = masks[i] ? masks[i] : 0xffbf;

		memcpy((char *)virt_fpu_save(vp_of(handle, 0)->virt) + 28, &masks[i], 4);
		for (unsigned int bit = 0; bit < 32; bit++) {
			if (legal >> bit & 1)
				REQUIRE_EQ(set(R(XmmControlStatus), 0, 1ull << bit), S_OK);
			else
				check_refuses(R(XmmControlStatus), 0, 1ull << bit);
		}
		memcpy(&mask, (char *)virt_fpu_save(vp_of(handle, 0)->virt) + 28, 4);
		REQUIRE_EQ(mask, masks[i]); /* not the client's to change */
	}
	delete_all(handle);
	check_clean();
}

/* ---- The names of WHP ---- */

#define MAX_NAMES 320u

/* Every WHV_REGISTER_NAME, out of the header. */
static unsigned int all_names(uint32_t names[MAX_NAMES])
{
	char *header = read_all("include/whp/WinHvRegisterNames.h");
	unsigned int n = 0;

	for (const char *line = header; (line = strstr(line, "\n\tWHv")); line++) {
		const char *value = strstr(line, "= 0x");

		REQUIRE(value && n < MAX_NAMES);
		names[n++] = (uint32_t)strtoul(value + 2, NULL, 16);
	}
	free(header);
	REQUIRE(n >= 255);
	return n;
}

#define UNKNOWN "there is no such register"

/* Either it can be read, and takes what it reads as, or the page says why this VP does not have it. */
static void every_name_is_known(void)
{
	uint32_t names[MAX_NAMES];
	const unsigned int n = all_names(names);
	unsigned int n_here = 0;

	vp_machine();
	for (unsigned int i = 0; i < n; i++) {
		uint64_t value[2];
		const uint32_t result = get(names[i], value);

		if (result == S_OK) {
			n_here++;
			if (names[i] == R(Tsc))
				continue;
			REQUIRE_EQ(set(names[i], value[0], value[1]), S_OK);
			check_reads(names[i], value[0], value[1]);
			continue;
		}
		REQUIRE_EQ(result, WHV_E_INVALID_VP_REGISTER_NAME);
		REQUIRE_EQ(shared()->error_register, names[i]);
		REQUIRE(shared()->error_text[0] && strcmp(shared()->error_text, UNKNOWN));
		REQUIRE_EQ(set(names[i], 0, 0), WHV_E_INVALID_VP_REGISTER_NAME);
		REQUIRE(shared()->error_text[0] && strcmp(shared()->error_text, UNKNOWN));
	}
	REQUIRE(n_here > 115);
	delete_all(handle);
	check_clean();
}

static void other_names_do_not_exist(void)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = { { 0, 0x6100 },
		       { 0x57480007, 0x57481010 },
		       { 0x7ffff000, 0x80001010 },
		       { 0xfffffff0, 0xffffffff } };
	uint32_t names[MAX_NAMES];
	const unsigned int n = all_names(names);
	uint64_t value[2];

	vp_machine();
	for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
		for (uint64_t name = ranges[r].first; name <= ranges[r].last; name++) {
			bool is_name = false;

			for (unsigned int i = 0; i < n; i++)
				is_name |= names[i] == name;
			if (is_name)
				continue;
			REQUIRE_EQ(get((uint32_t)name, value), WHV_E_INVALID_VP_REGISTER_NAME);
			REQUIRE_EQ(value[0], 0x5a5a5a5a5a5a5a5aull); /* nothing was written */
			REQUIRE_EQ(shared()->error_register, name);
			REQUIRE(name == ~0u || !strcmp(shared()->error_text, UNKNOWN));
			REQUIRE_EQ(set((uint32_t)name, 0, 0), WHV_E_INVALID_VP_REGISTER_NAME);
		}
	delete_all(handle);
	check_clean();
}

/* Every word that a refusal can be is in docs/registers.md. */
static void every_refusal_is_documented(void)
{
	static const char *const sources[] = {
		"hv/cpu/entry.c",	 "hv/register/row_cpu.c",  "hv/register/row_fpu.c",
		"hv/register/row_msr.c", "hv/register/row_apic.c", "hv/register/row_event.c"
	};
	char *document = read_all("docs/registers.md");
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		char *source = read_all(sources[i]), *at_text = source;

		while ((at_text = strchr(at_text, '"'))) {
			char *end = strchr(++at_text, '"');
			char text[200];

			REQUIRE(end && end - at_text < 200);
			snprintf(text, sizeof(text), "%.*s", (int)(end - at_text), at_text);
			at_text = end + 1;
			if (!strchr(text, ' ') || strstr(text, "Checks on") ||
			    strstr(text, "without conversion") || strstr(text, "FXSAVE Area"))
				continue;
			n++;
			REQUIRE(strlen(text) < sizeof(shared()->error_text));
			if (!strstr(document, text)) {
				FAIL("docs/registers.md lacks: %s", text);
				check_end();
			}
		}
		free(source);
	}
	REQUIRE(n > 60);
	free(document);
}

static void all_or_nothing(void)
{
	uint32_t *names;
	uint64_t *values;

	vp_machine();
	names = at(names_at);
	values = at(values_at);
	names[0] = R(Rax);
	names[1] = R(Cr2);
	names[2] = R(Cr8);
	values[0] = 11;
	values[2] = 22;
	values[4] = 99; /* too large */
	REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 3, values_at),
		   WHIT_E_REGISTER_VALUE);
	REQUIRE_EQ(shared()->error_register, R(Cr8));
	check_reads(R(Rax), 0, 0);
	check_reads(R(Cr2), 0, 0);
	names[0] = R(Rax);
	names[1] = 0xfff;
	values[0] = 11;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 2, values_at),
		   WHV_E_INVALID_VP_REGISTER_NAME);
	check_reads(R(Rax), 0, 0);
	names[0] = R(Rax);
	names[1] = R(Cr8);
	values[0] = 11;
	values[2] = 9;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 2, values_at), S_OK);
	REQUIRE_EQ(shared()->error_register, ~0u);
	check_reads(R(Rax), 11, 0);
	check_reads(R(Cr8), 9, 0);
	delete_all(handle);
	check_clean();
}

/* Checking an event is to try it: what it replaced is back when something else is refused. */
static void a_refused_call_leaves_events_alone(void)
{
	static const uint64_t events[] = { 0x300b, 0xd0101 }; /* ExtInt 30h, #GP(0) */
	uint32_t *names;
	uint64_t *values;

	vp_machine();
	names = at(names_at);
	values = at(values_at);
	for (unsigned int i = 0; i < 2; i++) {
		struct vp *vp = vp_of(handle, 0);

		names[0] = (uint32_t)WHvRegisterPendingEvent;
		names[1] = R(Cr8);
		values[0] = events[i];
		values[1] = 0;
		values[2] = 99;
		REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 2, values_at),
			   WHIT_E_REGISTER_VALUE);
		REQUIRE_EQ(shared()->error_register, R(Cr8));
		REQUIRE_EQ(vp->ext_int, 0);
		REQUIRE_EQ(vp->pending.type, VIRT_EVENT_NONE);
	}
	delete_all(handle);
	check_clean();
}

static void counts_and_buffers(void)
{
	uint32_t *names;
	uint64_t i;

	vp_machine();
	names = at(names_at);
	for (i = 0; i < 256; i++)
		names[i] = R(Rax) + (i & 15);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_REGISTERS, handle, 0, names_at, 0, values_at), S_OK);
	REQUIRE_EQ(
		CALL(WHIT_CALL_GET_REGISTERS, handle, 0, names_at, WHIT_MAX_REGISTERS, values_at),
		S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_REGISTERS, handle, 0, names_at, WHIT_MAX_REGISTERS + 1,
			values_at),
		   E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, ~0ull, values_at),
		   E_INVALIDARG);
	for (i = 0; i < 2; i++) {
		const uint32_t code = i ? WHIT_CALL_SET_REGISTERS : WHIT_CALL_GET_REGISTERS;

		REQUIRE_EQ(CALL(code, handle, 0, names_at + 4, 1, values_at), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, names_at, 1, values_at + 1), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, BLOCK_BASE, 1, values_at), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, names_at, 1, BLOCK_BASE), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, names_at, 1, BLOCK_BASE - 8), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, names_at, 1, 256 * MIB - 8), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, 0 - 8ull, 8, values_at), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, names_at, 1, BLOCK_BASE + 32 * MIB),
			   E_POINTER); /* lent */
	}
	delete_all(handle);
	check_clean();
}

static void shared_page_is_taken_over_once(void)
{
	struct whit_vp_page *p;

	vp_machine();
	p = shared();
	REQUIRE_EQ(p->valid, WHIT_PAGE_GPRS | WHIT_PAGE_RIP | WHIT_PAGE_RFLAGS);
	REQUIRE_EQ(p->rip, 0xfff0);
	for (unsigned int i = 0; i < 16; i++)
		p->gpr[i] = 100 + i;
	p->rip = 0x7c00;
	p->rflags = 0x246;
	p->segment[SEG_TR] = (struct x86_segment) { 0x5000, 0x67, 0x28, 0x8b };
	p->dirty = 1u << 3 | WHIT_PAGE_RIP | 1u << 25;
	virt_regs(vp_of(handle, 0)->virt)->changed = false;
	check_reads(R(Rbx), 103, 0);
	REQUIRE(virt_regs(vp_of(handle, 0)->virt)->changed);
	REQUIRE_EQ(p->dirty, 0);
	check_reads(R(Rax), 0, 0); /* not marked */
	check_reads(R(Rflags), 2, 0);
	check_reads(R(Rip), 0x7c00, 0);
	check_reads(R(Tr), 0x5000, 0x008b002800000067ull);
	p->rflags = 0;
	p->dirty = WHIT_PAGE_RFLAGS | 0xfc000000u; /* bits that mean nothing */
	check_reads(R(Rflags), 2, 0);
	/* What a call sets is shown in the page, and wins over it. */
	p->gpr[0] = 7;
	p->dirty = 1;
	REQUIRE_EQ(set(R(Rax), 8, 0), S_OK);
	REQUIRE_EQ(p->gpr[0], 8);
	check_reads(R(Rax), 8, 0);
	delete_all(handle);
	check_clean();
}

/* Setting CR3 under PAE paging takes the pointers from memory, as MOV to CR3 does. */
static void pae_pointers_follow_cr3(void)
{
	uint64_t guest, *table;

	vp_machine();
	virt_machine.has_pdptes = true;
	guest = test_pages(1);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, guest, 0x4000, PAGE_SIZE, 7), S_OK);
	table = at(guest + 0x20);
	for (unsigned int i = 0; i < 4; i++)
		table[i] = 0x10001 + 0x1000 * i;
	REQUIRE_EQ(set(R(Cr4), CR4_PAE, 0), S_OK);
	REQUIRE_EQ(set(R(Cr0), CR0_PE | CR0_PG, 0), S_OK);
	REQUIRE_EQ(set(R(Cr3), 0x4020, 0), S_OK);
	for (unsigned int i = 0; i < 4; i++)
		REQUIRE_EQ(virt_get(vp_of(handle, 0)->virt, (enum virt_reg)(VIRT_PDPTE0 + i)),
			   table[i]);
	REQUIRE_EQ(set(R(Cr3), 0x8000, 0), S_OK); /* nothing is mapped there */
	REQUIRE_EQ(virt_get(vp_of(handle, 0)->virt, VIRT_PDPTE0), 0);
	delete_all(handle);
	check_clean();
}

/* A processor that holds none reads them at each walk; here setting one would scream. */
static void pae_pointers_stay_in_memory_without_registers(void)
{
	vp_machine();
	virt_machine.has_pdptes = false;
	REQUIRE_EQ(set(R(Cr4), CR4_PAE, 0), S_OK);
	REQUIRE_EQ(set(R(Cr0), CR0_PE | CR0_PG, 0), S_OK);
	REQUIRE_EQ(set(R(Cr3), 0x8000, 0), S_OK);
	check_reads(R(Cr3), 0x8000, 0);
	delete_all(handle);
	check_clean();
}

/* A batch is checked whole before any of it is written; a value is not tried in order to be judged. */
static void what_is_only_checked_is_not_written(void)
{
	uint64_t *value;
	uint32_t *name;

	vp_machine();
	vp_of(handle, 0)->partition->model.has |= HAS_SPEC_CTRL;
	vp_of(handle, 0)->partition->model.spec_ctrl = SPEC_CTRL_IBRS;
	name = at(names_at);
	value = at(values_at);
	memset(value, 0, 48);
	name[0] = R(SpecCtrl);
	value[0] = SPEC_CTRL_IBRS;
	name[1] = R(Pat);
	value[2] = 0x0606060606060606;
	name[2] = R(Cr8);
	value[4] = 16;
	n_sets = 0;
	REQUIRE(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 3, values_at) != S_OK);
	REQUIRE_EQ(shared()->error_register, R(Cr8));
	REQUIRE_EQ(n_sets, 0);
	value[4] = 15;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, handle, 0, names_at, 3, values_at), S_OK);
	REQUIRE(n_sets >= 2);
	check_reads(R(SpecCtrl), SPEC_CTRL_IBRS, 0);
	check_refuses(R(SpecCtrl), 1ull << 63, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(state_after_creation),
		TEST(registers_round_trip),
		TEST(values_that_can_never_be_right_are_refused),
		TEST(mxcsr_takes_what_the_processor_takes),
		TEST(every_name_is_known),
		TEST(other_names_do_not_exist),
		TEST(every_refusal_is_documented),
		TEST(all_or_nothing),
		TEST(a_refused_call_leaves_events_alone),
		TEST(counts_and_buffers),
		TEST(shared_page_is_taken_over_once),
		TEST(pae_pointers_follow_cr3),
		TEST(pae_pointers_stay_in_memory_without_registers),
		TEST(what_is_only_checked_is_not_written),
	};

	return RUN(tests);
}
