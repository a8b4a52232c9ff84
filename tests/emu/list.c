/* SPDX-License-Identifier: MIT */
/*
 * docs/emulator.md from the opcode tables: without arguments the text goes to standard output. Built
 * with DOCS_CHECK it compares with the committed file instead. Also here: the tables have no hole.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "emu/row.h"
#include "tests/emu/check.h"

#define TEXT_MAX      (1 << 17)
#define MNEMONICS_MAX 400
#define FORMS_MAX     2000

static char text[TEXT_MAX];
static size_t n_text;

static void put(const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text + n_text, sizeof(text) - n_text, format, arguments);
	va_end(arguments);
	if (n < 0 || n_text + (size_t)n >= sizeof(text))
		abort();
	n_text += (size_t)n;
}

struct mnemonic {
	char name[24];
	char forms[FORMS_MAX];
	bool is_lockable, is_locked;
};

static struct mnemonic done[MNEMONICS_MAX], undone[MNEMONICS_MAX];
static unsigned int n_done, n_undone, n_rows, n_holes;

static struct mnemonic *find(struct mnemonic *list, unsigned int *n, const char *name,
			     size_t length)
{
	for (unsigned int i = 0; i < *n; i++)
		if (strlen(list[i].name) == length && !memcmp(list[i].name, name, length))
			return &list[i];
	if (*n == MNEMONICS_MAX || length >= sizeof(list->name))
		abort();
	memcpy(list[*n].name, name, length);
	return &list[(*n)++];
}

/* Name and operands: the name ends at the last blank before the first operand, if there is one. */
static size_t name_length(const struct emu_row *row)
{
	const char *comma = strchr(row->text, ',');
	size_t n = comma ? (size_t)(comma - row->text) : strlen(row->text);

	if (!row->operand[0])
		return strlen(row->text);
	while (n && row->text[n - 1] != ' ')
		n--;
	return n ? n - 1 : strlen(row->text);
}

static void add_form(struct mnemonic *mnemonic, const struct emu_row *row, const char *opcode)
{
	const char *operands = row->text + name_length(row);
	size_t at = strlen(mnemonic->forms);

	snprintf(mnemonic->forms + at, FORMS_MAX - at, "%s`%s%s`", at ? ", " : "", opcode,
		 operands);
	if (strlen(mnemonic->forms) + 2 >= FORMS_MAX)
		abort();
	mnemonic->is_lockable |= !!(row->flags & LOCK);
	mnemonic->is_locked |= !!(row->flags & XLOCK);
}

static void walk(const struct emu_row *row, const char *opcode)
{
	static const char *const by_prefix[] = { "NP ", "66 ", "F3 ", "F2 " };
	unsigned int n = 8;
	char member[32];

	if (!row->text) {
		n_holes++;
		return;
	}
	if (row->flags & ROW_GROUP) {
		if (row->flags & ROW_GROUP_MODE)
			n = 2;
		else if (row->flags & ROW_GROUP_PREFIX)
			n = 4;
		for (unsigned int i = 0; i < n; i++) {
			if (row->flags & ROW_GROUP_MODE)
				snprintf(member, sizeof(member), "%s", opcode);
			else if (row->flags & ROW_GROUP_PREFIX)
				snprintf(member, sizeof(member), "%s%s", by_prefix[i], opcode);
			else
				snprintf(member, sizeof(member), "%s /%u", opcode, i);
			walk(&row->group[i], member);
		}
		return;
	}
	n_rows++;
	if (row->flags & UD)
		return;
	if (row->meaning)
		add_form(find(done, &n_done, row->text, name_length(row)), row, opcode);
	else if ((row->shape & OPD_RM || row->flags & STACK) && !(row->flags & NOACC))
		add_form(find(undone, &n_undone, row->text, name_length(row)), row, opcode);
}

static const char introduction[] =
	"# The instruction emulator\n"
	"\n"
	"Generated from the opcode tables by `tests/emu/list.c`; the test `docs_check` compares.\n"
	"\n"
	"`emu/` decodes and executes one instruction that touches memory or a port. It is given "
	"bytes, a\n"
	"register file and a table of operations (`struct emu_ops`), and knows nothing of VMX or "
	"WHP. The\n"
	"contract is `emu/emu.h`.\n"
	"\n"
	"## Decoding\n"
	"\n"
	"`emu_decode()` answers for any bytes in any mode:\n"
	"\n"
	"| answer | meaning |\n"
	"|---|---|\n"
	"| `EMU_DECODED` | in the tables below, with its length and operands |\n"
	"| `EMU_DECODE_MORE_BYTES` | all bytes given belong to an instruction that goes on |\n"
	"| `EMU_DECODE_TOO_LONG` | longer than 15 bytes: #GP(0) |\n"
	"| `EMU_DECODE_INVALID` | no instruction in this mode, or an illegal LOCK: #UD |\n"
	"| `EMU_DECODE_UNIMPLEMENTED` | legal, touches memory, no meaning yet; the length is right "
	"|\n"
	"| `EMU_DECODE_NO_ACCESS` | legal, touches neither memory nor port; the length is right |\n"
	"\n"
	"The one-byte and the 0F map are complete, so that lengths are right for all of them. Of "
	"0F 38, 0F 3A,\n"
	"VEX and EVEX only the shape is known: lengths are right, but an opcode that does not "
	"exist there is\n"
	"`UNIMPLEMENTED` or `NO_ACCESS` too. The same holds for vector instructions of the 0F map "
	"with\n"
	"mandatory prefixes that do not exist, and for register forms of x87 and of the system "
	"groups. XOP and\n"
	"3DNow! are `INVALID`. Near branches in 64-bit mode ignore the prefix 66, as on Intel.\n"
	"\n"
	"Of the prefixes F2 and F3 the last one counts. On instructions that are not strings they "
	"are ignored;\n"
	"on MOVS STOS LODS INS OUTS, F2 is F3. In 64-bit mode the prefixes of ES CS SS DS are "
	"ignored and do\n"
	"not take back FS or GS.\n"
	"\n"
	"## Executing\n"
	"\n"
	"`emu_execute()` changes registers once, at the end, and only in `EMU_DONE` and "
	"`EMU_AGAIN`.\n"
	"\n"
	"- Checks come in the order canonical address or segment limit and type, alignment (#AC), "
	"page. Every\n"
	"  page of every operand is translated before the first byte is read or written; a device "
	"is read\n"
	"  after that, and writes come last.\n"
	"- An operand that crosses a page is split into naturally aligned parts of 1, 2, 4 or 8 "
	"bytes.\n"
	"- LOCK, and XCHG without it, replace memory with one compare-and-exchange: `EMU_RETRY` if "
	"memory has\n"
	"  changed. A locked operand that crosses a page (a split lock) is `EMU_UNIMPLEMENTED`.\n"
	"- REP moves runs of elements: up to 1024 bytes, within one page for each pointer, "
	"upwards. Downwards,\n"
	"  over a page edge, and for SCAS and CMPS it is one element for each call. A run happens "
	"whole or not\n"
	"  at all.\n"
	"- IN, OUT, INS and OUTS call `port_check` first, even with a repeat count of zero.\n"
	"- MOV to a segment register goes through `load_segment`.\n"
	"\n"
	"What manuals leave open was decided as AMD Zen does it, where it could be seen from user "
	"mode: an access\n"
	"over 4 GiB in a flat segment is #GP or #SS; EIP does not wrap at 64 KiB in 16-bit code; a "
	"shift by zero\n"
	"writes its destination; BSF and BSR of zero leave the destination whole; REP with a zero "
	"count leaves\n"
	"the upper halves of registers with 32-bit addresses. MOVSXD with 66 reads four bytes. "
	"Undefined status\n"
	"flags: AF is cleared by AND OR XOR TEST; shifts, multiplications, divisions and bit tests "
	"leave those\n"
	"that they do not define.\n"
	"\n";

static void generate(void)
{
	char opcode[32];

	for (unsigned int i = 0; i < 256; i++) {
		snprintf(opcode, sizeof(opcode), "%02X", i);
		walk(&emu_map_one[i], opcode);
	}
	for (unsigned int i = 0; i < 256; i++) {
		snprintf(opcode, sizeof(opcode), "0F %02X", i);
		walk(&emu_map_0f[i], opcode);
	}
	put("%s## Implemented: %u instructions\n\n", introduction, n_done);
	put("With a memory operand, a port or the stack; operands in the notation of SDM 2 "
	    "\"Opcode Map\" (`sIb`:\n"
	    "sign-extended byte, `Z`: register in the opcode). LOCK: the prefix is legal with a "
	    "memory\n"
	    "destination.\n\n| | forms | LOCK |\n|---|---|---|\n");
	for (unsigned int i = 0; i < n_done; i++)
		put("| %s | %s | %s |\n", done[i].name, done[i].forms,
		    done[i].is_locked	  ? "always"
		    : done[i].is_lockable ? "yes"
					  : "");
	put("\n## Known and not implemented: %u\n\n", n_undone);
	put("Legal instructions that touch memory and end in `EMU_DECODE_UNIMPLEMENTED`, under the "
	    "name of the\n"
	    "form without a mandatory prefix; besides them all of 0F 38, 0F 3A, VEX and EVEX.\n\n"
	    "| | forms |\n|---|---|\n");
	for (unsigned int i = 0; i < n_undone; i++)
		put("| %s | %s |\n", undone[i].name, undone[i].forms);
}

#ifdef DOCS_CHECK
static void emulator_md_equals_the_tables(void)
{
	static char committed[TEXT_MAX];
	FILE *file = fopen("docs/emulator.md", "rb");
	size_t n;

	CHECK(file != NULL);
	if (!file)
		return;
	n = fread(committed, 1, sizeof(committed), file);
	fclose(file);
	CHECK_EQ(n, n_text);
	CHECK(n == n_text && !memcmp(committed, text, n));
}

static void opcode_tables_have_no_hole(void)
{
	CHECK_EQ(n_holes, 0);
	CHECK(n_rows > 700);
}

int main(void)
{
	generate();
	RUN(emulator_md_equals_the_tables);
	RUN(opcode_tables_have_no_hole);
	return check_finish();
}
#else
int main(void)
{
	generate();
	fputs(text, stdout);
	return 0;
}
#endif
