; SPDX-License-Identifier: MIT
;
; A guest that tries a list of addresses, each once, by one kind of access, and notes how each went: for
; tests/system/apps/conformance/walk.c, which lays out its page tables. At WALK_CODE:
;
;   +0     begins. In: rSI list of addresses (8 bytes each), rDI results (1 byte each), rCX how many, rDX the
;          offset below of the kind of access, rBP the flags of user code. HLT at the end.
;   +0x40  #PF        the result is the error code
;   +0x60  INT 0x20   the result is WALK_SUCCESS: user code has come back
;
; At WALK_USER, in a user page: the accesses of user code. Addresses, selectors and offsets as in walk.c.

%include "tests/guest/guest.inc"

%define WALK_CODE	0x1000
%define WALK_USER	0x3000
%define WALK_STACK	0x8000
%define WALK_USER_STACK	0x5000
%define WALK_SUCCESS	0x80
%define USER_CODE	0x23
%define USER_DATA	0x2b

GUEST walk64, 64
	mov	rax, cr3
	mov	cr3, rax
	lea	rdx, [rdx + WALK_CODE]
.next:
	dec	rcx
	js	.end
	lodsq
	jmp	rdx
.end:
	hlt
	times 0x40 - ($ - guest_walk64) nop
.fault:
	pop	r9
	mov	[rdi], r9b
	inc	rdi
	mov	esp, WALK_STACK
	jmp	.next
	times 0x60 - ($ - guest_walk64) nop
.back:
	mov	esp, WALK_STACK
.good:
	mov	byte [rdi], WALK_SUCCESS
	inc	rdi
	jmp	.next
	times 0x80 - ($ - guest_walk64) nop
	mov	r9b, [rax]
	jmp	.good
	times 0xa0 - ($ - guest_walk64) nop
	mov	byte [rax], 0xc3
	jmp	.good
	times 0xc0 - ($ - guest_walk64) nop
	call	rax
	jmp	.good
%assign n 0
%rep 3
	times 0xe0 + n * 0x20 - ($ - guest_walk64) nop
	push	USER_DATA
	push	WALK_USER_STACK
	push	rbp
	push	USER_CODE
	push	WALK_USER + n * 0x20
	iretq
%assign n n + 1
%endrep
END_GUEST walk64

GUEST walk_user64, 64
	mov	r9b, [rax]
	int	0x20
	times 0x20 - ($ - guest_walk_user64) nop
	mov	byte [rax], 0xc3
	int	0x20
	times 0x40 - ($ - guest_walk_user64) nop
	call	rax
	int	0x20
END_GUEST walk_user64

GUEST walk32, 32
	mov	eax, cr3
	mov	cr3, eax
	lea	edx, [edx + WALK_CODE]
.next:
	dec	ecx
	js	.end
	lodsd
	add	esi, 4
	jmp	edx
.end:
	hlt
	times 0x40 - ($ - guest_walk32) nop
.fault:
	pop	ebx
	mov	[edi], bl
	inc	edi
	mov	esp, WALK_STACK
	jmp	.next
	times 0x60 - ($ - guest_walk32) nop
.back:
	mov	esp, WALK_STACK
.good:
	mov	byte [edi], WALK_SUCCESS
	inc	edi
	jmp	.next
	times 0x80 - ($ - guest_walk32) nop
	mov	bl, [eax]
	jmp	.good
	times 0xa0 - ($ - guest_walk32) nop
	mov	byte [eax], 0xc3
	jmp	.good
	times 0xc0 - ($ - guest_walk32) nop
	call	eax
	jmp	.good
%assign n 0
%rep 3
	times 0xe0 + n * 0x20 - ($ - guest_walk32) nop
	push	USER_DATA
	push	WALK_USER_STACK
	push	ebp
	push	USER_CODE
	push	WALK_USER + n * 0x20
	iretd
%assign n n + 1
%endrep
END_GUEST walk32

; User code came with selectors that the handler leaves: the data segments are flat and of DPL 3.
GUEST walk_user32, 32
	mov	bl, [eax]
	int	0x20
	times 0x20 - ($ - guest_walk_user32) nop
	mov	byte [eax], 0xc3
	int	0x20
	times 0x40 - ($ - guest_walk_user32) nop
	call	eax
	int	0x20
END_GUEST walk_user32
