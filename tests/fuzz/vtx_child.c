/* SPDX-License-Identifier: MIT */
/*
 * The hostile guest: what a processor can make of a child between an entry and its exit. Which exits there are, and with which
 * fields, follows from the controls and from SDM 3C "VM Exits"; which of them comes, from the input.
 */
#include "hv/partition.h"
#include "tests/fuzz/vtx_fuzz.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/rflags.h"

/* The same piece of the input over and over, for guests that do one thing for ever. */
static struct {
	size_t at;
	unsigned int n;
} again;

static uint64_t rip_at_exit;

void child_start(void)
{
	again.n = 0;
	rip_at_exit = 0;
}

static uint32_t proc(void)
{
	return (uint32_t)vtx_get(VMCS_PROC_CONTROLS);
}

static uint32_t proc2(void)
{
	return (uint32_t)vtx_get(VMCS_PROC2_CONTROLS);
}

/* ---- What the guest must not see --------------------------------------------------------- */

static void check_leaf(uint64_t gpa, uint64_t entry, unsigned int level)
{
	const uint64_t first = entry & 0x000ffffffffff000ull & ~(LEVEL_SIZE(level) - 1);

	for (uint64_t at = first; at < first + LEVEL_SIZE(level); at += PAGE_SIZE) {
		if (!is_hidden_page(at))
			continue;
		if (gpa == 0xfee00000 && (proc2() & PROC2_APIC_ACCESSES) &&
		    at == vtx_get(VMCS_APIC_ACCESS_ADDRESS))
			continue;
		BROKEN("a child reaches hidden page %#llx at %#llx", (unsigned long long)at,
		       (unsigned long long)gpa);
	}
}

static void check_table(uint64_t table, uint64_t gpa, unsigned int level)
{
	const uint64_t *const entries = virt_ptr(SPA(table));

	for (unsigned int i = 0; i < 512; i++) {
		const uint64_t at = gpa + i * LEVEL_SIZE(level);

		if (!(entries[i] & 7))
			continue;
		if (level == LEVEL_4K || (entries[i] & 0x80))
			check_leaf(at, entries[i], level);
		else
			check_table(entries[i] & 0x000ffffffffff000ull, at, level - 1);
	}
}

static void check_sight(void)
{
	check_table(vtx_get(VMCS_EPT_POINTER) & 0x000ffffffffff000ull, 0, 4);
}

/* ---- State ------------------------------------------------------------------------------- */

static void change_segment(bool is_root)
{
	const enum x86_seg seg = in8() % SEG_COUNT;
	static const uint16_t rights[] = { 0x93,   0x9b,   0xf3, 0xfb, 0x409b, 0xc093, 0xc09b,
					   0xa09b, 0xa0fb, 0x8b, 0x82, 0x9d,   0x97 };
	const uint8_t how = in8();

	if (is_root && (seg == SEG_CS || seg == SEG_SS))
		return;
	if (how & 0x80)
		vtx_put(VMCS_GUEST_ACCESS_RIGHTS(seg), rights[how % sizeof(rights) / 2 % 13]);
	if (how & 0x40)
		vtx_put(VMCS_GUEST_ACCESS_RIGHTS(seg),
			vtx_get(VMCS_GUEST_ACCESS_RIGHTS(seg)) ^ ACCESS_RIGHTS_UNUSABLE);
	if (how & 0x20)
		vtx_put(VMCS_GUEST_SELECTOR(seg), in_n(2));
	if (how & 0x10)
		vtx_put(VMCS_GUEST_BASE(seg), vtx_get(VMCS_GUEST_SELECTOR(seg)) << 4);
	else if (how & 8)
		vtx_put(VMCS_GUEST_BASE(seg), in_value());
	if (how & 4)
		vtx_put(VMCS_GUEST_LIMIT(seg), how & 2 ? 0xffffffff : 0xffff);
}

static void change_control(void)
{
	const uint64_t cr0_mask = vtx_get(VMCS_CR0_GUEST_HOST_MASK);
	const uint64_t cr4_mask = vtx_get(VMCS_CR4_GUEST_HOST_MASK);
	uint64_t value = 1ull << in8() % 32, efer;

	switch (in8() % 4) {
	case 0:
		vtx_put(VMCS_GUEST_CR0, vtx_get(VMCS_GUEST_CR0) ^ (value & ~cr0_mask));
		efer = vtx_msr(MSR_EFER)->value & ~EFER_LMA;
		if ((vtx_get(VMCS_GUEST_CR0) & CR0_PG) && (efer & EFER_LME))
			efer |= EFER_LMA;
		vtx_msr(MSR_EFER)->value = efer;
		vtx_put(VMCS_GUEST_EFER, efer);
		vtx_put(VMCS_ENTRY_CONTROLS,
			(vtx_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_IA32E_MODE_GUEST) |
				(efer & EFER_LMA ? ENTRY_IA32E_MODE_GUEST : 0));
		return;
	case 1: vtx_put(VMCS_GUEST_CR4, vtx_get(VMCS_GUEST_CR4) ^ (value & ~cr4_mask)); return;
	case 2: vtx_put(VMCS_GUEST_CR3, in_value()); return;
	default: vtx.cr2 = in_value(); return;
	}
}

static bool is_stepping(void)
{
	return (vtx_get(VMCS_GUEST_RFLAGS) & RFLAGS_TF) &&
	       !(vtx_msr(MSR_DEBUGCTL)->value & DEBUGCTL_BTF);
}

static void change_shadow(void)
{
	const uint64_t nmi = vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_NMI;
	const uint8_t how = in8();

	if (how & 0x10)
		vtx_put(VMCS_GUEST_RFLAGS, vtx_get(VMCS_GUEST_RFLAGS) ^ RFLAGS_TF);
	if (how & 0x20)
		vtx_put(VMCS_GUEST_RFLAGS, vtx_get(VMCS_GUEST_RFLAGS) ^ RFLAGS_IF);
	vtx_put(VMCS_GUEST_INTERRUPTIBILITY_STATE, nmi ^ (how & (3 | INTERRUPTIBILITY_NMI)));
	/* The trap of the shadow's own instruction is still to come. */
	vtx_put(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
		(how & 3) && is_stepping() ? PENDING_DEBUG_BS : 0);
}

static void change_registers(struct virt_regs *regs)
{
	const uint8_t how = in8();

	if (how < 0x80) {
		regs->gpr[how % 16] = in_value();
		if (how % 16 == 4)
			vtx_put(VMCS_GUEST_RSP, regs->gpr[4]);
	} else if (how < 0xc0) {
		vtx_put(VMCS_GUEST_RFLAGS, (in_n(3) & RFLAGS_DEFINED) | RFLAGS_ONE);
		vtx_put(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_NMI);
		vtx_put(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	} else {
		vtx_put(VMCS_GUEST_RIP, how & 1 ? in_value() : in8());
	}
}

static void change_vectors(void)
{
	uint8_t *const at = (uint8_t *)&vtx.fx + offsetof(struct x86_fxsave, st);

	at[in_n(2) % (sizeof(vtx.fx.st) + sizeof(vtx.fx.xmm))] = in8();
	vtx.fx.mxcsr = (uint32_t)in_n(2);
	if (!(vtx_get(VMCS_GUEST_CR4) & CR4_OSXSAVE) || !(vtx.xcr0 & XCR0_AVX))
		return;
	vtx.extended[in8()] = in8();
	vtx.in_use |= XCR0_AVX;
}

/* What changes without a VM exit besides: MSRs by their instructions, the APIC's page. */
static void change_rest(bool is_root)
{
	switch (in8() % 5) {
	case 0:
		if (vtx_msr(MSR_EFER)->value & EFER_LME)
			vtx_msr(MSR_KERNEL_GS_BASE)->value = in_n(4);
		return;
	case 1: vtx_put(VMCS_GUEST_BASE(SEG_GDTR + in8() % 2), in_value()); return;
	case 2:
		if (!is_root && (proc() & PROC_TPR_SHADOW))
			((uint8_t *)virt_ptr(SPA(vtx_get(VMCS_VIRTUAL_APIC_ADDRESS))))[0x80] =
				in8();
		return;
	case 3:
		if (!is_root && (proc2() & PROC2_INTERRUPT_DELIVERY))
			vtx_put(VMCS_GUEST_INTERRUPT_STATUS, in_n(2));
		return;
	default:
		if (is_root) {
			vtx.dr[in8() % 4] = in_value();
			vtx.dr6 = (in_n(2) & 0xe00f) | DR6_INIT;
			vtx.dr7 = (in_n(2) & 0xf3ff) | DR7_INIT;
			vtx_put(VMCS_GUEST_DR7, vtx.dr7);
		}
		return;
	}
}

static void write_memory(void)
{
	const uint64_t gpa = (uint64_t)in8() << 12 | in_n(1);
	uint64_t spa;

	if (!vtx_translate(vtx_get(VMCS_EPT_POINTER), gpa, 2, &spa))
		return;
	if (is_hidden_page(spa & PAGE_MASK))
		BROKEN("a child writes to hidden page %#llx", (unsigned long long)spa);
	*(uint8_t *)virt_ptr(SPA(spa)) = in8();
}

/* Copies between the MSRs that are loaded now and the area that the checks look at. */
static void sync(bool to_msrs)
{
	static const struct {
		uint32_t msr;
		uint16_t field;
	} both[] = { { MSR_EFER, VMCS_GUEST_EFER },
		     { MSR_DEBUGCTL, VMCS_GUEST_DEBUGCTL },
		     { MSR_FS_BASE, VMCS_GUEST_BASE(SEG_FS) },
		     { MSR_GS_BASE, VMCS_GUEST_BASE(SEG_GS) },
		     { MSR_PAT, VMCS_GUEST_PAT },
		     { MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS },
		     { MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP },
		     { MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP } };

	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		if (to_msrs)
			vtx_msr(both[i].msr)->value = vtx_get(both[i].field);
		else
			vtx_put(both[i].field, vtx_msr(both[i].msr)->value);
}

void mutate_state(struct virt_regs *regs, bool is_root)
{
	const uint64_t info = vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	uint64_t before[VTX_VMCS_WORDS];

	/* The event of the entry is delivered: it is not part of the state any more. */
	vtx_put(VMCS_ENTRY_INTERRUPTION_INFO, 0);
	sync(false);
	vtx_save(before);
	switch (in8() % 8) {
	case 0: change_segment(is_root); break;
	case 1:
		if (!is_root)
			change_control();
		break;
	case 2: change_shadow(); break;
	case 3: change_vectors(); break;
	case 4: change_rest(is_root); break;
	case 5:
		if (!is_root)
			write_memory();
		break;
	default:
		if (!is_root)
			change_registers(regs);
		break;
	}
	if (vtx_check_guest())
		vtx_restore(before);
	sync(true);
	vtx.dr7 = vtx_get(VMCS_GUEST_DR7);
	regs->gpr[4] = vtx_get(VMCS_GUEST_RSP);
	vtx_put(VMCS_ENTRY_INTERRUPTION_INFO, info);
}

/* ---- Exits ------------------------------------------------------------------------------- */

/* An exit during the delivery of an event. SDM 3C "Information for VM Exits During Event Delivery" */
static void note_vectoring(uint32_t info, uint64_t code, uint64_t length)
{
	if (!(info & INTR_VALID))
		return;
	vtx_put(VMCS_IDT_VECTORING_INFO, info & ~(uint64_t)INTR_NMI_UNBLOCKED);
	if (info & INTR_ERROR_CODE)
		vtx_put(VMCS_IDT_VECTORING_ERROR_CODE, code);
	if ((info & INTR_TYPE) >> INTR_TYPE_SHIFT >= INTR_SOFT_INTERRUPT)
		vtx_put(VMCS_EXIT_INSTRUCTION_LENGTH, length);
}

static void exit_insn(uint32_t reason, uint64_t qualification)
{
	vtx_exit(reason, qualification);
	vtx_put(VMCS_EXIT_INSTRUCTION_LENGTH, 1 + in8() % 15);
}

/* One that the bitmap intercepts; an NMI if the input says so. */
static void exit_exception(bool is_delivery)
{
	const uint32_t bitmap = (uint32_t)vtx_get(VMCS_EXCEPTION_BITMAP);
	const uint8_t how = in8();
	unsigned int vector = how & 31;
	uint32_t type = INTR_HARD_EXCEPTION, info;
	uint64_t qualification = 0;

	if (how & 0x80) {
		vtx_exit(REASON_EXCEPTION_OR_NMI, 0);
		vtx_put(VMCS_EXIT_INTERRUPTION_INFO,
			INTR_VALID | INTR_NMI << INTR_TYPE_SHIFT | EXC_NMI);
		vtx.nmi_blocked = true;
		return;
	}
	while (!(bitmap >> vector & 1))
		vector = (vector + 1) & 31;
	if (vector == EXC_NMI)
		vector = EXC_DB;
	if ((vector == EXC_BP || vector == EXC_OF) && !is_delivery)
		type = INTR_SOFT_EXCEPTION;
	/* In MOV SS's shadow no other #DB comes. */
	if (vector == EXC_DB && !is_delivery &&
	    ((how & 0x40) ||
	     (vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_MOV_SS)))
		type = INTR_PRIVILEGED_SOFT;
	if (vector == EXC_DB && type == INTR_HARD_EXCEPTION)
		qualification = in_n(2) & 0x600f;
	if (vector == EXC_PF)
		qualification = in_value();
	vtx_exit(REASON_EXCEPTION_OR_NMI, qualification);
	info = INTR_VALID | type << INTR_TYPE_SHIFT | vector;
	if (type == INTR_HARD_EXCEPTION && (EXC_HAS_ERROR_CODE >> vector & 1) &&
	    (vtx_get(VMCS_GUEST_CR0) & CR0_PE)) {
		info |= INTR_ERROR_CODE;
		vtx_put(VMCS_EXIT_INTERRUPTION_ERROR_CODE, in_n(2));
	}
	if (type != INTR_HARD_EXCEPTION)
		vtx_put(VMCS_EXIT_INSTRUCTION_LENGTH, 1);
	if (how & 0x20 && !is_delivery)
		info |= INTR_NMI_UNBLOCKED;
	vtx_put(VMCS_EXIT_INTERRUPTION_INFO, info);
}

/*
 * Put an instruction where the guest stands, with all of its operands at `gpa`: what the emulator then finds. False: there
 * is no memory of the guest there.
 */
static bool place_insn(struct virt_regs *regs, uint64_t gpa)
{
	static const uint8_t insns[][6] = {
		{ 0x88, 0x07 },
		{ 0x8a, 0x07 },
		{ 0x89, 0x07 },
		{ 0x8b, 0x07 },
		{ 0xa4 },
		{ 0xf3, 0xa4 },
		{ 0xf3, 0xa5 },
		{ 0xaa },
		{ 0xf3, 0xab },
		{ 0xac },
		{ 0xa6 },
		{ 0xf3, 0xa6 },
		{ 0xae },
		{ 0x6c },
		{ 0xf3, 0x6c },
		{ 0x6e },
		{ 0xf3, 0x6f },
		{ 0x01, 0x07 },
		{ 0xf0, 0x01, 0x07 },
		{ 0x87, 0x07 },
		{ 0x0f, 0xb1, 0x0f },
		{ 0xff, 0x07 },
		{ 0xff, 0x37 },
		{ 0x8f, 0x07 },
		{ 0xc7, 0x07, 1, 2, 3, 4 },
		{ 0x0f, 0xb6, 0x07 },
		{ 0x0f, 0x6f, 0x07 },
		{ 0x66, 0x0f, 0x6f, 0x07 },
		{ 0x0f, 0x11, 0x07 },
		{ 0xc5, 0xfe, 0x6f, 0x07 },
		{ 0xc5, 0xfe, 0x7f, 0x07 },
		{ 0xdd, 0x07 },
		{ 0xdb, 0x3f },
		{ 0x0f, 0x01, 0x17 },
		{ 0x0f, 0x01, 0x37 },
		{ 0x8e, 0x17 },
		{ 0xc4, 0x07 },
		{ 0x0f, 0xae, 0x17 },
		{ 0x60 },
		{ 0x61 },
		{ 0x62, 0x07 },
		{ 0x0f, 0xc7, 0x0f },
	};
	const uint8_t how = in8();
	const uint64_t at = vtx_get(VMCS_GUEST_BASE(SEG_CS)) + vtx_get(VMCS_GUEST_RIP);
	uint64_t spa;

	if (at >> 40 || !vtx_translate(vtx_get(VMCS_EPT_POINTER), at, 2, &spa) ||
	    PAGE_OFFSET(spa) > PAGE_SIZE - 16)
		return false;
	if (how < 0xf0)
		memcpy(virt_ptr(SPA(spa)), insns[how % (sizeof(insns) / sizeof(insns[0]))], 6);
	else
		for (unsigned int i = 0; i < 8; i++)
			((uint8_t *)virt_ptr(SPA(spa)))[i] = in8();
	regs->gpr[3] = regs->gpr[6] = regs->gpr[7] = gpa;
	regs->gpr[1] &= 0xff;
	return true;
}

static bool exit_ept(struct virt_regs *regs)
{
	static const uint64_t places[] = { 0xa0000,    0xfee00000, 0xfec00000,	0x3f000,
					   0x10000000, 0x40000000, 0x100000000, 0x7f0000000000 };
	static const uint8_t kinds[] = { 1, 2, 4, 3 };
	const uint8_t how = in8();
	const uint64_t place = how & 0x80 ? (uint64_t)(how & 0x7f) << 12 : places[how & 7];
	const uint64_t gpa = (place + in8()) & 0xffffffffffull;
	const unsigned int access = kinds[how >> 3 & 3];
	uint64_t spa, qualification = access;

	if (vtx_translate(vtx_get(VMCS_EPT_POINTER), gpa, access, &spa))
		return false;
	if (how & 0x20)
		qualification |= QUAL_EPT_GVA_VALID | (how & 0x40 ? 0 : QUAL_EPT_IS_FINAL);
	if (how & 0x40 && how & 2)
		qualification |= QUAL_EPT_NMI_UNBLOCKED;
	vtx_exit(REASON_EPT_VIOLATION, qualification);
	vtx_put(VMCS_GUEST_PHYSICAL_ADDRESS, gpa);
	if (how & 0x20)
		vtx_put(VMCS_GUEST_LINEAR_ADDRESS, how & 1 ? gpa : in_value());
	if (in8() & 1)
		(void)place_insn(regs, gpa);
	return true;
}

static void exit_io(struct virt_regs *regs)
{
	const uint8_t how = in8();
	const uint64_t size = how & 3 ? (how & 3) == 3 ? 3 : (how & 3) - 1 : 0;
	uint64_t qualification = size | (how & 0x38) | in_n(2) << 16;

	exit_insn(REASON_IO, qualification);
	if (how & QUAL_IO_STRING) {
		vtx_put(VMCS_GUEST_LINEAR_ADDRESS, in_value());
		(void)place_insn(regs, (uint64_t)in8() << 4);
	}
}

static void exit_cr(struct virt_regs *regs)
{
	const uint8_t how = in8();
	const uint64_t gpr = how & 15;
	uint64_t qualification;

	regs->gpr[gpr == 4 ? 0 : gpr] = in_value();
	switch (how >> 4 & 7) {
	case 0: qualification = 0 | QUAL_CR_CLTS << 4; break;
	case 1: qualification = 0 | QUAL_CR_IS_LMSW << 4 | in_n(2) << 16; break;
	case 2:
		if (proc() & PROC_CR8_STORE_EXITING) {
			qualification = 8 | QUAL_CR_READ << 4 | gpr << 8;
			break;
		}
		/* fallthrough */
	case 3:
		if (proc() & PROC_CR8_LOAD_EXITING) {
			qualification = 8 | gpr << 8;
			break;
		}
		/* fallthrough */
	case 4:
	case 5: qualification = 4 | gpr << 8; break;
	default: qualification = 0 | gpr << 8; break;
	}
	if (how & 0x80)
		regs->gpr[gpr == 4 ? 0 : gpr] =
			vtx_get(qualification & 4 ? VMCS_CR4_READ_SHADOW : VMCS_CR0_READ_SHADOW) ^
			1ull << in8() % 64;
	exit_insn(REASON_CR_ACCESS, qualification);
}

static void exit_msr(struct virt_regs *regs, uint32_t reason)
{
	/* clang-format off */
	static const uint32_t numbers[] = {
		MSR_EFER, MSR_APIC_BASE, MSR_TSC, MSR_TSC_ADJUST, MSR_PAT, MSR_STAR, MSR_LSTAR, MSR_KERNEL_GS_BASE,
		MSR_TSC_AUX, MSR_SPEC_CTRL, MSR_PRED_CMD, MSR_MISC_ENABLE, MSR_TSC_DEADLINE, MSR_XSS,
		MSR_MTRR_DEF_TYPE, MSR_DEBUGCTL, MSR_FS_BASE, MSR_SYSENTER_CS, MSR_UMWAIT_CONTROL,
		/* of an x2APIC: TPR, EOI, SVR, ICR, timer, its count and divider, self-IPI */
		0x808, 0x80b, 0x80f, 0x830, 0x832, 0x832, 0x838, 0x83e, 0x83f,
	};
	/* clang-format on */
	const uint8_t how = in8();
	const uint64_t value = in_value();

	regs->gpr[1] = how & 0x80   ? 0x800u + (how & 0x7fu)
		       : how & 0x40 ? (uint32_t)in_n(4)
				    : numbers[how % (sizeof(numbers) / sizeof(numbers[0]))];
	regs->gpr[0] = (uint32_t)value;
	regs->gpr[2] = value >> 32;
	exit_insn(reason, 0);
	vtx_put(VMCS_EXIT_INSTRUCTION_LENGTH, 2);
}

/* Of the local APIC, where the controls give it to the processor. */
static bool exit_apic(void)
{
	const uint8_t how = in8();
	uint64_t vector = in8();

	if ((how & 3) == 0 && (proc2() & PROC2_APIC_ACCESSES)) {
		static const uint8_t types[] = { 0, 1, 2, 15 };

		vtx_exit(REASON_APIC_ACCESS,
			 (in_n(2) & 0xfff) | (uint64_t)types[how >> 2 & 3] << 12);
		return true;
	}
	if ((how & 3) == 1 && (proc() & PROC_TPR_SHADOW) && !(proc2() & PROC2_INTERRUPT_DELIVERY)) {
		vtx_exit(REASON_TPR_BELOW_THRESHOLD, 0);
		return true;
	}
	if ((how & 3) == 2 && (proc2() & PROC2_APIC_REGISTERS)) {
		const uint64_t offset = in8() % 64 * 16u;

		memcpy((uint8_t *)virt_ptr(SPA(vtx_get(VMCS_VIRTUAL_APIC_ADDRESS))) + offset,
		       &(uint32_t) { (uint32_t)in_n(4) }, 4);
		vtx_exit(REASON_APIC_WRITE, offset);
		return true;
	}
	if (proc2() & PROC2_INTERRUPT_DELIVERY) {
		while (vector < 256 &&
		       !(vtx_get(0x201c + 2 * (uint32_t)(vector / 64)) >> vector % 64 & 1))
			vector++;
		if (vector < 256) {
			vtx_exit(REASON_VIRTUALIZED_EOI, vector);
			return true;
		}
	}
	return false;
}

static bool exit_window(uint32_t reason)
{
	const uint64_t shadow = vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	if (reason == REASON_NMI_WINDOW) {
		if (!(proc() & PROC_NMI_WINDOW) ||
		    (shadow & (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS)))
			return false;
	} else if (!(proc() & PROC_INTERRUPT_WINDOW) || (shadow & 3) ||
		   !(vtx_get(VMCS_GUEST_RFLAGS) & RFLAGS_IF)) {
		return false;
	}
	vtx_exit(reason, 0);
	return true;
}

/* False: this processor has no such exit now. */
static bool exit_by(uint32_t reason, struct virt_regs *regs)
{
	switch (reason) {
	case REASON_EXCEPTION_OR_NMI: exit_exception(false); return true;
	case REASON_EXTERNAL_INTERRUPT:
	case REASON_TRIPLE_FAULT: vtx_exit(reason, 0); return true;
	case REASON_INIT: return false; /* the root's next entry would reset the machine */
	case REASON_INTERRUPT_WINDOW:
	case REASON_NMI_WINDOW: return exit_window(reason);
	case REASON_TASK_SWITCH: vtx_exit(reason, in_n(4) & 0xc000ffff); return true;
	case REASON_RDTSC:
		if (!(proc() & PROC_RDTSC_EXITING))
			return false;
		break;
	case REASON_RDTSCP:
	case REASON_UMWAIT:
	case REASON_TPAUSE:
		if (!(proc() & PROC_RDTSC_EXITING) ||
		    !(proc2() &
		      (reason == REASON_RDTSCP ? PROC2_RDTSCP : PROC2_USER_WAIT_AND_PAUSE)))
			return false;
		break;
	case REASON_CR_ACCESS: exit_cr(regs); return true;
	case REASON_MOV_DR: exit_insn(reason, in_n(2) & 0xf17); return true;
	case REASON_IO: exit_io(regs); return true;
	case REASON_RDMSR:
	case REASON_WRMSR: exit_msr(regs, reason); return true;
	case REASON_PAUSE:
		if (!(proc2() & PROC2_PAUSE_LOOP_EXITING))
			return false;
		break;
	case REASON_TPR_BELOW_THRESHOLD:
	case REASON_APIC_ACCESS:
	case REASON_VIRTUALIZED_EOI:
	case REASON_APIC_WRITE: return exit_apic();
	case REASON_EPT_VIOLATION: return exit_ept(regs);
	case REASON_PREEMPTION_TIMER:
		if (!(vtx_get(VMCS_PIN_CONTROLS) & PIN_PREEMPTION_TIMER))
			return false;
		vtx.tsc += vtx_get(VMCS_PREEMPTION_TIMER_VALUE) << 5;
		vtx_put(VMCS_PREEMPTION_TIMER_VALUE, 0);
		vtx_exit(reason, 0);
		return true;
	case REASON_WBINVD:
		if (!(proc2() & PROC2_WBINVD_EXITING))
			return false;
		break;
	case REASON_ENCLS:
		if (!(proc2() & PROC2_ENCLS_EXITING))
			return false;
		break;
	case REASON_XSETBV:
		if (!(vtx_get(VMCS_GUEST_CR4) & CR4_OSXSAVE))
			return false;
		regs->gpr[1] = 0;
		regs->gpr[0] = in8();
		if (regs->gpr[0] & 8)
			regs->gpr[0] = ((const uint8_t[]) { 3, 7, 7, 0xe7 })[regs->gpr[0] >> 4 & 3];
		else
			regs->gpr[1] = in8() & 1;
		regs->gpr[2] = 0;
		break;
	case REASON_CPUID:
		regs->gpr[0] = in8() & 0x80 ? 0x80000000u + in8() : in8();
		regs->gpr[1] = in8() % 8;
		break;
	default: break;
	}
	exit_insn(reason, in_n(1));
	return true;
}

/*
 * SDM 3D "VMX Basic Exit Reasons", those that a child can have; some more than once, and two that are newer than all
 * tables. Those of SMM and of failed entries are not here, nor what the controls never ask for.
 */
/* clang-format off */
static const uint8_t reasons[] = {
	REASON_EXCEPTION_OR_NMI, REASON_EXCEPTION_OR_NMI, REASON_EXCEPTION_OR_NMI, REASON_EXTERNAL_INTERRUPT,
	REASON_TRIPLE_FAULT, REASON_INIT, REASON_INTERRUPT_WINDOW, REASON_NMI_WINDOW, REASON_TASK_SWITCH,
	REASON_CPUID, REASON_GETSEC, REASON_HLT, REASON_INVD, REASON_RDPMC, REASON_RDTSC, REASON_VMCALL,
	REASON_VMCLEAR, REASON_VMLAUNCH, REASON_VMPTRLD, REASON_VMPTRST, REASON_VMREAD, REASON_VMRESUME,
	REASON_VMWRITE, REASON_VMXOFF, REASON_VMXON, REASON_CR_ACCESS, REASON_CR_ACCESS, REASON_MOV_DR,
	REASON_IO, REASON_IO, REASON_RDMSR, REASON_WRMSR, REASON_WRMSR, REASON_MWAIT, REASON_MONITOR,
	REASON_PAUSE, REASON_TPR_BELOW_THRESHOLD, REASON_APIC_ACCESS, REASON_VIRTUALIZED_EOI,
	REASON_EPT_VIOLATION, REASON_EPT_VIOLATION, REASON_EPT_VIOLATION, REASON_EPT_VIOLATION, REASON_INVEPT,
	REASON_RDTSCP, REASON_PREEMPTION_TIMER, REASON_INVVPID, REASON_WBINVD, REASON_XSETBV,
	REASON_APIC_WRITE, REASON_ENCLS, REASON_UMWAIT, REASON_TPAUSE, REASON_SEAMCALL, REASON_TDCALL,
	REASON_RDMSR_IMMEDIATE, REASON_WRMSRNS_IMMEDIATE, 74, REASON_COUNT + 4,
};
/* clang-format on */

/*
 * SDM 3C "Saving Non-Register State": only these exits keep what was pending; the MOV SS shadow keeps it for all that
 * is no debug exception.
 */
static void save_pending_debug(void)
{
	const uint64_t reason = vtx_get(VMCS_EXIT_REASON);
	const uint64_t info = vtx_get(VMCS_EXIT_INTERRUPTION_INFO);
	const bool is_exception = reason == REASON_EXCEPTION_OR_NMI && (info & INTR_VALID);
	const bool is_debug = is_exception && (info & INTR_VECTOR) == EXC_DB;
	const bool is_mc = is_exception && (info & INTR_VECTOR) == EXC_MC;

	switch (reason) {
	case REASON_INIT:
	case REASON_TPR_BELOW_THRESHOLD:
	case REASON_VIRTUALIZED_EOI:
	case REASON_APIC_WRITE: return;
	default: break;
	}
	if (is_mc ||
	    (!is_debug && (vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_MOV_SS)))
		return;
	vtx_put(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	/* A step that was still to come behind STI has come by the time of any other exit. */
	if (!is_debug && (vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_STI) &&
	    is_stepping())
		vtx_put(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) &
				~(uint64_t)INTERRUPTIBILITY_STI);
}

/* The event of the entry: true if it has reached its handler; else the guest is out again. */
static bool deliver(struct virt_regs *regs, uint32_t info)
{
	const uint64_t code = vtx_get(VMCS_ENTRY_EXCEPTION_ERROR_CODE);
	const uint64_t length = vtx_get(VMCS_ENTRY_INSTRUCTION_LENGTH);
	const uint8_t how = in8();

	/* A processor blocks NMIs as it begins to deliver one. */
	if ((info & INTR_TYPE) >> INTR_TYPE_SHIFT == INTR_NMI)
		vtx_put(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) | INTERRUPTIBILITY_NMI);
	if (how < 0xa0) {
		vtx_put(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_NMI);
		vtx_put(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
		vtx_put(VMCS_GUEST_RFLAGS, vtx_get(VMCS_GUEST_RFLAGS) &
						   ~(uint64_t)(RFLAGS_TF | RFLAGS_IF | RFLAGS_RF));
		made_progress();
		return true;
	}
	switch (how & 3) {
	case 0:
		if (!exit_ept(regs))
			exit_exception(true);
		break;
	case 1: exit_exception(true); break;
	case 2: vtx_exit(REASON_TASK_SWITCH, 3u << 30 | in_n(2)); break;
	default: vtx_exit(REASON_TRIPLE_FAULT, 0); return false;
	}
	note_vectoring(info, code, length);
	return false;
}

static void run_guest(struct virt_regs *regs)
{
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	uint8_t n;

	if (again.n) {
		again.n--;
		in.at = again.at;
	} else if (in8() >= 0xf0) {
		again.n = 8u * in8();
		again.at = in.at;
	}
	if ((info & INTR_VALID) && !deliver(regs, info)) {
		save_pending_debug();
		return;
	}
	n = in8() % 4;
	for (uint8_t i = 0; i < n; i++)
		mutate_state(regs, false);
	if (n)
		made_progress();
	if (!exit_by(reasons[in8() % sizeof(reasons)], regs)) {
		if (in_is_over())
			vtx_exit(REASON_EXTERNAL_INTERRUPT, 0);
		else
			(void)exit_by(REASON_HLT, regs);
	}
	save_pending_debug();
}

void child_guest(struct virt_regs *regs)
{
	running->is_tainted = false;
	check_sight();
	/* The hypervisor has completed the instruction that exited. */
	if (vtx_get(VMCS_GUEST_RIP) != rip_at_exit)
		made_progress();
	run_guest(regs);
	rip_at_exit = vtx_get(VMCS_GUEST_RIP);
}
