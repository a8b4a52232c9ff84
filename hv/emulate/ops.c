/* SPDX-License-Identifier: MIT */
/*
 * The operations that the emulator asks of a VP: translation, guest memory, ports. An access to
 * memory that is not mapped for it is a device access: reads are answered from the root's answers
 * so far, or stop the instruction; writes are collected. Guest memory belongs to other processors
 * too: every read of it is done once.
 */
#include "hv/emulate/attempt.h"

#include <stddef.h>

#include "hv/cpu/cr.h"
#include "hv/mem/gpa.h"
#include "hv/mem/walk.h"
#include "whp/WinHvMemory.h"
#include "x86/exc.h"

/*
 * The instruction is about to touch a device. The first time, hold it against the exit that brought
 * us here: an emulator that computes another address than the processor must not act on it. String
 * instructions have two operands, of which the processor may meet the second first.
 */
static bool device_meet(struct device_run *run)
{
	if (run->has_met_device)
		return true;
	if (run->exit_page != NO_PAGE && !run->has_met_page && !run->vp->device.insn.is_string) {
		run->is_mismatch = true;
		return false;
	}
	run->has_met_device = true;
	return true;
}

/* Loads from the page of the APIC change nothing: they may be done again. */
static enum emu_outcome device_read_apic(struct device_run *run, uint64_t gpa, unsigned int n_bytes,
					 unsigned int size, void *data)
{
	const unsigned int step = size < 8 ? size : 8;

	run->has_met_apic = true;
	for (unsigned int at = 0; at < n_bytes; at += step) {
		const uint64_t value = apic_read(run->vp, gpa + at, step);

		__builtin_memcpy((uint8_t *)data + at, &value, step);
	}
	return EMU_DONE;
}

/*
 * The root hears of memory that is not mapped only if the partition wants it emulated; of the
 * APIC's page, never.
 */
static inline bool device_is_emulated(const struct device_run *run, bool is_port)
{
	return is_port || partition_emulates(run->vp->partition, WHIT_EMULATE_MEMORY);
}

/* A read of a device: the answer if there is one, else a request for it. */
static enum emu_outcome device_read(struct device_run *run, bool is_port, uint64_t address,
				    unsigned int size, unsigned int count, void *data)
{
	struct device_state *device = &run->vp->device;
	struct whit_device_access *answer;

	if (!device_meet(run) || size * count > WHIT_DEVICE_BYTES)
		return EMU_FAILED;
	if (!is_port && apic_covers(&run->vp->apic, address))
		return device_read_apic(run, address, size * count, size, data);
	if (!device_is_emulated(run, is_port))
		return EMU_FAILED;
	if (device->next_answer >= DEVICE_MAX_ACCESSES)
		return EMU_UNIMPLEMENTED;
	answer = &device->answers[device->next_answer];
	if (device->next_answer < device->n_answers) {
		if (answer->address == address && answer->is_port == is_port &&
		    answer->size == size && answer->count == count) {
			device->next_answer++;
			device_copy(data, answer->data, answer->n_bytes);
			return EMU_DONE;
		}
		/* The guest's memory has changed, and with it what the instruction reads. */
		device->n_answers = device->next_answer;
	}
	device_describe(answer, is_port, false, address, size, count);
	return EMU_DEVICE;
}

static enum emu_outcome device_write(struct device_run *run, bool is_port, uint64_t address,
				     unsigned int size, unsigned int count, const void *data)
{
	struct whit_device_access *access;

	if (!device_meet(run) || size * count > WHIT_DEVICE_BYTES)
		return EMU_FAILED;
	if (!is_port && apic_covers(&run->vp->apic, address))
		run->has_met_apic = true;
	else if (!device_is_emulated(run, is_port))
		return EMU_FAILED;
	if (run->n_posted == DEVICE_MAX_ACCESSES)
		return EMU_UNIMPLEMENTED;
	access = &run->vp->device.posted[run->n_posted++];
	device_describe(access, is_port, true, address, size, count);
	device_copy(access->data, data, access->n_bytes);
	return EMU_DONE;
}

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	const struct device_run *run = ctx;

	virt_get_segment(run->vp->virt, seg, out);
	return EMU_DONE;
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *exception)
{
	struct device_run *run = ctx;
	const struct device_state *device = &run->vp->device;
	unsigned int how = WALK_SET_BITS;
	struct walk walk;

	/* The access that made the exit: the processor itself has translated and allowed it. */
	if (!(access & ~(unsigned int)device->translated) &&
	    (gva.a & PAGE_MASK) == device->gva_page) {
		run->has_met_page = true;
		*gpa = GPA(device->gpa_page | PAGE_OFFSET(gva.a));
		return EMU_DONE;
	}
	if (access & EMU_READ)
		how |= WALK_READ;
	if (access & EMU_WRITE)
		how |= WALK_WRITE;
	if (access & EMU_IMPLICIT)
		how |= WALK_SMAP; /* RFLAGS.AC is for explicit accesses */
	else if (run->cpu.cpl == 3)
		how |= WALK_USER;
	walk_again(&run->vp->view, &run->view->paging, gva, how, &run->vp->device.walked, &walk);
	switch (walk.code) {
	case WHvTranslateGvaResultSuccess: break;
	case WHvTranslateGvaResultPageNotPresent:
	case WHvTranslateGvaResultPrivilegeViolation:
	case WHvTranslateGvaResultInvalidPageTableFlags:
		*exception = (struct emu_exception) { .vector = EXC_PF,
						      .has_error_code = true,
						      .error_code = walk.error_code,
						      .address = gva.a };
		return EMU_EXCEPTION;
	default: return EMU_FAILED; /* the processor's own exit tells of such a table */
	}
	run->has_met_page |= (walk.gpa.a & PAGE_MASK) == run->exit_page;
	*gpa = walk.gpa;
	return EMU_DONE;
}

/*
 * Is this the page, and the kind of access, whose lack of a nested translation was the exit? Then
 * it need not be looked up; a mapping made since comes after the access. A read counts only if the
 * exit was no write: ROM can be read.
 */
static inline bool device_is_exit(const struct device_state *device, gpa_t gpa, unsigned int access)
{
	return (gpa.a & PAGE_MASK) == device->gpa_page &&
	       (access == EMU_WRITE ? device->translated & EMU_WRITE
				    : device->translated == EMU_READ);
}

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	struct device_run *run = ctx;
	struct gpa_page page;

	if (device_is_exit(&run->vp->device, gpa, EMU_READ))
		return device_read(run, false, gpa.a, size, count, data);
	page = gpa_page(&run->vp->view, gpa);
	if (!page.ptr || !(page.rights & VIRT_READ))
		return device_read(run, false, gpa.a, size, count, data);
	device_copy(data, page.ptr + PAGE_OFFSET(gpa.a), size * count);
	return EMU_DONE;
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	struct device_run *run = ctx;
	struct gpa_page page;

	if (device_is_exit(&run->vp->device, gpa, EMU_WRITE))
		return device_write(run, false, gpa.a, size, count, data);
	page = gpa_page(&run->vp->view, gpa);
	if (!page.ptr || !(page.rights & VIRT_WRITE))
		return device_write(run, false, gpa.a, size, count, data);
	gpa_written(run->vp->partition, page, gpa);
	device_copy(page.ptr + PAGE_OFFSET(gpa.a), data, size * count);
	return EMU_DONE;
}

/* CMPXCHG16B; the compiler has no other name for it without a library call. */
__attribute__((target("cx16"), noinline)) static bool
device_exchange_16(void *to, const void *expected, const void *desired)
{
	unsigned __int128 old, new;

	device_copy(&old, expected, 16);
	device_copy(&new, desired, 16);
	return __sync_bool_compare_and_swap((unsigned __int128 *)to, old, new);
}

/*
 * Replace the bytes if they are still as expected. They need not be aligned: the processor does it
 * all the same, but for 16 bytes.
 */
__attribute__((no_sanitize("alignment"))) static enum emu_outcome
device_exchange(void *to, unsigned int size, const void *expected, const void *desired)
{
	uint64_t old = 0, new = 0;
	uint32_t old4;
	uint16_t old2;
	uint8_t old1;
	bool is_done;

	if (size == 16) {
		if (((uintptr_t)to & 15) || !(hv.features & EMU_HAS(EMU_CX16)))
			return EMU_UNIMPLEMENTED;
		return device_exchange_16(to, expected, desired) ? EMU_DONE : EMU_RETRY;
	}
	if (size > 8)
		return EMU_UNIMPLEMENTED;
	device_copy(&old, expected, size);
	device_copy(&new, desired, size);
	old4 = (uint32_t)old;
	old2 = (uint16_t)old;
	old1 = (uint8_t)old;
	switch (size) {
	case 1:
		is_done = __atomic_compare_exchange_n((uint8_t *)to, &old1, (uint8_t) new, false,
						      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		break;
	case 2:
		is_done = __atomic_compare_exchange_n((uint16_t *)to, &old2, (uint16_t) new, false,
						      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		break;
	case 4:
		is_done = __atomic_compare_exchange_n((uint32_t *)to, &old4, (uint32_t) new, false,
						      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		break;
	default:
		is_done = __atomic_compare_exchange_n((uint64_t *)to, &old, new, false,
						      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		break;
	}
	return is_done ? EMU_DONE : EMU_RETRY;
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	struct device_run *run = ctx;
	struct gpa_page page = gpa_page(&run->vp->view, gpa);

	if (!page.ptr || !(page.rights & VIRT_READ) || !(page.rights & VIRT_WRITE))
		return device_write(run, false, gpa.a, size, 1, desired);
	gpa_written(run->vp->partition, page, gpa);
	return device_exchange(page.ptr + PAGE_OFFSET(gpa.a), size, expected, desired);
}

static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	return device_read(ctx, true, port, size, count, data);
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	return device_write(ctx, true, port, size, count, data);
}

/* ---- State; the rare ones ---------------------------------------------------------------- */

/* The view of the VP is of before. */
static enum emu_outcome device_look_again(struct device_run *run)
{
	run->view = virt_view(run->vp->virt);
	return EMU_DONE;
}

static enum emu_outcome op_set_segment(void *ctx, enum x86_seg seg, const struct x86_segment *value)
{
	struct device_run *run = ctx;

	virt_set_segment(run->vp->virt, seg, value);
	return device_look_again(run);
}

static enum emu_outcome op_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	const struct device_run *run = ctx;
	struct x86_segment value;

	virt_get_segment(run->vp->virt, (enum x86_seg)(SEG_GDTR + table), &value);
	*out = (struct x86_table) { .limit = (uint16_t)value.limit, .base = value.base };
	return EMU_DONE;
}

static enum emu_outcome op_set_table(void *ctx, enum emu_table table, const struct x86_table *value)
{
	const struct x86_segment changed = { .base = value->base, .limit = value->limit };
	struct device_run *run = ctx;

	virt_set_segment(run->vp->virt, (enum x86_seg)(SEG_GDTR + table), &changed);
	return EMU_DONE;
}

/* LMSW goes the way of the guest's other writes of CR0. None of its bits can be refused there. */
static enum emu_outcome op_set_cr0(void *ctx, uint64_t value)
{
	struct device_run *run = ctx;

	if (!cr_write(run->vp, 0, value))
		return EMU_FAILED;
	return device_look_again(run);
}

static enum emu_outcome op_invlpg(void *ctx, gva_t gva)
{
	struct device_run *run = ctx;

	virt_flush(run->vp->virt);
	return EMU_DONE;
}

static enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data)
{
	const struct device_run *run = ctx;

	return device_vector(run->vp->virt, file, reg, n_bytes, data);
}

static enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data)
{
	const struct device_run *run = ctx;

	return device_set_vector(run->vp->virt, file, reg, n_bytes, zero_upper, data);
}

static enum emu_outcome op_x87(void *ctx, struct emu_x87 *out)
{
	const struct device_run *run = ctx;

	return device_x87(run->vp->virt, out);
}

static enum emu_outcome op_set_x87(void *ctx, const struct emu_x87 *value)
{
	const struct device_run *run = ctx;

	return device_set_x87(run->vp->virt, value);
}

const struct emu_ops device_ops = {
	.segment = op_segment,
	.translate = op_translate,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.in = op_in,
	.out = op_out,
	.port_check = NULL, /* done by the processor before the exit */
	.set_segment = op_set_segment,
	.table = op_table,
	.set_table = op_set_table,
	.set_cr0 = op_set_cr0,
	.invlpg = op_invlpg,
	.vector = op_vector,
	.set_vector = op_set_vector,
	.x87 = op_x87,
	.set_x87 = op_set_x87,
};
