/* SPDX-License-Identifier: MIT */
/*
 * One call of the emulator on a VP: the data that hv/emulate/device.c, which makes the call, and
 * hv/emulate/ops.c, which the emulator calls back, share. Nobody else includes this.
 */
#ifndef HV_DEVICE_RUN_H
#define HV_DEVICE_RUN_H

#include "hv/emulate/device.h"
#include "x86/compiler.h"

#define NO_PAGE (~0ull)

/* One call of the emulator. */
struct device_run {
	struct vp *vp;
	struct emu_cpu cpu;
	const struct virt_view *view; /* good for one execution */
	uint64_t exit_page;	      /* of the access that made the exit; NO_PAGE: unknown */
	bool has_met_page;	      /* a translation has come to exit_page */
	bool is_mismatch;	      /* the first device access was somewhere else */
	bool has_met_device;
	bool has_met_apic;
	uint8_t n_posted;
};

/* Of a struct device_run. hv/emulate/ops.c */
extern const struct emu_ops device_ops;

static inline void device_copy_8(void *to, const void *from)
{
	*(volatile any64 *)to = *(const volatile any64 *)from;
}

/*
 * Copy n bytes; each of 1, 2, 4 and 8 is one access on either side, and nothing is read twice: one
 * side is memory that others write.
 */
static inline void device_copy(void *to, const void *from, unsigned int n)
{
	volatile uint8_t *t = to;
	const volatile uint8_t *f = from;

	switch (n) {
	case 1: *t = *f; return;
	case 2: *(volatile any16 *)t = *(const volatile any16 *)f; return;
	case 4: *(volatile any32 *)t = *(const volatile any32 *)f; return;
	default: break;
	}
	for (; n >= 8; n -= 8, t += 8, f += 8)
		*(volatile any64 *)t = *(const volatile any64 *)f;
	for (; n; n--)
		*t++ = *f++;
}

static inline void device_describe(struct whit_device_access *access, bool is_port, bool is_write,
				   uint64_t address, unsigned int size, unsigned int count)
{
	access->address = address;
	access->is_port = is_port;
	access->is_write = is_write;
	access->size = (uint8_t)size;
	access->reserved0 = 0;
	access->count = (uint16_t)count;
	access->n_bytes = (uint16_t)(size * count);
}

#endif
