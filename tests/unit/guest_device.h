/* SPDX-License-Identifier: MIT */
/* The root's part in a test of hv/emulate/device.c: exits go in, records come out, answers go back. */
#ifndef TESTS_UNIT_GUEST_DEVICE_H
#define TESTS_UNIT_GUEST_DEVICE_H

#include <stdio.h>

#include "tests/unit/guest_vp.h"

#include "hv/emulate/device.h"
#include "hv/vp/event.h"
#include "hv/run/run.h"
#include "x86/exc.h"
#include "x86/paging.h"

#define DEVICE 0x80000u /* a page that is not mapped, beyond guest memory */
#define ROM    0x3f000u

/* Give the VP these instructions at its RIP. */
#define CODE(...)                                                  \
	do {                                                       \
		static const uint8_t code_[] = { __VA_ARGS__ };    \
		memcpy(&guest_memory[1][0], code_, sizeof(code_)); \
	} while (0)

static inline const struct whit_device_access *record(void)
{
	return (const struct whit_device_access *)(const void *)(guest_shared->exit +
								 WHIT_EXIT_UNION);
}

static inline void check_record(bool is_port, bool is_write, uint64_t address, unsigned int size,
				unsigned int count, unsigned int line)
{
	const struct whit_device_access *r = record();

	if (r->is_port != is_port || r->is_write != is_write || r->address != address ||
	    r->size != size || r->count != count || r->n_bytes != size * count || r->reserved0) {
		printf("# line %u: port %u write %u address %#llx size %u count %u\n", line,
		       r->is_port, r->is_write, (unsigned long long)r->address, r->size, r->count);
		FAIL("the record");
	}
}

#define CHECK_RECORD(is_port, is_write, address, size, count) \
	check_record(is_port, is_write, address, size, count, __LINE__)

static inline void answer(const void *data, unsigned int n)
{
	memcpy(guest_shared->exit + WHIT_EXIT_UNION + 16, data, n);
	guest_shared->device_answered = 1;
}

static inline void answer_number(uint64_t value, unsigned int n)
{
	answer(&value, n);
}

static inline uint64_t record_number(unsigned int n)
{
	uint64_t value = 0;

	memcpy(&value, record()->data, n);
	return value;
}

static inline struct virt_exit memory_exit(uint64_t gpa, bool is_write)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY,
				  .memory = { .gpa = GPA(gpa),
					      .gva = GVA(gpa),
					      .gva_valid = true,
					      .is_read = !is_write,
					      .is_write = is_write } };

	fake_withhold(&exit);
	return exit;
}

static inline enum device_outcome at_memory(uint64_t gpa, bool is_write)
{
	struct virt_exit exit = memory_exit(gpa, is_write);

	return device_memory(guest_vp, &exit);
}

static inline enum device_outcome at_port(bool is_in, bool is_string, unsigned int size,
					  unsigned int length)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_IO,
				  .insn_length = (uint8_t)length,
				  .io = { .port = (uint16_t)guest_regs()->gpr[2],
					  .size = (uint8_t)size,
					  .is_in = is_in,
					  .is_string = is_string } };

	return device_io(guest_vp, &exit);
}

/* Run again after an exit, as vp_run() does. */
static inline enum device_outcome run_again(void)
{
	guest_regs()->changed = false;
	device_accept(guest_vp);
	return device_continue(guest_vp);
}

static inline void check_untouched(const struct virt_regs *before)
{
	CHECK(!memcmp(before->gpr, guest_regs()->gpr, sizeof(before->gpr)));
	CHECK_EQ(guest_regs()->rip, before->rip);
	CHECK_EQ(guest_regs()->rflags, before->rflags);
	CHECK(device_is_idle(guest_vp));
}

#endif
