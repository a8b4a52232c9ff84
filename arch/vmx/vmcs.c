/* SPDX-License-Identifier: MIT */
/* VMCS instructions, and the parts of a VMCS that root and children have alike. */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* VT-x switches none of them. */
const uint32_t backend_by_hand = BY_HAND(SYSCALL_MSRS) - 1 + BY_HAND_CR2;

void vmcs_read_failed(uint64_t field)
{
	virt_panic("VMREAD of field %llx failed, from %p", (unsigned long long)field,
		   __builtin_return_address(0));
}

void vmcs_write_failed(uint64_t field, uint64_t value)
{
	uint64_t error = 0;

	(void)vmx_vmread(VMCS_INSTRUCTION_ERROR, &error);
	virt_panic("VMWRITE of %llx to field %llx failed with error %llu, from %p",
		   (unsigned long long)value, (unsigned long long)field, (unsigned long long)error,
		   __builtin_return_address(0));
}

void vmcs_clear(spa_t vmcs)
{
	if (!vmx_vmclear(&vmcs.a))
		virt_panic("VMCLEAR of %llx failed", (unsigned long long)vmcs.a);
}

static inline void vmcs_point(struct percpu *cpu, struct virt_vp *vp)
{
	if (unlikely(!vmx_vmptrld(&vmx_vp(vp)->vmcs.a)))
		virt_panic("VMPTRLD of %llx failed", (unsigned long long)vmx_vp(vp)->vmcs.a);
	cpu->current = vp;
}

/*
 * The VMCS is not active here. If the VP has been elsewhere since, or is new: the host state that
 * differs, and what this processor remembers of an earlier stay.
 */
static __attribute__((noinline)) void move_in(struct percpu *cpu, struct virt_vp *vp)
{
	struct vmx_vp *const vmx = vmx_vp(vp);

	active_begin(vp);
	vmcs_point(cpu, vp);
	if (vmx->home == cpu->index)
		return;
	vmwrite(VMCS_HOST_GS_BASE, (uintptr_t)cpu);
	vmwrite(VMCS_HOST_TR_BASE, (uintptr_t)&cpu->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, (uintptr_t)cpu->gdt);
	virt_renew(vp);
	virt_flush(vp);
	vmx->met_root = x86_rdtsc();
	vmx->home = cpu->index;
}

void vmcs_select(struct virt_vp *vp)
{
	struct percpu *const cpu = percpu();

	if (likely(__atomic_load_n(&vmx_vp(vp)->cpu, __ATOMIC_RELAXED) == cpu->index))
		vmcs_point(cpu, vp);
	else
		move_in(cpu, vp);
}

/* SDM 3C "Host-State Area", where processors are alike. HOST_RSP is written at each entry. */
static void write_host_state(void)
{
	struct x86_table idtr;

	idt_table(&idtr);
	vmwrite(VMCS_HOST_CR0, x86_read_cr0());
	vmwrite(VMCS_HOST_CR3, x86_read_cr3());
	vmwrite(VMCS_HOST_CR4, x86_read_cr4());
	vmwrite(VMCS_HOST_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	vmwrite(VMCS_HOST_PAT, PAT_RESET);
	vmwrite(VMCS_HOST_CS_SELECTOR, HOST_CS);
	vmwrite(VMCS_HOST_SS_SELECTOR, HOST_SS);
	vmwrite(VMCS_HOST_DS_SELECTOR, 0);
	vmwrite(VMCS_HOST_ES_SELECTOR, 0);
	vmwrite(VMCS_HOST_FS_SELECTOR, 0);
	vmwrite(VMCS_HOST_GS_SELECTOR, 0);
	vmwrite(VMCS_HOST_TR_SELECTOR, HOST_TR);
	vmwrite(VMCS_HOST_FS_BASE, 0);
	vmwrite(VMCS_HOST_IDTR_BASE, idtr.base);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
	vmwrite(VMCS_HOST_RIP, (uintptr_t)virt_enter_exit);
}

struct virt_vp *vmx_vp_alloc(struct virt_pages *pages, bool is_root)
{
	const bool has_bitmap = is_root || (virt_machine.apic & VIRT_APIC_X2);
	struct virt_vp *vp;
	struct vmx_vp *vmx;

	if (pages->count < VP_PAGES + (has_bitmap ? 2 : 1))
		return NULL;
	vp = vp_alloc(pages, is_root);
	vmx = vmx_vp(vp);
	virt_pages_take(pages, &vmx->vmcs);
	if (has_bitmap)
		virt_pages_take(pages, &vmx->msr_bitmap);
	vmx->cpu = vmx->home = CPU_NONE;
	*(uint32_t *)virt_ptr(vmx->vmcs) = vmx_caps.revision;
	vmcs_clear(vmx->vmcs);
	vmcs_select(vp);
	write_host_state();
	vpid_take(vp);
	return vp;
}

void vmx_write_controls(struct virt_vp *vp, const struct caps_controls *controls,
			const struct virt_space *space)
{
	struct vmx_vp *const vmx = vmx_vp(vp);

	vmx->pin = controls->pin;
	vmx->proc = controls->proc;
	vmwrite(VMCS_PIN_CONTROLS, controls->pin);
	vmwrite(VMCS_PROC_CONTROLS, controls->proc);
	vmx->proc2 = vmx->vpid ? controls->proc2 : controls->proc2 & ~PROC2_VPID;
	vmwrite(VMCS_PROC2_CONTROLS, vmx->proc2);
	vmwrite(VMCS_EXIT_CONTROLS, controls->exit);
	vmwrite(VMCS_ENTRY_CONTROLS, controls->entry);
	vp->space = space;
	virt_renew(vp); /* its top table may have been another space's */
	if (vmx->vpid)
		vmwrite(VMCS_VPID, vmx->vpid);
	vmwrite(VMCS_EXCEPTION_BITMAP, 0);
	vmwrite(VMCS_PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmwrite(VMCS_PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmwrite(VMCS_CR3_TARGET_COUNT, 0);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	if (controls->proc2 & PROC2_XSAVES)
		vmwrite(VMCS_XSS_EXITING_BITMAP, 0);
	if (controls->proc2 & PROC2_ENCLS_EXITING)
		vmwrite(VMCS_ENCLS_EXITING_BITMAP, ~0ull);
	vmwrite(VMCS_TSC_OFFSET, 0);
	/* None of these is loaded with a value of its own by what follows. */
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	vmwrite(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
}

void vmx_set_proc(struct virt_vp *vp, uint32_t proc)
{
	if (vmx_vp(vp)->proc == proc)
		return;
	vmx_vp(vp)->proc = proc;
	vmcs_load(vp);
	vmwrite(VMCS_PROC_CONTROLS, proc);
}

void vmx_set_proc2(struct virt_vp *vp, uint32_t proc2)
{
	if (vmx_vp(vp)->proc2 == proc2)
		return;
	vmx_vp(vp)->proc2 = proc2;
	vmcs_load(vp);
	vmwrite(VMCS_PROC2_CONTROLS, proc2);
}

void virt_vp_destroy(struct virt_vp *vp, struct virt_pages *pages)
{
	struct vmx_vp *const vmx = vmx_vp(vp);
	const spa_t vmcs = vmx->vmcs, bitmap = vmx->msr_bitmap;

	active_end(vp);
	vpid_give(vp);
	vp_free_page(pages, vmcs);
	if (bitmap.a)
		vp_free_page(pages, bitmap);
	vp_free(pages, vp);
}
