// SPDX-License-Identifier: MIT
/* Segment descriptors, decoded by hand from tables that OVMF and Linux load. */
#include <stdlib.h>
#include <string.h>

#include "boot/cpu.h"
#include "tests/check.h"

/* OVMF's, with a TSS whose 16 bytes are at 0x48 and an LDT that is cut off by the limit. */
static const uint64_t gdt[] = {
	0x0000000000000000, /* 00 */
	0x00cf93000000ffff, /* 08 data, flat, accessed */
	0x00cf9b000000ffff, /* 10 code, 32 bits */
	0x00cf13000000ffff, /* 18 not present */
	0x00009b000000ffff, /* 20 code, 16 bits, bytes */
	0x00cffa000000ffff, /* 28 code, DPL 3, not marked accessed */
	0x12409256789abcde, /* 30 data with a base and a limit */
	0x00af9b000000ffff, /* 38 code, 64 bits */
	0x0000000000000000, /* 40 */
	0x55008b0030002077, /* 48 TSS … */
	0x00000000fffffe12, /* 50 … its base's upper half */
	0x0000820000000fff, /* 58 LDT … */
};

static struct x86_segment decode(uint16_t selector)
{
	/* A copy of its exact size, for the sanitizer. */
	uint64_t *copy = malloc(sizeof(gdt));
	struct x86_segment s;

	memcpy(copy, gdt, sizeof(gdt));
	s = cpu_segment(copy, sizeof(gdt) - 1, selector);
	free(copy);
	CHECK_EQ(s.selector, selector);
	return s;
}

#define CHECK_SEGMENT(selector, base_, limit_, attributes_) \
	do {                                                \
		struct x86_segment s_ = decode(selector);   \
		CHECK_EQ(s_.base, base_);                   \
		CHECK_EQ(s_.limit, limit_);                 \
		CHECK_EQ(s_.attributes, attributes_);       \
	} while (0)

static void flat_segments_are_decoded(void)
{
	CHECK_SEGMENT(0x08, 0, 0xffffffff, 0xc093);
	CHECK_SEGMENT(0x10, 0, 0xffffffff, 0xc09b);
	CHECK_SEGMENT(0x38, 0, 0xffffffff, 0xa09b);
}

static void base_limit_and_granularity_are_decoded(void)
{
	CHECK_SEGMENT(0x20, 0, 0xffff, 0x009b);
	CHECK_SEGMENT(0x30, 0x1256789a, 0xbcde, 0x4093);
}

static void what_is_loaded_is_accessed(void)
{
	CHECK_SEGMENT(0x2b, 0, 0xffffffff, 0xc0fb);
}

static void a_task_segment_has_sixteen_bytes(void)
{
	CHECK_SEGMENT(0x48, 0xfffffe1255003000, 0x2077, 0x008b);
}

static void what_cannot_be_decoded_is_absent(void)
{
	CHECK_SEGMENT(0x00, 0, 0, 0);
	CHECK_SEGMENT(0x03, 0, 0, 0); /* null, RPL 3 */
	CHECK_SEGMENT(0x18, 0, 0, 0); /* not present */
	CHECK_SEGMENT(0x58, 0, 0, 0); /* second half beyond the limit */
	CHECK_SEGMENT(0x60, 0, 0, 0); /* beyond the limit */
	CHECK_SEGMENT(0xfff8, 0, 0, 0);
	CHECK_SEGMENT(0x0c, 0, 0, 0); /* of the LDT */
}

int main(void)
{
	static const struct test tests[] = {
		TEST(flat_segments_are_decoded),
		TEST(base_limit_and_granularity_are_decoded),
		TEST(what_is_loaded_is_accessed),
		TEST(a_task_segment_has_sixteen_bytes),
		TEST(what_cannot_be_decoded_is_absent),
	};

	return RUN(tests);
}
