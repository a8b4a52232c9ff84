/* SPDX-License-Identifier: MIT */
/*
 * The format of nested page tables, APM 2 "Nested Paging", for arch/x86/nested.c: that of long
 * mode. A walk is a user access, so U is set in each entry. There is no memory type, what can be
 * executed can be read, and the processor always keeps the flags.
 */
#include "arch/svm/svm.h"
#include "arch/x86/backend.h"
#include "arch/x86/nested.h"
#include "x86/paging.h"

#define NPT_PRESENT    (1ull << 0)
#define NPT_USER       (1ull << 2)
#define NPT_DIRTY      (1ull << 6)
#define NPT_NO_EXECUTE (1ull << 63)

const bool backend_has_memory_types = false;

const struct nested_format nested_format = {
	.present = NPT_PRESENT,
	.table = NPT_PRESENT | NESTED_WRITE | NPT_USER,
	.dirty = NPT_DIRTY,
};

uint64_t nested_leaf(uint8_t rights, uint8_t type)
{
	return NPT_PRESENT | NPT_USER | (rights & VIRT_WRITE ? NESTED_WRITE : 0) |
	       (rights & VIRT_EXECUTE ? 0 : NPT_NO_EXECUTE);
}

uint8_t nested_rights(uint64_t entry)
{
	return VIRT_READ | (entry & NESTED_WRITE ? VIRT_WRITE : 0) |
	       (entry & NPT_NO_EXECUTE ? 0 : VIRT_EXECUTE);
}

uint8_t nested_type(uint64_t entry)
{
	return MEMTYPE_WB;
}

bool nested_has_flags(const struct virt_space *space)
{
	return true;
}

bool nested_set_flags(struct virt_space *space, bool are_used)
{
	return false;
}

uint64_t nested_token(spa_t root)
{
	return root.a;
}
