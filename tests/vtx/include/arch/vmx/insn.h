/* SPDX-License-Identifier: MIT */
/* In the place of arch/vmx/insn.h: the VMX instructions of the model (tests/vtx/vmcs.c). True: it has succeeded. */
#ifndef VTX_VMX_INSN_H
#define VTX_VMX_INSN_H

#include <stdbool.h>
#include <stdint.h>

bool vmx_vmread(uint64_t field, uint64_t *value);
bool vmx_vmwrite(uint64_t field, uint64_t value);
bool vmx_vmclear(const uint64_t *page);
bool vmx_vmptrld(const uint64_t *page);
bool vmx_vmxon(const uint64_t *page);
void vmx_vmxoff(void);
bool vmx_invept(uint64_t type, uint64_t first, uint64_t second);
bool vmx_invvpid(uint64_t type, uint64_t first, uint64_t second);

#endif
