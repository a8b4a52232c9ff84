/* SPDX-License-Identifier: MIT */
/* MSRs: a child has those of the list and no other; the root has the processor's without VMX. */
#include "hv/msr.h"
#include "tests/unit/run_world.h"

static const uint32_t child_msrs[] = {
	MSR_TSC,	 MSR_PLATFORM_ID,    MSR_APIC_BASE,    MSR_BIOS_SIGN_ID,  MSR_MTRRCAP,
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP,   MSR_SYSENTER_EIP, MSR_MCG_CAP,	  MSR_MCG_STATUS,
	MSR_MISC_ENABLE, MSR_DEBUGCTL,	     MSR_PAT,	       MSR_MTRR_DEF_TYPE, MSR_EFER,
	MSR_STAR,	 MSR_LSTAR,	     MSR_CSTAR,	       MSR_FMASK,	  MSR_FS_BASE,
	MSR_GS_BASE,	 MSR_KERNEL_GS_BASE,
};

static bool is_listed(uint32_t msr)
{
	for (unsigned int i = 0; i < sizeof(child_msrs) / sizeof(*child_msrs); i++)
		if (child_msrs[i] == msr)
			return true;
	return false;
}

static void check_denied(uint32_t msr)
{
	uint64_t value = 0x1234;

	if (is_listed(msr))
		return;
	CHECK(!msr_exists(msr));
	CHECK(!msr_read(&child, msr, &value));
	CHECK(!msr_write(&child, msr, 0));
	CHECK_EQUAL(value, 0x1234);
}

static void child_msrs_are_denied_by_default(void)
{
	world_init();
	/* Whatever the machine has. */
	for (uint32_t msr = 0; msr < 0x4000; msr++)
		check_denied(msr);
	for (uint32_t msr = 0xc0000000; msr < 0xc0003000; msr++)
		check_denied(msr);
	for (uint32_t msr = 0xc0010000; msr < 0xc0012000; msr++)
		check_denied(msr);
	for (uint32_t msr = 0x40000000; msr < 0x40000200; msr++)
		check_denied(msr);
	for (unsigned int i = 0; i < 100000; i++)
		check_denied((uint32_t)test_random());
}

static void child_listed_msrs_can_be_read(void)
{
	world_init();
	for (unsigned int i = 0; i < sizeof(child_msrs) / sizeof(*child_msrs); i++) {
		uint64_t value;

		CHECK(msr_exists(child_msrs[i]));
		CHECK(msr_read(&child, child_msrs[i], &value));
	}
}

static void child_msr_never_reaches_the_machine(void)
{
	world_init();
	for (unsigned int i = 0; i < sizeof(child_msrs) / sizeof(*child_msrs); i++) {
		fake_set_msr(child_msrs[i], 0xdeadbeefcafef00dull);
		for (unsigned int bit = 0; bit < 64; bit++)
			(void)msr_write(&child, child_msrs[i], 1ull << bit);
	}
	for (unsigned int i = 0; i < fake.n_msrs; i++)
		CHECK_EQUAL(fake.msr[i].value, 0xdeadbeefcafef00dull);
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

static void child_mtrrs_are_none(void)
{
	world_init();
	CHECK_EQUAL(read_back(MSR_MTRRCAP), 0);
	CHECK(!msr_write(&child, MSR_MTRRCAP, 0));
	for (unsigned int type = 0; type < 256; type++)
		CHECK_EQUAL(msr_write(&child, MSR_MTRR_DEF_TYPE, type | 0xc00),
			    type == 0 || type == 1 || (type >= 4 && type <= 6));
	CHECK(!msr_write(&child, MSR_MTRR_DEF_TYPE, 1 << 9));
	CHECK_EQUAL(read_back(MSR_MTRR_DEF_TYPE), 0xc06);
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

static void child_apic_base_has_no_x2apic(void)
{
	world_init();
	CHECK(msr_write(&child, MSR_APIC_BASE, 0xfee00900));
	CHECK(!msr_write(&child, MSR_APIC_BASE, 0xfee00d00)); /* EXTD */
	CHECK(!msr_write(&child, MSR_APIC_BASE, 0xfee00901));
	CHECK(!msr_write(&child, MSR_APIC_BASE, 1ull << 40 | 0x900));
	CHECK_EQUAL(read_back(MSR_APIC_BASE), 0xfee00900);
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

/* VMX; Intel PT; the clocks of a KVM below. */
static bool is_absent(uint32_t msr)
{
	return msr == 0x9b || (msr >= 0x480 && msr <= 0x493) || (msr >= 0x560 && msr <= 0x587) ||
	       msr == 0x11 || msr == 0x12;
}

/* What stays as it is: TEST_CTRL, PEBS twice, the debug store, hardware feedback. */
static const uint32_t read_only[] = { 0x33, 0x3f1, 0x3f4, 0x600, 0x17d0 };

static bool is_read_only(uint32_t msr)
{
	for (unsigned int i = 0; i < sizeof(read_only) / sizeof(*read_only); i++)
		if (read_only[i] == msr)
			return true;
	return false;
}

static void root_guards_what_is_listed_and_nothing_else(void)
{
	world_init();
	memset(guarded, 0, sizeof(guarded));
	fake_set_msr(MSR_MTRRCAP, 0x508);
	root_prepare(&root);
	for (uint32_t msr = 0; msr < sizeof(guarded); msr++) {
		unsigned int wanted = 0;

		if (msr == 0x3a || is_absent(msr))
			wanted = 3;
		else if ((msr >= 0x200 && msr < 0x210) || is_fixed_mtrr(msr) || msr == 0x2ff)
			wanted = 2;
		else if (msr == 0x1b || msr == 0x79 || msr == 0x1a0 || msr == 0xda0)
			wanted = 2;
		else if (is_read_only(msr))
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
		CHECK(!msr_read_root(msr, &value));
		CHECK_EQUAL(value, 0x1234);
		CHECK(!msr_write_root(msr, 8));
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
			CHECK(!msr_write_root(read_only[i], 1ull << bit));
		CHECK(msr_read_root(read_only[i], &value));
		CHECK_EQUAL(value, 7);
	}
}

static void check_root_takes(uint32_t msr, uint64_t value, bool is_legal)
{
	uint64_t before, after;

	CHECK(virt_rdmsr(msr, &before));
	CHECK_EQUAL(msr_write_root(msr, value), is_legal);
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

static void root_cannot_take_execute_disable_away(void)
{
	world_init();
	fake_set_msr(MSR_MISC_ENABLE, 0x850089);
	check_root_takes(MSR_MISC_ENABLE, 1ull << 34 | 0x850089, false);
	for (unsigned int bit = 0; bit < 64; bit++)
		check_root_takes(MSR_MISC_ENABLE, 1ull << bit, bit != 34);
	check_root_takes(MSR_MISC_ENABLE, 0, true);
}

static void root_cannot_have_intel_pt_by_xrstors(void)
{
	world_init();
	fake_set_msr(MSR_XSS, 0);
	for (unsigned int bit = 0; bit < 64; bit++)
		check_root_takes(MSR_XSS, 1ull << bit, bit != 8);
	check_root_takes(MSR_XSS, 0, true);
}

static void root_microcode_update_is_dropped(void)
{
	world_init();
	fake_set_msr(0x79, 0);
	CHECK(msr_write_root(0x79, 0xffff800012345000ull));
	CHECK_EQUAL(fake.msr[0].value, 0);
}

static void root_feature_control_is_locked_without_vmx(void)
{
	uint64_t value = 0;

	world_init();
	CHECK(!msr_read_root(MSR_FEATURE_CONTROL, &value)); /* a processor without it */
	fake_set_msr(MSR_FEATURE_CONTROL, 0x10ff06);
	CHECK(msr_read_root(MSR_FEATURE_CONTROL, &value));
	CHECK_EQUAL(value, 0x100001); /* LMCE stays as firmware chose */
	CHECK(!msr_write_root(MSR_FEATURE_CONTROL, 5));
	CHECK_EQUAL(fake.msr[0].value, 0x10ff06);
}

static void root_mtrr_write_retypes_memory(void)
{
	world_init();
	fake_set_msr(MSR_MTRRCAP, 0x508);
	fake_set_msr(MSR_MTRR_DEF_TYPE, 0xc06);
	fake_set_msr(0x20f, 0);
	fake_set_msr(0x250, 0);
	fake_set_msr(0x210, 0); /* beyond the eight */
	CHECK(msr_write_root(MSR_MTRR_DEF_TYPE, 0xc00));
	CHECK_EQUAL(script.n_retypes, 1);
	CHECK(msr_write_root(MSR_MTRR_DEF_TYPE, 0xc00)); /* nothing new */
	CHECK_EQUAL(script.n_retypes, 1);
	CHECK(msr_write_root(0x20f, 0x800));
	CHECK(msr_write_root(0x250, 6));
	CHECK_EQUAL(script.n_retypes, 3);
	CHECK_EQUAL(fake.n_type_changes, 3);
	CHECK(msr_write_root(0x210, 1));
	CHECK_EQUAL(script.n_retypes, 3);
	CHECK(!msr_write_root(0x268, 1)); /* the processor refuses */
	CHECK_EQUAL(script.n_retypes, 3);
}

static void root_other_msrs_pass(void)
{
	static const uint32_t msrs[] = { 0x8b, 0x1fff, 0xc0000000, 0xc0001fff };
	uint64_t value;

	world_init();
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(*msrs); i++) {
		CHECK(!msr_read_root(msrs[i], &value));
		CHECK(!msr_write_root(msrs[i], 0));
		fake_set_msr(msrs[i], 3);
		CHECK(msr_read_root(msrs[i], &value));
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
		CHECK(!msr_read_root(msrs[i], &value));
		CHECK_EQUAL(value, 0x1234);
		check_root_takes(msrs[i], 4, false);
	}
}

int main(void)
{
	RUN(child_msrs_are_denied_by_default);
	RUN(child_listed_msrs_can_be_read);
	RUN(child_msr_never_reaches_the_machine);
	RUN(child_addresses_must_be_canonical);
	RUN(child_segment_bases_are_the_segments);
	RUN(child_pat_types);
	RUN(child_mtrrs_are_none);
	RUN(child_efer_follows_cr_rules);
	RUN(child_fmask_upper_half_is_ignored);
	RUN(child_tsc_is_the_machines_with_an_offset);
	RUN(child_apic_base_has_no_x2apic);
	RUN(child_misc_enable_says_no_bts_no_pebs);
	RUN(child_constants);
	RUN(root_guards_what_is_listed_and_nothing_else);
	RUN(root_absent_msrs_are_absent_whatever_the_machine_has);
	RUN(root_cannot_write_what_writes_past_nested_paging);
	RUN(root_apic_stays_where_it_is);
	RUN(root_cannot_take_execute_disable_away);
	RUN(root_cannot_have_intel_pt_by_xrstors);
	RUN(root_microcode_update_is_dropped);
	RUN(root_feature_control_is_locked_without_vmx);
	RUN(root_mtrr_write_retypes_memory);
	RUN(root_other_msrs_pass);
	RUN(root_has_nothing_outside_the_bitmaps);
	return test_has_failed;
}
