; SPDX-License-Identifier: MIT
;
; See hidden_insn.h. Each is called by probe_call with interrupts off, and may use any register that its caller saves.

bits 64
default rel

LINE_STATUS	equ 0x3fd	; of COM1: a read has no effect that anybody misses
POST_CODE	equ 0x80	; a write neither

%macro function 1
global %1:function hidden
%1:
%endmacro

section .text

function hidden_insb
	mov	rdi, [hidden_at]
	mov	edx, LINE_STATUS
	insb
	mov	[hidden_after], rdi
	ret

function hidden_rep_insb
	mov	rdi, [hidden_at]
	add	rdi, 0xff8
	mov	edx, LINE_STATUS
	mov	ecx, 16
	rep insb
	mov	[hidden_after], rdi
	ret

function hidden_outsb
	mov	rsi, [hidden_at]
	mov	edx, POST_CODE
	outsb
	mov	[hidden_after], rsi
	ret

function hidden_rep_outsb
	mov	rsi, [hidden_at]
	add	rsi, 0xff8
	mov	edx, POST_CODE
	mov	ecx, 16
	rep outsb
	mov	[hidden_after], rsi
	ret

function hidden_rep_movs
	mov	rdi, [hidden_at]
	add	rdi, 0x1000
	lea	rsi, [rdi + 0x1ffc]	; out of hidden memory, off a boundary
	mov	ecx, 257
	rep movsq
	mov	[hidden_after], rdi
	ret

function hidden_rep_stos_down
	mov	rdi, [hidden_at]
	add	rdi, 0x1800
	mov	ecx, 257
	xor	eax, eax
	std
	rep stosq
	cld
	mov	[hidden_after], rdi
	ret

function hidden_push
	mov	rcx, rsp
	mov	rsp, [hidden_at]
	add	rsp, 0x1004
	mov	eax, 0x12345678
	push	rax
	pop	rdx
	mov	rsp, rcx
	mov	[hidden_after], rdx
	ret

; From one hidden page to another, both across an end.
function hidden_pop_memory
	mov	rcx, rsp
	mov	rax, [hidden_at]
	lea	rsp, [rax + 0x1ffc]
	mov	qword [rsp], 0x12345678
	pop	qword [rax + 0x3ffc]
	mov	rsp, rcx
	mov	rdx, [rax + 0x3ffc]
	mov	[hidden_after], rdx
	ret

function hidden_call
	mov	rcx, rsp
	mov	rsp, [hidden_at]
	add	rsp, 0x1004
	call	.next
.next:
	pop	rdx
	mov	rsp, rcx
	lea	rax, [.next]
	cmp	rax, rdx
	sete	al
	movzx	eax, al
	mov	[hidden_after], rax
	ret

; 31 frame pointers out of two pages, 32 into two others, and the end in a fifth.
function hidden_enter
	mov	rcx, rsp
	mov	rdx, rbp
	mov	rax, [hidden_at]
	lea	rbp, [rax + 0x6074]
	lea	rsp, [rax + 0x4010]
	enter	0x1000, 31
	mov	[hidden_after], rsp
	mov	rsp, rcx
	mov	rbp, rdx
	ret

function hidden_fxsave
	mov	rax, [hidden_at]
	fxsave64 [rax + 0xff0]
	mov	eax, [rax + 0xff0 + 24]
	mov	[hidden_after], rax
	ret

function hidden_xsave
	mov	rcx, cr4
	mov	rax, rcx
	bts	rax, 18
	mov	cr4, rax
	mov	rsi, [hidden_at]
	pxor	xmm0, xmm0
	pcmpeqd	xmm0, xmm0
	fld1					; XCR0 need not have more than the x87
	mov	eax, -1
	mov	edx, eax
	mov	qword [rsi + 0xfc0 + 512], 0	; the rest of the header must not be ones
	xsave64	[rsi + 0xfc0]
	fstp	st0
	mov	rax, [rsi + 0xfc0 + 512]
	mov	[hidden_after], rax
	mov	cr4, rcx
	ret

function hidden_locked
	mov	rax, [hidden_at]
	lock inc qword [rax + 8]
	mov	rdx, [rax + 8]
	mov	[hidden_after], rdx
	ret

function hidden_sgdt
	mov	rax, [hidden_at]
	sgdt	[rax + 0xffd]
	sgdt	[own_gdt]
	mov	dx, [rax + 0xffd]
	cmp	dx, [own_gdt]
	sete	al
	movzx	eax, al
	mov	[hidden_after], rax
	ret

function hidden_descriptor
	mov	rax, [hidden_at]
	mov	rdx, 0x00cf92000000ffff
	mov	[rax + 0x10], rdx
	mov	word [own_gdt], 0x17
	mov	[own_gdt + 2], rax
	sgdt	[old_gdt]
	mov	ecx, es
	lgdt	[own_gdt]
	mov	edx, 0x10
	mov	es, edx
	lgdt	[old_gdt]
	xor	edx, edx
	mov	es, edx
	movzx	eax, byte [rax + 0x15]
	mov	[hidden_after], rax
	ret

function hidden_fetch
	jmp	[hidden_at]

function hidden_frame
	mov	rsp, [hidden_at]
	add	rsp, 0x1010
	ud2

section .data align=16
global hidden_at:data hidden
hidden_at:	dq 0
global hidden_after:data hidden
hidden_after:	dq 0
own_gdt:
	dw	0
	dq	0
old_gdt:
	dw	0
	dq	0

section .note.GNU-stack noalloc noexec nowrite progbits
