/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device, by which SeaBIOS learns of the machine: a list of items,
 * chosen by number at port 0x510 and read byte by byte at port 0x511. Reading past an item's end
 * gives zeros, and so does an item that does not exist. There is no interface by DMA.
 */
#ifndef ROOT_VMM_FWCFG_H
#define ROOT_VMM_FWCFG_H

#include <stdint.h>

#include "root/vmm/ports.h"

#define FWCFG_MAX_ITEMS	 16u
#define FWCFG_MAX_FILES	 4u
#define FWCFG_ITEM_BYTES 24u

struct fwcfg_item {
	uint16_t key;
	uint8_t n_bytes;
	uint8_t bytes[FWCFG_ITEM_BYTES];
};

/* An entry of the directory, as the guest reads it: big-endian numbers. */
struct fwcfg_file {
	uint8_t size[4];
	uint8_t key[2];
	uint8_t reserved[2];
	char name[56];
};

struct fwcfg {
	struct fwcfg_item items[FWCFG_MAX_ITEMS];
	unsigned int n_items;
	struct {
		uint8_t count[4];
		struct fwcfg_file files[FWCFG_MAX_FILES];
	} directory;
	unsigned int n_files;
	uint16_t key;	 /* chosen */
	uint32_t offset; /* of the next byte to be read */
};

/*
 * A machine with one processor, ram_bytes from address 0 on, no boot menu, and no retry of a failed
 * boot.
 */
void fwcfg_init(struct fwcfg *fwcfg, uint64_t ram_bytes);
void fwcfg_add_ports(struct fwcfg *fwcfg, struct ports *ports);

#endif
