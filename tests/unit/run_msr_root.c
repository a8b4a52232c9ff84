/* SPDX-License-Identifier: MIT */
/* MSRs of the root: the processor's, but for those that reach further than the test_root. */
#include "hv/cpu/msr.h"
#include "hv/root/root_msr.h"
#include "tests/unit/run_world.h"

static bool is_type(uint64_t type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

static bool root_writes(uint32_t msr, uint64_t value)
{
	const enum msr_outcome outcome = msr_write_root(&test_root, msr, value);

	CHECK(outcome == MSR_DONE || outcome == MSR_FAULT);
	return outcome == MSR_DONE;
}

/* 1 reads, 2 writes: the ranges of the bitmaps, of which Intel's have the first two. */
static uint8_t guarded[3][0x2000];
static const uint32_t ranges[] = { 0, 0xc0000000, 0xc0010000 };

static uint8_t *guard_of(uint32_t msr)
{
	for (unsigned int i = 0; i < 3; i++)
		if (msr - ranges[i] < sizeof(guarded[0]))
			return &guarded[i][msr - ranges[i]];
	return NULL;
}

void __wrap_virt_root_guard_msr(struct virt_vp *virt, uint32_t msr, bool reads, bool writes);
void __wrap_virt_root_guard_msr(struct virt_vp *virt, uint32_t msr, bool reads, bool writes)
{
	CHECK(virt == test_root.virt);
	REQUIRE(guard_of(msr) != NULL);
	*guard_of(msr) |= (uint8_t)(reads | writes << 1);
}

/* SDM 3A "Memory Type Range Registers": the fixed ranges, one by one. */
static bool is_fixed_mtrr(uint32_t msr)
{
	return msr == 0x250 || msr == 0x258 || msr == 0x259 || (msr >= 0x268 && msr <= 0x26f);
}

/* VMX; Intel PT; architectural LBRs; the clocks of a KVM below. */
static bool is_absent(uint32_t msr)
{
	return msr == 0x9b || (msr >= 0x480 && msr <= 0x493) || (msr >= 0x560 && msr <= 0x587) ||
	       msr == 0x14ce || msr == 0x14cf || msr == 0x11 || msr == 0x12;
}

/*
 * What stays as it is: TEST_CTRL; fast zeroing of memory; what an IN from some ports becomes; AES; SMRR and PRMRR; PEBS
 * twice; the debug store; TME; SEAMRR; hardware feedback.
 */
static const uint32_t read_only[] = { 0x33,  0x7d,  0x82,  0x83,   0x84,   0x85,   0xe4,
				      0x13c, 0x1f2, 0x1f3, 0x1f4,  0x1f5,  0x1f6,  0x1f7,
				      0x2a0, 0x2a1, 0x2a2, 0x2a3,  0x2a4,  0x2a5,  0x2a6,
				      0x2a7, 0x2f4, 0x2f5, 0x3f1,  0x3f4,  0x600,  0x981,
				      0x982, 0x983, 0x984, 0x1400, 0x1401, 0x1402, 0x17d0 };

static bool is_read_only(uint32_t msr)
{
	for (unsigned int i = 0; i < sizeof(read_only) / sizeof(*read_only); i++)
		if (read_only[i] == msr)
			return true;
	return false;
}

/* MSRs of which the root may change these bits and no other. SDM 4, by their names there. */
static const struct {
	uint32_t msr;
	uint64_t may_change;
} partly[] = {
	{ 0x1b, 0xfff },	 /* IA32_APIC_BASE: all but the address */
	{ 0x140, 1 << 1 },	 /* MISC_FEATURES_ENABLES: MWAIT at CPL 3, not CPUID faults */
	{ 0x1a0, 0xe0009b2209 }, /* IA32_MISC_ENABLE, see below */
	{ 0x1c4, 3ull << 17 },	 /* IA32_XFD: tiles, which children do not have */
	{ 0xda0, 0x1f << 10 | 1 << 16 }, /* IA32_XSS: not PT 8, not LBR 15 */
};

#define N_PARTLY (sizeof(partly) / sizeof(*partly))

/*
 * Siblings of those, which could be thought to reach the hypervisor while it runs or to get round nested paging, and why
 * they do not. They pass.
 */
static const struct {
	uint32_t msr;
	const char *why;
} harmless[] = {
	{ 0x1c, "IA32_USER_MSR_CTL: URDMSR and UWRMSR obey the bitmaps, too" },
	{ 0x48, "IA32_SPEC_CTRL: the hypervisor becomes slower; children have their own" },
	{ 0x8c,
	  "IA32_SGXLEPUBKEYHASH0: which enclaves start; their memory is the root's own range" },
	{ 0xbc, "IA32_MISC_PACKAGE_CTLS: energy reports" },
	{ 0xe1, "IA32_UMWAIT_CONTROL: the hypervisor does not wait so, and children exit" },
	{ 0xe2, "MSR_PKG_CST_CONFIG_CONTROL: sleep states; the ports of E4h stay" },
	{ 0x122, "IA32_TSX_CTRL: nobody else has transactions" },
	{ 0x174, "IA32_SYSENTER_CS: every VM exit loads the hypervisor's" },
	{ 0x19a, "IA32_CLOCK_MODULATION: slower, as the root wishes" },
	{ 0x1c5, "IA32_XFD_ERR: a note for the handler of #NM" },
	{ 0x1cc, "IA32_FRED_RSP0: the hypervisor's CR4.FRED is 0" },
	{ 0x1d9, "IA32_DEBUGCTL: VM exits clear it, entries of children load theirs" },
	{ 0x277, "IA32_PAT: every VM exit loads the hypervisor's" },
	{ 0x280, "IA32_MC0_CTL2: an interrupt for corrected errors, the root's" },
	{ 0x38d, "IA32_FIXED_CTR_CTRL: counters may count the hypervisor's work; an NMI goes to "
		 "the root" },
	{ 0x38f, "IA32_PERF_GLOBAL_CTRL: the same" },
	{ 0x400, "IA32_MC0_CTL: which machine checks are reported" },
	{ 0x6a0, "IA32_U_CET: the hypervisor's CR4.CET is 0, and that of children" },
	{ 0x6a2, "IA32_S_CET: the same" },
	{ 0x6a4, "IA32_PL0_SSP: the same" },
	{ 0x6e1, "IA32_PKRS: the hypervisor's CR4.PKS is 0, and that of children" },
	{ 0x770, "IA32_PM_ENABLE: clock rates are the root's" },
	{ 0x830, "x2APIC ICR: interrupts wait while the hypervisor runs; NMIs are the root's" },
	{ 0x985, "IA32_UINTR_RR: the hypervisor's CR4.UINTR is 0" },
	{ 0xc8f, "IA32_PQR_ASSOC: shares of caches, slower at worst" },
	{ 0xd93, "IA32_PASID: of ENQCMD, which neither hypervisor nor children have" },
	{ 0xdb0, "IA32_PKG_HDC_CTL: forced idling, slower" },
	{ 0x17d1, "IA32_HW_FEEDBACK_CONFIG: the table's address stays" },
	{ 0x17da, "IA32_HRESET_ENABLE: history of the thread director" },
	{ 0xc0000080, "IA32_EFER: every VM exit loads the hypervisor's" },
	{ 0xc0000101, "IA32_GS_BASE: the same" },
};

static bool is_partly(uint32_t msr)
{
	for (unsigned int i = 0; i < N_PARTLY; i++)
		if (partly[i].msr == msr)
			return true;
	return false;
}

static void root_guards_what_is_listed_and_nothing_else(void)
{
	world_init();
	memset(guarded, 0, sizeof(guarded));
	root_prepare(&test_root);
	for (uint32_t msr = 0; msr < 0x2000; msr++) {
		unsigned int wanted = 0;

		if (msr == 0x3a || msr == 0xce || msr == 0xcf || is_absent(msr))
			wanted = 3;
		else if ((msr >= 0x200 && msr < 0x240) || is_fixed_mtrr(msr) || msr == 0x2ff)
			wanted = 3;
		else if (msr == 0x10 ||
			 msr == 0x3b) /* TSC, IA32_TSC_ADJUST read with the root's offset */
			wanted = 3;
		else if (msr == 0x79 || is_partly(msr) || is_read_only(msr))
			wanted = 2;
		CHECK_EQ((uint64_t)msr << 8 | guarded[0][msr], (uint64_t)msr << 8 | wanted);
		CHECK_EQ(guarded[1][msr] | guarded[2][msr], 0);
	}
}

static void root_absent_msrs_are_absent_whatever_the_machine_has(void)
{
	for (uint32_t msr = 0; msr < 0x2000; msr++) {
		uint64_t value = 0x1234;

		if (!is_absent(msr))
			continue;
		world_init();
		fake_set_msr(msr, 7);
		CHECK(!msr_read_root(&test_root, msr, &value));
		CHECK_EQ(value, 0x1234);
		CHECK(!root_writes(msr, 8));
		CHECK_EQ(fake.msr[0].value, 7);
	}
}

static void root_cannot_write_what_writes_past_nested_paging(void)
{
	uint64_t value;

	world_init();
	for (unsigned int i = 0; i < sizeof(read_only) / sizeof(*read_only); i++) {
		fake_set_msr(read_only[i], 7);
		for (unsigned int bit = 0; bit < 64; bit++)
			CHECK(!root_writes(read_only[i], 1ull << bit));
		CHECK(msr_read_root(&test_root, read_only[i], &value));
		CHECK_EQ(value, 7);
	}
}

static void check_root_takes(uint32_t msr, uint64_t value, bool is_legal)
{
	uint64_t before, after;

	CHECK(virt_rdmsr(msr, &before));
	CHECK_EQ(root_writes(msr, value), is_legal);
	CHECK(virt_rdmsr(msr, &after));
	CHECK_EQ(after, is_legal ? value : before);
}

/* An MSR that the machine has not is #GP. */
static void check_root_lacks(uint32_t msr)
{
	uint64_t value = 0x1234;

	CHECK(!msr_read_root(&test_root, msr, &value));
	CHECK_EQ(value, 0x1234);
	CHECK(!root_writes(msr, 0));
}

/* Over hidden memory the APIC's page would show the hypervisor what is not there. */
static void root_apic_stays_where_it_is(void)
{
	world_init();
	fake_set_msr(MSR_APIC_BASE, 0xfee00900);
	for (unsigned int bit = 12; bit < 64; bit++)
		check_root_takes(MSR_APIC_BASE, 0xfee00900 ^ 1ull << bit, false);
	check_root_takes(MSR_APIC_BASE, 0xfee00d00, true); /* x2APIC */
	check_root_takes(MSR_APIC_BASE, 0xfee00100, true); /* off */
	check_root_takes(MSR_APIC_BASE, 0xfee00900, true);
	check_root_takes(MSR_APIC_BASE, 0xfee00800, true); /* BSP */
}

/* Each bit of each, set and cleared, and nothing of a refused value. */
static void root_changes_the_bits_of_the_row_and_no_other(void)
{
	for (unsigned int i = 0; i < N_PARTLY; i++)
		for (unsigned int bit = 0; bit < 64; bit++)
			for (unsigned int is_set = 0; is_set < 2; is_set++) {
				const uint64_t start = is_set ? ~0ull : 0;

				world_init();
				fake_set_msr(partly[i].msr, start);
				check_root_takes(partly[i].msr, start ^ 1ull << bit,
						 partly[i].may_change >> bit & 1);
			}
}

/* SDM 4 "IA32_MISC_ENABLE": MONITOR 18, limit CPUID 22, XD disable 34 change what children have been told. */
static void root_misc_enable_leaves_the_processor_as_it_is(void)
{
	world_init();
	fake_set_msr(MSR_MISC_ENABLE, 0x850089);
	check_root_takes(MSR_MISC_ENABLE, 0x850089 ^ 1 << 18, false);
	check_root_takes(MSR_MISC_ENABLE, 0x850089 | 1 << 22, false);
	check_root_takes(MSR_MISC_ENABLE, 0x850089 | 1ull << 34, false);
	check_root_takes(MSR_MISC_ENABLE, 0x850089, true);
	check_root_takes(MSR_MISC_ENABLE, 0x850088, true);		/* no fast strings */
	check_root_takes(MSR_MISC_ENABLE, 0x850089 | 1ull << 38, true); /* no turbo */
}

static uint64_t root_reads(uint32_t msr)
{
	uint64_t value = 0xbad;

	CHECK(msr_read_root(&test_root, msr, &value));
	return value;
}

/* What cannot be had is not announced; what was read can be written. */
static void root_is_not_told_of_faults_that_it_cannot_have(void)
{
	world_init();
	fake_set_msr(0xce, ~0ull);
	fake_set_msr(0xcf, ~0ull);
	CHECK_EQ(root_reads(0xce), ~(1ull << 31)); /* CPUID faulting */
	CHECK_EQ(root_reads(0xcf),
		 ~(3ull << 4)); /* #GP for locks on UC memory, #AC for split locks */
	CHECK(!root_writes(0xcf, 0));
	CHECK(root_writes(0xce, ~(1ull << 31)));
	CHECK(!root_writes(0xce, ~0ull));
	CHECK_EQ(fake.msr[0].value, ~0ull);
}

/* What firmware has left on would reach the hypervisor, or the children, all the same. */
static void root_start_clears_what_firmware_left_on(void)
{
	static const struct {
		uint32_t msr;
		uint64_t left, kept;
	} rows[] = {
		{ 0x33, 0xb0000001, 0x80000001 }, /* TEST_CTRL: 28 and 29 */
		{ 0x140, 3, 2 },		  /* CPUID faulting */
		{ 0x14ce, 0xf0003, 0xf0002 },	  /* IA32_LBR_CTL */
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		world_init();
		fake_set_msr(rows[i].msr, rows[i].left);
		root_prepare(&test_root);
		CHECK_EQ(fake.msr[0].value, rows[i].kept);
	}
	world_init();
	root_prepare(&test_root); /* a machine that has none of them */
	CHECK_EQ(fake.n_msrs, 0);
}

static void root_has_what_is_harmless(void)
{
	for (unsigned int i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		CHECK(strlen(harmless[i].why) > 10);
		world_init();
		fake_set_msr(harmless[i].msr, 0);
		check_root_takes(harmless[i].msr, ~0ull, true);
		CHECK_EQ(root_reads(harmless[i].msr), ~0ull);
	}
}

static void root_microcode_update_is_dropped(void)
{
	world_init();
	fake_set_msr(0x79, 0);
	CHECK(root_writes(0x79, 0xffff800012345000ull));
	CHECK_EQ(fake.msr[0].value, 0);
}

static void root_feature_control_is_locked_without_vmx(void)
{
	uint64_t value = 0;

	world_init();
	CHECK(!msr_read_root(&test_root, MSR_FEATURE_CONTROL, &value)); /* a processor without it */
	fake_set_msr(MSR_FEATURE_CONTROL, 0x10ff06);
	CHECK(msr_read_root(&test_root, MSR_FEATURE_CONTROL, &value));
	CHECK_EQ(value, 0x100001); /* LMCE stays as firmware chose */
	CHECK(!root_writes(MSR_FEATURE_CONTROL, 5));
	CHECK_EQ(fake.msr[0].value, 0x10ff06);
}

static bool is_mtrr(uint32_t msr)
{
	return (msr >= 0x200 && msr < 0x210) || is_fixed_mtrr(msr) || msr == 0x2ff;
}

/* The hypervisor's own accesses have the types that the machine's MTRRs give them, whatever the root writes. */
static void root_mtrrs_never_reach_the_machine(void)
{
	for (uint32_t msr = 0x200; msr < 0x300; msr++) {
		const bool is_mask = msr < 0x210 && msr & 1;
		uint64_t value = 0;

		if (!is_mtrr(msr))
			continue;
		world_init();
		fake_set_msr(msr, 0xdead);
		CHECK(root_writes(msr, is_mask ? 0x1000 : 6));
		CHECK(msr_read_root(&test_root, msr, &value));
		CHECK_EQ(value, is_mask ? 0x1000 : 6);
		CHECK_EQ(fake.msr[0].value, 0xdead);
	}
	world_init();
	fake_set_msr(0x210, 0);
	fake_set_msr(0x23f, 0);
	CHECK(!root_writes(0x210, 0)); /* beyond the eight */
	CHECK(!root_writes(0x23f, 0));
}

static unsigned int n_retypes;
static unsigned int n_parts; /* calls of root_memory_retype() that do not finish */

bool __wrap_root_memory_retype(bool has_changed);
bool __wrap_root_memory_retype(bool has_changed)
{
	CHECK(fake.n_type_changes); /* virt_memory_type_changed() comes first */
	n_retypes += has_changed;
	if (!n_parts)
		return true;
	n_parts--;
	return false;
}

static void root_mtrr_write_retypes_memory(void)
{
	world_init();
	n_retypes = 0;
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 0x800));
	CHECK_EQ(n_retypes, 1);
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 0x800)); /* nothing new */
	CHECK_EQ(n_retypes, 1);
	CHECK(root_writes(0x20f, 0x800));
	CHECK(root_writes(0x250, 6));
	CHECK_EQ(n_retypes, 3);
	CHECK_EQ(fake.n_type_changes, 3);
	CHECK(!root_writes(0x268, 2)); /* no type */
	CHECK_EQ(n_retypes, 3);
}

/* As systems write them: off, one after the other, and on. Only then does anything follow, once. */
static void root_mtrrs_that_are_off_cost_nothing(void)
{
	world_init();
	n_retypes = 0;
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 6));
	for (uint32_t msr = 0x200; msr < 0x210; msr += 2) {
		CHECK(root_writes(msr, (uint64_t)msr << 24));
		CHECK(root_writes(msr + 1, 0xffff000800));
	}
	CHECK(root_writes(0x250, 0x0606060606060606));
	CHECK_EQ(n_retypes, 0);
	CHECK_EQ(fake.n_type_changes, 0);
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 0x806));
	CHECK_EQ(n_retypes, 1);
	CHECK_EQ(fake.n_type_changes, 1);
}

static void root_mtrr_write_is_executed_again_until_it_is_done(void)
{
	world_init();
	n_retypes = 0;
	n_parts = 3;
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(msr_write_root(&test_root, 0x250, 6), MSR_AGAIN);
	CHECK_EQ(msr_write_root(&test_root, 0x250, 6), MSR_DONE);
	CHECK_EQ(n_retypes, 1);
}

/* SDM 3A "Memory Type Range Registers", with 40 bits of physical addresses. */
static void root_mtrr_values_are_the_manuals(void)
{
	world_init();
	for (unsigned int type = 0; type < 256; type++) {
		CHECK_EQ(root_writes(MSR_MTRR_DEF_TYPE, type | 0xc00), is_type(type));
		CHECK_EQ(root_writes(0x202, 0xabcde000 | type), is_type(type));
		CHECK_EQ(root_writes(0x26f, (uint64_t)type << 56), is_type(type));
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		const bool is_address = bit >= 12 && bit < 40;

		CHECK_EQ(root_writes(0x203, 1ull << bit), is_address || bit == 11);
		if (bit >= 8)
			CHECK_EQ(root_writes(0x202, 1ull << bit), is_address);
	}
}

/* With holes in it a mask could want a leaf for each page of the machine. */
static void root_mtrr_masks_have_no_holes(void)
{
	world_init();
	for (unsigned int low = 12; low <= 40; low++) {
		const uint64_t mask = (1ull << 40) - (1ull << low);

		CHECK(root_writes(0x203, mask | 0x800));
		for (unsigned int bit = low; bit < 40; bit++)
			if (bit > low)
				CHECK(!root_writes(0x203, (mask | 0x800) ^ 1ull << bit));
		CHECK(root_writes(0x203, mask & ~(1ull << 39))); /* not in use */
	}
	/* What firmware has left can be written again. */
	fake.mtrr[3].value = 0xff80000800;
	CHECK(root_writes(0x203, 0xff80000800));
	fake.mtrr[3].value = 0x0f80000800;
	CHECK(root_writes(0x203, 0x0f80000800));
	CHECK(root_writes(0x203, 0));
	CHECK(!root_writes(0x203, 0x0f80000800));
}

static void root_other_msrs_pass(void)
{
	static const uint32_t msrs[] = { 0x8b, 0x1fff, 0xc0000000, 0xc0001fff };
	uint64_t value;

	world_init();
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(*msrs); i++) {
		CHECK(!msr_read_root(&test_root, msrs[i], &value));
		CHECK(!root_writes(msrs[i], 0));
		fake_set_msr(msrs[i], 3);
		CHECK(msr_read_root(&test_root, msrs[i], &value));
		CHECK_EQ(value, 3);
		check_root_takes(msrs[i], 4, true);
	}
}

static void check_root_has_none(const uint32_t *msrs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t value = 0x1234;

		fake_set_msr(msrs[i], 3);
		CHECK(!msr_read_root(&test_root, msrs[i], &value));
		CHECK_EQ(value, 0x1234);
		check_root_takes(msrs[i], 4, false);
	}
}

/* SDM 3C "MSR-Bitmap Address": those of a hypervisor below exit, and are not the root's. */
static void root_has_nothing_outside_the_bitmaps(void)
{
	static const uint32_t msrs[] = { 0x2000,     0x40000000, 0x4b564d00, 0x4b564d01,
					 0xbfffffff, 0xc0002000, 0xc0010000, 0xffffffff };

	world_init();
	check_root_has_none(msrs, sizeof(msrs) / sizeof(*msrs));
}

/* ---- AMD's -------------------------------------------------------------------------------- */

static void amd_init(void)
{
	world_init();
	virt_machine.vendor = WHvProcessorVendorAmd;
	virt_machine.efer_possible = 0x10ed01; /* UAIE, TCE, FFXSR, LMSLE, NXE, LMA, LME, SCE */
}

/*
 * APM 2 appendix A and the PPRs: TSC_RATIO, LWP, VM_HSAVE_PA, SVM_KEY, the doorbell of AVIC, VMPAGE_FLUSH, GHCB and
 * SEV_STATUS, as on a processor without SVM, LWP and SEV.
 */
static const uint32_t amd_absent[] = { 0xc0000104, 0xc0000105, 0xc0000106, 0xc0010117, 0xc0010118,
				       0xc001011b, 0xc001011e, 0xc0010130, 0xc0010131 };

/* Bits that the root may change of the rest. */
static const struct {
	uint32_t msr;
	uint64_t may_change, cleared;
} amd_partly[] = {
	{ 0xc000010f, ~(1ull << 6), 1ull << 6 }, /* DBG_EXTN_CFG: not LBRS_EN */
	/*
	 * HWCR: not SmmLock 0, the limit of CPUID 11, special cycles of SMI and RSM 13 14, SseDis 15, Wrap32Dis 17,
	 * IoCfgGpFault 19, TSC and P0 20 21 24, the locks of SMM 31 and 33, CpuidUserDis 35
	 */
	{ 0xc0010015,
	  1ull << 3 | 1ull << 4 | 1ull << 6 | 7ull << 8 | 1ull << 12 | 1ull << 18 | 7ull << 25 |
		  1ull << 30,
	  1ull << 35 },
	{ 0xc0010016, 0, 0 }, /* IORR bases and masks */
	{ 0xc0010017, 0, 0 },
	{ 0xc0010018, 0, 0 },
	{ 0xc0010019, 0, 0 },
	{ 0xc001001a, 0, 0 }, /* TOP_MEM */
	{ 0xc001001d, 0, 0 }, /* TOP_MEM2 */
	{ 0xc0010058, 0, 0 }, /* MMIO configuration base */
	{ 0xc0010073, 0, 0 }, /* C-state base: ports */
	{ 0xc0010111, 0, 0 }, /* SMM_BASE, SMM_ADDR, SMM_MASK, SMM_CTL, the key of SMM */
	{ 0xc0010112, 0, 0 },
	{ 0xc0010113, 0, 0 },
	{ 0xc0010116, 0, 0 },
	{ 0xc0010119, 0, 0 },
	{ 0xc0010132, 0, 0 }, /* RMP_BASE, RMP_END, RMP_CFG */
	{ 0xc0010133, 0, 0 },
	{ 0xc0010136, 0, 0 },
	{ 0xc0011002, 1ull << 18, 0 }, /* CPUID 7: RDSEED, as Linux takes it away on Zen 5 */
	{ 0xc0011003, 0, 0 },	       /* CPUID 6 */
	{ 0xc0011004, 1ull << 62, 0 }, /* CPUID 1: RDRAND, as Linux does on families 15h and 16h */
	{ 0xc0011005, 1ull << 54, 0 }, /* CPUID 80000001: topology extensions, which it puts back */
	{ 0xc0011019, 0, ~0ull },      /* masks of breakpoints 1 to 3, 0 */
	{ 0xc001101a, 0, ~0ull },
	{ 0xc001101b, 0, ~0ull },
	{ 0xc0011027, 0, ~0ull },
};

#define N_AMD_PARTLY (sizeof(amd_partly) / sizeof(*amd_partly))

/* Siblings of those that reach no further than the root, and why. */
static const struct {
	uint32_t msr;
	const char *why;
} amd_harmless[] = {
	{ 0x8b, "PATCH_LEVEL: a number" },
	{ 0x400, "MC0_CTL: which machine checks are reported" },
	{ 0xc0000102, "KernelGSBase: switched" },
	{ 0xc00000e7, "MPerfReadOnly: a clock" },
	{ 0xc00000e9, "IRPerfCount: counts the hypervisor's work, too" },
	{ 0xc0000108, "PrefetchControl: slower" },
	{ 0xc0000200, "L3 bandwidth of a class: slower at worst" },
	{ 0xc0000302, "PerfCntrGlobalStatusClr: an NMI goes to the root" },
	{ 0xc0002000, "MCA_CTL of bank 0: as 400h" },
	{ 0xc0002fff, "the last of these" },
	{ 0xc0010000, "PerfEvtSel0: counters may count the hypervisor's work" },
	{ 0xc0010004, "PerfCtr0: the same" },
	{ 0xc001001f, "NB_CFG: the northbridge, as by configuration space" },
	{ 0xc0010020,
	  "PATCH_LOADER: a signed update, read through the root's own page tables; each "
	  "processor has its own" },
	{ 0xc0010022, "where machine checks go: held while the hypervisor runs" },
	{ 0xc0010030, "the name: CPUID's answer alone" },
	{ 0xc0010050, "SMI on I/O: firmware's own trap" },
	{ 0xc0010055, "interrupt pending message: C1E" },
	{ 0xc0010062, "P-state: clock rates are the root's" },
	{ 0xc0010064, "P-state 0: the same" },
	{ 0xc0010074, "watchdog of the processor: a machine check" },
	{ 0xc0010115, "IGNNE#: a pin" },
	{ 0xc0010140, "OSVW: which errata there are" },
	{ 0xc0010200, "PERF_CTL0: as the old counters" },
	{ 0xc0010293, "P-state hardware status" },
	{ 0xc00102b1, "CPPC enable: clock rates" },
	{ 0xc0011020, "LS_CFG: SSBD on families 15h to 17h" },
	{ 0xc0011022, "DC_CFG: prefetchers" },
	{ 0xc0011029, "DE_CFG: whether LFENCE waits, and work-arounds" },
	{ 0xc001102e, "BP_CFG: speculation" },
	{ 0xc0011030, "IBS fetch: samples stay in the processor" },
	{ 0xc0011033, "IBS op: the same" },
	{ 0xc00110e3, "a work-around of Zen 2" },
	{ 0xc0011fff, "the last of the range" },
};

static unsigned int amd_guard(uint32_t msr)
{
	if (msr == 0xc0000080 || msr == 0xc0010010 || msr == 0xc0010114)
		return 3; /* EFER, SYSCFG, VM_CR */
	if (msr == 0x10 || msr == 0x3b || msr == 0x11 || msr == 0x12)
		return 3;
	if ((msr >= 0x200 && msr < 0x240) || is_fixed_mtrr(msr) || msr == 0x2ff)
		return 3;
	if (msr == 0x1b || msr == 0xda0)
		return 2;
	for (unsigned int i = 0; i < sizeof(amd_absent) / sizeof(*amd_absent); i++)
		if (amd_absent[i] == msr)
			return 3;
	for (unsigned int i = 0; i < N_AMD_PARTLY; i++)
		if (amd_partly[i].msr == msr)
			return 2;
	return 0;
}

static void amd_root_guards_what_is_listed_and_nothing_else(void)
{
	amd_init();
	memset(guarded, 0, sizeof(guarded));
	root_prepare(&test_root);
	for (unsigned int i = 0; i < 3; i++)
		for (uint32_t n = 0; n < 0x2000; n++) {
			const uint64_t msr = ranges[i] + n;

			CHECK_EQ(msr << 8 | guarded[i][n], msr << 8 | amd_guard((uint32_t)msr));
		}
}

static void amd_root_has_no_svm_lwp_and_sev(void)
{
	for (unsigned int i = 0; i < sizeof(amd_absent) / sizeof(*amd_absent); i++) {
		uint64_t value = 0x1234;

		amd_init();
		fake_set_msr(amd_absent[i], 7);
		CHECK(!msr_read_root(&test_root, amd_absent[i], &value));
		CHECK_EQ(value, 0x1234);
		CHECK(!root_writes(amd_absent[i], 7));
		CHECK(!root_writes(amd_absent[i], 8));
		CHECK_EQ(fake.msr[0].value, 7);
	}
}

static void amd_root_changes_the_bits_of_the_row_and_no_other(void)
{
	for (unsigned int i = 0; i < N_AMD_PARTLY; i++) {
		amd_init();
		check_root_lacks(amd_partly[i].msr);
		for (unsigned int bit = 0; bit < 64; bit++)
			for (unsigned int is_set = 0; is_set < 2; is_set++) {
				const uint64_t start = is_set ? ~0ull : 0;

				amd_init();
				fake_set_msr(amd_partly[i].msr, start);
				check_root_takes(amd_partly[i].msr, start ^ 1ull << bit,
						 amd_partly[i].may_change >> bit & 1);
				CHECK_EQ(root_reads(amd_partly[i].msr), fake.msr[0].value);
			}
		amd_init();
		fake_set_msr(amd_partly[i].msr, ~0ull);
		root_prepare(&test_root);
		CHECK_EQ(fake.msr[0].value, ~amd_partly[i].cleared);
	}
}

static void amd_root_has_what_is_harmless(void)
{
	for (unsigned int i = 0; i < sizeof(amd_harmless) / sizeof(*amd_harmless); i++) {
		CHECK(strlen(amd_harmless[i].why) > 5);
		amd_init();
		check_root_lacks(amd_harmless[i].msr);
		fake_set_msr(amd_harmless[i].msr, 0);
		check_root_takes(amd_harmless[i].msr, ~0ull, true);
		CHECK_EQ(root_reads(amd_harmless[i].msr), ~0ull);
	}
}

/* Each processor loads its own, and reads it through the page tables of the root that writes. */
static void amd_root_microcode_update_reaches_the_processor(void)
{
	amd_init();
	memset(guarded, 0, sizeof(guarded));
	root_prepare(&test_root);
	CHECK_EQ(*guard_of(0xc0010020), 0);
	CHECK(!root_writes(0x79, 0)); /* Intel's is #GP */
}

/* APM 2 "System Configuration Register": encryption is not there, and MtrrFixDramModEn can be turned off. */
static void amd_root_syscfg_hides_encryption(void)
{
	amd_init();
	fake_set_msr(0xc0010010, 0x7fc0000);
	CHECK_EQ(root_reads(0xc0010010), 0x7c0000);
	CHECK(root_writes(0xc0010010, 0x740000));
	CHECK_EQ(fake.msr[0].value, 0x7f40000);
	CHECK(root_writes(0xc0010010, 0x7c0000));
	CHECK_EQ(fake.msr[0].value, 0x7fc0000);
	for (unsigned int bit = 0; bit < 64; bit++)
		if (bit != 19)
			CHECK(!root_writes(0xc0010010, 0x7c0000 ^ 1ull << bit));
	CHECK_EQ(fake.msr[0].value, 0x7fc0000);
}

/* APM 2 "VM_CR MSR": SVMDIS 4 and LOCK 3, after which writes to both are ignored. */
static void amd_root_vm_cr_is_locked_off(void)
{
	amd_init();
	check_root_lacks(0xc0010114);
	fake_set_msr(0xc0010114, 0);
	CHECK_EQ(root_reads(0xc0010114), 0x18);
	for (unsigned int bit = 0; bit < 64; bit++)
		CHECK_EQ(root_writes(0xc0010114, 0x18 ^ 1ull << bit), bit == 3 || bit == 4);
	CHECK_EQ(fake.msr[0].value, 0);
	fake_set_msr(0xc0010114, 1); /* DPD stays as firmware chose */
	CHECK_EQ(root_reads(0xc0010114), 0x19);
	CHECK(root_writes(0xc0010114, 1));
	CHECK(!root_writes(0xc0010114, 0));
}

/* APM 2 "Extended Feature Enable Register": SVME 12 is a reserved bit of a processor without SVM. */
static void amd_root_efer_is_its_own(void)
{
	amd_init();
	fake_set_msr(0xc0000080, 0x1d01); /* the hypervisor's */
	virt_set(test_root.virt, VIRT_EFER, 0xd01);
	CHECK_EQ(root_reads(0xc0000080), 0xd01);
	for (unsigned int bit = 0; bit < 64; bit++) {
		/* LME while paging is on; LMA is the processor's */
		const bool is_legal = bit != 8 && virt_machine.efer_possible >> bit & 1;

		CHECK_EQ(root_writes(0xc0000080, 0xd01 ^ 1ull << bit), is_legal);
		CHECK_EQ(root_reads(0xc0000080),
			 is_legal && bit != 10 ? 0xd01 ^ 1ull << bit : 0xd01);
		virt_set(test_root.virt, VIRT_EFER, 0xd01);
	}
	CHECK_EQ(fake.msr[0].value, 0x1d01);
	virt_set(test_root.virt, VIRT_CR0,
		 CR0_PE | CR0_NE | CR0_ET); /* as a processor that starts */
	virt_set(test_root.virt, VIRT_EFER, 0);
	CHECK(!root_writes(0xc0000080, 0x1000));
	CHECK(root_writes(0xc0000080, 0x900));
	CHECK_EQ(root_reads(0xc0000080), 0x900);
}

static void amd_root_has_nothing_outside_the_ranges(void)
{
	static const uint32_t msrs[] = { 0x2000,     0x40000000, 0x4b564d00, 0xbfffffff,
					 0xc0003000, 0xc000ffff, 0xc0012000, 0xffffffff };

	amd_init();
	check_root_has_none(msrs, sizeof(msrs) / sizeof(*msrs));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(root_guards_what_is_listed_and_nothing_else),
		TEST(root_absent_msrs_are_absent_whatever_the_machine_has),
		TEST(root_cannot_write_what_writes_past_nested_paging),
		TEST(root_apic_stays_where_it_is),
		TEST(root_changes_the_bits_of_the_row_and_no_other),
		TEST(root_misc_enable_leaves_the_processor_as_it_is),
		TEST(root_is_not_told_of_faults_that_it_cannot_have),
		TEST(root_start_clears_what_firmware_left_on),
		TEST(root_has_what_is_harmless),
		TEST(root_microcode_update_is_dropped),
		TEST(root_feature_control_is_locked_without_vmx),
		TEST(root_mtrrs_never_reach_the_machine),
		TEST(root_mtrr_write_retypes_memory),
		TEST(root_mtrrs_that_are_off_cost_nothing),
		TEST(root_mtrr_write_is_executed_again_until_it_is_done),
		TEST(root_mtrr_values_are_the_manuals),
		TEST(root_mtrr_masks_have_no_holes),
		TEST(root_other_msrs_pass),
		TEST(root_has_nothing_outside_the_bitmaps),
	};
	static const struct test amd_tests[] = {
		TEST(amd_root_guards_what_is_listed_and_nothing_else),
		TEST(amd_root_has_no_svm_lwp_and_sev),
		TEST(amd_root_changes_the_bits_of_the_row_and_no_other),
		TEST(amd_root_has_what_is_harmless),
		TEST(amd_root_microcode_update_reaches_the_processor),
		TEST(amd_root_syscfg_hides_encryption),
		TEST(amd_root_vm_cr_is_locked_off),
		TEST(amd_root_efer_is_its_own),
		TEST(amd_root_has_nothing_outside_the_ranges),
	};
	int status;

	fake_is_amd = false;
	status = RUN(tests);
	fake_is_amd = true;
	return RUN(amd_tests) | status;
}
