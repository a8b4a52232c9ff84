/* SPDX-License-Identifier: MIT */
/*
 * Exit records, byte by byte. The offsets are those of reference/whp-api.md, section 5.1, written as numbers:
 * the headers are not asked.
 */
#include <stdio.h>

#include "hv/run/record.h"
#include "tests/unit/run_world.h"
#include "x86/dr.h"
#include "x86/fx.h"

#define RECORD_BYTES 224u

/* The record that is expected; zero where nothing is put. */
static uint8_t wanted[RECORD_BYTES];

static void put(unsigned int offset, unsigned int n_bytes, uint64_t value)
{
	memcpy(wanted + offset, &value, n_bytes);
}

static void put_segment(unsigned int offset, const struct x86_segment *segment)
{
	put(offset, 8, segment->base);
	put(offset + 8, 4, segment->limit);
	put(offset + 12, 2, segment->selector);
	put(offset + 14, 2, segment->attributes);
}

/* Expect a head; the rest of the record is put by the test. */
static void want(uint32_t reason, unsigned int state, unsigned int length)
{
	const uint64_t cr8 = child->apic.page ? child->apic.page[0x80] >> 4 : child->cr8;
	struct x86_segment cs;

	memset(wanted, 0, sizeof(wanted));
	put(0, 4, reason);
	put(8, 2, state);
	put(10, 1, length | cr8 << 4);
	virt_get_segment(child->virt, SEG_CS, &cs);
	put_segment(16, &cs);
	put(32, 8, virt_regs(child->virt)->rip);
	put(40, 8, virt_regs(child->virt)->rflags);
}

static void compare(void)
{
	for (unsigned int i = 0; i < RECORD_BYTES; i++)
		if (child->page->exit[i] != wanted[i]) {
			FAIL("byte %u is %x, not %x", i, child->page->exit[i], wanted[i]);
			return;
		}
}

static void soil(void)
{
	memset(child->page->exit, 0xaa, sizeof(child->page->exit));
}

static void init_with(uint32_t apic_mode)
{
	world_init_with(apic_mode);
	world_long_mode();
	child->cr8 = 0xb;
	for (unsigned int i = 0; i < 16; i++)
		virt_regs(child->virt)->gpr[i] = 0x1111111111111111ull * i;
	virt_regs(child->virt)->rflags = RFLAGS_ONE | RFLAGS_CF | RFLAGS_IF;
	virt_set_segment(child->virt, SEG_DS,
			 &(struct x86_segment) { 0x123000, 0xfffff, 0x28, 0x4093 });
	virt_set_segment(child->virt, SEG_ES,
			 &(struct x86_segment) { 0x456000, 0x0fffe, 0x30, 0x0097 });
	soil();
}

static void init(void)
{
	init_with(WHvX64LocalApicEmulationModeNone);
}

#define STATE_LONG (1u << 2 | 1u << 4) /* Cr0Pe, EferLma; Cpl 0 */

static void put_bytes(unsigned int n)
{
	wanted[48] = (uint8_t)n;
	/* An exit that lacks something has its instruction written there. */
	for (unsigned int i = 0; i < n; i++)
		wanted[52 + i] = fake_lacks && virt_regs(child->virt)->rip == CODE_GPA
					 ? guest_ptr(CODE_GPA)[i]
					 : (uint8_t)(0xc0 + i);
}

static void run_for_record(const struct virt_exit *exit)
{
	fake_push(exit, NULL);
	CHECK_EQ(run_child(), S_OK);
}

static void put_io(uint32_t info, uint16_t port)
{
	struct x86_segment segment;

	put_bytes(16);
	put(68, 4, info);
	put(72, 2, port);
	put(80, 8, virt_regs(child->virt)->gpr[0]);
	put(88, 8, virt_regs(child->virt)->gpr[1]);
	put(96, 8, virt_regs(child->virt)->gpr[6]);
	put(104, 8, virt_regs(child->virt)->gpr[7]);
	virt_get_segment(child->virt, SEG_DS, &segment);
	put_segment(112, &segment);
	virt_get_segment(child->virt, SEG_ES, &segment);
	put_segment(128, &segment);
}

static void io_record_is_complete(void)
{
	static const uint8_t sizes[] = { 1, 2, 4 };

	init();
	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int bits = 0; bits < 8; bits++) {
			const struct virt_exit exit = {
				.reason = VIRT_EXIT_IO,
				.insn_length = (uint8_t)(2 + bits),
				.io = { .port = (uint16_t)(0xcf8 + bits),
					.size = sizes[i],
					.is_in = bits & 1,
					.is_string = bits & 2,
					.is_rep = bits & 4 },
			};

			run_for_record(&exit);
			want(WHvRunVpExitReasonX64IoPortAccess, STATE_LONG, 2 + bits);
			put_io((bits & 1 ? 0 : 1u) | (uint32_t)sizes[i] << 1 |
				       (bits & 2 ? 1u << 4 : 0) | (bits & 4 ? 1u << 5 : 0),
			       (uint16_t)(0xcf8 + bits));
			compare();
			CHECK_EQ(virt_regs(child->virt)->rip,
				 CODE_GPA); /* before the instruction */
		}
}

static void memory_record_is_complete(void)
{
	static const struct {
		uint64_t gpa;
		bool is_read, is_write, is_fetch, is_walk, gva_valid;
		uint32_t info;
	} cases[] = {
		{ HOLE_GPA + 0x123, true, false, false, false, true, 0 | 4 | 8 },
		{ HOLE_GPA + 0x123, false, true, false, false, true, 1 | 4 | 8 },
		{ HOLE_GPA + 0x123, true, true, false, false, true, 1 | 4 | 8 },
		{ HOLE_GPA + 0xfff, false, false, true, false, true, 2 | 4 | 8 },
		{ HOLE_GPA + 0x123, true, false, false, false, false, 0 | 4 },
		{ ROM_GPA + 0x7ff, false, true, false, false, true, 1 | 8 },
		{ ROM_GPA + 0x7f8, true, true, false, true, true, 1 | 8 },
		{ HOLE_GPA + 0x7f8, true, true, false, true, true, 0 | 4 | 8 },
		{ (1ull << 39) + 5, true, false, false, false, true, 0 | 4 | 8 },
	};

	init();
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* No instruction there has an operand that leads to the address. */
		const bool is_told = cases[i].gva_valid && !(fake_lacks & FAKE_LACKS_GVA);
		const struct virt_exit exit = {
			.reason = VIRT_EXIT_MEMORY,
			.memory = { .gpa = GPA(cases[i].gpa),
				    .gva = GVA(0xffff800000000123ull),
				    .gva_valid = cases[i].gva_valid,
				    .is_walk = cases[i].is_walk,
				    .is_read = cases[i].is_read,
				    .is_write = cases[i].is_write,
				    .is_fetch = cases[i].is_fetch },
		};

		run_for_record(&exit);
		want(WHvRunVpExitReasonMemoryAccess, STATE_LONG, 0);
		put_bytes(16);
		put(68, 4, is_told ? cases[i].info : cases[i].info & ~8u);
		put(72, 8, cases[i].gpa);
		put(80, 8, is_told ? 0xffff800000000123ull : 0);
		compare();
	}
}

static void instruction_bytes_stop_where_fetching_stops(void)
{
	const struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY,
					.memory = { .gpa = GPA(HOLE_GPA), .is_read = true } };

	for (unsigned int n = 0; n <= 16; n++) {
		init();
		/* The last n bytes of the page before a hole. */
		virt_regs(child->virt)->rip = ROM_GPA + PAGE_SIZE - n;
		for (unsigned int i = 0; i < n; i++)
			*((uint8_t *)at(ROM_SPA) + PAGE_SIZE - n + i) = (uint8_t)(0xc0 + i);
		run_for_record(&exit);
		want(WHvRunVpExitReasonMemoryAccess, STATE_LONG, 0);
		put_bytes(n);
		put(68, 4, 4);
		put(72, 8, HOLE_GPA);
		compare();
	}
}

static void bytes_of_the_record_before_do_not_show(void)
{
	init();
	run_for_record(&(struct virt_exit) {
		.reason = VIRT_EXIT_IO, .insn_length = 1, .io = { .port = 0x80, .size = 1 } });
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_TRIPLE_FAULT });
	want(WHvRunVpExitReasonUnrecoverableException, STATE_LONG, 0);
	compare();
	run_for_record(&(struct virt_exit) {
		.reason = VIRT_EXIT_IO, .insn_length = 1, .io = { .port = 0x80, .size = 1 } });
	if (fake_lacks & FAKE_LACKS_LENGTH)
		return;				/* without bytes there is no such exit */
	virt_regs(child->virt)->rip = HOLE_GPA; /* no bytes this time */
	run_for_record(&(struct virt_exit) {
		.reason = VIRT_EXIT_IO, .insn_length = 1, .io = { .port = 0x80, .size = 1 } });
	want(WHvRunVpExitReasonX64IoPortAccess, STATE_LONG, 1);
	put_io(1 | 1 << 1, 0x80);
	memset(wanted + 48, 0, 20);
	compare();
}

static void msr_record_is_complete(void)
{
	init();
	part->properties.extended_exits = EXITS_MSR;
	part->properties.msr_exits = 1; /* UnhandledMsrs */
	virt_regs(child->virt)->gpr[1] = 0xffffffffc0012345ull;
	virt_regs(child->virt)->gpr[0] = 0xaaaaaaaa11111111ull;
	virt_regs(child->virt)->gpr[2] = 0xbbbbbbbb22222222ull;
	for (unsigned int is_write = 0; is_write < 2; is_write++) {
		run_for_record(&(struct virt_exit) {
			.reason = is_write ? VIRT_EXIT_WRMSR : VIRT_EXIT_RDMSR, .insn_length = 3 });
		want(WHvRunVpExitReasonX64MsrAccess, STATE_LONG, 3);
		put(48, 4, is_write);
		put(52, 4, 0xc0012345u);
		put(56, 8, 0x11111111);
		put(64, 8, 0x22222222);
		compare();
		soil();
	}
}

static void cpuid_record_is_complete(void)
{
	init();
	part->properties.extended_exits = 1;
	virt_regs(child->virt)->gpr[0] = 0xffffffff40000000ull;
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 });
	want(WHvRunVpExitReasonX64Cpuid, STATE_LONG, 2);
	put(48, 8, 0xffffffff40000000ull);
	put(56, 8, 0x1111111111111111ull);
	put(64, 8, 0x2222222222222222ull);
	put(72, 8, 0x3333333333333333ull);
	put(80, 8, 0x40000010);
	put(88, 8, 0x73657547); /* ECX, EDX, EBX */
	put(96, 8, 0x74);
	put(104, 8, 0x74696857);
	compare();
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
	CHECK_EQ(virt_regs(child->virt)->gpr[3], 0x3333333333333333ull);
}

static void exception_record_is_complete(void)
{
	init();
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_EXCEPTION,
					     .exception = { .vector = 14,
							    .has_error_code = true,
							    .error_code = 0x17,
							    .address = 0xffff800012345678ull } });
	want(WHvRunVpExitReasonException, STATE_LONG, 0);
	put_bytes(16);
	put(68, 4, 1);
	put(72, 1, 14);
	put(76, 4, 0x17);
	put(80, 8, 0xffff800012345678ull);
	compare();
	soil();
	run_for_record(&(struct virt_exit) {
		.reason = VIRT_EXIT_EXCEPTION,
		.insn_length = 1,
		.exception = { .vector = 3, .is_software = true, .error_code = 0x17 } });
	want(WHvRunVpExitReasonException, STATE_LONG, 1);
	put_bytes(16);
	put(68, 4, 2);
	put(72, 1, 3);
	compare();
}

static void window_records_are_complete_and_used_up(void)
{
	init();
	child->deliverability = 3;
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT_WINDOW });
	want(WHvRunVpExitReasonX64InterruptWindow, STATE_LONG, 0);
	compare();
	CHECK_EQ(child->deliverability, 1);
	soil();
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_NMI_WINDOW });
	want(WHvRunVpExitReasonX64InterruptWindow, STATE_LONG, 0);
	put(48, 4, 2);
	compare();
	CHECK_EQ(child->deliverability, 0);
}

static void unsupported_feature_record_is_complete(void)
{
	init();
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_TASK_SWITCH,
					     .task_switch = { .selector = 0xfff8, .source = 2 } });
	want(WHvRunVpExitReasonUnsupportedFeature, STATE_LONG, 0);
	put(48, 4, 2);
	put(56, 8, 0xfff8);
	compare();
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
}

static void halt_record_is_past_the_hlt(void)
{
	init();
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_HLT, .insn_length = 1 });
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 1);
	want(WHvRunVpExitReasonX64Halt, STATE_LONG, 0);
	compare();
	CHECK_EQ(child->page->rip, CODE_GPA + 1);
}

static void canceled_record_has_reason_user(void)
{
	init();
	child->cancel = 1;
	CHECK_EQ(run_child(), S_OK);
	want(WHvRunVpExitReasonCanceled, STATE_LONG, 0);
	compare();
}

static void device_record_keeps_the_access(void)
{
	init();
	part->properties.emulation = WHIT_EMULATE_PORTS;
	virt_regs(child->virt)->gpr[0] = 0x1122334455667788;
	for (unsigned int is_in = 0; is_in < 2; is_in++) {
		run_for_record(
			&(struct virt_exit) { .reason = VIRT_EXIT_IO,
					      .insn_length = 2,
					      .io = { .port = 0x3f8, .size = 4, .is_in = is_in } });
		want(0x57480001, STATE_LONG, 2);
		put(48, 8, 0x3f8);
		put(56, 1, 1);
		put(57, 1, !is_in);
		put(58, 1, 4);
		put(60, 2, 1);
		put(62, 2, 4);
		put(64, 4, is_in ? ~0u : 0x55667788);
		memcpy(wanted + 68, child->page->exit + 68,
		       RECORD_BYTES - 68); /* not the access's */
		compare();
	}
}

static void rdtsc_record_is_complete(void)
{
	init();
	part->properties.extended_exits = EXITS_RDTSC;
	part->time_start = 1000;
	virt_set(child->virt, VIRT_TSC_OFFSET, 0xffffffff00000000ull);
	virt_set(child->virt, VIRT_TSC_AUX, 0x12345678);
	for (unsigned int is_rdtscp = 0; is_rdtscp < 2; is_rdtscp++) {
		uint64_t tsc, reference;

		run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_RDTSC,
						     .insn_length = (uint8_t)(2 + is_rdtscp),
						     .rdtsc = { .is_rdtscp = is_rdtscp } });
		memcpy(&tsc, child->page->exit + 64, 8);
		memcpy(&reference, child->page->exit + 72, 8);
		want(WHvRunVpExitReasonX64Rdtsc, STATE_LONG, 2 + is_rdtscp);
		put(48, 8, 0x12345678);
		put(56, 8, 0xffffffff00000000ull);
		put(64, 8, tsc);
		put(72, 8, reference);
		put(80, 8, is_rdtscp);
		compare();
		/* The fake's clock goes on with each look: at 2 GHz 1000 ticks are 5 units. */
		tsc -= 0xffffffff00000000ull;
		CHECK(tsc <= fake.tsc && tsc + 3000 > fake.tsc);
		CHECK(reference <= fake.tsc / 200 && reference + 20 > fake.tsc / 200);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
		soil();
	}
}

static void hypercall_record_is_complete(void)
{
	static const unsigned int order[] = { 0, 3, 1, 2, 8, 6, 7 };
	struct x86_fxsave *fpu;

	init();
	part->properties.extended_exits = EXITS_HYPERCALL;
	fpu = virt_fpu_save(child->virt);
	for (unsigned int i = 0; i < sizeof(fpu->xmm); i++)
		(&fpu->xmm[0][0])[i] = (uint8_t)(i + 1);
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_HYPERCALL, .insn_length = 3 });
	want(WHvRunVpExitReasonHypercall, STATE_LONG, 3);
	for (unsigned int i = 0; i < 7; i++)
		put(48 + 8 * i, 8, 0x1111111111111111ull * order[i]);
	for (unsigned int i = 0; i < 96; i++)
		wanted[112 + i] = (uint8_t)(i + 1);
	compare();
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA);
}

/* Of a trap, which stands behind its instruction. */
static struct apic_trap trap;

/* The APIC has caught it in the instruction. */
static void set_trap(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	child->apic.trap = trap;
}

static void apic_records_are_complete(void)
{
	static const struct {
		uint32_t reason, detail, first;
		uint64_t value, second;
		unsigned int at;
	} cases[] = {
		{ WHvRunVpExitReasonX64ApicEoi, 0xfe, 0xfe, 0x5555, 0, 56 },
		{ WHvRunVpExitReasonX64ApicSmiTrap, 7, 0x00000200, 0x0300000000000200ull,
		  0x0300000000000200ull, 48 },
		{ WHvRunVpExitReasonX64ApicInitSipiTrap, 7, 0x00004608, 0x0100000000004608ull,
		  0x0100000000004608ull, 48 },
		{ WHvRunVpExitReasonX64ApicWriteTrap, 0xf0, 0xf0, 0x1ff, 0x1ff, 56 },
		{ WHvRunVpExitReasonX64ApicWriteTrap, 0x350, 0x350, 0x10700, 0x10700, 56 },
	};

	for (unsigned int i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		const bool is_msr = i & 1;

		init_with(WHvX64LocalApicEmulationModeX2Apic);
		apic_put(&child->apic, APIC_TPR, 0x9f);
		trap = (struct apic_trap) { cases[i / 2].reason, cases[i / 2].detail,
					    cases[i / 2].value };
		if (is_msr)
			CHECK(apic_write_msr(child, MSR_APIC_BASE,
					     child->apic_base | APIC_BASE_EXTD));
		virt_regs(child->virt)->gpr[0] = 0x9f;
		virt_regs(child->virt)->gpr[1] = 0x808;
		virt_regs(child->virt)->gpr[2] = 0;
		fake_push(&(struct virt_exit) { .reason = is_msr ? VIRT_EXIT_WRMSR
								 : VIRT_EXIT_APIC_WRITE,
						.insn_length = is_msr ? 2 : 0,
						.apic_write = { .offset = 0xf0 } },
			  set_trap);
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + (is_msr ? 2 : 0));
		want(cases[i / 2].reason, STATE_LONG, 0);
		put(48, 4, cases[i / 2].first);
		put(cases[i / 2].at, 8, cases[i / 2].second);
		CHECK_EQ(wanted[10], 9 << 4);
		compare();
		CHECK_EQ(child->apic.trap.reason, 0);
	}
}

static void turn_record_is_complete(void)
{
	init_with(WHvX64LocalApicEmulationModeXApic);
	part->properties.turn_exits = WHIT_TURN_HALT | WHIT_TURN_SPIN;
	child->apic.deadline = 0x123456789abcull;
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_HLT, .insn_length = 1 });
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 1);
	want(0x57480002, STATE_LONG, 0);
	put(48, 4, 1);
	put(52, 4, 1); /* it has run */
	put(56, 8, 0x123456789abcull);
	compare();
	CHECK_EQ(run_child(), S_OK);
	put(52, 4, 0);
	compare();
	child->activity = 0;
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_PAUSE, .insn_length = 2 });
	CHECK_EQ(virt_regs(child->virt)->rip, CODE_GPA + 3);
	want(0x57480002, STATE_LONG, 0);
	put(48, 4, 2);
	put(52, 4, 1);
	compare();
}

/* What the hypervisor raises looks like what the processor does. */
static void raised_exception_record_is_complete(void)
{
	init();
	part->properties.extended_exits = EXITS_EXCEPTION;
	part->properties.exception_exits = 1u << EXC_GP | 1u << EXC_DB;
	virt_regs(child->virt)->gpr[1] = 0x12345;
	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_RDMSR, .insn_length = 2 });
	want(WHvRunVpExitReasonException, STATE_LONG, 0);
	CHECK_EQ(virt_regs(child->virt)->rflags & RFLAGS_RF, RFLAGS_RF);
	put_bytes(16);
	put(68, 4, 1);
	put(72, 1, 13);
	compare();
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE);

	virt_set(child->virt, VIRT_DR6, DR6_INIT);
	virt_set(child->virt, VIRT_DR7, 1u << 13 | 0x400);
	run_for_record(&(struct virt_exit) {
		.reason = VIRT_EXIT_DR, .insn_length = 3, .dr = { .number = 0, .gpr = 1 } });
	want(WHvRunVpExitReasonException, STATE_LONG, 0);
	put_bytes(16);
	put(72, 1, 1);
	put(80, 8, 1u << 13);
	compare();
	CHECK_EQ(virt_get(child->virt, VIRT_DR6), DR6_INIT); /* nothing has happened yet */
	CHECK_EQ(virt_get(child->virt, VIRT_DR7), 1u << 13 | 0x400);
}

/* WHV_X64_VP_EXECUTION_STATE, bit by bit. */
static unsigned int state_now(void)
{
	uint16_t state;

	run_for_record(&(struct virt_exit) { .reason = VIRT_EXIT_TRIPLE_FAULT });
	memcpy(&state, child->page->exit + 8, 2);
	return state;
}

static void execution_state_bits(void)
{
	world_init(); /* real mode, whatever SS.DPL is */
	virt_set_segment(child->virt, SEG_SS, &(struct x86_segment) { 0, 0xffff, 0, 0xf3 });
	CHECK_EQ(state_now(), 0);
	world_protected_mode();
	CHECK_EQ(state_now(), 1 << 2);
	for (unsigned int cpl = 0; cpl < 4; cpl++) {
		virt_set_segment(
			child->virt, SEG_SS,
			&(struct x86_segment) { 0, ~0u, 0x10, (uint16_t)(0xc093 | cpl << 5) });
		CHECK_EQ(state_now(), 1 << 2 | cpl);
	}
	virt_set_segment(child->virt, SEG_SS, &(struct x86_segment) { 0, ~0u, 0x10, 0xc093 });
	virt_regs(child->virt)->rflags |= RFLAGS_VM;
	CHECK_EQ(state_now(), 1 << 2 | 3);
	virt_regs(child->virt)->rflags = RFLAGS_ONE;
	virt_set(child->virt, VIRT_CR0, virt_get(child->virt, VIRT_CR0) | CR0_AM);
	CHECK_EQ(state_now(), 1 << 2 | 1 << 3);
	world_long_mode();
	CHECK_EQ(state_now(), STATE_LONG);
	for (unsigned int bit = 0; bit < 16; bit++) {
		virt_set(child->virt, VIRT_DR7, 1u << bit | 0x400);
		CHECK_EQ(state_now(), STATE_LONG | (bit < 8 ? 1u << 5 : 0));
	}
	virt_set(child->virt, VIRT_DR7, 0x400);
	virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_STI);
	CHECK_EQ(state_now(), STATE_LONG | 1 << 12);
	virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_MOV_SS);
	CHECK_EQ(state_now(), STATE_LONG | 1 << 12);
	virt_set(child->virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
	CHECK_EQ(state_now(), STATE_LONG);
}

static void interrupted_delivery_shows_as_pending(void)
{
	uint16_t state;

	init();
	run_for_record(&(struct virt_exit) {
		.reason = VIRT_EXIT_MEMORY,
		.interrupted = { .type = VIRT_EVENT_INTERRUPT, .vector = 0x30 },
		.memory = { .gpa = GPA(HOLE_GPA), .is_write = true } });
	memcpy(&state, child->page->exit + 8, 2);
	CHECK_EQ(state, STATE_LONG | 1 << 6);
	CHECK_EQ(event_get_interruption(child), 0x300001);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(io_record_is_complete),
		TEST(memory_record_is_complete),
		TEST(instruction_bytes_stop_where_fetching_stops),
		TEST(bytes_of_the_record_before_do_not_show),
		TEST(msr_record_is_complete),
		TEST(cpuid_record_is_complete),
		TEST(exception_record_is_complete),
		TEST(window_records_are_complete_and_used_up),
		TEST(unsupported_feature_record_is_complete),
		TEST(halt_record_is_past_the_hlt),
		TEST(canceled_record_has_reason_user),
		TEST(device_record_keeps_the_access),
		TEST(rdtsc_record_is_complete),
		TEST(hypercall_record_is_complete),
		TEST(apic_records_are_complete),
		TEST(turn_record_is_complete),
		TEST(raised_exception_record_is_complete),
		TEST(execution_state_bits),
		TEST(interrupted_delivery_shows_as_pending),
	};

	return RUN(tests);
}
