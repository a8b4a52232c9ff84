; SPDX-License-Identifier: MIT
;
; What the children of tests/bench/bench.c run.

%include "tests/guest/guest.inc"

; EDI times: CPUID; then HLT.
GUEST bench_cpuid_loop, 64
.next:
	xor	eax, eax
	cpuid
	dec	edi
	jnz	.next
	hlt
END_GUEST bench_cpuid_loop

; The same without it.
GUEST bench_empty_loop, 64
.next:
	xor	eax, eax
	dec	edi
	jnz	.next
	hlt
END_GUEST bench_empty_loop

GUEST bench_cpuid, 64
.next:
	cpuid
	jmp	.next
END_GUEST bench_cpuid

GUEST bench_out, 64
.next:
	out	0x80, al
	jmp	.next
END_GUEST bench_out

GUEST bench_in, 64
.next:
	in	al, 0x80
	jmp	.next
END_GUEST bench_in

GUEST bench_mmio_write, 64
	mov	ebx, MMIO
.next:
	mov	[rbx], eax
	jmp	.next
END_GUEST bench_mmio_write

GUEST bench_mmio_read, 64
	mov	ebx, MMIO
.next:
	mov	eax, [rbx]
	jmp	.next
END_GUEST bench_mmio_read

GUEST bench_rep_outsb, 64
	mov	edx, 0x402
.next:
	mov	esi, DATA
	mov	ecx, 4
	rep outsb
	jmp	.next
END_GUEST bench_rep_outsb

GUEST bench_halt, 64
.next:
	hlt
	jmp	.next
END_GUEST bench_halt

; For the three loops of the APIC: EDI is how many; 16 bytes in is the handler, which counts in EBP and ends the
; interrupt. RAX: ticks from the first to the last, at the OUT.
%macro APIC_LOOP 1
GUEST bench_%1, 64
	jmp	short .main
	times 16 - ($ - guest_bench_%1) nop
	inc	ebp
	mov	dword [rbx], 0
	iretq
.main:
	mov	ebx, 0xfee000b0
	mov	r8d, 0xfee00300
	xor	ebp, ebp
	xor	r9d, r9d
	rdtsc
	mov	esi, eax
%endmacro

%macro END_APIC_LOOP 1
	cli
	rdtsc
	sub	eax, esi
	out	0xe0, al
END_GUEST bench_%1
%endmacro

; They are all pending; RFLAGS.IF lets them in.
APIC_LOOP apic_take
	sti
.next:
	cmp	ebp, edi
	jb	.next
END_APIC_LOOP apic_take

; To itself, one after the other.
APIC_LOOP apic_self
	sti
.next:
	inc	r9d
	mov	dword [r8], 0x40040
.wait:
	cmp	ebp, r9d
	jb	.wait
	cmp	r9d, edi
	jb	.next
END_APIC_LOOP apic_self

; To the VP with the ID 1, which takes none.
APIC_LOOP apic_send
	mov	dword [r8 + 0x10], 1 << 24
.next:
	mov	dword [r8], 0x40
	dec	edi
	jnz	.next
END_APIC_LOOP apic_send

; The TSC deadline, R10D ticks from now, again and again.
APIC_LOOP apic_deadline
	mov	dword [r8 + 0x20], 0x40040
	sti
.next:
	inc	r9d
	rdtsc
	add	eax, r10d
	adc	edx, 0
	mov	ecx, 0x6e0
	wrmsr
.wait:
	cmp	ebp, r9d
	jb	.wait
	cmp	r9d, edi
	jb	.next
END_APIC_LOOP apic_deadline

; All of XCR0 enabled, and a register of each kind used; then as bench_out.
GUEST bench_out_xsave, 64
	mov	rax, cr4
	bts	rax, 18
	mov	cr4, rax
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	xor	ecx, ecx
	xsetbv
	mov	ebx, eax
	pcmpeqd	xmm1, xmm1
	test	bl, 4
	jz	.next
	vorps	ymm2, ymm1, ymm1
	test	bl, 0x80
	jz	.next
	kxnorw	k1, k1, k1
	vpternlogd zmm17, zmm17, zmm17, 0xff
.next:
	out	0x80, al
	jmp	.next
END_GUEST bench_out_xsave

section .note.GNU-stack noalloc noexec nowrite progbits
