// SPDX-License-Identifier: MIT
/*
 * Memory of the caller's that becomes a child's: MAP_GPA_RANGE of a pointer, MAP_GPA_LIST of a list of them. Where it is
 * contiguous the hypervisor is given the range as it is; where it is not, extents are worked out of it, and lists of
 * them are mapped one behind the other.
 */
#include "root/call/engine.h"

#define MAX_EXTENTS WHIT_MAX_EXTENTS

/* One page: what the hypervisor is given, and what it is made of. */
struct source_page {
	struct whit_extent to[MAX_EXTENTS];
	struct call_extent from[MAX_EXTENTS];
};

_Static_assert(sizeof(struct source_page) == PAGE_BYTES, "one page");
_Static_assert(sizeof(struct call_extent) == 16, "as long as the hypervisor's");

/* What is left to be mapped. */
struct source {
	struct source_page *page;
	const struct call_extent
		*list; /* the caller's, from the first that is not in the page on */
	uint64_t n_list;
	uint32_t i, n; /* the next of page->from, and how many are there */
	uint64_t skip; /* bytes of that one which are mapped already */
	struct {
		uint64_t n_bytes; /* what page->to holds, */
		uint32_t i;	  /* and what is next when that is mapped */
		uint64_t skip;
	} filled;
	uint64_t gpa;
	uint64_t flags;
};

/* Takes the next of the list into the page. */
static uint32_t source_load(struct source *source)
{
	const uint32_t n = (uint32_t)(source->n_list < MAX_EXTENTS ? source->n_list : MAX_EXTENTS);

	if (!platform_copy_in(source->page->from, source->list, n * sizeof(*source->list)))
		return CALL_E_POINTER;
	source->list += n;
	source->n_list -= n;
	source->i = 0;
	source->n = n;
	return 0;
}

/*
 * Extents from the next byte on, as many as a list holds. Returns how many; 0: the first cannot be given away. What is
 * not made of whole pages is for the hypervisor to refuse: a rest of less is an extent of none.
 */
static uint32_t source_fill(struct source *source)
{
	struct whit_extent *to = source->page->to;
	const struct whit_extent *const to_end = to + MAX_EXTENTS;
	const struct call_extent *from = &source->page->from[source->i];
	const struct call_extent *const end = &source->page->from[source->n];
	uint64_t skip = source->skip, n_bytes = 0;

	while (from < end && to < to_end) {
		const uint64_t left = from->n_bytes - skip;
		uint64_t n_run;

		to->source = platform_source((const uint8_t *)from->source + skip, left, &n_run);
		if (to->source == PLATFORM_NOWHERE)
			break;
		skip = 0;
		if (n_run < left) {
			n_run = n_run < PAGE_BYTES ? PAGE_BYTES
						   : n_run & ~(uint64_t)(PAGE_BYTES - 1);
			skip = from->n_bytes - left + n_run;
		} else {
			from++;
		}
		to->n_pages = n_run / PAGE_BYTES;
		n_bytes += n_run;
		to++;
	}
	source->filled.n_bytes = n_bytes;
	source->filled.i = (uint32_t)(from - source->page->from);
	source->filled.skip = skip;
	return (uint32_t)(to - source->page->to);
}

static void source_advance(struct source *source, uint64_t n_bytes)
{
	const struct call_extent *from = &source->page->from[source->i];
	const struct call_extent *const end = &source->page->from[source->n];
	uint64_t skip = source->skip + n_bytes;

	source->gpa += n_bytes;
	if (n_bytes == source->filled.n_bytes) {
		source->i = source->filled.i;
		source->skip = source->filled.skip;
		return;
	}
	while (from < end && skip >= from->n_bytes)
		skip -= from++->n_bytes;
	source->i = (uint32_t)(from - source->page->from);
	source->skip = skip;
}

/* Everything that is left. */
static uint32_t source_map(struct call_partition *partition, struct source *source,
			   struct hypercall_result *result)
{
	while (source->i < source->n || source->n_list) {
		uint64_t parameters[N_PARAMETERS] = { partition->handle, source->gpa,
						      platform_physical(source->page->to), 0,
						      source->flags };
		uint32_t status = source->i == source->n ? source_load(source) : 0;

		if (status)
			return status;
		parameters[3] = source_fill(source);
		if (!parameters[3])
			return CALL_E_POINTER;
		status = engine_call(partition, WHIT_CALL_MAP_GPA_LIST, parameters, result);
		if (status == WHIT_S_MORE)
			(void)platform_take_interrupts();
		else if (status)
			return status;
		source_advance(source, result->rdx);
	}
	return 0;
}

/* In a page of our own, which what is left is worked out in. */
static uint32_t source_map_by_page(struct call_partition *partition, struct source *source,
				   struct call_extent first, struct hypercall_result *result)
{
	uint32_t status;

	source->page = platform_pages(1);
	if (!source->page)
		return CALL_E_NO_MEMORY;
	source->page->from[0] = first;
	status = source_map(partition, source, result);
	platform_free(source->page, 1);
	return status;
}

uint32_t source_map_list(struct call_partition *partition, uint64_t gpa, uint64_t list,
			 uint64_t n_list, uint64_t flags, struct hypercall_result *result)
{
	struct source source = { .list = (const struct call_extent *)(uintptr_t)list,
				 .n_list = n_list,
				 .gpa = gpa,
				 .flags = flags };

	if (!list)
		return CALL_E_POINTER;
	if (!n_list)
		return CALL_E_ARGUMENT;
	return source_map_by_page(partition, &source, (struct call_extent) { NULL, 0 }, result);
}

/* A range whose pages lie anywhere: a list of one extent. */
static __attribute__((noinline)) uint32_t map_scattered(struct call_partition *partition,
							struct call_extent extent, uint64_t gpa,
							uint64_t flags,
							struct hypercall_result *result)
{
	struct source source = { .n = 1, .gpa = gpa, .flags = flags };

	if (((uintptr_t)extent.source | gpa | extent.n_bytes) % PAGE_BYTES)
		return CALL_E_ARGUMENT;
	return source_map_by_page(partition, &source, extent, result);
}

/* What of a contiguous range the first call, which has answered with `status`, has left. */
static __attribute__((noinline)) uint32_t map_on(struct call_partition *partition,
						 uint64_t p[N_PARAMETERS], uint32_t status,
						 struct hypercall_result *result)
{
	status = engine_again(partition, WHIT_CALL_MAP_GPA_RANGE, p, status, result);
	while (status == WHIT_S_MORE) {
		p[1] += result->rdx;
		p[2] += result->rdx;
		p[3] -= result->rdx;
		(void)platform_take_interrupts();
		status = engine_call(partition, WHIT_CALL_MAP_GPA_RANGE, p, result);
	}
	return status;
}

uint32_t source_map_range(struct call_partition *partition, uint64_t source, uint64_t gpa,
			  uint64_t n_bytes, uint64_t flags, struct hypercall_result *result)
{
	const void *const at = (const void *)(uintptr_t)source;
	uint64_t n_run;
	const uint64_t address = platform_source(at, n_bytes, &n_run);
	uint32_t status;

	if (address == PLATFORM_NOWHERE)
		return CALL_E_POINTER;
	if (n_run < n_bytes)
		return map_scattered(partition, (struct call_extent) { at, n_bytes }, gpa, flags,
				     result);
	status = hypercall5(WHIT_CALL_MAP_GPA_RANGE, partition->handle, address, gpa, n_bytes,
			    flags, result);
	if (status) {
		uint64_t p[N_PARAMETERS] = { partition->handle, address, gpa, n_bytes, flags };

		status = map_on(partition, p, status, result);
	}
	return status;
}
