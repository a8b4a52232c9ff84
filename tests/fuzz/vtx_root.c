/* SPDX-License-Identifier: MIT */
/*
 * The root as a guest: its entries and exits, where the delivery of events and the walks of its page tables are played to the
 * end, as what they touch may be hidden memory. What it calls is vtx_client.c's.
 */
#include "tests/fuzz/vtx_fuzz.h"

#include "hv/hv.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/rflags.h"

static void *at(uint64_t spa)
{
	return virt_ptr(SPA(spa));
}

/* ---- Exits of the root but calls --------------------------------------------------------- */

static uint64_t hidden_address(void)
{
	const uint8_t how = in8();

	return (how & 1 ? BLOCK_BASE : LEND_POOL) + ((uint64_t)(how >> 1) << 12) + in8();
}

void root_exit(uint32_t reason, uint64_t qualification, uint64_t length)
{
	vtx_exit(reason, qualification);
	vtx_put(VMCS_EXIT_INSTRUCTION_LENGTH, length);
}

/* An access that nested tables refuse; false: they do not. */
static bool touch(uint64_t gpa, unsigned int access, uint64_t kind, uint32_t info, uint64_t code)
{
	uint64_t spa;

	if (vtx_translate(vtx_get(VMCS_EPT_POINTER), gpa, access, &spa))
		return false;
	vtx_exit(REASON_EPT_VIOLATION, access | kind);
	vtx_put(VMCS_GUEST_PHYSICAL_ADDRESS, gpa);
	vtx_put(VMCS_GUEST_LINEAR_ADDRESS, gpa);
	if (info & INTR_VALID) {
		vtx_put(VMCS_IDT_VECTORING_INFO, info);
		if (info & INTR_ERROR_CODE)
			vtx_put(VMCS_IDT_VECTORING_ERROR_CODE, code);
	}
	return true;
}

#define DATA (QUAL_EPT_GVA_VALID | QUAL_EPT_IS_FINAL)
#define WALK QUAL_EPT_GVA_VALID

/* The access comes from an instruction that the input gives, with operands there. */
static bool access_hidden(struct virt_regs *regs)
{
	static const uint8_t opcodes[][4] = {
		{ 0x6c },
		{ 0xf3, 0x6c },
		{ 0xaa },
		{ 0xf3, 0xab },
		{ 0x88, 0x07 },
		{ 0xa4 },
		{ 0x0f, 0xc1, 0x07 },
		{ 0xf0, 0x0f, 0xc7, 0x0f },
		{ 0x0f, 0x11, 0x07 },
		{ 0xff, 0x07 },
		{ 0x6e },
		{ 0xf3, 0x6e },
		{ 0x8f, 0x07 },
		{ 0xd9, 0x17 },
		{ 0xdd, 0x37 },
		{ 0x66, 0x6d },
	};
	static const uint8_t kinds[] = { 1, 2, 2, 2, 3, 4, 1, 2 };
	const uint64_t gpa = hidden_address();
	const uint8_t how = in8();
	uint8_t *const code = at(ROOT_CODE);

	for (unsigned int i = 0; i < 15; i++)
		code[i] = how & 0x80 ? in8() : i < 4 ? opcodes[how % 16][i] : 0x90;
	vtx_put(VMCS_GUEST_RIP, ROOT_CODE);
	regs->gpr[1] = how & 1 ? 1 : in_n(1);
	regs->gpr[6] = regs->gpr[7] = regs->gpr[5] = gpa;
	return touch(gpa, kinds[how >> 4 & 7], DATA, 0, 0);
}

static void exit_msr(struct virt_regs *regs, bool is_write)
{
	const uint8_t how = in8();
	const uint64_t value = in_value();

	regs->gpr[1] = how < 0xc0 ? vtx.msr[how % vtx.n_msrs].number : in_n(4);
	if (how >= 0xe0)
		regs->gpr[1] = 0xc0000000u | (regs->gpr[1] & 0x1fff);
	regs->gpr[0] = (uint32_t)value;
	regs->gpr[2] = value >> 32;
	/* What does not exit the processor does itself. */
	const uint32_t number = (uint32_t)regs->gpr[1];
	const bool is_low = number < 0x2000, is_high = number - 0xc0000000u < 0x2000;
	const uint8_t *const bitmap = (uint8_t *)at(vtx_get(VMCS_MSR_BITMAPS)) +
				      (is_high ? 1024 : 0) + (is_write ? 2048 : 0);
	struct vtx_msr *const msr = vtx_msr(number);
	const bool exits =
		(!is_low && !is_high) || (bitmap[(number & 0x1fff) / 8] >> number % 8 & 1);

	if (!exits && is_write && msr && number != MSR_TSC && number != MSR_EFER &&
	    vtx_msr_is_legal(msr, value)) {
		const uint64_t before = msr->value;

		msr->value = value;
		vtx_put(VMCS_GUEST_DEBUGCTL, vtx_msr(MSR_DEBUGCTL)->value);
		if (vtx_check_guest())
			msr->value = before;
	}
	root_exit(exits ? is_write ? REASON_WRMSR : REASON_RDMSR : REASON_CPUID, 0, 2);
}

static void exit_cr(struct virt_regs *regs)
{
	const uint8_t how = in8();

	regs->gpr[0] = in_value();
	switch (how & 3) {
	case 0: root_exit(REASON_CR_ACCESS, 0, 3); break;
	case 1: root_exit(REASON_CR_ACCESS, 4, 3); break;
	case 2:
		regs->gpr[0] = vtx_get(VMCS_GUEST_CR4) ^ 1ull << how % 32;
		root_exit(REASON_CR_ACCESS, 4, 3);
		break;
	default:
		regs->gpr[0] = vtx_get(VMCS_GUEST_CR0) ^ 1ull << how % 32;
		root_exit(REASON_CR_ACCESS, 0, 3);
		break;
	}
}

/* False: what was to exit does not, or the input asks for none. */
static bool exit_bare(struct virt_regs *regs)
{
	switch (in8() % 16) {
	case 0:
		regs->gpr[0] = in8() & 1 ? in_n(1) : in_n(4);
		regs->gpr[1] = in8();
		root_exit(REASON_CPUID, 0, 2);
		return true;
	case 1: exit_msr(regs, false); return true;
	case 2:
	case 3: exit_msr(regs, true); return true;
	case 4:
		if (!(vtx_get(VMCS_GUEST_CR4) & CR4_OSXSAVE))
			return false;
		regs->gpr[0] = in8();
		if (regs->gpr[0] & 8)
			regs->gpr[0] = regs->gpr[0] & 16 ? 7 : 0xe7;
		regs->gpr[1] = regs->gpr[2] = 0;
		root_exit(REASON_XSETBV, 0, 3);
		return true;
	case 5: root_exit(REASON_INVD, 0, 2); return true;
	case 6: exit_cr(regs); return true;
	case 7: root_exit(REASON_VMXON - in8() % 9, 0, 3); break;
	case 8: root_exit(REASON_TASK_SWITCH, in_n(2), 2); break;
	case 9: root_exit(in8() & 1 ? REASON_GETSEC : REASON_INVEPT, 0, 3); break;
	case 10:
		vtx.percpu->pending |= PENDING_NMI;
		root_exit(REASON_CPUID, 0, 2);
		return true;
	case 11: root_exit(78u + in8() % 4, 0, 4); return true;
	default: return access_hidden(regs);
	}
	if (vtx_get(VMCS_EXIT_REASON) == REASON_VMCALL)
		root_exit(REASON_CPUID, 0, 2);
	return true;
}

/* ---- The root as a guest ----------------------------------------------------------------- */

/* The sticky things: page tables, descriptor tables, a stack where the hypervisor's memory is. */
void root_change(struct virt_regs *regs)
{
	const uint8_t how = in8();

	switch (how % 8) {
	case 0: vtx_put(VMCS_GUEST_CR3, hidden_address() & ~0xfffull); break;
	case 1:
		vtx_put(VMCS_GUEST_RSP, hidden_address() & ~0xfull);
		regs->gpr[4] = vtx_get(VMCS_GUEST_RSP);
		break;
	case 2: vtx_put(VMCS_GUEST_IDTR_BASE, hidden_address() & ~0xfull); break;
	case 3:
		if (vtx.xcr0 & XCR0_AVX)
			memset(vtx.extended, 0xa5, 256), vtx.in_use |= XCR0_AVX;
		break;
	default: mutate_state(regs, true); break;
	}
}

static bool is_ones(uint64_t gpa, unsigned int n)
{
	uint64_t spa;

	if (!vtx_translate(vtx_get(VMCS_EPT_POINTER), gpa, 1, &spa))
		return false;
	/* Nothing answers behind the end of memory. */
	for (unsigned int i = 0; i < n && spa + i < RAM_BYTES; i++)
		if (*(uint8_t *)at(spa + i) != 0xff)
			return false;
	return true;
}

static bool walks_ones(void)
{
	return is_ones(vtx_get(VMCS_GUEST_CR3) & ~0xfffull, 8);
}

#define FAULT(vector) \
	(INTR_VALID | INTR_HARD_EXCEPTION << INTR_TYPE_SHIFT | INTR_ERROR_CODE | (vector))

static unsigned int class_of(uint32_t info)
{
	const unsigned int vector = info & INTR_VECTOR;

	if ((info & INTR_TYPE) >> INTR_TYPE_SHIFT != INTR_HARD_EXCEPTION)
		return 0;
	if (vector == EXC_PF)
		return 2;
	return vector == EXC_DF ? 3 : vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

/*
 * Deliver an event in the root: walk, gate, stack. True: the handler runs. False: the guest is out, with the exit
 * written.
 */
static bool deliver(uint32_t info, uint64_t code)
{
	for (;;) {
		uint64_t gate = vtx_get(VMCS_GUEST_IDTR_BASE) + 16 * (info & INTR_VECTOR);
		uint32_t fault;

		gate &= 0xffffffffff;
		if (touch(vtx_get(VMCS_GUEST_CR3) & ~0xfffull, 1, WALK, info, code))
			return false;
		if (walks_ones())
			fault = FAULT(EXC_PF);
		else if (touch(gate, 1, DATA, info, code))
			return false;
		else if (is_ones(gate, 16))
			fault = FAULT(EXC_GP);
		else
			return !touch((vtx_get(VMCS_GUEST_RSP) - 8) & 0xffffffffff, 2, DATA, info,
				      code);
		if (class_of(info) == 3) {
			vtx_exit(REASON_TRIPLE_FAULT, 0);
			return false;
		}
		if ((class_of(info) == 1 && class_of(fault) == 1) || class_of(info) == 2)
			fault = FAULT(EXC_DF);
		info = fault;
		code = 0;
	}
}

/* The event of the entry, or what the next instruction meets; true: the root goes on. */
static bool goes_on(void)
{
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);

	if (info & INTR_VALID) {
		if (!deliver(info, vtx_get(VMCS_ENTRY_EXCEPTION_ERROR_CODE)))
			return false;
		vtx_put(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			(vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_NMI));
		vtx_put(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
		vtx_put(VMCS_GUEST_RFLAGS, vtx_get(VMCS_GUEST_RFLAGS) &
						   ~(uint64_t)(RFLAGS_TF | RFLAGS_RF | RFLAGS_IF));
	}
	if ((vtx_get(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW) &&
	    !(vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) &
	      (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS))) {
		vtx_exit(REASON_NMI_WINDOW, 0);
		return false;
	}
	if (touch(vtx_get(VMCS_GUEST_CR3) & ~0xfffull, 1, WALK, 0, 0))
		return false;
	if (walks_ones() && !deliver(FAULT(EXC_PF), 0))
		return false;
	made_progress();
	return true;
}

#define MAX_ENTRIES 20000u

static unsigned int n_plans;

void root_guest(struct virt_regs *regs)
{
	same_check(regs);
	client_return(regs);
	running = NULL;
	if (goes_on()) {
		bool is_out = false;

		/* What changes no memory ends some time. */
		while (!client_has_call() && !is_out) {
			if (in_is_over() || n_plans++ > MAX_ENTRIES)
				client_finish();
			else if (in.data[in.at] % 32 >= 29)
				in.at++, is_out = exit_bare(regs);
			else
				client_plan(regs);
		}
		if (!is_out)
			client_call(regs);
	}
	same_note(regs);
}

void root_start(void)
{
	n_plans = 0;
}
