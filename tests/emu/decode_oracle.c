/* SPDX-License-Identifier: MIT */
/*
 * emu_decode() against Zydis, and binutils where the two differ: every opcode of the legacy maps with
 * prefixes, ModRM and SIB bytes; VEX and EVEX with all maps, mandatory prefixes, W, L, register and mask
 * fields sampled; then random strings, in all modes. Prints a table of the differences that are as they should
 * be and how often each was met.
 *
 *	decode_oracle [N [SEED]]	N random strings, 10 million without it
 *
 * The work is dealt to as many processes as there are processors, up to 8.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/emu/decode_oracle.h"
#include "tests/random.h"

#define MAX_WORKERS 8
#define CHUNK	    10000 /* random strings from one seed */

static struct tally *tallies; /* one of each worker, shared memory */
static unsigned int n_workers, worker;
static unsigned long n_random = 10000000, first_seed = 1;

static struct random rng;

static void ask(unsigned int mode, const uint8_t *bytes)
{
	oracle_compare((enum emu_mode)mode, bytes, &tallies[worker]);
}

/* Is this piece of work for this process? */
static bool is_mine(unsigned long piece)
{
	return piece % n_workers == worker;
}

/* Prefix strings, in legacy modes 40 to 4F stay opcodes. */
struct prefix {
	uint8_t n, bytes[4];
};

static const struct prefix prefixes[] = {
	{ 0, { 0 } },
	{ 1, { 0x66 } },
	{ 1, { 0xf3 } },
	{ 1, { 0xf2 } },
	{ 1, { 0xf0 } },
	{ 1, { 0x48 } },
	{ 1, { 0x67 } },
	{ 2, { 0x66, 0xf2 } },
	{ 2, { 0x66, 0xf3 } },
	{ 2, { 0xf3, 0x48 } },
	{ 2, { 0x66, 0x45 } },
	{ 2, { 0x66, 0x67 } },
	{ 2, { 0xf2, 0xf3 } },
	{ 2, { 0xf0, 0x66 } },
	{ 1, { 0x26 } },
	{ 1, { 0x2e } },
	{ 1, { 0x36 } },
	{ 1, { 0x3e } },
	{ 1, { 0x64 } },
	{ 2, { 0x65, 0x3e } },
	{ 1, { 0x40 } },
	{ 1, { 0x4f } },
	{ 2, { 0x67, 0x42 } },
	{ 2, { 0x48, 0x66 } },
	{ 2, { 0xf0, 0x48 } },
	{ 2, { 0xf2, 0x48 } },
	{ 2, { 0x48, 0xf2 } },
	{ 2, { 0xf0, 0xf3 } },
	{ 3, { 0x64, 0x67, 0x41 } },
};

#define N_PREFIXES    (sizeof(prefixes) / sizeof(prefixes[0]))
#define N_SPARSE_MAPS 11 /* the first of them, for 0F 38 and 0F 3A */

static void fill(uint8_t *bytes, unsigned int salt)
{
	for (unsigned int i = 0; i < EMU_MAX_INSN_BYTES; i++)
		bytes[i] = (uint8_t)(0x85 + 0x1d * i + salt);
}

static void legacy_opcodes(unsigned int mode, const struct prefix *prefix, unsigned int map)
{
	uint8_t bytes[EMU_MAX_INSN_BYTES];

	for (unsigned int opcode = 0; opcode < 256; opcode++)
		for (unsigned int modrm = 0; modrm < 256; modrm++) {
			unsigned int n = prefix->n;

			fill(bytes, modrm);
			memcpy(bytes, prefix->bytes, n);
			if (map != EMU_MAP_ONE)
				bytes[n++] = 0x0f;
			if (map == EMU_MAP_0F38 || map == EMU_MAP_0F3A)
				bytes[n++] = map == EMU_MAP_0F38 ? 0x38 : 0x3a;
			bytes[n++] = (uint8_t)opcode;
			bytes[n++] = (uint8_t)modrm;
			ask(mode, bytes);
		}
}

static void every_legacy_opcode(void)
{
	unsigned long piece = 0;

	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++)
		for (unsigned int map = EMU_MAP_ONE; map <= EMU_MAP_0F3A; map++)
			for (unsigned int p = 0;
			     p < (map <= EMU_MAP_0F ? N_PREFIXES : N_SPARSE_MAPS); p++)
				if (is_mine(piece++))
					legacy_opcodes(mode, &prefixes[p], map);
}

/* Every ModRM byte with every SIB byte, of some opcodes. */
static void every_modrm_and_sib(void)
{
	static const uint8_t opcodes[][5] = {
		{ 1, 0x89 },	   { 1, 0xc7 },
		{ 1, 0x80 },	   { 2, 0x0f, 0x10 },
		{ 2, 0x0f, 0xba }, { 4, 0xc4, 0x01, 0x79, 0x6f }, /* VMOVDQA with X and B */
	};
	static const uint8_t before[] = { 0x3e, 0x67, 0x43, 0x66, 0x64 };

	for (unsigned long piece = 0; piece < EMU_MODE_COUNT * sizeof(before); piece++) {
		uint8_t bytes[EMU_MAX_INSN_BYTES];

		if (!is_mine(piece))
			continue;
		for (unsigned int opcode = 0; opcode < sizeof(opcodes) / sizeof(opcodes[0]);
		     opcode++)
			for (unsigned int i = 0; i < 65536; i++) {
				unsigned int n = opcodes[opcode][0];

				fill(bytes, i);
				bytes[0] = before[piece / EMU_MODE_COUNT];
				memcpy(bytes + 1, opcodes[opcode] + 1, n);
				bytes[1 + n] = (uint8_t)i;
				bytes[2 + n] = (uint8_t)(i >> 8);
				ask((unsigned int)(piece % EMU_MODE_COUNT), bytes);
			}
	}
}

/* ModRM bytes for VEX and EVEX: each kind of address, two of them with SIB, and registers. */
static const uint8_t modrms[] = { 0x00, 0x4d, 0x84, 0x05, 0x14, 0xc8, 0x2a, 0xf1 };

static void vex_modrms(unsigned int mode, uint8_t *bytes, unsigned int n)
{
	for (unsigned int i = 0; i < sizeof(modrms); i++) {
		bytes[n] = modrms[i];
		ask(mode, bytes);
	}
}

/* All opcodes with C4; `payload` is RXB and the map. */
static void vex_opcodes(unsigned int mode, unsigned int payload)
{
	static const uint8_t vvvvs[] = { 0x78, 0x00, 0x38, 0x68 };
	uint8_t bytes[EMU_MAX_INSN_BYTES];

	fill(bytes, payload);
	bytes[0] = 0xc4;
	bytes[1] = (uint8_t)payload;
	for (unsigned int w_l_pp = 0; w_l_pp < 16; w_l_pp++)
		for (unsigned int v = 0; v < sizeof(vvvvs); v++)
			for (unsigned int opcode = 0; opcode < 256; opcode++) {
				bytes[2] = (uint8_t)(w_l_pp >> 3 << 7 | vvvvs[v] | (w_l_pp & 7));
				bytes[3] = (uint8_t)opcode;
				vex_modrms(mode, bytes, 4);
			}
}

/* C5 with every payload. */
static void short_vex_opcodes(unsigned int mode)
{
	uint8_t bytes[EMU_MAX_INSN_BYTES];

	fill(bytes, mode);
	bytes[0] = 0xc5;
	for (unsigned int payload = 0; payload < 256; payload++)
		for (unsigned int opcode = 0; opcode < 256; opcode++) {
			bytes[1] = (uint8_t)payload;
			bytes[2] = (uint8_t)opcode;
			vex_modrms(mode, bytes, 3);
		}
}

static void every_vex_opcode(void)
{
	static const uint8_t rxbs[] = { 0xe0, 0x00, 0xc0, 0xa0, 0x60 };
	unsigned long piece = 0;

	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		if (is_mine(piece++))
			short_vex_opcodes(mode);
		for (unsigned int map = 0; map < 32; map++)
			for (unsigned int i = 0; i < (map >= 1 && map <= 3 ? sizeof(rxbs) : 1); i++)
				if (is_mine(piece++))
					vex_opcodes(mode, rxbs[i] | map);
	}
}

/* All opcodes of an EVEX map with the mandatory prefix; `p0` and `p1` without W and vvvv. */
static void evex_opcodes(unsigned int mode, unsigned int p0, unsigned int p1)
{
	static const uint8_t w_vvvvs[] = { 0x78, 0xf8, 0x00, 0xa8 };
	/* z, LL, b, V', aaa: plain of each length, masked, zeroed, broadcast and both, V' = 0. */
	static const uint8_t p2s[] = { 0x08, 0x28, 0x48, 0x68, 0x0b, 0x2f, 0x49, 0x8a,
				       0xab, 0xcf, 0x88, 0x18, 0x38, 0x58, 0x78, 0x1c,
				       0x9a, 0xbb, 0xd9, 0x00, 0x21, 0x43, 0x52, 0xe3 };
	uint8_t bytes[EMU_MAX_INSN_BYTES];

	fill(bytes, p0);
	bytes[0] = 0x62;
	bytes[1] = (uint8_t)p0;
	for (unsigned int v = 0; v < sizeof(w_vvvvs); v++)
		for (unsigned int i = 0; i < sizeof(p2s); i++)
			for (unsigned int opcode = 0; opcode < 256; opcode++) {
				bytes[2] = (uint8_t)(w_vvvvs[v] | p1);
				bytes[3] = p2s[i];
				bytes[4] = (uint8_t)opcode;
				vex_modrms(mode, bytes, 5);
			}
}

static void every_evex_opcode(void)
{
	static const uint8_t rxbs[] = { 0xf0, 0x00, 0x98 };
	unsigned long piece = 0;

	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++)
		for (unsigned int map = 0; map < 8; map++)
			for (unsigned int i = 0; i < sizeof(rxbs); i++)
				for (unsigned int pp = 0; pp < 4; pp++) {
					/* The rare dimensions in 64-bit mode alone. */
					if (i && mode != EMU_LONG64)
						continue;
					if (is_mine(piece++))
						evex_opcodes(mode, rxbs[i] | map, 4 | pp);
					if (!i && mode == EMU_LONG64 && is_mine(piece++))
						evex_opcodes(mode, rxbs[i] | map, pp);
				}
}

/* ModRM of which three quarters name memory. */
static uint8_t random_modrm(uint64_t r)
{
	return (uint8_t)(r & 0x300 ? (r & 0x3f) | ((r >> 6 & 3) % 3) << 6 : r);
}

/* Random bytes; nine of ten strings get a shape that makes an instruction likely. */
static void random_string(unsigned int *mode, uint8_t *bytes)
{
	static const uint8_t some[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67,
					0x66, 0x67, 0xf0, 0xf2, 0xf3, 0xf0, 0xf2, 0xf3 };
	uint64_t r = random_next(&rng), more = random_next(&rng);
	unsigned int kind = (unsigned int)(r % 10), n = 0;

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t word = random_next(&rng);

		memcpy(bytes + 7 * i, &word, 8);
	}
	r >>= 8;
	*mode = (r & 0xff) % (EMU_MODE_COUNT + 2);
	/* VEX and EVEX are nothing in real mode. */
	if (*mode >= EMU_MODE_COUNT || (kind >= 5 && *mode <= EMU_V86 && r & 0x300))
		*mode = EMU_LONG64;
	r >>= 8;
	if (kind == 0)
		return;
	for (unsigned int i = kind <= 4 ? r & 3 : (r & 0x1f) == 1; i; i--, more >>= 4)
		bytes[n++] = some[more & 15];
	r >>= 5;
	if (kind <= 4) {
		if (r & 1 && *mode == EMU_LONG64)
			bytes[n++] = 0x40 | (r >> 4 & 15);
		if (kind >= 3)
			bytes[n++] = 0x0f;
		if (kind == 4)
			bytes[n++] = r & 2 ? 0x38 : 0x3a;
		n++;
	} else if (kind <= 6) {
		bytes[n++] = kind == 5 ? 0xc5 : 0xc4;
		if (kind == 6)
			bytes[n] = (uint8_t)((bytes[n] & 0xe0) | (1 + (r & 0xff) % 3));
		if (*mode != EMU_LONG64)
			bytes[n] |= 0xc0;
		n += kind == 5 ? 1 : 2;
		/* Most opcodes want vvvv unused. */
		if (r & 0x300)
			bytes[n - 1] |= 0x78;
		n++;
	} else {
		bytes[n++] = 0x62;
		bytes[n] = (uint8_t)((bytes[n] & 0xf0) | (r & 0x8000 ? r & 7 : 1 + (r & 3) % 3));
		if (*mode != EMU_LONG64)
			bytes[n] |= 0xc0;
		n++;
		bytes[n] |= 4;
		if (r & 0x300)
			bytes[n] |= 0x78;
		n++;
		if (r & 0x1c00)
			bytes[n] = (uint8_t)((bytes[n] & 0x67) | 8);
		n += 2;
	}
	bytes[n] = random_modrm(more);
}

static void random_strings(void)
{
	for (unsigned long chunk = 0; chunk * CHUNK < n_random; chunk++) {
		if (!is_mine(chunk))
			continue;
		rng.state = first_seed + chunk;
		for (unsigned long i = 0; i < CHUNK && chunk * CHUNK + i < n_random; i++) {
			uint8_t bytes[EMU_MAX_INSN_BYTES + 1];
			unsigned int mode;

			random_string(&mode, bytes);
			ask(mode, bytes);
		}
	}
}

/* Run `work` in all processes; the counts are added to those of the first. */
static void deal(const char *name, void (*work)(void))
{
	struct tally sum = { 0 };
	unsigned long before = 0;

	fflush(stdout);
	memset(tallies, 0, MAX_WORKERS * sizeof(*tallies));
	for (worker = 0; worker < n_workers; worker++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			work();
			fflush(stdout);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < n_workers; i++) {
		int status = -1;

		CHECK(wait(&status) > 0 && status == 0);
	}
	for (unsigned int i = 0; i < n_workers; i++) {
		const struct tally *tally = &tallies[i];

		sum.n_compared += tally->n_compared;
		sum.n_decoded += tally->n_decoded;
		sum.n_memory += tally->n_memory;
		sum.n_second += tally->n_second;
		sum.n_failures += tally->n_failures;
		for (unsigned int d = 0; d < oracle_n_differences; d++) {
			sum.of_difference[d].n += tally->of_difference[d].n;
			sum.of_difference[d].n_memory += tally->of_difference[d].n_memory;
			sum.of_difference[d].n_second_ours += tally->of_difference[d].n_second_ours;
			sum.of_difference[d].n_second_zydis +=
				tally->of_difference[d].n_second_zydis;
		}
	}
	for (unsigned int d = 0; d < oracle_n_differences; d++)
		before += sum.of_difference[d].n;
	printf("# %s: %lu compared, %lu with memory, %lu executable, %lu shown to binutils too, "
	       "%lu explained, %lu unexplained\n",
	       name, sum.n_compared, sum.n_memory, sum.n_decoded, sum.n_second, before,
	       sum.n_failures);
	for (unsigned int d = 0; d < oracle_n_differences; d++)
		if (sum.of_difference[d].n)
			printf("#   %9lu (memory %lu; binutils %lu ours, %lu Zydis') %s: %s\n",
			       sum.of_difference[d].n, sum.of_difference[d].n_memory,
			       sum.of_difference[d].n_second_ours,
			       sum.of_difference[d].n_second_zydis, oracle_differences[d].text,
			       oracle_differences[d].why);
	CHECK(sum.n_compared > 0);
	CHECK_EQ(sum.n_failures, 0);
}

static void legacy_opcodes_agree(void)
{
	deal("legacy", every_legacy_opcode);
}

static void modrm_and_sib_agree(void)
{
	deal("ModRM and SIB", every_modrm_and_sib);
}

static void vex_opcodes_agree(void)
{
	deal("VEX", every_vex_opcode);
}

static void evex_opcodes_agree(void)
{
	deal("EVEX", every_evex_opcode);
}

static void random_strings_agree(void)
{
	deal("random", random_strings);
}

/* More bytes than the longest instruction change nothing. */
static void truncated_bytes_want_more(void)
{
	rng.state = first_seed;
	for (unsigned int i = 0; i < 300000; i++) {
		uint8_t bytes[EMU_MAX_INSN_BYTES + 1];
		struct emu_insn insn, part;
		unsigned int mode;
		enum emu_decoded decoded;

		random_string(&mode, bytes);
		decoded = emu_decode(bytes, EMU_MAX_INSN_BYTES, (enum emu_mode)mode, &insn);
		if (decoded == EMU_DECODE_INVALID || decoded == EMU_DECODE_TOO_LONG)
			continue;
		for (unsigned int n = 0; n < insn.length; n++)
			CHECK_EQ(emu_decode(bytes, n, (enum emu_mode)mode, &part),
				 EMU_DECODE_MORE_BYTES);
		CHECK_EQ(emu_decode(bytes, insn.length, (enum emu_mode)mode, &part), decoded);
		CHECK(part.length == insn.length);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(legacy_opcodes_agree), TEST(modrm_and_sib_agree),
		TEST(vex_opcodes_agree),    TEST(evex_opcodes_agree),
		TEST(random_strings_agree), TEST(truncated_bytes_want_more),
	};
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (argc > 1)
		n_random = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		first_seed = strtoul(argv[2], NULL, 0);
	n_workers = n < 1 ? 1 : n > MAX_WORKERS ? MAX_WORKERS : (unsigned int)n;
	tallies = mmap(NULL, MAX_WORKERS * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		return 1;
	oracle_init();
	oracle_second_init();
	return RUN(tests);
}
