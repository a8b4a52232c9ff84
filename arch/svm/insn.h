/* SPDX-License-Identifier: MIT */
/* Wrappers of the SVM instructions but VMRUN (enter.asm), and STI. */
#ifndef ARCH_SVM_INSN_H
#define ARCH_SVM_INSN_H

#include "x86/addr.h"

/* Of a page, by its physical address: FS, GS, TR, LDTR, and the MSRs that go with them. */
static inline void svm_vmsave(spa_t page)
{
	__asm__ volatile("vmsave %%rax" : : "a"(page.a) : "memory");
}

static inline void svm_vmload(spa_t page)
{
	__asm__ volatile("vmload %%rax" : : "a"(page.a) : "memory");
}

static inline void svm_clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

static inline void svm_stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

static inline void svm_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

#endif
