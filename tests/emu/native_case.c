/* SPDX-License-Identifier: MIT */
/*
 * Making cases. A row is picked, one of its forms, prefixes that suit it or not; then registers and
 * memory, so that most cases complete, and the rest fault in every way there is. All from one seed.
 */
#include <string.h>

#include "tests/emu/native.h"
#include "tests/random.h"
#include "x86/exc.h"
#include "x86/rflags.h"

/* Cases begin below, branches lead above. */
#define CASES_BYTES 0x8000u

static struct random rng = { 1 };

void native_seed(uint64_t seed)
{
	rng.state = seed;
}

uint64_t native_random(void)
{
	return random_next(&rng);
}

unsigned int native_pick(unsigned int n)
{
	return (unsigned int)random_below(&rng, n);
}

#define pick native_pick

/* Write to the processor's memory and to the shadow what of it lies in the writable pages. */
static void poke(uint64_t linear, const void *data, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t offset = linear + i - RW_PAGE;

		if (offset < RW_BYTES)
			native_shadow[offset] = ((uint8_t *)RW_PAGE)[offset] =
				((const uint8_t *)data)[i];
	}
}

void native_refresh_memory(void)
{
	uint64_t data[8];

	for (unsigned int i = 0; i < 8; i++)
		data[i] = pick(4) ? native_random() : native_random() & 0x0101010101010101;
	poke(RW_PAGE + pick(RW_BYTES - sizeof(data)), data, sizeof(data));
}

static uint64_t pick_target(bool is_wild)
{
	switch (pick(is_wild ? 16 : 10)) {
	case 10: return RW_PAGE + RW_BYTES - pick(20);	   /* runs into nothing */
	case 11: return RW_PAGE - pick(12);		   /* comes out of nothing */
	case 12: return RO_PAGE + pick(0x1000);		   /* cannot be written */
	case 13: return RW_PAGE + RW_BYTES + pick(0x1000); /* nothing */
	case 14: return RO_PAGE - pick(10);
	case 7:
	case 8: return RW_PAGE + 0x1000 - pick(20); /* over the page edge */
	case 9: return RW_PAGE + pick(0x40) * 8 + 0x800;
	default: return RW_PAGE + 0x100 + pick(RW_BYTES - 0x200);
	}
}

static uint64_t pick_value(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  2,
					  0x7f,
					  0x80,
					  0xff,
					  0x7fff,
					  0x8000,
					  0xffff,
					  0x7fffffff,
					  0x80000000,
					  0xffffffff,
					  0x7fffffffffffffff,
					  0x8000000000000000,
					  0xffffffffffffffff };
	uint64_t value = native_random();
	unsigned int n = (unsigned int)(value & 31);

	return n < 15 ? edges[n] : value >> 8 << (value >> 5 & 7);
}

static uint16_t pick_selector(void)
{
	switch (pick(16)) {
	case 0: return (uint16_t)pick(4);
	case 1: return (uint16_t)((4 + pick(3)) << 3 | pick(4));
	case 2: return (uint16_t)((1 + pick(3)) << 3 | pick(4));
	case 3: return (uint16_t)(pick(2) ? 0xffff : 0x80 + pick(0x100)) & 0xfffb;
	case 4: return (uint16_t)(native_random() >> 20 | 4);
	case 5: return SELECTOR(LDT_COUNT) + (uint16_t)pick(8);
	case 6: return (uint16_t)(pick(LDT_COUNT) << 3 | 4 | pick(4));
	default: return SELECTOR(pick(LDT_COUNT));
	}
}

/* A code segment mostly. */
static uint16_t pick_code_selector(void)
{
	static const uint8_t code[] = { LDT_CODE32, LDT_CODE32_EXECUTE_ONLY, LDT_CODE16,
					LDT_CODE32_CONFORMING, LDT_CODE16_SHORT };

	switch (pick(6)) {
	case 0: return pick_selector();
	case 1: return native_cs;
	default: return (uint16_t)(SELECTOR(code[pick(5)]) & (pick(8) ? 0xffff : 0xfffc | pick(4)));
	}
}

/* An offset in the segment of a selector where a branch can land. */
static uint64_t pick_landing(unsigned int selector)
{
	unsigned int entry = selector >> 3;
	uint64_t base = selector & 4 && entry < LDT_COUNT ? native_ldt(entry)->base : 0;

	switch (pick(24)) {
	case 0: return native_random();
	case 1: return 0x10000 - pick(4);
	case 2: return 1ull << 47 | native_random() >> 17;
	default: return CODE + CASES_BYTES + 0x1000 + pick(0x6000) - base;
	}
}

static uint64_t base_of(const struct native_case *test, unsigned int seg)
{
	if (seg > SEG_GS || (test->mode == EMU_LONG64 && seg < SEG_FS))
		return 0;
	return test->segment[seg].base;
}

/* Set a register so that the memory operand lies at `target`; or patch the displacement. */
static void aim(struct native_case *test, const struct emu_insn *insn, unsigned int disp_at,
		uint64_t target)
{
	uint64_t mask = native_mask(insn->address_size), address = (uint64_t)insn->disp;
	uint64_t offset = (target - base_of(test, insn->segment)) & mask;

	if (insn->index >= 0 && insn->index != insn->base) {
		test->gpr[insn->index] = pick(64);
		address += test->gpr[insn->index] << insn->scale;
	}
	if (insn->base >= 0 && insn->base < 16 && insn->base != insn->index) {
		uint64_t high = pick(4) ? 0 : native_random() & ~mask;

		test->gpr[insn->base] = ((offset - address) & mask) | high;
		return;
	}
	if (insn->is_memory && (insn->base < 0 || insn->base == 16)) {
		unsigned int n =
			insn->has_modrm ? (insn->address_size == 2 ? 2 : 4) : insn->address_size;
		uint64_t disp = offset;

		if (insn->has_modrm)
			disp -= address - (uint64_t)insn->disp;
		if (insn->base == 16)
			disp -= test->rip + insn->length;
		memcpy(test->bytes + disp_at, &disp, n);
	}
}

static void pick_segments(struct native_case *test)
{
	static const uint8_t data[] = { LDT_DATA_FLAT,	 LDT_DATA_FLAT,	  LDT_DATA_FLAT,
					LDT_DATA_FLAT,	 LDT_DATA_LIMIT,  LDT_DATA_LIMIT,
					LDT_DATA_DOWN32, LDT_DATA_DOWN16, LDT_DATA_READONLY,
					LDT_STACK16,	 LDT_DATA_HIGH,	  LDT_CODE32,
					LDT_CODE16,	 LDT_EMPTY,	  LDT_EMPTY,
					LDT_EMPTY };
	static const uint8_t stacks[] = { LDT_DATA_FLAT,   LDT_DATA_FLAT, LDT_DATA_LIMIT,
					  LDT_DATA_DOWN32, LDT_STACK16,	  LDT_DATA_DOWN16,
					  LDT_DATA_HIGH,   LDT_STACK16 };
	static const uint8_t codes[] = { LDT_CODE32, LDT_CODE32, LDT_CODE32,
					 LDT_CODE32_EXECUTE_ONLY };
	bool is_64 = test->mode == EMU_LONG64;

	for (unsigned int i = 0; i < 6; i++) {
		unsigned int entry = data[pick(16)];

		/* 16-bit addresses reach little of a flat segment. */
		if (test->mode == EMU_PROT16 && entry == LDT_DATA_FLAT && pick(4))
			entry = pick(4) ? LDT_DATA_LIMIT : LDT_DATA_DOWN32;
		if (entry == LDT_EMPTY && i >= SEG_FS && !native_has_fsgsbase)
			entry = LDT_DATA_FLAT;
		test->segment[i] = *native_ldt(entry); /* all zero for an empty one: null */
	}
	if (!is_64) {
		test->segment[SEG_SS] = *native_ldt(stacks[pick(8)]);
		test->segment[SEG_CS] = *native_ldt(test->mode == EMU_PROT32 ? codes[pick(4)]
						    : pick(4)		     ? LDT_CODE16
									     : LDT_CODE16_SHORT);
		return;
	}
	test->segment[SEG_CS] = (struct x86_segment) {
		.limit = 0xffffffff,
		.selector = native_cs,
		.attributes = SEG_G | SEG_L | SEG_P | SEG_S | 3 << SEG_DPL_SHIFT | SEG_TYPE_CODE |
			      SEG_TYPE_READABLE | SEG_TYPE_ACCESSED,
	};
	test->segment[SEG_SS] = (struct x86_segment) {
		.limit = 0xffffffff,
		.selector = native_ss,
		.attributes = SEG_G | SEG_DB | SEG_P | SEG_S | 3 << SEG_DPL_SHIFT |
			      SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED,
	};
	/* Bases that no descriptor holds. */
	for (unsigned int i = SEG_FS; i <= SEG_GS && native_has_fsgsbase; i++)
		if (pick(2) || !test->segment[i].selector)
			test->segment[i].base =
				(uint64_t)((int64_t)native_random() >> (16 + pick(40)));
	if (native_has_fsgsbase && !pick(8)) /* and no canonical offset leads to memory */
		test->segment[SEG_FS + pick(2)].base =
			0xffff800000000000 | (native_random() & 0xfffffff);
}

static unsigned int put_prefixes(const struct native_case *test, const struct native_form *form,
				 uint8_t *bytes)
{
	static const uint8_t overrides[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	static const uint8_t mandatory[] = { 0, 0x66, 0xf3, 0xf2 };
	bool is_vex = form->encoding == EMU_VEX;
	unsigned int n = 0, n_idle = pick(256) ? 0 : pick(14);

	while (n < n_idle) /* until the instruction is too long */
		bytes[n++] = overrides[pick(6)];

	if (!pick(is_vex ? 64 : 6))
		bytes[n++] = 0x66;
	if (!pick(6))
		bytes[n++] = 0x67;
	if (!pick(6))
		bytes[n++] = overrides[pick(6)];
	if (!pick(is_vex ? 64 : 12))
		bytes[n++] = pick(2) ? 0xf3 : 0xf2;
	if (!pick(is_vex ? 64 : form->prefix ? 24 : 8))
		bytes[n++] = 0xf0;
	if (form->prefix && !is_vex)
		bytes[n++] = mandatory[form->prefix];
	if (!pick(64)) { /* once more, or another segment */
		bytes[n] = pick(2) && n ? bytes[0] : overrides[pick(6)];
		n++;
	}
	if (test->mode == EMU_LONG64 && pick(is_vex ? 64 : 2) == 0)
		bytes[n++] = (uint8_t)(0x40 + pick(16));
	return n;
}

/* Prefixes, opcode and ModRM in front of random bytes; returns where ModRM or what follows is. */
static unsigned int put_instruction(struct native_case *test, const struct native_form *form)
{
	uint64_t noise[4] = { native_random(), native_random(), native_random(), native_random() };
	uint8_t *bytes = test->bytes;
	unsigned int n;

	memcpy(bytes, noise, sizeof(test->bytes));
	n = put_prefixes(test, form, bytes);
	if (form->encoding == EMU_VEX) {
		unsigned int extension = test->mode == EMU_LONG64 ? pick(8) << 5 : 0xe0;
		unsigned int vvvv = pick(4) ? pick(16) << 3 : 0x78;

		bytes[n++] = 0xc4;
		bytes[n++] = (uint8_t)(extension | form->map);
		bytes[n++] = (uint8_t)((form->vex_high ^ (pick(64) ? 0 : 4)) | vvvv | form->prefix);
	} else {
		if (form->map != EMU_MAP_ONE)
			bytes[n++] = 0x0f;
		if (form->map == EMU_MAP_0F38)
			bytes[n++] = 0x38;
		if (form->map == EMU_MAP_0F3A)
			bytes[n++] = 0x3a;
	}
	bytes[n++] = form->opcode;
	if (form->has_modrm)
		bytes[n] = (uint8_t)((bytes[n] & 7) | form->modrm_reg << 3 |
				     (pick(64) ? pick(3) : 3) << 6);
	return n;
}

/* What the row's memory operand, at `target`, holds beside noise. */
static void fill_operand(const struct native_case *test, const struct emu_insn *insn,
			 enum native_content content, uint64_t target)
{
	unsigned int size = insn->operand_size;
	uint16_t selector;
	uint64_t value[2];

	switch (content) {
	case CONTENT_SELECTOR:
		selector = pick_selector();
		poke(target, &selector, 2);
		break;
	case CONTENT_NEAR:
		value[0] = pick_landing(test->segment[SEG_CS].selector);
		poke(target, value, 8);
		break;
	case CONTENT_FAR:
		selector = native_starts(insn->row->text, "CALL") ||
					   native_starts(insn->row->text, "JMP")
				   ? pick_code_selector()
				   : pick_selector();
		value[0] = pick_landing(selector);
		poke(target, value, 8);
		poke(target + (insn->rex & 8 && pick(2) ? 4 : size), &selector, 2);
		break;
	case CONTENT_BOUND:
		value[0] = pick(2) ? 0 : native_random();
		value[1] = pick(2) ? 0x7fff7fff : native_random();
		poke(target, &value[0], size);
		poke(target + size, &value[1], size);
		break;
	default: /* equal to what is compared with it */
		if (pick(3))
			break;
		poke(target, &test->gpr[0], 8);
		poke(target + (insn->rex & 8 ? 8 : 4), &test->gpr[2], 8);
	}
}

/* The top of the stack as RET, RETF, IRET, POP and POPF want it; never with TF. */
static void fill_stack(const struct native_case *test, const struct emu_insn *insn)
{
	uint64_t at = test->gpr[4] + base_of(test, SEG_SS), value, offset;
	const char *text = insn->row->text;
	unsigned int size = insn->operand_size;
	uint16_t selector = pick_selector();

	if (test->mode != EMU_LONG64)
		at &= 0xffffffff;
	if (native_starts(text, "RETF") || native_starts(text, "IRET")) {
		selector = pick_code_selector();
		offset = pick_landing(selector);
		value = (native_random() & ~(uint64_t)RFLAGS_TF & 0x3fffff) | RFLAGS_ONE;
		poke(at, &offset, size);
		poke(at + size, &selector, 2);
		poke(at + 2 * size, &value, size);
	} else if (native_starts(text, "RET")) {
		value = pick_landing(test->segment[SEG_CS].selector);
		poke(at, &value, 8);
	} else if (native_starts(text, "POPF")) {
		value = native_random() & ~(uint64_t)RFLAGS_TF;
		poke(at, &value, 8);
	} else {
		poke(at, &selector, 2);
	}
}

static void aim_string(struct native_case *test, const struct emu_insn *insn)
{
	uint64_t mask = native_mask(insn->address_size);

	test->gpr[6] = (pick_target(!pick(4)) - base_of(test, insn->segment)) & mask;
	test->gpr[7] = (pick_target(!pick(4)) - base_of(test, SEG_ES)) & mask;
	if (!pick(3)) /* near each other */
		test->gpr[7] = test->gpr[6] + pick(40) - 20;
	test->gpr[1] = (native_random() & ~mask) | (pick(4) ? pick(pick(32) ? 40 : 3000) : pick(3));
	if (test->mode != EMU_LONG64)
		test->gpr[1] &= 0xffffffff;
}

/* A direct branch: an offset, relative or with a selector, in the instruction's last bytes. */
static void aim_branch(struct native_case *test, const struct emu_insn *insn)
{
	unsigned int n = insn->operand_size, operand = insn->row->operand[0];
	uint64_t landing;

	if (emu_is_kind(operand, KIND_A)) {
		uint16_t selector = pick_code_selector();

		landing = pick_landing(selector);
		memcpy(test->bytes + test->n_bytes - 2 - n, &landing, n);
		memcpy(test->bytes + test->n_bytes - 2, &selector, 2);
	} else if (emu_is_kind(operand, KIND_J)) {
		n = n == 2 ? 2 : 4;
		if ((operand & WIDE_MASK) == WIDE_SB)
			return;
		landing = pick_landing(test->segment[SEG_CS].selector) - test->rip - test->n_bytes;
		memcpy(test->bytes + test->n_bytes - n, &landing, n);
	}
}

static uint64_t pick_operand_target(const struct native_case *test, bool is_locked)
{
	uint64_t target = pick_target(!pick(4));

	if (test->mode == EMU_LONG64 && !pick(64)) {
		switch (pick(3)) {
		case 0: return (1ull << 47) - pick(16); /* over the canonical border */
		case 1: return 0xffff800000000000 - pick(16);
		default: return target ^ 1ull << (47 + pick(17));
		}
	}
	/* A lock over a cache line is slow for everybody, or forbidden. */
	if (is_locked && (native_has_split_lock_detect || pick(16)))
		target &= ~15ull;
	return target;
}

/* Registers and memory for an instruction that decodes. `at` is where ModRM is. */
static bool fill(struct native_case *test, const struct emu_insn *insn, unsigned int at)
{
	const struct native_row *entry = &native_rows[native_row_index(insn->row)];
	bool is_locked = insn->prefixes & EMU_PREFIX_LOCK || insn->row->flags & XLOCK;
	enum native_content content = entry->content;
	uint64_t target;

	if (insn->is_string) {
		aim_string(test, insn);
	} else if (insn->is_memory) {
		bool has_sib = insn->has_modrm && insn->address_size != 2 && (insn->modrm & 7) == 4;

		target = pick_operand_target(test, is_locked);
		aim(test, insn, at + insn->has_modrm + has_sib, target);
		if (test->mode != EMU_LONG64)
			target &= 0xffffffff;
		fill_operand(test, insn, content, target);
		if (content == CONTENT_BITS) {
			if (pick(8))
				test->gpr[insn->reg] = (uint64_t)(int64_t)((int)pick(4000) - 2000);
			if (is_locked && native_has_split_lock_detect &&
			    test->gpr[insn->reg] & ~15ull)
				return false; /* the bit offset moves the lock */
		} else if (content == CONTENT_BOUND && pick(2)) {
			test->gpr[insn->reg] = pick(0x7000);
		}
	} else if (native_starts(insn->row->text, "XLAT")) {
		test->gpr[3] = pick_target(!pick(4)) - base_of(test, insn->segment) -
			       (test->gpr[0] & 0xff);
	} else if (insn->row->flags & STACK) {
		aim_branch(test, insn);
		if (native_starts(insn->row->text, "LEAVE") ||
		    native_starts(insn->row->text, "ENTER"))
			test->gpr[5] = pick_target(!pick(4)) - base_of(test, SEG_SS);
		if (native_starts(insn->row->text, "ENTER") && pick(4))
			test->bytes[test->n_bytes - 1] = (uint8_t)pick(6);
		if (native_starts(insn->row->text, "ENTER") && pick(4))
			test->bytes[test->n_bytes - 2] = 0;
	}
	if (content == CONTENT_STACK)
		fill_stack(test, insn);
	return true;
}

/*
 * Everything but the instruction's bytes. What begins as LDS, LES or BOUND can be VEX or EVEX: that is
 * another program's.
 */
static bool complete(struct native_case *test, enum emu_encoding encoding, unsigned int at)
{
	enum emu_mode mode = test->mode;
	enum emu_decoded decoded;
	struct emu_insn insn;

	decoded = emu_decode(test->bytes, EMU_MAX_INSN_BYTES, mode, &insn);
	if (decoded != EMU_DECODED && decoded != EMU_DECODE_INVALID &&
	    decoded != EMU_DECODE_TOO_LONG)
		return false;
	if (insn.encoding != encoding)
		return false;
	test->n_bytes = decoded == EMU_DECODE_TOO_LONG ? EMU_MAX_INSN_BYTES : insn.length;
	for (unsigned int i = 0; i < 16; i++)
		test->gpr[i] = pick_value();
	test->rip = (mode == EMU_PROT16 ? 0 : CODE) + 0x100 + pick(CASES_BYTES);
	if (mode == EMU_PROT16 && decoded == EMU_DECODED && !pick(64))
		test->rip = test->segment[SEG_CS].limit + 1 - insn.length;
	test->gpr[4] = pick_target(!pick(4)) - base_of(test, SEG_SS);
	if (decoded == EMU_DECODED) {
		int row = native_row_index(insn.row);

		if (row < 0 || native_rows[row].scope == NATIVE_EXCLUDED || !fill(test, &insn, at))
			return false;
	}
	if (mode != EMU_LONG64)
		for (unsigned int i = 0; i < 16; i++)
			test->gpr[i] = i < 8 ? test->gpr[i] & 0xffffffff : 0;
	return true;
}

bool native_make(struct native_case *test, enum emu_mode mode)
{
	const struct native_row *row = &native_rows[pick(native_n_rows)];
	const struct native_form *form = &native_forms[row->first_form + pick(row->n_forms)];

	if (row->scope == NATIVE_EXCLUDED || !(form->modes >> mode & 1))
		return false;
	if (row->scope == NATIVE_FAULTS && pick(4)) /* they have little to show, and take time */
		return false;
	test->mode = mode;
	pick_segments(test);
	return complete(test, (enum emu_encoding)form->encoding, put_instruction(test, form));
}

bool native_make_of(struct native_case *test, enum emu_mode mode, const uint8_t *bytes,
		    unsigned int n_bytes, unsigned int at)
{
	memset(test->bytes, 0, sizeof(test->bytes));
	memcpy(test->bytes, bytes, n_bytes);
	test->mode = mode;
	pick_segments(test);
	return complete(test, EMU_LEGACY, at);
}
