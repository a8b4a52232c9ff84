; SPDX-License-Identifier: MIT
;
; The hypervisor's ELF file, as bytes: payload up to payload_end. The build says where it is, with
; -DPAYLOAD='"FILE"'.

global payload:data hidden
global payload_end:data hidden

section .rodata
align 16
payload:
	incbin	PAYLOAD
payload_end:

section .note.GNU-stack noalloc noexec nowrite progbits
