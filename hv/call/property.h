/* SPDX-License-Identifier: MIT */
/* The properties of a partition. hv/call/property.c */
#ifndef HV_CALL_PROPERTY_H
#define HV_CALL_PROPERTY_H

#include "hv/partition.h"

/* WHvGetPartitionProperty; *written also with WHV_E_INSUFFICIENT_BUFFER: what it takes. */
uint32_t property_get(struct partition_locked held, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes, uint64_t *written);

/* WHvSetPartitionProperty; *needed is written with WHIT_E_INSUFFICIENT_MEMORY. */
uint32_t property_set(struct partition_locked held, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes, uint64_t *needed);

/*
 * Set the properties of a new partition; and give the page of a partition's lists back to its free
 * pages.
 */
void property_init(struct properties *properties);
void property_destroy(struct partition_locked held);

#endif
