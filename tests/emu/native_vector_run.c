/* SPDX-License-Identifier: MIT */
/*
 * One case of the native vector test, run by the processor and by the emulator. The guest is entered by a
 * signal handler that rewrites its return context, vector state and all, and left by INT3 or a fault,
 * whose handler puts the host's context back.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/emu/flat.h"
#include "tests/emu/native_vector.h"
#include "tests/emu/probe.h"
#include "x86/fx.h"

#define ENVIRONMENT (CODE + 0xf000)

#define CS32 0x23 /* of Linux */
#define DS32 0x2b

#define STATE_BITS 0xe7ull /* x87, SSE, AVX, opmask, both halves of AVX-512 */

void vector_signal_entry(int number, siginfo_t *info, void *context);
void vector_signal(int number, siginfo_t *info, void *context);

static const int gpr_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				REG_R12, REG_R13, REG_R14, REG_R15 };

static volatile enum { OUTSIDE, ENTERING, INSIDE } phase;
static gregset_t host;
static uint8_t host_xsave[4096];
static unsigned int xsave_bytes, xsave_at[8];
static const struct test_case *guest;
static uint8_t readonly_copy[0x1000];

uint64_t host_xcr0;
uint32_t host_features;
uint8_t before[RW_BYTES], shadow[RW_BYTES];
struct result native, emulated;

/* The frame's XSAVE area, standard form, from and to a state. */
static void put_xsave(uint8_t *area, const struct state *state)
{
	struct x86_fxsave *fx = (struct x86_fxsave *)area;
	uint64_t *xstate_bv = (uint64_t *)(area + 512);

	if (host_xcr0)
		*xstate_bv |= STATE_BITS & host_xcr0;
	fx->fcw = state->x87.fcw;
	fx->fsw = state->x87.fsw;
	fx->ftw = state->x87.ftw;
	fx->fop = state->x87.fop;
	fx->fip = state->x87.fip;
	fx->fdp = state->x87.fdp;
	fx->mxcsr = state->x87.mxcsr;
	memcpy(fx->st, state->x87.st, sizeof(fx->st));
	for (unsigned int i = 0; i < 16; i++)
		memcpy(fx->xmm[i], state->vector[i], 16);
	for (unsigned int i = 0; i < 16 && host_xcr0 & XCR0_AVX; i++)
		memcpy(area + xsave_at[2] + i * 16, state->vector[i] + 16, 16);
	if (!(host_xcr0 & XCR0_OPMASK))
		return;
	memcpy(area + xsave_at[5], state->mask, 64);
	for (unsigned int i = 0; i < 16; i++) {
		memcpy(area + xsave_at[6] + i * 32, state->vector[i] + 32, 32);
		memcpy(area + xsave_at[7] + i * 64, state->vector[i + 16], 64);
	}
}

/* A component that is not in use is not in the area: it is as after reset. */
static void get_xsave(const uint8_t *area, struct state *state)
{
	const struct x86_fxsave *fx = (const struct x86_fxsave *)area;
	uint64_t xstate_bv = XCR0_X87 | XCR0_SSE;

	if (host_xcr0)
		memcpy(&xstate_bv, area + 512, 8);
	xstate_bv &= host_xcr0 | XCR0_X87 | XCR0_SSE;
	memset(state->vector, 0, sizeof(state->vector));
	memset(state->mask, 0, sizeof(state->mask));
	memset(&state->x87, 0, sizeof(state->x87));
	state->x87.fcw = 0x37f;
	state->x87.mxcsr = fx->mxcsr;
	if (xstate_bv & XCR0_X87) {
		state->x87.fcw = fx->fcw;
		state->x87.fsw = fx->fsw;
		state->x87.ftw = fx->ftw;
		state->x87.fop = fx->fop;
		state->x87.fip = fx->fip;
		state->x87.fdp = fx->fdp;
		memcpy(state->x87.st, fx->st, sizeof(fx->st));
	}
	for (unsigned int i = 0; i < 16; i++) {
		if (xstate_bv & XCR0_SSE)
			memcpy(state->vector[i], fx->xmm[i], 16);
		if (xstate_bv & XCR0_AVX)
			memcpy(state->vector[i] + 16, area + xsave_at[2] + i * 16, 16);
		if (xstate_bv & XCR0_ZMM_HI256)
			memcpy(state->vector[i] + 32, area + xsave_at[6] + i * 32, 32);
		if (xstate_bv & XCR0_HI16_ZMM)
			memcpy(state->vector[i + 16], area + xsave_at[7] + i * 64, 64);
	}
	if (xstate_bv & XCR0_OPMASK)
		memcpy(state->mask, area + xsave_at[5], 64);
}

static void enter_guest(ucontext_t *context)
{
	greg_t *gregs = context->uc_mcontext.gregs;
	uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;
	bool is_long = guest->mode == EMU_LONG64;

	memcpy(host, gregs, sizeof(host));
	memcpy(host_xsave, area, xsave_bytes);
	put_xsave(area, &guest->state);
	for (int i = 0; i < 16; i++)
		gregs[gpr_of[i]] = (greg_t)guest->state.gpr[i];
	gregs[REG_RIP] = (greg_t)guest->state.rip;
	gregs[REG_EFL] = (greg_t)guest->state.rflags;
	if (!is_long)
		gregs[REG_CSGSFS] = (greg_t)(((uint64_t)host[REG_CSGSFS] & 0x0000ffffffff0000) |
					     CS32 | (uint64_t)DS32 << 48);
}

static void leave_guest(ucontext_t *context)
{
	greg_t *gregs = context->uc_mcontext.gregs;
	uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;

	for (int i = 0; i < 16; i++)
		native.state.gpr[i] = (uint64_t)gregs[gpr_of[i]];
	native.state.rip = (uint64_t)gregs[REG_RIP];
	native.state.rflags = (uint64_t)gregs[REG_EFL];
	native.vector = (int)gregs[REG_TRAPNO];
	native.error_code = (uint32_t)gregs[REG_ERR];
	native.address = (uint64_t)gregs[REG_CR2];
	get_xsave(area, &native.state);
	memcpy(gregs, host, sizeof(host));
	memcpy(area, host_xsave, xsave_bytes);
}

void vector_signal(int number, siginfo_t *info, void *context)
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

static void find_features(void)
{
	struct probed probed;
	uint32_t leaf[4];

	probe(&probed);
	host_features = probed.features;
	host_xcr0 = (uint32_t)probed.xcr0;
	if (getenv("XCR0"))
		host_xcr0 &= strtoul(getenv("XCR0"), NULL, 0);
	if (!(host_xcr0 & XCR0_AVX))
		host_features &= EMU_HAS(EMU_AVX) - 1;
	if (!(host_xcr0 & XCR0_OPMASK))
		host_features &= EMU_HAS(EMU_AVX512F) - 1;
	xsave_bytes = 512;
	if (!probed.has_osxsave)
		return;
	probe_cpuid(0xd, 0, leaf);
	xsave_bytes = leaf[1];
	for (unsigned int i = 2; i < 8; i++) {
		probe_cpuid(0xd, i, leaf);
		xsave_at[i] = leaf[1];
	}
	if (xsave_bytes > sizeof(host_xsave))
		abort();
}

void set_up(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	struct sigaction action = { .sa_sigaction = vector_signal_entry,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_size = 1 << 18 };

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);

	map(ARENA, ARENA_BYTES, PROT_NONE);
	mprotect((void *)RW_PAGE, RW_BYTES, PROT_READ | PROT_WRITE);
	mprotect((void *)RO_PAGE, 0x1000, PROT_READ | PROT_WRITE);
	for (unsigned int i = 0; i < 0x1000; i++)
		readonly_copy[i] = ((uint8_t *)RO_PAGE)[i] = (uint8_t)(next_random() >> 40);
	mprotect((void *)RO_PAGE, 0x1000, PROT_READ);
	map(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(DS32));
	find_features();
}

/* FNSTENV after an x87 instruction: some processors save pointers that way alone. It masks all. */
struct environment {
	uint32_t fcw, fsw, ftw, fip, fop, fdp, fds; /* fop in the high half */
};

static bool is_x87(const struct test_case *test)
{
	return test->form->encoding == EMU_LEGACY && test->form->map == 0;
}

static unsigned int put_fnstenv(uint8_t *code, enum emu_mode mode)
{
	uint32_t address = ENVIRONMENT;
	unsigned int n = 0;

	code[n++] = 0xd9;
	code[n++] = mode == EMU_LONG64 ? 0x34 : 0x35;
	if (mode == EMU_LONG64)
		code[n++] = 0x25;
	memcpy(code + n, &address, 4);
	return n + 4;
}

void run_native(const struct test_case *test)
{
	const struct environment *environment = (const struct environment *)ENVIRONMENT;
	uint8_t *code = (uint8_t *)test->state.rip;
	unsigned int n = test->n_bytes, n_after = 0;

	memcpy(code, test->bytes, n);
	if (is_x87(test))
		n_after = put_fnstenv(code + n, test->mode);
	code[n + n_after] = 0xcc;
	memcpy((void *)RW_PAGE, before, RW_BYTES);
	guest = test;
	phase = ENTERING;
	__asm__ volatile("int3" : : : "memory");
	native.state.x87.fop = test->state.x87.fop;
	native.state.x87.fip = test->state.x87.fip;
	native.state.x87.fdp = test->state.x87.fdp;
	native.has_pointers = false;
	if (native.vector != EXC_BP)
		return;
	native.vector = -1;
	native.state.rip -= n_after + 1;
	if (n_after) {
		native.state.x87.fcw = (uint16_t)environment->fcw;
		native.state.x87.fsw = (uint16_t)environment->fsw;
	}
	/* A switch of context between the two instructions loses the pointers of some processors. */
	native.has_pointers =
		n_after && environment->fip && test->form->row->meaning != emu_x_fcontrol;
	if (native.has_pointers) {
		native.state.x87.fop = environment->fop >> 16 & 0x7ff;
		native.state.x87.fip = environment->fip;
		native.state.x87.fdp = environment->fdp;
	}
}

/* The emulator's surroundings: the same memory map, in the shadow; the state of `emulated`. */

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	(void)ctx;
	*out = (struct x86_segment) {
		.limit = 0xffffffff,
		.selector = seg == SEG_CS ? CS32 : DS32,
		.attributes = SEG_P | SEG_S | SEG_DB | SEG_G | SEG_TYPE_ACCESSED |
			      SEG_TYPE_WRITABLE | (seg == SEG_CS ? SEG_TYPE_CODE : 0),
	};
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

static uint8_t *flat_at(gpa_t gpa, unsigned int n, bool is_write)
{
	if (!within_page(gpa.a, n) || n > 64 || n & (n - 1))
		abort();
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
	return flat_read(gpa, size, count, data);
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	(void)ctx;
	return flat_write(gpa, size, count, data);
}

static enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data)
{
	const struct state *state = ctx;

	if (file == EMU_OPMASK)
		memcpy(data, &state->mask[reg], n_bytes == 8 && reg < 8 ? 8 : (abort(), 0));
	else
		memcpy(data, state->vector[reg],
		       reg < 32 && (n_bytes == 16 || n_bytes == 32 || n_bytes == 64)
			       ? n_bytes
			       : (abort(), 0));
	return EMU_DONE;
}

static enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data)
{
	struct state *state = ctx;

	if (file == EMU_OPMASK) {
		memcpy(&state->mask[reg], data, 8);
		return EMU_DONE;
	}
	if (zero_upper)
		memset(state->vector[reg], 0, 64);
	memcpy(state->vector[reg], data, n_bytes);
	return EMU_DONE;
}

static enum emu_outcome op_x87(void *ctx, struct emu_x87 *out)
{
	*out = ((struct state *)ctx)->x87;
	return EMU_DONE;
}

static enum emu_outcome op_set_x87(void *ctx, const struct emu_x87 *value)
{
	((struct state *)ctx)->x87 = *value;
	return EMU_DONE;
}

static const struct emu_ops ops = {
	.segment = op_segment,
	.translate = op_translate,
	.read = op_read,
	.write = op_write,
	.vector = op_vector,
	.set_vector = op_set_vector,
	.x87 = op_x87,
	.set_x87 = op_set_x87,
};

enum emu_outcome run_emulator(const struct test_case *test, const struct emu_insn *insn)
{
	struct emu_cpu cpu = { .rip = test->state.rip,
			       .rflags = test->state.rflags,
			       .mode = test->mode,
			       .cpl = 3,
			       .cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_AM | CR0_NE | CR0_MP,
			       .cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | (host_xcr0 ? CR4_OSXSAVE : 0),
			       .xcr0 = host_xcr0,
			       .features = host_features };
	struct emu_exception exception = { .vector = 0xee };
	enum emu_outcome outcome;

	emulated.state = test->state;
	memcpy(cpu.gpr, test->state.gpr, sizeof(cpu.gpr));
	memcpy(shadow, before, RW_BYTES);
	outcome = emu_execute(insn, &cpu, &ops, &emulated.state, &exception);
	memcpy(emulated.state.gpr, cpu.gpr, sizeof(cpu.gpr));
	emulated.state.rip = cpu.rip;
	emulated.state.rflags = cpu.rflags;
	emulated.vector = -1;
	emulated.error_code = 0;
	emulated.address = 0;
	if (outcome == EMU_EXCEPTION) {
		emulated.vector = exception.vector;
		emulated.error_code = exception.error_code;
		emulated.address = exception.address;
	}
	return outcome;
}
