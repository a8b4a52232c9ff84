/* SPDX-License-Identifier: MIT */
/*
 * Partition properties. Whit has those of the table below; every other one that WHP knows is answered
 * as an unknown property, so that a client never believes in something that has no effect.
 */
#include "hv/buffer.h"
#include "hv/hv.h"
#include "hv/partition.h"
#include "whp/WinHvPlatformDefs.h"

/* Changeable after WHvSetupPartition, while no VP runs; else before it only. */
#define LATE true

#define EXTENDED_EXITS_SUPPORTED 0x1ull /* X64CpuidExit */

struct property {
	uint32_t code;
	uint8_t size; /* of the scalar; 0: a list */
	bool is_late;
	/* Scalars: false if the value is refused. */
	uint64_t (*get)(const struct properties *properties);
	bool (*set)(struct properties *properties, uint64_t value);
};

static uint64_t get_processor_count(const struct properties *properties)
{
	return properties->processor_count;
}

static bool set_processor_count(struct properties *properties, uint64_t value)
{
	if (!value || value > WHIT_MAX_VPS)
		return false;
	properties->processor_count = (uint32_t)value;
	return true;
}

static uint64_t get_extended_exits(const struct properties *properties)
{
	return properties->extended_exits;
}

static bool set_extended_exits(struct properties *properties, uint64_t value)
{
	if (value & ~EXTENDED_EXITS_SUPPORTED)
		return false;
	properties->extended_exits = value;
	return true;
}

static uint64_t get_apic_mode(const struct properties *properties)
{
	(void)properties;
	return WHvX64LocalApicEmulationModeNone;
}

static bool set_apic_mode(struct properties *properties, uint64_t value)
{
	(void)properties;
	return value == WHvX64LocalApicEmulationModeNone;
}

static uint64_t get_emulation(const struct properties *properties)
{
	return properties->emulation;
}

static bool set_emulation(struct properties *properties, uint64_t value)
{
	if (value & ~(uint64_t)(WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY))
		return false;
	properties->emulation = (uint32_t)value;
	return true;
}

static const struct property table[] = {
	{ WHvPartitionPropertyCodeExtendedVmExits, 8, LATE, get_extended_exits,
	  set_extended_exits },
	{ WHvPartitionPropertyCodeCpuidExitList, 0, LATE, NULL, NULL },
	{ WHvPartitionPropertyCodeLocalApicEmulationMode, 4, false, get_apic_mode, set_apic_mode },
	{ WHvPartitionPropertyCodeProcessorCount, 4, false, get_processor_count,
	  set_processor_count },
	{ WhitPartitionPropertyCodeEmulation, 4, false, get_emulation, set_emulation },
};

static const struct property *find(uint64_t code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

uint32_t property_get(const struct partition *partition, uint64_t code, uint64_t buffer,
		      uint64_t n_bytes, uint64_t *written)
{
	const struct property *property = find(code);
	uint64_t value;

	if (code == WHvPartitionPropertyCodeCpuidExitList ||
	    code == WHvPartitionPropertyCodeCpuidResultList)
		return RESULT(HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED));
	if (!property)
		return RESULT(WHV_E_UNKNOWN_PROPERTY);
	if (n_bytes < property->size) {
		*written = property->size;
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	}
	value = property->get(&partition->properties);
	if (!buffer_write(buffer, &value, property->size))
		return RESULT(E_POINTER);
	*written = property->size;
	return RESULT(S_OK);
}

static uint32_t set_cpuid_exits(struct partition *partition, uint64_t buffer, uint64_t n_bytes)
{
	uint32_t leaves[PARTITION_MAX_CPUID_EXITS] = { 0 };
	struct properties *properties = &partition->properties;

	if (n_bytes % sizeof(leaves[0]) || n_bytes > sizeof(leaves))
		return RESULT(E_INVALIDARG);
	if (!buffer_read(buffer, leaves, n_bytes))
		return RESULT(E_POINTER);
	properties->n_cpuid_exits = (uint32_t)(n_bytes / sizeof(leaves[0]));
	for (unsigned int i = 0; i < PARTITION_MAX_CPUID_EXITS; i++)
		properties->cpuid_exits[i] = leaves[i];
	return RESULT(S_OK);
}

uint32_t property_set(struct partition *partition, uint64_t code, uint64_t buffer, uint64_t n_bytes)
{
	const struct property *property = find(code);
	uint64_t value = 0;

	if (!property)
		return RESULT(WHV_E_UNKNOWN_PROPERTY);
	if (partition->is_set_up && !property->is_late)
		return RESULT(E_INVALIDARG);
	if (!property->size)
		return set_cpuid_exits(partition, buffer, n_bytes);
	if (n_bytes < property->size)
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	if (!buffer_read(buffer, &value, property->size))
		return RESULT(E_POINTER);
	return property->set(&partition->properties, value) ? RESULT(S_OK) : RESULT(E_INVALIDARG);
}
