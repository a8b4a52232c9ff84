// SPDX-License-Identifier: MIT
/* Capability negotiation of AMD-V on the CPUID of machines, on machines with one thing missing, and on nonsense. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "arch/svm/caps.h"
#include "tests/check.h"
#include "tests/random.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
/*
 * CPUID of processors: leaf 80000000h EAX, leaf 1 ECX and EDX, leaf 7 EBX and ECX, leaf 80000001h ECX and EDX, leaf 8000000Ah
 * EBX and EDX. Those of real ones are dumps of the collection InstLatx64 (github.com/InstLatx64/InstLatx64), AuthenticAMD followed by
 * the name here; of emulators it is leaf 8000000Ah alone.
 */
static const struct machine {
	const char *name, *source;
	uint32_t last, basic_ecx, basic_edx, seven_ebx, seven_ecx, extended_ecx, extended_edx;
	uint32_t n_asids, features;
	const char *lost; /* of what is optional */
	uint64_t cr4;	  /* of CR4_NEWER */
	const char *missing;
} machines[] = {
	{ "family 0Fh, Santa Rosa", "0040F12_K8_SantaRosa_CPUID_S2",
	  0x80000018, 0x00002001, 0x178bfbff, 0, 0, 0x0000001f, 0xebd3fbff, 0x40, 0,
	  "LBR virtualization, SVM lock, NRIP save, VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", 0, "nested paging" },
	{ "family 10h, Barcelona", "0100F2A_K10_Barcelona_CPUID",
	  0x8000001a, 0x00802009, 0x178bfbff, 0, 0, 0x000007ff, 0xefd3fbff, 0x40, 0x7,
	  "NRIP save, VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "family 10h, Deneb", "0100F42_K10_Deneb_CPUID",
	  0x8000001b, 0x00802009, 0x178bfbff, 0, 0, 0x000037ff, 0xefd3fbff, 0x40, 0xf,
	  "VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "family 10h, Thuban", "0100FA0_K10_Thuban_CPUID",
	  0x8000001b, 0x00802009, 0x178bfbff, 0, 0, 0x000037ff, 0xefd3fbff, 0x40, 0x40f,
	  "VMCB clean bits, flush by ASID, decode assists, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "family 11h, Griffin", "0200F30_K11_Griffin_CPUID",
	  0x8000001a, 0x00002001, 0x178bfbff, 0, 0, 0x0000131f, 0xebd3fbff, 0x40, 0xe,
	  "VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", 0, "nested paging" },
	{ "family 12h, Llano", "0300F10_K12_Llano_CPUID",
	  0x8000001b, 0x00802009, 0x178bfbff, 0, 0, 0x000037ff, 0xefd3fbff, 0x40, 0x40f,
	  "VMCB clean bits, flush by ASID, decode assists, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "family 14h, Bobcat", "0500F10_K14_Bobcat_CPUID",
	  0x8000001b, 0x00802209, 0x178bfbff, 0, 0, 0x000035ff, 0x2fd3fbff, 0x8, 0x60f,
	  "VMCB clean bits, flush by ASID, decode assists, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "family 15h, Zambezi", "0600F12_K15_Zambezi8C_CPUID",
	  0x8000001e, 0x1e98220b, 0x178bfbff, 0, 0, 0x01c9bfff, 0x2fd3fbff, 0x10000, 0x14ff,
	  "SPEC_CTRL virtualization", CR4_OSXSAVE, NULL },
	{ "family 15h, Vishera", "0600F20_K15_Vishera_CPUID",
	  0x8000001e, 0x3e98320b, 0x178bfbff, 0x8, 0, 0x01ebbfff, 0x2fd3fbff, 0x10000, 0x1cff,
	  "SPEC_CTRL virtualization", CR4_OSXSAVE, NULL },
	{ "family 15h, Carrizo", "0660F01_K15_Carrizo_CPUID",
	  0x8000001e, 0x7ed8320b, 0x178bfbff, 0x1a9, 0, 0x2febbfff, 0x2fd3fbff, 0x8000, 0x1bcff,
	  "SPEC_CTRL virtualization", CR4_SMEP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 16h, Kabini", "0700F01_K16_Kabini_CPUID",
	  0x8000001e, 0x3ed8220b, 0x178bfbff, 0x8, 0, 0x154037ff, 0x2fd3fbff, 0x8, 0x1cdf,
	  "VMCB clean bits, SPEC_CTRL virtualization", CR4_OSXSAVE, NULL },
	{ "family 16h, Kabini, AMD-V off", "0700F01_K16_Kabini3_CPUID",
	  0x8000001e, 0xbed82203, 0x178bfbff, 0x8, 0, 0x004023f3, 0x2fd3fbff, 0, 0,
	  "LBR virtualization, SVM lock, NRIP save, VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", CR4_OSXSAVE, "no AMD-V" },
	{ "family 16h, Beema", "0730F01_K16_Beema_CPUID",
	  0x8000001e, 0x7ed8220b, 0x178bfbff, 0x8, 0, 0x1d4037ff, 0x2fd3fbff, 0x8, 0x1cdf,
	  "VMCB clean bits, SPEC_CTRL virtualization", CR4_OSXSAVE, NULL },
	{ "family 17h, Zen 1", "0800F11_K17_Zen2_CPUID",
	  0x8000001f, 0x7ed8320b, 0x178bfbff, 0x209c01a9, 0, 0x35c233ff, 0x2fd3fbff, 0x8000, 0x1bcff,
	  "SPEC_CTRL virtualization", CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 17h, Zen 2, Rome", "0830F10_K17_Rome_CPUID",
	  0x80000020, 0x7ef8320b, 0x178bfbff, 0x219c91a9, 0x400004, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x13bcff,
	  "nothing", CR4_UMIP | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 17h, Zen 2, Matisse", "0870F10_K17_Matisse_CPUID",
	  0x80000020, 0x7ed8320b, 0x178bfbff, 0x219c91a9, 0x400004, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x13bcff,
	  "nothing", CR4_UMIP | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 19h, Zen 3, Vermeer", "0A20F10_K19_Vermeer_CPUID1",
	  0x80000023, 0x7ed8320b, 0x178bfbff, 0x219c97a9, 0x40068c, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x1bbcff,
	  "nothing", CR4_UMIP | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 19h, Zen 3, Milan", "0A00F11_K19_Milan_CPUID1",
	  0x80000023, 0x7eda320b, 0x178bfbff, 0x219c97a9, 0x40068c, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x119b9cff,
	  "nothing", CR4_UMIP | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE, NULL },
	{ "family 19h, Zen 4, Raphael", "0A60F12_K19_Raphael_01_CPUID",
	  0x80000028, 0x7ef8320b, 0x178bfbff, 0xf1bf97a9, 0x405fce, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x1ebfbcff,
	  "nothing", CR4_UMIP | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 19h, Zen 4, Phoenix", "0A70F41_K19_Phoenix_03_CPUID",
	  0x80000028, 0x7ef8320b, 0x178bfbff, 0xf1bf97a9, 0x405fce, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x1ebf9cff,
	  "nothing", CR4_UMIP | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 19h, Zen 4, Genoa", "0A10F11_K19_Genoa_01_CPUID",
	  0x80000028, 0x7efa320b, 0x178bfbff, 0xf1bf97a9, 0x415fce, 0x75c237ff, 0x2fd3fbff, 0x8000, 0x1fbfbcff,
	  "nothing", CR4_UMIP | CR4_LA57 | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE, NULL },
	{ "family 1Ah, Zen 5, Granite Ridge", "0B40F40_K20_GraniteRidge_02_CPUID",
	  0x80000028, 0x7ed8320b, 0x178bfbff, 0xf1bf97ab, 0x19405fce, 0x75c237ff, 0x2fd3fbff, 0x8000, 0xfebb9dff,
	  "nothing", CR4_UMIP | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE, NULL },
	{ "family 1Ah, Zen 5, Turin", "0B00F21_K20_Turin_01_CPUID",
	  0x80000028, 0x7efa320b, 0x178bfbff, 0xf1bf97ab, 0x19415fce, 0x75c237ff, 0x2fd3fbff, 0x8000, 0xffbfbdff,
	  "nothing", CR4_UMIP | CR4_LA57 | CR4_PKE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE, NULL },
	{ "QEMU, max", "as TCG of 7.2 to 10.0 shows it",
	  0x80000021, 0x00000000, 0x00000000, 0, 0, 0x00000004, 0x00000000, 0x10, 0x10010001,
	  "LBR virtualization, SVM lock, NRIP save, VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "QEMU, EPYC-Milan", "the same",
	  0x80000021, 0x00000000, 0x00000000, 0, 0, 0x00000004, 0x00000000, 0x10, 0x10000001,
	  "LBR virtualization, SVM lock, NRIP save, VMCB clean bits, flush by ASID, decode assists, PAUSE filter, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "Bochs 2.7, ryzen", "as it shows it",
	  0x8000001f, 0x00000000, 0x00000000, 0, 0, 0x00000004, 0x00000000, 0x8000, 0x44f,
	  "VMCB clean bits, decode assists, PAUSE filter threshold, SPEC_CTRL virtualization", 0, NULL },
	{ "Bochs after 3.0, ryzen", "cpu/cpudb/amd/ryzen.cc",
	  0x8000001f, 0x00000000, 0x00000000, 0, 0, 0x00000004, 0x00000000, 0x8000, 0x144f,
	  "VMCB clean bits, decode assists, SPEC_CTRL virtualization", 0, NULL },
};
/* clang-format on */

static struct caps_raw raw_of(const struct machine *machine)
{
	struct caps_raw raw;

	memset(&raw, 0, sizeof(raw));
	raw.last_extended = machine->last;
	raw.basic = (struct x86_cpuid) { .ecx = machine->basic_ecx, .edx = machine->basic_edx };
	raw.seven = (struct x86_cpuid) { .ebx = machine->seven_ebx, .ecx = machine->seven_ecx };
	raw.extended =
		(struct x86_cpuid) { .ecx = machine->extended_ecx, .edx = machine->extended_edx };
	raw.svm =
		(struct x86_cpuid) { .eax = 1, .ebx = machine->n_asids, .edx = machine->features };
	return raw;
}

static struct caps_raw named(const char *name)
{
	size_t i = 0;

	while (i < ROWS(machines) && strcmp(machines[i].name, name))
		i++;
	REQUIRE(i < ROWS(machines));
	return raw_of(&machines[i]);
}

static void check_refused(const struct caps_raw *raw, const char *text)
{
	char missing[CAPS_MISSING_BYTES];
	struct caps caps;

	CHECK(!caps_negotiate(raw, &caps, missing));
	CHECK(strstr(missing, text) != NULL);
	if (check_has_failed())
		printf("# missing: %s\n", missing);
}

#define CR4_NEWER                                                                             \
	(CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | \
	 CR4_PKE)

/* The decision, and the words of the report, which follow from the same leaf. */
static void machines_are_accepted_with_what_they_have(void)
{
	for (size_t i = 0; i < ROWS(machines); i++) {
		const uint32_t features = machines[i].features;
		const struct caps_raw raw = raw_of(&machines[i]);
		char missing[CAPS_MISSING_BYTES], text[512], *lost;
		struct caps caps;

		if (machines[i].missing) {
			check_refused(&raw, machines[i].missing);
			continue;
		}
		CHECK(caps_negotiate(&raw, &caps, missing));
		CHECK_EQ(caps.n_asids, machines[i].n_asids);
		CHECK_EQ(caps.has_next_rip, features >> 3 & 1);
		CHECK_EQ(caps.has_decode_assists, features >> 7 & 1);
		CHECK_EQ(caps.has_branch_records, features >> 1 & 1);
		CHECK(!caps.has_virtual_spec_ctrl); /* without SPEC_CTRL there is none */
		CHECK_EQ(caps.has_flush_by_asid, features >> 6 & 1);
		CHECK_EQ(caps.clean, features >> 5 & 1 ? 0x7ff : 0);
		CHECK_EQ(caps.has_pause_filter, (features >> 10 & 1) && (features >> 12 & 1));
		CHECK_EQ(caps.has_1g, machines[i].extended_edx >> 26 & 1);
		CHECK_EQ(caps.has_invpcid, machines[i].seven_ebx >> 10 & 1);
		CHECK_EQ(caps.cr4_possible & CR4_NEWER, machines[i].cr4);
		caps_report(&raw, text, sizeof(text));
		lost = strstr(text, "\nlost: ");
		REQUIRE(lost);
		CHECK(!strncmp(lost + 7, machines[i].lost, strlen(machines[i].lost)));
		CHECK_EQ(lost[7 + strlen(machines[i].lost)], '\n');
		if (check_has_failed())
			printf("# %s\n%s", machines[i].name, text);
	}
}

/* MSRs of speculation, EFER and keys of memory, by the words of the same dumps. */
static const struct {
	const char *name;
	uint32_t sizes_ebx, encryption_eax, encryption_ebx, feature_eax;
	bool has_ibpb, has_spec_ctrl;
	uint8_t key_bits; /* while SYSCFG has encryption on */
	uint64_t efer;
} others[] = {
	{ "family 10h, Deneb", 0, 0, 0, 0, false, false, 0, EFER_FFXSR },
	{ "family 17h, Zen 1", 7, 0xf, 0x16f, 0, false, false, 5, EFER_FFXSR | EFER_TCE },
	{ "family 17h, Zen 2, Rome", 0x018ef757, 0x1000f, 0x16f, 0, true, true, 5,
	  EFER_FFXSR | EFER_TCE | EFER_MCOMMIT | EFER_INTWB },
	{ "family 19h, Zen 3, Vermeer", 0x111ef657, 0x1780f, 0x173, 0xd, true, true, 5,
	  EFER_FFXSR | EFER_TCE | EFER_INTWB },
	{ "family 19h, Zen 4, Genoa", 0x79bef25f, 0x30fffeb, 0x41b3, 0x62fcf, true, true, 6,
	  EFER_FFXSR | EFER_TCE | EFER_INTWB | EFER_UAIE | EFER_AIBRSE },
	{ "family 19h, Zen 4, Raphael", 0x191ef257, 1, 0xb3, 0x62fcf, true, true, 2,
	  EFER_FFXSR | EFER_TCE | EFER_INTWB | EFER_UAIE | EFER_AIBRSE },
};

static void msrs_and_keys_are_those_that_cpuid_shows(void)
{
	for (size_t i = 0; i < ROWS(others); i++)
		for (unsigned int is_on = 0; is_on < 2; is_on++) {
			struct caps_raw raw = named(others[i].name);
			char missing[CAPS_MISSING_BYTES];
			struct caps caps;

			raw.sizes_ebx = others[i].sizes_ebx;
			raw.encryption = (struct x86_cpuid) { .eax = others[i].encryption_eax,
							      .ebx = others[i].encryption_ebx };
			raw.feature_eax = others[i].feature_eax;
			raw.syscfg = is_on ? 1ull << 23 : 0;
			CHECK(caps_negotiate(&raw, &caps, missing));
			CHECK_EQ(caps.has_ibpb, others[i].has_ibpb);
			CHECK_EQ(caps.has_spec_ctrl, others[i].has_spec_ctrl);
			CHECK_EQ(caps.has_virtual_spec_ctrl,
				 caps.has_spec_ctrl && (raw.svm.edx >> 20 & 1));
			CHECK_EQ(caps.key_bits, is_on ? others[i].key_bits : 0);
			CHECK_EQ(caps.efer_possible, others[i].efer);
			if (check_has_failed())
				printf("# %s\n", others[i].name);
		}
}

static void one_thing_missing_is_named(void)
{
	const struct caps_raw zen = named("family 17h, Zen 1");
	struct caps_raw raw = zen;

	raw.extended.ecx = 0;
	check_refused(&raw, "no AMD-V");
	raw = zen;
	raw.last_extended = 0x80000000;
	check_refused(&raw, "no AMD-V");
	raw = zen;
	raw.last_extended = 0x80000008;
	check_refused(&raw, "leaf of CPUID");
	raw = zen;
	raw.svm.edx &= ~1u;
	check_refused(&raw, "nested paging");
	raw = zen;
	raw.svm.ebx = 2;
	check_refused(&raw, "ASIDs");
	raw = zen;
	raw.vm_cr = VM_CR_SVMDIS | VM_CR_LOCK;
	check_refused(&raw, "locked off");
}

/* SVMDIS alone can be cleared, and the lock alone holds nothing that is wanted. */
static void half_a_lock_is_none(void)
{
	struct caps_raw raw = named("family 17h, Zen 1");
	char missing[CAPS_MISSING_BYTES];
	struct caps caps;

	raw.vm_cr = VM_CR_SVMDIS;
	CHECK(caps_negotiate(&raw, &caps, missing));
	raw.vm_cr = VM_CR_LOCK;
	CHECK(caps_negotiate(&raw, &caps, missing));
}

/* Whatever the values are: a refusal has a reason, what is accepted has what is required, and the report ends in its room. */
static void nonsense_is_refused_or_fit(void)
{
	struct random rng = { 13 };

	for (unsigned int i = 0; i < 100000; i++) {
		char missing[CAPS_MISSING_BYTES] = "", text[64];
		struct caps_raw raw;
		struct caps caps;

		for (size_t at = 0; at < sizeof(raw); at++)
			((uint8_t *)&raw)[at] = (uint8_t)random_next(&rng);
		raw.last_extended = 0x80000000 | (raw.last_extended & 0x1f);
		memset(text, 1, sizeof(text));
		caps_report(&raw, text, sizeof(text));
		REQUIRE(memchr(text, 0, sizeof(text)) != NULL);
		if (!caps_negotiate(&raw, &caps, missing)) {
			REQUIRE(missing[0] && memchr(missing, 0, sizeof(missing)));
			continue;
		}
		REQUIRE((raw.svm.edx & 1) && (raw.extended.ecx & CPUID81_ECX_SVM) &&
			raw.last_extended >= 0x8000000a && caps.n_asids >= 8);
	}
}

static void the_report_says_what_is_there_and_what_is_lost(void)
{
	const struct caps_raw max = named("QEMU, max");
	char text[512];

	caps_report(&max, text, sizeof(text));
	CHECK(strstr(text, "required: nested paging\n") != NULL);
	CHECK(strstr(text, "optional: nothing\n") != NULL);
	CHECK(strstr(text, "lost: LBR virtualization, ") != NULL);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(machines_are_accepted_with_what_they_have),
		TEST(msrs_and_keys_are_those_that_cpuid_shows),
		TEST(one_thing_missing_is_named),
		TEST(half_a_lock_is_none),
		TEST(nonsense_is_refused_or_fit),
		TEST(the_report_says_what_is_there_and_what_is_lost),
	};

	return RUN(tests);
}
