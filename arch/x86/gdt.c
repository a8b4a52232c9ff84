/* SPDX-License-Identifier: MIT */
/* GDT and TSS of each processor. SDM 3A "Segment Descriptors", "64-Bit Task-State Segment". */
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "whit/layout.h"
#include "x86/msr.h"

#define GDT_CODE64	   0x00af9b000000ffffull
#define GDT_DATA	   0x00cf93000000ffffull
#define GDT_TSS		   0x0000890000000000ull
#define GDT_LIMIT(limit)   ((uint64_t)(limit)&0xffff)
#define GDT_BASE_LOW(base) (((base)&0xffffff) << 16 | ((base) >> 24 & 0xff) << 56)

#define IST_NMI	  1
#define IST_FAULT 2

static void set_ist(struct x86_tss *tss, unsigned int number, uint64_t stack)
{
	tss->ist[2 * (number - 1)] = (uint32_t)stack;
	tss->ist[2 * (number - 1) + 1] = (uint32_t)(stack >> 32);
}

void gdt_fill(struct percpu *cpu)
{
	uint64_t slot = WHIT_STACKS_BASE + cpu->index * WHIT_STACK_SLOT;
	uint64_t tss = (uintptr_t)&cpu->tss;

	cpu->tss = (struct x86_tss) { .io_map_base = sizeof(struct x86_tss) };
	set_ist(&cpu->tss, IST_NMI, slot + WHIT_STACK_NMI_END);
	set_ist(&cpu->tss, IST_FAULT, slot + WHIT_STACK_FAULT_END);
	cpu->gdt[0] = 0;
	cpu->gdt[HOST_CS / 8] = GDT_CODE64;
	cpu->gdt[HOST_SS / 8] = GDT_DATA;
	cpu->gdt[HOST_TR / 8] = GDT_TSS | GDT_LIMIT(sizeof(cpu->tss) - 1) | GDT_BASE_LOW(tss);
	cpu->gdt[HOST_TR / 8 + 1] = tss >> 32;
}

void gdt_load(struct percpu *cpu)
{
	struct x86_table gdtr = { .limit = sizeof(cpu->gdt) - 1, .base = (uintptr_t)cpu->gdt };
	struct x86_table idtr;

	idt_table(&idtr);
	x86_lgdt(&gdtr);
	x86_load_cs(HOST_CS);
	x86_write_ss(HOST_SS);
	x86_write_ds(0);
	x86_write_es(0);
	x86_write_fs(0);
	x86_write_gs(0);
	x86_lldt(0);
	x86_wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
	x86_ltr(HOST_TR);
	x86_lidt(&idtr);
}
