/* SPDX-License-Identifier: MIT */
/*
 * The timer of firmware, which gnu-efi's headers do not have. UEFI Platform Initialization, volume
 * 2, "Timer Architectural Protocol". Its times are in units of 100 ns, by the rate that firmware
 * believes in.
 */
#ifndef UEFI_TIMER_H
#define UEFI_TIMER_H

#include <efi.h>

#define TIMER_GUID                                                     \
	{                                                              \
		0x26baccb3, 0x6f42, 0x11d4,                            \
		{                                                      \
			0xbc, 0xe7, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 \
		}                                                      \
	}

struct timer_protocol {
	void *register_handler;
	EFI_STATUS(EFIAPI *set_period)(struct timer_protocol *timer, UINT64 period);
	EFI_STATUS(EFIAPI *get_period)(struct timer_protocol *timer, UINT64 *period);
	void *generate_soft_interrupt;
};

#endif
