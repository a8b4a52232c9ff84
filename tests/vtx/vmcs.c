/* SPDX-License-Identifier: MIT */
/*
 * VMCS regions and the instructions on them, SDM 3C "VMX Instruction Reference". A region is kept in its own page, which
 * hypervisor must not touch meanwhile: a checksum says whether it has.
 */
#include <string.h>

#include "arch/vmx/insn.h"
#include "tests/vtx/vtx.h"
#include "x86/msr.h"

enum need { ALWAYS, PIN, PROC, PROC2, ENTRY, EXITS };

struct row {
	uint16_t field;
	uint8_t need, bit; /* the control that must be possible for the field to exist */
};

#define SEGMENTS(first)                                                                         \
	{ (first), 0, 0 }, { (first) + 2, 0, 0 }, { (first) + 4, 0, 0 }, { (first) + 6, 0, 0 }, \
		{ (first) + 8, 0, 0 }, { (first) + 10, 0, 0 }, { (first) + 12, 0, 0 },          \
	{                                                                                       \
		(first) + 14, 0, 0                                                              \
	}

/* SDM 3D "Field Encoding in VMCS", for processors without what the sets do not have. */
static const struct row rows[] = {
	{ 0x0000, PROC2, 5 },  SEGMENTS(0x0800),      { 0x0810, PROC2, 9 },  { 0x0c00, 0, 0 },
	{ 0x0c02, 0, 0 },      { 0x0c04, 0, 0 },      { 0x0c06, 0, 0 },	     { 0x0c08, 0, 0 },
	{ 0x0c0a, 0, 0 },      { 0x0c0c, 0, 0 },      { 0x2000, 0, 0 },	     { 0x2002, 0, 0 },
	{ 0x2004, PROC, 28 },  { 0x2006, 0, 0 },      { 0x2008, 0, 0 },	     { 0x200a, 0, 0 },
	{ 0x200c, 0, 0 },      { 0x2010, 0, 0 },      { 0x2012, PROC, 21 },  { 0x2014, PROC2, 0 },
	{ 0x201a, PROC2, 1 },  { 0x201c, PROC2, 9 },  { 0x201e, PROC2, 9 },  { 0x2020, PROC2, 9 },
	{ 0x2022, PROC2, 9 },  { 0x202c, PROC2, 20 }, { 0x202e, PROC2, 15 }, { 0x203e, PROC2, 27 },
	{ 0x2400, PROC2, 1 },  { 0x2800, 0, 0 },      { 0x2802, 0, 0 },	     { 0x2804, ENTRY, 14 },
	{ 0x2806, ENTRY, 15 }, { 0x280a, PROC2, 1 },  { 0x280c, PROC2, 1 },  { 0x280e, PROC2, 1 },
	{ 0x2810, PROC2, 1 },  { 0x2c00, EXITS, 19 }, { 0x2c02, EXITS, 21 }, { 0x4000, 0, 0 },
	{ 0x4002, 0, 0 },      { 0x4004, 0, 0 },      { 0x4006, 0, 0 },	     { 0x4008, 0, 0 },
	{ 0x400a, 0, 0 },      { 0x400c, 0, 0 },      { 0x400e, 0, 0 },	     { 0x4010, 0, 0 },
	{ 0x4012, 0, 0 },      { 0x4014, 0, 0 },      { 0x4016, 0, 0 },	     { 0x4018, 0, 0 },
	{ 0x401a, 0, 0 },      { 0x401c, PROC, 21 },  { 0x401e, PROC, 31 },  { 0x4020, PROC2, 10 },
	{ 0x4022, PROC2, 10 }, { 0x4400, 0, 0 },      { 0x4402, 0, 0 },	     { 0x4404, 0, 0 },
	{ 0x4406, 0, 0 },      { 0x4408, 0, 0 },      { 0x440a, 0, 0 },	     { 0x440c, 0, 0 },
	{ 0x440e, 0, 0 },      SEGMENTS(0x4800),      { 0x4810, 0, 0 },	     { 0x4812, 0, 0 },
	SEGMENTS(0x4814),      { 0x4824, 0, 0 },      { 0x4826, 0, 0 },	     { 0x4828, 0, 0 },
	{ 0x482a, 0, 0 },      { 0x482e, PIN, 6 },    { 0x4c00, 0, 0 },	     { 0x6000, 0, 0 },
	{ 0x6002, 0, 0 },      { 0x6004, 0, 0 },      { 0x6006, 0, 0 },	     { 0x6008, 0, 0 },
	{ 0x600a, 0, 0 },      { 0x600c, 0, 0 },      { 0x600e, 0, 0 },	     { 0x6400, 0, 0 },
	{ 0x6402, 0, 0 },      { 0x6404, 0, 0 },      { 0x6406, 0, 0 },	     { 0x6408, 0, 0 },
	{ 0x640a, 0, 0 },      { 0x6800, 0, 0 },      { 0x6802, 0, 0 },	     { 0x6804, 0, 0 },
	SEGMENTS(0x6806),      { 0x6816, 0, 0 },      { 0x6818, 0, 0 },	     { 0x681a, 0, 0 },
	{ 0x681c, 0, 0 },      { 0x681e, 0, 0 },      { 0x6820, 0, 0 },	     { 0x6822, 0, 0 },
	{ 0x6824, 0, 0 },      { 0x6826, 0, 0 },      { 0x6c00, 0, 0 },	     { 0x6c02, 0, 0 },
	{ 0x6c04, 0, 0 },      { 0x6c06, 0, 0 },      { 0x6c08, 0, 0 },	     { 0x6c0a, 0, 0 },
	{ 0x6c0c, 0, 0 },      { 0x6c0e, 0, 0 },      { 0x6c10, 0, 0 },	     { 0x6c12, 0, 0 },
	{ 0x6c14, 0, 0 },      { 0x6c16, 0, 0 },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert(N_ROWS <= VTX_VMCS_WORDS, "vtx_save()");

#define TYPE_READ_ONLY	1u
#define TYPE_OF(field)	((field) >> 10 & 3)
#define WIDTH_OF(field) ((field) >> 13 & 3) /* 0: 16 bits, 1: 64, 2: 32, 3: natural */

enum state { STATE_NONE, STATE_CLEAR = 0x51435643, STATE_LAUNCHED };

struct region {
	uint32_t revision, abort;
	uint32_t state;	 /* enum state; NONE until the first VMCLEAR */
	uint32_t active; /* on this processor, plus 1 */
	uint64_t word[VTX_VMCS_WORDS];
};

_Static_assert(sizeof(struct region) <= PAGE_SIZE, "IA32_VMX_BASIC");

static struct region *region_at(uint64_t page)
{
	return virt_ptr(SPA(page));
}

static struct region *current(void)
{
	if (vtx.current == VTX_NO_CURRENT)
		vtx_scream("no current VMCS");
	return region_at(vtx.current);
}

/* Those that this processor has, by width, type and index; 0: no such field. */
static uint8_t row_of[4][4][64];

static bool is_possible(const struct row *row)
{
	static const uint32_t msrs[] = {
		[PIN] = MSR_VMX_TRUE_PIN,     [PROC] = MSR_VMX_TRUE_PROC,  [PROC2] = MSR_VMX_PROC2,
		[ENTRY] = MSR_VMX_TRUE_ENTRY, [EXITS] = MSR_VMX_TRUE_EXIT,
	};

	return row->need == ALWAYS || vtx_allowed(msrs[row->need]) >> (32 + row->bit) & 1;
}

void vtx_fill_fields(void)
{
	for (size_t i = 0; i < N_ROWS; i++)
		row_of[WIDTH_OF(rows[i].field)][TYPE_OF(rows[i].field)][rows[i].field >> 1 & 63] =
			is_possible(&rows[i]) ? (uint8_t)(i + 1) : 0;
}

/* The word of a field; -1 if it does not exist on this processor. */
static int find(uint64_t field)
{
	/* Bit 0: the upper half of a 64-bit field, which nobody needs on a 64-bit processor. */
	if (field & ~0x6c7eull)
		return -1;
	return row_of[WIDTH_OF(field)][TYPE_OF(field)][field >> 1 & 63] - 1;
}

static uint64_t cut(uint64_t field, uint64_t value)
{
	switch (WIDTH_OF(field)) {
	case 0: return (uint16_t)value;
	case 2: return (uint32_t)value;
	default: return value;
	}
}

uint64_t vtx_get(uint32_t field)
{
	const int i = find(field);

	if (i < 0)
		vtx_scream("field %#x does not exist", field);
	return current()->word[i];
}

void vtx_put(uint32_t field, uint64_t value)
{
	const int i = find(field);

	if (i < 0)
		vtx_scream("field %#x does not exist", field);
	current()->word[i] = cut(field, value);
}

void vtx_save(uint64_t words[VTX_VMCS_WORDS])
{
	memcpy(words, current()->word, sizeof(current()->word));
}

void vtx_restore(const uint64_t words[VTX_VMCS_WORDS])
{
	memcpy(current()->word, words, sizeof(current()->word));
}

/* ---- Instructions ------------------------------------------------------------------------ */

static void must_be_on(const char *insn)
{
	if (!vtx.is_vmx_on)
		vtx_scream("%s outside VMX operation: #UD", insn);
}

bool vmx_vmread(uint64_t field, uint64_t *value)
{
	const int i = find(field);

	must_be_on("VMREAD");
	if (vtx.current == VTX_NO_CURRENT)
		vtx_scream("VMREAD of %#llx without a current VMCS", (unsigned long long)field);
	if (i < 0)
		vtx_scream("VMREAD of field %#llx, which this processor does not have",
			   (unsigned long long)field);
	*value = current()->word[i];
	return true;
}

bool vmx_vmwrite(uint64_t field, uint64_t value)
{
	const int i = find(field);

	must_be_on("VMWRITE");
	if (vtx.current == VTX_NO_CURRENT)
		vtx_scream("VMWRITE of %#llx without a current VMCS", (unsigned long long)field);
	if (i < 0)
		vtx_scream("VMWRITE of field %#llx, which this processor does not have",
			   (unsigned long long)field);
	if (TYPE_OF(field) == TYPE_READ_ONLY)
		vtx_scream("VMWRITE of the read-only field %#llx", (unsigned long long)field);
	current()->word[i] = cut(field, value);
	return true;
}

/* What VMCLEAR, VMPTRLD and VMXON ask of their operand. */
static void check_pointer(const char *insn, uint64_t page)
{
	if (PAGE_OFFSET(page) || page >= vtx.ram_bytes)
		vtx_scream("%s of %#llx", insn, (unsigned long long)page);
}

/* What is active on another processor only that one may touch. */
static void must_be_ours(const char *insn, uint64_t page)
{
	const uint32_t active = region_at(page)->active;

	if (region_at(page)->state && active && active != vtx.number + 1)
		vtx_scream("%s on processor %u of a VMCS that is active on processor %u", insn,
			   vtx.number, active - 1);
}

bool vmx_vmclear(const uint64_t *operand)
{
	const uint64_t page = *operand;

	must_be_on("VMCLEAR");
	check_pointer("VMCLEAR", page);
	if (page == vtx.vmxon)
		vtx_scream("VMCLEAR of the VMXON region");
	must_be_ours("VMCLEAR", page);
	region_at(page)->state = STATE_CLEAR;
	region_at(page)->active = 0;
	if (vtx.current == page)
		vtx.current = VTX_NO_CURRENT;
	return true;
}

bool vmx_vmptrld(const uint64_t *operand)
{
	const uint64_t page = *operand;

	must_be_on("VMPTRLD");
	check_pointer("VMPTRLD", page);
	if (page == vtx.vmxon)
		vtx_scream("VMPTRLD of the VMXON region");
	if (region_at(page)->revision != (uint32_t)vtx_msr(MSR_VMX_BASIC)->value)
		vtx_scream("VMPTRLD of a page without the revision");
	if (region_at(page)->state != STATE_CLEAR && region_at(page)->state != STATE_LAUNCHED)
		vtx_scream("VMPTRLD of a page that has never been given to VMCLEAR");
	must_be_ours("VMPTRLD", page);
	region_at(page)->active = vtx.number + 1;
	vtx.current = page;
	return true;
}

bool vmx_vmxon(const uint64_t *operand)
{
	const uint64_t page = *operand;

	check_pointer("VMXON", page);
	if (vtx.is_vmx_on ||
	    *(uint32_t *)virt_ptr(SPA(page)) != (uint32_t)vtx_msr(MSR_VMX_BASIC)->value)
		vtx_scream("VMXON");
	vtx.is_vmx_on = true;
	vtx.vmxon = page;
	vtx.current = VTX_NO_CURRENT;
	return true;
}

void vmx_vmxoff(void)
{
	must_be_on("VMXOFF");
	vtx.is_vmx_on = false;
}

/* VMLAUNCH and VMRESUME ask for these states; the error number, or 0. SDM 3C "VM-Instruction Error Numbers" */
unsigned int vtx_launch_error(bool is_resume)
{
	const uint32_t state = current()->state;

	if (is_resume)
		return state == STATE_LAUNCHED ? 0 : 5;
	return state == STATE_CLEAR ? 0 : 4;
}

void vtx_launched(void)
{
	current()->state = STATE_LAUNCHED;
}

bool vmx_invept(uint64_t type, uint64_t first, uint64_t second)
{
	const uint64_t caps = vtx_msr(MSR_VMX_EPT_VPID_CAP)->value;

	must_be_on("INVEPT");
	if (!(caps >> 20 & 1) || type < 1 || type > 2 || !(caps >> (24 + type) & 1) || second)
		vtx_scream("INVEPT of type %llu", (unsigned long long)type);
	if (type == 1 && ((first & 0xf80) || (first & 7) != 6 || (first & 0x38) != 0x18 ||
			  (first & PAGE_MASK) >= vtx.ram_bytes))
		vtx_scream("INVEPT of EPTP %#llx", (unsigned long long)first);
	vtx.n_flushes++;
	return true;
}

bool vmx_invvpid(uint64_t type, uint64_t first, uint64_t second)
{
	const uint64_t caps = vtx_msr(MSR_VMX_EPT_VPID_CAP)->value;

	must_be_on("INVVPID");
	if (!(caps >> 32 & 1) || type > 3 || !(caps >> (40 + type) & 1) || second ||
	    (type != 2 && !first) || first > 0xffff)
		vtx_scream("INVVPID of type %llu, VPID %llu", (unsigned long long)type,
			   (unsigned long long)first);
	vtx.n_flushes++;
	return true;
}
