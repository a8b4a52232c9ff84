/* SPDX-License-Identifier: MIT */
/*
 * A child's MSRs are the rows of a table, sorted by number; without a row, or without a function in it, the
 * access gives #GP(0). There is nothing behind a row but the VP's own state: no access of a child
 * ever reaches an MSR of the machine.
 */
#include "hv/msr.h"

#include "hv/cr.h"
#include "hv/root.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define APIC_BASE_BSP	      (1ull << 8)
#define APIC_BASE_ENABLE      (1ull << 11)
#define MISC_FAST_STRINGS     (1ull << 0)
#define MISC_BTS_UNAVAILABLE  (1ull << 11)
#define MISC_PEBS_UNAVAILABLE (1ull << 12)
#define MISC_ALWAYS	      (MISC_BTS_UNAVAILABLE | MISC_PEBS_UNAVAILABLE)
#define MTRR_TYPE	      0xffull
#define MICROCODE_REVISION    (1ull << 32) /* in the upper half; what KVM's guests see, too */
#define LOW_32		      0xffffffffull

/* Guarded in the root. */
#define FEATURE_CONTROL_SMX 0xff02ull /* SENTER's enables and VMX inside SMX */
#define KVM_WALL_CLOCK	    0x11
#define KVM_SYSTEM_TIME	    0x12

/* SDM 3C "MSR-Bitmap Address" */
#define BITMAP_RANGE 0x2000u
#define BITMAP_HIGH  0xc0000000u

struct msr_row {
	uint32_t msr;
	uint32_t reg; /* enum virt_reg, or enum x86_seg, as the functions want it */
	bool (*read)(struct vp *vp, const struct msr_row *row, uint64_t *value);
	bool (*write)(struct vp *vp, const struct msr_row *row, uint64_t value);
	const char *reason;
};

/* WRMSR goes by the width that the processor could have, whatever CR4.LA57 says. */
static bool is_canonical(uint64_t address)
{
	const unsigned int unused = cr4_allowed() & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

static bool is_memory_type(uint64_t type)
{
	return type == MEMTYPE_UC || type == MEMTYPE_WC || type == MEMTYPE_WT ||
	       type == MEMTYPE_WP || type == MEMTYPE_WB;
}

bool msr_pat_is_legal(uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++) {
		const uint64_t type = (value >> (8 * i)) & 0xff;

		if (!is_memory_type(type) && type != 7 /* UC- */)
			return false;
	}
	return true;
}

static bool read_zero(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	(void)vp;
	(void)row;
	*value = 0;
	return true;
}

static bool write_zero(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	(void)vp;
	(void)row;
	return !value;
}

static bool write_ignored(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	(void)vp;
	(void)row;
	(void)value;
	return true;
}

static bool read_reg(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	*value = virt_get(vp->virt, (enum virt_reg)row->reg);
	return true;
}

static bool write_reg(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	virt_set(vp->virt, (enum virt_reg)row->reg, value);
	return true;
}

static bool write_reg_low(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	return write_reg(vp, row, value & LOW_32);
}

static bool write_reg_address(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	return is_canonical(value) && write_reg(vp, row, value);
}

static bool write_pat(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	return msr_pat_is_legal(value) && write_reg(vp, row, value);
}

static bool write_efer(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	(void)row;
	return cr_write_efer(vp, value);
}

static bool read_segment_base(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	struct x86_segment segment;

	virt_get_segment(vp->virt, (enum x86_seg)row->reg, &segment);
	*value = segment.base;
	return true;
}

static bool write_segment_base(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	struct x86_segment segment;

	if (!is_canonical(value))
		return false;
	virt_get_segment(vp->virt, (enum x86_seg)row->reg, &segment);
	segment.base = value;
	virt_set_segment(vp->virt, (enum x86_seg)row->reg, &segment);
	return true;
}

static bool read_tsc(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	*value = virt_tsc() + virt_get(vp->virt, (enum virt_reg)row->reg);
	return true;
}

static bool write_tsc(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	return write_reg(vp, row, value - virt_tsc());
}

static bool read_apic_base(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	(void)row;
	*value = vp->apic_base;
	return true;
}

static bool write_apic_base(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	const uint64_t address = ((1ull << virt_machine.physical_bits) - 1) & PAGE_MASK;

	(void)row;
	if (value & ~(address | APIC_BASE_BSP | APIC_BASE_ENABLE))
		return false;
	vp->apic_base = value;
	return true;
}

static bool read_revision(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	(void)vp;
	(void)row;
	*value = MICROCODE_REVISION;
	return true;
}

static bool read_misc_enable(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	(void)row;
	*value = vp->misc_enable | MISC_ALWAYS;
	return true;
}

static bool write_misc_enable(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	(void)row;
	if ((value ^ (vp->misc_enable | MISC_ALWAYS)) & ~MISC_FAST_STRINGS)
		return false;
	vp->misc_enable = value;
	return true;
}

static bool read_mtrr_def_type(struct vp *vp, const struct msr_row *row, uint64_t *value)
{
	(void)row;
	*value = vp->mtrr_def_type;
	return true;
}

static bool write_mtrr_def_type(struct vp *vp, const struct msr_row *row, uint64_t value)
{
	(void)row;
	if (value & ~(MTRR_TYPE | MTRR_DEF_TYPE_FE | MTRR_DEF_TYPE_E))
		return false;
	if (!is_memory_type(value & MTRR_TYPE))
		return false;
	vp->mtrr_def_type = value;
	return true;
}

/* clang-format off */
static const struct msr_row rows[] = {
	{ MSR_TSC, VIRT_TSC_OFFSET, read_tsc, write_tsc, "the VP's own, by the offset" },
	{ MSR_PLATFORM_ID, 0, read_zero, NULL, "Windows reads it" },
	{ MSR_APIC_BASE, 0, read_apic_base, write_apic_base,
	  "the client's APIC: kept for it; no x2APIC" },
	{ MSR_BIOS_SIGN_ID, 0, read_revision, write_ignored,
	  "guests write 0, run CPUID and read the revision" },
	{ MSR_MTRRCAP, 0, read_zero, NULL, "no variable and no fixed ranges" },
	{ MSR_SYSENTER_CS, VIRT_SYSENTER_CS, read_reg, write_reg_low, "SEP" },
	{ MSR_SYSENTER_ESP, VIRT_SYSENTER_ESP, read_reg, write_reg_address, "SEP" },
	{ MSR_SYSENTER_EIP, VIRT_SYSENTER_EIP, read_reg, write_reg_address, "SEP" },
	{ MSR_MCG_CAP, 0, read_zero, NULL, "MCA without a bank" },
	{ MSR_MCG_STATUS, 0, read_zero, write_zero, "MCA without a bank" },
	{ MSR_MISC_ENABLE, 0, read_misc_enable, write_misc_enable,
	  "guests look for fast strings, and for BTS and PEBS being absent" },
	{ MSR_DEBUGCTL, 0, read_zero, write_zero, "no branch records; guests clear it" },
	{ MSR_PAT, VIRT_PAT, read_reg, write_pat, "PAT" },
	{ MSR_MTRR_DEF_TYPE, 0, read_mtrr_def_type, write_mtrr_def_type,
	  "kept, without effect: nested paging gives the type" },
	{ MSR_EFER, VIRT_EFER, read_reg, write_efer, "SYSCALL, NX, long mode" },
	{ MSR_STAR, VIRT_STAR, read_reg, write_reg, "SYSCALL" },
	{ MSR_LSTAR, VIRT_LSTAR, read_reg, write_reg_address, "SYSCALL" },
	{ MSR_CSTAR, VIRT_CSTAR, read_reg, write_reg_address, "SYSCALL" },
	{ MSR_FMASK, VIRT_FMASK, read_reg, write_reg_low,
	  "SYSCALL; guests are about that write ones to the upper half, which no flag stands behind" },
	{ MSR_FS_BASE, SEG_FS, read_segment_base, write_segment_base, "long mode" },
	{ MSR_GS_BASE, SEG_GS, read_segment_base, write_segment_base, "long mode" },
	{ MSR_KERNEL_GS_BASE, VIRT_KERNEL_GS_BASE, read_reg, write_reg_address, "long mode" },
};
/* clang-format on */

static const struct msr_row *find(uint32_t msr)
{
	uint32_t first = 0, n = sizeof(rows) / sizeof(*rows);

	while (n) {
		const uint32_t half = n / 2;

		if (rows[first + half].msr == msr)
			return &rows[first + half];
		if (rows[first + half].msr < msr) {
			first += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return NULL;
}

bool msr_exists(uint32_t msr)
{
	return find(msr);
}

bool msr_read(struct vp *vp, uint32_t msr, uint64_t *value)
{
	const struct msr_row *const row = find(msr);

	return row && row->read && row->read(vp, row, value);
}

bool msr_write(struct vp *vp, uint32_t msr, uint64_t value)
{
	const struct msr_row *const row = find(msr);

	return row && row->write && row->write(vp, row, value);
}

/* ---- The root ---------------------------------------------------------------------------- */

/*
 * The root's MSRs are the machine's, and do not exit; those of these rows do. Guarded are what comes with
 * VMX and SMX, what memory types follow from, and what would get round the nested page tables: addresses at
 * which the processor itself writes, physical ones or those of whoever happens to run when it does.
 */
struct root_row {
	uint32_t first, last;
	bool (*read)(uint32_t msr, uint64_t *value); /* NULL: reads do not exit */
	bool (*write)(const struct root_row *row, uint32_t msr, uint64_t value);
	uint64_t kept; /* by root_keep(): bits that a write must leave as they are */
	const char *reason;
};

static bool root_read_refused(uint32_t msr, uint64_t *value)
{
	(void)msr;
	(void)value;
	return false;
}

static bool root_refuse(const struct root_row *row, uint32_t msr, uint64_t value)
{
	(void)row;
	(void)msr;
	(void)value;
	return false;
}

static bool root_drop(const struct root_row *row, uint32_t msr, uint64_t value)
{
	(void)row;
	(void)msr;
	(void)value;
	return true;
}

static bool root_keep(const struct root_row *row, uint32_t msr, uint64_t value)
{
	uint64_t before;

	return virt_rdmsr(msr, &before) && !((value ^ before) & row->kept) &&
	       virt_wrmsr(msr, value);
}

/* What firmware chose for other features stands; VMX it has locked off. */
static bool root_read_feature_control(uint32_t msr, uint64_t *value)
{
	if (!virt_rdmsr(msr, value))
		return false;
	*value &= ~(FEATURE_CONTROL_SMX | FEATURE_CONTROL_VMX);
	*value |= FEATURE_CONTROL_LOCKED;
	return true;
}

static bool root_write_mtrr(const struct root_row *row, uint32_t msr, uint64_t value)
{
	uint64_t before;

	(void)row;
	if (!virt_rdmsr(msr, &before) || !virt_wrmsr(msr, value))
		return false;
	if (value != before) {
		virt_memory_type_changed();
		root_memory_retype();
	}
	return true;
}

/* clang-format off */
static const struct root_row root_rows[] = {
	{ KVM_WALL_CLOCK, KVM_SYSTEM_TIME, root_read_refused, root_refuse, 0,
	  "a KVM below Whit writes its clocks to the address given here; no processor has them" },
	{ MSR_APIC_BASE, MSR_APIC_BASE, NULL, root_keep, PAGE_MASK,
	  "the page's accesses go to the APIC, whatever memory is there: it must not come to lie over "
	  "memory that is hidden, lent or mapped" },
	{ MSR_TEST_CTRL, MSR_TEST_CTRL, NULL, root_refuse, 0,
	  "#AC for split locks and the like, in the hypervisor too" },
	{ MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, root_read_feature_control, root_refuse, 0, "VMX" },
	{ MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG, NULL, root_drop, 0,
	  "reads an update at a linear address, now the hypervisor's; dropped without a word, as KVM "
	  "does: systems look at the revision afterwards" },
	{ MSR_SMM_MONITOR_CTL, MSR_SMM_MONITOR_CTL, root_read_refused, root_refuse, 0, "VMX" },
	{ MSR_MISC_ENABLE, MSR_MISC_ENABLE, NULL, root_keep, MISC_ENABLE_XD_DISABLE,
	  "no VM exit could load an EFER with NXE any more" },
	{ MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000, NULL, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, NULL, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_F8000, NULL, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, NULL, root_write_mtrr, 0, "memory types" },
	{ MSR_PEBS_ENABLE, MSR_PEBS_ENABLE, NULL, root_refuse, 0,
	  "records at linear addresses, and late: after a VM exit they would be the hypervisor's" },
	{ MSR_PEBS_BASE, MSR_PEBS_BASE, NULL, root_refuse, 0,
	  "the same of architectural PEBS, at a physical address" },
	{ MSR_VMX_BASIC, MSR_VMX_LAST, root_read_refused, root_refuse, 0, "VMX" },
	{ MSR_RTIT_FIRST, MSR_RTIT_LAST, root_read_refused, root_refuse, 0,
	  "Intel PT writes at physical addresses" },
	{ MSR_DS_AREA, MSR_DS_AREA, NULL, root_refuse, 0, "PEBS and branch traces, as above" },
	{ MSR_XSS, MSR_XSS, NULL, root_keep, XSS_PT, "XRSTORS would write the MSRs of Intel PT" },
	{ MSR_HW_FEEDBACK_PTR, MSR_HW_FEEDBACK_PTR, NULL, root_refuse, 0,
	  "the processor writes a table at this physical address" },
};
/* clang-format on */

#define N_ROOT_ROWS (sizeof(root_rows) / sizeof(*root_rows))

static const struct root_row *find_root(uint32_t msr)
{
	for (unsigned int i = 0; i < N_ROOT_ROWS; i++)
		if (msr >= root_rows[i].first && msr <= root_rows[i].last)
			return &root_rows[i];
	return NULL;
}

/* The MTRR pairs that this processor has. */
static uint32_t n_variable_mtrrs(void)
{
	uint64_t cap;

	return virt_rdmsr(MSR_MTRRCAP, &cap) ? (uint32_t)(cap & MTRRCAP_VCNT) : 0;
}

static bool is_variable_mtrr(uint32_t msr)
{
	return msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * n_variable_mtrrs();
}

/*
 * Outside the two ranges of the MSR bitmaps everything exits. Intel's processors have nothing there; a hypervisor
 * below Whit may (Hyper-V at 40000000h, KVM at 4b564d00h), which writes at addresses given to it.
 */
static bool is_in_bitmap(uint32_t msr)
{
	return msr < BITMAP_RANGE || msr - BITMAP_HIGH < BITMAP_RANGE;
}

bool msr_read_root(uint32_t msr, uint64_t *value)
{
	const struct root_row *const row = find_root(msr);

	if (row && row->read)
		return row->read(msr, value);
	return is_in_bitmap(msr) && virt_rdmsr(msr, value);
}

bool msr_write_root(uint32_t msr, uint64_t value)
{
	const struct root_row *const row = find_root(msr);

	if (row)
		return row->write(row, msr, value);
	if (is_variable_mtrr(msr))
		return root_write_mtrr(NULL, msr, value);
	return is_in_bitmap(msr) && virt_wrmsr(msr, value);
}

void msr_guard_root(struct root *root)
{
	const uint32_t n_variable = n_variable_mtrrs();

	for (unsigned int i = 0; i < N_ROOT_ROWS; i++)
		for (uint32_t msr = root_rows[i].first; msr <= root_rows[i].last; msr++)
			virt_root_guard_msr(root->virt, msr, root_rows[i].read, true);
	for (uint32_t i = 0; i < 2 * n_variable; i++)
		virt_root_guard_msr(root->virt, MSR_MTRR_PHYSBASE0 + i, false, true);
}
