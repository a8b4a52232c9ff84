/* SPDX-License-Identifier: MIT */
/*
 * WHV_REGISTER_NAME 2000h to 2FFFh, registers that guests know as MSRs. Those that every VP has are
 * kept by virt_set() or by the VP; of the others hv/cpu/msr.c decides whether the processor model
 * has them, and which values they take.
 */
#include "hv/cpu/cr.h"
#include "hv/cpu/msr.h"
#include "hv/register/register.h"
#include "hv/cpu/time.h"
#include "hv/cpu/mtrr.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/apic.h"
#include "x86/msr.h"

/* MSRs that are named here alone. */
#define MPERF_MSR	 0xe7u
#define APERF_MSR	 0xe8u
#define TSX_CTRL_MSR	 0x122u
#define XFD_MSR		 0x1c4u
#define XFD_ERR_MSR	 0x1c5u
#define U_CET_MSR	 0x6a0u
#define S_CET_MSR	 0x6a2u
#define PL0_SSP_MSR	 0x6a4u
#define SSP_TABLE_MSR	 0x6a8u
#define BNDCFGS_MSR	 0xd90u
#define AMD_VM_CR_MSR	 0xc0010114u
#define AMD_HSAVE_PA_MSR 0xc0010117u

static const char *check_canonical(REGISTER_SET)
{
	return cr_is_canonical(vp, value->Reg64) ? NULL : "the address is not canonical";
}

static const char *check_efer(REGISTER_SET)
{
	return efer_refusal(vp, value->Reg64);
}

static const char *check_pat(REGISTER_SET)
{
	return msr_pat_is_legal(value->Reg64) ? NULL : "PAT has a memory type that does not exist";
}

static const char *get_apic_id(REGISTER_GET)
{
	value->Reg64 = vp->index;
	return NULL;
}

static const char *check_apic_id(REGISTER_SET)
{
	return value->Reg64 != vp->index ? "the initial APIC ID is the VP's index" : NULL;
}

/* ---- Time -------------------------------------------------------------------------------- */

static const char *get_tsc(REGISTER_GET)
{
	value->Reg64 = time_tsc(vp);
	return NULL;
}

static void set_tsc(REGISTER_SET)
{
	time_put_tsc(vp, value->Reg64);
}

static void set_tsc_offset(REGISTER_SET)
{
	time_put_offset(vp, value->Reg64);
}

/* As a client puts it, it is a value to be read back; only the guest's own write moves the TSC. */
static const char *get_tsc_adjust(REGISTER_GET)
{
	value->Reg64 = vp->tsc_adjust;
	return NULL;
}

static void set_tsc_adjust(REGISTER_SET)
{
	vp->tsc_adjust = value->Reg64;
}

/* ---- What hv/cpu/msr.c has ------------------------------------------------------------------- */

#define RESERVED_BIT "the register has a reserved bit set, or a value that does not exist"

static uint32_t msr_of(const struct register_row *row, uint32_t i)
{
	return row->arg + i * row->stride;
}

static const char *get_msr(REGISTER_GET)
{
	uint64_t now = 0;

	if (!msr_read(vp, msr_of(row, i), &now))
		return row->lacks;
	value->Reg64 = now;
	return NULL;
}

/* Past the table: clients read all of them, often. */
static const char *get_mtrr(REGISTER_GET)
{
	if (row->stride == 2 && i >= MTRR_VARIABLE)
		return row->lacks;
	value->Reg64 = mtrr_read(vp, msr_of(row, i));
	return NULL;
}

static void set_msr(REGISTER_SET)
{
	(void)msr_write(vp, msr_of(row, i), value->Reg64);
}

/*
 * A register that cannot be changed takes the value that it has, and one that the model lacks takes
 * 0.
 */
static const char *check_msr(REGISTER_SET)
{
	const uint32_t msr = msr_of(row, i);
	uint64_t now = 0;

	(void)msr_read(vp, msr, &now);
	return value->Reg64 == now || msr_takes(vp, msr, value->Reg64) ? NULL : RESERVED_BIT;
}

static const char *check_misc_enable(REGISTER_SET)
{
	return msr_misc_enable_is_legal(value->Reg64) ? NULL : RESERVED_BIT;
}

static void set_msr_if_new(REGISTER_SET)
{
	uint64_t now = 0;

	if (!msr_read(vp, msr_of(row, i), &now) || now != value->Reg64)
		set_msr(vp, row, i, value);
}

/* A command: it reads as 0, and a write of 0 does nothing. */
static const char *get_command(REGISTER_GET)
{
	return msr_write(vp, row->arg, 0) ? NULL : row->lacks;
}

static const char *check_command(REGISTER_SET)
{
	return value->Reg64 & ~PRED_CMD_IBPB ? "the command does not exist" : NULL;
}

/* ---- IA32_APIC_BASE and the timer's deadline: the local APIC's, if the VP has one --------- */

static const char *get_apic_msr(REGISTER_GET)
{
	uint64_t now = 0;

	if (!vp->apic.page)
		return get_msr(vp, row, i, value);
	if (!apic_read_msr(vp, row->arg, &now))
		return row->lacks;
	value->Reg64 = now;
	return NULL;
}

static const char *check_apic_base(REGISTER_SET)
{
	uint64_t may = APIC_BASE_BSP | APIC_BASE_ENABLE;

	if (!vp->apic.page)
		return check_msr(vp, row, i, value);
	if (vp->partition->properties.apic_mode == WHvX64LocalApicEmulationModeX2Apic)
		may |= APIC_BASE_EXTD;
	if ((value->Reg64 & PAGE_MASK) != APIC_PAGE)
		return "ApicBase: the local APIC's page stays where it is, at FEE00000h";
	if (PAGE_OFFSET(value->Reg64) & ~may)
		return "ApicBase has a bit set that the processor model does not offer";
	if ((value->Reg64 & APIC_BASE_EXTD) && !(value->Reg64 & APIC_BASE_ENABLE))
		return "ApicBase has the x2APIC enabled, and the APIC disabled";
	return NULL;
}

/* The architecture knows steps from mode to mode; a client says where they are to end. */
static void set_apic_base(REGISTER_SET)
{
	if (vp->apic.page)
		(void)apic_set_base(vp, value->Reg64);
	else
		set_msr(vp, row, i, value);
}

static void set_deadline(REGISTER_SET)
{
	apic_set_deadline(vp, value->Reg64);
}

#define NO_MSR	 "the processor model does not have this register"
#define NO_CET	 "the processor model has no control-flow enforcement"
#define NO_VMX	 "the processor model has no VMX and no SVM"
#define NO_RANGE "the processor model has fewer variable-range MTRRs"

/* clang-format off */
static const struct register_row rows[] = {
	[AT(WHvX64RegisterTsc)] = { get_tsc, NULL, set_tsc, NULL, WHvX64RegisterTsc, 0, 0 },
	[AT(WHvX64RegisterEfer)] = { register_get_virt, check_efer, register_set_virt, NULL, WHvX64RegisterEfer, VIRT_EFER, 0 },
	[AT(WHvX64RegisterKernelGsBase)] = { register_get_virt, check_canonical, register_set_virt, NULL, WHvX64RegisterKernelGsBase, VIRT_KERNEL_GS_BASE, 0 },
	[AT(WHvX64RegisterApicBase)] = { get_apic_msr, check_apic_base, set_apic_base, NULL, WHvX64RegisterApicBase, MSR_APIC_BASE, 0 },
	[AT(WHvX64RegisterPat)] = { register_get_virt, check_pat, register_set_virt, NULL, WHvX64RegisterPat, VIRT_PAT, 0 },
	[AT(WHvX64RegisterSysenterCs)] = { register_get_virt, register_check_low, register_set_virt, NULL, WHvX64RegisterSysenterCs, VIRT_SYSENTER_CS, 0 },
	[AT(WHvX64RegisterSysenterEip)] = { register_get_virt, check_canonical, register_set_virt, NULL, WHvX64RegisterSysenterEip, VIRT_SYSENTER_EIP, 0 },
	[AT(WHvX64RegisterSysenterEsp)] = { register_get_virt, check_canonical, register_set_virt, NULL, WHvX64RegisterSysenterEsp, VIRT_SYSENTER_ESP, 0 },
	[AT(WHvX64RegisterStar)] = { register_get_virt, NULL, register_set_virt, NULL, WHvX64RegisterStar, VIRT_STAR, 0 },
	[AT(WHvX64RegisterLstar)] = { register_get_virt, check_canonical, register_set_virt, NULL, WHvX64RegisterLstar, VIRT_LSTAR, 0 },
	[AT(WHvX64RegisterCstar)] = { register_get_virt, check_canonical, register_set_virt, NULL, WHvX64RegisterCstar, VIRT_CSTAR, 0 },
	[AT(WHvX64RegisterSfmask)] = { register_get_virt, register_check_low, register_set_virt, NULL, WHvX64RegisterSfmask, VIRT_FMASK, 0 },
	[AT(WHvX64RegisterInitialApicId)] = { get_apic_id, check_apic_id, register_set_nothing, NULL, WHvX64RegisterInitialApicId, 0, 0 },
	[AT(WHvX64RegisterMsrMtrrCap)] = { get_msr, check_msr, register_set_nothing, NO_MSR, WHvX64RegisterMsrMtrrCap, MSR_MTRRCAP, 0 },
	[AT(WHvX64RegisterMsrMtrrDefType)] = { get_mtrr, check_msr, set_msr, NO_MSR, WHvX64RegisterMsrMtrrDefType, MSR_MTRR_DEF_TYPE, 0 },
	[AT(WHvX64RegisterMsrMtrrPhysBase0) ... AT(WHvX64RegisterMsrMtrrPhysBaseF)] = { get_mtrr, check_msr, set_msr, NO_RANGE, WHvX64RegisterMsrMtrrPhysBase0, MSR_MTRR_PHYSBASE0, 2 },
	[AT(WHvX64RegisterMsrMtrrPhysMask0) ... AT(WHvX64RegisterMsrMtrrPhysMaskF)] = { get_mtrr, check_msr, set_msr, NO_RANGE, WHvX64RegisterMsrMtrrPhysMask0, MSR_MTRR_PHYSMASK0, 2 },
	[AT(WHvX64RegisterMsrMtrrFix64k00000)] = { get_mtrr, check_msr, set_msr, NO_MSR, WHvX64RegisterMsrMtrrFix64k00000, MSR_MTRR_FIX64K_00000, 0 },
	[AT(WHvX64RegisterMsrMtrrFix16k80000) ... AT(WHvX64RegisterMsrMtrrFix16kA0000)] = { get_mtrr, check_msr, set_msr, NO_MSR, WHvX64RegisterMsrMtrrFix16k80000, MSR_MTRR_FIX16K_80000, 1 },
	[AT(WHvX64RegisterMsrMtrrFix4kC0000) ... AT(WHvX64RegisterMsrMtrrFix4kF8000)] = { get_mtrr, check_msr, set_msr, NO_MSR, WHvX64RegisterMsrMtrrFix4kC0000, MSR_MTRR_FIX4K_C0000, 1 },
	[AT(WHvX64RegisterTscAux)] = { register_get_virt, register_check_low, register_set_virt, NULL, WHvX64RegisterTscAux, VIRT_TSC_AUX, 0 },
	[AT(WHvX64RegisterBndcfgs)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterBndcfgs, BNDCFGS_MSR, 0 },
	[AT(WHvX64RegisterMCount)] = { get_msr, check_msr, set_msr_if_new, NO_MSR, WHvX64RegisterMCount, MPERF_MSR, 0 },
	[AT(WHvX64RegisterACount)] = { get_msr, check_msr, set_msr_if_new, NO_MSR, WHvX64RegisterACount, APERF_MSR, 0 },
	[AT(WHvX64RegisterSpecCtrl)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterSpecCtrl, MSR_SPEC_CTRL, 0 },
	[AT(WHvX64RegisterPredCmd)] = { get_command, check_command, set_msr, NO_MSR, WHvX64RegisterPredCmd, MSR_PRED_CMD, 0 },
	[AT(WHvX64RegisterTscVirtualOffset)] = { register_get_virt, NULL, set_tsc_offset, NULL, WHvX64RegisterTscVirtualOffset, VIRT_TSC_OFFSET, 0 },
	[AT(WHvX64RegisterTsxCtrl)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterTsxCtrl, TSX_CTRL_MSR, 0 },
	[AT(WHvX64RegisterXss)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterXss, MSR_XSS, 0 },
	[AT(WHvX64RegisterUCet)] = { get_msr, check_msr, set_msr, NO_CET, WHvX64RegisterUCet, U_CET_MSR, 0 },
	[AT(WHvX64RegisterSCet)] = { get_msr, check_msr, set_msr, NO_CET, WHvX64RegisterSCet, S_CET_MSR, 0 },
	[AT(WHvX64RegisterSsp)] = { register_get_none, NULL, NULL, NO_CET, WHvX64RegisterSsp, 0, 0 },
	[AT(WHvX64RegisterPl0Ssp) ... AT(WHvX64RegisterPl3Ssp)] = { get_msr, check_msr, set_msr, NO_CET, WHvX64RegisterPl0Ssp, PL0_SSP_MSR, 1 },
	[AT(WHvX64RegisterInterruptSspTableAddr)] = { get_msr, check_msr, set_msr, NO_CET, WHvX64RegisterInterruptSspTableAddr, SSP_TABLE_MSR, 0 },
	[AT(WHvX64RegisterTscDeadline)] = { get_apic_msr, NULL, set_deadline, "the partition has no local APICs", WHvX64RegisterTscDeadline, MSR_TSC_DEADLINE, 0 },
	[AT(WHvX64RegisterTscAdjust)] = { get_tsc_adjust, NULL, set_tsc_adjust, NULL, WHvX64RegisterTscAdjust, 0, 0 },
	[AT(WHvX64RegisterUmwaitControl)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterUmwaitControl, MSR_UMWAIT_CONTROL, 0 },
	[AT(WHvX64RegisterXfd)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterXfd, XFD_MSR, 0 },
	[AT(WHvX64RegisterXfdErr)] = { get_msr, check_msr, set_msr, NO_MSR, WHvX64RegisterXfdErr, XFD_ERR_MSR, 0 },
	[AT(WHvX64RegisterMsrIa32MiscEnable)] = { get_msr, check_misc_enable, set_msr, NO_MSR, WHvX64RegisterMsrIa32MiscEnable, MSR_MISC_ENABLE, 0 },
	[AT(WHvX64RegisterIa32FeatureControl)] = { get_msr, check_msr, set_msr_if_new, NO_VMX, WHvX64RegisterIa32FeatureControl, MSR_FEATURE_CONTROL, 0 },
	[AT(WHvX64RegisterIa32VmxBasic) ... AT(WHvX64RegisterIa32VmxTrueEntryCtls)] = { get_msr, check_msr, register_set_nothing, NO_VMX, WHvX64RegisterIa32VmxBasic, MSR_VMX_BASIC, 1 },
	[AT(WHvX64RegisterAmdVmHsavePa)] = { get_msr, check_msr, set_msr, NO_VMX, WHvX64RegisterAmdVmHsavePa, AMD_HSAVE_PA_MSR, 0 },
	[AT(WHvX64RegisterAmdVmCr)] = { get_msr, check_msr, set_msr, NO_VMX, WHvX64RegisterAmdVmCr, AMD_VM_CR_MSR, 0 },
};
/* clang-format on */

REGISTER_TABLE(register_msr, rows);
