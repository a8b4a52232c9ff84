/* SPDX-License-Identifier: MIT */
/* In the place of arch/svm/insn.h: the instructions of the model (tests/svm/enter.c). */
#ifndef AMD_SVM_INSN_H
#define AMD_SVM_INSN_H

#include "x86/addr.h"

void svm_vmsave(spa_t page);
void svm_vmload(spa_t page);
void svm_clgi(void);
void svm_sti(void);
void svm_stgi(void);

#endif
