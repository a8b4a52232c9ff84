// SPDX-License-Identifier: MIT
/* Capability negotiation on the MSRs of machines, on machines with one thing missing, and on nonsense. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "arch/virt.h"
#include "arch/vmx/caps.h"
#include "arch/x86/features.h"
#include "arch/x86/xstate.h"
#include "tests/check.h"
#include "tests/random.h"

static struct random rng;

#define FIXED .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000

/* Bochs 2.7, read in it. */
static const struct caps_raw skylake = {
	.has_vmx = true,
	.basic = 0x00d810000000002b,
	.misc = 0x600401e0,
	.pin = 0x0000007f00000016,
	.proc = 0xf7f9fffe04006172,
	.proc2 = 0x02177fff00000000,
	.exit = 0x007fffff00036dfb,
	.entry = 0x0000ffff000011fb,
	.ept_vpid = 0x00000f0106334141,
	.cr4_fixed1 = 0x3727ff,
	FIXED,
};

static const struct caps_raw icelake = {
	.has_vmx = true,
	.basic = 0x00d8100000000004,
	.misc = 0x600401e0,
	.pin = 0x0000007f00000016,
	.proc = 0xfff9fffe04006172,
	.proc2 = 0x02977fff00000000,
	.exit = 0x007fffff00036dfb,
	.entry = 0x0000ffff000011fb,
	.ept_vpid = 0x00000f0106334141,
	.cr4_fixed1 = 0x772fff,
	FIXED,
};

static const struct caps_raw tigerlake = {
	.has_vmx = true,
	.basic = 0x01d8100000000004,
	.misc = 0x600401e0,
	.pin = 0x0000007f00000016,
	.proc = 0xfff9fffe04006172,
	.proc2 = 0x02977fff00000000,
	.exit = 0x107fffff00036dfb,
	.entry = 0x0010ffff000011fb,
	.ept_vpid = 0x00000f0106b34141,
	.cr4_fixed1 = 0xf72fff,
	FIXED,
};

/* A client Haswell: a VMCS of 1 KiB, no XSAVES, no user wait; firmware has locked VT-x on. */
static const struct caps_raw haswell = {
	.has_vmx = true,
	.feature_control = 0x5,
	.basic = 0x00da040000000012,
	.misc = 0x300481e5,
	.pin = 0x0000007f00000016,
	.proc = 0xfff9fffe04006172,
	.proc2 = 0x00007cff00000000,
	.exit = 0x007fffff00036dfb,
	.entry = 0x0000ffff000011fb,
	.ept_vpid = 0x00000f0106334141,
	.cr4_fixed1 = 0x1767ff,
	FIXED,
};

/* Composed after what KVM offers to its guests: posted interrupts, no 1 GiB pages, its own revision. */
static const struct caps_raw kvm_nested = {
	.has_vmx = true,
	.feature_control = 0x5,
	.basic = 0x00d8100011e57ed0,
	.misc = 0x20000165,
	.pin = 0x000000ff00000016,
	.proc = 0xfff9fffe04006172,
	.proc2 = 0x00137bfe00000000,
	.exit = 0x00ffffff00036dfb,
	.entry = 0x0001f3ff000011fb,
	.ept_vpid = 0x00000f0106114041,
	.cr4_fixed1 = 0x3767ff,
	FIXED,
};

static bool negotiate(const struct caps_raw *raw, struct caps *caps, char *missing)
{
	memset(missing, 'x', CAPS_MISSING_BYTES);
	return caps_negotiate(raw, caps, missing);
}

static bool accepts(const struct caps_raw *raw, struct caps *caps)
{
	char missing[CAPS_MISSING_BYTES];
	bool is_ok = negotiate(raw, caps, missing);

	if (!is_ok)
		printf("  missing: %s\n", missing);
	return is_ok;
}

static void refuses(struct caps_raw raw, const char *why)
{
	char missing[CAPS_MISSING_BYTES];
	struct caps caps;
	bool is_refused = !negotiate(&raw, &caps, missing);

	CHECK(is_refused);
	if (is_refused && strcmp(missing, why)) {
		printf("  \"%s\", not \"%s\"\n", missing, why);
		CHECK(false);
	}
}

/* The words are worked out by hand from the manual's tables of controls. */
static void skylake_gets_the_words_of_the_manual(void)
{
	struct caps caps;

	CHECK(accepts(&skylake, &caps));
	CHECK_EQ(caps.revision, 0x2b);
	CHECK_EQ(caps.root.pin, 0x16);
	CHECK_EQ(caps.root.proc, 0x94006172);
	CHECK_EQ(caps.root.proc2, 0x041010aa & 0x02177fff);
	CHECK_EQ(caps.root.exit, 0x3f6fff);
	CHECK_EQ(caps.root.entry, 0xd1ff);
	CHECK_EQ(caps.child.pin, 0x7f);
	CHECK_EQ(caps.child.proc, 0xa5986dfa);
	CHECK_EQ(caps.child.proc2, 0x1010ea);
	CHECK_EQ(caps.child.exit, 0x7f6fff);
	CHECK_EQ(caps.child.entry, 0xd1ff);
	CHECK_EQ(caps.later.pin, 0);
	CHECK_EQ(caps.later.proc, 0x10601004);
	CHECK_EQ(caps.later.proc2, 0x711);
	CHECK_EQ(caps.later.exit, 0);
	CHECK_EQ(caps.later.entry, 0x200);
	CHECK_EQ(caps.apic, 0x1f);
	CHECK_EQ(caps.timer_shift, 0);
	CHECK(caps.has_vpid && caps.has_invept_single && caps.has_execute_only && caps.has_1g &&
	      caps.has_ept_ad && caps.has_wait_for_sipi);
	CHECK_EQ(caps.cr0_must_be_one, 0x20);
	CHECK_EQ(caps.cr4_must_be_one, 0x2000);
	CHECK_EQ(caps.cr4_possible, 0x3707ff);
}

static void machines_are_accepted_with_what_they_have(void)
{
	struct caps caps;

	CHECK(accepts(&icelake, &caps));
	CHECK_EQ(caps.cr4_possible, 0x770fff);
	CHECK(accepts(&tigerlake, &caps));
	CHECK(accepts(&haswell, &caps));
	CHECK(!(caps.root.proc2 & 1u << 20)); /* XSAVES */
	CHECK(!(caps.child.proc2 & 1u << 20));
	CHECK_EQ(caps.apic, 0x13); /* no registers, no delivery */
	CHECK_EQ(caps.timer_shift, 5);
	CHECK_EQ(caps.revision, 0x12);
	CHECK(accepts(&kvm_nested, &caps));
	CHECK(!caps.has_1g);
	CHECK_EQ(caps.revision, 0x11e57ed0);
}

/* PCONFIG is off even where it could be on: keys of memory would make another name for hidden memory useful. */
static void nobody_gives_keys_to_memory(void)
{
	struct caps_raw raw = skylake;
	struct caps caps;

	raw.proc2 |= 1ull << (32 + 27);
	CHECK(accepts(&raw, &caps));
	CHECK(!((caps.root.proc2 | caps.child.proc2 | caps.later.proc2) & 1u << 27));
	/* SDM 4 "IA32_TME_ACTIVATE": locked, enabled, key bits 35:32, those for TDX 39:36 among them. */
	CHECK_EQ(caps_key_bits(0), 0);
	CHECK_EQ(caps_key_bits(0x600000000 | 3), 6);
	CHECK_EQ(caps_key_bits(0x0001003600000003), 6);
	CHECK_EQ(caps_key_bits(0xf00000003), 15);
	CHECK_EQ(caps_key_bits(0x600000000 | 1), 0);
	CHECK_EQ(caps_key_bits(0x600000000 | 2), 0);
}

static void basics_are_named(void)
{
	struct caps_raw raw = { .has_vmx = false };
	struct caps caps;

	refuses(raw, "the processor has no VT-x");
	raw = skylake;
	raw.feature_control = 0x1;
	refuses(raw, "VT-x is locked off by the firmware");
	raw.feature_control = 0x3; /* inside SMX only */
	refuses(raw, "VT-x is locked off by the firmware");
	raw.feature_control = 0x0; /* unlocked: we set it */
	CHECK(accepts(&raw, &caps));
	raw.feature_control = 0x4;
	CHECK(accepts(&raw, &caps));
	raw = skylake;
	raw.basic |= 1ull << 48;
	refuses(raw, "VMX structures above 4 GiB");
	raw.basic = 0x00d8180000000004;
	refuses(raw, "a VMCS of at most 4 KiB");
	raw.basic = 0x00c0100000000004;
	refuses(raw, "write-back VMCS memory");
	raw = skylake;
	raw.cr4_fixed1 &= ~0x2000ull;
	refuses(raw, "sane fixed bits of CR0 and CR4");
}

enum which { PIN, PROC, PROC2, EXIT, ENTRY, EPT, MISC };

static uint64_t *word(struct caps_raw *raw, enum which which)
{
	switch (which) {
	case PIN: return &raw->pin;
	case PROC: return &raw->proc;
	case PROC2: return &raw->proc2;
	case EXIT: return &raw->exit;
	case ENTRY: return &raw->entry;
	case EPT: return &raw->ept_vpid;
	default: return &raw->misc;
	}
}

static const struct {
	enum which which;
	unsigned int bit;
	const char *name;
} required[] = {
	{ PIN, 0, "external-interrupt exiting" },
	{ PIN, 3, "NMI exiting" },
	{ PIN, 5, "virtual NMIs" },
	{ PROC, 2, "interrupt-window exiting" },
	{ PROC, 3, "use TSC offsetting" },
	{ PROC, 7, "HLT exiting" },
	{ PROC, 10, "MWAIT exiting" },
	{ PROC, 11, "RDPMC exiting" },
	{ PROC, 12, "RDTSC exiting" },
	{ PROC, 19, "CR8-load exiting" },
	{ PROC, 20, "CR8-store exiting" },
	{ PROC, 22, "NMI-window exiting" },
	{ PROC, 23, "MOV-DR exiting" },
	{ PROC, 24, "unconditional I/O exiting" },
	{ PROC, 28, "use MSR bitmaps" },
	{ PROC, 29, "MONITOR exiting" },
	{ PROC, 31, "activate secondary controls" },
	{ PROC2, 1, "enable EPT" },
	{ PROC2, 7, "unrestricted guest" },
	{ EXIT, 2, "save debug controls" },
	{ EXIT, 9, "host address-space size" },
	{ EXIT, 18, "save IA32_PAT" },
	{ EXIT, 19, "load IA32_PAT on exit" },
	{ EXIT, 20, "save IA32_EFER" },
	{ EXIT, 21, "load IA32_EFER on exit" },
	{ ENTRY, 2, "load debug controls" },
	{ ENTRY, 9, "IA-32e mode guest" },
	{ ENTRY, 14, "load IA32_PAT on entry" },
	{ ENTRY, 15, "load IA32_EFER on entry" },
	{ EPT, 6, "EPT page-walk length 4" },
	{ EPT, 14, "EPT write-back" },
	{ EPT, 16, "EPT 2 MiB pages" },
	{ EPT, 20, "INVEPT" },
	{ EPT, 26, "INVEPT all-context" },
	{ MISC, 5, "VM exits store EFER.LMA" },
};

static void each_missing_requirement_is_named(void)
{
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		struct caps_raw raw = haswell;
		unsigned int shift = required[i].which >= EPT ? 0 : 32;

		*word(&raw, required[i].which) &= ~(1ull << (shift + required[i].bit));
		refuses(raw, required[i].name);
	}
}

static void options_may_be_missing_one_and_all(void)
{
	static const unsigned int ept_options[] = { 0, 17, 21, 25, 32, 41 };
	struct caps_raw raw = haswell;
	struct caps caps;

	for (unsigned int bit = 0; bit < 32; bit++) {
		if (bit == 1 || bit == 7)
			continue;
		raw = haswell;
		raw.proc2 &= ~(1ull << (32 + bit));
		CHECK(accepts(&raw, &caps));
		CHECK(!(caps.root.proc2 & 1u << bit) && !(caps.child.proc2 & 1u << bit));
		CHECK(!(caps.later.proc2 & 1u << bit));
	}
	for (size_t i = 0; i < sizeof(ept_options) / sizeof(ept_options[0]); i++) {
		raw = haswell;
		raw.ept_vpid &= ~(1ull << ept_options[i]);
		CHECK(accepts(&raw, &caps));
		if (ept_options[i] >= 32) {
			CHECK(!caps.has_vpid);
			CHECK(!((caps.root.proc2 | caps.child.proc2) & 1u << 5));
		}
	}
	raw = haswell;
	raw.proc2 = 0x0000008200000000;
	raw.ept_vpid = 0x04114040;
	raw.misc = 0x20;
	CHECK(accepts(&raw, &caps));
	CHECK(!caps.has_vpid && !caps.has_invept_single && !caps.has_execute_only && !caps.has_1g &&
	      !caps.has_ept_ad && !caps.has_wait_for_sipi);
}

/* What the processor does of an APIC: each control takes with it what builds on it. */
static void help_with_the_apic_is_as_much_as_is_there(void)
{
	static const struct {
		enum which which;
		unsigned int bit;
		uint8_t left;
	} rows[] = {
		{ PROC, 21, 0 },
		{ PROC2, 0, VIRT_APIC_TPR | VIRT_APIC_X2 },
		{ PROC2, 4, VIRT_APIC_TPR | VIRT_APIC_PAGE | VIRT_APIC_REGISTERS },
		{ PROC2, 8, VIRT_APIC_TPR | VIRT_APIC_PAGE | VIRT_APIC_X2 },
		{ PROC2, 9, VIRT_APIC_TPR | VIRT_APIC_PAGE | VIRT_APIC_REGISTERS | VIRT_APIC_X2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct caps_raw raw = skylake;
		struct caps caps;

		*word(&raw, rows[i].which) &= ~(1ull << (32 + rows[i].bit));
		CHECK(accepts(&raw, &caps));
		CHECK_EQ(caps.apic, rows[i].left);
	}
}

/* The subleaves of CPUID leaf 0Dh as processors have them: offset in EBX, size in EAX. */
#define X87_SSE_AVX 0x7ull
#define AVX512	    0xe0ull

static void fill_xstate(struct x86_cpuid leaf[XSTATE_COMPONENTS])
{
	static const struct {
		unsigned int n;
		uint32_t size, offset;
	} rows[] = {
		{ 2, 256, 576 },    { 3, 64, 960 },    { 4, 64, 1024 }, { 5, 64, 1088 },
		{ 6, 512, 1152 },   { 7, 1024, 1664 }, { 9, 8, 2688 },	{ 17, 64, 2752 },
		{ 18, 8192, 2816 }, { 19, 128, 960 },
	};

	memset(leaf, 0, XSTATE_COMPONENTS * sizeof(leaf[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		leaf[rows[i].n] = (struct x86_cpuid) { .eax = rows[i].size, .ebx = rows[i].offset };
}

static void children_get_the_extended_state_that_is_switched(void)
{
	struct x86_cpuid leaf[XSTATE_COMPONENTS];
	uint32_t n_bytes;

	fill_xstate(leaf);
	CHECK_EQ(features_xstate(X87_SSE_AVX, leaf, &n_bytes), X87_SSE_AVX);
	CHECK_EQ(n_bytes, 832);
	CHECK_EQ(features_xstate(X87_SSE_AVX | AVX512, leaf, &n_bytes), X87_SSE_AVX | AVX512);
	CHECK_EQ(n_bytes, 2688);
	CHECK_EQ(features_xstate(~0ull, leaf, &n_bytes), X87_SSE_AVX | AVX512);
	CHECK_EQ(n_bytes, 2688);
	CHECK_EQ(features_xstate(3, leaf, &n_bytes), 3);
	CHECK_EQ(n_bytes, 576);
	CHECK_EQ(features_xstate(0, leaf, &n_bytes), 0);
	/* A set that XSETBV would refuse is not given. */
	for (uint64_t possible = 0; possible < 0x100; possible++) {
		uint64_t got = features_xstate(possible, leaf, &n_bytes);

		CHECK_EQ(got & ~possible, 0);
		CHECK(!(got & 4) || (got & 2));
		CHECK((got & AVX512) == 0 || ((got & AVX512) == AVX512 && (got & 4)));
	}
}

static void extended_state_without_a_place_is_not_given(void)
{
	static const struct x86_cpuid bad[] = {
		{ .eax = 0, .ebx = 0 },
		{ .eax = 256, .ebx = 0 },
		{ .eax = 64, .ebx = 575 },
		{ .eax = 64, .ebx = XSTATE_BYTES - 63 },
		{ .eax = ~0u, .ebx = 576 },
		{ .eax = 1, .ebx = XSTATE_BYTES },
		{ .eax = 0x80000000, .ebx = ~0u },
	};
	struct x86_cpuid leaf[XSTATE_COMPONENTS];
	uint32_t n_bytes;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fill_xstate(leaf);
		leaf[2] = bad[i];
		CHECK_EQ(features_xstate(X87_SSE_AVX | AVX512, leaf, &n_bytes), 3);
		CHECK_EQ(n_bytes, 576);
		fill_xstate(leaf);
		leaf[7] = bad[i];
		CHECK_EQ(features_xstate(X87_SSE_AVX | AVX512, leaf, &n_bytes), X87_SSE_AVX);
		CHECK_EQ(n_bytes, 832);
	}
}

static void controls_forced_on_are_named(void)
{
	struct caps_raw raw = haswell;

	raw.proc = 0xfff9fffe0401e172; /* no TRUE controls */
	refuses(raw, "CR3-load exiting cannot be switched off");
	raw = haswell;
	raw.pin |= 1;
	refuses(raw, "external-interrupt exiting cannot be switched off");
	raw = haswell;
	raw.proc |= 1u << 30;
	refuses(raw, "processor-based control 30 cannot be switched off");
	raw = haswell;
	raw.proc2 |= 1u << 2;
	refuses(raw, "secondary control 2 cannot be switched off");
	raw = haswell;
	raw.proc |= 1u << 7; /* HLT exiting: the root must not have it */
	refuses(raw, "HLT exiting cannot be switched off");
	raw = haswell;
	raw.proc2 |= 1u << 5; /* VPIDs may run out */
	refuses(raw, "enable VPID cannot be switched off");
	raw = haswell;
	raw.proc2 |= 1u << 9; /* what is switched must be off at first */
	refuses(raw, "virtual-interrupt delivery cannot be switched off");
	raw = haswell;
	raw.exit |= 1u << 15;
	refuses(raw, "acknowledge interrupt on exit cannot be switched off");
}

static void contradictions_are_refused(void)
{
	struct caps_raw raw = haswell;
	char missing[CAPS_MISSING_BYTES];
	struct caps caps;

	raw.exit = 0x007fffff00036dfb & ~(1ull << 32); /* must and must not be one */
	CHECK(!negotiate(&raw, &caps, missing));
	raw = haswell;
	raw.proc2 |= 1u << 1;
	raw.proc2 &= ~(1ull << 33);
	refuses(raw, "enable EPT");
	raw = haswell;
	raw.cr0_fixed1 = 0;
	refuses(raw, "sane fixed bits of CR0 and CR4");
}

static void a_word_is_always_between_what_must_and_what_may(void)
{
	static const enum which words[] = { PIN, PROC, PROC2, EXIT, ENTRY };
	unsigned int n_accepted = 0;

	rng.state = 1;
	for (int i = 0; i < 200000; i++) {
		struct caps_raw raw = haswell;
		char missing[CAPS_MISSING_BYTES];
		struct caps caps;

		for (uint64_t flips = random_below(&rng, 5); flips > 0; flips--)
			*word(&raw, (enum which)random_below(&rng, 7)) ^= 1ull
									  << random_below(&rng, 64);
		if (!negotiate(&raw, &caps, missing)) {
			CHECK(memchr(missing, 0, sizeof(missing)) && missing[0]);
			continue;
		}
		n_accepted++;
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
			const uint32_t got[2][5] = {
				{ caps.root.pin, caps.root.proc, caps.root.proc2, caps.root.exit,
				  caps.root.entry },
				{ caps.child.pin, caps.child.proc, caps.child.proc2,
				  caps.child.exit, caps.child.entry },
			};
			uint64_t value = *word(&raw, words[w]);
			uint32_t must = (uint32_t)value, may = (uint32_t)(value >> 32);

			for (int kind = 0; kind < 2; kind++) {
				CHECK_EQ(must & ~got[kind][w], 0);
				CHECK_EQ(got[kind][w] & ~may, 0);
			}
		}
	}
	CHECK(n_accepted > 1000);
}

static void the_report_lists_required_optional_and_lost(void)
{
	char text[2048], small[64];

	caps_report(&haswell, text, sizeof(text));
	CHECK(strlen(text) < sizeof(text) - 200);
	CHECK(!strncmp(text, "required: external-interrupt exiting, ", 38));
	CHECK(strstr(
		text,
		"\noptional: VMX-preemption timer, use TPR shadow, monitor trap flag, enable VPID, "
		"enable RDTSCP, "
		"enable INVPCID, WBINVD exiting, virtualize APIC accesses, virtualize x2APIC mode, "
		"PAUSE-loop exiting, save VMX-preemption timer"));
	CHECK(strstr(text, "\nlost: enable XSAVES/XRSTORS, enable user wait and pause, "
			   "APIC-register virtualization, virtual-interrupt delivery"));
	CHECK(strstr(strstr(text, "required:"), "unrestricted guest") < strstr(text, "optional:"));
	CHECK(!strstr(text, "CR3-load"));
	memset(small, 'x', sizeof(small));
	caps_report(&haswell, small, sizeof(small) - 1);
	CHECK(strlen(small) == sizeof(small) - 2 && small[sizeof(small) - 1] == 'x');
}

int main(void)
{
	static const struct test tests[] = {
		TEST(skylake_gets_the_words_of_the_manual),
		TEST(machines_are_accepted_with_what_they_have),
		TEST(nobody_gives_keys_to_memory),
		TEST(basics_are_named),
		TEST(each_missing_requirement_is_named),
		TEST(options_may_be_missing_one_and_all),
		TEST(help_with_the_apic_is_as_much_as_is_there),
		TEST(children_get_the_extended_state_that_is_switched),
		TEST(extended_state_without_a_place_is_not_given),
		TEST(controls_forced_on_are_named),
		TEST(contradictions_are_refused),
		TEST(a_word_is_always_between_what_must_and_what_may),
		TEST(the_report_lists_required_optional_and_lost),
	};

	return RUN(tests);
}
