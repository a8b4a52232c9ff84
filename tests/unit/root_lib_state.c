// SPDX-License-Identifier: MIT
/*
 * The library's functions for state, counters, time and reset, over a fake hypervisor that checks what it is given: a
 * buffer that is contiguous in the memory of the machine, whose pages lie anywhere, with a state of `n_state` bytes behind it.
 */
#include "tests/unit/root_platform.h"
#include "whit/whp_extension.h"

#define HANDLE_NUMBER 0x9876543210ull
#define RESET_PARTS   5u

static struct {
	uint32_t error;	  /* that the next calls return */
	uint64_t n_state; /* bytes of every state */
	uint8_t state[0x10000];
	unsigned int n_calls, n_resets;
	uint64_t code, value, type;
} fake;

static uint32_t state(uint64_t code, uint64_t at, uint64_t n, struct hypercall_result *result)
{
	if (n < fake.n_state) {
		result->rdx = fake.n_state;
		return (uint32_t)WHV_E_INSUFFICIENT_BUFFER;
	}
	if (code == WHIT_CALL_GET_VP_STATE) {
		memcpy(platform_at(at, n), fake.state, fake.n_state);
		result->rdx = fake.n_state;
	} else {
		memcpy(fake.state, platform_at(at, n), fake.n_state);
	}
	return 0;
}

static uint32_t counters(uint64_t set, uint64_t at, uint64_t n, struct hypercall_result *result)
{
	static const uint64_t bytes[] = { 16, 224, 24, 40, 48 };

	if (set > 4)
		return (uint32_t)WHV_E_UNKNOWN_PROPERTY;
	result->rdx = bytes[set];
	if (n < bytes[set])
		return (uint32_t)WHV_E_INSUFFICIENT_BUFFER;
	for (uint64_t i = 0; i < bytes[set]; i++)
		((uint8_t *)platform_at(at, n))[i] = (uint8_t)(set + i);
	return 0;
}

static uint32_t fake_call(uint64_t code, const uint64_t parameters[5],
			  struct hypercall_result *result)
{
	const uint64_t rcx = parameters[0], rdx = parameters[1], r8 = parameters[2],
		       r9 = parameters[3], r10 = parameters[4];

	result->rdx = result->r8 = 0xdeaddead;
	switch (code) {
	case WHIT_CALL_CREATE_PARTITION: result->rdx = HANDLE_NUMBER; return 0;
	case WHIT_CALL_DELETE_PARTITION: return 0;
	case WHIT_CALL_CREATE_VP: fake.value = rdx; return fake.error;
	default: break;
	}
	CHECK_EQ(rcx, HANDLE_NUMBER);
	fake.n_calls++;
	fake.code = code;
	fake.value = rdx;
	fake.type = r8;
	if (fake.error)
		return fake.error;
	switch (code) {
	case WHIT_CALL_GET_VP_STATE:
	case WHIT_CALL_SET_VP_STATE: return state(code, r9, r10, result);
	case WHIT_CALL_PARTITION_COUNTERS: return counters(rdx, r8, r9, result);
	case WHIT_CALL_VP_COUNTERS: return counters(r8, r9, r10, result);
	case WHIT_CALL_RESET_PARTITION:
		CHECK_EQ(rdx, 32 * fake.n_resets);
		result->rdx = 32ull * ++fake.n_resets;
		return fake.n_resets < RESET_PARTS ? WHIT_S_MORE : 0;
	case WHIT_CALL_CPUID_OUTPUT: {
		const WHV_CPUID_OUTPUT output = { 1, (UINT32)r8, (UINT32)r9, 4 };

		memcpy(platform_at(r10, sizeof(output)), &output, sizeof(output));
		return 0;
	}
	case WHIT_CALL_SUSPEND_TIME:
	case WHIT_CALL_RESUME_TIME:
	case WHIT_CALL_SET_TSC: return 0;
	default: CHECK(!"a call that exists"); return WHIT_E_UNKNOWN_CALL;
	}
}

static WHV_PARTITION_HANDLE create(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	memset(&fake, 0, sizeof(fake));
	platform_reset();
	platform.is_scattered = true;
	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0), S_OK);
	return partition;
}

static void destroy(WHV_PARTITION_HANDLE partition)
{
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
	CHECK_EQ(platform.n_pages_out, 0);
}

static uint8_t space[0x6000] __attribute__((aligned(4096)));

/* At any alignment, in one page and over several, whole and to the byte. */
static void lib_state_goes_both_ways_from_any_buffer(void)
{
	static const uint32_t sizes[] = { 576, 832, 4096, 10752 };
	WHV_PARTITION_HANDLE partition = create();
	const uint64_t out = platform.n_pages_out;

	for (unsigned int s = 0; s < 4; s++)
		for (unsigned int at = 0; at < 4100; at += at < 20 ? 1 : 509) {
			uint8_t *b = space + at;
			UINT32 written = 0;

			fake.n_state = sizes[s];
			for (uint64_t i = 0; i < fake.n_state; i++)
				fake.state[i] = (uint8_t)(i * 7 + at);
			memset(space, 0xee, sizeof(space));
			CHECK_EQ(WHvGetVirtualProcessorXsaveState(partition, 0, b, 11000, &written),
				 S_OK);
			CHECK_EQ(written, sizes[s]);
			CHECK(!memcmp(b, fake.state, sizes[s]));
			CHECK_EQ(b[sizes[s]], 0xee);
			CHECK(!at || b[-1] == 0xee);
			b[3] ^= 0xff;
			CHECK_EQ(WHvSetVirtualProcessorXsaveState(partition, 0, b, sizes[s]), S_OK);
			CHECK(!memcmp(b, fake.state, sizes[s]));
			CHECK_EQ(platform.n_pages_out, out);
		}
	destroy(partition);
}

static void lib_state_needs_no_copy_within_a_page(void)
{
	WHV_PARTITION_HANDLE partition = create();
	UINT32 written;

	fake.n_state = 832;
	platform.n_allocations = 0;
	CHECK_EQ(WHvGetVirtualProcessorXsaveState(partition, 0, space, 4096, &written), S_OK);
	CHECK_EQ(WHvSetVirtualProcessorXsaveState(partition, 0, space + 4096 - 832, 832), S_OK);
	CHECK_EQ(platform.n_allocations, 0);
	CHECK_EQ(WHvGetVirtualProcessorXsaveState(partition, 0, space, 4097, &written), S_OK);
	CHECK_EQ(platform.n_allocations, 1);
	platform.is_limited = true;
	CHECK_EQ(WHvGetVirtualProcessorXsaveState(partition, 0, space, 4097, &written),
		 E_OUTOFMEMORY);
	/* Nor where pages lie together. */
	platform.is_scattered = false;
	CHECK_EQ(WHvGetVirtualProcessorXsaveState(partition, 0, space, 4097, &written), S_OK);
	destroy(partition);
}

static void lib_state_types(void)
{
	const WHV_VIRTUAL_PROCESSOR_STATE_TYPE apic =
		WHvVirtualProcessorStateTypeInterruptControllerState2;
	WHV_PARTITION_HANDLE partition = create();
	UINT32 n;

	fake.n_state = 1024;
	CHECK_EQ(WHvGetVirtualProcessorState(partition, 0, apic, space, 4096, &n), S_OK);
	CHECK_EQ(fake.type, 0x1000);
	CHECK_EQ(WHvSetVirtualProcessorState(partition, 0, apic, space, 4096), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState2(partition, 0, space, 4096, &n),
		 S_OK);
	CHECK_EQ(fake.type, 0x1000);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(partition, 0, space, 4096), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState(partition, 0, space, 4096, &n),
		 S_OK);
	CHECK_EQ(fake.type, WHIT_STATE_INTERRUPT_CONTROLLER1);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState(partition, 0, space, 4096), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorXsaveState(partition, 0, space, 4096, NULL), S_OK);
	CHECK_EQ(fake.type, 0x1001);

	/* Sizes are asked for with nothing; what is too short says what it takes. */
	CHECK_EQ(WHvGetVirtualProcessorState(partition, 0, apic, NULL, 0, &n),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(n, 1024);
	n = 0;
	CHECK_EQ(WHvGetVirtualProcessorState(partition, 0, apic, space, 1023, &n),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(n, 1024);
	CHECK_EQ(WHvSetVirtualProcessorState(partition, 0, apic, space, 1023),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(partition, 0, space, 1023),
		 E_POINTER);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(partition, 0, NULL, 4096),
		 E_POINTER);
	CHECK_EQ(WHvGetVirtualProcessorState(partition, 0, apic, NULL, 4096, &n), E_POINTER);
	CHECK_EQ(WHvGetVirtualProcessorState(partition, 1, apic, space, 4096, &n),
		 WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvSetVirtualProcessorState(NULL, 0, apic, space, 4096), E_INVALIDARG);
	fake.error = 0x80070032;
	CHECK_EQ(WHvGetVirtualProcessorState(partition, 0, WHvVirtualProcessorStateTypeNestedState,
					     space, 4096, &n),
		 HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED));
	destroy(partition);
}

static void lib_counters_fit_or_are_refused(void)
{
	static const UINT32 bytes[] = { 16, 224, 24, 40, 48 };
	WHV_PARTITION_HANDLE partition = create();
	UINT32 n;

	for (unsigned int set = 0; set < 5; set++) {
		uint8_t *b = space + 3;

		memset(space, 0xee, 512);
		n = 0;
		CHECK_EQ(WHvGetVirtualProcessorCounters(partition, 0, (int)set, b, 500, &n), S_OK);
		CHECK_EQ(n, bytes[set]);
		for (unsigned int i = 0; i < n; i++)
			CHECK_EQ(b[i], (uint8_t)(set + i));
		CHECK_EQ(b[n], 0xee);
		CHECK_EQ(
			WHvGetVirtualProcessorCounters(partition, 0, (int)set, b, bytes[set], NULL),
			S_OK);
		n = 0;
		CHECK_EQ(WHvGetVirtualProcessorCounters(partition, 0, (int)set, b, bytes[set] - 1,
							&n),
			 WHV_E_INSUFFICIENT_BUFFER);
		CHECK_EQ(n, bytes[set]);
	}
	CHECK_EQ(WHvGetVirtualProcessorCounters(partition, 0, (WHV_PROCESSOR_COUNTER_SET)5, space,
						500, &n),
		 WHV_E_UNKNOWN_PROPERTY);
	CHECK_EQ(WHvGetVirtualProcessorCounters(partition, 0, WHvProcessorCounterSetEvents, NULL,
						500, &n),
		 E_POINTER);
	CHECK_EQ(WHvGetPartitionCounters(partition, WHvPartitionCounterSetMemory, space, 16, &n),
		 S_OK); /* the fake's first set has 16 */
	CHECK_EQ(WHvGetPartitionCounters(partition, WHvPartitionCounterSetMemory, space, 15, &n),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvGetPartitionCounters(NULL, WHvPartitionCounterSetMemory, space, 16, &n),
		 E_INVALIDARG);
	destroy(partition);
}

static void lib_time_and_reset(void)
{
	static const struct {
		HRESULT(WHVAPI *function)(WHV_PARTITION_HANDLE partition);
		uint64_t code;
	} calls[] = { { WHvResetPartition, WHIT_CALL_RESET_PARTITION },
		      { WHvSuspendPartitionTime, WHIT_CALL_SUSPEND_TIME },
		      { WHvResumePartitionTime, WHIT_CALL_RESUME_TIME } };
	WHV_PARTITION_HANDLE partition = create();

	for (unsigned int i = 0; i < 3; i++) {
		fake.error = fake.n_resets = 0;
		CHECK_EQ(calls[i].function(partition), S_OK);
		CHECK_EQ(fake.n_resets, i ? 0 : RESET_PARTS); /* part by part */
		CHECK_EQ(fake.code, calls[i].code);
		CHECK_EQ(calls[i].function(NULL), E_INVALIDARG);
		fake.error = WHIT_E_INVALID_STATE;
		CHECK_EQ(calls[i].function(partition), HRESULT_FROM_WIN32(ERROR_INVALID_STATE));
	}
	fake.error = 0;
	CHECK_EQ(WhitSetPartitionTsc(partition, 1ull << 63), S_OK);
	CHECK_EQ(fake.value, 1ull << 63);
	destroy(partition);
}

static void lib_asks_for_cpuid(void)
{
	WHV_PARTITION_HANDLE partition = create();
	_Alignas(4) uint8_t bytes[20];
	WHV_CPUID_OUTPUT output;

	CHECK_EQ(
		WHvGetVirtualProcessorCpuidOutput(partition, 0, 0x80000001, 7, (void *)(bytes + 4)),
		S_OK);
	memcpy(&output, bytes + 4, sizeof(output));
	CHECK_EQ(output.Eax + output.Edx, 5);
	CHECK_EQ(output.Ebx, 0x80000001);
	CHECK_EQ(output.Ecx, 7);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(partition, 0, 0, 0, NULL), E_POINTER);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(NULL, 0, 0, 0, &output), E_INVALIDARG);
	destroy(partition);
}

static void lib_creates_vps_with_properties(void)
{
	WHV_VIRTUAL_PROCESSOR_PROPERTY properties[2] = { { .PropertyCode = 0 },
							 { .PropertyCode = 0 } };
	WHV_PARTITION_HANDLE partition = create();

	CHECK_EQ(WHvCreateVirtualProcessor2(partition, 1, NULL, 0), S_OK);
	CHECK_EQ(fake.value, 1);
	properties[1].NumaNode = 0xffff;
	CHECK_EQ(WHvCreateVirtualProcessor2(partition, 2, properties, 2), S_OK);
	CHECK_EQ(WHvCreateVirtualProcessor2(partition, 3, NULL, 1), E_POINTER);
	properties[1].NumaNode = 1;
	CHECK_EQ(WHvCreateVirtualProcessor2(partition, 3, properties, 2), E_INVALIDARG);
	properties[1].NumaNode = 0;
	properties[1].Reserved = 1;
	CHECK_EQ(WHvCreateVirtualProcessor2(partition, 3, properties, 2), E_INVALIDARG);
	properties[1].Reserved = 0;
	properties[1].PropertyCode = (WHV_VIRTUAL_PROCESSOR_PROPERTY_CODE)1;
	CHECK_EQ(WHvCreateVirtualProcessor2(partition, 3, properties, 2), E_INVALIDARG);
	CHECK_EQ(WHvCreateVirtualProcessor2(NULL, 3, NULL, 0), E_INVALIDARG);
	destroy(partition);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(lib_state_goes_both_ways_from_any_buffer),
		TEST(lib_state_needs_no_copy_within_a_page),
		TEST(lib_state_types),
		TEST(lib_counters_fit_or_are_refused),
		TEST(lib_time_and_reset),
		TEST(lib_asks_for_cpuid),
		TEST(lib_creates_vps_with_properties),
	};

	return RUN(tests);
}
