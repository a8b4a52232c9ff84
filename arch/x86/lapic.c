/* SPDX-License-Identifier: MIT */
/*
 * See lapic.h. SDM 3A "Issuing Interprocessor Interrupts". In xAPIC mode an IPI is two writes, and
 * the root may stand between the two: its upper half of the ICR is put back.
 */
#include "arch/x86/lapic.h"

#include "arch/virt.h"
#include "arch/x86/insn.h"
#include "arch/x86/percpu.h"
#include "x86/apic.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

#define ICR_MSR	     0x830u /* of an x2APIC: both halves */
#define ICR_LOW	     0x300u /* in the page of an xAPIC */
#define ICR_HIGH     0x310u
#define ICR_IS_BUSY  (1u << 12)
#define ICR_SEND_NMI 0x4400u /* delivery mode NMI, level assert, physical destination */
#define XAPIC_ID(id) ((uint32_t)(id) << 24)

/* No processor takes so long to send; a page that never answers is none of an APIC. */
#define PATIENCE 1000000u

uint32_t lapic_id(void)
{
	if (x86_cpuid(0, 0).eax >= CPUID_TOPOLOGY && x86_cpuid(CPUID_TOPOLOGY, 0).ebx)
		return x86_cpuid(CPUID_TOPOLOGY, 0).edx;
	return x86_cpuid(1, 0).ebx >> 24;
}

static volatile uint32_t *xapic_register(uint64_t base, unsigned int offset)
{
	return virt_ptr(SPA((base & PAGE_MASK) + offset));
}

static void wait_for_idle(const volatile uint32_t *icr)
{
	for (unsigned int i = 0; i < PATIENCE && (*icr & ICR_IS_BUSY); i++)
		x86_pause();
}

static void send_by_page(uint64_t base, uint32_t id, uint32_t message)
{
	volatile uint32_t *const low = xapic_register(base, ICR_LOW);
	volatile uint32_t *const high = xapic_register(base, ICR_HIGH);
	uint32_t roots;

	wait_for_idle(low);
	roots = *high;
	*high = XAPIC_ID(id);
	*low = message;
	wait_for_idle(low);
	*high = roots;
}

void virt_lapic_send(uint32_t id, uint32_t low)
{
	const uint64_t base = x86_rdmsr(MSR_APIC_BASE);

	if (base & APIC_BASE_EXTD) {
		/* SDM 3A "MSR Access in x2APIC Mode": WRMSR waits for no store before it. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		x86_wrmsr(ICR_MSR, (uint64_t)id << 32 | low);
	} else {
		send_by_page(base, id, low);
	}
}

void lapic_send_nmi(uint32_t id)
{
	virt_lapic_send(id, ICR_SEND_NMI);
}

uint32_t virt_lapic_id(void)
{
	return percpu()->apic_id;
}

uint32_t virt_lapic_read(unsigned int offset)
{
	return *xapic_register(x86_rdmsr(MSR_APIC_BASE), offset);
}

void virt_lapic_write(unsigned int offset, uint32_t value)
{
	*xapic_register(x86_rdmsr(MSR_APIC_BASE), offset) = value;
}
