/* SPDX-License-Identifier: MIT */
/*
 * Which instructions there are. Every opcode of every map, with each mandatory prefix and each
 * ModRM.reg, is decoded with a memory operand in every mode; what ends at a row with a meaning is a
 * form. So no list of instructions has to be kept here; only of those that user mode cannot run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emu/native.h"

#define MAX_FORMS 65536
#define N_SLOTS	  4096 /* of the hash from rows to indexes; a power of two above NATIVE_MAX_ROWS */

struct native_row native_rows[NATIVE_MAX_ROWS];
struct native_form *native_forms;
unsigned int native_n_rows, native_n_forms;

static uint16_t slots[N_SLOTS]; /* index plus 1 */

bool native_starts(const char *text, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(text, name, n) && (text[n] == ' ' || text[n] == 0);
}

bool native_is_one_of(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (native_starts(text, *names))
			return true;
	return false;
}

static unsigned int slot_of(const struct emu_row *row)
{
	unsigned int slot = (unsigned int)((uintptr_t)row / sizeof(*row)) % N_SLOTS;

	while (slots[slot] && native_rows[slots[slot] - 1].row != row)
		slot = (slot + 1) % N_SLOTS;
	return slot;
}

int native_row_index(const struct emu_row *row)
{
	return (int)slots[slot_of(row)] - 1;
}

/* Vector state is another program's. */
static bool is_vector(const struct emu_row *row)
{
	static const char *const state[] = { "FXSAVE",	 "FXRSTOR",  "XSAVE",	"XRSTOR",
					     "XSAVEC",	 "XSAVEOPT", "LDMXCSR", "STMXCSR",
					     "VLDMXCSR", "VSTMXCSR", "KMOV",	NULL };

	for (unsigned int i = 0; i < EMU_ROW_OPERANDS; i++)
		if (emu_is_kind(row->operand[i], KIND_V) || emu_is_kind(row->operand[i], KIND_W) ||
		    emu_is_kind(row->operand[i], KIND_U) || emu_is_kind(row->operand[i], KIND_H))
			return true;
	return native_is_one_of(row->text, state);
}

static void set_scope(struct native_row *entry, const struct native_form *form)
{
	static const char *const privileged[] = { "LGDT", "LIDT",   "LMSW", "LLDT",
						  "LTR",  "INVLPG", NULL };
	static const char *const tables[] = { "SGDT", "SIDT", "SLDT", "STR", "SMSW", NULL };
	const struct emu_row *row = entry->row;

	if (form->encoding == EMU_LEGACY && form->map == EMU_MAP_ONE &&
	    (form->opcode & 0xf8) == 0xd8) {
		entry->scope = NATIVE_EXCLUDED;
		entry->reason = "x87: native_vector runs it";
	} else if (is_vector(row)) {
		entry->scope = NATIVE_EXCLUDED;
		entry->reason = "vectors: native_vector runs it";
	} else if (row->flags & NOACC && !native_is_one_of(row->text, privileged)) {
		entry->scope = NATIVE_COMPLETES;
		entry->reason = "touches no memory";
	} else if (native_is_one_of(row->text, tables) && !native_has_umip) {
		entry->scope = NATIVE_EXCLUDED;
		entry->reason = "without UMIP it shows tables of the kernel's";
	} else if (native_is_one_of(row->text, tables)) {
		entry->scope = NATIVE_FAULTS;
		entry->reason = "#GP(0) under UMIP";
	} else if (row->flags & PORT) {
		entry->scope = NATIVE_FAULTS;
		entry->reason = "user mode has no port";
	} else if (native_is_one_of(row->text, privileged)) {
		entry->scope = NATIVE_FAULTS;
		entry->reason = "privileged";
	} else if (row->feature && !(native_features & EMU_HAS(row->feature))) {
		entry->scope = NATIVE_FAULTS;
		entry->reason = "this processor does not have it";
	}
}

static enum native_content content_of(const struct emu_row *row)
{
	static const char *const selectors[] = { "LAR",	 "LSL",	 "VERR", "VERW",
						 "ARPL", "LLDT", "LTR",	 NULL };
	static const char *const stack[] = { "POP",  "POPA", "POPF",  "RET",
					     "RETF", "IRET", "LEAVE", NULL };
	unsigned int first = row->operand[0], second = row->operand[1];

	if ((row->flags & SREG && row->flags & W && emu_is_kind(first, KIND_S)) ||
	    native_is_one_of(row->text, selectors))
		return CONTENT_SELECTOR;
	if ((first & WIDE_MASK) == WIDE_P || (second & WIDE_MASK) == WIDE_P)
		return CONTENT_FAR;
	if (native_starts(row->text, "CALL") || native_starts(row->text, "JMP"))
		return CONTENT_NEAR;
	if (native_starts(row->text, "BOUND"))
		return CONTENT_BOUND;
	if (row->flags & BITS)
		return CONTENT_BITS;
	return row->flags & STACK && native_is_one_of(row->text, stack) ? CONTENT_STACK
									: CONTENT_ANY;
}

static void add_form(const struct native_form *form, const struct emu_row *row)
{
	unsigned int slot = slot_of(row);

	if (!slots[slot]) {
		if (native_n_rows == NATIVE_MAX_ROWS) {
			printf("too many rows\n");
			exit(1);
		}
		native_rows[native_n_rows].row = row;
		set_scope(&native_rows[native_n_rows], form);
		native_rows[native_n_rows].content = content_of(row);
		slots[slot] = (uint16_t)++native_n_rows;
	}
	if (native_n_forms == MAX_FORMS) {
		printf("too many forms\n");
		exit(1);
	}
	native_forms[native_n_forms] = *form;
	native_forms[native_n_forms++].row = (uint16_t)(slots[slot] - 1);
	native_rows[slots[slot] - 1].n_forms++;
	native_rows[slots[slot] - 1].modes |= form->modes;
}

/* The shortest bytes of the form, with zeros behind. */
static void encode(const struct native_form *form, uint8_t *bytes)
{
	static const uint8_t prefixes[4] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned int n = 0;

	memset(bytes, 0, EMU_MAX_INSN_BYTES);
	if (form->encoding == EMU_VEX) {
		bytes[n++] = 0xc4;
		bytes[n++] = (uint8_t)(0xe0 | form->map);
		bytes[n++] = (uint8_t)(form->vex_high | 0x78 | form->prefix);
	} else {
		if (form->prefix)
			bytes[n++] = prefixes[form->prefix];
		if (form->map != EMU_MAP_ONE)
			bytes[n++] = 0x0f;
		if (form->map == EMU_MAP_0F38)
			bytes[n++] = 0x38;
		if (form->map == EMU_MAP_0F3A)
			bytes[n++] = 0x3a;
	}
	bytes[n++] = form->opcode;
	bytes[n] = (uint8_t)(form->modrm_reg << 3);
}

/* Decode one encoding in the three modes; a form for each row that it leads to. */
static void try_form(struct native_form *form)
{
	static const enum emu_mode modes[] = { EMU_PROT16, EMU_PROT32, EMU_LONG64 };
	const struct emu_row *row[3] = { NULL };
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	struct emu_insn insn;

	encode(form, bytes);
	for (unsigned int i = 0; i < 3; i++) {
		if (emu_decode(bytes, sizeof(bytes), modes[i], &insn) != EMU_DECODED ||
		    insn.map != form->map || insn.opcode != form->opcode ||
		    insn.encoding != form->encoding)
			continue;
		row[i] = insn.row;
		form->has_modrm = insn.has_modrm;
	}
	for (unsigned int i = 0; i < 3; i++) {
		form->modes = 0;
		for (unsigned int j = i; j < 3 && row[i]; j++)
			if (row[j] == row[i])
				form->modes |= (uint8_t)(1 << modes[j]);
		if (form->modes && (form->has_modrm || form->modrm_reg == 0) &&
		    !(i > 0 && row[i] == row[0]) && !(i > 1 && row[i] == row[1]))
			add_form(form, row[i]);
	}
}

static int by_row(const void *a, const void *b)
{
	return (int)((const struct native_form *)a)->row -
	       (int)((const struct native_form *)b)->row;
}

void native_find_forms(void)
{
	struct native_form form = { 0 };
	unsigned int at = 0;

	native_forms = calloc(MAX_FORMS, sizeof(*native_forms));
	for (unsigned int encoding = EMU_LEGACY; encoding <= EMU_VEX; encoding++)
		for (unsigned int map = 0; map < 4; map++)
			for (unsigned int i = 0; i < 256 * 4 * 8 * 4; i++) {
				unsigned int high = i & 3;

				if (encoding == EMU_VEX ? map == 0 : high != 0)
					continue;
				form.encoding = (uint8_t)encoding;
				form.map = (uint8_t)map;
				form.vex_high = (uint8_t)((high & 1) << 7 | (high & 2) << 1);
				form.modrm_reg = i >> 2 & 7;
				form.prefix = i >> 5 & 3;
				form.opcode = (uint8_t)(i >> 7);
				try_form(&form);
			}
	qsort(native_forms, native_n_forms, sizeof(*native_forms), by_row);
	for (unsigned int i = 0; i < native_n_rows; i++) {
		native_rows[i].first_form = at;
		at += native_rows[i].n_forms;
	}
}
