/* SPDX-License-Identifier: MIT */
/*
 * Extended state, which XSAVE manages beyond x87 and SSE: a child's values are laid over the root's
 * only if it has CR4.OSXSAVE set, for without that it can reach neither them nor XCR0. See switch.c
 * for overlays.
 *
 * While they are laid over, XCR0 is the child's. Without AVX in it nothing else is laid over: the
 * child cannot reach the processor's state above SSE. With AVX all components change hands, for a
 * VEX instruction clears its register to the full width, whatever XCR0 says (SDM 1 "Accessing XMM,
 * YMM, and ZMM Registers"); XCR0 is wide for that time. A change of XCR0 comes with the overlay
 * off: components that the child gives up go into its image, and those that it gets come from
 * there.
 *
 * x87, SSE and MXCSR are no part of this: virt_switch() has them.
 */
#include "arch/x86/xstate.h"
#include "arch/x86/features.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "arch/x86/vp.h"
#include "x86/cr.h"
#include "x86/fx.h"
#include "x86/msr.h"

/* FXSAVE and FXRSTOR have these. */
#define XCR0_LEGACY (XCR0_X87 | XCR0_SSE)

static struct x86_xsave_header *header(void *image)
{
	return (struct x86_xsave_header *)(void *)((uint8_t *)image + X86_XSAVE_LEGACY_BYTES);
}

/* XRSTOR faults on components outside XCR0, which the image may have. */
static void load(void *image, uint64_t components)
{
	uint64_t *const present = &header(image)->xstate_bv;
	const uint64_t all = *present;

	*present = all & components;
	x86_xrstor(image, components);
	*present = all;
}

/* XSAVE and XRSTOR take MXCSR along with AVX. */
static void exchange(void *out, void *in, uint64_t components)
{
	const uint32_t mxcsr = x86_stmxcsr();

	x86_xsave(out, components);
	load(in, components);
	x86_ldmxcsr(mxcsr);
}

/* Of components that change hands none may depend on a value that changes unseen. */
static uint64_t components_of(const struct virt_vp *child)
{
	return (child->xcr0 & XCR0_AVX) || x86_features.has_silent_xsetbv
		       ? virt_machine.xcr0_child & ~XCR0_LEGACY
		       : 0;
}

static void change_xcr0(uint64_t now, uint64_t wanted)
{
	if (now != wanted)
		x86_xsetbv(0, wanted);
}

/* Out of the processor, whose XCR0 is `now`, and into it, with `then`. */
static void change_hands(void *out, void *in, uint64_t components, uint64_t now, uint64_t then)
{
	if (components) {
		change_xcr0(now, virt_machine.xcr0_child);
		exchange(out, in, components);
		now = virt_machine.xcr0_child;
	}
	change_xcr0(now, then);
}

void xstate_lay(struct percpu *cpu, struct virt_vp *child)
{
	cpu->parked_xcr0 = x86_xgetbv(0);
	change_hands(cpu->parked_xstate, child->fpu, components_of(child), cpu->parked_xcr0,
		     child->xcr0);
	if (!(virt_machine.child_has & VIRT_HAS_XSAVES))
		return;
	cpu->parked_xss = x86_rdmsr(MSR_XSS);
	if (cpu->parked_xss != child->xss)
		x86_wrmsr(MSR_XSS, child->xss);
}

void xstate_lift(struct percpu *cpu, struct virt_vp *child)
{
	change_hands(child->fpu, cpu->parked_xstate, components_of(child), child->xcr0,
		     cpu->parked_xcr0);
	if ((virt_machine.child_has & VIRT_HAS_XSAVES) && cpu->parked_xss != child->xss)
		x86_wrmsr(MSR_XSS, cpu->parked_xss);
}

static bool is_laid(const struct virt_vp *vp)
{
	return percpu()->switched == vp && (percpu()->overlay & OVERLAY_XSTATE);
}

void xstate_notice(struct virt_vp *child)
{
	uint64_t now;

	if (!is_laid(child))
		return;
	now = x86_xgetbv(0);
	child->xcr0 = now & virt_machine.xcr0_child;
	change_xcr0(now, child->xcr0);
}

/* Before a change to what decides which components are loaded. The next entry lays them again. */
static void lift_now(struct virt_vp *child)
{
	if (!is_laid(child))
		return;
	xstate_lift(percpu(), child);
	percpu()->overlay &= (uint8_t)~OVERLAY_XSTATE;
	child->due |= DUE_OVERLAY;
}

void xstate_set_xcr0(struct virt_vp *child, uint64_t value)
{
	lift_now(child);
	child->xcr0 = value;
}

void xstate_set_xss(struct virt_vp *child, uint64_t value)
{
	lift_now(child);
	child->xss = value;
}

/* The registers are in the processor. */
static __attribute__((noinline)) void save(struct virt_vp *vp)
{
	x86_fxsave(vp->fpu);
	if (is_laid(vp) && components_of(vp)) {
		change_xcr0(vp->xcr0, virt_machine.xcr0_child);
		x86_xsave(vp->fpu, components_of(vp));
		change_xcr0(virt_machine.xcr0_child, vp->xcr0);
	}
}

void *virt_fpu_save(struct virt_vp *vp)
{
	if (percpu()->switched == vp)
		save(vp);
	return vp->fpu;
}

void virt_fpu_load(struct virt_vp *vp)
{
	if (is_laid(vp) && components_of(vp)) {
		change_xcr0(vp->xcr0, virt_machine.xcr0_child);
		load(vp->fpu, components_of(vp));
		change_xcr0(virt_machine.xcr0_child, vp->xcr0);
	}
	if (percpu()->switched == vp)
		x86_fxrstor(vp->fpu);
}

/*
 * SDM 3A "Processor State After Power-up, Reset, or INIT". Of the processor's own image the MXCSR
 * mask alone is kept.
 */
void xstate_reset(struct virt_vp *child)
{
	struct x86_fxsave *const image = child->fpu;
	uint32_t mxcsr_mask;

	lift_now(child);
	x86_fxsave(image);
	mxcsr_mask = image->mxcsr_mask;
	/* The page of a new VP is clear but for what FXSAVE has just written. */
	memset(image, 0, child->xcr0 ? XSTATE_BYTES : X86_XSAVE_LEGACY_BYTES);
	image->mxcsr_mask = mxcsr_mask ? mxcsr_mask : X86_MXCSR_DEFAULT_MASK;
	image->mxcsr = X86_MXCSR_RESET;
	image->fcw = X86_FCW_ONE;
	image->ftw = 0xff;
	/* These two are by FXSAVE, and there always. */
	if (virt_machine.xcr0_child)
		header(image)->xstate_bv = XCR0_LEGACY;
	child->xcr0 = XCR0_X87;
	child->xss = 0;
	if (percpu()->switched == child)
		x86_fxrstor(image);
}
