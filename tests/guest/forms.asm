; SPDX-License-Identifier: MIT
;
; Instructions as data, for each mode one list (forms.inc): what the emulator does with them on a device is
; compared with what the processor does on RAM. A record is
;
;   byte   length of the instruction, then its bytes
;   word   flags that are undefined after it
;   word   SETUP_… bits
;   qword, word  what the operand holds, with SETUP_CONTENT
;   byte   length of its text, then the text

%include "tests/guest/guest.inc"

%define UCF 0x001
%define UPF 0x004
%define UAF 0x010
%define UZF 0x040
%define USF 0x080
%define UOF 0x800
%define UMUL (UPF | UAF | UZF | USF)
%define UALL (UCF | UPF | UAF | UZF | USF | UOF)
%define UBT (UOF | USF | UAF | UPF)

%define SETUP_SOURCE 1		; the device is what rSI points at
%define SETUP_DESTINATION 2	; what rDI points at
%define SETUP_BOTH 3
%define SETUP_INDEX 4		; rBX or rBP, and rSI or rDI, make the address
%define SETUP_STACK 5		; rSP points at it, rBP near it
%define SETUP_CONTENT 0x10
%define SETUP_ONE_PAGE 0x20	; the operand does not cross a page
%define SETUP_ALIGNED 0x40	; nor is it unaligned
%define SETUP_UNALIGNED 0x80
%define SETUP_EQUAL 0x100	; rAX holds what the operand does
%define SETUP_PAIR4 0x200	; EDX:EAX
%define SETUP_PAIR8 0x400	; RDX:RAX
%define SETUP_STEP 0x800	; RFLAGS.TF is set
%define SETUP_NO_ACCESS 0x1000	; the device need not be touched
%define SETUP_LEVEL0 0x2000	; nor if the privilege level is not 0

%define CODE 0x1000
%define TARGET 0xb080

%macro RECORD 5+
	db %%end - %%start
%%start:
	%5
%%end:
	dw %1, %2
	dq %3
	dw %4
%defstr FORM_TEXT %5
%strlen FORM_LENGTH FORM_TEXT
	db FORM_LENGTH, FORM_TEXT
%endmacro

%macro F 2+
	RECORD %1, 0, 0, 0, %2
%endmacro

%macro X 3+
	RECORD %1, %2, 0, 0, %3
%endmacro

%macro C 4+
	RECORD 0, (%1) | SETUP_CONTENT, %2, %3, %4
%endmacro

; ---- Families of instructions ----

%macro ALU 2 ; undefined flags, name
F %1, %2 [M], al
F %1, %2 [M], dx
F %1, %2 [M], eax
F %1, %2 cl, [M]
F %1, %2 ax, [M]
F %1, %2 edx, [M]
F %1, %2 byte [M], 0x81
F %1, %2 word [M], 0x8123
F %1, %2 dword [M], 0x81234567
F %1, %2 dword [M], byte -5
%if BITS_ == 64
F %1, %2 [M], r9
F %1, %2 r9, [M]
F %1, %2 qword [M], byte 0x7f
F %1, %2 qword [M], -0x12345
%endif
%endmacro

%macro ONE_OPERAND 2
F %1, %2 byte [M]
F %1, %2 word [M]
F %1, %2 dword [M]
%if BITS_ == 64
F %1, %2 qword [M]
%endif
%endmacro

%macro LOCKED 2+
X %1, SETUP_ONE_PAGE, lock %2
%endmacro

%macro EXCHANGES 0
F 0, xadd [M], al
F 0, xadd [M], dx
F 0, xadd [M], eax
F 0, cmpxchg [M], cl
F 0, cmpxchg [M], dx
F 0, cmpxchg [M], edx
X 0, SETUP_EQUAL, cmpxchg [M], cl
X 0, SETUP_EQUAL, cmpxchg [M], edx
F 0, cmpxchg8b [M]
X 0, SETUP_PAIR4, cmpxchg8b [M]
%endmacro

%macro SHIFT 2
F UAF & %1, %2 byte [M], 1
F UAF & %1, %2 word [M], 1
F UAF & %1, %2 dword [M], 1
F (UAF & %1) | UOF, %2 byte [M], cl
F (UAF & %1) | UOF, %2 word [M], cl
F (UAF & %1) | UOF, %2 dword [M], cl
F (UAF & %1) | UOF, %2 byte [M], 3
F (UAF & %1) | UOF, %2 word [M], 9
F (UAF & %1) | UOF, %2 dword [M], 17
%if BITS_ == 64
F UAF & %1, %2 qword [M], 1
F (UAF & %1) | UOF, %2 qword [M], cl
F (UAF & %1) | UOF, %2 qword [M], 33
%endif
%endmacro

%macro BIT 1
F UBT, %1 word [M], 5
F UBT, %1 dword [M], 37
F UBT, %1 [M], cx
F UBT, %1 [M], ecx
F UBT, %1 [M], bp
F UBT, %1 [M], ebp
%if BITS_ == 64
F UBT, %1 qword [M], 41
F UBT, %1 [M], rbp
%endif
%endmacro

%macro STRINGS 1 ; suffix
X 0, SETUP_SOURCE, movs%1
X 0, SETUP_DESTINATION, movs%1
X 0, SETUP_BOTH, movs%1
X 0, SETUP_SOURCE, rep movs%1
X 0, SETUP_DESTINATION, rep movs%1
X 0, SETUP_BOTH, rep movs%1
X 0, SETUP_DESTINATION, stos%1
X 0, SETUP_DESTINATION, rep stos%1
X 0, SETUP_SOURCE, lods%1
X 0, SETUP_SOURCE, rep lods%1
X 0, SETUP_DESTINATION, scas%1
X 0, SETUP_DESTINATION, repe scas%1
X 0, SETUP_DESTINATION, repne scas%1
X 0, SETUP_SOURCE, cmps%1
X 0, SETUP_DESTINATION, cmps%1
X 0, SETUP_SOURCE, repe cmps%1
X 0, SETUP_DESTINATION, repne cmps%1
X 0, SETUP_BOTH, repne cmps%1
%endmacro

%macro ALIGNED 1+
X 0, SETUP_ALIGNED, %1
%endmacro

%macro CONDITION 1
F 0, cmov%1 ax, [M]
F 0, cmov%1 edx, [M]
F 0, set%1 [M]
%endmacro

%macro EXTEND 1
F 0, pmovsx%1 xmm1, [M]
F 0, pmovzx%1 xmm2, [M]
%endmacro

%macro STACK_REGISTERS 1-*
%rep %0
X 0, SETUP_STACK, push %1
X 0, SETUP_STACK, pop %1
%rotate 1
%endrep
%endmacro

; ---- The lists ----

%define M bx
%define S si
%define D di
%define RM 7
%define BITS_ 16
%define DEVICE 0x8000
%define CODE_SELECTOR 0
%define DATA_SELECTOR 0x2000
%define FRESH_SELECTOR 0x2000
%define LDT_SELECTOR 0x40
%define TSS_SELECTOR 0x50
GUEST forms_real, 16
%include "tests/guest/forms.inc"
END_GUEST forms_real

%define CODE_SELECTOR 0x28
%define DATA_SELECTOR 0x30
%define FRESH_SELECTOR 0x38
GUEST forms_prot16, 16
%include "tests/guest/forms.inc"
END_GUEST forms_prot16

%define M ebx
%define S esi
%define D edi
%define RM 3
%define BITS_ 32
%define DEVICE 0x28000
%define CODE_SELECTOR 8
%define DATA_SELECTOR 0x10
GUEST forms_prot32, 32
%include "tests/guest/forms.inc"
END_GUEST forms_prot32

%define M rbx
%define S rsi
%define D rdi
%define BITS_ 64
GUEST forms_long, 64
%include "tests/guest/forms.inc"
END_GUEST forms_long

section .note.GNU-stack noalloc noexec nowrite progbits
