// SPDX-License-Identifier: MIT
/*
 * WinHvEmulation: WHvEmulatorCreateEmulator, WHvEmulatorDestroyEmulator, WHvEmulatorTryIoEmulation,
 * WHvEmulatorTryMmioEmulation. The handle holds the callbacks and nothing that an emulation changes.
 *
 * A call emulates the whole instruction, a repeated one element by element, so that the client sees reads and
 * writes alternate as the guest's program means them. It stops early, with success and RIP still on the
 * instruction, at a single step, and after EMULATION_MAX_ELEMENTS elements: a guest cannot keep its
 * client in here for ever, and goes on with the rest after the next Run.
 */
#include "root/lib/whp_emulator.h"

#include "root/call/call.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

#define EMULATOR_MAGIC	       0x726f74616c756d65ull
#define EMULATION_MAX_ELEMENTS 65536u
#define MAX_INSTRUCTION_RECORD 16u /* bytes that an exit record can hold */

_Static_assert(sizeof(struct whp_emulator) <= 4096, "one page");

/* The emulator of a handle; NULL if it is none. Reads the memory that the handle points at. */
static struct whp_emulator *emulator_of(WHV_EMULATOR_HANDLE handle)
{
	struct whp_emulator *emulator = handle;

	if (!handle || (uintptr_t)handle & 0xfff ||
	    emulator->magic != (EMULATOR_MAGIC ^ (uintptr_t)handle))
		return NULL;
	return emulator;
}

static struct x86_cpuid cpuid(uint32_t leaf)
{
	uint32_t r[4];

	call_cpuid(leaf, r);
	return (struct x86_cpuid) { r[0], r[1], r[2], r[3] };
}

/*
 * The processor has met the instruction and found it legal, so that only those matter that a processor without
 * them takes for others: LZCNT for BSR, TZCNT for BSF; and whose processor it is.
 */
static uint32_t processor_features(void)
{
	const uint32_t asked = EMU_HAS(EMU_AMD) | EMU_HAS(EMU_BMI1) | EMU_HAS(EMU_LZCNT);
	const struct x86_cpuid leaf0 = cpuid(0), none = { 0, 0, 0, 0 };
	const struct x86_cpuid leaf7 = leaf0.eax >= 7 ? cpuid(7) : none, leaf81 = cpuid(0x80000001);

	return (EMU_HAS_ALL & ~asked) | (emu_features_of(&leaf0, &none, &leaf7, &leaf81) & asked);
}

HRESULT WHVAPI WHvEmulatorCreateEmulator(const WHV_EMULATOR_CALLBACKS *Callbacks,
					 WHV_EMULATOR_HANDLE *Emulator)
{
	struct whp_emulator *emulator;

	/* Reserved is not looked at: there are clients that leave it as it was. */
	if (!Callbacks || !Emulator || Callbacks->Size != sizeof(*Callbacks) ||
	    !Callbacks->WHvEmulatorIoPortCallback || !Callbacks->WHvEmulatorMemoryCallback ||
	    !Callbacks->WHvEmulatorGetVirtualProcessorRegisters ||
	    !Callbacks->WHvEmulatorSetVirtualProcessorRegisters ||
	    !Callbacks->WHvEmulatorTranslateGvaPage)
		return E_INVALIDARG;
	emulator = call_memory(sizeof(*emulator));
	if (!emulator)
		return E_OUTOFMEMORY;
	emulator->calls = *Callbacks;
	emulator->features = processor_features();
	emulator->magic = EMULATOR_MAGIC ^ (uintptr_t)emulator;
	*Emulator = emulator;
	return S_OK;
}

HRESULT WHVAPI WHvEmulatorDestroyEmulator(WHV_EMULATOR_HANDLE Emulator)
{
	struct whp_emulator *emulator = emulator_of(Emulator);

	if (!emulator)
		return E_INVALIDARG;
	emulator->magic = 0;
	call_free(emulator, sizeof(*emulator));
	return S_OK;
}

/* ---- One instruction --------------------------------------------------------------------- */

static void emulation_begin(struct emulation *e, const struct whp_emulator *emulator, void *context)
{
	call_clear(e, sizeof(*e) & ~7ull);
	e->emulator = emulator;
	e->context = context;
}

static void emulation_refuse(struct emulation *e)
{
	if (!e->status.AsUINT32)
		e->status.InternalEmulationFailure = 1;
}

/*
 * Decode what the record has of the instruction, and fetch the rest. The record's bytes count only if the
 * client has left RIP where it was.
 */
static enum emu_outcome emulation_decode(struct emulation *e, const WHV_VP_EXIT_CONTEXT *vp,
					 const uint8_t *record, unsigned int n_record,
					 struct emu_insn *insn, struct emu_exception *exception)
{
	uint8_t bytes[MAX_INSTRUCTION_RECORD];
	unsigned int n = 0;

	if (vp->Rip == e->cpu.rip)
		for (; n < n_record; n++)
			bytes[n] = record[n];
	return emu_fetch(&e->cpu, &emulation_ops, e, bytes, n, insn, exception);
}

/* emu_execute(), of a repeated instruction one element: EMU_AGAIN if there are more. */
static enum emu_outcome execute_element(struct emulation *e, const struct emu_insn *insn,
					struct emu_exception *exception)
{
	uint64_t mask = ~0ull >> (64 - 8 * insn->address_size);
	uint64_t rcx = e->cpu.gpr[X86_RCX], rip = e->cpu.rip, rflags = e->cpu.rflags;
	bool is_compare = (insn->opcode & 0xf6) == 0xa6; /* CMPS and SCAS: one at a time anyway */
	enum emu_outcome outcome;

	if (!insn->is_string || is_compare || (rcx & mask) <= 1 ||
	    !(insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE)))
		return emu_execute(insn, &e->cpu, &emulation_ops, e, exception);

	e->cpu.gpr[X86_RCX] = (rcx & ~mask) | 1;
	outcome = emu_execute(insn, &e->cpu, &emulation_ops, e, exception);
	if (outcome != EMU_DONE && outcome != EMU_AGAIN) {
		e->cpu.gpr[X86_RCX] = rcx;
		return outcome;
	}
	/* One is done: the instruction stands where it stood. */
	e->cpu.gpr[X86_RCX] = (e->cpu.gpr[X86_RCX] & ~mask) | ((rcx & mask) - 1);
	e->cpu.rip = rip;
	e->cpu.rflags |= rflags & RFLAGS_RF;
	return EMU_AGAIN;
}

/*
 * VEX and EVEX. Whether a vector register can be written turns out last, after memory has been read; so that
 * an instruction which is refused in the end has not touched a device, it is rehearsed.
 */
static enum emu_outcome prepare_vector(struct emulation *e, const struct emu_insn *insn)
{
	const WHV_REGISTER_NAME name = WHvX64RegisterXCr0;
	struct emu_exception exception;
	struct emu_cpu cpu;
	WHV_REGISTER_VALUE xcr0;
	enum emu_outcome outcome;

	if (e->cpu.cr4 & CR4_OSXSAVE) {
		if (!emulation_get(e, &name, 1, &xcr0))
			return EMU_FAILED;
		e->cpu.xcr0 = xcr0.Reg64;
	}
	cpu = e->cpu;
	e->is_rehearsal = true;
	outcome = emu_execute(insn, &cpu, &emulation_ops, e, &exception);
	e->is_rehearsal = false;
	e->n_set = 0;
	return outcome == EMU_UNIMPLEMENTED || outcome == EMU_FAILED ? outcome : EMU_DONE;
}

static void emulation_execute(struct emulation *e, const struct emu_insn *insn,
			      enum emu_outcome outcome, struct emu_exception *exception)
{
	unsigned int n = 0;

	if (outcome == EMU_DONE && insn->encoding != EMU_LEGACY)
		outcome = prepare_vector(e, insn);
	if (outcome == EMU_DONE) {
		do
			outcome = execute_element(e, insn, exception);
		while (outcome == EMU_AGAIN && !(e->before.rflags & RFLAGS_TF) &&
		       ++n < EMULATION_MAX_ELEMENTS);
	}
	if (outcome == EMU_DONE || outcome == EMU_AGAIN)
		emulation_commit(e);
	else if (outcome == EMU_EXCEPTION)
		emulation_inject(e, exception);
	else
		emulation_refuse(e);
}

/* ---- Ports ------------------------------------------------------------------------------- */

/* Is the instruction the one whose port the processor has checked? */
static bool is_port_of(const struct emulation *e, const struct emu_insn *insn,
		       const WHV_X64_IO_PORT_ACCESS_CONTEXT *io)
{
	bool is_out = insn->opcode & 2; /* 6C, 6D INS; 6E, 6F OUTS */

	return insn->is_port && insn->is_string && is_out == io->AccessInfo.IsWrite &&
	       insn->operand_size == io->AccessInfo.AccessSize &&
	       (uint16_t)e->cpu.gpr[X86_RDX] == io->PortNumber;
}

static void string_io(struct emulation *e, const WHV_VP_EXIT_CONTEXT *vp,
		      const WHV_X64_IO_PORT_ACCESS_CONTEXT *io)
{
	struct emu_exception exception;
	struct emu_insn insn;
	enum emu_outcome outcome;

	if (!emulation_load(e, vp))
		return;
	outcome = emulation_decode(e, vp, io->InstructionBytes, io->InstructionByteCount, &insn,
				   &exception);
	if (outcome == EMU_DONE && !is_port_of(e, &insn, io))
		outcome = EMU_UNIMPLEMENTED;
	emulation_execute(e, &insn, outcome, &exception);
}

/* IN and OUT need nothing that is not in the record. */
static void plain_io(struct emulation *e, const WHV_VP_EXIT_CONTEXT *vp,
		     const WHV_X64_IO_PORT_ACCESS_CONTEXT *io)
{
	static const WHV_REGISTER_NAME names[] = { WHvRegisterInterruptState,
						   WHvX64RegisterPendingDebugException };
	unsigned int size = io->AccessInfo.AccessSize;
	uint32_t data = (uint32_t)io->Rax;

	e->cpu.gpr[X86_RAX] = io->Rax;
	e->cpu.rip = vp->Rip;
	e->cpu.rflags = vp->Rflags;
	e->before = e->cpu;
	if (vp->ExecutionState.InterruptShadow || vp->Rflags & RFLAGS_TF)
		if (!emulation_get(e, names, 2, &e->batch[BATCH_INTERRUPT_STATE]))
			return;
	if (!emulation_port(e, io->PortNumber, io->AccessInfo.IsWrite, size, &data))
		return;
	if (!io->AccessInfo.IsWrite) {
		uint64_t mask = ~0ull >> (64 - 8 * size), kept = size == 4 ? 0 : io->Rax & ~mask;

		e->cpu.gpr[X86_RAX] = kept | (data & mask);
	}
	e->cpu.rip += vp->InstructionLength;
	if (!(vp->ExecutionState.EferLma && vp->Cs.Long))
		e->cpu.rip &= 0xffffffff;
	e->cpu.rflags &= ~(uint64_t)RFLAGS_RF;
	emulation_commit(e);
}

HRESULT WHVAPI WHvEmulatorTryIoEmulation(WHV_EMULATOR_HANDLE Emulator, VOID *Context,
					 const WHV_VP_EXIT_CONTEXT *VpContext,
					 const WHV_X64_IO_PORT_ACCESS_CONTEXT *IoInstructionContext,
					 WHV_EMULATOR_STATUS *EmulatorReturnStatus)
{
	const struct whp_emulator *emulator = emulator_of(Emulator);
	const WHV_X64_IO_PORT_ACCESS_CONTEXT *io = IoInstructionContext;
	struct emulation e;
	unsigned int size;

	if (!emulator || !VpContext || !io || !EmulatorReturnStatus)
		return E_INVALIDARG;
	size = io->AccessInfo.AccessSize;
	if (!VpContext->InstructionLength || (size != 1 && size != 2 && size != 4) ||
	    io->InstructionByteCount > MAX_INSTRUCTION_RECORD)
		return E_INVALIDARG;
	emulation_begin(&e, emulator, Context);
	if (VpContext->ExecutionState.InterruptionPending)
		e.status.InterruptCausedIntercept = 1;
	else if (io->AccessInfo.StringOp)
		string_io(&e, VpContext, io);
	else
		plain_io(&e, VpContext, io);
	*EmulatorReturnStatus = e.status;
	return S_OK;
}

/* ---- Memory ------------------------------------------------------------------------------ */

static void memory_access(struct emulation *e, const WHV_VP_EXIT_CONTEXT *vp,
			  const WHV_MEMORY_ACCESS_CONTEXT *memory)
{
	struct emu_exception exception;
	struct emu_insn insn;
	enum emu_outcome outcome;

	if (!emulation_load(e, vp))
		return;
	outcome = emulation_decode(e, vp, memory->InstructionBytes, memory->InstructionByteCount,
				   &insn, &exception);
	/* INS and OUTS exit for their port first, and nobody has checked whether it may be used. */
	if (outcome == EMU_DONE && insn.is_port)
		outcome = EMU_UNIMPLEMENTED;
	emulation_execute(e, &insn, outcome, &exception);
}

HRESULT WHVAPI WHvEmulatorTryMmioEmulation(WHV_EMULATOR_HANDLE Emulator, VOID *Context,
					   const WHV_VP_EXIT_CONTEXT *VpContext,
					   const WHV_MEMORY_ACCESS_CONTEXT *MmioInstructionContext,
					   WHV_EMULATOR_STATUS *EmulatorReturnStatus)
{
	const struct whp_emulator *emulator = emulator_of(Emulator);
	struct emulation e;

	if (!emulator || !VpContext || !MmioInstructionContext || !EmulatorReturnStatus ||
	    MmioInstructionContext->InstructionByteCount > MAX_INSTRUCTION_RECORD)
		return E_INVALIDARG;
	emulation_begin(&e, emulator, Context);
	if (VpContext->ExecutionState.InterruptionPending)
		e.status.InterruptCausedIntercept = 1;
	else if (!VpContext->Cs.Present)
		emulation_refuse(&e); /* no exit: a guest always has a code segment */
	else
		memory_access(&e, VpContext, MmioInstructionContext);
	*EmulatorReturnStatus = e.status;
	return S_OK;
}
