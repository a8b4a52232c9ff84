/* SPDX-License-Identifier: MIT */
/* The step into the hypervisor, in launch.asm. */
#ifndef BOOT_LAUNCH_H
#define BOOT_LAUNCH_H

#include <stdint.h>

#include "whit/handover.h"

/*
 * Captures the state of this processor into handover->cpus[cpu] and calls entry(handover, cpu) on
 * launch_cr3 with interrupts off. Returns entry()'s answer with CR3, RFLAGS and stack as before; or
 * WHIT_LAUNCH_OK, in the root partition. EFER.NXE must be set.
 */
uint64_t launch(struct whit_handover *handover, uint32_t cpu, uint64_t entry, uint64_t launch_cr3);

/* The part of launch() that is C: writes handover->cpus[cpu]. */
void launch_capture(struct whit_handover *handover, uint32_t cpu, uint64_t rsp, uint64_t rip);

#endif
