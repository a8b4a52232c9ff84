; SPDX-License-Identifier: MIT
;
; Instructions that C has not, as functions with the System V convention. Prototypes: cpu.h and host.h.

bits 64
default rel
section .text

; uint64_t host_tsc(void)
global host_tsc:function hidden
host_tsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

; uint8_t cpu_in8(uint16_t port)
global cpu_in8:function hidden
cpu_in8:
	mov	edx, edi
	xor	eax, eax
	in	al, dx
	ret

; void cpu_out8(uint16_t port, uint8_t value)
global cpu_out8:function hidden
cpu_out8:
	mov	edx, edi
	mov	eax, esi
	out	dx, al
	ret

; void cpu_clear(void *at, size_t n_bytes)
global cpu_clear:function hidden
cpu_clear:
	mov	rcx, rsi
	shr	rcx, 3
	xor	eax, eax
	rep stosq
	ret

; void cpu_wait(void)
; Until an interrupt. STI holds interrupts off for one more instruction: none comes before HLT.
global cpu_wait:function hidden
cpu_wait:
	sti
	hlt
	ret

; void host_pause(void)
global host_pause:function hidden
host_pause:
	pause
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
