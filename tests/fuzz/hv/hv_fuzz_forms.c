/* SPDX-License-Identifier: MIT */
/* Instructions for guests and the root: tests/guest/forms.inc, which is every form that the emulator executes, and those of ports. */
#include "tests/fuzz/hv/hv_fuzz.h"

#define MAX_FORMS    2048u
#define RECORD_EXTRA 15u /* behind the code: flags, set-up, content; then a text with its length */

extern const uint8_t guest_forms_real[], guest_forms_real_end[], guest_forms_prot16[],
	guest_forms_prot16_end[], guest_forms_prot32[], guest_forms_prot32_end[],
	guest_forms_long[], guest_forms_long_end[];

static struct {
	const uint8_t *record[MAX_FORMS];
	unsigned int n;
} lists[EMU_MODE_COUNT];

static void read_list(enum emu_mode mode, const uint8_t *start, const uint8_t *end)
{
	for (const uint8_t *record = start; record < end;) {
		const unsigned int n_code = record[0], n_text = record[n_code + RECORD_EXTRA];

		PROMISE(lists[mode].n < MAX_FORMS && n_code && n_code <= EMU_MAX_INSN_BYTES);
		lists[mode].record[lists[mode].n++] = record;
		record += n_code + RECORD_EXTRA + 1 + n_text;
	}
	PROMISE(lists[mode].n > 100);
}

static void read_lists(void)
{
	read_list(EMU_REAL, guest_forms_real, guest_forms_real_end);
	read_list(EMU_V86, guest_forms_real, guest_forms_real_end);
	read_list(EMU_PROT16, guest_forms_prot16, guest_forms_prot16_end);
	read_list(EMU_PROT32, guest_forms_prot32, guest_forms_prot32_end);
	read_list(EMU_LONG64, guest_forms_long, guest_forms_long_end);
}

unsigned int draw_port_string(enum emu_mode mode, bool *is_in, uint8_t *size, bool *is_rep,
			      uint8_t bytes[16])
{
	const unsigned int choice = draw8();
	const bool is_word_mode = mode == EMU_REAL || mode == EMU_V86 || mode == EMU_PROT16;
	unsigned int n = 0;

	*is_rep = choice & 1;
	*is_in = choice & 2;
	*size = (uint8_t)(1u << (choice >> 2) % 3);
	if (*is_rep)
		bytes[n++] = 0xf3;
	if (choice & 0x40)
		bytes[n++] = 0x67;
	if (*size == (is_word_mode ? 4 : 2))
		bytes[n++] = 0x66;
	bytes[n++] = (uint8_t)((*is_in ? 0x6c : 0x6e) | (*size > 1));
	return n;
}

unsigned int draw_instruction(enum emu_mode mode, uint8_t bytes[16])
{
	const uint8_t *record;
	uint8_t size;
	bool is_in, is_rep;
	unsigned int n;

	if (!lists[mode].n)
		read_lists();
	memset(bytes, 0x90, 16);
	switch (draw8() >> 5) {
	case 7: return draw_port_string(mode, &is_in, &size, &is_rep, bytes);
	case 6:
		for (n = 0; n < EMU_MAX_INSN_BYTES; n++)
			bytes[n] = draw8();
		return n;
	default: break;
	}
	record = lists[mode].record[draw16() % lists[mode].n];
	memcpy(bytes, record + 1, record[0]);
	/* A prefix that has a meaning, or none there. */
	if (rarely(16) && record[0] < EMU_MAX_INSN_BYTES) {
		static const uint8_t prefixes[] = {
			0xf0, 0xf2, 0xf3, 0x66, 0x67, 0x2e, 0x64, 0x48
		};

		memmove(bytes + 1, bytes, record[0]);
		bytes[0] = PICK(prefixes);
	}
	return record[0];
}
