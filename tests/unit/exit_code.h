/* SPDX-License-Identifier: MIT */
/* The code of a guest whose exits a test makes up: an instruction that makes the exit, of its length. */
#ifndef TESTS_UNIT_EXIT_CODE_H
#define TESTS_UNIT_EXIT_CODE_H

#include <string.h>

#include "arch/fake/fake.h"
#include "emu/emu.h"
#include "x86/gpr.h"

struct exit_code {
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	unsigned int n;
};

static inline void code_add(struct exit_code *code, unsigned int byte)
{
	code->bytes[code->n++] = (uint8_t)byte;
}

static inline void code_add_two(struct exit_code *code, unsigned int opcode)
{
	code_add(code, 0x0f);
	code_add(code, opcode);
}

/* INT n, INT3, INTO, INT1. */
static inline void code_software(struct exit_code *code, uint8_t type, uint8_t vector)
{
	if (type == VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION) {
		code_add(code, 0xf1);
	} else if (type == VIRT_EVENT_SOFT_EXCEPTION) {
		code_add(code, vector == 3 ? 0xcc : 0xce);
	} else {
		code_add(code, 0xcd);
		code_add(code, vector);
	}
}

/* Without a length there is no place for an immediate port: DX then has the exit's. */
static inline void code_io(struct exit_code *code, struct virt_vp *vp, const struct virt_exit *exit,
			   bool is_16)
{
	const unsigned int out = exit->io.is_in ? 0 : 2, wide = exit->io.size > 1;

	if (exit->io.is_rep)
		code_add(code, 0xf3);
	if (exit->io.size == (is_16 ? 4 : 2))
		code_add(code, 0x66);
	if (exit->io.is_string) {
		code_add(code, 0x6c + out + wide);
	} else if (exit->insn_length > code->n + 1 && exit->io.port < 0x100) {
		code_add(code, 0xe4 + out + wide);
		code_add(code, exit->io.port);
		return;
	} else {
		code_add(code, 0xec + out + wide);
	}
	vp->regs.gpr[X86_RDX] = exit->io.port;
}

/* MOV to and from a control or debug register. A written value is made the register's. */
static inline void code_move(struct exit_code *code, struct virt_vp *vp, unsigned int opcode,
			     unsigned int number, unsigned int gpr, const uint64_t *value)
{
	const unsigned int rex = (number >= 8 ? 4 : 0) | (gpr >= 8 ? 1 : 0);

	if (value)
		vp->regs.gpr[gpr] = *value;
	if (rex)
		code_add(code, 0x40 | rex);
	code_add_two(code, opcode);
	code_add(code, 0xc0 | (number & 7) << 3 | (gpr & 7));
}

static inline void code_of_reason(struct exit_code *code, struct virt_vp *vp,
				  const struct virt_exit *exit, bool is_16)
{
	switch (exit->reason) {
	case VIRT_EXIT_CPUID: code_add_two(code, 0xa2); return;
	case VIRT_EXIT_HLT: code_add(code, 0xf4); return;
	case VIRT_EXIT_HYPERCALL: code_add_two(code, 0x01), code_add(code, 0xd9); return;
	case VIRT_EXIT_RDMSR: code_add_two(code, 0x32); return;
	case VIRT_EXIT_WRMSR: code_add_two(code, 0x30); return;
	case VIRT_EXIT_XSETBV: code_add_two(code, 0x01), code_add(code, 0xd1); return;
	case VIRT_EXIT_INVD: code_add_two(code, 0x09); return;
	case VIRT_EXIT_INVLPG: code_add_two(code, 0x01), code_add(code, 0x38); return;
	case VIRT_EXIT_RDPMC: code_add_two(code, 0x33); return;
	case VIRT_EXIT_PAUSE: code_add(code, 0xf3), code_add(code, 0x90); return;
	case VIRT_EXIT_RDTSC:
		code_add_two(code, exit->rdtsc.is_rdtscp ? 0x01 : 0x31);
		if (exit->rdtsc.is_rdtscp)
			code_add(code, 0xf9);
		return;
	case VIRT_EXIT_EXCEPTION:
		code_software(code,
			      exit->exception.vector == 1 ? VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION
							  : VIRT_EVENT_SOFT_EXCEPTION,
			      exit->exception.vector);
		return;
	case VIRT_EXIT_IO: code_io(code, vp, exit, is_16); return;
	case VIRT_EXIT_CR_READ:
		code_move(code, vp, 0x20, exit->cr.number, exit->cr.gpr, NULL);
		return;
	case VIRT_EXIT_CR_WRITE:
		code_move(code, vp, 0x22, exit->cr.number, exit->cr.gpr, &exit->cr.value);
		return;
	case VIRT_EXIT_DR:
		code_move(code, vp, exit->dr.is_read ? 0x21 : 0x23, exit->dr.number, exit->dr.gpr,
			  NULL);
		return;
	default: return;
	}
}

/* The instruction behind `exit`, which begins with as many prefixes as make it exit->insn_length bytes. */
static inline struct exit_code code_of_exit(struct virt_vp *vp, const struct virt_exit *exit)
{
	const struct virt_view *const view = virt_view(vp);
	const enum emu_mode mode = emu_mode_of(view->paging.cr0, view->paging.efer,
					       view->paging.rflags, view->cs.attributes);
	struct exit_code code = { .n = 0 }, padded = { .n = 0 };
	unsigned int length = exit->insn_length;

	if (exit->interrupted.type >= VIRT_EVENT_SOFT_INTERRUPT) {
		code_software(&code, exit->interrupted.type, exit->interrupted.vector);
		length = exit->interrupted.length;
	} else if (length || exit->reason == VIRT_EXIT_CR_READ ||
		   exit->reason == VIRT_EXIT_CR_WRITE || exit->reason == VIRT_EXIT_DR) {
		code_of_reason(&code, vp, exit, mode <= EMU_PROT16);
	}
	while (padded.n + code.n < length)
		code_add(&padded, 0x2e);
	memcpy(padded.bytes + padded.n, code.bytes, code.n);
	padded.n += code.n;
	return padded;
}

#endif
