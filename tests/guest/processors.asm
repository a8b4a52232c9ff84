; SPDX-License-Identifier: MIT
;
; What the children of tests/system/apps/conformance/processors.c run.

%include "tests/guest/guest.inc"

; For ever: XMM0 += XMM1, RAX = its lower half; R12 += R13; then a port.
GUEST processors_count, 64
.next:
	paddq	xmm0, xmm1
	movq	rax, xmm0
	add	r12, r13
	out	0x80, al
	jmp	.next
END_GUEST processors_count

; For ever: counts what it has read at ROM.
GUEST processors_read, 64
.next:
	mov	rax, [ROM]
	inc	qword [DATA]
	jmp	.next
END_GUEST processors_read

; For ever: counts at ROM.
GUEST processors_write, 64
.next:
	inc	qword [ROM]
	jmp	.next
END_GUEST processors_write
