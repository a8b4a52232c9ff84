// SPDX-License-Identifier: MIT
/* See linux.h. */
#include "root/vmm/linux.h"

/*
 * The header, at 0x1f1 of the image and of the parameters: offsets of its fields from the image's
 * start.
 */
#define SETUP_SECTS	 0x1f1u
#define BOOT_FLAG	 0x1feu
#define HEADER_LENGTH	 0x201u
#define HEADER_MAGIC	 0x202u
#define VERSION		 0x206u
#define TYPE_OF_LOADER	 0x210u
#define RAMDISK_IMAGE	 0x218u
#define RAMDISK_SIZE	 0x21cu
#define CMD_LINE_PTR	 0x228u
#define INITRD_ADDR_MAX	 0x22cu
#define KERNEL_ALIGNMENT 0x230u
#define RELOCATABLE	 0x234u
#define XLOADFLAGS	 0x236u
#define CMDLINE_SIZE	 0x238u
#define PREF_ADDRESS	 0x258u
#define INIT_SIZE	 0x260u
#define HEADER_END	 0x290u /* the parameters have no room for more */

/* Of the parameters alone. */
#define ACPI_RSDP_ADDR 0x070u
#define E820_ENTRIES   0x1e8u
#define E820_TABLE     0x2d0u

#define BOOT_FLAG_VALUE	  0xaa55u
#define HEADER_MAGIC_HDRS 0x53726448u
#define VERSION_2_12	  0x020cu /* the first with XLOADFLAGS */
#define XLF_KERNEL_64	  0x0001u
#define LOADER_UNDEFINED  0xffu
#define ENTRY_64	  0x200u /* from the start of what is loaded */

#define SECTOR	  512u
#define PAGE	  4096ull
#define MIB	  0x100000ull
#define GIB	  0x40000000ull
#define MAX_IMAGE GIB

/* The layout of the low block. */
#define LOW_PARAMETERS	 0x0000u
#define LOW_GDT		 0x1000u
#define LOW_COMMAND_LINE 0x2000u /* two pages */
#define LOW_PAGE_TABLES	 0x4000u /* PML4, PDPT, four page directories */
#define COMMAND_LINE_MAX (2 * PAGE - 1)

#define FIRST_LOW 0x1000u /* where linux_place() puts it */

#define PAGE_TABLE 0x03ull /* present, writable */
#define PAGE_2M	   0x83ull

#define GDT_CODE 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull

static uint64_t get(const uint8_t *at, unsigned int n_bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n_bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static void put(uint8_t *at, unsigned int n_bytes, uint64_t value)
{
	for (unsigned int i = 0; i < n_bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* In words, for images have megabytes. */
static void copy(uint8_t *to, const uint8_t *from, uint64_t n_bytes)
{
	uint64_t i = 0;

	for (; i + 8 <= n_bytes; i += 8)
		__builtin_memcpy(to + i, from + i, 8);
	for (; i < n_bytes; i++)
		to[i] = from[i];
}

static void clear(uint8_t *at, uint64_t n_bytes)
{
	for (uint64_t i = 0; i < n_bytes; i++)
		at[i] = 0;
}

static uint64_t length(const char *text)
{
	uint64_t n = 0;

	while (text[n])
		n++;
	return n;
}

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static bool is_power_of_2(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Text that does not fit is cut off. */
static size_t append(char *to, size_t at, size_t n_bytes, const char *text)
{
	for (; *text && at + 1 < n_bytes; text++)
		to[at++] = *text;
	to[at] = '\0';
	return at;
}

const char *linux_command(char *to, size_t n_bytes, const char *command, uint64_t tsc_hz)
{
	char digits[21] = { 0 };
	unsigned int first = sizeof(digits) - 1;
	uint64_t khz = tsc_hz / 1000;
	size_t n;

	do {
		digits[--first] = (char)('0' + khz % 10);
		khz /= 10;
	} while (khz);
	n = append(to, 0, n_bytes, command);
	n = append(to, n, n_bytes, " tsc_early_khz=");
	append(to, n, n_bytes, digits + first);
	return to;
}

const char *linux_check(const struct linux_image *image, struct linux_kernel *kernel)
{
	const uint8_t *header = image->kernel;
	uint64_t sectors;

	if (image->kernel_bytes < HEADER_END || image->kernel_bytes > MAX_IMAGE ||
	    get(header + BOOT_FLAG, 2) != BOOT_FLAG_VALUE ||
	    get(header + HEADER_MAGIC, 4) != HEADER_MAGIC_HDRS)
		return "not a Linux kernel";
	if (get(header + VERSION, 2) < VERSION_2_12)
		return "the kernel's boot protocol is older than 2.12";
	if (!(get(header + XLOADFLAGS, 2) & XLF_KERNEL_64))
		return "the kernel has no 64-bit entry point";

	sectors = header[SETUP_SECTS] ? header[SETUP_SECTS] : 4;
	*kernel = (struct linux_kernel) { .setup_bytes = (sectors + 1) * SECTOR,
					  .needed_bytes = get(header + INIT_SIZE, 4),
					  .preferred = get(header + PREF_ADDRESS, 8),
					  .initrd_max = get(header + INITRD_ADDR_MAX, 4),
					  .command_line_max = get(header + CMDLINE_SIZE, 4) };
	if (header[RELOCATABLE])
		kernel->alignment = get(header + KERNEL_ALIGNMENT, 4);
	if (image->kernel_bytes <= kernel->setup_bytes + ENTRY_64)
		return "the kernel is cut short";
	kernel->loaded_bytes = image->kernel_bytes - kernel->setup_bytes;
	if (HEADER_MAGIC + header[HEADER_LENGTH] > HEADER_END ||
	    kernel->needed_bytes < kernel->loaded_bytes || kernel->preferred % PAGE ||
	    (header[RELOCATABLE] &&
	     (!is_power_of_2(kernel->alignment) || kernel->alignment < PAGE)))
		return "the kernel's header contradicts itself";
	if (length(image->command_line) > kernel->command_line_max ||
	    length(image->command_line) > COMMAND_LINE_MAX)
		return "the command line is too long";
	return NULL;
}

bool linux_place(const struct linux_image *image, const struct linux_kernel *kernel,
		 uint64_t ram_bytes, struct linux_places *places)
{
	uint64_t end = ram_bytes < kernel->initrd_max ? ram_bytes : kernel->initrd_max + 1;
	uint64_t start = kernel->preferred;

	if (image->initrd_bytes > end)
		return false;
	end = (end - image->initrd_bytes) & ~(PAGE - 1);
	if (kernel->alignment && (start < MIB || start > end || kernel->needed_bytes > end - start))
		start = round_up(MIB, kernel->alignment);
	if (start < MIB || start > end || kernel->needed_bytes > end - start)
		return false;
	*places = (struct linux_places) { .low = FIRST_LOW, .kernel = start, .initrd = end };
	return true;
}

/* The first 4 GiB, each address at itself. */
static void make_page_tables(uint8_t *tables, uint64_t address)
{
	clear(tables, 2 * PAGE);
	put(tables, 8, (address + PAGE) | PAGE_TABLE);
	for (unsigned int i = 0; i < 4; i++)
		put(tables + PAGE + 8 * i, 8, (address + (2 + i) * PAGE) | PAGE_TABLE);
	for (unsigned int i = 0; i < 4 * 512; i++)
		put(tables + 2 * PAGE + 8 * i, 8, i * 2 * MIB | PAGE_2M);
}

const char *linux_load(const struct linux_image *image, const struct linux_kernel *kernel,
		       const struct linux_places *places, const struct linux_range *ranges,
		       unsigned int n_ranges, uint64_t rsdp, uintptr_t memory,
		       struct linux_start *start)
{
	const uint64_t low = places->low;
	uint8_t *const low_memory = (uint8_t *)(memory + low);
	uint8_t *const parameters = low_memory + LOW_PARAMETERS;
	uint8_t *const gdt = low_memory + LOW_GDT;
	uint8_t *const kernel_memory = (uint8_t *)(memory + places->kernel);

	if (n_ranges > LINUX_MAX_RANGES)
		return "too many ranges of memory";
	if (places->initrd >> 32 || image->initrd_bytes >> 32 || low + LINUX_LOW_BYTES > 4 * GIB)
		return "the initrd has to lie below 4 GiB";

	clear(parameters, PAGE);
	copy(parameters + SETUP_SECTS, image->kernel + SETUP_SECTS,
	     HEADER_MAGIC + image->kernel[HEADER_LENGTH] - SETUP_SECTS);
	parameters[TYPE_OF_LOADER] = LOADER_UNDEFINED;
	put(parameters + RAMDISK_IMAGE, 4, image->initrd_bytes ? places->initrd : 0);
	put(parameters + RAMDISK_SIZE, 4, image->initrd_bytes);
	put(parameters + CMD_LINE_PTR, 4, low + LOW_COMMAND_LINE);
	put(parameters + ACPI_RSDP_ADDR, 8, rsdp);
	parameters[E820_ENTRIES] = (uint8_t)n_ranges;
	copy(parameters + E820_TABLE, (const uint8_t *)ranges, n_ranges * sizeof(*ranges));

	clear(gdt, LINUX_DS + 8);
	put(gdt + LINUX_CS, 8, GDT_CODE);
	put(gdt + LINUX_DS, 8, GDT_DATA);
	copy(low_memory + LOW_COMMAND_LINE, (const uint8_t *)image->command_line,
	     length(image->command_line) + 1);
	make_page_tables(low_memory + LOW_PAGE_TABLES, low + LOW_PAGE_TABLES);
	copy(kernel_memory, image->kernel + kernel->setup_bytes, kernel->loaded_bytes);
	copy((uint8_t *)(memory + places->initrd), image->initrd, image->initrd_bytes);

	*start = (struct linux_start) { .rip = places->kernel + ENTRY_64,
					.rsi = low + LOW_PARAMETERS,
					.cr3 = low + LOW_PAGE_TABLES,
					.gdt = low + LOW_GDT,
					.gdt_limit = LINUX_DS + 7 };
	return NULL;
}
