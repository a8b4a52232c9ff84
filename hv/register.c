/* SPDX-License-Identifier: MIT */
/*
 * WHV_REGISTER_NAME: what each register is, which values it takes, how it is read and written. A row
 * stands for a run of names; a name without a row is one that Whit does not have.
 *
 * A value is refused here if it could never be right, or if the hypervisor itself would stumble over
 * it (an MSR that faults). What must fit together with other registers is judged when the VP runs, since a
 * client sets registers in any order. All of a call's names and values are checked before the
 * first is written.
 */
#include <string.h>

#include "hv/buffer.h"
#include "hv/cr.h"
#include "hv/device.h"
#include "hv/event.h"
#include "hv/msr.h"
#include "hv/vp.h"
#include "whp/WinHvRegisters.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

struct row {
	uint32_t first, n; /* names */
	uint32_t arg; /* what the functions want to know: an enum virt_reg, an MSR, an offset */
	void (*get)(struct vp *vp, const struct row *row, uint32_t i, WHV_REGISTER_VALUE *value);
	/* NULL: any value will do. Returns NULL, or why not. */
	const char *(*check)(struct vp *vp, const struct row *row, uint32_t i,
			     const WHV_REGISTER_VALUE *value);
	void (*set)(struct vp *vp, const struct row *row, uint32_t i,
		    const WHV_REGISTER_VALUE *value);
};

#define UPPER_HALF 0xffffffff00000000ull

/* Each function's parameters; `i` counts from row->first. */
#define GET	   struct vp *vp, const struct row *row, uint32_t i, WHV_REGISTER_VALUE *value
#define SET	   struct vp *vp, const struct row *row, uint32_t i, const WHV_REGISTER_VALUE *value
#define UNUSED_ROW ((void)row, (void)i)
#define UNUSED_VP  ((void)vp, (void)row, (void)i)

/* ---- General registers, RIP, RFLAGS ------------------------------------------------------ */

static void get_gpr(GET)
{
	UNUSED_ROW;
	value->Reg64 = virt_regs(vp->virt)->gpr[i];
}

static void set_gpr(SET)
{
	UNUSED_ROW;
	virt_regs(vp->virt)->gpr[i] = value->Reg64;
	virt_regs(vp->virt)->changed = true;
}

static void get_rip(GET)
{
	UNUSED_ROW;
	value->Reg64 = virt_regs(vp->virt)->rip;
}

static void set_rip(SET)
{
	UNUSED_ROW;
	virt_regs(vp->virt)->rip = value->Reg64;
	virt_regs(vp->virt)->changed = true;
}

static void get_rflags(GET)
{
	UNUSED_ROW;
	value->Reg64 = virt_regs(vp->virt)->rflags;
}

static const char *check_rflags(SET)
{
	UNUSED_VP;
	return value->Reg64 & ~(uint64_t)(RFLAGS_DEFINED | RFLAGS_ONE)
		       ? "RFLAGS has a reserved bit set"
		       : NULL;
}

static void set_rflags(SET)
{
	UNUSED_ROW;
	virt_regs(vp->virt)->rflags = value->Reg64 | RFLAGS_ONE;
	virt_regs(vp->virt)->changed = true;
}

/* ---- Segments and tables ----------------------------------------------------------------- */

_Static_assert(sizeof(WHV_X64_SEGMENT_REGISTER) == sizeof(struct x86_segment) &&
		       sizeof(WHV_X64_TABLE_REGISTER) == sizeof(struct x86_table),
	       "copied without conversion");

#define SEG_RESERVED 0x0f00u

static void get_segment(GET)
{
	struct x86_segment segment;

	UNUSED_ROW;
	virt_get_segment(vp->virt, (enum x86_seg)i, &segment);
	memcpy(&value->Segment, &segment, sizeof(segment));
}

static const char *check_segment(SET)
{
	UNUSED_VP;
	return value->Segment.Attributes & SEG_RESERVED
		       ? "segment attributes: bits 8 to 11 are reserved"
		       : NULL;
}

static void set_segment(SET)
{
	struct x86_segment segment;

	UNUSED_ROW;
	memcpy(&segment, &value->Segment, sizeof(segment));
	virt_set_segment(vp->virt, (enum x86_seg)i, &segment);
}

/* IDTR has the lower name. */
static void get_table(GET)
{
	struct x86_table table;

	UNUSED_ROW;
	virt_get_table(vp->virt, 1 - i, &table);
	value->Table.Limit = table.limit;
	value->Table.Base = table.base;
}

static void set_table(SET)
{
	const struct x86_table table = { .limit = value->Table.Limit, .base = value->Table.Base };

	UNUSED_ROW;
	virt_set_table(vp->virt, 1 - i, &table);
}

/* ---- Registers that virt_get() and virt_set() have, one for one -------------------------- */

static void get_virt(GET)
{
	value->Reg64 = virt_get(vp->virt, (enum virt_reg)(row->arg + i));
}

static void set_virt(SET)
{
	virt_set(vp->virt, (enum virt_reg)(row->arg + i), value->Reg64);
}

static const char *check_cr0(SET)
{
	UNUSED_ROW;
	return cr0_refusal(vp, value->Reg64);
}

static void set_cr0(SET)
{
	UNUSED_ROW;
	virt_set(vp->virt, VIRT_CR0, value->Reg64 | CR0_ET);
}

static const char *check_cr3(SET)
{
	UNUSED_VP;
	return value->Reg64 >> virt_machine.physical_bits
		       ? "CR3 is beyond the physical address width"
		       : NULL;
}

static const char *check_cr4(SET)
{
	UNUSED_ROW;
	return cr4_refusal(vp, value->Reg64);
}

static const char *check_efer(SET)
{
	UNUSED_ROW;
	return efer_refusal(vp, value->Reg64);
}

static const char *check_low(SET)
{
	UNUSED_VP;
	return value->Reg64 & UPPER_HALF ? "the upper 32 bits are reserved" : NULL;
}

/* Bits that DR6 and DR7 have; the others read as they always do. */
#define DR6_BITS 0xe00full
#define DR7_BITS 0xffff23ffull

static void set_dr6(SET)
{
	UNUSED_ROW;
	virt_set(vp->virt, VIRT_DR6, (value->Reg64 & DR6_BITS) | DR6_INIT);
}

static void set_dr7(SET)
{
	UNUSED_ROW;
	virt_set(vp->virt, VIRT_DR7, (value->Reg64 & DR7_BITS) | DR7_INIT);
}

static const char *check_canonical(SET)
{
	const unsigned int unused = 64u - (cr4_allowed() & CR4_LA57 ? 57u : 48u);

	UNUSED_VP;
	return (uint64_t)((int64_t)(value->Reg64 << unused) >> unused) != value->Reg64
		       ? "the address is not canonical"
		       : NULL;
}

static const char *check_pat(SET)
{
	UNUSED_VP;
	return msr_pat_is_legal(value->Reg64) ? NULL : "PAT has a memory type that does not exist";
}

/* ---- Registers of the model -------------------------------------------------------------- */

static void get_cr8(GET)
{
	UNUSED_ROW;
	value->Reg64 = vp->cr8;
}

static const char *check_cr8(SET)
{
	UNUSED_VP;
	return value->Reg64 > 15 ? "CR8 has 4 bits" : NULL;
}

static void set_cr8(SET)
{
	UNUSED_ROW;
	vp->cr8 = value->Reg64;
}

/* Without XSAVE in the model: what a processor has that was never asked for more. */
static void get_xcr0(GET)
{
	UNUSED_VP;
	value->Reg64 = XCR0_X87;
}

static const char *check_xcr0(SET)
{
	UNUSED_VP;
	return value->Reg64 != XCR0_X87 ? "XCR0 can only be 1: the processor model has no XSAVE"
					: NULL;
}

static void set_nothing(SET)
{
	UNUSED_VP;
	(void)value;
}

static void get_tsc(GET)
{
	UNUSED_ROW;
	value->Reg64 = virt_tsc() + virt_get(vp->virt, VIRT_TSC_OFFSET);
}

static void set_tsc(SET)
{
	UNUSED_ROW;
	virt_set(vp->virt, VIRT_TSC_OFFSET, value->Reg64 - virt_tsc());
}

static void get_tsc_aux(GET)
{
	UNUSED_ROW;
	value->Reg64 = vp->tsc_aux;
}

static void set_tsc_aux(SET)
{
	UNUSED_ROW;
	vp->tsc_aux = value->Reg64;
}

static void get_apic_id(GET)
{
	UNUSED_ROW;
	value->Reg64 = vp->index;
}

static const char *check_apic_id(SET)
{
	UNUSED_ROW;
	return value->Reg64 != vp->index ? "the initial APIC ID is the VP's index" : NULL;
}

/* MSRs of the model (hv/msr.c) with row->arg as their number. */
static void get_msr(GET)
{
	(void)i;
	value->Reg64 = 0;
	(void)msr_read(vp, row->arg, &value->Reg64);
}

static void set_msr(SET)
{
	(void)i;
	(void)msr_write(vp, row->arg, value->Reg64);
}

/* Written back as it is read, the register takes the value; and it has no others. */
static const char *check_same(SET)
{
	WHV_REGISTER_VALUE now;

	get_msr(vp, row, i, &now);
	return value->Reg64 != now.Reg64 ? "the register cannot be changed" : NULL;
}

/* msr_write() refuses without having changed anything; the value before comes back at once. */
static const char *check_msr(SET)
{
	WHV_REGISTER_VALUE before;

	get_msr(vp, row, i, &before);
	if (!msr_write(vp, row->arg, value->Reg64))
		return "the register has a reserved bit set, or a value that does not exist";
	(void)msr_write(vp, row->arg, before.Reg64);
	return NULL;
}

/* ---- x87 and SSE: the FXSAVE image ------------------------------------------------------- */

/* SDM 1 "FXSAVE Area". row->arg is the offset of the first register. */
#define FX_CONTROL    0u
#define FX_MXCSR      16u
#define FX_ST	      32u
#define FX_XMM	      160u
#define FX_MXCSR_MASK 28u
#define MXCSR_DEFAULT \
	0xffbfu /* SDM 1 "Guidelines for Writing to the MXCSR": what a mask of 0 means */

static uint8_t *fx(struct vp *vp, const struct row *row, uint32_t i)
{
	return (uint8_t *)virt_fpu(vp->virt) + row->arg + 16 * i;
}

static void get_fx(GET)
{
	memcpy(value, fx(vp, row, i), 16);
}

static void set_fx(SET)
{
	memcpy(fx(vp, row, i), value, 16);
}

static const char *check_st(SET)
{
	UNUSED_VP;
	return value->Fp.Reserved ? "an x87 register has 80 bits" : NULL;
}

static void set_st(SET)
{
	memcpy(fx(vp, row, i), value, 10);
}

/* FXRSTOR of a reserved bit would fault in the hypervisor. */
static const char *check_mxcsr(SET)
{
	uint32_t mask;

	UNUSED_ROW;
	memcpy(&mask, (const uint8_t *)virt_fpu(vp->virt) + FX_MXCSR_MASK, sizeof(mask));
	if (!mask)
		mask = MXCSR_DEFAULT;
	return value->XmmControlStatus.XmmStatusControl & ~mask ? "MXCSR has a reserved bit set"
								: NULL;
}

/* The mask is the processor's. */
static void set_mxcsr(SET)
{
	memcpy(fx(vp, row, i), value, 12);
}

/* ---- Events ------------------------------------------------------------------------------ */

static void get_interruption(GET)
{
	UNUSED_ROW;
	value->Reg64 = event_get_interruption(vp);
}

static void set_interruption(SET)
{
	UNUSED_ROW;
	(void)event_set_interruption(vp, value->Reg64);
}

static void get_event(GET)
{
	uint64_t words[2];

	UNUSED_ROW;
	event_get_event(vp, words);
	value->Reg128.Low64 = words[0];
	value->Reg128.High64 = words[1];
}

static void set_event(SET)
{
	const uint64_t words[2] = { value->Reg128.Low64, value->Reg128.High64 };

	UNUSED_ROW;
	(void)event_set_event(vp, words);
}

/* The event functions refuse without having changed anything: what they did change is put back. */
static const char *check_event(SET)
{
	const struct virt_event before = vp->pending;
	const uint64_t parameter = vp->pending_parameter;
	const bool is_event = vp->pending_is_event, is_injected = vp->pending_is_injected;
	const uint64_t words[2] = { value->Reg128.Low64, value->Reg128.High64 };
	bool is_legal;

	(void)i;
	is_legal = row->arg ? event_set_event(vp, words) : event_set_interruption(vp, value->Reg64);
	vp->pending = before;
	vp->pending_parameter = parameter;
	vp->pending_is_event = is_event;
	vp->pending_is_injected = is_injected;
	return is_legal ? NULL : "the event is one that can never be delivered";
}

#define STATE_SHADOW	 (1ull << 0)
#define STATE_NMI_MASKED (1ull << 1)
#define SHADOW_EITHER	 ((uint64_t)(VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS))

static void get_interrupt_state(GET)
{
	const uint64_t shadow = virt_get(vp->virt, VIRT_SHADOW);

	UNUSED_ROW;
	value->Reg64 = (shadow & SHADOW_EITHER ? STATE_SHADOW : 0) |
		       (shadow & VIRT_SHADOW_NMI ? STATE_NMI_MASKED : 0);
}

static const char *check_interrupt_state(SET)
{
	UNUSED_VP;
	return value->Reg64 & ~(STATE_SHADOW | STATE_NMI_MASKED)
		       ? "InterruptState has a reserved bit set"
		       : NULL;
}

/* A shadow keeps its kind; a new one is that of MOV SS, which needs no RFLAGS.IF. */
static void set_interrupt_state(SET)
{
	uint64_t shadow = virt_get(vp->virt, VIRT_SHADOW) & SHADOW_EITHER;

	UNUSED_ROW;
	if (!(value->Reg64 & STATE_SHADOW))
		shadow = 0;
	else if (!shadow)
		shadow = VIRT_SHADOW_MOV_SS;
	if (value->Reg64 & STATE_NMI_MASKED)
		shadow |= VIRT_SHADOW_NMI;
	virt_set(vp->virt, VIRT_SHADOW, shadow);
}

static void get_deliverability(GET)
{
	UNUSED_ROW;
	value->Reg64 = vp->deliverability;
}

#define DELIVERABILITY_BITS 0x3full

static const char *check_deliverability(SET)
{
	UNUSED_VP;
	return value->Reg64 & ~DELIVERABILITY_BITS
		       ? "DeliverabilityNotifications: reserved bits, and there is no SynIC"
		       : NULL;
}

static void set_deliverability(SET)
{
	UNUSED_ROW;
	vp->deliverability = value->Reg64;
}

static void get_activity(GET)
{
	UNUSED_ROW;
	value->Reg64 = vp->activity;
}

#define ACTIVITY_BITS 0x7ull

static const char *check_activity(SET)
{
	UNUSED_VP;
	return value->Reg64 & ~ACTIVITY_BITS ? "InternalActivityState has a reserved bit set"
					     : NULL;
}

static void set_activity(SET)
{
	UNUSED_ROW;
	vp->activity = value->Reg64;
}

/* WHP's SingleStep is bit 4, the processor's BS bit 14. */
#define DEBUG_BREAKPOINTS 0xfull
#define DEBUG_STEP	  (1ull << 4)
#define PENDING_BS	  (1ull << 14)

static void get_pending_debug(GET)
{
	const uint64_t pending = virt_get(vp->virt, VIRT_PENDING_DEBUG);

	UNUSED_ROW;
	value->Reg64 = (pending & DEBUG_BREAKPOINTS) | (pending & PENDING_BS ? DEBUG_STEP : 0);
}

static const char *check_pending_debug(SET)
{
	UNUSED_VP;
	return value->Reg64 & ~(DEBUG_BREAKPOINTS | DEBUG_STEP)
		       ? "PendingDebugException has a reserved bit set"
		       : NULL;
}

static void set_pending_debug(SET)
{
	UNUSED_ROW;
	virt_set(vp->virt, VIRT_PENDING_DEBUG,
		 (value->Reg64 & DEBUG_BREAKPOINTS) | (value->Reg64 & DEBUG_STEP ? PENDING_BS : 0));
}

/* ---- Device data ------------------------------------------------------------------------- */

static void get_device_data(GET)
{
	uint64_t words[2] = { 0, 0 };

	UNUSED_ROW;
	(void)device_get_data(vp, i, words);
	value->Reg128.Low64 = words[0];
	value->Reg128.High64 = words[1];
}

static const char *check_device_data(SET)
{
	uint64_t words[2];

	(void)row;
	(void)value;
	return device_get_data(vp, i, words) ? NULL : "no device read waits for data";
}

static void set_device_data(SET)
{
	const uint64_t words[2] = { value->Reg128.Low64, value->Reg128.High64 };

	UNUSED_ROW;
	(void)device_set_data(vp, i, words);
}

/* ---- The table, by name ------------------------------------------------------------------ */

/* clang-format off */
static const struct row rows[] = {
	{ WHvX64RegisterRax, 16, 0, get_gpr, NULL, set_gpr },
	{ WHvX64RegisterRip, 1, 0, get_rip, NULL, set_rip },
	{ WHvX64RegisterRflags, 1, 0, get_rflags, check_rflags, set_rflags },
	{ WHvX64RegisterEs, SEG_COUNT, 0, get_segment, check_segment, set_segment },
	{ WHvX64RegisterIdtr, 2, 0, get_table, NULL, set_table },
	{ WHvX64RegisterCr0, 1, VIRT_CR0, get_virt, check_cr0, set_cr0 },
	{ WHvX64RegisterCr2, 1, VIRT_CR2, get_virt, NULL, set_virt },
	{ WHvX64RegisterCr3, 1, VIRT_CR3, get_virt, check_cr3, set_virt },
	{ WHvX64RegisterCr4, 1, VIRT_CR4, get_virt, check_cr4, set_virt },
	{ WHvX64RegisterCr8, 1, 0, get_cr8, check_cr8, set_cr8 },
	{ WHvX64RegisterDr0, 4, VIRT_DR0, get_virt, NULL, set_virt },
	{ WHvX64RegisterDr6, 1, VIRT_DR6, get_virt, check_low, set_dr6 },
	{ WHvX64RegisterDr7, 1, VIRT_DR7, get_virt, check_low, set_dr7 },
	{ WHvX64RegisterXCr0, 1, 0, get_xcr0, check_xcr0, set_nothing },
	{ WHvX64RegisterXmm0, 16, FX_XMM, get_fx, NULL, set_fx },
	{ WHvX64RegisterFpMmx0, 8, FX_ST, get_fx, check_st, set_st },
	{ WHvX64RegisterFpControlStatus, 1, FX_CONTROL, get_fx, NULL, set_fx },
	{ WHvX64RegisterXmmControlStatus, 1, FX_MXCSR, get_fx, check_mxcsr, set_mxcsr },
	{ WHvX64RegisterTsc, 1, 0, get_tsc, NULL, set_tsc },
	{ WHvX64RegisterEfer, 1, VIRT_EFER, get_virt, check_efer, set_virt },
	{ WHvX64RegisterKernelGsBase, 1, VIRT_KERNEL_GS_BASE, get_virt, check_canonical, set_virt },
	{ WHvX64RegisterApicBase, 1, MSR_APIC_BASE, get_msr, check_msr, set_msr },
	{ WHvX64RegisterPat, 1, VIRT_PAT, get_virt, check_pat, set_virt },
	{ WHvX64RegisterSysenterCs, 1, VIRT_SYSENTER_CS, get_virt, check_low, set_virt },
	{ WHvX64RegisterSysenterEip, 1, VIRT_SYSENTER_EIP, get_virt, check_canonical, set_virt },
	{ WHvX64RegisterSysenterEsp, 1, VIRT_SYSENTER_ESP, get_virt, check_canonical, set_virt },
	{ WHvX64RegisterStar, 1, VIRT_STAR, get_virt, NULL, set_virt },
	{ WHvX64RegisterLstar, 1, VIRT_LSTAR, get_virt, check_canonical, set_virt },
	{ WHvX64RegisterCstar, 1, VIRT_CSTAR, get_virt, check_canonical, set_virt },
	{ WHvX64RegisterSfmask, 1, VIRT_FMASK, get_virt, check_low, set_virt },
	{ WHvX64RegisterInitialApicId, 1, 0, get_apic_id, check_apic_id, set_nothing },
	{ WHvX64RegisterMsrMtrrCap, 1, MSR_MTRRCAP, get_msr, check_same, set_nothing },
	{ WHvX64RegisterMsrMtrrDefType, 1, MSR_MTRR_DEF_TYPE, get_msr, check_msr, set_msr },
	{ WHvX64RegisterTscAux, 1, 0, get_tsc_aux, check_low, set_tsc_aux },
	{ WHvX64RegisterTscVirtualOffset, 1, VIRT_TSC_OFFSET, get_virt, NULL, set_virt },
	{ WHvX64RegisterMsrIa32MiscEnable, 1, MSR_MISC_ENABLE, get_msr, check_msr, set_msr },
	{ WhitRegisterDeviceData0, WHIT_REGISTER_DEVICE_DATA_N, 0, get_device_data, check_device_data,
	  set_device_data },
	{ WHvRegisterPendingInterruption, 1, 0, get_interruption, check_event, set_interruption },
	{ WHvRegisterInterruptState, 1, 0, get_interrupt_state, check_interrupt_state, set_interrupt_state },
	{ WHvRegisterPendingEvent, 1, 1, get_event, check_event, set_event },
	{ WHvRegisterDeliverabilityNotifications, 1, 0, get_deliverability, check_deliverability,
	  set_deliverability },
	{ WHvRegisterInternalActivityState, 1, 0, get_activity, check_activity, set_activity },
	{ WHvX64RegisterPendingDebugException, 1, 0, get_pending_debug, check_pending_debug,
	  set_pending_debug },
};
/* clang-format on */

static const struct row *find(uint32_t name)
{
	size_t low = 0, high = sizeof(rows) / sizeof(rows[0]);

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (name < rows[middle].first)
			high = middle;
		else if (name - rows[middle].first >= rows[middle].n)
			low = middle + 1;
		else
			return &rows[middle];
	}
	return NULL;
}

/* ---- The calls --------------------------------------------------------------------------- */

/* A call's names, and the rows that they have. */
struct batch {
	uint32_t names[WHIT_MAX_REGISTERS];
	const struct row *rows[WHIT_MAX_REGISTERS];
	uint32_t n;
};

static uint32_t read_names(struct vp *vp, struct batch *batch, uint64_t names, uint64_t count)
{
	if (count > WHIT_MAX_REGISTERS)
		return RESULT(E_INVALIDARG);
	batch->n = (uint32_t)count;
	if (!buffer_read(names, batch->names, count * sizeof(batch->names[0])))
		return RESULT(E_POINTER);
	for (uint32_t i = 0; i < batch->n; i++) {
		batch->rows[i] = find(batch->names[i]);
		if (!batch->rows[i]) {
			vp_page_error(vp, batch->names[i], "there is no such register");
			return RESULT(WHV_E_INVALID_VP_REGISTER_NAME);
		}
	}
	return RESULT(S_OK);
}

uint32_t registers_get(struct vp *vp, uint64_t names, uint64_t count, uint64_t values)
{
	WHV_REGISTER_VALUE out[WHIT_MAX_REGISTERS];
	struct batch batch;
	const uint32_t error = read_names(vp, &batch, names, count);

	if (error != RESULT(S_OK))
		return error;
	for (uint32_t i = 0; i < batch.n; i++) {
		out[i].Reg128 = (WHV_UINT128) { .Low64 = 0, .High64 = 0 };
		batch.rows[i]->get(vp, batch.rows[i], batch.names[i] - batch.rows[i]->first,
				   &out[i]);
	}
	if (!buffer_write(values, out, batch.n * sizeof(out[0])))
		return RESULT(E_POINTER);
	return RESULT(S_OK);
}

/* PAE paging runs on copies of the page-directory pointers: take them from memory anew. */
static void load_pdptes(struct vp *vp)
{
	struct virt_paging paging;

	virt_get_paging(vp->virt, &paging);
	if (!(paging.cr0 & CR0_PG) || !(paging.cr4 & CR4_PAE) || (paging.efer & EFER_LMA))
		return;
	if (!cr_write(vp, 3, paging.cr3)) /* not mapped, or reserved bits: nothing is present */
		for (unsigned int i = 0; i < 4; i++)
			virt_set(vp->virt, (enum virt_reg)(VIRT_PDPTE0 + i), 0);
}

static bool selects_pdptes(uint32_t name)
{
	return name == WHvX64RegisterCr0 || name == WHvX64RegisterCr3 ||
	       name == WHvX64RegisterCr4 || name == WHvX64RegisterEfer;
}

uint32_t registers_set(struct vp *vp, uint64_t names, uint64_t count, uint64_t values)
{
	WHV_REGISTER_VALUE in[WHIT_MAX_REGISTERS];
	struct batch batch;
	bool has_paging = false;
	const uint32_t error = read_names(vp, &batch, names, count);

	if (error != RESULT(S_OK))
		return error;
	if (!buffer_read(values, in, batch.n * sizeof(in[0])))
		return RESULT(E_POINTER);
	for (uint32_t i = 0; i < batch.n; i++) {
		const struct row *row = batch.rows[i];
		const char *why = NULL;

		if (row->check)
			why = row->check(vp, row, batch.names[i] - row->first, &in[i]);
		if (why) {
			vp_page_error(vp, batch.names[i], why);
			return WHIT_E_REGISTER_VALUE;
		}
	}
	for (uint32_t i = 0; i < batch.n; i++) {
		const struct row *row = batch.rows[i];

		row->set(vp, row, batch.names[i] - row->first, &in[i]);
		has_paging |= selects_pdptes(batch.names[i]);
	}
	if (has_paging)
		load_pdptes(vp);
	vp_page_error(vp, ~0u, "");
	vp_page_publish(vp);
	return RESULT(S_OK);
}
