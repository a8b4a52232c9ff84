/* SPDX-License-Identifier: MIT */
/* hv/vp/vp.c: reset, INIT and SIPI, and WHvResetPartition. */
#include "tests/unit/machine.h"
#include "x86/gpr.h"
#include "x86/rflags.h"
#include "hv/vp/vp.h"

static uint64_t handle;
static struct whit_vp_page *pages[2];

static void reset_machine(void)
{
	machine(256 * MIB);
	handle = set_up(48, 2);
	for (uint64_t i = 0; i < 2; i++) {
		const uint64_t page = test_pages(1);

		pages[i] = at(page);
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, page), S_OK);
	}
}

/* Everything that a guest and a client leave behind. */
static void use(struct vp *vp)
{
	struct virt_regs *regs = virt_regs(vp->virt);

	for (unsigned int i = 0; i < 16; i++)
		regs->gpr[i] = 0x100 + i;
	regs->rip = 0x1234;
	regs->rflags = RFLAGS_ONE | RFLAGS_IF;
	vp->cr8 = 7;
	vp->apic_base = 0xfee00000;
	vp->misc_enable = 0;
	virt_set(vp->virt, VIRT_SPEC_CTRL, 5);
	virt_set(vp->virt, VIRT_DEBUGCTL, 2);
	vp->tsc_adjust = 99;
	vp->mtrr.def_type = 0xc06;
	vp->mtrr.base[3] = 1;
	vp->mtrr.fixed[10] = 6;
	vp->deliverability = 3;
	vp->pending = (struct virt_event) { .type = VIRT_EVENT_INTERRUPT, .vector = 0x33 };
	vp->pending_is_injected = true;
	virt_inject(vp->virt, &vp->pending);
	vp->waiting = vp->pending;
	vp->has_waiting = true;
	vp->ext_int = 0x120;
	vp->nmi_requested = true;
	vp->activity = ACTIVITY_HALT;
	vp->device.stage = DEVICE_WAITS_INSN;
	vp->device.n_posted = 2;
}

static void check_common(struct vp *vp)
{
	const struct virt_regs *regs = virt_regs(vp->virt);

	for (unsigned int i = 0; i < 16; i++)
		REQUIRE_EQ(regs->gpr[i], i == X86_RDX ? 0x506e3 : 0);
	REQUIRE_EQ(regs->rip, 0xfff0);
	REQUIRE_EQ(regs->rflags, RFLAGS_ONE);
	REQUIRE_EQ(vp->cr8, 0);
	REQUIRE_EQ(vp->pending.type, VIRT_EVENT_NONE);
	REQUIRE(!vp->pending_is_injected);
	REQUIRE_EQ(vp->virt->injected.type, VIRT_EVENT_NONE);
	REQUIRE_EQ(vp->waiting.type, VIRT_EVENT_NONE);
	REQUIRE(!vp->has_waiting);
	REQUIRE_EQ(vp->ext_int, 0);
	REQUIRE(!vp->nmi_requested && !vp->wants_window);
	REQUIRE_EQ(vp->activity, 0);
	REQUIRE(!vp->device.stage && !vp->device.n_posted);
}

static void reset_is_as_after_creation(void)
{
	struct vp *vp;
	uint64_t offset;

	reset_machine();
	vp = vp_of(handle, 0);
	offset = virt_get(vp->virt, VIRT_TSC_OFFSET) + 12345;
	use(vp);
	virt_set(vp->virt, VIRT_TSC_OFFSET, offset);
	vp_reset(vp, false);
	check_common(vp);
	REQUIRE_EQ(vp->virt->segment[SEG_CS].base, 0xf0000); /* as WHP has it */
	REQUIRE_EQ(vp->apic_base, 0xfee00900);
	REQUIRE_EQ(vp->misc_enable & 1, 1);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_SPEC_CTRL), 0);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_DEBUGCTL), 0);
	REQUIRE_EQ(vp->tsc_adjust, 0);
	REQUIRE_EQ(vp->mtrr.def_type | vp->mtrr.base[3] | vp->mtrr.fixed[10], 0);
	REQUIRE_EQ(vp->deliverability, 0);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset); /* the TSC goes on */
	delete_all(handle);
	check_clean();
}

/* SDM 3A "Processor State After Power-up, Reset, or INIT" */
static void init_keeps_what_the_manual_says(void)
{
	struct vp *vp;

	reset_machine();
	vp = vp_of(handle, 1);
	use(vp);
	vp_reset(vp, true);
	check_common(vp);
	REQUIRE_EQ(vp->virt->segment[SEG_CS].base, 0xffff0000u); /* as the architecture has it */
	REQUIRE_EQ(vp->apic_base, 0xfee00000);
	REQUIRE_EQ(vp->misc_enable, 0);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_SPEC_CTRL), 5);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_DEBUGCTL), 2);
	REQUIRE_EQ(vp->tsc_adjust, 99);
	REQUIRE_EQ(vp->mtrr.def_type, 0xc06);
	REQUIRE_EQ(vp->mtrr.fixed[10], 6);
	REQUIRE_EQ(vp->deliverability, 3); /* the client's, not the guest's */
	delete_all(handle);
	check_clean();
}

static void sipi_starts_who_waits(void)
{
	struct vp *vp;

	reset_machine();
	vp = vp_of(handle, 1);
	vp_start(vp, 0x9f); /* it does not wait: nothing */
	REQUIRE_EQ(virt_regs(vp->virt)->rip, 0xfff0);
	vp_reset(vp, true);
	vp_wait_for_sipi(vp);
	REQUIRE_EQ(vp->activity, ACTIVITY_STARTUP);
	vp_start(vp, 0x9f);
	REQUIRE_EQ(vp->activity, 0);
	REQUIRE_EQ(virt_regs(vp->virt)->rip, 0);
	REQUIRE_EQ(vp->virt->segment[SEG_CS].selector, 0x9f00);
	REQUIRE_EQ(vp->virt->segment[SEG_CS].base, 0x9f000);
	REQUIRE_EQ(vp->virt->segment[SEG_CS].limit, 0xffff);
	vp_start(vp, 0x10); /* the second SIPI of an INIT-SIPI-SIPI */
	REQUIRE_EQ(vp->virt->segment[SEG_CS].base, 0x9f000);
	delete_all(handle);
	check_clean();
}

static void partition_reset(void)
{
	const uint64_t ram = 64 * MIB;
	uint64_t offset;

	reset_machine();
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, ram, 0, 2 * MIB, 7), S_OK);
	for (uint32_t i = 0; i < 2; i++) {
		use(vp_of(handle, i));
		pages[i]->gpr[0] = 0xdead;
		pages[i]->dirty = 1;
		pages[i]->device_answered = 1;
		vp_of(handle, i)->cancel = 1;
	}
	offset = virt_get(vp_of(handle, 0)->virt, VIRT_TSC_OFFSET);
	REQUIRE_EQ(CALL(WHIT_CALL_RESET_PARTITION, handle), S_OK);
	for (uint32_t i = 0; i < 2; i++) {
		check_common(vp_of(handle, i));
		REQUIRE_EQ(vp_of(handle, i)->apic_base, i ? 0xfee00800 : 0xfee00900);
		REQUIRE_EQ(vp_of(handle, i)->cancel, 1);
		REQUIRE_EQ(pages[i]->dirty | pages[i]->device_answered, 0);
		REQUIRE_EQ(pages[i]->gpr[0], 0);
		REQUIRE_EQ(pages[i]->rip, 0xfff0);
		REQUIRE_EQ(pages[i]->error_register, ~0u);
	}
	/* Memory stays, and time stands still. */
	REQUIRE_EQ(virt_space_lookup(&partition_of(handle)->space, GPA(0)).rights, 7);
	REQUIRE(partition_of(handle)->time_stopped);
	REQUIRE_EQ(virt_get(vp_of(handle, 0)->virt, VIRT_TSC_OFFSET), offset);
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	REQUIRE(virt_get(vp_of(handle, 0)->virt, VIRT_TSC_OFFSET) < offset);
	delete_all(handle);
	check_clean();
}

/* Many VPs are reset in parts; a Run in between ends the suspension, and nothing else. */
static void long_resets_are_cut(void)
{
	const uint32_t n_vps = 100;
	unsigned int n_calls = 0;
	uint64_t next = 0;
	uint32_t result;

	machine(256 * MIB);
	handle = set_up(1024, n_vps);
	for (uint64_t i = 0; i < n_vps; i++)
		if (i != 7 && i != 50)
			REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, test_pages(1)), S_OK);
	for (uint32_t i = 0; i < n_vps; i++)
		if (i != 7 && i != 50)
			use(vp_of(handle, i));
	REQUIRE_EQ(CALL(WHIT_CALL_RESET_PARTITION, handle, n_vps), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_RESET_PARTITION, handle, ~0ull), E_INVALIDARG);
	REQUIRE(!partition_of(handle)->time_stopped);
	do {
		const uint64_t from = next;

		result = CALL(WHIT_CALL_RESET_PARTITION, handle, next);
		next = out_rdx;
		n_calls++;
		REQUIRE(partition_of(handle)->time_stopped);
		if (result == WHIT_S_MORE)
			REQUIRE(next > from && next - from <= 34);
	} while (result == WHIT_S_MORE);
	REQUIRE_EQ(result, S_OK);
	REQUIRE_EQ(n_calls, 4);
	for (uint32_t i = 0; i < n_vps; i++)
		if (i != 7 && i != 50)
			check_common(vp_of(handle, i));
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(reset_is_as_after_creation), TEST(init_keeps_what_the_manual_says),
		TEST(sipi_starts_who_waits),	  TEST(partition_reset),
		TEST(long_resets_are_cut),
	};

	return RUN(tests);
}
