// SPDX-License-Identifier: MIT
/* The pair of 8259As, as the datasheet has them. */
#include "root/vmm/pic.h"

#include "tests/check.h"

static struct pic pic;
static struct ports ports;

static void out(uint16_t port, uint8_t value)
{
	ports_write(&ports, port, 1, value);
}

/* As every PC's firmware does: vectors 8 and 0x70, all masked but the cascade. */
static void reset(uint8_t icw4)
{
	ports = (struct ports) { .n = 0 };
	pic_init(&pic);
	pic_add_ports(&pic, &ports);
	out(0x20, 0x11);
	out(0xa0, 0x11);
	out(0x21, 0x08);
	out(0xa1, 0x70);
	out(0x21, 0x04);
	out(0xa1, 0x02);
	out(0x21, icw4);
	out(0xa1, icw4);
	out(0x21, 0x00);
	out(0xa1, 0x00);
}

static void pic_gives_vectors_by_priority(void)
{
	reset(1);
	CHECK(!pic_has_interrupt(&pic));
	pic_pulse(&pic, 4);
	pic_pulse(&pic, 0);
	CHECK(pic_has_interrupt(&pic));
	CHECK_EQ(pic_acknowledge(&pic), 0x08);
	/* 4 is below what is in service. */
	CHECK(!pic_has_interrupt(&pic));
	out(0x20, 0x20);
	CHECK(pic_has_interrupt(&pic));
	CHECK_EQ(pic_acknowledge(&pic), 0x0c);
	out(0x20, 0x20);
	CHECK(!pic_has_interrupt(&pic));
}

static void pic_nests_higher_priority(void)
{
	reset(1);
	pic_pulse(&pic, 4);
	CHECK_EQ(pic_acknowledge(&pic), 0x0c);
	pic_pulse(&pic, 1);
	CHECK(pic_has_interrupt(&pic));
	CHECK_EQ(pic_acknowledge(&pic), 0x09);
	out(0x20, 0x0b); /* read ISR */
	CHECK_EQ(ports_read(&ports, 0x20, 1), 0x12);
	out(0x20, 0x20); /* ends the highest */
	CHECK_EQ(ports_read(&ports, 0x20, 1), 0x10);
	out(0x20, 0x64); /* specific, 4 */
	CHECK_EQ(ports_read(&ports, 0x20, 1), 0);
}

static void pic_cascades(void)
{
	reset(1);
	pic_pulse(&pic, 12);
	pic_pulse(&pic, 3);
	CHECK_EQ(pic_acknowledge(&pic), 0x74); /* the cascade's 2 comes before 3 */
	pic_pulse(&pic, 8);
	CHECK(!pic_has_interrupt(&pic)); /* input 2 is in service */
	out(0xa0, 0x20);
	out(0x20, 0x20);
	CHECK_EQ(pic_acknowledge(&pic), 0x70);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	CHECK_EQ(pic_acknowledge(&pic), 0x0b);
}

static void pic_masks(void)
{
	reset(1);
	out(0x21, 0xfb);
	CHECK_EQ(ports_read(&ports, 0x21, 1), 0xfb);
	pic_pulse(&pic, 0);
	CHECK(!pic_has_interrupt(&pic));
	out(0x20, 0x0a); /* read IRR */
	CHECK_EQ(ports_read(&ports, 0x20, 1), 1);
	out(0x21, 0xfa);
	CHECK(pic_has_interrupt(&pic));
	out(0xa1, 0xff);
	pic_pulse(&pic, 14);
	CHECK_EQ(pic_acknowledge(&pic), 0x08);
	out(0x20, 0x20);
	CHECK(!pic_has_interrupt(&pic));
}

static void pic_sees_edges_not_levels(void)
{
	reset(1);
	pic_set(&pic, 4, true);
	CHECK_EQ(pic_acknowledge(&pic), 0x0c);
	out(0x20, 0x20);
	CHECK(!pic_has_interrupt(&pic));
	pic_set(&pic, 4, true);
	CHECK(!pic_has_interrupt(&pic));
	pic_set(&pic, 4, false);
	pic_set(&pic, 4, true);
	CHECK(pic_has_interrupt(&pic));
}

static void pic_ends_by_itself_in_auto_eoi(void)
{
	reset(3);
	pic_pulse(&pic, 0);
	CHECK_EQ(pic_acknowledge(&pic), 0x08);
	pic_pulse(&pic, 5);
	CHECK(pic_has_interrupt(&pic));
	CHECK_EQ(pic_acknowledge(&pic), 0x0d);
}

static void pic_rotates(void)
{
	reset(1);
	pic_pulse(&pic, 3);
	CHECK_EQ(pic_acknowledge(&pic), 0x0b);
	out(0x20, 0xa0); /* rotate on non-specific EOI: 3 is lowest now */
	pic_pulse(&pic, 3);
	pic_pulse(&pic, 4);
	CHECK_EQ(pic_acknowledge(&pic), 0x0c);
	out(0x20, 0x20);
	CHECK_EQ(pic_acknowledge(&pic), 0x0b);
	out(0x20, 0xc7); /* set priority: 7 lowest, as at the start */
	out(0x20, 0x20);
	pic_pulse(&pic, 0);
	pic_pulse(&pic, 6);
	CHECK_EQ(pic_acknowledge(&pic), 0x08);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(pic_gives_vectors_by_priority),
		TEST(pic_nests_higher_priority),
		TEST(pic_cascades),
		TEST(pic_masks),
		TEST(pic_sees_edges_not_levels),
		TEST(pic_ends_by_itself_in_auto_eoi),
		TEST(pic_rotates),
	};

	return RUN(tests);
}
