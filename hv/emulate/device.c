/* SPDX-License-Identifier: MIT */
/*
 * The instruction emulator on a VP (hv/emulate/device.h): which instruction, the accesses that the root is told of,
 * and what becomes of the guest's registers and interrupt shadow (device_commit()). What the emulator asks for is in hv/emulate/ops.c.
 *
 * An instruction is executed from its start as often as it needs answers; nothing is committed
 * before the last of them is there. Writes to devices are collected and count only if the execution
 * completes.
 */
#include "hv/emulate/device.h"

#include "hv/emulate/attempt.h"

#include "hv/vp/event.h"
#include "hv/mem/walk.h"
#include "hv/emulate/fetch.h"
#include "whp/WinHvMemory.h"
#include "x86/cr.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

/* Executions in a row that guest memory has spoilt, before the guest is entered to try for itself. */
#define DEVICE_TRIES 8

/* Exits at one RIP that came to nothing, before the client gets the plain exit. */
#define DEVICE_MAX_STUCK 4

/* The record where it stands, in the bytes of the exit context. */
struct device_record {
	struct whit_device_access access;
} __attribute__((may_alias));

static inline struct device_record *device_record(const struct vp *vp)
{
	return (struct device_record *)(void *)(vp->page->exit + WHIT_EXIT_UNION);
}

static void device_forget(struct device_state *device)
{
	device->stage = DEVICE_IDLE;
	device->n_answers = 0;
	device->translated = 0;
}

static inline void device_count(void)
{
	this_root()->emulated++;
}

/* ---- The record in the shared page ------------------------------------------------------- */

/* Show an access to the root, its header and data by words. A read's data stands at ones until it is answered. */
static inline enum device_outcome device_hand_over(struct vp *vp,
						   const struct whit_device_access *access)
{
	struct whit_device_access *record = &device_record(vp)->access;
	unsigned int n = access->n_bytes, i;

	device_copy_8(record, access);
	device_copy_8((uint8_t *)record + 8, (const uint8_t *)access + 8);
	if (access->is_write) {
		for (i = 0; i < n; i += 8)
			device_copy_8(record->data + i, access->data + i);
	} else {
		for (i = 0; i < n; i += 8)
			*(any64 *)(record->data + i) = ~0ull;
	}
	vp->page->device_answered = 0;
	return DEVICE_EXIT;
}

/* It becomes the next answer of the instruction. */
void device_accept(struct vp *vp)
{
	struct device_state *device = &vp->device;
	struct whit_device_access *answer;
	unsigned int i;

	if (!device_is_waiting(vp))
		return;
	device->stage -= DEVICE_WAITS_IN - DEVICE_IN;
	answer = &device->answers[device->n_answers++];
	if (__atomic_load_n(&vp->page->device_answered, __ATOMIC_ACQUIRE)) {
		device_copy(answer->data, device_record(vp)->access.data, answer->n_bytes);
		return;
	}
	for (i = 0; i < answer->n_bytes; i++)
		answer->data[i] = 0xff;
}

bool device_get_data(const struct vp *vp, unsigned int index, uint64_t value[2])
{
	if (!device_is_waiting(vp) || index >= WHIT_REGISTER_DEVICE_DATA_N)
		return false;
	device_copy(value, device_record(vp)->access.data + 16 * index, 16);
	return true;
}

bool device_set_data(struct vp *vp, unsigned int index, const uint64_t value[2])
{
	if (!device_is_waiting(vp) || index >= WHIT_REGISTER_DEVICE_DATA_N)
		return false;
	device_copy(device_record(vp)->access.data + 16 * index, value, 16);
	__atomic_store_n(&vp->page->device_answered, 1u, __ATOMIC_RELEASE);
	return true;
}

/* ---- One execution ----------------------------------------------------------------------- */

/* Of 64-bit code, which nearly every guest is, without a call. */
static inline enum emu_mode device_mode(const struct virt_view *view)
{
	const struct virt_paging *paging = &view->paging;

	if ((paging->efer & EFER_LMA) && (view->cs.attributes & SEG_L))
		return EMU_LONG64;
	return emu_mode_of(paging->cr0, paging->efer, paging->rflags, view->cs.attributes);
}

/* What finding and decoding the instruction takes. */
static void device_begin(struct device_run *run, struct vp *vp)
{
	run->vp = vp;
	run->exit_page = NO_PAGE;
	run->is_mismatch = false;
	run->view = virt_view(vp->virt);
	run->cpu.mode = device_mode(run->view);
}

/* And what executing it takes beside. */
static void device_load(struct device_run *run)
{
	const struct virt_regs *regs = virt_regs(run->vp->virt);

	__builtin_memcpy(run->cpu.gpr, regs->gpr, sizeof(run->cpu.gpr));
	run->cpu.rip = regs->rip;
	run->cpu.rflags = regs->rflags;
	run->cpu.cr0 = run->view->paging.cr0;
	run->cpu.cpl = run->view->paging.cpl;
	run->cpu.cr4 = run->view->paging.cr4;
	/* Without OSXSAVE nobody looks at it. */
	run->cpu.xcr0 = run->cpu.cr4 & CR4_OSXSAVE ? virt_get(run->vp->virt, VIRT_XCR0) : XCR0_X87;
	run->cpu.features = hv.features;
}

/*
 * Fetch and decode the instruction at RIP into device->insn, unless it is there already: a driver
 * that works its device often exits at the same bytes again. The bytes are fetched each time.
 */
static bool device_decode(struct device_run *run)
{
	struct device_state *device = &run->vp->device;
	uint64_t bytes[2] = { 0, 0 };
	unsigned int n;

	device_forget(device);
	device->rip = virt_regs(run->vp->virt)->rip;
	n = walk_fetch(run->vp, (uint8_t *)bytes, EMU_MAX_INSN_BYTES);
	bytes[1] |= (uint64_t)n << 56;
	if (bytes[0] == device->bytes[0] && bytes[1] == device->bytes[1] &&
	    (uint8_t)run->cpu.mode == device->mode && n)
		return true;
	device->bytes[1] = 0;
	device->mode = (uint8_t)run->cpu.mode;
	if (emu_decode((const uint8_t *)bytes, n, run->cpu.mode, &device->insn) != EMU_DECODED)
		return false;
	device->is_move = emu_get_move(&device->insn, &device->move);
	device->bytes[0] = bytes[0];
	device->bytes[1] = bytes[1];
	return true;
}

/* The elements of a REP instruction that are put off, so that a batch fits a device access. */
static uint64_t device_shorten(struct device_run *run)
{
	const struct emu_insn *insn = &run->vp->device.insn;
	uint64_t mask = ~0ull >> (64 - 8 * insn->address_size);
	uint64_t count = run->cpu.gpr[X86_RCX] & mask,
		 most = WHIT_DEVICE_BYTES / insn->operand_size;
	bool is_compare = (insn->opcode & 0xf6) == 0xa6; /* CMPS and SCAS: one at a time anyway */

	if (!insn->is_string || is_compare ||
	    !(insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE)))
		return 0;
	if (run->cpu.rflags & RFLAGS_TF)
		most = 1; /* the processor traps after each */
	if (count <= most)
		return 0;
	run->cpu.gpr[X86_RCX] -= count - most;
	return count - most;
}

/* The writes to the page of the APIC are done here, in their order; the others go to the root. */
static void device_write_apic(struct device_run *run)
{
	struct vp *vp = run->vp;
	struct whit_device_access *const posted = vp->device.posted;
	unsigned int n = 0;

	for (unsigned int i = 0; i < run->n_posted; i++) {
		const struct whit_device_access *const access = &posted[i];
		const unsigned int step = access->size < 8 ? access->size : 8;
		uint64_t value = 0;

		if (access->is_port || !apic_covers(&vp->apic, access->address)) {
			posted[n++] = posted[i];
			continue;
		}
		for (unsigned int at = 0; at < access->n_bytes; at += step) {
			__builtin_memcpy(&value, access->data + at, step);
			apic_write(vp, access->address + at, step, value);
		}
	}
	run->n_posted = (uint8_t)n;
}

/* Write the registers back after a completed instruction or batch. */
static void device_commit(struct device_run *run, enum emu_outcome outcome)
{
	struct vp *vp = run->vp;
	struct virt_regs *regs = virt_regs(vp->virt);
	bool is_step = regs->rflags & RFLAGS_TF;
	bool is_branch = outcome == EMU_DONE && run->cpu.rip != regs->rip + vp->device.insn.length;
	uint64_t shadow = run->view->shadow & ~(uint64_t)(VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS);

	__builtin_memcpy(regs->gpr, run->cpu.gpr, sizeof(regs->gpr));
	regs->rip = run->cpu.rip;
	regs->rflags = run->cpu.rflags;
	regs->changed = true;
	if (outcome == EMU_DONE && run->cpu.has_shadow)
		shadow |= VIRT_SHADOW_MOV_SS;
	if (shadow != run->view->shadow)
		virt_set(vp->virt, VIRT_SHADOW, shadow);
	if (is_step)
		virt_step(vp->virt, is_branch);
	if (run->has_met_apic)
		device_write_apic(run);
	vp->device.n_posted = run->n_posted;
	vp->device.next_posted = 0;
	vp->device.n_answers = 0;
	vp->device.n_stuck = 0;
	/* The boundary of an instruction or iteration: page tables may change. */
	vp->device.translated = 0;
	/* A step traps after each batch, so the guest has to be entered. */
	vp->device.stage = outcome == EMU_AGAIN && !is_step ? DEVICE_REP : DEVICE_IDLE;
	if (outcome == EMU_DONE)
		device_count();
}

/* emu_execute() on what fits a device access. */
static enum emu_outcome device_execute(struct device_run *run, struct emu_exception *exception)
{
	const struct emu_insn *insn = &run->vp->device.insn;
	uint64_t put_off, rip = run->cpu.rip, rflags = run->cpu.rflags, mask;
	enum emu_outcome outcome;

	run->vp->device.next_answer = 0;
	run->n_posted = 0;
	run->has_met_device = false;
	run->has_met_apic = false;
	run->has_met_page = false;
	put_off = device_shorten(run);
	outcome = emu_execute(insn, &run->cpu, &device_ops, run, exception);
	if (!put_off)
		return outcome;
	mask = ~0ull >> (64 - 8 * insn->address_size);
	run->cpu.gpr[X86_RCX] =
		(run->cpu.gpr[X86_RCX] & ~mask) | ((run->cpu.gpr[X86_RCX] + put_off) & mask);
	if (outcome != EMU_DONE)
		return outcome;
	/* Done with the part: the instruction stands where it stood. */
	run->cpu.rip = rip;
	run->cpu.rflags |= rflags & RFLAGS_RF;
	return EMU_AGAIN;
}

/* Nothing came of it: let the guest try again, but not for ever. */
static enum device_outcome device_stick(struct device_state *device)
{
	if (device->stuck_rip != device->rip)
		device->n_stuck = 0;
	device->stuck_rip = device->rip;
	if (device->n_stuck < DEVICE_MAX_STUCK)
		device->n_stuck++;
	device_forget(device);
	if (device->n_stuck < DEVICE_MAX_STUCK)
		return DEVICE_RESUME;
	device->n_stuck = 0;
	return DEVICE_PLAIN;
}

/* Has the emulator failed at this instruction after its exit was gone? Told once. */
static bool device_was_stuck(struct device_state *device, uint64_t rip)
{
	if (device->n_stuck < DEVICE_MAX_STUCK || device->stuck_rip != rip)
		return false;
	device->n_stuck = 0;
	return true;
}

static inline bool device_wants_entry(const struct vp *vp)
{
	return vp->pending.type != VIRT_EVENT_NONE || vp->apic.is_due ||
	       (vp->event_due | vp->deliverability);
}

static enum device_outcome device_hand_over_posted(struct vp *vp)
{
	struct device_state *device = &vp->device;

	device->n_posted--;
	return device_hand_over(vp, &device->posted[device->next_posted++]);
}

/*
 * Execute device->insn until there is something to tell. A REP instruction goes on without an entry as
 * long as it meets devices; each further batch either asks the root or meets none, so this ends.
 */
static enum device_outcome device_go(struct device_run *run)
{
	struct vp *vp = run->vp;
	struct device_state *device = &vp->device;
	struct emu_exception exception;
	enum emu_outcome outcome;
	unsigned int tries = 0;

	device_load(run);
	for (;;) {
		outcome = device_execute(run, &exception);
		switch (outcome) {
		case EMU_DONE:
		case EMU_AGAIN:
			device_commit(run, outcome);
			if (device->n_posted)
				return device_hand_over_posted(vp);
			if (outcome == EMU_DONE || !run->has_met_device || run->has_met_apic ||
			    device->stage == DEVICE_IDLE || device_wants_entry(vp)) {
				device->stage = DEVICE_IDLE;
				return DEVICE_RESUME;
			}
			run->exit_page = NO_PAGE;
			continue;
		case EMU_DEVICE:
			device->stage = DEVICE_WAITS_INSN;
			return device_hand_over(vp, &device->answers[device->n_answers]);
		case EMU_EXCEPTION:
			device_forget(device);
			event_raise(vp, &exception);
			return DEVICE_INJECTED;
		case EMU_RETRY:
			if (++tries < DEVICE_TRIES)
				continue;
			return device_stick(device);
		default:
			if (run->is_mismatch)
				return device_stick(device);
			device_forget(device);
			return DEVICE_PLAIN;
		}
	}
}

/* ---- Plain accesses: nothing is left to execute but a read's register ---------------------- */

static inline void device_skip(struct vp *vp, unsigned int length)
{
	virt_skip(vp->virt, length);
	device_count();
}

/* A store, or OUT, that the guest has done. */
static inline enum device_outcome device_post(struct vp *vp, bool is_port, uint64_t address,
					      unsigned int size, uint64_t value)
{
	struct whit_device_access *access = &vp->device.posted[0];

	device_describe(access, is_port, true, address, size, 1);
	*(any64 *)access->data = value;
	return device_hand_over(vp, access);
}

/* A load, or IN, which device_finish() ends when it is answered. */
static inline enum device_outcome device_ask(struct vp *vp, enum device_stage stage, bool is_port,
					     uint64_t address, unsigned int size)
{
	struct whit_device_access *access = &vp->device.answers[0];

	device_describe(access, is_port, false, address, size, 1);
	vp->device.stage = stage;
	return device_hand_over(vp, access);
}

/* Its register has been written. */
static enum device_outcome device_finish(struct vp *vp, unsigned int length)
{
	virt_regs(vp->virt)->changed = true;
	device_forget(&vp->device);
	device_skip(vp, length);
	return DEVICE_RESUME;
}

static void device_finish_in(struct virt_regs *regs, const struct whit_device_access *answer)
{
	const uint64_t old = regs->gpr[X86_RAX];

	switch (answer->size) {
	case 1: regs->gpr[X86_RAX] = (old & ~0xffull) | answer->data[0]; break;
	case 2: regs->gpr[X86_RAX] = (old & ~0xffffull) | *(const any16 *)answer->data; break;
	default: regs->gpr[X86_RAX] = *(const any32 *)answer->data; break;
	}
}

/*
 * Is this the address of the access? Of one to the page of the APIC the processor may tell the offset alone; then the
 * instruction, if another processor has just replaced it, is one of the guest's that makes the same access.
 */
static bool is_gva_of(const struct virt_exit *exit, uint64_t gva)
{
	if (exit->memory.gva_valid)
		return gva == exit->memory.gva.a;
	return PAGE_OFFSET(gva) == PAGE_OFFSET(exit->memory.gpa.a);
}

/*
 * Is the instruction a plain move in 64-bit mode, and its access, whole, the one that the processor has
 * just checked and translated? Then nothing is left to execute.
 */
static bool device_is_move(const struct device_run *run, const struct virt_exit *exit)
{
	const struct device_state *device = &run->vp->device;
	const struct virt_regs *regs = virt_regs(run->vp->virt);

	return device->is_move && run->cpu.mode == EMU_LONG64 && device->insn.segment < SEG_FS &&
	       device->move.is_load == !exit->memory.is_write &&
	       PAGE_OFFSET(exit->memory.gpa.a) + device->move.n_bytes <= PAGE_SIZE &&
	       is_gva_of(exit, emu_move_offset(&device->insn, regs->gpr, regs->rip));
}

/*
 * Where the processor has not told the address that it has translated, another processor may have
 * replaced the instruction: a plain move is taken only at an address that leads to the access.
 */
static __attribute__((noinline)) bool device_leads_there(struct device_run *run,
							 const struct virt_exit *exit)
{
	const struct emu_insn *insn = &run->vp->device.insn;
	const struct virt_regs *regs = virt_regs(run->vp->virt);
	struct walk walk;

	walk_again(&run->vp->view, &run->view->paging,
		   GVA(emu_move_offset(insn, regs->gpr, regs->rip)),
		   (exit->memory.is_write ? WALK_WRITE : WALK_READ) |
			   (run->view->paging.cpl == 3 ? WALK_USER : 0),
		   &run->vp->device.walked, &walk);
	return walk.code == WHvTranslateGvaResultSuccess && walk.gpa.a == exit->memory.gpa.a;
}

/* Such a move to or from the page of the APIC is done with this. */
static enum device_outcome device_move_apic(struct vp *vp, const struct virt_exit *exit)
{
	struct device_state *device = &vp->device;
	const struct emu_move *move = &device->move;
	struct virt_regs *regs = virt_regs(vp->virt);
	const uint64_t gpa = exit->memory.gpa.a;

	device->n_stuck = 0;
	if (move->is_load) {
		emu_move_load(move, regs->gpr, apic_read(vp, gpa, move->n_bytes));
		return device_finish(vp, device->insn.length);
	}
	apic_write(vp, gpa, move->n_bytes, emu_move_stored(&device->insn, move, regs->gpr));
	device_skip(vp, device->insn.length);
	return DEVICE_RESUME;
}

/* A store is done with this, a load waits for its answer. */
static enum device_outcome device_move(struct vp *vp, const struct virt_exit *exit)
{
	struct device_state *device = &vp->device;
	const struct emu_move *move = &device->move;
	const uint64_t gpa = exit->memory.gpa.a;
	uint64_t value;

	device->n_stuck = 0;
	if (move->is_load)
		return device_ask(vp, DEVICE_WAITS_LOAD, false, gpa, move->n_bytes);
	value = emu_move_stored(&device->insn, move, virt_regs(vp->virt)->gpr);
	device_skip(vp, device->insn.length);
	return device_post(vp, false, gpa, move->n_bytes, value);
}

/* ---- The three entries ------------------------------------------------------------------- */

enum device_outcome device_memory(struct vp *vp, const struct virt_exit *exit)
{
	const bool is_apic = apic_covers(&vp->apic, exit->memory.gpa.a);
	struct device_run run;

	if (exit->interrupted.type != VIRT_EVENT_NONE || exit->memory.is_fetch ||
	    exit->memory.is_walk)
		return DEVICE_PLAIN;
	if (device_was_stuck(&vp->device, virt_regs(vp->virt)->rip))
		return DEVICE_PLAIN;
	device_begin(&run, vp);
	if (!device_decode(&run))
		return DEVICE_PLAIN;
	/* INS and OUTS exit for their port first: this is other code than the processor ran. */
	if (vp->device.insn.is_port)
		return DEVICE_PLAIN;
	if (device_is_move(&run, exit)) {
		if (is_apic)
			return device_move_apic(vp, exit);
		if (exit->memory.gva_valid || device_leads_there(&run, exit))
			return device_move(vp, exit);
	}
	run.exit_page = exit->memory.gpa.a & PAGE_MASK;
	vp->device.gva_page = exit->memory.gva.a & PAGE_MASK;
	vp->device.gpa_page = run.exit_page;
	if (exit->memory.gva_valid)
		vp->device.translated = (uint8_t)((exit->memory.is_read ? EMU_READ : 0) |
						  (exit->memory.is_write ? EMU_WRITE : 0));
	return device_go(&run);
}

enum device_outcome device_msw(struct vp *vp)
{
	const struct emu_insn *insn = &vp->device.insn;
	struct device_run run;

	device_begin(&run, vp);
	if (!device_decode(&run) || insn->map != EMU_MAP_0F || insn->opcode != 0x01 ||
	    (insn->modrm & 0x28) != 0x20) /* SMSW, LMSW */
		return DEVICE_PLAIN;
	return device_go(&run);
}

/* Is the instruction the one whose port the processor has checked? */
static bool device_is_port_of(const struct device_run *run, const struct virt_exit *exit)
{
	const struct emu_insn *insn = &run->vp->device.insn;
	bool is_in = !(insn->opcode & 2); /* 6C, 6D INS; 6E, 6F OUTS */

	return insn->is_port && insn->is_string && is_in == exit->io.is_in &&
	       insn->operand_size == exit->io.size &&
	       (uint16_t)virt_regs(run->vp->virt)->gpr[X86_RDX] == exit->io.port &&
	       (!exit->insn_length || insn->length == exit->insn_length);
}

enum device_outcome device_io(struct vp *vp, const struct virt_exit *exit)
{
	struct device_state *device = &vp->device;
	struct virt_regs *regs = virt_regs(vp->virt);
	struct device_run run;

	if (exit->io.is_string) {
		if (device_was_stuck(device, regs->rip))
			return DEVICE_PLAIN;
		device_begin(&run, vp);
		if (!device_decode(&run) || !device_is_port_of(&run, exit))
			return DEVICE_PLAIN;
		return device_go(&run);
	}
	if (exit->io.is_in) {
		device->rip = regs->rip;
		device->in_length = exit->insn_length;
		return device_ask(vp, DEVICE_WAITS_IN, true, exit->io.port, exit->io.size);
	}
	device_skip(vp, exit->insn_length);
	return device_post(vp, true, exit->io.port, exit->io.size, (uint32_t)regs->gpr[X86_RAX]);
}

enum device_outcome device_continue(struct vp *vp)
{
	struct device_state *device = &vp->device;
	const enum device_stage stage = device->stage;
	const struct whit_device_access *answer = &device->answers[0];
	struct virt_regs *regs = virt_regs(vp->virt);
	enum device_outcome outcome;
	struct device_run run;

	if (device->n_posted)
		return device_hand_over_posted(vp);
	if (stage == DEVICE_IDLE || device_is_waiting(vp))
		return DEVICE_RESUME;
	if (regs->rip != device->rip || (stage == DEVICE_REP && device_wants_entry(vp))) {
		device_forget(device);
		return DEVICE_RESUME;
	}
	if (stage == DEVICE_IN) {
		device_finish_in(regs, answer);
		return device_finish(vp, device->in_length);
	}
	device_begin(&run, vp);
	if (run.cpu.mode != (enum emu_mode)device->mode) {
		device_forget(device);
		return DEVICE_RESUME;
	}
	if (stage == DEVICE_LOAD) {
		emu_move_load(&device->move, regs->gpr, *(const any64 *)answer->data);
		return device_finish(vp, device->insn.length);
	}
	outcome = device_go(&run);
	if (outcome != DEVICE_PLAIN)
		return outcome;
	device->stuck_rip = device->rip;
	device->n_stuck = DEVICE_MAX_STUCK;
	return DEVICE_RESUME;
}
