// SPDX-License-Identifier: MIT
/* The root partition: what it is shown of the hypervisor, and what it is not. */
#include "tests/system/apps/conformance/check.h"

#include "root/call/hypercall.h"
#include "tests/system/apps/conformance/board.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/hidden.h"
#include "tests/system/apps/conformance/probe.h"
#include "tests/system/apps/conformance/vendor.h"
#include "tests/system/apps/insn.h"
#include "whit/whp_extension.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"

DECLARE_GUEST(halt);

static void root_cpuid_shows_whit_and_hides_vmx(void)
{
	struct x86_cpuid r;

	insn_cpuid(1, 0, &r);
	CHECK(r.ecx & CPUID1_ECX_HYPERVISOR);
	CHECK(!(r.ecx & (CPUID1_ECX_VMX | CPUID1_ECX_SMX)));
	insn_cpuid(WHIT_CPUID_SIGNATURE, 0, &r);
	CHECK(r.eax >= WHIT_CPUID_VERSION);
	CHECK_EQ(r.ebx, WHIT_SIGNATURE_WORD);
	CHECK_EQ(r.ecx, WHIT_SIGNATURE_WORD);
	CHECK_EQ(r.edx, WHIT_SIGNATURE_WORD);
	insn_cpuid(WHIT_CPUID_VERSION, 0, &r);
	CHECK_EQ(r.eax, WHIT_ABI_VERSION);
	insn_cpuid(0x80000001u, 0, &r);
	CHECK(!(r.ecx & CPUID81_ECX_SVM));
}

static void root_has_no_vmx_instructions(void)
{
	CHECK_EQ(probe_call(probe_vmxon), PROBE_UD);
	CHECK_EQ(probe_call(probe_vmxoff), PROBE_UD);
	CHECK_EQ(probe_call(probe_vmptrld), PROBE_UD);
	CHECK_EQ(probe_call(probe_vmread), PROBE_UD);
	CHECK_EQ(probe_call(probe_invept), PROBE_UD);
}

static void root_has_no_svm_instructions(void)
{
	CHECK_EQ(probe_call(probe_vmrun), PROBE_UD);
	CHECK_EQ(probe_call(probe_vmload), PROBE_UD);
	CHECK_EQ(probe_call(probe_vmsave), PROBE_UD);
	CHECK_EQ(probe_call(probe_stgi), PROBE_UD);
	CHECK_EQ(probe_call(probe_clgi), PROBE_UD);
	CHECK_EQ(probe_call(probe_skinit), PROBE_UD);
	CHECK_EQ(probe_call(probe_invlpga), PROBE_UD);
}

static uint32_t try_wrmsr(uint32_t msr, uint64_t value)
{
	probe_msr = msr;
	probe_value = value;
	return probe_call(probe_wrmsr);
}

static uint32_t try_rdmsr(uint32_t msr)
{
	probe_msr = msr;
	return probe_call(probe_rdmsr);
}

/* Of AMD-V there is the lock, as firmware leaves it that has switched AMD-V off. */
static void root_has_no_svm_registers(void)
{
	const uint64_t locked = VM_CR_LOCK | VM_CR_SVMDIS;

	CHECK_EQ(try_wrmsr(MSR_EFER, insn_rdmsr(MSR_EFER) | EFER_SVME), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_VM_CR, 0), vendor_is_amd() ? 0 : PROBE_GP);
	if (vendor_is_amd())
		CHECK_EQ(insn_rdmsr(MSR_VM_CR) & locked, locked);
	CHECK_EQ(try_rdmsr(MSR_VM_HSAVE_PA), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_VM_HSAVE_PA, 0), PROBE_GP);
}

static void root_has_no_vmx_registers(void)
{
	CHECK_EQ(probe_call(probe_set_vmxe), PROBE_GP);
	if (emulator_has(FAULT_MSR))
		return;
	CHECK_EQ(probe_call(probe_read_vmx_basic), PROBE_GP);
	CHECK_EQ(probe_call(probe_write_vmx_basic), PROBE_GP);
}

static void root_hypercalls_need_ring_0(void)
{
	void (*const call)(void) = vendor_is_amd() ? probe_vmmcall : probe_vmcall;
	void (*const other)(void) = vendor_is_amd() ? probe_vmcall : probe_vmmcall;
	uint64_t *tables = test_pages(6);

	CHECK(tables != NULL);
	if (check_has_failed())
		return;
	/* The first 4 GiB, all user pages. */
	tables[0] = (uintptr_t)(tables + 512) | PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 4; i++)
		tables[512 + i] = (uintptr_t)(tables + 1024 + 512 * i) | PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 2048; i++)
		tables[1024 + i] = i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS;
	CHECK_EQ(probe_call(call), 0);
	CHECK_EQ(probe_ring3(call, (uintptr_t)tables), PROBE_UD);
	/* And again, to see that the first time has broken nothing. */
	CHECK_EQ(probe_ring3(call, (uintptr_t)tables), PROBE_UD);
	CHECK_EQ(probe_call(call), 0);
	CHECK_EQ(probe_call(other), PROBE_UD);
}

static void root_hypercalls_of_whit_answer(void)
{
	struct hypercall_result result = { 0, 0 };
	struct whit_stats stats;
	static char log[256];
	UINT64 position = 0;
	UINT32 n = 0;

	CHECK_EQ(hypercall5(WHIT_CALL_VERSION, 0, 0, 0, 0, 0, &result), S_OK);
	CHECK_EQ(result.rdx, WHIT_ABI_VERSION);
	CHECK_EQ(WhitGetStats(&stats), S_OK);
	CHECK(stats.hypercalls > 0);
	CHECK_EQ(WhitReadLog(&position, log, sizeof(log), &n), S_OK);
	CHECK(n > 0 && n <= sizeof(log));
	CHECK(position >= n);
}

static void root_unknown_hypercalls_are_refused(void)
{
	static const uint64_t codes[] = { 0,	 11,	15,	    21,		 36,
					  39,	 60,	63,	    0xff,	 0x108,
					  0x10f, 0x200, 0xffffffff, 0x100000100, ~0ull };
	struct hypercall_result result;

	for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		CHECK_EQ(hypercall5(codes[i], 0, 0, 0, 0, 0, &result), WHIT_E_UNKNOWN_CALL);
}

static void root_keeps_its_registers_through_children(void)
{
	struct child child;

	/* The compiler's own registers, and the firmware's floating point, are the test. */
	for (unsigned int i = 0; i < 100; i++) {
		CHECK_EQ(child_create(&child, i % 2 ? CHILD_LONG : CHILD_REAL, GUEST(halt), 0, 0),
			 S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		child_destroy(&child);
	}
}

static void root_xcr0_must_be_legal(void)
{
	struct x86_cpuid r;

	insn_cpuid(1, 0, &r);
	if (!(r.ecx & CPUID1_ECX_OSXSAVE) && emulator_has(FAULT_XSETBV))
		return;
	/* Without OSXSAVE the instruction does not exist, with it 0 is no value. */
	CHECK_EQ(probe_call(probe_xsetbv_bad), r.ecx & CPUID1_ECX_OSXSAVE ? PROBE_GP : PROBE_UD);
}

static void change_misc_enable(void)
{
	const uint64_t enable = insn_rdmsr(MSR_MISC_ENABLE);

	CHECK_EQ(try_wrmsr(MSR_MISC_ENABLE, enable | 1 << 22), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_MISC_ENABLE, enable ^ 1 << 18), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_MISC_ENABLE, enable | 1ull << 34), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_MISC_ENABLE, enable), 0);
	CHECK_EQ(insn_rdmsr(MSR_MISC_ENABLE), enable);
}

/* AMD's leaves have MSRs of their own. */
static void change_leaves(void)
{
	CHECK_EQ(try_wrmsr(MSR_CPUID_7, ~0ull), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_CPUID_6, ~0ull), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_CPUID_1, ~0ull), PROBE_GP);
	CHECK_EQ(try_wrmsr(MSR_CPUID_81, ~0ull), PROBE_GP);
}

/* CPUID is as it was, and so is all that has been worked out from it. */
static void root_cannot_change_what_the_processor_is(void)
{
	static const uint32_t leaves[] = { 0, 1, 7, 0x80000001u };
	struct x86_cpuid before[4], after[4];

	for (unsigned int i = 0; i < 4; i++)
		insn_cpuid(leaves[i], 0, &before[i]);
	if (vendor_is_amd())
		change_leaves();
	else
		change_misc_enable();
	for (unsigned int i = 0; i < 4; i++) {
		insn_cpuid(leaves[i], 0, &after[i]);
		CHECK_EQ(after[i].eax, before[i].eax);
		CHECK_EQ(after[i].ebx, before[i].ebx);
		CHECK_EQ(after[i].ecx, before[i].ecx);
		CHECK_EQ(after[i].edx, before[i].edx);
	}
}

#define MTRR_WRITES 9u /* of the test below */

/*
 * As systems write them: off, all of them, and on. The types change under everything that is here, hidden memory
 * stays what it is, and no exit takes long.
 */
static void root_mtrrs_are_its_own_and_take_their_time(void)
{
	const uint64_t def_type = insn_rdmsr(MSR_MTRR_DEF_TYPE),
		       base = insn_rdmsr(MSR_MTRR_PHYSBASE0), mask = insn_rdmsr(MSR_MTRR_PHYSMASK0);
	struct whit_stats before, after;
	uint64_t hidden, n_bytes, ticks, page_mask, n_exits;
	struct x86_cpuid widths;

	insn_cpuid(0x80000008, 0, &widths);
	page_mask = (1ull << (widths.eax & 0xff)) - 0x1000;
	CHECK(hidden_find(&hidden, &n_bytes));
	CHECK_EQ(WhitGetStats(&before), S_OK);
	ticks = board_tsc();
	insn_wrmsr(MSR_MTRR_DEF_TYPE, def_type & ~MTRR_DEF_TYPE_E);
	insn_wrmsr(MSR_MTRR_PHYSBASE0, hidden); /* the hypervisor's memory uncached, page by page */
	insn_wrmsr(MSR_MTRR_PHYSMASK0, page_mask | MTRR_PHYSMASK_V);
	CHECK_EQ(try_wrmsr(MSR_MTRR_PHYSMASK0, 0x1000 | MTRR_PHYSMASK_V), PROBE_GP);
	CHECK_EQ(insn_rdmsr(MSR_MTRR_PHYSBASE0), hidden);
	CHECK_EQ(insn_rdmsr(MSR_MTRR_DEF_TYPE), def_type & ~MTRR_DEF_TYPE_E);
	insn_wrmsr(MSR_MTRR_DEF_TYPE, (def_type & ~0xffull) | MTRR_DEF_TYPE_E); /* all uncached */
	insn_wrmsr(MSR_MTRR_DEF_TYPE, def_type & ~MTRR_DEF_TYPE_E);
	insn_wrmsr(MSR_MTRR_PHYSBASE0, base);
	insn_wrmsr(MSR_MTRR_PHYSMASK0, mask);
	insn_wrmsr(MSR_MTRR_DEF_TYPE, def_type);
	ticks = board_tsc() - ticks;
	CHECK_EQ(WhitGetStats(&after), S_OK);
	CHECK_EQ(insn_rdmsr(MSR_MTRR_DEF_TYPE), def_type);
	n_exits = after.root_exits[WHIT_EXIT_WRMSR] - before.root_exits[WHIT_EXIT_WRMSR];
	CHECK(n_exits >= MTRR_WRITES);
	CHECK(ticks / n_exits < 300000);
	CHECK_EQ(after.heap_free_pages, before.heap_free_pages);
	CHECK(hidden_reads_as_ones((const uint64_t *)(uintptr_t)hidden));
	root_keeps_its_registers_through_children();
}

void root_checks(void)
{
	static const struct test tests[] = {
		TEST(root_cpuid_shows_whit_and_hides_vmx),
		TEST(root_has_no_vmx_instructions),
		TEST(root_has_no_vmx_registers),
		TEST(root_has_no_svm_instructions),
		TEST(root_has_no_svm_registers),
		TEST(root_hypercalls_need_ring_0),
		TEST(root_hypercalls_of_whit_answer),
		TEST(root_unknown_hypercalls_are_refused),
		TEST(root_keeps_its_registers_through_children),
		TEST(root_xcr0_must_be_legal),
		TEST(root_cannot_change_what_the_processor_is),
		TEST(root_mtrrs_are_its_own_and_take_their_time),
	};

	probe_init();
	RUN(tests);
}
