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

bits 64
default rel

global vmx_enter:function hidden
global virt_enter_begin:data hidden
global virt_enter_end:data hidden
global virt_enter_abort:data hidden
global virt_enter_exit:data hidden

%define GPR(n) [rdi + REGS_GPR + 8 * n]

section .text

vmx_enter:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdi
	mov	eax, VMCS_HOST_RSP
	vmwrite	rax, rsp

virt_enter_begin:
	cmp	byte [gs:PERCPU_PENDING], 0
	jne	virt_enter_abort
	test	rsi, rsi	; the loads below leave the flags alone
	mov	rax, GPR(0)
	mov	rcx, GPR(1)
	mov	rdx, GPR(2)
	mov	rbx, GPR(3)
	mov	rbp, GPR(5)
	mov	rsi, GPR(6)
	mov	r8, GPR(8)
	mov	r9, GPR(9)
	mov	r10, GPR(10)
	mov	r11, GPR(11)
	mov	r12, GPR(12)
	mov	r13, GPR(13)
	mov	r14, GPR(14)
	mov	r15, GPR(15)
	mov	rdi, GPR(7)
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
	mov	GPR(1), rcx
	mov	GPR(2), rdx
	mov	GPR(3), rbx
	mov	GPR(5), rbp
	mov	GPR(6), rsi
	pop	qword GPR(7)
	mov	GPR(8), r8
	mov	GPR(9), r9
	mov	GPR(10), r10
	mov	GPR(11), r11
	mov	GPR(12), r12
	mov	GPR(13), r13
	mov	GPR(14), r14
	mov	GPR(15), r15
	xor	eax, eax
vmx_return:
	pop	rdi
	xor	ecx, ecx
	xor	edx, edx
	xor	esi, esi
	xor	edi, edi
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
