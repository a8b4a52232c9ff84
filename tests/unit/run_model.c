/* SPDX-License-Identifier: MIT */
/*
 * The model of a partition's processor: WHP's feature bits hide what they name and nothing else, what needs a hidden
 * feature is hidden with it, and leaf 0Dh is right for the areas of real processors.
 */
#include "hv/cpu/cpuid.h"
#include "hv/cpu/cr.h"
#include "tests/unit/run_world.h"

#define BIT(n) (1u << (n))

static const struct x86_cpuid ones = { ~0u, ~0u, ~0u, ~0u };

/* Of both vendors, where AMD's says what Intel's has no bit for. */
static void everything(void)
{
	world_init();
	virt_machine.vendor = WHvProcessorVendorAmd;
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000021, 0, 0, 0 });
	fake_set_cpuid(0x80000021, 0, ones);
	fake_set_cpuid(1, 0, ones);
	for (uint32_t subleaf = 0; subleaf < 3; subleaf++)
		fake_set_cpuid(7, subleaf, ones);
	fake_set_cpuid(0xd, 1, ones);
	for (uint32_t leaf = 0x80000001; leaf < 0x80000009; leaf++)
		fake_set_cpuid(leaf, 0, ones);
	fake_set_msr(MSR_ARCH_CAPABILITIES, ~0ull);
	virt_machine.cr4_possible = virt_machine.efer_possible = ~0ull;
	virt_machine.xcr0_child = 0x600e7;
	virt_machine.child_has =
		VIRT_HAS_RDTSCP | VIRT_HAS_INVPCID | VIRT_HAS_XSAVES | VIRT_HAS_UMWAIT;
	part->properties.apic_mode = WHvX64LocalApicEmulationModeX2Apic;
	world_model();
}

/* Names as in the reference's structures, and CPUID's places as in the manuals: leaf, subleaf, register, bit. */
struct place {
	uint8_t word, bit;
	uint32_t leaf;
	uint8_t subleaf, reg, at;
};

static const struct place places[] = {
	{ 0, 0, 1, 0, ECX, 0 }, /* Sse3Support */
	{ 0, 1, 0x80000001, 0, ECX, 0 },
	{ 0, 2, 1, 0, ECX, 9 },
	{ 0, 3, 1, 0, ECX, 19 },
	{ 0, 4, 1, 0, ECX, 20 },
	{ 0, 5, 0x80000001, 0, ECX, 6 },
	{ 0, 6, 0x80000001, 0, ECX, 11 },
	{ 0, 7, 1, 0, ECX, 23 },
	{ 0, 8, 1, 0, ECX, 13 },
	{ 0, 10, 0x80000001, 0, ECX, 5 }, /* LzcntSupport */
	{ 0, 11, 0x80000001, 0, ECX, 7 },
	{ 0, 12, 0x80000001, 0, EDX, 22 },
	{ 0, 13, 0x80000001, 0, EDX, 31 },
	{ 0, 14, 0x80000001, 0, EDX, 30 },
	{ 0, 15, 0x80000001, 0, EDX, 26 },
	{ 0, 16, 1, 0, ECX, 25 },
	{ 0, 17, 1, 0, ECX, 1 },
	{ 0, 18, 1, 0, ECX, 17 },
	{ 0, 19, 0x80000001, 0, ECX, 16 },
	{ 0, 20, 1, 0, ECX, 29 },
	{ 0, 21, 1, 0, ECX, 30 },
	{ 0, 22, 7, 0, EBX, 0 }, /* RdWrFsGsSupport */
	{ 0, 23, 7, 0, EBX, 7 },
	{ 0, 24, 7, 0, EBX, 9 },
	{ 0, 25, 7, 0, EBX, 3 },
	{ 0, 26, 7, 0, EBX, 8 },
	{ 0, 29, 1, 0, ECX, 22 },
	{ 0, 32, 7, 0, EBX, 18 },
	{ 0, 33, 7, 0, EBX, 19 },
	{ 0, 34, 0x80000001, 0, ECX, 8 },
	{ 0, 35, 7, 0, EBX, 20 },
	{ 0, 38, 0x80000001, 0, EDX, 27 },
	{ 0, 39, 7, 0, EBX, 23 },
	{ 0, 40, 7, 0, EBX, 24 },
	{ 0, 41, 7, 0, EBX, 29 },
	{ 0, 43, 7, 0, EBX, 10 },
	{ 0, 44, 7, 0, EDX, 26 }, /* IbrsSupport */
	{ 0, 44, 0x80000008, 0, EBX, 14 },
	{ 0, 45, 7, 0, EDX, 27 },
	{ 0, 45, 0x80000008, 0, EBX, 15 },
	{ 0, 46, 7, 0, EDX, 26 },
	{ 0, 46, 0x80000008, 0, EBX, 12 },
	{ 0, 48, 7, 0, EDX, 31 },
	{ 0, 48, 0x80000008, 0, EBX, 24 },
	{ 0, 49, 7, 0, EDX, 4 },
	{ 0, 54, 0x80000008, 0, EBX, 26 }, /* SsbNo */
	{ 0, 57, 7, 0, ECX, 22 },
	{ 0, 58, 7, 0, ECX, 2 },
	{ 0, 60, 7, 0, EDX, 10 },
	{ 1, 1, 0x80000007, 0, EDX, 8 }, /* TscInvariantSupport */
	{ 1, 2, 0x80000008, 0, EBX, 0 },
	{ 1, 4, 7, 0, ECX, 16 },
	{ 1, 7, 7, 2, EDX, 0 }, /* PsfdSupport */
	{ 1, 7, 0x80000008, 0, EBX, 28 },
	{ 1, 12, 7, 0, ECX, 5 },
	{ 1, 13, 7, 0, ECX, 27 },
	{ 1, 14, 7, 0, ECX, 28 },
	{ 1, 15, 7, 0, ECX, 25 },
	{ 1, 16, 7, 0, EDX, 14 },
	{ 1, 17, 1, 0, ECX, 24 },
	{ 1, 18, 7, 0, EBX, 1 },
	{ 1, 19, 7, 1, EAX, 10 },
	{ 1, 20, 7, 1, EAX, 11 },
	{ 1, 20, 0x80000021, 0, EAX, 10 },
	{ 1, 21, 7, 1, EAX, 12 },
	{ 1, 21, 0x80000021, 0, EAX, 11 },
	{ 1, 29, 0x80000008, 0, EBX, 29 }, /* BtcNo */
	{ 1, 30, 0x80000008, 0, EBX, 30 },
	{ 1, 31, 0x80000008, 0, EBX, 17 },
	{ 1, 40, 7, 1, EAX, 7 },
	{ 1, 45, 7, 1, EDX, 14 },
	{ 1, 46, 7, 1, EAX, 0 },
	{ 1, 50, 7, 1, EAX, 1 },
	{ 1, 51, 7, 1, EAX, 2 },
	{ 1, 54, 0x80000021, 0, EAX, 27 }, /* SbpbSupported */
	{ 1, 55, 0x80000021, 0, EAX, 28 },
	{ 1, 56, 0x80000021, 0, EAX, 29 },
	{ 1, 57, 0x80000021, 0, EAX, 30 },
	{ 2, 0, 1, 0, ECX, 26 }, /* XsaveSupport */
	{ 2, 1, 0xd, 1, EAX, 0 },
	{ 2, 2, 1, 0, ECX, 28 },
	{ 2, 3, 7, 0, EBX, 5 },
	{ 2, 4, 1, 0, ECX, 12 },
	{ 2, 6, 7, 0, EBX, 16 },
	{ 2, 7, 7, 0, EBX, 17 },
	{ 2, 8, 7, 0, EBX, 28 },
	{ 2, 9, 7, 0, EBX, 30 },
	{ 2, 10, 7, 0, EBX, 31 },
	{ 2, 11, 0xd, 1, EAX, 1 },
	{ 2, 12, 0xd, 1, EAX, 3 },
	{ 2, 13, 0xd, 1, EAX, 2 },
	{ 2, 14, 7, 0, ECX, 12 },
	{ 2, 15, 7, 0, EBX, 21 },
	{ 2, 16, 7, 0, ECX, 1 },
	{ 2, 17, 7, 0, ECX, 6 },
	{ 2, 18, 7, 0, ECX, 11 },
	{ 2, 19, 7, 0, ECX, 8 },
	{ 2, 20, 7, 0, ECX, 9 },
	{ 2, 21, 7, 0, ECX, 14 },
	{ 2, 22, 7, 0, ECX, 10 },
	{ 2, 23, 7, 1, EAX, 5 },
	{ 2, 24, 7, 0, EDX, 8 },
	{ 2, 25, 7, 0, EDX, 23 },
	{ 2, 27, 7, 0, EDX, 24 },
	{ 2, 28, 7, 0, EDX, 22 },
	{ 2, 29, 7, 0, EDX, 25 },
	{ 2, 30, 7, 1, EAX, 4 },
	{ 2, 31, 7, 1, EAX, 23 },
	{ 2, 32, 7, 1, EDX, 5 },
	{ 2, 33, 7, 1, EDX, 4 },
	{ 2, 34, 7, 1, EDX, 10 },
	{ 2, 37, 7, 1, EAX, 21 },
};

#define N_PLACES (sizeof(places) / sizeof(*places))

static bool is_shown(const struct place *place)
{
	const struct x86_cpuid out = cpuid_child(child, place->leaf, place->subleaf);
	const uint32_t reg = place->reg == EAX	 ? out.eax
			     : place->reg == EBX ? out.ebx
			     : place->reg == ECX ? out.ecx
						 : out.edx;

	return reg >> place->at & 1;
}

static void features_that_are_there_are_claimed(void)
{
	/* RdclNo 51, IbrsAll 52, SsbNo 54, MdsNo 59, TaaNo 61; SbdrSsdpNo to FbClear: IA32_ARCH_CAPABILITIES. */
	uint64_t wanted[3] = { 1ull << 51 | 1ull << 52 | 1ull << 54 | 1ull << 59 | 1ull << 61,
			       1ull << 25 | 1ull << 26 | 1ull << 27 | 1ull << 28, 0 };

	everything();
	for (unsigned int i = 0; i < N_PLACES; i++) {
		wanted[places[i].word] |= 1ull << places[i].bit;
		if (!is_shown(&places[i]))
			CHECK_EQ(i, ~0u);
	}
	for (unsigned int word = 0; word < 3; word++)
		CHECK_EQ(model_features(&part->model, word), wanted[word]);
}

/* Those of a processor that has no more than one of them: that one, what is in the same CPUID bit, and Whit's own. */
static void features_that_are_not_there_are_not_claimed(void)
{
	everything();
	fake.n_cpuid = 0;
	fake.n_msrs = 0;
	for (uint32_t leaf = 1; leaf < 14; leaf += leaf == 1 ? 6 : leaf == 7 ? 6 : 1)
		for (uint32_t subleaf = 0; subleaf < 3; subleaf++)
			fake_set_cpuid(leaf, subleaf, (struct x86_cpuid) { 0 });
	for (uint32_t leaf = 0x80000001; leaf < 0x80000009; leaf += leaf == 0x80000001 ? 6 : 1)
		fake_set_cpuid(leaf, 0, (struct x86_cpuid) { 0 });
	world_model();
	CHECK_EQ(model_features(&part->model, 0), 0);
	CHECK_EQ(model_features(&part->model, 1),
		 1ull << 17 | 1ull << 18); /* deadline, TSC_ADJUST */
	CHECK_EQ(model_features(&part->model, 2), 0);
}

/* By turns each bit of the properties is taken away. */
static void a_hidden_feature_is_not_shown_and_no_other_is_lost_but_what_needs_it(void)
{
	/* Word and bit of what goes with it. */
	static const struct {
		uint8_t word, bit, lost_word, lost_bit;
	} lost[] = {
		{ 0, 44, 0, 46 }, { 0, 46, 0, 44 }, /* one bit of leaf 7 */
		{ 2, 6, 2, 7 },	  { 2, 6, 2, 8 },   { 2, 6, 2, 9 },   { 2, 6, 2, 10 },
		{ 2, 6, 2, 14 },  { 2, 6, 2, 15 },  { 2, 6, 2, 16 },  { 2, 6, 2, 17 },
		{ 2, 6, 2, 18 },  { 2, 6, 2, 21 },  { 2, 6, 2, 23 },  { 2, 6, 2, 24 },
		{ 2, 6, 2, 25 },  { 2, 27, 2, 28 }, { 2, 27, 2, 29 }, { 2, 27, 2, 37 },
		{ 2, 2, 2, 3 },	  { 2, 2, 2, 4 },   { 2, 2, 0, 20 },  { 2, 2, 0, 6 },
		{ 2, 2, 0, 19 },  { 2, 2, 2, 20 },  { 2, 2, 2, 22 },  { 2, 2, 2, 30 },
		{ 2, 2, 2, 31 },  { 2, 2, 2, 32 },  { 2, 2, 2, 33 },  { 2, 2, 2, 34 },
		{ 2, 2, 1, 46 },  { 2, 2, 1, 50 },  { 2, 2, 1, 51 },  { 2, 2, 2, 6 },
	};
	uint64_t all[3];

	everything();
	for (unsigned int word = 0; word < 3; word++)
		all[word] = model_features(&part->model, word);
	for (unsigned int word = 0; word < 3; word++)
		for (unsigned int bit = 0; bit < 64; bit++) {
			uint64_t wanted[3] = { all[0], all[1], all[2] };

			if (!(all[word] >> bit & 1))
				continue;
			everything();
			if (word == 2)
				part->properties.xsave_features &= ~(1ull << bit);
			else
				part->properties.features[word] &= ~(1ull << bit);
			model_build(part);
			wanted[word] &= ~(1ull << bit);
			for (unsigned int again = 0; again < 2; again++)
				for (unsigned int i = 0; i < sizeof(lost) / sizeof(*lost); i++)
					if (!(wanted[lost[i].word] >> lost[i].bit & 1))
						wanted[lost[i].lost_word] &=
							~(1ull << lost[i].lost_bit);
			if (word == 2 && bit == 0) { /* without XSAVE nothing of it */
				wanted[2] &= 1ull << 19;
				wanted[0] &= ~(1ull << 6 | 1ull << 19 | 1ull << 20);
				wanted[1] &= ~(1ull << 46 | 1ull << 50 | 1ull << 51);
			}
			/* STIBP and SSBD of AMD's leaf are bits of their own; IBRS and IBPB, too. */
			if (word == 0 && (bit == 44 || bit == 46))
				wanted[0] |= 1ull << (bit == 44 ? 46 : 44);
			for (unsigned int w = 0; w < 3; w++)
				if (model_features(&part->model, w) != wanted[w]) {
					CHECK_EQ(word << 8 | bit, ~0u);
					CHECK_EQ(model_features(&part->model, w), wanted[w]);
				}
			for (unsigned int i = 0; i < N_PLACES; i++)
				if (places[i].word == word && places[i].bit == bit)
					CHECK(!is_shown(&places[i]));
		}
}

static void registers_follow_the_features(void)
{
	everything();
	part->properties.features[0] &=
		~(1ull << 23 | 1ull << 22 | 1ull << 18); /* SMEP, FSGSBASE, PCID */
	part->properties.features[0] &= ~(1ull << 45);	 /* STIBP */
	part->properties.xsave_features &= ~(1ull << 6); /* AVX-512 */
	model_build(part);
	CHECK_EQ(part->model.cr4 & (CR4_SMEP | CR4_FSGSBASE | CR4_PCIDE), 0);
	CHECK(part->model.cr4 & CR4_SMAP);
	CHECK_EQ(part->model.xcr0, 0x60007);
	CHECK_EQ(part->model.spec_ctrl & 2, 0);
	part->properties.xsave_features = 0;
	model_build(part);
	CHECK_EQ(part->model.cr4 & CR4_OSXSAVE, 0);
	CHECK_EQ(part->model.xcr0 | part->model.xss, 0);
	CHECK_EQ(part->model.has & (HAS_XSAVE | HAS_AVX | HAS_AVX512 | HAS_TILE | HAS_XSAVES), 0);
}

/* ---- Leaf 0Dh ---------------------------------------------------------------------------- */

struct component {
	uint8_t bit;
	uint32_t size, offset, flags;
};

/* As the leaf reads on processors of these kinds. */
static const struct component client_2016[] = { { 2, 0x100, 0x240, 0 },
						{ 3, 0x40, 0x3c0, 0 },
						{ 4, 0x40, 0x400, 0 } };
static const struct component server_2017[] = {
	{ 2, 0x100, 0x240, 0 }, { 3, 0x40, 0x3c0, 0 },	{ 4, 0x40, 0x400, 0 },
	{ 5, 0x40, 0x440, 0 },	{ 6, 0x200, 0x480, 0 }, { 7, 0x400, 0x680, 0 },
	{ 8, 0x80, 0, 1 },	{ 9, 8, 0xa80, 0 },
};
static const struct component server_2023[] = {
	{ 2, 0x100, 0x240, 0 }, { 5, 0x40, 0x440, 0 },	  { 6, 0x200, 0x480, 0 },
	{ 7, 0x400, 0x680, 0 }, { 8, 0x80, 0, 1 },	  { 9, 8, 0xa80, 0 },
	{ 10, 8, 0, 1 },	{ 11, 0x10, 0, 1 },	  { 12, 0x18, 0, 1 },
	{ 14, 0x30, 0, 1 },	{ 15, 0x328, 0, 3 },	  { 16, 8, 0, 1 },
	{ 17, 0x40, 0xac0, 2 }, { 18, 0x2000, 0xb00, 6 },
};
static const struct component zen4[] = {
	{ 2, 0x100, 0x240, 0 }, { 5, 0x40, 0x340, 0 }, { 6, 0x200, 0x380, 0 },
	{ 7, 0x400, 0x580, 0 }, { 9, 8, 0x980, 0 },    { 11, 0x10, 0, 1 },
	{ 12, 0x18, 0, 1 },
};

#define CPU(components) (components), sizeof(components) / sizeof((components)[0])

static void machine_with(const struct component *components, unsigned int n, uint64_t xcr0,
			 uint64_t xss)
{
	world_init();
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, ~0u, ~0u, ~0u });
	fake_set_cpuid(0xd, 1, (struct x86_cpuid) { 0x1f, 0xbad, 0, 0 });
	fake_set_cpuid(0xd, 2, (struct x86_cpuid) { 0 });
	for (unsigned int i = 0; i < n; i++)
		fake_set_cpuid(0xd, components[i].bit,
			       (struct x86_cpuid) { components[i].size, components[i].offset,
						    components[i].flags, 0 });
	virt_machine.xcr0_child = xcr0;
	virt_machine.xss_child = xss;
	virt_machine.child_has = VIRT_HAS_XSAVES;
	world_model();
}

/* The figures are those that the processors themselves give with these XCR0 and IA32_XSS. */
static void xsave_sizes_of_real_processors(void)
{
	static const struct {
		const struct component *components;
		unsigned int n;
		uint64_t xcr0_child, xss_child, xcr0, xss;
		uint32_t standard, most, compacted;
	} cases[] = {
		{ CPU(client_2016), 7, 0, 1, 0, 576, 832, 576 },
		{ CPU(client_2016), 7, 0, 3, 0, 576, 832, 576 },
		{ CPU(client_2016), 7, 0, 7, 0, 832, 832, 832 },
		{ CPU(server_2017), 0xe7, 0, 7, 0, 832, 2688, 832 },
		{ CPU(server_2017), 0xe7, 0, 0xe7, 0, 2688, 2688, 2432 },
		{ CPU(server_2017), 7, 0, 7, 0, 832, 832, 832 },
		{ CPU(server_2023), 0x600e7, 0, 7, 0, 832, 11008, 832 },
		{ CPU(server_2023), 0x600e7, 0, 0xe7, 0, 2688, 11008, 2432 },
		{ CPU(server_2023), 0x600e7, 0, 0x600e7, 0, 11008, 11008, 10688 },
		{ CPU(server_2023), 0x600e7, 0, 0x60007, 0, 11008, 11008, 9088 },
		{ CPU(server_2023), 0x600e7, 0x1800, 0x600e7, 0x1800, 11008, 11008, 10752 },
		{ CPU(server_2023), 0xe7, 0x1800, 7, 0x1800, 832, 2688, 872 },
		{ CPU(zen4), 0xe7, 0, 7, 0, 832, 2432, 832 },
		{ CPU(zen4), 0xe7, 0, 0xe7, 0, 2432, 2432, 2432 },
		{ CPU(zen4), 0xe7, 0x800, 0xe7, 0x800, 2432, 2432, 2448 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct x86_cpuid got;

		machine_with(cases[i].components, cases[i].n, cases[i].xcr0_child,
			     cases[i].xss_child);
		virt_set(child->virt, VIRT_XCR0, cases[i].xcr0);
		virt_set(child->virt, VIRT_XSS, cases[i].xss);
		got = cpuid_child(child, 0xd, 0);
		CHECK_EQ(got.eax, cases[i].xcr0_child);
		CHECK_EQ(got.edx, 0);
		CHECK_EQ(got.ebx, cases[i].standard);
		CHECK_EQ(got.ecx, cases[i].most);
		got = cpuid_child(child, 0xd, 1);
		CHECK_EQ(got.eax, 0xf); /* and not XFD */
		CHECK_EQ(got.ebx, cases[i].compacted);
		CHECK_EQ(got.ecx, cases[i].xss_child);
		for (uint32_t bit = 2; bit < 70; bit++) {
			struct x86_cpuid wanted = { 0 };

			for (unsigned int k = 0; k < cases[i].n; k++)
				if (cases[i].components[k].bit == bit &&
				    (cases[i].xcr0_child | cases[i].xss_child) >> bit & 1)
					wanted = (struct x86_cpuid) { cases[i].components[k].size,
								      cases[i].components[k].offset,
								      cases[i].components[k].flags &
									      3,
								      0 };
			got = cpuid_child(child, 0xd, bit);
			CHECK(!memcmp(&got, &wanted, sizeof(got)));
		}
	}
}

/* Without XSAVEC and XSAVES there is no compacted form to have a size. */
static void xsave_without_compaction(void)
{
	machine_with(CPU(client_2016), 7, 0);
	virt_set(child->virt, VIRT_XCR0, 7);
	part->properties.xsave_features &= ~(1ull << 11 | 1ull << 12);
	model_build(part);
	CHECK_EQ(cpuid_child(child, 0xd, 1).eax, 5);
	CHECK_EQ(cpuid_child(child, 0xd, 1).ebx, 0);
	CHECK_EQ(cpuid_child(child, 0xd, 0).ebx, 832);
}

static void clflush_and_width_are_cut_never_widened(void)
{
	everything();
	fake_set_cpuid(1, 0, (struct x86_cpuid) { 0, 0x800, ~0u, ~0u });
	fake_set_cpuid(0x80000008, 0, (struct x86_cpuid) { 0x392e, 0, 0, 0 });
	virt_machine.physical_bits = 46;
	world_model();
	CHECK_EQ(model_clflush_size(&part->model), 6);
	CHECK_EQ(cpuid_child(child, 0x80000008, 0).eax, 0x392e);
	part->properties.clflush_size = 4;
	part->properties.physical_bits = 39;
	model_build(part);
	CHECK_EQ(model_clflush_size(&part->model), 4);
	CHECK_EQ(cpuid_child(child, 1, 0).ebx >> 8 & 0xff, 2);
	CHECK_EQ(cpuid_child(child, 0x80000008, 0).eax, 0x3927);
	part->properties.clflush_size = 7;
	part->properties.physical_bits = 52;
	model_build(part);
	CHECK_EQ(model_clflush_size(&part->model), 6);
	CHECK_EQ(cpuid_child(child, 0x80000008, 0).eax, 0x392e);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(features_that_are_there_are_claimed),
		TEST(features_that_are_not_there_are_not_claimed),
		TEST(a_hidden_feature_is_not_shown_and_no_other_is_lost_but_what_needs_it),
		TEST(registers_follow_the_features),
		TEST(xsave_sizes_of_real_processors),
		TEST(xsave_without_compaction),
		TEST(clflush_and_width_are_cut_never_widened),
	};

	return RUN(tests);
}
