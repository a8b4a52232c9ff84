/* SPDX-License-Identifier: MIT */
/*
 * What emulators get wrong of the forms of instructions (emulator.h): that much of a form says nothing of Whit, and the
 * rest is compared.
 */
#ifndef CONFORMANCE_FORMS_FAULT_H
#define CONFORMANCE_FORMS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* The code that a form stands in. */
#define FORMS_REAL   1u /* and of virtual-8086 mode */
#define FORMS_PROT16 2u
#define FORMS_PROT32 4u
#define FORMS_LONG   8u

/* All zero: nothing. */
struct forms_fault {
	uint8_t variants;    /* a bit for each that is left out */
	bool is_st_high;     /* bits 79:64 of the x87 registers are */
	uint16_t x87_status; /* and these bits */
	uint16_t rflags;     /* and these */
};

/* Of a form as it is written, by what its operand holds, and by one of FORMS_…. */
struct forms_fault forms_fault_of(const uint8_t *text, unsigned int n_text, uint64_t content,
				  unsigned int code);

#endif
