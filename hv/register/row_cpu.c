/* SPDX-License-Identifier: MIT */
/*
 * WHV_REGISTER_NAME 0 to 0FFFh: general registers, RIP, RFLAGS, segments, tables, control and debug
 * registers.
 */
#include "hv/cpu/cr.h"
#include "hv/cpu/entry.h"
#include "hv/register/register.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/rflags.h"

/* ---- General registers, RIP, RFLAGS ------------------------------------------------------ */

static const char *get_gpr(REGISTER_GET)
{
	value->Reg64 = virt_regs(vp->virt)->gpr[i];
	return NULL;
}

static void set_gpr(REGISTER_SET)
{
	virt_regs(vp->virt)->gpr[i] = value->Reg64;
	virt_regs(vp->virt)->changed = true;
}

static const char *get_rip(REGISTER_GET)
{
	value->Reg64 = virt_regs(vp->virt)->rip;
	return NULL;
}

static void set_rip(REGISTER_SET)
{
	entry_note_rip(vp, value->Reg64);
	virt_regs(vp->virt)->rip = value->Reg64;
	virt_regs(vp->virt)->changed = true;
}

static const char *get_rflags(REGISTER_GET)
{
	value->Reg64 = virt_regs(vp->virt)->rflags;
	return NULL;
}

static const char *check_rflags(REGISTER_SET)
{
	return value->Reg64 & ~(uint64_t)(RFLAGS_DEFINED | RFLAGS_ONE)
		       ? "RFLAGS has a reserved bit set"
		       : NULL;
}

static void set_rflags(REGISTER_SET)
{
	virt_regs(vp->virt)->rflags = value->Reg64 | RFLAGS_ONE;
	virt_regs(vp->virt)->changed = true;
}

/* ---- Segments and tables ----------------------------------------------------------------- */

_Static_assert(sizeof(WHV_X64_SEGMENT_REGISTER) == sizeof(struct x86_segment),
	       "copied without conversion");

static const char *get_segment(REGISTER_GET)
{
	virt_get_segment(vp->virt, (enum x86_seg)i, (struct x86_segment *)(void *)&value->Segment);
	return NULL;
}

static void set_segment(REGISTER_SET)
{
	virt_set_segment(vp->virt, (enum x86_seg)i,
			 (const struct x86_segment *)(const void *)&value->Segment);
}

/* IDTR has the lower name. */
static const char *get_table(REGISTER_GET)
{
	struct x86_segment table;

	virt_get_segment(vp->virt, (enum x86_seg)(SEG_IDTR - i), &table);
	value->Table.Limit = (UINT16)table.limit;
	value->Table.Base = table.base;
	return NULL;
}

static void set_table(REGISTER_SET)
{
	const struct x86_segment table = { .base = value->Table.Base, .limit = value->Table.Limit };

	virt_set_segment(vp->virt, (enum x86_seg)(SEG_IDTR - i), &table);
}

/* ---- Control and debug registers --------------------------------------------------------- */

static const char *check_cr0(REGISTER_SET)
{
	return cr0_refusal(vp, value->Reg64);
}

static void set_cr0(REGISTER_SET)
{
	virt_set(vp->virt, VIRT_CR0, value->Reg64 | CR0_ET);
}

static const char *check_cr3(REGISTER_SET)
{
	return value->Reg64 >> virt_machine.physical_bits
		       ? "CR3 is beyond the physical address width"
		       : NULL;
}

static const char *check_cr4(REGISTER_SET)
{
	return cr4_refusal(vp, value->Reg64);
}

static const char *get_cr8(REGISTER_GET)
{
	value->Reg64 = vp_cr8(vp);
	return NULL;
}

static const char *check_cr8(REGISTER_SET)
{
	return value->Reg64 > 15 ? "CR8 has 4 bits" : NULL;
}

static void set_cr8(REGISTER_SET)
{
	vp_set_cr8(vp, value->Reg64);
}

static void set_dr6(REGISTER_SET)
{
	virt_set(vp->virt, VIRT_DR6, (value->Reg64 & DR6_WRITABLE) | DR6_INIT);
}

static void set_dr7(REGISTER_SET)
{
	virt_set(vp->virt, VIRT_DR7, (value->Reg64 & DR7_WRITABLE) | DR7_INIT);
}

static const char *check_xcr0(REGISTER_SET)
{
	return xcr0_refusal(vp, value->Reg64);
}

#define VIRTUAL_CR "there are no levels of trust whose control registers would be virtual"

/* clang-format off */
static const struct register_row rows[] = {
	[AT(WHvX64RegisterRax) ... AT(WHvX64RegisterR15)] = { get_gpr, NULL, set_gpr, NULL, WHvX64RegisterRax, 0, 0 },
	[AT(WHvX64RegisterRip)] = { get_rip, NULL, set_rip, NULL, WHvX64RegisterRip, 0, 0 },
	[AT(WHvX64RegisterRflags)] = { get_rflags, check_rflags, set_rflags, NULL, WHvX64RegisterRflags, 0, 0 },
	[AT(WHvX64RegisterEs) ... AT(WHvX64RegisterTr)] = { get_segment, NULL, set_segment, NULL, WHvX64RegisterEs, 0, 0 },
	[AT(WHvX64RegisterIdtr) ... AT(WHvX64RegisterGdtr)] = { get_table, NULL, set_table, NULL, WHvX64RegisterIdtr, 0, 0 },
	[AT(WHvX64RegisterCr0)] = { register_get_virt, check_cr0, set_cr0, NULL, WHvX64RegisterCr0, VIRT_CR0, 0 },
	[AT(WHvX64RegisterCr2)] = { register_get_virt, NULL, register_set_virt, NULL, WHvX64RegisterCr2, VIRT_CR2, 0 },
	[AT(WHvX64RegisterCr3)] = { register_get_virt, check_cr3, register_set_virt, NULL, WHvX64RegisterCr3, VIRT_CR3, 0 },
	[AT(WHvX64RegisterCr4)] = { register_get_virt, check_cr4, register_set_virt, NULL, WHvX64RegisterCr4, VIRT_CR4, 0 },
	[AT(WHvX64RegisterCr8)] = { get_cr8, check_cr8, set_cr8, NULL, WHvX64RegisterCr8, 0, 0 },
	[AT(WHvX64RegisterDr0) ... AT(WHvX64RegisterDr3)] = { register_get_virt, NULL, register_set_virt, NULL, WHvX64RegisterDr0, VIRT_DR0, 0 },
	[AT(WHvX64RegisterDr6)] = { register_get_virt, register_check_low, set_dr6, NULL, WHvX64RegisterDr6, VIRT_DR6, 0 },
	[AT(WHvX64RegisterDr7)] = { register_get_virt, register_check_low, set_dr7, NULL, WHvX64RegisterDr7, VIRT_DR7, 0 },
	[AT(WHvX64RegisterXCr0)] = { register_get_virt, check_xcr0, register_set_virt, NULL, WHvX64RegisterXCr0, VIRT_XCR0, 0 },
	[AT(WHvX64RegisterVirtualCr0) ... AT(WHvX64RegisterVirtualCr8)] = { register_get_none, NULL, NULL, VIRTUAL_CR, WHvX64RegisterVirtualCr0, 0, 0 },
};
/* clang-format on */

REGISTER_TABLE(register_cpu, rows);
