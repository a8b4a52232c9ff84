; SPDX-License-Identifier: MIT
;
; See probe.h. A fault in the probed function never returns to it: the stubs unwind to the stack pointer that
; the probe saved. Only #UD, #GP and #PF have gates; interrupts are off.

bits 64
default rel

KERNEL_CODE	equ 0x08
KERNEL_DATA	equ 0x10
USER_DATA	equ 0x18 | 3
USER_CODE	equ 0x20 | 3
TSS_SELECTOR	equ 0x28

%macro function 1
global %1:function hidden
%1:
%endmacro

%macro PUSH_SAVED 0
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	pushfq
	cli
%endmacro

%macro POP_SAVED 0
	popfq
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
%endmacro

; A gate to %2, of vector %1: offset is filled in by probe_init.
%macro STUB 2
%2:
	mov	eax, %1
	jmp	unwind
%endmacro

section .text

function probe_call
	PUSH_SAVED
	sidt	[old_idt]
	sgdt	[old_gdt]
	mov	rax, cr3
	mov	[old_cr3], rax
	mov	[old_cs], cs
	mov	[old_ss], ss
	mov	[saved_rsp], rsp
	lgdt	[new_gdt]
	lidt	[new_idt]
	push	KERNEL_CODE
	lea	rax, [.in]
	push	rax
	retfq
.in:
	call	rdi
	xor	eax, eax

; EAX is the answer. The stack, the tables and the segments become what they were.
unwind:
	mov	rsp, [saved_rsp]
	mov	rcx, [old_cr3]
	mov	cr3, rcx
	lgdt	[old_gdt]
	movzx	ecx, word [old_ss]
	mov	ss, cx
	movzx	ecx, word [old_cs]
	push	rcx
	lea	rcx, [.out]
	push	rcx
	retfq
.out:
	lidt	[old_idt]
	POP_SAVED
	ret

function probe_ring3
	PUSH_SAVED
	sidt	[old_idt]
	sgdt	[old_gdt]
	mov	rax, cr3
	mov	[old_cr3], rax
	mov	[old_cs], cs
	mov	[old_ss], ss
	mov	[saved_rsp], rsp
	lgdt	[new_gdt]
	lidt	[new_idt]
	mov	cr3, rsi
	; The TSS descriptor may be busy from the last time.
	and	byte [gdt + TSS_SELECTOR + 5], ~2
	mov	ax, TSS_SELECTOR
	ltr	ax
	push	USER_DATA
	lea	rax, [user_stack_end]
	push	rax
	push	2
	push	USER_CODE
	push	rdi
	iretq

STUB 6, stub_ud
STUB 13, stub_gp
STUB 14, stub_pf

%macro HYPERCALL_PROBE 1
function probe_%1
	mov	eax, 0x100
	%1
	cmp	rsp, [saved_rsp]	; ring 0 has returned to probe_call's stack
	ja	%%user
	push	rax
	mov	ax, cs
	test	al, 3
	pop	rax
	jnz	%%user
	ret
%%user:
	hlt
	jmp	%%user
%endmacro

HYPERCALL_PROBE vmcall
HYPERCALL_PROBE vmmcall

; Of AMD-V, with the address of no VMCB.
%macro SVM_PROBE 1
function probe_%1
	xor	eax, eax
	xor	ecx, ecx
	%1
	ret
%endmacro

SVM_PROBE vmrun
SVM_PROBE vmload
SVM_PROBE vmsave
SVM_PROBE stgi
SVM_PROBE clgi
SVM_PROBE skinit
SVM_PROBE invlpga

function probe_vmxon
	vmxon	[operand]
	ret

function probe_vmxoff
	vmxoff
	ret

function probe_vmptrld
	vmptrld	[operand]
	ret

function probe_vmread
	xor	eax, eax
	vmread	rcx, rax
	ret

function probe_invept
	mov	eax, 2
	invept	rax, [operand]
	ret

function probe_set_vmxe
	mov	rax, cr4
	bts	rax, 13
	mov	cr4, rax
	btr	rax, 13
	mov	cr4, rax
	ret

function probe_read_vmx_basic
	mov	ecx, 0x480
	rdmsr
	ret

function probe_write_vmx_basic
	mov	ecx, 0x480
	xor	eax, eax
	xor	edx, edx
	wrmsr
	ret

function probe_rdmsr
	mov	ecx, [probe_msr]
	rdmsr
	ret

function probe_wrmsr
	mov	ecx, [probe_msr]
	mov	eax, [probe_value]
	mov	edx, [probe_value + 4]
	wrmsr
	ret

function probe_xsetbv_bad
	xor	ecx, ecx
	xor	eax, eax
	xor	edx, edx
	xsetbv
	ret

; The addresses that cannot be written here, since the image is relocated.
function probe_init
	lea	rax, [gdt]
	mov	[new_gdt + 2], rax
	lea	rax, [idt]
	mov	[new_idt + 2], rax
	lea	rax, [kernel_stack_end]
	mov	[tss + 4], rax
	lea	rax, [tss]
	mov	[gdt + TSS_SELECTOR + 2], ax
	shr	rax, 16
	mov	[gdt + TSS_SELECTOR + 4], al
	mov	[gdt + TSS_SELECTOR + 7], ah
	shr	rax, 16
	mov	[gdt + TSS_SELECTOR + 8], eax
	lea	rax, [stub_ud]
	mov	edi, 6
	call	set_gate
	lea	rax, [stub_gp]
	mov	edi, 13
	call	set_gate
	lea	rax, [stub_pf]
	mov	edi, 14

; RAX: handler, EDI: vector.
set_gate:
	shl	edi, 4
	lea	rcx, [idt]
	add	rcx, rdi
	mov	[rcx], ax
	mov	word [rcx + 2], KERNEL_CODE
	mov	word [rcx + 4], 0x8e00
	shr	rax, 16
	mov	[rcx + 6], ax
	shr	rax, 16
	mov	[rcx + 8], eax
	ret

section .data align=16
gdt:
	dq	0
	dq	0x00af9b000000ffff
	dq	0x00cf93000000ffff
	dq	0x00cff3000000ffff
	dq	0x00affb000000ffff
	dq	0x0000890000000067
	dq	0
gdt_end:

new_gdt:
	dw	gdt_end - gdt - 1
	dq	0
new_idt:
	dw	16 * 16 - 1
	dq	0
old_gdt:
	dw	0
	dq	0
old_idt:
	dw	0
	dq	0
align 16
old_cr3:	dq 0
saved_rsp:	dq 0
old_cs:		dw 0
old_ss:		dw 0
align 16
global probe_msr:data hidden
global probe_value:data hidden
probe_value:	dq 0
probe_msr:	dd 0
align 16
operand:	times 16 db 0
idt:		times 16 * 16 db 0
tss:		times 0x68 db 0
align 16
user_stack:	times 512 db 0
user_stack_end:
kernel_stack:	times 512 db 0
kernel_stack_end:

section .note.GNU-stack noalloc noexec nowrite progbits
