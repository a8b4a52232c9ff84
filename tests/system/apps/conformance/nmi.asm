; SPDX-License-Identifier: MIT
;
; The entry of the root's NMIs, which counts them.
;
;   extern volatile uint32_t nmi_count

bits 64
default rel

global nmi_entry:function hidden
global nmi_count:data hidden

section .text

nmi_entry:
	lock inc dword [nmi_count]
	iretq

section .data
align 4
nmi_count:
	dd	0

section .note.GNU-stack noalloc noexec nowrite progbits
