// SPDX-License-Identifier: MIT
/*
 * Memory, ports and translation of an emulation (root/lib/whp_emulator.h) through the client's callbacks: an
 * access of more than 8 bytes is several of 8, ascending; a batch is its elements. All memory is the
 * client's, so that a locked access is a read and a write: there is no callback for more.
 */
#include "root/lib/copy.h"
#include "root/lib/whp_emulator.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/page.h"

#define DIRECTION_READ	0
#define DIRECTION_WRITE 1

/* ---- Translation ------------------------------------------------------------------------- */

static enum emu_outcome fault(const struct emulation *e, unsigned int vector,
			      struct emu_exception *exception)
{
	*exception = (struct emu_exception) { .vector = (uint8_t)vector,
					      .has_error_code = e->cpu.mode != EMU_REAL };
	return EMU_EXCEPTION;
}

/*
 * The result code tells what the page tables lack, the access the rest. A protection key that forbids the
 * access is not told from other missing rights.
 */
static enum emu_outcome page_fault(const struct emulation *e, uint64_t gva, unsigned int access,
				   uint32_t error_code, struct emu_exception *exception)
{
	uint64_t efer = e->batch[BATCH_EFER].Reg64;
	bool has_nx = efer & EFER_NXE && e->cpu.cr4 & CR4_PAE;

	if (access & EMU_WRITE)
		error_code |= PF_W;
	if (e->cpu.cpl == 3 && !(access & EMU_IMPLICIT))
		error_code |= PF_U;
	if (access & EMU_FETCH && (has_nx || e->cpu.cr4 & CR4_SMEP))
		error_code |= PF_I;
	*exception = (struct emu_exception) {
		.vector = EXC_PF, .has_error_code = true, .error_code = error_code, .address = gva
	};
	return EMU_EXCEPTION;
}

static WHV_TRANSLATE_GVA_FLAGS flags_of(const struct emulation *e, unsigned int access)
{
	unsigned int flags = WHvTranslateGvaFlagSetPageTableBits;

	if (access & EMU_READ)
		flags |= WHvTranslateGvaFlagValidateRead;
	if (access & EMU_WRITE)
		flags |= WHvTranslateGvaFlagValidateWrite;
	if (access & EMU_FETCH)
		flags |= WHvTranslateGvaFlagValidateExecute;
	if (access & EMU_IMPLICIT) {
		flags |= WHvTranslateGvaFlagPrivilegeExempt;
		if (e->cpu.cr4 & CR4_SMAP)
			flags |=
				WHvTranslateGvaFlagEnforceSmap; /* RFLAGS.AC is for explicit ones */
	}
	return (WHV_TRANSLATE_GVA_FLAGS)flags;
}

/* Has the page been translated for this, or for more? */
static bool is_known(const struct emulation *e, uint64_t gva, unsigned int access, gpa_t *gpa)
{
	for (unsigned int i = 0; i < EMULATION_TRANSLATIONS; i++) {
		unsigned int known = e->translations[i].access;

		if (known && e->translations[i].gva == (gva & PAGE_MASK) && !(access & ~known) &&
		    !((access ^ known) & EMU_IMPLICIT)) {
			*gpa = GPA(e->translations[i].gpa | PAGE_OFFSET(gva));
			return true;
		}
	}
	return false;
}

static enum emu_outcome emulation_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
					    struct emu_exception *exception)
{
	struct emulation *e = ctx;
	/* What a callback that forgets to answer says: no code there is, no page. */
	WHV_TRANSLATE_GVA_RESULT_CODE code = (WHV_TRANSLATE_GVA_RESULT_CODE)0x7fffffff;
	WHV_GUEST_PHYSICAL_ADDRESS page = 1;
	unsigned int i;

	if (is_known(e, gva.a, access, gpa))
		return EMU_DONE;
	/* Of the page: there are clients that give back what they are given, offset and all. */
	if (FAILED(e->emulator->calls.WHvEmulatorTranslateGvaPage(
		    e->context, gva.a & PAGE_MASK, flags_of(e, access), &code, &page))) {
		e->status.TranslateGvaPageCallbackFailed = 1;
		return EMU_FAILED;
	}
	switch (code) {
	case WHvTranslateGvaResultSuccess: break;
	case WHvTranslateGvaResultPageNotPresent: return page_fault(e, gva.a, access, 0, exception);
	case WHvTranslateGvaResultPrivilegeViolation:
		return page_fault(e, gva.a, access, PF_P, exception);
	case WHvTranslateGvaResultInvalidPageTableFlags:
		return page_fault(e, gva.a, access, PF_P | PF_RSVD, exception);
	case WHvTranslateGvaResultGpaUnmapped:
	case WHvTranslateGvaResultGpaNoReadAccess:
	case WHvTranslateGvaResultGpaNoWriteAccess:
	case WHvTranslateGvaResultGpaIllegalOverlayAccess:
		return fault(e, EXC_GP, exception); /* page tables that cannot be read or written */
	default: return EMU_FAILED;
	}
	if (PAGE_OFFSET(page)) {
		e->status.TranslateGvaPageCallbackGpaIsNotAligned = 1;
		return EMU_FAILED;
	}
	i = e->next_translation;
	e->next_translation = (i + 1) % EMULATION_TRANSLATIONS;
	e->translations[i].gva = gva.a & PAGE_MASK;
	e->translations[i].gpa = page;
	e->translations[i].access = access;
	*gpa = GPA(page | PAGE_OFFSET(gva.a));
	return EMU_DONE;
}

/* ---- Memory ------------------------------------------------------------------------------ */

/* At most 8 bytes. */
static bool transfer(struct emulation *e, uint64_t gpa, unsigned int direction, unsigned int size,
		     uint8_t *in, const uint8_t *out)
{
	WHV_EMULATOR_MEMORY_ACCESS_INFO info = { .GpaAddress = gpa,
						 .Direction = (UINT8)direction,
						 .AccessSize = (UINT8)size };

	if (out)
		copy_bytes(info.Data, out, size);
	if (FAILED(e->emulator->calls.WHvEmulatorMemoryCallback(e->context, &info))) {
		e->status.MemoryCallbackFailed = 1;
		return false;
	}
	if (in)
		copy_bytes(in, info.Data, size);
	return true;
}

/* `in` or `out` is NULL. */
static enum emu_outcome transfer_all(struct emulation *e, uint64_t gpa, unsigned int size,
				     unsigned int count, uint8_t *in, const uint8_t *out)
{
	unsigned int piece = size < 8 ? size : 8, n_bytes = size * count;

	if (e->is_rehearsal) {
		for (unsigned int i = 0; in && i < n_bytes; i++)
			in[i] = 0;
		return EMU_DONE;
	}
	for (unsigned int i = 0; i < n_bytes; i += piece)
		if (!transfer(e, gpa + i, in ? DIRECTION_READ : DIRECTION_WRITE, piece,
			      in ? in + i : NULL, out ? out + i : NULL))
			return EMU_FAILED;
	return EMU_DONE;
}

static enum emu_outcome emulation_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				       void *data)
{
	return transfer_all(ctx, gpa.a, size, count, data, NULL);
}

static enum emu_outcome emulation_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
					const void *data)
{
	return transfer_all(ctx, gpa.a, size, count, NULL, data);
}

static enum emu_outcome emulation_cmpxchg(void *ctx, gpa_t gpa, unsigned int size,
					  const void *expected, const void *desired)
{
	(void)expected;
	return transfer_all(ctx, gpa.a, size, 1, NULL, desired);
}

/* ---- Ports ------------------------------------------------------------------------------- */

bool emulation_port(struct emulation *e, uint16_t port, bool is_out, unsigned int size, void *data)
{
	WHV_EMULATOR_IO_ACCESS_INFO info = { .Direction = is_out,
					     .Port = port,
					     .AccessSize = (UINT16)size };

	if (is_out)
		copy_bytes(&info.Data, data, size);
	if (FAILED(e->emulator->calls.WHvEmulatorIoPortCallback(e->context, &info))) {
		e->status.IoPortCallbackFailed = 1;
		return false;
	}
	if (!is_out)
		copy_bytes(data, &info.Data, size);
	return true;
}

static enum emu_outcome emulation_in(void *ctx, uint16_t port, unsigned int size,
				     unsigned int count, void *data)
{
	for (unsigned int i = 0; i < count; i++)
		if (!emulation_port(ctx, port, false, size, (uint8_t *)data + i * size))
			return EMU_FAILED;
	return EMU_DONE;
}

static enum emu_outcome emulation_out(void *ctx, uint16_t port, unsigned int size,
				      unsigned int count, const void *data)
{
	uint32_t element = 0;

	for (unsigned int i = 0; i < count; i++) {
		copy_bytes(&element, (const uint8_t *)data + i * size, size);
		if (!emulation_port(ctx, port, true, size, &element))
			return EMU_FAILED;
	}
	return EMU_DONE;
}

/* No translation outlasts a Try, and the client's are its own. */
static enum emu_outcome emulation_invlpg(void *ctx, gva_t gva)
{
	(void)ctx;
	(void)gva;
	return EMU_DONE;
}

const struct emu_ops emulation_ops = {
	.segment = emulation_segment,
	.translate = emulation_translate,
	.read = emulation_read,
	.write = emulation_write,
	.cmpxchg = emulation_cmpxchg,
	.in = emulation_in,
	.out = emulation_out,
	.port_check = NULL, /* done by the processor before the exit */
	.set_segment = emulation_set_segment,
	.table = emulation_table,
	.set_table = emulation_set_table,
	.set_cr0 = emulation_set_cr0,
	.invlpg = emulation_invlpg,
	.vector = emulation_vector,
	.set_vector = emulation_set_vector,
	.x87 = emulation_x87,
	.set_x87 = emulation_set_x87,
};
