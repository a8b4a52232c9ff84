// SPDX-License-Identifier: MIT
/* The serial port's receiver, and the terminal behind its transmitter. */
#include "root/vmm/serial.h"

#include <string.h>

#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "tests/check.h"

static struct ports ports;
static struct pic pic;
static struct serial serial;
static struct watch watch;
static char shown[256];
static size_t n_shown;

/* As the real one: the end of a line gets its carriage return here. */
void host_put(char c)
{
	if (n_shown + 2 >= sizeof(shown))
		return;
	if (c == '\n')
		shown[n_shown++] = '\r';
	shown[n_shown++] = c;
}

static uint8_t in(uint16_t port)
{
	return (uint8_t)ports_read(&ports, port, 1);
}

static void out(uint16_t port, uint8_t value)
{
	ports_write(&ports, port, 1, value);
}

/* As Linux' 8250 driver leaves the port when it is opened: FIFOs on, OUT2, receive interrupts. */
static void reset(bool has_fifo)
{
	ports = (struct ports) { .n = 0 };
	memset(shown, 0, sizeof(shown));
	n_shown = 0;
	pic_init(&pic);
	pic.chips[0].imr = 0;
	watch_init(&watch, "ready");
	serial_init(&serial, 0x3f8, 4, &pic, &watch);
	serial_add_ports(&serial, &ports);
	out(0x3fa, has_fifo ? 0x07 : 0x00);
	out(0x3fc, 0x0b);
	out(0x3f9, 0x01);
}

static void a_character_interrupts_and_is_read(void)
{
	reset(true);
	CHECK_EQ(in(0x3fd), 0x60);
	CHECK_EQ(in(0x3fa), 0xc1);
	serial_receive(&serial, 'x');
	CHECK(pic_has_interrupt(&pic));
	CHECK_EQ(in(0x3fa), 0xc4);
	CHECK_EQ(in(0x3fd), 0x61);
	CHECK_EQ(in(0x3f8), 'x');
	CHECK_EQ(in(0x3fd), 0x60);
	CHECK_EQ(in(0x3fa), 0xc1);
	CHECK_EQ(in(0x3f8), 0); /* there is no other */
}

static void the_fifo_keeps_16_in_order(void)
{
	reset(true);
	for (unsigned int round = 0; round < 3; round++) {
		unsigned int n = 0;

		for (; serial_can_receive(&serial); n++)
			serial_receive(&serial, (uint8_t)('a' + n));
		CHECK_EQ(n, 16);
		for (unsigned int i = 0; i < n; i++)
			CHECK_EQ(in(0x3f8), 'a' + i);
		CHECK_EQ(in(0x3fd) & 1, 0);
		serial_receive(&serial, '?'); /* so that the next round begins elsewhere */
		CHECK_EQ(in(0x3f8), '?');
	}
}

static void without_the_fifo_there_is_room_for_one(void)
{
	reset(false);
	CHECK(serial_can_receive(&serial));
	serial_receive(&serial, 'x');
	CHECK(!serial_can_receive(&serial));
	CHECK_EQ(in(0x3f8), 'x');
	CHECK(serial_can_receive(&serial));
}

/* Each character is an edge for the PIC, once the handler has taken what was there. */
static void each_character_is_an_edge(void)
{
	reset(true);
	for (unsigned int i = 0; i < 3; i++) {
		serial_receive(&serial, 'a');
		serial_receive(&serial, 'b');
		CHECK(pic_has_interrupt(&pic));
		CHECK_EQ(pic_acknowledge(&pic), 4);
		CHECK_EQ(in(0x3f8), 'a');
		CHECK_EQ(in(0x3f8), 'b');
		pic.chips[0].isr = 0;
		CHECK(!pic_has_interrupt(&pic));
	}
}

static void received_comes_before_sent(void)
{
	reset(true);
	out(0x3f9, 0x03);
	serial_receive(&serial, 'x');
	CHECK_EQ(in(0x3fa), 0xc4);
	CHECK_EQ(in(0x3fa), 0xc4); /* to read it does not end it */
	CHECK_EQ(in(0x3f8), 'x');
	CHECK_EQ(in(0x3fa), 0xc2);
	CHECK_EQ(in(0x3fa), 0xc1);
}

static void no_interrupt_if_it_is_off(void)
{
	reset(true);
	out(0x3f9, 0x00);
	serial_receive(&serial, 'x');
	CHECK(!pic_has_interrupt(&pic));
	CHECK_EQ(in(0x3fa), 0xc1);
	CHECK_EQ(in(0x3fd), 0x61);
	out(0x3fc, 0x03); /* not connected */
	out(0x3f9, 0x01);
	CHECK(!pic_has_interrupt(&pic));
	out(0x3fc, 0x0b);
	CHECK(pic_has_interrupt(&pic));
}

static void the_fifo_can_be_cleared(void)
{
	reset(true);
	serial_receive(&serial, 'x');
	out(0x3fa, 0x03);
	CHECK_EQ(in(0x3fd), 0x60);
	serial_receive(&serial, 'y');
	out(0x3fa, 0x00);
	CHECK_EQ(in(0x3fd), 0x60);
}

static void the_loop_sends_to_itself(void)
{
	reset(true);
	out(0x3fc, 0x1b);
	for (unsigned int i = 0; i < 20; i++)
		out(0x3f8, (uint8_t)i);
	for (unsigned int i = 0; i < 16; i++)
		CHECK_EQ(in(0x3f8), i);
	CHECK_EQ(in(0x3fd) & 1, 0);
	CHECK_EQ(n_shown, 0);
}

static void say(const char *text)
{
	while (*text)
		out(0x3f8, (uint8_t)*text++);
}

static void the_awaited_line_is_seen(void)
{
	reset(true);
	say("not ready\r\n");
	CHECK(!watch.has_come);
	say("\r\nready to go");
	CHECK(!watch.has_come);
	say("\r\n");
	CHECK(watch.has_come);
}

/* What shells and editors send gets through; each line ends once. */
static void the_terminal_shows_what_terminals_need(void)
{
	reset(true);
	say("a\r\nb\rc\x1b[1m\b\a\x01\x7f\n");
	CHECK(!strcmp(shown, "a\r\nb\rc\x1b[1m\b\a\x7f\r\n"));
	say("guest");
	terminal_print("vmm: %u %s\n", 7, "x");
	CHECK(!strcmp(shown + strlen(shown) - 17, "guest\r\nvmm: 7 x\r\n"));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_character_interrupts_and_is_read),
		TEST(the_fifo_keeps_16_in_order),
		TEST(without_the_fifo_there_is_room_for_one),
		TEST(each_character_is_an_edge),
		TEST(received_comes_before_sent),
		TEST(no_interrupt_if_it_is_off),
		TEST(the_fifo_can_be_cleared),
		TEST(the_loop_sends_to_itself),
		TEST(the_awaited_line_is_seen),
		TEST(the_terminal_shows_what_terminals_need),
	};

	return RUN(tests);
}
