/* SPDX-License-Identifier: MIT */
/*
 * hv/cpu/xsave.c and hv/register/vp_state.c: where the components of an XSAVE area lie, by what processors have said of themselves; the
 * way from the standard form to the compacted one and back; and the calls, on a machine with and without XSAVE.
 */
#include "hv/register/vp_state.h"
#include "hv/cpu/xsave.h"
#include "tests/random.h"
#include "tests/unit/machine.h"

static struct random rng = { 1 };

/* CPUID leaf 0Dh, subleaves 2 on, of processors: size, standard offset, ECX. */
struct recorded {
	unsigned int component;
	uint32_t size, offset, ecx;
};

/* Xeon, 4th generation; the first six are those of the first generation, too. */
static const struct recorded recorded[] = {
	{ 2, 0x100, 0x240, 0 },	  { 3, 0x40, 0x3c0, 0 },  { 4, 0x40, 0x400, 0 },
	{ 5, 0x40, 0x440, 0 },	  { 6, 0x200, 0x480, 0 }, { 7, 0x400, 0x680, 0 },
	{ 9, 8, 0xa80, 0 },	  { 11, 0x10, 0, 1 },	  { 17, 0x40, 0xac0, 2 },
	{ 18, 0x2000, 0xb00, 6 },
};

static struct x86_cpuid xeon(uint32_t leaf, uint32_t subleaf)
{
	REQUIRE_EQ(leaf, 0xd);
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++)
		if (recorded[i].component == subleaf)
			return (struct x86_cpuid) { recorded[i].size, recorded[i].offset,
						    recorded[i].ecx, 0 };
	REQUIRE(!"a component that it has");
	return (struct x86_cpuid) { 0 };
}

#define ALL_FIRST 0x2ffull   /* x87 SSE AVX MPX AVX-512 PKRU */
#define ALL_AMX	  0x602e7ull /* without MPX, with tiles */

/* "context size is … bytes, using 'compacted' format" in Linux's logs of those processors. */
static void sizes_are_those_of_processors(void)
{
	struct xsave_part part = XSAVE_FIRST;

	REQUIRE_EQ(xsave_bytes(3, xeon), 576);
	REQUIRE_EQ(xsave_bytes(7, xeon), 832);
	REQUIRE_EQ(xsave_bytes(ALL_FIRST, xeon), 2568);
	REQUIRE_EQ(xsave_bytes(0x2e7, xeon), 2440);
	REQUIRE_EQ(xsave_bytes(ALL_AMX, xeon), 10752);
	REQUIRE(xsave_next(0x20003, &part, xeon)); /* tiles' configuration alone: aligned */
	REQUIRE_EQ(part.component, 17);
	REQUIRE_EQ(part.compact, 576);
	REQUIRE_EQ(part.standard, 0xac0);
	REQUIRE(!xsave_next(0x20003, &part, xeon));
}

static void headers_are_judged(void)
{
	const uint64_t compacted = 1ull << 63;
	struct x86_xsave_header h = { .xstate_bv = 7, .xcomp_bv = compacted | 7 };

	REQUIRE(xsave_is_legal(&h, 7));
	REQUIRE(xsave_is_legal(&h, ALL_AMX));
	REQUIRE(!xsave_is_legal(&h, 3)); /* a component that the model lacks */
	h.xstate_bv = 0;
	REQUIRE(xsave_is_legal(&h, 7));
	h.xstate_bv = 0x20; /* one that has no place */
	REQUIRE(!xsave_is_legal(&h, ALL_AMX));
	h.xstate_bv = compacted;
	REQUIRE(!xsave_is_legal(&h, ALL_AMX));
	h = (struct x86_xsave_header) { .xstate_bv = 3, .xcomp_bv = 3 };
	REQUIRE(!xsave_is_legal(&h, 3)); /* the standard form */
	for (unsigned int i = 0; i < 6; i++) {
		h = (struct x86_xsave_header) { .xstate_bv = 3, .xcomp_bv = compacted | 3 };
		REQUIRE(xsave_is_legal(&h, 3));
		h.reserved[i] = 1ull << random_below(&rng, 64);
		REQUIRE(!xsave_is_legal(&h, 3));
	}
}

#define IMAGE_BYTES (0xb00 + 0x2000)

static void fill(uint8_t *bytes, size_t n)
{
	while (n--)
		*bytes++ = (uint8_t)random_below(&rng, 256);
}

/* Every byte of every component arrives, and no other byte of the image changes. */
static void compacted_and_back(void)
{
	static uint8_t image[IMAGE_BYTES], other[IMAGE_BYTES], before[IMAGE_BYTES];
	static uint8_t compact[10752 + 64];

	for (unsigned int round = 0; round < 200; round++) {
		const uint64_t components = (random_below(&rng, ALL_AMX + 1) & ALL_AMX) | 3;
		const uint32_t n = xsave_bytes(components, xeon);
		struct x86_xsave_header h;

		fill(image, sizeof(image));
		fill(other, sizeof(other));
		memcpy(before, other, sizeof(other));
		memset(compact, 0xee, sizeof(compact));
		xsave_compact(compact, image, components, components, xeon);
		for (uint32_t i = n; i < sizeof(compact); i++)
			REQUIRE_EQ(compact[i], 0xee);
		memcpy(&h, compact + 512, sizeof(h));
		REQUIRE_EQ(h.xcomp_bv, components | 1ull << 63);
		REQUIRE_EQ(h.xstate_bv, components);
		REQUIRE(xsave_is_legal(&h, components));
		REQUIRE(!memcmp(compact, image, 512));

		xsave_expand(other, compact, compact, components, xeon);
		REQUIRE(!memcmp(other, image, 28));
		REQUIRE(!memcmp(other + 28, before + 28, 4)); /* MXCSR_MASK */
		REQUIRE(!memcmp(other + 32, image + 32, 416 - 32));
		REQUIRE(!memcmp(other + 512, before + 512, 64)); /* the header is the caller's */
		for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
			const struct recorded *r = &recorded[i];
			const uint8_t *wanted = components >> r->component & 1 ? image : before;

			if (r->offset)
				REQUIRE(!memcmp(other + r->offset, wanted + r->offset, r->size));
		}
	}
}

/* What XSTATE_BV does not name, and what XCOMP_BV does not, is initial afterwards. */
static void absent_components_become_initial(void)
{
	static uint8_t image[IMAGE_BYTES], compact[4096];
	struct x86_xsave_header h = { .xstate_bv = 4, .xcomp_bv = 1ull << 63 | 7 };
	struct x86_fxsave *const fx = (void *)image;

	fill(image, sizeof(image));
	fill(compact, sizeof(compact));
	fx->mxcsr_mask = 0x2ffff;
	memcpy(compact + 512, &h, sizeof(h));
	xsave_expand(image, compact, compact, 0x2e7, xeon);
	REQUIRE_EQ(fx->fcw, 0x37f);
	REQUIRE_EQ(fx->fsw, 0);
	REQUIRE_EQ(fx->ftw, 0);
	REQUIRE_EQ(fx->fip, 0);
	REQUIRE_EQ(fx->mxcsr, 0x1f80);
	REQUIRE_EQ(fx->mxcsr_mask, 0x2ffff);
	for (unsigned int i = 0; i < sizeof(fx->st) + sizeof(fx->xmm); i++)
		REQUIRE_EQ(image[32 + i], 0);
	REQUIRE(!memcmp(image + 0x240, compact + 576, 0x100));
	for (unsigned int i = 0x440; i < 0xa80 + 8; i++)
		REQUIRE_EQ(image[i], 0);
}

/* ---- The calls ---- */

static uint64_t handle, page, buffer;

/* The fake machine has AVX, and its image a header, if so asked. */
static void state_machine(bool has_xsave)
{
	fake_reset(256 * MIB);
	virt_machine.fpu_bytes = has_xsave ? 0x240 + 0x100 : 512;
	virt_machine.xcr0_child = has_xsave ? 7 : 0;
	machine_of(256 * MIB, 32 * MIB);
	/* The root has limited CPUID to leaf 3 since, and the processor answers with something else. */
	fake_set_cpuid(0xd, 2, (struct x86_cpuid) { 0x7fff000, 0x40000000, 2, 0 });
	handle = set_up(32, 1);
	page = test_pages(1);
	buffer = test_pages(4);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page), S_OK);
	partition_of(handle)->model.xcr0 = has_xsave ? 7 : 0;
	if (has_xsave)
		*((uint8_t *)virt_fpu_save(vp_of(handle, 0)->virt) + 512) = 3;
}

static uint32_t get(uint32_t type, uint64_t n)
{
	return CALL(WHIT_CALL_GET_VP_STATE, handle, 0, type, buffer, n);
}

static uint32_t set(uint32_t type, uint64_t n)
{
	return CALL(WHIT_CALL_SET_VP_STATE, handle, 0, type, buffer, n);
}

#define XSAVE WHvVirtualProcessorStateTypeXsaveState

static void xsave_state_with_and_without_xsave(void)
{
	for (int has_xsave = 0; has_xsave < 2; has_xsave++) {
		const uint64_t n = has_xsave ? 832 : 576;
		uint8_t *image, *b;
		uint8_t saved[832];

		state_machine(has_xsave);
		image = virt_fpu_save(vp_of(handle, 0)->virt);
		b = at(buffer);
		REQUIRE_EQ(CALL(WHIT_CALL_GET_VP_STATE, handle, 0, XSAVE, 0, 0),
			   WHV_E_INSUFFICIENT_BUFFER);
		REQUIRE_EQ(out_rdx, n);
		REQUIRE_EQ(get(XSAVE, n - 1), WHV_E_INSUFFICIENT_BUFFER);
		REQUIRE_EQ(out_rdx, n);
		REQUIRE_EQ(b[0], 0);
		memset(image + 160, 0x61, 256);
		if (has_xsave) {
			memset(image + 0x240, 0x62, 0x100);
			image[512] = 7;
		}
		memset(b, 0xee, PAGE_SIZE);
		REQUIRE_EQ(get(XSAVE, PAGE_SIZE), S_OK);
		REQUIRE_EQ(out_rdx, n);
		REQUIRE_EQ(b[n], 0xee);
		REQUIRE_EQ(b[160], 0x61);
		REQUIRE_EQ(b[512], has_xsave ? 7 : 3);
		REQUIRE_EQ(b[527], 0x80);
		memcpy(saved, b, n);

		/* It comes back as it was. */
		memset(image, 0x11, 24);
		memset(image + 160, 0x11, 256);
		if (has_xsave) {
			memset(image + 0x240, 0x11, 0x100);
			image[512] = 3;
		}
		REQUIRE_EQ(set(XSAVE, n), S_OK);
		REQUIRE_EQ(get(XSAVE, n), S_OK);
		REQUIRE(!memcmp(saved, b, n));
		if (has_xsave)
			REQUIRE_EQ(image[512], 7);

		/* Refused, and nothing has changed: too short, header, MXCSR. */
		memset(b, 0x44, 416);
		REQUIRE_EQ(set(XSAVE, 575), WHV_E_INSUFFICIENT_BUFFER);
		REQUIRE_EQ(set(XSAVE, n - 1),
			   has_xsave ? WHV_E_INSUFFICIENT_BUFFER : WHV_E_INSUFFICIENT_BUFFER);
		REQUIRE_EQ(set(XSAVE, n), E_INVALIDARG); /* MXCSR 44444444h */
		memcpy(b, saved, n);
		b[160] = 0x45;
		b[527] = 0;
		REQUIRE_EQ(set(XSAVE, n), E_INVALIDARG);
		b[527] = 0x80;
		b[520] |= 0x20;
		REQUIRE_EQ(set(XSAVE, PAGE_SIZE), E_INVALIDARG);
		b[520] &= (uint8_t)~0x20;
		REQUIRE_EQ(get(XSAVE, n), S_OK);
		REQUIRE(!memcmp(saved, b, n));

		/* All initial. */
		b[512] = 0;
		REQUIRE_EQ(set(XSAVE, n), S_OK);
		REQUIRE_EQ(get(XSAVE, n), S_OK);
		REQUIRE_EQ(b[160], 0);
		REQUIRE_EQ(b[0] | b[1] << 8, 0x37f);
		REQUIRE_EQ(b[24] | b[25] << 8, 0x1f80);
		REQUIRE_EQ(b[512], 3); /* the area of FXSAVE is always in use */
		delete_all(handle);
		check_clean();
	}
}

static void state_buffers_and_types(void)
{
	static const uint32_t none[] = { WHvVirtualProcessorStateTypeSynicMessagePage,
					 WHvVirtualProcessorStateTypeSynicEventFlagPage,
					 WHvVirtualProcessorStateTypeSynicTimerState,
					 WHvVirtualProcessorStateTypeNestedState };
	static const uint32_t unknown[] = { 3, 0xfff, 0x1003, ~0u,
					    WHIT_STATE_INTERRUPT_CONTROLLER1 + 1 };

	state_machine(false);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		REQUIRE_EQ(get(none[i], PAGE_SIZE), 0x80070032u);
		REQUIRE_EQ(set(none[i], PAGE_SIZE), 0x80070032u);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		REQUIRE_EQ(get(unknown[i], PAGE_SIZE), E_INVALIDARG);
		REQUIRE_EQ(set(unknown[i], PAGE_SIZE), E_INVALIDARG);
	}
	/* No local APIC. */
	REQUIRE_EQ(get(WHvVirtualProcessorStateTypeInterruptControllerState2, PAGE_SIZE),
		   WHV_E_INVALID_VP_STATE);
	REQUIRE_EQ(set(WHIT_STATE_INTERRUPT_CONTROLLER1, PAGE_SIZE), WHV_E_INVALID_VP_STATE);
	for (uint32_t code = WHIT_CALL_GET_VP_STATE; code <= WHIT_CALL_SET_VP_STATE; code++) {
		REQUIRE_EQ(CALL(code, handle, 0, XSAVE, buffer + 4, 576), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, XSAVE, BLOCK_BASE, 576), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, XSAVE, BLOCK_BASE - 512, 576), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, XSAVE, 256 * MIB - 512, 576), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 0, XSAVE, 0 - 64ull, 576), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, 1, XSAVE, buffer, 576), WHV_E_VP_DOES_NOT_EXIST);
	}
	delete_all(handle);
	check_clean();
}

/* The size that a header asks for is looked at, too: it must be the root's, all of it. */
static void state_that_runs_out_of_the_root(void)
{
	state_machine(true);
	REQUIRE_EQ(get(XSAVE, 832), S_OK);
	memcpy(at(BLOCK_BASE - 576), at(buffer), 576);
	REQUIRE_EQ(CALL(WHIT_CALL_SET_VP_STATE, handle, 0, XSAVE, BLOCK_BASE - 576, 832),
		   E_POINTER);
	((uint8_t *)at(BLOCK_BASE - 576))[520] = 3; /* without AVX it fits */
	((uint8_t *)at(BLOCK_BASE - 576))[512] = 3;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_VP_STATE, handle, 0, XSAVE, BLOCK_BASE - 576, 576), S_OK);
	delete_all(handle);
	check_clean();
}

static void apic_state_goes_through(void)
{
	const uint32_t type = WHvVirtualProcessorStateTypeInterruptControllerState2;
	uint32_t *b;

	machine(256 * MIB);
	handle = created(64);
	REQUIRE_EQ(set_property(handle, WHvPartitionPropertyCodeProcessorCount, 1, 4), S_OK);
	REQUIRE_EQ(set_property(handle, WHvPartitionPropertyCodeLocalApicEmulationMode, 1, 4),
		   S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	page = test_pages(1);
	buffer = test_pages(1);
	b = at(buffer);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page), S_OK);
	REQUIRE_EQ(get(type, PAGE_SIZE - 1), WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(out_rdx, PAGE_SIZE);
	REQUIRE_EQ(set(type, PAGE_SIZE - 1), WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(get(type, PAGE_SIZE), S_OK);
	REQUIRE_EQ(out_rdx, PAGE_SIZE);
	REQUIRE_EQ(b[0xf * 4], 0xff); /* the spurious vector after reset */
	b[8 * 4] = 0x50;
	REQUIRE_EQ(set(type, PAGE_SIZE), S_OK);
	REQUIRE_EQ(apic_get_cr8(vp_of(handle, 0)), 5);
	b[0xf * 4] = ~0u; /* reserved bits */
	b[8 * 4] = 0x60;
	REQUIRE_EQ(set(type, PAGE_SIZE), E_INVALIDARG);
	REQUIRE_EQ(apic_get_cr8(vp_of(handle, 0)), 5);
	REQUIRE_EQ(get(WHIT_STATE_INTERRUPT_CONTROLLER1, 1024), S_OK);
	REQUIRE_EQ(out_rdx, 1024);
	REQUIRE_EQ(set(WHIT_STATE_INTERRUPT_CONTROLLER1, 1024), S_OK);
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(sizes_are_those_of_processors),
		TEST(headers_are_judged),
		TEST(compacted_and_back),
		TEST(absent_components_become_initial),
		TEST(xsave_state_with_and_without_xsave),
		TEST(state_buffers_and_types),
		TEST(state_that_runs_out_of_the_root),
		TEST(apic_state_goes_through),
	};

	return RUN(tests);
}
