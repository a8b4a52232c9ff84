// SPDX-License-Identifier: MIT
/* The choice among the hypervisor images of whit.efi: by the feature that CPUID shows, not by who made the processor. */
#include <stdio.h>
#include <string.h>

#include "boot/vendor.h"
#include "tests/check.h"

#define VMX  (1u << VENDOR_VMX)
#define SVM  (1u << VENDOR_SVM)
#define BOTH (VMX | SVM)

/* One processor: who made it, its last extended leaf, and the two words with feature bits. */
static struct processor {
	const char *maker;
	uint32_t last_extended, leaf1_ecx, leaf81_ecx;
} cpu;

static bool was_asked;

static struct x86_cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid r = { 0 };

	was_asked = true;
	if (leaf == 0) {
		memcpy(&r.ebx, cpu.maker, 4);
		memcpy(&r.edx, cpu.maker + 4, 4);
		memcpy(&r.ecx, cpu.maker + 8, 4);
	} else if (leaf == 1) {
		r.ecx = cpu.leaf1_ecx;
	} else if (leaf == CPUID_EXTENDED_BASE) {
		r.eax = cpu.last_extended;
	} else if (leaf == CPUID_EXTENDED_BASE + 1) {
		r.ecx = cpu.leaf81_ecx;
	}
	return r;
}

static const char *choose(struct processor processor, unsigned int carried, enum vendor *vendor)
{
	cpu = processor;
	was_asked = false;
	*vendor = N_VENDORS;
	return vendor_choose(cpuid, carried, vendor);
}

/* The last extended leaf, leaf 1 ECX, and leaf 80000001h ECX. */
static const struct {
	struct processor processor;
	enum vendor vendor;
} makers[] = {
	{ { "GenuineIntel", 0x80000008, 0x7ffafbbf, 0x121 }, VENDOR_VMX }, /* Skylake */
	{ { "CentaurHauls", 0x80000008, CPUID1_ECX_VMX, 0 }, VENDOR_VMX },
	{ { "AuthenticAMD", 0x8000001b, 0x00802009, 0x37ff }, VENDOR_SVM },	/* family 10h */
	{ { "AuthenticAMD", 0x8000001f, 0x7ef8320b, 0x75c237ff }, VENDOR_SVM }, /* Zen 3 */
	{ { "HygonGenuine", 0x8000001f, 0x7ed8320b, 0x35c233ff }, VENDOR_SVM }, /* Dhyana */
	{ { "GenuineIntel", 0x80000001, 0, CPUID81_ECX_SVM }, VENDOR_SVM },	/* an emulator's */
};

static void the_feature_decides_whoever_made_the_processor(void)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		enum vendor vendor;

		CHECK(!choose(makers[i].processor, BOTH, &vendor));
		CHECK_EQ(vendor, makers[i].vendor);
		if (check_has_failed())
			printf("  row %zu, %s\n", i, makers[i].processor.maker);
	}
}

static void refuses(struct processor processor, const char *why)
{
	enum vendor vendor;
	const char *said = choose(processor, BOTH, &vendor);

	CHECK(said && strstr(said, why));
	CHECK_EQ(vendor, N_VENDORS);
}

static void what_is_missing_is_named(void)
{
	const uint32_t all_but_vmx = ~CPUID1_ECX_VMX, all_but_svm = ~CPUID81_ECX_SVM;

	refuses((struct processor) { "GenuineIntel", 0x80000008, all_but_vmx, 0x121 },
		"neither VT-x nor AMD-V");
	refuses((struct processor) { "AuthenticAMD", 0x8000001f, all_but_vmx, all_but_svm },
		"neither VT-x nor AMD-V");
	refuses((struct processor) { "AuthenticAMD", 0x8000001f, all_but_vmx, all_but_svm },
		"firmware hides it");
}

static void both_at_once_is_refused(void)
{
	refuses((struct processor) { "GenuineIntel", 0x8000001f, CPUID1_ECX_VMX, CPUID81_ECX_SVM },
		"both VT-x and AMD-V");
}

/* Leaves beyond the last answer as another leaf does, or with anything. */
static void an_extended_leaf_that_is_not_there_shows_nothing(void)
{
	static const uint32_t last[] = { 0, 1, 0x16, 0x7fffffff, CPUID_EXTENDED_BASE };

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		enum vendor vendor;

		refuses((struct processor) { "GenuineIntel", last[i], 0, ~0u }, "neither");
		CHECK(!choose((struct processor) { "GenuineIntel", last[i], CPUID1_ECX_VMX, ~0u },
			      BOTH, &vendor));
		CHECK_EQ(vendor, VENDOR_VMX);
	}
}

/* It says itself what it misses, and in more words. */
static void one_image_alone_is_taken_on_any_processor(void)
{
	static const uint32_t ecx[] = { 0, CPUID1_ECX_VMX, ~0u };

	for (size_t i = 0; i < sizeof(ecx) / sizeof(ecx[0]); i++)
		for (int image = 0; image < N_VENDORS; image++) {
			enum vendor vendor;

			CHECK(!choose(
				(struct processor) { "AuthenticAMD", 0x8000001f, ecx[i], ecx[i] },
				1u << image, &vendor));
			CHECK_EQ(vendor, image);
			CHECK(!was_asked);
		}
}

static void each_has_a_name(void)
{
	CHECK(!strcmp(vendor_names[VENDOR_VMX], "VT-x"));
	CHECK(!strcmp(vendor_names[VENDOR_SVM], "AMD-V"));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_feature_decides_whoever_made_the_processor),
		TEST(what_is_missing_is_named),
		TEST(both_at_once_is_refused),
		TEST(an_extended_leaf_that_is_not_there_shows_nothing),
		TEST(one_image_alone_is_taken_on_any_processor),
		TEST(each_has_a_name),
	};

	return RUN(tests);
}
