/* SPDX-License-Identifier: MIT */
/* CPUID: what a child sees is on the list and nothing else is; the root sees its processor without VMX. */
#include "hv/cpuid.h"
#include "hv/cr.h"
#include "tests/unit/run_world.h"

/* The model of the fake processor as it is at this moment. */
static struct x86_cpuid now(const struct vp *vp, uint32_t leaf, uint32_t subleaf)
{
	cpuid_init();
	return cpuid_child(vp, leaf, subleaf);
}

static const uint32_t interesting[] = {
	0,	    1,		2,	    3,		4,	    5,		6,
	7,	    8,		9,	    0xa,	0xb,	    0xd,	0xf,
	0x10,	    0x12,	0x14,	    0x15,	0x16,	    0x18,	0x19,
	0x1f,	    0x20,	0x23,	    0x24,	0x3fffffff, 0x40000000, 0x40000001,
	0x40000010, 0x400000ff, 0x4fffffff, 0x50000000, 0x7fffffff, 0x80000000, 0x80000001,
	0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008,
	0x80000009, 0x8000000a, 0x8000001b, 0x8000001d, 0x8000001e, 0x8000001f, 0x80000021,
	0xc0000000, 0xffffffff,
};

#define N_INTERESTING (sizeof(interesting) / sizeof(*interesting))

/* Bits that a child may see, written down anew from the manual by what each would need under Whit. */
static struct x86_cpuid may_see(uint32_t leaf)
{
	switch (leaf) {
	case 0:
	case 2:
	case 0x80000000:
	case 0x80000002:
	case 0x80000003:
	case 0x80000004: return (struct x86_cpuid) { ~0u, ~0u, ~0u, ~0u };
	/* ECX but PCLMUL 1, SSSE3 9, CX16 13, SSE4 19 20, MOVBE 22, POPCNT 23, AES 25, RDRAND 30, hypervisor 31. */
	case 1:
		return (struct x86_cpuid) { ~0u, ~0u,
					    1u | 1u << 1 | 1u << 9 | 1u << 13 | 1u << 19 |
						    1u << 20 | 1u << 22 | 1u << 23 | 1u << 25 |
						    1u << 30 | 1u << 31,
					    0x078bf9ffu & ~(1u << 9) };
	case 4: return (struct x86_cpuid) { 0x3fff, ~0u, ~0u, ~0u };
	/* FSGSBASE 0, BMI1 3, FDP 6, SMEP 7, BMI2 8, ERMS 9, FPU CS 13, RDSEED 18, ADX 19, SMAP 20, CLFLUSHOPT 23, SHA 29. */
	case 7:
		return (struct x86_cpuid) { 0,
					    1u | 1u << 3 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9 |
						    1u << 13 | 1u << 18 | 1u << 19 | 1u << 20 |
						    1u << 23 | 1u << 29,
					    1u << 2 | 1u << 16, 1u << 4 | 1u << 10 };
	case 0x40000000: return (struct x86_cpuid) { ~0u, ~0u, ~0u, ~0u };
	case 0x40000010: return (struct x86_cpuid) { ~0u, 0, 0, 0 };
	case 0x80000001: /* SYSCALL 11, NX 20, 1G 26, LM 29, and AMD's copies of leaf 1 */
		return (struct x86_cpuid) { 0, 0, 1u | 1u << 5 | 1u << 8,
					    1u << 11 | 1u << 20 | 1u << 26 | 1u << 29 |
						    (0x0183f3ffu & ~(1u << 9)) };
	case 0x80000006: return (struct x86_cpuid) { 0, 0, ~0u, 0 };
	case 0x80000007: return (struct x86_cpuid) { 0, 0, 0, 1u << 8 };
	case 0x80000008: return (struct x86_cpuid) { 0xffff, 0, 0, 0 };
	default: return (struct x86_cpuid) { 0, 0, 0, 0 };
	}
}

static void all_ones(uint32_t leaf, uint32_t subleaf)
{
	fake.n_cpuid = 0;
	fake_set_cpuid(leaf, subleaf, (struct x86_cpuid) { ~0u, ~0u, ~0u, ~0u });
}

static void child_sees_no_bit_that_is_not_listed(void)
{
	world_init();
	for (unsigned int i = 0; i < N_INTERESTING; i++) {
		const uint32_t leaf = interesting[i];
		const struct x86_cpuid may = may_see(leaf);
		struct x86_cpuid got;

		all_ones(leaf, 0);
		got = now(&child, leaf, 0);
		CHECK_EQUAL(got.eax & ~may.eax, 0);
		CHECK_EQUAL(got.ebx & ~may.ebx, 0);
		CHECK_EQUAL(got.ecx & ~may.ecx, 0);
		CHECK_EQUAL(got.edx & ~may.edx, 0);
		if (leaf != 0 && leaf != 1 && leaf >> 28 != 4 && leaf != 0x80000000) {
			CHECK_EQUAL(got.eax, may.eax);
			CHECK_EQUAL(got.ebx, may.ebx);
			CHECK_EQUAL(got.ecx, may.ecx);
			CHECK_EQUAL(got.edx, may.edx);
		}
	}
}

static void child_gets_nothing_that_the_processor_has_not(void)
{
	world_init();
	for (unsigned int i = 0; i < N_INTERESTING; i++) {
		struct x86_cpuid got;

		fake.n_cpuid = 0;
		fake_set_cpuid(interesting[i], 0, (struct x86_cpuid) { 0 });
		got = now(&child, interesting[i], 0);
		if (interesting[i] == 1) {
			CHECK_EQUAL(got.ebx, 1u << 16);
			CHECK_EQUAL(got.ecx, 1u << 31);
			got.ebx = got.ecx = 0;
		}
		if (interesting[i] >> 28 != 4)
			CHECK_EQUAL(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
}

static void child_has_no_vmx_xsave_avx_apic_monitor(void)
{
	struct x86_cpuid got;

	world_init();
	all_ones(1, 0);
	got = now(&child, 1, 0);
	CHECK_EQUAL(got.ecx & (CPUID1_ECX_VMX | CPUID1_ECX_SMX | CPUID1_ECX_XSAVE |
			       CPUID1_ECX_OSXSAVE | CPUID1_ECX_AVX | CPUID1_ECX_FMA |
			       CPUID1_ECX_F16C | CPUID1_ECX_MONITOR | CPUID1_ECX_X2APIC |
			       CPUID1_ECX_TSCDL | CPUID1_ECX_PCID),
		    0);
	CHECK_EQUAL(got.edx & (CPUID1_EDX_APIC | CPUID1_EDX_HTT), 0);
	all_ones(7, 0);
	got = now(&child, 7, 0);
	CHECK_EQUAL(got.ebx & (CPUID7_EBX_INVPCID | CPUID7_EBX_AVX2), 0);
	CHECK_EQUAL(got.ecx & CPUID7_ECX_PKU, 0);
	all_ones(0x80000001, 0);
	got = now(&child, 0x80000001, 0);
	CHECK_EQUAL(got.edx & CPUID81_EDX_RDTSCP, 0);
	CHECK_EQUAL(got.ecx & CPUID81_ECX_SVM, 0);
}

static void child_highest_leaves_are_clipped(void)
{
	world_init();
	CHECK_EQUAL(now(&child, 0, 0).eax, 7);
	CHECK_EQUAL(now(&child, 0, 0).ebx, 0x756e6547);
	CHECK_EQUAL(now(&child, 0x80000000, 0).eax, 0x80000008);
	fake_set_cpuid(0, 0, (struct x86_cpuid) { 4, 1, 2, 3 });
	CHECK_EQUAL(now(&child, 0, 0).eax, 4);
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000020, 0, 0, 0 });
	CHECK_EQUAL(now(&child, 0x80000000, 0).eax, 0x80000008);
}

static void child_subleaves_are_clipped(void)
{
	world_init();
	for (uint32_t subleaf = 1; subleaf < 40; subleaf++) {
		struct x86_cpuid got;

		all_ones(7, subleaf);
		got = now(&child, 7, subleaf);
		CHECK_EQUAL(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
	all_ones(4, 3);
	CHECK_EQUAL(now(&child, 4, 3).eax, 0x3fff);
	all_ones(4, 8);
	CHECK_EQUAL(now(&child, 4, 8).eax, 0);
}

static void child_initial_apic_id_is_the_index(void)
{
	world_init();
	for (uint32_t index = 0; index < WHIT_MAX_VPS; index++) {
		child.index = index;
		CHECK_EQUAL(now(&child, 1, 0).ebx, index << 24 | 1u << 16 | 0x800);
	}
}

static void child_hypervisor_leaves_are_not_the_roots(void)
{
	struct x86_cpuid got;

	world_init();
	got = now(&child, 0x40000000, 0);
	CHECK_EQUAL(got.eax, 0x40000010);
	CHECK(!memcmp(&got.ebx, "WhitGuest\0\0\0", 12));
	CHECK_EQUAL(now(&child, 0x40000001, 0).eax, 0);
	CHECK_EQUAL(now(&child, 0x40000010, 0).eax, 2000000);
	CHECK(now(&child, 1, 0).ecx & 1u << 31);
}

/* What an operating system may set in CR4 is what CPUID tells it of. */
static void child_cpuid_and_cr4_agree(void)
{
	static const struct {
		uint32_t leaf;
		unsigned int reg; /* 1 EBX 2 ECX 3 EDX */
		uint32_t bit;
		uint64_t cr4;
	} pairs[] = {
		{ 1, 3, CPUID1_EDX_VME, CR4_VME },
		{ 1, 3, CPUID1_EDX_DE, CR4_DE },
		{ 1, 3, CPUID1_EDX_PSE, CR4_PSE },
		{ 1, 3, CPUID1_EDX_PAE, CR4_PAE },
		{ 1, 3, CPUID1_EDX_MCE, CR4_MCE },
		{ 1, 3, CPUID1_EDX_PGE, CR4_PGE },
		{ 1, 3, CPUID1_EDX_FXSR, CR4_OSFXSR },
		{ 1, 2, CPUID1_ECX_VMX, CR4_VMXE },
		{ 1, 2, CPUID1_ECX_SMX, CR4_SMXE },
		{ 1, 2, CPUID1_ECX_PCID, CR4_PCIDE },
		{ 1, 2, CPUID1_ECX_XSAVE, CR4_OSXSAVE },
		{ 7, 1, CPUID7_EBX_FSGSBASE, CR4_FSGSBASE },
		{ 7, 1, CPUID7_EBX_SMEP, CR4_SMEP },
		{ 7, 1, CPUID7_EBX_SMAP, CR4_SMAP },
		{ 7, 2, CPUID7_ECX_UMIP, CR4_UMIP },
		{ 7, 2, CPUID7_ECX_PKU, CR4_PKE },
		{ 7, 2, CPUID7_ECX_LA57, CR4_LA57 },
		{ 7, 2, 1u << 7, CR4_CET },
		{ 7, 2, 1u << 31, CR4_PKS },
	};

	world_init();
	virt_machine.cr4_possible = ~0ull;
	for (unsigned int i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct x86_cpuid got;

		all_ones(pairs[i].leaf, 0);
		got = now(&child, pairs[i].leaf, 0);
		CHECK_EQUAL(!!((pairs[i].reg == 1   ? got.ebx
				: pairs[i].reg == 2 ? got.ecx
						    : got.edx) &
			       pairs[i].bit),
			    !!(cr4_allowed() & pairs[i].cr4));
	}
}

/* What the root does not see, from the manuals: VMX, SMX, SVM; and what writes past nested paging. */
static struct x86_cpuid root_lacks(uint32_t leaf, uint32_t subleaf)
{
	static const struct x86_cpuid all = { ~0u, ~0u, ~0u, ~0u };

	switch (leaf) {
	case 1: /* DTES64 2, DS-CPL 4, VMX 5, SMX 6, OSXSAVE 27, which is CR4's; DS 21 */
		return (struct x86_cpuid) { 0, 0, 1u << 2 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 27,
					    1u << 21 };
	case 6: /* feedback 19, thread director 23, the table's size and shape */
		return (struct x86_cpuid) { 1u << 19 | 1u << 23, 0, 0, ~0u };
	case 7: /* PT 25; OSPKE 4, which is CR4's */
		return subleaf ? (struct x86_cpuid) { 0 }
			       : (struct x86_cpuid) { 0, 1u << 25, 1u << 4, 0 };
	case 0xd: /* unknown components; PT 8 of XSS, and its place */
		return subleaf == 0   ? (struct x86_cpuid) { ~0xe02ffu, 0, 0, ~0u }
		       : subleaf == 1 ? (struct x86_cpuid) { 0, 0, 1u << 8, 0 }
		       : subleaf == 8 ? all
				      : (struct x86_cpuid) { 0 };
	case 0x14: return all;
	case 0x23: /* which subleaves there are; 4 and 5 speak of PEBS */
		return subleaf == 0		      ? (struct x86_cpuid) { 3u << 4, 0, 0, 0 }
		       : subleaf == 4 || subleaf == 5 ? all
						      : (struct x86_cpuid) { 0 };
	case 0x80000001: return (struct x86_cpuid) { 0, 0, 1u << 2 | 1u << 12, 0 };
	case 0x8000000a: return all;
	default: return (struct x86_cpuid) { 0 };
	}
}

static void root_sees_its_processor_but_for_what_is_hidden(void)
{
	world_init();
	for (unsigned int i = 0; i < N_INTERESTING; i++) {
		for (uint32_t subleaf = 0; subleaf < 10; subleaf++) {
			const uint32_t leaf = interesting[i];
			const struct x86_cpuid lacks = root_lacks(leaf, subleaf);
			struct x86_cpuid got;

			if (leaf >> 28 == 4)
				continue;
			all_ones(leaf, subleaf);
			got = cpuid_root(&root, leaf, subleaf);
			CHECK_EQUAL(got.eax, ~lacks.eax);
			CHECK_EQUAL(got.ebx, ~lacks.ebx);
			CHECK_EQUAL(got.ecx, ~lacks.ecx);
			CHECK_EQUAL(got.edx, ~lacks.edx);
		}
	}
}

static void root_hypervisor_leaves_are_whits(void)
{
	struct x86_cpuid got;

	world_init();
	got = cpuid_root(&root, 0x40000000, 0);
	CHECK_EQUAL(got.eax, 0x40000001);
	CHECK(!memcmp(&got.ebx, "WhitWhitWhit", 12));
	got = cpuid_root(&root, 0x40000001, 0);
	CHECK_EQUAL(got.eax, WHIT_ABI_VERSION);
	CHECK_EQUAL(got.ebx | got.ecx | got.edx, 0);
	CHECK(cpuid_root(&root, 1, 0).ecx & 1u << 31);
	/* Those of a hypervisor below are its secret. */
	for (uint32_t leaf = 0x40000002; leaf < 0x50000000; leaf += 0xfffff) {
		all_ones(leaf, 0);
		got = cpuid_root(&root, leaf, 0);
		CHECK_EQUAL(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
}

static void root_osxsave_and_ospke_follow_its_cr4(void)
{
	world_init();
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t host = i & 1 ? ~0u : 1u << 3; /* PKU with OSPKE, or alone */
		const bool is_on = i & 2;

		virt_set(root.virt, VIRT_CR4, is_on ? CR4_OSXSAVE | CR4_PKE : 0);
		fake_set_cpuid(1, 0, (struct x86_cpuid) { 0, 0, host, 0 });
		fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, 0, host, 0 });
		CHECK_EQUAL(!!(cpuid_root(&root, 1, 0).ecx & 1u << 27), is_on);
		CHECK_EQUAL(!!(cpuid_root(&root, 7, 0).ecx & 1u << 4), is_on);
	}
	fake_set_cpuid(7, 1, (struct x86_cpuid) { 0, 0, ~0u, 0 });
	virt_set(root.virt, VIRT_CR4, 0);
	CHECK_EQUAL(cpuid_root(&root, 7, 1).ecx, ~0u);
}

int main(void)
{
	RUN(child_sees_no_bit_that_is_not_listed);
	RUN(child_gets_nothing_that_the_processor_has_not);
	RUN(child_has_no_vmx_xsave_avx_apic_monitor);
	RUN(child_highest_leaves_are_clipped);
	RUN(child_subleaves_are_clipped);
	RUN(child_initial_apic_id_is_the_index);
	RUN(child_hypervisor_leaves_are_not_the_roots);
	RUN(child_cpuid_and_cr4_agree);
	RUN(root_sees_its_processor_but_for_what_is_hidden);
	RUN(root_hypervisor_leaves_are_whits);
	RUN(root_osxsave_and_ospke_follow_its_cr4);
	return test_has_failed;
}
