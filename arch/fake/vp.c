/* SPDX-License-Identifier: MIT */
/* Virtual processors of the fake machine: registers in memory, exits out of a queue. */
#include <stdio.h>
#include <string.h>

#include "arch/fake/fake.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/fx.h"
#include "x86/msr.h"
#include "x86/rflags.h"

static struct fake_cpu *this_cpu(void)
{
	return &fake.cpu[virt_cpu()];
}

static void switch_in(struct virt_vp *vp)
{
	struct fake_cpu *const cpu = this_cpu();

	__atomic_store_n(&vp->cpu, virt_cpu(), __ATOMIC_RELAXED);
	vp->is_switched_in = true;
	memcpy(cpu->fpu, virt_ptr(vp->second), sizeof(cpu->fpu));
	cpu->switched_in = vp;
}

static struct virt_vp *create(struct virt_pages *pages, const struct virt_space *space)
{
	struct virt_vp *vp;
	spa_t first, second;

	_Static_assert(sizeof(struct virt_vp) <= PAGE_SIZE, "one page");
	if (pages->count < 2)
		return NULL;
	virt_pages_take(pages, &first);
	virt_pages_take(pages, &second);
	vp = virt_ptr(first);
	vp->magic = FAKE_MAGIC;
	vp->second = second;
	vp->space = space;
	vp->renewed_at = __atomic_load_n(&fake.n_changes, __ATOMIC_RELAXED);
	*(uint16_t *)virt_ptr(second) = 0x37f;
	*(uint32_t *)(void *)((uint8_t *)virt_ptr(second) + 24) = 0x1f80;
	*(uint32_t *)(void *)((uint8_t *)virt_ptr(second) + 28) = 0xffff;
	FAKE_COUNT(n_vps);
	return vp;
}

struct virt_vp *virt_root_create(struct virt_pages *pages, const struct whit_cpu_state *state,
				 const struct virt_space *space)
{
	struct virt_vp *vp = create(pages, space);

	if (!vp)
		return NULL;
	memcpy(vp->regs.gpr, state->gpr, sizeof(vp->regs.gpr));
	vp->regs.rip = state->rip;
	vp->regs.rflags = state->rflags;
	vp->reg[VIRT_CR0] = state->cr0;
	vp->reg[VIRT_CR3] = state->cr3;
	vp->reg[VIRT_CR4] = state->cr4;
	vp->reg[VIRT_DR7] = state->dr7;
	vp->reg[VIRT_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
	memcpy(vp->segment, state->seg, sizeof(state->seg));
	vp->segment[SEG_GDTR] =
		(struct x86_segment) { .base = state->gdtr.base, .limit = state->gdtr.limit };
	vp->segment[SEG_IDTR] =
		(struct x86_segment) { .base = state->idtr.base, .limit = state->idtr.limit };
	vp->is_root = true;
	switch_in(vp);
	return vp;
}

bool virt_waits(const struct virt_vp *root)
{
	return root->waits_for_sipi;
}

void virt_root_step(struct virt_vp *root, const struct virt_space *space, bool is_one)
{
	FAKE_USES(root);

	if (!root->is_root || !virt_machine.has_step)
		fake_scream("a step of what does not step");
	root->space = space;
	root->steps = is_one;
}

void virt_root_guard_msr(struct virt_vp *root, uint32_t msr, bool reads, bool writes)
{
	FAKE_USES(root);

	(void)msr;
	(void)reads;
	(void)writes;
	if (!root->is_root)
		fake_scream("MSR guard on a child");
}

/* SDM 3A "Processor State After Reset". */
static void reset(struct virt_vp *vp)
{
	vp->regs.rip = 0xfff0;
	vp->regs.rflags = RFLAGS_ONE;
	vp->reg[VIRT_CR0] = CR0_CD | CR0_NW | CR0_ET;
	vp->reg[VIRT_DR6] = DR6_INIT;
	vp->reg[VIRT_DR7] = DR7_INIT;
	vp->reg[VIRT_PAT] = PAT_RESET;
	for (unsigned int i = 0; i < SEG_COUNT; i++)
		vp->segment[i] = (struct x86_segment) { 0, 0xffff, 0, 0x93 };
	vp->segment[SEG_CS] = (struct x86_segment) { 0xffff0000u, 0xffff, 0xf000, 0x9b };
	vp->segment[SEG_LDTR].attributes = 0x82;
	vp->segment[SEG_TR].attributes = 0x8b;
	vp->segment[SEG_GDTR] = vp->segment[SEG_IDTR] = (struct x86_segment) { .limit = 0xffff };
}

struct virt_vp *virt_vp_create(struct virt_pages *pages, const struct virt_space *space,
			       const struct virt_config *config)
{
	struct virt_vp *vp = create(pages, space);

	if (!vp)
		return NULL;
	reset(vp);
	vp->deadline = ~0ull;
	vp->reg[VIRT_XCR0] = 1;
	virt_configure(vp, config);
	return vp;
}

/* "… or INIT": the model-specific registers stay. */
void virt_vp_reset(struct virt_vp *vp, bool is_init)
{
	FAKE_USES(vp);
	const uint64_t pat = vp->reg[VIRT_PAT];

	memset(vp->regs.gpr, 0, sizeof(vp->regs.gpr));
	reset(vp);
	if (is_init)
		vp->reg[VIRT_PAT] = pat;
	else
		vp->reg[VIRT_SPEC_CTRL] = vp->reg[VIRT_DEBUGCTL] = 0;
}

void virt_vp_destroy(struct virt_vp *vp, struct virt_pages *pages)
{
	spa_t second;

	(void)fake_use(vp, false);
	second = vp->second;
	if (vp->is_switched_in)
		fake_scream("a VP is destroyed while its registers are in the processor");
	memset(virt_ptr(second), 0, PAGE_SIZE);
	memset(vp, 0, PAGE_SIZE);
	virt_pages_give(pages, second);
	virt_pages_give(pages, SPA((uintptr_t)vp - virt_direct_base));
	(void)__atomic_fetch_sub(&fake.n_vps, 1u, __ATOMIC_RELAXED);
}

void virt_switch(struct virt_vp *from, struct virt_vp *to)
{
	struct fake_cpu *const cpu = this_cpu();
	FAKE_USES(from);
	__attribute__((unused, cleanup(fake_end_use))) struct virt_vp *used_too =
		fake_use(to, false);

	if (!from->is_switched_in || from == to || to->is_switched_in)
		fake_scream("virt_switch from a VP that is not in, or to one that is");
	memcpy(virt_ptr(from->second), cpu->fpu, sizeof(cpu->fpu));
	from->is_switched_in = false;
	switch_in(to);
	FAKE_COUNT(n_switches);
}

void fake_withhold(struct virt_exit *exit)
{
	const bool is_software = exit->interrupted.type >= VIRT_EVENT_SOFT_INTERRUPT;

	if ((fake_lacks & FAKE_LACKS_LENGTH) && (exit->insn_length || is_software)) {
		exit->is_partial = exit->reason != VIRT_EXIT_HIDDEN_INSN;
		exit->insn_length = 0;
		if (is_software)
			exit->interrupted.length = 0;
	}
	switch (exit->reason) {
	case VIRT_EXIT_MEMORY:
		if (fake_lacks & FAKE_LACKS_GVA)
			exit->memory.gva_valid = false;
		break;
	case VIRT_EXIT_CR_READ:
	case VIRT_EXIT_CR_WRITE:
		if (!(fake_lacks & FAKE_LACKS_OPERANDS))
			break;
		exit->is_partial = true;
		exit->cr.gpr = VIRT_GPR_UNKNOWN;
		exit->cr.value = ~0ull;
		break;
	case VIRT_EXIT_DR:
		if (!(fake_lacks & FAKE_LACKS_OPERANDS))
			break;
		exit->is_partial = true;
		exit->dr.gpr = VIRT_GPR_UNKNOWN;
		break;
	default: break;
	}
}

/* The next exit of the script, or what the player makes up. */
static void next_exit(struct virt_vp *vp, struct virt_exit *exit)
{
	void (*const play)(struct virt_vp * vp, struct virt_exit * exit) =
		this_cpu()->play ? this_cpu()->play : fake.play;
	struct fake_exit *next;

	if (!virt_cpu() && fake.next_exit < fake.n_exits) {
		next = &fake.exits[fake.next_exit++];
		*exit = next->exit;
		vp->regs.changed = false;
		if (next->hook)
			next->hook(vp, exit);
		return;
	}
	if (!play)
		fake_scream("virt_run: no exit is left in the script");
	memset(exit, 0, sizeof(*exit));
	vp->regs.changed = false;
	play(vp, exit);
}

/*
 * In the guest: nothing may be taken away from its space meanwhile. A root that waits for a SIPI is
 * not there, and no kick reaches it.
 */
static void run_guest(struct virt_vp *vp, struct virt_exit *exit)
{
	struct fake_cpu *const cpu = this_cpu();

	if (vp->waits_for_sipi) {
		next_exit(vp, exit);
		return;
	}
	if (fake_is_kicked()) {
		memset(exit, 0, sizeof(*exit));
		exit->reason = VIRT_EXIT_NOTHING;
		return;
	}
	__atomic_store_n(&cpu->in_guest, vp->space->root.a, __ATOMIC_RELAXED);
	next_exit(vp, exit);
	__atomic_store_n(&cpu->in_guest, 0, __ATOMIC_RELAXED);
}

/* Nobody takes flags of writes back while a guest runs here. */
static bool is_alone(void)
{
	return fake.n_cpus == 1;
}

void virt_run(struct virt_vp *vp, struct virt_exit *exit)
{
	FAKE_USES(vp);

	if (!vp->is_switched_in)
		fake_scream("virt_run of a VP that is not switched in");
	if (!vp->waits_for_sipi && (is_alone() ? fake_is_stale(vp) : fake_is_wrong(vp)))
		fake_scream("virt_run on translations that have been replaced");
	FAKE_COUNT(n_runs);
	run_guest(vp, exit);
	if (exit->reason == VIRT_EXIT_STEP && !vp->steps)
		fake_scream("a step that nobody has asked for");
	if (exit->reason >= VIRT_EXIT_COUNT)
		fake_scream("exit reason %d", (int)exit->reason);
	if (fake_lacks && !vp->is_root) {
		if (fake.write_code)
			fake.write_code(vp, exit);
		fake_withhold(exit);
	}
	if (exit->reason != VIRT_EXIT_INVALID_STATE && exit->reason != VIRT_EXIT_NOTHING)
		memset(&vp->injected, 0, sizeof(vp->injected));
}

uint64_t virt_get(struct virt_vp *vp, enum virt_reg reg)
{
	FAKE_USES(vp);

	if ((unsigned int)reg >= VIRT_REG_COUNT)
		fake_scream("virt_get %d", (int)reg);
	return vp->reg[reg];
}

void virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	FAKE_USES(vp);

	if ((unsigned int)reg >= VIRT_REG_COUNT)
		fake_scream("virt_set %d", (int)reg);
	switch (reg) {
	case VIRT_PDPTE0:
	case VIRT_PDPTE1:
	case VIRT_PDPTE2:
	case VIRT_PDPTE3:
		if (!virt_machine.has_pdptes)
			fake_scream("a PDPTE of a processor that holds none");
		break;
	case VIRT_SHADOW:
		if (value & ~(uint64_t)(VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS | VIRT_SHADOW_NMI))
			fake_scream("shadow %#llx", (unsigned long long)value);
		value = fake_shadow(value);
		break;
	case VIRT_DEBUGCTL:
		if (value & ~DEBUGCTL_BTF)
			fake_scream("DEBUGCTL %#llx", (unsigned long long)value);
		break;
	case VIRT_PENDING_DEBUG:
		if (value & ~0x400full)
			fake_scream("pending debug %#llx", (unsigned long long)value);
		break;
	case VIRT_KERNEL_GS_BASE:
	case VIRT_LSTAR:
	case VIRT_CSTAR: /* WRMSR would raise #GP in the hypervisor */
		if ((uint64_t)((int64_t)(value << 16) >> 16) != value)
			fake_scream("MSR with the non-canonical value %#llx",
				    (unsigned long long)value);
		break;
	case VIRT_EFER:
		if (value & ~virt_machine.efer_possible)
			fake_scream("EFER %#llx", (unsigned long long)value);
		break;
	default: break;
	}
	vp->reg[reg] = value;
}

void virt_get_segment(struct virt_vp *vp, enum x86_seg seg, struct x86_segment *value)
{
	FAKE_USES(vp);

	if ((unsigned int)seg >= SEG_AND_TABLE_COUNT)
		fake_scream("segment %d", (int)seg);
	*value = vp->segment[seg];
}

void virt_set_segment(struct virt_vp *vp, enum x86_seg seg, const struct x86_segment *value)
{
	FAKE_USES(vp);

	if ((unsigned int)seg >= SEG_AND_TABLE_COUNT)
		fake_scream("segment %d", (int)seg);
	if (seg >= SEG_COUNT && (value->selector || value->attributes || value->limit > 0xffff))
		fake_scream("table register with more than a base and a limit");
	vp->segment[seg] = *value;
	vp->segment[seg].attributes &= 0xf0ff;
}

const struct virt_view *virt_view(struct virt_vp *vp)
{
	/* The processor's last one asked for: who keeps an old one is found out. */
	static _Thread_local struct virt_view view;
	struct virt_paging *paging = &view.paging;
	FAKE_USES(vp);

	view.cs = vp->segment[SEG_CS];
	view.dr7 = vp->reg[VIRT_DR7];
	view.shadow = (uint8_t)vp->reg[VIRT_SHADOW];
	paging->cr0 = vp->reg[VIRT_CR0];
	paging->cr3 = vp->reg[VIRT_CR3];
	paging->cr4 = vp->reg[VIRT_CR4];
	paging->efer = vp->reg[VIRT_EFER];
	paging->rflags = vp->regs.rflags;
	paging->pkru = vp->pkru;
	paging->pkrs = vp->pkrs;
	for (unsigned int i = 0; i < 4; i++)
		paging->pdpte[i] = virt_machine.has_pdptes ? vp->reg[VIRT_PDPTE0 + i] : ~0ull;
	paging->cpl = (uint8_t)SEG_ATTR_DPL(vp->segment[SEG_SS].attributes);
	if (!(paging->cr0 & CR0_PE))
		paging->cpl = 0;
	else if (paging->rflags & RFLAGS_VM)
		paging->cpl = 3;
	return &view;
}

void *virt_fpu_save(struct virt_vp *vp)
{
	FAKE_USES(vp);

	if (vp->is_switched_in)
		memcpy(virt_ptr(vp->second), this_cpu()->fpu, sizeof(this_cpu()->fpu));
	return virt_ptr(vp->second);
}

void virt_fpu_load(struct virt_vp *vp)
{
	FAKE_USES(vp);
	const struct x86_fxsave *image = virt_ptr(vp->second);

	if (image->mxcsr & ~image->mxcsr_mask)
		fake_scream("FXRSTOR of MXCSR %#x", image->mxcsr);
	if (vp->is_switched_in)
		memcpy(this_cpu()->fpu, image, sizeof(this_cpu()->fpu));
}

void virt_renew(struct virt_vp *vp)
{
	FAKE_USES(vp);

	vp->renewed_at = __atomic_load_n(&fake.n_changes, __ATOMIC_RELAXED);
	vp->n_renewals++;
}

void virt_flush(struct virt_vp *vp)
{
	FAKE_USES(vp);

	vp->n_flushes++;
}

void virt_inject(struct virt_vp *vp, const struct virt_event *event)
{
	bool is_soft = event->type >= VIRT_EVENT_SOFT_INTERRUPT;
	FAKE_USES(vp);

	if (event->type > VIRT_EVENT_SOFT_EXCEPTION)
		fake_scream("event of type %u", event->type);
	if ((event->type == VIRT_EVENT_NMI && event->vector != 2) ||
	    (event->type == VIRT_EVENT_EXCEPTION && event->vector > 31) ||
	    (event->has_error_code && event->type != VIRT_EVENT_EXCEPTION) || event->length > 15 ||
	    (is_soft && !event->length))
		fake_scream("event %u/%u", event->type, event->vector);
	vp->injected = *event;
}

void virt_window(struct virt_vp *vp, bool interrupt, bool nmi)
{
	FAKE_USES(vp);

	vp->wants_interrupt_window = interrupt;
	vp->wants_nmi_window = nmi;
}

void virt_step(struct virt_vp *vp, bool is_branch)
{
	FAKE_USES(vp);

	if (is_branch || !(vp->reg[VIRT_DEBUGCTL] & DEBUGCTL_BTF))
		vp->reg[VIRT_PENDING_DEBUG] |= 1ull << 14;
}

void virt_skip(struct virt_vp *vp, unsigned int length)
{
	FAKE_USES(vp);

	if (!length || length > 15)
		fake_scream("virt_skip of an instruction of %u bytes", length);
	vp->regs.rip += length;
	if (!(vp->reg[VIRT_EFER] & EFER_LMA))
		vp->regs.rip &= 0xffffffffu;
	vp->regs.rflags &= ~(uint64_t)RFLAGS_RF;
	vp->regs.changed = true;
	vp->reg[VIRT_SHADOW] &= ~(uint64_t)(VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS);
	if (vp->regs.rflags & RFLAGS_TF)
		virt_step(vp, false);
	FAKE_COUNT(n_skips);
}

void virt_configure(struct virt_vp *vp, const struct virt_config *config)
{
	FAKE_SETS(vp);

	if (vp->is_root)
		fake_scream("virt_configure of the root");
	if (config->cr4 & ~virt_machine.cr4_possible)
		fake_scream("CR4 bits %#llx that the machine has not",
			    (unsigned long long)config->cr4);
	vp->config = *config;
}

uint64_t virt_bound(struct virt_vp *vp)
{
	FAKE_USES(vp);

	return virt_machine.has_deadline ? ~0ull : vp->deadline;
}

void virt_set_deadline(struct virt_vp *vp, uint64_t tsc)
{
	FAKE_USES(vp);

	vp->deadline = tsc;
}
