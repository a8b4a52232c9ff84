/* SPDX-License-Identifier: MIT */
/*
 * WHP: the instruction emulator as a library.
 *
 * Owns: the four WHvEmulator* functions, the callbacks through which they see and change the
 * guest, and the status they give. It knows no partition: everything goes through the callbacks.
 * Invariants: an emulator serves one thread at a time. The last callback of a success is one that
 * sets registers, RIP among them; if it is not reached, no register has changed.
 */
#ifndef WHP_WINHVEMULATION_H
#define WHP_WINHVEMULATION_H

#include "WinHvPlatformDefs.h"

/*
 * Only EmulationSuccessful means progress. A fault that the emulator put into the guest is a
 * success; GuestCannotBeFaulted says it could not. InterruptCausedIntercept: the exit came during
 * the delivery of an event, which is not emulated.
 */
typedef union WHV_EMULATOR_STATUS {
	struct {
		UINT32 EmulationSuccessful : 1;
		UINT32 InternalEmulationFailure : 1;
		UINT32 IoPortCallbackFailed : 1;
		UINT32 MemoryCallbackFailed : 1;
		UINT32 TranslateGvaPageCallbackFailed : 1;
		UINT32 TranslateGvaPageCallbackGpaIsNotAligned : 1;
		UINT32 GetVirtualProcessorRegistersCallbackFailed : 1;
		UINT32 SetVirtualProcessorRegistersCallbackFailed : 1;
		UINT32 InterruptCausedIntercept : 1;
		UINT32 GuestCannotBeFaulted : 1;
		UINT32 Reserved : 22;
	};
	UINT32 AsUINT32;
} WHV_EMULATOR_STATUS;
WHP_ASSERT_SIZE(WHV_EMULATOR_STATUS, 4);

/* Direction: 0 the guest reads, 1 it writes; AccessSize 1 to 8 bytes, never across a page. */
typedef struct WHV_EMULATOR_MEMORY_ACCESS_INFO {
	WHV_GUEST_PHYSICAL_ADDRESS GpaAddress;
	UINT8 Direction;
	UINT8 AccessSize;
	UINT8 Data[8];
} WHV_EMULATOR_MEMORY_ACCESS_INFO;
WHP_ASSERT_SIZE(WHV_EMULATOR_MEMORY_ACCESS_INFO, 24);
WHP_ASSERT_OFFSET(WHV_EMULATOR_MEMORY_ACCESS_INFO, Data, 10);

/* Direction: 0 IN, 1 OUT; AccessSize 1, 2 or 4 bytes. */
typedef struct WHV_EMULATOR_IO_ACCESS_INFO {
	UINT8 Direction;
	UINT16 Port;
	UINT16 AccessSize;
	UINT32 Data;
} WHV_EMULATOR_IO_ACCESS_INFO;
WHP_ASSERT_SIZE(WHV_EMULATOR_IO_ACCESS_INFO, 12);
WHP_ASSERT_OFFSET(WHV_EMULATOR_IO_ACCESS_INFO, Port, 2);
WHP_ASSERT_OFFSET(WHV_EMULATOR_IO_ACCESS_INFO, AccessSize, 4);
WHP_ASSERT_OFFSET(WHV_EMULATOR_IO_ACCESS_INFO, Data, 8);

/* Context is the one given to the Try function. A failure ends the emulation, with a status bit. */
typedef HRESULT(CALLBACK *WHV_EMULATOR_IO_PORT_CALLBACK)(VOID *Context,
							 WHV_EMULATOR_IO_ACCESS_INFO *IoAccess);

/* Serves RAM and devices alike; which it is, the client decides. */
typedef HRESULT(CALLBACK *WHV_EMULATOR_MEMORY_CALLBACK)(
	VOID *Context, WHV_EMULATOR_MEMORY_ACCESS_INFO *MemoryAccess);

/* The names may be any x64 register. */
typedef HRESULT(CALLBACK *WHV_EMULATOR_GET_VIRTUAL_PROCESSOR_REGISTERS_CALLBACK)(
	VOID *Context, const WHV_REGISTER_NAME *RegisterNames, UINT32 RegisterCount,
	WHV_REGISTER_VALUE *RegisterValues);

typedef HRESULT(CALLBACK *WHV_EMULATOR_SET_VIRTUAL_PROCESSOR_REGISTERS_CALLBACK)(
	VOID *Context, const WHV_REGISTER_NAME *RegisterNames, UINT32 RegisterCount,
	const WHV_REGISTER_VALUE *RegisterValues);

/* Gpa must come back 4 KiB-aligned: the page of Gva. */
typedef HRESULT(CALLBACK *WHV_EMULATOR_TRANSLATE_GVA_PAGE_CALLBACK)(
	VOID *Context, WHV_GUEST_VIRTUAL_ADDRESS Gva, WHV_TRANSLATE_GVA_FLAGS TranslateFlags,
	WHV_TRANSLATE_GVA_RESULT_CODE *TranslationResult, WHV_GUEST_PHYSICAL_ADDRESS *Gpa);

/* Size is that of this record. Every callback is set. */
typedef struct WHV_EMULATOR_CALLBACKS {
	UINT32 Size;
	UINT32 Reserved;
	WHV_EMULATOR_IO_PORT_CALLBACK WHvEmulatorIoPortCallback;
	WHV_EMULATOR_MEMORY_CALLBACK WHvEmulatorMemoryCallback;
	WHV_EMULATOR_GET_VIRTUAL_PROCESSOR_REGISTERS_CALLBACK
	WHvEmulatorGetVirtualProcessorRegisters;
	WHV_EMULATOR_SET_VIRTUAL_PROCESSOR_REGISTERS_CALLBACK
	WHvEmulatorSetVirtualProcessorRegisters;
	WHV_EMULATOR_TRANSLATE_GVA_PAGE_CALLBACK WHvEmulatorTranslateGvaPage;
} WHV_EMULATOR_CALLBACKS;
WHP_ASSERT_SIZE(WHV_EMULATOR_CALLBACKS, 48);
WHP_ASSERT_OFFSET(WHV_EMULATOR_CALLBACKS, WHvEmulatorIoPortCallback, 8);
WHP_ASSERT_OFFSET(WHV_EMULATOR_CALLBACKS, WHvEmulatorTranslateGvaPage, 40);

typedef VOID *WHV_EMULATOR_HANDLE;

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps a copy of the callbacks. E_INVALIDARG for a size or a callback that is missing. */
HRESULT WHVAPI WHvEmulatorCreateEmulator(const WHV_EMULATOR_CALLBACKS *Callbacks,
					 WHV_EMULATOR_HANDLE *Emulator);

HRESULT WHVAPI WHvEmulatorDestroyEmulator(WHV_EMULATOR_HANDLE Emulator);

/*
 * Emulates the port instruction of an exit, all iterations of a repeated one, and moves RIP.
 * S_OK with the status in EmulatorReturnStatus, also when emulation failed; E_INVALIDARG for
 * contexts that no exit has (an instruction length of 0).
 */
HRESULT WHVAPI WHvEmulatorTryIoEmulation(WHV_EMULATOR_HANDLE Emulator, VOID *Context,
					 const WHV_VP_EXIT_CONTEXT *VpContext,
					 const WHV_X64_IO_PORT_ACCESS_CONTEXT *IoInstructionContext,
					 WHV_EMULATOR_STATUS *EmulatorReturnStatus);

/* The same for the instruction of a memory exit; its bytes are fetched if the record has none. */
HRESULT WHVAPI WHvEmulatorTryMmioEmulation(WHV_EMULATOR_HANDLE Emulator, VOID *Context,
					   const WHV_VP_EXIT_CONTEXT *VpContext,
					   const WHV_MEMORY_ACCESS_CONTEXT *MmioInstructionContext,
					   WHV_EMULATOR_STATUS *EmulatorReturnStatus);

#ifdef __cplusplus
}
#endif

#endif /* WHP_WINHVEMULATION_H */
