// SPDX-License-Identifier: MIT
/* The hypervisor's ELF file: which are taken, which are refused, and where the bytes go. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/image.h"
#include "tests/check.h"
#include "tests/random.h"
#include "whit/layout.h"

static struct random rng;

#define MIB (1ull << 20)

/* Records by the C library's header, not by the loader's own. */
static struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segment[IMAGE_MAX_SEGMENTS + 1];
	unsigned char bytes[0x3000];
} file;

static struct image image;

static void segment(int i, uint32_t flags, uint64_t va, uint64_t offset, uint64_t n_file,
		    uint64_t n_memory)
{
	file.segment[i] = (Elf64_Phdr) { .p_type = PT_LOAD,
					 .p_flags = flags,
					 .p_vaddr = va,
					 .p_offset = offsetof(struct file, bytes) + offset,
					 .p_filesz = n_file,
					 .p_memsz = n_memory };
}

/* Text, rodata, data with .bss, a stack note. */
static void good_file(void)
{
	memset(&file, 0, sizeof(file));
	file.header = (Elf64_Ehdr) {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = WHIT_IMAGE_BASE + 0x10,
		.e_phoff = offsetof(struct file, segment),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 4,
	};
	segment(0, PF_R | PF_X, WHIT_IMAGE_BASE, 0, 0x1234, 0x1234);
	segment(1, PF_R, WHIT_IMAGE_BASE + 0x2000, 0x1300, 0x100, 0x100);
	segment(2, PF_R | PF_W, WHIT_IMAGE_BASE + 0x3000, 0x1400, 0x200, 0x300000);
	file.segment[3] = (Elf64_Phdr) { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	for (size_t i = 0; i < sizeof(file.bytes); i++)
		file.bytes[i] = (unsigned char)(i * 7 + 1);
}

static const char *check(void)
{
	return image_check(&file, sizeof(file), &image);
}

static void a_good_image_is_described(void)
{
	good_file();
	CHECK(!check());
	CHECK_EQ(image.entry, WHIT_IMAGE_BASE + 0x10);
	CHECK_EQ(image.n_bytes, 4 * MIB);
	CHECK_EQ(image.n_segments, 3);
	CHECK(image.segment[0].is_executable && !image.segment[0].is_writable);
	CHECK(!image.segment[1].is_executable && !image.segment[1].is_writable);
	CHECK(!image.segment[2].is_executable && image.segment[2].is_writable);
	CHECK_EQ(image.segment[0].n_bytes, 0x2000);
	CHECK_EQ(image.segment[1].va, WHIT_IMAGE_BASE + 0x2000);
	CHECK_EQ(image.segment[2].n_bytes, 0x300000);
}

static void each_byte_is_loaded_to_its_place(void)
{
	unsigned char *memory;

	good_file();
	CHECK(!check());
	memory = calloc(1, image.n_bytes);
	image_load(&image, &file, memory);
	CHECK(!memcmp(memory, file.bytes, 0x1234));
	CHECK(!memcmp(memory + 0x2000, file.bytes + 0x1300, 0x100));
	CHECK(!memcmp(memory + 0x3000, file.bytes + 0x1400, 0x200));
	for (uint64_t i = 0; i < image.n_bytes; i++) {
		if ((i >= 0x1234 && i < 0x2000) || (i >= 0x2100 && i < 0x3000) || i >= 0x3200)
			CHECK(!memory[i]);
	}
	free(memory);
}

#define REFUSED(change)                                         \
	do {                                                    \
		good_file();                                    \
		change;                                         \
		if (!check()) {                                 \
			CHECK(!"refused");                      \
			printf("  not refused: %s\n", #change); \
		}                                               \
	} while (0)

static void another_kind_of_file_is_refused(void)
{
	REFUSED(file.header.e_ident[0] = 0);
	REFUSED(file.header.e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED(file.header.e_ident[EI_DATA] = ELFDATA2MSB);
	REFUSED(file.header.e_type = ET_DYN);
	REFUSED(file.header.e_type = ET_REL);
	REFUSED(file.header.e_machine = EM_AARCH64);
	REFUSED(file.header.e_phentsize = 32);
	REFUSED(file.header.e_phnum = 0);
	REFUSED(file.header.e_phnum = 0xffff);
	REFUSED(file.header.e_phoff = sizeof(file));
	REFUSED(file.header.e_phoff = UINT64_MAX - 8);
	REFUSED(file.segment[3].p_type = PT_INTERP);
	REFUSED(file.segment[3].p_type = PT_DYNAMIC);
}

static void a_segment_in_the_wrong_place_is_refused(void)
{
	REFUSED(file.segment[0].p_vaddr = 0x400000);
	REFUSED(file.segment[0].p_vaddr = WHIT_IMAGE_BASE - 0x1000);
	REFUSED(file.segment[1].p_vaddr += 8);
	REFUSED(file.segment[1].p_vaddr = WHIT_IMAGE_BASE + 0x1000);
	REFUSED(file.segment[1].p_vaddr = WHIT_IMAGE_BASE);
	REFUSED(file.segment[2].p_vaddr = WHIT_STACKS_BASE);
	REFUSED(file.segment[2].p_vaddr = UINT64_MAX - 0xfff);
	REFUSED(file.segment[2].p_memsz = WHIT_STACKS_BASE - WHIT_IMAGE_BASE);
	REFUSED(file.segment[2].p_memsz = UINT64_MAX);
	REFUSED(file.segment[2].p_memsz = 0x1ff);
	REFUSED(file.segment[2].p_offset = sizeof(file) - 0x1ff);
	REFUSED(file.segment[2].p_offset = UINT64_MAX - 0x100);
	REFUSED(file.segment[2].p_filesz = UINT64_MAX);
}

static void writable_and_executable_is_refused(void)
{
	REFUSED(file.segment[0].p_flags |= PF_W);
	REFUSED(file.segment[2].p_flags |= PF_X);
}

static void an_entry_outside_code_is_refused(void)
{
	REFUSED(file.header.e_entry = 0);
	REFUSED(file.header.e_entry = WHIT_IMAGE_BASE + 0x1234);
	REFUSED(file.header.e_entry = WHIT_IMAGE_BASE + 0x2000);
	REFUSED(file.header.e_entry = WHIT_IMAGE_BASE - 1);
}

static void too_many_segments_are_refused(void)
{
	good_file();
	for (int i = 0; i < IMAGE_MAX_SEGMENTS + 1; i++)
		segment(i, PF_R | PF_X, WHIT_IMAGE_BASE + (uint64_t)i * 0x1000, 0, 0x20, 0x1000);
	file.header.e_phnum = IMAGE_MAX_SEGMENTS;
	CHECK(!check());
	file.header.e_phnum = IMAGE_MAX_SEGMENTS + 1;
	CHECK(check());
}

/* Under the sanitizer: a file cut anywhere is refused or read within its bounds. */
static void a_file_cut_short_is_not_read_beyond(void)
{
	good_file();
	for (size_t n = 0; n < sizeof(file); n += n < 700 ? 1 : 97) {
		unsigned char *copy = malloc(n ? n : 1);
		unsigned char *memory;

		memcpy(copy, &file, n);
		if (!image_check(copy, n, &image)) {
			memory = calloc(1, image.n_bytes);
			image_load(&image, copy, memory);
			free(memory);
		}
		free(copy);
	}
}

static void a_file_with_wrong_bytes_does_no_harm(void)
{
	int taken = 0;

	rng.state = 3;
	for (int round = 0; round < 3000; round++) {
		unsigned char *memory;

		good_file();
		for (uint64_t i = 1 + random_below(&rng, 3); i; i--)
			((unsigned char *)&file)[random_below(&rng, offsetof(struct file, bytes))] =
				(unsigned char)random_next(&rng);
		if (check() || image.n_bytes > 64 * MIB)
			continue;
		taken++;
		memory = calloc(1, image.n_bytes);
		image_load(&image, &file, memory);
		free(memory);
	}
	CHECK(taken > 50);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_good_image_is_described),
		TEST(each_byte_is_loaded_to_its_place),
		TEST(another_kind_of_file_is_refused),
		TEST(a_segment_in_the_wrong_place_is_refused),
		TEST(writable_and_executable_is_refused),
		TEST(an_entry_outside_code_is_refused),
		TEST(too_many_segments_are_refused),
		TEST(a_file_cut_short_is_not_read_beyond),
		TEST(a_file_with_wrong_bytes_does_no_harm),
	};

	return RUN(tests);
}
