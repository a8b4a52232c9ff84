/* SPDX-License-Identifier: MIT */
/*
 * One byte string judged: validity, length, memory operand and kinds of access of emu_decode() against
 * Zydis. Where they differ the difference must be of a kind in oracle_differences; how often binutils sides
 * with whom is counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emu/decode_oracle.h"
#include "tests/emu/oracle_newer.h"

#define MAX_COMPLAINTS 20
#define SECOND_SAMPLE \
	64 /* one in so many strings is shown to binutils, whether it differs or not */

static ZydisDecoder decoders[EMU_MODE_COUNT];

static const char *const mode_names[EMU_MODE_COUNT] = { "real", "v86", "prot16", "prot32",
							"long64" };

void oracle_init(void)
{
	static const struct {
		ZydisMachineMode mode;
		ZydisStackWidth width;
	} shapes[EMU_MODE_COUNT] = {
		{ ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
		{ ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
		{ ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16 },
		{ ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32 },
		{ ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64 },
	};

	/* Without MPX, which is gone, and CLDEMOTE these opcodes are NOP, as to us. */
	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++)
		if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoders[mode], shapes[mode].mode,
						   shapes[mode].width)) ||
		    !ZYAN_SUCCESS(ZydisDecoderEnableMode(&decoders[mode], ZYDIS_DECODER_MODE_MPX,
							 ZYAN_FALSE)) ||
		    !ZYAN_SUCCESS(ZydisDecoderEnableMode(&decoders[mode],
							 ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE)))
			abort();
	oracle_newer_init();
}

/* The memory operand that ours calls the memory operand: explicit, or of a string. */
static const ZydisDecodedOperand *memory_operand(const struct opinion *opinion)
{
	for (unsigned int i = 0; i < opinion->zydis.operand_count; i++)
		if (opinion->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return &opinion->operands[i];
	return NULL;
}

static bool is_explicit(const ZydisDecodedOperand *operand)
{
	return operand && operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
}

static void complain(const char *what, const struct opinion *opinion, struct tally *tally)
{
	char line[256];
	int n;

	if (tally->n_failures++ >= MAX_COMPLAINTS && !getenv("ALL"))
		return;
	n = snprintf(line, sizeof(line), "  %s: %s [", what, mode_names[opinion->mode]);
	for (unsigned int i = 0; i < EMU_MAX_INSN_BYTES; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%02x", i ? " " : "",
			      opinion->bytes[i]);
	printf("%s] ours %d map %u opcode %02x %s length %u, zydis %s (%s) length %u\n", line,
	       opinion->decoded, opinion->insn.map, opinion->insn.opcode,
	       emu_insn_name(&opinion->insn), opinion->insn.length,
	       opinion->zydis_is_legal ? ZydisMnemonicGetString(opinion->zydis.mnemonic)
				       : "(invalid)",
	       opinion->zydis_is_legal ? ZydisISASetGetString(opinion->zydis.meta.isa_set) : "",
	       opinion->zydis_is_legal ? opinion->zydis.length : 0);
	fflush(stdout);
}

static int register_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return -1;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return 16;
	return ZydisRegisterGetId(reg);
}

/* Where the operand lies. */
static void compare_address(const struct opinion *opinion, struct tally *tally)
{
	const struct emu_insn *insn = &opinion->insn;
	const ZydisDecodedOperandMem *memory = &opinion->memory->mem;
	uint64_t mask = ~0ull >> (64 - 8 * insn->address_size);
	uint64_t disp = insn->has_modrm ? (uint64_t)insn->disp : insn->imm;

	/* SIB base 101 with ModRM.mod 0 is no base. Zydis 4.0 takes it for R13D with 67 and REX.B. */
	if (opinion->mode == EMU_LONG64 && insn->address_size == 4 && insn->rex & 1 &&
	    insn->modrm >> 6 == 0 && (insn->modrm & 7) == 4 && (insn->sib & 7) == 5) {
		if (insn->base != -1)
			complain("no base", opinion, tally);
		return;
	}
	if (insn->base != register_number(memory->base))
		complain("base", opinion, tally);
	if (insn->index != register_number(memory->index))
		complain("index", opinion, tally);
	if (insn->index >= 0 && (1u << insn->scale) != (memory->scale ? memory->scale : 1))
		complain("scale", opinion, tally);
	if ((disp & mask) != ((uint64_t)memory->disp.value & mask))
		complain("displacement", opinion, tally);
	/* LEA has none to Zydis; 3E before an indirect branch is NOTRACK alone to it, and here DS too. */
	if (memory->type != ZYDIS_MEMOP_TYPE_AGEN &&
	    !(opinion->zydis.attributes & ZYDIS_ATTRIB_HAS_NOTRACK) &&
	    insn->segment != ZydisRegisterGetId(memory->segment))
		complain("segment", opinion, tally);
}

/* Instructions whose memory operand Zydis describes otherwise than by the bytes that we access. */
static bool has_other_size(const struct opinion *opinion)
{
	switch (opinion->zydis.mnemonic) {
	case ZYDIS_MNEMONIC_CLFLUSH: /* a cache line; to us the byte that is checked */
	case ZYDIS_MNEMONIC_CLFLUSHOPT:
	case ZYDIS_MNEMONIC_CLWB:
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_PREFETCHWT1: /* without a category of its own */
	case ZYDIS_MNEMONIC_SGDT:	 /* as large as the processor writes, whatever the mode */
	case ZYDIS_MNEMONIC_SIDT:
	case ZYDIS_MNEMONIC_LGDT:
	case ZYDIS_MNEMONIC_LIDT:
	case ZYDIS_MNEMONIC_INVLPG: return true;
	default: return opinion->zydis.meta.category == ZYDIS_CATEGORY_PREFETCH;
	}
}

static unsigned int operand_bytes(unsigned int operand, unsigned int main)
{
	switch (operand & WIDE_MASK) {
	case WIDE_PAIR: return 0;
	case WIDE_P: return main + 2;
	default: return emu_wide_bytes(operand, main);
	}
}

static void compare_access(const struct opinion *opinion, struct tally *tally)
{
	const struct emu_insn *insn = &opinion->insn;
	const ZydisDecodedOperand *memory = opinion->memory;
	bool reads = memory->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	bool writes = memory->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	unsigned int main = insn->operand_size, bytes_of = 0;

	if (has_other_size(opinion))
		return;
	if (insn->is_memory && (insn->reads_memory != reads || insn->writes_memory != writes))
		complain("access", opinion, tally);
	for (unsigned int i = 0; i < EMU_ROW_OPERANDS; i++)
		if (insn->row->operand[i] & (OPD_RM | OPD_STRING))
			bytes_of = operand_bytes(insn->row->operand[i], main);
	if (bytes_of && bytes_of * 8u != memory->size)
		complain("operand size", opinion, tally);
}

/* The CPUID bit that the row asks for. Those of EVEX and opmasks depend on more than the row. */
static void compare_feature(const struct opinion *opinion, struct tally *tally)
{
	static const uint8_t features[ZYDIS_ISA_SET_MAX_VALUE + 1] = {
		[ZYDIS_ISA_SET_SSE3] = EMU_SSE3,     [ZYDIS_ISA_SET_SSE3X87] = EMU_SSE3,
		[ZYDIS_ISA_SET_SSSE3] = EMU_SSSE3,   [ZYDIS_ISA_SET_SSE4] = EMU_SSE4_1,
		[ZYDIS_ISA_SET_SSE42] = EMU_SSE4_2,  [ZYDIS_ISA_SET_SSE4A] = EMU_SSE4A,
		[ZYDIS_ISA_SET_AVX] = EMU_AVX,	     [ZYDIS_ISA_SET_AVX2] = EMU_AVX2,
		[ZYDIS_ISA_SET_MOVBE] = EMU_MOVBE,   [ZYDIS_ISA_SET_POPCNT] = EMU_POPCNT,
		[ZYDIS_ISA_SET_BMI1] = EMU_BMI1,     [ZYDIS_ISA_SET_BMI2] = EMU_BMI2,
		[ZYDIS_ISA_SET_ADOX_ADCX] = EMU_ADX, [ZYDIS_ISA_SET_CLFLUSHOPT] = EMU_CLFLUSHOPT,
		[ZYDIS_ISA_SET_CLWB] = EMU_CLWB,
	};
	unsigned int want = features[opinion->zydis.meta.isa_set];

	if (opinion->insn.encoding == EMU_EVEX ||
	    strstr(ZydisISASetGetString(opinion->zydis.meta.isa_set), "_KOP"))
		return;
	switch (opinion->zydis.mnemonic) {
	case ZYDIS_MNEMONIC_MOVDIRI: want = EMU_MOVDIRI; break;
	case ZYDIS_MNEMONIC_MOVDIR64B: want = EMU_MOVDIR64B; break;
	case ZYDIS_MNEMONIC_TZCNT: want = EMU_BASE; break; /* BSF without it */
	default: break;
	}
	/* Of rows of AVX whose YMM form is AVX2 the meaning asks. */
	if (want == EMU_AVX2 && opinion->insn.vector_length == 32)
		return;
	if (opinion->insn.row->feature != want)
		complain("feature", opinion, tally);
}

static void compare_operands(struct opinion *opinion, struct tally *tally)
{
	const struct emu_insn *insn = &opinion->insn;
	const ZydisDecodedOperand *memory = opinion->memory;

	if (memory && insn->address_size != opinion->zydis.address_width / 8)
		complain("address size", opinion, tally);
	if (insn->is_memory != (is_explicit(memory) && !insn->is_string))
		complain("is there a memory operand", opinion, tally);
	if (!memory)
		return;
	if (insn->is_memory)
		compare_address(opinion, tally);
	if (opinion->decoded != EMU_DECODED)
		return;
	compare_feature(opinion, tally);
	if (insn->is_memory || insn->is_string)
		compare_access(opinion, tally);
	if (!insn->is_string)
		return;
	for (unsigned int i = 0; i < opinion->zydis.operand_count; i++)
		if (opinion->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    ZydisRegisterGetId(opinion->operands[i].mem.base) == 6)
			memory = &opinion->operands[i];
	if (insn->segment != ZydisRegisterGetId(memory->mem.segment))
		complain("segment of a string", opinion, tally);
}

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* The number of the kind of difference, or oracle_n_differences. */
static unsigned int classify(const struct opinion *opinion)
{
	unsigned int i;

	for (i = 0; i < oracle_n_differences; i++) {
		const struct difference *difference = &oracle_differences[i];

		switch (difference->by) {
		case BY_ISA:
			if (opinion->zydis_is_legal &&
			    begins_with(ZydisISASetGetString(opinion->zydis.meta.isa_set),
					difference->text))
				return i;
			break;
		case BY_MNEMONIC:
			if (opinion->zydis_is_legal &&
			    !strcmp(ZydisMnemonicGetString(opinion->zydis.mnemonic),
				    difference->text))
				return i;
			break;
		case BY_FACT:
			if (difference->is_it(opinion))
				return i;
			break;
		}
	}
	return i;
}

static void differ(const struct opinion *opinion, bool has_memory, struct tally *tally)
{
	unsigned int i = classify(opinion);

	if (i == oracle_n_differences) {
		complain(opinion->is_legal == opinion->zydis_is_legal ? "length" : "validity",
			 opinion, tally);
		return;
	}
	tally->of_difference[i].n++;
	if (has_memory)
		tally->of_difference[i].n_memory++;
	if (opinion->is_legal) {
		if (oracle_second(opinion, opinion->insn.length) == SECOND_AGREES)
			tally->of_difference[i].n_second_ours++;
		else
			tally->of_difference[i].n_second_zydis++;
	} else if (opinion->zydis_is_legal) {
		if (oracle_second(opinion, opinion->zydis.length) == SECOND_AGREES)
			tally->of_difference[i].n_second_zydis++;
		else
			tally->of_difference[i].n_second_ours++;
	}
}

/*
 * What binutils takes for no instruction, and the two agree on: SALC, MPX without memory or with prefixes,
 * PREFETCH of a register, WBINVD, FWAIT, BSF and AMD's RDPRU with prefixes that they ignore.
 */
static bool is_unknown_to_second(const struct opinion *opinion)
{
	switch (opinion->zydis.mnemonic) {
	case ZYDIS_MNEMONIC_SALC:
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_WBINVD:
	case ZYDIS_MNEMONIC_LFENCE:
	case ZYDIS_MNEMONIC_MFENCE:
	case ZYDIS_MNEMONIC_SFENCE:
	case ZYDIS_MNEMONIC_BSF:
	case ZYDIS_MNEMONIC_BSR:
	case ZYDIS_MNEMONIC_RDPRU:
	case ZYDIS_MNEMONIC_FWAIT: return true;
	default: break;
	}
	/* Near branches in 64-bit mode: binutils has them as AMD's. */
	if (opinion->mode == EMU_LONG64 && opinion->insn.prefixes & EMU_PREFIX_66 &&
	    (opinion->zydis.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE))
		return true;
	/* Aliases that the manuals leave out. */
	if (!opinion->insn.is_memory && opinion->zydis.meta.isa_set == ZYDIS_ISA_SET_X87)
		return true;
	/* Opmasks in registers with VEX.B = 0, which does not matter to us and Zydis. */
	return strstr(ZydisISASetGetString(opinion->zydis.meta.isa_set), "_KOP") &&
	       !opinion->insn.is_memory;
}

void oracle_compare(enum emu_mode mode, const uint8_t *bytes, struct tally *tally)
{
	static struct opinion opinion; /* large */
	bool has_memory;

	opinion.mode = mode;
	opinion.bytes = bytes;
	opinion.memory = NULL;
	opinion.decoded = emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &opinion.insn);
	opinion.is_legal =
		opinion.decoded != EMU_DECODE_INVALID && opinion.decoded != EMU_DECODE_TOO_LONG;
	opinion.zydis_is_legal = ZYAN_SUCCESS(ZydisDecoderDecodeFull(
		&decoders[mode], bytes, EMU_MAX_INSN_BYTES, &opinion.zydis, opinion.operands));
	if (opinion.zydis_is_legal)
		opinion.memory = memory_operand(&opinion);
	has_memory = (opinion.is_legal && opinion.insn.is_memory) || is_explicit(opinion.memory);

	tally->n_compared++;
	tally->n_decoded += opinion.decoded == EMU_DECODED;
	tally->n_memory += has_memory;
	if (opinion.is_legal != opinion.zydis_is_legal ||
	    (opinion.is_legal && opinion.insn.length != opinion.zydis.length)) {
		differ(&opinion, has_memory, tally);
		return;
	}
	if (!opinion.is_legal)
		return;
	compare_operands(&opinion, tally);
	if (tally->n_compared % SECOND_SAMPLE == 0 && !is_unknown_to_second(&opinion)) {
		tally->n_second++;
		if (oracle_second(&opinion, opinion.insn.length) != SECOND_AGREES)
			complain("binutils alone", &opinion, tally);
	}
}

static bool is_system_form(const struct opinion *opinion)
{
	const struct emu_insn *insn = &opinion->insn;

	if (!opinion->is_legal || insn->encoding != EMU_LEGACY || insn->map != EMU_MAP_0F ||
	    insn->is_memory)
		return false;
	switch (insn->opcode) {
	case 0x01:
	case 0x07: /* SYSRET */
	case 0x34: /* SYSENTER, SYSEXIT, GETSEC */
	case 0x35:
	case 0x37:
	case 0xae: return true;
	default: return false;
	}
}

/* Does Zydis take the VEX or EVEX instruction with these bits of the third byte inverted? */
static bool is_legal_without(const struct opinion *opinion, unsigned int bits)
{
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	unsigned int at = 0;
	ZydisDecodedInstruction insn;

	memcpy(bytes, opinion->bytes, sizeof(bytes));
	while (bytes[at] != 0xc4 && bytes[at] != 0x62)
		if (++at == EMU_MAX_INSN_BYTES - 2)
			return false;
	bytes[at + 2] ^= (uint8_t)bits;
	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoders[opinion->mode], NULL, bytes,
							  sizeof(bytes), &insn)) &&
	       insn.length == opinion->insn.length;
}

static bool is_vvvv_legacy(const struct opinion *opinion)
{
	return opinion->is_legal && opinion->mode != EMU_LONG64 &&
	       opinion->insn.encoding != EMU_LEGACY && is_legal_without(opinion, 0x40);
}

/* VCVTSI2SS and its like. */
static bool is_w_legacy(const struct opinion *opinion)
{
	unsigned int opcode = opinion->insn.opcode;

	return opinion->is_legal && opinion->mode != EMU_LONG64 &&
	       opinion->insn.encoding == EMU_EVEX &&
	       (opcode == 0x2a || opcode == 0x2c || opcode == 0x2d || opcode == 0x78 ||
		opcode == 0x79 || opcode == 0x7b) &&
	       is_legal_without(opinion, 0x80);
}

static bool is_newer(const struct opinion *opinion)
{
	return opinion->is_legal && !opinion->zydis_is_legal && oracle_is_newer(&opinion->insn);
}

/* Zydis 4.1 compares the tiles of the other products alone. */
static bool is_equal_tiles(const struct opinion *opinion)
{
	const ZydisDecodedOperand *o = opinion->operands;

	return !opinion->is_legal && opinion->zydis_is_legal &&
	       !strcmp(ZydisMnemonicGetString(opinion->zydis.mnemonic), "tdpfp16ps") &&
	       (o[0].reg.value == o[1].reg.value || o[0].reg.value == o[2].reg.value ||
		o[1].reg.value == o[2].reg.value);
}

const struct difference oracle_differences[] = {
	{ BY_ISA, "AMD3DNOW", NULL, "3DNow! is gone" },
	{ BY_ISA, "XOP", NULL, "XOP, of AMD's Bulldozer alone" },
	{ BY_ISA, "LWP", NULL, "XOP encoded, of AMD's Bulldozer alone" },
	{ BY_ISA, "TBM", NULL, "XOP encoded, of AMD's Bulldozer alone" },
	{ BY_ISA, "FMA4", NULL, "of AMD's Bulldozer alone" },
	{ BY_ISA, "PADLOCK", NULL, "VIA's" },
	{ BY_ISA, "KNC", NULL, "Knights Corner's" },
	{ BY_ISA, "AVX512ER", NULL, "of Xeon Phi alone" },
	{ BY_ISA, "AVX512PF", NULL, "of Xeon Phi alone" },
	{ BY_ISA, "AVX512_4FMAPS", NULL, "of Xeon Phi alone" },
	{ BY_ISA, "AVX512_4VNNIW", NULL, "of Xeon Phi alone" },
	{ BY_ISA, "UINTR", NULL, "SENDUIPI, no operand in memory" },
	{ BY_ISA, "PCOMMIT", NULL, "withdrawn before a processor had it" },
	{ BY_MNEMONIC, "ud0", NULL, "to us #UD as to the processor" },
	{ BY_MNEMONIC, "ud1", NULL, "to us #UD as to the processor" },
	{ BY_MNEMONIC, "ud2", NULL, "to us #UD as to the processor" },
	{ BY_MNEMONIC, "vmread", NULL, "not recognised in real mode whatever the prefixes" },
	{ BY_MNEMONIC, "vmwrite", NULL, "not recognised in real mode whatever the prefixes" },
	{ BY_FACT, "newer than this Zydis", is_newer,
	  "oracle_newer[], each as long as it is unknown" },
	{ BY_FACT, "TDPFP16PS of equal tiles", is_equal_tiles,
	  "#UD as for the other products of tiles" },
	{ BY_FACT, "registers of system groups", is_system_form,
	  "no access: whether #UD or #GP(0) in real mode, or another prefix, is not judged" },
	{ BY_FACT, "VEX.vvvv", is_vvvv_legacy, "outside 64-bit mode its bit 3 is ignored" },
	{ BY_FACT, "EVEX.W of conversions", is_w_legacy, "outside 64-bit mode it is ignored" },
};

const unsigned int oracle_n_differences =
	sizeof(oracle_differences) / sizeof(oracle_differences[0]);
