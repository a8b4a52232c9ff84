/* SPDX-License-Identifier: MIT */
/*
 * The start of the hypervisor on a processor, and the way back to the loader if it cannot hold the
 * machine. Owns the one copy of the handover record; nothing in the loader's record is believed
 * before it has been copied and checked.
 */
#include "arch/virt.h"
#include "arch/x86/alike.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/format.h"
#include "arch/x86/insn.h"
#include "arch/x86/lapic.h"
#include "arch/x86/log.h"
#include "arch/x86/serial.h"
#include "arch/x86/string.h"
#include "whit/layout.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define IMAGE_ALIGNMENT LEVEL_SIZE(LEVEL_2M)
#define GDT_TSS_BUSY	(1ull << 41) /* in a TSS descriptor */

/* Where start_run() is to run; launch.asm knows the order. */
struct start_world {
	uint64_t cr3, rsp;
};

uint64_t start_check(struct whit_handover *handover, uint32_t cpu);
uint64_t start_enter(struct whit_handover *handover, uint32_t cpu, struct start_world *world);
uint64_t start_run(uint32_t cpu);
uint64_t start_leave(struct whit_handover *handover, uint32_t cpu, uint64_t answer);

/*
 * Written by processor 0 before the others start, then constant, but for each processor's own state
 * (hv/ may write `message`).
 */
static struct {
	struct whit_handover handover;
	struct whit_cpu_state more_cpus[WHIT_MAX_CPUS - 1];
	uint64_t percpu_base; /* physical; PERCPU_PAGES each */
} record;

uint32_t percpu_count(void)
{
	return record.handover.n_cpus;
}

spa_t start_spa(const void *at)
{
	return SPA(record.handover.image_base + ((uintptr_t)at - WHIT_IMAGE_BASE));
}

struct percpu *percpu_of(uint32_t index)
{
	return virt_ptr(SPA(record.percpu_base + index * PERCPU_PAGES * PAGE_SIZE));
}

/* [base, base + n_bytes): pages, not empty, inside [outer, outer + outer_bytes). */
static bool is_inside(uint64_t base, uint64_t n_bytes, uint64_t outer, uint64_t outer_bytes)
{
	return !((base | n_bytes) & ~PAGE_MASK) && n_bytes && base >= outer &&
	       n_bytes <= outer_bytes && base - outer <= outer_bytes - n_bytes;
}

static const char *check_ram(const struct whit_handover *h)
{
	uint64_t floor = 0;

	if (h->n_ram > WHIT_MAX_RAM_RANGES)
		return "n_ram";
	for (uint32_t i = 0; i < h->n_ram; i++) {
		const struct whit_ram *ram = &h->ram[i];

		if (ram->base < floor || !is_inside(ram->base, ram->n_bytes, 0, h->direct_bytes))
			return "ram";
		floor = ram->base + ram->n_bytes;
		if (ram->base < h->block_base + h->block_bytes && floor > h->block_base)
			return "ram and block";
	}
	return NULL;
}

/* The name of the first field that cannot be right, or NULL. */
static const char *check_record(const struct whit_handover *h)
{
	uint64_t own_bytes = (uint64_t)h->n_cpus * PERCPU_PAGES * PAGE_SIZE;

	if (!h->n_cpus || h->n_cpus > WHIT_MAX_CPUS)
		return "n_cpus";
	if (h->n_bytes <
	    offsetof(struct whit_handover, cpus) + h->n_cpus * sizeof(struct whit_cpu_state))
		return "n_bytes";
	if (h->direct_bytes > WHIT_IMAGE_BASE - WHIT_DIRECT_BASE)
		return "direct_bytes";
	if (h->block_base % IMAGE_ALIGNMENT ||
	    !is_inside(h->block_base, h->block_bytes, 0, h->direct_bytes))
		return "block";
	if (h->image_base % IMAGE_ALIGNMENT || h->image_bytes % IMAGE_ALIGNMENT ||
	    !is_inside(h->image_base, h->image_bytes, h->block_base, h->block_bytes))
		return "image";
	if (!is_inside(h->heap_base, h->heap_bytes, h->block_base, h->block_bytes) ||
	    h->heap_bytes <= own_bytes)
		return "heap";
	if (!is_inside(h->host_cr3, PAGE_SIZE, h->block_base, h->block_bytes))
		return "host_cr3";
	return check_ram(h);
}

/* Copy and check the loader's record, and take the processors' pages off the heap. Once. */
static uint64_t take_record(struct whit_handover *theirs)
{
	struct whit_handover *own = &record.handover;
	const char *wrong;

	memcpy(own, theirs, sizeof(*own));
	if (own->magic != WHIT_HANDOVER_MAGIC || own->version != WHIT_HANDOVER_VERSION)
		return WHIT_LAUNCH_BAD_RECORD; /* `message` may be elsewhere */
	wrong = check_record(own);
	if (wrong) {
		format_text(theirs->message, sizeof(theirs->message),
			    "the hand-over record is bad: %s", wrong);
		return WHIT_LAUNCH_BAD_RECORD;
	}
	own->message[0] = own->report[0] = '\0';
	record.percpu_base = own->heap_base;
	own->heap_base += (uint64_t)own->n_cpus * PERCPU_PAGES * PAGE_SIZE;
	own->heap_bytes -= (uint64_t)own->n_cpus * PERCPU_PAGES * PAGE_SIZE;
	return WHIT_LAUNCH_OK;
}

static void save_before(struct x86_before *before)
{
	before->cr0 = x86_read_cr0();
	before->cr4 = x86_read_cr4();
	before->fs_base = x86_rdmsr(MSR_FS_BASE);
	before->gs_base = x86_rdmsr(MSR_GS_BASE);
	x86_sgdt(&before->gdtr);
	x86_sidt(&before->idtr);
	before->cs = x86_read_cs();
	before->ss = x86_read_ss();
	before->ds = x86_read_ds();
	before->es = x86_read_es();
	before->fs = x86_read_fs();
	before->gs = x86_read_gs();
	before->tr = x86_str();
	before->ldtr = x86_sldt();
}

static void restore_before(const struct x86_before *before)
{
	/* First, for our NMI handler needs a GS base that loading GS takes away. */
	x86_lidt(&before->idtr);
	x86_lgdt(&before->gdtr);
	x86_load_cs(before->cs);
	x86_write_ss(before->ss);
	x86_write_ds(before->ds);
	x86_write_es(before->es);
	x86_write_fs(before->fs);
	x86_write_gs(before->gs);
	x86_lldt(before->ldtr);
	if (before->tr) {
		/* LTR takes available TSSs only, and this one is still marked busy. */
		uint64_t *tss = (uint64_t *)(before->gdtr.base + (before->tr & 0xfff8u));

		*tss &= ~GDT_TSS_BUSY;
		x86_ltr(before->tr);
	}
	x86_wrmsr(MSR_FS_BASE, before->fs_base);
	x86_wrmsr(MSR_GS_BASE, before->gs_base);
}

/* Bits of CR4 that the hypervisor runs with. */
uint64_t cpu_host_cr4(void)
{
	uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	struct x86_cpuid features = x86_cpuid(1, 0);

	if (features.ecx & CPUID1_ECX_XSAVE)
		cr4 |= CR4_OSXSAVE; /* for virt_xsetbv() */
	if (features.edx & CPUID1_EDX_MCE)
		cr4 |= CR4_MCE; /* without it a machine check is a silent shutdown */
	if (x86_cpuid(0, 0).eax >= 7) {
		features = x86_cpuid(7, 0);
		if (features.ebx & CPUID7_EBX_SMEP)
			cr4 |= CR4_SMEP;
		if (features.ebx & CPUID7_EBX_SMAP)
			cr4 |= CR4_SMAP;
	}
	return cr4;
}

uint64_t cpu_host_cr0(void)
{
	return CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
}

/* Processor 0 sets up for all, before any of them runs as ours. */
static void start_first(const struct whit_handover *own)
{
	serial_start(own->serial_port);
	panic_resets(own->panic_seconds, own->tsc_hz);
	log_set_level(own->log_level > LOG_DEBUG ? LOG_DEBUG : (enum whit_log_level)own->log_level);
	if (own->assist != WHIT_ASSIST_ALL)
		virt_machine.apic &=
			own->assist == WHIT_ASSIST_REGISTERS ? (uint8_t)~VIRT_APIC_DELIVERY : 0;
	idt_fill();
	memset(percpu_of(0), 0, own->n_cpus * PERCPU_PAGES * PAGE_SIZE);
}

/* On the loader's stack and launch_cr3: nothing of the processor changes. */
uint64_t start_check(struct whit_handover *handover, uint32_t cpu)
{
	uint64_t answer = WHIT_LAUNCH_OK;

	cpu &= ~WHIT_ENTRY_CHECK;
	if (!handover)
		return WHIT_LAUNCH_BAD_RECORD;
	if (!cpu)
		answer = take_record(handover);
	else if (!record.percpu_base || cpu >= record.handover.n_cpus)
		answer = WHIT_LAUNCH_BAD_RECORD;
	if (answer)
		return answer;
	if (!backend_check(handover->message, sizeof(handover->message), handover->report,
			   sizeof(handover->report)) ||
	    !alike_check(!cpu, handover->message, sizeof(handover->message)))
		return WHIT_LAUNCH_UNSUPPORTED;
	return WHIT_LAUNCH_OK;
}

/*
 * The same, of a processor that start_check() has found fit. If it returns nonzero nothing of the
 * processor has changed.
 */
uint64_t start_enter(struct whit_handover *handover, uint32_t cpu, struct start_world *world)
{
	struct whit_handover *own = &record.handover;
	struct percpu *self;

	if (!handover || !record.percpu_base || cpu >= own->n_cpus)
		return WHIT_LAUNCH_BAD_RECORD;
	own->cpus[cpu] = handover->cpus[cpu];
	if (!cpu)
		start_first(own);
	self = percpu_of(cpu);
	self->self = self;
	self->index = cpu;
	self->apic_id = lapic_id();
	self->virt_region = SPA(record.percpu_base + (cpu * PERCPU_PAGES + 1) * PAGE_SIZE);
	save_before(&self->before);
	gdt_fill(self);
	gdt_load(self);
	world->cr3 = own->host_cr3;
	world->rsp = WHIT_STACKS_BASE + cpu * WHIT_STACK_SLOT + WHIT_STACK_MAIN_END;
	return WHIT_LAUNCH_OK;
}

/* On our own stack and page tables. Returns only to refuse. */
uint64_t start_run(uint32_t cpu)
{
	struct whit_handover *own = &record.handover;
	struct percpu *self = percpu();
	uint64_t answer = WHIT_LAUNCH_UNSUPPORTED;

	/* Without CR4.PGE, so global entries of the firmware's tables go as well. */
	x86_write_cr0(cpu_host_cr0());
	x86_write_cr4(cpu_host_cr4());
	machine_read_mtrrs(&self->mtrr_written);
	if (cpu)
		alike_complete(&self->mtrr_written);
	/*
	 * Those of the others are the same (alike.c), and by now the root may have written the
	 * first's.
	 */
	if (!cpu)
		(void)virt_memory_type_changed();
	if (backend_on(own->message, sizeof(own->message))) {
		answer = hv_main(own, cpu);
		if (self->has_run)
			virt_panic("hv_main() returned %lx from a running machine", answer);
		backend_off();
	}
	x86_write_cr4(self->before.cr4);
	x86_write_cr0(self->before.cr0);
	return answer ? answer : WHIT_LAUNCH_BAD_RECORD;
}

/* On the loader's stack and launch_cr3 again. */
uint64_t start_leave(struct whit_handover *handover, uint32_t cpu, uint64_t answer)
{
	restore_before(&percpu_of(cpu)->before);
	memcpy(handover->message, record.handover.message, sizeof(handover->message));
	return answer;
}
