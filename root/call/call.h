/* SPDX-License-Identifier: MIT */
/*
 * Calls to the hypervisor with buffers by pointer and length. This is the engine under the WHP library: it knows which
 * parameter of which call is a buffer, where memory is, physically, and how it is lent, and it repeats what was
 * interrupted or cut, to its end. What stands above knows none of that.
 *
 * It is C for a kernel: no library, no floating point, no large frames; what it needs of its place is in
 * root/call/platform.h. In the UEFI library it is linked in. A kernel's driver has it beneath an ioctl: every pointer that
 * call_do() is given may then be a user program's, and every number hostile.
 *
 * Results are the hypervisor's status words (whit/hypercall.h), of which those with bit 31 set are errors, and CALL_E_… of
 * the engine's own.
 *
 * Any calls may overlap, on several processors, on one partition or on several; the hypervisor judges what fits together
 * and refuses the rest. The engine takes no lock: a partition has slots, for its loans and for the pages of its VPs, which are
 * filled by atomic operations and emptied by call_delete() alone. So CANCEL_RUN_VP and REQUEST_INTERRUPT may also be
 * made where any of the others has been interrupted. call_delete() is the exception: it comes alone, and last.
 */
#ifndef ROOT_CALL_CALL_H
#define ROOT_CALL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root/call/hypercall.h"

/* The engine's own errors, with the numbers of the HRESULTs that they are to be. */
#define CALL_E_POINTER	 0x80004003u /* E_POINTER: a buffer is not the caller's memory */
#define CALL_E_ARGUMENT	 0x80070057u /* E_INVALIDARG */
#define CALL_E_NO_MEMORY 0x8007000eu /* E_OUTOFMEMORY */
#define CALL_E_VP_STATE	 0x80370308u /* WHV_E_INVALID_VP_STATE */

#define CALL_MAX_RUNS 120u

/*
 * A partition as the engine has it. Its members are read and written in root/call alone, all but the first by atomic
 * operations.
 */
struct call_partition {
	uint64_t handle;
	uint64_t asleep[WHIT_MAX_VPS / 64]; /* the VPs whose Run sleeps */
	uintptr_t vps[WHIT_MAX_VPS];	    /* their pages, CALL_VP_GONE with those of no VP */
	struct {
		void *pages;
		size_t n;
	} runs[CALL_MAX_RUNS]; /* lent, or kept for the hypervisor to have lent */
};

/* Added to the address of a page that waits for the next VP of its index. */
#define CALL_VP_GONE 1u

/* A part of the caller's memory, for MAP_GPA_LIST: whole pages. */
struct call_extent {
	const void *source;
	uint64_t n_bytes;
};

/* Is this a root partition of Whit, with the ABI version that the engine speaks? */
bool call_has_whit(void);

/* ---- Calls ------------------------------------------------------------------------------- */

/*
 * The call `code` on a partition, with the parameters that stand behind the handle in whit/hypercall.h. Where a
 * parameter there is a buffer, here it is a pointer to as many bytes of the caller's memory, of any alignment; the source of
 * MAP_GPA_RANGE is one, too, and MAP_GPA_LIST takes a list of struct call_extent. The call is repeated until it is
 * done to its end: ranges and lists may have any length.
 *
 * *result is that of the last hypercall; it holds what is documented for the status that is returned. An error can
 * come in the middle of a long range or list: what went before it is done then.
 *
 * CALL_E_POINTER: a buffer is not the caller's memory, or could not be written when the call was done. CALL_E_NO_MEMORY:
 * no memory is left to lend, or for a copy of a buffer. WHIT_E_UNKNOWN_CALL: the code does not exist, or it is one
 * that the other functions here make. Otherwise as the call itself.
 */
uint32_t call_do(struct call_partition *partition, uint64_t code, uint64_t rdx, uint64_t r8,
		 uint64_t r9, uint64_t r10, struct hypercall_result *result);

/* The same for the calls that name no partition: GET_CAPABILITY, READ_LOG, STATS. */
uint32_t call_do_alone(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8,
		       struct hypercall_result *result);

/*
 * A call that has no buffer, is never cut, asks for no memory and wakes nobody: there is nothing for the engine to do.
 * TRANSLATE_GVA is such.
 */
static inline uint32_t call_short(const struct call_partition *partition, uint64_t code,
				  uint64_t rdx, uint64_t r8, uint64_t r9,
				  struct hypercall_result *result)
{
	return hypercall5(code, partition->handle, rdx, r8, r9, 0, result);
}

/*
 * GET_REGISTERS and SET_REGISTERS by call_do(), with a short way for buffers that the hypervisor can take as they are:
 * no call with buffers is made more often.
 */
uint32_t call_registers(struct call_partition *partition, uint64_t code, uint32_t vp,
			const void *names, uint32_t count, const void *values);

/* ---- Partitions and VPs ------------------------------------------------------------------ */

/*
 * A new partition, in *partition, which the caller has cleared; on success with memory lent. call_delete() deletes it
 * and takes back what was lent and the pages of its VPs; if it fails nothing has come back. Whoever was in a call
 * on the partition, in Run above all, has come back before.
 */
uint32_t call_create(struct call_partition *partition);
uint32_t call_delete(struct call_partition *partition);

/*
 * WHIT_CALL_CREATE_VP, with a page that it shares with us, and WHIT_CALL_DELETE_VP. The page stays with the partition
 * for the next VP of this index: another processor may have its address still.
 */
uint32_t call_create_vp(struct call_partition *partition, uint32_t vp, uint32_t flags);
uint32_t call_delete_vp(struct call_partition *partition, uint32_t vp);

/* The shared page of a VP; NULL if there is none of this index. */
static inline struct whit_vp_page *call_vp_page(const struct call_partition *partition, uint32_t vp)
{
	const uintptr_t page =
		vp < WHIT_MAX_VPS ? __atomic_load_n(&partition->vps[vp], __ATOMIC_ACQUIRE) : 0;

	return page & CALL_VP_GONE ? NULL : (struct whit_vp_page *)page;
}

/* ---- Run --------------------------------------------------------------------------------- */

/*
 * Run a VP until there is an exit, which stands in its shared page (0), or an error. WHIT_S_AGAIN: the platform wants
 * the caller elsewhere; nothing is lost by calling again later. A VP that sleeps makes its caller sleep (sleep.c).
 * CALL_E_VP_STATE: the VP is in Run already, asleep or not.
 */
uint32_t call_run_on(struct call_partition *partition, uint32_t vp, struct hypercall_answer answer);

/* Has the VP's Run woken others, who are to be told, whatever it has answered? Its page is the caller's: read once. */
static inline bool call_has_woken(const struct whit_vp_page *page)
{
	uint64_t bits = 0;
	uint32_t i;

#pragma GCC unroll 4
	for (i = 0; i < WHIT_MAX_VPS / 64; i++)
		bits |= __atomic_load_n(&page->wake_vps[i], __ATOMIC_RELAXED);
	return bits;
}

/* `page` is the VP's, call_vp_page(). */
static inline uint32_t call_run(struct call_partition *partition, uint32_t vp,
				const struct whit_vp_page *page)
{
	const struct hypercall_answer answer = hypercall2(WHIT_CALL_RUN_VP, partition->handle, vp);

	return answer.status || call_has_woken(page) ? call_run_on(partition, vp, answer) : 0;
}

/* ---- Memory and processor, for the library itself ---------------------------------------- */

/* At least n_bytes of zeros, aligned to a page; NULL if there are none. call_free() takes them back, whole. */
void *call_memory(size_t n_bytes);
void call_free(void *at, size_t n_bytes);

/* Clear n_bytes, a multiple of 8, at an address that is one, too. */
void call_clear(void *at, size_t n_bytes);

/* CPUID of a leaf, subleaf 0: EAX, EBX, ECX, EDX. */
void call_cpuid(uint32_t leaf, uint32_t registers[4]);

#endif
