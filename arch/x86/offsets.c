/* SPDX-License-Identifier: MIT */
/*
 * Constants for this folder's assembly. Such a file is compiled to assembly text only; the build
 * picks the marked lines and makes offsets.inc of them (arch/rules.mk).
 */
#include "x86/exc.h"

#define DEFINE(name, value) \
	__asm__ volatile(".ascii \"@define " #name " %c0\"" : : "i"((long)(value)))

void offsets(void);

void offsets(void)
{
	DEFINE(EXC_HAS_ERROR_CODE_MASK, EXC_HAS_ERROR_CODE);
}
