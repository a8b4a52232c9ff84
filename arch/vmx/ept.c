/* SPDX-License-Identifier: MIT */
/*
 * The format of EPT paging-structure entries, SDM 3C "EPT Translation Mechanism", for the tables of
 * arch/x86/nested.c.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "arch/x86/nested.h"

#define EPT_READ       (1ull << 0)
#define EPT_WRITE      (1ull << 1)
#define EPT_EXECUTE    (1ull << 2)
#define EPT_RIGHTS     (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_TYPE_SHIFT 3
#define EPT_TYPE       7ull
#define EPT_DIRTY      (1ull << 9) /* the processor's own only with EPTP_DIRTY */

/* EPTP: write-back tables, walk length 4, accessed and dirty flags */
#define EPTP_WRITE_BACK 6ull
#define EPTP_WALK_4	(3ull << 3)
#define EPTP_DIRTY	(1ull << 6)

_Static_assert(EPT_READ == VIRT_READ && EPT_WRITE == VIRT_WRITE && EPT_EXECUTE == VIRT_EXECUTE,
	       "rights stand as they are");
_Static_assert(EPT_WRITE == NESTED_WRITE, "nested.h");

const bool backend_has_memory_types = true;

const struct nested_format nested_format = {
	.present = EPT_RIGHTS,
	.table = EPT_RIGHTS,
	.dirty = EPT_DIRTY,
};

/*
 * A writable page cannot be unreadable in EPT, and on some processors neither an executable one:
 * what cannot be had is given read rights as well.
 */
uint64_t nested_leaf(uint8_t rights, uint8_t type)
{
	uint64_t entry = rights & EPT_RIGHTS;

	if ((rights & VIRT_WRITE) || !virt_machine.has_execute_only)
		entry |= EPT_READ;
	return entry | (uint64_t)type << EPT_TYPE_SHIFT;
}

uint8_t nested_rights(uint64_t entry)
{
	return entry & EPT_RIGHTS;
}

uint8_t nested_type(uint64_t entry)
{
	return entry >> EPT_TYPE_SHIFT & EPT_TYPE;
}

bool nested_has_flags(const struct virt_space *space)
{
	return space->token & EPTP_DIRTY;
}

uint64_t nested_token(spa_t root)
{
	return root.a | EPTP_WRITE_BACK | EPTP_WALK_4;
}

bool nested_set_flags(struct virt_space *space, bool are_used)
{
	if (!vmx_caps.has_ept_ad)
		return false;
	space->token = (space->token & ~EPTP_DIRTY) | (are_used ? EPTP_DIRTY : 0);
	return true;
}
