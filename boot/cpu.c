// SPDX-License-Identifier: MIT
/*
 * See cpu.h. Descriptors: SDM 3A "Segment Descriptors", "Segment Descriptor Tables in IA-32e Mode".
 */
#include "cpu.h"

#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/seg.h"

#define SELECTOR_INDEX 0xfff8u

#define READ_REGISTER(insn, type)                                   \
	({                                                          \
		type value_;                                        \
		__asm__ volatile(insn : "=r"(value_) : : "memory"); \
		value_;                                             \
	})

/* The parts of a descriptor's first eight bytes. */
#define DESC_LIMIT(d)	   ((uint32_t)((d)&0xffff) | (uint32_t)((d) >> 32 & 0xf0000))
#define DESC_BASE(d)	   (((d) >> 16 & 0xffffff) | ((d) >> 32 & 0xff000000))
#define DESC_ATTRIBUTES(d) ((uint16_t)(((d) >> 40 & 0xff) | ((d) >> 40 & 0xf000)))

struct x86_segment cpu_segment(const void *gdt, uint16_t limit, uint16_t selector)
{
	struct x86_segment segment = { .selector = selector };
	uint32_t offset = selector & SELECTOR_INDEX;
	uint64_t d[2] = { 0, 0 };
	uint16_t attributes;

	if (!offset || (selector & SEG_SELECTOR_TI) || offset + 7 > limit)
		return segment;
	__builtin_memcpy(&d[0], (const char *)gdt + offset, 8);
	attributes = DESC_ATTRIBUTES(d[0]);
	if (!(attributes & SEG_P))
		return segment;
	if (!(attributes & SEG_S)) {
		/* In long mode the descriptor of an LDT or TSS has 16 bytes. */
		if (offset + 15 > limit)
			return segment;
		__builtin_memcpy(&d[1], (const char *)gdt + offset + 8, 8);
	} else {
		/* It was, or the register would not hold it, whatever the table says by now. */
		attributes |= SEG_TYPE_ACCESSED;
	}
	segment.base = DESC_BASE(d[0]) | d[1] << 32;
	segment.limit = DESC_LIMIT(d[0]);
	if (attributes & SEG_G)
		segment.limit = segment.limit << 12 | 0xfff;
	segment.attributes = attributes;
	return segment;
}

static struct x86_table read_gdtr(void)
{
	struct x86_table table = { .limit = 0 };

	/* The instruction writes ten bytes: limit, then base. */
	__asm__ volatile("sgdt %0" : "=m"(*(char(*)[10]) & table.limit));
	return table;
}

static struct x86_table read_idtr(void)
{
	struct x86_table table = { .limit = 0 };

	__asm__ volatile("sidt %0" : "=m"(*(char(*)[10]) & table.limit));
	return table;
}

static void capture_segments(struct whit_cpu_state *state)
{
	const uint16_t selectors[SEG_COUNT] = {
		[SEG_ES] = READ_REGISTER("mov %%es, %0", uint16_t),
		[SEG_CS] = READ_REGISTER("mov %%cs, %0", uint16_t),
		[SEG_SS] = READ_REGISTER("mov %%ss, %0", uint16_t),
		[SEG_DS] = READ_REGISTER("mov %%ds, %0", uint16_t),
		[SEG_FS] = READ_REGISTER("mov %%fs, %0", uint16_t),
		[SEG_GS] = READ_REGISTER("mov %%gs, %0", uint16_t),
		[SEG_LDTR] = READ_REGISTER("sldt %0", uint16_t),
		[SEG_TR] = READ_REGISTER("str %0", uint16_t),
	};
	const void *gdt = (const void *)state->gdtr.base;

	for (int i = 0; i < SEG_COUNT; i++)
		state->seg[i] = cpu_segment(gdt, state->gdtr.limit, selectors[i]);
	state->seg[SEG_FS].base = cpu_read_msr(MSR_FS_BASE);
	state->seg[SEG_GS].base = cpu_read_msr(MSR_GS_BASE);
}

void cpu_capture(struct whit_cpu_state *state, uint64_t rsp, uint64_t rip)
{
	*state = (struct whit_cpu_state) {
		.gpr[X86_RSP] = rsp,
		.rip = rip,
		.rflags = __builtin_ia32_readeflags_u64(),
		.cr0 = READ_REGISTER("mov %%cr0, %0", uint64_t),
		.cr3 = cpu_read_cr3(),
		.cr4 = cpu_read_cr4(),
		.dr7 = READ_REGISTER("mov %%dr7, %0", uint64_t),
		.gdtr = read_gdtr(),
		.idtr = read_idtr(),
	};
	capture_segments(state);
}
