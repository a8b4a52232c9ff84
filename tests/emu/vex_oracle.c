/* SPDX-License-Identifier: MIT */
/*
 * emu_decode() of VEX and EVEX against libzydis, systematically: every map, mandatory prefix, opcode, W
 * and L with every ModRM.reg and kind of r/m; then, for each opcode that either side knows, the bits of
 * the prefix against each other. Compared are validity, length, whether memory is touched, the memory
 * operand, registers, vector length, mask, broadcast and immediate. What differs and why stands in
 * differences[] and, of instructions that this Zydis does not know, in oracle_newer[]; a class that no
 * longer occurs is a failure too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "emu/row.h"
#include "tests/check.h"
#include "tests/emu/oracle_newer.h"

struct oracle {
	bool is_valid;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* A prefix in parts, not inverted, and what follows it. */
struct code {
	uint8_t lead[2]; /* legacy prefixes, 0 none */
	bool is_evex;
	bool is_short;			  /* C5 */
	unsigned int map, prefix, opcode; /* map with the reserved bit of EVEX */
	unsigned int w, length;
	unsigned int vvvv; /* 5 bits with EVEX */
	unsigned int rxb;  /* R X B as in REX */
	unsigned int high; /* R' */
	unsigned int b, z, aaa;
	unsigned int modrm, sib;
};

static ZydisDecoder decoders[EMU_MODE_COUNT];
static unsigned long n_compared, n_legal, n_invalid;

static const char *const mode_names[EMU_MODE_COUNT] = { "real", "v86", "prot16", "prot32",
							"long64" };

static void init_decoder(enum emu_mode mode)
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

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoders[mode], shapes[mode].mode, shapes[mode].width)))
		abort();
}

/* What differs, and why ours is right. */
struct difference {
	const char *why;
	bool (*holds)(enum emu_mode mode, const struct code *code, const struct emu_insn *insn,
		      bool is_legal, const struct oracle *oracle);
	unsigned long n;
	uint8_t sample[5]; /* if any: it occurs if Zydis takes this in 64-bit mode */
};

static bool is_knc(enum emu_mode mode, const struct code *code, const struct emu_insn *insn,
		   bool is_legal, const struct oracle *oracle)
{
	(void)mode, (void)code, (void)insn;
	return !is_legal && oracle->is_valid &&
	       (oracle->insn.meta.isa_ext == ZYDIS_ISA_EXT_KNC ||
		oracle->insn.meta.isa_ext == ZYDIS_ISA_EXT_KNCE ||
		oracle->insn.meta.isa_ext == ZYDIS_ISA_EXT_KNCV);
}

static bool is_amd(enum emu_mode mode, const struct code *code, const struct emu_insn *insn,
		   bool is_legal, const struct oracle *oracle)
{
	(void)mode, (void)code, (void)insn;
	return !is_legal && oracle->is_valid &&
	       (oracle->insn.meta.isa_ext == ZYDIS_ISA_EXT_FMA4 ||
		oracle->insn.meta.isa_ext == ZYDIS_ISA_EXT_XOP);
}

static bool is_phi(enum emu_mode mode, const struct code *code, const struct emu_insn *insn,
		   bool is_legal, const struct oracle *oracle)
{
	static const char *const sets[] = { "AVX512ER_", "AVX512PF_", "AVX512_4" };

	(void)mode, (void)code, (void)insn;
	if (is_legal || !oracle->is_valid)
		return false;
	for (unsigned int i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (!strncmp(ZydisISASetGetString(oracle->insn.meta.isa_set), sets[i],
			     strlen(sets[i])))
			return true;
	return false;
}

static bool is_w_ignored(enum emu_mode mode, const struct code *code, const struct emu_insn *insn,
			 bool is_legal, const struct oracle *oracle)
{
	static const uint8_t opcodes[] = { 0x2a, 0x2c, 0x2d, 0x78, 0x79, 0x7b };

	(void)insn;
	return mode != EMU_LONG64 && is_legal && !oracle->is_valid && code->is_evex && code->w &&
	       (code->map == 5 || (code->map == 1 && code->b)) &&
	       memchr(opcodes, (int)code->opcode, sizeof(opcodes));
}

static bool is_equal_tiles(enum emu_mode mode, const struct code *code, const struct emu_insn *insn,
			   bool is_legal, const struct oracle *oracle)
{
	const ZydisDecodedOperand *o = oracle->operands;

	(void)mode, (void)code, (void)insn;
	return !is_legal && oracle->is_valid &&
	       !strcmp(ZydisMnemonicGetString(oracle->insn.mnemonic), "tdpfp16ps") &&
	       (o[0].reg.value == o[1].reg.value || o[0].reg.value == o[2].reg.value ||
		o[1].reg.value == o[2].reg.value);
}

static struct difference differences[] = {
	{ "Knights Corner's own VEX opcodes, which no other processor has", is_knc, 0, { 0 } },
	{ "FMA4 and XOP, AMD's", is_amd, 0, { 0 } },
	{ "AVX-512 ER, PF, 4FMAPS, 4VNNIW, which were Xeon Phi's alone", is_phi, 0, { 0 } },
	{ "conversions of general registers: W is ignored outside 64-bit mode, as SDM 2 says of "
	  "VCVTSI2SH and its like",
	  is_w_ignored,
	  0,
	  { 0 } },
	{ "TDPFP16PS of equal tiles, which is #UD as for the other products of tiles",
	  is_equal_tiles,
	  0,
	  { 0xc4, 0xe2, 0x7b, 0x5c, 0xc0 } },
};

static void complain(const char *what, enum emu_mode mode, const struct code *code,
		     const uint8_t *bytes, enum emu_decoded decoded, const struct emu_insn *insn,
		     bool is_legal, const struct oracle *oracle)
{
	if (is_legal && !oracle->is_valid && oracle_is_newer(insn))
		return;
	for (unsigned int i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		if (differences[i].holds(mode, code, insn, is_legal, oracle)) {
			differences[i].n++;
			return;
		}
	}
	if (!check_fail(__FILE__, __LINE__) && !getenv("ALL"))
		return;
	printf("%s: %s [", what, mode_names[mode]);
	for (unsigned int i = 0; i < EMU_MAX_INSN_BYTES; i++)
		printf("%s%02x", i ? " " : "", bytes[i]);
	printf("] ours %d length %u, zydis %s length %u\n", decoded, insn->length,
	       oracle->is_valid ? ZydisMnemonicGetString(oracle->insn.mnemonic) : "(invalid)",
	       oracle->is_valid ? oracle->insn.length : 0);
}

static int register_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return -1;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return 16;
	return ZydisRegisterGetId(reg);
}

static int segment_number(ZydisRegister reg)
{
	switch (reg) {
	case ZYDIS_REGISTER_ES: return SEG_ES;
	case ZYDIS_REGISTER_CS: return SEG_CS;
	case ZYDIS_REGISTER_SS: return SEG_SS;
	case ZYDIS_REGISTER_DS: return SEG_DS;
	case ZYDIS_REGISTER_FS: return SEG_FS;
	case ZYDIS_REGISTER_GS: return SEG_GS;
	default: return -1;
	}
}

static const ZydisDecodedOperand *memory_of(const struct oracle *oracle)
{
	for (unsigned int i = 0; i < oracle->insn.operand_count; i++)
		if (oracle->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return &oracle->operands[i];
	return NULL;
}

/* What of a legal instruction's memory operand differs, or NULL. */
static const char *compare_memory(enum emu_decoded decoded, const struct emu_insn *insn,
				  const struct oracle *oracle)
{
	const ZydisDecodedOperand *memory = memory_of(oracle);
	ZydisRegister base, index;
	int segment;

	if (!memory)
		return decoded != EMU_DECODE_NO_ACCESS || insn->is_memory ? "memory" : NULL;
	if (decoded == EMU_DECODE_NO_ACCESS)
		return "no memory";
	base = memory->mem.base;
	index = memory->mem.index;
	segment = segment_number(memory->mem.segment);
	/* VMASKMOVDQU: rDI, which ModRM does not name. */
	if (!insn->is_memory)
		return insn->opcode == 0xf7 && insn->map == EMU_MAP_0F ? NULL : "is memory";
	if (insn->base != register_number(base))
		return "base";
	if (insn->index != register_number(index))
		return "index";
	if (insn->index >= 0 && 1u << insn->scale != memory->mem.scale)
		return "scale";
	if (insn->disp != memory->mem.disp.value)
		return "displacement";
	if (insn->segment != segment)
		return "segment";
	return NULL;
}

/* What of the rest of a legal instruction differs, or NULL. */
static const char *compare_fields(enum emu_mode mode, const struct code *code,
				  const struct emu_insn *insn, const struct oracle *oracle)
{
	const ZydisDecodedInstruction *zydis = &oracle->insn;

	for (unsigned int i = 0; i < zydis->operand_count; i++) {
		const ZydisDecodedOperand *operand = &oracle->operands[i];

		if (operand->encoding == ZYDIS_OPERAND_ENCODING_UIMM8 &&
		    insn->imm != operand->imm.value.u)
			return "immediate";
		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		if (operand->encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG &&
		    insn->reg != ZydisRegisterGetId(operand->reg.value))
			return "reg";
		if (operand->encoding == ZYDIS_OPERAND_ENCODING_NDSNDD &&
		    insn->vvvv != ZydisRegisterGetId(operand->reg.value))
			return "vvvv";
		if (operand->encoding == ZYDIS_OPERAND_ENCODING_IS4 &&
		    (mode == EMU_LONG64 ? insn->imm >> 4 : insn->imm >> 4 & 7) !=
			    (uint64_t)ZydisRegisterGetId(operand->reg.value))
			return "is4";
	}
	if (zydis->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) {
		if (insn->encoding != EMU_EVEX)
			return "encoding";
		if (insn->mask !=
		    (zydis->avx.mask.reg ? ZydisRegisterGetId(zydis->avx.mask.reg) : 0))
			return "mask";
		if (insn->is_memory && insn->is_broadcast != (zydis->avx.broadcast.mode &&
							      !zydis->avx.broadcast.is_static))
			return "broadcast";
	}
	if (insn->address_size != zydis->address_width / 8)
		return "address size";
	/* Of a scalar, Zydis says 128 whatever L is. */
	if (zydis->avx.vector_length &&
	    !(zydis->avx.vector_length == 128 && (code->length || code->b)) &&
	    insn->vector_length != zydis->avx.vector_length / 8)
		return "vector length";
	return NULL;
}

/* Every byte counts: with fewer there is no answer yet, and more do not matter. */
static void compare_short(enum emu_mode mode, const uint8_t *bytes, const struct emu_insn *insn,
			  enum emu_decoded decoded)
{
	struct emu_insn again;

	for (unsigned int n = 0; n < insn->length; n++)
		CHECK_EQ(emu_decode(bytes, n, mode, &again), EMU_DECODE_MORE_BYTES);
	CHECK_EQ(emu_decode(bytes, insn->length, mode, &again), decoded);
	CHECK(!memcmp(insn, &again, sizeof(again)));
}

/* Which rows were found, by encoding: a row of VEX can serve both. */
#define MAX_ROWS 512
static const struct emu_row *const tables[3] = { emu_rows_bmi, emu_rows_vex, emu_rows_evex };
static bool is_row_reached[3][MAX_ROWS][2];

static unsigned int count_rows(unsigned int table)
{
	const unsigned int n_rows[3] = { emu_n_rows_bmi, emu_n_rows_vex, emu_n_rows_evex };

	return n_rows[table] < MAX_ROWS ? n_rows[table] : MAX_ROWS;
}

static void note_row(const struct emu_insn *insn)
{
	unsigned int is_evex = insn->encoding == EMU_EVEX;

	for (unsigned int table = 0; table < 3; table++)
		for (unsigned int i = 0; i < count_rows(table); i++)
			if (&tables[table][i] == insn->row)
				is_row_reached[table][i][is_evex] = true;
}

static bool compare(enum emu_mode mode, const struct code *code, const uint8_t *bytes)
{
	struct emu_insn insn;
	struct oracle oracle;
	const char *what = NULL;
	enum emu_decoded decoded = emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &insn);
	bool is_legal = decoded == EMU_DECODED || decoded == EMU_DECODE_UNIMPLEMENTED ||
			decoded == EMU_DECODE_NO_ACCESS;

	oracle.is_valid = ZYAN_SUCCESS(ZydisDecoderDecodeFull(
		&decoders[mode], bytes, EMU_MAX_INSN_BYTES, &oracle.insn, oracle.operands));
	n_compared++;
	if (is_legal != oracle.is_valid) {
		what = "validity";
	} else if (is_legal) {
		if (n_legal++ % 64 == 0)
			compare_short(mode, bytes, &insn, decoded);
		if (n_legal % 64 < 8 && decoded == EMU_DECODED)
			note_row(&insn);
		if (insn.length != oracle.insn.length)
			what = "length";
		else
			what = compare_memory(decoded, &insn, &oracle);
		if (!what)
			what = compare_fields(mode, code, &insn, &oracle);
	} else {
		n_invalid++;
	}
	if (what)
		complain(what, mode, code, bytes, decoded, &insn, is_legal, &oracle);
	return is_legal || oracle.is_valid;
}

/* Behind the opcode come SIB, displacement and immediate; all bytes of them differ. */
static bool compare_code(enum emu_mode mode, const struct code *code)
{
	uint8_t bytes[EMU_MAX_INSN_BYTES] = { 0 };
	unsigned int n = 0;

	for (unsigned int i = 0; i < sizeof(code->lead); i++)
		if (code->lead[i])
			bytes[n++] = code->lead[i];
	if (code->is_evex) {
		bytes[n++] = 0x62;
		bytes[n++] = (uint8_t)((~code->rxb & 7) << 5 | (~code->high & 1) << 4 | code->map);
		bytes[n++] = (uint8_t)(code->w << 7 | (~code->vvvv & 15) << 3 | 4 | code->prefix);
		bytes[n++] = (uint8_t)(code->z << 7 | code->length << 5 | code->b << 4 |
				       (~code->vvvv & 16) >> 1 | code->aaa);
	} else if (code->is_short) {
		bytes[n++] = 0xc5;
		bytes[n++] = (uint8_t)((~code->rxb & 4) << 5 | (~code->vvvv & 15) << 3 |
				       code->length << 2 | code->prefix);
	} else {
		bytes[n++] = 0xc4;
		bytes[n++] = (uint8_t)((~code->rxb & 7) << 5 | code->map);
		bytes[n++] = (uint8_t)(code->w << 7 | (~code->vvvv & 15) << 3 | code->length << 2 |
				       code->prefix);
	}
	bytes[n++] = (uint8_t)code->opcode;
	bytes[n++] = (uint8_t)code->modrm;
	if (code->modrm < 0xc0 && (code->modrm & 7) == 4)
		bytes[n++] = (uint8_t)code->sib;
	for (unsigned int value = 0x9a; n < EMU_MAX_INSN_BYTES; value += 0x11)
		bytes[n++] = (uint8_t)value;
	return compare(mode, code, bytes);
}

/* Prefix bits that are orthogonal to which instruction it is: registers, masking, length. */
static void cross_registers(enum emu_mode mode, struct code code)
{
	static const uint8_t modrms[] = { 0x01, 0x44, 0x83, 0xc0, 0xc5 };
	static const uint8_t sibs[] = { 0x20, 0x6b, 0xbd };
	unsigned int n_extensions = mode == EMU_LONG64 ? 8 : 2;
	unsigned int n_vvvv = code.is_evex ? 32 : 16;

	for (unsigned int i = 0; i < sizeof(modrms); i++) {
		for (unsigned int s = 0; s < ((modrms[i] & 7) == 4 ? sizeof(sibs) : 1); s++) {
			code.sib = sibs[s];
			for (unsigned int reg = 0; reg < 8; reg += 1 + (reg & 1)) {
				code.modrm = modrms[i] | reg << 3;
				for (code.rxb = 0; code.rxb < n_extensions; code.rxb++)
					for (code.vvvv = 0; code.vvvv < n_vvvv; code.vvvv++)
						for (code.high = 0;
						     code.high < (code.is_evex ? 2 : 1);
						     code.high++)
							compare_code(mode, &code);
			}
		}
	}
}

static void cross_masking(enum emu_mode mode, struct code code)
{
	static const uint8_t modrms[] = { 0x05, 0x40, 0x44, 0x93, 0xc2 };

	code.sib = 0x5c;
	code.rxb = 0;
	code.high = 0;
	for (unsigned int i = 0; i < sizeof(modrms) * 8; i++) {
		code.modrm = modrms[i / 8] | (i & 7) << 3;
		for (unsigned int bits = 0; bits < 64; bits++) {
			code.b = bits & 1;
			code.z = bits >> 1 & 1;
			code.length = bits >> 2 & 3;
			code.aaa = (bits >> 4) * 2 + (bits >> 5);
			for (code.vvvv = 0; code.vvvv < 8; code.vvvv += 7)
				compare_code(mode, &code);
		}
	}
}

/* Every W, L, ModRM.reg and kind of r/m of an opcode; the crosses if it is one. */
static void compare_opcode(enum emu_mode mode, struct code code)
{
	static const uint8_t modrms[] = { 0x00, 0x44, 0xc0, 0xc1, 0xc4 };
	unsigned int n_lengths = code.is_evex ? 4 : 2;

	for (code.w = 0; code.w < 2; code.w++) {
		unsigned int known = 0, last = 0;

		for (code.length = 0; code.length < n_lengths; code.length++) {
			bool is_known = false;

			for (unsigned int i = 0; i < sizeof(modrms) * 8; i++) {
				code.modrm = modrms[i / 8] | (i & 7) << 3;
				code.sib = 0x61;
				for (unsigned int v = 0; v < 6; v++) {
					code.vvvv = v >> 1 == 1 ? 2 : v >> 1 == 2 ? 5 : 0;
					code.aaa = code.is_evex ? v & 1 : 0;
					is_known |= compare_code(mode, &code);
				}
			}
			if (is_known) {
				known++;
				last = code.length;
			}
		}
		if (!known)
			continue;
		code.length = last;
		for (code.aaa = 0; code.aaa < (code.is_evex ? 2 : 1); code.aaa++)
			cross_registers(mode, code);
		code.aaa = 0;
		if (code.is_evex)
			cross_masking(mode, code);
	}
}

static void compare_encoding(bool is_evex)
{
	/* All maps, those that do not exist and EVEX's reserved bit among them. */
	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		for (unsigned int map = 0; map < (is_evex ? 16 : 32); map++) {
			for (unsigned int i = 0; i < 4 * 256; i++) {
				struct code code = { .is_evex = is_evex,
						     .map = map,
						     .prefix = i & 3,
						     .opcode = i >> 2 };

				if (map > 6 && (i >> 2) % 16)
					continue;
				if (mode < EMU_PROT16 && (i >> 2) % 8)
					continue;
				compare_opcode(mode, code);
			}
		}
	}
}

static void vex_opcodes_agree(void)
{
	compare_encoding(false);
}

static void evex_opcodes_agree(void)
{
	compare_encoding(true);
}

static void short_vex_opcodes_agree(void)
{
	static const uint8_t modrms[] = { 0x02, 0x44, 0xc3, 0xc5 };

	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		for (unsigned int i = 0; i < 4 * 256 * 2 * 16 * 2; i++) {
			struct code code = { .is_short = true,
					     .map = EMU_MAP_0F,
					     .prefix = i & 3,
					     .opcode = i >> 2 & 255,
					     .length = i >> 10 & 1,
					     .vvvv = i >> 11 & 15,
					     .rxb = i >> 15 << 2,
					     .sib = 0xa1 };

			/* These would make it LDS. */
			if (mode != EMU_LONG64 && (code.rxb || code.vvvv & 8))
				continue;
			for (unsigned int m = 0; m < sizeof(modrms) * 8; m++) {
				code.modrm = modrms[m / 8] | (m & 7) << 3;
				compare_code(mode, &code);
			}
		}
	}
}

/* 66 F2 F3 LOCK and REX before the prefix are #UD; 67 and segments are not. */
static void legacy_prefixes_agree(void)
{
	static const uint8_t leads[][2] = {
		{ 0x66 },	{ 0xf2 },	{ 0xf3 },	{ 0xf0 },	{ 0x40 },
		{ 0x48 },	{ 0x67 },	{ 0x26 },	{ 0x2e },	{ 0x36 },
		{ 0x3e },	{ 0x64 },	{ 0x65 },	{ 0x67, 0x64 }, { 0x2e, 0x65 },
		{ 0x64, 0x26 }, { 0x65, 0x67 }, { 0x48, 0x67 }, { 0x67, 0x66 },
	};
	static const uint8_t modrms[] = { 0x00, 0x06, 0x05, 0x44, 0x6c, 0x92, 0xb5, 0xc1 };

	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		for (unsigned int i = 0; i < 4 * 256 * 8 * 4; i++) {
			struct code code = { .map = i >> 10 & 7,
					     .prefix = i & 3,
					     .opcode = i >> 2 & 255,
					     .is_evex = i >> 13 & 1,
					     .w = i >> 14 & 1,
					     .rxb = mode == EMU_LONG64 ? 2 : 0,
					     .sib = 0x6c };

			for (unsigned int lead = 0; lead < sizeof(leads) / 2; lead++) {
				memcpy(code.lead, leads[lead], 2);
				/* REX is INC or DEC elsewhere. */
				if (mode != EMU_LONG64 && (code.lead[0] & 0xf0) == 0x40)
					continue;
				for (unsigned int m = 0; m < sizeof(modrms); m++) {
					code.modrm = modrms[m];
					for (unsigned int v = 0; v < 2; v++) {
						code.vvvv = v * 3;
						code.aaa = code.is_evex && i >> 4 & 1;
						code.length = i >> 5 & 1;
						compare_code(mode, &code);
					}
				}
			}
		}
	}
}

static void evex_fixed_bits_are_checked(void)
{
	/* VMOVUPS zmm0, [rcx] with P1[2] clear is no instruction, with it set it is. */
	uint8_t bytes[EMU_MAX_INSN_BYTES] = { 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x01 };
	struct emu_insn insn;

	for (unsigned int mode = EMU_PROT16; mode < EMU_MODE_COUNT; mode++) {
		bytes[2] = 0x7c;
		CHECK(emu_decode(bytes, 15, mode, &insn) != EMU_DECODE_INVALID);
		bytes[2] = 0x78;
		CHECK_EQ(emu_decode(bytes, 15, mode, &insn), EMU_DECODE_INVALID);
	}
}

/* A row whose key is no instruction with memory would never be found; groups are found by member. */
static void rows_ascend_and_each_is_found(void)
{
	for (unsigned int table = 0; table < 3; table++) {
		CHECK(count_rows(table) < MAX_ROWS);
		for (unsigned int i = 0; i < count_rows(table); i++) {
			const struct emu_row *row = &tables[table][i];
			bool is_found;

			if (i && row->key <= row[-1].key)
				FAIL("key %x (%s) does not ascend", row->key, row->text);
			is_found = is_row_reached[table][i][table == 2];
			if (table == 1 && row->vector & EVEX_TOO)
				is_found &= is_row_reached[table][i][1];
			if (!(row->flags & ROW_GROUP) && row->meaning && !is_found)
				FAIL("key %x (%s) is never found", row->key, row->text);
		}
	}
}

static bool zydis_takes(const struct difference *difference)
{
	ZydisDecodedInstruction insn;

	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoders[EMU_LONG64], NULL,
							  difference->sample,
							  sizeof(difference->sample), &insn));
}

static void differences_are_counted(void)
{
	for (unsigned int i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		const struct difference *difference = &differences[i];

		printf("  %9lu %s\n", difference->n, difference->why);
		CHECK_EQ(difference->n != 0, !difference->sample[0] || zydis_takes(difference));
	}
	for (unsigned int i = 0; i < oracle_n_newer; i++) {
		const struct newer *newer = &oracle_newer[i];

		if (newer->encoding == EMU_LEGACY)
			continue;
		printf("  %9lu newer than this Zydis: %s\n", newer->n, newer->text);
		CHECK_EQ(newer->n != 0, newer->is_unknown);
	}
	printf("  %lu compared, %lu legal to both, %lu to neither\n", n_compared, n_legal,
	       n_invalid);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(vex_opcodes_agree),	   TEST(evex_opcodes_agree),
		TEST(short_vex_opcodes_agree),	   TEST(legacy_prefixes_agree),
		TEST(evex_fixed_bits_are_checked), TEST(rows_ascend_and_each_is_found),
		TEST(differences_are_counted),
	};

	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++)
		init_decoder(mode);
	oracle_newer_init();
	return RUN(tests);
}
