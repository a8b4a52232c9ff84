// SPDX-License-Identifier: MIT
/* See image.h. Names of ELF records and values: System V ABI "Object Files". */
#include "image.h"

#include "whit/layout.h"
#include "x86/page.h"

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");
_Static_assert(sizeof(struct elf_segment) == 56, "ELF64 program header");

#define ET_EXEC	   2
#define EM_X86_64  62
#define PT_LOAD	   1
#define PT_DYNAMIC 2
#define PT_INTERP  3
#define PF_X	   1u
#define PF_W	   2u

/* "\177ELF", 64 bits, little-endian, version 1 */
static const uint8_t elf_ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

static void copy(void *to, const void *from, size_t n)
{
	__builtin_memcpy(to, from, n);
}

static const char *header_check(const struct elf_header *header, size_t n_bytes)
{
	for (size_t i = 0; i < sizeof(elf_ident); i++) {
		if (header->ident[i] != elf_ident[i])
			return "the image is not a little-endian ELF64 file";
	}
	if (header->type != ET_EXEC || header->machine != EM_X86_64)
		return "the image is not a static x86-64 executable";
	if (header->phentsize != sizeof(struct elf_segment) || header->phoff > n_bytes ||
	    header->phnum > (n_bytes - header->phoff) / sizeof(struct elf_segment))
		return "the image's program headers are outside the file";
	return NULL;
}

/* Appends a segment that lies behind all before it. */
static const char *segment_add(struct image *image, const struct elf_segment *elf, size_t n_bytes)
{
	struct image_segment *s = &image->segment[image->n_segments];
	uint64_t floor = WHIT_IMAGE_BASE;

	if (image->n_segments == IMAGE_MAX_SEGMENTS)
		return "the image has too many segments";
	if (image->n_segments)
		floor = s[-1].va + s[-1].n_bytes;
	if (PAGE_OFFSET(elf->vaddr) || elf->vaddr < floor || elf->vaddr >= WHIT_STACKS_BASE)
		return "the image has a segment off its place";
	if (elf->memsz > WHIT_STACKS_BASE - elf->vaddr)
		return "the image is too large";
	if (elf->filesz > elf->memsz || elf->offset > n_bytes ||
	    elf->filesz > n_bytes - elf->offset)
		return "the image has a segment outside the file";
	if ((elf->flags & PF_W) && (elf->flags & PF_X))
		return "the image has a segment that is writable and executable";
	*s = (struct image_segment) {
		.va = elf->vaddr,
		.n_bytes = (elf->memsz + PAGE_SIZE - 1) & PAGE_MASK,
		.file_offset = elf->offset,
		.n_file_bytes = elf->filesz,
		.is_writable = elf->flags & PF_W,
		.is_executable = elf->flags & PF_X,
	};
	image->n_segments++;
	return NULL;
}

static bool is_code(const struct image *image, uint64_t va)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct image_segment *s = &image->segment[i];

		if (s->is_executable && va >= s->va && va - s->va < s->n_file_bytes)
			return true;
	}
	return false;
}

const char *image_check(const void *elf, size_t n_bytes, struct image *image)
{
	const struct image_segment *last;
	struct elf_header header;
	const char *wrong;

	if (n_bytes < sizeof(header))
		return "the image is not a little-endian ELF64 file";
	copy(&header, elf, sizeof(header));
	wrong = header_check(&header, n_bytes);
	if (wrong)
		return wrong;

	*image = (struct image) { .entry = header.entry };
	for (size_t i = 0; i < header.phnum; i++) {
		struct elf_segment segment;

		copy(&segment, (const char *)elf + header.phoff + i * sizeof(segment),
		     sizeof(segment));
		if (segment.type == PT_DYNAMIC || segment.type == PT_INTERP)
			return "the image wants a dynamic linker";
		if (segment.type != PT_LOAD || !segment.memsz)
			continue;
		wrong = segment_add(image, &segment, n_bytes);
		if (wrong)
			return wrong;
	}
	if (!is_code(image, image->entry))
		return "the image's entry point is not in its code";
	last = &image->segment[image->n_segments - 1];
	image->n_bytes = last->va + last->n_bytes - WHIT_IMAGE_BASE;
	image->n_bytes = (image->n_bytes + LEVEL_SIZE(LEVEL_2M) - 1) & ~(LEVEL_SIZE(LEVEL_2M) - 1);
	return NULL;
}

void image_load(const struct image *image, const void *elf, void *to)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct image_segment *s = &image->segment[i];

		copy((char *)to + (s->va - WHIT_IMAGE_BASE), (const char *)elf + s->file_offset,
		     s->n_file_bytes);
	}
}
