; SPDX-License-Identifier: MIT
;
; One exception each, by nature at the first instruction unless it says otherwise; HLT is the last byte. What makes
; them fault is in the registers and tables that the test sets.

%include "tests/guest/guest.inc"

%macro ONE 3+
GUEST raise_%1, %2
	%3
	hlt
END_GUEST raise_%1
%endmacro

; The same bytes in every mode.
ONE divide, 16, div cl
ONE int1, 16, db 0xf1
ONE int3, 16, int3
ONE into, 16, into
ONE ud2, 16, ud2
ONE fnop, 16, fnop
ONE nop, 16, nop
ONE load_ds, 16, mov ds, ax
ONE load_ss, 16, mov ss, ax

ONE bound, 32, bound eax, [ebx]
ONE bound_real, 16, bound ax, [bx]
ONE limit_real, 16, mov eax, [bx]
ONE stack_limit_real, 16, mov eax, [bp]
ONE iret, 32, iret
ONE read_stack, 64, mov eax, [rbp]
ONE read, 64, mov eax, [rbx]
ONE write, 64, mov [rbx], eax
ONE fetch, 64, call rbx
ONE read32, 32, mov eax, [ebx]
ONE rdmsr, 32, rdmsr
ONE rdpmc, 32, rdpmc
ONE wrmsr, 32, wrmsr
ONE vmxoff, 32, vmxoff
ONE read_dr0, 64, mov rax, dr0
ONE int_80, 32, int 0x80

; Unmasked division by zero, of the x87 and of SSE: pending until FWAIT, and at once.
GUEST raise_x87, 64
	fninit
	push	0x37b
	fldcw	[rsp]
	pop	rax
	fld1
	fldz
	fdivp
	fwait
	hlt
END_GUEST raise_x87

GUEST raise_sse, 64
	push	0x1d80
	ldmxcsr	[rsp]
	pop	rax
	mov	eax, 0x3f800000	; 1.0
	movd	xmm1, eax
	xorps	xmm0, xmm0
	divss	xmm1, xmm0
	hlt
END_GUEST raise_sse

section .note.GNU-stack noalloc noexec nowrite progbits
