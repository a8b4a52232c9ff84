; SPDX-License-Identifier: MIT
;
; See place.h. System V convention; the applications use the general registers alone.

bits 64
default rel

extern place_interrupted

%macro function 1
global %1:function hidden
%1:
%endmacro

section .text

; void place_on_stack(void (*function)(void) rdi, void *end rsi)
function place_on_stack
	push	rbp
	mov	rbp, rsp
	mov	rsp, rsi
	call	rdi
	mov	rsp, rbp
	pop	rbp
	ret

; An interrupt gate's handler. The processor has aligned the stack to 16, and pushed five words.
function place_interrupt_entry
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	sub	rsp, 8
	cld
	call	place_interrupted
	add	rsp, 8
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	iretq

function place_sti
	sti
	ret

function place_cli
	cli
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
