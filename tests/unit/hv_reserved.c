/* SPDX-License-Identifier: MIT */
/*
 * docs/registers.md "Reserved bits": each bit of each register is taken and dropped, refused, or means something, as the table
 * says, and every register that a VP has is in the table.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/machine.h"
#include "tests/unit/read_all.h"

#define MAX_NAMES 320u
#define MODEL	  "model"

static struct name {
	char text[48]; /* without WHvX64Register, WHvRegister */
	uint32_t value;
	bool is_in_table;
} names[MAX_NAMES];

static unsigned int n_names;
static uint64_t handle, names_at, values_at;

static void read_names(void)
{
	char *header = read_all("include/whp/WinHvRegisterNames.h");

	n_names = 0;
	for (const char *line = header; (line = strstr(line, "\n\tWHv")); line++) {
		const char *from = strstr(line, "Register") + strlen("Register");
		const size_t length = strcspn(from, " ");

		REQUIRE(n_names < MAX_NAMES && length < sizeof(names[0].text));
		memset(&names[n_names], 0, sizeof(names[0]));
		memcpy(names[n_names].text, from, length);
		names[n_names++].value = (uint32_t)strtoul(strstr(line, "= 0x") + 2, NULL, 16);
	}
	free(header);
	REQUIRE(n_names >= 255);
}

static void vp_machine(bool has_apic)
{
	machine(256 * MIB);
	handle = created(48);
	REQUIRE_EQ(set_property(handle, WHvPartitionPropertyCodeProcessorCount, 1, 4), S_OK);
	REQUIRE_EQ(
		set_property(handle, WHvPartitionPropertyCodeLocalApicEmulationMode, has_apic, 4),
		S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	names_at = test_pages(1);
	values_at = test_pages(1);
}

static uint32_t transfer(uint32_t call, uint32_t name, uint64_t value[2])
{
	uint32_t result;

	*(uint32_t *)at(names_at) = name;
	memcpy(at(values_at), value, 16);
	result = CALL(call, handle, 0, names_at, 1, values_at);
	memcpy(value, at(values_at), 16);
	return result;
}

#define GET(name, value) transfer(WHIT_CALL_GET_REGISTERS, name, value)
#define SET(name, value) transfer(WHIT_CALL_SET_REGISTERS, name, value)

/* ---- The table --------------------------------------------------------------------------- */

struct bits {
	uint64_t words[2];
};

static void add_bits(struct bits *bits, unsigned long first, unsigned long last)
{
	REQUIRE(first <= last && last < 128);
	for (unsigned long bit = first; bit <= last; bit++)
		bits->words[bit / 64] |= 1ull << bit % 64;
}

/* Bits that the model of the VP lacks, of a register whose column says so. */
static uint64_t lacking(const char *name)
{
	const struct model *const model = &partition_of(handle)->model;

	if (!strcmp(name, "Cr4"))
		return ~model->cr4;
	if (!strcmp(name, "Efer"))
		return ~model->efer;
	if (!strcmp(name, "SET_PROPERTY ProcessorFeatures"))
		return ~model_limit(0);
	if (!strcmp(name, "SET_PROPERTY ProcessorXsaveFeatures"))
		return ~model_limit(MODEL_XSAVE_WORD);
	REQUIRE(!strcmp(name, "XCr0"));
	return ~(model->xcr0 | 1); /* without XSAVE it is 1, and stays */
}

/* "4, 64-127", "MAX-63", "model", "—". */
static struct bits parse_bits(const char *cell, const char *name)
{
	struct bits bits = { { 0, 0 } };

	while (*cell) {
		char *end;
		unsigned long first, last;

		cell += strspn(cell, ", ");
		if (!strncmp(cell, "—", strlen("—")) || !*cell)
			break;
		if (!strncmp(cell, MODEL, strlen(MODEL))) {
			bits.words[0] |= lacking(name);
			cell += strlen(MODEL);
			continue;
		}
		if (!strncmp(cell, "MAX", 3)) {
			first = virt_machine.physical_bits;
			end = (char *)(uintptr_t)cell + 3;
		} else {
			REQUIRE(isdigit((unsigned char)*cell));
			first = strtoul(cell, &end, 10);
		}
		last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
		add_bits(&bits, first, last);
		cell = end;
	}
	return bits;
}

static void check_bit(struct name *name, unsigned int bit, bool is_ignored, bool is_refused)
{
	uint64_t before[2] = { 0, 0 }, value[2], after[2] = { 0, 0 };
	uint32_t result;

	REQUIRE_EQ(GET(name->value, before), S_OK);
	memcpy(value, before, sizeof(value));
	value[bit / 64] ^= 1ull << bit % 64;
	result = SET(name->value, value);
	REQUIRE_EQ(GET(name->value, after), S_OK);
	if ((is_refused && result != WHIT_E_REGISTER_VALUE) || (is_ignored && result != S_OK) ||
	    ((is_refused || is_ignored) && memcmp(before, after, sizeof(before)))) {
		FAIL("%s bit %u: %x, docs/registers.md says %s", name->text, bit, result,
		     is_refused ? "refused" : "ignored");
		check_end();
	}
	/* What is in neither column means something: it is kept, or there is a reason that is no reserved bit. */
	if (!is_refused && !is_ignored && result == S_OK && !memcmp(before, after, 16)) {
		FAIL("%s bit %u is ignored, and not in docs/registers.md", name->text, bit);
		check_end();
	}
	REQUIRE_EQ(SET(name->value, before), S_OK);
}

static unsigned int check_register(struct name *name, const char *ignored, const char *refused)
{
	const struct bits drops = parse_bits(ignored, name->text);
	const struct bits refuses = parse_bits(refused, name->text);
	uint64_t value[2] = { 0, 0 };

	name->is_in_table = true;
	if (GET(name->value, value) != S_OK)
		return 0; /* this VP has it not */
	for (unsigned int bit = 0; bit < 128; bit++)
		check_bit(name, bit, drops.words[bit / 64] >> bit % 64 & 1,
			  refuses.words[bit / 64] >> bit % 64 & 1);
	return 1;
}

static struct name *name_of(const char *text, size_t length)
{
	for (unsigned int i = 0; i < n_names; i++)
		if (strlen(names[i].text) == length && !memcmp(names[i].text, text, length))
			return &names[i];
	FAIL("docs/registers.md: no register %.*s", (int)length, text);
	check_end();
}

/* "Rax … R15, Rip": single names, and ranges by number. */
static unsigned int check_row(const char *cell, const char *ignored, const char *refused)
{
	unsigned int n = 0;

	while (*cell) {
		const size_t length = strcspn(cell, ", ");
		const struct name *const first = name_of(cell, length), *last = first;

		cell += length;
		if (!strncmp(cell, " … ", strlen(" … "))) {
			cell += strlen(" … ");
			last = name_of(cell, strcspn(cell, ", "));
			cell += strcspn(cell, ", ");
		}
		for (unsigned int i = 0; i < n_names; i++)
			if (names[i].value >= first->value && names[i].value <= last->value)
				n += check_register(&names[i], ignored, refused);
		cell += strspn(cell, ", ");
	}
	return n;
}

static unsigned int check_table(void)
{
	char *document = read_all("docs/registers.md"), *row;
	unsigned int n = 0;

	row = strstr(document, "## Reserved bits");
	REQUIRE(row);
	row = strstr(row, "|---|");
	REQUIRE(row);
	for (row = strchr(row, '\n') + 1; *row == '|'; row = strchr(row, '\n') + 1) {
		char cells[3][256];
		const char *from = row + 2;

		for (unsigned int i = 0; i < 3; i++) {
			const char *const end = strstr(from, " |");

			REQUIRE(end && end - from < 256);
			snprintf(cells[i], sizeof(cells[i]), "%.*s", (int)(end - from), from);
			from = end + 3;
		}
		n += check_row(cells[0], cells[1], cells[2]);
	}
	free(document);
	return n;
}

/* But for those whose value moves, or is more than a number; docs/registers.md says why. */
static bool is_apart(uint32_t name)
{
	return name == WHvX64RegisterTsc || name == (uint32_t)WHvRegisterPendingInterruption ||
	       name == (uint32_t)WHvRegisterPendingEvent;
}

static void every_register_is_in_the_table(void)
{
	for (unsigned int i = 0; i < n_names; i++) {
		uint64_t value[2] = { 0, 0 };

		if (GET(names[i].value, value) == S_OK && !is_apart(names[i].value) &&
		    !names[i].is_in_table) {
			FAIL("docs/registers.md lacks %s", names[i].text);
			check_end();
		}
	}
}

static void bits_without_a_local_apic(void)
{
	read_names();
	vp_machine(false);
	REQUIRE(check_table() > 110);
	every_register_is_in_the_table();
	delete_all(handle);
	check_clean();
}

static void bits_with_a_local_apic(void)
{
	read_names();
	vp_machine(true);
	REQUIRE(check_table() > 150);
	every_register_is_in_the_table();
	delete_all(handle);
	check_clean();
}

/* ---- docs/hypercalls.md "Flags and reserved bits" ---------------------------------------- */

#define MAPPED 0x10000000ull /* 4 pages, tracked */

static uint64_t source, unset; /* the pages behind them; a partition that is not set up */

static uint32_t map_range(uint64_t flags)
{
	return CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, MAPPED, 4 * PAGE_SIZE, flags | 9);
}

static uint32_t map_list(uint64_t flags)
{
	const struct whit_extent extent = { source, 4 };

	memcpy(at(values_at), &extent, sizeof(extent));
	return CALL(WHIT_CALL_MAP_GPA_LIST, handle, MAPPED, values_at, 1, flags | 9);
}

static uint32_t protect(uint64_t flags)
{
	return CALL(WHIT_CALL_PROTECT_GPA_RANGE, handle, MAPPED, 4 * PAGE_SIZE, flags | 9);
}

static uint32_t query(uint64_t flags)
{
	return CALL(WHIT_CALL_QUERY_DIRTY, handle, MAPPED, 4 * PAGE_SIZE, values_at, flags);
}

static uint32_t translate(uint64_t flags)
{
	return CALL(WHIT_CALL_TRANSLATE_GVA, handle, 0, 0x1000, flags);
}

static uint32_t translate_list(uint64_t flags)
{
	return CALL(WHIT_CALL_TRANSLATE_GVAS, handle, 0, values_at, 1, flags);
}

static uint32_t create_vp(uint64_t flags)
{
	return CALL(WHIT_CALL_CREATE_VP, handle, 0, flags, values_at);
}

static uint32_t cancel(uint64_t flags)
{
	return CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 0, flags);
}

static uint32_t access_gpa(uint32_t call, uint64_t controls)
{
	const struct whit_gpa_access access = { .gpa = MAPPED, .controls = controls, .n_bytes = 4 };

	memcpy(at(values_at), &access, sizeof(access));
	return CALL(call, handle, 0, values_at);
}

static uint32_t read_gpa(uint64_t controls)
{
	return access_gpa(WHIT_CALL_READ_GPA_RANGE, controls);
}

static uint32_t write_gpa(uint64_t controls)
{
	return access_gpa(WHIT_CALL_WRITE_GPA_RANGE, controls);
}

static uint32_t request(uint64_t control)
{
	return CALL(WHIT_CALL_REQUEST_INTERRUPT, handle, control, 0x4000000000);
}

static uint32_t populate(uint64_t value)
{
	return CALL(WHIT_CALL_ADVISE_GPA_RANGE, handle, MAPPED, 4 * PAGE_SIZE,
		    WHvAdviseGpaRangeCodePopulate, value);
}

static uint32_t property(uint32_t code, uint64_t value, uint64_t size)
{
	memcpy(at(values_at), &value, sizeof(value));
	return CALL(WHIT_CALL_SET_PROPERTY, unset, code, values_at, size);
}

#define PROPERTY(name, code, size)                  \
	static uint32_t name(uint64_t value)        \
	{                                           \
		return property(code, value, size); \
	}

PROPERTY(extended_exits, WHvPartitionPropertyCodeExtendedVmExits, 8)
PROPERTY(exceptions, WHvPartitionPropertyCodeExceptionExitBitmap, 8)
PROPERTY(msr_exits, WHvPartitionPropertyCodeX64MsrExitBitmap, 8)
PROPERTY(features, WHvPartitionPropertyCodeProcessorFeatures, 8)
PROPERTY(xsave_features, WHvPartitionPropertyCodeProcessorXsaveFeatures, 8)
PROPERTY(emulation, WhitPartitionPropertyCodeEmulation, 4)
PROPERTY(turns, WhitPartitionPropertyCodeTurnExits, 4)

static struct flag_word {
	const char *name;
	unsigned int n_bits;
	uint32_t (*call)(uint64_t value);
	bool is_in_table;
} flag_words[] = {
	{ "MAP_GPA_RANGE flags", 64, map_range, false },
	{ "MAP_GPA_LIST flags", 64, map_list, false },
	{ "PROTECT_GPA_RANGE flags", 64, protect, false },
	{ "QUERY_DIRTY flags", 64, query, false },
	{ "TRANSLATE_GVA flags", 64, translate, false },
	{ "TRANSLATE_GVAS flags", 64, translate_list, false },
	{ "CREATE_VP flags", 64, create_vp, false },
	{ "CANCEL_RUN_VP flags", 64, cancel, false },
	{ "READ_GPA_RANGE controls", 64, read_gpa, false },
	{ "WRITE_GPA_RANGE controls", 64, write_gpa, false },
	{ "REQUEST_INTERRUPT control", 64, request, false },
	{ "ADVISE_GPA_RANGE populate", 64, populate, false },
	{ "SET_PROPERTY ExtendedVmExits", 64, extended_exits, false },
	{ "SET_PROPERTY ExceptionExitBitmap", 64, exceptions, false },
	{ "SET_PROPERTY X64MsrExitBitmap", 64, msr_exits, false },
	{ "SET_PROPERTY ProcessorFeatures", 64, features, false },
	{ "SET_PROPERTY ProcessorXsaveFeatures", 64, xsave_features, false },
	{ "SET_PROPERTY Emulation", 32, emulation, false },
	{ "SET_PROPERTY TurnExits", 32, turns, false },
};

#define N_FLAG_WORDS (sizeof(flag_words) / sizeof(flag_words[0]))

static void check_flag_word(const char *name, size_t length, const char *cell)
{
	struct flag_word *word = NULL;
	struct bits refused;

	for (size_t i = 0; i < N_FLAG_WORDS; i++)
		if (strlen(flag_words[i].name) == length &&
		    !memcmp(flag_words[i].name, name, length))
			word = &flag_words[i];
	if (!word) {
		FAIL("no flag word %.*s", (int)length, name);
		check_end();
	}
	word->is_in_table = true;
	refused = parse_bits(cell, word->name);
	REQUIRE(word->call(0) != (uint32_t)E_INVALIDARG);
	for (unsigned int bit = 0; bit < word->n_bits; bit++) {
		const uint32_t result = word->call(1ull << bit);

		if ((result == (uint32_t)E_INVALIDARG) != (refused.words[0] >> bit & 1)) {
			FAIL("%s bit %u: %x", word->name, bit, result);
			check_end();
		}
	}
}

static void flags_of_calls(void)
{
	char *document = read_all("docs/hypercalls.md"), *row;

	vp_machine(true);
	source = test_pages(4);
	unset = created(8);
	REQUIRE_EQ(lend_all(handle, test_pages(16), 16), S_OK);
	REQUIRE_EQ(map_range(0), S_OK);
	row = strstr(document, "## Flags and reserved bits");
	REQUIRE(row);
	row = strstr(row, "|---|");
	REQUIRE(row);
	for (row = strchr(row, '\n') + 1; *row == '|'; row = strchr(row, '\n') + 1) {
		const char *const end = strstr(row, " | "), *name = row + 2;
		char cell[128];

		snprintf(cell, sizeof(cell), "%.*s", (int)strcspn(end + 3, "|"), end + 3);
		while (name < end) {
			const size_t length = strcspn(name, ",|") -
					      (strcspn(name, ",|") == (size_t)(end - name) + 1);

			check_flag_word(name, length, cell);
			name += length + 2;
		}
	}
	for (size_t i = 0; i < N_FLAG_WORDS; i++)
		REQUIRE(flag_words[i].is_in_table);
	free(document);
	delete_all(unset);
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(bits_without_a_local_apic),
		TEST(bits_with_a_local_apic),
		TEST(flags_of_calls),
	};

	return RUN(tests);
}
