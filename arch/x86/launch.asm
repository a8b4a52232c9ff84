; SPDX-License-Identifier: MIT
;
; uint64_t entry(struct whit_handover *handover, uint32_t cpu)
;
; The ELF entry point, see whit/handover.h. System V convention, interrupts off, on the loader's stack
; and launch_cr3. Returns a WHIT_LAUNCH_ code with the processor as it was, or never.
;
; A call with WHIT_ENTRY_CHECK (bit 31 of cpu) is start_check()'s, which comes back to the loader.
; Otherwise there are three steps in C: start_enter() checks and loads our descriptor tables, start_run() is the
; hypervisor on its own stack and page tables, start_leave() puts everything back. Between them only
; this function changes CR3 and RSP.

bits 64
default rel

global entry:function
extern start_check, start_enter, start_run, start_leave

section .text
entry:
	bt	esi, 31
	jc	start_check	; (handover, cpu)
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	cld
	mov	rbx, rdi
	mov	ebp, esi
	sub	rsp, 16
	mov	rdx, rsp	; struct start_world: CR3, RSP
	call	start_enter	; (handover, cpu, &world)
	test	rax, rax
	jnz	.out

	mov	r12, rsp
	mov	r13, cr3
	mov	rcx, [rsp]
	mov	rdx, [rsp + 8]
	mov	cr3, rcx
	mov	rsp, rdx
	mov	edi, ebp
	call	start_run	; (cpu)
	mov	cr3, r13
	mov	rsp, r12

	mov	rdi, rbx
	mov	esi, ebp
	mov	rdx, rax
	call	start_leave	; (handover, cpu, answer) -> answer
.out:
	add	rsp, 16
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
