// SPDX-License-Identifier: MIT
/*
 * Registers of an emulation (root/lib/whp_emulator.h): the batch, what few instructions need, the one
 * write at the end, and the injection of a fault. WHP has no name for the upper halves of vector
 * registers: what would need them is refused.
 */
#include "root/lib/copy.h"
#include "root/lib/whp_emulator.h"
#include "x86/cr.h"
#include "x86/rflags.h"

#define ATTRIBUTES_OF(value) ((value)->Segment.Attributes)

bool emulation_get(struct emulation *e, const WHV_REGISTER_NAME *names, UINT32 n,
		   WHV_REGISTER_VALUE *values)
{
	const WHV_EMULATOR_CALLBACKS *calls = &e->emulator->calls;

	if (SUCCEEDED(calls->WHvEmulatorGetVirtualProcessorRegisters(e->context, names, n, values)))
		return true;
	e->status.GetVirtualProcessorRegistersCallbackFailed = 1;
	return false;
}

bool emulation_load(struct emulation *e, const WHV_VP_EXIT_CONTEXT *vp)
{
	static const WHV_REGISTER_NAME names[BATCH_COUNT] = {
		WHvX64RegisterRax,
		WHvX64RegisterRcx,
		WHvX64RegisterRdx,
		WHvX64RegisterRbx,
		WHvX64RegisterRsp,
		WHvX64RegisterRbp,
		WHvX64RegisterRsi,
		WHvX64RegisterRdi,
		WHvX64RegisterR8,
		WHvX64RegisterR9,
		WHvX64RegisterR10,
		WHvX64RegisterR11,
		WHvX64RegisterR12,
		WHvX64RegisterR13,
		WHvX64RegisterR14,
		WHvX64RegisterR15,
		[BATCH_RIP] = WHvX64RegisterRip,
		[BATCH_RFLAGS] = WHvX64RegisterRflags,
		[BATCH_SEGMENTS + SEG_ES] = WHvX64RegisterEs,
		[BATCH_SEGMENTS + SEG_CS] = WHvX64RegisterCs,
		[BATCH_SEGMENTS + SEG_SS] = WHvX64RegisterSs,
		[BATCH_SEGMENTS + SEG_DS] = WHvX64RegisterDs,
		[BATCH_SEGMENTS + SEG_FS] = WHvX64RegisterFs,
		[BATCH_SEGMENTS + SEG_GS] = WHvX64RegisterGs,
		[BATCH_CR0] = WHvX64RegisterCr0,
		[BATCH_CR4] = WHvX64RegisterCr4,
		[BATCH_EFER] = WHvX64RegisterEfer,
		[BATCH_INTERRUPT_STATE] = WHvRegisterInterruptState,
		[BATCH_PENDING_DEBUG] = WHvX64RegisterPendingDebugException,
	};
	const WHV_REGISTER_VALUE *batch = e->batch;
	struct emu_cpu *cpu = &e->cpu;
	bool is_step = vp->Rflags & RFLAGS_TF;

	if (!emulation_get(e, names, is_step ? BATCH_COUNT : BATCH_PENDING_DEBUG, e->batch))
		return false;
	for (unsigned int i = 0; i < 16; i++)
		cpu->gpr[i] = batch[i].Reg64;
	cpu->rip = batch[BATCH_RIP].Reg64;
	cpu->rflags = batch[BATCH_RFLAGS].Reg64;
	cpu->cr0 = batch[BATCH_CR0].Reg64;
	cpu->cr4 = batch[BATCH_CR4].Reg64;
	cpu->features = e->emulator->features;
	cpu->mode = emu_mode_of(cpu->cr0, batch[BATCH_EFER].Reg64, cpu->rflags,
				ATTRIBUTES_OF(&batch[BATCH_SEGMENTS + SEG_CS]));
	cpu->cpl = emu_cpl_of(cpu->mode, ATTRIBUTES_OF(&batch[BATCH_SEGMENTS + SEG_SS]));
	e->before = *cpu;
	return true;
}

/* ---- What changes ------------------------------------------------------------------------ */

static WHV_REGISTER_VALUE *change(struct emulation *e, unsigned int name)
{
	WHV_REGISTER_VALUE *value = &e->set_values[e->n_set];

	e->set_names[e->n_set++] = (WHV_REGISTER_NAME)name;
	value->Reg128.Low64 = 0;
	value->Reg128.High64 = 0;
	return value;
}

static void change_general(struct emulation *e)
{
	for (unsigned int i = 0; i < 16; i++)
		if (e->cpu.gpr[i] != e->before.gpr[i])
			change(e, WHvX64RegisterRax + i)->Reg64 = e->cpu.gpr[i];
	change(e, WHvX64RegisterRip)->Reg64 = e->cpu.rip;
	change(e, WHvX64RegisterRflags)->Reg64 = e->cpu.rflags;
}

static void set_all(struct emulation *e)
{
	const WHV_EMULATOR_CALLBACKS *calls = &e->emulator->calls;

	if (SUCCEEDED(calls->WHvEmulatorSetVirtualProcessorRegisters(e->context, e->set_names,
								     e->n_set, e->set_values)))
		e->status.EmulationSuccessful = 1;
	else
		e->status.SetVirtualProcessorRegistersCallbackFailed = 1;
}

/* The boundary of an instruction: its interrupt shadow is over or begins, a single step traps. */
void emulation_commit(struct emulation *e)
{
	WHV_X64_INTERRUPT_STATE_REGISTER state = e->batch[BATCH_INTERRUPT_STATE].InterruptState;

	change_general(e);
	if (state.InterruptShadow != e->cpu.has_shadow) {
		state.InterruptShadow = e->cpu.has_shadow;
		change(e, WHvRegisterInterruptState)->Reg64 = state.AsUINT64;
	}
	if (e->before.rflags & RFLAGS_TF && !e->cpu.has_shadow) {
		WHV_X64_PENDING_DEBUG_EXCEPTION debug =
			e->batch[BATCH_PENDING_DEBUG].PendingDebugException;

		debug.SingleStep = 1;
		change(e, WHvX64RegisterPendingDebugException)->Reg64 = debug.AsUINT64;
	}
	set_all(e);
}

/* An interrupt or NMI waits behind an exception; so does PendingEvent's ExtInt. What the instruction made would be lost. */
static bool is_in_the_way(const WHV_X64_PENDING_INTERRUPTION_REGISTER *pending)
{
	return pending->InterruptionPending &&
	       pending->InterruptionType != WHvX64PendingInterrupt &&
	       pending->InterruptionType != WHvX64PendingNmi;
}

/*
 * RIP stays; of a repeated instruction, elements may be done. A fault pushes RFLAGS with RF set, so that the
 * instruction does not meet its own breakpoint again, and processors do not see to that when the fault is injected.
 */
void emulation_inject(struct emulation *e, const struct emu_exception *exception)
{
	static const WHV_REGISTER_NAME names[] = { WHvRegisterPendingInterruption,
						   WHvRegisterPendingEvent };
	WHV_REGISTER_VALUE pending[2];
	WHV_X64_PENDING_EXCEPTION_EVENT *event;

	if (!emulation_get(e, names, 2, pending))
		return;
	if (is_in_the_way(&pending[0].PendingInterruption) ||
	    (pending[1].ExceptionEvent.EventPending &&
	     pending[1].ExceptionEvent.EventType == WHvX64PendingEventException)) {
		e->status.GuestCannotBeFaulted = 1;
		return;
	}
	e->n_set = 0;
	e->cpu.rflags |= RFLAGS_RF;
	change_general(e);
	event = &change(e, WHvRegisterPendingEvent)->ExceptionEvent;
	event->EventPending = 1;
	event->EventType = WHvX64PendingEventException;
	event->DeliverErrorCode = exception->has_error_code;
	event->Vector = exception->vector;
	event->ErrorCode = exception->has_error_code ? exception->error_code : 0;
	event->ExceptionParameter = exception->address;
	set_all(e);
}

/* ---- Operations -------------------------------------------------------------------------- */

enum emu_outcome emulation_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	struct emulation *e = ctx;
	WHV_REGISTER_NAME name = (WHV_REGISTER_NAME)(WHvX64RegisterEs + (unsigned int)seg);
	WHV_REGISTER_VALUE value;

	if (seg < SEG_LDTR)
		value = e->batch[BATCH_SEGMENTS + seg];
	else if (!emulation_get(e, &name, 1, &value))
		return EMU_FAILED;
	copy_bytes(out, &value.Segment, sizeof(*out));
	return EMU_DONE;
}

enum emu_outcome emulation_set_segment(void *ctx, enum x86_seg seg, const struct x86_segment *value)
{
	copy_bytes(&change(ctx, WHvX64RegisterEs + (unsigned int)seg)->Segment, value,
		   sizeof(*value));
	return EMU_DONE;
}

static WHV_REGISTER_NAME name_of_table(enum emu_table table)
{
	return table == EMU_GDTR ? WHvX64RegisterGdtr : WHvX64RegisterIdtr;
}

enum emu_outcome emulation_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	WHV_REGISTER_NAME name = name_of_table(table);
	WHV_REGISTER_VALUE value;

	if (!emulation_get(ctx, &name, 1, &value))
		return EMU_FAILED;
	copy_bytes(out, &value.Table, sizeof(*out));
	return EMU_DONE;
}

enum emu_outcome emulation_set_table(void *ctx, enum emu_table table, const struct x86_table *value)
{
	WHV_X64_TABLE_REGISTER *to = &change(ctx, name_of_table(table))->Table;

	to->Base = value->base;
	to->Limit = value->limit;
	return EMU_DONE;
}

enum emu_outcome emulation_set_cr0(void *ctx, uint64_t value)
{
	change(ctx, WHvX64RegisterCr0)->Reg64 = value;
	return EMU_DONE;
}

enum emu_outcome emulation_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data)
{
	WHV_REGISTER_NAME name = (WHV_REGISTER_NAME)(WHvX64RegisterXmm0 + reg);
	WHV_REGISTER_VALUE value;

	if (file != EMU_VECTOR || reg >= 16 || n_bytes > 16)
		return EMU_UNIMPLEMENTED;
	if (!emulation_get(ctx, &name, 1, &value))
		return EMU_FAILED;
	copy_bytes(data, &value, n_bytes);
	return EMU_DONE;
}

/* The upper half stays as it is, whatever it is; only where it cannot be anything may it "become zero". */
enum emu_outcome emulation_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data)
{
	const struct emulation *e = ctx;
	bool has_upper = e->cpu.cr4 & CR4_OSXSAVE && e->cpu.xcr0 & XCR0_AVX;

	if (file != EMU_VECTOR || reg >= 16 || n_bytes != 16 || (zero_upper && has_upper))
		return EMU_UNIMPLEMENTED;
	copy_bytes(change(ctx, WHvX64RegisterXmm0 + reg), data, n_bytes);
	return EMU_DONE;
}

#define X87_CONTROL 8
#define X87_XMM	    9

enum emu_outcome emulation_x87(void *ctx, struct emu_x87 *out)
{
	static const WHV_REGISTER_NAME names[10] = {
		WHvX64RegisterFpMmx0,		WHvX64RegisterFpMmx1, WHvX64RegisterFpMmx2,
		WHvX64RegisterFpMmx3,		WHvX64RegisterFpMmx4, WHvX64RegisterFpMmx5,
		WHvX64RegisterFpMmx6,		WHvX64RegisterFpMmx7, WHvX64RegisterFpControlStatus,
		WHvX64RegisterXmmControlStatus,
	};
	struct emulation *e = ctx;
	const WHV_X64_FP_CONTROL_STATUS_REGISTER *control = &e->x87[X87_CONTROL].FpControlStatus;
	const WHV_X64_XMM_CONTROL_STATUS_REGISTER *xmm = &e->x87[X87_XMM].XmmControlStatus;

	if (!e->has_x87 && !emulation_get(e, names, 10, e->x87))
		return EMU_FAILED;
	e->has_x87 = true;
	for (unsigned int i = 0; i < 8; i++)
		copy_bytes(out->st[i], &e->x87[i], 16);
	out->fcw = control->FpControl;
	out->fsw = control->FpStatus;
	out->ftw = control->FpTag;
	out->fop = control->LastFpOp;
	out->fip = control->LastFpRip;
	out->fdp = xmm->LastFpRdp;
	out->mxcsr = xmm->XmmStatusControl;
	return EMU_DONE;
}

/* What differs from what there is. */
enum emu_outcome emulation_set_x87(void *ctx, const struct emu_x87 *value)
{
	struct emulation *e = ctx;
	WHV_REGISTER_VALUE control, xmm, st;
	struct emu_x87 before;

	if (emulation_x87(e, &before) != EMU_DONE)
		return EMU_FAILED;
	control = e->x87[X87_CONTROL];
	xmm = e->x87[X87_XMM];
	for (unsigned int i = 0; i < 8; i++) {
		st = e->x87[i];
		copy_bytes(&st, value->st[i], 10);
		if (st.Reg128.Low64 != e->x87[i].Reg128.Low64 ||
		    st.Reg128.High64 != e->x87[i].Reg128.High64)
			*change(e, WHvX64RegisterFpMmx0 + i) = st;
	}
	control.FpControlStatus.FpControl = value->fcw;
	control.FpControlStatus.FpStatus = value->fsw;
	control.FpControlStatus.FpTag = value->ftw;
	control.FpControlStatus.LastFpOp = value->fop;
	control.FpControlStatus.LastFpRip = value->fip;
	xmm.XmmControlStatus.LastFpRdp = value->fdp;
	xmm.XmmControlStatus.XmmStatusControl = value->mxcsr;
	if (control.Reg128.Low64 != e->x87[X87_CONTROL].Reg128.Low64 ||
	    control.Reg128.High64 != e->x87[X87_CONTROL].Reg128.High64)
		*change(e, WHvX64RegisterFpControlStatus) = control;
	if (xmm.Reg128.Low64 != e->x87[X87_XMM].Reg128.Low64 ||
	    xmm.Reg128.High64 != e->x87[X87_XMM].Reg128.High64)
		*change(e, WHvX64RegisterXmmControlStatus) = xmm;
	return EMU_DONE;
}
