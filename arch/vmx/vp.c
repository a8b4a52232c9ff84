/* SPDX-License-Identifier: MIT */
/*
 * A child's VP. Deny by default: every port and every MSR exits (there is no bitmap), CR4 bits are
 * the guest's only from a list, and instructions that the controls can take away are taken away.
 */
#include "arch/vmx/vmx.h"
#include "x86/cr.h"
#include "x86/exc.h"

/* Controls that take an instruction away, unless they are on. */
static const struct {
	uint32_t proc2, has;
} instructions[] = {
	{ PROC2_RDTSCP, VIRT_HAS_RDTSCP },
	{ PROC2_INVPCID, VIRT_HAS_INVPCID },
	{ PROC2_XSAVES, VIRT_HAS_XSAVES },
	{ PROC2_USER_WAIT_AND_PAUSE, VIRT_HAS_UMWAIT },
};

uint32_t vmx_child_has(uint32_t proc2)
{
	uint32_t has = 0;

	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
		if (proc2 & instructions[i].proc2)
			has |= instructions[i].has;
	return has;
}

/* Loops, in ticks of the TSC: PAUSEs not further apart than this, for longer than that. */
#define SPIN_GAP    128u
#define SPIN_WINDOW 4096u

static void set(uint32_t *controls, uint32_t bit, bool is_on)
{
	*controls = is_on ? *controls | bit : *controls & ~bit;
}

void virt_configure(struct virt_vp *vp, const struct virt_config *config)
{
	const uint32_t always = 1u << EXC_MC | 1u << EXC_DB | 1u << EXC_AC;
	struct vmx_vp *const vmx = vmx_vp(vp);
	uint32_t proc = vmx->proc, proc2 = vmx->proc2;

	vmcs_load(vp);
	vmx->exceptions = config->exceptions;
	vmwrite(VMCS_EXCEPTION_BITMAP, config->exceptions | always);
	set(&proc, PROC_RDTSC_EXITING, config->tsc_exits);
	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
		set(&proc2, instructions[i].proc2,
		    virt_machine.child_has & config->has & instructions[i].has);
	if (vmx_caps.later.proc2 & PROC2_PAUSE_LOOP_EXITING) {
		vmwrite(VMCS_PLE_GAP, SPIN_GAP);
		vmwrite(VMCS_PLE_WINDOW, SPIN_WINDOW);
		set(&proc2, PROC2_PAUSE_LOOP_EXITING, config->spin_exits);
	}
	vmx_set_proc(vp, proc);
	vmx_set_proc2(vp, proc2);
	vmx_set_cr4_owned(vp, config->cr4);
}

struct virt_vp *virt_vp_create(struct virt_pages *pages, const struct virt_space *space,
			       const struct virt_config *config)
{
	struct virt_vp *vp = vmx_vp_alloc(pages, false);

	if (!vp)
		return NULL;
	vmx_write_controls(vp, &vmx_caps.child, space);
	vmx_set_cr_masks(vp,
			 ~(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_WP | CR0_AM | CR0_PG) |
				 vmx_caps.cr0_must_be_one,
			 ~0ull);
	virt_vp_reset(vp, false);
	virt_configure(vp, config);
	deadline_init(vp);
	return vp;
}
