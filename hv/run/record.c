/* SPDX-License-Identifier: MIT */
/*
 * Records are built in place, in the page that the root sees. The root may read them half written
 * or write over them, and harms only itself, since nothing is read back. exit_io() is on the path
 * of every port access that the client handles, so registers of the VP are fetched once and no byte
 * is written twice.
 */
#include "hv/run/record.h"

#include "hv/mem/gpa.h"
#include "hv/cpu/time.h"
#include "hv/mem/walk.h"
#include "hv/emulate/completion.h"
#include "hv/emulate/fetch.h"
#include "whp/WinHvExits.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/fx.h"
#include "x86/gpr.h"

/*
 * The first eight bytes of WHV_X64_VP_EXIT_CONTEXT: WHV_X64_VP_EXECUTION_STATE, length, CR8, zeros.
 */
#define STATE_CR0_PE  (1u << 2)
#define STATE_CR0_AM  (1u << 3)
#define STATE_LMA     (1u << 4)
#define STATE_DEBUG   (1u << 5)
#define STATE_PENDING (1u << 6)
#define STATE_SHADOW  (1u << 12)
#define LENGTH_MASK   0xfu
#define LENGTH_SHIFT  16
#define CR8_MASK      0xfull
#define CR8_SHIFT     20

/* WHV_MEMORY_ACCESS_INFO, WHV_X64_IO_PORT_ACCESS_INFO, WHV_VP_EXCEPTION_INFO */
#define MEMORY_GPA_UNMAPPED (1u << 2)
#define MEMORY_GVA_VALID    (1u << 3)
#define IO_WRITE	    (1u << 0)
#define IO_SIZE_SHIFT	    1
#define IO_STRING	    (1u << 4)
#define IO_REP		    (1u << 5)
#define EXCEPTION_ERROR	    (1u << 0)
#define EXCEPTION_SOFTWARE  (1u << 1)

_Static_assert(offsetof(WHV_X64_VP_EXIT_CONTEXT, Cs) == sizeof(uint64_t), "WHP layout");
_Static_assert(sizeof(struct x86_segment) == sizeof(WHV_X64_SEGMENT_REGISTER), "WHP layout");
_Static_assert(offsetof(struct whit_vp_page, exit) % _Alignof(WHV_RUN_VP_EXIT_CONTEXT) == 0,
	       "the record's alignment in the page");
_Static_assert(sizeof(struct whit_device_access) <=
		       sizeof(WHV_RUN_VP_EXIT_CONTEXT) - WHIT_EXIT_UNION,
	       "a device access is all of the union");

static inline WHV_RUN_VP_EXIT_CONTEXT *record_of(struct vp *vp)
{
	return (WHV_RUN_VP_EXIT_CONTEXT *)(void *)vp->page->exit;
}

/* ExitReason and VpContext. length: of the instruction, 0 if nobody can tell. */
static inline void write_head(struct vp *vp, uint32_t reason, uint8_t length)
{
	WHV_RUN_VP_EXIT_CONTEXT *const record = record_of(vp);
	WHV_X64_VP_EXIT_CONTEXT *const context = &record->VpContext;
	const struct virt_regs *const regs = virt_regs(vp->virt);
	const struct virt_view *const view = virt_view(vp->virt);
	uint64_t head;

	head = view->paging.cpl;
	if (view->paging.cr0 & CR0_PE)
		head |= STATE_CR0_PE;
	if (view->paging.cr0 & CR0_AM)
		head |= STATE_CR0_AM;
	if (view->paging.efer & EFER_LMA)
		head |= STATE_LMA;
	if (view->dr7 & DR7_ENABLED)
		head |= STATE_DEBUG;
	if (vp->pending.type != VIRT_EVENT_NONE)
		head |= STATE_PENDING;
	if (view->shadow & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS))
		head |= STATE_SHADOW;
	head |= (uint64_t)(length & LENGTH_MASK) << LENGTH_SHIFT;
	head |= (vp_cr8(vp) & CR8_MASK) << CR8_SHIFT;

	record->ExitReason = (WHV_RUN_VP_EXIT_REASON)reason;
	record->Reserved = 0;
	__builtin_memcpy(context, &head, sizeof(head));
	__builtin_memcpy(&context->Cs, &view->cs, sizeof(context->Cs));
	context->Rip = regs->rip;
	context->Rflags = regs->rflags;
}

/*
 * The head, with the union ready for its fields: what stands there is of the same reason, and will
 * be written over, or it is zeroed.
 */
static WHV_RUN_VP_EXIT_CONTEXT *begin(struct vp *vp, uint32_t reason, uint8_t length)
{
	WHV_RUN_VP_EXIT_CONTEXT *const record = record_of(vp);

	if ((uint32_t)record->ExitReason != reason)
		__builtin_memset(record->AsUINT64, 0, sizeof(record->AsUINT64));
	write_head(vp, reason, length);
	return record;
}

/* The bytes at RIP, zeros behind them. Returns how many could be fetched. */
static uint8_t write_bytes(struct vp *vp, uint8_t bytes[16])
{
	const unsigned int n = walk_fetch(vp, bytes, 16);

	for (unsigned int i = n; i < 16; i++)
		bytes[i] = 0;
	return (uint8_t)n;
}

/*
 * WHV_MEMORY_ACCESS_TYPE. With nested accessed and dirty flags the processor calls an access to a
 * page table a read and a write at once: it is the read that fails first.
 */
static uint32_t access_type(const struct virt_exit *exit, const struct gpa_page *page)
{
	if (exit->memory.is_fetch)
		return WHvMemoryAccessExecute;
	if (exit->memory.is_walk && !(page->rights & VIRT_READ))
		return WHvMemoryAccessRead;
	return exit->memory.is_write ? WHvMemoryAccessWrite : WHvMemoryAccessRead;
}

void exit_memory(struct vp *vp, const struct virt_exit *exit)
{
	const struct gpa_page page = gpa_page(&vp->view, exit->memory.gpa);
	WHV_MEMORY_ACCESS_CONTEXT *memory;
	uint32_t info = access_type(exit, &page);
	gva_t gva = exit->memory.gva;

	/* The length is not the hardware's to tell here; decode the bytes. */
	memory = &begin(vp, WHvRunVpExitReasonMemoryAccess, 0)->MemoryAccess;
	if (!page.ptr)
		info |= MEMORY_GPA_UNMAPPED;
	if (exit->memory.gva_valid || completion_gva(vp, exit, &gva))
		info |= MEMORY_GVA_VALID;

	memory->InstructionByteCount = write_bytes(vp, memory->InstructionBytes);
	memory->AccessInfo.AsUINT32 = info;
	memory->Gpa = exit->memory.gpa.a;
	memory->Gva = info & MEMORY_GVA_VALID ? gva.a : 0;
}

void exit_io(struct vp *vp, const struct virt_exit *exit)
{
	const struct virt_regs *const regs = virt_regs(vp->virt);
	WHV_X64_IO_PORT_ACCESS_CONTEXT *io;
	uint32_t info = (uint32_t)exit->io.size << IO_SIZE_SHIFT;

	io = &begin(vp, WHvRunVpExitReasonX64IoPortAccess, exit->insn_length)->IoPortAccess;
	if (!exit->io.is_in)
		info |= IO_WRITE;
	if (exit->io.is_string)
		info |= IO_STRING;
	if (exit->io.is_rep)
		info |= IO_REP;

	io->InstructionByteCount = write_bytes(vp, io->InstructionBytes);
	io->AccessInfo.AsUINT32 = info;
	io->PortNumber = exit->io.port;
	io->Rax = regs->gpr[X86_RAX];
	io->Rcx = regs->gpr[X86_RCX];
	io->Rsi = regs->gpr[X86_RSI];
	io->Rdi = regs->gpr[X86_RDI];
	virt_get_segment(vp->virt, SEG_DS, (struct x86_segment *)(void *)&io->Ds);
	virt_get_segment(vp->virt, SEG_ES, (struct x86_segment *)(void *)&io->Es);
}

void exit_msr(struct vp *vp, const struct virt_exit *exit)
{
	const struct virt_regs *const regs = virt_regs(vp->virt);
	WHV_X64_MSR_ACCESS_CONTEXT *msr;

	msr = &begin(vp, WHvRunVpExitReasonX64MsrAccess, exit->insn_length)->MsrAccess;
	msr->AccessInfo.AsUINT32 = exit->reason == VIRT_EXIT_WRMSR;
	msr->MsrNumber = (uint32_t)regs->gpr[X86_RCX];
	msr->Rax = regs->gpr[X86_RAX] & LOW_32;
	msr->Rdx = regs->gpr[X86_RDX] & LOW_32;
}

void exit_exception(struct vp *vp, const struct virt_exit *exit)
{
	WHV_VP_EXCEPTION_CONTEXT *exception;
	uint32_t info = 0;

	exception = &begin(vp, WHvRunVpExitReasonException, exit->insn_length)->VpException;
	if (exit->exception.has_error_code)
		info |= EXCEPTION_ERROR;
	if (exit->exception.is_software)
		info |= EXCEPTION_SOFTWARE;

	exception->InstructionByteCount = write_bytes(vp, exception->InstructionBytes);
	exception->ExceptionInfo.AsUINT32 = info;
	exception->ExceptionType = exit->exception.vector;
	exception->ErrorCode = exit->exception.has_error_code ? exit->exception.error_code : 0;
	exception->ExceptionParameter = exit->exception.address;
}

void exit_cpuid(struct vp *vp, const struct virt_exit *exit, const struct x86_cpuid *result)
{
	const struct virt_regs *const regs = virt_regs(vp->virt);
	WHV_X64_CPUID_ACCESS_CONTEXT *cpuid;

	cpuid = &begin(vp, WHvRunVpExitReasonX64Cpuid, exit->insn_length)->CpuidAccess;
	cpuid->Rax = regs->gpr[X86_RAX];
	cpuid->Rcx = regs->gpr[X86_RCX];
	cpuid->Rdx = regs->gpr[X86_RDX];
	cpuid->Rbx = regs->gpr[X86_RBX];
	cpuid->DefaultResultRax = result->eax;
	cpuid->DefaultResultRcx = result->ecx;
	cpuid->DefaultResultRdx = result->edx;
	cpuid->DefaultResultRbx = result->ebx;
}

void exit_interrupt_window(struct vp *vp, uint32_t deliverable)
{
	begin(vp, WHvRunVpExitReasonX64InterruptWindow, 0)->InterruptWindow.DeliverableType =
		(WHV_X64_PENDING_INTERRUPTION_TYPE)deliverable;
}

void exit_unsupported(struct vp *vp, uint32_t code, uint64_t parameter)
{
	WHV_X64_UNSUPPORTED_FEATURE_CONTEXT *feature;

	feature = &begin(vp, WHvRunVpExitReasonUnsupportedFeature, 0)->UnsupportedFeature;
	feature->FeatureCode = (WHV_X64_UNSUPPORTED_FEATURE_CODE)code;
	feature->FeatureParameter = parameter;
}

void exit_plain(struct vp *vp, uint32_t reason)
{
	begin(vp, reason, 0);
}

void exit_device(struct vp *vp, const struct virt_exit *exit)
{
	write_head(vp, WhitRunVpExitReasonDeviceAccess, exit ? exit->insn_length : 0);
}

void exit_rdtsc(struct vp *vp, const struct virt_exit *exit)
{
	const uint64_t offset = virt_get(vp->virt, VIRT_TSC_OFFSET);
	WHV_X64_RDTSC_CONTEXT *rdtsc;

	rdtsc = &begin(vp, WHvRunVpExitReasonX64Rdtsc, exit->insn_length)->ReadTsc;
	rdtsc->TscAux = virt_get(vp->virt, VIRT_TSC_AUX);
	rdtsc->VirtualOffset = offset;
	rdtsc->Tsc = virt_tsc() + offset;
	rdtsc->ReferenceTime = time_reference(vp->partition);
	rdtsc->RdtscInfo.AsUINT64 = exit->rdtsc.is_rdtscp;
}

void exit_hypercall(struct vp *vp, const struct virt_exit *exit)
{
	const struct virt_regs *const regs = virt_regs(vp->virt);
	const struct x86_fxsave *const fpu = virt_fpu_save(vp->virt);
	WHV_HYPERCALL_CONTEXT *call;

	call = &begin(vp, WHvRunVpExitReasonHypercall, exit->insn_length)->Hypercall;
	call->Rax = regs->gpr[X86_RAX];
	call->Rbx = regs->gpr[X86_RBX];
	call->Rcx = regs->gpr[X86_RCX];
	call->Rdx = regs->gpr[X86_RDX];
	call->R8 = regs->gpr[X86_R8];
	call->Rsi = regs->gpr[X86_RSI];
	call->Rdi = regs->gpr[X86_RDI];
	__builtin_memcpy(call->XmmRegisters, fpu->xmm, sizeof(call->XmmRegisters));
}

void exit_apic(struct vp *vp)
{
	const struct apic_trap trap = vp->apic.trap;
	WHV_RUN_VP_EXIT_CONTEXT *const record = begin(vp, trap.reason, 0);

	vp->apic.trap.reason = 0;
	switch (trap.reason) {
	case WHvRunVpExitReasonX64ApicEoi: record->ApicEoi.InterruptVector = trap.detail; return;
	case WHvRunVpExitReasonX64ApicWriteTrap:
		record->ApicWrite.Type = (WHV_X64_APIC_WRITE_TYPE)trap.detail;
		record->ApicWrite.WriteValue = trap.value;
		return;
	default: record->ApicSmi.ApicIcr = trap.value; return; /* ApicInitSipi is the same */
	}
}

void exit_turn(struct vp *vp, uint32_t kind, bool has_run)
{
	struct whit_turn *const turn =
		(struct whit_turn *)(void *)begin(vp, WhitRunVpExitReasonTurn, 0)->AsUINT64;

	turn->kind = kind;
	turn->has_run = has_run;
	turn->deadline = 0;
}

void exit_turn_until(struct vp *vp, uint64_t deadline)
{
	((struct whit_turn *)(void *)record_of(vp)->AsUINT64)->deadline = deadline;
}
