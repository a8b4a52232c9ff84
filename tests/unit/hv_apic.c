/* SPDX-License-Identifier: MIT */
/* Registers, modes and priorities of the local APIC (hv/apic/apic.c, apic_mode.c, apic_state.c). */
#include "tests/random.h"
#include "tests/unit/hv_apic.h"
#include "hv/vp/vp.h"

static struct random rng = { 1 };

#define ALL_HELP \
	(VIRT_APIC_TPR | VIRT_APIC_PAGE | VIRT_APIC_REGISTERS | VIRT_APIC_DELIVERY | VIRT_APIC_X2)

/* ---- Registers --------------------------------------------------------------------------- */

/* SDM 3A "Local APIC State After Power-Up or Reset", and what is not there. */
static const struct {
	uint32_t n, reset,
		ones; /* after a reset; after ones were written to it with the APIC enabled */
	bool is_x2_readable, is_x2_writable;
} expected[] = {
	{ APIC_ID, 1u << 24, 1u << 24, true, false },
	{ APIC_VERSION, 0x50014, 0x50014, true, false },
	{ APIC_TPR, 0, 0xff, true, true },
	{ APIC_APR, 0, 0, false, false },
	{ APIC_PPR, 0, 0, true, false },
	{ APIC_EOI, 0, 0, false, true },
	{ APIC_RRD, 0, 0, false, false },
	{ APIC_LDR, 0, 0xff000000, true, false },
	{ APIC_DFR, ~0u, ~0u, false, false },
	{ APIC_SVR, 0xff, 0x1ff, true, true },
	{ APIC_ISR, 0, 0, true, false },
	{ APIC_ISR + 7, 0, 0, true, false },
	{ APIC_TMR, 0, 0, true, false },
	{ APIC_TMR + 7, 0, 0, true, false },
	{ APIC_IRR, 0, 0, true, false },
	{ APIC_IRR + 7, 0, 0, true, false },
	{ APIC_ICR, 0, 0x000ccfff, true, true },
	{ APIC_ICR_HIGH, 0, 0xff000000, false, false },
	{ APIC_LVT_TIMER, 0x10000, 0x700ff, true, true },
	{ APIC_LVT_THERMAL, 0x10000, 0x107ff, true, true },
	{ APIC_LVT_PERF, 0x10000, 0x107ff, true, true },
	{ APIC_LVT_LINT0, 0x10000, 0x1a7ff, true, true },
	{ APIC_LVT_LINT1, 0x10000, 0x1a7ff, true, true },
	{ APIC_LVT_ERROR, 0x10000, 0x100ff, true, true },
	{ APIC_INITIAL_COUNT, 0, ~0u, true, true },
	{ APIC_CURRENT_COUNT, 0, 0, true, false },
	{ APIC_DIVIDE, 0, 0xb, true, true },
};

#define N_EXPECTED (sizeof(expected) / sizeof(expected[0]))

static void xapic_registers_have_their_bits(void)
{
	for (size_t i = 0; i < N_EXPECTED; i++) {
		const uint32_t n = expected[i].n;
		struct vp *vp;

		apic_world(0, XAPIC, 2);
		vp = apic_vp(1);
		REQUIRE_EQ(guest_get(vp, n), expected[i].reset);
		guest_put(vp, APIC_SVR, 0x1ff);
		apic_write(vp, APIC_PAGE + 16 * n, 4, ~0u);
		if (n == APIC_PPR || n == APIC_CURRENT_COUNT)
			continue;
		REQUIRE_EQ(guest_get(vp, n), expected[i].ones);
		if (!(n >= APIC_LVT_TIMER && n <= APIC_LVT_ERROR) && n != APIC_ICR) {
			apic_write(vp, APIC_PAGE + 16 * n, 4, 0);
			REQUIRE_EQ(guest_get(vp, n), n == APIC_DFR ? 0x0fffffff
						     : expected[i].ones == expected[i].reset
							     ? expected[i].reset
							     : 0);
		}
	}
}

static void x2apic_refuses_reserved_bits_and_registers(void)
{
	struct vp *vp;
	uint64_t value;

	apic_world(0, X2APIC, 2);
	vp = apic_vp(1);
	REQUIRE(!apic_read_msr(vp, MSR_X2APIC_FIRST + APIC_ID, &value));
	REQUIRE(!apic_write_msr(vp, MSR_X2APIC_FIRST + APIC_TPR, 0));
	enter_x2apic(vp);
	guest_put(vp, APIC_SVR, 0x1ff);
	for (unsigned int n = 0; n < 0x100; n++) {
		const uint32_t msr = MSR_X2APIC_FIRST + n;
		bool is_readable = n >= APIC_ISR && n <= APIC_ESR;
		bool is_writable = n == APIC_ESR || n == APIC_SELF_IPI;

		for (size_t i = 0; i < N_EXPECTED; i++) {
			if (expected[i].n != n)
				continue;
			is_readable = expected[i].is_x2_readable;
			is_writable = expected[i].is_x2_writable;
		}
		REQUIRE(apic_owns_msr(vp, msr));
		REQUIRE_EQ(apic_read_msr(vp, msr, &value), is_readable);
		REQUIRE_EQ(apic_write_msr(vp, msr, n == APIC_SVR ? 0x1ff : 0), is_writable);
		for (unsigned int bit = 0; bit < 64 && is_writable; bit++) {
			bool is_legal = n == APIC_SELF_IPI && bit < 8;

			for (size_t i = 0; i < N_EXPECTED; i++)
				if (expected[i].n == n && bit < 32)
					is_legal |= expected[i].ones >> bit & 1;
			if (n == APIC_EOI || n == APIC_ESR)
				is_legal = false;
			if (n == APIC_ICR)
				is_legal |= bit >= 32 || bit == 12;
			if (n >= APIC_LVT_TIMER && n <= APIC_LVT_ERROR)
				is_legal |= bit == 12 || bit == 14;
			REQUIRE_EQ(apic_write_msr(vp, msr, 1ull << bit), is_legal);
		}
	}
	REQUIRE_EQ(guest_get(vp, APIC_ID), 1);
	REQUIRE_EQ(guest_get(vp, APIC_LDR), 2);
}

static void page_takes_accesses_of_any_size(void)
{
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	REQUIRE(apic_covers(&vp->apic, APIC_PAGE) && apic_covers(&vp->apic, APIC_PAGE + 0xfff));
	REQUIRE(!apic_covers(&vp->apic, APIC_PAGE - 1) &&
		!apic_covers(&vp->apic, APIC_PAGE + 0x1000));
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x30, 1), 0x14);
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x31, 1), 0x00);
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x32, 2), 0x0005);
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x33, 4), 0);
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x34, 4), 0);
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x30, 8), 0x50014);
	for (unsigned int size = 1; size <= 8; size++)
		for (unsigned int at = 0; at < 16; at++) {
			apic_write(vp, APIC_PAGE + 0x80 + at, size, ~0ull);
			REQUIRE_EQ(guest_get(vp, APIC_TPR), size == 4 && !at ? 0xff : 0);
			guest_put(vp, APIC_TPR, 0);
		}
	REQUIRE_EQ(vp->apic.errors, 0);
	REQUIRE_EQ(apic_read(vp, APIC_PAGE + 0x400, 4), 0);
	REQUIRE_EQ(vp->apic.errors, ESR_ILLEGAL_ADDRESS);
}

static void esr_shows_at_the_next_write(void)
{
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	enable(vp);
	guest_put(vp, APIC_LVT_ERROR, 0xe1);
	apic_write(vp, APIC_PAGE + 16 * APIC_VERSION, 4, 0);
	REQUIRE_EQ(guest_get(vp, APIC_ESR), 0);
	REQUIRE_EQ(enter(vp), 0xe1);
	apic_write(vp, APIC_PAGE + 0x3f0, 4, 0x40);
	REQUIRE_EQ(enter(vp), -1);
	guest_put(vp, APIC_ESR, 0);
	REQUIRE_EQ(guest_get(vp, APIC_ESR), ESR_ILLEGAL_ADDRESS);
	guest_put(vp, APIC_ESR, 0);
	REQUIRE_EQ(guest_get(vp, APIC_ESR), 0);
	/* An illegal vector is refused by the sender; from the client, by the target; in LVT_ERROR, when it is used. */
	guest_put(vp, APIC_ICR, 1u << 18 | 15);
	REQUIRE_EQ(vp->apic.errors, ESR_SEND_VECTOR);
	guest_put(vp, APIC_LVT_ERROR, 0x0f);
	REQUIRE_EQ(request(0, 0, 0, 0, 0), S_OK);
	guest_put(vp, APIC_EOI, 0);
	REQUIRE_EQ(enter(vp), 0xe1);
	REQUIRE_EQ(vp->apic.errors, ESR_SEND_VECTOR | ESR_RECEIVE_VECTOR);
}

static void software_disable_masks_and_drops(void)
{
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	virt_regs(vp->virt)->rflags |= RFLAGS_IF;
	guest_put(vp, APIC_LVT_LINT0, 0x40);
	REQUIRE_EQ(guest_get(vp, APIC_LVT_LINT0), 0x10040);
	REQUIRE_EQ(request(0, 0, 0, 0, 0x50), S_OK);
	REQUIRE_EQ(enter(vp), -1);
	REQUIRE_EQ(guest_get(vp, APIC_IRR + 2), 0);
	enable(vp);
	guest_put(vp, APIC_LVT_LINT0, 0x40);
	REQUIRE_EQ(guest_get(vp, APIC_LVT_LINT0), 0x40);
	guest_put(vp, APIC_SVR, 0xff);
	REQUIRE_EQ(guest_get(vp, APIC_LVT_LINT0), 0x10040);
	guest_put(vp, APIC_SVR, 0x1ff);
	REQUIRE_EQ(guest_get(vp, APIC_LVT_LINT0), 0x10040);
}

/* ---- Modes ------------------------------------------------------------------------------- */

static void apic_base_follows_the_state_diagram(void)
{
	static const uint64_t state[4] = { 0, APIC_BASE_EXTD, APIC_BASE_ENABLE,
					   APIC_BASE_ENABLE | APIC_BASE_EXTD };
	static const bool legal[4][4] = {
		/* disabled, invalid, xAPIC, x2APIC: from the row to the column */
		{ true, false, true, false },
		{ false, false, false, false },
		{ true, false, true, true },
		{ true, false, false, true },
	};
	struct vp *vp;

	for (uint32_t mode = XAPIC; mode <= X2APIC; mode++)
		for (unsigned int from = 0; from < 4; from++)
			for (unsigned int to = 0; to < 4; to++) {
				const uint64_t next = APIC_PAGE | state[to];
				const bool is_legal = legal[from][to] &&
						      (mode == X2APIC || !(next & APIC_BASE_EXTD));

				if (from == 1 || (from == 3 && mode == XAPIC))
					continue;
				apic_world(0, mode, 1);
				vp = apic_vp(0);
				REQUIRE(apic_set_base(vp, APIC_PAGE | state[from]));
				REQUIRE_EQ(apic_write_msr(vp, MSR_APIC_BASE, next), is_legal);
				REQUIRE_EQ(vp->apic_base, APIC_PAGE | state[is_legal ? to : from]);
				REQUIRE_EQ(apic_covers(&vp->apic, APIC_PAGE),
					   vp->apic_base == (APIC_PAGE | APIC_BASE_ENABLE));
			}
	apic_world(0, X2APIC, 1);
	vp = apic_vp(0);
	REQUIRE_EQ(vp->apic_base, APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_BSP);
	for (unsigned int bit = 0; bit < 64; bit++)
		if (bit != 8 && bit != 10 && bit != 11)
			REQUIRE(!apic_write_msr(vp, MSR_APIC_BASE, vp->apic_base ^ 1ull << bit));
	/* Through disabled all is as after a reset; INIT keeps the mode. */
	guest_put(vp, APIC_SVR, 0x1ff);
	enter_x2apic(vp);
	REQUIRE_EQ(guest_get(vp, APIC_SVR), 0x1ff);
	vp_reset(vp, true);
	REQUIRE_EQ(vp->apic.mode, VIRT_APIC_X2APIC);
	REQUIRE_EQ(guest_get(vp, APIC_SVR), 0xff);
	guest_put(vp, APIC_SVR, 0x1ff);
	REQUIRE(apic_write_msr(vp, MSR_APIC_BASE, APIC_PAGE | APIC_BASE_BSP));
	REQUIRE(apic_write_msr(vp, MSR_APIC_BASE, APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_BSP));
	REQUIRE_EQ(guest_get(vp, APIC_SVR), 0xff);
	REQUIRE_EQ(guest_get(vp, APIC_LDR), 0);
}

/* The end of a call, or the top of the loop in Run: the page of the APICs follows the mode. */
static void settle_page(struct vp *vp)
{
	const struct partition_locked held = partition_lock(vp->partition);

	if (vp->apic.page_is_due)
		gpa_apic_page(held);
	partition_unlock(held);
	vp->apic.page_is_due = false;
}

static void processor_is_told_of_modes(void)
{
	const struct virt_vp *virt;
	struct vp *vp;

	apic_world(ALL_HELP, X2APIC, 2);
	vp = apic_vp(0);
	virt = vp->virt;
	REQUIRE_EQ(virt->apic_mode, VIRT_APIC_XAPIC);
	REQUIRE_EQ(virt->apic_page.a, vp->apic.page_spa.a);
	REQUIRE_EQ(virt->apic_access.a, partition_of(apics)->apic_access.a);
	REQUIRE(virt->apic_access.a);
	REQUIRE_EQ(virt_space_lookup(&partition_of(apics)->space, GPA(APIC_PAGE)).spa.a,
		   virt->apic_access.a);
	REQUIRE(!page_at(apics, (APIC_PAGE)).ptr);
	enter_x2apic(vp);
	settle_page(vp);
	REQUIRE_EQ(virt->apic_mode, VIRT_APIC_X2APIC);
	REQUIRE(!virt_space_lookup(&partition_of(apics)->space, GPA(APIC_PAGE)).rights);
	REQUIRE(apic_set_base(vp, APIC_PAGE | APIC_BASE_ENABLE));
	settle_page(vp);
	REQUIRE_EQ(virt_space_lookup(&partition_of(apics)->space, GPA(APIC_PAGE)).rights,
		   VIRT_READ | VIRT_WRITE);
	delete_all(apics);
	check_clean();
}

static void partition_without_apics_has_none(void)
{
	uint64_t value;
	struct vp *vp;

	apic_world(ALL_HELP, 0, 1);
	vp = apic_vp(0);
	REQUIRE(!vp->apic.page);
	REQUIRE(!apic_covers(&vp->apic, APIC_PAGE));
	REQUIRE(!apic_owns_msr(vp, MSR_APIC_BASE));
	REQUIRE(!partition_of(apics)->apic_access.a);
	REQUIRE(apic_get_register(vp, WHvX64RegisterApicId, &value) != NULL);
	REQUIRE_EQ(request(0, 0, 0, 0, 0x40), E_INVALIDARG);
	delete_all(apics);
	check_clean();
}

/* ---- Priorities -------------------------------------------------------------------------- */

struct reference {
	bool irr[256], isr[256], level[256];
	uint32_t tpr;
};

static int model_highest(const bool set[256])
{
	int vector = 255;

	while (vector >= 0 && !set[vector])
		vector--;
	return vector;
}

static uint32_t model_ppr(const struct reference *model)
{
	const int isr = model_highest(model->isr);

	if (isr < 0 || model->tpr / 16 >= (uint32_t)isr / 16)
		return model->tpr;
	return (uint32_t)isr / 16 * 16;
}

static int model_take(struct reference *model)
{
	const int irr = model_highest(model->irr);

	if (irr < 0 || (uint32_t)irr / 16 <= model_ppr(model) / 16)
		return -1;
	model->irr[irr] = false;
	model->isr[irr] = true;
	return irr;
}

/* Guest and client in turns; `writes_tpr`: the processor lets the guest write the TPR by itself. */
static void compare(struct vp *vp, const struct reference *model)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t irr = 0, isr = 0;

		for (unsigned int bit = 0; bit < 32; bit++) {
			irr |= (uint32_t)model->irr[32 * i + bit] << bit;
			isr |= (uint32_t)model->isr[32 * i + bit] << bit;
		}
		REQUIRE_EQ(guest_get(vp, APIC_IRR + i), irr);
		REQUIRE_EQ(guest_get(vp, APIC_ISR + i), isr);
	}
	REQUIRE_EQ(guest_get(vp, APIC_PPR), model_ppr(model));
	REQUIRE_EQ(guest_get(vp, APIC_TPR), model->tpr);
	REQUIRE_EQ(vp_cr8(vp), model->tpr >> 4);
}

static void guest_write_tpr(struct vp *vp, struct reference *model, uint32_t tpr, bool by_cr8)
{
	if (by_cr8)
		tpr &= 0xf0;
	model->tpr = tpr;
	if (vp->apic.help & VIRT_APIC_TPR) {
		apic_put(&vp->apic, APIC_TPR, tpr);
		if (tpr >> 4 < vp->virt->apic.threshold)
			apic_exit(vp, &(struct virt_exit) { .reason = VIRT_EXIT_TPR });
	} else if (by_cr8) {
		vp_set_cr8(vp, tpr >> 4);
	} else {
		guest_put(vp, APIC_TPR, tpr);
	}
}

static int guest_eoi(struct vp *vp)
{
	int vector = -1;

	if (vp->apic.help & VIRT_APIC_DELIVERY) {
		vector = fake_apic_eoi(vp->virt);
		if (vector >= 0)
			apic_exit(vp, &(struct virt_exit) { .reason = VIRT_EXIT_APIC_EOI,
							    .apic_eoi = { (uint8_t)vector } });
	} else {
		guest_put(vp, APIC_EOI, 0);
	}
	vector = -1;
	if (vp->apic.trap.reason) {
		REQUIRE_EQ(vp->apic.trap.reason, WHvRunVpExitReasonX64ApicEoi);
		vector = (int)vp->apic.trap.detail;
		vp->apic.trap.reason = 0;
	}
	return vector;
}

static void random_turns(struct vp *vp)
{
	struct reference model = { .tpr = 0 }, copy;

	enable(vp);
	for (unsigned int turn = 0; turn < 20000; turn++) {
		const unsigned int vector = 16 + (unsigned int)random_below(&rng, 240);
		const bool is_level = random_below(&rng, 4) == 0;
		int in_service;

		switch (random_below(&rng, 8)) {
		case 0:
		case 1:
			if (model.isr[vector])
				break; /* its trigger mode is still that of the one in service */
			REQUIRE_EQ(request(0, 0, is_level, 0, vector), S_OK);
			model.irr[vector] = true;
			model.level[vector] = is_level;
			break;
		case 2:
			guest_write_tpr(vp, &model, (uint32_t)random_below(&rng, 256),
					random_below(&rng, 2));
			break;
		case 3: guest_write_tpr(vp, &model, 0, random_below(&rng, 2)); break;
		case 4:
		case 5:
			in_service = model_highest(model.isr);
			if (in_service >= 0)
				model.isr[in_service] = false;
			else if (vp->apic.help & VIRT_APIC_DELIVERY)
				break;
			REQUIRE_EQ(guest_eoi(vp),
				   in_service >= 0 && model.level[in_service] ? in_service : -1);
			break;
		case 6:
			/* Not now: it waits, and asks for the window. */
			virt_regs(vp->virt)->rflags &= ~(uint64_t)RFLAGS_IF;
			REQUIRE_EQ(enter(vp), -1);
			copy = model;
			if (!(vp->apic.help & VIRT_APIC_DELIVERY))
				REQUIRE_EQ(vp->wants_window, model_take(&copy) >= 0);
			virt_regs(vp->virt)->rflags |= RFLAGS_IF;
			if (vp->wants_window)
				vp->apic.is_due = true;
			break;
		default:
			REQUIRE_EQ(enter(vp), model_take(&model));
			compare(vp, &model);
			break;
		}
	}
}

static void priorities_are_those_of_a_model(void)
{
	static const uint8_t helps[] = { 0, VIRT_APIC_TPR, VIRT_APIC_TPR | VIRT_APIC_PAGE,
					 ALL_HELP };

	for (size_t i = 0; i < sizeof(helps); i++)
		for (uint32_t mode = XAPIC; mode <= X2APIC; mode++) {
			apic_world(helps[i], mode, 1);
			if (mode == X2APIC)
				enter_x2apic(apic_vp(0));
			random_turns(apic_vp(0));
		}
}

static void an_interrupt_waits_for_what_is_before_it(void)
{
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	enable(vp);
	REQUIRE_EQ(request(0, 0, 0, 0, 0x40), S_OK);
	virt_set(vp->virt, VIRT_SHADOW, VIRT_SHADOW_STI);
	vp_prepare_apic(vp);
	REQUIRE(vp->wants_window && vp->pending.type == VIRT_EVENT_NONE);
	virt_set(vp->virt, VIRT_SHADOW, 0);
	vp->nmi_requested = true;
	vp_prepare_apic(vp);
	REQUIRE(vp->wants_window && vp->pending.type == VIRT_EVENT_NONE);
	virt_set(vp->virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
	vp->ext_int = 0x130;
	vp_prepare_apic(vp);
	REQUIRE(vp->wants_window && vp->pending.type == VIRT_EVENT_NONE);
	vp->ext_int = 0;
	vp->pending.type = VIRT_EVENT_EXCEPTION;
	vp_prepare_apic(vp);
	REQUIRE(vp->wants_window && vp->pending.type == VIRT_EVENT_EXCEPTION);
	vp->pending.type = VIRT_EVENT_NONE;
	vp_prepare_apic(vp);
	REQUIRE(!vp->wants_window && vp->pending.type == VIRT_EVENT_INTERRUPT);
	REQUIRE_EQ(vp->pending.vector, 0x40);
	REQUIRE_EQ(guest_get(vp, APIC_ISR + 2), 1);
	REQUIRE_EQ(guest_get(vp, APIC_IRR + 2), 0);
	/* It is delivered once: what comes back is pending, not requested. */
	vp_prepare_apic(vp);
	REQUIRE(!vp->wants_window);
	REQUIRE_EQ(apic_deliverable(vp), -1);
}

static void processor_tells_of_writes(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_APIC_WRITE };
	struct vp *vp;

	apic_world(ALL_HELP & ~VIRT_APIC_DELIVERY, XAPIC, 2);
	vp = apic_vp(1);
	for (size_t i = 0; i < N_EXPECTED; i++) {
		const uint32_t n = expected[i].n;

		if (n == APIC_PPR || n == APIC_CURRENT_COUNT || (n >= APIC_ISR && n < APIC_ESR))
			continue;
		apic_reset(vp, false);
		guest_put(vp, APIC_SVR, 0x1ff);
		if (n != APIC_ICR)
			apic_put(&vp->apic, n, ~0u);
		exit.apic_write.offset = (uint16_t)(16 * n);
		apic_exit(vp, &exit);
		if (n != APIC_ICR && n != APIC_VERSION && n != APIC_APR && n != APIC_RRD)
			REQUIRE_EQ(guest_get(vp, n), expected[i].ones);
	}
}

/* ---- What the client sees ---------------------------------------------------------------- */

static void traps_follow_the_writes(void)
{
	static const struct {
		uint32_t n, type;
		uint64_t exit;
	} traps[] = {
		{ APIC_LDR, WHvX64ApicWriteTypeLdr, EXITS_LDR },
		{ APIC_DFR, WHvX64ApicWriteTypeDfr, EXITS_DFR },
		{ APIC_SVR, WHvX64ApicWriteTypeSvr, EXITS_SVR },
		{ APIC_LVT_LINT0, WHvX64ApicWriteTypeLint0, EXITS_LINT0 },
		{ APIC_LVT_LINT1, WHvX64ApicWriteTypeLint1, EXITS_LINT1 },
	};
	struct vp *vp;

	apic_world(0, XAPIC, 1);
	vp = apic_vp(0);
	for (unsigned int i = 0; i < 5; i++)
		for (unsigned int j = 0; j < 5; j++) {
			partition_of(apics)->properties.extended_exits = traps[i].exit;
			vp->apic.trap.reason = 0;
			guest_put(vp, traps[j].n, 0x01000145);
			REQUIRE_EQ(vp->apic.trap.reason,
				   i == j ? WHvRunVpExitReasonX64ApicWriteTrap : 0);
			if (i != j)
				continue;
			REQUIRE_EQ(vp->apic.trap.detail, traps[i].type);
			REQUIRE_EQ(vp->apic.trap.value, 0x01000145);
		}
	partition_of(apics)->properties.extended_exits = 0;
	vp->apic.trap.reason = 0;
	guest_put(vp, APIC_SVR, 0x1ff);
	REQUIRE_EQ(vp->apic.trap.reason, 0);
}

static void registers_are_read_and_restored(void)
{
	uint64_t value;
	struct vp *vp;

	apic_world(0, X2APIC, 2);
	for (unsigned int round = 0; round < 2; round++) {
		vp = apic_vp(1);
		if (round)
			enter_x2apic(vp);
		for (uint32_t name = 0x3000; name < 0x3050; name++) {
			const unsigned int n = name - 0x3000;
			const bool exists = n == APIC_SELF_IPI || n == APIC_EOI ||
					    (n >= APIC_ISR && n <= APIC_ESR);
			bool is_listed = exists;

			for (size_t i = 0; i < N_EXPECTED; i++)
				is_listed |= expected[i].n == n && n != APIC_APR && n != APIC_RRD &&
					     n != APIC_DFR && n != APIC_ICR_HIGH;
			REQUIRE_EQ(apic_get_register(vp, name, &value) == NULL, is_listed);
			if (!is_listed)
				continue;
			REQUIRE(!apic_set_register(vp, name, value, true));
			REQUIRE(!apic_set_register(vp, name, value, false));
			REQUIRE(apic_set_register(vp, name, n == APIC_ICR ? 1u << 13 : 1ull << 32,
						  false));
			/* Sent nowhere, acknowledged nothing. */
			REQUIRE_EQ(vp->apic.sent, 0);
			REQUIRE_EQ(vp->apic.eois, 0);
		}
	}
	REQUIRE(apic_set_register(vp, WHvX64RegisterApicId, 7, false));
	REQUIRE(apic_set_register(vp, WHvX64RegisterApicIrr0, 0x8000, false));
	REQUIRE(!apic_set_register(vp, WHvX64RegisterApicIrr0, 0x10000, false));
	enable(vp);
	REQUIRE_EQ(enter(vp), 16);
}

static void state_goes_round(void)
{
	static uint8_t first[APIC_STATE_BYTES], second[APIC_STATE_BYTES], third[APIC_STATE_BYTES];
	struct vp *from, *to;

	for (unsigned int round = 0; round < 200; round++) {
		const bool is_first = round & 1, is_x2 = round & 2;

		apic_world(round & 4 ? ALL_HELP : 0, X2APIC, 2);
		from = apic_vp(0);
		to = apic_vp(1);
		if (is_x2) {
			enter_x2apic(from);
			enter_x2apic(to);
		}
		enable(from);
		for (unsigned int i = 0; i < 8; i++) {
			const uint32_t low = i ? ~0u : 0xffff0000;

			apic_put(&from->apic, APIC_IRR + i,
				 (uint32_t)random_below(&rng, ~0u) & low);
			apic_put(&from->apic, APIC_ISR + i,
				 (uint32_t)random_below(&rng, ~0u) & low);
			apic_put(&from->apic, APIC_TMR + i,
				 (uint32_t)random_below(&rng, ~0u) & low);
		}
		if (!is_first)
			guest_put(from, APIC_TPR, random_below(&rng, 256));
		if (!is_x2)
			guest_put(from, APIC_LDR, random_below(&rng, 256) << 24);
		guest_put(from, APIC_LVT_TIMER, 0x20000 | random_below(&rng, 256));
		guest_put(from, APIC_LVT_LINT0,
			  random_below(&rng, 2) << 16 | random_below(&rng, 256));
		guest_put(from, APIC_DIVIDE, random_below(&rng, 16) & 0xb);
		guest_put(from, APIC_INITIAL_COUNT, 0xf0000000 + random_below(&rng, 0x10000000));
		apic_put_icr(&from->apic, is_x2 ? 0x1234567800000044 : 0x1200000000000044);
		from->nmi_requested = !is_first;
		apic_get_state(from, is_first, first);
		REQUIRE(apic_state_is_legal(to, is_first, first));
		apic_set_state(to, is_first, first);
		apic_get_state(to, is_first, second);
		REQUIRE_EQ(to->nmi_requested, !is_first);
		REQUIRE_EQ(vp_cr8(to), vp_cr8(from));
		/* The IDs differ, what follows from them, and the moment. */
		for (unsigned int i = 0; i < (is_first ? APIC_STATE1_BYTES : APIC_STATE_BYTES);
		     i++) {
			const unsigned int n = is_first ? (i < 4	 ? APIC_ID
							   : i / 4 == 2	 ? APIC_LDR
							   : i / 4 == 41 ? APIC_CURRENT_COUNT
									 : 0)
							: i / 16;

			if (n != APIC_ID && n != APIC_LDR && n != APIC_CURRENT_COUNT)
				REQUIRE_EQ(first[i], second[i]);
		}
		if (is_x2)
			REQUIRE_EQ(apic_icr(&to->apic), 0x1234567800000044);
		/* What is refused changes nothing. */
		apic_get_state(to, false, second);
		memcpy(third, second, sizeof(third));
		third[16 * APIC_TPR] ^= 0xff;
		third[16 * APIC_LVT_ERROR + 3] = 1;
		REQUIRE(!apic_state_is_legal(to, false, third));
		apic_get_state(to, false, third);
		second[16 * APIC_CURRENT_COUNT] = third[16 * APIC_CURRENT_COUNT];
		second[16 * APIC_CURRENT_COUNT + 1] = third[16 * APIC_CURRENT_COUNT + 1];
		REQUIRE(memcmp(second, third, sizeof(second)) == 0);
	}
}

/* What others have posted is still to come: an INIT would have started the VP anew. */
static void a_refused_state_takes_nothing(void)
{
	const uint64_t nmi = 4, init = 5;
	struct vp *vp;
	uint64_t page;
	uint8_t *state;

	apic_world(0, X2APIC, 2);
	vp = apic_vp(1);
	page = test_pages(1);
	state = at(page);
	virt_regs(vp->virt)->gpr[3] = 77;
	REQUIRE_EQ(CALL(WHIT_CALL_GET_VP_STATE, apics, 1, 0x1000, page, 4096), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_REQUEST_INTERRUPT, apics, nmi, 1), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_REQUEST_INTERRUPT, apics, init, 1), S_OK);
	state[16 * APIC_LVT_ERROR + 3] = 1;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_VP_STATE, apics, 1, 0x1000, page, 4096), E_INVALIDARG);
	REQUIRE_EQ(virt_regs(vp->virt)->gpr[3], 77);
	REQUIRE(!vp->activity);
	state[16 * APIC_LVT_ERROR + 3] = 0;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_VP_STATE, apics, 1, 0x1000, page, 4096), S_OK);
	REQUIRE_EQ(virt_regs(vp->virt)->gpr[3], 0);
	REQUIRE_EQ(vp->activity, ACTIVITY_STARTUP);
}

/* ---- Memory and devices ------------------------------------------------------------------ */

static void mapped_memory_is_behind_the_page(void)
{
	const uint64_t big = 2 * MIB, base = APIC_PAGE & ~(2 * MIB - 1);
	struct partition *partition;
	uint64_t source, page;

	for (uint8_t help = 0; help < 2; help++) {
		apic_world(help ? ALL_HELP : 0, X2APIC, 1);
		partition = partition_of(apics);
		page = next_page;
		source = (page + big - 1) & ~(big - 1);
		next_page = source + big;
		REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, apics, source, base, big, 7), S_OK);
		REQUIRE(!page_at(partition->handle, (APIC_PAGE)).ptr);
		REQUIRE(page_at(partition->handle, (APIC_PAGE + 0x1000)).ptr ==
			(uint8_t *)at(source + (APIC_PAGE - base) + 0x1000));
		REQUIRE_EQ(partition->mapped_pages[0], 511);
		REQUIRE_EQ(virt_space_lookup(&partition->space, GPA(APIC_PAGE)).rights,
			   help ? 3 : 0);
		REQUIRE_EQ(protect_all(apics, base, big, 1), S_OK);
		REQUIRE_EQ(protect_all(apics, base, big, 9), S_OK);
		REQUIRE_EQ(CALL(WHIT_CALL_QUERY_DIRTY, apics, base, big, 0, 0), S_OK);
		REQUIRE_EQ(CALL(WHIT_CALL_QUERY_DIRTY, apics, APIC_PAGE, 0x1000, 0, 0), S_OK);
		REQUIRE_EQ(CALL(WHIT_CALL_ADVISE_GPA_RANGE, apics, base, big, 1, 0), S_OK);
		enter_x2apic(apic_vp(0));
		settle_page(apic_vp(0));
		REQUIRE(!virt_space_lookup(&partition->space, GPA(APIC_PAGE)).rights);
		REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, apics, source, APIC_PAGE, 0x1000, 7),
			   S_OK);
		REQUIRE(!page_at(partition->handle, (APIC_PAGE)).ptr);
		REQUIRE(apic_set_base(apic_vp(0), APIC_PAGE | APIC_BASE_ENABLE));
		settle_page(apic_vp(0));
		REQUIRE_EQ(CALL(WHIT_CALL_UNMAP_GPA_RANGE, apics, base, big), S_OK);
		REQUIRE_EQ(virt_space_lookup(&partition->space, GPA(APIC_PAGE)).rights,
			   help ? 3 : 0);
		REQUIRE_EQ(partition->mapped_pages[0] + partition->mapped_pages[1], 0);
		REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, apics, source, base, big, 7), S_OK);
		delete_all(apics);
		check_clean();
	}
}

/* ---- Anything ---------------------------------------------------------------------------- */

static void hostile_guests_harm_nobody(void)
{
	static const uint8_t helps[] = { 0, ALL_HELP, ALL_HELP & ~VIRT_APIC_DELIVERY };
	uint64_t value;

	for (unsigned int round = 0; round < 60; round++) {
		apic_world(helps[round % 3], X2APIC, 3);
		partition_of(apics)->properties.extended_exits = random_below(&rng, 0x4000);
		for (unsigned int i = 0; i < 3000; i++) {
			struct vp *const vp = apic_vp((uint32_t)random_below(&rng, 3));
			const uint64_t some =
				random_below(&rng, 2)
					? random_below(&rng, ~0ull) >> random_below(&rng, 64)
					: 1ull << random_below(&rng, 64);

			switch (random_below(&rng, 7)) {
			case 0:
				if (apic_covers(&vp->apic, APIC_PAGE))
					apic_write(
						vp, APIC_PAGE + random_below(&rng, 0x50) * 16,
						random_below(&rng, 8)
							? 4
							: 1 + (unsigned int)random_below(&rng, 8),
						some);
				break;
			case 1:
				if (apic_covers(&vp->apic, APIC_PAGE))
					(void)apic_read(vp, APIC_PAGE + random_below(&rng, 0x1000),
							1 + (unsigned int)random_below(&rng, 8));
				break;
			case 2:
				(void)apic_write_msr(
					vp, MSR_X2APIC_FIRST + (uint32_t)random_below(&rng, 0x100),
					some);
				break;
			case 3:
				(void)apic_read_msr(
					vp, MSR_X2APIC_FIRST + (uint32_t)random_below(&rng, 0x100),
					&value);
				break;
			case 4:
				if (random_below(&rng, 8) == 0)
					(void)apic_write_msr(vp, MSR_APIC_BASE,
							     APIC_PAGE | (some & 0xd00));
				else
					(void)apic_write_msr(vp, MSR_TSC_DEADLINE, some);
				break;
			case 5:
				(void)apic_set_register(vp,
							0x3000 + (uint32_t)random_below(&rng, 0x40),
							some, false);
				break;
			default:
				virt_regs(vp->virt)->rflags = RFLAGS_ONE | random_below(&rng, 2)
										   << 9;
				if (vp->apic.help & VIRT_APIC_DELIVERY)
					vp_prepare_apic(vp);
				else
					(void)enter(vp);
				vp->apic.trap.reason = 0;
				break;
			}
			REQUIRE(vp->apic.page == (uint8_t *)at(vp->apic.page_spa.a));
			REQUIRE_EQ(guest_get(vp, APIC_VERSION) & 0xff,
				   vp->apic.mode == VIRT_APIC_X2APIC || vp->apic.page ? 0x14 : 0);
		}
		delete_all(apics);
		check_clean();
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(xapic_registers_have_their_bits),
		TEST(x2apic_refuses_reserved_bits_and_registers),
		TEST(page_takes_accesses_of_any_size),
		TEST(esr_shows_at_the_next_write),
		TEST(software_disable_masks_and_drops),
		TEST(apic_base_follows_the_state_diagram),
		TEST(processor_is_told_of_modes),
		TEST(partition_without_apics_has_none),
		TEST(priorities_are_those_of_a_model),
		TEST(an_interrupt_waits_for_what_is_before_it),
		TEST(processor_tells_of_writes),
		TEST(traps_follow_the_writes),
		TEST(registers_are_read_and_restored),
		TEST(state_goes_round),
		TEST(a_refused_state_takes_nothing),
		TEST(mapped_memory_is_behind_the_page),
		TEST(hostile_guests_harm_nobody),
	};

	return RUN(tests);
}
