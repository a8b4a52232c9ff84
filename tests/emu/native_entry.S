/* SPDX-License-Identifier: MIT */
/*
 * The way into a native case and out of it. Compiled code must not run with the case's RFLAGS.AC, SS
 * or FS, so these are put right here on every way out.
 *
 *  native_enter          C: loads all of native_frame into the processor and goes to the instruction.
 *                        Returns when it is over, native_frame as it then is.
 *  native_exit           where a completed instruction jumps to, from any mode, every register its own.
 *  native_signal_entry   the signal handler: the selectors, then native_signal() in C, which copies the
 *                        rest from the signal's context and ends in native_return().
 *  native_return         C: leaves native_enter(), from the handler without a return from the signal.
 */
#include "tests/emu/native_frame.h"

#define F(offset) (native_frame + (offset))(%rip)
#define R(number) F(FRAME_GPR + 8 * (number))
#define SEL(seg)  F(FRAME_SELECTOR + 2 * (seg))
#define ES	  0
#define SS	  2
#define DS	  3
#define FS	  4
#define GS	  5

	.bss
	.balign	64
	.globl	native_frame
	.type	native_frame, @object
	.size	native_frame, FRAME_BYTES
native_frame:
	.skip	FRAME_BYTES

	.text
	.globl	native_enter
	.type	native_enter, @function
native_enter:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, F(FRAME_HOST_RSP)
	movl	$1, F(FRAME_IS_INSIDE)
	movw	SEL(ES), %es
	movw	SEL(DS), %ds
	movw	SEL(FS), %fs
	movw	SEL(GS), %gs
	movq	R(3), %rbx
	movq	R(5), %rbp
	movq	R(6), %rsi
	movq	R(7), %rdi
	movq	R(8), %r8
	movq	R(9), %r9
	movq	R(10), %r10
	movq	R(11), %r11
	movq	R(12), %r12
	movq	R(13), %r13
	movq	R(14), %r14
	movq	R(15), %r15
	cmpl	$0, F(FRAME_IS_64)
	je	1f
	cmpl	$0, F(FRAME_HAS_FSGSBASE)
	je	2f
	movq	F(FRAME_FS_BASE), %rax
	wrfsbase %rax
	movq	F(FRAME_GS_BASE), %rax
	wrgsbase %rax
2:	pushq	F(FRAME_RFLAGS)
	movq	R(0), %rax
	movq	R(1), %rcx
	movq	R(2), %rdx
	popfq
	movq	R(4), %rsp
	jmp	*F(FRAME_RIP)
1:	pushq	F(FRAME_RFLAGS)
	movq	R(0), %rax
	movq	R(1), %rcx
	movq	R(2), %rdx
	popfq
	movw	SEL(SS), %ss
	movq	R(4), %rsp
	ljmp	*F(FRAME_FAR)
	.size	native_enter, . - native_enter

	.globl	native_exit
	.type	native_exit, @function
native_exit:
	movq	%rax, R(0)
	movq	%rcx, R(1)
	movq	%rdx, R(2)
	movq	%rbx, R(3)
	movq	%rsp, R(4)
	movq	%rbp, R(5)
	movq	%rsi, R(6)
	movq	%rdi, R(7)
	movq	%r8, R(8)
	movq	%r9, R(9)
	movq	%r10, R(10)
	movq	%r11, R(11)
	movq	%r12, R(12)
	movq	%r13, R(13)
	movq	%r14, R(14)
	movq	%r15, R(15)
	movq	F(FRAME_HOST_RSP), %rsp
	pushfq
	popq	F(FRAME_RFLAGS)
	call	leave_segments
	/* fall through */
	.globl	native_return
	.type	native_return, @function
native_return:
	movl	$0, F(FRAME_IS_INSIDE)
	movq	F(FRAME_HOST_RSP), %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	native_exit, . - native_exit

	.globl	native_signal_entry
	.type	native_signal_entry, @function
native_signal_entry:
	pushq	%rdx
	pushq	%rdi
	pushq	%rsi
	call	leave_segments
	popq	%rsi
	popq	%rdi
	popq	%rdx
	jmp	native_signal
	.size	native_signal_entry, . - native_signal_entry

/* Note the selectors and bases; clear RFLAGS.AC and DF; take the host's SS and FS base back. */
	.type	leave_segments, @function
leave_segments:
	pushq	$2
	popfq
	movw	%es, SEL(ES)
	movw	%ss, SEL(SS)
	movw	%ds, SEL(DS)
	movw	%fs, SEL(FS)
	movw	%gs, SEL(GS)
	movw	F(FRAME_HOST_SS), %ss
	xorl	%ecx, %ecx
	cmpl	$0, F(FRAME_HAS_FSGSBASE)
	je	1f
	rdfsbase %rax
	movq	%rax, F(FRAME_FS_BASE)
	rdgsbase %rax
	movq	%rax, F(FRAME_GS_BASE)
	movw	%cx, %fs
	movw	%cx, %gs
	movq	F(FRAME_HOST_FS_BASE), %rax
	wrfsbase %rax
	ret
1:	movw	%cx, %fs
	movw	%cx, %gs
	movl	$158, %eax	/* arch_prctl */
	movl	$0x1002, %edi	/* ARCH_SET_FS */
	movq	F(FRAME_HOST_FS_BASE), %rsi
	syscall
	ret
	.size	leave_segments, . - leave_segments

	.section .note.GNU-stack, "", @progbits
