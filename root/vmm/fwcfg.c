// SPDX-License-Identifier: MIT
/* See fwcfg.h. Item numbers and formats: QEMU "QEMU Firmware Configuration (fw_cfg) Device". */
#include "root/vmm/fwcfg.h"

#define PORT_SELECT 0x510u
#define PORT_DATA   0x511u

#define KEY_SIGNATURE  0x00u
#define KEY_ID	       0x01u
#define KEY_RAM_SIZE   0x03u
#define KEY_NB_CPUS    0x05u
#define KEY_BOOT_MENU  0x0eu
#define KEY_MAX_CPUS   0x0fu
#define KEY_DIRECTORY  0x19u
#define KEY_FIRST_FILE 0x20u

#define ID_PORTS 1u /* the interface by ports is there; bit 1 would be DMA */

#define E820_RAM 1u

static void add_item(struct fwcfg *fwcfg, uint16_t key, const uint64_t *words, uint8_t n_bytes)
{
	struct fwcfg_item *item = &fwcfg->items[fwcfg->n_items++];

	item->key = key;
	item->n_bytes = n_bytes;
	for (unsigned int i = 0; i < n_bytes; i++)
		item->bytes[i] = (uint8_t)(words[i / 8] >> 8 * (i % 8));
}

static void add_number(struct fwcfg *fwcfg, uint16_t key, uint64_t value, uint8_t n_bytes)
{
	add_item(fwcfg, key, &value, n_bytes);
}

static void add_file(struct fwcfg *fwcfg, const char *name, const uint64_t *words, uint8_t n_bytes)
{
	struct fwcfg_file *file = &fwcfg->directory.files[fwcfg->n_files];
	uint16_t key = (uint16_t)(KEY_FIRST_FILE + fwcfg->n_files);

	fwcfg->directory.count[3] = (uint8_t)++fwcfg->n_files;
	file->size[3] = n_bytes;
	file->key[1] = (uint8_t)key;
	for (unsigned int i = 0; name[i] && i < sizeof(file->name) - 1; i++)
		file->name[i] = name[i];
	add_item(fwcfg, key, words, n_bytes);
}

void fwcfg_init(struct fwcfg *fwcfg, uint64_t ram_bytes)
{
	const uint64_t e820[3] = { 0, ram_bytes, E820_RAM };
	const uint64_t never = 0xffffffff;

	*fwcfg = (struct fwcfg) { .n_items = 0 };
	add_number(fwcfg, KEY_SIGNATURE, 'Q' | 'E' << 8 | 'M' << 16 | (uint64_t)'U' << 24, 4);
	add_number(fwcfg, KEY_ID, ID_PORTS, 4);
	add_number(fwcfg, KEY_RAM_SIZE, ram_bytes, 8);
	add_number(fwcfg, KEY_NB_CPUS, 1, 2);
	add_number(fwcfg, KEY_MAX_CPUS, 1, 2);
	add_number(fwcfg, KEY_BOOT_MENU, 0, 2);
	add_file(fwcfg, "etc/e820", e820, 20);
	add_file(fwcfg, "etc/boot-fail-wait", &never, 4);
}

/* The chosen item's bytes; *n of them. */
static const uint8_t *chosen(const struct fwcfg *fwcfg, uint32_t *n)
{
	if (fwcfg->key == KEY_DIRECTORY) {
		*n = (uint32_t)(sizeof(fwcfg->directory.count) +
				fwcfg->n_files * sizeof(struct fwcfg_file));
		return fwcfg->directory.count;
	}
	for (unsigned int i = 0; i < fwcfg->n_items; i++) {
		if (fwcfg->items[i].key == fwcfg->key) {
			*n = fwcfg->items[i].n_bytes;
			return fwcfg->items[i].bytes;
		}
	}
	*n = 0;
	return fwcfg->items[0].bytes;
}

static uint32_t fwcfg_read(void *device, uint16_t port, unsigned int size)
{
	struct fwcfg *fwcfg = device;
	const uint8_t *bytes;
	uint32_t n;

	(void)size;
	if (port == PORT_SELECT)
		return 0xff;
	bytes = chosen(fwcfg, &n);
	return fwcfg->offset < n ? bytes[fwcfg->offset++] : 0;
}

static void fwcfg_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct fwcfg *fwcfg = device;

	/* The selector takes 16 bits at once; data cannot be written. */
	if (port == PORT_SELECT && size == 2) {
		fwcfg->key = (uint16_t)value;
		fwcfg->offset = 0;
	}
}

void fwcfg_add_ports(struct fwcfg *fwcfg, struct ports *ports)
{
	const struct port_device select = { .first = PORT_SELECT,
					    .last = PORT_DATA,
					    .width = 2,
					    .read = fwcfg_read,
					    .write = fwcfg_write,
					    .device = fwcfg };

	ports_add(ports, &select);
}
