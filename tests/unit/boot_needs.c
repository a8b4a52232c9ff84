// SPDX-License-Identifier: MIT
/*
 * The size of the hypervisor's block: what the loader reckons against what page tables and books really take, on machines
 * of every size; README's whit.conf on the smallest and the largest; what a refusal says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/virt.h"
#include "boot/config.h"
#include "boot/needs.h"
#include "boot/paging.h"
#include "hv/mem/frame.h"
#include "hv/hv.h"
#include "tests/check.h"
#include "tests/random.h"
#include "whit/layout.h"

static struct random rng;

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define TIB (1ull << 40)

/* hv/mem/frame.c is linked for frames_bytes() alone. */
const uint64_t virt_direct_base;
struct hv hv;

void virt_panic(const char *format, ...)
{
	puts(format);
	abort();
}

static const uint64_t tops[] = {
	512 * MIB, 2 * GIB,	    6 * GIB, 8 * GIB,		0x240000000,
	64 * GIB,  GIB * 768 + MIB, TIB,     16 * TIB + 0x1000, PAGING_DIRECT_MAX,
};
#define N_TOPS (sizeof(tops) / sizeof(tops[0]))

static struct image image = {
	.n_bytes = 2 * MIB,
	.n_segments = 2,
	.segment = { { .va = WHIT_IMAGE_BASE, .n_bytes = 0x50000, .is_executable = true },
		     { .va = WHIT_IMAGE_BASE + 0x50000,
		       .n_bytes = 0x1b0000,
		       .is_writable = true } },
};

static struct needs needs_of(uint64_t top)
{
	return (struct needs) { .image_bytes = image.n_bytes, .ram_top = top, .n_cpus = 1 };
}

static void no_bytes(void *context, unsigned line, const char *what)
{
	(void)context;
	printf("  line %u: %s\n", line, what);
	CHECK(!"README's whit.conf is understood");
}

/* The block of README that names whit.conf. */
static struct config readme_config(void)
{
	static char text[1 << 16];
	FILE *file = fopen("README.md", "r");
	struct config config = { .memory_bytes = 0 };
	char *from, *to;

	CHECK(file && fread(text, 1, sizeof(text) - 1, file) > 0);
	if (file)
		fclose(file);
	from = strstr(text, "whit.conf`, all lines optional:");
	from = from ? strstr(from, "```\n") : NULL;
	to = from ? strstr(from + 4, "```\n") : NULL;
	CHECK(to);
	if (!to)
		return config;
	CHECK(strstr(from, "\nmemory = ") && strstr(from, "\nmemory = ") < to);
	config_default(&config);
	config.memory_bytes = 0;
	config_parse(&config, from + 4, (size_t)(to - from - 4), no_bytes, NULL);
	return config;
}

static void the_readmes_file_fits_every_machine(void)
{
	const struct config config = readme_config();

	CHECK_EQ(config.memory_bytes, 16 * MIB);
	for (size_t i = 0; i < N_TOPS; i++) {
		const struct needs needs = needs_of(tops[i]);
		const uint64_t block = needs_block_bytes(&needs, config.memory_bytes);

		CHECK(block >= needs_fixed_bytes(&needs) + 16 * MIB);
		CHECK(block < needs_fixed_bytes(&needs) + 18 * MIB);
		CHECK_EQ(block % (2 * MIB), 0);
		/* A small part of the machine: 22 MiB at least, and a 400th. */
		CHECK(block <= 22 * MIB + tops[i] / 400);
	}
}

/* The tables that the loader builds, in memory of exactly what it reckons. */
static void the_tables_fit_what_is_reckoned_for_them(void)
{
	for (size_t i = 0; i < N_TOPS; i++) {
		for (int has_1g = 0; has_1g < 2; has_1g++) {
			struct needs needs = needs_of(tops[i]);
			uint64_t n_bytes, cr3, launch_cr3;
			struct block block;
			uint64_t *firmware;
			void *memory;

			needs.has_1g = has_1g;
			n_bytes = needs_loaded_bytes(&needs);
			memory = aligned_alloc(4096, n_bytes + 4096);
			memset(memory, 0, n_bytes + 4096);
			firmware = (void *)((char *)memory + n_bytes);
			block = (struct block) { .base = (uintptr_t)memory, .n_bytes = n_bytes };
			CHECK(block_take(&block, image.n_bytes) &&
			      block_take(&block, PAGING_STACK_BYTES));
			/* An image over the edge of a GiB takes the most tables. */
			cr3 = paging_host(
				&(struct paging) { .image = &image,
						   .image_base = 0x3fe00000,
						   .stacks_base = 0x40000000,
						   .n_cpus = 1,
						   .has_1g = has_1g,
						   .direct_bytes = needs_direct_bytes(tops[i]) },
				&block);
			CHECK(cr3 != 0);
			if (cr3)
				CHECK(!paging_launch(&block, (uintptr_t)firmware, cr3,
						     &launch_cr3));
			CHECK(block.n_bytes - block.n_taken <= 8 * PAGE_SIZE);
			free(memory);
		}
	}
}

/* hv/mem/frame.c's own count, for RAM in one piece and in many. */
static void the_books_fit_what_is_reckoned_for_them(void)
{
	static struct whit_handover h;

	rng.state = 3;
	for (size_t i = 0; i < 40 * N_TOPS; i++) {
		const uint64_t top = tops[i % N_TOPS];
		const struct needs needs = needs_of(top);

		h.n_ram = i < N_TOPS ? 1 : 1 + (uint32_t)random_below(&rng, WHIT_MAX_RAM_RANGES);
		for (uint32_t k = 0; k < h.n_ram; k++) {
			const uint64_t part = top / h.n_ram & ~0xfffull;

			h.ram[k].base = k * part;
			h.ram[k].n_bytes = k + 1 == h.n_ram ? top - k * part
							    : part - random_below(&rng, 9) * 4096;
		}
		CHECK(frames_bytes(&h) <= needs_books_bytes(&needs));
		CHECK(i >= N_TOPS || frames_bytes(&h) == needs_books_bytes(&needs));
	}
}

static void a_refusal_says_how_much_and_what_to_write(void)
{
	const struct needs needs = needs_of(512 * MIB);
	struct text text;

	needs_refuse(&needs, 4 * GIB, 350 * MIB, &text);
	CHECK(strstr(text.at, "needs 4100 MiB in one piece"));
	CHECK(strstr(text.at, "`memory` asks for 4096 MiB"));
	CHECK(strstr(text.at, "no more than 350 MiB: write `memory = 16M` in whit.conf"));
	/* The value fits, and the next one would not. */
	needs_refuse(&needs, 32 * MIB, 20 * MIB, &text);
	CHECK(strstr(text.at, "memory = 1"));
	for (uint64_t free_bytes = 0; free_bytes < 64 * MIB; free_bytes += MIB / 2) {
		const char *line;

		needs_refuse(&needs, 64 * GIB, free_bytes, &text);
		line = strstr(text.at, "write `memory = ");
		if (!line) {
			CHECK(strstr(text.at, "too little free memory"));
			CHECK(free_bytes < needs_block_bytes(&needs, 8 * MIB) + 4 * MIB);
			continue;
		}
		CHECK(needs_block_bytes(&needs, strtoull(line + 16, NULL, 10) * MIB) + 2 * MIB <=
		      free_bytes);
		CHECK(strtoull(line + 16, NULL, 10) >= 8);
	}
	/* Nothing smaller than what was asked for would help. */
	needs_refuse(&needs, 8 * MIB, 12 * MIB, &text);
	CHECK(strstr(text.at, "too little free memory"));
	needs_refuse(&needs, 64 * GIB, 0, &text);
	CHECK(strstr(text.at, "no more than 0 MiB: this machine has too little free memory"));
	CHECK(text.n < TEXT_BYTES - 1);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_readmes_file_fits_every_machine),
		TEST(the_tables_fit_what_is_reckoned_for_them),
		TEST(the_books_fit_what_is_reckoned_for_them),
		TEST(a_refusal_says_how_much_and_what_to_write),
	};

	return RUN(tests);
}
