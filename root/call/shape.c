// SPDX-License-Identifier: MIT
/*
 * What each hypercall does with its parameters, as docs/hypercalls.md has it: which of them are buffers, how
 * long these are, and how the call is cut; and which VPs it may wake. Codes that no row has are refused.
 */
#include "root/call/engine.h"

/* The longest capability, property that is read, or set of counters, with room for others. */
#define MOST_VALUE 256u

/* The longest property that can be set is less: what is longer is refused all the same. */
#define MOST_PROPERTY 4096u

/* More than any state takes: what a caller gives beyond is left alone. */
#define MOST_STATE 65536u

#define MOST_LOG 4096u

/* Records of the WHP functions that the hypervisor writes whole. */
#define CPUID_OUTPUT_BYTES 16u

#define OF_PARTITION .is_known = SHAPE_OF_PARTITION
#define ALONE	     .is_known = SHAPE_ALONE
#define VALUE(at, n)                                    \
	{                                               \
		{                                       \
			at, n, WAY_OUT | WAY_WRITTEN, 1 \
		}                                       \
	}

const struct shape shape_calls[SHAPE_LAST + 1] = {
	[WHIT_CALL_GET_CAPABILITY] = { ALONE, CUT_NOT, MOST_VALUE, VALUE(2, 3) },
	[WHIT_CALL_SETUP_PARTITION] = { OF_PARTITION, CUT_PLAIN },
	[WHIT_CALL_RESET_PARTITION] = { OF_PARTITION, CUT_VPS, .wakes = WAKES_ALL },
	[WHIT_CALL_GET_PROPERTY] = { OF_PARTITION, CUT_NOT, MOST_VALUE, VALUE(3, 4) },
	[WHIT_CALL_SET_PROPERTY] = { OF_PARTITION,
				     CUT_NOT,
				     MOST_PROPERTY,
				     { { 3, 4, WAY_IN, 1 } } },
	[WHIT_CALL_SUSPEND_TIME] = { OF_PARTITION, CUT_PLAIN },
	[WHIT_CALL_RESUME_TIME] = { OF_PARTITION, CUT_PLAIN, .wakes = WAKES_ALL },
	[WHIT_CALL_MAP_GPA_RANGE] = { OF_PARTITION, CUT_SOURCE },
	[WHIT_CALL_UNMAP_GPA_RANGE] = { OF_PARTITION, CUT_RANGE },
	[WHIT_CALL_TRANSLATE_GVA] = { OF_PARTITION, CUT_PLAIN },
	[WHIT_CALL_CANCEL_RUN_VP] = { OF_PARTITION, CUT_PLAIN, .wakes = WAKES_VP },
	[WHIT_CALL_GET_REGISTERS] = { OF_PARTITION,
				      CUT_LIST,
				      WHIT_MAX_REGISTERS,
				      { { 3, 4, WAY_IN, 4 }, { 5, 4, WAY_OUT, 16 } } },
	[WHIT_CALL_SET_REGISTERS] = { OF_PARTITION,
				      CUT_LIST,
				      WHIT_MAX_REGISTERS,
				      { { 3, 4, WAY_IN, 4 }, { 5, 4, WAY_IN, 16 } },
				      .wakes = WAKES_VP },
	[WHIT_CALL_REQUEST_INTERRUPT] = { OF_PARTITION, CUT_PLAIN, .wakes = WAKES_POSTED },
	[WHIT_CALL_QUERY_DIRTY] = { OF_PARTITION,
				    CUT_RANGE,
				    0,
				    { { 4, 3, WAY_OUT | WAY_OPTIONAL, 0 } } },
	[WHIT_CALL_PARTITION_COUNTERS] = { OF_PARTITION, CUT_NOT, MOST_VALUE, VALUE(3, 4) },
	[WHIT_CALL_VP_COUNTERS] = { OF_PARTITION, CUT_NOT, MOST_VALUE, VALUE(4, 5) },
	[WHIT_CALL_ADVISE_GPA_RANGE] = { OF_PARTITION, CUT_RANGE },
	[WHIT_CALL_READ_GPA_RANGE] = { OF_PARTITION,
				       CUT_NOT,
				       0,
				       { { 3, 0, WAY_IN | WAY_OUT,
					   sizeof(struct whit_gpa_access) } } },
	[WHIT_CALL_WRITE_GPA_RANGE] = { OF_PARTITION,
					CUT_NOT,
					0,
					{ { 3, 0, WAY_IN, sizeof(struct whit_gpa_access) } } },
	[WHIT_CALL_GET_VP_STATE] = { OF_PARTITION, CUT_NOT, MOST_STATE, VALUE(4, 5) },
	[WHIT_CALL_SET_VP_STATE] = { OF_PARTITION,
				     CUT_NOT,
				     MOST_STATE,
				     { { 4, 5, WAY_IN, 1 } },
				     .wakes = WAKES_VP },
	[WHIT_CALL_CPUID_OUTPUT] = { OF_PARTITION,
				     CUT_NOT,
				     0,
				     { { 5, 0, WAY_OUT, CPUID_OUTPUT_BYTES } } },
	[WHIT_CALL_INTERRUPT_TARGETS] = { OF_PARTITION,
					  CUT_NOT,
					  0,
					  { { 4, 0, WAY_OUT, WHIT_MAX_VPS / 8 } } },
};

const struct shape shape_own_calls[SHAPE_LAST_OWN + 1] = {
	[WHIT_CALL_READ_LOG - SHAPE_OWN] = { ALONE, CUT_NOT, MOST_LOG, VALUE(2, 3) },
	[WHIT_CALL_STATS - SHAPE_OWN] = { ALONE, CUT_NOT, sizeof(struct whit_stats), VALUE(1, 2) },
	[WHIT_CALL_TRANSLATE_GVAS -
		SHAPE_OWN] = { OF_PARTITION,
			       CUT_LIST,
			       WHIT_MAX_TRANSLATIONS,
			       { { 3, 4, WAY_IN | WAY_OUT, sizeof(struct whit_translation) } } },
	[WHIT_CALL_PROTECT_GPA_RANGE - SHAPE_OWN] = { OF_PARTITION, CUT_RANGE },
	[WHIT_CALL_MAP_GPA_LIST - SHAPE_OWN] = { OF_PARTITION, CUT_EXTENTS },
	[WHIT_CALL_SET_TSC - SHAPE_OWN] = { OF_PARTITION, CUT_PLAIN, .wakes = WAKES_ALL },
};
