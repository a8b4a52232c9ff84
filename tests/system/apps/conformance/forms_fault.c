// SPDX-License-Identifier: MIT
/* See forms_fault.h. */
#include "tests/system/apps/conformance/forms_fault.h"

#include "tests/system/apps/conformance/emulator.h"
#include "x86/rflags.h"

#define ANY	    (~0ull)
#define EVERYWHERE  (FORMS_REAL | FORMS_PROT16 | FORMS_PROT32 | FORMS_LONG)
#define PROTECTED   (FORMS_PROT16 | FORMS_PROT32 | FORMS_LONG)
#define IN_16BIT    (FORMS_REAL | FORMS_PROT16)
#define IN_32BIT    (FORMS_PROT32 | FORMS_LONG)
#define ALL	    0xffu
#define NO_REGISTER 0x15u /* variants in which the x87 stack has none that is free (forms.c) */
#define X87_C1	    0x200u

/* How the form begins, what its operand holds, where it stands; and what is wrong there. */
static const struct row {
	enum emulator_fault fault;
	const char *text;
	uint64_t content;
	unsigned int code;
	struct forms_fault wrong;
} rows[] = {
	{ FAULT_DATA_PREFIX, "movbe ", ANY, IN_16BIT, { .variants = ALL } },
	{ FAULT_DATA_PREFIX, "crc32 eax, word ", ANY, IN_16BIT, { .variants = ALL } },
	{ FAULT_DATA_PREFIX, "crc32 eax, dword ", ANY, IN_16BIT, { .variants = ALL } },
	{ FAULT_MMX, "movq mm1, ", ANY, EVERYWHERE, { .is_st_high = true } },
	{ FAULT_MMX, "movd mm1, ", ANY, EVERYWHERE, { .is_st_high = true } },
	{ FAULT_MMX, "pinsrw mm1, ", ANY, EVERYWHERE, { .is_st_high = true } },
	{ FAULT_X87_STACK, "fild ", ANY, EVERYWHERE, { .variants = NO_REGISTER } },
	{ FAULT_X87_STACK, "fld ", ANY, EVERYWHERE, { .variants = NO_REGISTER } },
	{ FAULT_C1, "fist ", ANY, EVERYWHERE, { .x87_status = X87_C1 } },
	{ FAULT_C1, "fistp ", ANY, EVERYWHERE, { .x87_status = X87_C1 } },
	{ FAULT_MXCSR, "ldmxcsr ", 0x11fbf, EVERYWHERE, { .variants = ALL } },
	{ FAULT_NULL_SYSTEM, "lldt ", 0, PROTECTED, { .variants = ALL } },
	{ FAULT_NULL_SYSTEM, "ltr ", 0, PROTECTED, { .variants = ALL } },
	{ FAULT_BLSI, "blsi ", ANY, IN_32BIT, { .rflags = RFLAGS_CF } },
	{ FAULT_ADX, "adcx eax, ", ANY, FORMS_LONG, { .variants = ALL } },
	{ FAULT_ADX, "adox eax, ", ANY, FORMS_LONG, { .variants = ALL } },
	{ FAULT_FAR_POINTER, "jmp far qword ", ANY, FORMS_LONG, { .variants = ALL } },
	{ FAULT_FAR_POINTER, "call far qword ", ANY, FORMS_LONG, { .variants = ALL } },
	{ FAULT_FAR_SEGMENT, "o64 lfs ", ANY, FORMS_LONG, { .variants = ALL } },
	{ FAULT_FAR_SEGMENT, "o64 lgs ", ANY, FORMS_LONG, { .variants = ALL } },
};

static bool begins(const uint8_t *text, unsigned int n_text, const char *with)
{
	unsigned int i;

	for (i = 0; with[i]; i++)
		if (i == n_text || text[i] != (uint8_t)with[i])
			return false;
	return true;
}

struct forms_fault forms_fault_of(const uint8_t *text, unsigned int n_text, uint64_t content,
				  unsigned int code)
{
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *const row = &rows[i];

		if (begins(text, n_text, row->text) &&
		    (row->content == ANY || row->content == content) && (row->code & code) &&
		    emulator_has(row->fault))
			return row->wrong;
	}
	return (struct forms_fault) { .variants = 0 };
}
