; SPDX-License-Identifier: MIT
;
; The instructions that the platform needs and C has not, for 64-bit ring-0 code with the System V
; convention. Prototypes: root/call/platform.h, root/call/uefi/cpu.h.

bits 64
default rel
section .text

; void uefi_take_interrupts(void)
; STI holds interrupts off for one more instruction: hence the NOP.
global uefi_take_interrupts:function hidden
uefi_take_interrupts:
	pushfq
	sti
	nop
	popfq
	ret

; void uefi_take_interrupts_by(const struct x86_table *idt rdi)
; The limit stands 6 bytes into struct x86_table.
global uefi_take_interrupts_by:function hidden
uefi_take_interrupts_by:
	sub	rsp, 16
	sidt	[rsp + 6]
	lidt	[rdi + 6]
	sti
	nop
	cli
	lidt	[rsp + 6]
	add	rsp, 16
	ret

; void uefi_get_idt(struct x86_table *idt rdi)
global uefi_get_idt:function hidden
uefi_get_idt:
	sidt	[rdi + 6]
	ret

; void uefi_return(void)
global uefi_return:function hidden
uefi_return:
	iretq

; uint64_t platform_hold_interrupts(void): RFLAGS as they were
global platform_hold_interrupts:function hidden
platform_hold_interrupts:
	pushfq
	pop	rax
	cli
	ret

; void platform_release_interrupts(uint64_t held rdi)
global platform_release_interrupts:function hidden
platform_release_interrupts:
	push	rdi
	popfq
	ret

; void uefi_sleep(uint64_t held rdi)
; No interrupt comes between STI and HLT.
global uefi_sleep:function hidden
uefi_sleep:
	sti
	hlt
	push	rdi
	popfq
	ret

; uint64_t uefi_tsc(void)
global uefi_tsc:function hidden
uefi_tsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

; void platform_clear(void *at rdi, size_t n_bytes rsi)
; libefi's memset works byte by byte, which an emulator feels.
global platform_clear:function hidden
platform_clear:
	mov	rcx, rsi
	shr	rcx, 3
	xor	eax, eax
	rep stosq
	ret

; void uefi_copy(void *to rdi, const void *from rsi, size_t n_bytes rdx): by words, then by bytes
global uefi_copy:function hidden
uefi_copy:
	mov	rcx, rdx
	shr	rcx, 3
	rep movsq
	mov	ecx, edx
	and	ecx, 7
	rep movsb
	ret

; uint64_t uefi_read_msr(uint32_t number edi)
global uefi_read_msr:function hidden
uefi_read_msr:
	mov	ecx, edi
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	ret

; void uefi_write_msr(uint32_t number edi, uint64_t value rsi)
global uefi_write_msr:function hidden
uefi_write_msr:
	mov	ecx, edi
	mov	eax, esi
	mov	rdx, rsi
	shr	rdx, 32
	wrmsr
	ret

; void uefi_cpuid(uint32_t leaf edi, uint32_t registers[4] rsi): EAX EBX ECX EDX, subleaf 0
global uefi_cpuid:function hidden
uefi_cpuid:
	push	rbx
	mov	eax, edi
	xor	ecx, ecx
	cpuid
	mov	[rsi], eax
	mov	[rsi + 4], ebx
	mov	[rsi + 8], ecx
	mov	[rsi + 12], edx
	pop	rbx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
