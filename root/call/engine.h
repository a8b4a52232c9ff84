/* SPDX-License-Identifier: MIT */
/* Between the files of root/call. */
#ifndef ROOT_CALL_ENGINE_H
#define ROOT_CALL_ENGINE_H

#include "root/call/call.h"
#include "root/call/platform.h"

#define PAGE_BYTES 4096u

/* Parameters of a call have the numbers of docs/hypercalls.md, 1 to 5: RCX RDX R8 R9 R10. */
#define N_PARAMETERS 5u

/*
 * One hypercall, repeated while it is interrupted, and with memory lent for as long as it asks for some.
 * `partition` is NULL for calls that name none. Parameters are the hypervisor's.
 */
uint32_t engine_again(struct call_partition *partition, uint64_t code,
		      const uint64_t parameters[N_PARAMETERS], uint32_t status,
		      struct hypercall_result *result);

static inline uint32_t engine_call(struct call_partition *partition, uint64_t code,
				   const uint64_t parameters[N_PARAMETERS],
				   struct hypercall_result *result)
{
	const uint32_t status = hypercall5(code, parameters[0], parameters[1], parameters[2],
					   parameters[3], parameters[4], result);

	/* What the first call has answered is done with, or to be gone on from. */
	return status ? engine_again(partition, code, parameters, status, result) : 0;
}

/* ---- loan.c ------------------------------------------------------------------------------ */

/* Lend `needed` pages or more. False if there are none, or the hypervisor does not take them. */
bool loan_make(struct call_partition *partition, uint64_t needed);

/*
 * WHIT_CALL_CREATE_PARTITION with n pages, which become its first loan. On WHIT_E_INSUFFICIENT_MEMORY, *needed
 * is how many it takes.
 */
uint32_t loan_create(struct call_partition *partition, size_t n, uint64_t *needed);

/* Give all pages back to the platform; the partition is deleted. */
void loan_free(struct call_partition *partition);

/* A first loan that carries a small partition with one VP through its life. */
#define LOAN_FIRST_PAGES 16u

/* ---- sleep.c ----------------------------------------------------------------------------- */

/*
 * A Run of this VP has answered WHIT_S_IDLE: sleep until something else comes of it, which is returned. *goes_on is false,
 * with WHIT_S_IDLE, if the platform wants the caller elsewhere. CALL_E_VP_STATE: another one sleeps with it.
 */
struct hypercall_answer sleep_run(struct call_partition *partition, uint32_t vp, bool *goes_on);

/* Whom a call has woken or may have to wake. */
enum sleep_wakes {
	WAKES_NOBODY,
	WAKES_POSTED, /* those to whom the hypervisor has posted something */
	WAKES_VP,     /* the VP that it names, parameter 2 */
	WAKES_ALL,
};

/* After a call: those of the VPs that sleep look whether there is something for them. */
void sleep_disturb(const struct call_partition *partition, enum sleep_wakes whom, uint64_t vp);

/* After each Run: tell the platform of the VPs to which this one's has posted something. */
void sleep_pass_on(const struct call_partition *partition, uint32_t vp);

/* The page of an index, whether there is such a VP or not. */
static inline struct whit_vp_page *engine_page(const struct call_partition *partition, uint32_t vp)
{
	return (struct whit_vp_page *)(__atomic_load_n(&partition->vps[vp], __ATOMIC_ACQUIRE) &
				       ~(uintptr_t)CALL_VP_GONE);
}

/* ---- source.c ---------------------------------------------------------------------------- */

/* MAP_GPA_RANGE of memory that the caller names by a pointer, and MAP_GPA_LIST of a list of such. */
uint32_t source_map_range(struct call_partition *partition, uint64_t source, uint64_t gpa,
			  uint64_t n_bytes, uint64_t flags, struct hypercall_result *result);
uint32_t source_map_list(struct call_partition *partition, uint64_t gpa, uint64_t list,
			 uint64_t n_list, uint64_t flags, struct hypercall_result *result);

/* ---- shape.c ----------------------------------------------------------------------------- */

/* What a call does with a buffer. */
enum {
	WAY_IN = 1,	  /* it reads it */
	WAY_OUT = 2,	  /* it writes it */
	WAY_WRITTEN = 4,  /* RDX says how many bytes of it */
	WAY_OPTIONAL = 8, /* there need not be one */
};

struct shape_buffer {
	uint8_t at;    /* the parameter that is its address; 0: there is no such buffer */
	uint8_t count; /* the parameter that says how many elements it has; 0: one */
	uint8_t way;
	uint16_t unit; /* bytes of an element; 0: a bit a page of the range */
};

/* How a call that is too long for the hypervisor is cut. */
enum shape_cut {
	CUT_PLAIN, /* neither is it, nor has it a buffer */
	CUT_NOT,   /* it is never */
	CUT_LIST, /* by the engine: so many elements in one call, the buffers one behind the other */
	CUT_RANGE,  /* WHIT_S_MORE: parameter 2 is a GPA, 3 the bytes; RDX of them are done */
	CUT_VPS,    /* WHIT_S_MORE: parameter 2 becomes RDX */
	CUT_SOURCE, /* MAP_GPA_RANGE */
	CUT_EXTENTS /* MAP_GPA_LIST */
};

struct shape {
	uint8_t is_known; /* a call that call_do() makes; 2: one that call_do_alone() makes */
	uint8_t cut;
	uint32_t most; /* elements of a buffer with a count, in one call; beyond it nobody looks */
	struct shape_buffer buffer[2];
	uint8_t wakes; /* enum sleep_wakes */
};

#define SHAPE_OF_PARTITION 1
#define SHAPE_ALONE	   2

/* The last call that a WHP function has, and Whit's own. */
#define SHAPE_LAST     62u
#define SHAPE_OWN      0x100u
#define SHAPE_LAST_OWN (WHIT_CALL_SET_TSC - SHAPE_OWN)

extern const struct shape shape_calls[SHAPE_LAST + 1], shape_own_calls[SHAPE_LAST_OWN + 1];

/* NULL if there is none of these: a row that is missing is a refusal. */
static inline const struct shape *shape_of(uint64_t code, uint8_t is_known)
{
	const struct shape *shape = &shape_calls[0];

	if (code <= SHAPE_LAST)
		shape = &shape_calls[code];
	else if (code - SHAPE_OWN <= SHAPE_LAST_OWN)
		shape = &shape_own_calls[code - SHAPE_OWN];
	return shape->is_known == is_known ? shape : NULL;
}

#endif
