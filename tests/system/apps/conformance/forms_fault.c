// SPDX-License-Identifier: MIT
/* See forms_fault.h. */
#include "tests/system/apps/conformance/forms_fault.h"

#include "tests/system/apps/conformance/emulator.h"

#define ANY (~0ull)

/* How the form begins; what the operand holds; only in code of 16 bits? */
static const struct row {
	enum emulator_fault fault;
	const char *text;
	uint64_t content;
	bool in_16bit;
} rows[] = {
	{ FAULT_DATA_PREFIX, "movbe ", ANY, true },
	{ FAULT_DATA_PREFIX, "crc32 eax, word ", ANY, true },
	{ FAULT_DATA_PREFIX, "crc32 eax, dword ", ANY, true },
	{ FAULT_MMX, "movq mm1, ", ANY, false },
	{ FAULT_MMX, "movd mm1, ", ANY, false },
	{ FAULT_MMX, "o64 movq mm1, ", ANY, false },
	{ FAULT_MMX, "pinsrw mm1, ", ANY, false },
	{ FAULT_X87_STACK, "fild ", ANY, false },
	{ FAULT_X87_STACK, "fld ", ANY, false },
	{ FAULT_C1, "fist ", ANY, false },
	{ FAULT_C1, "fistp ", ANY, false },
	{ FAULT_MXCSR, "ldmxcsr ", 0x11fbf, false },
	{ FAULT_NULL_SYSTEM, "lldt ", 0, false },
	{ FAULT_NULL_SYSTEM, "ltr ", 0, false },
	{ FAULT_BLSI, "blsi ", ANY, false },
	{ FAULT_ADX, "adcx eax, ", ANY, false },
	{ FAULT_ADX, "adox eax, ", ANY, false },
	{ FAULT_FAR_POINTER, "jmp far qword ", ANY, false },
	{ FAULT_FAR_POINTER, "call far qword ", ANY, false },
	{ FAULT_FAR_SEGMENT, "o64 lfs ", ANY, false },
	{ FAULT_FAR_SEGMENT, "o64 lgs ", ANY, false },
};

static bool begins(const uint8_t *text, unsigned int n_text, const char *with)
{
	unsigned int i;

	for (i = 0; with[i]; i++)
		if (i == n_text || text[i] != (uint8_t)with[i])
			return false;
	return true;
}

bool forms_is_faulty(const uint8_t *text, unsigned int n_text, uint64_t content, bool is_16bit)
{
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *const row = &rows[i];

		if (begins(text, n_text, row->text) &&
		    (row->content == ANY || row->content == content) &&
		    (!row->in_16bit || is_16bit) && emulator_has(row->fault))
			return true;
	}
	return false;
}
