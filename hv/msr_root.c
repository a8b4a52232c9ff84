/* SPDX-License-Identifier: MIT */
/*
 * The root's MSRs are the machine's, and do not exit; those of the rows here do. Guarded are what comes with
 * VMX and SMX, what memory types follow from, and what would get round the nested page tables: addresses at
 * which the processor itself writes, physical ones or those of whoever happens to run when it does.
 */
#include "hv/msr.h"

#include "hv/root.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define FEATURE_CONTROL_SMX 0xff02ull /* SENTER's enables and VMX inside SMX */
#define KVM_WALL_CLOCK	    0x11
#define KVM_SYSTEM_TIME	    0x12

/* SDM 3C "MSR-Bitmap Address" */
#define BITMAP_RANGE 0x2000u
#define BITMAP_HIGH  0xc0000000u

struct root_row {
	uint32_t first, last;
	bool (*read)(uint32_t msr, uint64_t *value); /* NULL: reads do not exit */
	enum msr_outcome (*write)(const struct root_row *row, uint32_t msr, uint64_t value);
	uint64_t kept; /* by root_keep(): bits that a write must leave as they are */
	const char *reason;
};

static bool root_read_refused(uint32_t msr, uint64_t *value)
{
	(void)msr;
	(void)value;
	return false;
}

static enum msr_outcome root_refuse(const struct root_row *row, uint32_t msr, uint64_t value)
{
	(void)row;
	(void)msr;
	(void)value;
	return MSR_FAULT;
}

static enum msr_outcome root_drop(const struct root_row *row, uint32_t msr, uint64_t value)
{
	(void)row;
	(void)msr;
	(void)value;
	return MSR_DONE;
}

static enum msr_outcome root_keep(const struct root_row *row, uint32_t msr, uint64_t value)
{
	uint64_t before;

	return virt_rdmsr(msr, &before) && !((value ^ before) & row->kept) && virt_wrmsr(msr, value)
		       ? MSR_DONE
		       : MSR_FAULT;
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

static bool root_read_mtrr(uint32_t msr, uint64_t *value)
{
	return virt_mtrr_get(msr, value);
}

/*
 * While MTRRs are off, as systems have them while they write one after the other, the types that were in force
 * before stay so. A mask with holes is refused: it could ask for a leaf for every page of the machine, and no system
 * writes one. What firmware has left there can be written again.
 */
static enum msr_outcome root_write_mtrr(const struct root_row *row, uint32_t msr, uint64_t value)
{
	const unsigned int width = virt_machine.physical_bits;
	uint64_t before, def_type;

	(void)row;
	if (!virt_mtrr_get(msr, &before))
		return MSR_FAULT;
	if (value != before) {
		if (!mtrr_is_legal(msr, value, width) || !mtrr_is_contiguous(msr, value, width))
			return MSR_FAULT;
		virt_mtrr_set(msr, value);
	}
	if (!virt_mtrr_get(MSR_MTRR_DEF_TYPE, &def_type) || !(def_type & MTRR_DEF_TYPE_E))
		return MSR_DONE;
	if (value != before)
		virt_memory_type_changed();
	return root_memory_retype(value != before) ? MSR_DONE : MSR_AGAIN;
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
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYS_LAST, root_read_mtrr, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000, root_read_mtrr, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, root_read_mtrr, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_F8000, root_read_mtrr, root_write_mtrr, 0, "memory types" },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, root_read_mtrr, root_write_mtrr, 0, "memory types" },
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

enum msr_outcome msr_write_root(uint32_t msr, uint64_t value)
{
	const struct root_row *const row = find_root(msr);

	if (row)
		return row->write(row, msr, value);
	return is_in_bitmap(msr) && virt_wrmsr(msr, value) ? MSR_DONE : MSR_FAULT;
}

void msr_guard_root(struct root *root)
{
	for (unsigned int i = 0; i < N_ROOT_ROWS; i++)
		for (uint32_t msr = root_rows[i].first; msr <= root_rows[i].last; msr++)
			virt_root_guard_msr(root->virt, msr, root_rows[i].read, true);
}
