// SPDX-License-Identifier: MIT
/* The registers that a processor starts with. */
#include "root/vmm/vmm.h"

#define CR0_START  0x80000011ull /* PG, ET, PE */
#define CR4_START  0x00000020ull /* PAE */
#define EFER_START 0x00000500ull /* LMA, LME */

/* WHP's processor starts below 1 MiB; a PC's at the top of its ROM, below 4 GiB. */
HRESULT start_at_reset_vector(WHV_PARTITION_HANDLE partition)
{
	const WHV_REGISTER_NAME names[2] = { WHvX64RegisterCs, WHvX64RegisterRip };
	WHV_REGISTER_VALUE values[2] = {
		{ .Segment = { .Base = 0xffff0000,
			       .Limit = 0xffff,
			       .Selector = 0xf000,
			       .Attributes = 0x9b } },
		{ .Reg64 = 0xfff0 },
	};

	return WHvSetVirtualProcessorRegisters(partition, 0, names, 2, values);
}

/* Linux "64-bit Boot Protocol": the segments, flat, and RSI. */
HRESULT start_in_long_mode(WHV_PARTITION_HANDLE partition, const struct linux_start *start)
{
	const WHV_X64_SEGMENT_REGISTER code = { .Limit = 0xffffffff,
						.Selector = LINUX_CS,
						.Attributes = 0xa09b };
	const WHV_X64_SEGMENT_REGISTER data = { .Limit = 0xffffffff,
						.Selector = LINUX_DS,
						.Attributes = 0xc093 };
	const struct {
		WHV_REGISTER_NAME name;
		WHV_REGISTER_VALUE value;
	} registers[] = {
		{ WHvX64RegisterCs, { .Segment = code } },
		{ WHvX64RegisterSs, { .Segment = data } },
		{ WHvX64RegisterDs, { .Segment = data } },
		{ WHvX64RegisterEs, { .Segment = data } },
		{ WHvX64RegisterGdtr,
		  { .Table = { .Limit = start->gdt_limit, .Base = start->gdt } } },
		{ WHvX64RegisterCr0, { .Reg64 = CR0_START } },
		{ WHvX64RegisterCr3, { .Reg64 = start->cr3 } },
		{ WHvX64RegisterCr4, { .Reg64 = CR4_START } },
		{ WHvX64RegisterEfer, { .Reg64 = EFER_START } },
		{ WHvX64RegisterRsi, { .Reg64 = start->rsi } },
		{ WHvX64RegisterRip, { .Reg64 = start->rip } },
	};
	WHV_REGISTER_NAME names[sizeof(registers) / sizeof(registers[0])];
	WHV_REGISTER_VALUE values[sizeof(registers) / sizeof(registers[0])];
	const UINT32 n = sizeof(registers) / sizeof(registers[0]);

	for (UINT32 i = 0; i < n; i++) {
		names[i] = registers[i].name;
		values[i] = registers[i].value;
	}
	return WHvSetVirtualProcessorRegisters(partition, 0, names, n, values);
}

HRESULT start_suspended(WHV_PARTITION_HANDLE partition, UINT32 vp)
{
	const WHV_REGISTER_NAME names[1] = { WHvRegisterInternalActivityState };
	WHV_REGISTER_VALUE value = { .InternalActivity = { .StartupSuspend = 1 } };

	return WHvSetVirtualProcessorRegisters(partition, vp, names, 1, &value);
}
