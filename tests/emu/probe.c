/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tests/emu/probe.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emu/emu.h"

/* A line of memory at [rdi], another at [rsi]; EAX is 0 before, and what it is after may have to be `result`. */
#define ANYTHING ~0ull
#define MEMORY	 0x00010000u /* the first dword at [rdi] */
static const struct {
	enum emu_feature feature;
	uint8_t n, code[10];
	uint64_t result;
} rows[] = {
	{ EMU_SSE3, 4, { 0xf2, 0x0f, 0xf0, 0x07 }, ANYTHING },	       /* lddqu */
	{ EMU_SSSE3, 5, { 0x66, 0x0f, 0x38, 0x1c, 0x07 }, ANYTHING },  /* pabsb */
	{ EMU_SSE4_1, 5, { 0x66, 0x0f, 0x38, 0x20, 0x07 }, ANYTHING }, /* pmovsxbw */
	{ EMU_SSE4_2,
	  5,
	  { 0xf2, 0x0f, 0x38, 0xf1, 0x07 },
	  0x13a29877 },						/* crc32: MOVBE's bytes with F2 */
	{ EMU_SSE4A, 4, { 0xf3, 0x0f, 0x2b, 0x07 }, ANYTHING }, /* movntss */
	{ EMU_AVX, 4, { 0xc5, 0xf8, 0x10, 0x07 }, ANYTHING },	/* vmovups */
	{ EMU_AVX2, 5, { 0xc4, 0xe2, 0x79, 0x78, 0x07 }, ANYTHING },	       /* vpbroadcastb */
	{ EMU_AVX512F, 6, { 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x07 }, ANYTHING },  /* vmovups zmm */
	{ EMU_AVX512VL, 6, { 0x62, 0xf1, 0x7c, 0x08, 0x10, 0x07 }, ANYTHING }, /* vmovups xmm */
	{ EMU_AVX512BW, 6, { 0x62, 0xf1, 0x7f, 0x48, 0x6f, 0x07 }, ANYTHING }, /* vmovdqu8 */
	{ EMU_AVX512DQ, 6, { 0x62, 0xf2, 0x7d, 0x48, 0x19, 0x07 }, ANYTHING }, /* vbroadcastf32x2 */
	{ EMU_MOVBE, 4, { 0x0f, 0x38, 0xf0, 0x07 }, 0x00000100 },
	{ EMU_POPCNT, 4, { 0xf3, 0x0f, 0xb8, 0x07 }, 1 },
	{ EMU_LZCNT, 4, { 0xf3, 0x0f, 0xbd, 0x07 }, 15 }, /* BSR says 16 */
	{ EMU_BMI1, 10, { 0xf3, 0x0f, 0xbc, 0x47, 0x04, 0xc4, 0xe2, 0x40, 0xf2, 0x0f }, 32 },
	/* tzcnt of 0, of which BSF makes nothing; andn */
	{ EMU_BMI2, 6, { 0xc4, 0xe3, 0x7b, 0xf0, 0x07, 0x10 }, 1 }, /* rorx */
	{ EMU_ADX, 5, { 0x66, 0x0f, 0x38, 0xf6, 0x07 }, ANYTHING }, /* adcx */
	{ EMU_CX16, 4, { 0x48, 0x0f, 0xc7, 0x0f }, ANYTHING },
	{ EMU_CLFLUSHOPT, 4, { 0x66, 0x0f, 0xae, 0x3f }, ANYTHING },
	{ EMU_CLWB, 4, { 0x66, 0x0f, 0xae, 0x37 }, ANYTHING },
	{ EMU_MOVDIRI, 6, { 0x0f, 0x38, 0xf9, 0x07, 0x8b, 0x07 }, 0 }, /* and back to EAX */
	{ EMU_MOVDIR64B, 10, { 0x48, 0x89, 0xf8, 0x66, 0x0f, 0x38, 0xf8, 0x06, 0x8b, 0x07 }, 0 },
};

static const uint8_t xgetbv[] = { 0x31, 0xc9, 0x0f, 0x01, 0xd0, 0x48,
				  0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0 };
static const uint8_t rdfsbase[] = { 0xf3, 0x48, 0x0f, 0xae, 0xc0 };
static const uint8_t sgdt[] = {
	0x0f, 0x01, 0x07, 0x48, 0x8b, 0x47, 0x02
}; /* and its base to RAX */

/* What Linux gives as the base of the GDT in place of SGDT under UMIP. */
#define UMIP_GDT 0xfffffffffffe0000ull

static struct {
	uint32_t leaf;
	unsigned int reg, bit;
	bool is_set;
} hidden;

static sigjmp_buf back;
static uint8_t *page;

void probe_hide(uint32_t leaf, unsigned int reg, unsigned int bit)
{
	hidden.leaf = leaf;
	hidden.reg = reg & 3;
	hidden.bit = bit & 31;
	hidden.is_set = true;
}

void probe_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	const char *environment = getenv("CPUID_HIDE");
	unsigned int from, reg, bit;

	memset(out, 0, 4 * sizeof(out[0]));
	__get_cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
	if (environment && sscanf(environment, "%i.%u.%u", (int *)&from, &reg, &bit) == 3 &&
	    from == leaf)
		out[reg & 3] &= ~(1u << (bit & 31));
	if (hidden.is_set && hidden.leaf == leaf)
		out[hidden.reg] &= ~(1u << hidden.bit);
}

static void come_back(int number)
{
	siglongjmp(back, number);
}

/* Execute code between XOR EAX, EAX and RET; false if it faults. */
static bool runs(const uint8_t *code, unsigned int n, uint64_t *rax)
{
	static const uint8_t before[] = { 0x31, 0xc0 };
	static uint8_t memory[2][64] __attribute__((aligned(64)));
	uint64_t (*function)(void *, void *);
	const uint32_t value = MEMORY;

	memset(memory, 0, sizeof(memory));
	memcpy(memory[0], &value, 4);
	memcpy(page, before, 2);
	memcpy(page + 2, code, n);
	page[2 + n] = 0xc3;
	memcpy(&function, &page, sizeof(function));
	if (sigsetjmp(back, 1))
		return false;
	*rax = function(memory[0], memory[1]);
	return true;
}

static void execute_all(struct probed *probed)
{
	uint32_t vendor[4];
	uint64_t rax;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (runs(rows[i].code, rows[i].n, &rax) &&
		    (rows[i].result == ANYTHING || rows[i].result == rax))
			probed->features |= EMU_HAS(rows[i].feature);
	probed->has_osxsave = runs(xgetbv, sizeof(xgetbv), &probed->xcr0);
	if (!probed->has_osxsave)
		probed->xcr0 = 0;
	probed->has_fsgsbase = runs(rdfsbase, sizeof(rdfsbase), &rax);
	probed->has_umip = !runs(sgdt, sizeof(sgdt), &rax) || rax == UMIP_GDT;
	probe_cpuid(0, 0, vendor);
	if (vendor[1] != signature_INTEL_ebx)
		probed->features |= EMU_HAS(EMU_AMD);
}

void probe(struct probed *probed)
{
	static const int numbers[] = { SIGILL, SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction action = { .sa_handler = come_back, .sa_flags = SA_NODEFER }, old[4];

	memset(probed, 0, sizeof(*probed));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (page == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	for (unsigned int i = 0; i < 4; i++)
		sigaction(numbers[i], &action, &old[i]);
	execute_all(probed);
	for (unsigned int i = 0; i < 4; i++)
		sigaction(numbers[i], &old[i], NULL);
	munmap(page, 4096);
}

unsigned int probe_each_bit_hidden(const struct probed *expected)
{
	static const uint32_t leaves[] = { 1, 7, 0x80000001 };
	unsigned int n = 0;

	for (unsigned int i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		for (unsigned int at = 0; at < 4 * 32; at++) {
			struct probed again;

			probe_hide(leaves[i], at / 32, at % 32);
			probe(&again);
			hidden.is_set = false;
			if (memcmp(&again, expected, sizeof(again))) {
				printf("  hidden bit %u of register %u of leaf %x: %x, not %x\n",
				       at % 32, at / 32, leaves[i], again.features,
				       expected->features);
				return 0;
			}
			n++;
		}
	return n;
}
