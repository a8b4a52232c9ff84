/* SPDX-License-Identifier: MIT */
/*
 * Loads a Linux kernel (bzImage) by its 64-bit boot protocol: Linux "The Linux/x86 Boot Protocol",
 * sections "The Real-Mode Kernel Header" and "64-bit Boot Protocol". Pure: it reads an image that
 * it does not trust, and writes to memory that the caller has made room in. It knows nothing of
 * WHP, nor of where it runs.
 */
#ifndef ROOT_VMM_LINUX_H
#define ROOT_VMM_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct linux_image {
	const uint8_t *kernel, *initrd;
	uint64_t kernel_bytes, initrd_bytes;
	const char *command_line;
};

/* The fields of the header, checked. */
struct linux_kernel {
	uint64_t setup_bytes;	   /* of the image: what is loaded begins behind them */
	uint64_t loaded_bytes;	   /* the bytes that are loaded */
	uint64_t needed_bytes;	   /* from its start on, until it has read its memory map */
	uint64_t preferred;	   /* address */
	uint64_t alignment;	   /* of any other address; 0: there is no other */
	uint64_t initrd_max;	   /* last address that the initrd may touch */
	uint64_t command_line_max; /* characters, without the 0 at the end */
};

/* An entry of the memory map, as firmware gives it. */
struct linux_range {
	uint64_t start, n_bytes;
	uint32_t type;
} __attribute__((packed));

#define LINUX_RAM      1u
#define LINUX_RESERVED 2u

_Static_assert(sizeof(struct linux_range) == 20, "an entry of boot_params.e820_table");

#define LINUX_MAX_RANGES 128u

/* Physical addresses of the guest, multiples of 4 KiB. */
struct linux_places {
	uint64_t low; /* LINUX_LOW_BYTES below 4 GiB */
	uint64_t kernel;
	uint64_t initrd;
};

#define LINUX_LOW_BYTES 0xa000u

/*
 * The state in which the processor starts: long mode, CPL 0, interrupts off, the segments below,
 * RSI.
 */
struct linux_start {
	uint64_t rip, rsi, cr3, gdt;
	uint16_t gdt_limit;
};

#define LINUX_CS 0x10u
#define LINUX_DS 0x18u

/*
 * Write `command` with what the kernel cannot find out itself, the rate of the TSC, to `to`; gives
 * `to` back.
 */
const char *linux_command(char *to, size_t n_bytes, const char *command, uint64_t tsc_hz);

/* Read the header of image->kernel. NULL, or what is wrong with the image. */
const char *linux_check(const struct linux_image *image, struct linux_kernel *kernel);

/*
 * Find places in a machine with RAM from 0 to ram_bytes but for 0xa0000 to 1 MiB. False: it is too
 * small.
 */
bool linux_place(const struct linux_image *image, const struct linux_kernel *kernel,
		 uint64_t ram_bytes, struct linux_places *places);

/*
 * Load. `memory` is where the caller sees the guest's address 0; `ranges` the memory map, n_ranges
 * at most LINUX_MAX_RANGES; `rsdp` the address of the ACPI tables' root. NULL, or what is wrong:
 * then nothing has been written.
 */
const char *linux_load(const struct linux_image *image, const struct linux_kernel *kernel,
		       const struct linux_places *places, const struct linux_range *ranges,
		       unsigned int n_ranges, uint64_t rsdp, uintptr_t memory,
		       struct linux_start *start);

#endif
