/* SPDX-License-Identifier: MIT */
/*
 * The codes that Whit adds to WHP. A client that does not use these codes sees WHP alone. The
 * numbers lie where WHP has none: 0x5748xxxx ("WH").
 */
#ifndef WHIT_EXTENSION_H
#define WHIT_EXTENSION_H

#include <stddef.h>
#include <stdint.h>

#include "x86/static_assert.h"

/*
 * Partition property, uint32_t, before WHvSetupPartition: route exits to the instruction emulator
 * in the hypervisor. The client then gets WhitRunVpExitReasonDeviceAccess for what the emulator
 * could not answer itself, and the plain exit for what it could not emulate.
 */
#define WhitPartitionPropertyCodeEmulation 0x57480001u
#define WHIT_EMULATE_PORTS		   0x1u /* X64IoPortAccess exits */
#define WHIT_EMULATE_MEMORY		   0x2u /* MemoryAccess exits of data accesses */

/* Exit reason; the record at offset 48 of the exit context is a struct whit_device_access. */
#define WhitRunVpExitReasonDeviceAccess 0x57480001u

/*
 * Partition property, uint32_t, before WHvSetupPartition: for a client with more VPs than threads
 * to run them. Run then does not block, or let a VP spin, but leaves with WhitRunVpExitReasonTurn.
 */
#define WhitPartitionPropertyCodeTurnExits 0x57480002u
#define WHIT_TURN_HALT			   0x1u /* HLT, or waiting for a SIPI, with a local APIC */
#define WHIT_TURN_SPIN			   0x2u /* a loop of PAUSE, where the processor can tell */

/*
 * Exit reason; the record at offset 48 of the exit context is a struct whit_turn. Run again at any
 * time.
 */
#define WhitRunVpExitReasonTurn 0x57480002u

struct whit_turn {
	uint32_t kind;	  /* WHIT_TURN_HALT or WHIT_TURN_SPIN */
	uint32_t has_run; /* 1: in this Run the guest has executed something; 0: it slept already */
	uint64_t deadline; /* HALT: the root's TSC of the VP's timer; ~0: none */
};

_Static_assert(sizeof(struct whit_turn) == 16, "documented");

#define WHIT_DEVICE_BYTES 112u

/*
 * One device access: `count` transfers of `size` bytes. A write has happened as far as the guest is
 * concerned. A read is answered by writing `data` before the next Run, through
 * WHvSetVirtualProcessor- Registers (WhitRegisterDeviceData0 …) or, without a hypercall, in the
 * shared page; what is not written reads as ones. Setting RIP instead gives the instruction up.
 */
struct whit_device_access {
	uint64_t address; /* port number, or GPA */
	uint8_t is_port;
	uint8_t is_write;
	uint8_t size; /* of one transfer in bytes: ports 1 2 4, memory 1 2 4 8 16 32 64 */
	uint8_t reserved0;
	uint16_t count;	  /* transfers, at least 1; to the same port, or to ascending addresses */
	uint16_t n_bytes; /* size * count, at most WHIT_DEVICE_BYTES */
	uint8_t data[WHIT_DEVICE_BYTES];
};

_Static_assert(sizeof(struct whit_device_access) == 128, "fits the exit context's union");

/* Registers that hold the answer of the pending read, 16 bytes each: device data 0 to 6. */
#define WhitRegisterDeviceData0	    0x57480000u
#define WHIT_REGISTER_DEVICE_DATA_N 7u

/*
 * One translation of a list, by the rules of WHvTranslateGva, with what the walk found. The
 * hypervisor writes all but `gva`, and in a run (WHIT_TRANSLATE_RUN) that too.
 */
struct whit_translation {
	uint64_t gva;
	uint64_t gpa;	     /* success: of the byte; codes 4 to 6: of the entry; else 0 */
	uint64_t entry;	     /* the page-table entry that decided, as read; 0: none */
	uint32_t error_code; /* codes 1 to 3: what the processor would push; else 0 */
	uint8_t code;	     /* WHV_TRANSLATE_GVA_RESULT_CODE */
	uint8_t level;	     /* of the entry that decided, 1 to 5; 0: none did */
	uint16_t reserved;
};

_Static_assert(sizeof(struct whit_translation) == 32, "128 of them fill a page");
_Static_assert(offsetof(struct whit_translation, code) == 28, "documented");

/* Beside WHV_TRANSLATE_GVA_FLAGS: translate so many pages on from the first record's GVA. */
#define WHIT_TRANSLATE_RUN 0x80000000u

/*
 * CPUID leaves in the root: signature "WhitWhitWhit" and the highest leaf, then version and
 * features.
 */
#define WHIT_CPUID_SIGNATURE 0x40000000u
#define WHIT_CPUID_VERSION   0x40000001u /* eax: WHIT_ABI_VERSION; ebx: feature bits, none yet */
#define WHIT_SIGNATURE_WORD  0x74696857u /* "Whit", in EBX, ECX and EDX */

#endif
