/* SPDX-License-Identifier: MIT */
/* The cases of the native vector test: every encoding that the emulator executes, with random operands. */
#include <stdlib.h>
#include <string.h>

#include "tests/emu/native_vector.h"
#include "tests/random.h"

static struct random rng = { 0x5eed5eed };

uint64_t next_random(void)
{
	return random_next(&rng);
}

unsigned int pick(unsigned int n)
{
	return (unsigned int)random_below(&rng, n);
}

void seed(uint64_t value)
{
	rng.state = value;
}

/* The forms: all encodings whose row has a meaning of x_vec.c or x_x87.c. */

#define MAX_FORMS 2000
struct form forms[MAX_FORMS];
unsigned int n_forms;

static bool is_ours(const struct emu_row *row)
{
	static emu_meaning *const ours[] = {
		emu_x_vec_load,	     emu_x_vec_store,  emu_x_vec_insert, emu_x_vec_dup,
		emu_x_vec_broadcast, emu_x_vec_extend, emu_x_maskmov,	 emu_x_kmov,
		emu_x_mxcsr,	     emu_x_fld,	       emu_x_fst,	 emu_x_fcontrol,
	};

	for (size_t i = 0; row && i < sizeof(ours) / sizeof(ours[0]); i++)
		if (row->meaning == ours[i])
			return true;
	return false;
}

/* Operands of one encoding that are not in ModRM: all registers not inverted. */
struct fields {
	unsigned int reg, vvvv, mask, base_high, index_high;
	bool is_zeroing, is_broadcast;
};

static const uint8_t prefix_bytes[4] = { 0, 0x66, 0xf3, 0xf2 };

/* Prefixes that change nothing, or the default segment alone; they do not reach 16 bytes. */
static unsigned int put_idle_prefixes(uint8_t *bytes, const struct form *form)
{
	static const uint8_t segments[4] = { 0x26, 0x2e, 0x36, 0x3e };
	unsigned int n = 0;

	if (!pick(8))
		bytes[n++] = segments[pick(4)];
	if (form->encoding == EMU_LEGACY && form->prefix >= 2 && !pick(8))
		bytes[n++] = 0x66;
	if (form->encoding == EMU_LEGACY && !form->map && !pick(8))
		bytes[n++] = prefix_bytes[1 + pick(3)];
	return n;
}

/* Prefixes and opcode; ModRM comes next. */
static unsigned int put_form(uint8_t *bytes, const struct form *form, enum emu_mode mode,
			     const struct fields *fields)
{
	unsigned int n = 0, r = fields->reg >> 3 & 1, p0, p1;

	if (form->encoding == EMU_LEGACY) {
		unsigned int rex =
			(form->w ? 8 : 0) | r << 2 | fields->index_high << 1 | fields->base_high;

		if (form->prefix)
			bytes[n++] = prefix_bytes[form->prefix];
		if (mode == EMU_LONG64 && (rex || !pick(8)))
			bytes[n++] = (uint8_t)(0x40 | rex);
		if (form->map)
			bytes[n++] = 0x0f;
		if (form->map > 1)
			bytes[n++] = form->map == 2 ? 0x38 : 0x3a;
		bytes[n++] = form->opcode;
		return n;
	}
	p0 = (r ? 0 : 0x80) | (fields->index_high ? 0 : 0x40) | (fields->base_high ? 0 : 0x20) |
	     form->map;
	p1 = (unsigned int)form->w << 7 | (~fields->vvvv & 15) << 3 | form->prefix;
	if (form->encoding == EMU_VEX) {
		p1 |= form->length ? 4 : 0;
		if (form->map == 1 && !form->w && (p0 & 0x60) == 0x60 && pick(2)) {
			bytes[n++] = 0xc5;
			bytes[n++] = (uint8_t)((p0 & 0x80) | p1);
		} else {
			bytes[n++] = 0xc4;
			bytes[n++] = (uint8_t)p0;
			bytes[n++] = (uint8_t)p1;
		}
	} else {
		bytes[n++] = 0x62;
		bytes[n++] = (uint8_t)(p0 | (fields->reg & 16 ? 0 : 0x10));
		bytes[n++] = (uint8_t)(p1 | 4);
		bytes[n++] = (uint8_t)((fields->is_zeroing ? 0x80 : 0) | form->length << 5 |
				       (fields->is_broadcast ? 0x10 : 0) |
				       (fields->vvvv & 16 ? 0 : 8) | fields->mask);
	}
	bytes[n++] = form->opcode;
	return n;
}

static void try_form(struct form *form)
{
	const char *only = getenv("ONLY");
	struct fields fields = { .reg = 0 };
	uint8_t bytes[EMU_MAX_INSN_BYTES] = { 0 };
	struct emu_insn insn;
	unsigned int n;

	for (unsigned int vvvv = 0; vvvv < 2; vvvv++) {
		fields.vvvv = vvvv;
		n = put_form(bytes, form, EMU_LONG64, &fields);
		bytes[n] = (uint8_t)((form->reg & 7) << 3);
		if (form->opcode == 0xf7)
			bytes[n] |= 0xc0;
		if (emu_decode(bytes, EMU_MAX_INSN_BYTES, EMU_LONG64, &insn) != EMU_DECODED ||
		    !is_ours(insn.row))
			continue;
		form->row = insn.row;
		if (insn.row->feature && !(host_features & EMU_HAS(insn.row->feature)))
			continue;
		if (form->encoding == EMU_EVEX && !(host_features & EMU_HAS(EMU_AVX512F)))
			continue;
		if (only && strncmp(insn.row->text, only, strlen(only)))
			continue;
		if (n_forms == MAX_FORMS)
			abort();
		forms[n_forms++] = *form;
		return;
	}
}

void find_forms(void)
{
	for (unsigned int opcode = 0xd8; opcode < 0xe0; opcode++)
		for (unsigned int reg = 0; reg < 8; reg++)
			try_form(&(struct form) { .opcode = (uint8_t)opcode, .reg = (uint8_t)reg });
	for (unsigned int i = 0; i < 3 * 4 * 256; i++) {
		struct form form = { .map = (uint8_t)(1 + i / 1024),
				     .prefix = i >> 8 & 3,
				     .opcode = (uint8_t)i,
				     .reg = 8 };

		for (form.encoding = EMU_LEGACY; form.encoding <= EMU_EVEX; form.encoding++) {
			unsigned int n_lengths = form.encoding == EMU_LEGACY ? 1
						 : form.encoding == EMU_VEX  ? 2
									     : 4;

			for (form.length = 0; form.length < n_lengths; form.length++)
				for (form.w = 0; form.w < 2; form.w++) {
					unsigned int last =
						form.map == 1 && form.opcode == 0xae ? 7 : 8;

					for (form.reg = last == 7 ? 0 : 8; form.reg <= last;
					     form.reg++)
						try_form(&form);
				}
		}
	}
}

/* Making cases. */

static uint64_t pick_target(void)
{
	uint64_t page = pick(3) ? RW_PAGE : RW_PAGE + 0x1000;

	switch (pick(20)) {
	case 0: return RW_PAGE + RW_BYTES - pick(70);	 /* runs into nothing */
	case 1: return RW_PAGE - pick(70);		 /* comes out of nothing */
	case 2: return RO_PAGE + pick(0x1000 / 64) * 64; /* cannot be written */
	case 3: return RO_PAGE + pick(0x1000);
	case 4: return RW_PAGE + RW_BYTES + pick(0x1000); /* nothing */
	case 5: return RO_PAGE - pick(70);
	case 6:
	case 7: return RW_PAGE + 0x1000 - pick(70); /* over the page edge */
	case 8: return page + pick(0x1000 - 64);
	case 9: return page + pick(0x1000 / 16 - 4) * 16;
	case 10: return page + pick(0x1000 / 32 - 4) * 32;
	case 11: return page + pick(0x1000 / 8 - 8) * 8;
	case 12: return page + pick(0x1000 / 4 - 16) * 4;
	default: return page + pick(0x1000 / 64) * 64;
	}
}

/* A significand whose low bits decide how it is rounded. */
static uint64_t pick_significand(void)
{
	uint64_t value = next_random();
	unsigned int bit = pick(64);

	switch (pick(8)) {
	case 0: value = 0; break;
	case 1: value = ~0ull; break;
	case 2: value = 1ull << bit; break;
	case 3: value = ~0ull << bit; break;
	case 4: value &= ~0ull << bit; break;
	case 5: value = (value & ~0ull << bit) | 1ull << (bit / 2); break;
	case 6: value = (value & ~0ull << bit) + (1ull << bit) / 2 + pick(3) - 1; break;
	default: break;
	}
	return pick(8) ? value | 1ull << 63 : value;
}

static void pick_extended(uint8_t *st)
{
	static const uint16_t near[] = { 0x3fff,
					 0x3ffe,
					 0x3fff + 15,
					 0x3fff + 31,
					 0x3fff + 63,
					 0x3fff - 126,
					 0x3fff + 128,
					 0x3fff - 1022,
					 0x3fff + 1024,
					 0x3fff - 149,
					 0x3fff - 1074,
					 0,
					 1,
					 0x7ffe,
					 0x7fff,
					 0x7fff };
	uint64_t significand = pick_significand();
	unsigned int exponent =
		pick(8) ? near[pick(16)] + pick(5) - 2 : (unsigned int)next_random();

	if (!pick(3))
		exponent = 0x3fff + pick(70) - 3;
	if (!pick(10))
		exponent = pick(2) ? 0 : 0x7fff;
	exponent = (exponent & 0x7fff) | pick(2) << 15;
	if (!pick(20))
		significand = exponent = 0;
	/* Rounds up to the smallest normal number, or just does not. */
	if (!pick(16)) {
		exponent = pick(2) << 15 | (0x3fffu - (pick(2) ? 127 : 1023));
		significand = ~0ull << pick(48) | next_random() >> 24 >> pick(40);
	}
	memcpy(st, &significand, 8);
	memcpy(st + 8, &exponent, 2);
}

static void pick_x87(struct emu_x87 *x87)
{
	unsigned int flags = pick(3) ? 0 : (unsigned int)next_random() & 0x3f;
	unsigned int masks = pick(3) ? 0x3f : (unsigned int)next_random() & 0x3f;

	/* An exception that is pending ends most cases before they begin. */
	if (pick(12))
		flags &= masks;
	x87->fcw = (uint16_t)(0x40 | masks | (next_random() & 0xf00));
	x87->fsw =
		(uint16_t)(flags | (next_random() & 0x4700) | pick(8) << 11 | (pick(4) ? 0 : 0x40));
	if (flags & ~masks)
		x87->fsw |= 0x8080;
	x87->ftw = (uint8_t)next_random();
	switch (pick(4)) {
	case 0: x87->ftw = 0xff; break;
	case 1: x87->ftw = 0; break;
	case 2: x87->ftw = (uint8_t)(1u << (x87->fsw >> 11 & 7)); break;
	default: break;
	}
	x87->fop = (uint16_t)(next_random() & 0x7ff);
	x87->fip = CODE + pick(0x1000);
	x87->fdp = RW_PAGE + pick(0x1000);
	x87->mxcsr = (uint32_t)next_random() & 0xffff;
	for (unsigned int i = 0; i < 8; i++) {
		memset(x87->st[i], 0, 16);
		pick_extended(x87->st[i]);
	}
}

static void pick_state(struct state *state)
{
	for (unsigned int i = 0; i < 16; i++)
		state->gpr[i] = next_random();
	for (unsigned int i = 0; i < 32; i++) {
		uint64_t *qwords = (uint64_t *)state->vector[i];
		uint64_t fill = pick(8) == 0 ? ~0ull : 0;
		bool is_plain = !pick(6);

		for (unsigned int j = 0; j < 8; j++)
			qwords[j] = is_plain ? fill : next_random();
	}
	for (unsigned int i = 0; i < 8; i++)
		switch (pick(6)) {
		case 0: state->mask[i] = 0; break;
		case 1: state->mask[i] = ~0ull; break;
		case 2: state->mask[i] = ~0ull << pick(64); break;
		case 3: state->mask[i] = (1ull << pick(64)) - 1; break;
		case 4: state->mask[i] = next_random() & next_random() & next_random(); break;
		default: state->mask[i] = next_random();
		}
	pick_x87(&state->x87);
	if (!(host_xcr0 & XCR0_AVX))
		for (unsigned int i = 0; i < 32; i++)
			memset(state->vector[i] + 16, 0, 48);
	if (!(host_xcr0 & XCR0_OPMASK)) {
		memset(state->mask, 0, sizeof(state->mask));
		for (unsigned int i = 0; i < 32; i++)
			memset(state->vector[i] + (i < 16 ? 32 : 0), 0, i < 16 ? 32 : 64);
	}
}

/* Numbers of all kinds where an x87 load will find them. */
static void refresh_memory(uint64_t target)
{
	unsigned int at_byte = pick(RW_BYTES - 64);
	uint8_t number[16];
	uint64_t bits;

	for (unsigned int i = 0; i < 64; i++)
		before[at_byte + i] = (uint8_t)(pick(4) ? next_random() >> 50 : pick(2));
	if (target < RW_PAGE || target + 16 > RW_PAGE + RW_BYTES)
		return;
	at_byte = (unsigned int)(target - RW_PAGE);
	switch (pick(5)) {
	case 0:
		pick_extended(number);
		memcpy(before + at_byte, number, 10);
		break;
	case 1:
		bits = (uint64_t)(pick(2) ? pick(2048) : pick(2) * 2047) << 52 |
		       (pick_significand() & ~(pick(2) ? 0x7ffull : 0)) >> 12 | next_random() << 63;
		memcpy(before + at_byte, &bits, 8);
		break;
	case 2:
		bits = (uint32_t)(pick(2) ? pick(256) : pick(2) * 255) << 23 |
		       pick_significand() >> 41 | pick(2) << 31;
		memcpy(before + at_byte, &bits, 4);
		break;
	case 3:
		bits = pick_significand();
		memcpy(before + at_byte, &bits, 8);
		break;
	default: break;
	}
}

static bool has_operand(const struct emu_row *row, unsigned int kind)
{
	for (unsigned int i = 0; i < EMU_ROW_OPERANDS; i++)
		if (emu_is_kind(row->operand[i], kind))
			return true;
	return false;
}

/* Registers, or the displacement, so that the memory operand lies at `target`. */
static void aim(struct test_case *test, const struct emu_insn *insn, unsigned int disp_at,
		uint64_t target)
{
	uint64_t *gpr = test->state.gpr, address = (uint64_t)insn->disp;
	uint64_t mask = insn->address_size == 8 ? ~0ull : 0xffffffff;

	if (insn->index >= 0 && insn->index != insn->base) {
		gpr[insn->index] = pick(64);
		address += gpr[insn->index] << insn->scale;
	}
	if (insn->base >= 0 && insn->base < 16 && insn->base != insn->index) {
		uint64_t high = pick(4) ? 0 : next_random() & ~mask;

		gpr[insn->base] = ((target - address) & mask) | high;
	} else if (insn->base < 0 || insn->base == 16) {
		uint64_t disp = target - (address - (uint64_t)insn->disp);

		if (insn->base == 16)
			disp -= test->state.rip + insn->length;
		memcpy(test->bytes + disp_at, &disp, 4);
	}
}

/* Is there a quadword form that 32-bit code does not have? */
static bool is_legacy_w(const struct form *form)
{
	return form->map == EMU_MAP_0F3A && (form->opcode == 0x16 || form->opcode == 0x22);
}

/* Makes a case of a form; false if it would be no case. */
bool make_case(struct test_case *test, const struct form *form, enum emu_mode mode)
{
	bool is_long = mode == EMU_LONG64, is_maskmov = form->row->meaning == emu_x_maskmov;
	struct fields fields = { .reg = form->reg < 8 ? form->reg : pick(is_long ? 16 : 8) };
	unsigned int n = 0, modrm_at, disp_at;
	struct emu_insn insn;
	uint64_t target;

	test->form = form;
	test->mode = mode;
	pick_state(&test->state);
	test->state.rip = CODE + 0x100 + pick(0x8000);
	for (unsigned int i = 0; i < sizeof(test->bytes); i++)
		test->bytes[i] = (uint8_t)(next_random() >> 40);

	if (has_operand(form->row, KIND_H))
		fields.vvvv = pick(is_long ? 16 : 8);
	/* Intel has #UD for an opmask above k7, AMD ignores the bit; so too z without a mask. */
	if (form->row->meaning == emu_x_kmov)
		fields.reg &= 7;
	if (is_long) {
		fields.base_high = pick(2);
		fields.index_high = pick(2);
	}
	if (form->encoding == EMU_EVEX) {
		if (is_long && pick(2))
			fields.reg |= 16;
		if (is_long && pick(2) && has_operand(form->row, KIND_H))
			fields.vvvv |= 16;
		if (pick(3)) {
			fields.mask = pick(8);
			fields.is_zeroing = fields.mask && !pick(3);
		}
		fields.is_broadcast = !pick(100);
	}
	if (is_long && !pick(8))
		test->bytes[n++] = 0x67;
	/* Intel ignores W of VPINSRD and VPEXTRD here, AMD has #UD. */
	n += put_idle_prefixes(test->bytes + n, form);
	if (!is_long && form->w && (form->encoding == EMU_LEGACY || is_legacy_w(form)))
		return false;
	n += put_form(test->bytes + n, form, mode, &fields);
	modrm_at = n;
	test->bytes[n] = (uint8_t)((test->bytes[n] & 7) | (fields.reg & 7) << 3 | pick(3) << 6);
	if (is_maskmov)
		test->bytes[n] |= 0xc0;
	emu_decode(test->bytes, EMU_MAX_INSN_BYTES, mode, &insn);
	if (insn.length == 0 || insn.length > EMU_MAX_INSN_BYTES)
		return false;
	test->n_bytes = insn.length;

	target = test->target = pick_target();
	refresh_memory(target);
	disp_at = modrm_at + 1 + (insn.is_memory && (insn.modrm & 7) == 4 ? 1 : 0);
	if (is_maskmov)
		test->state.gpr[7] =
			target | (insn.address_size == 4 ? next_random() & ~0xffffffffull : 0);
	else if (insn.is_memory)
		aim(test, &insn, disp_at, target);
	if (is_long && !pick(64) && insn.base >= 0 && insn.base < 16)
		test->state.gpr[insn.base] ^= 1ull << (47 + pick(17));
	if (!is_long)
		for (unsigned int i = 0; i < 16; i++)
			test->state.gpr[i] = i < 8 ? test->state.gpr[i] & 0xffffffff : 0;
	test->state.rflags = RFLAGS_ONE | RFLAGS_IF | (next_random() & RFLAGS_STATUS) |
			     (pick(4) ? 0 : RFLAGS_AC);
	return true;
}
