/* SPDX-License-Identifier: MIT */
/*
 * Partition properties: a table with a row for each, and the lists. A property that could have no
 * effect under Whit takes only the value that asks for nothing, so that a client never relies on
 * it: there is no scheduler to reserve or cap anything, no nested virtualisation, no Hyper-V
 * interface for guests. A property that holds anyway is accepted: a weight among VPs between which
 * the hypervisor never chooses, or the absence of sibling threads.
 */
#include "hv/call/property.h"

#include <string.h>

#include "hv/mem/buffer.h"
#include "hv/mem/gpa.h"
#include "hv/call/capability.h"
#include "hv/hv.h"
#include "hv/partition.h"
#include "hv/cpu/time.h"
#include "hv/vp.h"
#include "hv/vp/vp.h"
#include "whp/WinHvPlatformDefs.h"

#define CPU_CAP_NONE	   0x10000u
#define CPU_WEIGHT_DEFAULT 100u
#define CPU_WEIGHT_MOST	   10000u
#define CLFLUSH_LEAST	   3u /* CPUID counts in 8 bytes */
#define PHYSICAL_LEAST	   32u

/* Changeable after WHvSetupPartition, while no VP runs; else before it only. */
#define LATE true

/* A value is legal if all its bits are of `most`, or if it lies from `least` to `most`. */
enum rule { BITS, FROM_TO };

struct property {
	uint32_t code;
	uint8_t size;	/* as WHP has it */
	uint8_t width;	/* in struct properties; 0: it is always `least` */
	uint16_t field; /* where there */
	bool is_late;
	uint8_t rule; /* enum rule */
	uint64_t least, most;
	uint64_t (*limit)(void); /* in place of `most`; with width 0, of both */
};

#define FIELD(name) sizeof(((struct properties *)0)->name), offsetof(struct properties, name)
#define NO_FIELD    0, 0
#define P(name)	    WHvPartitionPropertyCode##name

static uint64_t limit_features(void)
{
	return model_limit(0);
}

static uint64_t limit_xsave(void)
{
	return model_limit(MODEL_XSAVE_WORD);
}

static uint64_t limit_clflush(void)
{
	return model_clflush_size(model_most());
}

static uint64_t limit_physical(void)
{
	return virt_machine.physical_bits;
}

static uint64_t tsc_hz(void)
{
	return hv.tsc_hz;
}

/* clang-format off */
static const struct property table[] = {
	{ P(ExtendedVmExits), 8, FIELD(extended_exits), LATE, BITS, 0, CAPABILITY_EXITS, NULL },
	{ P(ExceptionExitBitmap), 8, FIELD(exception_exits), LATE, BITS, 0, CAPABILITY_EXCEPTIONS, NULL },
	{ P(SeparateSecurityDomain), 4, FIELD(separate_security_domain), false, FROM_TO, 0, 1, NULL },
	{ P(NestedVirtualization), 4, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(X64MsrExitBitmap), 8, FIELD(msr_exits), LATE, BITS, 0, CAPABILITY_MSRS, NULL },
	{ P(PrimaryNumaNode), 2, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(CpuReserve), 4, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(CpuCap), 4, FIELD(cpu_cap), false, BITS, 0, CPU_CAP_NONE, NULL },
	{ P(CpuWeight), 4, FIELD(cpu_weight), false, FROM_TO, 1, CPU_WEIGHT_MOST, NULL },
	{ P(CpuGroupId), 8, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(ProcessorFrequencyCap), 4, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(AllowDeviceAssignment), 4, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(DisableSmt), 4, FIELD(disable_smt), false, FROM_TO, 0, 1, NULL },
	{ P(ProcessorFeatures), 8, FIELD(features[0]), false, BITS, 0, 0, limit_features },
	{ P(ProcessorClFlushSize), 1, FIELD(clflush_size), false, FROM_TO, CLFLUSH_LEAST, 0, limit_clflush },
	{ P(LocalApicEmulationMode), 4, FIELD(apic_mode), false, FROM_TO, 0,
	  WHvX64LocalApicEmulationModeX2Apic, NULL },
	{ P(ProcessorXsaveFeatures), 8, FIELD(xsave_features), false, BITS, 0, 0, limit_xsave },
	{ P(ProcessorClockFrequency), 8, NO_FIELD, false, FROM_TO, 0, 0, tsc_hz },
	{ P(InterruptClockFrequency), 8, NO_FIELD, false, FROM_TO, APIC_CLOCK_HZ, APIC_CLOCK_HZ, NULL },
	{ P(ApicRemoteReadSupport), 4, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(ProcessorPerfmonFeatures), 8, NO_FIELD, false, BITS, 0, 0, NULL },
	{ P(UnimplementedMsrAction), 4, FIELD(unimplemented_msr), false, FROM_TO, 0, WHvMsrActionExit, NULL },
	{ P(PhysicalAddressWidth), 4, FIELD(physical_bits), false, FROM_TO, PHYSICAL_LEAST, 0,
	  limit_physical },
	{ P(ProcessorCount), 4, FIELD(processor_count), false, FROM_TO, 1, WHIT_MAX_VPS, NULL },
	{ WhitPartitionPropertyCodeEmulation, 4, FIELD(emulation), false, BITS, 0,
	  WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY, NULL },
	{ WhitPartitionPropertyCodeTurnExits, 4, FIELD(turn_exits), false, BITS, 0,
	  WHIT_TURN_HALT | WHIT_TURN_SPIN, NULL },
};
/* clang-format on */

static const struct property *find(uint64_t code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

void property_init(struct properties *properties)
{
	*properties = (struct properties) {
		.msr_exits = (WHV_X64_MSR_EXIT_BITMAP) { .UnhandledMsrs = 1 }.AsUINT64,
		.features = { model_limit(0), model_limit(1) },
		.xsave_features = limit_xsave(),
		.physical_bits = virt_machine.physical_bits,
		.clflush_size = (uint8_t)limit_clflush(),
		.cpu_weight = CPU_WEIGHT_DEFAULT,
		.cpu_cap = CPU_CAP_NONE,
	};
}

/* ---- Scalars ----------------------------------------------------------------------------- */

static uint64_t scalar(const struct properties *properties, const struct property *row)
{
	uint64_t value = 0;

	if (!row->width)
		return row->limit ? row->limit() : row->least;
	memcpy(&value, (const uint8_t *)properties + row->field, row->width);
	return value;
}

static bool is_legal(const struct property *row, uint64_t value)
{
	const uint64_t most = row->limit ? row->limit() : row->most;

	if (row->limit && !row->width)
		return value == most;
	return row->rule == BITS ? !(value & ~most) : value >= row->least && value <= most;
}

static uint32_t set_scalar(struct properties *properties, const struct property *row,
			   uint64_t buffer, uint64_t n_bytes)
{
	uint64_t value = 0;

	if (n_bytes < row->size)
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	if (!buffer_read(buffer, &value, row->size))
		return RESULT(E_POINTER);
	if (!is_legal(row, value))
		return RESULT(E_INVALIDARG);
	memcpy((uint8_t *)properties + row->field, &value, row->width);
	return RESULT(S_OK);
}

/* ---- Banks, and the time ----------------------------------------------------------------- */

/* A number of banks, four bytes of nothing, and the banks. */
struct banks {
	uint32_t count, reserved;
	uint64_t bank[WHV_PROCESSOR_FEATURES_BANKS_COUNT];
};

_Static_assert(sizeof(struct banks) == sizeof(WHV_PROCESSOR_FEATURES_BANKS), "the larger");

/* The wide value of a property without a row, and its size; 0: there is no such property. */
static uint64_t wide(const struct partition *partition, uint64_t code, struct banks *value)
{
	const struct properties *const properties = &partition->properties;

	*value = (struct banks) { 0 };
	switch (code) {
	case P(ProcessorFeaturesBanks):
		*value = (struct banks) { .count = WHV_PROCESSOR_FEATURES_BANKS_COUNT,
					  .bank = { properties->features[0],
						    properties->features[1] } };
		return sizeof(WHV_PROCESSOR_FEATURES_BANKS);
	case P(SyntheticProcessorFeaturesBanks):
		value->count = WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS_COUNT;
		return sizeof(WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS);
	case P(ReferenceTime): {
		const uint64_t time = time_reference(partition);

		memcpy(value, &time, sizeof(time));
		return sizeof(time);
	}
	default: return 0;
	}
}

static uint32_t set_wide(struct partition_locked held, uint64_t code, uint64_t size,
			 uint64_t buffer, uint64_t n_bytes)
{
	struct properties *const properties = &held.partition->properties;
	struct banks value = { 0 };
	uint64_t time;

	if (n_bytes < size)
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	if (!buffer_read(buffer, &value, size))
		return RESULT(E_POINTER);
	if (code == P(ReferenceTime)) {
		memcpy(&time, &value, sizeof(time));
		time_set_reference(held, time);
		return RESULT(S_OK);
	}
	if (value.reserved)
		return RESULT(E_INVALIDARG);
	if (code == P(SyntheticProcessorFeaturesBanks))
		return RESULT(value.count == WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS_COUNT &&
					      !value.bank[0]
				      ? S_OK
				      : E_INVALIDARG);
	if (value.count != WHV_PROCESSOR_FEATURES_BANKS_COUNT)
		return RESULT(E_INVALIDARG);
	for (unsigned int i = 0; i < WHV_PROCESSOR_FEATURES_BANKS_COUNT; i++)
		if (value.bank[i] & ~model_limit(i))
			return RESULT(E_INVALIDARG);
	memcpy(properties->features, value.bank, sizeof(value.bank));
	return RESULT(S_OK);
}

/* ---- Lists ------------------------------------------------------------------------------- */

/* Beside WHV_X64_CPUID_RESULT2_FLAGS: the entry is of CpuidResultList. */
#define RESULT_OF_FIRST_LIST 0x80000000u

static bool add_cpuid_exit(struct property_lists *lists, const void *from)
{
	memcpy(&lists->cpuid_exits[lists->n_cpuid_exits++], from, sizeof(uint32_t));
	return true;
}

static bool add_result(struct property_lists *lists, const struct cpuid_result *result)
{
	if (lists->n_cpuid_results == PARTITION_MAX_CPUID_RESULTS)
		return false;
	lists->cpuid_results[lists->n_cpuid_results++] = *result;
	return true;
}

static bool add_cpuid_result(struct property_lists *lists, const void *from)
{
	const WHV_X64_CPUID_RESULT *const given = from;
	const struct cpuid_result result = {
		.leaf = given->Function,
		.flags = RESULT_OF_FIRST_LIST,
		.value = { given->Eax, given->Ebx, given->Ecx, given->Edx },
		.mask = { ~0u, ~0u, ~0u, ~0u },
	};

	return add_result(lists, &result);
}

static bool add_cpuid_result2(struct property_lists *lists, const void *from)
{
	const WHV_X64_CPUID_RESULT2 *const given = from;
	const struct cpuid_result result = {
		.leaf = given->Function,
		.subleaf = given->Index,
		.vp = given->VpIndex,
		.flags = (uint32_t)given->Flags,
		.value = { given->Output.Eax, given->Output.Ebx, given->Output.Ecx,
			   given->Output.Edx },
		.mask = { given->Mask.Eax, given->Mask.Ebx, given->Mask.Ecx, given->Mask.Edx },
	};

	return !(result.flags & ~(uint32_t)(WHvX64CpuidResult2FlagSubleafSpecific |
					    WHvX64CpuidResult2FlagVpSpecific)) &&
	       add_result(lists, &result);
}

static bool add_msr_action(struct property_lists *lists, const void *from)
{
	const WHV_MSR_ACTION_ENTRY *const given = from;

	if (given->ReadAction > WHvMsrActionExit || given->WriteAction > WHvMsrActionExit ||
	    given->Reserved)
		return false;
	lists->msr_actions[lists->n_msr_actions++] =
		(struct msr_action) { given->Index, given->ReadAction, given->WriteAction };
	return true;
}

static const struct list {
	uint32_t code;
	uint16_t size, most; /* of an entry; entries */
	bool is_late;
	bool (*add)(struct property_lists *lists, const void *from);
} list_table[] = {
	{ P(CpuidExitList), sizeof(uint32_t), PARTITION_MAX_CPUID_EXITS, LATE, add_cpuid_exit },
	{ P(CpuidResultList), sizeof(WHV_X64_CPUID_RESULT), PARTITION_MAX_CPUID_RESULTS, false,
	  add_cpuid_result },
	{ P(CpuidResultList2), sizeof(WHV_X64_CPUID_RESULT2), PARTITION_MAX_CPUID_RESULTS, false,
	  add_cpuid_result2 },
	{ P(MsrActionList), sizeof(WHV_MSR_ACTION_ENTRY), PARTITION_MAX_MSR_ACTIONS, false,
	  add_msr_action },
};

static const struct list *find_list(uint64_t code)
{
	for (size_t i = 0; i < sizeof(list_table) / sizeof(list_table[0]); i++)
		if (list_table[i].code == code)
			return &list_table[i];
	return NULL;
}

/* Take out what the list has put there before. The two lists of results lie in one another. */
static void clear(struct property_lists *lists, uint32_t code)
{
	const uint32_t first = code == P(CpuidResultList) ? RESULT_OF_FIRST_LIST : 0;
	uint32_t n = 0;

	if (code == P(CpuidExitList)) {
		lists->n_cpuid_exits = 0;
	} else if (code == P(MsrActionList)) {
		lists->n_msr_actions = 0;
	} else {
		for (uint32_t i = 0; i < lists->n_cpuid_results; i++)
			if ((lists->cpuid_results[i].flags & RESULT_OF_FIRST_LIST) != first)
				lists->cpuid_results[n++] = lists->cpuid_results[i];
		lists->n_cpuid_results = n;
	}
}

static void give_back(struct partition_locked held, struct property_lists *lists)
{
	memset(lists, 0, PAGE_SIZE);
	virt_pages_give(&held.partition->pages, SPA((uintptr_t)lists - virt_direct_base));
}

void property_destroy(struct partition_locked held)
{
	if (held.partition->lists)
		give_back(held, held.partition->lists);
	held.partition->lists = NULL;
}

/* Into a page of its own, which takes the place of the one before if every entry is good. */
static uint32_t set_list(struct partition_locked held, const struct list *list, uint64_t buffer,
			 uint64_t n_bytes, uint64_t *needed)
{
	uint64_t entry[sizeof(WHV_X64_CPUID_RESULT2) / sizeof(uint64_t)];
	struct partition *const partition = held.partition;
	uint32_t result = RESULT(S_OK);
	struct property_lists *lists;
	spa_t page;

	if (n_bytes % list->size || n_bytes / list->size > list->most)
		return RESULT(E_INVALIDARG);
	result = partition_want(held, 1, needed);
	if (result != RESULT(S_OK))
		return result;
	if (!virt_pages_take(&partition->pages, &page))
		virt_panic("property_set: a page is missing");
	lists = virt_ptr(page);
	if (partition->lists)
		*lists = *partition->lists;
	clear(lists, list->code);
	for (uint64_t at = 0; at < n_bytes && result == RESULT(S_OK); at += list->size) {
		if (!buffer_read_part(buffer, at, entry, list->size))
			result = RESULT(E_POINTER);
		else if (!list->add(lists, entry))
			result = RESULT(E_INVALIDARG);
	}
	if (result == RESULT(S_OK)) {
		property_destroy(held);
		partition->lists = lists;
	} else {
		give_back(held, lists);
	}
	return result;
}

/* ---- The calls --------------------------------------------------------------------------- */

uint32_t property_get(struct partition_locked held, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes, uint64_t *written)
{
	const struct property *const row = find(code);
	struct banks value = { 0 };
	uint64_t size, word;

	if (find_list(code))
		return RESULT(HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED));
	if (row) {
		word = scalar(&held.partition->properties, row);
		memcpy(&value, &word, sizeof(word));
		size = row->size;
	} else {
		size = wide(held.partition, code, &value);
	}
	if (!size)
		return RESULT(WHV_E_UNKNOWN_PROPERTY);
	if (n_bytes < size) {
		*written = size;
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	}
	if (!buffer_write(buffer, &value, size))
		return RESULT(E_POINTER);
	*written = size;
	return RESULT(S_OK);
}

uint32_t property_set(struct partition_locked held, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes, uint64_t *needed)
{
	struct partition *const partition = held.partition;
	const struct property *const row = find(code);
	const struct list *const list = find_list(code);
	struct banks value;
	const uint64_t size = wide(partition, code, &value);
	const bool is_late = row ? row->is_late : list ? list->is_late : code == P(ReferenceTime);
	uint32_t result;

	if (!row && !list && !size)
		return RESULT(WHV_E_UNKNOWN_PROPERTY);
	if (partition->is_set_up && !is_late)
		return RESULT(E_INVALIDARG);
	gpa_close(held); /* VPs that run read properties, and their intercepts change */
	if (row)
		result = set_scalar(&partition->properties, row, buffer, n_bytes);
	else if (list)
		result = set_list(held, list, buffer, n_bytes, needed);
	else
		result = set_wide(held, code, size, buffer, n_bytes);
	for (uint32_t i = 0; result == RESULT(S_OK) && i < partition->properties.processor_count;
	     i++)
		if (partition->vps[i])
			vp_configure(held, partition->vps[i]);
	gpa_open(held);
	return result;
}
