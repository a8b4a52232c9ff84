// SPDX-License-Identifier: MIT
/* The root partition: what it is shown of the hypervisor, and what it is not. */
#include "tests/system/apps/conformance/check.h"

#include <efi.h>
#include <efilib.h>

#include "root/lib/hypercall.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/probe.h"
#include "tests/system/apps/insn.h"
#include "x86/cpuid.h"
#include "x86/paging.h"

DECLARE_GUEST(halt);

#define BLOCK 0x200000ull /* the hypervisor's memory is aligned to, and has at least, this */

static void root_cpuid_shows_whit_and_hides_vmx(void)
{
	struct x86_cpuid r;

	insn_cpuid(1, 0, &r);
	EXPECT(r.ecx & CPUID1_ECX_HYPERVISOR);
	EXPECT(!(r.ecx & (CPUID1_ECX_VMX | CPUID1_ECX_SMX)));
	insn_cpuid(WHIT_CPUID_SIGNATURE, 0, &r);
	EXPECT(r.eax >= WHIT_CPUID_VERSION);
	EXPECT_EQ(r.ebx, WHIT_SIGNATURE_WORD);
	EXPECT_EQ(r.ecx, WHIT_SIGNATURE_WORD);
	EXPECT_EQ(r.edx, WHIT_SIGNATURE_WORD);
	insn_cpuid(WHIT_CPUID_VERSION, 0, &r);
	EXPECT_EQ(r.eax, WHIT_ABI_VERSION);
	insn_cpuid(0x80000001u, 0, &r);
	EXPECT(!(r.ecx & CPUID81_ECX_SVM));
}

static void root_has_no_vmx_instructions(void)
{
	EXPECT_EQ(probe_call(probe_vmxon), PROBE_UD);
	EXPECT_EQ(probe_call(probe_vmxoff), PROBE_UD);
	EXPECT_EQ(probe_call(probe_vmptrld), PROBE_UD);
	EXPECT_EQ(probe_call(probe_vmread), PROBE_UD);
	EXPECT_EQ(probe_call(probe_invept), PROBE_UD);
}

static void root_has_no_vmx_registers(void)
{
	EXPECT_EQ(probe_call(probe_set_vmxe), PROBE_GP);
	EXPECT_EQ(probe_call(probe_read_vmx_basic), PROBE_GP);
	EXPECT_EQ(probe_call(probe_write_vmx_basic), PROBE_GP);
}

static void root_hypercalls_need_ring_0(void)
{
	uint64_t *tables = test_pages(6);

	EXPECT(tables != NULL);
	if (check_has_failed())
		return;
	/* The first 4 GiB, all user pages. */
	tables[0] = (uintptr_t)(tables + 512) | PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 4; i++)
		tables[512 + i] = (uintptr_t)(tables + 1024 + 512 * i) | PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 2048; i++)
		tables[1024 + i] = i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS;
	EXPECT_EQ(probe_call(probe_vmcall), 0);
	EXPECT_EQ(probe_ring3(probe_vmcall, (uintptr_t)tables), PROBE_UD);
	/* And again, to see that the first time has broken nothing. */
	EXPECT_EQ(probe_ring3(probe_vmcall, (uintptr_t)tables), PROBE_UD);
	EXPECT_EQ(probe_call(probe_vmcall), 0);
}

/* The first reserved range of the memory map, from *from on, that could be the hypervisor's. */
static bool next_reserved(uint64_t *from, uint64_t *n_bytes)
{
	UINTN n = 0, key, size;
	EFI_MEMORY_DESCRIPTOR *map;
	uint64_t best = ~0ull;
	uint32_t version;

	map = LibMemoryMap(&n, &key, &size, &version);
	if (!map)
		return false;
	for (UINTN i = 0; i < n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d =
			(const EFI_MEMORY_DESCRIPTOR *)(const void *)((const uint8_t *)map +
								      i * size);

		if (d->Type != EfiReservedMemoryType || d->NumberOfPages * 4096 < BLOCK ||
		    d->PhysicalStart < *from || d->PhysicalStart >= best)
			continue;
		best = d->PhysicalStart;
		*n_bytes = d->NumberOfPages * 4096;
	}
	FreePool(map);
	*from = best;
	return best != ~0ull;
}

static bool reads_as_ones(volatile const uint64_t *page)
{
	return page[0] == ~0ull && page[1] == ~0ull && page[511] == ~0ull;
}

/* Ranges that begin with a page of ones are the hypervisor's: firmware's are not. */
static bool find_hidden(uint64_t *base, uint64_t *n_bytes)
{
	for (*base = 0; next_reserved(base, n_bytes); *base += 4096) {
		uint64_t first = (*base + BLOCK - 1) & ~(BLOCK - 1);

		if (first + BLOCK <= *base + *n_bytes &&
		    reads_as_ones((const uint64_t *)(uintptr_t)first)) {
			*n_bytes -= first - *base;
			*base = first;
			return true;
		}
	}
	return false;
}

static void root_memory_of_the_hypervisor_is_hidden(void)
{
	struct whit_stats before, after;
	uint64_t base, n_bytes;

	EXPECT(find_hidden(&base, &n_bytes));
	if (check_has_failed())
		return;
	EXPECT_HR(WhitGetStats(&before), S_OK);
	for (uint64_t offset = 0; offset < n_bytes; offset += 0x41000) {
		volatile uint64_t *page = (uint64_t *)(uintptr_t)(base + (offset & ~0xfffull));

		EXPECT(reads_as_ones(page));
		page[1] = 0x1badb002;
		*(volatile uint8_t *)page = 0;
		EXPECT(reads_as_ones(page));
	}
	EXPECT_HR(WhitGetStats(&after), S_OK);
	EXPECT(after.hidden_reads >= before.hidden_reads);
	EXPECT(after.hidden_reads > 0);
	EXPECT(after.hidden_writes > before.hidden_writes);
}

static void root_cannot_give_away_what_is_hidden(void)
{
	struct hypercall_result result;
	struct child child;
	uint64_t base, n_bytes;

	EXPECT(find_hidden(&base, &n_bytes));
	EXPECT_HR(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	if (check_has_failed())
		return;
	EXPECT_FAILED(WHvMapGpaRange(child.partition, (void *)(uintptr_t)base, CHILD_MMIO, 4096,
				     WHvMapGpaRangeFlagRead));
	EXPECT_FAILED((HRESULT)hypercall5(WHIT_CALL_CREATE_PARTITION, base, 16, 0, 0, 0, &result));
	EXPECT_FAILED((HRESULT)hypercall5(WHIT_CALL_STATS, base, sizeof(struct whit_stats), 0, 0, 0,
					  &result));
	EXPECT_FAILED((HRESULT)hypercall5(WHIT_CALL_GET_CAPABILITY, WHvCapabilityCodeFeatures, base,
					  8, 0, 0, &result));
	child_destroy(&child);
}

static void root_hypercalls_of_whit_answer(void)
{
	struct hypercall_result result = { 0, 0 };
	struct whit_stats stats;
	static char log[256];
	UINT64 position = 0;
	UINT32 n = 0;

	EXPECT_HR(hypercall5(WHIT_CALL_VERSION, 0, 0, 0, 0, 0, &result), S_OK);
	EXPECT_EQ(result.rdx, WHIT_ABI_VERSION);
	EXPECT_HR(WhitGetStats(&stats), S_OK);
	EXPECT(stats.hypercalls > 0);
	EXPECT_HR(WhitReadLog(&position, log, sizeof(log), &n), S_OK);
	EXPECT(n > 0 && n <= sizeof(log));
	EXPECT(position >= n);
}

static void root_unknown_hypercalls_are_refused(void)
{
	static const uint64_t codes[] = { 0,	 11,	15,	    21,		 36,
					  39,	 60,	63,	    0xff,	 0x108,
					  0x10f, 0x200, 0xffffffff, 0x100000100, ~0ull };
	struct hypercall_result result;

	for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		EXPECT_HR(hypercall5(codes[i], 0, 0, 0, 0, 0, &result), WHIT_E_UNKNOWN_CALL);
}

static void root_keeps_its_registers_through_children(void)
{
	struct child child;

	/* The compiler's own registers, and the firmware's floating point, are the test. */
	for (unsigned int i = 0; i < 100; i++) {
		EXPECT_HR(child_create(&child, i % 2 ? CHILD_LONG : CHILD_REAL, GUEST(halt), 0, 0),
			  S_OK);
		EXPECT_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		child_destroy(&child);
	}
}

static void root_xcr0_must_be_legal(void)
{
	struct x86_cpuid r;

	insn_cpuid(1, 0, &r);
	/* Without OSXSAVE the instruction does not exist, with it 0 is no value. */
	EXPECT_EQ(probe_call(probe_xsetbv_bad), r.ecx & CPUID1_ECX_OSXSAVE ? PROBE_GP : PROBE_UD);
}

void root_checks(void)
{
	probe_init();
	RUN(root_cpuid_shows_whit_and_hides_vmx);
	RUN(root_has_no_vmx_instructions);
	RUN(root_has_no_vmx_registers);
	RUN(root_hypercalls_need_ring_0);
	RUN(root_memory_of_the_hypervisor_is_hidden);
	RUN(root_cannot_give_away_what_is_hidden);
	RUN(root_hypercalls_of_whit_answer);
	RUN(root_unknown_hypercalls_are_refused);
	RUN(root_keeps_its_registers_through_children);
	RUN(root_xcr0_must_be_legal);
}
