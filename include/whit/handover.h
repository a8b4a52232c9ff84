/* SPDX-License-Identifier: MIT */
/*
 * The record that the loader (boot/) hands to the hypervisor, once, at the start.
 *
 * The loader allocates one block of EfiReservedMemoryType, aligned to 2 MiB, that holds all of the
 * hypervisor's memory: the loaded image first, then stacks, page tables and the heap. It then
 * calls the image's ELF entry point,
 *
 *     uint64_t entry(struct whit_handover *handover, uint32_t cpu);     System V convention
 *
 * on each processor in turn, first with WHIT_ENTRY_CHECK beside its number (the answer is whether
 * it can be taken over, as all before it could, and nothing changes), and then, if all can,
 * without. Processor 0 is the one that the loader runs on. The call is made with interrupts off, on
 * `launch_cr3`: a copy of the firmware's top-level table with the hypervisor's entries added, in
 * which both worlds can be seen. If the machine cannot be taken over the call returns a
 * WHIT_LAUNCH_ code, with the processor as it was and the reason in `message`. If it can, the call
 * does not return: the processor goes on in the root partition with the state of `cpus[cpu]`, and
 * RAX zero.
 */
#ifndef WHIT_HANDOVER_H
#define WHIT_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "x86/seg.h"

#define WHIT_HANDOVER_MAGIC   0x7265766f74696857ull /* "Whitover" */
#define WHIT_HANDOVER_VERSION 3u

#define WHIT_MAX_RAM_RANGES 128
#define WHIT_MESSAGE_BYTES  256
#define WHIT_REPORT_BYTES   2048

#define WHIT_ENTRY_CHECK (1u << 31) /* beside the number of the processor */

/* entry()'s answers. */
#define WHIT_LAUNCH_OK		0ull
#define WHIT_LAUNCH_BAD_RECORD	1ull /* magic, version, size, or a field out of range */
#define WHIT_LAUNCH_UNSUPPORTED 2ull /* the processor lacks something; `message` names it */
#define WHIT_LAUNCH_NO_MEMORY	3ull /* the heap is too small for this machine */

/* All that the processor can; without the delivery of interrupts; nothing. */
#define WHIT_ASSIST_ALL	      0
#define WHIT_ASSIST_REGISTERS 1
#define WHIT_ASSIST_OFF	      2

/* RAM that the root owns and may lend or map: page-aligned, ascending, not overlapping. */
struct whit_ram {
	uint64_t base;
	uint64_t n_bytes;
};

/* A processor as the firmware left it, and as it will go on in the root partition. */
struct whit_cpu_state {
	uint64_t gpr[16]; /* ModRM order */
	uint64_t rip;
	uint64_t rflags;
	uint64_t cr0, cr3, cr4;
	uint64_t dr7;
	struct x86_segment seg[SEG_COUNT]; /* enum x86_seg; TR may be absent (P = 0) */
	struct x86_table gdtr, idtr;
};

struct whit_handover {
	uint64_t magic;
	uint32_t version;
	uint32_t n_bytes; /* sizeof this structure */

	/* The reserved block, and its parts, physical. Pages, all of them. */
	uint64_t block_base, block_bytes;
	uint64_t image_base, image_bytes; /* rounded up to 2 MiB; at the start of the block */
	uint64_t heap_base, heap_bytes;	  /* free, zeroed, for the hypervisor's own use */

	uint64_t host_cr3;     /* the hypervisor's own tables */
	uint64_t launch_cr3;   /* see above; not used after the start */
	uint64_t direct_bytes; /* how much of physical memory WHIT_DIRECT_BASE shows */

	uint64_t tsc_hz;      /* measured by the loader; 0 if unknown */
	uint16_t serial_port; /* of a 16550 for the log; 0 for none */
	uint8_t log_level;    /* 0 errors only, 1 notices, 2 everything */
	uint8_t assist;	      /* WHIT_ASSIST_…: of the processor, for the APICs of children */
	uint32_t n_cpus;      /* processors that will be taken over */

	uint32_t n_ram;
	uint16_t panic_seconds; /* after a panic, until the machine is reset; 0: it is not */
	uint8_t traps_icr;	/* 0 or 1: INIT and SIPI of the root must not go out as they are */
	uint8_t reserved;
	struct whit_ram ram[WHIT_MAX_RAM_RANGES];

	/* Filled by the hypervisor: zero-terminated text for the loader to print. */
	char message[WHIT_MESSAGE_BYTES]; /* one line: why the start was refused */
	char report[WHIT_REPORT_BYTES];	  /* lines: features required, optional, lost */

	struct whit_cpu_state cpus[1]; /* n_cpus of them */
};

_Static_assert(sizeof(struct whit_cpu_state) == 0x150, "no padding");
_Static_assert(offsetof(struct whit_handover, ram) == 0x70, "no padding");

#endif
