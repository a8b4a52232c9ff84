/* SPDX-License-Identifier: MIT */
/*
 * The pair of Intel 8259A interrupt controllers of a PC: the second one hangs at input 2 of the
 * first. Inputs are edge-triggered. Datasheet: Intel 8259A. Special mask mode, polling, the MCS-80
 * mode and level triggering do not exist.
 */
#ifndef ROOT_VMM_PIC_H
#define ROOT_VMM_PIC_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/ports.h"

struct pic_chip {
	uint8_t irr, isr, imr;
	uint8_t lines;	   /* levels of the inputs, for edges */
	uint8_t vector;	   /* of input 0 */
	uint8_t lowest;	   /* input of lowest priority: 7 unless rotated */
	uint8_t init_step; /* the ICW that is due: 2, 3, 4; 0 none */
	bool needs_icw4, is_auto_eoi, rotates_auto, reads_isr;
};

struct pic {
	struct pic_chip chips[2];
};

void pic_init(struct pic *pic);
void pic_add_ports(struct pic *pic, struct ports *ports);

/* Set the level of input 0 to 15 (not 2). */
void pic_set(struct pic *pic, unsigned int irq, bool level);

/* A whole edge: up and down again. */
void pic_pulse(struct pic *pic, unsigned int irq);

/* Does the processor's INTR pin ask for an interrupt? */
bool pic_has_interrupt(const struct pic *pic);

/* The processor's acknowledge cycle: the vector. Only after pic_has_interrupt(). */
uint8_t pic_acknowledge(struct pic *pic);

#endif
