; SPDX-License-Identifier: MIT
;
; Instructions that exit, the same bytes in every mode; HLT is the last byte.

%include "tests/guest/guest.inc"

%macro ONE 2+
GUEST any_%1, 16
	%2
	hlt
END_GUEST any_%1
%endmacro

ONE out, out 0x80, al
ONE lodsb, lodsb
ONE hlt, hlt
ONE cpuid, cpuid
ONE rdmsr, rdmsr
ONE wrmsr, wrmsr
ONE rdtsc, rdtsc
ONE rdtscp, rdtscp
ONE vmcall, vmcall
ONE vmmcall, vmmcall
ONE ud2, ud2

; Prefixes that say nothing: the length counts them.
ONE long_cpuid, db 0x66, 0x66, 0x0f, 0xa2
ONE long_rdmsr, db 0x67, 0x66, 0x0f, 0x32
ONE long_wrmsr, db 0x66, 0x0f, 0x30
ONE long_out, db 0x67, 0x67, 0xe6, 0x80
ONE long_rdtsc, db 0x66, 0x0f, 0x31

section .note.GNU-stack noalloc noexec nowrite progbits
