; SPDX-License-Identifier: MIT
;
; uint64_t launch(struct whit_handover *handover, uint32_t cpu, uint64_t entry, uint64_t launch_cr3)
;
; See launch.h. System V convention. There are two ways out, and both end at .resume with the answer
; in RAX, the stack as it was at the capture, and CR3 the firmware's:
;   - entry() returns its refusal: we put CR3 back;
;   - entry() does not return: the hypervisor starts the root partition with the captured state, of
;     which RIP is .resume, RAX and all other general registers but RSP are 0.

bits 64
default rel

global launch:function hidden
extern launch_capture

section .text
launch:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	pushfq			; with IF as the firmware has it; the stack is at 16 bytes again
	cli
	mov	r12, rdi
	mov	r13d, esi
	mov	r14, rdx
	mov	r15, rcx

	mov	rdx, rsp
	lea	rcx, [.resume]
	call	launch_capture	; (handover, cpu, rsp, rip)

	mov	rdi, r12
	mov	esi, r13d
	mov	rbx, cr3
	mov	cr3, r15
	call	r14
	mov	cr3, rbx

.resume:
	popfq
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
