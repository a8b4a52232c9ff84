/* SPDX-License-Identifier: MIT */
/*
 * Base types and status codes of the WHP contract, for systems without windows.h.
 *
 * Owns: the handful of Windows names that the WHv* declarations are written in, and every HRESULT
 * that the contract promises. Knows nothing of partitions or processors.
 * Invariants: each type has the size it has on 64-bit Windows (which is LLP64: LONG and DWORD are
 * 32 bits wide), so records are the same bytes in both worlds. May be included before or after
 * GNU-EFI's efi.h, which defines some of the same names: every name defined here is either
 * guarded or a repetition that C11 allows. WCHAR is left out for that reason: efi.h gives it the
 * width of the compiler's wchar_t. UINT16 stands in its place.
 */
#ifndef WHP_WINTYPES_H
#define WHP_WINTYPES_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__)
#error "the WHP contract in this tree is the x86-64 one"
#endif

/* The library and its clients share the compiler's own convention (System V on Linux and UEFI). */
#ifndef WINAPI
#define WINAPI
#endif
#ifndef CALLBACK
#define CALLBACK
#endif
/* What stands before the name of each exported function; a build may add visibility to it. */
#ifndef WHVAPI
#define WHVAPI WINAPI
#endif

#ifdef __cplusplus
#define WHP_ASSERT(fact, text) static_assert(fact, text)
#else
#define WHP_ASSERT(fact, text) _Static_assert(fact, text)
#endif
#define WHP_ASSERT_SIZE(type, n_bytes)	WHP_ASSERT(sizeof(type) == (n_bytes), "size of " #type)
#define WHP_ASSERT_ALIGN(type, n_bytes) WHP_ASSERT(__alignof__(type) == (n_bytes), "align " #type)
#define WHP_ASSERT_OFFSET(type, member, n_bytes) \
	WHP_ASSERT(offsetof(type, member) == (n_bytes), "offset of " #type "." #member)

typedef uint8_t UINT8;
typedef uint16_t UINT16;
typedef uint32_t UINT32;
typedef uint64_t UINT64;
typedef int32_t BOOL;
typedef int32_t HRESULT;

#ifndef VOID
#define VOID void
#endif
typedef void *PVOID;
typedef void *HANDLE;

/*
 * Operators of an enumeration whose values are flags: C++ would make int of them, which it does not take back. As winnt.h
 * has it, by the same name.
 */
#ifndef DEFINE_ENUM_FLAG_OPERATORS
#ifdef __cplusplus
/* clang-format off */
#define DEFINE_ENUM_FLAG_OPERATORS(type)                                                            \
	inline constexpr type operator|(type a, type b) { return type(UINT32(a) | UINT32(b)); }     \
	inline constexpr type operator&(type a, type b) { return type(UINT32(a) & UINT32(b)); }     \
	inline constexpr type operator^(type a, type b) { return type(UINT32(a) ^ UINT32(b)); }     \
	inline constexpr type operator~(type a) { return type(~UINT32(a)); }                        \
	inline type &operator|=(type &a, type b) { return a = a | b; }                              \
	inline type &operator&=(type &a, type b) { return a = a & b; }                              \
	inline type &operator^=(type &a, type b) { return a = a ^ b; }
/* clang-format on */
#else
#define DEFINE_ENUM_FLAG_OPERATORS(type)
#endif
#endif

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

typedef struct _GUID {
	UINT32 Data1;
	UINT16 Data2;
	UINT16 Data3;
	UINT8 Data4[8];
} GUID;
WHP_ASSERT_SIZE(GUID, 16);

/* Locally unique identifier: unique on one machine until it restarts. */
typedef struct _LUID {
	UINT32 LowPart;
	int32_t HighPart;
} LUID;
WHP_ASSERT_SIZE(LUID, 8);

/* ACPI device power states, one above their usual number. */
typedef enum _DEVICE_POWER_STATE {
	PowerDeviceUnspecified = 0,
	PowerDeviceD0 = 1,
	PowerDeviceD1 = 2,
	PowerDeviceD2 = 3,
	PowerDeviceD3 = 4,
	PowerDeviceMaximum = 5,
} DEVICE_POWER_STATE;
WHP_ASSERT_SIZE(DEVICE_POWER_STATE, 4);

/*
 * HRESULT: bit 31 is the failure bit, bits 16-26 the facility, bits 0-15 the code. A cast from
 * the unsigned form keeps all 32 bits (gcc and clang define the conversion so).
 */
#define WHP_HRESULT(bits) ((HRESULT)(bits))
#define SUCCEEDED(hr)	  ((HRESULT)(hr) >= 0)
#define FAILED(hr)	  ((HRESULT)(hr) < 0)

/* Wraps a Win32 error code; 0 and what is already an HRESULT pass. Evaluates its argument thrice. */
#define HRESULT_FROM_WIN32(error)                 \
	((HRESULT)(error) <= 0 ? (HRESULT)(error) \
			       : WHP_HRESULT((0x0000FFFFU & (UINT32)(error)) | 0x80070000U))

#define S_OK	       WHP_HRESULT(0U)
#define S_FALSE	       WHP_HRESULT(1U)
#define E_NOTIMPL      WHP_HRESULT(0x80004001U)
#define E_POINTER      WHP_HRESULT(0x80004003U)
#define E_FAIL	       WHP_HRESULT(0x80004005U)
#define E_UNEXPECTED   WHP_HRESULT(0x8000FFFFU)
#define E_ACCESSDENIED WHP_HRESULT(0x80070005U)
#define E_HANDLE       WHP_HRESULT(0x80070006U)
#define E_OUTOFMEMORY  WHP_HRESULT(0x8007000EU)
#define E_INVALIDARG   WHP_HRESULT(0x80070057U)

/* Win32 codes that WHP hands out through HRESULT_FROM_WIN32. */
#define ERROR_SUCCESS	    0
#define ERROR_INVALID_DATA  13
#define ERROR_NOT_SUPPORTED 50
#define ERROR_NOT_FOUND	    1168
#define ERROR_INVALID_STATE 5023

/* WHP's own codes, facility 0x37 (virtualization). */
#define WHV_E_UNKNOWN_CAPABILITY	    WHP_HRESULT(0x80370300U)
#define WHV_E_INSUFFICIENT_BUFFER	    WHP_HRESULT(0x80370301U)
#define WHV_E_UNKNOWN_PROPERTY		    WHP_HRESULT(0x80370302U)
#define WHV_E_UNSUPPORTED_HYPERVISOR_CONFIG WHP_HRESULT(0x80370303U)
#define WHV_E_INVALID_PARTITION_CONFIG	    WHP_HRESULT(0x80370304U)
#define WHV_E_GPA_RANGE_NOT_FOUND	    WHP_HRESULT(0x80370305U)
#define WHV_E_VP_ALREADY_EXISTS		    WHP_HRESULT(0x80370306U)
#define WHV_E_VP_DOES_NOT_EXIST		    WHP_HRESULT(0x80370307U)
#define WHV_E_INVALID_VP_STATE		    WHP_HRESULT(0x80370308U)
#define WHV_E_INVALID_VP_REGISTER_NAME	    WHP_HRESULT(0x80370309U)
#define WHV_E_UNSUPPORTED_PROCESSOR_CONFIG  WHP_HRESULT(0x80370310U)

/* A hypervisor status (TLFS "Hypercall Status Codes") that came through as an HRESULT. */
#define ERROR_HV_INVALID_HYPERCALL_CODE	     WHP_HRESULT(0xC0350002U)
#define ERROR_HV_INVALID_HYPERCALL_INPUT     WHP_HRESULT(0xC0350003U)
#define ERROR_HV_INVALID_ALIGNMENT	     WHP_HRESULT(0xC0350004U)
#define ERROR_HV_INVALID_PARAMETER	     WHP_HRESULT(0xC0350005U)
#define ERROR_HV_ACCESS_DENIED		     WHP_HRESULT(0xC0350006U)
#define ERROR_HV_INVALID_PARTITION_STATE     WHP_HRESULT(0xC0350007U)
#define ERROR_HV_OPERATION_DENIED	     WHP_HRESULT(0xC0350008U)
#define ERROR_HV_UNKNOWN_PROPERTY	     WHP_HRESULT(0xC0350009U)
#define ERROR_HV_PROPERTY_VALUE_OUT_OF_RANGE WHP_HRESULT(0xC035000AU)
#define ERROR_HV_INSUFFICIENT_MEMORY	     WHP_HRESULT(0xC035000BU)
#define ERROR_HV_INVALID_PARTITION_ID	     WHP_HRESULT(0xC035000DU)
#define ERROR_HV_INVALID_VP_INDEX	     WHP_HRESULT(0xC035000EU)
#define ERROR_HV_INVALID_PORT_ID	     WHP_HRESULT(0xC0350011U)
#define ERROR_HV_INVALID_CONNECTION_ID	     WHP_HRESULT(0xC0350012U)
#define ERROR_HV_NOT_ACKNOWLEDGED	     WHP_HRESULT(0xC0350014U)
#define ERROR_HV_INVALID_VP_STATE	     WHP_HRESULT(0xC0350015U)
#define ERROR_HV_INVALID_SYNIC_STATE	     WHP_HRESULT(0xC0350018U)
#define ERROR_HV_OBJECT_IN_USE		     WHP_HRESULT(0xC0350019U)
#define ERROR_HV_INVALID_REGISTER_VALUE	     WHP_HRESULT(0xC0350050U)
#define ERROR_HV_INVALID_DEVICE_ID	     WHP_HRESULT(0xC0350057U)

#endif /* WHP_WINTYPES_H */
