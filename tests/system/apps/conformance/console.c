// SPDX-License-Identifier: MIT
/* host_put() for root/vmm/terminal.c: the first serial port, written to directly. */
#include "root/vmm/host.h"
#include "tests/system/apps/insn.h"

#define COM1	 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20

static void put(char c)
{
	for (unsigned int i = 0; i < 1000000 && !(insn_inb(COM1_LSR) & LSR_THRE); i++)
		;
	insn_outb(COM1, (uint8_t)c);
}

void host_put(char c)
{
	if (c == '\n')
		put('\r');
	put(c);
}
