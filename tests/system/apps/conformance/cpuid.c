// SPDX-License-Identifier: MIT
/*
 * CPUID as the guest sees it: the same as WHvGetVirtualProcessorCpuidOutput says, in accord with the control registers and
 * with itself; and features that a property takes away are gone.
 */
#include "tests/system/apps/conformance/check.h"
#include "tests/system/apps/conformance/emulator.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/inquiry.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"

#define UD INQUIRY_FAULT(EXC_UD)
#define GP INQUIRY_FAULT(EXC_GP)

#define CR4_USUAL (CR4_PAE | CR4_OSFXSR)

static struct child child;
static struct inquiry_op ops[INQUIRY_MAX];

/* ---- The guest and the function ---------------------------------------------------------- */

static unsigned int add_leaves(unsigned int n, uint32_t first, uint32_t last, uint32_t n_sub)
{
	for (uint32_t leaf = first; leaf <= last; leaf++)
		for (uint32_t sub = 0; sub < n_sub && n < INQUIRY_MAX; sub++)
			ops[n++] = (struct inquiry_op) { .kind = INQUIRY_CPUID,
							 .number = leaf,
							 .sub = sub };
	return n;
}

static void compare(unsigned int n)
{
	inquiry_load(&child, ops, n);
	CHECK(inquiry_run(&child, ops, n));
	for (unsigned int i = 0; i < n && !check_has_failed(); i++) {
		WHV_CPUID_OUTPUT output;

		CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(child.partition, 0, ops[i].number,
							   ops[i].sub, &output),
			 S_OK);
		CHECK_EQ(output.Eax, ops[i].result.words[0]);
		CHECK_EQ(output.Ebx, ops[i].result.words[1]);
		CHECK_EQ(output.Ecx, ops[i].result.words[2]);
		CHECK_EQ(output.Edx, ops[i].result.words[3]);
		if (check_has_failed())
			terminal_print("# leaf %x.%x\n", ops[i].number, ops[i].sub);
	}
}

static void cpuid_is_what_the_function_says(void)
{
	unsigned int n;

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	n = add_leaves(0, 0, 0x24, 3);
	n = add_leaves(n, 0xd, 0xd, 20);
	n = add_leaves(n, 4, 4, 6);
	n = add_leaves(n, 0x40000000, 0x40000011, 1);
	n = add_leaves(n, 0x80000000, 0x80000022, 2);
	n = add_leaves(n, 0xfffffffe, 0xfffffffe, 2);
	compare(n);
	child_destroy(&child);
}

static void cpuid_function_refuses_what_is_not_there(void)
{
	WHV_CPUID_OUTPUT output;

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(child.partition, 0, 0, 0, NULL), E_POINTER);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(child.partition, 1, 0, 0, &output),
		 WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(NULL, 0, 0, 0, &output), E_INVALIDARG);
	child_destroy(&child);
}

/* ---- Accord ------------------------------------------------------------------------------ */

static uint32_t word(uint32_t leaf, uint32_t sub, unsigned int reg)
{
	struct inquiry_op op = { .kind = INQUIRY_CPUID, .number = leaf, .sub = sub };

	inquiry_load(&child, &op, 1);
	CHECK(inquiry_run(&child, &op, 1));
	return op.result.words[reg];
}

static uint32_t fault(enum inquiry_kind kind, uint32_t number, uint64_t value)
{
	return inquiry_one(&child, kind, number, value).fault;
}

static void cpuid_osxsave_mirrors_cr4(void)
{
	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	if (word(1, 0, 2) & CPUID1_ECX_XSAVE) {
		CHECK_EQ(word(1, 0, 2) & CPUID1_ECX_OSXSAVE, 0);
		CHECK_EQ(fault(INQUIRY_XGETBV, 0, 0), UD);
		CHECK_EQ(fault(INQUIRY_WRITE_CR4, 0, CR4_USUAL | CR4_OSXSAVE), 0);
		CHECK_EQ(word(1, 0, 2) & CPUID1_ECX_OSXSAVE, CPUID1_ECX_OSXSAVE);
		CHECK_EQ(inquiry_one(&child, INQUIRY_XGETBV, 0, 0).result.value, 1);
		/* The client's CR4, too. */
		CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_USUAL), S_OK);
		CHECK_EQ(word(1, 0, 2) & CPUID1_ECX_OSXSAVE, 0);
	} else {
		CHECK_EQ(fault(INQUIRY_WRITE_CR4, 0, CR4_USUAL | CR4_OSXSAVE), GP);
	}
	child_destroy(&child);
}

/* The area of what XCR0 has, and of all that it can have: SDM 1 "Standard Format of XSAVE Area". */
static uint32_t area_of(uint64_t xcr0)
{
	uint32_t end = 576;

	for (uint32_t i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		if (word(0xd, i, 1) + word(0xd, i, 0) > end)
			end = word(0xd, i, 1) + word(0xd, i, 0);
	}
	return end;
}

static void cpuid_xsave_sizes_follow_xcr0(void)
{
	uint64_t all;

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	all = word(0xd, 0, 0) | (uint64_t)word(0xd, 0, 3) << 32;
	if (word(1, 0, 2) & CPUID1_ECX_XSAVE) {
		CHECK_EQ(all & 3, 3);
		CHECK_EQ(fault(INQUIRY_WRITE_CR4, 0, CR4_USUAL | CR4_OSXSAVE), 0);
		CHECK_EQ(word(0xd, 0, 1), 576);
		CHECK_EQ(word(0xd, 0, 2), area_of(all));
		CHECK_EQ(fault(INQUIRY_XSETBV, 0, all), 0);
		CHECK_EQ(inquiry_one(&child, INQUIRY_XGETBV, 0, 0).result.value, all);
		CHECK_EQ(word(0xd, 0, 1), area_of(all));
		CHECK_EQ(word(0xd, 0, 2), area_of(all));
		CHECK_EQ(child_get(&child, WHvX64RegisterXCr0), all);
		/* Nothing beyond it, and nothing that makes no sense. */
		for (unsigned int bit = 0; bit < 64 && !emulator_has(FAULT_XSETBV_EXIT); bit++)
			if (!(all >> bit & 1))
				CHECK_EQ(fault(INQUIRY_XSETBV, 0, all | 1ull << bit), GP);
		CHECK_EQ(fault(INQUIRY_XSETBV, 0, 0), GP);
		CHECK_EQ(fault(INQUIRY_XSETBV, 0, 2), GP);
		CHECK_EQ(fault(INQUIRY_XSETBV, 0, 5), GP);
		CHECK_EQ(fault(INQUIRY_XSETBV, 1, 1), GP);
		CHECK_EQ(inquiry_one(&child, INQUIRY_XGETBV, 0, 0).result.value, all);
	} else {
		CHECK_EQ(all, 0);
	}
	child_destroy(&child);
}

/* A bit of CR4 can be set if, and only if, the feature is there. */
static const struct {
	uint32_t leaf;
	uint8_t reg, bit;
	uint64_t cr4;
} control[] = {
	{ 1, 3, 1, CR4_VME },	   { 1, 3, 2, CR4_DE },	    { 1, 3, 3, CR4_PSE },
	{ 1, 3, 7, CR4_MCE },	   { 1, 3, 13, CR4_PGE },   { 1, 2, 5, CR4_VMXE },
	{ 1, 2, 6, CR4_SMXE },	   { 1, 2, 17, CR4_PCIDE }, { 1, 2, 26, CR4_OSXSAVE },
	{ 7, 1, 0, CR4_FSGSBASE }, { 7, 1, 7, CR4_SMEP },   { 7, 1, 20, CR4_SMAP },
	{ 7, 2, 2, CR4_UMIP },	   { 7, 2, 3, CR4_PKE },    { 7, 2, 7, CR4_CET },
};

static void cpuid_and_cr4_agree(void)
{
	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]) && !check_has_failed(); i++) {
		const bool is_there =
			word(control[i].leaf, 0, control[i].reg) >> control[i].bit & 1;

		if (control[i].cr4 == CR4_CET)
			CHECK_EQ(fault(INQUIRY_WRITE_CR0, 0,
				       CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP),
				 0);
		/* The guest runs on user pages: what would forbid that is seen in the register alone. */
		if (is_there && (control[i].cr4 & (CR4_SMEP | CR4_SMAP)))
			CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_USUAL | control[i].cr4),
				 S_OK);
		else
			CHECK_EQ(fault(INQUIRY_WRITE_CR4, 0, CR4_USUAL | control[i].cr4),
				 is_there ? 0 : GP);
		if (check_has_failed())
			terminal_print("# CR4 bit %lx\n", (unsigned long)control[i].cr4);
		CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_USUAL), S_OK);
	}
	child_destroy(&child);
}

static HRESULT with_apic(WHV_PARTITION_HANDLE partition)
{
	const uint32_t mode = WHvX64LocalApicEmulationModeXApic;

	return WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeLocalApicEmulationMode,
				       &mode, sizeof(mode));
}

static void cpuid_apic_bit_says_whether_one_is_there(void)
{
	WHV_CPUID_OUTPUT output = { .Edx = 0 };

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	CHECK_EQ(word(1, 0, 3) & CPUID1_EDX_APIC, 0);
	child_destroy(&child);
	CHECK_EQ(inquiry_create(&child, with_apic), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(child.partition, 0, 1, 0, &output), S_OK);
	CHECK_EQ(output.Edx & CPUID1_EDX_APIC, CPUID1_EDX_APIC);
	CHECK_EQ(output.Ebx >> 24, 0);
	child_destroy(&child);
}

static void cpuid_hypervisor_leaves_are_a_guests(void)
{
	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	CHECK(word(1, 0, 2) & CPUID1_ECX_HYPERVISOR);
	CHECK(word(0x40000000, 0, 0) >= 0x40000000 && word(0x40000000, 0, 0) <= 0x400000ff);
	CHECK(word(0x40000000, 0, 2) != WHIT_SIGNATURE_WORD);
	CHECK_EQ(word(1, 0, 2) & CPUID1_ECX_VMX, 0);
	child_destroy(&child);
}

/* ---- Features taken away ----------------------------------------------------------------- */

struct feature {
	const char *name;
	WHV_PROCESSOR_FEATURES features; /* bank 0 */
	WHV_PROCESSOR_XSAVE_FEATURES xsave;
	uint32_t leaf, sub;
	uint8_t reg, bit;
	/* What faults without the feature; not told by the processor for some: INQUIRY_END. */
	enum inquiry_kind kind;
	uint32_t number, fault;
	uint64_t value;
};

/* clang-format off */
static const struct feature taken[] = {
	{ "rdtscp", { .RdtscpSupport = 1 }, { .AsUINT64 = 0 }, 0x80000001, 0, 3, 27, INQUIRY_RDTSCP, 0, UD, 0 },
	{ "tsc_aux", { .RdtscpSupport = 1 }, { .AsUINT64 = 0 }, 0x80000001, 0, 3, 27, INQUIRY_WRMSR, MSR_TSC_AUX, GP, 0 },
	{ "invpcid", { .InvpcidSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 1, 10, INQUIRY_INVPCID, 0, UD, 0 },
	{ "pcid", { .PcidSupport = 1 }, { .AsUINT64 = 0 }, 1, 0, 2, 17, INQUIRY_WRITE_CR4, 0, GP, CR4_USUAL | CR4_PCIDE },
	{ "fsgsbase", { .RdWrFsGsSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 1, 0, INQUIRY_WRITE_CR4, 0, GP, CR4_USUAL | CR4_FSGSBASE },
	{ "wrfsbase", { .RdWrFsGsSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 1, 0, INQUIRY_WRFSBASE, 0, UD, 0 },
	{ "smep", { .SmepSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 1, 7, INQUIRY_WRITE_CR4, 0, GP, CR4_USUAL | CR4_SMEP },
	{ "smap", { .SmapSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 1, 20, INQUIRY_WRITE_CR4, 0, GP, CR4_USUAL | CR4_SMAP },
	{ "umip", { .UmipSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 2, 2, INQUIRY_WRITE_CR4, 0, GP, CR4_USUAL | CR4_UMIP },
	{ "ibrs", { .IbrsSupport = 1, .IbpbSupport = 1 }, { .AsUINT64 = 0 }, 7, 0, 3, 26, INQUIRY_WRMSR, MSR_PRED_CMD, GP, 1 },
	{ "popcnt", { .PopCntSupport = 1 }, { .AsUINT64 = 0 }, 1, 0, 2, 23, INQUIRY_END, 0, 0, 0 },
	{ "aes", { .AesSupport = 1 }, { .AsUINT64 = 0 }, 1, 0, 2, 25, INQUIRY_END, 0, 0, 0 },
	{ "sse4.2", { .Sse4_2Support = 1 }, { .AsUINT64 = 0 }, 1, 0, 2, 20, INQUIRY_END, 0, 0, 0 },
	{ "1g", { .Page1GbSupport = 1 }, { .AsUINT64 = 0 }, 0x80000001, 0, 3, 26, INQUIRY_END, 0, 0, 0 },
	{ "xsave", { .AsUINT64 = 0 }, { .XsaveSupport = 1 }, 1, 0, 2, 26, INQUIRY_WRITE_CR4, 0, GP, CR4_USUAL | CR4_OSXSAVE },
	{ "xss", { .AsUINT64 = 0 }, { .XsaveSupervisorSupport = 1 }, 0xd, 1, 0, 3, INQUIRY_WRMSR, MSR_XSS, GP, 0 },
	{ "avx", { .AsUINT64 = 0 }, { .AvxSupport = 1 }, 1, 0, 2, 28, INQUIRY_XSETBV, 0, GP, 7 },
	{ "avx area", { .AsUINT64 = 0 }, { .AvxSupport = 1 }, 0xd, 0, 0, 2, INQUIRY_VMOVAPS, 0, UD, 0 },
	{ "avx512", { .AsUINT64 = 0 }, { .Avx512Support = 1 }, 7, 0, 1, 16, INQUIRY_XSETBV, 0, GP, 0xe7 },
};
/* clang-format on */

static uint64_t removed_features, removed_xsave;

static HRESULT without(WHV_PARTITION_HANDLE partition)
{
	WHV_CAPABILITY value = { .ProcessorFeatures = { .AsUINT64 = 0 } };
	HRESULT hr = WHvGetCapability(WHvCapabilityCodeProcessorFeatures, &value, 8, NULL);

	value.ProcessorFeatures.AsUINT64 &= ~removed_features;
	if (SUCCEEDED(hr))
		hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorFeatures,
					     &value, 8);
	if (SUCCEEDED(hr))
		hr = WHvGetCapability(WHvCapabilityCodeProcessorXsaveFeatures, &value, 8, NULL);
	value.ProcessorXsaveFeatures.AsUINT64 &= ~removed_xsave;
	if (SUCCEEDED(hr))
		hr = WHvSetPartitionProperty(
			partition, WHvPartitionPropertyCodeProcessorXsaveFeatures, &value, 8);
	return hr;
}

static bool has(const struct feature *feature)
{
	return word(feature->leaf, feature->sub, feature->reg) >> feature->bit & 1;
}

/* OSXSAVE on for what needs it. */
static uint32_t try(const struct feature *feature)
{
	if (feature->kind == INQUIRY_XSETBV || feature->kind == INQUIRY_VMOVAPS)
		CHECK_EQ(fault(INQUIRY_WRITE_CR4, 0, CR4_USUAL | CR4_OSXSAVE), 0);
	if (feature->kind == INQUIRY_VMOVAPS)
		(void)fault(INQUIRY_XSETBV, 0, 7);
	return fault(feature->kind, feature->number, feature->value);
}

/* Does the emulator miss that the instruction is to exit? */
static bool is_missed(const struct feature *feature)
{
	switch (feature->kind) {
	case INQUIRY_RDTSCP: return emulator_has(FAULT_RDTSCP);
	case INQUIRY_XSETBV:
	case INQUIRY_VMOVAPS: return emulator_has(FAULT_XSETBV_EXIT);
	default: return false;
	}
}

static void cpuid_features_taken_away_are_gone(void)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]) && !check_has_failed(); i++) {
		const struct feature *const feature = &taken[i];
		bool is_there;

		CHECK_EQ(inquiry_create(&child, NULL), S_OK);
		is_there = has(feature);
		child_destroy(&child);
		removed_features = feature->features.AsUINT64;
		removed_xsave = feature->xsave.AsUINT64;
		CHECK_EQ(inquiry_create(&child, without), S_OK);
		CHECK(!has(feature));
		if (feature->kind != INQUIRY_END && !is_missed(feature))
			CHECK_EQ(try(feature), feature->fault);
		if (check_has_failed())
			terminal_print("# %s, %s before\n", feature->name,
				       is_there ? "there" : "not there");
		child_destroy(&child);
	}
}

static void cpuid_features_that_are_there_work(void)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]) && !check_has_failed(); i++) {
		const struct feature *const feature = &taken[i];

		/* SMEP and SMAP would end a guest on user pages; WRFSBASE and PCID need more. */
		if (feature->kind == INQUIRY_END || feature->kind == INQUIRY_WRFSBASE ||
		    feature->value & (CR4_SMEP | CR4_SMAP))
			continue;
		CHECK_EQ(inquiry_create(&child, NULL), S_OK);
		if (has(feature))
			CHECK_EQ(try(feature), 0);
		if (check_has_failed())
			terminal_print("# %s\n", feature->name);
		child_destroy(&child);
	}
}

void cpuid_checks(void)
{
	static const struct test tests[] = {
		TEST(cpuid_is_what_the_function_says),
		TEST(cpuid_function_refuses_what_is_not_there),
		TEST(cpuid_osxsave_mirrors_cr4),
		TEST(cpuid_xsave_sizes_follow_xcr0),
		TEST(cpuid_and_cr4_agree),
		TEST(cpuid_apic_bit_says_whether_one_is_there),
		TEST(cpuid_hypervisor_leaves_are_a_guests),
		TEST(cpuid_features_taken_away_are_gone),
		TEST(cpuid_features_that_are_there_work),
	};

	RUN(tests);
}
