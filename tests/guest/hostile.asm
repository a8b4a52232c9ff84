; SPDX-License-Identifier: MIT
;
; Guests that mean ill, or know no better.

%include "tests/guest/guest.inc"

; Runs into the end of its memory.
GUEST run_away, 32
	mov	eax, 0x3fff0
	mov	dword [eax], 0x90909090
	mov	dword [eax + 4], 0x90909090
	mov	dword [eax + 8], 0x90909090
	mov	dword [eax + 12], 0x90909090
	jmp	eax
END_GUEST run_away

; Page tables at EBX, which is nothing.
GUEST paging_from_nothing, 32
	mov	cr3, ebx
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	hlt
END_GUEST paging_from_nothing

; A page directory at 0x10000 whose every entry is itself.
GUEST paging_by_itself, 32
	mov	edi, 0x10000
	mov	eax, 0x10007
	mov	ecx, 1024
	rep stosd
	mov	eax, 0x10000
	mov	cr3, eax
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	hlt
END_GUEST paging_by_itself

; A descriptor table of rubbish, and an interrupt through it.
GUEST bad_idt, 32
	sub	esp, 8
	mov	word [esp], 0xffff
	mov	dword [esp + 2], 0xfffffff0
	lidt	[esp]
	int	0x80
	hlt
END_GUEST bad_idt

; A stack that is not there, and a fault on it.
GUEST bad_stack, 32
	mov	esp, 0x7ffffff0
	ud2
END_GUEST bad_stack

; Faults for ever: the handler is the fault.
GUEST fault_storm, 32
.next:
	ud2
	jmp	.next
END_GUEST fault_storm

; An exception whose delivery raises it again: the stack is misaligned, at CPL 3 with AC.
GUEST ac_storm, 32
	push	eax
.next:
	jmp	.next
END_GUEST ac_storm

; The same with #DB: a data breakpoint on the stack that its own delivery writes.
GUEST db_storm, 64
	db	0xf1		; INT1
.next:
	jmp	.next
END_GUEST db_storm

; Every port that there is.
GUEST port_storm, 32
	xor	edx, edx
.next:
	in	eax, dx
	out	dx, eax
	inc	dx
	jnz	.next
	hlt
END_GUEST port_storm

; All of CPUID, and MSRs that fault: whatever comes, nothing may break.
GUEST cpuid_storm, 32
	xor	esi, esi
.next:
	mov	eax, esi
	mov	ecx, esi
	cpuid
	add	esi, 0x01000193
	dec	edi
	jnz	.next
	hlt
END_GUEST cpuid_storm

section .note.GNU-stack noalloc noexec nowrite progbits
