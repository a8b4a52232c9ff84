/* SPDX-License-Identifier: MIT */
/* Where the hypervisor's memory is, as the root can find out: a reserved range that reads as ones. */
#ifndef CONFORMANCE_HIDDEN_H
#define CONFORMANCE_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

/* False: there is none, and the test has found a bug. */
bool hidden_find(uint64_t *base, uint64_t *n_bytes);

/* A page of 4 KiB; three of its words are looked at. */
bool hidden_reads_as_ones(volatile const uint64_t *page);

#endif
