// SPDX-License-Identifier: MIT
/*
 * The end of a Run, platform_bound(), where the processor has no timer for guests. On the boot processor it is firmware's
 * tick, 10 to 100 times a second. On the others firmware handles no interrupts and uses no timer: theirs is that of their local
 * APIC, and its interrupt ends at a table of our own, which is the processor's for the moment in which interrupts are taken.
 */
#include "root/call/uefi/bound.h"

#include "root/call/platform.h"
#include "root/call/uefi/cpu.h"
#include "root/call/uefi/processors.h"
#include "x86/apic.h"
#include "x86/msr.h"
#include "x86/seg.h"

#define VECTOR 0xf0u

/* The clock is measured for so many ticks of the TSC, 2^n; a bound is set for so many at most. */
#define MEASURE_SHIFT 20
#define LONGEST_SHIFT 32

static uint32_t apic_read(unsigned int offset)
{
	const uint64_t base = uefi_read_msr(MSR_APIC_BASE);

	if (base & APIC_BASE_EXTD)
		return (uint32_t)uefi_read_msr(MSR_X2APIC(offset));
	return *(volatile uint32_t *)(uintptr_t)((base & ~0xfffull) + offset);
}

static void apic_write(unsigned int offset, uint32_t value)
{
	const uint64_t base = uefi_read_msr(MSR_APIC_BASE);

	if (base & APIC_BASE_EXTD)
		uefi_write_msr(MSR_X2APIC(offset), value);
	else
		*(volatile uint32_t *)(uintptr_t)((base & ~0xfffull) + offset) = value;
}

/* What the timer counts in 2^MEASURE_SHIFT ticks of the TSC; the same on all processors. */
static uint64_t measure(void)
{
	static uint64_t counts;
	uint64_t known = __atomic_load_n(&counts, __ATOMIC_RELAXED), start;

	if (known)
		return known;
	apic_write(XAPIC_LVT_TIMER, XAPIC_LVT_MASKED | VECTOR);
	apic_write(XAPIC_DIVIDE, XAPIC_DIVIDE_BY_1);
	apic_write(XAPIC_INITIAL_COUNT, ~0u);
	start = uefi_tsc();
	while (uefi_tsc() - start < 1u << MEASURE_SHIFT)
		__builtin_ia32_pause();
	known = ~0u - apic_read(XAPIC_CURRENT_COUNT) + 1;
	__atomic_store_n(&counts, known, __ATOMIC_RELAXED);
	return known;
}

static uint32_t counts_of(uint64_t ticks)
{
	uint64_t counts;

	if (ticks >> LONGEST_SHIFT)
		ticks = 1ull << LONGEST_SHIFT;
	counts = (measure() * ticks >> MEASURE_SHIFT) + 1;
	return counts < ~0u ? (uint32_t)counts : ~0u;
}

/* Firmware's table, and a gate that does nothing. All processors write the same, also while one uses it. */
static uint64_t table[2 * 256];

/* The first half of a gate but for the address of its handler, SDM 3A "64-Bit Mode IDT". */
#define GATE_KEPT 0x0000ffffffff0000ull

static void fill_table(void)
{
	const uint64_t handler = (uintptr_t)uefi_return;
	struct x86_table firmware;
	const uint64_t *gates;
	unsigned int i;

	uefi_get_idt(&firmware);
	gates = (const uint64_t *)(uintptr_t)firmware.base;
	for (i = 0; i < sizeof(table) / sizeof(table[0]) && 8 * i < firmware.limit; i++)
		if (i / 2 != VECTOR)
			table[i] = gates[i];
	table[2 * VECTOR] =
		(table[0] & GATE_KEPT) | (handler & 0xffff) | (handler >> 16 & 0xffff) << 48;
	table[2 * VECTOR + 1] = handler >> 32;
}

/* The timer has been used on some processor: there may be an interrupt to be taken. */
static bool is_used;

static void bound_by_apic(uint64_t deadline)
{
	const uint64_t now = uefi_tsc();
	uint32_t counts;

	if (deadline != ~0ull && deadline > now) {
		if (!__atomic_load_n(&is_used, __ATOMIC_ACQUIRE))
			fill_table();
		__atomic_store_n(&is_used, true, __ATOMIC_RELEASE);
		counts = counts_of(deadline - now);
		apic_write(XAPIC_DIVIDE, XAPIC_DIVIDE_BY_1);
		apic_write(XAPIC_LVT_TIMER, VECTOR);
		apic_write(XAPIC_INITIAL_COUNT, counts);
	} else if (__atomic_load_n(&is_used, __ATOMIC_RELAXED) && apic_read(XAPIC_CURRENT_COUNT)) {
		apic_write(XAPIC_INITIAL_COUNT, 0);
	}
}

void bound_take_interrupt(void)
{
	const struct x86_table own = { .limit = sizeof(table) - 1, .base = (uintptr_t)table };

	if (!__atomic_load_n(&is_used, __ATOMIC_ACQUIRE))
		return;
	uefi_take_interrupts_by(&own);
	if (apic_read(XAPIC_ISR + VECTOR / 32 * 0x10) & 1u << VECTOR % 32)
		apic_write(XAPIC_EOI, 0);
}

void platform_bound(uint64_t deadline)
{
	if (!processors_is_boot())
		bound_by_apic(deadline);
}
