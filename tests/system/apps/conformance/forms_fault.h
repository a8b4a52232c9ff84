/* SPDX-License-Identifier: MIT */
/* The forms of instructions that an emulator gets wrong (emulator.h), which therefore say nothing of Whit. */
#ifndef CONFORMANCE_FORMS_FAULT_H
#define CONFORMANCE_FORMS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* A form: as it is written, what its operand holds, and whether it stands in code of 16 bits. */
bool forms_is_faulty(const uint8_t *text, unsigned int n_text, uint64_t content, bool is_16bit);

#endif
