// SPDX-License-Identifier: MIT
/*
 * arch/x86/switch.c for a vendor whose processors switch CR2 and the MSRs of SYSCALL themselves, as AMD-V does by its
 * control block, VMLOAD and VMSAVE (APM 2 "VMSAVE and VMLOAD Instructions"): it must leave them alone, and still look
 * after TSC_AUX and the debug registers. The processor here screams at what it must not be asked for.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/features.h"
#include "arch/x86/switch.h"
#include "arch/x86/xstate.h"
#include "tests/check.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/fx.h"
#include "x86/msr.h"

const uint32_t backend_by_hand = BY_HAND(SYSCALL_TSC_AUX);

/* ---- The processor ----------------------------------------------------------------------- */

static struct percpu cpu;
static uint64_t tsc_aux, dr[4];
static struct x86_fxsave fx;
static unsigned int n_guarded, guarded_msr, n_vendor_sets;

struct virt_machine virt_machine;
struct x86_features x86_features;

__attribute__((noreturn)) static void scream(const char *why)
{
	printf("FAIL processor: %s\n", why);
	exit(1);
}

void virt_panic(const char *format, ...)
{
	scream(format);
}

/* The vendor's own affair. */
void backend_leave(struct virt_vp *from)
{
}

void *x86_gs_self(void)
{
	return &cpu;
}

uint64_t x86_rdmsr(uint32_t msr)
{
	if (msr != MSR_TSC_AUX)
		scream("RDMSR of a register that it switches itself");
	return tsc_aux;
}

void x86_wrmsr(uint32_t msr, uint64_t value)
{
	if (msr != MSR_TSC_AUX)
		scream("WRMSR of a register that it switches itself");
	tsc_aux = value;
}

bool x86_wrmsr_safe(uint32_t msr, uint64_t value)
{
	if (value >> 32)
		return false;
	x86_wrmsr(msr, value);
	return true;
}

uint64_t x86_read_cr2(void)
{
	scream("CR2");
}

void x86_write_cr2(uint64_t value)
{
	scream("CR2");
}

#define DEBUG_REGISTER(n)                    \
	uint64_t x86_read_dr##n(void)        \
	{                                    \
		return dr[n];                \
	}                                    \
	void x86_write_dr##n(uint64_t value) \
	{                                    \
		dr[n] = value;               \
	}

DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)

void x86_fxsave(void *image)
{
	memcpy(image, &fx, sizeof(fx));
}

void x86_fxrstor(const void *image)
{
	memcpy(&fx, image, sizeof(fx));
}

/* Extended state is none of this test: there is no XSAVE. */
void xstate_lay(struct percpu *of, struct virt_vp *child)
{
	scream("XSAVE");
}

void xstate_lift(struct percpu *of, struct virt_vp *child)
{
	scream("XSAVE");
}

void xstate_set_xcr0(struct virt_vp *child, uint64_t value)
{
	scream("XSETBV");
}

void xstate_set_xss(struct virt_vp *child, uint64_t value)
{
	scream("XSS");
}

/* ---- The vendor -------------------------------------------------------------------------- */

void virt_root_guard_msr(struct virt_vp *root, uint32_t msr, bool reads, bool writes)
{
	n_guarded++;
	guarded_msr = msr;
	CHECK(!reads && writes);
}

void virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	CHECK(reg >= VIRT_STAR && reg <= VIRT_KERNEL_GS_BASE);
	CHECK_EQ(value, 0);
	n_vendor_sets++;
}

/* ---- Tests ------------------------------------------------------------------------------- */

static struct virt_vp root, child;
static struct virt_space space;
static struct x86_fxsave images[2];

static void begin(void)
{
	memset(&cpu, 0, sizeof(cpu));
	memset(&root, 0, sizeof(root));
	memset(&child, 0, sizeof(child));
	x86_features = (struct x86_features) { .has_rdtscp = true };
	root.is_root = true;
	root.space = child.space = &space;
	root.fpu = &images[0];
	child.fpu = &images[1];
	cpu.switched = &root;
	n_guarded = n_vendor_sets = 0;
	tsc_aux = 0;
	switch_watch(&root);
}

static void only_the_writes_of_tsc_aux_are_watched(void)
{
	static const uint32_t msrs[] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK,
					 MSR_KERNEL_GS_BASE };

	begin();
	CHECK_EQ(n_guarded, 1);
	CHECK_EQ(guarded_msr, MSR_TSC_AUX);
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		CHECK(!switch_written(&root, msrs[i], 1));
	CHECK(switch_written(&root, MSR_TSC_AUX, 0x77));
	CHECK(!switch_written(&root, MSR_TSC_AUX, 1ull << 32));
	CHECK_EQ(tsc_aux, 0x77);
}

static void syscall_in_efer_asks_for_nothing(void)
{
	begin();
	switch_note_efer(&child, EFER_SCE | EFER_LME | EFER_LMA);
	CHECK_EQ(child.wants, 0);
	virt_switch(&root, &child);
	switch_lay(&child);
	CHECK_EQ(cpu.overlay, 0);
	virt_switch(&child, &root);
}

static void tsc_aux_and_breakpoints_change_hands(void)
{
	begin();
	switch_written(&root, MSR_TSC_AUX, 0x77);
	for (unsigned int i = 0; i < 4; i++) {
		dr[i] = 0x100 + i;
		switch_set(&child, VIRT_DR0 + i, 0x200 + i);
	}
	for (unsigned int turn = 0; turn < 3; turn++) {
		switch_set(&child, VIRT_TSC_AUX, turn * 5);
		switch_note_dr7(&child, turn ? DR7_INIT | 1 : DR7_INIT);
		fx.fsw = 1;
		virt_switch(&root, &child);
		switch_lay(&child);
		fx.fsw = 2;
		CHECK_EQ(tsc_aux, turn * 5);
		for (unsigned int i = 0; i < 4; i++)
			CHECK_EQ(dr[i], (turn ? 0x200 : 0x100) + i);
		CHECK_EQ(switch_get(&root, VIRT_TSC_AUX), 0x77);
		virt_switch(&child, &root);
		CHECK_EQ(tsc_aux, 0x77);
		CHECK_EQ(fx.fsw, 1);
		for (unsigned int i = 0; i < 4; i++) {
			CHECK_EQ(dr[i], 0x100 + i);
			CHECK_EQ(switch_get(&child, VIRT_DR0 + i), 0x200 + i);
		}
		CHECK_EQ(switch_get(&child, VIRT_TSC_AUX), turn * 5);
	}
}

static void the_vendor_resets_its_own(void)
{
	begin();
	switch_set(&child, VIRT_TSC_AUX, 9);
	CHECK_EQ(child.wants, OVERLAY_SYSCALL);
	switch_reset(&child);
	CHECK_EQ(n_vendor_sets, 5);
	CHECK_EQ(switch_get(&child, VIRT_TSC_AUX), 0);
	CHECK_EQ(child.wants, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(only_the_writes_of_tsc_aux_are_watched),
		TEST(syscall_in_efer_asks_for_nothing),
		TEST(tsc_aux_and_breakpoints_change_hands),
		TEST(the_vendor_resets_its_own),
	};

	return RUN(tests);
}
