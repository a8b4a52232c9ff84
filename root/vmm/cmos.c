// SPDX-License-Identifier: MIT
/*
 * See cmos.h. Register numbers: MC146818 datasheet below 0x0e, then the conventions of PC firmware.
 */
#include "root/vmm/cmos.h"

#include <stdbool.h>

#include "root/vmm/pit.h"

#define PORT_INDEX 0x70u

#define REG_SECONDS  0x00u
#define REG_MINUTES  0x02u
#define REG_HOURS    0x04u
#define REG_WEEKDAY  0x06u
#define REG_DAY	     0x07u
#define REG_MONTH    0x08u
#define REG_YEAR     0x09u
#define REG_A	     0x0au
#define REG_B	     0x0bu
#define REG_C	     0x0cu
#define REG_D	     0x0du
#define REG_BASE_KB  0x15u /* two bytes: memory below 1 MiB */
#define REG_EXT_KB   0x17u /* two bytes: memory above 1 MiB, at most 63 MiB */
#define REG_EXT_KB2  0x30u /* the same, as found by the firmware */
#define REG_CENTURY  0x32u
#define REG_EXT_64KB 0x34u /* two bytes: memory above 16 MiB */

#define A_DIVIDER_32K 0x26u
#define B_24_HOURS    0x02u /* and BCD */
#define D_VALID	      0x80u

static bool is_leap(unsigned int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned int days_in_month(unsigned int year, unsigned int month)
{
	static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

static uint64_t seconds_since_1970(const struct host_time *t)
{
	uint64_t days = 0;

	for (unsigned int year = 1970; year < t->year; year++)
		days += is_leap(year) ? 366 : 365;
	for (unsigned int month = 1; month < t->month && month < 12; month++)
		days += days_in_month(t->year, month);
	days += t->day - 1u;
	return ((days * 24 + t->hour) * 60 + t->minute) * 60 + t->second;
}

static struct host_time time_of(uint64_t seconds, unsigned int *weekday)
{
	uint64_t days = seconds / 86400;
	struct host_time t = { .year = 1970,
			       .month = 1,
			       .hour = (uint8_t)(seconds / 3600 % 24),
			       .minute = (uint8_t)(seconds / 60 % 60),
			       .second = (uint8_t)(seconds % 60) };

	*weekday = (unsigned int)((days + 4) % 7) + 1; /* 1970-01-01 was a Thursday; Sunday is 1 */
	for (unsigned int n; days >= (n = is_leap(t.year) ? 366 : 365); days -= n)
		t.year++;
	for (unsigned int n; days >= (n = days_in_month(t.year, t.month)); days -= n)
		t.month++;
	t.day = (uint8_t)(days + 1);
	return t;
}

static uint8_t bcd(unsigned int n)
{
	return (uint8_t)(n / 10 % 10 << 4 | n % 10);
}

static void put_u16(uint8_t *at, uint64_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

void cmos_init(struct cmos *cmos, const uint64_t *now, const struct host_time *time,
	       uint64_t ram_bytes)
{
	uint64_t ext_kb = (ram_bytes >> 10) - 1024;

	*cmos = (struct cmos) { .now = now, .start = seconds_since_1970(time) };
	cmos->ram[REG_A] = A_DIVIDER_32K;
	cmos->ram[REG_B] = B_24_HOURS;
	put_u16(&cmos->ram[REG_BASE_KB], 640);
	put_u16(&cmos->ram[REG_EXT_KB], ext_kb < 0xfc00 ? ext_kb : 0xfc00);
	put_u16(&cmos->ram[REG_EXT_KB2], ext_kb < 0xfc00 ? ext_kb : 0xfc00);
	if (ram_bytes > 16u << 20)
		put_u16(&cmos->ram[REG_EXT_64KB], (ram_bytes - (16u << 20)) >> 16);
}

static bool is_clock(unsigned int index)
{
	return index <= REG_YEAR || index == REG_CENTURY;
}

/* A register of the clock, as it stands now. The alarm's registers are memory. */
static uint8_t read_clock(const struct cmos *cmos)
{
	unsigned int weekday;
	struct host_time t = time_of(cmos->start + *cmos->now / PIT_HZ, &weekday);

	switch (cmos->index) {
	case REG_SECONDS: return bcd(t.second);
	case REG_MINUTES: return bcd(t.minute);
	case REG_HOURS: return bcd(t.hour);
	case REG_WEEKDAY: return (uint8_t)weekday;
	case REG_DAY: return bcd(t.day);
	case REG_MONTH: return bcd(t.month);
	case REG_YEAR: return bcd(t.year);
	case REG_CENTURY: return bcd(t.year / 100u);
	default: return cmos->ram[cmos->index];
	}
}

static uint32_t cmos_read(void *device, uint16_t port, unsigned int size)
{
	const struct cmos *cmos = device;

	(void)size;
	if (port == PORT_INDEX)
		return 0xff;
	if (is_clock(cmos->index))
		return read_clock(cmos);
	if (cmos->index == REG_C)
		return 0;
	if (cmos->index == REG_D)
		return D_VALID;
	return cmos->ram[cmos->index];
}

static void cmos_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct cmos *cmos = device;

	(void)size;
	if (port == PORT_INDEX)
		cmos->index = value & 0x7f; /* bit 7 masks NMIs, of which there are none */
	else
		cmos->ram[cmos->index] = (uint8_t)value;
}

void cmos_add_ports(struct cmos *cmos, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = PORT_INDEX,
						 .last = PORT_INDEX + 1,
						 .width = 1,
						 .read = cmos_read,
						 .write = cmos_write,
						 .device = cmos });
}
