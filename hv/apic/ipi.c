/* SPDX-License-Identifier: MIT */
/*
 * Messages that the local APICs of a partition send each other, and those that the client sends
 * them: SDM 3A "Issuing Interprocessor Interrupts", "Determining IPI Destination". A message is
 * posted, by atomics, in the APIC of each target, which takes it over before its next entry. xAPIC
 * and x2APIC IDs are the VP's index.
 */
#include "hv/apic/page.h"

#include "hv/owner.h"
#include "whp/WinHvEvents.h"
#include "whp/WinHvExits.h"

/* WHV_INTERRUPT_CONTROL, first word */
#define CONTROL_TYPE(low)  ((low)&0xff)
#define CONTROL_MODE(low)  ((low) >> 8 & 0xf)
#define CONTROL_LEVEL(low) ((low) >> 12 & 0xf)
#define CONTROL_REST(low)  ((low) >> 16) /* the VTL, and what is reserved */

#define SEND_LINT1 9u /* a delivery mode beside the ICR's: WHvX64InterruptTypeLocalInt1 */

enum { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

/* Whom a message is for. */
struct address {
	uint32_t id; /* or a mask of logical IDs */
	bool is_logical, is_everybody;
};

struct message {
	uint32_t mode; /* DELIVER_…, SEND_LINT1 */
	uint8_t vector;
	bool is_level;
};

/* ---- Whom -------------------------------------------------------------------------------- */

/*
 * SDM 3A "Logical Destination Mode": flat or cluster model, by the target's DFR; x2APIC has
 * clusters alone.
 */
static bool is_logical_target(const struct apic *apic, uint32_t mask)
{
	const uint32_t ldr = apic_get(apic, APIC_LDR);

	if (__atomic_load_n(&apic->mode, __ATOMIC_RELAXED) == VIRT_APIC_X2APIC)
		return mask == ~0u || (ldr >> 16 == mask >> 16 && (ldr & mask & 0xffff));
	if (mask > 0xff)
		return mask == ~0u;
	if (apic_get(apic, APIC_DFR) >> 28 == 0xf)
		return ldr >> 24 & mask;
	return (mask >> 4 == 0xf || ldr >> 28 == mask >> 4) && (ldr >> 24 & mask & 0xf);
}

static bool is_target(const struct vp *vp, const struct address *address)
{
	if (__atomic_load_n(&vp->apic.mode, __ATOMIC_RELAXED) == VIRT_APIC_OFF)
		return false;
	if (address->is_everybody)
		return true;
	return address->is_logical ? is_logical_target(&vp->apic, address->id)
				   : address->id == vp->index;
}

/* In xAPIC's 8 bits physical 0xff is everybody; in 32 bits, all ones. */
static struct address make_address(uint32_t id, bool is_logical, bool is_wide)
{
	return (struct address) {
		.id = id,
		.is_logical = is_logical,
		.is_everybody = is_wide ? id == ~0u : id == 0xff && !is_logical,
	};
}

/* A client's destination: of either form, as there are VPs for. */
static struct address client_address(const struct partition *partition, uint32_t id,
				     bool is_logical)
{
	const bool is_wide = id > 0xff || partition_vp(partition, 0xff);

	return make_address(id, is_logical, is_wide);
}

/* ---- Posting ----------------------------------------------------------------------------- */

static void post_signal(struct vp *vp, uint32_t signal)
{
	uint32_t before = __atomic_load_n(&vp->apic.signals, __ATOMIC_RELAXED), after;

	do {
		after = before | signal;
		if (signal & APIC_SIGNAL_INIT)
			after = APIC_SIGNAL_INIT; /* earlier messages are gone */
		else if ((signal & APIC_SIGNAL_SIPI) && (before & APIC_SIGNAL_SIPI))
			after = before; /* the first one counts */
	} while (!__atomic_compare_exchange_n(&vp->apic.signals, &before, after, false,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void post_vector(struct vp *vp, uint8_t vector, bool is_level)
{
	const uint32_t bit = 1u << vector % 32;

	if (vector < APIC_FIRST_VECTOR) {
		post_signal(vp, APIC_SIGNAL_ERROR);
		return;
	}
	if (is_level)
		__atomic_fetch_or(&vp->apic.posted_level[vector / 32], bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&vp->apic.posted_level[vector / 32], ~bit, __ATOMIC_RELAXED);
	__atomic_fetch_or(&vp->apic.posted[vector / 32], bit, __ATOMIC_RELEASE);
}

/*
 * The sender (NULL: the client) sees in its shared page whom it has woken, and leaves Run for it.
 */
static void tell_sender(struct vp *sender, uint32_t index)
{
	__atomic_fetch_or(&sender->page->wake_vps[index / 64], 1ull << index % 64,
			  __ATOMIC_RELAXED);
	sender->apic.has_woken = true;
	apic_set_due(&sender->apic);
}

static void post(struct vp *vp, const struct message *message, struct vp *sender)
{
	switch (message->mode) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST: post_vector(vp, message->vector, message->is_level); break;
	case DELIVER_NMI: post_signal(vp, APIC_SIGNAL_NMI); break;
	case DELIVER_INIT: post_signal(vp, APIC_SIGNAL_INIT); break;
	case DELIVER_SIPI: post_signal(vp, APIC_SIGNAL_SIPI | message->vector); break;
	case SEND_LINT1: post_signal(vp, APIC_SIGNAL_LINT1); break;
	default: return; /* SMI: there is no SMM; the rest is reserved */
	}
	/* Locked: what was posted is there before the owner is looked at. */
	(void)__atomic_exchange_n(&vp->apic.is_due, true, __ATOMIC_SEQ_CST);
	if (vp != sender && owner_tell(vp) && sender)
		tell_sender(sender, vp->index);
}

/*
 * To each target, but for `but`; of those that would take it, to the one with the lowest task
 * priority, if that is the mode.
 */
static void post_all(struct partition *partition, const struct address *address,
		     const struct message *message, struct vp *sender, const struct vp *but)
{
	const uint32_t n = partition->properties.processor_count;
	uint32_t lowest_tpr = ~0u;
	struct vp *lowest = NULL;

	for (uint32_t i = 0; i < n; i++) {
		struct vp *const vp = partition_vp(partition, i);

		if (!vp || vp == but || !is_target(vp, address))
			continue;
		if (message->mode != DELIVER_LOWEST) {
			post(vp, message, sender);
		} else if ((apic_get(&vp->apic, APIC_SVR) & SVR_ENABLED) &&
			   apic_get(&vp->apic, APIC_TPR) < lowest_tpr) {
			lowest = vp;
			lowest_tpr = apic_get(&vp->apic, APIC_TPR);
		}
	}
	if (lowest)
		post(lowest, message, sender);
}

static void post_to(struct partition *partition, const struct address *address,
		    const struct message *message, struct vp *sender)
{
	struct vp *vp;

	if (address->is_logical || address->is_everybody || message->mode == DELIVER_LOWEST) {
		post_all(partition, address, message, sender, NULL);
		return;
	}
	vp = partition_vp(partition, address->id);
	if (vp && is_target(vp, address))
		post(vp, message, sender);
}

/* ---- The guest --------------------------------------------------------------------------- */

/* INIT, SIPI and SMI, if the client wants to see them. */
static bool is_trapped(struct vp *vp, const struct message *message, uint64_t icr)
{
	const uint64_t exits = vp->partition->properties.extended_exits;
	uint32_t reason = 0;

	if (message->mode == DELIVER_SMI && exits & EXITS_SMI)
		reason = WHvRunVpExitReasonX64ApicSmiTrap;
	if ((message->mode == DELIVER_INIT || message->mode == DELIVER_SIPI) &&
	    exits & EXITS_INIT_SIPI)
		reason = WHvRunVpExitReasonX64ApicInitSipiTrap;
	if (reason)
		vp->apic.trap = (struct apic_trap) { reason, 0, icr };
	return reason != 0;
}

/*
 * The trigger mode means nothing but for the de-assertion of INIT, which processors have long
 * ignored.
 */
void apic_send(struct vp *vp, uint64_t icr)
{
	const struct address everybody = { .is_everybody = true };
	const uint32_t low = (uint32_t)icr, to = SHORTHAND(low);
	const bool is_wide = vp->apic.mode == VIRT_APIC_X2APIC;
	const struct message message = { .mode = DELIVERY_MODE(low), .vector = (uint8_t)low };
	struct address address;

	vp->apic.sent++;
	if (message.mode == DELIVER_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT))
		return;
	if (message.mode <= DELIVER_LOWEST && message.vector < APIC_FIRST_VECTOR) {
		apic_error(vp, ESR_SEND_VECTOR);
		return;
	}
	if (is_trapped(vp, &message, icr))
		return;
	/*
	 * SDM 3A "Valid Combinations for the Pentium 4 and Intel Xeon Processors' Local xAPIC
	 * Interrupt Command Register"
	 */
	if ((to == TO_SELF || to == TO_ALL) && message.mode != DELIVER_FIXED &&
	    message.mode != DELIVER_NMI)
		return;
	switch (to) {
	case TO_SELF:
		vp->apic.sent_self++;
		post(vp, &message, vp);
		break;
	case TO_ALL: post_all(vp->partition, &everybody, &message, vp, NULL); break;
	case TO_OTHERS: post_all(vp->partition, &everybody, &message, vp, vp); break;
	default:
		address = make_address((uint32_t)(icr >> (is_wide ? 32 : 56)), low & ICR_LOGICAL,
				       is_wide);
		post_to(vp->partition, &address, &message, vp);
		break;
	}
}

/* ---- The target -------------------------------------------------------------------------- */

void apic_take(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	uint32_t level, word;

	for (unsigned int i = 0; i < 8; i++) {
		if (!__atomic_load_n(&apic->posted[i], __ATOMIC_RELAXED))
			continue;
		word = __atomic_exchange_n(&apic->posted[i], 0, __ATOMIC_ACQUIRE);
		level = __atomic_load_n(&apic->posted_level[i], __ATOMIC_RELAXED);
		for (; word; word &= word - 1) {
			const unsigned int bit = (unsigned int)__builtin_ctz(word);

			apic_accept(vp, (uint8_t)(32 * i + bit), level >> bit & 1);
		}
	}
}

/* ---- The client -------------------------------------------------------------------------- */

uint32_t apic_request(struct partition_locked held, uint64_t low, uint64_t high)
{
	const struct message message = { .mode = CONTROL_TYPE(low),
					 .vector = (uint8_t)(high >> 32),
					 .is_level = CONTROL_LEVEL(low) };
	struct partition *const partition = held.partition;
	const struct address address = client_address(partition, (uint32_t)high, CONTROL_MODE(low));

	if (!partition->properties.apic_mode || !partition->is_set_up)
		return RESULT(E_INVALIDARG);
	if (CONTROL_REST(low) || CONTROL_MODE(low) > WHvX64InterruptDestinationModeLogical ||
	    CONTROL_LEVEL(low) > WHvX64InterruptTriggerModeLevel || high >> 32 > 0xff)
		return RESULT(E_INVALIDARG);
	switch (message.mode) {
	case WHvX64InterruptTypeFixed:
	case WHvX64InterruptTypeLowestPriority:
	case WHvX64InterruptTypeNmi:
	case WHvX64InterruptTypeInit:
	case WHvX64InterruptTypeSipi:
	case WHvX64InterruptTypeLocalInt1: break;
	default: return RESULT(E_INVALIDARG);
	}
	post_to(partition, &address, &message, NULL);
	return RESULT(S_OK);
}

uint32_t apic_targets(struct partition_locked held, uint64_t destination, uint64_t mode,
		      uint64_t bits[4])
{
	const struct partition *const partition = held.partition;
	struct address address;

	if (mode > WHvX64InterruptDestinationModeLogical || destination > ~0u)
		return RESULT(E_INVALIDARG);
	if (!partition->properties.apic_mode || !partition->is_set_up)
		return RESULT(ERROR_HV_OPERATION_DENIED);
	address = client_address(partition, (uint32_t)destination, mode);
	for (unsigned int i = 0; i < 4; i++)
		bits[i] = 0;
	for (uint32_t i = 0; i < partition->properties.processor_count; i++)
		if (partition->vps[i] && is_target(partition->vps[i], &address))
			bits[i / 64] |= 1ull << i % 64;
	return RESULT(S_OK);
}
