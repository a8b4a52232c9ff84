// SPDX-License-Identifier: MIT
/* The port bus and the smaller devices, driven as SeaBIOS drives them. */
#include "root/vmm/ports.h"

#include <string.h>

#include "root/vmm/debugport.h"
#include "root/vmm/fwcfg.h"
#include "root/vmm/pic.h"
#include "root/vmm/ps2.h"
#include "root/vmm/serial.h"
#include "root/vmm/terminal.h"
#include "tests/check.h"

static struct ports ports;
static struct pic pic;
static char shown[256];
static size_t n_shown;

void terminal_guest(char c)
{
	if (n_shown < sizeof(shown) - 1)
		shown[n_shown++] = c;
}

static void reset(void)
{
	ports = (struct ports) { .n = 0 };
	pic_init(&pic);
	memset(shown, 0, sizeof(shown));
	n_shown = 0;
}

static uint8_t in(uint16_t port)
{
	return (uint8_t)ports_read(&ports, port, 1);
}

static void out(uint16_t port, uint8_t value)
{
	ports_write(&ports, port, 1, value);
}

static void ports_of_nobody_read_as_ones(void)
{
	reset();
	CHECK_EQ(ports_read(&ports, 0x1f7, 1), 0xff);
	CHECK_EQ(ports_read(&ports, 0x1f7, 2), 0xffff);
	CHECK_EQ(ports_read(&ports, 0x1f7, 4), 0xffffffff);
	ports_write(&ports, 0xffff, 4, 1);
	CHECK_EQ(ports.n_unknown, 4);
}

static uint32_t echo_read(void *device, uint16_t port, unsigned int size)
{
	(void)device;
	return size == 1 ? (uint32_t)(port & 0xff) : 0xeeeeeeee;
}

static uint8_t echo_seen[8];

static void echo_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	(void)device;
	echo_seen[port & 7] = (uint8_t)(size == 1 ? value : 0xee);
}

static void wide_transfers_reach_narrow_devices_in_bytes(void)
{
	const struct port_device echo = { 0x10, 0x13, 1, echo_read, echo_write, NULL };

	reset();
	ports_add(&ports, &echo);
	CHECK_EQ(ports_read(&ports, 0x10, 4), 0x13121110);
	CHECK_EQ(ports_read(&ports, 0x11, 2), 0x1211);
	CHECK_EQ(ports_read(&ports, 0x13, 2), 0xff13); /* the second byte is nobody's */
	ports_write(&ports, 0x10, 4, 0x44332211);
	CHECK(!memcmp(echo_seen, "\x11\x22\x33\x44", 4));
}

static void read_item(uint16_t key, uint8_t *to, unsigned int n)
{
	ports_write(&ports, 0x510, 2, key);
	for (unsigned int i = 0; i < n; i++)
		to[i] = in(0x511);
}

static void fwcfg_tells_signature_memory_and_files(void)
{
	struct fwcfg fwcfg;
	uint8_t bytes[68];
	uint16_t key = 0;

	reset();
	fwcfg_init(&fwcfg, 32 << 20);
	fwcfg_add_ports(&fwcfg, &ports);
	read_item(0, bytes, 4);
	CHECK(!memcmp(bytes, "QEMU", 4));
	read_item(1, bytes, 4);
	CHECK(!memcmp(bytes, "\1\0\0\0", 4));
	read_item(3, bytes, 8);
	CHECK(!memcmp(bytes, "\0\0\0\2\0\0\0\0", 8));
	read_item(5, bytes, 4);
	CHECK(!memcmp(bytes, "\1\0\0\0", 4)); /* zeros past the end */
	read_item(0x7777, bytes, 4);
	CHECK(!memcmp(bytes, "\0\0\0\0", 4));
	read_item(0x19, bytes, 4);
	CHECK(!memcmp(bytes, "\0\0\0\2", 4));
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int j = 0; j < 64; j++)
			bytes[j] = in(0x511);
		if (!strcmp((char *)bytes + 8, "etc/e820")) {
			CHECK_EQ(bytes[3], 20);
			key = (uint16_t)(bytes[4] << 8 | bytes[5]);
		}
	}
	CHECK(key >= 0x20);
	read_item(key, bytes, 21);
	CHECK(!memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\1\0\0\0\0", 21));
}

static void ps2_passes_its_tests(void)
{
	struct ps2 ps2;

	reset();
	ps2_init(&ps2, &pic);
	ps2_add_ports(&ps2, &ports);
	CHECK_EQ(in(0x64) & 3, 0);
	out(0x64, 0xaa);
	CHECK_EQ(in(0x64) & 1, 1);
	CHECK_EQ(in(0x60), 0x55);
	CHECK_EQ(in(0x64) & 1, 0);
	out(0x64, 0xab);
	CHECK_EQ(in(0x60), 0);
	out(0x60, 0xff); /* reset of the keyboard */
	CHECK_EQ(in(0x60), 0xfa);
	CHECK_EQ(in(0x60), 0xaa);
	out(0x60, 0xf0);
	CHECK_EQ(in(0x60), 0xfa);
	out(0x60, 0x02);
	CHECK_EQ(in(0x60), 0xfa);
	CHECK_EQ(in(0x64) & 1, 0);
	out(0x64, 0x60);
	out(0x60, 0x61);
	out(0x64, 0x20);
	CHECK_EQ(in(0x60), 0x61);
	CHECK(!ps2.wants_reset);
	out(0x64, 0xfe);
	CHECK(ps2.wants_reset);
}

static void ps2_interrupts_if_told_to(void)
{
	struct ps2 ps2;

	reset();
	ps2_init(&ps2, &pic);
	ps2_add_ports(&ps2, &ports);
	pic.chips[0].imr = 0;
	out(0x60, 0xf4);
	CHECK(!pic_has_interrupt(&pic));
	CHECK_EQ(in(0x60), 0xfa);
	out(0x64, 0x60);
	out(0x60, 0x01);
	out(0x60, 0xf2); /* three bytes: an edge for each */
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(pic_has_interrupt(&pic));
		(void)pic_acknowledge(&pic);
		pic.chips[0].isr = 0;
		(void)in(0x60);
	}
	CHECK(!pic_has_interrupt(&pic));
}

/* SeaBIOS' detect_serial(), and sending a line. */
static void serial_is_found_and_sends(void)
{
	struct serial serial;

	reset();
	serial_init(&serial, 0x3f8, 4, &pic, NULL);
	serial_add_ports(&serial, &ports);
	out(0x3f9, 0x02);
	CHECK_EQ(in(0x3f9), 2);
	CHECK_EQ(in(0x3fa) & 0x3f, 2);
	CHECK_EQ(in(0x3fa) & 0x3f, 1);
	out(0x3f9, 0);
	out(0x3fb, 0x83);
	out(0x3f8, 1);
	out(0x3f9, 0);
	CHECK_EQ(in(0x3f8), 1);
	out(0x3fb, 0x03);
	CHECK_EQ(in(0x3fd), 0x60);
	out(0x3f8, 'h');
	out(0x3f8, 'i');
	CHECK(!strcmp(shown, "hi"));
	out(0x3ff, 0xa5);
	CHECK_EQ(in(0x3ff), 0xa5);
	out(0x3fc, 0x1a);
	CHECK_EQ(in(0x3fe) & 0xf0, 0x90);
}

static void say(const char *text)
{
	while (*text)
		out(0x402, (uint8_t)*text++);
}

static void debugport_sees_the_awaited_line(void)
{
	struct debugport debugport;
	struct watch watch;

	reset();
	watch_init(&watch, "No bootable device");
	debugport_init(&debugport, &watch);
	debugport_add_ports(&debugport, &ports);
	CHECK_EQ(in(0x402), 0xe9);
	say("x No bootable device.\n");
	say("No boot\nNo NNo bootable device\n");
	CHECK(!watch.has_come);
	say("No bootable device.");
	CHECK(!watch.has_come);
	say("\n");
	CHECK(watch.has_come);
	CHECK(!strncmp(shown, "x No bootable device.\n", 22));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(ports_of_nobody_read_as_ones),
		TEST(wide_transfers_reach_narrow_devices_in_bytes),
		TEST(fwcfg_tells_signature_memory_and_files),
		TEST(ps2_passes_its_tests),
		TEST(ps2_interrupts_if_told_to),
		TEST(serial_is_found_and_sends),
		TEST(debugport_sees_the_awaited_line),
	};

	return RUN(tests);
}
