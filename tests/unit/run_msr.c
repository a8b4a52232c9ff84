/* SPDX-License-Identifier: MIT */
/* MSRs of a child: those of the list and no other. */
#include "hv/cpu/msr.h"
#include "tests/unit/run_world.h"
#include "tests/random.h"

static struct random rng = { 1 };

/* Everything that there can be, of the machine and in the partition. */
static void everything(void)
{
	const struct x86_cpuid ones = { ~0u, ~0u, ~0u, ~0u };

	world_init_with(WHvX64LocalApicEmulationModeX2Apic);
	fake_set_cpuid(1, 0, ones);
	for (uint32_t subleaf = 0; subleaf < 3; subleaf++)
		fake_set_cpuid(7, subleaf, ones);
	fake_set_cpuid(0xd, 1, ones);
	fake_set_cpuid(0x80000001, 0, ones);
	fake_set_msr(MSR_ARCH_CAPABILITIES, ~0ull);
	virt_machine.xcr0_child = 7;
	virt_machine.xss_child = 0x1800;
	virt_machine.child_has =
		VIRT_HAS_RDTSCP | VIRT_HAS_INVPCID | VIRT_HAS_XSAVES | VIRT_HAS_UMWAIT;
	world_model();
	fake.n_msrs = 0;
	CHECK(msr_write(child, MSR_APIC_BASE, child->apic_base | APIC_BASE_EXTD));
}

/* And nothing. */
static void little(void)
{
	world_init();
	virt_machine.xcr0_child = 0;
	virt_machine.child_has = 0;
	world_model();
}

/* On a processor of AMD's. */
static void make_amd(void)
{
	virt_machine.vendor = WHvProcessorVendorAmd;
	fake_set_msr(MSR_ARCH_CAPABILITIES, ~0ull);
	world_model();
	fake.n_msrs = 0;
}

enum when { ALWAYS, MAYBE, INTEL, AMD };

/* From the manuals; MAYBE: CPUID says whether it is there; and what one vendor's processors have alone. */
static const struct {
	uint32_t first, last;
	bool can_read, can_write;
	enum when when;
} child_msrs[] = {
	{ 0x0, 0x1, true, true, ALWAYS },
	{ 0x10, 0x10, true, true, ALWAYS },
	{ 0x17, 0x17, true, false, INTEL },
	{ 0x1b, 0x1b, true, true, ALWAYS },
	{ 0x2a, 0x2a, true, true, INTEL },
	{ 0x34, 0x34, true, false, INTEL },
	{ 0x3a, 0x3a, true, false, ALWAYS },
	{ 0x3b, 0x3b, true, true, ALWAYS },
	{ 0x48, 0x48, true, true, MAYBE },  /* SPEC_CTRL */
	{ 0x49, 0x49, false, true, MAYBE }, /* PRED_CMD */
	{ 0x79, 0x79, false, true, INTEL }, /* BIOS_UPDT_TRIG */
	{ 0x8b, 0x8b, true, true, ALWAYS },
	{ 0xce, 0xce, true, false, INTEL },
	{ 0xe1, 0xe1, true, true, MAYBE }, /* UMWAIT_CONTROL */
	{ 0xfe, 0xfe, true, false, ALWAYS },
	{ 0x10a, 0x10a, true, false, MAYBE }, /* ARCH_CAPABILITIES */
	{ 0x10b, 0x10b, false, true, MAYBE }, /* FLUSH_CMD */
	{ 0x174, 0x176, true, true, ALWAYS },
	{ 0x179, 0x179, true, false, ALWAYS },
	{ 0x17a, 0x17a, true, true, ALWAYS },
	{ 0x198, 0x198, true, false, INTEL },
	{ 0x199, 0x199, true, true, INTEL },
	{ 0x1a0, 0x1a0, true, true, ALWAYS },
	{ 0x1d9, 0x1d9, true, true, ALWAYS },
	{ 0x1db, 0x1de, true, false, ALWAYS },
	{ 0x200, 0x20f, true, true, ALWAYS },
	{ 0x250, 0x250, true, true, ALWAYS },
	{ 0x258, 0x259, true, true, ALWAYS },
	{ 0x268, 0x26f, true, true, ALWAYS },
	{ 0x277, 0x277, true, true, ALWAYS },
	{ 0x2ff, 0x2ff, true, true, ALWAYS },
	{ 0x6e0, 0x6e0, true, true, MAYBE },  /* TSC_DEADLINE */
	{ 0x802, 0x803, true, false, MAYBE }, /* x2APIC, with six entries of the LVT */
	{ 0x808, 0x808, true, true, MAYBE },
	{ 0x80a, 0x80a, true, false, MAYBE },
	{ 0x80b, 0x80b, false, true, MAYBE },
	{ 0x80d, 0x80d, true, false, MAYBE },
	{ 0x80f, 0x80f, true, true, MAYBE },
	{ 0x810, 0x827, true, false, MAYBE },
	{ 0x828, 0x828, true, true, MAYBE },
	{ 0x830, 0x830, true, true, MAYBE },
	{ 0x832, 0x838, true, true, MAYBE },
	{ 0x839, 0x839, true, false, MAYBE },
	{ 0x83e, 0x83e, true, true, MAYBE },
	{ 0x83f, 0x83f, false, true, MAYBE },
	{ 0xda0, 0xda0, true, true, MAYBE }, /* XSS */
	{ 0xc0000080, 0xc0000084, true, true, ALWAYS },
	{ 0xc0000100, 0xc0000102, true, true, ALWAYS },
	{ 0xc0000103, 0xc0000103, true, true, MAYBE }, /* TSC_AUX */
	{ 0xc0010000, 0xc0010007, true, true, AMD },   /* PerfEvtSel0 to 3, PerfCtr0 to 3 */
	{ 0xc0010010, 0xc0010010, true, true, AMD },   /* SYSCFG */
	{ 0xc0010015, 0xc0010015, true, true, AMD },   /* HWCR */
	{ 0xc0010016, 0xc001001a, true, true, AMD },   /* IORR, TOP_MEM */
	{ 0xc001001d, 0xc001001d, true, true, AMD },   /* TOP_MEM2 */
	{ 0xc001001f, 0xc001001f, true, true, AMD },   /* NB_CFG */
	{ 0xc0010020, 0xc0010020, false, true, AMD },  /* PATCH_LOADER */
	{ 0xc0010055, 0xc0010055, true, true, AMD },   /* INT_PENDING */
	{ 0xc0010058, 0xc0010058, true, true, AMD },   /* MMIO configuration base */
	{ 0xc0010112, 0xc0010113, true, true, AMD },   /* SMM_ADDR, SMM_MASK */
	{ 0xc0011022, 0xc0011023, true, true, AMD },   /* DC_CFG, TW_CFG */
	{ 0xc0011029, 0xc001102a, true, true, AMD },   /* DE_CFG, BU_CFG2 */
	{ 0xc001102c, 0xc001102c, true, true, AMD },   /* EX_CFG */
};

#define N_CHILD_MSRS (sizeof(child_msrs) / sizeof(*child_msrs))

static bool is_there(enum when when, bool has_all)
{
	const bool is_amd = virt_machine.vendor == WHvProcessorVendorAmd;

	return when == ALWAYS || (when == MAYBE && has_all) || when == (is_amd ? AMD : INTEL);
}

static void check_msr(uint32_t msr, bool has_all)
{
	bool can_read = false, can_write = false;
	uint64_t value = 0x1234, zero = 0;

	for (unsigned int i = 0; i < N_CHILD_MSRS; i++)
		if (msr >= child_msrs[i].first && msr <= child_msrs[i].last &&
		    is_there(child_msrs[i].when, has_all)) {
			can_read = child_msrs[i].can_read;
			can_write = child_msrs[i].can_write;
		}
	if (msr_read(child, msr, &value) != can_read)
		CHECK_EQ(msr, ~0u);
	CHECK(can_read || value == 0x1234);
	/* What is to be had takes what it holds, or zero. */
	if (can_read)
		zero = value;
	if (msr_write(child, msr, zero) != can_write)
		CHECK_EQ(msr, ~1u);
}

static void child_msrs_are_denied_by_default(void)
{
	for (unsigned int round = 0; round < 4; round++) {
		const bool has_all = round & 1;

		if (has_all)
			everything();
		else
			little();
		if (round & 2)
			make_amd();
		/* Whatever the machine has. */
		for (uint32_t msr = 0; msr < 0x4000; msr++)
			check_msr(msr, has_all);
		for (uint32_t msr = 0xc0000000; msr < 0xc0003000; msr++)
			check_msr(msr, has_all);
		for (uint32_t msr = 0xc0010000; msr < 0xc0012000; msr++)
			check_msr(msr, has_all);
		for (uint32_t msr = 0x40000000; msr < 0x40000200; msr++)
			check_msr(msr, has_all);
		for (uint32_t msr = 0x4b564d00; msr < 0x4b564d10; msr++)
			check_msr(msr, has_all);
		for (unsigned int i = 0; i < 100000; i++)
			check_msr((uint32_t)random_next(&rng), has_all);
	}
}

static void check_machine_is_not_reached(void)
{
	for (unsigned int i = 0; i < N_CHILD_MSRS; i++)
		for (uint32_t msr = child_msrs[i].first; msr <= child_msrs[i].last; msr++) {
			const bool is_command = msr == MSR_PRED_CMD || msr == MSR_FLUSH_CMD;
			uint64_t value = 0;

			fake.n_msrs = 0;
			fake_set_msr(msr, 0xdeadbeefcafef00dull);
			for (unsigned int bit = 0; bit < 64; bit++)
				(void)msr_write(child, msr, 1ull << bit);
			(void)msr_read(child, msr, &value);
			CHECK(value != 0xdeadbeefcafef00dull);
			CHECK_EQ(fake.msr[0].value, is_command ? 1 : 0xdeadbeefcafef00dull);
		}
}

static void child_msr_never_reaches_the_machine(void)
{
	everything();
	check_machine_is_not_reached();
	make_amd();
	check_machine_is_not_reached();
}

static uint64_t read_back(uint32_t msr)
{
	uint64_t value = ~0ull;

	CHECK(msr_read(child, msr, &value));
	return value;
}

static void child_addresses_must_be_canonical(void)
{
	static const uint32_t msrs[] = { MSR_SYSENTER_ESP,  MSR_SYSENTER_EIP, MSR_LSTAR,
					 MSR_CSTAR,	    MSR_FS_BASE,      MSR_GS_BASE,
					 MSR_KERNEL_GS_BASE };

	world_init();
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(*msrs); i++) {
		CHECK(msr_write(child, msrs[i], 0xffff800000000000ull));
		CHECK(!msr_write(child, msrs[i], 0x0000800000000000ull));
		CHECK(!msr_write(child, msrs[i], 0x1234567800000000ull));
		CHECK_EQ(read_back(msrs[i]), 0xffff800000000000ull);
		CHECK(msr_write(child, msrs[i], 0x00007fffffffffffull));
		CHECK_EQ(read_back(msrs[i]), 0x00007fffffffffffull);
	}
	virt_machine.cr4_possible |= CR4_LA57;
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, 0, CPUID7_ECX_LA57, 0 });
	world_model();
	CHECK(msr_write(child, MSR_FS_BASE, 0x0000800000000000ull));
	CHECK(!msr_write(child, MSR_FS_BASE, 0x0100000000000000ull));
}

static void child_segment_bases_are_the_segments(void)
{
	struct x86_segment fs;

	world_init();
	CHECK(msr_write(child, MSR_FS_BASE, 0x1234));
	virt_get_segment(child->virt, SEG_FS, &fs);
	CHECK_EQ(fs.base, 0x1234);
	CHECK_EQ(fs.limit, 0xffff);
	CHECK_EQ(fs.attributes, 0x93);
}

static void child_pat_types(void)
{
	world_init();
	for (unsigned int byte = 0; byte < 256; byte++)
		for (unsigned int i = 0; i < 64; i += 8) {
			const bool is_legal = byte <= 7 && byte != 2 && byte != 3;

			CHECK_EQ(msr_write(child, MSR_PAT, (uint64_t)byte << i), is_legal);
			if (is_legal)
				CHECK_EQ(read_back(MSR_PAT), (uint64_t)byte << i);
		}
}

static bool is_type(uint64_t type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

/* SDM 3A "Memory Type Range Registers", with 40 bits of physical addresses. */
static void child_mtrrs_keep_legal_values(void)
{
	world_init();
	CHECK_EQ(read_back(MSR_MTRRCAP), 0x508); /* WC, fixed, eight */
	CHECK(!msr_write(child, MSR_MTRRCAP, 0x508));
	for (unsigned int type = 0; type < 256; type++) {
		CHECK_EQ(msr_write(child, MSR_MTRR_DEF_TYPE, type | 0xc00), is_type(type));
		for (uint32_t i = 0; i < 8; i++) {
			const uint64_t base = (uint64_t)i << 32 | 0xabcde000 | type;

			CHECK_EQ(msr_write(child, 0x200 + 2 * i, base), is_type(type));
			if (is_type(type))
				CHECK_EQ(read_back(0x200 + 2 * i), base);
		}
		for (unsigned int at = 0; at < 64; at += 8) {
			static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
							  0x26b, 0x26c, 0x26d, 0x26e, 0x26f };

			for (unsigned int i = 0; i < 11; i++) {
				const uint64_t value = 0x0606060606060606ull ^ (uint64_t)(type ^ 6)
										       << at;

				CHECK_EQ(msr_write(child, fixed[i], value), is_type(type));
				if (is_type(type))
					CHECK_EQ(read_back(fixed[i]), value);
			}
		}
	}
	CHECK(!msr_write(child, MSR_MTRR_DEF_TYPE, 1 << 9));
	CHECK_EQ(read_back(MSR_MTRR_DEF_TYPE), 0xc06);
	for (unsigned int bit = 0; bit < 64; bit++) {
		const bool is_address = bit >= 12 && bit < 40;

		CHECK_EQ(msr_write(child, 0x201, 1ull << bit), is_address || bit == 11);
		if (bit >= 8)
			CHECK_EQ(msr_write(child, 0x200, 1ull << bit), is_address);
	}
	part->properties.physical_bits = 36;
	CHECK(msr_write(child, 0x20f, 0xffffff800));
	CHECK(!msr_write(child, 0x20f, 0x1000000800));
	CHECK_EQ(read_back(0x20f), 0xffffff800);
	CHECK_EQ(read_back(0x20e), 7ull << 32 | 0xabcde006);
}

static void child_efer_follows_cr_rules(void)
{
	world_init();
	CHECK(!msr_write(child, MSR_EFER, 1ull << 12));
	CHECK(msr_write(child, MSR_EFER, EFER_LME | EFER_SCE));
	CHECK_EQ(read_back(MSR_EFER), EFER_LME | EFER_SCE);
}

static void child_fmask_upper_half_is_ignored(void)
{
	world_init();
	CHECK(msr_write(child, MSR_FMASK, ~0ull));
	CHECK_EQ(read_back(MSR_FMASK), 0xffffffff);
}

static void child_tsc_is_the_machines_with_an_offset(void)
{
	uint64_t first, second;

	world_init();
	CHECK(msr_write(child, MSR_TSC, 5000000000ull));
	first = read_back(MSR_TSC);
	second = read_back(MSR_TSC);
	CHECK_EQ(first, 5000001000ull);
	CHECK_EQ(second, 5000002000ull);
}

static void child_tsc_and_tsc_adjust_move_each_other(void)
{
	uint64_t before;

	world_init();
	CHECK_EQ(read_back(MSR_TSC_ADJUST), 0);
	before = read_back(MSR_TSC);
	CHECK(msr_write(child, MSR_TSC_ADJUST, 1000000));
	CHECK(read_back(MSR_TSC) - before > 1000000 && read_back(MSR_TSC) - before < 1010000);
	CHECK(msr_write(child, MSR_TSC, 0));
	CHECK(read_back(MSR_TSC) < 10000);
	CHECK((int64_t)read_back(MSR_TSC_ADJUST) < 0);
	CHECK(msr_write(child, MSR_TSC_ADJUST, 0)); /* as if nothing had been */
	CHECK(read_back(MSR_TSC) - before < 20000);
}

static void child_speculation_msrs(void)
{
	static const struct {
		uint32_t subleaf, edx;
		uint64_t bits;
	} features[] = {
		{ 0, 1u << 26, 1 },    { 0, 1u << 27, 2 },    { 0, 1u << 31, 4 },
		{ 2, 1u << 0, 0x80 },  { 2, 1u << 1, 0x18 },  { 2, 1u << 2, 0x60 },
		{ 2, 1u << 3, 0x100 }, { 2, 1u << 4, 0x400 },
	};
	uint64_t value;

	for (unsigned int mask = 1; mask < 256; mask++) {
		uint64_t wanted = 0;
		uint32_t edx[3] = { 0 };

		world_init();
		for (unsigned int i = 0; i < 8; i++)
			if (mask >> i & 1) {
				edx[features[i].subleaf] |= features[i].edx;
				wanted |= features[i].bits;
			}
		if (!edx[0])
			continue;
		fake_set_cpuid(7, 0, (struct x86_cpuid) { 2, 0, 0, edx[0] });
		fake_set_cpuid(7, 2, (struct x86_cpuid) { 0, 0, 0, edx[2] });
		world_model();
		CHECK_EQ(part->model.spec_ctrl, wanted);
		for (unsigned int bit = 0; bit < 64; bit++)
			CHECK_EQ(msr_write(child, MSR_SPEC_CTRL, 1ull << bit), wanted >> bit & 1);
		CHECK(msr_write(child, MSR_SPEC_CTRL, wanted));
		CHECK_EQ(read_back(MSR_SPEC_CTRL), wanted);
		CHECK_EQ(virt_get(child->virt, VIRT_SPEC_CTRL), wanted);
		fake.n_msrs = 0;
		fake_set_msr(MSR_PRED_CMD, 0);
		CHECK_EQ(msr_write(child, MSR_PRED_CMD, 1), edx[0] >> 26 & 1);
		CHECK_EQ(fake.msr[0].value, edx[0] >> 26 & 1); /* done, there and then */
		CHECK(!msr_write(child, MSR_PRED_CMD, 2));
		CHECK(!msr_read(child, MSR_PRED_CMD, &value));
		CHECK(!msr_write(child, MSR_FLUSH_CMD, 1));
	}
	world_init();
	CHECK(!msr_write(child, MSR_SPEC_CTRL, 0)); /* not there at all */
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 2, 0, 0, 1u << 28 | 1u << 29 });
	fake_set_msr(MSR_ARCH_CAPABILITIES, ~0ull);
	fake_set_msr(MSR_FLUSH_CMD, 0);
	world_model();
	CHECK(msr_write(child, MSR_FLUSH_CMD, 1));
	CHECK_EQ(fake.msr[1].value, 1);
	/* Not SKIP_L1DFL_VMENTRY 3, TSX_CTRL 7, MISC_PACKAGE_CTLS 10, ENERGY_FILTERING 11, DOITM 12, MCU_CTRL 18 … */
	CHECK_EQ(read_back(MSR_ARCH_CAPABILITIES), 0x1d1ae177);
	part->properties.features[0] &= ~(1ull << 51); /* RdclNo */
	model_build(part);
	CHECK_EQ(read_back(MSR_ARCH_CAPABILITIES), 0x1d1ae176);
}

/* APM 2 "Speculation Control MSRs": AMD's bits of leaf 80000008h, and SBPB of leaf 80000021h. */
static void amd_child_speculation_msrs(void)
{
	static const struct {
		uint32_t ebx;
		uint64_t bits;
	} features[] = { { 1u << 14, 1 }, { 1u << 15, 2 }, { 1u << 24, 4 }, { 1u << 28, 0x80 } };

	for (unsigned int mask = 1; mask < 64; mask++) {
		const bool has_ibpb = mask & 16, has_sbpb = mask & 32;
		uint32_t ebx = has_ibpb ? 1u << 12 : 0;
		uint64_t wanted = 0;

		world_init();
		virt_machine.vendor = WHvProcessorVendorAmd;
		for (unsigned int i = 0; i < 4; i++)
			if (mask >> i & 1) {
				ebx |= features[i].ebx;
				wanted |= features[i].bits;
			}
		fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000021, 0, 0, 0 });
		fake_set_cpuid(0x80000008, 0, (struct x86_cpuid) { 0x3030, ebx, 0, 0 });
		fake_set_cpuid(0x80000021, 0,
			       (struct x86_cpuid) { has_sbpb ? 1u << 27 : 0, 0, 0, 0 });
		world_model();
		fake_set_msr(MSR_PRED_CMD, 0);
		for (unsigned int bit = 0; bit < 64; bit++)
			CHECK_EQ(msr_write(child, MSR_SPEC_CTRL, 1ull << bit), wanted >> bit & 1);
		CHECK_EQ(msr_write(child, MSR_SPEC_CTRL, wanted), wanted != 0);
		CHECK_EQ(msr_write(child, MSR_PRED_CMD, 0x80), has_sbpb);
		CHECK_EQ(fake.msr[0].value, has_sbpb ? 0x80 : 0);
		CHECK_EQ(msr_write(child, MSR_PRED_CMD, 1), has_ibpb || has_sbpb);
		CHECK(!msr_write(child, MSR_PRED_CMD, 2));
		CHECK(!msr_write(child, MSR_FLUSH_CMD, 1));
	}
}

/* The PPRs of families 17h to 1Ah; what is not said of systems that write is #GP. */
static void amd_child_msrs_are_a_plain_processors(void)
{
	static const uint32_t zeros[] = { 0xc0010010, 0xc0010016, 0xc0010017, 0xc0010018,
					  0xc0010019, 0xc001001a, 0xc001001d, 0xc0010058,
					  0xc0010112, 0xc0010113 };
	static const uint32_t no_effect[] = { 0xc0010000, 0xc0010003, 0xc0010004, 0xc0010007,
					      0xc001001f, 0xc0010055, 0xc0011022, 0xc0011023,
					      0xc0011029, 0xc001102a, 0xc001102c };

	world_init();
	make_amd();
	for (unsigned int i = 0; i < sizeof(zeros) / sizeof(*zeros); i++) {
		for (unsigned int bit = 0; bit < 64; bit++)
			CHECK(!msr_write(child, zeros[i], 1ull << bit));
		CHECK_EQ(read_back(zeros[i]), 0);
	}
	for (unsigned int i = 0; i < sizeof(no_effect) / sizeof(*no_effect); i++) {
		CHECK(msr_write(child, no_effect[i], ~0ull));
		CHECK_EQ(read_back(no_effect[i]), 0);
	}
	/* HWCR: TscFreqSel; TlbCacheDis, FFDIS, IgnneEm and McStatusWrEn, as systems set them. */
	for (unsigned int bit = 0; bit < 64; bit++)
		CHECK_EQ(msr_write(child, 0xc0010015, 1ull << 24 ^ 1ull << bit),
			 bit == 3 || bit == 6 || bit == 8 || bit == 18 || bit == 24);
	CHECK_EQ(read_back(0xc0010015), 1 << 24);
	CHECK_EQ(read_back(0x8b), 0x1000065); /* PATCH_LEVEL is the lower half */
	CHECK(msr_write(child, 0xc0010020, 0xffff800012345000ull));
	CHECK_EQ(read_back(0x8b), 0x1000065);
}

/* APM 2 "DE_CFG": bit 1, or bit 2 of leaf 80000021h. Linux takes LFENCE for RDTSC by it. */
static void amd_child_lfence_waits_if_the_machines_does(void)
{
	world_init();
	virt_machine.vendor = WHvProcessorVendorAmd;
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000008, 0, 0, 0 });
	fake_set_msr(0xc0011029, ~2ull);
	world_model();
	CHECK_EQ(read_back(0xc0011029), 0);
	fake_set_msr(0xc0011029, ~0ull);
	world_model();
	CHECK_EQ(read_back(0xc0011029), 2);
	fake.n_msrs = 0;
	fake_set_cpuid(0x80000021, 0, (struct x86_cpuid) { 1u << 2, 0, 0, 0 });
	world_model();
	CHECK_EQ(read_back(0xc0011029), 0); /* beyond the highest leaf */
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000021, 0, 0, 0 });
	world_model();
	CHECK_EQ(read_back(0xc0011029), 2);
	CHECK_EQ(cpuid_child(child, 0x80000021, 0).eax, 1u << 2);
}

static void child_msrs_that_cpuid_announces(void)
{
	everything();
	CHECK(msr_write(child, MSR_XSS, 0x1800));
	CHECK(!msr_write(child, MSR_XSS, 0x100));
	CHECK_EQ(read_back(MSR_XSS), 0x1800);
	CHECK(msr_write(child, MSR_TSC_AUX, 0xffffffff));
	CHECK(!msr_write(child, MSR_TSC_AUX, 1ull << 32));
	CHECK_EQ(read_back(MSR_TSC_AUX), 0xffffffff);
	CHECK(msr_write(child, MSR_UMWAIT_CONTROL, 0xfffffffd));
	CHECK(!msr_write(child, MSR_UMWAIT_CONTROL, 2));
	CHECK(!msr_write(child, MSR_UMWAIT_CONTROL, 1ull << 32));
	CHECK_EQ(read_back(MSR_UMWAIT_CONTROL), 0xfffffffd);
	/* The client hides them. */
	part->properties.features[0] &=
		~(1ull << 38 | 1ull << 57);		  /* RdtscpSupport, RdPidSupport */
	part->properties.features[1] &= ~(1ull << 12);	  /* UmwaitTpauseSupport */
	part->properties.xsave_features &= ~(1ull << 12); /* XsaveSupervisorSupport */
	model_build(part);
	CHECK(!msr_write(child, MSR_XSS, 0));
	CHECK(!msr_write(child, MSR_TSC_AUX, 0));
	CHECK(!msr_write(child, MSR_UMWAIT_CONTROL, 0));
	part->properties.features[0] |= 1ull << 57;
	model_build(part);
	CHECK(msr_write(child, MSR_TSC_AUX, 0)); /* RDPID alone needs it, too */
}

static void child_apic_msrs_are_the_apics(void)
{
	everything();
	CHECK_EQ(child->apic.mode, VIRT_APIC_X2APIC); /* by IA32_APIC_BASE */
	CHECK(msr_write(child, 0x830, 0x40055));      /* an interrupt for itself */
	CHECK_EQ(apic_get(&child->apic, APIC_ICR), 0x40055);
	CHECK_EQ(child->apic.posted[2], 1u << 0x15);
	CHECK_EQ(read_back(0x830), 0x40055);
	CHECK(msr_write(child, MSR_TSC_DEADLINE, 0x66));
	part->properties.apic_mode = WHvX64LocalApicEmulationModeXApic;
	model_build(part);
	CHECK(!msr_write(child, 0x830, 0x55));
	CHECK(msr_write(child, MSR_TSC_DEADLINE, 0x66));
}

static const struct {
	uint32_t msr;
	bool can_read, can_write;
	int read_bit, write_bit; /* of X64MsrExitBitmap; -1: none */
} accesses[] = {
	{ MSR_TSC, true, true, 2, 1 },		 { MSR_APIC_BASE, true, true, -1, 3 },
	{ MSR_MISC_ENABLE, true, false, 4, -1 }, /* with the values of below */
	{ MSR_BIOS_SIGN_ID, true, true, 5, -1 }, { MSR_PAT, true, false, -1, -1 },
	{ MSR_MCG_CAP, true, false, -1, -1 },	 { 0x12345, false, false, -1, -1 },
	{ MSR_PRED_CMD, false, false, -1, -1 }, /* not there */
};

/* The reference's rules once more, as one question after the other. */
static enum msr_outcome expected(unsigned int i, bool is_write, bool can_exit, uint64_t bitmap,
				 uint32_t unimplemented, int listed)
{
	const bool has = is_write ? accesses[i].can_write || accesses[i].msr == MSR_MISC_ENABLE ||
					    accesses[i].msr == MSR_PAT
				  : accesses[i].can_read;
	const int bit = is_write ? accesses[i].write_bit : accesses[i].read_bit;
	const bool works = is_write ? accesses[i].can_write : accesses[i].can_read;

	if (listed == 1)
		return MSR_DONE;
	if (listed == 2 && can_exit)
		return MSR_EXIT;
	if (listed >= 0)
		return works ? MSR_DONE : MSR_FAULT;
	if (can_exit && bit >= 0 && bitmap >> bit & 1)
		return MSR_EXIT;
	if (has)
		return works ? MSR_DONE : MSR_FAULT;
	if (unimplemented == 1)
		return MSR_DONE;
	if (can_exit && (unimplemented == 2 || bitmap & 1))
		return MSR_EXIT;
	return MSR_FAULT;
}

static void outcomes_for_every_configuration(void)
{
	static struct property_lists lists;

	world_init();
	part->lists = &lists;
	for (unsigned int i = 0; i < sizeof(accesses) / sizeof(*accesses); i++)
		for (unsigned int c = 0; c < 2 * 64 * 3 * 4 * 4; c++) {
			const bool can_exit = c & 1;
			const uint64_t bitmap = c >> 1 & 63;
			const uint32_t unimplemented = (c >> 7) % 3;
			const int read = (int)((c >> 7) / 3 % 4) - 1,
				  write = (int)((c >> 7) / 12) - 1;
			uint64_t value = 0x1234;
			enum msr_outcome outcome;

			part->properties.extended_exits = can_exit ? EXITS_MSR : EXITS_CPUID;
			part->properties.msr_exits = bitmap;
			part->properties.unimplemented_msr = unimplemented;
			lists.n_msr_actions = 0;
			lists.msr_actions[lists.n_msr_actions++] =
				(struct msr_action) { 0x777, 1, 1 };
			if (read >= 0 && write >= 0) /* an entry speaks of both */
				lists.msr_actions[lists.n_msr_actions++] =
					(struct msr_action) { accesses[i].msr, (uint8_t)read,
							      (uint8_t)write };
			else if (read != write)
				continue;
			outcome = msr_guest_read(child, accesses[i].msr, &value);
			CHECK_EQ(outcome,
				 expected(i, false, can_exit, bitmap, unimplemented, read));
			if (outcome != MSR_DONE)
				CHECK_EQ(value, 0x1234);
			if (read == 1)
				CHECK_EQ(value, 0);
			/* A value that PAT and MISC_ENABLE refuse. */
			outcome = msr_guest_write(child, accesses[i].msr,
						  accesses[i].msr == MSR_PAT	       ? 0x200
						  : accesses[i].msr == MSR_MISC_ENABLE ? 0x20
										       : 0x100);
			CHECK_EQ(outcome,
				 expected(i, true, can_exit, bitmap, unimplemented, write));
		}
	part->lists = NULL;
}

static void child_apic_base_has_no_x2apic(void)
{
	world_init();
	CHECK(msr_write(child, MSR_APIC_BASE, 0xfee00900));
	CHECK(!msr_write(child, MSR_APIC_BASE, 0xfee00d00)); /* EXTD */
	CHECK(!msr_write(child, MSR_APIC_BASE, 0xfee00901));
	CHECK(!msr_write(child, MSR_APIC_BASE, 1ull << 40 | 0x900));
	CHECK_EQ(read_back(MSR_APIC_BASE), 0xfee00900);
	part->properties.physical_bits = 36;
	CHECK(!msr_write(child, MSR_APIC_BASE, 1ull << 36 | 0x900));
}

/* SDM 4 "Architectural MSRs", IA32_MISC_ENABLE, with what the families have beside: bit by bit. */
static void child_misc_enable_bit_by_bit(void)
{
	static const uint8_t kept[] = {
		0, 2, 3, 4, 6, 8, 9, 10, 13, 19, 22, 23, 24, 34, 37, 38, 39
	};
	static const uint8_t fixed[] = { 7, 11, 12, 16, 18, 20 };
	const uint64_t always = 1 << 11 | 1 << 12;

	world_init();
	CHECK_EQ(read_back(MSR_MISC_ENABLE), 1 | always);
	for (unsigned int bit = 0; bit < 64; bit++) {
		bool is_kept = false, is_fixed = false;

		for (unsigned int i = 0; i < sizeof(kept); i++)
			is_kept |= kept[i] == bit;
		for (unsigned int i = 0; i < sizeof(fixed); i++)
			is_fixed |= fixed[i] == bit;
		CHECK(msr_write(child, MSR_MISC_ENABLE, 0));
		CHECK_EQ(read_back(MSR_MISC_ENABLE), always);
		CHECK_EQ(msr_write(child, MSR_MISC_ENABLE, 1ull << bit), is_kept || is_fixed);
		CHECK_EQ(read_back(MSR_MISC_ENABLE), always | (is_kept ? 1ull << bit : 0));
	}
}

/* The two that take effect: CPUID and EFER are as if the processor had no execute-disable; leaf 0 says 2. */
static void child_misc_enable_takes_effect(void)
{
	uint32_t most;

	world_init();
	part->model.efer |= EFER_NXE;
	most = cpuid_child(child, 0, 0).eax;
	CHECK(most > 2);
	CHECK(msr_write(child, MSR_EFER, EFER_NXE));
	CHECK(cpuid_child(child, 0x80000001, 0).edx & CPUID81_EDX_NX);
	CHECK(msr_write(child, MSR_MISC_ENABLE, 1ull << 34));
	CHECK(!(cpuid_child(child, 0x80000001, 0).edx & CPUID81_EDX_NX));
	CHECK_EQ(cpuid_child(child, 0, 0).eax, most);
	CHECK_EQ(read_back(MSR_EFER), 0);
	CHECK(!msr_write(child, MSR_EFER, EFER_NXE));
	CHECK(msr_write(child, MSR_MISC_ENABLE, 1ull << 22));
	CHECK(cpuid_child(child, 0x80000001, 0).edx & CPUID81_EDX_NX);
	CHECK(msr_write(child, MSR_EFER, EFER_NXE));
	CHECK_EQ(cpuid_child(child, 0, 0).eax, 2);
	CHECK(cpuid_child(child, 0, 0).ebx != 0);
	CHECK_EQ(cpuid_child(child, 1, 0).eax, virt_cpuid(1, 0).eax);
	CHECK(msr_write(child, MSR_MISC_ENABLE, 1));
	CHECK_EQ(cpuid_child(child, 0, 0).eax, most);
}

/* SDM 4 "Architectural MSRs": what has no CPUID bit is there on every processor of the families that there are. */
static void child_has_what_no_cpuid_bit_announces(void)
{
	static const struct {
		uint32_t msr;
		uint64_t value; /* that it takes, if it can be written */
		bool is_read, is_written;
	} architectural[] = {
		{ 0x0, 0, true, true },		  { 0x1, 0, true, true },
		{ 0x10, 5, true, true },	  { 0x17, 0, true, false },
		{ 0x1b, 0xfee00900, true, true }, { 0x3a, 0, true, false },
		{ 0x8b, 0, true, true },	  { 0x79, 0x1000, false, true },
		{ 0x174, 8, true, true },	  { 0x175, 8, true, true },
		{ 0x176, 8, true, true },	  { 0x179, 0, true, false },
		{ 0x17a, 0, true, true },	  { 0x198, 0, true, false },
		{ 0x199, 0x800, true, true },	  { 0x1a0, 1, true, true },
		{ 0x1d9, 3, true, true },
	};

	world_init();
	for (unsigned int i = 0; i < sizeof(architectural) / sizeof(architectural[0]); i++) {
		const uint32_t msr = architectural[i].msr;
		const bool is_there =
			!fake_is_amd || (msr != 0x17 && msr != 0x79 && msr >> 4 != 0x19);
		uint64_t value = 0;

		CHECK_EQ(msr_read(child, msr, &value), is_there && architectural[i].is_read);
		CHECK_EQ(msr_write(child, msr, architectural[i].value),
			 is_there && architectural[i].is_written);
	}
	CHECK_EQ(read_back(0), 0);
	CHECK_EQ(read_back(1), 0);
	if (!fake_is_amd)
		CHECK_EQ(read_back(0x199), 0);
}

/* SDM 3B "IA32_DEBUGCTL MSR" */
static void child_debugctl_has_btf(void)
{
	world_init();
	for (unsigned int bit = 0; bit < 64; bit++) {
		CHECK_EQ(msr_write(child, MSR_DEBUGCTL, 1ull << bit), bit < 2);
		CHECK_EQ(read_back(MSR_DEBUGCTL), bit ? 2 : 0);
	}
	CHECK(msr_write(child, MSR_DEBUGCTL, 3));
	CHECK_EQ(read_back(MSR_DEBUGCTL), 2);
	CHECK_EQ(virt_get(child->virt, VIRT_DEBUGCTL), DEBUGCTL_BTF);
	/* With it an instruction that is done without the processor makes no step, unless it is a branch. */
	virt_regs(child->virt)->rflags |= RFLAGS_TF;
	virt_skip(child->virt, 2);
	CHECK_EQ(virt_get(child->virt, VIRT_PENDING_DEBUG), 0);
	virt_step(child->virt, true);
	CHECK_EQ(virt_get(child->virt, VIRT_PENDING_DEBUG), 1 << 14);
	CHECK(msr_write(child, MSR_DEBUGCTL, 0));
	virt_set(child->virt, VIRT_PENDING_DEBUG, 0);
	virt_skip(child->virt, 2);
	CHECK_EQ(virt_get(child->virt, VIRT_PENDING_DEBUG), 1 << 14);
}

static void child_constants(void)
{
	const uint64_t revision = fake_is_amd ? 0x1000065 : 1ull << 32;

	world_init();
	for (unsigned int i = 0; i < 3 && !fake_is_amd; i++)
		CHECK_EQ(read_back((const uint32_t[]) { 0x17, 0x34, 0xce }[i]), 0);
	CHECK_EQ(read_back(MSR_FEATURE_CONTROL), 1);
	CHECK_EQ(read_back(MSR_BIOS_SIGN_ID), revision);
	CHECK(msr_write(child, MSR_BIOS_SIGN_ID, 0));
	CHECK_EQ(read_back(MSR_BIOS_SIGN_ID), revision);
	CHECK_EQ(read_back(MSR_MCG_CAP), 0);
	CHECK(msr_write(child, MSR_MCG_STATUS, 0));
	CHECK(!msr_write(child, MSR_MCG_STATUS, 1));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(child_msrs_are_denied_by_default),
		TEST(child_msr_never_reaches_the_machine),
		TEST(child_addresses_must_be_canonical),
		TEST(child_segment_bases_are_the_segments),
		TEST(child_pat_types),
		TEST(child_mtrrs_keep_legal_values),
		TEST(child_efer_follows_cr_rules),
		TEST(child_fmask_upper_half_is_ignored),
		TEST(child_tsc_is_the_machines_with_an_offset),
		TEST(child_tsc_and_tsc_adjust_move_each_other),
		TEST(child_speculation_msrs),
		TEST(amd_child_speculation_msrs),
		TEST(amd_child_msrs_are_a_plain_processors),
		TEST(amd_child_lfence_waits_if_the_machines_does),
		TEST(child_msrs_that_cpuid_announces),
		TEST(child_apic_msrs_are_the_apics),
		TEST(outcomes_for_every_configuration),
		TEST(child_apic_base_has_no_x2apic),
		TEST(child_misc_enable_bit_by_bit),
		TEST(child_misc_enable_takes_effect),
		TEST(child_has_what_no_cpuid_bit_announces),
		TEST(child_debugctl_has_btf),
		TEST(child_constants),
	};

	return RUN(tests);
}
