; SPDX-License-Identifier: MIT
;
; Exception entries of the hypervisor. Each pushes what struct exc_frame (cpu.h) describes and calls
; exc_handle(); if that returns, all registers are restored and execution goes on at frame->rip.
; The NMI has an entry of its own: kick_nmi() notes that it came.

%include "offsets.inc"

bits 64
default rel

extern exc_handle, kick_nmi
extern virt_enter_begin, virt_enter_end, virt_enter_abort
global exc_entries:data hidden
global x86_load_cs:function hidden
global x86_unblock_nmi:function hidden

; Vectors below 32 for which the processor pushes an error code, EXC_HAS_ERROR_CODE.

section .text

%assign vector 0
%rep 32
exc_%+vector:
%if vector == 2
	jmp	exc_nmi
%else
%if !((EXC_HAS_ERROR_CODE_MASK >> vector) & 1)
	push	0
%endif
	push	vector
	jmp	exc_any
%endif
%assign vector vector + 1
%endrep

exc_any:
	cld
	sub	rsp, 16 * 8
	mov	[rsp + 0 * 8], rax
	mov	[rsp + 1 * 8], rcx
	mov	[rsp + 2 * 8], rdx
	mov	[rsp + 3 * 8], rbx
	mov	[rsp + 5 * 8], rbp
	mov	[rsp + 6 * 8], rsi
	mov	[rsp + 7 * 8], rdi
%assign n 8
%rep 8
	mov	[rsp + n * 8], r%+n
%assign n n + 1
%endrep
	mov	rdi, rsp
	mov	rbx, rsp	; the processor has aligned the stack, and 23 words lie on it
	and	rsp, -16
	call	exc_handle
	mov	rsp, rbx
	mov	rax, [rsp + 0 * 8]
	mov	rcx, [rsp + 1 * 8]
	mov	rdx, [rsp + 2 * 8]
	mov	rbx, [rsp + 3 * 8]
	mov	rbp, [rsp + 5 * 8]
	mov	rsi, [rsp + 6 * 8]
	mov	rdi, [rsp + 7 * 8]
%assign n 8
%rep 8
	mov	r%+n, [rsp + n * 8]
%assign n n + 1
%endrep
	add	rsp, 18 * 8	; vector and error code too
	iretq

; An NMI is the root's, or a kick, and is seen to before the next entry; one that comes when the
; entry's last check is behind us must take us back before it. C may use the registers that a caller
; saves; the processor has aligned the stack, and 14 words lie on it.
exc_nmi:
	cld
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	mov	rdi, [rsp + 9 * 8]
	call	kick_nmi	; (rip)
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	mov	rax, virt_enter_begin
	cmp	[rsp + 8], rax
	jb	.done
	mov	rax, virt_enter_end
	cmp	[rsp + 8], rax
	jae	.done
	mov	rax, virt_enter_abort
	mov	[rsp + 8], rax
.done:	pop	rax
	iretq

; void x86_load_cs(uint16_t cs). Clobbers RAX.
x86_load_cs:
	pop	rax
	movzx	edi, di
	push	rdi
	push	rax
	o64 retf

; void x86_unblock_nmi(void). IRET to where we are; a pending NMI comes at once. Clobbers RAX, RCX.
x86_unblock_nmi:
	mov	rax, rsp
	mov	ecx, ss
	push	rcx
	push	rax
	pushfq
	mov	ecx, cs
	push	rcx
	lea	rcx, [.here]
	push	rcx
	iretq
.here:	ret

section .rodata
align 8
exc_entries:
%assign vector 0
%rep 32
	dq	exc_%+vector
%assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
