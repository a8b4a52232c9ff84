/* SPDX-License-Identifier: MIT */
/*
 * The processor's side. A case is entered by loading every register and jumping to its instruction,
 * which is followed by a jump to native_exit; a fault, or a branch that lands on an INT3 somewhere in
 * the code page, is left through a signal handler. Neither needs a return from a signal.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/emu/native.h"
#include "tests/emu/native_frame.h"
#include "x86/cr.h"
#include "x86/exc.h"

#define INT3 0xcc

extern struct native_frame native_frame;
void native_enter(void);
void native_exit(void);
void native_return(void) __attribute__((noreturn));
void native_signal_entry(int number, siginfo_t *info, void *context);
void native_signal(int number, siginfo_t *info, void *context);

uint16_t native_cs, native_ss;
bool native_has_fsgsbase, native_has_umip, native_has_split_lock_detect, native_is_amd;
uint32_t native_features;
struct probed native_probed;
uint64_t native_cr4, native_xcr0;

static struct native_result *volatile outcome;
static struct {
	uint64_t begin, end;
} mapped[64];
static unsigned int n_mapped;

void native_signal(int number, siginfo_t *info, void *context)
{
	static const int gpr_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
					REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
					REG_R12, REG_R13, REG_R14, REG_R15 };
	const greg_t *gregs = ((const ucontext_t *)context)->uc_mcontext.gregs;
	struct native_result *result = outcome;

	(void)info;
	if (!native_frame.is_inside) {
		signal(number, SIG_DFL); /* a fault of the test itself */
		return;
	}
	for (int i = 0; i < 16; i++)
		native_frame.gpr[i] = (uint64_t)gregs[gpr_of[i]];
	native_frame.rflags = (uint64_t)gregs[REG_EFL];
	native_frame.selector[SEG_CS] = (uint16_t)gregs[REG_CSGSFS];
	native_frame.selector[SEG_SS] = (uint16_t)((uint64_t)gregs[REG_CSGSFS] >> 48);
	result->rip = (uint64_t)gregs[REG_RIP];
	result->vector = (int)gregs[REG_TRAPNO];
	result->error_code = (uint32_t)gregs[REG_ERR];
	result->address = (uint64_t)gregs[REG_CR2];
	native_return();
}

/* Type, size and presence as struct user_desc has them, and in the model. */
static void install(unsigned int entry, uint32_t base, uint32_t limit, unsigned int type,
		    unsigned int flags)
{
	bool in_pages = limit > 0xfffff;
	struct user_desc desc = {
		.entry_number = entry,
		.base_addr = base,
		.limit = in_pages ? limit >> 12 : limit,
		.seg_32bit = (flags & SEG_DB) != 0,
		.contents = (unsigned int)(type >> 2 & 3),
		.read_exec_only = (type & 2) == 0,
		.limit_in_pages = in_pages,
		.seg_not_present = !(flags & SEG_P),
		.useable = 1,
	};

	if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc))) {
		perror("modify_ldt");
		exit(1);
	}
	native_model_ldt(entry, base, limit, type, flags | (in_pages ? SEG_G : 0));
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

static void set_up_memory(void)
{
	map(ARENA, ARENA_BYTES, PROT_NONE);
	mprotect((void *)RW_PAGE, RW_BYTES, PROT_READ | PROT_WRITE);
	mprotect((void *)RO_PAGE, 0x1000, PROT_READ | PROT_WRITE);
	for (unsigned int i = 0; i < 0x1000; i++)
		((uint8_t *)RO_PAGE)[i] = (uint8_t)(i * 7 + (i >> 8));
	mprotect((void *)RO_PAGE, 0x1000, PROT_READ);
	map(CODE, CODE_BYTES + 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC);
	memset((void *)CODE, INT3, CODE_BYTES);
}

static void set_up_ldt(void)
{
	install(LDT_CODE32, 0, 0xffffffff, 0xa, SEG_P | SEG_DB);
	install(LDT_CODE32_EXECUTE_ONLY, 0, 0xffffffff, 0x8, SEG_P | SEG_DB);
	install(LDT_CODE16, CODE, 0xffff, 0xa, SEG_P);
	install(LDT_DATA_FLAT, 0, 0xffffffff, 2, SEG_P | SEG_DB);
	install(LDT_DATA_LIMIT, RW_PAGE - 0x100, 0x100 + 0x17f6, 2, SEG_P | SEG_DB);
	install(LDT_DATA_DOWN32, RW_PAGE - 0x800, 0x9f2, 6, SEG_P | SEG_DB);
	install(LDT_DATA_DOWN16, RW_PAGE - 0xf000, 0xf00a, 6, SEG_P);
	install(LDT_DATA_READONLY, RW_PAGE, 0x1ffe, 0, SEG_P | SEG_DB);
	install(LDT_STACK16, RW_PAGE, 0xffff, 2, SEG_P);
	/* Linux takes no conforming segment that is present. */
	install(LDT_CODE32_CONFORMING, 0, 0xffffffff, 0xe, SEG_DB);
	install(LDT_CODE16_SHORT, CODE, 0xff7f, 8, SEG_P);
	install(LDT_DATA_NOT_PRESENT, 0, 0xffffffff, 2, SEG_DB);
	install(LDT_CODE_NOT_PRESENT, 0, 0xffffffff, 0xa, SEG_DB);
	install(LDT_DATA_HIGH, 0xfedcb000, 0xffffffff, 2, SEG_P | SEG_DB);
	native_model_gdt();
}

static void set_up_signals(void)
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
}

/* What the processor executes, whatever its CPUID shows; vectors are another program's. */
static void find_features(void)
{
	probe(&native_probed);
	native_features = native_probed.features;
	native_is_amd = native_features & EMU_HAS(EMU_AMD);
	native_has_umip = native_probed.has_umip;
	native_has_fsgsbase = native_probed.has_fsgsbase;
	native_xcr0 = native_probed.xcr0;
	native_cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | (native_probed.has_osxsave ? CR4_OSXSAVE : 0) |
		     (native_has_umip ? CR4_UMIP : 0);
}

static void find_split_lock_detect(void)
{
	char line[8192];
	FILE *file = fopen("/proc/cpuinfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "split_lock_detect"))
			native_has_split_lock_detect = true;
	if (file)
		fclose(file);
}

void native_set_up(void)
{
	uint64_t base;

	__asm__ volatile("mov %%cs, %0" : "=r"(native_cs));
	__asm__ volatile("mov %%ss, %0" : "=r"(native_ss));
	find_features();
	find_split_lock_detect();
	set_up_memory();
	set_up_ldt();
	set_up_signals();
	syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &base);
	native_frame.host_fs_base = base;
	native_frame.host_ss = native_ss;
	native_frame.has_fsgsbase = native_has_fsgsbase;
}

/* What is mapped, with room for a heap or stack that grows. */
void native_find_empty(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned long long begin, end;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t below = strstr(line, "[stack]") ? 1 << 24 : 1 << 16;
		uint64_t above = strstr(line, "[heap]") ? 1 << 24 : 1 << 16;

		if (sscanf(line, "%llx-%llx", &begin, &end) != 2)
			continue;
		if (n_mapped == sizeof(mapped) / sizeof(mapped[0])) {
			printf("too many mappings\n");
			exit(1);
		}
		mapped[n_mapped].begin = begin > below ? begin - below : 0;
		mapped[n_mapped++].end = end + above;
	}
	if (file)
		fclose(file);
}

bool native_is_empty(uint64_t linear)
{
	for (unsigned int i = 0; i < n_mapped; i++)
		if (linear >= mapped[i].begin && linear < mapped[i].end)
			return false;
	return n_mapped;
}

uint64_t native_code_linear(const struct native_case *test, uint64_t rip)
{
	return test->mode == EMU_PROT16 ? CODE + rip : rip;
}

/* The jump to native_exit behind the instruction. */
static void put_exit(uint8_t *at, enum emu_mode mode)
{
	uint32_t target = (uint32_t)(uintptr_t)native_exit;

	if (mode == EMU_LONG64) {
		int32_t displacement =
			(int32_t)((int64_t)(uintptr_t)native_exit - (int64_t)(uintptr_t)(at + 5));

		at[0] = 0xe9;
		memcpy(at + 1, &displacement, 4);
		return;
	}
	if (mode == EMU_PROT16)
		*at++ = 0x66;
	at[0] = 0xea;
	memcpy(at + 1, &target, 4);
	memcpy(at + 5, &native_cs, 2);
}

void native_run(const struct native_case *test, struct native_result *result)
{
	uint8_t *code = (uint8_t *)native_code_linear(test, test->rip);
	bool is_64 = test->mode == EMU_LONG64;

	memcpy(code, test->bytes, EMU_MAX_INSN_BYTES);
	memset(code + test->n_bytes, INT3, EMU_MAX_INSN_BYTES + 1 - test->n_bytes);
	put_exit(code + test->n_bytes, test->mode);

	memcpy(native_frame.gpr, test->gpr, sizeof(native_frame.gpr));
	native_frame.rflags = test->rflags;
	native_frame.rip = test->rip;
	native_frame.far_offset = (uint32_t)test->rip;
	native_frame.far_selector = test->segment[SEG_CS].selector;
	native_frame.is_64 = is_64;
	for (unsigned int i = 0; i < 6; i++)
		native_frame.selector[i] = test->segment[i].selector;
	native_frame.fs_base = test->segment[SEG_FS].base;
	native_frame.gs_base = test->segment[SEG_GS].base;
	outcome = result;
	result->vector = -1;
	result->error_code = 0;
	result->address = 0;
	result->rip = test->rip + test->n_bytes;
	native_enter();

	memcpy(result->gpr, native_frame.gpr, sizeof(result->gpr));
	/* On the way back to a 16-bit stack the kernel leaves bits of its own in RSP. */
	if (!is_64)
		result->gpr[4] &= 0xffffffff;
	result->rflags = native_frame.rflags;
	for (unsigned int i = 0; i < 6; i++) {
		result->segment[i].selector = native_frame.selector[i];
		result->segment[i].base = i == SEG_FS	? native_frame.fs_base
					  : i == SEG_GS ? native_frame.gs_base
							: 0;
	}
	if (result->vector == EXC_BP) {
		result->vector = -1;
		result->rip--;
	} else if (result->vector == EXC_PF && result->error_code & PF_I) {
		result->vector = -1;
	} else if (result->vector == EXC_GP && test->mode == EMU_PROT16 &&
		   test->rip + test->n_bytes == test->segment[SEG_CS].limit + 1 &&
		   result->rip != test->rip) {
		result->vector = -1; /* of the next fetch, beyond the limit */
	}
	if (result->vector < 0)
		result->error_code = 0;
	if (result->vector == EXC_PF && result->address >= USER_END)
		result->error_code &= ~PF_P;
	memset(code, INT3, 2 * EMU_MAX_INSN_BYTES);
}
