/* SPDX-License-Identifier: MIT */
/*
 * The processor as the oracle: each case is executed by the processor in user mode and by the
 * emulator on the same registers and memory, and all registers, defined flags, memory, RIP, or the
 * exception with its error code and address must agree. 64-bit code, and through LDT segments 32-bit
 * and 16-bit protected-mode code with flat, limited, expand-down, read-only and null segments.
 *
 * The guest is entered by a signal handler that rewrites its return context, and left by INT3 or a
 * fault, whose handler puts the host's context back.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "emu/row.h"
#include "tests/emu/check.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

/* Below 4 GiB, for all modes. Nothing, two pages to write, nothing, one to read, nothing. */
#define ARENA	   0x40000000ull
#define RW_PAGE	   (ARENA + 0x1000)
#define RW_BYTES   0x2000u
#define RO_PAGE	   (ARENA + 0x4000)
#define CODE	   0x41000000ull
/* Linux makes faults above look like those of a present page. */
#define USER_END   0x7ffffffff000ull
#define CODE_BYTES 0x10000u

/* LDT entries. */
enum {
	LDT_CODE32,
	LDT_CODE32_EXECUTE_ONLY,
	LDT_CODE16,
	LDT_DATA_FLAT,
	LDT_DATA_LIMIT,
	LDT_DATA_DOWN32,
	LDT_DATA_DOWN16,
	LDT_DATA_READONLY,
	LDT_STACK16,
	LDT_COUNT
};

#define SELECTOR(entry) ((uint16_t)((entry) << 3 | 7))

static struct x86_segment ldt[LDT_COUNT];

struct test_case {
	enum emu_mode mode;
	unsigned int n_bytes;
	uint8_t bytes[EMU_MAX_INSN_BYTES + 1];
	uint64_t gpr[16];
	uint64_t rip;
	uint64_t rflags;
	unsigned int entry[6]; /* LDT entry by enum x86_seg, LDT_COUNT: null */
};

struct result {
	uint64_t gpr[16], rip, rflags;
	int vector; /* -1: completed */
	uint32_t error_code;
	uint64_t address;
};

void native_signal_entry(int number, siginfo_t *info, void *context);
void native_signal(int number, siginfo_t *info, void *context);

static const int gpr_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				REG_R12, REG_R13, REG_R14, REG_R15 };

static volatile enum { OUTSIDE, ENTERING, INSIDE } phase;
static gregset_t host;
static const struct test_case *guest;
static struct result native;
static uint16_t host_cs, host_ss;
static uint8_t before[RW_BYTES], shadow[RW_BYTES], readonly_copy[0x1000];

static uint64_t random_state = 0x666666;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1d;
}

static unsigned int pick(unsigned int n)
{
	return (unsigned int)(next_random() >> 33) % n;
}

static void enter_guest(ucontext_t *context)
{
	greg_t *gregs = context->uc_mcontext.gregs;
	uint64_t cs = host_cs, ss = host_ss;

	memcpy(host, gregs, sizeof(host));
	for (int i = 0; i < 16; i++)
		gregs[gpr_of[i]] = (greg_t)guest->gpr[i];
	gregs[REG_RIP] = (greg_t)guest->rip;
	gregs[REG_EFL] = (greg_t)guest->rflags;
	if (guest->mode != EMU_LONG64) {
		cs = SELECTOR(guest->entry[SEG_CS]);
		ss = SELECTOR(guest->entry[SEG_SS]);
	}
	gregs[REG_CSGSFS] =
		(greg_t)(((uint64_t)gregs[REG_CSGSFS] & 0x0000ffffffff0000) | cs | ss << 48);
}

static void leave_guest(ucontext_t *context)
{
	greg_t *gregs = context->uc_mcontext.gregs;

	for (int i = 0; i < 16; i++)
		native.gpr[i] = (uint64_t)gregs[gpr_of[i]];
	/* On the way back to a 16-bit stack the kernel leaves bits of its own in RSP. */
	if (guest->mode != EMU_LONG64)
		native.gpr[4] &= 0xffffffff;
	native.rip = (uint64_t)gregs[REG_RIP];
	native.rflags = (uint64_t)gregs[REG_EFL];
	native.vector = (int)gregs[REG_TRAPNO];
	native.error_code = (uint32_t)gregs[REG_ERR];
	native.address = (uint64_t)gregs[REG_CR2];
	if (native.vector == EXC_PF && native.address >= USER_END)
		native.error_code &= ~PF_P;
	memcpy(gregs, host, sizeof(host));
	gregs[REG_CSGSFS] = (greg_t)(((uint64_t)host[REG_CSGSFS] & 0x0000ffffffff0000) | host_cs |
				     (uint64_t)host_ss << 48);
}

void native_signal(int number, siginfo_t *info, void *context)
{
	(void)info;
	switch (phase) {
	case ENTERING:
		phase = INSIDE;
		enter_guest(context);
		break;
	case INSIDE:
		phase = OUTSIDE;
		leave_guest(context);
		break;
	default: signal(number, SIG_DFL); /* a fault of the test itself */
	}
}

/* LDT descriptor and the register contents that it loads, from one description. */
static void install(unsigned int entry, uint32_t base, uint32_t limit, unsigned int type,
		    bool is_32)
{
	bool in_pages = limit > 0xfffff;
	struct user_desc desc = {
		.entry_number = entry,
		.base_addr = base,
		.limit = in_pages ? limit >> 12 : limit,
		.seg_32bit = is_32,
		.contents = type >> 2 & 3,
		.read_exec_only = !(type & 2),
		.limit_in_pages = in_pages,
		.useable = 1,
	};

	if (syscall(SYS_modify_ldt, 1, &desc, sizeof(desc))) {
		perror("modify_ldt");
		exit(1);
	}
	ldt[entry] = (struct x86_segment) {
		.base = base,
		.limit = limit,
		.selector = SELECTOR(entry),
		.attributes =
			(uint16_t)(type | SEG_TYPE_ACCESSED | SEG_S | SEG_P | 3 << SEG_DPL_SHIFT |
				   (is_32 ? SEG_DB : 0) | (in_pages ? SEG_G : 0)),
	};
}

static void *map(uint64_t address, size_t n, int protection)
{
	void *at = mmap((void *)address, n, protection,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static void set_up(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	struct sigaction action = { .sa_sigaction = native_signal_entry,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_size = 1 << 18 };

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);

	map(ARENA, 0x6000, PROT_NONE);
	mprotect((void *)RW_PAGE, RW_BYTES, PROT_READ | PROT_WRITE);
	mprotect((void *)RO_PAGE, 0x1000, PROT_READ | PROT_WRITE);
	for (unsigned int i = 0; i < 0x1000; i++)
		readonly_copy[i] = ((uint8_t *)RO_PAGE)[i] = (uint8_t)(i * 7 + (i >> 8));
	mprotect((void *)RO_PAGE, 0x1000, PROT_READ);
	map(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);

	install(LDT_CODE32, 0, 0xffffffff, 0xa, true);
	install(LDT_CODE32_EXECUTE_ONLY, 0, 0xffffffff, 0x8, true);
	install(LDT_CODE16, CODE, 0xffff, 0xa, false);
	install(LDT_DATA_FLAT, 0, 0xffffffff, 2, true);
	install(LDT_DATA_LIMIT, RW_PAGE - 0x100, 0x100 + 0x17f6, 2, true);
	install(LDT_DATA_DOWN32, RW_PAGE - 0x800, 0x9f2, 6, true);
	install(LDT_DATA_DOWN16, RW_PAGE - 0xf000, 0xf00a, 6, false);
	install(LDT_DATA_READONLY, RW_PAGE, 0x1ffe, 0, true);
	install(LDT_STACK16, RW_PAGE, 0xffff, 2, false);

	__asm__ volatile("mov %%cs, %0" : "=r"(host_cs));
	__asm__ volatile("mov %%ss, %0" : "=r"(host_ss));
}

static uint16_t data_selector(const struct test_case *test, enum x86_seg seg)
{
	return test->entry[seg] == LDT_COUNT ? 0 : SELECTOR(test->entry[seg]);
}

static void run_native(const struct test_case *test)
{
	uint64_t base = test->mode == EMU_PROT16 ? CODE : 0;

	memcpy((uint8_t *)(base + test->rip), test->bytes, test->n_bytes);
	((uint8_t *)(base + test->rip))[test->n_bytes] = 0xcc;
	memcpy((void *)RW_PAGE, before, RW_BYTES);
	/* Host code does not look at these in 64-bit mode. */
	__asm__ volatile("mov %0, %%ds" : : "r"(data_selector(test, SEG_DS)));
	__asm__ volatile("mov %0, %%es" : : "r"(data_selector(test, SEG_ES)));
	__asm__ volatile("mov %0, %%gs" : : "r"(data_selector(test, SEG_GS)));
	guest = test;
	phase = ENTERING;
	__asm__ volatile("int3" : : : "memory");
	if (native.vector == EXC_BP) {
		native.vector = -1;
		native.rip--;
	}
}

/* The emulator's surroundings: the same memory map, in the shadow. */

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	const struct test_case *test = ctx;

	if (seg > SEG_GS)
		abort();
	*out = (struct x86_segment) { 0 };
	if (test->mode == EMU_LONG64 && (seg == SEG_CS || seg == SEG_SS))
		out->selector = seg == SEG_CS ? host_cs : host_ss;
	else if (test->entry[seg] != LDT_COUNT)
		*out = ldt[test->entry[seg]];
	return EMU_DONE;
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *exception)
{
	uint64_t page = gva.a & PAGE_MASK;
	bool is_readonly = page == RO_PAGE;

	(void)ctx;
	if ((page >= RW_PAGE && page < RW_PAGE + RW_BYTES) ||
	    (is_readonly && !(access & EMU_WRITE))) {
		*gpa = GPA(gva.a);
		return EMU_DONE;
	}
	*exception = (struct emu_exception) {
		.vector = EXC_PF,
		.has_error_code = true,
		.error_code = PF_U | (access & EMU_WRITE ? PF_W : 0) | (is_readonly ? PF_P : 0),
		.address = gva.a,
	};
	return EMU_EXCEPTION;
}

static uint8_t *at(gpa_t gpa, unsigned int n, bool is_write)
{
	if (gpa.a >= RW_PAGE && gpa.a + n <= RW_PAGE + RW_BYTES)
		return shadow + (gpa.a - RW_PAGE);
	if (is_write || gpa.a < RO_PAGE || gpa.a + n > RO_PAGE + 0x1000)
		abort();
	return readonly_copy + (gpa.a - RO_PAGE);
}

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	(void)ctx;
	if (!within_page(gpa.a, size * count))
		abort();
	memcpy(data, at(gpa, size * count, false), size * count);
	return EMU_DONE;
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	(void)ctx;
	if (!within_page(gpa.a, size * count))
		abort();
	memcpy(at(gpa, size * count, true), data, size * count);
	return EMU_DONE;
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	uint8_t *memory = at(gpa, size, true);

	(void)ctx;
	if (!within_page(gpa.a, size) || memcmp(memory, expected, size))
		abort();
	memcpy(memory, desired, size);
	return EMU_DONE;
}

static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	(void)ctx, (void)port, (void)size, (void)count, (void)data;
	abort();
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	(void)ctx, (void)port, (void)size, (void)count, (void)data;
	abort();
}

/* User mode has no port. */
static enum emu_outcome op_port_check(void *ctx, uint16_t port, unsigned int size,
				      struct emu_exception *exception)
{
	(void)ctx, (void)port, (void)size;
	*exception = (struct emu_exception) { .vector = EXC_GP, .has_error_code = true };
	return EMU_EXCEPTION;
}

static const struct emu_ops ops = {
	.segment = op_segment,
	.translate = op_translate,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.in = op_in,
	.out = op_out,
	.port_check = op_port_check,
};

static enum emu_outcome run_emulator(const struct test_case *test, const struct emu_insn *insn,
				     struct result *result)
{
	struct emu_cpu cpu = { .rip = test->rip,
			       .rflags = test->rflags,
			       .mode = test->mode,
			       .cpl = 3,
			       .cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_AM };
	struct emu_exception exception = { .vector = 0xee };
	enum emu_outcome outcome;
	int rounds = 0;

	memcpy(cpu.gpr, test->gpr, sizeof(cpu.gpr));
	memcpy(shadow, before, RW_BYTES);
	do
		outcome = emu_execute(insn, &cpu, &ops, (void *)test, &exception);
	while (outcome == EMU_AGAIN && rounds++ < 10000);
	memcpy(result->gpr, cpu.gpr, sizeof(cpu.gpr));
	result->rip = cpu.rip;
	result->rflags = cpu.rflags;
	result->vector = -1;
	result->error_code = 0;
	if (outcome == EMU_EXCEPTION) {
		result->vector = exception.vector;
		result->error_code = exception.error_code;
		result->address = exception.address;
	} else if (exception.vector != 0xee) {
		check_failures++;
		printf("  exception written without EMU_EXCEPTION\n");
	}
	return outcome;
}

static bool starts(const char *text, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(text, name, n) && text[n] == ' ';
}

static bool is_one_of(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (starts(text, *names))
			return true;
	return false;
}

/* Status flags that the manual leaves undefined. */
static uint64_t undefined_flags(const struct test_case *test, const struct emu_insn *insn)
{
	static const char *const logic[] = { "AND", "OR", "XOR", "TEST", NULL };
	static const char *const multiply[] = { "MUL", "IMUL", NULL };
	static const char *const divide[] = { "DIV", "IDIV", NULL };
	static const char *const rotate[] = { "ROL", "ROR", "RCL", "RCR", NULL };
	static const char *const shift[] = { "SHL", "SHR", "SAR", "SHLD", "SHRD", NULL };
	static const char *const bit[] = { "BT", "BTS", "BTR", "BTC", NULL };
	static const char *const scan[] = { "BSF", "BSR", NULL };
	const char *text = insn->row->text;
	unsigned int count;
	uint64_t flags = 0;

	if (is_one_of(text, logic))
		return RFLAGS_AF;
	if (is_one_of(text, multiply))
		return RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
	if (is_one_of(text, divide))
		return RFLAGS_STATUS;
	if (is_one_of(text, bit))
		return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	if (is_one_of(text, scan))
		return RFLAGS_CF | RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	if (!is_one_of(text, rotate) && !is_one_of(text, shift))
		return 0;
	count = strstr(text, "Ib")   ? (unsigned int)insn->imm
		: strstr(text, "CL") ? (unsigned int)test->gpr[1]
				     : 1;
	count &= insn->operand_size == 8 ? 63 : 31;
	if (count > 1)
		flags |= RFLAGS_OF;
	if (is_one_of(text, shift)) {
		if (count)
			flags |= RFLAGS_AF;
		if (count >= 8u * insn->operand_size && !starts(text, "SAR"))
			flags |= RFLAGS_CF;
	}
	return flags;
}

/* 16-bit SHLD and SHRD with a larger count: even the result is undefined. */
static bool is_undefined(const struct test_case *test, const struct emu_insn *insn)
{
	unsigned int count;

	if (!starts(insn->row->text, "SHLD") && !starts(insn->row->text, "SHRD"))
		return false;
	count = (unsigned int)(strstr(insn->row->text, "Ib") ? insn->imm : test->gpr[1]) & 31;
	return insn->operand_size == 2 && count > 16;
}

static unsigned long n_run, n_faults, n_unimplemented, n_invalid;
static unsigned long n_mode[EMU_MODE_COUNT];

static void complain(const char *what, const struct test_case *test, const struct emu_insn *insn,
		     const struct result *emulated)
{
	if (check_failures++ >= (getenv("ALL") ? 1000000 : 12))
		return;
	printf("  %s: %s mode %d [", what, insn->row ? insn->row->text : "?", test->mode);
	for (unsigned int i = 0; i < test->n_bytes; i++)
		printf("%s%02x", i ? " " : "", test->bytes[i]);
	printf("] segs %u %u %u %u gs %u\n", test->entry[0], test->entry[1], test->entry[2],
	       test->entry[3], test->entry[5]);
	printf("    native vector %d error %x address %llx rip %llx flags %llx\n", native.vector,
	       native.error_code, (unsigned long long)native.address,
	       (unsigned long long)native.rip, (unsigned long long)native.rflags);
	printf("    ours   vector %d error %x address %llx rip %llx flags %llx (before %llx "
	       "%llx)\n",
	       emulated->vector, emulated->error_code, (unsigned long long)emulated->address,
	       (unsigned long long)emulated->rip, (unsigned long long)emulated->rflags,
	       (unsigned long long)test->rip, (unsigned long long)test->rflags);
	for (int i = 0; i < 16; i++)
		if (emulated->gpr[i] != native.gpr[i])
			printf("    r%d before %llx native %llx ours %llx\n", i,
			       (unsigned long long)test->gpr[i], (unsigned long long)native.gpr[i],
			       (unsigned long long)emulated->gpr[i]);
	for (unsigned int i = 0; i < RW_BYTES; i++)
		if (((uint8_t *)RW_PAGE)[i] != shadow[i]) {
			printf("    memory %llx before %02x native %02x ours %02x\n", RW_PAGE + i,
			       before[i], ((uint8_t *)RW_PAGE)[i], shadow[i]);
			break;
		}
}

static void compare_results(const struct test_case *test, const struct emu_insn *insn,
			    const struct result *emulated)
{
	uint64_t flags = (RFLAGS_STATUS | RFLAGS_DF | RFLAGS_AC) & ~undefined_flags(test, insn);
	unsigned int n_regs = test->mode == EMU_LONG64 ? 16 : 8;

	/* Which of two faulting operands is reported is not documented. */
	if (starts(insn->row->text, "CMPS") && native.vector >= 0 && emulated->vector >= 0)
		return;
	if (native.vector != emulated->vector) {
		complain("vector", test, insn, emulated);
		return;
	}
	if (native.vector >= 0) {
		n_faults++;
		flags |= RFLAGS_STATUS;
		if (native.error_code != emulated->error_code)
			complain("error code", test, insn, emulated);
		if (native.vector == EXC_PF && native.address != emulated->address)
			complain("address", test, insn, emulated);
	}
	if (native.rip != emulated->rip)
		complain("rip", test, insn, emulated);
	else if ((native.rflags ^ emulated->rflags) & flags)
		complain("flags", test, insn, emulated);
	else if (memcmp(native.gpr, emulated->gpr, n_regs * 8))
		complain("registers", test, insn, emulated);
	else if (memcmp((void *)RW_PAGE, shadow, RW_BYTES))
		complain("memory", test, insn, emulated);
}

/* Run one case with the flags as they are; false if the emulator does not do it. */
static void run_case(const struct test_case *test)
{
	struct emu_insn insn;
	struct result emulated = { .vector = EXC_UD };
	enum emu_decoded decoded = emu_decode(test->bytes, test->n_bytes, test->mode, &insn);

	if (decoded == EMU_DECODE_INVALID) {
		/* An illegal LOCK, or nothing. 8F with a number in ModRM.reg is XOP to AMD. */
		if (insn.opcode == 0x8f && insn.map == EMU_MAP_ONE)
			return;
		run_native(test);
		n_run++;
		n_invalid++;
		if (native.vector != EXC_UD)
			complain("invalid", test, &insn, &emulated);
		return;
	}
	if (decoded != EMU_DECODED || insn.length != test->n_bytes)
		return;
	if (is_undefined(test, &insn))
		return;
	if (run_emulator(test, &insn, &emulated) == EMU_UNIMPLEMENTED) {
		n_unimplemented++;
		return;
	}
	/* Not to touch what is the test's own. */
	if (emulated.vector == EXC_PF && emulated.address - ARENA >= 0x6000 &&
	    emulated.address < USER_END)
		return;
	run_native(test);
	n_run++;
	n_mode[test->mode]++;
	compare_results(test, &insn, &emulated);
}

/* Making cases. */

static uint64_t pick_target(bool is_wild)
{
	switch (pick(is_wild ? 16 : 10)) {
	case 10: return RW_PAGE + RW_BYTES - pick(20);	   /* runs into nothing */
	case 11: return RW_PAGE - pick(12);		   /* comes out of nothing */
	case 12: return RO_PAGE + pick(0x1000);		   /* cannot be written */
	case 13: return RW_PAGE + RW_BYTES + pick(0x1000); /* nothing */
	case 14: return RO_PAGE - pick(10);
	case 7:
	case 8: return RW_PAGE + 0x1000 - pick(20); /* over the page edge */
	case 9: return RW_PAGE + pick(0x40) * 8 + 0x800;
	default: return RW_PAGE + 0x100 + pick(RW_BYTES - 0x200);
	}
}

static uint64_t pick_value(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  2,
					  0x7f,
					  0x80,
					  0xff,
					  0x7fff,
					  0x8000,
					  0xffff,
					  0x7fffffff,
					  0x80000000,
					  0xffffffff,
					  0x7fffffffffffffff,
					  0x8000000000000000,
					  0xffffffffffffffff };
	unsigned int n = pick(30);

	return n < 15 ? edges[n] : next_random();
}

static uint64_t linear_of(const struct test_case *test, const struct emu_insn *insn,
			  uint64_t target)
{
	unsigned int seg = insn->segment;

	if (test->mode == EMU_LONG64 && seg < SEG_FS)
		return target;
	if (seg > SEG_GS || test->entry[seg] == LDT_COUNT)
		return target;
	return target - ldt[test->entry[seg]].base;
}

static uint64_t mask_of(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

/* Set a register so that the memory operand lies at `target`; or patch the displacement. */
static void aim(struct test_case *test, const struct emu_insn *insn, unsigned int disp_at,
		uint64_t target)
{
	uint64_t mask = mask_of(insn->address_size), address = (uint64_t)insn->disp;
	uint64_t offset = linear_of(test, insn, target) & mask;

	if (insn->index >= 0 && insn->index != insn->base) {
		test->gpr[insn->index] = pick(64);
		address += test->gpr[insn->index] << insn->scale;
	}
	if (insn->base >= 0 && insn->base < 16 && insn->base != insn->index) {
		uint64_t high = pick(4) ? 0 : next_random() & ~mask;

		if (test->mode != EMU_LONG64)
			high &= 0xffffffff;
		test->gpr[insn->base] = ((offset - address) & mask) | high;
		return;
	}
	if (insn->is_memory && (insn->base < 0 || insn->base == 16)) {
		unsigned int n =
			insn->has_modrm ? (insn->address_size == 2 ? 2 : 4) : insn->address_size;
		uint64_t disp = offset;

		if (insn->has_modrm)
			disp -= address - (uint64_t)insn->disp;
		if (insn->base == 16)
			disp -= test->rip + insn->length;
		memcpy(test->bytes + disp_at, &disp, n);
	}
}

/* Opcodes of rows that the emulator executes and user mode may. */
static unsigned int opcodes[512], n_opcodes;

static bool has_meaning(const struct emu_row *row)
{
	static const unsigned int n_rows[] = { 8, 16, 2, 4 };
	unsigned int n;

	if (!(row->flags & ROW_GROUP))
		return row->meaning;
	n = row->flags & ROW_GROUP_PREFIX ? n_rows[3]
	    : row->flags & ROW_GROUP_MODE ? n_rows[2]
	    : row->flags & ROW_GROUP_MOD3 ? n_rows[1]
					  : n_rows[0];
	for (unsigned int i = 0; i < n; i++)
		if (has_meaning(&row->group[i]))
			return true;
	return false;
}

static void find_opcodes(void)
{
	n_opcodes = 0;
	for (unsigned int i = 0; i < 512; i++) {
		const struct emu_row *row = i < 256 ? &emu_map_one[i] : &emu_map_0f[i - 256];

		if (has_meaning(row) && i != 0x8e)
			opcodes[n_opcodes++] = i;
	}
}

static unsigned int put_prefixes(struct test_case *test, uint8_t *bytes)
{
	unsigned int n = 0;

	if (!pick(3))
		bytes[n++] = 0x66;
	if (!pick(6))
		bytes[n++] = 0x67;
	if (!pick(8)) {
		static const uint8_t overrides[] = { 0x26, 0x2e, 0x36, 0x3e, 0x65, 0x65 };

		bytes[n++] = overrides[pick(6)];
	}
	if (!pick(4))
		bytes[n++] = pick(2) ? 0xf3 : 0xf2;
	if (!pick(8))
		bytes[n++] = 0xf0;
	if (test->mode == EMU_LONG64 && !pick(2))
		bytes[n++] = (uint8_t)(0x40 + pick(16));
	return n;
}

static void pick_segments(struct test_case *test)
{
	static const unsigned int data[] = { LDT_DATA_FLAT,   LDT_DATA_FLAT,	 LDT_DATA_FLAT,
					     LDT_DATA_FLAT,   LDT_DATA_LIMIT,	 LDT_DATA_DOWN32,
					     LDT_DATA_DOWN16, LDT_DATA_READONLY, LDT_STACK16,
					     LDT_COUNT };

	for (unsigned int i = 0; i < 6; i++)
		test->entry[i] = data[pick(10)];
	if (test->mode == EMU_LONG64) {
		test->entry[SEG_GS] = LDT_DATA_LIMIT;
		return;
	}
	/* 16-bit addresses reach little of a flat segment. */
	if (test->mode == EMU_PROT16 && pick(4))
		for (unsigned int i = 0; i < 6; i++)
			if (test->entry[i] == LDT_DATA_FLAT)
				test->entry[i] = LDT_DATA_LIMIT + (pick(4) ? 0 : 1);
	if (test->entry[SEG_SS] == LDT_COUNT || test->entry[SEG_SS] == LDT_DATA_READONLY)
		test->entry[SEG_SS] = LDT_DATA_FLAT;
	test->entry[SEG_CS] = test->mode == EMU_PROT16 ? LDT_CODE16
			      : pick(4)		       ? LDT_CODE32
						       : LDT_CODE32_EXECUTE_ONLY;
}

/* A random instruction with a memory operand that mostly can be accessed. */
static bool make_case(struct test_case *test, enum emu_mode mode)
{
	unsigned int n, disp_at, opcode = opcodes[pick(n_opcodes)];
	uint64_t address_mask;
	struct emu_insn insn;
	bool is_locked;

	test->mode = mode;
	pick_segments(test);
	for (unsigned int i = 0; i < sizeof(test->bytes); i++)
		test->bytes[i] = (uint8_t)(next_random() >> 40);
	n = put_prefixes(test, test->bytes);
	if (opcode >= 256)
		test->bytes[n++] = 0x0f;
	test->bytes[n++] = (uint8_t)opcode;
	test->bytes[n] = (uint8_t)((test->bytes[n] & 0x3f) | pick(3) << 6);
	emu_decode(test->bytes, EMU_MAX_INSN_BYTES, mode, &insn);
	if (insn.length == 0 || insn.length > EMU_MAX_INSN_BYTES)
		return false;
	test->n_bytes = insn.length;

	for (unsigned int i = 0; i < 16; i++)
		test->gpr[i] = pick_value();
	test->rip = mode == EMU_PROT16 ? 0x100 + pick(0x8000) : CODE + 0x100 + pick(0x8000);
	test->gpr[4] = pick_target(!pick(4));
	if (mode != EMU_LONG64)
		test->gpr[4] -= ldt[test->entry[SEG_SS]].base;
	disp_at = n + (insn.has_modrm ? 1 : 0) +
		  (insn.has_modrm && insn.address_size != 2 && (insn.modrm & 7) == 4 ? 1 : 0);
	is_locked = insn.prefixes & EMU_PREFIX_LOCK || opcode == 0x86 || opcode == 0x87;
	address_mask = mask_of(insn.address_size);

	if (insn.is_string) {
		struct emu_insn destination = insn;

		destination.segment = SEG_ES;
		test->gpr[6] = linear_of(test, &insn, pick_target(!pick(4))) & address_mask;
		test->gpr[7] = linear_of(test, &destination, pick_target(!pick(4))) & address_mask;
		if (!pick(3)) /* near each other */
			test->gpr[7] = test->gpr[6] + pick(40) - 20;
		if (pick(4))
			test->gpr[1] = (next_random() & ~address_mask) | pick(pick(8) ? 40 : 3000);
		else
			test->gpr[1] = (next_random() & ~address_mask) | pick(3);
		if (insn.prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE) &&
		    (test->gpr[1] & address_mask) > 4000)
			return false;
	} else if (insn.is_memory) {
		uint64_t target = pick_target(!pick(4));

		/* A lock over a cache line may be forbidden to user mode. */
		if (is_locked)
			target &= ~15ull;
		aim(test, &insn, disp_at, target);
		if (!pick(3) && target >= RW_PAGE && target + 16 <= RW_PAGE + RW_BYTES) {
			memcpy(before + (target - RW_PAGE), &test->gpr[0], 8);
			memcpy(before + (target - RW_PAGE) + (insn.rex & 8 ? 8 : 4), &test->gpr[2],
			       8);
		}
		if (is_locked && test->gpr[2] & 7 &&
		    (opcode == 0x1ab || opcode == 0x1b3 || opcode == 0x1bb))
			return false; /* bit offsets move the lock */
	} else if (opcode == 0xd7) {
		test->gpr[3] =
			linear_of(test, &insn, pick_target(!pick(4))) - (test->gpr[0] & 0xff);
	}
	if (opcode >= 0x1a3 && opcode <= 0x1bb && insn.is_memory && pick(8))
		test->gpr[insn.reg] = (uint64_t)(int64_t)(int)(pick(4000) - 2000);
	if (opcode == 0xd7 || insn.is_memory) {
		if (mode == EMU_LONG64 && !pick(64) && insn.base >= 0 && insn.base < 16)
			test->gpr[insn.base] ^= 1ull << (47 + pick(17));
	}
	if (mode != EMU_LONG64)
		for (unsigned int i = 0; i < 16; i++)
			test->gpr[i] = i < 8 ? test->gpr[i] & 0xffffffff : 0;
	return true;
}

static void refresh_memory(void)
{
	unsigned int at_byte = pick(RW_BYTES - 64);

	for (unsigned int i = 0; i < 64; i++)
		before[at_byte + i] = (uint8_t)(pick(4) ? next_random() >> 50 : pick(2));
}

static void run_mode(enum emu_mode mode, unsigned long n)
{
	unsigned long end = n_run + n;
	struct test_case test;

	memset(&test, 0, sizeof(test));
	while (n_run < end) {
		refresh_memory();
		if (!make_case(&test, mode))
			continue;
		test.rflags = RFLAGS_ONE | RFLAGS_IF;
		run_case(&test);
		test.rflags |= RFLAGS_STATUS | RFLAGS_DF | (pick(8) ? 0 : RFLAGS_AC);
		run_case(&test);
		if (!pick(4)) {
			test.rflags = RFLAGS_ONE | RFLAGS_IF | (next_random() & RFLAGS_STATUS) |
				      (pick(4) ? 0 : RFLAGS_AC);
			run_case(&test);
		}
	}
}

static void agrees_with_the_processor_in_64_bit_code(void)
{
	run_mode(EMU_LONG64, 300000);
}

static void agrees_with_the_processor_in_32_bit_code(void)
{
	run_mode(EMU_PROT32, 120000);
}

static void agrees_with_the_processor_in_16_bit_code(void)
{
	run_mode(EMU_PROT16, 120000);
}

static void cases_are_of_every_kind(void)
{
	printf("# %lu cases: %lu in 64-bit, %lu in 32-bit, %lu in 16-bit code; %lu faults, %lu "
	       "#UD, %lu not "
	       "implemented, %u opcodes\n",
	       n_run, n_mode[EMU_LONG64], n_mode[EMU_PROT32], n_mode[EMU_PROT16], n_faults,
	       n_invalid, n_unimplemented, n_opcodes);
	CHECK(n_run >= 540000);
	CHECK(n_faults > n_run / 20);
	CHECK(n_faults < n_run / 2);
	CHECK(n_opcodes > 150);
}

int main(void)
{
	set_up();
	find_opcodes();
	RUN(agrees_with_the_processor_in_64_bit_code);
	RUN(agrees_with_the_processor_in_32_bit_code);
	RUN(agrees_with_the_processor_in_16_bit_code);
	RUN(cases_are_of_every_kind);
	return check_finish();
}
