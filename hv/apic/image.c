/* SPDX-License-Identifier: MIT */
/*
 * A local APIC as its client sees and sets it: register by register, and in one piece. Setting is
 * restoring: no interrupt is sent, nothing is acknowledged; the timer goes on from the count that
 * is set. Registers come in any order: each is kept as it is given, and its meaning together with
 * the others is worked out when the VP runs.
 */
#include "hv/apic/page.h"

#include <string.h>

#define NAME_BASE 0x3000u
#define NMI_BIT	  (1u << 2) /* of IRR: an NMI that waits */
#define CMCI	  0x2f	    /* there is none */

/* The words of HV_X64_INTERRUPT_CONTROLLER_STATE. */
static const uint8_t first_layout[] = {
	APIC_ID,	  APIC_VERSION,	      APIC_LDR,
	APIC_DFR,	  APIC_SVR,	      APIC_ISR,
	APIC_ISR + 1,	  APIC_ISR + 2,	      APIC_ISR + 3,
	APIC_ISR + 4,	  APIC_ISR + 5,	      APIC_ISR + 6,
	APIC_ISR + 7,	  APIC_TMR,	      APIC_TMR + 1,
	APIC_TMR + 2,	  APIC_TMR + 3,	      APIC_TMR + 4,
	APIC_TMR + 5,	  APIC_TMR + 6,	      APIC_TMR + 7,
	APIC_IRR,	  APIC_IRR + 1,	      APIC_IRR + 2,
	APIC_IRR + 3,	  APIC_IRR + 4,	      APIC_IRR + 5,
	APIC_IRR + 6,	  APIC_IRR + 7,	      APIC_ESR,
	APIC_ICR_HIGH,	  APIC_ICR,	      APIC_LVT_TIMER,
	APIC_LVT_THERMAL, APIC_LVT_PERF,      APIC_LVT_LINT0,
	APIC_LVT_LINT1,	  APIC_LVT_ERROR,     CMCI,
	APIC_ESR,	  APIC_INITIAL_COUNT, APIC_CURRENT_COUNT,
	APIC_DIVIDE,	  APIC_RRD,
};

_Static_assert(sizeof(first_layout) == 44, "TLFS HV_X64_INTERRUPT_CONTROLLER_STATE");

static bool is_x2(const struct vp *vp)
{
	return vp->apic.mode == VIRT_APIC_X2APIC;
}

/* ---- One register ------------------------------------------------------------------------ */

/* Why the register cannot have the value; NULL. `value` of the ICR is all of it. */
static const char *refusal(struct vp *vp, unsigned int n, uint64_t value)
{
	uint64_t legal = apic_writable(n, is_x2(vp));

	switch (n) {
	case APIC_ID:
		return value == apic_get(&vp->apic, n) ? NULL : "the APIC ID is the VP's index";
	case APIC_VERSION: return value == apic_get(&vp->apic, n) ? NULL : "the version is fixed";
	case APIC_EOI:
	case APIC_SELF_IPI: return value ? "write-only: there is nothing to restore" : NULL;
	case APIC_LDR: /* the mode may still change */
		if (value == apic_logical_x2(vp->index))
			return NULL;
		break;
	case APIC_PPR:
	case APIC_ESR: legal = 0xff; break;
	case APIC_DFR:
	case APIC_CURRENT_COUNT: legal = 0xffffffff; break;
	case APIC_ISR:
	case APIC_TMR:
	case APIC_IRR:
		if (value & 0xffff)
			return "vectors below 16 do not exist";
		/* fall through */
	case APIC_ISR + 1 ... APIC_ISR + 7:
	case APIC_TMR + 1 ... APIC_TMR + 7:
	case APIC_IRR + 1 ... APIC_IRR + 7: legal = 0xffffffff; break;
	case APIC_ICR: legal |= ICR_BUSY | 0xffffffffull << 32; break;
	case APIC_LVT_TIMER ... APIC_LVT_ERROR: legal |= LVT_READ_ONLY; break;
	default: break;
	}
	return value & ~legal ? "a reserved bit is set" : NULL;
}

/*
 * A value that refusal() accepts is set as it is; apic_settle() handles the effects that depend on
 * other registers.
 */
static void restore(struct vp *vp, unsigned int n, uint64_t value)
{
	struct apic *const apic = &vp->apic;
	const uint32_t word = (uint32_t)value;

	switch (n) {
	case APIC_ID:
	case APIC_VERSION:
	case APIC_PPR:
	case APIC_EOI:
	case APIC_SELF_IPI: return;
	case APIC_DFR: apic_put(apic, n, word | 0x0fffffff); return;
	case APIC_ICR: apic_put_icr(apic, value); return;
	case APIC_LVT_TIMER ... APIC_LVT_ERROR:
		apic_put(apic, n, word & ~LVT_READ_ONLY);
		apic_keep(apic, 0);
		return;
	case APIC_INITIAL_COUNT:
		apic_put(apic, n, word);
		apic_keep(apic, KEPT_START);
		return;
	case APIC_CURRENT_COUNT:
		apic->kept_count = word;
		apic_keep(apic, KEPT_COUNT);
		return;
	default:
		apic_put(apic, n, word);
		apic_keep(apic, 0);
		return;
	}
}

void apic_set_deadline(struct vp *vp, uint64_t tsc)
{
	vp->apic.kept_deadline = tsc;
	apic_keep(&vp->apic, KEPT_DEADLINE);
}

void apic_settle(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	const unsigned int kept = apic->kept;

	apic->kept = 0;
	apic_put(apic, APIC_LDR,
		 is_x2(vp) ? apic_logical_x2(vp->index)
			   : apic_get(apic, APIC_LDR) & (uint32_t)apic_writable(APIC_LDR, false));
	if (!(apic_get(apic, APIC_SVR) & SVR_ENABLED))
		for (unsigned int n = APIC_LVT_TIMER; n <= APIC_LVT_ERROR; n++)
			apic_put(apic, n, apic_get(apic, n) | LVT_MASKED);
	if (apic->mode == VIRT_APIC_OFF)
		apic_timer_stop(vp);
	else
		apic_timer_settle(vp, kept);
}

/* WHvX64RegisterApic…: not APR, RRD, DFR and the upper half of the ICR. */
static bool has_name(unsigned int n)
{
	switch (n) {
	case APIC_ID:
	case APIC_VERSION:
	case APIC_TPR:
	case APIC_PPR:
	case APIC_EOI:
	case APIC_LDR:
	case APIC_SVR:
	case APIC_ISR ... APIC_ESR:
	case APIC_ICR:
	case APIC_LVT_TIMER ... APIC_CURRENT_COUNT:
	case APIC_DIVIDE:
	case APIC_SELF_IPI: return true;
	default: return false;
	}
}

const char *apic_get_register(struct vp *vp, uint32_t name, uint64_t *value)
{
	const unsigned int n = name - NAME_BASE;

	if (!has_name(n))
		return "there is no such register";
	if (!vp->apic.page)
		return "the partition has no local APICs";
	*value = n == APIC_ICR ? apic_icr(&vp->apic) : apic_register(vp, n);
	return NULL;
}

const char *apic_set_register(struct vp *vp, uint32_t name, uint64_t value, bool check_only)
{
	const unsigned int n = name - NAME_BASE;
	const char *text;

	if (!has_name(n))
		return "there is no such register";
	if (!vp->apic.page)
		return "the partition has no local APICs";
	text = refusal(vp, n, value);
	if (text || check_only)
		return text;
	restore(vp, n, value);
	apic_set_due(&vp->apic);
	return NULL;
}

/* ---- All of them ------------------------------------------------------------------------- */

static void get_words(struct vp *vp, uint32_t words[APIC_REGISTERS])
{
	const uint64_t icr = apic_icr(&vp->apic);

	for (unsigned int n = 0; n < APIC_REGISTERS; n++)
		words[n] = apic_register(vp, n);
	words[APIC_ICR] = (uint32_t)icr;
	words[APIC_ICR_HIGH] = (uint32_t)(icr >> 32);
	if (vp->nmi_requested)
		words[APIC_IRR] |= NMI_BIT;
}

/*
 * The words that a client's state makes of the registers. ID, version, PPR and what x2APIC mode
 * works out are not the client's to say, whatever stands there; the first layout has no TPR, so
 * that stays.
 */
static void merge_words(struct vp *vp, bool is_first, const uint8_t *state,
			uint32_t words[APIC_REGISTERS])
{
	get_words(vp, words);
	if (is_first)
		for (unsigned int i = 0; i < sizeof(first_layout); i++)
			memcpy(&words[first_layout[i]], state + 4 * i, 4);
	else
		for (unsigned int n = 0; n < APIC_REGISTERS; n++)
			memcpy(&words[n], state + 16 * n, 4);
	words[APIC_ID] = apic_get(&vp->apic, APIC_ID);
	words[APIC_VERSION] = apic_get(&vp->apic, APIC_VERSION);
	words[APIC_PPR] = words[APIC_EOI] = words[APIC_SELF_IPI] = 0;
	if (refusal(vp, APIC_LDR, words[APIC_LDR]))
		words[APIC_LDR] = 0;
}

void apic_get_state(struct vp *vp, bool is_first, uint8_t *state)
{
	uint32_t words[APIC_REGISTERS];

	apic_take(vp);
	get_words(vp, words);
	memset(state, 0, is_first ? APIC_STATE1_BYTES : APIC_STATE_BYTES);
	if (is_first)
		for (unsigned int i = 0; i < sizeof(first_layout); i++)
			memcpy(state + 4 * i, &words[first_layout[i]], 4);
	else
		for (unsigned int n = 0; n < APIC_REGISTERS; n++)
			memcpy(state + 16 * n, &words[n], 4);
}

bool apic_state_is_legal(struct vp *vp, bool is_first, const uint8_t *state)
{
	uint32_t words[APIC_REGISTERS];

	merge_words(vp, is_first, state, words);
	words[APIC_IRR] &= ~NMI_BIT;
	for (unsigned int n = 0; n < APIC_REGISTERS; n++)
		if (has_name(n) && refusal(vp, n, words[n]))
			return false;
	return true;
}

void apic_set_state(struct vp *vp, bool is_first, const uint8_t *state)
{
	uint32_t words[APIC_REGISTERS];

	apic_take(vp);
	merge_words(vp, is_first, state, words);
	vp->nmi_requested = words[APIC_IRR] & NMI_BIT;
	words[APIC_IRR] &= ~NMI_BIT;
	for (unsigned int n = 0; n < APIC_REGISTERS; n++)
		if (has_name(n))
			restore(vp, n,
				n == APIC_ICR ? words[n] | (uint64_t)words[APIC_ICR_HIGH] << 32
					      : words[n]);
	restore(vp, APIC_DFR, words[APIC_DFR]);
	vp->apic.errors = 0;
	apic_set_due(&vp->apic);
}
