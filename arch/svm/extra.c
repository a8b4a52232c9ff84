/* SPDX-License-Identifier: MIT */
/*
 * The state that VMRUN leaves alone, and VMLOAD and VMSAVE move: FS, GS, TR, LDTR, and the MSRs of
 * SYSCALL, SYSENTER and SWAPGS. The hypervisor uses none of it but the GS base, so it stays the
 * guest's while the hypervisor runs (percpu.loaded, whose VMCB does not have it then) until another
 * VP is entered, somebody asks for it, or virt_switch() ends the VP's turn. Of an exit that is
 * answered here nothing is moved but the GS base, by RDGSBASE and WRGSBASE.
 *
 * The TSS is the guest's, too. Stacks of the IDT are for NMIs, before which the hypervisor's is
 * loaded, and for machine checks, which do not come with GIF = 0 (APM 2 "Global Interrupt Flag");
 * a double fault is a bug, and a shutdown, for its stack would be of the guest's choice.
 */
#include "arch/svm/insn.h"
#include "arch/svm/svm.h"
#include "arch/x86/backend.h"
#include "arch/x86/insn.h"

void extra_load(struct percpu *cpu, struct virt_vp *vp)
{
	if (cpu->loaded)
		extra_save(cpu->loaded);
	svm_load(svm_vp(vp)->vmcb_page.a, (uintptr_t)cpu);
	svm_vp(vp)->gs_base = vmcb_of(vp)->save.gs.base;
	cpu->loaded = vp;
	extra_load_cr2(vp);
}

/*
 * VMRUN loads CR2, but not in Bochs (2.7, 3.0; SvmEnterLoadCheckGuestState()), which is one of the
 * few that have no decode assists.
 */
void extra_load_cr2(struct virt_vp *vp)
{
	if (!svm_caps.has_decode_assists && percpu()->loaded == vp)
		x86_write_cr2(vmcb_of(vp)->save.cr2);
}

/* Of the processor that has it, if any: *vp is this processor's. */
void extra_save(struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);

	if (percpu()->loaded != vp)
		return;
	svm_vmsave(svm->vmcb_page);
	svm->vmcb->save.gs.base = svm->gs_base;
	percpu()->loaded = NULL;
}

void backend_leave(struct virt_vp *from)
{
	extra_save(from);
}

void extra_load_host(void)
{
	struct percpu *const cpu = percpu();

	if (cpu->loaded)
		extra_save(cpu->loaded);
	svm_vmload(svm_host_page(cpu));
}

/* An NMI that is pending comes now. */
void extra_let_nmi_in(void)
{
	extra_load_host();
	x86_cli();
	svm_stgi();
	x86_pause();
	svm_clgi();
	svm_sti();
}
