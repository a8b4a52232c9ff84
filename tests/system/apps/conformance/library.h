/* SPDX-License-Identifier: MIT */
/*
 * A client of WinHvEmulation: the callbacks are the WHP functions, and memory is the child's RAM and what
 * stands behind one device page.
 */
#ifndef CONFORMANCE_LIBRARY_H
#define CONFORMANCE_LIBRARY_H

#include "tests/system/apps/conformance/child.h"
#include "whp/WinHvEmulation.h"

struct library {
	struct child *child;
	WHV_EMULATOR_HANDLE emulator;
	uint8_t *device;	 /* a page; NULL: there is none */
	uint64_t device_gpa;	 /* of it */
	unsigned int n_accesses; /* to the device, and to ports */
	uint16_t port;		 /* of the last access to one */
	uint8_t port_bytes[64];	 /* written to ports, in order */
	unsigned int n_port_bytes;
	uint8_t next_input; /* a port gives bytes that count up */
	WHV_EMULATOR_STATUS status;
};

HRESULT library_create(struct library *library, struct child *child);
void library_destroy(struct library *library);

/*
 * Complete the child's last exit, MemoryAccess or X64IoPortAccess; true if the status is success and
 * nothing else. False for other exits.
 */
bool library_complete(struct library *library);

/* Run, completing such exits, until there is another or one fails; its reason. */
uint32_t library_run(struct library *library);

#endif
