/* SPDX-License-Identifier: MIT */
/*
 * The VMCS: instructions that cannot fail, or else panic with the field's name and the caller, and
 * "load", which makes a VP's VMCS the processor's current one.
 */
#ifndef ARCH_VMX_VMCS_H
#define ARCH_VMX_VMCS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/virt.h"
#include "arch/vmx/fields.h"
#include "arch/vmx/insn.h"
#include "arch/x86/percpu.h"
#include "x86/compiler.h"

__attribute__((noreturn, cold, noinline)) void vmcs_read_failed(uint64_t field);
__attribute__((noreturn, cold, noinline)) void vmcs_write_failed(uint64_t field, uint64_t value);

static inline uint64_t vmread(uint64_t field)
{
	uint64_t value;

	if (unlikely(!vmx_vmread(field, &value)))
		vmcs_read_failed(field);
	return value;
}

static inline uint32_t vmread32(uint64_t field)
{
	return (uint32_t)vmread(field);
}

static inline void vmwrite(uint64_t field, uint64_t value)
{
	if (unlikely(!vmx_vmwrite(field, value)))
		vmcs_write_failed(field, value);
}

/* Panic if the instruction fails: only a bug can make it. */
void vmcs_clear(spa_t vmcs);
void vmcs_select(struct virt_vp *vp);

static inline bool vmcs_is_loaded(const struct virt_vp *vp)
{
	return percpu()->current == vp;
}

/* Make vp's VMCS current. */
static inline void vmcs_load(struct virt_vp *vp)
{
	if (unlikely(!vmcs_is_loaded(vp)))
		vmcs_select(vp);
}

#endif
