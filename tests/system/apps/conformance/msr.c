// SPDX-License-Identifier: MIT
/*
 * MSRs as the guest finds them: each that exists reads, writes and faults as the manual says; which of them exist
 * follows from CPUID; all others are #GP.
 */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/inquiry.h"
#include "tests/system/apps/conformance/vendor.h"
#include "x86/exc.h"
#include "x86/msr.h"

#define GP	     INQUIRY_FAULT(EXC_GP)
#define NONCANONICAL 0x0200900000000000ull /* with 48 bits, and with 57 */
#define HIGH	     0x100000000ull

static struct child child;

/* Who has it: every processor, one vendor's, one with a feature, none. */
enum {
	ALWAYS,
	NEVER,
	INTEL,
	AMD,
	SPECULATION,
	BARRIER,
	LEAF_7_EBX,
	LEAF_7_EDX,
	LEAF_88_EBX,
	LEAF_D1_EAX,
	LEAF_81_EDX
};

/* A write, and what comes of it. `kept`: what is read afterwards, with the bits of `mask`. */
struct row {
	uint32_t msr;
	uint8_t has;   /* one of these */
	uint32_t bits; /* of the word of CPUID: any of them */
	bool is_refused, has_no_read;
	uint64_t value, kept, mask;
};

#define KEEPS_ON(has, msr, value)                              \
	{                                                      \
		msr, has, 0, false, false, value, value, ~0ull \
	}
#define REFUSES_ON(has, msr, value)                   \
	{                                             \
		msr, has, 0, true, false, value, 0, 0 \
	}
#define IGNORES_ON(has, msr, value)                    \
	{                                              \
		msr, has, 0, false, false, value, 0, 0 \
	}
#define WRITES_ON(has, msr, value)                    \
	{                                             \
		msr, has, 0, false, true, value, 0, 0 \
	}
#define KEEPS(msr, value)   KEEPS_ON(ALWAYS, msr, value)
#define REFUSES(msr, value) REFUSES_ON(ALWAYS, msr, value)
#define IGNORES(msr, value) IGNORES_ON(ALWAYS, msr, value)

/* The features that SPEC_CTRL and PRED_CMD come with: of leaf 7, EDX, and of AMD's leaf 80000008h, EBX. */
#define EDX_IBRS_IBPB (1u << 26)
#define EDX_STIBP     (1u << 27)
#define EDX_SSBD      (1u << 31)
#define EBX_IBPB      (1u << 12)
#define EBX_SPEC_CTRL (1u << 14 | 1u << 15 | 1u << 24 | 1u << 28)

/* clang-format off */
static const struct row rows[] = {
	REFUSES_ON(INTEL, MSR_PLATFORM_ID, 0), REFUSES(MSR_FEATURE_CONTROL, 5), REFUSES(MSR_MTRRCAP, 0), REFUSES(MSR_MCG_CAP, 0),
	KEEPS(MSR_APIC_BASE, 0xfee00900), KEEPS(MSR_APIC_BASE, 0xfee00100), KEEPS(MSR_APIC_BASE, 0xfed00900),
	REFUSES(MSR_APIC_BASE, 0xfee00d00), REFUSES(MSR_APIC_BASE, 0xfee00901), REFUSES(MSR_APIC_BASE, 1ull << 60),
	IGNORES(MSR_BIOS_SIGN_ID, 0), WRITES_ON(INTEL, MSR_BIOS_UPDT_TRIG, 0x1000),
	KEEPS(MSR_SYSENTER_CS, 0x10), KEEPS(MSR_SYSENTER_ESP, 0xffff800000001000), REFUSES(MSR_SYSENTER_ESP, NONCANONICAL),
	KEEPS(MSR_SYSENTER_EIP, 0x7fff12345678), REFUSES(MSR_SYSENTER_EIP, NONCANONICAL),
	KEEPS(MSR_MCG_STATUS, 0), REFUSES(MSR_MCG_STATUS, 1),
	KEEPS(MSR_DEBUGCTL, 0), KEEPS(MSR_DEBUGCTL, DEBUGCTL_BTF), IGNORES(MSR_DEBUGCTL, DEBUGCTL_LBR),
	REFUSES(MSR_DEBUGCTL, 1 << 6), REFUSES(MSR_DEBUGCTL, 1ull << 40),
	KEEPS(MSR_P5_MC_ADDR, 0), KEEPS(MSR_P5_MC_TYPE, 0), IGNORES_ON(INTEL, MSR_PERF_CTL, 0x1800),
	KEEPS(MSR_MISC_ENABLE, 0x1801), KEEPS(MSR_MISC_ENABLE, 0x1800), KEEPS(MSR_MISC_ENABLE, 1 << 22 | 0x1800),
	KEEPS(MSR_MISC_ENABLE, MISC_XD_DISABLE | 0x1800), KEEPS(MSR_MISC_ENABLE, 1ull << 39 | 0x1801),
	IGNORES(MSR_MISC_ENABLE, 0), IGNORES(MSR_MISC_ENABLE, 1 << 18 | 1 << 16), REFUSES(MSR_MISC_ENABLE, 1 << 5),
	KEEPS(MSR_MTRR_PHYSBASE0, 0x80000006), KEEPS(MSR_MTRR_PHYSBASE0 + 1, 0xc0000800), KEEPS(MSR_MTRR_PHYSBASE0 + 14, 5),
	REFUSES(MSR_MTRR_PHYSBASE0, 2), REFUSES(MSR_MTRR_PHYSBASE0, 1ull << 60), REFUSES(MSR_MTRR_PHYSBASE0 + 1, 1),
	KEEPS(MSR_MTRR_FIX64K_00000, 0x0606060606060606), REFUSES(MSR_MTRR_FIX64K_00000, 0x0200000000000000),
	KEEPS(MSR_MTRR_FIX16K_80000, 0), KEEPS(MSR_MTRR_FIX16K_A0000, 0x0101010101010101),
	KEEPS(MSR_MTRR_FIX4K_C0000, 0x0505050505050505), KEEPS(MSR_MTRR_FIX4K_F8000, 0x0404040404040404),
	KEEPS(MSR_MTRR_DEF_TYPE, 0xc06), REFUSES(MSR_MTRR_DEF_TYPE, 2), REFUSES(MSR_MTRR_DEF_TYPE, 1 << 8),
	KEEPS(MSR_PAT, 0x0007040600070406), KEEPS(MSR_PAT, 0x0007010600070106), REFUSES(MSR_PAT, 2), REFUSES(MSR_PAT, 8ull << 56),
	{ MSR_EFER, ALWAYS, 0, false, false, 0xd01, 0xd01, ~0ull },
	REFUSES(MSR_EFER, 0xc01), /* LME cannot go while paging is on */
	REFUSES(MSR_EFER, 0xd01 | 1 << 12), REFUSES(MSR_EFER, 0xd01 | 1ull << 63),
	KEEPS(MSR_STAR, 0x0023001000000000), KEEPS(MSR_LSTAR, 0xffff800000002000), REFUSES(MSR_LSTAR, NONCANONICAL),
	KEEPS(MSR_CSTAR, 0xffff800000003000), REFUSES(MSR_CSTAR, NONCANONICAL), KEEPS(MSR_FMASK, 0x47700),
	KEEPS(MSR_FS_BASE, 0xffff800000004000), REFUSES(MSR_FS_BASE, NONCANONICAL),
	KEEPS(MSR_GS_BASE, 0x00007fffffffffff), REFUSES(MSR_GS_BASE, NONCANONICAL),
	KEEPS(MSR_KERNEL_GS_BASE, ~0ull), REFUSES(MSR_KERNEL_GS_BASE, NONCANONICAL),
	/* AMD's own: nothing of the machine is behind them. */
	IGNORES_ON(AMD, MSR_PERF_LEGACY_FIRST, 0x430076), IGNORES_ON(AMD, MSR_PERF_LEGACY_LAST, 1),
	KEEPS_ON(AMD, MSR_SYSCFG, 0), REFUSES_ON(AMD, MSR_SYSCFG, 1ull << 23),
	KEEPS_ON(AMD, MSR_HWCR, HWCR_TSC_FREQ_SEL), KEEPS_ON(AMD, MSR_TOP_MEM, 0), KEEPS_ON(AMD, MSR_TOM2, 0),
	WRITES_ON(AMD, MSR_PATCH_LOADER, 0x1000), KEEPS_ON(AMD, MSR_SMM_ADDR, 0), REFUSES_ON(AMD, MSR_SMM_MASK, 3),
	{ MSR_VM_CR, NEVER, 0, false, false, 0, 0, 0 }, { MSR_VM_HSAVE_PA, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_SVM_KEY, NEVER, 0, false, false, 0, 0, 0 }, { MSR_GHCB, NEVER, 0, false, false, 0, 0, 0 },
	/* Those of a feature, and nothing else, without it. */
	{ MSR_TSC_ADJUST, LEAF_7_EBX, 1u << 1, false, false, 0, 0, ~0ull },
	KEEPS_ON(SPECULATION, MSR_SPEC_CTRL, 0), REFUSES_ON(SPECULATION, MSR_SPEC_CTRL, 1ull << 40),
	WRITES_ON(BARRIER, MSR_PRED_CMD, 1), REFUSES_ON(BARRIER, MSR_PRED_CMD, 2),
	{ MSR_ARCH_CAPABILITIES, LEAF_7_EDX, 1u << 29, true, false, 0, 0, 0 },
	{ MSR_FLUSH_CMD, LEAF_7_EDX, 1u << 28, false, true, 1, 0, 0 },
	{ MSR_XSS, LEAF_D1_EAX, 1u << 3, false, false, 0, 0, ~0ull },
	{ MSR_XSS, LEAF_D1_EAX, 1u << 3, true, false, 1, 0, 0 },
	{ MSR_TSC_AUX, LEAF_81_EDX, 1u << 27, false, false, 0x77, 0x77, ~0ull },
	{ MSR_TSC_AUX, LEAF_81_EDX, 1u << 27, true, false, HIGH, 0, 0 },
	/* Not without the local APIC in the hypervisor. */
	{ MSR_TSC_DEADLINE, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_X2APIC_FIRST + 2, NEVER, 0, false, false, 0, 0, 0 },
	/* Not of a child's processor at all. */
	{ MSR_SMM_MONITOR_CTL, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_VMX_BASIC, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_VMX_LAST, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_RTIT_FIRST, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_DS_AREA, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_PEBS_ENABLE, NEVER, 0, false, false, 0, 0, 0 },
	{ MSR_HW_FEEDBACK_PTR, NEVER, 0, false, false, 0, 0, 0 },
	{ 0x4b564d00, NEVER, 0, false, false, 0, 0, 0 }, /* KVM's */
	{ 0x40000000, NEVER, 0, false, false, 0, 0, 0 }, /* Hyper-V's */
	{ 0xffffffff, NEVER, 0, false, false, 0, 0, 0 },
};
/* clang-format on */

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* A word of CPUID as the guest sees it. */
static uint32_t word_of(uint8_t word)
{
	static const struct {
		uint32_t leaf, sub;
		uint8_t reg;
	} words[] = {
		[LEAF_7_EBX] = { 7, 0, 1 },	      [LEAF_7_EDX] = { 7, 0, 3 },
		[LEAF_88_EBX] = { 0x80000008, 0, 1 }, [LEAF_D1_EAX] = { 0xd, 1, 0 },
		[LEAF_81_EDX] = { 0x80000001, 0, 3 },
	};
	struct inquiry_op op = { .kind = INQUIRY_CPUID,
				 .number = words[word].leaf,
				 .sub = words[word].sub };

	inquiry_load(&child, &op, 1);
	CHECK(inquiry_run(&child, &op, 1));
	return op.result.words[words[word].reg];
}

static bool exists(const struct row *row)
{
	switch (row->has) {
	case ALWAYS: return true;
	case INTEL: return !vendor_is_amd();
	case AMD: return vendor_is_amd();
	case NEVER: return false;
	case SPECULATION:
		return (word_of(LEAF_7_EDX) & (EDX_IBRS_IBPB | EDX_STIBP | EDX_SSBD)) ||
		       (word_of(LEAF_88_EBX) & EBX_SPEC_CTRL);
	case BARRIER:
		return (word_of(LEAF_7_EDX) & EDX_IBRS_IBPB) || (word_of(LEAF_88_EBX) & EBX_IBPB);
	default: return word_of(row->has) & row->bits;
	}
}

static void check_row(const struct row *row)
{
	const bool is_there = exists(row);
	struct inquiry_op ops[] = {
		{ .kind = INQUIRY_RDMSR, .number = row->msr },
		{ .kind = INQUIRY_WRMSR, .number = row->msr, .value = row->value },
		{ .kind = INQUIRY_RDMSR, .number = row->msr },
	};

	inquiry_load(&child, ops, 3);
	CHECK(inquiry_run(&child, ops, 3));
	CHECK_EQ(ops[0].fault, is_there && !row->has_no_read ? 0 : GP);
	CHECK_EQ(ops[1].fault, is_there && !row->is_refused ? 0 : GP);
	CHECK_EQ(ops[2].fault, ops[0].fault);
	if (is_there && !row->has_no_read)
		CHECK_EQ(ops[2].result.value & row->mask,
			 (row->is_refused ? ops[0].result.value : row->kept) & row->mask);
}

static void msr_rows_are_as_the_manual_says(void)
{
	for (size_t i = 0; i < N_ROWS && !check_has_failed(); i++) {
		CHECK_EQ(inquiry_create(&child, NULL), S_OK);
		check_row(&rows[i]);
		if (check_has_failed())
			terminal_print("# MSR %x, value %lx\n", rows[i].msr,
				       (unsigned long)rows[i].value);
		child_destroy(&child);
	}
}

/* What the client sets is what the guest reads, and the other way round. */
static void msr_and_register_are_one(void)
{
	static const struct {
		uint32_t msr;
		UINT32 name;
		uint64_t value;
	} same[] = {
		{ MSR_APIC_BASE, WHvX64RegisterApicBase, 0xfee00100 },
		{ MSR_PAT, WHvX64RegisterPat, 0x0007040600070406 },
		{ MSR_SYSENTER_CS, WHvX64RegisterSysenterCs, 0x18 },
		{ MSR_SYSENTER_ESP, WHvX64RegisterSysenterEsp, 0x1234 },
		{ MSR_SYSENTER_EIP, WHvX64RegisterSysenterEip, 0x5678 },
		{ MSR_STAR, WHvX64RegisterStar, 0x1122334455667788 },
		{ MSR_LSTAR, WHvX64RegisterLstar, 0x9abc },
		{ MSR_CSTAR, WHvX64RegisterCstar, 0xdef0 },
		{ MSR_FMASK, WHvX64RegisterSfmask, 0x700 },
		{ MSR_KERNEL_GS_BASE, WHvX64RegisterKernelGsBase, 0x7777 },
		{ MSR_MTRR_DEF_TYPE, WHvX64RegisterMsrMtrrDefType, 0xc06 },
		{ MSR_MTRR_PHYSBASE0 + 2, WHvX64RegisterMsrMtrrPhysBase1, 0x40000006 },
		{ MSR_MTRR_PHYSBASE0 + 3, WHvX64RegisterMsrMtrrPhysMask1, 0xffff00000800 },
		{ MSR_MTRR_FIX4K_C0000, WHvX64RegisterMsrMtrrFix4kC0000, 0x0606060606060606 },
		{ MSR_TSC_AUX, WHvX64RegisterTscAux, 9 },
	};
	const uint64_t physical = (1ull << 39) - 1;

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]) && !check_has_failed(); i++) {
		const uint64_t value = same[i].msr == MSR_MTRR_PHYSBASE0 + 3
					       ? same[i].value & physical
					       : same[i].value;

		CHECK_EQ(child_set(&child, same[i].name, value), S_OK);
		CHECK_EQ(inquiry_one(&child, INQUIRY_RDMSR, same[i].msr, 0).result.value, value);
		CHECK_EQ(inquiry_one(&child, INQUIRY_WRMSR, same[i].msr, 0).fault, 0);
		CHECK_EQ(child_get(&child, same[i].name), 0);
	}
	child_destroy(&child);
}

/* Deny by default: of both ranges of the bitmaps nothing reads but what is in the table above, or is named here. */
static bool is_known(uint32_t msr)
{
	static const struct {
		uint32_t first, last;
		uint8_t has;
	} others[] = {
		{ MSR_TSC, MSR_TSC, ALWAYS },
		{ MSR_EBL_CR_POWERON, MSR_EBL_CR_POWERON, INTEL },
		{ MSR_SMI_COUNT, MSR_SMI_COUNT, INTEL },
		{ MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, INTEL },
		{ MSR_UMWAIT_CONTROL, MSR_UMWAIT_CONTROL, ALWAYS },
		{ MSR_PERF_STATUS, MSR_PERF_STATUS, INTEL },
		{ MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYSBASE0 + 15, ALWAYS },
		{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_F8000, ALWAYS },
		{ MSR_LASTBRANCH_FIRST, MSR_LASTBRANCH_LAST, ALWAYS },
		{ MSR_PERF_LEGACY_FIRST, MSR_PERF_LEGACY_LAST, AMD },
		{ MSR_IORR_FIRST, MSR_TOP_MEM, AMD },
		{ MSR_NB_CFG, MSR_NB_CFG, AMD },
		{ MSR_INT_PENDING, MSR_INT_PENDING, AMD },
		{ MSR_MMIO_CFG_BASE, MSR_MMIO_CFG_BASE, AMD },
		{ MSR_SMM_ADDR, MSR_SMM_MASK, AMD },
	};

	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].msr == msr && exists(&rows[i]))
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (msr >= others[i].first && msr <= others[i].last)
			return others[i].has == ALWAYS || (others[i].has == AMD) == vendor_is_amd();
	return false;
}

static void sweep(uint32_t first, uint32_t n)
{
	static struct inquiry_op ops[INQUIRY_MAX];

	for (uint32_t done = 0; done < n && !check_has_failed(); done += INQUIRY_MAX) {
		for (uint32_t i = 0; i < INQUIRY_MAX; i++)
			ops[i] = (struct inquiry_op) { .kind = INQUIRY_RDMSR,
						       .number = first + done + i };
		inquiry_load(&child, ops, INQUIRY_MAX);
		CHECK(inquiry_run(&child, ops, INQUIRY_MAX));
		for (uint32_t i = 0; i < INQUIRY_MAX; i++) {
			if (ops[i].fault == GP || is_known(ops[i].number))
				continue;
			CHECK_EQ(ops[i].number, ~0u);
			return;
		}
	}
}

static void msr_others_are_refused(void)
{
	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	sweep(0, 0x2000);
	sweep(0xc0000000, 0x2000);
	sweep(0x40000000, 0x400);
	sweep(0xc0010000, 0x400);
	child_destroy(&child);
}

void msr_checks(void)
{
	static const struct test tests[] = {
		TEST(msr_rows_are_as_the_manual_says),
		TEST(msr_and_register_are_one),
		TEST(msr_others_are_refused),
	};

	RUN(tests);
}
