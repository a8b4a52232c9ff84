/* SPDX-License-Identifier: MIT */
/* A copy of firmware's interrupt descriptors for one processor, with gates of the suite's own. SDM 3A "64-Bit Mode IDT". */
#ifndef CONFORMANCE_IDT_H
#define CONFORMANCE_IDT_H

#include <stdint.h>

struct idt_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct idt {
	uint64_t gates[512];
	struct idt_pointer before; /* the processor's, for idt_give_back() */
};

/* From now on this processor has the copy; idt_give_back(): it has what it had before. */
void idt_take(struct idt *idt);
void idt_give_back(const struct idt *idt);

/* An interrupt gate of DPL 0 to `entry`, which runs on the stack that is interrupted. */
void idt_set(struct idt *idt, unsigned int vector, void (*entry)(void));

#endif
