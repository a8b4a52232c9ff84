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
		if (partition->vps[i])
			platform_free(partition->vps[i], 1);
		partition->vps[i] = NULL;
	}
	loan_free(partition);
	return 0;
}

uint32_t call_create_vp(struct call_partition *partition, uint32_t vp, uint32_t flags)
{
	void *page = platform_pages(1);
	uint64_t parameters[N_PARAMETERS] = { partition->handle, vp, flags };
	struct hypercall_result result;
	uint32_t status;

	if (!page)
		return CALL_E_NO_MEMORY;
	platform_clear(page, PAGE_BYTES);
	parameters[3] = platform_physical(page);
	status = engine_call(partition, WHIT_CALL_CREATE_VP, parameters, &result);
	if (!status && vp < WHIT_MAX_VPS)
		partition->vps[vp] = page;
	else
		platform_free(page, 1);
	return status;
}

uint32_t call_delete_vp(struct call_partition *partition, uint32_t vp)
{
	const uint64_t parameters[N_PARAMETERS] = { partition->handle, vp };
	struct hypercall_result result;
	const uint32_t status = engine_call(partition, WHIT_CALL_DELETE_VP, parameters, &result);

	if (!status && vp < WHIT_MAX_VPS && partition->vps[vp]) {
		platform_free(partition->vps[vp], 1);
		partition->vps[vp] = NULL;
	}
	return status;
}

/* ---- Run --------------------------------------------------------------------------------- */

/*
 * The VP sleeps: so does the caller. Whatever could wake the VP comes by an interrupt (a timer's callback that requests
 * an interrupt, or cancels): with interrupts held the call is made once more, to be sure that nothing has come
 * since, and they are let in with the sleep. *goes_on is false if the platform wants the caller elsewhere.
 */
static uint32_t run_asleep(const struct call_partition *partition, uint32_t vp, bool *goes_on)
{
	const uint64_t held = platform_hold_interrupts();
	struct hypercall_result result;
	const uint32_t status =
		hypercall5(WHIT_CALL_RUN_VP, partition->handle, vp, 0, 0, 0, &result);

	if (status == WHIT_S_IDLE)
		*goes_on = platform_wait(held, result.rdx);
	else
		platform_release_interrupts(held);
	return status;
}

uint32_t call_run_on(struct call_partition *partition, uint32_t vp, uint32_t status)
{
	bool goes_on = true;
	struct hypercall_result result;

	for (;;) {
		if (status == WHIT_S_IDLE) {
			status = run_asleep(partition, vp, &goes_on);
		} else if (status == WHIT_S_AGAIN) {
			goes_on = platform_take_interrupts();
			if (goes_on)
				status = hypercall2(WHIT_CALL_RUN_VP, partition->handle, vp);
		} else if (status == WHIT_E_INSUFFICIENT_MEMORY) {
			/* How much is in RDX, which the short form does not give. */
			status = hypercall5(WHIT_CALL_RUN_VP, partition->handle, vp, 0, 0, 0,
					    &result);
			if (status == WHIT_E_INSUFFICIENT_MEMORY &&
			    !loan_make(partition, result.rdx))
				return CALL_E_NO_MEMORY;
		} else {
			return status;
		}
		if (!goes_on && (status == WHIT_S_IDLE || status == WHIT_S_AGAIN))
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
