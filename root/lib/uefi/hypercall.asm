; SPDX-License-Identifier: MIT
;
; The instructions that the library needs and C has not, for 64-bit ring-0 code with the System V
; convention. Prototypes: root/lib/hypercall.h, root/lib/platform.h, root/lib/uefi/cpu.h.

bits 64
default rel
section .text

; uint32_t hypercall2(code rdi, rcx rsi, rdx rdx)
; The hypervisor preserves all but RAX, RDX and R8.
global hypercall2:function hidden
hypercall2:
	mov	rax, rdi
	mov	rcx, rsi
	vmcall
	ret

; uint32_t hypercall5(code rdi, rcx rsi, rdx rdx, r8 rcx, r9 r8, r10 r9, result [rsp + 8])
global hypercall5:function hidden
hypercall5:
	mov	rax, rdi
	mov	r10, r9
	mov	r9, r8
	mov	r8, rcx
	mov	rcx, rsi
	vmcall
	mov	rcx, [rsp + 8]
	mov	[rcx], rdx
	mov	[rcx + 8], r8
	ret

; void platform_take_interrupts(void)
; STI holds interrupts off for one more instruction: hence the NOP.
global platform_take_interrupts:function hidden
platform_take_interrupts:
	pushfq
	sti
	nop
	popfq
	ret

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
