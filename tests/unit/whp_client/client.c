// SPDX-License-Identifier: MIT
/* A client of WHP in C, with the SDK's names of the headers. It is compiled and not run. */
#include <winhvplatform.h>
#include <winhvplatformdefs.h>
#include <winhvemulation.h>

int main(void)
{
	const WHV_MAP_GPA_RANGE_FLAGS flags = WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite;
	const WHV_REGISTER_NAME names[] = { WHvX64RegisterRip, WHvX64RegisterCs };
	WHV_REGISTER_VALUE values[2] = { { .Reg64 = 0x1000 }, { .Segment = { .Limit = 0xffff } } };
	WHV_RUN_VP_EXIT_CONTEXT exit = { .ExitReason = WHvRunVpExitReasonNone };
	WHV_PARTITION_PROPERTY property = { .ProcessorCount = 1 };
	WHV_PARTITION_HANDLE partition = NULL;
	static UINT64 page[512];

	if (FAILED(WHvCreatePartition(&partition)) ||
	    FAILED(WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount,
					   &property, sizeof(property))) ||
	    FAILED(WHvSetupPartition(partition)) ||
	    FAILED(WHvMapGpaRange(partition, page, 0, sizeof(page), flags)) ||
	    FAILED(WHvCreateVirtualProcessor(partition, 0, 0)) ||
	    FAILED(WHvSetVirtualProcessorRegisters(partition, 0, names, 2, values)))
		return 1;
	while (SUCCEEDED(WHvRunVirtualProcessor(partition, 0, &exit, sizeof(exit))))
		if (exit.ExitReason == WHvRunVpExitReasonX64Halt)
			break;
	return FAILED(WHvDeletePartition(partition));
}
