// SPDX-License-Identifier: MIT
/*
 * One call from beginning to end (call.h): its buffers are found, or copied where the hypervisor cannot take them as they
 * are; it is repeated while it is interrupted or wants memory; and it is cut and gone on with as its shape says.
 */
#include "root/call/engine.h"

#define IS_ERROR(status) ((status) >> 31)

struct call {
	struct call_partition *partition; /* NULL: it names none */
	uint64_t code;
	const struct shape *shape;
	struct hypercall_result *result;
	uint64_t parameters[N_PARAMETERS]; /* buffers are the caller's pointers */
};

uint32_t engine_again(struct call_partition *partition, uint64_t code,
		      const uint64_t parameters[N_PARAMETERS], uint32_t status,
		      struct hypercall_result *result)
{
	while (status) {
		if (status == WHIT_S_AGAIN)
			(void)platform_take_interrupts();
		else if (status != WHIT_E_INSUFFICIENT_MEMORY || !partition)
			return status;
		else if (!loan_make(partition, result->rdx))
			return CALL_E_NO_MEMORY;
		status = hypercall5(code, parameters[0], parameters[1], parameters[2],
				    parameters[3], parameters[4], result);
	}
	return 0;
}

/* ---- Buffers ----------------------------------------------------------------------------- */

static inline void *callers(const struct call *call, const struct shape_buffer *buffer)
{
	return (void *)(uintptr_t)call->parameters[buffer->at - 1];
}

static uint64_t bytes_of(const struct call *call, const struct shape_buffer *buffer)
{
	uint64_t n = buffer->count ? call->parameters[buffer->count - 1] : 1;

	if (buffer->unit)
		return n * buffer->unit;
	n /= PAGE_BYTES;
	if (n > WHIT_MAX_DIRTY_PAGES)
		n = WHIT_MAX_DIRTY_PAGES;
	return (n + 63) / 64 * 8;
}

/* Where the copies of a call's buffers are, in one run of pages. */
struct copies {
	uint8_t *own[2]; /* NULL: there is nothing to copy */
	uint64_t n_bytes[2];
};

static bool copy_in(const struct call *call, const struct copies *copies)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct shape_buffer *buffer = &call->shape->buffer[i];

		if (copies->own[i] && buffer->way & WAY_IN &&
		    !platform_copy_in(copies->own[i], callers(call, buffer), copies->n_bytes[i]))
			return false;
	}
	return true;
}

static bool copy_out(const struct call *call, const struct copies *copies)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct shape_buffer *buffer = &call->shape->buffer[i];
		uint64_t n = copies->n_bytes[i];

		if (!copies->own[i] || !(buffer->way & WAY_OUT))
			continue;
		if (buffer->way & WAY_WRITTEN && n > call->result->rdx)
			n = call->result->rdx;
		if (!platform_copy_out(callers(call, buffer), copies->own[i], n))
			return false;
	}
	return true;
}

/* With every buffer copied, in pages of our own. */
static __attribute__((noinline)) uint32_t piece_by_copies(const struct call *call)
{
	struct copies copies = { { NULL, NULL }, { 0, 0 } };
	uint64_t parameters[N_PARAMETERS];
	uint32_t status = CALL_E_POINTER;
	uint64_t offset[2], n_all = 0;
	unsigned int i;
	uint8_t *pages;
	size_t n_pages;

	for (i = 0; i < 2 && call->shape->buffer[i].at; i++) {
		copies.n_bytes[i] = bytes_of(call, &call->shape->buffer[i]);
		offset[i] = n_all;
		n_all += (copies.n_bytes[i] + 7) & ~7ull;
	}
	n_pages = (n_all + PAGE_BYTES - 1) / PAGE_BYTES;
	pages = platform_pages(n_pages);
	if (!pages)
		return CALL_E_NO_MEMORY;
	for (i = 0; i < N_PARAMETERS; i++)
		parameters[i] = call->parameters[i];
	for (i = 0; i < 2 && call->shape->buffer[i].at; i++) {
		const struct shape_buffer *buffer = &call->shape->buffer[i];

		if (!callers(call, buffer) || !copies.n_bytes[i])
			continue;
		copies.own[i] = pages + offset[i];
		parameters[buffer->at - 1] = platform_physical(copies.own[i]);
	}
	if (copy_in(call, &copies)) {
		status = engine_call(call->partition, call->code, parameters, call->result);
		if (!IS_ERROR(status) && !copy_out(call, &copies))
			status = CALL_E_POINTER;
	}
	platform_free(pages, n_pages);
	return status;
}

/* As much of the call as the hypervisor does at once. */
static uint32_t piece(const struct call *call)
{
	const struct shape_buffer *buffer = call->shape->buffer;
	uint64_t parameters[N_PARAMETERS];
	unsigned int i;

	for (i = 0; i < N_PARAMETERS; i++)
		parameters[i] = call->parameters[i];
	for (i = 0; i < 2 && buffer->at; i++, buffer++) {
		const void *at = callers(call, buffer);
		const uint64_t n_bytes = bytes_of(call, buffer);
		uint64_t address = 0;

		if (n_bytes && !at && !(buffer->way & WAY_OPTIONAL))
			return CALL_E_POINTER;
		if (n_bytes && at) {
			if ((uintptr_t)at & 7)
				return piece_by_copies(call);
			address = platform_buffer(at, n_bytes);
			if (address == PLATFORM_NOWHERE)
				return piece_by_copies(call);
		}
		parameters[buffer->at - 1] = address;
	}
	return engine_call(call->partition, call->code, parameters, call->result);
}

/* ---- Calls that are cut ------------------------------------------------------------------ */

static uint32_t list(struct call *call)
{
	const struct shape *shape = call->shape;
	uint64_t *count = &call->parameters[shape->buffer[0].count - 1], left = *count;
	uint32_t status;
	unsigned int i;

	while (left) {
		*count = left < shape->most ? left : shape->most;
		status = piece(call);
		if (status)
			return status;
		left -= *count;
		for (i = 0; left && i < 2 && shape->buffer[i].at; i++)
			call->parameters[shape->buffer[i].at - 1] +=
				bytes_of(call, &shape->buffer[i]);
	}
	return 0;
}

static uint32_t range(struct call *call)
{
	const struct shape_buffer *bitmap = &call->shape->buffer[0];
	uint32_t status;

	while ((status = piece(call)) == WHIT_S_MORE) {
		const uint64_t done = call->result->rdx;

		call->parameters[1] += done;
		call->parameters[2] -= done;
		if (bitmap->at && callers(call, bitmap))
			call->parameters[bitmap->at - 1] += done / PAGE_BYTES / 8;
		(void)platform_take_interrupts();
	}
	return status;
}

static uint32_t vps(struct call *call)
{
	uint32_t status;

	while ((status = piece(call)) == WHIT_S_MORE) {
		call->parameters[1] = call->result->rdx;
		(void)platform_take_interrupts();
	}
	return status;
}

/* One that has been answered with something else than success. */
static __attribute__((noinline)) uint32_t plain_again(struct call_partition *partition,
						      uint64_t code, uint64_t rdx, uint64_t r8,
						      uint64_t r9, uint64_t r10, uint32_t status,
						      struct hypercall_result *result)
{
	const uint64_t parameters[N_PARAMETERS] = { partition->handle, rdx, r8, r9, r10 };

	return engine_again(partition, code, parameters, status, result);
}

static inline uint32_t plain(struct call_partition *partition, uint64_t code, uint64_t rdx,
			     uint64_t r8, uint64_t r9, uint64_t r10,
			     struct hypercall_result *result)
{
	const uint32_t status = hypercall5(code, partition->handle, rdx, r8, r9, r10, result);

	return status ? plain_again(partition, code, rdx, r8, r9, r10, status, result) : 0;
}

/* In one piece; of a value that is longer than any, so much as may count. */
static uint32_t whole(struct call *call)
{
	const struct shape *shape = call->shape;

	if (shape->most) {
		uint64_t *count = &call->parameters[shape->buffer[0].count - 1];

		if (*count > shape->most)
			*count = shape->most;
	}
	return piece(call);
}

/* Any that has a buffer, or is cut. */
static __attribute__((noinline)) uint32_t
shaped(struct call_partition *partition, const struct shape *shape, uint64_t code, uint64_t rcx,
       uint64_t rdx, uint64_t r8, uint64_t r9, uint64_t r10, struct hypercall_result *result)
{
	struct call call = { .partition = partition,
			     .code = code,
			     .shape = shape,
			     .result = result,
			     .parameters = { rcx, rdx, r8, r9, r10 } };

	switch (shape->cut) {
	case CUT_LIST: return list(&call);
	case CUT_RANGE: return range(&call);
	case CUT_VPS: return vps(&call);
	default: return whole(&call);
	}
}

/* Those that may wake a VP. */
static __attribute__((noinline)) uint32_t do_and_wake(struct call_partition *partition,
						      const struct shape *shape, uint64_t code,
						      uint64_t rdx, uint64_t r8, uint64_t r9,
						      uint64_t r10, struct hypercall_result *result)
{
	const uint32_t status = shape->cut == CUT_PLAIN
					? plain(partition, code, rdx, r8, r9, r10, result)
					: shaped(partition, shape, code, partition->handle, rdx, r8,
						 r9, r10, result);

	/* Even of a call that has failed a part may have been done. */
	sleep_disturb(partition, shape->wakes, rdx);
	return status;
}

uint32_t call_do(struct call_partition *partition, uint64_t code, uint64_t rdx, uint64_t r8,
		 uint64_t r9, uint64_t r10, struct hypercall_result *result)
{
	const struct shape *shape = shape_of(code, SHAPE_OF_PARTITION);

	if (!shape)
		return WHIT_E_UNKNOWN_CALL;
	if (shape->wakes)
		return do_and_wake(partition, shape, code, rdx, r8, r9, r10, result);
	switch (shape->cut) {
	case CUT_PLAIN: return plain(partition, code, rdx, r8, r9, r10, result);
	case CUT_SOURCE: return source_map_range(partition, rdx, r8, r9, r10, result);
	case CUT_EXTENTS: return source_map_list(partition, rdx, r8, r9, r10, result);
	default: break;
	}
	return shaped(partition, shape, code, partition->handle, rdx, r8, r9, r10, result);
}

uint32_t call_do_alone(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8,
		       struct hypercall_result *result)
{
	const struct shape *shape = shape_of(code, SHAPE_ALONE);

	if (!shape)
		return WHIT_E_UNKNOWN_CALL;
	return shaped(NULL, shape, code, rcx, rdx, r8, 0, 0, result);
}

static inline uint32_t registers(struct call_partition *partition, uint64_t code, uint32_t vp,
				 const void *names, uint32_t count, const void *values)
{
	struct hypercall_result result;

	while (count) {
		const uint32_t n = count < WHIT_MAX_REGISTERS ? count : WHIT_MAX_REGISTERS;
		uint64_t from = PLATFORM_NOWHERE, to = PLATFORM_NOWHERE;
		uint32_t status;

		if (!(((uintptr_t)names | (uintptr_t)values) & 7)) {
			from = platform_buffer(names, 4 * (uint64_t)n);
			to = platform_buffer(values, 16 * (uint64_t)n);
		}
		if (from == PLATFORM_NOWHERE || to == PLATFORM_NOWHERE)
			return call_do(partition, code, vp, (uintptr_t)names, count,
				       (uintptr_t)values, &result);
		status = hypercall5(code, partition->handle, vp, from, n, to, &result);
		if (status)
			status = plain_again(partition, code, vp, from, n, to, status, &result);
		if (status)
			return status;
		names = (const uint8_t *)names + 4 * (size_t)n;
		values = (const uint8_t *)values + 16 * (size_t)n;
		count -= n;
	}
	return 0;
}

uint32_t call_registers(struct call_partition *partition, uint64_t code, uint32_t vp,
			const void *names, uint32_t count, const void *values)
{
	const uint32_t status = registers(partition, code, vp, names, count, values);

	if (code == WHIT_CALL_SET_REGISTERS)
		sleep_disturb(partition, WAKES_VP, vp);
	return status;
}
