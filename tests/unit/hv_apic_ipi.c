/* SPDX-License-Identifier: MIT */
/* What local APICs send each other, and the client to them (hv/apic/ipi.c), against a plain reading of SDM 3A. */
#include "tests/random.h"
#include "tests/unit/hv_apic.h"

static struct random rng = { 1 };

#define N_VPS	   18u
#define SHORT_SELF (1u << 18)
#define SHORT_ALL  (2u << 18)
#define SHORT_ELSE (3u << 18)
#define INIT	   (5u << 8)
#define SIPI	   (6u << 8)
#define NMI	   (4u << 8)

static struct {
	uint8_t ldr, model;
	bool is_x2, is_off;
} shape[N_VPS];

static void shape_vps(bool may_x2)
{
	apic_world(0, X2APIC, N_VPS);
	for (uint32_t i = 0; i < N_VPS; i++) {
		struct vp *const vp = apic_vp(i);

		memset(&shape[i], 0, sizeof(shape[i]));
		enable(vp);
		shape[i].ldr = (uint8_t)(random_below(&rng, 2) ? 1u << random_below(&rng, 8)
							       : random_below(&rng, 256));
		shape[i].model = random_below(&rng, 2) ? 0xf : 0;
		guest_put(vp, APIC_LDR, (uint32_t)shape[i].ldr << 24);
		guest_put(vp, APIC_DFR, (uint32_t)shape[i].model << 28);
		shape[i].is_x2 = may_x2 && random_below(&rng, 2);
		if (shape[i].is_x2)
			enter_x2apic(vp);
		shape[i].is_off = random_below(&rng, 8) == 0;
		if (shape[i].is_off)
			REQUIRE(apic_write_msr(vp, MSR_APIC_BASE,
					       vp->apic_base &
						       ~(APIC_BASE_ENABLE | APIC_BASE_EXTD)));
	}
}

/* SDM 3A "Determining IPI Destination", word by word. */
static bool should_hit(uint32_t i, uint32_t id, bool is_logical, bool is_32bit)
{
	if (shape[i].is_off)
		return false;
	if (!is_logical)
		return id == (is_32bit ? ~0u : 0xffu) || id == i;
	if (shape[i].is_x2) {
		if (id == ~0u)
			return true;
		return id >> 16 == i / 16 && (id & 0xffff & 1u << i % 16);
	}
	if (id == ~0u)
		return true;
	if (id > 0xff)
		return false;
	if (shape[i].model == 0xf)
		return id & shape[i].ldr;
	return (id / 16 == 15 || id / 16 == shape[i].ldr / 16u) && (id % 16 & shape[i].ldr);
}

static bool has_irr(struct vp *vp, unsigned int vector)
{
	vp_take_signals(vp);
	apic_take(vp);
	return apic_get(&vp->apic, APIC_IRR + vector / 32) >> vector % 32 & 1;
}

static void check_targets(uint32_t id, bool is_logical, bool is_32bit, unsigned int vector)
{
	for (uint32_t i = 0; i < N_VPS; i++)
		REQUIRE_EQ(has_irr(apic_vp(i), vector), should_hit(i, id, is_logical, is_32bit));
}

static void clear_irrs(void)
{
	for (uint32_t i = 0; i < N_VPS; i++)
		for (unsigned int n = 0; n < 8; n++)
			apic_put(&apic_vp(i)->apic, APIC_IRR + n, 0);
}

static void destinations_are_those_of_the_manual(void)
{
	for (unsigned int world = 0; world < 12; world++) {
		shape_vps(world & 1);
		for (unsigned int round = 0; round < 300; round++) {
			const uint32_t from = (uint32_t)random_below(&rng, N_VPS);
			const bool is_logical = random_below(&rng, 2), is_x2 = shape[from].is_x2;
			uint32_t id = (uint32_t)random_below(&rng, 256);

			if (shape[from].is_off)
				continue;
			if (is_x2 && random_below(&rng, 2))
				id = (uint32_t)(random_below(&rng, 3) << 16 |
						random_below(&rng, 0x10000));
			if (random_below(&rng, 8) == 0)
				id = is_x2 ? ~0u : 0xff;
			guest_put(apic_vp(from), APIC_ICR,
				  (uint64_t)id << (is_x2 ? 32 : 56) | (uint32_t)is_logical << 11 |
					  0x60);
			check_targets(id, is_logical, is_x2, 0x60);
			clear_irrs();
			/* The client's are of either width. */
			REQUIRE_EQ(request(0, is_logical, 0, id, 0x61), S_OK);
			check_targets(id, is_logical, id > 0xff, 0x61);
			clear_irrs();
		}
	}
}

static void target_sets_are_the_same(void)
{
	const uint64_t buffer = BLOCK_BASE + 32 * MIB + 200 * MIB;
	uint64_t bits[4];

	shape_vps(true);
	for (unsigned int round = 0; round < 500; round++) {
		const bool is_logical = random_below(&rng, 2);
		const uint32_t id = random_below(&rng, 4) ? (uint32_t)random_below(&rng, 256)
							  : (uint32_t)random_below(&rng, 0x20000);

		REQUIRE_EQ(CALL(WHIT_CALL_INTERRUPT_TARGETS, apics, id, is_logical, buffer), S_OK);
		memcpy(bits, at(buffer), sizeof(bits));
		for (uint32_t i = 0; i < N_VPS; i++)
			REQUIRE_EQ(bits[0] >> i & 1, should_hit(i, id, is_logical, id > 0xff));
		REQUIRE(!(bits[0] >> N_VPS) && !bits[1] && !bits[2] && !bits[3]);
	}
	REQUIRE_EQ(CALL(WHIT_CALL_INTERRUPT_TARGETS, apics, 0, 2, buffer), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_INTERRUPT_TARGETS, apics, 1ull << 32, 0, buffer), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_INTERRUPT_TARGETS, apics, 0, 0, buffer + 1), E_POINTER);
	apic_world(0, 0, 1);
	REQUIRE_EQ(CALL(WHIT_CALL_INTERRUPT_TARGETS, apics, 0, 0, buffer),
		   (uint32_t)ERROR_HV_OPERATION_DENIED);
}

static void shorthands_reach_whom_they_say(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		static const uint32_t shorthand[] = { SHORT_SELF, SHORT_ALL, SHORT_ELSE };

		apic_world(0, XAPIC, 3);
		for (uint32_t n = 0; n < 3; n++)
			enable(apic_vp(n));
		guest_put(apic_vp(1), APIC_ICR, shorthand[i] | 0x77);
		for (uint32_t n = 0; n < 3; n++)
			REQUIRE_EQ(has_irr(apic_vp(n), 0x77), n == 1 ? i != 2 : i != 0);
		guest_put(apic_vp(1), APIC_ICR, shorthand[i] | NMI | 0x77);
		for (uint32_t n = 0; n < 3; n++) {
			vp_take_signals(apic_vp(n));
			REQUIRE_EQ(apic_vp(n)->nmi_requested, n == 1 ? i != 2 : i != 0);
		}
		/* INIT, SIPI and lowest priority to oneself are no combination. */
		guest_put(apic_vp(1), APIC_ICR, SHORT_SELF | INIT | 1u << 14);
		guest_put(apic_vp(1), APIC_ICR, SHORT_ALL | SIPI | 1u << 14);
		guest_put(apic_vp(1), APIC_ICR, SHORT_SELF | 1u << 8 | 0x78);
		REQUIRE_EQ(apic_vp(1)->apic.signals, 0);
		REQUIRE(!has_irr(apic_vp(1), 0x78));
	}
	apic_world(0, X2APIC, 2);
	enter_x2apic(apic_vp(1));
	enable(apic_vp(1));
	guest_put(apic_vp(1), APIC_SELF_IPI, 0x99);
	REQUIRE(has_irr(apic_vp(1), 0x99));
	guest_put(apic_vp(1), APIC_SELF_IPI, 9);
	REQUIRE_EQ(apic_vp(1)->apic.errors, ESR_SEND_VECTOR);
}

static void lowest_priority_goes_to_one(void)
{
	apic_world(0, XAPIC, 4);
	for (uint32_t n = 0; n < 4; n++) {
		if (n != 2)
			enable(apic_vp(n));
		guest_put(apic_vp(n), APIC_LDR, 1u << (24 + n));
		guest_put(apic_vp(n), APIC_TPR, 0x50 - 0x10 * n);
	}
	REQUIRE_EQ(request(1, 1, 0, 0x0f, 0x60), S_OK);
	for (uint32_t n = 0; n < 4; n++)
		REQUIRE_EQ(has_irr(apic_vp(n), 0x60), n == 3);
	/* VP 2 is disabled by software, VP 3 is not meant. */
	REQUIRE_EQ(request(1, 1, 0, 0x07, 0x61), S_OK);
	for (uint32_t n = 0; n < 4; n++)
		REQUIRE_EQ(has_irr(apic_vp(n), 0x61), n == 1);
	guest_put(apic_vp(0), APIC_ICR, 0x0full << 56 | 1u << 11 | 1u << 8 | 0x62);
	for (uint32_t n = 0; n < 4; n++)
		REQUIRE_EQ(has_irr(apic_vp(n), 0x62), n == 3);
}

static void init_and_sipi_start_another(void)
{
	struct vp *bsp, *ap;
	struct x86_segment cs;

	apic_world(0, XAPIC, 2);
	bsp = apic_vp(0);
	ap = apic_vp(1);
	enable(ap);
	/* De-asserted: nothing. */
	guest_put(bsp, APIC_ICR, 1ull << 56 | INIT | 1u << 15);
	REQUIRE(!ap->apic.is_due || !ap->apic.signals);
	guest_put(bsp, APIC_ICR, 1ull << 56 | INIT | 1u << 15 | 1u << 14);
	REQUIRE_EQ(ap->apic.signals, APIC_SIGNAL_INIT);
	vp_prepare_apic(ap);
	REQUIRE_EQ(ap->activity, ACTIVITY_STARTUP);
	REQUIRE_EQ(guest_get(ap, APIC_SVR), 0xff);
	REQUIRE_EQ(guest_get(ap, APIC_ID), 1u << 24);
	guest_put(bsp, APIC_ICR, 1ull << 56 | SIPI | 0x9a);
	guest_put(bsp, APIC_ICR, 1ull << 56 | SIPI | 0x9b);
	vp_prepare_apic(ap);
	REQUIRE_EQ(ap->activity, 0);
	virt_get_segment(ap->virt, SEG_CS, &cs);
	REQUIRE_EQ(cs.base, 0x9a000);
	REQUIRE_EQ(cs.selector, 0x9a00);
	REQUIRE_EQ(virt_regs(ap->virt)->rip, 0);
	/* It runs: another SIPI is nothing to it. Both at once are taken in their order. */
	guest_put(bsp, APIC_ICR, 1ull << 56 | SIPI | 0x9c);
	vp_prepare_apic(ap);
	virt_get_segment(ap->virt, SEG_CS, &cs);
	REQUIRE_EQ(cs.base, 0x9a000);
	guest_put(bsp, APIC_ICR, 1ull << 56 | SIPI | 0x11);
	guest_put(bsp, APIC_ICR, 1ull << 56 | INIT | 1u << 14);
	vp_prepare_apic(ap);
	REQUIRE_EQ(ap->activity, ACTIVITY_STARTUP);
	guest_put(bsp, APIC_ICR, 1ull << 56 | INIT | 1u << 14);
	REQUIRE_EQ(request(6, 0, 0, 1, 0x12), S_OK);
	vp_prepare_apic(ap);
	virt_get_segment(ap->virt, SEG_CS, &cs);
	REQUIRE_EQ(cs.base, 0x12000);
	/* The bootstrap processor does not wait. */
	REQUIRE_EQ(request(5, 0, 0, 0, 0), S_OK);
	vp_prepare_apic(bsp);
	REQUIRE_EQ(bsp->activity, 0);
	REQUIRE_EQ(virt_regs(bsp->virt)->rip, 0xfff0);
}

static void client_that_asks_for_init_and_smi_gets_them(void)
{
	struct vp *bsp, *ap;

	apic_world(0, XAPIC, 2);
	bsp = apic_vp(0);
	ap = apic_vp(1);
	partition_of(apics)->properties.extended_exits = EXITS_INIT_SIPI | EXITS_SMI;
	guest_put(bsp, APIC_ICR, 1ull << 56 | INIT | 1u << 14);
	REQUIRE_EQ(ap->apic.signals, 0);
	REQUIRE_EQ(bsp->apic.trap.reason, WHvRunVpExitReasonX64ApicInitSipiTrap);
	REQUIRE_EQ(bsp->apic.trap.value, 1ull << 56 | INIT | 1u << 14);
	bsp->apic.trap.reason = 0;
	guest_put(bsp, APIC_ICR, 1ull << 56 | 2u << 8);
	REQUIRE_EQ(bsp->apic.trap.reason, WHvRunVpExitReasonX64ApicSmiTrap);
	bsp->apic.trap.reason = 0;
	REQUIRE_EQ(request(5, 0, 0, 1, 0), S_OK);
	REQUIRE_EQ(ap->apic.signals, APIC_SIGNAL_INIT);
	partition_of(apics)->properties.extended_exits = 0;
	guest_put(bsp, APIC_ICR, 1ull << 56 | 2u << 8);
	REQUIRE_EQ(bsp->apic.trap.reason, 0);
}

static void requests_are_judged(void)
{
	static const uint32_t types[] = { 0, 1, 4, 5, 6, 9 };

	apic_world(0, XAPIC, 1);
	for (uint32_t type = 0; type < 256; type++) {
		bool is_known = false;

		for (size_t i = 0; i < 6; i++)
			is_known |= types[i] == type;
		REQUIRE_EQ(request(type, 0, 0, 9, 0x40), is_known ? S_OK : E_INVALIDARG);
	}
	for (unsigned int bit = 0; bit < 64; bit++)
		if (bit != 0 && bit != 2 && bit != 8 && bit != 12)
			REQUIRE_EQ(CALL(WHIT_CALL_REQUEST_INTERRUPT, apics, 1ull << bit, 9),
				   E_INVALIDARG);
	REQUIRE_EQ(request(0, 0, 0, 0, 256), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_REQUEST_INTERRUPT, apics + 1, 0, 0), E_INVALIDARG);
}

static void lint1_follows_its_entry(void)
{
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	enable(vp);
	REQUIRE_EQ(request(9, 0, 0, 0, 0), S_OK);
	REQUIRE_EQ(enter(vp), -1);
	REQUIRE(!vp->nmi_requested);
	guest_put(vp, APIC_LVT_LINT1, 0x45);
	REQUIRE_EQ(request(9, 0, 0, 0, 0), S_OK);
	REQUIRE_EQ(enter(vp), 0x45);
	guest_put(vp, APIC_LVT_LINT1, NMI);
	REQUIRE_EQ(request(9, 0, 0, 0, 0), S_OK);
	REQUIRE_EQ(enter(vp), -1);
	REQUIRE(vp->nmi_requested);
	/* Without an APIC the pin is NMI. */
	vp->nmi_requested = false;
	REQUIRE(apic_write_msr(vp, MSR_APIC_BASE, APIC_PAGE));
	REQUIRE_EQ(request(9, 0, 0, 0, 0), S_OK);
	REQUIRE_EQ(request(4, 0, 0, 0, 0), S_OK);
	vp_prepare_apic(vp);
	REQUIRE(!vp->nmi_requested);
	vp->apic.signals = APIC_SIGNAL_LINT1;
	vp_prepare_apic(vp);
	REQUIRE(vp->nmi_requested);
}

static void level_is_told_at_its_end(void)
{
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	enable(vp);
	REQUIRE_EQ(request(0, 0, 1, 0, 0x51), S_OK);
	REQUIRE_EQ(enter(vp), 0x51);
	REQUIRE_EQ(guest_get(vp, APIC_TMR + 2), 1u << 17);
	guest_put(vp, APIC_EOI, 0);
	REQUIRE_EQ(vp->apic.trap.reason, WHvRunVpExitReasonX64ApicEoi);
	REQUIRE_EQ(vp->apic.trap.detail, 0x51);
	vp->apic.trap.reason = 0;
	REQUIRE_EQ(request(0, 0, 0, 0, 0x51), S_OK);
	REQUIRE_EQ(enter(vp), 0x51);
	guest_put(vp, APIC_EOI, 0);
	REQUIRE_EQ(vp->apic.trap.reason, 0);
	/* An IPI is an edge, whatever its trigger mode. */
	guest_put(vp, APIC_ICR, SHORT_SELF | 1u << 15 | 1u << 14 | 0x52);
	REQUIRE_EQ(enter(vp), 0x52);
	REQUIRE_EQ(guest_get(vp, APIC_TMR + 2), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(destinations_are_those_of_the_manual),
		TEST(target_sets_are_the_same),
		TEST(shorthands_reach_whom_they_say),
		TEST(lowest_priority_goes_to_one),
		TEST(init_and_sipi_start_another),
		TEST(client_that_asks_for_init_and_smi_gets_them),
		TEST(requests_are_judged),
		TEST(lint1_follows_its_entry),
		TEST(level_is_told_at_its_end),
	};

	return RUN(tests);
}
