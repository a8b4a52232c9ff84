; SPDX-License-Identifier: MIT
;
; RDMSR, WRMSR and XSETBV that answer false instead of faulting. exc_handle() moves a #GP at one of the
; three instructions to x86_msr_fault. System V convention, nothing but caller-saved registers touched.

bits 64
default rel

global x86_rdmsr_safe:function hidden
global x86_wrmsr_safe:function hidden
global x86_xsetbv_safe:function hidden
global x86_rdmsr_insn:function hidden
global x86_wrmsr_insn:function hidden
global x86_xsetbv_insn:function hidden
global x86_msr_fault:function hidden

section .text

; bool x86_rdmsr_safe(uint32_t msr, uint64_t *value)
x86_rdmsr_safe:
	mov	ecx, edi
x86_rdmsr_insn:
	rdmsr
	mov	[rsi], eax
	mov	[rsi + 4], edx
	mov	eax, 1
	ret

; bool x86_wrmsr_safe(uint32_t msr, uint64_t value)
x86_wrmsr_safe:
	mov	ecx, edi
	mov	eax, esi
	mov	rdx, rsi
	shr	rdx, 32
x86_wrmsr_insn:
	wrmsr
	mov	eax, 1
	ret

; bool x86_xsetbv_safe(uint32_t index, uint64_t value)
x86_xsetbv_safe:
	mov	ecx, edi
	mov	eax, esi
	mov	rdx, rsi
	shr	rdx, 32
x86_xsetbv_insn:
	xsetbv
	mov	eax, 1
	ret

x86_msr_fault:
	xor	eax, eax
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
