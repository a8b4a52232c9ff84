/* SPDX-License-Identifier: MIT */
/*
 * Child partitions: creation out of lent memory, properties, set-up, deletion.
 *
 * A handle is the frame number of the partition's first page with a tag that changes with every use of
 * the page, so that looking one up costs the same for one partition and for a million, and a stale or
 * invented handle is refused.
 */
#ifndef HV_PARTITION_H
#define HV_PARTITION_H

#include "arch/virt.h"
#include "hv/lock.h"
#include "whit/hypercall.h"

struct vp;

/* Properties, as set; those that have no effect yet are refused instead of stored. */
struct properties {
	uint32_t processor_count; /* 0: not set */
	uint32_t emulation;	  /* WHIT_EMULATE_… */
	uint64_t extended_exits;  /* WHV_EXTENDED_VM_EXITS bits */
	uint32_t n_cpuid_exits;	  /* entries of cpuid_exits; 0: every leaf, if the exit is on */
	uint32_t cpuid_exits[64];
};

#define PARTITION_MAX_CPUID_EXITS 64u

/* A page of the space as gpa_page() last found it. */
struct gpa_cached {
	uint64_t gpa; /* of the page, with bit 0 set; 0: nothing */
	uint64_t ptr; /* where the hypervisor sees it, with the rights in the low bits; 0: a hole */
};

#define GPA_CACHED 16u

struct partition {
	uint64_t magic;
	uint64_t handle;
	struct lock lock; /* all below, and the VPs that do not run */
	bool is_set_up;
	bool is_dying;		 /* a delete has begun: every other call is refused */
	struct virt_pages pages; /* lent and not in use */
	uint64_t n_lent;
	spa_t ledger; /* list of pages that note the lent runs */
	struct properties properties;
	struct virt_space space;
	uint64_t tsc_offset; /* of every new VP: the partition's time starts with its set-up */
	uint64_t gpa_end;    /* nothing is mapped from here on */
	uint64_t gpa_cursor; /* of a delete: what lies below has been unmapped */
	bool is_tracked;     /* a page has been VIRT_TRACKED, once */
	bool has_flags;	     /* and the processor notes the writes */
	uint64_t changes;    /* of the map: what was found before the last one may be wrong */
	/* Pages that gpa_page() has found, by their low bits. */
	struct gpa_cached cache[GPA_CACHED];
	uint32_t users; /* who has found the partition and not yet dropped it; atomic */
	struct vp *vps[WHIT_MAX_VPS]; /* changed with hv.lock held too */
};

_Static_assert(sizeof(struct partition) <= 4096, "a partition is one lent page");

/* Can the emulator be asked for this kind of exit? WHIT_EMULATE_… */
static inline bool partition_emulates(const struct partition *partition, uint32_t kind)
{
	return partition->properties.emulation & kind;
}

/* The partition of a handle, locked; NULL if there is none. */
struct partition *partition_take(uint64_t handle);
void partition_drop(struct partition *partition);

/* The same without lock and count, under hv.lock; dying ones too. */
struct partition *partition_peek(uint64_t handle);

/* The VP of an index, NULL if there is none. */
static inline struct vp *partition_vp(const struct partition *partition, uint64_t index)
{
	return index < WHIT_MAX_VPS ? partition->vps[index] : NULL;
}

/*
 * WHvCreatePartition out of n_pages from `first`; *result is the handle, or with
 * WHIT_E_INSUFFICIENT_MEMORY the pages that it takes at least.
 */
uint32_t partition_create(uint64_t first, uint64_t n_pages, uint64_t *result);

/* WHvSetupPartition; *needed is written with WHIT_E_INSUFFICIENT_MEMORY. */
uint32_t partition_setup(struct partition *partition, uint64_t *needed);

/* WHvDeletePartition: one bounded step of it. WHIT_S_AGAIN until it is done. */
uint32_t partition_delete(uint64_t handle);

/*
 * WHIT_E_INSUFFICIENT_MEMORY with *needed unless the partition has n free pages; else S_OK.
 */
uint32_t partition_want(const struct partition *partition, uint64_t n, uint64_t *needed);

/* ---- hv/lend.c ---- */

/*
 * Take n_pages (at most WHIT_MAX_LEND) from `first` away from the root: hidden, zeroed, frames marked.
 * They are nobody's yet. E_INVALIDARG, E_ACCESSDENIED (not the root's to lend), E_OUTOFMEMORY (no heap
 * to hide them with): nothing has changed.
 */
uint32_t lend_take(uint64_t first, uint64_t n_pages);

/*
 * Note [first, first + n_pages), taken by lend_take(), as lent to the partition, whose free list holds a
 * page if n_pages was added to it before; may take one from there.
 */
void lend_note(struct partition *partition, uint64_t first, uint64_t n_pages);

/* WHIT_CALL_LEND. */
uint32_t lend(struct partition *partition, uint64_t first, uint64_t n_pages);

/*
 * Give lent pages back to the root, but for the partition's own and the ledger's. Every page must be
 * in partition->pages; that list is gone then. A bounded step, true when done.
 */
bool lend_return(struct partition *partition, unsigned int *budget);

/* The last step: the ledger, then the page of the partition itself. Under hv.lock. */
void lend_return_own(struct partition *partition);

/* ---- hv/property.c ---- */

/* WHvGetPartitionProperty; *written also with WHV_E_INSUFFICIENT_BUFFER: what it takes. */
uint32_t property_get(const struct partition *partition, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes, uint64_t *written);

/* WHvSetPartitionProperty. */
uint32_t property_set(struct partition *partition, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes);

#endif
