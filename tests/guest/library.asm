; SPDX-License-Identifier: MIT
;
; One instruction each, and HLT, for WinHvEmulation, beside those of emulation.asm. RBX is set by the test.

%include "tests/guest/guest.inc"

%macro ONE 3+
GUEST library_%1, %2
	%3
	hlt
END_GUEST library_%1
%endmacro

ONE movups_load, 64, movups xmm0, [rbx]
ONE movups_store, 64, movups [rbx], xmm0
ONE fld, 64, fld qword [rbx]
ONE fstp, 64, fstp tword [rbx]

GUEST library_store_after_sti, 32
	sti
	mov	[ebx], eax
	hlt
END_GUEST library_store_after_sti

section .note.GNU-stack noalloc noexec nowrite progbits
