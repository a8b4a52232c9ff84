// SPDX-License-Identifier: MIT
/* The 8254, as the datasheet has it. */
#include "root/vmm/pit.h"

#include "tests/check.h"

static struct pit pit;
static struct ports ports;
static uint64_t now;

static void reset(void)
{
	now = 1000;
	ports = (struct ports) { .n = 0 };
	pit_init(&pit, &now);
	pit_add_ports(&pit, &ports);
}

static void out(uint16_t port, uint8_t value)
{
	ports_write(&ports, port, 1, value);
}

static uint8_t in(uint16_t port)
{
	return (uint8_t)ports_read(&ports, port, 1);
}

static uint16_t in_word(uint16_t port)
{
	uint8_t low = in(port);

	return (uint16_t)(low | in(port) << 8);
}

static void start(unsigned int channel, unsigned int mode, uint16_t count)
{
	out(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
	out((uint16_t)(0x40 + channel), (uint8_t)count);
	out((uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

static void pit_mode_2_ticks_at_its_rate(void)
{
	reset();
	CHECK_EQ(pit_take_edges(&pit), 0);
	CHECK(pit_next_edge(&pit) == PIT_NEVER);
	start(0, 2, 100);
	CHECK_EQ(pit_next_edge(&pit), 1100);
	now += 99;
	CHECK_EQ(pit_take_edges(&pit), 0);
	now += 1;
	CHECK_EQ(pit_take_edges(&pit), 1);
	CHECK_EQ(pit_take_edges(&pit), 0);
	CHECK_EQ(pit_next_edge(&pit), 1200);
	now += 1050;
	CHECK_EQ(pit_take_edges(&pit), 10);
	CHECK_EQ(in_word(0x40), 50);
}

static void pit_count_0_is_65536(void)
{
	reset();
	start(0, 2, 0);
	CHECK_EQ(pit_next_edge(&pit), 1000 + 65536);
	now += 65535;
	CHECK_EQ(in_word(0x40), 1);
	CHECK_EQ(pit_take_edges(&pit), 0);
	now += 1;
	CHECK_EQ(pit_take_edges(&pit), 1);
	CHECK_EQ(in_word(0x40), 0);
}

static void pit_mode_0_ends_once(void)
{
	reset();
	start(0, 0, 500);
	now += 499;
	CHECK_EQ(pit_take_edges(&pit), 0);
	CHECK_EQ(in_word(0x40), 1);
	now += 1;
	CHECK_EQ(pit_take_edges(&pit), 1);
	CHECK(pit_next_edge(&pit) == PIT_NEVER);
	now += 10;
	CHECK_EQ(pit_take_edges(&pit), 0);
	CHECK_EQ(in_word(0x40), 0xfff6); /* it counts on, through zero */
}

static void pit_mode_3_is_a_square_wave(void)
{
	reset();
	start(2, 3, 100);
	out(0x61, 1);
	now += 10;
	CHECK_EQ(in(0x61) & 0x20, 0x20);
	CHECK_EQ(in_word(0x42), 80); /* counts by two */
	now += 45;
	CHECK_EQ(in(0x61) & 0x20, 0);
	CHECK_EQ(in_word(0x42), 90);
	now += 50;
	CHECK_EQ(in(0x61) & 0x20, 0x20);
}

/* How SeaBIOS, and Linux, measure the time stamp counter. */
static void pit_channel_2_measures_time(void)
{
	reset();
	out(0x61, (uint8_t)((in(0x61) & ~2) | 1));
	start(2, 0, 0x800);
	CHECK_EQ(in(0x61) & 0x20, 0);
	now += 0x7ff;
	CHECK_EQ(in(0x61) & 0x20, 0);
	now += 1;
	CHECK_EQ(in(0x61) & 0x20, 0x20);
}

static void pit_gate_stops_channel_2(void)
{
	reset();
	out(0x61, 1);
	start(2, 0, 1000);
	now += 300;
	out(0x61, 0);
	CHECK_EQ(in_word(0x42), 700);
	now += 5000;
	CHECK_EQ(in_word(0x42), 700);
	out(0x61, 1);
	now += 699;
	CHECK_EQ(in(0x61) & 0x20, 0);
	now += 1;
	CHECK_EQ(in(0x61) & 0x20, 0x20);
}

static void pit_latches_the_count(void)
{
	reset();
	start(0, 2, 0x4321);
	now += 0x21;
	out(0x43, 0x00);
	now += 0x1000;
	CHECK_EQ(in(0x40), 0x00);
	now += 0x1000;
	CHECK_EQ(in(0x40), 0x43);
	CHECK_EQ(in_word(0x40), 0x2300);
}

static void pit_reads_back_status_and_count(void)
{
	reset();
	start(0, 2, 1000);
	now += 10;
	out(0x43, 0xc2); /* both, channel 0 */
	now += 10;
	CHECK_EQ(in(0x40), 0x80 | 0x30 | 2 << 1);
	CHECK_EQ(in_word(0x40), 990);
	out(0x43, 0x34);
	out(0x43, 0xe2); /* status alone: no count yet */
	CHECK_EQ(in(0x40) & 0x40, 0x40);
}

static void pit_takes_single_bytes(void)
{
	reset();
	out(0x43, 0x14); /* channel 0, low byte, mode 2 */
	out(0x40, 200);
	CHECK_EQ(pit_next_edge(&pit), 1200);
	now += 50;
	CHECK_EQ(in(0x40), 150);
	CHECK_EQ(in(0x40), 150);
	out(0x43, 0x24); /* high byte */
	out(0x40, 2);
	now += 0x100;
	CHECK_EQ(in(0x40), 1);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(pit_mode_2_ticks_at_its_rate), TEST(pit_count_0_is_65536),
		TEST(pit_mode_0_ends_once),	    TEST(pit_mode_3_is_a_square_wave),
		TEST(pit_channel_2_measures_time),  TEST(pit_gate_stops_channel_2),
		TEST(pit_latches_the_count),	    TEST(pit_reads_back_status_and_count),
		TEST(pit_takes_single_bytes),
	};

	return RUN(tests);
}
