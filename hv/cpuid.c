/* SPDX-License-Identifier: MIT */
/*
 * The CPUID model. A child sees the bits of a row if the processor has them, and nothing without a row:
 * what a leaf advertises must work under Whit, state that is switched, registers that exist and
 * controls that are on. Choices worth knowing:
 *   - the hypervisor bit is on; leaf 40000000h carries "WhitGuest", not the root's signature, so
 *     that nobody takes a child for a place to make hypercalls from; 40000010h gives the TSC's
 *     frequency in kHz, as VMware's and QEMU's do;
 *   - no leaf 15h: guests derive the APIC timer's frequency from it, and the APIC is the client's;
 *   - basic leaves above the highest give zeros, not the last leaf's data as on Intel's processors.
 * The root sees its processor, less the bits of another table, that of root_hidden.
 */
#include "hv/cpuid.h"

#include "x86/cr.h"
#include "x86/msr.h"

enum { EAX, EBX, ECX, EDX };

/* Bits of one register of a leaf: `pass` as the processor has them, `set` in any case. */
struct cpuid_row {
	uint8_t reg;
	uint32_t pass;
	uint32_t set;
	const char *reason;
};

struct cpuid_leaf {
	const struct cpuid_row *rows;
	uint32_t n_rows;
	uint32_t n_subleaves; /* higher ones are zero; 0: the leaf has no subleaves */
};

#define LEAF(rows, n_subleaves)                                       \
	{                                                             \
		(rows), sizeof(rows) / sizeof(*(rows)), (n_subleaves) \
	}

/* Bits that only this file speaks of. */
#define LEAF1_EBX_CLFLUSH_SIZE	 0x0000ff00u
#define LEAF1_EBX_ONE_PROCESSOR	 0x00010000u
#define LEAF1_EBX_APIC_ID_SHIFT	 24
#define LEAF4_EAX_CACHE		 0x00003fffu
#define LEAF6_EAX_FEEDBACK	 (1u << 19 | 1u << 23) /* of the package, of threads */
#define LEAF7_EBX_FDP_ON_FAULT	 (1u << 6)
#define LEAF7_EBX_NO_FPU_CS_DS	 (1u << 13)
#define LEAF7_ECX_OSPKE		 (1u << 4)
#define LEAF7_EDX_FSRM		 (1u << 4)
#define LEAF7_EDX_MD_CLEAR	 (1u << 10)
#define LEAF23_EAX_PEBS		 (1u << 4 | 1u << 5) /* subleaves */
#define LEAF81_ECX_PREFETCHW	 (1u << 8)
#define LEAF81_ECX_SKINIT	 (1u << 12)
#define LEAF81_EDX_AS_LEAF1	 0x0183f3ffu /* AMD repeats bits of leaf 1 */
#define LEAF87_EDX_INVARIANT_TSC (1u << 8)
#define LEAF88_EAX_WIDTHS	 0x0000ffffu

#define LAST_BASIC	0x7u
#define FIRST_EXTENDED	0x80000000u
#define LAST_EXTENDED	0x80000008u
#define LEAF_XSAVE	0xdu
#define LEAF_PT		0x14u
#define LEAF_PERFMON	0x23u
#define LEAF_SVM	0x8000000au
#define LEAF_TIMING	0x40000010u
#define LAST_HYPERVISOR 0x4fffffffu

/* clang-format off */
static const struct cpuid_row leaf_0[] = {
	{ EAX, ~0u, 0, "the highest basic leaf, cut to this table's" },
	{ EBX, ~0u, 0, "vendor: guests choose drivers and work-arounds by it" },
	{ ECX, ~0u, 0, "vendor" },
	{ EDX, ~0u, 0, "vendor" },
};

static const struct cpuid_row leaf_1[] = {
	{ EAX, ~0u, 0, "family, model, stepping: as the instructions behave" },
	{ EBX, LEAF1_EBX_CLFLUSH_SIZE, LEAF1_EBX_ONE_PROCESSOR,
	  "line size of CLFLUSH; one thread a package; the initial APIC ID is the VP's index" },
	{ ECX, CPUID1_ECX_SSE3 | CPUID1_ECX_SSSE3 | CPUID1_ECX_SSE41 | CPUID1_ECX_SSE42 |
	       CPUID1_ECX_PCLMULQDQ | CPUID1_ECX_AES, 0,
	  "state in the FXSAVE image, which is switched" },
	{ ECX, CPUID1_ECX_CX16 | CPUID1_ECX_MOVBE | CPUID1_ECX_POPCNT | CPUID1_ECX_RDRAND, 0,
	  "general registers only, never exit" },
	{ ECX, 0, CPUID1_ECX_HYPERVISOR, "leaf 40000000h is there" },
	{ EDX, CPUID1_EDX_FPU | CPUID1_EDX_MMX | CPUID1_EDX_FXSR | CPUID1_EDX_SSE | CPUID1_EDX_SSE2, 0,
	  "state in the FXSAVE image" },
	{ EDX, CPUID1_EDX_VME | CPUID1_EDX_DE | CPUID1_EDX_PSE | CPUID1_EDX_PAE | CPUID1_EDX_PGE |
	       CPUID1_EDX_PSE36, 0,
	  "CR4 bits that hv/cr.c allows; the guest's paging is the hardware's" },
	{ EDX, CPUID1_EDX_TSC | CPUID1_EDX_CX8 | CPUID1_EDX_CMOV | CPUID1_EDX_CLFSH, 0,
	  "never exit; the TSC has an offset" },
	{ EDX, CPUID1_EDX_MSR | CPUID1_EDX_SEP | CPUID1_EDX_PAT, 0, "MSRs that hv/msr.c has" },
	{ EDX, CPUID1_EDX_MTRR, 0, "MTRRCAP says that there are none, the default type exists" },
	{ EDX, CPUID1_EDX_MCE | CPUID1_EDX_MCA, 0,
	  "Windows wants them; MCG_CAP says that there is no bank" },
};

static const struct cpuid_row leaf_2[] = {
	{ EAX, ~0u, 0, "cache and TLB sizes, for tuning" },
	{ EBX, ~0u, 0, "the same" },
	{ ECX, ~0u, 0, "the same" },
	{ EDX, ~0u, 0, "the same" },
};

static const struct cpuid_row leaf_4[] = {
	{ EAX, LEAF4_EAX_CACHE, 0, "the cache; how many processors share it is not the host's number" },
	{ EBX, ~0u, 0, "its size" },
	{ ECX, ~0u, 0, "its size" },
	{ EDX, ~0u, 0, "its kind" },
};

static const struct cpuid_row leaf_7[] = {
	{ EBX, CPUID7_EBX_FSGSBASE | CPUID7_EBX_SMEP | CPUID7_EBX_SMAP, 0, "CR4 bits that hv/cr.c allows" },
	{ EBX, CPUID7_EBX_BMI1 | CPUID7_EBX_BMI2 | CPUID7_EBX_ERMS | CPUID7_EBX_RDSEED | CPUID7_EBX_ADX |
	       CPUID7_EBX_CLFLUSHOPT | CPUID7_EBX_SHA, 0,
	  "general and XMM registers only, never exit" },
	{ EBX, LEAF7_EBX_FDP_ON_FAULT | LEAF7_EBX_NO_FPU_CS_DS, 0, "how the FPU behaves" },
	{ ECX, CPUID7_ECX_UMIP | CPUID7_ECX_LA57, 0, "CR4 bits that hv/cr.c allows" },
	{ EDX, LEAF7_EDX_FSRM | LEAF7_EDX_MD_CLEAR, 0, "how REP MOVSB and VERW behave" },
};

static const struct cpuid_row leaf_80[] = {
	{ EAX, ~0u, 0, "the highest extended leaf, cut to this table's" },
	{ EBX, ~0u, 0, "vendor, on AMD's processors" },
	{ ECX, ~0u, 0, "vendor" },
	{ EDX, ~0u, 0, "vendor" },
};

static const struct cpuid_row leaf_81[] = {
	{ ECX, CPUID81_ECX_LAHF | CPUID81_ECX_LZCNT | LEAF81_ECX_PREFETCHW, 0, "no state, never exit" },
	{ EDX, CPUID81_EDX_SYSCALL | CPUID81_EDX_NX | CPUID81_EDX_LM, 0, "EFER bits that hv/cr.c allows" },
	{ EDX, CPUID81_EDX_1G, 0, "the guest's paging is the hardware's" },
	{ EDX, LEAF81_EDX_AS_LEAF1 & ~CPUID1_EDX_APIC, 0, "leaf 1's bits again, on AMD's processors" },
};

static const struct cpuid_row leaf_name[] = {
	{ EAX, ~0u, 0, "the processor's name" },
	{ EBX, ~0u, 0, "the same" },
	{ ECX, ~0u, 0, "the same" },
	{ EDX, ~0u, 0, "the same" },
};

static const struct cpuid_row leaf_86[] = {
	{ ECX, ~0u, 0, "level 2 cache, for tuning" },
};

static const struct cpuid_row leaf_87[] = {
	{ EDX, LEAF87_EDX_INVARIANT_TSC, 0, "the TSC's offset is constant while the VP exists" },
};

static const struct cpuid_row leaf_88[] = {
	{ EAX, LEAF88_EAX_WIDTHS, 0, "widths of physical and linear addresses, the hardware's" },
};

static const struct cpuid_leaf basic[LAST_BASIC + 1] = {
	[0] = LEAF(leaf_0, 0),
	[1] = LEAF(leaf_1, 0),
	[2] = LEAF(leaf_2, 0),
	[4] = LEAF(leaf_4, 8),
	[7] = LEAF(leaf_7, 1),
};

static const struct cpuid_leaf extended[LAST_EXTENDED - FIRST_EXTENDED + 1] = {
	[0] = LEAF(leaf_80, 0),
	[1] = LEAF(leaf_81, 0),
	[2] = LEAF(leaf_name, 0),
	[3] = LEAF(leaf_name, 0),
	[4] = LEAF(leaf_name, 0),
	[6] = LEAF(leaf_86, 0),
	[7] = LEAF(leaf_87, 0),
	[8] = LEAF(leaf_88, 0),
};
/* clang-format on */

static const struct cpuid_leaf *model(uint32_t leaf)
{
	if (leaf <= LAST_BASIC)
		return &basic[leaf];
	if (leaf >= FIRST_EXTENDED && leaf <= LAST_EXTENDED)
		return &extended[leaf - FIRST_EXTENDED];
	return NULL;
}

/* What is not in the tables: zeros, but for two of 40000000h to 4fffffffh, where processors have none. */
static struct x86_cpuid hypervisor_leaf(uint32_t leaf)
{
	struct x86_cpuid out = { 0 };

	if (leaf == CPUID_HYPERVISOR_BASE) {
		out.eax = LEAF_TIMING;
		out.ebx = WHIT_SIGNATURE_WORD;
		out.ecx = 0x73657547u; /* "Gues" */
		out.edx = 0x00000074u; /* "t" */
	} else if (leaf == LEAF_TIMING) {
		out.eax = (uint32_t)(hv.tsc_hz / 1000);
	}
	return out;
}

/* What the tables make of the processor's own answer, but for what differs between VPs. */
static struct x86_cpuid work_out(const struct cpuid_leaf *shown, uint32_t leaf, uint32_t subleaf)
{
	const struct x86_cpuid host = virt_cpuid(leaf, subleaf);
	uint32_t out[4] = { 0 };

	for (uint32_t i = 0; i < shown->n_rows; i++) {
		const struct cpuid_row *const row = &shown->rows[i];
		const uint32_t word = row->reg == EAX	? host.eax
				      : row->reg == EBX ? host.ebx
				      : row->reg == ECX ? host.ecx
							: host.edx;

		out[row->reg] |= (word & row->pass) | row->set;
	}
	if (leaf == 0 && out[EAX] > LAST_BASIC)
		out[EAX] = LAST_BASIC;
	if (leaf == FIRST_EXTENDED && out[EAX] > LAST_EXTENDED)
		out[EAX] = LAST_EXTENDED;
	return (struct x86_cpuid) { out[EAX], out[EBX], out[ECX], out[EDX] };
}

/*
 * The model, worked out once at the start and then only read: CPUID is a slow instruction, and an exit of
 * its own if Whit itself runs under a hypervisor. Subleaves follow one another.
 */
#define N_ANSWERS 32u

static struct x86_cpuid answers[N_ANSWERS];
static uint8_t first_answer[2][16]; /* basic, extended; by the leaf's low bits */

void cpuid_init(void)
{
	unsigned int n = 0;

	for (unsigned int is_extended = 0; is_extended < 2; is_extended++) {
		const uint32_t base = is_extended ? FIRST_EXTENDED : 0;
		const uint32_t last = is_extended ? LAST_EXTENDED : LAST_BASIC;

		for (uint32_t leaf = base; leaf <= last; leaf++) {
			const struct cpuid_leaf *const shown = model(leaf);
			uint32_t subleaf = 0;

			first_answer[is_extended][leaf - base] = (uint8_t)n;
			do {
				if (n == N_ANSWERS)
					virt_panic("cpuid: more than %u answers", N_ANSWERS);
				answers[n++] = work_out(shown, leaf, subleaf);
			} while (++subleaf < shown->n_subleaves);
		}
	}
}

_Static_assert(LAST_BASIC < 16 && LAST_EXTENDED - FIRST_EXTENDED < 16, "first_answer");

struct x86_cpuid cpuid_child(const struct vp *vp, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_leaf *const shown = model(leaf);
	struct x86_cpuid out;

	if (!shown)
		return hypervisor_leaf(leaf);
	if (!shown->n_subleaves)
		subleaf = 0;
	else if (subleaf >= shown->n_subleaves)
		return (struct x86_cpuid) { 0 };
	out = answers[first_answer[leaf >= FIRST_EXTENDED][leaf % FIRST_EXTENDED] + subleaf];
	if (leaf == 1)
		out.ebx |= vp->index << LEAF1_EBX_APIC_ID_SHIFT;
	return out;
}

#define ANY_SUBLEAF ~0u

/* What the root does not see: hv/msr.c refuses the MSRs behind it, hv/cr.c the control bits. */
/* clang-format off */
#define ALL { ~0u, ~0u, ~0u, ~0u }

static const struct {
	uint32_t leaf, subleaf;
	struct x86_cpuid bits;
	const char *reason;
} root_hidden[] = {
	{ 1, ANY_SUBLEAF,
	  { .ecx = CPUID1_ECX_VMX | CPUID1_ECX_SMX | CPUID1_ECX_DTES64 | CPUID1_ECX_DS_CPL,
	    .edx = CPUID1_EDX_DS }, "VMX and SMX; PEBS and branch traces, by the debug store" },
	{ 6, ANY_SUBLEAF, { .eax = LEAF6_EAX_FEEDBACK, .edx = ~0u }, "hardware feedback" },
	{ 7, 0, { .ebx = CPUID7_EBX_PT }, "Intel PT" },
	{ LEAF_XSAVE, 0, { .eax = (uint32_t)~XCR0_DEFINED, .edx = (uint32_t)(~XCR0_DEFINED >> 32) },
	  "XCR0 bits that XSETBV refuses" },
	{ LEAF_XSAVE, 1, { .ecx = (uint32_t)XSS_PT }, "Intel PT" },
	{ LEAF_XSAVE, 8, ALL, "Intel PT" },
	{ LEAF_PT, ANY_SUBLEAF, ALL, "Intel PT" },
	{ LEAF_PERFMON, 0, { .eax = LEAF23_EAX_PEBS }, "architectural PEBS" },
	{ LEAF_PERFMON, 4, ALL, "architectural PEBS" },
	{ LEAF_PERFMON, 5, ALL, "architectural PEBS" },
	{ FIRST_EXTENDED + 1, ANY_SUBLEAF, { .ecx = CPUID81_ECX_SVM | LEAF81_ECX_SKINIT }, "SVM" },
	{ LEAF_SVM, ANY_SUBLEAF, ALL, "SVM" },
};
/* clang-format on */

static void hide_from_root(uint32_t leaf, uint32_t subleaf, struct x86_cpuid *out)
{
	for (unsigned int i = 0; i < sizeof(root_hidden) / sizeof(*root_hidden); i++) {
		const struct x86_cpuid *const bits = &root_hidden[i].bits;

		if (root_hidden[i].leaf != leaf ||
		    (root_hidden[i].subleaf != ANY_SUBLEAF && root_hidden[i].subleaf != subleaf))
			continue;
		out->eax &= ~bits->eax;
		out->ebx &= ~bits->ebx;
		out->ecx &= ~bits->ecx;
		out->edx &= ~bits->edx;
	}
}

/* Bits that mirror CR4: CPUID ran with the hypervisor's, the root must see its own. */
static uint32_t mirror(uint32_t word, uint32_t bit, bool is_on)
{
	return is_on ? word | bit : word & ~bit;
}

struct x86_cpuid cpuid_root(struct root *root, uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid out;

	if (leaf >= CPUID_HYPERVISOR_BASE && leaf <= LAST_HYPERVISOR) {
		/* A hypervisor under Whit, if there is one, shows itself here: it is not the root's. */
		out = (struct x86_cpuid) { 0 };
		if (leaf == WHIT_CPUID_SIGNATURE)
			out = (struct x86_cpuid) { WHIT_CPUID_VERSION, WHIT_SIGNATURE_WORD,
						   WHIT_SIGNATURE_WORD, WHIT_SIGNATURE_WORD };
		else if (leaf == WHIT_CPUID_VERSION)
			out.eax = WHIT_ABI_VERSION;
		return out;
	}
	out = virt_cpuid(leaf, subleaf);
	hide_from_root(leaf, subleaf, &out);
	switch (leaf) {
	case 1:
		out.ecx |= CPUID1_ECX_HYPERVISOR;
		out.ecx = mirror(out.ecx, CPUID1_ECX_OSXSAVE,
				 virt_get(root->virt, VIRT_CR4) & CR4_OSXSAVE);
		break;
	case 7:
		if (!subleaf && (out.ecx & CPUID7_ECX_PKU))
			out.ecx = mirror(out.ecx, LEAF7_ECX_OSPKE,
					 virt_get(root->virt, VIRT_CR4) & CR4_PKE);
		break;
	default: break;
	}
	return out;
}
