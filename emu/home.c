/* SPDX-License-Identifier: MIT */
/*
 * The facts that a home of the emulator works out before it can execute: mode, CPL and features of
 * the processor, and the instruction at RIP.
 */
#include "emu/run.h"
#include "x86/exc.h"

enum emu_mode emu_mode_of(uint64_t cr0, uint64_t efer, uint64_t rflags, unsigned int cs_attributes)
{
	if (efer & EFER_LMA && cs_attributes & SEG_L)
		return EMU_LONG64;
	if (!(cr0 & CR0_PE))
		return EMU_REAL;
	if (rflags & RFLAGS_VM)
		return EMU_V86;
	return cs_attributes & SEG_DB ? EMU_PROT32 : EMU_PROT16;
}

uint8_t emu_cpl_of(enum emu_mode mode, unsigned int ss_attributes)
{
	if (mode == EMU_REAL)
		return 0;
	if (mode == EMU_V86)
		return 3;
	return (uint8_t)SEG_ATTR_DPL(ss_attributes);
}

/* ---- Features ---------------------------------------------------------------------------- */

/* CPUID leaf 0, EBX: the beginning of "GenuineIntel". */
#define VENDOR_INTEL 0x756e6547u

uint32_t emu_features_of(const struct x86_cpuid *leaf0, const struct x86_cpuid *leaf1,
			 const struct x86_cpuid *leaf7, const struct x86_cpuid *leaf81)
{
	const struct {
		uint32_t word, bit;
		enum emu_feature feature;
	} rows[] = {
		{ leaf1->ecx, CPUID1_ECX_SSE3, EMU_SSE3 },
		{ leaf1->ecx, CPUID1_ECX_SSSE3, EMU_SSSE3 },
		{ leaf1->ecx, CPUID1_ECX_SSE41, EMU_SSE4_1 },
		{ leaf1->ecx, CPUID1_ECX_SSE42, EMU_SSE4_2 },
		{ leaf1->ecx, CPUID1_ECX_CX16, EMU_CX16 },
		{ leaf1->ecx, CPUID1_ECX_MOVBE, EMU_MOVBE },
		{ leaf1->ecx, CPUID1_ECX_POPCNT, EMU_POPCNT },
		{ leaf1->ecx, CPUID1_ECX_AVX, EMU_AVX },
		{ leaf7->ebx, CPUID7_EBX_BMI1, EMU_BMI1 },
		{ leaf7->ebx, CPUID7_EBX_AVX2, EMU_AVX2 },
		{ leaf7->ebx, CPUID7_EBX_BMI2, EMU_BMI2 },
		{ leaf7->ebx, CPUID7_EBX_AVX512F, EMU_AVX512F },
		{ leaf7->ebx, CPUID7_EBX_AVX512DQ, EMU_AVX512DQ },
		{ leaf7->ebx, CPUID7_EBX_ADX, EMU_ADX },
		{ leaf7->ebx, CPUID7_EBX_CLFLUSHOPT, EMU_CLFLUSHOPT },
		{ leaf7->ebx, CPUID7_EBX_CLWB, EMU_CLWB },
		{ leaf7->ebx, CPUID7_EBX_AVX512BW, EMU_AVX512BW },
		{ leaf7->ebx, CPUID7_EBX_AVX512VL, EMU_AVX512VL },
		{ leaf7->ecx, CPUID7_ECX_MOVDIRI, EMU_MOVDIRI },
		{ leaf7->ecx, CPUID7_ECX_MOVDIR64B, EMU_MOVDIR64B },
		{ leaf81->ecx, CPUID81_ECX_LZCNT, EMU_LZCNT },
		{ leaf81->ecx, CPUID81_ECX_SSE4A, EMU_SSE4A },
	};
	uint32_t features = leaf0->ebx == VENDOR_INTEL ? 0 : EMU_HAS(EMU_AMD);

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].word & rows[i].bit)
			features |= EMU_HAS(rows[i].feature);
	return features;
}

/* ---- Fetch ------------------------------------------------------------------------------- */

/* Appends to the n_bytes that are there up to 8 more, at least one. */
static enum emu_outcome fetch_part(struct emu_run *run, uint8_t bytes[16], unsigned int *n_bytes)
{
	uint64_t offset = run->cpu->rip + *n_bytes, linear = offset, room = PAGE_SIZE;
	enum emu_outcome outcome;
	struct x86_segment cs;
	unsigned int n = 8;
	gpa_t gpa;

	if (run->cpu->mode != EMU_LONG64) {
		outcome = EMU_CALL(run, segment, SEG_CS, &cs);
		if (outcome != EMU_DONE)
			return outcome;
		offset &= 0xffffffff;
		linear = (cs.base + offset) & 0xffffffff;
		if (offset > cs.limit)
			return emu_fault(run, EXC_GP);
		room = cs.limit - offset + 1;
	} else if (!emu_is_canonical(run->cpu, linear)) {
		return emu_fault(run, EXC_GP);
	}
	if (room > PAGE_SIZE - PAGE_OFFSET(linear))
		room = PAGE_SIZE - PAGE_OFFSET(linear);
	while (n > room || n > 16 - *n_bytes)
		n /= 2;
	outcome = EMU_CALL(run, translate, GVA(linear), EMU_FETCH, &gpa, run->exception);
	if (outcome == EMU_DONE)
		outcome = EMU_CALL(run, read, gpa, n, 1, bytes + *n_bytes);
	if (outcome == EMU_DONE)
		*n_bytes += n;
	return outcome;
}

enum emu_outcome emu_fetch(const struct emu_cpu *cpu, const struct emu_ops *ops, void *ctx,
			   uint8_t bytes[16], unsigned int n_bytes, struct emu_insn *insn,
			   struct emu_exception *exception)
{
	struct emu_run run = { .cpu = cpu, .ops = ops, .ctx = ctx, .exception = exception };
	enum emu_outcome outcome = EMU_DONE;

	while (outcome == EMU_DONE) {
		switch (emu_decode(bytes, n_bytes, cpu->mode, insn)) {
		case EMU_DECODED: return EMU_DONE;
		case EMU_DECODE_MORE_BYTES: outcome = fetch_part(&run, bytes, &n_bytes); break;
		case EMU_DECODE_TOO_LONG: return emu_fault(&run, EXC_GP);
		case EMU_DECODE_INVALID: return emu_fault(&run, EXC_UD);
		default: return EMU_UNIMPLEMENTED;
		}
	}
	return outcome;
}
