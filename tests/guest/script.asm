; SPDX-License-Identifier: MIT
;
; A guest that does what a list in its memory says, and notes what came of it: board.h has the other side, with the
; same numbers. Each entry of a list is 32 bytes: what to do, an argument, a value, the result, and the exception that
; it raised. Interrupts are noted in a ring. Every VP has an area of its own, at R15; R15 and RBX are never changed
; by an entry. FPU and vector registers are touched by the entries for them and by nothing else.

%include "tests/guest/guest.inc"

%define CODE	   0x1000
%define ACTIONS	   0x3000	; a byte for each vector
%define NESTED	   0x3400	; a dword for each vector: the list to run in its handler, or 0
%define GDT_POINTER 0x3800
%define IDT_POINTER 0x3810
%define AP_CODE	   0x6000
%define AREAS	   0x8000
%define AREA_BYTES 0x4000
%define TABLES	   0x18000

%define LOG	   0x800	; 64 entries of 16 bytes
%define N_LOG	   0xc00

%define ACTION_EOI_MMIO 0
%define ACTION_EOI_MSR	1
%define ACTION_STI	2

; What waits in RBX's entry.
%define ARGUMENT 4
%define VALUE	 8
%define RESULT	 16
%define FAULT	 24

%define APIC_EOI 0xfee000b0

GUEST script, 64
	jmp	near script_start
	align	16, nop

; One stub of 16 bytes for each vector.
%assign vector 0
%rep 256
	align	16, nop
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	nop
	nop
%else
	push	byte 0
%endif
	push	dword vector
	jmp	near script_event
%assign vector vector + 1
%endrep
	align	16, nop

script_event:
	push	rax
	push	rcx
	push	rdx
	push	rbx
	push	rsi
	push	rdi
	mov	ecx, [rsp + 48]
	cmp	ecx, 32
	jae	.interrupt
	cmp	ecx, 2
	je	.interrupt
	; The entry has failed; on with the next one.
	mov	eax, [rsp + 56]
	shl	rax, 32
	lea	rax, [rax + rcx + 0x100]
	mov	[rbx + FAULT], rax
	lea	rax, [rel script_next]
	mov	[rsp + 64], rax
	jmp	.out
.interrupt:
	mov	edi, [r15 + N_LOG]
	inc	qword [r15 + N_LOG]
	and	edi, 63
	shl	edi, 4
	add	rdi, r15
	mov	[rdi + LOG], ecx
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	[rdi + LOG + 8], rax
	mov	rax, [rsp + 64]
	mov	[rdi + LOG + 4], eax
	mov	ebx, [NESTED + rcx * 4]
	test	ebx, ebx
	jz	.eoi
	test	byte [ACTIONS + rcx], 1 << ACTION_STI
	jz	.nested
	sti
.nested:
	call	script_run
	cli
	mov	ecx, [rsp + 48]
.eoi:
	movzx	edi, byte [ACTIONS + rcx]
	bt	edi, ACTION_EOI_MMIO
	jnc	.no_mmio
	mov	eax, APIC_EOI
	mov	dword [rax], 0
.no_mmio:
	bt	edi, ACTION_EOI_MSR
	jnc	.out
	mov	ecx, 0x80b
	xor	eax, eax
	xor	edx, edx
	wrmsr
.out:
	pop	rdi
	pop	rsi
	pop	rbx
	pop	rdx
	pop	rcx
	pop	rax
	add	rsp, 16
	iretq

script_start:
	mov	rbx, r15
	call	script_run
	out	0xe0, al
	jmp	script_start

; The list at RBX, to its end.
script_run:
	mov	eax, [rbx]
	cmp	eax, (script_table_end - script_table) / 4
	jae	script_end
	lea	rdx, [rel script_table]
	movsxd	rax, dword [rdx + rax * 4]
	add	rax, rdx
	mov	ecx, [rbx + ARGUMENT]
	mov	rsi, [rbx + VALUE]
	jmp	rax
script_done:
	mov	[rbx + RESULT], rax
script_next:
	add	rbx, 32
	jmp	script_run

; board.h: enum op_code, in this order.
script_table:
	dd	script_end - script_table
	dd	op_read8 - script_table
	dd	op_read16 - script_table
	dd	op_read32 - script_table
	dd	op_read64 - script_table
	dd	op_write8 - script_table
	dd	op_write16 - script_table
	dd	op_write32 - script_table
	dd	op_write64 - script_table
	dd	op_or32 - script_table
	dd	op_xchg32 - script_table
	dd	op_rdmsr - script_table
	dd	op_wrmsr - script_table
	dd	op_read_cr0 - script_table
	dd	op_write_cr0 - script_table
	dd	op_read_cr4 - script_table
	dd	op_write_cr4 - script_table
	dd	op_read_cr8 - script_table
	dd	op_write_cr8 - script_table
	dd	op_read_dr - script_table
	dd	op_write_dr - script_table
	dd	op_sti - script_table
	dd	op_cli - script_table
	dd	op_hlt - script_table
	dd	op_sti_hlt_cli - script_table
	dd	op_rdtsc - script_table
	dd	op_rdtscp - script_table
	dd	op_monotonic - script_table
	dd	op_delay - script_table
	dd	op_wait_log - script_table
	dd	op_wait_memory - script_table
	dd	op_cpuid - script_table
	dd	op_xgetbv - script_table
	dd	op_xsetbv - script_table
	dd	op_fxsave - script_table
	dd	op_fxrstor - script_table
	dd	op_xsave - script_table
	dd	op_xsavec - script_table
	dd	op_xsaves - script_table
	dd	op_xrstor - script_table
	dd	op_xrstors - script_table
	dd	op_vzeroall - script_table
	dd	op_out - script_table
	dd	op_int80 - script_table
	dd	op_idle - script_table
script_table_end:

; ECX: address, RSI: value
op_read8:
	movzx	eax, byte [rcx]
	jmp	script_done
op_read16:
	movzx	eax, word [rcx]
	jmp	script_done
op_read32:
	mov	eax, [rcx]
	jmp	script_done
op_read64:
	mov	rax, [rcx]
	jmp	script_done
op_write8:
	mov	eax, esi
	mov	[rcx], al
	jmp	script_done
op_write16:
	mov	[rcx], si
	jmp	script_done
op_write32:
	mov	[rcx], esi
	jmp	script_done
op_write64:
	mov	[rcx], rsi
	jmp	script_done
op_or32:
	or	[rcx], esi
	jmp	script_done
op_xchg32:
	xchg	[rcx], esi
	mov	eax, esi
	jmp	script_done
op_rdmsr:
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	jmp	script_done
op_wrmsr:
	mov	rax, rsi
	mov	rdx, rsi
	shr	rdx, 32
	wrmsr
	jmp	script_done
op_read_cr0:
	mov	rax, cr0
	jmp	script_done
op_write_cr0:
	mov	cr0, rsi
	jmp	script_done
op_read_cr4:
	mov	rax, cr4
	jmp	script_done
op_write_cr4:
	mov	cr4, rsi
	jmp	script_done
op_read_cr8:
	mov	rax, cr8
	jmp	script_done
op_write_cr8:
	mov	cr8, rsi
	jmp	script_done
op_read_dr:
	mov	rax, dr0
	test	ecx, ecx
	jz	op_dr_done
	mov	rax, dr1
	dec	ecx
	jz	op_dr_done
	mov	rax, dr2
	dec	ecx
	jz	op_dr_done
	mov	rax, dr3
	dec	ecx
	jz	op_dr_done
	mov	rax, dr6
	cmp	ecx, 3
	je	op_dr_done
	mov	rax, dr7
op_dr_done:
	jmp	script_done
op_write_dr:
	cmp	ecx, 6
	je	op_write_dr6
	ja	op_write_dr7
	cmp	ecx, 2
	je	op_write_dr2
	ja	op_write_dr3
	test	ecx, ecx
	jz	op_write_dr0
	mov	dr1, rsi
	jmp	script_done
op_write_dr0:
	mov	dr0, rsi
	jmp	script_done
op_write_dr2:
	mov	dr2, rsi
	jmp	script_done
op_write_dr3:
	mov	dr3, rsi
	jmp	script_done
op_write_dr6:
	mov	dr6, rsi
	jmp	script_done
op_write_dr7:
	mov	dr7, rsi
	jmp	script_done
op_sti:
	sti
	nop
	nop
	jmp	script_done
op_cli:
	cli
	jmp	script_done
op_hlt:
	hlt
	jmp	script_done
op_sti_hlt_cli:
	sti
	hlt
	cli
	jmp	script_done
op_rdtsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	jmp	script_done
; TSC_AUX replaces the value.
op_rdtscp:
	rdtscp
	mov	[rbx + VALUE], rcx
	shl	rdx, 32
	or	rax, rdx
	jmp	script_done
; RSI times: the TSC, with an exit between every two if ECX. How often it did not go forwards.
op_monotonic:
	push	rbx
	push	rcx
	xor	edi, edi
	push	rdi
op_monotonic_next:
	cmp	dword [rsp + 8], 0
	je	op_monotonic_read
	xor	eax, eax
	cpuid
op_monotonic_read:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, rdi
	ja	op_monotonic_good
	inc	qword [rsp]
op_monotonic_good:
	mov	rdi, rax
	dec	rsi
	jnz	op_monotonic_next
	pop	rax
	pop	rcx
	pop	rbx
	jmp	script_done
; RSI ticks
op_delay:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rsi, rax
op_delay_next:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, rsi
	jb	op_delay_next
	jmp	script_done
; Until RSI interrupts have been noted, ECX looks at most.
op_wait_log:
	mov	rax, [r15 + N_LOG]
	cmp	rax, rsi
	jae	op_wait_log_done
	pause
	dec	ecx
	jnz	op_wait_log
op_wait_log_done:
	jmp	script_done
; Until the dword at ECX is ESI.
op_wait_memory:
	pause
	mov	eax, [rcx]
	cmp	eax, esi
	jne	op_wait_memory
	jmp	script_done
; Leaf ECX, subleaf ESI: EAX and EBX, ECX and EDX for the value.
op_cpuid:
	mov	rdi, rbx
	mov	eax, ecx
	mov	ecx, esi
	cpuid
	xchg	rbx, rdi
	shl	rdi, 32
	or	rax, rdi
	shl	rdx, 32
	or	rcx, rdx
	mov	[rbx + VALUE], rcx
	jmp	script_done
op_xgetbv:
	xgetbv
	shl	rdx, 32
	or	rax, rdx
	jmp	script_done
op_xsetbv:
	mov	rax, rsi
	mov	rdx, rsi
	shr	rdx, 32
	xsetbv
	jmp	script_done
; RSI: where; ECX: low half of the mask
op_fxsave:
	fxsave64 [rsi]
	jmp	script_done
op_fxrstor:
	fxrstor64 [rsi]
	jmp	script_done
op_xsave:
	mov	eax, ecx
	xor	edx, edx
	xsave64	[rsi]
	jmp	script_done
op_xsavec:
	mov	eax, ecx
	xor	edx, edx
	xsavec64 [rsi]
	jmp	script_done
op_xsaves:
	mov	eax, ecx
	xor	edx, edx
	xsaves64 [rsi]
	jmp	script_done
op_xrstor:
	mov	eax, ecx
	xor	edx, edx
	xrstor64 [rsi]
	jmp	script_done
op_xrstors:
	mov	eax, ecx
	xor	edx, edx
	xrstors64 [rsi]
	jmp	script_done
op_vzeroall:
	vzeroall
	jmp	script_done
; Port ECX
op_out:
	mov	edx, ecx
	mov	eax, esi
	out	dx, al
	jmp	script_done
op_int80:
	int	0x80
	jmp	script_done
; For ever, with interrupts on.
op_idle:
	sti
op_idle_next:
	hlt
	jmp	op_idle_next

script_end:
	ret
END_GUEST script

; Where a SIPI starts a VP: to 64-bit code, and to the list of its own area.
GUEST script_ap, 16
	cli
	xor	ax, ax
	mov	ds, ax
	o32 lgdt [GDT_POINTER]
	mov	eax, 0x220		; PAE, OSFXSR
	mov	cr4, eax
	mov	eax, TABLES
	mov	cr3, eax
	mov	ecx, 0xc0000080
	mov	eax, 0x900		; LME, NXE
	xor	edx, edx
	wrmsr
	mov	eax, 0x80000031		; PG, NE, ET, PE
	mov	cr0, eax
	jmp	dword 8:(AP_CODE + .long - guest_script_ap)
bits 64
.long:
	mov	eax, 16
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	lidt	[IDT_POINTER]
	mov	eax, 1
	cpuid
	shr	ebx, 24
	imul	r15d, ebx, AREA_BYTES
	add	r15d, AREAS
	lea	rsp, [r15 + AREA_BYTES]
	mov	eax, CODE
	jmp	rax
END_GUEST script_ap

section .note.GNU-stack noalloc noexec nowrite progbits
