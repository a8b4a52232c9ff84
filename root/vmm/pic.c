// SPDX-License-Identifier: MIT
/* See pic.h. Names of command words and bits are those of the 8259A datasheet. */
#include "root/vmm/pic.h"

#include <stddef.h>

#define PORT_CHIP0 0x20u
#define PORT_CHIP1 0xa0u
#define CASCADE	   2u /* input of chip 0 that chip 1 hangs at */

#define ICW1	       0x10u
#define ICW1_NEEDS_4   0x01u
#define ICW4_AUTO_EOI  0x02u
#define OCW3	       0x08u
#define OCW3_READ_IRR  0x02u
#define OCW3_READ_ISR  0x03u
#define OCW3_READ_MASK 0x03u

void pic_init(struct pic *pic)
{
	for (unsigned int i = 0; i < 2; i++) {
		pic->chips[i] = (struct pic_chip) { .imr = 0xff, .lowest = 7 };
		pic->chips[i].vector = (uint8_t)(8 * i);
	}
}

/* The highest-priority input that is set in `bits`; -1 if none is. */
static int highest(const struct pic_chip *chip, uint8_t bits)
{
	for (unsigned int i = 1; i <= 8; i++) {
		unsigned int input = (chip->lowest + i) & 7;

		if (bits & 1u << input)
			return (int)input;
	}
	return -1;
}

/* How far an input is from the highest priority; 8 for none. */
static unsigned int rank(const struct pic_chip *chip, int input)
{
	return input < 0 ? 8 : ((unsigned int)input - chip->lowest - 1) & 7;
}

/* The input that the chip asks an interrupt for; -1: none that is above what is in service. */
static int request(const struct pic_chip *chip, uint8_t irr)
{
	int input = highest(chip, (uint8_t)(irr & ~chip->imr));

	return rank(chip, input) < rank(chip, highest(chip, chip->isr)) ? input : -1;
}

/* Chip 0's requests, with that of chip 1 at the cascade's input. */
static uint8_t requests_of_first(const struct pic *pic)
{
	uint8_t irr = (uint8_t)(pic->chips[0].irr & ~(1u << CASCADE));

	if (request(&pic->chips[1], pic->chips[1].irr) >= 0)
		irr |= 1u << CASCADE;
	return irr;
}

bool pic_has_interrupt(const struct pic *pic)
{
	return request(&pic->chips[0], requests_of_first(pic)) >= 0;
}

void pic_set(struct pic *pic, unsigned int irq, bool level)
{
	struct pic_chip *chip = &pic->chips[irq / 8];
	uint8_t bit = (uint8_t)(1u << irq % 8);

	if (level && !(chip->lines & bit))
		chip->irr |= bit;
	if (level)
		chip->lines |= bit;
	else
		chip->lines &= (uint8_t)~bit;
}

void pic_pulse(struct pic *pic, unsigned int irq)
{
	pic_set(pic, irq, true);
	pic_set(pic, irq, false);
}

static uint8_t take(struct pic_chip *chip, uint8_t irr)
{
	int input = request(chip, irr);

	/* An input that has gone away: the datasheet's default IR7, with no bit in service. */
	if (input < 0)
		return (uint8_t)(chip->vector + 7);
	chip->irr &= (uint8_t) ~(1u << input);
	if (!chip->is_auto_eoi)
		chip->isr |= (uint8_t)(1u << input);
	else if (chip->rotates_auto)
		chip->lowest = (uint8_t)input;
	return (uint8_t)(chip->vector + (unsigned int)input);
}

uint8_t pic_acknowledge(struct pic *pic)
{
	uint8_t irr = requests_of_first(pic);
	bool is_second = request(&pic->chips[0], irr) == (int)CASCADE;
	uint8_t vector = take(&pic->chips[0], irr);

	return is_second ? take(&pic->chips[1], pic->chips[1].irr) : vector;
}

/* OCW2: ends of interrupts and rotation of priorities. */
static void end_of_interrupt(struct pic_chip *chip, uint8_t command)
{
	bool rotates = command & 0x80, is_specific = command & 0x40, is_eoi = command & 0x20;
	int input = is_specific ? command & 7 : highest(chip, chip->isr);

	if (is_eoi && input >= 0)
		chip->isr &= (uint8_t) ~(1u << input);
	if (!is_eoi && !is_specific)
		chip->rotates_auto = rotates;
	else if (rotates && input >= 0)
		chip->lowest = (uint8_t)input;
}

static void write_command(struct pic_chip *chip, uint8_t value)
{
	if (value & ICW1) {
		chip->irr = chip->isr = chip->imr = 0;
		chip->lowest = 7;
		chip->is_auto_eoi = chip->rotates_auto = chip->reads_isr = false;
		chip->needs_icw4 = value & ICW1_NEEDS_4;
		chip->init_step = 2;
	} else if (value & OCW3) {
		if ((value & OCW3_READ_MASK) == OCW3_READ_ISR)
			chip->reads_isr = true;
		else if ((value & OCW3_READ_MASK) == OCW3_READ_IRR)
			chip->reads_isr = false;
	} else {
		end_of_interrupt(chip, value);
	}
}

static void write_data(struct pic_chip *chip, uint8_t value)
{
	switch (chip->init_step) {
	case 2:
		chip->vector = value & 0xf8;
		chip->init_step = 3;
		break;
	case 3: chip->init_step = chip->needs_icw4 ? 4 : 0; break;
	case 4:
		chip->is_auto_eoi = value & ICW4_AUTO_EOI;
		chip->init_step = 0;
		break;
	default: chip->imr = value; break;
	}
}

static uint32_t pic_read(void *device, uint16_t port, unsigned int size)
{
	struct pic *pic = device;
	const struct pic_chip *chip = &pic->chips[port >= PORT_CHIP1];

	(void)size;
	if (port & 1)
		return chip->imr;
	return chip->reads_isr ? chip->isr : chip->irr;
}

static void pic_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct pic *pic = device;
	struct pic_chip *chip = &pic->chips[port >= PORT_CHIP1];

	(void)size;
	if (port & 1)
		write_data(chip, (uint8_t)value);
	else
		write_command(chip, (uint8_t)value);
}

void pic_add_ports(struct pic *pic, struct ports *ports)
{
	const uint16_t first[2] = { PORT_CHIP0, PORT_CHIP1 };

	for (unsigned int i = 0; i < 2; i++)
		ports_add(ports, &(struct port_device) { .first = first[i],
							 .last = (uint16_t)(first[i] + 1),
							 .width = 1,
							 .read = pic_read,
							 .write = pic_write,
							 .device = pic });
}
