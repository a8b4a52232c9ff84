/* SPDX-License-Identifier: MIT */
/*
 * A child's MSRs are the rows of a table, sorted by number. A row counts if the partition has the
 * features that it needs. Without a row, or without a function in it, the access goes to the client
 * if the properties say so, and gives #GP(0) otherwise. Behind a row there is only the VP's own
 * state: no access of a child reaches an MSR of the machine, except two commands that leave nothing
 * behind there.
 *
 * The table has the MSRs that systems read without being ready for a fault: Linux and Windows at
 * their start, SeaBIOS and OVMF. It has none of Hyper-V's and KVM's ranges. Some are one vendor's;
 * those of Intel's that are registers of WHP as well are there on all processors.
 */
#include "hv/cpu/msr.h"

#include "hv/call/capability.h"
#include "hv/cpu/cr.h"
#include "hv/cpu/time.h"
#include "hv/cpu/mtrr.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define MISC_ALWAYS	   (MISC_BTS_UNAVAILABLE | MISC_PEBS_UNAVAILABLE)
#define MICROCODE_REVISION (1ull << 32)	 /* in the upper half; what KVM's guests see, too */
#define PATCH_LEVEL	   0x01000065ull /* AMD's, in the lower half; the same */
#define HWCR_TAKEN \
	(HWCR_TLB_CACHE_DIS | HWCR_FFDIS | HWCR_IGNNE_EM | HWCR_MC_STATUS_WR | HWCR_TSC_FREQ_SEL)
#define UMWAIT_RESERVED (1ull << 1)
#define MTRRCAP_VALUE	(MTRR_VARIABLE | MTRRCAP_FIX | MTRRCAP_WC)

struct msr_row {
	uint32_t first, last;
	uint32_t needs; /* HAS_… */
	uint64_t arg;	/* enum virt_reg, enum x86_seg, a value, as the functions want it */
	bool (*read)(struct vp *vp, const struct msr_row *row, uint32_t msr, uint64_t *value);
	bool (*write)(struct vp *vp, const struct msr_row *row, uint32_t msr, uint64_t value);
	const char *reason;
};

#define READ  struct vp *vp, const struct msr_row *row, uint32_t msr, uint64_t *value
#define WRITE struct vp *vp, const struct msr_row *row, uint32_t msr, uint64_t value

bool msr_pat_is_legal(uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++) {
		const uint64_t type = (value >> (8 * i)) & 0xff;

		if (!msr_is_memory_type(type) && type != 7 /* UC- */)
			return false;
	}
	return true;
}

static bool read_constant(READ)
{
	*value = row->arg;
	return true;
}

static bool write_zero(WRITE)
{
	return !value;
}

static bool write_ignored(WRITE)
{
	return true;
}

static bool read_reg(READ)
{
	*value = virt_get(vp->virt, (enum virt_reg)row->arg);
	return true;
}

static bool write_reg(WRITE)
{
	virt_set(vp->virt, (enum virt_reg)row->arg, value);
	return true;
}

static bool write_reg_low(WRITE)
{
	return write_reg(vp, row, msr, value & LOW_32);
}

static bool write_reg_address(WRITE)
{
	return cr_is_canonical(vp, value) && write_reg(vp, row, msr, value);
}

static bool write_pat(WRITE)
{
	return msr_pat_is_legal(value) && write_reg(vp, row, msr, value);
}

static bool write_efer(WRITE)
{
	return cr_write_efer(vp, value);
}

static bool write_xss(WRITE)
{
	return !xss_refusal(vp, value) && write_reg(vp, row, msr, value);
}

static bool write_tsc_aux(WRITE)
{
	return !(value & ~LOW_32) && write_reg(vp, row, msr, value);
}

static bool read_segment_base(READ)
{
	struct x86_segment segment;

	virt_get_segment(vp->virt, (enum x86_seg)row->arg, &segment);
	*value = segment.base;
	return true;
}

static bool write_segment_base(WRITE)
{
	struct x86_segment segment;

	if (!cr_is_canonical(vp, value))
		return false;
	virt_get_segment(vp->virt, (enum x86_seg)row->arg, &segment);
	segment.base = value;
	virt_set_segment(vp->virt, (enum x86_seg)row->arg, &segment);
	return true;
}

static bool read_tsc(READ)
{
	*value = time_tsc(vp);
	return true;
}

static bool write_tsc(WRITE)
{
	time_write_tsc(vp, value);
	return true;
}

static bool read_adjust(READ)
{
	*value = vp->tsc_adjust;
	return true;
}

static bool write_adjust(WRITE)
{
	time_write_adjust(vp, value);
	return true;
}

static bool read_apic(READ)
{
	return apic_read_msr(vp, msr, value);
}

static bool write_apic(WRITE)
{
	return apic_write_msr(vp, msr, value);
}

/* Without an APIC in the hypervisor the client has one, perhaps, and looks here. */
static bool read_apic_base(READ)
{
	if (vp->apic.page)
		return apic_read_msr(vp, msr, value);
	*value = vp->apic_base;
	return true;
}

static bool takes_apic_base(const struct vp *vp, uint64_t value)
{
	const unsigned int width = vp->partition->properties.physical_bits;
	const uint64_t address = ((1ull << width) - 1) & PAGE_MASK;

	return !(value & ~(address | APIC_BASE_BSP | APIC_BASE_ENABLE));
}

static bool write_apic_base(WRITE)
{
	if (vp->apic.page)
		return apic_write_msr(vp, msr, value);
	if (!takes_apic_base(vp, value))
		return false;
	vp->apic_base = value;
	return true;
}

static bool read_misc_enable(READ)
{
	*value = vp->misc_enable | MISC_ALWAYS;
	return true;
}

/*
 * The treatment of each bit that the manual calls writable or read-only; the others are reserved.
 * SDM 4 "Architectural MSRs", and those of the families from Pentium 4 on: guests write them by the
 * family that CPUID shows.
 */
enum misc_way { WORKS, KEPT, FIXED };

/* clang-format off */
static const struct { uint64_t bits; enum misc_way way; const char *reason; } misc_rows[] = {
	{ MISC_LIMIT_CPUID, WORKS, "CPUID leaf 0 says 2 at most" },
	{ MISC_XD_DISABLE, WORKS, "CPUID shows no NX, EFER.NXE is clear and cannot be set" },
	{ MISC_FAST_STRINGS, KEPT, "the processor's strings are as fast as the machine has set them" },
	{ 1ull << 2, KEPT, "x87 opcode compatibility: the processor's own is as it is" },
	{ 1ull << 3 | 1ull << 13, KEPT, "thermal control: the machine's" },
	{ 1ull << 4 | 1ull << 8, KEPT, "locks on the bus: the machine's" },
	{ 1ull << 6 | 1ull << 24, KEPT, "caches: the machine's" },
	{ 1ull << 9 | 1ull << 19 | 1ull << 37 | 1ull << 39, KEPT, "prefetchers: the machine's" },
	{ 1ull << 10, KEPT, "FERR#: there is no pin" },
	{ 1ull << 23, KEPT, "xTPR messages: there is no bus" },
	{ 1ull << 38, KEPT, "turbo: the machine's" },
	{ 1ull << 7, FIXED, "read-only: no performance counters" },
	{ MISC_BTS_UNAVAILABLE | MISC_PEBS_UNAVAILABLE, FIXED, "read-only: neither is there" },
	{ 1ull << 16 | 1ull << 20, FIXED, "SpeedStep and its lock: CPUID shows none, and they stay clear" },
	{ 1ull << 18, FIXED, "MONITOR: CPUID shows none, and it stays clear" },
};
/* clang-format on */

/* The bits that go one of these ways (a mask of 1 << enum misc_way). */
static uint64_t misc_bits(unsigned int ways)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < sizeof(misc_rows) / sizeof(misc_rows[0]); i++)
		if (ways >> misc_rows[i].way & 1)
			bits |= misc_rows[i].bits;
	return bits;
}

bool msr_misc_enable_is_legal(uint64_t value)
{
	return !(value & ~misc_bits(1u << WORKS | 1u << KEPT | 1u << FIXED));
}

static bool write_misc_enable(WRITE)
{
	if (!msr_misc_enable_is_legal(value))
		return false;
	vp->misc_enable = value & misc_bits(1u << WORKS | 1u << KEPT);
	vp->cpuid_look = value & misc_bits(1u << WORKS) ? MODEL_LOOK : 0;
	if (value & MISC_XD_DISABLE)
		virt_set(vp->virt, VIRT_EFER, virt_get(vp->virt, VIRT_EFER) & ~EFER_NXE);
	return true;
}

/*
 * Steps from branch to branch are the processor's; of branches there are no records, and the bit
 * that asks for them stays clear.
 */
static bool write_debugctl(WRITE)
{
	if (value & ~(DEBUGCTL_BTF | DEBUGCTL_LBR))
		return false;
	return write_reg(vp, row, msr, value & DEBUGCTL_BTF);
}

static bool read_mtrr(READ)
{
	*value = mtrr_read(vp, msr);
	return true;
}

static bool write_mtrr(WRITE)
{
	return mtrr_write(vp, msr, value);
}

static bool takes_spec_ctrl(const struct vp *vp, uint64_t value)
{
	return !(value & ~vp->partition->model.spec_ctrl);
}

static bool write_spec_ctrl(WRITE)
{
	return takes_spec_ctrl(vp, value) && write_reg(vp, row, msr, value);
}

static bool read_arch_capabilities(READ)
{
	*value = vp->partition->model.arch_capabilities;
	return true;
}

/* Done on this processor at once: where the VP has run until now. */
static bool command(uint32_t msr, uint64_t value, uint64_t possible)
{
	if (value & ~possible)
		return false;
	return !value || virt_wrmsr(msr, value);
}

/* The bits of the row. */
static bool write_command(WRITE)
{
	return command(msr, value, row->arg);
}

static bool write_pred_cmd(WRITE)
{
	const bool has_sbpb = vp->partition->model.has & HAS_SBPB;

	return command(msr, value, row->arg | (has_sbpb ? PRED_CMD_SBPB : 0));
}

static bool read_revision(READ)
{
	*value = vp->partition->model.has & HAS_AMD ? PATCH_LEVEL : MICROCODE_REVISION;
	return true;
}

static bool read_de_cfg(READ)
{
	*value = vp->partition->model.has & HAS_LFENCE ? DE_CFG_LFENCE : 0;
	return true;
}

/* Bits that systems set are taken, and have no effect. */
static bool write_hwcr(WRITE)
{
	return !(value & ~HWCR_TAKEN);
}

static bool read_umwait(READ)
{
	*value = vp->umwait_control;
	return true;
}

static bool takes_umwait(uint64_t value)
{
	return !(value & (UMWAIT_RESERVED | ~LOW_32));
}

static bool write_umwait(WRITE)
{
	if (!takes_umwait(value))
		return false;
	vp->umwait_control = value;
	return true;
}

#define ONE(msr) (msr), (msr)

/* clang-format off */
static const struct msr_row rows[] = {
	{ MSR_P5_MC_ADDR, MSR_P5_MC_TYPE, 0, 0, read_constant, write_zero,
	  "CPUID shows MCE, which they came with: no machine check reaches a child" },
	{ ONE(MSR_TSC), 0, 0, read_tsc, write_tsc, "the VP's own, by the offset" },
	{ ONE(MSR_PLATFORM_ID), HAS_INTEL, 0, read_constant, NULL, "Linux and Windows read it" },
	{ ONE(MSR_APIC_BASE), 0, 0, read_apic_base, write_apic_base, "the APIC's, or the client's" },
	{ ONE(MSR_EBL_CR_POWERON), HAS_INTEL, 0, read_constant, write_zero, "KVM's guests read it" },
	{ ONE(MSR_SMI_COUNT), HAS_INTEL, 0, read_constant, NULL, "no SMI reaches a child" },
	{ ONE(MSR_FEATURE_CONTROL), 0, FEATURE_CONTROL_LOCKED, read_constant, NULL,
	  "firmware and systems look whether VMX, SGX or LMCE can be had: locked off" },
	{ ONE(MSR_TSC_ADJUST), 0, 0, read_adjust, write_adjust, "CPUID 7" },
	{ ONE(MSR_SPEC_CTRL), HAS_SPEC_CTRL, VIRT_SPEC_CTRL, read_reg, write_spec_ctrl,
	  "the guest's speculation is its own" },
	{ ONE(MSR_PRED_CMD), HAS_PRED_CMD, PRED_CMD_IBPB, NULL, write_pred_cmd, "a barrier" },
	{ ONE(MSR_BIOS_UPDT_TRIG), HAS_INTEL, 0, NULL, write_ignored, "no update: the revision stays" },
	{ ONE(MSR_BIOS_SIGN_ID), 0, 0, read_revision, write_ignored,
	  "guests write 0, run CPUID and read the revision; PATCH_LEVEL of AMD's" },
	{ ONE(MSR_PLATFORM_INFO), HAS_INTEL, 0, read_constant, NULL, "Linux looks for CPUID faulting: none" },
	{ ONE(MSR_UMWAIT_CONTROL), HAS_UMWAIT, 0, read_umwait, write_umwait,
	  "kept; how long the processor waits at most is the machine's choice" },
	{ ONE(MSR_MTRRCAP), 0, MTRRCAP_VALUE, read_constant, NULL, "eight variable ranges, the fixed ones" },
	{ ONE(MSR_ARCH_CAPABILITIES), HAS_ARCH_CAP, 0, read_arch_capabilities, NULL, "CPUID 7" },
	{ ONE(MSR_FLUSH_CMD), HAS_FLUSH_CMD, FLUSH_CMD_L1D, NULL, write_command, "it empties a cache" },
	{ ONE(MSR_SYSENTER_CS), 0, VIRT_SYSENTER_CS, read_reg, write_reg_low, "SEP" },
	{ ONE(MSR_SYSENTER_ESP), 0, VIRT_SYSENTER_ESP, read_reg, write_reg_address, "SEP" },
	{ ONE(MSR_SYSENTER_EIP), 0, VIRT_SYSENTER_EIP, read_reg, write_reg_address, "SEP" },
	{ ONE(MSR_MCG_CAP), 0, 0, read_constant, NULL, "MCA without a bank" },
	{ ONE(MSR_MCG_STATUS), 0, 0, read_constant, write_zero, "MCA without a bank" },
	{ ONE(MSR_PERF_STATUS), HAS_INTEL, 0, read_constant, NULL, "Windows and macOS read it" },
	{ ONE(MSR_PERF_CTL), HAS_INTEL, 0, read_constant, write_ignored,
	  "the frequency is the machine's to choose, as systems find without SpeedStep in CPUID" },
	{ ONE(MSR_MISC_ENABLE), 0, 0, read_misc_enable, write_misc_enable, "bit by bit: misc_rows" },
	{ ONE(MSR_DEBUGCTL), 0, VIRT_DEBUGCTL, read_reg, write_debugctl, "BTF; no branch records" },
	{ MSR_LASTBRANCH_FIRST, MSR_LASTBRANCH_LAST, 0, 0, read_constant, NULL,
	  "the P6's branch records, which 64-bit Windows reads when an exception strikes" },
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE - 1, 0, 0, read_mtrr, write_mtrr, "MTRR" },
	{ ONE(MSR_MTRR_FIX64K_00000), 0, 0, read_mtrr, write_mtrr, "MTRR" },
	{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, 0, 0, read_mtrr, write_mtrr, "MTRR" },
	{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_F8000, 0, 0, read_mtrr, write_mtrr, "MTRR" },
	{ ONE(MSR_PAT), 0, VIRT_PAT, read_reg, write_pat, "PAT" },
	{ ONE(MSR_MTRR_DEF_TYPE), 0, 0, read_mtrr, write_mtrr, "MTRR" },
	{ ONE(MSR_TSC_DEADLINE), HAS_APIC, 0, read_apic, write_apic, "the APIC's timer" },
	{ MSR_X2APIC_FIRST, MSR_X2APIC_LAST, HAS_X2APIC, 0, read_apic, write_apic, "the APIC's registers" },
	{ ONE(MSR_XSS), HAS_XSAVES, VIRT_XSS, read_reg, write_xss, "XSAVES" },
	{ ONE(MSR_EFER), 0, VIRT_EFER, read_reg, write_efer, "SYSCALL, NX, long mode" },
	{ ONE(MSR_STAR), 0, VIRT_STAR, read_reg, write_reg, "SYSCALL" },
	{ ONE(MSR_LSTAR), 0, VIRT_LSTAR, read_reg, write_reg_address, "SYSCALL" },
	{ ONE(MSR_CSTAR), 0, VIRT_CSTAR, read_reg, write_reg_address, "SYSCALL" },
	{ ONE(MSR_FMASK), 0, VIRT_FMASK, read_reg, write_reg_low,
	  "SYSCALL; guests are about that write ones to the upper half, which no flag stands behind" },
	{ ONE(MSR_FS_BASE), 0, SEG_FS, read_segment_base, write_segment_base, "long mode" },
	{ ONE(MSR_GS_BASE), 0, SEG_GS, read_segment_base, write_segment_base, "long mode" },
	{ ONE(MSR_KERNEL_GS_BASE), 0, VIRT_KERNEL_GS_BASE, read_reg, write_reg_address, "long mode" },
	{ ONE(MSR_TSC_AUX), HAS_TSC_AUX, VIRT_TSC_AUX, read_reg, write_tsc_aux, "RDTSCP, RDPID" },
	{ MSR_PERF_LEGACY_FIRST, MSR_PERF_LEGACY_LAST, HAS_AMD, 0, read_constant, write_ignored,
	  "counters that every AMD processor has, without a CPUID bit: these do not count" },
	{ ONE(MSR_SYSCFG), HAS_AMD, 0, read_constant, write_zero, "Linux reads it; memory is the client's" },
	{ ONE(MSR_HWCR), HAS_AMD, HWCR_TSC_FREQ_SEL, read_constant, write_hwcr,
	  "Linux looks whether the TSC is constant, and sets some for old errata" },
	{ MSR_IORR_FIRST, MSR_TOP_MEM, HAS_AMD, 0, read_constant, write_zero, "as SYSCFG" },
	{ ONE(MSR_TOM2), HAS_AMD, 0, read_constant, write_zero, "the same" },
	{ ONE(MSR_NB_CFG), HAS_AMD, 0, read_constant, write_ignored, "no northbridge is there" },
	{ ONE(MSR_PATCH_LOADER), HAS_AMD, 0, NULL, write_ignored, "no update: the revision stays" },
	{ ONE(MSR_INT_PENDING), HAS_AMD, 0, read_constant, write_ignored, "Linux looks for C1E: none" },
	{ ONE(MSR_MMIO_CFG_BASE), HAS_AMD, 0, read_constant, write_zero, "as SYSCFG" },
	{ MSR_SMM_ADDR, MSR_SMM_MASK, HAS_AMD, 0, read_constant, write_zero, "there is no SMM" },
	{ MSR_DC_CFG, MSR_TW_CFG, HAS_AMD, 0, read_constant, write_ignored,
	  "work-arounds for errata: the machine's own hold" },
	{ ONE(MSR_DE_CFG), HAS_AMD, 0, read_de_cfg, write_ignored, "the same; does LFENCE wait?" },
	{ ONE(MSR_BU_CFG2), HAS_AMD, 0, read_constant, write_ignored, "as DC_CFG" },
	{ ONE(MSR_EX_CFG), HAS_AMD, 0, read_constant, write_ignored, "as DC_CFG" },
};
/* clang-format on */

/* The row that the partition has for an MSR; NULL. */
static const struct msr_row *find(const struct vp *vp, uint32_t msr)
{
	uint32_t first = 0, n = sizeof(rows) / sizeof(*rows);

	while (n) {
		const uint32_t half = n / 2;
		const struct msr_row *const row = &rows[first + half];

		if (msr < row->first) {
			n = half;
		} else if (msr > row->last) {
			first += half + 1;
			n -= half + 1;
		} else {
			return row->needs & ~vp->partition->model.has ? NULL : row;
		}
	}
	return NULL;
}

bool msr_read(struct vp *vp, uint32_t msr, uint64_t *value)
{
	const struct msr_row *const row = find(vp, msr);

	return row && row->read && row->read(vp, row, msr, value);
}

bool msr_write(struct vp *vp, uint32_t msr, uint64_t value)
{
	const struct msr_row *const row = find(vp, msr);

	return row && row->write && row->write(vp, row, msr, value);
}

bool msr_takes(const struct vp *vp, uint32_t msr, uint64_t value)
{
	const struct msr_row *const row = find(vp, msr);

	if (!row || !row->write)
		return false;
	switch (msr) {
	case MSR_APIC_BASE: return takes_apic_base(vp, value);
	case MSR_SPEC_CTRL: return takes_spec_ctrl(vp, value);
	case MSR_UMWAIT_CONTROL: return takes_umwait(value);
	case MSR_XSS: return !xss_refusal(vp, value);
	default:
		return row->write == write_mtrr &&
		       mtrr_is_legal(msr, value, vp->partition->properties.physical_bits);
	}
}

/* ---- What the client wants to see --------------------------------------------------------- */

#define NO_ACTION ~0u

/* MsrActionList: an action, or NO_ACTION. */
static uint32_t listed_action(const struct property_lists *lists, uint32_t msr, bool is_write)
{
	for (uint32_t i = 0; lists && i < lists->n_msr_actions; i++)
		if (lists->msr_actions[i].msr == msr)
			return is_write ? lists->msr_actions[i].write : lists->msr_actions[i].read;
	return NO_ACTION;
}

/* X64MsrExitBitmap, but for UnhandledMsrs. */
static bool is_picked(uint64_t picked, uint32_t msr, bool is_write)
{
	switch (msr) {
	case MSR_TSC: return picked & (is_write ? MSRS_TSC_WRITE : MSRS_TSC_READ);
	case MSR_APIC_BASE: return is_write && picked & MSRS_APIC_BASE;
	case MSR_MISC_ENABLE: return !is_write && picked & MSRS_MISC_ENABLE;
	case MSR_BIOS_SIGN_ID: return !is_write && picked & MSRS_UPDATE_LEVEL;
	default: return false;
	}
}

/*
 * WHV_MSR_ACTION of an access, with ArchitectureDefault for what the table, or #GP(0), answers: the
 * list of actions first; then the bitmap; and for what the table has not UnimplementedMsrAction,
 * and the bitmap again.
 */
static uint32_t action_of(const struct vp *vp, uint32_t msr, bool is_write, bool is_implemented)
{
	const struct properties *const properties = &vp->partition->properties;
	const bool can_exit = properties->extended_exits & EXITS_MSR;
	uint32_t action;

	if (is_implemented && !can_exit && !vp->partition->lists)
		return WHvMsrActionArchitectureDefault; /* as nearly always */
	action = listed_action(vp->partition->lists, msr, is_write);
	if (action == NO_ACTION && can_exit && is_picked(properties->msr_exits, msr, is_write))
		action = WHvMsrActionExit;
	if (action == NO_ACTION && !is_implemented) {
		action = properties->unimplemented_msr;
		if (action == WHvMsrActionArchitectureDefault &&
		    properties->msr_exits & MSRS_UNHANDLED)
			action = WHvMsrActionExit;
	}
	if (action == NO_ACTION || (action == WHvMsrActionExit && !can_exit))
		action = WHvMsrActionArchitectureDefault;
	return action;
}

enum msr_outcome msr_guest_read(struct vp *vp, uint32_t msr, uint64_t *value)
{
	const struct msr_row *const row = find(vp, msr);
	const bool is_implemented = row && row->read;

	switch (action_of(vp, msr, false, is_implemented)) {
	case WHvMsrActionIgnoreWriteReadZero: *value = 0; return MSR_DONE;
	case WHvMsrActionExit: return MSR_EXIT;
	default: break;
	}
	return is_implemented && row->read(vp, row, msr, value) ? MSR_DONE : MSR_FAULT;
}

enum msr_outcome msr_guest_write(struct vp *vp, uint32_t msr, uint64_t value)
{
	const struct msr_row *const row = find(vp, msr);
	const bool is_implemented = row && row->write;

	switch (action_of(vp, msr, true, is_implemented)) {
	case WHvMsrActionIgnoreWriteReadZero: return MSR_DONE;
	case WHvMsrActionExit: return MSR_EXIT;
	default: break;
	}
	return is_implemented && row->write(vp, row, msr, value) ? MSR_DONE : MSR_FAULT;
}
