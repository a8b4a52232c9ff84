/* SPDX-License-Identifier: MIT */
/*
 * Constants for assembly. This file is compiled to assembly text only; the build picks the marked
 * lines and makes offsets.inc of them (arch/rules.mk).
 */
#include <stddef.h>

#include "arch/svm/svm.h"
#include "arch/x86/percpu.h"

#define DEFINE(name, value) \
	__asm__ volatile(".ascii \"@define " #name " %c0\"" : : "i"((long)(value)))

void offsets(void);

void offsets(void)
{
	DEFINE(PERCPU_PENDING, offsetof(struct percpu, pending));
	DEFINE(REGS_GPR, offsetof(struct virt_regs, gpr));
	DEFINE(SVM_VP_GS_BASE, offsetof(struct svm_vp, gs_base));
}
