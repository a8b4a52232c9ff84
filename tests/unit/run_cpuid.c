/* SPDX-License-Identifier: MIT */
/* CPUID: what a child sees is on the list and nothing else is; the root sees its processor without VMX. */
#include "hv/cpu/cpuid.h"
#include "hv/cpu/cr.h"
#include "tests/unit/run_world.h"

/* The model of the fake processor as it is at this moment. */
static struct x86_cpuid now(const struct vp *vp, uint32_t leaf, uint32_t subleaf)
{
	world_model();
	return cpuid_child(vp, leaf, subleaf);
}

static const uint32_t interesting[] = {
	0,	    1,		2,	    3,		4,	    5,		6,
	7,	    8,		9,	    0xa,	0xb,	    0xd,	0xf,
	0x10,	    0x12,	0x14,	    0x15,	0x16,	    0x18,	0x19,
	0x1b,	    0x1c,	0x1f,	    0x20,	0x23,	    0x24,	0x3fffffff,
	0x40000000, 0x40000001, 0x40000010, 0x400000ff, 0x4fffffff, 0x50000000, 0x7fffffff,
	0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006,
	0x80000007, 0x80000008, 0x80000009, 0x8000000a, 0x80000019, 0x8000001a, 0x8000001b,
	0x8000001c, 0x8000001d, 0x8000001e, 0x8000001f, 0x80000020, 0x80000021, 0x80000022,
	0x80000023, 0x80000024, 0x80000025, 0x80000026, 0xc0000000, 0xffffffff,
};

#define N_INTERESTING (sizeof(interesting) / sizeof(*interesting))

#define BIT(n) (1u << (n))

/*
 * Bits that a child may see, written down anew from the manuals by what each would need under Whit, of a processor
 * that says yes to everything and a partition with an x2APIC.
 */
static struct x86_cpuid may_see(uint32_t leaf, uint32_t subleaf)
{
	static const struct x86_cpuid all = { ~0u, ~0u, ~0u, ~0u };

	switch (leaf) {
	case 0:
	case 2:
	case 0x80000000:
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
	case 0x80000005:
	case 0x80000006: return all;
	/* SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 .2 x2APIC MOVBE POPCNT deadline AES XSAVE AVX F16C RDRAND hypervisor */
	case 1:
		return (struct x86_cpuid) { ~0u, ~0u,
					    BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) |
						    0x07f80000u | BIT(28) | BIT(29) | BIT(30) |
						    BIT(31),
					    0x078bfbffu };
	case 4: return (struct x86_cpuid) { 0x3fff, ~0u, ~0u, ~0u };
	case 6: return (struct x86_cpuid) { BIT(2), 0, 0, 0 }; /* ARAT */
	case 7:
		/* not HLE 4, RTM 11, PQM 12, MPX 14, PQE 15, PCOMMIT 22, PT 25, AVX512PF 26, ER 27, SGX 2 */
		if (subleaf == 0)
			return (struct x86_cpuid) { 2, 0xf1bf27ebu, 0x1a417f66u & ~BIT(13),
						    BIT(4) | BIT(8) | BIT(10) | BIT(14) |
							    0xbfc00000u };
		if (subleaf == 1)
			return (struct x86_cpuid) { BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(5) |
							    BIT(7) | BIT(10) | BIT(11) | BIT(12) |
							    BIT(21) | BIT(23),
						    0, 0, BIT(4) | BIT(5) | BIT(10) | BIT(14) };
		return subleaf == 2 ? (struct x86_cpuid) { 0, 0, 0, 0x3f }
				    : (struct x86_cpuid) { 0 };
	case 0x80000001: /* LAHF LZCNT SSE4A misaligned PREFETCHW XOP FMA4; not CR8 by LOCK, SVM, TBM, LWP … */
		return (struct x86_cpuid) { 0, 0, 0x000109e1u,
					    BIT(11) | BIT(20) | BIT(22) | BIT(26) | BIT(27) |
						    BIT(29) | BIT(30) | BIT(31) |
						    (0x0183f3ffu & ~BIT(9)) };
	case 0x80000007: return (struct x86_cpuid) { 0, 0, 0, BIT(8) };
	case 0x80000008:
		/* CLZERO, error pointers, IBPB, IBRS, STIBP, preferences, SSBD, SSB_NO, PSFD, BTC_NO, IBPB_RET */
		return (struct x86_cpuid) { 0xffff,
					    BIT(0) | BIT(2) | BIT(12) | BIT(14) | 0xfu << 15 |
						    BIT(19) | BIT(24) | BIT(26) | 7u << 28,
					    0, 0 };
	default: return (struct x86_cpuid) { 0 };
	}
}

static const struct x86_cpuid ones = { ~0u, ~0u, ~0u, ~0u };

static void all_ones(uint32_t leaf, uint32_t subleaf)
{
	fake.n_cpuid = 0;
	fake_set_cpuid(leaf, subleaf, ones);
}

/* The processor has everything, and Whit can have it; so has the partition. */
static void everything(void)
{
	fake.n_cpuid = 0;
	fake_set_cpuid(1, 0, ones);
	for (uint32_t subleaf = 0; subleaf < 4; subleaf++)
		fake_set_cpuid(7, subleaf, ones);
	fake_set_cpuid(0xd, 1, ones);
	fake_set_cpuid(0x80000001, 0, ones);
	fake_set_msr(MSR_ARCH_CAPABILITIES, ~0ull);
	virt_machine.cr4_possible = virt_machine.efer_possible = ~0ull;
	virt_machine.xcr0_child = 0x600e7;
	virt_machine.child_has =
		VIRT_HAS_RDTSCP | VIRT_HAS_INVPCID | VIRT_HAS_XSAVES | VIRT_HAS_UMWAIT;
	part->properties.apic_mode = WHvX64LocalApicEmulationModeX2Apic;
	child->apic.mode = VIRT_APIC_X2APIC;
}

static void check_within(uint32_t leaf, uint32_t subleaf, struct x86_cpuid may)
{
	struct x86_cpuid got;

	everything();
	fake_set_cpuid(leaf, subleaf, ones);
	got = now(child, leaf, subleaf);
	CHECK_EQ(got.eax & ~may.eax, 0);
	CHECK_EQ(got.ebx & ~may.ebx, 0);
	CHECK_EQ(got.ecx & ~may.ecx, 0);
	CHECK_EQ(got.edx & ~may.edx, 0);
	/* And all of that, but where there are numbers. */
	if (leaf == 1) {
		CHECK_EQ(got.ecx, may.ecx);
		CHECK_EQ(got.edx, may.edx);
	} else if (leaf == 4 || leaf == 7 || leaf == 0x80000001 || leaf == 0x80000007) {
		CHECK_EQ(got.eax, may.eax);
		CHECK_EQ(got.ebx, may.ebx);
		CHECK_EQ(got.ecx, may.ecx);
		CHECK_EQ(got.edx, may.edx);
	} else if (leaf == 0x80000008) {
		CHECK_EQ(got.eax, 0xff00 | 40); /* no wider than the machine's memory */
		CHECK_EQ(got.ebx, may.ebx);
	}
}

/* Leaves that are Whit's own work, for their own tests. */
static bool is_own(uint32_t leaf)
{
	return leaf == 0xb || leaf == 0xd || leaf == 0x15 || leaf == 0x16 || leaf >> 28 == 4;
}

static void child_sees_no_bit_that_is_not_listed(void)
{
	world_init();
	for (unsigned int i = 0; i < N_INTERESTING; i++)
		for (uint32_t subleaf = 0; subleaf < 4; subleaf++)
			if (!is_own(interesting[i]) &&
			    (subleaf == 0 || interesting[i] == 7 || interesting[i] == 4))
				check_within(interesting[i], subleaf,
					     may_see(interesting[i], subleaf));
}

static void child_gets_nothing_that_the_processor_has_not(void)
{
	world_init();
	hv.tsc_hz = 0;
	for (unsigned int i = 0; i < N_INTERESTING; i++) {
		struct x86_cpuid got;

		fake.n_cpuid = 0;
		fake_set_cpuid(interesting[i], 0, (struct x86_cpuid) { 0 });
		got = now(child, interesting[i], 0);
		if (interesting[i] == 1) {
			CHECK_EQ(got.ebx, 1u << 16);
			CHECK_EQ(got.ecx, 1u << 31);
			got.ebx = got.ecx = 0;
		}
		if (interesting[i] == 7) {
			CHECK_EQ(got.ebx, BIT(1)); /* TSC_ADJUST is Whit's */
			got.ebx = 0;
		}
		if (interesting[i] == 0xb) {
			CHECK_EQ(got.ebx, 1);
			CHECK_EQ(got.ecx, 0x100);
			got.ebx = got.ecx = 0;
		}
		if (interesting[i] >> 28 != 4)
			CHECK_EQ(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
}

/* Without what stands in the row's place on the machine or in the partition, the bits are not there. */
static void child_bits_need_what_stands_behind_them(void)
{
	const uint64_t avx512_bits1 = 0x3, avx512_ecx = 0x5842;
	struct x86_cpuid got;

	world_init();
	everything();
	virt_machine.child_has = 0;
	got = now(child, 7, 0);
	CHECK_EQ(got.ebx & BIT(10), 0);		   /* INVPCID */
	CHECK_EQ(got.ecx & (BIT(22) | BIT(5)), 0); /* RDPID WAITPKG */
	CHECK_EQ(now(child, 0x80000001, 0).edx & BIT(27), 0);
	CHECK_EQ(now(child, 0xd, 1).eax, 7);
	CHECK_EQ(part->model.has & (HAS_TSC_AUX | HAS_INVPCID | HAS_XSAVES | HAS_UMWAIT), 0);

	everything();
	virt_machine.xcr0_child = 7; /* no AVX-512, no tiles */
	got = now(child, 7, 0);
	CHECK_EQ(got.ebx & 0xf0230000u & ~BIT(29), 0);
	CHECK_EQ(got.ecx & avx512_ecx, 0);
	CHECK_EQ(got.edx & 0x03c00100u, 0);
	CHECK(got.ebx & BIT(5));
	CHECK_EQ(now(child, 7, 1).eax & (BIT(5) | BIT(21)), 0);
	CHECK_EQ(part->model.xcr0, 7);

	everything();
	virt_machine.xcr0_child = avx512_bits1; /* no AVX */
	CHECK_EQ(now(child, 1, 0).ecx & (BIT(12) | BIT(28) | BIT(29)), 0);
	CHECK(now(child, 1, 0).ecx & BIT(26));
	CHECK_EQ(now(child, 7, 0).ebx & (BIT(5) | BIT(16)), 0);
	CHECK_EQ(now(child, 7, 0).ecx & (BIT(9) | BIT(10)), 0);
	CHECK_EQ(now(child, 7, 1).edx & (BIT(4) | BIT(5) | BIT(10)), 0);
	CHECK_EQ(now(child, 0x80000001, 0).ecx & (BIT(11) | BIT(16)), 0);

	everything();
	virt_machine.xcr0_child = 0; /* no XSAVE */
	CHECK_EQ(now(child, 1, 0).ecx & (BIT(12) | BIT(26) | BIT(27) | BIT(28) | BIT(29)), 0);
	for (uint32_t subleaf = 0; subleaf < 20; subleaf++) {
		got = now(child, 0xd, subleaf);
		CHECK_EQ(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
	CHECK_EQ(part->model.cr4 & CR4_OSXSAVE, 0);
	CHECK_EQ(part->model.xcr0 | part->model.xss, 0);

	everything();
	part->properties.apic_mode = WHvX64LocalApicEmulationModeXApic;
	CHECK_EQ(now(child, 1, 0).ecx & (BIT(21) | BIT(24)), BIT(24));
	CHECK(now(child, 1, 0).edx & BIT(9));
	child->apic.mode = VIRT_APIC_OFF; /* IA32_APIC_BASE */
	CHECK_EQ(now(child, 1, 0).edx & BIT(9), 0);
	part->properties.apic_mode = WHvX64LocalApicEmulationModeNone;
	CHECK_EQ(now(child, 1, 0).ecx & (BIT(21) | BIT(24)), 0);
	CHECK_EQ(now(child, 6, 0).eax, 0);
	CHECK_EQ(now(child, 0x15, 0).ecx, 0);

	everything();
	fake.n_msrs = 0;
	CHECK_EQ(now(child, 7, 0).edx & BIT(29), 0); /* ARCH_CAPABILITIES cannot be read */
}

static void child_never_has_vmx_smx_monitor_tsx_mpx_pku_cet(void)
{
	world_init();
	everything();
	virt_machine.xcr0_child = ~0ull;
	virt_machine.xss_child = ~0ull;
	CHECK_EQ(now(child, 1, 0).ecx & (CPUID1_ECX_VMX | CPUID1_ECX_SMX | CPUID1_ECX_MONITOR), 0);
	CHECK_EQ(now(child, 7, 0).ebx & (BIT(2) | BIT(4) | BIT(11) | BIT(14) | BIT(25)), 0);
	CHECK_EQ(now(child, 7, 0).ecx & (BIT(3) | BIT(4) | BIT(7) | BIT(31)), 0);
	CHECK_EQ(now(child, 7, 0).edx & (BIT(15) | BIT(20)), 0);
	CHECK_EQ(now(child, 0x80000001, 0).ecx & CPUID81_ECX_SVM, 0);
	CHECK_EQ(part->model.xcr0, 0x600e7);
	CHECK_EQ(part->model.cr4 & (CR4_VMXE | CR4_SMXE | CR4_PKE | CR4_CET | CR4_PKS), 0);
}

static void child_highest_leaves_are_the_tables(void)
{
	world_init();
	CHECK_EQ(now(child, 0, 0).eax, 0x16); /* 15h and 16h need no processor's */
	CHECK_EQ(now(child, 0, 0).ebx, 0x756e6547);
	CHECK_EQ(now(child, 0x80000000, 0).eax, 0x80000008);
	fake_set_cpuid(0, 0, (struct x86_cpuid) { 4, 1, 2, 3 });
	CHECK_EQ(now(child, 0, 0).eax, 4);
	fake_set_cpuid(0, 0, (struct x86_cpuid) { 0x24, 1, 2, 3 });
	CHECK_EQ(now(child, 0, 0).eax, 0x16);
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000028, 0, 0, 0 });
	CHECK_EQ(now(child, 0x80000000, 0).eax, 0x80000021);
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x80000008, 0, 0, 0 });
	CHECK_EQ(now(child, 0x80000000, 0).eax, 0x80000008);
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 1, 0, 0, 0 });
	CHECK_EQ(now(child, 7, 0).eax, 1);
}

static void child_subleaves_are_clipped(void)
{
	world_init();
	for (uint32_t subleaf = 3; subleaf < 40; subleaf++) {
		struct x86_cpuid got;

		all_ones(7, subleaf);
		got = now(child, 7, subleaf);
		CHECK_EQ(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
	all_ones(4, 3);
	CHECK_EQ(now(child, 4, 3).eax, 0x3fff);
	all_ones(4, 8);
	CHECK_EQ(now(child, 4, 8).eax, 0);
	CHECK_EQ(now(child, 4, ~0u).eax, 0);
}

static void child_initial_apic_id_is_the_index(void)
{
	world_init();
	for (uint32_t index = 0; index < WHIT_MAX_VPS; index++) {
		child->index = index;
		CHECK_EQ(now(child, 1, 0).ebx, index << 24 | 1u << 16 | 0x800);
		CHECK_EQ(now(child, 0xb, 0).edx, index);
		CHECK_EQ(now(child, 0xb, 7).edx, index);
	}
}

/* SDM 3A "Hierarchical Mapping of Shared Resources": a package of as many cores as there are VPs. */
static void child_vps_are_cores_of_a_package(void)
{
	static const struct {
		uint32_t n, width, ids;
	} cases[] = { { 1, 0, 1 }, { 2, 1, 2 },	  { 3, 2, 4 },	  { 4, 2, 4 },	  { 5, 3, 8 },
		      { 8, 3, 8 }, { 64, 6, 64 }, { 65, 7, 128 }, { 256, 8, 256 } };

	world_init();
	fake_set_cpuid(4, 0,
		       (struct x86_cpuid) { 0x1c004121, 0x1c0003f, 0x3f, 0 }); /* L1, 2 threads */
	fake_set_cpuid(4, 1, (struct x86_cpuid) { 0x1c03c163, 0x2c0003f, 0x3fff, 6 }); /* L3 */
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct x86_cpuid got;

		part->properties.processor_count = cases[i].n;
		got = now(child, 1, 0);
		CHECK_EQ(got.ebx >> 16 & 0xff, cases[i].ids > 255 ? 255 : cases[i].ids);
		CHECK_EQ(!!(got.edx & BIT(28)), cases[i].n > 1);
		got = now(child, 4, 0);
		CHECK_EQ(got.eax & 0x3fff, 0x121 & 0x3fff);
		CHECK_EQ(got.eax >> 14 & 0xfff, 0);
		CHECK_EQ(got.eax >> 26, cases[i].ids > 64 ? 63 : cases[i].ids - 1);
		got = now(child, 4, 1);
		CHECK_EQ(got.eax >> 14 & 0xfff, cases[i].ids - 1);
		got = now(child, 4, 2);
		CHECK_EQ(got.eax, 0);
		got = now(child, 0xb, 0);
		CHECK_EQ(got.eax, 0);
		CHECK_EQ(got.ebx, 1);
		CHECK_EQ(got.ecx, 0x100);
		got = now(child, 0xb, 1);
		CHECK_EQ(got.eax, cases[i].width);
		CHECK_EQ(got.ebx, cases[i].n);
		CHECK_EQ(got.ecx, 0x201);
		got = now(child, 0xb, 2);
		CHECK_EQ(got.eax | got.ebx, 0);
		CHECK_EQ(got.ecx, 2);
	}
}

/* ---- AMD's -------------------------------------------------------------------------------- */

/* A processor of Zen 3's kind: three caches that threads share, a last one that eight cores do. */
static void amd_init(void)
{
	world_init();
	virt_machine.vendor = WHvProcessorVendorAmd;
	fake_set_cpuid(0, 0, (struct x86_cpuid) { 0x10, 0x68747541, 0x444d4163, 0x69746e65 });
	fake_set_cpuid(0x80000000, 0,
		       (struct x86_cpuid) { 0x80000023, 0x68747541, 0x444d4163, 0x69746e65 });
	fake_set_cpuid(0x80000001, 0, ones);
	fake_set_cpuid(0x80000008, 0, (struct x86_cpuid) { 0x3030, 0x111ef657, 0x703f, 0x10007 });
	fake_set_cpuid(0x8000001d, 0, (struct x86_cpuid) { 0x4121, 0x1c0003f, 0x3f, 0 });
	fake_set_cpuid(0x8000001d, 1, (struct x86_cpuid) { 0x4122, 0x1c0003f, 0x3f, 0 });
	fake_set_cpuid(0x8000001d, 2, (struct x86_cpuid) { 0x4143, 0x1c0003f, 0x3ff, 2 });
	fake_set_cpuid(0x8000001d, 3, (struct x86_cpuid) { 0x3c163, 0x3c0003f, 0x7fff, 1 });
	fake_set_cpuid(0x8000001e, 0, (struct x86_cpuid) { 0x35, 0x11a, 0x101, 0 });
	fake_set_cpuid(0x80000021, 0, ones);
}

/* Bits of a processor that has all of them; the rest as of Intel's. */
static void amd_child_sees_no_bit_that_is_not_listed(void)
{
	/* TLBs of 1 GiB; widths of vector units; no IBS, LWP, SME, QOS; nested breakpoints, LFENCE, null selectors,
	 * no SMM_CTL, FSRS, FSRC, SBPB, IBPB of types, SRSO; no counters, keys, topology beyond */
	static const struct {
		uint32_t leaf;
		struct x86_cpuid may;
	} leaves[] = {
		{ 0x80000001,
		  { 0, 0, 0x004109e1,
		    BIT(11) | BIT(20) | BIT(22) | BIT(26) | BIT(27) | BIT(29) | BIT(30) | BIT(31) |
			    (0x0183f3ffu & ~BIT(9)) } },
		{ 0x80000009, { 0 } },
		{ 0x8000000a, { 0 } },
		{ 0x80000019, { ~0u, ~0u, 0, 0 } },
		{ 0x8000001a, { 7, 0, 0, 0 } },
		{ 0x8000001b, { 0 } },
		{ 0x8000001c, { 0 } },
		{ 0x8000001d, { 0x3fff, ~0u, ~0u, 3 } },
		{ 0x8000001f, { 0 } },
		{ 0x80000020, { 0 } },
		{ 0x80000021, { 0x78000e45, 0, 0, 0 } },
		{ 0x80000022, { 0 } },
		{ 0x80000023, { 0 } },
		{ 0x80000026, { 0 } },
	};

	for (unsigned int i = 0; i < sizeof(leaves) / sizeof(*leaves); i++) {
		struct x86_cpuid got;

		amd_init();
		virt_machine.child_has = VIRT_HAS_RDTSCP;
		virt_machine.xcr0_child = 7;
		fake_set_cpuid(1, 0, ones);
		fake_set_cpuid(leaves[i].leaf, 0, ones);
		got = now(child, leaves[i].leaf, 0);
		CHECK_EQ(got.eax, leaves[i].may.eax);
		CHECK_EQ(got.ebx, leaves[i].may.ebx);
		CHECK_EQ(got.ecx, leaves[i].may.ecx);
		CHECK_EQ(got.edx, leaves[i].may.edx);
	}
}

static void amd_child_highest_leaves(void)
{
	amd_init();
	CHECK_EQ(now(child, 0, 0).eax, 0xd);
	CHECK_EQ(now(child, 0x80000000, 0).eax, 0x80000021);
	CHECK_EQ(now(child, 0x80000000, 0).edx, 0x69746e65);
	CHECK_EQ(now(child, 0x15, 0).ebx | now(child, 0x16, 0).eax, 0); /* Intel's */
	CHECK_EQ(now(child, 0x40000010, 0).eax, 2000000);
	fake_set_cpuid(0, 0, (struct x86_cpuid) { 5, 0, 0, 0 }); /* family 10h */
	fake_set_cpuid(0x80000000, 0, (struct x86_cpuid) { 0x8000001b, 0, 0, 0 });
	CHECK_EQ(now(child, 0, 0).eax, 5);
	CHECK_EQ(now(child, 0x80000000, 0).eax, 0x8000001b);
	CHECK_EQ(now(child, 0x80000001, 0).ecx & BIT(22), 0); /* there is no room for its leaves */
	CHECK_EQ(now(child, 0x8000001d, 0).eax | now(child, 0x8000001e, 0).eax, 0);
}

/* APM 3 "Function 8000_0001h", "8000_0008h", "8000_001Dh" and "8000_001Eh": as the VPs are, whatever the host is. */
static void amd_child_vps_are_cores_of_a_package(void)
{
	static const struct {
		uint32_t n, width;
	} cases[] = { { 1, 0 }, { 2, 1 }, { 3, 2 },  { 4, 2 },
		      { 5, 3 }, { 8, 3 }, { 65, 7 }, { 256, 8 } };

	amd_init();
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const uint32_t n = cases[i].n;
		struct x86_cpuid got;

		part->properties.processor_count = n;
		got = now(child, 1, 0);
		CHECK_EQ(got.ebx >> 16 & 0xff, n > 255 ? 255 : n);
		CHECK_EQ(!!(got.edx & BIT(28)), n > 1);
		got = now(child, 0x80000001, 0);
		CHECK_EQ(!!(got.ecx & BIT(1)), n > 1); /* CmpLegacy */
		CHECK(got.ecx & BIT(22));
		CHECK_EQ(now(child, 0x80000008, 0).ecx, (n - 1) | cases[i].width << 12);
		for (uint32_t cache = 0; cache < 3; cache++)
			CHECK_EQ(now(child, 0x8000001d, cache).eax >> 14, 0);
		CHECK_EQ(now(child, 0x8000001d, 3).eax, 0x163 | (n - 1) << 14);
		CHECK_EQ(now(child, 0x8000001d, 3).ecx, 0x7fff);
		got = now(child, 0x8000001d, 4);
		CHECK_EQ(got.eax | got.ebx | got.ecx | got.edx, 0);
		for (child->index = 0; child->index < n; child->index += 7) {
			got = now(child, 0x8000001e, 0);
			CHECK_EQ(got.eax, child->index);
			CHECK_EQ(got.ebx, child->index); /* a thread a core */
			CHECK_EQ(got.ecx | got.edx, 0);
			CHECK_EQ(now(child, 0xb, 0).edx, child->index);
		}
		child->index = 0;
	}
	fake_set_cpuid(0x80000001, 0, (struct x86_cpuid) { 0, 0, ~BIT(22), ~0u });
	CHECK_EQ(now(child, 0x80000001, 0).ecx & BIT(22), 0);
	CHECK_EQ(now(child, 0x8000001d, 3).eax, 0);
	child->index = 3;
	CHECK_EQ(now(child, 0x8000001e, 0).eax, 0);
}

/* The bit of leaf 1, and the same of leaf 80000001h. */
static void amd_child_apic_bit_is_there_twice(void)
{
	amd_init();
	part->properties.apic_mode = WHvX64LocalApicEmulationModeXApic;
	child->apic.mode = VIRT_APIC_XAPIC;
	CHECK(now(child, 1, 0).edx & now(child, 0x80000001, 0).edx & BIT(9));
	child->apic.mode = VIRT_APIC_OFF;
	CHECK_EQ((now(child, 1, 0).edx | now(child, 0x80000001, 0).edx) & BIT(9), 0);
}

/* Linux: crystal kHz * numerator / denominator, in 32 bits. */
static void child_clock_leaves_give_the_frequencies(void)
{
	static const uint64_t rates[] = { 100000000,  1000000000, 2000000000, 2399987000,
					  2893201337, 3500000000, 4999999999, 6100000000,
					  50000000,   33333333 };

	world_init();
	part->properties.apic_mode = WHvX64LocalApicEmulationModeXApic;
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct x86_cpuid got;
		uint64_t khz;

		hv.tsc_hz = rates[i];
		got = now(child, 0x15, 0);
		CHECK_EQ(got.ecx, APIC_CLOCK_HZ);
		CHECK(got.eax && got.ebx);
		CHECK((uint64_t)(got.ecx / 1000) * got.ebx < 1ull << 32);
		khz = (uint64_t)(got.ecx / 1000) * got.ebx / got.eax;
		CHECK(khz <= rates[i] / 1000 + rates[i] / 40000000 + 1 &&
		      khz + rates[i] / 40000000 + 1 >= rates[i] / 1000);
		got = now(child, 0x16, 0);
		CHECK(got.eax * 1000000ull <= rates[i] + 500000 &&
		      got.eax * 1000000ull + 500000 >= rates[i]);
		CHECK_EQ(now(child, 0x40000010, 0).eax, rates[i] / 1000);
		CHECK_EQ(now(child, 0x40000010, 0).ebx, APIC_CLOCK_HZ / 1000);
	}
	hv.tsc_hz = 0;
	CHECK_EQ(now(child, 0x15, 0).ebx | now(child, 0x16, 0).eax, 0);
}

static void child_osxsave_follows_its_cr4(void)
{
	world_init();
	virt_machine.xcr0_child = 7;
	CHECK_EQ(now(child, 1, 0).ecx & BIT(27), 0);
	virt_set(child->virt, VIRT_CR4, CR4_OSXSAVE);
	CHECK(now(child, 1, 0).ecx & BIT(27));
}

static void child_hypervisor_leaves_are_not_the_roots(void)
{
	struct x86_cpuid got;

	world_init();
	got = now(child, 0x40000000, 0);
	CHECK_EQ(got.eax, 0x40000010);
	CHECK(!memcmp(&got.ebx, "WhitGuest\0\0\0", 12));
	CHECK_EQ(now(child, 0x40000001, 0).eax, 0);
	CHECK_EQ(now(child, 0x40000010, 0).eax, 2000000);
	CHECK_EQ(now(child, 0x40000010, 0).ebx, 0);
	CHECK(now(child, 1, 0).ecx & 1u << 31);
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
	for (unsigned int round = 0; round < 2; round++) {
		everything();
		if (round)
			fake.n_cpuid = 0, virt_machine.xcr0_child = 0;
		for (unsigned int i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
			const struct x86_cpuid got = now(child, pairs[i].leaf, 0);

			CHECK_EQ(!!((pairs[i].reg == 1	 ? got.ebx
				     : pairs[i].reg == 2 ? got.ecx
							 : got.edx) &
				    pairs[i].bit),
				 !!(part->model.cr4 & pairs[i].cr4));
		}
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
	case 7: /* PT 25; OSPKE 4, which is CR4's; PCONFIG 18, LBRs 19 */
		return subleaf ? (struct x86_cpuid) { 0 }
			       : (struct x86_cpuid) { 0, 1u << 25, 1u << 4, 3u << 18 };
	case 0xd: /* unknown components; all but 10 to 14 and 16 of XSS; the places of PT and LBRs */
		return subleaf == 0   ? (struct x86_cpuid) { ~0xe02ffu, 0, 0, ~0u }
		       : subleaf == 1 ? (struct x86_cpuid) { 0, 0, ~0x17c00u, ~0u }
		       : subleaf == 8 || subleaf == 15 || subleaf == 62 ? all
									: (struct x86_cpuid) { 0 };
	case 0x14: return all;
	case 0x1b: return all; /* PCONFIG */
	case 0x1c: return all; /* LBRs */
	case 0x23:	       /* which subleaves there are; 4 and 5 speak of PEBS */
		return subleaf == 0		      ? (struct x86_cpuid) { 3u << 4, 0, 0, 0 }
		       : subleaf == 4 || subleaf == 5 ? all
						      : (struct x86_cpuid) { 0 };
	case 0x80000001: /* SVM, SKINIT, LWP, DBEXT */
		return (struct x86_cpuid) { 0, 0, 1u << 2 | 1u << 12 | 1u << 15 | 1u << 26, 0 };
	case 0x80000008: return (struct x86_cpuid) { 0, 1u << 3, 0, 0xffff }; /* INVLPGB */
	case 0x8000000a: return all;
	case 0x8000001c: return all;					     /* LWP */
	case 0x8000001f: return all;					     /* SME, SEV */
	case 0x80000021: return (struct x86_cpuid) { 1u << 17, 0, 0, 0 };    /* CpuidUserDis */
	case 0x80000022: return (struct x86_cpuid) { 3u << 1, 0x3f0, 0, 0 }; /* LBRs */
	case 0x80000023: return all;					     /* keys of memory */
	case 0x80000025: return all;					     /* SEV-SNP */
	default: return (struct x86_cpuid) { 0 };
	}
}

static void root_sees_its_processor_but_for_what_is_hidden(void)
{
	world_init();
	for (unsigned int i = 0; i < N_INTERESTING; i++) {
		for (uint32_t subleaf = 0; subleaf < 64; subleaf++) {
			const uint32_t leaf = interesting[i];
			const struct x86_cpuid lacks = root_lacks(leaf, subleaf);
			struct x86_cpuid got;

			if (leaf >> 28 == 4)
				continue;
			all_ones(leaf, subleaf);
			got = cpuid_root(&test_root, leaf, subleaf);
			CHECK_EQ(got.eax, ~lacks.eax);
			CHECK_EQ(got.ebx, ~lacks.ebx);
			CHECK_EQ(got.ecx, ~lacks.ecx);
			CHECK_EQ(got.edx, ~lacks.edx);
		}
	}
}

/* APM 3 "Function 8000_001Fh": an EPYC with 48 bits, of which 5 are its key's while SYSCFG.SMEE is set. */
static void root_physical_addresses_have_no_keys(void)
{
	world_init();
	virt_machine.vendor = WHvProcessorVendorAmd;
	fake_set_cpuid(0x80000008, 0, (struct x86_cpuid) { 0x303030, 0, 0, 0 });
	virt_machine.physical_bits = 48;
	virt_machine.memory_bits = 43;
	CHECK_EQ(cpuid_root(&test_root, 0x80000008, 0).eax, 0x30302b);
	virt_machine.memory_bits = 48;
	CHECK_EQ(cpuid_root(&test_root, 0x80000008, 0).eax, 0x303030);
	virt_machine.vendor = WHvProcessorVendorIntel; /* systems ask IA32_TME_ACTIVATE */
	virt_machine.memory_bits = 43;
	CHECK_EQ(cpuid_root(&test_root, 0x80000008, 0).eax, 0x303030);
}

static void root_hypervisor_leaves_are_whits(void)
{
	struct x86_cpuid got;

	world_init();
	got = cpuid_root(&test_root, 0x40000000, 0);
	CHECK_EQ(got.eax, 0x40000001);
	CHECK(!memcmp(&got.ebx, "WhitWhitWhit", 12));
	got = cpuid_root(&test_root, 0x40000001, 0);
	CHECK_EQ(got.eax, WHIT_ABI_VERSION);
	CHECK_EQ(got.ebx | got.ecx | got.edx, 0);
	CHECK(cpuid_root(&test_root, 1, 0).ecx & 1u << 31);
	/* Those of a hypervisor below are its secret. */
	for (uint32_t leaf = 0x40000002; leaf < 0x50000000; leaf += 0xfffff) {
		all_ones(leaf, 0);
		got = cpuid_root(&test_root, leaf, 0);
		CHECK_EQ(got.eax | got.ebx | got.ecx | got.edx, 0);
	}
}

static void root_osxsave_and_ospke_follow_its_cr4(void)
{
	world_init();
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t host = i & 1 ? ~0u : 1u << 3; /* PKU with OSPKE, or alone */
		const bool is_on = i & 2;

		virt_set(test_root.virt, VIRT_CR4, is_on ? CR4_OSXSAVE | CR4_PKE : 0);
		fake_set_cpuid(1, 0, (struct x86_cpuid) { 0, 0, host, 0 });
		fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, 0, host, 0 });
		CHECK_EQ(!!(cpuid_root(&test_root, 1, 0).ecx & 1u << 27), is_on);
		CHECK_EQ(!!(cpuid_root(&test_root, 7, 0).ecx & 1u << 4), is_on);
	}
	fake_set_cpuid(7, 1, (struct x86_cpuid) { 0, 0, ~0u, 0 });
	virt_set(test_root.virt, VIRT_CR4, 0);
	CHECK_EQ(cpuid_root(&test_root, 7, 1).ecx, ~0u);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(child_sees_no_bit_that_is_not_listed),
		TEST(child_gets_nothing_that_the_processor_has_not),
		TEST(child_bits_need_what_stands_behind_them),
		TEST(child_never_has_vmx_smx_monitor_tsx_mpx_pku_cet),
		TEST(child_highest_leaves_are_the_tables),
		TEST(child_subleaves_are_clipped),
		TEST(child_initial_apic_id_is_the_index),
		TEST(child_vps_are_cores_of_a_package),
		TEST(child_clock_leaves_give_the_frequencies),
		TEST(child_osxsave_follows_its_cr4),
		TEST(child_hypervisor_leaves_are_not_the_roots),
		TEST(child_cpuid_and_cr4_agree),
		TEST(root_sees_its_processor_but_for_what_is_hidden),
		TEST(root_physical_addresses_have_no_keys),
		TEST(root_hypervisor_leaves_are_whits),
		TEST(root_osxsave_and_ospke_follow_its_cr4),
	};
	static const struct test amd_tests[] = {
		TEST(amd_child_sees_no_bit_that_is_not_listed),
		TEST(amd_child_highest_leaves),
		TEST(amd_child_vps_are_cores_of_a_package),
		TEST(amd_child_apic_bit_is_there_twice),
	};
	int status;

	fake_is_amd = false;
	status = RUN(tests);
	fake_is_amd = true;
	return RUN(amd_tests) | status;
}
