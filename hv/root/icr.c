/* SPDX-License-Identifier: MIT */
/* See icr.h. */
#include "hv/root/icr.h"

#define DELIVERY_MODE(low) ((low) >> 8 & 7)
#define SHORTHAND(low)	   ((low) >> 18 & 3)
#define IS_LOGICAL	   (1u << 11)
#define IS_ASSERT	   (1u << 14)
#define IS_LEVEL	   (1u << 15)
#define XAPIC_ALL	   0xffu
#define X2APIC_ALL	   0xffffffffu
#define CLUSTER_ALL	   0xfu

enum { MODE_INIT = 5, MODE_SIPI };
enum { NO_SHORTHAND, SELF, ALL, OTHERS };

bool icr_is_start(uint32_t low)
{
	return DELIVERY_MODE(low) == MODE_INIT || DELIVERY_MODE(low) == MODE_SIPI;
}

bool icr_is_init(uint32_t low)
{
	return DELIVERY_MODE(low) == MODE_INIT;
}

bool icr_is_deassert(uint32_t low)
{
	return icr_is_init(low) && (low & IS_LEVEL) && !(low & IS_ASSERT);
}

/* SDM 3A "Logical Destination Mode in x2APIC Mode": clusters of 16. */
static bool matches_cluster_x2(uint32_t destination, uint32_t id)
{
	return destination >> 16 == id >> 4 && (destination >> (id & 15) & 1);
}

/* SDM 3A "Logical Destination Mode": by the model that the receiver is set to. */
static bool matches_logical(uint32_t destination, const struct icr_address *address)
{
	const uint32_t logical = address->ldr >> 24, cluster = destination >> 4;

	if (address->dfr >> 28)
		return destination & logical;
	return (cluster == logical >> 4 || cluster == CLUSTER_ALL) && (destination & logical & 0xf);
}

static bool matches(const struct icr *icr, const struct icr_address *address)
{
	const uint32_t destination = icr->is_x2apic ? icr->destination : icr->destination & 0xff;

	if (destination == (icr->is_x2apic ? X2APIC_ALL : XAPIC_ALL) &&
	    (icr->is_x2apic || !(icr->low & IS_LOGICAL)))
		return true;
	if (!(icr->low & IS_LOGICAL))
		return destination == address->id;
	return icr->is_x2apic ? matches_cluster_x2(destination, address->id)
			      : matches_logical(destination, address);
}

bool icr_reaches(const struct icr *icr, const struct icr_address *address, bool is_own)
{
	switch (SHORTHAND(icr->low)) {
	case SELF: return is_own;
	case ALL: return true;
	case OTHERS: return !is_own;
	default: return matches(icr, address);
	}
}
