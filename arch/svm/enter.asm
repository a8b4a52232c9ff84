; SPDX-License-Identifier: MIT
;
; void svm_enter(struct virt_regs *regs, uint64_t vmcb, uint64_t host_gs)
;
; Enter the guest of a VMCB, and return at its next exit. A function in the System V convention:
; RDI, RSI, RDX in; RBX, RBP, R12-R15 preserved. GIF is 0 before and after, and IF 1: so in a child
; physical interrupts exit whatever the guest's IF is.
;
; In:   regs->gpr but RSP and RAX, which the VMCB holds with RIP and RFLAGS; the physical address of
;       the VMCB; the GS base of the hypervisor. The VP's state that VMLOAD has is loaded, its GS
;       base in the struct svm_vp that regs begins.
; Out:  regs->gpr (but RSP, RAX) are the guest's, and the GS base is where it was. All registers that
;       the convention leaves undefined are zero, so that nothing of the guest goes on in them.
;
; The processor restores at the exit: RIP, RSP, RAX (the VMCB's address), RFLAGS, CR0, CR3, CR4, EFER,
; CS, SS, DS, ES, GDTR, IDTR. It does not touch: the other GPRs, DR0-3, x87/SSE, XCR0, TSC_AUX,
; SPEC_CTRL; FS, GS, TR, LDTR, and the MSRs of SYSCALL, SYSENTER and SWAPGS (extra.c).
;
; void svm_enter_whole(struct virt_regs *regs, uint64_t vmcb, uint64_t host)
;
; The same on processors without RDGSBASE: that state is loaded and saved here, and then the host's
; loaded from its page.
;
; void svm_load(uint64_t vmcb, uint64_t host_gs)
;
; VMLOAD, and the hypervisor's GS base once more.
;
; void svm_sleep(void)
;
; Wait for an NMI, with GIF and IF 0 before and after. From virt_enter_begin to virt_enter_end nothing
; is pending, and an NMI there returns to virt_enter_abort (arch/x86/exc.asm).

%include "offsets.inc"
%include "arch/x86/gpr.inc"

bits 64
default rel

global svm_enter:function hidden
global svm_enter_whole:function hidden
global svm_load:function hidden
global svm_sleep:function hidden
global virt_enter_begin:data hidden
global virt_enter_end:data hidden
global virt_enter_abort:data hidden

section .text

svm_enter:
	frame_push
	push	rdx
	mov	rax, [rdi + SVM_VP_GS_BASE]
	wrgsbase rax
	mov	rax, rsi
	gprs_load
	vmrun
	push	rdi
	mov	rdi, [rsp + 16]
	rdgsbase rax
	mov	[rdi + SVM_VP_GS_BASE], rax
	mov	rax, [rsp + 8]
	wrgsbase rax
	gprs_store
	add	rsp, 16
	xor	eax, eax
	frame_return

svm_enter_whole:
	frame_push
	push	rdx
	mov	rax, rsi
	vmload
	gprs_load
	vmrun
	vmsave
	mov	rax, [rsp]
	vmload
	mov	[rsp], rdi
	mov	rdi, [rsp + 8]
	gprs_store
	pop	rdi
	xor	eax, eax
	frame_return

svm_load:
	mov	rax, rdi
	vmload
	wrgsbase rsi
	ret

svm_sleep:
	stgi
virt_enter_begin:
	cmp	byte [gs:PERCPU_PENDING], 0
	jne	virt_enter_abort
	hlt
virt_enter_end:
virt_enter_abort:
	clgi
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
