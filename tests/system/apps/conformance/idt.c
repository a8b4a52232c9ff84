// SPDX-License-Identifier: MIT
/* See idt.h. */
#include "tests/system/apps/conformance/idt.h"

#define INTERRUPT_GATE 0x8e00ull

static uint16_t code_segment(void)
{
	uint16_t cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return cs;
}

static void load(const struct idt_pointer *pointer)
{
	__asm__ volatile("lidt %0" : : "m"(*pointer) : "memory");
}

void idt_take(struct idt *idt)
{
	const uint64_t *from;
	struct idt_pointer pointer = { .base = (uintptr_t)idt->gates };

	__asm__ volatile("sidt %0" : "=m"(idt->before));
	from = (const uint64_t *)(uintptr_t)idt->before.base;
	pointer.limit =
		idt->before.limit < sizeof(idt->gates) ? idt->before.limit : sizeof(idt->gates) - 1;
	for (unsigned int i = 0; i < (pointer.limit + 1u) / 8; i++)
		idt->gates[i] = from[i];
	load(&pointer);
}

void idt_give_back(const struct idt *idt)
{
	load(&idt->before);
}

void idt_set(struct idt *idt, unsigned int vector, void (*entry)(void))
{
	const uint64_t address = (uintptr_t)entry;

	idt->gates[2 * vector] = (address & 0xffff) | (uint64_t)code_segment() << 16 |
				 INTERRUPT_GATE << 32 | (address & 0xffff0000) << 32;
	idt->gates[2 * vector + 1] = address >> 32;
}
