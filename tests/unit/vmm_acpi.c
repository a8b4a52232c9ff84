// SPDX-License-Identifier: MIT
/* The ACPI tables, read as an operating system reads them, and the ports that they name. */
#include "root/vmm/acpi.h"

#include <string.h>

#include "root/vmm/pci.h"
#include "root/vmm/pm.h"
#include "tests/check.h"

#define BASE 0xe0000u

static uint8_t memory[ACPI_TABLE_BYTES];

static uint64_t get(uint64_t address, unsigned int n)
{
	uint64_t value = 0;

	CHECK(address >= BASE && address + n <= BASE + sizeof(memory));
	for (unsigned int i = 0; i < n; i++)
		value |= (uint64_t)memory[address - BASE + i] << 8 * i;
	return value;
}

static uint8_t sum(uint64_t address, uint64_t n)
{
	uint8_t s = 0;

	for (uint64_t i = 0; i < n; i++)
		s = (uint8_t)(s + get(address + i, 1));
	return s;
}

/* The table that the XSDT has with this signature, checked; 0. */
static uint64_t find(const char *signature)
{
	uint64_t xsdt = get(BASE + 24, 8);

	for (uint64_t at = xsdt + 36; at < xsdt + get(xsdt + 4, 4); at += 8) {
		uint64_t table = get(at, 8);

		if (memcmp(memory + (table - BASE), signature, 4) != 0)
			continue;
		CHECK_EQ(sum(table, get(table + 4, 4)), 0);
		return table;
	}
	return 0;
}

static void the_root_pointer_leads_to_all_tables(void)
{
	uint64_t fadt, dsdt, facs;

	acpi_build(memory, BASE, 2);
	CHECK(!memcmp(memory, "RSD PTR ", 8));
	CHECK_EQ(sum(BASE, 20), 0);
	CHECK_EQ(sum(BASE, 36), 0);
	CHECK_EQ(get(BASE + 15, 1), 2);
	CHECK_EQ(sum(get(BASE + 24, 8), get(get(BASE + 24, 8) + 4, 4)), 0);
	fadt = find("FACP");
	CHECK(fadt && find("APIC"));
	dsdt = get(fadt + 140, 8);
	facs = get(fadt + 36, 4);
	CHECK_EQ(dsdt, get(fadt + 40, 4));
	CHECK(!memcmp(memory + (dsdt - BASE), "DSDT", 4));
	CHECK_EQ(sum(dsdt, get(dsdt + 4, 4)), 0);
	CHECK(!memcmp(memory + (facs - BASE), "FACS", 4));
	CHECK_EQ(facs % 64, 0);
	CHECK_EQ(get(facs + 4, 4), 64);
}

static void the_fixed_table_describes_a_legacy_machine(void)
{
	uint64_t fadt;

	acpi_build(memory, BASE, 1);
	fadt = find("FACP");
	CHECK_EQ(get(fadt + 4, 4), 276);
	CHECK_EQ(get(fadt + 46, 2), 9);
	CHECK_EQ(get(fadt + 48, 4), 0); /* no SMI_CMD: always in ACPI mode */
	CHECK_EQ(get(fadt + 56, 4), 0x600);
	CHECK_EQ(get(fadt + 64, 4), 0x604);
	CHECK_EQ(get(fadt + 76, 4), 0); /* no timer */
	CHECK_EQ(get(fadt + 88, 2), 0x0204);
	CHECK_EQ(get(fadt + 112, 4) & 1u << 20, 0); /* not hardware-reduced */
	CHECK_EQ(get(fadt + 112, 4) & 1u << 10, 1u << 10);
	CHECK_EQ(get(fadt + 116, 4), 0x01000801); /* the reset register: a port of 8 bits */
	CHECK_EQ(get(fadt + 120, 8), 0xcf9);
	CHECK_EQ(get(fadt + 128, 1), 6);
}

static void each_processor_has_its_local_apic(void)
{
	for (unsigned int n = 1; n <= ACPI_MAX_CPUS; n++) {
		uint64_t madt;

		acpi_build(memory, BASE, n);
		madt = find("APIC");
		CHECK_EQ(get(madt + 4, 4), 44 + 8 * n);
		CHECK_EQ(get(madt + 36, 4), 0xfee00000);
		CHECK_EQ(get(madt + 40, 4), 1); /* PCAT_COMPAT */
		for (unsigned int i = 0; i < n; i++)
			CHECK_EQ(get(madt + 44 + 8 * i, 8),
				 1ull << 32 | i << 24 | i << 16 | 8 << 8);
	}
}

/* ACPI "AML Specification": Name (_S5_, Package (4) { 5, 0, 0, 0 }) */
static void s5_says_what_to_write(void)
{
	static const uint8_t code[] = { 0x08, 0x5f, 0x53, 0x35, 0x5f, 0x12, 0x07,
					0x04, 0x0a, 0x05, 0x00, 0x00, 0x00 };
	uint64_t dsdt;

	acpi_build(memory, BASE, 1);
	dsdt = get(find("FACP") + 140, 8);
	CHECK_EQ(get(dsdt + 4, 4), 36 + sizeof(code));
	CHECK(!memcmp(memory + (dsdt - BASE) + 36, code, sizeof(code)));
}

/* As ACPICA does it: SLP_TYP first, then SLP_TYP and SLP_EN. */
static void the_control_register_switches_off(void)
{
	struct ports ports = { .n = 0 };
	struct pm pm;

	pm_init(&pm);
	pm_add_ports(&pm, &ports);
	CHECK_EQ(ports_read(&ports, 0x604, 2), 1); /* SCI_EN */
	CHECK_EQ(ports_read(&ports, 0x605, 1), 0);
	CHECK_EQ(ports_read(&ports, 0x600, 4), 0);
	ports_write(&ports, 0x602, 2, 0x0020);
	CHECK_EQ(ports_read(&ports, 0x602, 2), 0x0020);
	CHECK_EQ(ports_read(&ports, 0x600, 4), 0x00200000);
	ports_write(&ports, 0x604, 2, 3 << 10 | 1 << 13); /* S3, say */
	CHECK(!pm.wants_off);
	ports_write(&ports, 0x604, 2, 5 << 10);
	CHECK(!pm.wants_off);
	CHECK_EQ(ports_read(&ports, 0x604, 2), 5 << 10 | 1);
	ports_write(&ports, 0x605, 1, 5 << 2 | 1 << 5); /* not a whole register */
	CHECK(!pm.wants_off);
	ports_write(&ports, 0x604, 2, 5 << 10 | 1 << 13);
	CHECK(pm.wants_off);
}

static void the_reset_register_resets(void)
{
	struct ports ports = { .n = 0 };
	struct pci pci = { false };

	pci_add_ports(&pci, &ports);
	ports_write(&ports, ACPI_RESET_PORT, 1, 0x02);
	CHECK(!pci.wants_reset);
	ports_write(&ports, ACPI_RESET_PORT, 1, ACPI_RESET_VALUE);
	CHECK(pci.wants_reset);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_root_pointer_leads_to_all_tables),
		TEST(the_fixed_table_describes_a_legacy_machine),
		TEST(each_processor_has_its_local_apic),
		TEST(s5_says_what_to_write),
		TEST(the_control_register_switches_off),
		TEST(the_reset_register_resets),
	};

	return RUN(tests);
}
