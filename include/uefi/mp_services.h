/* SPDX-License-Identifier: MIT */
/*
 * EFI_MP_SERVICES, which gnu-efi's headers do not have. UEFI Platform Initialization, volume 2, "MP
 * Services Protocol".
 */
#ifndef UEFI_MP_SERVICES_H
#define UEFI_MP_SERVICES_H

#include <efi.h>

#define MP_SERVICES_GUID                                               \
	{                                                              \
		0x3fdda605, 0xa76e, 0x4f46,                            \
		{                                                      \
			0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 \
		}                                                      \
	}

/* EFI_PROCESSOR_INFORMATION: what is known of it, and room for what later versions have made of it. */
struct mp_information {
	UINT64 id; /* of its local APIC */
	UINT32 status;
	UINT8 others[244];
};

#define MP_STATUS_ENABLED (1u << 1)
#define MP_STATUS_HEALTHY (1u << 2)

typedef VOID(EFIAPI *mp_procedure)(VOID *argument);

/* The functions in their order. */
struct mp_services {
	EFI_STATUS(EFIAPI *get_number_of_processors)
	(struct mp_services *self, UINTN *n, UINTN *n_enabled);
	EFI_STATUS(EFIAPI *get_processor_info)
	(struct mp_services *self, UINTN number, struct mp_information *information);
	EFI_STATUS(EFIAPI *startup_all_aps)
	(struct mp_services *self, mp_procedure procedure, BOOLEAN is_single, EFI_EVENT wait,
	 UINTN timeout_us, VOID *argument, UINTN **failed);
	EFI_STATUS(EFIAPI *startup_this_ap)
	(struct mp_services *self, mp_procedure procedure, UINTN number, EFI_EVENT wait,
	 UINTN timeout_us, VOID *argument, BOOLEAN *is_finished);
	void *switch_bsp;
	EFI_STATUS(EFIAPI *enable_disable_ap)
	(struct mp_services *self, UINTN number, BOOLEAN is_enabled, UINT32 *health);
	EFI_STATUS(EFIAPI *who_am_i)(struct mp_services *self, UINTN *number);
};

#endif
