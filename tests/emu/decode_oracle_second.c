/* SPDX-License-Identifier: MIT */
/*
 * The second opinion: binutils' libopcodes. It is asked about existence and length alone. It takes what
 * no processor takes (LOCK anywhere, vector instructions in real mode), and of superfluous prefixes it makes
 * instructions of their own; so it is shown the instruction with only the prefixes that count.
 */
#define PACKAGE "whit"
#include <dis-asm.h>
#include <stdarg.h>
#include <string.h>

#include "tests/emu/decode_oracle.h"

static struct disassemble_info infos[EMU_MODE_COUNT];
static disassembler_ftype disassembler_of[EMU_MODE_COUNT];
static bool is_bad;

static int take_text(void *stream, const char *format, ...)
{
	char text[128];
	va_list arguments;

	(void)stream;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	is_bad |= strstr(text, "(bad)") != NULL;
	return 0;
}

static int take_styled(void *stream, enum disassembler_style style, const char *format, ...)
{
	char text[128];
	va_list arguments;

	(void)stream;
	(void)style;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	is_bad |= strstr(text, "(bad)") != NULL;
	return 0;
}

void oracle_second_init(void)
{
	for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		struct disassemble_info *info = &infos[mode];

		init_disassemble_info(info, NULL, take_text, take_styled);
		info->arch = bfd_arch_i386;
		info->mach = mode == EMU_LONG64	  ? bfd_mach_x86_64
			     : mode == EMU_PROT32 ? bfd_mach_i386_i386
						  : bfd_mach_i386_i8086;
		info->endian = BFD_ENDIAN_LITTLE;
		info->read_memory_func = buffer_read_memory;
		disassemble_init_for_target(info);
		disassembler_of[mode] = disassembler(bfd_arch_i386, false, info->mach, NULL);
	}
}

/* Bytes that are prefixes of `insn`, and those of them that count, in an order that binutils takes. */
static unsigned int prefixes_that_count(const struct opinion *opinion, uint8_t *out,
					unsigned int *n)
{
	enum emu_mode mode = opinion->mode;
	unsigned int at = 0, rex = 0, last_of_f2_f3 = 0;
	bool has_66 = false, has_67 = false, has_lock = false;

	for (; at < EMU_MAX_INSN_BYTES; at++) {
		uint8_t byte = opinion->bytes[at];
		bool is_rex = mode == EMU_LONG64 && (byte & 0xf0) == 0x40;

		if (is_rex) {
			rex = byte;
			continue;
		}
		if (byte == 0x66)
			has_66 = true;
		else if (byte == 0x67)
			has_67 = true;
		else if (byte == 0xf0)
			has_lock = true;
		else if (byte == 0xf2 || byte == 0xf3)
			last_of_f2_f3 = byte;
		else if (byte != 0x26 && byte != 0x2e && byte != 0x36 && byte != 0x3e &&
			 byte != 0x64 && byte != 0x65)
			break;
		rex = 0;
	}
	*n = 0;
	if (has_66)
		out[(*n)++] = 0x66;
	if (has_67)
		out[(*n)++] = 0x67;
	if (has_lock)
		out[(*n)++] = 0xf0;
	if (last_of_f2_f3)
		out[(*n)++] = (uint8_t)last_of_f2_f3;
	if (rex)
		out[(*n)++] = (uint8_t)rex;
	return at;
}

enum second oracle_second(const struct opinion *opinion, unsigned int length)
{
	struct disassemble_info *info = &infos[opinion->mode];
	uint8_t bytes[2 * EMU_MAX_INSN_BYTES] = { 0 };
	unsigned int n, from = prefixes_that_count(opinion, bytes, &n);
	int given;

	memcpy(bytes + n, opinion->bytes + from, EMU_MAX_INSN_BYTES - from);
	info->buffer = bytes;
	info->buffer_vma = 0;
	info->buffer_length = sizeof(bytes);
	is_bad = false;
	given = disassembler_of[opinion->mode](0, info);
	return !is_bad && given > 0 && (unsigned int)given - n + from == length ? SECOND_AGREES
										: SECOND_BAD;
}
