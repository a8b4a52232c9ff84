/* SPDX-License-Identifier: MIT */
/* The parts of arch/virt.h that are the same on every vendor's processor. */
#include "arch/virt.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/stop.h"
#include "arch/x86/string.h"
#include "whit/layout.h"
#include "x86/msr.h"
#include "x86/paging.h"

const uint64_t virt_direct_base = WHIT_DIRECT_BASE;

struct x86_cpuid virt_cpuid(uint32_t leaf, uint32_t subleaf)
{
	return x86_cpuid(leaf, subleaf);
}

bool virt_rdmsr(uint32_t msr, uint64_t *value)
{
	return x86_rdmsr_safe(msr, value);
}

bool virt_wrmsr(uint32_t msr, uint64_t value)
{
	return x86_wrmsr_safe(msr, value);
}

bool virt_xsetbv(uint32_t index, uint64_t value)
{
	return x86_xsetbv_safe(index, value);
}

void virt_wbinvd(void)
{
	x86_wbinvd();
}

uint64_t virt_tsc(void)
{
	return x86_rdtsc();
}

uint32_t virt_cpu(void)
{
	return percpu()->index;
}

/* The reset control register of PCI chipsets: the reset comes as RESET_CPU is set. */
#define RESET_PORT   0xcf9
#define RESET_SYSTEM 0x02
#define RESET_CPU    0x04

void virt_reset(void)
{
	const struct x86_table no_idt = { .limit = 0 };

	if (!stop_others(STOP_QUIETLY))
		stop_here();
	stop_wait();
	/* VMX operation blocks INIT, which is how some chipsets answer a shutdown. */
	if (percpu()->is_virt_on)
		backend_off();
	x86_outb(RESET_PORT, RESET_SYSTEM);
	x86_outb(RESET_PORT, RESET_SYSTEM | RESET_CPU);
	/*
	 * Without that register: what the root did, an exception that nothing can be delivered for.
	 */
	x86_lidt(&no_idt);
	x86_int3();
	for (;;)
		x86_hlt();
}

/* The root's MTRRs that are in force, on all processors; under the lock of hv/ over its space. */
static struct mtrr_state mtrr_in_force;

bool virt_memory_type(spa_t block, unsigned int level, uint8_t *type)
{
	*type = MEMTYPE_WB;
	return !backend_has_memory_types ||
	       memory_type(&mtrr_in_force, block.a, LEVEL_SIZE(level), type);
}

bool virt_memory_type_changed(void)
{
	const struct mtrr_state *const written = &percpu()->mtrr_written;

	if (!backend_has_memory_types || !memcmp(&mtrr_in_force, written, sizeof(*written)))
		return false;
	mtrr_in_force = *written;
	return true;
}

bool virt_mtrr_get(uint32_t msr, uint64_t *value)
{
	const uint64_t *place = mtrr_place(&percpu()->mtrr_written, msr);

	if (place)
		*value = *place;
	return place;
}

bool virt_mtrr_set(uint32_t msr, uint64_t value)
{
	uint64_t *place = mtrr_place(&percpu()->mtrr_written, msr);

	if (place)
		*place = value;
	return place;
}

void machine_read_mtrrs(struct mtrr_state *mtrr)
{
	*mtrr = (struct mtrr_state) { .physical_bits = virt_machine.memory_bits };
	/* Without MTRRs there is no other word on memory types: all of it is left to the PAT. */
	mtrr->def_type = MTRR_DEF_TYPE_E | MEMTYPE_WB;
	if (x86_cpuid(1, 0).edx & CPUID1_EDX_MTRR) {
		mtrr->cap = x86_rdmsr(MSR_MTRRCAP);
		mtrr->def_type = x86_rdmsr(MSR_MTRR_DEF_TYPE);
	}
	mtrr->n_variable = (uint32_t)(mtrr->cap & MTRRCAP_VCNT);
	if (mtrr->n_variable > MTRR_MAX_VARIABLE)
		mtrr->n_variable = MTRR_MAX_VARIABLE;
	for (uint32_t i = 0; i < mtrr->n_variable; i++) {
		mtrr->base[i] = x86_rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i);
		mtrr->mask[i] = x86_rdmsr(MSR_MTRR_PHYSMASK0 + 2 * i);
	}
	for (uint32_t i = 0; i < MTRR_FIXED && mtrr->cap & MTRRCAP_FIX; i++)
		mtrr->fixed[i] = x86_rdmsr(mtrr_fixed[i]);
}
