; SPDX-License-Identifier: MIT
;
; void linux_enter(const struct linux_start *start): Linux "64-bit Boot Protocol". Prototype: linux_enter.h.
; struct linux_start: RIP, RSI, CR3, GDT, and the GDT's limit of 16 bits.

bits 64
default rel
section .text

%define LINUX_CS 0x10
%define LINUX_DS 0x18

global linux_enter:function hidden
linux_enter:
	cli
	mov	rax, [rdi + 24]
	movzx	ecx, word [rdi + 32]
	sub	rsp, 16
	mov	[rsp + 6], cx
	mov	[rsp + 8], rax
	lgdt	[rsp + 6]
	mov	eax, LINUX_DS
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	rax, [rdi + 16]
	mov	rsi, [rdi + 8]
	push	LINUX_CS
	push	qword [rdi]
	mov	cr3, rax
	retfq

section .note.GNU-stack noalloc noexec nowrite progbits
