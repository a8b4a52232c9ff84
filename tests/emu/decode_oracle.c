/* SPDX-License-Identifier: MIT */
/*
 * emu_decode() against libzydis: every opcode of the one-byte and 0F maps with many ModRM bytes and
 * prefixes, and random bytes, in all modes. Compared are validity, length, operand and address size,
 * segment, base, index, scale, displacement and the memory access of everything that is decoded, and
 * the length of everything that both call legal. What differs and why stands in explained().
 */
#include <string.h>
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "emu/row.h"
#include "tests/emu/check.h"

/* ZYDIS_VERSION contains a cast and is nothing for the preprocessor; the encoder came with 4.0. */
#if __has_include(<Zydis/Encoder.h>)
#define ZYDIS4
#endif

struct oracle {
	bool is_valid;
	unsigned int length;
	ZydisDecodedInstruction insn;
#ifdef ZYDIS4
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
#endif
};

static ZydisDecoder decoders[EMU_MODE_COUNT];
static unsigned long n_compared, n_decoded, n_explained;

static const char *const mode_names[EMU_MODE_COUNT] = { "real", "v86", "prot16", "prot32",
							"long64" };

static void init_decoder(enum emu_mode mode)
{
	static const struct {
		ZydisMachineMode mode;
		int width;
	} shapes[EMU_MODE_COUNT] = {
		{ ZYDIS_MACHINE_MODE_REAL_16, 16 },   { ZYDIS_MACHINE_MODE_REAL_16, 16 },
		{ ZYDIS_MACHINE_MODE_LEGACY_16, 16 }, { ZYDIS_MACHINE_MODE_LEGACY_32, 32 },
		{ ZYDIS_MACHINE_MODE_LONG_64, 64 },
	};
#ifdef ZYDIS4
	ZydisStackWidth width = shapes[mode].width == 16   ? ZYDIS_STACK_WIDTH_16
				: shapes[mode].width == 32 ? ZYDIS_STACK_WIDTH_32
							   : ZYDIS_STACK_WIDTH_64;
#else
	ZydisAddressWidth width = shapes[mode].width == 16   ? ZYDIS_ADDRESS_WIDTH_16
				  : shapes[mode].width == 32 ? ZYDIS_ADDRESS_WIDTH_32
							     : ZYDIS_ADDRESS_WIDTH_64;
#endif
	if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoders[mode], shapes[mode].mode, width)))
		abort();
}

static void ask_oracle(enum emu_mode mode, const uint8_t *bytes, unsigned int n, struct oracle *out)
{
	ZyanStatus status;

#ifdef ZYDIS4
	status = ZydisDecoderDecodeFull(&decoders[mode], bytes, n, &out->insn, out->operands);
#else
	status = ZydisDecoderDecodeBuffer(&decoders[mode], bytes, n, &out->insn);
#endif
	out->is_valid = ZYAN_SUCCESS(status);
	out->length = out->is_valid ? out->insn.length : 0;
}

static const ZydisDecodedOperand *operand(const struct oracle *oracle, unsigned int i)
{
#ifdef ZYDIS4
	return &oracle->operands[i];
#else
	return &oracle->insn.operands[i];
#endif
}

/* The memory operand that ours calls the memory operand: explicit, or of a string. */
static const ZydisDecodedOperand *memory_operand(const struct oracle *oracle)
{
	for (unsigned int i = 0; i < oracle->insn.operand_count; i++)
		if (operand(oracle, i)->type == ZYDIS_OPERAND_TYPE_MEMORY)
			return operand(oracle, i);
	return NULL;
}

static int register_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return -1;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return 16;
	return ZydisRegisterGetId(reg);
}

static void complain(const char *what, enum emu_mode mode, const uint8_t *bytes,
		     const struct emu_insn *insn, const struct oracle *oracle)
{
	if (check_failures++ >= 20 && !getenv("ALL"))
		return;
	printf("  %s: %s [", what, mode_names[mode]);
	for (unsigned int i = 0; i < EMU_MAX_INSN_BYTES; i++)
		printf("%s%02x", i ? " " : "", bytes[i]);
	printf("] ours %s length %u, zydis %s length %u\n", emu_insn_name(insn), insn->length,
	       oracle->is_valid ? ZydisMnemonicGetString(oracle->insn.mnemonic) : "(invalid)",
	       oracle->length);
}

static bool is_disp_equal(const struct emu_insn *insn, const ZydisDecodedOperand *memory)
{
	uint64_t mask = ~0ull >> (64 - 8 * insn->address_size);

	/* moffs is an immediate of ours. */
	if (!insn->has_modrm)
		return (insn->imm & mask) == ((uint64_t)memory->mem.disp.value & mask);
	return insn->disp == memory->mem.disp.value;
}

static void compare_operand(enum emu_mode mode, const uint8_t *bytes, const struct emu_insn *insn,
			    const struct oracle *oracle)
{
	const ZydisDecodedOperand *memory = memory_operand(oracle);
	unsigned int width = oracle->insn.address_width / 8;
	/* A cache line to Zydis; to us the byte that is checked. */
	bool is_flush = oracle->insn.mnemonic == ZYDIS_MNEMONIC_CLFLUSH ||
			oracle->insn.mnemonic == ZYDIS_MNEMONIC_CLFLUSHOPT ||
			oracle->insn.mnemonic == ZYDIS_MNEMONIC_CLWB;

	if (insn->address_size != width)
		complain("address size", mode, bytes, insn, oracle);
	if (!memory) {
		if (insn->is_memory || insn->is_string)
			complain("no memory operand", mode, bytes, insn, oracle);
		return;
	}
	if (insn->is_memory) {
		bool reads = memory->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
		bool writes = memory->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

		if (insn->base != register_number(memory->mem.base) ||
		    insn->index != register_number(memory->mem.index))
			complain("base or index", mode, bytes, insn, oracle);
		if (insn->index >= 0 &&
		    (1u << insn->scale) != (memory->mem.scale ? memory->mem.scale : 1))
			complain("scale", mode, bytes, insn, oracle);
		if (!is_disp_equal(insn, memory))
			complain("displacement", mode, bytes, insn, oracle);
		if (!is_flush && (insn->reads_memory != reads || insn->writes_memory != writes))
			complain("access", mode, bytes, insn, oracle);
	}
	if (insn->is_memory || insn->is_string) {
		unsigned int main = insn->operand_size, bytes_of = main;

		for (unsigned int i = 0; i < 2; i++)
			if (insn->row->operand[i] & (OPD_RM | OPD_STRING) &&
			    (insn->row->operand[i] & WIDE_MASK) != WIDE_PAIR)
				bytes_of = emu_wide_bytes(insn->row->operand[i], main);
		if (!is_flush && bytes_of && bytes_of * 8u != memory->size)
			complain("operand size", mode, bytes, insn, oracle);
		for (unsigned int i = 0; insn->is_string && i < oracle->insn.operand_count; i++)
			if (operand(oracle, i)->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			    ZydisRegisterGetId(operand(oracle, i)->mem.base) == 6)
				memory = operand(oracle, i);
		if (insn->segment != ZydisRegisterGetId(memory->mem.segment))
			complain("segment", mode, bytes, insn, oracle);
	}
}

/*
 * Where the two may differ:
 *  - vectors, x87, 0F38, 0F3A, VEX, EVEX and system groups: our rows are shapes, legality by prefix
 *    or by register form is not judged (no meaning, so nothing is executed wrongly);
 *  - XOP and 3DNow! exist on old AMD processors only, and to us are #UD;
 *  - UD0, UD1, UD2 are instructions to Zydis;
 *  - VMREAD and VMWRITE are #UD in real and virtual-8086 mode whatever their prefixes;
 *  - PadLock (0F A6, 0F A7) is VIA's;
 *  - of XABORT and XBEGIN our rows take any register.
 * So a difference in validity counts only if we would execute the instruction or Zydis sees one of
 * those that we execute.
 */
static bool explained(const struct emu_insn *insn, enum emu_decoded decoded,
		      const struct oracle *oracle)
{
	switch (oracle->insn.mnemonic) {
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_FEMMS:
	case ZYDIS_MNEMONIC_VMREAD:
	case ZYDIS_MNEMONIC_VMWRITE:
	case ZYDIS_MNEMONIC_XSTORE:
	case ZYDIS_MNEMONIC_XCRYPT_ECB:
	case ZYDIS_MNEMONIC_XCRYPT_CBC:
	case ZYDIS_MNEMONIC_XCRYPT_CTR:
	case ZYDIS_MNEMONIC_XCRYPT_CFB:
	case ZYDIS_MNEMONIC_XCRYPT_OFB:
	case ZYDIS_MNEMONIC_XSHA1:
	case ZYDIS_MNEMONIC_XSHA256:
	case ZYDIS_MNEMONIC_MONTMUL: return oracle->is_valid;
	default: break;
	}
	if (oracle->is_valid && (oracle->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_XOP ||
				 oracle->insn.encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW))
		return true;
	if (decoded == EMU_DECODED)
		return false;
	if (decoded == EMU_DECODE_UNIMPLEMENTED || decoded == EMU_DECODE_NO_ACCESS)
		return insn->map != EMU_MAP_ONE || insn->opcode >= 0xc6;
	return false;
}

static void compare(enum emu_mode mode, const uint8_t *bytes)
{
	struct emu_insn insn;
	struct oracle oracle = { 0 };
	enum emu_decoded decoded = emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &insn);
	bool is_legal = decoded != EMU_DECODE_INVALID && decoded != EMU_DECODE_TOO_LONG;

	n_compared++;
	ask_oracle(mode, bytes, EMU_MAX_INSN_BYTES, &oracle);
	if (decoded == EMU_DECODED)
		n_decoded++;
	if (is_legal != oracle.is_valid) {
		if (explained(&insn, decoded, &oracle))
			n_explained++;
		else
			complain("validity", mode, bytes, &insn, &oracle);
		return;
	}
	if (!is_legal)
		return;
	if (insn.length != oracle.length)
		complain("length", mode, bytes, &insn, &oracle);
	if (decoded == EMU_DECODED)
		compare_operand(mode, bytes, &insn, &oracle);
}

/* Prefix strings, in legacy modes 40 to 4F stay opcodes. */
static const struct {
	uint8_t n, bytes[4];
} prefixes[] = {
	{ 0, { 0 } },	       { 1, { 0x66 } },	      { 1, { 0x67 } },
	{ 2, { 0x66, 0x67 } }, { 1, { 0xf0 } },	      { 1, { 0xf2 } },
	{ 1, { 0xf3 } },       { 2, { 0x66, 0xf3 } }, { 2, { 0xf2, 0xf3 } },
	{ 2, { 0xf0, 0x66 } }, { 1, { 0x26 } },	      { 1, { 0x2e } },
	{ 1, { 0x36 } },       { 1, { 0x3e } },	      { 1, { 0x64 } },
	{ 2, { 0x65, 0x3e } }, { 1, { 0x40 } },	      { 1, { 0x48 } },
	{ 1, { 0x4f } },       { 2, { 0x66, 0x45 } }, { 2, { 0x67, 0x42 } },
	{ 2, { 0x48, 0x66 } }, { 2, { 0xf0, 0x48 } }, { 3, { 0x64, 0x67, 0x41 } },
};

static void every_opcode_and_modrm(void)
{
	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++)
		for (unsigned int p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++)
			for (unsigned int opcode = 0; opcode < 512; opcode++)
				for (unsigned int modrm = 0; modrm < 256; modrm++) {
					uint8_t bytes[EMU_MAX_INSN_BYTES];
					unsigned int n = prefixes[p].n;

					for (unsigned int i = 0; i < sizeof(bytes); i++)
						bytes[i] = (uint8_t)(0x85 + 0x1d * i + modrm);
					memcpy(bytes, prefixes[p].bytes, n);
					if (opcode >= 256)
						bytes[n++] = 0x0f;
					bytes[n++] = (uint8_t)opcode;
					bytes[n++] = (uint8_t)modrm;
					compare((enum emu_mode)mode, bytes);
				}
	CHECK(n_decoded > 1000000);
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1d;
}

static void random_bytes(void)
{
	for (unsigned int i = 0; i < 1000000; i++) {
		uint8_t bytes[EMU_MAX_INSN_BYTES];
		uint64_t r = next_random();

		for (unsigned int b = 0; b < sizeof(bytes); b++)
			bytes[b] = (uint8_t)(next_random() >> 24);
		/* Half of them with some prefixes in front, else most would have none. */
		for (unsigned int b = 0; b < (r & 3); b++)
			bytes[b] = prefixes[(r >> (8 + 5 * b)) % 24].bytes[0];
		compare((enum emu_mode)((r >> 32) % EMU_MODE_COUNT), bytes);
	}
	printf("# %lu compared, %lu decoded, %lu differences explained\n", n_compared, n_decoded,
	       n_explained);
}

/* More bytes than the longest instruction change nothing. */
static void truncated_bytes_want_more(void)
{
	for (unsigned int i = 0; i < 300000; i++) {
		uint8_t bytes[EMU_MAX_INSN_BYTES];
		struct emu_insn insn, part;
		enum emu_mode mode = (enum emu_mode)(next_random() % EMU_MODE_COUNT);
		enum emu_decoded decoded;

		for (unsigned int b = 0; b < sizeof(bytes); b++)
			bytes[b] = (uint8_t)(next_random() >> 24);
		decoded = emu_decode(bytes, sizeof(bytes), mode, &insn);
		if (decoded == EMU_DECODE_INVALID || decoded == EMU_DECODE_TOO_LONG)
			continue;
		for (unsigned int n = 0; n < insn.length; n++)
			CHECK_EQ(emu_decode(bytes, n, mode, &part), EMU_DECODE_MORE_BYTES);
		CHECK_EQ(emu_decode(bytes, insn.length, mode, &part), decoded);
		CHECK(part.length == insn.length);
	}
}

int main(void)
{
	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++)
		init_decoder((enum emu_mode)mode);
	RUN(every_opcode_and_modrm);
	RUN(random_bytes);
	RUN(truncated_bytes_want_more);
	return check_finish();
}
