/* SPDX-License-Identifier: MIT */
/*
 * The root's MSRs are the machine's, and accesses to them do not exit, except those of the rows
 * here: some for every processor, and some for each vendor's. The rows guard
 *   - the MSRs of VMX, SMX and SVM;
 *   - ways around the nested page tables: addresses at which the processor itself writes, physical
 *     ones or those of whichever guest runs at that time; ranges and keys by which an address leads
 *     to other memory;
 *   - effects on the hypervisor while it runs that no VM exit ends: exceptions that nothing expects
 *     there, a record of its branches;
 *   - changes of the processor's features, which the children have been told, and settings that
 *     a child's breakpoints or TSC would have, too.
 * A row names the bits that the root may change. Settings that only slow the processor down are
 * left to the root.
 */
#include "hv/root/root_msr.h"

#include "hv/cpu/cr.h"
#include "hv/cpu/msr.h"

#include "hv/root.h"
#include "hv/cpu/time.h"
#include "hv/root/icr_trap.h"
#include "hv/root/memory.h"
#include "hv/cpu/mtrr.h"
#include "whit/log.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define FEATURE_CONTROL_SMX 0xff02ull /* SENTER's enables and VMX inside SMX */
#define KVM_WALL_CLOCK	    0x11
#define KVM_SYSTEM_TIME	    0x12
#define APIC_BASE_MODE	    0xfffull /* all but the address */

/*
 * IA32_MISC_ENABLE without 18 (MONITOR), 22 (limit CPUID) and 34 (no XD): fast strings, thermal
 * monitors and their lock, SpeedStep and its lock, prefetchers, xTPR messages, turbo.
 */
#define MISC_ENABLE_ROOT 0x000000e0009b2209ull

/*
 * HWCR: performance of page tables outside of write-back memory and of the TLB flush filter, INVD
 * as WBINVD (it exits), IGNNE#, MONITOR and its use at CPL 3, special cycles of HLT, writes to the
 * status of machine checks, boost, APERF and MPERF, the counter of retired instructions. Left out
 * are the locks of SMM, SSE, the wrap of 32-bit addresses, the limit and the faults of CPUID, the
 * rate of the TSC, and faults of I/O to the configuration ports.
 */
#define HWCR_ROOT 0x000000004e041758ull

/* One RDMSR or WRMSR: `value` is what it writes, or has read. */
struct access {
	struct root *root;
	const struct root_row *row;
	uint32_t msr;
	uint64_t value;
};

struct root_row {
	uint32_t first, last;
	enum msr_outcome (*read)(struct access *a); /* NULL: reads do not exit */
	enum msr_outcome (*write)(struct access *a);
	uint64_t changes; /* by root_change(): bits that a write may change */
	uint64_t hidden;  /* by root_read_less(): bits that read as 0, and are kept */
	uint64_t cleared; /* at the start: bits that firmware may have left set */
	const char *reason;
};

static enum msr_outcome outcome(bool is_done)
{
	return is_done ? MSR_DONE : MSR_FAULT;
}

static enum msr_outcome root_refuse(struct access *a)
{
	return MSR_FAULT;
}

static enum msr_outcome root_drop(struct access *a)
{
	return MSR_DONE;
}

static enum msr_outcome root_read_less(struct access *a)
{
	const bool is_done = virt_rdmsr(a->msr, &a->value);

	a->value &= ~a->row->hidden;
	return outcome(is_done);
}

/* An MSR that does not change is not written: some of them act at every write. */
static enum msr_outcome root_change(struct access *a)
{
	uint64_t before;

	if (!virt_rdmsr(a->msr, &before) || (a->value & a->row->hidden))
		return MSR_FAULT;
	a->value |= before & a->row->hidden;
	if ((a->value ^ before) & ~a->row->changes)
		return MSR_FAULT;
	return outcome(a->value == before || virt_wrmsr(a->msr, a->value));
}

/* The choices of firmware for other features stand; VMX reads as locked off. */
static enum msr_outcome root_read_feature_control(struct access *a)
{
	const enum msr_outcome result = root_read_less(a);

	a->value |= FEATURE_CONTROL_LOCKED;
	return result;
}

/* SVM reads as locked off, too. APM 2 "VM_CR MSR": then writes to these two bits are ignored. */
static enum msr_outcome root_read_vm_cr(struct access *a)
{
	const bool is_done = virt_rdmsr(a->msr, &a->value);

	a->value |= VM_CR_LOCK | VM_CR_SVMDIS;
	return outcome(is_done);
}

static enum msr_outcome root_write_vm_cr(struct access *a)
{
	struct access now = *a;

	if (root_read_vm_cr(&now) != MSR_DONE)
		return MSR_FAULT;
	return outcome(!((a->value ^ now.value) & ~(VM_CR_LOCK | VM_CR_SVMDIS)));
}

static enum msr_outcome root_read_efer(struct access *a)
{
	a->value = virt_get(a->root->virt, VIRT_EFER);
	return MSR_DONE;
}

static enum msr_outcome root_write_efer(struct access *a)
{
	return outcome(cr_write_root_efer(a->root, a->value));
}

static enum msr_outcome root_read_mtrr(struct access *a)
{
	return outcome(virt_mtrr_get(a->msr, &a->value));
}

/*
 * While MTRRs are off, as systems have them while they write one after the other, the types that
 * were in force before stay so. Systems write the same to all processors in turn, and the first of
 * them has the space follow. A mask with holes is refused: it could ask for a leaf for every
 * page of the machine, and no system writes one. What firmware has left there can be written again.
 */
static enum msr_outcome root_write_mtrr(struct access *a)
{
	uint64_t before, def_type = 0;
	bool has_changed;

	if (!virt_mtrr_get(a->msr, &before))
		return MSR_FAULT;
	has_changed = a->value != before;
	if (has_changed && (!mtrr_is_legal(a->msr, a->value, virt_machine.physical_bits) ||
			    !mtrr_is_contiguous(a->msr, a->value, virt_machine.memory_bits)))
		return MSR_FAULT;
	virt_mtrr_set(a->msr, a->value);
	virt_mtrr_get(MSR_MTRR_DEF_TYPE, &def_type);
	if (!(def_type & MTRR_DEF_TYPE_E))
		return MSR_DONE;
	if (has_changed) {
		lock_take(&hv.lock);
		has_changed = virt_memory_type_changed();
		lock_drop(&hv.lock);
	}
	return root_memory_retype(has_changed) ? MSR_DONE : MSR_AGAIN;
}

/* ---- Time: hv/cpu/time.h says how ------------------------------------------------------------ */

/*
 * The offset is for RDTSC and RDTSCP; AMD's manual does not say that RDMSR has it (APM 2 appendix
 * B).
 */
static enum msr_outcome root_read_tsc(struct access *a)
{
	a->value = time_of_root(a->root, virt_tsc());
	return MSR_DONE;
}

static enum msr_outcome root_write_tsc(struct access *a)
{
	return outcome(time_move_root(a->root, a->value - time_of_root(a->root, virt_tsc())));
}

static enum msr_outcome root_read_adjust(struct access *a)
{
	const bool is_done = virt_rdmsr(a->msr, &a->value);

	a->value += a->root->tsc_offset;
	return outcome(is_done);
}

static enum msr_outcome root_write_adjust(struct access *a)
{
	struct access now = *a;

	if (root_read_adjust(&now) != MSR_DONE)
		return MSR_FAULT;
	return outcome(time_move_root(a->root, a->value - now.value));
}

static enum msr_outcome root_read_deadline(struct access *a)
{
	const bool is_done = virt_rdmsr(a->msr, &a->value);

	a->value += a->value ? a->root->tsc_offset : 0;
	return outcome(is_done);
}

static enum msr_outcome root_write_deadline(struct access *a)
{
	return outcome(virt_wrmsr(a->msr, a->value ? time_of_machine(a->root, a->value) : 0));
}

/* It exits once the root's TSC is not the machine's any more: time_move_root(). */
static const struct root_row deadline_row = {
	.read = root_read_deadline,
	.write = root_write_deadline,
	.reason = "the APIC's timer compares with the machine's TSC",
};

static enum msr_outcome root_write_icr(struct access *a)
{
	return icr_trap_write_msr(a->root, a->value);
}

/* It exits with the trap of the ICR. */
static const struct root_row icr_row = {
	.write = root_write_icr,
	.reason = "starts processors",
};

/* clang-format off */
#define NONE root_refuse, root_refuse, 0, 0, 0 /* as on a processor without it */
#define AS_IT_IS NULL, root_change, 0, 0, 0
#define MTRR root_read_mtrr, root_write_mtrr, 0, 0, 0, "memory types"

static const struct root_row common_rows[] = {
	{ KVM_WALL_CLOCK, KVM_SYSTEM_TIME, NONE,
	  "a KVM below Whit writes its clocks to the address given here; no processor has them" },
	{ MSR_TSC, MSR_TSC, root_read_tsc, root_write_tsc, 0, 0, 0, "children's time is the machine's TSC" },
	{ MSR_TSC_ADJUST, MSR_TSC_ADJUST, root_read_adjust, root_write_adjust, 0, 0, 0, "moves the TSC" },
	{ MSR_APIC_BASE, MSR_APIC_BASE, NULL, root_change, APIC_BASE_MODE, 0, 0,
	  "the page's accesses go to the APIC, whatever memory is there: it must not come to lie over "
	  "memory that is hidden, lent or mapped" },
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYS_LAST, MTRR },
	{ MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000, MTRR },
	{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, MTRR },
	{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_F8000, MTRR },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, MTRR },
	{ MSR_XSS, MSR_XSS, NULL, root_change, XSS_ROOT, 0, 0,
	  "XRSTORS would write the MSRs of Intel PT and of the LBRs" },
};

static const struct root_row intel_rows[] = {
	{ MSR_TEST_CTRL, MSR_TEST_CTRL, NULL, root_change, 0, 0, TEST_CTRL_FAULTS,
	  "#AC and #GP for split locks and locks on uncached memory, in the hypervisor too, which panics" },
	{ MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, root_read_feature_control, root_refuse, 0,
	  FEATURE_CONTROL_SMX | FEATURE_CONTROL_VMX, 0, "VMX" },
	{ MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG, NULL, root_drop, 0, 0, 0,
	  "reads an update at a linear address, now the hypervisor's; dropped without a word, as KVM "
	  "does: systems look at the revision afterwards" },
	{ MSR_FZM_RANGE_INDEX, MSR_FZM_RANGE_INDEX, AS_IT_IS,
	  "fast zeroing of memory, at physical addresses" },
	{ MSR_FZM_FIRST, MSR_FZM_LAST, AS_IT_IS, "the same" },
	{ MSR_SMM_MONITOR_CTL, MSR_SMM_MONITOR_CTL, NONE, "VMX" },
	{ MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, root_read_less, root_change, 0, PLATFORM_INFO_CPUID_FAULT, 0,
	  "says that CPUID can be made to fault" },
	{ MSR_CORE_CAPABILITIES, MSR_CORE_CAPABILITIES, root_read_less, root_refuse, 0, CORE_CAP_LOCKS, 0,
	  "says what IA32_TEST_CTRL can do" },
	{ MSR_PMG_IO_CAPTURE, MSR_PMG_IO_CAPTURE, AS_IT_IS,
	  "an IN from a port in this range becomes an MWAIT: the hypervisor's serial port, say" },
	{ MSR_FEATURE_CONFIG, MSR_FEATURE_CONFIG, AS_IT_IS,
	  "takes AES away from children who have been told that they have it" },
	{ MSR_MISC_FEATURES, MSR_MISC_FEATURES, NULL, root_change, MISC_FEATURES_MWAIT, 0, MISC_FEATURES_CPUID_FAULT,
	  "#GP for CPUID at CPL 3 comes before the exit: children would get it" },
	{ MSR_MISC_ENABLE, MSR_MISC_ENABLE, NULL, root_change, MISC_ENABLE_ROOT, 0, 0,
	  "without XD no VM exit could load an EFER with NXE; MONITOR and the limit of CPUID change the "
	  "processor that the children have been told of" },
	{ MSR_XFD, MSR_XFD, NULL, root_change, XCR0_TILECFG | XCR0_TILEDATA, 0, 0,
	  "XRSTOR of what children have would be #NM in the hypervisor; they have no tiles" },
	{ MSR_SMRR_FIRST, MSR_PRMRR_LAST, AS_IT_IS,
	  "ranges of memory for SMM and for enclaves: the hypervisor's would read as ones" },
	{ MSR_PRMRR_BASE_FIRST, MSR_PRMRR_BASE_LAST, AS_IT_IS, "the same" },
	{ MSR_UNCORE_PRMRR, MSR_UNCORE_PRMRR + 1, AS_IT_IS, "the same" },
	{ MSR_PEBS_ENABLE, MSR_PEBS_ENABLE, AS_IT_IS,
	  "records at linear addresses, and late: after a VM exit they would be the hypervisor's" },
	{ MSR_PEBS_BASE, MSR_PEBS_BASE, AS_IT_IS,
	  "the same of architectural PEBS, at a physical address" },
	{ MSR_VMX_BASIC, MSR_VMX_LAST, NONE, "VMX" },
	{ MSR_RTIT_FIRST, MSR_RTIT_LAST, NONE, "Intel PT writes at physical addresses" },
	{ MSR_DS_AREA, MSR_DS_AREA, AS_IT_IS, "PEBS and branch traces, as above" },
	{ MSR_TME_FIRST, MSR_TME_LAST, AS_IT_IS,
	  "what is in memory would be read with another key" },
	{ MSR_SEAMRR_FIRST, MSR_SEAMRR_LAST, AS_IT_IS, "a range as SMRR, for SEAM" },
	{ MSR_LBR_CTL, MSR_LBR_CTL, root_refuse, root_refuse, 0, 0, LBR_CTL_EN,
	  "no VM exit stops it: it would record the hypervisor's branches" },
	{ MSR_LBR_DEPTH, MSR_LBR_DEPTH, NONE, "comes with it" },
	{ MSR_HW_FEEDBACK_PTR, MSR_HW_FEEDBACK_PTR, AS_IT_IS,
	  "the processor writes a table at this physical address" },
};

static const struct root_row amd_rows[] = {
	{ MSR_EFER, MSR_EFER, root_read_efer, root_write_efer, 0, 0, 0, "SVME is the hypervisor's" },
	{ MSR_TSC_RATIO, MSR_TSC_RATIO, NONE, "SVM: all guests' TSC runs at that rate" },
	{ MSR_LWP_CFG, MSR_LWP_CBADDR, NONE,
	  "lightweight profiling: records at linear addresses of whichever guest runs" },
	{ MSR_DBG_EXTN_CFG, MSR_DBG_EXTN_CFG, NULL, root_change, ~DBG_EXTN_CFG_LBR, 0, DBG_EXTN_CFG_LBR,
	  "no VM exit stops it: it would record the hypervisor's branches" },
	{ MSR_SYSCFG, MSR_SYSCFG, root_read_less, root_change, SYSCFG_FIX_DRAM_MOD, SYSCFG_ENCRYPTION, 0,
	  "where memory ends, and keys of memory" },
	{ MSR_HWCR, MSR_HWCR, NULL, root_change, HWCR_ROOT, 0, HWCR_CPUID_USER_DIS,
	  "#GP for CPUID at CPL 3 comes before the exit: children would get it; the locks of SMM stay" },
	{ MSR_IORR_FIRST, MSR_IORR_LAST, AS_IT_IS, "ranges in which memory becomes I/O, or I/O memory" },
	{ MSR_TOP_MEM, MSR_TOP_MEM, AS_IT_IS, "what lies above is no memory" },
	{ MSR_TOM2, MSR_TOM2, AS_IT_IS, "the same" },
	{ MSR_MMIO_CFG_BASE, MSR_MMIO_CFG_BASE, AS_IT_IS, "what lies there is configuration space" },
	{ MSR_CSTATE_BASE, MSR_CSTATE_BASE, AS_IT_IS,
	  "an IN from these ports becomes a sleep state: the hypervisor's serial port, say" },
	{ MSR_SMM_BASE, MSR_SMM_MASK, AS_IT_IS,
	  "an SMI writes the processor's state there; the range of SMM would read as ones" },
	{ MSR_VM_CR, MSR_VM_CR, root_read_vm_cr, root_write_vm_cr, 0, 0, 0,
	  "SVM, and what becomes of an INIT" },
	{ MSR_SMM_CTL, MSR_SMM_CTL, AS_IT_IS, "enters and leaves SMM" },
	{ MSR_VM_HSAVE_PA, MSR_SVM_KEY, NONE, "SVM" },
	{ MSR_SMM_KEY, MSR_SMM_KEY, AS_IT_IS, "unlocks SMM" },
	{ MSR_AVIC_DOORBELL, MSR_AVIC_DOORBELL, NONE, "SVM" },
	{ MSR_VMPAGE_FLUSH, MSR_VMPAGE_FLUSH, NONE, "SEV" },
	{ MSR_GHCB, MSR_SEV_STATUS, NONE, "SEV" },
	{ MSR_RMP_BASE, MSR_RMP_END, AS_IT_IS, "a table of who may use which memory" },
	{ MSR_RMP_CFG, MSR_RMP_CFG, AS_IT_IS, "the same" },
	{ MSR_CPUID_7, MSR_CPUID_7, NULL, root_change, CPUID_7_RDSEED, 0, 0,
	  "changes the processor that the children have been told of; RDSEED goes from CPUID alone" },
	{ MSR_CPUID_6, MSR_CPUID_6, AS_IT_IS, "the same" },
	{ MSR_CPUID_1, MSR_CPUID_1, NULL, root_change, CPUID_1_RDRAND, 0, 0, "the same, but for RDRAND" },
	{ MSR_CPUID_81, MSR_CPUID_81, NULL, root_change, CPUID_81_TOPOLOGY, 0, 0,
	  "the same, but for the topology leaves" },
	{ MSR_DR1_MASK, MSR_DR3_MASK, NULL, root_change, 0, 0, ~0ull,
	  "children's breakpoints would strike at other addresses" },
	{ MSR_DR0_MASK, MSR_DR0_MASK, NULL, root_change, 0, 0, ~0ull, "the same" },
};

#undef MTRR
#undef AS_IT_IS
#undef NONE
/* clang-format on */

struct table {
	const struct root_row *rows;
	size_t n;
};

/* Those of every processor, and those of this one's vendor. */
static void tables(struct table out[static 2])
{
	const struct table common = { common_rows, sizeof(common_rows) / sizeof(*common_rows) };
	const struct table amd = { amd_rows, sizeof(amd_rows) / sizeof(*amd_rows) };
	const struct table intel = { intel_rows, sizeof(intel_rows) / sizeof(*intel_rows) };

	out[0] = common;
	out[1] = virt_machine.vendor == WHvProcessorVendorAmd ? amd : intel;
}

static const struct root_row *find_root(uint32_t msr)
{
	struct table table[2];

	if (msr == MSR_TSC_DEADLINE)
		return &deadline_row;
	if (msr == MSR_X2APIC_ICR)
		return &icr_row;
	tables(table);
	for (unsigned int i = 0; i < 2; i++)
		for (size_t k = 0; k < table[i].n; k++)
			if (msr >= table[i].rows[k].first && msr <= table[i].rows[k].last)
				return &table[i].rows[k];
	return NULL;
}

/*
 * Outside the ranges of the MSR bitmaps everything exits. Intel's processors have nothing there,
 * AMD's the banks of machine checks from C0002000h on; a hypervisor below Whit may (Hyper-V at
 * 40000000h, KVM at 4b564d00h), which writes at addresses given to it.
 */
static bool is_the_processors(uint32_t msr)
{
	if (msr < MSR_BITMAP_RANGE || msr - MSR_BITMAP_HIGH < MSR_BITMAP_RANGE)
		return true;
	return virt_machine.vendor == WHvProcessorVendorAmd &&
	       (msr - MSR_BITMAP_AMD < MSR_BITMAP_RANGE ||
		(msr >= MSR_MCAX_FIRST && msr <= MSR_MCAX_LAST));
}

bool msr_read_root(struct root *root, uint32_t msr, uint64_t *value)
{
	struct access a = { .root = root, .row = find_root(msr), .msr = msr };

	if (!a.row || !a.row->read)
		return is_the_processors(msr) && virt_rdmsr(msr, value);
	if (a.row->read(&a) != MSR_DONE)
		return false;
	*value = a.value;
	return true;
}

enum msr_outcome msr_write_root(struct root *root, uint32_t msr, uint64_t value)
{
	struct access a = { root, find_root(msr), msr, value };

	if (a.row)
		return a.row->write(&a);
	return outcome(is_the_processors(msr) && virt_wrmsr(msr, value));
}

static void clear(const struct root_row *row, uint32_t msr)
{
	uint64_t value;

	if (row->cleared && virt_rdmsr(msr, &value) && (value & row->cleared) &&
	    !virt_wrmsr(msr, value & ~row->cleared))
		log_line(LOG_ERROR, "root: MSR %x keeps %llx", msr,
			 (unsigned long long)(value & row->cleared));
}

void msr_guard_root(struct root *root)
{
	struct table table[2];

	tables(table);
	for (unsigned int i = 0; i < 2; i++)
		for (size_t k = 0; k < table[i].n; k++) {
			const struct root_row *const row = &table[i].rows[k];

			for (uint32_t msr = row->first; msr <= row->last; msr++) {
				virt_root_guard_msr(root->virt, msr, row->read, true);
				clear(row, msr);
			}
		}
	if (hv.icr_page)
		virt_root_guard_msr(root->virt, MSR_X2APIC_ICR, false, true);
}
