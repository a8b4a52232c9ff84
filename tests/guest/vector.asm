; SPDX-License-Identifier: MIT
;
; YMM, ZMM and mask registers with a device at RBX, for the emulator. RSI: a pattern in RAM; RDI: where the registers go in the end.

%include "tests/guest/guest.inc"

GUEST vector_avx, 64
	vmovdqu ymm3, [rsi]
	vmovdqu [rbx], ymm3
	vmovdqu ymm4, [rbx]
	vmovdqu ymm5, [rsi]
	vmovd xmm5, [rbx]
	vmovdqu [rdi], ymm3
	vmovdqu [rdi + 32], ymm4
	vmovdqu [rdi + 64], ymm5
	hlt
END_GUEST vector_avx

GUEST vector_avx512, 64
	mov eax, 0xf0f0
	kmovw k1, eax
	vmovdqu32 zmm17, [rsi]
	vmovdqu32 [rbx], zmm17
	vmovdqu32 [rbx]{k1}, zmm17
	vmovdqu32 zmm18, [rsi + 64]
	vmovdqu32 zmm18{k1}, [rbx]
	vmovdqu32 zmm3, [rbx]
	vmovdqu32 zmm5, [rsi]
	vmovd xmm5, [rbx]
	kmovw k2, [rbx]
	vmovdqu32 [rdi], zmm17
	vmovdqu32 [rdi + 64], zmm18
	vmovdqu32 [rdi + 128], zmm3
	vmovdqu32 [rdi + 192], zmm5
	kmovw eax, k2
	mov [rdi + 256], eax
	hlt
END_GUEST vector_avx512

section .note.GNU-stack noalloc noexec nowrite progbits
