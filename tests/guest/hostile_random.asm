; SPDX-License-Identifier: MIT
;
; Guests that do at random what ring 0 can do: every MSR, every register of the APIC, every bit of the control, debug
; and extended control registers, interrupts, tables, ports, and instructions made of random bytes. What faults is
; caught and forgotten. The same code thrice, for 16, 32 and 64 bits; each can jump to the others. Numbers that
; tests/system/apps/conformance/hostile_child.c has, too:

%include "tests/guest/guest.inc"

%define BASE64	0x1000
%define BASE32	0x2000
%define BASE16	0x3000
%define SEED	0x7000		; the generator's state, never 0
%define COUNT	0x7004		; what has been done
%define SCRATCH	0x7010		; operand of LGDT and its like
%define PATCH	0x7100		; eight bytes of code, and behind them the way back
%define TOP	0xb000		; of the stack

%define SEL_CODE64 0x08
%define SEL_DATA   0x10
%define SEL_CODE32 0x18
%define SEL_CODE16 0x20

; HOSTILE bits, base: entered at the base; base + 16 is the handler of everything.
%macro HOSTILE 2
GUEST hostile_%1, %1
	jmp	near %%loop
	times 16 - ($ - guest_hostile_%1) nop
%if %1 == 64
	mov	esp, TOP
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	call	%%random
	and	eax, 0x200
	or	eax, 2
	push	SEL_DATA
	push	TOP
	push	rax
	push	SEL_CODE64
	push	%2
	iretq
%elif %1 == 32
	mov	esp, TOP
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	call	%%random
	and	eax, 0x200
	or	eax, 2
	push	eax
	push	SEL_CODE32
	push	%2
	iretd
%else
	mov	sp, TOP
	xor	ax, ax
	mov	ds, ax
	mov	es, ax
	call	%%random
	and	ax, 0x200
	or	ax, 2
	push	ax
	xor	ax, ax
	push	ax
	mov	ax, %2
	push	ax
	iret
%endif

; EAX: xorshift. EDX is lost.
%%random:
	mov	eax, [SEED]
	mov	edx, eax
	shl	edx, 13
	xor	eax, edx
	mov	edx, eax
	shr	edx, 17
	xor	eax, edx
	mov	edx, eax
	shl	edx, 5
	xor	eax, edx
	mov	[SEED], eax
	ret

; EDX:EAX: a single bit, something small, anything.
%%value:
	call	%%random
	mov	ecx, eax
	shr	ecx, 8
	test	eax, 3
	jz	%%value_any
	test	eax, 4
	jz	%%value_small
	xor	edx, edx
	mov	eax, 1
	shl	eax, cl
	test	ecx, 0x100
	jz	%%value_done
	xchg	eax, edx
%%value_done:
	ret
%%value_small:
	mov	eax, ecx
	and	eax, 0xfff
	xor	edx, edx
	ret
%%value_any:
	call	%%random
	mov	ecx, eax
	call	%%random
	mov	edx, ecx
	ret

; ECX: the number of an MSR.
%%number:
	call	%%random
	mov	ecx, eax
	shr	ecx, 3
	and	eax, 7
	jz	%%number_done
	dec	eax
	jz	%%number_high
	dec	eax
	jz	%%number_x2apic
	dec	eax
	jz	%%number_hyperv
	dec	eax
	jz	%%number_kvm
	dec	eax
	jz	%%number_syscall
	dec	eax
	jz	%%number_few
	and	ecx, 0x1fff
%%number_done:
	ret
%%number_high:
	and	ecx, 0x1fff
	or	ecx, 0xc0000000
	ret
%%number_x2apic:
	and	ecx, 0xff
	or	ecx, 0x800
	ret
%%number_hyperv:
	and	ecx, 0x1ff
	or	ecx, 0x40000000
	ret
%%number_kvm:
	and	ecx, 0xff
	or	ecx, 0x4b564d00
	ret
%%number_syscall:
	and	ecx, 0x107
	or	ecx, 0xc0000080
	ret
%%number_few:
	and	ecx, 0x7ff
	ret

%%loop:
	mov	esp, TOP
	inc	dword [COUNT]
	call	%%random
	shr	eax, 4
	and	eax, 31
	cmp	al, 7
	jb	near %%wrmsr
	cmp	al, 9
	jb	near %%rdmsr
	cmp	al, 12
	jb	near %%apic_write
	je	near %%apic_read
	cmp	al, 14
	jb	near %%x2apic
	je	near %%cr0
	cmp	al, 16
	jb	near %%cr4
	je	near %%cr_other
	cmp	al, 18
	jb	near %%xcr0
	je	near %%dr
	cmp	al, 20
	jb	near %%int
	je	near %%table
	cmp	al, 22
	jb	near %%cpuid
	je	near %%port
	cmp	al, 24
	jb	near %%code
	je	near %%memory
	cmp	al, 26
	jb	near %%apic_base
	je	near %%ipi
	cmp	al, 28
	jb	near %%timer
	je	near %%open
	cmp	al, 30
	jb	near %%flags
	je	near %%segment
; A while of nothing.
	call	%%random
	mov	ecx, eax
	and	ecx, 0x1ff
%%idle:
	dec	ecx
	jns	%%idle
	jmp	%%loop

%%wrmsr:
	call	%%value
	mov	ebx, eax
	mov	esi, edx
	call	%%number
	test	bl, 1
	jz	%%wrmsr_now
	; What it is, with one bit turned round.
	rdmsr
	xor	ebx, eax
	xor	esi, edx
%%wrmsr_now:
	mov	eax, ebx
	mov	edx, esi
	wrmsr
	jmp	%%loop

%%rdmsr:
	call	%%number
	rdmsr
	jmp	%%loop

%%apic_write:
	call	%%value
	mov	esi, eax
	call	%%random
	mov	ebx, eax
	and	ebx, 0x3f0
	test	eax, 0x3000
	jnz	%%apic_aligned
	mov	ebx, eax
	and	ebx, 0xfff
%%apic_aligned:
	or	ebx, 0xfee00000
	test	eax, 0x30000
	jnz	%%apic_dword
	test	eax, 0x40000
	jnz	%%apic_byte
	mov	[ebx], si
	xchg	[ebx], esi
	jmp	%%loop
%%apic_byte:
	lock or	[ebx], al
	jmp	%%loop
%%apic_dword:
	mov	[ebx], esi
	jmp	%%loop

%%apic_read:
	call	%%random
	mov	ebx, eax
	and	ebx, 0xfff
	or	ebx, 0xfee00000
	mov	al, [ebx]
	mov	eax, [ebx]
	movups	xmm0, [ebx]
	jmp	%%loop

%%x2apic:
	call	%%value
	mov	ebx, eax
	mov	esi, edx
	call	%%random
	mov	ecx, eax
	and	ecx, 0x3f
	or	ecx, 0x800
	mov	eax, ebx
	mov	edx, esi
	wrmsr
	rdmsr
	jmp	%%loop

; ECX: one bit, the same in both halves of the three below.
%%bit:
	call	%%random
	mov	ecx, eax
	mov	eax, 1
	shl	eax, cl
	mov	ecx, eax
	ret

%%cr0:
	call	%%random
	test	eax, 7
	jnz	%%cr0_bits
	lmsw	ax
	clts
	jmp	%%loop
%%cr0_bits:
	call	%%bit
%if %1 == 64
	mov	rax, cr0
	xor	rax, rcx
	mov	cr0, rax
%else
	mov	eax, cr0
	xor	eax, ecx
	mov	cr0, eax
%endif
	jmp	%%loop

%%cr4:
	call	%%bit
%if %1 == 64
	mov	rax, cr4
	xor	rax, rcx
	mov	cr4, rax
%else
	mov	eax, cr4
	xor	eax, ecx
	mov	cr4, eax
%endif
	jmp	%%loop

%%cr_other:
	call	%%value
	mov	ecx, eax
	and	ecx, 7
	jz	%%cr3
%if %1 == 64
	mov	cr2, rax
	mov	cr8, rax
	mov	rax, cr8
	invlpg	[rax]
%else
	mov	cr2, eax
	db	0xf0		; LOCK: CR8 on some processors
	mov	cr0, eax
	invlpg	[eax]
%endif
	jmp	%%loop
%%cr3:
%if %1 == 64
	mov	rcx, cr3
	xor	rcx, rax
	mov	cr3, rcx
%else
	mov	ecx, cr3
	xor	ecx, eax
	mov	cr3, ecx
%endif
	jmp	%%loop

%%xcr0:
	call	%%value
	mov	ebx, eax
	call	%%random
	mov	ecx, eax
	shr	ecx, 31
	mov	edx, 0
	mov	eax, ebx
	test	ecx, ecx
	jnz	%%xcr0_now
	and	eax, 0x2e7
%%xcr0_now:
	xsetbv
	xor	ecx, ecx
	xgetbv
	jmp	%%loop

%%dr:
	call	%%value
	mov	ebx, eax
	call	%%random
%if %1 == 64
	mov	eax, eax
	test	al, 3
	jnz	%%dr_address
	mov	dr6, rbx
	mov	dr7, rbx
	mov	rax, dr6
	jmp	%%loop
%%dr_address:
	mov	dr0, rax
	mov	dr1, rbx
	mov	dr2, rax
	mov	dr3, rbx
%else
	test	al, 3
	jnz	%%dr_address
	mov	dr6, ebx
	mov	dr7, ebx
	mov	eax, dr6
	jmp	%%loop
%%dr_address:
	mov	dr0, eax
	mov	dr1, ebx
	mov	dr2, eax
	mov	dr3, ebx
%endif
	jmp	%%loop

; INT n
%%int:
	call	%%random
	shr	eax, 8
	mov	al, 0xcd
	and	eax, 0xffff
	or	eax, 0x90900000
	mov	[PATCH], eax
	mov	dword [PATCH + 4], 0x90909090
	jmp	%%patch

; Eight bytes: an instruction of the system's, or anything at all.
%%code:
	call	%%random
	mov	ebx, eax
	call	%%random
	mov	[PATCH], eax
	mov	[PATCH + 4], ebx
	test	ebx, 0xf
	jz	%%patch
	mov	ecx, ebx
	shr	ecx, 8
	and	ecx, 31
	call	%%where
%%where:
%if %1 == 64
	pop	rdx
	add	rdx, %%opcodes - %%where
	mov	eax, [rdx + rcx * 4]
%elif %1 == 32
	pop	edx
	add	edx, %%opcodes - %%where
	mov	eax, [edx + ecx * 4]
%else
	pop	dx
	movzx	edx, dx
	add	edx, %%opcodes - %%where
	mov	eax, [edx + ecx * 4]
%endif
	mov	[PATCH], eax
	mov	dword [PATCH + 4], 0x90909090
%%patch:
	mov	ecx, PATCH
	call	%%random
%if %1 == 64
	jmp	rcx
%elif %1 == 32
	jmp	ecx
%else
	jmp	cx
%endif

; Little-endian; what is shorter than four bytes has NOPs behind.
%%opcodes:
	dd	0x9090f490	; HLT
	dd	0x9090f4fb	; STI; HLT
	dd	0x909090f1	; INT1
	dd	0x909090cc	; INT3
	dd	0x90900b0f	; UD2
	dd	0x9090090f	; WBINVD
	dd	0x9090080f	; INVD
	dd	0x90c1010f	; VMCALL
	dd	0x90c4010f	; VMXOFF
	dd	0x90d9010f	; VMMCALL
	dd	0x90d8010f	; VMRUN
	dd	0x90d4010f	; VMFUNC
	dd	0x9090aa0f	; RSM
	dd	0x9090370f	; GETSEC
	dd	0x9090330f	; RDPMC
	dd	0x9090310f	; RDTSC
	dd	0x90f9010f	; RDTSCP
	dd	0x9090340f	; SYSENTER
	dd	0x9090050f	; SYSCALL
	dd	0x9090350f	; SYSEXIT
	dd	0x9090070f	; SYSRET
	dd	0x90f8010f	; SWAPGS
	dd	0x90c8010f	; MONITOR
	dd	0x90c9010f	; MWAIT
	dd	0x909090cf	; IRET
	dd	0x909090cb	; RETF
	dd	0x909090fa	; CLI
	dd	0x909090fb	; STI
	dd	0x9090f390	; NOP; PAUSE
	dd	0x9090d00f	; with a prefix or not: undefined
	dd	0x90d0010f	; XGETBV
	dd	0x90cf010f	; undefined

%%table:
	call	%%value
	mov	[SCRATCH], eax
	mov	[SCRATCH + 2], eax
	mov	[SCRATCH + 6], edx
	call	%%random
	test	al, 0x1f
	jz	%%table_load
	sgdt	[SCRATCH + 16]
	lgdt	[SCRATCH + 16]
	sidt	[SCRATCH + 16]
	lidt	[SCRATCH + 16]
	str	bx
	sldt	bx
	test	al, 0x20
	jz	%%loop
	lldt	ax
	ltr	ax
	verr	ax
	lar	ebx, eax
	jmp	%%loop
%%table_load:
	test	al, 0x40
	jz	%%table_idt
	lgdt	[SCRATCH]
	jmp	%%loop
%%table_idt:
	lidt	[SCRATCH]
	jmp	%%loop

%%cpuid:
	call	%%random
	mov	ecx, eax
	call	%%random
	and	eax, 0xc000003f
	cpuid
	jmp	%%loop

%%port:
	call	%%random
	mov	edx, eax
	test	eax, 0x70000
	jnz	%%loop
	in	al, dx
	out	dx, eax
	test	eax, 0x80000
	jz	%%loop
	mov	ecx, 4
	mov	edi, SCRATCH + 32
	rep insb
	jmp	%%loop

; Somewhere in the RAM, rarely anywhere.
%%memory:
	call	%%random
	mov	ebx, eax
	call	%%random
	test	eax, 0xf0
	jnz	%%loop
	test	eax, 0x700
	jz	%%memory_now
	and	ebx, 0x3ffff
%%memory_now:
	xchg	[ebx], eax
	jmp	%%loop

%%apic_base:
	call	%%random
	and	eax, 0xf00
	or	eax, 0xfee00000
	test	edx, 7
	jz	%%loop
	xor	edx, edx
	mov	ecx, 0x1b
	wrmsr
	jmp	%%loop

%%ipi:
	call	%%value
	mov	esi, eax
	call	%%random
	and	eax, 0x03000003
	mov	ebx, 0xfee00310
	mov	[ebx], eax
	mov	[ebx - 0x10], esi
	mov	edx, eax
	mov	eax, esi
	mov	ecx, 0x830
	wrmsr
	jmp	%%loop

%%timer:
	call	%%random
	and	eax, 0x700ff
	mov	ebx, 0xfee00320
	mov	[ebx], eax
	call	%%random
	and	eax, 0xfff
	mov	[ebx + 0x60], eax
	mov	esi, eax
	rdtsc
	add	eax, esi
	mov	ecx, 0x6e0
	wrmsr
	jmp	%%loop

%%open:
	sti
	nop
	nop
	mov	ebx, 0xfee000b0
	mov	dword [ebx], 0
	cli
	jmp	%%loop

%%flags:
	call	%%random
%if %1 == 64
	push	rax
	popfq
%elif %1 == 32
	push	eax
	popfd
%else
	push	eax
	popfd
%endif
	nop
	jmp	%%loop

; To the code of another width; selectors at random.
%%segment:
	call	%%random
	test	al, 0x30
	jnz	%%segment_loads
	test	al, 0xc0
	jz	%%to_16
	jns	%%to_32
%if %1 == 64
	push	SEL_CODE32
	push	BASE32
	o64 retf
%elif %1 == 32
	push	SEL_CODE64
	push	BASE64
	retf
%else
	push	word SEL_CODE64
	push	word BASE64
	retf
%endif
%%to_32:
%if %1 == 64
	push	SEL_CODE32
	push	BASE32
	o64 retf
%elif %1 == 32
	push	SEL_CODE32
	push	BASE32
	retf
%else
	push	word SEL_CODE32
	push	word BASE32
	retf
%endif
%%to_16:
%if %1 == 64
	push	SEL_CODE16
	push	BASE16
	o64 retf
%elif %1 == 32
	push	SEL_CODE16
	push	BASE16
	retf
%else
	push	word 0
	push	word BASE16
	retf
%endif
%%segment_loads:
	mov	fs, ax
	mov	gs, ax
	lar	ebx, eax
	jmp	%%loop
END_GUEST hostile_%1
%endmacro

HOSTILE 64, BASE64
HOSTILE 32, BASE32
HOSTILE 16, BASE16

section .note.GNU-stack noalloc noexec nowrite progbits
