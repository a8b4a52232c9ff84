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

section .note.GNU-stack noalloc noexec nowrite progbits
