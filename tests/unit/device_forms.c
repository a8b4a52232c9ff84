/* SPDX-License-Identifier: MIT */
/*
 * tests/guest/forms.inc is complete: each instruction that the emulator executes stands there, in one of the
 * modes, and each that stands there decodes. Left out are VEX and EVEX on vectors, which a child does not
 * have, and what goes to ports. The records are read as tests/system/apps/conformance/forms.c does.
 */
#include <stdio.h>
#include <string.h>

#include "emu/row.h"
#include "tests/check.h"

#define MAX_ROWS 2000u

extern const uint8_t guest_forms_real[], guest_forms_real_end[], guest_forms_prot16[],
	guest_forms_prot16_end[], guest_forms_prot32[], guest_forms_prot32_end[],
	guest_forms_long[], guest_forms_long_end[];

static const struct {
	const uint8_t *start, *end;
	enum emu_mode mode;
} lists[] = {
	{ guest_forms_real, guest_forms_real_end, EMU_REAL },
	{ guest_forms_real, guest_forms_real_end, EMU_V86 },
	{ guest_forms_prot16, guest_forms_prot16_end, EMU_PROT16 },
	{ guest_forms_prot32, guest_forms_prot32_end, EMU_PROT32 },
	{ guest_forms_long, guest_forms_long_end, EMU_LONG64 },
};

static const struct emu_row *seen[MAX_ROWS];
static unsigned int n_seen, n_forms, n_lacking;

static void see(const struct emu_row *row)
{
	for (unsigned int i = 0; i < n_seen; i++)
		if (seen[i] == row)
			return;
	if (n_seen < MAX_ROWS)
		seen[n_seen++] = row;
}

static void every_form_is_an_instruction(void)
{
	for (unsigned int list = 0; list < sizeof(lists) / sizeof(lists[0]); list++) {
		const uint8_t *at = lists[list].start;

		while (at < lists[list].end) {
			const unsigned int n_code = at[0], n_text = at[n_code + 15];
			const char *text = (const char *)at + n_code + 16;
			struct emu_insn insn;
			enum emu_decoded decoded =
				emu_decode(at + 1, n_code, lists[list].mode, &insn);

			n_forms++;
			if (decoded == EMU_DECODED && insn.row)
				see(insn.row);
			/* INVLPG, PREFETCH …; PROT in the two other modes */
			else if (decoded != EMU_DECODE_NO_ACCESS &&
				 !(decoded == EMU_DECODE_INVALID && list < 2)) {
				printf("# mode %u, %.*s: %u\n", lists[list].mode, (int)n_text, text,
				       decoded);
				FAIL("a form does not decode");
			}
			if (insn.length != n_code && decoded != EMU_DECODE_INVALID) {
				printf("# mode %u, %.*s\n", lists[list].mode, (int)n_text, text);
				FAIL("length of a form");
			}
			at += n_code + 16 + n_text;
		}
		CHECK(at == lists[list].end);
	}
	CHECK(n_forms > 2000);
}

static void look_for(const struct emu_row *row)
{
	unsigned int n = 8;

	if (row->flags & ROW_GROUP) {
		if (row->flags & ROW_GROUP_MODE)
			n = 2;
		else if (row->flags & ROW_GROUP_PREFIX)
			n = 4;
		for (unsigned int i = 0; i < n; i++)
			look_for(&row->group[i]);
		return;
	}
	if (!row->meaning || row->flags & (UD | PORT))
		return;
	for (unsigned int i = 0; i < n_seen; i++)
		if (seen[i] == row)
			return;
	n_lacking++;
	printf("# no form of %s\n", row->text);
}

static void every_row_has_a_form(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		look_for(&emu_map_one[i]);
		if (emu_map_0f[i])
			look_for(&emu_rows_0f[emu_map_0f[i]]);
		if (emu_map_0f38[i])
			look_for(&emu_rows_0f38[emu_map_0f38[i]]);
		if (emu_map_0f3a[i])
			look_for(&emu_rows_0f3a[emu_map_0f3a[i]]);
	}
	for (unsigned int i = 0; i < emu_n_rows_bmi; i++)
		look_for(&emu_rows_bmi[i]);
	CHECK_EQ(n_lacking, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_form_is_an_instruction),
		TEST(every_row_has_a_form),
	};

	return RUN(tests);
}
