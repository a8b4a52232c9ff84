/* SPDX-License-Identifier: MIT */
/*
 * Signal entry of the native test. The guest may have RFLAGS.AC set, with which compiled code must
 * not run: clear it, then go on in C with the same arguments.
 */
	.text
	.globl	native_signal_entry
	.type	native_signal_entry, @function
native_signal_entry:
	pushfq
	btrl	$18, (%rsp)
	popfq
	jmp	native_signal
	.size	native_signal_entry, . - native_signal_entry

	.section .note.GNU-stack, "", @progbits
