/* SPDX-License-Identifier: MIT */
/*
 * Segment and table registers with their hidden parts. The layout is that of WHP
 * (WHV_X64_SEGMENT_REGISTER), so that records can be copied without conversion.
 */
#ifndef X86_SEG_H
#define X86_SEG_H

#include <stdint.h>

#include "x86/static_assert.h"

/*
 * ModRM order, the order of the reg field of MOV Sreg; LDTR and TR follow. GDTR and IDTR are no
 * segments, and have nothing but a base and a limit.
 */
enum x86_seg {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_LDTR,
	SEG_TR,
	SEG_COUNT,
	SEG_GDTR = SEG_COUNT,
	SEG_IDTR,
	SEG_AND_TABLE_COUNT
};

/* Of a selector: in the LDT. */
#define SEG_SELECTOR_TI 0x4u

/* limit is in bytes, the last valid offset (already expanded); attributes below. */
struct x86_segment {
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint16_t attributes;
};

_Static_assert(sizeof(struct x86_segment) == 16, "WHP layout");

/* GDTR, IDTR. */
struct x86_table {
	uint16_t pad[3];
	uint16_t limit;
	uint64_t base;
};

_Static_assert(sizeof(struct x86_table) == 16, "WHP layout");

/* Attributes: bits 8-15 and 20-23 of a descriptor's second dword, moved together. */
#define SEG_TYPE 0x000fu
#define SEG_S	 0x0010u /* code or data, not system */
#define SEG_DPL	 0x0060u
#define SEG_P	 0x0080u
#define SEG_AVL	 0x1000u
#define SEG_L	 0x2000u
#define SEG_DB	 0x4000u
#define SEG_G	 0x8000u

#define SEG_DPL_SHIFT 5

/* Type bits of code and data segments. */
#define SEG_TYPE_ACCESSED   0x1u
#define SEG_TYPE_WRITABLE   0x2u /* data */
#define SEG_TYPE_READABLE   0x2u /* code */
#define SEG_TYPE_EXPANDDOWN 0x4u /* data */
#define SEG_TYPE_CONFORMING 0x4u /* code */
#define SEG_TYPE_CODE	    0x8u

/* System types in long mode. */
#define SEG_TYPE_LDT	    0x2u
#define SEG_TYPE_TSS16_BUSY 0x3u
#define SEG_TYPE_TSS_BUSY   0xbu

#define SEG_ATTR_DPL(attributes) (((attributes)&SEG_DPL) >> SEG_DPL_SHIFT)

#endif
