/* SPDX-License-Identifier: MIT */
/* What the tests of the local APIC share: partitions that have some, and a guest that uses its own. */
#ifndef TESTS_UNIT_HV_APIC_H
#define TESTS_UNIT_HV_APIC_H

#include "hv/apic/page.h"
#include "hv/vp/signal.h"
#include "tests/unit/machine.h"
#include "whp/WinHvEvents.h"
#include "whp/WinHvExits.h"
#include "x86/apic.h"
#include "x86/msr.h"
#include "x86/rflags.h"

#define XAPIC  1u
#define X2APIC 2u

#define TSC_HZ 2000000000ull

static uint64_t apics; /* the partition */

/* A machine whose processor helps as `help` says, with a partition of n VPs. */
static inline void apic_world(uint8_t help, uint32_t mode, uint32_t n_vps)
{
	machine(256 * MIB);
	hv.tsc_hz = TSC_HZ;
	virt_machine.apic = help;
	apics = set_up_with(32 + 16 * n_vps, n_vps, mode, 0);
	for (uint32_t i = 0; i < n_vps; i++)
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, apics, i, 0, test_pages(1)), S_OK);
}

static inline struct vp *apic_vp(uint32_t index)
{
	return vp_of(apics, index);
}

static inline void enter_x2apic(struct vp *vp)
{
	REQUIRE(apic_write_msr(vp, MSR_APIC_BASE, vp->apic_base | APIC_BASE_EXTD));
	REQUIRE_EQ(vp->apic.mode, VIRT_APIC_X2APIC);
}

/* The guest's accesses, by the way of the mode that the APIC is in. */
static inline uint64_t guest_get(struct vp *vp, unsigned int n)
{
	uint64_t value;

	if (vp->apic.mode != VIRT_APIC_X2APIC)
		return apic_read(vp, APIC_PAGE + 16 * n, 4);
	REQUIRE(apic_read_msr(vp, MSR_X2APIC_FIRST + n, &value));
	return value;
}

static inline void guest_put(struct vp *vp, unsigned int n, uint64_t value)
{
	if (vp->apic.mode == VIRT_APIC_X2APIC) {
		REQUIRE(apic_write_msr(vp, MSR_X2APIC_FIRST + n, value));
		return;
	}
	if (n == APIC_ICR)
		apic_write(vp, APIC_PAGE + 16 * APIC_ICR_HIGH, 4, value >> 32);
	apic_write(vp, APIC_PAGE + 16 * n, 4, (uint32_t)value);
}

static inline void enable(struct vp *vp)
{
	guest_put(vp, APIC_SVR, 0x1ff);
	virt_regs(vp->virt)->rflags |= RFLAGS_IF;
}

static inline uint32_t request(uint64_t type, uint64_t logical, uint64_t level, uint32_t target,
			       uint32_t vector)
{
	return CALL(WHIT_CALL_REQUEST_INTERRUPT, apics, type | logical << 8 | level << 12,
		    target | (uint64_t)vector << 32);
}

/* As hv/run/run.c does it, up to the entry: the vector that the guest gets, -1. */
static inline int enter(struct vp *vp)
{
	int vector = -1;

	for (unsigned int i = 0; vp->apic.is_due || vp->apic.deadline <= fake.tsc; i++) {
		REQUIRE(i < 4);
		vp_prepare_apic(vp);
	}
	if (vp->apic.help & VIRT_APIC_DELIVERY) {
		if (virt_regs(vp->virt)->rflags & RFLAGS_IF)
			vector = fake_apic_deliver(vp->virt);
	} else if (vp->pending.type == VIRT_EVENT_INTERRUPT) {
		vector = vp->pending.vector;
		vp->pending.type = VIRT_EVENT_NONE;
	}
	return vector;
}

#endif
