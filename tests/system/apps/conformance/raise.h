/* SPDX-License-Identifier: MIT */
/* Exceptions, one a row: code that raises it at its first instruction, and what has to be set for that. */
#ifndef CONFORMANCE_RAISE_H
#define CONFORMANCE_RAISE_H

#include "tests/system/apps/conformance/child.h"

struct raise {
	const char *name;
	struct guest_code code; /* HLT is its last byte */
	enum child_mode mode;
	uint8_t vector;
	uint8_t soft_length; /* of INT3, INTO, INT1; else 0 */
	void (*prepare)(void);
};

#define RAISE_N 46u
extern const struct raise raise_rows[RAISE_N];

#define RAISE_OLD_CR2 0x5a5a5a5aull

/* The child of a row, with child_gates(), ready to run; CR2 is RAISE_OLD_CR2. configure: or NULL. */
HRESULT raise_create(struct child *child, const struct raise *row,
		     HRESULT (*configure)(WHV_PARTITION_HANDLE partition));

/* Does this emulator not do it, or not exit for it? Then the running test is skipped. */
bool raise_is_out(const struct raise *row, bool exits);

#endif
