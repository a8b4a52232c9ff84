/* SPDX-License-Identifier: MIT */
/*
 * The root partition's VP: the machine as the firmware left it, with as few exits as VT-x allows.
 * It has the real ports, interrupts, NMIs, debug registers, performance counters and MSRs.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "arch/x86/features.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "arch/x86/switch.h"
#include "x86/cr.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

/* A guest must have a task register, SDM 3C "Checks on Guest Segment Registers"; UEFI has none. */
static const struct x86_segment no_task = {
	.limit = 0x67,
	.attributes = SEG_P | SEG_TYPE_TSS_BUSY,
};

static void set_table(struct virt_vp *vp, enum x86_seg seg, const struct x86_table *table)
{
	const struct x86_segment value = { .base = table->base, .limit = table->limit };

	virt_set_segment(vp, seg, &value);
}

static void load_segments(struct virt_vp *vp, const struct whit_cpu_state *state)
{
	for (enum x86_seg seg = SEG_ES; seg < SEG_COUNT; seg++)
		virt_set_segment(vp, seg, &state->seg[seg]);
	if (!(state->seg[SEG_TR].attributes & SEG_P))
		virt_set_segment(vp, SEG_TR, &no_task);
	set_table(vp, SEG_GDTR, &state->gdtr);
	set_table(vp, SEG_IDTR, &state->idtr);
}

static void load_state(struct virt_vp *vp, const struct whit_cpu_state *state)
{
	memcpy(vp->regs.gpr, state->gpr, sizeof(vp->regs.gpr));
	vp->regs.rip = state->rip;
	vp->regs.rflags = (state->rflags & RFLAGS_DEFINED) | RFLAGS_ONE;
	load_segments(vp, state);

	/*
	 * Whit owns what VMX fixes, and SMXE with VMXE: hidden at zero, an attempt to set one
	 * exits. The rest is the root's.
	 */
	vmx_set_cr_masks(vp, vmx_caps.cr0_must_be_one,
			 vmx_caps.cr4_must_be_one | CR4_VMXE | CR4_SMXE);
	virt_set(vp, VIRT_CR0, state->cr0);
	virt_set(vp, VIRT_CR3, state->cr3);
	virt_set(vp, VIRT_CR4, state->cr4 & ~(CR4_VMXE | CR4_SMXE));
	virt_set(vp, VIRT_DR7, state->dr7);

	/* Not touched since the loader ran. */
	virt_set(vp, VIRT_EFER, x86_rdmsr(MSR_EFER));
	virt_set(vp, VIRT_PAT, x86_rdmsr(MSR_PAT));
	virt_set(vp, VIRT_SYSENTER_CS, x86_rdmsr(MSR_SYSENTER_CS));
	virt_set(vp, VIRT_SYSENTER_ESP, x86_rdmsr(MSR_SYSENTER_ESP));
	virt_set(vp, VIRT_SYSENTER_EIP, x86_rdmsr(MSR_SYSENTER_EIP));
	vmwrite(VMCS_GUEST_DEBUGCTL, x86_rdmsr(MSR_DEBUGCTL));
}

struct virt_vp *virt_root_create(struct virt_pages *pages, const struct whit_cpu_state *state,
				 const struct virt_space *space)
{
	struct caps_controls controls = vmx_caps.root;
	struct virt_vp *vp = vmx_vp_alloc(pages, true);

	if (!vp)
		return NULL;
	if (vmx_root_has_nmi_exits())
		controls.pin |= PIN_NMI_EXITING | PIN_VIRTUAL_NMIS;
	vmx_write_controls(vp, &controls, space);
	vmwrite(VMCS_MSR_BITMAPS, vmx_vp(vp)->msr_bitmap.a);
	load_state(vp, state);
	switch_watch(vp);
	percpu()->switched = vp;
	return vp;
}

const bool backend_waits_deaf = true;

#define INIT_ASSERT 0x4500u
#define SIPI	    0x4600u

void virt_send_init(uint32_t cpu)
{
	virt_lapic_send(percpu_of(cpu)->apic_id, INIT_ASSERT);
}

void virt_send_sipi(uint32_t cpu, uint8_t vector)
{
	virt_lapic_send(percpu_of(cpu)->apic_id, SIPI | vector);
}

bool virt_waits(const struct virt_vp *root)
{
	return root->waits;
}

/*
 * A kick must reach the root's processor while the guest runs. With one processor there are none,
 * and the root's NMIs go to it directly.
 */
bool vmx_root_has_nmi_exits(void)
{
	return percpu_count() > 1;
}

/*
 * SDM 3C "Monitor Trap Flag". Two spaces have different top tables, and so no translation of one is
 * used in the other.
 */
void virt_root_step(struct virt_vp *root, const struct virt_space *space, bool is_one)
{
	const uint32_t proc = vmx_vp(root)->proc & ~PROC_MONITOR_TRAP;

	vmx_set_proc(root, is_one ? proc | PROC_MONITOR_TRAP : proc);
	vmcs_load(root);
	vmwrite(VMCS_EPT_POINTER, space->token);
	root->space = space;
}

/* SDM 3C "MSR-Bitmap Address": four bitmaps of 1024 bytes. */
#define BITMAP_BYTES 1024u

void virt_root_guard_msr(struct virt_vp *root, uint32_t msr, bool reads, bool writes)
{
	uint8_t *bitmap = virt_ptr(vmx_vp(root)->msr_bitmap);
	uint32_t at = msr;

	if (msr - MSR_BITMAP_HIGH < MSR_BITMAP_RANGE) {
		bitmap += BITMAP_BYTES;
		at = msr - MSR_BITMAP_HIGH;
	} else if (msr >= MSR_BITMAP_RANGE) {
		return; /* all of these exit */
	}
	if (reads)
		bitmap[at / 8] |= (uint8_t)(1u << (at % 8));
	if (writes)
		bitmap[2 * BITMAP_BYTES + at / 8] |= (uint8_t)(1u << (at % 8));
}

/* Registers for the next entry, which may already be past write_changed(). */
static void write_registers(struct virt_vp *root)
{
	vmwrite(VMCS_GUEST_RIP, root->regs.rip);
	vmwrite(VMCS_GUEST_RSP, root->regs.gpr[X86_RSP]);
	vmwrite(VMCS_GUEST_RFLAGS, root->regs.rflags);
	root->regs.changed = false;
}

/*
 * SDM 3A "Processor State After Reset", the column for INIT: as a reset, but caching, x87/SSE and
 * MSRs stay as they are.
 */
void backend_init(struct virt_vp *root)
{
	const uint64_t caching = virt_get(root, VIRT_CR0) & (CR0_CD | CR0_NW);

	active_end_all();
	vp_reset_registers(root, caching | CR0_ET);
	root->regs.gpr[X86_RDX] = x86_features.signature;
	write_registers(root);
	vmx_forget_nmi(root);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
}

void vmx_root_start(struct virt_vp *root, uint8_t vector)
{
	vp_start_at(root, vector);
	write_registers(root);
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	/* Bochs 2.7 leaves SMIs blocked in a SIPI exit, which no entry outside SMM accepts. */
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
}
