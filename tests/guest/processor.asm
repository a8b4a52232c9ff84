; SPDX-License-Identifier: MIT
;
; What a processor can be asked for, as a list that the test writes into the guest's memory: see inquiry.h. An
; exception is noted, and the instruction passed over.

%include "tests/guest/guest.inc"

; Fields of struct inquiry_op.
%define OP_KIND	  0
%define OP_NUMBER 4
%define OP_SUB	  8
%define OP_FAULT  12	; 0, or vector + 1
%define OP_VALUE  16	; in
%define OP_RESULT 24	; EAX EBX ECX EDX, or a value in RAX
%define OP_SIZE	  40

%define XSAVE_AREA 0x30000

; RSI: the list, whose end has a kind that does not exist. R15: where a fault goes on.
GUEST processor, 64
.next:
	mov	dword [rsi + OP_FAULT], 0
	mov	edi, [rsi + OP_KIND]
	mov	ecx, [rsi + OP_NUMBER]
	mov	rax, [rsi + OP_VALUE]
	mov	rdx, rax
	shr	rdx, 32
	lea	r15, [rel .done]
	cmp	edi, 0
	je	.cpuid
	cmp	edi, 1
	je	.rdmsr
	cmp	edi, 2
	je	.wrmsr
	cmp	edi, 3
	je	.xgetbv
	cmp	edi, 4
	je	.xsetbv
	cmp	edi, 5
	je	.write_cr4
	cmp	edi, 6
	je	.read_cr4
	cmp	edi, 7
	je	.rdtscp
	cmp	edi, 8
	je	.write_cr0
	cmp	edi, 9
	je	.invpcid
	cmp	edi, 10
	je	.xsaves
	cmp	edi, 11
	je	.rdpmc
	cmp	edi, 12
	je	.vmovaps
	cmp	edi, 13
	je	.rdpid
	cmp	edi, 14
	je	.wrfsbase
	hlt
.cpuid:
	mov	eax, ecx
	mov	ecx, [rsi + OP_SUB]
	cpuid
	mov	[rsi + OP_RESULT], eax
	mov	[rsi + OP_RESULT + 4], ebx
	mov	[rsi + OP_RESULT + 8], ecx
	mov	[rsi + OP_RESULT + 12], edx
	jmp	.done
.rdmsr:
	rdmsr
	jmp	.pair
.wrmsr:
	wrmsr
	jmp	.done
.xgetbv:
	xgetbv
	jmp	.pair
.xsetbv:
	xsetbv
	jmp	.done
.write_cr4:
	mov	cr4, rax
	jmp	.done
.read_cr4:
	mov	rax, cr4
	jmp	.value
.rdtscp:
	rdtscp
	mov	eax, ecx
	xor	edx, edx
	jmp	.pair
.write_cr0:
	mov	cr0, rax
	jmp	.done
.invpcid:
	xor	eax, eax
	lea	rbx, [rsi + OP_RESULT]
	mov	qword [rbx], 0
	mov	qword [rbx + 8], 0
	invpcid	rax, [rbx]
	jmp	.done
.xsaves:
	xor	eax, eax
	xor	edx, edx
	mov	ebx, XSAVE_AREA
	xsaves	[rbx]
	jmp	.done
.rdpmc:
	rdpmc
	jmp	.pair
.vmovaps:
	vmovaps	ymm0, ymm1
	jmp	.done
.rdpid:
	db	0xf3, 0x0f, 0xc7, 0xf8	; RAX
	jmp	.value
.wrfsbase:
	db	0xf3, 0x48, 0x0f, 0xae, 0xd0
	jmp	.done
.pair:
	mov	ecx, edx
	shl	rcx, 32
	mov	eax, eax
	or	rax, rcx
.value:
	mov	[rsi + OP_RESULT], rax
.done:
	add	rsi, OP_SIZE
	jmp	.next
END_GUEST processor

; The handler of a vector: %1 is what OP_FAULT gets, %2 is 1 with an error code.
%macro HANDLER 3
GUEST processor_%1, 64
%if %3
	add	rsp, 8
%endif
	mov	dword [rsi + OP_FAULT], %2 + 1
	mov	[rsp], r15
	iretq
END_GUEST processor_%1
%endmacro

HANDLER ud, 6, 0
HANDLER nm, 7, 0
HANDLER gp, 13, 1
HANDLER pf, 14, 1

section .note.GNU-stack noalloc noexec nowrite progbits
