/* SPDX-License-Identifier: MIT */
/*
 * WHP: guest memory. Address types, mapping flags, GVA translation, advice, typed GPA access.
 *
 * Owns: the records of WHvMapGpaRange, WHvTranslateGva, WHvAdviseGpaRange, WHvReadGpaRange and
 * their kin. Pages are 4 KiB; every GPA range is counted in bytes.
 */
#ifndef WHP_WINHVMEMORY_H
#define WHP_WINHVMEMORY_H

#include "WinTypes.h"

typedef UINT64 WHV_GUEST_PHYSICAL_ADDRESS;
typedef UINT64 WHV_GUEST_VIRTUAL_ADDRESS;

/* Virtual trust level. No function of the contract creates one; fields of this type are 0. */
typedef UINT8 WHV_VTL;
#define WHV_VTL_ALL 0xF

typedef union WHV_INPUT_VTL {
	UINT8 AsUINT8;
	struct {
		UINT8 TargetVtl : 4;
		UINT8 UseTargetVtl : 1;
		UINT8 Reserved : 3;
	};
} WHV_INPUT_VTL;
WHP_ASSERT_SIZE(WHV_INPUT_VTL, 1);

/* Access permissions per lower trust level. */
typedef union WHV_VTL_PERMISSION_SET {
	UINT32 AsUINT32;
	UINT16 VtlPermissionFrom1[2];
} WHV_VTL_PERMISSION_SET;
WHP_ASSERT_SIZE(WHV_VTL_PERMISSION_SET, 4);

typedef enum WHV_MEMORY_ACCESS_TYPE {
	WHvMemoryAccessRead = 0,
	WHvMemoryAccessWrite = 1,
	WHvMemoryAccessExecute = 2,
} WHV_MEMORY_ACCESS_TYPE;
WHP_ASSERT_SIZE(WHV_MEMORY_ACCESS_TYPE, 4);

/* An access that the flags do not grant is a MemoryAccess exit with GpaUnmapped = 0. */
typedef enum WHV_MAP_GPA_RANGE_FLAGS {
	WHvMapGpaRangeFlagNone = 0x0,
	WHvMapGpaRangeFlagRead = 0x1,
	WHvMapGpaRangeFlagWrite = 0x2,
	WHvMapGpaRangeFlagExecute = 0x4,
	WHvMapGpaRangeFlagTrackDirtyPages = 0x8,
} WHV_MAP_GPA_RANGE_FLAGS;
WHP_ASSERT_SIZE(WHV_MAP_GPA_RANGE_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_MAP_GPA_RANGE_FLAGS)

/*
 * None of the Validate flags: presence and reserved bits alone are checked. PrivilegeExempt walks
 * as CPL 0. SetPageTableBits writes accessed bits on the way, the dirty bit at the leaf of a write.
 */
typedef enum WHV_TRANSLATE_GVA_FLAGS {
	WHvTranslateGvaFlagNone = 0x0,
	WHvTranslateGvaFlagValidateRead = 0x1,
	WHvTranslateGvaFlagValidateWrite = 0x2,
	WHvTranslateGvaFlagValidateExecute = 0x4,
	WHvTranslateGvaFlagPrivilegeExempt = 0x8,
	WHvTranslateGvaFlagSetPageTableBits = 0x10,
	WHvTranslateGvaFlagEnforceSmap = 0x100,
	WHvTranslateGvaFlagOverrideSmap = 0x200,
} WHV_TRANSLATE_GVA_FLAGS;
WHP_ASSERT_SIZE(WHV_TRANSLATE_GVA_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_TRANSLATE_GVA_FLAGS)

/* The same flags with a trust level in the top byte. No function takes it yet. */
typedef union WHV_TRANSLATE_GVA_2_FLAGS {
	struct {
		UINT64 ValidateRead : 1;
		UINT64 ValidateWrite : 1;
		UINT64 ValidateExecute : 1;
		UINT64 PrivilegeExempt : 1;
		UINT64 SetPageTableBits : 1;
		UINT64 Reserved1 : 3;
		UINT64 EnforceSmap : 1;
		UINT64 OverrideSmap : 1;
		UINT64 Reserved4 : 46;
		UINT64 InputVtl : 8;
	};
	UINT64 AsUINT64;
} WHV_TRANSLATE_GVA_2_FLAGS;
WHP_ASSERT_SIZE(WHV_TRANSLATE_GVA_2_FLAGS, 8);

/* Codes 4 to 7 speak of the pages that hold the tables; the GPA returned names the page. */
typedef enum WHV_TRANSLATE_GVA_RESULT_CODE {
	WHvTranslateGvaResultSuccess = 0,
	WHvTranslateGvaResultPageNotPresent = 1,
	WHvTranslateGvaResultPrivilegeViolation = 2,
	WHvTranslateGvaResultInvalidPageTableFlags = 3,
	WHvTranslateGvaResultGpaUnmapped = 4,
	WHvTranslateGvaResultGpaNoReadAccess = 5,
	WHvTranslateGvaResultGpaNoWriteAccess = 6,
	WHvTranslateGvaResultGpaIllegalOverlayAccess = 7,
	WHvTranslateGvaResultIntercept = 8,
} WHV_TRANSLATE_GVA_RESULT_CODE;
WHP_ASSERT_SIZE(WHV_TRANSLATE_GVA_RESULT_CODE, 4);

typedef struct WHV_TRANSLATE_GVA_RESULT {
	WHV_TRANSLATE_GVA_RESULT_CODE ResultCode;
	UINT32 Reserved;
} WHV_TRANSLATE_GVA_RESULT;
WHP_ASSERT_SIZE(WHV_TRANSLATE_GVA_RESULT, 8);

/* Both in bytes. */
typedef struct WHV_MEMORY_RANGE_ENTRY {
	UINT64 GuestAddress;
	UINT64 SizeInBytes;
} WHV_MEMORY_RANGE_ENTRY;
WHP_ASSERT_SIZE(WHV_MEMORY_RANGE_ENTRY, 16);

typedef enum WHV_ADVISE_GPA_RANGE_CODE {
	WHvAdviseGpaRangeCodePopulate = 0,
	WHvAdviseGpaRangeCodePin = 1,
	WHvAdviseGpaRangeCodeUnpin = 2,
} WHV_ADVISE_GPA_RANGE_CODE;
WHP_ASSERT_SIZE(WHV_ADVISE_GPA_RANGE_CODE, 4);

typedef union WHV_ADVISE_GPA_RANGE_POPULATE_FLAGS {
	UINT32 AsUINT32;
	struct {
		UINT32 Prefetch : 1;
		UINT32 AvoidHardFaults : 1;
		UINT32 Reserved : 30;
	};
} WHV_ADVISE_GPA_RANGE_POPULATE_FLAGS;
WHP_ASSERT_SIZE(WHV_ADVISE_GPA_RANGE_POPULATE_FLAGS, 4);

typedef struct WHV_ADVISE_GPA_RANGE_POPULATE {
	WHV_ADVISE_GPA_RANGE_POPULATE_FLAGS Flags;
	WHV_MEMORY_ACCESS_TYPE AccessType;
} WHV_ADVISE_GPA_RANGE_POPULATE;
WHP_ASSERT_SIZE(WHV_ADVISE_GPA_RANGE_POPULATE, 8);

/* What AdviceBuffer holds; Pin and Unpin have none. */
typedef union WHV_ADVISE_GPA_RANGE {
	WHV_ADVISE_GPA_RANGE_POPULATE Populate;
} WHV_ADVISE_GPA_RANGE;
WHP_ASSERT_SIZE(WHV_ADVISE_GPA_RANGE, 8);

/* Numbers are the memory types of PAT and MTRRs. */
typedef enum WHV_CACHE_TYPE {
	WHvCacheTypeUncached = 0,
	WHvCacheTypeWriteCombining = 1,
	WHvCacheTypeWriteThrough = 4,
	WHvCacheTypeWriteProtected = 5,
	WHvCacheTypeWriteBack = 6,
} WHV_CACHE_TYPE;
WHP_ASSERT_SIZE(WHV_CACHE_TYPE, 4);

typedef union WHV_ACCESS_GPA_CONTROLS {
	UINT64 AsUINT64;
	struct {
		WHV_CACHE_TYPE CacheType;
		WHV_INPUT_VTL InputVtl;
		UINT8 Reserved;
		UINT16 Reserved1;
	};
} WHV_ACCESS_GPA_CONTROLS;
WHP_ASSERT_SIZE(WHV_ACCESS_GPA_CONTROLS, 8);

/* Bytes that one WHvReadGpaRange or WHvWriteGpaRange may move. */
#define WHV_READ_WRITE_GPA_RANGE_MAX_SIZE 16

#endif /* WHP_WINHVMEMORY_H */
