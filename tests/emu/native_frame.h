/* SPDX-License-Identifier: MIT */
/*
 * What crosses between C and native_entry.S: one struct native_frame in the first 2 GiB, where 16-bit
 * and 32-bit code reach the exit too. Offsets are stated once, here.
 */
#ifndef TESTS_EMU_NATIVE_FRAME_H
#define TESTS_EMU_NATIVE_FRAME_H

#define FRAME_GPR	   0
#define FRAME_RFLAGS	   128
#define FRAME_RIP	   136
#define FRAME_FAR	   144
#define FRAME_IS_64	   152
#define FRAME_SELECTOR	   160
#define FRAME_FS_BASE	   176
#define FRAME_GS_BASE	   184
#define FRAME_HOST_RSP	   192
#define FRAME_HOST_FS_BASE 200
#define FRAME_HOST_SS	   208
#define FRAME_HAS_FSGSBASE 212
#define FRAME_IS_INSIDE	   216
#define FRAME_BYTES	   224

#ifndef __ASSEMBLER__
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct native_frame {
	uint64_t gpr[16]; /* all but the host's part: as they are before and after */
	uint64_t rflags;
	uint64_t rip;	     /* of the instruction, linear in 64-bit code */
	uint32_t far_offset; /* the same as a far pointer, of 16-bit and 32-bit code */
	uint16_t far_selector;
	uint16_t reserved0;
	uint64_t is_64;
	uint16_t selector[6]; /* enum x86_seg; CS is not read, SS in 64-bit code neither */
	uint16_t reserved1[2];
	uint64_t fs_base, gs_base; /* loaded in 64-bit code if has_fsgsbase */
	uint64_t host_rsp, host_fs_base;
	uint32_t host_ss;
	uint32_t has_fsgsbase;
	uint32_t is_inside;
	uint32_t reserved2;
};

static_assert(offsetof(struct native_frame, rflags) == FRAME_RFLAGS, "native_entry.S");
static_assert(offsetof(struct native_frame, rip) == FRAME_RIP, "native_entry.S");
static_assert(offsetof(struct native_frame, far_offset) == FRAME_FAR, "native_entry.S");
static_assert(offsetof(struct native_frame, is_64) == FRAME_IS_64, "native_entry.S");
static_assert(offsetof(struct native_frame, selector) == FRAME_SELECTOR, "native_entry.S");
static_assert(offsetof(struct native_frame, fs_base) == FRAME_FS_BASE, "native_entry.S");
static_assert(offsetof(struct native_frame, gs_base) == FRAME_GS_BASE, "native_entry.S");
static_assert(offsetof(struct native_frame, host_rsp) == FRAME_HOST_RSP, "native_entry.S");
static_assert(offsetof(struct native_frame, host_fs_base) == FRAME_HOST_FS_BASE, "native_entry.S");
static_assert(offsetof(struct native_frame, host_ss) == FRAME_HOST_SS, "native_entry.S");
static_assert(offsetof(struct native_frame, has_fsgsbase) == FRAME_HAS_FSGSBASE, "native_entry.S");
static_assert(offsetof(struct native_frame, is_inside) == FRAME_IS_INSIDE, "native_entry.S");
static_assert(sizeof(struct native_frame) == FRAME_BYTES, "native_entry.S");
#endif

#endif
