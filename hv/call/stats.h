/* SPDX-License-Identifier: MIT */
/* The statistics that a root can ask for: struct whit_stats of whit/hypercall.h. */
#ifndef HV_CALL_STATS_H
#define HV_CALL_STATS_H

#include <stdint.h>

/*
 * STATS. On entry *n_bytes is the length of the buffer, after it the bytes that were written, or
 * that it takes.
 */
uint32_t stats_get(uint64_t buffer, uint64_t *n_bytes);

#endif
