/* SPDX-License-Identifier: MIT */
/*
 * The use of each frame of the machine's RAM: the books by which the root can map its memory into
 * children and lend it, and no page ever serves both.
 *
 * A frame of the root is plain, or lent (it holds the hypervisor's tables for a partition), or
 * mapped (children's nested page tables or a VP's shared page point at it, any number of times).
 * Lent and mapped exclude each other. Uses are counted per block of 4 KiB, 2 MiB and 1 GiB: a leaf
 * of level L in a child's tables is one use of the source block of level L, so that mapping 1 GiB
 * costs one count. Memory that is not the root's RAM (the hypervisor's, devices, firmware's
 * reserved) has no frames. All under hv.lock, but for frames_kind().
 */
#ifndef HV_FRAME_H
#define HV_FRAME_H

#include "arch/virt.h"

/* The kinds of frames. */
enum frame_kind {
	FRAME_PLAIN,	/* not lent; all that has no frame too */
	FRAME_LENT,	/* lent */
	FRAME_LEDGER,	/* lent: notes what a partition has been lent */
	FRAME_PARTITION /* lent: holds a struct partition */
};

/* Bytes that the books of this machine take, whole pages. */
uint64_t frames_bytes(const struct whit_handover *handover);

/*
 * Set up the books for the RAM of the handover, in the first frames_bytes() of its (zeroed) heap.
 */
void frames_init(const struct whit_handover *handover);

/* Is [base, base + n_bytes) RAM of the root throughout, none of it lent? */
bool frames_are_root(uint64_t base, uint64_t n_bytes);

/* Count a use of the block, which frames_are_root(); and take it back. */
void frames_map(spa_t block, unsigned int level);
void frames_unmap(spa_t block, unsigned int level);

/*
 * Lend n pages from base: false, and nothing changed, if one of them is not the root's, lent, or
 * mapped.
 */
bool frames_lend(spa_t base, uint64_t n_pages);
void frames_unlend(spa_t base, uint64_t n_pages);

/*
 * Get the kind of the frame around an address, under hv.lock or not; and set the kind of a lent
 * one, which shows what has been written to it before. Unlending makes it plain.
 */
enum frame_kind frames_kind(spa_t spa);
void frames_mark(spa_t frame, enum frame_kind kind);

/*
 * Does a range meet the hypervisor's block? And is a page hidden from the root, in the block or
 * lent?
 */
bool frames_overlap_block(uint64_t base, uint64_t n_bytes);
bool frames_hidden(uint64_t page);

/* Is a page of the block (LEVEL_4K to LEVEL_1G) lent? */
bool frames_any_lent(spa_t block, unsigned int level);

/* Uses of exactly this block counted now, for tests. */
uint32_t frames_uses(spa_t block, unsigned int level);

#endif
