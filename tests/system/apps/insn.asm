; SPDX-License-Identifier: MIT
;
; See insn.h.

bits 64
default rel

%macro function 1
global %1:function hidden
%1:
%endmacro

section .text

function insn_cpuid
	mov	r8, rdx
	mov	r9, rbx
	mov	eax, edi
	mov	ecx, esi
	cpuid
	mov	[r8], eax
	mov	[r8 + 4], ebx
	mov	[r8 + 8], ecx
	mov	[r8 + 12], edx
	mov	rbx, r9
	ret

function insn_rdmsr
	mov	ecx, edi
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	ret

function insn_wrmsr
	mov	ecx, edi
	mov	rax, rsi
	mov	rdx, rsi
	shr	rdx, 32
	wrmsr
	ret

function insn_read_cr3
	mov	rax, cr3
	ret

function insn_write_cr3
	mov	cr3, rdi
	ret

function insn_cli
	cli
	ret

function insn_inb
	mov	edx, edi
	in	al, dx
	ret

function insn_outb
	mov	edx, edi
	mov	eax, esi
	out	dx, al
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
