// SPDX-License-Identifier: MIT
/*
 * The WHP library over a fake hypervisor. The fake screams at calls that it does not expect, counts the
 * pages that it was lent, and can be told to ask for memory, to be interrupted, or to do a range in pieces.
 */
#include "tests/unit/root_platform.h"
#include "whit/whp_extension.h"
#include "whit/whp_page.h"

#define HANDLE_NUMBER 0x1234567890ull
#define IDLE_UNTIL    0x55aa00001234ull
#define LEND_AT_ONCE  256u /* as hv/root/lend.c */

static struct {
	unsigned int n_calls;
	unsigned int
		wants_pages; /* the next calls answer that memory is short, until so many are lent */
	unsigned int n_again;	   /* the next calls answer WHIT_S_AGAIN */
	unsigned int n_idle;	   /* and then as many WHIT_S_IDLE */
	unsigned int n_lends_left; /* so many calls on loans fail, at 0; 0: all are good */
	uint64_t piece;		   /* of a range, done at once */
	uint64_t n_lent, mapped_until, n_cleared;
	uint64_t last_code, last[5];
	uint64_t last_names[WHIT_MAX_REGISTERS];
	struct whit_vp_page *page;
	bool lend_fails, query_fails;
	UINT32 exit_reason;
} fake;

static uint32_t do_range(uint64_t n_bytes, struct hypercall_result *result)
{
	uint64_t n = fake.piece && fake.piece < n_bytes ? fake.piece : n_bytes;

	fake.mapped_until += n;
	result->rdx = n;
	return n < n_bytes ? WHIT_S_MORE : 0;
}

static uint32_t value_of(uint64_t code, uint64_t buffer, uint64_t n_bytes,
			 struct hypercall_result *result)
{
	uint64_t *words;
	uint8_t value[24];

	if (code == 0x999)
		return (uint32_t)WHV_E_UNKNOWN_CAPABILITY;
	result->rdx = code == 0x1fff ? 4 : code == 0x1006 ? 24 : 8;
	if (n_bytes < result->rdx)
		return (uint32_t)WHV_E_INSUFFICIENT_BUFFER;
	memset(value, 0x11, sizeof(value));
	words = platform_at(buffer, n_bytes);
	memcpy(words, value, result->rdx);
	return 0;
}

static uint32_t registers(uint64_t code, struct hypercall_result *result)
{
	uint32_t *names = platform_at(fake.last[2], 4 * fake.last[3]);
	uint64_t(*values)[2] = platform_at(fake.last[4], 16 * fake.last[3]);

	(void)result;
	CHECK(fake.last[3] <= WHIT_MAX_REGISTERS);
	for (uint64_t i = 0; i < fake.last[3]; i++) {
		fake.last_names[i] = names[i];
		if (names[i] == 0xbad)
			return (uint32_t)WHV_E_INVALID_VP_REGISTER_NAME;
		if (code == WHIT_CALL_GET_REGISTERS) {
			values[i][0] = names[i] * 3;
			values[i][1] = 7;
		} else {
			CHECK_EQ(values[i][0], names[i] * 5ull);
		}
	}
	return 0;
}

/* Of a run the first record alone is read. */
static uint32_t translations(struct whit_translation *records)
{
	const uint64_t count = fake.last[3], flags = fake.last[4];

	if (fake.last[1] == 9)
		return (uint32_t)WHV_E_VP_DOES_NOT_EXIST;
	CHECK(count && count <= WHIT_MAX_TRANSLATIONS);
	for (uint64_t i = 0; i < count; i++) {
		if (flags & WHIT_TRANSLATE_RUN)
			records[i].gva = records[0].gva + i * 4096;
		records[i].gpa = records[i].gva + 1;
		records[i].level = 3;
	}
	return 0;
}

/* Extents one behind the other: where the first and the last byte come from. */
static uint32_t list(struct hypercall_result *result)
{
	const struct whit_extent *extents =
		platform_at(fake.last[2], fake.last[3] * sizeof(*extents));
	uint64_t n_bytes = 0;

	CHECK(fake.last[3] && fake.last[3] <= WHIT_MAX_EXTENTS);
	CHECK_EQ(extents[0].source, fake.mapped_until);
	for (uint64_t i = 0; i < fake.last[3]; i++) {
		if (i)
			CHECK_EQ(extents[i].source,
				 extents[i - 1].source + extents[i - 1].n_pages * 4096);
		CHECK(extents[i].n_pages);
		n_bytes += extents[i].n_pages * 4096;
	}
	return do_range(n_bytes, result);
}

/* Bit n of the bitmap says that page n of all is one of each 7. */
static uint32_t dirty(struct hypercall_result *result)
{
	const uint64_t first = fake.last[1] / 4096, all = fake.last[2] / 4096;
	const uint64_t n = all < WHIT_MAX_DIRTY_PAGES ? all : WHIT_MAX_DIRTY_PAGES;
	uint64_t *words = fake.last[3] ? platform_at(fake.last[3], 8) : NULL;

	if (fake.query_fails && first + all > 10000)
		return (uint32_t)WHV_E_GPA_RANGE_NOT_FOUND;
	fake.n_cleared += fake.last[4] & WHIT_DIRTY_KEEP ? 0 : n;
	for (uint64_t i = 0; words && i < n; i++) {
		if (!(i % 64))
			words[i / 64] = 0;
		words[i / 64] |= (uint64_t) !((first + i) % 7) << i % 64;
	}
	result->rdx = n * 4096;
	return n < all ? WHIT_S_MORE : 0;
}

static uint32_t gpa_access(uint64_t code, struct whit_gpa_access *access)
{
	CHECK_EQ(access->reserved, 0);
	if (access->n_bytes > 16)
		return (uint32_t)E_INVALIDARG;
	for (unsigned int i = 0; i < access->n_bytes; i++) {
		if (code == WHIT_CALL_READ_GPA_RANGE)
			access->data[i] = (uint8_t)(access->gpa + i);
		else
			CHECK_EQ(access->data[i], (uint8_t)(access->gpa + i));
	}
	return 0;
}

static uint32_t call(uint64_t code, struct hypercall_result *result)
{
	fake.n_calls++;
	fake.last_code = code;
	result->rdx = result->r8 = 0xdeaddeaddeaddeadull;
	if (code != WHIT_CALL_CREATE_PARTITION && code != WHIT_CALL_GET_CAPABILITY)
		CHECK_EQ(fake.last[0], HANDLE_NUMBER);
	if (code == WHIT_CALL_LEND) {
		CHECK(!(fake.last[1] & 4095) && fake.last[2] && fake.last[2] <= WHIT_MAX_LEND);
		if (fake.n_lends_left && !--fake.n_lends_left)
			fake.lend_fails = true;
		if (fake.lend_fails)
			return (uint32_t)E_ACCESSDENIED;
		if (fake.last[2] > LEND_AT_ONCE) {
			fake.n_lent += LEND_AT_ONCE;
			result->rdx = LEND_AT_ONCE;
			return WHIT_S_MORE;
		}
		fake.n_lent += fake.last[2];
		return 0;
	}
	if (fake.n_again) {
		fake.n_again--;
		return WHIT_S_AGAIN;
	}
	if (fake.n_idle && code == WHIT_CALL_RUN_VP) {
		fake.n_idle--;
		result->rdx = IDLE_UNTIL;
		return WHIT_S_IDLE;
	}
	if (code == WHIT_CALL_CREATE_PARTITION) {
		fake.n_lent = fake.last[1];
		if (fake.wants_pages > fake.n_lent) {
			result->rdx = fake.wants_pages;
			fake.n_lent = 0;
			return WHIT_E_INSUFFICIENT_MEMORY;
		}
		result->rdx = HANDLE_NUMBER;
		return 0;
	}
	if (fake.wants_pages > fake.n_lent) {
		result->rdx = fake.wants_pages - fake.n_lent;
		return WHIT_E_INSUFFICIENT_MEMORY;
	}
	switch (code) {
	case WHIT_CALL_SETUP_PARTITION:
	case WHIT_CALL_DELETE_PARTITION:
	case WHIT_CALL_DELETE_VP:
	case WHIT_CALL_CANCEL_RUN_VP:
	case WHIT_CALL_SET_PROPERTY: return 0;
	case WHIT_CALL_GET_CAPABILITY:
		return value_of(fake.last[0], fake.last[1], fake.last[2], result);
	case WHIT_CALL_GET_PROPERTY:
		return value_of(fake.last[1], fake.last[2], fake.last[3], result);
	case WHIT_CALL_MAP_GPA_RANGE: return do_range(fake.last[3], result);
	case WHIT_CALL_ADVISE_GPA_RANGE:
	case WHIT_CALL_PROTECT_GPA_RANGE:
	case WHIT_CALL_UNMAP_GPA_RANGE: return do_range(fake.last[2], result);
	case WHIT_CALL_MAP_GPA_LIST: return list(result);
	case WHIT_CALL_QUERY_DIRTY: return dirty(result);
	case WHIT_CALL_READ_GPA_RANGE:
	case WHIT_CALL_WRITE_GPA_RANGE: return gpa_access(code, platform_at(fake.last[2], 40));
	case WHIT_CALL_TRANSLATE_GVA:
		result->rdx = 2;
		result->r8 = fake.last[2] + 0x1000;
		return 0;
	case WHIT_CALL_TRANSLATE_GVAS:
		return translations(platform_at(fake.last[2], 32 * fake.last[3]));
	case WHIT_CALL_CREATE_VP:
		if (fake.last[1])
			return (uint32_t)E_INVALIDARG;
		fake.page = platform_at(fake.last[3], 4096);
		return 0;
	case WHIT_CALL_GET_REGISTERS:
	case WHIT_CALL_SET_REGISTERS: return registers(code, result);
	case WHIT_CALL_RUN_VP:
		memset(fake.page->exit, 0xa5, sizeof(fake.page->exit));
		memcpy(fake.page->exit, &fake.exit_reason, 4);
		return 0;
	default: CHECK(!"a call that exists"); return WHIT_E_UNKNOWN_CALL;
	}
}

static uint32_t fake_call(uint64_t code, const uint64_t parameters[5],
			  struct hypercall_result *result)
{
	memcpy(fake.last, parameters, sizeof(fake.last));
	return call(code, result);
}

static void reset(void)
{
	memset(&fake, 0, sizeof(fake));
	platform_reset();
}

static WHV_PARTITION_HANDLE create(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	reset();
	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK_EQ(WHvSetupPartition(partition), S_OK);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0), S_OK);
	return partition;
}

static void destroy(WHV_PARTITION_HANDLE partition)
{
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
	CHECK_EQ(platform.n_pages_out, 0);
}

static void lib_refuses_bad_handles_and_pointers(void)
{
	static uint64_t page[512] __attribute__((aligned(4096)));
	WHV_PARTITION_HANDLE bad[] = { NULL, page, (uint8_t *)page + 8 };
	WHV_PARTITION_HANDLE partition = create();
	WHV_REGISTER_NAME name = WHvX64RegisterRax;
	WHV_TRANSLATE_GVA_RESULT translated;
	WHV_RUN_VP_EXIT_CONTEXT context;
	WHV_REGISTER_VALUE value;
	uint64_t gpa;
	UINT32 n;

	fake.n_calls = 0;
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(WHvSetupPartition(bad[i]), E_INVALIDARG);
		CHECK_EQ(WHvDeletePartition(bad[i]), E_INVALIDARG);
		CHECK_EQ(WHvGetPartitionProperty(bad[i], 1, &gpa, 8, &n), E_INVALIDARG);
		CHECK_EQ(WHvSetPartitionProperty(bad[i], 1, &gpa, 8), E_INVALIDARG);
		CHECK_EQ(WHvMapGpaRange(bad[i], page, 0, 4096, 7), E_INVALIDARG);
		CHECK_EQ(WHvUnmapGpaRange(bad[i], 0, 4096), E_INVALIDARG);
		CHECK_EQ(WHvTranslateGva(bad[i], 0, 0, 0, &translated, &gpa), E_INVALIDARG);
		CHECK_EQ(WHvCreateVirtualProcessor(bad[i], 0, 0), E_INVALIDARG);
		CHECK_EQ(WHvDeleteVirtualProcessor(bad[i], 0), E_INVALIDARG);
		CHECK_EQ(WHvRunVirtualProcessor(bad[i], 0, &context, sizeof(context)),
			 E_INVALIDARG);
		CHECK_EQ(WHvCancelRunVirtualProcessor(bad[i], 0, 0), E_INVALIDARG);
		CHECK_EQ(WHvGetVirtualProcessorRegisters(bad[i], 0, &name, 1, &value),
			 E_INVALIDARG);
		CHECK_EQ(WHvSetVirtualProcessorRegisters(bad[i], 0, &name, 1, &value),
			 E_INVALIDARG);
		CHECK(!WhitVpPage(bad[i], 0));
	}
	CHECK_EQ(WHvCreatePartition(NULL), E_POINTER);
	CHECK_EQ(WHvGetCapability(0, NULL, 8, &n), E_POINTER);
	CHECK_EQ(WHvGetPartitionProperty(partition, 1, NULL, 8, &n), E_POINTER);
	CHECK_EQ(WHvSetPartitionProperty(partition, 1, NULL, 8), E_POINTER);
	CHECK_EQ(WHvMapGpaRange(partition, NULL, 0, 4096, 7), E_POINTER);
	CHECK_EQ(WHvTranslateGva(partition, 0, 0, 0, NULL, &gpa), E_POINTER);
	CHECK_EQ(WHvTranslateGva(partition, 0, 0, 0, &translated, NULL), E_POINTER);
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, NULL, 224), E_POINTER);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(partition, 0, NULL, 1, &value), E_POINTER);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(partition, 0, &name, 1, NULL), E_POINTER);
	CHECK_EQ(WHvRunVirtualProcessor(partition, 1, &context, 224), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvRunVirtualProcessor(partition, ~0u, &context, 224), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(partition, 1, &name, 1, &value),
		 WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(fake.n_calls, 0);
	destroy(partition);
}

static void lib_lends_until_the_call_is_done(void)
{
	WHV_PARTITION_HANDLE partition = create();
	static uint8_t source[4096] __attribute__((aligned(4096)));
	uint64_t before = fake.n_lent;

	fake.wants_pages = (unsigned int)before + 1;
	CHECK_EQ(WHvMapGpaRange(partition, source, 0, 4096, 7), S_OK);
	CHECK(fake.n_lent > before);
	fake.wants_pages = 60000; /* more than one loan may be */
	CHECK_EQ(WHvMapGpaRange(partition, source, 0, 4096, 7), S_OK);
	CHECK(fake.n_lent >= 60000);
	CHECK_EQ(platform.n_pages_out, fake.n_lent + 2);
	destroy(partition);
}

static void lib_creates_with_as_many_pages_as_it_takes(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	reset();
	fake.wants_pages = 100;
	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK(fake.n_lent >= 100);
	destroy(partition);
}

static void lib_has_everything_back_when_memory_fails(void)
{
	for (int n = 0; n < 6; n++) {
		WHV_PARTITION_HANDLE partition = NULL;
		HRESULT hr;

		reset();
		fake.wants_pages = 40;
		platform.is_limited = true;
		platform.allocations_left = (unsigned int)n;
		hr = WHvCreatePartition(&partition);
		if (SUCCEEDED(hr)) {
			fake.wants_pages = 400;
			hr = WHvCreateVirtualProcessor(partition, 0, 0);
			fake.wants_pages = 0;
			CHECK(SUCCEEDED(hr) || hr == E_OUTOFMEMORY);
			CHECK_EQ(WHvDeletePartition(partition), S_OK);
		} else {
			CHECK_EQ(hr, E_OUTOFMEMORY);
		}
		CHECK_EQ(platform.n_pages_out, 0);
	}
	platform.is_limited = false;
}

static void lib_gives_up_when_the_loan_is_refused(void)
{
	static uint8_t source[4096] __attribute__((aligned(4096)));
	WHV_PARTITION_HANDLE partition = create();
	uint64_t before = platform.n_pages_out;

	fake.wants_pages = 1000;
	fake.lend_fails = true;
	CHECK_EQ(WHvMapGpaRange(partition, source, 0, 4096, 7), E_OUTOFMEMORY);
	CHECK_EQ(platform.n_pages_out, before);
	fake.wants_pages = 0;
	destroy(partition);
}

/* What has been lent of a loan that fails on the way is the hypervisor's: it goes back with the partition, not before. */
static void lib_keeps_a_loan_that_ends_in_the_middle(void)
{
	static uint8_t source[4096] __attribute__((aligned(4096)));
	WHV_PARTITION_HANDLE partition = create();
	const uint64_t before = platform.n_pages_out, lent = fake.n_lent;

	fake.wants_pages = 3000;
	fake.n_lends_left = 3; /* two parts, and no more */
	CHECK_EQ(WHvMapGpaRange(partition, source, 0, 4096, 7), E_OUTOFMEMORY);
	CHECK_EQ(fake.n_lent, lent + 2 * LEND_AT_ONCE);
	CHECK(platform.n_pages_out >= before + fake.n_lent - lent);
	fake.wants_pages = 0;
	destroy(partition);
	CHECK_EQ(platform.n_pages_out, 0);
}

static void lib_repeats_what_is_interrupted(void)
{
	WHV_PARTITION_HANDLE partition = create();
	WHV_RUN_VP_EXIT_CONTEXT context;

	fake.n_again = 5;
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, &context, sizeof(context)), S_OK);
	CHECK_EQ(platform.n_taken, 5);
	fake.n_again = 3;
	destroy(partition);
	CHECK_EQ(platform.n_taken, 8);
}

static void lib_does_ranges_to_their_end(void)
{
	static uint8_t source[16 * 4096] __attribute__((aligned(4096)));
	WHV_PARTITION_HANDLE partition = create();

	fake.piece = 3 * 4096;
	CHECK_EQ(WHvMapGpaRange(partition, source, 0x100000, sizeof(source), 7), S_OK);
	CHECK_EQ(fake.mapped_until, sizeof(source));
	CHECK_EQ(fake.last[1], (uintptr_t)source + 15 * 4096);
	CHECK_EQ(fake.last[2], 0x100000 + 15 * 4096);
	CHECK_EQ(fake.last[3], 4096);
	fake.mapped_until = 0;
	CHECK_EQ(WHvUnmapGpaRange(partition, 0x100000, sizeof(source)), S_OK);
	CHECK_EQ(fake.mapped_until, sizeof(source));
	destroy(partition);
}

static void lib_does_lists_to_their_end(void)
{
	static WHIT_MEMORY_EXTENT extents[300];
	WHV_PARTITION_HANDLE partition = create();
	uint64_t at_byte = 0x10000;

	for (unsigned int i = 0; i < 300; i++) {
		extents[i].SourceAddress = (void *)(uintptr_t)at_byte;
		extents[i].SizeInBytes = 4096 * (1 + i % 5);
		at_byte += extents[i].SizeInBytes;
	}
	for (uint64_t piece = 1; piece < 40; piece += 6) {
		fake.piece = piece * 4096;
		fake.mapped_until = 0x10000;
		CHECK_EQ(WhitMapGpaList(partition, 0x40000000, extents, 300, 3), S_OK);
		CHECK_EQ(fake.mapped_until, at_byte);
	}
	fake.n_calls = 0;
	extents[299].SizeInBytes += 8;
	CHECK_EQ(WhitMapGpaList(partition, 0x40000000, extents, 300, 3), E_INVALIDARG);
	extents[299].SizeInBytes = 0;
	CHECK_EQ(WhitMapGpaList(partition, 0x40000000, extents, 300, 3), E_INVALIDARG);
	CHECK_EQ(WhitMapGpaList(partition, 0x40000000, extents, 0, 3), E_INVALIDARG);
	CHECK_EQ(WhitMapGpaList(partition, 0x40000000, NULL, 1, 3), E_POINTER);
	CHECK_EQ(WhitMapGpaList(NULL, 0x40000000, extents, 1, 3), E_INVALIDARG);
	CHECK_EQ(WhitProtectGpaRange(NULL, 0x40000000, 4096, 3), E_INVALIDARG);
	CHECK_EQ(fake.n_calls, 0);
	fake.mapped_until = 0;
	CHECK_EQ(WhitProtectGpaRange(partition, 0x40000000, 1000 * 4096, 3), S_OK);
	CHECK_EQ(fake.mapped_until, 1000 * 4096);
	destroy(partition);
}

static void lib_gathers_dirty_bits(void)
{
	static uint64_t words[200];
	WHV_PARTITION_HANDLE partition = create();

	memset(words, 0xff, sizeof(words));
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(partition, 0, 9001 * 4096ull, words, sizeof(words)),
		 S_OK);
	CHECK_EQ(fake.n_cleared, 9001);
	for (unsigned int i = 0; i < 200 * 64; i++)
		CHECK_EQ(words[i / 64] >> i % 64 & 1, i < 9001 ? !(i % 7) : i >= 9024);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(partition, 0, 9001 * 4096ull, NULL, 0), S_OK);
	CHECK_EQ(fake.n_cleared, 2 * 9001);
	/* Nothing is taken back if it goes wrong in the end. */
	fake.query_fails = true;
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(partition, 0, 10001 * 4096ull, words, sizeof(words)),
		 WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(fake.n_cleared, 2 * 9001);
	fake.n_calls = 0;
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(partition, 0, 4096, words, 12), E_INVALIDARG);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(partition, 0, 65 * 4096, words, 8),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(partition, 0, 4096, NULL, 8), E_POINTER);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(NULL, 0, 4096, words, 8), E_INVALIDARG);
	CHECK_EQ(fake.n_calls, 0);
	destroy(partition);
}

static void lib_moves_bytes_and_gives_advice(void)
{
	const WHV_ACCESS_GPA_CONTROLS controls = { .CacheType = WHvCacheTypeWriteBack };
	WHV_ADVISE_GPA_RANGE_POPULATE populate = { .Flags = { .AsUINT32 = 2 }, .AccessType = 1 };
	const WHV_MEMORY_RANGE_ENTRY ranges[2] = { { 0, 10 * 4096 }, { 0x100000, 4096 } };
	WHV_PARTITION_HANDLE partition = create();
	uint8_t data[17] = { 5, 6, 7, 8 };

	CHECK_EQ(WHvWriteGpaRange(partition, 0, 5, controls, data, 4), S_OK);
	CHECK_EQ(WHvReadGpaRange(partition, 0, 9, controls, data, 3), S_OK);
	CHECK(data[0] == 9 && data[1] == 10 && data[2] == 11 && data[3] == 8);
	CHECK_EQ(WHvReadGpaRange(partition, 0, 9, controls, data, 17), E_INVALIDARG);
	CHECK_EQ(WHvWriteGpaRange(partition, 0, 9, controls, data, 17), E_INVALIDARG);
	CHECK_EQ(WHvReadGpaRange(partition, 0, 9, controls, NULL, 1), E_POINTER);
	CHECK_EQ(WHvWriteGpaRange(partition, 0, 9, controls, NULL, 1), E_POINTER);
	CHECK_EQ(WHvReadGpaRange(NULL, 0, 9, controls, data, 1), E_INVALIDARG);
	CHECK_EQ(WHvWriteGpaRange(NULL, 0, 9, controls, data, 1), E_INVALIDARG);
	fake.mapped_until = 0;
	fake.piece = 3 * 4096;
	CHECK_EQ(WHvAdviseGpaRange(partition, ranges, 2, WHvAdviseGpaRangeCodePopulate, &populate,
				   8),
		 S_OK);
	CHECK_EQ(fake.mapped_until, 11 * 4096);
	CHECK_EQ(fake.last[4], 1ull << 32 | 2);
	CHECK_EQ(WHvAdviseGpaRange(partition, ranges, 1, WHvAdviseGpaRangeCodePin, NULL, 0), S_OK);
	CHECK_EQ(WHvAdviseGpaRange(partition, ranges, 1, WHvAdviseGpaRangeCodePin, &populate, 8),
		 E_INVALIDARG);
	CHECK_EQ(WHvAdviseGpaRange(partition, ranges, 1, WHvAdviseGpaRangeCodePopulate, NULL, 0),
		 E_INVALIDARG);
	CHECK_EQ(WHvAdviseGpaRange(partition, ranges, 0, WHvAdviseGpaRangeCodePin, NULL, 0),
		 E_INVALIDARG);
	CHECK_EQ(WHvAdviseGpaRange(partition, NULL, 1, WHvAdviseGpaRangeCodePin, NULL, 0),
		 E_POINTER);
	CHECK_EQ(WHvMapGpaRange2(partition, data, data, 0, 4096, 1), E_INVALIDARG);
	CHECK_EQ(WHvMapGpaRange2(partition, NULL, data, 0, 4096, 1), S_OK);
	destroy(partition);
}

static void lib_values_fit_the_buffer_or_are_refused(void)
{
	WHV_PARTITION_HANDLE partition = create();
	uint8_t buffer[33];
	UINT32 written;

	memset(buffer, 0xcc, sizeof(buffer));
	CHECK_EQ(WHvGetCapability(1, buffer + 1, 8, &written), S_OK);
	CHECK_EQ(written, 8);
	CHECK_EQ(buffer[8], 0x11);
	CHECK_EQ(buffer[9], 0xcc);
	CHECK_EQ(WHvGetCapability(1, buffer, 8, NULL), S_OK);
	CHECK_EQ(WHvGetCapability(0x1006, buffer, 8, &written), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(written, 24);
	CHECK_EQ(WHvGetCapability(0x999, buffer, 32, &written), WHV_E_UNKNOWN_CAPABILITY);
	memset(buffer, 0xcc, sizeof(buffer));
	CHECK_EQ(WHvGetPartitionProperty(partition, 0x1fff, buffer, 32, &written), S_OK);
	CHECK_EQ(written, 4);
	CHECK_EQ(buffer[3], 0x11);
	CHECK_EQ(buffer[4], 0xcc);
	CHECK_EQ(WHvGetPartitionProperty(partition, 0x1fff, buffer, 3, &written),
		 WHV_E_INSUFFICIENT_BUFFER);
	destroy(partition);
}

static void lib_says_that_there_is_no_hypervisor(void)
{
	WHV_PARTITION_HANDLE partition = NULL;
	UINT32 present = 7, written = 0;

	reset();
	platform.has_no_whit = true;
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeHypervisorPresent, &present, 4, &written), S_OK);
	CHECK_EQ(present, 0);
	CHECK_EQ(written, 4);
	CHECK_EQ((UINT32)WHvCreatePartition(&partition), 0xc0351000);
	CHECK_EQ(fake.n_calls, 0);
}

static void lib_exit_records_have_the_size_that_exits_can_need(void)
{
	WHV_PARTITION_HANDLE partition = create();
	UINT32 emulation = WHIT_EMULATE_PORTS;
	uint8_t buffer[240];

	fake.n_calls = 0;
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, buffer, 1), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, buffer, 143), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(fake.n_calls, 0);
	memset(buffer, 0, sizeof(buffer));
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, buffer + 3, 144), S_OK);
	CHECK_EQ(buffer[3 + 143], 0xa5);
	CHECK_EQ(buffer[3 + 144], 0);
	CHECK_EQ(WHvSetPartitionProperty(partition, WhitPartitionPropertyCodeEmulation, &emulation,
					 4),
		 S_OK);
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, buffer, 144), WHV_E_INSUFFICIENT_BUFFER);
	memset(buffer, 0, sizeof(buffer));
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, buffer, 224), S_OK);
	CHECK_EQ(buffer[175], 0xa5);
	CHECK_EQ(buffer[176], 0);
	/* In place. */
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, fake.page->exit, 224), S_OK);
	destroy(partition);
}

/* The call that finds the VP asleep is made once more with interrupts held; each wake makes one. */
static void lib_sleeps_while_the_vp_does(void)
{
	WHV_PARTITION_HANDLE partition = create();
	WHV_RUN_VP_EXIT_CONTEXT context;

	for (unsigned int n = 0; n < 4; n++) {
		fake.n_calls = platform.n_waits = platform.n_taken = 0;
		fake.n_idle = n;
		CHECK_EQ(WHvRunVirtualProcessor(partition, 0, &context, sizeof(context)), S_OK);
		CHECK_EQ(fake.n_calls, n + 1);
		CHECK_EQ(platform.n_waits, n ? n - 1 : 0);
		CHECK_EQ(platform.deadline, n > 1 ? IDLE_UNTIL : 0);
		CHECK_EQ(platform.n_taken, 0);
		CHECK_EQ(platform.held, 0);
	}
	/* Interrupted on the way to sleep, and short of memory behind it. */
	fake.n_calls = platform.n_waits = platform.n_taken = 0;
	fake.n_again = 3;
	fake.n_idle = 2;
	fake.wants_pages = (unsigned int)fake.n_lent + 5;
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, &context, sizeof(context)), S_OK);
	CHECK_EQ(platform.n_taken, 3);
	CHECK_EQ(platform.n_waits, 1);
	CHECK_EQ(platform.held, 0);
	destroy(partition);
}

static void lib_reads_the_shared_page(void)
{
	WHV_PARTITION_HANDLE partition = create();
	const WHV_REGISTER_NAME names[] = { WHvX64RegisterRip, WHvX64RegisterRax, WHvX64RegisterCs,
					    WHvX64RegisterRflags };
	WHV_REGISTER_VALUE values[4];

	fake.page->valid =
		WHIT_PAGE_GPRS | WHIT_PAGE_RIP | WHIT_PAGE_RFLAGS | 1u << WHvX64RegisterCs;
	fake.page->gpr[0] = 11;
	fake.page->rip = 22;
	fake.page->rflags = 33;
	fake.page->segment[1].selector = 44;
	fake.n_calls = 0;
	memset(values, 0xff, sizeof(values));
	CHECK_EQ(WHvGetVirtualProcessorRegisters(partition, 0, names, 4, values), S_OK);
	CHECK_EQ(fake.n_calls, 0);
	CHECK_EQ(values[0].Reg64, 22);
	CHECK_EQ(values[0].Reg128.High64, 0);
	CHECK_EQ(values[1].Reg64, 11);
	CHECK_EQ(values[2].Segment.Selector, 44);
	CHECK_EQ(values[3].Reg64, 33);
	fake.page->valid = 0;
	CHECK_EQ(WHvGetVirtualProcessorRegisters(partition, 0, names, 4, values), S_OK);
	CHECK_EQ(fake.n_calls, 1);
	CHECK_EQ(values[0].Reg64, WHvX64RegisterRip * 3);
	CHECK_EQ(values[0].Reg128.High64, 7);
	destroy(partition);
}

static void lib_writes_the_shared_page(void)
{
	WHV_PARTITION_HANDLE partition = create();
	WHV_REGISTER_NAME names[] = { WHvX64RegisterRcx, WHvX64RegisterRip, WHvX64RegisterCs };
	WHV_REGISTER_VALUE values[3];

	for (unsigned int i = 0; i < 3; i++)
		values[i].Reg128 = (WHV_UINT128) { .Low64 = names[i] * 5ull };
	fake.n_calls = 0;
	CHECK_EQ(WHvSetVirtualProcessorRegisters(partition, 0, names, 2, values), S_OK);
	CHECK_EQ(fake.n_calls, 0);
	CHECK_EQ(fake.page->dirty, 1u << 1 | WHIT_PAGE_RIP);
	CHECK_EQ(fake.page->gpr[1], 5);
	CHECK_EQ(fake.page->rip, WHvX64RegisterRip * 5);
	/* From the first that is not in the page on. */
	CHECK_EQ(WHvSetVirtualProcessorRegisters(partition, 0, names, 3, values), S_OK);
	CHECK_EQ(fake.n_calls, 1);
	CHECK_EQ(fake.last[3], 1);
	CHECK_EQ(fake.last_names[0], WHvX64RegisterCs);
	destroy(partition);
}

static void lib_answers_devices_in_the_shared_page(void)
{
	WHV_PARTITION_HANDLE partition = create();
	WHV_REGISTER_NAME names[2] = { (WHV_REGISTER_NAME)WhitRegisterDeviceData0,
				       (WHV_REGISTER_NAME)(WhitRegisterDeviceData0 + 6) };
	struct whit_device_access *access = WhitPageAccess(fake.page);
	WHV_RUN_VP_EXIT_CONTEXT context;
	WHV_REGISTER_VALUE values[2];

	for (unsigned int i = 0; i < 2; i++)
		values[i].Reg128 = (WHV_UINT128) { .Low64 = names[i] * 5ull, .High64 = i };
	/* No device waits: the hypervisor is to say so. */
	fake.n_calls = 0;
	CHECK_EQ(WHvSetVirtualProcessorRegisters(partition, 0, names, 1, values), S_OK);
	CHECK_EQ(fake.n_calls, 1);
	CHECK_EQ(fake.page->device_answered, 0);
	fake.exit_reason = WhitRunVpExitReasonDeviceAccess;
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, &context, sizeof(context)), S_OK);
	fake.n_calls = 0;
	CHECK_EQ(WHvSetVirtualProcessorRegisters(partition, 0, names, 2, values), S_OK);
	CHECK_EQ(fake.n_calls, 0);
	CHECK_EQ(fake.page->device_answered, 1);
	CHECK(!memcmp(access->data, &values[0], 16));
	CHECK(!memcmp(access->data + 96, &values[1], 16));
	destroy(partition);
}

static void lib_splits_and_aligns_long_lists(void)
{
	static uint8_t raw_names[4 * 300 + 8] __attribute__((aligned(16)));
	static uint8_t raw_values[16 * 300 + 16] __attribute__((aligned(16)));
	WHV_PARTITION_HANDLE partition = create();

	for (unsigned int shift = 0; shift < 2; shift++) {
		/* Of types that can stand anywhere, as they come from other languages. */
		uint8_t *names = raw_names + 4 * shift, *values = raw_values + shift;
		HRESULT(*get)
		(WHV_PARTITION_HANDLE, UINT32, const void *, UINT32, void *) =
			(HRESULT(*)(WHV_PARTITION_HANDLE, UINT32, const void *, UINT32,
				    void *))WHvGetVirtualProcessorRegisters;

		for (uint32_t i = 0; i < 300; i++) {
			uint32_t name = 0x1000 + i;

			memcpy(names + 4 * i, &name, 4);
		}
		memset(values, 0, 16 * 300);
		fake.n_calls = 0;
		CHECK_EQ(get(partition, 0, names, 300, values), S_OK);
		CHECK_EQ(fake.n_calls, 3);
		for (uint32_t i = 0; i < 300; i++) {
			uint64_t value;

			memcpy(&value, values + 16 * i, 8);
			CHECK_EQ(value, (0x1000 + i) * 3);
		}
	}
	destroy(partition);
}

static void lib_functions_that_are_pending_say_so(void)
{
	CHECK_EQ(WHvStartPartitionMigration(NULL, NULL), E_NOTIMPL);
	CHECK_EQ(WHvDeleteTrigger(NULL, NULL), E_NOTIMPL);
	CHECK_EQ(WHvPostVirtualProcessorSynicMessage(NULL, 0, 0, NULL, 0), E_NOTIMPL);
}

static void lib_translates(void)
{
	WHV_PARTITION_HANDLE partition = create();
	WHV_TRANSLATE_GVA_RESULT result = { .Reserved = 9 };
	uint64_t gpa = 0;

	CHECK_EQ(WHvTranslateGva(partition, 0, 0x5678, 3, &result, &gpa), S_OK);
	CHECK_EQ(result.ResultCode, 2);
	CHECK_EQ(result.Reserved, 0);
	CHECK_EQ(gpa, 0x6678);
	destroy(partition);
}

static void lib_splits_lists_of_translations(void)
{
	static struct whit_translation space[401];
	WHV_PARTITION_HANDLE partition = create();

	for (unsigned int shift = 0; shift < 8; shift += 4) {
		struct whit_translation *records = (void *)((uint8_t *)space + shift);

		for (UINT32 i = 0; i < 400; i++) {
			struct whit_translation record = { .gva = i * 12345 };

			memcpy((uint8_t *)records + i * 32, &record, 32);
		}
		fake.n_calls = 0;
		CHECK_EQ(WhitTranslateGvas(partition, 0, 1, records, 400), S_OK);
		CHECK_EQ(fake.n_calls, 4);
		for (UINT32 i = 0; i < 400; i++) {
			struct whit_translation record;

			memcpy(&record, (uint8_t *)records + i * 32, 32);
			CHECK_EQ(record.gva, i * 12345);
			CHECK_EQ(record.gpa, i * 12345 + 1);
			CHECK_EQ(record.level, 3);
		}
		CHECK_EQ(WhitTranslateGvas(partition, 0, WHIT_TRANSLATE_RUN, records, 400), S_OK);
		for (UINT32 i = 0; i < 400; i++) {
			struct whit_translation record;

			memcpy(&record, (uint8_t *)records + i * 32, 32);
			CHECK_EQ(record.gva, i * 4096);
		}
	}
	CHECK_EQ(WhitTranslateGvas(partition, 9, 1, space, 1), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WhitTranslateGvas(partition, 0, 1, space, 0), S_OK);
	CHECK_EQ(WhitTranslateGvas(partition, 0, 1, NULL, 1), E_POINTER);
	CHECK_EQ(WhitTranslateGvas(NULL, 0, 1, space, 1), E_INVALIDARG);
	destroy(partition);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(lib_says_that_there_is_no_hypervisor),
		TEST(lib_refuses_bad_handles_and_pointers),
		TEST(lib_lends_until_the_call_is_done),
		TEST(lib_creates_with_as_many_pages_as_it_takes),
		TEST(lib_has_everything_back_when_memory_fails),
		TEST(lib_gives_up_when_the_loan_is_refused),
		TEST(lib_keeps_a_loan_that_ends_in_the_middle),
		TEST(lib_repeats_what_is_interrupted),
		TEST(lib_does_ranges_to_their_end),
		TEST(lib_does_lists_to_their_end),
		TEST(lib_gathers_dirty_bits),
		TEST(lib_moves_bytes_and_gives_advice),
		TEST(lib_values_fit_the_buffer_or_are_refused),
		TEST(lib_exit_records_have_the_size_that_exits_can_need),
		TEST(lib_sleeps_while_the_vp_does),
		TEST(lib_reads_the_shared_page),
		TEST(lib_writes_the_shared_page),
		TEST(lib_answers_devices_in_the_shared_page),
		TEST(lib_splits_and_aligns_long_lists),
		TEST(lib_functions_that_are_pending_say_so),
		TEST(lib_translates),
		TEST(lib_splits_lists_of_translations),
	};

	/* First: who has found Whit once does not ask again. */
	return RUN(tests);
}
