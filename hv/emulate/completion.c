/* SPDX-License-Identifier: MIT */
/*
 * Exits of which the processor has not told all (hv/emulate/completion.h). How an emulated
 * instruction ends is in hv/emulate/device.c.
 */
#include "hv/emulate/completion.h"

#include "hv/emulate/fetch.h"
#include "hv/mem/gpa.h"
#include "hv/mem/walk.h"
#include "whp/WinHvMemory.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/gpr.h"

#define OPCODE_CLTS    0x06
#define OPCODE_GROUP_7 0x01
#define REX_W	       0x08
#define MODRM_REG      0x38
#define MODRM_SMSW     0x20
#define MODRM_LMSW     0x30

/* The instructions of a reason. Those of IO, CR and DR accesses have functions of their own. */
struct form {
	uint8_t reason; /* enum virt_exit_reason */
	uint8_t map, opcode;
	uint8_t modrm, mask; /* of the ModRM byte; mask 0: whatever it is, or there is none */
	uint8_t prefix;	     /* EMU_PREFIX_… that it must have */
};

static const struct form forms[] = {
	{ VIRT_EXIT_CPUID, EMU_MAP_0F, 0xa2, 0, 0, 0 },
	{ VIRT_EXIT_HLT, EMU_MAP_ONE, 0xf4, 0, 0, 0 },
	{ VIRT_EXIT_HYPERCALL, EMU_MAP_0F, 0x01, 0xc1, 0xff, 0 },
	{ VIRT_EXIT_HYPERCALL, EMU_MAP_0F, 0x01, 0xd9, 0xff, 0 },
	{ VIRT_EXIT_RDMSR, EMU_MAP_0F, 0x32, 0, 0, 0 },
	{ VIRT_EXIT_WRMSR, EMU_MAP_0F, 0x30, 0, 0, 0 },
	{ VIRT_EXIT_XSETBV, EMU_MAP_0F, 0x01, 0xd1, 0xff, 0 },
	{ VIRT_EXIT_INVD, EMU_MAP_0F, 0x08, 0, 0, 0 },
	{ VIRT_EXIT_INVD, EMU_MAP_0F, 0x09, 0, 0, 0 },
	{ VIRT_EXIT_INVLPG, EMU_MAP_0F, 0x01, 0x38, MODRM_REG, 0 },
	{ VIRT_EXIT_RDTSC, EMU_MAP_0F, 0x31, 0, 0, 0 },
	{ VIRT_EXIT_RDTSC, EMU_MAP_0F, 0x01, 0xf9, 0xff, 0 },
	{ VIRT_EXIT_RDPMC, EMU_MAP_0F, 0x33, 0, 0, 0 },
	{ VIRT_EXIT_PAUSE, EMU_MAP_ONE, 0x90, 0, 0, EMU_PREFIX_REP },
};

static bool has_form(const struct emu_insn *insn, enum virt_exit_reason reason)
{
	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];

		if (form->reason == reason && form->map == insn->map &&
		    form->opcode == insn->opcode && (insn->modrm & form->mask) == form->modrm &&
		    (insn->prefixes & form->prefix) == form->prefix)
			return true;
	}
	return false;
}

/*
 * The length of the instruction of an exit that stands there without prefixes and operands, as most
 * do, so that it need not be decoded; 0: it does not.
 */
static unsigned int plain_length(const struct virt_exit *exit, const uint8_t *bytes, unsigned int n)
{
	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];
		const unsigned int length = form->map == EMU_MAP_ONE ? 1 : form->mask ? 3 : 2;

		if (form->reason != exit->reason || form->prefix || n < length ||
		    bytes[length > 1] != form->opcode)
			continue;
		if (length > 1 && bytes[0] != 0x0f)
			continue;
		if (form->mask && (form->mask != 0xff || bytes[2] != form->modrm))
			continue;
		if (exit->reason != VIRT_EXIT_RDTSC || exit->rdtsc.is_rdtscp == (length == 3))
			return length;
	}
	return 0;
}

/* IN, OUT, INS and OUTS: direction, size and port are those that the processor has told. */
static bool is_io_of(struct vp *vp, const struct virt_exit *exit, const struct emu_insn *insn)
{
	const uint16_t dx = (uint16_t)virt_regs(vp->virt)->gpr[X86_RDX];
	const bool is_immediate = (insn->opcode & 0xfc) == 0xe4;
	const bool is_rep = insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE);

	return insn->is_port && insn->is_string == exit->io.is_string &&
	       !(insn->opcode & 2) == exit->io.is_in && insn->operand_size == exit->io.size &&
	       (is_immediate ? (uint8_t)insn->imm : dx) == exit->io.port &&
	       (!insn->is_string || is_rep == exit->io.is_rep);
}

/* A general register as MOV to a control or debug register reads it. */
static uint64_t source(struct vp *vp, enum emu_mode mode, unsigned int gpr)
{
	const uint64_t value = virt_regs(vp->virt)->gpr[gpr];

	return mode == EMU_LONG64 ? value : value & LOW_32;
}

/* LMSW changes the low four bits, and cannot clear PE. CLTS is CR0 without TS. */
static bool complete_cr0(struct vp *vp, struct virt_exit *exit, const struct emu_insn *insn)
{
	const uint64_t cr0 = virt_view(vp->virt)->paging.cr0;
	uint64_t word;

	if (exit->cr.number)
		return false;
	if (insn->opcode == OPCODE_CLTS) {
		exit->cr.gpr = 0;
		exit->cr.value = cr0 & ~CR0_TS;
		return true;
	}
	exit->cr.gpr = VIRT_GPR_UNKNOWN;
	if (insn->is_memory)
		return true;
	exit->cr.gpr = insn->rm;
	word = virt_regs(vp->virt)->gpr[insn->rm] & (CR0_PE | CR0_MP | CR0_EM | CR0_TS);
	exit->cr.value = (cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) | word;
	return true;
}

/* SMSW to a register: as much of CR0 as the operand has room for. */
static __attribute__((noinline, cold)) bool complete_smsw(struct vp *vp, struct virt_exit *exit,
							  enum emu_mode mode,
							  const struct emu_insn *insn)
{
	const bool is_long_by_default = mode == EMU_PROT32 || mode == EMU_LONG64;
	const uint64_t cr0 = virt_get(vp->virt, VIRT_CR0);

	if (exit->cr.number)
		return false;
	exit->cr.gpr = VIRT_GPR_UNKNOWN;
	if (insn->is_memory)
		return true;
	exit->cr.gpr = insn->rm;
	exit->cr.value = cr0;
	if (!(insn->rex & REX_W) && is_long_by_default == !!(insn->prefixes & EMU_PREFIX_66))
		exit->cr.value = (virt_regs(vp->virt)->gpr[insn->rm] & ~0xffffull) | (cr0 & 0xffff);
	return true;
}

static bool complete_cr(struct vp *vp, struct virt_exit *exit, enum emu_mode mode,
			const struct emu_insn *insn)
{
	const bool is_write = exit->reason == VIRT_EXIT_CR_WRITE;

	if (insn->map != EMU_MAP_0F)
		return false;
	if (is_write && (insn->opcode == OPCODE_CLTS || (insn->opcode == OPCODE_GROUP_7 &&
							 (insn->modrm & MODRM_REG) == MODRM_LMSW)))
		return complete_cr0(vp, exit, insn);
	if (!is_write && insn->opcode == OPCODE_GROUP_7 && (insn->modrm & MODRM_REG) == MODRM_SMSW)
		return complete_smsw(vp, exit, mode, insn);
	if (insn->opcode != (is_write ? 0x22 : 0x20) || insn->reg != exit->cr.number)
		return false;
	exit->cr.gpr = insn->rm;
	exit->cr.value = 0;
	if (is_write)
		exit->cr.value = source(vp, mode, insn->rm);
	else if (exit->cr.number != 8)
		exit->cr.value = virt_get(vp->virt, exit->cr.number ? VIRT_CR4 : VIRT_CR0);
	return true;
}

static bool complete_dr(struct virt_exit *exit, const struct emu_insn *insn)
{
	if (insn->map != EMU_MAP_0F || insn->opcode != (exit->dr.is_read ? 0x21 : 0x23) ||
	    insn->reg != exit->dr.number)
		return false;
	exit->dr.gpr = insn->rm;
	return true;
}

/* INT3, INTO, INT1 and INT n, of which the first three are exceptions. */
static bool is_software_event(const struct emu_insn *insn, uint8_t type, uint8_t vector)
{
	if (insn->map != EMU_MAP_ONE)
		return false;
	switch (insn->opcode) {
	case 0xcc: return type == VIRT_EVENT_SOFT_EXCEPTION && vector == EXC_BP;
	case 0xce: return type == VIRT_EVENT_SOFT_EXCEPTION && vector == EXC_OF;
	case 0xf1: return type == VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION && vector == EXC_DB;
	case 0xcd: return type == VIRT_EVENT_SOFT_INTERRUPT && vector == (uint8_t)insn->imm;
	default: return false;
	}
}

/*
 * The same of an event that was interrupted, with its length. QEMU (7.2 to 10.0) calls INT3 and
 * INTO software interrupts.
 */
static bool complete_event(struct virt_event *event, const struct emu_insn *insn)
{
	const bool is_exception = event->vector == EXC_BP || event->vector == EXC_OF;

	event->length = insn->length;
	if (is_software_event(insn, event->type, event->vector))
		return true;
	if (!is_exception || !is_software_event(insn, VIRT_EVENT_SOFT_EXCEPTION, event->vector))
		return false;
	event->type = VIRT_EVENT_SOFT_EXCEPTION;
	return true;
}

/* QEMU (7.2 to 10.0) says RDTSC of both, and does not look whether RDTSCP is hidden. */
static bool complete_rdtsc(struct vp *vp, struct virt_exit *exit, const struct emu_insn *insn)
{
	if (!has_form(insn, exit->reason) || insn->has_modrm < exit->rdtsc.is_rdtscp)
		return false;
	if (insn->has_modrm == exit->rdtsc.is_rdtscp)
		return true;
	exit->rdtsc.is_rdtscp = true;
	if (!(vp->partition->model.has & HAS_TSC_AUX))
		exit->reason = VIRT_EXIT_HIDDEN_INSN;
	return true;
}

/* The exit's own instruction: is it this one? Its operands are written if so. */
static bool complete(struct vp *vp, struct virt_exit *exit, enum emu_mode mode,
		     const struct emu_insn *insn)
{
	switch (exit->reason) {
	case VIRT_EXIT_IO: return is_io_of(vp, exit, insn);
	case VIRT_EXIT_CR_READ:
	case VIRT_EXIT_CR_WRITE: return complete_cr(vp, exit, mode, insn);
	case VIRT_EXIT_DR: return complete_dr(exit, insn);
	case VIRT_EXIT_INVLPG: return has_form(insn, exit->reason) && insn->is_memory;
	case VIRT_EXIT_RDTSC: return complete_rdtsc(vp, exit, insn);
	case VIRT_EXIT_EXCEPTION:
		return is_software_event(insn,
					 exit->exception.vector == EXC_DB
						 ? VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION
						 : VIRT_EVENT_SOFT_EXCEPTION,
					 exit->exception.vector);
	default: return has_form(insn, exit->reason);
	}
}

static enum emu_mode mode_of(const struct virt_view *view)
{
	const struct virt_paging *const paging = &view->paging;

	return emu_mode_of(paging->cr0, paging->efer, paging->rflags, view->cs.attributes);
}

/* Decode the instruction at RIP. EMU_DECODE_MORE_BYTES, too, if nothing could be fetched. */
static enum emu_decoded decode(struct vp *vp, const uint8_t *bytes, unsigned int n,
			       struct emu_insn *insn, enum emu_mode *mode)
{
	*mode = mode_of(virt_view(vp->virt));
	return emu_decode(bytes, n, *mode, insn);
}

/* Out of line, all of it: exits that are complete go past it. */
__attribute__((noinline, cold)) bool completion_of(struct vp *vp, struct virt_exit *exit)
{
	struct virt_event *const event = &exit->interrupted;
	const bool is_event = event->type >= VIRT_EVENT_SOFT_INTERRUPT;
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	const unsigned int n = walk_fetch(vp, bytes, sizeof(bytes));
	struct emu_insn insn;
	enum emu_mode mode;

	if (!is_event) {
		exit->insn_length = (uint8_t)plain_length(exit, bytes, n);
		if (exit->insn_length)
			return true;
	}
	switch (decode(vp, bytes, n, &insn, &mode)) {
	case EMU_DECODED:
	case EMU_DECODE_UNIMPLEMENTED:
	case EMU_DECODE_NO_ACCESS: break;
	case EMU_DECODE_INVALID:
		exit->reason = VIRT_EXIT_HIDDEN_INSN;
		event->type = VIRT_EVENT_NONE;
		return true;
	default: return false;
	}
	if (is_event)
		return complete_event(event, &insn);
	exit->insn_length = insn.length;
	return complete(vp, exit, mode, &insn);
}

/* ---- Addresses --------------------------------------------------------------------------- */

static void walk(struct vp *vp, gva_t gva, unsigned int access, struct walk *walk,
		 struct walk_trail *trail)
{
	const struct virt_paging *const paging = &virt_view(vp->virt)->paging;

	walk_gva_noted(&vp->view, paging, gva, access | (paging->cpl == 3 ? WALK_USER : 0), walk,
		       trail);
}

static gva_t linear(struct vp *vp, enum emu_mode mode, enum x86_seg seg, uint64_t offset)
{
	struct x86_segment segment;

	if (mode == EMU_LONG64 && seg < SEG_FS)
		return GVA(offset);
	virt_get_segment(vp->virt, seg, &segment);
	return GVA(mode == EMU_LONG64 ? segment.base + offset : (uint32_t)(segment.base + offset));
}

/* Of the instruction at RIP; *size is 16 at least, which is the most of a general operand. */
static bool operand(struct vp *vp, gva_t *gva, unsigned int *size)
{
	const struct virt_regs *const regs = virt_regs(vp->virt);
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	const unsigned int n = walk_fetch(vp, bytes, sizeof(bytes));
	struct emu_insn insn;
	enum emu_mode mode;

	if (decode(vp, bytes, n, &insn, &mode) != EMU_DECODED || !insn.is_memory)
		return false;
	*gva = linear(vp, mode, (enum x86_seg)insn.segment,
		      emu_move_offset(&insn, regs->gpr, regs->rip));
	*size = insn.vector_length > 16 ? insn.vector_length : 16;
	return true;
}

__attribute__((noinline, cold)) bool completion_operand(struct vp *vp, bool is_write, gva_t *gva,
							gpa_t *gpa)
{
	struct walk_trail trail;
	struct walk found;
	unsigned int size;

	if (!operand(vp, gva, &size))
		return false;
	walk(vp, *gva, is_write ? WALK_WRITE : WALK_READ, &found, &trail);
	*gpa = found.gpa;
	return found.code == WHvTranslateGvaResultSuccess;
}

/*
 * Is one of the tables of a walk in this page? It may be one that can be read, but not written to.
 */
static bool passes(struct vp *vp, const struct walk_trail *trail, gpa_t gpa)
{
	const uint8_t *const page = gpa_page(&vp->view, gpa).ptr;
	bool is_there = false;

	for (unsigned int i = 0; page && i < trail->n; i++)
		is_there |= (uintptr_t)trail->at[i] - (uintptr_t)page < PAGE_SIZE;
	return is_there;
}

/* Does an access there make this exit, by where it leads to, or by a page table on the way? */
static bool makes(struct vp *vp, const struct virt_exit *exit, gva_t gva, unsigned int access)
{
	const gpa_t gpa = exit->memory.gpa;
	struct walk_trail trail;
	struct walk found;

	walk(vp, gva, access, &found, &trail);
	if (!exit->memory.is_walk)
		return found.gpa.a == gpa.a && found.code == WHvTranslateGvaResultSuccess;
	return (found.gpa.a == gpa.a && found.code >= WHvTranslateGvaResultGpaUnmapped) ||
	       passes(vp, &trail, gpa);
}

/* The same of `size` bytes: there, or where they go on in the next page. */
static bool one_makes(struct vp *vp, const struct virt_exit *exit, gva_t *gva, unsigned int size,
		      unsigned int access)
{
	const uint64_t next = (gva->a | (PAGE_SIZE - 1)) + 1;

	if (makes(vp, exit, *gva, access))
		return true;
	if (next - gva->a >= size)
		return false;
	*gva = GVA(next);
	return makes(vp, exit, *gva, access);
}

__attribute__((noinline, cold)) bool completion_gva(struct vp *vp, const struct virt_exit *exit,
						    gva_t *gva)
{
	const enum emu_mode mode = mode_of(virt_view(vp->virt));
	unsigned int size;

	if (exit->interrupted.type != VIRT_EVENT_NONE)
		return false;
	*gva = linear(vp, mode, SEG_CS, virt_regs(vp->virt)->rip);
	if ((exit->memory.is_fetch || exit->memory.is_walk) &&
	    one_makes(vp, exit, gva, EMU_MAX_INSN_BYTES, WALK_EXECUTE))
		return true;
	return !exit->memory.is_fetch && operand(vp, gva, &size) &&
	       one_makes(vp, exit, gva, size,
			 exit->memory.is_write && !exit->memory.is_walk ? WALK_WRITE : WALK_READ);
}
