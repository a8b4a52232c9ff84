; SPDX-License-Identifier: MIT
;
; Shadows, windows, single steps and task switches. HLT is the last byte.

%include "tests/guest/guest.inc"

%macro ONE 3+
GUEST %1, %2
	%3
	hlt
END_GUEST %1
%endmacro

; Shadows: the instruction behind STI and MOV SS exits, or is one that the hypervisor does.
GUEST sti_out, 64
	sti
	out	0x80, al
	nop
	hlt
END_GUEST sti_out

GUEST mov_ss_out, 64
	mov	ss, edx
	out	0x80, al
	nop
	hlt
END_GUEST mov_ss_out

GUEST sti_cpuid, 64
	sti
	cpuid
	nop
	nop
	hlt
END_GUEST sti_cpuid

GUEST mov_ss_cpuid, 64
	mov	ss, edx
	cpuid
	nop
	nop
	hlt
END_GUEST mov_ss_cpuid

GUEST nop_sti_nop, 64
	nop
	nop
	sti
	nop
	nop
	hlt
END_GUEST nop_sti_nop

GUEST lower_cr8, 64
	nop
	mov	cr8, rax
	nop
	nop
	hlt
END_GUEST lower_cr8

; With the APIC in the hypervisor HLT sleeps inside Run.
GUEST sti_hlt, 64
	sti
	hlt
	out	0x80, al
END_GUEST sti_hlt

; A single step across a shadow: MOV SS holds it back, STI does not.
GUEST mov_ss_int1, 64
	mov	ss, edx
	db	0xf1
	hlt
END_GUEST mov_ss_int1

GUEST sti_step, 64
	sti
	nop
	nop
	hlt
END_GUEST sti_step

; Returns to the HLT behind itself, with RFLAGS out of RDX.
GUEST nmi_return, 64
	nop
	mov	rcx, rsp
	push	16
	push	rcx
	push	rdx
	push	8
	lea	rax, [rel .to]
	push	rax
	nop
	iretq
.to:
	nop
	nop
	hlt
END_GUEST nmi_return

; Task switches. 0x40 is a TSS, and so is what vector 0x50 leads to.
ONE task_call, 32, call 0x40:0
ONE task_jump, 32, jmp 0x40:0
ONE task_return, 32, iret
ONE task_int, 32, int 0x50
ONE task_fault, 32, ud2

; Single steps over what the hypervisor does for the guest. R14: where the handler notes RIP.
%macro STEP 1+
	%1
%%after:
%assign n_steps n_steps + 1
step_ %+ n_steps equ %%after - guest_steps
%endmacro

%assign n_steps 0
GUEST steps, 64
	STEP nop
	STEP cpuid
	STEP rdtsc
	STEP mov rax, cr8
	STEP mov cr8, rax
	STEP mov rax, dr0
	STEP mov dr0, rax
	STEP mov rax, cr0
	STEP mov cr0, rax
	STEP mov rax, cr3
	STEP mov cr3, rax
	STEP mov rax, cr4
	STEP mov cr4, rax
	STEP clts
	STEP wbinvd
	STEP mov ecx, 0x277
	STEP rdmsr
	STEP wrmsr
	STEP mov eax, 16
	mov	ss, eax		; no step ends in its shadow
	STEP cpuid
	mov	ss, eax
	STEP nop
	STEP mov rax, cr8
	hlt
END_GUEST steps

GUEST steps_at, 64
%assign i 1
%rep n_steps
	db	step_ %+ i
%assign i i + 1
%endrep
END_GUEST steps_at

GUEST steps_handler, 64
	xchg	rax, [rsp]
	mov	[r14], rax
	xchg	rax, [rsp]
	add	r14, 8
	iretq
END_GUEST steps_handler

; Data breakpoints: RBX.
GUEST touch, 64
	nop
	mov	eax, [rbx]
	nop
	mov	[rbx], eax
	nop
	hlt
END_GUEST touch

section .note.GNU-stack noalloc noexec nowrite progbits
