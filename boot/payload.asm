; SPDX-License-Identifier: MIT
;
; The hypervisor's ELF files, as bytes: payload_VENDOR up to payload_VENDOR_end, of no length where there is none for a vendor.
; The build says where they are, with -D'payload_VENDOR_file="FILE"'.

%macro payload 1
global payload_%1:data hidden
global payload_%1_end:data hidden
align 16
payload_%1:
%ifdef payload_%1_file
	incbin	payload_%1_file
%endif
payload_%1_end:
%endmacro

section .rodata
	payload	vmx
	payload	svm

section .note.GNU-stack noalloc noexec nowrite progbits
