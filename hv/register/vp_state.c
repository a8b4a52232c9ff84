/* SPDX-License-Identifier: MIT */
/*
 * State of a VP in one piece (hv/register/vp_state.h). The root's buffer is checked once and then
 * written, or read, in place, with hv.lock held so that nobody can lend it away meanwhile: state
 * may be too large for the stack. Fields that decide anything are copied first, and checked in the
 * copy.
 */
#include "hv/register/vp_state.h"

#include <string.h>

#include "hv/mem/buffer.h"
#include "hv/cpu/xsave.h"
#include "hv/vp/signal.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/cr.h"
#include "x86/fx.h"

/* The bytes that a type takes; 0, with *error, if it cannot be had. */
static uint32_t state_bytes(const struct vp *vp, uint64_t type, uint32_t *error)
{
	switch (type) {
	case WHvVirtualProcessorStateTypeXsaveState:
		return xsave_bytes(xsave_components(vp), xsave_component);
	case WHvVirtualProcessorStateTypeInterruptControllerState2:
	case WHIT_STATE_INTERRUPT_CONTROLLER1:
		if (!vp->apic.page) {
			*error = RESULT(WHV_E_INVALID_VP_STATE);
			return 0;
		}
		return type == WHIT_STATE_INTERRUPT_CONTROLLER1 ? APIC_STATE1_BYTES
								: APIC_STATE_BYTES;
	case WHvVirtualProcessorStateTypeSynicMessagePage:
	case WHvVirtualProcessorStateTypeSynicEventFlagPage:
	case WHvVirtualProcessorStateTypeSynicTimerState:
	case WHvVirtualProcessorStateTypeNestedState:
		*error = RESULT(HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED));
		return 0;
	default: *error = RESULT(E_INVALIDARG); return 0;
	}
}

static bool has_header(void)
{
	return virt_machine.fpu_bytes > X86_XSAVE_LEGACY_BYTES;
}

static void get_xsave(struct vp *vp, uint8_t *to)
{
	const uint8_t *const image = virt_fpu_save(vp->virt);
	uint64_t in_use = 0;

	if (has_header())
		memcpy(&in_use, image + X86_XSAVE_LEGACY_BYTES, sizeof(in_use));
	xsave_compact(to, image, in_use | XSAVE_ALWAYS, xsave_components(vp), xsave_component);
}

uint32_t state_get(struct vp *vp, uint64_t type, uint64_t buffer, uint64_t n_bytes,
		   uint64_t *written)
{
	uint32_t result = RESULT(S_OK);
	const uint32_t needed = state_bytes(vp, type, &result);
	uint8_t *to = virt_ptr(SPA(buffer));

	if (!needed)
		return result;
	if (n_bytes < needed) {
		*written = needed;
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	}
	lock_take(&hv.lock);
	if (!buffer_is_legal(buffer, needed)) {
		result = RESULT(E_POINTER);
	} else if (type == WHvVirtualProcessorStateTypeXsaveState) {
		get_xsave(vp, to);
	} else {
		memset(to, 0, needed);
		vp_take_signals(vp);
		apic_get_state(vp, type == WHIT_STATE_INTERRUPT_CONTROLLER1, to);
	}
	lock_drop(&hv.lock);
	if (result == RESULT(S_OK))
		*written = needed;
	return result;
}

/* hv.lock is held, and X86_XSAVE_BASE_BYTES bytes of `from` may be read. */
static uint32_t set_xsave(struct vp *vp, const uint8_t *from, uint64_t buffer, uint64_t n_bytes)
{
	const uint64_t components = xsave_components(vp);
	struct {
		struct x86_fxsave legacy;
		struct x86_xsave_header header;
	} fixed;
	struct x86_fxsave *image;
	uint32_t needed, mask;
	uint64_t in_use;

	memcpy(&fixed, from, sizeof(fixed));
	if (!xsave_is_legal(&fixed.header, components))
		return RESULT(E_INVALIDARG);
	needed = xsave_bytes(fixed.header.xcomp_bv, xsave_component);
	if (n_bytes < needed)
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	if (!buffer_is_legal(buffer, needed))
		return RESULT(E_POINTER);
	image = virt_fpu_save(vp->virt);
	mask = image->mxcsr_mask ? image->mxcsr_mask : X86_MXCSR_DEFAULT_MASK;
	if ((fixed.header.xstate_bv & XCR0_SSE) && (fixed.legacy.mxcsr & ~mask))
		return RESULT(E_INVALIDARG);
	xsave_expand((uint8_t *)image, (const uint8_t *)&fixed, from, components, xsave_component);
	in_use = fixed.header.xstate_bv | XSAVE_ALWAYS;
	if (has_header())
		memcpy((uint8_t *)image + X86_XSAVE_LEGACY_BYTES, &in_use, sizeof(in_use));
	virt_fpu_load(vp->virt);
	return RESULT(S_OK);
}

/* The registers of the page are below 1 KiB; a copy of them is judged and taken. */
static uint32_t set_apic(struct vp *vp, bool is_first, const uint8_t *from)
{
	uint8_t registers[APIC_STATE1_BYTES];

	memcpy(registers, from, sizeof(registers));
	if (!apic_state_is_legal(vp, is_first, registers))
		return RESULT(E_INVALIDARG);
	vp_take_signals(vp);
	apic_set_state(vp, is_first, registers);
	return RESULT(S_OK);
}

uint32_t state_set(struct vp *vp, uint64_t type, uint64_t buffer, uint64_t n_bytes)
{
	uint32_t result = RESULT(S_OK);
	const bool is_xsave = type == WHvVirtualProcessorStateTypeXsaveState;
	const uint32_t needed = state_bytes(vp, type, &result);
	const uint8_t *from = virt_ptr(SPA(buffer));

	if (!needed)
		return result;
	if (n_bytes < (is_xsave ? X86_XSAVE_BASE_BYTES : needed))
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	lock_take(&hv.lock);
	if (!buffer_is_legal(buffer, is_xsave ? X86_XSAVE_BASE_BYTES : needed))
		result = RESULT(E_POINTER);
	else if (is_xsave)
		result = set_xsave(vp, from, buffer, n_bytes);
	else
		result = set_apic(vp, type == WHIT_STATE_INTERRUPT_CONTROLLER1, from);
	lock_drop(&hv.lock);
	return result;
}
