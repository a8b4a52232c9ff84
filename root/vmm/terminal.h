/* SPDX-License-Identifier: MIT */
/* The user's view: the guest's output, and the VMM's own lines. */
#ifndef ROOT_VMM_TERMINAL_H
#define ROOT_VMM_TERMINAL_H

/*
 * %s %c %u %x %lu %lx %%, with zero padding and a width of one digit. Own lines start with "vmm: ".
 */
__attribute__((format(printf, 1, 2))) void terminal_print(const char *format, ...);

/* A character that the guest wrote; control characters that terminals do not need are dropped. */
void terminal_guest(char c);

#endif
