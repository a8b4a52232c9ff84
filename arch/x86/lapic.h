/* SPDX-License-Identifier: MIT */
/*
 * The machine's own local APICs, which are the root's: the hypervisor uses them to send an NMI to
 * another processor, and leaves no trace of that. virt_lapic_…() are beside it.
 */
#ifndef ARCH_X86_LAPIC_H
#define ARCH_X86_LAPIC_H

#include <stdint.h>

/* The ID of this processor's, by CPUID: the one that it has had since its reset. */
uint32_t lapic_id(void);

/* Send an NMI to the processor whose local APIC has this ID. */
void lapic_send_nmi(uint32_t id);

#endif
