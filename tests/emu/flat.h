/* SPDX-License-Identifier: MIT */
/*
 * The memory operations of struct emu_ops (emu/emu.h) where guest memory is plain bytes. A test says where they stand,
 * by flat_at(); what else it wants of an access it does around these functions.
 */
#ifndef TESTS_EMU_FLAT_H
#define TESTS_EMU_FLAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "emu/emu.h"

#define FLAT_INLINE static inline __attribute__((always_inline))

/* The test's own: the n_bytes at gpa. Of an access that it does not expect it makes a failure, and gives bytes all the same. */
static uint8_t *flat_at(gpa_t gpa, unsigned int n_bytes, bool is_write);

FLAT_INLINE enum emu_outcome flat_read(gpa_t gpa, unsigned int size, unsigned int count, void *data)
{
	memcpy(data, flat_at(gpa, size * count, false), size * count);
	return EMU_DONE;
}

FLAT_INLINE enum emu_outcome flat_write(gpa_t gpa, unsigned int size, unsigned int count,
					const void *data)
{
	memcpy(flat_at(gpa, size * count, true), data, size * count);
	return EMU_DONE;
}

/* Memory that is not what the emulator has read asks it to begin again. */
FLAT_INLINE enum emu_outcome flat_cmpxchg(gpa_t gpa, unsigned int size, const void *expected,
					  const void *desired)
{
	uint8_t *memory = flat_at(gpa, size, true);

	if (memcmp(memory, expected, size))
		return EMU_RETRY;
	memcpy(memory, desired, size);
	return EMU_DONE;
}

#endif
