/* SPDX-License-Identifier: MIT */
/* Instructions on the page of the local APIC (hv/emulate/device.c): done inside, whatever they are and whoever emulates memory. */
#include "tests/unit/guest_device.h"

#include "hv/apic/page.h"
#include "whp/WinHvEvents.h"
#include "x86/apic.h"
#include "x86/cr.h"

static struct apic *apic;

/* A VP with an APIC, in 32-bit code or 64-bit code. */
static void apic_new(bool is_long)
{
	static const struct x86_segment code = { .limit = ~0u, .attributes = 0xa09b };

	guest_new_with(0, WHvX64LocalApicEmulationModeXApic);
	apic = &guest_vp->apic;
	apic_write(guest_vp, APIC_PAGE + 16 * APIC_SVR, 4, 0x1ff);
	apic->mmio = 0;
	if (!is_long)
		return;
	virt_set_segment(guest_vp->virt, SEG_CS, &code);
	virt_set(guest_vp->virt, VIRT_EFER, EFER_LME | EFER_LMA);
}

/* An exit for the page; `has_gva`: by a violation, or else by the processor's own exit for it. */
static enum device_outcome at_apic(unsigned int n, bool is_write, bool has_gva)
{
	struct virt_exit exit = memory_exit(APIC_PAGE + 16 * n, is_write);

	exit.memory.gva_valid = has_gva;
	if (!has_gva)
		exit.memory.gva.a = 0;
	return device_memory(guest_vp, &exit);
}

static void moves_are_done_at_once(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		apic_new(i & 1);
		/* mov [edi], eax; mov ecx, [edi] */
		CODE(0x89, 0x07, 0x8b, 0x0f);
		guest_regs()->gpr[0] = 0x1234abcd;
		guest_regs()->gpr[7] = APIC_PAGE + 16 * APIC_INITIAL_COUNT;
		CHECK_EQ(at_apic(APIC_INITIAL_COUNT, true, i & 2), DEVICE_RESUME);
		CHECK_EQ(guest_regs()->rip, 0x1002);
		CHECK_EQ(apic_get(apic, APIC_INITIAL_COUNT), 0x1234abcd);
		CHECK_EQ(at_apic(APIC_INITIAL_COUNT, false, i & 2), DEVICE_RESUME);
		CHECK_EQ(guest_regs()->gpr[1], 0x1234abcd);
		CHECK_EQ(guest_regs()->rip, 0x1004);
		CHECK(device_is_idle(guest_vp));
		CHECK_EQ(apic->mmio, 2);
	}
}

static void any_instruction_will_do(void)
{
	apic_new(false);
	/* or dword [edi], 30h; xchg [edi], eax; push dword [edi]; movzx ecx, byte [edi] */
	CODE(0x83, 0x0f, 0x30, 0x87, 0x07, 0xff, 0x37, 0x0f, 0xb6, 0x0f);
	guest_regs()->gpr[7] = APIC_PAGE + 16 * APIC_TPR;
	guest_regs()->gpr[4] = 0x5000;
	guest_regs()->gpr[0] = 0x77;
	apic_put(apic, APIC_TPR, 0x05);
	CHECK_EQ(at_apic(APIC_TPR, true, false), DEVICE_RESUME);
	CHECK_EQ(apic_get(apic, APIC_TPR), 0x35);
	CHECK_EQ(at_apic(APIC_TPR, true, true), DEVICE_RESUME);
	CHECK_EQ(apic_get(apic, APIC_TPR), 0x77);
	CHECK_EQ(guest_regs()->gpr[0], 0x35);
	CHECK_EQ(at_apic(APIC_TPR, false, false), DEVICE_RESUME);
	CHECK_EQ(guest_memory[4][0xffc], 0x77);
	CHECK_EQ(at_apic(APIC_TPR, false, true), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[1], 0x77);
	CHECK_EQ(guest_regs()->rip, 0x100a);
	CHECK(device_is_idle(guest_vp));
}

static void a_rep_gives_the_guest_its_turns(void)
{
	apic_new(false);
	/* rep stosd, over four registers and far beyond */
	CODE(0xf3, 0xab);
	guest_regs()->gpr[7] = APIC_PAGE + 16 * APIC_TPR;
	guest_regs()->gpr[1] = 1000;
	guest_regs()->gpr[0] = 0x50;
	CHECK_EQ(at_apic(APIC_TPR, true, false), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->gpr[1], 1000 - WHIT_DEVICE_BYTES / 4);
	CHECK_EQ(guest_regs()->rip, 0x1000);
	CHECK_EQ(apic_get(apic, APIC_TPR), 0x50);
	CHECK(device_is_idle(guest_vp));
}

static void what_is_no_data_access_is_not_for_the_apic(void)
{
	struct virt_exit exit = memory_exit(APIC_PAGE, false);

	apic_new(false);
	CODE(0x8b, 0x0f);
	exit.memory.is_fetch = true;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	exit.memory.is_fetch = false;
	exit.memory.is_walk = true;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	exit.memory.is_walk = false;
	exit.interrupted.type = VIRT_EVENT_INTERRUPT;
	CHECK_EQ(device_memory(guest_vp, &exit), DEVICE_PLAIN);
	CHECK_EQ(apic->mmio, 0);
}

static void a_root_that_emulates_nothing_hears_of_no_device(void)
{
	apic_new(false);
	/* movsd from memory that is not mapped, to the page */
	CODE(0xa5);
	guest_regs()->gpr[6] = DEVICE;
	guest_regs()->gpr[7] = APIC_PAGE + 16 * APIC_TPR;
	CHECK_EQ(at_apic(APIC_TPR, true, true), DEVICE_PLAIN);
	CHECK(device_is_idle(guest_vp));
	/* One that does is asked for the first, and the second is done when it has answered. */
	guest_partition->properties.emulation = WHIT_EMULATE_MEMORY;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE, 4, 1);
	CHECK_EQ(apic_get(apic, APIC_TPR), 0);
	answer_number(0x63, 4);
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(apic_get(apic, APIC_TPR), 0x63);
	CHECK_EQ(guest_regs()->rip, 0x1001);
}

static void a_trap_is_there_when_the_instruction_is_over(void)
{
	apic_new(false);
	CODE(0x89, 0x07);
	apic_put(apic, APIC_ISR + 2, 1);
	apic_put(apic, APIC_TMR + 2, 1);
	guest_regs()->gpr[7] = APIC_PAGE + 16 * APIC_EOI;
	CHECK_EQ(at_apic(APIC_EOI, true, false), DEVICE_RESUME);
	CHECK_EQ(guest_regs()->rip, 0x1002);
	CHECK_EQ(apic->trap.reason, 9);
	CHECK_EQ(apic->trap.detail, 0x40);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(moves_are_done_at_once),
		TEST(any_instruction_will_do),
		TEST(a_rep_gives_the_guest_its_turns),
		TEST(what_is_no_data_access_is_not_for_the_apic),
		TEST(a_root_that_emulates_nothing_hears_of_no_device),
		TEST(a_trap_is_there_when_the_instruction_is_over),
	};

	return RUN(tests);
}
