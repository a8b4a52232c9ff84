/* SPDX-License-Identifier: MIT */
/* The local APIC's page and IA32_APIC_BASE, SDM 3A "Local APIC Status and Location". */
#ifndef X86_APIC_H
#define X86_APIC_H

#define APIC_PAGE 0xfee00000ull /* after reset */

/* IA32_APIC_BASE, beside the address of the page */
#define APIC_BASE_BSP	 (1ull << 8)
#define APIC_BASE_EXTD	 (1ull << 10) /* x2APIC */
#define APIC_BASE_ENABLE (1ull << 11)

/* Offsets of registers in the page, SDM 3A "Local APIC Register Address Map" */
#define XAPIC_EOI      0x0b0u
#define XAPIC_LDR      0x0d0u
#define XAPIC_DFR      0x0e0u
#define XAPIC_ICR_LOW  0x300u
#define XAPIC_ICR_HIGH 0x310u

#endif
