// SPDX-License-Identifier: MIT
/* See census.h. SDM 2A "CPUID": leaves 0Bh and 1Fh. */
#include "census.h"
#include "x86/cpuid.h"

#define LEAF_TOPOLOGY_2 0x1fu
#define LEVELS_MAX	16 /* seven are defined; a list without end is none */
#define LEVEL_TYPE	0xff00u
#define LEVEL_COUNT	0xffffu

uint32_t census_package(struct x86_cpuid (*cpuid)(uint32_t leaf, uint32_t subleaf))
{
	static const uint32_t leaves[] = { CPUID_TOPOLOGY, LEAF_TOPOLOGY_2 };
	const uint32_t max_leaf = cpuid(0, 0).eax;
	uint32_t most = 0;

	for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]) && leaves[i] <= max_leaf; i++) {
		for (uint32_t level = 0; level < LEVELS_MAX; level++) {
			const struct x86_cpuid r = cpuid(leaves[i], level);

			if (!(r.ecx & LEVEL_TYPE))
				break;
			if ((r.ebx & LEVEL_COUNT) > most)
				most = r.ebx & LEVEL_COUNT;
		}
	}
	return most;
}

static void add_count(struct text *text, const char *who, uint64_t total, uint64_t disabled,
		      const char *what)
{
	text_add(text, who);
	text_number(text, total);
	if (!disabled)
		return;
	text_add(text, " (");
	text_number(text, disabled);
	text_add(text, what);
	text_add(text, ")");
}

/* Who says how many. */
static void add_counts(struct text *why, const struct census *c)
{
	const uint64_t in_acpi = (uint64_t)c->acpi.n_enabled + c->acpi.n_disabled;

	if (c->has_mp)
		add_count(why, " the firmware has ", c->mp_total, c->mp_total - c->mp_enabled,
			  " disabled");
	if (in_acpi)
		add_count(why, c->has_mp ? ", ACPI " : " ACPI ", in_acpi, c->acpi.n_disabled,
			  " disabled, or a slot to plug one in");
	if (c->package)
		add_count(why, ", CPUID ", c->package, 0, "");
}

enum census_answer census_judge(const struct census *c, uint64_t n, struct text *why)
{
	const uint64_t in_acpi = (uint64_t)c->acpi.n_enabled + c->acpi.n_disabled;

	text_clear(why);
	if (c->mp_total > n) {
		text_add(why, "the firmware uses more processors than Whit is to take over:");
		add_counts(why, c);
		text_add(why, "; write `processors = all` in whit.conf");
		return CENSUS_SHARED;
	}
	if (c->has_acpi && c->acpi_damaged) {
		text_add(why, "the firmware's ACPI table ");
		text_add(why, c->acpi_damaged);
		text_add(why, " is damaged");
		return CENSUS_OPEN;
	}
	if ((!c->has_mp && !in_acpi) || (c->has_mp && !c->mp_enabled) ||
	    c->mp_enabled > c->mp_total) {
		text_add(why, "the firmware does not say how many processors there are");
		return CENSUS_OPEN;
	}
	if (in_acpi <= n && c->package <= n)
		return CENSUS_WHOLE;
	text_add(why, "there are more processors, or there may be:");
	add_counts(why, c);
	return CENSUS_OPEN;
}
