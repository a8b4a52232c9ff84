// SPDX-License-Identifier: MIT
/* See acpi.h. */
#include "acpi.h"

#include <stdbool.h>
#include <stddef.h>

#define RSDP_SIGNATURE 0x2052545020445352ull /* "RSD PTR " */
#define RSDP_BYTES     20
#define RSDP_2_BYTES   36
#define RSDP_REVISION  15
#define RSDP_RSDT      16
#define RSDP_LENGTH    20
#define RSDP_XSDT      24

#define TABLE_BYTES    36 /* the header that all tables share */
#define TABLE_LENGTH   4
#define TABLE_REVISION 8
#define TABLE_MAX      (64u << 10) /* an MADT of 4,096 processors */

#define SIGNATURE_RSDT 0x54445352u
#define SIGNATURE_XSDT 0x54445358u
#define SIGNATURE_FADT 0x50434146u
#define SIGNATURE_MADT 0x43495041u

#define FADT_MINOR	 131
#define MADT_ENTRIES	 44
#define MADT_LAPIC	 0
#define MADT_X2APIC	 9
#define MADT_ENABLED	 (1u << 0)
#define MADT_CAN_ENABLE	 (1u << 1)
#define MADT_LAPIC_BYTES 8
#define MADT_X2_BYTES	 16
#define LAPIC_NONE	 0xffu
#define X2APIC_NONE	 0xffffffffu

struct reader {
	acpi_look_fn *look;
	void *context;
};

/* A table whose length and checksum are right. */
struct table {
	const uint8_t *at;
	uint32_t n_bytes;
};

static uint64_t get(const uint8_t *at, unsigned n_bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < n_bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static bool sums_to_zero(const uint8_t *at, uint32_t n_bytes)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < n_bytes; i++)
		sum = (uint8_t)(sum + at[i]);
	return !sum;
}

/*
 * The table at `address`, if its signature is this one. False if it is there and damaged, or no
 * memory.
 */
static bool table_get(const struct reader *reader, uint64_t address, uint32_t signature,
		      struct table *table)
{
	const uint8_t *header = reader->look(reader->context, address, TABLE_BYTES);
	uint32_t n_bytes;

	if (!header)
		return false;
	if (get(header, 4) != signature)
		return true;
	n_bytes = (uint32_t)get(header + TABLE_LENGTH, 4);
	if (n_bytes < TABLE_BYTES || n_bytes > TABLE_MAX)
		return false;
	table->at = reader->look(reader->context, address, n_bytes);
	table->n_bytes = n_bytes;
	return table->at && sums_to_zero(table->at, n_bytes);
}

/*
 * The table that the RSDP points to: the XSDT, or the RSDT of tables that have none, and the size
 * of an entry there.
 */
static const char *find_root(const struct reader *reader, uint64_t rsdp, struct table *root,
			     unsigned *entry_bytes)
{
	const uint8_t *at = reader->look(reader->context, rsdp, RSDP_BYTES);
	uint64_t address;

	if (!at || get(at, 8) != RSDP_SIGNATURE || !sums_to_zero(at, RSDP_BYTES))
		return "RSDP";
	address = get(at + RSDP_RSDT, 4);
	*entry_bytes = 4;
	if (at[RSDP_REVISION] >= 2) {
		at = reader->look(reader->context, rsdp, RSDP_2_BYTES);
		if (!at || get(at + RSDP_LENGTH, 4) < RSDP_2_BYTES ||
		    !sums_to_zero(at, RSDP_2_BYTES))
			return "RSDP";
		if (get(at + RSDP_XSDT, 8)) {
			address = get(at + RSDP_XSDT, 8);
			*entry_bytes = 8;
		}
	}
	if (!table_get(reader, address, *entry_bytes == 8 ? SIGNATURE_XSDT : SIGNATURE_RSDT,
		       root) ||
	    !root->at)
		return *entry_bytes == 8 ? "XSDT" : "RSDT";
	return NULL;
}

/* An entry's ID and flags. False if it is not of a local APIC, or of none. */
static bool entry_get(const uint8_t *entry, uint32_t *id, uint32_t *flags)
{
	if (entry[0] == MADT_LAPIC && entry[1] >= MADT_LAPIC_BYTES) {
		*id = entry[3];
		*flags = (uint32_t)get(entry + 4, 4);
		return *id != LAPIC_NONE;
	}
	if (entry[0] == MADT_X2APIC && entry[1] >= MADT_X2_BYTES) {
		*id = (uint32_t)get(entry + 4, 4);
		*flags = (uint32_t)get(entry + 8, 4);
		return *id != X2APIC_NONE;
	}
	return false;
}

/*
 * Both kinds of entries may name one local APIC: what is said first counts, unless it is
 * "disabled".
 */
static bool is_named_before(const struct table *madt, uint32_t end, uint32_t id, bool is_enabled)
{
	uint32_t other, flags;

	for (uint32_t at = MADT_ENTRIES; at < end; at += madt->at[at + 1])
		if (entry_get(madt->at + at, &other, &flags) && other == id &&
		    (!is_enabled || (flags & MADT_ENABLED)))
			return true;
	return false;
}

/* Every entry has a length that leaves it inside the table, and those of local APICs are whole. */
static bool is_well_formed(const struct table *madt)
{
	uint32_t at = MADT_ENTRIES;

	if (madt->n_bytes < MADT_ENTRIES)
		return false;
	while (at < madt->n_bytes) {
		const uint8_t *entry = madt->at + at;
		uint32_t n_bytes;

		if (madt->n_bytes - at < 2)
			return false;
		n_bytes = entry[1];
		if (n_bytes < 2 || n_bytes > madt->n_bytes - at ||
		    (entry[0] == MADT_LAPIC && n_bytes < MADT_LAPIC_BYTES) ||
		    (entry[0] == MADT_X2APIC && n_bytes < MADT_X2_BYTES))
			return false;
		at += n_bytes;
	}
	return true;
}

static void count(const struct table *madt, bool has_can_enable, struct acpi_cpus *cpus)
{
	uint32_t id, flags;

	for (uint32_t at = MADT_ENTRIES; at < madt->n_bytes; at += madt->at[at + 1]) {
		if (!entry_get(madt->at + at, &id, &flags) ||
		    is_named_before(madt, at, id, flags & MADT_ENABLED))
			continue;
		if (flags & MADT_ENABLED)
			cpus->n_enabled++;
		else if (!has_can_enable || (flags & MADT_CAN_ENABLE))
			cpus->n_disabled++;
	}
}

/* ACPI 6.3 and later: an entry that can be enabled says so. */
static bool knows_can_enable(const struct table *fadt)
{
	return fadt->at && fadt->n_bytes > FADT_MINOR &&
	       (fadt->at[TABLE_REVISION] > 6 ||
		(fadt->at[TABLE_REVISION] == 6 && (fadt->at[FADT_MINOR] & 0xf) >= 3));
}

const char *acpi_count(uint64_t rsdp, acpi_look_fn *look, void *context, struct acpi_cpus *cpus)
{
	const struct reader reader = { look, context };
	struct table root = { NULL, 0 }, madt = { NULL, 0 }, fadt = { NULL, 0 };
	unsigned entry_bytes;
	const char *damaged;

	*cpus = (struct acpi_cpus) { 0, 0 };
	damaged = find_root(&reader, rsdp, &root, &entry_bytes);
	if (damaged)
		return damaged;
	for (uint32_t at = TABLE_BYTES; root.n_bytes - at >= entry_bytes; at += entry_bytes) {
		const uint64_t address = get(root.at + at, entry_bytes);
		struct table another = { NULL, 0 };

		if (!address)
			continue;
		if (!look(context, address, TABLE_BYTES))
			return entry_bytes == 8 ? "XSDT" : "RSDT";
		if (!table_get(&reader, address, SIGNATURE_FADT, &fadt))
			return "FADT";
		if (!table_get(&reader, address, SIGNATURE_MADT, &another) ||
		    (another.at && (madt.at || !is_well_formed(&another))))
			return "MADT";
		if (another.at)
			madt = another;
	}
	if (madt.at)
		count(&madt, knows_can_enable(&fadt), cpus);
	return NULL;
}
