// SPDX-License-Identifier: MIT
/*
 * The emulator against the processor: each instruction of tests/guest/forms.inc runs once on RAM, natively, and
 * once with the same bytes behind a device page, which the client answers from the same memory. All
 * registers, the defined flags, memory, and the exception if there is one, must be the same.
 */
#include "tests/system/apps/conformance/check.h"

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/forms_fault.h"
#include "tests/system/apps/conformance/library.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

/* As in forms.asm. */
#define SETUP_INDEX	4u
#define SETUP_STACK	5u
#define SETUP_KIND	0xfu
#define SETUP_CONTENT	0x10u
#define SETUP_ONE_PAGE	0x20u
#define SETUP_ALIGNED	0x40u
#define SETUP_UNALIGNED 0x80u
#define SETUP_EQUAL	0x100u
#define SETUP_PAIR4	0x200u
#define SETUP_PAIR8	0x400u
#define SETUP_STEP	0x800u
#define SETUP_NO_ACCESS 0x1000u
#define SETUP_LEVEL0	0x2000u

/* In the child's RAM; 16-bit segments begin at BASE16. */
#define BASE16 0x20000u
#define SOURCE 0x21000u
#define DESTIN 0x22000u
#define STACK  0x23000u
#define DEVICE 0x28000u

#define LEVEL0_STACK (STACK + 0xe00)

#define VARIANTS     5u
#define MAX_COMPLAIN 40u

struct form {
	const uint8_t *code, *text;
	uint8_t n_code, n_text;
	uint16_t undefined, setup;
	uint8_t content[10];
	struct forms_fault fault; /* of the emulator */
};

struct mode {
	const char *name;
	enum child_mode child;
	struct guest_code list;
	unsigned int code; /* FORMS_… */
	uint64_t cr0, rflags;
	WHV_X64_SEGMENT_REGISTER cs, data, fs;
};

/* The pages that instructions can change; what they hold before. */
static const uint32_t pages[] = { SOURCE, DESTIN,	   STACK,    DEVICE - 0x1000,
				  DEVICE, DEVICE + 0x1000, CHILD_GDT };

#define N_PAGES	     (sizeof(pages) / sizeof(pages[0]))
#define PAGE_WORDS   512u
#define N_GPR_NAMES  18u
#define RFLAGS_INDEX 17u

#define XMM(n) WHvX64RegisterXmm0 + (n), WHvX64RegisterXmm0 + (n) + 1
#define FP(n)  WHvX64RegisterFpMmx0 + (n), WHvX64RegisterFpMmx0 + (n) + 1

static const UINT32 names[] = {
	WHvX64RegisterRax,
	WHvX64RegisterRcx,
	WHvX64RegisterRdx,
	WHvX64RegisterRbx,
	WHvX64RegisterRsp,
	WHvX64RegisterRbp,
	WHvX64RegisterRsi,
	WHvX64RegisterRdi,
	WHvX64RegisterR8,
	WHvX64RegisterR9,
	WHvX64RegisterR10,
	WHvX64RegisterR11,
	WHvX64RegisterR12,
	WHvX64RegisterR13,
	WHvX64RegisterR14,
	WHvX64RegisterR15,
	WHvX64RegisterRip,
	WHvX64RegisterRflags,
	WHvX64RegisterCs,
	WHvX64RegisterDs,
	WHvX64RegisterEs,
	WHvX64RegisterSs,
	WHvX64RegisterFs,
	WHvX64RegisterGs,
	WHvX64RegisterLdtr,
	WHvX64RegisterTr,
	WHvX64RegisterGdtr,
	WHvX64RegisterIdtr,
	WHvX64RegisterCr0,
	WHvX64RegisterCr2,
	XMM(0),
	XMM(2),
	XMM(4),
	XMM(6),
	XMM(8),
	XMM(10),
	XMM(12),
	XMM(14),
	FP(0),
	FP(2),
	FP(4),
	FP(6),
	WHvX64RegisterFpControlStatus,
	WHvX64RegisterXmmControlStatus,
};

static const char *const texts[] = { "rax",  "rcx",    "rdx",  "rbx",  "rsp", "rbp", "rsi", "rdi",
				     "r8",   "r9",     "r10",  "r11",  "r12", "r13", "r14", "r15",
				     "rip",  "rflags", "cs",   "ds",   "es",  "ss",  "fs",  "gs",
				     "ldtr", "tr",     "gdtr", "idtr", "cr0", "cr2" };

#define N_NAMES	    (sizeof(names) / sizeof(names[0]))
#define FIRST_CS    18u
#define FIRST_DS    19u
#define SS_INDEX    21u
#define FS_INDEX    22u
#define LDTR_INDEX  24u
#define TR_INDEX    25u
#define GDTR_INDEX  26u
#define IDTR_INDEX  27u
#define CR0_INDEX   28u
#define FIRST_XMM   30u
#define FIRST_FP    46u
#define FPCTL_INDEX 54u
#define MXCSR_INDEX 55u

/* Of the high half of a segment register: selector and P. */
#define UNUSABLE_SEGMENT 0x0080ffff00000000ull

struct result {
	uint32_t reason;
	WHV_REGISTER_VALUE value[N_NAMES];
};

static struct child child;
static struct library library; /* WinHvEmulation, if that is what emulates */
static bool by_library;
static const struct mode *mode;
static WHV_REGISTER_VALUE start[N_NAMES]; /* the mode's, and what is random once */
static uint64_t image[N_PAGES][PAGE_WORDS];
static struct result native[VARIANTS], emulated;
static uint64_t native_memory[VARIANTS][N_PAGES][PAGE_WORDS];
static bool has_no_rf;	      /* of the emulator: a fault pushes none */
static unsigned int n_faulty; /* forms of which the emulator gets something wrong */
static unsigned int n_forms, n_runs, n_accesses, n_missing, n_refused, n_wrong, n_complaints;
static uint64_t seed;

/* SplitMix64. */
static uint64_t random64(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void copy_words(uint64_t *to, const uint64_t *from, size_t n)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* How many of them are equal, up to the first that is not. */
static unsigned int equal_words(const uint64_t *a, const uint64_t *b, size_t n)
{
	size_t left = n;
	bool is_equal;

	__asm__ volatile("repe cmpsq"
			 : "=@ccz"(is_equal), "+D"(a), "+S"(b), "+c"(left)
			 :
			 : "memory");
	return (unsigned int)(n - left - !is_equal);
}

static uint64_t *ram_page(unsigned int i)
{
	return (uint64_t *)(void *)(child.ram + pages[i]);
}

static void complain(const struct form *form, unsigned int variant, const char *what, uint64_t is,
		     uint64_t wanted)
{
	char text[64];
	unsigned int i;

	if (n_complaints++ >= MAX_COMPLAIN)
		return;
	for (i = 0; i < form->n_text && i < sizeof(text) - 1; i++)
		text[i] = (char)form->text[i];
	text[i] = 0;
	terminal_print("# %s: form %u, %s, variant %u: %s is %lx, not %lx\n", mode->name, n_forms,
		       text, variant, what, (unsigned long)is, (unsigned long)wanted);
}

/* ---- One form ---------------------------------------------------------------------------- */

static const uint8_t *read_form(const uint8_t *at, struct form *form)
{
	uint64_t content = 0;

	form->n_code = *at++;
	form->code = at;
	at += form->n_code;
	form->undefined = (uint16_t)(at[0] | at[1] << 8);
	form->setup = (uint16_t)(at[2] | at[3] << 8);
	for (unsigned int i = 0; i < 10; i++)
		form->content[i] = at[4 + i];
	at += 14;
	form->n_text = *at++;
	form->text = at;
	for (unsigned int i = 0; i < 8; i++)
		content |= (uint64_t)form->content[i] << 8 * i;
	form->fault = forms_fault_of(form->text, form->n_text, content, mode->code);
	return at + form->n_text;
}

/* Where the operand lies: in the device, and then over its two ends. */
static uint32_t operand_of(const struct form *form, unsigned int variant)
{
	static const uint32_t anywhere[VARIANTS] = { 0x104, 0x2a1, 0u - 1, 0xffe, 0x7fd },
			      one_page[VARIANTS] = { 0x104, 0x2a1, 0x3fd, 0xff0, 0x7fd },
			      aligned[VARIANTS] = { 0x100, 0x2a0, 0x3f0, 0xff0, 0x7f0 };

	if (form->setup & SETUP_ALIGNED)
		return DEVICE + aligned[variant];
	return DEVICE + (form->setup & SETUP_ONE_PAGE ? one_page : anywhere)[variant];
}

/* String instructions: in the first variant some elements are equal, and zero. */
static bool has_zeros(const struct form *form, unsigned int variant)
{
	const unsigned int kind = form->setup & SETUP_KIND;

	return !variant && kind && kind < SETUP_INDEX;
}

static void set_registers(const struct form *form, unsigned int variant, uint64_t code)
{
	static const uint64_t counts[VARIANTS] = { 99, 1, 7, 5, 0 };
	static const int64_t bits[VARIANTS] = { 100, -37, 333, -300, 8 };
	static const uint64_t flags[VARIANTS] = { 0, ~0ull, 0x8c1, 0x414, 0x40 };
	const uint64_t base = mode->code & (FORMS_REAL | FORMS_PROT16) ? BASE16 : 0;
	const uint64_t operand = operand_of(form, variant);
	const uint64_t *const content = (const uint64_t *)(const void *)(child.ram + operand);
	const uint64_t mask = mode->child == CHILD_LONG ? ~0ull : 0xffffffffu;
	const unsigned int kind = form->setup & SETUP_KIND;
	WHV_REGISTER_VALUE value[N_NAMES];

	for (unsigned int i = 0; i < N_NAMES; i++)
		value[i] = start[i];
	for (unsigned int i = 8; i < 16; i++)
		value[i].Reg64 = mode->child == CHILD_LONG ? start[i].Reg64 + variant : 0;
	value[0].Reg64 = (variant & 1 ? start[0].Reg64
			  : variant   ? 0x7fffffff80000001
				      : 0x21) &
			 mask;
	value[1].Reg64 = counts[variant];
	value[2].Reg64 = variant == 1 ? start[2].Reg64 & mask : variant == 3 ? mask : 0;
	value[3].Reg64 = operand - base;
	value[4].Reg64 = STACK + 0x800 - base;
	value[5].Reg64 = (uint64_t)bits[variant] & mask;
	value[6].Reg64 = (kind == 1 || kind == 3 ? operand : SOURCE + 0x200) - base;
	value[7].Reg64 = (kind == 3 ? DEVICE + 0x600 : kind == 2 ? operand : DESTIN + 0x200) - base;
	if (has_zeros(form, variant))
		value[0].Reg64 = 0;
	if (kind == SETUP_INDEX) {
		value[3].Reg64 = value[5].Reg64 = operand - base - 0x20;
		value[6].Reg64 = value[7].Reg64 = 0x20;
	}
	if (kind == SETUP_STACK)
		value[4].Reg64 = operand - base, value[5].Reg64 = operand - base + 0x18;
	if ((variant & 1) && (form->setup & SETUP_EQUAL))
		value[0].Reg64 = content[0] & mask;
	if ((variant & 1) && (form->setup & SETUP_PAIR4)) {
		value[0].Reg64 = content[0] & 0xffffffff;
		value[2].Reg64 = content[0] >> 32;
	}
	if ((variant & 1) && (form->setup & SETUP_PAIR8)) {
		value[0].Reg64 = content[0];
		value[2].Reg64 = content[1];
	}
	/* R3 and R4 are ST(0) and ST(1), R5 to R7 are free; so is what a load goes to, or not. */
	value[FPCTL_INDEX].FpControlStatus.FpTag = variant & 1 ? 0x18 : 0x1f;
	value[16].Reg64 = code;
	value[RFLAGS_INDEX].Reg64 = RFLAGS_ONE | mode->rflags |
				    (flags[variant] & (RFLAGS_STATUS | RFLAGS_DF)) |
				    (form->setup & SETUP_STEP ? RFLAGS_TF : 0);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0,
						 (const WHV_REGISTER_NAME *)names, N_NAMES, value),
		 S_OK);
}

static void set_memory(const struct form *form, unsigned int variant)
{
	uint8_t *const operand = child.ram + operand_of(form, variant);

	for (unsigned int i = 0; i < N_PAGES; i++)
		copy_words(ram_page(i), image[i], PAGE_WORDS);
	for (unsigned int i = 0; (form->setup & SETUP_CONTENT) && i < 10; i++)
		operand[i] = form->content[i];
	for (unsigned int i = 0; has_zeros(form, variant) && i < 19; i++)
		operand[i] = child.ram[SOURCE + 0x200 + i] = child.ram[DESTIN + 0x200 + i] =
			child.ram[DEVICE + 0x600 + i] = 0;
}

/* The device: its registers are the RAM that is there in the native run. False: another place. */
static bool answer(void)
{
	const struct whit_device_access *access = child_access(&child);
	uint8_t *const ram = child.ram + access->address;
	WHV_REGISTER_VALUE data[WHIT_REGISTER_DEVICE_DATA_N];
	WHV_REGISTER_NAME data_names[WHIT_REGISTER_DEVICE_DATA_N];
	UINT32 n = (access->n_bytes + 15u) / 16u;

	if (access->is_port || access->address < DEVICE ||
	    access->address + access->n_bytes > DEVICE + 0x1000)
		return false;
	n_accesses++;
	if (access->is_write) {
		for (unsigned int i = 0; i < access->n_bytes; i++)
			ram[i] = access->data[i];
		return true;
	}
	for (unsigned int i = 0; i < n; i++)
		data_names[i] = (WHV_REGISTER_NAME)(WhitRegisterDeviceData0 + i);
	for (unsigned int i = 0; i < access->n_bytes; i++)
		((uint8_t *)data)[i] = ram[i];
	return WHvSetVirtualProcessorRegisters(child.partition, 0, data_names, n, data) == S_OK;
}

/* Exceptions that push an error code, SDM 3A "Error Code". */
#define WITH_ERROR_CODE                                                                            \
	(1u << EXC_DF | 1u << EXC_TS | 1u << EXC_NP | 1u << EXC_SS | 1u << EXC_GP | 1u << EXC_PF | \
	 1u << EXC_AC)

/* A fault pushes RFLAGS with RF, which says nothing where an emulator does not do it. */
static void mend_frame(const struct result *result, uint64_t code)
{
	const uint64_t handler = result->value[16].Reg64 - CHILD_HANDLER - 1;
	const bool is_long = mode->child == CHILD_LONG;
	const unsigned int size = is_long ? 8 : 4;
	uint64_t frame = result->value[SS_INDEX].Segment.Base * !is_long + result->value[4].Reg64;

	if (handler >= 32 || mode->child == CHILD_REAL || !has_no_rf)
		return;
	if (WITH_ERROR_CODE >> handler & 1)
		frame += size;
	if (*(const uint32_t *)(const void *)(child.ram + frame) == (uint32_t)code)
		*(uint32_t *)(void *)(child.ram + frame + 2 * size) |= RFLAGS_RF;
}

static void run(const struct form *form, unsigned int variant, struct result *result)
{
	const uint64_t code = CHILD_CODE + (n_forms & 63) * 16;
	unsigned int n;

	for (n = 0; n < form->n_code; n++)
		child.ram[code + n] = form->code[n];
	for (; n < form->n_code + 2u; n++)
		child.ram[code + n] = 0x90; /* NOP */
	child.ram[code + n] = 0xf4;	    /* HLT */
	set_memory(form, variant);
	set_registers(form, variant, code);
	do
		result->reason = child_run(&child);
	while (by_library ? library_complete(&library)
			  : result->reason == WhitRunVpExitReasonDeviceAccess && answer());
	if (by_library)
		n_accesses = library.n_accesses;
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0,
						 (const WHV_REGISTER_NAME *)names, N_NAMES,
						 result->value),
		 S_OK);
	mend_frame(result, code);
	/* There the flags are in the frame of the #GP. */
	if (mode->rflags & RFLAGS_VM)
		*(uint32_t *)(void *)(child.ram + LEVEL0_STACK - 28) &= ~(uint32_t)form->undefined;
}

/* ---- Comparison -------------------------------------------------------------------------- */

static bool is_segment(unsigned int i)
{
	return i >= FIRST_CS && i <= TR_INDEX;
}

/*
 * What is compared of a register, its low and its high half. Of a segment register that is not usable
 * nobody but the processor knows the rest, of x87 the last instruction is its own affair.
 */
static void masks_of(const struct form *form, const struct result *wanted, unsigned int i,
		     uint64_t mask[2])
{
	mask[0] = ~0ull;
	mask[1] = ~0ull;
	if (i == RFLAGS_INDEX)
		mask[0] = ~(uint64_t)(form->undefined | form->fault.rflags);
	else if (is_segment(i) && !wanted->value[i].Segment.Present)
		mask[0] = 0, mask[1] = UNUSABLE_SEGMENT;
	else if (i >= FIRST_FP && i < FPCTL_INDEX)
		mask[1] = form->fault.is_st_high ? 0 : 0xffff;
	else if (i == FPCTL_INDEX)
		mask[0] = 0xffffffffff & ~((uint64_t)form->fault.x87_status << 16), mask[1] = 0;
	else if (i == MXCSR_INDEX)
		mask[0] = 0, mask[1] = 0xffffffff;
	if (i <= RFLAGS_INDEX || i == CR0_INDEX || i == CR0_INDEX + 1)
		mask[1] = 0;
}

static bool compare(const struct form *form, unsigned int variant)
{
	const struct result *const wanted = &native[variant];

	if (emulated.reason != wanted->reason) {
		complain(form, variant, "exit reason", emulated.reason, wanted->reason);
		return false;
	}
	for (unsigned int i = 0; i < N_NAMES; i++) {
		const uint64_t *is = (const uint64_t *)(const void *)&emulated.value[i];
		const uint64_t *should = (const uint64_t *)(const void *)&wanted->value[i];
		uint64_t mask[2];

		masks_of(form, wanted, i, mask);
		for (unsigned int half = 0; half < 2; half++) {
			if (!((is[half] ^ should[half]) & mask[half]))
				continue;
			complain(form, variant,
				 i < FIRST_XMM	   ? texts[i]
				 : i < FIRST_FP	   ? "xmm"
				 : i < FPCTL_INDEX ? "st"
						   : "floating-point control",
				 is[half] & mask[half], should[half] & mask[half]);
			return false;
		}
	}
	for (unsigned int i = 0; i < N_PAGES; i++) {
		const uint64_t *is = ram_page(i), *should = native_memory[variant][i];
		const unsigned int word = equal_words(is, should, PAGE_WORDS);

		if (word < PAGE_WORDS) {
			complain(form, variant, "memory", is[word], should[word]);
			return false;
		}
	}
	return true;
}

static HRESULT show_device(bool is_ram)
{
	return is_ram ? WHvMapGpaRange(child.partition, child.ram + DEVICE, DEVICE, 0x1000,
				       WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite)
		      : WHvUnmapGpaRange(child.partition, DEVICE, 0x1000);
}

/* It raised #UD: the processor does not have it, or not in this mode. */
static bool is_missing(const struct result *result)
{
	return result->value[16].Reg64 == CHILD_HANDLER + EXC_UD + 1;
}

/* Does no fault come before the access? */
static bool needs_device(const struct form *form)
{
	if ((form->setup & SETUP_LEVEL0) && (mode->rflags & RFLAGS_VM))
		return false;
	return !(form->setup & (SETUP_NO_ACCESS | SETUP_UNALIGNED));
}

static bool is_left_out(const struct form *form, unsigned int variant)
{
	return form->fault.variants >> variant & 1;
}

static void check_form(const struct form *form)
{
	const unsigned int before = n_accesses, runs_before = n_runs;
	bool is_refused = false;

	for (unsigned int variant = 0; variant < VARIANTS; variant++) {
		if (is_left_out(form, variant))
			continue;
		run(form, variant, &native[variant]);
		for (unsigned int i = 0; i < N_PAGES; i++)
			copy_words(native_memory[variant][i], ram_page(i), PAGE_WORDS);
		if (is_missing(&native[variant])) {
			n_missing++;
			return;
		}
	}
	CHECK_EQ(show_device(false), S_OK);
	for (unsigned int variant = 0; variant < VARIANTS; variant++) {
		if (is_left_out(form, variant))
			continue;
		n_runs++;
		run(form, variant, &emulated);
		if (emulated.reason == WHvRunVpExitReasonMemoryAccess) {
			complain(form, variant, "not emulated; address",
				 child.exit.MemoryAccess.Gpa, 0);
			n_refused++;
			is_refused = true;
			break;
		}
		if (!compare(form, variant)) {
			n_wrong++;
			break;
		}
	}
	CHECK_EQ(show_device(true), S_OK);
	if (n_accesses == before && n_runs > runs_before && !is_refused && needs_device(form)) {
		complain(form, 0, "number of device accesses", 0, 1);
		n_wrong++;
	}
}

/* ---- A mode ------------------------------------------------------------------------------ */

static void set_tables(void)
{
	uint64_t *const gdt = (uint64_t *)(void *)(child.ram + CHILD_GDT);
	uint64_t *const idt = (uint64_t *)(void *)(child.ram + CHILD_IDT);

	gdt[5] = 0x00009b000000ffff; /* 16-bit code */
	gdt[6] = 0x000093020000ffff; /* 16-bit data */
	gdt[7] = 0x000092020010ffff; /* the same, not accessed, 16 bytes further */
	gdt[8] = 0x00008200a800003f; /* an LDT */
	gdt[9] = 0;
	gdt[10] = 0x00008900a9000067; /* a TSS */
	gdt[11] = 0;
	for (unsigned int vector = 0; vector < 32; vector++) {
		const uint64_t handler = CHILD_HANDLER + vector;
		const uint64_t gate = handler | 8u << 16 | 0x8e00ull << 32;

		if (mode->child == CHILD_REAL)
			((uint32_t *)(void *)idt)[vector] = (uint32_t)handler;
		else if (mode->child == CHILD_LONG)
			idt[2 * vector] = gate;
		else
			idt[vector] = gate;
	}
	for (unsigned int i = 0; i < 256; i++)
		child.ram[CHILD_HANDLER + i] = 0xf4;
	/* The TSS is at 0: ESP0 and SS0. */
	((uint32_t *)(void *)child.ram)[1] = LEVEL0_STACK;
	((uint32_t *)(void *)child.ram)[2] = 0x10;
}

static void set_start(void)
{
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0,
						 (const WHV_REGISTER_NAME *)names, N_NAMES, start),
		 S_OK);
	for (unsigned int i = 0; i < 16; i++)
		start[i].Reg64 = random64();
	start[FIRST_CS].Segment = mode->cs;
	for (unsigned int i = FIRST_DS; i < LDTR_INDEX; i++)
		start[i].Segment = i == FS_INDEX ? mode->fs : mode->data;
	start[GDTR_INDEX].Table.Base = CHILD_GDT;
	start[GDTR_INDEX].Table.Limit = 0x5f;
	start[IDTR_INDEX].Table.Base = CHILD_IDT;
	start[IDTR_INDEX].Table.Limit = 0xfff;
	start[CR0_INDEX].Reg64 = mode->cr0;
	for (unsigned int i = FIRST_XMM; i < FIRST_FP; i++) {
		((uint64_t *)(void *)&start[i])[0] = random64();
		((uint64_t *)(void *)&start[i])[1] = random64();
	}
	/* Numbers that are neither large nor small. */
	for (unsigned int i = FIRST_FP; i < FPCTL_INDEX; i++) {
		start[i].Fp.Mantissa = random64() | 1ull << 63;
		((uint64_t *)(void *)&start[i])[1] = 0x3fff + i - FIRST_FP * 1u;
	}
	start[FPCTL_INDEX].FpControlStatus.FpControl = 0x37f;
	start[FPCTL_INDEX].FpControlStatus.FpStatus = 3 << 11;
}

static void check_mode(const struct mode *which)
{
	const uint8_t *at = which->list.start;
	struct form form;

	mode = which;
	seed = 1;
	has_no_rf = emulator_has(FAULT_FAULT_RF);
	n_faulty = n_forms = n_runs = n_accesses = n_missing = n_refused = n_wrong = n_complaints =
		0;
	CHECK_EQ(child_create(&child, mode->child, (struct guest_code) { at, at },
			      by_library ? 0 : WHIT_EMULATE_MEMORY, 0),
		 S_OK);
	if (by_library)
		CHECK_EQ(library_create(&library, &child), S_OK);
	if (check_has_failed())
		return;
	library.device = child.ram + DEVICE;
	library.device_gpa = DEVICE;
	(void)child_set(&child, WHvX64RegisterCr4,
			child_get(&child, WHvX64RegisterCr4) | CR4_OSFXSR | CR4_OSXMMEXCPT);
	set_tables();
	set_start();
	for (unsigned int i = 0; i < N_PAGES; i++)
		for (unsigned int word = 0; word < PAGE_WORDS; word++)
			image[i][word] = pages[i] == CHILD_GDT ? ram_page(i)[word] : random64();
	while (at < mode->list.end && !check_has_failed()) {
		at = read_form(at, &form);
		n_faulty += form.fault.variants || form.fault.is_st_high || form.fault.x87_status ||
			    form.fault.rflags;
		check_form(&form);
		n_forms++;
	}
	if (by_library)
		library_destroy(&library);
	child_destroy(&child);
	terminal_print(
		"# %s: %u forms, of which %u are not of this processor, and the emulator gets "
		"something of %u wrong; %u runs, %u device accesses, %u refused, %u wrong\n",
		mode->name, n_forms, n_missing, n_faulty, n_runs, n_accesses, n_refused, n_wrong);
	CHECK_EQ(n_wrong, 0);
	CHECK_EQ(n_refused, 0);
}

DECLARE_GUEST(forms_real);
DECLARE_GUEST(forms_prot16);
DECLARE_GUEST(forms_prot32);
DECLARE_GUEST(forms_long);

static WHV_X64_SEGMENT_REGISTER segment(uint64_t base, uint32_t limit, uint16_t selector,
					uint16_t attributes)
{
	WHV_X64_SEGMENT_REGISTER value = { .Base = base, .Limit = limit, .Selector = selector };

	value.Attributes = attributes;
	return value;
}

static void emulation_is_the_processors_in_real_mode(void)
{
	const struct mode real = {
		.name = "real mode",
		.child = CHILD_REAL,
		.list = GUEST(forms_real),
		.code = FORMS_REAL,
		.cr0 = CR0_ET | CR0_NE,
		.cs = segment(0, 0xffff, 0, 0x9b),
		.data = segment(BASE16, 0xffff, BASE16 >> 4, 0x93),
		.fs = segment(BASE16 + 16, 0xffff, (BASE16 >> 4) + 1, 0x93),
	};

	check_mode(&real);
}

static void emulation_is_the_processors_in_16_bit_code(void)
{
	const struct mode prot16 = {
		.name = "16-bit code",
		.child = CHILD_PROT32,
		.list = GUEST(forms_prot16),
		.code = FORMS_PROT16,
		.cr0 = CR0_PE | CR0_ET | CR0_NE,
		.cs = segment(0, 0xffff, 0x28, 0x9b),
		.data = segment(BASE16, 0xffff, 0x30, 0x93),
		.fs = segment(BASE16 + 16, 0xffff, 0x38, 0x93),
	};

	check_mode(&prot16);
}

/* HLT is #GP(0) there: each run ends in the handler, with the frame on the stack of privilege level 0. */
static void emulation_is_the_processors_in_virtual_8086_mode(void)
{
	const struct mode v86 = {
		.name = "virtual-8086 mode",
		.child = CHILD_PROT32,
		.list = GUEST(forms_real),
		.code = FORMS_REAL,
		.cr0 = CR0_PE | CR0_ET | CR0_NE,
		.rflags = RFLAGS_VM,
		.cs = segment(0, 0xffff, 0, 0xf3),
		.data = segment(BASE16, 0xffff, BASE16 >> 4, 0xf3),
		.fs = segment(BASE16 + 16, 0xffff, (BASE16 >> 4) + 1, 0xf3),
	};

	if (!emulator_has(FAULT_V86))
		check_mode(&v86);
}

static void emulation_is_the_processors_in_32_bit_code(void)
{
	const struct mode prot32 = {
		.name = "32-bit code",
		.child = CHILD_PROT32,
		.list = GUEST(forms_prot32),
		.code = FORMS_PROT32,
		.cr0 = CR0_PE | CR0_ET | CR0_NE,
		.cs = segment(0, ~0u, 8, 0xc09b),
		.data = segment(0, ~0u, 0x10, 0xc093),
		.fs = segment(16, ~0u, 0x10, 0xc093),
	};

	check_mode(&prot32);
}

static void emulation_is_the_processors_in_64_bit_code(void)
{
	const struct mode long64 = {
		.name = "64-bit code",
		.child = CHILD_LONG,
		.list = GUEST(forms_long),
		.code = FORMS_LONG,
		.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG,
		.cs = segment(0, ~0u, 8, 0xa09b),
		.data = segment(0, ~0u, 0x10, 0xc093),
		.fs = segment(16, ~0u, 0x10, 0xc093),
	};

	check_mode(&long64);
}

/* The same without emulation in the hypervisor: the library completes the plain exits. */
#define BY_LIBRARY(mode)                                      \
	static void library_is_the_processors_in_##mode(void) \
	{                                                     \
		by_library = true;                            \
		emulation_is_the_processors_in_##mode();      \
		by_library = false;                           \
	}
BY_LIBRARY(real_mode)
BY_LIBRARY(virtual_8086_mode)
BY_LIBRARY(16_bit_code)
BY_LIBRARY(32_bit_code)
BY_LIBRARY(64_bit_code)

void forms_checks(void)
{
	static const struct test tests[] = {
		TEST(emulation_is_the_processors_in_real_mode),
		TEST(emulation_is_the_processors_in_virtual_8086_mode),
		TEST(emulation_is_the_processors_in_16_bit_code),
		TEST(emulation_is_the_processors_in_32_bit_code),
		TEST(emulation_is_the_processors_in_64_bit_code),
		TEST(library_is_the_processors_in_real_mode),
		TEST(library_is_the_processors_in_virtual_8086_mode),
		TEST(library_is_the_processors_in_16_bit_code),
		TEST(library_is_the_processors_in_32_bit_code),
		TEST(library_is_the_processors_in_64_bit_code),
	};

	RUN(tests);
}
