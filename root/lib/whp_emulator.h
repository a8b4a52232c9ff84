/* SPDX-License-Identifier: MIT */
/*
 * WinHvEmulation inside: one emulation of one instruction, between the emulator (emu/emu.h) and the
 * client's callbacks. Only root/lib/whp_emulator*.c see it.
 *
 * It lives on the stack of the Try function; nothing outlasts a call but the callbacks in the handle. Registers
 * are read in one batch, what few instructions need when they need it, and written by one callback
 * at the end: until then, everything that changes is in `cpu` and in the list `set`.
 */
#ifndef ROOT_LIB_WHP_EMULATOR_H
#define ROOT_LIB_WHP_EMULATOR_H

#include "emu/emu.h"
#include "whp/WinHvEmulation.h"

/* What stands behind a WHV_EMULATOR_HANDLE, in a page of its own. */
struct whp_emulator {
	uint64_t magic;
	uint32_t features; /* EMU_HAS() of the processor, for emu_cpu */
	WHV_EMULATOR_CALLBACKS calls;
};

/* The batch, in this order; general registers and RIP, RFLAGS in the order of their names. */
enum {
	BATCH_RIP = 16,
	BATCH_RFLAGS,
	BATCH_SEGMENTS, /* ES CS SS DS FS GS */
	BATCH_CR0 = BATCH_SEGMENTS + 6,
	BATCH_CR4,
	BATCH_EFER,
	BATCH_INTERRUPT_STATE,
	BATCH_PENDING_DEBUG, /* if RFLAGS.TF is set */
	BATCH_COUNT
};

/* All general registers, RIP, RFLAGS, x87 whole, the interrupt state and two more. */
#define EMULATION_MAX_SET 32u

#define EMULATION_TRANSLATIONS 4u

struct emulation {
	const struct whp_emulator *emulator;
	void *context; /* for the callbacks */
	WHV_EMULATOR_STATUS status;
	struct emu_cpu cpu;
	struct emu_cpu before; /* as it was read */
	WHV_REGISTER_VALUE batch[BATCH_COUNT];

	/* What few instructions need: FpMmx0 to FpMmx7, FpControlStatus, XmmControlStatus. */
	WHV_REGISTER_VALUE x87[10];
	bool has_x87;

	bool is_rehearsal; /* memory reads as zeros and is not written */

	/* Pages translated so far: to the guest, all of a Try is one instruction. */
	struct {
		uint64_t gva, gpa;
		unsigned int access; /* 0: free */
	} translations[EMULATION_TRANSLATIONS];
	unsigned int next_translation;

	unsigned int n_set;
	WHV_REGISTER_NAME set_names[EMULATION_MAX_SET];
	WHV_REGISTER_VALUE set_values[EMULATION_MAX_SET];
};

/* ---- whp_emulator_access.c: memory, ports, translation; the operations table ---- */

extern const struct emu_ops emulation_ops;

/* One transfer of 1, 2 or 4 bytes. False, with the status bit set, if the callback failed. */
bool emulation_port(struct emulation *e, uint16_t port, bool is_out, unsigned int size, void *data);

/* ---- whp_emulator_state.c: registers ---- */

/* One Get callback. False, with the status bit set, if it failed. */
bool emulation_get(struct emulation *e, const WHV_REGISTER_NAME *names, UINT32 n,
		   WHV_REGISTER_VALUE *values);

/* Read the batch, and make the cpu of it. False as emulation_get(). */
bool emulation_load(struct emulation *e, const WHV_VP_EXIT_CONTEXT *vp);

/*
 * The last callback: everything that has changed, or that and an exception at RIP. Sets the status, to
 * success or to what stands in the way.
 */
void emulation_commit(struct emulation *e);
void emulation_inject(struct emulation *e, const struct emu_exception *exception);

/* Operations of the table. */
enum emu_outcome emulation_segment(void *ctx, enum x86_seg seg, struct x86_segment *out);
enum emu_outcome emulation_set_segment(void *ctx, enum x86_seg seg,
				       const struct x86_segment *value);
enum emu_outcome emulation_table(void *ctx, enum emu_table table, struct x86_table *out);
enum emu_outcome emulation_set_table(void *ctx, enum emu_table table,
				     const struct x86_table *value);
enum emu_outcome emulation_set_cr0(void *ctx, uint64_t value);
enum emu_outcome emulation_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data);
enum emu_outcome emulation_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data);
enum emu_outcome emulation_x87(void *ctx, struct emu_x87 *out);
enum emu_outcome emulation_set_x87(void *ctx, const struct emu_x87 *value);

#endif
