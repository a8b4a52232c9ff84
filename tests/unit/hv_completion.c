/* SPDX-License-Identifier: MIT */
/*
 * Exits of which the processor has not told all (hv/emulate/completion.h): each instruction that exits, and only
 * that one, completes its exit; what has become another is tried again by the guest.
 */
#include <stdio.h>

#include "hv/emulate/completion.h"
#include "hv/emulate/device.h"
#include "tests/unit/machine.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define CODE   0x1000u
#define TABLES 0x8000u /* 16 KiB: 4-level tables of the first 2 MiB, 1:1 */
#define BYTES  0x20000u
#define HOLE   0x80000u

static uint64_t handle, memory, page;
static struct vp *vp;

static void code(const void *bytes, unsigned int n)
{
	memset(at(memory + CODE), 0x90, 32);
	memcpy(at(memory + CODE), bytes, n);
}

static void segment(enum x86_seg seg, uint16_t attributes)
{
	virt_set_segment(vp->virt, seg, &(struct x86_segment) { 0, ~0u, 8, attributes });
}

/* EMU_REAL, EMU_PROT32 or EMU_LONG64, at the start of CODE. */
static void enter(enum emu_mode mode)
{
	uint64_t *const tables = at(memory + TABLES);

	virt_set(vp->virt, VIRT_CR0, mode == EMU_REAL ? CR0_ET : CR0_PE | CR0_ET | CR0_NE);
	virt_set(vp->virt, VIRT_EFER, 0);
	virt_set(vp->virt, VIRT_CR4, 0);
	segment(SEG_CS, mode == EMU_REAL ? 0x9b : mode == EMU_PROT32 ? 0xc09b : 0xa09b);
	for (enum x86_seg seg = SEG_ES; seg <= SEG_GS; seg++)
		if (seg != SEG_CS)
			segment(seg, 0xc093);
	if (mode == EMU_LONG64) {
		for (unsigned int i = 0; i < 3; i++)
			tables[512 * i] = (TABLES + PAGE_SIZE * (i + 1)) | PTE_P | PTE_W;
		for (unsigned int i = 0; i < 512; i++)
			tables[3 * 512 + i] = i << PAGE_SHIFT | PTE_P | PTE_W;
		virt_set(vp->virt, VIRT_CR3, TABLES);
		virt_set(vp->virt, VIRT_CR4, CR4_PAE);
		virt_set(vp->virt, VIRT_EFER, EFER_LME | EFER_LMA);
		virt_set(vp->virt, VIRT_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE);
	}
	virt_regs(vp->virt)->rip = CODE;
}

static void start(void)
{
	machine(256 * MIB);
	handle = set_up(64, 1);
	page = test_pages(1);
	memory = test_pages(BYTES >> PAGE_SHIFT);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, memory, 0, BYTES, 7), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page), S_OK);
	vp = vp_of(handle, 0);
	for (unsigned int i = 0; i < 16; i++)
		virt_regs(vp->virt)->gpr[i] = 0x8877665544332200ull + i;
}

static const WHV_RUN_VP_EXIT_CONTEXT *run(const struct virt_exit *exit)
{
	fake_push(exit, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), S_OK);
	return (const void *)((const struct whit_vp_page *)at(page))->exit;
}

/* ---- Forms ------------------------------------------------------------------------------- */

struct form {
	enum emu_mode mode;
	uint8_t bytes[8];
	uint8_t n;
	struct virt_exit exit;
	uint8_t gpr;
	uint64_t value;
};

#define MODE(mode, n, exit, ...)                           \
	{                                                  \
		EMU_##mode, { __VA_ARGS__ }, n, exit, 0, 0 \
	}
#define WITH(mode, n, exit, gpr, value, ...)                     \
	{                                                        \
		EMU_##mode, { __VA_ARGS__ }, n, exit, gpr, value \
	}
#define EXIT(why)                         \
	{                                 \
		.reason = VIRT_EXIT_##why \
	}
#define IO(p, s, in, string, repeat)        \
	{                                   \
		.reason = VIRT_EXIT_IO,     \
		.io = {.port = p,           \
		       .size = s,           \
		       .is_in = in,         \
		       .is_string = string, \
		       .is_rep = repeat }   \
	}
#define CR(why, n)                                                 \
	{                                                          \
		.reason = VIRT_EXIT_CR_##why, .cr = {.number = n } \
	}
#define DR(n, read)                                                           \
	{                                                                     \
		.reason = VIRT_EXIT_DR, .dr = {.number = n, .is_read = read } \
	}
#define TSC(p)                                                        \
	{                                                             \
		.reason = VIRT_EXIT_RDTSC, .rdtsc = {.is_rdtscp = p } \
	}
#define SOFT(v)                                                                                 \
	{                                                                                       \
		.reason = VIRT_EXIT_EXCEPTION, .exception = {.vector = v, .is_software = true } \
	}
#define INTERRUPTED(kind, v)                                 \
	{                                                    \
		.reason = VIRT_EXIT_MEMORY, .interrupted = { \
			.type = VIRT_EVENT_##kind,           \
			.vector = v                          \
		}                                            \
	}
#define DX 0x2202 /* as start() leaves it */

#define LONG_CR0 (CR0_PE | CR0_PG | CR0_ET | CR0_NE)

static const struct form forms[] = {
	MODE(LONG64, 2, EXIT(CPUID), 0x0f, 0xa2),
	MODE(REAL, 4, EXIT(CPUID), 0x66, 0x2e, 0x0f, 0xa2),
	MODE(LONG64, 1, EXIT(HLT), 0xf4),
	MODE(LONG64, 3, EXIT(HYPERCALL), 0x0f, 0x01, 0xc1),
	MODE(PROT32, 3, EXIT(HYPERCALL), 0x0f, 0x01, 0xd9),
	MODE(LONG64, 2, EXIT(RDMSR), 0x0f, 0x32),
	MODE(LONG64, 3, EXIT(WRMSR), 0x48, 0x0f, 0x30),
	MODE(LONG64, 3, EXIT(XSETBV), 0x0f, 0x01, 0xd1),
	MODE(LONG64, 2, EXIT(INVD), 0x0f, 0x08),
	MODE(LONG64, 2, EXIT(INVD), 0x0f, 0x09),
	MODE(LONG64, 3, EXIT(INVLPG), 0x0f, 0x01, 0x38),
	MODE(LONG64, 2, EXIT(RDPMC), 0x0f, 0x33),
	MODE(LONG64, 2, EXIT(PAUSE), 0xf3, 0x90),
	MODE(LONG64, 2, TSC(false), 0x0f, 0x31),
	MODE(LONG64, 3, TSC(true), 0x0f, 0x01, 0xf9),
	MODE(LONG64, 2, IO(0x80, 1, true, false, false), 0xe4, 0x80),
	MODE(LONG64, 2, IO(0x80, 4, false, false, false), 0xe7, 0x80),
	MODE(LONG64, 2, IO(DX, 2, true, false, false), 0x66, 0xed),
	MODE(REAL, 1, IO(DX, 2, false, false, false), 0xef),
	MODE(LONG64, 1, IO(DX, 1, true, true, false), 0x6c),
	MODE(LONG64, 2, IO(DX, 4, false, true, true), 0xf3, 0x6f),
	MODE(REAL, 3, IO(DX, 4, true, true, true), 0x66, 0xf2, 0x6d),
	WITH(LONG64, 3, CR(WRITE, 3), 1, 0x8877665544332201, 0x0f, 0x22, 0xd9),
	WITH(LONG64, 4, CR(WRITE, 4), 9, 0x8877665544332209, 0x41, 0x0f, 0x22, 0xe1),
	WITH(PROT32, 3, CR(WRITE, 0), 6, 0x44332206, 0x0f, 0x22, 0x06), /* Mod is not looked at */
	WITH(LONG64, 4, CR(WRITE, 8), 2, 0x8877665544332202, 0x44, 0x0f, 0x22, 0xc2),
	WITH(LONG64, 4, CR(READ, 8), 13, 0, 0x45, 0x0f, 0x20, 0xc5),
	WITH(PROT32, 2, CR(WRITE, 0), 0, CR0_PE | CR0_ET | CR0_NE, 0x0f, 0x06),
	WITH(PROT32, 3, CR(WRITE, 0), 5, CR0_PE | CR0_EM | CR0_ET | CR0_NE, 0x0f, 0x01, 0xf5),
	WITH(LONG64, 3, CR(WRITE, 0), VIRT_GPR_UNKNOWN, ~0ull, 0x0f, 0x01, 0x36),
	WITH(LONG64, 3, CR(READ, 0), 3, LONG_CR0, 0x0f, 0x20, 0xc3),
	WITH(LONG64, 3, CR(READ, 4), 1, CR4_PAE, 0x0f, 0x20, 0xe1),
	WITH(LONG64, 4, CR(READ, 0), 0, 0x8877665544330000 | (LONG_CR0 & 0xffff), 0x66, 0x0f, 0x01,
	     0xe0),
	WITH(LONG64, 3, CR(READ, 0), 7, LONG_CR0, 0x0f, 0x01, 0xe7),
	WITH(LONG64, 4, CR(READ, 0), 9, LONG_CR0, 0x49, 0x0f, 0x01, 0xe1),
	WITH(LONG64, 3, CR(READ, 0), VIRT_GPR_UNKNOWN, ~0ull, 0x0f, 0x01, 0x26),
	WITH(LONG64, 3, DR(7, false), 1, 0, 0x0f, 0x23, 0xf9),
	WITH(LONG64, 4, DR(0, true), 8, 0, 0x41, 0x0f, 0x21, 0xc0),
	MODE(LONG64, 1, SOFT(EXC_BP), 0xcc),
	MODE(PROT32, 2, SOFT(EXC_OF), 0x2e, 0xce),
	MODE(LONG64, 1, SOFT(EXC_DB), 0xf1),
	MODE(LONG64, 2, INTERRUPTED(SOFT_INTERRUPT, 0x80), 0xcd, 0x80),
	MODE(LONG64, 1, INTERRUPTED(SOFT_EXCEPTION, EXC_BP), 0xcc),
	MODE(LONG64, 1, INTERRUPTED(PRIVILEGED_SOFT_EXCEPTION, EXC_DB), 0xf1),
};

#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static struct virt_exit partial(const struct form *form)
{
	struct virt_exit exit = form->exit;

	exit.is_partial = true;
	if (exit.reason == VIRT_EXIT_CR_READ || exit.reason == VIRT_EXIT_CR_WRITE) {
		exit.cr.gpr = VIRT_GPR_UNKNOWN;
		exit.cr.value = ~0ull;
	} else if (exit.reason == VIRT_EXIT_DR) {
		exit.dr.gpr = VIRT_GPR_UNKNOWN;
	}
	return exit;
}

static bool is_event(const struct virt_exit *exit)
{
	return exit->interrupted.type != VIRT_EVENT_NONE;
}

static void each_instruction_completes_its_exit(void)
{
	start();
	for (size_t i = 0; i < N_FORMS; i++) {
		const struct form *const form = &forms[i];
		struct virt_exit exit = partial(form);

		enter(form->mode);
		code(form->bytes, form->n);
		if (!completion_of(vp, &exit))
			printf("# form %zu\n", i);
		REQUIRE_EQ(exit.reason, form->exit.reason);
		REQUIRE_EQ(is_event(&exit) ? exit.interrupted.length : exit.insn_length, form->n);
		if (exit.reason == VIRT_EXIT_CR_WRITE || exit.reason == VIRT_EXIT_CR_READ) {
			REQUIRE_EQ(exit.cr.gpr, form->gpr);
			REQUIRE_EQ(exit.cr.value, form->value);
		} else if (exit.reason == VIRT_EXIT_DR) {
			REQUIRE_EQ(exit.dr.gpr, form->gpr);
		}
		REQUIRE_EQ(virt_regs(vp->virt)->rip, CODE);
	}
}

/* The same details of the same reason: both forms are right for both exits. */
static bool are_alike(const struct form *a, const struct form *b)
{
	if (a->exit.reason != b->exit.reason)
		return false;
	switch (a->exit.reason) {
	case VIRT_EXIT_CR_READ:
	case VIRT_EXIT_CR_WRITE: return a->exit.cr.number == b->exit.cr.number;
	case VIRT_EXIT_HYPERCALL:
	case VIRT_EXIT_CPUID:
	case VIRT_EXIT_INVD: return true;
	case VIRT_EXIT_RDTSC: return b->exit.rdtsc.is_rdtscp >= a->exit.rdtsc.is_rdtscp;
	default: return a == b;
	}
}

static void another_instruction_completes_nothing(void)
{
	unsigned int n = 0;

	start();
	for (size_t i = 0; i < N_FORMS; i++)
		for (size_t k = 0; k < N_FORMS; k++) {
			struct virt_exit exit = partial(&forms[i]);

			/* Software exceptions are the same instruction, seen at two times. */
			if (forms[i].mode != forms[k].mode || are_alike(&forms[i], &forms[k]) ||
			    (exit.reason == VIRT_EXIT_EXCEPTION && is_event(&forms[k].exit)) ||
			    (is_event(&exit) && forms[k].exit.reason == VIRT_EXIT_EXCEPTION))
				continue;
			enter(forms[k].mode);
			code(forms[k].bytes, forms[k].n);
			if (completion_of(vp, &exit)) {
				printf("# form %zu by the bytes of %zu\n", i, k);
				REQUIRE(false);
			}
			n++;
		}
	REQUIRE(n > 500);
}

/* QEMU says RDTSC of RDTSCP, too, and hides none. */
static void rdtscp_is_told_by_its_bytes(void)
{
	static const uint8_t rdtscp[] = { 0x0f, 0x01, 0xf9 };
	const struct virt_exit rdtsc = { .reason = VIRT_EXIT_RDTSC, .is_partial = true };

	start();
	enter(EMU_LONG64);
	code(rdtscp, sizeof(rdtscp));
	for (unsigned int has = 0; has < 2; has++) {
		struct virt_exit exit = rdtsc;

		vp->partition->model.has &= ~(uint32_t)HAS_TSC_AUX;
		if (has)
			vp->partition->model.has |= HAS_TSC_AUX;
		REQUIRE(completion_of(vp, &exit));
		REQUIRE_EQ(exit.reason, has ? VIRT_EXIT_RDTSC : VIRT_EXIT_HIDDEN_INSN);
		if (has) {
			REQUIRE(exit.rdtsc.is_rdtscp);
			REQUIRE_EQ(exit.insn_length, sizeof(rdtscp));
		}
	}
}

static void bytes_that_are_no_instruction_are_invalid(void)
{
	static const uint8_t mov_cr9[] = { 0xf0, 0x0f, 0x22, 0xc0 };
	struct virt_exit exit = { .reason = VIRT_EXIT_CR_WRITE,
				  .is_partial = true,
				  .cr = { .number = 8 } };

	start();
	enter(EMU_PROT32);
	code(mov_cr9, sizeof(mov_cr9));
	REQUIRE(completion_of(vp, &exit));
	REQUIRE_EQ(exit.reason, VIRT_EXIT_HIDDEN_INSN);
}

static void bytes_that_cannot_be_fetched_complete_nothing(void)
{
	static const uint8_t half[] = { 0x0f };
	struct virt_exit exit = { .reason = VIRT_EXIT_CPUID, .is_partial = true };

	start();
	enter(EMU_LONG64);
	virt_regs(vp->virt)->rip = HOLE;
	REQUIRE(!completion_of(vp, &exit));
	virt_regs(vp->virt)->rip = BYTES - 1;
	memcpy(at(memory + BYTES - 1), half, 1);
	REQUIRE(!completion_of(vp, &exit));
}

/* ---- In the run loop --------------------------------------------------------------------- */

static void what_has_become_another_is_tried_again(void)
{
	static const uint8_t cpuid[] = { 0x0f, 0xa2 }, rdmsr[] = { 0x0f, 0x32 };
	const struct virt_exit exit = { .reason = VIRT_EXIT_CPUID, .is_partial = true };

	start();
	enter(EMU_LONG64);
	code(rdmsr, sizeof(rdmsr));
	for (unsigned int i = 1; i < 100; i++) {
		fake_push(&exit, NULL);
		REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
		REQUIRE_EQ(vp->virt->n_flushes,
			   i); /* else the processor might stay with its TLB's code */
		REQUIRE_EQ(virt_regs(vp->virt)->rip, CODE);
		REQUIRE_EQ(vp->pending.type, VIRT_EVENT_NONE);
	}
	code(cpuid, sizeof(cpuid));
	fake_push(&exit, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(virt_regs(vp->virt)->rip, CODE + 2);
}

/* INT n stands where it stood: the guest makes it again, or whatever is there now. */
static void a_software_interrupt_that_is_gone_is_not_delivered_again(void)
{
	static const uint8_t nop[] = { 0x90 }, int80[] = { 0xcd, 0x80 };
	struct virt_exit exit = { .reason = VIRT_EXIT_INTERRUPT,
				  .is_partial = true,
				  .interrupted = { .type = VIRT_EVENT_SOFT_INTERRUPT,
						   .vector = 0x80 } };

	start();
	enter(EMU_LONG64);
	code(nop, sizeof(nop));
	fake_push(&exit, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(vp->pending.type, VIRT_EVENT_NONE);
	code(int80, sizeof(int80));
	fake_push(&exit, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(vp->pending.type, VIRT_EVENT_SOFT_INTERRUPT);
	REQUIRE_EQ(vp->pending.length, 2);
}

/* A processor may call INT3 a software interrupt, which INT n of the same vector is: the bytes say which. */
static void int3_that_is_told_as_int_is_an_exception(void)
{
	static const uint8_t int3[] = { 0xcc }, int_3[] = { 0xcd, 3 };
	const struct virt_exit exit = { .reason = VIRT_EXIT_INTERRUPT,
					.is_partial = true,
					.interrupted = { .type = VIRT_EVENT_SOFT_INTERRUPT,
							 .vector = EXC_BP } };

	start();
	enter(EMU_LONG64);
	code(int3, sizeof(int3));
	fake_push(&exit, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(vp->pending.type, VIRT_EVENT_SOFT_EXCEPTION);
	REQUIRE_EQ(vp->pending.length, 1);
	start();
	enter(EMU_LONG64);
	code(int_3, sizeof(int_3));
	fake_push(&exit, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(vp->pending.type, VIRT_EVENT_SOFT_INTERRUPT);
	REQUIRE_EQ(vp->pending.length, 2);
}

static void lmsw_from_memory_is_executed(void)
{
	static const uint8_t lmsw[] = { 0x0f, 0x01, 0x36 }; /* [rsi] */
	const struct virt_exit exit = { .reason = VIRT_EXIT_CR_WRITE,
					.insn_length = 3,
					.is_partial = true,
					.cr = { .gpr = VIRT_GPR_UNKNOWN, .value = ~0ull } };
	const WHV_RUN_VP_EXIT_CONTEXT *record;

	start();
	enter(EMU_LONG64);
	code(lmsw, sizeof(lmsw));
	virt_regs(vp->virt)->gpr[X86_RSI] = 0x5008;
	*(uint16_t *)at(memory + 0x5008) = 0xfff8 | CR0_PE;
	fake_push(&exit, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_CR0), CR0_PE | CR0_TS | CR0_PG | CR0_ET | CR0_NE);
	REQUIRE_EQ(virt_regs(vp->virt)->rip, CODE + 3);

	/* Memory that is not there is the client's, as ever. */
	enter(EMU_LONG64);
	virt_regs(vp->virt)->gpr[X86_RSI] = HOLE + 8;
	record = run(&exit);
	REQUIRE_EQ(record->ExitReason, WHvRunVpExitReasonMemoryAccess);
	REQUIRE_EQ(record->MemoryAccess.Gpa, HOLE + 8);
	REQUIRE_EQ(record->MemoryAccess.Gva, HOLE + 8);
	REQUIRE_EQ(record->MemoryAccess.AccessInfo.AsUINT32, 4u | 8u);
	REQUIRE_EQ(virt_regs(vp->virt)->rip, CODE);

	/* A page fault is the guest's. */
	virt_regs(vp->virt)->gpr[X86_RSI] = 0x400000;
	fake_push(&exit, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_NOTHING }, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(vp->pending.vector, EXC_PF);
	REQUIRE_EQ(vp->pending_parameter, 0x400000);

	/* Nothing else is executed for it. */
	vp->pending.type = VIRT_EVENT_NONE;
	REQUIRE_EQ(device_msw(vp), DEVICE_INJECTED);
	code("\x89\x06", 2);
	REQUIRE_EQ(device_msw(vp), DEVICE_PLAIN);
}

static void smsw_to_memory_is_executed(void)
{
	static const uint8_t smsw[] = { 0x0f, 0x01, 0x26 }; /* [rsi] */
	const struct virt_exit exit = { .reason = VIRT_EXIT_CR_READ,
					.insn_length = 3,
					.is_partial = true,
					.cr = { .gpr = VIRT_GPR_UNKNOWN } };
	const WHV_RUN_VP_EXIT_CONTEXT *record;

	start();
	enter(EMU_LONG64);
	code(smsw, sizeof(smsw));
	virt_regs(vp->virt)->gpr[X86_RSI] = 0x5008;
	*(uint32_t *)at(memory + 0x5008) = ~0u;
	fake_push(&exit, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(*(uint32_t *)at(memory + 0x5008), 0xffff0000 | (LONG_CR0 & 0xffff));
	REQUIRE_EQ(virt_regs(vp->virt)->rip, CODE + 3);
	enter(EMU_LONG64);
	virt_regs(vp->virt)->gpr[X86_RSI] = HOLE + 8;
	record = run(&exit);
	REQUIRE_EQ(record->ExitReason, WHvRunVpExitReasonMemoryAccess);
	REQUIRE_EQ(record->MemoryAccess.Gpa, HOLE + 8);
	REQUIRE_EQ(record->MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessWrite);
}

/* ---- Addresses --------------------------------------------------------------------------- */

static void an_operand_that_leads_there_gives_the_address(void)
{
	static const struct {
		uint8_t bytes[8], n;
		bool is_write, is_there;
	} cases[] = {
		{ { 0x89, 0x03 }, 2, true, true },	   /* mov [rbx], eax */
		{ { 0x0b, 0x43, 0x10 }, 3, false, false }, /* or eax, [rbx + 10h] */
		{ { 0x0b, 0x43, 0x00 }, 3, false, true },  /* or eax, [rbx] */
		{ { 0x64, 0x89, 0x03 }, 3, true, true },   /* mov fs:[rbx], eax: base 0 */
		{ { 0xa4 }, 1, true, false },		   /* movsb: two */
		{ { 0x90 }, 1, false, false },		   /* nop: none */
		{ { 0x0f, 0xae, 0x03 },
		  3,
		  true,
		  false }, /* fxsave [rbx]: the emulator has it not */
	};
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY, .memory = { .gpa = GPA(HOLE + 8) } };
	uint64_t *const tables = at((start(), memory) + TABLES);
	const WHV_RUN_VP_EXIT_CONTEXT *record;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enter(EMU_LONG64);
		tables[3 * 512 + 0x20] = HOLE | PTE_P | PTE_W;
		virt_regs(vp->virt)->gpr[X86_RBX] = 0x20008;
		virt_regs(vp->virt)->gpr[X86_RSI] = virt_regs(vp->virt)->gpr[X86_RDI] = 0x20008;
		code(cases[i].bytes, cases[i].n);
		exit.memory.is_write = cases[i].is_write;
		exit.memory.is_read = !cases[i].is_write;
		record = run(&exit);
		REQUIRE_EQ(record->ExitReason, WHvRunVpExitReasonMemoryAccess);
		REQUIRE_EQ(record->MemoryAccess.AccessInfo.AsUINT32 >> 3 & 1, cases[i].is_there);
		REQUIRE_EQ(record->MemoryAccess.Gva, cases[i].is_there ? 0x20008 : 0);
	}
}

static void a_fetch_and_what_is_no_operand(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY,
				  .memory = { .gpa = GPA(HOLE + 5), .is_fetch = true } };
	gva_t gva;

	start();
	enter(EMU_LONG64);
	virt_regs(vp->virt)->rip = HOLE + 5;
	REQUIRE(completion_gva(vp, &exit, &gva));
	REQUIRE_EQ(gva.a, HOLE + 5);
	exit.memory.gpa = GPA(HOLE + 6);
	REQUIRE(!completion_gva(vp, &exit, &gva));
	virt_regs(vp->virt)->rip = HOLE - 3; /* across the edge */
	exit.memory.gpa = GPA(HOLE);
	REQUIRE(completion_gva(vp, &exit, &gva));
	REQUIRE_EQ(gva.a, HOLE);

	/* The processor's own accesses to tables, and those of a delivery. */
	exit.memory.is_fetch = false;
	exit.memory.is_write = true;
	virt_regs(vp->virt)->rip = CODE;
	code("\x89\x03", 2);
	virt_regs(vp->virt)->gpr[X86_RBX] = HOLE;
	REQUIRE(completion_gva(vp, &exit, &gva));
	exit.memory.is_walk = true;
	REQUIRE(!completion_gva(vp, &exit, &gva));
	exit.memory.is_walk = false;
	exit.interrupted.type = VIRT_EVENT_INTERRUPT;
	REQUIRE(!completion_gva(vp, &exit, &gva));
}

static void a_table_and_a_half_are_found_by_their_access(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY,
				  .memory = { .gpa = GPA(HOLE), .is_write = true } };
	uint64_t *const tables = at((start(), memory) + TABLES);
	gva_t gva;

	enter(EMU_LONG64);
	code("\x89\x03", 2); /* mov [rbx], eax */
	/* A page directory's entry leads to a table that is not there: its first entry. */
	tables[2 * 512 + 3] = HOLE | PTE_P | PTE_W;
	exit.memory.is_walk = true;
	virt_regs(vp->virt)->gpr[X86_RBX] = 0x600018;
	REQUIRE(completion_gva(vp, &exit, &gva));
	REQUIRE_EQ(gva.a, 0x600018);
	virt_regs(vp->virt)->gpr[X86_RBX] = 0x601018;
	REQUIRE(!completion_gva(vp, &exit, &gva));
	/* The same of a fetch. */
	virt_regs(vp->virt)->rip = 0x600ffe;
	exit.memory.gpa = GPA(HOLE + 8);
	REQUIRE(completion_gva(vp, &exit, &gva));
	REQUIRE_EQ(gva.a, 0x601000);
	virt_regs(vp->virt)->rip = CODE;
	/* A table that can be read, on the way of a walk that ends elsewhere. */
	tables[2 * 512 + 3] = (TABLES + 4 * 4096) | PTE_P | PTE_W;
	tables[4 * 512] = CODE | PTE_P | PTE_W;
	virt_regs(vp->virt)->gpr[X86_RBX] = 0x600018;
	exit.memory.gpa = GPA(TABLES + 4 * 4096);
	REQUIRE(completion_gva(vp, &exit, &gva));
	REQUIRE_EQ(gva.a, 0x600018);
	exit.memory.gpa = GPA(TABLES + 5 * 4096);
	REQUIRE(!completion_gva(vp, &exit, &gva));
	/* The second half of an operand, and an operand that has none. */
	tables[3 * 512 + 0x20] = CODE | PTE_P | PTE_W;
	tables[3 * 512 + 0x21] = HOLE | PTE_P | PTE_W;
	exit.memory = (__typeof__(exit.memory)) { .gpa = GPA(HOLE), .is_write = true };
	virt_regs(vp->virt)->gpr[X86_RBX] = 0x20ffe;
	REQUIRE(completion_gva(vp, &exit, &gva));
	REQUIRE_EQ(gva.a, 0x21000);
	virt_regs(vp->virt)->gpr[X86_RBX] = 0x20fe0;
	REQUIRE(!completion_gva(vp, &exit, &gva));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(each_instruction_completes_its_exit),
		TEST(another_instruction_completes_nothing),
		TEST(rdtscp_is_told_by_its_bytes),
		TEST(bytes_that_are_no_instruction_are_invalid),
		TEST(bytes_that_cannot_be_fetched_complete_nothing),
		TEST(what_has_become_another_is_tried_again),
		TEST(a_software_interrupt_that_is_gone_is_not_delivered_again),
		TEST(int3_that_is_told_as_int_is_an_exception),
		TEST(lmsw_from_memory_is_executed),
		TEST(smsw_to_memory_is_executed),
		TEST(an_operand_that_leads_there_gives_the_address),
		TEST(a_fetch_and_what_is_no_operand),
		TEST(a_table_and_a_half_are_found_by_their_access),
	};

	return RUN(tests);
}
