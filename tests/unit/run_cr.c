/* SPDX-License-Identifier: MIT */
/* Control registers: each rule of SDM 2B "MOV—Move to/from Control Registers", and XCR0 by SDM 2D "XSETBV". */
#include "hv/cpu/cr.h"
#include "tests/unit/run_world.h"

#define PDPT_GPA 0x3000ull

static uint64_t get(enum virt_reg reg)
{
	return virt_get(child->virt, reg);
}

static void refused(unsigned int number, uint64_t value)
{
	const struct virt_vp before = *child->virt;

	CHECK(!cr_write(child, number, value));
	CHECK(!memcmp(&before, child->virt, sizeof(before)));
}

static void cr0_reserved_bits_are_ignored_below_and_refused_above(void)
{
	world_init();
	CHECK(cr_write(child, 0, 0x1ff8ffc0u | CR0_PE));
	CHECK_EQ(get(VIRT_CR0), CR0_PE | CR0_ET);
	for (unsigned int bit = 32; bit < 64; bit++)
		refused(0, 1ull << bit | CR0_PE);
}

static void cr0_contradictions_are_refused(void)
{
	world_init();
	refused(0, CR0_PG);
	refused(0, CR0_NW | CR0_PE);
	CHECK(cr_write(child, 0, CR0_NW | CR0_CD));
	CHECK(cr_write(child, 0, CR0_CD));
}

static void cr0_et_stays(void)
{
	world_init();
	CHECK(cr_write(child, 0, 0));
	CHECK_EQ(get(VIRT_CR0), CR0_ET);
}

static void long_mode_comes_with_pg_and_goes_with_it(void)
{
	world_init();
	world_protected_mode();
	virt_set(child->virt, VIRT_EFER, EFER_LME);
	refused(0, CR0_PE | CR0_PG); /* without PAE */
	virt_set(child->virt, VIRT_CR4, CR4_PAE);
	virt_set_segment(child->virt, SEG_TR, &(struct x86_segment) { 0, 0x67, 8, 0x83 });
	refused(0, CR0_PE | CR0_PG); /* with a 16-bit TSS */
	virt_set_segment(child->virt, SEG_TR, &(struct x86_segment) { 0, 0x67, 8, 0x8b });
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 8, ATTR_CODE64 });
	refused(0, CR0_PE | CR0_PG); /* with CS.L */
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 8, ATTR_CODE32 });
	CHECK(cr_write(child, 0, CR0_PE | CR0_PG));
	CHECK_EQ(get(VIRT_EFER), EFER_LME | EFER_LMA);

	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 8, ATTR_CODE64 });
	refused(0, CR0_PE); /* out of 64-bit code */
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 8, ATTR_CODE32 });
	CHECK(cr_write(child, 0, CR0_PE));
	CHECK_EQ(get(VIRT_EFER), EFER_LME);
}

static void cr4_bits_without_a_feature_are_refused_one_by_one(void)
{
	world_init();
	for (unsigned int bit = 0; bit < 64; bit++) {
		const uint64_t value = 1ull << bit;

		CHECK_EQ(!cr4_refusal(child, value), !!(part->model.cr4 & value));
		if (part->model.cr4 & value && value != CR4_PCIDE)
			CHECK(cr_write(child, 4, value));
		else
			refused(4, value);
	}
	CHECK(!(part->model.cr4 &
		(CR4_VMXE | CR4_SMXE | CR4_OSXSAVE | CR4_PKE | CR4_CET | CR4_PKS)));
	virt_machine.cr4_possible = 0;
	world_model();
	CHECK_EQ(part->model.cr4, 0);
}

static void cr4_in_long_mode_keeps_pae_and_la57(void)
{
	world_init();
	virt_machine.cr4_possible |= CR4_LA57;
	world_long_mode();
	refused(4, 0);
	refused(4, CR4_PAE | CR4_LA57);
	CHECK(cr_write(child, 4, CR4_PAE | CR4_PGE));
	CHECK_EQ(get(VIRT_CR4), CR4_PAE | CR4_PGE);
}

static void fill_pdpt(uint64_t at, uint64_t flags)
{
	for (uint64_t i = 0; i < 4; i++)
		guest_write(at + 8 * i, (0x10000 + i * 0x1000) | flags);
}

static void pdptes_are_loaded_where_the_processor_loads_them(void)
{
	world_init();
	virt_machine.has_pdptes = true;
	world_protected_mode();
	virt_set(child->virt, VIRT_CR4, CR4_PAE);
	virt_set(child->virt, VIRT_CR3, PDPT_GPA + 0x20);
	fill_pdpt(PDPT_GPA + 0x20, PTE_P);
	CHECK(cr_write(child, 0, CR0_PE | CR0_PG));
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(get((enum virt_reg)(VIRT_PDPTE0 + i)), (0x10000 + i * 0x1000) | PTE_P);

	/* A write that changes none of the bits that matter leaves them. */
	fill_pdpt(PDPT_GPA + 0x20, PTE_P | PTE_PWT);
	CHECK(cr_write(child, 0, CR0_PE | CR0_PG | CR0_WP));
	CHECK(cr_write(child, 4, CR4_PAE | CR4_TSD));
	CHECK_EQ(get(VIRT_PDPTE0), 0x10000 | PTE_P);
	CHECK(cr_write(child, 4, CR4_PAE | CR4_PGE));
	CHECK_EQ(get(VIRT_PDPTE0), 0x10000 | PTE_P | PTE_PWT);
	fill_pdpt(PDPT_GPA + 0x20, PTE_P);
	CHECK(cr_write(child, 0, CR0_PE | CR0_PG | CR0_CD));
	CHECK_EQ(get(VIRT_PDPTE0), 0x10000 | PTE_P);
	fill_pdpt(PDPT_GPA, PTE_P | PTE_PCD);
	CHECK(cr_write(child, 3, PDPT_GPA));
	CHECK_EQ(get(VIRT_PDPTE3), 0x13000 | PTE_P | PTE_PCD);
	CHECK_EQ(get(VIRT_CR3), PDPT_GPA);
}

static void pdptes_with_reserved_bits_are_refused_one_by_one(void)
{
	world_init();
	virt_machine.has_pdptes = true;
	world_protected_mode();
	virt_set(child->virt, VIRT_CR4, CR4_PAE);
	virt_set(child->virt, VIRT_CR3, PDPT_GPA);
	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int bit = 1; bit < 64; bit++) {
			const bool is_reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) ||
						 bit >= virt_machine.physical_bits;

			fill_pdpt(PDPT_GPA, PTE_P);
			guest_write(PDPT_GPA + 8 * i, PTE_P | 1ull << bit);
			if (is_reserved) {
				refused(0, CR0_PE | CR0_PG);
				refused(4, CR4_PAE | CR4_PGE | 1ull << 63);
				guest_write(PDPT_GPA + 8 * i,
					    1ull << bit); /* not present: nothing is */
			}
			CHECK(cr_write(child, 0, CR0_PE | CR0_PG));
			CHECK(cr_write(child, 0, CR0_PE));
		}
	}
	virt_set(child->virt, VIRT_CR3, HOLE_GPA);
	refused(0, CR0_PE | CR0_PG);
}

/* They are part of a walk then, and no reason for #GP; setting one would scream. */
static void pdptes_that_the_processor_does_not_hold_are_not_loaded(void)
{
	world_init();
	world_protected_mode();
	virt_machine.has_pdptes = false;
	virt_set(child->virt, VIRT_CR4, CR4_PAE);
	virt_set(child->virt, VIRT_CR3, PDPT_GPA);
	fill_pdpt(PDPT_GPA, PTE_P | PTE_W | 1ull << 63);
	CHECK(cr_write(child, 0, CR0_PE | CR0_PG));
	CHECK(cr_write(child, 4, CR4_PAE | CR4_PGE));
	CHECK(cr_write(child, 3, PDPT_GPA + 0x20));
	CHECK(cr_write(child, 3, HOLE_GPA));
	CHECK_EQ(get(VIRT_PDPTE0), 0);
}

static void cr3_is_cut_to_the_physical_width(void)
{
	world_init();
	world_long_mode();
	for (unsigned int bit = 40; bit < 64; bit++)
		refused(3, 1ull << bit);
	CHECK(cr_write(child, 3, 0xfffffff018ull));
	CHECK_EQ(get(VIRT_CR3), 0xfffffff018ull);
}

static void cr8_takes_four_bits(void)
{
	world_init();
	for (unsigned int bit = 0; bit < 64; bit++) {
		child->cr8 = 5;
		CHECK_EQ(cr_write(child, 8, 1ull << bit), bit < 4);
		CHECK_EQ(child->cr8, bit < 4 ? 1ull << bit : 5);
	}
}

static void efer_rules(void)
{
	world_init();
	for (unsigned int bit = 0; bit < 64; bit++)
		CHECK_EQ(cr_write_efer(child, 1ull << bit),
			 !!((EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) & 1ull << bit));
	virt_set(child->virt, VIRT_EFER, 0);
	CHECK(cr_write_efer(child, EFER_LMA | EFER_LME)); /* LMA is ignored */
	CHECK_EQ(get(VIRT_EFER), EFER_LME);
	world_long_mode();
	CHECK(!cr_write_efer(child, EFER_NXE)); /* LME while paging */
	CHECK(cr_write_efer(child, EFER_LME | EFER_NXE | EFER_SCE));
	CHECK_EQ(get(VIRT_EFER), EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
}

static void refusals_of_a_value_by_itself_say_why(void)
{
	world_init();
	CHECK(!cr0_refusal(child, CR0_PE | CR0_PG | CR0_NE | CR0_WP));
	CHECK(cr0_refusal(child, CR0_PG));
	CHECK(cr0_refusal(child, CR0_NW));
	CHECK(cr0_refusal(child, 1ull << 6));
	CHECK(cr0_refusal(child, 1ull << 32));
	CHECK(!efer_refusal(child, EFER_LME | EFER_LMA));
	CHECK(!efer_refusal(child, EFER_LME));
	CHECK(efer_refusal(child, EFER_LMA));
	CHECK(efer_refusal(child, 1ull << 12)); /* SVME */
}

/* SDM 1 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features". */
static void xcr0_illegal_values_one_by_one(void)
{
	static const struct {
		uint64_t value;
		bool is_legal;
	} cases[] = {
		{ 0x0, false },
		{ 0x1, true },
		{ 0x2, false },
		{ 0x3, true },
		{ 0x4, false },
		{ 0x5, false },
		{ 0x6, false },
		{ 0x7, true },
		{ 0x9, false },
		{ 0x11, false },
		{ 0x19, true },
		{ 0x1b, true },
		{ 0xe1, false },
		{ 0xe3, false },
		{ 0xe7, true },
		{ 0x27, false },
		{ 0x47, false },
		{ 0x87, false },
		{ 0x67, false },
		{ 0xa7, false },
		{ 0xc7, false },
		{ 0xe5, false },
		{ 0x201, true },
		{ 0x207, true },
		{ 0x107, false },
		{ 0x407, false },
		{ 0x20007, false },
		{ 0x40007, false },
		{ 0x60007, true },
		{ 0x602e7, true },
		{ 0x80007, true },
		{ 0x8001f, false },
		{ 0x100007, false },
		{ 1ull << 62 | 7, false },
		{ 1ull << 63 | 7, false },
	};

	world_init();
	virt_machine.xcr0_possible = 0xe02ff;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK_EQ(cr_xcr0_is_legal(cases[i].value) ? cases[i].value : ~cases[i].value,
			 cases[i].is_legal ? cases[i].value : ~cases[i].value);
	virt_machine.xcr0_possible = 7; /* what the processor has not is not legal */
	CHECK(cr_xcr0_is_legal(7));
	CHECK(!cr_xcr0_is_legal(0x1f));
	CHECK(!cr_xcr0_is_legal(0xe7));
	CHECK(!cr_xcr0_is_legal(0x207));
}

/* A child's XSETBV: the same rules, and no component that its model leaves out. */
static void xcr0_of_a_child_follows_its_model(void)
{
	world_init();
	for (unsigned int round = 0; round < 4; round++) {
		static const uint64_t possible[] = { 0, 3, 7, 0x600e7 };

		virt_machine.xcr0_child = possible[round];
		fake_set_cpuid(7, 0, (struct x86_cpuid) { 2, ~0u, ~0u, ~0u });
		world_model();
		CHECK_EQ(part->model.xcr0, possible[round]);
		virt_machine.xcr0_possible = ~0ull;
		for (uint64_t value = 0; value<1u << 20; value += value> 0x300 ? 0x70 : 1) {
			const bool is_legal =
				!(value & ~(possible[round] | 1)) && cr_xcr0_is_legal(value);

			virt_set(child->virt, VIRT_XCR0, 0x55);
			CHECK_EQ(cr_write_xcr0(child, value), is_legal);
			CHECK_EQ(get(VIRT_XCR0), is_legal ? value : 0x55);
			CHECK_EQ(!xcr0_refusal(child, value), is_legal);
		}
	}
}

static void pcid_rules(void)
{
	world_init();
	world_protected_mode();
	refused(4, CR4_PAE | CR4_PCIDE); /* outside long mode */
	world_long_mode();
	virt_set(child->virt, VIRT_CR3, TABLES_GPA | 5);
	refused(4, CR4_PAE | CR4_PCIDE); /* CR3 has a PCID already */
	virt_set(child->virt, VIRT_CR3, TABLES_GPA);
	CHECK(cr_write(child, 4, CR4_PAE | CR4_PCIDE));
	CHECK(cr_write(child, 3, 1ull << 63 | TABLES_GPA | 0x123)); /* bit 63 is not kept */
	CHECK_EQ(get(VIRT_CR3), TABLES_GPA | 0x123);
	refused(0, CR0_PE); /* PG cannot go while PCIDE is on */
	CHECK(cr_write(child, 4, CR4_PAE));
	refused(3, 1ull << 63 | TABLES_GPA);
}

static void canonical_goes_by_the_width_that_the_model_has(void)
{
	world_init();
	CHECK(cr_is_canonical(child, 0x00007fffffffffffull));
	CHECK(!cr_is_canonical(child, 0x0000800000000000ull));
	CHECK(cr_is_canonical(child, 0xffff800000000000ull));
	virt_machine.cr4_possible |= CR4_LA57;
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, 0, CPUID7_ECX_LA57, 0 });
	world_model();
	CHECK(cr_is_canonical(child, 0x0000800000000000ull));
	CHECK(!cr_is_canonical(child, 0x0100000000000000ull));
	part->properties.features[1] &= ~(1ull << 4); /* La57Support */
	model_build(part);
	CHECK(!cr_is_canonical(child, 0x0000800000000000ull));
}

static void root_cannot_have_vmx_or_smx(void)
{
	world_init();
	CHECK(!cr_write_root(&test_root, 4, CR4_PAE | CR4_VMXE));
	CHECK(!cr_write_root(&test_root, 4, CR4_PAE | CR4_SMXE));
	CHECK(!cr_write_root(&test_root, 4, 0)); /* PAE in long mode */
	CHECK(cr_write_root(&test_root, 4, CR4_PAE | CR4_OSXSAVE | CR4_PKE));
	CHECK_EQ(virt_get(test_root.virt, VIRT_CR4), CR4_PAE | CR4_OSXSAVE | CR4_PKE);
	CHECK(!cr_write_root(&test_root, 4, CR4_PAE | CR4_PCIDE) ==
	      !!(virt_get(test_root.virt, VIRT_CR3) & 0xfff));
}

static void root_pcide_rules(void)
{
	world_init();
	virt_set(test_root.virt, VIRT_CR4, CR4_PAE);
	virt_set(test_root.virt, VIRT_CR3, 0x1018);
	CHECK(!cr_write_root(&test_root, 4, CR4_PAE | CR4_PCIDE)); /* CR3[11:0] is not 0 */
	virt_set(test_root.virt, VIRT_CR3, 0x1000);
	CHECK(cr_write_root(&test_root, 4, CR4_PAE | CR4_PCIDE));
	CHECK(cr_write_root(&test_root, 3, 1ull << 63 | 0x2001));
	CHECK_EQ(virt_get(test_root.virt, VIRT_CR3), 0x2001);
	virt_set_segment(test_root.virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 8, ATTR_CODE32 });
	CHECK(!cr_write_root(&test_root, 0, CR0_PE)); /* paging off with PCIDE */
	virt_set(test_root.virt, VIRT_CR4, CR4_PAE);
	CHECK(cr_write_root(&test_root, 0, CR0_PE));
	CHECK_EQ(virt_get(test_root.virt, VIRT_EFER), EFER_LME | EFER_NXE);
	CHECK(!cr_write_root(&test_root, 4, CR4_PAE | CR4_PCIDE)); /* outside long mode */
}

static void root_cet_needs_wp(void)
{
	world_init();
	virt_machine.cr4_possible |= CR4_CET;
	virt_set(test_root.virt, VIRT_CR4, CR4_PAE | CR4_CET);
	CHECK(!cr_write_root(&test_root, 0, CR0_PE | CR0_PG | CR0_NE));
	virt_set(test_root.virt, VIRT_CR4, CR4_PAE);
	CHECK(cr_write_root(&test_root, 0, CR0_PE | CR0_PG | CR0_NE));
	CHECK(!cr_write_root(&test_root, 4, CR4_PAE | CR4_CET));
}

static void root_pdptes_come_from_its_own_memory(void)
{
	uint64_t pdpt[4] = { 0x5001, 0x6001, 0, 0x7001 };

	world_init();
	virt_machine.has_pdptes = true;
	memcpy(virt_ptr(SPA(0x3020)), pdpt, sizeof(pdpt));
	virt_set(test_root.virt, VIRT_EFER, 0);
	virt_set(test_root.virt, VIRT_CR0, CR0_PE);
	virt_set(test_root.virt, VIRT_CR3, 0x3020);
	CHECK(cr_write_root(&test_root, 0, CR0_PE | CR0_PG | CR0_NE));
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(virt_get(test_root.virt, (enum virt_reg)(VIRT_PDPTE0 + i)), pdpt[i]);
	CHECK(!cr_write_root(&test_root, 3, RAM_BYTES)); /* nothing is there */
}

int main(void)
{
	static const struct test tests[] = {
		TEST(cr0_reserved_bits_are_ignored_below_and_refused_above),
		TEST(cr0_contradictions_are_refused),
		TEST(cr0_et_stays),
		TEST(long_mode_comes_with_pg_and_goes_with_it),
		TEST(cr4_bits_without_a_feature_are_refused_one_by_one),
		TEST(cr4_in_long_mode_keeps_pae_and_la57),
		TEST(pdptes_are_loaded_where_the_processor_loads_them),
		TEST(pdptes_with_reserved_bits_are_refused_one_by_one),
		TEST(pdptes_that_the_processor_does_not_hold_are_not_loaded),
		TEST(cr3_is_cut_to_the_physical_width),
		TEST(cr8_takes_four_bits),
		TEST(efer_rules),
		TEST(refusals_of_a_value_by_itself_say_why),
		TEST(xcr0_illegal_values_one_by_one),
		TEST(xcr0_of_a_child_follows_its_model),
		TEST(pcid_rules),
		TEST(canonical_goes_by_the_width_that_the_model_has),
		TEST(root_cannot_have_vmx_or_smx),
		TEST(root_pcide_rules),
		TEST(root_cet_needs_wp),
		TEST(root_pdptes_come_from_its_own_memory),
	};

	return RUN(tests);
}
