/* SPDX-License-Identifier: MIT */
/* The root's accesses to a guest's memory by address, and its advice on it (hv/mem/gpa.h). */
#include <string.h>

#include "hv/mem/buffer.h"
#include "hv/mem/gpa.h"
#include "hv/hv.h"
#include "whp/WinHvMemory.h"
#include "x86/paging.h"

/*
 * Memory is always there, and always pinned: advice is judged, and nothing is to be done about it.
 */
#define MAX_LOOKS	2048u
#define POPULATE_FLAGS	0x3ull /* WHV_ADVISE_GPA_RANGE_POPULATE: Flags, AccessType above them */
#define POPULATE_ACCESS 32

static bool is_legal_access(const struct whit_gpa_access *access)
{
	switch (access->controls) {
	case WHvCacheTypeUncached:
	case WHvCacheTypeWriteCombining:
	case WHvCacheTypeWriteThrough:
	case WHvCacheTypeWriteProtected:
	case WHvCacheTypeWriteBack: break;
	default: return false; /* other types, a VTL, reserved bits */
	}
	return access->n_bytes && access->n_bytes <= WHV_READ_WRITE_GPA_RANGE_MAX_SIZE &&
	       !access->reserved;
}

/* One or two pages, both looked at before the first is touched. */
static uint32_t move(struct gpa_view *view, struct whit_gpa_access *access, bool is_write)
{
	const uint8_t right = is_write ? VIRT_WRITE : VIRT_READ;
	const gpa_t gpa = GPA(access->gpa), last = GPA(access->gpa + access->n_bytes - 1);
	const struct gpa_page first = gpa_page(view, gpa);
	const struct gpa_page second = gpa_page(view, last);
	uint32_t n = (uint32_t)(PAGE_SIZE - PAGE_OFFSET(gpa.a));

	if (n > access->n_bytes)
		n = access->n_bytes;
	if (!(first.rights & second.rights & right))
		return RESULT(E_ACCESSDENIED);
	if (is_write) {
		gpa_written(view->partition, first, gpa);
		gpa_written(view->partition, second, last);
		memcpy(first.ptr + PAGE_OFFSET(gpa.a), access->data, n);
		memcpy(second.ptr, access->data + n, access->n_bytes - n);
	} else {
		memcpy(access->data, first.ptr + PAGE_OFFSET(gpa.a), n);
		memcpy(access->data + n, second.ptr, access->n_bytes - n);
	}
	return RESULT(S_OK);
}

uint32_t gpa_read(struct gpa_view *view, uint64_t buffer)
{
	struct whit_gpa_access access;
	uint32_t result;

	if (!buffer_read(buffer, &access, sizeof(access)))
		return RESULT(E_POINTER);
	if (!is_legal_access(&access))
		return RESULT(E_INVALIDARG);
	memset(access.data, 0, sizeof(access.data));
	result = move(view, &access, false);
	if (result == RESULT(S_OK) && !buffer_write(buffer, &access, sizeof(access)))
		return RESULT(E_POINTER);
	return result;
}

uint32_t gpa_write(struct gpa_view *view, uint64_t buffer)
{
	struct whit_gpa_access access;

	if (!buffer_read(buffer, &access, sizeof(access)))
		return RESULT(E_POINTER);
	if (!is_legal_access(&access))
		return RESULT(E_INVALIDARG);
	return move(view, &access, true);
}

uint32_t gpa_advise(struct partition_locked held, uint64_t gpa, uint64_t n_bytes, uint64_t advice,
		    uint64_t populate, uint64_t *result)
{
	const struct partition *const partition = held.partition;
	uint64_t at = gpa;

	if (advice == WHvAdviseGpaRangeCodePopulate) {
		if (populate & 0xffffffffu & ~POPULATE_FLAGS ||
		    populate >> POPULATE_ACCESS > WHvMemoryAccessExecute)
			return RESULT(E_INVALIDARG);
	} else if (advice > WHvAdviseGpaRangeCodeUnpin || populate || PAGE_OFFSET(gpa | n_bytes)) {
		return RESULT(E_INVALIDARG);
	}
	if (!n_bytes || gpa >> gpa_bits() || n_bytes > (1ull << gpa_bits()) - gpa)
		return RESULT(E_INVALIDARG);
	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	for (unsigned int i = 0; at - gpa < n_bytes && i < MAX_LOOKS; i++) {
		const struct virt_leaf here = virt_space_lookup(&partition->space, GPA(at));

		if (!here.rights && !(gpa_is_apic(partition, at) && here.level == LEVEL_4K))
			return RESULT(WHV_E_GPA_RANGE_NOT_FOUND);
		at = (at | (LEVEL_SIZE(here.level) - 1)) + 1;
	}
	*result = at - gpa < n_bytes ? at - gpa : n_bytes;
	return *result < n_bytes ? WHIT_S_MORE : RESULT(S_OK);
}
