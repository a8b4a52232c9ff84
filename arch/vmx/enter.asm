; SPDX-License-Identifier: MIT
;
; uint64_t vmx_enter(struct virt_regs *regs, uint64_t is_launched)
;
; Enter the guest of the current VMCS, and return at its next exit. A function in the System V
; convention: RDI, RSI in; RAX out; RBX, RBP, R12-R15 preserved.
;
; In:   regs->gpr but RSP, which the VMCS holds with RIP and RFLAGS.
; Out:  0  the guest ran; regs->gpr (but RSP) are the guest's. All registers that the convention
;          leaves undefined are zero, so that nothing of the guest goes on in them.
;       1  VMLAUNCH or VMRESUME failed, no current VMCS       (VMfailInvalid)
;       2  it failed with an error number in the VMCS         (VMfailValid)
;       3  not tried: percpu.pending is set
; regs is untouched if it is not 0.
;
; The processor restores at the exit, from the VMCS: RIP (virt_enter_exit), RSP (our frame: its top is
; `regs`), CR0, CR3, CR4, segments, GDTR, IDTR, EFER, PAT. It sets RFLAGS to 2: interrupts off.
; It does not touch: the other GPRs, CR2, DR0-3, DR6, x87/SSE, XCR0, and the MSRs that switch.c names.
;
; From virt_enter_begin to virt_enter_end nothing is pending, and RSP stands; an NMI there returns to
; virt_enter_abort (arch/x86/exc.asm).

%include "offsets.inc"
%include "arch/x86/gpr.inc"

bits 64
default rel

global vmx_enter:function hidden
global virt_enter_begin:data hidden
global virt_enter_end:data hidden
global virt_enter_abort:data hidden
global virt_enter_exit:data hidden

section .text

vmx_enter:
	frame_push
	mov	eax, VMCS_HOST_RSP
	vmwrite	rax, rsp

virt_enter_begin:
	cmp	byte [gs:PERCPU_PENDING], 0
	jne	virt_enter_abort
	test	rsi, rsi	; the loads below leave the flags alone
	mov	rax, GPR(0)
	gprs_load
	jz	vmx_launch
	vmresume
	jmp	vmx_failed
vmx_launch:
	vmlaunch
virt_enter_end:
vmx_failed:			; CF: invalid. ZF: valid.
	mov	eax, 2
	sbb	eax, 0
	jmp	vmx_return

virt_enter_abort:
	mov	eax, 3
	jmp	vmx_return

virt_enter_exit:
	push	rdi
	mov	rdi, [rsp + 8]
	mov	GPR(0), rax
	gprs_store
	xor	eax, eax
vmx_return:
	pop	rdi
	frame_return

section .note.GNU-stack noalloc noexec nowrite progbits
