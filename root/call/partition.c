// SPDX-License-Identifier: MIT
/* A partition's life and its VPs', with the pages that belong to them; and a VP's Run. */
#include "root/call/engine.h"

uint32_t call_create(struct call_partition *partition)
{
	uint64_t needed = 0;
	uint32_t status = loan_create(partition, LOAN_FIRST_PAGES, &needed);

	if (status == WHIT_E_INSUFFICIENT_MEMORY && needed > LOAN_FIRST_PAGES &&
	    needed <= WHIT_MAX_LEND)
		status = loan_create(partition, needed, &needed);
	return status == WHIT_E_INSUFFICIENT_MEMORY ? CALL_E_NO_MEMORY : status;
}

uint32_t call_delete(struct call_partition *partition)
{
	const uint64_t parameters[N_PARAMETERS] = { partition->handle };
	struct hypercall_result result;
	const uint32_t status =
		engine_call(partition, WHIT_CALL_DELETE_PARTITION, parameters, &result);
	uint32_t i;

	if (status)
		return status;
	for (i = 0; i < WHIT_MAX_VPS; i++) {
		struct whit_vp_page *const page = engine_page(partition, i);

		if (page)
			platform_free(page, 1);
		partition->vps[i] = 0;
	}
	loan_free(partition);
	return 0;
}

/*
 * The page of an index, which is found by the first who asks and stays until the partition is deleted: so nobody who has
 * its address, to wake the VP or to read its record, holds a page that has become something else.
 */
static struct whit_vp_page *page_for(struct call_partition *partition, uint32_t vp)
{
	struct whit_vp_page *page = engine_page(partition, vp);
	uintptr_t there = 0;

	if (page)
		return page;
	page = platform_pages(1);
	if (!page)
		return NULL;
	platform_clear(page, PAGE_BYTES);
	if (__atomic_compare_exchange_n(&partition->vps[vp], &there, (uintptr_t)page + CALL_VP_GONE,
					false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return page;
	platform_free(page, 1);
	return engine_page(partition, vp);
}

uint32_t call_create_vp(struct call_partition *partition, uint32_t vp, uint32_t flags)
{
	uint64_t parameters[N_PARAMETERS] = { partition->handle, vp, flags };
	struct whit_vp_page *page;
	struct hypercall_result result;
	uint32_t status;

	/* The hypervisor says which of its errors this is; without a page it can only be an error. */
	if (vp >= WHIT_MAX_VPS)
		return engine_call(partition, WHIT_CALL_CREATE_VP, parameters, &result);
	page = page_for(partition, vp);
	if (!page)
		return CALL_E_NO_MEMORY;
	parameters[3] = platform_physical(page);
	status = engine_call(partition, WHIT_CALL_CREATE_VP, parameters, &result);
	if (!status)
		__atomic_store_n(&partition->vps[vp], (uintptr_t)page, __ATOMIC_RELEASE);
	return status;
}

uint32_t call_delete_vp(struct call_partition *partition, uint32_t vp)
{
	const uint64_t parameters[N_PARAMETERS] = { partition->handle, vp };
	struct hypercall_result result;
	const uint32_t status = engine_call(partition, WHIT_CALL_DELETE_VP, parameters, &result);

	if (!status && vp < WHIT_MAX_VPS) {
		__atomic_fetch_or(&partition->vps[vp], CALL_VP_GONE, __ATOMIC_RELEASE);
		sleep_disturb(partition, WAKES_VP, vp);
	}
	return status;
}

/* ---- Run --------------------------------------------------------------------------------- */

uint32_t call_run_on(struct call_partition *partition, uint32_t vp, struct hypercall_answer answer)
{
	bool goes_on = true;

	for (;;) {
		sleep_pass_on(partition, vp);
		if (answer.status == WHIT_S_IDLE) {
			answer = sleep_run(partition, vp, &goes_on);
		} else if (answer.status == WHIT_S_AGAIN) {
			platform_bound(answer.rdx);
			goes_on = platform_take_interrupts();
			if (goes_on)
				answer = hypercall2(WHIT_CALL_RUN_VP, partition->handle, vp);
		} else if (answer.status == WHIT_E_INSUFFICIENT_MEMORY) {
			if (!loan_make(partition, answer.rdx))
				return CALL_E_NO_MEMORY;
			answer = hypercall2(WHIT_CALL_RUN_VP, partition->handle, vp);
		} else {
			return answer.status;
		}
		if (!goes_on && (answer.status == WHIT_S_IDLE || answer.status == WHIT_S_AGAIN))
			return WHIT_S_AGAIN;
	}
}

/* ---- For the library --------------------------------------------------------------------- */

static size_t pages_of(size_t n_bytes)
{
	return (n_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

void *call_memory(size_t n_bytes)
{
	void *at = platform_pages(pages_of(n_bytes));

	if (at)
		platform_clear(at, (n_bytes + 7) & ~(size_t)7);
	return at;
}

void call_free(void *at, size_t n_bytes)
{
	platform_free(at, pages_of(n_bytes));
}

void call_clear(void *at, size_t n_bytes)
{
	platform_clear(at, n_bytes);
}

void call_cpuid(uint32_t leaf, uint32_t registers[4])
{
	platform_cpuid(leaf, registers);
}
