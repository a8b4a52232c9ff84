; SPDX-License-Identifier: MIT
;
; One instruction each, for the emulator, and HLT. EBX, ESI, EDI, ECX, EDX and EAX are set by the test.

%include "tests/guest/guest.inc"

%macro ONE 3+
GUEST emu_%1, %2
	%3
	hlt
END_GUEST emu_%1
%endmacro

; MOV
ONE mov_m_eax, 32, mov [ebx], eax
ONE mov_m_ax, 32, mov [ebx], ax
ONE mov_m_al, 32, mov [ebx], al
ONE mov_m_ah, 32, mov [ebx], ah
ONE mov_eax_m, 32, mov eax, [ebx]
ONE mov_ax_m, 32, mov ax, [ebx]
ONE mov_al_m, 32, mov al, [ebx]
ONE mov_m_imm32, 32, mov dword [ebx], 0x89abcdef
ONE mov_m_imm16, 32, mov word [ebx], 0xbeef
ONE mov_m_imm8, 32, mov byte [ebx], 0x5a
ONE mov_moffs_eax, 32, mov [MMIO + 0x10], eax
ONE mov_eax_moffs, 32, mov eax, [MMIO + 0x10]
ONE mov_al_moffs, 32, mov al, [MMIO + 0x10]
ONE mov_m_sib, 32, mov [ebx + ecx * 4 + 8], eax
ONE mov_m_rax, 64, mov [rbx], rax
ONE mov_rax_m, 64, mov rax, [rbx]
ONE mov_eax_m64, 64, mov eax, [rbx]
ONE mov_m_eax_real, 16, mov [bx], eax
ONE movzx_m8, 32, movzx eax, byte [ebx]
ONE movzx_m16, 32, movzx eax, word [ebx]
ONE movsx_m8, 32, movsx eax, byte [ebx]
ONE movsx_m16, 32, movsx eax, word [ebx]

; Arithmetic and logic
ONE or_m_eax, 32, or [ebx], eax
ONE and_m_imm8, 32, and byte [ebx], 0x0f
ONE add_m_eax, 32, add [ebx], eax
ONE sub_m_imm, 32, sub dword [ebx], 0x11
ONE xor_m_al, 32, xor [ebx], al
ONE lock_or_m_eax, 32, lock or [ebx], eax
ONE inc_m, 32, inc dword [ebx]
ONE not_m, 32, not dword [ebx]
ONE add_eax_m, 32, add eax, [ebx]
ONE cmp_m_eax, 32, cmp [ebx], eax
ONE test_m_imm, 32, test dword [ebx], 0x80000000
ONE test_m_al, 32, test [ebx], al
ONE xchg_m_eax, 32, xchg [ebx], eax
ONE push_m, 32, push dword [ebx]
ONE pop_m, 32, pop dword [ebx]

; Strings
ONE stosd, 32, stosd
ONE rep_stosb, 32, rep stosb
ONE lodsb, 32, lodsb
ONE rep_movsb, 32, rep movsb
ONE movsd, 32, movsd

GUEST emu_std_rep_stosd, 32
	std
	rep stosd
	hlt
END_GUEST emu_std_rep_stosd

; Vectors and x87
ONE movups_xmm_m, 32, movups xmm3, [ebx]
ONE movups_m_xmm, 32, movups [ebx], xmm3
ONE movq_mm_m, 32, movq mm2, [ebx]
ONE movq_m_mm, 32, movq [ebx], mm2
GUEST emu_fild_fistp, 32
	fninit
	fild dword [ebx]
	fistp qword [ebx + 8]
	hlt
END_GUEST emu_fild_fistp

; Segments, tables, branches
ONE lds, 32, lds eax, [ebx]
ONE sgdt, 32, sgdt [ebx]
ONE call_m, 32, call [ebx]

; Ports
ONE out_al, 32, out dx, al
ONE out_ax, 32, out dx, ax
ONE out_eax, 32, out dx, eax
ONE in_al, 32, in al, dx
ONE in_ax, 32, in ax, dx
ONE in_eax, 32, in eax, dx
ONE rep_outsb, 32, rep outsb
ONE rep_outsw, 32, rep outsw
ONE rep_insb, 32, rep insb
ONE rep_insd, 32, rep insd

; Nothing that is ever done with a device
ONE fnstenv, 32, fnstenv [ebx]

section .note.GNU-stack noalloc noexec nowrite progbits
