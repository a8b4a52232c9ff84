// SPDX-License-Identifier: MIT
/*
 * InvalidVpRegisterValue: each rule that a VM entry has for the state of its guest, broken by one register. WHP may
 * refuse the value when it is set, or at the run; in both cases the shared page names the register and says
 * what is wrong, nothing has run, and with the old value the guest does.
 */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);

static struct child child;

#define NONCANONICAL 0x0100000000000000ull /* with 57 bits, too */
#define HIGH	     0x100000000ull

/* A segment as the two words of WHV_REGISTER_VALUE. */
#define SEGMENT(base, limit, selector, attributes) \
	(base), ((limit) | (uint64_t)(selector) << 32 | (uint64_t)(attributes) << 48)
#define FLAT(attributes) SEGMENT(0, 0xffffffffull, 16, (attributes))

struct rule {
	enum child_mode mode;
	UINT32 name;
	uint64_t low, high;
	const char *text; /* a part of it */
	void (*prepare)(void);
};

static void real_user(void)
{
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterCs, 0, 0xffff, 0, 0x93), S_OK);
}

/* Virtual-8086 mode from protected mode: all is as it must be. */
static void v86(void)
{
	static const UINT32 names[] = { WHvX64RegisterEs, WHvX64RegisterCs, WHvX64RegisterSs,
					WHvX64RegisterDs, WHvX64RegisterFs, WHvX64RegisterGs };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_EQ(child_set_segment(&child, names[i], 0, 0xffff, 0, 0xf3), S_OK);
	/* HLT is #GP there: it leads to the handler. */
	*(uint32_t *)(void *)(child.ram + 4) = (uint32_t)CHILD_STACK;
	*(uint32_t *)(void *)(child.ram + 8) = 16;
	child_gate(&child, CHILD_PROT32, EXC_GP);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_VM), S_OK);
}

static void interrupts_on(void)
{
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
}

/* clang-format off */
static const struct rule rules[] = {
	/* Control registers */
	{ CHILD_REAL, WHvX64RegisterCr0, HIGH | CR0_ET, 0, "reserved", NULL },
	{ CHILD_REAL, WHvX64RegisterCr0, CR0_PG | CR0_ET, 0, "CR0.PG", NULL },
	{ CHILD_REAL, WHvX64RegisterCr0, CR0_NW | CR0_ET, 0, "CR0.NW", NULL },
	/* (CR0.PG clear with EFER.LMA set: a processor refuses it, Bochs 2.7 does not.) */
	{ CHILD_LONG, WHvX64RegisterCr4, CR4_OSFXSR, 0, "CR4.PAE", NULL },
	{ CHILD_LONG, WHvX64RegisterCr4, CR4_PAE | CR4_VMXE, 0, "CR4", NULL },
	{ CHILD_LONG, WHvX64RegisterCr4, CR4_PAE | 1ull << 40, 0, "CR4", NULL },
	{ CHILD_LONG, WHvX64RegisterCr3, 1ull << 60, 0, "CR3", NULL },
	{ CHILD_LONG, WHvX64RegisterEfer, 1ull << 12 | EFER_LME | EFER_LMA, 0, "EFER", NULL },
	{ CHILD_REAL, WHvX64RegisterEfer, EFER_LMA, 0, "EFER.LMA", NULL },
	{ CHILD_LONG, WHvX64RegisterEfer, EFER_LME, 0, "EFER.LMA", NULL },
	{ CHILD_REAL, WHvX64RegisterCr8, 16, 0, "", NULL },
	{ CHILD_REAL, WHvX64RegisterDr7, HIGH, 0, "", NULL },
	{ CHILD_REAL, WHvX64RegisterDr6, HIGH, 0, "", NULL },
	{ CHILD_REAL, WHvX64RegisterXCr0, 2, 0, "", NULL },
	/* MSRs */
	{ CHILD_REAL, WHvX64RegisterSysenterEsp, NONCANONICAL, 0, "canonical", NULL },
	{ CHILD_REAL, WHvX64RegisterSysenterEip, NONCANONICAL, 0, "canonical", NULL },
	{ CHILD_REAL, WHvX64RegisterLstar, NONCANONICAL, 0, "canonical", NULL },
	{ CHILD_REAL, WHvX64RegisterCstar, NONCANONICAL, 0, "canonical", NULL },
	{ CHILD_REAL, WHvX64RegisterKernelGsBase, NONCANONICAL, 0, "canonical", NULL },
	{ CHILD_REAL, WHvX64RegisterPat, 0x0300, 0, "PAT", NULL },
	/* Code segment */
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc01b), "present", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc08b), "system segment", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, SEGMENT(0, 0xfff0ull, 8, 0xc09b), "limit", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, SEGMENT(0, 0x1fffffull, 8, 0x409b), "limit", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc0f3), "DPL", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc0fb), "CS.DPL differs", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc0ff), "conforming", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc09a), "accessed", NULL },
	{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc097), "accessed code", NULL },
	{ CHILD_LONG, WHvX64RegisterCs, FLAT(0xe09b), "CS.L and CS.D", NULL },
	{ CHILD_LONG, WHvX64RegisterCs, SEGMENT(HIGH, 0xffffffffull, 8, 0xa09b), "upper half", NULL },
	/* Stack segment */
	{ CHILD_REAL, WHvX64RegisterSs, SEGMENT(0, 0xffffull, 0, 0xf3), "SS.DPL", real_user },
	{ CHILD_PROT32, WHvX64RegisterSs, FLAT(0xc091), "writable", NULL },
	{ CHILD_PROT32, WHvX64RegisterSs, FLAT(0xc09b), "writable", NULL },
	{ CHILD_PROT32, WHvX64RegisterSs, SEGMENT(0, 0x100ull, 16, 0xc093), "limit", NULL },
	{ CHILD_PROT32, WHvX64RegisterSs, SEGMENT(HIGH, 0xffffffffull, 16, 0xc093), "upper half", NULL },
	/* Data segments */
	{ CHILD_PROT32, WHvX64RegisterDs, FLAT(0xc092), "accessed", NULL },
	{ CHILD_PROT32, WHvX64RegisterEs, FLAT(0xc099), "cannot be read", NULL },
	{ CHILD_PROT32, WHvX64RegisterFs, FLAT(0xc083), "system segment", NULL },
	{ CHILD_PROT32, WHvX64RegisterGs, SEGMENT(0, 0x1fffffull, 16, 0x4093), "limit", NULL },
	{ CHILD_PROT32, WHvX64RegisterEs, SEGMENT(HIGH, 0xffffffffull, 16, 0xc093), "upper half", NULL },
	{ CHILD_LONG, WHvX64RegisterFs, SEGMENT(NONCANONICAL, 0xffffffffull, 16, 0xc093), "canonical", NULL },
	{ CHILD_LONG, WHvX64RegisterGs, SEGMENT(NONCANONICAL, 0xffffffffull, 16, 0xc093), "canonical", NULL },
	/* System segments and tables */
	{ CHILD_PROT32, WHvX64RegisterTr, SEGMENT(0, 0x67ull, 28, 0x8b), "LDT", NULL },
	{ CHILD_PROT32, WHvX64RegisterTr, SEGMENT(0, 0x67ull, 24, 0x89), "busy TSS", NULL },
	{ CHILD_LONG, WHvX64RegisterTr, SEGMENT(0, 0x67ull, 24, 0x83), "busy TSS", NULL },
	{ CHILD_PROT32, WHvX64RegisterTr, SEGMENT(0, 0x67ull, 24, 0x0b), "present", NULL },
	{ CHILD_PROT32, WHvX64RegisterTr, SEGMENT(0, 0x67ull, 24, 0x9b), "S bit", NULL },
	{ CHILD_PROT32, WHvX64RegisterTr, SEGMENT(0, 0x67ull, 24, 0x808b), "limit", NULL },
	{ CHILD_LONG, WHvX64RegisterTr, SEGMENT(NONCANONICAL, 0x67ull, 24, 0x8b), "canonical", NULL },
	{ CHILD_PROT32, WHvX64RegisterLdtr, SEGMENT(0, 0xffffull, 4, 0x82), "LDT", NULL },
	{ CHILD_PROT32, WHvX64RegisterLdtr, SEGMENT(0, 0xffffull, 32, 0x83), "LDT", NULL },
	{ CHILD_PROT32, WHvX64RegisterLdtr, SEGMENT(0, 0xffffull, 32, 0x92), "S bit", NULL },
	{ CHILD_LONG, WHvX64RegisterLdtr, SEGMENT(NONCANONICAL, 0xffffull, 32, 0x82), "canonical", NULL },
	{ CHILD_LONG, WHvX64RegisterGdtr, 0x7full << 48, NONCANONICAL, "canonical", NULL },
	{ CHILD_LONG, WHvX64RegisterIdtr, 0x7full << 48, NONCANONICAL, "canonical", NULL },
	/* RIP and RFLAGS */
	{ CHILD_PROT32, WHvX64RegisterRip, HIGH | CHILD_CODE, 0, "RIP", NULL },
	{ CHILD_REAL, WHvX64RegisterRip, HIGH | CHILD_CODE, 0, "RIP", NULL },
	/* (Not canonical in 64-bit mode: a processor refuses it, Bochs 2.7 does not.) */
	{ CHILD_PROT32, WHvX64RegisterRflags, 1 << 22 | RFLAGS_ONE, 0, "RFLAGS", NULL },
	{ CHILD_PROT32, WHvX64RegisterRflags, 1ull << 63 | RFLAGS_ONE, 0, "RFLAGS", NULL },
	{ CHILD_REAL, WHvX64RegisterRflags, 1 << 15 | RFLAGS_ONE, 0, "RFLAGS", NULL },
	{ CHILD_LONG, WHvX64RegisterRflags, RFLAGS_VM | RFLAGS_ONE, 0, "RFLAGS.VM", NULL },
	{ CHILD_REAL, WHvX64RegisterRflags, RFLAGS_VM | RFLAGS_ONE, 0, "RFLAGS.VM", NULL },
	/* Virtual-8086 mode */
	{ CHILD_PROT32, WHvX64RegisterDs, SEGMENT(0x100, 0xffffull, 0, 0xf3), "base", v86 },
	{ CHILD_PROT32, WHvX64RegisterEs, SEGMENT(0, 0xfffffull, 0, 0xf3), "limit", v86 },
	{ CHILD_PROT32, WHvX64RegisterFs, SEGMENT(0, 0xffffull, 0, 0x93), "attributes", v86 },
	{ CHILD_PROT32, WHvX64RegisterCs, SEGMENT(0, 0xffffull, 0, 0xfb), "attributes", v86 },
	/* Non-register state, and events that no guest can take */
	{ CHILD_REAL, WHvRegisterInterruptState, 4, 0, "", NULL },
	{ CHILD_REAL, WHvRegisterInternalActivityState, 8, 0, "", NULL },
	{ CHILD_REAL, WHvX64RegisterPendingDebugException, 1 << 5, 0, "", NULL },
	{ CHILD_REAL, WHvX64RegisterDeliverabilityNotifications, 1 << 6, 0, "", NULL },
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x30005, 0, "", NULL }, /* an NMI of vector 3 */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x20007, 0, "", NULL }, /* exception 2 */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x200007, 0, "", NULL }, /* exception 32 */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x60017, 0, "", NULL }, /* #UD with an error code */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0xd0007, 0, "error code", NULL }, /* #GP without */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x8000000d0017, 0, "", NULL }, /* of 16 bits */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x200003, 0, "", NULL }, /* type 1 */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x20000f, 0, "", NULL }, /* type 7 */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x1000001, 0, "", interrupts_on }, /* vector 256 */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x200201, 0, "", interrupts_on }, /* nested */
	{ CHILD_PROT32, WHvRegisterPendingInterruption, 0x800009, 0, "", NULL }, /* INT n of no length */
	{ CHILD_PROT32, WHvRegisterPendingEvent, 0x60101, 0, "", NULL }, /* #UD with an error code */
	{ CHILD_PROT32, WHvRegisterPendingEvent, 0xd0001, 0, "error code", NULL }, /* #GP without */
	{ CHILD_PROT32, WHvRegisterPendingEvent, 0x200001, 0, "", NULL }, /* exception 32 */
	{ CHILD_PROT32, WHvRegisterPendingEvent, 0x6000f, 0, "", NULL }, /* SVM's nested exit */
	{ CHILD_PROT32, WHvRegisterPendingEvent, 0x60011, 0, "", NULL }, /* VMX's */
};
/* clang-format on */

static void complain(const struct rule *rule)
{
	static unsigned int n;

	if (check_has_failed() && n++ < 8)
		terminal_print("# rule %u: register %x, mode %u, \"%s\": \"%s\"\n",
			       (unsigned int)(rule - rules), rule->name, rule->mode, rule->text,
			       child.page->error_text);
}

/* Is the guest as it was, and does it run? */
static void expect_sound(const struct rule *rule, const WHV_REGISTER_VALUE *before)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)rule->name };

	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, before), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip,
		 rule->prepare == v86 ? CHILD_HANDLER + 1 : CHILD_CODE + 1);
}

static void break_rule(const struct rule *rule)
{
	const WHV_REGISTER_VALUE bad = { .Reg128 = { { rule->low, rule->high } } };
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)rule->name };
	WHV_REGISTER_VALUE before, after;
	HRESULT hr;

	CHECK_EQ(child_create(&child, rule->mode, GUEST(halt), 0, 0), S_OK);
	if (check_has_failed())
		return;
	if (rule->prepare)
		rule->prepare();
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 1, &before), S_OK);
	hr = WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, &bad);
	if (hr == S_OK) {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonInvalidVpRegisterValue);
		CHECK_EQ(child.exit.VpContext.InstructionLength, 0);
		for (unsigned int i = 0; i < 22; i++)
			CHECK_EQ(child.exit.AsUINT64[i], 0);
		if (rule->name != WHvX64RegisterRip)
			CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	} else {
		CHECK_EQ(hr, WHIT_E_REGISTER_VALUE);
		CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 1, &after),
			 S_OK);
		CHECK_EQ(after.Reg128.Low64, before.Reg128.Low64);
		CHECK_EQ(after.Reg128.High64, before.Reg128.High64);
	}
	CHECK_EQ(child.page->error_register, rule->name);
	CHECK(child.page->error_text[0] != 0);
	CHECK(!rule->text[0] || check_contains(child.page->error_text, rule->text));
	expect_sound(rule, &before);
	complain(rule);
	child_destroy(&child);
}

static void entry_rule_broken_names_register_and_reason(void)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !check_has_failed(); i++)
		break_rule(&rules[i]);
}

/* What looks odd and is allowed. */
static void entry_odd_but_legal_states_run(void)
{
	static const struct rule odd[] = {
		{ CHILD_PROT32, WHvX64RegisterDs, SEGMENT(0, 0, 0, 0), "", NULL },
		{ CHILD_PROT32, WHvX64RegisterFs, SEGMENT(0x1234, 0x77ull, 3, 0), "", NULL },
		{ CHILD_PROT32, WHvX64RegisterLdtr, SEGMENT(0, 0, 0, 0), "", NULL },
		{ CHILD_PROT32, WHvX64RegisterTr, SEGMENT(0, 0x2bull, 24, 0x83), "", NULL },
		{ CHILD_PROT32, WHvX64RegisterDs, FLAT(0xc097), "", NULL }, /* expand-down */
		{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc09f), "", NULL }, /* conforming */
		{ CHILD_PROT32, WHvX64RegisterCs, FLAT(0xc093), "", NULL }, /* data, CPL 0 */
		{ CHILD_LONG, WHvX64RegisterSs, SEGMENT(0, 0, 0, 0), "", NULL },
		{ CHILD_LONG, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_NT | RFLAGS_IOPL, 0, "",
		  NULL },
		{ CHILD_LONG, WHvX64RegisterFs, SEGMENT(0xffff800000001000, 0, 0, 0), "", NULL },
		{ CHILD_REAL, WHvX64RegisterCs, SEGMENT(0, 0xffffull, 0, 0x93), "", NULL },
		{ CHILD_REAL, WHvX64RegisterCs, SEGMENT(0, 0xffffffffull, 0, 0x809b), "", NULL },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]) && !check_has_failed(); i++) {
		const WHV_REGISTER_VALUE value = { .Reg128 = { { odd[i].low, odd[i].high } } };
		WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)odd[i].name };

		CHECK_EQ(child_create(&child, odd[i].mode, GUEST(halt), 0, 0), S_OK);
		CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, &value),
			 S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		if (check_has_failed())
			terminal_print("# odd %u: %s\n", (unsigned int)i, child.page->error_text);
		child_destroy(&child);
	}
}

void entry_checks(void)
{
	static const struct test tests[] = {
		TEST(entry_rule_broken_names_register_and_reason),
		TEST(entry_odd_but_legal_states_run),
	};

	RUN(tests);
}
