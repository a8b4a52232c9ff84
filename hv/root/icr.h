/* SPDX-License-Identifier: MIT */
/*
 * INITs and SIPIs that the root writes to its interrupt command register: whom they reach. Pure.
 * SDM 3A "Interrupt Command Register", "Determining IPI Destination", "ICR Operation in x2APIC
 * Mode".
 */
#ifndef HV_ROOT_ICR_H
#define HV_ROOT_ICR_H

#include <stdbool.h>
#include <stdint.h>

/* A message, in whichever mode it has been written. */
struct icr {
	uint32_t low;
	uint32_t destination; /* 8 bits of an xAPIC, 32 of an x2APIC */
	bool is_x2apic;
};

/* A local APIC, as others address it. */
struct icr_address {
	uint32_t id;
	uint32_t ldr, dfr; /* as its registers are in xAPIC mode */
};

/* Does it start or stop a processor? True of INIT and of SIPI. */
bool icr_is_start(uint32_t low);

/* Would it reach this one? is_own: the sender's own. */
bool icr_reaches(const struct icr *icr, const struct icr_address *address, bool is_own);

/* Of such a message: is it an INIT; and is that the second half, by level, of one sent before? */
bool icr_is_init(uint32_t low);
bool icr_is_deassert(uint32_t low);

#endif
