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
#define XAPIC_ISR      0x100u /* the first of 8 */
#define XAPIC_ICR_LOW  0x300u
#define XAPIC_ICR_HIGH 0x310u

#define XAPIC_LVT_TIMER	    0x320u
#define XAPIC_INITIAL_COUNT 0x380u
#define XAPIC_CURRENT_COUNT 0x390u
#define XAPIC_DIVIDE	    0x3e0u

#define XAPIC_LVT_MASKED  (1u << 16)
#define XAPIC_DIVIDE_BY_1 0xbu

#endif
