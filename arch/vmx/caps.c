/* SPDX-License-Identifier: MIT */
/*
 * The policy of VM-execution, VM-exit and VM-entry controls, as tables, and the algorithm of SDM 3D
 * "VMX Capability Reporting Facility" over them. A control without a row is off, and stays at one
 * only where the manual reserves it so.
 */
#include "arch/vmx/caps.h"
#include "arch/virt.h"
#include "arch/vmx/fields.h"
#include "arch/x86/format.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* The setting of a control in a kind of VMCS. */
enum want {
	OFF,	  /* must be off */
	ON,	  /* required */
	LATER,	  /* starts off, but must be possible: it is switched at run time */
	MAY,	  /* on where the processor has it */
	MAY_LATER /* off at first, and can be switched on where the processor has it */
};

struct row {
	uint8_t bit;
	uint8_t root, child; /* enum want */
	const char *name;
};

struct word {
	const char *name;
	const struct row *rows;
	size_t n_rows;
	uint32_t reserved_ones; /* default1 bits without a name that may stay on */
};

static const struct row pin_rows[] = {
	{ 0, OFF, ON, "external-interrupt exiting" },
	{ 3, LATER, ON, "NMI exiting" },
	{ 5, LATER, ON, "virtual NMIs" },
	{ 6, OFF, MAY, "VMX-preemption timer" },
};

static const struct row proc_rows[] = {
	{ 2, OFF, LATER, "interrupt-window exiting" },
	{ 3, LATER, ON, "use TSC offsetting" },
	{ 7, OFF, ON, "HLT exiting" },
	{ 9, OFF, OFF, "INVLPG exiting" },
	{ 10, OFF, ON, "MWAIT exiting" },
	{ 11, OFF, ON, "RDPMC exiting" },
	{ 12, OFF, LATER, "RDTSC exiting" },
	{ 15, OFF, OFF, "CR3-load exiting" },
	{ 16, OFF, OFF, "CR3-store exiting" },
	{ 19, OFF, ON, "CR8-load exiting" },
	{ 20, OFF, ON, "CR8-store exiting" },
	{ 21, OFF, MAY_LATER, "use TPR shadow" },
	{ 22, LATER, LATER, "NMI-window exiting" },
	{ 23, OFF, ON, "MOV-DR exiting" },
	{ 24, OFF, ON, "unconditional I/O exiting" },
	{ 27, MAY_LATER, OFF, "monitor trap flag" },
	/*
	 * A child has none, each RDMSR and WRMSR exits, but for an x2APIC that the processor looks
	 * after.
	 */
	{ 28, ON, LATER, "use MSR bitmaps" },
	{ 29, OFF, ON, "MONITOR exiting" },
	{ 31, ON, ON, "activate secondary controls" },
};

static const struct row proc2_rows[] = {
	{ 1, ON, ON, "enable EPT" },
	{ 7, ON, ON, "unrestricted guest" },
	{ 5, MAY, MAY, "enable VPID" },
	{ 3, MAY, MAY, "enable RDTSCP" },
	{ 12, MAY, MAY, "enable INVPCID" },
	{ 20, MAY, MAY, "enable XSAVES/XRSTORS" },
	{ 26, MAY, MAY, "enable user wait and pause" },
	{ 6, OFF, MAY, "WBINVD exiting" },
	{ 0, OFF, MAY_LATER, "virtualize APIC accesses" },
	{ 4, OFF, MAY_LATER, "virtualize x2APIC mode" },
	{ 8, OFF, MAY_LATER, "APIC-register virtualization" },
	{ 9, OFF, MAY_LATER, "virtual-interrupt delivery" },
	{ 10, OFF, MAY_LATER, "PAUSE-loop exiting" },
	{ 15, OFF, MAY, "ENCLS exiting" },
	/* PCONFIG gives keys to memory. */
	{ 27, OFF, OFF, "enable PCONFIG" },
};

static const struct row exit_rows[] = {
	{ 2, ON, ON, "save debug controls" },
	{ 9, ON, ON, "host address-space size" },
	{ 15, OFF, OFF, "acknowledge interrupt on exit" },
	{ 18, ON, ON, "save IA32_PAT" },
	{ 19, ON, ON, "load IA32_PAT on exit" },
	{ 20, ON, ON, "save IA32_EFER" },
	{ 21, ON, ON, "load IA32_EFER on exit" },
	{ 22, OFF, MAY, "save VMX-preemption timer" },
};

static const struct row entry_rows[] = {
	{ 2, ON, ON, "load debug controls" },
	{ 9, LATER, LATER, "IA-32e mode guest" },
	{ 14, ON, ON, "load IA32_PAT on entry" },
	{ 15, ON, ON, "load IA32_EFER on entry" },
};

/* Features of EPT and VPID: bits of IA32_VMX_EPT_VPID_CAP; `root` is what counts. */
static const struct row ept_rows[] = {
	{ 6, ON, ON, "EPT page-walk length 4" },
	{ 14, ON, ON, "EPT write-back" },
	{ 16, ON, ON, "EPT 2 MiB pages" },
	{ 20, ON, ON, "INVEPT" },
	{ 26, ON, ON, "INVEPT all-context" },
	{ 25, MAY, MAY, "INVEPT single-context" },
	{ 0, MAY, MAY, "EPT execute-only" },
	{ 17, MAY, MAY, "EPT 1 GiB pages" },
	{ 21, MAY, MAY, "EPT accessed and dirty flags" },
	{ 32, MAY, MAY, "INVVPID" },
	{ 41, MAY, MAY, "INVVPID single-context" },
};

/* Bits of IA32_VMX_MISC. */
static const struct row misc_rows[] = {
	{ 5, ON, ON, "VM exits store EFER.LMA" },
	{ 8, MAY, MAY, "wait-for-SIPI state" },
};

#define ROWS(array) array, sizeof(array) / sizeof((array)[0])

/* Reserved ones: SDM 3D "VMX Capability Reporting Facility", the default1 classes. */
static const struct word pin_word = { "pin-based", ROWS(pin_rows), 0x16 };
static const struct word proc_word = { "processor-based", ROWS(proc_rows), 0x04006172 };
static const struct word proc2_word = { "secondary", ROWS(proc2_rows), 0 };
static const struct word exit_word = { "VM-exit", ROWS(exit_rows), 0x00036dfb };
static const struct word entry_word = { "VM-entry", ROWS(entry_rows), 0x000011fb };

#define EPT_BIT(raw, bit) (((raw)->ept_vpid >> (bit)) & 1)

#define BASIC_REVISION	   0x7fffffffull
#define BASIC_REGION_BYTES (0x1fffull << 32)
#define BASIC_32_BIT	   (1ull << 48)
#define BASIC_MEMORY_TYPE  (0xfull << 50)
#define BASIC_WRITE_BACK   (6ull << 50)
#define BASIC_MAX_REGION   (0x1000ull << 32)
#define MISC_TIMER_SHIFT   0x1full
#define MISC_WAIT_FOR_SIPI (1ull << 8)

static bool refuse(char *missing, const char *what)
{
	format_text(missing, CAPS_MISSING_BYTES, "%s", what);
	return false;
}

static bool has_row(const struct word *word, unsigned int bit)
{
	for (size_t i = 0; i < word->n_rows; i++) {
		if (word->rows[i].bit == bit)
			return true;
	}
	return false;
}

/* A bit that has to be off, for good or for some time. */
static bool is_off(enum want want)
{
	return want == OFF || want == LATER || want == MAY_LATER;
}

/*
 * `msr`: bits that must be one in its low half, bits that may be one in its high half. *later: what
 * a child can be given at run time.
 */
static bool negotiate_word(const struct word *word, uint64_t msr, uint32_t *root, uint32_t *child,
			   uint32_t *later, char *missing)
{
	uint32_t must = (uint32_t)msr;
	uint32_t may = (uint32_t)(msr >> 32);
	uint32_t unknown = must & ~word->reserved_ones;

	*root = *child = must;
	*later = 0;
	for (size_t i = 0; i < word->n_rows; i++) {
		const struct row *row = &word->rows[i];
		uint32_t bit = 1u << row->bit;
		bool is_needed = row->root == ON || row->child == ON || row->root == LATER ||
				 row->child == LATER;
		bool is_off_somewhere = is_off(row->root) || is_off(row->child);

		if (is_needed && !(may & bit))
			return refuse(missing, row->name);
		if (is_off_somewhere && (must & bit)) {
			format_text(missing, CAPS_MISSING_BYTES, "%s cannot be switched off",
				    row->name);
			return false;
		}
		if ((must & bit) && !(may & bit)) {
			format_text(missing, CAPS_MISSING_BYTES, "%s must be both on and off",
				    row->name);
			return false;
		}
		if (!is_off(row->root))
			*root |= may & bit;
		if (!is_off(row->child))
			*child |= may & bit;
		else if (row->child != OFF)
			*later |= may & bit;
	}
	for (unsigned int i = 0; i < 32; i++) {
		uint32_t bit = 1u << i;

		if (((unknown & bit) && !has_row(word, i)) || (must & ~may & bit)) {
			format_text(missing, CAPS_MISSING_BYTES,
				    "%s control %u cannot be switched off", word->name, i);
			return false;
		}
	}
	return true;
}

static bool check_bits(const struct row *rows, size_t n_rows, uint64_t value, char *missing)
{
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].root == ON && !(value >> rows[i].bit & 1))
			return refuse(missing, rows[i].name);
	}
	return true;
}

static bool check_basics(const struct caps_raw *raw, char *missing)
{
	if (!raw->has_vmx)
		return refuse(missing, "the processor has no VT-x");
	if ((raw->feature_control & FEATURE_CONTROL_LOCKED) &&
	    !(raw->feature_control & FEATURE_CONTROL_VMX))
		return refuse(missing, "VT-x is locked off by the firmware");
	if (raw->basic & BASIC_32_BIT)
		return refuse(missing, "VMX structures above 4 GiB");
	if ((raw->basic & BASIC_REGION_BYTES) > BASIC_MAX_REGION)
		return refuse(missing, "a VMCS of at most 4 KiB");
	if ((raw->basic & BASIC_MEMORY_TYPE) != BASIC_WRITE_BACK)
		return refuse(missing, "write-back VMCS memory");
	return true;
}

/* A processor that has the rest without what it builds on has not been made. */
static uint8_t choose_apic(const struct caps_controls *later)
{
	static const struct {
		uint32_t proc2;
		uint8_t has, needs;
	} steps[] = {
		{ PROC2_APIC_ACCESSES, VIRT_APIC_PAGE, VIRT_APIC_TPR },
		{ PROC2_APIC_REGISTERS, VIRT_APIC_REGISTERS, VIRT_APIC_PAGE },
		{ PROC2_X2APIC_MODE, VIRT_APIC_X2, VIRT_APIC_TPR },
		{ PROC2_INTERRUPT_DELIVERY, VIRT_APIC_DELIVERY,
		  VIRT_APIC_REGISTERS | VIRT_APIC_X2 },
	};
	uint8_t apic = later->proc & PROC_TPR_SHADOW ? VIRT_APIC_TPR : 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if ((later->proc2 & steps[i].proc2) && (apic & steps[i].needs) == steps[i].needs)
			apic |= steps[i].has;
	return apic;
}

bool caps_negotiate(const struct caps_raw *raw, struct caps *caps,
		    char missing[static CAPS_MISSING_BYTES])
{
	struct caps_controls *root = &caps->root, *child = &caps->child, *later = &caps->later;

	*caps = (struct caps) { 0 };
	if (!check_basics(raw, missing) ||
	    !negotiate_word(&pin_word, raw->pin, &root->pin, &child->pin, &later->pin, missing) ||
	    !negotiate_word(&proc_word, raw->proc, &root->proc, &child->proc, &later->proc,
			    missing) ||
	    !negotiate_word(&proc2_word, raw->proc2, &root->proc2, &child->proc2, &later->proc2,
			    missing) ||
	    !check_bits(ROWS(ept_rows), raw->ept_vpid, missing) ||
	    !negotiate_word(&exit_word, raw->exit, &root->exit, &child->exit, &later->exit,
			    missing) ||
	    !negotiate_word(&entry_word, raw->entry, &root->entry, &child->entry, &later->entry,
			    missing) ||
	    !check_bits(ROWS(misc_rows), raw->misc, missing))
		return false;
	if ((raw->cr0_fixed0 & ~raw->cr0_fixed1) || (raw->cr4_fixed0 & ~raw->cr4_fixed1) ||
	    !(raw->cr4_fixed1 & CR4_VMXE))
		return refuse(missing, "sane fixed bits of CR0 and CR4");

	/* A VP may have to do without a VPID. */
	if ((uint32_t)raw->proc2 & PROC2_VPID)
		return refuse(missing, "enable VPID cannot be switched off");

	caps->revision = (uint32_t)(raw->basic & BASIC_REVISION);
	caps->has_vpid = (root->proc2 & PROC2_VPID) && EPT_BIT(raw, 32) && EPT_BIT(raw, 41);
	if (!caps->has_vpid) {
		root->proc2 &= ~PROC2_VPID;
		child->proc2 &= ~PROC2_VPID;
	}
	caps->has_invept_single = EPT_BIT(raw, 25);
	caps->has_execute_only = EPT_BIT(raw, 0);
	caps->has_1g = EPT_BIT(raw, 17);
	caps->has_ept_ad = EPT_BIT(raw, 21);
	caps->has_step = raw->proc >> 32 & PROC_MONITOR_TRAP;
	caps->apic = choose_apic(later);
	if (!(child->pin & PIN_PREEMPTION_TIMER))
		child->exit &= ~EXIT_SAVE_TIMER;
	caps->timer_shift = raw->misc & MISC_TIMER_SHIFT;
	caps->has_wait_for_sipi = raw->misc & MISC_WAIT_FOR_SIPI;
	caps->cr0_must_be_one = raw->cr0_fixed0 & ~(CR0_PE | CR0_PG);
	caps->cr4_must_be_one = raw->cr4_fixed0;
	caps->cr4_possible = raw->cr4_fixed1 & ~(CR4_VMXE | CR4_SMXE);
	return true;
}

unsigned int caps_key_bits(uint64_t tme_activate)
{
	const uint64_t on = TME_ACTIVATE_LOCKED | TME_ACTIVATE_ENABLED;

	return (tme_activate & on) == on ? (unsigned int)TME_ACTIVATE_KEY_BITS(tme_activate) : 0;
}

/* ---- The report ------------------------------------------------------------------------- */

enum list { REQUIRED, OPTIONAL, LOST };

struct text {
	char *at;
	size_t left;
};

static void append(struct text *text, const char *prefix, const char *word)
{
	size_t n = format_text(text->at, text->left, "%s%s", prefix, word);

	text->at += n;
	text->left -= n;
}

static enum list list_of(const struct row *row, bool is_there)
{
	if (row->root == MAY || row->root == MAY_LATER || row->child == MAY ||
	    row->child == MAY_LATER)
		return is_there ? OPTIONAL : LOST;
	return REQUIRED;
}

static void append_rows(struct text *text, enum list list, const struct row *rows, size_t n_rows,
			uint64_t there, bool *is_first)
{
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].root == OFF && rows[i].child == OFF)
			continue; /* it is only required to be off */
		if (list_of(&rows[i], there >> rows[i].bit & 1) != list)
			continue;
		append(text, *is_first ? " " : ", ", rows[i].name);
		*is_first = false;
	}
}

void caps_report(const struct caps_raw *raw, char *text, size_t n_bytes)
{
	static const char *const titles[] = { "required:", "\noptional:", "\nlost:" };
	struct text out = { text, n_bytes };

	for (enum list list = REQUIRED; list <= LOST; list++) {
		bool is_first = true;

		append(&out, titles[list], "");
		append_rows(&out, list, ROWS(pin_rows), raw->pin >> 32, &is_first);
		append_rows(&out, list, ROWS(proc_rows), raw->proc >> 32, &is_first);
		append_rows(&out, list, ROWS(proc2_rows), raw->proc2 >> 32, &is_first);
		append_rows(&out, list, ROWS(exit_rows), raw->exit >> 32, &is_first);
		append_rows(&out, list, ROWS(entry_rows), raw->entry >> 32, &is_first);
		append_rows(&out, list, ROWS(ept_rows), raw->ept_vpid, &is_first);
		append_rows(&out, list, ROWS(misc_rows), raw->misc, &is_first);
		if (is_first)
			append(&out, " ", "nothing");
	}
	append(&out, "\n", "");
}
