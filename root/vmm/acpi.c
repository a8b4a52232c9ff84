// SPDX-License-Identifier: MIT
/* See acpi.h. Structures by the names that the specification gives them. */
#include "root/vmm/acpi.h"

#include <stddef.h>

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36, "ACPI \"System Description Table Header\"");

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address, length;
	uint64_t xsdt_address;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36, "ACPI \"Root System Description Pointer\"");

struct xsdt {
	struct header header;
	uint64_t entries[2];
} __attribute__((packed));

/* Generic Address Structure. */
struct gas {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} __attribute__((packed));

#define SPACE_IO    1u
#define ACCESS_BYTE 1u
#define ACCESS_WORD 2u

struct fadt {
	struct header header;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved0, preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk,
		gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len,
		gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct gas x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk, x_pm2_cnt_blk,
		x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk, sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

_Static_assert(sizeof(struct fadt) == 276, "ACPI \"Fixed ACPI Description Table\"");
_Static_assert(offsetof(struct fadt, flags) == 112, "ACPI \"Fixed ACPI Description Table\"");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI \"Fixed ACPI Description Table\"");

#define REVISION_FADT 6u
#define MINOR_FADT    4u
#define REVISION_MADT 5u
#define CMOS_CENTURY  0x32u

/* IAPC_BOOT_ARCH: no 8042, no VGA, no MSI; LEGACY_DEVICES: the serial port. */
#define BOOT_ARCH 0x000du

/* WBINVD, PROC_C1, RESET_REG_SUP; no fixed power and sleep buttons, and no wake-up by the clock. */
#define FADT_FLAGS 0x00000475u

struct facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
} __attribute__((packed));

_Static_assert(sizeof(struct facs) == 64, "ACPI \"Firmware ACPI Control Structure\"");

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

#define LAPIC_TYPE    0u
#define LAPIC_ENABLED 1u

struct madt {
	struct header header;
	uint32_t lapic_address, flags;
	struct madt_lapic lapics[ACPI_MAX_CPUS];
} __attribute__((packed));

#define PCAT_COMPAT 1u

/*
 * DefinitionBlock ("", "DSDT", 2, …) { Name (_S5, Package () { ACPI_SLP_TYP_OFF, 0, 0, 0 }) }
 * NameOp, the name, PackageOp, the package's length, its elements: a BytePrefix with a byte, and
 * ZeroOps.
 */
static const uint8_t s5[] = {
	0x08, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, ACPI_SLP_TYP_OFF, 0, 0, 0
};

struct dsdt {
	struct header header;
	uint8_t code[sizeof(s5)];
} __attribute__((packed));

struct tables {
	struct rsdp rsdp;
	uint8_t padding[64 - sizeof(struct rsdp)];
	struct facs facs; /* the one that has to be aligned */
	struct xsdt xsdt;
	struct fadt fadt;
	struct madt madt;
	struct dsdt dsdt;
} __attribute__((packed));

_Static_assert(sizeof(struct tables) <= ACPI_TABLE_BYTES, "they fit");
_Static_assert(offsetof(struct tables, facs) % 64 == 0, "ACPI: aligned to 64 bytes");

static void put_text(char *to, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = text[i];
}

/* The byte that makes the sum of all bytes 0. */
static uint8_t checksum(const void *table, size_t n_bytes)
{
	const uint8_t *bytes = table;
	uint8_t sum = 0;

	for (size_t i = 0; i < n_bytes; i++)
		sum = (uint8_t)(sum - bytes[i]);
	return sum;
}

/* The header of a table whose contents are there. */
static void finish(struct header *header, const char *signature, uint8_t revision, uint32_t length)
{
	put_text(header->signature, signature, 4);
	header->length = length;
	header->revision = revision;
	put_text(header->oem_id, "WHIT  ", 6);
	put_text(header->oem_table_id, "WHITVMM ", 8);
	header->oem_revision = 1;
	put_text(header->creator_id, "WHIT", 4);
	header->creator_revision = 1;
	header->checksum = checksum(header, length);
}

static struct gas io(uint16_t port, uint8_t n_bits, uint8_t access_size)
{
	return (struct gas) {
		.space = SPACE_IO, .bit_width = n_bits, .access_size = access_size, .address = port
	};
}

static void build_fadt(struct fadt *fadt, uint32_t facs, uint32_t dsdt)
{
	*fadt = (struct fadt) {
		.firmware_ctrl = facs,
		.dsdt = dsdt,
		.sci_int = ACPI_SCI,
		.pm1a_evt_blk = ACPI_PM_EVENT,
		.pm1a_cnt_blk = ACPI_PM_CONTROL,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.p_lvl2_lat = 0xffff, /* no C2, no C3 */
		.p_lvl3_lat = 0xffff,
		.century = CMOS_CENTURY,
		.iapc_boot_arch = BOOT_ARCH,
		.flags = FADT_FLAGS,
		.reset_reg = io(ACPI_RESET_PORT, 8, ACCESS_BYTE),
		.reset_value = ACPI_RESET_VALUE,
		.minor_version = MINOR_FADT,
		.x_dsdt = dsdt,
		.x_pm1a_evt_blk = io(ACPI_PM_EVENT, 32, ACCESS_WORD),
		.x_pm1a_cnt_blk = io(ACPI_PM_CONTROL, 16, ACCESS_WORD),
	};
	finish(&fadt->header, "FACP", REVISION_FADT, sizeof(*fadt));
}

static void build_madt(struct madt *madt, unsigned int n_cpus)
{
	*madt = (struct madt) { .lapic_address = ACPI_LAPIC_ADDRESS, .flags = PCAT_COMPAT };
	for (unsigned int i = 0; i < n_cpus; i++)
		madt->lapics[i] = (struct madt_lapic) { .type = LAPIC_TYPE,
							.length = sizeof(struct madt_lapic),
							.uid = (uint8_t)i,
							.apic_id = (uint8_t)i,
							.flags = LAPIC_ENABLED };
	finish(&madt->header, "APIC", REVISION_MADT,
	       (uint32_t)(offsetof(struct madt, lapics) + n_cpus * sizeof(struct madt_lapic)));
}

void acpi_build(uint8_t *at, uint32_t address, unsigned int n_cpus)
{
	struct tables *tables = (struct tables *)(void *)at;
	const uint32_t facs = address + (uint32_t)offsetof(struct tables, facs);
	const uint32_t fadt = address + (uint32_t)offsetof(struct tables, fadt);
	const uint32_t madt = address + (uint32_t)offsetof(struct tables, madt);
	const uint32_t dsdt = address + (uint32_t)offsetof(struct tables, dsdt);

	*tables = (struct tables) { .facs = { .length = sizeof(struct facs), .version = 2 } };
	put_text(tables->facs.signature, "FACS", 4);
	for (size_t i = 0; i < sizeof(s5); i++)
		tables->dsdt.code[i] = s5[i];
	finish(&tables->dsdt.header, "DSDT", 2, sizeof(tables->dsdt));
	build_fadt(&tables->fadt, facs, dsdt);
	build_madt(&tables->madt, n_cpus);
	tables->xsdt.entries[0] = fadt;
	tables->xsdt.entries[1] = madt;
	finish(&tables->xsdt.header, "XSDT", 1, sizeof(tables->xsdt));

	put_text(tables->rsdp.signature, "RSD PTR ", 8);
	put_text(tables->rsdp.oem_id, "WHIT  ", 6);
	tables->rsdp.revision = 2;
	tables->rsdp.length = sizeof(tables->rsdp);
	tables->rsdp.xsdt_address = address + offsetof(struct tables, xsdt);
	tables->rsdp.checksum = checksum(&tables->rsdp, offsetof(struct rsdp, length));
	tables->rsdp.extended_checksum = checksum(&tables->rsdp, sizeof(tables->rsdp));
}
