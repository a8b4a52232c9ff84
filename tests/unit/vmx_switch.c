// SPDX-License-Identifier: MIT
/*
 * The registers that the processor does not switch, from the root to a child and back: while the child runs all that it can
 * reach is its own, and afterwards the root has what it had. For every choice of what the child can reach, on
 * every processor of the model.
 */
#include "tests/random.h"
#include "tests/unit/vmx.h"

enum { DEBUG = 1, SYSCALL = 2, OSXSAVE = 4, AVX = 8, AUX = 16, CHOICES = 32 };

/* All of them, as they stand in the processor. */
struct registers {
	uint64_t dr[4], cr2, xcr0, xss, spec_ctrl;
	uint64_t msr[6]; /* STAR, LSTAR, CSTAR, FMASK, KERNEL_GS_BASE, TSC_AUX */
	struct x86_fxsave fx;
	uint8_t extended[VTX_EXTENDED];
};

static const uint32_t msrs[6] = { MSR_STAR,  MSR_LSTAR,		 MSR_CSTAR,
				  MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_TSC_AUX };
static const enum virt_reg names[6] = { VIRT_STAR,  VIRT_LSTAR,		 VIRT_CSTAR,
					VIRT_FMASK, VIRT_KERNEL_GS_BASE, VIRT_TSC_AUX };

static struct random numbers = { 7 };

static void fill(void *at, size_t n_bytes)
{
	uint8_t *const bytes = at;

	for (size_t i = 0; i < n_bytes; i++)
		bytes[i] = (uint8_t)random_next(&numbers);
}

static uint64_t value_of(uint32_t msr)
{
	return vtx_msr(msr) ? vtx_msr(msr)->value : 0;
}

static void put(uint32_t msr, uint64_t value)
{
	if (vtx_msr(msr))
		vtx_msr(msr)->value = value & vtx_msr(msr)->writable;
}

static bool has_xsave(void)
{
	return virt_machine.xcr0_possible;
}

static void note(struct registers *r)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->dr, vtx.dr, sizeof(r->dr));
	r->cr2 = vtx.cr2;
	r->xcr0 = vtx.xcr0;
	r->xss = value_of(MSR_XSS);
	r->spec_ctrl = value_of(MSR_SPEC_CTRL);
	for (unsigned int i = 0; i < 6; i++)
		r->msr[i] = value_of(msrs[i]);
	r->fx = vtx.fx;
	memcpy(r->extended, vtx.extended, sizeof(r->extended));
}

/* Between AVX and the components of AVX-512 is room that belongs to none. */
static void clear_gap(uint8_t *extended)
{
	memset(extended + 0x100, 0, 0x100);
}

/* Legal values for all of them. */
static void invent(struct registers *r)
{
	fill(r, sizeof(*r));
	for (unsigned int i = 1; i <= 4; i += i == 1 ? 1 : 2) /* addresses */
		r->msr[i] &= 0x7fffffffffff;
	r->msr[2] &= 0x7fffffffffff;
	r->msr[3] &= 0xffffffff;
	r->msr[5] &= 0xffffffff;
	r->fx.mxcsr &= 0xffbf;
	r->fx.mxcsr_mask = 0xffff;
	r->fx.fcw = 0x37f;
	r->fx.reserved0 = 0;
	r->fx.fop &= X86_FOP_DEFINED;
	memset(r->fx.reserved1, 0, sizeof(r->fx.reserved1));
	r->spec_ctrl &= vtx_msr(MSR_SPEC_CTRL) ? SPEC_CTRL_IBRS | SPEC_CTRL_STIBP : 0;
	clear_gap(r->extended);
	r->xss = 0;
	r->xcr0 = XCR0_X87;
}

/* The root has loaded these by itself, but for the MSRs whose writes exit. */
static void load_root(struct registers *r)
{
	invent(r);
	memcpy(vtx.dr, r->dr, sizeof(r->dr));
	vtx.cr2 = r->cr2;
	vtx.fx = r->fx;
	if (has_xsave())
		vtx.xcr0 = virt_machine.xcr0_possible;
	memcpy(vtx.extended, r->extended, sizeof(r->extended));
	vtx.in_use = ~0ull;
	put(MSR_SPEC_CTRL, r->spec_ctrl);
	for (unsigned int i = 0; i < 6; i++)
		if (names[i] != VIRT_KERNEL_GS_BASE)
			virt_set(root, names[i], r->msr[i]);
		else
			put(MSR_KERNEL_GS_BASE, r->msr[i]);
	note(r);
}

/* What hv/ gives a child. */
static void load_child(struct registers *r, unsigned int can)
{
	struct x86_fxsave *const image = virt_fpu_save(child);
	uint8_t *const bytes = (uint8_t *)image;

	invent(r);
	if (can & AVX)
		r->xcr0 = virt_machine.xcr0_child;
	for (unsigned int i = 0; i < 4; i++)
		virt_set(child, VIRT_DR0 + i, r->dr[i]);
	virt_set(child, VIRT_CR2, r->cr2);
	for (unsigned int i = 0; i < 5; i++)
		virt_set(child, names[i], r->msr[i]);
	r->msr[5] = can & AUX && vtx_msr(MSR_TSC_AUX) ? r->msr[5] : 0;
	virt_set(child, VIRT_TSC_AUX, r->msr[5]);
	virt_set(child, VIRT_SPEC_CTRL, r->spec_ctrl);
	if (has_xsave())
		virt_set(child, VIRT_XCR0, r->xcr0);
	virt_set(child, VIRT_DR7, can & DEBUG ? DR7_INIT | 1 : DR7_INIT);
	virt_set(child, VIRT_EFER, can & SYSCALL ? EFER_SCE : 0);
	virt_set(child, VIRT_CR4, can & OSXSAVE && has_xsave() ? CR4_OSXSAVE : 0);
	memcpy(image, &r->fx, sizeof(r->fx));
	if (virt_machine.fpu_bytes > 576) {
		memcpy(bytes + 576, r->extended, virt_machine.fpu_bytes - 576);
		memcpy(bytes + 512, &virt_machine.xcr0_child, 8);
	}
	virt_fpu_load(child);
}

/* ---- While the child runs ---------------------------------------------------------------- */

static struct registers of_root, of_child;
static unsigned int can;

static bool has_components(void)
{
	return (can & OSXSAVE) && (can & AVX) && virt_machine.fpu_bytes > 576;
}

/* Bytes of the components that a child has, where the model keeps them. */
static size_t component_bytes(void)
{
	return virt_machine.fpu_bytes - 576;
}

static void check_child(void)
{
	CHECK(!memcmp(&vtx.fx, &of_child.fx, sizeof(vtx.fx)));
	CHECK_EQ(vtx.cr2, of_child.cr2);
	for (unsigned int i = 0; i < 4 && (can & DEBUG); i++)
		CHECK_EQ(vtx.dr[i], of_child.dr[i]);
	for (unsigned int i = 0; i < 6 && (can & SYSCALL); i++)
		CHECK_EQ(value_of(msrs[i]), of_child.msr[i]);
	/* RDTSCP and RDPID need no permission: it is the child's, or zero, and never the root's. */
	CHECK_EQ(value_of(MSR_TSC_AUX), of_child.msr[5]);
	if (vtx_msr(MSR_SPEC_CTRL))
		CHECK_EQ(value_of(MSR_SPEC_CTRL), of_child.spec_ctrl);
	if ((can & OSXSAVE) && has_xsave())
		CHECK_EQ(vtx.xcr0, of_child.xcr0);
	if (has_components())
		CHECK(!memcmp(vtx.extended, of_child.extended, component_bytes()));
}

/* It changes what it can change by itself. */
static void child_works(struct virt_regs *regs)
{
	check_child();
	fill(of_child.fx.xmm, sizeof(of_child.fx.xmm));
	vtx.fx = of_child.fx;
	vtx.cr2 = of_child.cr2 = random_next(&numbers);
	if (can & SYSCALL)
		put(MSR_KERNEL_GS_BASE, of_child.msr[4] = random_next(&numbers) >> 20);
	if (has_components()) {
		fill(of_child.extended, component_bytes());
		clear_gap(of_child.extended);
		memcpy(vtx.extended, of_child.extended, component_bytes());
	}
}

/* ---- Afterwards -------------------------------------------------------------------------- */

static void check_root(void)
{
	struct registers now;

	note(&now);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(now.dr[i], of_root.dr[i]);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(now.msr[i], of_root.msr[i]);
	CHECK_EQ(now.cr2, of_root.cr2);
	CHECK_EQ(now.xcr0, of_root.xcr0);
	CHECK_EQ(now.xss, of_root.xss);
	CHECK_EQ(now.spec_ctrl, of_root.spec_ctrl);
	CHECK(!memcmp(&now.fx, &of_root.fx, sizeof(now.fx)));
	CHECK(!memcmp(now.extended, of_root.extended, sizeof(now.extended)));
}

/* By name and image, wherever they are at the moment. */
static void check_child_by_name(void)
{
	const uint8_t *const image = virt_fpu_save(child);

	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(virt_get(child, VIRT_DR0 + i), of_child.dr[i]);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(virt_get(child, names[i]), of_child.msr[i]);
	CHECK_EQ(virt_get(child, VIRT_CR2), of_child.cr2);
	CHECK_EQ(virt_get(child, VIRT_SPEC_CTRL), of_child.spec_ctrl);
	if (has_xsave())
		CHECK_EQ(virt_get(child, VIRT_XCR0), of_child.xcr0);
	CHECK(!memcmp(image, &of_child.fx, sizeof(of_child.fx)));
	if (virt_machine.fpu_bytes > 576)
		CHECK(!memcmp(image + 576, of_child.extended, component_bytes()));
}

static void check_root_by_name(void)
{
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(virt_get(root, VIRT_DR0 + i), of_root.dr[i]);
	for (unsigned int i = 0; i < 6; i++)
		if (vtx_msr(msrs[i]))
			CHECK_EQ(virt_get(root, names[i]), of_root.msr[i]);
}

static void child_runs(void)
{
	then(REASON_CPUID, 0);
	shots[0].act = child_works;
	run(child);
}

static void each_choice(void (*test)(void))
{
	for (unsigned int set = 0; set < VTX_SETS; set++)
		for (can = 0; can < CHOICES; can++) {
			machine(set);
			test();
		}
}

static void there_and_back(void)
{
	load_root(&of_root);
	load_child(&of_child, can);
	for (unsigned int turn = 0; turn < 3; turn++) {
		child_runs();
		child_runs();
		check_child_by_name();
		check_root_by_name();
		virt_switch(child, root);
		check_root();
		check_child_by_name();
	}
}

static void both_have_their_registers_back(void)
{
	each_choice(there_and_back);
}

/* What hv/ sets while the child is switched in, with values of the child in the processor or not, holds at the next entry. */
static void set_in_between(void)
{
	load_root(&of_root);
	load_child(&of_child, 0);
	for (unsigned int turn = 0; turn < 6; turn++) {
		const unsigned int now = can;

		can = turn & 1 ? now : CHOICES - 1 - now;
		load_child(&of_child, can);
		child_runs();
		load_child(&of_child, can); /* the same once more, laid over by now */
		child_runs();
		check_child_by_name();
		can = now;
		if (turn % 3 == 2) {
			virt_switch(child, root);
			check_root();
		}
	}
}

static void registers_can_be_set_while_they_are_loaded(void)
{
	each_choice(set_in_between);
}

/* The root's own, set by hv/ while a child's are laid over them. */
static void the_root_is_set_meanwhile(void)
{
	load_root(&of_root);
	load_child(&of_child, can);
	child_runs();
	for (unsigned int i = 0; i < 4; i++)
		virt_set(root, VIRT_DR0 + i, of_root.dr[i] = 0x1000 * i + can);
	for (unsigned int i = 0; i < 6; i++) {
		if (names[i] == VIRT_TSC_AUX && !vtx_msr(MSR_TSC_AUX))
			continue;
		virt_set(root, names[i], of_root.msr[i] = 0x100 * i + can);
	}
	check_root_by_name();
	check_child_by_name();
	/* What is not laid over stands in the processor at once; the child has its own next time. */
	virt_switch(child, root);
	check_root();
	child_runs();
	virt_switch(child, root);
	check_root();
}

static void the_root_can_be_set_while_a_child_is_in(void)
{
	each_choice(the_root_is_set_meanwhile);
}

/* SDM 3A "Processor State After Reset": nothing of the time before is left, wherever it stood. */
static void reset_meanwhile(void)
{
	load_root(&of_root);
	load_child(&of_child, can);
	child_runs();
	virt_vp_reset(child, false);
	memset(&of_child, 0, sizeof(of_child));
	can = 0;
	of_child.fx = (struct x86_fxsave) {
		.fcw = X86_FCW_ONE, .ftw = 0xff, .mxcsr = X86_MXCSR_RESET, .mxcsr_mask = 0xffff
	};
	of_child.xcr0 = XCR0_X87;
	check_child_by_name();
	child_runs();
	virt_switch(child, root);
	check_root();
}

static void a_reset_leaves_nothing(void)
{
	for (unsigned int set = 0; set < VTX_SETS; set++)
		for (unsigned int choice = 0; choice < CHOICES; choice++) {
			can = choice;
			machine(set);
			reset_meanwhile();
		}
}

/* SDM 3C "MSR-Bitmap Address": writes of the high range stand in the fourth kilobyte. */
static void the_roots_writes_are_watched(void)
{
	for (unsigned int set = 0; set < VTX_SETS; set++) {
		const uint8_t *bitmap;

		machine(set);
		bitmap = virt_ptr(vmx_vp(root)->msr_bitmap);
		for (unsigned int i = 0; i < 6; i++) {
			const uint32_t at = msrs[i] & 0x1fff;
			const bool is_watched = msrs[i] != MSR_KERNEL_GS_BASE && vtx_msr(msrs[i]);

			CHECK_EQ(bitmap[3072 + at / 8] >> at % 8 & 1, is_watched);
			CHECK_EQ(bitmap[1024 + at / 8] >> at % 8 & 1, 0);
		}
	}
}

static uint64_t seen_aux;

static void child_reads_aux(struct virt_regs *regs)
{
	seen_aux = value_of(MSR_TSC_AUX);
}

/* RDTSCP gives a child that never asked for TSC_AUX zero, whatever the root has written there since. */
static void the_roots_tsc_aux_is_hidden(void)
{
	machine(0);
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t value = i & 1 ? 0 : 0x1234 + i;

		root->regs.gpr[X86_RCX] = MSR_TSC_AUX;
		root->regs.gpr[X86_RAX] = value;
		root->regs.gpr[X86_RDX] = 0;
		then(REASON_WRMSR, 0);
		then(REASON_CPUID, 0);
		run(root);
		CHECK_EQ(value_of(MSR_TSC_AUX), value);
		then(REASON_CPUID, 0);
		shots[0].act = child_reads_aux;
		run(child);
		CHECK_EQ(seen_aux, 0);
		virt_switch(child, root);
		CHECK_EQ(value_of(MSR_TSC_AUX), value);
	}
}

/* The branch predictor is flushed when another partition runs, and only then. */
static void another_partition_finds_no_predictions(void)
{
	struct virt_space other_space;
	struct virt_vp *other, *second;

	machine(0);
	REQUIRE(virt_space_create(&other_space, &pages));
	other = virt_vp_create(&pages, &other_space, &permissive);
	second = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(other && second);
	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t before = vtx.n_ibpb;

		run_to(child, REASON_CPUID, 0);
		CHECK_EQ(vtx.n_ibpb, before + 1);
		virt_switch(child, root);
		run_to(child, REASON_CPUID, 0);
		virt_switch(child, root);
		run_to(second, REASON_CPUID, 0);
		virt_switch(second, root);
		CHECK_EQ(vtx.n_ibpb, before + 1);
		run_to(other, REASON_CPUID, 0);
		virt_switch(other, root);
		CHECK_EQ(vtx.n_ibpb, before + 2);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(both_have_their_registers_back),
		TEST(registers_can_be_set_while_they_are_loaded),
		TEST(the_root_can_be_set_while_a_child_is_in),
		TEST(a_reset_leaves_nothing),
		TEST(the_roots_writes_are_watched),
		TEST(the_roots_tsc_aux_is_hidden),
		TEST(another_partition_finds_no_predictions),
	};

	return RUN(tests);
}
