; SPDX-License-Identifier: MIT
;
; Loops for bench.c, System V convention: void bench_NAME(uint64_t n). They differ in nothing but the
; instruction that is measured.

%include "tests/bench/calls.inc"

bits 64
default rel

%macro LOOP 1-2+
global bench_%1:function hidden
bench_%1:
	push	rbx
.next:
	mov	eax, WHIT_CALL_VERSION
	xor	ecx, ecx
	%2
	dec	rdi
	jnz	.next
	pop	rbx
	ret
%endmacro

section .text

LOOP nothing
LOOP vmcall, vmcall
LOOP vmmcall, vmmcall
LOOP cpuid, cpuid

global bench_tsc:function hidden
bench_tsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
