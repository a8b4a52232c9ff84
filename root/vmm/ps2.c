// SPDX-License-Identifier: MIT
/*
 * See ps2.h. Commands: IBM "PS/2 Hardware Interface Technical Reference", keyboard and controller.
 */
#include "root/vmm/ps2.h"

#define PORT_DATA   0x60u
#define PORT_STATUS 0x64u

#define STATUS_OUTPUT_FULL 0x01u
#define STATUS_SELF_TEST   0x04u

#define CONFIG_KEYBOARD_IRQ 0x01u
#define CONFIG_KEYBOARD_OFF 0x10u
#define CONFIG_MOUSE_OFF    0x20u
#define OUTPORT_RUNS_A20    0x03u

/* Controller commands. */
#define READ_CONFIG   0x20u
#define WRITE_CONFIG  0x60u
#define MOUSE_OFF     0xa7u
#define MOUSE_ON      0xa8u
#define TEST_MOUSE    0xa9u
#define SELF_TEST     0xaau
#define TEST_KEYBOARD 0xabu
#define KEYBOARD_OFF  0xadu
#define KEYBOARD_ON   0xaeu
#define READ_OUTPORT  0xd0u
#define WRITE_OUTPORT 0xd1u
#define TO_KEYBOARD   0xd2u /* the parameter comes back as if typed */
#define TO_MOUSE      0xd4u
#define PULSE_FIRST   0xf0u /* bit 0 clear: the processor's reset line */

#define SELF_TEST_PASSED 0x55u
#define TEST_PASSED	 0x00u
#define TEST_NOTHING	 0x01u /* clock line stuck: nothing is connected */

/* Keyboard commands and answers. */
#define SET_LEDS      0xedu
#define SCANCODE_SET  0xf0u
#define IDENTIFY      0xf2u
#define SET_RATE      0xf3u
#define RESET	      0xffu
#define ACKNOWLEDGE   0xfau
#define POWER_ON_TEST 0xaau

void ps2_init(struct ps2 *ps2, struct pic *pic)
{
	*ps2 = (struct ps2) { .pic = pic,
			      .config = CONFIG_KEYBOARD_OFF | CONFIG_MOUSE_OFF,
			      .outport = OUTPORT_RUNS_A20 };
}

static void update_irq(const struct ps2 *ps2)
{
	pic_set(ps2->pic, 1, ps2->n_queued && (ps2->config & CONFIG_KEYBOARD_IRQ));
}

static void queue(struct ps2 *ps2, uint8_t byte)
{
	if (ps2->n_queued < PS2_QUEUE)
		ps2->queue[ps2->n_queued++] = byte;
}

static void write_keyboard(struct ps2 *ps2, uint8_t value)
{
	queue(ps2, ACKNOWLEDGE);
	if (ps2->keyboard_command) {
		/* Asked which scancode set is on: 2. */
		if (ps2->keyboard_command == SCANCODE_SET && !value)
			queue(ps2, 2);
		ps2->keyboard_command = 0;
		return;
	}
	switch (value) {
	case SET_LEDS:
	case SCANCODE_SET:
	case SET_RATE: ps2->keyboard_command = value; break;
	case IDENTIFY:
		queue(ps2, 0xab);
		queue(ps2, 0x83);
		break;
	case RESET: queue(ps2, POWER_ON_TEST); break;
	default: break;
	}
}

static void write_command(struct ps2 *ps2, uint8_t value)
{
	switch (value) {
	case READ_CONFIG: queue(ps2, ps2->config); break;
	case MOUSE_OFF: ps2->config |= CONFIG_MOUSE_OFF; break;
	case MOUSE_ON: ps2->config &= (uint8_t)~CONFIG_MOUSE_OFF; break;
	case TEST_MOUSE: queue(ps2, TEST_NOTHING); break;
	case SELF_TEST: queue(ps2, SELF_TEST_PASSED); break;
	case TEST_KEYBOARD: queue(ps2, TEST_PASSED); break;
	case KEYBOARD_OFF: ps2->config |= CONFIG_KEYBOARD_OFF; break;
	case KEYBOARD_ON: ps2->config &= (uint8_t)~CONFIG_KEYBOARD_OFF; break;
	case READ_OUTPORT: queue(ps2, ps2->outport); break;
	case WRITE_CONFIG:
	case WRITE_OUTPORT:
	case TO_KEYBOARD:
	case TO_MOUSE: ps2->command = value; break;
	default:
		if (value >= PULSE_FIRST && !(value & 1))
			ps2->wants_reset = true;
		break;
	}
}

static void write_data(struct ps2 *ps2, uint8_t value)
{
	uint8_t command = ps2->command;

	ps2->command = 0;
	switch (command) {
	case WRITE_CONFIG: ps2->config = value; break;
	case WRITE_OUTPORT: ps2->outport = value; break;
	case TO_KEYBOARD: queue(ps2, value); break;
	case TO_MOUSE: break;
	default:
		ps2->config &= (uint8_t)~CONFIG_KEYBOARD_OFF;
		write_keyboard(ps2, value);
		break;
	}
}

static uint32_t ps2_read(void *device, uint16_t port, unsigned int size)
{
	struct ps2 *ps2 = device;
	uint8_t value;

	(void)size;
	if (port == PORT_STATUS)
		return STATUS_SELF_TEST | (ps2->n_queued ? STATUS_OUTPUT_FULL : 0);
	value = ps2->queue[0];
	if (ps2->n_queued) {
		ps2->n_queued--;
		for (unsigned int i = 0; i < ps2->n_queued; i++)
			ps2->queue[i] = ps2->queue[i + 1];
	}
	/* A byte that follows is a new edge. */
	pic_set(ps2->pic, 1, false);
	update_irq(ps2);
	return value;
}

static void ps2_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct ps2 *ps2 = device;

	(void)size;
	if (port == PORT_STATUS)
		write_command(ps2, (uint8_t)value);
	else
		write_data(ps2, (uint8_t)value);
	update_irq(ps2);
}

void ps2_add_ports(struct ps2 *ps2, struct ports *ports)
{
	const uint16_t port[2] = { PORT_DATA, PORT_STATUS };

	for (unsigned int i = 0; i < 2; i++)
		ports_add(ports, &(struct port_device) { .first = port[i],
							 .last = port[i],
							 .width = 1,
							 .read = ps2_read,
							 .write = ps2_write,
							 .device = ps2 });
}
