/* SPDX-License-Identifier: MIT */
/*
 * Addresses: from operands to an offset in a segment, and from there to a linear address with the
 * checks of SDM 3A "Protection" in the processor's order: canonical or limit, type, alignment. The
 * caller, who translates, checks the rights of pages.
 */
#include "emu/run.h"
#include "x86/cr.h"
#include "x86/exc.h"

void emu_set_exception(struct emu_run *run, unsigned int vector)
{
	*run->exception = (struct emu_exception) {
		.vector = (uint8_t)vector,
		.has_error_code =
			run->cpu->mode != EMU_REAL && ((EXC_HAS_ERROR_CODE >> vector) & 1),
	};
}

static bool is_within_limit(const struct x86_segment *segment, uint64_t first, uint64_t last,
			    bool is_expanddown)
{
	if (is_expanddown) {
		uint64_t top = segment->attributes & SEG_DB ? 0xffffffff : 0xffff;

		return first > segment->limit && last <= top;
	}
	return last <= segment->limit;
}

/* The checks of a segment that is in the register; in real and virtual-8086 mode only the limit. */
static bool is_segment_ok(const struct emu_run *run, const struct x86_segment *segment,
			  uint64_t offset, unsigned int n_bytes, unsigned int access)
{
	unsigned int attributes = segment->attributes;
	uint64_t last = offset + n_bytes - 1;
	bool is_code = attributes & SEG_TYPE_CODE;

	if (run->cpu->mode == EMU_REAL || run->cpu->mode == EMU_V86)
		return is_within_limit(segment, offset, last, false);
	if (!(attributes & SEG_P) || !(attributes & SEG_S))
		return false;
	if (access & EMU_WRITE && (is_code || !(attributes & SEG_TYPE_WRITABLE)))
		return false;
	if (access & EMU_READ && is_code && !(attributes & SEG_TYPE_READABLE) &&
	    !(access & EMU_EXECUTABLE))
		return false;
	return is_within_limit(segment, offset, last, !is_code && attributes & SEG_TYPE_EXPANDDOWN);
}

/*
 * The linear address of `n_bytes` at seg:offset, all checks but those of paging done. `alignment`
 * is the size of one element, with EMU_ALIGNED if it must be kept. EMU_EXCEPTION: #GP(0), #SS(0)
 * for SS, #AC(0).
 */
enum emu_outcome emu_linear(struct emu_run *run, unsigned int seg, uint64_t offset,
			    unsigned int n_bytes, unsigned int alignment, unsigned int access,
			    uint64_t *linear)
{
	const struct emu_cpu *cpu = run->cpu;
	unsigned int vector = seg == SEG_SS ? EXC_SS : EXC_GP;
	struct x86_segment segment;
	enum emu_outcome outcome;
	uint64_t address = offset;

	if (cpu->mode != EMU_LONG64 || seg >= SEG_FS) {
		outcome = EMU_CALL(run, segment, (enum x86_seg)seg, &segment);
		if (outcome != EMU_DONE)
			return outcome;
		address += segment.base;
	}
	if (cpu->mode == EMU_LONG64) {
		if (!emu_is_canonical(cpu, address) ||
		    !emu_is_canonical(cpu, address + n_bytes - 1))
			return emu_fault(run, vector);
	} else {
		if (!is_segment_ok(run, &segment, offset, n_bytes, access))
			return emu_fault(run, vector);
		address &= 0xffffffff;
	}
	if (address & ((alignment & ~EMU_ALIGNED) - 1)) {
		if (alignment & EMU_ALIGNED)
			return emu_fault(run, EXC_GP);
		if (cpu->cpl == 3 && cpu->rflags & RFLAGS_AC && cpu->cr0 & CR0_AM &&
		    !(access & EMU_IMPLICIT))
			return emu_fault(run, EXC_AC);
	}
	*linear = address;
	return EMU_DONE;
}
