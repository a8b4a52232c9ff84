/* SPDX-License-Identifier: MIT */
/*
 * docs/emulator.md from the opcode tables: `list --write` prints it. The test compares it with the committed file, and
 * sees that the tables have no hole.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/row.h"
#include "tests/check.h"

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
	unsigned int reason; /* why it is not executed */
};

/* Why legal instructions are refused: names in blanks, or all whose operands are of a kind. */
static const struct {
	const char *names;
	unsigned int kind;
	const char *why;
} reasons[] = {
	{ " RETF INT INT3 INT1 INTO IRET ", 0,
	  "They change privilege, tasks or the interrupt flag by a frame on the stack, and nobody "
	  "keeps a "
	  "stack in a device" },
	{ " FADD FMUL FCOM FCOMP FSUB FSUBR FDIV FDIVR FIADD FIMUL FICOM FICOMP FISUB FISUBR FIDIV "
	  "FIDIVR ",
	  0, "Floating-point arithmetic, for which the emulator has no code" },
	{ " FBLD FBSTP ", 0, "Packed decimals" },
	{ " FLDENV FNSTENV FRSTOR FNSAVE FXSAVE FXRSTOR XSAVE XSAVEOPT XSAVEC XSAVES XRSTOR "
	  "XRSTORS ",
	  0, "The processor's state as a whole, in formats that no device has registers of" },
	{ " VMREAD VMWRITE VMPTRLD VMPTRST VMCLEAR VMXON INVEPT/INVVPID INVPCID ", 0,
	  "A guest's own virtual machines and translations are not the emulator's" },
	{ " AADD/AAND/AXOR/AOR ", 0,
	  "Remote atomic operations, for memory that many processors count in; of registers of a "
	  "device nobody wants them" },
	{ " RSTORSSP CLRSSBSY WRSS WRUSS ", 0,
	  "A shadow stack lies in pages of its own kind, which are memory" },
	{ " ENQCMD ENQCMDS ", 0,
	  "The device must answer whether it has taken the command; none that is emulated does" },
	{ " PTWRITE ", 0, "What is read goes to the trace of the processor" },
	{ " AESENC128KL AESDEC128KL AESENCWIDE128KL AESDECWIDE128KL AESENCWIDE256KL "
	  "AESDECWIDE256KL ",
	  0, "Key locker: a handle is 48 or 64 bytes of memory" },
	{ NULL, KIND_V,
	  "Arithmetic on vectors, AES and SHA: nobody computes with a register of a device as an "
	  "operand" },
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

static struct mnemonic done[MNEMONICS_MAX], undone[MNEMONICS_MAX];
static unsigned int n_done, n_undone, n_rows, n_holes, n_without_reason;

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
	static const char *const names[] = { "NP", "66", "F3", "F2" };
	const char *operands = row->text + name_length(row);
	size_t at = strlen(mnemonic->forms);
	char prefixes[16] = "";

	/* The mandatory prefixes, unless they are all or the opcode's text has them. */
	for (unsigned int i = 0; i < 4; i++)
		if (row->flags & NP << i && (~row->flags & (NP | P66 | PF3 | PF2)))
			snprintf(prefixes + strlen(prefixes), sizeof(prefixes) - strlen(prefixes),
				 "%s%s", prefixes[0] ? "/" : "", names[i]);
	snprintf(mnemonic->forms + at, FORMS_MAX - at, "%s`%s%s%s%s`", at ? ", " : "", prefixes,
		 prefixes[0] ? " " : "", opcode, operands);
	if (strlen(mnemonic->forms) + 2 >= FORMS_MAX)
		abort();
	mnemonic->is_lockable |= !!(row->flags & LOCK);
	mnemonic->is_locked |= !!(row->flags & XLOCK);
}

static void add_undone(const struct emu_row *row, const char *opcode)
{
	struct mnemonic *mnemonic = find(undone, &n_undone, row->text, name_length(row));
	unsigned int reason;
	char name[32];

	snprintf(name, sizeof(name), " %s ", mnemonic->name);
	for (reason = 0; reason < N_REASONS; reason++) {
		if (reasons[reason].names && strstr(reasons[reason].names, name))
			break;
		if (!reasons[reason].names && (emu_is_kind(row->operand[0], reasons[reason].kind) ||
					       emu_is_kind(row->operand[1], reasons[reason].kind)))
			break;
	}
	if (reason == N_REASONS)
		n_without_reason++;
	mnemonic->reason = reason;
	add_form(mnemonic, row, opcode);
}

static void walk(const struct emu_row *row, const char *opcode, bool is_vex)
{
	static const char *const by_prefix[] = { "NP ", "66 ", "F3 ", "F2 " };
	unsigned int n = 8;
	char member[64];

	if (!row->text) {
		n_holes += !is_vex; /* of VEX no more members of a group are there than exist */
		return;
	}
	if (row->flags & ROW_GROUP) {
		if (row->flags & ROW_GROUP_MODE)
			n = 2;
		else if (row->flags & ROW_GROUP_PREFIX || is_vex)
			n = 4; /* of VEX those up to /3, no more exist */
		for (unsigned int i = 0; i < n; i++) {
			if (row->flags & ROW_GROUP_MODE)
				snprintf(member, sizeof(member), "%s", opcode);
			else if (row->flags & ROW_GROUP_PREFIX)
				snprintf(member, sizeof(member), "%s%s", by_prefix[i], opcode);
			else
				snprintf(member, sizeof(member), "%s /%u", opcode, i);
			walk(&row->group[i], member, is_vex);
		}
		return;
	}
	n_rows++;
	if (row->flags & UD)
		return;
	if (row->meaning)
		add_form(find(done, &n_done, row->text, name_length(row)), row, opcode);
	else if ((row->shape & OPD_RM || row->flags & STACK) && !(row->flags & NOACC))
		add_undone(row, opcode);
}

static bool is_same(const struct emu_row *a, const struct emu_row *b)
{
	return !(a->flags & (ROW_GROUP | UD)) && !strcmp(a->text, b->text) &&
	       a->flags == b->flags && a->meaning == b->meaning;
}

/* A map of 256 opcodes, by number of row or row by row; neighbours that are the same are named together. */
static void walk_map(const struct emu_row *rows, const uint8_t *map, const char *prefix)
{
	unsigned int last;

	for (unsigned int first = 0; first < 256; first = last + 1) {
		const struct emu_row *row = &rows[map ? map[first] : first];
		char opcode[32];
		int n = snprintf(opcode, sizeof(opcode), "%s%02X", prefix, first);

		for (last = first; last < 255; last++)
			if (!is_same(row, &rows[map ? map[last + 1] : last + 1]))
				break;
		if (last != first)
			snprintf(opcode + n, sizeof(opcode) - (size_t)n, "-%02X", last);
		walk(row, opcode, false);
	}
}

/* Rows of VEX or EVEX, which are found by key. */
static void walk_keys(const struct emu_row *rows, unsigned int n, const char *encoding)
{
	static const char *const prefixes[] = { "", ".66", ".F3", ".F2" };
	static const char *const maps[] = { "?", "0F", "0F38", "0F3A", "4", "MAP5", "MAP6", "7" };

	for (unsigned int i = 0; i < n; i++) {
		unsigned int key = rows[i].key;
		bool is_both = encoding[0] == 'V' && rows[i].vector & EVEX_TOO;
		char opcode[48];

		snprintf(opcode, sizeof(opcode), "%s%s.%s %02X", is_both ? "(E)VEX" : encoding,
			 prefixes[key >> 8 & 3], maps[key >> 10 & 7], key & 0xff);
		walk(&rows[i], opcode, true);
	}
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
	"| `EMU_DECODE_UNIMPLEMENTED` | legal, touches memory, not implemented; the length is "
	"right |\n"
	"| `EMU_DECODE_NO_ACCESS` | legal, touches neither memory nor port; LEA too, which names "
	"memory |\n"
	"\n"
	"The tables know every opcode of the four legacy maps, of VEX and of EVEX, with the "
	"prefixes, ModRM\n"
	"bytes and modes in which it exists, up to CMPccXADD, RAO-INT, AVX-VNNI-INT16, SM4 and "
	"AMX-COMPLEX; what\n"
	"is newer (APX, AVX10.2, USER_MSR) is `INVALID`. They are compared with Zydis and binutils "
	"by\n"
	"`tests/emu/decode_oracle`, which lists what those two see otherwise. XOP, 3DNow!, FMA4 "
	"and what only\n"
	"Xeon Phi or VIA have is `INVALID`; MPX, CLDEMOTE and CET hints are the NOPs that they are "
	"on other\n"
	"processors. NOP and PREFETCH with a memory operand are executed, and touch nothing. Near "
	"branches in\n"
	"64-bit mode ignore the prefix 66, as on Intel.\n"
	"\n"
	"What a processor has beyond the base of x86-64 (`cpu.features`) is #UD without its bit.\n"
	"\n"
	"If there are both F2 and F3, the last of them counts. On instructions that are not "
	"strings they "
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
	"  changed. One that crosses a page (a split lock) is not atomic as a whole: its first "
	"aligned "
	"part is\n"
	"  compared and exchanged, the rest is written after that.\n"
	"- REP moves runs of elements: up to 1024 bytes, within one page for each pointer, "
	"upwards. Downwards,\n"
	"  over a page edge, and for SCAS and CMPS it is one element for each call. A run happens "
	"whole or not\n"
	"  at all.\n"
	"- IN, OUT, INS and OUTS call `port_check` first, even with a repeat count of zero.\n"
	"- Segment registers are loaded with all checks of the architecture, from descriptors that "
	"are "
	"read as the\n"
	"  processor reads them (`EMU_IMPLICIT`) and marked as accessed. Far CALL and JMP stay at "
	"their privilege:\n"
	"  gates and tasks are `EMU_UNIMPLEMENTED`, and 64-bit code beyond its limit from outside "
	"64-bit "
	"mode.\n"
	"- A nesting level of ENTER whose frame pointers lie where it pushes is "
	"`EMU_UNIMPLEMENTED`.\n"
	"- An operation that a home does not offer ends an instruction that comes to need it in "
	"`EMU_UNIMPLEMENTED`,\n"
	"  with nothing changed; `tests/emu/absent` executes every form without each of them.\n"
	"- An operand of two parts is two operands: a far pointer (LES LDS LSS LFS LGS, far CALL "
	"and JMP), the two\n"
	"  bounds of BOUND, limit and base of LGDT LIDT SGDT SIDT, significand and exponent of an "
	"x87 number of\n"
	"  80 bits. Each part is formed, wrapped at the address size, and checked against limit "
	"and "
	"page by itself:\n"
	"  in real mode `LES DX, [BX]` with BX = FFFEh reads ES at offset 0.\n"
	"\n"
	"What manuals leave open was decided as AMD Zen does it, where it could be seen from user "
	"mode: an access\n"
	"over 4 GiB in a flat segment is #GP or #SS; EIP does not wrap at 64 KiB in 16-bit code; a "
	"shift by zero\n"
	"writes its destination; BSF and BSR of zero leave the destination whole; REP with a zero "
	"count leaves\n"
	"the upper halves of registers with 32-bit addresses. Undefined status flags: AF is "
	"cleared "
	"by AND OR XOR\n"
	"TEST; shifts, multiplications, divisions and bit tests leave those that they do not "
	"define.\n"
	"\n"
	"## Intel and AMD\n"
	"\n"
	"Where the two differ the emulator does as the vendor of the processor does that it runs "
	"on "
	"(`EMU_AMD` in\n"
	"`cpu.features`), but for the last row.\n"
	"\n"
	"| | Intel | AMD |\n"
	"|---|---|---|\n"
	"| MOVSXD with a 16-bit operand size | reads 2 bytes | reads 4 bytes, writes 2 |\n"
	"| PUSH of a segment register, operand size 4 | writes 2 bytes, the 2 above stay | writes "
	"4 "
	"bytes, zeros above |\n"
	"| POP of a segment register, operand size 4 or 8 | reads 2 bytes | reads 4 or 8 bytes |\n"
	"| LSS LFS LGS, far CALL and JMP with REX.W | offset of 8 bytes | offset of 4 bytes; CALL "
	"pushes 8 for each |\n"
	"| near CALL, JMP and RET with 66 in 64-bit mode | the prefix is ignored | operand size 2; "
	"the emulator does as Intel |\n"
	"\n"
	"Intel's are of SDM 2 \"MOVSXD\", \"PUSH\", \"LDS\" and SDM 3B \"Selector Pushes and "
	"Pops\"; AMD's were seen on Zen.\n"
	"An operand of two parts wraps on both: AMD's does, and Intel's in Bochs.\n"
	"\n";

static void generate(void)
{
	walk_map(emu_map_one, NULL, "");
	walk_map(emu_rows_0f, emu_map_0f, "0F ");
	walk_map(emu_rows_0f38, emu_map_0f38, "0F 38 ");
	walk_map(emu_rows_0f3a, emu_map_0f3a, "0F 3A ");
	walk_keys(emu_rows_bmi, emu_n_rows_bmi, "VEX");
	walk_keys(emu_rows_vex, emu_n_rows_vex, "VEX");
	walk_keys(emu_rows_evex, emu_n_rows_evex, "EVEX");
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
	put("\n## Legal and not implemented: %u\n\n", n_undone);
	put("What is in none of these tables touches neither memory nor port, or is no "
	    "instruction. The rest\n"
	    "touches memory and ends in `EMU_DECODE_UNIMPLEMENTED`: of VEX and EVEX whatever is "
	    "not listed above\n"
	    "(arithmetic on vectors, gathers and scatters, tiles, CMPccXADD), and these.\n");
	for (unsigned int reason = 0; reason < N_REASONS; reason++) {
		put("\n%s:\n\n| | forms |\n|---|---|\n", reasons[reason].why);
		for (unsigned int i = 0; i < n_undone; i++)
			if (undone[i].reason == reason)
				put("| %s | %s |\n", undone[i].name, undone[i].forms);
	}
}

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
	CHECK(n_rows > 600);
}

static void every_refusal_has_a_reason(void)
{
	CHECK_EQ(n_without_reason, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(emulator_md_equals_the_tables),
		TEST(opcode_tables_have_no_hole),
		TEST(every_refusal_has_a_reason),
	};

	generate();
	if (argc == 2 && !strcmp(argv[1], "--write"))
		return fputs(text, stdout) < 0;
	return RUN(tests);
}
