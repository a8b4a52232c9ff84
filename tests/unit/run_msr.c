/* SPDX-License-Identifier: MIT */
/* MSRs: a child has those of the list and no other; the root has the processor's without VMX. */
#include "hv/msr.h"
#include "tests/unit/run_world.h"

/* Everything that there can be, of the machine and in the partition. */
static void everything(void)
{
	const struct x86_cpuid ones = { ~0u, ~0u, ~0u, ~0u };

	world_init();
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
	part.properties.apic_mode = WHvX64LocalApicEmulationModeX2Apic;
	world_model();
	world_apic();
	fake.n_msrs = 0;
}

/* And nothing. */
static void little(void)
{
	world_init();
	virt_machine.xcr0_child = 0;
	virt_machine.child_has = 0;
	world_model();
}

enum when { ALWAYS, MAYBE };

/* From the manuals; MAYBE: CPUID says whether it is there. */
static const struct {
	uint32_t first, last;
	bool can_read, can_write;
	enum when when;
} child_msrs[] = {
	{ 0x10, 0x10, true, true, ALWAYS },
	{ 0x17, 0x17, true, false, ALWAYS },
	{ 0x1b, 0x1b, true, true, ALWAYS },
	{ 0x2a, 0x2a, true, true, ALWAYS },
	{ 0x34, 0x34, true, false, ALWAYS },
	{ 0x3a, 0x3a, true, false, ALWAYS },
	{ 0x3b, 0x3b, true, true, ALWAYS },
	{ 0x48, 0x48, true, true, MAYBE },   /* SPEC_CTRL */
	{ 0x49, 0x49, false, true, MAYBE },  /* PRED_CMD */
	{ 0x79, 0x79, false, true, ALWAYS }, /* BIOS_UPDT_TRIG */
	{ 0x8b, 0x8b, true, true, ALWAYS },
	{ 0xce, 0xce, true, false, ALWAYS },
	{ 0xe1, 0xe1, true, true, MAYBE }, /* UMWAIT_CONTROL */
	{ 0xfe, 0xfe, true, false, ALWAYS },
	{ 0x10a, 0x10a, true, false, MAYBE }, /* ARCH_CAPABILITIES */
	{ 0x10b, 0x10b, false, true, MAYBE }, /* FLUSH_CMD */
	{ 0x174, 0x176, true, true, ALWAYS },
	{ 0x179, 0x179, true, false, ALWAYS },
	{ 0x17a, 0x17a, true, true, ALWAYS },
	{ 0x198, 0x198, true, false, ALWAYS },
	{ 0x1a0, 0x1a0, true, true, ALWAYS },
	{ 0x1d9, 0x1d9, true, true, ALWAYS },
	{ 0x1db, 0x1de, true, false, ALWAYS },
	{ 0x200, 0x20f, true, true, ALWAYS },
	{ 0x250, 0x250, true, true, ALWAYS },
	{ 0x258, 0x259, true, true, ALWAYS },
	{ 0x268, 0x26f, true, true, ALWAYS },
	{ 0x277, 0x277, true, true, ALWAYS },
	{ 0x2ff, 0x2ff, true, true, ALWAYS },
	{ 0x6e0, 0x6e0, true, true, MAYBE }, /* TSC_DEADLINE */
	{ 0x800, 0x8ff, true, true, MAYBE }, /* x2APIC: the APIC's own judgement */
	{ 0xda0, 0xda0, true, true, MAYBE }, /* XSS */
	{ 0xc0000080, 0xc0000084, true, true, ALWAYS },
	{ 0xc0000100, 0xc0000102, true, true, ALWAYS },
	{ 0xc0000103, 0xc0000103, true, true, MAYBE }, /* TSC_AUX */
};

#define N_CHILD_MSRS (sizeof(child_msrs) / sizeof(*child_msrs))

static void check_msr(uint32_t msr, bool has_all)
{
	bool can_read = false, can_write = false;
	uint64_t value = 0x1234, zero = 0;

	for (unsigned int i = 0; i < N_CHILD_MSRS; i++)
		if (msr >= child_msrs[i].first && msr <= child_msrs[i].last &&
		    (has_all || child_msrs[i].when == ALWAYS)) {
			can_read = child_msrs[i].can_read;
			can_write = child_msrs[i].can_write;
		}
	if (msr_read(&child, msr, &value) != can_read)
		CHECK_EQUAL(msr, ~0u);
	CHECK(can_read || value == 0x1234);
	/* What is to be had takes what it holds, or zero. */
	if (can_read)
		zero = value;
	if (msr_write(&child, msr, zero) != can_write)
		CHECK_EQUAL(msr, ~1u);
}

static void child_msrs_are_denied_by_default(void)
{
	for (unsigned int has_all = 0; has_all < 2; has_all++) {
		if (has_all)
			everything();
		else
			little();
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
			check_msr((uint32_t)test_random(), has_all);
	}
}

static void child_msr_never_reaches_the_machine(void)
{
	everything();
	for (unsigned int i = 0; i < N_CHILD_MSRS; i++)
		for (uint32_t msr = child_msrs[i].first; msr <= child_msrs[i].last; msr++) {
			const bool is_command = msr == MSR_PRED_CMD || msr == MSR_FLUSH_CMD;
			uint64_t value = 0;

			fake.n_msrs = 0;
			fake_set_msr(msr, 0xdeadbeefcafef00dull);
			for (unsigned int bit = 0; bit < 64; bit++)
				(void)msr_write(&child, msr, 1ull << bit);
			(void)msr_read(&child, msr, &value);
			CHECK(value != 0xdeadbeefcafef00dull);
			CHECK_EQUAL(fake.msr[0].value, is_command ? 1 : 0xdeadbeefcafef00dull);
		}
}

static uint64_t read_back(uint32_t msr)
{
	uint64_t value = ~0ull;

	CHECK(msr_read(&child, msr, &value));
	return value;
}

static void child_addresses_must_be_canonical(void)
{
	static const uint32_t msrs[] = { MSR_SYSENTER_ESP,  MSR_SYSENTER_EIP, MSR_LSTAR,
					 MSR_CSTAR,	    MSR_FS_BASE,      MSR_GS_BASE,
					 MSR_KERNEL_GS_BASE };

	world_init();
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(*msrs); i++) {
		CHECK(msr_write(&child, msrs[i], 0xffff800000000000ull));
		CHECK(!msr_write(&child, msrs[i], 0x0000800000000000ull));
		CHECK(!msr_write(&child, msrs[i], 0x1234567800000000ull));
		CHECK_EQUAL(read_back(msrs[i]), 0xffff800000000000ull);
		CHECK(msr_write(&child, msrs[i], 0x00007fffffffffffull));
		CHECK_EQUAL(read_back(msrs[i]), 0x00007fffffffffffull);
	}
	virt_machine.cr4_possible |= CR4_LA57;
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, 0, CPUID7_ECX_LA57, 0 });
	world_model();
	CHECK(msr_write(&child, MSR_FS_BASE, 0x0000800000000000ull));
	CHECK(!msr_write(&child, MSR_FS_BASE, 0x0100000000000000ull));
}

static void child_segment_bases_are_the_segments(void)
{
	struct x86_segment fs;

	world_init();
	CHECK(msr_write(&child, MSR_FS_BASE, 0x1234));
	virt_get_segment(child.virt, SEG_FS, &fs);
	CHECK_EQUAL(fs.base, 0x1234);
	CHECK_EQUAL(fs.limit, 0xffff);
	CHECK_EQUAL(fs.attributes, 0x93);
}

static void child_pat_types(void)
{
	world_init();
	for (unsigned int byte = 0; byte < 256; byte++)
		for (unsigned int i = 0; i < 64; i += 8) {
			const bool is_legal = byte <= 7 && byte != 2 && byte != 3;

			CHECK_EQUAL(msr_write(&child, MSR_PAT, (uint64_t)byte << i), is_legal);
			if (is_legal)
				CHECK_EQUAL(read_back(MSR_PAT), (uint64_t)byte << i);
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
	CHECK_EQUAL(read_back(MSR_MTRRCAP), 0x508); /* WC, fixed, eight */
	CHECK(!msr_write(&child, MSR_MTRRCAP, 0x508));
	for (unsigned int type = 0; type < 256; type++) {
		CHECK_EQUAL(msr_write(&child, MSR_MTRR_DEF_TYPE, type | 0xc00), is_type(type));
		for (uint32_t i = 0; i < 8; i++) {
			const uint64_t base = (uint64_t)i << 32 | 0xabcde000 | type;

			CHECK_EQUAL(msr_write(&child, 0x200 + 2 * i, base), is_type(type));
			if (is_type(type))
				CHECK_EQUAL(read_back(0x200 + 2 * i), base);
		}
		for (unsigned int at = 0; at < 64; at += 8) {
			static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
							  0x26b, 0x26c, 0x26d, 0x26e, 0x26f };

			for (unsigned int i = 0; i < 11; i++) {
				const uint64_t value = 0x0606060606060606ull ^ (uint64_t)(type ^ 6)
										       << at;

				CHECK_EQUAL(msr_write(&child, fixed[i], value), is_type(type));
				if (is_type(type))
					CHECK_EQUAL(read_back(fixed[i]), value);
			}
		}
	}
	CHECK(!msr_write(&child, MSR_MTRR_DEF_TYPE, 1 << 9));
	CHECK_EQUAL(read_back(MSR_MTRR_DEF_TYPE), 0xc06);
	for (unsigned int bit = 0; bit < 64; bit++) {
		const bool is_address = bit >= 12 && bit < 40;

		CHECK_EQUAL(msr_write(&child, 0x201, 1ull << bit), is_address || bit == 11);
		if (bit >= 8)
			CHECK_EQUAL(msr_write(&child, 0x200, 1ull << bit), is_address);
	}
	part.properties.physical_bits = 36;
	CHECK(msr_write(&child, 0x20f, 0xffffff800));
	CHECK(!msr_write(&child, 0x20f, 0x1000000800));
	CHECK_EQUAL(read_back(0x20f), 0xffffff800);
	CHECK_EQUAL(read_back(0x20e), 7ull << 32 | 0xabcde006);
}

static void child_efer_follows_cr_rules(void)
{
	world_init();
	CHECK(!msr_write(&child, MSR_EFER, 1ull << 12));
	CHECK(msr_write(&child, MSR_EFER, EFER_LME | EFER_SCE));
	CHECK_EQUAL(read_back(MSR_EFER), EFER_LME | EFER_SCE);
}

static void child_fmask_upper_half_is_ignored(void)
{
	world_init();
	CHECK(msr_write(&child, MSR_FMASK, ~0ull));
	CHECK_EQUAL(read_back(MSR_FMASK), 0xffffffff);
}

static void child_tsc_is_the_machines_with_an_offset(void)
{
	uint64_t first, second;

	world_init();
	CHECK(msr_write(&child, MSR_TSC, 5000000000ull));
	first = read_back(MSR_TSC);
	second = read_back(MSR_TSC);
	CHECK_EQUAL(first, 5000001000ull);
	CHECK_EQUAL(second, 5000002000ull);
}

static void child_tsc_and_tsc_adjust_move_each_other(void)
{
	uint64_t before;

	world_init();
	CHECK_EQUAL(read_back(MSR_TSC_ADJUST), 0);
	before = read_back(MSR_TSC);
	CHECK(msr_write(&child, MSR_TSC_ADJUST, 1000000));
	CHECK(read_back(MSR_TSC) - before > 1000000 && read_back(MSR_TSC) - before < 1010000);
	CHECK(msr_write(&child, MSR_TSC, 0));
	CHECK(read_back(MSR_TSC) < 10000);
	CHECK((int64_t)read_back(MSR_TSC_ADJUST) < 0);
	CHECK(msr_write(&child, MSR_TSC_ADJUST, 0)); /* as if nothing had been */
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
		CHECK_EQUAL(part.model.spec_ctrl, wanted);
		for (unsigned int bit = 0; bit < 64; bit++)
			CHECK_EQUAL(msr_write(&child, MSR_SPEC_CTRL, 1ull << bit),
				    wanted >> bit & 1);
		CHECK(msr_write(&child, MSR_SPEC_CTRL, wanted));
		CHECK_EQUAL(read_back(MSR_SPEC_CTRL), wanted);
		CHECK_EQUAL(virt_get(child.virt, VIRT_SPEC_CTRL), wanted);
		fake.n_msrs = 0;
		fake_set_msr(MSR_PRED_CMD, 0);
		CHECK_EQUAL(msr_write(&child, MSR_PRED_CMD, 1), edx[0] >> 26 & 1);
		CHECK_EQUAL(fake.msr[0].value, edx[0] >> 26 & 1); /* done, there and then */
		CHECK(!msr_write(&child, MSR_PRED_CMD, 2));
		CHECK(!msr_read(&child, MSR_PRED_CMD, &value));
		CHECK(!msr_write(&child, MSR_FLUSH_CMD, 1));
	}
	world_init();
	CHECK(!msr_write(&child, MSR_SPEC_CTRL, 0)); /* not there at all */
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 2, 0, 0, 1u << 28 | 1u << 29 });
	fake_set_msr(MSR_ARCH_CAPABILITIES, ~0ull);
	fake_set_msr(MSR_FLUSH_CMD, 0);
	world_model();
	CHECK(msr_write(&child, MSR_FLUSH_CMD, 1));
	CHECK_EQUAL(fake.msr[1].value, 1);
	/* Not SKIP_L1DFL_VMENTRY 3, TSX_CTRL 7, MISC_PACKAGE_CTLS 10, ENERGY_FILTERING 11, DOITM 12, MCU_CTRL 18 … */
	CHECK_EQUAL(read_back(MSR_ARCH_CAPABILITIES), 0x1d1ae177);
	part.properties.features[0] &= ~(1ull << 51); /* RdclNo */
	model_build(&part);
	CHECK_EQUAL(read_back(MSR_ARCH_CAPABILITIES), 0x1d1ae176);
}

static void child_msrs_that_cpuid_announces(void)
{
	everything();
	CHECK(msr_write(&child, MSR_XSS, 0x1800));
	CHECK(!msr_write(&child, MSR_XSS, 0x100));
	CHECK_EQUAL(read_back(MSR_XSS), 0x1800);
	CHECK(msr_write(&child, MSR_TSC_AUX, 0xffffffff));
	CHECK(!msr_write(&child, MSR_TSC_AUX, 1ull << 32));
	CHECK_EQUAL(read_back(MSR_TSC_AUX), 0xffffffff);
	CHECK(msr_write(&child, MSR_UMWAIT_CONTROL, 0xfffffffd));
	CHECK(!msr_write(&child, MSR_UMWAIT_CONTROL, 2));
	CHECK(!msr_write(&child, MSR_UMWAIT_CONTROL, 1ull << 32));
	CHECK_EQUAL(read_back(MSR_UMWAIT_CONTROL), 0xfffffffd);
	/* The client hides them. */
	part.properties.features[0] &= ~(1ull << 38 | 1ull << 57); /* RdtscpSupport, RdPidSupport */
	part.properties.features[1] &= ~(1ull << 12);		   /* UmwaitTpauseSupport */
	part.properties.xsave_features &= ~(1ull << 12);	   /* XsaveSupervisorSupport */
	model_build(&part);
	CHECK(!msr_write(&child, MSR_XSS, 0));
	CHECK(!msr_write(&child, MSR_TSC_AUX, 0));
	CHECK(!msr_write(&child, MSR_UMWAIT_CONTROL, 0));
	part.properties.features[0] |= 1ull << 57;
	model_build(&part);
	CHECK(msr_write(&child, MSR_TSC_AUX, 0)); /* RDPID alone needs it, too */
}

static void child_apic_msrs_are_the_apics(void)
{
	everything();
	CHECK(msr_write(&child, MSR_APIC_BASE, 0x12));
	CHECK_EQUAL(apic_page[0x1b * 16 % sizeof(apic_page)], 0x12);
	CHECK(msr_write(&child, 0x830, 0x55));
	CHECK_EQUAL(apic_page[0x30 * 16], 0x55);
	CHECK_EQUAL(read_back(0x830), 0x55);
	CHECK(msr_write(&child, MSR_TSC_DEADLINE, 0x66));
	part.properties.apic_mode = WHvX64LocalApicEmulationModeXApic;
	model_build(&part);
	CHECK(!msr_write(&child, 0x830, 0x55));
	CHECK(msr_write(&child, MSR_TSC_DEADLINE, 0x66));
}

static const struct {
	uint32_t msr;
	bool can_read, can_write;
	int read_bit, write_bit; /* of X64MsrExitBitmap; -1: none */
} accesses[] = {
	{ MSR_TSC, true, true, 2, 1 },
	{ MSR_APIC_BASE, true, true, -1, 3 },
	{ MSR_MISC_ENABLE, true, false, 4, -1 }, /* with the values of below */
	{ MSR_BIOS_SIGN_ID, true, true, 5, -1 },
	{ MSR_PAT, true, false, -1, -1 },
	{ MSR_PLATFORM_ID, true, false, -1, -1 },
	{ 0x12345, false, false, -1, -1 },
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
	part.lists = &lists;
	for (unsigned int i = 0; i < sizeof(accesses) / sizeof(*accesses); i++)
		for (unsigned int c = 0; c < 2 * 64 * 3 * 4 * 4; c++) {
			const bool can_exit = c & 1;
			const uint64_t bitmap = c >> 1 & 63;
			const uint32_t unimplemented = (c >> 7) % 3;
			const int read = (int)((c >> 7) / 3 % 4) - 1,
				  write = (int)((c >> 7) / 12) - 1;
			uint64_t value = 0x1234;
			enum msr_outcome outcome;

			part.properties.extended_exits = can_exit ? EXITS_MSR : EXITS_CPUID;
			part.properties.msr_exits = bitmap;
			part.properties.unimplemented_msr = unimplemented;
			lists.n_msr_actions = 0;
			lists.msr_actions[lists.n_msr_actions++] =
				(struct msr_action) { 0x777, 1, 1 };
			if (read >= 0 && write >= 0) /* an entry speaks of both */
				lists.msr_actions[lists.n_msr_actions++] =
					(struct msr_action) { accesses[i].msr, (uint8_t)read,
							      (uint8_t)write };
			else if (read != write)
				continue;
			outcome = msr_guest_read(&child, accesses[i].msr, &value);
			CHECK_EQUAL(outcome,
				    expected(i, false, can_exit, bitmap, unimplemented, read));
			if (outcome != MSR_DONE)
				CHECK_EQUAL(value, 0x1234);
			if (read == 1)
				CHECK_EQUAL(value, 0);
			/* A value that PAT and MISC_ENABLE refuse. */
			outcome = msr_guest_write(&child, accesses[i].msr,
						  accesses[i].msr == MSR_PAT ? 0x200 : 0x100);
			CHECK_EQUAL(outcome,
				    expected(i, true, can_exit, bitmap, unimplemented, write));
		}
	part.lists = NULL;
}

static void child_apic_base_has_no_x2apic(void)
{
	world_init();
	CHECK(msr_write(&child, MSR_APIC_BASE, 0xfee00900));
	CHECK(!msr_write(&child, MSR_APIC_BASE, 0xfee00d00)); /* EXTD */
	CHECK(!msr_write(&child, MSR_APIC_BASE, 0xfee00901));
	CHECK(!msr_write(&child, MSR_APIC_BASE, 1ull << 40 | 0x900));
	CHECK_EQUAL(read_back(MSR_APIC_BASE), 0xfee00900);
	part.properties.physical_bits = 36;
	CHECK(!msr_write(&child, MSR_APIC_BASE, 1ull << 36 | 0x900));
}

static void child_misc_enable_says_no_bts_no_pebs(void)
{
	world_init();
	CHECK_EQUAL(read_back(MSR_MISC_ENABLE), 1 | 1 << 11 | 1 << 12);
	CHECK(msr_write(&child, MSR_MISC_ENABLE, 1 << 11 | 1 << 12));
	CHECK_EQUAL(read_back(MSR_MISC_ENABLE), 1 << 11 | 1 << 12);
	CHECK(!msr_write(&child, MSR_MISC_ENABLE, 1 << 11 | 1 << 12 | 1 << 22));
	CHECK(!msr_write(&child, MSR_MISC_ENABLE, 0));
}

static void child_constants(void)
{
	world_init();
	CHECK_EQUAL(read_back(MSR_PLATFORM_ID), 0);
	CHECK_EQUAL(read_back(MSR_FEATURE_CONTROL), 1);
	CHECK_EQUAL(read_back(MSR_PLATFORM_INFO), 0);
	CHECK_EQUAL(read_back(MSR_SMI_COUNT), 0);
	CHECK_EQUAL(read_back(MSR_BIOS_SIGN_ID), 1ull << 32);
	CHECK(msr_write(&child, MSR_BIOS_SIGN_ID, 0));
	CHECK_EQUAL(read_back(MSR_BIOS_SIGN_ID), 1ull << 32);
	CHECK_EQUAL(read_back(MSR_MCG_CAP), 0);
	CHECK(msr_write(&child, MSR_MCG_STATUS, 0));
	CHECK(!msr_write(&child, MSR_MCG_STATUS, 1));
	CHECK(msr_write(&child, MSR_DEBUGCTL, 0));
	CHECK(!msr_write(&child, MSR_DEBUGCTL, 1));
}

/* ---- The root ---------------------------------------------------------------------------- */

static bool root_writes(uint32_t msr, uint64_t value)
{
	const enum msr_outcome outcome = msr_write_root(&root, msr, value);

	CHECK(outcome == MSR_DONE || outcome == MSR_FAULT);
	return outcome == MSR_DONE;
}

static uint8_t guarded[0x2000]; /* 1 reads, 2 writes */

void __wrap_virt_root_guard_msr(struct virt_vp *virt, uint32_t msr, bool reads, bool writes);
void __wrap_virt_root_guard_msr(struct virt_vp *virt, uint32_t msr, bool reads, bool writes)
{
	CHECK(virt == root.virt);
	CHECK(msr < sizeof(guarded));
	if (msr < sizeof(guarded))
		guarded[msr] |= (uint8_t)(reads | writes << 1);
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
	root_prepare(&root);
	for (uint32_t msr = 0; msr < sizeof(guarded); msr++) {
		unsigned int wanted = 0;

		if (msr == 0x3a || msr == 0xce || msr == 0xcf || is_absent(msr))
			wanted = 3;
		else if ((msr >= 0x200 && msr < 0x240) || is_fixed_mtrr(msr) || msr == 0x2ff)
			wanted = 3;
		else if (msr == 0x3b) /* IA32_TSC_ADJUST, which reads with the root's offset */
			wanted = 3;
		else if (msr == 0x10 || msr == 0x79 || is_partly(msr) || is_read_only(msr))
			wanted = 2;
		CHECK_EQUAL((uint64_t)msr << 8 | guarded[msr], (uint64_t)msr << 8 | wanted);
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
		CHECK(!msr_read_root(&root, msr, &value));
		CHECK_EQUAL(value, 0x1234);
		CHECK(!root_writes(msr, 8));
		CHECK_EQUAL(fake.msr[0].value, 7);
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
		CHECK(msr_read_root(&root, read_only[i], &value));
		CHECK_EQUAL(value, 7);
	}
}

static void check_root_takes(uint32_t msr, uint64_t value, bool is_legal)
{
	uint64_t before, after;

	CHECK(virt_rdmsr(msr, &before));
	CHECK_EQUAL(root_writes(msr, value), is_legal);
	CHECK(virt_rdmsr(msr, &after));
	CHECK_EQUAL(after, is_legal ? value : before);
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

	CHECK(msr_read_root(&root, msr, &value));
	return value;
}

/* What cannot be had is not announced. */
static void root_is_not_told_of_faults_that_it_cannot_have(void)
{
	world_init();
	fake_set_msr(0xce, ~0ull);
	fake_set_msr(0xcf, ~0ull);
	CHECK_EQUAL(root_reads(0xce), ~(1ull << 31)); /* CPUID faulting */
	CHECK_EQUAL(root_reads(0xcf),
		    ~(3ull << 4)); /* #GP for locks on UC memory, #AC for split locks */
	CHECK(!root_writes(0xcf, 0));
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
		root_prepare(&root);
		CHECK_EQUAL(fake.msr[0].value, rows[i].kept);
	}
	world_init();
	root_prepare(&root); /* a machine that has none of them */
	CHECK_EQUAL(fake.n_msrs, 0);
}

static void root_has_what_is_harmless(void)
{
	for (unsigned int i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		CHECK(strlen(harmless[i].why) > 10);
		world_init();
		fake_set_msr(harmless[i].msr, 0);
		check_root_takes(harmless[i].msr, ~0ull, true);
		CHECK_EQUAL(root_reads(harmless[i].msr), ~0ull);
	}
}

static void root_microcode_update_is_dropped(void)
{
	world_init();
	fake_set_msr(0x79, 0);
	CHECK(root_writes(0x79, 0xffff800012345000ull));
	CHECK_EQUAL(fake.msr[0].value, 0);
}

static void root_feature_control_is_locked_without_vmx(void)
{
	uint64_t value = 0;

	world_init();
	CHECK(!msr_read_root(&root, MSR_FEATURE_CONTROL, &value)); /* a processor without it */
	fake_set_msr(MSR_FEATURE_CONTROL, 0x10ff06);
	CHECK(msr_read_root(&root, MSR_FEATURE_CONTROL, &value));
	CHECK_EQUAL(value, 0x100001); /* LMCE stays as firmware chose */
	CHECK(!root_writes(MSR_FEATURE_CONTROL, 5));
	CHECK_EQUAL(fake.msr[0].value, 0x10ff06);
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
		CHECK(msr_read_root(&root, msr, &value));
		CHECK_EQUAL(value, is_mask ? 0x1000 : 6);
		CHECK_EQUAL(fake.msr[0].value, 0xdead);
	}
	world_init();
	fake_set_msr(0x210, 0);
	fake_set_msr(0x23f, 0);
	CHECK(!root_writes(0x210, 0)); /* beyond the eight */
	CHECK(!root_writes(0x23f, 0));
}

static void root_mtrr_write_retypes_memory(void)
{
	world_init();
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 0x800));
	CHECK_EQUAL(script.n_retypes, 1);
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 0x800)); /* nothing new */
	CHECK_EQUAL(script.n_retypes, 1);
	CHECK(root_writes(0x20f, 0x800));
	CHECK(root_writes(0x250, 6));
	CHECK_EQUAL(script.n_retypes, 3);
	CHECK_EQUAL(fake.n_type_changes, 3);
	CHECK(!root_writes(0x268, 2)); /* no type */
	CHECK_EQUAL(script.n_retypes, 3);
}

/* As systems write them: off, one after the other, and on. Only then does anything follow, once. */
static void root_mtrrs_that_are_off_cost_nothing(void)
{
	world_init();
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 6));
	for (uint32_t msr = 0x200; msr < 0x210; msr += 2) {
		CHECK(root_writes(msr, (uint64_t)msr << 24));
		CHECK(root_writes(msr + 1, 0xffff000800));
	}
	CHECK(root_writes(0x250, 0x0606060606060606));
	CHECK_EQUAL(script.n_retypes, 0);
	CHECK_EQUAL(fake.n_type_changes, 0);
	CHECK(root_writes(MSR_MTRR_DEF_TYPE, 0x806));
	CHECK_EQUAL(script.n_retypes, 1);
	CHECK_EQUAL(fake.n_type_changes, 1);
}

static void root_mtrr_write_is_executed_again_until_it_is_done(void)
{
	world_init();
	script.n_parts = 3;
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQUAL(msr_write_root(&root, 0x250, 6), MSR_AGAIN);
	CHECK_EQUAL(msr_write_root(&root, 0x250, 6), MSR_DONE);
	CHECK_EQUAL(script.n_retypes, 1);
}

/* SDM 3A "Memory Type Range Registers", with 40 bits of physical addresses. */
static void root_mtrr_values_are_the_manuals(void)
{
	world_init();
	for (unsigned int type = 0; type < 256; type++) {
		CHECK_EQUAL(root_writes(MSR_MTRR_DEF_TYPE, type | 0xc00), is_type(type));
		CHECK_EQUAL(root_writes(0x202, 0xabcde000 | type), is_type(type));
		CHECK_EQUAL(root_writes(0x26f, (uint64_t)type << 56), is_type(type));
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		const bool is_address = bit >= 12 && bit < 40;

		CHECK_EQUAL(root_writes(0x203, 1ull << bit), is_address || bit == 11);
		if (bit >= 8)
			CHECK_EQUAL(root_writes(0x202, 1ull << bit), is_address);
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
		CHECK(!msr_read_root(&root, msrs[i], &value));
		CHECK(!root_writes(msrs[i], 0));
		fake_set_msr(msrs[i], 3);
		CHECK(msr_read_root(&root, msrs[i], &value));
		CHECK_EQUAL(value, 3);
		check_root_takes(msrs[i], 4, true);
	}
}

/* SDM 3C "MSR-Bitmap Address": those of a hypervisor below exit, and are not the root's. */
static void root_has_nothing_outside_the_bitmaps(void)
{
	static const uint32_t msrs[] = { 0x2000,     0x40000000, 0x4b564d00, 0x4b564d01,
					 0xbfffffff, 0xc0002000, 0xc0010000, 0xffffffff };

	world_init();
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(*msrs); i++) {
		uint64_t value = 0x1234;

		fake_set_msr(msrs[i], 3);
		CHECK(!msr_read_root(&root, msrs[i], &value));
		CHECK_EQUAL(value, 0x1234);
		check_root_takes(msrs[i], 4, false);
	}
}

int main(void)
{
	RUN(child_msrs_are_denied_by_default);
	RUN(child_msr_never_reaches_the_machine);
	RUN(child_addresses_must_be_canonical);
	RUN(child_segment_bases_are_the_segments);
	RUN(child_pat_types);
	RUN(child_mtrrs_keep_legal_values);
	RUN(child_efer_follows_cr_rules);
	RUN(child_fmask_upper_half_is_ignored);
	RUN(child_tsc_is_the_machines_with_an_offset);
	RUN(child_tsc_and_tsc_adjust_move_each_other);
	RUN(child_speculation_msrs);
	RUN(child_msrs_that_cpuid_announces);
	RUN(child_apic_msrs_are_the_apics);
	RUN(outcomes_for_every_configuration);
	RUN(child_apic_base_has_no_x2apic);
	RUN(child_misc_enable_says_no_bts_no_pebs);
	RUN(child_constants);
	RUN(root_guards_what_is_listed_and_nothing_else);
	RUN(root_absent_msrs_are_absent_whatever_the_machine_has);
	RUN(root_cannot_write_what_writes_past_nested_paging);
	RUN(root_apic_stays_where_it_is);
	RUN(root_changes_the_bits_of_the_row_and_no_other);
	RUN(root_misc_enable_leaves_the_processor_as_it_is);
	RUN(root_is_not_told_of_faults_that_it_cannot_have);
	RUN(root_start_clears_what_firmware_left_on);
	RUN(root_has_what_is_harmless);
	RUN(root_microcode_update_is_dropped);
	RUN(root_feature_control_is_locked_without_vmx);
	RUN(root_mtrrs_never_reach_the_machine);
	RUN(root_mtrr_write_retypes_memory);
	RUN(root_mtrrs_that_are_off_cost_nothing);
	RUN(root_mtrr_write_is_executed_again_until_it_is_done);
	RUN(root_mtrr_values_are_the_manuals);
	RUN(root_mtrr_masks_have_no_holes);
	RUN(root_other_msrs_pass);
	RUN(root_has_nothing_outside_the_bitmaps);
	return test_has_failed;
}
