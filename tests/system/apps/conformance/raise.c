// SPDX-License-Identifier: MIT
/* See raise.h. */
#include "tests/system/apps/conformance/raise.h"

#include "tests/system/apps/conformance/check.h"
#include "tests/system/apps/conformance/emulator.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/paging.h"
#include "x86/rflags.h"

DECLARE_GUEST(raise_divide);
DECLARE_GUEST(raise_int1);
DECLARE_GUEST(raise_int3);
DECLARE_GUEST(raise_into);
DECLARE_GUEST(raise_bound);
DECLARE_GUEST(raise_bound_real);
DECLARE_GUEST(raise_limit_real);
DECLARE_GUEST(raise_stack_limit_real);
DECLARE_GUEST(raise_ud2);
DECLARE_GUEST(raise_fnop);
DECLARE_GUEST(raise_nop);
DECLARE_GUEST(raise_load_ds);
DECLARE_GUEST(raise_load_ss);
DECLARE_GUEST(raise_iret);
DECLARE_GUEST(raise_read_stack);
DECLARE_GUEST(raise_read);
DECLARE_GUEST(raise_write);
DECLARE_GUEST(raise_fetch);
DECLARE_GUEST(raise_read32);
DECLARE_GUEST(raise_rdmsr);
DECLARE_GUEST(raise_rdpmc);
DECLARE_GUEST(raise_wrmsr);
DECLARE_GUEST(raise_vmxoff);
DECLARE_GUEST(raise_read_dr0);
DECLARE_GUEST(raise_x87);
DECLARE_GUEST(raise_sse);

#define NOT_PRESENT  0x20u /* selector of a data segment */
#define NO_SELECTOR  0x1000u
#define GATE_PRESENT (1ull << 47)
#define LARGE	     0x200000ull

/* Pages of 2 MiB with something wrong; the walk ends there. */
enum { PAGE_ABSENT = 1, PAGE_READ_ONLY, PAGE_SUPERVISOR, PAGE_NX, PAGE_RESERVED };

static struct child *child;

/* ---- What makes the instruction fault ---------------------------------------------------- */

static void none(void)
{
}

static void set_cr0(uint64_t bits)
{
	CHECK_EQ(child_set(child, WHvX64RegisterCr0, child_get(child, WHvX64RegisterCr0) | bits),
		 S_OK);
}

static void set_rflags(uint64_t bits)
{
	CHECK_EQ(child_set(child, WHvX64RegisterRflags, RFLAGS_ONE | bits), S_OK);
}

static void with_ts(void)
{
	set_cr0(CR0_TS);
}

static void with_of(void)
{
	set_rflags(RFLAGS_OF);
}

static void with_tf(void)
{
	set_rflags(RFLAGS_TF);
}

static void with_bounds(void)
{
	uint32_t *const bounds = (uint32_t *)(void *)(child->ram + CHILD_DATA);

	bounds[0] = 0x00020001; /* 1 to 2 in 16 bits */
	bounds[1] = 0x00030002;
	CHECK_EQ(child_set(child, WHvX64RegisterRbx, CHILD_DATA), S_OK);
	CHECK_EQ(child_set(child, WHvX64RegisterRax, 0x50005), S_OK);
}

static void with_top(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterRbx, 0xfffe), S_OK);
	CHECK_EQ(child_set(child, WHvX64RegisterRbp, 0xfffe), S_OK);
}

static void with_absent_segment(void)
{
	((uint64_t *)(void *)(child->ram + CHILD_GDT))[NOT_PRESENT / 8] = 0x00cf13000000ffffull;
	CHECK_EQ(child_set(child, WHvX64RegisterRax, NOT_PRESENT), S_OK);
}

static void with_no_segment(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterRax, NO_SELECTOR), S_OK);
}

/* A return to the previous task, of which the back link says nothing. */
static void with_nt(void)
{
	set_rflags(RFLAGS_NT);
}

static void with_wild_pointer(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterRbx, 0x8000000000000000), S_OK);
	CHECK_EQ(child_set(child, WHvX64RegisterRbp, 0x8000000000000000), S_OK);
}

static void with_page(unsigned int page)
{
	uint64_t *const pd = (uint64_t *)(void *)(child->ram + CHILD_TABLES + 0x2000);

	pd[PAGE_ABSENT] = 0;
	pd[PAGE_READ_ONLY] &= ~(uint64_t)PTE_W;
	pd[PAGE_SUPERVISOR] &= ~(uint64_t)PTE_U;
	pd[PAGE_NX] |= PTE_NX;
	pd[PAGE_RESERVED] |= 1 << 13;
	CHECK_EQ(child_set(child, WHvX64RegisterRbx, page * LARGE + 0x123), S_OK);
}

static void with_page_absent(void)
{
	with_page(PAGE_ABSENT);
}

static void with_page_read_only(void)
{
	with_page(PAGE_READ_ONLY);
	set_cr0(CR0_WP);
}

static void with_page_nx(void)
{
	with_page(PAGE_NX);
}

static void with_page_reserved(void)
{
	with_page(PAGE_RESERVED);
}

static void with_page_supervisor(void)
{
	with_page(PAGE_SUPERVISOR);
	CHECK_EQ(child_enter_ring3(child, CHILD_LONG), S_OK);
}

static void with_ne(void)
{
	set_cr0(CR0_NE);
}

static void misalign(enum child_mode mode)
{
	CHECK_EQ(child_enter_ring3(child, mode), S_OK);
	set_cr0(CR0_AM);
	set_rflags(RFLAGS_AC);
	CHECK_EQ(child_set(child, WHvX64RegisterRbx, CHILD_DATA + 1), S_OK);
}

static void with_ac(void)
{
	misalign(CHILD_LONG);
}

static void with_ac32(void)
{
	misalign(CHILD_PROT32);
}

static void with_osxmmexcpt(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterCr4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), S_OK);
}

static void with_breakpoint(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterDr0, CHILD_CODE), S_OK);
	CHECK_EQ(child_set(child, WHvX64RegisterDr7, 0x401), S_OK);
}

static void with_gd(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterDr7, 0x400 | DR7_GD), S_OK);
}

/* #UD without a gate of its own is #NP, and that without one is #DF. */
static void with_gates_missing(void)
{
	uint64_t *const idt = (uint64_t *)(void *)(child->ram + CHILD_IDT);

	idt[2 * EXC_UD] &= ~GATE_PRESENT;
	idt[2 * EXC_NP] &= ~GATE_PRESENT;
}

static void with_vmx_msr(void)
{
	CHECK_EQ(child_set(child, WHvX64RegisterRcx, 0x480), S_OK);
}

/* ---- The rows ---------------------------------------------------------------------------- */

#define ROW(name, mode, vector, length, prepare)                                               \
	{                                                                                      \
#name, { guest_raise_##name, guest_raise_##name##_end }, mode, vector, length, \
			 prepare                                                               \
	}

/* clang-format off */
const struct raise raise_rows[RAISE_N] = {
	ROW(divide, CHILD_REAL, EXC_DE, 0, none),
	ROW(divide, CHILD_PROT32, EXC_DE, 0, none),
	ROW(divide, CHILD_LONG, EXC_DE, 0, none),
	ROW(int1, CHILD_REAL, EXC_DB, 1, none),
	ROW(int1, CHILD_LONG, EXC_DB, 1, none),
	ROW(nop, CHILD_PROT32, EXC_DB, 0, with_tf),
	ROW(nop, CHILD_LONG, EXC_DB, 0, with_tf),
	ROW(nop, CHILD_LONG, EXC_DB, 0, with_breakpoint),
	ROW(read_dr0, CHILD_LONG, EXC_DB, 0, with_gd),
	ROW(int3, CHILD_REAL, EXC_BP, 1, none),
	ROW(int3, CHILD_PROT32, EXC_BP, 1, none),
	ROW(int3, CHILD_LONG, EXC_BP, 1, none),
	ROW(into, CHILD_REAL, EXC_OF, 1, with_of),
	ROW(into, CHILD_PROT32, EXC_OF, 1, with_of),
	ROW(bound, CHILD_PROT32, EXC_BR, 0, with_bounds),
	ROW(bound_real, CHILD_REAL, EXC_BR, 0, with_bounds),
	ROW(ud2, CHILD_REAL, EXC_UD, 0, none),
	ROW(ud2, CHILD_PROT32, EXC_UD, 0, none),
	ROW(ud2, CHILD_LONG, EXC_UD, 0, none),
	ROW(vmxoff, CHILD_PROT32, EXC_UD, 0, none),
	ROW(fnop, CHILD_REAL, EXC_NM, 0, with_ts),
	ROW(fnop, CHILD_LONG, EXC_NM, 0, with_ts),
	ROW(ud2, CHILD_LONG, EXC_DF, 0, with_gates_missing),
	ROW(iret, CHILD_PROT32, EXC_TS, 0, with_nt),
	ROW(load_ds, CHILD_PROT32, EXC_NP, 0, with_absent_segment),
	ROW(load_ds, CHILD_LONG, EXC_NP, 0, with_absent_segment),
	ROW(load_ss, CHILD_PROT32, EXC_SS, 0, with_absent_segment),
	ROW(read_stack, CHILD_LONG, EXC_SS, 0, with_wild_pointer),
	ROW(stack_limit_real, CHILD_REAL, EXC_SS, 0, with_top),
	ROW(limit_real, CHILD_REAL, EXC_GP, 0, with_top),
	ROW(load_ds, CHILD_PROT32, EXC_GP, 0, with_no_segment),
	ROW(read, CHILD_LONG, EXC_GP, 0, with_wild_pointer),
	ROW(rdmsr, CHILD_PROT32, EXC_GP, 0, with_vmx_msr),
	ROW(rdpmc, CHILD_PROT32, EXC_GP, 0, none),
	ROW(rdpmc, CHILD_LONG, EXC_GP, 0, none),
	ROW(wrmsr, CHILD_LONG, EXC_GP, 0, with_vmx_msr),
	ROW(read, CHILD_LONG, EXC_PF, 0, with_page_absent),
	ROW(write, CHILD_LONG, EXC_PF, 0, with_page_absent),
	ROW(write, CHILD_LONG, EXC_PF, 0, with_page_read_only),
	ROW(fetch, CHILD_LONG, EXC_PF, 0, with_page_nx),
	ROW(read, CHILD_LONG, EXC_PF, 0, with_page_supervisor),
	ROW(read, CHILD_LONG, EXC_PF, 0, with_page_reserved),
	ROW(x87, CHILD_LONG, EXC_MF, 0, with_ne),
	ROW(read, CHILD_LONG, EXC_AC, 0, with_ac),
	ROW(read32, CHILD_PROT32, EXC_AC, 0, with_ac32),
	ROW(sse, CHILD_LONG, EXC_XM, 0, with_osxmmexcpt),
};
/* clang-format on */

bool raise_is_out(const struct raise *row, bool exits)
{
	if (row->code.start == guest_raise_int1)
		return emulator_has(FAULT_INT1);
	if (row->prepare == with_breakpoint)
		return emulator_has(FAULT_BREAKPOINTS);
	if (row->code.start == guest_raise_read_stack)
		return emulator_has(FAULT_STACK);
	if (row->prepare == with_top)
		return emulator_has(FAULT_LIMITS);
	if (row->vector == EXC_AC)
		return emulator_has(FAULT_AC);
	if (row->vector == EXC_XM)
		return emulator_has(FAULT_XM);
	if (exits && row->vector == EXC_DF)
		return emulator_has(FAULT_DF);
	return exits && row->soft_length && emulator_has(FAULT_INT3);
}

HRESULT raise_create(struct child *to, const struct raise *row,
		     HRESULT (*configure)(WHV_PARTITION_HANDLE partition))
{
	const HRESULT hr = child_create_configured(to, row->mode, row->code, configure);

	if (FAILED(hr))
		return hr;
	child = to;
	child_gates(to, row->mode);
	row->prepare();
	return child_set(to, WHvX64RegisterCr2, RAISE_OLD_CR2);
}
