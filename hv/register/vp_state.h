/* SPDX-License-Identifier: MIT */
/*
 * WHvGetVirtualProcessorState and WHvSetVirtualProcessorState: state of a VP in one piece, by
 * WHV_VIRTUAL_PROCESSOR_STATE_TYPE. The XSAVE state has the compacted form (XCOMP_BV bit 63), with
 * the components of the VP's processor model.
 */
#ifndef HV_STATE_H
#define HV_STATE_H

#include "hv/vp.h"

/*
 * *written also with WHV_E_INSUFFICIENT_BUFFER: what it takes. E_INVALIDARG: a type that there is
 * not.
 */
uint32_t state_get(struct vp *vp, uint64_t type, uint64_t buffer, uint64_t n_bytes,
		   uint64_t *written);

/* WHV_E_INSUFFICIENT_BUFFER, E_INVALIDARG: nothing has changed. */
uint32_t state_set(struct vp *vp, uint64_t type, uint64_t buffer, uint64_t n_bytes);

#endif
