/* SPDX-License-Identifier: MIT */
/* Computes with all the processor's vector registers, for check.c. */
#ifndef TESTS_SYSTEM_LINUX_VECTOR_H
#define TESTS_SYSTEM_LINUX_VECTOR_H

/* NULL, or what came out otherwise than it should. Each seed gives other numbers. */
const char *vector_check(unsigned int seed);

/* The widths that it used, by the names of the processor's features. */
const char *vector_kinds(void);

#endif
