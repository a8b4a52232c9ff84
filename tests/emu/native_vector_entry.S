/* SPDX-License-Identifier: MIT */
/*
 * Signal entry of the native vector test. The guest may have RFLAGS.AC set, with which compiled code
 * must not run: clear it, then go on in C with the same arguments.
 */
	.text
	.globl	vector_signal_entry
	.type	vector_signal_entry, @function
vector_signal_entry:
	pushfq
	btrl	$18, (%rsp)
	popfq
	jmp	vector_signal
	.size	vector_signal_entry, . - vector_signal_entry

	.section .note.GNU-stack, "", @progbits
