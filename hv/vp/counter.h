/* SPDX-License-Identifier: MIT */
/*
 * WHvGetPartitionCounters and WHvGetVirtualProcessorCounters, from the counts that the hypervisor
 * keeps anyway.
 */
#ifndef HV_COUNTER_H
#define HV_COUNTER_H

#include "hv/vp.h"

/* WHV_E_UNKNOWN_PROPERTY: no such set. *written also with WHV_E_INSUFFICIENT_BUFFER. */
uint32_t counter_get_partition(struct partition_locked held, uint64_t set, uint64_t buffer,
			       uint64_t n_bytes, uint64_t *written);
uint32_t counter_get_vp(const struct vp *vp, uint64_t set, uint64_t buffer, uint64_t n_bytes,
			uint64_t *written);

#endif
