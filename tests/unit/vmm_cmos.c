// SPDX-License-Identifier: MIT
/* The clock goes right; the C library's calendar is the oracle. */
#include "root/vmm/cmos.h"

#include <time.h>

#include "root/vmm/pit.h"
#include "tests/check.h"

static struct cmos cmos;
static struct ports ports;
static uint64_t now;

static uint8_t reg(uint8_t index)
{
	ports_write(&ports, 0x70, 1, index | 0x80u);
	return (uint8_t)ports_read(&ports, 0x71, 1);
}

static unsigned int number(uint8_t index)
{
	uint8_t bcd = reg(index);

	return (bcd >> 4) * 10u + (bcd & 15);
}

static void reset(time_t start, uint64_t ram_bytes)
{
	struct tm tm;
	struct host_time t;

	gmtime_r(&start, &tm);
	t = (struct host_time) {
		(uint16_t)(tm.tm_year + 1900), (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday,
		(uint8_t)tm.tm_hour,	       (uint8_t)tm.tm_min,	 (uint8_t)tm.tm_sec
	};
	now = 0;
	ports = (struct ports) { .n = 0 };
	cmos_init(&cmos, &now, &t, ram_bytes);
	cmos_add_ports(&cmos, &ports);
}

static void cmos_keeps_the_calendar(void)
{
	/* New Year, leap days, the end of centuries, and a great many steps in between. */
	static const time_t starts[] = { 0,	     951782395,	 946684799, 1709164799,
					 1709251199, 4107542399, 1230767999 };
	static const uint64_t later[] = { 0, 1, 59, 3600, 86399, 86400 * 31, 86400 * 365ull * 3 };

	for (unsigned int i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		reset(starts[i], 32 << 20);
		for (unsigned int j = 0; j < sizeof(later) / sizeof(later[0]); j++) {
			time_t t = starts[i] + (time_t)later[j];
			struct tm tm;

			now = later[j] * PIT_HZ + PIT_HZ / 2;
			gmtime_r(&t, &tm);
			CHECK_EQ(number(0x00), tm.tm_sec);
			CHECK_EQ(number(0x02), tm.tm_min);
			CHECK_EQ(number(0x04), tm.tm_hour);
			CHECK_EQ(reg(0x06), tm.tm_wday + 1);
			CHECK_EQ(number(0x07), tm.tm_mday);
			CHECK_EQ(number(0x08), tm.tm_mon + 1);
			CHECK_EQ(number(0x09), tm.tm_year % 100);
			CHECK_EQ(number(0x32), (tm.tm_year + 1900) / 100);
		}
	}
}

static void cmos_tells_the_memory(void)
{
	reset(0, 32 << 20);
	CHECK_EQ(reg(0x15) | reg(0x16) << 8, 640);
	CHECK_EQ(reg(0x17) | reg(0x18) << 8, 31 * 1024);
	CHECK_EQ(reg(0x30) | reg(0x31) << 8, 31 * 1024);
	CHECK_EQ(reg(0x34) | reg(0x35) << 8, 16 * 16);
	CHECK_EQ(reg(0x5b) | reg(0x5c) | reg(0x5d), 0);
	reset(0, 1ull << 30);
	CHECK_EQ(reg(0x30) | reg(0x31) << 8, 0xfc00);
	CHECK_EQ(reg(0x34) | reg(0x35) << 8, 1008 * 16);
	reset(0, 8 << 20);
	CHECK_EQ(reg(0x34) | reg(0x35) << 8, 0);
}

static void cmos_has_its_status(void)
{
	reset(0, 32 << 20);
	CHECK_EQ(reg(0x0a) & 0x80, 0); /* no update in progress */
	CHECK_EQ(reg(0x0b) & 0x06, 2); /* 24 hours, BCD */
	CHECK_EQ(reg(0x0d), 0x80);     /* the battery is good */
	CHECK_EQ(reg(0x5f), 0);	       /* processors less one */
	ports_write(&ports, 0x70, 1, 0x8f);
	ports_write(&ports, 0x71, 1, 0x5a);
	CHECK_EQ(reg(0x0f), 0x5a);
	/* As OUT of a word does it: index, and data to the next port. */
	ports_write(&ports, 0x70, 2, 0x330f);
	CHECK_EQ(reg(0x0f), 0x33);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(cmos_keeps_the_calendar),
		TEST(cmos_tells_the_memory),
		TEST(cmos_has_its_status),
	};

	return RUN(tests);
}
