/* SPDX-License-Identifier: MIT */
/* A VP's registers after a reset and after INIT. */
#ifndef ARCH_X86_RESET_H
#define ARCH_X86_RESET_H

#include <stdint.h>

struct virt_vp;

/* As after INIT: registers that only a reset changes stay as they are. */
void reset_registers(struct virt_vp *vp, uint64_t cr0);

#endif
