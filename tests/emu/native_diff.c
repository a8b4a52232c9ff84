/* SPDX-License-Identifier: MIT */
/*
 * Comparing a case's two results. What may differ stands here with its condition and its reason; nothing
 * else may.
 */
#include <string.h>

#include "tests/emu/native.h"
#include "x86/exc.h"
#include "x86/rflags.h"

#define EVERYWHERE(reason_name, text)                 \
	{                                             \
		.name = (reason_name), .reason = text \
	}
#define ON_INTEL(reason_name, text)                                     \
	{                                                               \
		.name = (reason_name), .reason = text, .is_intel = true \
	}
#define ON_AMD(reason_name, text)                                     \
	{                                                             \
		.name = (reason_name), .reason = text, .is_amd = true \
	}

const struct native_explained native_explained[NATIVE_N_EXPLANATIONS] = {
	[NATIVE_UNDEFINED_FLAGS] =
		EVERYWHERE("undefined flags", "the manual leaves these flags undefined"),
	[NATIVE_UNDEFINED_RESULT] =
		EVERYWHERE("undefined result",
			   "16-bit SHLD and SHRD by more than 16: even the result is undefined"),
	[NATIVE_TWO_FAULTS] = EVERYWHERE(
		"two faults", "both operands fault: which one is reported is not documented"),
	[NATIVE_FAR_CALL] =
		EVERYWHERE("far call",
			   "both fault: AMD pushes before it checks the target, Intel's manual has "
			   "it the other way"),
	[NATIVE_FAR_CALL_STACK] =
		ON_AMD("far call's stack",
		       "into compatibility mode with RSP above 4 GiB: AMD pushes in the new "
		       "mode, Intel's manual in the old"),
	[NATIVE_FAR_POINTER] = ON_INTEL(
		"two parts", "both fault: AMD looks at all of the first part before the second, of "
			     "Intel it is not documented"),
	[NATIVE_CMPXCHG16B] = EVERYWHERE(
		"cmpxchg16b", "over the canonical border in SS and not aligned: #GP or #SS is not "
			      "documented"),
	[NATIVE_HALF_DONE] = EVERYWHERE(
		"half done",
		"same fault: AMD has written some of the stack in ENTER and PUSHA, loaded "
		"some registers in POPA"),
	[NATIVE_UPPER_HALVES] =
		EVERYWHERE("upper halves",
			   "into compatibility mode: bits 32 to 63 of registers are undefined"),
	[NATIVE_ARPL] = EVERYWHERE("arpl", "AMD writes, and checks for it, only what changes"),
	[NATIVE_OFFSET] = ON_AMD(
		"offset not canonical",
		"AMD wants it canonical, and whole below 2^64, before the base of FS or GS is "
		"added, Intel after"),
	[NATIVE_PUSHED_SELECTOR] =
		ON_INTEL("pushed selector",
			 "far CALL: the manual leaves it open if the bytes above CS are written"),
	[NATIVE_EMPTY_SCAN] =
		ON_INTEL("empty scan", "BSF and BSR of zero leave the destination undefined"),
	[NATIVE_LOCKED_VERIFY] = ON_AMD("locked VERR, VERW", "AMD does not refuse the LOCK"),
	[NATIVE_TOO_LONG] =
		EVERYWHERE("too long",
			   "no instruction and longer than 15 bytes: #UD or #GP is not documented"),
	[NATIVE_UMIP] = EVERYWHERE(
		"umip", "Linux emulates what UMIP makes #GP(0): SGDT SIDT SLDT STR SMSW"),
	[NATIVE_XOP] = ON_AMD("xop", "8F with a number in ModRM.reg begins an XOP prefix on AMD"),
	[NATIVE_HYPERCALL] = EVERYWHERE(
		"hypercalls", "not run: 0F 01 without memory is for the hypervisor below"),
	[NATIVE_NEAR_66] = ON_AMD("near branch with 66",
				  "64-bit mode: Intel ignores the prefix, AMD takes 16 bits"),
	[NATIVE_FAR_TO_64] = EVERYWHERE("far to 64-bit code",
					"the emulator refuses a CALL out of compatibility mode"),
	[NATIVE_ENTER] =
		EVERYWHERE("enter over its source",
			   "the emulator refuses to copy frame pointers from where it writes them"),
	[NATIVE_OWN_MEMORY] =
		EVERYWHERE("own memory", "not run: the address may be this program's"),
	[NATIVE_OWN_CODE] =
		EVERYWHERE("own code", "not run: the branch may lead to this program's code"),
	[NATIVE_CPU_NUMBER] = EVERYWHERE(
		"cpu number", "not run: the limit of GDT entry 15 is the processor's number"),
	[NATIVE_TRAP_FLAG] =
		EVERYWHERE("trap flag", "not run: it sets TF, whose trap is the caller's"),
};

/* Status flags that the manual leaves undefined. */
static uint64_t undefined_flags(const struct native_case *test, const struct emu_insn *insn)
{
	static const char *const logic[] = { "AND", "OR", "XOR", "TEST", NULL };
	static const char *const multiply[] = { "MUL", "IMUL", NULL };
	static const char *const divide[] = { "DIV", "IDIV", NULL };
	static const char *const rotate[] = { "ROL", "ROR", "RCL", "RCR", NULL };
	static const char *const shift[] = { "SHL", "SAL", "SHR", "SAR", "SHLD", "SHRD", NULL };
	static const char *const bit[] = { "BT", "BTS", "BTR", "BTC", NULL };
	static const char *const scan[] = { "BSF", "BSR", "TZCNT", "LZCNT", NULL };
	static const char *const lowest[] = { "ANDN", "BLSI", "BLSR", "BLSMSK", "BZHI", NULL };
	const char *text = insn->row->text;
	unsigned int count;
	uint64_t flags = 0;

	if (native_is_one_of(text, logic))
		return RFLAGS_AF;
	if (native_is_one_of(text, multiply))
		return RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
	if (native_is_one_of(text, divide))
		return RFLAGS_STATUS;
	if (native_is_one_of(text, bit))
		return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	if (native_is_one_of(text, scan)) {
		flags = RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
		return text[0] == 'B' ? flags | RFLAGS_CF : flags;
	}
	if (native_is_one_of(text, lowest))
		return RFLAGS_AF | RFLAGS_PF;
	if (native_starts(text, "BEXTR"))
		return RFLAGS_AF | RFLAGS_SF | RFLAGS_PF;
	if (!native_is_one_of(text, rotate) && !native_is_one_of(text, shift))
		return 0;
	count = strstr(text, "Ib")   ? (unsigned int)insn->imm
		: strstr(text, "CL") ? (unsigned int)test->gpr[1]
				     : 1;
	count &= insn->operand_size == 8 ? 63 : 31;
	if (count > 1)
		flags |= RFLAGS_OF;
	if (native_is_one_of(text, shift)) {
		if (count)
			flags |= RFLAGS_AF;
		if (count >= 8u * insn->operand_size && !native_starts(text, "SAR"))
			flags |= RFLAGS_CF;
	}
	return flags;
}

static bool has_undefined_result(const struct native_case *test, const struct emu_insn *insn)
{
	unsigned int count;

	if (insn->operand_size != 2 ||
	    (!native_starts(insn->row->text, "SHLD") && !native_starts(insn->row->text, "SHRD")))
		return false;
	count = (unsigned int)(strstr(insn->row->text, "Ib") ? insn->imm : test->gpr[1]) & 31;
	return count > 16;
}

/* May the processor fetch there: an INT3 of the code pages, or nothing at all? */
static bool can_land(const struct native_case *test, const struct native_result *emulated)
{
	uint64_t from = native_code_linear(test, test->rip);
	uint64_t linear = emulated->rip + emulated->segment[SEG_CS].base;
	bool is_same = emulated->segment[SEG_CS].selector == test->segment[SEG_CS].selector;

	if (is_same && emulated->rip == test->rip + test->n_bytes)
		return true;
	if (test->mode != EMU_LONG64)
		linear &= 0xffffffff;
	/* A far CALL that faults late on AMD may have pushed into these pages before. */
	if (linear - CODE < CODE_BYTES)
		return linear - from >= 2 * EMU_MAX_INSN_BYTES &&
		       *(const uint8_t *)(uintptr_t)linear == 0xcc;
	return linear - ARENA < ARENA_BYTES || linear >= USER_END || native_is_empty(linear);
}

/* May a far CALL push before it faults, in the old mode or in the new? */
static bool is_stack_harmless(const struct native_case *test)
{
	uint64_t base = test->mode == EMU_LONG64 ? 0 : test->segment[SEG_SS].base;
	uint64_t wide = test->gpr[4] + base, narrow = wide & 0xffffffff;

	return (narrow - ARENA < ARENA_BYTES || native_is_empty(narrow)) &&
	       (narrow == wide || test->mode != EMU_LONG64 || wide >= USER_END ||
		native_is_empty(wide));
}

static bool is_near_branch(const struct emu_insn *insn)
{
	static const char *const near[] = { "CALL", "JMP", "RET", NULL };

	return native_is_one_of(insn->row->text, near) && insn->row->flags & F64;
}

static enum native_explanation excluded(const struct native_case *test, const struct emu_insn *insn,
					enum emu_decoded decoded, enum emu_outcome outcome,
					const struct native_result *emulated)
{
	if (decoded == EMU_DECODE_INVALID) {
		if (insn->opcode == 0x8f && insn->map == EMU_MAP_ONE)
			return NATIVE_XOP;
		if (insn->opcode == 0x01 && insn->map == EMU_MAP_0F && !insn->is_memory)
			return NATIVE_HYPERCALL;
		return NATIVE_UNEXPLAINED;
	}
	if (decoded == EMU_DECODE_TOO_LONG && test->mode == EMU_LONG64 &&
	    insn->map == EMU_MAP_ONE && insn->opcode == 0xe8 && insn->prefixes & EMU_PREFIX_66)
		return NATIVE_NEAR_66; /* CALL, which is two bytes shorter then */
	if (decoded != EMU_DECODED)
		return NATIVE_UNEXPLAINED;
	if (has_undefined_result(test, insn))
		return NATIVE_UNDEFINED_RESULT;
	if (test->mode == EMU_LONG64 && is_near_branch(insn) && insn->prefixes & EMU_PREFIX_66)
		return NATIVE_NEAR_66;
	if (native_is_unknown)
		return NATIVE_CPU_NUMBER;
	if (outcome == EMU_UNIMPLEMENTED) {
		if (test->mode != EMU_LONG64 &&
		    native_rows[native_row_index(insn->row)].content == CONTENT_FAR)
			return NATIVE_FAR_TO_64;
		if (native_starts(insn->row->text, "ENTER"))
			return NATIVE_ENTER;
		return NATIVE_UNEXPLAINED;
	}
	if (emulated->vector == EXC_PF && emulated->address - ARENA >= ARENA_BYTES &&
	    emulated->address < USER_END && !native_is_empty(emulated->address))
		return NATIVE_OWN_MEMORY;
	if (emulated->vector >= 0 &&
	    native_rows[native_row_index(insn->row)].content == CONTENT_FAR &&
	    native_starts(insn->row->text, "CALL") && !is_stack_harmless(test))
		return NATIVE_OWN_MEMORY;
	if (emulated->vector < 0 && emulated->rflags & RFLAGS_TF)
		return NATIVE_TRAP_FLAG;
	if (emulated->vector < 0 && !can_land(test, emulated))
		return NATIVE_OWN_CODE;
	return NATIVE_UNEXPLAINED;
}

/* A reason that holds on this processor, or none. */
static enum native_explanation if_here(enum native_explanation why)
{
	if (why == NATIVE_UNEXPLAINED)
		return why;
	if (native_explained[why].is_amd && !native_is_amd)
		return NATIVE_UNEXPLAINED;
	if (native_explained[why].is_intel && native_is_amd)
		return NATIVE_UNEXPLAINED;
	return why;
}

enum native_explanation native_excluded(const struct native_case *test, const struct emu_insn *insn,
					enum emu_decoded decoded, enum emu_outcome outcome,
					const struct native_result *emulated)
{
	return if_here(excluded(test, insn, decoded, outcome, emulated));
}

enum native_explanation native_explain_invalid(const struct emu_insn *insn,
					       enum emu_decoded decoded,
					       const struct native_result *native)
{
	unsigned int reg = insn->reg & 7;

	if (decoded == EMU_DECODE_TOO_LONG)
		return native->vector == EXC_UD ? NATIVE_TOO_LONG : NATIVE_UNEXPLAINED;
	if (insn->length >= EMU_MAX_INSN_BYTES && native->vector == EXC_GP)
		return NATIVE_TOO_LONG;
	if (insn->map == EMU_MAP_0F && insn->opcode == 0x00 && (reg == 4 || reg == 5) &&
	    insn->prefixes & EMU_PREFIX_LOCK && insn->is_memory)
		return if_here(NATIVE_LOCKED_VERIFY);
	return NATIVE_UNEXPLAINED;
}

static bool is_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool is_umip(const struct emu_insn *insn, const struct native_result *emulated)
{
	static const char *const names[] = { "SGDT", "SIDT", "SLDT", "STR", "SMSW", NULL };

	return native_has_umip && native_is_one_of(insn->row->text, names) &&
	       emulated->vector == EXC_GP && emulated->error_code == 0;
}

/* The offset of an operand in FS or GS, or of its end, in 64-bit mode: canonical, and not around 2^64? */
static bool has_wild_offset(const struct native_case *test, const struct emu_insn *insn)
{
	uint64_t offset = (uint64_t)insn->disp;

	if (test->mode != EMU_LONG64 || insn->segment < SEG_FS || insn->address_size != 8)
		return false;
	if (insn->is_string)
		return !is_canonical(test->gpr[6]);
	if (!insn->has_modrm && insn->is_memory)
		return !is_canonical(insn->imm);
	if (!insn->is_memory) /* XLAT */
		return !is_canonical(test->gpr[3] + (test->gpr[0] & 0xff));
	if (insn->base == 16)
		offset += test->rip + insn->length;
	else if (insn->base >= 0)
		offset += test->gpr[insn->base];
	if (insn->index >= 0)
		offset += test->gpr[insn->index] << insn->scale;
	return !is_canonical(offset) || !is_canonical(offset + 15) || offset + 15 < offset;
}

static bool are_lower_halves_equal(const struct native_result *a, const struct native_result *b)
{
	for (unsigned int i = 0; i < 16; i++)
		if ((uint32_t)a->gpr[i] != (uint32_t)b->gpr[i])
			return false;
	return true;
}

/* Why two results differ in `what`. */
static enum native_explanation explain(const struct native_case *test, const struct emu_insn *insn,
				       const struct native_result *native,
				       const struct native_result *emulated, const char *what)
{
	static const char *const scans[] = { "BSF", "BSR", NULL };
	static const char *const many[] = { "ENTER", "PUSHA", "POPA", NULL };
	enum native_content content = native_rows[native_row_index(insn->row)].content;
	bool both_fault = native->vector >= 0 && emulated->vector >= 0;
	const char *text = insn->row->text;

	if (is_umip(insn, emulated))
		return NATIVE_UMIP;
	if (native_starts(text, "CMPS") && both_fault)
		return NATIVE_TWO_FAULTS;
	if (content == CONTENT_FAR && both_fault && native_starts(text, "CALL") &&
	    (native->vector == EXC_SS || native->vector >= EXC_PF || !strcmp(what, "memory")))
		return NATIVE_FAR_CALL;
	if (content == CONTENT_FAR && native_starts(text, "CALL") && test->mode == EMU_LONG64 &&
	    test->gpr[4] >> 32 && (emulated->vector == EXC_SS || emulated->vector == EXC_PF))
		return NATIVE_FAR_CALL_STACK;
	if ((content == CONTENT_FAR || content == CONTENT_BOUND) && both_fault && insn->is_memory &&
	    native->vector >= EXC_PF && emulated->vector < EXC_PF)
		return NATIVE_FAR_POINTER;
	if (native_starts(text, "CMPXCHG8B") && insn->rex & 8 && native->vector == EXC_GP &&
	    emulated->vector == EXC_SS)
		return NATIVE_CMPXCHG16B;
	if (native_is_one_of(text, many) && both_fault &&
	    (!strcmp(what, "registers") || !strcmp(what, "memory")))
		return NATIVE_HALF_DONE;
	if (test->mode == EMU_LONG64 && emulated->vector < 0 &&
	    !(emulated->segment[SEG_CS].attributes & SEG_L) && !strcmp(what, "registers") &&
	    are_lower_halves_equal(native, emulated))
		return NATIVE_UPPER_HALVES;
	if (native_starts(text, "ARPL") && emulated->vector >= EXC_SS &&
	    emulated->vector <= EXC_PF &&
	    (native->vector < 0 || native->vector == EXC_AC ||
	     (native->vector == EXC_PF && !(native->error_code & PF_W))))
		return NATIVE_ARPL;
	if (!strcmp(what, "memory") && insn->operand_size > 2 && content == CONTENT_FAR &&
	    native_starts(text, "CALL"))
		return NATIVE_PUSHED_SELECTOR;
	if (!strcmp(what, "registers") && native->rflags & RFLAGS_ZF &&
	    native_is_one_of(text, scans))
		return NATIVE_EMPTY_SCAN;
	if (native->vector == EXC_GP && native->error_code == 0 && has_wild_offset(test, insn))
		return NATIVE_OFFSET;
	return NATIVE_UNEXPLAINED;
}

/* The base that a load of FS or GS left; a null selector's is the processor's choice. */
static bool is_base_equal(const struct native_case *test, const struct native_result *native,
			  const struct native_result *emulated, unsigned int seg)
{
	bool is_loaded = test->mode == EMU_LONG64 ||
			 emulated->segment[seg].selector != test->segment[seg].selector;

	if (!native_has_fsgsbase || !is_loaded || !(emulated->segment[seg].selector & 0xfffc))
		return true;
	return native->segment[seg].base == emulated->segment[seg].base;
}

/* IRET, of any interrupt of the host's, makes a null selector zero. */
static bool is_selector_equal(unsigned int a, unsigned int b)
{
	return a == b || ((a | b) & 0xfffc) == 0;
}

static const char *difference(const struct native_case *test, const struct emu_insn *insn,
			      const struct native_result *native,
			      const struct native_result *emulated, enum native_explanation *why)
{
	const uint64_t compared = RFLAGS_STATUS | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT | RFLAGS_ID |
				  RFLAGS_IF | RFLAGS_IOPL;
	uint64_t flags = (native->rflags ^ emulated->rflags) & compared;
	unsigned int n_regs = test->mode == EMU_LONG64 ? 16 : 8;

	if (native->vector != emulated->vector)
		return "vector";
	if (native->error_code != emulated->error_code)
		return "error code";
	if (native->vector == EXC_PF && native->address != emulated->address)
		return "address";
	if (native->rip != emulated->rip)
		return "rip";
	if (flags && (native->vector >= 0 || flags & ~undefined_flags(test, insn)))
		return "flags";
	if (flags)
		*why = NATIVE_UNDEFINED_FLAGS;
	if (memcmp(native->gpr, emulated->gpr, n_regs * 8))
		return "registers";
	for (unsigned int i = 0; i < 6; i++)
		if (!is_selector_equal(native->segment[i].selector, emulated->segment[i].selector))
			return "selector";
	if (!is_base_equal(test, native, emulated, SEG_FS) ||
	    !is_base_equal(test, native, emulated, SEG_GS))
		return "base";
	if (memcmp((void *)RW_PAGE, native_shadow, RW_BYTES))
		return "memory";
	return NULL;
}

const char *native_compare(const struct native_case *test, const struct emu_insn *insn,
			   const struct native_result *native, const struct native_result *emulated,
			   enum native_explanation *why)
{
	const char *what = difference(test, insn, native, emulated, why);

	if (!what)
		return NULL;
	*why = if_here(explain(test, insn, native, emulated, what));
	return *why == NATIVE_UNEXPLAINED ? what : NULL;
}
