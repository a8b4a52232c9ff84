; SPDX-License-Identifier: MIT
;
; The two instructions that call the hypervisor, for 64-bit ring-0 code with the System V convention: each as a
; function of two parameters and one of five. Prototypes: root/call/hypercall.h.
; The hypervisor preserves all but RAX, RDX and R8.

bits 64
default rel
section .text

%macro HYPERCALL 1
; struct hypercall_answer hypercall2(code rdi, rcx rsi, rdx rdx)
global hypercall2_%1:function hidden
hypercall2_%1:
	mov	rax, rdi
	mov	rcx, rsi
	%1
	ret

; uint32_t hypercall5(code rdi, rcx rsi, rdx rdx, r8 rcx, r9 r8, r10 r9, result [rsp + 8])
global hypercall5_%1:function hidden
hypercall5_%1:
	mov	rax, rdi
	mov	r10, r9
	mov	r9, r8
	mov	r8, rcx
	mov	rcx, rsi
	%1
	mov	rcx, [rsp + 8]
	mov	[rcx], rdx
	mov	[rcx + 8], r8
	ret
%endmacro

HYPERCALL vmcall
HYPERCALL vmmcall

section .note.GNU-stack noalloc noexec nowrite progbits
