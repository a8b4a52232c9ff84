; SPDX-License-Identifier: MIT
;
; The root's NMIs, counted on one processor. System V convention.
;
;   void nmi_take(void *idt)		from now on this processor's IDT is a copy at `idt` (4 KiB), which counts NMIs
;   void nmi_give_back(void)		its IDT is that of before again
;   extern volatile uint32_t nmi_count

bits 64
default rel

global nmi_take:function hidden
global nmi_give_back:function hidden
global nmi_count:data hidden

section .text

nmi_take:
	sidt	[before]
	movzx	ecx, word [before]
	inc	ecx
	mov	rsi, [before + 2]
	mov	[taken + 2], rdi
	mov	ax, [before]
	mov	[taken], ax
	mov	rdx, rdi
	cld
	rep movsb
	lea	rax, [entry]
	mov	[rdx + 2 * 16], ax
	mov	ecx, cs
	mov	[rdx + 2 * 16 + 2], cx
	mov	word [rdx + 2 * 16 + 4], 0x8e00
	shr	rax, 16
	mov	[rdx + 2 * 16 + 6], ax
	shr	rax, 16
	mov	[rdx + 2 * 16 + 8], eax
	lidt	[taken]
	ret

nmi_give_back:
	lidt	[before]
	ret

entry:
	lock inc dword [nmi_count]
	iretq

section .data
align 4
nmi_count:
	dd	0
before:
	times 10 db 0
taken:
	times 10 db 0

section .note.GNU-stack noalloc noexec nowrite progbits
