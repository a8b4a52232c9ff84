// SPDX-License-Identifier: MIT
/* See pit.h. Modes and control words as in the 8254 datasheet. */
#include "root/vmm/pit.h"

#define PORT_CHANNEL0 0x40u
#define PORT_CONTROL  0x43u
#define PORT_SPEAKER  0x61u

#define SPEAKER_GATE	0x01u
#define SPEAKER_WRITTEN 0x03u
#define SPEAKER_REFRESH 0x10u
#define SPEAKER_OUT2	0x20u

/* Clocks between two changes of the memory refresh signal, 15 microseconds. */
#define REFRESH_CLOCKS 18u

#define READ_BACK 3u /* as a channel number in the control word */

void pit_init(struct pit *pit, const uint64_t *now)
{
	*pit = (struct pit) { .now = now, .seen = *now };
	for (unsigned int i = 0; i < 3; i++)
		pit->channels[i] = (struct pit_channel) {
			.access = 3, .gate = i != 2, .is_null = true, .reload = 65536
		};
}

/* Clocks that the channel has counted since it was started. */
static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
	return c->is_counting ? now - c->start : c->stopped;
}

static bool is_periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static uint16_t count(const struct pit_channel *c, uint64_t now)
{
	uint64_t n = elapsed(c, now);

	if (c->mode == 2)
		return (uint16_t)(c->reload - n % c->reload);
	if (c->mode == 3)
		return (uint16_t)(c->reload - 2 * (n % c->reload) % c->reload) & 0xfffe;
	return (uint16_t)(c->reload - n);
}

static bool output(const struct pit_channel *c, uint64_t now)
{
	uint64_t n = elapsed(c, now);

	switch (c->mode) {
	case 0:
	case 1: return !c->is_null && n >= c->reload;
	case 2: return n % c->reload != c->reload - 1;
	case 3: return n % c->reload < (c->reload + 1) / 2;
	default: return n != c->reload; /* a strobe of one clock, low */
	}
}

static void start(struct pit_channel *c, uint64_t now)
{
	c->start = now;
	c->stopped = 0;
	c->is_null = false;
	c->is_counting = c->gate;
}

static void set_gate(struct pit_channel *c, bool gate, uint64_t now)
{
	bool rises = gate && !c->gate;

	c->gate = gate;
	if (c->is_null)
		return;
	if (rises && c->mode != 0 && c->mode != 4) {
		start(c, now);
	} else if (rises) {
		c->start = now - c->stopped;
		c->is_counting = true;
	} else if (!gate && c->is_counting && c->mode != 1 && c->mode != 5) {
		c->stopped = now - c->start;
		c->is_counting = false;
	}
}

static void load(struct pit_channel *c, uint16_t value, uint64_t now)
{
	c->reload = value ? value : 65536;
	start(c, now);
}

static void write_count(struct pit_channel *c, uint8_t value, uint64_t now)
{
	switch (c->access) {
	case 1: load(c, value, now); break;
	case 2: load(c, (uint16_t)(value << 8), now); break;
	default:
		if (c->wrote_low)
			load(c, (uint16_t)(value << 8 | c->low), now);
		else
			c->low = value;
		c->wrote_low = !c->wrote_low;
		break;
	}
}

static uint8_t read_count(struct pit_channel *c, uint64_t now)
{
	uint16_t value = c->has_count ? c->latched_count : count(c, now);
	bool is_high = c->access == 2 || (c->access == 3 && c->read_low);

	if (c->has_status) {
		c->has_status = false;
		return c->latched_status;
	}
	if (c->access == 3)
		c->read_low = !c->read_low;
	if (c->access != 3 || is_high)
		c->has_count = false;
	/* Between the halves the value is held, so that a pair belongs together. */
	if (c->access == 3 && !is_high) {
		c->has_count = true;
		c->latched_count = value;
	}
	return (uint8_t)(is_high ? value >> 8 : value);
}

static void latch_count(struct pit_channel *c, uint64_t now)
{
	if (c->has_count)
		return;
	c->has_count = true;
	c->latched_count = count(c, now);
}

static void latch_status(struct pit_channel *c, uint64_t now)
{
	if (c->has_status)
		return;
	c->has_status = true;
	c->latched_status =
		(uint8_t)(output(c, now) << 7 | c->is_null << 6 | c->access << 4 | c->mode << 1);
}

static void write_control(struct pit *pit, uint8_t value)
{
	unsigned int number = value >> 6;
	unsigned int access = value >> 4 & 3;
	unsigned int mode = value >> 1 & 7;
	struct pit_channel *c;

	if (number == READ_BACK) {
		for (unsigned int i = 0; i < 3; i++) {
			if (!(value & 2u << i))
				continue;
			if (!(value & 0x20))
				latch_count(&pit->channels[i], *pit->now);
			if (!(value & 0x10))
				latch_status(&pit->channels[i], *pit->now);
		}
		return;
	}
	c = &pit->channels[number];
	if (!access) {
		latch_count(c, *pit->now);
		return;
	}
	*c = (struct pit_channel) { .mode = (uint8_t)(mode > 5 ? mode - 4 : mode),
				    .access = (uint8_t)access,
				    .gate = c->gate,
				    .is_null = true,
				    .reload = 65536 };
}

static uint32_t pit_read(void *device, uint16_t port, unsigned int size)
{
	struct pit *pit = device;

	(void)size;
	if (port == PORT_CONTROL)
		return 0xff;
	return read_count(&pit->channels[port - PORT_CHANNEL0], *pit->now);
}

static void pit_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct pit *pit = device;

	(void)size;
	if (port == PORT_CONTROL)
		write_control(pit, (uint8_t)value);
	else
		write_count(&pit->channels[port - PORT_CHANNEL0], (uint8_t)value, *pit->now);
}

static uint32_t speaker_read(void *device, uint16_t port, unsigned int size)
{
	struct pit *pit = device;
	uint32_t value = pit->speaker;

	(void)port;
	(void)size;
	if (*pit->now / REFRESH_CLOCKS & 1)
		value |= SPEAKER_REFRESH;
	if (output(&pit->channels[2], *pit->now))
		value |= SPEAKER_OUT2;
	return value;
}

static void speaker_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct pit *pit = device;

	(void)port;
	(void)size;
	pit->speaker = value & SPEAKER_WRITTEN;
	set_gate(&pit->channels[2], value & SPEAKER_GATE, *pit->now);
}

/* Rising edges of the output in the clocks after the start, up to n of them. */
static uint64_t edges_until(const struct pit_channel *c, uint64_t n)
{
	if (is_periodic(c))
		return n / c->reload;
	return n >= c->reload;
}

uint64_t pit_take_edges(struct pit *pit)
{
	const struct pit_channel *c = &pit->channels[0];
	uint64_t before = pit->seen > c->start ? pit->seen - c->start : 0;

	pit->seen = *pit->now;
	if (c->is_null || !c->is_counting)
		return 0;
	return edges_until(c, pit->seen - c->start) - edges_until(c, before);
}

uint64_t pit_next_edge(const struct pit *pit)
{
	const struct pit_channel *c = &pit->channels[0];
	uint64_t n;

	if (c->is_null || !c->is_counting)
		return PIT_NEVER;
	n = *pit->now - c->start;
	if (is_periodic(c))
		return c->start + (n / c->reload + 1) * c->reload;
	return n < c->reload ? c->start + c->reload : PIT_NEVER;
}

void pit_add_ports(struct pit *pit, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = PORT_CHANNEL0,
						 .last = PORT_CONTROL,
						 .width = 1,
						 .read = pit_read,
						 .write = pit_write,
						 .device = pit });
	ports_add(ports, &(struct port_device) { .first = PORT_SPEAKER,
						 .last = PORT_SPEAKER,
						 .width = 1,
						 .read = speaker_read,
						 .write = speaker_write,
						 .device = pit });
}
