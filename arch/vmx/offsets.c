/* SPDX-License-Identifier: MIT */
/* Constants for this folder's assembly, see arch/x86/offsets.c. */
#include <stddef.h>

#include "arch/virt.h"
#include "arch/vmx/fields.h"
#include "arch/x86/percpu.h"

#define DEFINE(name, value) \
	__asm__ volatile(".ascii \"@define " #name " %c0\"" : : "i"((long)(value)))

void offsets(void);

void offsets(void)
{
	DEFINE(PERCPU_PENDING, offsetof(struct percpu, pending));
	DEFINE(REGS_GPR, offsetof(struct virt_regs, gpr));
	DEFINE(VMCS_HOST_RSP, VMCS_HOST_RSP);
}
