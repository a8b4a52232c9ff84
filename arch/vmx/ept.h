/* SPDX-License-Identifier: MIT */
/*
 * EPT paging-structure entries, SDM 3C "EPT Translation Mechanism", and the one way to write one.
 */
#ifndef ARCH_VMX_EPT_H
#define ARCH_VMX_EPT_H

#include <stdint.h>

#define EPT_READ    (1ull << 0)
#define EPT_WRITE   (1ull << 1)
#define EPT_EXECUTE (1ull << 2)
#define EPT_RIGHTS  (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_TYPE    (7ull << 3)
#define EPT_LEAF    (1ull << 7) /* in a level 2 or 3 entry */
#define EPT_DIRTY   (1ull << 9) /* the processor's own only with EPTP_DIRTY */
#define EPT_ADDR    0x000ffffffffff000ull

/*
 * Of a 4 KiB leaf, ignored by the processor: writes are recorded; they are allowed, whatever
 * EPT_WRITE says.
 */
#define EPT_TRACKED   (1ull << 52)
#define EPT_MAY_WRITE (1ull << 53)

#define EPT_TYPE_SHIFT 3
#define EPT_ENTRIES    512
#define EPT_TOP_LEVEL  4
#define EPT_GPA_BITS   48

/* EPTP: write-back tables, walk length 4, accessed and dirty flags */
#define EPTP_WRITE_BACK 6ull
#define EPTP_WALK_4	(3ull << 3)
#define EPTP_DIRTY	(1ull << 6)

/*
 * Write a live entry at once; change bits of one, whatever the processor sets in it meanwhile. Both
 * return what stood there. The tests watch every write by versions of their own.
 */
uint64_t ept_store(uint64_t *entry, uint64_t value);
uint64_t ept_change(uint64_t *entry, uint64_t clear, uint64_t set);

#endif
