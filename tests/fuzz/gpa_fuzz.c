/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of the calls on a guest-physical space, on the fake machine, against a model with one record a
 * page: what is where, with which rights, and what has been written to. An input is a head of two bytes (what
 * the processor has, how much is lent at first) and operations of eight bytes each.
 *
 * libFuzzer: `make B=... .../fuzz/gpa_fuzz`, then `gpa_fuzz tests/fuzz/gpa_corpus`.
 */

#include "tests/unit/machine.h"
#include "whp/WinHvMemory.h"
#include "x86/paging.h"

#define N_PAGES	     2048u
#define FIRST_GPA    (1 * GIB - 4 * MIB) /* the tables of two GiB */
#define RAM_BYTES    (64 * MIB)
#define FIRST_SOURCE (24 * MIB)
#define N_SOURCES    4096u
#define TRACK	     8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uint64_t source; /* 0: a hole */
	uint8_t flags;
	bool is_dirty;
} model[N_PAGES];

struct operation {
	uint8_t what, flags;
	uint16_t page, n, source;
};

static uint64_t handle, buffer;

static uint64_t gpa_of(uint64_t page)
{
	return FIRST_GPA + page * PAGE_SIZE;
}

static uint64_t source_of(uint64_t page)
{
	return FIRST_SOURCE + page * PAGE_SIZE;
}

static struct virt_space *space(void)
{
	return &partition_of(handle)->space;
}

/* A call with its range in `gpa` and the rest of the parameters behind it, until it is done. */
static uint32_t whole(uint64_t code, uint64_t first, uint64_t gpa, uint64_t n_bytes, uint64_t last)
{
	for (;;) {
		const uint32_t result = code == WHIT_CALL_MAP_GPA_RANGE
						? CALL(code, handle, first, gpa, n_bytes, last)
						: CALL(code, handle, gpa, n_bytes, last);
		const uint64_t n = out_rdx;

		check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
		if (result == WHIT_E_INSUFFICIENT_MEMORY) {
			REQUIRE(n && n < 64);
			REQUIRE(lend_all(handle, test_pages(n), n) == S_OK);
			continue;
		}
		if (result != WHIT_S_MORE)
			return result;
		REQUIRE(n && n < n_bytes && !PAGE_OFFSET(n));
		first += n;
		gpa += n;
		n_bytes -= n;
	}
}

static bool are_legal(uint8_t flags)
{
	return flags < 16 && (flags & 1 || ((flags & 7) == 4 && virt_machine.has_execute_only));
}

static void set_page(uint64_t page, uint64_t source, uint8_t flags)
{
	model[page].is_dirty = model[page].is_dirty && model[page].source == source &&
			       model[page].flags & flags & TRACK;
	model[page].source = source;
	model[page].flags = flags;
}

static void do_map(const struct operation *o)
{
	const uint32_t result = whole(WHIT_CALL_MAP_GPA_RANGE, source_of(o->source),
				      gpa_of(o->page), o->n * PAGE_SIZE, o->flags);

	REQUIRE(result == (are_legal(o->flags) ? (uint32_t)S_OK : (uint32_t)E_INVALIDARG));
	for (unsigned int i = 0; !result && i < o->n; i++)
		set_page(o->page + i, source_of(o->source + i), o->flags);
}

/* The range out of two extents, of which the second comes from elsewhere. */
static void do_list(const struct operation *o)
{
	struct whit_extent *extents = at(buffer);
	const uint64_t half = o->n / 2, other = (o->source ^ 0x155u) % (N_SOURCES - N_PAGES);
	uint32_t result;

	extents[0] = (struct whit_extent) { source_of(o->source), half };
	extents[1] = (struct whit_extent) { source_of(other), o->n - half };
	for (;;) {
		result = CALL(WHIT_CALL_MAP_GPA_LIST, handle, gpa_of(o->page), buffer, 2, o->flags);
		check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
		if (result != WHIT_E_INSUFFICIENT_MEMORY)
			break;
		REQUIRE(lend_all(handle, test_pages(out_rdx), out_rdx) == S_OK);
	}
	if (!are_legal(o->flags) || !half) {
		REQUIRE(result == (uint32_t)E_INVALIDARG);
		return;
	}
	REQUIRE(result == (uint32_t)S_OK ? out_rdx == o->n * PAGE_SIZE
					 : result == WHIT_S_MORE && out_rdx < o->n * PAGE_SIZE);
	for (uint64_t i = 0; i < out_rdx / PAGE_SIZE; i++)
		set_page(o->page + i,
			 i < half ? source_of(o->source + i) : source_of(other + i - half),
			 o->flags);
}

static void do_unmap(const struct operation *o)
{
	REQUIRE(whole(WHIT_CALL_UNMAP_GPA_RANGE, 0, gpa_of(o->page), o->n * PAGE_SIZE, 0) == S_OK);
	for (unsigned int i = 0; i < o->n; i++)
		set_page(o->page + i, 0, 0);
}

static void do_protect(const struct operation *o)
{
	uint32_t wanted = are_legal(o->flags) ? (uint32_t)S_OK : (uint32_t)E_INVALIDARG;

	for (unsigned int i = 0; wanted == S_OK && i < o->n; i++)
		if (!model[o->page + i].source)
			wanted = (uint32_t)WHV_E_GPA_RANGE_NOT_FOUND;
	REQUIRE(whole(WHIT_CALL_PROTECT_GPA_RANGE, 0, gpa_of(o->page), o->n * PAGE_SIZE,
		      o->flags) == wanted);
	for (unsigned int i = 0; !wanted && i < o->n; i++)
		set_page(o->page + i, model[o->page + i].source, o->flags);
}

/* A guest's access, and what the hypervisor makes of the violation. */
static void do_guest(const struct operation *o)
{
	const bool is_write = o->flags & 1;
	const struct virt_exit exit = {
		.reason = VIRT_EXIT_MEMORY,
		.memory = { .gpa = { gpa_of(o->page) },
			    .is_write = is_write,
			    .is_read = !is_write },
	};
	const bool is_allowed = model[o->page].source && model[o->page].flags & (is_write ? 2 : 1);
	bool is_done = fake_access(space(), GPA(gpa_of(o->page)), is_write);

	if (!is_done && partition_of(handle)->is_tracked &&
	    gpa_resolve(partition_of(handle), &exit, gate_turn(&partition_of(handle)->gate)))
		is_done = fake_access(space(), GPA(gpa_of(o->page)), is_write);
	REQUIRE(is_done == is_allowed);
	if (is_write && is_allowed && model[o->page].flags & TRACK)
		model[o->page].is_dirty = true;
}

static void do_query(const struct operation *o)
{
	const bool keep = o->flags & 1;
	bool is_tracked = true;
	uint32_t result;

	for (unsigned int i = 0; i < o->n; i++)
		is_tracked &= model[o->page + i].source && model[o->page + i].flags & TRACK;
	memset(at(buffer), 0xff, 512);
	result = CALL(WHIT_CALL_QUERY_DIRTY, handle, gpa_of(o->page), o->n * PAGE_SIZE, buffer,
		      keep);
	check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
	REQUIRE(result == (is_tracked ? (uint32_t)S_OK : (uint32_t)WHV_E_GPA_RANGE_NOT_FOUND));
	for (unsigned int i = 0; is_tracked && i < (o->n + 63u) / 64 * 64; i++) {
		const bool bit = ((const uint64_t *)at(buffer))[i / 64] >> (i % 64) & 1;

		REQUIRE(bit == (i < o->n && model[o->page + i].is_dirty));
		if (i < o->n && !keep)
			model[o->page + i].is_dirty = false;
	}
}

/* Up to 16 bytes, often across two pages. */
static void do_access(const struct operation *o)
{
	const bool is_write = o->flags & 1;
	const unsigned int n = 1 + o->n % 16, in_first = 8;
	const unsigned int last = n > in_first ? o->page + 1u : o->page;
	const uint8_t need = is_write ? 2 : 1;
	struct whit_gpa_access *access = at(buffer);
	bool is_allowed = model[o->page].source && model[o->page].flags & need;

	if (last == N_PAGES)
		return;
	is_allowed = is_allowed && model[last].source && model[last].flags & need;
	*access =
		(struct whit_gpa_access) { gpa_of(o->page) + PAGE_SIZE - in_first, 6, n, 0, { 0 } };
	for (unsigned int i = 0; i < 16; i++)
		access->data[i] = (uint8_t)(o->source + i);
	REQUIRE(CALL(is_write ? WHIT_CALL_WRITE_GPA_RANGE : WHIT_CALL_READ_GPA_RANGE, handle, 0,
		     buffer) == (is_allowed ? (uint32_t)S_OK : (uint32_t)E_ACCESSDENIED));
	for (unsigned int i = 0; is_allowed && i < n; i++) {
		const uint64_t page = i < in_first ? o->page : last;
		const uint64_t where = i < in_first ? PAGE_SIZE - in_first + i : i - in_first;

		/* One page at both ends: what was written first is gone. */
		if (!is_write || model[o->page].source != model[last].source)
			REQUIRE(access->data[i] == *(uint8_t *)at(model[page].source + where));
		if (is_write && model[page].flags & TRACK)
			model[page].is_dirty = true;
	}
}

static void do_advise(const struct operation *o)
{
	bool is_mapped = true;

	for (unsigned int i = 0; i < o->n; i++)
		is_mapped &= model[o->page + i].source != 0;
	REQUIRE(CALL(WHIT_CALL_ADVISE_GPA_RANGE, handle, gpa_of(o->page), o->n * PAGE_SIZE, 1, 0) ==
		(is_mapped ? (uint32_t)S_OK : (uint32_t)WHV_E_GPA_RANGE_NOT_FOUND));
}

static void check_page(uint64_t page)
{
	const struct virt_leaf leaf = virt_space_lookup(space(), GPA(gpa_of(page)));
	const struct gpa_page seen = page_at(handle, (gpa_of(page)));
	const uint64_t inside = gpa_of(page) & (LEVEL_SIZE(leaf.level) - 1);

	REQUIRE(leaf.rights == (model[page].source ? model[page].flags : 0));
	REQUIRE(seen.rights == leaf.rights);
	if (!leaf.rights)
		return;
	REQUIRE(leaf.spa.a + inside == model[page].source);
	REQUIRE(seen.ptr == at(model[page].source));
	REQUIRE(!(leaf.rights & TRACK) || leaf.level == LEVEL_4K);
}

static void do_operation(struct operation o)
{
	static void (*const all[])(const struct operation *) = {
		do_map,	  do_map,   do_unmap, do_protect, do_protect, do_list,	 do_guest,
		do_guest, do_guest, do_query, do_query,	  do_access,  do_access, do_advise,
	};

	o.page %= N_PAGES;
	/* Whole blocks often, so that there are large leaves to split and to join. */
	if (o.what & 0x80) {
		o.page &= (uint16_t)~511u;
		o.n = (uint16_t)(512 * (1 + o.n % 3));
		o.source = (uint16_t)(o.source & ~511u);
	} else {
		o.n = (uint16_t)(1 + o.n % (o.what & 0x40 ? 700 : 9));
	}
	if (o.n > N_PAGES - o.page)
		o.n = (uint16_t)(N_PAGES - o.page);
	o.source %= N_SOURCES - N_PAGES;
	o.flags %= 18;
	all[(o.what & 0x3f) % (sizeof(all) / sizeof(all[0]))](&o);
	check_page(o.page);
	check_page(o.page + o.n - 1u);
	check_page((o.page + o.n) % N_PAGES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct operation operation;

	if (size < 2 || size > 2 + 64 * sizeof(operation))
		return 0;
	memset(model, 0, sizeof(model));
	fake_reset(RAM_BYTES);
	fake.has_flags = data[0] & 1;
	virt_machine.has_execute_only = data[0] & 2;
	virt_machine.max_leaf_level = data[0] & 4 ? LEVEL_1G : LEVEL_2M;
	machine_of(RAM_BYTES, 4 * MIB);
	next_page = FIRST_SOURCE + N_SOURCES * PAGE_SIZE;
	handle = set_up(16 + data[1] % 16, 1);
	buffer = test_pages(1);
	REQUIRE(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)) == S_OK);
	for (size_t i = 2; i + sizeof(operation) <= size; i += sizeof(operation)) {
		memcpy(&operation, data + i, sizeof(operation));
		do_operation(operation);
	}
	for (unsigned int page = 0; page < N_PAGES; page++)
		check_page(page);
	delete_all(handle);
	for (unsigned int page = 0; page < N_SOURCES; page++)
		REQUIRE(!frames_uses(SPA(source_of(page)), LEVEL_4K) &&
			!frames_uses(SPA(source_of(page & ~511u)), LEVEL_2M));
	check_clean();
	return 0;
}

#include "tests/fuzz/replay.h"
REPLAY("gpa_fuzz_corpus", "tests/fuzz/gpa_corpus")
