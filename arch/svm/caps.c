/* SPDX-License-Identifier: MIT */
/*
 * The needs, as a table over CPUID leaf 8000000Ah, APM 3 appendix E "SVM Revision and Feature
 * Identification". A feature without a row is not used.
 */
#include "arch/svm/caps.h"

#include "arch/svm/vmcb.h"
#include "arch/x86/format.h"
#include "x86/cr.h"
#include "x86/msr.h"

enum want { REQUIRED, OPTIONAL };

static const struct row {
	uint8_t bit; /* of EDX */
	uint8_t want;
	const char *name;
} rows[] = {
	{ 0, REQUIRED, "nested paging" },
	{ 1, OPTIONAL, "LBR virtualization" },
	{ 2, OPTIONAL, "SVM lock" },
	{ 3, OPTIONAL, "NRIP save" },
	{ 5, OPTIONAL, "VMCB clean bits" },
	{ 6, OPTIONAL, "flush by ASID" },
	{ 7, OPTIONAL, "decode assists" },
	{ 10, OPTIONAL, "PAUSE filter" },
	{ 12, OPTIONAL, "PAUSE filter threshold" },
	{ 20, OPTIONAL, "SPEC_CTRL virtualization" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

#define EDX_BRANCH_RECORDS (1u << 1)
#define EDX_NEXT_RIP	   (1u << 3)
#define EDX_CLEAN_BITS	   (1u << 5)
#define EDX_FLUSH_BY_ASID  (1u << 6)
#define EDX_DECODE_ASSISTS (1u << 7)
#define EDX_PAUSE_FILTER   (1u << 10)
#define EDX_PAUSE_GAP	   (1u << 12)
#define EDX_SPEC_CTRL	   (1u << 20)

/* The hypervisor has ASID 0, and the root needs two; a child is to have one that lasts a while. */
#define LEAST_ASIDS 8u

/*
 * CR4 bits, and the feature that a processor must have to have one; a bit of the leaf's register.
 */
static const struct {
	uint64_t cr4;
	uint8_t leaf; /* 1 or 7 */
	uint8_t reg;  /* of struct x86_cpuid */
	uint32_t bit;
} cr4_rows[] = {
	{ CR4_VME | CR4_PVI, 1, 3, CPUID1_EDX_VME },
	{ CR4_TSD, 1, 3, CPUID1_EDX_TSC },
	{ CR4_DE, 1, 3, CPUID1_EDX_DE },
	{ CR4_PSE, 1, 3, CPUID1_EDX_PSE },
	{ CR4_PAE, 1, 3, CPUID1_EDX_PAE },
	{ CR4_MCE, 1, 3, CPUID1_EDX_MCE },
	{ CR4_PGE, 1, 3, CPUID1_EDX_PGE },
	{ CR4_PCE, 1, 3, CPUID1_EDX_MSR },
	{ CR4_OSFXSR, 1, 3, CPUID1_EDX_FXSR },
	{ CR4_OSXMMEXCPT, 1, 3, CPUID1_EDX_SSE },
	{ CR4_PCIDE, 1, 2, CPUID1_ECX_PCID },
	{ CR4_OSXSAVE, 1, 2, CPUID1_ECX_XSAVE },
	{ CR4_FSGSBASE, 7, 1, CPUID7_EBX_FSGSBASE },
	{ CR4_SMEP, 7, 1, CPUID7_EBX_SMEP },
	{ CR4_SMAP, 7, 1, CPUID7_EBX_SMAP },
	{ CR4_UMIP, 7, 2, CPUID7_ECX_UMIP },
	{ CR4_LA57, 7, 2, CPUID7_ECX_LA57 },
	{ CR4_PKE, 7, 2, CPUID7_ECX_PKU },
};

/* EFER bits, and what must be there for one; the bits that nobody sets, LMSLE, are left out. */
static uint64_t efer_possible(const struct caps_raw *raw)
{
	const struct {
		uint64_t efer;
		bool is_there;
	} rows_of_efer[] = {
		{ EFER_FFXSR, raw->extended.edx & CPUID81_EDX_FFXSR },
		{ EFER_TCE, raw->extended.ecx & CPUID81_ECX_TCE },
		{ EFER_MCOMMIT, raw->sizes_ebx & CPUID88_EBX_MCOMMIT },
		{ EFER_INTWB, raw->sizes_ebx & CPUID88_EBX_INT_WBINVD },
		{ EFER_UAIE, raw->feature_eax & CPUID821_EAX_UAI },
		{ EFER_AIBRSE, raw->feature_eax & CPUID821_EAX_AUTO_IBRS },
	};
	uint64_t efer = 0;

	for (size_t i = 0; i < sizeof(rows_of_efer) / sizeof(rows_of_efer[0]); i++)
		if (rows_of_efer[i].is_there)
			efer |= rows_of_efer[i].efer;
	return efer;
}

static uint32_t reg_of(const struct x86_cpuid *leaf, unsigned int reg)
{
	const uint32_t regs[] = { leaf->eax, leaf->ebx, leaf->ecx, leaf->edx };

	return regs[reg];
}

static uint64_t cr4_possible(const struct caps_raw *raw)
{
	uint64_t cr4 = 0;

	for (size_t i = 0; i < sizeof(cr4_rows) / sizeof(cr4_rows[0]); i++)
		if (reg_of(cr4_rows[i].leaf == 1 ? &raw->basic : &raw->seven, cr4_rows[i].reg) &
		    cr4_rows[i].bit)
			cr4 |= cr4_rows[i].cr4;
	return cr4;
}

static bool refuse(char *missing, const char *what)
{
	format_text(missing, CAPS_MISSING_BYTES, "%s", what);
	return false;
}

bool caps_negotiate(const struct caps_raw *raw, struct caps *caps,
		    char missing[static CAPS_MISSING_BYTES])
{
	const uint32_t features = raw->svm.edx;

	*caps = (struct caps) { 0 };
	if (raw->last_extended <= CPUID_EXTENDED_BASE || !(raw->extended.ecx & CPUID81_ECX_SVM))
		return refuse(missing, "the processor has no AMD-V");
	if (raw->last_extended < CPUID_SVM)
		return refuse(missing, "the leaf of CPUID that describes AMD-V");
	if ((raw->vm_cr & VM_CR_SVMDIS) && (raw->vm_cr & VM_CR_LOCK))
		return refuse(missing, "AMD-V is locked off by the firmware");
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].want == REQUIRED && !(features >> rows[i].bit & 1))
			return refuse(missing, rows[i].name);
	if (raw->svm.ebx < LEAST_ASIDS)
		return refuse(missing, "eight ASIDs");

	caps->n_asids = raw->svm.ebx;
	caps->has_next_rip = features & EDX_NEXT_RIP;
	caps->has_flush_by_asid = features & EDX_FLUSH_BY_ASID;
	caps->clean = features & EDX_CLEAN_BITS ? CLEAN_ALL : 0;
	caps->has_decode_assists = features & EDX_DECODE_ASSISTS;
	caps->has_branch_records = features & EDX_BRANCH_RECORDS;
	caps->has_pause_filter = (features & EDX_PAUSE_FILTER) && (features & EDX_PAUSE_GAP);
	caps->has_invpcid = raw->seven.ebx & CPUID7_EBX_INVPCID;
	caps->has_fsgsbase = raw->seven.ebx & CPUID7_EBX_FSGSBASE;
	caps->has_1g = raw->extended.edx & CPUID81_EDX_1G;
	caps->has_ibpb = raw->sizes_ebx & CPUID88_EBX_IBPB;
	caps->has_spec_ctrl = raw->sizes_ebx & (CPUID88_EBX_IBRS | CPUID88_EBX_STIBP |
						CPUID88_EBX_SSBD | CPUID88_EBX_PSFD);
	caps->has_virtual_spec_ctrl = caps->has_spec_ctrl && (features & EDX_SPEC_CTRL);
	if ((raw->encryption.eax & CPUID81F_EAX_SME) && (raw->syscfg & SYSCFG_SMEE))
		caps->key_bits = CPUID81F_KEY_BITS(raw->encryption.ebx);
	caps->cr4_possible = cr4_possible(raw);
	caps->efer_possible = efer_possible(raw);
	return true;
}

/* ---- The report ------------------------------------------------------------------------- */

struct text {
	char *at;
	size_t left;
};

static void append(struct text *text, const char *prefix, const char *word)
{
	const size_t n = format_text(text->at, text->left, "%s%s", prefix, word);

	text->at += n;
	text->left -= n;
}

static void append_rows(struct text *text, const char *title, enum want want, bool is_there,
			uint32_t features)
{
	bool is_first = true;

	append(text, title, "");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].want != want || (features >> rows[i].bit & 1) != is_there)
			continue;
		append(text, is_first ? " " : ", ", rows[i].name);
		is_first = false;
	}
	if (is_first)
		append(text, " ", "nothing");
}

void caps_report(const struct caps_raw *raw, char *text, size_t n_bytes)
{
	struct text out = { text, n_bytes };

	append_rows(&out, "required:", REQUIRED, true, raw->svm.edx);
	append_rows(&out, "\noptional:", OPTIONAL, true, raw->svm.edx);
	append_rows(&out, "\nlost:", OPTIONAL, false, raw->svm.edx);
	append(&out, "\n", "");
}
