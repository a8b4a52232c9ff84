/* SPDX-License-Identifier: MIT */
/*
 * VMRUN and #VMEXIT, in the place of arch/svm/enter.asm; VMLOAD, VMSAVE, GIF. What the processor remembers from one entry to the
 * next is here: the state of the clean bits, and translations by their ASID.
 */
#include <string.h>

#include "arch/svm/svm.h"
#include "arch/svm/insn.h"
#include "arch/x86/cpu.h"
#include "arch/x86/kick.h"
#include "tests/svm/amd.h"
#include "whit/layout.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

struct amd amd;

const char virt_enter_begin[1], virt_enter_end[1], virt_enter_abort[1];

/* ---- What is remembered ------------------------------------------------------------------ */

#define AT(field, last)                                                                \
	{                                                                              \
		offsetof(struct vmcb, field),                                          \
			offsetof(struct vmcb, last) + sizeof(((struct vmcb *)0)->last) \
	}

/* APM 2 "VMCB Clean Field": the bit, its name, and parts of the VMCB: from, to. */
static const struct {
	uint8_t bit;
	const char *name;
	struct {
		uint16_t from, to;
	} part[3];
} groups[] = {
	{ 0, "I", { AT(cr_reads, pause_count), AT(tsc_offset, tsc_offset) } },
	{ 1, "IOPM", { AT(io_map, msr_map) } },
	{ 2, "ASID", { AT(asid, asid) } },
	{ 3, "TPR", { AT(virtual_interrupt, virtual_interrupt) } },
	{ 4, "NP", { AT(nested, nested), AT(n_cr3, n_cr3), AT(save.pat, save.pat) } },
	{ 5, "CRx", { AT(save.cr4, save.cr0), AT(save.efer, save.efer) } },
	{ 6, "DRx", { AT(save.dr7, save.dr6) } },
	{ 7, "DT", { AT(save.gdtr, save.gdtr), AT(save.idtr, save.idtr) } },
	{ 8, "SEG", { AT(save.es, save.ds), AT(save.cpl, save.cpl) } },
	{ 9, "CR2", { AT(save.cr2, save.cr2) } },
	{ 10, "LBR", { AT(save.debugctl, save.exception_to), AT(branch_records, branch_records) } },
};

#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

#define N_ASIDS 0x8000u

/* Of each processor. */
static struct {
	uint64_t vmcb; /* the address of `last`; 0: none */
	struct vmcb last;
	struct translations {
		uint64_t vmcb, n_cr3, cr0, cr3, cr4, efer; /* whose they are; vmcb 0: none */
	} tlb[N_ASIDS];
} remembered[VTX_MAX_CPUS];

static void check_clean(uint64_t page)
{
	const uint32_t clean = amd_features() >> 5 & 1 ? amd.vmcb->clean : 0;

	if (!clean)
		return;
	if (clean >> 13)
		vtx_scream("reserved clean bits: %#x", clean);
	if (remembered[vtx.number].vmcb != page)
		return; /* APM 2: the processor knows by the address */
	for (size_t i = 0; i < N_GROUPS; i++)
		for (unsigned int k = 0; k < 3 && (clean >> groups[i].bit & 1); k++) {
			const unsigned int from = groups[i].part[k].from;

			if (memcmp((const uint8_t *)amd.vmcb + from,
				   (const uint8_t *)&remembered[vtx.number].last + from,
				   groups[i].part[k].to - from))
				vtx_scream("the clean bit %s, and the state has changed",
					   groups[i].name);
		}
}

static struct translations translations_now(uint64_t page)
{
	const struct vmcb_save *const save = &amd.now.save;

	return (struct translations) {
		.vmcb = page,
		.n_cr3 = amd.now.n_cr3,
		.cr0 = save->cr0 & (CR0_PG | CR0_WP),
		.cr3 = save->cr3,
		.cr4 = save->cr4 & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_LA57 | CR4_SMEP | CR4_SMAP),
		.efer = save->efer & (EFER_LMA | EFER_NXE),
	};
}

static void forget_translations(void)
{
	struct translations *const tlb = remembered[vtx.number].tlb;

	switch (amd.now.tlb_control) {
	case 0: return;
	case 1:
		memset(tlb, 0, sizeof(remembered[0].tlb));
		amd.n_flushes_all++;
		return;
	case 3:
		if (!(amd_features() >> 6 & 1))
			vtx_scream("a flush by ASID, which the processor does not have");
		memset(&tlb[amd.now.asid], 0, sizeof(*tlb));
		amd.n_flushes_asid++;
		return;
	default: vtx_scream("TLB_CONTROL %u", amd.now.tlb_control);
	}
}

static void check_translations(uint64_t page)
{
	const struct translations *const there = &remembered[vtx.number].tlb[amd.now.asid];
	const struct translations now = translations_now(page);

	if (there->vmcb && memcmp(there, &now, sizeof(now)))
		vtx_scream("ASID %u has translations from elsewhere, or from before", amd.now.asid);
}

/* ---- VMLOAD, VMSAVE, GIF ----------------------------------------------------------------- */

static const struct {
	uint32_t msr;
	uint16_t offset;
} moved[] = {
	{ MSR_FS_BASE, offsetof(struct vmcb_save, fs.base) },
	{ MSR_GS_BASE, offsetof(struct vmcb_save, gs.base) },
	{ MSR_KERNEL_GS_BASE, offsetof(struct vmcb_save, kernel_gs_base) },
	{ MSR_STAR, offsetof(struct vmcb_save, star) },
	{ MSR_LSTAR, offsetof(struct vmcb_save, lstar) },
	{ MSR_CSTAR, offsetof(struct vmcb_save, cstar) },
	{ MSR_FMASK, offsetof(struct vmcb_save, fmask) },
	{ MSR_SYSENTER_CS, offsetof(struct vmcb_save, sysenter_cs) },
	{ MSR_SYSENTER_ESP, offsetof(struct vmcb_save, sysenter_esp) },
	{ MSR_SYSENTER_EIP, offsetof(struct vmcb_save, sysenter_eip) },
};

#define N_MOVED (sizeof(moved) / sizeof(moved[0]))

static uint64_t *place(struct vmcb_save *save, size_t i)
{
	return (uint64_t *)(void *)((uint8_t *)save + moved[i].offset);
}

static void move(struct vmcb_save *save, bool is_load)
{
	for (size_t i = 0; i < N_MOVED; i++)
		if (is_load)
			vtx_msr(moved[i].msr)->value = *place(save, i);
		else
			*place(save, i) = vtx_msr(moved[i].msr)->value;
}

static void must_be_on(const char *insn)
{
	if (!(vtx_msr(MSR_EFER)->value & EFER_SVME))
		vtx_scream("#UD in the hypervisor: %s without EFER.SVME", insn);
}

static struct vmcb *page_at(uint64_t page, const char *insn)
{
	must_be_on(insn);
	if (PAGE_OFFSET(page) || page >= vtx.ram_bytes)
		vtx_scream("#GP in the hypervisor: %s of %#llx", insn, (unsigned long long)page);
	return virt_ptr(SPA(page));
}

/* Whose page was loaded last, on each processor; 0: the state is as the loader left it. */
static uint64_t loaded[VTX_MAX_CPUS];

void svm_vmload(spa_t page)
{
	move(&page_at(page.a, "VMLOAD")->save, true);
	loaded[vtx.number] = page.a;
}

void svm_vmsave(spa_t page)
{
	if (loaded[vtx.number] && loaded[vtx.number] != page.a)
		vtx_scream("VMSAVE of another's state");
	move(&page_at(page.a, "VMSAVE")->save, false);
}

/* The hypervisor finds its own data by the GS base. */
static void check_gs(const char *insn)
{
	if (vtx_msr(MSR_GS_BASE)->value != (uintptr_t)vtx.percpu)
		vtx_scream("%s with a guest's GS base", insn);
}

void svm_load(uint64_t vmcb, uint64_t host_gs)
{
	svm_vmload(SPA(vmcb));
	vtx_msr(MSR_GS_BASE)->value = host_gs;
}

void svm_sti(void)
{
	if (amd.gif)
		vtx_scream("interrupts in the hypervisor");
}

void svm_clgi(void)
{
	must_be_on("CLGI");
	amd.gif = false;
}

void svm_stgi(void)
{
	must_be_on("STGI");
	if (loaded[vtx.number] && loaded[vtx.number] != svm_host_page(vtx.percpu).a)
		vtx_scream("STGI with a guest's TSS");
	amd.gif = true;
	if (!amd.nmi_pending[vtx.number])
		return;
	amd.nmi_pending[vtx.number] = false;
	(void)kick_nmi(0xffffffff80000000ull);
}

static void nmi_sent(uint32_t to)
{
	amd.nmi_pending[to] = true;
}

void svm_sleep(void)
{
	if (!amd.slept)
		vtx_scream("the hypervisor sleeps for ever");
	amd.slept();
	svm_stgi();
	svm_clgi();
}

spa_t start_spa(const void *at)
{
	return SPA((uint64_t)(uintptr_t)at - WHIT_DIRECT_BASE);
}

/* ---- The guest's side -------------------------------------------------------------------- */

bool amd_takes_virtual_interrupt(void)
{
	const uint64_t word = amd.now.virtual_interrupt;

	return (word & VINTR_REQUEST) && (amd.now.save.rflags & RFLAGS_IF) &&
	       !(amd.now.interrupt_state & STATE_SHADOW) &&
	       ((word & VINTR_NO_TPR) || (word >> 16 & 15) > (word & 15));
}

static bool is_instruction(uint64_t code)
{
	return code < VMEXIT_EXCEPTION || code == VMEXIT_EXCEPTION + 3 ||
	       code == VMEXIT_EXCEPTION + 4 ||
	       (code >= VMEXIT_CR0_SELECTIVE && code < VMEXIT_CODES && code != VMEXIT_SHUTDOWN &&
		code != VMEXIT_TASK);
}

void amd_exit(uint64_t code, uint64_t info1, uint64_t info2)
{
	struct vmcb *const now = &amd.now;

	if (code != VMEXIT_NMI && code != VMEXIT_INTR && code != VMEXIT_INIT &&
	    !amd_intercepts(now, code, info1, 0))
		vtx_scream("exit %#llx, which the VMCB does not ask for", (unsigned long long)code);
	now->exit_code = code;
	now->info1 = info1;
	now->info2 = info2;
	now->exit_event = vtx_random() & ~EVENT_VALID;
	now->next_rip = 0;
	if ((amd_features() >> 3 & 1) && is_instruction(code))
		now->next_rip = now->save.rip + amd.insn_length;
	for (unsigned int i = 0; i < 15; i++)
		now->bytes[i] = (uint8_t)vtx_random();
	now->n_bytes = 0;
}

void amd_interrupted(uint64_t event)
{
	amd.now.exit_event = event;
}

/* ---- VMRUN ------------------------------------------------------------------------------- */

/* The host's state, of which CR3 tells, and no virtual interrupts. */
static void lose_state(void)
{
	uint8_t *const save = (uint8_t *)&amd.vmcb->save;

	if (!amd.loses_state)
		return;
	for (size_t i = 0; i < sizeof(amd.vmcb->save); i++)
		save[i] = (uint8_t)vtx_random();
	amd.vmcb->save.cr3 = x86_read_cr3();
	amd.vmcb->virtual_interrupt = 0;
}

/* The registers that VMRUN switches, of those that tests/vtx has. */
static void swap_registers(struct vmcb_save *host)
{
	static const uint64_t speculation = SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD;
	struct vmcb_save *const save = &amd.now.save;
	struct vtx_msr *const debugctl = vtx_msr(MSR_DEBUGCTL);

	*host = (struct vmcb_save) {
		.cr0 = vtx.cr0,
		.cr3 = vtx.cr3,
		.cr4 = vtx.cr4,
		.efer = vtx_msr(MSR_EFER)->value,
		.debugctl = debugctl->value,
	};
	vtx_msr(MSR_EFER)->value = save->efer;
	vtx.cr2 = save->cr2;
	if ((amd_features() >> 1 & 1) && (amd.now.branch_records & 1))
		debugctl->value = save->debugctl;
	if (vtx_msr(MSR_SPEC_CTRL))
		amd.effective_spec_ctrl = vtx_msr(MSR_SPEC_CTRL)->value & speculation;
	if (amd_features() >> 20 & 1)
		amd.effective_spec_ctrl |= save->spec_ctrl & speculation;
}

static void swap_back(const struct vmcb_save *host)
{
	struct vmcb_save *const save = &amd.now.save;
	struct vtx_msr *const debugctl = vtx_msr(MSR_DEBUGCTL);

	save->cr2 = vtx.cr2;
	if ((amd_features() >> 1 & 1) && (amd.now.branch_records & 1)) {
		save->debugctl = debugctl->value;
		debugctl->value = host->debugctl;
	}
	vtx.cr0 = host->cr0;
	vtx.cr3 = host->cr3;
	vtx.cr4 = host->cr4;
	vtx_msr(MSR_EFER)->value = host->efer;
	vtx.dr7 = DR7_INIT;
}

/* APM 2 "Event Injection": a software interrupt pushes the next RIP, or RIP where there is none. */
static void inject(void)
{
	if (EVENT_TYPE(amd.now.event) == VMCB_EVENT_SOFT_INTERRUPT)
		amd.pushed_rip = amd_features() >> 3 & 1 ? amd.now.next_rip : amd.now.save.rip;
}

static void leave(uint64_t page)
{
	const uint32_t clean = amd.vmcb->clean;
	const uint8_t tlb_control = amd.vmcb->tlb_control;

	*amd.vmcb = amd.now;
	amd.vmcb->clean = clean;
	amd.vmcb->tlb_control = tlb_control;
	remembered[vtx.number].vmcb = page;
	for (size_t i = 0; i < N_MOVED; i++)
		*place(&amd.vmcb->save, i) = vtx_random(); /* it is in the processor */
	remembered[vtx.number].last = *amd.vmcb;
	remembered[vtx.number].tlb[amd.now.asid] = translations_now(page);
}

static bool is_refused(void)
{
	vtx.refusal = amd_check(&amd.now);
	if (!vtx.refusal)
		return false;
	vtx.n_refused++;
	amd.vmcb->exit_code = (uint64_t)(int32_t)VMEXIT_INVALID;
	lose_state();
	return true;
}

static void run(struct virt_regs *regs, uint64_t vmcb)
{
	struct vmcb_save kept;

	amd.vmcb = page_at(vmcb, "VMRUN");
	if (amd.gif)
		vtx_scream("VMRUN with GIF set");
	if (!vtx_msr(MSR_VM_HSAVE_PA)->value)
		vtx_scream("VMRUN without VM_HSAVE_PA");
	vtx.n_entries++;
	if (loaded[vtx.number] != vmcb)
		vtx_scream("VMRUN with another's state");
	check_clean(vmcb);
	amd.now = *amd.vmcb;
	move(&amd.now.save, false);
	if (!is_refused()) {
		forget_translations();
		check_translations(vmcb);
		inject();
		swap_registers(&kept);
		vtx.guest(regs);
		swap_back(&kept);
		move(&amd.now.save, false);
		leave(vmcb);
	}
}

void svm_enter(struct virt_regs *regs, uint64_t vmcb, uint64_t host_gs)
{
	struct svm_vp *const svm = svm_vp((struct virt_vp *)(void *)regs);

	if (!(vtx.cr4 & CR4_FSGSBASE))
		vtx_scream("#UD in the hypervisor: WRGSBASE");
	check_gs("VMRUN");
	vtx_msr(MSR_GS_BASE)->value = svm->gs_base;
	run(regs, vmcb);
	svm->gs_base = vtx_msr(MSR_GS_BASE)->value;
	vtx_msr(MSR_GS_BASE)->value = host_gs;
}

void svm_enter_whole(struct virt_regs *regs, uint64_t vmcb, uint64_t host)
{
	svm_vmload(SPA(vmcb));
	run(regs, vmcb);
	svm_vmsave(SPA(vmcb));
	svm_vmload(SPA(host));
}

/* ---- The machine ------------------------------------------------------------------------- */

void vtx_forget(void)
{
	svm_caps = (struct caps) { 0 };
}

void amd_start(enum amd_set set, uint64_t ram_bytes, uint64_t junk, uint64_t percpu_base)
{
	memset(&amd, 0, sizeof(amd));
	memset(remembered, 0, sizeof(remembered));
	memset(loaded, 0, sizeof(loaded));
	vtx_start(set, ram_bytes, junk);
	vtx.nmi_sent = nmi_sent;
	amd.gif = true;
	amd.loses_state = set == AMD_QEMU;
	vtx_msr(MSR_APIC_BASE)->value |= APIC_BASE_EXTD;
	vtx_take_over(percpu_base);
}
