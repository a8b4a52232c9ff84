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

/* Leaves 80000000h EAX, 8000000Ah EBX and EDX; of dumps, and of what emulators show (QEMU 7.2 and 10.0, Bochs 3.0). */
static const struct machine {
	const char *name;
	uint32_t last, n_asids, features;
	bool has_next_rip, has_decode_assists, has_branch_records, has_pause_filter;
} machines[] = {
	{ "family 10h", 0x8000001b, 0x40, 0x0000000f, true, false, true, false },
	{ "family 15h", 0x8000001e, 0x10000, 0x000014ff, true, true, true, true },
	{ "Zen 1", 0x8000001f, 0x8000, 0x0001bcff, true, true, true, true },
	{ "Zen 2", 0x80000020, 0x8000, 0x0013bcff, true, true, true, true },
	{ "Zen 4", 0x80000028, 0x8000, 0x1ebfbcff, true, true, true, true },
	{ "QEMU max", 0x80000021, 0x10, 0x10010001, false, false, false, false },
	{ "QEMU EPYC-Milan", 0x80000021, 0x10, 0x10000001, false, false, false, false },
	{ "Bochs ryzen", 0x8000001f, 0x8000, 0x0000044f, true, false, true, false },
};

static struct caps_raw raw_of(const struct machine *machine)
{
	struct caps_raw raw;

	memset(&raw, 0, sizeof(raw));
	raw.last_extended = machine->last;
	raw.basic = (struct x86_cpuid) { .ecx = CPUID1_ECX_XSAVE, .edx = 0x178bfbff };
	raw.seven = (struct x86_cpuid) { .ebx = CPUID7_EBX_SMEP };
	raw.extended = (struct x86_cpuid) { .ecx = CPUID81_ECX_SVM, .edx = CPUID81_EDX_1G };
	raw.svm =
		(struct x86_cpuid) { .eax = 1, .ebx = machine->n_asids, .edx = machine->features };
	return raw;
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

static void machines_are_accepted_with_what_they_have(void)
{
	for (size_t i = 0; i < ROWS(machines); i++) {
		const struct caps_raw raw = raw_of(&machines[i]);
		char missing[CAPS_MISSING_BYTES];
		struct caps caps;

		CHECK(caps_negotiate(&raw, &caps, missing));
		CHECK_EQ(caps.n_asids, machines[i].n_asids);
		CHECK_EQ(caps.has_next_rip, machines[i].has_next_rip);
		CHECK_EQ(caps.has_decode_assists, machines[i].has_decode_assists);
		CHECK_EQ(caps.has_branch_records, machines[i].has_branch_records);
		CHECK_EQ(caps.has_pause_filter, machines[i].has_pause_filter);
		CHECK(caps.has_1g);
		CHECK_EQ(caps.cr4_possible & (CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_LA57),
			 CR4_OSXSAVE | CR4_SMEP);
		if (check_has_failed())
			printf("# %s\n", machines[i].name);
	}
}

static void one_thing_missing_is_named(void)
{
	const struct caps_raw zen = raw_of(&machines[2]);
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
	struct caps_raw raw = raw_of(&machines[2]);
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
	const struct caps_raw max = raw_of(&machines[5]);
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
		TEST(one_thing_missing_is_named),
		TEST(half_a_lock_is_none),
		TEST(nonsense_is_refused_or_fit),
		TEST(the_report_says_what_is_there_and_what_is_lost),
	};

	return RUN(tests);
}
