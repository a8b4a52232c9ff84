; SPDX-License-Identifier: MIT
;
; Code whose first instruction is the one that exits. Registers are set by the test.

%include "tests/guest/guest.inc"

; The same bytes in every mode.
GUEST halt, 16
.next:
	hlt
	jmp	.next
END_GUEST halt


; Ports

GUEST out8_imm, 32
	out	0x80, al
	hlt
END_GUEST out8_imm

GUEST in8_imm, 32
	in	al, 0x71
	hlt
END_GUEST in8_imm

GUEST out8, 32
	out	dx, al
	hlt
END_GUEST out8

GUEST out16, 32
	out	dx, ax
	hlt
END_GUEST out16

GUEST out32, 32
	out	dx, eax
	hlt
END_GUEST out32

GUEST in8, 32
	in	al, dx
	hlt
END_GUEST in8

GUEST in16, 32
	in	ax, dx
	hlt
END_GUEST in16

GUEST in32, 32
	in	eax, dx
	hlt
END_GUEST in32

GUEST out32_real, 16
	out	dx, eax
	hlt
END_GUEST out32_real

GUEST outsb, 32
	outsb
	hlt
END_GUEST outsb

GUEST rep_outsw, 32
	rep outsw
	hlt
END_GUEST rep_outsw

GUEST insd, 32
	insd
	hlt
END_GUEST insd

GUEST rep_insb, 32
	rep insb
	hlt
END_GUEST rep_insb

; Memory, at [EBX]

GUEST read8, 32
	mov	al, [ebx]
	hlt
END_GUEST read8

GUEST read32, 32
	mov	eax, [ebx]
	hlt
END_GUEST read32

GUEST write8, 32
	mov	[ebx], al
	hlt
END_GUEST write8

GUEST write32, 32
	mov	[ebx], eax
	hlt
END_GUEST write32

GUEST add32, 32
	add	[ebx], eax
	hlt
END_GUEST add32

GUEST jump, 32
	jmp	ebx
END_GUEST jump

GUEST read64, 64
	mov	rax, [rbx]
	hlt
END_GUEST read64

GUEST write64, 64
	mov	[rbx], rax
	hlt
END_GUEST write64

; Exceptions, and instructions that are not the child's

GUEST ud2, 32
	ud2
	hlt
END_GUEST ud2

GUEST vmcall, 32
	vmcall
	hlt
END_GUEST vmcall

GUEST vmmcall, 32
	vmmcall
	hlt
END_GUEST vmmcall

GUEST vmxoff, 32
	vmxoff
	hlt
END_GUEST vmxoff

GUEST rdmsr, 32
	rdmsr
	hlt
END_GUEST rdmsr

GUEST wrmsr, 32
	wrmsr
	hlt
END_GUEST wrmsr

GUEST cpuid, 32
	cpuid
	hlt
END_GUEST cpuid

GUEST cr4_vmxe, 32
	mov	eax, cr4
	or	eax, 1 << 13
	mov	cr4, eax
	hlt
END_GUEST cr4_vmxe

; Interrupts and time

; With interrupts enabled from here on. The first instruction after STI is in its shadow.
GUEST sti_nops, 32
	nop
	sti
	nop
	nop
	nop
	hlt
END_GUEST sti_nops

GUEST iretq, 64
	iretq
END_GUEST iretq

GUEST loop_forever, 32
.next:
	jmp	.next
END_GUEST loop_forever

; ECX times round.
GUEST loop_long, 32
.next:
	dec	ecx
	jnz	.next
	hlt
END_GUEST loop_long

; Every general register plus one.
GUEST increment_all, 64
	inc	rax
	inc	rcx
	inc	rdx
	inc	rbx
	inc	rsp
	inc	rbp
	inc	rsi
	inc	rdi
	inc	r8
	inc	r9
	inc	r10
	inc	r11
	inc	r12
	inc	r13
	inc	r14
	inc	r15
	hlt
END_GUEST increment_all

; After reset all x87 registers are in use, hence FNINIT.
GUEST touch_fpu, 64
	paddq	xmm0, xmm15
	fninit
	fld1
	hlt
END_GUEST touch_fpu

section .note.GNU-stack noalloc noexec nowrite progbits
